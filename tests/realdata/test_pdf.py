"""Real PDFs: what olmOCR's assertions ask of born-digital pages, docling's expected texts, page counts, and scans."""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from pipelines.build import Execution, build
from pipelines.corpora.ocr_pdf import ocr_pdf
from pipelines.source.folders import Folder
from pipelines.stage import Earlier
from pipelines.verify import verify
from processors.page.recognise import RecognisePage
from processors.page.steps import PdfPages, ReadPage
from processors.page.task import PageText, transcription
from processors.page.tesseract import Tesseract
from schemas.outcome import Reject
from schemas.records import Origin, Row

pytestmark = pytest.mark.realdata
needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
SIGNS = str.maketrans({"‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', **dict.fromkeys("–—‑‒−", "-")})


def rows_of(path: Path) -> list[Row] | Reject:
    return PdfPages()(Row(path.name, Origin("test"), {}, {"pdf": path.read_bytes()}))


def text_of(path: Path, **options: object) -> str:
    """The text of all pages of a file that are read."""
    rows = rows_of(path)
    assert isinstance(rows, list), rows
    read = [done for done in map(ReadPage(**options), rows) if isinstance(done, Row)]  # type: ignore[arg-type]
    return "\n\n".join(transcription(PageText.of(done.fields["page_read"])) for done in read)  # type: ignore[arg-type]


def normal(text: str) -> str:
    """As olmOCR's own tests compare: white space, quotes, dashes and case do not count."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text).translate(SIGNS)).strip().lower()


def find(query: str, text: str) -> tuple[int, int]:
    """(fewest edits that turn the query into a part of the text, where that part ends)."""
    costs = list(range(len(query) + 1))
    best = (len(query), 0)
    for place, character in enumerate(text, 1):
        diagonal, costs[0] = costs[0], 0
        for i in range(1, len(query) + 1):
            cost = min(diagonal + (query[i - 1] != character), costs[i] + 1, costs[i - 1] + 1)
            diagonal, costs[i] = costs[i], cost
        best = min(best, (costs[-1], place))
    return best


def passes(test: dict, text: str) -> bool:
    most = test.get("max_diffs", 0)
    if test["type"] == "order":
        (before, there), (after, then) = find(normal(test["before"]), text), find(normal(test["after"]), text)
        return before <= most and after <= most and there < then
    part = text[-test["last_n"] :] if "last_n" in test else text
    return (find(normal(test["text"]), part)[0] <= most) == (test["type"] == "present")


def beside(cells: list[list[str]], test: dict) -> bool:
    """Whether a table has the cell, and beside it what the test names (a heading: anywhere up, or to the left)."""
    grid = [[normal(cell) for cell in row] for row in cells]
    for i, row in enumerate(grid):
        for j, cell in enumerate(row):
            if cell != normal(test["cell"]):
                continue
            column = [other[j] if j < len(other) else "" for other in grid]
            there = {
                "left": row[j - 1 : j] if j else [],
                "right": row[j + 1 : j + 2],
                "up": column[max(0, i - 1) : i],
                "down": column[i + 1 : i + 2],
                "top_heading": column[:i],
                "left_heading": row[:j],
            }
            if all(normal(test[name]) in found for name, found in there.items() if name in test):
                return True
    return False


def test_olmocr_assertions(realdata):
    folder = realdata / "07_pdf/olmocr_bench"
    tests = [json.loads(line) for line in (folder / "tests.jsonl").read_text().splitlines()]
    texts = {name: text_of(folder / name) for name in {test["pdf"] for test in tests}}
    found: Counter[tuple[str, bool]] = Counter()
    for test in tests:
        text = texts[test["pdf"]]
        if test["type"] == "table":
            tables = [re.findall(r"^\|.*\|$", block, re.M) for block in text.split("\n\n") if block.startswith("|")]
            cells = [[[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows if "---" not in row] for rows in tables]
            found[test["type"], any(beside(table, test) for table in cells)] += 1
        elif test["type"] != "math":  # formulae are not written as LaTeX
            found[test["type"], passes(test, normal(text))] += 1
    assert {kind: found[kind, True] for kind in ("present", "absent", "order")} == {"present": 10, "absent": 7, "order": 9}
    assert found["table", True] >= 13  # of 16 or 17; the rest ask for what spans two rows of a head


def squashed(text: str) -> str:
    return re.sub(r"[\s|*#\-_•·◦]+", "", normal(text))


FLOORS = {"multi_page": 1.0, "right_to_left_01": 0.9, "normal_4pages": 0.65, "2305.03393v1-pg9": 0.45}


@pytest.mark.parametrize("name", FLOORS)
def test_docling_sentences(realdata, name):
    """Sentences and cells that another tool found. It joins rows of a table that we part, and numbers Korean notes otherwise."""
    folder = realdata / "07_pdf/docling"
    told = squashed(text_of(folder / f"{name}.pdf"))
    wanted = []
    for line in (folder / f"{name}.md").read_text().replace("&amp;", "&").replace("\\_", "_").splitlines():
        line = re.sub(r"<!--.*?-->", "", line).strip()
        parts = line.strip("|").split("|") if line.startswith("|") else re.split(r"(?<=[.!?؟])\s+", line.lstrip("#-*0123456789. "))
        wanted += [squashed(part) for part in parts if len(squashed(part)) >= 3]
    assert len(wanted) >= 10
    assert sum(part in told for part in wanted) >= FLOORS[name] * len(wanted)


def test_page_counts_and_passwords(realdata):
    folder = realdata / "07_pdf/sample-files"
    facts = json.loads((folder / "files.json").read_text())["data"]
    checked = 0
    for fact in facts:
        path = folder / fact["path"].replace("/", "__")
        if not path.exists():
            continue
        checked += 1
        rows = rows_of(path)
        if isinstance(rows, Reject):
            assert (rows.reason, fact["encrypted"]) == ("encrypted", True), path.name
        else:
            assert len(rows) == fact["pages"] and not fact["encrypted"], path.name
    assert checked >= 15


def test_right_to_left_words(realdata):
    text = text_of(realdata / "07_pdf/docling/right_to_left_01.pdf")
    for words in ("تحسين الإنتاجية وحل المشكلات", "اتخاذ قرارات أكثر دقة", "الأنماط والتوجهات منها"):
        assert words in text
    for name in ("habibi", "habibi-oneline-cmap", "habibi-rotated"):
        assert text_of(realdata / f"07_pdf/sample-files/015-arabic__{name}.pdf").startswith("habibi حَبيبي"), name


def test_a_turned_page_reads_like_the_upright_one(realdata):
    folder = realdata / "07_pdf/olmocr_gnarly"
    assert text_of(folder / "edgar-rotated90.pdf") == text_of(folder / "edgar.pdf") != ""


@needs_tesseract
@pytest.mark.slow
def test_turned_scans(realdata):
    folder = realdata / "07_pdf/docling_ocr"
    wanted = normal((folder / "ocr_test.md").read_text())
    for path in sorted(folder.glob("*.pdf")):
        rows = rows_of(path)
        assert isinstance(rows, list)
        row = ReadPage(ocr=True)(rows[0])
        assert isinstance(row, Row)
        step = RecognisePage(Tesseract())
        with step.open() as read:
            done = step.answer(row, read(step.questions(row)))  # type: ignore[arg-type]
        assert isinstance(done, Row), path.name
        assert normal(transcription(PageText.of(done.fields["page_read"]))) == wanted, path.name  # type: ignore[arg-type]


@pytest.mark.slow
def test_every_file_is_in_a_shard_or_refused(realdata, tmp_path):
    files = sorted((realdata / "07_pdf").rglob("*.pdf"))
    source = Folder(str(realdata / "07_pdf"), suffixes=(".pdf",))
    result = build(ocr_pdf(source, questions=True)[0].make(Earlier()), tmp_path, Execution(workers=0))
    assert verify(result.path).problems == []
    totals = result.totals
    assert totals["num_in"] == len(files) and totals["num_faults"] == 0
    assert totals["rejects"].keys() <= {"encrypted", "no_pages", "no_text", "ocr_layer", "garbled_text", "blank_page"}
    num_pages = sum(len(rows) for rows in map(rows_of, files) if isinstance(rows, list))
    refused_files = totals["rejects"]["encrypted"] + totals["rejects"]["no_pages"]
    assert totals["num_out"] + totals["num_rejects"] - refused_files == num_pages
    assert totals["num_out"] >= 0.75 * num_pages
