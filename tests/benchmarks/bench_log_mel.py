"""Log-Mel on one core: ours against transformers' extractor, and against the bare real FFT of the same frames.

Rounds are interleaved and each contender's CPU time is taken, so that a busy machine moves all figures together.
"""

# ruff: noqa: E402

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before numpy loads its BLAS

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from processors.audio.log_mel import FFT, HOP, WINDOW, log_mel, num_frames
from tests.hf import import_transformers

SECONDS = 30
ROUNDS = 15


def timed(function: Callable[[], object]) -> float:
    """CPU seconds of this thread."""
    start = time.thread_time()
    function()
    return time.thread_time() - start


def main() -> None:
    torch.set_num_threads(1)
    samples = (np.random.default_rng(0).standard_normal(SECONDS * 16_000) * 0.1).astype(np.float32)
    extractor = import_transformers().Phi4MultimodalFeatureExtractor()
    frames = np.zeros((num_frames(len(samples)), FFT))  # already windowed and padded: the transform alone is timed
    frames[:, :WINDOW] = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    spectrum = np.empty((len(frames), FFT // 2 + 1), np.complex128)
    contenders: dict[str, Callable[[], object]] = {
        "ours": lambda: log_mel(samples),
        "transformers": lambda: extractor([samples], sampling_rate=16_000),
        "bare float64 FFT": lambda: np.fft.rfft(frames, axis=1, out=spectrum),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(ROUNDS + 2):
        for name, function in contenders.items():
            took = timed(function)
            if number >= 2:  # the first rounds warm up
                seconds[name].append(took)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{SECONDS} s clip, one thread, median CPU time of {ROUNDS} interleaved rounds")
    for name, value in median.items():
        print(f"  {name:18} {value * 1e3:8.2f} ms   {SECONDS / value:8.0f} x real time")
    faster, floor = median["transformers"] / median["ours"], median["ours"] / median["bare float64 FFT"]
    print(f"  ours is {faster:.2f} x as fast as transformers, and takes {floor:.2f} x the time of the bare FFT")


if __name__ == "__main__":
    main()
