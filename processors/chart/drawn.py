"""From what stands in a drawn Vega chart (processors/chart/scene.py) to the table that questions are asked about.

The table holds the marks that are visible, one row each, with the fields that place and size them. What the picture does not tell
(a category without a label, a scale whose ticks are no plain numbers) is marked so, and nothing that needs it is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from processors.chart.questions import Shown
from processors.chart.scale import exact
from processors.chart.scene import DISCRETE, STACK_ENDS, lies_at
from processors.chart.table import NUMBER, TEXT, Cell, Column, Table, cell_text, read_number

CONTINUOUS = ("linear", "log", "pow", "sqrt", "symlog")
TIME = ("time", "utc")
COLOURS = ("fill", "stroke")
ACROSS, UP = ("x", "xc"), ("y", "yc")
LEGENDED = ("fill", "stroke", "shape", "strokeDash", "opacity")
COUNT = "Count of Records"  # Vega-Lite's own title
INTERVAL = " – "  # as Vega-Lite writes a bin
MAX_SERIES = 12


@dataclass(frozen=True, slots=True)
class _Field:
    """A column of the table and the channel that shows it."""

    name: str
    channel: str
    scale: str


@dataclass(frozen=True, slots=True)
class _Layer:
    """The layer of a chart that has its data: the raw rows, and which field stands on which channel."""

    marktype: str
    table: Table
    fields: tuple[_Field, ...]
    stacked: frozenset[str] = frozenset()
    has_hole: bool = False
    spots: tuple[Mapping[str, Sequence[float]], ...] = ()  # of the rows

    def on(self, *channels: str) -> _Field | None:
        return next((field for channel in channels for field in self.fields if field.channel == channel), None)


def data_of(scene: Mapping[str, Any]) -> Table | None:
    """The data of the layer that shows most rows, with the fields that it shows; None when no mark tells its data."""
    layer = _main_layer(scene)
    return layer.table if layer else None


def shown_of(scene: Mapping[str, Any]) -> Shown:
    """The chart as questions see it; without a table of its own where its marks tell no data."""
    layer = _main_layer(scene)
    if layer is None:
        x_title, y_title = _title(scene, ("bottom", "top")), _title(scene, ("left", "right"))
        return Shown(Table((), ()), title=scene["title"], x_title=x_title, y_title=y_title, is_whole=False)
    measure, place = _measure(layer)
    if measure and measure.channel in COLOURS and measure.name not in [legend["title"] for legend in scene["legends"]]:
        measure = None  # nothing says what the colours stand for
    dims = _dims(layer, measure, place)
    is_across = _is_across(measure, place)
    measure_axes, place_axes = (("bottom", "top"), ("left", "right")) if is_across else (("left", "right"), ("bottom", "top"))
    shown = Shown(
        table=layer.table,
        chart=_kind(layer, measure, place, scene),
        title=scene["title"],
        x_title=_title(scene, place_axes),
        y_title=_title(scene, measure_axes),
        dims=tuple(field.name for field in dims),
        measures=(measure.name,) if measure and dims else (),
        compared_by=_compared_by(layer, measure, scene),
        is_across=is_across,
        is_whole=_is_whole(layer, scene) and (measure is None or None not in _cells(layer.table, measure.name)),
        is_in_order=False,
        is_listed=bool(dims) and dims[0].scale in DISCRETE,
        category=_legend_title(scene, dims) if place is None else "",
        measure=measure.name if measure and measure.channel in COLOURS else "",
    )
    if not shown.measures or measure is None:
        shown = _only(shown, dims[:1])
        return replace(shown, hidden=_hidden(shown, scene))
    if _is_key(layer.table, dims[0].name):  # what else the marks show follows from the first
        dims = dims[:1]
    shown = replace(_with_ticks(shown, measure, scene, measure_axes), dims=tuple(field.name for field in dims))
    shown = _only(shown, dims, measure)
    shown = replace(shown, has_numbers=_has_numbers(shown, layer, measure, place, scene))
    is_misled = not shown.has_numbers and _are_written(shown, scene)  # each number stands at another mark than its own
    if is_misled or (measure.channel in COLOURS and not shown.has_numbers):  # no one reads a number off a colour
        shown = replace(_only(shown, dims[:1]), measures=(), measure="")
        return replace(shown, hidden=_hidden(shown, scene))
    shown = _in_order(shown, dims, scene, place, layer.marktype)
    shown = _pivoted(shown, dims, scene) or shown
    return replace(shown, hidden=_hidden(shown, scene))


def _cells(table: Table, name: str) -> list[Cell]:
    return [row[table.names.index(name)] for row in table.rows]


def _is_key(table: Table, name: str) -> bool:
    cells = _cells(table, name)
    return None not in cells and len(set(cells)) == len(cells)


def _legend_title(scene: Mapping[str, Any], dims: Sequence[_Field]) -> str:
    """The title of the only legend, which names the categories of a chart without an axis for them."""
    titles = [legend["title"] for legend in scene["legends"] if legend["title"]]
    return str(titles[0]) if dims and dims[0].channel in LEGENDED and len(titles) == 1 else ""


def _main_layer(scene: Mapping[str, Any]) -> _Layer | None:
    layers = [layer for layer in scene["layers"] if layer["rows"] and layer["marktype"] != "text"]
    if not layers:
        return None
    most = max(len(layer["rows"]) for layer in layers)
    return _read_layer(next(layer for layer in layers if len(layer["rows"]) == most))


def _read_layer(layer: Mapping[str, Any]) -> _Layer:
    """Columns are the fields on the layer's channels, and those of the facets around it."""
    first = layer["rows"][0]
    parts = [part for part in first if part["fields"]]
    by_field = {name: number for number, part in enumerate(parts) for name in part["fields"]}
    fields: list[_Field] = []
    stacked: set[str] = set()
    used: dict[str, str] = {}
    for channel, encoding in layer["channels"].items():
        name = encoding["field"]
        plain = next((name.removesuffix(end) for end in STACK_ENDS if name not in by_field and name.endswith(end)), name)
        if plain not in by_field:
            continue
        if plain != name:
            stacked.add(channel)
        part = parts[by_field[plain]]
        title = (
            plain
            if part["title"] != plain and any(other["title"] == part["title"] for other in parts if other is not part)
            else part["title"]
        )
        title = used.setdefault(plain, title)
        fields.append(_Field(title, channel, encoding["scale"]))
    for part in parts:
        if not part["text"] and len(part["fields"]) == 1:  # a facet's field, which we added ourselves
            name = next(iter(part["fields"]))
            if name not in used:
                fields.append(_Field(used.setdefault(name, part["title"]), "facet", "band"))
    columns: list[Column] = []
    cells: list[list[Cell]] = []
    for name, title in used.items():
        if title in [column.name for column in columns]:
            continue
        on = [field.scale for field in fields if field.name == title]
        column, values = _column(title, name, by_field[name], layer["rows"], is_number=any(scale in CONTINUOUS for scale in on))
        columns.append(column)
        cells.append(values)
    rows = tuple(zip(*cells, strict=True)) if cells else ()
    kept = tuple(field for field in fields if any(column.name == field.name for column in columns))
    return _Layer(
        layer["marktype"], Table(tuple(columns), rows), kept, frozenset(stacked), bool(layer.get("has_hole")), tuple(layer["spots"])
    )


def _column(title: str, name: str, at: int, rows: Sequence[Any], is_number: bool) -> tuple[Column, list[Cell]]:
    """A column's values: numbers where every one is, or where the scale makes them so; else the text that Vega writes for them."""
    parts = [[part for part in row if part["fields"]][at] for row in rows]
    values = [part["fields"][name] for part in parts]
    if is_number:
        read = [float(value) if isinstance(value, float) else _as_number(value) for value in values]
        if all(number is not None or value is None for number, value in zip(read, values, strict=True)) and len(parts[0]["fields"]) == 1:
            return Column(title, NUMBER), list(read)
    if all(isinstance(value, float) or value is None for value in values) and len(parts[0]["fields"]) == 1:
        return Column(title, NUMBER), values
    shows_text = any("T" in str(value) or part["text"] not in ("", str(value)) for value, part in zip(values, parts, strict=True))
    texts = [part["text"] if shows_text and part["text"] else value for value, part in zip(values, parts, strict=True)]
    return Column(title, TEXT), [
        None if value is None else text if isinstance(text, str) else cell_text(text) for value, text in zip(values, texts, strict=True)
    ]


def _as_number(value: Cell) -> float | None:
    read = read_number(value) if isinstance(value, str) else None
    return read[0] if read and not read[1] else None


# ---- which field is the measure, and which place a mark


def _measure(layer: _Layer) -> tuple[_Field | None, _Field | None]:
    """The field that a mark's size or height tells, and the one that tells its place along the other axis."""
    if layer.marktype == "arc":
        angle, radius = layer.on("startAngle", "endAngle"), layer.on("outerRadius", "innerRadius")
        return (angle, None) if angle and angle.scale in CONTINUOUS and not radius else (None, None)
    across, up = layer.on(*ACROSS), layer.on(*UP)
    ends = [layer.on("x2"), layer.on("y2")]
    for start, end in zip((across, up), ends, strict=True):
        if start and end and start.name != end.name and start.scale in CONTINUOUS and layer.marktype in ("rect", "rule", "area"):
            other = up if start is across else across
            is_bin = all(INTERVAL in str(cell) for cell in _cells(layer.table, start.name))
            if not is_bin:  # from one field to another: no single value
                return None, other if other and other.scale in DISCRETE else None
    if across is None or up is None:
        one = across or up
        return (one, None) if one and one.scale in CONTINUOUS else (None, one)
    if layer.marktype == "line" and up.scale in DISCRETE:  # a bump chart: no height
        return None, across if across.scale in DISCRETE else up
    if up.scale in CONTINUOUS and (across.scale in DISCRETE or across.scale in TIME):
        return up, across
    if across.scale in CONTINUOUS and (up.scale in DISCRETE or up.scale in TIME):
        return across, up
    if up.scale in CONTINUOUS and across.scale in CONTINUOUS:
        return (up, across) if layer.marktype in ("line", "area", "rect") and up.name != across.name else (None, None)
    colour = layer.on(*COLOURS)
    if layer.marktype == "rect" and across.scale in DISCRETE and up.scale in DISCRETE and colour and colour.scale in CONTINUOUS:
        return colour, across
    return None, across if across.scale in DISCRETE else up


def _is_across(measure: _Field | None, place: _Field | None = None) -> bool:
    """Whether values run along the horizontal axis, and categories down the vertical one."""
    return measure.channel in (*ACROSS, "x2") if measure else place is not None and place.channel in UP


def _dims(layer: _Layer, measure: _Field | None, place: _Field | None) -> list[_Field]:
    """The place along the axis first, then what else tells marks apart; each column once."""
    found: dict[str, _Field] = {}
    for field in ([place] if place else []) + [field for field in layer.fields if field.scale in DISCRETE or field.channel == "facet"]:
        if measure is None or field.name != measure.name:
            found.setdefault(field.name, field)
    return list(found.values())


def _kind(layer: _Layer, measure: _Field | None, place: _Field | None, scene: Mapping[str, Any]) -> str:
    """One of KINDS where that is certain, else empty."""
    others = {other["marktype"] for other in scene["layers"] if other["num_visible"]} - {layer.marktype}
    if any(field.channel == "facet" for field in layer.fields) or others - {"symbol", "text", "line"}:
        return ""
    if layer.marktype == "arc" and measure:
        return "donut" if layer.has_hole else "pie"
    across, up = layer.on(*ACROSS), layer.on(*UP)
    if layer.marktype == "symbol" and not others and across and up and across.scale in CONTINUOUS and up.scale in CONTINUOUS:
        return "bubble" if layer.on("size") else "scatter"
    if measure is None or place is None:
        return ""
    if measure.channel in COLOURS:
        return "heatmap"
    if layer.marktype in ("line", "area"):
        return layer.marktype if not others - {"symbol"} or layer.marktype == "area" else ""
    if layer.marktype == "rect" and place.scale in CONTINUOUS and all(INTERVAL in str(cell) for cell in _cells(layer.table, place.name)):
        return "histogram" if measure.name == COUNT and not layer.on(*LEGENDED) else ""
    if layer.marktype != "rect" or place.scale not in DISCRETE or measure.channel not in ("x", "y"):  # ticks are centred on their value
        return ""
    grouped, stacked = layer.on("xOffset", "yOffset") is not None, _is_stacked(layer, place)
    if stacked and not layer.on(*LEGENDED):  # several marks of one colour: who sees the parts?
        return ""
    if _is_across(measure):
        return "" if grouped or stacked else "horizontal_bar"
    return "grouped_bar" if grouped else "stacked_bar" if stacked else "bar"


def _is_stacked(layer: _Layer, place: _Field | None) -> bool:
    """Whether marks stand on one another: stacked by the specification, and several at one place."""
    if not layer.stacked or layer.on("xOffset", "yOffset"):
        return False
    names = ([place.name] if place else []) + [field.name for field in layer.fields if field.channel == "facet"]
    places = [layer.table.names.index(name) for name in names]
    return max(Counter(tuple(row[at] for at in places) for row in layer.table.rows).values()) > 1


def _compared_by(layer: _Layer, measure: _Field | None, scene: Mapping[str, Any]) -> str:
    if measure is None or measure.channel in COLOURS:
        return "nothing"
    if layer.marktype == "arc":
        return "angle"
    place = layer.on(*(UP if _is_across(measure) else ACROSS))
    return "axis" if measure.scale == "linear" and not _is_stacked(layer, place) else "nothing"


def _is_whole(layer: _Layer, scene: Mapping[str, Any]) -> bool:
    """Whether the table is all that is drawn: no data beyond the view, no other layer with other data.

    A mark without a value is drawn all the same, as zero: who asks for the smallest value must not forget it.
    """
    for other in scene["layers"]:
        if other["num_hidden"] and other["rows"]:
            return False
        if other["rows"] and other["marktype"] != "text" and len(other["rows"]) != len(layer.table.rows):
            return False
        if other["num_visible"] and not other["rows"] and other["marktype"] != "text":
            return False
    return True


# ---- what the picture tells


def _title(scene: Mapping[str, Any], orients: tuple[str, ...]) -> str:
    """The title of the axes on these sides, when they have one alone."""
    titles = {axis["title"] for axis in scene["axes"] if axis["orient"] in orients and axis["title"]}
    return str(titles.pop()) if len(titles) == 1 else ""


def _labels(scene: Mapping[str, Any]) -> list[str]:
    """Every text at which a mark's place or series can be read."""
    axes = [label for axis in scene["axes"] for label in axis["labels"]]
    return [*axes, *(label for legend in scene["legends"] for label in legend["labels"]), *scene["headers"]]


def _is_told(labels: Sequence[str], cell: Cell) -> bool:
    """Whether some label says it; of an interval both ends must be said."""
    if any(_says(label, cell) for label in labels):
        return True
    ends = [_as_number(end) for end in cell.split(INTERVAL)] if isinstance(cell, str) and INTERVAL in cell else []
    return len(ends) == 2 and all(end is not None and any(_says(label, end) for label in labels) for end in ends)


def _says(label: str, cell: Cell) -> bool:
    if isinstance(cell, float):
        read = read_number(label)
        return read is not None and not read[1] and read[0] == cell
    return label == cell


def _with_ticks(shown: Shown, measure: _Field, scene: Mapping[str, Any], orients: tuple[str, ...]) -> Shown:
    """The ticks of the measure's axis, when there is one scale of plain numbers. Percent on it is percent in the table."""
    labels = {tuple(axis["labels"]) for axis in scene["axes"] if axis["orient"] in orients and axis["labels"]}
    if measure.scale != "linear" or measure.channel in COLOURS or len(labels) != 1:
        return shown
    read = [read_number(label) for label in labels.pop() if label]
    if not read or None in read or len({one[1] for one in read if one}) != 1:
        return shown
    unit = read[0][1]  # type: ignore[index]
    ticks = tuple(sorted(exact(one[0]) for one in read if one))
    if unit == "%":
        at = shown.table.names.index(measure.name)
        columns = tuple(replace(column, unit="%") if place == at else column for place, column in enumerate(shown.table.columns))
        rows = tuple(tuple(_hundredfold(cell) if place == at else cell for place, cell in enumerate(row)) for row in shown.table.rows)
        shown = replace(shown, table=Table(columns, rows))
    return replace(shown, ticks=ticks if unit in ("", "%") else ())


def _hundredfold(cell: Cell) -> Cell:
    return float(exact(cell) * Decimal(100)) if isinstance(cell, float) else cell


def _only(shown: Shown, dims: Sequence[_Field], measure: _Field | None = None) -> Shown:
    """The table with the columns that questions name."""
    names = [field.name for field in dims] + ([measure.name] if measure else [])
    places = [shown.table.names.index(name) for name in dict.fromkeys(names)]
    columns = tuple(shown.table.columns[at] for at in places)
    table = Table(columns, tuple(tuple(row[at] for at in places) for row in shown.table.rows))
    return replace(shown, table=table, dims=tuple(field.name for field in dims))


def _are_written(shown: Shown, scene: Mapping[str, Any]) -> bool:
    """Whether text marks write every value, wherever they stand."""
    written = Counter(read[0] for layer in scene["layers"] for text in layer["texts"] if (read := read_number(text)))
    values = Counter(float(value) for _, value in shown.values(shown.measures[0]))
    return bool(values) and not values - written


def _has_numbers(shown: Shown, layer: _Layer, measure: _Field, place: _Field | None, scene: Mapping[str, Any]) -> bool:
    """Whether text marks write every value, each at its own mark: a number at another mark would be read as that mark's."""
    written = [
        (read[0], spot)
        for other in scene["layers"]
        for text, spot in zip(other["texts"], other["text_spots"], strict=True)
        if (read := read_number(text))
    ]
    axes = ["y"] if _is_across(measure, place) else ["x"]
    if layer.marktype == "arc":
        axes = ["angle"]
    elif measure.channel in COLOURS or _is_stacked(layer, place):
        axes = ["x", "y"]
    at = shown.table.names.index(shown.measures[0])
    known = [(row[at], spot) for row, spot in zip(shown.table.rows, layer.spots, strict=True) if isinstance(row[at], float)]
    for value, spot in known:
        found = next((one for one in written if one[0] == value and all(lies_at(one[1], spot, axis) for axis in axes)), None)
        if found is None:
            return False
        written.remove(found)
    return bool(known)


def _in_order(shown: Shown, dims: Sequence[_Field], scene: Mapping[str, Any], place: _Field | None, marktype: str) -> Shown:
    """The rows in the order in which they stand along the axis, where its labels tell it."""
    dim = dims[0]
    at = shown.table.names.index(dim.name)
    cells = [row[at] for row in shown.table.rows]
    if place is not None and (dim.scale in CONTINUOUS or dim.scale in TIME):
        if marktype in ("line", "area") and dim.scale in TIME and len(shown.dims) == 1:  # drawn, and told, in the order of time
            return replace(shown, is_ordered=True)
        if not all(isinstance(cell, float) for cell in cells):
            return shown
        rows = sorted(shown.table.rows, key=lambda row: row[at])  # type: ignore[arg-type, return-value]
        return replace(shown, table=replace(shown.table, rows=tuple(rows)), is_ordered=True)
    orients = ("left", "right") if shown.is_across else ("bottom", "top")
    lists = [axis["labels"] for axis in scene["axes"] if axis["orient"] in orients and axis["labels"]]
    if place is None or len({tuple(labels) for labels in lists}) != 1:
        return shown
    ranks = [next((rank for rank, label in enumerate(lists[0]) if _says(label, cell)), None) for cell in cells]
    if None in ranks:
        return shown
    order = sorted(range(len(cells)), key=lambda row: (ranks[row], row))
    return replace(shown, table=replace(shown.table, rows=tuple(shown.table.rows[row] for row in order)), is_in_order=True)


def _pivoted(shown: Shown, dims: Sequence[_Field], scene: Mapping[str, Any]) -> Shown | None:
    """Two dims, the second in the legend: a column a series instead, in the legend's order; None where that does not work."""
    if len(dims) != 2 or dims[1].channel not in (*LEGENDED, "xOffset", "yOffset") or len(shown.measures) != 1:
        return None
    names = shown.table.names
    first, second, value = names.index(dims[0].name), names.index(dims[1].name), names.index(shown.measures[0])
    cells = {(row[first], row[second]): row[value] for row in shown.table.rows}
    told = {row[second] for row in shown.table.rows}
    order = [
        [cell for label in legend["labels"] for cell in told if isinstance(cell, str) and label == cell] for legend in scene["legends"]
    ]
    series = next((found for found in order if len(found) == len(told)), [])
    if len(cells) != len(shown.table.rows) or not 1 < len(series) <= MAX_SERIES or {"true", "false"} & set(series):
        return None
    titles = [cell_text(cell) for cell in series]
    if dims[0].name in titles or len(set(titles)) < len(titles):
        return None
    unit = shown.table.columns[value].unit
    columns = (shown.table.columns[first], *(Column(title, NUMBER, unit) for title in titles))
    places = dict.fromkeys(row[first] for row in shown.table.rows)
    rows = tuple((place, *(cells.get((place, name)) for name in series)) for place in places)
    return replace(shown, table=Table(columns, rows), dims=(dims[0].name,), measures=tuple(titles))


def _hidden(shown: Shown, scene: Mapping[str, Any]) -> frozenset[int]:
    """Rows whose place no label tells. Series without their name in the legend hide everything."""
    labels = _labels(scene)
    places = [shown.table.names.index(name) for name in shown.dims]
    return frozenset(number for number, row in enumerate(shown.table.rows) if not all(_is_told(labels, row[at]) for at in places))
