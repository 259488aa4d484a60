"""Rows become conversations: where the frames stand, what is asked, what is refused."""

from __future__ import annotations

import copy
import io
import json
import pickle

import numpy as np
import pytest
from PIL import Image as PillowImage

from processors.dialogue import LANGUAGE
from processors.tasks.writing import WRITTEN_BY
from processors.video.captions import NO_CAPTION, WriteVideoCaption
from processors.video.programs import execute
from processors.video.rows import BAD_EVENTS, BAD_TIMES, WRONG_VIDEO_COUNT
from processors.video.select import Selection
from processors.video.task import FACTS, NO_VIDEO, NOTHING_TO_ASK, STATIC, TOO_FEW_FRAMES, VideoTask
from processors.vision.asked import ASKED_FACTS
from processors.vision.check import CheckAnswers
from schemas.outcome import Reject
from schemas.parts import Image, Text
from schemas.records import Conversation, Origin, Row, images_of, learned_texts
from tests.processors.video.making import clip, encode, picture, with_tone

CLIP = clip(24)
TASK = VideoTask(Selection(num_frames=4))
GIVEN = VideoTask(Selection(num_frames=4), most_computed=0)


def row(fields=None, blobs=None, facts=None, key="k") -> Row:
    return Row(key, Origin("made"), fields or {}, {"video": CLIP} if blobs is None else blobs, facts or {})


def told(record: Conversation) -> list[str]:
    """Each turn's parts, pictures as `#`."""
    return ["|".join("#" if isinstance(part, Image) else part.text for part in turn.parts) for turn in record.turns]


def png(number: int, width: int = 96, height: int = 64) -> bytes:
    sink = io.BytesIO()
    PillowImage.fromarray(picture(number, width, height)).save(sink, "PNG")
    return sink.getvalue()


FRAMES = "Frame 1, at 0.3 s: |#|Frame 2, at 0.9 s: |#|Frame 3, at 1.5 s: |#|Frame 4, at 2.1 s: |#"


@pytest.mark.parametrize(
    ("fields", "turns"),
    [
        ({"question": "What moves?", "answer": "A bar."}, [f"{FRAMES}|What moves?", "A bar."]),
        ({"q": "What moves?", "a": "A bar.", "video_id": "v"}, [f"{FRAMES}|What moves?", "A bar."]),
        (
            {"messages": [{"role": "user", "content": "<video>\nWhat moves?"}, {"role": "assistant", "content": "A bar."}]},
            [f"{FRAMES}|What moves?", "A bar."],
        ),
        (
            {"conversations": [{"from": "human", "value": "<image>\nWhat moves?"}, {"from": "gpt", "value": "A bar."}]},  # LLaVA-Video
            [f"{FRAMES}|What moves?", "A bar."],
        ),
        (
            {
                "messages": [
                    {"role": "system", "content": "Be short."},
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "Look:"},
                            {"type": "video", "video": "a.mp4"},
                            {"type": "text", "text": "So?"},
                        ],
                    },
                    {"role": "assistant", "content": "A bar."},
                    {"role": "user", "content": "And then?"},
                    {"role": "assistant", "content": "It goes on."},
                ]
            },
            ["Be short.", f"Look:\n{FRAMES}|So?", "A bar.", "And then?", "It goes on."],
        ),
        ({"qa": [{"question": "One?", "answer": "1"}, {"question": "Two?", "answer": "2"}]}, [f"{FRAMES}|One?", "1", "Two?", "2"]),
    ],
    ids=["question", "video-chatgpt", "marker", "llava", "parts", "pairs"],
)
def test_given_texts(fields, turns):
    record = GIVEN(row(fields))
    assert told(record) == turns
    assert [image.time_s for image in images_of(record)] == pytest.approx([0.3, 0.9, 1.5, 2.1])
    assert record.facts["answer.how"] == " ".join(["given"] * len(learned_texts(record)))


def test_summaries_and_captions_have_their_own_prompts():
    asked = {told(GIVEN(row({"summary": "A bar moves."}, key=f"k{number}")))[0].rpartition("|")[2] for number in range(20)}
    assert asked == {"Summarise the video.", "What happens in this video? Summarise it.", "Give a summary of the video."}
    assert told(GIVEN(row({"caption": "A bar moves."})))[1] == "A bar moves."
    assert told(GIVEN(row({"captions": ["", "One.", "One."]})))[1] == "One."


def test_a_written_text_is_told_as_written():
    assert GIVEN(row({"summary": "A bar moves."}, facts={WRITTEN_BY.name: "some-model"})).facts["answer.how"] == "written"
    assert GIVEN(row({"summary": "A bar moves."}, facts={WRITTEN_BY.name: "given"})).facts["answer.how"] == "given"


def test_without_labels_only_pictures_stand_before_the_text():
    record = VideoTask(Selection(num_frames=4), labels=False)(row({"question": "What moves?", "answer": "A bar."}))
    assert told(record) == ["#|#|#|#|What moves?", "A bar."]
    assert record.facts["answer.programs"] == "[null]"


def test_computed_questions_follow_and_are_checked():
    events = [{"time_s": 0.2, "event": "the bar starts"}, {"start_s": 1.2, "end_s": 2.3, "event": "the picture gets darker"}]
    record = TASK(row({"summary": "A bar moves.", "events": events}))
    assert record.facts["answer.how"].split()[0] == "given"
    assert len(learned_texts(record)) == 4
    assert isinstance(CheckAnswers()(record), Conversation)
    truth, programs = json.loads(record.facts["answer.truth"])["frames"], json.loads(record.facts["answer.programs"])
    assert [execute(truth, program) for program in programs[1:]] == learned_texts(record)[1:]
    assert truth["labels"] == ["Frame 1", "Frame 2", "Frame 3", "Frame 4"]
    assert set(record.facts) == {fact.name for fact in (*FACTS, *ASKED_FACTS, LANGUAGE)}


def test_a_wrong_answer_would_be_found():
    record = TASK(row({"events": [{"time_s": 1.2, "event": "the picture gets darker"}]}))
    turns = record.turns
    wrong = Conversation(record.key, record.origin, (*turns[:-1], type(turns[-1])("assistant", (Text("Frame 9"),), True)), record.facts)
    assert CheckAnswers()(wrong).reason == "answer_differs"


def fading(count: int = 24) -> bytes:
    """A light picture that gets darker all the way."""
    return encode([np.full((64, 96, 3), 240 - 9 * number, np.uint8) for number in range(count)])


def test_shuffled_frames_and_their_order():
    task = VideoTask(Selection(num_frames=8), order_ratio=1.0)
    record = task(row(blobs={"video": fading()}))
    assert record.facts["answer.how"] == "frames:order"
    images = list(images_of(record))
    assert len(images) == 6
    times = [image.time_s for image in images]
    assert times != sorted(times)
    text = told(record)
    assert text[0].startswith("Frame A: |#|Frame B: |#")
    assert "at 0" not in text[0]
    labels = [f"Frame {letter}" for letter in "ABCDEF"]
    assert learned_texts(record) == [", ".join(label for _, label in sorted(zip(times, labels, strict=True)))]
    assert isinstance(CheckAnswers()(record), Conversation)
    assert json.loads(record.facts["video.asked_frames"]) == [0, 1, 2, 3, 4, 5]
    assert (
        task(row({"summary": "It gets dark."}, {"video": fading()})).facts["answer.how"].startswith("given")
    )  # a given text is never lost
    assert task(row()).facts["answer.how"] != "frames:order"  # the bar comes back to where it was


def test_picture_sequences():
    blobs = {"image" if number == 0 else f"image.{number}": png(number) for number in range(12)}
    record = TASK(row({"times_s": [number * 0.5 for number in range(12)], "summary": "A bar."}, blobs))
    assert [image.time_s for image in images_of(record)] == [0.5, 2.0, 3.5, 5.0]
    assert (record.facts["video.num_source_frames"], record.facts["video.format"], record.facts["video.duration_s"]) == (
        12,
        "pictures",
        5.5,
    )
    untimed = TASK(row({"summary": "A bar."}, blobs))
    assert told(untimed)[0].startswith("Frame 1: |#|Frame 2: |#")
    assert [image.time_s for image in images_of(untimed)] == [None] * 4
    marked = {"messages": [{"role": "user", "content": "<image> or <image>?"}, {"role": "assistant", "content": "Both."}]}
    two = {"image": png(0), "image.1": png(5)}
    assert told(GIVEN(row(marked, two))) == ["#|or |#|?", "Both."]
    big = VideoTask(Selection(num_frames=4), max_side_px=48, most_computed=0)(row({"summary": "A bar."}, two))
    assert {image.pixels.shape for image in images_of(big)} == {(32, 48, 3)}


def test_moving_pictures_come_as_images():
    sink = io.BytesIO()
    frames = [PillowImage.fromarray(picture(number)) for number in range(4)]
    frames[0].save(sink, "GIF", save_all=True, append_images=frames[1:], duration=200)
    record = GIVEN(row({"caption": "A bar."}, {"image": sink.getvalue()}))
    assert (record.facts["video.format"], [image.time_s for image in images_of(record)]) == ("gif/gif", [0.0, 0.2, 0.4, 0.6])
    assert isinstance(GIVEN(row({"caption": "A bar."}, {"file": CLIP})), Conversation)


STILL = encode([picture(3)] * 12)
SAID = {"summary": "A bar moves."}
WORDS = [{"role": "user", "content": "<video> <video>"}, {"role": "assistant", "content": "No."}]


@pytest.mark.parametrize(
    ("fields", "blobs", "reason", "nearest"),
    [
        (SAID, {}, NO_VIDEO.name, (SAID, None)),
        (SAID, {"video": encode([picture(0)])}, TOO_FEW_FRAMES.name, (SAID, {"video": encode([picture(0), picture(5)])})),
        (SAID, {"image": png(0)}, TOO_FEW_FRAMES.name, (SAID, {"image": png(0), "image.1": png(5)})),
        (SAID, {"video": STILL}, STATIC.name, (SAID, {"video": encode([picture(3)] * 11 + [picture(4)] * 5)})),
        (
            SAID | {"times_s": [0.0]},
            {"image": png(0), "image.1": png(5)},
            BAD_TIMES.name,
            (SAID | {"times_s": [0.0, 1]}, {"image": png(0), "image.1": png(5)}),
        ),
        (SAID | {"times_s": [1.0, 1.0]}, {"image": png(0), "image.1": png(5)}, BAD_TIMES.name, (SAID, None)),
        (SAID | {"events": [{"event": "x"}]}, None, BAD_EVENTS.name, (SAID | {"events": [{"event": "x", "time_s": 0}]}, None)),
        (SAID | {"events": [{"event": "x", "start_s": 2, "end_s": 1}]}, None, BAD_EVENTS.name, (SAID | {"events": []}, None)),
        (
            SAID | {"tracks": [{"thing": "x", "boxes": [{"time_s": 0, "box": [0, 0, 2, 1]}]}]},
            None,
            BAD_EVENTS.name,
            (SAID | {"tracks": []}, None),
        ),
        ({"messages": WORDS}, None, WRONG_VIDEO_COUNT.name, ({"messages": [{**WORDS[0], "content": "<video>"}, WORDS[1]]}, None)),
        ({"messages": [{**WORDS[0], "content": "<image> <image>"}, WORDS[1]]}, None, "wrong_image_count", (SAID, None)),
        ({"messages": "talk"}, None, "bad_message", (SAID, None)),
        (SAID, {"video": with_tone()}, "no_frames", (SAID, None)),
        (SAID, {"image": b"text", "image.1": png(5)}, "not_an_image", (SAID, None)),
    ],
)
def test_rejects_and_the_nearest_that_is_none(fields, blobs, reason, nearest):
    refused = TASK(row(fields, blobs))
    assert (type(refused), refused.reason) == (Reject, reason)
    assert refused.detail
    assert isinstance(TASK(row(*nearest)), Conversation)
    assert reason in {declared.name for declared in VideoTask.reasons}


def test_nothing_to_ask():
    assert GIVEN(row()) == Reject(
        "k", NOTHING_TO_ASK.name, "expected messages, a question and answer, a summary, a caption, events or tracks"
    )
    assert isinstance(TASK(row()), Conversation)  # times can be asked of any clip
    still = VideoTask(Selection(num_frames=4), refuse_static=False, most_computed=0)(row(SAID, {"video": STILL}))
    assert isinstance(still, Conversation)


def test_laws():
    given = row(SAID | {"events": [{"time_s": 1.2, "event": "it gets darker"}]})
    before = copy.deepcopy(given)
    one, other = TASK(given), pickle.loads(pickle.dumps(TASK))(given)
    assert given == before
    assert (told(one), one.facts) == (told(other), other.facts)
    assert [image.pixels.tobytes() for image in images_of(one)] == [image.pixels.tobytes() for image in images_of(other)]


@pytest.mark.parametrize(
    "options", [{"min_frames": 0}, {"min_frames": 17}, {"most_computed": -1}, {"order_ratio": 1.5}, {"max_side_px": 0}]
)
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        VideoTask(**options)


def test_captions_are_asked_for_with_pictures():
    writing = WriteVideoCaption(num_frames=3, max_side_px=48)
    prompt = writing.prompt(row())
    assert [PillowImage.open(io.BytesIO(data)).size for data in prompt.images] == [(48, 32)] * 3
    assert "2.4 s, taken at 0.4 s, 1.2 s, 2.0 s" in prompt.text
    assert writing.prompt(row(blobs={"video": with_tone()})).reason == "no_frames"
    assert writing.prompt(row(blobs={})).reason == "no_video"
    assert writing.read(row(), " A bar moves. \n").fields == {"summary": "A bar moves."}
    assert writing.read(row(), "  ").reason == NO_CAPTION.name
    assert writing.read(row(), "x" * 4_001).reason == NO_CAPTION.name
    assert {"no_frames", "no_video", "no_caption", "too_costly"} <= {reason.name for reason in writing.reasons}
