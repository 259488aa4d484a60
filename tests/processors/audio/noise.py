"""Speech and noise for the audio tests: Flite's voices, Gaussian noise of known colour, mixtures of known ratio."""

from __future__ import annotations

import functools
import shutil

import numpy as np
import pytest

from pipelines.sample.speech import sentences, speak

RATE_HZ = 16_000
VOICES = ("slt", "rms", "awb", "kal16")


@functools.cache
def spoken(number: int = 0) -> np.ndarray:
    """A sentence by one of four voices. Shapes: (n,) float32 16 kHz. Skips the test where Flite is not installed."""
    if shutil.which("flite") is None:
        pytest.skip("flite is not on PATH")
    samples, rate_hz = speak(sentences(3, number + 1)[number], VOICES[number % len(VOICES)])
    assert rate_hz == RATE_HZ
    samples.flags.writeable = False
    return samples


def noise(num_samples: int, colour: str = "white", seed: int = 0) -> np.ndarray:
    """Gaussian noise of root mean square 1 between 60 and 8,000 Hz; pink loses 3 dB an octave, brown 6."""
    slope = {"white": 0.0, "pink": 0.5, "brown": 1.0}[colour]
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(num_samples))
    hz = np.fft.rfftfreq(num_samples, 1 / RATE_HZ)
    shaped = np.fft.irfft(spectrum * (hz >= 60) / np.maximum(hz, 1) ** slope, num_samples)
    return shaped / np.sqrt(np.mean(shaped**2))


def mixed(samples: np.ndarray, is_spoken: np.ndarray, snr_db: float, colour: str = "white", seed: int = 0) -> np.ndarray:
    """Speech with noise under it, so that the power of speech where it is spoken is `snr_db` above that of the noise."""
    power = np.mean(samples[is_spoken].astype(np.float64) ** 2)
    return (samples + noise(len(samples), colour, seed) * np.sqrt(power / 10 ** (snr_db / 10))).astype(np.float32)
