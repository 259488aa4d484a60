"""What a record costs the model, to the token: template, placeholders, and the bound of the context.

Template (no newlines): every message is `<|role|>` content `<|end|>`; a training sample ends with `<|endoftext|>`.
Tools stand at the end of the system message between `<|tool|>` and `<|/tool|>`; the calls of a turn are one list in
`<|tool_call|>[...]<|/tool_call|>` inside the assistant's content, and each result is a message of role `tool_response` (the
last two are this project's choice, since the official template leaves them open: decision 0014). Loss falls on learned
turns: their content, their `<|end|>`, and the final `<|endoftext|>` when the last turn is learned.
Source: the released chat template and fine-tuning samples of Phi-4-multimodal-instruct.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from processors import tokens
from schemas.facts import Fact, Limit
from schemas.outcome import Reason, Reject
from schemas.parts import Audio, Image, Text, ToolCall, ToolResult, Tools
from schemas.records import Conversation, Document, PackedSequence, Preference, Record, Turn, turns_of

NUM_TEXT_TOKENS = Fact("contract.num_text_tokens", int, "Tokens of text and of the template, specials included")
NUM_IMAGE_TOKENS = Fact("contract.num_image_tokens", int, "Tokens that images take: the sum of their placeholders")
NUM_AUDIO_TOKENS = Fact("contract.num_audio_tokens", int, "Tokens that audio clips take: the sum of their placeholders")
NUM_TOKENS = Fact("contract.num_tokens", int, "All tokens of the record; for a preference, of its longer side")
NUM_LEARNED_TOKENS = Fact("contract.num_learned_tokens", int, "Tokens that carry loss")
CONTRACT_FACTS = (NUM_TEXT_TOKENS, NUM_IMAGE_TOKENS, NUM_AUDIO_TOKENS, NUM_TOKENS, NUM_LEARNED_TOKENS)

TOO_LONG = Reason("too_long", "The record costs more tokens than the context holds")
SPECIAL_TOKEN_IN_TEXT = Reason("special_token_in_text", "The text spells a special token, which the model's tokeniser would parse")
NOTHING_LEARNED = Reason("nothing_learned", "No turn of the conversation carries loss")

ROLES = {
    "system": tokens.SPECIAL["<|system|>"],
    "user": tokens.SPECIAL["<|user|>"],
    "assistant": tokens.SPECIAL["<|assistant|>"],
    "tool": tokens.SPECIAL["<|tool|>"],
    "tool_response": tokens.SPECIAL["<|tool_response|>"],
}
END = tokens.SPECIAL["<|end|>"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of the rendered sample: a special token, text, or `repeat` placeholders of a medium; and whether it is learned."""

    text: str | None
    token: int | None
    learned: bool
    repeat: int = 1


def render(turns: tuple[Turn, ...], ends: bool = True) -> Iterator[Piece]:
    """The pieces of a training sample in order; `ends` adds the final `<|endoftext|>`.

    Raises:
        ValueError: a role the template does not know, or a medium without its token count.
    """
    for turn in turns:
        if turn.role not in ROLES:
            raise ValueError(f"role {turn.role!r} is not in the template; expected one of {', '.join(ROLES)}")
        yield Piece(None, ROLES[turn.role], False)
        yield from _content(turn)
        yield Piece(None, END, turn.learned)
    if ends:
        yield Piece(None, tokens.END_OF_TEXT, bool(turns) and turns[-1].learned)


def _content(turn: Turn) -> Iterator[Piece]:
    strips = True  # white space right after a stripping special (the role) is swallowed
    for part in _merge_parts(turn):
        if isinstance(part, Text):
            text = part.text.lstrip() if strips else part.text
            if text:
                yield Piece(text, None, turn.learned)
            strips = False if text else strips
        elif isinstance(part, (Tools, tuple)):
            name = "tool" if isinstance(part, Tools) else "tool_call"
            yield Piece(None, tokens.SPECIAL[f"<|{name}|>"], turn.learned)
            yield Piece(part.definitions.lstrip() if isinstance(part, Tools) else calls_text(part), None, turn.learned)
            yield Piece(None, tokens.SPECIAL[f"<|/{name}|>"], turn.learned)
            strips = True
        elif isinstance(part, ToolResult):
            content = part.content.lstrip() if strips else part.content
            if content:
                yield Piece(content, None, turn.learned)
            strips = False if content else strips
        else:
            if part.num_tokens is None:
                raise ValueError(f"a {type(part).__name__.lower()} reaches the contract without a token count")
            yield Piece(None, tokens.IMAGE if isinstance(part, Image) else tokens.AUDIO, False, part.num_tokens)
            strips = False


def calls_text(calls: Sequence[ToolCall]) -> str:
    """The calls of one turn as the JSON list that the model writes, in order."""
    told = [{"name": call.name, "arguments": json.loads(call.arguments)} for call in calls]
    return json.dumps(told, ensure_ascii=False)


def _merge_parts(turn: Turn) -> Iterator[Text | Image | Audio | Tools | ToolResult | tuple[ToolCall, ...]]:
    """Neighbouring texts are one text to the tokeniser, neighbouring calls one list."""
    for kind, run in itertools.groupby(turn.parts, type):
        if kind is Text:
            yield Text("".join(part.text for part in run if isinstance(part, Text)))
        elif kind is ToolCall:
            yield tuple(part for part in run if isinstance(part, ToolCall))
        else:
            yield from (part for part in run if not isinstance(part, ToolCall))


def token_ids(turns: tuple[Turn, ...], ends: bool = True) -> tuple[list[int], list[bool]]:
    """Ids of a sample with placeholders expanded, and for each whether it carries loss."""
    ids: list[int] = []
    learned: list[bool] = []
    for piece in render(turns, ends):
        if piece.text is not None:
            new = tokens.encode(piece.text)
        else:
            assert piece.token is not None
            new = [piece.token] * piece.repeat
        ids += new
        learned += [piece.learned] * len(new)
    return ids, learned


@dataclass(frozen=True, slots=True)
class Cost:
    """Exact token counts of a record."""

    num_text: int = 0
    num_image: int = 0
    num_audio: int = 0
    num_learned: int = 0

    @property
    def num_all(self) -> int:
        return self.num_text + self.num_image + self.num_audio


def cost_of_turns(turns: tuple[Turn, ...]) -> Cost:
    text = image = audio = learned = 0
    for piece in render(turns):
        if piece.token == tokens.IMAGE:
            image += piece.repeat
        elif piece.token == tokens.AUDIO:
            audio += piece.repeat
        else:
            num = 1 if piece.text is None else tokens.count(piece.text)
            text += num
            learned += num if piece.learned else 0
    return Cost(text, image, audio, learned)


def contract_facts(record: Record) -> dict[str, int]:
    """The five contract facts of a record. A preference counts each side with its prompt; media are counted once a side."""
    if isinstance(record, Document):
        num = tokens.count(record.text) + 1  # <|endoftext|>
        costs, longest = [Cost(num, 0, 0, num)], num
    elif isinstance(record, Conversation):
        cost = cost_of_turns(record.turns)
        costs, longest = [cost], cost.num_all
    elif isinstance(record, Preference):
        costs = [cost_of_turns(record.prompt + side) for side in (record.chosen, record.rejected)]
        longest = max(cost.num_all for cost in costs)
    elif isinstance(record, PackedSequence):  # what was tokenised already; padding costs nothing
        longest = int((record.segment_ids > 0).sum())
        costs = [Cost(longest, 0, 0, int((record.labels >= 0).sum()))]
    else:
        raise TypeError(f"a {type(record).__name__} has no token cost; expected a document, conversation or preference")
    sums = [sum(getattr(cost, name) for cost in costs) for name in ("num_text", "num_image", "num_audio", "num_learned")]
    values = (sums[0], sums[1], sums[2], longest, sums[3])
    return {fact.name: value for fact, value in zip(CONTRACT_FACTS, values, strict=True)}


def texts_of(record: Record) -> Iterator[str]:
    """Every text the tokeniser will see."""
    if isinstance(record, Document):
        yield record.text
    for turn in turns_of(record):
        for part in turn.parts:
            if isinstance(part, Text):
                yield part.text
            elif isinstance(part, Tools):
                yield part.definitions
            elif isinstance(part, ToolCall):
                yield from (part.name, part.arguments)
            elif isinstance(part, ToolResult):
                yield part.content


@dataclass(frozen=True, slots=True)
class Contract:
    """Counts the record's tokens exactly and refuses what cannot be trained on: nothing is ever cut."""

    max_tokens: int = 131_072
    takes: ClassVar = (Document, Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = CONTRACT_FACTS
    reasons: ClassVar = (TOO_LONG, SPECIAL_TOKEN_IN_TEXT, NOTHING_LEARNED)
    version: ClassVar = 2

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(NUM_LEARNED_TOKENS, NOTHING_LEARNED.name, 1), Limit(NUM_TOKENS, TOO_LONG.name, most=self.max_tokens))

    def __call__(self, record: Record) -> Record | Reject:
        for text in texts_of(record):
            found = tokens.special_in(text)
            if found:
                return Reject(record.key, SPECIAL_TOKEN_IN_TEXT.name, f"the text spells {found}")
        facts = contract_facts(record)
        if facts[NUM_LEARNED_TOKENS.name] == 0:
            return Reject(record.key, NOTHING_LEARNED.name, "no turn is learned", facts=facts)
        if facts[NUM_TOKENS.name] > self.max_tokens:
            told = f"{facts[NUM_TOKENS.name]} tokens, the context holds {self.max_tokens}"
            return Reject(record.key, TOO_LONG.name, told, facts=facts)
        return replace(record, facts={**record.facts, **facts})  # a record of another corpus brings counts of what it was
