"""`ssum`: summaries of long conversations of several speakers (stage A2).

Source: arXiv 2503.01743, section on speech post-training data: conversations uncut up to 30 minutes (22,500 audio tokens),
English, several queries a recording with different focus, length and format, and their summaries.
"""

from __future__ import annotations

from typing import Any

from pipelines.audio_groups import Features
from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import Recipe
from pipelines.spoken import Speaking
from pipelines.stage import Stage, only
from pipelines.step import Step, ask, each, expand
from pipelines.writing import write_steps
from processors.audio.steps import DecodeAudio, KeepDuration
from processors.dialogue import StateLanguage
from processors.speech.assemble import SpeakDialogue
from processors.tasks.summary import KeepSummary, MeetingTask, RecordingTask, SummaryStyle, SummaryWriting


def ssum(
    source: Any,
    *,
    writer: str = "given",  # given: queries and summaries of the rows; openai: a served model writes them; rules cannot
    endpoint: Endpoint = Endpoint(),
    num_queries: int = 4,  # that the model writes for a conversation
    form: str = "spoken",  # spoken: written meetings are spoken, a voice a speaker; recorded: the rows have audio
    speaking: Speaking = Speaking(),
    target_s: float = 600.0,  # turns around those that the query needs are added up to about here
    style: str = "templates",  # templates: adds length and format instructions that the summary keeps; given: queries as they are
    min_support_ratio: float = 0.5,
    min_s: float = 5.0,
    max_s: float = 1_800.0,  # 30 minutes, uncut
    features: Features = Features(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Meetings, written or recorded, with queries and summaries -> one conversation a query."""
    if form not in ("spoken", "recorded"):
        raise ValueError(f"ssum form is {form!r}, expected spoken or recorded")
    task: tuple[Step, ...] = (expand(MeetingTask(target_s, seed)),) if form == "spoken" else (expand(RecordingTask()),)
    styled: tuple[Step, ...] = (each(SummaryStyle(seed)),) if style == "templates" else ()
    sound: tuple[Step, ...] = (each(DecodeAudio()),)
    if form == "spoken":
        sound = (ask(SpeakDialogue(speaking.pool(), max_s, seed), 1, "speak"), *sound)
    recipe = Recipe(
        name="ssum",
        title="Long conversations of several speakers with queries and their summaries",
        source=source,
        steps=(
            *write_steps(writer, writing=SummaryWriting(num_queries), endpoint=endpoint),
            *task,
            each(StateLanguage()),
            *styled,
            each(KeepSummary(min_support_ratio)),
            *sound,
            each(KeepDuration(min_s, max_s)),
            *features.steps(),
        ),
        seed=seed,
        mel_dtype=features.mel_dtype,
        notes="Spoken meetings have no overlapping speech. Support is a check of numbers and names, not of meaning.",
    )
    return only(recipe)
