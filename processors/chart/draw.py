"""A chart as pixels, drawn by matplotlib so that every text can be read: nothing cut, nothing covering another.

Texts are laid out, measured with the renderer that draws them, and laid out another way when they do not fit: wrapped, turned,
smaller, or on a larger picture. Same chart and style, same bytes, whatever the machine's fonts and settings.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from processors.chart.marks import MARK, Drawn, Pen, draw_marks
from processors.chart.model import KINDS, Chart
from processors.chart.styles import DEFAULT_STYLE, ChartStyle, fonts, missing_glyphs
from schemas.outcome import Reason, Refused

TOO_CROWDED = Reason("too_crowded", "A chart whose texts cannot all be read in any layout of the largest size")
BAD_CHART = Reason("bad_chart", "A chart whose values do not fit its kind: lengths differ, nothing to draw, a pie with negative parts")
MISSING_GLYPHS = Reason("missing_glyphs", "A chart has characters that the fonts in use cannot show")
DRAW_REASONS = (BAD_CHART, TOO_CROWDED, MISSING_GLYPHS)

MAX_CATEGORIES, MAX_SERIES, MAX_POINTS = 200, 30, 20_000  # far above what anybody reads off one picture
MAX_TEXT_CHARS = 300  # of one label
MARGIN_PX = 10
DPI = 72  # a point is a pixel
FONT_SCALES = (1.0, 0.8)  # tried at the first size; a larger one has room for text of full size
SMALLEST_FONT_PX = 9.0
GROWTH = (1.0, 1.5, 2.1, 3.2)  # of both sides, until the texts fit
WRAP_CHARS = (16, 24)  # of a label under an axis; of one beside it or in a legend
LONGEST_WORD = 28  # longer ones are broken
TOUCHING_PX = 1.0  # boxes that overlap by less do not cover any ink


def draw_chart(chart: Chart, style: ChartStyle = DEFAULT_STYLE, width_px: int = 640, height_px: int = 440) -> np.ndarray:
    """The chart at exactly this size; where its texts do not fit, they are drawn smaller together with everything else.

    Shapes: (height_px, width_px, 3) uint8 RGB.

    Raises: Refused with BAD_CHART or TOO_CROWDED.
    """
    check_chart(chart)
    for growth in GROWTH:
        width, height = round(width_px * growth), round(height_px * growth)
        pixels = _drawn(chart, style, width, height, FONT_SCALES if growth == 1.0 else FONT_SCALES[:1])
        if pixels is not None:
            if growth == 1.0:
                return pixels
            return np.asarray(Image.fromarray(pixels).resize((width_px, height_px), Image.Resampling.LANCZOS))
    raise _crowded(chart, width, height)


def draw_fitting(chart: Chart, style: ChartStyle, width_px: int, height_px: int, max_side_px: int) -> np.ndarray:
    """The chart at this size, or at the first larger one at which its texts can be read, with no side above `max_side_px`.

    Raises: Refused with one of DRAW_REASONS.
    """
    check_chart(chart)
    check_glyphs(chart, style)
    width = height = 0
    for growth in GROWTH:
        growth = min(growth, max_side_px / max(width_px, height_px))
        if (round(width_px * growth), round(height_px * growth)) == (width, height):
            break
        width, height = round(width_px * growth), round(height_px * growth)
        pixels = _drawn(chart, style, width, height, FONT_SCALES if growth <= 1.0 else FONT_SCALES[:1])
        if pixels is not None:
            return pixels
    raise _crowded(chart, width, height)


def _crowded(chart: Chart, width: int, height: int) -> Refused:
    size = f"{len(chart.categories)} categories and {len(chart.series)} series"
    return Refused(TOO_CROWDED, f"{chart.kind} with {size}: some text is cut or covers another at {width}x{height} px")


def check_chart(chart: Chart) -> None:
    """Raises: Refused with BAD_CHART (what cannot be drawn) or TOO_CROWDED (what is past the limits)."""
    if chart.kind not in KINDS:
        raise Refused(BAD_CHART, f"kind is {chart.kind!r}, expected one of {', '.join(KINDS)}")
    points = sum(len(series.values) for series in chart.series)
    if len(chart.categories) > MAX_CATEGORIES or len(chart.series) > MAX_SERIES or points > MAX_POINTS:
        found = f"{len(chart.categories)} categories, {len(chart.series)} series, {points} values"
        raise Refused(TOO_CROWDED, f"{found}; expected at most {MAX_CATEGORIES}, {MAX_SERIES}, {MAX_POINTS}")
    longest = max(map(len, (chart.title, chart.x_title, chart.y_title, *chart.categories, *(series.name for series in chart.series))))
    if longest > MAX_TEXT_CHARS:
        raise Refused(TOO_CROWDED, f"a text of {longest} characters, expected at most {MAX_TEXT_CHARS}")
    values = [value for series in chart.series for value in (*series.values, *series.x, *series.sizes) if value is not None]
    if not any(value is not None for series in chart.series for value in series.values):
        raise Refused(BAD_CHART, "no value to draw")
    if not all(abs(value) < 1e300 for value in values):  # also not a number; sums must stay finite
        raise Refused(BAD_CHART, "a value that is not finite")
    _check_lengths(chart)


def _check_lengths(chart: Chart) -> None:
    for series in chart.series:
        if chart.kind in ("scatter", "bubble"):
            if len(series.x) != len(series.values) or (series.sizes and len(series.sizes) != len(series.values)):
                raise Refused(
                    BAD_CHART, f"series {series.name!r}: {len(series.values)} values, {len(series.x)} x, {len(series.sizes)} sizes"
                )
        elif chart.kind not in ("histogram", "box") and len(series.values) != len(chart.categories):
            raise Refused(BAD_CHART, f"series {series.name!r} has {len(series.values)} values for {len(chart.categories)} categories")
    if chart.kind in ("pie", "donut") and (len(chart.series) != 1 or any((value or 0) < 0 for value in chart.series[0].values)):
        found = f"{len(chart.series)} series" if len(chart.series) != 1 else "a negative part"
        raise Refused(BAD_CHART, f"a {chart.kind} with {found}")
    if chart.kind in ("pie", "donut") and not sum(value or 0 for value in chart.series[0].values):
        raise Refused(BAD_CHART, f"a {chart.kind} whose parts are all zero")
    if chart.kind == "radar" and (len(chart.categories) < 3 or any((value or 0) < 0 for series in chart.series for value in series.values)):
        raise Refused(BAD_CHART, "a radar with fewer than three axes or a negative value")
    if chart.kind == "box" and any(all(value is None for value in series.values) for series in chart.series):
        raise Refused(BAD_CHART, "a box without values")


# ---- one attempt


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A size of text and a way to write the categories: wrapped and level, or turned by so many degrees."""

    font_px: float
    turn_deg: int


def _drawn(chart: Chart, style: ChartStyle, width_px: int, height_px: int, scales: Sequence[float]) -> np.ndarray | None:
    """The chart in the first layout in which every text can be read; None when there is none at this size."""
    turns = (0, 30, 90) if chart.kind not in ("pie", "donut", "scatter", "bubble", "radar", "horizontal_bar") else (0,)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        for scale in scales:
            if style.font_px * scale < SMALLEST_FONT_PX:
                break
            for turn in turns:
                attempt = _Attempt(style.font_px * scale, turn)
                if len(turns) > 1 and _hopeless(chart, attempt, width_px):
                    continue
                pixels, trouble = _attempt(chart, style, width_px, height_px, attempt)
                if pixels is not None:
                    return pixels
                if trouble == "marks":  # numbers that cover one another do so however the categories are turned
                    break
    return None


def _hopeless(chart: Chart, attempt: _Attempt, width_px: int) -> bool:
    """Whether labels certainly do not fit, even with narrow letters and the whole width for them: not worth an attempt."""
    lines = [max(map(len, wrap(category, WRAP_CHARS[0]).split("\n"))) for category in chart.categories]
    place_px = width_px / max(1, len(lines))
    if attempt.turn_deg:
        return place_px * np.sin(np.radians(attempt.turn_deg)) < attempt.font_px * 0.8
    return any((first + second) / 2 * attempt.font_px * 0.45 > place_px for first, second in itertools.pairwise(lines))


def _attempt(chart: Chart, style: ChartStyle, width_px: int, height_px: int, attempt: _Attempt) -> tuple[np.ndarray | None, str]:
    """The pixels, or what is in the way: "room", "marks" or "texts"."""
    matplotlib.rcParams.update({"text.parse_math": False, "font.family": list(fonts(style.font)), "font.size": attempt.font_px,
                                "axes.unicode_minus": False, "text.hinting": "none", "text.color": style.ink})  # fmt: skip
    figure = Figure(figsize=(width_px / DPI, height_px / DPI), dpi=DPI, facecolor=style.background)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8), projection="polar" if chart.kind == "radar" else None)
    pen = Pen(chart, style, attempt.font_px)
    drawn = draw_marks(axes, pen)
    _dress(axes, pen, drawn, attempt.turn_deg)
    room = _place_title(figure, pen, (MARGIN_PX, MARGIN_PX, width_px - MARGIN_PX, height_px - MARGIN_PX))
    room = _place_legend(figure, pen, drawn, room)
    if room[2] - room[0] < 60 or room[3] - room[1] < 60:
        return None, "room"
    _fit_axes(figure, axes, pen, drawn, room, attempt)
    canvas.draw()  # before it is measured: a legend knows its place only then
    trouble = "marks" if chart.labels and _has_thin_part(chart, axes, attempt.font_px) else _trouble(figure)
    return (None, trouble) if trouble else (np.asarray(canvas.buffer_rgba())[:, :, :3].copy(), "")


def wrap(text: str, chars: int) -> str:
    """Lines of about so many characters; words stay whole unless they are very long, scripts without spaces break anywhere."""
    wide = sum(ord(character) >= 0x2E80 for character in text)
    limit = chars // 2 if wide * 2 > len(text) else chars
    if wide:
        return "\n".join(textwrap.wrap(text, limit, break_on_hyphens=False)) or text
    words = [piece for word in text.split() for piece in textwrap.wrap(word, LONGEST_WORD, break_on_hyphens=False)]
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > limit:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def _dress(axes: Axes, pen: Pen, drawn: Drawn, turn_deg: int) -> None:
    """Spines, grid, tick labels and axis titles."""
    chart, style = pen.chart, pen.style
    axes.set_facecolor(style.background)
    axes.set_axisbelow(True)
    axes.tick_params(colors=style.ink, labelsize=pen.font_px, length=0 if chart.kind == "radar" else 3.5)
    if drawn.categories:
        names = [wrap(name, WRAP_CHARS[1 if drawn.axis == "y" else 0] if turn_deg == 0 else 40) for name in drawn.categories]
        if drawn.axis == "y":
            axes.set_yticks(drawn.places, names)
        else:
            axes.set_xticks(drawn.places, names)
            if turn_deg:
                side = {"ha": "right", "rotation_mode": "anchor", "va": "top"} if turn_deg < 90 else {"ha": "center"}
                for label in axes.get_xticklabels():
                    label.set(rotation=turn_deg, **side)
    if chart.kind == "radar":
        axes.tick_params(axis="x", pad=8)
        for place, label in zip(drawn.places, axes.get_xticklabels(), strict=True):
            label.set_horizontalalignment("center" if abs(np.sin(place)) < 0.1 else "left" if np.sin(place) > 0 else "right")
        axes.grid(True, color=style.ink, alpha=0.25, linewidth=0.7)
        axes.spines["polar"].set(color=style.ink, alpha=0.4)
        for label in axes.get_yticklabels():
            label.set(fontsize=pen.font_px * 0.8, path_effects=pen.halo(), zorder=6)
        return
    shown = {"all": ("left", "bottom", "top", "right"), "left_bottom": ("left", "bottom"), "bottom": ("bottom",), "none": ()}[style.spines]
    for name, spine in axes.spines.items():
        spine.set(visible=name in shown and chart.kind not in ("pie", "donut", "heatmap"), color=style.ink, linewidth=0.8)
    if style.grid != "none" and chart.kind not in ("pie", "donut", "heatmap"):
        value_axis = "x" if drawn.axis == "y" else "y"
        which = "both" if style.grid == "both" else value_axis
        axes.grid(True, axis=which, color=style.ink, alpha=0.18, linewidth=0.8, linestyle=style.grid_dashes)  # type: ignore[arg-type]
    if chart.kind not in ("pie", "donut"):
        across, up = (chart.y_title, chart.x_title) if chart.kind == "horizontal_bar" else (chart.x_title, chart.y_title)
        axes.set_xlabel(wrap(across, 60), color=style.ink, fontsize=pen.font_px * 1.08)
        axes.set_ylabel(wrap(up, 36), color=style.ink, fontsize=pen.font_px * 1.08)


Room = tuple[float, float, float, float]  # left, bottom, right, top in px from the lower left corner


def _place_title(figure: Figure, pen: Pen, room: Room) -> Room:
    if not pen.chart.title:
        return room
    left, bottom, right, top = room
    width, height = figure.bbox.width, figure.bbox.height
    size = pen.font_px * 1.3
    across: dict[str, Any] = {"x": left / width, "ha": "left"} if pen.style.title_place == "left" else {"x": 0.5, "ha": "center"}
    text = figure.text(**across, y=top / height, s="", va="top", fontsize=size, color=pen.style.ink,
                       fontfamily=list(fonts(pen.style.font, pen.style.title_bold)))  # fmt: skip
    for chars in (90, 70, 55, 42, 32, 24, 18, 12):
        text.set_text(wrap(pen.chart.title, chars))
        if text.get_window_extent().width <= right - left:
            break
    return left, bottom, right, text.get_window_extent().y0 - 8


def _place_legend(figure: Figure, pen: Pen, drawn: Drawn, room: Room) -> Room:
    if not drawn.names:
        return room
    left, bottom, right, top = room
    width, height = figure.bbox.width, figure.bbox.height
    names = [wrap(name, WRAP_CHARS[1]) for name in drawn.names]
    options: dict[str, Any] = {"fontsize": pen.font_px, "labelcolor": pen.style.ink, "frameon": pen.style.legend_frame, "facecolor": pen.style.background,
               "edgecolor": pen.style.ink, "borderaxespad": 0.0, "framealpha": 1.0}  # fmt: skip
    beside = pen.style.legend == "right"
    anchor, place = ((right, (bottom + top) / 2), "center right") if beside else ((width / 2, bottom), "lower center")
    if pen.style.legend == "top":
        anchor, place = (width / 2, top), "upper center"
    for columns in (1,) if beside else range(len(names), 0, -1):
        options |= {"loc": place, "bbox_to_anchor": (anchor[0] / width, anchor[1] / height), "ncols": columns}
        order = [at for column in range(columns) for at in range(column, len(names), columns)]  # matplotlib fills columns; people read rows
        legend = figure.legend([drawn.handles[at] for at in order], [names[at] for at in order], **options)
        box = legend.get_window_extent()
        if beside or box.width <= right - left or columns == 1:
            break
        legend.remove()
    gap = 10
    if beside:
        return left, bottom, box.x0 - gap, top
    return (left, bottom, right, box.y0 - gap) if pen.style.legend == "top" else (left, box.y1 + gap, right, top)


def _fit_axes(figure: Figure, axes: Axes, pen: Pen, drawn: Drawn, room: Room, attempt: _Attempt) -> None:
    """Moves the axes so that they and all texts around them fill the room; again for texts that move with the axes."""
    width, height = figure.bbox.width, figure.bbox.height
    left, bottom, right, top = room
    box = room
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    for _ in range(3):
        axes.set_position((box[0] / width, box[1] / height, (box[2] - box[0]) / width, (box[3] - box[1]) / height))
        if pen.chart.kind in ("pie", "donut"):  # their texts are spread by the size of the pie
            axes.clear()
            draw_marks(axes, pen)
            _dress(axes, pen, drawn, attempt.turn_deg)
        found = axes.get_tightbbox(renderer)
        assert found is not None
        moves = (left - found.x0, bottom - found.y0, right - found.x1, top - found.y1)
        if max(map(abs, moves)) < 0.5:
            return
        box = (box[0] + moves[0], box[1] + moves[1], box[2] + moves[2], box[3] + moves[3])
        box = (box[0], box[1], max(box[2], box[0] + 30), max(box[3], box[1] + 30))
    axes.set_position((box[0] / width, box[1] / height, (box[2] - box[0]) / width, (box[3] - box[1]) / height))


# ---- can it be read


def _has_thin_part(chart: Chart, axes: Axes, font_px: float) -> bool:
    """Whether a part of a stacked bar is lower than the number on it."""
    low, high = axes.get_ylim()
    parts = [abs(value) for series in chart.series for value in series.values if value is not None] if chart.kind == "stacked_bar" else []
    return bool(parts) and min(parts) * axes.bbox.height / (high - low) < font_px * 0.9


def _trouble(figure: Figure) -> str:
    """Empty when every text lies inside the picture and no text covers another; "marks" when only numbers on marks do, else "texts"."""
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_visible() and text.get_text().strip()]
    boxes = [_corners(text) for text in texts]
    for corners in boxes:
        if corners.min() < 0 or corners[:, 0].max() > figure.bbox.width or corners[:, 1].max() > figure.bbox.height:
            return "texts"
    lows, highs = np.array([box.min(axis=0) for box in boxes]), np.array([box.max(axis=0) for box in boxes])
    found = ""
    for at, text in enumerate(texts):
        near = np.all((lows[at + 1 :] < highs[at] - TOUCHING_PX) & (highs[at + 1 :] > lows[at] + TOUCHING_PX), axis=1)
        for other in (at + 1 + int(step) for step in np.flatnonzero(near)):
            if _overlap(boxes[at], boxes[other]):
                if not text.get_gid() == texts[other].get_gid() == MARK:
                    return "texts"
                found = "marks"
    return found


def _corners(text: Text) -> np.ndarray:
    """The text's four corners in px, in turn. Shapes: (4, 2)."""
    turn = text.get_rotation()
    around = Text.get_window_extent(text)  # of the text alone, without the arrow of an annotation
    if turn % 90 == 0:
        return np.array([(around.x0, around.y0), (around.x1, around.y0), (around.x1, around.y1), (around.x0, around.y1)])
    text.set_rotation(0)
    level = Text.get_window_extent(text)
    text.set_rotation(turn)
    half = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (level.width / 2, level.height / 2)
    sine, cosine = np.sin(np.radians(turn)), np.cos(np.radians(turn))
    middle = ((around.x0 + around.x1) / 2, (around.y0 + around.y1) / 2)
    return half @ np.array([(cosine, sine), (-sine, cosine)]) + middle


def _overlap(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two rectangles overlap by more than a touch (separating axis theorem)."""
    for box in (first, second):
        for side in (box[1] - box[0], box[2] - box[1]):
            length = float(np.hypot(*side))
            if length == 0:
                return False
            along = side / length
            one, two = first @ along, second @ along
            if min(one.max(), two.max()) - max(one.min(), two.min()) <= TOUCHING_PX:
                return False
    return True


def check_glyphs(chart: Chart, style: ChartStyle) -> None:
    """Raises: Refused with MISSING_GLYPHS when some text has a character that would be drawn as a box."""
    texts = (chart.title, chart.x_title, chart.y_title, *chart.categories, *(series.name for series in chart.series))
    missing = missing_glyphs("".join(texts), style.font)
    if missing:
        raise Refused(MISSING_GLYPHS, f"{missing[:20]!r} (U+{ord(missing[0]):04X}) among the texts")
