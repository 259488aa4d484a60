"""Speech by Flite with known text, in the formats that users have, and lines that must be refused."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr

from pipelines.sample.lines import write_lines
from pipelines.sample.ogg import with_serial
from processors.speech.engines import Refusal, Utterance, Voice
from processors.speech.espeak import Espeak
from processors.speech.flite import Flite
from schemas.identity import keyed_rng

VOICES = ("slt", "rms", "awb", "kal16")
PER_SIZE = 48  # the last of them is silent, the others are spoken
NUM_THREADS = 4
LICENCE = "CC0-1.0"
WHO = ("the teacher", "my sister", "an old sailor", "the new doctor", "our neighbour", "the young pilot", "Mary", "Peter", "Anna", "David")
DOES = (("bought", "buy"), ("painted", "paint"), ("found", "find"), ("carried", "carry"), ("forgot", "forget"), ("counted", "count"))
HOW_MANY = ("two", "three", "seven", "twelve", "fifteen", "twenty one", "forty", "ninety nine", "one hundred and five")
WHAT = ("red apples", "small boats", "glass bottles", "letters", "wooden chairs", "yellow flowers", "old books", "silver keys")
WHERE = ("in the garden", "at the market", "near the river", "behind the house", "on the train", "in the kitchen")
WHEN = ("this morning", "on Monday", "before the storm", "last winter", "at noon", "after dinner")
# name ending, rate: flac is stereo; opus has no rate but 48 kHz; 8 kHz as telephones have
FORMATS = (("wav", 16_000), ("flac", 44_100), ("mp3", 24_000), ("ogg", 22_050), ("opus", 48_000), ("m4a", 32_000), ("wav", 8_000))
LONG_SENTENCES = 16  # over 30 s at Flite's pace of about 3 s a sentence
PAUSE_S = 0.4
SILENT_TEXT = "Nothing is said in this recording."


def sentence(seed: int, number: int, attempt: int = 0) -> str:
    """A sentence of a small grammar: a statement, a question, or one of each kind with a name."""
    return _drawn(seed, number, attempt)[0]


def _drawn(seed: int, number: int, attempt: int) -> tuple[str, list[dict[str, str]]]:
    """A sentence and what can be asked about it: every frame says who, how many and what."""
    rng = keyed_rng(seed, "sample.speech", f"{number}.{attempt}")
    who, many, what, where, when = (words[int(rng.integers(len(words)))] for words in (WHO, HOW_MANY, WHAT, WHERE, WHEN))
    past, present = DOES[int(rng.integers(len(DOES)))]
    questions = [
        {"question": f"How many {what} are mentioned?", "answer": many},
        {"question": f"Who is mentioned together with the {what}?", "answer": who},
    ]
    said = (
        f"{who} {past} {many} {what} {where} {when}.",
        f"did {who} {present} {many} {what} {when}?",
        f"{when} {who} {past} {many} {what}.",
        f"how did {who} {present} {what} {where}, and why were there {many} of them?",
        f"there are {many} {what} {where}, and {who} {past} them {when}.",
    )[number % 5]
    return said[0].upper() + said[1:], questions


def sentences(seed: int, count: int) -> list[str]:
    """That many different sentences, so that a text names one clip. Raises: RuntimeError when the grammar has no more."""
    return list(_questions(seed, count))


def _questions(seed: int, count: int) -> dict[str, list[dict[str, str]]]:
    """Different sentences, each with its questions and answers."""
    seen: dict[str, list[dict[str, str]]] = {}
    for number in range(count):
        fresh = (drawn for attempt in range(1_000) if (drawn := _drawn(seed, number, attempt))[0] not in seen)
        said, questions = next(fresh, ("", []))
        if not said:
            raise RuntimeError(f"the grammar of the spoken sample is used up after {number} sentences; {count} were asked for: lower size")
        seen[said] = questions
    return seen


def speak(text: str, voice: str = "", language: str = "en") -> tuple[np.ndarray, int]:
    """Samples (n,) float32 and rate in Hz of a text spoken by Flite, by eSpeak NG where it is not English.

    Without a voice the first of the language speaks. Raises: RuntimeError without the program, or when it fails.
    """
    engine = Flite() if language == "en" else Espeak()
    with engine.open() as say:
        (spoken,) = say([Utterance(text, language, Voice(voice or engine.voices(language)[0]))])
    if isinstance(spoken, Refusal):
        raise RuntimeError(f"{engine.name} gave no speech for voice {voice!r}, text {text!r}: {spoken.detail}")
    return spoken.samples, spoken.rate_hz


def encode(path: Path, samples: np.ndarray, rate: int, wanted_rate: int) -> None:
    """Writes samples in the format of the path's ending; flac as stereo, so that channels are mixed somewhere."""
    if rate != wanted_rate:
        samples = soxr.resample(samples, rate, wanted_rate)
    samples = np.clip(samples, -1, 1)
    if path.suffix == ".m4a":
        _encode_aac(path, samples, wanted_rate)
    elif path.suffix in (".ogg", ".opus"):
        sink = io.BytesIO()
        soundfile.write(sink, samples, wanted_rate, format="OGG", subtype="OPUS" if path.suffix == ".opus" else "VORBIS")
        path.write_bytes(with_serial(sink.getvalue(), 1))
    else:
        soundfile.write(path, np.stack([samples, samples], 1) if path.suffix == ".flac" else samples, wanted_rate)


def _encode_aac(path: Path, samples: np.ndarray, rate: int) -> None:
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        stream.codec_context.thread_count = 1
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def make_speech(folder: Path, size: int, seed: int) -> None:
    """`speech/manifest.jsonl` with NeMo keys, the clips, and `speech/truth.jsonl` with what must become of each line.

    `speech/lecture.jsonl` has one long recording with the times of its sentences.
    """
    place = folder / "speech"
    asked = _questions(seed, PER_SIZE * size)
    texts = list(asked)
    texts[-1] = SILENT_TEXT

    def clip(number: int) -> dict[str, object]:
        voice = VOICES[number % len(VOICES)]
        suffix, rate = FORMATS[number % len(FORMATS)]
        name = f"{number:05d}.{suffix}"
        silent = texts[number] == SILENT_TEXT
        samples, spoken_rate = (np.zeros(32_000, np.float32), 16_000) if silent else speak(texts[number], voice)
        encode(place / name, samples, spoken_rate, rate)
        row = _row(name, texts[number], len(samples) / spoken_rate, "" if silent else voice)
        return row if silent else {**row, "qa": asked[texts[number]]}

    with ThreadPoolExecutor(NUM_THREADS) as pool:
        rows: list[object] = list(pool.map(clip, range(len(texts))))
    truth: list[dict[str, object]] = [{"expected": "kept", "silent": text == SILENT_TEXT} for text in texts]
    for row, expected in _planted(folder, texts):
        rows.append(row)
        truth.append({"expected": expected})
    write_lines(place / "manifest.jsonl", rows)
    write_lines(place / "truth.jsonl", [{"line": line, **known} for line, known in enumerate(truth, 1)])
    write_lines(place / "lecture.jsonl", [_lecture(place, texts[:LONG_SENTENCES])])


def _lecture(place: Path, texts: list[str]) -> dict[str, object]:
    """One recording of the sentences with a pause after each, and when each was said."""
    pieces, segments, at = [], [], 0
    for text in texts:
        samples, rate = speak(text, VOICES[1])
        segments.append({"start": round(at / rate, 3), "end": round((at + len(samples)) / rate, 3), "text": text})
        pieces += [samples, np.zeros(int(PAUSE_S * rate), np.float32)]
        at += len(samples) + int(PAUSE_S * rate)
    soundfile.write(place / "lecture.flac", np.concatenate(pieces), rate)
    return {**_row("lecture.flac", " ".join(texts), at / rate, VOICES[1]), "segments": segments}


def _row(name: str, text: str, duration_s: float, voice: str) -> dict[str, object]:
    known = {"audio_filepath": name, "text": text, "duration": round(duration_s, 3), "lang": "en"}
    return {**known, "speaker": voice, "licence": LICENCE}


def _planted(folder: Path, texts: list[str]) -> list[tuple[object, str]]:
    """Lines that must be refused, each for its reason. The file outside is there, so that only a check keeps it out."""
    place = folder / "speech"
    samples, rate = soundfile.read(place / "00000.wav", dtype="float32")
    long_text = " ".join((texts * LONG_SENTENCES)[:LONG_SENTENCES])
    long_samples, long_rate = speak(long_text, VOICES[0])
    soundfile.write(place / "long.wav", long_samples, long_rate)
    soundfile.write(place / "blink.wav", samples[:800], rate)
    soundfile.write(folder / "outside.wav", samples, rate)
    (place / "empty.wav").write_bytes(b"")
    (place / "text.wav").write_text("this is no audio, whatever its name says\n" * 20)
    whole = io.BytesIO()
    soundfile.write(whole, samples, rate, format="FLAC")
    (place / "cut.flac").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    seconds = len(samples) / rate

    def line(name: str, text: str = texts[0]) -> dict[str, object]:
        return _row(name, text, seconds, VOICES[0])

    return [
        (line("not_there.wav"), "missing_file"),
        (line("../outside.wav"), "outside_root"),
        (line("empty.wav"), "empty_audio"),
        (line("text.wav"), "not_audio"),
        (line("cut.flac"), "corrupt_or_truncated"),
        (_row("long.wav", long_text, len(long_samples) / long_rate, VOICES[0]), "too_long"),
        (_row("blink.wav", texts[0], 800 / rate, VOICES[0]), "too_short"),
        (line("00000.wav", "  "), "no_transcript"),
        ("this line is not JSON", "bad_json"),
    ]
