"""The front end alone: lengths, semantics, refusals, and bits that do not depend on where a frame stands."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from processors.audio.log_mel import BLOCK, HOP, MAX_PEAK, WINDOW, log_mel, num_audio_tokens, num_frames
from schemas.outcome import Refused
from tests.processors.audio.clips import sine

NOISE = (np.random.default_rng(5).standard_normal(16_000 * 9) * 0.1).astype(np.float32)
HASH = (
    "import hashlib, numpy as np; from processors.audio.log_mel import log_mel;"
    "x = (np.random.default_rng(5).standard_normal(144000) * 0.1).astype(np.float32);"
    "print(hashlib.sha256(log_mel(x).tobytes()).hexdigest())"
)


@pytest.mark.parametrize("num_samples", [400, 559, 560, 561, 16_000, (BLOCK - 1) * HOP + WINDOW, BLOCK * HOP + WINDOW, 143_999])
def test_lengths(num_samples: int) -> None:
    features = log_mel(NOISE[:num_samples])
    assert features.shape == (num_frames(num_samples), 80)
    assert features.dtype == np.float32
    assert features.flags.c_contiguous
    assert len(features) == len(range(0, num_samples - WINDOW + 1, HOP))


def test_tokens_never_fall_and_take_80_ms_each() -> None:
    counts = [num_audio_tokens(frames) for frames in range(200)]
    assert counts == [(frames + 7) // 8 for frames in range(200)]
    assert num_audio_tokens(num_frames(399)) == 0


@pytest.mark.parametrize("first", [1, 2, 7, 63, BLOCK - 1, BLOCK, BLOCK + 1, 301])
def test_bits_do_not_depend_on_the_place_in_the_clip(first: int) -> None:
    whole = log_mel(NOISE)
    assert np.array_equal(log_mel(NOISE[first * HOP :]), whole[first:])
    assert np.array_equal(log_mel(NOISE[: first * HOP + WINDOW]), whole[: first + 1])
    one = NOISE[first * HOP : first * HOP + WINDOW]
    assert np.array_equal(log_mel(one)[0], whole[first])


@pytest.mark.parametrize("threads", ["1", "2", "4"])
def test_bits_do_not_depend_on_blas_threads(threads: str) -> None:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    done = subprocess.run([sys.executable, "-c", HASH], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(log_mel(NOISE).tobytes()).hexdigest()


def test_definition_frame_by_frame() -> None:
    """A plain float64 computation of a few frames, straight from the definition."""
    features = log_mel(NOISE, hf_compat=True)
    edges = np.linspace(0, 1127 * np.log(1 + 7690 / 700), 82)
    bins = 1127 * np.log(1 + 31.25 * np.arange(257) / 700)
    bank = np.stack([np.interp(bins, edges[band : band + 3], [0, 1, 0]) for band in range(80)], axis=1)
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 399)
    for number in (0, 1, 127, 128, 500):
        frame = NOISE[number * 160 : number * 160 + 400].astype(np.float64)
        before = np.concatenate([frame[:1], frame[:-1]])
        power = np.abs(np.fft.rfft(32_768 * (frame - 0.97 * before) * window, 512)) ** 2
        assert np.abs(features[number] - np.log(np.maximum(power @ bank, 1.0))).max() < 2e-5


def test_official_bank_differs_in_the_last_band_alone() -> None:
    official, compat = log_mel(NOISE), log_mel(NOISE, hf_compat=True)
    assert np.array_equal(official[:, :79], compat[:, :79])
    assert 0 < np.abs(official[:, 79] - compat[:, 79]).max() < 0.02
    assert (official[:, 79] <= compat[:, 79]).all()


def test_silence_is_exactly_zero() -> None:
    assert not log_mel(np.zeros(16_000, np.float32)).any()
    assert log_mel(NOISE * np.float32(1e-4)).min() == 0.0


def test_input_is_not_touched_and_views_are_taken() -> None:
    before = NOISE.copy()
    frozen = NOISE[::2]
    frozen.flags.writeable = False
    assert np.array_equal(log_mel(frozen), log_mel(frozen.copy()))
    assert np.array_equal(before, NOISE)


def refusal(samples: np.ndarray) -> str:
    with pytest.raises(Refused) as caught:
        log_mel(samples)
    return caught.value.reason.name


def test_too_few_samples() -> None:
    assert refusal(NOISE[:399]) == refusal(NOISE[:0]) == "too_few_samples"
    assert len(log_mel(NOISE[:400])) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(value: float) -> None:
    samples = sine()
    samples[7_777] = value
    assert refusal(samples) == "not_finite"


def test_out_of_range() -> None:
    assert refusal(sine() * 32_768) == "out_of_range"
    assert refusal(-sine() * 1e30) == "out_of_range"
    assert np.isfinite(log_mel((sine() * 2 * MAX_PEAK).clip(-MAX_PEAK, MAX_PEAK))).all()


def test_callers_bugs_are_not_data() -> None:
    with pytest.raises(TypeError, match="int16"):
        log_mel(np.zeros(1_000, np.int16))
    with pytest.raises(ValueError, match=r"\(1000, 2\)"):
        log_mel(np.zeros((1_000, 2), np.float32))


def test_half_an_hour_takes_no_more_memory_than_its_result() -> None:
    samples = np.zeros(1_800 * 16_000, np.float32)
    tracemalloc.start()
    features = log_mel(samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert features.shape == (179_998, 80)
    assert peak < features.nbytes + 4_000_000
