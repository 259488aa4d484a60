"""Text of shapes and cells, laid out: where each paragraph goes, and a page of its own for each, to be shown in its turn.

MuPDF's own fonts draw every script, so that no font of the machine decides a pixel. Faces that decks name and that are not there
are drawn in the nearest of sans, serif and mono, at the size at which that takes as much room as the face named. Units: pt.
"""

from __future__ import annotations

import functools
import html
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from processors.mupdf import pymupdf

SERIF = ("times", "cambria", "georgia", "garamond", "palatino", "book antiqua", "bookman", "century", "constantia", "baskerville", "minion")
MONO = ("courier", "consolas", "lucida console", "menlo", "monaco", "monospace", "andale mono", "source code")
RATIOS = {  # room that a face takes beside the one that is drawn in its place
    **{
        "calibri": 0.9,
        "carlito": 0.9,
        "aptos": 0.96,
        "candara": 0.93,
        "corbel": 0.93,
        "gill sans": 0.9,
        "garamond": 0.94,
        "arial narrow": 0.82,
    },
    **{"verdana": 1.14, "tahoma": 0.98, "trebuchet": 0.96, "segoe ui": 0.98, "cambria": 1.04, "georgia": 1.1, "consolas": 0.92},
    **{"century gothic": 1.08, "franklin gothic": 0.93, "open sans": 1.02, "impact": 0.9, "bookman": 1.1, "palatino": 1.04},
}
LEADING = 1.2  # of single spacing, in font sizes
CSS = "body{margin:0} p{margin:0;white-space:pre-wrap}"
TAB = "\u00a0" * 6
LONG_WORD = re.compile(r"[!-~\u00a1-\u024f]{25,}")  # such as addresses: presentation programs break them where the box ends
BREAK = "\u200b"
TALL = 100_000.0  # room without an end
SMALLEST_SHRINK, SHRINK_STEP = 0.3, 0.93
SMALLEST_PT = 1.0
BASELINE_SHARE = 0.66  # size of raised and lowered text


Pieces = list[tuple[Any, float, Any]]  # stories, the width in which each is laid out, and where it goes


@dataclass(frozen=True, slots=True)
class Placed:
    """A paragraph laid out: its page in the text document, and its number in its text."""

    page: int
    number: int


@dataclass(slots=True)
class TextPages:
    """Writes paragraphs on pages of one size; `close` gives the document of them."""

    width: float
    height: float
    sink: io.BytesIO = field(default_factory=io.BytesIO)
    num_pages: int = 0
    writer: Any = None

    def write(self, pieces: Pieces) -> int:
        """One page with stories, each under its matrix; gives the page's number."""
        if self.writer is None:
            self.writer = pymupdf.DocumentWriter(self.sink)
        device = self.writer.begin_page(pymupdf.Rect(0, 0, self.width, self.height))
        for story, width, matrix in pieces:
            story.reset()  # a story that was drawn once has nothing more to draw
            story.place(pymupdf.Rect(0, 0, width, TALL))
            story.draw(device, matrix)
        self.writer.end_page()
        self.num_pages += 1
        return self.num_pages - 1

    def close(self) -> Any:
        """The document; None when nothing was written."""
        if self.writer is None:
            return None
        self.writer.close()
        return pymupdf.open("pdf", self.sink.getvalue())


def face(font: str) -> tuple[str, float]:
    """The generic family that stands for a face, and the ratio of sizes."""
    name = font.lower()
    family = "serif" if name.startswith(SERIF) else "monospace" if name.startswith(MONO) else "sans-serif"
    ratio = next((ratio for start, ratio in RATIOS.items() if name.startswith(start)), 1.0)
    return family, ratio


def run_html(run: Mapping[str, Any], scale: float) -> str:
    """A run as HTML of exactly its looks."""
    text = run["text"]
    if run.get("caps") in ("all", "small"):
        text = text.upper()
    if text == "\n":
        return "<br/>"
    family, ratio = face(run["font"])
    size = max(SMALLEST_PT, run["size_pt"] * ratio * scale * (0.8 if run.get("caps") == "small" else 1.0))
    said = [f"font-family:{family}", f"font-size:{size:.2f}pt", f"color:{run['color'][:7]}"]
    said += ["font-weight:bold"] * run["bold"] + ["font-style:italic"] * run["italic"]
    lines = ["underline"] * run["underline"] + ["line-through"] * run["strike"]
    said += [f"text-decoration:{' '.join(lines)}"] if lines else []
    said += [f"background-color:{run['highlight'][:7]}"] if run.get("highlight") else []
    text = LONG_WORD.sub(lambda word: BREAK.join(word[0]), text)
    body = html.escape("".join(sign for sign in text if sign in "\t\n" or sign.isprintable() or sign.isspace() or ord(sign) > 0x7F))
    body = body.replace("\t", TAB).replace("\n", "<br/>")
    tag = "sup" if run["baseline"] > 0 else "sub" if run["baseline"] < 0 else ""
    if tag:
        said[1] = f"font-size:{size * BASELINE_SHARE:.2f}pt"
        return f'<{tag} style="{";".join(said)}">{body}</{tag}>'
    return f'<span style="{";".join(said)}">{body}</span>'


ALIGNS = {"l": "left", "ctr": "center", "r": "right", "just": "justify", "dist": "justify"}
SWAPPED = {"l": "r", "r": "l"}  # MuPDF takes left for the start of a line, decks for the left


def paragraph_html(paragraph: Mapping[str, Any], scale: float, line_ratio: float, align: bool = True) -> str:
    line = paragraph["line"]
    # the smallest: the size of a paragraph is the least height of its lines, and larger runs make theirs higher
    size = min((run["size_pt"] * face(run["font"])[1] for run in paragraph["runs"]), default=paragraph["size_pt"]) * scale
    leading = line["ratio"] * LEADING * line_ratio if "ratio" in line else max(0.1, line["pt"] / size)
    side = SWAPPED.get(paragraph["align"], paragraph["align"]) if paragraph["rtl"] else paragraph["align"]
    said = [f"text-align:{ALIGNS.get(side, 'left')}"] * align + [f"line-height:{max(0.1, leading):.3f}"]
    if paragraph["indent_pt"] and paragraph["bullet"] is None:
        said.append(f"text-indent:{paragraph['indent_pt'] * scale:.2f}pt")
    direction = ' dir="rtl"' if paragraph["rtl"] else ""
    body = "".join(run_html(run, scale) for run in paragraph["runs"])
    return f'<p{direction} style="{";".join(said)};font-size:{max(SMALLEST_PT, size):.2f}pt">{body}</p>'


def placed_story(content: str, width: float) -> tuple[Any, float]:
    """A story laid out in a column, and its height."""
    story = pymupdf.Story(content, user_css=CSS)
    _, filled = story.place(pymupdf.Rect(0, 0, width, TALL))
    return story, float(filled[3])


@functools.lru_cache(maxsize=4096)
def natural_width(content: str) -> float:
    """How wide a paragraph is when nothing breaks its lines: measured on a page of its own, aligned left."""
    story, height = placed_story(content, TALL)
    pages = TextPages(TALL, height + 1)
    pages.write([(story, TALL, pymupdf.Matrix(1, 1))])
    document = pages.close()
    words = document[0].get_text("words")
    return max((word[2] for word in words), default=0.0)


@dataclass(slots=True)
class _Line:
    """A paragraph in its column: its story and its bullet's, and where they go."""

    number: int
    story: Any
    width: float
    x: float
    y: float
    bullet: Any = None
    bullet_x: float = 0.0


@dataclass(slots=True)
class Layout:
    """Paragraphs stacked in a column. Units: pt from the column's own corner."""

    lines: list[_Line]
    height: float


def lay_out(text: Mapping[str, Any], width: float, scale: float) -> Layout:
    """The paragraphs of a text in a column of this width."""
    lines: list[_Line] = []
    y = after = 0.0
    for number, paragraph in enumerate(text["paragraphs"]):
        size = paragraph["size_pt"] * face(paragraph["font"])[1] * scale
        y += after + (_space(paragraph["before"], size, scale) if number else 0.0)
        if paragraph["runs"]:
            line, height = _line(paragraph, number, width, scale, text["line_ratio"])
            line.y = y
            lines.append(line)
            y += height
        else:
            y += size * LEADING * text["line_ratio"]
        after = _space(paragraph["after"], size, scale)
    return Layout(lines, y)


def _space(spacing: Mapping[str, float], size: float, scale: float) -> float:
    return spacing["ratio"] * size * LEADING if "ratio" in spacing else spacing["pt"] * scale


def _line(paragraph: Mapping[str, Any], number: int, width: float, scale: float, line_ratio: float) -> tuple[_Line, float]:
    """A paragraph with its bullet; text that is too wide a bullet's neighbour begins after the bullet."""
    bullet, margin = paragraph["bullet"], max(0.0, paragraph["margin_pt"])
    start = max(0.0, margin + paragraph["indent_pt"])
    content = bullet_html(bullet, paragraph, scale) if bullet is not None and bullet["text"] else ""
    if content:
        reach = start + natural_width(content) + 0.2 * bullet["size_pt"] * scale  # type: ignore[index]
        margin = max(margin, reach)
    margin = min(margin, width / 2)
    column = max(1.0, width - margin)
    story, height = placed_story(paragraph_html(paragraph, scale, line_ratio), column)
    if not content:
        return _Line(number, story, column, 0.0 if paragraph["rtl"] else margin, 0.0), height
    mark, mark_height = placed_story(content, TALL)
    if paragraph["rtl"]:
        return _Line(number, story, column, 0.0, 0.0, mark, width - start - natural_width(content)), max(height, mark_height)
    return _Line(number, story, column, margin, 0.0, mark, start), max(height, mark_height)


def bullet_html(bullet: Mapping[str, Any], paragraph: Mapping[str, Any], scale: float) -> str:
    """A bullet on a line as high as its paragraph's first, so that both stand on one base line."""
    size = bullet["size_pt"] * face(bullet["font"])[1] * scale
    look = f"font-family:{face(bullet['font'])[0]};font-size:{size:.2f}pt;color:{bullet['color'][:7]}"
    line = paragraph["size_pt"] * face(paragraph["font"])[1] * scale
    leading = paragraph["line"]["ratio"] * LEADING if "ratio" in paragraph["line"] else paragraph["line"]["pt"] / line
    strut = f'<span style="font-size:{line:.2f}pt">\u200b</span>'
    return f'<p style="line-height:{max(0.1, leading):.3f};font-size:{line:.2f}pt"><span style="{look}">{html.escape(bullet["text"])}</span>{strut}</p>'


def write_text(
    pages: TextPages, text: Mapping[str, Any], width: float, height: float, matrix: pymupdf.Matrix
) -> tuple[list[Placed], Pieces]:
    """Lays a text out in a box of this size and writes a page for each of its paragraphs, to be measured. `matrix` puts the box on the slide.

    Gives also the pieces of all paragraphs, to be shown on one page.
    """
    left, top, right, bottom = text["insets_pt"]
    if text["vertical"] == "vert":
        matrix = pymupdf.Matrix(0, 1, -1, 0, width, 0) * matrix
        left, top, right, bottom, width, height = top, right, bottom, left, height, width
    elif text["vertical"] == "vert270":
        matrix = pymupdf.Matrix(0, -1, 1, 0, 0, height) * matrix
        left, top, right, bottom, width, height = bottom, left, top, right, height, width
    room_x, room_y = max(1.0, width - left - right), max(1.0, height - top - bottom)
    scale = text["font_ratio"]
    column = room_x
    if not text["wrap"]:
        column = max((_widest(paragraph, scale) for paragraph in text["paragraphs"]), default=room_x)
        align = text["paragraphs"][0]["align"] if text["paragraphs"] else "l"
        left += {"ctr": (room_x - column) / 2, "r": room_x - column}.get(align, 0.0)
    layout = lay_out(text, column, scale)
    while (text["fit"] == "shrink" or text["columns"] > 1) and layout.height > room_y and scale > SMALLEST_SHRINK:
        scale *= SHRINK_STEP
        layout = lay_out(text, column, scale)
    offset = {"ctr": (room_y - layout.height) / 2, "b": room_y - layout.height}.get(text["anchor"], 0.0)
    placed: list[Placed] = []
    everything: Pieces = []
    for line in layout.lines:
        y = top + offset + line.y
        pieces = [(line.story, line.width, pymupdf.Matrix(1, 0, 0, 1, left + line.x, y) * matrix)]
        if line.bullet is not None:
            pieces.append((line.bullet, TALL, pymupdf.Matrix(1, 0, 0, 1, left + line.bullet_x, y) * matrix))
        placed.append(Placed(pages.write(pieces), line.number))
        everything += pieces
    return placed, everything


def text_height(text: Mapping[str, Any], width: float) -> float:
    """How high a box of this width must be for a text, insets included."""
    left, top, right, bottom = text["insets_pt"]
    return top + bottom + lay_out(text, max(1.0, width - left - right), text["font_ratio"]).height


def _widest(paragraph: Mapping[str, Any], scale: float) -> float:
    margin = max(0.0, paragraph["margin_pt"], paragraph["margin_pt"] + paragraph["indent_pt"])
    return 1.0 + margin + natural_width(paragraph_html(paragraph, scale, 1.0, align=False))
