"""The step that writes the text a row lacks, by the writer's name in the recipe."""

from __future__ import annotations

from typing import Any

from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import PlanError
from pipelines.step import Step, ask, each, expand
from processors.tasks.writing import GIVEN, OPENAI, TEMPLATES, TakeGiven, WriteByModel, Writing
from processors.text.synthesis import PlanSynthesis, SynthesisWriting

NUM_ROWS = 64  # of a call; several calls are under way at once, and the rows of each are held in memory


def write_steps(
    writer: str, templates: Any = None, writing: Writing | None = None, endpoint: Endpoint = Endpoint(), num_rows: int = NUM_ROWS
) -> tuple[Step, ...]:
    """Rows with their text in columns: as given, written by the `templates` processor of the corpus, or by a served model as `writing` asks it.

    `num_rows` are given to the model in one call: fewer where rows are large.

    Raises: PlanError for a writer that this corpus does not have, and for an endpoint that is not told.
    """
    if writer == GIVEN:
        return (each(TakeGiven(), "write"),)
    if writer == TEMPLATES and templates is not None:
        return (each(templates, "write"),)
    if writer == OPENAI and writing is not None:
        return (ask_model(writing, endpoint, num_rows=num_rows),)
    known = [GIVEN, *([TEMPLATES] if templates is not None else []), *([OPENAI] if writing is not None else [])]
    raise PlanError(f"writer is {writer!r}, expected {' or '.join(known)}")


def ask_model(writing: Writing, endpoint: Endpoint, name: str = "write", num_rows: int = NUM_ROWS) -> Step:
    """Asks the endpoint's model; one actor keeps every request under way, so that rate and budget are one."""
    engine = endpoint.engine()
    return ask(WriteByModel(engine, writing), num_rows, name, pool=getattr(engine, "replicas", 1))


def synthesis_steps(
    recipes: tuple[str, ...],
    endpoint: Endpoint = Endpoint(),
    *,
    seed: int = 0,
    variants: int = 1,
    max_passages: int = 2,
    max_seed_chars: int = 6_000,
) -> tuple[Step, ...]:
    """Seed rows in (text, or a topic), rows whose text a served model wrote out, the seed row their parent; no recipe, no step.

    Raises: PlanError for a recipe that there is not, and for an endpoint that is not told.
    """
    if not recipes:
        return ()
    try:
        plan = PlanSynthesis(recipes, seed, variants, max_passages, max_seed_chars)
    except ValueError as error:
        raise PlanError(f"synthesis: {error}") from error
    return (expand(plan, "plan_synthesis"), ask_model(SynthesisWriting(), endpoint, "synthesise"))
