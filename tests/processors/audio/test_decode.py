"""Decoding: formats agree, every refusal has its cause and its nearest neighbour, hostile bytes never raise otherwise."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from processors.audio import decode
from processors.audio.decode import DECODE_REASONS, decode_audio
from schemas.outcome import Refused
from tests.processors.audio.clips import encoded, flac_with_length, sine, written

EXACT = [("WAV", "PCM_16", 2**-16), ("WAV", "PCM_24", 2**-24), ("WAV", "PCM_32", 2**-24), ("WAV", "FLOAT", 0.0), ("WAV", "DOUBLE", 0.0)]
EXACT += [("WAV", "PCM_U8", 2**-7), ("FLAC", "PCM_16", 2**-16), ("FLAC", "PCM_24", 2**-24), ("AIFF", "PCM_16", 2**-16)]
EXACT += [("NIST", "PCM_16", 2**-16), ("CAF", "PCM_16", 2**-16), ("AU", "PCM_16", 2**-16), ("NIST", "ULAW", 0.02)]
LOSSY = [
    ("ogg", "libopus", 48_000),
    ("mp3", "libmp3lame", 44_100),
    ("ipod", "aac", 44_100),
    ("adts", "aac", 22_050),
    ("webm", "libopus", 48_000),
]


def refusal(data: bytes, **options: float) -> str:
    with pytest.raises(Refused) as caught:
        decode_audio(data, **options)  # type: ignore[arg-type]
    assert caught.value.reason in DECODE_REASONS
    assert caught.value.detail
    return caught.value.reason.name


@pytest.mark.parametrize(("format", "subtype", "step"), EXACT)
def test_exact_formats_give_the_same_samples(format: str, subtype: str, step: float) -> None:
    clip = decode_audio(written(sine(), format, subtype))
    assert (len(clip.samples), clip.samples.dtype, clip.source_rate_hz, clip.num_channels) == (16_000, np.float32, 16_000, 1)
    assert clip.source_seconds == 1.0
    assert np.abs(clip.samples - sine()).max() <= step * 2.01  # the writer cuts or rounds as the format likes


def test_flac_and_wave_are_equal_bit_for_bit() -> None:
    integers = (sine() * 32_767).astype(np.int16)
    for format in ("WAV", "FLAC", "AIFF", "NIST", "CAF"):
        assert np.array_equal(decode_audio(written(integers, format)).samples, integers.astype(np.float32) / 32_768)


@pytest.mark.parametrize(("container", "codec", "rate"), LOSSY)
def test_lossy_formats_come_close(container: str, codec: str, rate: int) -> None:
    clip = decode_audio(encoded(sine(2.0, rate), container, codec, rate))
    assert clip.source_rate_hz == rate
    assert len(clip.samples) == pytest.approx(32_000, abs=0.2 * 16_000)
    middle = clip.samples[8_000:24_000].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle))
    assert int(spectrum.argmax()) == 440
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_vorbis_comes_close() -> None:
    assert np.abs(decode_audio(written(sine(), "OGG", "VORBIS")).samples[1_000:-1_000] - sine()[1_000:-1_000]).max() < 0.05


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_rates_keep_pitch_level_and_length(rate: int) -> None:
    clip = decode_audio(written(sine(2.0, rate), rate=rate))
    assert abs(len(clip.samples) - 32_000) <= 1
    assert np.abs(clip.samples[4_000:28_000] - sine(2.0)[4_000:28_000]).max() < 2e-4


def test_resampling_does_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    data = written(sine(3.0, 44_100), rate=44_100)
    whole = decode_audio(data).samples
    monkeypatch.setattr(decode, "BLOCK_SAMPLES", 10_007)
    blocks = decode_audio(data).samples
    assert len(whole) == len(blocks)
    assert np.abs(whole - blocks).max() < 1e-6


def test_channels_are_averaged() -> None:
    channels = np.stack([sine() * gain for gain in (1.0, 0.5, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0)], axis=1)
    clip = decode_audio(written(channels, subtype="FLOAT"))
    assert clip.num_channels == 8
    assert np.abs(clip.samples - sine() / 4).max() < 1e-7


@pytest.mark.parametrize("format", ["WAV", "FLAC", "mp3"])
def test_a_segment_is_the_slice_of_the_whole(format: str) -> None:
    noise = (np.random.default_rng(0).standard_normal(4 * 16_000) * 0.1).astype(np.float32)
    data = encoded(noise, "mp3", "libmp3lame", 16_000) if format == "mp3" else written(noise, format)
    whole = decode_audio(data).samples
    assert np.array_equal(decode_audio(data, offset_s=1.25, duration_s=0.5).samples, whole[20_000:28_000])
    assert np.array_equal(decode_audio(data, offset_s=1.25).samples, whole[20_000:])
    assert len(decode_audio(data, offset_s=3.0, duration_s=1.05).samples) == 16_000  # rounding of a manifest is forgiven
    assert refusal(data, offset_s=3.0, duration_s=1.2) == "bad_segment"
    assert refusal(data, offset_s=5.0) == "bad_segment"


@pytest.mark.parametrize("options", [{"offset_s": -0.1}, {"offset_s": float("nan")}, {"duration_s": 0.0}, {"duration_s": float("inf")}])
def test_senseless_segments(options: dict[str, float]) -> None:
    assert refusal(written(sine()), **options) == "bad_segment"


def test_empty() -> None:
    assert refusal(b"") == "empty_audio"
    assert refusal(written(sine()[:0])) == "empty_audio"
    assert refusal(written(sine()[:0], "OGG", "VORBIS")) == "empty_audio"
    assert len(decode_audio(written(sine()[:1])).samples) == 1


def picture(format: str) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (40, 40)).save(sink, format)
    return sink.getvalue()


def test_not_audio() -> None:
    assert refusal(b"Once upon a time there was no audio.\n" * 50) == "not_audio"
    assert refusal(bytes(5_000)) == "not_audio"
    assert refusal(picture("PNG")) == "no_audio_stream"
    assert refusal(picture("GIF")) == "no_audio_stream"


@pytest.mark.parametrize(
    ("format", "subtype"), [("WAV", "PCM_16"), ("AIFF", "PCM_16"), ("NIST", "PCM_16"), ("NIST", "ULAW"), ("OGG", "VORBIS"), ("OGG", "OPUS")]
)
def test_cut_files_are_truncated_from_the_first_missing_byte(format: str, subtype: str) -> None:
    data = written(sine(2.0), format, subtype)
    for length in (len(data) - 1, len(data) * 2 // 3):
        assert refusal(data[:length]) == "truncated_audio"
    assert abs(len(decode_audio(data + bytes(500)).samples) - 32_000) <= 400  # what follows the audio is not audio


@pytest.mark.parametrize(
    ("container", "codec", "rate"), [("ipod", "aac", 44_100), ("webm", "libopus", 48_000), ("mp3", "libmp3lame", 44_100)]
)
def test_cut_encoded_files(container: str, codec: str, rate: int) -> None:
    data = encoded(sine(3.0, rate), container, codec, rate)
    assert refusal(data[: len(data) // 2]) in ("truncated_audio", "corrupt_audio")
    assert len(decode_audio(data).samples) >= 47_000


def test_broken_inside() -> None:
    for data in (written(sine(2.0), "FLAC"), written(sine(8.0), "OGG", "OPUS"), encoded(sine(3.0), "adts", "aac", 16_000)):
        middle = len(data) // 2
        assert refusal(data[:middle] + b"\xa5" * 64 + data[middle + 64 :]) == "corrupt_audio"
    assert refusal(written(sine(), "FLAC")[:60]) == "corrupt_audio"  # no sample follows the header
    assert refusal(written(sine(), "FLAC")[:-1]) == "corrupt_audio"


def test_headers_that_lie() -> None:
    wave, flac = written(sine()), written(sine(), "FLAC")
    ten_hours = 36_000 * 16_000
    tracemalloc.start()
    assert refusal(wave[:40] + (2 * ten_hours).to_bytes(4, "little") + wave[44:]) == "truncated_audio"
    assert refusal(flac_with_length(flac, ten_hours)) == "audio_too_long"
    assert refusal(flac_with_length(flac, 32_000)) == "corrupt_audio"
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    assert len(decode_audio(wave[:40] + b"\xff\xff\xff\xff" + wave[44:]).samples) == 16_000  # written to a pipe
    assert np.array_equal(decode_audio(flac_with_length(flac, 0)).samples, decode_audio(flac).samples)


def test_bounds() -> None:
    assert refusal(written(sine(2.0)), max_seconds=1.9) == "audio_too_long"
    assert refusal(encoded(sine(2.0), "adts", "aac", 16_000), max_seconds=1.9) == "audio_too_long"
    assert len(decode_audio(written(sine(2.0)), max_seconds=2.0).samples) == 32_000
    assert len(decode_audio(written(sine(9.0)), duration_s=1.0, max_seconds=2.0).samples) == 16_000
    assert refusal(written(sine(1.0), rate=999)) == "bad_rate"
    assert len(decode_audio(written(sine(1.0)[:2_000], rate=1_000)).samples) == 32_000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(value: float) -> None:
    samples = sine()
    samples[-1] = value
    assert refusal(written(samples, subtype="FLOAT")) == "not_finite"


def test_hostile_bytes_are_refused_or_decoded_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    seeds = [written(sine(0.5)), written(sine(0.5), "FLAC"), written(sine(0.5), "OGG", "VORBIS"), written(sine(0.5), "NIST")]
    seeds += [
        encoded(sine(0.5, 44_100), container, "libmp3lame" if container == "mp3" else "aac", 44_100)
        for container in ("mp3", "ipod", "adts")
    ]
    seeds += [rng.bytes(2_000), b"\xff\xfb\x90\x00" * 200, b"ID3", b"OggS", b"RIFF\0\0\0\0WAVE", b"fLaC", b"NIST_1A\n", b"a"]
    refused = 0
    for seed in seeds:
        for _ in range(12):
            data = bytearray(seed)
            for place in rng.integers(0, len(data), 8):
                data[place] = rng.integers(256)
            try:
                samples = decode_audio(bytes(data[: rng.integers(1, len(data) + 1)])).samples
                assert np.isfinite(samples).all()
            except Refused as error:
                assert error.reason in DECODE_REASONS
                refused += 1
    assert refused > 90
    assert capfd.readouterr().err == ""
