"""Rows of our corpora as the keyword inputs of transformers' Phi4Multimodal model and of the released fine-tuning code.

    DataLoader(CorpusRows(path), batch_size=8, collate_fn=Collator("transformers"))

Shapes: B sequences of at most L tokens, N images of at most K crops with their global views, C clips of at most T frames.

| transformers           | released code         | shape, type                                                                           |
|------------------------|-----------------------|---------------------------------------------------------------------------------------|
| `input_ids`            | `input_ids`           | (B, L) int64, padded with <|endoftext|>                                               |
| `attention_mask`       | `attention_mask`      | (B, L) int64, from lengths and never from ids                                         |
| `labels`               | `labels`              | (B, L) int64, -100 where nothing is learned; the models compare one place later       |
| `image_pixel_values`   | `input_image_embeds`  | (N, K, 3, 448, 448) float32, missing crops 0                                          |
| `image_sizes`          | `image_sizes`         | (N, 2) int64, height and width of each canvas in px                                   |
| `image_attention_mask` | `image_attention_mask`| (N, K, 32, 32) float32, missing crops 1                                               |
| `audio_input_features` | `input_audio_embeds`  | (C, T, 80) float32, padded with 0                                                     |
| `audio_embed_sizes`    | `audio_embed_sizes`   | (C,) int64, tokens                                                                    |
| `audio_attention_mask` | `audio_attention_mask`| (C, T) bool, left out for a single clip                                               |
|                        | `input_mode`          | (1,) int64                                                                            |

Media stand in the order of their placeholders, row by row. Source: the processors of both, and the released fine-tuning samples; these pad
ids and labels with 0, the token "!", and take it for padding, which trains on padding and hides real text: not done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from model.batch import NOT_LEARNED, Example, ImageInput, Mode, Sample, mode_of
from model.examples import example_of
from model.official_config import Format
from model.rows import CorpusRows
from model.vocabulary import Vocabulary
from processors import tokens
from processors.audio.log_mel import num_audio_tokens
from processors.contract import NUM_AUDIO_TOKENS, NUM_IMAGE_TOKENS
from schemas.identity import keyed_rng
from schemas.parts import CROP, NUM_MEL_BANDS
from schemas.records import Preference, Record

WINDOW_TOKENS = 500  # the window of the audio encoder
_OFFICIAL = {
    "image_pixel_values": "input_image_embeds",
    "audio_input_features": "input_audio_embeds",
}

Inputs = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Collator:
    """Documents, conversations and packed rows -> keyword inputs; each piece of a packed row becomes a sequence of its own.

    `vocabulary` is that of a model that knows some ids only; its embedding rows then stand for the ids.

    Raises:
        ValueError: rows of several modes, a preference, or clips that transformers cannot batch.
        UnknownToken: a token outside the vocabulary.
    """

    target: Format = "transformers"
    padding: Literal["right", "left"] = "right"
    vocabulary: Vocabulary | None = None

    def __post_init__(self) -> None:
        _check_target(self.target, self.padding, self.vocabulary)

    def __call__(self, rows: Sequence[Record | Example]) -> Inputs:
        for row in rows:
            if isinstance(row, Preference):
                raise ValueError(f"row {row.key} is a preference; collate preferences with PairCollator")
        examples = [_example(row) for row in rows]
        _check_modes(examples)
        return keyword_inputs([one for example in examples for one in example.sequences], self.target, self.padding, self.vocabulary)


@dataclass(frozen=True, slots=True)
class PairCollator:
    """Preferences -> the keyword inputs of their chosen and of their rejected answers, in the same order.

    Raises:
        ValueError: as Collator; a row that is no pair.
    """

    target: Format = "transformers"
    padding: Literal["right", "left"] = "right"
    vocabulary: Vocabulary | None = None

    def __post_init__(self) -> None:
        _check_target(self.target, self.padding, self.vocabulary)

    def __call__(self, rows: Sequence[Preference | Example]) -> dict[str, Inputs]:
        examples = [_example(row) for row in rows]
        for example in examples:
            if len(example.sequences) != 2:
                raise ValueError(f"row {example.key} has {len(example.sequences)} sequences, a preference has chosen and rejected")
        _check_modes(examples)
        return {
            name: keyword_inputs([example.sequences[side] for example in examples], self.target, self.padding, self.vocabulary)
            for side, name in enumerate(("chosen", "rejected"))
        }


def keyword_inputs(
    samples: Sequence[Sample],
    target: Format = "transformers",
    padding: Literal["right", "left"] = "right",
    vocabulary: Vocabulary | None = None,
) -> Inputs:
    """The keyword inputs of sequences of one mode."""
    images = [image for sample in samples for image in sample.images]
    audios = [audio for sample in samples for audio in sample.audios]
    if target == "transformers":
        _check_clips(audios)
    inputs = _text(samples, padding, vocabulary) | _images(images) | _audios(audios)
    if target == "official":
        inputs = {_OFFICIAL.get(name, name): value for name, value in inputs.items()}
        inputs["input_mode"] = torch.tensor([int(mode_of(len(images), len(audios)))])
    return inputs


def prompt_of(example: Example) -> Example:
    """The example up to its last run of learned tokens, without labels: what a model is asked before it generates.

    Raises:
        ValueError: several sequences, nothing learned, nothing before it, or media behind it.
    """
    if len(example.sequences) != 1:
        raise ValueError(f"row {example.key} has {len(example.sequences)} sequences, expected one to ask")
    sample = example.sequences[0]
    learned = (sample.labels >= 0).numpy()
    starts = np.flatnonzero(learned & ~np.concatenate(([False], learned[:-1])))
    if len(starts) == 0 or starts[-1] == 0:
        raise ValueError(f"row {example.key} has no prompt: {'nothing is learned' if len(starts) == 0 else 'all of it is learned'}")
    stop = int(starts[-1])
    if bool(((sample.ids[stop:] == tokens.IMAGE) | (sample.ids[stop:] == tokens.AUDIO)).any()):
        raise ValueError(f"row {example.key} has media behind its last prompt")
    ids = sample.ids[:stop]
    return replace(example, sequences=(replace(sample, ids=ids, labels=torch.full_like(ids, NOT_LEARNED)),))


def modes_of(rows: CorpusRows) -> list[Mode]:
    """The mode of every row of a corpus, from its token counts; no medium is read."""
    images, audios = rows.column(NUM_IMAGE_TOKENS.name), rows.column(NUM_AUDIO_TOKENS.name)
    return [mode_of(int(num_images), int(num_audios)) for num_images, num_audios in zip(images, audios, strict=True)]


def mode_batches(modes: Sequence[Mode], batch_size: int, seed: int, epoch: int = 0) -> list[list[int]]:
    """Row numbers in batches of one mode, every row once, in an order of (seed, epoch) alone: a `batch_sampler` of a DataLoader.

    The last batch of a mode may be smaller.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, expected 1 or more")
    rng = keyed_rng(seed, "mode_batches", str(epoch))
    batches = []
    for mode in Mode:
        rows = rng.permutation([row for row, found in enumerate(modes) if found == mode]).astype(int).tolist()
        batches += [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    return [batches[at] for at in rng.permutation(len(batches))]


def _example(row: Record | Example) -> Example:
    return row if isinstance(row, Example) else example_of(row)


def _check_target(target: str, padding: str, vocabulary: Vocabulary | None) -> None:
    if target not in ("transformers", "official") or padding not in ("right", "left"):
        raise ValueError(f"target {target!r} and padding {padding!r}; expected transformers or official, and right or left")
    if target == "official" and vocabulary is not None:
        raise ValueError(
            "the released code knows placeholders by their released ids; a model with a vocabulary of its own cannot run in it"
        )


def _check_modes(examples: Sequence[Example]) -> None:
    if not examples:
        raise ValueError("no rows to collate")
    if len({example.mode for example in examples}) > 1:
        found = ", ".join(f"{example.key} {example.mode.name}" for example in examples[:8])
        raise ValueError(f"a batch holds one mode, because one adapter is active for all of it; these rows are {found}; use mode_batches")


def _check_clips(audios: Sequence[torch.Tensor]) -> None:
    longest = max((num_audio_tokens(len(audio)) for audio in audios), default=0)
    if len(audios) > 1 and longest > WINDOW_TOKENS:
        raise ValueError(
            f"a clip of {longest} tokens is batched with {len(audios) - 1} others; transformers 5.23 fails on several clips where one has "
            f"more than {WINDOW_TOKENS} (40 s): batch its row alone"
        )


def _text(samples: Sequence[Sample], padding: str, vocabulary: Vocabulary | None) -> Inputs:
    longest = max(len(sample.ids) for sample in samples)
    shape = len(samples), longest
    ids = torch.full(shape, tokens.END_OF_TEXT)
    mask = torch.zeros(shape, dtype=torch.int64)
    labels = torch.full(shape, NOT_LEARNED)
    for row, sample in enumerate(samples):
        num = len(sample.ids)
        place = slice(0, num) if padding == "right" else slice(longest - num, longest)
        ids[row, place] = sample.ids
        mask[row, place] = 1
        labels[row, place] = sample.labels
        labels[row, place.start] = NOT_LEARNED  # nothing but padding stands before it
    if vocabulary is not None:
        ids, labels = vocabulary.rows(ids), vocabulary.rows(labels)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _images(images: Sequence[ImageInput]) -> Inputs:
    if not images:
        return {}
    most = max(len(image.crops) for image in images)
    pixels = torch.zeros(len(images), most, *images[0].crops.shape[1:])
    mask = torch.ones(len(images), most, *images[0].mask.shape[1:])
    for number, image in enumerate(images):
        pixels[number, : len(image.crops)] = image.crops
        mask[number, : len(image.mask)] = image.mask.float()
    sizes = torch.tensor([(CROP * image.rows, CROP * image.columns) for image in images])
    return {"image_pixel_values": pixels, "image_sizes": sizes, "image_attention_mask": mask}


def _audios(audios: Sequence[torch.Tensor]) -> Inputs:
    if not audios:
        return {}
    num_frames = torch.tensor([len(audio) for audio in audios])
    features = torch.zeros(len(audios), int(num_frames.max()), NUM_MEL_BANDS)
    for number, audio in enumerate(audios):
        features[number, : len(audio)] = audio
    inputs = {"audio_input_features": features, "audio_embed_sizes": torch.tensor([num_audio_tokens(len(audio)) for audio in audios])}
    if len(audios) > 1:
        inputs["audio_attention_mask"] = torch.arange(features.shape[1])[None] < num_frames[:, None]
    return inputs
