"""`realistic_image`: text as it is met in the world, for vision pre-training (stages V1 and V2).

Source: arXiv 2503.01743, section on vision pre-training data: synthetic OCR of realistic images; images of up to 1344 x 1344 px,
at most 16 crops, loss on text tokens alone. Quads and key fields are those of scene-text sets and receipts (SROIE, ICDAR 2019);
boxes in text are `[x0, y0, x1, y1]` in thousandths of width and height, which no resize changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.image_groups import Pretraining
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import Step, each
from processors.vision.check import CheckAnswers
from processors.vision.ocr_task import AS_JSON, AT_BOX, BOX_OF, FULL_TEXT, LinesTask, RenderTextTask

MAX_TEXTS_BYTES = 1 << 20  # the texts are part of the recipe's fingerprint


def realistic_image(
    source: Any,
    *,
    form: str = "given",  # given: pictures with their lines of text; rendered: photos over which texts are drawn
    targets: tuple[str, ...] = (FULL_TEXT, AS_JSON, AT_BOX, BOX_OF),
    max_questions: int = 4,  # a picture costs about a thousand tokens, a question fifty: several share it
    require_support: bool = False,  # refuse rows of which a key field does not stand in the lines; else it is told as a fact
    texts: Path | None = None,  # rendered: a file of texts, one a line; else each row's own texts or captions
    max_texts: int = 4,  # rendered: more fit on no ordinary photo at a size that can be read
    degrade: float = 1.0,  # rendered: blur, noise and JPEG of a hasty phone picture; 0 for none
    images: Pretraining = Pretraining(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Pictures with text -> the full text, the key fields, the text at a box, the box of a text."""
    if form not in ("given", "rendered"):
        raise ValueError(f"realistic_image form is {form!r}, expected given or rendered")
    task: Step = each(LinesTask(targets, max_questions, require_support, seed))
    if form == "rendered":
        drawn = tuple(name for name in targets if name != AS_JSON)  # a photo has no key fields
        task = each(RenderTextTask(read_texts(texts), max_texts, images.max_side_px, degrade, drawn, max_questions, seed))
    recipe = Recipe(
        name="realistic_image",
        title="Pictures with text in them: what it says, its key fields, and where it stands",
        source=source,
        steps=(task, *images.decode(), each(CheckAnswers()), *images.finish()),
        seed=seed,
        notes="Given lines are taken as they are: text that an annotator left out is not known to be there. A photo may have text of its own below what is drawn over it.",
    )
    return only(recipe)


def read_texts(place: Path | None) -> tuple[str, ...]:
    """The lines of a file of texts; none without a file. Raises: OSError, ValueError for a file that is too large, empty, or no UTF-8."""
    if place is None:
        return ()
    data = place.read_bytes()
    found = tuple(line.strip() for line in data.decode("utf-8-sig").splitlines() if line.strip())
    if len(data) > MAX_TEXTS_BYTES or not found:
        raise ValueError(
            f"{place} has {len(data)} bytes and {len(found)} texts, expected one text or more in at most {MAX_TEXTS_BYTES} bytes"
        )
    return found
