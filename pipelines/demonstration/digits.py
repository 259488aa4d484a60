"""Spoken strings of digits with their transcripts, by speakers of whom some are never heard in training, as a NeMo manifest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from pipelines.demonstration.held_out import TEST, TRAIN, split_of
from pipelines.demonstration.voices import RATE_HZ, TEST_SPEAKERS, Speaker, speak, train_speaker
from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

LICENCE = "CC0-1.0"
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEST_RATIO = 0.15  # of the strings; single digits are trained on, by other speakers
MAX_DIGITS = 4
NUM_THREADS = 2


def string(rng: np.random.Generator, seed: int, split: str, num_digits: int) -> str:
    """Digits as words; a string of two or more is in one split only."""
    while True:
        said = " ".join(WORDS[int(place)] for place in rng.integers(10, size=num_digits))
        if num_digits == 1 or split_of(seed, f"digits {said}", TEST_RATIO) == split:
            return said


def train_clips(seed: int, count: int) -> list[tuple[Speaker, str]]:
    """Who says what in training: a speaker of its own for each clip."""
    found = []
    for number in range(count):
        rng = keyed_rng(seed, "demonstration.digits", f"{TRAIN} {number}")
        found.append((train_speaker(rng), string(rng, seed, TRAIN, 1 + number % MAX_DIGITS)))
    return found


def test_clips(seed: int, per_speaker: int) -> list[tuple[Speaker, str]]:
    """Who says what in the test: every held-out speaker equally much."""
    found = []
    for speaker in TEST_SPEAKERS:
        rng = keyed_rng(seed, "demonstration.digits", f"{TEST} {speaker.name}")
        found += [(speaker, string(rng, seed, TEST, 1 + number % MAX_DIGITS)) for number in range(per_speaker)]
    return found


def make_digits(folder: Path, seed: int, num_train: int = 3_000, per_speaker: int = 40) -> None:
    """`train.jsonl` and `test.jsonl` with their clips."""
    write_clips(folder, {TRAIN: train_clips(seed, num_train), TEST: test_clips(seed, per_speaker)})


def write_clips(folder: Path, said: dict[str, list[tuple[Speaker, str]]]) -> None:
    """A manifest and clips for each split."""
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    for split, clips in said.items():
        numbered = [(f"clips/{split}_{number:05d}.wav", *one) for number, one in enumerate(clips)]
        with ThreadPoolExecutor(NUM_THREADS) as pool:
            rows = list(pool.map(lambda clip: write_clip(folder, *clip), numbered))
        write_lines(folder / f"{split}.jsonl", rows)


def write_clip(folder: Path, name: str, speaker: Speaker, text: str) -> dict[str, object]:
    """Speaks a clip; gives its row."""
    samples = speak(text, speaker)
    soundfile.write(folder / name, samples, RATE_HZ)
    known = {"audio_filepath": name, "text": text, "duration": round(len(samples) / RATE_HZ, 3), "lang": "en"}
    return {**known, "speaker": speaker.name, "licence": LICENCE}
