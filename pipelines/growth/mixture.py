"""A mixture: rows of several corpora of one kind in exact proportion, as the source of a corpus like any other.

Of each corpus so many whole passes are taken, then the first rows of its keyed order (see pipelines/growth/shares.py) up to a cut. A row's key is
made of the corpus's number and its own key, in a second pass with `/1` behind it, and so on; its parent is the row that it was. What no
pass takes is refused as `not_sampled`, so every row of every corpus is in the mixture or counted. The shards of all corpora stand in a
keyed order, pass by pass, so that no corpus stands all at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, ClassVar

from pipelines.corpus_source import CorpusSource
from pipelines.graph import Compute, compute_here
from pipelines.growth.shares import apportion, find_cut, most, place_in_order
from pipelines.recipe import Recipe
from pipelines.source.split import Split
from processors.contract import NUM_TOKENS
from schemas.corpus import Corpus
from schemas.facts import Fact
from schemas.identity import child_key, digest
from schemas.outcome import Reason, Reject
from schemas.records import Record
from schemas.store import place_of

ROWS, TOKENS = "rows", "tokens"
NOT_SAMPLED = Reason("not_sampled", "The mixture takes fewer rows of this corpus; those that stand later in its keyed order stay out")


class MixtureError(ValueError):
    """The corpora cannot be mixed as asked; the message says which, and what would go."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A corpus of a mixture: its share, of which only the proportion to the others' matters, and how often at most a row may be taken."""

    name: str
    corpus: CorpusSource
    share: Fraction
    epochs: int = 1


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken of a corpus: `num_passes` whole passes, and in another one the rows before `bound` (none where it is empty).

    `asked` rows or tokens, `num_rows` and `num_tokens` in the mixture, of `num_available` rows.
    """

    name: str
    share: str
    num_passes: int
    bound: str
    asked: int
    num_rows: int
    num_tokens: int
    num_available: int

    @property
    def num_turns(self) -> int:
        """Passes in which the corpus is read; at least one, in which what is left out is counted."""
        return self.num_passes + bool(self.bound) or 1

    @property
    def num_left_out(self) -> int:
        """Rows of the corpus that no pass takes."""
        partly = self.num_rows - self.num_passes * self.num_available
        return 0 if self.num_passes else self.num_available - partly

    def takes(self, key: str, turn: int, seed: int) -> bool:
        """Whether a pass takes the row with this key."""
        return turn < self.num_passes or (bool(self.bound) and place_in_order(key, seed) < self.bound)


@dataclass(frozen=True, slots=True)
class MixedSplit(Split):
    """A shard of the `part`-th corpus in one of its passes."""

    part: int = 0
    turn: int = 0
    shard: str = ""


@dataclass(frozen=True, slots=True)
class Mixture:
    """The rows of corpora as `taken` says; see `mix`."""

    corpora: tuple[CorpusSource, ...]
    taken: tuple[Taken, ...]
    seed: int
    by: str
    reasons: ClassVar[tuple[Reason, ...]] = (NOT_SAMPLED,)
    facts: tuple[Fact, ...] = field(default=())

    @property
    def gives(self) -> type:
        return self.corpora[0].gives

    def splits(self) -> list[MixedSplit]:
        found = []
        for part, (corpus, taken) in enumerate(zip(self.corpora, self.taken, strict=True)):
            shards = corpus.splits()
            for turn in range(taken.num_turns):
                rule = "all" if turn < taken.num_passes else taken.bound
                for split in shards:
                    order = digest(str(self.seed), str(part), split.id)[:12]
                    name = digest("mixture", str(self.seed), str(part), str(turn), split.id, rule)
                    path = f"pass {turn:04}/{order} {taken.name}"
                    place = (path, split.revision, 0, split.num_rows, split.num_rows, split.size_bytes)
                    found.append(MixedSplit(name, *place, part=part, turn=turn, shard=split.path))
        return sorted(found, key=lambda split: split.path)

    def read(self, split: MixedSplit) -> Iterator[Record | Reject]:
        corpus, taken = self.corpora[split.part], self.taken[split.part]
        for record in corpus.read(Split(split.id, split.shard, split.revision, 0, split.num_rows, split.num_rows, split.size_bytes)):
            key = digest(str(split.part), record.key)
            if taken.takes(record.key, split.turn, self.seed):
                yield replace(record, key=child_key(key, split.turn) if split.turn else key, parents=(record.key,))
            elif split.turn == 0:
                detail = f"{taken.num_rows:,} of {taken.num_available:,} rows of {taken.name} are taken"
                yield Reject(key, NOT_SAMPLED.name, detail, record.origin)


def mix(asked: Sequence[Asked], by: str = ROWS, size: int = 0, seed: int = 0, compute: Compute = compute_here) -> Mixture:
    """The source of a mixture of `size` rows or tokens; 0 takes as many as the corpora have for these shares.

    Rows are cut by the shares exactly, to the row. So are tokens, and of each corpus as many rows are taken as go into its part.

    Raises: MixtureError for corpora of different kinds, for facts of one name and different types, for a corpus that has too few.
    """
    if by not in (ROWS, TOKENS):
        raise MixtureError(f"the mixture is by {by!r}, expected {ROWS} or {TOKENS}")
    facts = _facts(asked)
    available = [_available(one, by) for one in asked]
    bounds = [one.epochs * num for one, num in zip(asked, available, strict=True)]
    shares = [one.share for one in asked]
    wanted = apportion(size or most(shares, bounds), shares)
    for one, num, bound in zip(asked, wanted, bounds, strict=True):
        if num > bound:
            raise MixtureError(
                f"{one.name}: {num:,} {by} are asked for, and {one.epochs} times what it has are {bound:,}; take a size of at most "
                f"{most(shares, bounds):,}, a smaller share of it, or more epochs"
            )
    taken = tuple(_take(one, num, have, by, seed, compute) for one, num, have in zip(asked, wanted, available, strict=True))
    return Mixture(tuple(one.corpus for one in asked), taken, seed, by, facts)


def _available(one: Asked, by: str) -> int:
    totals: dict[str, Any] = Corpus(place_of(one.corpus.root)).totals()
    if by == TOKENS and NUM_TOKENS.name not in totals["sums"]:
        raise MixtureError(f"{one.name} has no count of tokens ({NUM_TOKENS.name}) in its corpus.json; mix by {ROWS}")
    num = int(totals["num_out"] if by == ROWS else totals["sums"][NUM_TOKENS.name])
    if num == 0:
        raise MixtureError(f"{one.name} has no {by}; leave it out")
    return num


def _take(one: Asked, wanted: int, available: int, by: str, seed: int, compute: Compute) -> Taken:
    """So many rows or tokens of a corpus: passes over all of it, then a beginning of its order."""
    corpus = Corpus(place_of(one.corpus.root))
    totals: dict[str, Any] = corpus.totals()
    num_rows, num_tokens = int(totals["num_out"]), int(totals["sums"].get(NUM_TOKENS.name, 0))
    passes, rest = divmod(wanted, available)
    cut = find_cut(corpus, rest, by == TOKENS, seed, compute) if rest else None
    rows, tokens = (cut.num_rows, cut.num_tokens) if cut else (0, 0)
    bound = cut.bound if cut and rows else ""
    share = str(one.share)
    return Taken(one.name, share, passes, bound, wanted, passes * num_rows + rows, passes * num_tokens + tokens, num_rows)


def _facts(asked: Sequence[Asked]) -> tuple[Fact, ...]:
    """The facts of all corpora by name. Raises: MixtureError."""
    first = asked[0]
    found: dict[str, Fact] = {}
    for one in asked:
        if one.corpus.kind != first.corpus.kind:
            raise MixtureError(f"{one.name} holds {one.corpus.kind} records and {first.name} {first.corpus.kind} records; mix one kind")
        for fact in one.corpus.facts:
            other = found.setdefault(fact.name, fact)
            if other.type is not fact.type:
                raise MixtureError(f"fact {fact.name} is {fact.type.__name__} in {one.name} and {other.type.__name__} in another corpus")
    return tuple(found[name] for name in sorted(found))


def mixture_recipe(name: str, mixture: Mixture, title: str = "") -> Recipe:
    """The recipe of a mixture. Raises: MixtureError where log-Mels are stored in different types."""
    dtypes: dict[str, str] = {}
    for corpus, taken in zip(mixture.corpora, mixture.taken, strict=True):
        told: Any = Corpus(place_of(corpus.root)).recipe()["parameters"]
        dtypes.setdefault(str(told["mel_dtype"]), taken.name)
    if len(dtypes) > 1:
        raise MixtureError(
            f"log-Mels are stored as {' and '.join(f'{dtype} in {name}' for dtype, name in dtypes.items())}; build both alike"
        )
    names = ", ".join(taken.name for taken in mixture.taken)
    return Recipe(name, mixture, (), mixture.seed, title or f"A mixture of {names}", mel_dtype=next(iter(dtypes)))


def as_rows(mixture: Mixture) -> list[dict[str, Any]]:
    """The table of a mixture: what of each corpus was asked for and is taken. Shares are of all rows, or tokens, of the mixture."""
    counted = [taken.num_rows if mixture.by == ROWS else taken.num_tokens for taken in mixture.taken]
    shares = [Fraction(taken.share) for taken in mixture.taken]
    return [
        {
            "corpus": taken.name,
            "share": float(share / sum(shares)),
            "asked": taken.asked,
            "rows": taken.num_rows,
            "tokens": taken.num_tokens,
            "reached_share": num / max(1, sum(counted)),
            "passes": taken.num_rows / taken.num_available,
            "available": taken.num_available,
            "left_out": taken.num_left_out,
        }
        for taken, share, num in zip(mixture.taken, shares, counted, strict=True)
    ]
