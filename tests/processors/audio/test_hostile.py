"""Hostile audio through the real steps: each file is refused by the step and for the reason that it deserves, or comes out right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soxr

from pipelines.recipe import Recipe
from pipelines.run import run_split
from pipelines.source import JsonlManifest
from pipelines.step import each
from processors.audio.log_mel import log_mel
from processors.audio.loudness import NormaliseLoudness, TrimSilence
from processors.audio.quality import KeepAudio, MeasureAudio
from processors.audio.steps import DecodeAudio, LogMel
from processors.dialogue import TranscriptTask
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, Origin, Turn, audios_of
from tests.processors.audio.clips import encoded, flac_with_length, sine, written
from tests.processors.audio.noise import mixed, spoken

TEN_HOURS = 36_000 * 16_000
STEPS = (DecodeAudio(), MeasureAudio(), TrimSilence(), NormaliseLoudness(), KeepAudio(0.0, 0.05, 0.9, 2_000.0), LogMel())


def speech() -> np.ndarray:
    """A sentence that needs no trimming: something sounds from its first frame to its last."""
    clip = spoken(0)
    return clip[int(np.flatnonzero(np.abs(clip) > 0.02)[0]) : int(np.flatnonzero(np.abs(clip) > 0.02)[-1])]


def at_rate(rate_hz: int) -> bytes:
    return written(soxr.resample(speech(), 16_000, rate_hz, quality="VHQ"), subtype="FLOAT", rate=rate_hz)


def refused_files() -> dict[str, tuple[bytes, str, str]]:
    """Name -> bytes, the step that refuses them, and the reason."""
    wave, flac = written(speech()), written(speech(), "FLAC")
    not_a_number = speech().copy()
    not_a_number[5_000] = np.nan
    silence, noise_alone = np.zeros(32_000, np.float32), np.random.default_rng(0).standard_normal(32_000) * 0.1
    mp3 = encoded(speech(), "mp3", "libmp3lame", 16_000)
    return {
        "empty.wav": (b"", "decode_audio", "empty_audio"),
        "no_samples.wav": (written(speech()[:0]), "decode_audio", "empty_audio"),
        "text.wav": (b"This is no audio. " * 50, "decode_audio", "not_audio"),
        "nan.wav": (written(not_a_number, subtype="FLOAT"), "decode_audio", "not_finite"),
        "cut.mp3": (mp3[: len(mp3) // 2], "decode_audio", "truncated_audio"),
        "ten_hours.wav": (wave[:40] + (2 * TEN_HOURS).to_bytes(4, "little") + wave[44:], "decode_audio", "truncated_audio"),
        "ten_hours.flac": (flac_with_length(flac, TEN_HOURS), "decode_audio", "audio_too_long"),
        "no_room_in_frames.wav": (
            wave[:22] + (64).to_bytes(2, "little") + wave[24:34] + (64).to_bytes(2, "little") + wave[36:],
            "decode_audio",
            "corrupt_audio",
        ),
        "one_sample.wav": (written(speech()[:1]), "keep_audio", "no_speech"),
        "silent.wav": (written(silence), "keep_audio", "no_speech"),
        "noise.wav": (written(noise_alone), "keep_audio", "no_speech"),
        "tone.wav": (written(sine(2.0)), "keep_audio", "no_speech"),
        "clipped.wav": (written(np.clip(speech() * 10_000, -1, 1)), "keep_audio", "clipped"),
        "drowned.wav": (written(mixed(speech(), np.ones(len(speech()), bool), -3.0), subtype="FLOAT"), "keep_audio", "too_noisy"),
        "alone.wav": (written(np.concatenate([np.zeros(16_000 * 40), speech()])), "keep_audio", "mostly_silent"),
        "muffled.wav": (written(soxr.resample(speech(), 16_000, 3_000), rate=3_000), "keep_audio", "narrow_band"),
    }


def kept_files() -> dict[str, bytes]:
    """The same sentence in forms that differ in everything but the sound."""
    channels = np.repeat(speech()[:, None], 8, axis=1)
    return {
        "plain.wav": written(speech(), subtype="FLOAT"),
        "eight_channels.wav": written(channels, subtype="FLOAT"),
        "quiet.wav": written(speech() / 64, subtype="FLOAT"),  # 36 dB down, exact in floats
        "padded.wav": written(np.concatenate([np.zeros(32_000), speech(), np.zeros(16_000)]), subtype="FLOAT"),
        "really_flac.wav": written(speech(), "FLAC", "PCM_24"),
        "really_mp3.ogg": encoded(speech(), "mp3", "libmp3lame", 16_000),
        "8_khz.wav": at_rate(8_000),
        "192_khz.wav": at_rate(192_000),
        "piped.wav": written(speech())[:40] + b"\xff\xff\xff\xff" + written(speech())[44:],
    }


def through(data: bytes) -> tuple[str, Conversation | Reject]:
    """What comes out, and the last step that saw it."""
    record: Any = Conversation("k", Origin("t"), (Turn("user", (Audio(source=data), Text("What?"))),))
    for step in STEPS:
        record = step(record)
        if isinstance(record, Reject):
            return type(step).__name__, record
    return "", record


def test_each_bad_file_is_refused_for_its_own_reason() -> None:
    for name, (data, step, reason) in refused_files().items():
        where, reject = through(data)
        assert isinstance(reject, Reject), (name, reject.facts)
        assert (name, where.lower(), reject.reason) == (name, step.replace("_", ""), reason)
        assert reject.key == "k" and len(reject.detail) > 5


def features(data: bytes) -> tuple[np.ndarray, Conversation]:
    _, done = through(data)
    assert isinstance(done, Conversation), done
    (audio,) = audios_of(done)
    assert audio.log_mel is not None and audio.num_tokens == -(-len(audio.log_mel) // 8)
    return audio.log_mel, done


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    """Features of the sentence at its loudness, made without the steps."""
    (step,) = (stage for stage in STEPS if isinstance(stage, NormaliseLoudness))
    level = step(Conversation("k", Origin("t"), (Turn("user", (Audio(samples=speech()),)),)))
    (audio,) = audios_of(level)
    assert audio.samples is not None
    return log_mel(audio.samples)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("plain.wav", 0.0), ("eight_channels.wav", 0.0), ("quiet.wav", 1e-3), ("really_flac.wav", 0.02), ("piped.wav", 0.1),
        ("192_khz.wav", 0.1),
    ],
)  # fmt: skip
def test_the_same_sound_gives_the_same_features(name: str, error: float, plain: np.ndarray) -> None:
    found, done = features(kept_files()[name])
    assert found.shape == plain.shape
    assert np.abs(found - plain)[:, :70].mean() <= error  # the last bands lie where a resampler begins to cut
    assert done.facts["audio.num_frames"] == len(plain)


def test_padding_is_trimmed_and_the_rest_is_the_same(plain: np.ndarray) -> None:
    found, done = features(kept_files()["padded.wav"])
    assert done.facts["audio.trimmed_s"] == pytest.approx(2.8, abs=0.03)
    assert len(found) == pytest.approx(len(plain) + 20, abs=3)
    shift = next(n for n in range(30) if np.abs(found[n + 50 : n + 60] - plain[50:60]).max() < 0.5)
    assert shift in (9, 10, 11)


def test_eight_kilohertz_has_its_band_and_an_empty_rest(plain: np.ndarray) -> None:
    found, done = features(kept_files()["8_khz.wav"])
    assert found.shape == plain.shape
    assert 3_700 <= int(done.facts["audio.bandwidth_hz"]) <= 4_100
    loud = plain[:, :45].max(axis=1) > 12
    assert np.abs(found[loud, :45] - plain[loud, :45]).mean() < 0.2  # up to about 2.7 kHz
    assert found[:, 65:].max() < plain[:, 65:].max() - 8  # above 4.9 kHz


def test_a_mislabelled_mp3_is_the_same_sound(plain: np.ndarray) -> None:
    found, _ = features(kept_files()["really_mp3.ogg"])
    assert len(found) == pytest.approx(len(plain), abs=20)  # an mp3 is padded by its encoder


@pytest.mark.parametrize(
    "form", ["ffconcat version 1.0\nfile '{}'\n", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n"]
)
def test_a_playlist_opens_no_other_file(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.wav").write_bytes(written(sine(0.5)))
    monkeypatch.chdir(tmp_path)
    for name in ("secret.wav", str(tmp_path / "secret.wav"), f"file:{tmp_path}/secret.wav"):
        turns = (Turn("user", (Audio(source=form.format(name).encode()),)), Turn("assistant", (Text("x"),), learned=True))
        refused = DecodeAudio()(Conversation("key", Origin("made"), turns))
        assert isinstance(refused, Reject)
        assert refused.reason in ("not_audio", "corrupt_audio")


def test_no_file_is_lost_when_all_are_built_together(tmp_path: Path) -> None:
    files = {**{name: data for name, (data, _, _) in refused_files().items()}, **kept_files()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    rows = [{"audio_filepath": name, "text": f"Said in {name}.", "duration": 1.0, "lang": "en"} for name in files]
    rows.append({"audio_filepath": "missing.wav", "text": "Nothing.", "duration": 1.0, "lang": "en"})
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    source = JsonlManifest(root=str(tmp_path), path="manifest.jsonl")
    recipe = Recipe("hostile", source, (each(TranscriptTask()), *(each(step) for step in STEPS)))
    kept, refused = 0, []
    for number, split in enumerate(source.splits()):
        result = run_split(recipe, split, tmp_path / f"corpus{number}", {})
        assert all(count.num_in == count.num_out + sum(count.rejects.values()) for count in result.entry.steps)
        kept += result.entry.steps[-1].num_out
        for row in rejects(tmp_path / f"corpus{number}"):
            assert row["failure"] == "reject", row
            refused.append((row["step"], row["reason"]))
    assert kept == len(kept_files())
    expected = [(step, reason) for _, step, reason in refused_files().values()]
    assert sorted(refused) == sorted([*expected, ("source", "missing_file")])


def rejects(corpus: Path) -> Iterator[dict[str, str]]:
    for path in (corpus / "rejects").glob("*.arrow"):
        with pa.ipc.open_stream(path) as reader:
            yield from reader.read_all().to_pylist()
