"""The log-Mel front end of Phi-4-multimodal: 80 bands, 25 ms frames every 10 ms, 16 kHz mono.

Every constant is the model's: symmetric Hamming window of 400, pre-emphasis 0.97 inside each frame, scale 32768, FFT of
512 with the frame padded at its end, power spectrum, triangles linear in mel up to 7690 Hz without area normalisation,
floor 1.0 before the natural logarithm. Official semantics use bins 1..245; `hf_compat` also uses bin 246, as the
transformers port does (it moves band 79 of white noise by at most 0.0072).

Speed: pre-emphasis is taken once over the samples and mended at each frame's first; the transform is a float64 real FFT
(float32 would miss the 1e-5 agreement); the filter bank is multiplied in groups of bands that share few bins.
Source: the feature extractor published with microsoft/Phi-4-multimodal-instruct.
"""

from __future__ import annotations

import functools

import numpy as np

from schemas.outcome import Reason, Refused
from schemas.parts import NUM_MEL_BANDS

WINDOW = 400
HOP = 160
FFT = 512
PRE_EMPHASIS = np.float32(0.97)
SCALE = np.float32(32_768)
MAX_HZ = 7_690.0
BIN_HZ = 31.25
BLOCK = 256  # frames; its buffers stay in the second-level cache
NUM_GROUPS = 8
FRAMES_PER_TOKEN = 8

TOO_FEW_SAMPLES = Reason("too_few_samples", "The clip is shorter than one 25 ms frame")
NOT_FINITE = Reason("not_finite", "The audio holds NaN or infinite samples")


def num_frames(num_samples: int) -> int:
    """Frames of a clip of 16 kHz samples; samples that fill no frame are dropped."""
    return max(0, (num_samples - WINDOW) // HOP + 1)


def num_audio_tokens(frames: int) -> int:
    """Tokens that the model takes for so many frames: one for each 8, rounded up (80 ms a token)."""
    return -(-frames // FRAMES_PER_TOKEN)


def mel(hz: float | np.ndarray) -> float | np.ndarray:
    return 1127.0 * np.log(1.0 + np.asarray(hz) / 700.0)


@functools.cache
def mel_matrix(hf_compat: bool = False) -> np.ndarray:
    """The filter bank. Shapes: (257, 80) float32."""
    edges = np.linspace(mel(0.0), mel(MAX_HZ), NUM_MEL_BANDS + 2)
    spacing = edges[1] - edges[0]
    bins = mel(BIN_HZ * np.arange(FFT // 2 + 1))[:, None]
    rising = (bins - edges[None, :-2]) / spacing
    falling = (edges[None, 2:] - bins) / spacing
    bank = np.maximum(0.0, np.minimum(rising, falling))
    if not hf_compat:
        bank[246:] = 0.0
        bank[0] = 0.0
    return bank.astype(np.float32)


@functools.cache
def _band_groups(hf_compat: bool) -> tuple[tuple[int, int, int, int, np.ndarray], ...]:
    """(first band, last band, first bin, last bin, weights) for runs of neighbouring bands."""
    bank = mel_matrix(hf_compat)
    groups = []
    width = NUM_MEL_BANDS // NUM_GROUPS
    for low in range(0, NUM_MEL_BANDS, width):
        used = np.flatnonzero(bank[:, low : low + width].any(axis=1))
        start, stop = int(used[0]), int(used[-1]) + 1
        groups.append((low, low + width, start, stop, np.ascontiguousarray(bank[start:stop, low : low + width])))
    return tuple(groups)


@functools.cache
def _window() -> np.ndarray:
    return 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))


def log_mel(samples: np.ndarray, hf_compat: bool = False) -> np.ndarray:
    """The log-Mel features of a clip.

    Shapes: samples (n,) float32 mono 16 kHz in [-1, 1]; result (num_frames(n), 80) float32, smallest value exactly 0.
    Raises: Refused when there is no whole frame, or a sample is not finite.
    """
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    if samples.ndim != 1:
        raise ValueError(f"log_mel takes mono samples of shape (n,), got {samples.shape}")
    frames = num_frames(len(samples))
    if frames == 0:
        raise Refused(TOO_FEW_SAMPLES, f"{len(samples)} samples, one frame takes {WINDOW}")
    if not np.isfinite(samples).all():
        raise Refused(NOT_FINITE, f"{int((~np.isfinite(samples)).sum())} of {len(samples)} samples are NaN or infinite")
    features = np.empty((frames, NUM_MEL_BANDS), np.float32)
    work = _Work()
    for start in range(0, frames, BLOCK):
        stop = min(start + BLOCK, frames)
        _block(samples[start * HOP : (stop - 1) * HOP + WINDOW], features[start:stop], hf_compat, work)
    np.log(features, out=features)
    return features


class _Work:
    """Buffers of one call, reused by its blocks."""

    def __init__(self) -> None:
        self.padded = np.zeros((BLOCK, FFT), np.float64)
        self.spectrum = np.empty((BLOCK, FFT // 2 + 1), np.complex128)
        self.power = np.zeros((BLOCK, FFT // 2 + 1), np.float32)
        self.mel = np.empty((BLOCK, NUM_MEL_BANDS // NUM_GROUPS), np.float32)


def _block(samples: np.ndarray, out: np.ndarray, hf_compat: bool, work: _Work) -> None:
    """Clamped mel power of one block. The matrix product always has BLOCK rows, so that a frame's bits do not depend on how many share it."""
    rows = len(out)
    emphasised = np.empty(len(samples), np.float32)
    emphasised[0] = 0.0  # overwritten in every frame below
    np.multiply(samples[:-1], PRE_EMPHASIS, out=emphasised[1:])
    np.subtract(samples[1:], emphasised[1:], out=emphasised[1:])
    emphasised *= SCALE
    frames = np.lib.stride_tricks.sliding_window_view(emphasised, WINDOW)[::HOP]
    np.multiply(frames, _window(), out=work.padded[:rows, :WINDOW])
    firsts = samples[::HOP][:rows]
    work.padded[:rows, 0] = (firsts - PRE_EMPHASIS * firsts) * SCALE * _window()[0]
    np.fft.rfft(work.padded[:rows], axis=1, out=work.spectrum[:rows])
    spectrum = work.spectrum[:rows]
    np.multiply(spectrum.real, spectrum.real, out=spectrum.real)
    np.multiply(spectrum.imag, spectrum.imag, out=spectrum.imag)
    np.add(spectrum.real, spectrum.imag, out=work.power[:rows], casting="same_kind")
    for low, high, start, stop, weights in _band_groups(hf_compat):
        np.matmul(work.power[:, start:stop], weights, out=work.mel)
        np.maximum(work.mel[:rows], np.float32(1.0), out=out[:, low:high])
