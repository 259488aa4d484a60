"""`vision_sft.slides`: slides of PowerPoint decks with questions about them, for vision fine-tuning.

Source: arXiv 2503.01743, section on vision fine-tuning data: "PowerPoint" beside charts, tables and diagrams; images of at most
36 crops; loss on text tokens alone. User: `<image>` + question; assistant: the answer. What the slides hold (titles, lists, tables,
the data of charts, notes) is read from the file; which of it can be read off the picture is measured on the drawing. Every answer but
the notes is computed from that, and computed again before it is written.
"""

from __future__ import annotations

from typing import Any

from pipelines.image_groups import FineTuning
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import Step, ask, each, expand
from processors.deck.office import AUTO, OWN, RenderDeck, choose_renderer
from processors.deck.task import OpenDeck, SlidesTask
from processors.vision.check import CheckAnswers


def slides(
    source: Any,
    *,
    renderer: str = AUTO,  # auto: LibreOffice where it is installed, else own; the recipe pins which, with its version
    side_px: int = 1_344,  # three crops: small print of an ordinary slide is some 14 px high
    max_questions: int = 6,  # a slide answers about ten; those of different kinds are taken first
    max_deck_slides: int = 8,  # in one conversation about a deck's order; 0: none
    hidden: bool = False,  # slides that are hidden when the deck is shown
    notes: bool = True,  # speaker notes as a target, given by the deck
    image: FineTuning = FineTuning(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Decks (.pptx) -> each slide as a picture with questions, and runs of slides with questions about their order."""
    chosen = choose_renderer(renderer)
    render: tuple[Step, ...] = () if chosen == OWN else (ask(RenderDeck(chosen), size=1),)
    recipe = Recipe(
        name="vision_sft.slides",
        title="Slides with questions computed from what they show, their text as Markdown, and speaker notes",
        source=source,
        steps=(
            *render,
            expand(OpenDeck(max_deck_slides, hidden)),
            each(SlidesTask(chosen, side_px, max_questions, hidden, notes, seed)),
            each(CheckAnswers()),
            *image.decode(),
            *image.finish(),
        ),
        seed=seed,
        notes="The own renderer draws no effects, no vector pictures of Windows (EMF, WMF) and no three-dimensional charts as such; "
        "speaker notes are taken as given.",
    )
    return only(recipe)
