"""Pieces of HTML that are safe by construction, and the bound on how many bytes a page may take.

Text of a corpus reaches a page only as an argument of `Markup(...).format(...)`, which escapes it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

EMPTY = Markup("")
MAX_FACT_CHARS = 600


def join(pieces: Iterable[Markup]) -> Markup:
    """Pieces of HTML, one after another."""
    return EMPTY.join(pieces)


def number_of(num: int, noun: str) -> str:
    """A count with its noun: 1 box is given as "box", more of them end in the plural that the noun has."""
    return f"{num:,} {noun}" if num == 1 else f"{num:,} {noun}{'es' if noun.endswith('x') else 's'}"


def cut_middle(text: str, max_chars: int) -> str:
    """The text, or its beginning and end around the number of characters that were left out."""
    if len(text) <= max_chars:
        return text
    end = max_chars // 4
    return f"{text[: max_chars - end]} [... {len(text) - max_chars:,} characters not shown ...] {text[len(text) - end :]}"


def folded(summary: str, body: Markup, is_open: bool = False) -> Markup:
    """A part that opens by click or key."""
    return Markup("<details{}><summary>{}</summary>{}</details>").format(Markup(" open") if is_open else EMPTY, summary, body)


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Markup:
    """A table that scrolls sideways in a narrow window; cells that are Markup stay as they are."""
    heads = join(Markup('<th scope="col">{}</th>').format(name) for name in head)
    body = join(Markup("<tr>{}</tr>").format(join(Markup("<td>{}</td>").format(cell) for cell in row)) for row in rows)
    return Markup(
        '<div class="example-scroll" tabindex="0" role="group" aria-label="table"><table><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(heads, body)


def value_text(value: object) -> str:
    """A fact's value as it is read: at most MAX_FACT_CHARS characters."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "not finite"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else cut_middle(str(value), MAX_FACT_CHARS) or "(empty)"


def facts_html(facts: Mapping[str, object], docs: Mapping[str, str], summary: str) -> Markup:
    """All facts by name, folded away, each with what it means."""
    if not facts:
        return EMPTY
    rows = ((Markup("<code>{}</code>").format(name), value_text(value), docs.get(name, "")) for name, value in sorted(facts.items()))
    return folded(f"{summary} ({len(facts)})", table(("fact", "value", "meaning"), rows))


def pretty_json(text: str) -> str:
    """JSON with a line a member, and what is none as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


@dataclass(slots=True)
class Budget:
    """How many bytes may still be written. Media come in order; after the first that does not fit, none is taken any more."""

    left_bytes: int
    num_media: int = 0
    num_dropped: int = 0

    def holds(self, html: Markup) -> bool:
        """Whether the HTML still fits; it is paid for where it does."""
        num_bytes = len(html.encode())
        if num_bytes > self.left_bytes:
            return False
        self.left_bytes -= num_bytes
        return True

    def media(self, mime_type: str, data: bytes) -> Markup | None:
        """The bytes as a data URI, None when they do not fit any more."""
        uri = Markup(f"data:{mime_type};base64,{base64.b64encode(data).decode('ascii')}")
        if self.num_dropped or len(uri) > self.left_bytes:
            self.num_dropped += 1
            return None
        self.left_bytes -= len(uri)
        self.num_media += 1
        return uri

    def skips(self) -> bool:
        """Whether media need not be made at all, as none would be taken; counts the one that was not made."""
        if self.num_dropped:
            self.num_dropped += 1
        return self.num_dropped > 0


LEFT_OUT = Markup('<p class="example-note">Left out: the page has reached its size.</p>')
