"""PDF steps of a recipe: a file becomes its pages, a page its picture and its text, both a conversation.

Order in a recipe: PdfPages, ReadPage, RecognisePage (see recognise.py; only where an engine reads scans), PageTask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from processors.guard import TOO_COSTLY, Limits, guarded
from processors.page.pdf import FILE_REASONS, NO_TEXT, PAGE_REASONS, TEXT_REASONS, TOO_MANY_PAGES, inspect_pdf, read_page
from processors.page.task import TRANSCRIBE, PageText, questions_about, transcription, truth_of
from processors.page.writing import LAYOUTS, PARAGRAPHS
from processors.vision.asked import ASKED_FACTS, Asked, ask_about
from schemas.facts import Fact, Limit
from schemas.identity import child_key, keyed_rng
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Image
from schemas.records import Conversation, FactValue, Row, with_facts

PAGE = Fact("page.number", int, "Which page of its file it is, the first being 1")
NUM_PAGES = Fact("page.num_pages", int, "Pages of the file")
REPAIRED = Fact("page.repaired", bool, "The file was damaged, and read after MuPDF repaired it")
NUM_COLUMNS = Fact("page.num_columns", int, "Most columns of text side by side; 0 where an engine read the page")
NUM_CHARACTERS = Fact("page.num_characters", int, "Characters of the text, blanks not counted")
NUM_UNKNOWN = Fact("page.num_unknown", int, "Printed characters of which the text layer does not say what they are; left out of the text")
QUALITY = Fact("page.quality", float, "Share of characters that stand in plausible words and numbers, in any language (0 to 1)")
ROTATION = Fact("page.rotation_deg", int, "How far most of the text is turned clockwise on the page as shown: 0, 90, 180, 270")
IMAGE_COVERAGE = Fact("page.image_coverage", float, "Share of the page that pictures cover (0 to 1)")
TEXT_COVERAGE = Fact("page.text_coverage", float, "Share of the page that passages of text cover (0 to 1)")
NUM_FURNITURE = Fact("page.num_furniture_lines", int, "Lines of running heads, feet, page numbers and stamps that were found")
LAYER = Fact("page.layer", str, "text: the page's own; ocr_layer: made by some recogniser before; none: nothing usable")
READ_BY = Fact("page.read_by", str, "text_layer, the name of the engine that read the page, or none")
CONFIDENCE = Fact("page.confidence", float, "The engine's confidence in what it read (0 to 1); 1 for text that was not recognised")
PAGE_FACTS = (NUM_COLUMNS, NUM_CHARACTERS, NUM_UNKNOWN, QUALITY, ROTATION, IMAGE_COVERAGE, TEXT_COVERAGE, NUM_FURNITURE, LAYER, READ_BY)

NO_PDF = Reason("no_pdf", "The row has no PDF: neither a file named so nor one that begins like one")

NONE, TEXT_LAYER = "none", "text_layer"
REFUSE, KEEP = "refuse", "keep"
READ, PIXELS = "page_read", "page_rgb"  # the field and the blob between the steps
SIGNATURE, SIGNATURE_WITHIN = b"%PDF-", 1_024
MAX_PAGES = 10_000
MAX_OBJECTS = 500_000  # a book of 2,000 pages has some 100,000
MAX_SIDE_PX = 1_344  # of vision pre-training (arXiv 2503.01743)
OPEN_LIMITS = Limits(cpu_s=60.0, memory_bytes=2 << 30)
PAGE_LIMITS = Limits(cpu_s=60.0, memory_bytes=3 << 30)


def pdf_of(row: Row) -> bytes | None:
    """The row's PDF: blob `pdf`, or `file` where it begins like one."""
    if "pdf" in row.blobs:
        return row.blobs["pdf"]
    data = row.blobs.get("file")
    return data if data is not None and SIGNATURE in data[:SIGNATURE_WITHIN] else None


def page_number_of(row: Row) -> int:
    """The place of the row's page in its file, the first being 0."""
    number = row.facts[PAGE.name]
    assert isinstance(number, int)
    return number - 1


@dataclass(frozen=True, slots=True)
class PdfPages:
    """A row with a PDF becomes a row a page; the pages share the file's bytes."""

    max_pages: int = MAX_PAGES
    max_objects: int = MAX_OBJECTS
    limits: Limits = OPEN_LIMITS
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (PAGE, NUM_PAGES)
    reasons: ClassVar[tuple[Reason, ...]] = (NO_PDF, *FILE_REASONS, TOO_COSTLY)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        for name in ("max_pages", "max_objects"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(NUM_PAGES, TOO_MANY_PAGES.name, most=self.max_pages),)

    def __call__(self, row: Row) -> list[Row] | Reject:
        data = pdf_of(row)
        if data is None:
            return Reject(row.key, NO_PDF.name, f"expected pdf, or a file that begins with {SIGNATURE.decode()}, in the row")
        try:
            told, _ = guarded(inspect_pdf, {"max_pages": self.max_pages, "max_objects": self.max_objects}, [data], self.limits)
        except Refused as refused:
            return refused.reject(row.key)
        blobs, num_pages = {"pdf": data}, told["num_pages"]
        return [
            replace(row, key=child_key(row.key, page), blobs=blobs, facts={**row.facts, PAGE.name: page + 1, NUM_PAGES.name: num_pages})
            for page in range(num_pages)
        ]


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page becomes pixels, its longer side at most `max_side_px`, and the text of its text layer in reading order.

    A page without a text layer of its own is refused, or with `ocr` passes with no text, for an engine. `ocr_layer` says what is done
    with text that a recogniser laid invisibly over a scan: `refuse` it (with `ocr`, the page is read anew), or `keep` it.
    """

    max_side_px: int = MAX_SIDE_PX
    keep_furniture: bool = False
    max_unknown: float = 0.02  # share of characters: signs of formulae and symbols whose font names none
    ocr: bool = False
    ocr_layer: str = REFUSE
    limits: Limits = PAGE_LIMITS
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = (PAGE,)
    writes: ClassVar = (REPAIRED, *PAGE_FACTS)
    reasons: ClassVar[tuple[Reason, ...]] = (*FILE_REASONS, *PAGE_REASONS, *TEXT_REASONS, TOO_COSTLY)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not 28 <= self.max_side_px <= 20_000:
            raise ValueError(f"max_side_px is {self.max_side_px}, expected 28 to 20000")
        if not 0 <= self.max_unknown <= 1:
            raise ValueError(f"max_unknown is {self.max_unknown}, expected 0 to 1")
        if self.ocr_layer not in (REFUSE, KEEP):
            raise ValueError(f"ocr_layer is {self.ocr_layer!r}, expected {REFUSE} or {KEEP}")

    def __call__(self, row: Row) -> Row | Reject:
        request = {
            "page": page_number_of(row),
            "max_side_px": self.max_side_px,
            "max_objects": MAX_OBJECTS,
            "keep_furniture": self.keep_furniture,
            "max_unknown": self.max_unknown,
            "ocr": self.ocr,
            "ocr_layer": self.ocr_layer,
        }
        try:
            told, (rgb,) = guarded(read_page, request, [row.blobs["pdf"]], self.limits)
        except Refused as refused:
            return refused.reject(row.key)
        measured = {fact.name: told[fact.name.split(".")[1]] for fact in (REPAIRED, *PAGE_FACTS) if fact is not READ_BY}
        facts: dict[str, FactValue] = {**measured, READ_BY.name: NONE if told["layer"] == NONE else TEXT_LAYER}
        return with_facts(replace(row, fields={**row.fields, READ: told}, blobs={**row.blobs, PIXELS: rgb}), facts)


@dataclass(frozen=True, slots=True)
class PageTask:
    """User `<image>` + prompt, assistant the text of the page (learned); with `questions`, what is certain beside it in further turns.

    `layout` is `paragraphs` (lines of a paragraph joined, words whole) or `lines` (as printed).
    """

    seed: int = 0
    layout: str = PARAGRAPHS
    questions: bool = False
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = (PAGE, READ_BY)
    writes: ClassVar = ASKED_FACTS
    reasons: ClassVar = (NO_TEXT,)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout is {self.layout!r}, expected {' or '.join(LAYOUTS)}")

    def __call__(self, row: Row) -> Conversation | Reject:
        told = row.fields[READ]
        assert isinstance(told, Mapping)
        page = PageText.of(told)
        text = transcription(page, self.layout)
        if not text:
            return Reject(row.key, NO_TEXT.name, "nothing is left beside running heads, feet and page numbers")
        wording = TRANSCRIBE[int(keyed_rng(self.seed, "page_task", row.key).integers(len(TRANSCRIBE)))]
        asked = [Asked(wording, text, how=f"read:{row.facts[READ_BY.name]}")]
        truth: dict[str, object] = {}
        if self.questions:
            about = truth_of(page, self.layout)
            asked += questions_about(about, self.seed, row.key)
            truth = {"page": about} if len(asked) > 1 else {}
        pixels = np.frombuffer(row.blobs[PIXELS], np.uint8).reshape(told["height_px"], told["width_px"], 3)
        return ask_about(row, [Image(pixels=pixels)], asked, truth)
