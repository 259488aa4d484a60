"""`vision_speech`: images with a spoken query (stage VS).

Source: arXiv 2503.01743, section on vision-speech data: vision fine-tuning records whose text query is spoken, transcribed
again and kept by word error rate; the answer is unchanged. User: `<image_1>`...`<audio_1>`, null prompt.
"""

from __future__ import annotations

from typing import Any

from pipelines.audio_groups import Features
from pipelines.recipe import Recipe
from pipelines.spoken import Hearing, Speaking, spoken_queries
from pipelines.stage import Stage, only
from pipelines.step import Step, each, expand
from processors.audio.steps import KeepDuration
from processors.image.encode import EncodeCanvas
from processors.image.steps import DecodeImage, KeepImageSize, MakeCanvas
from processors.messages import MessagesTask, PairsTask
from schemas.records import Row


def vision_speech(
    source: Any,
    *,
    rows: str = "messages",  # messages: a conversation a row; pairs: one conversation for each question-answer pair of a row
    language: str = "en",  # of queries whose source states none
    speaking: Speaking = Speaking(),
    hearing: Hearing = Hearing(),
    max_error_rate: float | None = None,  # 0.75 for PocketSphinx, beside the fit of the words; 0.25 for others
    min_s: float = 0.3,
    max_s: float = 30.0,
    min_side_px: int = 1,
    max_crops: int = 36,  # the report's maximum in fine-tuning
    features: Features = Features(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Conversations with images -> the query spoken and heard again, the answer unchanged."""
    if rows not in ("messages", "pairs"):
        raise ValueError(f"vision_speech rows is {rows!r}, expected messages or pairs")
    task: tuple[Step, ...] = ()
    canvas: tuple[Step, ...] = ()
    if getattr(source, "gives", Row) is Row:  # a corpus has its canvases already
        task = (each(MessagesTask()),) if rows == "messages" else (expand(PairsTask()),)
        canvas = (each(DecodeImage()), each(KeepImageSize(min_side_px)), each(MakeCanvas(max_crops)), each(EncodeCanvas()))
    recipe = Recipe(
        name="vision_speech",
        title="Images with a spoken query, heard again and kept by word error rate",
        source=source,
        steps=(
            *task,
            *spoken_queries(speaking, hearing, language, max_error_rate, seed),
            each(KeepDuration(min_s, max_s)),
            *canvas,
            *features.steps(),
        ),
        seed=seed,
        mel_dtype=features.mel_dtype,
        notes="The gate compares words, not tone: a query read with the wrong stress passes.",
    )
    return only(recipe)
