"""One forward and backward pass as the corpus's stage makes it: finite, moving what the stage trains and nothing else, from answers alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch

from model.batch import Batch, Mode, mode_of
from model.decoder import next_token_losses
from model.dpo import dpo_losses, sequence_log_probs
from model.examples import example_of
from model.multimodal import Losses, Phi4MM
from model.optimise import freeze
from model.parts import part_of
from model.stages import STAGES, Stage
from model.validate.report import Check, failed, not_applicable, passed
from model.validate.settings import Settings
from model.validate.training import num_tokens, probe_for
from processors.contract import NUM_AUDIO_TOKENS, NUM_IMAGE_TOKENS
from schemas.arrow import kind_of
from schemas.records import Record

ROWS_A_MODE = 2
NEEDS = {  # parts that only rows with such media reach
    "vision_encoder": (Mode.VISION, Mode.VISION_SPEECH),
    "vision_projector": (Mode.VISION, Mode.VISION_SPEECH),
    "audio_encoder": (Mode.SPEECH, Mode.VISION_SPEECH),
    "audio_projector_speech": (Mode.SPEECH,),
    "audio_projector_vision": (Mode.VISION_SPEECH,),
}


def stages_of(told: str) -> tuple[Stage, ...]:
    """The stages that a corpus is listed for: "V1-V2" and "R3, L2" name two each, "R" all whose name begins so.

    Raises:
        KeyError: a name that begins no stage.
    """
    found: list[Stage] = []
    for name in re.split(r"[\s,-]+", told.strip()):
        stages = [STAGES[name]] if name in STAGES else [stage for key, stage in STAGES.items() if name and key.startswith(name)]
        if not stages:
            raise KeyError(f"there is no stage {name!r}, of {told!r}; stages are {', '.join(STAGES)}")
        found += stages
    return tuple(found)


def check_gradients(records: Sequence[Record], stage: str, settings: Settings) -> Check:
    """Every stage of the corpus that takes rows of its kind and modes, on the shortest rows of every mode."""
    by_mode: dict[Mode, list[Record]] = {}
    examples = {}
    for record in sorted(records, key=num_tokens):
        kinds = example_mode(record)
        if len(by_mode.setdefault(kinds, [])) < ROWS_A_MODE:
            by_mode[kinds].append(record)
            examples[record.key] = example_of(record)
    model = probe_for([record for group in by_mode.values() for record in group], settings)
    problems: list[str] = []
    tried: list[str] = []
    num_learned = num_masked = 0
    for one in stages_of(stage):
        for mode in sorted(by_mode):
            rows = by_mode[mode]
            if mode not in one.adapters or kind_of(type(rows[0])) not in one.record_kinds:
                continue
            tried.append(f"{one.name} {mode.name.lower()}")
            batch = Batch.join([examples[record.key] for record in rows])
            found, learned, masked = pass_problems(model, batch, one)
            problems += [f"stage {one.name}, {mode.name.lower()} rows: {problem}" for problem in found]
            num_learned, num_masked = num_learned + learned, num_masked + masked
    figures = {"num_passes": len(tried), "num_learned_tokens": num_learned, "num_masked_tokens": num_masked}
    if problems:
        return failed("gradients", "; ".join(problems[:3]), **figures)
    if not tried:
        modes = ", ".join(mode.name.lower() for mode in sorted(by_mode))
        if "R" in stage or "L" in stage:
            return not_applicable("gradients", f"no stage of {stage} takes {kind_of(type(records[0]))} rows of mode {modes}", **figures)
        return failed("gradients", f"no stage of {stage} takes {kind_of(type(records[0]))} rows of mode {modes}", **figures)
    told = f"{', '.join(tried)}: finite, only what the stage trains has gradients, none comes from the {num_masked} tokens without loss"
    return passed("gradients", told, **figures)


def example_mode(record: Record) -> Mode:
    """The mode of a row, from its counted tokens."""
    return mode_of(int(record.facts[NUM_IMAGE_TOKENS.name]), int(record.facts[NUM_AUDIO_TOKENS.name]))


def pass_problems(model: Phi4MM, batch: Batch, stage: Stage) -> tuple[list[str], int, int]:
    """What is wrong with a pass of the stage over the batch, and how many tokens are learned and masked."""
    freeze(model, stage.trains)
    model.eval()
    adapter = stage.adapters[batch.mode]
    embedded = model.embed(batch)
    hidden = model.model(embedded, batch.position_ids, batch.lengths, adapter, model.config.hf_compat)
    watched = hidden.detach().requires_grad_(True)
    each, index = next_token_losses(watched, model.rows(batch.labels), model.model.embed_tokens.weight)
    problems = []
    if not bool(torch.isfinite(each).all()):
        bad = int((~torch.isfinite(each)).sum())
        return [f"{bad} of {len(each)} losses are not finite"], len(each), len(hidden) - len(each)
    loss = each.mean()
    if stage.loss == "dpo":
        log_probs, num = sequence_log_probs(Losses(each, index), batch.lengths)
        loss = dpo_losses(log_probs, log_probs.detach(), num).loss.mean()
    loss.backward()
    assert watched.grad is not None
    problems += masked_problems(watched.grad, index)
    hidden.backward(watched.grad)
    problems += part_problems(model, batch.mode, stage)
    return problems, len(each), len(hidden) - len(each)


def masked_problems(grad: torch.Tensor, index: torch.Tensor) -> list[str]:
    """Only what predicts a learned token may have a gradient: what scores it has depend on its hidden state alone. Shapes: (N, D), (L,)."""
    moved = (grad != 0).any(dim=1)
    allowed = torch.zeros(len(grad), dtype=torch.bool)
    allowed[index - 1] = True
    leaking = int((moved & ~allowed).sum())
    return [f"{leaking} positions that predict no learned token have a gradient"] if leaking else []


def part_problems(model: Phi4MM, mode: Mode, stage: Stage) -> list[str]:
    """Which parts have gradients, against which the stage trains and the mode reaches."""
    moved: set[str] = set()
    problems = []
    for name, parameter in model.named_parameters():
        if parameter.grad is None:
            continue
        part = part_of(name)
        if not bool(torch.isfinite(parameter.grad).all()):
            problems.append(f"the gradient of {name} is not finite")
        if bool((parameter.grad != 0).any()):
            moved.add(part)
    wanted = {part for part in stage.trains if mode in NEEDS.get(part, tuple(Mode))}
    wanted -= {part for part in wanted if part.startswith("lora_") and stage.adapters[mode] != part.removeprefix("lora_")}
    for part in sorted(moved - set(stage.trains)):
        problems.append(f"{part}, which is frozen, has a gradient")
    for part in sorted(wanted - moved):
        problems.append(f"{part}, which is trained, has no gradient")
    return problems
