"""Hours of audio a core-hour from FLAC to log-Mel: ours against a lhotse loop and a torchaudio loop over the same files.

Each contender decodes, mixes to mono, resamples to 16 kHz and makes 80 bands in frames of 25 ms every 10 ms, one thread each.
The front ends differ in their constants (window, scale, floor), not in their size. Ours alone also checks that a
file is whole and its samples finite. Rounds are interleaved and CPU time is taken, so that a busy machine moves all figures together.
"""

# ruff: noqa: E402

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before numpy loads its BLAS

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from pipelines.sample.speech import VOICES, sentences, speak
from processors.audio.decode import decode_audio
from processors.audio.log_mel import log_mel
from processors.audio.quality import measure
from processors.torch_audio import import_torchaudio

NUM_CLIPS, CLIP_S = 12, 15
ROUNDS = 7
RATE_HZ = 16_000


def flac_files(folder: Path, rate_hz: int) -> list[Path]:
    """Clips of CLIP_S seconds of Flite's speech at a rate."""
    texts = sentences(0, 4 * NUM_CLIPS)
    paths = []
    for number in range(NUM_CLIPS):
        said = [speak(text, VOICES[number % len(VOICES)])[0] for text in texts[4 * number : 4 * number + 4]]
        samples = np.resize(np.concatenate(said), CLIP_S * RATE_HZ)
        samples = samples if rate_hz == RATE_HZ else soxr.resample(samples, RATE_HZ, rate_hz)
        paths.append(folder / f"{number}_{rate_hz}.flac")
        soundfile.write(paths[-1], np.clip(samples, -1, 1), rate_hz, subtype="PCM_16")
    return paths


def ours(path: Path) -> np.ndarray:
    return log_mel(decode_audio(path.read_bytes()).samples)


def ours_measured(path: Path) -> dict[str, Any]:
    samples = decode_audio(path.read_bytes()).samples
    log_mel(samples)
    return measure(samples)


def lhotse_loop() -> Callable[[Path], Any]:
    from lhotse import Fbank, FbankConfig, MonoCut, Recording

    extractor = Fbank(FbankConfig(num_filters=80))

    def run(path: Path) -> Any:
        recording = Recording.from_file(path)
        cut = MonoCut(path.stem, 0.0, recording.duration, 0, recording=recording)
        cut = cut if recording.sampling_rate == RATE_HZ else cut.resample(RATE_HZ)
        return cut.compute_features(extractor)

    return run


def torchaudio_loop(rate_hz: int) -> Callable[[Path], Any]:
    import torch

    torchaudio = import_torchaudio()
    torch.set_num_threads(1)
    resample = torchaudio.transforms.Resample(rate_hz, RATE_HZ)  # its default filter: faster, and cruder, than its Kaiser window
    mel = torchaudio.transforms.MelSpectrogram(RATE_HZ, n_fft=512, win_length=400, hop_length=160, n_mels=80, center=False)

    def run(path: Path) -> Any:
        samples, _ = soundfile.read(io.BytesIO(path.read_bytes()), dtype="float32", always_2d=True)
        return torch.log(mel(resample(torch.from_numpy(samples.mean(axis=1)))).clamp_min(1e-10))

    return run


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for rate_hz in (44_100, 16_000):
            compare(flac_files(Path(folder), rate_hz), rate_hz)


def compare(paths: list[Path], rate_hz: int) -> None:
    contenders: dict[str, Callable[[Path], Any]] = {
        "ours": ours,
        "ours, with MeasureAudio": ours_measured,
        "lhotse": lhotse_loop(),
        "torchaudio": torchaudio_loop(rate_hz),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(ROUNDS + 1):
        for name, function in contenders.items():
            start = time.process_time()  # of all threads, should one appear
            for path in paths:
                function(path)
            if number:  # the first round warms up
                seconds[name].append(time.process_time() - start)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    audio_s = NUM_CLIPS * CLIP_S
    print(f"{NUM_CLIPS} FLAC files of {CLIP_S} s at {rate_hz} Hz, median CPU time of {ROUNDS} interleaved rounds")
    for name, value in median.items():
        print(f"  {name:24} {value / NUM_CLIPS * 1e3:7.2f} ms a clip   {audio_s / value:6.0f} hours of audio a core-hour")
    print(
        f"  ours is {median['lhotse'] / median['ours']:.2f} x as fast as lhotse, {median['torchaudio'] / median['ours']:.2f} x as torchaudio"
    )


if __name__ == "__main__":
    main()
