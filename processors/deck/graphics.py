"""Tables and charts of a slide as JSON.

A table: {"columns_pt", "rows_pt", "header", "cells": [[cell or None]]}; None is covered by a merged cell, whose `spans` say how many
(columns, rows) it takes. A chart: {"kind", "categories", "series": [{"name", "values", "x", "sizes", "color"}], "title", "x_title",
"y_title", "labels", "percent", "exact"}. `kind` is one of processors/chart/model.py KINDS, empty for one that cannot be drawn;
`exact` says that the drawing shows the data as the deck means it: one plot, no logarithmic axis, no perspective.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable
from typing import Any

from lxml import etree

from processors.deck.package import OPEN_ERRORS, TOO_LARGE_SLIDE, name_of
from processors.deck.theme import (
    FILLS,
    Media,
    Theme,
    child,
    children,
    color_in,
    fill_of,
    first_of,
    integer,
    line_of,
    points,
    tinted,
)
from schemas.outcome import Refused

MAX_CELLS = 4_000  # of one table; a slide shows some 200 that can be read
MAX_POINTS = 20_000  # of all series: a chart of more shows none of them
MAX_SERIES = 200

# ---- tables

MEDIUM_STYLES = (  # Office's built-in "Medium Style 2", for accents 1 to 6; decks name it and do not carry it
    *("{5C22544A-7EE6-4342-B048-85BDC9FD1C3A}", "{21E4AEA4-8DFA-4A89-87EB-49C32662AFE0}", "{F5AB1C69-6EDB-4FF4-983F-18BD219EF322}"),
    *("{00A15C55-8517-42AA-B614-E9B94910E393}", "{7DF18680-E054-41AD-8BC1-D1AEF772440D}", "{93296810-A885-4BE3-A3E7-6D5BEEA58F35}"),
)
MEDIUM_STYLE_DARK = "{073A0DAA-6AF3-43AB-8588-CEC1D06C72B9}"
GRID_STYLE = "{5940675A-B579-460E-94D1-54222C63F5DA}"
FLAGS = ("firstRow", "lastRow", "firstCol", "lastCol", "bandRow", "bandCol")
SIDES = ("left", "top", "right", "bottom")
ReadText = Callable[[Any, str | None, bool], dict[str, Any] | None]  # (txBody, colour, bold) of a cell


def table_of(element: Any, theme: Theme, styles: Any, media: Media, read_text: ReadText) -> dict[str, Any]:
    """An `a:tbl`. `styles` is the root of the deck's table styles, or None."""
    properties = child(element, "tblPr")
    flags = {flag: properties is not None and properties.get(flag) in ("1", "true") for flag in FLAGS}
    style = _style_of(child(properties, "tableStyleId") if properties is not None else None, styles, theme)
    columns = [max(0.0, points(column.get("w"))) for column in children(element, "tblGrid")]
    rows = [row for row in element if name_of(row) == "tr"]
    if len(rows) * len(columns) > MAX_CELLS:
        raise Refused(TOO_LARGE_SLIDE, f"a table of {len(rows)} x {len(columns)} cells, expected {MAX_CELLS} at most")
    cells: list[list[dict[str, Any] | None]] = []
    for number, row in enumerate(rows):
        line: list[dict[str, Any] | None] = []
        for place, cell in enumerate(each for each in row if name_of(each) == "tc"):
            if cell.get("hMerge") in ("1", "true") or cell.get("vMerge") in ("1", "true") or place >= len(columns):
                line.append(None)
                continue
            look = _look(style, flags, number, place, len(rows), len(columns))
            line.append(_cell(cell, look, theme, media, read_text))
        line = (line + [None] * len(columns))[: len(columns)]
        cells.append(line)
    _bound_spans(cells)
    heights = [max(0.0, points(row.get("h"))) for row in rows]
    return {"columns_pt": columns, "rows_pt": heights, "header": flags["firstRow"], "cells": cells}


def _bound_spans(cells: list[list[dict[str, Any] | None]]) -> None:
    """No span beyond the grid or over a cell of its own."""
    for r, line in enumerate(cells):
        for c, cell in enumerate(line):
            if cell is None:
                continue
            across, down = cell["spans"]
            across = next((n for n in range(1, min(across, len(line) - c)) if line[c + n] is not None), min(across, len(line) - c))
            down = next((n for n in range(1, min(down, len(cells) - r)) if cells[r + n][c] is not None), min(down, len(cells) - r))
            cell["spans"] = [max(1, across), max(1, down)]


def _cell(element: Any, look: dict[str, Any], theme: Theme, media: Media, read_text: ReadText) -> dict[str, Any]:
    properties = child(element, "tcPr")
    own = fill_of(first_of(properties, FILLS), theme, media) if properties is not None else None
    lines = dict(look["lines"])
    margins = [7.2, 3.6, 7.2, 3.6]
    anchor = "t"
    if properties is not None:
        for side, name in zip(SIDES, ("lnL", "lnT", "lnR", "lnB"), strict=True):
            said = line_of(child(properties, name), theme)
            if said is not None:
                lines[side] = {**lines.get(side, {}), **said}
        names = zip(("marL", "marT", "marR", "marB"), margins, strict=True)
        margins = [points(properties.get(name)) if properties.get(name) else default for name, default in names]
        anchor = properties.get("anchor", "t")
    text = read_text(child(element, "txBody"), look["color"], look["bold"])
    if text is not None:
        text |= {"insets_pt": margins, "anchor": anchor}
    spans = [max(1, integer(element.get("gridSpan"), 1)), max(1, integer(element.get("rowSpan"), 1))]
    return {"spans": spans, "text": text, "fill": own or look["fill"], "lines": lines}


def _style_of(identity: Any, styles: Any, theme: Theme) -> dict[str, dict[str, Any]]:
    """Parts of a table style by name (wholeTbl, band1H, firstRow ...): {"fill", "color", "bold", "lines"}."""
    name = (identity.text or "").strip().upper() if identity is not None else ""
    found = next((each for each in styles if each.get("styleId", "").upper() == name), None) if styles is not None and name else None
    if found is not None:
        return {name_of(part): _style_part(part, theme) for part in found}
    if name in MEDIUM_STYLES or name == MEDIUM_STYLE_DARK:
        accent = theme.slot(f"accent{MEDIUM_STYLES.index(name) + 1}" if name in MEDIUM_STYLES else "dk1") or "#4f81bd"
        return _medium_style(accent, theme.slot("lt1") or "#ffffff", theme.slot("dk1") or "#000000")
    ink = {"color": theme.slot("tx1") or "#000000", "width_pt": 1.0}
    whole = {"fill": None, "color": theme.slot("tx1"), "bold": False, "lines": dict.fromkeys((*SIDES, "insideH", "insideV"), ink)}
    return {"wholeTbl": whole} if name == GRID_STYLE else {}


def _medium_style(accent: str, light: str, dark: str) -> dict[str, dict[str, Any]]:
    def tint(share: float) -> dict[str, Any]:
        return {"kind": "solid", "color": tinted(accent, share)}

    white = {"color": light, "width_pt": 1.0}
    strong = {"fill": {"kind": "solid", "color": accent}, "color": light, "bold": True}
    return {
        "wholeTbl": {"fill": tint(0.2), "color": dark, "bold": False, "lines": dict.fromkeys((*SIDES, "insideH", "insideV"), white)},
        "band1H": {"fill": tint(0.4), "color": None, "bold": None, "lines": {}},
        "band1V": {"fill": tint(0.4), "color": None, "bold": None, "lines": {}},
        "firstCol": {**strong, "lines": {}},
        "lastCol": {**strong, "lines": {}},
        "firstRow": {**strong, "lines": {"bottom": {"color": light, "width_pt": 3.0}}},
        "lastRow": {**strong, "lines": {"top": {"color": light, "width_pt": 3.0}}},
    }


def _style_part(part: Any, theme: Theme) -> dict[str, Any]:
    text, look = child(part, "tcTxStyle"), child(part, "tcStyle")
    fill = fill_of(first_of(child(look, "fill"), FILLS), theme, lambda _: None) if look is not None else None
    borders = child(look, "tcBdr") if look is not None else None
    lines = {name_of(side): line_of(child(side, "ln"), theme) for side in borders} if borders is not None else {}
    bold = None if text is None or text.get("b") is None else text.get("b") == "on"
    return {
        "fill": fill,
        "color": color_in(text, theme) if text is not None else None,
        "bold": bold,
        "lines": {name: line for name, line in lines.items() if line},
    }


def _look(style: dict[str, Any], flags: dict[str, bool], row: int, column: int, num_rows: int, num_columns: int) -> dict[str, Any]:
    """What the table's style gives one cell: the whole table first, then bands, columns, rows."""
    is_first, is_last = row == 0 and flags["firstRow"], row == num_rows - 1 and flags["lastRow"]
    named = ["wholeTbl"]
    if flags["bandCol"]:
        named.append(f"band{1 + (column - flags['firstCol']) % 2}V")
    if flags["bandRow"] and not is_first and not is_last:
        named.append(f"band{1 + (row - flags['firstRow']) % 2}H")
    named += ["lastCol"] * (column == num_columns - 1 and flags["lastCol"]) + ["firstCol"] * (column == 0 and flags["firstCol"])
    named += ["lastRow"] * is_last + ["firstRow"] * is_first
    look: dict[str, Any] = {"fill": None, "color": None, "bold": False, "lines": {}}
    for name in named:
        part = style.get(name)
        if not part:
            continue
        look["fill"] = part["fill"] or look["fill"]
        look["color"] = part["color"] or look["color"]
        look["bold"] = look["bold"] if part["bold"] is None else part["bold"]
        lines = part["lines"]
        edges = {"left": column == 0, "top": row == 0, "right": column == num_columns - 1, "bottom": row == num_rows - 1}
        for side, at_edge in edges.items():
            inside = lines.get("insideV" if side in ("left", "right") else "insideH") if name == "wholeTbl" else None
            line = lines.get(side) if at_edge or name != "wholeTbl" else inside
            if line:
                look["lines"] = {**look["lines"], side: line}
    return look


# ---- charts

AUTOMATIC_TITLE = "Chart Title"
DEFAULT_FONT_PT = 10.0
DATE_CODE = re.compile("[yd]|m{3}", re.IGNORECASE)
CODE_TEXT = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|@|_.|\*.')  # of a number format: what is written as it stands, locales, fillers
CODE_PIECE = re.compile(r'"([^"]*)"|\\(.)|\[[^\]]*\]|@|_.|\*.|y{4}|yy|m{1,4}|d{1,2}', re.IGNORECASE)
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")

EXACT, FLAT = True, False
PLOTS = {  # (kind with one series, kind with several, drawn as meant)
    "area": ("area", "area", EXACT),
    "area3D": ("area", "area", FLAT),
    "line": ("line", "line", EXACT),
    "line3D": ("line", "line", FLAT),
    "pie": ("pie", "", EXACT),
    "pie3D": ("pie", "", FLAT),
    "ofPie": ("pie", "", FLAT),
    "doughnut": ("donut", "", EXACT),
    "radar": ("radar", "radar", EXACT),
    "scatter": ("scatter", "scatter", EXACT),
    "bubble": ("bubble", "bubble", EXACT),
}


def chart_of(root: Any, theme: Theme) -> dict[str, Any]:
    """A chart part's root (`c:chartSpace`), read by python-pptx's chart classes; an empty kind when it cannot be drawn."""
    from pptx.chart.plot import PlotFactory
    from pptx.exc import PythonPptxError

    empty: dict[str, Any] = {"kind": "", "categories": [], "series": [], "title": "", "x_title": "", "y_title": ""}
    empty |= {"labels": False, "percent": False, "exact": False, "font_pt": DEFAULT_FONT_PT}
    area = child(root, "chart", "plotArea") if root is not None else None
    if area is None:
        return empty
    plots = [each for each in area if name_of(each).endswith("Chart")]
    titles = {"title": _title(child(root, "chart", "title")), **_axis_titles(area)}
    if not plots:
        return {**empty, **titles}
    try:
        plot = PlotFactory(plots[0], None)
        found = [(one._element, one.name, list(one.values)) for one in plot.series]
        labels = [] if name_of(plots[0]) in ("scatterChart", "bubbleChart") else [str(category.label) for category in plot.categories]
    except (*OPEN_ERRORS, PythonPptxError):  # a kind that the library does not know, or data that are not there
        return {**empty, **titles}
    series = [_series(element, name, values, theme) for element, name, values in found]
    categories = _labels(plots[0], labels)
    stem = name_of(plots[0]).removesuffix("Chart")
    kind, is_exact = _kind(plots[0], stem, len(series))
    longest = max((len(one["values"]) for one in series), default=0)
    categories = (
        [*categories, *(str(number + 1) for number in range(len(categories), longest))] if stem not in ("scatter", "bubble") else []
    )
    total = sum(len(one["values"]) for one in series)
    if not kind or not longest or len(series) > MAX_SERIES or max(total, len(categories)) > MAX_POINTS:
        return {**empty, **titles}
    for one in series:
        one["values"] += [None] * (len(categories) - len(one["values"]))
    if not titles["title"]:
        titles["title"] = _automatic_title(child(root, "chart"), series)
    grouping = child(plots[0], "grouping")
    percent = grouping is not None and grouping.get("val") == "percentStacked"
    odd = len(plots) > 1 or percent or any(name_of(each) in ("logBase",) for each in area.iter())
    return {
        "kind": kind,
        "categories": categories,
        "series": series,
        **titles,
        "labels": _shows_values(plots[0]),
        "percent": percent,
        "exact": is_exact and not odd,
        "font_pt": _font_pt(root),
    }


def _kind(plot: Any, stem: str, num_series: int) -> tuple[str, bool]:
    if stem in ("bar", "bar3D"):
        grouping, direction = child(plot, "grouping"), child(plot, "barDir")
        stacked = grouping is not None and "tacked" in grouping.get("val", "")
        if direction is not None and direction.get("val") == "bar":  # one kind for bars that lie, whatever they do beside one another
            return "horizontal_bar", stem == "bar" and not (stacked and num_series > 1)
        return ("stacked_bar" if stacked else "grouped_bar") if num_series > 1 else "bar", stem == "bar"
    one, several, is_exact = PLOTS.get(stem, ("", "", FLAT))
    grouping = child(plot, "grouping")
    if several and grouping is not None and "tacked" in grouping.get("val", "") and num_series > 1:
        is_exact = FLAT  # stacked lines and areas are drawn unstacked
    return (one, is_exact) if num_series == 1 or not several else (several, is_exact)


def _series(element: Any, name: str, found: list[Any], theme: Theme) -> dict[str, Any]:
    values = [_number(value) for value in found]
    paint = child(element, "spPr", "solidFill")
    stroke = child(element, "spPr", "ln", "solidFill")
    color = color_in(paint if paint is not None else stroke, theme)
    told: dict[str, Any] = {"name": name or "", "values": values, "x": [], "sizes": [], "color": color}
    for key, name in (("x", "xVal"), ("sizes", "bubbleSize")):
        told[key] = _cached(child(element, name))
    if name_of(element.getparent()) in ("scatterChart", "bubbleChart"):
        told["x"] = told["x"] if len(told["x"]) == len(values) else [float(number + 1) for number in range(len(values))]
        told["sizes"] = told["sizes"] if len(told["sizes"]) == len(values) else []
    return told


def _cached(element: Any) -> list[float]:
    """Numbers of a reference's cache, when every one is there."""
    if element is None:
        return []
    found = [_number(value.text) for point in element.iter() if name_of(point) == "pt" for value in point if name_of(value) == "v"]
    return [value for value in found if value is not None] if None not in found else []


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _labels(element: Any, labels: list[str]) -> list[str]:
    """Categories as the axis writes them: numbers in a format of dates are dates."""
    source = next((each for each in element.iter() if name_of(each) == "cat"), None)
    code = next((each.text or "" for each in (source.iter() if source is not None else ()) if name_of(each) == "formatCode"), "")
    if not DATE_CODE.search(CODE_TEXT.sub("", code)):
        is_numeric = source is not None and any(name_of(each) in ("numRef", "numLit") for each in source)
        return [label.removesuffix(".0") for label in labels] if is_numeric else labels
    return [_date(label, code.split(";")[0]) for label in labels]


def _date(label: str, code: str) -> str:
    """A day counted from 1899-12-30, as spreadsheets do, in a format of theirs; the label itself where it is no such number."""
    number = _number(label)
    if number is None or not 60 < number < 2_958_466:
        return label
    day = datetime.date(1899, 12, 30) + datetime.timedelta(days=int(number))
    words = {"yyyy": f"{day.year:04d}", "yy": f"{day.year % 100:02d}", "mmmm": MONTHS[day.month - 1], "mmm": MONTHS[day.month - 1][:3]}
    words |= {"mm": f"{day.month:02d}", "m": str(day.month), "dd": f"{day.day:02d}", "d": str(day.day)}
    return CODE_PIECE.sub(lambda found: words.get(found[0].lower(), found[1] or found[2] or ""), code).strip()


def _automatic_title(chart: Any, series: list[dict[str, Any]]) -> str:
    """The title of a chart that states none: the name of the only series, unless titles are switched off."""
    switch = child(chart, "autoTitleDeleted")
    if child(chart, "title") is not None:
        return series[0]["name"] if len(series) == 1 else AUTOMATIC_TITLE
    is_off = switch is not None and switch.get("val", "1") in ("1", "true")
    return series[0]["name"] if len(series) == 1 and not is_off else ""


def _font_pt(root: Any) -> float:
    """The size that the chart gives its texts; Office's own where it gives none."""
    said = child(root, "txPr", "p", "pPr", "defRPr")
    return min(40.0, max(6.0, integer(said.get("sz"), int(100 * DEFAULT_FONT_PT)) / 100)) if said is not None else DEFAULT_FONT_PT


def _title(element: Any) -> str:
    if element is None:
        return ""
    paragraphs = [each for each in element.iter() if name_of(each) == "p"]
    return " ".join("".join(run.text or "" for run in each.iter() if name_of(run) == "t") for each in paragraphs).strip()


def _axis_titles(area: Any) -> dict[str, str]:
    axes = [each for each in area if name_of(each) in ("catAx", "dateAx", "valAx")]
    flat = [axis for axis in axes if name_of(axis) != "valAx"] or axes[:1]
    others = [axis for axis in axes if axis not in flat]
    return {"x_title": _title(child(flat[0], "title")) if flat else "", "y_title": _title(child(others[0], "title")) if others else ""}


def _shows_values(plot: Any) -> bool:
    """Whether the plot, or every one of its series, writes values on its marks."""

    def shown(labels: Any) -> bool:
        value = child(labels, "showVal") if labels is not None else None
        return value is not None and value.get("val", "1") in ("1", "true") and child(labels, "delete") is None

    series = [each for each in plot if name_of(each) == "ser"]
    return all(shown(child(one, "dLbls") if child(one, "dLbls") is not None else child(plot, "dLbls")) for one in series) and bool(series)


def chart_root(part: Any) -> Any:
    """The root of a chart part, when it is one."""
    root = getattr(part, "_element", None)
    return root if root is not None and isinstance(root, etree._Element) and name_of(root) == "chartSpace" else None
