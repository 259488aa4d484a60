"""Real archives and pages: every record accounted for, and main text measured by strings that must and must not be in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.build import Execution, build_stages
from pipelines.corpora.language_pretrain import language_pretrain
from pipelines.source import WarcArchive, open_source
from pipelines.verify import verify
from processors.dialogue import TextTask
from processors.text.charset import decode_page
from processors.text.extract import ExtractMainText, extract_page
from schemas.outcome import Refused, Reject
from schemas.records import Document, Row
from tests.pipelines.source.reading import read_all

pytestmark = pytest.mark.realdata

RECORDS = {  # as warcio counts them; fastwarc reads no ARC, and warcio stops in a file that was compressed as a whole
    "example-bad-non-chunked.warc.gz": ["not_a_page", "not_a_page", "row", "not_a_page", "not_a_page", "not_a_page"],
    "example-digest.warc": ["not_a_page"] * 4,
    "example-space-in-url.arc": ["not_a_page", "row"],
    "example-wget-bad-target-uri.warc.gz": ["not_a_page", "not_a_page", "row", "not_a_page", "not_a_page", "not_a_page"],
    "example.arc": ["not_a_page", "row"],
    "example.warc": ["not_a_page", "not_a_page", "row", "not_a_page", "not_a_page", "not_a_page"],
    "example.warc.gz": ["not_a_page", "not_a_page", "row", "not_a_page", "not_a_page", "not_a_page"],
    "post-test.warc.gz": ["unsupported_type", "not_a_page"] * 3,
}


def text_of(html: str) -> str:
    try:
        return extract_page(html).text
    except Refused:
        return ""


def score(pages: list[tuple[str, list[str], list[str]]], extract: Callable[[str], str | None]) -> dict[str, float]:
    """Precision, recall, accuracy and F1 of the strings of (page, must, must not)."""
    hits, misses, false_hits, left_out = 0, 0, 0, 0
    for html, must, must_not in pages:
        text = extract(html) or ""
        hits += sum(string in text for string in must)
        misses += sum(string not in text for string in must)
        false_hits += sum(string in text for string in must_not)
        left_out += sum(string not in text for string in must_not)
    precision, recall = hits / (hits + false_hits), hits / (hits + misses)
    accuracy = (hits + left_out) / (hits + misses + false_hits + left_out)
    return {"precision": precision, "recall": recall, "accuracy": accuracy, "f1": 2 * precision * recall / (precision + recall)}


def test_every_record_of_the_archives_is_accounted_for(realdata: Path) -> None:
    folder = realdata / "10_web_text" / "warcio"
    present = {name: reasons for name, reasons in RECORDS.items() if (folder / name).exists()}
    assert present
    for name, reasons in present.items():
        items = read_all(WarcArchive(str(folder), name))
        assert [item.reason if isinstance(item, Reject) else "row" for item in items] == reasons, name
        for item in items:
            if isinstance(item, Row):
                assert item.fields["status"] == 200
                assert len(item.blobs["text"]) == 1_270


def test_strings_of_the_pages(realdata: Path) -> None:
    """Beside the extractor alone, on the same pages, with the strings as their makers wrote them."""
    import trafilatura

    folder = realdata / "10_web_text" / "trafilatura"
    truth = json.loads((folder / "evaldata.json").read_text())
    pages = [(decode_page((folder / entry["file"]).read_bytes()).text, entry["with"], entry["without"]) for entry in truth.values()]
    ours = score(pages, text_of)
    alone = score(pages, lambda html: trafilatura.extract(html))
    assert ours["precision"] >= 0.89
    assert ours["recall"] >= 0.96
    assert ours["accuracy"] >= 0.92
    assert ours["f1"] >= max(0.93, alone["f1"])


def test_a_long_article_keeps_its_structure(realdata: Path) -> None:
    page = extract_page((realdata / "10_web_text" / "docling_html" / "wiki_duck.html").read_text())
    assert page.title.startswith("Duck")
    for line in ("## Etymology", "## Taxonomy", "### Feeding"):
        assert line in page.text.split("\n")
    assert "Jump to" not in page.text
    assert "Privacy policy" not in page.text


def test_archives_pass_the_recipe(realdata: Path, tmp_path: Path) -> None:
    """One page in six archives: its copies go, and each record of each file is a row or a reject."""
    results = build_stages(language_pretrain(open_source(str(realdata / "10_web_text" / "warcio"))), tmp_path / "out", Execution(workers=0))
    measured, kept = (verify(result.path) for result in results)
    assert not measured.problems + kept.problems
    assert measured.num_rows + measured.num_rejects == sum(map(len, RECORDS.values()))
    assert kept.num_rows <= 1


def test_text_task_and_extraction_of_the_pages(realdata: Path) -> None:
    found = Counter()
    for item in read_all(open_source(str(realdata / "10_web_text" / "trafilatura"), "folder", suffixes=[".html"])):
        assert isinstance(item, Row)
        document = TextTask()(item)
        assert isinstance(document, Document)
        assert document.facts["text.num_undecodable"] == 0
        page = ExtractMainText()(document)
        found[page.reason if isinstance(page, Reject) else "kept"] += 1
        if isinstance(page, Document):
            assert page.facts["text.is_html"] is True
            assert "<div" not in page.text
    assert found["kept"] >= 0.95 * sum(found.values())
