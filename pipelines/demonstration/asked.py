"""The questions about pictures as speech with transcripts, by speakers of training: what the audio encoder learns them from."""

from __future__ import annotations

from pathlib import Path

from pipelines.demonstration.digits import write_clips
from pipelines.demonstration.held_out import TRAIN
from pipelines.demonstration.pictures import every_question
from pipelines.demonstration.voices import train_speaker
from schemas.identity import keyed_rng

FLITE_RATIO = 0.6  # pictures are asked about by voices of Flite


def make_asked(folder: Path, seed: int, num_clips: int = 600) -> None:
    """`train.jsonl` with its clips: the questions in turn, a speaker of its own for each clip."""
    questions = every_question()
    rngs = [keyed_rng(seed, "demonstration.asked", str(number)) for number in range(num_clips)]
    said = [(train_speaker(rng, FLITE_RATIO), questions[number % len(questions)]) for number, rng in enumerate(rngs)]
    write_clips(folder, {TRAIN: said})
