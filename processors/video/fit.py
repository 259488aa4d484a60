"""Many frames within a context: how many crops each frame gets, and which frames stay, counted by the contract before anything is made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.contract import NUM_TOKENS as NUM_ALL_TOKENS
from processors.contract import TOO_LONG, cost_of_turns
from processors.image.crops import EXTREME_ASPECT, plan_crops
from processors.image.steps import NUM_CROPS, NUM_TOKENS, MakeCanvas
from processors.video.select import spread
from processors.video.task import ASKED_FRAMES, FRAME_TIMES, NUM_FRAMES, SPAN
from schemas.facts import Fact, Limit
from schemas.outcome import Refused, Reject
from schemas.parts import Image, Part, Text
from schemas.records import Conversation, Turn, images_of, with_facts

CROPS_A_FRAME = Fact("frames.crops_a_frame", int, "Most crops that each frame may take, beside its global view")
RULE = Fact(
    "frames.rule",
    str,
    "How the frames came to fit the context: whole, fewer_crops, thin (every k-th frame was kept) or fill (as many as fit)",
)
KEPT_EVERY = Fact("frames.kept_every", int, "k where every k-th frame was kept, 1 where all were, 0 where rule fill spread those that fit")

LADDER = (36, 16, 9, 4, 2, 1)  # squares, so that a frame keeps its shape; 2 for wide ones
THIN, FILL, REFUSE = "thin", "fill", "refuse"
WHOLE, FEWER_CROPS = "whole", "fewer_crops"


@dataclass(frozen=True, slots=True)
class FitContext:
    """Makes the canvases of a record's frames with the most crops of `ladder` that fit all of them into `max_tokens`.

    Where even the last step of the ladder is too much, rule "thin" keeps every k-th frame with the smallest k that fits, and those on
    which computed questions rest; labels keep their numbers and times. Rule "fill" keeps as many frames as fit, evenly spread, and
    those. Rule "refuse" refuses, and so do the others when fewer than `min_frames` would stay. Stands in a recipe where MakeCanvas stands in others.
    """

    max_tokens: int = 65_536
    ladder: tuple[int, ...] = LADDER
    rule: str = THIN
    min_frames: int = 2
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (ASKED_FRAMES, FRAME_TIMES, NUM_FRAMES, SPAN)
    writes: ClassVar = (CROPS_A_FRAME, RULE, KEPT_EVERY, NUM_FRAMES, SPAN, FRAME_TIMES, ASKED_FRAMES, NUM_CROPS, NUM_TOKENS)
    reasons: ClassVar = (TOO_LONG, EXTREME_ASPECT)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not self.ladder or min(self.ladder) < 1 or list(self.ladder) != sorted(set(self.ladder), reverse=True):
            raise ValueError(f"ladder is {self.ladder}, expected decreasing numbers of crops, 1 or more")
        if self.rule not in (THIN, FILL, REFUSE):
            raise ValueError(f"rule is {self.rule!r}, expected {THIN}, {FILL} or {REFUSE}")
        if self.max_tokens < 1 or self.min_frames < 1:
            raise ValueError(f"max_tokens is {self.max_tokens} and min_frames {self.min_frames}, expected 1 or more")

    @property
    def bounds(self) -> tuple[Limit, ...]:
        """On what the contract will count."""
        return (Limit(NUM_ALL_TOKENS, TOO_LONG.name, most=self.max_tokens),)

    def __call__(self, record: Conversation) -> Conversation | Reject:
        try:
            fitted = self._fit(record)
        except Refused as refused:
            return refused.reject(record.key)
        return fitted if isinstance(fitted, Reject) else MakeCanvas(int(fitted.facts[CROPS_A_FRAME.name]))(fitted)

    def _fit(self, record: Conversation) -> Conversation:
        """The record with the frames that stay and the facts of how. Raises: Refused."""
        num_frames = sum(1 for _ in images_of(record))
        for crops in self.ladder:
            if num_tokens(record, crops) <= self.max_tokens:
                rule = WHOLE if crops == self.ladder[0] else FEWER_CROPS
                return _told(record, crops, rule, 1, list(range(num_frames)))
        crops = self.ladder[-1]
        least = num_tokens(record, crops)
        if self.rule == REFUSE:
            detail = f"{least} tokens with {crops} crop(s) for each of {num_frames} frames, the context holds {self.max_tokens}"
            raise Refused(TOO_LONG, detail, {NUM_ALL_TOKENS.name: least})
        asked = set(json.loads(str(record.facts[ASKED_FRAMES.name])))
        for every, kept in self._choices(num_frames, asked):
            thinned = keep_frames(record, kept)
            if len(kept) >= self.min_frames and num_tokens(thinned, crops) <= self.max_tokens:
                return _told(thinned, crops, self.rule, every, kept)
        detail = f"{least} tokens with {crops} crop(s) for each of {num_frames} frames; thinned to {self.min_frames} frames or those that questions"
        raise Refused(TOO_LONG, f"{detail} name it is still over the context of {self.max_tokens}", {NUM_ALL_TOKENS.name: least})

    def _choices(self, num_frames: int, asked: Set[int]) -> Iterator[tuple[int, list[int]]]:
        """Which frames might stay, most first, each with k of its every k-th frame (0 for rule "fill")."""
        if self.rule == THIN:
            for every in range(2, num_frames + 1):
                yield every, sorted({*range(0, num_frames, every), *asked})
        else:
            others = [place for place in range(num_frames) if place not in asked]
            for count in range(len(others) - 1, -1, -1):
                yield 0, sorted({*spread(others, count), *asked})


def num_tokens(record: Conversation, max_crops: int) -> int:
    """All tokens of a record whose images get at most `max_crops` crops each, as the contract will count them.

    Raises: Refused with extreme_aspect.
    """
    costs: dict[tuple[int, int], int] = {}

    def cost(image: Image) -> int:
        if image.pixels is None:
            raise ValueError("an image reaches FitContext without pixels; the recipe lacks DecodeImage before it")
        height, width = image.pixels.shape[:2]
        if (width, height) not in costs:
            costs[width, height] = plan_crops(width, height, max_crops).num_tokens
        return costs[width, height]

    counted = tuple(
        replace(turn, parts=tuple(replace(part, num_tokens=cost(part)) if isinstance(part, Image) else part for part in turn.parts))
        for turn in record.turns
    )
    return cost_of_turns(counted).num_all


def keep_frames(record: Conversation, kept: Sequence[int]) -> Conversation:
    """The record with only the images at the places `kept`, counted over the record; a dropped image takes its label with it."""
    stays, place = set(kept), 0
    turns: list[Turn] = []
    for turn in record.turns:
        parts: list[Part] = []
        for part in turn.parts:
            if isinstance(part, Image):
                if place in stays:
                    parts.append(part)
                elif parts and isinstance(parts[-1], Text):
                    _drop_label(parts)
                place += 1
            else:
                parts.append(part)
        turns.append(replace(turn, parts=_joined(parts)))
    return replace(record, turns=tuple(turns))


def _drop_label(parts: list[Part]) -> None:
    """Takes the label before an image away: the last line of the text there, when it ends with a colon."""
    last = parts[-1]
    assert isinstance(last, Text)
    head, _, label = last.text.rstrip().rpartition("\n")
    if label.startswith("Frame ") and label.endswith(":"):
        parts[-1:] = [Text(head + "\n")] if head else []


def _joined(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Neighbouring texts as one."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text(joined[-1].text + part.text)
        else:
            joined.append(part)
    return tuple(joined)


def _told(record: Conversation, crops: int, rule: str, every: int, kept: Sequence[int]) -> Conversation:
    times = json.loads(str(record.facts[FRAME_TIMES.name]))
    times = [times[place] for place in kept] if times else []
    asked = json.loads(str(record.facts[ASKED_FRAMES.name]))
    facts = {
        CROPS_A_FRAME.name: crops,
        RULE.name: rule,
        KEPT_EVERY.name: every,
        NUM_FRAMES.name: len(kept),
        SPAN.name: max(times) - min(times) if times else 0.0,
        FRAME_TIMES.name: json.dumps(times),
        ASKED_FRAMES.name: json.dumps([kept.index(place) for place in asked]),
    }
    changed = replace(record, facts={name: value for name, value in record.facts.items() if name not in facts})
    return with_facts(changed, facts)
