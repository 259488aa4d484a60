"""A transcript's language is measured, compared with what is stated, and never invented for short texts."""

from __future__ import annotations

import pickle

import pytest

from processors.dialogue import LANGUAGE
from processors.language_id import detect_language, iso_639_1
from processors.spoken_language import (
    CONFIDENCE,
    MEASURED,
    SPEECH_LANGUAGES,
    KeepTranscriptLanguage,
    MeasureTranscriptLanguage,
    transcript_of,
)
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, FactValue, Origin, Turn

SENTENCES = {
    "en": "The weather was cold this morning, but the children wanted to play outside.",
    "zh": "今天早上天气很冷，但是孩子们想在外面玩。",
    "fr": "Il faisait froid ce matin, mais les enfants voulaient jouer dehors.",
    "de": "Heute Morgen war es kalt, aber die Kinder wollten draußen spielen.",
    "it": "Questa mattina faceva freddo, ma i bambini volevano giocare fuori.",
    "ja": "今朝は寒かったのですが、子どもたちは外で遊びたがりました。",
    "pt": "Hoje de manhã estava frio, mas as crianças queriam brincar lá fora.",
    "es": "Esta mañana hacía frío, pero los niños querían jugar afuera.",
}


def record(text: str, stated: str) -> Conversation:
    turns = (Turn("user", (Audio(), Text("Transcribe the audio clip into text."))), Turn("assistant", (Text(text),), True))
    return Conversation("k", Origin("s"), turns, {LANGUAGE.name: stated})


def gate(text: str, stated: str, **changes: object) -> Conversation | Reject:
    return KeepTranscriptLanguage(**changes)(MeasureTranscriptLanguage()(record(text, stated)))  # type: ignore[arg-type]


@pytest.mark.parametrize("stated", SPEECH_LANGUAGES)
@pytest.mark.parametrize("spoken", SPEECH_LANGUAGES)
def test_a_right_statement_is_kept_and_a_wrong_one_refused(stated: str, spoken: str) -> None:
    result = gate(SENTENCES[spoken], stated)
    assert isinstance(result, Conversation) is (stated == spoken)
    if isinstance(result, Reject):
        assert result.reason == "wrong_language"
        assert result.detail.startswith(f"stated as {stated}, measured as {spoken} with ")


@pytest.mark.parametrize("language", SPEECH_LANGUAGES)
def test_without_a_statement_the_measured_language_is_stated(language: str) -> None:
    done = gate(SENTENCES[language], "")
    assert isinstance(done, Conversation)
    assert done.facts[LANGUAGE.name] == done.facts[MEASURED.name] == language
    assert 0.9 <= float(done.facts[CONFIDENCE.name]) <= 1.0


def test_case_does_not_matter() -> None:
    done = MeasureTranscriptLanguage()(record(SENTENCES["fr"].upper(), "fr"))
    assert done.facts[MEASURED.name] == "fr"
    assert done.facts[CONFIDENCE.name] == MeasureTranscriptLanguage()(record(SENTENCES["fr"], "fr")).facts[CONFIDENCE.name]


def facts(stated: str, measured: str, confidence: float) -> dict[str, FactValue]:
    return {LANGUAGE.name: stated, MEASURED.name: measured, CONFIDENCE.name: confidence}


@pytest.mark.parametrize(
    ("text", "stated", "measured", "confidence", "is_kept"),
    [
        ("x" * 20, "en", "de", 0.9, False),
        ("x" * 20, "en", "de", 0.899, True),
        ("x" * 19, "en", "de", 1.0, True),
        ("x" * 20, "en", "en", 0.1, True),
        ("字" * 6, "en", "zh", 1.0, False),
        ("字" * 5, "en", "zh", 1.0, True),
        ("字" * 6, "zh", "ja", 0.95, False),
        ("", "en", "de", 1.0, True),
    ],
)
def test_the_gate_at_its_bounds(text: str, stated: str, measured: str, confidence: float, is_kept: bool) -> None:
    before = record(text, stated)
    before = Conversation(before.key, before.origin, before.turns, facts(stated, measured, confidence))
    assert isinstance(KeepTranscriptLanguage()(before), Conversation) is is_kept


@pytest.mark.parametrize("stated", ["fi", "xx", "e", "klingon"])
def test_an_unknown_language_is_refused(stated: str) -> None:
    refused = gate(SENTENCES["en"], stated)
    assert isinstance(refused, Reject)
    assert refused.detail == f"stated as '{stated}', expected one of en, zh, fr, de, it, ja, pt, es"


def test_only_the_languages_asked_for_are_kept() -> None:
    assert isinstance(gate(SENTENCES["de"], "de", languages=("en", "de")), Conversation)
    assert isinstance(gate(SENTENCES["de"], "de", languages=("en",)), Reject)
    assert isinstance(gate(SENTENCES["de"], "", languages=("en",)), Reject)


@pytest.mark.parametrize("text", ["", "  ", "OK.", "1234", "Paris", "!?"])
@pytest.mark.parametrize("stated", SPEECH_LANGUAGES)
def test_short_and_empty_texts_contradict_nothing(text: str, stated: str) -> None:
    assert isinstance(gate(text, stated), Conversation)


@pytest.mark.parametrize(
    ("code", "base"),
    [
        ("pt-BR", "pt"),
        ("zh-CN", "zh"),
        ("zh_Hant_TW", "zh"),
        ("cmn", "zh"),
        ("cmn_hans_cn", "zh"),
        ("es_419", "es"),
        ("EN", "en"),
        ("eng", "en"),
        ("deu", "de"),
        ("jpn", "ja"),
        (" fr ", "fr"),
        ("yue", "yue"),
        ("", ""),
    ],
)
def test_codes_with_regions_and_three_letters(code: str, base: str) -> None:
    assert iso_639_1(code) == base


def test_a_stated_region_is_dropped_and_kept_texts_pass() -> None:
    for code, language in [("pt-BR", "pt"), ("zh-CN", "zh"), ("cmn_hans_cn", "zh")]:
        done = gate(SENTENCES[language], code)
        assert isinstance(done, Conversation)
        assert done.facts[LANGUAGE.name] == language


def test_detection_is_bounded_and_among_the_languages_asked_for() -> None:
    assert detect_language(SENTENCES["fr"] * 10_000, SPEECH_LANGUAGES) == detect_language((SENTENCES["fr"] * 100)[:5_000], SPEECH_LANGUAGES)
    assert detect_language(SENTENCES["it"], ("en", "de"))[0] in ("en", "de")
    language, confidence = detect_language("", SPEECH_LANGUAGES)
    assert language in SPEECH_LANGUAGES
    assert 0 <= confidence <= 1


def test_only_learned_text_is_the_transcript_and_steps_are_picklable() -> None:
    assert transcript_of(record("hello there", "en")) == "hello there"
    before = record(SENTENCES["en"], "en")
    for step in (MeasureTranscriptLanguage(), KeepTranscriptLanguage(("en",), 0.5)):
        assert pickle.loads(pickle.dumps(step)) == step
    done = MeasureTranscriptLanguage()(before)
    assert before.facts == {LANGUAGE.name: "en"}
    assert {fact.name: type(done.facts[fact.name]) for fact in MeasureTranscriptLanguage.writes} == {
        MEASURED.name: str,
        CONFIDENCE.name: float,
        LANGUAGE.name: str,
    }
