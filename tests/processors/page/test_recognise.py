"""Scanned pages read by Tesseract: the real program where it is there, and what becomes of its answers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from pipelines.build import Execution, build
from pipelines.corpora.ocr_pdf import ocr_pdf
from pipelines.source.folders import Folder
from pipelines.stage import Earlier
from pipelines.verify import verify
from processors.engine import EngineMissing
from processors.mupdf import import_pymupdf
from processors.page import tesseract
from processors.page.ocr_engines import Recognised, Scan
from processors.page.recognise import RecognisePage
from processors.page.steps import ReadPage
from processors.page.tesseract import Tesseract, read_table
from schemas.outcome import Reject
from schemas.records import Row
from tests.processors.page.making import pages_of, pdf

pymupdf = import_pymupdf()

TEXT = "The quick brown fox jumps over the lazy dog."
needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")


@dataclass(frozen=True, slots=True)
class Says:
    """An engine that says what it was made with."""

    said: Recognised
    name: ClassVar = "says"

    def identity(self) -> str:
        return f"says {self.said}"

    @contextmanager
    def open(self) -> Iterator[Callable[[list[Scan]], list[Recognised]]]:
        yield lambda scans: [self.said for _ in scans]


def scanned(turn: int = 0) -> bytes:
    """A page that is a picture of a page."""
    source = pymupdf.open(stream=pdf([(60, 100 + 24 * n, TEXT, 16) for n in range(8)], size=(480, 400)), filetype="pdf")
    pixmap = source[0].get_pixmap(dpi=150)
    document = pymupdf.open()
    page = document.new_page(width=480, height=400) if turn % 180 == 0 else document.new_page(width=400, height=480)
    page.insert_image(page.rect, pixmap=pixmap, rotate=turn)
    return bytes(document.tobytes())


def unread(data: bytes) -> Row:
    rows = pages_of(data)
    assert isinstance(rows, list)
    done = ReadPage(ocr=True)(rows[0])
    assert isinstance(done, Row), done
    return done


def recognised(row: Row, engine: object, **options: float) -> Row | Reject:
    step = RecognisePage(engine, **options)  # type: ignore[arg-type]
    questions = step.questions(row)
    assert isinstance(questions, list)
    with step.open() as read:
        return step.answer(row, read(questions))


@needs_tesseract
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_scans_are_read_whatever_way_they_lie(turn):
    done = recognised(unread(scanned(turn)), Tesseract())
    assert isinstance(done, Row)
    assert done.facts["page.read_by"] == "tesseract" and done.facts["page.confidence"] > 0.8
    lines = [line for one in done.fields["page_read"]["passages"] for line in one["lines"]]  # type: ignore[index]
    assert lines == [TEXT] * 8


def test_pages_with_text_are_not_asked():
    row = unread(pdf([(60, 200, TEXT, 12)]))
    step = RecognisePage(Says(Recognised((("other",),), 1.0)))
    assert step.questions(row) == []
    done = step.answer(row, [])
    assert isinstance(done, Row) and done.facts["page.read_by"] == "text_layer" and done.facts["page.confidence"] == 1.0


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Recognised((), 0.0), "no_text"),
        (Recognised(((" ",),), 0.9), "no_text"),
        (Recognised((("words",),), 0.59), "unsure_recognition"),
        (Recognised((), 0.0, "it ended with code 9"), "not_recognised"),
        (Recognised((("words",),), 0.6), ""),
    ],
)
def test_what_an_engine_says(said, reason):
    done = recognised(unread(scanned()), Says(said))
    assert (done.reason if isinstance(done, Reject) else "") == reason


def test_questions_are_known_by_their_pixels():
    step = RecognisePage(Says(Recognised((), 0.0)))
    first, again, other = (step.questions(unread(scanned(turn)))[0] for turn in (0, 0, 180))  # type: ignore[index]
    assert first.digest() == again.digest() != other.digest()
    assert (first.width_px, first.height_px, first.dpi) == (2000, 1667, 300)


def test_replies_survive_their_way_through_bytes():
    said = Recognised((("one", "zwei · drei"), ("four",)), 0.8125, "")
    assert Recognised.decode(said.encode()) == said


def test_a_table_of_words():
    head = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"
    words = [(1, 1, 1, 90, "two"), (1, 1, 1, 80, '"words'), (1, 1, 2, 100, "below"), (1, 2, 1, 50, "apart")]
    table = (
        head
        + "".join(f"5\t1\t{b}\t{p}\t{line}\t1\t0\t0\t9\t9\t{conf}\t{text}\n" for b, p, line, conf, text in words)
        + "4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t\n"
    )
    read = read_table(table)
    assert read.paragraphs == (('two "words', "below"), ("apart",))
    assert read.confidence == pytest.approx((3 * 0.9 + 6 * 0.8 + 5 * 1.0 + 5 * 0.5) / 19)


def test_missing_programs_and_models_are_named(monkeypatch):
    monkeypatch.setattr(tesseract, "_installed", lambda: ("5.3.0", frozenset({"eng", "osd"})))
    with pytest.raises(
        EngineMissing, match="no model for chi_sim, deu; install it: apt-get install -y tesseract-ocr-chi-sim tesseract-ocr-deu"
    ):
        Tesseract(("eng", "deu", "chi_sim")).identity()
    monkeypatch.undo()
    tesseract._installed.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineMissing, match="apt-get install -y tesseract-ocr"):
        Tesseract().identity()
    tesseract._installed.cache_clear()
    with pytest.raises(ValueError, match="expected names such as eng"):
        Tesseract(("../eng",))
    with pytest.raises(ValueError, match="expected names such as eng"):
        Tesseract(())


def folder_of(tmp_path: Path) -> Folder:
    folder = tmp_path / "pdfs"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(pdf([(60, 200, TEXT, 12)], [], [(60, 200, TEXT + " Again.", 12)]))
    (folder / "b.pdf").write_bytes(scanned())
    (folder / "c.pdf").write_bytes(b"%PDF-1.4 torn")
    return Folder(str(folder), suffixes=(".pdf",))


@needs_tesseract
def test_the_corpus_reads_scans_and_refuses_the_rest(tmp_path):
    source = folder_of(tmp_path)
    recipe = ocr_pdf(source, ocr="tesseract", questions=True)[0].make(Earlier())
    result = build(recipe, tmp_path / "out", Execution(workers=0))
    assert verify(result.path).problems == []
    assert result.totals["rejects"] == {"blank_page": 1, "damaged": 1} and result.totals["num_out"] == 3
    again = build(recipe, tmp_path / "again", Execution(workers=0))
    shards = [{file.name: file.read_bytes() for file in (path / "shards").iterdir()} for path in (result.path, again.path)]
    assert shards[0] == shards[1]


def test_without_an_engine_scans_are_refused(tmp_path):
    result = build(ocr_pdf(folder_of(tmp_path))[0].make(Earlier()), tmp_path / "out", Execution(workers=0))
    assert result.totals["rejects"] == {"blank_page": 1, "damaged": 1, "no_text": 1} and result.totals["num_out"] == 2
    with pytest.raises(ValueError, match="ocr is 'other', expected tesseract"):
        ocr_pdf(Folder("."), ocr="other")
