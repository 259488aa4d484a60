"""The log-Mel front end of Phi-4-multimodal: 80 bands, 25 ms frames every 10 ms, 16 kHz mono.

Every constant is the model's: symmetric Hamming window of 400, pre-emphasis 0.97 inside each frame, scale 32768, FFT of
512 with the frame padded at its end, power spectrum, triangles linear in mel up to 7690 Hz without area normalisation,
floor 1.0 before the natural logarithm. Official semantics use bins 1..245; `hf_compat` also uses bin 246, as the
transformers port does (it moves band 79 of white noise by at most 0.0072).

Precision: pre-emphasis rounds to float32 as the reference does, the transform is float64, the spectrum is rounded to
float32 before it is squared. A float32 transform is half again as fast and not good enough: its error follows the loudest
bin of a frame, and in a loud tone the quiet bands move by whole units, against an agreement of 1e-5.

Speed, each measured: pre-emphasis is taken once over the samples and mended at each frame's first; the frames are copied to
float64 and then multiplied by the window repeated to a whole block, since one long product is three times as fast as a
product of 400 a row; real and imaginary parts are squared where they lie; a bin lies in two filters at most, so the bands are
sums of few rows, no matrix product (which BLAS rounds by the place of a row on some processors).
Source: the feature extractor published with microsoft/Phi-4-multimodal-instruct.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from schemas.outcome import Reason, Refused
from schemas.parts import NUM_MEL_BANDS

WINDOW = 400
HOP = 160
FFT = 512
NUM_BINS = FFT // 2 + 1
PRE_EMPHASIS = np.float32(0.97)
SCALE = 32_768.0
MAX_HZ = 7_690.0
BIN_HZ = 31.25
MAX_PEAK = 64.0  # 36 dB over full scale: a float file may clip by some dB, integers that were never scaled are far above
BLOCK = 128  # frames; the buffers of a block are about 2 MB, and fewer frames make numpy's cost of a call show
FRAMES_PER_TOKEN = 8

TOO_FEW_SAMPLES = Reason("too_few_samples", "The clip is shorter than one 25 ms frame")
NOT_FINITE = Reason("not_finite", "The audio holds NaN or infinite samples")
OUT_OF_RANGE = Reason("out_of_range", "Samples lie far outside [-1, 1], such as integers that were never scaled")
LOG_MEL_REASONS = (TOO_FEW_SAMPLES, NOT_FINITE, OUT_OF_RANGE)


def num_frames(num_samples: int) -> int:
    """Frames of a clip of 16 kHz samples; samples that fill no frame are dropped."""
    return max(0, (num_samples - WINDOW) // HOP + 1)


def num_audio_tokens(frames: int) -> int:
    """Tokens that the model takes for so many frames: one for each 8, rounded up (80 ms a token)."""
    return -(-frames // FRAMES_PER_TOKEN)


def mel(hz: float | np.ndarray) -> float | np.ndarray:
    """Position on the mel scale. Units: Hz in, mel out."""
    return 1127.0 * np.log(1.0 + np.asarray(hz) / 700.0)


@functools.cache
def mel_matrix(hf_compat: bool = False) -> np.ndarray:
    """The filter bank. Shapes: (257, 80) float32."""
    edges = np.linspace(mel(0.0), mel(MAX_HZ), NUM_MEL_BANDS + 2)
    spacing = edges[1] - edges[0]
    bins = mel(BIN_HZ * np.arange(NUM_BINS))[:, None]  # type: ignore[index]
    rising = (bins - edges[None, :-2]) / spacing
    falling = (edges[None, 2:] - bins) / spacing
    bank = np.maximum(0.0, np.minimum(rising, falling))
    if not hf_compat:
        bank[246:] = 0.0
        bank[0] = 0.0
    return bank.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Bank:
    """The filter bank for sums without a matrix product, whose bits on some processors depend on a row's place among the others.

    Between two neighbouring edges lies a band of bins, in which one filter rises and the one below falls; bands stand here by how
    many bins they have. `bins` are the first bins of all bands, then the second ones of those that have two, and so on: the
    n-th place takes `counts[n]` of them. `places` says where each band stands. Shapes of weights: (bins, 1).
    """

    bins: np.ndarray
    rising: np.ndarray
    falling: np.ndarray
    counts: tuple[int, ...]
    places: np.ndarray


@functools.cache
def _bank(hf_compat: bool) -> _Bank:
    bank = mel_matrix(hf_compat)
    edges = np.linspace(mel(0.0), mel(MAX_HZ), NUM_MEL_BANDS + 2)
    bins = np.flatnonzero(bank.any(axis=1))
    bands = np.searchsorted(edges, mel(BIN_HZ * bins), side="right") - 1
    widest_first = np.argsort(-np.bincount(bands, minlength=NUM_MEL_BANDS + 1), kind="stable")
    stands = np.argsort(widest_first)
    nth = np.arange(len(bins)) - np.searchsorted(bands, bands)
    order = np.lexsort((stands[bands], nth))
    bins, bands = bins[order], bands[order]
    wide = np.pad(bank, ((0, 0), (1, 1)))  # the first band has no filter that falls, the last one none that rises
    counts = tuple(int(count) for count in np.bincount(nth))
    return _Bank(bins, wide[bins, bands + 1][:, None], wide[bins, bands][:, None], counts, stands)


@functools.cache
def _windows() -> np.ndarray:
    """The scaled window, once for each frame of a block, zero where a frame is padded. Shapes: (BLOCK, 512) float64."""
    window = np.zeros(FFT)
    window[:WINDOW] = SCALE * (0.54 - 0.46 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1)))
    return np.tile(window, (BLOCK, 1))


def log_mel(samples: np.ndarray, hf_compat: bool = False) -> np.ndarray:
    """The log-Mel features of a clip. A frame's bits depend on its own 400 samples alone, wherever it stands in the clip.

    Shapes: samples (n,) float32 mono 16 kHz in [-1, 1]; result (num_frames(n), 80) float32, smallest value exactly 0.
    Raises: Refused with one of LOG_MEL_REASONS; TypeError or ValueError for integers or several channels (a caller's bug).
    """
    if samples.ndim != 1:
        raise ValueError(f"log_mel takes mono samples of shape (n,), got {samples.shape}")
    if samples.dtype.kind != "f":
        raise TypeError(f"log_mel takes float samples in [-1, 1], got {samples.dtype}; divide integers by their full scale")
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    frames = num_frames(len(samples))
    if frames == 0:
        raise Refused(TOO_FEW_SAMPLES, f"{len(samples)} samples, one frame takes {WINDOW}")
    _check_range(samples)
    features = np.empty((frames, NUM_MEL_BANDS), np.float32)
    work = _Work()
    for start in range(0, frames, BLOCK):
        stop = min(start + BLOCK, frames)
        _block(samples[start * HOP : (stop - 1) * HOP + WINDOW], features[start:stop], hf_compat, work)
    return features


def _check_range(samples: np.ndarray) -> None:
    low, high = float(samples.min()), float(samples.max())  # NaN goes through both
    if not (np.isfinite(low) and np.isfinite(high)):
        raise Refused(NOT_FINITE, f"{int((~np.isfinite(samples)).sum())} of {len(samples)} samples are NaN or infinite")
    if max(-low, high) > MAX_PEAK:
        raise Refused(OUT_OF_RANGE, f"samples reach {max(-low, high):g}, full scale is 1 and {MAX_PEAK:g} the most that is taken")


class _Work:
    """Buffers of one call, reused by its blocks; about 2 MB, whatever the clip's length."""

    def __init__(self) -> None:
        self.emphasised = np.zeros((BLOCK - 1) * HOP + WINDOW, np.float32)
        self.windows = np.lib.stride_tricks.sliding_window_view(self.emphasised, WINDOW)[::HOP]  # of the buffer above
        self.frames = np.zeros((BLOCK, FFT), np.float64)
        self.spectrum = np.empty((BLOCK, NUM_BINS), np.complex128)
        self.squares = np.empty((BLOCK, 2 * NUM_BINS), np.float32)
        self.power = np.empty((NUM_BINS, BLOCK), np.float32)
        self.rising = np.zeros((NUM_MEL_BANDS + 1, BLOCK), np.float32)  # by band
        self.falling = np.zeros((NUM_MEL_BANDS + 1, BLOCK), np.float32)


def _block(samples: np.ndarray, out: np.ndarray, hf_compat: bool, work: _Work) -> None:
    """Features of up to BLOCK frames; every step works on BLOCK of them, full or not."""
    rows = len(out)
    moved = work.emphasised[1 : len(samples)]  # [0] is never used: a frame's first sample is its own predecessor
    np.multiply(samples[:-1], PRE_EMPHASIS, out=moved)
    np.subtract(samples[1:], moved, out=moved)
    firsts = samples[: rows * HOP : HOP]
    work.frames[:, :WINDOW] = work.windows
    work.frames[:rows, 0] = firsts - PRE_EMPHASIS * firsts
    np.multiply(work.frames, _windows(), out=work.frames)
    np.fft.rfft(work.frames, axis=1, out=work.spectrum)
    np.copyto(work.squares, work.spectrum.view(np.float64), casting="same_kind")
    np.multiply(work.squares, work.squares, out=work.squares)
    np.add(work.squares[:, 0::2].T, work.squares[:, 1::2].T, out=work.power)
    bank = _bank(hf_compat)
    power = work.power[bank.bins]
    rising, falling = power * bank.rising, np.multiply(power, bank.falling, out=power)
    start = first = bank.counts[0]
    for count in bank.counts[1:]:
        rising[:count] += rising[start : start + count]
        falling[:count] += falling[start : start + count]
        start += count
    work.rising[:first], work.falling[:first] = rising[:first], falling[:first]  # bands without a bin, beyond, stay 0
    mels = work.rising[bank.places[:-1]] + work.falling[bank.places[1:]]
    np.maximum(mels[:, :rows].T, np.float32(1.0), out=out)
    np.log(out, out=out)
