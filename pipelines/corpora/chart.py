"""`chart`: pictures of charts with questions whose answers are computed from their data, for vision pre-training (stages V1 and V2).

Source: arXiv 2503.01743, section on vision pre-training data: synthetic data for chart comprehension among it; images of up to
1344 x 1344 px, at most 16 crops; loss on text tokens alone. How the charts are made is not published: tables are drawn here in many kinds and styles, Vega-Lite
specifications by Vega itself, and each answer is executed from the table that is drawn. User: `<image>` + question; assistant: the answer.
"""

from __future__ import annotations

from typing import Any

from pipelines.image_groups import Pretraining
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import each
from processors.chart.model import KINDS
from processors.chart.task import QUESTIONS, ChartTask
from processors.vision.check import CheckAnswers


def chart(
    source: Any,
    *,
    kinds: tuple[str, ...] = KINDS,  # kinds that may be drawn; a row that states its own kind is drawn so, or refused
    target: str = QUESTIONS,  # questions, table (the data as Markdown or CSV), or both
    max_questions: int = 6,  # turns about one chart: enough to pay for its image tokens, few enough to stay various
    images: Pretraining = Pretraining(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Tables, records, CSV files and Vega-Lite specifications -> charts with computed questions and answers."""
    recipe = Recipe(
        name="chart",
        title="Charts of many kinds and styles, with questions whose answers are computed from the data drawn",
        source=source,
        steps=(each(ChartTask(seed, target, max_questions, tuple(kinds))), each(CheckAnswers()), *images.decode(), *images.finish()),
        seed=seed,
        notes="Pictures that come with their questions are kept as given; an answer is checked where the table is given and the question plain.",
    )
    return only(recipe)
