"""`image_text`: images with captions, and documents of text with images, for vision pre-training (stages V1 and V2).

Source: arXiv 2503.01743, section on vision pre-training data: interleaved image-text documents and image-text pairs, images of
up to 1344 x 1344 px, at most 16 crops; loss on text tokens alone. Captions: user `<image>` + prompt; assistant: the caption.
Interleaved: one assistant turn of text and images in their order, of which the text is learned.

Two stages, since a copy can lie anywhere: the first measures, the second refuses all but one of what is alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.corpus_source import open_corpus
from pipelines.dedup import drop_listed, drop_repeats, find_duplicates, find_repeats
from pipelines.endpoint_groups import Endpoint
from pipelines.image_groups import Pretraining
from pipelines.near_duplicates import drop_near, find_near_duplicates
from pipelines.recipe import Recipe
from pipelines.stage import Earlier, Stage, only
from pipelines.step import Step, each
from pipelines.writing import write_steps
from processors.dialogue import CAPTION_PROMPT, CaptionTask
from processors.image.phash import PIXEL_DIGEST, HashImages
from processors.image.quality import KeepQuality, MeasureQuality
from processors.tasks.writing import GIVEN
from processors.vision.captions import CAPTION_DIGEST, CaptionRules, CaptionWriting, KeepCaption
from processors.vision.interleaved import PAGE_DIGEST, DecodePageImages, InterleavedTask, KeepPages
from schemas.corpus import Corpus

CAPTIONS, INTERLEAVED = "captions", "interleaved"
NEAR, EXACT, KEEP = "near", "exact", "keep"


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """How good a picture must be. Every default lets all but the unusable pass; what web data need is told beside it."""

    max_aspect_ratio: float = 20.0  # 3 is usual for web pairs (a banner is no picture); receipts and panoramas have more
    min_sharpness: float = 0.0  # photos of COCO have 126 to 5,010; blurred by 2 px 7 to 50, by 4 px 3 to 7
    min_contrast: float = 1.0  # grey levels; a flat picture has less
    min_entropy_bits: float = 0.01  # a drawing of one thin line has 0.025
    max_dark_ratio: float = 1.0  # 0.98 drops night shots in which nothing is to be seen
    max_bright_ratio: float = 1.0  # lower ones drop drawings and documents too
    min_content_ratio: float = 0.0  # of the canvas

    def keep(self) -> KeepQuality:
        return KeepQuality(
            self.max_aspect_ratio,
            self.min_sharpness,
            self.min_contrast,
            self.min_entropy_bits,
            self.max_dark_ratio,
            self.max_bright_ratio,
            self.min_content_ratio,
        )


@dataclass(frozen=True, slots=True)
class PageRules:
    """Which interleaved pages are kept, and which of their images."""

    min_page_image_px: int = 100  # smaller ones are icons and buttons
    max_page_image_aspect: float = 4.0  # more elongated ones are lines and banners
    min_page_images: int = 1
    max_page_images: int = 30  # more make a gallery; at 2,625 tokens or less each, 30 fit the context with their text
    min_page_words: int = 20  # fewer make a caption, not a document

    def steps(self, images: Pretraining, quality: KeepQuality, languages: tuple[str, ...]) -> tuple[Step, ...]:
        decode = DecodePageImages(
            self.min_page_image_px,
            self.max_page_image_aspect,
            quality,
            images.max_crops,
            images.max_side_px,
            keep_source=images.keep_source,
        )
        keep = KeepPages(self.min_page_images, self.max_page_images, self.min_page_words, languages)
        return (each(InterleavedTask()), each(decode), each(keep))


def image_text(
    source: Any,
    *,
    form: str = CAPTIONS,  # captions: an image and its caption a row; interleaved: a page a row
    prompt: str = CAPTION_PROMPT,
    writer: str = GIVEN,  # given: captions of the rows; openai: a served model describes each image
    endpoint: Endpoint = Endpoint(),
    caption_hint: bool = False,  # the model is told the caption that the row has, as something to doubt
    caption_language: str = "English",  # in which the model writes
    captions: CaptionRules = CaptionRules(),
    pages: PageRules = PageRules(),
    images: Pretraining = Pretraining(),
    quality: ImageQuality = ImageQuality(),
    duplicates: str = NEAR,  # near: pictures that look alike; exact: the very same pixels; keep: none is dropped
    max_hash_distance: int = 4,  # bits of 64: recompressed and resized copies of photos differ in 0 to 2, other photos in 24 to 40
    max_same_captions: int = 100,  # a caption that more pictures share is a template's; 0 takes all
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Images and captions, or pages with images -> multi-crop canvases with the text as target."""
    if form not in (CAPTIONS, INTERLEAVED):
        raise ValueError(f"image_text form is {form!r}, expected {CAPTIONS} or {INTERLEAVED}")
    if duplicates not in (NEAR, EXACT, KEEP):
        raise ValueError(f"image_text duplicates is {duplicates!r}, expected {NEAR}, {EXACT} or {KEEP}")
    judge: tuple[Step, ...]
    if form == CAPTIONS:
        writing = CaptionWriting(caption_hint, caption_language)
        task = (
            *write_steps(writer, writing=writing, endpoint=endpoint),
            each(KeepCaption(seed, captions)),
            each(CaptionTask(seed, prompt)),
        )
        judge = (each(MeasureQuality(images.max_crops)), each(quality.keep()), each(HashImages()))
        title = "Images with captions: a multi-crop canvas, a short prompt, the caption as target"
    else:
        task = pages.steps(images, quality.keep(), captions.languages)  # a poor image is left out, and its page stays
        judge = ()
        title = "Documents of text and images in reading order; the text is the target"
    measured = Recipe(
        name="image_text" if duplicates == KEEP else "image_text.measured",
        title=title if duplicates == KEEP else "Images and texts before duplicates are taken out",
        source=source,
        steps=(*task, *images.decode(), *judge, *images.finish()),
        seed=seed,
        notes=NOTES,
    )
    if duplicates == KEEP:
        return only(measured)

    def kept(earlier: Earlier) -> Recipe:
        before = earlier.corpus
        drop = _drop_pages(before) if form == INTERLEAVED else _drop_pictures(before, duplicates, max_hash_distance, max_same_captions)
        return Recipe(name="image_text", title=title, source=open_corpus(before), steps=drop, seed=seed, notes=NOTES)

    return (Stage(measured.name, lambda _: measured), Stage("image_text", kept))


NOTES = "Whether a caption fits its image is not measured: that needs a model. Outside images of pages are counted, never fetched."


def _drop_pictures(before: Path, duplicates: str, max_hash_distance: int, max_same_captions: int) -> tuple[Step, ...]:
    """What refuses copies of pictures, and captions that too many pictures share."""
    corpus, into = Corpus(before), before.parent
    if duplicates == NEAR:
        steps = [each(drop_near(find_near_duplicates(corpus, into, max_hash_distance)))]
    else:
        steps = [each(drop_listed(find_duplicates(corpus, PIXEL_DIGEST, into)))]
    if max_same_captions:
        steps.append(each(drop_repeats(find_repeats(corpus, CAPTION_DIGEST, max_same_captions, into))))
    return tuple(steps)


def _drop_pages(before: Path) -> tuple[Step, ...]:
    """What refuses pages whose text is the same; pages may share pictures."""
    return (each(drop_listed(find_duplicates(Corpus(before), PAGE_DIGEST, before.parent))),)
