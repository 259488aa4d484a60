"""Whether preferences can be learned: margins of direct preference optimisation grow over those of the model it began with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from model.batch import Batch
from model.dpo import dpo_losses, sequence_log_probs
from model.examples import example_of
from model.optimise import Optimisation
from model.stages import STAGES
from model.train import Trainer
from model.validate.facts import preference_outcomes
from model.validate.report import Check, failed, not_applicable, passed, too_few
from model.validate.settings import Settings
from model.validate.statistics import paired_p
from model.validate.training import probe_for, within_tokens
from schemas.records import Preference, Record

MIN_PAIRS = 5
P_MARGIN = 0.05


def check_preferences(records: Sequence[Record], settings: Settings) -> Check:
    """The probe is trained by the stage of preferences on some pairs; each pair's margin should have grown from 0."""
    pairs = [record for record in records if isinstance(record, Preference)]
    if not pairs:
        return not_applicable("preferences", "the corpus has no preferences")
    outcomes = [outcome for record in pairs for outcome in preference_outcomes(record)]
    wrong = [problem for _, problem in outcomes if problem]
    if wrong:
        return failed(
            "preferences", f"{len(wrong)} of {len(outcomes)} facts about a side belong to the other: {wrong[0]}", num_wrong=len(wrong)
        )
    chosen = within_tokens(pairs[: settings.preference_pairs], settings.max_tokens)
    if len(chosen) < MIN_PAIRS:
        return too_few("preferences", f"{len(chosen)} pairs, {MIN_PAIRS} are needed", num_needed=MIN_PAIRS, num_pairs=len(chosen))
    model = probe_for(chosen, settings)
    batch = Batch.join([example_of(record) for record in chosen])
    how = Optimisation(settings.learning_rate / 3, settings.preference_steps, warmup_steps=2, weight_decay=0.0)
    trainer = Trainer(model, STAGES["R3"], how, settings.seed)
    history = [trainer.update([batch]) for _ in range(settings.preference_steps)]
    margins = _margins(trainer, batch)
    p_value, accuracy = paired_p(margins), float((margins > 0).mean())
    figures = {
        "num_pairs": len(chosen),
        "num_facts": len(outcomes),
        "num_steps": settings.preference_steps,
        "first_loss": history[0].loss,
        "last_loss": history[-1].loss,
        "mean_margin": float(margins.mean()),
        "accuracy": accuracy,
        "p_value": p_value,
    }
    told = (
        f"margins of {len(chosen)} pairs grow from 0 to {margins.mean():.2f}, {accuracy:.0%} of them positive; {len(outcomes)} facts hold"
    )
    return (passed if p_value < P_MARGIN and history[-1].loss < history[0].loss else failed)("preferences", told, **figures)


@torch.no_grad()
def _margins(trainer: Trainer, batch: Batch) -> np.ndarray:
    """Margins of all pairs after training. Shapes: (P,)."""
    trainer.model.eval()
    assert trainer.reference is not None
    adapter = trainer.adapter_for(batch)
    policy, num = sequence_log_probs(trainer.model.losses(batch, adapter), batch.lengths)
    return dpo_losses(policy, trainer.reference.log_probs(batch, adapter), num).margin.numpy()
