"""Single pictures gathered into sets, and pairs of a picture and a changed copy, with questions whose answers are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFilter

from processors.dialogue import NO_IMAGE
from processors.image.guarded import GUARDED_REASONS, guarded_image
from processors.image.steps import cap_side
from processors.licence import all_of
from processors.once import once
from processors.vision.asked import ASKED_FACTS, ask_about, choose
from processors.vision.box_text import BINS, box_bins
from processors.vision.marks import MARKS, Mark, marks_fact
from processors.vision.multi_image import (
    BLUR,
    BRIGHTEN,
    CHANGE,
    COVER,
    CROP,
    DARKEN,
    ERASE,
    GREY,
    IMAGES,
    LOCAL,
    MIRROR,
    NONE,
    PASTE,
    RECOLOUR,
    WHOLE,
    ask_change,
    ask_images,
    image_truth,
)
from schemas.facts import Fact, Limit
from schemas.identity import digest, keyed_rng, keyed_uniform
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Image
from schemas.records import Conversation, FactValue, Origin, Row, images_of, with_facts

POOL = Fact("set.pool", str, "Which pictures may come into one set; the same for all of a split")
NUM_MEMBERS = Fact("set.num_images", int, "Pictures of the set or pair")
CHANGE_FACT = Fact("set.change", str, "What was done to the second picture of a pair; empty for sets")

WRONG_NUM_IMAGES = Reason("wrong_num_images", "The conversation has fewer images than a comparison needs, or more than are asked for")
TOO_FEW_IMAGES = Reason("too_few_images", "Too few pictures are left in the split to form a set")
NO_TRUTH = Reason("no_boxes_or_captions", "The row has neither boxes with categories nor captions, so nothing about it can be computed")
NOTHING_TO_COMPARE = Reason("nothing_to_compare", "No question has one right answer for these pictures")
NO_VISIBLE_CHANGE = Reason("no_visible_change", "None of the changes can be seen in the picture")

MAX_SET = 8
VISIBLE_LEVELS = 18.0  # grey levels by which a change moves the pixels of its region on average, so that it can be seen
VISIBLE_WHOLE = 10.0
MAX_ATTEMPTS = 24
UNCHANGED = 0.25  # of the pairs, beside the share that chance gives: whoever always says "changed" must often be wrong

_decode = once(guarded_image)


@dataclass(frozen=True, slots=True)
class CheckImage:
    """Refuses a row whose picture cannot be read, so that it does not take the others of its set with it; gives the fact that sets are formed by."""

    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (POOL,)
    reasons: ClassVar = (NO_IMAGE, *GUARDED_REASONS, NO_TRUTH)
    version: ClassVar = 1

    def __call__(self, row: Row) -> Row | Reject:
        if "image" not in row.blobs:
            return Reject(row.key, NO_IMAGE.name, "expected image, or file_name, in the row")
        truth = image_truth(row.fields)
        if not truth["present"] and not truth["captions"]:
            return Reject(row.key, NO_TRUTH.name, "expected boxes, captions or a caption")
        try:
            guarded_image(row.blobs["image"])
        except Refused as refused:
            return refused.reject(row.key)
        return with_facts(row, {POOL.name: "all"})


def set_sizes(total: int, smallest: int, largest: int, rng: np.random.Generator) -> list[int]:
    """Sizes between the bounds that use up `total` as far as they can; only what cannot form a set of `smallest` is left over."""
    sizes: list[int] = []
    left = total
    while left >= smallest:
        possible = range(smallest, min(left, largest) + 1)
        whole = [size for size in possible if size == left or left - size >= smallest] or list(possible)  # none that strands a few
        sizes.append(whole[int(rng.integers(len(whole)))])
        left -= sizes[-1]
    return sizes


@dataclass(frozen=True, slots=True)
class GatherSets:
    """The pictures of a split in sets of `smallest` to `largest`, in an order by a hash of seed and key, with questions over each set.

    A set is a conversation that names its rows as parents. Pictures that are left over, or of which a set has nothing to ask,
    are refused, each by its own key.
    """

    smallest: int = 2
    largest: int = 8
    max_questions: int = 6
    seed: int = 0
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = (POOL,)
    writes: ClassVar = (*ASKED_FACTS, MARKS, NUM_MEMBERS, CHANGE_FACT)
    reasons: ClassVar = (TOO_FEW_IMAGES, NOTHING_TO_COMPARE)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not 2 <= self.smallest <= self.largest <= MAX_SET or self.max_questions < 1:
            raise ValueError(f"{self!r}; expected 2 <= smallest <= largest <= {MAX_SET}, and 1 question or more")

    def __call__(self, rows: Sequence[Row]) -> list[Conversation | Reject]:
        ordered = sorted(rows, key=lambda row: (keyed_uniform(self.seed, "gather_sets", row.key), row.key))
        rng = keyed_rng(self.seed, "set_sizes", digest(*(row.key for row in ordered)))
        results: list[Conversation | Reject] = []
        start = 0
        for size in set_sizes(len(ordered), self.smallest, self.largest, rng):
            results += self._set(ordered[start : start + size])
            start += size
        told = f"{len(rows) - start} of {len(rows)} pictures left, expected {self.smallest} or more for a set"
        return [*results, *(Reject(row.key, TOO_FEW_IMAGES.name, told) for row in ordered[start:])]

    def _set(self, rows: Sequence[Row]) -> list[Conversation | Reject]:
        truth = [image_truth(row.fields) for row in rows]
        key = digest("set", *(row.key for row in rows))
        asked = choose(ask_images(truth, keyed_rng(self.seed, "ask_images", key)), self.max_questions, self.seed, key, "set_choice")
        if not asked:
            return [Reject(row.key, NOTHING_TO_COMPARE.name, f"in a set of {len(rows)} pictures") for row in rows]
        facts: dict[str, FactValue] = {
            **marks_fact([]),
            NUM_MEMBERS.name: len(rows),
            CHANGE_FACT.name: "",
            POOL.name: rows[0].facts[POOL.name],
        }
        whole = Row(key, _common(rows), facts=facts, parents=tuple(row.key for row in rows))
        return [ask_about(whole, [Image(source=row.blobs["image"]) for row in rows], asked, {IMAGES: truth})]


def _common(rows: Sequence[Row]) -> Origin:
    """One origin of several rows: what they share, and all their locators."""
    first = rows[0].origin
    locators = [row.origin.locator for row in rows]
    return replace(first, licence=all_of(row.origin.licence for row in rows), locator="; ".join(locators))


# ---- pairs


@dataclass(frozen=True, slots=True)
class ChangePair:
    """A picture and a copy of it that is changed in one way, or in none, with questions about the difference.

    Where the row has boxes, a local change is made to one of them that no other overlaps; else to a place of chance. A change
    must be seen: its region moves by 18 grey levels or more on average, or another is tried.
    """

    changes: tuple[str, ...] = (*LOCAL, *WHOLE, NONE)
    max_side_px: int = 1344
    max_questions: int = 4
    seed: int = 0
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (*ASKED_FACTS, MARKS, NUM_MEMBERS, CHANGE_FACT)
    reasons: ClassVar = (NO_IMAGE, *GUARDED_REASONS, NO_VISIBLE_CHANGE)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        known = (*LOCAL, *WHOLE, NONE)
        if not self.changes or set(self.changes) - set(known) or self.max_side_px < 1 or self.max_questions < 1:
            raise ValueError(f"{self!r}; expected changes among {', '.join(known)}, and 1 or more of each maximum")

    def __call__(self, row: Row) -> Conversation | Reject:
        if "image" not in row.blobs:
            return Reject(row.key, NO_IMAGE.name, "expected image, or file_name, in the row")
        rng = keyed_rng(self.seed, "change_pair", row.key)
        try:
            whole = _decode(row.blobs["image"]).pixels
        except Refused as refused:
            return refused.reject(row.key)
        before = cap_side(whole, self.max_side_px)
        boxes = _free_boxes(row.fields, before.shape[1] / whole.shape[1], before.shape[1], before.shape[0])
        done = _changed(before, boxes, self.changes, rng)
        if done is None:
            return Reject(row.key, NO_VISIBLE_CHANGE.name, f"{MAX_ATTEMPTS} attempts at {', '.join(self.changes)}")
        after, truth = done
        asked = choose(ask_change(truth, rng), self.max_questions, self.seed, row.key, "change_choice")
        box = truth.get("box")
        marks = (
            [Mark(number, box[0] / BINS, box[1] / BINS, box[2] / BINS, box[3] / BINS, truth["change"]) for number in (0, 1)] if box else []
        )
        facts: dict[str, FactValue] = {**marks_fact(marks), NUM_MEMBERS.name: 2, CHANGE_FACT.name: truth["change"]}
        return ask_about(row, [Image(pixels=before), Image(pixels=after)], asked, {CHANGE: truth}, facts)


Box = tuple[int, int, int, int]


def _free_boxes(fields: Mapping[str, object], scale: float, width: int, height: int) -> list[tuple[Box, str]]:
    """Boxes in px (x0, y0, x1, y1) with their category: large enough to see, no larger than a third of the picture, touched by no other."""
    found: list[tuple[Box, str]] = []
    given = fields.get("boxes")
    for one in given if isinstance(given, list) else ():
        bbox = one.get("bbox") if isinstance(one, Mapping) else None
        category = one.get("category") if isinstance(one, Mapping) else None
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(isinstance(value, (int, float)) and abs(value) < 1e9 for value in bbox):
            continue
        x, y, w, h = (value * scale for value in bbox)
        x0, y0, x1, y1 = max(0, int(x)), max(0, int(y)), min(width, round(x + w)), min(height, round(y + h))
        if x1 > x0 and y1 > y0:
            found.append(((x0, y0, x1, y1), category.strip() if isinstance(category, str) else ""))

    def touches(first: Box, second: Box) -> bool:
        return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]

    return [
        (box, name)
        for index, (box, name) in enumerate(found)
        if _is_seen(box, width, height) and not any(touches(box, other) for at, (other, _) in enumerate(found) if at != index)
    ]


def _is_seen(box: Box, width: int, height: int) -> bool:
    share = (box[2] - box[0]) * (box[3] - box[1]) / (width * height)
    return min(box[2] - box[0], box[3] - box[1]) >= 12 and 0.005 <= share <= 0.33


def _changed(
    before: np.ndarray, boxes: Sequence[tuple[Box, str]], changes: Sequence[str], rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, Any]] | None:
    """The changed copy and what was done to it; None where nothing that can be seen was found."""
    height, width = before.shape[:2]
    for _ in range(MAX_ATTEMPTS):
        change = changes[int(rng.integers(len(changes)))]
        if change == NONE or (NONE in changes and rng.random() < UNCHANGED):
            return before.copy(), {"change": NONE}
        if change in WHOLE:
            after = _change_whole(before, change, rng)
            shown = after if after.shape == before.shape else np.asarray(PillowImage.fromarray(after).resize((width, height)))
            if np.abs(shown.astype(np.int16) - before).mean() >= VISIBLE_WHOLE:
                return after, {"change": change}
            continue
        box, category = boxes[int(rng.integers(len(boxes)))] if boxes else (_chance_box(width, height, rng), "")
        if not _is_seen(box, width, height):
            continue
        after = _change_box(before, box, change, rng)
        target = box
        if change == PASTE:
            target, category = _landing(box, boxes, width, height, rng), ""
            if target == box or before[box[1] : box[3], box[0] : box[2]].std(axis=(0, 1)).mean() < VISIBLE_LEVELS:
                continue  # a piece of sky or wall looks like a plain rectangle, not like a second one of anything
            after = before.copy()
            after[target[1] : target[3], target[0] : target[2]] = before[box[1] : box[3], box[0] : box[2]]
        region = slice(target[1], target[3]), slice(target[0], target[2])
        if np.abs(after[region].astype(np.int16) - before[region]).mean() >= VISIBLE_LEVELS:
            truth: dict[str, Any] = {"change": change, "box": list(box_bins(target, width, height))}
            return after, truth | ({"category": category} if category else {})
    return None


def _chance_box(width: int, height: int, rng: np.random.Generator) -> Box:
    w, h = int(width * rng.uniform(0.12, 0.35)), int(height * rng.uniform(0.12, 0.35))
    x, y = int(rng.integers(0, max(1, width - w))), int(rng.integers(0, max(1, height - h)))
    return x, y, x + w, y + h


def _landing(box: Box, boxes: Sequence[tuple[Box, str]], width: int, height: int, rng: np.random.Generator) -> Box:
    """Where a piece may be pasted: clear of itself and of every known box; the box itself where no place is found."""
    w, h = box[2] - box[0], box[3] - box[1]
    for _ in range(MAX_ATTEMPTS):
        x, y = int(rng.integers(0, max(1, width - w))), int(rng.integers(0, max(1, height - h)))
        there = (x, y, x + w, y + h)
        if all(
            x >= other[2] or other[0] >= there[2] or y >= other[3] or other[1] >= there[3] for other in (box, *(one for one, _ in boxes))
        ):
            return there
    return box


def _change_box(before: np.ndarray, box: Box, change: str, rng: np.random.Generator) -> np.ndarray:
    after = before.copy()
    part = after[box[1] : box[3], box[0] : box[2]]
    if change == COVER:
        part[:] = rng.integers(0, 256, 3)
    elif change == RECOLOUR:
        part[:] = part[..., (1, 2, 0) if rng.random() < 0.5 else (2, 0, 1)]
    elif change == BLUR:
        radius = 0.12 * min(part.shape[:2])
        part[:] = np.asarray(PillowImage.fromarray(before).filter(ImageFilter.GaussianBlur(radius)))[box[1] : box[3], box[0] : box[2]]
    elif change == ERASE:
        part[:] = filled_in(before, box)
    return after


def filled_in(pixels: np.ndarray, box: Box) -> np.ndarray:
    """The region as its surroundings suggest it: each pixel a mean of the four edges around the box, weighted by nearness.

    Shapes: pixels (H, W, 3) uint8 to (h, w, 3) uint8.
    """
    x0, y0, x1, y1 = box
    height, width = pixels.shape[:2]
    soft = np.asarray(PillowImage.fromarray(pixels).filter(ImageFilter.GaussianBlur(2))).astype(np.float32)
    left, right = soft[y0:y1, max(0, x0 - 2)][:, None], soft[y0:y1, min(width - 1, x1 + 1)][:, None]
    top, bottom = soft[max(0, y0 - 2), x0:x1][None], soft[min(height - 1, y1 + 1), x0:x1][None]
    along = np.arange(x1 - x0, dtype=np.float32) + 1
    down = np.arange(y1 - y0, dtype=np.float32) + 1
    weights = [1 / along[None], 1 / along[::-1][None], 1 / down[:, None], 1 / down[::-1][:, None]]
    total = weights[0] + weights[1] + weights[2] + weights[3]
    mixed = sum(weight[..., None] * edge for weight, edge in zip(weights, (left, right, top, bottom), strict=True)) / total[..., None]
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def _change_whole(before: np.ndarray, change: str, rng: np.random.Generator) -> np.ndarray:
    height, width = before.shape[:2]
    if change == MIRROR:
        return before[:, ::-1].copy()
    if change == CROP:
        w, h = int(width * rng.uniform(0.5, 0.75)), int(height * rng.uniform(0.5, 0.75))
        x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
        return before[y : y + max(1, h), x : x + max(1, w)].copy()
    if change == GREY:
        return np.asarray(PillowImage.fromarray(before).convert("L").convert("RGB"))
    factor = rng.uniform(1.35, 1.7) if change == BRIGHTEN else rng.uniform(0.4, 0.65)
    assert change in (BRIGHTEN, DARKEN)
    return np.clip(before.astype(np.float32) * np.float32(factor) + 0.5, 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class KeepSeveralImages:
    """Keeps conversations of `smallest` to `largest` images."""

    smallest: int = 2
    largest: int = 8
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (NUM_MEMBERS,)
    reasons: ClassVar = (WRONG_NUM_IMAGES,)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(NUM_MEMBERS, WRONG_NUM_IMAGES.name, self.smallest, self.largest),)

    def __call__(self, record: Conversation) -> Conversation | Reject:
        count = sum(1 for _ in images_of(record))
        facts: dict[str, FactValue] = {NUM_MEMBERS.name: count}
        if not self.smallest <= count <= self.largest:
            return Reject(record.key, WRONG_NUM_IMAGES.name, f"{count} images, expected {self.smallest} to {self.largest}", facts=facts)
        return with_facts(record, facts)
