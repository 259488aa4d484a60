"""Our configuration as the config.json of the released checkpoint (`phi4mm`) and of transformers (`phi4_multimodal`), both ways.

The released code fixes the sizes of its vision tower, and neither format knows models with fewer token ids. What they cannot say stands
under the key `corpusmill`, which both ignore; a folder without it has the released vision sizes and all ids.
Source: the released config.json; `Phi4MultimodalConfig` of transformers 5.23. The released file spells `depthwise_seperable_out_channel`;
transformers reads only the right spelling and would keep 1,024.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import torch

from model.config import AudioConfig, DecoderConfig, LoraConfig, ModelConfig, VisionConfig, resample_factors
from model.vocabulary import Vocabulary
from processors import tokens

Format = Literal["official", "transformers"]
MODEL_TYPES: dict[str, Format] = {"phi4mm": "official", "phi4_multimodal": "transformers"}
ADAPTERS = ("vision", "speech")
OURS = "corpusmill"
LORA_TARGETS = r"model\.layers\.\d+\.((self_attn\.(qkv|o)_proj)|(mlp\.(gate_up|down)_proj))"
_RELEASED_LAYERS = "layers.*((self_attn\\.(qkv_proj|o_proj))|(mlp\\.(gate_up|down)_proj))"
_SLIDING_WINDOW = 262_144  # longer than the context, hence without effect
_REMOTE_CODE = {
    "AutoConfig": "configuration_phi4mm.Phi4MMConfig",
    "AutoModelForCausalLM": "modeling_phi4mm.Phi4MMForCausalLM",
}


class ConfigMismatch(ValueError):
    """A config.json that is not one of this architecture."""


def official_config(config: ModelConfig, vocabulary: Vocabulary | None = None) -> dict[str, Any]:
    """The config.json of the released code."""
    audio = config.audio
    return {
        "architectures": ["Phi4MMForCausalLM"],
        "model_type": "phi4mm",
        "auto_map": dict(_REMOTE_CODE),
        **_decoder(config, vocabulary),
        "eos_token_id": _row(vocabulary, tokens.END_OF_TEXT),
        "attention_bias": False,
        "mlp_bias": False,
        "lm_head_bias": False,
        "full_attn_mod": 1,
        "interpolate_factor": 1,
        "img_processor": None,
        "embd_layer": {
            "embedding_cls": "image_audio",
            "audio_embd_layer": {
                "embedding_cls": "audio",
                "compression_rate": 8,
                "downsample_rate": 1,
                "projection_cls": "mlp",
                "use_conv_downsample": False,
                "use_qformer": False,
                "enable_gradient_checkpointing": True,
            },
            "image_embd_layer": {
                "embedding_cls": "tune_image",
                "crop_size": 448,
                "hd_transform_order": "sub_glb",
                "image_token_compression_cls": "avg_pool_2d",
                "projection_cls": "mlp",
                "use_hd_transform": True,
                "with_learnable_separator": True,
                "enable_gradient_checkpointing": True,
            },
        },
        "audio_processor": {
            "name": "cascades",
            "config": {
                "activation": "swish",
                "attention_dim": audio.hidden_size,
                "attention_heads": audio.num_heads,
                "batch_norm": False,
                "bias_in_glu": True,
                "causal": True,
                "chunk_size": -1,
                "cnn_layer_norm": True,
                "conv_activation": "swish",
                "conv_glu_type": "swish",
                "depthwise_multiplier": 1,
                "depthwise_seperable_out_channel": audio.hidden_size,
                "dropout_rate": 0.0,
                "encoder_embedding_config": {"input_size": 80},
                "ext_pw_kernel_size": 1,
                "ext_pw_out_channel": audio.hidden_size,
                "input_layer": "nemo_conv",
                "input_size": 80,
                "kernel_size": 3,
                "left_chunk": 18,
                "linear_units": audio.intermediate_size,
                "nemo_conv_settings": {"conv_channels": audio.conv_channels},
                "num_blocks": audio.num_layers,
                "relative_attention_bias_args": {"type": "t5", "t5_bias_max_distance": audio.bias_max_distance},
                "time_reduction": 8,
            },
        },
        **{
            f"{name}_lora": {"r": lora.rank, "lora_alpha": lora.alpha, "dp": lora.dropout, "layer": _RELEASED_LAYERS}
            for name, lora in loras(config).items()
        },
        OURS: _ours(config, vocabulary),
    }


def transformers_config(config: ModelConfig, vocabulary: Vocabulary | None = None) -> dict[str, Any]:
    """The config.json of transformers' Phi4MultimodalForCausalLM. It has no LoRA: that is in `adapter_config`."""
    vision, audio = config.vision, config.audio
    return {
        "architectures": ["Phi4MultimodalForCausalLM"],
        "model_type": "phi4_multimodal",
        **_decoder(config, vocabulary),
        "eos_token_id": [_row(vocabulary, token) for token in (tokens.END_OF_TEXT, tokens.SPECIAL["<|end|>"])],
        "vision_config": {
            "model_type": "phi4_multimodal_vision",
            "hidden_size": vision.hidden_size,
            "intermediate_size": vision.intermediate_size,
            "num_hidden_layers": vision.num_layers,
            "num_attention_heads": vision.num_heads,
            "layer_norm_eps": vision.layer_norm_eps,
            "image_size": 448,
            "crop_size": 448,
            "patch_size": 14,
            "feature_layer": -2,
            "image_token_id": _row(vocabulary, tokens.IMAGE),
        },
        "audio_config": {
            "model_type": "phi4_multimodal_audio",
            "hidden_size": audio.hidden_size,
            "intermediate_size": audio.intermediate_size,
            "num_blocks": audio.num_layers,
            "num_attention_heads": audio.num_heads,
            "nemo_conv_channels": audio.conv_channels,
            "ext_pw_out_channel": audio.hidden_size,
            "depthwise_separable_out_channel": audio.hidden_size,
            "bias_max_distance": audio.bias_max_distance,
            "audio_token_id": _row(vocabulary, tokens.AUDIO),
        },
        OURS: _ours(config, vocabulary) | {"loras": {name: asdict(lora) for name, lora in loras(config).items()}},
    }


def adapter_config(lora: LoraConfig, base: str = "") -> dict[str, Any]:
    """The adapter_config.json of a peft folder."""
    return {
        "peft_type": "LORA",
        "task_type": None,
        "auto_mapping": None,
        "base_model_name_or_path": base,
        "bias": "none",
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "target_modules": LORA_TARGETS,
        "inference_mode": True,
        "init_lora_weights": True,
        "fan_in_fan_out": False,
        "modules_to_save": None,
        "use_rslora": False,
        "use_dora": False,
    }


def loras(config: ModelConfig) -> dict[str, LoraConfig]:
    """The two adapters by their names in checkpoints."""
    return {"vision": config.lora_vision, "speech": config.lora_speech}


def lora_of(adapter: Mapping[str, Any]) -> LoraConfig:
    """What an adapter_config.json says.

    Raises:
        ConfigMismatch: another kind of adapter, or one whose scale is not alpha / rank.
    """
    if str(getattr(adapter.get("peft_type"), "value", adapter.get("peft_type"))) != "LORA":  # in memory it is an enumeration
        raise ConfigMismatch(f"the adapter is of peft_type {adapter.get('peft_type')!r}, expected LORA")
    odd = [name for name in ("use_rslora", "use_dora", "rank_pattern", "alpha_pattern") if adapter.get(name)]
    if odd:
        raise ConfigMismatch(f"the adapter has {', '.join(odd)}, which this architecture does not")
    return LoraConfig(int(adapter["r"]), adapter["lora_alpha"], adapter.get("lora_dropout", 0.0))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        ConfigMismatch: no such file; it is written last, so its folder is not a whole checkpoint.
    """
    if not path.is_file():
        raise ConfigMismatch(f"{path.parent} has no {path.name}: it is not a checkpoint, or writing it did not end")
    return json.loads(path.read_text())


def format_of(found: Mapping[str, Any]) -> Format:
    """Which of the two formats a config.json has."""
    model_type = found.get("model_type")
    if model_type not in MODEL_TYPES:
        raise ConfigMismatch(f"config.json has model_type {model_type!r}, expected one of {', '.join(MODEL_TYPES)}")
    return MODEL_TYPES[model_type]


def model_config(found: Mapping[str, Any]) -> ModelConfig:
    """Our configuration from a config.json of either format.

    Adapters of a transformers folder come from its key `corpusmill`, else they are the released ones; `read_config` looks at the folders.

    Raises:
        ConfigMismatch: another architecture, or a value that this architecture does not have.
    """
    form = format_of(found)
    own = found.get(OURS) or {}
    if form == "official":
        audio = _official_audio(found)
        vision = VisionConfig(**own["vision"]) if "vision" in own else VisionConfig()
        adapters = {name: _official_lora(found, name) for name in ADAPTERS}
    else:
        audio, vision = _transformers_audio(found), _transformers_vision(found)
        default = loras(ModelConfig())
        adapters = {name: LoraConfig(**own["loras"][name]) if "loras" in own else default[name] for name in ADAPTERS}
    config = ModelConfig(own.get("name", "phi4mm"), _decoder_of(found), vision, audio, adapters["vision"], adapters["speech"])
    _check(config, found)
    return config


def read_config(folder: Path, adapters: Mapping[str, Path] | None = None) -> ModelConfig:
    """The configuration of a checkpoint folder, with the adapters as their own folders say."""
    config = model_config(read_json(folder / "config.json"))
    for name, adapter in (adapters or {}).items():
        found = lora_of(read_json(adapter / "adapter_config.json"))
        config = replace(config, lora_vision=found) if name == "vision" else replace(config, lora_speech=found)
    return config


def read_vocabulary(folder: Path) -> Vocabulary | None:
    """The ids that a checkpoint's model knows; None where it knows all."""
    ids = (read_json(folder / "config.json").get(OURS) or {}).get("vocabulary")
    return None if ids is None else Vocabulary(torch.tensor(ids))


def _row(vocabulary: Vocabulary | None, token: int) -> int:
    return token if vocabulary is None else int(vocabulary.rows(torch.tensor([token]))[0])


def _ours(config: ModelConfig, vocabulary: Vocabulary | None) -> dict[str, Any]:
    ids = {} if vocabulary is None else {"vocabulary": vocabulary.ids.tolist()}
    return {"name": config.name, "vision": asdict(config.vision), **ids}


def _factors(decoder: DecoderConfig) -> tuple[list[float], list[float]]:
    num = decoder.rotary_dim // 2
    return list(decoder.short_factor or (1.0,) * num), list(decoder.long_factor or resample_factors(num))


def _decoder(config: ModelConfig, vocabulary: Vocabulary | None) -> dict[str, Any]:
    decoder = config.decoder
    short, long = _factors(decoder)
    end = _row(vocabulary, tokens.END_OF_TEXT)
    return {
        "vocab_size": decoder.vocab_size,
        "hidden_size": decoder.hidden_size,
        "intermediate_size": decoder.intermediate_size,
        "num_hidden_layers": decoder.num_layers,
        "num_attention_heads": decoder.num_heads,
        "num_key_value_heads": decoder.num_kv_heads,
        "rms_norm_eps": decoder.rms_norm_eps,
        "rope_theta": decoder.rope_theta,
        "partial_rotary_factor": decoder.partial_rotary_factor,
        "rope_scaling": {"type": "longrope", "short_factor": short, "long_factor": long},
        "max_position_embeddings": decoder.context,
        "original_max_position_embeddings": decoder.original_context,
        "sliding_window": _SLIDING_WINDOW,
        "tie_word_embeddings": True,
        "hidden_act": "silu",
        "attention_dropout": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "initializer_range": 0.02,
        "use_cache": True,
        "bos_token_id": end,
        "pad_token_id": end,
    }


def _decoder_of(found: Mapping[str, Any]) -> DecoderConfig:
    # transformers 5 writes rope_parameters where it read rope_scaling, theta and the rotated share
    rope = {**(found.get("rope_scaling") or {}), **(found.get("rope_parameters") or {})}
    rope = {"rope_theta": found.get("rope_theta"), "partial_rotary_factor": found.get("partial_rotary_factor"), **_said(rope)}
    config = DecoderConfig(
        vocab_size=found["vocab_size"],
        hidden_size=found["hidden_size"],
        intermediate_size=found["intermediate_size"],
        num_layers=found["num_hidden_layers"],
        num_heads=found["num_attention_heads"],
        num_kv_heads=found["num_key_value_heads"],
        rms_norm_eps=found["rms_norm_eps"],
        rope_theta=float(rope["rope_theta"]),
        partial_rotary_factor=float(rope["partial_rotary_factor"]),
        original_context=found["original_max_position_embeddings"],
        context=found["max_position_embeddings"],
    )
    short, long = _factors(config)
    for name, default in (("short_factor", short), ("long_factor", long)):
        if rope[name] != default:
            config = (
                replace(config, short_factor=tuple(rope[name]))
                if name == "short_factor"
                else replace(config, long_factor=tuple(rope[name]))
            )
    return config


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _official_audio(found: Mapping[str, Any]) -> AudioConfig:
    audio = found["audio_processor"]["config"]
    _same_widths(audio["attention_dim"], audio["ext_pw_out_channel"], audio["depthwise_seperable_out_channel"])
    return AudioConfig(
        hidden_size=audio["attention_dim"],
        intermediate_size=audio["linear_units"],
        num_layers=audio["num_blocks"],
        num_heads=audio["attention_heads"],
        conv_channels=audio["nemo_conv_settings"]["conv_channels"],
        bias_max_distance=audio["relative_attention_bias_args"]["t5_bias_max_distance"],
    )


def _official_lora(found: Mapping[str, Any], name: str) -> LoraConfig:
    lora = found[f"{name}_lora"]
    return LoraConfig(lora["r"], lora["lora_alpha"], lora["dp"])


def _transformers_audio(found: Mapping[str, Any]) -> AudioConfig:
    audio = found["audio_config"]
    width = audio.get("hidden_size", 1_024)
    _same_widths(width, audio.get("ext_pw_out_channel", 1_024), audio.get("depthwise_separable_out_channel", 1_024))
    return AudioConfig(
        hidden_size=width,
        intermediate_size=audio.get("intermediate_size", 1_536),
        num_layers=audio.get("num_blocks", 24),
        num_heads=audio.get("num_attention_heads", 16),
        conv_channels=audio.get("nemo_conv_channels", 1_024),
        bias_max_distance=audio.get("bias_max_distance", 1_000),  # the default of the class, not of the released model
    )


def _transformers_vision(found: Mapping[str, Any]) -> VisionConfig:
    vision = found["vision_config"]
    released = VisionConfig()
    return VisionConfig(
        hidden_size=vision.get("hidden_size", released.hidden_size),
        intermediate_size=vision.get("intermediate_size", released.intermediate_size),
        num_layers=vision.get("num_hidden_layers", released.num_layers),
        num_heads=vision.get("num_attention_heads", released.num_heads),
        layer_norm_eps=vision.get("layer_norm_eps", released.layer_norm_eps),
    )


def _same_widths(*widths: int) -> None:
    if len(set(widths)) != 1:
        raise ConfigMismatch(f"the audio encoder has widths {', '.join(map(str, widths))}; hidden size and both convolutions must be equal")


def _check(config: ModelConfig, found: Mapping[str, Any]) -> None:
    if not found.get("tie_word_embeddings"):
        raise ConfigMismatch("config.json says that embedding and lm_head are not tied; in this architecture they are one tensor")
    num = config.decoder.rotary_dim // 2
    short, long = _factors(config.decoder)
    if (len(short), len(long)) != (num, num):
        raise ConfigMismatch(
            f"rope factors are {len(short)} short and {len(long)} long ones, expected {num} for {2 * num} rotated dimensions"
        )
