"""Safety rows as conversations or preferences: which answer is learned, and what the source says of prompt and answer.

Read are the forms of processors/tasks/preference.py (transcripts of Anthropic's HH, PKU-SafeRLHF's two responses with their labels,
votes), chats, and a prompt with its response. A pair gives a conversation too: its preferred side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from processors.dialogue import LANGUAGE, language_field, text_field
from processors.language_id import detect_language
from processors.messages import LIST_COLUMNS, read_turns
from processors.tasks.preference import (
    AGREEMENT,
    ID_COLUMNS,
    NUM_VOTES,
    PAIR_REASONS,
    SAFER,
    Pair,
    has_pair,
    read_pair,
)
from processors.tasks.replies import reply_json
from processors.tasks.safety import (
    ANSWER_SAFE,
    BAD_LABEL,
    CATEGORY,
    CATEGORY_COLUMNS,
    DECLINES,
    HARMFUL,
    NO_PROMPT,
    NO_RESPONSE,
    PROMPT_COLUMNS,
    RESPONSE_COLUMNS,
    declines,
    is_harmful,
)
from processors.tasks.writing import BAD_REPLY, Prompt, with_fields
from processors.text.language import CONFIDENCE
from processors.text.language import LANGUAGE as TEXT_LANGUAGE
from schemas.facts import Fact
from schemas.outcome import Refused, Reject
from schemas.parts import Text
from schemas.records import Conversation, FactValue, Preference, Row, Turn

REJECTED_DECLINES = Fact("safety.rejected_declines", bool, "Whether the rejected answer declines or redirects, told by its wording")
SAFETY_FACTS = (LANGUAGE, TEXT_LANGUAGE, CONFIDENCE, DECLINES, HARMFUL, CATEGORY, ANSWER_SAFE)

STATED, ALL_HARMFUL, ALL_HARMLESS = "stated", "harmful", "harmless"
PROMPTS = {STATED: None, ALL_HARMFUL: True, ALL_HARMLESS: False}
MAX_PROMPT_CHARS = 20_000


def _text(turns: tuple[Turn, ...]) -> str:
    return "\n\n".join(part.text for turn in turns for part in turn.parts if isinstance(part, Text))


def categories_of(fields: Mapping[str, object]) -> str:
    """The categories of harm that a row states, joined by commas: a name, or the true ones of tables such as PKU-SafeRLHF's."""
    named = text_field(fields, *CATEGORY_COLUMNS)
    if named:
        return named
    tables = [fields[name] for name in sorted(fields) if "harm_category" in name]
    return ",".join(sorted({str(name) for table in tables if isinstance(table, Mapping) for name, is_so in table.items() if is_so is True}))


def stated_safe(fields: Mapping[str, object], first_is_chosen: bool) -> bool | None:
    """Whether the source calls the chosen one of two responses safe; None where it does not say. Raises: Refused with bad_label."""
    name = "is_response_0_safe" if first_is_chosen else "is_response_1_safe"
    told = fields.get(name)
    if told is None or isinstance(told, bool):
        return told
    if told in (0, 1):
        return bool(told)
    raise Refused(BAD_LABEL, f"{name} is {told!r}, expected true or false")


@dataclass(frozen=True, slots=True)
class SafetyReading:
    """How rows are read. `language` is that of rows that state none, `prompts` what all prompts are whose row says nothing."""

    language: str = "en"
    prompts: str = STATED
    prefer: str = SAFER

    def __post_init__(self) -> None:
        if self.prompts not in PROMPTS:
            raise ValueError(f"prompts is {self.prompts!r}, expected one of {', '.join(PROMPTS)}")
        if self.prefer not in ID_COLUMNS:
            raise ValueError(f"prefer is {self.prefer!r}, expected one of {', '.join(ID_COLUMNS)}")

    def facts(self, row: Row, answer: str, whole: str, safe: bool | None) -> dict[str, FactValue]:
        """The facts of a row with its answer. Raises: Refused with bad_label."""
        harmful = is_harmful(row.fields)
        harmful = PROMPTS[self.prompts] if harmful is None else harmful
        measured, confidence = detect_language(whole)
        found: dict[str, FactValue] = {
            **row.facts,
            LANGUAGE.name: language_field(row.fields) or self.language,
            TEXT_LANGUAGE.name: measured,
            CONFIDENCE.name: confidence,
            DECLINES.name: declines(answer),
            CATEGORY.name: categories_of(row.fields),
        }
        if harmful is not None:
            found[HARMFUL.name] = harmful
        if safe is not None:
            found[ANSWER_SAFE.name] = safe
        return found

    def pair(self, row: Row) -> tuple[Pair, dict[str, FactValue]]:
        pair = read_pair(row, self.prefer)
        answer = _text(pair.chosen)
        facts = self.facts(row, answer, _text((*pair.prompt, *pair.chosen)), stated_safe(row.fields, pair.first_is_chosen))
        return pair, {**facts, **pair.facts}


@dataclass(frozen=True, slots=True)
class SafetyConversationTask:
    """A row becomes a conversation: its preferred answer, or its only one. Only the last answer is learned."""

    reading: SafetyReading = SafetyReading()
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = SAFETY_FACTS
    reasons: ClassVar = (NO_PROMPT, NO_RESPONSE, BAD_LABEL, *PAIR_REASONS)
    version: ClassVar = 1

    def __call__(self, row: Row) -> Conversation | Reject:
        try:
            turns, facts = self._read(row)
        except Refused as refused:
            return refused.reject(row.key)
        return Conversation(row.key, row.origin, turns, facts, row.parents)

    def _read(self, row: Row) -> tuple[tuple[Turn, ...], dict[str, FactValue]]:
        response = text_field(row.fields, *RESPONSE_COLUMNS)
        if has_pair(row.fields) and not response:
            pair, facts = self.reading.pair(row)
            return (*pair.prompt, *pair.chosen), {
                name: value for name, value in facts.items() if name not in (AGREEMENT.name, NUM_VOTES.name)
            }
        if any(row.fields.get(name) for name in LIST_COLUMNS):
            turns = read_turns(row)
            last = max(number for number, turn in enumerate(turns) if turn.role == "assistant")
            turns = tuple(Turn(turn.role, turn.parts, number == last) for number, turn in enumerate(turns[: last + 1]))
        else:
            prompt = text_field(row.fields, *PROMPT_COLUMNS)
            if not prompt or not response:
                reason, columns = (NO_RESPONSE, RESPONSE_COLUMNS) if prompt else (NO_PROMPT, PROMPT_COLUMNS)
                raise Refused(reason, f"expected text in one of {', '.join(columns)}")
            turns = (Turn("user", (Text(prompt),)), Turn("assistant", (Text(response),), learned=True))
        return turns, self.reading.facts(row, _text(turns[-1:]), _text(turns), None)


@dataclass(frozen=True, slots=True)
class SafetyPreferenceTask:
    """A row with two answers becomes a preference, the safer or better one chosen."""

    reading: SafetyReading = SafetyReading()
    takes: ClassVar = (Row,)
    gives: ClassVar = Preference
    reads: ClassVar = ()
    writes: ClassVar = (*SAFETY_FACTS, REJECTED_DECLINES, AGREEMENT, NUM_VOTES)
    reasons: ClassVar = (BAD_LABEL, *PAIR_REASONS)
    version: ClassVar = 1

    def __call__(self, row: Row) -> Preference | Reject:
        try:
            pair, facts = self.reading.pair(row)
        except Refused as refused:
            return refused.reject(row.key)
        facts[REJECTED_DECLINES.name] = declines(_text(pair.rejected))
        return Preference(row.key, row.origin, pair.prompt, pair.chosen, pair.rejected, facts, row.parents)


@dataclass(frozen=True, slots=True)
class SafetyWriting:
    """A language model writes the safe answer to a row's prompt: harmful ones are declined with an offer, harmless ones are helped."""

    reasons: ClassVar = (NO_PROMPT, BAD_LABEL)

    def prompt(self, row: Row) -> Prompt | Reject:
        asked = text_field(row.fields, *PROMPT_COLUMNS)
        if not asked or len(asked) > MAX_PROMPT_CHARS:
            return Reject(row.key, NO_PROMPT.name, f"expected 1 to {MAX_PROMPT_CHARS} characters in one of {', '.join(PROMPT_COLUMNS)}")
        try:
            harmful = is_harmful(row.fields)
        except Refused as refused:
            return refused.reject(row.key)
        told = {
            True: "It is harmful: decline in the first sentence, without lecturing, and offer help that is safe.",
            False: "It is harmless, although it may look otherwise: help with it, and decline nothing.",
            None: "Decline in the first sentence if it is harmful, and offer help that is safe; help with it if it is harmless.",
        }[harmful]
        text = (
            f"Write the answer of a careful assistant to the message below, in the language of the message. {told}\n"
            'Reply with a JSON object and nothing else: {"response": "..."}.\n\n'
            f"Message:\n{asked}"
        )
        return Prompt(text, "You write safe and helpful answers.", 512)

    def read(self, row: Row, reply: str) -> Row | Reject:
        try:
            value = reply_json(reply)
            response = value.get("response") if isinstance(value, dict) and set(value) == {"response"} else None
            if not isinstance(response, str) or not response.strip():
                raise Refused(BAD_REPLY, f"{str(value)[:60]!r}, expected an object with the text response")
        except Refused as refused:
            return refused.reject(row.key)
        return with_fields(row, response=response.strip())
