"""Human summaries of real meetings and texts are kept; summaries of other meetings, and planted errors, are refused."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from processors.tasks.document_summary import DocumentTask, source_of
from processors.tasks.summary import request_and_summary
from processors.tasks.summary_quality import KeepDocumentSummary
from processors.tasks.summary_style import sentences_of
from processors.tasks.summary_support import names_in
from schemas.identity import keyed_rng
from schemas.outcome import Reject
from schemas.parts import Text
from schemas.records import Conversation, Origin, Row, Turn

pytestmark = pytest.mark.realdata

KINDS = ("Academic", "Committee")
MADE_UP = "The members also agreed to buy forty laptops from a supplier in Madrid."


def told(record: Conversation, summary: str) -> Conversation:
    return replace(record, turns=(record.turns[0], Turn("assistant", (Text(summary),), learned=True)))


def is_kept(record: Conversation) -> bool:
    return not isinstance(KeepDocumentSummary()(record), Reject)


@pytest.fixture(scope="module")
def meetings(realdata: Path) -> list[tuple[str, list[Conversation]]]:
    """The conversations of every meeting, with the meeting's kind."""
    found = []
    for kind in KINDS:
        for number, line in enumerate((realdata / f"11_instruct/qmsum/{kind}_val.jsonl").read_text().splitlines()):
            made = DocumentTask()(Row(f"{kind} {number}", Origin("qmsum"), json.loads(line)))
            assert isinstance(made, list)
            found.append((kind, made))
    return found


@pytest.mark.slow
def test_most_human_summaries_are_kept_and_planted_errors_refused(meetings: list[tuple[str, list[Conversation]]]) -> None:
    num, kept = Counter[str](), Counter[str]()
    everyone = [(number, kind, request_and_summary(record)[1]) for number, (kind, made) in enumerate(meetings) for record in made]
    names = sorted({name for _, _, summary in everyone for name in names_in(summary) if len(name) > 2})

    def judge(what: str, record: Conversation) -> bool:
        num[what] += 1
        kept[what] += is_kept(record)
        return is_kept(record) if what == "human" else False

    for number, (kind, made) in enumerate(meetings):
        for at, record in enumerate(made):
            rng, summary = keyed_rng(0, "plants", f"{number} {at}"), request_and_summary(record)[1]
            if not judge("human", record):
                continue
            for what, is_same in (("same kind", True), ("other kind", False)):
                others = [text for other, its, text in everyone if other != number and (its == kind) is is_same]
                other = others[int(rng.integers(len(others)))]
                judge(f"swapped, {what}", told(record, other))
                sentences = sentences_of(other)
                judge(f"sentence, {what}", told(record, f"{summary} {sentences[int(rng.integers(len(sentences)))]}"))
            judge("sentence, made up", told(record, f"{summary} {MADE_UP}"))
            for name in names_in(summary)[:1]:
                strange = [other for other in names if other.lower() not in source_of(record).lower()]
                judge("name", told(record, re.sub(rf"\b{re.escape(name)}\b", strange[int(rng.integers(len(strange)))], summary)))
            numbers = re.findall(r"(?<![\w.,-])\d{2,3}(?![\d.,])", summary)
            for written in numbers[:1]:
                judge("number", told(record, summary.replace(written, str(int(written) + int(rng.integers(101, 800))))))
    share = {what: kept[what] / num[what] for what in num}
    assert num["human"] == 127
    assert share["human"] > 0.85, share
    assert share["swapped, same kind"] < 0.15, share  # 6 % of all 797 pairs; this is a draw of one a summary
    assert share["swapped, other kind"] < 0.05, share
    assert share["name"] < 0.08, share
    assert share["number"] < 0.35, share
    assert share["sentence, made up"] < 0.02, share
    assert share["sentence, same kind"] < 0.5, share
    assert share["sentence, other kind"] < 0.35, share


def test_what_human_summaries_are_refused_for(meetings: list[tuple[str, list[Conversation]]]) -> None:
    reasons = Counter(done.reason for _, made in meetings for record in made if isinstance(done := KeepDocumentSummary()(record), Reject))
    assert set(reasons) == {"unsupported"}


def test_rows_of_dolly(realdata: Path) -> None:
    outcomes = []
    for line in (realdata / "11_instruct/litgpt/dolly.jsonl").read_text().splitlines():
        made = DocumentTask()(Row("k", Origin("dolly"), json.loads(line)))
        done = made if isinstance(made, Reject) else KeepDocumentSummary()(made[0])
        outcomes.append(done.reason if isinstance(done, Reject) else "kept")
    assert sorted(outcomes) == ["kept", "kept", "not_summary", "too_long_summary"]  # the last goes on where its context ends
