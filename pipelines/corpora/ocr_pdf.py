"""`ocr_pdf`: pages of PDF files with their text in reading order, for vision pre-training (stages V1 and V2).

Source: arXiv 2503.01743, section on vision pre-training data: "synthetic data from OCR of PDF files"; images of up to 1344 x 1344 px,
at most 16 crops; loss on text tokens alone. User: `<image>` + prompt; assistant: the text of the page.
"""

from __future__ import annotations

from typing import Any

from pipelines.image_groups import Pretraining
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import Step, ask, each, expand
from processors.page.recognise import RecognisePage
from processors.page.steps import PageTask, PdfPages, ReadPage
from processors.page.tesseract import Tesseract
from processors.vision.check import CheckAnswers


def ocr_pdf(
    source: Any,
    *,
    max_pages: int = 10_000,  # manuals reach five thousand
    layout: str = "paragraphs",  # or lines, as printed
    keep_furniture: bool = False,  # running heads, feet and page numbers are no part of the text
    max_unknown: float = 0.02,  # of the characters may be signs that the file does not name; they are left out of the text
    ocr_layer: str = "refuse",  # text that a recogniser laid over a scan is of unknown quality; keep takes it as it is
    ocr: str = "",  # tesseract reads pages that have no text of their own; without, they are refused
    ocr_languages: tuple[str, ...] = ("eng",),  # Tesseract's names of its models
    min_confidence: float = 0.6,  # of the engine: clean scans reach 0.9, what cannot be read stays below 0.5
    questions: bool = False,  # also page number, title and text below a heading, where they are certain
    pictures: Pretraining = Pretraining(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """PDF files -> a page each as picture and text."""
    if ocr not in ("", "tesseract"):
        raise ValueError(f"ocr is {ocr!r}, expected tesseract, or nothing")
    recognise: tuple[Step, ...] = (ask(RecognisePage(Tesseract(ocr_languages), min_confidence), 1, "recognise"),) if ocr else ()
    recipe = Recipe(
        name="ocr_pdf",
        title="Pages of PDF files: the page as shown, its text in reading order as target",
        source=source,
        steps=(
            expand(PdfPages(max_pages)),
            each(
                ReadPage(pictures.max_side_px, keep_furniture, max_unknown, bool(ocr), ocr_layer)
            ),  # drawn at its size at once, never resized twice
            *recognise,
            each(PageTask(seed, layout, questions)),
            each(CheckAnswers()),
            *pictures.decode(),
            *pictures.finish(),
        ),
        seed=seed,
        notes="Formulae are given as the characters that are printed, line by line; pictures are not described.",
    )
    return only(recipe)
