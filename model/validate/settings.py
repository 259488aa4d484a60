"""How much a validation does. Two presets: the default takes seconds a corpus, `THOROUGH` minutes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from model.config import CONFIGS, AudioConfig, DecoderConfig, LoraConfig, ModelConfig, VisionConfig

# The smallest model that has every part: what is asked is whether rows can be learned, not how well.
PROBE = ModelConfig(
    name="probe",
    decoder=DecoderConfig(hidden_size=64, intermediate_size=128, num_layers=1, num_heads=2, num_kv_heads=1),
    vision=VisionConfig(hidden_size=32, intermediate_size=64, num_layers=2, num_heads=2),
    audio=AudioConfig(hidden_size=32, intermediate_size=48, num_layers=1, num_heads=2, conv_channels=8),
    lora_vision=LoraConfig(4, 8),
    lora_speech=LoraConfig(5, 10),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """`trains` false leaves out every check that runs the model. `max_tokens` bounds the rows of a training run, which is one batch (memory
    takes twice as many).

    `memory_rows` and `learning_rows` are as many rows as they say, or as `max_tokens` holds (two at least).
    """

    seed: int = 0
    config: ModelConfig = PROBE
    trains: bool = True
    max_tokens: int = 3_000
    memory_rows: int = 64
    memory_steps: int = 120  # at most: training ends when the rows are known
    learning_rows: int = 64  # half of them held out
    learning_steps: int = 12
    ablation_rows: int = 20
    ablation_steps: int = 80  # at most
    preference_pairs: int = 16
    preference_steps: int = 12
    pack_tokens: int = 65_536
    learning_rate: float = 1e-2

    def __post_init__(self) -> None:
        for name in ("max_tokens", "memory_rows", "memory_steps", "learning_rows", "learning_steps", "ablation_rows", "ablation_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")


DEFAULT = Settings()
THOROUGH = Settings(
    config=CONFIGS["tiny"],
    max_tokens=65_536,
    memory_steps=400,
    learning_rows=512,
    learning_steps=200,
    ablation_rows=64,
    ablation_steps=300,
    preference_pairs=64,
    preference_steps=60,
    learning_rate=3e-3,
)


def without_training(settings: Settings = DEFAULT) -> Settings:
    """The checks that read the rows alone."""
    return replace(settings, trains=False)
