"""`sqqa`: spoken queries with their answers, and no text prompt (stage A2).

Source: arXiv 2503.01743, section on speech post-training data: (a) queries of text fine-tuning data spoken by TTS, the answer
is that of the text data; (b) real speech as the query, the answer written for its transcript. The prompt is null.
"""

from __future__ import annotations

from typing import Any

from pipelines.audio_groups import Features, Privacy
from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import PlanError, Recipe
from pipelines.spoken import Hearing, Speaking, spoken_queries
from pipelines.stage import Stage, only
from pipelines.step import Step, each
from pipelines.writing import write_steps
from processors.audio.quality import KeepAudio, MeasureAudio
from processors.audio.steps import DecodeAudio, KeepDuration
from processors.messages import MessagesTask
from processors.tasks.question import ResponseWriting, SpokenQueryTask
from processors.tasks.writing import GIVEN
from schemas.records import Row


def sqqa(
    source: Any,
    *,
    form: str = "spoken",  # spoken: text queries are spoken by TTS; real: the rows' own audio is the query
    writer: str = GIVEN,  # given: responses of the rows; openai: a served model answers what real speech says
    endpoint: Endpoint = Endpoint(),
    language: str = "en",  # of queries whose source states none
    speaking: Speaking = Speaking(),
    hearing: Hearing = Hearing(),
    max_error_rate: float | None = None,  # 0.75 for PocketSphinx, beside the fit of the words; 0.25 for others
    min_s: float = 0.3,
    max_s: float = 30.0,
    privacy: Privacy = Privacy(),  # of real speech
    features: Features = Features(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Text conversations, or speech with responses -> spoken query, null prompt, the answer unchanged."""
    query: tuple[Step, ...]
    if writer != GIVEN and form != "real":
        raise PlanError(f"sqqa writer is {writer!r} and form {form!r}; a model answers real speech alone")
    if form == "real":
        write = write_steps(writer, writing=ResponseWriting(), endpoint=endpoint)
        query = (*write, each(SpokenQueryTask()), *privacy.steps(), each(DecodeAudio()), each(MeasureAudio()), each(KeepAudio()))
    elif form == "spoken":
        task = (each(MessagesTask()),) if getattr(source, "gives", Row) is Row else ()
        query = (*task, *spoken_queries(speaking, hearing, language, max_error_rate, seed))
    else:
        raise ValueError(f"sqqa form is {form!r}, expected spoken or real")
    recipe = Recipe(
        name="sqqa",
        title="Spoken queries and their answers, without a text prompt",
        source=source,
        steps=(*query, each(KeepDuration(min_s, max_s)), *features.steps()),
        seed=seed,
        mel_dtype=features.mel_dtype,
        notes="Answers are those of the text data, or written for the transcript; they are not rewritten for speech.",
    )
    return only(recipe)
