"""The blocks of runbooks/fine-tune.md, executed in order on a tiny checkpoint and the demonstration's corpora."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from model.convert import open_model, save_official
from model.initial import build_model, vocabulary_of
from tests.hf import import_transformers
from tests.model.golden import tiny_g2_config

pytestmark = pytest.mark.parity
RUNBOOK = Path(__file__).parents[2] / "runbooks" / "fine-tune.md"


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL)


def test_every_block_runs(demo: dict[str, Any], run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_transformers()
    corpora = run_folder / "demo" / "corpora"
    vocabulary = vocabulary_of([corpora / name for name in ("asr", "vision_speech", "cot_sft")])
    made = build_model(tiny_g2_config(), vocabulary, seed=1)
    save_official(made, tmp_path / "released")
    (tmp_path / "corpora").symlink_to(corpora)
    monkeypatch.chdir(tmp_path)
    found = blocks()
    assert len(found) == 8
    said: dict[str, Any] = {"__name__": "runbook"}
    for number, block in enumerate(found):
        exec(compile(block, f"{RUNBOOK.name}, block {number + 1}", "exec"), said)
    assert len(said["losses"]) == 8
    assert all(math.isfinite(loss) for loss in said["losses"])
    assert len({mode for mode, _ in said["seen"]}) >= 2
    assert len(said["answer"]) >= 1
    assert set(said["official"]) == {"input_ids", "attention_mask", "labels", "input_audio_embeds", "audio_embed_sizes", "input_mode"}
    check_saved(made, tmp_path)


def check_saved(before: Any, folder: Path) -> None:
    """Both folders hold the trained model: what step 4 trained is changed, what no step trained is not."""
    tuned, official = open_model(folder / "tuned").state_dict(), open_model(folder / "tuned-official").state_dict()
    assert all(torch.equal(tuned[name], official[name]) for name in tuned)
    changed = {name for name, tensor in before.state_dict().items() if not torch.equal(tensor, tuned[name])}
    assert changed
    assert all(".speech." in name for name in changed), sorted(changed)[:3]
    assert "model.layers.0.mlp.down_proj.lora_B.speech.weight" in changed
