"""Where somebody speaks: voiced sound that rises above the background, and what adjoins it.

A frame is voiced when it repeats itself at a pitch of 70 to 400 Hz, has more than one harmonic, and stands above the clip's
quietest frames. Noise does not repeat itself, a whistle or sweep is one harmonic, and a steady hum does not stand above its
own level: none of them is speech. Voiced runs are then widened over the unvoiced sounds beside them and joined over short
gaps. Singing, music, crying and barking are voiced too and pass for speech; so do some ticks and crackles; whispering is
not found. The figures were set on mixtures of speech and noise: at 5 dB four fifths of the speech is found, at 0 dB half or more.
"""

from __future__ import annotations

import functools

import numpy as np
import soxr

from schemas.parts import SAMPLE_RATE_HZ

HOP = 160  # samples: frames of 10 ms
RATE_HZ = 4_000  # pitch and its first harmonics lie below 2 kHz
WINDOW = RATE_HZ // 25  # 40 ms, three periods of the lowest pitch
FFT = 256
MIN_LAG, MAX_LAG = RATE_HZ // 400, RATE_HZ // 70
MIN_HZ, MAX_HZ = 70.0, 1_750.0  # above, the resampler folds a little of what lies beyond 2 kHz back
BLOCK = 256  # frames: their spectra stay in the cache
MIN_PERIODICITY = 0.55
TONE_BINS, TONE_SHARE = 5, 0.995  # a frame with all its power so near one bin is a tone
MAX_BELOW_DB = 10.0  # by which the band of pitch may lie below the whole sound of a voiced frame
MIN_RISE_DB = 6.0  # of a voiced frame above the background
MIN_EDGE_RISE_DB = 4.0  # of what adjoins it
FLOOR_DB = -75.0  # of full scale: below, nothing is heard
MIN_VOICED = 5  # frames in a row
MAX_EDGE = 20  # frames of unvoiced sound on either side of a voiced run
MAX_GAP = 30  # frames between two runs that belong together


def level_db(samples: np.ndarray, hop: int = HOP) -> np.ndarray:
    """Level of each frame of `hop` samples, the last one as long as it is. Units: dB of full scale (a constant 1.0 is 0), at least -120."""
    whole = len(samples) // hop * hop
    squares = np.einsum("ij,ij->i", *(samples[:whole].reshape(-1, hop),) * 2, dtype=np.float64) / hop
    if whole < len(samples):
        squares = np.append(squares, np.mean(np.square(samples[whole:], dtype=np.float64)))
    return 10 * np.log10(np.maximum(squares, 1e-12))


def is_speech(samples: np.ndarray, max_gap: int = MAX_GAP) -> np.ndarray:
    """Whether each 10 ms frame is speech; gaps of up to `max_gap` frames between two stretches count as speech.

    Shapes: samples (n,) float32 mono 16 kHz; result (ceil(n / 160),) bool.
    """
    frames = -(-len(samples) // HOP)
    if len(samples) < 2 * HOP:
        return np.zeros(frames, bool)
    periodicity, rise_db, rise_all_db = _measure(samples, frames)
    voiced = _longer_runs((periodicity >= MIN_PERIODICITY) & (rise_db >= MIN_RISE_DB), MIN_VOICED)
    if not voiced.any():
        return voiced
    near = _within(voiced, MAX_EDGE)
    speech = voiced | (near & (rise_all_db >= MIN_EDGE_RISE_DB))
    return _filled(speech, max_gap)


def runs_of(mask: np.ndarray) -> np.ndarray:
    """Where a mask is true. Shapes: (runs, 2) starts and stops."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return edges.reshape(-1, 2)


def _measure(samples: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each frame: periodicity 0 to 1, and by how much the low band and the whole stand above the clip's background."""
    low = soxr.resample(samples, SAMPLE_RATE_HZ, RATE_HZ, quality="LQ")
    step = HOP * RATE_HZ // SAMPLE_RATE_HZ
    padded = np.zeros(frames * step + WINDOW, np.float32)
    lead = (WINDOW - step) // 2  # a frame lies in the middle of its window
    held = low[: len(padded) - lead]
    padded[lead : lead + len(held)] = held
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::step][:frames]
    hann, to_lags, in_band = _tables()
    periodicity, power = np.zeros(frames, np.float32), np.zeros(frames, np.float32)
    for start in range(0, frames, BLOCK):
        spectrum = np.fft.rfft(windows[start : start + BLOCK] * hann, FFT)[:, : len(in_band)]
        squares = np.square(spectrum.real) + np.square(spectrum.imag)
        is_tone = _one_harmonic(squares)
        squares *= in_band
        here = power[start : start + BLOCK]
        squares.sum(axis=1, out=here)
        best = (squares @ to_lags).max(axis=1)
        np.divide(best, here, out=periodicity[start : start + BLOCK], where=here > 0)
        periodicity[start : start + BLOCK][is_tone] = 0.0
    band_db = 10 * np.log10(np.maximum(power * (2 / (FFT * np.square(hann).sum())), 1e-12))
    all_db = level_db(samples)
    periodicity[band_db < all_db - MAX_BELOW_DB] = 0.0
    return periodicity, band_db - _background(band_db), all_db - _background(all_db)


@functools.cache
def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The window; what turns a power spectrum up to MAX_HZ into its autocorrelation, undone for the window's own; the bins in band."""
    hann = np.hanning(WINDOW + 2)[1:-1]
    own = np.fft.irfft(np.square(np.abs(np.fft.rfft(hann, FFT))))
    hz = np.fft.rfftfreq(FFT, 1 / RATE_HZ)
    bins = np.flatnonzero(hz <= MAX_HZ)
    lags = np.arange(MIN_LAG, MAX_LAG + 1)
    to_lags = np.cos(2 * np.pi * np.outer(bins, lags) / FFT) * (own[0] / own[lags])
    return hann.astype(np.float32), to_lags.astype(np.float32), (hz[bins] >= MIN_HZ).astype(np.float32)


def _one_harmonic(squares: np.ndarray) -> np.ndarray:
    """Whether nearly all power of a frame lies around its strongest bin. Shapes: squares (frames, bins)."""
    sums = np.concatenate([np.zeros((len(squares), 1)), np.cumsum(squares, axis=1)], axis=1)
    peak, rows = squares.argmax(axis=1), np.arange(len(squares))
    low, high = np.maximum(peak - TONE_BINS, 0), np.minimum(peak + TONE_BINS + 1, squares.shape[1])
    return sums[rows, high] - sums[rows, low] >= TONE_SHARE * sums[:, -1]


def _background(level: np.ndarray) -> float:
    return max(FLOOR_DB, float(np.percentile(_smooth(level), 5)))


def _smooth(level: np.ndarray, width: int = 7) -> np.ndarray:
    """Mean over `width` frames, the edges over what is there."""
    if len(level) < width:
        return np.full(len(level), level.mean())
    sums = np.convolve(level, np.ones(width), "same")
    return sums / np.convolve(np.ones(len(level)), np.ones(width), "same")


def _longer_runs(mask: np.ndarray, least: int) -> np.ndarray:
    kept = np.zeros(len(mask), bool)
    for start, stop in runs_of(mask):
        if stop - start >= least:
            kept[start:stop] = True
    return kept


def _within(mask: np.ndarray, reach: int) -> np.ndarray:
    """True at most `reach` frames from a true frame."""
    sums = np.concatenate(([0], np.cumsum(mask)))
    index = np.arange(len(mask))
    return sums[np.minimum(index + reach + 1, len(mask))] > sums[np.maximum(index - reach, 0)]


def _filled(mask: np.ndarray, longest: int) -> np.ndarray:
    """Gaps of up to `longest` frames between true frames become true."""
    filled = mask.copy()
    runs = runs_of(mask)
    for stop, start in zip(runs[:-1, 1], runs[1:, 0], strict=True):
        if start - stop <= longest:
            filled[stop:start] = True
    return filled
