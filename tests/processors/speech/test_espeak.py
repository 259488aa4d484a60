"""eSpeak NG speaks eight languages in several voices, says what it cannot read, and takes no text for anything else."""

from __future__ import annotations

import subprocess
from typing import Any

import numpy as np
import pytest

import processors.speech.espeak as module
from processors.engine import EngineMissing
from processors.speech.engines import Refusal, Speech, Utterance, Voice
from processors.speech.espeak import ALL_VOICES, MAX_CHARACTERS, VOICES, Espeak
from schemas.identity import digest
from tests.processors.speech.conftest import fresh

SENTENCES = {
    "en": "How many people are there?",
    "zh": "图片里有几个人？",
    "fr": "Combien de personnes y a-t-il ?",
    "de": "Wie viele Leute sind auf dem Bild?",
    "it": "Quante persone ci sono?",
    "ja": "なんにん いますか。",
    "pt": "Quantas pessoas há na imagem?",
    "es": "¿Cuántas personas hay en la imagen?",
}


def speak(text: str, language: str = "en", voice: str = "", rate: float = 1.0) -> Speech | Refusal:
    with Espeak().open() as live:
        return live([Utterance(text, language, Voice(voice or VOICES[language][0], rate))])[0]


def length(answer: Speech | Refusal) -> int:
    assert isinstance(answer, Speech), answer
    return len(answer.samples)


def detail(answer: Speech | Refusal) -> str:
    assert isinstance(answer, Refusal)
    return answer.detail


def phonemes(text: str, voice: str) -> str:
    command = ["espeak-ng", "-v", voice, "-q", "-x", "-b", "1", "--stdin"]
    return subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize("language", SENTENCES)
def test_every_voice_of_a_language_sounds_otherwise(language: str) -> None:
    voices = Espeak().voices(language)
    assert len(voices) >= 6
    with Espeak().open() as live:
        spoken = live([Utterance(SENTENCES[language], language, Voice(voice)) for voice in voices])
    assert all(isinstance(one, Speech) and 0.8 < len(one.samples) / one.rate_hz < 6 and np.abs(one.samples).max() > 0.1 for one in spoken)
    assert len({one.samples.tobytes() for one in spoken if isinstance(one, Speech)}) == len(voices)


def test_languages_that_it_is_not_asked_for_have_no_voice() -> None:
    assert Espeak().voices("ru") == ()
    assert Espeak(("de+f2", "en-us+m3")).voices("de") == ("de+f2",)
    assert Espeak(("de+f2",)).voices("en") == ()


def test_a_voice_that_it_does_not_have_is_refused() -> None:
    for pool in ((), ("en-us+zz",), ("cmn+f2",)):
        with pytest.raises(ValueError, match="voices of espeak are"):
            Espeak(pool)
    assert detail(speak("Hello", voice="en-us+zz")) == "espeak has no voice 'en-us+zz' for language 'en'"
    assert detail(speak("Hallo", "de", "en-us+f2")) == "espeak has no voice 'en-us+f2' for language 'de'"


@pytest.mark.parametrize("rate", [0.5, 0.9, 1.1, 2.0])
def test_the_rate_divides_the_length(rate: float) -> None:
    text = "What is the man in the blue shirt holding in his left hand?"
    assert length(speak(text, rate=rate)) / length(speak(text)) == pytest.approx(1 / rate, rel=0.05)


def test_a_question_is_answered_alike_in_any_order_and_in_a_fresh_process() -> None:
    one, other = (Utterance(SENTENCES[language], language, Voice(VOICES[language][3])) for language in ("en", "zh"))
    with Espeak().open() as live:
        alone = live([one])[0].samples.tobytes()
        assert live([other, one])[1].samples.tobytes() == alone
    code = """if True:
        import sys
        from processors.speech.engines import Utterance, Voice
        from processors.speech.espeak import Espeak
        from schemas.identity import digest
        with Espeak().open() as speak:
            print(digest(speak([Utterance(sys.argv[1], "en", Voice(sys.argv[2]))])[0].samples.tobytes()))
    """
    assert fresh(code, SENTENCES["en"], VOICES["en"][3]) == digest(alone)


@pytest.mark.parametrize("text", ["", " ", "...?!", "—", "!!!"])
def test_a_text_without_a_word_is_refused(text: str) -> None:
    assert detail(speak(text)) == "espeak is given no letter and no digit"


@pytest.mark.parametrize(
    ("text", "language", "told"),
    [
        ("東京はどこですか", "ja", "espeak cannot read 京 東 in 'ja'; it reads kanji as the words 'Chinese letter', give kana"),
        ("時々", "ja", "espeak cannot read 々 時 in 'ja'; it reads kanji as the words 'Chinese letter', give kana"),
        ("What is 日本?", "en", "espeak cannot read 日 本 in 'en'"),
        ("Привет", "de", "espeak cannot read П в е и р in 'de'"),
        ("Ελλάδα", "zh", "espeak cannot read Ε ά α δ λ in 'zh'"),
        ("A 😀 face", "en", "espeak cannot read 😀 in 'en'"),
        ("日本 で", "zh", "espeak cannot read で in 'zh'"),
        ("a" * (MAX_CHARACTERS + 1), "en", f"a text of {MAX_CHARACTERS + 1} characters, expected {MAX_CHARACTERS} or fewer"),
    ],
)
def test_what_it_reads_wrong_is_refused(text: str, language: str, told: str) -> None:
    assert detail(speak(text, language)) == told


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("とうきょう は コーヒー", "ja"),
        ("ｱｲｽ １２", "ja"),
        ("CD を かう", "ja"),
        ("北京 OK 12", "zh"),
        ("naïve façade", "en"),
        ("It is 20 °C, 5ª", "en"),
    ],
)
def test_what_is_near_to_that_is_spoken(text: str, language: str) -> None:
    assert length(speak(text, language)) > 8_000


def test_why_kanji_are_refused_and_chinese_goes_by_pinyin() -> None:
    """The traps themselves: should a later version read these, the refusals can go."""
    assert phonemes("東京", "ja").count("tS'aIni:z") == 2
    assert "(en)" in phonemes("你好", "cmn")
    assert "(en)" not in phonemes("你好", VOICES["zh"][0])


@pytest.mark.parametrize(
    ("odd", "plain"),
    [
        ("[[h@l@U]] world", "[ [h@l@U]] world"),
        ("\x01" + "20S slow", " 20S slow"),
        ("ﬁne ｗords", "fine words"),
    ],
)
def test_phonemes_and_commands_in_a_text_are_read_as_text(odd: str, plain: str) -> None:
    spoken, expected = speak(odd), speak(plain)
    assert isinstance(spoken, Speech) and isinstance(expected, Speech)
    assert spoken.samples.tobytes() == expected.samples.tobytes()


@pytest.mark.parametrize(
    "text", ["-v de hello", "--version", "-w /nowhere/x.wav", "<speak rate='x-fast'>slow</speak>", "a\nb", "a" * 5_000]
)
def test_nothing_in_a_text_is_an_option_or_mark_up(text: str) -> None:
    assert length(speak(text)) > 8_000


def test_mark_up_changes_no_voice() -> None:
    assert length(speak("<prosody rate='x-fast'>slow</prosody>")) > length(speak("slow")) * 2  # its signs are read out


def test_a_program_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    module._version.cache_clear()

    def nowhere(_: str) -> Any:
        return None

    monkeypatch.setattr(module.shutil, "which", nowhere)
    with pytest.raises(EngineMissing, match="install it: apt-get install -y espeak-ng"):
        Espeak().identity()
    monkeypatch.undo()
    module._version.cache_clear()
    assert Espeak().identity().startswith("espeak-ng 1.")
    assert set(ALL_VOICES) == {voice for voices in VOICES.values() for voice in voices}
