"""Whether log-Mel features are what the front end gives, and were made at the rate at which the sound was recorded.

1. Law: 81 triangles over few bins at low frequencies leave the bands not free. Bin 1 alone makes band 0, bin 2 alone band 2, and band
   1 is of both, so that exp(band 1) is a fixed sum of exp(band 0) and exp(band 2) in every frame. No transposed, reversed, normalised
   or otherwise made features obey it. Frames at the floor say nothing.
2. Durations and frames that the facts state are those of the features.
3. Rate: letters for each second of sound with somebody speaking lie near 16 in all languages written in letters; at twice or half
   the rate they do not. At a rate between (24 kHz taken for 16 kHz, 1.5 times too slow) they alone cannot tell: then the sound must
   also stop where 16 kHz sound slowed down would stop. Wide-band recordings slowed down 1.5 times, whose facts were measured anew,
   are not seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from model.validate.report import Check, failed, not_applicable, passed, too_few
from processors.audio.log_mel import HOP, MAX_HZ, mel, mel_matrix, num_frames
from processors.audio.quality import DENSE_CHARS
from schemas.parts import NUM_MEL_BANDS, SAMPLE_RATE_HZ
from schemas.records import Record, audios_of, learned_texts

LAW_TOLERANCE = 0.05  # ln; float32 features keep the law to 1e-5, float16 ones to 0.02
MIN_LAW_FRAMES = 8
NEAR_FLOOR = 2.0  # ln; nearer, the floor has changed a value
FRAME_S = HOP / SAMPLE_RATE_HZ
LETTERS_PER_S, MIN_LETTERS_PER_S, MAX_LETTERS_PER_S = 16.0, 8.5, 23.5  # of active sound; read and spoken speech in corpora: 12 to 25
MIN_RATE_CLIPS = 4
SLOWED = (22_050 / 16_000, 1.5, 2.0, 44_100 / 16_000, 3.0)  # rates that are taken for 16 kHz
EDGE_TOLERANCE = 0.05
EDGE_DROP, EDGE_RISE = 3.0, 1.5  # ln: within five bands the mean spectrum falls by 13 dB or more to a plain that lies within 6.5 dB


@dataclass
class Sound:
    """Collects what is wrong with log-Mel features over all rows."""

    num_clips: int = 0
    num_law_clips: int = 0
    num_lawless: int = 0
    worst_law: float = 0.0
    num_stated: int = 0
    wrong_stated: list[str] = field(default_factory=list)
    letters_per_s: list[float] = field(default_factory=list)
    edges_hz: list[float] = field(default_factory=list)

    def see(self, record: Record) -> None:
        clips = [audio.log_mel for audio in audios_of(record) if audio.log_mel is not None and audio.log_mel.shape[1:] == (NUM_MEL_BANDS,)]
        for features in clips:
            self.num_clips += 1
            deviation = law_deviation(features)
            if deviation is not None:
                self.num_law_clips += 1
                self.num_lawless += deviation > LAW_TOLERANCE
                self.worst_law = max(self.worst_law, deviation)
        if len(clips) != 1:
            return
        for problem in stated_problems(record, len(clips[0])):
            if problem is not None:
                self.wrong_stated.append(f"row {record.key}: {problem}")
            self.num_stated += 1
        text = spoken_text(record)
        seconds = active_s(clips[0])
        if text and seconds > 0.3:
            self.letters_per_s.append(num_letters(text) / seconds)
            self.edges_hz.append(upper_edge_hz(clips[0]))

    def checks(self) -> list[Check]:
        return [self._front_end(), self._rate()]

    def _front_end(self) -> Check:
        if not self.num_clips:
            return not_applicable("front_end", "the corpus has no audio")
        figures = {"num_clips": self.num_clips, "num_law_clips": self.num_law_clips, "worst_deviation": self.worst_law}
        if self.num_lawless:
            return failed(
                "front_end",
                f"{self.num_lawless} of {self.num_law_clips} clips break the law of the lowest three bands: these are no log-Mel features of "
                "this front end (transposed, reversed, normalised, or of another filter bank)",
                **figures,
            )
        if self.num_law_clips < self.num_clips / 2:
            return too_few("front_end", f"only {self.num_law_clips} of {self.num_clips} clips have sound in the lowest bands", **figures)
        return passed("front_end", f"the lowest bands of {self.num_law_clips} clips keep the law of the filter bank", **figures)

    def _rate(self) -> Check:
        if not self.num_clips:
            return not_applicable("rate", "the corpus has no audio")
        rates = np.array(self.letters_per_s)
        median = float(np.median(rates)) if len(rates) else 0.0
        edge = float(np.median(self.edges_hz)) if len(rates) else 0.0
        figures = {"num_clips": len(rates), "num_stated": self.num_stated, "median_letters_per_s": median, "median_upper_edge_hz": edge}
        if self.wrong_stated:
            return failed(
                "rate", f"{len(self.wrong_stated)} stated lengths are not those of the features: {self.wrong_stated[0]}", **figures
            )
        if len(rates) < MIN_RATE_CLIPS:
            stated = f"; {self.num_stated} stated lengths are right" if self.num_stated else ""
            return too_few(
                "rate", f"{len(rates)} clips with a known text, {MIN_RATE_CLIPS} are needed{stated}", num_needed=MIN_RATE_CLIPS, **figures
            )
        if not MIN_LETTERS_PER_S <= median <= MAX_LETTERS_PER_S:
            return failed(
                "rate",
                f"the median clip has {median:.1f} letters for each second of sound, expected {MIN_LETTERS_PER_S:g} to {MAX_LETTERS_PER_S:g}: "
                "the samples were taken at another rate than that of the recording",
                **figures,
            )
        slowed = slowed_by(median, edge)
        if slowed:
            return failed(
                "rate",
                f"the sound stops at {edge:.0f} Hz and has {median:.1f} letters a second, as {slowed * SAMPLE_RATE_HZ:.0f} Hz samples taken for "
                f"{SAMPLE_RATE_HZ} Hz have",
                **figures,
            )
        return passed("rate", f"the median clip has {median:.1f} letters for each second of sound, as speech has", **figures)


def slowed_by(letters_per_s: float, edge_hz: float) -> float:
    """By which known factor sound was slowed: its upper edge is that of 16 kHz sound, and its speech is nearer to usual at that factor. 0: none."""
    factor = min(SLOWED, key=lambda one: abs(edge_hz * one / (SAMPLE_RATE_HZ / 2) - 1))
    has_edge = abs(edge_hz * factor / (SAMPLE_RATE_HZ / 2) - 1) < EDGE_TOLERANCE
    is_slow = abs(np.log(letters_per_s * factor / LETTERS_PER_S)) < abs(np.log(letters_per_s / LETTERS_PER_S))
    return factor if has_edge and is_slow else 0.0


def law_deviation(features: np.ndarray) -> float | None:
    """Median distance of band 1 from what bands 0 and 2 make it, in ln; None where too few frames lie above the floor. Shapes: (T, 80)."""
    bank = mel_matrix().astype(np.float64)
    low = features[:, :3].astype(np.float64)
    low = low[(low > NEAR_FLOOR).all(axis=1) & np.isfinite(low).all(axis=1)]
    if len(low) < MIN_LAW_FRAMES:
        return None
    wanted = np.logaddexp(low[:, 0] + np.log(bank[1, 1] / bank[1, 0]), low[:, 2] + np.log(bank[2, 1] / bank[2, 2]))
    return float(np.median(np.abs(low[:, 1] - wanted)))


def stated_problems(record: Record, frames: int) -> Iterator[str | None]:
    """For each length that the facts state: None where it is that of the features, else what is wrong."""
    stated = record.facts.get("audio.num_frames")
    if stated is not None:
        yield None if stated == frames else f"audio.num_frames says {stated}, the log-Mel has {frames}"
    stated = record.facts.get("audio.duration_s")
    if stated is not None:
        wanted = num_frames(round(float(stated) * SAMPLE_RATE_HZ))
        yield None if abs(wanted - frames) <= 1 else f"audio.duration_s says {stated} s, {wanted} frames; the log-Mel has {frames}"
    words = record.facts.get("speech.words_json")
    if words and words != "[]":
        last_s = float(json.loads(str(words))[-1][2])
        length_s = (frames + 2) * FRAME_S
        yield (
            None if last_s <= length_s + 0.1 else f"the last word of speech.words_json ends at {last_s} s, the log-Mel at {length_s:.2f} s"
        )


SPOKEN_FACTS = ("speech.spoken_text", "text.stated_transcript", "speech.written_text")


def spoken_text(record: Record) -> str:
    """What is said in the only clip of a row, as far as it is known; empty where it is not."""
    for name in SPOKEN_FACTS:
        if record.facts.get(name):
            return str(record.facts[name])
    turns = getattr(record, "turns", ())
    asked = " ".join(part.text for turn in turns if turn.role == "user" for part in turn.parts if hasattr(part, "text"))
    texts = learned_texts(record)
    return texts[0] if texts and asked.strip().lower().startswith("transcribe") and "translat" not in asked.lower() else ""


def num_letters(text: str) -> float:
    """Letters and digits; a Chinese or Japanese character counts as much as the letters that take its time."""
    letters = [char for char in text if char.isalnum()]
    return sum(DENSE_CHARS if "\u3040" <= char <= "\u9fff" else 1.0 for char in letters)


def active_s(features: np.ndarray) -> float:
    """Seconds louder than 35 % of the way from the clip's quiet frames to its loud ones. Shapes: (T, 80)."""
    loudness = features.mean(axis=1)
    quiet, loud = np.quantile(loudness, (0.05, 0.95))
    return float(np.count_nonzero(loudness >= quiet + 0.35 * (loud - quiet))) * FRAME_S


def upper_edge_hz(features: np.ndarray) -> float:
    """Where the spectrum of a clip ends in a wall, in Hz; 8000 where it has none. Shapes: (T, 80)."""
    loudness = features.mean(axis=1)
    active = features[loudness >= np.median(loudness)].astype(np.float64)
    spectrum = np.log(np.exp(active - active.max()).mean(axis=0))
    top = float(spectrum[-4:].max())
    band = int(np.flatnonzero(spectrum > top + EDGE_RISE).max(initial=0))
    if band < 20 or float(spectrum[band - 4 : band + 1].max()) - top < EDGE_DROP or band >= NUM_MEL_BANDS - 6:
        return SAMPLE_RATE_HZ / 2
    place = (band + 1.5) * mel(MAX_HZ) / (NUM_MEL_BANDS + 1)  # between the centres of this band and the first one beyond
    return float(700 * (np.exp(place / 1127) - 1))
