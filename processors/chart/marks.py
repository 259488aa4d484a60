"""The marks of each kind of chart, drawn on matplotlib axes: bars, lines, wedges, points, cells."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path as MarkPath
from matplotlib.projections.polar import PolarAxes

from processors.chart.model import Chart
from processors.chart.scale import five_numbers, histogram_of, number_text, value_ticks
from processors.chart.styles import ChartStyle

MARK = "mark"  # tells texts on marks from those of axes
LABEL_GAP_PX = 3.0
LINE_HEIGHT = 1.6  # of the tallest font that a text may fall back on, in font sizes
MAX_BUBBLE_PX, POINT_PX = 46.0, 8.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the layout must know: entries of the legend, labels of categories, and which axis they stand on."""

    handles: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    places: tuple[float, ...] = ()
    axis: str = "x"  # x | y | none


@dataclass(frozen=True, slots=True)
class Pen:
    """A chart, its style, and the sizes of one attempt at drawing it."""

    chart: Chart
    style: ChartStyle
    font_px: float

    def number(self, value: float) -> str:
        return number_text(value, self.style.thousands, self.chart.percent)

    def halo(self, background: str | None = None) -> list[patheffects.AbstractPathEffect]:
        """An edge around text, so that it can be read where lines cross it."""
        return [patheffects.withStroke(linewidth=2.5, foreground=background or self.style.background)]


def draw_marks(axes: Axes, pen: Pen) -> Drawn:
    return _DRAW[pen.chart.kind](axes, pen)


def _handles(pen: Pen, make: Callable[[str], Any]) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """Entries of the legend: none where a single series needs none."""
    names = tuple(series.name for series in pen.chart.series)
    if len(names) < 2:
        return (), ()
    return tuple(make(pen.style.colour(number)) for number in range(len(names))), names


def _ink_on(colour: Any) -> str:
    """Black or white, whichever is read more easily on a colour (relative luminance, WCAG 2)."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in matplotlib.colors.to_rgb(colour))
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#ffffff"


def value_axis(axes: Axes, pen: Pen, axis: str) -> None:
    """Ticks, limits and grid of the value axis."""
    ticks = value_ticks(pen.chart)
    places = [float(tick) for tick in ticks]
    texts = [number_text(tick, pen.style.thousands, pen.chart.percent) for tick in ticks]
    low, high = places[0], places[-1]
    if pen.chart.labels:
        low, high = _with_room(pen.chart, low, high)
    if axis == "y":
        axes.set_yticks(places, texts)
        axes.set_ylim(low, high)
    else:
        axes.set_xticks(places, texts)
        axes.set_xlim(low, high)


def _with_room(chart: Chart, low: float, high: float) -> tuple[float, float]:
    """The limits with room for numbers beyond the bars, and below points that lie near the lower end."""
    span = high - low
    if chart.kind in ("line", "area"):
        lowest = min(value for series in chart.series for value in series.values if value is not None)
        return (low - 0.08 * span if lowest - low < 0.08 * span else low), high
    return low - (0.08 * span if low < 0 else 0.0), high + (0.06 * span if high > 0 else 0.0)


def _bars(axes: Axes, pen: Pen) -> Drawn:
    chart, style = pen.chart, pen.style
    across = chart.kind == "horizontal_bar"
    stacked = chart.kind == "stacked_bar"
    rows = 1 if stacked else max(1, len(chart.series))
    width = style.bar_fill / rows
    places = np.arange(len(chart.categories), dtype=float)
    above, below = np.zeros(len(places)), np.zeros(len(places))
    value_axis(axes, pen, "x" if across else "y")
    for number, series in enumerate(chart.series):
        values = np.array([0.0 if value is None else value for value in series.values])
        shift = 0.0 if stacked else (number - (rows - 1) / 2) * width
        start = np.where(values < 0, below, above) if stacked else np.zeros(len(places))
        by_category = style.colours_by_category and len(chart.series) == 1
        colours = [style.colour(at if by_category else number) for at in range(len(places))]
        edge = {"edgecolor": style.ink, "linewidth": 0.8} if style.bar_edge else {"linewidth": 0.0}
        if across:
            axes.barh(places + shift, values, width, color=colours, **edge)
        else:
            axes.bar(places + shift, values, width, bottom=start, color=colours, **edge)
        if chart.labels:
            for at, value in enumerate(series.values):
                if value is not None:
                    _label_bar(axes, pen, places[at] + shift, float(start[at]), value, colours[at])
        above, below = above + np.where(values > 0, values, 0), below + np.where(values < 0, values, 0)
    ends = (-0.5, len(places) - 0.5)
    if across:
        axes.set_ylim(ends[1], ends[0])
        axes.axvline(0, color=style.ink, linewidth=0.8)
    else:
        axes.set_xlim(*ends)
        axes.axhline(0, color=style.ink, linewidth=0.8)
    handles, names = _handles(pen, lambda colour: Patch(facecolor=colour))
    return Drawn(handles, names, chart.categories, tuple(places), "y" if across else "x")


def _label_bar(axes: Axes, pen: Pen, place: float, start: float, value: float, colour: str) -> None:
    text, gap = pen.number(value), LABEL_GAP_PX if value >= 0 else -LABEL_GAP_PX
    size: dict[str, Any] = {"fontsize": pen.font_px * 0.9}
    if pen.chart.kind == "stacked_bar":
        axes.annotate(text, (place, start + value / 2), ha="center", va="center", color=_ink_on(colour), gid=MARK, **size)
    elif pen.chart.kind == "horizontal_bar":
        side = "left" if value >= 0 else "right"
        axes.annotate(
            text, (value, place), (gap, 0), textcoords="offset points", ha=side, va="center", color=pen.style.ink, gid=MARK, **size
        )
    else:
        side = "bottom" if value >= 0 else "top"
        axes.annotate(
            text, (place, value), (0, gap), textcoords="offset points", ha="center", va=side, color=pen.style.ink, gid=MARK, **size
        )


def _lines(axes: Axes, pen: Pen) -> Drawn:
    chart, style = pen.chart, pen.style
    places = np.arange(len(chart.categories), dtype=float)
    value_axis(axes, pen, "y")
    for number, series in enumerate(chart.series):
        values = np.array([math.nan if value is None else value for value in series.values])
        colour = style.colour(number)
        alone = np.isfinite(values).sum() == 1  # a single point is nothing without a marker
        marker = style.marker if chart.kind == "line" and (len(places) <= 40 or alone) else "o" if alone else ""
        axes.plot(places, values, color=colour, linewidth=style.line_width_px, marker=marker, markersize=6, clip_on=False, zorder=3)
        if chart.kind == "area":
            axes.fill_between(places, values, 0.0, color=colour, alpha=0.35, linewidth=0)
    if chart.labels:
        _label_points(axes, pen, places)
    axes.set_xlim(-0.3, max(len(places) - 0.7, 0.3))
    handles, names = _handles(
        pen, lambda colour: Line2D([], [], color=colour, linewidth=style.line_width_px, marker=style.marker, markersize=6)
    )
    return Drawn(handles, names, chart.categories, tuple(places), "x")


def _label_points(axes: Axes, pen: Pen, places: np.ndarray) -> None:
    """Each number above its point; below it in a valley of its line, or where another series has a point shortly above."""
    chart = pen.chart
    ticks = value_ticks(chart)
    near = float(ticks[-1] - ticks[0]) * 0.12
    for number, series in enumerate(chart.series):
        for at, value in enumerate(series.values):
            if value is None:
                continue
            others = [other.values[at] for place, other in enumerate(chart.series) if place != number]
            beside = [other for other in (*series.values[max(at - 1, 0) : at], *series.values[at + 1 : at + 2]) if other is not None]
            crowded = any(other is not None and value < other <= value + near for other in others)
            crowded = crowded or (
                bool(beside) and value < min(beside) and not any(o is not None and value - near <= o < value for o in others)
            )
            gap, side = (-7.0, "top") if crowded else (7.0, "bottom")
            colour = pen.style.colour(number) if len(chart.series) > 1 else pen.style.ink
            axes.annotate(
                pen.number(value),
                (places[at], value),
                (0, gap),
                textcoords="offset points",
                ha="center",
                va=side,
                color=colour,
                gid=MARK,
                fontsize=pen.font_px * 0.9,
                path_effects=pen.halo(),
                zorder=5,
            )


def _pie(axes: Axes, pen: Pen) -> Drawn:
    chart, style = pen.chart, pen.style
    values = [value or 0.0 for value in chart.series[0].values]
    total = sum(values)
    width = 0.42 if chart.kind == "donut" else 1.0
    colours = [style.colour(number) for number in range(len(values))]
    axes.pie(
        [value / total for value in values],
        colors=colours,
        startangle=style.pie_start_deg,
        counterclock=False,
        wedgeprops={"width": width, "edgecolor": style.background, "linewidth": 1.2},
    )
    axes.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal")
    outside = style.pie_names == "outside"
    texts = []
    for name, value in zip(chart.categories, values, strict=True):
        texts.append("\n".join(part for part in (name if outside else "", pen.number(value) if chart.labels else "") if part))
    if any(texts):
        _label_wedges(axes, pen, values, texts)
    if outside:
        return Drawn(axis="none")
    return Drawn(tuple(Patch(facecolor=colour) for colour in colours), chart.categories, axis="none")


def _label_wedges(axes: Axes, pen: Pen, values: Sequence[float], texts: Sequence[str]) -> None:
    """Texts around the pie with a line to each wedge; those of one side are moved apart until none covers another."""
    total, turned = sum(values), 0.0
    sides: dict[int, list[tuple[float, float, str]]] = {1: [], -1: []}
    for value, text in zip(values, texts, strict=True):
        angle = math.radians(pen.style.pie_start_deg - 360 * (turned + value / 2) / total)
        turned += value
        if text:
            sides[1 if math.cos(angle) >= -1e-9 else -1].append((math.sin(angle), math.cos(angle), text))
    radius_px = max(min(axes.bbox.height, axes.bbox.width), 1.0) / 2.1
    for side, entries in sides.items():
        entries.sort()
        tall = [LINE_HEIGHT * pen.font_px * (text.count("\n") + 1) / radius_px for _, _, text in entries]
        heights = _apart([1.12 * sine for sine, _, _ in entries], tall)
        for (sine, cosine, text), height in zip(entries, heights, strict=True):
            out = side * max(math.sqrt(max(1.25 - height * height, 0.0)), abs(cosine) * 1.1, 0.35) + side * 0.08
            axes.annotate(
                text,
                (0.98 * cosine, 0.98 * sine),
                (out, height),
                ha="left" if side > 0 else "right",
                va="center",
                color=pen.style.ink,
                fontsize=pen.font_px,
                gid=MARK,
                annotation_clip=False,
                arrowprops={"arrowstyle": "-", "color": pen.style.ink, "linewidth": 0.7, "shrinkA": 2, "shrinkB": 0},
            )


def _apart(wanted: Sequence[float], tall: Sequence[float]) -> list[float]:
    """Heights in ascending order, near the wanted ones, each at least half of its own and its neighbour's size from the next."""
    places = list(wanted)
    for at in range(1, len(places)):
        places[at] = max(places[at], places[at - 1] + (tall[at] + tall[at - 1]) / 2)
    middle = (places[0] + places[-1]) / 2 - (wanted[0] + wanted[-1]) / 2 if places else 0.0
    return [place - middle for place in places]


def _points(axes: Axes, pen: Pen) -> Drawn:
    chart, style = pen.chart, pen.style
    value_axis(axes, pen, "y")
    across = Chart("line", (), tuple(type(series)(series.name, series.x) for series in chart.series))
    ticks = value_ticks(across)
    axes.set_xticks(
        [float(tick) for tick in ticks], [number_text(tick, style.thousands and ticks[-1] >= 10_000) for tick in ticks]
    )  # 2,012 is no year
    axes.set_xlim(float(ticks[0]), float(ticks[-1]))
    largest = max((size for series in chart.series for size in series.sizes), default=1.0) or 1.0
    for number, series in enumerate(chart.series):
        shown = [(x, y, at) for at, (x, y) in enumerate(zip(series.x, series.values, strict=False)) if y is not None]
        # a bubble's area is its value; matplotlib's `s` is the square of a diameter
        areas = [MAX_BUBBLE_PX**2 * series.sizes[at] / largest for _, _, at in shown] if series.sizes else POINT_PX**2
        marker: str | MarkPath = style.marker or "o"
        axes.scatter(
            [x for x, _, _ in shown],
            [y for _, y, _ in shown],
            s=areas,
            color=style.colour(number),
            marker="o" if series.sizes else marker,
            alpha=0.75,
            edgecolors=style.background,
            linewidths=0.8,
            clip_on=False,
            zorder=3,
        )
        if chart.labels:
            for x, y, _ in shown:
                axes.annotate(pen.number(y), (x, y), (0, 7), textcoords="offset points", ha="center", va="bottom", color=style.ink,
                              gid=MARK, fontsize=pen.font_px * 0.85, path_effects=pen.halo(), zorder=5)  # fmt: skip
    handles, names = _handles(pen, lambda colour: Line2D([], [], color=colour, linewidth=0, marker=style.marker or "o", markersize=8))
    return Drawn(handles, names, axis="none")


def _histogram(axes: Axes, pen: Pen) -> Drawn:
    edges, counts = histogram_of(pen.chart)
    value_axis(axes, pen, "y")
    starts, widths = [float(edge) for edge in edges[:-1]], [float(b - a) for a, b in itertools.pairwise(edges)]
    axes.bar(starts, counts, widths, align="edge", color=pen.style.colour(0), edgecolor=pen.style.background, linewidth=1.0)
    axes.set_xticks([float(edge) for edge in edges], [number_text(edge, pen.style.thousands) for edge in edges])
    axes.set_xlim(float(edges[0]), float(edges[-1]))
    if pen.chart.labels:
        for start, width, count in zip(starts, widths, counts, strict=True):
            place = (start + width / 2, count)
            axes.annotate(str(count), place, (0, 3), textcoords="offset points", ha="center", va="bottom", color=pen.style.ink,
                          gid=MARK, fontsize=pen.font_px * 0.9)  # fmt: skip
    return Drawn(axis="none")


def _box(axes: Axes, pen: Pen) -> Drawn:
    value_axis(axes, pen, "y")
    stats = []
    for series in pen.chart.series:
        low, first, middle, third, high = five_numbers(series.values)
        stats.append({"whislo": low, "q1": first, "med": middle, "q3": third, "whishi": high, "fliers": [], "label": ""})
    places = [float(at) for at in range(len(stats))]
    ink = {"color": pen.style.ink, "linewidth": 1.2}
    made = axes.bxp(
        stats, positions=places, widths=0.5, patch_artist=True, showfliers=False, medianprops=ink, whiskerprops=ink, capprops=ink
    )
    for number, box in enumerate(made["boxes"]):
        box.set(facecolor=pen.style.colour(number if pen.style.colours_by_category else 0), edgecolor=pen.style.ink)
    axes.set_xlim(-0.5, len(places) - 0.5)
    return Drawn(categories=tuple(series.name for series in pen.chart.series), places=tuple(places), axis="x")


def _radar(axes: Axes, pen: Pen) -> Drawn:
    chart, style = pen.chart, pen.style
    assert isinstance(axes, PolarAxes)
    axes.set_theta_offset(math.pi / 2)
    axes.set_theta_direction(-1)
    angles = np.arange(len(chart.categories)) * 2 * math.pi / len(chart.categories)
    ticks = value_ticks(chart)
    axes.set_ylim(float(ticks[0]), float(ticks[-1]))
    axes.set_yticks([float(tick) for tick in ticks[1:]], [number_text(tick, style.thousands, chart.percent) for tick in ticks[1:]])
    axes.set_rlabel_position(180 / len(chart.categories))
    for number, series in enumerate(chart.series):
        values = np.array([0.0 if value is None else value for value in series.values])
        closed = np.append(angles, angles[:1]), np.append(values, values[:1])
        axes.plot(*closed, color=style.colour(number), linewidth=style.line_width_px)
        axes.fill(*closed, color=style.colour(number), alpha=0.15)
    handles, names = _handles(pen, lambda colour: Line2D([], [], color=colour, linewidth=style.line_width_px))
    return Drawn(handles, names, chart.categories, tuple(angles), "x")


def _heatmap(axes: Axes, pen: Pen) -> Drawn:
    chart, style = pen.chart, pen.style
    values = np.array([[math.nan if value is None else value for value in series.values] for series in chart.series])
    mesh = axes.pcolormesh(values, cmap=style.colour_map, edgecolors=style.background, linewidth=1.0)
    axes.set_yticks(np.arange(len(chart.series)) + 0.5, [series.name for series in chart.series])
    axes.invert_yaxis()
    if chart.labels:
        colours = mesh.to_rgba(values)
        for row, column in np.ndindex(values.shape):
            if math.isfinite(values[row, column]):
                text = pen.number(float(values[row, column]))
                axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=_ink_on(colours[row, column][:3]),
                          fontsize=pen.font_px * 0.9, gid=MARK)  # fmt: skip
    else:
        beside = axes.inset_axes((1.03, 0.0, 0.04, 1.0))
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        ramp = np.linspace(low, high, 128)[:, None]
        beside.imshow(ramp, cmap=style.colour_map, aspect="auto", origin="lower", extent=(0, 1, low, high if high > low else low + 1))
        beside.set_xticks([])
        beside.yaxis.tick_right()
        beside.tick_params(colors=style.ink, labelsize=pen.font_px)
        shown = [low, high] if high > low else [low]
        beside.set_yticks(shown, [pen.number(value) for value in shown])
    return Drawn(categories=chart.categories, places=tuple(np.arange(len(chart.categories)) + 0.5), axis="x")


_DRAW: dict[str, Callable[[Axes, Pen], Drawn]] = {
    **dict.fromkeys(("bar", "grouped_bar", "stacked_bar", "horizontal_bar"), _bars),
    **dict.fromkeys(("line", "area"), _lines),
    **dict.fromkeys(("pie", "donut"), _pie),
    **dict.fromkeys(("scatter", "bubble"), _points),
    "histogram": _histogram,
    "box": _box,
    "radar": _radar,
    "heatmap": _heatmap,
}
