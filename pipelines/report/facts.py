"""How each fact is shown: its histogram on one or two axes, quantiles, frequent values, and the limits that steps set on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from pipelines.report.charts import Histogram, Series, Threshold, draw, histograms, kept_and_refused, share_bar
from pipelines.report.figures import FactFigures, LimitFigures, Spread
from pipelines.report.what_if import LEAST, MOST, Slider, Stop, bins_of, sliders_of, within
from pipelines.report.wording import anchor, bounds, condition, count, exact, share, short, unit_of

TOP_VALUES = 8
MAX_VALUE_CHARS = 80
SHOWN_QUANTILES = {0.05: "5%", 0.5: "median", 0.95: "95%"}


@dataclass(frozen=True, slots=True)
class Picture:
    """One drawing of a histogram; `axis` says linear or logarithmic."""

    axis: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class Quantiles:
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class BarTable:
    """The bars as text: the name of each series, and what stands in each bar."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class ValueRow:
    text: str
    kept: int
    refused: int
    bar: Markup


@dataclass(frozen=True, slots=True)
class LimitCard:
    """A limit under its fact: what is asked, how many it refused, and its sliders."""

    l: LimitFigures  # noqa: E741
    number: int
    sliders: tuple[Slider, ...]

    @property
    def asks(self) -> str:
        unit = unit_of(self.l.fact)
        return bounds(self.l.least, self.l.most) + (f" {unit}" if unit else "")

    @property
    def num_refused(self) -> int:
        return self.l.refused.num_records + self.l.refused.num_missing

    @property
    def num_judged(self) -> int:
        return self.l.refused.num_records

    @property
    def where(self) -> str:
        """Of which records it asks; empty for all."""
        return f"where {' and '.join(map(condition, self.l.where))}" if self.l.where else ""

    @property
    def notes(self) -> list[str]:
        """What to know before the figures are believed."""
        notes = [] if self.l.sole else ["The reason has other causes too."]
        if self.l.remeasured_by:
            notes.append(f"Measured again by {', '.join(self.l.remeasured_by)}: rows no longer carry what was judged.")
        return notes

    @property
    def now(self) -> tuple[str, str]:
        least, most = (None if value is None else Stop(value) for value in (self.l.least, self.l.most))
        return answer(self.l, least, most)


@dataclass(frozen=True, slots=True)
class FactCard:
    """Everything that the page tells of one fact."""

    f: FactFigures
    place: str
    unit: str
    pictures: tuple[Picture, ...] = ()
    quantiles: Quantiles | None = None
    table: BarTable | None = None
    values: tuple[ValueRow, ...] = ()
    values_note: str = ""
    asks: tuple[LimitCard, ...] = ()
    off_chart: str = ""
    only: str | None = None  # the single value that there is

    @property
    def sliders(self) -> list[Slider]:
        return [slider for limit in self.asks for slider in limit.sliders]

    @property
    def num_not_finite(self) -> int:
        return self.f.kept.num_not_finite + self.f.refused.num_not_finite


@dataclass(frozen=True, slots=True)
class Area:
    """The facts whose names begin alike: those with a spread, and those with one value."""

    name: str
    facts: list[FactCard] = field(default_factory=list)
    same: list[FactCard] = field(default_factory=list)

    @property
    def place(self) -> str:
        return anchor("area", self.name)

    @property
    def groups(self) -> list[list[FactCard]]:
        """Those with limits, and those without."""
        return [group for group in ([card for card in self.facts if card.asks], [card for card in self.facts if not card.asks]) if group]

    @property
    def num(self) -> int:
        return len(self.facts) + len(self.same)


def fact_place(name: str) -> str:
    return anchor("fact", name)


def between(sure: int, possible: int, whole: int, verb: str) -> str:
    """A count that bins may only bound, with its share."""
    if sure == possible:
        return f"{count(sure)} of {count(whole)} {verb} ({share(sure, whole)})"
    return f"{count(sure)} to {count(possible)} of {count(whole)} {verb} ({share(sure, whole)} to {share(possible, whole)})"


def answer(limit: LimitFigures, least: Stop | None, most: Stop | None) -> tuple[str, str]:
    """What a limit with these bounds would keep: of rows that came out, and of what it refused. script.js says the same."""
    kept, refused = bins_of(limit)
    num_kept, num_refused = (sum(num for _, _, num in bins) for bins in (kept, refused))
    stay = between(*within(kept, least, most), num_kept, "would stay") if num_kept else "none has the fact"
    none = "none that it judges" if limit.refused.num_missing else "none"
    go_on = between(*within(refused, least, most), num_refused, "would pass here") if num_refused else none
    return f"Rows kept now: {stay}.", f"Refused so: {go_on}{', if nothing else refuses them' if num_refused else ''}."


def areas_of(facts: Sequence[FactFigures], limits: Sequence[LimitFigures]) -> list[Area]:
    """Cards of all facts by area, in order of name, those with limits first. A limit on a fact that no row carries has a card too."""
    known = {fact.name for fact in facts}
    lone = {limit.fact: FactFigures(limit.fact, "float", "", limit.kept, limit.refused) for limit in limits if limit.fact not in known}
    areas: dict[str, Area] = {}
    for fact in sorted([*facts, *lone.values()], key=lambda fact: fact.name):
        asked = [(number, limit) for number, limit in enumerate(limits) if limit.fact == fact.name]
        card = fact_card(fact, asked)
        area = areas.setdefault(fact.name.partition(".")[0], Area(fact.name.partition(".")[0]))
        (area.same if card.only is not None and not card.asks else area.facts).append(card)
    for area in areas.values():
        area.facts.sort(key=lambda card: (-min(2, len(card.asks)), card.f.name))
    return list(areas.values())


def fact_card(fact: FactFigures, limits: Sequence[tuple[int, LimitFigures]] = ()) -> FactCard:
    """One fact, with the limits on it and their places among all limits."""
    asks = tuple(LimitCard(limit, number, tuple(sliders_of(number, limit))) for number, limit in limits)
    card = FactCard(fact, fact_place(fact.name), unit_of(fact.name), asks=asks, only=_only(fact))
    return _with_values(card) if fact.type in ("str", "bool") else _with_numbers(card)


def _only(fact: FactFigures) -> str | None:
    """The value that all records have; None where there are several."""
    found: set[str] = set()
    for spread in (fact.kept, fact.refused):
        if spread.num_not_finite or spread.num_other:
            return None
        found |= {exact(end) for end in (spread.least, spread.most) if end is not None} | {text for text, _ in spread.values}
    if len(found) > 1:
        return None
    return clipped(found.pop()) if found else "in no record"


def clipped(text: str) -> str:
    text = text if text else "(empty)"
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}…"


def _with_numbers(card: FactCard) -> FactCard:
    fact = card.f
    series = kept_and_refused(fact.kept, fact.refused)
    lines = [
        Threshold(value, Stop(value).says(bound), f"limit-{limit.number}-{bound}")
        for limit in card.asks
        for bound, value in ((LEAST, limit.l.least), (MOST, limit.l.most))
        if value is not None
    ]
    drawn = histograms(series, lines, fact.type == "int")
    pictures = [_picture(card, histogram, series, lines, place) for place, histogram in enumerate(drawn)]
    off = sorted({line.says for line in lines if drawn and not drawn[0].scale.holds(line.value)})
    return replace(
        card,
        pictures=tuple(pictures),
        quantiles=quantiles_of([("kept", fact.kept), ("refused", fact.refused)]),
        table=table_of(drawn[0], series) if drawn else None,
        off_chart=f"Beyond the axis: {', '.join(off)}." if off else "",
    )


def _picture(card: FactCard, histogram: Histogram, series: Sequence[Series], lines: Sequence[Threshold], place: int) -> Picture:
    axis = "logarithmic" if histogram.scale.is_log else "linear"
    kept = card.f.kept
    told = [f"{count(kept.num_records)} rows from {exact(kept.least)} to {exact(kept.most)}, mean {exact(kept.mean)}"]
    told += [f"{count(card.f.refused.num_records)} refused records"] if card.f.refused.num_records else []
    told += [f"threshold {line.says}" for line in lines]
    ident = anchor("svg", card.f.name, str(place))
    svg = draw(histogram, series, lines, ident, f"Histogram of {card.f.name}, {axis} axis", "; ".join(told), card.f.type == "int")
    return Picture("log" if histogram.scale.is_log else axis, svg)


def quantiles_of(spreads: Sequence[tuple[str, Spread]]) -> Quantiles | None:
    """The same quantiles of several spreads, by name; None where no spread has numbers."""
    rows = []
    for name, spread in spreads:
        if spread.least is None:
            continue
        told = dict(spread.quantiles)
        middle = [told.get(part) for part in SHOWN_QUANTILES]
        values = [spread.least, *middle, spread.most, spread.mean]
        rows.append((name, tuple("–" if value is None else short(value) for value in values)))
    names = ("least", *SHOWN_QUANTILES.values(), "most", "mean")
    return Quantiles(names, tuple(rows)) if rows else None


def table_of(histogram: Histogram, series: Sequence[Series]) -> BarTable:
    """What the bars of a histogram show, as text; empty bars are left out."""
    rows = [(bar.says(histogram.whole), bar.counts) for bar in histogram.bars if any(bar.counts)]
    if any(histogram.zero):
        rows.insert(0, ("0", histogram.zero))
    return BarTable(tuple(each.name for each in series), tuple(rows))


def _with_values(card: FactCard) -> FactCard:
    kept, refused = dict(card.f.kept.values), dict(card.f.refused.values)
    names = sorted({*kept, *refused}, key=lambda text: (-kept.get(text, 0), -refused.get(text, 0), text))
    whole = card.f.kept.num_records
    told = names[:TOP_VALUES]
    rows = [ValueRow(clipped(text), kept.get(text, 0), refused.get(text, 0), share_bar(kept.get(text, 0), whole)) for text in told]
    num = max(card.f.kept.num_values, len(kept))
    note = f"{count(num)} different values in the rows" if num > len(told) else ""
    return replace(card, values=tuple(rows), values_note=note)
