"""Log-Mel on one core: ours against transformers' extractor, and against the bare real FFT of the same frames."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from processors.audio.log_mel import FFT, HOP, WINDOW, log_mel, num_frames
from tests.hf import import_transformers

SECONDS = 30
ROUNDS = 9


def timed(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    torch.set_num_threads(1)
    samples = (np.random.default_rng(0).standard_normal(SECONDS * 16_000) * 0.1).astype(np.float32)
    extractor = import_transformers().Phi4MultimodalFeatureExtractor()
    frames = np.zeros((num_frames(len(samples)), FFT))
    frames[:, :WINDOW] = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    contenders: dict[str, Callable[[], object]] = {
        "ours": lambda: log_mel(samples),
        "transformers": lambda: extractor([samples], sampling_rate=16_000),
        "bare float64 FFT": lambda: np.fft.rfft(frames, axis=1),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(ROUNDS + 1):
        for name, function in contenders.items():
            took = timed(function)
            if number:  # the first round warms up
                seconds[name].append(took)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{SECONDS} s clip, one thread, median of {ROUNDS} rounds")
    for name, value in median.items():
        print(f"  {name:18} {value * 1e3:8.2f} ms   {SECONDS / value:8.0f} x real time")
    print(
        f"  ours is {median['transformers'] / median['ours']:.2f} x transformers, and takes {median['ours'] / median['bare float64 FFT']:.2f} x the bare FFT"
    )
