"""Every stage trains what it says and nothing else: shown on rows that the demonstration built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model.batch import Batch, Example, Mode
from model.config import AudioConfig, DecoderConfig, LoraConfig, ModelConfig, VisionConfig
from model.examples import example_of
from model.initial import build_model
from model.optimise import optimisation_for
from model.parts import PARTS, part_of
from model.rows import CorpusRows
from model.stages import STAGES, Stage, learning_rate_for, reaches_nothing, stage_named
from model.train import Trainer
from model.vocabulary import Vocabulary
from pipelines.corpora import CORPORA
from schemas.identity import digest

SMALLEST = ModelConfig(
    name="smallest",
    decoder=DecoderConfig(hidden_size=32, intermediate_size=48, num_layers=2, num_heads=4, num_kv_heads=2),
    vision=VisionConfig(hidden_size=16, intermediate_size=24, num_layers=3, num_heads=2),
    audio=AudioConfig(hidden_size=16, intermediate_size=24, num_layers=1, num_heads=2, conv_channels=4),
    lora_vision=LoraConfig(2, 4),
    lora_speech=LoraConfig(2, 4, 0.1),
)
# the corpora of a stage whose shortest rows are taken, one mode each that it takes
SHOWN = {
    "L1": ("language_pretrain",),
    "L2": ("function_calling",),
    "V1": ("image_text",),
    "V2": ("realistic_image",),
    "V3": ("vision_sft.general", "text_safety"),
    "V4": ("vision_sft.multi_image",),
    "A1": ("speech_pretrain",),
    "A2": ("asr",),
    "VS": ("vision_speech", "vision_sft.ocr", "summarisation"),
    "R1": ("cot_pretrain",),
    "R2": ("cot_sft",),
    "R3": ("dpo",),
}


def shortest(path: Path, num_rows: int = 1) -> list[Example]:
    """Examples of the rows with the fewest tokens."""
    rows = CorpusRows(path)
    order = rows.column("contract.num_tokens").argsort(kind="stable")[:num_rows]
    return [example_of(rows[int(row)]) for row in order]


def hashes(model: torch.nn.Module) -> dict[str, str]:
    """A digest of every parameter and buffer."""
    return {name: digest(value.detach().numpy().tobytes()) for name, value in model.state_dict().items()}


def changed_parts(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {part_of(name) for name in before if before[name] != after[name]}


def train_shortly(
    stage: Stage, batches: Sequence[Batch], rounds: int = 2, check: bool = True
) -> tuple[dict[str, str], dict[str, str], torch.nn.Module]:
    """Hashes before and after some updates, a batch each in turn. Two rounds: A of a LoRA learns once B is no longer zero."""
    vocabulary = Vocabulary.of(batch.ids.tolist() for batch in batches)
    model = build_model(SMALLEST, vocabulary)
    before = hashes(model)
    trainer = Trainer(model, stage, optimisation_for(stage, 32, steps=100, learning_rate=1e-3))
    for step in range(rounds * len(batches)):
        metrics = trainer.update([batches[step % len(batches)]])
        assert metrics.loss > 0 and (metrics.gradient_norm > 0) == check
    return before, hashes(model), model


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_trains_its_parts_and_freezes_the_others(name: str, demo: dict[str, dict[str, Any]]) -> None:
    stage = STAGES[name]
    assert set(SHOWN[name]) <= set(stage.corpora)
    batches = [Batch.join(shortest(Path(demo[corpus]["path"]))) for corpus in SHOWN[name]]
    assert {batch.mode for batch in batches} == set(stage.modes)
    before, after, model = train_shortly(stage, batches)
    assert changed_parts(before, after) == set(stage.trains)
    buffers = {name for name, _ in model.named_buffers()}
    trained = {name for name in before if part_of(name) in stage.trains and name not in buffers}
    stayed = {name for name in trained if before[name] == after[name]}
    assert stayed == {name for name in trained if reaches_nothing(name, SMALLEST.vision)}


def test_the_proof_notices_a_part_that_is_not_frozen(demo: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [Batch.join(shortest(Path(demo["asr"]["path"])))]
    assert changed_parts(*train_shortly(STAGES["A2"], batches)[:2]) == set(STAGES["A2"].trains)
    monkeypatch.setattr("model.train.freeze", lambda model, trains: dict(model.named_parameters()))
    found = changed_parts(*train_shortly(STAGES["A2"], batches)[:2])
    assert found - set(STAGES["A2"].trains) == {"decoder", "audio_encoder"}  # what the batch reaches besides


def test_text_trains_nothing_of_v3_unless_it_passes_the_adapter(demo: dict[str, dict[str, Any]]) -> None:
    batches = [Batch.join(shortest(Path(demo["text_safety"]["path"])))]
    before, after, _ = train_shortly(STAGES["V3"], batches)
    assert changed_parts(before, after) == {"lora_vision"}
    before, after, _ = train_shortly(replace(STAGES["V3"], adapters={Mode.TEXT: None}), batches, check=False)
    assert changed_parts(before, after) == set()


def test_every_corpus_feeds_the_stage_that_the_list_says() -> None:
    for stage in STAGES.values():
        assert set(stage.corpora) <= set(CORPORA)
        assert all(weight > 0 for weight in stage.corpora.values())
    taken = {corpus for stage in STAGES.values() for corpus in stage.corpora}
    assert set(CORPORA) - taken == {"packed", "attempts"}  # packed text counts as what was packed; a pool is not trained on
    for name, kind in CORPORA.items():
        for stage_name in kind.stage.replace("V3-V4", "V4").replace("V1-V2", "V2").replace("L1-L2", "").split(", "):
            if stage_name in STAGES and (name, stage_name) != ("dpo", "L2"):  # preferences of L2 are trained by R3
                assert name in STAGES[stage_name].corpora, (name, stage_name)


def test_published_figures() -> None:
    stages = STAGES
    assert (stages["A1"].learning_rate, stages["A1"].steps) == (4e-5, 50_000)
    assert (stages["A2"].learning_rate, stages["A2"].steps, stages["A2"].max_audio_tokens) == (1e-4, 50_000, 22_500)
    assert stages["V4"].context_tokens == 65_536
    assert {name: stage.max_crops for name, stage in stages.items() if stage.max_crops} == {
        "V1": 16,
        "V2": 16,
        "V3": 36,
        "V4": 36,
        "VS": 36,
    }
    mixture = stages["A2"].corpora
    assert (mixture["asr"], mixture["ast"], mixture["ssum"], mixture["audio_understanding"]) == (0.28, 0.28, 0.01, 0.17)
    assert mixture["sqa"] + mixture["sqqa"] == pytest.approx(0.26)
    for name, stage in stages.items():
        assert set(stage.chosen) or name == "A1", name


def test_trainable_parameters_at_released_sizes() -> None:
    counts = {  # of the released model; another test counts them
        "decoder": 3_836_021_760,
        "lora_vision": 369_098_752,
        "lora_speech": 461_373_440,
        "vision_encoder": 428_565_440,
        "vision_projector": 12_982_272 + 2_304,
        "audio_encoder": 441_238_144,
        "audio_projector_speech": 12_589_056,
        "audio_projector_vision": 12_589_056,
    }
    assert sum(counts.values()) == 5_574_460_224 and set(counts) == set(PARTS)
    trained = {name: f"{sum(counts[part] for part in stage.trains) / 1e6:.2f}" for name, stage in STAGES.items()}
    published = {"V1": "12.98", "V2": "441.55", "V3": "810.65", "A1": "453.83", "A2": "473.96", "VS": "810.65"}  # millions
    assert {name: trained[name] for name in published} == published
    assert {trained[name] for name in ("L1", "L2", "R1", "R2", "R3")} == {"3836.02"}


def test_a_part_is_trained_or_frozen() -> None:
    with pytest.raises(ValueError, match=r"both \['decoder'\], neither \[\]"):
        replace(STAGES["L1"], freezes=tuple(PARTS))
    with pytest.raises(ValueError, match=r"neither \['lora_speech'\]"):
        replace(STAGES["L1"], freezes=tuple(part for part in STAGES["L1"].freezes if part != "lora_speech"))
    with pytest.raises(ValueError, match=r"unknown \['projector'\]"):
        replace(STAGES["L1"], freezes=(*STAGES["L1"].freezes, "projector"))
    with pytest.raises(KeyError, match="there is no stage 'V5'; stages are L1, L2, V1"):
        stage_named("V5")


def test_a_batch_of_another_mode_is_refused(demo: dict[str, dict[str, Any]]) -> None:
    batches = [Batch.join(shortest(Path(demo["cot_sft"]["path"])))]
    with pytest.raises(ValueError, match=r"stage A1 takes batches of mode SPEECH; row .* has mode TEXT"):
        train_shortly(STAGES["A1"], batches)


def test_rates_go_with_one_over_the_width() -> None:
    assert learning_rate_for(STAGES["A1"], 3_072) == 4e-5
    assert learning_rate_for(STAGES["A1"], 128) == pytest.approx(24 * 4e-5)
