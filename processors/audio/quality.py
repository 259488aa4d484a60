"""How good a recording of speech is: measured over all clips of a row, then judged.

The signal-to-noise ratio is that of the power while somebody speaks, noise taken off, to the power of the noise, from 60 to
8,000 Hz. Noise is measured in 24 bands: in the pauses as the median, or, in speech without pauses, as a low quantile, since every band
falls silent for a moment between the harmonics and sounds of a word; both are turned into means by the law that the power of
noise follows. Noise is taken to be about as loud all through the clip. On speech in white or pink noise of 5 to 20 dB
the estimate lies within 2 dB, without pauses too; at 0 dB within 4, since part of the speech is no longer found.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from processors.audio.loudness import integrated_loudness
from processors.audio.voice_activity import FLOOR_DB, HOP, is_speech, level_db
from processors.dialogue import LANGUAGE
from processors.once import once
from schemas.facts import Fact, Limit, Where, first_broken
from schemas.outcome import Reason, Reject
from schemas.parts import SAMPLE_RATE_HZ
from schemas.records import Conversation, FactValue, audios_of, learned_texts, with_facts

MIN_SNR_DB, MAX_SNR_DB = -20.0, 80.0
SNR = Fact(
    "audio.snr_db", float, f"Power while somebody speaks over that of the noise, {MIN_SNR_DB:g} to {MAX_SNR_DB:g}; lowest without speech"
)
CLIPPED = Fact("audio.clipped_ratio", float, "Share of samples on plateaus at the largest level, as clipping leaves them")
SILENCE = Fact("audio.silence_ratio", float, "Share of the time at or near the clip's own background, or below -60 dB of full scale")
SPEECH_S = Fact("audio.speech_s", float, "Seconds in which somebody speaks")
BANDWIDTH = Fact("audio.bandwidth_hz", int, "Highest frequency within 60 dB of the strongest, 0 for silence")
LOUDNESS = Fact("audio.loudness_lufs", float, "Integrated loudness (ITU-R BS.1770), -70 for silence")
SPEECH_RATE = Fact("speech.chars_per_s", float, "Letters and digits of the transcript for each second of speech")

TOO_NOISY = Reason("too_noisy", "The signal-to-noise ratio is lower than asked for")
CLIPPED_AUDIO = Reason("clipped", "More of the audio is clipped than asked for")
MOSTLY_SILENT = Reason("mostly_silent", "More of the audio is silent than asked for")
NARROW_BAND = Reason("narrow_band", "The audio has no high frequencies: telephone speech, or a low rate")
NO_SPEECH = Reason("no_speech", "Nobody speaks, or for less time than asked for")
SPEECH_TOO_SLOW = Reason("speech_too_slow", "The transcript is too short for the speech: some of it is missing")
SPEECH_TOO_FAST = Reason("speech_too_fast", "The transcript is too long for the speech: it says more than the audio")

CLIP_TOLERANCE, MIN_CLIP_RUN = 0.01, 3  # of the level, and in samples: speech that is not clipped passes its peak in one or two
SILENT_DB, QUIET_RANGE_DB = -60.0, 20.0  # in a quiet clip the second counts, below its loud parts
MIN_RANGE_DB, SILENT_SHARE = 15.0, 0.3  # a clip with that range has a background; silence lies so far on the way up from it
WINDOW, STEP = 512, 256  # of the spectra
NUM_BANDS = 24
MIN_PAUSE_WINDOWS = 15  # a quarter of a second; with fewer, noise is sought between the sounds of speech
LOW_QUANTILE = 0.1  # about half the windows of speech are without speech in any one band
BANDWIDTH_DB = 60.0
DENSE_CHARS = 2.5  # a Chinese or Japanese character takes as long as so many letters (5.2 syllables a second against 14 letters)
DENSE = ("zh", "ja")
BLOCK = 256  # frames: their spectra stay in the cache


@dataclass(frozen=True, slots=True)
class MeasureAudio:
    """Measures noise, clipping, silence, speech, bandwidth and loudness, over all clips of the row together."""

    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (SNR, CLIPPED, SILENCE, SPEECH_S, BANDWIDTH, LOUDNESS)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation:
        clips = [audio.samples for audio in audios_of(record) if audio.samples is not None]
        samples = clips[0] if len(clips) == 1 else np.concatenate([np.empty(0, np.float32), *clips])
        return with_facts(record, _measure(samples))


def measure(samples: np.ndarray) -> dict[str, FactValue]:
    """The facts of MeasureAudio. Shapes: samples (n,) float32 mono 16 kHz, of any length."""
    speech = is_speech(samples)
    snr_db, bandwidth_hz = _spectral(samples, speech)
    return {
        SNR.name: snr_db,
        CLIPPED.name: clipped_ratio(samples),
        SILENCE.name: silence_ratio(samples),
        SPEECH_S.name: round(min(int(np.count_nonzero(speech)) * HOP, len(samples)) / SAMPLE_RATE_HZ, 3),
        BANDWIDTH.name: bandwidth_hz,
        LOUDNESS.name: round(integrated_loudness(samples), 2),
    }


_measure = once(measure)  # the questions about one clip share its samples


def clipped_ratio(samples: np.ndarray) -> float:
    """Share of samples that lie in runs of MIN_CLIP_RUN or more within 1 % of full scale, or of a peak below it."""
    if len(samples) == 0:
        return 0.0
    peak = float(max(samples.max(), -samples.min()))
    if peak < 10 ** (SILENT_DB / 20):
        return 0.0
    level = np.float32(min(1.0, peak) * (1 - CLIP_TOLERANCE))
    total = sum(_in_runs(side) for side in (samples >= level, samples <= -level))
    return round(total / len(samples), 6)


def _in_runs(mask: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).view(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= MIN_CLIP_RUN].sum())


def silence_ratio(samples: np.ndarray) -> float:
    """Share of 20 ms frames that are silent; 1 for an empty clip."""
    if len(samples) == 0:
        return 1.0
    return round(float(np.mean(is_silent(samples))), 6)


def is_silent(samples: np.ndarray) -> np.ndarray:
    """Whether each 20 ms frame is silent. Steady sound has no background of its own: it is silent by its level alone."""
    level = level_db(samples, 2 * HOP)
    quiet, loud = np.percentile(level, (5, 95))
    least = max(FLOOR_DB, min(SILENT_DB, loud - QUIET_RANGE_DB))
    quiet = max(quiet, FLOOR_DB)
    return level <= (max(least, quiet + SILENT_SHARE * (loud - quiet)) if loud - quiet >= MIN_RANGE_DB else least)


@functools.cache
def _bands() -> np.ndarray:
    """The first bin of each band, and the end of the last: about equally wide to the ear, from 60 Hz up."""
    edges = 700 * (np.exp(np.linspace(np.log1p(60 / 700), np.log1p(8_000 / 700), NUM_BANDS + 1)) - 1)
    return np.unique(np.round(edges / (SAMPLE_RATE_HZ / WINDOW)).astype(int))


@functools.cache
def _quantile_of_noise(quantile: float) -> np.ndarray:
    """The quantile of each band's power over its mean, for Gaussian noise: the power of a band is gamma distributed.

    Neighbouring bins of a Hann window share 4/9 of their variance, the next ones 1/36, so a band counts as fewer bins than it has.
    """
    from scipy.special import gammaincinv  # takes a second to import: not before it is needed

    bins = np.diff(_bands()).astype(float)
    shape = bins**2 / (bins + 2 * np.maximum(bins - 1, 0) * 4 / 9 + 2 * np.maximum(bins - 2, 0) / 36)
    return gammaincinv(shape, quantile) / shape


def _power(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Power spectra of windows, in blocks. Shapes: (frames, 257)."""
    if len(samples) < WINDOW:
        samples = np.pad(samples, (0, WINDOW - len(samples)))
    hann = np.hanning(WINDOW + 2)[1:-1].astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::STEP]
    for start in range(0, len(windows), BLOCK):
        spectrum = np.fft.rfft(windows[start : start + BLOCK] * hann)
        yield np.square(spectrum.real) + np.square(spectrum.imag)


def _spectral(samples: np.ndarray, speech: np.ndarray) -> tuple[float, int]:
    """Signal-to-noise ratio and bandwidth, from one set of spectra."""
    edges = _bands()
    banded, total = [], np.zeros(WINDOW // 2 + 1)
    for power in _power(samples):
        banded.append(np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1))
        total += power.sum(axis=0)
    bands = np.concatenate(banded)
    return _snr_db(bands, speech), _bandwidth_hz(total)


def _snr_db(bands: np.ndarray, speech: np.ndarray) -> float:
    """Shapes: bands (windows, NUM_BANDS) power; speech (10 ms frames,) bool."""
    if not speech.any():
        return MIN_SNR_DB
    sums = np.concatenate(([0], np.cumsum(speech)))
    first = np.arange(len(bands)) * STEP // HOP
    num_spoken = sums[np.minimum(first + 4, len(speech))] - sums[np.minimum(first, len(speech))]  # of the 3.2 frames of a window
    spoken = num_spoken >= 2
    if not spoken.any():
        return MIN_SNR_DB
    pauses = bands[num_spoken == 0]
    if len(pauses) >= MIN_PAUSE_WINDOWS:
        noise = float((np.quantile(pauses, 0.5, axis=0) / _quantile_of_noise(0.5)).sum())
    else:
        noise = float((np.quantile(bands, LOW_QUANTILE, axis=0) / _quantile_of_noise(2 * LOW_QUANTILE)).sum())
    both = float(bands[spoken].sum(axis=1).mean())
    if noise <= 0 or both <= noise:
        return MAX_SNR_DB if both > noise else MIN_SNR_DB
    return round(float(np.clip(10 * np.log10(both / noise - 1), MIN_SNR_DB, MAX_SNR_DB)), 2)


def _bandwidth_hz(total: np.ndarray) -> int:
    if not total.max() > 0:
        return 0
    smooth = np.convolve(total, np.ones(5) / 5, "same")
    return int(np.flatnonzero(smooth >= smooth.max() * 10 ** (-BANDWIDTH_DB / 10))[-1] * SAMPLE_RATE_HZ / WINDOW)


DETAILS = {
    NO_SPEECH.name: "{:g} s of speech, expected {:g} s or more",
    CLIPPED_AUDIO.name: "{:g} of the samples are clipped, expected {:g} or less",
    TOO_NOISY.name: "signal-to-noise ratio {:g} dB, expected {:g} dB or more",
    MOSTLY_SILENT.name: "{:g} of the time is silent, expected {:g} or less",
    NARROW_BAND.name: "bandwidth {:g} Hz, expected {:g} Hz or more",
    SPEECH_TOO_SLOW.name: "{:g} characters a second of speech, expected {:g} or more",
    SPEECH_TOO_FAST.name: "{:g} characters a second of speech, expected {:g} or less",
}


@dataclass(frozen=True, slots=True)
class KeepAudio:
    """Keeps rows whose audio is good enough; by default all in which somebody speaks for a tenth of a second."""

    min_snr_db: float = MIN_SNR_DB
    max_clipped_ratio: float = 1.0
    max_silence_ratio: float = 1.0
    min_bandwidth_hz: float = 0.0
    min_speech_s: float = 0.1
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (SNR, CLIPPED, SILENCE, SPEECH_S, BANDWIDTH)
    writes: ClassVar = ()
    reasons: ClassVar = (NO_SPEECH, CLIPPED_AUDIO, TOO_NOISY, MOSTLY_SILENT, NARROW_BAND)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (
            Limit(SPEECH_S, NO_SPEECH.name, self.min_speech_s),
            Limit(CLIPPED, CLIPPED_AUDIO.name, most=self.max_clipped_ratio),
            Limit(SNR, TOO_NOISY.name, self.min_snr_db),
            Limit(SILENCE, MOSTLY_SILENT.name, most=self.max_silence_ratio),
            Limit(BANDWIDTH, NARROW_BAND.name, self.min_bandwidth_hz),
        )

    def __call__(self, record: Conversation) -> Conversation | Reject:
        limit = first_broken(self.bounds, record.facts)
        if limit is None:
            return record
        value = float(record.facts[limit.fact.name])
        return Reject(record.key, limit.reason, DETAILS[limit.reason].format(value, limit.expected(value)))


@dataclass(frozen=True, slots=True)
class MeasureSpeechRate:
    """Measures how many letters and digits the learned text has for each second of speech."""

    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (SPEECH_S,)
    writes: ClassVar = (SPEECH_RATE,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation:
        texts = learned_texts(record)
        count = sum(ch.isalnum() for text in texts for ch in text)
        speech_s = max(float(record.facts[SPEECH_S.name]), HOP / SAMPLE_RATE_HZ)
        return with_facts(record, {SPEECH_RATE.name: round(count / speech_s, 3)})


@dataclass(frozen=True, slots=True)
class KeepSpeechRate:
    """Keeps rows whose transcript fits the time of speech. Bounds are for alphabets; a Chinese or Japanese character counts 2.5."""

    min_chars_per_s: float = 1.0
    max_chars_per_s: float = 40.0
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (SPEECH_RATE, LANGUAGE)
    writes: ClassVar = ()
    reasons: ClassVar = (SPEECH_TOO_SLOW, SPEECH_TOO_FAST)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        found: list[Limit] = []
        for where, weight in ((Where(LANGUAGE, none_of=DENSE), 1.0), (Where(LANGUAGE, any_of=DENSE), DENSE_CHARS)):
            found.append(Limit(SPEECH_RATE, SPEECH_TOO_SLOW.name, self.min_chars_per_s / weight, where=(where,)))
            found.append(Limit(SPEECH_RATE, SPEECH_TOO_FAST.name, most=self.max_chars_per_s / weight, where=(where,)))
        return tuple(found)

    def __call__(self, record: Conversation) -> Conversation | Reject:
        limit = first_broken(self.bounds, record.facts)
        if limit is None:
            return record
        rate = float(record.facts[SPEECH_RATE.name])
        return Reject(record.key, limit.reason, DETAILS[limit.reason].format(rate, limit.expected(rate)))
