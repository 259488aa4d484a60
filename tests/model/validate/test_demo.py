"""Good corpora pass: all of the demonstration, by what reads rows always, by what trains on them in the slow tests."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model.validate import DEFAULT, State, Validation, validate, without_training
from pipelines.corpora import CORPORA


@pytest.fixture(scope="module")
def corpora(demo: dict[str, Any], run_folder: Path) -> Path:
    return run_folder / "demo" / "corpora"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def failures(found: Validation) -> list[str]:
    return [f"{check.name}: {check.sentence}" for check in found.checks if check.state is State.FAIL]


@pytest.mark.parametrize("name", CORPORA)
def test_rows_of_every_demo_corpus_pass(corpora: Path, name: str) -> None:
    found = validate(corpora / name, CORPORA[name].stage, without_training())
    assert failures(found) == []
    assert found.check("contract").figures["num_rows"] == found.num_rows > 0


SMALL = replace(
    DEFAULT, max_tokens=1_500, memory_rows=16, learning_steps=8, ablation_rows=12, preference_pairs=8, preference_steps=6, pack_tokens=4_096
)


@pytest.mark.parametrize("name", ["asr", "cot_sft", "dpo"])
def test_training_on_small_samples_passes_and_repeats(corpora: Path, name: str) -> None:
    found = validate(corpora / name, CORPORA[name].stage, SMALL)
    assert failures(found) == []
    assert found.check("memory").state is State.PASS
    assert found.check("gradients").state is State.PASS
    assert found.check("ablation").state is (State.PASS if name == "asr" else State.NOT_APPLICABLE)
    assert found.check("preferences").state is (State.PASS if name == "dpo" else State.NOT_APPLICABLE)
    if name == "cot_sft":
        assert found.check("learning").state is State.PASS
        assert json.dumps(validate(corpora / name, CORPORA[name].stage, SMALL).to_json()) == json.dumps(found.to_json())


@pytest.mark.slow
@pytest.mark.parametrize("name", CORPORA)
def test_every_demo_corpus_passes_all_checks(corpora: Path, name: str) -> None:
    found = validate(corpora / name, CORPORA[name].stage)
    assert failures(found) == []
    assert found.check("pack").state is State.PASS
