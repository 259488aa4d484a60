"""Keyword inputs: padding, masks, labels, names of both targets, order, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.data import DataLoader

from model.batch import Example, Mode, Sample
from model.collate import Collator, PairCollator, mode_batches, prompt_of
from model.examples import example_of
from model.vocabulary import UnknownToken
from processors import tokens
from schemas.parts import Text
from schemas.records import Conversation, Document, Origin, Preference, Turn
from tests.model.golden import VOCABULARY, golden_audio, golden_image

BANG = tokens.encode("!")[0]  # id 0, which the released samples take for padding


def talk(answer: str, key: str = "a") -> Conversation:
    return Conversation(key, Origin("made"), (Turn("user", (Text("Say it!"),)), Turn("assistant", (Text(answer),), learned=True)))


def media(num_images: int = 0, seconds: tuple[float, ...] = (), key: str = "m", size: tuple[int, int] = (100, 100)) -> Example:
    """Images, clips and three tokens."""
    images, audios = [golden_image(*size) for _ in range(num_images)], [golden_audio(one) for one in seconds]
    ids = [tokens.IMAGE] * sum(num for _, num in images) + [tokens.AUDIO] * sum(-(-len(clip) // 8) for clip in audios) + [5, 6, 7]
    labels = torch.tensor([-100] * (len(ids) - 1) + [7])
    return Example(key, (Sample(torch.tensor(ids), labels, tuple(image for image, _ in images), tuple(audios)),))


@pytest.mark.parametrize("padding", ["right", "left"])
def test_padding_hides_nothing_real_and_trains_nothing_false(padding: str) -> None:
    rows = [talk("!!! Yes!"), talk("No! It is a longer answer, this one!", "b")]
    inputs = Collator("transformers", padding)(rows)  # type: ignore[arg-type]
    alone = [Collator()([row]) for row in rows]
    lengths = [one["input_ids"].shape[1] for one in alone]
    assert BANG == 0
    assert inputs["attention_mask"].sum(1).tolist() == lengths
    for row, one in enumerate(alone):
        seen = inputs["attention_mask"][row].bool()
        assert torch.equal(inputs["input_ids"][row][seen], one["input_ids"][0])
        assert torch.equal(inputs["labels"][row][seen], one["labels"][0])
        assert set(inputs["input_ids"][row][~seen].tolist()) <= {tokens.END_OF_TEXT}
        assert set(inputs["labels"][row][~seen].tolist()) <= {-100}
        assert bool(seen[0] if padding == "right" else seen[-1])
    short = lengths.index(min(lengths))
    assert not bool(inputs["attention_mask"][short, -1 if padding == "right" else 0])


def test_no_label_is_predicted_from_padding() -> None:
    rows = [Document("d", Origin("made"), "one two three"), Document("e", Origin("made"), "four")]
    inputs = Collator("transformers", "left")(rows)
    first = inputs["attention_mask"].argmax(1)
    assert inputs["labels"][torch.arange(2), first].tolist() == [-100, -100]
    assert (inputs["labels"] >= 0).sum(1).tolist() == [num - 1 for num in inputs["attention_mask"].sum(1).tolist()]


def test_images_of_several_grids() -> None:
    inputs = Collator()([media(1), media(1, key="n", size=(500, 300))])
    assert inputs["image_pixel_values"].shape == (2, 3, 3, 448, 448)
    assert inputs["image_sizes"].tolist() == [[448, 448], [448, 896]]
    assert float(inputs["image_pixel_values"][0, 2].abs().max()) == 0
    assert float(inputs["image_attention_mask"][0, 2].min()) == 1
    assert float(inputs["image_attention_mask"][1].min()) == 0
    assert not {"audio_input_features", "audio_attention_mask", "input_mode"} & set(inputs)


def test_clips() -> None:
    inputs = Collator()([media(0, (1,)), media(0, (0.5, 0.2), key="n")])
    frames = [len(golden_audio(one)) for one in (1, 0.5, 0.2)]
    assert inputs["audio_input_features"].shape == (3, frames[0], 80)
    assert inputs["audio_embed_sizes"].tolist() == [-(-num // 8) for num in frames]
    assert inputs["audio_attention_mask"].sum(1).tolist() == frames
    assert inputs["audio_attention_mask"].dtype == torch.bool
    assert float(inputs["audio_input_features"][~inputs["audio_attention_mask"]].abs().max()) == 0
    assert "audio_attention_mask" not in Collator()([media(0, (1,))])


@pytest.mark.parametrize("mode", Mode)
def test_names_and_mode_of_the_released_code(mode: Mode) -> None:
    one = media(int(bool(mode & 1)), (0.3,) if mode & 2 else ())
    official, other = Collator("official")([one]), Collator()([one])
    assert official.pop("input_mode").tolist() == [int(mode)]
    renamed = {"input_image_embeds": "image_pixel_values", "input_audio_embeds": "audio_input_features"}
    assert {renamed.get(name, name) for name in official} == set(other)
    assert all(torch.equal(value, other[renamed.get(name, name)]) for name, value in official.items())


def test_pairs() -> None:
    sides = ((Turn("assistant", (Text("yes"),), True),), (Turn("assistant", (Text("no, never"),), True),))
    row = Preference("p", Origin("made"), (Turn("user", (Text("Well?"),)),), *sides)
    pairs = PairCollator("official")([row, row])
    for name, answer in (("chosen", "yes"), ("rejected", "no, never")):
        learned = pairs[name]["labels"][0][pairs[name]["labels"][0] >= 0].tolist()
        assert learned == [*tokens.encode(answer), tokens.SPECIAL["<|end|>"], tokens.END_OF_TEXT]
        assert len(pairs[name]["input_ids"]) == 2
    with pytest.raises(ValueError, match="row p is a preference; collate preferences with PairCollator"):
        Collator()([row])
    with pytest.raises(ValueError, match="row a has 1 sequences"):
        PairCollator()([talk("x")])  # type: ignore[list-item]


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="m VISION, a TEXT; use mode_batches"):
        Collator()([media(1), talk("x")])
    with pytest.raises(ValueError, match="no rows"):
        Collator()([])
    with pytest.raises(ValueError, match="a clip of 513 tokens is batched with 1 others"):
        Collator()([media(0, (41,)), media(0, (1,))])
    assert Collator("official")([media(0, (41,)), media(0, (1,))])["audio_embed_sizes"].tolist() == [513, 13]
    assert Collator()([media(0, (41,))])["audio_embed_sizes"].tolist() == [513]
    with pytest.raises(ValueError, match="target 'hf'"):
        Collator("hf")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="vocabulary of its own cannot run"):
        Collator("official", vocabulary=VOCABULARY)
    with pytest.raises(UnknownToken):
        Collator(vocabulary=VOCABULARY)([talk("x")])


def test_rows_of_a_vocabulary() -> None:
    inputs = Collator(vocabulary=VOCABULARY)([media(1), replace(media(2), key="n")])
    assert set(inputs["input_ids"].unique().tolist()) == {5, 6, 7, 9, 10}
    assert inputs["labels"].max() == 7


def test_batches_of_one_mode() -> None:
    modes = [Mode(number % 4) for number in range(41)]
    batches = mode_batches(modes, 4, seed=3)
    assert sorted(row for batch in batches for row in batch) == list(range(41))
    assert all(len({modes[row] for row in batch}) == 1 for batch in batches)
    assert max(len(batch) for batch in batches) == 4
    assert batches == mode_batches(modes, 4, seed=3)
    assert batches != mode_batches(modes, 4, seed=4)
    assert batches != mode_batches(modes, 4, seed=3, epoch=1)


def test_a_data_loader_with_workers_gives_the_same() -> None:
    rows = [talk(f"answer {number}!", str(number)) for number in range(5)]
    plain = list(DataLoader(rows, batch_size=2, collate_fn=Collator("official")))  # type: ignore[arg-type]
    apart = list(DataLoader(rows, batch_size=2, collate_fn=Collator("official"), num_workers=1))  # type: ignore[arg-type]
    assert len(plain) == len(apart) == 3
    assert all(torch.equal(one[name], other[name]) for one, other in zip(plain, apart, strict=True) for name in one)


def test_the_prompt_ends_before_the_last_answer() -> None:
    turns = talk("first").turns + talk("second").turns
    row = Conversation("c", Origin("made"), turns)
    asked = prompt_of(example_of(row)).sequences[0]
    assert tokens.decode(asked.ids.tolist()) == "<|user|>Say it!<|end|><|assistant|>first<|end|><|user|>Say it!<|end|><|assistant|>"
    assert asked.labels.max() == -100
    with pytest.raises(ValueError, match="nothing is learned"):
        prompt_of(Example("e", (asked,)))
