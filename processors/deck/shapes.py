"""The shapes of one slide, flat and in drawing order, each with its place on the slide and everything that it inherits.

A shape: {"id", "name", "alt", "kind", "placeholder", "from", "box_pt": [x, y, width, height], "rotation_deg", "flip_h", "flip_v",
"geometry", "fill", "line", "text", "table" | "chart" | "picture"}. Kinds: title, body, text, shape, freeform, connector, picture,
movie, ole, table, chart, diagram (a SmartArt without a drawing of its own) and other. Groups are dissolved: their children carry the
transforms. What layout and master draw under the slide comes first, with "from" saying so; their placeholders are no content.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from processors.deck.graphics import chart_of, chart_root, table_of
from processors.deck.package import TOO_LARGE_SLIDE, name_of, parse_part, related_by_id
from processors.deck.text import text_of
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
    picture_fill,
    points,
    whole_line,
)
from schemas.outcome import Refused

MAX_SHAPES = 5_000  # of one slide; the fullest real ones have some hundreds
MAX_CHARACTERS = 50_000  # of one slide; more than ten pages of print
MAX_DEPTH = 40  # of groups in groups

CONTENT = ("sp", "pic", "graphicFrame", "cxnSp", "grpSp", "contentPart")
TITLES = ("title", "ctrTitle")
MASTER_TYPES = {
    "ctrTitle": "title",
    "subTitle": "body",
    **dict.fromkeys(("obj", "chart", "tbl", "clipArt", "dgm", "media", "pic", ""), "body"),
}
RID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
DIAGRAM_DRAWING = "diagramDrawing"


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a shape lies before rotation, and how it is turned. Units: pt and degrees, clockwise."""

    x: float
    y: float
    width: float
    height: float
    rotation_deg: float = 0.0
    flip_h: bool = False
    flip_v: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A group's own frame, and the coordinates that its children use."""

    frame: Frame
    inner: Frame

    def place(self, frame: Frame) -> Frame:
        """A child's frame in the coordinates in which the group's own frame stands."""
        outer = self.frame
        across = outer.width / self.inner.width if self.inner.width else 1.0
        down = outer.height / self.inner.height if self.inner.height else 1.0
        turned = 45 <= frame.rotation_deg % 180 < 135  # its width lies along the group's height
        width, height = frame.width * (down if turned else across), frame.height * (across if turned else down)
        x = outer.x + (frame.x + frame.width / 2 - self.inner.x) * across
        y = outer.y + (frame.y + frame.height / 2 - self.inner.y) * down
        rotation, flip_h, flip_v = frame.rotation_deg, frame.flip_h, frame.flip_v
        middle_x, middle_y = outer.x + outer.width / 2, outer.y + outer.height / 2
        if outer.flip_h:
            x, rotation, flip_h = 2 * middle_x - x, -rotation, not flip_h
        if outer.flip_v:
            y, rotation, flip_v = 2 * middle_y - y, -rotation, not flip_v
        angle = math.radians(outer.rotation_deg)
        dx, dy = x - middle_x, y - middle_y
        x, y = middle_x + dx * math.cos(angle) - dy * math.sin(angle), middle_y + dx * math.sin(angle) + dy * math.cos(angle)
        return Frame(x - width / 2, y - height / 2, width, height, (rotation + outer.rotation_deg) % 360, flip_h, flip_v)


def frame_of(element: Any) -> Frame | None:
    """An xfrm element; None when it is absent or says no place."""
    offset, extent = (child(element, "off"), child(element, "ext")) if element is not None else (None, None)
    if offset is None or extent is None:
        return None
    flips = [element.get(name) in ("1", "true") for name in ("flipH", "flipV")]
    width, height = (max(0.0, points(extent.get(side))) for side in ("cx", "cy"))
    rotation_deg = integer(element.get("rot")) / 60_000 % 360
    return Frame(points(offset.get("x")), points(offset.get("y")), width, height, rotation_deg, flips[0], flips[1])


STILL = Group(Frame(0.0, 0.0, 1.0, 1.0), Frame(0.0, 0.0, 1.0, 1.0))  # of a group that says no place: its children stand where they say


def _group_of(element: Any) -> Group:
    frame = frame_of(element)
    offset, extent = (child(element, "chOff"), child(element, "chExt")) if element is not None else (None, None)
    if frame is None or offset is None or extent is None or not (frame.width or frame.height):
        return STILL
    return Group(frame, Frame(points(offset.get("x")), points(offset.get("y")), points(extent.get("cx")), points(extent.get("cy"))))


@dataclass(slots=True)
class SlideReader:
    """Reads the shapes of one slide. `sheets` are (name, root, part) of slide, layout and master, as far as they exist."""

    sheets: list[tuple[str, Any, Any]]
    theme: Theme
    media_of: Callable[[Any], Media]  # by part
    text_defaults: list[Any]  # list styles under everything: the presentation's
    table_styles: Any = None
    shapes: list[dict[str, Any]] = field(default_factory=list)
    num_characters: int = 0
    num_missing: int = 0  # pictures, charts and other parts that the slide names and the package lacks

    def read(self) -> list[dict[str, Any]]:
        """Raises: Refused, TOO_LARGE_SLIDE."""
        for name, root, part in reversed(self._drawn_sheets()):
            tree = child(root, "cSld", "spTree")
            if tree is None:
                continue
            self.num_characters += sum(len(each.text or "") for each in tree.iter() if name_of(each) == "t")
            if self.num_characters > MAX_CHARACTERS:
                raise Refused(TOO_LARGE_SLIDE, f"more than {MAX_CHARACTERS} characters of text")
            for element in _content(tree, 0):
                self._shape(element, name, part, [])
        return self.shapes

    def _drawn_sheets(self) -> list[tuple[str, Any, Any]]:
        """The slide, and the layout and master that it shows through."""
        drawn = []
        for sheet in self.sheets:
            drawn.append(sheet)
            if sheet[1].get("showMasterSp") in ("0", "false"):
                break
        return drawn

    def _shape(self, element: Any, sheet: str, part: Any, groups: list[Group]) -> None:
        kind = name_of(element)
        if len(groups) > MAX_DEPTH:
            raise Refused(TOO_LARGE_SLIDE, f"groups deeper than {MAX_DEPTH}")
        if kind == "grpSp":
            group = _group_of(child(element, "grpSpPr", "xfrm"))
            for each in _content(element, len(groups)):
                self._shape(each, sheet, part, [*groups, group])
            return
        if len(self.shapes) >= MAX_SHAPES:
            raise Refused(TOO_LARGE_SLIDE, f"more than {MAX_SHAPES} shapes")
        about = first_of(element, ("nvSpPr", "nvPicPr", "nvGraphicFramePr", "nvCxnSpPr", "nvContentPartPr"))
        place = child(about, "nvPr", "ph") if about is not None else None
        if place is not None and sheet != "slide":
            return
        told = child(about, "cNvPr") if about is not None else None
        if told is not None and told.get("hidden") in ("1", "true"):
            return
        parents = self._parents(place) if place is not None else []
        frame = self._frame(element, parents)
        shape: dict[str, Any] = {
            "id": told.get("id", "") if told is not None else "",
            "name": told.get("name", "") if told is not None else "",
            "alt": (told.get("descr") or told.get("title") or "").strip() if told is not None else "",
            "placeholder": place.get("type", "obj") if place is not None else "",
            "from": sheet,
            **_place(frame, groups),
        }
        if kind == "graphicFrame":
            shape |= self._frame_content(element, part, shape, groups, sheet)
        elif kind == "pic":
            shape |= self._picture(element, part, parents)
        else:
            shape |= self._drawn(element, kind, part, place, parents)
        self.shapes.append(shape)

    def _parents(self, place: Any) -> list[Any]:
        """The placeholders of layout and master that a placeholder of the slide stands for, the nearest first."""
        kind, index = place.get("type", "obj"), place.get("idx", "0")
        found = []
        for name, root, _ in self.sheets[1:]:
            tree = child(root, "cSld", "spTree")
            candidates = [(each, ph) for each in (tree if tree is not None else ()) if (ph := _placeholder(each)) is not None]
            if name == "layout":
                match = [each for each, ph in candidates if ph.get("idx", "0") == index and _alike(ph.get("type", "obj"), kind)]
                match = match or [each for each, ph in candidates if ph.get("type", "obj") == kind and kind not in ("obj", "body")]
            else:
                wanted = MASTER_TYPES.get(kind, kind)
                match = [each for each, ph in candidates if ph.get("type", "obj") == wanted]
            found += match[:1]
            if match and name == "layout":
                kind = _placeholder(match[0]).get("type", "obj")
        return found

    def _frame(self, element: Any, parents: list[Any]) -> Frame:
        for each in (element, *parents):
            properties = child(each, "spPr")
            xfrm = child(properties, "xfrm") if properties is not None else child(each, "xfrm")
            frame = frame_of(xfrm)
            if frame is not None:
                return frame
        return Frame(0.0, 0.0, 0.0, 0.0)

    # ---- kinds of shape

    def _drawn(self, element: Any, kind: str, part: Any, place: Any, parents: list[Any]) -> dict[str, Any]:
        """A shape, text box, placeholder or connector."""
        properties, style = child(element, "spPr"), child(element, "style")
        media = self._media(part)
        chain = [child(each, "spPr") for each in (element, *parents)]
        fill = next((found for each in chain if each is not None and (found := fill_of(first_of(each, FILLS), self.theme, media))), None)
        ink = self._style_color(style, "fontRef")
        if fill is None:
            fill = self._style_fill(style, media)
        geometry = next((found for each in chain if each is not None and (found := _geometry(each))), {"preset": "rect", "adjust": {}})
        text = self._text(child(element, "txBody"), place, parents, ink)
        if text is not None and (turned := child(element, "txXfrm")) is not None:  # SmartArt keeps its text upright in a turned shape
            text["rotation_deg"] = integer(turned.get("rot")) / 60_000
        lines = [line_of(child(each, "ln"), self.theme) for each in chain if each is not None]
        told = {"geometry": geometry, "fill": fill, "line": whole_line(*lines, self._style_line(style)), "text": text}
        return {"kind": _kind(element, kind, place, geometry, properties), **told}

    def _picture(self, element: Any, part: Any, parents: list[Any]) -> dict[str, Any]:
        about = child(element, "nvPicPr", "nvPr")
        is_movie = about is not None and first_of(about, ("videoFile", "audioFile", "quickTimeFile", "wavAudioFile")) is not None
        properties = child(element, "spPr")
        blip_fill = child(element, "blipFill")
        picture = (
            picture_fill(blip_fill, self._media(part)) if blip_fill is not None else {"kind": "picture", "media": None, "crop": [0.0] * 4}
        )
        if blip_fill is None:
            self.num_missing += 1
        chain = [child(each, "spPr") for each in (element, *parents)]
        geometry = next((found for each in chain if each is not None and (found := _geometry(each))), {"preset": "rect", "adjust": {}})
        line = whole_line(line_of(child(properties, "ln"), self.theme), self._style_line(child(element, "style")))
        fill = fill_of(first_of(properties, FILLS), self.theme, self._media(part)) if properties is not None else None
        return {
            "kind": "movie" if is_movie else "picture",
            "picture": picture,
            "geometry": geometry,
            "line": line,
            "fill": fill,
            "text": None,
        }

    def _frame_content(self, element: Any, part: Any, shape: dict[str, Any], groups: list[Group], sheet: str) -> dict[str, Any]:
        """A table, chart, SmartArt or embedded object."""
        data = child(element, "graphic", "graphicData")
        bare = {"geometry": {"preset": "rect", "adjust": {}}, "fill": None, "line": {"width_pt": 0.0}, "text": None}
        table = child(data, "tbl") if data is not None else None
        if table is not None:
            read = lambda body, color, bold: self._cell_text(body, color, bold)  # noqa: E731
            return {"kind": "table", "table": table_of(table, self.theme, self.table_styles, self._media(part), read), **bare}
        chart = child(data, "chart") if data is not None else None
        if chart is not None:
            target = related_by_id(part, chart.get(RID))
            self.num_missing += chart_root(target) is None
            return {"kind": "chart", "chart": chart_of(chart_root(target), self.theme), **bare}
        if data is not None and data.get("uri", "").endswith("/diagram"):
            return self._diagram(shape, part, groups, sheet) | bare
        picture = next((each for each in element.iter() if name_of(each) == "pic"), None)
        if picture is not None:
            found = self._picture(picture, part, [])
            own = frame_of(child(picture, "spPr", "xfrm"))
            empty = not (shape["box_pt"][2] or shape["box_pt"][3])
            return {**found, "kind": "ole", **(_place(own, groups) if own is not None and empty else {})}
        return {"kind": "other", **bare}

    def _diagram(self, shape: dict[str, Any], part: Any, groups: list[Group], sheet: str) -> dict[str, Any]:
        """SmartArt: Office keeps a drawing of it beside the data, whose shapes are read like any others."""
        drawing = next(
            (each.target_part for each in part.rels.values() if each.reltype.endswith(DIAGRAM_DRAWING) and not each.is_external), None
        )
        root = parse_part(drawing)
        tree = child(root, "spTree") if root is not None else None
        if tree is None:
            self.num_missing += 1
            return {"kind": "diagram"}
        x, y, width, height = shape["box_pt"]
        group = Group(Frame(x, y, width, height, shape["rotation_deg"]), Frame(0.0, 0.0, width, height))
        for element in _content(tree, 0):
            self._shape(element, sheet, drawing, [*[STILL] * (len(groups) + 1), group])  # it may name itself: depth must grow
        return {"kind": "group"}

    # ---- what is inherited

    def _text(self, body: Any, place: Any, parents: list[Any], ink: str | None) -> dict[str, Any] | None:
        kind = place.get("type", "obj") if place is not None else ""
        master = next((root for name, root, _ in self.sheets if name == "master"), None)
        names = "titleStyle" if kind in TITLES else "bodyStyle" if MASTER_TYPES.get(kind, kind) == "body" else "otherStyle"
        styles = [*self.text_defaults]
        if master is not None:
            styles.append(child(master, "txStyles", names if place is not None else "otherStyle"))
        bodies = []
        for parent in reversed(parents):
            inherited = child(parent, "txBody")
            if inherited is not None:
                styles.append(child(inherited, "lstStyle"))
                bodies.append(child(inherited, "bodyPr"))
        return text_of(body, styles, bodies, self.theme, ink)

    def _cell_text(self, body: Any, color: str | None, bold: bool) -> dict[str, Any] | None:
        text = text_of(body, self.text_defaults, [], self.theme, color)
        if text is not None and bold:
            for paragraph in text["paragraphs"]:
                for run in paragraph["runs"]:
                    run["bold"] = True
        return text

    def _style_color(self, style: Any, name: str) -> str | None:
        reference = child(style, name) if style is not None else None
        return color_in(reference, self.theme) if reference is not None else None

    def _style_fill(self, style: Any, media: Media) -> dict[str, Any] | None:
        reference = child(style, "fillRef") if style is not None else None
        if reference is None:
            return None
        index = integer(reference.get("idx"))
        fills, place = (self.theme.backgrounds, index - 1001) if index > 1000 else (self.theme.fills, index - 1)
        if not 0 <= place < len(fills):
            return None
        return fill_of(fills[place], self.theme, media, color_in(reference, self.theme))

    def _style_line(self, style: Any) -> dict[str, Any] | None:
        reference = child(style, "lnRef") if style is not None else None
        place = integer(reference.get("idx")) - 1 if reference is not None else -1
        if not 0 <= place < len(self.theme.lines):
            return None
        return line_of(self.theme.lines[place], self.theme, color_in(reference, self.theme))

    def _media(self, part: Any) -> Media:
        found = self.media_of(part)

        def number(identity: str | None) -> int | None:
            place = found(identity)
            self.num_missing += place is None
            return place

        return number


def _placeholder(element: Any) -> Any:
    about = first_of(element, ("nvSpPr", "nvPicPr", "nvGraphicFramePr"))
    return child(about, "nvPr", "ph") if about is not None else None


def _alike(one: str, other: str) -> bool:
    return MASTER_TYPES.get(one, one) == MASTER_TYPES.get(other, other)


def _content(element: Any, depth: int) -> Iterator[Any]:
    """The shapes that are an element's children; of alternatives the one that older readers are meant to show."""
    if depth > MAX_DEPTH:
        raise Refused(TOO_LARGE_SLIDE, f"alternatives and groups deeper than {MAX_DEPTH}")
    for each in element:
        if name_of(each) in CONTENT:
            yield each
        elif name_of(each) == "AlternateContent":
            for option in (child(each, "Fallback"), child(each, "Choice")):
                shapes = list(_content(option, depth + 1)) if option is not None else []
                if shapes:
                    yield from shapes
                    break


def _place(frame: Frame, groups: list[Group]) -> dict[str, Any]:
    for group in reversed(groups):
        frame = group.place(frame)
    box = [round(value, 3) for value in (frame.x, frame.y, frame.width, frame.height)]
    return {"box_pt": box, "rotation_deg": round(frame.rotation_deg, 3), "flip_h": frame.flip_h, "flip_v": frame.flip_v}


def _kind(element: Any, name: str, place: Any, geometry: dict[str, Any], properties: Any) -> str:
    if place is not None:
        kind = place.get("type", "obj")
        return "title" if kind in TITLES else "body" if MASTER_TYPES.get(kind, kind) == "body" else "text"
    if name == "cxnSp":
        return "connector"
    if name == "contentPart":
        return "other"
    about = child(element, "nvSpPr", "cNvSpPr")
    if about is not None and about.get("txBox") in ("1", "true"):
        return "text"
    return "freeform" if "paths" in geometry else "shape"


def _geometry(properties: Any) -> dict[str, Any] | None:
    """{"preset", "adjust"} or {"paths": [{"width", "height", "filled", "stroked", "steps": [[command, numbers...]]}]}; None when unsaid."""
    preset = child(properties, "prstGeom")
    if preset is not None:
        guides = [(each.get("name", ""), each.get("fmla", "")) for each in children(preset, "avLst")]
        adjust = {name: integer(formula.removeprefix("val ")) for name, formula in guides if formula.startswith("val ")}
        return {"preset": preset.get("prst", "rect"), "adjust": adjust}
    custom = child(properties, "custGeom", "pathLst")
    if custom is None:
        return None
    known = {each.get("name", ""): each.get("fmla", "") for each in children(properties, "custGeom", "gdLst")}
    paths = []
    for path in custom:
        steps = []
        for step in path:
            numbers = [value for point in step for value in (_coordinate(point.get("x"), known), _coordinate(point.get("y"), known))]
            if name_of(step) == "arcTo":
                numbers = [_coordinate(step.get(name), known) for name in ("wR", "hR", "stAng", "swAng")]
            steps.append([name_of(step), *numbers])
        told = {"width": integer(path.get("w")), "height": integer(path.get("h"))}
        paths.append({**told, "filled": path.get("fill") != "none", "stroked": path.get("stroke") not in ("0", "false"), "steps": steps})
    return {"paths": paths}


def _coordinate(text: str | None, guides: dict[str, str]) -> int:
    """A number of a path, or the constant that a guide names; guides that compute something are taken as 0."""
    if text in guides:
        formula = guides[text].split()
        return integer(formula[1]) if len(formula) == 2 and formula[0] == "val" else _scaled(formula)
    return integer(text)


def _scaled(formula: list[str]) -> int:
    """`*/ a b c` on plain numbers, which is how programs that export freeforms write them; 0 for anything else."""
    if len(formula) == 4 and formula[0] == "*/" and all(value.lstrip("-").isdigit() for value in formula[1:]) and integer(formula[3]):
        return integer(formula[1]) * integer(formula[2]) // integer(formula[3])
    return 0
