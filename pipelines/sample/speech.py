"""Speech by Flite with known text, in the formats that users have, and lines that must be refused."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr

from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

VOICES = ("slt", "rms", "awb", "kal16")
PER_SIZE = 48
LICENCE = "CC0-1.0"
WHO = ("the teacher", "my sister", "an old sailor", "the new doctor", "our neighbour", "the young pilot")
DOES = ("bought", "painted", "found", "carried home", "forgot", "counted")
HOW_MANY = ("two", "seven", "twelve", "twenty one", "forty", "ninety nine")
WHAT = ("red apples", "small boats", "glass bottles", "letters", "wooden chairs", "yellow flowers")
WHEN = ("this morning", "on monday", "before the storm", "last winter", "at noon", "in the garden")
FORMATS = (("wav", 16_000), ("flac", 44_100), ("mp3", 24_000), ("ogg", 22_050), ("m4a", 48_000), ("wav", 8_000))


def sentence(seed: int, number: int) -> str:
    """A sentence of a small grammar."""
    rng = keyed_rng(seed, "sample.speech", str(number))
    who, does, many, what, when = (words[int(rng.integers(len(words)))] for words in (WHO, DOES, HOW_MANY, WHAT, WHEN))
    return f"did {who} say {many} {what} {when}" if number % 4 == 3 else f"{who} {does} {many} {what} {when}"


def speak(text: str, voice: str) -> tuple[np.ndarray, int]:
    """Samples and rate of a text spoken by Flite."""
    if shutil.which("flite") is None:
        raise RuntimeError("flite, which speaks the sample, is not on PATH; install it: apt-get install -y flite")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True, capture_output=True)
        samples, rate = soundfile.read(path, dtype="float32")
    return samples, rate


def encode(path: Path, samples: np.ndarray, rate: int, wanted_rate: int) -> None:
    """Writes samples in the format of the path's ending; flac as stereo, so that channels are mixed somewhere."""
    if rate != wanted_rate:
        samples = soxr.resample(samples, rate, wanted_rate)
    samples = np.clip(samples, -1, 1)
    if path.suffix == ".m4a":
        _encode_aac(path, samples, wanted_rate)
    else:
        soundfile.write(path, np.stack([samples, samples], 1) if path.suffix == ".flac" else samples, wanted_rate)


def _encode_aac(path: Path, samples: np.ndarray, rate: int) -> None:
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def make_speech(folder: Path, size: int, seed: int) -> None:
    """`speech/manifest.jsonl` with NeMo keys, the clips, and `speech/truth.jsonl` with what must become of each line."""
    place = folder / "speech"

    def clip(number: int) -> dict[str, object]:
        text, voice = sentence(seed, number), VOICES[number % len(VOICES)]
        suffix, rate = FORMATS[number % len(FORMATS)]
        name = f"{number:05d}.{suffix}"
        samples, spoken_rate = speak(text, voice)
        encode(place / name, samples, spoken_rate, rate)
        return {
            "audio_filepath": name,
            "text": text,
            "duration": round(len(samples) / spoken_rate, 3),
            "lang": "en",
            "speaker": voice,
            "licence": LICENCE,
        }

    with ThreadPoolExecutor(4) as pool:
        rows: list[object] = list(pool.map(clip, range(PER_SIZE * size)))
    truth: list[object] = ["kept"] * len(rows)
    for row, expected in _planted(place, rows[0]):  # type: ignore[arg-type]
        rows.append(row)
        truth.append(expected)
    write_lines(place / "manifest.jsonl", rows)
    write_lines(place / "truth.jsonl", [{"line": line, "expected": expected} for line, expected in enumerate(truth, 1)])


def _planted(place: Path, good: dict[str, object]) -> list[tuple[object, str]]:
    """Lines that must be refused, each for its reason."""
    samples, rate = soundfile.read(place / "00000.wav", dtype="float32")
    (place / "empty.wav").write_bytes(b"")
    (place / "text.wav").write_text("this is no audio, whatever its name says\n" * 20)
    soundfile.write(place / "whole.flac", samples, rate)
    data = (place / "whole.flac").read_bytes()
    (place / "whole.flac").unlink()
    (place / "cut.flac").write_bytes(data[: len(data) // 2])
    soundfile.write(place / "long.wav", np.tile(samples, int(31 * rate / len(samples)) + 1), rate)
    soundfile.write(place / "blink.wav", samples[:800], rate)

    def line(path: str, **changes: object) -> dict[str, object]:
        return {**good, "audio_filepath": path, **changes}

    return [
        (line("not_there.wav"), "missing_file"),
        (line("../../outside.wav"), "outside_root"),
        (line("empty.wav"), "empty_audio"),
        (line("text.wav"), "not_audio"),
        (line("cut.flac"), "corrupt_or_truncated"),
        (line("long.wav"), "too_long"),
        (line("blink.wav"), "too_short"),
        (line("00000.wav", text="  "), "no_transcript"),
        ("this line is not JSON", "bad_json"),
    ]
