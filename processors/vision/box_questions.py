"""Questions about where things are, asked of a picture's boxes; each has one right answer that can be seen.

Asked is only what the boxes settle: nothing of crowds, nothing of a kind of which one object is too small for its text to mean
it, relations only with a clear margin. Where the boxes are not all that there is (`is_complete` false), kinds are neither
counted nor taken to be unique; then regions are named, and phrases, which mean one object each, are located.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from processors.dialogue import NO_IMAGE
from processors.image.decode import MAX_PIXELS
from processors.image.guarded import GUARDED_REASONS
from processors.image.place_boxes import area, intersection_over_union, scale_box
from processors.image.steps import decode_once
from processors.vision.asked import ASKED_FACTS, Asked, ask_about, choose
from processors.vision.box_programs import KIND, execute_boxes, text_of
from processors.vision.boxes import BOX_REASONS, NUM_BOXES, TOO_MANY_BOXES, BoxRules, LabelledBox, PlacedBoxes, read_boxes
from processors.vision.marks import MARKS, Mark, marks_fact, marks_of
from schemas.facts import Fact, Limit
from schemas.identity import keyed_rng
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Image
from schemas.records import Conversation, FactValue, Row, images_of, with_facts

NUM_CROWDS = Fact("grounding.num_crowds", int, "Boxes of regions of many objects, of which nothing is asked")
NUM_SMALL = Fact("grounding.num_small", int, "Boxes too small for their text to mean them")
BOX_FRAME = Fact("grounding.box_frame", str, "What the row's boxes were counted in: the picture as stored, or as displayed")
ORIENTATION = Fact("grounding.orientation", int, "EXIF orientation of the image file, 1 to 8")
SOURCE_BOXES = Fact(
    "grounding.source_boxes", str, "JSON list of [label, x0, y0, x1, y1] in px of the displayed picture before any resize, exact"
)
CANVAS_BOXES = Fact("grounding.canvas_boxes", str, "JSON list of [label, x0, y0, x1, y1] in px of the canvas, exact")
PLACE_FACTS = (NUM_BOXES, NUM_CROWDS, NUM_SMALL, BOX_FRAME, ORIENTATION, SOURCE_BOXES)

BOX_RULES = BoxRules()

NOTHING_CLEAR = Reason("nothing_clear_to_ask", "No question about the boxes has one answer that can be seen")

# in the order of their turns: boxes tell how many there are and where, so they come last
OPS = ("count", "further", "is_further", "label_at", "refer", "detect", "detect_all", "grounded_caption")
_AXES = {"left": "across", "right": "across", "above": "down", "below": "down", "larger": "size"}
MAX_LISTED, MAX_COUNT = 30, 20  # longer lists are not read to their end, and larger crowds not counted by anybody
MAX_SAME_NAME = 2  # regions asked about whose answer is the same
MAX_COMPARED = 10  # objects of which every two are compared
MIN_GAP = 0.02  # of the picture's side, between two boxes of which one is left of, or above, the other
MIN_TIMES_LARGER = 2.0
MAX_SAME_PLACE = 0.5  # overlap above which two boxes are one region to the eye

_FORMS = (
    "A box is [x0, y0, x1, y1] in {parts} of the image's width and height.",
    "Write boxes as [left, top, right, bottom], from 0 to {bins} across the image.",
    "Coordinates run from 0 to {bins}, left to right and top to bottom: [x0, y0, x1, y1].",
    "Use [x0, y0, x1, y1], in {parts} of the width and the height.",
)
_GIVEN_FORMS = (  # where the question names a box
    "A box is [x0, y0, x1, y1] in {parts} of the image's width and height.",
    "Boxes are [left, top, right, bottom], from 0 to {bins} across the image.",
    "Coordinates run from 0 to {bins}, left to right and top to bottom: [x0, y0, x1, y1].",
)
_ORDERS = (
    "Go from left to right by their left edges, then from top to bottom, one a line.",
    "One box a line, sorted by the left edge, then by the top edge.",
    "List them by left edge, ties by top edge, one a line.",
)
_ASKS = {
    "detect": (
        "Detect every {label} in the image.",
        "Find all objects of the category “{label}” and give their boxes.",
        "Where in the picture are objects of the category “{label}”? Give the box of each.",
        "Locate each object of the kind “{label}”.",
    ),
    "detect_all": (
        "Detect all objects of these categories: {labels}. Write the category before each box.",
        "Find every object of the categories {labels}, and write its category and its box.",
        "Give category and box of each object that belongs to one of: {labels}.",
    ),
    "refer": (
        "Where is the {label}? Give its box.",
        "Give the bounding box of the {label}.",
        "Locate the {label} in the image.",
        "Which box encloses the {label}?",
    ),
    "refer_phrase": (
        "Which region does “{phrase}” describe? Give its box.",
        "Locate this in the image: {phrase}.",
        "Give the bounding box of “{phrase}”.",
    ),
    "label_at": (
        "What object is in the box {box}? Answer with its category.",
        "Name the category of the object at {box}.",
        "Which kind of object fills the region {box}?",
    ),
    "describe_at": ("Describe what is in the box {box} in a few words.", "What does the region {box} show?"),
    "count": (
        "How many objects of the category “{label}” are in the image? Answer with a number.",
        "Count the objects of the kind “{label}” and answer with a number.",
        "How many objects of the kind “{label}” can be seen? Answer with a number.",
    ),
    "grounded_caption": (
        "Describe the image and give, behind what you name, its box.",
        "Write a caption in which the box of each thing follows its mention.",
    ),
}
_FURTHER = {
    "left": ("Which is further to the left, the {a} or the {b}?", "Is the {a} to the left of the {b}?"),
    "right": ("Which is further to the right, the {a} or the {b}?", "Is the {a} to the right of the {b}?"),
    "above": ("Which is higher up in the image, the {a} or the {b}?", "Is the {a} above the {b} in the image?"),
    "below": ("Which is lower down in the image, the {a} or the {b}?", "Is the {a} below the {b} in the image?"),
    "larger": ("Which has the larger box, the {a} or the {b}?", "Is the box of the {a} larger than that of the {b}?"),
}


@dataclass(frozen=True, slots=True)
class _Asking:
    """The truth that is asked about, with what decides the wording."""

    placed: PlacedBoxes
    truth: Mapping[str, Any]
    seed: int
    key: str

    def ask(self, program: Mapping[str, Any], wording: str, forms: Sequence[str] = (), ordered: bool = False, **words: str) -> Asked:
        """A question in one of its wordings, by a hash; with the form of boxes where there are any, and with their order."""
        rng = keyed_rng(self.seed, "grounding_task", f"{self.key} {json.dumps(program, ensure_ascii=False, sort_keys=True)}")
        bins = self.truth["bins"]
        parts = "thousandths" if bins == 1_000 else f"parts of {bins}"
        texts = [self._pick(_ASKS[wording], rng) if wording in _ASKS else wording]
        texts += [self._pick(_ORDERS, rng)] if ordered else []
        texts += [self._pick(forms, rng)] if forms else []
        # one pass, so that braces in what rows say are only text
        told = {"parts": parts, "bins": str(bins), **words}
        question = re.sub(r"\{(\w+)\}", lambda place: told[place[1]], " ".join(texts))
        whole = {"kind": KIND, **program}
        return Asked(question, execute_boxes(self.truth, whole), whole)

    @staticmethod
    def _pick(texts: Sequence[str], rng: Any) -> str:
        return texts[int(rng.integers(len(texts)))]


def ask_boxes(placed: PlacedBoxes, bins: int, is_complete: bool, ops: Sequence[str], seed: int, key: str) -> list[Asked]:
    """Every question of these ops that the boxes settle, in a fixed order."""
    asking = _Asking(placed, placed.truth(bins), seed, key)
    makers = {
        "detect": _ask_detect,
        "detect_all": _ask_detect_all,
        "refer": _ask_refer,
        "label_at": _ask_label,
        "count": _ask_count,
        "further": _ask_further,
        "is_further": _ask_further,
        "grounded_caption": _ask_caption,
    }
    return [asked for op in OPS if op in ops for asked in makers[op](asking, is_complete, op)]


def tells(truth: Mapping[str, Any], one: Asked) -> frozenset[tuple[object, ...]]:
    """What a question and its answer give away: the boxes they name, by their places, or how two objects compare along an axis."""
    program: Mapping[str, Any] = one.program
    op = program["op"]
    if op in ("further", "is_further"):
        return frozenset({(_AXES[program["side"]], *sorted(program["labels"]))})
    if op == "count":
        return frozenset()
    if op == "label_at":
        return frozenset({("box", program["place"])})
    if op == "grounded_caption":
        return frozenset(("box", place) for _, _, places in truth["phrases"] for place in places)
    labels = program.get("labels", [program.get("label")])
    found = (
        place
        for place, box in enumerate(truth["boxes"])
        if (box.get("phrase") == program["phrase"] if "phrase" in program else box["label"] in labels)
    )
    return frozenset(("box", place) for place in found)


def clear_labels(boxes: Sequence[LabelledBox]) -> dict[str, int]:
    """How many objects each label has, for labels all of whose objects are large enough and none is a crowd."""
    blurred = {one.label for one in boxes if one.is_crowd or one.is_small}
    return dict(Counter(one.label for one in boxes if one.label and one.label not in blurred))


def _ask_detect(asking: _Asking, is_complete: bool, op: str) -> Iterator[Asked]:
    for label, count in clear_labels(asking.placed.boxes).items() if is_complete else ():
        if 2 <= count <= MAX_LISTED:
            yield asking.ask({"op": op, "label": label}, op, _FORMS, ordered=True, label=label)


def _ask_detect_all(asking: _Asking, is_complete: bool, op: str) -> Iterator[Asked]:
    labels = clear_labels(asking.placed.boxes) if is_complete else {}
    if len(labels) >= 2 and sum(labels.values()) <= MAX_LISTED:
        listed = sorted(labels)
        yield asking.ask({"op": op, "labels": listed}, op, _FORMS, ordered=True, labels=", ".join(listed))


def _ask_refer(asking: _Asking, is_complete: bool, op: str) -> Iterator[Asked]:
    for label, count in clear_labels(asking.placed.boxes).items() if is_complete else ():
        if count == 1:
            yield asking.ask({"op": op, "label": label}, op, _FORMS, label=label)
    phrases = Counter(one.phrase for one in asking.placed.boxes if one.phrase)
    for one in asking.placed.boxes:
        if one.phrase and phrases[one.phrase] == 1 and not one.is_small and not one.is_crowd:
            yield asking.ask({"op": op, "phrase": one.phrase}, "refer_phrase", _FORMS, phrase=one.phrase)


def _ask_label(asking: _Asking, is_complete: bool, op: str) -> Iterator[Asked]:
    asked: Counter[str] = Counter()
    order = keyed_rng(asking.seed, "grounding_task", f"{asking.key} {op}").permutation(len(asking.placed.boxes))
    for place in map(int, order):
        one = asking.placed.boxes[place]
        if (
            not (one.label or one.phrase)
            or one.is_small
            or one.is_crowd
            or asked[one.label] == MAX_SAME_NAME
            or not _is_alone(place, asking.placed.boxes)
        ):
            continue
        asked[one.label] += 1 if one.label else 0
        name = "label" if one.label else "phrase"
        wording = "label_at" if one.label else "describe_at"
        told = text_of(asking.truth, one.box)
        yield asking.ask({"op": op, "place": place, "name": name}, wording, _GIVEN_FORMS, box=told)


def _is_alone(place: int, boxes: Sequence[LabelledBox]) -> bool:
    """Whether no other object of another name fills the same region."""
    one = boxes[place]
    others = (other for number, other in enumerate(boxes) if number != place and (other.label, other.phrase) != (one.label, one.phrase))
    return all(intersection_over_union(one.box, other.box) <= MAX_SAME_PLACE for other in others)


def _ask_count(asking: _Asking, is_complete: bool, op: str) -> Iterator[Asked]:
    for label, count in clear_labels(asking.placed.boxes).items() if is_complete else ():
        if count <= MAX_COUNT:
            yield asking.ask({"op": op, "label": label}, op, label=label)


def _ask_further(asking: _Asking, is_complete: bool, op: str) -> Iterator[Asked]:
    counts = clear_labels(asking.placed.boxes) if is_complete else {}
    single = sorted((one for one in asking.placed.boxes if counts.get(one.label) == 1), key=lambda one: one.label)
    if len(single) > MAX_COMPARED:
        order = keyed_rng(asking.seed, "grounding_task", f"{asking.key} {op}").permutation(len(single))
        single = [single[place] for place in sorted(order[:MAX_COMPARED])]
    for first, second in itertools.combinations(single, 2):
        for side in _clear_sides(asking.placed, first, second):
            rng = keyed_rng(asking.seed, "grounding_task", f"{asking.key} {op} {side} {first.label} {second.label}")
            a, b = (first.label, second.label) if rng.integers(2) else (second.label, first.label)
            wording = _FURTHER[side][0 if op == "further" else 1]
            yield asking.ask({"op": op, "side": side, "labels": [a, b]}, wording, a=a, b=b)


def _clear_sides(placed: PlacedBoxes, first: LabelledBox, second: LabelledBox) -> Iterator[str]:
    """The sides by which two objects can be compared at a glance; of left and right, and of above and below, both."""
    for names, axis, side_px in ((("left", "right"), 0, placed.width), (("above", "below"), 1, placed.height)):
        gap = max(first.box[axis] - second.box[axis + 2], second.box[axis] - first.box[axis + 2])
        if gap >= MIN_GAP * side_px:
            yield from names
    sizes = sorted((area(first.box), area(second.box)))
    if sizes[1] >= MIN_TIMES_LARGER * sizes[0]:
        yield "larger"


def _ask_caption(asking: _Asking, is_complete: bool, op: str) -> Iterator[Asked]:
    if asking.placed.phrases:
        yield asking.ask({"op": op}, op, _FORMS)


@dataclass(frozen=True, slots=True)
class GroundingTask:
    """A row with an image and boxes becomes a conversation of at most `max_questions` questions about them, chosen by a hash.

    No box, and no comparison of two objects along an axis, is told in two of them.

    `is_complete`: the boxes name every object of their categories.
    """

    seed: int = 0
    rules: BoxRules = BOX_RULES
    is_complete: bool = True
    max_questions: int = 8
    ops: tuple[str, ...] = OPS
    max_pixels: int = MAX_PIXELS
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (*ASKED_FACTS, MARKS, *PLACE_FACTS)
    reasons: ClassVar = (NO_IMAGE, *GUARDED_REASONS, *BOX_REASONS, NOTHING_CLEAR)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        unknown = [op for op in self.ops if op not in OPS]
        if unknown or not self.ops:
            raise ValueError(f"ops has {', '.join(unknown) or 'nothing'}, expected some of {', '.join(OPS)}")

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(NUM_BOXES, TOO_MANY_BOXES.name, most=self.rules.max_boxes),)

    def __call__(self, row: Row) -> Conversation | Reject:
        if "image" not in row.blobs:
            return Reject(row.key, NO_IMAGE.name, "expected image, or file_name, in the row")
        try:
            decoded = decode_once(row.blobs["image"], max_pixels=self.max_pixels)
            placed = read_boxes(row.fields, (decoded.width, decoded.height), decoded.orientation, self.rules)
        except Refused as refused:
            return refused.reject(row.key)
        every = ask_boxes(placed, self.rules.bins, self.is_complete, self.ops, self.seed, row.key)
        boxes = placed.truth(self.rules.bins)
        asked = choose(every, self.max_questions, self.seed, row.key, "grounding_task", lambda one: tells(boxes, one))
        if not asked:
            return Reject(
                row.key, NOTHING_CLEAR.name, f"{len(placed.boxes)} boxes; crowds, small ones and several of a kind are not asked about"
            )
        facts: dict[str, FactValue] = {**place_facts(placed, decoded.orientation), **marks_fact(marks(placed))}
        truth = {KIND: boxes}
        return ask_about(row, [Image(source=row.blobs["image"])], asked, truth, facts)


def place_facts(placed: PlacedBoxes, orientation: int) -> dict[str, FactValue]:
    return {
        NUM_BOXES.name: len(placed.boxes),
        NUM_CROWDS.name: sum(one.is_crowd for one in placed.boxes),
        NUM_SMALL.name: sum(one.is_small for one in placed.boxes),
        BOX_FRAME.name: placed.frame,
        ORIENTATION.name: orientation or 1,
        SOURCE_BOXES.name: json.dumps([[one.label or one.phrase, *one.box] for one in placed.boxes], ensure_ascii=False),
    }


def marks(placed: PlacedBoxes) -> list[Mark]:
    """The boxes as shares of the picture's sides."""
    shares = [(one, scale_box(one.box, 1 / placed.width, 1 / placed.height)) for one in placed.boxes]
    return [Mark(0, *box, label=one.label or one.phrase) for one, box in shares]


@dataclass(frozen=True, slots=True)
class MarkCanvas:
    """Writes where the boxes lie on the canvas; stands after MakeCanvas. Boxes are shares of the picture, so this is exact."""

    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (MARKS,)
    writes: ClassVar = (CANVAS_BOXES,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation:
        images = list(images_of(record))
        found = []
        for mark in marks_of(record):
            canvas = images[mark.image].canvas
            if canvas is None:
                raise ValueError("an image reaches MarkCanvas without a canvas; the recipe lacks MakeCanvas before it")
            found.append([mark.label, *mark.on_canvas(canvas)])
        return with_facts(record, {CANVAS_BOXES.name: json.dumps(found, ensure_ascii=False)})
