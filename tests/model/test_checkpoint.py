"""Runs on disk: whole checkpoints or none, and a run that is killed ends as if it had never been stopped."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

import model.checkpoint as checkpoint
from model.checkpoint import CheckpointError, config_of, list_checkpoints, load_model, read_manifest
from model.config import CONFIGS
from model.initial import build_model, vocabulary_of
from model.loader import Loader
from model.optimise import Optimisation
from model.stages import STAGES, Stage
from model.train import Execution, RunError, StepMetrics, Trainer, start_run, train
from schemas.lock import hold, lock_beside
from tests.model.test_stages import SMALLEST
from tests.model.test_train import TEXT_THROUGH_A

HOW = Optimisation(1e-2, steps=7, warmup_steps=2)
SETTINGS = {"stage": "any", "steps": 7, "corpora": [["cot_sft", "x", 1.0]]}


def run(corpus: Path, folder: Path, stage: Stage, on_step: Callable[[StepMetrics], None] = lambda metrics: None) -> list[StepMetrics]:
    """A run of seven steps with dropout, a checkpoint every second step; goes on where it was stopped."""
    start_run(folder, SETTINGS)
    trainer = Trainer(build_model(SMALLEST, vocabulary_of([corpus]), seed=3), stage, HOW, seed=3)
    loader = Loader([(corpus, 1.0)], 128, seed=3)
    return train(trainer, loader, folder, 1, Execution(checkpoint_every=2, keep=2), stage.trains, on_step)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dies(function: Callable[..., object], *args: object) -> None:
    """Calls it in a process that must be killed there; a fork of a clean server, since torch's threads do not outlive a fork of this one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=function, args=args)
    process.start()
    process.join(300)
    assert process.exitcode == -signal.SIGKILL


def run_until(corpus: Path, folder: Path, stage: Stage, step: int, place: str) -> None:
    """A run that kills its process at a step: after its line was written, or while its checkpoint is."""
    steps: list[int] = []
    if place == "after the update":
        run(corpus, folder, stage, lambda metrics: die() if metrics.step == step else None)
    tensors, manifest, remove = checkpoint._write_tensors, checkpoint.write_replacing, checkpoint._remove

    def write_tensors(path: Path, given: Any) -> dict[str, object]:
        if steps[-1] == step and place == f"before {path.name}":
            path.write_bytes(b"half")
            die()
        return tensors(path, given)

    def write_manifest(path: Path, data: bytes) -> None:
        if steps[-1] == step and place == "before the manifest":
            die()
        manifest(path, data)

    def remove_old(old: Path) -> None:
        if steps[-1] == step and place == "half removed":
            (old / checkpoint.MANIFEST).unlink()
            die()
        remove(old)

    checkpoint._write_tensors, checkpoint.write_replacing, checkpoint._remove = write_tensors, write_manifest, remove_old
    run(corpus, folder, stage, lambda metrics: steps.append(metrics.step))


@pytest.fixture(scope="module")
def corpus(demo: dict[str, dict[str, Any]]) -> Path:
    return Path(demo["cot_sft"]["path"])


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(corpus, folder, TEXT_THROUGH_A)
    return contents(folder)


def test_what_a_run_leaves(whole: dict[str, bytes], corpus: Path) -> None:
    steps = ("00000006", "00000007")
    files = {
        f"checkpoints/step-{step}/{name}" for step in steps for name in ("model.safetensors", "optimiser.safetensors", "checkpoint.json")
    }
    assert set(whole) == files | {"settings.json", "metrics.jsonl", "curve.svg", "run.json"}
    lines = [json.loads(line) for line in whole["metrics.jsonl"].splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert set(lines[0]) == {"step", "loss", "learned_tokens", "gradient_norm", "learning_rate"}
    summary = json.loads(whole["run.json"])
    assert summary["steps"] == 7 and summary["learned_tokens"] == sum(line["learned_tokens"] for line in lines)
    assert summary["first_loss"] == lines[0]["loss"] and summary["last_loss"] == lines[-1]["loss"]
    assert whole["curve.svg"].startswith(b"<?xml") and b"<dc:date>" not in whole["curve.svg"]


@pytest.mark.crash
@pytest.mark.parametrize(
    ("step", "place"),
    [
        (1, "after the update"),
        (5, "after the update"),
        (2, "before model.safetensors"),
        (4, "before optimiser.safetensors"),
        (4, "before the manifest"),
        (6, "half removed"),
    ],
)
def test_a_killed_run_ends_as_if_never_stopped(step: int, place: str, corpus: Path, tmp_path: Path, whole: dict[str, bytes]) -> None:
    folder = tmp_path / "run"
    dies(run_until, corpus, folder, TEXT_THROUGH_A, step, place)
    assert not (folder / "run.json").exists()
    seen: list[int] = []
    run(corpus, folder, TEXT_THROUGH_A, lambda metrics: seen.append(metrics.step))
    assert seen[0] == 1 + (step if place == "half removed" else (step - 1) // 2 * 2)  # it went on, it did not start anew
    assert contents(folder) == whole


def prefer(pairs: Path, folder: Path, until: int = 0) -> list[StepMetrics]:
    """Four steps of preferences, a checkpoint after each; its process dies after step `until`."""
    start_run(folder, SETTINGS)
    short = replace(STAGES["R3"], context_tokens=512)
    trainer = Trainer(build_model(SMALLEST, vocabulary_of([pairs])), short, replace(HOW, steps=4))
    ends = Execution(checkpoint_every=1, keep=1)
    return train(trainer, Loader([(pairs, 1.0)], 512, 0), folder, 1, ends, (), lambda metrics: die() if metrics.step == until else None)


@pytest.mark.crash
def test_a_killed_preference_run_keeps_its_reference(demo: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    pairs = Path(demo["dpo"]["path"])
    dies(prefer, pairs, tmp_path / "killed", 3)
    assert prefer(pairs, tmp_path / "killed") == prefer(pairs, tmp_path / "whole")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert [folder.name for folder in list_checkpoints(tmp_path / "whole")] == ["step-00000004"]


def test_a_finished_run_is_not_trained_again(corpus: Path, tmp_path: Path, whole: dict[str, bytes]) -> None:
    run(corpus, tmp_path / "run", TEXT_THROUGH_A)
    seen: list[int] = []
    history = run(corpus, tmp_path / "run", TEXT_THROUGH_A, lambda metrics: seen.append(metrics.step))
    assert not seen and len(history) == 7
    assert contents(tmp_path / "run") == whole


def test_two_trainings_in_one_folder_are_kept_apart(corpus: Path, tmp_path: Path) -> None:
    with hold(lock_beside(tmp_path / "run")), pytest.raises(RunError, match="another process trains in"):
        run(corpus, tmp_path / "run", TEXT_THROUGH_A)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_other_settings_are_refused(tmp_path: Path) -> None:
    start_run(tmp_path / "run", SETTINGS)
    start_run(tmp_path / "run", SETTINGS)
    with pytest.raises(RunError, match=r"other settings: steps was 7, is now 8; give another folder"):
        start_run(tmp_path / "run", {**SETTINGS, "steps": 8})
    with pytest.raises(RunError, match=r"seed was None, is now 1"):
        start_run(tmp_path / "run", {**SETTINGS, "seed": 1})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(RunError, match=r"is not empty and holds no run"):
        start_run(tmp_path / "mine", SETTINGS)


def test_metrics_that_were_changed_are_noticed(corpus: Path, tmp_path: Path) -> None:
    run(corpus, tmp_path / "run", TEXT_THROUGH_A)
    (tmp_path / "run" / "metrics.jsonl").write_text("")
    with pytest.raises(RunError, match="does not hold the 7 steps"):
        run(corpus, tmp_path / "run", TEXT_THROUGH_A)


def test_a_checkpoint_gives_the_model_back(corpus: Path, tmp_path: Path) -> None:
    run(corpus, tmp_path / "run", TEXT_THROUGH_A)
    model, manifest = load_model(tmp_path / "run")
    assert manifest.step == 7 and manifest.trained == TEXT_THROUGH_A.trains
    assert model.vocabulary is not None and model.vocabulary.ids.tolist() == vocabulary_of([corpus]).ids.tolist()
    assert replace(manifest.config, decoder=replace(manifest.config.decoder, vocab_size=0)) == replace(
        SMALLEST, decoder=replace(SMALLEST.decoder, vocab_size=0)
    )
    for config in CONFIGS.values():
        assert config_of(json.loads(json.dumps(asdict(config)))) == config


def test_what_is_no_whole_checkpoint_is_refused(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="neither a checkpoint"):
        load_model(tmp_path)
    run(corpus, tmp_path / "run", TEXT_THROUGH_A)
    folder = list_checkpoints(tmp_path / "run")[-1]
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-8])
    with pytest.raises(CheckpointError, match=rf"model\.safetensors has {len(data) - 8} bytes, its manifest says {len(data)}"):
        load_model(folder)
    (folder / "model.safetensors").write_bytes(b"\xff" * len(data))
    with pytest.raises(CheckpointError, match="the file is damaged, use an older checkpoint"):
        load_model(folder)
    raw = json.loads((folder / "checkpoint.json").read_text())
    (folder / "checkpoint.json").write_text(json.dumps({**raw, "format": 9}))
    with pytest.raises(CheckpointError, match="has format 9, this code reads 1"):
        read_manifest(folder)
    (folder / "checkpoint.json").unlink()
    with pytest.raises(CheckpointError, match=r"has no checkpoint\.json"):
        read_manifest(folder)
    assert [other.name for other in list_checkpoints(tmp_path / "run")] == ["step-00000006"]
