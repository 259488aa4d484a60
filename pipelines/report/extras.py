"""What only some corpora have: how sequences are packed, copies, hits of benchmarks, refusals by source, tokens by licence or language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from pipelines.report.charts import ribbon
from pipelines.report.facts import FactCard, fact_card
from pipelines.report.figures import FactFigures, Spread, Statistics
from pipelines.report.statistics import spread_of
from pipelines.report.wording import count, exact, share

MAX_ROWS = 12
SPLIT_BY = ("language", "domain")  # facts of text whose names hold these are shown beside licences and sources
MODALITIES = ("text", "image", "audio", "all")
PACKED = {
    "pieces": ("int", "Pieces in a sequence"),
    "piece_tokens": ("int", "Tokens of a piece"),
    "filled_ratio": ("float", "Share of a sequence that is no padding"),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A small table: its first `num_texts` columns are text, of which the first names the row; the others are counts."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    num_texts: int = 1


@dataclass(frozen=True, slots=True)
class CompositionRow:
    value: str
    num: int
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Composition:
    """Rows by the values of one column, the most frequent first, with tokens of each modality that is told."""

    title: str
    name: str
    whole: int
    modalities: tuple[str, ...]
    rows: tuple[CompositionRow, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Packing:
    """How sequences are filled: pictures of the first of them, and spreads over all."""

    ribbons: tuple[tuple[Markup, str], ...]
    facts: tuple[FactCard, ...]
    num_cut: int
    num_sequences: int


def packing_of(statistics: Statistics) -> Packing | None:
    """None for a corpus that is not packed."""
    told = statistics.extra.get("packing")
    if not told:
        return None
    spreads = {name: spread_of(told[name]) for name in PACKED if name in told}
    facts = [fact_card(FactFigures(f"packing.{name}", *PACKED[name], spread, Spread())) for name, spread in spreads.items()]
    ribbons = tuple(_ribbon(number, row) for number, row in enumerate(told.get("ribbons", ())))
    return Packing(ribbons, tuple(facts), int(told.get("num_cut", 0)), statistics.num_out)


def _ribbon(number: int, row: Mapping[str, Any]) -> tuple[Markup, str]:
    pieces, length = [int(tokens) for tokens in row["pieces"]], int(row["tokens"])
    padding = length - sum(pieces)
    says = f"{count(len(pieces))} pieces, {share(sum(pieces), length)} full"
    title = f"Sequence {number + 1}: {count(len(pieces))} pieces, {count(padding)} of {count(length)} tokens are padding"
    return ribbon(pieces, length, f"ribbon-{number}", title), says


def extra_tables(statistics: Statistics) -> list[Table]:
    """The tables that this corpus has, in a fixed order."""
    extra = statistics.extra
    tables: list[Table] = []
    for name, title, what in (
        ("duplicates", "Copies", ("records", "record that stays", "refused for it")),
        ("benchmarks", "Benchmark hits", ("names", "benchmark", "refused for it")),
    ):
        if name in extra:
            tables += _found(title, extra[name], *what)
    return [*tables, *_by_source(extra.get("refused_by_source", {}))]


def compositions(statistics: Statistics) -> list[Composition]:
    """Licences, sources, and facts of text that name a language or a domain: rows and, where they are told, tokens by value."""
    found = [
        ("licence", "Licences", statistics.licences, statistics.num_out),
        ("source", "Sources", statistics.sources, statistics.num_out),
    ]
    for fact in statistics.facts:
        if fact.type == "str" and any(word in fact.name for word in SPLIT_BY) and fact.kept.values:
            found.append((fact.name, f"By {fact.name}", dict(fact.kept.values), statistics.num_out))
    return [_composition(*each, statistics.extra.get("tokens_by", {}).get(each[0], ())) for each in found]


def _composition(name: str, title: str, counts: Mapping[str, int], whole: int, told: Sequence[Mapping[str, Any]]) -> Composition:
    names = [modality for modality in MODALITIES if any(row.get(modality) for row in told)]
    if len(names) == 2 and names[1] == "all":
        names = ["all"]  # of one modality
    if told:
        rows = [CompositionRow(_value(row["value"]), row["num_rows"], tuple(row.get(name, 0) for name in names)) for row in told]
    else:
        rows = [CompositionRow(_value(value), num, ()) for value, num in counts.items()]
    rows.sort(key=lambda row: -row.num)
    labels = tuple({"all": "tokens"}.get(name, name) for name in names) if names else ()
    more = f"{count(len(rows) - MAX_ROWS)} more of them, which {count(sum(row.num for row in rows[MAX_ROWS:]))} rows have."
    return Composition(title, name, whole, labels, tuple(rows[:MAX_ROWS]), more if len(rows) > MAX_ROWS else "")


def _value(value: object) -> str:
    if value is None:
        return "(not told)"
    return str(value).lower() if isinstance(value, bool) else str(value) or "(empty)"


def _found(title: str, told: Mapping[str, Any], spread_name: str, value: str, num: str) -> list[Table]:
    reasons = tuple((row["reason"], row["step"], count(row["num_records"])) for row in told.get("reasons", ()))
    note = ""
    if "similarity" in told:
        similarity = spread_of(told["similarity"])
        note = f"Similarity to what stays: {exact(similarity.least)} to {exact(similarity.most)}, mean {exact(similarity.mean)}."
    tables = [Table(f"{title}: by reason", ("reason", "step", "records"), reasons, note, num_texts=2)]
    values = spread_of(told[spread_name]).values if spread_name in told else ()
    if values and values[0][1] > 1:  # else each stands alone, and says nothing
        rows = tuple((text, count(num_records)) for text, num_records in values[:MAX_ROWS])
        tables.append(Table(f"{title}: by {value}", (value, num), rows, _more(len(values))))
    return tables


def _by_source(told: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Table]:
    """Which source each reason strikes."""
    rows = Counter({(source, row["step"], row["reason"]): int(row["num_records"]) for source, found in told.items() for row in found})
    if len(told) < 2 or not rows:
        return []
    cells = tuple((_value(source), f"{step}: {reason}", count(num)) for (source, step, reason), num in rows.most_common(MAX_ROWS))
    return [Table("Refused by source", ("source", "reason", "records"), cells, _more(len(rows)), num_texts=2)]


def _more(num: int) -> str:
    return f"The first {MAX_ROWS} of {count(num)}." if num > MAX_ROWS else ""
