"""Real questions are speakable, in four languages; what is refused is refused for a true reason."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from processors.audio.transcript import transcript_agreement
from processors.speech.speakable import spoken_form
from schemas.outcome import Refused

pytestmark = pytest.mark.realdata


def verdicts(texts: list[str], language: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for text in texts:
        try:
            spoken = spoken_form(text, language)
        except Refused as refused:
            found[refused.reason.name] += 1
            continue
        found["ok"] += 1
        assert not any(word.isdigit() for word in spoken.split()), (text, spoken)
        agreement = transcript_agreement(text, spoken, language)
        assert agreement.error_rate <= 0.35, (text, agreement)
    return found


@pytest.mark.parametrize("language", ["en", "de", "es", "zh"])
def test_every_question_of_xquad_is_speakable(realdata: Path, language: str) -> None:
    data = json.loads((realdata / f"10_web_text/xquad/xquad.{language}.json").read_text())["data"]
    questions = [question["question"] for part in data for paragraph in part["paragraphs"] for question in paragraph["qas"]]
    assert len(questions) > 300
    assert verdicts(questions, language) == {"ok": len(questions)}


@pytest.mark.parametrize("name", ["train", "test"])
def test_problems_of_gsm8k_are_speakable_or_too_long(realdata: Path, name: str) -> None:
    lines = (realdata / f"01_math/gsm8k/{name}.jsonl").read_text().splitlines()
    found = verdicts([json.loads(line)["question"] for line in lines[:400]], "en")
    assert set(found) <= {"ok", "too_long_to_speak", "unspeakable_symbols"}
    assert found["unspeakable_symbols"] <= 1  # "1/2 * width * height"
    assert found["ok"] > 0.75 * sum(found.values())


def test_instructions_of_pandalm_are_speakable_but_few(realdata: Path) -> None:
    lines = (realdata / "11_instruct/pandalm/testset-v1.jsonl").read_text().splitlines()
    found = verdicts(sorted({json.loads(line)["instruction"] for line in lines}), "en")
    assert found["ok"] > 0.9 * sum(found.values())
    assert set(found) <= {"ok", "too_long_to_speak", "unspeakable_symbols", "empty"}
