"""What is true of the frames of a video as they are shown, and programs that compute answers from it.

Truth (kind "frames") is a JSON object:
    labels        a name for each frame, in the order in which they are shown
    at_s          when each is seen, in seconds; empty where no times are known
    times_s       the same as told to the reader: rounded to `decimals`
    decimals      digits behind the point of every time that is told
    events        [{"event", "start_s", "end_s"}], in order of their start; end_s is null where it is not known
    differences   [[...]] how far apart two frames are: mean difference of 16 x 16 cells, grey levels
    tracks        [{"thing", "boxes"}]: for each frame the thing's box x0, y0, x1, y1 in [0, 1], or null

A program is {"kind": "frames", "op", ...}; frames, events and tracks are named by their place in the lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

KIND = "frames"
MIN_MOVE = 0.1  # of the picture's side; less is no movement that a person would name
ALIKE_MOST, ALIKE_MARGIN, DISTINCT_LEAST = 3.0, 2.0, 6.0  # grey levels, times, grey levels
ODD_LEAST, ODD_MARGIN = 12.0, 2.0
LEAST_STEP = 1.0  # grey levels; less is compression


class Unanswerable(ValueError):
    """The truth gives no single answer to the program's question."""


def execute(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    """The answer to a program's question. Raises: Unanswerable."""
    return OPERATIONS[program["op"]](truth, program)


def told_time(truth: Mapping[str, Any], frame: int) -> Decimal:
    return Decimal(f"{truth['times_s'][frame]:.{truth['decimals']}f}")


def spell_time(time_s: float | Decimal, decimals: int) -> str:
    """As in `4.2 s`."""
    return f"{time_s:.{decimals}f} s"


def first_frame_of(truth: Mapping[str, Any], event: int) -> int:
    """The first frame that is seen while or after an event begins. Raises: Unanswerable when it is over by then, or no frame follows."""
    told = truth["events"][event]
    for frame, time_s in enumerate(truth["at_s"]):
        if time_s >= told["start_s"]:
            if told["end_s"] is not None and time_s >= told["end_s"]:
                break
            return frame
    raise Unanswerable(f"no frame shows event {event}")


def _frame_at(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    distances = sorted((abs(time_s - program["time_s"]), frame) for frame, time_s in enumerate(truth["times_s"]))
    if len(distances) > 1 and 2 * distances[0][0] >= distances[1][0]:
        raise Unanswerable(f"two frames are about as near to {program['time_s']} s")
    return str(truth["labels"][distances[0][1]])


def _time_of(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    return spell_time(told_time(truth, program["frame"]), truth["decimals"])


def _gap(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    return spell_time(abs(told_time(truth, program["last"]) - told_time(truth, program["first"])), truth["decimals"])


def _first_shown(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    texts = [event["event"] for event in truth["events"]]
    if texts.count(texts[program["event"]]) > 1:
        raise Unanswerable("the same event happens twice")
    return str(truth["labels"][first_frame_of(truth, program["event"])])


def _during(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    time_s = truth["at_s"][program["frame"]]
    found = [event["event"] for event in truth["events"] if event["end_s"] is not None and event["start_s"] <= time_s < event["end_s"]]
    return _only(found, f"frame {program['frame']}")


def _between(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    first_s, last_s = truth["at_s"][program["first"]], truth["at_s"][program["last"]]
    return _only([event["event"] for event in truth["events"] if first_s < event["start_s"] <= last_s], "the frames between")


def _only(found: Sequence[str], where: str) -> str:
    if len(found) != 1:
        raise Unanswerable(f"{len(found)} events at {where}")
    return sentence(found[0])


def _earlier(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    one, other = program["events"]
    texts = [event["event"] for event in truth["events"]]
    if texts.count(texts[one]) > 1 or texts.count(texts[other]) > 1:
        raise Unanswerable("one of the events happens twice")
    frames = first_frame_of(truth, one), first_frame_of(truth, other)
    if frames[0] == frames[1]:
        raise Unanswerable("both events are first seen in one frame")
    return sentence(truth["events"][one if frames[0] < frames[1] else other]["event"])


def _extreme(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    frames = [first_frame_of(truth, event) for event in range(len(truth["events"]))]
    ordered = sorted(frames) if program["op"] == "first_event" else sorted(frames, reverse=True)
    if len(ordered) < 2 or ordered[0] == ordered[1]:
        raise Unanswerable("no event is alone at that end")
    return sentence(truth["events"][frames.index(ordered[0])]["event"])


def _alike(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    count = len(truth["labels"])
    pairs = sorted((truth["differences"][one][other], one, other) for one in range(count) for other in range(one + 1, count))
    if len(pairs) < 3 or pairs[0][0] > ALIKE_MOST or pairs[1][0] < max(DISTINCT_LEAST, ALIKE_MARGIN * pairs[0][0]):
        raise Unanswerable("no two frames are clearly more alike than any others")
    return f"{truth['labels'][pairs[0][1]]} and {truth['labels'][pairs[0][2]]}"


def _odd_one(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    """The frame that is farther from every other, by a margin, than any two of those are from one another."""
    count = len(truth["labels"])
    nearest = [min(truth["differences"][one][other] for other in range(count) if other != one) for one in range(count)]
    ranked = sorted(range(count), key=lambda frame: -nearest[frame])
    widest = max((truth["differences"][one][other] for one in ranked[1:] for other in ranked[1:]), default=0.0)
    if count < 3 or nearest[ranked[0]] < max(ODD_LEAST, ODD_MARGIN * widest):
        raise Unanswerable("no frame stands out clearly")
    return str(truth["labels"][ranked[0]])


def _order(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    """The labels by time, where what is seen changes gradually from the first frame, which is told, to the last."""
    order = sorted(range(len(truth["labels"])), key=lambda frame: truth["at_s"][frame])
    if order[0] != program["first"] or not changes_gradually([[truth["differences"][one][other] for other in order] for one in order]):
        raise Unanswerable("the order cannot be told from the pictures")
    return ", ".join(truth["labels"][frame] for frame in order)


def changes_gradually(differences: Sequence[Sequence[float]]) -> bool:
    """Whether what changes goes on changing: of any three frames in order, the outer two are farther apart than either is from the
    middle one, by half or more of the nearer step; a change straight on gives the whole of it, one that turns back less."""
    count = len(differences)
    for one in range(count):
        for two in range(one + 1, count):
            for three in range(two + 1, count):
                near, far = sorted((differences[one][two], differences[two][three]))
                if near < LEAST_STEP or differences[one][three] < far + near / 2:
                    return False
    return True


def _moved(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    boxes = truth["tracks"][program["track"]]["boxes"]
    before, after = boxes[program["first"]], boxes[program["last"]]
    if before is None or after is None:
        raise Unanswerable("the thing is not seen in both frames")
    right, down = ((after[side] + after[side + 2] - before[side] - before[side + 2]) / 2 for side in (0, 1))
    ways = [name for name, amount in (("right", right), ("left", -right), ("down", down), ("up", -down)) if amount >= MIN_MOVE]
    unsure = [amount for amount in (abs(right), abs(down)) if MIN_MOVE / 2 <= amount < MIN_MOVE]
    if len(ways) != 1 or unsure:
        raise Unanswerable("the thing moves in no single direction")
    return {"right": "To the right.", "left": "To the left.", "down": "Downwards.", "up": "Upwards."}[ways[0]]


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text[-1:] in ".!?" else ".")


OPERATIONS = {
    "frame_at": _frame_at,
    "time_of": _time_of,
    "gap": _gap,
    "first_shown": _first_shown,
    "during": _during,
    "between": _between,
    "earlier": _earlier,
    "first_event": _extreme,
    "last_event": _extreme,
    "alike": _alike,
    "odd_one": _odd_one,
    "order": _order,
    "moved": _moved,
}
