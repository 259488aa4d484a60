"""Colours, fonts, fills and lines of DrawingML, resolved: what a slide leaves to its theme is looked up there.

Colours are `#rrggbb`, or `#rrggbbaa` where they are not opaque. A fill is JSON: {"kind": "solid", "color"}, {"kind": "gradient",
"stops": [[0..1, color]], "angle_deg", "path"}, {"kind": "picture", "media", "crop", "tile"}, {"kind": "none"}; None means that
nothing is said. A line is {"color", "width_pt", "dash", "head", "tail"}, {"width_pt": 0} where there is none.
Source: ECMA-376 part 1, 20.1.2.3 (colours), 20.1.4 (themes), 20.1.8 (fills).
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import ImageColor

from processors.deck.package import name_of

EMU_PER_PT = 12_700
EMBED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}embed"
DEFAULT_COLORS = {
    **{"dk1": "#000000", "lt1": "#ffffff", "dk2": "#1f497d", "lt2": "#eeece1", "hlink": "#0000ff", "folHlink": "#800080"},
    **{"accent1": "#4f81bd", "accent2": "#c0504d", "accent3": "#9bbb59", "accent4": "#8064a2", "accent5": "#4bacc6", "accent6": "#f79646"},
}
DEFAULT_MAP = {"bg1": "lt1", "tx1": "dk1", "bg2": "lt2", "tx2": "dk2"}
PRESET_SHORTS = (("dk", "dark"), ("lt", "light"), ("med", "medium"))
FILLS = ("noFill", "solidFill", "gradFill", "blipFill", "pattFill", "grpFill")
UNSAID_LINE = {"width_pt": 0.0}

Media = Callable[[str | None], int | None]  # from a relationship's id to the number of a picture file; None when it is missing


@dataclass(frozen=True, slots=True)
class Theme:
    """`colors` by slot of the theme, `mapping` from the names that slides use to slots; `fills`, `lines` the lists of the theme's format."""

    colors: Mapping[str, str] = field(default_factory=lambda: DEFAULT_COLORS)
    mapping: Mapping[str, str] = field(default_factory=lambda: DEFAULT_MAP)
    fonts: Mapping[str, str] = field(default_factory=dict)
    fills: tuple[Any, ...] = ()
    lines: tuple[Any, ...] = ()
    backgrounds: tuple[Any, ...] = ()

    def slot(self, name: str) -> str | None:
        return self.colors.get(self.mapping.get(name, name))


def child(element: Any, *names: str) -> Any:
    """The first child with one of these local names, then of that the first with the next ... of a path; None when it is not there."""
    for name in names:
        element = next((each for each in element if name_of(each) == name), None) if element is not None else None
    return element


def children(element: Any, *names: str) -> list[Any]:
    """The children of what a path leads to; none when it is not there."""
    found = child(element, *names)
    return list(found) if found is not None else []


def first_of(element: Any, names: tuple[str, ...]) -> Any:
    """The first child that has one of the names."""
    return next((each for each in element if name_of(each) in names), None) if element is not None else None


def integer(text: str | None, default: int = 0) -> int:
    """A whole number as XML spells it, and percentages with a sign as thousandths; the default for anything else."""
    try:
        return int(float(text[:-1]) * 1000) if text and text.endswith("%") else int(float(text or ""))
    except (ValueError, OverflowError):
        return default


def points(text: str | None, default: int = 0) -> float:
    """EMU to points, rounded to a thousandth; bounded, so that no drawing overflows."""
    return round(max(-1e6, min(1e6, integer(text, default) / EMU_PER_PT)), 3)


def read_theme(root: Any, mapping: Mapping[str, str]) -> Theme:
    """A theme part's root; None gives Office's defaults."""
    elements = child(root, "themeElements") if root is not None else None
    if elements is None:
        return Theme(mapping={**DEFAULT_MAP, **mapping})
    colors = dict(DEFAULT_COLORS)
    for slot in children(elements, "clrScheme"):
        value = color_of(first_of(slot, COLORS), Theme())
        if value is not None:
            colors[name_of(slot)] = value
    fonts = {}
    for kind, short in (("majorFont", "mj"), ("minorFont", "mn")):
        for script, ending in (("latin", "lt"), ("ea", "ea"), ("cs", "cs")):
            found = child(elements, "fontScheme", kind, script)
            if found is not None:
                fonts[f"+{short}-{ending}"] = found.get("typeface", "")
    lists = {name: tuple(children(elements, "fmtScheme", name)) for name in ("fillStyleLst", "lnStyleLst", "bgFillStyleLst")}
    return Theme(colors, {**DEFAULT_MAP, **mapping}, fonts, lists["fillStyleLst"], lists["lnStyleLst"], lists["bgFillStyleLst"])


# ---- colours

COLORS = ("srgbClr", "schemeClr", "sysClr", "prstClr", "scrgbClr", "hslClr")


def color_in(element: Any, theme: Theme, placeholder: str | None = None) -> str | None:
    """The colour that is an element's child (of solidFill, highlight, gs, fillRef ...); None when it has none."""
    return color_of(first_of(element, COLORS), theme, placeholder)


def color_of(element: Any, theme: Theme, placeholder: str | None = None) -> str | None:
    """A colour element. `placeholder` is what phClr stands for."""
    if element is None:
        return None
    name, value = name_of(element), element.get("val", "")
    if name == "srgbClr":
        start = f"#{value.lower()}" if len(value) == 6 and all(digit in "0123456789abcdef" for digit in value.lower()) else None
    elif name == "sysClr":
        start = f"#{element.get('lastClr', '000000' if 'Text' in value else 'ffffff').lower()}"
    elif name == "schemeClr":
        start = placeholder if value == "phClr" else theme.slot(value)
    elif name == "scrgbClr":
        start = hexadecimal([_from_linear(integer(element.get(channel)) / 100_000) for channel in "rgb"])
    elif name == "hslClr":
        hue, saturation, lightness = (integer(element.get(axis)) for axis in ("hue", "sat", "lum"))
        start = hexadecimal(list(colorsys.hls_to_rgb(hue / 21_600_000, lightness / 100_000, saturation / 100_000)))
    else:
        start = _preset(value)
    return _changed(start, element) if start else None


def _preset(name: str) -> str | None:
    for short, long in PRESET_SHORTS:
        if name.startswith(short) and name[len(short) :][:1].isupper():
            name = long + name[len(short) :]
    try:
        return hexadecimal([channel / 255 for channel in ImageColor.getrgb(name.lower())[:3]])
    except ValueError:
        return None


def hexadecimal(channels: list[float], alpha: float = 1.0) -> str:
    """Channels in 0..1, clamped."""
    numbers = [round(255 * min(1.0, max(0.0, channel))) for channel in (*channels, *((alpha,) if alpha < 1 else ()))]
    return "#" + "".join(f"{number:02x}" for number in numbers)


def rgba(color: str) -> tuple[float, float, float, float]:
    """Channels and opacity in 0..1."""
    values = [int(color[at : at + 2], 16) / 255 for at in range(1, len(color), 2)]
    red, green, blue, alpha = (*values, 1.0)[:4]
    return red, green, blue, alpha


def _to_linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _from_linear(value: float) -> float:
    value = max(0.0, value)
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def tinted(color: str, share: float) -> str:
    """The colour with so much of itself left and the rest white, mixed in linear light."""
    return hexadecimal([_from_linear(_to_linear(channel) * share + 1 - share) for channel in rgba(color)[:3]])


def _changed(color: str, element: Any) -> str:
    """The colour after the modifiers that are the element's children, in their order."""
    red, green, blue, alpha = rgba(color)
    for each in element:
        name, share = name_of(each), integer(each.get("val"), 100_000) / 100_000
        if name in ("lumMod", "lumOff", "satMod", "satOff", "hueMod", "hueOff", "lum", "sat"):
            hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)
            light = {"lumMod": light * share, "lumOff": light + share, "lum": share}.get(name, light)
            saturation = {"satMod": saturation * share, "satOff": saturation + share, "sat": share}.get(name, saturation)
            hue = {"hueMod": hue * share, "hueOff": hue + integer(each.get("val")) / 21_600_000}.get(name, hue)
            red, green, blue = colorsys.hls_to_rgb(hue % 1.0, min(1.0, max(0.0, light)), min(1.0, max(0.0, saturation)))
        elif name in ("shade", "tint"):  # towards black or white, in linear light
            linear = [_to_linear(channel) * share + (1 - share) * (name == "tint") for channel in (red, green, blue)]
            red, green, blue = (_from_linear(channel) for channel in linear)
        elif name in ("alpha", "alphaMod"):
            alpha = share if name == "alpha" else alpha * share
        elif name == "inv":
            red, green, blue = 1 - red, 1 - green, 1 - blue
        elif name in ("gray", "grayscl"):
            red = green = blue = 0.299 * red + 0.587 * green + 0.114 * blue
    return hexadecimal([red, green, blue], alpha)


# ---- fills and lines


def fill_of(element: Any, theme: Theme, media: Media, placeholder: str | None = None) -> dict[str, Any] | None:
    """A fill element (one of FILLS); None when it is None or says nothing that can be drawn."""
    name = name_of(element) if element is not None else ""
    if name == "noFill":
        return {"kind": "none"}
    if name == "solidFill":
        color = color_in(element, theme, placeholder)
        return {"kind": "solid", "color": color} if color else None
    if name == "gradFill":
        colors = [(integer(stop.get("pos")) / 100_000, color_in(stop, theme, placeholder)) for stop in children(element, "gsLst")]
        stops = sorted((place, color) for place, color in colors if color)
        linear = child(element, "lin")
        angle = integer(linear.get("ang")) / 60_000 if linear is not None else 90.0
        return {"kind": "gradient", "stops": stops, "angle_deg": angle, "path": child(element, "path") is not None} if stops else None
    if name == "blipFill":
        return picture_fill(element, media)
    if name == "pattFill":
        color = color_in(child(element, "fgClr"), theme, placeholder) or color_in(child(element, "bgClr"), theme, placeholder)
        back = color_in(child(element, "bgClr"), theme, placeholder)
        return {"kind": "solid", "color": mixed(color, back) if back else color} if color else None
    return None


def mixed(one: str | None, other: str) -> str:
    """The colour half-way between two: what a fine pattern of both looks like from afar."""
    pairs = zip(rgba(one or other)[:3], rgba(other)[:3], strict=True)
    return hexadecimal([(a + b) / 2 for a, b in pairs])


def picture_fill(element: Any, media: Media) -> dict[str, Any]:
    """A blipFill; `media` is None when the picture is missing. The crop is the share cut off: left, top, right, bottom."""
    blip, source = child(element, "blip"), child(element, "srcRect")
    crop = [integer(source.get(side)) / 100_000 for side in "ltrb"] if source is not None else [0.0] * 4
    alpha = child(blip, "alphaModFix") if blip is not None else None
    opacity = integer(alpha.get("amt"), 100_000) / 100_000 if alpha is not None else 1.0
    number = media(blip.get(EMBED)) if blip is not None else None
    return {"kind": "picture", "media": number, "crop": crop, "tile": child(element, "tile") is not None, "opacity": opacity}


def line_of(element: Any, theme: Theme, placeholder: str | None = None) -> dict[str, Any] | None:
    """An `a:ln`: only what it says, so that lines can be laid over one another. None when there is no element."""
    if element is None:
        return None
    line: dict[str, Any] = {}
    if element.get("w") is not None:
        line["width_pt"] = max(0.0, points(element.get("w")))
    paint = first_of(element, FILLS)
    if paint is not None and name_of(paint) == "noFill":
        return {"width_pt": 0.0, "color": None}
    color = color_in(paint, theme, placeholder) if paint is not None else None
    if color is None and paint is not None and name_of(paint) == "gradFill":
        fill = fill_of(paint, theme, lambda _: None, placeholder)
        color = fill["stops"][0][1] if fill else None
    if color:
        line["color"] = color
    dash = child(element, "prstDash")
    if dash is not None:
        line["dash"] = dash.get("val", "solid")
    for end, name in (("head", "headEnd"), ("tail", "tailEnd")):
        arrow = child(element, name)
        if arrow is not None:
            line[end] = arrow.get("type", "none")
    return line


def whole_line(*lines: dict[str, Any] | None) -> dict[str, Any]:
    """Lines laid over one another, the strongest first: {"width_pt": 0} unless one has a colour and a width."""
    found: dict[str, Any] = {}
    for line in reversed([line for line in lines if line]):
        found |= line
    if not found.get("color"):
        return dict(UNSAID_LINE)
    return {"width_pt": 0.75, "dash": "solid", "head": "none", "tail": "none", **found}
