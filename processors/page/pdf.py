"""PDF files by PyMuPDF: what a file holds, and a page as pixels and as text in reading order. Runs in a child process (see guard.py).

MuPDF parses a page once, into a display list; pixels, text, pictures and drawn lines all come from that list. Scripts, launch
actions, links and embedded files are never acted on: MuPDF as PyMuPDF has it runs no script, and nothing here asks for the others.
"""

from __future__ import annotations

import contextlib
import functools
import math
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from processors.mupdf import import_pymupdf
from processors.page.characters import RTL
from processors.page.frame import shown_box
from processors.page.furniture import EdgeRow, edge_rows, find_furniture
from processors.page.layout import Box, lay_out
from processors.page.lines import Line, TextLayer, needs_characters, read_lines, text_lines
from processors.page.writing import passages_of, words_of
from schemas.outcome import Reason, Refused

ENCRYPTED = Reason("encrypted", "The file opens with a password only")
DAMAGED = Reason("damaged", "The file cannot be opened as a PDF, not even after repair")
NO_PAGES = Reason("no_pages", "The file opens and has no page")
TOO_MANY_PAGES = Reason("too_many_pages", "The file has more pages than asked for")
TOO_MANY_OBJECTS = Reason("too_many_objects", "The file has more objects than any honest one")
DAMAGED_PAGE = Reason("damaged_page", "The page cannot be read, the file can")
PAGE_SIZE = Reason("page_size", "The page is larger or thinner than any printed one, or has no size")
TOO_MUCH_CONTENT = Reason("too_much_content", "The drawing instructions of the page, uncompressed, are longer than any honest page's")
TOO_MANY_PIXELS = Reason("too_many_pixels", "A picture on the page has more pixels than any scanner gives")
BLANK_PAGE = Reason("blank_page", "Nothing is printed on the page")
NO_TEXT = Reason("no_text", "The page has no text that can be read from it")
OCR_LAYER = Reason("ocr_layer", "The page is a scan; its text was made by some recogniser and may be wrong")
GARBLED_TEXT = Reason("garbled_text", "The text layer does not say which characters are printed")
FILE_REASONS = (ENCRYPTED, DAMAGED, NO_PAGES, TOO_MANY_PAGES, TOO_MANY_OBJECTS)
PAGE_REASONS = (DAMAGED_PAGE, PAGE_SIZE, TOO_MUCH_CONTENT, TOO_MANY_PIXELS)
TEXT_REASONS = (BLANK_PAGE, NO_TEXT, OCR_LAYER, GARBLED_TEXT)

MAX_SIDE_PT = 144_000.0  # ten times the largest page that Acrobat makes, for scaled units
MAX_ASPECT = 50.0  # a canvas of 16 crops still shows 10 px of it
MAX_CONTENT_BYTES = 64 << 20
MAX_VECTOR_BYTES = 4 << 20  # above, drawn lines are not looked at: a map has millions
MAX_PICTURE_PIXELS = 200_000_000
MAX_FORMS = 2_000
NEAR_PAGES = 2  # on either side, for running heads
MAX_WORDS = 10_000  # a newspaper page has some five thousand
MAX_RULINGS = 5_000  # above, drawn lines are those of a map or drawing, and part no rows
POINTS_PER_INCH = 72
MAX_DPI = 300  # small pages are not blown up beyond
CONTRAST = 24  # grey levels between a text and what it stands on, else nobody sees it
COVERED = 0.8
MIN_QUALITY = 0.4
MAX_VOWELLESS, MIN_WORDS = 0.25, 20  # pages measured 0.00 to 0.02, one with exchanged letters 0.64
LATIN_WORD = re.compile(r"(?<![\w@/.])[A-Za-zÀ-ɏ]{3,}(?![\w@/])")
VOWEL = re.compile("[aeiouyæøœıAEIOUYÆØŒİ]")
MARKS = ".,;:!?\"'“”‘’()[]{}<>«»…–—-*/%&†‡§¶•·°"  # around words
PARTS = re.compile(r"[^\W_]+")
BLANK_SHARE = 1e-5  # of the pixels may differ from the paper


@dataclass
class _Page:
    """A parsed page. `content` are the display list and text page, which live as long as the file is open."""

    display: Any
    layer: TextLayer
    rulings: list[Box]
    pictures: list[tuple[Box, int]]  # box and place in drawing order
    width: float
    height: float

    @functools.cached_property
    def edges(self) -> list[EdgeRow]:
        return edge_rows(self.layer)


@dataclass
class _File:
    data: bytes
    document: Any
    num_pages: int
    repaired: bool
    pages: dict[int, _Page | Refused] = field(default_factory=dict)


_open: list[_File] = []


@functools.cache
def _pymupdf() -> Any:
    pymupdf = import_pymupdf()
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    return pymupdf


@functools.cache
def _errors() -> tuple[type[BaseException], ...]:
    """What PyMuPDF raises for bad data."""
    pymupdf = _pymupdf()
    return (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError, IndexError, OverflowError)


def open_pdf(data: bytes, max_objects: int) -> _File:
    """The file, opened once for calls that follow one another. Raises: Refused with one of FILE_REASONS."""
    if _open and _open[0].data is data:
        return _open[0]
    _open.clear()
    pymupdf = _pymupdf()
    try:
        document = pymupdf.open(stream=data, filetype="pdf")
        if document.needs_pass:
            raise Refused(ENCRYPTED, "the file asks for a password")
        objects = document.xref_length()
        if objects > max_objects:
            raise Refused(TOO_MANY_OBJECTS, f"{objects} objects, expected {max_objects} or fewer")
        num_pages = document.page_count
    except _errors() as error:
        if isinstance(error, Refused):
            raise
        raise Refused(DAMAGED, f"{type(error).__name__}: {error}"[:200]) from error
    repaired = bool(document.is_repaired)
    if num_pages < 1:
        raise Refused(NO_PAGES, "no page in it" + (", after repair" if repaired else ""))
    _open.append(_File(data, document, num_pages, repaired))
    return _open[0]


def inspect_pdf(request: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Guarded. {max_pages, max_objects} and the file -> {num_pages, repaired}."""
    file = open_pdf(blobs[0], request["max_objects"])
    if file.num_pages > request["max_pages"]:
        told = f"{file.num_pages} pages, expected {request['max_pages']} or fewer"
        raise Refused(TOO_MANY_PAGES, told, {"page.num_pages": file.num_pages})
    return {"num_pages": file.num_pages, "repaired": file.repaired}, []


# ---- a page


def _parsed(file: _File, number: int) -> _Page:
    """The page at `number`, parsed once. Raises: Refused with one of PAGE_REASONS."""
    if number not in file.pages:
        while len(file.pages) > 2 * NEAR_PAGES + 1:
            del file.pages[next(iter(file.pages))]
        try:
            file.pages[number] = _parse(file, number)
        except Refused as refused:
            file.pages[number] = refused
    found = file.pages[number]
    if isinstance(found, Refused):
        raise Refused(found.reason, found.detail, found.facts)
    return found


def _parse(file: _File, number: int) -> _Page:
    pymupdf = _pymupdf()
    try:
        page = file.document[number]
        width, height = float(page.rect.width), float(page.rect.height)
        _check_size(width, height)
        content_bytes = _check_content(file.document, page)
        display = page.get_displaylist()
        flags = pymupdf.TEXT_MEDIABOX_CLIP
        vectors = pymupdf.TEXT_COLLECT_VECTORS if content_bytes <= MAX_VECTOR_BYTES else 0
        text = pymupdf.TextPage(display.get_textpage(flags | vectors))
        blocks = text.extractDICT()["blocks"]
        # a second text page, for pictures alone: the first one would give their bytes too
        has_pictures = bool(page.get_images())
        placed = pymupdf.TextPage(display.get_textpage(flags | pymupdf.TEXT_PRESERVE_IMAGES)).extractBLOCKS() if has_pictures else []
        words = text.extractWORDS()
        if len(words) > MAX_WORDS:
            raise Refused(TOO_MUCH_CONTENT, f"{len(words)} words, expected {MAX_WORDS} or fewer")
        found = text_lines(_placed(blocks, placed))
        raw = [one.line for one in text_lines(text.extractRAWDICT()["blocks"], with_text=False)] if needs_characters(found) else None
    except _errors() as error:
        if isinstance(error, Refused):
            raise
        raise Refused(DAMAGED_PAGE, f"page {number + 1}: {type(error).__name__}: {error}"[:200]) from error
    layer = read_lines(found, raw, words, width, height)
    drawn = [block["bbox"] for block in blocks if block["type"] == 3 and _is_ruling(block)]
    rulings = [_upright_box(box, layer.turn, width, height) for box in drawn] if len(drawn) <= MAX_RULINGS else []
    pictures = [(_clipped(block[:4], width, height), block[5]) for block in placed if block[6] == 1]
    return _Page(display, layer, rulings, pictures, width, height)


def _placed(blocks: list[dict[str, Any]], placed: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Text blocks with their place in drawing order among the pictures."""
    places = [block[5] for block in placed if block[6] == 0]
    texts = [block for block in blocks if block["type"] == 0]
    if len(places) == len(texts):
        return [{**block, "place": place} for block, place in zip(texts, places, strict=True)]
    return texts


def _is_ruling(block: dict[str, Any]) -> bool:
    return bool(block["isrect"] or min(block["bbox"][2] - block["bbox"][0], block["bbox"][3] - block["bbox"][1]) < 3) and block["alpha"] > 0


def _upright_box(box: Sequence[float], turn: int, width: float, height: float) -> Box:
    frame = (width, height) if turn % 2 == 0 else (height, width)
    return shown_box(box, -turn % 4, *frame) if turn else (box[0], box[1], box[2], box[3])


def _clipped(box: Sequence[float], width: float, height: float) -> Box:
    return max(0.0, box[0]), max(0.0, box[1]), min(width, box[2]), min(height, box[3])


def _check_size(width: float, height: float) -> None:
    sides = sorted((width, height))
    if not (math.isfinite(width) and math.isfinite(height)) or sides[0] <= 0 or sides[1] > MAX_SIDE_PT or sides[1] > MAX_ASPECT * sides[0]:
        raise Refused(PAGE_SIZE, f"{width:g} x {height:g} pt, expected sides up to {MAX_SIDE_PT:g} pt and at most {MAX_ASPECT:g} to 1")


def _check_content(document: Any, page: Any) -> int:
    """Bytes of the page's drawing instructions, uncompressed, those of its forms included. Raises: Refused when there are too many."""
    forms = page.get_xobjects()
    if len(forms) > MAX_FORMS:
        raise Refused(TOO_MUCH_CONTENT, f"{len(forms)} forms, expected {MAX_FORMS} or fewer")
    total = 0
    for xref in [*page.get_contents(), *(form[0] for form in forms)]:
        total += _inflated(document, xref, MAX_CONTENT_BYTES - total)
        if total > MAX_CONTENT_BYTES:
            raise Refused(TOO_MUCH_CONTENT, f"more than {MAX_CONTENT_BYTES >> 20} MiB of drawing instructions")
    for picture in page.get_images(full=True):
        if picture[2] * picture[3] > MAX_PICTURE_PIXELS:
            raise Refused(TOO_MANY_PIXELS, f"a picture of {picture[2]}x{picture[3]} px, expected {MAX_PICTURE_PIXELS} pixels or fewer")
    return total


def _inflated(document: Any, xref: int, room: int) -> int:
    """The length of a stream uncompressed, counted up to a little above `room` and never held whole."""
    raw = document.xref_stream_raw(xref) or b""
    kind, filters = document.xref_get_key(xref, "Filter")
    if kind == "null" or "FlateDecode" not in filters:
        return len(raw)
    inflate, length = zlib.decompressobj(), 0
    data = raw
    with contextlib.suppress(zlib.error):  # a torn stream is read as far as it goes
        while data and length <= room:
            length += len(inflate.decompress(data, 1 << 20))
            data = inflate.unconsumed_tail
    return length


def scale_of(width: float, height: float, max_side_px: int, max_dpi: float) -> float:
    """Pixels a point: the longer side becomes `max_side_px`, unless that is finer than `max_dpi`."""
    return min(max_side_px / max(width, height), max_dpi / POINTS_PER_INCH)


class _Samples:
    """A pixmap as numpy takes it, without a copy; the array keeps this object, and so the pixmap, alive."""

    def __init__(self, pixmap: Any) -> None:
        self.pixmap = pixmap
        self.__array_interface__ = {
            "version": 3,
            "typestr": "|u1",
            "shape": (pixmap.height, pixmap.width, pixmap.n),
            "strides": (pixmap.stride, pixmap.n, 1),
            "data": (pixmap.samples_ptr, True),
        }


def _render(page: _Page, max_side_px: int, max_dpi: float, is_grey: bool = False) -> np.ndarray:
    """Shapes: (H, W, 3) uint8, or (H, W) where grey, as shown, rotation applied."""
    pymupdf = _pymupdf()
    scale = scale_of(page.width, page.height, max_side_px, max_dpi)
    width, height = (min(max_side_px, max(1, round(side * scale))) for side in (page.width, page.height))
    matrix = pymupdf.Matrix(width / page.width, height / page.height)
    space = pymupdf.csGRAY if is_grey else pymupdf.csRGB
    pixmap = page.display.get_pixmap(matrix=matrix, colorspace=space, alpha=0)
    pixels = np.asarray(_Samples(pixmap))[:height, :width]
    return pixels[:, :, 0] if is_grey else pixels


def read_page(request: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[memoryview]]:
    """Guarded. {page, max_side_px, max_objects, keep_furniture, max_unknown, ocr, ocr_layer} and the file -> what was read, and the pixels.

    Where the page has no text of its own and `ocr` is set, its text stays empty; without, it is refused.
    """
    file = open_pdf(blobs[0], request["max_objects"])
    number = request["page"]
    page = _parsed(file, number)
    try:
        pixels = _render(page, request["max_side_px"], MAX_DPI)
    except _errors() as error:
        raise Refused(DAMAGED_PAGE, f"page {number + 1}: {type(error).__name__}: {error}"[:200]) from error
    lines, is_ocr = _seen(page, pixels)
    quality = quality_of([line.text for line in lines])
    answer: dict[str, Any] = {
        "width_px": pixels.shape[1],
        "height_px": pixels.shape[0],
        "rotation_deg": 90 * page.layer.turn,
        "image_coverage": round(_coverage([box for box, _ in page.pictures], page.width, page.height), 4),
        "repaired": file.repaired,
        "num_characters": 0,
        "quality": round(quality, 4),
        "num_unknown": page.layer.counts.unknown,
    }
    why = _why_not(page, lines, is_ocr and request["ocr_layer"] != "keep", request["max_unknown"], quality, pixels)
    if why is None:
        answer |= _read(file, number, page, lines, request["keep_furniture"]) | {"layer": "ocr_layer" if is_ocr else "text"}
    elif request["ocr"] and why.reason in (NO_TEXT, OCR_LAYER, GARBLED_TEXT):
        answer |= {
            "layer": "none",
            "passages": [],
            "page_number": "",
            "num_columns": 0,
            "num_furniture_lines": 0,
            "text_coverage": 0.0,
        }
    else:
        raise why
    return answer, [np.ascontiguousarray(pixels).reshape(-1).data]


def _why_not(
    page: _Page, lines: list[Line], is_refused_layer: bool, max_unknown: float, quality: float, pixels: np.ndarray
) -> Refused | None:
    """Why the text layer is not to be read; None when it is."""
    counts = page.layer.counts
    if is_refused_layer:
        return Refused(OCR_LAYER, f"{counts.characters} characters lie invisible on or under a picture of the page")
    if not lines and not counts.unknown:
        paper = np.bincount(pixels[:, :, 1].ravel(), minlength=256)
        odd = 1 - paper.max() / paper.sum()
        if odd <= BLANK_SHARE:
            return Refused(BLANK_PAGE, f"{odd:.6f} of the pixels differ from the paper")
        return Refused(NO_TEXT, f"{len(page.pictures)} pictures, no text")
    if counts.unknown > max_unknown * counts.characters:
        return Refused(
            GARBLED_TEXT, f"{counts.unknown} of {counts.characters} characters stand for none, expected at most {max_unknown:.1%}"
        )
    vowelless = vowelless_share([line.text for line in lines])
    if vowelless > MAX_VOWELLESS:
        return Refused(GARBLED_TEXT, f"{vowelless:.2f} of the words have no vowel, expected {MAX_VOWELLESS:g} or less")
    if quality < MIN_QUALITY:
        detail = f"{quality:.2f} of the characters stand in words or numbers, expected {MIN_QUALITY} or more"
        return Refused(GARBLED_TEXT, detail, {"page.quality": round(quality, 4)})
    return None


def quality_of(texts: Sequence[str]) -> float:
    """The share of characters that stand in words of letters alone, in numbers, or are marks beside them, in any language.

    A text layer with a wrong table of characters mixes figures, signs and capitals inside words.
    """
    good = total = 0
    for token, num in Counter(" ".join(texts).split()).items():
        total += num * len(token)
        core = token.strip(MARKS)
        if core.isdecimal() or (core.isalpha() and (core[1:].islower() or core.isupper() or not core.isascii())) or is_plausible(core):
            good += num * len(token)
    return good / total if total else 0.0


def vowelless_share(texts: Sequence[str]) -> float:
    """The share of words in Latin letters, three or more and not in capitals, that have no vowel; 0 where there are too few to tell.

    No language has more than a few per cent, Czech included; letters exchanged for others by a wrong table have half.
    """
    words = [word for word in LATIN_WORD.findall("\n".join(texts)) if not word.isupper()]
    if len(words) < MIN_WORDS:
        return 0.0
    bare = [word for word in words if not VOWEL.search(word)]
    return sum(not VOWEL.search(unicodedata.normalize("NFD", word)) for word in bare) / len(words)


def is_plausible(core: str) -> bool:
    """Whether a token without the marks around it is a word, a number, or parts of both that hyphens, points or strokes join."""
    num_parts = 0
    for part in PARTS.findall(core):
        letters, figures = sum(map(str.isalpha, part)), sum(map(str.isnumeric, part))
        if letters and figures and len(part) > 4 and min(letters, figures) > 2:
            return False
        rest = part[1:]
        if letters > 3 and sum(map(str.isupper, rest)) > len(rest) / 3 and any(map(str.islower, rest)):
            return False
        num_parts += len(part)
    return num_parts * 2 > len(core)


def _seen(page: _Page, pixels: np.ndarray) -> tuple[list[Line], bool]:
    """The lines that a person sees on the page, or those that a recogniser laid over or under a scan; and whether they are such."""
    layer = page.layer
    scan = max((box for box in page.pictures), key=lambda found: _area(found[0]), default=None)
    is_scan = scan is not None and _area(scan[0]) > COVERED * page.width * page.height
    if is_scan and layer.counts.invisible > 0.5 * layer.counts.characters > 0:
        return list(layer.hidden), True
    if is_scan and scan is not None and layer.lines:
        under = sum(len(line.text) for line in layer.lines if line.block < scan[1])
        if under > COVERED * sum(len(line.text) for line in layer.lines):
            return list(layer.lines), True
    scale = pixels.shape[1] / page.width, pixels.shape[0] / page.height
    return [line for line in layer.lines if line.text and _has_contrast(line, layer, page, pixels, scale)], False


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _has_contrast(line: Line, layer: TextLayer, page: _Page, pixels: np.ndarray, scale: tuple[float, float]) -> bool:
    box = shown_box((line.x0, line.y0, line.x1, line.y1), layer.turn, page.width, page.height)
    x0, x1 = (int(box[0] * scale[0]), math.ceil(box[2] * scale[0]))
    y0, y1 = (int(box[1] * scale[1]), math.ceil(box[3] * scale[1]))
    if line.turned:
        return True
    found = pixels[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
    if found.size == 0:
        return False
    middle = found[found.shape[0] * 3 // 5, :, 1]  # where small letters are
    if int(middle.max()) - int(middle.min()) >= CONTRAST:
        return True
    green = found[:, :, 1]
    if int(green.max()) - int(green.min()) >= CONTRAST:
        return True
    flat = found.reshape(-1, 3)
    return bool((flat.max(axis=0).astype(int) - flat.min(axis=0)).max() >= CONTRAST)


def _near(file: _File, number: int) -> list[list[EdgeRow]]:
    """The edge rows of the pages around one; a page that cannot be read has none."""
    found = []
    for other in range(max(0, number - NEAR_PAGES), min(file.num_pages, number + NEAR_PAGES + 1)):
        if other != number:
            with contextlib.suppress(Refused):
                found.append(_parsed(file, other).edges)
    return found


def _read(file: _File, number: int, page: _Page, lines: list[Line], keep_furniture: bool) -> dict[str, Any]:
    """Passages in reading order, and what was measured on the way."""
    layer = TextLayer(tuple(lines), page.layer.counts, page.layer.width, page.layer.height, page.layer.turn)
    furniture = find_furniture(layer, _near(file, number), page.rulings)
    body = [line for line in lines if keep_furniture or line not in furniture.lines]
    text = "".join(line.text for line in body)
    rtl = len(RTL.findall(text))
    is_rtl = rtl > sum(map(str.isalpha, text)) / 2
    layout = lay_out(body, page.rulings, is_rtl)
    passages = passages_of(layout.blocks, is_rtl)
    shown = [shown_box(one.box, layer.turn, page.width, page.height) for one in passages]
    told = [
        {
            "kind": one.kind,
            "lines": list(one.lines),
            "rows": [list(row) for row in one.rows],
            "box": [round(x / page.width, 5) if i % 2 == 0 else round(x / page.height, 5) for i, x in enumerate(box)],
            "size": round(one.size, 2),
        }
        for one, box in zip(passages, shown, strict=True)
    ]
    return {
        "passages": told,
        "words": sorted(words_of(passages)),
        "page_number": furniture.page_number,
        "num_columns": layout.num_columns,
        "num_furniture_lines": len(furniture.lines),
        "num_characters": len(text.replace(" ", "")),
        "text_coverage": round(_coverage(shown, page.width, page.height), 4),
    }


def _coverage(boxes: Sequence[Box], width: float, height: float, cells: int = 64) -> float:
    """The share of the page that boxes cover together, on a grid of 64 x 64 cells."""
    grid = np.zeros((cells, cells), bool)
    for x0, y0, x1, y1 in boxes:
        rows = slice(max(0, round(y0 / height * cells)), max(0, round(y1 / height * cells)))
        grid[rows, max(0, round(x0 / width * cells)) : max(0, round(x1 / width * cells))] = True
    return float(grid.mean())


def scan_page(request: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[memoryview]]:
    """Guarded. {page, max_side_px, dpi, max_objects} and the file -> {width_px, height_px}, and the page in grey, as a recogniser likes it."""
    file = open_pdf(blobs[0], request["max_objects"])
    page = _parsed(file, request["page"])
    try:
        pixels = _render(page, request["max_side_px"], request["dpi"], is_grey=True)
    except _errors() as error:
        raise Refused(DAMAGED_PAGE, f"page {request['page'] + 1}: {type(error).__name__}: {error}"[:200]) from error
    return {"width_px": pixels.shape[1], "height_px": pixels.shape[0]}, [np.ascontiguousarray(pixels).reshape(-1).data]
