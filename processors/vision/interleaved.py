"""Documents of text with images in their places, as one learned turn.

Read are the two forms of the field: `texts` and `images`, two lists of one length in which each place holds one of the two
(OBELICS), and `text_list` with `image_info`, whose `matched_text_index` names the sentence before which an image stands (MMC4).
The row's image files come in the order of these lists. The text and its images are one assistant turn without a question:
every word is learned in the light of what stands before it, images carry no loss (see runbooks/decisions).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from processors.dialogue import NO_IMAGE, NO_TEXT
from processors.image.crops import MAX_CROPS_PRETRAINING
from processors.image.decode import MAX_PIXELS
from processors.image.guarded import guarded_image
from processors.image.quality import KeepQuality, quality_facts
from processors.image.steps import PRETRAINING_MAX_SIDE_PX, cap_side
from processors.language_id import detect_language
from processors.messages import WRONG_IMAGE_COUNT, media_of
from processors.vision.captions import WRONG_LANGUAGE, words_of
from schemas.facts import Fact, Limit
from schemas.identity import digest
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Image, Part, Text
from schemas.records import Conversation, FactValue, Row, Turn, images_of, learned_texts, with_facts

BAD_INTERLEAVING = Reason("bad_interleaving", "The lists of texts and images do not fit one another")
TOO_MANY_IMAGES = Reason("too_many_images", "The page has more images than asked for: a gallery, not a text with pictures")
TOO_FEW_WORDS = Reason("too_few_words", "The page has fewer words than asked for")

NUM_OUTSIDE = Fact("page.num_outside_images", int, "Images in the text that lie elsewhere on the web, and were not fetched")
NUM_MISSING = Fact("page.num_missing_images", int, "Images in the text whose file is not there, or may not be read")
NUM_REPEATED = Fact("page.num_repeated_images", int, "Images left out since the very same file stands above")
NUM_UNREADABLE = Fact("page.num_unreadable_images", int, "Images left out since they cannot be decoded")
NUM_SMALL = Fact(
    "page.num_small_images", int, "Images left out since they are smaller or more elongated than asked for: icons, lines, banners"
)
NUM_POOR = Fact("page.num_poor_images", int, "Images left out since there is nothing to see on them, or less than asked for")
NUM_WORDS = Fact("page.num_words", int, "Words of the page's text")
PAGE_LANGUAGE = Fact("page.language", str, "Language of the page's text measured by py3langid (ISO 639-1)")
PAGE_DIGEST = Fact("page.digest", str, "Digest of the page's text without case and white space; equal digests are exact duplicates")


QUALITY = KeepQuality()

# ---- the two forms


@dataclass(frozen=True, slots=True)
class _Place:
    """A place for the next image of the row; `number` where the form numbers its images."""

    number: int | None = None


def read_pieces(fields: Mapping[str, object]) -> list[str | _Place]:
    """Texts and places of images in reading order. Raises: Refused with bad_interleaving."""
    if isinstance(fields.get("texts"), list):
        return list(_aligned(fields["texts"], fields.get("images")))
    if isinstance(fields.get("text_list"), list):
        return list(_matched(fields["text_list"], fields.get("image_info") or []))
    raise Refused(
        BAD_INTERLEAVING, f"expected texts and images, or text_list and image_info; the row has {', '.join(sorted(fields)) or 'none'}"
    )


def _aligned(texts: object, images: object) -> Iterator[str | _Place]:
    assert isinstance(texts, list)
    if not isinstance(images, list) or len(images) != len(texts):
        told = len(images) if isinstance(images, list) else repr(images)
        raise Refused(BAD_INTERLEAVING, f"{len(texts)} texts, images are {told}; expected two lists of one length")
    for place, (text, image) in enumerate(zip(texts, images, strict=True)):
        if text is not None and not isinstance(text, str):
            raise Refused(BAD_INTERLEAVING, f"text {place} is a {type(text).__name__}, expected text or null")
        if text and image:
            raise Refused(BAD_INTERLEAVING, f"place {place} has a text and an image, expected one of them")
        if text or image:
            yield text if text else _Place()


def _matched(texts: object, infos: object) -> Iterator[str | _Place]:
    assert isinstance(texts, list)
    before: dict[int, list[int]] = {}
    for number, info in enumerate(infos if isinstance(infos, list) else [infos]):
        at = info.get("matched_text_index") if isinstance(info, Mapping) else None
        if not isinstance(at, int) or isinstance(at, bool) or not 0 <= at < len(texts):
            raise Refused(BAD_INTERLEAVING, f"image {number} stands at {at!r}, expected a place among {len(texts)} texts")
        before.setdefault(at, []).append(number)
    for place, text in enumerate(texts):
        yield from map(_Place, before.get(place, ()))
        if not isinstance(text, str):
            raise Refused(BAD_INTERLEAVING, f"text {place} is a {type(text).__name__}, expected text")
        yield text


def joined(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts with neighbouring texts as one, a blank line between them, and blank ones gone."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Text):
            text = part.text.strip()
            if text and found and isinstance(found[-1], Text):
                found[-1] = Text(f"{found[-1].text}\n\n{text}")
            elif text:
                found.append(Text(text))
        else:
            found.append(part)
    return tuple(found)


def count_of(fields: Mapping[str, object], name: str) -> int:
    """A count that a source of pages tells; 0 where it tells none."""
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


@dataclass(frozen=True, slots=True)
class InterleavedTask:
    """A row of texts and images becomes a conversation of one assistant turn, all of whose text is learned.

    An image whose very file has come before is left out: it is a logo, or the page's own copy for lazy loading.
    """

    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (NUM_OUTSIDE, NUM_MISSING, NUM_REPEATED)
    reasons: ClassVar = (BAD_INTERLEAVING, WRONG_IMAGE_COUNT, NO_TEXT)
    version: ClassVar = 1

    def __call__(self, row: Row) -> Conversation | Reject:
        try:
            pieces = read_pieces(row.fields)
            parts, num_repeated = self._place(pieces, media_of(row)[0])
        except Refused as refused:
            return refused.reject(row.key)
        parts = joined(parts)
        if not any(isinstance(part, Text) for part in parts):
            return Reject(row.key, NO_TEXT.name, "no place of the page has a text")
        facts = {
            NUM_OUTSIDE.name: count_of(row.fields, "num_outside_images"),
            NUM_MISSING.name: count_of(row.fields, "num_missing_images"),
            NUM_REPEATED.name: num_repeated,
        }
        turns = (Turn("assistant", tuple(parts), learned=True),)
        return Conversation(row.key, row.origin, turns, {**row.facts, **facts}, row.parents)

    def _place(self, pieces: Sequence[str | _Place], images: Sequence[Image]) -> tuple[Sequence[Part], int]:
        places = [piece for piece in pieces if isinstance(piece, _Place)]
        if len(places) != len(images):
            raise Refused(WRONG_IMAGE_COUNT, f"{len(places)} places, the row has {len(images)} images")
        parts: list[Part] = []
        seen: set[str] = set()
        following = iter(images)
        for piece in pieces:
            if isinstance(piece, str):
                parts.append(Text(piece))
                continue
            image = next(following) if piece.number is None else images[piece.number]
            assert image.source is not None
            content = digest(image.source)
            if content not in seen:
                parts.append(image)
            seen.add(content)
        return parts, len(places) - len(seen)


@dataclass(frozen=True, slots=True)
class DecodePageImages:
    """Decodes a page's images one after the other, each shrunk to `max_side_px` at once, and leaves out those that are no pictures.

    What cannot be decoded, is an icon or a line, or is poor by `quality`, is left out and counted: the page is still a page without
    it. Records keep what is left; whether that is enough, KeepPages decides.
    """

    min_side_px: int = 100
    max_aspect_ratio: float = 4.0
    quality: KeepQuality = QUALITY
    max_crops: int = MAX_CROPS_PRETRAINING
    max_side_px: int = PRETRAINING_MAX_SIDE_PX
    max_pixels: int = MAX_PIXELS
    keep_source: bool = False
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (NUM_UNREADABLE, NUM_SMALL, NUM_POOR)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation:
        left_out = {NUM_UNREADABLE.name: 0, NUM_SMALL.name: 0, NUM_POOR.name: 0}
        turns = []
        for turn in record.turns:
            parts: list[Part] = []
            for part in turn.parts:
                if not isinstance(part, Image) or part.source is None:
                    parts.append(part)
                    continue
                try:
                    pixels = guarded_image(part.source, max_pixels=self.max_pixels).pixels
                except Refused:
                    left_out[NUM_UNREADABLE.name] += 1
                    continue
                if not self._is_picture(pixels):
                    left_out[NUM_SMALL.name] += 1
                    continue
                pixels = cap_side(pixels, self.max_side_px)
                if self.quality.find_fault(quality_facts([pixels], self.max_crops)) is not None:
                    left_out[NUM_POOR.name] += 1
                    continue
                parts.append(replace(part, pixels=pixels, source=part.source if self.keep_source else None))
            turns.append(replace(turn, parts=joined(parts)))
        return with_facts(replace(record, turns=tuple(turns)), left_out)

    def _is_picture(self, pixels: np.ndarray) -> bool:
        short, long = sorted(pixels.shape[:2])
        return short >= self.min_side_px and long <= short * self.max_aspect_ratio


@dataclass(frozen=True, slots=True)
class KeepPages:
    """Keeps pages with enough images and text, in one of `languages` (empty takes all)."""

    min_images: int = 1
    max_images: int = 30
    min_words: int = 20
    languages: tuple[str, ...] = ()
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (NUM_WORDS, PAGE_LANGUAGE, PAGE_DIGEST)
    reasons: ClassVar = (NO_IMAGE, TOO_MANY_IMAGES, TOO_FEW_WORDS, WRONG_LANGUAGE)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(NUM_WORDS, TOO_FEW_WORDS.name, self.min_words),)

    def __call__(self, record: Conversation) -> Conversation | Reject:
        num_images = sum(1 for _ in images_of(record))
        text = "\n\n".join(learned_texts(record))
        num_words = len(words_of(text))
        facts: dict[str, FactValue] = {NUM_WORDS.name: num_words}
        if num_images < self.min_images:
            return Reject(record.key, NO_IMAGE.name, f"{num_images} images are left, expected {self.min_images} or more", facts=facts)
        if num_images > self.max_images:
            return Reject(record.key, TOO_MANY_IMAGES.name, f"{num_images} images, expected {self.max_images} or fewer", facts=facts)
        if num_words < self.min_words:
            return Reject(record.key, TOO_FEW_WORDS.name, f"{num_words} words, expected {self.min_words} or more", facts=facts)
        facts[PAGE_LANGUAGE.name] = language = detect_language(text)[0]
        if self.languages and language not in self.languages:
            return Reject(record.key, WRONG_LANGUAGE.name, f"{language}, expected one of {', '.join(self.languages)}", facts=facts)
        return with_facts(record, {**facts, PAGE_DIGEST.name: digest("".join(text.casefold().split()))})
