"""What a build would do to corpora that are there, without doing it: which splits are new, kept, made anew or retired, and why."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.build import BuildError, Execution, compute_for
from pipelines.graph import compute_here
from pipelines.growth.rules import allowed_change, plan_settlement
from pipelines.growth.settle import JOURNAL, Growth, counted, growth_of
from pipelines.requeue_journal import read_journal
from pipelines.stage import Earlier, Stage, stage_folder
from schemas.corpus import Corpus

BUILT, GROWS, SAME, FOLLOWS, REFUSED = "built", "grows", "same", "follows", "refused"


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of one stage. `refusal` is the error that a build would end with."""

    name: str
    path: str
    action: str
    growth: Growth | None = None
    num_splits: int = 0
    refusal: str = ""
    follows: bool = False  # the stage before it changes; what then becomes of this one is known when that is built

    def row(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def preview_stages(stages: Sequence[Stage], out: Path, execution: Execution) -> list[Preview]:
    """What a build of the stages would do. Nothing of the corpora is changed; lists that a stage needs are made, as the build would make them.

    Raises: PlanError or ValueError where a stage cannot be made.
    """
    found: list[Preview] = []
    with contextlib.ExitStack() as sessions:
        for number, stage in enumerate(stages, 1):
            folder = stage_folder(out, stage.name, number == len(stages))
            before = Path(found[-1].path) if found else None
            path = folder / stage.name
            if before is not None and not Corpus(before).is_complete():
                found.append(Preview(stage.name, str(path), FOLLOWS, follows=True))
                continue
            compute = partial(compute_for, execution, Corpus(before), sessions, lambda _: None) if before else compute_here
            into = stage_folder(out, stage.name, False)
            follows = bool(found) and (found[-1].action in (GROWS, BUILT) or found[-1].follows)
            found.append(_preview(stage.make(Earlier(before, compute, into)), Corpus(path), execution, number > 1, follows))
            if found[-1].action == REFUSED:
                break
    return found


def _preview(recipe: Any, corpus: Corpus, execution: Execution, derived: bool, follows: bool) -> Preview:
    splits = recipe.source.splits()
    told = partial(Preview, recipe.name, str(corpus.path), num_splits=len(splits), follows=follows)
    if execution.rebuild or not (corpus.path / "recipe.json").is_file():
        return told(BUILT)
    if (corpus.path / JOURNAL).is_file():
        return told(REFUSED, refusal=f"{corpus.path} was growing when its build was stopped; run that build to its end first")
    requeued = read_journal(corpus)
    try:
        change = allowed_change(recipe, corpus, execution, derived)
        settlement = plan_settlement(recipe, corpus, splits, change, execution, derived, requeued)
    except BuildError as error:
        return told(REFUSED, refusal=str(error))
    leaves = {*settlement.retired, *settlement.dropped} if settlement else set()
    stays = corpus.committed() - leaves
    missing = [split.id for split in splits if split.id not in stays]
    growth = growth_of(settlement, corpus.is_complete(), missing, len(stays))
    return told(GROWS if missing or settlement else SAME, growth=growth or Growth(len(missing), len(stays)))


def preview_lines(previews: Sequence[Preview]) -> list[str]:
    """For a person: a line a stage, and below it why."""
    lines = []
    for one in previews:
        if one.action == REFUSED:
            lines.append(f"{one.name}: the build would end with an error: {one.refusal}")
        elif one.action == BUILT:
            lines.append(f"{one.name}: {counted(one.num_splits)} would be built, nothing is kept")
        elif one.action == FOLLOWS:
            lines.append(f"{one.name}: made when the stage before it is whole")
        elif one.action == SAME and not one.follows:
            lines.append(f"{one.name}: nothing to do, all of it is there ({counted(one.num_splits)})")
        elif one.growth is not None:
            lines.append(f"{one.name}: {one.growth.say()}")
            lines += [f"  because {why}" for why in one.growth.why]
        if one.follows and one.action not in (FOLLOWS, BUILT, REFUSED):
            lines.append(
                "  and then what the stage before it changes: splits that are made from other data, or by other lists, are made anew"
            )
    if any(one.growth and one.growth.num_redone for one in previews):
        lines.append("splits are made anew as a whole: a step that changed concerns each of their records")
    return lines
