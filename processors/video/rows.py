"""What a row says about its video: times, events, boxes, and texts as chat messages with the frames in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from processors.dialogue import text_field
from processors.messages import BAD_MESSAGE, LIST_COLUMNS
from processors.pairs import ANSWER_COLUMNS, QUESTION_COLUMNS, as_pair, listed_pairs
from schemas.identity import keyed_rng
from schemas.outcome import Reason, Refused

BAD_TIMES = Reason("bad_times", "times_s is no list of increasing seconds, one for each picture")
BAD_EVENTS = Reason("bad_events", "events or tracks of the row do not have the form that is read")
WRONG_VIDEO_COUNT = Reason("wrong_video_count", "The messages mark another number of videos than the one that the row has")

SUMMARY_PROMPTS = ("Summarise the video.", "What happens in this video? Summarise it.", "Give a summary of the video.")
CAPTION_PROMPTS = ("Describe the video.", "What does the video show?", "Write a caption for this video.")
MAX_EVENTS, MAX_TRACKS, MAX_BOXES = 1_000, 20, 100_000
IMAGE_MARK = "<image>"
_VIDEO = re.compile(r"<\|video(?:_\d{1,4})?\|>|<video(?:[_ ]?\d{1,4})?>")
_IMAGE = re.compile(r"<\|image(?:_\d{1,4})?\|>|<image(?:[_ ]?\d{1,4})?>")
_PARTS = {"video": ("video", "video_url", "input_video"), "image": ("image", "image_url", "input_image")}


def times_of(stated: object, count: int) -> list[float]:
    """Raises: Refused with bad_times."""
    if stated is None:
        return []
    times = [float(one) for one in stated if _is_time(one)] if isinstance(stated, list) else []
    if len(times) != count or not isinstance(stated, list) or len(stated) != count:
        raise Refused(BAD_TIMES, f"times_s is {str(stated)[:80]}, expected {count} seconds of 0 or more")
    if any(one >= other for one, other in pairwise(times)):
        raise Refused(BAD_TIMES, f"times_s is {str(stated)[:80]}, expected increasing seconds")
    return times


def _is_time(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, (int, float)) and 0 <= value < 1e9


def events_of(fields: Mapping[str, object]) -> list[dict[str, Any]]:
    """`events` [{time_s | start_s, end_s?, event}] in order of their start. Raises: Refused with bad_events."""
    listed = fields.get("events")
    if listed is None:
        return []
    if not isinstance(listed, list) or len(listed) > MAX_EVENTS:
        raise Refused(BAD_EVENTS, f"events is {str(listed)[:80]}, expected a list of at most {MAX_EVENTS}")
    found = []
    for number, item in enumerate(listed):
        told = item if isinstance(item, Mapping) else {}
        start, end, text = told.get("start_s", told.get("time_s")), told.get("end_s"), text_field(told, "event", "text", "caption")
        if not text or not _is_time(start) or not (end is None or (_is_time(end) and end > start)):
            raise Refused(BAD_EVENTS, f"event {number} is {str(item)[:80]}, expected event and time_s, or start_s and end_s")
        found.append({"event": text, "start_s": float(start), "end_s": None if end is None else float(end)})
    return sorted(found, key=lambda event: event["start_s"])


def tracks_of(fields: Mapping[str, object]) -> list[dict[str, Any]]:
    """`tracks` [{thing, boxes: [{time_s, box}]}], boxes x0, y0, x1, y1 in [0, 1]. Raises: Refused with bad_events."""
    listed = fields.get("tracks")
    if listed is None:
        return []
    if not isinstance(listed, list) or len(listed) > MAX_TRACKS:
        raise Refused(BAD_EVENTS, f"tracks is {str(listed)[:80]}, expected a list of at most {MAX_TRACKS}")
    found = []
    for number, item in enumerate(listed):
        told = item if isinstance(item, Mapping) else {}
        thing, boxes = text_field(told, "thing", "label"), told.get("boxes")
        if not thing or not isinstance(boxes, list) or not 0 < len(boxes) <= MAX_BOXES or not all(_is_box(box) for box in boxes):
            raise Refused(BAD_EVENTS, f"track {number} is {str(item)[:80]}, expected thing and boxes with time_s and box")
        found.append({"thing": thing, "boxes": sorted(boxes, key=lambda box: box["time_s"])})
    return found


def _is_box(value: object) -> bool:
    box = value.get("box") if isinstance(value, Mapping) and _is_time(value.get("time_s")) else None
    return (
        isinstance(box, list)
        and len(box) == 4
        and all(_is_time(side) and side <= 1 for side in box)
        and box[0] < box[2]
        and box[1] < box[3]
    )


def given_messages(fields: Mapping[str, Any], key: str, seed: int) -> list[dict[str, Any]]:
    """What the row says about its video, as messages; none where it says nothing. Raises: Refused with bad_message."""
    for name in LIST_COLUMNS:
        if fields.get(name) is not None:
            if not isinstance(fields[name], list):
                raise Refused(BAD_MESSAGE, f"{name} is {str(fields[name])[:80]}, expected a list")
            return list(fields[name])
    # Video-ChatGPT names them q and a, its benchmark Q and A
    question, answer = text_field(fields, *QUESTION_COLUMNS, "q", "Q"), text_field(fields, *ANSWER_COLUMNS, "a", "A")
    if question and answer:
        return _turn(question, answer)
    pairs = [as_pair(item) or {} for item in listed_pairs(fields) or ()]
    told = [(pair.get("question"), pair.get("answer")) for pair in pairs]
    if told and all(isinstance(asks, str) and isinstance(answers, str) for asks, answers in told):
        return [message for asks, answers in told for message in _turn(str(asks), str(answers))]
    for columns, prompts in ((("summary",), SUMMARY_PROMPTS), (("caption", "description", "text"), CAPTION_PROMPTS)):
        text = text_field(fields, *columns)
        if text:
            return _turn(prompts[int(keyed_rng(seed, "video.prompt", key).integers(len(prompts)))], text)
    captions = fields.get("captions")
    texts = [text.strip() for text in captions if isinstance(text, str) and text.strip()] if isinstance(captions, list) else []
    if texts:
        rng = keyed_rng(seed, "video.prompt", key)
        return _turn(CAPTION_PROMPTS[int(rng.integers(len(CAPTION_PROMPTS)))], texts[int(rng.integers(len(texts)))])
    return []


def _turn(question: str, answer: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def with_frames(messages: Sequence[Any], marked: str, is_video: bool) -> list[Any]:
    """The messages with `marked`, the markers of the frames, where `<video>` stands, or before the first user message's text.

    A video may also be marked by one `<image>` (LLaVA-Video). Other messages that mark pictures themselves are left as they are.
    Raises: Refused with wrong_video_count.
    """
    num_videos = sum(_count(message, _VIDEO, "video") for message in messages)
    num_images = sum(_count(message, _IMAGE, "image") for message in messages)
    if num_videos > 1:
        raise Refused(WRONG_VIDEO_COUNT, f"{num_videos} places for a video are marked, the row has one")
    if num_videos:
        return [_replace(message, _VIDEO, "video", marked) for message in messages]
    if num_images == 1 and is_video:
        return [_replace(message, _IMAGE, "image", marked) for message in messages]
    if num_images:
        return list(messages)
    first = next((number for number, message in enumerate(messages) if _is_user(message)), None)
    return [_lead(message, marked) if number == first else message for number, message in enumerate(messages)]


def _is_user(message: Any) -> bool:
    return isinstance(message, Mapping) and message.get("role", message.get("from")) in ("user", "human")


def _content_name(message: Mapping[str, Any]) -> str:
    return "content" if "content" in message else "value"


def _count(message: Any, mark: re.Pattern[str], kind: str) -> int:
    """Markers of a kind in a user's message."""
    if not _is_user(message):
        return 0
    content = message.get(_content_name(message))
    parts = content if isinstance(content, list) else [{"text": content}]
    told = [part for part in parts if isinstance(part, Mapping)]
    texts = [part["text"] for part in told if isinstance(part.get("text"), str)]
    return sum(part.get("type") in _PARTS[kind] for part in told) + sum(len(mark.findall(text)) for text in texts)


def _replace(message: Any, mark: re.Pattern[str], kind: str, marked: str) -> Any:
    """The message with the frames' markers in place of the one marker of a kind."""
    if not _count(message, mark, kind):
        return message
    name = _content_name(message)
    content = message[name]
    if isinstance(content, str):
        return {**message, name: mark.sub(f"{marked}\n", content)}
    parts = []
    for part in content:
        if isinstance(part, Mapping) and part.get("type") in _PARTS[kind]:
            parts.append({"type": "text", "text": marked})
        elif isinstance(part, Mapping) and isinstance(part.get("text"), str):
            parts.append({**part, "text": mark.sub(f"{marked}\n", part["text"])})
        else:
            parts.append(part)
    return {**message, name: parts}


def _lead(message: Mapping[str, Any], marked: str) -> dict[str, Any]:
    name = _content_name(message)
    content = message.get(name)
    if isinstance(content, list):
        return {**message, name: [{"type": "text", "text": marked}, *content]}
    return {**message, name: f"{marked}\n{content}" if isinstance(content, str) else content}
