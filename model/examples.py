"""A row of a corpus as the model reads it: token ids with their placeholders, labels, crops and log-Mel features.

Ids and labels come from the contract that counted the row when its corpus was built, so nothing about templates is said here.
Each medium is checked against its placeholders, and the row against the counts that it carries.
"""

from __future__ import annotations

import numpy as np
import torch

from model.batch import NOT_LEARNED, Example, ImageInput, Sample
from processors import tokens
from processors.audio.log_mel import num_audio_tokens
from processors.contract import NUM_AUDIO_TOKENS, NUM_IMAGE_TOKENS, NUM_LEARNED_TOKENS, NUM_TEXT_TOKENS, NUM_TOKENS, token_ids
from processors.image.crops import canvas_plan, crop_pixels, patch_mask
from processors.image.encode import decode_canvas
from processors.packing import encoded
from schemas.parts import NUM_MEL_BANDS, Audio, Image
from schemas.records import Conversation, Document, PackedSequence, Preference, Record, Turn


class ExampleError(ValueError):
    """A row whose media, placeholders and counts contradict one another."""


def example_of(record: Record) -> Example:
    """The sequences of a row: one of a document or a conversation, chosen and rejected of a preference, one a piece of a packed row.

    Raises:
        ExampleError: a medium that is missing, has another shape or gives another number of features than it has placeholders, or
            a count in the row's facts that is not what was counted here.
        TypeError: a record that cannot be trained on.
    """
    if isinstance(record, PackedSequence):
        sequences = _pieces(record)
    elif isinstance(record, Document):
        ids, labels = encoded(record)
        sequences = (_sample(ids, labels),)
    elif isinstance(record, Conversation):
        sequences = _sides(record.key, (), (record.turns,))
    elif isinstance(record, Preference):
        if any(turn.learned for turn in record.prompt):
            raise ExampleError(f"preference {record.key} has a learned turn in its prompt; only its two answers may carry loss")
        sequences = _sides(record.key, record.prompt, (record.chosen, record.rejected))
    else:
        raise TypeError(f"a {type(record).__name__} cannot be trained on; expected a document, conversation, preference or packed row")
    _check_counts(record, sequences)
    for sequence in sequences:
        sequence.labels.numpy()[0] = NOT_LEARNED  # nothing stands before it
    return Example(record.key, sequences)


def _sample(ids: np.ndarray, labels: np.ndarray) -> Sample:
    """Arrays of the contract as tensors of their own. Shapes: ids and labels (n,)."""
    return Sample(torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(labels.astype(np.int64)))


def _pieces(record: PackedSequence) -> tuple[Sample, ...]:
    """The pieces of a packed row, without its padding."""
    lengths = [piece.num_tokens for piece in record.pieces]
    held = int(np.count_nonzero(record.segment_ids))
    if held == 0 or sum(lengths) != held:
        raise ExampleError(f"packed row {record.key}: its pieces have {sum(lengths)} tokens, its segments {held}; run `corpusmill verify`")
    whole = _sample(record.input_ids[:held], record.labels[:held])
    return tuple(Sample(ids, labels) for ids, labels in zip(whole.ids.split(lengths), whole.labels.split(lengths), strict=True))


def _sides(key: str, prompt: tuple[Turn, ...], answers: tuple[tuple[Turn, ...], ...]) -> tuple[Sample, ...]:
    """One sequence for each answer; a medium of the prompt is decoded once, and shared."""
    opened: dict[int, ImageInput | torch.Tensor] = {}
    sequences = []
    for answer in answers:
        turns = prompt + answer
        media = [part for turn in turns for part in turn.parts if isinstance(part, (Image, Audio))]
        for number, part in enumerate(media):
            if id(part) not in opened:
                where = f"medium {number} of row {key}"
                opened[id(part)] = _image(part, where) if isinstance(part, Image) else _log_mel(part, where)
        ids, learned = token_ids(turns)
        array = np.fromiter(ids, np.int64, len(ids))
        labels = np.where(np.fromiter(learned, bool, len(learned)), array, NOT_LEARNED)
        inputs = [opened[id(part)] for part in media]
        images = tuple(value for value in inputs if isinstance(value, ImageInput))
        audios = tuple(value for value in inputs if isinstance(value, torch.Tensor))
        sequences.append(Sample(torch.from_numpy(array), torch.from_numpy(labels), images, audios))
    return tuple(sequences)


def _image(image: Image, where: str) -> ImageInput:
    """Crops and masks of an image's canvas, after its tokens were compared with its placeholders."""
    if image.canvas is None:
        raise ExampleError(f"{where} is an image without a canvas; build its corpus with the canvas step")
    plan = canvas_plan(image.canvas)
    if plan.num_tokens != image.num_tokens:
        raise ExampleError(
            f"{where} is an image of {image.num_tokens} placeholders, its canvas of {plan.columns}x{plan.rows} crops with content of "
            f"{plan.content_width}x{plan.content_height} px gives {plan.num_tokens} features"
        )
    canvas = decode_canvas(image.canvas)
    return ImageInput(torch.from_numpy(crop_pixels(canvas)), torch.from_numpy(patch_mask(canvas)), plan.columns, plan.rows)


def _log_mel(audio: Audio, where: str) -> torch.Tensor:
    """The features of a clip, in memory of their own. Shapes: (T, 80) float32."""
    mel = audio.log_mel
    if mel is None:
        raise ExampleError(f"{where} is an audio clip without a log-Mel; build its corpus with the log-Mel step")
    if mel.ndim != 2 or mel.shape[1] != NUM_MEL_BANDS or len(mel) == 0:
        raise ExampleError(f"{where} has a log-Mel of shape {mel.shape}, expected (frames, {NUM_MEL_BANDS}) with a frame or more")
    if num_audio_tokens(len(mel)) != audio.num_tokens:
        raise ExampleError(
            f"{where} is an audio clip of {audio.num_tokens} placeholders, its {len(mel)} frames give {num_audio_tokens(len(mel))} features"
        )
    return torch.from_numpy(np.array(mel, np.float32))


def _check_counts(record: Record, sequences: tuple[Sample, ...]) -> None:
    """The row's token counts against its sequences, before the first label of each is taken out."""
    images = sum(int(np.count_nonzero(sequence.ids.numpy() == tokens.IMAGE)) for sequence in sequences if sequence.images)
    audios = sum(int(np.count_nonzero(sequence.ids.numpy() == tokens.AUDIO)) for sequence in sequences if sequence.audios)
    lengths = [len(sequence.ids) for sequence in sequences]
    counted = {
        NUM_TEXT_TOKENS.name: sum(lengths) - images - audios,
        NUM_IMAGE_TOKENS.name: images,
        NUM_AUDIO_TOKENS.name: audios,
        NUM_TOKENS.name: max(lengths) if isinstance(record, Preference) else sum(lengths),
        NUM_LEARNED_TOKENS.name: sum(int(np.count_nonzero(sequence.labels.numpy() >= 0)) for sequence in sequences),
    }
    for name, number in counted.items():
        if name in record.facts and record.facts[name] != number:
            raise ExampleError(
                f"row {record.key} says {name} = {record.facts[name]!r}, its tokens give {number}; the corpus was changed after it was "
                "counted, or by another version of the contract: rebuild it"
            )
