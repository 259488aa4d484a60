"""Engines during a plan: opened only when something has to be asked, counted, and never paid without consent.

A served model is asked for nothing unless a number of requests is allowed; until then, and for what lies beyond it, replies that the corpora have
kept already are taken. What cannot be known so is not guessed: its record counts as not measured from this step on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.endpoint.budget import REPLIES, count_prompt_tokens
from pipelines.endpoint.engine import OpenAiEngine
from pipelines.step import ASK, Step, resources_of
from processors import tokens
from processors.engine import EngineStopped
from processors.tasks.writing import Prompt, Reply
from schemas.identity import digest
from schemas.replies import Replies

NVIDIA = Path("/proc/driver/nvidia/version")  # there where a driver of NVIDIA's is loaded
SPENT_MARK = "(max_requests)"


class NotMeasured(RuntimeError):
    """A record cannot go on in a plan: an engine would have to be paid, or is not on this machine."""


@dataclass
class Consent:
    """How many requests the plan may send to served models, over all its steps; 0 is none."""

    max_requests: int = 0
    is_spent: bool = False


def engine_of(step: Step) -> Any:
    """The engine that an opener asks: its own, or that of its pool of voices; the processor itself where it has none."""
    processor = step.processor
    return getattr(processor, "engine", None) or getattr(getattr(processor, "pool", None), "engine", None) or processor


def resources(step: Step) -> tuple[float, float]:
    """CPUs and GPUs that an actor of an opener takes."""
    told = resources_of(step)
    return float(told.get("num_cpus", 0)), float(told.get("num_gpus", 0))


def is_served(step: Step) -> bool:
    """Whether a step asks a model over the network, by requests that may cost money."""
    return isinstance(engine_of(step), OpenAiEngine)


@dataclass
class PlanCaller:
    """Reaches a step's callable in this process; `told` counts what was asked since it was emptied."""

    step: Step
    replies: Replies
    kept: Replies | None
    consent: Consent
    stack: contextlib.ExitStack
    depth: int = 1
    busy_s: float = 0.0
    open_s: float = 0.0
    why: str = ""  # why something was not measured
    told: Counter[str] = field(default_factory=Counter)
    _function: Callable[[list[Any]], list[Any]] | None = None
    _seen: set[str] = field(default_factory=set)

    def submit(self, items: list[Any]) -> list[Any]:
        for item in items:
            name = item.digest() if self.step.mode == ASK else item.key
            if name in self._seen:  # tried again alone after its batch failed, or asked by another record: a build asks it once
                continue
            self._seen.add(name)
            self.told["questions"] += 1
            if isinstance(item, Prompt):
                self.told["prompt_tokens"] += count_prompt_tokens(item)
                self.told["most_output_tokens"] += item.max_tokens
        return items

    def result(self, handle: list[Any]) -> list[Any]:
        known = self._known(handle)
        open_items = [item for item, reply in zip(handle, known, strict=True) if reply is None]
        fresh = iter(self._ask(open_items) if open_items else [])
        answers = [next(fresh) if reply is None else reply for reply in known]
        self._count(handle, answers)
        return answers

    def _known(self, items: list[Any]) -> list[bytes | None]:
        """Replies that are kept already, where this engine cannot be had for nothing; an engine of this machine shows what it takes."""
        if self.step.mode != ASK or self.kept is None or not (is_served(self.step) or self._misses_gpu()):
            return [None] * len(items)
        identity = self.step.processor.identity()
        return [self.kept.get(digest(identity, item.digest())) for item in items]

    def _misses_gpu(self) -> bool:
        return resources(self.step)[1] > 0 and not NVIDIA.exists()

    def _ask(self, items: list[Any]) -> list[Any]:
        if self._misses_gpu():
            self.why = f"{self.step.name} needs a GPU, which this machine has not"
            raise NotMeasured(self.why)
        if is_served(self.step) and (self.consent.is_spent or not self.consent.max_requests):
            told = f"the {self.consent.max_requests} requests allowed are spent" if self.consent.max_requests else "no request is allowed"
            self.why = f"{self.step.name} asks a served model and {told} (--max-requests)"
            raise NotMeasured(self.why)
        if self._function is None:
            start = time.perf_counter()
            self._function = self.stack.enter_context(_with_budget(self.step, self.consent).open(self.replies))
            self.open_s = time.perf_counter() - start
        start = time.perf_counter()
        try:
            return self._function(items)
        except EngineStopped as stopped:
            if not is_served(self.step) or SPENT_MARK not in str(stopped):
                raise
            self.consent.is_spent = True
            self.why = (
                f"{self.step.name} asks a served model and the {self.consent.max_requests} requests allowed are spent (--max-requests)"
            )
            raise NotMeasured(self.why) from stopped
        finally:
            took = time.perf_counter() - start
            self.busy_s += took
            self.told["busy_s"] += took  # type: ignore[assignment]
            self.told["asked"] += len(items)

    def _count(self, items: list[Any], answers: list[Any]) -> None:
        for item, answer in zip(items, answers, strict=True):
            if isinstance(answer, bytes):
                self.told["reply_bytes"] += len(answer)
            if isinstance(item, Prompt):
                reply = Reply.from_bytes(answer)
                self.told["answered"] += 1
                counted = reply.num_output_tokens
                self.told["output_tokens"] += counted if counted >= 0 else tokens.count(reply.text)


def _with_budget(step: Step, consent: Consent) -> Step:
    """The step with its served model bound to the plan's own budget, over everything that the plan asks."""
    engine = engine_of(step)
    if not isinstance(engine, OpenAiEngine):
        return step
    bound = dataclasses.replace(engine, max_requests=consent.max_requests, budget_of=REPLIES)
    return dataclasses.replace(step, processor=dataclasses.replace(step.processor, engine=bound))
