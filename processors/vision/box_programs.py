"""Programs over the boxes of a picture: what an answer is computed from, and computed again from when somebody doubts it.

Truth of kind "boxes": `width` and `height` of the displayed picture in px, `bins`, and `boxes`, each with `box` (x0, y0, x1, y1 in
px), `label`, and where they apply `phrase` and `crowd`; with a `caption`, its `phrases` as [start, stop, places of boxes].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from processors.vision.box_text import box_bins, box_text

KIND = "boxes"
SIDES = ("left", "right", "above", "below", "larger")


def boxes_of(truth: Mapping[str, Any], label: str) -> list[Sequence[float]]:
    """The boxes of a label, from left to right, then from top to bottom, as their text tells it; crowds left out."""
    found = [one["box"] for one in truth["boxes"] if one["label"] == label and not one.get("crowd")]
    return sorted(found, key=lambda box: bins_of(truth, box))


def bins_of(truth: Mapping[str, Any], box: Sequence[float]) -> tuple[int, int, int, int]:
    return box_bins(box, truth["width"], truth["height"], truth["bins"])


def text_of(truth: Mapping[str, Any], box: Sequence[float]) -> str:
    return box_text(box, truth["width"], truth["height"], truth["bins"])


def only_box(truth: Mapping[str, Any], program: Mapping[str, Any], name: str = "label") -> Sequence[float]:
    """The one box that a program means by its label or phrase. Raises: ValueError when there are none or several."""
    found = [one["box"] for one in truth["boxes"] if one.get(name, "") == program[name] and not one.get("crowd")]
    if len(found) != 1:
        raise ValueError(f"{len(found)} boxes have the {name} {program[name]!r}, expected one")
    return found[0]


def is_further(side: str, first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether the first box lies further to a side than the second, by their middles; or is larger. Boxes are x0, y0, x1, y1."""
    if side == "larger":
        return _area(first) > _area(second)
    axis = 0 if side in ("left", "right") else 1
    middles = [box[axis] + box[axis + 2] for box in (first, second)]
    return middles[0] < middles[1] if side in ("left", "above") else middles[0] > middles[1]


def _area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def execute_boxes(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    """The answer that a program gives.

    Raises:
        ValueError: an unknown op, or one that has no answer on this truth.
    """
    match program["op"]:
        case "detect":
            return "\n".join(text_of(truth, box) for box in boxes_of(truth, program["label"]))
        case "detect_all":
            return _detect_all(truth, program["labels"])
        case "refer":
            return text_of(truth, only_box(truth, program, "phrase" if "phrase" in program else "label"))
        case "label_at":
            return str(truth["boxes"][program["place"]][program["name"]])
        case "count":
            return str(len(boxes_of(truth, program["label"])))
        case "further":
            first, second = (only_box(truth, {"label": label}) for label in program["labels"])
            return str(program["labels"][0 if is_further(program["side"], first, second) else 1])
        case "is_further":
            first, second = (only_box(truth, {"label": label}) for label in program["labels"])
            return "Yes" if is_further(program["side"], first, second) else "No"
        case "grounded_caption":
            return _grounded_caption(truth)
        case op:
            raise ValueError(f"program of kind {KIND} has the unknown op {op!r}")


def _detect_all(truth: Mapping[str, Any], labels: Sequence[str]) -> str:
    """A line an object, all labels together from left to right, then from top to bottom."""
    found = [(bins_of(truth, box), label, text_of(truth, box)) for label in labels for box in boxes_of(truth, label)]
    return "\n".join(f"{label} {text}" for _, label, text in sorted(found))


def _grounded_caption(truth: Mapping[str, Any]) -> str:
    """The caption with the boxes of each phrase behind it."""
    caption, pieces, done = truth["caption"], [], 0
    for _, stop, places in truth["phrases"]:
        told = " ".join(text_of(truth, truth["boxes"][place]["box"]) for place in places)
        pieces += [caption[done:stop], f" {told}"]
        done = stop
    return "".join([*pieces, caption[done:]])
