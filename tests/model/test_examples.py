"""A row becomes what the contract counted: ids, labels, media; contradictions are errors that say both numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.batch import NOT_LEARNED, Batch, Example, Mode
from model.examples import ExampleError, example_of
from model.plan import Costs
from model.rows import CorpusRows
from processors import tokens
from processors.image.crops import crop_pixels, patch_mask
from processors.image.encode import decode_canvas
from processors.packing import PackSequences, encoded
from schemas.parts import Audio, Image, Text
from schemas.records import Conversation, Document, PackedSequence, Row, Turn, audios_of, images_of, map_parts
from tests.model.written import ORIGIN, clip, conversation, counted, document, documents, image, preference


def learned_text(example: Example, number: int = 0) -> str:
    labels = example.sequences[number].labels
    return tokens.decode(labels[labels >= 0].tolist())


def test_a_document_learns_all_but_its_first_token() -> None:
    example = example_of(document("d", "One two three."))
    ids = [*tokens.encode("One two three."), tokens.END_OF_TEXT]
    assert example.sequences[0].ids.tolist() == ids
    assert example.sequences[0].labels.tolist() == [NOT_LEARNED, *ids[1:]]
    assert (example.key, example.mode, example.num_tokens) == ("d", Mode.TEXT, len(ids))


def test_a_conversation_learns_its_answers_alone() -> None:
    turns = [Turn("system", (Text("S"),)), Turn("user", (Text("U"),)), Turn("assistant", (Text("one"),), learned=True)]
    turns += [Turn("user", (Text("V"),)), Turn("assistant", (Text("two"),), learned=True)]
    example = example_of(counted(Conversation("c", ORIGIN, tuple(turns))))
    written = "<|system|>S<|end|><|user|>U<|end|><|assistant|>one<|end|><|user|>V<|end|><|assistant|>two<|end|><|endoftext|>"
    assert tokens.decode(example.sequences[0].ids.tolist()) == written
    assert learned_text(example) == "one<|end|>two<|end|><|endoftext|>"


def test_media_stand_in_the_order_of_their_placeholders() -> None:
    record = conversation("c", [image(500, 300, 1), "and", clip(5_000, 2), image(90, 90, 3), clip(700, 4), "What?"], "So.")
    sample = example_of(record).sequences[0]
    assert example_of(record).mode is Mode.VISION_SPEECH
    pictures, clips = list(images_of(record)), list(audios_of(record))
    ids = sample.ids.numpy()
    runs = np.split(ids, np.flatnonzero(np.diff(ids)) + 1)
    seen = [(int(run[0]), len(run)) for run in runs if run[0] in (tokens.IMAGE, tokens.AUDIO)]
    assert seen[0] == (tokens.IMAGE, pictures[0].num_tokens)
    assert seen[1:] == [(tokens.AUDIO, 4), (tokens.IMAGE, pictures[1].num_tokens), (tokens.AUDIO, 1)]
    for given, original in zip(sample.images, pictures, strict=True):
        canvas = decode_canvas(original.canvas)  # type: ignore[arg-type]
        np.testing.assert_array_equal(given.crops, crop_pixels(canvas))
        np.testing.assert_array_equal(given.mask, patch_mask(canvas))
        assert (given.columns, given.rows) == canvas.grid
    for mel, clip_ in zip(sample.audios, clips, strict=True):
        np.testing.assert_array_equal(mel, clip_.log_mel)
    assert learned_text(example_of(record)) == "So.<|end|><|endoftext|>"


def test_a_preference_has_two_sides_with_one_prompt() -> None:
    record = preference("p", [image(60, 60), "Which?"], "good", "bad")
    example = example_of(record)
    chosen, rejected = example.sequences
    assert (learned_text(example, 0), learned_text(example, 1)) == ("good<|end|><|endoftext|>", "bad<|end|><|endoftext|>")
    prompt = int((chosen.labels < 0).sum())
    assert torch.equal(chosen.ids[:prompt], rejected.ids[:prompt])
    assert chosen.images[0] is rejected.images[0]  # decoded once
    learned = replace(record, prompt=tuple(replace(turn, learned=True) for turn in record.prompt))
    with pytest.raises(ExampleError, match="preference p has a learned turn in its prompt"):
        example_of(learned)


def test_a_packed_row_falls_into_its_pieces() -> None:
    made = documents(30)
    packed = [record for record in PackSequences(128)(list(made)) if isinstance(record, PackedSequence)]
    by_key = {record.key: record for record in made}
    found = 0
    for row in packed:
        for piece, sample in zip(row.pieces, example_of(row).sequences, strict=True):
            ids, labels = encoded(by_key[piece.key])
            stop = piece.offset + piece.num_tokens
            assert sample.ids.tolist() == ids[piece.offset : stop].tolist()
            assert sample.labels.tolist() == [NOT_LEARNED, *labels[piece.offset + 1 : stop].tolist()]
            found += len(sample.ids)
    assert found == sum(len(encoded(record)[0]) for record in made)
    assert len(Batch.join([example_of(row) for row in packed]).ids) == found  # no padding
    cut = replace(packed[0], pieces=packed[0].pieces[:-1])
    with pytest.raises(ExampleError, match=r"its pieces have .* tokens, its segments"):
        example_of(cut)


def test_half_precision_features_are_read_as_single(tmp_path: Path) -> None:
    record = conversation("c", [clip(3_000)], "x")
    halved = map_parts(record, {Audio: lambda audio: replace(audio, log_mel=audio.log_mel.astype(np.float16))})
    mel = example_of(halved).sequences[0].audios[0]
    assert mel.dtype == torch.float32
    np.testing.assert_array_equal(mel, next(audios_of(halved)).log_mel)


def with_audio(**changes: Any) -> Conversation:
    return map_parts(conversation("c", [clip(3_000), "?"], "x"), {Audio: lambda audio: replace(audio, **changes)})


def with_image(change: Any) -> Conversation:
    return map_parts(conversation("c", [image(500, 90), "?"], "x"), {Image: change})


def one_more(part: Any) -> Any:
    return replace(part, num_tokens=part.num_tokens + 1)


FAULTS = {
    "an image of one placeholder too many": (
        lambda: with_image(one_more),
        r"medium 0 of row c is an image of (\d+) placeholders, its canvas of 2x1 crops with content of 896x161 px gives (\d+) features",
    ),
    "a canvas of other content": (
        lambda: with_image(lambda part: replace(part, canvas=replace(part.canvas, content_height=99))),
        "content of 896x99 px gives",
    ),
    "no canvas": (lambda: with_image(lambda part: replace(part, canvas=None)), "an image without a canvas"),
    "a clip of one placeholder too many": (
        lambda: with_audio(num_tokens=4),
        "3 placeholders|4 placeholders, its 17 frames give 3 features",
    ),
    "a transposed log-Mel": (
        lambda: with_audio(log_mel=np.zeros((80, 17), np.float32)),
        r"log-Mel of shape \(80, 17\), expected \(frames, 80\)",
    ),
    "no log-Mel": (lambda: with_audio(log_mel=None), "an audio clip without a log-Mel"),
    "no frame": (lambda: with_audio(log_mel=np.zeros((0, 80), np.float32), num_tokens=0), r"shape \(0, 80\)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_media_that_contradict_their_placeholders_are_errors(fault: str) -> None:
    make, message = FAULTS[fault]
    with pytest.raises(ExampleError, match=message):
        example_of(make())


@pytest.mark.parametrize("name", ["num_tokens", "num_text_tokens", "num_image_tokens", "num_audio_tokens", "num_learned_tokens"])
@pytest.mark.parametrize("record", [conversation("c", [clip(3_000), image(60, 60)], "x"), document("d", "a b"), preference("p", ["?"], "yes", "n")], ids=["conversation", "document", "preference"])  # fmt: skip
def test_a_count_that_is_off_by_one_is_an_error(record: Any, name: str) -> None:
    example_of(record)
    said = record.facts[f"contract.{name}"]
    wrong = replace(record, facts={**record.facts, f"contract.{name}": said + 1})
    with pytest.raises(ExampleError, match=f"row {record.key} says contract.{name} = {said + 1}, its tokens give {said}; .* rebuild it"):
        example_of(wrong)


def test_a_raw_row_cannot_be_trained_on() -> None:
    with pytest.raises(TypeError, match="a Row cannot be trained on"):
        example_of(Row("r", ORIGIN))


def test_the_same_row_gives_the_same_example_and_stays_as_it_was() -> None:
    record = conversation("c", [clip(3_000)], "x")
    first, second = example_of(record), example_of(record)
    first.sequences[0].audios[0].fill_(7)
    assert torch.equal(example_of(record).sequences[0].audios[0], second.sequences[0].audios[0])
    assert torch.equal(first.sequences[0].ids, second.sequences[0].ids)


def test_rows_of_every_corpus_of_the_demonstration_become_what_their_counts_say(run_folder: Path, demo: dict[str, Any]) -> None:
    """Also that what a plan reckons with, without reading media, is what the row then holds."""
    for name in demo:
        rows = CorpusRows(run_folder / "demo" / "corpora" / name)
        costs = Costs.of(rows)
        for at in range(0, len(rows), max(1, len(rows) // 2)):
            example = example_of(rows[at])
            images = [picture for sequence in example.sequences for picture in sequence.images]
            clips = [mel for sequence in example.sequences for mel in sequence.audios]
            held = (example.num_tokens, sum(len(i.crops) for i in images), sum(map(len, clips)), int(example.mode))
            assert held == (costs.tokens[at], costs.crops[at], costs.frames[at], costs.modes[at]), (name, at)


def test_a_document_is_what_packing_encodes() -> None:
    made = Document("d", ORIGIN, "words and ñ 語")
    assert example_of(made).sequences[0].ids.tolist() == encoded(made)[0].tolist()  # without facts there is nothing to check
