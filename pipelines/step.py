"""A step is a processor with a feeding mode and a name; the mode is named in the recipe, never inferred."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from schemas.facts import Fact, Limit
from schemas.replies import Replies

EACH, BATCHED, EXPAND, GATHER, ASK = "each", "batched", "expand", "gather", "ask"


@dataclass(frozen=True, slots=True)
class Step:
    """`size` is the batch size of `batched` and `ask`; `by` the fact that groups for `gather` (None: the whole split).

    `pool` is how many actors hold an opener; 0 means as many as the build has workers. It decides no byte.
    """

    processor: Any
    mode: str
    name: str
    size: int = 0
    by: Fact | None = None
    pool: int = field(default=0, metadata={"fingerprint": False})

    @property
    def is_opener(self) -> bool:
        return hasattr(self.processor, "open")

    def open(self, replies: Replies) -> AbstractContextManager[Callable[[list[Any]], list[Any]]]:
        """The live callable of an opener."""
        return self.processor.open(replies) if getattr(self.processor, "keeps_replies", False) else self.processor.open()


def _name(processor: Any, name: str | None) -> str:
    return name or re.sub(r"(?<!^)(?=[A-Z])", "_", type(processor).__name__).lower()


def each(processor: Any, name: str | None = None) -> Step:
    """One record in, one record or Reject out."""
    return Step(processor, EACH, _name(processor, name))


def expand(processor: Any, name: str | None = None) -> Step:
    """One record in, a list of children (keys `key/0`, `key/1`, ...) or a Reject out."""
    return Step(processor, EXPAND, _name(processor, name))


def batched(processor: Any, size: int, name: str | None = None, pool: int = 0) -> Step:
    """A list in, a list of the same length out, aligned; for models. The processor may be an opener with `pool` actors."""
    if size < 1:
        raise ValueError(f"step {_name(processor, name)} has batch size {size}, expected 1 or more")
    return Step(processor, BATCHED, _name(processor, name), size=size, pool=pool)


def ask(processor: Any, size: int = 4, name: str | None = None, pool: int = 0) -> Step:
    """One record in, one record or Reject out, by way of a model whose replies are kept (see schemas/replies.py).

    The processor has `identity()`, all that decides a reply beside the question; `questions(record)`, a list (each with a
    `digest()`) or a Reject; `open()`, a context manager that gives the callable from a list of questions to their replies
    (bytes), aligned; `answer(record, replies)`. Only questions and replies travel to the model and back. One whose `keeps_replies` is
    true is opened with the build's replies, and keeps each there itself as soon as it has it, at digest(identity, question's digest).
    """
    if size < 1:
        raise ValueError(f"step {_name(processor, name)} has batch size {size}, expected 1 or more")
    return Step(processor, ASK, _name(processor, name), size=size, pool=pool)


def gather(processor: Any, by: Fact | None = None, name: str | None = None) -> Step:
    """All records of a split in, those with one value of the fact `by` at a time; records that name their parents, and Rejects, out."""
    return Step(processor, GATHER, _name(processor, name), by=by)


def limits_of(step: Step) -> tuple[Limit, ...]:
    """What a step asks of facts: its processor's `bounds`, made from its fields; empty for one without."""
    return tuple(getattr(step.processor, "bounds", ()))


def pool_size(step: Step, workers: int) -> int:
    """Actors of an opener: what the step says, else as many as there are workers."""
    return step.pool or max(1, workers)


def resources_of(step: Step) -> dict[str, float]:
    """What an actor of an opener takes, as Ray names it: one CPU, unless its processor, or the engine that this opens, says otherwise."""
    processor = step.processor
    holders: tuple[Any, ...] = (processor, getattr(processor, "engine", None), getattr(getattr(processor, "pool", None), "engine", None))
    return next((holder.resources for holder in holders if hasattr(holder, "resources")), {"num_cpus": 1})


def calls_at_once(step: Step) -> int:
    """Batches that an actor of an opener works on at a time: one, unless its engine says otherwise."""
    return int(getattr(getattr(step.processor, "engine", None), "calls_at_once", 1))


@dataclass(frozen=True, slots=True)
class StepResources:
    """What the user says of a step's actors in `[execution.steps.<step>]`; what is None stays as its engine says. It decides no byte.

    `pool` actors, each with `cpus`, `gpus` (parts are shared between actors), `memory` in bytes, and custom `resources` of the cluster by name.
    """

    pool: int | None = None
    cpus: float | None = None
    gpus: float | None = None
    memory: int | None = None
    resources: tuple[tuple[str, float], ...] = ()
