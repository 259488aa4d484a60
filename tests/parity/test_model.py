"""The whole model against transformers: eager attention, float32, the same tiny weights; logits of every token, and the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model.batch import Batch, Example, Sample
from model.collate import keyword_inputs
from model.config import HfCompat
from model.multimodal import Phi4MM
from model.official_names import official_name
from processors import tokens
from tests.hf import import_transformers
from tests.model.golden import VOCABULARY, golden_audio, golden_batch, golden_image, golden_model, tiny_g2_config
from tests.parity.phi4mm import activate, our_logits, reference, their_logits

pytestmark = pytest.mark.parity

TOLERANCE = 1e-5
SEEN_AS_IN_TRANSFORMERS = HfCompat(rope_per_call=True, audio_mask_is_added=True, audio_padding_is_seen=True)


@pytest.fixture(scope="module")
def model() -> Phi4MM:
    return golden_model()


@pytest.fixture(scope="module")
def theirs(model: Phi4MM, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return reference(model, tmp_path_factory.mktemp("phi4mm") / "model")


def sequence(num_text: int, sizes: tuple[tuple[int, int], ...] = (), audio_s: tuple[float, ...] = (), first: int = 20) -> Sample:
    """Images, audio and text, in turn; the text is learned."""
    images, audios = [golden_image(*size) for size in sizes], [golden_audio(seconds) for seconds in audio_s]
    rows = [first]
    for _, num in images:
        rows += [10] * num + [first + 1]
    for clip in audios:
        rows += [11] * -(-len(clip) // 8) + [first + 2]
    rows += [12 + (first + 7 * place) % 50 for place in range(num_text)]
    ids = VOCABULARY.ids[torch.tensor(rows)]
    labels = torch.where((ids == tokens.IMAGE) | (ids == tokens.AUDIO), -100, ids)
    labels[0] = -100
    return Sample(ids, labels, tuple(image for image, _ in images), tuple(audios))


def example(*sequences: Sample) -> Example:
    return Example("parity", sequences)


CASES: dict[str, tuple[Callable[[], Example], str]] = {
    "text": (lambda: example(sequence(40)), "right"),
    "texts, padded right": (lambda: example(sequence(40), sequence(17, first=9), sequence(28, first=3)), "right"),
    "texts, padded left": (lambda: example(sequence(40), sequence(17, first=9), sequence(28, first=3)), "left"),
    "three images, with padding and dummy crops": (lambda: example(sequence(6, ((500, 300), (448, 448), (300, 700)))), "right"),
    "a clip of 3 s": (lambda: example(sequence(6, audio_s=(3,))), "right"),
    "a clip of 47 s": (lambda: example(sequence(6, audio_s=(47,))), "right"),
    "an image and a clip, then a clip": (lambda: example(sequence(6, ((100, 37),), (1,)), sequence(9, (), (1,), first=4)), "left"),
}


@pytest.mark.parametrize("case", CASES)
def test_logits_of_every_token(model: Phi4MM, theirs: Any, case: str) -> None:
    """Base weights; where transformers computes what the released code does, no switch is on."""
    activate(theirs, None)
    make, padding = CASES[case]
    one = make()
    (ours, our_loss), (found, loss) = our_logits(model, one, None), their_logits(theirs, one, model, padding)
    assert ours.shape == found.shape == (sum(len(sample.ids) for sample in one.sequences), 64)
    assert float((ours - found).abs().max()) < TOLERANCE
    assert our_loss == pytest.approx(loss, abs=TOLERANCE)


@pytest.mark.parametrize("adapter", ["vision", "speech"])
def test_lora_against_peft(model: Phi4MM, theirs: Any, adapter: str) -> None:
    activate(theirs, adapter)
    for make in (lambda: example(sequence(40)), lambda: example(sequence(6, ((448, 448),), (1,)))):
        (ours, _), (found, _) = our_logits(model, make(), adapter), their_logits(theirs, make(), model)
        base, _ = our_logits(model, make(), None)
        assert float((ours - found).abs().max()) < TOLERANCE
        assert float((ours - base).abs().max()) > 0.1


@pytest.mark.parametrize(
    ("seconds", "patched"), [((3, 1.7), False), ((47, 5), True), ((1, 2.5, 1.3), False)], ids=["3 s, 1.7 s", "47 s, 5 s", "three clips"]
)
def test_clips_of_several_lengths(
    model: Phi4MM, theirs: Any, seconds: tuple[float, ...], patched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the switches on, ours has the mask and the padding of transformers; off, each clip gives what it gives alone."""
    activate(theirs, None)
    if patched:  # `view` of a tensor that is not contiguous: it fails on two clips where one has two windows
        modeling = import_transformers().models.phi4_multimodal.modeling_phi4_multimodal
        monkeypatch.setattr(modeling, "unfold_tensor", lambda tensor, size: tensor.reshape(-1, size, tensor.shape[-1]))
        monkeypatch.setattr("model.collate.WINDOW_TOKENS", 10_000)
    one = example(sequence(5, audio_s=seconds))
    found, _ = their_logits(theirs, one, model)
    plain, _ = our_logits(model, one, None)
    monkeypatch.setattr(model, "config", replace(model.config, hf_compat=SEEN_AS_IN_TRANSFORMERS))
    ours, _ = our_logits(model, one, None)
    assert float((ours - found).abs().max()) < TOLERANCE
    assert float((plain - found).abs().max()) > 10 * TOLERANCE


def test_switches_change_nothing_else(model: Phi4MM, monkeypatch: pytest.MonkeyPatch) -> None:
    """One clip, and sequences on the same side of the original context, are the same with all switches on."""
    one = example(sequence(5, audio_s=(2,)), sequence(30, ((224, 224),)))
    plain, _ = our_logits(model, one, None)
    monkeypatch.setattr(model, "config", replace(model.config, hf_compat=SEEN_AS_IN_TRANSFORMERS))
    assert torch.equal(plain, our_logits(model, one, None)[0])


@pytest.mark.slow
def test_4100_tokens(model: Phi4MM, theirs: Any) -> None:
    """Sums over 4,100 keys in another order cost a little more than the tolerance somewhere among 262,400 logits."""
    activate(theirs, None)
    one = example(sequence(4_099))
    difference = (our_logits(model, one, None)[0] - their_logits(theirs, one, model)[0]).abs()
    assert float(difference[-1].max()) < TOLERANCE
    assert float(difference.max()) < 3 * TOLERANCE


def test_long_and_short_sequences(tmp_path: Path) -> None:
    """Beyond the original context, here 64 tokens, the long factors hold.

    transformers chooses them for a whole call, so a short text beside a long one changes; ours does not, without the switch.
    """
    config = tiny_g2_config()
    model = golden_model(replace(config, decoder=replace(config.decoder, original_context=64)))
    theirs = reference(model, tmp_path / "model", adapters=False)
    short = sequence(30, first=5)
    one = example(sequence(90), short)
    found, _ = their_logits(theirs, one, model)
    plain, _ = our_logits(model, one, None)
    alone, _ = our_logits(model, example(short), None)
    assert float((plain[: -len(short.ids)] - found[: -len(short.ids)]).abs().max()) < TOLERANCE
    assert float((plain[-len(short.ids) :] - alone).abs().max()) < TOLERANCE
    assert float((found[-len(short.ids) :] - alone).abs().max()) > 100 * TOLERANCE
    model.config = replace(model.config, hf_compat=SEEN_AS_IN_TRANSFORMERS)
    assert float((our_logits(model, one, None)[0] - found).abs().max()) < TOLERANCE


def test_gradients(model: Phi4MM, theirs: Any) -> None:
    """Of an image with a clip under the vision adapter: every tensor's gradient, by its name."""
    activate(theirs, "vision")
    one = example(sequence(12, ((300, 200),), (1,)))
    batch = Batch.join([one])
    ours = {name: tensor.requires_grad_(True) for name, tensor in model.named_parameters()}
    model.losses(batch).each.mean().backward()
    named = {official_name(name): tensor.requires_grad_(True) for name, tensor in theirs.named_parameters()}
    theirs(**keyword_inputs(one.sequences, vocabulary=VOCABULARY)).loss.backward()
    assert set(ours) == set(named)
    compared = 0
    for name, tensor in ours.items():
        mine, other = (one.grad if one.grad is not None else torch.zeros(()) for one in (tensor, named[name]))
        assert float((mine - other).abs().max()) < TOLERANCE * max(1.0, float(other.abs().max())), name
        compared += bool(other.abs().max() > 0)
    assert compared > 100
    model.zero_grad()
    theirs.zero_grad()


def test_golden_inputs_are_what_transformers_golden_numbers_came_from(model: Phi4MM, theirs: Any) -> None:
    """The golden batch of the tests without transformers, through transformers."""
    activate(theirs, None)
    batch = golden_batch([3, 4, 5, 6, 7, 8, 9, 12, 13, 14])
    found, loss = their_logits(theirs, Example("golden", (Sample(batch.ids, batch.labels),)), model)
    assert found[-1, :3].tolist() == pytest.approx([-0.015756, -0.229620, -0.542533], abs=TOLERANCE)
    assert loss == pytest.approx(4.536875, abs=TOLERANCE)
