"""How a requeue changes a corpus without ever leaving it half changed.

What is chosen to be replayed is set aside: its splits move, with their shards and rejects, into the folder `requeue/` of the corpus,
which is laid out as a corpus itself, and so count as not committed. `requeue/journal.json`, written before anything moves, names them,
what was chosen and the recipe from now on. Whoever owns the corpus next, a requeue or a build, first sets aside what the journal
names and is not there yet; a requeue then replays those splits, a build makes them anew, and both end with the same bytes. The journal
is removed when all of them are committed again; without it `requeue/` is nobody's, and removed like every orphan.

Setting a split aside a second time does no harm: to replay what was replayed gives the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from pipelines.remote import remove_folder
from schemas.corpus import JOURNAL, REQUEUE, Corpus
from schemas.identity import canonical_json
from schemas.shard import link_file, move_file, remove_durably, write_replacing


@dataclass(frozen=True, slots=True)
class Selection:
    """Which refusals are replayed: those for one of `reasons`, of the sort `failure`, by the step `step`; what is empty admits all."""

    reasons: tuple[str, ...] = ()
    failure: str = ""
    step: str = ""

    def admits(self, step: str, failure: str, reason: str) -> bool:
        """Whether a refusal is chosen."""
        return (not self.reasons or reason in self.reasons) and self.failure in ("", failure) and self.step in ("", step)


@dataclass(frozen=True, slots=True)
class Journal:
    """A requeue under way: `splits` are the ids of those it replays, `recipe` the text of recipe.json from now on.

    `content` is what the corpus held when it was last whole, by which later stages were made; None when it never was.
    """

    selections: tuple[Selection, ...]
    splits: tuple[str, ...]
    recipe: str
    content: str | None

    def to_bytes(self) -> bytes:
        return (canonical_json(asdict(self)) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Journal:
        raw = json.loads(data)
        selections = tuple(Selection(tuple(told["reasons"]), told["failure"], told["step"]) for told in raw["selections"])
        return cls(selections, tuple(raw["splits"]), raw["recipe"], raw["content"])


def aside_of(corpus: Corpus) -> Corpus:
    """The splits that are set aside, as a corpus without a recipe."""
    return Corpus(corpus.path / REQUEUE)


def read_journal(corpus: Corpus) -> Journal | None:
    """The journal of a requeue that has not ended."""
    file = corpus.path / JOURNAL
    return Journal.from_bytes(file.read_bytes()) if file.is_file() else None


def waiting(corpus: Corpus, journal: Journal) -> list[str]:
    """The splits of a journal that are not committed anew, once they are set aside."""
    committed = corpus.committed()
    return [split_id for split_id in journal.splits if split_id not in committed]


def begin_requeue(corpus: Corpus, journal: Journal) -> None:
    """Writes the journal: from here on the corpus is on its way to what the journal says. One that was there before is taken over.

    What is set aside of splits that wait no longer is removed first, that it be not taken for theirs.
    """
    if read_journal(corpus) is None:
        remove_folder(corpus.path / REQUEUE)
    _forget(corpus, corpus.committed())
    write_replacing(corpus.path / JOURNAL, journal.to_bytes())


def set_aside(corpus: Corpus) -> Journal | None:
    """Sets aside what the journal names and is not aside yet, and gives the corpus the journal's recipe. None where no requeue is under way."""
    journal = read_journal(corpus)
    if journal is None:
        return None
    for name in ("corpus.json", "state.json"):  # no reader takes the corpus for a whole one
        remove_durably(corpus.path / name)
    aside = aside_of(corpus).path
    for split_id in journal.splits:
        entry, data = f"ledger/{split_id}.json", [f"{folder}/{split_id}.arrow" for folder in ("shards", "rejects")]
        if (aside / entry).is_file() or not (corpus.path / entry).is_file():
            continue
        for name in data:
            if (corpus.path / name).is_file():  # a split whose files were lost is run whole
                link_file(corpus.path / name, aside / name)
        move_file(corpus.path / entry, aside / entry)
    write_replacing(corpus.path / "recipe.json", journal.recipe.encode())
    return journal


def end_requeue(corpus: Corpus) -> None:
    """Ends a requeue whose splits are all committed again."""
    remove_durably(corpus.path / JOURNAL)
    remove_folder(corpus.path / REQUEUE)


def _forget(corpus: Corpus, split_ids: Iterable[str]) -> None:
    """Removes what is set aside of splits, their ledger entries first."""
    aside = aside_of(corpus).path
    for split_id in sorted(split_ids):
        if (aside / f"ledger/{split_id}.json").is_file():
            remove_durably(aside / f"ledger/{split_id}.json")


def chosen(selections: Iterable[Selection], row: Mapping[str, str]) -> bool:
    """Whether one of the selections admits a row of the rejects table."""
    return any(selection.admits(row["step"], row["failure"], row["reason"]) for selection in selections)
