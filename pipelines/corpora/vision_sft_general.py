"""`vision_sft.general`: instruction data over natural images, for vision fine-tuning (stages V3 and V4).

Source: arXiv 2503.01743, section on vision fine-tuning data: text, public and in-house multimodal instruction sets; at most 36
crops. Forms are those of the sets that users have: LLaVA and ShareGPT conversations, OpenAI messages, question and answer.
"""

from __future__ import annotations

from typing import Any

from pipelines.endpoint_groups import Endpoint
from pipelines.image_groups import FineTuning
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import Step, each, expand
from pipelines.writing import write_steps
from processors.messages import MessagesTask, PairsTask
from processors.vision.answers import AnswerWriting, CheckGivenAnswers


def general(
    source: Any,
    *,
    rows: str = "messages",  # messages: a conversation a row; pairs: one conversation for each question-answer pair of a row
    writer: str = "given",  # given: the answers of the rows; openai: a served model answers; rows that are answered are refused
    endpoint: Endpoint = Endpoint(),
    require_image: bool = False,  # text-only rows belong to the mixture; refuse them to get pictures alone
    images: FineTuning = FineTuning(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Conversations about images, their answers checked."""
    if rows not in ("messages", "pairs"):
        raise ValueError(f"general rows is {rows!r}, expected messages or pairs")
    task: Step = each(MessagesTask()) if rows == "messages" else expand(PairsTask())
    recipe = Recipe(
        name="vision_sft.general",
        title="Conversations about images, as given or written by a model",
        source=source,
        steps=(
            *write_steps(writer, writing=AnswerWriting(), endpoint=endpoint),
            task,
            each(CheckGivenAnswers(require_image)),
            *images.decode(),
            *images.finish(),
        ),
        seed=seed,
        notes="Whether an answer is true of its picture is not checked; answers by a model that saw none are told by their wording.",
    )
    return only(recipe)
