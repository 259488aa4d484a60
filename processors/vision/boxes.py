"""Boxes of a picture's objects as rows give them, and as truth that questions are computed from.

A row has `boxes`, a list of objects: `bbox` ([x, y, width, height], as COCO writes it, or corners where `bbox_form` says so), a
`category`, and where known a `phrase` that means this one object, and `iscrowd` for a region of many. Or it has `objects`, lists
of one length by name, as the `datasets` library writes them. They are counted in px of a picture of the stated `width` and
`height`, stored or displayed, and become px of the picture as it is displayed; from there every resize is a change of scale.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from processors.image.place_boxes import (
    DISPLAYED,
    SIZE_DIFFERS,
    Box,
    Frame,
    clip_box,
    find_frame,
    intersection_over_union,
    place_box,
)
from processors.vision.box_text import BINS, box_bins
from processors.vision.captions import captions_of
from schemas.facts import Fact
from schemas.outcome import Reason, Refused

NUM_BOXES = Fact("grounding.num_boxes", int, "Boxes of the row")
NO_BOXES = Reason("no_boxes", "The row has no boxes, or none that says what is in it")
BAD_BOX = Reason("bad_box", "A box is not four finite numbers with a width and a height, or its category is no text")
BOX_OUTSIDE = Reason("box_outside", "A box leaves the picture by more than rounding explains")
BOX_TOO_SMALL = Reason("box_too_small", "All boxes are so small that their rounded text would mean another place")
TOO_MANY_BOXES = Reason("too_many_boxes", "The picture has more boxes than asked for")
ONLY_CROWDS = Reason("only_crowds", "All boxes are regions of many objects that are not told apart")
BAD_PHRASES = Reason("bad_phrases", "The phrases of the caption do not fit it or the boxes")
BOX_REASONS = (NO_BOXES, BAD_BOX, BOX_OUTSIDE, BOX_TOO_SMALL, TOO_MANY_BOXES, ONLY_CROWDS, BAD_PHRASES, SIZE_DIFFERS)

XYWH, XYXY = "xywh", "xyxy"
MAX_PX = 1e9  # of a coordinate; beyond lie infinities and whole numbers that no float holds
MAX_NAME_CHARS = 500  # a referring expression has some ten words
TOLERANCE_PX = 1.0  # of the stated frame: boxes of pixels that are counted from 1, or rounded up, pass and are clipped


@dataclass(frozen=True, slots=True)
class BoxRules:
    """What boxes are read as, and which are written as text.

    `bins` is the number of parts of each side: with 1000, every number below the last is a single token of the model, and the
    largest error is half a thousandth of the side, 0.7 px at the 1344 px of pre-training. `min_text_iou` is the least overlap
    of a box with its rounded text.
    """

    bbox_form: str = XYWH
    box_frame: str = DISPLAYED  # of boxes whose stated size cannot tell: annotators see what viewers display
    bins: int = BINS
    min_text_iou: float = 0.9
    min_box_px: float = 4.0
    max_boxes: int = 100

    def __post_init__(self) -> None:
        if self.bbox_form not in (XYWH, XYXY):
            raise ValueError(f"bbox_form is {self.bbox_form!r}, expected {XYWH} or {XYXY}")


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """An object: `box` in px of the displayed picture. `is_small`: too small for its text to mean it."""

    box: Box
    label: str = ""
    phrase: str = ""
    is_crowd: bool = False
    is_small: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """Characters `start` to `stop` of the caption, and the places of the boxes that they mean."""

    start: int
    stop: int
    boxes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlacedBoxes:
    """The objects of a picture of `width` x `height` px as it is displayed, in the row's order; its caption with phrases, where known."""

    width: int
    height: int
    boxes: tuple[LabelledBox, ...]
    frame: str = DISPLAYED
    caption: str = ""
    phrases: tuple[Phrase, ...] = ()

    def truth(self, bins: int) -> dict[str, Any]:
        """The truth of kind "boxes", JSON values."""
        boxes = []
        for one in self.boxes:
            told: dict[str, Any] = {"box": list(one.box), "label": one.label}
            told |= {"phrase": one.phrase} if one.phrase else {}
            told |= {"crowd": True} if one.is_crowd else {}
            boxes.append(told)
        found: dict[str, Any] = {"width": self.width, "height": self.height, "bins": bins, "boxes": boxes}
        if self.phrases:
            found |= {"caption": self.caption, "phrases": [[one.start, one.stop, list(one.boxes)] for one in self.phrases]}
        return found


def read_boxes(fields: Mapping[str, object], stored: tuple[int, int], orientation: int, rules: BoxRules) -> PlacedBoxes:
    """The boxes of a row, for an image file of this stored size and EXIF orientation.

    Raises:
        Refused: one of BOX_REASONS.
    """
    items = _items(fields)
    if len(items) > rules.max_boxes:
        raise Refused(TOO_MANY_BOXES, f"{len(items)} boxes, expected {rules.max_boxes} or fewer", {NUM_BOXES.name: len(items)})
    frame = find_frame(_stated_size(fields), stored, orientation, rules.box_frame)
    width, height = (stored[1], stored[0]) if orientation >= 5 else stored
    found = [_read_box(number, item, frame, stored, orientation, (width, height), rules) for number, item in enumerate(items)]
    named = [one for one in found if one.label or one.phrase]
    if not named:
        raise Refused(NO_BOXES, f"{len(found)} boxes, none with a category or a phrase")
    if all(one.is_crowd for one in named):
        raise Refused(ONLY_CROWDS, f"{len(named)} boxes, all of them of crowds")
    if all(one.is_crowd or one.is_small for one in named):
        raise Refused(
            BOX_TOO_SMALL, f"{len(named)} boxes on {width}x{height} px, expected one of {rules.min_box_px:g} px or more that its text means"
        )
    placed = PlacedBoxes(width, height, tuple(found), frame.name)
    caption, phrases = _phrases(fields, placed)
    return replace(placed, caption=caption, phrases=phrases)


def _items(fields: Mapping[str, object]) -> list[Mapping[str, object]]:
    listed = fields.get("boxes")
    columns = fields.get("objects")
    if not isinstance(listed, list) and isinstance(columns, Mapping):
        lists = {name: column for name, column in columns.items() if isinstance(column, list)}
        sizes = {len(column) for column in lists.values()}
        if len(sizes) > 1:
            raise Refused(BAD_BOX, f"objects has lists of {', '.join(map(str, sorted(sizes)))} values, expected one length")
        listed = [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
    if not isinstance(listed, list) or not listed:
        raise Refused(NO_BOXES, "expected a list of boxes in the row")
    for number, item in enumerate(listed):
        if not isinstance(item, Mapping):
            raise Refused(BAD_BOX, f"box {number} is {str(item)[:60]!r}, expected an object with bbox and category")
    return listed


def _stated_size(fields: Mapping[str, object]) -> tuple[float, float] | None:
    sides = [fields.get("width"), fields.get("height")]
    numbers = [float(side) for side in sides if isinstance(side, (int, float)) and not isinstance(side, bool) and 0 < side < MAX_PX]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else None


def _read_box(
    number: int, item: Mapping[str, object], frame: Frame, stored: tuple[int, int], orientation: int, size: tuple[int, int], rules: BoxRules
) -> LabelledBox:
    values = item.get("bbox", item.get("box"))
    shown = f"box {number} is {str(values)[:60]}"
    if not isinstance(values, (list, tuple)) or len(values) != 4 or not all(_is_number(value) for value in values):
        raise Refused(BAD_BOX, f"{shown}, expected four finite numbers")
    x0, y0, third, fourth = (float(value) for value in values)
    x1, y1 = (third, fourth) if rules.bbox_form == XYXY else (x0 + third, y0 + fourth)
    if not (x1 > x0 and y1 > y0):
        raise Refused(BAD_BOX, f"{shown}, expected a width and a height above 0")
    if min(x0, y0) < -TOLERANCE_PX or x1 > frame.width + TOLERANCE_PX or y1 > frame.height + TOLERANCE_PX:
        raise Refused(BOX_OUTSIDE, f"{shown} ({rules.bbox_form}), the picture has {frame.width:g}x{frame.height:g} px")
    inside = clip_box((x0, y0, x1, y1), frame.width, frame.height)
    if not (inside[2] > inside[0] and inside[3] > inside[1]):
        raise Refused(BOX_OUTSIDE, f"{shown} ({rules.bbox_form}), nothing of it lies in {frame.width:g}x{frame.height:g} px")
    box = clip_box(place_box(inside, frame, stored, orientation), *size)  # a scale may round a border out by an ulp
    is_small = min(box[2] - box[0], box[3] - box[1]) < rules.min_box_px or text_iou(box, *size, rules.bins) < rules.min_text_iou
    label, phrase = _name(number, item, "category", "label", "name"), _name(number, item, "phrase", "caption", "expression")
    return LabelledBox(box, label, phrase, bool(item.get("iscrowd")), is_small)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < MAX_PX


def _name(number: int, item: Mapping[str, object], *names: str) -> str:
    value = next((item[name] for name in names if item.get(name) is not None), "")
    if not isinstance(value, str) or len(value) > MAX_NAME_CHARS:
        raise Refused(BAD_BOX, f"box {number} is named {str(value)[:60]!r}, expected a text of {MAX_NAME_CHARS} characters or fewer")
    return " ".join(value.split())


def text_iou(box: Box, width: float, height: float, bins: int) -> float:
    """The overlap of a box with what its rounded text means."""
    told = box_bins(box, width, height, bins)
    back = (told[0] * width / bins, told[1] * height / bins, told[2] * width / bins, told[3] * height / bins)
    return intersection_over_union(box, back)


# ---- phrases of a caption


def _phrases(fields: Mapping[str, object], placed: PlacedBoxes) -> tuple[str, tuple[Phrase, ...]]:
    """A caption and its phrases: as the row's `phrases` tell, else the first caption in which phrases of the boxes occur, once each."""
    listed, caption = fields.get("phrases"), fields.get("caption")
    if listed:
        if not isinstance(listed, list) or not isinstance(caption, str):
            raise Refused(BAD_PHRASES, "expected phrases as a list, and the caption that they stand in")
        return caption, _check_phrases([_told_phrase(number, item) for number, item in enumerate(listed)], caption, placed)
    for text in captions_of(fields):
        found = list(_find_phrases(text, placed.boxes))
        if found and not _overlap(found):
            return text, tuple(sorted(found, key=lambda one: one.start))
    return "", ()


def _told_phrase(number: int, item: object) -> Phrase:
    start, stop, boxes = (item.get(name) for name in ("start", "end", "boxes")) if isinstance(item, Mapping) else (None, None, None)
    is_whole = all(
        isinstance(value, int) and not isinstance(value, bool) for value in (start, stop, *(boxes if isinstance(boxes, list) else []))
    )
    if not is_whole or not isinstance(boxes, list):
        raise Refused(BAD_PHRASES, f"phrase {number} is {str(item)[:60]!r}, expected start, end and a list of boxes, all whole numbers")
    return Phrase(int(start), int(stop), tuple(boxes))  # type: ignore[arg-type]


def _check_phrases(phrases: Sequence[Phrase], caption: str, placed: PlacedBoxes) -> tuple[Phrase, ...]:
    """Those phrases whose boxes can all be written as text, in the order of the caption."""
    for number, one in enumerate(phrases):
        if not 0 <= one.start < one.stop <= len(caption):
            raise Refused(BAD_PHRASES, f"phrase {number} is {one.start} to {one.stop} of {len(caption)} characters")
        if not one.boxes or not all(0 <= place < len(placed.boxes) for place in one.boxes):
            raise Refused(BAD_PHRASES, f"phrase {number} means boxes {list(one.boxes)}, the row has {len(placed.boxes)}")
    if _overlap(phrases):
        raise Refused(BAD_PHRASES, "two phrases share characters of the caption")
    usable = (one for one in phrases if not any(placed.boxes[place].is_small or placed.boxes[place].is_crowd for place in one.boxes))
    return tuple(sorted(usable, key=lambda one: one.start))


def _find_phrases(caption: str, boxes: Sequence[LabelledBox]) -> list[Phrase]:
    """The phrases of boxes that stand in a caption exactly once, as whole words."""
    means: dict[str, list[int]] = {}
    for place, one in enumerate(boxes):
        if one.phrase:
            means.setdefault(one.phrase, []).append(place)
    found = []
    for phrase, places in means.items():
        spans = [match.span() for match in re.finditer(rf"(?<!\w){re.escape(phrase)}(?!\w)", caption, re.I)]
        if len(spans) == 1 and not any(boxes[place].is_small or boxes[place].is_crowd for place in places):
            found.append(Phrase(*spans[0], tuple(places)))
    return found


def _overlap(phrases: Sequence[Phrase]) -> bool:
    ordered = sorted(phrases, key=lambda one: one.start)
    return any(first.stop > second.start for first, second in itertools.pairwise(ordered))
