"""`function_calling`: calls of tools (stage L2).

Source: arXiv 2503.01743, section on language post-training data (function calling is named, sizes are not); the model card of
Phi-4-mini for the form of the tools; the template leaves calls and results open (decision 0014).
"""

from __future__ import annotations

from typing import Any

from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import each, expand
from processors.contract import Contract
from processors.tools.calls import CheckCalls
from processors.tools.schema import FORMS
from processors.tools.task import CheckExecuted, ToolsTask


def function_calling(
    source: Any,
    *,
    tools_form: str = "flat",  # flat: the model card's {argument: {description, type, default}}; schema: JSON Schema
    max_tokens: int = 131_072,
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Chat messages with tools, BFCL questions with accepted calls, seeds of made conversations -> checked conversations."""
    if tools_form not in FORMS:
        raise ValueError(f"function_calling tools_form is {tools_form!r}, expected one of {', '.join(FORMS)}")
    recipe = Recipe(
        name="function_calling",
        title="Conversations with tools: calls checked against their schemas, made ones executed",
        source=source,
        steps=(
            expand(ToolsTask(seed)),
            each(CheckCalls(tools_form)),
            each(CheckExecuted()),
            each(Contract(max_tokens)),
        ),
        seed=seed,
        notes="Whether a given call serves the request is not checked, nor what given tools answered.",
    )
    return only(recipe)
