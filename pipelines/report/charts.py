"""Charts as SVG inside the page: they print, scale with their place, and need no script. Each has a title and a description.

Places across are in percent and heights in pixels, so that nothing is stretched: letters, lines and hatches stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pipelines.report.figures import Spread, StepFigures
from pipelines.report.scale import (
    ZERO_PERCENT,
    Bin,
    Scale,
    edges_for,
    is_better_log,
    may_be_log,
    numbers_of,
    rebin,
    scale_for,
    widths,
)
from pipelines.report.wording import count, exact, refused_by, share, short

PLOT_PX = 96
AXIS_PX = 20
LABEL_PX = 14
LEAST_BAR_PX = 2.0
LEAST_PIECE_PERCENT = 0.7
MAX_LABELS = 3  # of thresholds above one another


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers of one histogram: a name for the legend, and the class that gives it its look in style.css."""

    name: str
    look: str
    bins: tuple[Bin, ...]

    @property
    def num(self) -> int:
        return sum(num for _, _, num in self.bins)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A line at a value: what it says, and the name of the slider that moves its twin."""

    value: float
    says: str
    slider: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """What stands between two edges: the count of each series."""

    low: float
    high: float
    counts: tuple[int, ...]

    def says(self, whole: bool) -> str:
        if whole and self.high - self.low <= 1:
            return exact(round((self.low + self.high) / 2))
        if whole:
            return f"{exact(round(self.low + 0.5))} to {exact(round(self.high - 0.5))}"
        return exact(self.low) if self.low == self.high else f"{exact(self.low)} to {exact(self.high)}"


@dataclass(frozen=True, slots=True)
class Histogram:
    """One histogram on one axis: the bars that its picture and its table show."""

    scale: Scale
    bars: tuple[Bar, ...]
    zero: tuple[int, ...]  # of each series, where a logarithmic axis has a place for 0
    whole: bool


def histograms(series: Sequence[Series], thresholds: Sequence[Threshold] = (), whole: bool = False) -> list[Histogram]:
    """The histogram on its axes, the better one first: linear, and logarithmic where values allow it. None for a single value."""
    bins = [bin for each in series for bin in each.bins]
    if not bins or min(low for low, _, _ in bins) == max(high for _, high, _ in bins):
        return []
    axes = [True, False] if is_better_log(bins) else [False, True] if may_be_log(bins) else [False]
    return [_histogram(series, bins, [line.value for line in thresholds], is_log, whole) for is_log in axes]


def _histogram(series: Sequence[Series], bins: Sequence[Bin], thresholds: Sequence[float], is_log: bool, whole: bool) -> Histogram:
    whole = whole and not is_log
    scale = scale_for(bins, thresholds, is_log, whole)
    edges = edges_for(scale, bins, whole)
    apart = [tuple(bin for bin in each.bins if not (scale.has_zero and bin[0] <= 0)) for each in series]
    counts = [rebin(part, edges) for part in apart]
    zero = tuple(each.num - sum(num for _, _, num in part) for each, part in zip(series, apart, strict=True))
    bars = tuple(Bar(edges[place], edges[place + 1], tuple(row[place] for row in counts)) for place in range(len(edges) - 1))
    return Histogram(scale, bars, zero, whole)


def draw(
    histogram: Histogram,
    series: Sequence[Series],
    thresholds: Sequence[Threshold],
    ident: str,
    title: str,
    description: str,
    whole: bool = False,
    stacked: bool = True,
) -> Markup:
    """The picture. Stacked series stand on one another and areas are counts; others overlap and areas are shares of their own rows."""
    lines = [line for line in thresholds if histogram.scale.holds(line.value)]
    top = LABEL_PX * min(MAX_LABELS, len(lines)) + 4
    bottom = top + PLOT_PX
    drawn = [_bars(histogram, series, bottom, stacked), _axis(histogram.scale, bottom, whole), _lines(histogram.scale, lines, top, bottom)]
    scale = histogram.scale
    told = {"low": scale.low, "high": scale.high, "log": int(scale.is_log), "zero": int(scale.has_zero)}
    data = Markup(" ").join(Markup('data-{}="{}"').format(name, value) for name, value in told.items())
    return Markup(
        '<svg class="histogram" role="img" aria-labelledby="{0}-t {0}-d" width="100%" height="{1}" {2}>'
        '<title id="{0}-t">{3}</title><desc id="{0}-d">{4}</desc>{5}</svg>'
    ).format(ident, bottom + AXIS_PX, data, title, description, Markup("").join(drawn))


def _bars(histogram: Histogram, series: Sequence[Series], bottom: float, stacked: bool) -> Markup:
    edges = [histogram.bars[0].low, *(bar.high for bar in histogram.bars)]
    places = list(zip(histogram.bars, [histogram.scale.place(low) for low in edges[:-1]], widths(histogram.scale, edges), strict=True))
    if histogram.scale.has_zero:
        places.insert(0, (Bar(0.0, 0.0, histogram.zero), 0.0, ZERO_PERCENT * 0.7))
    wholes = [1.0 if stacked else float(each.num or 1) for each in series]
    dense = [[num / width / whole if width else 0.0 for num, whole in zip(bar.counts, wholes, strict=True)] for bar, _, width in places]
    tallest = max((sum(row) if stacked else max(row)) for row in dense) or 1.0
    drawn: list[list[Markup]] = [[] for _ in series]
    for (bar, left, width), row in zip(places, dense, strict=True):
        base = bottom
        says = bar.says(histogram.whole)
        for index, (value, num) in enumerate(zip(row, bar.counts, strict=True)):
            if not num:
                continue
            height = max(LEAST_BAR_PX, PLOT_PX * value / tallest)
            base = base - height if stacked else bottom - height
            drawn[index].append(
                Markup('<rect x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}"><title>{}: {} {}</title></rect>').format(
                    left + 0.08, base, max(0.3, width - 0.16), height, says, count(num), series[index].name
                )
            )
    return Markup("").join(
        Markup('<g class="{}">{}</g>').format(each.look, Markup("").join(rects)) for each, rects in zip(series, drawn, strict=True)
    )


def _axis(scale: Scale, bottom: float, whole: bool) -> Markup:
    drawn = [Markup('<line class="axis" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(bottom + 0.5)]
    last = -100.0
    for value in scale.ticks(whole):
        place = scale.place(value) if value or not scale.has_zero else ZERO_PERCENT * 0.35
        if place - last < 9:
            continue
        last = place
        anchor = "start" if place < 4 else "end" if place > 96 else "middle"
        drawn.append(Markup('<text class="tick {}" x="{:.2f}%" y="{}">{}</text>').format(anchor, place, bottom + 15, short(value)))
    return Markup("").join(drawn)


def _lines(scale: Scale, thresholds: Sequence[Threshold], top: float, bottom: float) -> Markup:
    drawn = []
    for number, line in enumerate(thresholds):
        place = scale.place(line.value)
        level = LABEL_PX * (number % MAX_LABELS)
        if line.slider:
            drawn.append(
                Markup('<line class="moved" data-slider="{0}" x1="{1:.2f}%" x2="{1:.2f}%" y1="{2}" y2="{3}"/>').format(
                    line.slider, place, top - 4, bottom
                )
            )
        drawn.append(Markup('<line class="limit" x1="{0:.2f}%" x2="{0:.2f}%" y1="{1}" y2="{2}"/>').format(place, level + 4, bottom))
        to_left = place > 12 if line.says[0] in "≥>" else place > 88  # beside what the bound refuses
        anchor, shift = ("end", -5) if to_left else ("start", 5)
        drawn.append(
            Markup('<text class="limit-label {}" x="{:.2f}%" dx="{}" y="{}">{}</text>').format(anchor, place, shift, level + 11, line.says)
        )
    return Markup("").join(drawn)


def kept_and_refused(kept: Spread, refused: Spread) -> list[Series]:
    """The two series of a fact: rows that came out, and records that were refused later."""
    series = [Series("kept", "kept", numbers_of(kept))]
    return [*series, Series("refused", "refused", numbers_of(refused))] if refused.num_records else series


def stacked_bar(parts: Mapping[str, int], looks: Sequence[str], ident: str, title: str) -> Markup:
    """A bar of the parts of a whole, side by side in their order."""
    whole = sum(parts.values())
    drawn, left = [], 0.0
    for (name, num), look in zip(parts.items(), looks, strict=True):
        width = 100 * num / whole if whole else 0.0
        if width:
            drawn.append(
                Markup('<rect class="{}" x="{:.2f}%" y="0" width="{:.2f}%" height="16"><title>{}: {} ({})</title></rect>').format(
                    look, left, max(LEAST_PIECE_PERCENT / 2, width - 0.15), name, count(num), share(num, whole)
                )
            )
        left += width
    return Markup(
        '<svg class="strip" role="img" aria-labelledby="{0}" width="100%" height="16"><title id="{0}">{1}</title>{2}</svg>'
    ).format(ident, title, Markup("").join(drawn))


def step_bar(step: StepFigures, widest: int) -> Markup:
    """What went into a step, against the widest of them: what went on in full, what was refused hatched. The row beside it says the numbers."""
    refused = refused_by(step)
    full = 100 * (step.num_in - refused) / widest if widest else 0.0
    lost = max(LEAST_PIECE_PERCENT, 100 * refused / widest) if refused and widest else 0.0
    full = min(full, 100 - lost)
    return Markup(
        '<svg class="strip" aria-hidden="true" width="100%" height="16"><rect class="track" x="0" y="7" width="100%" height="2"/>'
        '<rect class="kept" x="0" y="0" width="{:.2f}%" height="16"/>{}</svg>'
    ).format(full, Markup('<rect class="refused" x="{:.2f}%" y="0" width="{:.2f}%" height="16"/>').format(full, lost) if lost else "")


def share_bar(part: float, whole: float, look: str = "kept") -> Markup:
    """A bar in a table's cell; the number stands in the cell beside it."""
    width = max(LEAST_PIECE_PERCENT, 100 * part / whole) if part and whole else 0.0
    return Markup(
        '<svg class="strip thin" aria-hidden="true" width="100%" height="8"><rect class="{}" width="{:.2f}%" height="8"/></svg>'
    ).format(look, min(100.0, width))


def small_funnel(steps: Sequence[StepFigures], ident: str, title: str) -> Markup:
    """All steps of a corpus as thin bars below one another, against the largest number that went into one of them."""
    widest = max((step.num_in for step in steps), default=0) or 1
    pitch = max(3, min(9, 120 // max(1, len(steps))))
    drawn = []
    for number, step in enumerate(steps):
        refused = refused_by(step)
        full, lost = 100 * (step.num_in - refused) / widest, 100 * refused / widest
        lost = max(LEAST_PIECE_PERCENT, lost) if refused else 0.0
        full = min(full, 100 - lost)
        says = f"{step.step}: {count(step.num_in)} in, {count(refused)} refused, {count(step.num_out)} out"
        piece = Markup('<rect class="refused" x="{:.2f}%" y="{}" width="{:.2f}%" height="{}"/>').format(
            full, number * pitch, lost, pitch - 1
        )
        drawn.append(
            Markup('<g><title>{}</title><rect class="kept" y="{}" width="{:.2f}%" height="{}"/>{}</g>').format(
                says, number * pitch, full, pitch - 1, piece if lost else ""
            )
        )
    return Markup(
        '<svg class="small-funnel" role="img" aria-labelledby="{0}" width="100%" height="{1}"><title id="{0}">{2}</title>{3}</svg>'
    ).format(ident, pitch * max(1, len(steps)), title, Markup("").join(drawn))


def ribbon(pieces: Sequence[int], length: int, ident: str, title: str) -> Markup:
    """A packed sequence: its pieces side by side, in two looks by turns, the padding that is left of its length empty."""
    drawn, start = [], 0
    for number, tokens in enumerate(pieces):
        look = "kept" if number % 2 == 0 else "kept other"
        drawn.append(
            Markup('<rect class="{}" x="{:.3f}%" y="0" width="{:.3f}%" height="14"><title>piece {}: {} tokens</title></rect>').format(
                look, 100 * start / length, max(0.1, 100 * tokens / length - 0.12), number + 1, count(tokens)
            )
        )
        start += tokens
    return Markup(
        '<svg class="strip ribbon" role="img" aria-labelledby="{0}" width="100%" height="14"><title id="{0}">{1}</title>'
        '<rect class="frame" x="0" y="0.5" width="100%" height="13"/>{2}</svg>'
    ).format(ident, title, Markup("").join(drawn))
