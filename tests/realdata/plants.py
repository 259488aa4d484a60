"""Spoken queries with planted errors: the audio of another query, cut audio, noise, and audio spoken from another text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from schemas.identity import keyed_rng

QUIET = 0.02  # of the peak; below it, at the ends, a voice has not begun or has ended
_LITTLE = (
    "a an the of in on at to for from by with as and or is are was were be do does did has have had can could you me i it its this that these"
    " those there here what which who whom when where how why many much more most not no than their his her they he she we my your please"
)
LITTLE = frozenset(_LITTLE.split())
# what is planted, in turn: audio of another query (any, one as long, the one most alike), cut audio, noise, another text
PLANTS = (
    "swapped",
    "cut_end",
    "white_0",
    "changed_word",
    "swapped_as_long",
    "cut_start",
    "pink_-5",
    "swapped_alike",
    "babble_0",
    "cut_end",
    "white_-5",
    "changed_word",
    "pink_0",
    "cut_end",
    "babble_-5",
)
Clip = tuple[str, np.ndarray]  # what is said, and the samples


def speech_bounds(samples: np.ndarray) -> tuple[int, int]:
    """The first and one past the last sample that is louder than the silence around the voice."""
    loud = np.flatnonzero(np.abs(samples) > QUIET * np.abs(samples).max(initial=0.0))
    return (int(loud[0]), int(loud[-1]) + 1) if len(loud) else (0, len(samples))


def truncated(samples: np.ndarray, share: float, at_start: bool = False) -> np.ndarray:
    """The first `share` of the speech, or its last where the start is lost."""
    start, stop = speech_bounds(samples)
    kept = round((stop - start) * share)
    return samples[stop - kept : stop] if at_start else samples[: start + kept]


def coloured_noise(rng: np.random.Generator, count: int, exponent: float) -> np.ndarray:
    """Noise whose power falls with frequency to the `exponent`: 0 white, 1 pink."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequencies = np.maximum(np.arange(len(spectrum)), 1.0)
    return np.fft.irfft(spectrum / frequencies ** (exponent / 2), count)


def babble(rng: np.random.Generator, count: int, voices: Sequence[np.ndarray]) -> np.ndarray:
    """Several other clips at once, each of the same power and begun anywhere."""
    total = np.zeros(count)
    for voice in voices:
        power = float(np.sqrt(np.mean(voice.astype(np.float64) ** 2))) or 1.0
        total += np.roll(np.resize(voice / power, count), int(rng.integers(count)))
    return total


def noised(samples: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """The speech with the noise at `snr_db` of their powers, the speech's taken where it speaks; scaled down where it would clip."""
    start, stop = speech_bounds(samples)
    speech = float(np.mean(samples[start:stop].astype(np.float64) ** 2))
    mixed = samples + noise * np.sqrt(speech / np.mean(noise**2) / 10 ** (snr_db / 10))
    return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32)


def content_words(text: str) -> list[str]:
    """Words that carry the meaning: four letters or more, and none of the little ones; or numbers."""
    return [word for word in re.findall(r"[A-Za-z]{4,}|\d+", text) if word.lower() not in LITTLE]


def changed(text: str, vocabulary: Sequence[str], rng: np.random.Generator) -> str | None:
    """The text with one content word, or number, replaced by another; None where it has none."""
    words = content_words(text)
    if not words:
        return None
    word = words[int(rng.integers(len(words)))]
    if word.isdigit():
        other = str(int(word) + int(rng.integers(1, 9)) * 10 ** int(rng.integers(len(word))))
    else:
        choices = [other for other in vocabulary if other.isalpha() and other.lower()[:3] != word.lower()[:3]]
        other = choices[int(rng.integers(len(choices)))]
    return re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", other, text, count=1)


def xquad_questions(realdata: Path) -> list[str]:
    told = json.loads((realdata / "10_web_text" / "xquad" / "xquad.en.json").read_text())
    return [qa["question"] for article in told["data"] for paragraph in article["paragraphs"] for qa in paragraph["qas"]]


def gsm8k_questions(realdata: Path) -> list[str]:
    lines = (realdata / "01_math" / "gsm8k" / "test.jsonl").read_text().splitlines()
    return [" ".join(json.loads(line)["question"].split()) for line in lines]


def draw(seed: int, name: str, items: Sequence[str], count: int) -> list[str]:
    """`count` of the different items, by the seed."""
    distinct = list(dict.fromkeys(items))
    return [distinct[index] for index in keyed_rng(seed, "draw", name).permutation(len(distinct))[:count]]


def planted(kind: str, key: str, clips: Mapping[str, Clip], other_text: Clip | None, rng: np.random.Generator) -> np.ndarray:
    """The audio of `key` with an error of the kind; where its text has no word to change, the audio of another query."""
    text, samples = clips[key]
    others = [name for name in clips if clips[name][0] != text]
    name, _, level = kind.partition("_")
    if name == "cut":
        return truncated(samples, float(rng.uniform(0.3, 0.7)), at_start=level == "start")
    if name in ("white", "pink"):
        return noised(samples, coloured_noise(rng, len(samples), float(name == "pink")), float(level))
    if name == "babble":
        voices = [clips[others[index]][1] for index in rng.choice(len(others), 4, replace=False)]
        return noised(samples, babble(rng, len(samples), voices), float(level))
    if kind == "changed_word" and other_text is not None and other_text[0] != text:
        return other_text[1]
    if kind == "swapped_as_long":
        return clips[min(others, key=lambda one: abs(len(clips[one][1]) - len(samples)))][1]
    if kind == "swapped_alike":
        return clips[max(others, key=lambda one: alike(text, clips[one][0]))][1]
    return clips[others[int(rng.integers(len(others)))]][1]


def alike(one: str, other: str) -> float:
    """The share of words that two texts have in common."""
    first, second = set(one.lower().split()), set(other.lower().split())
    return len(first & second) / max(1, len(first | second))
