"""Questions over several pictures whose answers follow from their boxes and captions, or from a change that was made to one of them.

Truth of kind `images`: a list, for each picture in order {"counts": {category: number}, "present": [categories], "captions": [...]};
a category that is present without being countable (a crowd) is in `present` alone. Truth of kind `change`: what was done to
the second of two pictures: {"change": name, "box": [x0, y0, x1, y1] in thousandths of the first picture, where it has one}.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from processors.tasks.stop_words import STOP_WORDS
from processors.vision.asked import Asked
from processors.vision.box_text import BINS

IMAGES, CHANGE = "images", "change"
MAX_COUNT = 10  # of one kind in one picture; more are neither drawn one by one nor counted reliably
TELLING = 0.34  # share of a caption's words that another picture's captions may have, where the caption is to point at one picture

# ---- names


def plural(name: str) -> str:
    """The plural of a category's English name."""
    irregular = {"person": "people", "knife": "knives", "mouse": "mice", "sheep": "sheep", "skis": "skis", "scissors": "scissors"}
    if name in irregular:
        return irregular[name]
    head, _, last = name.rpartition(" ")
    if last in irregular:
        return f"{head} {irregular[last]}".strip()
    if re.search(r"(?:s|x|z|ch|sh)$", name):
        return name + "es"
    return name[:-1] + "ies" if re.search(r"[^aeiou]y$", name) else name + "s"


def a(name: str) -> str:
    """The name with its article."""
    return name if plural(name) == name else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


# ---- programs


def execute_images(truth: Sequence[Mapping[str, Any]], program: Mapping[str, Any]) -> str:
    """The answer of a program of kind `images`; pictures count from 1.

    Ops: which_shows (`category`), all_showing (`category`), num_showing (`category`), total (`category`), more (`category`,
    `first`, `second`), most (`category`), both (`category`, `first`, `second`), captioned (`caption`), num_images.
    Raises: ValueError where there is not exactly one answer, or for an unknown op.
    """
    op, category = program["op"], program.get("category", "")
    showing = [number for number, image in enumerate(truth, 1) if category in image["present"]]
    if op == "which_shows":
        return f"Image {_only(showing, program)}"
    if op == "all_showing":
        return listed([f"Image {number}" for number in showing]) if showing else "None of them"
    if op == "num_showing":
        return str(len(showing))
    if op == "total":
        return str(sum(_count(image, category) for image in truth))
    if op == "more":
        first, second = (_count(truth[program[name] - 1], category) for name in ("first", "second"))
        return f"Image {_only([program['first']] * (first > second) + [program['second']] * (second > first), program)}"
    if op == "most":
        counts = [_count(image, category) for image in truth]
        return f"Image {_only([number for number, count in enumerate(counts, 1) if count == max(counts)], program)}"
    if op == "both":
        return "Yes" if {program["first"], program["second"]} <= set(showing) else "No"
    if op == "captioned":
        return f"Image {_only([number for number, image in enumerate(truth, 1) if program['caption'] in image['captions']], program)}"
    if op == "num_images":
        return str(len(truth))
    raise ValueError(f"program of kind images has the unknown op {op!r}")


def _count(image: Mapping[str, Any], category: str) -> int:
    if category in image["present"] and category not in image["counts"]:
        raise ValueError(f"{category} cannot be counted in a picture that shows a crowd of them")
    return int(image["counts"].get(category, 0))


def _only(numbers: Sequence[int], program: Mapping[str, Any]) -> int:
    if len(numbers) != 1:
        raise ValueError(f"{len(numbers)} pictures answer {dict(program)}, expected one")
    return numbers[0]


# ---- truth


def image_truth(fields: Mapping[str, object]) -> dict[str, Any]:
    """What a row's boxes and captions say of its picture. Boxes have a category; those of a crowd (`iscrowd`) are not counted."""
    boxes = fields.get("boxes")
    counts: Counter[str] = Counter()
    crowds = set()
    for box in boxes if isinstance(boxes, list) else ():
        category = box.get("category", box.get("label")) if isinstance(box, Mapping) else None
        if isinstance(category, str) and category.strip():
            counts[category.strip()] += 1
            crowds |= {category.strip()} if box.get("iscrowd") else set()
    given = fields.get("captions")
    texts = [text for text in given if isinstance(text, str)] if isinstance(given, list) else []
    single = fields.get("caption")
    texts += [single] if isinstance(single, str) else []
    captions = list(dict.fromkeys(" ".join(text.split()) for text in texts if text.strip()))
    sure = {name: number for name, number in sorted(counts.items()) if name not in crowds and number <= MAX_COUNT}
    return {"counts": sure, "present": sorted(counts), "captions": captions}


# ---- asking

WHICH = ("Which image shows {a}?", "In which of the images is there {a}?", "Which picture has {a} in it?")
ALL = ("Which of the images show {a}?", "Name every image with {a} in it.", "In which images can you see {a}?")
NUMBER = ("How many of the images show {a}?", "In how many of these pictures is there {a}?")
TOTAL = ("How many {many} are there in all the images together?", "Count the {many} over all images.")
MORE = ("Which has more {many}, image {first} or image {second}?", "Are there more {many} in image {first} or in image {second}?")
MOST = ("Which image has the most {many}?", "In which picture are the most {many}?")
BOTH = (
    "Are there {many} in both image {first} and image {second}? Answer yes or no.",
    "Do image {first} and image {second} both show {a}? Answer yes or no.",
)
CAPTION = (
    'Which image does this describe: "{caption}"',
    'One of the images fits the caption "{caption}". Which one?',
    'Match the caption to an image: "{caption}"',
)


def _pick(wordings: Sequence[str], rng: np.random.Generator, **values: object) -> str:
    return wordings[int(rng.integers(len(wordings)))].format(**values)


def ask_images(truth: Sequence[Mapping[str, Any]], rng: np.random.Generator) -> list[Asked]:
    """Every kind of question that has one right answer for these pictures, two of each kind at most."""
    categories = sorted({name for image in truth for name in image["present"]})
    order = [categories[int(index)] for index in rng.permutation(len(categories))]
    pairs = [(first, second) for first in range(1, len(truth) + 1) for second in range(1, len(truth) + 1) if first != second]
    mixed = [pairs[int(index)] for index in rng.permutation(len(pairs))]
    asked: list[Asked] = []

    def ask(wordings: Sequence[str], op: str, **arguments: Any) -> None:
        program = {"kind": IMAGES, "op": op, **arguments}
        category = arguments.get("category", "")
        words = {"a": a(category), "many": plural(category)} if category else {}
        asked.append(Asked(_pick(wordings, rng, **words, **arguments), execute_images(truth, program), program))

    knows_boxes = all(image["present"] for image in truth)  # a picture without boxes may show anything
    for category in order if knows_boxes else ():
        showing = [number for number, image in enumerate(truth, 1) if category in image["present"]]
        countable = all(category in image["counts"] or category not in image["present"] for image in truth)
        counts = [image["counts"].get(category, 0) for image in truth]
        if len(showing) == 1:
            ask(WHICH, "which_shows", category=category)
        elif len(showing) < len(truth):
            ask(ALL, "all_showing", category=category)
            ask(NUMBER, "num_showing", category=category)
        if countable and 2 <= sum(counts) <= 2 * MAX_COUNT and len(showing) > 1:
            ask(TOTAL, "total", category=category)
        if countable and max(counts) > 1 and counts.count(max(counts)) == 1:
            ask(MOST, "most", category=category)
        unequal = [(first, second) for first, second in mixed if counts[first - 1] != counts[second - 1]]
        if countable and unequal and len(showing) > 1:
            ask(MORE, "more", category=category, first=unequal[0][0], second=unequal[0][1])
        if len(truth) > 1 and showing:
            ask(BOTH, "both", category=category, first=min(mixed[0]), second=max(mixed[0]))
    for caption in telling_captions(truth, rng):
        ask(CAPTION, "captioned", caption=caption)
    return _few_of_each(asked)


def _few_of_each(asked: Iterable[Asked], most: int = 2) -> list[Asked]:
    seen: Counter[object] = Counter()
    kept = []
    for one in asked:
        seen[one.program["op"]] += 1
        if seen[one.program["op"]] <= most:
            kept.append(one)
    return kept


def telling_captions(truth: Sequence[Mapping[str, Any]], rng: np.random.Generator) -> list[str]:
    """For each picture, one caption that points at it alone: few of its words are in the captions of any other picture.

    A caption may well fit a picture that it was not written for, so every other picture needs captions of its own, and where
    boxes are known the caption names a category that no other picture shows.
    """
    if any(not image["captions"] for image in truth):
        return []
    words = [[content_words(caption) for caption in image["captions"]] for image in truth]
    found = []
    for number, image in enumerate(truth):
        others = [other for index, other in enumerate(truth) if index != number]
        there = set().union(*(said for index, captions in enumerate(words) if index != number for said in captions))
        shown = {name for other in others for name in other["present"]}
        own = {name for name in image["present"] if name not in shown}
        fitting = [
            caption
            for caption, said in zip(image["captions"], words[number], strict=True)
            if len(said) >= 3
            and len(said & there) <= TELLING * len(said)
            and '"' not in caption
            and (not image["present"] or any(_names(name, caption) for name in own))
        ]
        if fitting:
            found.append(fitting[int(rng.integers(len(fitting)))])
    return [found[int(index)] for index in rng.permutation(len(found))]


def _names(category: str, caption: str) -> bool:
    return re.search(rf"\b(?:{re.escape(category)}|{re.escape(plural(category))})\b", caption, re.I) is not None


_EMPTY = STOP_WORDS["en"] | {"two", "three", "next", "near", "while", "picture", "image", "photo", "showing", "shows", "shown"}


def content_words(caption: str) -> set[str]:
    return {word for word in re.findall(r"\w+", caption.casefold()) if word not in _EMPTY}


# ---- changes

COVER, RECOLOUR, BLUR, ERASE, PASTE = "cover", "recolour", "blur", "erase", "paste"
MIRROR, CROP, BRIGHTEN, DARKEN, GREY, NONE = "mirror", "crop", "brighten", "darken", "grey", "none"
LOCAL = (COVER, RECOLOUR, BLUR, ERASE, PASTE)
WHOLE = (MIRROR, CROP, BRIGHTEN, DARKEN, GREY)
SAID = {
    COVER: "One area is covered by a plain rectangle.",
    RECOLOUR: "The colours of one area are changed.",
    BLUR: "One area is blurred.",
    ERASE: "Something is erased: one area is filled in from what is around it.",
    PASTE: "A piece of the picture is pasted a second time.",
    MIRROR: "The second picture is mirrored left to right.",
    CROP: "The second picture is cropped: it shows only a part of the first.",
    BRIGHTEN: "The second picture is brighter.",
    DARKEN: "The second picture is darker.",
    GREY: "The second picture has lost its colours.",
    NONE: "There is no difference.",
}
WHAT = (
    "What is the difference between the two pictures?",
    "How does the second picture differ from the first?",
    "Compare the two images. What was changed?",
)
WHERE = (
    "Where do the two pictures differ? Give the box as [x0, y0, x1, y1] in thousandths of the width and height.",
    "Which region was changed? Answer with [x0, y0, x1, y1] in thousandths of the width and height.",
)
QUARTER = (
    "In which quarter of the picture is the change: top left, top right, bottom left or bottom right?",
    "Which quarter was changed: top left, top right, bottom left or bottom right?",
)
IS_SAME = ("Are the two pictures the same? Answer yes or no.", "Do these two images show exactly the same? Answer yes or no.")
CATEGORY = (
    "What is at the place that was changed? Name it as it is in the first picture.",
    "Which thing of the first picture was changed?",
)


def quarter(box: Sequence[int]) -> str:
    """The quarter that holds all of a box, empty where it lies in two."""
    half = BINS / 2
    across = "left" if box[2] <= half else "right" if box[0] >= half else ""
    down = "top" if box[3] <= half else "bottom" if box[1] >= half else ""
    return f"{down} {across}" if across and down else ""


def execute_change(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    """The answer of a program of kind `change`. Ops: what, where, quarter, is_same, category.

    Raises: ValueError where the truth does not have the answer, or for an unknown op.
    """
    op = program["op"]
    if op == "what":
        return SAID[truth["change"]]
    if op == "is_same":
        return "Yes" if truth["change"] == NONE else "No"
    if op in ("where", "quarter") and truth.get("box"):
        told = "[{}, {}, {}, {}]".format(*truth["box"]) if op == "where" else quarter(truth["box"])
        if told:
            return told
    if op == "category" and truth.get("category"):
        return str(truth["category"])
    raise ValueError(f"a {truth['change']} change has no answer for {op!r}")


def ask_change(truth: Mapping[str, Any], rng: np.random.Generator) -> list[Asked]:
    asks = [(WHAT, "what"), (IS_SAME, "is_same")]
    if truth.get("box"):
        asks.append((WHERE, "where"))
        asks += [(QUARTER, "quarter")] if quarter(truth["box"]) else []
    asks += [(CATEGORY, "category")] if truth.get("category") else []
    made = []
    for wordings, op in asks:
        program = {"kind": CHANGE, "op": op}
        made.append(Asked(_pick(wordings, rng), execute_change(truth, program), program))
    return made
