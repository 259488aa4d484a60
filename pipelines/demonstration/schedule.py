"""What is built, and how the model is trained on it, as data: the sets of each part, and the phases, which are stages of the model.

Four of the five phases train what a released stage trains: L2 twice, V3 and VS. The third does at once what A1 and A2 do one after
the other, since the released A1 starts from the encoder of a speech recogniser and a language model of billions of tokens, and
here both are new. What a stage of the release freezes stays frozen here: sums are answered by weights that no later phase touches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.demonstration.corpora import Set

if TYPE_CHECKING:
    from model.stages import Stage

SUMS, DIGITS, WORDS, SPOKEN = "sums", "digits", "words", "spoken"
PARTS = (SUMS, DIGITS, WORDS, SPOKEN)
CHAT = "vision_sft.general"  # conversations, with and without a picture
TRAIN_VOICES, TEST_VOICES = ("slt", "awb", "kal16"), ("rms",)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is made, and how long it is trained on: steps of each phase."""

    limit: int = 50  # numbers of a sum are below it
    num_digits: int = 3_000  # clips of training, each by a speaker of its own
    per_speaker: int = 40  # clips of each speaker of the test
    num_asked: int = 600
    num_language: int = 3_000
    num_lines: int = 1_600
    num_pictures: int = 600
    num_test: int = 160  # lines, and pictures, that are only tested
    sums_steps: int = 3_600
    language_steps: int = 850
    hearing_steps: int = 1_300
    seeing_steps: int = 850
    both_steps: int = 400


FULL = Sizes()
QUICK = Sizes(12, 12, 1, 12, 60, 24, 12, 6, 4, 3, 3, 3, 2)  # runs every line of code, and teaches nothing


def sets() -> dict[str, Set]:
    """Every set by name; those that end in `.test` are never trained on."""

    def voices(names: tuple[str, ...], rates: tuple[float, ...]) -> tuple[str, ...]:
        return (f"voices = {list(names)}".replace("'", '"'), f"rates = {list(rates)}")

    listed = (
        Set("sums.train", CHAT, "sums/train.jsonl"),
        Set("sums.test", CHAT, "sums/test.jsonl"),
        Set("language.train", CHAT, "language/train.jsonl"),
        Set("digits.train", "asr", "digits/train.jsonl"),
        Set("digits.test", "asr", "digits/test.jsonl"),
        Set("asked.train", "asr", "asked/train.jsonl"),
        Set("words.train", CHAT, "words/train.jsonl"),
        Set("words.test", CHAT, "words/test.jsonl"),
        Set("scenes.train", CHAT, "pictures/train.jsonl"),
        Set("spoken.train", "vision_speech", "pictures/train.jsonl", voices(TRAIN_VOICES, (0.9, 1.1))),
        Set("spoken.test", "vision_speech", "pictures/test.jsonl", voices(TEST_VOICES, (1.0,))),
        Set("pairs.test", "vision_speech", "pictures/pairs.jsonl", voices(TEST_VOICES, (1.0,))),
    )
    return {one.name: one for one in listed}


@dataclass(frozen=True, slots=True)
class Phase:
    """A stage of training, the sets that it reads with their shares of rows, and why it is as it is."""

    name: str  # of its run's folder
    stage: Stage
    sets: dict[str, float]
    steps: int
    context_tokens: int
    learning_rate: float
    why: str


def phases(parts: tuple[str, ...], sizes: Sizes) -> list[Phase]:
    """The phases that some parts need, in their order."""
    from dataclasses import replace

    from model.batch import Mode
    from model.parts import PARTS as MODEL_PARTS
    from model.stages import stage_named

    def shares(**wanted: tuple[float, tuple[str, ...]]) -> dict[str, float]:
        """Shares of the sets that one of the parts needs."""
        return {f"{name}.train": share for name, (share, needed_by) in wanted.items() if set(needed_by) & set(parts)}

    def taking(stage: Stage, *corpora: str, **changed: object) -> Stage:
        return replace(stage, corpora=dict.fromkeys(corpora, 1.0), schedule="cosine", **changed)  # type: ignore[arg-type]

    hears = ("lora_speech", "audio_encoder", "audio_projector_speech")
    hearing = replace(
        stage_named("A2"),
        name="A1+A2",
        title="speech: encoder, projector and LoRA_A at once",
        trains=hears,
        freezes=tuple(part for part in MODEL_PARTS if part not in hears),
        adapters={Mode.SPEECH: "speech"},
    )
    everyone = (DIGITS, WORDS, SPOKEN)
    found = [
        Phase(
            "1-language",
            taking(stage_named("L2"), CHAT, weight_decay=0.1),
            shares(language=(1.0, everyone)),
            sizes.language_steps,
            2_500,
            3e-3,
            "the decoder, from random weights: to repeat what it reads, and to answer about a scene told in words",
        ),
        Phase(
            "2-sums",
            taking(stage_named("L2"), CHAT, weight_decay=0.1),
            shares(sums=(0.97, (SUMS,)), language=(0.03, everyone)) if SUMS in parts else {},
            sizes.sums_steps,
            1_280 if set(parts) & set(everyone) else 640,
            3e-3,
            "the same decoder: sums, and some of what came before, which it would forget",
        ),
        Phase(
            "3-hearing",
            taking(hearing, "asr"),
            shares(digits=(0.8, (DIGITS, SPOKEN)), asked=(0.2, (SPOKEN,))),
            sizes.hearing_steps,
            1_200,
            3e-3,
            "the released A1 freezes the language model and has no LoRA; from a random encoder LoRA_A learns with it from the start",
        ),
        Phase(
            "4-seeing",
            taking(stage_named("V3"), CHAT),
            shares(words=(0.7, (WORDS,)), scenes=(0.3, (SPOKEN,))),
            sizes.seeing_steps,
            1_800,
            3e-3,
            "reading and looking, asked in writing; without V1 and V2, which need captions of a world that this model never saw",
        ),
        Phase(
            "5-both",
            taking(stage_named("VS"), CHAT, "vision_speech"),
            shares(spoken=(0.7, (SPOKEN,)), words=(0.3, (WORDS,))) if SPOKEN in parts else {},
            sizes.both_steps,
            1_800,
            1e-3,
            "the same questions asked aloud; the audio encoder and projector stay as the hearing phase left them",
        ),
    ]
    return [phase for phase in found if phase.sets]
