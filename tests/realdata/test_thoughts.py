"""Thoughts of real models: what is refused is so, and nothing that is whole is refused."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.source import open_source
from processors.attempts.clean import CleanAttempt
from processors.attempts.document import CotDocument
from processors.attempts.keep import KeepThought
from processors.attempts.loops import find_loop
from processors.attempts.problem import ANSWER, VERDICT
from processors.attempts.read import ProblemTask
from processors.attempts.tell import TellAttempts
from processors.attempts.thought import MeasureThought
from processors.attempts.verify import VerifyAttempts
from processors.verify.verdict import RIGHT
from schemas.outcome import Reject
from schemas.parts import Text
from schemas.records import Conversation, Row

pytestmark = pytest.mark.realdata

NUM_PROBLEMS = 150


def attempts(path: Path, verified: bool = True) -> Iterator[Conversation]:
    source = open_source(str(path))
    rows = (row for split in source.splits() for row in source.read(split))
    for _, row in zip(range(NUM_PROBLEMS), rows, strict=False):
        assert isinstance(row, Row)
        task = ProblemTask()(row)
        assert isinstance(task, Row)
        told = TellAttempts()(VerifyAttempts()(task) if verified else task)
        yield from told if isinstance(told, list) else ()


def said(record: Conversation) -> str:
    (part,) = record.turns[-1].parts
    assert isinstance(part, Text)
    return part.text


def judged(record: Conversation) -> Conversation | Reject:
    found: Conversation | Reject = record
    for step in (CleanAttempt(), MeasureThought(), KeepThought()):
        if isinstance(found, Conversation):
            found = step(found)
    return found


def test_solutions_of_gsm8k_are_whole_but_for_those_that_break_off(realdata: Path) -> None:
    reasons: Counter[str] = Counter()
    for record in attempts(realdata / "01_math" / "gsm8k" / "example_model_solutions.jsonl"):
        if not said(record).strip():
            continue
        found = judged(record)
        last = said(record).rstrip().rsplit("\n", 1)[-1]
        if isinstance(found, Conversation):
            reasons["kept"] += 1
            assert said(found) == re.sub(r"<<[^<>\n]*>>", "", said(record))
            assert str(found.facts[ANSWER.name]) in said(found)
            continue
        reasons[found.reason] += 1
        assert not last.startswith("A:"), found
        if found.reason == "looping":
            assert re.search(r"(\d{1,3})\1{59}", said(record))
    assert set(reasons) <= {"kept", "looping", "truncated"}
    assert reasons["kept"] > 300
    assert reasons.total() - reasons["kept"] <= 0.01 * reasons.total()


def test_samples_of_math_are_cut_where_they_run_on_and_refused_where_they_break_off(realdata: Path) -> None:
    reasons: Counter[str] = Counter()
    for path in sorted((realdata / "01_math" / "math_samples").glob("*.jsonl")):
        for record in attempts(path):
            found = judged(record)
            if isinstance(found, Reject):
                reasons[found.reason] += 1
                continue
            reasons["cut" if "cut" in str(found.facts["thought.changes"]) else "kept"] += 1
            assert not re.search(r"\n\s*(?:New )?[Qq]uestion:\s", said(found))
            if "cut" in str(found.facts["thought.changes"]):
                assert said(record).startswith(said(found))
                assert said(found).rstrip(".$ \n").endswith("}")  # the box
    assert reasons["cut"] >= 1
    assert reasons["truncated"] >= 1
    assert set(reasons) <= {"kept", "cut", "truncated", "runs_on"}  # the last: judged by the answer to its own question


def test_right_solutions_are_hardly_ever_refused(realdata: Path) -> None:
    refused = []
    num_right = 0
    for name in ("gsm8k/example_model_solutions.jsonl", "math_samples/output-rs1.jsonl", "openmathinstruct2_100.jsonl"):
        for record in attempts(realdata / "01_math" / name):
            if record.facts[VERDICT.name] == RIGHT:
                num_right += 1
                found = judged(record)
                refused += [found] if isinstance(found, Reject) else []
    assert num_right > 150
    assert len(refused) <= 0.003 * num_right, refused


def test_programs_are_left_alone_and_follow_their_prompts(realdata: Path) -> None:
    num_programs = 0
    for path in sorted((realdata / "02_code" / "humaneval").glob("samples_*.jsonl")):
        for record in attempts(path, verified=False):
            if not said(record).strip():
                continue
            found = judged(record)
            assert isinstance(found, Conversation), found
            assert said(found) == said(record)
            document = CotDocument()(found)
            assert not isinstance(document, Reject)
            (prompt,) = record.turns[-2].parts
            assert isinstance(prompt, Text)
            assert document.text.count(prompt.text.strip()) == 1 or said(record).count(prompt.text.strip()) > 1
            num_programs += 1
    assert num_programs > 50


def test_loops_of_real_models_are_loops(realdata: Path) -> None:
    """Every loop that is found in answers to open requests is one by another measure: a line or a phrase five times over."""
    num_loops = num_texts = 0
    rows = map(json.loads, (realdata / "11_instruct" / "pandalm" / "testset-v1.jsonl").read_text().splitlines())
    for text in {row[name] for row in rows for name in ("response1", "response2")}:
        num_texts += 1
        loop = find_loop(text)
        if not loop.ratio:
            continue
        num_loops += 1
        plain = " ".join(re.findall(r"[a-z]+", re.sub(r"(?m)^\s*\d+[.)]", "", text.lower())))
        unit = " ".join(re.findall(r"[a-z]+", loop.unit))
        assert plain.count(unit) >= 4, loop
    assert 0 < num_loops < 0.1 * num_texts
