"""Checkpoints of the released code and of transformers, read and written tensor by tensor.

A folder holds safetensors (one file, or several with an index) and a config.json, which is written last, so that its existence means
that the rest is whole. Our parameters have the released names. In transformers some names differ and the two adapters are peft folders
beside the base, `vision-lora` and `speech-lora`. Never more than one shard is in memory.
Source: released model.safetensors.index.json (2,047 tensors, no lm_head); state dict of transformers 5.23 (1,536 with the tied lm_head).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.overrides import TorchFunctionMode

from model.config import ModelConfig
from model.multimodal import Phi4MM
from model.official_config import (
    ADAPTERS,
    OURS,
    Format,
    adapter_config,
    format_of,
    lora_of,
    loras,
    model_config,
    official_config,
    read_config,
    read_json,
    read_vocabulary,
    transformers_config,
)
from model.official_names import EMBEDDING, LM_HEAD, official_name, transformers_name
from model.vocabulary import Vocabulary
from schemas.shard import write_replacing

SHARD_BYTES = 2 << 30
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


class CheckpointMismatch(ValueError):
    """A checkpoint whose tensors are not those of the model; the message lists them."""


# Reading


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a tensor lies and what it is, without its values."""

    file: Path
    key: str
    shape: tuple[int, ...]
    dtype: torch.dtype


def stored_tensors(folder: Path, stem: str = "model") -> dict[str, Stored]:
    """The tensors of a folder's safetensors, by their names there.

    Raises:
        CheckpointMismatch: no safetensors, or an index that does not tell the truth about its files.
    """
    index = folder / f"{stem}.safetensors.index.json"
    if not index.is_file():
        return _stored_in(folder / f"{stem}.safetensors")
    places: dict[str, str] = read_json(index)["weight_map"]
    found: dict[str, Stored] = {}
    for name in sorted(set(places.values())):
        found |= _stored_in(folder / name)
    _same_names(set(places), set(found), f"the index {index} and the files that it names")
    wrong = [name for name, stored in found.items() if stored.file.name != places[name]]
    if wrong:
        raise CheckpointMismatch(f"the index {index} says other files for {_listed(wrong)}")
    return found


def _stored_in(file: Path) -> dict[str, Stored]:
    if not file.is_file():
        raise CheckpointMismatch(f"{file.parent} has no {file.name}; expected safetensors, in one file or several with an index")
    with safe_open(file, framework="pt") as opened:
        slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)
        return {name: Stored(file, name, tuple(one.get_shape()), DTYPES[one.get_dtype()]) for name, one in slices.items()}


def official_tensors(folder: Path, adapters: Mapping[str, Path] | None = None) -> dict[str, Stored]:
    """The tensors of a checkpoint folder of either format by their released names; `adapters` are peft folders of a transformers base.

    Raises:
        CheckpointMismatch: a tensor that this architecture does not have, or a lm_head that differs from the embedding.
    """
    found = stored_tensors(folder)
    if format_of(read_json(folder / "config.json")) == "official":
        return found
    _drop_lm_head(found, folder)
    named = {official_name(name): stored for name, stored in found.items()}
    for adapter, path in (adapters or {}).items():
        named |= {official_name(name, adapter): stored for name, stored in stored_tensors(path, "adapter_model").items()}
    return named


def _drop_lm_head(found: dict[str, Stored], folder: Path) -> None:
    if LM_HEAD not in found:
        return
    if EMBEDDING not in found:
        found[EMBEDDING] = found[LM_HEAD]
    else:
        head, embedding = (tensor for _, tensor in read_tensors(found, [LM_HEAD, EMBEDDING]))
        if not torch.equal(head, embedding):
            raise CheckpointMismatch(f"{folder} has a {LM_HEAD} that differs from {EMBEDDING}; in this architecture they are one tensor")
    del found[LM_HEAD]


def adapter_folders(folder: Path) -> dict[str, Path]:
    """The peft folders that stand in a transformers folder under the released names."""
    found = {name: folder / f"{name}-lora" for name in ADAPTERS}
    return {name: path for name, path in found.items() if (path / "adapter_config.json").is_file()}


def read_tensors(stored: Mapping[str, Stored], names: Sequence[str]) -> Iterator[tuple[str, torch.Tensor]]:
    """Named tensors one at a time; a file is open, and its pages mapped, only while its tensors are read."""
    by_file: dict[Path, list[str]] = {}
    for name in names:
        by_file.setdefault(stored[name].file, []).append(name)
    for file, its_names in by_file.items():
        with safe_open(file, framework="pt") as opened:
            for name in its_names:
                yield name, opened.get_tensor(stored[name].key)


# Into a model


class _NoInitialValues(TorchFunctionMode):
    """Leaves out torch's initial values: on the meta device they are nothing, yet take seconds."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(function, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return function(*args, **kwargs)


def shape_model(config: ModelConfig, vocabulary: Vocabulary | None = None) -> Phi4MM:
    """The model on the meta device: names, shapes and types without memory for values."""
    with torch.device("meta"), _NoInitialValues():
        return Phi4MM(config, vocabulary)


def load_official(model: Phi4MM, folder: Path, convert_dtype: bool = False) -> None:
    """Puts a released checkpoint into the model, a tensor at a time; one on the meta device gets its tensors as they are.

    Raises:
        CheckpointMismatch: tensors are missing, unexpected, or of other shapes; or of another dtype, unless it may be converted.
    """
    _load(model, official_tensors(folder), str(folder), convert_dtype)


def load_transformers(model: Phi4MM, folder: Path, adapters: Mapping[str, Path] | None = None, convert_dtype: bool = False) -> None:
    """Puts a checkpoint of transformers with its peft folders, by default those inside it, into the model.

    Raises:
        CheckpointMismatch: as `load_official`; an adapter's rank or alpha is not the model's.
    """
    adapters = adapter_folders(folder) if adapters is None else adapters
    found, expected = loras(read_config(folder, adapters)), loras(model.config)
    for name in adapters:
        if (found[name].rank, found[name].alpha) != (expected[name].rank, expected[name].alpha):
            raise CheckpointMismatch(
                f"adapter {name} in {adapters[name]} has rank {found[name].rank} and alpha {found[name].alpha}, the model "
                f"{expected[name].rank} and {expected[name].alpha}"
            )
    _load(model, official_tensors(folder, adapters), str(folder), convert_dtype)


def open_model(folder: Path, dtype: torch.dtype | None = None) -> Phi4MM:
    """The model of a checkpoint folder of either format, with its vocabulary; `dtype` converts its tensors."""
    adapters = adapter_folders(folder) if format_of(read_json(folder / "config.json")) == "transformers" else {}
    config, vocabulary = read_config(folder, adapters), read_vocabulary(folder)
    model = shape_model(config, vocabulary)
    _load(model, official_tensors(folder, adapters), str(folder), convert_dtype=True, dtype=dtype)
    return model


def _load(model: nn.Module, stored: Mapping[str, Stored], what: str, convert_dtype: bool, dtype: torch.dtype | None = None) -> None:
    expected = model.state_dict()
    _same_names(set(expected), set(stored), f"the model and {what}")
    shapes = [
        f"{name} {stored[name].shape} instead of {tuple(own.shape)}" for name, own in expected.items() if stored[name].shape != own.shape
    ]
    if shapes:
        raise CheckpointMismatch(f"tensors of {what} have other shapes than the model's: {_listed(shapes)}")
    kinds = [f"{name} {stored[name].dtype}" for name, own in expected.items() if stored[name].dtype not in _allowed(own, convert_dtype)]
    if kinds:
        hint = "" if convert_dtype else "; say convert_dtype=True to convert floats"
        raise CheckpointMismatch(f"tensors of {what} have other types than the model's: {_listed(kinds)}{hint}")
    with torch.no_grad():
        for name, tensor in read_tensors(stored, list(expected)):
            if expected[name].is_meta:
                _assign(model, name, tensor.to(dtype or tensor.dtype, copy=True))
            else:
                expected[name].copy_(tensor)


def _allowed(own: torch.Tensor, convert_dtype: bool) -> tuple[torch.dtype, ...]:
    return _FLOATS if own.is_meta or convert_dtype else (own.dtype,)


def _assign(model: nn.Module, name: str, tensor: torch.Tensor) -> None:
    """Replaces a parameter or buffer on the meta device by one with values."""
    owner, _, leaf = name.rpartition(".")
    module = model.get_submodule(owner)
    own = getattr(module, leaf)
    setattr(module, leaf, nn.Parameter(tensor, own.requires_grad) if isinstance(own, nn.Parameter) else tensor)


def _same_names(expected: set[str], found: set[str], what: str) -> None:
    missing, unexpected = sorted(expected - found), sorted(found - expected)
    if missing or unexpected:
        raise CheckpointMismatch(f"names of {what} differ: missing {_listed(missing)}; unexpected {_listed(unexpected)}")


def _listed(names: Sequence[str], most: int = 8) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + rest) or "none"


# Writing

Spec = tuple[tuple[int, ...], torch.dtype]
Reader = Callable[[Sequence[str]], Iterator[tuple[str, torch.Tensor]]]


@dataclass(frozen=True, slots=True)
class Source:
    """Tensors by released names: their shapes and types, and a way to read some of them."""

    specs: Mapping[str, Spec]
    read: Reader


def source_of_model(model: Phi4MM) -> Source:
    """The tensors of a model."""
    state = model.state_dict()
    specs = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in state.items()}
    return Source(specs, lambda names: ((name, state[name].detach().cpu()) for name in names))


def source_of_folder(folder: Path, adapters: Mapping[str, Path] | None = None) -> Source:
    """The tensors of a checkpoint folder of either format, left on the disk."""
    stored = official_tensors(folder, adapters)
    return Source({name: (one.shape, one.dtype) for name, one in stored.items()}, lambda names: read_tensors(stored, names))


def save_official(model: Phi4MM, folder: Path, dtype: torch.dtype | None = None, shard_bytes: int = SHARD_BYTES) -> None:
    """Writes the model as the released checkpoint; `dtype` converts floats. The folder must be new or empty."""
    write_official(source_of_model(model), model.config, model.vocabulary, folder, dtype, shard_bytes)


def save_transformers(model: Phi4MM, folder: Path, dtype: torch.dtype | None = None, shard_bytes: int = SHARD_BYTES) -> None:
    """Writes the model for transformers: the base, and inside it the peft folders `vision-lora` and `speech-lora`."""
    write_transformers(source_of_model(model), model.config, model.vocabulary, folder, dtype, shard_bytes)


def save_trained(
    theirs: nn.Module, folder: Path, to: Format = "transformers", dtype: torch.dtype | None = None, shard_bytes: int = SHARD_BYTES
) -> None:
    """Writes a model of transformers that has both adapters loaded, after training in memory, as a folder of either format.

    Raises:
        CheckpointMismatch: an adapter named `vision` or `speech` is not loaded, or tensors are not those of this architecture.
    """
    found = theirs.config.to_dict()  # type: ignore[operator, union-attr]
    peft: Mapping[str, Any] = getattr(theirs, "peft_config", {})
    missing = [name for name in ADAPTERS if name not in peft]
    if missing:
        raise CheckpointMismatch(
            f"the model has no adapter {' or '.join(missing)}; load both before training, also one that stays as it is"
        )
    config = model_config(found)
    config = replace(config, lora_vision=lora_of(peft["vision"].to_dict()), lora_speech=lora_of(peft["speech"].to_dict()))
    state = {official_name(name): tensor for name, tensor in theirs.state_dict().items() if name != LM_HEAD}
    ids = (found.get(OURS) or {}).get("vocabulary")
    vocabulary = None if ids is None else Vocabulary(torch.tensor(ids))
    expected = shape_model(config, vocabulary).state_dict()
    _same_names(set(expected), set(state), "the architecture and the trained model")
    specs = {name: (tuple(state[name].shape), state[name].dtype) for name in expected}
    source = Source(specs, lambda names: ((name, state[name].detach().cpu()) for name in names))
    (write_official if to == "official" else write_transformers)(source, config, vocabulary, folder, dtype, shard_bytes)


def convert_checkpoint(source: Path, target: Path, to: Format, dtype: torch.dtype | None = None, shard_bytes: int = SHARD_BYTES) -> None:
    """Converts a checkpoint folder of either format into the other one (or the same, with other shards or dtype).

    Raises:
        ConfigMismatch, CheckpointMismatch: the source is not a whole checkpoint of this architecture.
        FileExistsError: the target is not empty.
    """
    adapters = adapter_folders(source) if format_of(read_json(source / "config.json")) == "transformers" else {}
    config, vocabulary = read_config(source, adapters), read_vocabulary(source)
    tensors = source_of_folder(source, adapters)
    expected = {name: tuple(tensor.shape) for name, tensor in shape_model(config, vocabulary).state_dict().items()}
    _same_names(set(expected), set(tensors.specs), f"the architecture and {source}")
    shapes = [f"{name} {shape} instead of {expected[name]}" for name, (shape, _) in tensors.specs.items() if shape != expected[name]]
    if shapes:
        raise CheckpointMismatch(f"tensors of {source} have other shapes than its config.json says: {_listed(shapes)}")
    write = write_official if to == "official" else write_transformers
    write(Source({name: tensors.specs[name] for name in expected}, tensors.read), config, vocabulary, target, dtype, shard_bytes)


def write_official(
    source: Source, config: ModelConfig, vocabulary: Vocabulary | None, folder: Path, dtype: torch.dtype | None, shard_bytes: int
) -> None:
    """Writes tensors as the released checkpoint, config.json last."""
    _new_folder(folder)
    names = {name: name for name in source.specs}
    kept = _write_tensors(source, names, folder, "model", dtype, shard_bytes)
    _write_json(folder / "config.json", official_config(config, vocabulary) | {"torch_dtype": kept})


def write_transformers(
    source: Source, config: ModelConfig, vocabulary: Vocabulary | None, folder: Path, dtype: torch.dtype | None, shard_bytes: int
) -> None:
    """Writes tensors for transformers and peft, config.json of the base last."""
    _new_folder(folder)
    places = {name: transformers_name(name) for name in source.specs}
    for adapter, lora in loras(config).items():
        path = folder / f"{adapter}-lora"
        path.mkdir()
        names = {name: there for name, (whose, there) in places.items() if whose == adapter}
        _write_tensors(source, names, path, "adapter_model", dtype, None)  # peft reads one file
        _write_json(path / "adapter_config.json", adapter_config(lora))
    names = {name: there for name, (whose, there) in places.items() if whose is None}
    kept = _write_tensors(source, names, folder, "model", dtype, shard_bytes)
    _write_json(folder / "config.json", transformers_config(config, vocabulary) | {"dtype": kept})


def _new_folder(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; give a new folder for the checkpoint")
    folder.mkdir(parents=True, exist_ok=True)


def _write_tensors(
    source: Source, names: Mapping[str, str], folder: Path, stem: str, dtype: torch.dtype | None, shard_bytes: int | None
) -> str:
    """Writes tensors under new names in files of at most `shard_bytes` (or one larger tensor); gives the type of most of them."""
    specs = {
        name: (source.specs[name][0], dtype if dtype and source.specs[name][1] in _FLOATS else source.specs[name][1]) for name in names
    }
    sizes = {name: torch.Size(shape).numel() * kind.itemsize for name, (shape, kind) in specs.items()}
    shards = _cut(sizes, shard_bytes)
    places: dict[str, str] = {}
    for at, shard in enumerate(shards):
        file = f"{stem}.safetensors" if len(shards) == 1 else f"{stem}-{at + 1:05d}-of-{len(shards):05d}.safetensors"
        save_file(
            {names[name]: tensor.to(specs[name][1]).contiguous() for name, tensor in source.read(shard)}, folder / file, {"format": "pt"}
        )
        places |= {names[name]: file for name in shard}
    if len(shards) > 1:
        _write_json(folder / f"{stem}.safetensors.index.json", {"metadata": {"total_size": sum(sizes.values())}, "weight_map": places})
    bytes_of: dict[torch.dtype, int] = {}
    for name, (_, kind) in specs.items():
        bytes_of[kind] = bytes_of.get(kind, 0) + sizes[name]
    return str(max(bytes_of, key=lambda kind: bytes_of[kind])).removeprefix("torch.")


def _cut(sizes: Mapping[str, int], shard_bytes: int | None) -> list[list[str]]:
    """Runs of names, in order, whose sizes sum to at most `shard_bytes`; a larger tensor is alone."""
    shards: list[list[str]] = []
    room = 0
    for name, size in sizes.items():
        if not shards or (shard_bytes is not None and size > room):
            shards.append([])
            room = shard_bytes or 0
        shards[-1].append(name)
        room -= size
    return shards


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_replacing(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())
