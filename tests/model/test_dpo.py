"""DPO against a direct computation; a reference that stays; pairs the wrong way round push margins down."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model.batch import Batch, Example
from model.dpo import DpoSettings, Reference, check_pairs, dpo_losses, sequence_log_probs
from model.initial import build_model
from model.multimodal import Phi4MM
from model.optimise import Optimisation
from model.parts import part_of
from model.stages import STAGES
from model.train import Trainer
from model.vocabulary import Vocabulary
from tests.model.test_stages import SMALLEST, shortest
from tests.model.test_train import ROWS, VOCABULARY, text

STAGE = STAGES["R3"]
HOW = Optimisation(3e-3, steps=20, warmup_steps=0, schedule="constant")
PAIRS = tuple(
    Example(key, (text(key, (1, 2, *chosen), 2).sequences[0], text(key, (1, 2, *rejected), 2).sequences[0]))
    for key, chosen, rejected in (("p", (5, 6), (7, 8, 9)), ("q", (10,), (11, 12)))
)


def directly(model: Phi4MM, sequence: Any) -> torch.Tensor:
    """The log-probability of the learned tokens of one sequence, from all logits."""
    batch = Batch.join([Example("x", (sequence,))])
    scores = torch.log_softmax(model.logits(model(batch)).double(), -1)
    rows = model.rows(batch.ids)
    return sum(scores[at - 1, rows[at]] for at in range(1, len(rows)) if int(batch.labels[at]) >= 0)


def test_the_loss_is_the_published_one() -> None:
    model, reference = build_model(SMALLEST, VOCABULARY), build_model(SMALLEST, VOCABULARY, seed=1)
    batch = Batch.join(PAIRS)
    policy, num_tokens = sequence_log_probs(model.losses(batch), batch.lengths)
    given = sequence_log_probs(reference.losses(batch), batch.lengths)[0]
    assert num_tokens.tolist() == [2, 3, 1, 2]
    for smoothing, nll_weight in ((0.0, 0.0), (0.1, 0.0), (0.0, 0.5), (0.2, 0.3)):
        found = dpo_losses(policy, given, num_tokens, DpoSettings(0.3, smoothing, nll_weight))
        for number, pair in enumerate(PAIRS):
            ours, theirs = ([directly(which, side) for side in pair.sequences] for which in (model, reference))
            margin = float((0.3 * ((ours[0] - theirs[0]) - (ours[1] - theirs[1]))).detach())
            expected = -(1 - smoothing) * math.log(1 / (1 + math.exp(-margin))) - smoothing * math.log(1 / (1 + math.exp(margin)))
            expected -= nll_weight * float(ours[0].detach()) / [2, 1][number]
            assert float(found.margin[number]) == pytest.approx(margin, rel=1e-4)
            assert float(found.loss[number].detach()) == pytest.approx(expected, rel=1e-5)
            assert float(found.chosen_reward[number]) == pytest.approx(0.3 * float((ours[0] - theirs[0]).detach()), rel=1e-4)


def test_training_starts_at_log_two_and_raises_margins(demo: dict[str, dict[str, Any]]) -> None:
    examples = shortest(Path(demo["dpo"]["path"]), 4)
    vocabulary = Vocabulary.of(sequence.ids.tolist() for example in examples for sequence in example.sequences)
    trainer = Trainer(build_model(SMALLEST, vocabulary), STAGE, HOW)
    found = [trainer.update([Batch.join(examples[:2]), Batch.join(examples[2:])]) for _ in range(12)]
    assert found[0].loss == pytest.approx(math.log(2), abs=1e-6) and found[0].dpo["margin"] == pytest.approx(0, abs=1e-5)
    assert found[-1].dpo["margin"] > 0.1 and found[-1].dpo["accuracy"] == 1 and found[-1].loss < 0.65
    chosen = [sum(int((s.labels[1:] >= 0).sum()) for s in (example.sequences[0],)) for example in examples]
    assert found[0].dpo["chosen_tokens"] == sum(chosen) / 4
    assert set(found[0].dpo) == {"margin", "accuracy", "chosen_reward", "rejected_reward", "chosen_tokens", "rejected_tokens"}


def test_swapped_pairs_lower_margins() -> None:
    swapped = tuple(replace(pair, sequences=pair.sequences[::-1]) for pair in PAIRS)
    margins = {}
    for name, pairs in (("right", PAIRS), ("swapped", swapped)):
        model = build_model(SMALLEST, VOCABULARY)
        reference = Reference(model, STAGE.trains)
        trainer = Trainer(model, STAGE, HOW)
        for _ in range(8):
            trainer.update([Batch.join(pairs)])
        batch = Batch.join(PAIRS)
        policy, num_tokens = sequence_log_probs(model.losses(batch), batch.lengths)
        margins[name] = dpo_losses(policy, reference.log_probs(batch), num_tokens)
    assert margins["right"].accuracy == 1 and margins["swapped"].accuracy == 0
    assert bool((margins["right"].margin > 0.05).all()) and bool((margins["swapped"].margin < -0.05).all())


def test_the_reference_stays_and_shares_what_is_frozen() -> None:
    model = build_model(SMALLEST, VOCABULARY)
    trainer = Trainer(model, STAGE, HOW)
    assert trainer.reference is not None
    own, theirs = dict(model.named_parameters()), dict(trainer.reference.model.named_parameters())
    assert own.keys() == theirs.keys()
    for name in own:
        assert (own[name] is theirs[name]) == (part_of(name) not in STAGE.trains)
    before = {name: value.clone() for name, value in trainer.reference.tensors(STAGE.trains).items()}
    log_probs = trainer.reference.log_probs(Batch.join(PAIRS))
    for _ in range(3):
        trainer.update([Batch.join(PAIRS)])
    after = trainer.reference.tensors(STAGE.trains)
    assert before and all(torch.equal(value, after[name]) for name, value in before.items())
    assert torch.equal(trainer.reference.log_probs(Batch.join(PAIRS)), log_probs)
    assert not torch.equal(own["model.norm.weight"], theirs["model.norm.weight"])


def test_batches_that_are_no_pairs_are_refused() -> None:
    check_pairs(Batch.join(PAIRS))
    with pytest.raises(ValueError, match=r"two sequences of one row each; this batch has 3 sequences of rows a, b, c"):
        check_pairs(Batch.join(ROWS))
    with pytest.raises(ValueError, match=r"beta 0, label_smoothing 0.0"):
        DpoSettings(0)
