"""`vision_sft.chart_table_diagram`: questions about charts, tables and diagrams, for vision fine-tuning (stages V3 and V4).

Source: arXiv 2503.01743, section on vision fine-tuning data (chart, table and diagram understanding); at most 36 crops. The pictures
are drawn from data, so that every answer is computed, and computed again before it is written.
"""

from __future__ import annotations

from typing import Any

from pipelines.image_groups import FineTuning
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import each, expand
from processors.chart.task import ChartTask
from processors.grid.figure import FigureTask
from processors.grid.task import DiagramTask, SplitTables, TableTask
from processors.vision.check import CheckAnswers


def chart_table_diagram(
    source: Any,
    *,
    target: str = "both",  # questions; table (the whole chart, table or diagram as text); both
    max_questions: int = 4,  # beside the whole as text, whose tokens outnumber theirs
    max_rows: int = 40,  # of a table in one picture: 40 rows of 25 px are 1,000 px; a longer table is shown in several
    max_width_px: int = 1792,  # of a table: four crops, so that twelve columns keep letters of 11 px
    max_height_px: int = 2240,  # of a table, and both sides of a diagram: five crops
    images: FineTuning = FineTuning(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Data, specifications, HTML and CSV tables, graphs and Mermaid text -> pictures with computed questions and answers."""
    figures = FigureTask(
        ChartTask(seed, target, max_questions),
        TableTask(seed, target, max_questions, max_width_px, max_height_px),
        DiagramTask(seed, target, max_questions, max_height_px),
    )
    recipe = Recipe(
        name="vision_sft.chart_table_diagram",
        title="Questions about charts, tables and diagrams, and the whole of them as text",
        source=source,
        steps=(expand(SplitTables(max_rows)), each(figures), *images.decode(), each(CheckAnswers()), *images.finish()),
        seed=seed,
        notes=(
            "Pictures are drawn here and are clean: no scans, no photos. A page's first row is taken as the header where none is marked"
            " and it reads like one. Where nodes of a diagram stand depends on the version of Graphviz, which is part of the fingerprint."
        ),
    )
    return only(recipe)
