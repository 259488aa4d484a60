"""Every row of the parameter table, counted on the meta device at the released sizes."""

from __future__ import annotations

import pytest

from model.config import CONFIGS
from model.convert import shape_model
from model.multimodal import Phi4MM
from model.parts import part_of

IMAGE = "model.embed_tokens_extend.image_embed."
AUDIO = "model.embed_tokens_extend.audio_embed."


@pytest.fixture(scope="module")
def model() -> Phi4MM:
    return shape_model(CONFIGS["phi4mm"])


def count(model: Phi4MM, *starts: str, lora: str | None = None) -> int:
    """Parameters whose names start so; base weights alone, or one adapter's alone."""
    return sum(
        tensor.numel()
        for name, tensor in model.named_parameters()
        if name.startswith(starts) and (".lora_" not in name if lora is None else f".{lora}.weight" in name and ".lora_" in name)
    )


BASE = ("model.embed_tokens.", "model.layers.", "model.norm.")
TABLE = {
    "token embedding": (("model.embed_tokens.",), 614_596_608),
    "one decoder layer": (("model.layers.0.",), 100_669_440),
    "32 decoder layers": (("model.layers.",), 3_221_422_080),
    "base decoder": (BASE, 3_836_021_760),
    "vision embeddings": ((IMAGE + "img_processor.embeddings.",), 1_858_176),
    "one vision layer": ((IMAGE + "img_processor.encoder.layers.0.",), 15_239_504),
    "vision post-LN": ((IMAGE + "img_processor.post_layernorm.",), 2_304),
    "vision pooling head": ((IMAGE + "img_processor.head.",), 15_238_352),
    "vision": ((IMAGE + "img_processor.",), 428_565_440),
    "vision projector": ((IMAGE + "img_projection.",), 12_982_272),
    "separators": ((IMAGE + "sub_GN", IMAGE + "glb_GN"), 2_304),
    "image_embed": ((IMAGE,), 441_550_016),
    "audio subsampler": ((AUDIO + "encoder.embed.",), 12_616_704),
    "audio bias table": ((AUDIO + "encoder.relative_attention_bias_layer.",), 16_000),
    "one audio layer": ((AUDIO + "encoder.encoders.0.",), 17_858_560),
    "audio": ((AUDIO + "encoder.",), 441_238_144),
    "audio projector speech": ((AUDIO + "audio_projection.speech.",), 12_589_056),
    "audio projector vision": ((AUDIO + "audio_projection.vision.",), 12_589_056),
    "audio_embed": ((AUDIO,), 466_416_256),
    "audio_embed with one projector": ((AUDIO + "encoder.", AUDIO + "audio_projection.speech."), 453_827_200),
    "without LoRA": (("model.",), 4_743_988_032),
}


@pytest.mark.parametrize("block", TABLE)
def test_blocks(model: Phi4MM, block: str) -> None:
    starts, expected = TABLE[block]
    assert count(model, *starts) == expected


def test_adapters_and_total(model: Phi4MM) -> None:
    assert count(model, "model.", lora="vision") == 369_098_752
    assert count(model, "model.", lora="speech") == 461_373_440
    assert count(model, "model.layers.0.self_attn.qkv_proj.", lora="vision") == 8_192 * 256
    assert count(model, "model.layers.0.self_attn.o_proj.", lora="vision") == 6_144 * 256
    assert count(model, "model.layers.0.mlp.gate_up_proj.", lora="speech") == 19_456 * 320
    assert count(model, "model.layers.0.mlp.down_proj.", lora="speech") == 11_264 * 320
    assert sum(tensor.numel() for tensor in model.parameters()) == 5_574_460_224
    untied = count(model, *BASE) + count(model, "model.embed_tokens.")
    assert untied == 4_450_618_368


def test_vision_parameters_that_features_depend_on(model: Phi4MM) -> None:
    """The last layer, the post-LN and the pooling head exist in the checkpoint and influence nothing."""
    unused = (IMAGE + "img_processor.encoder.layers.26.", IMAGE + "img_processor.post_layernorm.", IMAGE + "img_processor.head.")
    assert count(model, IMAGE + "img_processor.") - count(model, *unused) == 398_085_280
    assert len([name for name in model.state_dict() if name.startswith(unused)]) == 29


def test_what_stages_train(model: Phi4MM) -> None:
    """Trainable parameters of the report's stages, by part."""
    sizes: dict[str, int] = {}
    for name, tensor in model.named_parameters():
        sizes[part_of(name)] = sizes.get(part_of(name), 0) + tensor.numel()
    vision = sizes["vision_projector"]
    assert vision == 12_982_272 + 2_304
    assert vision + sizes["vision_encoder"] == 441_550_016
    assert vision + sizes["vision_encoder"] + sizes["lora_vision"] == 810_648_768
    assert sizes["audio_encoder"] + sizes["audio_projector_speech"] == 453_827_200
    assert sizes["audio_projector_speech"] + sizes["lora_speech"] == 473_962_496
    assert sum(sizes.values()) == 5_574_460_224
