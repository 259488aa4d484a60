"""Vega-Lite and Vega specifications as pictures, and what is drawn in them.

Drawn by vl-convert in a child process that may be ended. A specification is a program: what it may ask for is counted first
(records, views, sizes, generated sequences), it never reaches a file or an address, and its fonts and time zone are fixed, so
that the same specification gives the same bytes on any machine. The values drawn are asked of Vega itself: each mark is told to
describe its datum exactly (processors/chart/scene.py).
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

from processors.chart.draw import MISSING_GLYPHS
from processors.chart.scene import describe_marks, read_scene, scene_texts
from processors.chart.styles import cjk_font, missing_glyphs
from processors.guard import TOO_COSTLY, Limits, guarded
from schemas.outcome import Reason, Refused

BAD_SPEC = Reason("bad_spec", "A chart specification that is no JSON object, or that Vega refuses")
OUTSIDE_REFERENCE = Reason(
    "outside_reference", "A chart specification that takes data or pictures from a file or an address outside itself"
)
TOO_LARGE_SPEC = Reason("too_large_spec", "A chart specification with more records, views, generated values or pixels than a picture shows")
EMPTY_CHART = Reason("empty_chart", "A chart specification that draws no mark")
VEGA_REASONS = (BAD_SPEC, OUTSIDE_REFERENCE, TOO_LARGE_SPEC, MISSING_GLYPHS, EMPTY_CHART, TOO_COSTLY)

MAX_SPEC_BYTES = 8 << 20
MAX_DEPTH, MAX_VALUES = 60, 400_000  # of the JSON; records are among its values
MAX_NUMBER = 1e300  # of a sequence's bound; beyond lie infinities and whole numbers that no float holds
MAX_GENERATED = 50_000  # numbers of one `sequence`, steps of one density or bin
MAX_SIDE_PX = 4_000  # of a view, before scaling
MAX_VIEWS = 64  # named in the specification; facets come from the data and are counted when drawn
MAX_MARKS = 100_000
MIN_LONG_SIDE_PX, MAX_SCALE = 640, 2.0  # small charts are drawn larger, as on a screen of high density
LIMITS = Limits(cpu_s=30.0, memory_bytes=3 << 30, idle_s=120.0)  # honest charts take about a second and 300 MB
FONT = "DejaVu Sans"
FONT_KEYS = frozenset(("font", "labelFont", "titleFont", "subtitleFont"))
GENERATORS = frozenset(("steps", "maxbins", "minsteps", "maxsteps", "resolve", "tickCount", "count"))
GENERATING_CALL = re.compile(r"\b(?:sequence|pad|repeat)\s*\(")
CONFIG = {  # labels are never cut with dots
    "font": FONT,
    "axis": {"labelLimit": 0, "titleLimit": 0},
    "legend": {"labelLimit": 0, "titleLimit": 0},
    "header": {"labelLimit": 0, "titleLimit": 0},
    "title": {"limit": 0},
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """`png` is the picture; `scene` what stands in it (see scene.read_scene)."""

    png: bytes
    scene: dict[str, Any]


def read_spec(data: bytes) -> dict[str, Any]:
    """The JSON object in a file. Raises: Refused with BAD_SPEC or TOO_LARGE_SPEC."""
    if len(data) > MAX_SPEC_BYTES:
        raise Refused(TOO_LARGE_SPEC, f"{len(data)} bytes, expected at most {MAX_SPEC_BYTES}")
    try:
        spec = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Refused(BAD_SPEC, f"no JSON: {type(error).__name__} {error}"[:200]) from error
    if not isinstance(spec, dict):
        raise Refused(BAD_SPEC, f"JSON of type {type(spec).__name__}, expected an object")
    return spec


def is_vega(spec: Mapping[str, Any]) -> bool:
    """Whether it is a Vega specification, not Vega-Lite: its schema says so, or it lists marks."""
    schema = str(spec.get("$schema", ""))
    return "/schema/vega/" in schema or ("vega-lite" not in schema and isinstance(spec.get("marks"), list))


def render_spec(spec: Mapping[str, Any], data: Mapping[str, Any] | None = None) -> Rendered:
    """The picture and its contents. `data` gives the records of sources that the specification names or has addresses of.

    Raises: Refused with one of VEGA_REASONS.
    """
    whole = closed(spec, data or {})
    check_spec(whole)
    encoded = json.dumps(whole).encode()
    if len(encoded) > MAX_SPEC_BYTES:
        raise Refused(TOO_LARGE_SPEC, f"{len(encoded)} bytes with its data, expected at most {MAX_SPEC_BYTES}")
    answer, (png,) = guarded(render_guarded, {"is_vega": is_vega(whole)}, [encoded], LIMITS)
    return Rendered(png, answer["scene"])


def closed(spec: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The specification with given records in the places of the sources that it names; what stays open is refused by `check_spec`."""

    def fill(value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise Refused(TOO_LARGE_SPEC, f"nested deeper than {MAX_DEPTH}")
        if isinstance(value, Mapping):
            for key in ("url", "name"):
                name = value.get(key)
                if isinstance(name, str) and name in data and "values" not in value and "source" not in value:
                    kept = {other: item for other, item in value.items() if other not in ("url", "format")}
                    return {**kept, "values": data[name]}
            return {key: item if key == "values" else fill(item, depth + 1) for key, item in value.items()}
        return [fill(item, depth + 1) for item in value] if isinstance(value, list) else value

    return dict(fill(spec, 0))


def check_spec(spec: Mapping[str, Any]) -> None:
    """Raises: Refused with OUTSIDE_REFERENCE or TOO_LARGE_SPEC, by counting alone."""
    views = 0
    for number, (path, key, value) in enumerate(_walk(spec)):
        if number > MAX_VALUES:
            raise Refused(TOO_LARGE_SPEC, f"more than {MAX_VALUES} values")
        if "values" in path[1:] or "datasets" in path:  # records: their names mean nothing
            continue
        _check_reference(path, key, value)
        views += key in ("mark", "marks", "spec")
        if key in ("width", "height", "step") and isinstance(value, (int, float)) and not abs(value) <= MAX_SIDE_PX:
            raise Refused(TOO_LARGE_SPEC, f"{key} is {value}, expected at most {MAX_SIDE_PX}")
        if key in GENERATORS and isinstance(value, (int, float)) and not abs(value) <= MAX_GENERATED:
            raise Refused(TOO_LARGE_SPEC, f"{key} is {value}, expected at most {MAX_GENERATED}")
        if isinstance(value, Mapping) and {"start", "stop"} <= value.keys():
            _check_sequence(value)
        if isinstance(value, str) and GENERATING_CALL.search(value):
            raise Refused(TOO_LARGE_SPEC, f"the expression {value[:80]!r} generates values of a number that cannot be counted")
    if views > MAX_VIEWS:
        raise Refused(TOO_LARGE_SPEC, f"{views} views and marks, expected at most {MAX_VIEWS}")


def _walk(spec: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """Every value with the names above it and its own. Raises: Refused when they are nested too deep."""
    waiting: list[tuple[tuple[str, ...], str, Any]] = [((), "", spec)]
    while waiting:
        path, key, value = waiting.pop()
        yield path, key, value
        if len(path) > MAX_DEPTH:
            raise Refused(TOO_LARGE_SPEC, f"nested deeper than {MAX_DEPTH}")
        if isinstance(value, Mapping):
            waiting += [((*path, key), str(name), item) for name, item in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, key), "", item) for item in value]


def _check_reference(path: tuple[str, ...], key: str, value: Any) -> None:
    if key == "url":
        raise Refused(OUTSIDE_REFERENCE, f"{'.'.join(filter(None, path))}.url is {json.dumps(value)[:120]}")
    if value == "image" and (key == "mark" or (key == "type" and path[-1:] != ("format",))):
        raise Refused(OUTSIDE_REFERENCE, "an image mark shows pictures from files")
    if key == "data" and isinstance(value, Mapping) and set(value) == {"name"}:
        raise Refused(OUTSIDE_REFERENCE, f"the data named {str(value['name'])[:80]!r} are not given")


def _check_sequence(value: Mapping[str, Any]) -> None:
    start, stop, step = value["start"], value["stop"], value.get("step", 1)
    if not all(isinstance(number, (int, float)) and abs(number) < MAX_NUMBER for number in (start, stop, step)):
        raise Refused(TOO_LARGE_SPEC, "a sequence whose bounds are not plain numbers cannot be counted")
    if step == 0 or abs(stop - start) / abs(step) > MAX_GENERATED:
        raise Refused(TOO_LARGE_SPEC, f"a sequence from {start} to {stop} by {step}, expected at most {MAX_GENERATED} numbers")


# ---- in the child


_fonts: list[tempfile.TemporaryDirectory[str]] = []


def _vl_convert() -> Any:
    """The library with our fonts and time zone; set before it starts, so that a machine's own decide nothing."""
    import vl_convert

    if not _fonts:
        os.environ["TZ"] = "UTC"
        time.tzset()
        vl_convert.register_font_directory(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf"))
        folder = tempfile.TemporaryDirectory(prefix="chart_fonts_")
        (Path(folder.name) / "cjk.ttf").write_bytes(cjk_font())
        vl_convert.register_font_directory(folder.name)
        _fonts.append(folder)
    return vl_convert


def render_guarded(request: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Guarded: the picture of a closed specification. Raises: Refused."""
    library = _vl_convert()
    spec = json.loads(blobs[0])
    try:
        vega = spec if request["is_vega"] else library.vegalite_to_vega(spec, config=CONFIG)
        vega = _with_fonts(vega)
        scene = library.vega_to_scenegraph(describe_marks(vega), allowed_base_urls=[])
    except ValueError as error:
        raise Refused(BAD_SPEC, _first_line(error)) from error
    width, height = float(scene["width"]), float(scene["height"])
    if not 1 <= width <= MAX_SIDE_PX or not 1 <= height <= MAX_SIDE_PX:
        raise Refused(TOO_LARGE_SPEC, f"the chart is {width:g}x{height:g} px, expected 1 to {MAX_SIDE_PX} on each side")
    texts = scene_texts(scene["scenegraph"], MAX_MARKS)
    if texts is None:
        raise Refused(TOO_LARGE_SPEC, f"more than {MAX_MARKS} marks")
    missing = "".join(dict.fromkeys("".join(missing_glyphs(text) for text in texts)))
    if missing:
        raise Refused(MISSING_GLYPHS, f"{missing[:20]!r} (U+{ord(missing[0]):04X}) among the texts")
    read = read_scene(scene["scenegraph"], vega)
    if not read["num_marks"]:
        raise Refused(EMPTY_CHART, f"{width:g}x{height:g} px without a mark")
    scale = min(MAX_SCALE, max(1.0, MIN_LONG_SIDE_PX / max(width, height)))
    try:
        png = library.vega_to_png(vega, scale=scale, allowed_base_urls=[])
    except ValueError as error:
        raise Refused(BAD_SPEC, _first_line(error)) from error
    return {"scene": read}, [png]


def _first_line(error: ValueError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300]


def _with_fonts(vega: Any) -> Any:
    """The specification with every font named in it replaced by ours."""
    if isinstance(vega, dict):
        changed: dict[str, Any] = {}
        for key, value in vega.items():
            if key in FONT_KEYS and isinstance(value, str):
                changed[key] = FONT
            elif key in FONT_KEYS and isinstance(value, dict):
                changed[key] = {"value": FONT}
            else:
                changed[key] = _with_fonts(value) if key != "values" else value
        return changed
    return [_with_fonts(item) for item in vega] if isinstance(vega, list) else vega
