"""Checkpoints: weights under their official names, the optimiser's state, and a manifest that is written last and makes them whole.

    <run>/settings.json                       what decides the run's numbers; a run goes on only under the same
    <run>/metrics.jsonl                       a line a step
    <run>/checkpoints/step-00000100/          model.safetensors, optimiser.safetensors, then checkpoint.json
    <run>/curve.svg, <run>/run.json           at the end

A folder without its manifest is the leaving of a run that died; it is never read, and removed by the next save.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from model.config import AudioConfig, DecoderConfig, HfCompat, LoraConfig, ModelConfig, VisionConfig
from model.initial import build_model
from model.multimodal import Phi4MM
from model.vocabulary import Vocabulary
from schemas.shard import file_sha256, sync_folder, write_replacing

FORMAT = 1
MODEL, OPTIMISER, MANIFEST = "model.safetensors", "optimiser.safetensors", "checkpoint.json"
FOLDER = "checkpoints"


class CheckpointError(ValueError):
    """A folder that is no whole checkpoint, or one of another model; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a checkpoint says of itself.

    `step` is the number of updates made; `trained` are the parts of the model that some stage has trained so far, in this run or those it
    came from; `loader` is the state of the data; `vocabulary` the token ids of the embedding's rows, None for all.
    """

    step: int
    stage: str
    seed: int
    config: ModelConfig
    vocabulary: tuple[int, ...] | None
    trained: tuple[str, ...]
    loader: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]  # name -> sha256, num_bytes


def save_checkpoint(
    run: Path,
    model: Phi4MM,
    optimiser: Mapping[str, torch.Tensor],
    *,
    step: int,
    stage: str,
    seed: int,
    trained: tuple[str, ...],
    loader: Mapping[str, Any],
    keep: int = 2,
) -> Path:
    """Writes the checkpoint of a step and removes older ones beyond the last `keep`.

    Data first, each file durable, then the manifest: whenever the process dies, the folder is a whole checkpoint or none.
    """
    remove_unfinished(run)
    folder = run / FOLDER / f"step-{step:08d}"
    folder.mkdir(parents=True)
    weights = {name: value.detach().to("cpu").contiguous() for name, value in model.state_dict().items()}
    state = {name: value.to("cpu").contiguous() for name, value in optimiser.items()}
    files = {name: _write_tensors(folder / name, tensors) for name, tensors in ((MODEL, weights), (OPTIMISER, state))}
    sync_folder(folder)
    ids = None if model.vocabulary is None else model.vocabulary.ids.tolist()
    manifest: dict[str, object] = {"format": FORMAT, "step": step, "stage": stage, "seed": seed, "trained": list(trained), "files": files}
    manifest |= {"config": asdict(model.config), "loader": dict(loader), "vocabulary": ids}
    write_replacing(folder / MANIFEST, (json.dumps(manifest, sort_keys=True) + "\n").encode())
    sync_folder(folder.parent)
    for old in list_checkpoints(run)[: -max(keep, 1)]:
        _remove(old)
    return folder


def _write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> dict[str, object]:
    save_file(dict(tensors), path)
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return {"sha256": file_sha256(path), "num_bytes": path.stat().st_size}


def _remove(folder: Path) -> None:
    """The manifest goes first, so that what is half removed is no checkpoint."""
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder)


def list_checkpoints(run: Path) -> list[Path]:
    """Whole checkpoints of a run, oldest first."""
    return sorted(file.parent for file in (run / FOLDER).glob(f"step-*/{MANIFEST}"))


def remove_unfinished(run: Path) -> None:
    """Removes folders of checkpoints that have no manifest."""
    for folder in (run / FOLDER).glob("step-*"):
        if not (folder / MANIFEST).is_file():
            shutil.rmtree(folder)


def find_checkpoint(path: Path) -> Path:
    """The folder of a checkpoint: `path` itself, or the newest one of the run at `path`.

    Raises:
        CheckpointError: there is none.
    """
    if (path / MANIFEST).is_file():
        return path
    found = list_checkpoints(path)
    if not found:
        raise CheckpointError(f"{path} is neither a checkpoint (no {MANIFEST}) nor a run with one (no {FOLDER}/step-*/{MANIFEST})")
    return found[-1]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a checkpoint.

    Raises:
        CheckpointError: no manifest, one of another format, or a file that does not have the size it had when written.
    """
    file = folder / MANIFEST
    if not file.is_file():
        raise CheckpointError(f"{folder} has no {MANIFEST}: it is no checkpoint, or the run died while writing it")
    raw = json.loads(file.read_text())
    if raw.get("format") != FORMAT:
        raise CheckpointError(f"{file} has format {raw.get('format')!r}, this code reads {FORMAT}")
    for name, entry in raw["files"].items():
        size = (folder / name).stat().st_size if (folder / name).is_file() else None
        if size != entry["num_bytes"]:
            raise CheckpointError(f"{folder / name} has {size} bytes, its manifest says {entry['num_bytes']}; it was damaged or removed")
    ids = raw["vocabulary"]
    return Manifest(
        step=raw["step"],
        stage=raw["stage"],
        seed=raw["seed"],
        config=config_of(raw["config"]),
        vocabulary=None if ids is None else tuple(ids),
        trained=tuple(raw["trained"]),
        loader=raw["loader"],
        files=raw["files"],
    )


def config_of(raw: Mapping[str, Any]) -> ModelConfig:
    """The configuration that `dataclasses.asdict` and JSON made a dictionary of."""
    kinds = {"decoder": DecoderConfig, "vision": VisionConfig, "audio": AudioConfig, "hf_compat": HfCompat}
    kinds |= {"lora_vision": LoraConfig, "lora_speech": LoraConfig}

    def value(item: Any) -> Any:
        return tuple(item) if isinstance(item, list) else item

    parts = {name: kind(**{key: value(item) for key, item in raw[name].items()}) for name, kind in kinds.items()}
    return ModelConfig(name=raw["name"], **parts)


def load_tensors(file: Path, device: torch.device | str = "cpu") -> dict[str, torch.Tensor]:
    """All tensors of a safetensors file.

    Raises:
        CheckpointError: a damaged file.
    """
    try:
        with safe_open(file, framework="pt", device=str(device)) as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"reading {file}: {error}; the file is damaged, use an older checkpoint") from error


def load_model(path: Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = None) -> tuple[Phi4MM, Manifest]:
    """The model of a checkpoint, or of the newest one of a run.

    Raises:
        CheckpointError: no whole checkpoint, or tensors that are not those of its configuration.
    """
    folder = find_checkpoint(path)
    manifest = read_manifest(folder)
    vocabulary = None if manifest.vocabulary is None else Vocabulary(torch.tensor(manifest.vocabulary))
    model = build_model(manifest.config, vocabulary)
    restore_weights(model, folder)
    return model.to(device=device, dtype=dtype), manifest


def restore_weights(model: Phi4MM, folder: Path) -> None:
    """Puts the weights of a checkpoint into a model of its sizes."""
    tensors = load_tensors(folder / MODEL)
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    for name in sorted(own.keys() | tensors.keys()):
        shape = tuple(tensors[name].shape) if name in tensors else None
        if own.get(name) != shape:
            raise CheckpointError(f"{folder / MODEL}: tensor {name} is {shape} in the file and {own.get(name)} in the model")
    model.load_state_dict(tensors)
