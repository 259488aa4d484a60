"""Builds one corpus from a recipe: lock, plan, pending splits, commit, finish. How it is run cannot change a byte."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from pipelines.card import write_card
from pipelines.endpoint.ledger import Spent, spent_on
from pipelines.feed import Caller, LocalCaller
from pipelines.graph import compute_here
from pipelines.recipe import Recipe
from pipelines.run import SplitResult, run_split
from pipelines.stage import STAGES, Earlier, Stage, stage_folder
from processors.engine import EngineStopped
from schemas.corpus import Corpus, finish, sum_ledger
from schemas.identity import canonical_json
from schemas.replies import Replies
from schemas.shard import is_no_space, write_if_absent

SMALL_ROWS = 600  # about ten seconds of the slowest steps
SMALL_ASKED_ROWS = 40  # and of models that take a quarter of a second a row
BYTES_PER_ROW = 2_048  # of archives that do not say how many rows they have: about a packed page of text
SMALL_GRAPH_ROWS = 50_000  # a stage over a whole corpus of so few rows takes less time than Ray's start
LIBRARIES = (
    "numpy",
    "pyarrow",
    "pillow",
    "soundfile",
    "soxr",
    "av",
    "rs-bpe",
    "py3langid",
    "ftfy",
    "trafilatura",
    "jiwer",
    "num2words",
    "pymupdf",
    "python-pptx",
    "matplotlib",
    "vl-convert-python",
    "lxml",
    "text2num",
    "whisper-normalizer",
    "httpx",
    "scikit-learn",
    "jsonschema",
    "xxhash",
    "tree-sitter",
    "charset-normalizer",
    "math-verify",
    "latex2sympy2_extended",
    "sympy",
)


class BuildError(RuntimeError):
    """The build cannot go on; the message says what was being done, what is wrong and what to do."""


class Progress(Protocol):
    """Told of what happens; owns how it is shown."""

    def start(self, name: str, num_splits: int, num_done: int, num_rows: int) -> None: ...
    def committed(self, result: SplitResult) -> None: ...
    def note(self, message: str) -> None: ...
    def end(self) -> None: ...


class Quiet:
    """Shows nothing."""

    def start(self, name: str, num_splits: int, num_done: int, num_rows: int) -> None: ...
    def committed(self, result: SplitResult) -> None: ...
    def note(self, message: str) -> None: ...
    def end(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Execution:
    """How a recipe is run. `workers` None chooses: in-process for small sources, else a worker a CPU; 0 is in-process.

    `replies` is the folder in which the replies of models are kept; by default `.replies` beside the corpora.
    """

    workers: int | None = None
    address: str | None = None
    fault_budget: float = 0.01
    min_faults: int = 10
    replies: str = ""
    rebuild: bool = False


@dataclass
class BuildResult:
    """What a build did. `seconds` is wall time; the rest sums over workers, by step (see SplitResult)."""

    name: str
    path: Path
    totals: dict[str, Any]
    seconds: float
    num_built: int
    num_resumed: int
    workers: int
    step_seconds: Counter[str] = field(default_factory=Counter)
    busy_s: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    spent: Spent = field(default_factory=Spent)  # on served models, by requests whose end is known


@contextlib.contextmanager
def corpus_lock(corpus: Path) -> Iterator[str]:
    """Keeps a second builder out. Gives the token that workers compare before they commit (see `holds_token`)."""
    corpus.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(lock_path(corpus), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BuildError(f"another build holds {corpus} (lock {lock_path(corpus)}); wait for it or stop it") from None
        token = uuid.uuid4().hex
        os.ftruncate(handle, 0)
        os.pwrite(handle, token.encode(), 0)
        yield token
    finally:
        os.close(handle)


def lock_path(corpus: Path) -> Path:
    return corpus.parent / f".{corpus.name}.lock"


def replies_folder(corpus: Path) -> Path:
    """Where the replies of models are kept by default: beside the corpora, so that they and their stages share them."""
    out = corpus.parent.parent if corpus.parent.name == STAGES else corpus.parent
    return out / ".replies"


def kept_replies(execution: Execution, corpus: Path) -> Path:
    return Path(execution.replies) if execution.replies else replies_folder(corpus)


def holds_token(corpus: Path, token: str) -> bool:
    """Whether the build with this token still owns the corpus."""
    return lock_path(corpus).read_text() == token


def recipe_file(recipe: Recipe) -> dict[str, Any]:
    """What recipe.json says: everything that decides the bytes."""
    return {
        "name": recipe.name,
        "kind": recipe.kind,
        "title": recipe.title,
        "notes": recipe.notes,
        "fingerprint": recipe.fingerprint(),
        "parameters": recipe.describe(),
        "facts": {fact.name: {"type": fact.type.__name__, "doc": fact.doc} for fact in recipe.facts},
        "reasons": {step.name: {reason.name: reason.doc for reason in step.processor.reasons} for step in recipe.steps},
        "versions": {"corpusmill": version("corpusmill"), **{name: version(name) for name in LIBRARIES}},
    }


def first_difference(old: Any, new: Any, where: str = "") -> str | None:
    """The first place, in sorted order, where two JSON values differ, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            if name == "fingerprint":
                continue
            if name not in old or name not in new:
                return f"{where}{name} is {'absent from' if name not in old else 'only in'} the corpus that is there"
            found = first_difference(old[name], new[name], f"{where}{name}.")
            if found:
                return found
        return None
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return next((found for i, (a, b) in pairs if (found := first_difference(a, b, f"{where}{i}."))), None)
    return None if old == new else f"{where.rstrip('.')} was {old!r}, is now {new!r}"


def build(
    recipe: Recipe,
    out: Path,
    execution: Execution | None = None,
    progress: Progress | None = None,
    sessions: contextlib.ExitStack | None = None,
) -> BuildResult:
    """Builds, resumes, or finds already built, the corpus `out/<recipe.name>`.

    A Ray that is started goes on `sessions`, for the builds that follow; without them it ends with the build.

    Raises:
        BuildError: other parameters than the corpus that is there, a changed source, too many faults, a full or read-only disk,
            an engine that cannot go on (its server is gone, its budget is spent).
    """
    execution, progress = execution or Execution(), progress or Quiet()
    path = out / recipe.name
    try:
        with corpus_lock(path) as token:
            return _build_locked(recipe, Corpus(path), token, execution, progress, sessions)
    except EngineStopped as stopped:
        raise BuildError(f"building {path}: {stopped}") from stopped
    except OSError as error:
        if is_no_space(error):
            raise BuildError(
                f"building {path}: the disk is full ({error}); free space and run the same command, it goes on where it stopped"
            ) from error
        if isinstance(error, PermissionError) or error.errno == 30:  # EROFS
            raise BuildError(f"building {path}: cannot write ({error}); choose a writable folder with --out") from error
        raise


def build_stages(
    stages: Sequence[Stage],
    out: Path,
    execution: Execution | None = None,
    progress: Callable[[], contextlib.AbstractContextManager[Progress]] = lambda: contextlib.nullcontext(Quiet()),
    sessions: contextlib.ExitStack | None = None,
) -> list[BuildResult]:
    """Builds the stages of a corpus one after another, the last one into `out`, those before it beside it.

    A Ray that one of them starts serves those that follow, and goes on `sessions` where they are given.

    Raises: as `build`, and PlanError or ValueError where a stage cannot be made.
    """
    if sessions is None:
        with contextlib.ExitStack() as own:
            return build_stages(stages, out, execution, progress, own)
    execution = execution or Execution()
    results: list[BuildResult] = []
    for number, stage in enumerate(stages, 1):
        with progress() as shown:
            before = results[-1].path if results else None
            compute = partial(_compute, execution, Corpus(before), sessions, shown.note) if before else compute_here
            recipe = stage.make(Earlier(before, compute, stage_folder(out, stage.name, False)))
            results.append(build(recipe, stage_folder(out, stage.name, number == len(stages)), execution, shown, sessions))
    return results


def _compute(
    execution: Execution, corpus: Corpus, sessions: contextlib.ExitStack, note: Callable[[str], None], tasks: Sequence[Any]
) -> list[Any]:
    """Runs the tasks of a graph over a corpus in this process or on Ray, as its recipe would be run."""
    workers = execution.workers
    if workers is None:
        is_small = int(corpus.totals()["num_out"]) <= SMALL_GRAPH_ROWS  # type: ignore[call-overload]
        workers = 0 if is_small and not execution.address else len(os.sched_getaffinity(0))
    if workers == 0:
        return compute_here(tasks)
    from pipelines import cluster

    sessions.enter_context(cluster.session(workers, 0, execution.address, note))
    return cluster.compute(tasks, workers, execution.address, note)


def _build_locked(
    recipe: Recipe, corpus: Corpus, token: str, execution: Execution, progress: Progress, sessions: contextlib.ExitStack | None
) -> BuildResult:
    start = time.perf_counter()
    if execution.rebuild:
        _remove_corpus(corpus)
    _check_recipe(recipe, corpus)
    corpus.remove_orphans()
    splits = recipe.source.splits()
    committed = corpus.committed()
    _check_splits(corpus, splits, committed)
    pending = [split for split in splits if split.id not in committed]
    workers = _choose_workers(execution, pending, any(step.is_opener for step in recipe.steps))
    budget = _FaultBudget(execution, sum_ledger(corpus.ledger()))
    result = BuildResult(recipe.name, corpus.path, {}, 0.0, len(pending), len(committed), workers)
    rows = sum(max(split.num_rows, 0) for split in pending)
    progress.start(recipe.name, len(splits), len(committed), rows)

    def on_split(done: SplitResult) -> None:
        for total, part in (
            (result.step_seconds, done.seconds), (result.busy_s, done.busy_s), (result.asked, done.asked), (result.known, done.known)
        ):  # fmt: skip
            total.update(part)  # type: ignore[arg-type]
        progress.committed(done)
        budget.spend(done)

    asks = bool(pending) and any(step.is_opener for step in recipe.steps)  # else nothing is spent, and no ledger has to be read
    replies = kept_replies(execution, corpus.path)
    before = spent_on(replies)[0] if asks else Spent()
    try:
        if pending:
            _run_pending(recipe, pending, corpus.path, token, workers, execution, on_split, progress, sessions)
    finally:
        progress.end()
    corpus.remove_orphans()
    result.totals = corpus.totals() if not pending and corpus.is_complete() else finish(corpus, partial(write_card, recipe))
    result.spent = spent_on(replies)[0] - before if asks else Spent()
    result.seconds = time.perf_counter() - start
    return result


def _run_pending(
    recipe: Recipe,
    pending: list[Any],
    path: Path,
    token: str,
    workers: int,
    execution: Execution,
    on_split: Callable[[SplitResult], None],
    progress: Progress,
    sessions: contextlib.ExitStack | None,
) -> None:
    replies = Replies(kept_replies(execution, path))
    if workers == 0:
        with contextlib.ExitStack() as stack:
            openers = [step for step in recipe.steps if step.is_opener]
            callers: dict[str, Caller] = {step.name: LocalCaller(stack.enter_context(step.open(replies))) for step in openers}
            for split in pending:
                on_split(run_split(recipe, split, path, callers, may_commit=lambda: holds_token(path, token), replies=replies))
        return
    from pipelines import cluster  # Ray takes a second to import; in-process builds do without

    if sessions is not None:
        wanted = cluster.needs([step for step in recipe.steps if step.is_opener], workers)
        sessions.enter_context(cluster.session(workers, wanted["CPU"], execution.address, progress.note))
    cluster.run_splits(recipe, pending, path, token, replies, workers, execution.address, on_split, progress.note)


def _choose_workers(execution: Execution, pending: list[Any], asks_models: bool) -> int:
    if execution.workers is not None:
        return execution.workers
    rows = [_about_rows(split) for split in pending]
    bound = SMALL_ASKED_ROWS if asks_models else SMALL_ROWS
    is_small = (len(pending) <= 1 and not asks_models) or (min(rows, default=0) >= 0 and sum(rows) <= bound)
    if is_small and not execution.address:
        return 0  # seconds of work: starting Ray would take longer
    num_cpus = len(os.sched_getaffinity(0))
    return num_cpus if asks_models else min(num_cpus, len(pending))  # the models of one split work side by side too


def _about_rows(split: Any) -> int:
    """The rows of a split; where it does not know them as many as its size tells, -1 where it does not know that either."""
    if split.num_rows >= 0 or split.size_bytes <= 0:
        return int(split.num_rows)
    return 1 + split.size_bytes // BYTES_PER_ROW


def _remove_corpus(corpus: Corpus) -> None:
    """Removes a corpus, its ledger first of all, so that a half-removed one never looks whole."""
    for name in ("corpus.json", "state.json"):
        (corpus.path / name).unlink(missing_ok=True)
    for file in corpus.ledger_files():
        file.unlink()
    for file in corpus.files():
        if file.parts[0] in ("shards", "rejects", "ledger") or len(file.parts) == 1:
            (corpus.path / file).unlink()


def _check_recipe(recipe: Recipe, corpus: Corpus) -> None:
    wanted = recipe_file(recipe)
    if (corpus.path / "recipe.json").is_file():
        difference = first_difference(corpus.recipe(), json.loads(canonical_json(wanted)))
        if difference:
            raise BuildError(
                f"{corpus.path} was begun with another recipe: {difference}. "
                "Use the old value, another --out, or --rebuild to remove it and start anew"
            )
        return
    corpus.path.mkdir(parents=True, exist_ok=True)
    if corpus.ledger_files():
        raise BuildError(f"{corpus.path} has a ledger but no recipe.json; it is damaged. Use --rebuild to remove it and start anew")
    write_if_absent(corpus.path / "recipe.json", (json.dumps(wanted, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())


def _check_splits(corpus: Corpus, splits: list[Any], committed: set[str]) -> None:
    if not splits:
        raise BuildError(f"building {corpus.path}: the source has no data; check its path and format")
    doubled = [split_id for split_id, count in Counter(split.id for split in splits).items() if count > 1]
    if doubled:
        raise BuildError(f"building {corpus.path}: splits {doubled[:3]} occur twice in the source; it would double records")
    gone = committed - {split.id for split in splits}
    if gone:
        raise BuildError(
            f"{corpus.path} holds {len(gone)} splits that its source no longer has (first {min(gone)}): the source has changed. "
            "Use --rebuild to start anew, or another --out"
        )


class _FaultBudget:
    """Stops a build in which too many records fault: that is a bug, not bad data."""

    def __init__(self, execution: Execution, so_far: dict[str, Any]) -> None:
        self.share, self.least = execution.fault_budget, execution.min_faults
        self.faults, self.records = int(so_far["num_faults"]), int(so_far["num_in"])

    def spend(self, done: SplitResult) -> None:
        self.records += done.entry.steps[0].num_in
        self.faults += sum(step.num_faults for step in done.entry.steps)
        if self.faults > max(self.least, self.share * self.records):
            worst = max(done.entry.steps, key=lambda step: step.num_faults)
            raise BuildError(
                f"{self.faults} of {self.records} records made a processor raise, more than the budget of {self.share:.0%} "
                f"(last in step {worst.step}); see the rejects table with failure = fault, mend the processor, then run again with --rebuild"
            )
