"""Builds one corpus from a recipe: lock, plan, pending splits, commit, finish. How it is run cannot change a byte."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pipelines.begun import NUM_DEATHS, Begun
from pipelines.card import write_card
from pipelines.croissant import croissant_of
from pipelines.endpoint.ledger import Spent, spent_on
from pipelines.failure import BuildError as BuildError
from pipelines.feed import Caller, LocalCaller
from pipelines.graph import compute_here
from pipelines.growth.change import Change
from pipelines.growth.rules import allowed_change, plan_settlement
from pipelines.growth.settle import Growth, Settlement, growth_of, resume_settling, settle, told_growth, unfinish
from pipelines.logs import SPLIT_STARTED, tell
from pipelines.recipe import Recipe
from pipelines.recipe_file import recipe_text
from pipelines.requeue_journal import Journal, end_requeue, set_aside
from pipelines.requeue_replay import Replay
from pipelines.run import FencedOut, SplitResult, run_split
from pipelines.runs import runs_file, tell_run
from pipelines.stage import STAGES, Earlier, Stage, stage_folder
from pipelines.step import StepResources
from processors.engine import EngineStopped
from schemas.corpus import FOLDERS, JOURNAL, Corpus, content_of, finish, sum_ledger
from schemas.lock import Held, Lost, holds, lock_beside, owned
from schemas.replies import Replies
from schemas.retry import StoreError
from schemas.scratch import scratch_root
from schemas.sending import end_uploads
from schemas.shard import is_no_space, remove_files, write_if_absent
from schemas.store import is_remote, place_of

SMALL_ROWS = 600  # about ten seconds of the slowest steps
SMALL_ASKED_ROWS = 40  # and of models that take a quarter of a second a row
BYTES_PER_ROW = 2_048  # of archives that do not say how many rows they have: about a packed page of text
LATER_WAIT_S = 60.0  # for the lock of a later stage, which `corpusmill gc` may hold for a while
SMALL_GRAPH_ROWS = 50_000  # a stage over a whole corpus of so few rows takes less time than Ray's start


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
    """How a recipe is run. `workers` None chooses: in-process for small sources, else a worker a CPU, of the cluster at `address` if there is one; 0 is in-process.

    A split's task takes `cpus` and `memory` (bytes; 0: nobody counts it) of a node; `steps` says what a step's model actors take. `room_wait_s` is how
    long nodes are waited for where the cluster at `address` has no room for these yet; its autoscaler, if it has one, is then asked for them, and
    for `workers` splits. `lock_wait_s` is how long another build of the same corpus is waited for. `replies` is the folder in which the replies of
    models are kept; by default `.replies` beside the corpora.
    """

    workers: int | None = None
    address: str | None = None
    cpus: float = 1.0
    memory: int = 0
    steps: Mapping[str, StepResources] = field(default_factory=dict)
    room_wait_s: float = 0.0
    lock_wait_s: float = 0.0
    fault_budget: float = 0.01
    min_faults: int = 10
    replies: str = ""
    rebuild: bool = False
    follow: bool = False  # splits that the source no longer has are retired
    update: bool = False  # what another recipe changes is made anew


@dataclass
class BuildResult:
    """What a build did. `seconds` is wall time; the rest sums over workers, by step (see SplitResult).

    Of splits that were replayed: `num_run` source rows were run, `num_new` rows came out of that, `whole` counts splits by why all of them was run.
    """

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
    num_run: int = 0
    num_new: int = 0
    whole: Counter[str] = field(default_factory=Counter)
    growth: Growth | None = None  # of a corpus that was whole before, or is another one now


@contextlib.contextmanager
def corpus_lock(corpus: Path, wait_s: float = 0.0) -> Iterator[str]:
    """Keeps a second builder out. Gives the token that workers compare before they commit (see `holds_token`).

    Raises: BuildError where another builder lives and has not ended after `wait_s`, or took the corpus over; StoreError.
    """
    try:
        with owned(corpus, wait_s) as token:
            yield token
    except Held as held:
        raise BuildError(f"another build holds {corpus} (lock {lock_beside(corpus)}: {held}); wait for it or stop it") from None
    except Lost as lost:
        raise BuildError(f"{corpus} was lost to another build: {lost}; what it had committed stays and is true") from None


def replies_folder(corpus: Path) -> Path:
    """Where the replies of models are kept by default: beside the corpora, so that they and their stages share them."""
    out = corpus.parent.parent if corpus.parent.name == STAGES else corpus.parent
    return out / ".replies"


def kept_replies(execution: Execution, corpus: Path) -> Path:
    return place_of(execution.replies) if execution.replies else replies_folder(corpus)


def holds_token(corpus: Path, token: str) -> bool:
    """Whether the build with this token still owns the corpus."""
    return holds(corpus, token)


def _tell_run(result: BuildResult) -> None:
    """Adds a run to those told. Units: `seconds` wall time; by step, summed over workers."""
    told = {
        "seconds": round(result.seconds, 3),
        "workers": result.workers,
        "num_cpus": len(os.sched_getaffinity(0)),
        "num_built": result.num_built,
        "num_resumed": result.num_resumed,
        "step_seconds": {name: round(seconds, 4) for name, seconds in result.step_seconds.items()},
        "busy_s": {name: round(seconds, 4) for name, seconds in result.busy_s.items()},
        "asked": dict(result.asked),
        "known": dict(result.known),
        "spent": asdict(result.spent),
        **({"growth": asdict(result.growth)} if result.growth else {}),
    }
    tell_run(result.path, told)


def build(
    recipe: Recipe,
    out: Path,
    execution: Execution | None = None,
    progress: Progress | None = None,
    sessions: contextlib.ExitStack | None = None,
    later: Sequence[Path] = (),
    derived: bool = False,
) -> BuildResult:
    """Builds, resumes, lets grow, or finds already built, the corpus `out/<recipe.name>`.

    A Ray that is started goes on `sessions`, for the builds that follow; without them it ends with the build. `later` are the corpora
    of the stages after this one, which count as unfinished when what they are made from changes. `derived`: it is made from the stage before
    it, and follows that without being told.

    Raises:
        BuildError: other parameters than the corpus that is there, a changed source, too many faults, a full or read-only disk,
            an engine that cannot go on (its server is gone, its budget is spent).
    """
    execution, progress = execution or Execution(), progress or Quiet()
    path = out / recipe.name
    with own_corpus(path, execution.lock_wait_s) as token:
        return build_locked(recipe, Corpus(path), token, execution, progress, sessions, later, derived=derived)


@contextlib.contextmanager
def own_corpus(path: Path, wait_s: float = 0.0) -> Iterator[str]:
    """Keeps a second builder out, as `corpus_lock`; what stops the work of the block for good is told as a BuildError."""
    try:
        with corpus_lock(path, wait_s) as token:
            yield token
    except EngineStopped as stopped:
        raise BuildError(f"building {path}: {stopped}") from stopped
    except FencedOut as fenced:
        raise BuildError(f"building {path}: {fenced}; what was committed before stays and is true") from fenced
    except StoreError as error:
        raise BuildError(f"building {path}: {error}") from error
    except MemoryError as error:
        raise BuildError(
            f"building {path}: memory is used up ({str(error) or type(error).__name__}); give it more, or make splits smaller (rows_per_split of the "
            "source); what is committed stays, and the same command goes on from it"
        ) from error
    except OSError as error:
        if is_no_space(error):
            raise BuildError(
                f"building {path}: the disk is full ({error}{f'; scratch space is {scratch_root()}' if is_remote(path) else ''}); free space and run the same command, it goes on where it stopped"
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
    with own_stages(stages, out, execution.lock_wait_s):
        return _build_stages(stages, out, execution, progress, sessions)


@contextlib.contextmanager
def own_stages(stages: Sequence[Stage], out: Path, wait_s: float = 0.0) -> Iterator[None]:
    """Keeps whoever removes lists that no recipe names away while stages are built: between two stages none of their own locks is held."""
    with own_corpus(out / STAGES / stages[-1].name, wait_s) if len(stages) > 1 else contextlib.nullcontext():
        yield


def _build_stages(
    stages: Sequence[Stage],
    out: Path,
    execution: Execution,
    progress: Callable[[], contextlib.AbstractContextManager[Progress]],
    sessions: contextlib.ExitStack,
) -> list[BuildResult]:
    results: list[BuildResult] = []
    for number, stage in enumerate(stages, 1):
        with progress() as shown:
            before = results[-1].path if results else None
            compute = partial(compute_for, execution, Corpus(before), sessions, shown.note) if before else compute_here
            recipe = stage.make(Earlier(before, compute, stage_folder(out, stage.name, False)))
            folder = stage_folder(out, stage.name, number == len(stages))
            results.append(build(recipe, folder, execution, shown, sessions, later_stages(stages, number, out), derived=number > 1))
    return results


def later_stages(stages: Sequence[Stage], number: int, out: Path) -> list[Path]:
    """Where the corpora of the stages after the first `number` are."""
    return [stage_folder(out, stage.name, at == len(stages)) / stage.name for at, stage in enumerate(stages, 1) if at > number]


def compute_for(
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


def build_locked(
    recipe: Recipe,
    corpus: Corpus,
    token: str,
    execution: Execution,
    progress: Progress,
    sessions: contextlib.ExitStack | None,
    later: Sequence[Path] = (),
    replay: Replay | None = None,
    derived: bool = False,
) -> BuildResult:
    """Builds what is not committed, for the owner of the corpus; with `replay` its splits alone, of which it keeps what it does not replay.

    Raises: as `build`.
    """
    start = time.perf_counter()
    if execution.rebuild:
        _remove_corpus(corpus)
    resume_settling(corpus)  # of a growth that was stopped
    requeued = set_aside(corpus)  # what a requeue that was stopped had chosen counts as not committed
    change = _check_recipe(recipe, corpus, execution, derived)
    splits = recipe.source.splits()
    was_whole = corpus.is_complete()
    settlement = plan_settlement(recipe, corpus, splits, change, execution, derived, requeued)
    if settlement:
        _carry_out(corpus, settlement, later)
    committed = corpus.recover()
    missing = [split for split in splits if split.id not in committed]
    pending = [split for split in missing if replay is None or split.id in replay.splits]
    workers = _choose_workers(execution, pending, any(step.is_opener for step in recipe.steps))
    budget = _FaultBudget(execution, sum_ledger(corpus.entries() if pending else ()))
    result = BuildResult(recipe.name, corpus.path, {}, 0.0, len(pending), len(committed), workers)
    result.growth = growth_of(settlement, was_whole, pending, len(committed))
    for line in told_growth(result.growth) if result.growth else ():
        progress.note(f"{recipe.name}: {line}")
    if pending:
        unfinish(corpus)
    rows = 0 if any(split.num_rows < 0 for split in pending) else sum(split.num_rows for split in pending)  # 0: not known
    progress.start(recipe.name, len(splits), len(committed), rows)

    def on_split(done: SplitResult) -> None:
        for total, part in (
            (result.step_seconds, done.seconds), (result.busy_s, done.busy_s), (result.asked, done.asked), (result.known, done.known)
        ):  # fmt: skip
            total.update(part)  # type: ignore[arg-type]
        if done.replayed is not None:
            result.num_run += done.replayed.num_run
            result.num_new += done.entry.shard.num_rows - done.replayed.num_kept
            result.whole.update([done.replayed.whole] if done.replayed.whole else [])
        progress.committed(done)
        budget.spend(done)

    asks = bool(pending) and any(step.is_opener for step in recipe.steps)  # else nothing is spent, and no ledger has to be read
    replies = kept_replies(execution, corpus.path)
    before = spent_on(replies)[0] if asks else Spent()
    try:
        if pending:
            result.workers = _run_pending(recipe, pending, corpus.path, token, workers, execution, on_split, progress, sessions, replay)
    finally:
        progress.end()
    if requeued:
        _end_requeue(corpus, requeued, later)
    if pending:
        corpus.remove_orphans()
    if len(pending) < len(missing):  # a build that was stopped is not ended by a requeue
        result.totals = sum_ledger(corpus.ledger())
    elif not pending and corpus.is_complete() and settlement is None:
        result.totals = corpus.totals()
    else:
        result.totals = finish(corpus, partial(write_card, recipe), partial(croissant_of, corpus))
    result.spent = spent_on(replies)[0] - before if asks else Spent()
    result.seconds = time.perf_counter() - start
    if pending or settlement:
        _tell_run(result)
    return result


def _end_requeue(corpus: Corpus, requeued: Journal, later: Sequence[Path]) -> None:
    """Ends a requeue whose splits are all committed. Stages that were made from other content go first: a kill leaves none that is out of date."""
    if content_of(corpus.ledger()) != requeued.content:
        for path in later:
            if path.is_dir():
                with corpus_lock(path):
                    _remove_corpus(Corpus(path))
    end_requeue(corpus)


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
    replay: Replay | None,
) -> int:
    """Runs and commits splits; gives how many ran at a time, 0 in this process."""
    replies = Replies(kept_replies(execution, path))
    if workers == 0:
        begun = Begun(path)
        deadly = [split for split in pending if split.id in begun.killers()]
        if deadly:
            progress.note(
                f"splits at which this build died {NUM_DEATHS} times are run by a worker: {', '.join(split.path for split in deadly[:3])}"
            )
            _run_pending(recipe, deadly, path, token, 1, execution, on_split, progress, sessions, replay)
            for split in deadly:
                begun.forget(split.id)
            pending = [split for split in pending if split not in deadly]
        with contextlib.ExitStack() as stack:
            openers = [step for step in recipe.steps if step.is_opener]
            callers: dict[str, Caller] = {step.name: LocalCaller(stack.enter_context(step.open(replies))) for step in openers}
            run = replay.run_split if replay else run_split
            for split in pending:
                tell(SPLIT_STARTED, corpus=recipe.name, split=split.id)
                with begun.working_on(split.id):
                    done = run(recipe, split, path, callers, may_commit=lambda: holds_token(path, token), replies=replies)
                on_split(done)
        return 0
    from pipelines import cluster  # Ray takes a second to import; in-process builds do without

    said = None if execution.address else workers  # a cluster is filled where nobody says how many splits run at a time
    if sessions is not None:
        wanted = cluster.needs([step for step in recipe.steps if step.is_opener], workers, execution)
        sessions.enter_context(cluster.session(workers, wanted["CPU"], execution.address, progress.note))
    wanted_workers = execution.workers or said
    return cluster.run_splits(recipe, pending, path, token, replies, wanted_workers, execution, on_split, progress.note, replay)


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
    first = [corpus.path / name for name in ("corpus.json", "state.json", JOURNAL)]
    for file in (*first, runs_file(corpus.path)):
        file.unlink(missing_ok=True)
    remove_files(corpus.ledger_files())
    remove_files([corpus.path / file for file in corpus.files() if file.parts[0] in FOLDERS or len(file.parts) == 1])
    end_uploads(corpus.path)


def _check_recipe(recipe: Recipe, corpus: Corpus, execution: Execution, derived: bool) -> Change | None:
    """As `allowed_change`; a corpus that has no recipe gets it."""
    if (corpus.path / "recipe.json").is_file():
        return allowed_change(recipe, corpus, execution, derived)
    corpus.path.mkdir(parents=True, exist_ok=True)
    if corpus.ledger_files():
        raise BuildError(f"{corpus.path} has a ledger but no recipe.json; it is damaged. Use --rebuild to remove it and start anew")
    write_if_absent(corpus.path / "recipe.json", recipe_text(recipe).encode())
    return None


def _carry_out(corpus: Corpus, settlement: Settlement, later: Sequence[Path]) -> None:
    """Settles a corpus. Where splits leave it, the corpora of later stages count as unfinished first: nobody takes them for up to date."""
    for path in later if settlement.retired or settlement.dropped else ():
        if path.is_dir():
            with corpus_lock(path, LATER_WAIT_S):
                unfinish(Corpus(path))
    settle(corpus, settlement)


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
                f"(last in step {worst.step}); see the rejects table with failure = fault, mend the processor, then run `corpusmill requeue`, or build with --rebuild"
            )
