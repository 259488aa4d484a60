"""Pages a second per core: our step from file to conversation (PdfPages, ReadPage, PageTask) against bare PyMuPDF loops.

Run: `python -m tests.benchmarks.bench_pdf`. Prints, nothing is asserted. The loops open the file, draw each page at the same size and
ask for its text, as `dict` or as what the step reads (`dict` with drawn lines, and `words`); ours does that in a guarded child, finds
the reading order, and brings the pixels back. Rounds are interleaved file by file. A file's figure is that of its fastest round, in
time and in processor time (of both processes); a busy machine falsifies the first more than the second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processors import guard
from processors.mupdf import import_pymupdf
from processors.page.steps import PageTask, PdfPages, ReadPage
from schemas.records import Origin, Row

pymupdf = import_pymupdf()

ROUNDS = 7
MAX_PAGES = 12  # of one file
ROOT = Path(__file__).parents[2]
MAX_SIDE_PX = 1_344
TEXT = pymupdf.TEXTFLAGS_DICT & ~pymupdf.TEXT_PRESERVE_IMAGES


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


def drawn(data: bytes, read: Callable[[Any], object]) -> None:
    with pymupdf.open(stream=data, filetype="pdf") as document:
        for page in document:
            scale = MAX_SIDE_PX / max(page.rect.width, page.rect.height)
            page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), alpha=False)
            read(page)


def bare(data: bytes) -> None:
    drawn(data, lambda page: page.get_text("dict", flags=TEXT))


def bare_with_words(data: bytes) -> None:
    def read(page: Any) -> None:
        page.get_text("dict", flags=TEXT | pymupdf.TEXT_COLLECT_VECTORS)
        page.get_text("words", flags=TEXT)

    drawn(data, read)


def ours(data: bytes) -> None:
    rows = PdfPages()(Row("key", Origin("bench"), {}, {"pdf": data}))
    assert isinstance(rows, list)
    for done in map(ReadPage(max_unknown=1.0), rows):
        if isinstance(done, Row):
            PageTask()(done)


def processor_s() -> float:
    """Processor time of this process and of the guarded children, in seconds."""
    told = [Path(f"/proc/{child.process.pid}/schedstat").read_text() for child in guard._children.values()]
    return time.process_time() + sum(int(one.split()[0]) for one in told) / 1e9


def measured(work: Callable[[bytes], None], data: bytes) -> tuple[float, float]:
    """(seconds, processor seconds). The file is a new object each time: one that was just read would be found open."""
    data = bytes(bytearray(data))
    start, used = time.perf_counter(), processor_s()
    work(data)
    return time.perf_counter() - start, processor_s() - used


def main() -> None:
    name, found = files()
    num_pages = 0
    for data in found:
        with pymupdf.open(stream=data, filetype="pdf") as document:
            num_pages += len(document)
    contenders = {
        "PyMuPDF: open, draw, dict": bare,
        "PyMuPDF: open, draw, dict, words": bare_with_words,
        "ours: PdfPages, ReadPage, PageTask": ours,
    }
    totals = {label: [0.0, 0.0] for label in contenders}
    for data in found:
        rounds = [{label: measured(work, data) for label, work in contenders.items()} for _ in range(ROUNDS + 1)]
        for label, total in totals.items():
            for kind in range(2):
                total[kind] += min(one[label][kind] for one in rounds[1:])  # the first warms caches up
    print(f"{len(found)} {name}, {num_pages} pages, longer side {MAX_SIDE_PX} px, the fastest of {ROUNDS} rounds of each file")
    base = totals["PyMuPDF: open, draw, dict"]
    for label, (wall, cpu) in totals.items():
        print(
            f"  {label:36} {num_pages / wall:7.1f} pages/s {base[0] / wall:5.2f} of the first"
            f"   {num_pages / cpu:7.1f} pages/s of processor time {base[1] / cpu:5.2f} of the first"
        )


if __name__ == "__main__":
    main()
