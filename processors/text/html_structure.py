"""What main-text extraction would lose of a page, taken out of its tree before and put back after: code and formulae.

Each piece leaves a word behind, which goes through any extractor as text does. Text that the extractor keeps has its words, and they
are replaced by the pieces when the text is written; what it drops goes with its words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from processors.text.html_code import code_of, is_code, is_prose
from processors.text.html_maths import formula_of, is_rendering

CODE, PROSE, FORMULA, DISPLAY = "c", "p", "f", "d"
WORD = re.compile(r"qzx([cpfd])(\d{1,7})xzq")

_INLINE_CODE = {"code", "tt", "samp", "kbd"}
_CODE_SIGNS = ("highlight", "rouge-table", "crayon-", "js-file-line-container", "hljs-ln", "w3-code")
_MATHS_SIGNS = (
    "<math",
    "math/tex",
    "katex",
    "mjx-",
    "mwe-math",
    "latex",
    "mathtex",
    "teximage",
    "ql-img-",
    "cht=tx",
    '"tex',
    "'tex",
    "=tex",
)
_WHITE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece: code with its language, preformatted prose, or TeX."""

    kind: str
    text: str
    language: str = ""


@dataclass(slots=True)
class Pieces:
    """The pieces of one page, by number."""

    found: list[Piece] = field(default_factory=list)

    def add(self, piece: Piece) -> str:
        self.found.append(piece)
        return f"qzx{piece.kind}{len(self.found) - 1}xzq"

    def get(self, number: str) -> Piece | None:
        return self.found[int(number)] if int(number) < len(self.found) else None


def protect(tree: Any, html: str, with_ticks: bool = True) -> Pieces:
    """Takes code and formulae out of an lxml tree, in place. With `with_ticks`, inline code gets its backticks.

    `html` is the page, in which a glance tells what is not worth a walk through the tree.
    """
    pieces, lower = Pieces(), html.lower()
    tags = ("pre", "div", "table") if _has_any(lower, _CODE_SIGNS) else ("pre",)
    for element in list(tree.iter(*tags)):
        if is_code(element) and not _has_left(element, tree):
            _take_code(element, pieces)
    if _has_any(lower, _MATHS_SIGNS):
        _take_formulae(tree, pieces)
    for element in list(tree.iter(*_INLINE_CODE)) if with_ticks else ():
        _take_inline_code(element)
    return pieces


def _has_any(text: str, signs: tuple[str, ...]) -> bool:
    return any(sign in text for sign in signs)


def _take_formulae(tree: Any, pieces: Pieces) -> None:
    """Of nested elements that are one formula, the outermost goes. Scripts show theirs in elements beside them, which go too."""
    candidates = list(tree.iter("script", "img", "math", "mjx-container", "span", "div"))
    has_scripts = any(element.tag == "script" and formula_of(element) is not None for element in candidates)
    for element in candidates:
        if has_scripts and is_rendering(element) and not _has_left(element, tree):
            _swap(element, "")
            continue
        formula = formula_of(element)
        if formula is None or _has_left(element, tree):
            continue
        tex, is_display = formula
        word = pieces.add(Piece(DISPLAY if is_display else FORMULA, tex)) if tex else ""
        _swap(element, f" {word} " if is_display else word)


def _has_left(element: Any, tree: Any) -> bool:
    """Whether an element is not in the tree any more, but in a piece that it was a part of, or is the tree itself."""
    if element.getparent() is None:
        return True
    top = element
    while (parent := top.getparent()) is not None:
        top = parent
    return top is not tree


def _take_code(element: Any, pieces: Pieces) -> None:
    text, language = code_of(element)
    if not text:
        return
    kind = PROSE if element.tag == "pre" and not language and next(element.iter("code"), None) is None and is_prose(text) else CODE
    _swap(element, pieces.add(Piece(kind, text, language)))
    element.tag = "p"
    parent = element.getparent()
    if parent is not None and parent.tag in ("figure", "p", "code"):
        parent.tag = "div"


def _take_inline_code(element: Any) -> None:
    if element.getparent() is None:
        return
    text = _WHITE.sub(" ", "".join(element.itertext())).strip()
    if text and not WORD.search(text):
        ticks = "``" if "`" in text else "`"
        _swap(element, f"{ticks}{text}{ticks}")


def _swap(element: Any, text: str) -> None:
    """Makes an element one that only holds text. Extractors look through a <span>; to join its text with that around it takes long."""
    tail = element.tail
    for child in list(element):
        element.remove(child)
    element.attrib.clear()
    element.tag, element.text, element.tail = "span", text, tail


def shown(piece: Piece) -> str:
    """TeX between the delimiters that tell inline formulae from displayed ones."""
    return f"$${piece.text}$$" if piece.kind == DISPLAY else f"${piece.text}$"
