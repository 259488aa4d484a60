"""Names of tensors in the released checkpoint, which are ours, and in transformers, both ways.

Source: released model.safetensors.index.json; state dict of transformers 5.23, peft 0.21 for the adapters.
"""

from __future__ import annotations

import re

LM_HEAD = "lm_head.weight"
EMBEDDING = "model.embed_tokens.weight"
PEFT_PREFIX = "base_model.model."

_PREFIX = "model.embed_tokens_extend."
_ENCODER = re.escape(_PREFIX + "audio_embed.encoder.encoders.") + r"(\d+)\."
_LINEARS = r"model\.layers\.\d+\.(?:self_attn\.(?:qkv|o)_proj|mlp\.(?:gate_up|down)_proj)"
# Pairs (released, transformers) of name parts behind `model.embed_tokens_extend.`; everything else there is the same in both.
_PARTS = (
    ("image_embed.glb_GN", "image_embed.global_img_feature_extensor"),
    ("image_embed.sub_GN", "image_embed.sub_img_feature_extensor"),
    ("image_embed.img_projection.0.", "image_embed.img_projection_up."),
    ("image_embed.img_projection.2.", "image_embed.img_projection_down."),
    ("audio_embed.audio_projection.speech.0.", "audio_embed.up_proj_for_speech."),
    ("audio_embed.audio_projection.speech.2.", "audio_embed.down_proj_for_speech."),
    ("audio_embed.audio_projection.vision.0.", "audio_embed.up_proj_for_vision_speech."),
    ("audio_embed.audio_projection.vision.2.", "audio_embed.down_proj_for_vision_speech."),
)
_BLOCK_PARTS = (
    ("feed_forward_in.net.0.linear.", "feed_forward_in.gate_up_proj."),
    ("feed_forward_in.net.2.", "feed_forward_in.down_proj."),
    ("feed_forward_out.net.0.linear.", "feed_forward_out.gate_up_proj."),
    ("feed_forward_out.net.2.", "feed_forward_out.down_proj."),
    ("self_attn.linear_q.", "self_attn.q_proj."),
    ("self_attn.linear_k.", "self_attn.k_proj."),
    ("self_attn.linear_v.", "self_attn.v_proj."),
    ("self_attn.linear_out.", "self_attn.o_proj."),
)


def transformers_name(name: str) -> tuple[str | None, str]:
    """Where transformers keeps a tensor of the released checkpoint: its adapter (None is the base) and its name there."""
    lora = re.fullmatch(rf"({_LINEARS})\.(lora_[AB])\.(vision|speech)\.weight", name)
    if lora:
        return lora[3], f"{PEFT_PREFIX}{lora[1]}.{lora[2]}.weight"
    base = re.fullmatch(rf"({_LINEARS})\.base_layer\.weight", name)
    if base:
        return None, f"{base[1]}.weight"
    return None, _swap(name, 0, 1)


def official_name(name: str, adapter: str | None = None) -> str:
    """The released name of a tensor of transformers' base model, or of a peft folder's tensor where `adapter` says whose.

    Names of a model that holds both adapters in memory already are the released ones.
    """
    if adapter is not None:
        lora = re.fullmatch(rf"{re.escape(PEFT_PREFIX)}({_LINEARS})\.(lora_[AB])\.weight", name)
        return f"{lora[1]}.{lora[2]}.{adapter}.weight" if lora else name
    base = re.fullmatch(rf"({_LINEARS})\.weight", name)
    return f"{base[1]}.base_layer.weight" if base else _swap(name, 1, 0)


def _swap(name: str, have: int, want: int) -> str:
    """The name with the part that the two formats call differently in the wanted one's words."""
    for pair in _PARTS:
        start = _PREFIX + pair[have]
        if name.startswith(start):
            return _PREFIX + pair[want] + name[len(start) :]
    block = re.match(_ENCODER, name)
    if block:
        for pair in _BLOCK_PARTS:
            if name.startswith(pair[have], block.end()):
                return name[: block.end()] + pair[want] + name[block.end() + len(pair[have]) :]
    return name
