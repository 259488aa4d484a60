"""Sizes of the model: `tiny` trains on a CPU, `small` on one GPU, `phi4mm` has the released sizes.

Source: arXiv 2503.01743 and the released config.json of Phi-4-multimodal-instruct. What the released files fix (crop 448 px,
patch 14 px, 80 mel bands, 8 frames a token, windows of 500 tokens) is a constant in the module that uses it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

ORIGINAL_CONTEXT = 4_096
CONTEXT = 131_072

# Phi-4-Mini's factors for the 48 rotated frequency pairs beyond the original context (released config.json, rope_scaling.long_factor)
LONG_FACTOR = (
    1.0, 1.118320672, 1.250641126, 1.398617824, 1.564103225, 1.74916897, 1.956131817, 2.187582649, 2.446418898, 2.735880826,
    3.059592084, 3.421605075, 3.826451687, 4.279200023, 4.785517845, 5.351743533, 5.984965424, 6.693110555, 7.485043894, 8.370679318,
    9.36110372, 10.4687158, 11.70738129, 13.09260651, 14.64173252, 16.37415215, 18.31155283, 20.47818807, 22.90118105, 25.61086418,
    28.64115884, 32.03, 32.1, 32.13, 32.23, 32.6, 32.61, 32.64, 32.66, 32.7,
    32.71, 32.93, 32.97, 33.28, 33.49, 33.5, 44.16, 47.77,
)  # fmt: skip


def resample_factors(num: int) -> tuple[float, ...]:
    """The released long factors read at `num` evenly spaced places, for models with fewer rotated pairs."""
    if num == len(LONG_FACTOR):
        return LONG_FACTOR
    places = [index * (len(LONG_FACTOR) - 1) / max(num - 1, 1) for index in range(num)]
    found = []
    for place in places:
        low = min(int(place), len(LONG_FACTOR) - 2)
        found.append(LONG_FACTOR[low] + (LONG_FACTOR[low + 1] - LONG_FACTOR[low]) * (place - low))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """Phi-4-Mini. `long_factor` has one value a rotated pair; the rotated share of each head is `partial_rotary_factor`."""

    vocab_size: int = 200_064
    hidden_size: int = 3_072
    intermediate_size: int = 8_192
    num_layers: int = 32
    num_heads: int = 24
    num_kv_heads: int = 8
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10_000.0
    partial_rotary_factor: float = 0.75
    short_factor: tuple[float, ...] = ()  # empty: ones
    long_factor: tuple[float, ...] = ()  # empty: the released ones, resampled
    original_context: int = ORIGINAL_CONTEXT
    context: int = CONTEXT

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_heads

    @property
    def rotary_dim(self) -> int:
        return int(self.head_dim * self.partial_rotary_factor)


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """SigLIP-so400m. Features are the output of layer `num_layers - 1` of `num_layers`: the last one influences nothing."""

    hidden_size: int = 1_152
    intermediate_size: int = 4_304
    num_layers: int = 27
    num_heads: int = 16
    layer_norm_eps: float = 1e-6


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """The conformer encoder."""

    hidden_size: int = 1_024
    intermediate_size: int = 1_536
    num_layers: int = 24
    num_heads: int = 16
    conv_channels: int = 1_024
    bias_max_distance: int = 500
    layer_norm_eps: float = 1e-5


@dataclass(frozen=True, slots=True)
class LoraConfig:
    """Low-rank additions to the four linear layers of each decoder layer: y = W x + (alpha / rank) B A dropout(x)."""

    rank: int
    alpha: float
    dropout: float = 0.0

    @property
    def scale(self) -> float:
        return self.alpha / self.rank


@dataclass(frozen=True, slots=True)
class HfCompat:
    """Where transformers 5.23 computes something else than the released code; all off by default, on for parity tests.

    rope_per_call: one choice of short or long factors for all rows of a batch (the released code does so too), instead of
        one for each sequence, which gives each sequence in a pack what it would give alone.
    audio_mask_is_added: the key mask of batched clips is added as 1 and 0 instead of excluding padding; implies `audio_padding_is_seen`.
    audio_padding_is_seen: padded frames of shorter clips in a batch enter the subsampler (the released code does so too), instead
        of giving each clip what it would give alone.
    """

    rope_per_call: bool = False
    audio_mask_is_added: bool = False
    audio_padding_is_seen: bool = False


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything that decides the shapes and the function of the model."""

    name: str = "phi4mm"
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    vision: VisionConfig = field(default_factory=VisionConfig)
    audio: AudioConfig = field(default_factory=AudioConfig)
    lora_vision: LoraConfig = LoraConfig(256, 512)
    lora_speech: LoraConfig = LoraConfig(320, 640, 0.01)
    hf_compat: HfCompat = HfCompat()


CONFIGS = {
    "tiny": ModelConfig(
        name="tiny",
        decoder=DecoderConfig(hidden_size=128, intermediate_size=256, num_layers=3, num_heads=4, num_kv_heads=2),
        vision=VisionConfig(hidden_size=96, intermediate_size=192, num_layers=2, num_heads=2),
        audio=AudioConfig(hidden_size=96, intermediate_size=144, num_layers=2, num_heads=4, conv_channels=24),
        lora_vision=LoraConfig(16, 32),
        lora_speech=LoraConfig(20, 40, 0.01),
    ),
    "small": ModelConfig(
        name="small",
        decoder=DecoderConfig(hidden_size=1_024, intermediate_size=2_816, num_layers=16, num_heads=16, num_kv_heads=4),
        vision=VisionConfig(hidden_size=512, intermediate_size=1_536, num_layers=13, num_heads=8),
        audio=AudioConfig(hidden_size=512, intermediate_size=768, num_layers=12, num_heads=8, conv_channels=256),
        lora_vision=LoraConfig(64, 128),
        lora_speech=LoraConfig(80, 160, 0.01),
    ),
    "phi4mm": ModelConfig(),
}
