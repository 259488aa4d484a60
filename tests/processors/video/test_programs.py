"""Answers are executed from truth: each operation exactly, and where the truth gives no single answer none is given."""

from __future__ import annotations

import pytest

from processors.video.programs import Unanswerable, changes_gradually, execute
from processors.video.questions import READ_OFF, WORDINGS, frames_named, order_question, possible, some

KIND = {"kind": "frames"}


def truth(**changes) -> dict:
    times = [0.0, 1.04, 2.0, 3.06, 4.0]
    far = [[0.0 if one == other else 20.0 for other in range(5)] for one in range(5)]
    return {
        "labels": [f"Frame {number + 1}" for number in range(5)],
        "at_s": times,
        "times_s": [round(time, 1) for time in times],
        "decimals": 1,
        "events": [
            {"event": "a ball rolls", "start_s": 0.0, "end_s": 1.5},
            {"event": "the ball stops.", "start_s": 1.5, "end_s": None},
            {"event": "Rain falls", "start_s": 3.05, "end_s": 9.0},
        ],
        "differences": far,
        "tracks": [
            {"thing": "the ball", "boxes": [[0, 0.4, 0.1, 0.5], [0.3, 0.4, 0.4, 0.5], [0.6, 0.42, 0.7, 0.52], None, [0.6, 0.9, 0.7, 1.0]]}
        ],
        **changes,
    }


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        ({"op": "frame_at", "time_s": 1.2}, "Frame 2"),
        ({"op": "frame_at", "time_s": 4.6}, "Frame 5"),
        ({"op": "time_of", "frame": 3}, "3.1 s"),
        ({"op": "gap", "first": 1, "last": 3}, "2.1 s"),  # of the times as they are told: 3.1 - 1.0
        ({"op": "first_shown", "event": 1}, "Frame 3"),
        ({"op": "first_shown", "event": 2}, "Frame 4"),  # told as 3.1, seen at 3.06: after 3.05
        ({"op": "during", "frame": 1}, "A ball rolls."),
        ({"op": "between", "first": 1, "last": 2}, "The ball stops."),
        ({"op": "earlier", "events": [2, 1]}, "The ball stops."),
        ({"op": "first_event"}, "A ball rolls."),
        ({"op": "last_event"}, "Rain falls."),
        ({"op": "moved", "track": 0, "first": 0, "last": 1}, "To the right."),
        ({"op": "moved", "track": 0, "first": 1, "last": 0}, "To the left."),
        ({"op": "moved", "track": 0, "first": 2, "last": 4}, "Downwards."),
        ({"op": "moved", "track": 0, "first": 4, "last": 2}, "Upwards."),
    ],
)
def test_answers(program, answer):
    assert execute(truth(), KIND | program) == answer


@pytest.mark.parametrize(
    ("changes", "program"),
    [
        ({}, {"op": "frame_at", "time_s": 0.5}),  # half-way
        ({}, {"op": "frame_at", "time_s": 0.35}),  # not clearly nearer
        ({}, {"op": "during", "frame": 2}),  # nothing with a known end
        ({}, {"op": "between", "first": 0, "last": 4}),  # two events begin there
        ({}, {"op": "between", "first": 0, "last": 1}),
        ({"events": [{"event": "x", "start_s": 1.1, "end_s": 1.9}]}, {"op": "first_shown", "event": 0}),  # over before a frame shows it
        ({"events": [{"event": "x", "start_s": 5.0, "end_s": None}]}, {"op": "first_shown", "event": 0}),
        (
            {"events": [{"event": "x", "start_s": time, "end_s": None} for time in (0.5, 2.5)]},
            {"op": "first_shown", "event": 0},
        ),  # it happens twice
        ({"events": [{"event": name, "start_s": 1.1, "end_s": None} for name in "xy"]}, {"op": "earlier", "events": [0, 1]}),
        ({"events": [{"event": name, "start_s": 1.1, "end_s": None} for name in "xy"]}, {"op": "first_event"}),
        ({"events": [{"event": "x", "start_s": 1.1, "end_s": None}]}, {"op": "last_event"}),
        (
            {"events": [{"event": name, "start_s": time, "end_s": time + 1} for name, time in (("x", 0.0), ("y", 1.0), ("x", 3.0))]},
            {"op": "earlier", "events": [1, 2]},
        ),  # one of them happens before the other and after it
        ({}, {"op": "alike"}),
        ({}, {"op": "odd_one"}),
        ({}, {"op": "order", "first": 0}),
        ({}, {"op": "moved", "track": 0, "first": 0, "last": 4}),  # across and down
        ({}, {"op": "moved", "track": 0, "first": 0, "last": 3}),  # not seen
        ({}, {"op": "moved", "track": 0, "first": 0, "last": 0}),
    ],
)
def test_no_answer_where_there_is_not_one(changes, program):
    with pytest.raises(Unanswerable):
        execute(truth(**changes), KIND | program)


def differences(pairs: dict, other: float = 20.0) -> list[list[float]]:
    return [[0.0 if one == two else pairs.get((min(one, two), max(one, two)), other) for two in range(5)] for one in range(5)]


def test_the_two_most_alike_and_the_odd_one():
    assert execute(truth(differences=differences({(1, 3): 1.0})), KIND | {"op": "alike"}) == "Frame 2 and Frame 4"
    for pairs in ({(1, 3): 1.0, (0, 2): 1.5}, {(1, 3): 4.0}):  # two such pairs; none that is nearly the same
        with pytest.raises(Unanswerable):
            execute(truth(differences=differences(pairs)), KIND | {"op": "alike"})
    near = {(one, other): 5.0 for one in range(4) for other in range(one + 1, 4)}
    assert execute(truth(differences=differences(near)), KIND | {"op": "odd_one"}) == "Frame 5"
    with pytest.raises(Unanswerable):
        execute(truth(differences=differences(near, other=9.0)), KIND | {"op": "odd_one"})


def test_no_frame_is_odd_among_several_scenes():
    scenes = "ABBCC"  # the first stands alone, and the others look as unlike one another as they look unlike it
    apart = [[0.0 if one == other else 40.0 for other in scenes] for one in scenes]
    with pytest.raises(Unanswerable):
        execute(truth(differences=apart), KIND | {"op": "odd_one"})
    near = [[40.0 if (one == "A") != (other == "A") else 0.0 if one == other else 5.0 for other in scenes] for one in scenes]
    assert execute(truth(differences=near), KIND | {"op": "odd_one"}) == "Frame 1"


def test_order_is_asked_of_gradual_change_alone():
    gradual = [[abs(one - other) * 5.0 for other in range(5)] for one in range(5)]
    assert changes_gradually(gradual)
    assert not changes_gradually([[min(value, 10.0) for value in line] for line in gradual])  # it comes back
    shuffle = [3, 0, 4, 1, 2]
    mixed = truth(
        at_s=[float(place) for place in shuffle],
        differences=[[gradual[one][other] for other in shuffle] for one in shuffle],
        labels=list("DAEBC"),
    )
    one = order_question(mixed, 0, "k")
    assert one.answer == "A, B, C, D, E"
    assert "A" in one.question
    assert execute(mixed, one.program) == one.answer
    with pytest.raises(Unanswerable):
        execute(mixed, {**one.program, "first": 0})


def test_questions_are_many_worded_many_ways_and_all_executable():
    found = [one for key in range(40) for one in possible(truth(), 0, f"k{key}")]
    assert all(execute(truth(), one.program) == one.answer for one in found)
    assert {one.program["op"] for one in found} == {
        *("frame_at", "time_of", "gap", "first_shown", "during", "between", "earlier", "first_event", "last_event", "moved"),
    }
    starts = {one.question.split()[0] for one in found if one.program["op"] == "time_of"}
    assert len(starts) == len(WORDINGS["time_of"])
    assert possible(truth(), 0, "k1") == possible(truth(), 0, "k1")
    assert all(len(WORDINGS[op]) >= 2 for op in WORDINGS)


def test_questions_that_need_a_look_come_first():
    for key in range(20):
        chosen = some(truth(), 4, 0, f"k{key}")
        assert len(chosen) == 4
        assert len({one.program["op"] for one in chosen}) == 4
        assert not any(one.program["op"] in READ_OFF for one in chosen)
    plain = truth(events=[], tracks=[])
    assert {one.program["op"] for one in some(plain, 3, 0, "k")} == set(READ_OFF)
    assert some(truth(events=[], tracks=[], times_s=[], at_s=[]), 3, 0, "k") == []


def test_frames_that_questions_rest_on():
    for one in (one for key in range(20) for one in possible(truth(), 0, f"k{key}")):
        named = frames_named([one], truth())
        text = f"{one.question} {one.answer}"
        assert {number for number in range(5) if f"Frame {number + 1}" in text} <= set(named)
        if one.program["op"] == "earlier":
            assert len(named) == 2
