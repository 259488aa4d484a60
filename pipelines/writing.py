"""The step that writes the text a row lacks, by the writer's name in the recipe."""

from __future__ import annotations

from typing import Any

from pipelines.recipe import PlanError
from pipelines.step import Step, each
from processors.tasks.writing import GIVEN, OPENAI, TEMPLATES, TakeGiven


def write_steps(writer: str, templates: Any = None) -> tuple[Step, ...]:
    """Rows with their text in columns: as given, or written by the `templates` processor of the corpus.

    Raises: PlanError for a writer that this corpus does not have.
    """
    if writer == GIVEN:
        return (each(TakeGiven(), "write"),)
    if writer == TEMPLATES and templates is not None:
        return (each(templates, "write"),)
    known = f"{GIVEN} or {TEMPLATES}" if templates is not None else GIVEN
    if writer == OPENAI:
        raise PlanError(f"writer is {writer!r}: no client of language model endpoints is built in yet; expected {known}")
    raise PlanError(f"writer is {writer!r}, expected {known}")
