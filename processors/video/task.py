"""A row with a video, a moving picture or a sequence of pictures becomes a conversation about its frames.

User: the frames in order, each after its label where labels are on ("Frame 3, at 4.2 s:"), then the question. What is asked is what
the row gives (messages, a question and answer, a summary or caption) and, after it, questions whose answers are computed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from processors.dialogue import LANGUAGE, language_field
from processors.image.guarded import GUARDED_REASONS as IMAGE_REASONS
from processors.image.guarded import guarded_image
from processors.image.steps import cap_side
from processors.messages import MESSAGE_REASONS, media_of, read_turns
from processors.tasks.writing import GIVEN as GIVEN_TEXT
from processors.tasks.writing import WRITTEN_BY
from processors.video.animated import is_picture
from processors.video.clip import guarded_clip
from processors.video.decode import DecodedClip
from processors.video.index import DECODE_REASONS, Limits
from processors.video.programs import KIND, spell_time
from processors.video.questions import frames_named, order_question, some
from processors.video.rows import (
    BAD_EVENTS,
    BAD_TIMES,
    IMAGE_MARK,
    WRONG_VIDEO_COUNT,
    events_of,
    given_messages,
    times_of,
    tracks_of,
    with_frames,
)
from processors.video.select import Selection, cell_colours, is_static, uniform
from processors.vision.asked import ASKED_FACTS, GIVEN, WRITTEN, Asked, asked_facts
from schemas.facts import Fact, Limit
from schemas.identity import keyed_rng, keyed_uniform
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Image, Text
from schemas.records import Conversation, FactValue, Row

NO_VIDEO = Reason("no_video", "The row names no video, no moving picture and no sequence of pictures")
TOO_FEW_FRAMES = Reason("too_few_frames", "Fewer frames than asked for: a still picture, or a clip or choice that is too short")
STATIC = Reason("static", "All frames that would be shown look alike")
NOTHING_TO_ASK = Reason("nothing_to_ask", "The row gives no text, and no question about its frames has one right answer")

NUM_SOURCE_FRAMES = Fact(
    "video.num_source_frames", int, "Frames of the clip, as its container or its decoder tells; pictures of a sequence"
)
NUM_FRAMES = Fact("video.num_frames", int, "Frames that are shown")
DURATION = Fact("video.duration_s", float, "From the first frame of the clip to the end of its last; 0 where no times are known")
SPAN = Fact("video.span_s", float, "From the first frame that is shown to the last; 0 where no times are known")
FORMAT = Fact("video.format", str, "Container and codec, as mov/h264; pictures for a sequence of them")
WIDTH = Fact("video.width_px", int, "Width of the frames, upright and with square pixels, before any resize")
HEIGHT = Fact("video.height_px", int, "Height of the frames, upright and with square pixels, before any resize")
NUM_CORRUPT = Fact("video.num_corrupt", int, "Damaged packets and frames that were met while decoding")
TIMES_REBUILT = Fact("video.times_rebuilt", bool, "The clip's timestamps were missing or disordered and were rebuilt by rule")
ENDS_EARLY = Fact("video.ends_early", bool, "The clip's header announces more than the file holds")
FRAME_TIMES = Fact("video.frame_times", str, "JSON list of the seconds at which the shown frames are seen, in the order shown")
ASKED_FRAMES = Fact("video.asked_frames", str, "JSON list of the places of frames that computed questions rest on")
FACTS = (
    *(NUM_SOURCE_FRAMES, NUM_FRAMES, DURATION, SPAN, FORMAT, WIDTH, HEIGHT, NUM_CORRUPT, TIMES_REBUILT, ENDS_EARLY, FRAME_TIMES),
    ASKED_FRAMES,
)

PICTURES = "pictures"
UNIFORM_16, LIMITS = Selection(), Limits()
MIN_ORDER_FRAMES, MAX_ORDER_FRAMES = 3, 6


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """Frames as they are shown, in order. Shapes: pixels each (H, W, 3) uint8. `times_s` is empty where no times are known."""

    pixels: tuple[np.ndarray, ...]
    times_s: tuple[float, ...]
    facts: Mapping[str, FactValue]


@dataclass(frozen=True, slots=True)
class VideoTask:
    """Chooses frames and asks. `most_computed` bounds the computed questions of a record; 0 asks only what the row gives.

    A record asks for the right order of shuffled frames in place of all else with probability `order_ratio`, where the
    row gives no text and the pictures tell the order. `stream` names a video stream by its number in the file.
    """

    selection: Selection = UNIFORM_16
    max_side_px: int = 1344
    min_frames: int = 2
    labels: bool = True
    most_computed: int = 3
    order_ratio: float = 0.2
    refuse_static: bool = True
    stream: int | None = None
    limits: Limits = LIMITS
    seed: int = 0
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (*FACTS, *ASKED_FACTS, LANGUAGE)
    reasons: ClassVar = (
        *(NO_VIDEO, TOO_FEW_FRAMES, STATIC, BAD_TIMES, BAD_EVENTS, NOTHING_TO_ASK, WRONG_VIDEO_COUNT),
        *{reason.name: reason for reason in (*IMAGE_REASONS, *DECODE_REASONS, *MESSAGE_REASONS)}.values(),
    )
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.min_frames < 1 or self.min_frames > self.selection.num_frames:
            raise ValueError(f"min_frames is {self.min_frames}, expected 1 to num_frames ({self.selection.num_frames})")
        if self.most_computed < 0 or not 0 <= self.order_ratio <= 1 or self.max_side_px < 1:
            raise ValueError(
                f"most_computed {self.most_computed}, order_ratio {self.order_ratio}, max_side_px {self.max_side_px} out of range"
            )

    @property
    def bounds(self) -> tuple[Limit, ...]:
        """None where a question of order, which shows six frames at most, may show fewer than are asked for."""
        return (Limit(NUM_FRAMES, TOO_FEW_FRAMES.name, self.min_frames),) if self.min_frames <= MIN_ORDER_FRAMES else ()

    def __call__(self, row: Row) -> Conversation | Reject:
        try:
            shown = self._frames(row)
            self._check(shown)
            events, tracks = events_of(row.fields), tracks_of(row.fields)
            return self._ask(row, shown, events, tracks)
        except Refused as refused:
            return refused.reject(row.key)

    def _frames(self, row: Row) -> Shown:
        video = row.blobs.get("video", row.blobs.get("file"))
        pictures = [image.source for image in media_of(row)[0] if image.source is not None]
        if video is None and len(pictures) == 1 and is_picture(pictures[0]):
            video = pictures[0]
        if video is not None:
            clip = guarded_clip(video, self.selection, max_side_px=self.max_side_px, stream=self.stream, limits=self.limits)
            return Shown(clip.frames, clip.times_s, _clip_facts(clip))
        if not pictures:
            raise Refused(NO_VIDEO, f"the row has {', '.join(sorted(row.blobs)) or 'no files'}; expected video, or images")
        return picture_sequence(pictures, row.fields.get("times_s"), self.selection.num_frames, self.max_side_px)

    def _check(self, shown: Shown) -> None:
        facts: dict[str, FactValue] = {**shown.facts, NUM_FRAMES.name: len(shown.pixels), SPAN.name: _span(shown.times_s)}
        if len(shown.pixels) < self.min_frames:
            total = shown.facts[NUM_SOURCE_FRAMES.name]
            raise Refused(TOO_FEW_FRAMES, f"{len(shown.pixels)} frames chosen of {total}, expected {self.min_frames} or more", facts)
        alike = len({pixels.shape for pixels in shown.pixels}) == 1 and is_static(shown.pixels)
        if self.refuse_static and len(shown.pixels) > 1 and alike:
            raise Refused(STATIC, f"{len(shown.pixels)} frames over {_span(shown.times_s):.1f} s look alike", facts)

    def _ask(self, row: Row, shown: Shown, events: list[dict[str, Any]], tracks: list[dict[str, Any]]) -> Conversation:
        messages = given_messages(row.fields, row.key, self.seed)
        if not messages and keyed_uniform(self.seed, "video.order", row.key) < self.order_ratio:
            record = self._ask_order(row, shown)
            if record is not None:
                return record
        truth = make_truth(shown, [f"Frame {place + 1}" for place in range(len(shown.pixels))], events, tracks)
        # frames without labels cannot be named
        asked = some(truth, self.most_computed, self.seed, row.key) if self.labels and self.most_computed else []
        if not messages and not asked:
            raise Refused(NOTHING_TO_ASK, "expected messages, a question and answer, a summary, a caption, events or tracks")
        labels = [spell_label(truth, place) for place in range(len(shown.pixels))] if self.labels else []
        return self._converse(row, shown, messages, asked, truth, labels)

    def _ask_order(self, row: Row, shown: Shown) -> Conversation | None:
        """The frames shuffled, under letters and without their times; None where the pictures do not tell their order."""
        count = min(len(shown.pixels), MAX_ORDER_FRAMES)
        if count < MIN_ORDER_FRAMES or not shown.times_s:
            return None
        places = [step * (len(shown.pixels) - 1) // (count - 1) for step in range(count)]
        shuffled = [places[place] for place in keyed_rng(self.seed, "video.shuffle", row.key).permutation(count)]
        if shuffled == sorted(shuffled):
            shuffled.reverse()
        part = Shown(tuple(shown.pixels[place] for place in shuffled), tuple(shown.times_s[place] for place in shuffled), shown.facts)
        truth = make_truth(part, [f"Frame {chr(ord('A') + place)}" for place in range(count)], [], [])
        one = order_question(truth, self.seed, row.key)
        return None if one is None else self._converse(row, part, [], [one], truth, [f"{label}:" for label in truth["labels"]])

    def _converse(
        self,
        row: Row,
        shown: Shown,
        messages: list[dict[str, Any]],
        asked: list[Asked],
        truth: Mapping[str, Any],
        labels: Sequence[str],
    ) -> Conversation:
        marked = "\n".join(f"{label} {IMAGE_MARK}" for label in labels) if labels else IMAGE_MARK * len(shown.pixels)
        for one in asked:
            messages = [*messages, {"role": "user", "content": one.question}, {"role": "assistant", "content": one.answer}]
        fields = {
            "messages": with_frames(messages, marked, shown.facts[FORMAT.name] != PICTURES),
            **{name: row.fields[name] for name in ("system", "tools") if name in row.fields},
        }
        blobs = {f"image.{place}": b"" for place in range(len(shown.pixels))}
        times = iter(shown.times_s or [None] * len(shown.pixels))
        frames = iter([Image(pixels=pixels, time_s=time_s) for pixels, time_s in zip(shown.pixels, times, strict=True)])
        turns = tuple(
            replace(turn, parts=tuple(next(frames) if isinstance(part, Image) else part for part in turn.parts))
            for turn in read_turns(Row(row.key, row.origin, fields, blobs))
        )
        num_answers = sum(turn.learned and any(isinstance(part, Text) for part in turn.parts) for turn in turns)
        how = GIVEN if row.facts.get(WRITTEN_BY.name, GIVEN_TEXT) == GIVEN_TEXT else WRITTEN
        answers = [Asked("", "", how=how)] * (num_answers - len(asked)) + asked
        facts: dict[str, FactValue] = {
            **shown.facts,
            **asked_facts(answers, {KIND: dict(truth)} if asked else {}),
            NUM_FRAMES.name: len(shown.pixels),
            SPAN.name: _span(shown.times_s),
            FRAME_TIMES.name: json.dumps([round(time_s, 6) for time_s in shown.times_s]),
            ASKED_FRAMES.name: json.dumps(frames_named(asked, truth)),
            LANGUAGE.name: language_field(row.fields),
        }
        return Conversation(row.key, row.origin, turns, {**row.facts, **facts}, row.parents)


def _clip_facts(clip: DecodedClip) -> dict[str, FactValue]:
    return {
        NUM_SOURCE_FRAMES.name: clip.num_frames,
        DURATION.name: clip.duration_s,
        FORMAT.name: clip.format,
        WIDTH.name: clip.width_px,
        HEIGHT.name: clip.height_px,
        NUM_CORRUPT.name: clip.num_corrupt,
        TIMES_REBUILT.name: clip.times_rebuilt,
        ENDS_EARLY.name: clip.ends_early,
    }


def picture_sequence(pictures: Sequence[bytes], stated_times: object, num_frames: int, max_side_px: int) -> Shown:
    """At most `num_frames` of a row's pictures, evenly, each decoded and shrunk at once; with times where the row states them.

    Raises: Refused with bad_times, or one of the image decoder's reasons.
    """
    times = times_of(stated_times, len(pictures))
    places = uniform([float(place) for place in range(len(pictures))], float(len(pictures)), num_frames)
    pixels: list[np.ndarray] = []
    size = 0, 0
    for place in places:
        try:
            decoded = guarded_image(pictures[place])
        except Refused as refused:
            raise Refused(refused.reason, f"picture {place}: {refused.detail}") from refused
        size = size if pixels else (decoded.pixels.shape[1], decoded.pixels.shape[0])
        pixels.append(cap_side(decoded.pixels, max_side_px))
    facts: dict[str, FactValue] = {
        NUM_SOURCE_FRAMES.name: len(pictures),
        DURATION.name: times[-1] - times[0] if times else 0.0,
        FORMAT.name: PICTURES,
        WIDTH.name: size[0],
        HEIGHT.name: size[1],
        NUM_CORRUPT.name: 0,
        TIMES_REBUILT.name: False,
        ENDS_EARLY.name: False,
    }
    return Shown(tuple(pixels), tuple(times[place] for place in places) if times else (), facts)


def make_truth(shown: Shown, labels: Sequence[str], events: list[dict[str, Any]], tracks: list[dict[str, Any]]) -> dict[str, Any]:
    """What is true of the frames, in the form that processors/video/programs.py reads."""
    colours = [cell_colours(pixels) for pixels in shown.pixels]
    differences = [[round(float(np.abs(one - other).mean()), 1) for other in colours] for one in colours]
    decimals = next((digits for digits in (1, 2, 3) if len({f"{time_s:.{digits}f}" for time_s in shown.times_s}) == len(shown.times_s)), 6)
    at_s = [round(time_s, 6) for time_s in shown.times_s]
    return {
        "labels": list(labels),
        "at_s": at_s,
        "times_s": [round(time_s, decimals) for time_s in at_s],
        "decimals": decimals,
        "events": events if at_s else [],
        "differences": differences,
        "tracks": [{"thing": track["thing"], "boxes": [_box_at(track["boxes"], time_s) for time_s in at_s]} for track in tracks]
        if at_s
        else [],
    }


def _box_at(boxes: Sequence[Mapping[str, Any]], time_s: float) -> list[float] | None:
    """The box stated nearest to a time, where that is within half of the usual distance between boxes."""
    stated = np.array([box["time_s"] for box in boxes])
    place = int(np.argmin(np.abs(stated - time_s)))
    reach = float(np.median(np.diff(stated))) / 2 if len(stated) > 1 else 0.0
    return [float(side) for side in boxes[place]["box"]] if abs(stated[place] - time_s) <= reach + 1e-6 else None


def spell_label(truth: Mapping[str, Any], place: int) -> str:
    """As in `Frame 3, at 4.2 s:`."""
    label = truth["labels"][place]
    return f"{label}, at {spell_time(truth['times_s'][place], truth['decimals'])}:" if truth["times_s"] else f"{label}:"


def _span(times_s: Sequence[float]) -> float:
    return max(times_s) - min(times_s) if times_s else 0.0
