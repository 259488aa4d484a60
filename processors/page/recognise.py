"""Pages without a text layer are read by an engine; the others pass, unasked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.guard import TOO_COSTLY, Limits, guarded
from processors.page.ocr_engines import OcrEngine, Recognised, Scan
from processors.page.pdf import FILE_REASONS, NO_TEXT, PAGE_REASONS, quality_of, scan_page
from processors.page.steps import CONFIDENCE, MAX_OBJECTS, NONE, PAGE_LIMITS, READ, READ_BY, page_number_of
from schemas.facts import Limit
from schemas.outcome import Reason, Refused, Reject
from schemas.records import FactValue, Row, with_facts

UNSURE = Reason("unsure_recognition", "The engine is not sure enough of what it read on the page")
NOT_RECOGNISED = Reason("not_recognised", "The engine ended without an answer for the page")
DPI = 300  # what Tesseract's models were trained on
MAX_SCAN_SIDE_PX = 5_000  # A3 at 300 dots an inch


@dataclass(frozen=True, slots=True)
class RecognisePage:
    """Gives pages without text what the engine reads on them; its order of columns is the engine's own."""

    engine: OcrEngine
    min_confidence: float = 0.6  # clean scans measured 0.9 and more, handwriting 0.5 and less
    limits: Limits = PAGE_LIMITS
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = (READ_BY,)
    writes: ClassVar = (CONFIDENCE,)
    reasons: ClassVar[tuple[Reason, ...]] = (NO_TEXT, UNSURE, NOT_RECOGNISED, *FILE_REASONS, *PAGE_REASONS, TOO_COSTLY)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(CONFIDENCE, UNSURE.name, self.min_confidence),)

    def identity(self) -> str:
        return self.engine.identity()

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[Scan]], list[bytes]]]:
        with self.engine.open() as read:
            yield lambda scans: [recognised.encode() for recognised in read(scans)]

    def questions(self, row: Row) -> list[Scan] | Reject:
        if row.facts[READ_BY.name] != NONE:
            return []
        request = {"page": page_number_of(row), "max_side_px": MAX_SCAN_SIDE_PX, "dpi": DPI, "max_objects": MAX_OBJECTS}
        try:
            told, (grey,) = guarded(scan_page, request, [row.blobs["pdf"]], self.limits)
        except Refused as refused:
            return refused.reject(row.key)
        return [Scan(grey, told["width_px"], told["height_px"], DPI)]

    def answer(self, row: Row, replies: list[bytes]) -> Row | Reject:
        if not replies:
            return with_facts(row, {CONFIDENCE.name: 1.0})
        read = Recognised.decode(replies[0])
        if read.refusal:
            return Reject(row.key, NOT_RECOGNISED.name, read.refusal)
        if not any(map(str.strip, (line for paragraph in read.paragraphs for line in paragraph))):
            return Reject(row.key, NO_TEXT.name, f"{self.engine.name} read nothing on the page")
        if read.confidence < self.min_confidence:
            told = f"confidence {read.confidence:.2f}, expected {self.min_confidence:g} or more"
            return Reject(row.key, UNSURE.name, told, facts={CONFIDENCE.name: read.confidence})
        return _told(row, read, self.engine.name)


def _told(row: Row, read: Recognised, name: str) -> Row:
    lines = [line for paragraph in read.paragraphs for line in paragraph]
    passages = [{"kind": "text", "lines": list(paragraph), "rows": [], "box": [0, 0, 0, 0], "size": 0} for paragraph in read.paragraphs]
    before = row.fields[READ]
    assert isinstance(before, Mapping)
    told = {**before, "passages": passages, "read_by": name}
    measured: dict[str, FactValue] = {
        "page.num_characters": len("".join(lines).replace(" ", "")),
        "page.quality": round(quality_of(lines), 4),
        READ_BY.name: name,
    }
    facts: dict[str, FactValue] = {**row.facts, **measured, CONFIDENCE.name: round(read.confidence, 4)}
    return replace(row, fields={**row.fields, READ: told}, facts=facts)
