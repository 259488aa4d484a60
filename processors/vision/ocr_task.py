"""Pictures with text as conversations: given with their lines and key fields, or a photo over which texts are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from processors.dialogue import LANGUAGE, NO_IMAGE, NO_TEXT, language_field, text_field
from processors.image.guarded import GUARDED_REASONS, guarded_image
from processors.image.steps import PRETRAINING_MAX_SIDE_PX, cap_side
from processors.once import once
from processors.vision.asked import ASKED_FACTS, Asked, ask_about, choose
from processors.vision.fields import BAD_FIELDS, FIELD_NOT_IN_TEXT, fields_of, unsupported_fields
from processors.vision.lettering import NO_GLYPHS, TEXT_DOES_NOT_FIT
from processors.vision.lines import LINE_REASONS, TextLines, full_text, lines_of
from processors.vision.marks import MARKS, marks_fact
from processors.vision.ocr_questions import (
    FIELDS,
    LINES,
    OVERLAID_TEXT,
    ask_beside,
    ask_fields,
    ask_full_text,
    ask_json,
    ask_places,
    ask_rows,
    ask_words,
)
from processors.vision.render_text import LOW_CONTRAST, Rendered, render_texts
from schemas.facts import Fact
from schemas.identity import keyed_rng
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Image
from schemas.records import Conversation, FactValue, Row

NUM_LINES = Fact("ocr.num_lines", int, "Legible lines of text of the picture")
NUM_ILLEGIBLE = Fact("ocr.num_illegible_lines", int, "Lines that the source marks as illegible")
UNSUPPORTED = Fact("ocr.unsupported_fields", str, "Key fields whose value does not stand in the lines, by commas; empty when all do")
DRAWN_TEXTS = Fact("ocr.num_drawn_texts", int, "Texts drawn over the photo; those of the row that did not fit are left out")
CONTRAST = Fact("ocr.min_contrast_ratio", float, "Least measured contrast (WCAG 2) of a drawn line with what is around it")

NOTHING_TO_ASK = Reason("nothing_to_ask", "The text of the picture answers none of the questions that are asked for")

FULL_TEXT, AS_JSON, AT_BOX, BOX_OF = "full_text", "fields_json", "text_at_box", "box_of_text"
ROWS, WORDS, BESIDE, VALUES = "rows", "words", "beside", "field_values"
PRETRAINING_TARGETS = (FULL_TEXT, AS_JSON, AT_BOX, BOX_OF)
QUESTION_TARGETS = (VALUES, AS_JSON, FULL_TEXT, ROWS, WORDS, BESIDE, AT_BOX, BOX_OF)
TARGETS = QUESTION_TARGETS
PER_TARGET = 2

_decode = once(guarded_image)


def check_targets(targets: tuple[str, ...]) -> None:
    unknown = [name for name in targets if name not in TARGETS]
    if unknown or not targets:
        raise ValueError(f"targets are {list(targets)}, expected some of {', '.join(TARGETS)}")


def asked_of(
    lines: Mapping[str, Any], fields: Mapping[str, str], targets: tuple[str, ...], rng: np.random.Generator, *, is_overlaid: bool = False
) -> list[Asked]:
    """The questions of the named targets, in their order."""
    at, of = ask_places(lines, rng, PER_TARGET)
    if AT_BOX in targets and BOX_OF in targets:
        at, of = _apart(at, of)
    makers = {
        FULL_TEXT: lambda: ask_full_text(lines, rng, OVERLAID_TEXT) if is_overlaid else ask_full_text(lines, rng),
        AS_JSON: lambda: ask_json(fields, rng),
        AT_BOX: lambda: at,
        BOX_OF: lambda: of,
        ROWS: lambda: ask_rows(lines, rng),
        WORDS: lambda: ask_words(lines, rng),
        BESIDE: lambda: ask_beside(lines, rng, PER_TARGET),
        VALUES: lambda: ask_fields(fields, rng),
    }
    return [one for name in targets for one in makers[name]()]


def _apart(at: list[Asked], of: list[Asked]) -> tuple[list[Asked], list[Asked]]:
    """Without questions for the box of a text that was just read at its box; some of each kind where there are two lines or more."""
    for kept in (at, at[:1]):
        others = [one for one in of if one.program["text"] not in {read.answer for read in kept}]
        if others:
            return kept, others
    return at, []


def chosen(asked: list[Asked], most: int, seed: int, key: str) -> list[Asked]:
    """At most `most` of them, in their order; half of the places go to values of key fields, where there are as many."""
    values = [one for one in asked if one.told_how == f"{FIELDS}:value"]
    others = [one for one in asked if one.told_how != f"{FIELDS}:value"]
    num_values = min(len(values), max(most // 2, most - len(others)))
    kept = {id(one) for one in choose(values, num_values, seed, key, "field_choice")}
    kept |= {id(one) for one in choose(others, most - num_values, seed, key, "ocr_choice")}
    return [one for one in asked if id(one) in kept]


@dataclass(frozen=True, slots=True)
class LinesTask:
    """A row with a picture, its lines of text with their places, and key fields where it has any, becomes questions with computed answers.

    Of the questions at most `max_questions` are taken, by a hash of seed and key. With `require_support` a row of which a key
    field does not stand in the lines is refused; without, the fact says which.
    """

    targets: tuple[str, ...] = PRETRAINING_TARGETS
    max_questions: int = 4
    require_support: bool = False
    seed: int = 0
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (*ASKED_FACTS, MARKS, LANGUAGE, NUM_LINES, NUM_ILLEGIBLE, UNSUPPORTED)
    reasons: ClassVar = (NO_IMAGE, *GUARDED_REASONS, *LINE_REASONS, BAD_FIELDS, FIELD_NOT_IN_TEXT, NOTHING_TO_ASK)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        check_targets(self.targets)
        if self.max_questions < 1:
            raise ValueError(f"max_questions is {self.max_questions}, expected 1 or more")

    def __call__(self, row: Row) -> Conversation | Reject:
        if "image" not in row.blobs:
            return Reject(row.key, NO_IMAGE.name, "expected a picture beside its lines")
        try:
            height, width = _decode(row.blobs["image"]).pixels.shape[:2]
            lines, fields = lines_of(row.fields, width, height), fields_of(row.fields)
        except Refused as refused:
            return refused.reject(row.key)
        truth = lines.truth(width, height)
        unsupported = unsupported_fields(fields, full_text(truth))
        if unsupported and self.require_support:
            name = unsupported[0]
            return Reject(row.key, FIELD_NOT_IN_TEXT.name, f"{name} is {fields[name][:80]!r}, which is not in the {len(lines.lines)} lines")
        found = asked_of(truth, fields, self.targets, keyed_rng(self.seed, "ocr_questions", row.key))
        asked = chosen(found, self.max_questions, self.seed, row.key)
        if not asked:
            return Reject(
                row.key, NOTHING_TO_ASK.name, f"{len(lines.lines)} lines, {len(fields)} fields, targets {', '.join(self.targets)}"
            )
        facts: dict[str, FactValue] = {
            **marks_fact(lines.marks(width, height)),
            LANGUAGE.name: language_field(row.fields),
            NUM_LINES.name: len(lines.lines),
            NUM_ILLEGIBLE.name: lines.num_illegible,
            UNSUPPORTED.name: ",".join(unsupported),
        }
        told = {LINES: truth, **({FIELDS: fields} if fields else {})}
        return ask_about(row, [Image(source=row.blobs["image"])], asked, told, facts)


@dataclass(frozen=True, slots=True)
class RenderTextTask:
    """A row with a photo becomes the photo with texts drawn over it, and questions whose answers are exact.

    The texts are drawn from `texts` by a hash of seed and key, or, without these, are the row's own `texts`, captions, or text.
    The picture is capped to `max_side_px` before it is drawn on, so that no letter shrinks afterwards.
    """

    texts: tuple[str, ...] = ()
    max_texts: int = 4
    max_side_px: int = PRETRAINING_MAX_SIDE_PX
    degrade: float = 1.0
    targets: tuple[str, ...] = (FULL_TEXT, AT_BOX, BOX_OF)
    max_questions: int = 4
    seed: int = 0
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (*ASKED_FACTS, MARKS, LANGUAGE, NUM_LINES, DRAWN_TEXTS, CONTRAST)
    reasons: ClassVar = (NO_IMAGE, *GUARDED_REASONS, NO_TEXT, NO_GLYPHS, TEXT_DOES_NOT_FIT, LOW_CONTRAST, NOTHING_TO_ASK)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        check_targets(self.targets)
        if self.max_questions < 1 or self.max_texts < 1 or self.max_side_px < 1 or not 0 <= self.degrade <= 1:
            raise ValueError(f"{self!r}; expected 1 or more of each maximum and degrade between 0 and 1")

    def __call__(self, row: Row) -> Conversation | Reject:
        if "image" not in row.blobs:
            return Reject(row.key, NO_IMAGE.name, "expected a photo to draw on")
        rng = keyed_rng(self.seed, "render_text", row.key)
        texts = self._texts(row, rng)
        if not texts:
            return Reject(row.key, NO_TEXT.name, "expected texts, captions, caption or text in the row, or a file of texts")
        try:
            photo = cap_side(_decode(row.blobs["image"]).pixels, self.max_side_px)
            rendered = render_texts(photo, texts, rng, self.degrade)
        except Refused as refused:
            return refused.reject(row.key)
        return self._conversation(row, rendered, rng)

    def _texts(self, row: Row, rng: np.random.Generator) -> list[str]:
        if self.texts:
            return [self.texts[int(index)] for index in rng.permutation(len(self.texts))[: self.max_texts]]
        listed = next((row.fields[name] for name in ("texts", "captions") if isinstance(row.fields.get(name), list)), None)
        found = [text for text in listed if isinstance(text, str) and text.strip()] if isinstance(listed, list) else []
        own = text_field(row.fields, "caption", "text")
        return (found or ([own] if own else []))[: self.max_texts]

    def _conversation(self, row: Row, rendered: Rendered, rng: np.random.Generator) -> Conversation | Reject:
        height, width = rendered.pixels.shape[:2]
        lines = TextLines(tuple((line,) for line in rendered.lines))
        truth = lines.truth(width, height)
        asked = chosen(asked_of(truth, {}, self.targets, rng, is_overlaid=True), self.max_questions, self.seed, row.key)
        if not asked:
            return Reject(row.key, NOTHING_TO_ASK.name, f"{len(rendered.lines)} lines, targets {', '.join(self.targets)}")
        facts: dict[str, FactValue] = {
            **marks_fact(lines.marks(width, height)),
            LANGUAGE.name: language_field(row.fields),
            NUM_LINES.name: len(rendered.lines),
            DRAWN_TEXTS.name: rendered.num_texts,
            CONTRAST.name: min(rendered.contrasts),
        }
        return ask_about(row, [Image(pixels=rendered.pixels)], asked, {LINES: truth}, facts)
