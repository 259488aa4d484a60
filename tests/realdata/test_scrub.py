"""Personal data in sentences with known spans, and its absence in ordinary problems, meetings, passages and clips.

The spans are those of 686 synthetic sentences; names, organisations, titles and places are not asked for. A street address is
found when any part of it is, since its parts are spans of their own there; every other kind to the character.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from processors.text.scrub import find_personal_data

pytestmark = pytest.mark.realdata
KINDS = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "US_SSN": "ssn",
    "IP_ADDRESS": "ip",
    "STREET_ADDRESS": "address",
}
MIN_RECALL = {"email": 1.0, "phone": 0.98, "card": 0.98, "iban": 1.0, "ssn": 1.0, "ip": 1.0, "address": 0.65}
MIN_PRECISION = dict.fromkeys(MIN_RECALL, 0.98)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_recall_and_precision_by_kind(realdata: Path) -> None:
    true, found, claimed, right = Counter(), Counter(), Counter(), Counter()
    for row in lines(realdata / "10_web_text" / "pii" / "synth_dataset_v2.jsonl"):
        spans = find_personal_data(str(row["full_text"]), "en")
        truth = [
            (KINDS[one["entity_type"]], one["start_position"], one["end_position"])
            for one in row["spans"]  # type: ignore[attr-defined]
            if one["entity_type"] in KINDS
        ]
        for kind, start, stop in truth:
            near = [span for span in spans if span.kind == kind and span.start < stop and start < span.stop]
            true[kind] += 1
            found[kind] += bool(near) if kind == "address" else any(span.start == start and span.stop == stop for span in near)
        for span in spans:
            claimed[span.kind] += 1
            right[span.kind] += any(kind == span.kind and span.start < stop and start < span.stop for kind, start, stop in truth)
    recall = {kind: found[kind] / true[kind] for kind in MIN_RECALL}
    precision = {kind: right[kind] / claimed[kind] for kind in MIN_PRECISION}
    print("recall", {kind: round(value, 3) for kind, value in recall.items()}, "of", dict(true))
    print("precision", {kind: round(value, 3) for kind, value in precision.items()}, "of", dict(claimed))
    assert {kind: value for kind, value in recall.items() if value < MIN_RECALL[kind]} == {}
    assert {kind: value for kind, value in precision.items() if value < MIN_PRECISION[kind]} == {}
    assert set(claimed) <= set(MIN_RECALL)  # no kind is found that the sentences do not have


def claims(texts: list[str], language: str = "en") -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.stop]) for text in texts for span in find_personal_data(text, language)]


def test_maths_problems_have_none(realdata: Path) -> None:
    for name in ("train", "test"):
        rows = lines(realdata / "01_math" / "gsm8k" / f"{name}.jsonl")
        assert claims([f"{row['question']}\n{row['answer']}" for row in rows]) == []


def test_code_has_no_secret_card_or_address() -> None:
    """The standard library's modules: authors' mailboxes and addresses of networks are all that there is, and few numbers."""
    modules = [path.read_text("utf-8") for path in sorted(Path(json.__file__).parents[1].glob("*.py"))]
    assert len(modules) > 100
    assert {kind for kind, _ in claims(modules)} <= {"email", "ip"}


def test_meetings_have_none(realdata: Path) -> None:
    for name in ("Academic_val", "Committee_val"):
        rows = lines(realdata / "11_instruct" / "qmsum" / f"{name}.jsonl")
        assert claims([turn["content"] for row in rows for turn in row["meeting_transcripts"]]) == []  # type: ignore[attr-defined]


def test_transcripts_and_single_digits_have_none(realdata: Path) -> None:
    speech = realdata / "03_speech"
    with gzip.open(speech / "lhotse" / "ES2011a_sups.jsonl.gz", "rt") as file:
        meeting = [json.loads(line).get("text") or "" for line in file]
    digits = [
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"][int(path.name[0])]
        for path in (speech / "fsdd").glob("*.wav")
    ]
    read = [str(row["text"]) for row in lines(speech / "lhotse" / "transcripts.jsonl")]
    assert len(digits) >= 100
    assert claims([*meeting, *digits, *read]) == []


@pytest.mark.parametrize("language", ["en", "de", "es", "zh", "ru", "vi"])
def test_passages_have_none(realdata: Path, language: str) -> None:
    articles = json.loads((realdata / "10_web_text" / "xquad" / f"xquad.{language}.json").read_text())["data"]
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
    assert claims([paragraph["context"] for paragraph in paragraphs], language) == []


def test_receipts_have_telephone_numbers_and_nothing_else(realdata: Path) -> None:
    receipts = realdata / "06_charts_tables_docs" / "sroie"
    fields = [" ".join(json.loads(path.read_text()).values()) for path in sorted((receipts / "key").glob("*.json"))]
    assert len(fields) >= 10
    assert claims(fields) == []  # company, date, address, total
