"""Questions about the frames of a video whose answers are computed: which are possible, and how they are worded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from processors.video.programs import KIND, Unanswerable, execute, first_frame_of, spell_time
from processors.vision.asked import Asked, choose
from schemas.identity import keyed_rng

WORDINGS: dict[str, tuple[str, ...]] = {
    "frame_at": ("Which frame is nearest to {time} into the video?", "Which of these frames was taken closest to the moment {time}?"),
    "time_of": ("At what time is {frame} seen?", "When does {frame} appear in the video?"),
    "gap": ("How much time passes between {first} and {last}?", "How long after {first} is {last} seen?"),
    "first_shown": ("Which is the first frame after this begins: {event}?", 'From which frame on has this happened: "{event}"?'),
    "during": ("What is happening in {frame}?", "Say what goes on at the moment of {frame}."),
    "between": ("What happens between {first} and {last}?", "What takes place after {first}, by the time of {last}?"),
    "earlier": ('Which happens first: "{one}" or "{other}"?', 'Which of these comes earlier in the video: "{one}", or "{other}"?'),
    "first_event": ("What is the first thing that happens in the video?", "What happens first?"),
    "last_event": ("What is the last thing that happens in the video?", "What happens last?"),
    "alike": ("Which two frames look most alike?", "Two of these frames are nearly the same. Which ones?"),
    "odd_one": ("Which frame looks unlike all the others?", "One frame shows a very different picture. Which one?"),
    "order": (
        "These frames of one video are shuffled. {first} comes first. Put them in the order in which they were taken.",
        "The frames are out of order, and {first} is the earliest. What is their right order?",
    ),
    "moved": ("In which direction does {thing} move from {first} to {last}?", "Which way has {thing} gone between {first} and {last}?"),
}
READ_OFF = ("frame_at", "time_of", "gap")  # answered from the labels, without a look at the frames
MAX_PLACES = 6  # per kind of question that goes over pairs: more are not needed to choose from


def possible(truth: Mapping[str, Any], seed: int, key: str) -> list[Asked]:
    """Every question of each kind that has one right answer, at most MAX_PLACES a kind, worded by a hash of seed and key."""
    found: list[Asked] = []
    for program, words in _programs(truth, seed, key):
        try:
            answer = execute(truth, program)
        except Unanswerable:
            continue
        found.append(Asked(_worded(program["op"], words, seed, f"{key}/{len(found)}"), answer, program))
    return found


def some(truth: Mapping[str, Any], most: int, seed: int, key: str) -> list[Asked]:
    """At most `most` of the possible questions, of different kinds first; those that labels alone answer fill what is left."""
    asked = possible(truth, seed, key)
    looked = choose([one for one in asked if one.program["op"] not in READ_OFF], most, seed, key, "video.questions")
    read = [one for one in asked if one.program["op"] in READ_OFF]
    return looked + choose(read, most - len(looked), seed, key, "video.questions")


def order_question(truth: Mapping[str, Any], seed: int, key: str) -> Asked | None:
    """The question for the right order of shuffled frames; None where the pictures do not tell it."""
    first = int(np.argmin(truth["at_s"]))
    program = {"kind": KIND, "op": "order", "first": first}
    try:
        return Asked(_worded("order", {"first": truth["labels"][first]}, seed, key), execute(truth, program), program)
    except Unanswerable:
        return None


def frames_named(asked: Sequence[Asked], truth: Mapping[str, Any]) -> list[int]:
    """Places of the frames that questions or answers name, or that they rest on; all for one about all of them."""
    found: set[int] = set()
    for one in asked:
        if one.program.get("op") in ("odd_one", "order", "alike"):
            return list(range(len(truth["labels"])))
        program: Mapping[str, Any] = one.program
        found |= {program[name] for name in ("frame", "first", "last") if name in program}
        found |= {place for place, label in enumerate(truth["labels"]) if one.answer == label}
        events = [program["event"]] if "event" in program else program.get("events", ())
        if program.get("op") in ("first_event", "last_event"):
            events = range(len(truth["events"]))
        found |= {first_frame_of(truth, event) for event in events}
    return sorted(found)


def _worded(op: str, words: Mapping[str, str], seed: int, key: str) -> str:
    wordings = WORDINGS[op]
    return wordings[int(keyed_rng(seed, "video.wording", key).integers(len(wordings)))].format(**words)


def _programs(truth: Mapping[str, Any], seed: int, key: str) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Programs that might have an answer, each with the words for its question."""
    labels, count = truth["labels"], len(truth["labels"])
    rng = keyed_rng(seed, "video.programs", key)
    pairs = [pair for pair in combinations(range(count), 2)]
    if len(pairs) > MAX_PLACES:
        pairs = [pairs[place] for place in sorted(rng.choice(len(pairs), MAX_PLACES, replace=False))]
    if truth["times_s"]:
        for frame in sorted(rng.choice(count, min(count, MAX_PLACES), replace=False).tolist()):
            yield _program("time_of", frame=frame), {"frame": labels[frame]}
            near_s = _near(truth, frame, rng)
            yield _program("frame_at", time_s=near_s), {"time": spell_time(near_s, truth["decimals"])}
            yield _program("during", frame=frame), {"frame": labels[frame]}
        for first, last in pairs:
            words = {"first": labels[first], "last": labels[last]}
            yield _program("gap", first=first, last=last), words
        for first, last in _around_events(truth):
            yield _program("between", first=first, last=last), {"first": labels[first], "last": labels[last]}
        yield from _of_events(truth)
    yield _program("alike"), {}
    yield _program("odd_one"), {}
    for place, track in enumerate(truth["tracks"]):
        for first, last in pairs:
            yield (
                _program("moved", track=place, first=first, last=last),
                {"thing": track["thing"], "first": labels[first], "last": labels[last]},
            )


def _program(op: str, **arguments: Any) -> dict[str, Any]:
    return {"kind": KIND, "op": op, **arguments}


def _near(truth: Mapping[str, Any], frame: int, rng: np.random.Generator) -> float:
    """A time near a frame's, and clearly farther from its neighbours'."""
    times = truth["times_s"]
    gaps = [abs(times[other] - times[frame]) for other in (frame - 1, frame + 1) if 0 <= other < len(times)]
    shift = (min(gaps) if gaps else 0.0) * float(rng.uniform(-0.25, 0.25))
    return max(0.0, round(times[frame] + shift, truth["decimals"]))


def _around_events(truth: Mapping[str, Any]) -> list[tuple[int, int]]:
    """For each event the frames before and after its start."""
    times = truth["at_s"]
    places = [next((frame for frame, time_s in enumerate(times) if time_s >= event["start_s"]), 0) for event in truth["events"]]
    return sorted({(place - 1, place) for place in places if place > 0})[:MAX_PLACES]


def _of_events(truth: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    told = [event["event"].strip().rstrip(".") for event in truth["events"]]
    for event, text in list(enumerate(told))[:MAX_PLACES]:
        yield _program("first_shown", event=event), {"event": text}
    for one, other in list(combinations(range(len(told)), 2))[:MAX_PLACES]:
        if told[one] != told[other]:  # the later one is named first every other time, so that its place tells nothing
            shown = (one, other) if (one + other) % 2 else (other, one)
            yield _program("earlier", events=list(shown)), {"one": told[shown[0]], "other": told[shown[1]]}
    if len(told) > 1:
        yield _program("first_event"), {}
        yield _program("last_event"), {}
