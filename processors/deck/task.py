"""Decks into conversations: the slides of a deck as rows of their own, and a slide, or several, with questions about them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from processors.chart.scale import number_text
from processors.deck.content import Content, content_of, is_empty
from processors.deck.draw import draw_page, draw_slide
from processors.deck.office import NO_DECK, NOT_RENDERED, OWN, RENDERED, RENDERED_BY
from processors.deck.package import DECK_REASONS, TOO_LARGE_SLIDE
from processors.deck.questions import deck_questions, slide_questions
from processors.deck.read import UNREADABLE_SLIDE, Deck, read_deck
from processors.deck.text import plain_text
from processors.guard import TOO_COSTLY, Limits, guarded
from processors.vision.asked import ASKED_FACTS, Asked, ask_about, choose
from schemas.facts import Fact
from schemas.identity import child_key, keyed_rng
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Image
from schemas.records import Conversation, FactValue, Row

HIDDEN_SLIDE = Reason("hidden_slide", "The slide is hidden when the deck is shown, and hidden slides are left out")
EMPTY_SLIDE = Reason("empty_slide", "Nothing stands on the slide: no text, table, chart, picture or drawn shape")
NOTHING_TO_ASK = Reason("nothing_to_ask", "The slide shows something, but nothing that a question with one right answer could be about")

NUMBER = Fact("slides.number", int, "Number of the slide in its deck, from 1; of the first where several are shown")
NUM_SLIDES = Fact("slides.num_slides", int, "Slides of the deck, hidden and empty ones included")
LAYOUT = Fact("slides.layout", str, "Name of the slide's layout")
NUM_TABLES = Fact("slides.num_tables", int, "Tables in the slide's file, over all slides shown")
NUM_CHARTS = Fact("slides.num_charts", int, "Charts in the slide's file, over all slides shown")
NUM_PICTURES = Fact("slides.num_pictures", int, "Pictures in the slide's file, over all slides shown")
HAS_NOTES = Fact("slides.has_notes", bool, "Some slide shown has speaker notes with text")
NUM_COMMENTS = Fact("slides.num_comments", int, "Reviewers' comments on the slides shown; they are not drawn")
NUM_MISSING = Fact("slides.num_missing", int, "Pictures, charts and drawings that the slides name and the deck lacks")
NUM_UNDRAWN = Fact("slides.num_undrawn", int, "Pictures, charts and drawings that the own renderer shows as a crossed box")
NUM_AS_BOX = Fact("slides.num_as_box", int, "Shapes that the own renderer draws as their box, for lack of their outline")
NUM_UNREAD = Fact(
    "slides.num_unread", int, "Paragraphs that cannot be read: off the slide, covered, too small, without contrast, in no font"
)
SLIDE_FACTS = (
    *(RENDERED_BY, NUMBER, NUM_SLIDES, LAYOUT, NUM_TABLES, NUM_CHARTS, NUM_PICTURES, HAS_NOTES, NUM_COMMENTS),
    *(NUM_MISSING, NUM_UNDRAWN, NUM_AS_BOX, NUM_UNREAD),
)
SLIDE_FIELDS = "slides"  # of a row: the numbers of its slides
DRAW_LIMITS = Limits(cpu_s=120.0, memory_bytes=4 << 30)  # an honest slide takes some 0.2 s, a chart-laden one 2 s
MAX_SIDE_PX = 4_032  # nine crops of 448 px


@dataclass(frozen=True, slots=True)
class OpenDeck:
    """A row with a deck becomes a row for each slide, in order, then a row for each run of `max_deck_slides` slides with titles.

    Children share the deck's bytes; what is read of the deck is read once. `max_deck_slides` 0 leaves the runs out.
    """

    max_deck_slides: int = 8
    hidden: bool = False
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (NO_DECK, *DECK_REASONS, TOO_COSTLY)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.max_deck_slides == 1 or self.max_deck_slides < 0:
            raise ValueError(f"max_deck_slides is {self.max_deck_slides}, expected 0, or 2 or more")

    def __call__(self, row: Row) -> list[Row] | Reject:
        if "deck" not in row.blobs:
            return Reject(row.key, NO_DECK.name, "expected a deck in the row")
        try:
            deck = read_deck(row.blobs["deck"])
        except Refused as refused:
            return refused.reject(row.key)
        groups = [[slide["number"]] for slide in deck.slides] + self._runs(deck)
        return [replace(row, key=child_key(row.key, at), fields={**row.fields, SLIDE_FIELDS: group}) for at, group in enumerate(groups)]

    def _runs(self, deck: Deck) -> list[list[int]]:
        """Numbers of slides that follow one another among those shown and have a title."""
        if not self.max_deck_slides:
            return []
        titled = [
            slide["number"]
            for slide in deck.slides
            if slide["refused"] is None and (self.hidden or not slide["hidden"]) and _has_title(slide)
        ]
        runs = [titled[at : at + self.max_deck_slides] for at in range(0, len(titled), self.max_deck_slides)]
        return [run for run in runs if len(run) > 1]


def _has_title(slide: Mapping[str, Any]) -> bool:
    titles = [shape["text"] for shape in slide["shapes"] if shape["kind"] == "title" and shape["text"]]
    return any(plain_text(paragraph) for text in titles for paragraph in text["paragraphs"])


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """A slide as it is shown: pixels (H, W, 3) uint8, what can be read, and how many things could not be."""

    pixels: np.ndarray
    content: Content
    num_undrawn: int
    num_as_box: int
    num_unread: int


@dataclass(frozen=True, slots=True)
class SlidesTask:
    """A row of one slide, or of several, becomes their pictures with questions; the longer side measures `side_px`.

    `renderer` is `own`, or the LibreOffice that made the row's PDF (see office.py). What can be read is measured on the own
    drawing in either case; on LibreOffice's the words must stand in the page's text, too. Speaker notes are a target where the
    deck has them and `notes` says so.
    """

    renderer: str = OWN
    side_px: int = 1_344
    max_questions: int = 6
    hidden: bool = False
    notes: bool = True
    seed: int = 0
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (*SLIDE_FACTS, *ASKED_FACTS)
    reasons: ClassVar = (
        *DECK_REASONS,
        UNREADABLE_SLIDE,
        TOO_LARGE_SLIDE,
        HIDDEN_SLIDE,
        EMPTY_SLIDE,
        NOTHING_TO_ASK,
        NOT_RENDERED,
        TOO_COSTLY,
    )
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not 64 <= self.side_px <= MAX_SIDE_PX or self.max_questions < 1:
            raise ValueError(
                f"side_px is {self.side_px}, expected 64 to {MAX_SIDE_PX}; max_questions {self.max_questions}, expected 1 or more"
            )

    def __call__(self, row: Row) -> Conversation | Reject:
        try:
            deck = read_deck(row.blobs["deck"])  # read before, and kept; in another process it is read again
        except Refused as refused:
            return refused.reject(row.key)
        numbers: list[int] = row.fields[SLIDE_FIELDS]  # type: ignore[assignment]
        slides = [deck.slides[number - 1] for number in numbers]
        for slide in slides:
            reason = self._unfit(slide)
            if reason is not None:
                return Reject(row.key, *reason)
        try:
            drawn = [self._drawn(deck, slide, row.blobs.get(RENDERED)) for slide in slides]
        except Refused as refused:
            return refused.reject(row.key)
        rng = keyed_rng(self.seed, "slides_task", row.key)
        if len(drawn) == 1:
            asked = slide_questions(drawn[0].content, rng, slides[0]["notes"] if self.notes else "")
            truth = {"slides": [drawn[0].content]}
        else:
            asked = deck_questions([one.content for one in drawn], rng)
            truth = {"slides": [{"title": one.content["title"]} for one in drawn]}
        if not asked:
            where = f"slide {', '.join(map(str, numbers))}"
            return Reject(row.key, NOTHING_TO_ASK.name, f"{where}: no title, list, table, chart, picture or whole text that can be read")
        chosen = choose(asked, self.max_questions, self.seed, row.key, "slides_choice")
        return self._conversation(row, deck, slides, drawn, chosen, truth)

    def _unfit(self, slide: Mapping[str, Any]) -> tuple[str, str] | None:
        """Reason and detail for which a slide is left out before it is drawn."""
        where = f"slide {slide['number']}"
        if slide["refused"] is not None:
            return slide["refused"][0], f"{where}: {slide['refused'][1]}"
        if slide["hidden"] and not self.hidden:
            return HIDDEN_SLIDE.name, where
        return (EMPTY_SLIDE.name, f"{where}: {len(slide['shapes'])} shapes, none with content") if is_empty(slide) else None

    def _drawn(self, deck: Deck, slide: Mapping[str, Any], rendered: bytes | None) -> _Drawn:
        """Raises: Refused, NOT_RENDERED or TOO_COSTLY."""
        longest = max(deck.width_pt, deck.height_pt)
        width, height = (max(1, round(self.side_px * side / longest)) for side in (deck.width_pt, deck.height_pt))
        media = sorted(_media(slide))
        request = {"slide": slide, "width_pt": deck.width_pt, "height_pt": deck.height_pt, "width_px": width, "height_px": height}
        told, found = guarded(draw_slide, {**request, "media": media}, [deck.media[number] for number in media], DRAW_LIMITS)
        shown = told["shown"]
        if self.renderer != OWN:
            if rendered is None:
                raise ValueError("a row reaches SlidesTask without its PDF; the recipe lacks RenderDeck before it")
            page = {"number": slide["number"], "num_slides": len(deck.slides), "width_px": width, "height_px": height}
            page_told, found = guarded(draw_page, page, [rendered], DRAW_LIMITS)
            if page_told["num_pages"] != len(deck.slides):
                raise Refused(NOT_RENDERED, f"the PDF has {page_told['num_pages']} pages for {len(deck.slides)} slides")
            shown = [_also_in(page_told["text"], shape, seen, slide["number"]) for shape, seen in zip(slide["shapes"], shown, strict=True)]
        content = content_of(slide, shown, deck.width_pt, deck.height_pt)
        if self.renderer != OWN:
            _check_charts(content, page_told["text"])
        pixels = np.frombuffer(found[0], np.uint8).reshape(height, width, 3)
        return _Drawn(pixels, content, told["num_undrawn"], told["num_as_box"], sum(_num_unread(seen) for seen in shown))

    def _conversation(
        self,
        row: Row,
        deck: Deck,
        slides: Sequence[Mapping[str, Any]],
        drawn: Sequence[_Drawn],
        asked: Sequence[Asked],
        truth: Mapping[str, Any],
    ) -> Conversation:
        facts: dict[str, FactValue] = {
            RENDERED_BY.name: self.renderer,
            NUMBER.name: slides[0]["number"],
            NUM_SLIDES.name: len(deck.slides),
            LAYOUT.name: slides[0]["name"],
            HAS_NOTES.name: any(slide["notes"] for slide in slides),
            NUM_COMMENTS.name: sum(len(slide["comments"]) for slide in slides),
            NUM_MISSING.name: sum(slide["num_missing"] for slide in slides),
            NUM_UNDRAWN.name: sum(one.num_undrawn for one in drawn),
            NUM_AS_BOX.name: sum(one.num_as_box for one in drawn),
            NUM_UNREAD.name: sum(one.num_unread for one in drawn),
        }
        for fact, name in ((NUM_TABLES, "tables"), (NUM_CHARTS, "charts"), (NUM_PICTURES, "pictures")):
            facts[fact.name] = sum(slide["counts"][name] for slide in slides)
        return ask_about(row, [Image(pixels=one.pixels) for one in drawn], asked, truth, facts)


def _media(value: Any) -> set[int]:
    """The numbers of all picture files in a slide's tree."""
    if isinstance(value, Mapping):
        own = {value["media"]} if isinstance(value.get("media"), int) else set()
        return own.union(*(_media(each) for each in value.values()))
    if isinstance(value, list):
        return set().union(*(_media(each) for each in value))
    return set()


def _num_unread(seen: Mapping[str, Any]) -> int:
    cells = [flags for line in seen.get("cells", ()) for flags in line if flags]
    return sum(not flag for flags in (seen.get("paragraphs", ()), *cells) for flag in flags)


def _letters(text: str) -> str:
    """A text without white space, its signs in their plain form: pages part words and join letters."""
    return "".join(unicodedata.normalize("NFKC", text).split()).replace("\u00ad", "")


def _also_in(page_text: str, shape: Mapping[str, Any], seen: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """What is shown, without the paragraphs whose words are not in the page's text."""
    page = _letters(page_text)

    def there(text: Mapping[str, Any] | None, flags: Sequence[bool] | None) -> list[bool]:
        paragraphs = text["paragraphs"] if text is not None else []
        return [flag and _letters(_said(paragraph, number)) in page for paragraph, flag in zip(paragraphs, flags or (), strict=True)]

    if "cells" in seen:
        lines = zip(shape["table"]["cells"], seen["cells"], strict=True)
        cells = [[None if cell is None else there(cell["text"], flags) for cell, flags in zip(*line, strict=True)] for line in lines]
        return {**seen, "cells": cells}
    return {**seen, "paragraphs": there(shape["text"], seen["paragraphs"])} if "paragraphs" in seen else seen


def _said(paragraph: Mapping[str, Any], number: int) -> str:
    runs = [{**run, "text": str(number)} if run.get("field") == "slidenum" else run for run in paragraph["runs"]]
    return plain_text({"runs": runs})


def _check_charts(content: Content, page_text: str) -> None:
    """Of a chart counts what the page has as we would spell it: the title, the values on its marks, and every name, or none is asked for."""
    page = _letters(page_text)
    for block in content["blocks"]:
        if block["kind"] != "chart":
            continue
        names = [*block["categories"], *(one["name"] for one in block["series"] if len(block["series"]) > 1)]
        values = [value for one in block["series"] for value in one["values"] if value is not None]
        block["title"] = block["title"] if _letters(block["title"]) in page else ""
        block["exact"] = block["exact"] and all(_letters(name) in page for name in names)
        block["labels"] = block["labels"] and all(number_text(value) in page for value in values)
