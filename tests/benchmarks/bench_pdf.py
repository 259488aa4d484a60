"""Pages a second, one process at work at a time: our step from file to picture and text, against the bare PyMuPDF loop.

Run: `python -m tests.benchmarks.bench_pdf`. Prints, nothing is asserted. The loop opens the file, draws each page at the same size and
asks for its text (`dict`); ours does that in a guarded child, finds the reading order, and brings the pixels back. Rounds are interleaved.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

from processors.mupdf import import_pymupdf
from processors.page.steps import PdfPages, ReadPage
from schemas.outcome import Reject
from schemas.records import Origin, Row

pymupdf = import_pymupdf()

ROUNDS = 5
MAX_PAGES = 12  # of one file
ROOT = Path(__file__).parents[2]
MAX_SIDE_PX = 1_344


def files() -> tuple[str, list[bytes]]:
    """What is measured, and PDFs with text: real ones where the folder is present, else made ones."""
    folder = Path(os.environ.get("CORPUSMILL_REALDATA", ROOT / "../shared/data")) / "07_pdf"
    found = [path.read_bytes() for path in sorted(folder.rglob("*.pdf"))]
    if found:
        return "real PDFs", [_first_pages(data) for data in found if _has_text(data)]
    return "made PDFs", [made_pdf(6) for _ in range(3)]


def _first_pages(data: bytes) -> bytes:
    """The file with its first pages alone, so that none weighs more than the others together."""
    with pymupdf.open(stream=data, filetype="pdf") as document:
        if len(document) <= MAX_PAGES:
            return data
        document.select(range(MAX_PAGES))
        return bytes(document.tobytes(garbage=3, deflate=True))


def _has_text(data: bytes) -> bool:
    with pymupdf.open(stream=data, filetype="pdf") as document:
        return not document.needs_pass and len(document) > 0 and len(document[0].get_text()) > 200


def made_pdf(num_pages: int) -> bytes:
    """Pages of two columns of running text."""
    document = pymupdf.open()
    words = "The mill grinds slowly, and it grinds everything that is brought to it by the people of the valley. " * 18
    for number in range(num_pages):
        page = document.new_page()
        for x in (60, 310):
            page.insert_textbox((x, 90, x + 230, 760), words, fontsize=10)
        page.insert_text((300, 810), str(number + 1), fontsize=9)
    return document.tobytes()


def bare(data: bytes) -> int:
    with pymupdf.open(stream=data, filetype="pdf") as document:
        for number in range(len(document)):
            page = document[number]
            scale = MAX_SIDE_PX / max(page.rect.width, page.rect.height)
            page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), alpha=False)
            page.get_text("dict", flags=pymupdf.TEXTFLAGS_DICT & ~pymupdf.TEXT_PRESERVE_IMAGES)
        return len(document)


def ours(data: bytes) -> int:
    rows = PdfPages()(Row("key", Origin("bench"), {}, {"pdf": bytes(data)}))
    assert not isinstance(rows, Reject)
    read = ReadPage(max_unknown=1.0)
    for row in rows:
        read(row)
    return len(rows)


def main() -> None:
    name, found = files()
    contenders = {"PyMuPDF alone: open, draw, text": bare, "ours: PdfPages, ReadPage": ours}
    seconds: dict[str, list[float]] = {label: [] for label in contenders}
    pages = 0
    for turn in range(ROUNDS + 1):  # the first warms caches up
        for label, work in contenders.items():
            start = time.perf_counter()
            pages = sum(work(data) for data in found)
            if turn:
                seconds[label].append(time.perf_counter() - start)
    print(f"{len(found)} {name}, {pages} pages, longer side {MAX_SIDE_PX} px, median of {ROUNDS} rounds")
    base = statistics.median(seconds["PyMuPDF alone: open, draw, text"])
    for label, values in seconds.items():
        median = statistics.median(values)
        print(f"  {label:32} {pages / median:8.1f} pages/s   {base / median:6.2f} of the bare loop")


if __name__ == "__main__":
    main()
