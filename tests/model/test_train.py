"""Updates: the rate, AdamW, what a step weighs, faults that are named, and ranks that change nothing."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.batch import Batch, Example, Mode, Sample
from model.initial import build_model
from model.multimodal import Phi4MM
from model.optimise import AdamW, Optimisation, decays, optimisation_for, rate_at, scale_and_clip
from model.stages import STAGES
from model.train import NonFinite, Trainer, prepare, recompute_activations
from model.vocabulary import Vocabulary
from tests.model.test_stages import SMALLEST, hashes, shortest

SMOOTH = Optimisation(learning_rate=0.1, steps=10, warmup_steps=0, schedule="constant", eps=1.0)  # a large eps: near to plain descent
TEXT_THROUGH_A = replace(
    STAGES["A2"], adapters={Mode.TEXT: "speech"}, trains=("lora_speech",), freezes=(*STAGES["A2"].freezes, "audio_projector_speech")
)
VOCABULARY = Vocabulary.of([range(40)])


def text(key: str, ids: Sequence[int], num_prompt: int = 1) -> Example:
    labels = torch.tensor(ids)
    labels[:num_prompt] = -100
    return Example(key, (Sample(torch.tensor(ids), labels),))


ROWS = (text("a", (1, 2, 3, 4, 5)), text("b", (6, 7, 8), 2), text("c", (9, 1, 2, 3, 11, 12, 13, 14), 3))


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def model_with_lora(**more: Any) -> Phi4MM:
    """A model whose adapters do something: B is not zero."""
    model = build_model(SMALLEST, VOCABULARY, **more)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                parameter.copy_(torch.linspace(-0.2, 0.2, parameter.numel()).view_as(parameter))
    return model


def test_rates() -> None:
    linear = Optimisation(1.0, steps=10, warmup_steps=4)
    assert [rate_at(step, linear) for step in range(10)] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])
    cosine = replace(linear, schedule="cosine", warmup_steps=0, final_ratio=0.1)
    assert rate_at(0, cosine) == 1 and rate_at(5, cosine) == pytest.approx(0.55) and rate_at(10, cosine) == pytest.approx(0.1)
    assert rate_at(50, linear) == 0 and rate_at(7, replace(linear, schedule="constant")) == 1
    assert optimisation_for(STAGES["A2"], 3_072) == Optimisation(1e-4, 50_000, 50)
    assert optimisation_for(STAGES["A2"], 128, steps=100).warmup_steps == 10
    with pytest.raises(ValueError, match=r"learning_rate 0, steps 1, .* expected a positive rate"):
        Optimisation(0, 1)


def test_adamw_is_the_published_algorithm() -> None:
    how = Optimisation(0.1, steps=10, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.5)
    matrix, norm = torch.nn.Parameter(torch.tensor([[1.0, -2.0], [0.5, 3.0]])), torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    optimiser = AdamW({"x.weight": matrix, "norm.weight": norm}, how)
    rng = np.random.default_rng(0)
    expected = {"x.weight": matrix.detach().double().numpy(), "norm.weight": norm.detach().double().numpy()}
    state = {name: (np.zeros_like(value), np.zeros_like(value), 0) for name, value in expected.items()}
    for step in range(5):
        for name, parameter in (("x.weight", matrix), ("norm.weight", norm)):
            if name == "norm.weight" and step in (1, 2):
                parameter.grad = None  # not reached by these steps: it rests, and its moments too
                continue
            gradient = rng.normal(size=tuple(parameter.shape))
            parameter.grad = torch.from_numpy(gradient).float()
            mean, square, count = state[name]
            mean, square, count = 0.8 * mean + 0.2 * gradient, 0.9 * square + 0.1 * gradient**2, count + 1
            state[name] = (mean, square, count)
            kept = expected[name] * (1 - 0.1 * 0.5) if name == "x.weight" else expected[name]
            expected[name] = kept - 0.1 * (mean / (1 - 0.8**count)) / (np.sqrt(square / (1 - 0.9**count)) + 1e-3)
        optimiser.step(0.1)
    assert matrix.detach().numpy() == pytest.approx(expected["x.weight"], abs=1e-6)
    assert norm.detach().numpy() == pytest.approx(expected["norm.weight"], abs=1e-6)


@pytest.mark.slow  # importing torch.optim takes longer than all tests here
def test_adamw_is_that_of_torch() -> None:
    ours, theirs = (build_model(SMALLEST, VOCABULARY) for _ in range(2))
    how = Optimisation(1e-2, steps=10)
    own = AdamW(dict(ours.named_parameters()), how)
    groups = [{"params": [p for n, p in theirs.named_parameters() if decays(n, p, how) == d], "weight_decay": 0.01 * d} for d in (0, 1)]
    reference = torch.optim.AdamW(groups, lr=1e-2, betas=how.betas, eps=how.eps)
    for step in range(4):
        for model in (ours, theirs):
            generator = torch.Generator().manual_seed(step)
            for parameter in model.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=generator)
        own.step(1e-2)
        reference.step()
    for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-7), name


def test_what_decays() -> None:
    how = Optimisation(1.0, 1)
    spared = {name for name, parameter in build_model(SMALLEST, VOCABULARY).named_parameters() if not decays(name, parameter, how)}
    kinds = ("norm", "bias", "embed_tokens.weight", "position_embedding.weight", "_GN", ".b1", ".b2", ".probe")
    assert spared and all(any(kind in name for kind in kinds) for name in spared)
    assert not any(name.endswith("proj.weight") for name in spared)


def test_clipping() -> None:
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([6.0, 8.0])
    assert scale_and_clip([parameter], divisor=2.0, max_norm=1.0) == pytest.approx(5.0)
    assert parameter.grad.tolist() == pytest.approx([0.6, 0.8])
    parameter.grad = torch.tensor([6.0, 8.0])
    assert scale_and_clip([parameter], 1.0, 0.0) == pytest.approx(10.0)
    assert parameter.grad.tolist() == [6.0, 8.0]
    assert scale_and_clip([torch.nn.Parameter(torch.zeros(1))], 1.0, 1.0) == 0.0


def test_every_learned_token_of_a_step_weighs_the_same() -> None:
    found = []
    for groups in (((0, 1, 2),), ((0,), (1, 2)), ((2,), (0,), (1,))):
        model = build_model(SMALLEST, VOCABULARY)
        trainer = Trainer(model, STAGES["L1"], SMOOTH)
        metrics = trainer.update([Batch.join([ROWS[at] for at in group]) for group in groups])
        found.append((metrics, weights(model)))
    one, state = found[0]
    assert one.learned_tokens == 4 + 1 + 5
    model = build_model(SMALLEST, VOCABULARY)
    losses = torch.cat([model.losses(Batch.join([row])).each for row in ROWS])
    mean = losses.detach().double().mean()
    assert one.loss == pytest.approx(float(mean), rel=1e-6)
    losses.mean().backward()
    norm = math.sqrt(sum(float(p.grad.double().square().sum()) for p in model.parameters() if p.grad is not None))
    assert one.gradient_norm == pytest.approx(norm, rel=1e-5)
    for metrics, other in found[1:]:
        assert (metrics.loss, metrics.gradient_norm) == pytest.approx((one.loss, one.gradient_norm), rel=1e-5)
        for name, value in other.items():
            assert torch.allclose(value, state[name], atol=1e-6), name


def test_frozen_parameters_have_no_gradient_and_no_state() -> None:
    model = build_model(SMALLEST, VOCABULARY)
    trainer = Trainer(model, TEXT_THROUGH_A, SMOOTH)
    trainer.update([Batch.join(ROWS)])
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained and all(".lora_A.speech." in name or ".lora_B.speech." in name for name in trained)
    assert {name.split("|")[0] for name in trainer.tensors()} == trained
    assert all(parameter.grad is None for parameter in model.parameters())


def test_dropout_depends_on_seed_step_and_place_alone() -> None:
    def run(seed: int, disturbed: bool = False, order: tuple[int, ...] = (0, 1)) -> list[float]:
        model = model_with_lora()
        trainer = Trainer(model, TEXT_THROUGH_A, SMOOTH, seed)
        batches = [Batch.join([ROWS[0]]), Batch.join([ROWS[2]])]
        found = []
        for _ in range(2):
            if disturbed:
                torch.rand(7)
            found.append(trainer.update([batches[at] for at in order]).loss)
        return found

    before = torch.get_rng_state()
    first = run(0)
    assert torch.equal(torch.get_rng_state(), before)
    assert run(0, disturbed=True) == first
    assert run(1) != first and run(0, order=(1, 0)) != first
    no_dropout = replace(SMALLEST, lora_speech=replace(SMALLEST.lora_speech, dropout=0.0))
    assert no_dropout.lora_speech.dropout != SMALLEST.lora_speech.dropout


def test_a_loss_that_is_no_number_names_its_rows_and_changes_nothing(demo: dict[str, dict[str, Any]]) -> None:
    good, bad = shortest(Path(demo["asr"]["path"]), 2)
    broken = Example("broken", (replace(bad.sequences[0], audios=(torch.full_like(bad.sequences[0].audios[0], torch.nan),)),))
    model = build_model(SMALLEST, Vocabulary.of(example.sequences[0].ids.tolist() for example in (good, bad)))
    trainer = Trainer(model, STAGES["A2"], SMOOTH)
    before = hashes(model)
    with pytest.raises(NonFinite, match=r"step 1: the loss is not finite in row broken; look at them"):
        trainer.update([Batch.join([good, broken])])
    assert hashes(model) == before and not trainer.tensors()
    assert trainer.update([Batch.join([good])]).step == 1


def test_a_gradient_that_is_no_number_names_its_rows() -> None:
    model = build_model(SMALLEST, VOCABULARY)
    trainer = Trainer(model, STAGES["L1"], SMOOTH)
    before = hashes(model)
    row = VOCABULARY.rows(torch.tensor([9]))  # a token of row c alone
    handle = model.model.embed_tokens.register_forward_hook(lambda module, given, out: _explode(out, given[0] == row))
    with pytest.raises(NonFinite, match=r"step 1: the gradient is not finite, from row c; "):
        trainer.update([Batch.join(ROWS[:2]), Batch.join(ROWS[2:])])
    handle.remove()
    assert hashes(model) == before


def _explode(out: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    if bool(where.any()) and out.requires_grad:
        out.register_hook(lambda gradient: torch.where(where[:, None], torch.inf, gradient))
    return out


def test_a_step_with_nothing_to_learn_is_an_error() -> None:
    model = build_model(SMALLEST, VOCABULARY)
    with pytest.raises(ValueError, match="step 1 of stage L1 has nothing to learn"):
        Trainer(model, STAGES["L1"], SMOOTH).update([Batch.join([text("a", (1, 2), 2)])])


def test_the_loss_falls() -> None:
    model = build_model(SMALLEST, VOCABULARY)
    trainer = Trainer(model, STAGES["L1"], optimisation_for(STAGES["L1"], 32, steps=40, learning_rate=1e-2))
    losses = [trainer.update([Batch.join(ROWS)]).loss for _ in range(40)]
    assert losses[0] == pytest.approx(math.log(len(VOCABULARY)), rel=0.3)
    assert losses[-1] < 0.3


def test_the_projector_is_copied_once() -> None:
    model = build_model(SMALLEST, VOCABULARY)
    speech, vision = (model.audio_embed.audio_projection[name][0].weight for name in ("speech", "vision"))
    assert prepare(model, STAGES["VS"], ()) == tuple(sorted(STAGES["VS"].trains))
    assert not torch.equal(speech, vision)  # nothing trained the one of speech: nothing to copy
    trained = prepare(model, STAGES["VS"], ("audio_projector_speech",))
    assert torch.equal(speech, vision) and "audio_projector_vision" in trained
    with torch.no_grad():
        vision.add_(1)
    prepare(model, STAGES["VS"], trained)
    assert not torch.equal(speech, vision)  # of its own by now


@pytest.mark.slow
def test_recomputing_activations_changes_nothing(demo: dict[str, dict[str, Any]]) -> None:
    batches = [Batch.join(shortest(Path(demo[name]["path"]))) for name in ("vision_speech", "asr")]
    for batch, stage in zip(batches, ("VS", "A2"), strict=True):
        found = []
        for recomputes in (False, True):
            model = build_model(SMALLEST, Vocabulary.of([batch.ids.tolist()]))
            if recomputes:
                recompute_activations(model)
            trainer = Trainer(model, STAGES[stage], SMOOTH)
            found.append([trainer.update([batch]) for _ in range(2)])
            found[-1].append(weights(model))
        assert found[0][:2] == found[1][:2]
        assert all(torch.equal(found[0][2][name], found[1][2][name]) for name in found[0][2])


RANKS = """
import json, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from model.initial import build_model, vocabulary_of
from model.loader import Loader
from model.optimise import Optimisation
from model.ranks import ranks, world
from model.train import Execution, Trainer, train
from tests.model.test_train import SMALLEST, SMOOTH, TEXT_THROUGH_A
corpus, out = map(Path, sys.argv[1:])
with ranks("cpu"):
    rank, num = world()
    model = build_model(SMALLEST, vocabulary_of([corpus]))
    trainer = Trainer(model, TEXT_THROUGH_A, SMOOTH)
    loader = Loader([(corpus, 1.0)], 128, 0, rank, num, step_batches=2)
    train(trainer, loader, out, 2, Execution(checkpoint_every=4))
"""


@pytest.mark.slow
def test_two_ranks_train_as_one(demo: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    corpus = demo["cot_sft"]["path"]

    def start(out: str, **place: str) -> subprocess.Popen:
        path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        return subprocess.Popen([sys.executable, "-c", RANKS, corpus, str(tmp_path / out)], env={**os.environ, "PYTHONPATH": path, **place})

    assert start("one").wait() == 0
    address = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    both = [start("two", RANK=str(rank), LOCAL_RANK=str(rank), **address) for rank in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    one, two = ([json.loads(line) for line in (tmp_path / out / "metrics.jsonl").read_text().splitlines()] for out in ("one", "two"))
    assert len(one) == len(two) == SMOOTH.steps
    for alone, shared in zip(one, two, strict=True):
        assert alone == pytest.approx(shared, rel=1e-6)
    from model.checkpoint import load_model

    states = [load_model(tmp_path / out)[0].state_dict() for out in ("one", "two")]
    for name, value in states[0].items():
        assert torch.allclose(value, states[1][name], atol=1e-7), name
