"""Feeds records to a step in its declared mode, one at a time where it can be, and checks the law after it.

The law of conservation: each record that went in is an ancestor of at least one that came out, or the key of exactly
one Reject. A processor that raises quarantines its record; a broken program stops the build.
"""

from __future__ import annotations

import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pipelines.step import ASK, BATCHED, EACH, EXPAND, Step, limits_of
from processors.engine import EngineStopped
from schemas.corpus import StepCount, told_facts
from schemas.identity import child_key, digest
from schemas.outcome import FAULT, REJECT, Reject
from schemas.records import FactValue, Origin, Record
from schemas.replies import Replies
from schemas.shard import is_no_space

PROCESSOR_RAISED = "processor_raised"


class ConservationError(RuntimeError):
    """A step lost, doubled or invented records."""


class DeclarationError(RuntimeError):
    """A step did what it does not declare: a fact, a type, a reason, a kind."""


class WorkerLost(RuntimeError):
    """A worker or model actor died while it held records of this split."""


class NodeLost(RuntimeError):
    """The machine went away that a model actor ran on, or the results that it had given: no record is to blame."""


class NodeTrouble(RuntimeError):
    """A machine cannot work, whatever the record: its disk is full, or it does not see the corpus."""

    def __init__(self, node: str, name: str, message: str, is_full: bool = False) -> None:
        """`node` is its id, `name` what people call it; `is_full` that its disk or object store is full."""
        super().__init__(node, name, message, is_full)
        self.node, self.name, self.message, self.is_full = node, name, message, is_full

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


# The program is broken, or an engine cannot go on; not the data: the build stops at once instead of quarantining record after record.
FATAL = (
    NameError,
    ImportError,
    SyntaxError,
    NotImplementedError,
    ConservationError,
    DeclarationError,
    WorkerLost,
    NodeLost,
    NodeTrouble,
    MemoryError,
    EngineStopped,
)


class Caller(Protocol):
    """How a step reaches its opened callable: in this process, or in an actor pool. Results are asked for in order.

    `depth` is how many batches may be under way, at least one; it may change from one to the next. What goes in and comes out are lists of records (`batched`), or of questions and replies (`ask`). `busy_s` is the time
    that the callable has worked for this caller.
    """

    busy_s: float

    @property
    def depth(self) -> int: ...
    def submit(self, items: list[Any]) -> Any: ...
    def result(self, handle: Any) -> list[Any]: ...


@dataclass
class LocalCaller:
    """Calls in this process."""

    function: Callable[[list[Any]], list[Any]]
    depth: int = 1
    busy_s: float = 0.0

    def submit(self, items: list[Any]) -> list[Any]:
        return items

    def result(self, handle: list[Any]) -> list[Any]:
        start = time.perf_counter()
        try:
            return self.function(handle)
        finally:
            self.busy_s += time.perf_counter() - start


@dataclass
class Tally:
    """Counts and refusals of one step in one split."""

    step: str
    num_in: int = 0
    num_out: int = 0
    num_faults: int = 0
    seconds: float = 0.0
    num_asked: int = 0  # questions that went to the model
    num_known: int = 0  # questions whose reply was kept already
    reasons: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, str]] = field(default_factory=list)

    def refuse(
        self, key: str, origin: Origin, failure: str, reason: str, detail: str, facts: Mapping[str, FactValue], trace: str = ""
    ) -> None:
        if failure == FAULT:
            self.num_faults += 1
        else:
            self.reasons[reason] += 1
        place = {name: getattr(origin, name) for name in ("source", "revision", "licence", "locator")}
        row = {"key": key, "step": self.step, "failure": failure, "reason": reason, "detail": detail, **place, "traceback": trace}
        self.rows.append({**row, "facts": told_facts(facts)})

    def count(self) -> StepCount:
        return StepCount(self.step, self.num_in, self.num_out, dict(sorted(self.reasons.items())), self.num_faults)


# ---- the steps


def feed(
    step: Step, tally: Tally, records: Iterable[Record], written: dict[str, type], caller: Caller | None, replies: Replies
) -> Iterator[Record]:
    """The records that come out of a step, lazily; `written` has the type of every fact that may stand on them."""
    if step.mode == EACH:
        return _run_each(step, tally, records, written)
    if step.mode == EXPAND:
        return _run_expand(step, tally, records, written)
    if step.mode == ASK:
        assert caller is not None
        return _run_ask(step, tally, records, written, caller, replies)
    if step.mode == BATCHED:
        return _run_batched(step, tally, records, written, caller or LocalCaller(step.processor))
    return _run_gather(step, tally, records, written)


def _call(step: Step, tally: Tally, function: Callable[[], Any], records: list[Record]) -> Any:
    """Calls a processor; an exception quarantines the records and gives None."""
    start = time.perf_counter()
    try:
        return function()
    except FATAL:
        raise
    except Exception as error:
        if isinstance(error, OSError) and is_no_space(error):
            raise  # a full disk says nothing about the record
        trace = _short_trace(error)
        for record in records:
            tally.refuse(record.key, record.origin, FAULT, PROCESSOR_RAISED, f"{type(error).__name__}: {error}", record.facts, trace)
        return None
    finally:
        tally.seconds += time.perf_counter() - start


def _short_trace(error: BaseException) -> str:
    """The traceback from the processor inwards, without this machine's folders, so that every worker writes the same."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name not in ("feed.py", "pools.py")]
    lines = [f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames]
    return "\n".join([*lines, f"{type(error).__name__}: {error}"])


def _accept(step: Step, tally: Tally, record: Record, result: object, written: dict[str, type]) -> Record | None:
    """Checks one result against the step's declaration and the law; gives the record, or None when it was refused."""
    if isinstance(result, Reject):
        _refuse(step, tally, {record.key: record}, result)
        return None
    _check_kind(step, record, result)
    assert not isinstance(result, Reject)
    if result.key != record.key and record.key not in result.parents:  # type: ignore[attr-defined]
        raise ConservationError(f"step {step.name} answered record {record.key} with {result.key}, which does not descend from it")  # type: ignore[attr-defined]
    _check_facts(step, result, written)  # type: ignore[arg-type]
    tally.num_out += 1
    return result  # type: ignore[return-value]


def _refuse(step: Step, tally: Tally, group: Mapping[str, Record], reject: Reject) -> None:
    if reject.reason not in {reason.name for reason in step.processor.reasons}:
        names = ", ".join(reason.name for reason in step.processor.reasons) or "none"
        raise DeclarationError(f"step {step.name} rejected with reason {reject.reason!r}, which it does not declare (declared: {names})")
    if reject.key not in group:
        raise ConservationError(f"step {step.name} rejected key {reject.key!r}, which it was not given")
    declared = (
        {fact.name: fact.type for fact in (*step.processor.writes, *(limit.fact for limit in limits_of(step)))} if reject.facts else {}
    )
    for name, value in reject.facts.items():
        if declared.get(name) is not type(value):
            told = declared[name].__name__ if name in declared else "neither written nor bounded by the step"
            raise DeclarationError(f"step {step.name} rejected with fact {name} = {value!r} ({type(value).__name__}), declared: {told}")
    record = group[reject.key]
    tally.refuse(reject.key, record.origin, REJECT, reject.reason, reject.detail, {**record.facts, **reject.facts})


def _check_kind(step: Step, record: Record, result: object) -> None:
    expected = getattr(step.processor, "gives", None) or type(record)
    if type(result) is not expected:
        raise DeclarationError(
            f"step {step.name} gave {type(result).__name__} for record {record.key}, expected {expected.__name__} or Reject"
        )


def _check_facts(step: Step, record: Record, written: dict[str, type]) -> None:
    for name, value in record.facts.items():
        if written.get(name) is not type(value):
            declared = written[name].__name__ if name in written else "not declared"
            raise DeclarationError(
                f"after step {step.name} record {record.key} carries fact {name} = {value!r} ({type(value).__name__}), declared: {declared}"
            )


def _run_each(step: Step, tally: Tally, records: Iterable[Record], written: dict[str, type]) -> Iterator[Record]:
    for record in records:
        tally.num_in += 1
        result = _call(step, tally, partial(step.processor, record), [record])
        if result is None:
            _need_quarantined(step, tally, record)
            continue
        accepted = _accept(step, tally, record, result, written)
        if accepted is not None:
            yield accepted


def _need_quarantined(step: Step, tally: Tally, record: Record) -> None:
    if not tally.rows or tally.rows[-1]["key"] != record.key:
        raise ConservationError(f"step {step.name} gave nothing for record {record.key}; it must give a record or a Reject")


def _run_expand(step: Step, tally: Tally, records: Iterable[Record], written: dict[str, type]) -> Iterator[Record]:
    for record in records:
        tally.num_in += 1
        result = _call(step, tally, partial(step.processor, record), [record])
        if result is None:
            _need_quarantined(step, tally, record)
        elif isinstance(result, Reject):
            _refuse(step, tally, {record.key: record}, result)
        else:
            if not result:
                raise ConservationError(f"step {step.name} expanded record {record.key} into nothing; it must reject it instead")
            for index, child in enumerate(result):
                _check_kind(step, record, child)
                named = replace(child, key=child_key(record.key, index), parents=(record.key,))
                _check_facts(step, named, written)
                tally.num_out += 1
                yield named


def _run_batched(step: Step, tally: Tally, records: Iterable[Record], written: dict[str, type], caller: Caller) -> Iterator[Record]:
    """Submits up to `caller.depth` batches ahead and takes their results in order."""
    waiting: deque[tuple[list[Record], Any]] = deque()
    for batch in _cut(records, step.size):
        tally.num_in += len(batch)
        waiting.append((batch, caller.submit(batch)))
        while len(waiting) >= caller.depth:
            yield from _take_batch(step, tally, *waiting.popleft(), written, caller)
    while waiting:
        yield from _take_batch(step, tally, *waiting.popleft(), written, caller)


def _cut(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _take_batch(step: Step, tally: Tally, batch: list[Record], handle: Any, written: dict[str, type], caller: Caller) -> Iterator[Record]:
    alone = len(batch) == 1
    results = _call(step, tally, lambda: caller.result(handle), batch if alone else [])
    if results is None and not alone:  # one record broke the batch: each is tried alone, only the broken one is quarantined
        for record in batch:
            yield from _take_batch(step, tally, [record], caller.submit([record]), written, caller)
        return
    if results is None:
        _need_quarantined(step, tally, batch[0])
        return
    if len(results) != len(batch):
        raise ConservationError(f"step {step.name} was given {len(batch)} records and gave {len(results)}; they must be aligned")
    for record, result in zip(batch, results, strict=True):
        accepted = _accept(step, tally, record, result, written)
        if accepted is not None:
            yield accepted


@dataclass(frozen=True)
class _Asked:
    """A record and the addresses of the replies it waits for; `open_questions` are those of its questions not yet kept.

    One that was refused before it was asked waits too, as its row of the rejects table, so that refusals stand in the order of records.
    """

    record: Record
    addresses: list[str] = field(default_factory=list)
    open_questions: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, str] | None = None


def _run_ask(
    step: Step, tally: Tally, records: Iterable[Record], written: dict[str, type], caller: Caller, replies: Replies
) -> Iterator[Record]:
    """Sends the questions of up to `caller.depth` batches ahead, each question once, and takes the replies in order."""
    identity = step.processor.identity()
    waiting: deque[tuple[list[_Asked], list[str], Any]] = deque()
    flying: set[str] = set()
    for batch in _cut(records, step.size):
        asked = [_question(step, tally, record, identity, replies) for record in batch]
        new = {address: question for item in asked for address, question in item.open_questions.items() if address not in flying}
        flying |= new.keys()
        tally.num_asked += len(new)
        waiting.append((asked, list(new), caller.submit(list(new.values())) if new else None))
        while len(waiting) >= caller.depth:
            yield from _take_asked(step, tally, *waiting.popleft(), written, caller, replies, flying)
    while waiting:
        yield from _take_asked(step, tally, *waiting.popleft(), written, caller, replies, flying)


def _question(step: Step, tally: Tally, record: Record, identity: str, replies: Replies) -> _Asked:
    tally.num_in += 1
    questions = _call(step, tally, partial(step.processor.questions, record), [record])
    if questions is None:
        _need_quarantined(step, tally, record)
        return _Asked(record, refused=tally.rows.pop())
    if isinstance(questions, Reject):
        _refuse(step, tally, {record.key: record}, questions)
        return _Asked(record, refused=tally.rows.pop())
    addresses = [digest(identity, question.digest()) for question in questions]
    missing = {address: question for address, question in zip(addresses, questions, strict=True) if address not in replies}
    tally.num_known += len(set(addresses)) - len(missing)
    return _Asked(record, addresses, missing)


def _take_asked(
    step: Step,
    tally: Tally,
    asked: list[_Asked],
    sent: list[str],
    handle: Any,
    written: dict[str, type],
    caller: Caller,
    replies: Replies,
    flying: set[str],
) -> Iterator[Record]:
    if sent:
        answers = _call(step, tally, lambda: caller.result(handle), [])
        if answers is not None:  # else one question broke the call: every record's are asked alone below
            _keep(step, sent, answers, replies)
        flying.difference_update(sent)
    for item in asked:
        if item.refused is not None:
            tally.rows.append(item.refused)
            continue
        missing = {address: question for address, question in item.open_questions.items() if address not in replies}
        if missing:
            answers = _call(step, tally, partial(_ask_now, caller, list(missing.values())), [item.record])
            if answers is None:
                _need_quarantined(step, tally, item.record)
                continue
            _keep(step, list(missing), answers, replies)
        kept = [_kept(replies, address) for address in item.addresses]
        result = _call(step, tally, partial(step.processor.answer, item.record, kept), [item.record])
        if result is None:
            _need_quarantined(step, tally, item.record)
            continue
        accepted = _accept(step, tally, item.record, result, written)
        if accepted is not None:
            yield accepted


def _ask_now(caller: Caller, questions: list[Any]) -> list[bytes]:
    return caller.result(caller.submit(questions))


def _keep(step: Step, addresses: list[str], answers: list[bytes], replies: Replies) -> None:
    if len(answers) != len(addresses):
        raise ConservationError(
            f"step {step.name} was asked {len(addresses)} questions and gave {len(answers)} replies; they must be aligned"
        )
    for address, answer in zip(addresses, answers, strict=True):
        if address not in replies:  # an engine may have kept it already, the moment that it was there
            replies.put(address, answer)


def _kept(replies: Replies, address: str) -> bytes:
    reply = replies.get(address)
    if reply is None:
        raise ConservationError(f"reply {address} was kept and is gone from {replies.root}; nothing else may remove replies during a build")
    return reply


def _run_gather(step: Step, tally: Tally, records: Iterable[Record], written: dict[str, type]) -> Iterator[Record]:
    groups: dict[Any, list[Record]] = {}
    for record in records:
        tally.num_in += 1
        groups.setdefault(record.facts[step.by.name] if step.by else None, []).append(record)
    for group in groups.values():
        results = _call(step, tally, partial(step.processor, group), group)
        if results is None:
            _need_quarantined(step, tally, group[-1])
            continue
        by_key = {record.key: record for record in group}
        covered: Counter[str] = Counter()
        ancestors: set[str] = set()
        for result in results:
            if isinstance(result, Reject):
                _refuse(step, tally, by_key, result)
                covered[result.key] += 1
                continue
            _check_kind(step, group[0], result)
            _check_facts(step, result, written)
            had = by_key[result.key].parents if result.key in by_key else ()  # a record that stays itself keeps the parents that it had
            joined = set(result.parents) - set(had)
            strangers = joined - set(by_key)
            if strangers:
                raise ConservationError(
                    f"step {step.name} gave {result.key} with parents {sorted(strangers)[:3]} that are not of its group"
                )
            ancestors |= {result.key, *joined}
        for key in by_key:
            if (key in ancestors) == (covered[key] == 1) or covered[key] > 1:
                raise ConservationError(f"step {step.name}: record {key} must be a parent of a result or the key of exactly one Reject")
        for result in results:
            if not isinstance(result, Reject):
                tally.num_out += 1
                yield result
