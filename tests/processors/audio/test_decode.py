"""Audio decoding: one signal in every format gives one result; hostile bytes give a declared reject."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipelines.sample.speech import _encode_aac
from processors.audio.decode import decode_audio
from processors.audio.log_mel import BLOCK, HOP, WINDOW, log_mel
from processors.audio.steps import DecodeAudio, KeepDuration, LogMel
from schemas.outcome import Refused, Reject
from schemas.parts import Audio
from schemas.records import Conversation, Origin, Turn

ORIGIN = Origin("test")


def sine(rate: int, seconds: float = 1.0, channels: int = 1) -> np.ndarray:
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)
    return np.repeat(wave[:, None], channels, 1).astype(np.float32)


def encoded(samples: np.ndarray, rate: int, format: str = "WAV", subtype: str | None = None) -> bytes:
    sink = io.BytesIO()
    soundfile.write(sink, samples, rate, format=format, subtype=subtype)
    return sink.getvalue()


def refused(data: bytes, **options: float) -> str:
    with pytest.raises(Refused) as caught:
        decode_audio(data, **options)
    return caught.value.reason.name


@pytest.mark.parametrize(
    ("format", "subtype", "tolerance"),
    [
        ("WAV", "PCM_U8", 0.01),
        ("WAV", "PCM_16", 4e-5),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "PCM_32", 1e-6),
        ("WAV", "FLOAT", 0),
        ("WAV", "DOUBLE", 1e-7),
    ]
    + [("FLAC", "PCM_16", 4e-5), ("FLAC", "PCM_24", 1e-6), ("AIFF", "PCM_16", 4e-5), ("NIST", "PCM_16", 4e-5)],
)
def test_lossless_formats_agree(format: str, subtype: str, tolerance: float) -> None:
    decoded = decode_audio(encoded(sine(16_000), 16_000, format, subtype))
    assert decoded.samples.shape == (16_000,)
    assert np.abs(decoded.samples - sine(16_000)[:, 0]).max() <= tolerance


@pytest.mark.parametrize(("format", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
def test_lossy_formats_are_close(format: str, subtype: str) -> None:
    decoded = decode_audio(encoded(sine(48_000, 2), 48_000, format, subtype))
    middle = decoded.samples[8_000:24_000]
    assert abs(len(decoded.samples) - 32_000) <= 1_200
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


def test_m4a_goes_through_ffmpeg(tmp_path: Path) -> None:
    _encode_aac(tmp_path / "x.m4a", sine(48_000, 2)[:, 0], 48_000)
    decoded = decode_audio((tmp_path / "x.m4a").read_bytes())
    assert decoded.format.endswith("/aac")
    assert np.sqrt(np.mean(decoded.samples[8_000:24_000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_any_rate_and_channels(rate: int, channels: int) -> None:
    decoded = decode_audio(encoded(sine(rate, 1, channels), rate, "WAV", "FLOAT"))
    assert (decoded.source_rate_hz, decoded.num_channels) == (rate, channels)
    assert abs(len(decoded.samples) - 16_000) <= 1
    expected = sine(16_000)[:, 0]
    assert np.abs(decoded.samples[2_000:14_000] - expected[2_000:14_000]).max() < 2e-3


def test_channels_are_averaged() -> None:
    both = np.concatenate([sine(16_000), -sine(16_000)], axis=1)
    assert np.abs(decode_audio(encoded(both, 16_000, "WAV", "FLOAT")).samples).max() == 0


def test_a_segment_is_what_the_whole_holds_there() -> None:
    data = encoded(np.random.default_rng(0).standard_normal((48_000, 1)).astype(np.float32) * 0.1, 16_000, "WAV", "FLOAT")
    whole = decode_audio(data).samples
    part = decode_audio(data, offset_s=1.0, duration_s=0.5).samples
    assert np.array_equal(part, whole[16_000:24_000])
    assert refused(data, offset_s=3.0) == "bad_segment"
    assert len(decode_audio(data, offset_s=2.9).samples) == 1_600


def test_hostile_and_broken_bytes() -> None:
    wave, flac = encoded(sine(16_000), 16_000), encoded(sine(16_000), 16_000, "FLAC")
    assert refused(b"") == "empty_audio"
    assert refused(b"no audio at all, a text") == "not_audio"
    assert refused(bytes(5_000)) == "not_audio"
    assert refused(wave[: len(wave) // 2]) == "truncated_audio"
    assert refused(flac[: len(flac) // 2]) in ("truncated_audio", "corrupt_audio")
    assert refused(encoded(sine(16_000, 0), 16_000)) == "empty_audio"
    assert refused(encoded(sine(16_000, 3), 16_000), max_seconds=2.0) == "audio_too_long"
    assert len(decode_audio(encoded(sine(16_000, 2), 16_000), max_seconds=2.0).samples) == 32_000


def test_a_header_of_ten_hours_over_one_second() -> None:
    wave = bytearray(encoded(sine(16_000), 16_000))
    wave[40:44] = struct.pack("<I", 36_000 * 32_000)
    assert refused(bytes(wave)) == "truncated_audio"
    wave[40:44] = struct.pack("<I", 0xFFFFFFFF)  # a length that programs write into a pipe
    assert len(decode_audio(bytes(wave)).samples) == 16_000


def test_a_cut_mp3_gives_what_is_there_or_is_refused() -> None:
    data = encoded(sine(44_100, 4), 44_100, "MP3", "MPEG_LAYER_III")
    try:
        assert len(decode_audio(data[: len(data) // 2]).samples) <= 40_000
    except Refused as error:
        assert error.reason.name in ("truncated_audio", "corrupt_audio")


def conversation(**audio: object) -> Conversation:
    return Conversation("k", ORIGIN, (Turn("user", (Audio(**audio),)),))  # type: ignore[arg-type]


def test_steps_measure_and_refuse() -> None:
    good = DecodeAudio()(conversation(source=encoded(sine(8_000, 2, 2), 8_000)))
    assert isinstance(good, Conversation)
    assert good.facts["audio.duration_s"] == 2.0
    assert (good.facts["audio.source_rate_hz"], good.facts["audio.source_channels"]) == (8_000, 2)
    assert good.facts["audio.peak"] == pytest.approx(0.5, abs=0.01)
    nan = DecodeAudio()(conversation(source=encoded(np.full(1_600, np.nan, np.float32), 16_000, "WAV", "FLOAT")))
    assert isinstance(nan, Reject)
    assert nan.reason == "not_finite"
    assert isinstance(KeepDuration(2.0, 2.0)(good), Conversation)
    assert KeepDuration(2.1, 9)(good).reason == "too_short"  # type: ignore[union-attr]
    assert KeepDuration(0, 1.9)(good).reason == "too_long"  # type: ignore[union-attr]
    one_frame = conversation(samples=sine(16_000)[:400, 0])
    assert LogMel()(one_frame).facts["audio.num_frames"] == 1  # type: ignore[union-attr]
    assert LogMel()(conversation(samples=sine(16_000)[:399, 0])).reason == "too_few_samples"  # type: ignore[union-attr]


def test_a_frame_does_not_depend_on_its_block() -> None:
    samples = np.random.default_rng(0).standard_normal((2 * BLOCK + 7) * HOP + WINDOW).astype(np.float32) * 0.1
    whole = log_mel(samples)
    for start in (1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3):
        assert np.array_equal(log_mel(samples[start * HOP :]), whole[start:]), start
