"""What a build may do to a corpus that is there: which changes of its recipe and its source are let in, and which are refused, with what to do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pipelines.failure import BuildError
from pipelines.growth.change import Change, change_of, reads_corpora
from pipelines.growth.settle import Settlement, gone_of, settlement_of
from pipelines.recipe import Recipe
from pipelines.recipe_file import recipe_file, recipe_text
from pipelines.requeue_journal import Journal
from schemas.corpus import Corpus

if TYPE_CHECKING:
    from pipelines.build import Execution


def allowed_change(recipe: Recipe, corpus: Corpus, execution: Execution, derived: bool) -> Change | None:
    """Where the recipe differs from that of the corpus; None where it does not. Raises BuildError where it may not."""
    change = change_of(corpus.recipe(), recipe)
    may_follow = change is not None and change.follows and (derived or change.keeps_splits)
    if change is None or may_follow or execution.update:
        return change
    raise BuildError(
        f"{corpus.path} was begun with another recipe: {change.why[0]}. Use the old value, another --out, --update to make anew what "
        "the change concerns (--dry-run tells what), or --rebuild to remove the corpus and start anew"
    )


def plan_settlement(
    recipe: Recipe, corpus: Corpus, splits: list[Any], change: Change | None, execution: Execution, derived: bool, requeued: Journal | None
) -> Settlement | None:
    """What the recipe and the source of now do not leave in the ledger; None where nothing changed. Raises BuildError where it may not be so."""
    committed = corpus.committed() | set(requeued.splits if requeued else ())
    of_corpora = reads_corpora(recipe_file(recipe))
    is_free = derived or execution.follow or (execution.update and of_corpora)
    check_splits(corpus, splits, committed, may_go=is_free)
    if change is None and committed <= {split.id for split in splits}:
        return None
    if requeued:
        raise BuildError(
            f"{corpus.path} is being requeued, and its recipe or its source has changed; end the requeue with those of before, or --rebuild"
        )
    return settlement_of(corpus, recipe_text(recipe), change, splits, corpus.ledger(), of_corpora)


def check_splits(corpus: Corpus, splits: list[Any], committed: set[str], may_go: bool = False) -> None:
    """Raises BuildError for a source without splits, with one twice, or, unless they `may_go`, without some that the corpus holds."""
    if not splits:
        raise BuildError(f"building {corpus.path}: the source has no data; check its path and format")
    doubled = [split_id for split_id, count in Counter(split.id for split in splits).items() if count > 1]
    if doubled:
        raise BuildError(f"building {corpus.path}: splits {doubled[:3]} occur twice in the source; it would double records")
    gone = committed - {split.id for split in splits}
    if gone and not may_go:
        said = gone_of(corpus.ledger(), splits).say()
        raise BuildError(
            f"{corpus.path} holds {len(gone)} splits that its source no longer has (first {min(gone)}): the source has changed"
            f"{f'; {said}' if said else ''}. Use --follow to retire what was made from them (it is moved out, nothing is "
            "deleted) and to build what is new, --rebuild to start anew, or another --out"
        )
