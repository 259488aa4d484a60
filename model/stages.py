"""Every training stage as data: what it trains and freezes, which corpora it takes, how it routes, and how fast it learns.

Source: arXiv 2503.01743, sections 2.2, 3.1 to 3.4, and the official fine-tuning samples. What they leave open is chosen here; each stage
names its choices in `chosen`, so that nobody takes them for published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from model.batch import Mode
from model.config import VisionConfig
from model.parts import PARTS
from model.plan import Costs
from model.rows import CorpusRows

RELEASED_WIDTH = 3_072

LANGUAGE_POST = {"function_calling": 1.0, "summarisation": 1.0, "code_completion": 1.0, "text_safety": 0.5}
SINGLE_FRAME = {
    "vision_sft.general": 0.35,
    "vision_sft.chart_table_diagram": 0.2,
    "vision_sft.ocr": 0.2,
    "vision_sft.slides": 0.1,
    "vision_sft.safety": 0.05,
}
SOME_TEXT = {"function_calling": 0.03, "summarisation": 0.03, "code_completion": 0.03, "text_safety": 0.01}


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. Units: `context_tokens` bounds a batch and so every row, `max_audio_tokens` a clip (80 ms a token).

    `corpora` are names of `corpusmill list` with their mixture weights; packed ones count as what they were packed from.
    `adapters` says for each mode that the stage takes which LoRA its batches pass: the router's, none where the adapter does not exist
    yet, and `vision` for text in stages where nothing else of the decoder is trained.
    `learning_rate` is for the released width (see `learning_rate_for`).
    """

    name: str
    title: str
    trains: tuple[str, ...]
    freezes: tuple[str, ...]
    corpora: Mapping[str, float]
    adapters: Mapping[Mode, str | None]
    context_tokens: int
    learning_rate: float
    steps: int
    chosen: tuple[str, ...]  # fields, or facts, that are not published
    max_crops: int = 0
    max_audio_tokens: int = 0
    loss: Literal["cross_entropy", "dpo"] = "cross_entropy"
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup_steps: int = 50
    weight_decay: float = 0.01
    copies_audio_projector: bool = False  # the vision one starts as the speech one where it was never trained
    notes: str = field(default="")

    def __post_init__(self) -> None:
        unknown = [part for part in (*self.trains, *self.freezes) if part not in PARTS]
        both = sorted(set(self.trains) & set(self.freezes))
        neither = sorted(set(PARTS) - set(self.trains) - set(self.freezes))
        if unknown or both or neither or not self.trains:
            raise ValueError(
                f"stage {self.name}: every part of the model is trained or frozen; unknown {unknown}, both {both}, neither {neither}"
            )

    @property
    def modes(self) -> tuple[Mode, ...]:
        return tuple(self.adapters)

    @property
    def record_kinds(self) -> tuple[str, ...]:
        """Kinds of rows, as they stand on disk."""
        return ("preference",) if self.loss == "dpo" else ("document", "conversation", "packed")


def _stage(name: str, title: str, trains: tuple[str, ...], **more: object) -> Stage:
    """A stage that freezes all it does not train."""
    return Stage(name, title, trains, tuple(part for part in PARTS if part not in trains), **more)  # type: ignore[arg-type]


_TEXT = {Mode.TEXT: None}
_STAGES = (
    _stage(
        "L1",
        "language pre-training (Phi-4-Mini)",
        ("decoder",),
        corpora={"language_pretrain": 1.0},
        adapters=_TEXT,
        context_tokens=4_096,
        learning_rate=3e-4,
        steps=100_000,
        schedule="cosine",
        warmup_steps=2_000,
        weight_decay=0.1,
        chosen=("context_tokens", "learning_rate", "steps", "schedule", "warmup_steps", "weight_decay"),
        notes="the report fits the peak rate to the tokens as B D^-0.32 without B; a second run with --context 131072 lengthens the context",
    ),
    _stage(
        "L2",
        "language post-training",
        ("decoder",),
        corpora=LANGUAGE_POST,
        adapters=_TEXT,
        context_tokens=8_192,
        learning_rate=2e-5,
        steps=10_000,
        chosen=("corpora", "context_tokens", "learning_rate", "steps"),
        notes="its supervised part; preferences (dpo, text_safety with chosen and rejected) are trained by R3's loss",
    ),
    _stage(
        "V1",
        "vision: projector alignment",
        ("vision_projector",),
        corpora={"image_text": 1.0},
        adapters={Mode.VISION: None},
        context_tokens=8_192,
        learning_rate=1e-3,
        steps=5_000,
        max_crops=16,
        chosen=("context_tokens", "learning_rate", "steps"),
    ),
    _stage(
        "V2",
        "vision: joint training of encoder and projector",
        ("vision_projector", "vision_encoder"),
        corpora={"image_text": 0.4, "grounding": 0.15, "ocr_pdf": 0.2, "realistic_image": 0.1, "chart": 0.15},
        adapters={Mode.VISION: None},
        context_tokens=8_192,
        learning_rate=4e-5,
        steps=100_000,
        max_crops=16,
        chosen=("corpora", "context_tokens", "learning_rate", "steps"),
    ),
    _stage(
        "V3",
        "vision: generative vision-language training on single frames",
        ("lora_vision", "vision_encoder", "vision_projector"),
        corpora={**SINGLE_FRAME, **SOME_TEXT},
        adapters={Mode.VISION: "vision", Mode.TEXT: "vision"},
        context_tokens=16_384,
        learning_rate=4e-5,
        steps=50_000,
        max_crops=36,
        chosen=("corpora", "context_tokens", "learning_rate", "steps", "text passes LoRA_V"),
        notes="the vision data of the report include text: the base decoder is frozen, so that text trains through LoRA_V or not at all",
    ),
    _stage(
        "V4",
        "vision: several images and video",
        ("lora_vision", "vision_projector"),
        corpora={"vision_sft.multi_image": 0.3, "vision_sft.video": 0.4, "multi_frame": 0.3},
        adapters={Mode.VISION: "vision"},
        context_tokens=65_536,
        learning_rate=2e-5,
        steps=10_000,
        max_crops=36,
        chosen=("corpora", "learning_rate", "steps", "max_crops of a frame"),
        notes="the report freezes the encoder explicitly; that the projector goes on learning is inferred",
    ),
    _stage(
        "A1",
        "speech pre-training",
        ("audio_encoder", "audio_projector_speech"),
        corpora={"speech_pretrain": 1.0},
        adapters={Mode.SPEECH: None},
        context_tokens=4_096,
        learning_rate=4e-5,
        steps=50_000,
        max_audio_tokens=375,
        chosen=("context_tokens", "max_audio_tokens"),
        notes="the report starts the encoder from the encoder of a speech recogniser",
    ),
    _stage(
        "A2",
        "speech post-training",
        ("lora_speech", "audio_projector_speech"),
        corpora={
            "asr": 0.28,
            "ast": 0.28,
            "sqa": 0.1,
            "sqqa": 0.16,
            "ssum": 0.01,
            "audio_understanding": 0.17,
            "audio_safety": 0.01,
        },
        adapters={Mode.SPEECH: "speech"},
        context_tokens=32_768,
        learning_rate=1e-4,
        steps=50_000,
        max_audio_tokens=22_500,
        chosen=("context_tokens", "sqa against sqqa, of 0.26 in all", "audio_safety"),
        notes="clips up to 30 minutes (22,500 tokens) in ssum, up to 30 s (375) elsewhere",
    ),
    _stage(
        "VS",
        "vision and speech together",
        ("lora_vision", "vision_encoder", "vision_projector"),
        corpora={"vision_speech": 0.7, **{name: weight * 0.2 for name, weight in SINGLE_FRAME.items()}, **SOME_TEXT},
        adapters={Mode.VISION_SPEECH: "vision", Mode.VISION: "vision", Mode.TEXT: "vision"},
        context_tokens=16_384,
        learning_rate=2e-5,
        steps=10_000,
        max_crops=36,
        max_audio_tokens=375,
        copies_audio_projector=True,
        chosen=("corpora", "context_tokens", "learning_rate", "steps", "text passes LoRA_V", "copies_audio_projector"),
        notes="the report has one audio projector, frozen here; the released weights have two, so that the one for images starts as a copy",
    ),
    _stage(
        "R1",
        "reasoning: distillation on chains of thought (a model of its own)",
        ("decoder",),
        corpora={"cot_pretrain": 1.0},
        adapters=_TEXT,
        context_tokens=8_192,
        learning_rate=1e-4,
        steps=20_000,
        schedule="cosine",
        chosen=("context_tokens", "learning_rate", "steps", "schedule"),
    ),
    _stage(
        "R2",
        "reasoning: fine-tuning on curated chains of thought",
        ("decoder",),
        corpora={"cot_sft": 1.0},
        adapters=_TEXT,
        context_tokens=8_192,
        learning_rate=2e-5,
        steps=5_000,
        chosen=("context_tokens", "learning_rate", "steps"),
    ),
    _stage(
        "R3",
        "reasoning: preferences among roll-outs",
        ("decoder",),
        corpora={"dpo": 1.0, "text_safety": 1.0},
        adapters=_TEXT,
        context_tokens=16_384,
        learning_rate=5e-7,
        steps=2_000,
        loss="dpo",
        weight_decay=0.0,
        chosen=("context_tokens", "learning_rate", "steps", "weight_decay", "text_safety"),
    ),
)
STAGES: dict[str, Stage] = {stage.name: stage for stage in _STAGES}


def stage_named(name: str) -> Stage:
    """A stage by its name.

    Raises:
        KeyError: no such stage; the message lists them.
    """
    if name not in STAGES:
        raise KeyError(f"there is no stage {name!r}; stages are {', '.join(STAGES)}")
    return STAGES[name]


def learning_rate_for(stage: Stage, width: int) -> float:
    """The stage's rate for a model of another width: Adam's rate goes with one over the width.

    Source: Yang et al. 2022, "Tensor Programs V" (https://arxiv.org/abs/2203.03466), table 3, for hidden matrices; taken for all parameters.
    """
    return stage.learning_rate * RELEASED_WIDTH / width


def reaches_nothing(name: str, vision: VisionConfig) -> bool:
    """Whether a parameter influences no output, so that no stage can train it: what follows the tower's last layer but one."""
    tower = "model.embed_tokens_extend.image_embed.img_processor."
    return name.startswith((f"{tower}encoder.layers.{vision.num_layers - 1}.", f"{tower}post_layernorm.", f"{tower}head."))


# ---- what a stage takes


class StageError(ValueError):
    """A corpus that a stage does not take; the message says what it takes."""


def unpacked_name(rows: CorpusRows) -> str:
    """The corpus's name, without the length that `corpusmill pack` adds."""
    return re.sub(r"-\d+$", "", rows.name) if rows.kind == "packed" else rows.name


def check_corpus(stage: Stage, rows: CorpusRows) -> None:
    """Refuses a corpus that the stage does not take: one that feeds other stages, or whose kind, media or sizes are not the stage's.

    A corpus of a name that no stage knows (`packed` among them) passes if its rows fit.

    Raises:
        StageError: with what the stage takes.
        PlanError: a corpus without token counts.
    """
    name = unpacked_name(rows)
    feeds = [other.name for other in STAGES.values() if name in other.corpora]
    if feeds and name not in stage.corpora:
        raise StageError(
            f"stage {stage.name} takes {', '.join(stage.corpora)}; {rows.path} is the corpus {rows.name}, which feeds {', '.join(feeds)}"
        )
    if rows.kind not in stage.record_kinds:
        raise StageError(
            f"stage {stage.name} takes rows of kind {', '.join(stage.record_kinds)} (its loss is {stage.loss}); {rows.path} has {rows.kind}"
        )
    modes = Costs.of(rows).modes
    for mode in sorted({Mode(int(mode)) for mode in np.unique(modes)} - set(stage.modes)):
        row = int(np.flatnonzero(modes == mode)[0])
        takes = ", ".join(known.name for known in stage.modes)
        raise StageError(f"stage {stage.name} takes rows of mode {takes}; row {rows[row].key} of {rows.path} has mode {mode.name}")
    _check_media(stage, rows, "image_info", "crops", stage.max_crops)
    _check_media(stage, rows, "audio_info", "audio tokens", stage.max_audio_tokens)


def _check_media(stage: Stage, rows: CorpusRows, column: str, what: str, most: int) -> None:
    """Each image has at most so many crops, each clip so many tokens; the media themselves are not read."""
    if column not in rows.schema.names:
        return
    for batch in rows.batches():
        infos = batch.column(column)
        media = infos.flatten()
        if column == "image_info":
            sizes = media.field("grid_columns").to_numpy() * media.field("grid_rows").to_numpy()
        else:
            sizes = media.field("num_tokens").to_numpy()
        if len(sizes) and sizes.max() > most:
            row = int(np.searchsorted(np.asarray(infos.offsets)[1:] - infos.offsets[0].as_py(), int(sizes.argmax()), side="right"))
            raise StageError(
                f"stage {stage.name} takes at most {most} {what} a medium; row {batch.column('key')[row].as_py()} of {rows.path} has "
                f"{sizes.max()}. Rebuild the corpus with that bound"
            )


def default_weight(stage: Stage, rows: CorpusRows) -> float:
    """The stage's weight of a corpus; 1 for one of its own names."""
    return stage.corpora.get(unpacked_name(rows), 1.0)
