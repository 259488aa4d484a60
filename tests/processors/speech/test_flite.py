"""Flite speaks English, says what it cannot read, and takes no text for anything else."""

from __future__ import annotations

import pytest

from processors.speech.engines import Refusal, Speech, Utterance, Voice
from processors.speech.flite import MAX_CHARACTERS, MAX_WORD, VOICES, Flite, readable
from schemas.identity import digest
from tests.processors.speech.conftest import fresh

TEXT = "How many people are there?"


def speak(text: str, voice: str = "slt", rate: float = 1.0) -> Speech | Refusal:
    with Flite().open() as live:
        return live([Utterance(text, "en", Voice(voice, rate))])[0]


def length(answer: Speech | Refusal) -> int:
    assert isinstance(answer, Speech), answer
    return len(answer.samples)


def detail(answer: Speech | Refusal) -> str:
    assert isinstance(answer, Refusal)
    return answer.detail


def test_four_voices_speak_english_alone() -> None:
    assert Flite().voices("en") == VOICES
    assert Flite().voices("de") == ()
    with Flite().open() as live:
        spoken = live([Utterance(TEXT, "en", Voice(voice)) for voice in VOICES])
    assert len({one.samples.tobytes() for one in spoken if isinstance(one, Speech)}) == 4
    assert {one.rate_hz for one in spoken if isinstance(one, Speech)} == {16_000}


def test_a_voice_that_it_does_not_have_is_refused() -> None:
    for pool in ((), ("kal",)):
        with pytest.raises(ValueError, match="expected some of awb, kal16, rms, slt"):
            Flite(pool)
    assert detail(speak(TEXT, "nobody")) == "flite has no voice 'nobody'"
    assert detail(speak(TEXT, "--help")) == "flite has no voice '--help'"


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("rate", [0.5, 0.9, 1.1, 2.0])
def test_the_rate_divides_the_length(voice: str, rate: float) -> None:
    assert length(speak(TEXT, voice, rate)) / length(speak(TEXT, voice)) == pytest.approx(1 / rate, rel=0.1)


def test_a_question_is_answered_alike_in_any_order_and_in_a_fresh_process() -> None:
    one, other = Utterance(TEXT, "en", Voice("slt")), Utterance("Something else.", "en", Voice("awb", 1.1))
    with Flite().open() as live:
        alone = live([one])[0].samples.tobytes()
        assert live([other, one])[1].samples.tobytes() == alone
    code = """if True:
        import sys
        from processors.speech.engines import Utterance, Voice
        from processors.speech.flite import Flite
        from schemas.identity import digest
        with Flite().open() as speak:
            print(digest(speak([Utterance(sys.argv[1], "en", Voice("slt"))])[0].samples.tobytes()))
    """
    assert fresh(code, TEXT) == digest(alone)


@pytest.mark.parametrize("text", ["-o x", "--help", "-voice kal -t hello", "$(ls)", "a\nb\n\nc", "<b>bold</b>", "100%", "a" * MAX_WORD])
def test_nothing_in_a_text_is_an_option(text: str) -> None:
    assert length(speak(text)) > 4_000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "flite gave no sound"),
        ("...", "flite gave no sound"),
        ("What is 日本?", "flite cannot read 日 本"),
        ("Straße", "flite cannot read ß"),
        ("Cost: 5 €", "flite cannot read €"),
        ("a" * (MAX_WORD + 1), f"a word of {MAX_WORD + 1} characters, expected {MAX_WORD} or fewer"),
        ("word " * (MAX_CHARACTERS // 5) + "more", f"a text of {MAX_CHARACTERS + 4} characters, expected {MAX_CHARACTERS} or fewer"),
    ],
)
def test_what_it_would_leave_out_is_refused(text: str, told: str) -> None:
    assert detail(speak(text)) == told


def test_accents_and_curly_quotes_are_folded_and_a_dash_is_a_pause() -> None:
    assert readable("Café “naïve” – it’s\x00 fine") == 'Cafe "naive" ,  it\'s  fine'
    assert speak("Café").samples.tobytes() == speak("Cafe").samples.tobytes()  # type: ignore[union-attr]
