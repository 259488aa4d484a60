"""Keyword inputs against transformers' own processor on the same raw media, and real steps of its model on rows of the demonstration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from model.batch import Batch, Mode
from model.collate import Collator, PairCollator, keyword_inputs, modes_of, prompt_of
from model.config import LoraConfig, ModelConfig
from model.examples import example_of
from model.generate import generate
from model.initial import build_model, vocabulary_of
from model.multimodal import Phi4MM
from model.rows import CorpusRows
from processors.audio.log_mel import log_mel, num_audio_tokens
from processors.image.crops import canvas_plan, make_canvas
from schemas.parts import Audio, Image, Part, Text
from schemas.records import Conversation, Origin, Turn
from tests.hf import import_transformers
from tests.model.golden import golden_pixels, golden_samples, tiny_g2_config
from tests.parity.o200k import tokenizer_for
from tests.parity.phi4mm import activate, reference

pytestmark = pytest.mark.parity

GREY_LEVELS = 2 / 127.5 + 1e-6  # Pillow's resize, which the released code uses, against that of tensors
FEATURES = 2e-6  # of log-Mel, about 14
CORPORA = {
    "cot_sft": Mode.TEXT,
    "packed": Mode.TEXT,
    "cot_pretrain": Mode.TEXT,
    "vision_sft.general": Mode.VISION,
    "asr": Mode.SPEECH,
    "vision_speech": Mode.VISION_SPEECH,
}

# prompt, answer, sizes of pictures, samples of clips
TALKS = {
    "text": ("What is 6 x 7, and why?", "It's 42: six sevens.", (), ()),
    "image": ("Describe the image in detail.", "Waves, in three colours.", ((448, 448),), ()),
    "two images": ("Which one is wider?", "The first.", ((900, 500), (300, 300)), ()),
    "speech": ("Transcribe the audio clip into text.", "Two tones.", (), (16_000,)),
    "image and speech": ("", "Yes.", ((500, 300),), (20_000,)),
}


def conversation(name: str) -> Conversation:
    prompt, answer, sizes, clips = TALKS[name]
    parts: list[Part] = []
    for size in sizes:
        canvas = make_canvas(golden_pixels(*size), 36)
        parts.append(Image(canvas=canvas, num_tokens=canvas_plan(canvas).num_tokens))
    for num in clips:
        features = log_mel(golden_samples(num), hf_compat=True)
        parts.append(Audio(log_mel=features, num_tokens=num_audio_tokens(len(features))))
    if prompt:
        parts.append(Text(prompt))
    return Conversation(name, Origin("made"), (Turn("user", tuple(parts)), Turn("assistant", (Text(answer),), learned=True)))


def raw_text(name: str) -> str:
    prompt, answer, sizes, clips = TALKS[name]
    return f"<|user|>{'<|image|>' * len(sizes)}{'<|audio|>' * len(clips)}{prompt}<|end|><|assistant|>{answer}<|end|><|endoftext|>"


@pytest.fixture(scope="module")
def processor() -> Any:
    transformers = import_transformers()
    pytest.importorskip("torchvision", reason="the image processor of transformers needs torchvision (`make setup` installs it)")
    tokenizer = tokenizer_for(part for talk in TALKS.values() for part in talk[:2])
    return transformers.Phi4MultimodalProcessor(
        transformers.Phi4MultimodalImageProcessor(), transformers.Phi4MultimodalFeatureExtractor(), tokenizer
    )


@pytest.mark.parametrize("names", [("text",), ("image",), ("image", "two images"), ("speech",), ("image and speech",)], ids="+".join)
def test_inputs_equal_those_of_the_processor(processor: Any, names: tuple[str, ...]) -> None:
    pictures = [PillowImage.fromarray(golden_pixels(*size)) for name in names for size in TALKS[name][2]]
    clips = [golden_samples(num) for name in names for num in TALKS[name][3]]
    media = {**({"images": pictures} if pictures else {}), **({"audio": clips, "sampling_rate": 16_000} if clips else {})}
    theirs = dict(processor(text=[raw_text(name) for name in names], padding=True, return_tensors="pt", **media))
    ours = Collator("transformers", "left")([conversation(name) for name in names])
    labels = ours.pop("labels")
    assert set(ours) == set(theirs)
    for name in ours:
        assert ours[name].shape == theirs[name].shape, name
        assert ours[name].dtype == theirs[name].dtype, name
        if name == "image_pixel_values":
            assert float((ours[name][:, 1:] - theirs[name][:, 1:]).abs().max()) <= GREY_LEVELS
            assert float((ours[name][:, 0] - theirs[name][:, 0]).abs().max()) <= 2.5 * GREY_LEVELS  # bicubic weights
        elif name == "audio_input_features":
            assert float((ours[name] - theirs[name]).abs().max()) <= FEATURES
        else:
            assert torch.equal(ours[name], theirs[name]), name
    learned = labels >= 0
    assert torch.equal(labels[learned], ours["input_ids"][learned])
    answers = [processor.tokenizer(TALKS[name][1] + "<|end|><|endoftext|>")["input_ids"] for name in names]
    assert labels[learned].tolist() == [number for answer in answers for number in answer]


def test_clips_in_one_batch(processor: Any) -> None:
    """Sizes and mask are equal, and frames within the clips; behind a clip's end transformers leaks the frames that straddle it."""
    names = ("speech", "image and speech")
    clips = [golden_samples(TALKS[name][3][0]) for name in names]
    theirs = processor.audio_processor(clips, sampling_rate=16_000)
    ours = keyword_inputs([example_of(conversation(name)).sequences[0] for name in names])
    for name in ("audio_embed_sizes", "audio_attention_mask"):
        assert torch.equal(ours[name], theirs[name]), name
    mask = ours["audio_attention_mask"]
    assert float((ours["audio_input_features"] - theirs["audio_input_features"])[mask].abs().max()) <= FEATURES
    assert float(theirs["audio_input_features"][~mask].abs().max()) > 1
    assert float(ours["audio_input_features"][~mask].abs().max()) == 0


@pytest.fixture(scope="module")
def corpora(demo: dict[str, Any], run_folder: Path) -> Path:
    return run_folder / "demo" / "corpora"


@pytest.fixture(scope="module")
def model(corpora: Path) -> Phi4MM:
    """A tiny model that knows the demonstration's ids; its adapters do something."""
    config: ModelConfig = replace(tiny_g2_config(), lora_speech=LoraConfig(5, 10, 0.0))
    made = build_model(config, vocabulary_of([corpora / name for name in (*CORPORA, "dpo")]), seed=1).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in made.named_parameters():
            if ".lora_B." in name or name.endswith("_GN"):
                tensor.normal_(0, 0.3, generator=generator)
    return made


@pytest.fixture(scope="module")
def theirs(model: Phi4MM, tmp_path_factory: pytest.TempPathFactory) -> Any:
    found = reference(model, tmp_path_factory.mktemp("collate") / "model")
    return found.requires_grad_(True)  # loading adapters froze it


def shortest(corpora: Path, name: str, num: int) -> list[Any]:
    rows = CorpusRows(corpora / name)
    assert set(modes_of(rows)) == {CORPORA.get(name, Mode.TEXT)}
    return [rows[int(row)] for row in np.argsort(rows.column("contract.num_tokens"), kind="stable")[:num]]


@pytest.mark.parametrize("name", CORPORA)
def test_loss_and_gradients_on_rows_of_the_demonstration(corpora: Path, model: Phi4MM, theirs: Any, name: str) -> None:
    """One forward and backward pass of transformers on our inputs: its loss is our model's loss on the same rows."""
    mode = CORPORA[name]
    activate(theirs, mode.adapter)
    # clips of several lengths in one batch are not masked in transformers: one speech row; one packed row is several sequences
    rows = shortest(corpora, name, 1 if mode.adapter or name == "packed" else 3)
    inputs = Collator("transformers", vocabulary=model.vocabulary)(rows)
    out = theirs(**inputs)
    out.loss.backward()
    batch = Batch.join([example_of(row) for row in rows])
    losses = model.losses(batch)
    each, index = losses.each, losses.index
    assert int((inputs["labels"] >= 0).sum()) == len(index)
    assert len(inputs["input_ids"]) == len(batch.lengths)
    assert out.loss.item() == pytest.approx(each.mean().item(), abs=1e-4)
    each.mean().backward()
    embedding, ours = theirs.get_input_embeddings().weight.grad, model.model.embed_tokens.weight.grad
    assert ours is not None
    assert torch.allclose(embedding, ours, atol=1e-5)
    theirs.zero_grad()
    model.zero_grad()


def test_losses_of_pairs(corpora: Path, model: Phi4MM, theirs: Any) -> None:
    activate(theirs, None)
    rows = shortest(corpora, "dpo", 2)
    pairs = PairCollator("transformers", vocabulary=model.vocabulary)(rows)
    examples = [example_of(row) for row in rows]
    with torch.no_grad():
        for side, name in enumerate(("chosen", "rejected")):
            batch = Batch.join([replace(example, sequences=(example.sequences[side],)) for example in examples])
            assert float(theirs(**pairs[name]).loss) == pytest.approx(float(model.losses(batch).each.mean()), abs=1e-4)


@pytest.mark.parametrize("name", ["cot_sft", "asr"])
def test_both_generate_the_same(corpora: Path, model: Phi4MM, theirs: Any, name: str) -> None:
    """Greedy generation of transformers from a written folder, from inputs padded left, equals ours."""
    assert model.vocabulary is not None
    activate(theirs, CORPORA[name].adapter)
    prompts = [prompt_of(example_of(row)) for row in shortest(corpora, name, 1)]
    inputs = Collator("transformers", "left", model.vocabulary)(prompts)
    del inputs["labels"]
    out = theirs.generate(**inputs, max_new_tokens=8, do_sample=False)
    found = model.vocabulary.ids[out[0, inputs["input_ids"].shape[1] :]].tolist()
    ours = generate(model, Batch.join(prompts), 8)
    assert len(found) >= 1
    assert found[: len(ours)] == ours
    assert len(ours) == 8 or len(found) == len(ours) + 1  # transformers gives the token that stopped it
