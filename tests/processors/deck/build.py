"""Decks for tests: made by python-pptx, and changed part by part into what they must not be."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

from pptx import Presentation
from pptx.util import Inches

from processors.deck.draw import draw_slide
from processors.deck.package import check_deck
from processors.deck.read import read_checked

SIDE_PX = 720


def deck_of(*fill: Callable[[Any], None], layout: int = 6) -> bytes:
    """A deck with a slide for each function, which is given the slide."""
    deck = Presentation()
    for one in fill:
        one(deck.slides.add_slide(deck.slide_layouts[layout]))
    sink = io.BytesIO()
    deck.save(sink)
    return sink.getvalue()


def text_box(slide: Any, text: str, x: float = 1, y: float = 1, width: float = 4, height: float = 1) -> Any:
    """A text box; inches."""
    box = slide.shapes.add_textbox(Inches(x), Inches(y), Inches(width), Inches(height))
    box.text_frame.word_wrap = True
    box.text_frame.text = text
    return box


def changed(data: bytes, parts: Mapping[str, bytes | Callable[[bytes], bytes] | None]) -> bytes:
    """The package with parts replaced, added, or (None) left out."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as new:
        left = dict(parts)
        for entry in old.infolist():
            content: bytes | None = old.read(entry)
            if entry.filename in left:
                change = left.pop(entry.filename)
                content = change(old.read(entry)) if callable(change) else change
            if content is not None:
                new.writestr(entry.filename, content)
        for name, added in left.items():
            assert isinstance(added, bytes)
            new.writestr(name, added)
    return sink.getvalue()


def swapped(old: str, new: str) -> Callable[[bytes], bytes]:
    """A change of a part's text; the old text must be there."""

    def change(content: bytes) -> bytes:
        assert old.encode() in content, (old, content[:2000])
        return content.replace(old.encode(), new.encode(), 1)

    return change


def read(data: bytes) -> dict[str, Any]:
    """The deck as JSON, read in this process, with its picture files under `media`."""
    check_deck(data)
    told, media = read_checked(data)
    return {**told, "media": list(media)}


def drawn(deck: Mapping[str, Any], number: int = 1, side_px: int = SIDE_PX) -> tuple[dict[str, Any], bytes, tuple[int, int]]:
    """What draw_slide answers for a slide: told, RGB bytes, and the size (width, height)."""
    longest = max(deck["width_pt"], deck["height_pt"])
    size = round(side_px * deck["width_pt"] / longest), round(side_px * deck["height_pt"] / longest)
    request = {"slide": deck["slides"][number - 1], "width_pt": deck["width_pt"], "height_pt": deck["height_pt"]}
    request |= {"width_px": size[0], "height_px": size[1], "media": list(range(len(deck["media"])))}
    told, found = draw_slide(request, deck["media"])
    return told, found[0], size
