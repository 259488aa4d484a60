"""`image_text`: images with captions, for vision pre-training (stages V1 and V2).

Source: arXiv 2503.01743, section on vision pre-training data: images of up to 1344 x 1344 px, at most 16 crops;
loss on text tokens alone. User: `<image>` + prompt; assistant: the caption.
"""

from __future__ import annotations

from typing import Any

from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import each
from processors.contract import Contract
from processors.dialogue import CAPTION_PROMPT, CaptionTask
from processors.image.encode import EncodeCanvas
from processors.image.steps import CapSide, DecodeImage, KeepImageSize, MakeCanvas


def image_text(
    source: Any,
    *,
    prompt: str = CAPTION_PROMPT,
    min_side_px: int = 1,  # the model takes any size; raise it to drop icons
    max_side_px: int = 1344,  # the report's cap during vision pre-training
    max_crops: int = 16,  # the report's maximum in pre-training; 36 in SFT
    max_tokens: int = 131_072,
    keep_source: bool = False,
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Images and captions -> multi-crop canvases with the caption as target."""
    recipe = Recipe(
        name="image_text",
        title="Images with captions: a multi-crop canvas, a short prompt, the caption as target",
        source=source,
        steps=(
            each(CaptionTask(seed, prompt)),
            each(DecodeImage(keep_source=keep_source)),
            each(KeepImageSize(min_side_px)),
            each(CapSide(max_side_px)),
            each(MakeCanvas(max_crops)),
            each(EncodeCanvas()),
            each(Contract(max_tokens)),
        ),
        seed=seed,
        notes="Captions are taken as given: their quality and language are not measured.",
    )
    return only(recipe)
