"""The speech corpora from the sample: prompts, targets and refusals against what the sample's grammar knows."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.__main__ import build_jobs
from pipelines.build import Execution
from pipelines.buildfile import Job, resolve_source
from pipelines.corpora import CORPORA
from pipelines.sample.tasks import FRAMES
from pipelines.verify import verify
from processors.contract import NUM_AUDIO_TOKENS
from processors.dialogue import TRANSCRIBE_PROMPT
from schemas.corpus import Corpus
from schemas.parts import Audio, Image, Text
from schemas.records import Conversation


@pytest.fixture(scope="module")
def out(replies: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose `.replies` are those of the whole run."""
    place = tmp_path_factory.mktemp("speech-corpora")
    (place / ".replies").symlink_to(replies)
    return place


def built(name: str, sample: Path, out: Path, **parameters: Any) -> tuple[dict[str, Any], list[Conversation]]:
    """The summary and the records of a corpus; each is verified."""
    job = Job(name, resolve_source(CORPORA[name].sample, sample, name), parameters)
    row = build_jobs([job], out, Execution(workers=0, rebuild=True), as_json=True)[0]
    assert verify(Path(row["path"])).problems == []
    assert row["faults"] == 0
    return row, list(Corpus(Path(row["path"])).records())  # type: ignore[arg-type]


def truth(sample: Path, source: str) -> Counter[str]:
    return Counter(json.loads(line)["expected"] for line in (sample / "tasks" / source / "truth.jsonl").read_text().splitlines())


def said(record: Conversation) -> tuple[list[type], str, str]:
    """The kinds of the user turn's parts, its text, and the answer."""
    user, assistant = record.turns[0], record.turns[-1]
    texts = ["".join(part.text for part in turn.parts if isinstance(part, Text)) for turn in (user, assistant)]
    return [type(part) for part in user.parts], texts[0], texts[1]


def test_speech_pretrain_cuts_the_lecture_between_sentences(sample: Path, out: Path) -> None:
    row, records = built("speech_pretrain", sample, out)
    lecture = json.loads((sample / "speech" / "lecture.jsonl").read_text())
    sentences = [segment["text"] for segment in lecture["segments"]]
    pieces = [record for record in records if record.facts["audio.end_s"] > 30 or record.facts["audio.start_s"] > 0]  # type: ignore[operator]
    first = [record for record in records if said(record)[2].startswith(sentences[0]) and len(said(record)[2]) > len(sentences[0])]
    texts = [said(record)[2] for record in sorted((*first, *pieces), key=lambda record: float(record.facts["audio.start_s"]))]
    assert " ".join(texts) == lecture["text"]
    assert len(texts) >= 2
    assert all(text.endswith((".", "?")) for text in texts)
    assert row["rejects"]["no_word_times"] == 1
    assert {said(record)[1] for record in records} == {TRANSCRIBE_PROMPT}
    speakers = {record.facts["speech.speaker"] for record in records}
    assert all(re.fullmatch("[0-9a-f]{16}|", str(speaker)) for speaker in speakers)
    assert len(speakers) == 4


def test_ast_has_both_forms_of_every_direction(sample: Path, out: Path) -> None:
    row, records = built("ast", sample, out)
    languages = Counter((record.facts["text.stated_language"], record.facts["translation.target_language"]) for record in records)
    assert {pair[1] for pair in languages if pair[0] == "en"} == set(FRAMES) - {"en"}
    assert all(pair[1] == "en" for pair in languages if pair[0] != "en")
    assert set(languages.values()) <= {2, 4}
    for record in records:
        kinds, prompt, answer = said(record)
        assert kinds == [Audio, Text]
        assert ("<sep>" in prompt) == ("<sep>" in answer)
    assert row["rejects"] == {"untranslated": 2, "unsupported_direction": 1}


def test_sqa_asks_what_the_sentence_says(sample: Path, out: Path) -> None:
    _, records = built("sqa", sample, out)
    assert len(records) == 94
    assert all(said(record)[0] == [Audio, Text] and said(record)[1].endswith("?") for record in records)
    assert {record.facts["task.written_by"] for record in records} == {"given"}


def test_sqa_by_templates_needs_no_pairs(sample: Path, out: Path) -> None:
    _, records = built("sqa", sample, out / "templates", writer="templates")
    assert len(records) >= 94
    assert {record.facts["task.written_by"] for record in records} == {"templates"}


def test_sqqa_has_no_prompt_and_the_answer_unchanged(sample: Path, out: Path) -> None:
    row, records = built("sqqa", sample, out)
    rows = [json.loads(line) for line in (sample / "tasks" / "queries" / "manifest.jsonl").read_text().splitlines()]
    answers = {row["question"]: row["answer"] for row in rows}
    for record in records:
        kinds, prompt, answer = said(record)
        assert (kinds, prompt) == ([Audio], "")
        assert answer == answers[str(record.facts["speech.written_text"])]
    assert len(records) >= 0.7 * truth(sample, "queries")["kept"]
    expected = truth(sample, "queries")
    assert {name: count for name, count in row["rejects"].items() if name in expected} == {
        name: count for name, count in expected.items() if name != "kept"
    }


def test_ssum_has_a_conversation_a_query(sample: Path, out: Path) -> None:
    row, records = built("ssum", sample, out)
    assert row["rejects"].get("unsupported", 0) >= truth(sample, "meetings")["unsupported"]
    assert len(records) + row["rejects"]["unsupported"] == 6
    assert len(records) >= 4
    for record in records:
        assert said(record)[0] == [Audio, Text]
        assert len(set(str(record.facts["speech.voices"]).split(","))) == 4


def test_audio_understanding_asks_about_sounds(sample: Path, out: Path) -> None:
    row, records = built("audio_understanding", sample, out)
    assert row["rejects"] == {"no_question": 1}
    assert len(records) == 16
    named, described = (
        [said(record)[2] for record in records if (said(record)[1] == "What is heard?") == wanted] for wanted in (True, False)
    )
    assert len(named) == len(described) == 8
    assert all(answer.startswith("A ") for answer in named)


def test_audio_safety_refuses_what_is_answered_wrongly(sample: Path, out: Path) -> None:
    row, records = built("audio_safety", sample, out)
    assert (row["rejects"]["unsafe_answer"], row["rejects"]["needless_refusal"]) == (1, 1)
    assert len(records) >= 5
    assert (
        {record.facts["safety.declines"] for record in records} == {record.facts["safety.harmful"] for record in records} == {True, False}
    )
    assert all(record.facts["safety.declines"] == record.facts["safety.harmful"] for record in records)


def test_vision_speech_has_picture_sound_and_answer(sample: Path, out: Path) -> None:
    row, records = built("vision_speech", sample, out)
    rows = [json.loads(line) for line in (sample / "charts" / "questions.jsonl").read_text().splitlines()]
    assert row["in"] == len(rows)
    assert row["rejects"]["option_list"] == 1
    assert len(records) >= 0.7 * (len(rows) - 1)
    pairs = Counter((line["question"], line["answer"]) for line in rows)
    for record in records:
        kinds, prompt, answer = said(record)
        assert (kinds, prompt) == ([Image, Audio], "")
        assert pairs[str(record.facts["speech.written_text"]), answer] > 0
        frames = int(record.facts["audio.num_frames"])
        assert record.facts[NUM_AUDIO_TOKENS.name] == -(-frames // 8)


def test_a_corpus_with_pictures_is_a_source_of_vision_speech(sample: Path, out: Path) -> None:
    pictures = {"path": "images/captions.json"}
    first = Job("image_text", resolve_source(pictures, sample, "images"), {"prompt": "What can be seen in this picture?"})
    made = build_jobs([first], out / "pictures", Execution(workers=0), as_json=True)[0]
    second = Job("vision_speech", resolve_source({"path": made["path"]}, out, "corpus"))
    row = build_jobs([second], out / "pictures", Execution(workers=0), as_json=True)[0]
    assert verify(Path(row["path"])).problems == []
    before = {record.key: record for record in Corpus(Path(made["path"])).records()}
    after = list(Corpus(Path(row["path"])).records())
    assert row["in"] == len(before) == len(after) + sum(row["rejects"].values())
    assert len(after) > 0
    for record in after:
        source = before[record.key]
        assert record.turns[1] == source.turns[1]  # type: ignore[union-attr]
        assert record.facts["contract.num_image_tokens"] == source.facts["contract.num_image_tokens"]
        assert int(record.facts["contract.num_audio_tokens"]) > 0
