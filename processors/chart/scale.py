"""Numbers as a chart writes them, and the ticks of its value axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain

from processors.chart.model import Chart

NICE_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
MAX_STEPS = 8  # between the first tick and the last
FROM_ZERO = ("bar", "grouped_bar", "stacked_bar", "horizontal_bar", "area", "histogram", "radar")  # a bar's length is its value
PLAIN_DIGITS = 15  # a number of more digits before the point, or zeros after it, is written with an exponent


def exact(value: float) -> Decimal:
    """The decimal number that a float is written as: 0.1 is 0.1."""
    return Decimal(repr(float(value)))


def number_text(value: float | Decimal, thousands: bool = False, percent: bool = False) -> str:
    """The shortest plain text of a number: 3, -0.25, 1,200 with separators, 28% as a share."""
    number = value if isinstance(value, Decimal) else exact(value)
    number = number.normalize()
    if number and not -PLAIN_DIGITS <= number.adjusted() <= PLAIN_DIGITS:
        text = f"{number:e}".replace("E", "e")
    else:
        text = f"{number:,f}" if thousands else f"{number:f}"
    if text.strip("-0.") == "":
        text = "0"
    return text + "%" if percent else text


def ticks_between(low: float, high: float) -> tuple[Decimal, ...]:
    """Round numbers at even steps, of which the first is at most `low` and the last at least `high`."""
    if low == high:
        low, high = (low - 1, high + 1) if low else (0.0, 1.0)
    span = exact(high) - exact(low)
    unit = Decimal(1).scaleb(span.adjusted() - 1)
    for step in (nice * unit * ten for ten in (1, 10) for nice in NICE_STEPS):
        first, last = math.floor(exact(low) / step), math.ceil(exact(high) / step)
        if last - first <= MAX_STEPS:
            return tuple(step * number for number in range(first, last + 1))
    raise AssertionError(f"no step for {low} to {high}")


def value_ticks(chart: Chart) -> tuple[Decimal, ...]:
    """The ticks of the value axis, which also bound it; none where the kind has no value axis."""
    if chart.kind in ("pie", "donut", "heatmap"):
        return ()
    values = [value for series in chart.series for value in series.values if value is not None]
    if chart.kind == "histogram":
        values = [float(count) for count in histogram_of(chart)[1]]
    if chart.kind == "stacked_bar":
        values = list(chain.from_iterable(_stack(chart)))
    if not values:
        values = [0.0]
    low, high = min(values), max(values)
    # lines start at zero too where their values are near it
    if chart.kind in FROM_ZERO or 0 <= low <= (high - low) or 0 <= -high <= (high - low):
        low, high = min(low, 0.0), max(high, 0.0)
    return ticks_between(low, high)


def _stack(chart: Chart) -> list[tuple[float, float]]:
    """The lowest and highest end of every stack; negative values stack downwards."""
    columns = [[series.values[at] or 0.0 for series in chart.series] for at in range(len(chart.categories))]
    return [(float(sum(exact(v) for v in column if v < 0)), float(sum(exact(v) for v in column if v > 0))) for column in columns]


def histogram_of(chart: Chart) -> tuple[tuple[Decimal, ...], tuple[int, ...]]:
    """Edges of the bins and how many of the first series' values lie in each; a value on an edge counts in the bin above it."""
    values = [value for value in chart.series[0].values if value is not None] or [0.0]
    edges = ticks_between(min(values), max(values))
    counts = [0] * (len(edges) - 1)
    for value in values:
        place = next((at for at, edge in enumerate(edges[1:]) if exact(value) < edge), len(counts) - 1)
        counts[place] += 1
    return edges, tuple(counts)


def five_numbers(values: Sequence[float | None]) -> tuple[float, float, float, float, float]:
    """Minimum, quartiles and maximum, with linear interpolation between values (as numpy and most spreadsheets have it)."""
    known = sorted(value for value in values if value is not None)

    def at(share: float) -> float:
        place = share * (len(known) - 1)
        below = math.floor(place)
        return known[below] + (known[min(below + 1, len(known) - 1)] - known[below]) * (place - below)

    return known[0], at(0.25), at(0.5), at(0.75), known[-1]
