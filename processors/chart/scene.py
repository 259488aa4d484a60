"""What stands in a drawn Vega chart: its texts, its axes, and the exact datum of every mark, read from the scene graph.

Vega-Lite gives each mark a description for screen readers, an expression such as `"a: " + datum["a"] + "; b: " + ...`. It names the
fields that the mark shows, but rounds their values. We put in its place an expression that tells each field's type and exact
value, framed by lengths so that no text in the data can be mistaken for a separator. The marks keep their places and looks.
"""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

MARK_SIGN = "\u2063chart:"  # begins our descriptions; no title begins so
_DATUM = re.compile(r'datum\["((?:[^"\\]|\\.)*)"\]')
STACK_ENDS = ("_start", "_end", "_mid_point")
POINT_ROOM_PX, EDGE_ROOM_PX = 16.0, 2.0  # between a point and its number; beyond the edge of a bar
DISCRETE = ("band", "point", "ordinal")

Scales = dict[str, dict[str, Any]]


# ---- asking: the specification with descriptions that tell everything


def describe_marks(vega: dict[str, Any]) -> dict[str, Any]:
    """A copy of the specification in which every mark that has a description tells its data exactly."""
    asking = copy.deepcopy(vega)
    _describe(asking.get("marks", []), {"config": asking}, [])
    return asking


def _describe(marks: Any, scope: dict[str, Any], facets: list[str]) -> None:
    for mark in marks if isinstance(marks, list) else ():
        if not isinstance(mark, dict):
            continue
        if mark.get("type") == "group":
            facet = (mark.get("from") or {}).get("facet") or {}
            groupby = facet.get("groupby", [])
            fields = [field for field in (groupby if isinstance(groupby, list) else [groupby]) if isinstance(field, str)]
            _describe(mark.get("marks"), scope, [*facets, *fields])
            continue
        update = (mark.get("encode") or {}).get("update") or {}
        described = update.get("description")
        signal = described.get("signal") if isinstance(described, dict) else None
        parts = read_description(signal) if isinstance(signal, str) else []
        if parts:
            known = {field for _, _, fields in parts for field in fields}
            parts += [(field, '""', [field]) for field in dict.fromkeys(facets) if field not in known]
            update["description"] = {"signal": _telling(parts)}


def read_description(signal: str) -> list[tuple[str, str, list[str]]]:
    """(title, expression, fields of the datum) for each part of Vega-Lite's own description; none when it has another form."""
    terms = _split_terms(signal)
    if len(terms) % 2:
        return []
    parts = []
    for title, value in zip(terms[::2], terms[1::2], strict=True):
        try:
            text = json.loads(title)
        except ValueError:
            return []
        fields = [json.loads(f'"{field}"') for field in _DATUM.findall(value)]
        if not isinstance(text, str) or not text.endswith(": "):
            return []
        parts.append((text.removeprefix("; ").removesuffix(": "), value, list(dict.fromkeys(fields))))
    return parts


def _split_terms(signal: str) -> list[str]:
    """The terms of a sum, split at each + that is in no brackets and no string."""
    terms, start, depth, quote, at = [], 0, 0, "", 0
    while at < len(signal):
        character = signal[at]
        if quote:
            if character == "\\":
                at += 1
            elif character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "+" and depth == 0:
            terms.append(signal[start:at].strip())
            start = at + 1
        at += 1
    return [*terms, signal[start:].strip()]


def _telling(parts: list[tuple[str, str, list[str]]]) -> str:
    """A Vega expression: for each part its title, its text, the number of its fields, and each field's name, type and value."""
    told = [json.dumps(MARK_SIGN)]
    for title, value, fields in parts:
        told += [_framed(json.dumps(title)), _framed(value), _framed(json.dumps(str(len(fields))))]
        for field in fields:
            datum = f"datum[{json.dumps(field)}]"
            kind = f'(isNumber({datum}) ? "n" : isString({datum}) ? "s" : isBoolean({datum}) ? "b" : isDate({datum}) ? "d" : isValid({datum}) ? "o" : "0")'
            told += [_framed(json.dumps(field)), kind, _framed(f"(isDate({datum}) ? time({datum}) : {datum})")]
    return " + ".join(told)


def _framed(expression: str) -> str:
    return f'length(""+({expression})) + ":" + ({expression})'


# ---- reading


def read_told(description: str) -> list[dict[str, Any]] | None:
    """The parts of one of our descriptions: title, text, fields with their values; None for another description."""
    if not description.startswith(MARK_SIGN):
        return None
    data, at = description[len(MARK_SIGN) :].encode("utf-16-le", "surrogatepass"), 0  # JavaScript counts in halves of UTF-16

    def frame() -> str:
        nonlocal at
        colon = data.index(":".encode("utf-16-le"), at)
        size = int(data[at:colon].decode("utf-16-le"))
        at = colon + 2 + 2 * size
        return data[colon + 2 : at].decode("utf-16-le", "replace")

    parts = []
    while at < len(data):
        title, text, count = frame(), frame(), int(frame())
        fields: dict[str, Any] = {}
        for _ in range(count):
            name = frame()
            kind, at = data[at : at + 2].decode("utf-16-le"), at + 2
            fields[name] = _value(kind, frame())
        parts.append({"title": title, "text": text, "fields": fields})
    return parts


def _value(kind: str, text: str) -> str | float | None:
    if kind == "n":
        return float(text) if math.isfinite(float(text)) else None
    if kind == "d":
        moment = datetime.fromtimestamp(float(text) / 1000, UTC)
        return moment.strftime("%Y-%m-%d" if moment.time().isoformat() == "00:00:00" else "%Y-%m-%dT%H:%M:%S")
    return text if kind in "sb" else None


def _groups(node: dict[str, Any], roles: tuple[str, ...] = ()) -> Iterator[tuple[dict[str, Any], tuple[str, ...], dict[str, Any]]]:
    """Every mark of a scene with the roles of the marks around it and the group item that holds it."""
    waiting: list[tuple[dict[str, Any], tuple[str, ...], dict[str, Any]]] = [(node, roles, node)]
    while waiting:
        at, around, holder = waiting.pop()
        if "marktype" in at:
            yield at, around, holder
            around = (*around, str(at.get("role")))
            waiting += [(item, around, holder) for item in reversed(at.get("items", []))]
        else:
            waiting += [(item, around, at) for item in reversed(at.get("items", []))]


def _lines(text: Any) -> str:
    return " ".join(str(line) for line in text) if isinstance(text, list) else "" if text is None else str(text)


def scene_texts(scene: dict[str, Any], most: int) -> list[str] | None:
    """Every text drawn; None when the scene has more than so many items."""
    found, count = [], 0
    for mark, _, _ in _groups(scene):
        count += len(mark.get("items", []))
        if count > most:
            return None
        if mark["marktype"] == "text":
            found += [_lines(item.get("text")) for item in mark["items"]]
    return found


def read_scene(scene: dict[str, Any], vega: dict[str, Any]) -> dict[str, Any]:
    """What is drawn, as JSON values.

    `title`; `axes` ({orient, title, labels: [text]}); `legends` ({title, labels}); `headers` (texts of facets); `layers`, one for
    each mark of the specification in the order of drawing: name, marktype, rows (the parts of each datum that is visible),
    spots (where each of them lies), num_hidden (of data outside the view), channels, texts (of a text mark) and text_spots; `num_marks` that are visible.
    """
    layers: dict[str, dict[str, Any]] = {}
    read: dict[str, Any] = {"title": "", "axes": [], "legends": [], "headers": [], "num_marks": 0}
    marks = dict(_marks_by_name(vega.get("marks", []), _scales(vega)))
    for mark, roles, holder in _groups(scene):
        role, items = str(mark.get("role")), mark.get("items", [])
        if role == "axis":
            read["axes"] += [_axis(item) for item in items if _axis(item)["labels"] or _axis(item)["title"]]
        elif role == "legend":
            read["legends"] += [{"title": _inside(item, "legend-title"), "labels": _texts(item, "legend-label")} for item in items]
        elif role == "title-text" and set(roles) <= {"frame", "title"}:  # titles of facets stand in roles of their own
            read["title"] = " ".join(_lines(item.get("text")) for item in items)
        elif mark["marktype"] == "text" and role != "mark" and "axis" not in roles and "legend" not in roles:
            read["headers"] += [_lines(item.get("text")) for item in items]
        elif role == "mark" and mark["marktype"] != "group":
            _add_layer(layers, mark, holder, marks)
    read["layers"] = list(layers.values())
    read["num_marks"] = sum(layer["num_visible"] for layer in layers.values())
    return read


def _axis(item: dict[str, Any]) -> dict[str, Any]:
    return {"orient": item.get("orient", ""), "title": _inside(item, "axis-title"), "labels": _texts(item, "axis-label")}


def _texts(item: dict[str, Any], role: str) -> list[str]:
    return [
        _lines(text.get("text"))
        for mark, _, _ in _groups(item)
        if mark.get("role") == role
        for text in mark["items"]
        if text.get("opacity", 1)
    ]


def _inside(item: dict[str, Any], role: str) -> str:
    return " ".join(_texts(item, role)).strip()


def _add_layer(layers: dict[str, dict[str, Any]], mark: dict[str, Any], holder: dict[str, Any], known: dict[str, dict[str, Any]]) -> None:
    name = str(mark.get("name", f"unnamed {len(layers)}"))
    started = {
        "name": name,
        "marktype": mark["marktype"],
        "rows": [],
        "spots": [],
        "text_spots": [],
        "num_hidden": 0,
        "num_visible": 0,
        "texts": [],
        **known.get(name, {}),
    }
    layer = layers.setdefault(name, {"channels": {}, **started})
    for item in mark.get("items", []):
        if not _is_visible(item) or (mark.get("clip") and _is_outside(item, holder)):
            layer["num_hidden"] += 1
            continue
        layer["num_visible"] += 1
        if mark["marktype"] == "text":
            layer["texts"].append(_lines(item.get("text")))
            layer["text_spots"].append(_spot(item))
        if mark["marktype"] == "arc" and item.get("innerRadius"):
            layer["has_hole"] = True
        told = read_told(str(item.get("description", "")))
        if told is not None:
            layer["rows"].append(told)
            layer["spots"].append(_spot(item))


def _spot(item: dict[str, Any]) -> dict[str, list[float]]:
    """Where an item lies in its view: from and to along `x` and `y` in px, and `angle` in radians of a wedge or of a text around one."""
    spot = {}
    for axis, size in (("x", "width"), ("y", "height")):
        start = float(item.get(axis) or 0) + float(item.get(f"d{axis}") or 0)
        stop = float(item.get(f"{axis}2", start + float(item.get(size) or 0)) or 0)
        spot[axis] = sorted((start, stop))
    angles = [float(item[name]) for name in ("startAngle", "endAngle", "theta") if isinstance(item.get(name), (int, float))]
    return {**spot, "angle": [min(angles), max(angles)]} if angles else spot


def lies_at(text: Mapping[str, Sequence[float]], mark: Mapping[str, Sequence[float]], axis: str) -> bool:
    """Whether a text stands at a mark: within it along the axis, or beside a mark that is only a point there."""
    if axis not in text or axis not in mark:
        return False
    low, high = mark[axis]
    room = 0.0 if axis == "angle" else POINT_ROOM_PX if high - low < POINT_ROOM_PX / 4 else EDGE_ROOM_PX
    return low - room <= text[axis][0] and text[axis][1] <= high + room


def _is_visible(item: dict[str, Any]) -> bool:
    return item.get("opacity", 1) != 0 and item.get("defined", True) is not False and item.get("size", 1) != 0


def _is_outside(item: dict[str, Any], holder: dict[str, Any]) -> bool:
    """Whether the item's place lies beyond the view that cuts it."""
    edge = 0.5  # a point on the border is half visible
    x, y, width, height = item.get("x", 0), item.get("y", 0), holder.get("width"), holder.get("height")
    return (width is not None and not -edge <= x <= width + edge) or (height is not None and not -edge <= y <= height + edge)


def _scales(view: dict[str, Any]) -> Scales:
    return {str(scale.get("name")): scale for scale in view.get("scales", []) if isinstance(scale, dict)}


def _marks_by_name(marks: Any, scales: Scales) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each named mark, the field and the type of scale on each of its channels."""
    for mark in marks if isinstance(marks, list) else ():
        if not isinstance(mark, dict):
            continue
        if mark.get("type") == "group":
            yield from _marks_by_name(mark.get("marks"), {**scales, **_scales(mark)})
            continue
        channels = {}
        for channel, encoding in ((mark.get("encode") or {}).get("update") or {}).items():
            one = encoding[-1] if isinstance(encoding, list) and encoding else encoding
            if isinstance(one, dict) and isinstance(one.get("field"), str):
                scale = str(one.get("scale", ""))
                channels[channel] = {
                    "field": one["field"].replace("\\", ""),
                    "scale": str(scales.get(scale, {}).get("type", "linear")) if scale else "",
                }
                offset = one.get("offset")
                if isinstance(offset, dict) and isinstance(offset.get("field"), str):
                    channels[f"{channel}Offset"] = {"field": offset["field"].replace("\\", ""), "scale": "band"}
        yield str(mark.get("name")), {"channels": channels}
