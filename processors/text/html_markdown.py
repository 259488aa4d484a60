"""The extracted body of a page as text: headings, paragraphs, lists, tables and quotations, as Markdown or without its marks."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from processors.text.html_code import fenced
from processors.text.html_structure import CODE, DISPLAY, PROSE, WORD, Pieces, shown

_WHITE = re.compile(r"\s+")
_STOP = re.compile(r"\s*([.,;:])(?=\s|$)")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = {
    "p",
    "head",
    "list",
    "item",
    "table",
    "quote",
    "div",
    "row",
    "cell",
    "ul",
    "ol",
    "li",
    "blockquote",
    "section",
    "article",
    *_HEADINGS,
}
ITEM = "item"
_OWN_LINE = (CODE, PROSE, DISPLAY)
MAX_TABLE_COLUMNS = 200


@dataclass(slots=True)
class Writer:
    """Writes one body. `num_written` counts the pieces that were put back, by kind."""

    pieces: Pieces
    is_markdown: bool = True
    blocks: list[tuple[str, str]] = field(default_factory=list)
    num_written: Counter[str] = field(default_factory=Counter)

    def text(self, body: Any) -> str:
        """The blocks with an empty line between them, but for items of one list."""
        self._walk(body, "")
        pieces: list[str] = []
        before = ""
        for kind, text in self.blocks:
            pieces += ["\n" if kind == before and kind.startswith(ITEM) else "\n\n", text]
            before = kind
        return "".join(pieces[1:])

    def _walk(self, element: Any, indent: str, kind: str = "text") -> None:
        """Adds the blocks of an element in order."""
        buffer: list[str] = []

        def flush() -> None:
            self._add("".join(buffer), indent, kind)
            buffer.clear()

        def flow(node: Any) -> None:
            if node.text:
                buffer.append(_WHITE.sub(" ", node.text))
            for child in node:
                if not isinstance(child.tag, str):
                    pass
                elif child.tag in ("lb", "br", "hr"):
                    buffer.append("\n")
                elif child.tag in _BLOCKS:
                    flush()
                    self._block(child, indent, kind)
                else:
                    flow(child)
                if child.tail:
                    buffer.append(_WHITE.sub(" ", child.tail))

        flow(element)
        flush()

    def _block(self, element: Any, indent: str, kind: str) -> None:
        tag, rend = element.tag, element.get("rend") or ""
        if tag == "head" or tag in _HEADINGS:
            level = _HEADINGS.get(rend if tag == "head" else tag, 2)
            self._heading(element, level)
        elif tag in ("list", "ul", "ol"):
            self._list(element, indent, kind, is_ordered=(rend or tag) == "ol")
        elif tag == "table":
            self._table(element)
        elif tag in ("quote", "blockquote"):
            start = len(self.blocks)
            self._walk(element, indent)
            if self.is_markdown:
                self.blocks[start:] = [
                    (kind, "\n".join(f"> {line}".rstrip() for line in text.split("\n"))) for kind, text in self.blocks[start:]
                ]
        else:
            self._walk(element, indent, kind)

    def _heading(self, element: Any, level: int) -> None:
        text = self._inline(element)
        if text:
            self.blocks.append(("head", f"{'#' * level} {text}" if self.is_markdown else text))

    def _list(self, element: Any, indent: str, kind: str, is_ordered: bool) -> None:
        """Items with their marks. A description list gives its terms marks, and indents what is said of them."""
        number = 0
        kind = kind if kind.startswith(ITEM) else f"{ITEM}{len(self.blocks)}"
        for child in element:
            if not isinstance(child.tag, str):
                continue
            if (child.get("rend") or "").startswith("dd-"):
                self._walk(child, f"{indent}  ", kind)
                continue
            mark = f"{number + 1}. " if is_ordered else "- "
            start, inner = len(self.blocks), indent + " " * len(mark)
            self._walk(child, inner, kind)
            if len(self.blocks) > start:
                number += 1
                self.blocks[start] = (kind, indent + mark + self.blocks[start][1].removeprefix(inner))

    def _table(self, element: Any) -> None:
        rows: list[str] = []
        has_head = False
        for row in element.iter("row", "tr"):
            cells = [cell for cell in row if isinstance(cell.tag, str) and cell.tag in ("cell", "td", "th")][:MAX_TABLE_COLUMNS]
            texts = [self._inline(cell) for cell in cells]
            while texts and not texts[-1] and not has_head:
                texts.pop()
            if not any(texts):
                continue
            if len(texts) == 1 and not has_head:
                self._flush_rows(rows)
                self.blocks.append(("text", texts[0]))
                continue
            if not self.is_markdown:
                rows.append(" | ".join(texts))
                continue
            rows.append("| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |")
            if not has_head and not rows[:-1] and any(cell.get("role") == "head" or cell.tag == "th" for cell in cells):
                rows.append("|" + "---|" * len(texts))
                has_head = True
        self._flush_rows(rows)

    def _flush_rows(self, rows: list[str]) -> None:
        if rows:
            self.blocks.append(("table", "\n".join(rows)))
        rows.clear()

    def _inline(self, element: Any) -> str:
        """All text of an element on one line."""
        parts = []
        for node in element.iter():
            if node is not element and node.tag in (*_BLOCKS, "lb", "br"):
                parts.append(" ")
            if node.text and isinstance(node.tag, str):
                parts.append(node.text)
            if node.tail and node is not element:
                parts.append(node.tail)
        return WORD.sub(self._restore_inline, _WHITE.sub(" ", "".join(parts)).strip())

    def _restore_inline(self, match: re.Match[str]) -> str:
        piece = self.pieces.get(match[2])
        if piece is None:
            return match[0]
        self.num_written[piece.kind] += 1
        if piece.kind in (CODE, PROSE):
            line = _WHITE.sub(" ", piece.text).strip()
            return f"`{line}`" if self.is_markdown and piece.kind == CODE else line
        return shown(piece)

    def _add(self, text: str, indent: str, kind: str) -> None:
        """Adds running text as a block, the pieces in it that are blocks of their own apart."""
        at = 0
        for match in WORD.finditer(text):
            piece = self.pieces.get(match[2])
            if piece is None or piece.kind not in _OWN_LINE:
                continue
            self._add_lines(text[at : match.start()], indent, kind)
            self.num_written[piece.kind] += 1
            block = (
                shown(piece) if piece.kind == DISPLAY else fenced(piece.text, piece.language) if self._is_fenced(piece.kind) else piece.text
            )
            at = match.end()
            if piece.kind == DISPLAY and (stop := _STOP.match(text, at)):
                block, at = block + stop[1], stop.end()
            self.blocks.append(("code", "\n".join(f"{indent}{line}" if line else "" for line in block.split("\n"))))
        self._add_lines(text[at:], indent, kind)

    def _is_fenced(self, kind: str) -> bool:
        return self.is_markdown and kind == CODE

    def _add_lines(self, text: str, indent: str, kind: str) -> None:
        lines = [line for part in text.split("\n") if (line := _WHITE.sub(" ", part).strip())]
        if lines:
            self.blocks.append((kind, "\n".join(indent + WORD.sub(self._restore_inline, line) for line in lines)))
