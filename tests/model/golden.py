"""Golden weights and inputs: every tensor is a function of its name in transformers, so that numbers compare without its library.

Source: the specification's section on golden numbers, whose figures transformers 5.23 gave for these weights.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch

from model.batch import Batch, Example, ImageInput, Sample
from model.config import AudioConfig, DecoderConfig, LoraConfig, ModelConfig, VisionConfig
from model.multimodal import Phi4MM
from model.official_names import transformers_name
from model.vocabulary import Vocabulary
from processors import tokens
from processors.audio.log_mel import log_mel
from processors.image.crops import canvas_plan, crop_pixels, make_canvas, patch_mask

LONG_FACTOR = (1.0, 2.0, 4.0)  # of the figure for 4,200 tokens
# The tiny model has 64 embedding rows, placeholders at 10 and 11: these ids put the released placeholders there, and the end at 9.
VOCABULARY = Vocabulary(torch.tensor([*range(9), tokens.END_OF_TEXT, *range(tokens.IMAGE, tokens.IMAGE + 54)]))


def golden_tensor(hf_name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The golden float32 tensor of a name in transformers (LoRA: `<module>.lora_A.vision.weight`), splitmix64 of name and place."""
    places = np.arange(int(np.prod(shape)), dtype=np.uint64) + (np.uint64(zlib.crc32(hf_name.encode())) << np.uint64(32))
    mixed = places + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    signed = 2 * ((mixed >> np.uint64(11)) * 2.0**-53) - 1  # in [-1, 1)
    if hf_name.endswith("global_mean"):
        values = 10 + signed
    elif hf_name.endswith("global_invstd"):
        values = 0.3 + 0.1 * signed
    elif "norm" in hf_name and hf_name.endswith(".weight"):
        values = 1 + 0.1 * signed
    else:
        values = (0.25 if len(shape) > 1 else 0.1) * signed
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def tiny_g2_config() -> ModelConfig:
    """The sizes of the golden numbers; 165,200 parameters without LoRA."""
    return ModelConfig(
        name="golden",
        decoder=DecoderConfig(
            vocab_size=64, hidden_size=48, intermediate_size=64, num_layers=2, num_heads=6, num_kv_heads=2, long_factor=LONG_FACTOR
        ),
        vision=VisionConfig(hidden_size=32, intermediate_size=48, num_layers=3, num_heads=4),
        audio=AudioConfig(hidden_size=32, intermediate_size=24, num_layers=2, num_heads=4, conv_channels=16),
        lora_vision=LoraConfig(4, 8),
        lora_speech=LoraConfig(5, 10),
    )


def golden_samples(num_samples: int) -> np.ndarray:
    """Two tones. Shapes: (num_samples,) float32 at 16 kHz."""
    n = np.arange(num_samples)
    return (0.3 * np.sin(2 * np.pi * 440 * n / 16_000) + 0.1 * np.sin(2 * np.pi * 1234.5 * n / 16_000 + 0.5)).astype(np.float32)


def golden_audio(seconds: float) -> torch.Tensor:
    """Features of the two tones, with the filter bank of transformers. Shapes: (T, 80)."""
    return torch.from_numpy(log_mel(golden_samples(int(16_000 * seconds)), hf_compat=True))


def golden_pixels(width: int, height: int) -> np.ndarray:
    """Waves of the three colours. Shapes: (height, width, 3) uint8."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    waves = (127 + 120 * np.sin(x / 37 + y / 91), 127 + 120 * np.cos(x / 23), 127 + 120 * np.sin(y / 17))
    return np.floor(np.stack(waves, -1)).astype(np.uint8)


def golden_image(width: int, height: int) -> tuple[ImageInput, int]:
    """The picture as the model reads it, and its tokens."""
    canvas = make_canvas(golden_pixels(width, height), 36)
    columns, rows = canvas.grid
    crops, mask = torch.from_numpy(crop_pixels(canvas)), torch.from_numpy(patch_mask(canvas)).bool()
    return ImageInput(crops, mask, columns, rows), canvas_plan(canvas).num_tokens


def golden_batch(rows: list[int], images: tuple[ImageInput, ...] = (), audios: tuple[torch.Tensor, ...] = ()) -> Batch:
    """One sequence of embedding rows of the tiny model (10 is an image, 11 an audio placeholder); all but placeholders are learned."""
    ids = VOCABULARY.ids[torch.tensor(rows)]
    labels = torch.where((ids == tokens.IMAGE) | (ids == tokens.AUDIO), -100, ids)
    return Batch.join([Example("golden", (Sample(ids, labels, images, audios),))])


def golden_model(config: ModelConfig | None = None) -> Phi4MM:
    """The tiny model (or one of another configuration) with golden weights, in evaluation mode."""
    model = Phi4MM(config or tiny_g2_config(), VOCABULARY).eval()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            adapter, place = transformers_name(name)
            tensor.copy_(golden_tensor(place if adapter is None else name, tuple(tensor.shape)))
    return model
