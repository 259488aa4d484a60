"""Code on web pages: the text of `<pre>` and of what highlighters make of it, line by line, with its indentation and its language."""

from __future__ import annotations

import re
from typing import Any

_LANGUAGE = re.compile(
    r"(?:^|\s)(?:lang(?:uage)?-|highlight-(?:source-|text-)?|brush:\s*|sourceCode\s+|prettyprint\s+lang-)([A-Za-z][A-Za-z0-9+#_]{0,19})(?=[\s;.-]|$)"
)
_NO_LANGUAGE = {"none", "plain", "plaintext", "text", "txt", "nohighlight", "default", "source", "wrapper", "table", "code", "container"}
_CONTAINERS = {"highlighttable", "rouge-table", "syntaxhighlighter", "crayon-table", "js-file-line-container", "hljs-ln"}
_GUTTERS = {
    "gutter",
    "gl",
    "linenos",
    "linenodiv",
    "lineno",
    "line-numbers-rows",
    "rouge-gutter",
    "blob-num",
    "crayon-nums",
    "hljs-ln-numbers",
    "line-number",
    "linenumber",
    "ln",
}
_LINES = {"div", "p", "li", "tr"}  # of elements inside code, those that are lines
_LAYOUT = {"table", "thead", "tbody", "tr", "ol", "ul"}
_NUMBERS = re.compile(r"[\s\d]*")
_CODE_SIGNS = re.compile(r"[{}\[\]();=<>_\\/$#@|`~^*+&]")
_WORDS = re.compile(r"[^\W\d_]{2,}")


def is_code(element: Any) -> bool:
    """Whether an element is a block of code as a whole."""
    if element.tag == "pre":
        return True
    classes = set((element.get("class") or "").split())
    if element.tag == "table":
        return not classes.isdisjoint(_CONTAINERS)
    return element.tag == "div" and not classes.isdisjoint({"syntaxhighlighter", "w3-code", "crayon-syntax"})


def code_of(element: Any) -> tuple[str, str]:
    """(the code without empty lines around it, its language or "")."""
    classes = element.get("class") or ""
    is_preformatted = element.tag == "pre" or "js-file-line-container" in classes or next(element.iter("pre"), None) is not None
    pieces: list[str] = []
    _read(element, pieces, is_preformatted)
    lines = [line.rstrip() for line in "".join(pieces).replace("\xa0", " ").replace("\r", "").split("\n")]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines), _language(element)


def is_prose(code: str) -> bool:
    """Whether preformatted text is prose, such as a letter or a poem: words rather than signs."""
    num_letters = sum(len(word) for word in _WORDS.findall(code))
    num_signs = len(_CODE_SIGNS.findall(code))
    visible = len("".join(code.split()))
    return visible > 0 and num_signs * 50 < visible and num_letters * 4 > visible * 3 and len(_WORDS.findall(code)) > 12


def fenced(code: str, language: str) -> str:
    """A code block of Markdown. Its fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def _language(element: Any) -> str:
    """What the classes of the block, of the code in it, or of two elements around it say."""
    inner = [child for child in element if child.tag == "code"][:1] or [child for child in element.iter("code")][:1]
    around = [parent for _, parent in zip(range(2), element.iterancestors(), strict=False)]
    for place in (element, *inner, *around):
        stated = place.get("data-lang") or place.get("data-language") or ""
        match = _LANGUAGE.search(place.get("class") or "")
        name = (stated if re.fullmatch(r"[A-Za-z][A-Za-z0-9+#_]{0,19}", stated) else match[1] if match else "").lower()
        if name and name not in _NO_LANGUAGE:
            return name
    return ""


def _read(element: Any, pieces: list[str], is_preformatted: bool) -> None:
    """The text in order, with an explicit stack, as code may be nested as deep as the parser allows."""
    stack: list[tuple[Any, bool]] = [(element, False)]
    while stack:
        node, is_done = stack.pop()
        if is_done:
            if node.tag in _LINES and node is not element:
                _end_line(pieces)
            if node is not element:
                pieces.append(_flow(node.tail, node.getparent().tag, is_preformatted))
            continue
        stack.append((node, True))
        if node.tag == "br":
            pieces.append("\n")
        elif isinstance(node.tag, str) and node.tag not in ("button", "script", "style") and (node is element or not _is_gutter(node)):
            if node.tag in _LINES and node is not element:
                _end_line(pieces)
            pieces.append(_flow(node.text, node.tag, is_preformatted))
            stack.extend((child, False) for child in reversed(node))


def _flow(text: str | None, around: str, is_preformatted: bool) -> str:
    """Text as it is shown: white space counts where text is preformatted, but not between rows and cells."""
    if not text or (around in _LAYOUT and not text.strip()):
        return ""
    return text if is_preformatted else re.sub(r"[ \t\r\n]+", " ", text)


def _end_line(pieces: list[str]) -> None:
    last = next((piece for piece in reversed(pieces) if piece), "\n")
    if not last.endswith("\n"):
        pieces.append("\n")


def _is_gutter(node: Any) -> bool:
    classes = (node.get("class") or "").split()
    return not _GUTTERS.isdisjoint(classes) and _NUMBERS.fullmatch("".join(node.itertext())) is not None
