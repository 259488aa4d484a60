"""A .pptx file as the shape trees of its slides: what is where, what it says, and what the file keeps beside it.

A deck: {"width_pt", "height_pt", "slides": [slide]}. A slide: {"number" (from 1), "name" of its layout, "hidden", "background",
"accents", "shapes" (see shapes.py), "notes", "comments", "counts", "num_missing", "refused"}. `refused` is null, or the [reason, detail]
for which this slide alone cannot be used. Pictures are numbers into a list of files that comes with the deck.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from processors.deck.package import (
    MAX_SLIDES,
    NO_SLIDES,
    TOO_LARGE_DECK,
    UNREADABLE_DECK,
    check_deck,
    name_of,
    open_presentation,
    parse_part,
    related,
    related_by_id,
    root_of,
)
from processors.deck.shapes import RID, SlideReader
from processors.deck.text import plain_text, text_of
from processors.deck.theme import FILLS, Media, Theme, child, children, color_in, fill_of, first_of, integer, points, read_theme
from processors.guard import Answer, Limits, guarded
from processors.once import once
from schemas.outcome import Reason, Refused

UNREADABLE_SLIDE = Reason("unreadable_slide", "The deck names the slide, and its part is missing or no slide")

LIMITS = Limits(cpu_s=120.0, memory_bytes=4 << 30)  # far above honest decks: 2,000 slides take some 20 s
DEFAULT_SIZE_EMU = (9_144_000, 6_858_000)
MAX_SIDE_PT, MIN_SIDE_PT = 5_000.0, 20.0  # PowerPoint's own are 4,032 and 72
COUNTED = {"tables": "tbl", "pictures": "pic"}


@dataclass(frozen=True, slots=True, eq=False)
class Deck:
    """A deck as JSON values, and the picture files that its slides show. `slides` may hold refused ones."""

    width_pt: float
    height_pt: float
    slides: tuple[Mapping[str, Any], ...]
    media: tuple[bytes, ...]


@once
def read_deck(data: bytes) -> Deck:
    """Reads a deck in a child process; the same bytes again give the same object, without reading them again.

    Raises:
        Refused: one of DECK_REASONS, or TOO_COSTLY.
    """
    told, media = guarded(_read, {}, [data], LIMITS)
    return Deck(told["width_pt"], told["height_pt"], tuple(told["slides"]), tuple(media))


def _read(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    del request
    check_deck(blobs[0])
    return read_checked(blobs[0])


def read_checked(data: bytes) -> Answer:
    """The deck as JSON and its picture files, in this process. Raises: Refused."""
    part = open_presentation(data)
    root = root_of(part)
    size = child(root, "sldSz")
    sides = [
        points(size.get(name) if size is not None else None, default) for name, default in zip(("cx", "cy"), DEFAULT_SIZE_EMU, strict=True)
    ]
    if not all(MIN_SIDE_PT <= side <= MAX_SIDE_PT for side in sides):
        raise Refused(UNREADABLE_DECK, f"slides of {sides[0]:g} x {sides[1]:g} pt, expected sides of {MIN_SIDE_PT:g} to {MAX_SIDE_PT:g} pt")
    listed = [each.get(RID) for each in children(root, "sldIdLst")]
    if not listed:
        raise Refused(NO_SLIDES, "the presentation lists no slide")
    if len(listed) > MAX_SLIDES:
        raise Refused(TOO_LARGE_DECK, f"{len(listed)} slides, expected {MAX_SLIDES} at most")
    reader = _DeckReader(part)
    slides = [reader.slide(number, related_by_id(part, identity)) for number, identity in enumerate(listed, 1)]
    return {"width_pt": sides[0], "height_pt": sides[1], "slides": slides}, reader.media


@dataclass
class _DeckReader:
    """Holds what slides share: the pictures seen, the themes, the authors of comments."""

    part: Any
    media: list[bytes] = field(default_factory=list)
    numbers: dict[Any, int] = field(default_factory=dict)
    themes: dict[Any, Theme] = field(default_factory=dict)

    def slide(self, number: int, part: Any) -> dict[str, Any]:
        root = root_of(part) if part is not None else None
        told: dict[str, Any] = {"number": number, "refused": None, "hidden": False}
        if root is None or name_of(root) != "sld" or child(root, "cSld", "spTree") is None:
            return {
                **told,
                "refused": [UNREADABLE_SLIDE.name, f"slide {number} of the presentation's list has no part, or one of another kind"],
            }
        sheets = self._sheets(root, part)
        theme = self._theme(sheets)
        defaults = [style for style in (child(root_of(self.part), "defaultTextStyle"),) if style is not None]
        styles = parse_part(related(self.part, "tableStyles"))
        reader = SlideReader(sheets, theme, self.media_of, defaults, styles)
        told |= {
            "hidden": root.get("show") in ("0", "false"),
            "name": child(sheets[1][1], "cSld").get("name", "") if len(sheets) > 1 else "",
        }
        try:
            background = self._background(sheets, theme)
            shapes = reader.read()
        except Refused as refused:
            return {**told, "refused": [refused.reason.name, refused.detail]}
        return {
            **told,
            "background": background,
            "accents": [theme.slot(f"accent{number}") for number in range(1, 7)],
            "ink": theme.slot("tx1"),
            "shapes": shapes,
            "notes": self._notes(part),
            "has_notes": related(part, "notesSlide") is not None,
            "comments": self._comments(part),
            "counts": self._counts(root),
            "num_missing": reader.num_missing,
        }

    def _sheets(self, root: Any, part: Any) -> list[tuple[str, Any, Any]]:
        """Slide, layout, master: each the kind that it should be, so that nothing can lead round in a circle."""
        sheets = [("slide", root, part)]
        for name, kind, tag in (("layout", "slideLayout", "sldLayout"), ("master", "slideMaster", "sldMaster")):
            part = related(part, kind)
            root = root_of(part) if part is not None else None
            if root is None or name_of(root) != tag or child(root, "cSld") is None:
                break
            sheets.append((name, root, part))
        return sheets

    def _theme(self, sheets: list[tuple[str, Any, Any]]) -> Theme:
        """The master's theme, seen through the colour map of the master, or the one that layout or slide put in its place."""
        master = sheets[-1] if sheets[-1][0] == "master" else None
        mapping = dict(child(master[1], "clrMap").attrib) if master and child(master[1], "clrMap") is not None else {}
        for _, root, _ in reversed(sheets):
            other = child(root, "clrMapOvr", "overrideClrMapping")
            mapping |= dict(other.attrib) if other is not None else {}
        part = related(master[2], "theme") if master else None
        at = part, tuple(sorted(mapping.items()))
        if at not in self.themes:
            self.themes[at] = read_theme(parse_part(part), mapping)
        return self.themes[at]

    def media_of(self, part: Any) -> Media:
        """From ids of a part's relationships to numbers of picture files."""

        def number(identity: str | None) -> int | None:
            target = related_by_id(part, identity)
            if target is None or root_of(target) is not None or not target.blob:
                return None
            if target not in self.numbers:
                self.numbers[target] = len(self.media)
                self.media.append(target.blob)
            return self.numbers[target]

        return number

    def _background(self, sheets: list[tuple[str, Any, Any]], theme: Theme) -> dict[str, Any] | None:
        """The fill of the first of slide, layout and master that says one."""
        for _, root, part in sheets:
            stated = child(root, "cSld", "bg", "bgPr")
            if stated is not None:
                return fill_of(first_of(stated, FILLS), theme, self.media_of(part))
            reference = child(root, "cSld", "bg", "bgRef")
            if reference is not None:
                color, place = color_in(reference, theme), integer(reference.get("idx")) - 1001
                fills, owner = theme.backgrounds, related(sheets[-1][2], "theme")
                if 0 <= place < len(fills) and owner is not None:
                    pictures = self.media_of(owner) if hasattr(owner, "rels") else lambda _: None
                    return fill_of(fills[place], theme, pictures, color)
                return {"kind": "solid", "color": color} if color else None
        return None

    def _notes(self, part: Any) -> str:
        """The speaker notes: the text of the notes page's body."""
        root = parse_part(related(part, "notesSlide"))
        tree = child(root, "cSld", "spTree") if root is not None else None
        found = []
        for shape in tree if tree is not None else ():
            place = child(shape, "nvSpPr", "nvPr", "ph")
            if place is not None and place.get("type") == "body":
                text = text_of(child(shape, "txBody"), [], [], Theme())
                found += [plain_text(paragraph) for paragraph in text["paragraphs"]] if text else []
        return "\n".join(found).strip()

    def _comments(self, part: Any) -> list[dict[str, str]]:
        """Comments of both forms that PowerPoint has had: who, when, what."""
        authors: dict[str | None, str] = {}
        for kind in ("commentAuthors", "authors"):
            root = parse_part(related(self.part, kind))
            authors |= {each.get("id"): each.get("name", "") for each in (root if root is not None else ())}
        root = parse_part(related(part, "comments"))
        found = []
        for comment in (each for each in (root.iter() if root is not None else ()) if name_of(each) in ("cm", "reply")):
            stated = child(comment, "text")
            body = child(comment, "txBody")
            runs = [run.text or "" for run in body.iter() if name_of(run) == "t"] if body is not None else []
            text = stated.text if stated is not None else "".join(runs)
            when = comment.get("dt") or comment.get("created") or ""
            found.append({"author": authors.get(comment.get("authorId"), ""), "time": when, "text": (text or "").strip()})
        return found

    def _counts(self, root: Any) -> dict[str, int]:
        """Tables, pictures and charts of the slide's own XML, whatever their state; groups and alternatives included."""
        elements = [name_of(each) for each in root.iter()]
        charts = [each for each in root.iter() if name_of(each) == "graphicData" and each.get("uri", "").endswith("/chart")]
        return {**{name: elements.count(tag) for name, tag in COUNTED.items()}, "charts": len(charts)}
