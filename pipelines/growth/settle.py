"""How a corpus is made ready to grow: splits that may not stay leave its ledger, the new recipe takes its place, and the build goes on.

What the source no longer has is retired: its shard, its rejects and its ledger entry move to `.retired/<corpus>/<number>` beside the
corpus, with the recipe by which they were made. What only has to be made anew, of the same data, is dropped. Both are named in
`growth.json`, which is written before anything changes and removed when all has changed; so whoever owns the corpus next goes on
where a killed build stopped. From then on the corpus is one whose build has not ended, as any other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.growth.change import Change
from schemas.corpus import Corpus, LedgerEntry
from schemas.identity import canonical_json
from schemas.shard import link_file, move_file, remove_durably, remove_files, write_replacing

JOURNAL = "growth.json"
RETIRED = ".retired"
TOLD = "retired.json"  # beside what is retired: why, and how much
MAX_FILES = 5  # named in a message


@dataclass(frozen=True, slots=True)
class Settlement:
    """What leaves the ledger of a corpus, by the ids of splits: retired into the folder `into` (beside the corpus), or dropped; and its recipe from now on."""

    recipe: str
    retired: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    into: str = ""
    why: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        return (canonical_json(asdict(self)) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Settlement:
        raw = json.loads(data)
        return cls(raw["recipe"], tuple(raw["retired"]), tuple(raw["dropped"]), raw["into"], tuple(raw["why"]))


@dataclass(frozen=True, slots=True)
class Growth:
    """What became of the splits of a corpus that was there: how many are new, kept, made anew and retired, and why."""

    num_new: int = 0
    num_kept: int = 0
    num_redone: int = 0
    num_retired: int = 0
    why: tuple[str, ...] = ()
    into: str = ""  # where those are that were retired

    def say(self) -> str:
        """One line."""
        told = [f"{counted(self.num_new)} new", f"{self.num_kept:,} kept"]
        told += [f"{self.num_redone:,} made anew"] if self.num_redone else []
        told += [f"{self.num_retired:,} retired (they are in {self.into})"] if self.num_retired else []
        return ", ".join(told)


@dataclass(frozen=True, slots=True)
class Gone:
    """Splits that the source no longer has: those of files that it no longer has either, and those of files that changed; ids by path."""

    removed: dict[str, list[str]]
    changed: dict[str, list[str]]

    def __bool__(self) -> bool:
        return bool(self.removed or self.changed)

    def say(self) -> str:
        """The files, the first few by name."""
        return "; ".join(f"{what}: {_named(files)}" for what, files in (("removed", self.removed), ("changed", self.changed)) if files)


def counted(num: int) -> str:
    """So many splits, in words."""
    return f"{num:,} split{'' if num == 1 else 's'}"


def _named(files: dict[str, list[str]]) -> str:
    told = [f"{path} ({counted(len(ids))})" for path, ids in sorted(files.items())]
    return ", ".join(told[:MAX_FILES]) + (f" and {len(told) - MAX_FILES} more files" if len(told) > MAX_FILES else "")


def gone_of(entries: Sequence[LedgerEntry], splits: Sequence[Any]) -> Gone:
    """The committed splits that are not among those of the source."""
    ids, paths = {split.id for split in splits}, {str(split.path) for split in splits}
    removed: dict[str, list[str]] = defaultdict(list)
    changed: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if entry.split["id"] not in ids:
            path = str(entry.split["path"])
            (changed if path in paths else removed)[path].append(str(entry.split["id"]))
    return Gone(dict(removed), dict(changed))


def moved_of(entries: Sequence[LedgerEntry], splits: Sequence[Any]) -> list[str]:
    """The committed splits that the source still has, at another place: their ledger entries would tell the old one."""
    places = {split.id: (split.path, split.revision, split.start, split.stop) for split in splits}
    told = {str(entry.split["id"]): tuple(entry.split[name] for name in ("path", "revision", "start", "stop")) for entry in entries}
    return [split_id for split_id, place in told.items() if split_id in places and places[split_id] != place]


def settlement_of(
    corpus: Corpus, recipe: str, change: Change | None, splits: Sequence[Any], entries: Sequence[LedgerEntry], replaces: bool
) -> Settlement | None:
    """What has to leave a corpus that it may grow by a recipe; None where nothing has, and the recipe is the same.

    `replaces`: the source is made of corpora, and what it holds under a path that it had before takes the place of what was made from
    that; else it is other data, and what was made from the former is retired.
    """
    gone = gone_of(entries, splits)
    retired = sorted(split_id for files in (gone.removed, {} if replaces else gone.changed) for ids in files.values() for split_id in ids)
    leaving = set(retired) | {split_id for ids in gone.changed.values() for split_id in ids}
    if change is not None:
        leaving |= set(moved_of(entries, splits)) if change.keeps_splits else {str(entry.split["id"]) for entry in entries}
    if change is None and not leaving:
        return None
    why = (*(change.why if change else ()), *([f"the source has changed; {gone.say()}"] if gone else []))
    into = _next_folder(corpus).relative_to(corpus.path.parent).as_posix() if retired else ""
    return Settlement(recipe, tuple(retired), tuple(sorted(leaving - set(retired))), into, why)


def retired_folder(corpus: Corpus) -> Path:
    """Where the retired splits of a corpus are, a folder a time."""
    return corpus.path.parent / RETIRED / corpus.path.name


def _next_folder(corpus: Corpus) -> Path:
    folder = retired_folder(corpus)
    there = [int(path.name) for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []
    return folder / f"{max([0, *there]) + 1:04}"


# ---- carrying it out


def unfinish(corpus: Corpus) -> None:
    """Takes from a corpus what says that it is whole, so that no reader takes it for that while it changes."""
    for name in ("corpus.json", "state.json"):
        if (corpus.path / name).is_file():
            remove_durably(corpus.path / name)


def settle(corpus: Corpus, settlement: Settlement) -> None:
    """Carries a settlement out; after a kill at any moment `resume_settling` ends it."""
    write_replacing(corpus.path / JOURNAL, settlement.to_bytes())
    resume_settling(corpus)


def resume_settling(corpus: Corpus) -> Settlement | None:
    """Carries out what the journal says, as far as it is not done. None where there is no journal."""
    file = corpus.path / JOURNAL
    if not file.is_file():
        return None
    settlement = Settlement.from_bytes(file.read_bytes())
    unfinish(corpus)
    if settlement.retired:
        _retire(corpus, settlement)
    _drop(corpus, settlement.dropped)
    write_replacing(corpus.path / "recipe.json", settlement.recipe.encode())
    remove_durably(file)
    return settlement


def _retire(corpus: Corpus, settlement: Settlement) -> None:
    """Moves splits out, the ledger entry of each last; the shards that stay behind are then orphans, which the build removes."""
    into = Corpus(corpus.path.parent / settlement.into)
    if not (into.path / "recipe.json").is_file():
        write_replacing(into.path / "recipe.json", (corpus.path / "recipe.json").read_bytes())
    committed = corpus.committed()
    for split_id in settlement.retired:
        if split_id not in committed:
            continue
        entry = LedgerEntry.from_bytes((corpus.path / "ledger" / f"{split_id}.json").read_bytes())
        for data in (entry.shard, entry.rejects):
            if (corpus.path / data.name).is_file():
                link_file(corpus.path / data.name, into.path / data.name)
        move_file(corpus.path / "ledger" / f"{split_id}.json", into.path / "ledger" / f"{split_id}.json")
    told = {"why": list(settlement.why), "splits": len(settlement.retired)}
    write_replacing(into.path / TOLD, (json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())


def _drop(corpus: Corpus, split_ids: Collection[str]) -> None:
    """Removes ledger entries; the last one durably, which makes all of them so: they lie in one folder."""
    files = [corpus.path / "ledger" / f"{split_id}.json" for split_id in sorted(split_ids)]
    remove_files(files[:-1])
    for file in files[-1:]:
        remove_durably(file)


def growth_of(settlement: Settlement | None, was_whole: bool, missing: Collection[str], num_kept: int) -> Growth | None:
    """What is told of a corpus that was there: the splits `missing` are about to be built. None for one whose build merely goes on."""
    if settlement is None and not (was_whole and missing):
        return None
    settlement = settlement or Settlement("")
    redone = min(len(settlement.dropped), len(missing))
    return Growth(len(missing) - redone, num_kept, redone, len(settlement.retired), settlement.why, settlement.into)


def told_growth(growth: Growth) -> Iterator[str]:
    """Lines for a person."""
    yield growth.say()
    yield from (f"  because {why}" for why in growth.why)
