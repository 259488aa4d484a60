"""The parts of the model that stages train or freeze, and which parameter belongs to which."""

from __future__ import annotations

PARTS = {
    "decoder": ("model.embed_tokens.", "model.layers.", "model.norm."),
    "lora_vision": (".lora_A.vision.", ".lora_B.vision."),
    "lora_speech": (".lora_A.speech.", ".lora_B.speech."),
    "vision_encoder": ("model.embed_tokens_extend.image_embed.img_processor.",),
    "vision_projector": ("model.embed_tokens_extend.image_embed.",),  # with the two separators, which pass through it
    "audio_encoder": ("model.embed_tokens_extend.audio_embed.encoder.",),
    "audio_projector_speech": ("model.embed_tokens_extend.audio_embed.audio_projection.speech.",),
    "audio_projector_vision": ("model.embed_tokens_extend.audio_embed.audio_projection.vision.",),
}
_ORDER: tuple[str, ...] = ("lora_vision", "lora_speech", "vision_encoder", "vision_projector", "audio_encoder", "audio_projector_speech")
_ORDER += ("audio_projector_vision", "decoder")


def part_of(name: str) -> str:
    """The part that a parameter or buffer belongs to, by its official name.

    Raises:
        KeyError: a name of no part.
    """
    for part in _ORDER:
        if any(name.startswith(mark) if mark.startswith("model.") else mark in name for mark in PARTS[part]):
            return part
    raise KeyError(f"parameter {name} is in no part of the model; parts are {', '.join(PARTS)}")
