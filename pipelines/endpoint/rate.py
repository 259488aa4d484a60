"""When to send: how many requests may be under way, and how long to wait after a failure.

Additive increase, multiplicative decrease, as in TCP (Chiu and Jain 1989): an answer raises the number that may be under way by one
a round, a server that is overloaded halves it, once for all requests that were under way together.
"""

from __future__ import annotations

import asyncio
import email.utils
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.identity import keyed_uniform

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0  # of our own; a server may ask for more


def wait_s(key: str, failures: int) -> float:
    """Seconds before the next try of a request that failed `failures` times: doubled each time, spread by a keyed number.

    Between a half and the whole of the doubled wait: requests that failed together do not come back together, and the
    same request waits the same time in every run.
    """
    whole = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (failures - 1))
    return whole * (0.5 + 0.5 * keyed_uniform(0, "endpoint wait", f"{key} {failures}"))


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds that a server asks to wait (`retry-after-ms`, `Retry-After` in seconds or as a date), None where it asks for none.

    Units: `now` is Unix time in seconds.
    """
    for name, unit in (("retry-after-ms", 1_000.0), ("retry-after", 1.0)):
        said = headers.get(name, "").strip()
        if not said:
            continue
        try:
            seconds = float(said) / unit
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(said).timestamp() - now
            except (ValueError, OverflowError):
                continue  # neither a number nor a date: as if the server had not said it
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None


@dataclass
class Lanes:
    """How many requests may be under way: between 1 and `most`, by what the server bears; none before `not_before`.

    Units: `not_before` and `now` are seconds of the event loop's clock.
    """

    most: int
    limit: float = field(init=False)
    under_way: int = field(default=0, init=False)
    round: int = field(default=0, init=False)  # rises with each decrease: requests of an earlier round do not decrease again
    not_before: float = field(default=0.0, init=False)
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque, init=False)

    def __post_init__(self) -> None:
        self.limit = float(self.most)

    async def enter(self) -> int:
        """Waits for a free lane; gives the round in which the request starts."""
        loop = asyncio.get_running_loop()
        while True:
            pause = self.not_before - loop.time()
            if pause > 0:
                await asyncio.sleep(pause)
            elif self.under_way >= int(self.limit):
                free = loop.create_future()
                self._waiting.append(free)
                try:
                    await free
                except asyncio.CancelledError:
                    self._wake()  # it may have been this one's turn
                    raise
            else:
                self.under_way += 1
                return self.round

    def leave(self) -> None:
        self.under_way -= 1
        self._wake()

    def _wake(self) -> None:
        """Tells as many of those who wait as there are free lanes, the first first; of thousands that wait, the others sleep on."""
        free = int(self.limit) - self.under_way
        while free > 0 and self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                free -= 1

    def answered(self) -> None:
        """One more lane a round of answers."""
        self.limit = min(float(self.most), self.limit + 1.0 / self.limit)
        self._wake()

    def overloaded(self, began_in: int, pause_s: float) -> None:
        """Half the lanes, unless a request of the same round has halved them already; nothing is sent for `pause_s`."""
        if began_in == self.round:
            self.limit = max(1.0, self.limit / 2)
            self.round += 1
        self.not_before = max(self.not_before, asyncio.get_running_loop().time() + pause_s)
