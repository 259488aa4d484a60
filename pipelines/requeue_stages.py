"""Replays refused records of a corpus and of the stages before it, after what refused them was mended.

In a stage that holds refusals of those chosen, their records run again and all else is kept (see pipelines/requeue_replay.py); stages after
one whose content changed are made anew, since all that they hold may depend on it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.build import (
    SMALL_ASKED_ROWS,
    SMALL_ROWS,
    BuildError,
    BuildResult,
    Execution,
    Progress,
    Quiet,
    build,
    build_locked,
    compute_for,
    later_stages,
    own_corpus,
    own_stages,
)
from pipelines.feed import PROCESSOR_RAISED
from pipelines.graph import compute_here
from pipelines.growth.rules import check_splits
from pipelines.growth.settle import resume_settling
from pipelines.recipe import Recipe
from pipelines.recipe_file import differences, first_difference, recipe_file, recipe_text
from pipelines.requeue_journal import Journal, Selection, aside_of, begin_requeue, chosen, read_journal, set_aside, waiting
from pipelines.requeue_replay import Replay, depths, modes_of, root_of
from pipelines.run import CRASHED_WORKER
from pipelines.stage import Earlier, Stage, stage_folder
from pipelines.step import EACH, GATHER
from schemas.check import check_split, doubled_keys
from schemas.corpus import Corpus, CorpusError, LedgerEntry, content_of, read_batches, sum_ledger
from schemas.identity import canonical_json
from schemas.keys import Keys
from schemas.outcome import CRASH, FAULT, REJECT

REPLAYED, UNTOUCHED, MADE_ANEW, FINISHED = "replayed", "untouched", "made anew", "finished"
CHOSEN_BY = ("step", "failure", "reason")


class RequeueError(BuildError):
    """The corpus cannot be requeued; the message says why and what to do instead."""


class SourceChanged(RequeueError):
    """The corpus was made from other content than its source has now."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is chosen of one split: refusals, and the rows of the source from which they stem."""

    num_refusals: int
    num_rows: int


@dataclass
class Outcome:
    """What a requeue did to one stage, or would do: `action` is replayed, untouched, made anew, or finished where nothing but its end was missing.

    `changes` tells where the recipe differs from that by which the corpus was made, `num_splits` all its splits that are committed.
    `num_kept` rows are those that were there before.
    """

    name: str
    path: Path
    action: str
    found: dict[str, Found] = field(default_factory=dict)
    num_splits: int = 0
    changes: list[str] = field(default_factory=list)
    is_content_new: bool = False
    num_kept: int = 0
    result: BuildResult | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every split of the stage is committed."""
        return Corpus(self.path).is_complete()


# ---- what is chosen


def find_refusals(corpus: Corpus, modes: Mapping[str, str], selections: Sequence[Selection]) -> dict[str, Found]:
    """The splits of a corpus with refusals of those chosen, by id."""
    before, _ = depths(modes)
    found = {}
    for entry in corpus.ledger():
        if not _may_hold(entry, selections):
            continue
        rows = [
            row
            for batch in read_batches(corpus.path / entry.rejects.name)
            for row in batch.select(["key", *CHOSEN_BY]).to_pylist()
            if chosen(selections, row)
        ]
        if rows:
            found[str(entry.split["id"])] = Found(len(rows), len({root_of(row["key"], before.get(row["step"], 0)) for row in rows}))
    return found


def _may_hold(entry: LedgerEntry, selections: Sequence[Selection]) -> bool:
    """Whether a split's counts leave room for a refusal of those chosen; else its table need not be read."""
    told = [(count.step, FAULT, PROCESSOR_RAISED) for count in entry.steps if count.num_faults]
    told += [(count.step, CRASH if reason == CRASHED_WORKER else REJECT, reason) for count in entry.steps for reason in count.rejects]
    return any(selection.admits(*one) for selection in selections for one in told)


def known_words(corpora: Iterable[Path]) -> tuple[set[str], set[str]]:
    """The steps and the reasons of corpora: those that their recipes declare, and those that occur."""
    steps, reasons = set(), {PROCESSOR_RAISED, CRASHED_WORKER}
    for path in corpora:
        if (path / "recipe.json").is_file():
            recipe: dict[str, Any] = Corpus(path).recipe()
            reasons |= {reason for declared in recipe["reasons"].values() for reason in declared}
            steps |= recipe["reasons"].keys()
        for corpus in (Corpus(path), aside_of(Corpus(path))):
            for count in sum_ledger(corpus.ledger())["steps"]:  # type: ignore[attr-defined]
                steps.add(count["step"])
                reasons |= count["rejects"].keys()
    return steps, reasons


# ---- what may have changed


def changes_of(path: Path, there: Mapping[str, Any], recipe: Recipe) -> list[str]:
    """Where a recipe differs from that of a corpus, if records of it may be replayed by the new one.

    Raises: SourceChanged where it reads another source; RequeueError where other records, columns or steps would come of it.
    """
    wanted = json.loads(canonical_json(recipe_file(recipe)))
    source = first_difference(there["parameters"]["source"], wanted["parameters"]["source"])
    if source:
        raise SourceChanged(f"{path} was made from another source: {source}. Its rows would be others: build it with --rebuild")
    shape = first_difference(_shape(there), _shape(wanted))
    if shape:
        raise RequeueError(f"{path} was made by another recipe: {shape}. Rows that are kept would be others: build it with --rebuild")
    return list(differences(dict(there), wanted))


def _shape(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What of a recipe must not change: all but the versions of processors and libraries, the parameters of steps, and texts."""
    parameters = recipe["parameters"]
    steps = [
        {**{name: step[name] for name in ("name", "mode", "by")}, "processor": step["processor"]["class"]} for step in parameters["steps"]
    ]
    return {
        "name": recipe["name"],
        "kind": recipe["kind"],
        "parameters": {**{name: parameters[name] for name in ("seed", "schema_version", "mel_dtype")}, "steps": steps},
        "facts": {name: told["type"] for name, told in recipe["facts"].items()},
    }


# ---- one stage


def requeue(
    recipe: Recipe,
    out: Path,
    selection: Selection,
    execution: Execution | None = None,
    progress: Progress | None = None,
    sessions: contextlib.ExitStack | None = None,
    later: Sequence[Path] = (),
) -> Outcome:
    """Replays the chosen refusals of the corpus `out/<recipe.name>`; one that was stopped goes on, with what it had chosen too.

    `later` are the corpora of the stages after it: they are removed when the content changes, before anyone could take them for up to date.

    Raises:
        RequeueError: no corpus is there; the recipe changed in more than parameters and versions; it changed, and nothing is chosen.
        BuildError: as `pipelines.build.build`.
    """
    execution, progress = execution or Execution(), progress or Quiet()
    path = out / recipe.name
    _need_corpus(path)
    with own_corpus(path) as token:
        corpus = Corpus(path)
        resume_settling(corpus)  # of a growth that was stopped
        stopped = set_aside(corpus)
        changes = changes_of(path, corpus.recipe(), recipe)
        modes = modes_of(recipe)
        found = find_refusals(corpus, modes, (selection,))
        outcome = Outcome(recipe.name, path, REPLAYED, found, len(corpus.committed()), changes)
        if stopped is None and not found:
            return _nothing(outcome)
        left = waiting(corpus, stopped) if stopped else []
        check_splits(corpus, recipe.source.splits(), corpus.committed() | set(left))
        selections = tuple(dict.fromkeys([*(stopped.selections if stopped else ()), selection]))
        content = stopped.content if stopped else str(corpus.totals()["content"]) if corpus.is_complete() else None
        begin_requeue(corpus, Journal(selections, tuple(sorted({*left, *found})), recipe_text(recipe), content))
        waited = {split: told for split, told in find_refusals(aside_of(corpus), modes, selections).items() if split in left}
        outcome.found, outcome.num_splits = found | waited, outcome.num_splits + len(left)
        replay = Replay(aside_of(corpus).path, selections, frozenset([*left, *found]))
        run = replace(execution, rebuild=False, workers=_workers(execution, outcome, recipe))
        outcome.result = build_locked(recipe, corpus, token, run, progress, sessions, later, replay)
        entries = corpus.ledger()
        with Keys() as keys:
            replayed = [entry for entry in entries if entry.split["id"] in replay.splits]
            problems = [problem for entry in replayed for problem in check_split(corpus, entry, keys)] + doubled_keys(corpus, keys)
        if problems:
            raise RequeueError(f"{path} is not as it should be after its records were replayed: {problems[0]}; build it with --rebuild")
        outcome.is_content_new = content_of(entries) != content
        outcome.num_kept = sum(entry.shard.num_rows for entry in entries) - outcome.result.num_new
    return outcome


def _need_corpus(path: Path) -> None:
    if not (path / "recipe.json").is_file():
        raise RequeueError(f"{path} is no corpus: it has no recipe.json, and nothing of it can be replayed. Build it first")


def _nothing(outcome: Outcome) -> Outcome:
    """A stage of which nothing is chosen stays as it is."""
    if outcome.changes:
        raise RequeueError(
            f"nothing that {outcome.path} refused is chosen, but its recipe changed: {outcome.changes[0]}. "
            "Choose the refusals that the change concerns, or build it with --rebuild"
        )
    corpus = Corpus(outcome.path)
    totals: dict[str, Any] = corpus.totals() if corpus.is_complete() else sum_ledger(corpus.ledger())
    outcome.action, outcome.num_kept = UNTOUCHED, int(totals["num_out"])
    outcome.result = BuildResult(outcome.name, outcome.path, totals, 0.0, 0, outcome.num_splits, 0)
    return outcome


def _workers(execution: Execution, outcome: Outcome, recipe: Recipe) -> int | None:
    """In this process where few rows are run, as a build of so few rows would be."""
    bound = SMALL_ASKED_ROWS if any(step.is_opener for step in recipe.steps) else SMALL_ROWS
    is_small = sum(told.num_rows for told in outcome.found.values()) <= bound and not any(step.mode == GATHER for step in recipe.steps)
    return 0 if execution.workers is None and is_small and not execution.address else execution.workers


# ---- all stages


def requeue_stages(
    stages: Sequence[Stage],
    out: Path,
    selection: Selection,
    execution: Execution | None = None,
    progress: Callable[[], contextlib.AbstractContextManager[Progress]] = lambda: contextlib.nullcontext(Quiet()),
    sessions: contextlib.ExitStack | None = None,
) -> Iterator[Outcome]:
    """Requeues the stages of a corpus one after another, as they are asked for; ends at one that is not whole, which only a build makes so.

    Raises: as `requeue`, and PlanError or ValueError where a stage cannot be made.
    """
    execution = execution or Execution()
    with contextlib.ExitStack() as own:
        sessions, before = sessions or own, None
        own.enter_context(own_stages(stages, out))
        for number, stage in enumerate(stages, 1):
            folder, later = stage_folder(out, stage.name, number == len(stages)), later_stages(stages, number, out)
            with progress() as shown:
                compute = partial(compute_for, execution, Corpus(before), sessions, shown.note) if before else compute_here
                if before is None:
                    _need_corpus(folder / stage.name)
                recipe = stage.make(Earlier(before, compute, stage_folder(out, stage.name, False)))
                run = partial(requeue, recipe, folder, selection, execution, shown, sessions, later)
                outcome = run() if before is None else _requeue_later(run, recipe, folder, execution, shown, sessions, later)
            yield outcome
            if not outcome.is_whole:
                return
            before = outcome.path


def _requeue_later(
    run: Callable[[], Outcome],
    recipe: Recipe,
    folder: Path,
    execution: Execution,
    shown: Progress,
    sessions: contextlib.ExitStack,
    later: Sequence[Path],
) -> Outcome:
    """Requeues a stage that is made from another one, and builds what a kill left of it; makes it anew where it was made from other content."""
    path = folder / recipe.name
    if (path / "recipe.json").is_file():
        try:
            outcome = run()
        except SourceChanged:
            shown.note(f"{path} was made from what the stage before it held: it is made anew")
        else:
            return outcome if outcome.is_whole else _finish(outcome, recipe, folder, execution, shown, sessions, later)
    result = build(recipe, folder, replace(execution, rebuild=True), shown, sessions, later)
    return Outcome(recipe.name, path, MADE_ANEW, num_splits=result.num_built, is_content_new=True, result=result)


def _finish(
    outcome: Outcome,
    recipe: Recipe,
    folder: Path,
    execution: Execution,
    shown: Progress,
    sessions: contextlib.ExitStack,
    later: Sequence[Path],
) -> Outcome:
    """Builds what is missing of a stage that was requeued."""
    done, result = outcome.result, build(recipe, folder, replace(execution, rebuild=False), shown, sessions, later)
    if done is not None:
        result.num_run, result.num_new, result.whole = done.num_run, done.num_new, done.whole
    action = FINISHED if outcome.action == UNTOUCHED else outcome.action
    return replace(outcome, action=action, num_splits=outcome.num_splits + result.num_built, is_content_new=True, result=result)


def preview_stages(stages: Sequence[Stage], out: Path, selection: Selection) -> list[Outcome]:
    """What a requeue would do, without doing it: by the recipes that are on disk, and where the first stage's differs from that of now.

    Raises: as `requeue` does before it changes anything.
    """
    outcomes: list[Outcome] = []
    for number, stage in enumerate(stages, 1):
        folder = stage_folder(out, stage.name, number == len(stages))
        corpus = Corpus(folder / stage.name)
        if number == 1:
            _need_corpus(corpus.path)
        elif not (corpus.path / "recipe.json").is_file():
            break
        journal = read_journal(corpus)
        there: dict[str, Any] = json.loads(journal.recipe) if journal else corpus.recipe()
        changes = changes_of(corpus.path, there, stage.make(Earlier(None, compute_here, folder))) if number == 1 else []
        modes = {"source": EACH, **{step["name"]: step["mode"] for step in there["parameters"]["steps"]}}
        found = find_refusals(corpus, modes, (selection,))
        if journal:
            committed = corpus.committed()
            found |= {
                split: told
                for split, told in find_refusals(aside_of(corpus), modes, (*journal.selections, selection)).items()
                if split not in committed
            }
        follows = any(outcome.found for outcome in outcomes)
        action = MADE_ANEW if follows else REPLAYED if found or journal else UNTOUCHED
        num_splits = len(corpus.committed() | set(journal.splits if journal else ()))
        outcomes.append(Outcome(stage.name, corpus.path, action, {} if follows else found, num_splits, changes))
        if action == UNTOUCHED and changes:
            _nothing(outcomes[-1])
    return outcomes


def check_words(stages: Sequence[Stage], out: Path, selection: Selection) -> Iterator[tuple[str, str, list[str]]]:
    """The words of a selection that are none: what each is said to be, the word, and those that there are."""
    paths = [stage_folder(out, stage.name, number == len(stages)) / stage.name for number, stage in enumerate(stages, 1)]
    if not any((path / "recipe.json").is_file() for path in paths):
        raise CorpusError(f"{paths[-1]} is no corpus: it has no recipe.json, and nothing of it can be replayed. Build it first")
    steps, reasons = known_words(paths)
    told = [("reason", reason, reasons) for reason in selection.reasons]
    told += [("step", selection.step, steps)] if selection.step else []
    told += [("failure", selection.failure, {REJECT, FAULT, CRASH})] if selection.failure else []
    return ((what, word, sorted(known)) for what, word, known in told if word not in known)
