"""Checkpoints to and from the two formats: names, shapes, values to the bit, memory, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.config import CONFIGS, LoraConfig
from model.convert import (
    CheckpointMismatch,
    convert_checkpoint,
    load_official,
    load_transformers,
    open_model,
    save_official,
    save_transformers,
    shape_model,
    stored_tensors,
)
from model.multimodal import Phi4MM
from model.official_config import ConfigMismatch, model_config, official_config, read_config, read_vocabulary, transformers_config
from model.official_names import official_name, transformers_name
from tests.model.golden import VOCABULARY, golden_model, tiny_g2_config

IMAGE = "model.embed_tokens_extend.image_embed."
AUDIO = "model.embed_tokens_extend.audio_embed."


@pytest.fixture(scope="module")
def model() -> Phi4MM:
    return golden_model()


@pytest.fixture(scope="module")
def folders(model: Phi4MM, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The model in both formats, in several files."""
    base = tmp_path_factory.mktemp("checkpoints")
    save_official(model, base / "official", shard_bytes=300_000)
    save_transformers(model, base / "transformers", shard_bytes=200_000)
    return {name: base / name for name in ("official", "transformers")}


@pytest.fixture(scope="module")
def released() -> dict[str, tuple[int, ...]]:
    """Our names and shapes at the released sizes."""
    return {name: tuple(tensor.shape) for name, tensor in shape_model(CONFIGS["phi4mm"]).state_dict().items()}


def fresh(config: object = None) -> Phi4MM:
    return Phi4MM(config or tiny_g2_config(), VOCABULARY)  # type: ignore[arg-type]


def assert_equal(one: Phi4MM, other: Phi4MM) -> None:
    ours, theirs = one.state_dict(), other.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) and ours[name].dtype == theirs[name].dtype for name in ours)


def listed() -> dict[str, tuple[int, ...]]:
    """The released checkpoint by the specification's tables of sizes and names alone."""
    wide, inner = 3_072, 8_192
    found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (200_064, wide), "model.norm.weight": (wide,)}
    linears = {"self_attn.qkv_proj": (5_120, wide), "self_attn.o_proj": (wide, wide)}
    linears |= {"mlp.gate_up_proj": (2 * inner, wide), "mlp.down_proj": (wide, inner)}
    for layer in range(32):
        at = f"model.layers.{layer}."
        found |= {f"{at}{norm}.weight": (wide,) for norm in ("input_layernorm", "post_attention_layernorm")}
        for name, (outer, into) in linears.items():
            found[f"{at}{name}.base_layer.weight"] = (outer, into)
            for adapter, rank in (("vision", 256), ("speech", 320)):
                found[f"{at}{name}.lora_A.{adapter}.weight"] = (rank, into)
                found[f"{at}{name}.lora_B.{adapter}.weight"] = (outer, rank)
    return found | listed_image() | listed_audio()


def linear(name: str, outer: int, into: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outer, into), f"{name}.bias": (outer,)}


def norm(name: str, size: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def listed_image() -> dict[str, tuple[int, ...]]:
    size, inner = 1_152, 4_304
    found: dict[str, tuple[int, ...]] = {IMAGE + "glb_GN": (1, 1, size), IMAGE + "sub_GN": (1, 1, 1, size)}
    found |= linear(IMAGE + "img_projection.0", 3_072, size) | linear(IMAGE + "img_projection.2", 3_072, 3_072)
    tower = IMAGE + "img_processor."
    found |= {f"{tower}embeddings.patch_embedding.weight": (size, 3, 14, 14), f"{tower}embeddings.patch_embedding.bias": (size,)}
    found[f"{tower}embeddings.position_embedding.weight"] = (1_024, size)
    for layer in range(27):
        at = f"{tower}encoder.layers.{layer}."
        found |= norm(at + "layer_norm1", size) | norm(at + "layer_norm2", size)
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            found |= linear(f"{at}self_attn.{name}", size, size)
        found |= linear(at + "mlp.fc1", inner, size) | linear(at + "mlp.fc2", size, inner)
    found |= norm(tower + "post_layernorm", size) | norm(tower + "head.layernorm", size)
    found |= {f"{tower}head.probe": (1, 1, size), f"{tower}head.attention.in_proj_weight": (3 * size, size)}
    found |= {f"{tower}head.attention.in_proj_bias": (3 * size,)} | linear(tower + "head.attention.out_proj", size, size)
    return found | linear(tower + "head.mlp.fc1", inner, size) | linear(tower + "head.mlp.fc2", size, inner)


def listed_audio() -> dict[str, tuple[int, ...]]:
    size, inner = 1_024, 1_536
    encoder = AUDIO + "encoder."
    found: dict[str, tuple[int, ...]] = {f"{encoder}encoder_embedding.{name}": (80,) for name in ("global_mean", "global_invstd")}
    shapes: dict[int, tuple[int, ...]] = {
        0: (size, 1, 3, 3),
        2: (size, 1, 3, 3),
        3: (size, size, 1, 1),
        5: (size, 1, 3, 3),
        6: (size, size, 1, 1),
    }
    for number, shape in shapes.items():
        found |= {f"{encoder}embed.conv.{number}.weight": shape, f"{encoder}embed.conv.{number}.bias": (size,)}
    found |= linear(encoder + "embed.out", size, 10 * size)
    found[f"{encoder}relative_attention_bias_layer.bias_values.weight"] = (1_000, 16)
    for layer in range(24):
        at = f"{encoder}encoders.{layer}."
        for name in ("feed_forward_in", "feed_forward_out"):
            found |= norm(f"{at}{name}.layer_norm", size) | linear(f"{at}{name}.net.0.linear", 2 * inner, size)
            found |= linear(f"{at}{name}.net.2", size, inner)
        for name in ("linear_q", "linear_k", "linear_v", "linear_out"):
            found |= linear(f"{at}self_attn.{name}", size, size)
        for name in ("layer_norm_att", "layer_norm", "conv.layer_norm"):
            found |= norm(at + name, size)
        found |= {f"{at}conv.glu.b1": (1, size, 1), f"{at}conv.glu.b2": (1, size, 1)}
        convolutions: dict[str, tuple[int, ...]] = {"glu.ext_pw_conv_1d": (2 * size, size, 1), "dw_sep_conv_1d.dw_conv": (size, 1, 3)}
        convolutions |= {"dw_sep_conv_1d.pw_conv": (size, size, 1), "ext_pw_conv_1d": (size, size, 1)}
        for name, shape in convolutions.items():
            found |= {f"{at}conv.{name}.weight": shape, f"{at}conv.{name}.bias": shape[:1]}
    for projector in ("speech", "vision"):
        name = f"{AUDIO}audio_projection.{projector}"
        found |= linear(f"{name}.0", 3_072, size) | linear(f"{name}.2", 3_072, 3_072)
    return found


def test_all_2047_names_and_shapes_of_the_released_checkpoint(released: dict[str, tuple[int, ...]]) -> None:
    expected = listed()
    assert len(expected) == 2_047
    counts = [sum(name.startswith(start) for name in released) for start in (IMAGE, AUDIO)]
    assert (len(released) - sum(counts), *counts) == (706, 454, 887)
    assert released == expected


def test_names_go_both_ways(released: dict[str, tuple[int, ...]]) -> None:
    places = {name: transformers_name(name) for name in released}
    assert len(set(places.values())) == 2_047
    assert {name: official_name(there, adapter) for name, (adapter, there) in places.items()} == {name: name for name in released}
    base = [there for adapter, there in places.values() if adapter is None]
    assert (len(base), len([there for adapter, there in places.values() if adapter == "speech"])) == (1_535, 256)
    assert places["model.layers.3.mlp.down_proj.lora_B.speech.weight"] == (
        "speech",
        "base_model.model.model.layers.3.mlp.down_proj.lora_B.weight",
    )
    assert places[AUDIO + "encoder.encoders.23.feed_forward_out.net.0.linear.bias"] == (
        None,
        AUDIO + "encoder.encoders.23.feed_forward_out.gate_up_proj.bias",
    )


@pytest.mark.parity
def test_names_and_shapes_of_transformers(released: dict[str, tuple[int, ...]]) -> None:
    from tests.hf import import_transformers

    transformers = import_transformers()
    said = transformers_config(CONFIGS["phi4mm"])
    config = transformers.Phi4MultimodalConfig(**{name: value for name, value in said.items() if name != "model_type"})
    with torch.device("meta"):
        theirs = {name: tuple(tensor.shape) for name, tensor in transformers.Phi4MultimodalForCausalLM(config).state_dict().items()}
    assert len(theirs) == 1_536
    assert theirs.pop("lm_head.weight") == (200_064, 3_072)
    assert {official_name(name): shape for name, shape in theirs.items()} == {
        name: shape for name, shape in released.items() if ".lora_" not in name
    }


def test_round_trip_through_the_released_format(model: Phi4MM, folders: dict[str, Path]) -> None:
    again = fresh()
    load_official(again, folders["official"])
    assert_equal(model, again)


def test_round_trip_through_transformers(model: Phi4MM, folders: dict[str, Path]) -> None:
    again = fresh()
    load_transformers(again, folders["transformers"])
    assert_equal(model, again)


@pytest.mark.parametrize("name", ["official", "transformers"])
def test_a_model_from_its_folder(model: Phi4MM, folders: dict[str, Path], name: str) -> None:
    again = open_model(folders[name])
    assert_equal(model, again)
    assert again.config == replace(model.config, decoder=again.config.decoder)
    assert again.vocabulary is not None and torch.equal(again.vocabulary.ids, VOCABULARY.ids)
    assert all(tensor.requires_grad for tensor in again.parameters())
    assert open_model(folders[name], torch.bfloat16).model.norm.weight.dtype == torch.bfloat16


def test_conversion_on_disk_round_trips(folders: dict[str, Path], tmp_path: Path) -> None:
    convert_checkpoint(folders["official"], tmp_path / "hf", "transformers")
    convert_checkpoint(tmp_path / "hf", tmp_path / "official", "official", shard_bytes=300_000)
    convert_checkpoint(tmp_path / "hf", tmp_path / "half", "official", torch.bfloat16)
    files = sorted(file.name for file in folders["official"].iterdir())
    assert files == sorted(file.name for file in (tmp_path / "official").iterdir())
    assert len(files) > 4
    for file in files:
        assert (folders["official"] / file).read_bytes() == (tmp_path / "official" / file).read_bytes(), file
    assert {one.dtype for one in stored_tensors(tmp_path / "half").values()} == {torch.bfloat16}


def test_the_written_files(folders: dict[str, Path]) -> None:
    index = json.loads((folders["official"] / "model.safetensors.index.json").read_text())
    assert len(index["weight_map"]) == len(golden_model().state_dict())
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in golden_model().state_dict().values())
    shards = sorted(folders["official"].glob("*.safetensors"))
    assert all(sum(tensor.nbytes for tensor in load_file(shard).values()) <= 300_000 for shard in shards)
    adapter = load_file(folders["transformers"] / "vision-lora" / "adapter_model.safetensors")
    assert len(adapter) == 2 * 4 * 2
    assert adapter["base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"].shape == (4, 64)


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations_survive_both_files(name: str) -> None:
    config = CONFIGS[name]
    for write in (official_config, transformers_config):
        again = model_config(json.loads(json.dumps(write(config))))
        assert again == config


def test_released_config_without_our_key() -> None:
    for write in (official_config, transformers_config):
        found = write(CONFIGS["phi4mm"])
        del found["corpusmill"]
        assert model_config(found) == CONFIGS["phi4mm"]


def test_config_of_transformers_as_version_5_writes_it() -> None:
    found = transformers_config(CONFIGS["small"])
    rope = found.pop("rope_scaling")
    found["rope_parameters"] = {**rope, "rope_theta": found.pop("rope_theta"), "partial_rotary_factor": found.pop("partial_rotary_factor")}
    assert model_config(found) == CONFIGS["small"]


def test_the_misspelt_key() -> None:
    """The released file's spelling goes into it, the right one into transformers', and a width that differs is refused."""
    assert official_config(CONFIGS["tiny"])["audio_processor"]["config"]["depthwise_seperable_out_channel"] == 96
    found = transformers_config(CONFIGS["tiny"])
    assert found["audio_config"]["depthwise_separable_out_channel"] == 96
    del found["audio_config"]["depthwise_separable_out_channel"]  # transformers then takes 1,024
    with pytest.raises(ConfigMismatch, match="widths 96, 96, 1024"):
        model_config(found)


def test_other_architectures_are_refused() -> None:
    found = official_config(CONFIGS["tiny"])
    with pytest.raises(ConfigMismatch, match="model_type 'phi3'"):
        model_config({**found, "model_type": "phi3"})
    with pytest.raises(ConfigMismatch, match="not tied"):
        model_config({**found, "tie_word_embeddings": False})
    with pytest.raises(ConfigMismatch, match="2 long ones"):
        model_config({**found, "rope_scaling": {**found["rope_scaling"], "long_factor": [1.0, 2.0]}})


def test_a_folder_without_its_config_is_not_whole(folders: dict[str, Path], tmp_path: Path) -> None:
    save_official(golden_model(), tmp_path / "part")
    (tmp_path / "part" / "config.json").unlink()
    with pytest.raises(ConfigMismatch, match="writing it did not end"):
        load_official(fresh(), tmp_path / "part")
    with pytest.raises(FileExistsError, match="not empty"):
        save_official(golden_model(), folders["official"])


def edit(folder: Path, change: Callable[[dict[str, torch.Tensor]], object], file: str = "model.safetensors") -> Path:
    """Changes the tensors of a file."""
    tensors = load_file(folder / file)
    change(tensors)
    save_file(tensors, folder / file)
    return folder


FAULTS: dict[str, tuple[Callable[[dict[str, torch.Tensor]], object], str]] = {
    "missing": (lambda t: t.pop("model.norm.weight"), "missing model.norm.weight; unexpected none"),
    "unexpected": (lambda t: t.update(extra=torch.zeros(1)), "missing none; unexpected extra"),
    "shape": (lambda t: t.update({"model.norm.weight": torch.ones(47)}), r"model.norm.weight \(47,\) instead of \(48,\)"),
    "dtype": (lambda t: t.update({"model.norm.weight": torch.ones(48).bfloat16()}), "model.norm.weight torch.bfloat16; say convert_dtype"),
    "integers": (lambda t: t.update({"model.norm.weight": torch.ones(48, dtype=torch.int8)}), "model.norm.weight torch.int8"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_other_tensors_are_refused_by_name(tmp_path: Path, fault: str) -> None:
    change, message = FAULTS[fault]
    save_official(golden_model(), tmp_path / "folder")
    before = fresh()
    with pytest.raises(CheckpointMismatch, match=message):
        load_official(before, edit(tmp_path / "folder", change), convert_dtype=fault == "integers")


def test_floats_are_converted_when_told(tmp_path: Path) -> None:
    save_official(golden_model(), tmp_path / "half", torch.bfloat16)
    again = fresh()
    with pytest.raises(CheckpointMismatch, match=r"and \d+ more; say convert_dtype=True"):
        load_official(again, tmp_path / "half")
    load_official(again, tmp_path / "half", convert_dtype=True)
    expected = golden_model().model.norm.weight.bfloat16().float()
    assert torch.equal(again.model.norm.weight, expected)


def test_lm_head_is_the_embedding_or_an_error(folders: dict[str, Path], tmp_path: Path) -> None:
    save_transformers(golden_model(), tmp_path / "tied")
    edit(tmp_path / "tied", lambda t: t.update({"lm_head.weight": t["model.embed_tokens.weight"].clone()}))
    again = fresh()
    load_transformers(again, tmp_path / "tied")
    assert_equal(golden_model(), again)
    edit(tmp_path / "tied", lambda t: t["lm_head.weight"].add_(1e-3))
    with pytest.raises(CheckpointMismatch, match=r"differs from model.embed_tokens.weight"):
        load_transformers(again, tmp_path / "tied")


def test_adapters_of_another_rank_or_none(folders: dict[str, Path], tmp_path: Path) -> None:
    other = fresh(replace(tiny_g2_config(), lora_vision=LoraConfig(4, 16)))
    with pytest.raises(CheckpointMismatch, match=r"adapter vision .* has rank 4 and alpha 8, the model 4 and 16"):
        load_transformers(other, folders["transformers"])
    with pytest.raises(CheckpointMismatch, match=r"missing model.layers.0.mlp.down_proj.lora_A.speech.weight"):
        load_transformers(fresh(), folders["transformers"], {})
    assert read_config(folders["transformers"]).lora_speech == LoraConfig(5, 10)


def test_an_index_that_lies_is_found(folders: dict[str, Path], tmp_path: Path) -> None:
    save_official(golden_model(), tmp_path / "folder", shard_bytes=300_000)
    path = tmp_path / "folder" / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    del index["weight_map"]["model.norm.weight"]
    path.write_text(json.dumps(index))
    with pytest.raises(CheckpointMismatch, match=r"missing none; unexpected model.norm.weight"):
        load_official(fresh(), tmp_path / "folder")


def test_released_ids_need_no_vocabulary(folders: dict[str, Path], tmp_path: Path) -> None:
    config = replace(CONFIGS["tiny"], name="all")
    (tmp_path / "config.json").write_text(json.dumps(official_config(config)))
    assert read_vocabulary(tmp_path) is None
    assert read_vocabulary(folders["transformers"]) is not None
    found = json.loads((folders["transformers"] / "config.json").read_text())
    assert (found["vision_config"]["image_token_id"], found["audio_config"]["audio_token_id"], found["eos_token_id"]) == (10, 11, [9, 20])


PEAK = """
import sys
from pathlib import Path
from tests.peak import peak_kib
from model.convert import convert_checkpoint
before = peak_kib()
convert_checkpoint(Path(sys.argv[1]), Path(sys.argv[2]), "transformers", shard_bytes=8 << 20)
print(peak_kib() - before)
convert_checkpoint(Path(sys.argv[1]), Path(sys.argv[2] + "-whole"), "transformers", shard_bytes=1 << 40)
print(peak_kib() - before)
"""


def test_a_conversion_never_holds_the_whole(tmp_path: Path) -> None:
    """A checkpoint of 130 MB in shards of 16 MB becomes one in shards of 8 MB: the peak grows by a few shards, not by the checkpoint."""
    decoder = replace(tiny_g2_config().decoder, hidden_size=768, intermediate_size=2_048, num_layers=5, long_factor=())
    model = Phi4MM(replace(tiny_g2_config(), decoder=decoder), VOCABULARY)
    save_official(model, tmp_path / "official", shard_bytes=16 << 20)
    size = sum(tensor.nbytes for tensor in model.state_dict().values())
    assert size > 100 << 20
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path / "official"), str(tmp_path / "hf")],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    in_shards, whole = (int(line) << 10 for line in done.stdout.split())
    assert in_shards < size / 2
    assert whole > size / 2  # one shard of everything is what the first figure excludes
