"""How loud a clip is, silence at its ends cut off, and its level set to a target without clipping.

Loudness is ITU-R BS.1770-4: K weighting, mean square over blocks of 400 ms that overlap by three quarters, an absolute gate at
-70 LUFS and a relative one 10 LU below what passes it. The recommendation gives the filters at 48 kHz; here they are the same
analogue filters at 16 kHz. A clip shorter than a block is one block.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from processors.audio.steps import DURATION, PEAK
from processors.audio.voice_activity import HOP, level_db
from schemas.facts import Fact
from schemas.parts import SAMPLE_RATE_HZ, Audio
from schemas.records import Conversation, FactValue, audios_of, map_parts

TRIMMED = Fact("audio.trimmed_s", float, "Seconds of silence cut off the ends of the clips")
GAIN = Fact("audio.gain_db", float, "Gain that set the loudness; of several clips the one farthest from 0")

SILENCE_LUFS = -70.0
BLOCK_SAMPLES = SAMPLE_RATE_HZ // 10  # 100 ms; four make a gating block
OFFSET_DB = -0.691  # so that a sine of 997 Hz at full scale has -3.01 LUFS
HIGH_PASS_GAIN = 1.004995  # of the recommendation's high pass far above its corner: its numerator is 1, -2, 1 at 48 kHz
CHUNK = 1 << 20


@functools.cache
def k_weighting() -> np.ndarray:
    """The two filters of BS.1770 at 16 kHz as second-order sections: a shelf for the head, a high pass for the ear.

    Source: the analogue parameters behind the 48 kHz coefficients of the recommendation, by B. De Man (2014).
    """
    return np.array([_shelf(1_681.974450955533, 3.999843853973347, 0.7071752369554196), _high_pass(38.13547087602444, 0.5003270373238773)])


def _shelf(hz: float, gain_db: float, q: float) -> list[float]:
    k = math.tan(math.pi * hz / SAMPLE_RATE_HZ)
    top = 10 ** (gain_db / 20)
    middle = top**0.4996667741545416
    a0 = 1 + k / q + k * k
    return [
        (top + middle * k / q + k * k) / a0,
        2 * (k * k - top) / a0,
        (top - middle * k / q + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / q + k * k) / a0,
    ]


def _high_pass(hz: float, q: float) -> list[float]:
    k = math.tan(math.pi * hz / SAMPLE_RATE_HZ)
    a0 = 1 + k / q + k * k
    a1, a2 = 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0
    gain = HIGH_PASS_GAIN * (1 - a1 + a2) / 4
    return [gain, -2 * gain, gain, 1.0, a1, a2]


def integrated_loudness(samples: np.ndarray) -> float:
    """Integrated loudness of a mono clip, -70 or more. Shapes: samples (n,) float32 mono 16 kHz. Units: LUFS."""
    from scipy.signal import sosfilt  # takes seconds to import: not before it is needed

    if len(samples) == 0:
        return SILENCE_LUFS
    state = np.zeros((2, 2))
    squares: list[np.ndarray] = []
    step = CHUNK // BLOCK_SAMPLES * BLOCK_SAMPLES
    for start in range(0, len(samples), step):
        weighted, state = sosfilt(k_weighting(), samples[start : start + step].astype(np.float64), zi=state)
        whole = len(weighted) // BLOCK_SAMPLES * BLOCK_SAMPLES
        squares.append(np.square(weighted[:whole]).reshape(-1, BLOCK_SAMPLES).mean(axis=1))
    tenths = np.concatenate(squares)
    if len(tenths) < 4:
        blocks = np.array([np.square(weighted).mean()])  # the only chunk
    else:
        blocks = np.convolve(tenths, np.full(4, 0.25), "valid")
    return _gated(blocks)


def _gated(blocks: np.ndarray) -> float:
    heard = blocks[blocks > 10 ** ((SILENCE_LUFS - OFFSET_DB) / 10)]
    if len(heard) == 0:
        return SILENCE_LUFS
    kept = heard[heard > heard.mean() / 10]
    return max(SILENCE_LUFS, OFFSET_DB + 10 * math.log10(kept.mean()))


@dataclass(frozen=True, slots=True)
class TrimSilence:
    """Silence at both ends of each clip is cut off but for `margin_s`; a clip that is silent throughout stays whole.

    Silent is what lies `depth_db` below the loud parts of the clip. Quiet consonants lie up to 40 dB below vowels.
    """

    margin_s: float = 0.1
    depth_db: float = 45.0
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (TRIMMED, DURATION)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not (0 <= self.margin_s < 60 and 0 < self.depth_db < 120):
            raise ValueError(f"margin_s is {self.margin_s}, depth_db {self.depth_db}; expected 0 s to 60 s and 0 dB to 120 dB")

    def __call__(self, record: Conversation) -> Conversation:
        before = _total(record)

        def trim(audio: Audio) -> Audio:
            if audio.samples is None:
                return audio
            start, stop = sounding(audio.samples, self.depth_db, round(self.margin_s * SAMPLE_RATE_HZ))
            return replace(audio, samples=audio.samples[start:stop].copy()) if stop - start < len(audio.samples) else audio

        record = map_parts(record, {Audio: trim})
        after = _total(record)
        facts: dict[str, FactValue] = {TRIMMED.name: (before - after) / SAMPLE_RATE_HZ, DURATION.name: after / SAMPLE_RATE_HZ}
        return replace(record, facts={**record.facts, **facts})


def _total(record: Conversation) -> int:
    return sum(len(audio.samples) for audio in audios_of(record) if audio.samples is not None)


def sounding(samples: np.ndarray, depth_db: float, margin: int) -> tuple[int, int]:
    """First and last sample of what sounds, with a margin; the whole clip when nothing does."""
    if len(samples) == 0:
        return 0, 0
    level = level_db(samples)
    heard = np.flatnonzero(level > max(float(np.percentile(level, 95)) - depth_db, -75.0))
    if len(heard) == 0:
        return 0, len(samples)
    return max(0, int(heard[0]) * HOP - margin), min(len(samples), (int(heard[-1]) + 1) * HOP + margin)


@dataclass(frozen=True, slots=True)
class NormaliseLoudness:
    """Each clip gets the gain that brings it to `target_lufs`, less where its peak would pass `max_peak`; silence stays as it is."""

    target_lufs: float = -23.0  # EBU R 128
    max_peak: float = 0.95
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (GAIN, PEAK)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not (-60 <= self.target_lufs <= 0 and 0 < self.max_peak <= 1):
            raise ValueError(f"target_lufs is {self.target_lufs}, max_peak {self.max_peak}; expected -60 to 0 LUFS, and above 0 to 1")

    def __call__(self, record: Conversation) -> Conversation:
        gains: list[float] = [0.0]
        peaks: list[float] = [0.0]

        def set_level(audio: Audio) -> Audio:
            if audio.samples is None or len(audio.samples) == 0:
                return audio
            peak = float(max(audio.samples.max(), -audio.samples.min()))
            loudness = integrated_loudness(audio.samples)
            gain = 1.0
            if peak > 0 and loudness > SILENCE_LUFS:
                gain = min(10 ** ((self.target_lufs - loudness) / 20), self.max_peak / peak)
            gains.append(20 * math.log10(gain))
            peaks.append(peak * gain)
            return replace(audio, samples=audio.samples * np.float32(gain))

        record = map_parts(record, {Audio: set_level})
        strongest: float = max(gains, key=abs)
        facts: dict[str, FactValue] = {GAIN.name: round(strongest, 3), PEAK.name: max(peaks)}
        return replace(record, facts={**record.facts, **facts})
