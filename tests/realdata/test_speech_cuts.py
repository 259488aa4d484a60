"""Real recordings: cut with word times that recognisers gave, heard for speech and noise, gated by language."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from processors.audio.decode import decode_audio
from processors.audio.quality import measure
from processors.audio.segment import CutAtPauses
from processors.audio.steps import DURATION, DecodeAudio
from processors.dialogue import LANGUAGE, TranscriptTask
from processors.speech_text import WORDS
from processors.spoken_language import KeepTranscriptLanguage, MeasureTranscriptLanguage
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, Origin, Row, Turn, audios_of

pytestmark = pytest.mark.realdata


def lecture(folder: Path) -> Conversation:
    """A minute of a lecture with music under it; the text is that of its segments."""
    told = json.loads((folder / "curator/reference.jsonl").read_text().splitlines()[0])
    text = " ".join(segment["text"] for segment in told["segments"])
    row = Row(
        "k",
        Origin("curator"),
        {"text": text, "segments": told["segments"], "lang": "en"},
        {"audio": (folder / "curator/audio_1.opus").read_bytes()},
    )
    record = TranscriptTask()(row)
    assert isinstance(record, Conversation)
    decoded = DecodeAudio()(record)
    assert isinstance(decoded, Conversation)
    return decoded


def clips(folder: Path) -> list[dict]:
    return json.loads((folder / "leopard/transcripts.json").read_text())["language_tests"]


def text_of(record: Conversation) -> str:
    return "".join(part.text for turn in record.turns if turn.learned for part in turn.parts if isinstance(part, Text))


def check(record: Conversation, pieces: list[Conversation] | Reject, max_s: float) -> list[Conversation]:
    """No word is cut, none is lost or moved, pieces are in order and short enough, samples are those of the recording."""
    assert isinstance(pieces, list), pieces
    words = json.loads(str(record.facts[WORDS.name]))
    whole = next(audios_of(record)).samples
    assert whole is not None
    assert " ".join(map(text_of, pieces)).split() == text_of(record).split()
    told = [
        (word, low_s + float(piece.facts["audio.start_s"]), high_s)
        for piece in pieces
        for word, low_s, high_s in json.loads(str(piece.facts[WORDS.name]))
    ]
    assert [word for word, _, _ in told] == [word for word, _, _ in words]
    assert [start_s for _, start_s, _ in told] == pytest.approx([start_s for _, start_s, _ in words], abs=2e-3)
    bounds = [(float(piece.facts["audio.start_s"]), float(piece.facts["audio.end_s"])) for piece in pieces]
    for piece, (start_s, end_s) in zip(pieces, bounds, strict=True):
        samples = next(audios_of(piece)).samples
        assert samples is not None
        assert np.array_equal(samples, whole[round(start_s * 16_000) : round(end_s * 16_000)])
        assert end_s - start_s <= max_s
    for (_, end_s), (start_s, _) in itertools.pairwise(bounds):
        assert start_s >= end_s
        assert not [word for word in words if word[1] < end_s < word[2] or word[1] < start_s < word[2]]
    return pieces


@pytest.mark.parametrize("max_s", [30.0, 15.0, 8.0])
def test_the_lecture_is_cut_between_words(realdata: Path, max_s: float) -> None:
    record = lecture(realdata / "03_speech")
    pieces = check(record, CutAtPauses(max_s)(record), max_s)
    assert len(pieces) <= np.ceil(60 / max_s) + 2
    if max_s == 30.0:
        assert [text_of(piece).split()[0] for piece in pieces] == ["In", "Do", "Be"]
        assert all(text_of(piece).endswith(".") for piece in pieces)


def test_the_lecture_without_word_times_keeps_all_its_text(realdata: Path) -> None:
    record = lecture(realdata / "03_speech")
    untimed = replace(record, facts={**record.facts, WORDS.name: ""})
    refused = CutAtPauses(30.0)(untimed)
    assert isinstance(refused, Reject) and refused.reason == "no_word_times"
    pieces = CutAtPauses(30.0, untimed="vad")(untimed)
    assert isinstance(pieces, list)
    assert " ".join(map(text_of, pieces)) == text_of(record)
    # the sentences that each piece should have, by the word times that the step did not see
    for piece in pieces:
        start_s, end_s = float(piece.facts["audio.start_s"]), float(piece.facts["audio.end_s"])
        said = [word for word, low_s, high_s in json.loads(str(record.facts[WORDS.name])) if start_s <= (low_s + high_s) / 2 < end_s]
        assert text_of(piece).split() == said


@pytest.mark.parametrize("language", ["en", "de", "fr", "ja"])
def test_a_long_recording_of_real_clips_is_cut_between_words(realdata: Path, language: str) -> None:
    folder = realdata / "03_speech"
    (told,) = (clip for clip in clips(folder) if clip["language"] == language)
    samples = decode_audio((folder / "leopard" / told["audio_file"]).read_bytes()).samples
    text, count = told["transcript_with_punctuation"], 7
    words = [
        [word["word"], round(word["start_sec"] + n * len(samples) / 16_000, 3), round(word["end_sec"] + n * len(samples) / 16_000, 3)]
        for n in range(count)
        for word in told["words"]
    ]
    between = "" if language == "ja" else " "
    turns = (Turn("user", (Audio(samples=np.tile(samples, count)),)), Turn("assistant", (Text(between.join([text] * count)),), True))
    facts = {WORDS.name: json.dumps(words), LANGUAGE.name: language, DURATION.name: count * len(samples) / 16_000}
    record = Conversation("k", Origin("leopard"), turns, facts)
    pieces = CutAtPauses(20.0)(record)
    assert isinstance(pieces, list), pieces
    if language == "ja":  # written without spaces
        assert "".join(map(text_of, pieces)) == text_of(record)
    else:
        check(record, pieces, 20.0)
    assert len(pieces) == 3
    assert all(text_of(piece).startswith(text[:6]) and text_of(piece).endswith(text[-6:]) for piece in pieces)


@pytest.mark.parametrize("stated", ["en", "de", "fr", "ja", "es", ""])
def test_the_language_gate_takes_the_right_language_alone(realdata: Path, stated: str) -> None:
    for told in clips(realdata / "03_speech"):
        if told["language"] not in ("en", "de", "fr", "ja"):
            continue
        turns = (Turn("assistant", (Text(told["transcript_with_punctuation"]),), True),)
        measured = MeasureTranscriptLanguage()(Conversation("k", Origin("leopard"), turns, {LANGUAGE.name: stated}))
        done = KeepTranscriptLanguage()(measured)
        if stated in ("", told["language"]):
            assert isinstance(done, Conversation), done
            assert done.facts[LANGUAGE.name] == told["language"]
        else:
            assert isinstance(done, Reject) and done.reason == "wrong_language", (told["language"], stated)


def test_speech_is_heard_in_speech_and_not_in_noise(realdata: Path) -> None:
    def speech_s(name: str) -> float:
        return float(measure(decode_audio((realdata / name).read_bytes()).samples)["audio.speech_s"])

    for name, least in (
        ("leopard/test.wav", 4.5),
        ("leopard/test_de.wav", 4.0),
        ("leopard/test_fr.wav", 5.0),
        ("leopard/test_ja.wav", 3.5),
    ):
        assert speech_s(f"03_speech/{name}") > least
    assert speech_s("03_speech/lhotse/2412-153948-0000.flac") > 9.5
    assert speech_s("03_speech/docling/silent_1s.wav") == 0.0
    assert speech_s("03_speech/leopard/empty.wav") == 0.0  # a tone swept through all frequencies
    digits = [speech_s(f"03_speech/fsdd/{path.name}") for path in sorted((realdata / "03_speech/fsdd").glob("*.wav"))]
    assert len(digits) == 300 and sum(seconds >= 0.1 for seconds in digits) >= 296
    for folder, most in (("002_-_Rain", 0.05), ("007_-_Helicopter", 0.05), ("003_-_Sea_waves", 0.6)):
        names = sorted((realdata / "04_env_audio/esc10" / folder).glob("*.ogg"))
        assert len(names) == 8
        assert max(speech_s(f"04_env_audio/esc10/{folder}/{path.name}") for path in names) <= most
