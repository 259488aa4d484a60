"""Frames fit the context to the token: the ladder of crops, thinning, filling, and refusal one token past the end."""

from __future__ import annotations

import json

import numpy as np
import pytest

from processors.contract import NUM_TOKENS, TOO_LONG, Contract
from processors.image.crops import EXTREME_ASPECT
from processors.video.fit import LADDER, FitContext, keep_frames, num_tokens
from schemas.outcome import Reject
from schemas.parts import Image, Text
from schemas.records import Conversation, Origin, Turn, images_of


def talk(num_frames: int, width: int, height: int, asked=(), words: int = 0, labels: bool = True) -> Conversation:
    """Frames that share one picture, a question of `words` more words, and an answer."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    parts = []
    for place in range(num_frames):
        parts += [Text(f"Frame {place + 1}, at {place}.0 s: ")] if labels else []
        parts.append(Image(pixels=pixels, time_s=float(place)))
    turns = (Turn("user", (*parts, Text("What happens?" + " so" * words))), Turn("assistant", (Text("Nothing."),), learned=True))
    times = [float(place) for place in range(num_frames)]
    facts = {
        "video.asked_frames": json.dumps(list(asked)),
        "video.frame_times": json.dumps(times),
        "video.num_frames": num_frames,
        "video.span_s": times[-1],
    }
    return Conversation("k", Origin("made"), turns, facts)


def counted(record: Conversation) -> int:
    done = Contract(10**9)(record)
    assert isinstance(done, Conversation)
    return done.facts[NUM_TOKENS.name]


@pytest.mark.parametrize("crops", LADDER)
def test_counts_are_those_of_the_contract(crops):
    record = talk(3, 2000, 1000)
    fitted = FitContext(10**6, ladder=(crops,))(record)
    assert counted(fitted) == num_tokens(record, crops)
    assert fitted.facts["frames.crops_a_frame"] == crops


def test_exactly_the_context_and_one_token_more():
    record = talk(120, 448, 448, labels=False)
    left = 65_536 - num_tokens(record, 1)
    assert left > 0
    full = talk(120, 448, 448, labels=False, words=left)
    assert num_tokens(full, 1) == 65_536
    done = Contract(65_536)(FitContext(65_536)(full))
    assert isinstance(done, Conversation)
    assert done.facts[NUM_TOKENS.name] == 65_536
    assert (done.facts["frames.rule"], done.facts["video.num_frames"]) == ("whole", 120)
    over = talk(120, 448, 448, labels=False, words=left + 1)
    refused = FitContext(65_536, rule="refuse")(over)
    told = "65537 tokens with 1 crop(s) for each of 120 frames, the context holds 65536"
    assert refused == Reject("k", TOO_LONG.name, told, facts={NUM_TOKENS.name: 65_537})
    thinned = FitContext(65_536)(over)
    assert (thinned.facts["frames.rule"], thinned.facts["frames.kept_every"], thinned.facts["video.num_frames"]) == ("thin", 2, 60)
    filled = FitContext(65_536, rule="fill")(over)
    assert (filled.facts["frames.rule"], filled.facts["video.num_frames"]) == ("fill", 119)
    assert counted(filled) == 65_537 - 545


def test_fewer_crops_for_all_frames_alike():
    record = talk(10, 1344, 1344)
    costs = {crops: num_tokens(record, crops) for crops in LADDER}
    assert costs[36] == costs[16] == costs[9] > costs[4] > costs[1]  # 3 x 3 crops are what a frame fills
    assert FitContext(costs[9])(record).facts["frames.crops_a_frame"] == 36
    done = FitContext(costs[9] - 1)(record)
    assert (done.facts["frames.crops_a_frame"], done.facts["frames.rule"]) == (4, "fewer_crops")
    assert {image.canvas.grid for image in images_of(done)} == {(2, 2)}
    assert all(image.pixels is None for image in images_of(done))


def test_thinning_keeps_what_questions_name_with_its_label():
    record = talk(40, 448, 448, asked=(5, 7))
    done = FitContext(20 * 560, ladder=(1,))(record)
    kept = json.loads(done.facts["video.frame_times"])
    every = done.facts["frames.kept_every"]
    assert kept == [float(place) for place in range(40) if place % every == 0 or place in (5, 7)]
    assert [image.time_s for image in images_of(done)] == kept
    assert [kept[place] for place in json.loads(done.facts["video.asked_frames"])] == [5.0, 7.0]
    labels = [part.text.strip() for part in done.turns[0].parts if isinstance(part, Text)][:-1]
    assert labels == [f"Frame {int(time) + 1}, at {int(time)}.0 s:" for time in kept]
    assert done.facts["video.span_s"] == kept[-1]
    assert counted(done) <= 20 * 560
    smaller = [place for place in range(40) if place % (every - 1) == 0 or place in (5, 7)]
    assert num_tokens(keep_frames(record, smaller), 1) > 20 * 560  # the smallest k that fits


def test_text_around_a_dropped_frame_stays():
    pixels = np.zeros((448, 448, 3), np.uint8)
    parts = (
        Text("Look:\nFrame 1:"),
        Image(pixels=pixels),
        Text("Frame 2:"),
        Image(pixels=pixels),
        Text("A cat:"),
        Image(pixels=pixels),
        Text("So?"),
    )
    record = Conversation("k", Origin("made"), (Turn("user", parts), Turn("assistant", (Text("Yes."),), True)))
    kept = keep_frames(record, [1])
    assert ["#" if isinstance(part, Image) else part.text for part in kept.turns[0].parts] == ["Look:\nFrame 2:", "#", "A cat:So?"]


def test_rejects():
    assert FitContext(1_000, min_frames=2)(talk(10, 448, 448)).reason == TOO_LONG.name  # two frames are more than that
    assert isinstance(FitContext(1_200, min_frames=2)(talk(10, 448, 448)), Conversation)
    assert FitContext(10_000)(talk(50, 448, 448, asked=range(50))).reason == TOO_LONG.name
    assert FitContext(10_000)(talk(2, 20_000, 10)).reason == EXTREME_ASPECT.name


@pytest.mark.parametrize(
    ("options", "text"),
    [({"ladder": (1, 4)}, "ladder"), ({"ladder": ()}, "ladder"), ({"rule": "cut"}, "rule"), ({"max_tokens": 0}, "max_tokens")],
)
def test_options_that_cannot_be(options, text):
    with pytest.raises(ValueError, match=text):
        FitContext(**options)
