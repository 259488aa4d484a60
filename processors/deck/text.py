"""A shape's text with everything that it inherits: paragraphs of runs, each with its size, weight, colour, bullet and spacing.

Weakest first, properties come from the presentation's defaults, the master's text styles, the placeholders of master and layout,
the shape's own list style, the paragraph, the run. Units: pt; ratios of the font's size. Source: ECMA-376 part 1, 21.1.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processors.deck.package import name_of
from processors.deck.theme import Theme, child, color_in, integer, points

NUM_LEVELS = 9
DEFAULT_SIZE_PT = 18.0
INSETS_EMU = (91_440, 45_720, 91_440, 45_720)  # left, top, right, bottom where a body says nothing
ROMAN = ("m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i")
TRUE = ("1", "true", "on")
BULLETS = ("buNone", "buChar", "buAutoNum", "buBlip")
SYMBOLS = {  # signs of the symbol fonts that bullets use, as Unicode
    "wingdings": {
        **{"§": "▪", "n": "■", "q": "❑", "o": "□", "l": "●", "Ø": "➢", "ü": "✓", "v": "❖", "à": "→", "Ÿ": "•", "è": "➔", "ð": "⇨"},
        **{"u": "◆", "r": "□", "s": "◆", "w": "⬥", "þ": "☑", "û": "✗", "ê": "✩", "C": "👍", "J": "☺", "(": "✆", "*": "✉", "F": "☞"},
    },
    "symbol": {"·": "•", "Þ": "⇒", "®": "→", "¨": "♦", "\uf0b7": "•"},
    "webdings": {"4": "▶", "3": "◀", "=": "▪", "n": "●", "g": "■"},
}


def text_of(body: Any, styles: Sequence[Any], bodies: Sequence[Any], theme: Theme, color: str | None = None) -> dict[str, Any] | None:
    """A `txBody` as JSON; None when there is no body.

    `styles` are elements that hold lvl1pPr ... (list styles), weakest first; `bodies` the bodyPr that it inherits, weakest first;
    `color` is that of the shape's or the table's style, which is stronger than the list styles outside the body.
    """
    if body is None:
        return None
    own = child(body, "bodyPr")
    inherited = [style for style in styles if style is not None]
    frame = _frame([*bodies, own])
    paragraphs = [_paragraph(element, inherited, child(body, "lstStyle"), theme, color) for element in body if name_of(element) == "p"]
    _number(paragraphs)
    return {**frame, "paragraphs": paragraphs}


def _frame(bodies: Sequence[Any]) -> dict[str, Any]:
    """Insets, anchor, wrapping and fitting: the last bodyPr that says something about each."""
    said: dict[str, str] = {}
    fit: Any = None
    for body in bodies:
        if body is None:
            continue
        said |= dict(body.attrib)
        fit = next((each for each in body if name_of(each) in ("noAutofit", "normAutofit", "spAutoFit")), fit)
    kind = name_of(fit) if fit is not None else "noAutofit"
    shrinks = fit is not None and kind == "normAutofit"
    scale = integer(fit.get("fontScale"), 100_000) / 100_000 if shrinks else 1.0
    squeeze = integer(fit.get("lnSpcReduction")) / 100_000 if shrinks else 0.0
    insets = [points(said.get(name), default) for name, default in zip(("lIns", "tIns", "rIns", "bIns"), INSETS_EMU, strict=True)]
    return {
        "anchor": said.get("anchor", "t"),
        "insets_pt": insets,
        "wrap": said.get("wrap", "square") != "none",
        "fit": {"noAutofit": "none", "normAutofit": "shrink", "spAutoFit": "resize"}[kind],
        "font_ratio": min(1.0, max(0.1, scale)),
        "line_ratio": min(1.0, max(0.2, 1.0 - squeeze)),
        "vertical": said.get("vert", "horz"),
        "columns": min(16, max(1, integer(said.get("numCol"), 1))),
    }


def _paragraph(element: Any, inherited: Sequence[Any], own_style: Any, theme: Theme, color: str | None) -> dict[str, Any]:
    own = child(element, "pPr")
    level = min(NUM_LEVELS - 1, max(0, integer(own.get("lvl")) if own is not None else 0))
    name = f"lvl{level + 1}pPr"
    outside = [child(style, each) for style in inherited for each in ("defPPr", name)]
    inside = [child(own_style, each) for each in ("defPPr", name)] if own_style is not None else []
    runs_from = _Said(
        [child(each, "defRPr") for each in outside if each is not None],
        [child(each, "defRPr") for each in inside if each is not None],
        color,
    )
    chain = [each for each in (*outside, *inside, own) if each is not None]
    said: dict[str, str] = {}
    for each in chain:
        said |= dict(each.attrib)
    end = child(element, "endParaRPr")
    runs = list(_runs(element, runs_from, theme))
    first = runs[0] if runs else _run_style(runs_from, end, theme)
    return {
        "level": level,
        "align": said.get("algn", "l"),
        "rtl": said.get("rtl", "0") in TRUE,
        "margin_pt": points(said.get("marL")),
        "indent_pt": points(said.get("indent")),
        "before": _spacing(chain, "spcBef", {"pt": 0.0}),
        "after": _spacing(chain, "spcAft", {"pt": 0.0}),
        "line": _spacing(chain, "lnSpc", {"ratio": 1.0}),
        "bullet": _bullet(chain, first, theme) if runs else None,
        "size_pt": first["size_pt"],
        "font": first["font"],
        "runs": runs,
    }


def _spacing(chain: Sequence[Any], name: str, default: dict[str, float]) -> dict[str, float]:
    found = default
    for each in chain:
        spacing = child(each, name)
        if spacing is not None:
            for value in spacing:
                if name_of(value) == "spcPct":
                    found = {"ratio": min(10.0, max(0.0, integer(value.get("val")) / 100_000))}
                elif name_of(value) == "spcPts":
                    found = {"pt": min(1584.0, max(0.0, integer(value.get("val")) / 100))}
    return found


@dataclass(frozen=True, slots=True)
class _Said:
    """Properties of runs that stand outside the body (defRPr elements, weakest first), in its list style, and a colour between them."""

    outside: Sequence[Any]
    inside: Sequence[Any]
    color: str | None


def _runs(element: Any, inherited: _Said, theme: Theme) -> Iterator[dict[str, Any]]:
    for each in element:
        name = name_of(each)
        if name == "br":
            yield {"text": "\n", **_run_style(inherited, child(each, "rPr"), theme)}
        elif name in ("r", "fld"):
            content = child(each, "t")
            text = (content.text or "") if content is not None else ""
            if text:
                kind = {"field": each.get("type", "")} if name == "fld" else {}
                style = _run_style(inherited, child(each, "rPr"), theme)
                yield {"text": as_unicode(text.replace("\v", "\n"), style["font"]), **style, **kind}


def _run_style(inherited: _Said, own: Any, theme: Theme) -> dict[str, Any]:
    """The last element that says something about each property."""
    said: dict[str, str] = {}
    font, color, highlight, link = "+mn-lt", None, None, False
    for number, each in enumerate((*inherited.outside, *inherited.inside, own)):
        if number == len(inherited.outside):
            color = inherited.color or color
        if each is None:
            continue
        said |= dict(each.attrib)
        fill = child(each, "solidFill")
        gradient = child(each, "gradFill", "gsLst", "gs")
        color = (color_in(fill, theme) if fill is not None else color_in(gradient, theme) if gradient is not None else None) or color
        highlight = color_in(child(each, "highlight"), theme) or highlight
        latin = child(each, "latin")
        font = latin.get("typeface", font) if latin is not None else font
        link = child(each, "hlinkClick") is not None
    if link:
        color = theme.slot("hlink") or color
    return {
        "size_pt": min(400.0, max(1.0, integer(said.get("sz"), int(100 * DEFAULT_SIZE_PT)) / 100)),
        "bold": said.get("b", "0") in TRUE,
        "italic": said.get("i", "0") in TRUE,
        "underline": link or said.get("u", "none") != "none",
        "strike": said.get("strike", "noStrike") != "noStrike",
        "caps": said.get("cap", "none"),
        "baseline": integer(said.get("baseline")) / 100_000,
        "color": color or theme.slot("tx1") or "#000000",
        "highlight": highlight,
        "font": theme.fonts.get(font, font),
    }


def as_unicode(text: str, font: str) -> str:
    """Text in a symbol font as the signs that it shows; any other text as it is."""
    signs = next((SYMBOLS[name] for name in SYMBOLS if font.lower().startswith(name)), None)
    if signs is None:
        return text
    plain = (chr(ord(sign) - 0xF000) if 0xF000 <= ord(sign) <= 0xF0FF else sign for sign in text)
    return "".join(signs.get(sign, sign) for sign in plain)


def _bullet(chain: Sequence[Any], first: dict[str, Any], theme: Theme) -> dict[str, Any] | None:
    """The bullet, with the colour, the size and the font of the text that follows it unless it says its own."""
    found = None
    color, ratio, size_pt, font = first["color"], 1.0, None, ""
    for each in chain:
        for said in each:
            name = name_of(said)
            if name in BULLETS:
                found = said
            elif name == "buClr":
                color = color_in(said, theme) or color
            elif name == "buClrTx":
                color = first["color"]
            elif name == "buSzPct":
                ratio, size_pt = min(4.0, max(0.25, integer(said.get("val"), 100_000) / 100_000)), None
            elif name == "buSzPts":
                size_pt = min(400.0, max(1.0, integer(said.get("val"), 1800) / 100))
            elif name == "buFont":
                font = said.get("typeface", "")
    kind = name_of(found) if found is not None else "buNone"
    if found is None or kind == "buNone":
        return None
    look = {"color": color, "size_pt": size_pt or round(first["size_pt"] * ratio, 2), "font": font}
    if kind == "buChar":
        return {"text": as_unicode(found.get("char", "•"), font), **look}
    if kind == "buBlip":
        return {"text": "•", **look}
    return {"text": "", "scheme": found.get("type", "arabicPeriod"), "start": max(1, integer(found.get("startAt"), 1)), **look}


# ---- numbering


def _number(paragraphs: list[dict[str, Any]]) -> None:
    """Writes the text of numbered bullets: a run of one scheme at one level counts on, deeper levels do not break it."""
    running: dict[int, tuple[str, int]] = {}
    for paragraph in paragraphs:
        level, bullet = paragraph["level"], paragraph["bullet"]
        if not paragraph["runs"]:
            continue
        running = {deep: at for deep, at in running.items() if deep <= level}
        if bullet is None or "scheme" not in bullet:
            running.pop(level, None)
            continue
        scheme, start = bullet["scheme"], bullet["start"]
        last = running.get(level)
        number = last[1] + 1 if last and last[0] == scheme else start
        running[level] = scheme, number
        bullet["text"] = numbered(scheme, number)


def numbered(scheme: str, number: int) -> str:
    """A number in a scheme of DrawingML, such as alphaLcParenR: `c)`."""
    body = str(number)
    if scheme.startswith("alpha"):
        letters, left = "", number
        while left > 0:
            left, digit = divmod(left - 1, 26)
            letters = chr(ord("a") + digit) + letters
        body = letters
    elif scheme.startswith("roman"):
        body, left = "", min(number, 3999)
        for value, sign in zip((1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1), ROMAN, strict=True):
            body += sign * (left // value)
            left %= value
    if scheme.startswith(("alphaUc", "romanUc")):
        body = body.upper()
    if scheme.endswith("ParenBoth"):
        return f"({body})"
    return body + (")" if scheme.endswith("ParenR") else "." if scheme.endswith(("Period", "Db")) else "")


def plain_text(paragraph: Mapping[str, Any]) -> str:
    """What a paragraph says, white space as written but none around it; capitals where the style makes them."""
    return "".join(run["text"].upper() if run.get("caps") == "all" else run["text"] for run in paragraph["runs"]).strip()
