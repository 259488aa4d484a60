"""Splits whose workers died more than once run alone, and are bisected down to the record that kills: nothing else is under way meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ray
from ray import exceptions as ray_errors

from pipelines.build import BuildError
from pipelines.cluster.pools import CRASHES, LOST, cause_of
from pipelines.cluster.tasks import probe_remote
from pipelines.feed import NodeTrouble
from pipelines.logs import RECORD_CONDEMNED, Event
from pipelines.run import SplitResult

if TYPE_CHECKING:
    from pipelines.cluster.flights import Flights

MAX_LOST_ALONE = 5  # times that a split runs alone and its node is lost


def run_alone(flights: Flights, split: Any) -> SplitResult:
    """Runs one split with nothing beside it; if it kills its worker again, bisects it down to the poisonous records. Raises BuildError."""
    return _Suspect(flights, split).run()


class _Suspect:
    def __init__(self, flights: Flights, split: Any) -> None:
        self.flights, self.split = flights, split
        self.named = f"{split.path} [{split.start}:{split.stop}]"
        self.condemned: frozenset[int] = frozenset()
        self.num_lost = 0

    def run(self) -> SplitResult:
        while True:
            self.flights.capacity.settle()
            try:
                (result,) = self._alone(self.flights.start([self.split], self.condemned).ref)
                return result  # type: ignore[no-any-return]
            except (ray_errors.RayError, *CRASHES, NodeTrouble) as error:
                if self._is_no_crash(error):
                    continue
            found = self._find_poison()
            if found is None:
                raise BuildError(f"split {self.named} kills its worker, but no single record of it does; is memory too small?")
            self.flights.note(
                Event(
                    f"row {found} of {self.named} kills its worker; it is refused as crashed_worker", RECORD_CONDEMNED, split=self.split.id
                )
            )
            self.condemned |= {found}

    def _alone(self, ref: Any) -> Any:
        """What a task gives that runs with nothing beside it."""
        capacity = self.flights.capacity
        while not ray.wait([ref], timeout=capacity.patience.tick_s)[0]:
            capacity.tick(1, 0)
        self.flights.flying.pop(ref, None)
        return ray.get(ref)

    def _is_no_crash(self, error: BaseException) -> bool:
        """Whether it was the machine: then the split is tried again. Raises what is no crash at all, and BuildError where nodes are lost again and again."""
        cause = cause_of(error)
        if isinstance(cause, NodeTrouble):
            self.flights.blame(cause, [self.split])
            return True
        if not isinstance(cause, CRASHES):
            raise cause from error
        if isinstance(cause, LOST):
            self.num_lost += 1
            if self.num_lost >= MAX_LOST_ALONE:
                raise BuildError(
                    f"{self.named} lost its node {self.num_lost} times while it ran alone; is the memory of the nodes too small for it?"
                ) from error
        return isinstance(cause, LOST)

    def _probe(self, span: tuple[int, int]) -> int | None:
        """Rows seen in the span, or None when it killed its worker."""
        flights = self.flights
        while True:
            flights.capacity.settle()
            task = probe_remote.options(**flights.options([self.split]))
            callers = flights.capacity.callers(1)
            try:
                return int(
                    self._alone(task.remote(flights.recipe_ref, self.split, callers, span, self.condemned, flights.replies, flights.replay))
                )
            except (ray_errors.RayError, *CRASHES, NodeTrouble) as error:
                if not self._is_no_crash(error):
                    return None

    def _find_poison(self) -> int | None:
        """The first row, not yet condemned, that kills a worker when it runs alone; found by halving."""
        stack = [(0, self.split.num_rows if self.split.num_rows >= 0 else self._count_rows())]
        while stack:
            start, stop = stack.pop()
            if start >= stop or all(row in self.condemned for row in range(start, stop)):
                continue
            if self._probe((start, stop)) is not None:
                continue
            if stop - start == 1:
                return start
            middle = (start + stop) // 2
            stack += [(middle, stop), (start, middle)]
        return None

    def _count_rows(self) -> int:
        """An upper bound of the rows of a split whose length is not known before reading: doubled until a probe sees none."""
        bound = 1
        while (seen := self._probe((bound, 2 * bound))) is None or seen > 0:
            bound *= 2
        return bound
