"""Queries about long conversations and their summaries: meetings that are to be spoken, and recordings.

Source: arXiv 2503.01743, section on speech post-training data: anonymised conversations of several speakers, uncut up to 30
minutes; several queries each, with a specific or general focus, lengths in words or sentences, formats such as bullets, JSON
or e-mail. A conversation is told to the steps that follow as facts: its turns, and which of them the query needs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.dialogue import BAD_SEGMENT_TIMES, LANGUAGE, NO_AUDIO, TRANSCRIPT_FIELDS, audio_of, language_field, text_field
from processors.tasks.meeting import GENERAL, SPECIFIC, Query, anonymise, drop_empty, number_speakers, queries_in, turns_in
from processors.tasks.replies import reply_items
from processors.tasks.summary_style import FORMS, PROSE, Style, body_of, draw_style, instruction, keeps_instruction, put_into
from processors.tasks.summary_support import summary_support, unsupported
from processors.tasks.support import SUPPORT_RATIO
from processors.tasks.writing import BAD_REPLY, Prompt, with_fields
from schemas.facts import Fact
from schemas.identity import keyed_rng, keyed_uniform
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, FactValue, Row, Turn, with_facts

DIALOGUE = Fact("dialogue.turns_json", str, "Turns of the conversation around the core: a JSON list of [speaker, text]")
CORE_START = Fact("dialogue.core_start", int, "First turn that the query needs, an index into the turns")
CORE_STOP = Fact("dialogue.core_stop", int, "Behind the last turn that the query needs; equal to the start when its span is unreadable")
FOCUS = Fact("task.focus", str, "general: about the whole conversation; specific: about a part of it")
LENGTH_INSTRUCTION = Fact("task.length_instruction", str, 'Length that the query asks for ("at most 60 words"), empty for any')
NUM_UNSUPPORTED = Fact("task.num_unsupported_names", int, "Numbers and names of the summary that are not in the conversation")
FORMAT = Fact("task.format", str, "Form that the query asks for: prose, bullets, numbered, json or email")
QUERY_FACTS = (LANGUAGE, DIALOGUE, CORE_START, CORE_STOP, FOCUS, LENGTH_INSTRUCTION, FORMAT)

NO_TURNS = Reason("no_turns", "The row holds no conversation in a form that can be read, or nothing is said in it")
NO_QUERY = Reason("no_query", "The row has no query with a summary")
BAD_SPAN = Reason("bad_span", "The turns that the query needs cannot be read, are none, or lie outside the conversation")
NO_SUMMARY = Reason("no_summary", "The query or its summary is empty")
UNSUPPORTED = Reason("unsupported", "Numbers, names or too many of the telling words of the summary are not in the conversation")
TOO_LONG = Reason("too_long_summary", "The summary is longer than what it summarises")
INSTRUCTION_NOT_KEPT = Reason("instruction_not_kept", "The summary has not the length or format that the query asks for")

CHARS_PER_S = 13.5  # of turns of meetings as the embedded voices read them
MAX_PROMPT_CHARS = 200_000  # of a conversation that a language model is asked about


def estimate_s(text: str) -> float:
    """About how long a turn takes to say."""
    return len(text) / CHARS_PER_S + 0.4


def window_around(lengths: list[float], core: tuple[int, int], target: float, share: float) -> tuple[int, int]:
    """The core with turns around it until about `target` is reached, `share` of them before it as far as there are any."""
    start, stop = core
    left = target - sum(lengths[start:stop])
    before = left * share
    while start > 0 and lengths[start - 1] <= before:
        start -= 1
        before -= lengths[start]
        left -= lengths[start]
    while stop < len(lengths) and lengths[stop] <= left:
        left -= lengths[stop]
        stop += 1
    while start > 0 and lengths[start - 1] <= left:  # what the end of the conversation left over
        start -= 1
        left -= lengths[start]
    return start, stop


@dataclass(frozen=True, slots=True)
class MeetingTask:
    """A written conversation with queries becomes a conversation a query: the query in text, its summary learned.

    The core is what the query needs; turns around it are added up to about `target_s` seconds. Speakers get numbers in the order
    in which they are heard, in the query and the summary too, where their labels stand; names that are spoken stay.
    A query without summary, or with a span that cannot be read, comes out too, and is refused by `KeepSummary`.
    """

    target_s: float = 600.0
    seed: int = 0
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = QUERY_FACTS
    reasons: ClassVar = (NO_TURNS, NO_QUERY)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.target_s <= 0:
            raise ValueError(f"target_s is {self.target_s}, expected more than 0 seconds")

    def __call__(self, row: Row) -> list[Conversation] | Reject:
        turns, places = drop_empty(turns_in(row.fields))
        if not turns:
            return Reject(row.key, NO_TURNS.name, "expected meeting_transcripts, turns or dialogue, in which something is said")
        queries = queries_in(row.fields)
        if not queries:
            return Reject(row.key, NO_QUERY.name, "expected queries, general_query_list, specific_query_list, or query and summary")
        lengths = [estimate_s(text) for _, text in turns]
        everyone = list(dict.fromkeys(speaker for speaker, _ in turns))
        children = []
        for number, query in enumerate(queries):
            core = _mapped(query.core, places)
            share = keyed_uniform(self.seed, "meeting_task", f"{row.key} {number}")
            start, stop = window_around(lengths, core, self.target_s, share) if core[0] < core[1] else core
            children.append(_about(row, query, turns[start:stop], (core[0] - start, core[1] - start), everyone))
        return children


def _mapped(core: tuple[int, int] | None, places: list[int]) -> tuple[int, int]:
    """A range of turns as given as one of turns that are kept; empty where it leaves the conversation."""
    if core is None:
        return 0, places[-1]
    return (places[core[0]], places[core[1]]) if core[0] < core[1] < len(places) else (0, 0)


def _about(
    row: Row, query: Query, turns: list[tuple[str, str]], core: tuple[int, int], everyone: list[str], audio: Audio | None = None
) -> Conversation:
    numbers = number_speakers(turns)
    spoken = " ".join(text for _, text in turns)
    asked, summary = (anonymise(text, numbers, spoken, everyone) for text in (query.query, query.summary))
    told = [[numbers[speaker], text] for speaker, text in turns]
    facts: dict[str, FactValue] = {
        LANGUAGE.name: language_field(row.fields),
        DIALOGUE.name: json.dumps(told, ensure_ascii=False),
        CORE_START.name: core[0],
        CORE_STOP.name: core[1],
        FOCUS.name: query.focus,
        LENGTH_INSTRUCTION.name: query.length,
        FORMAT.name: query.form or PROSE,
    }
    parts = (Text(asked),) if audio is None else (audio, Text(asked))
    turns_out = (Turn("user", parts), Turn("assistant", (Text(summary),), learned=True))
    return Conversation(row.key, row.origin, turns_out, {**row.facts, **facts}, row.parents)


@dataclass(frozen=True, slots=True)
class RecordingTask:
    """A recording with queries becomes a conversation a query: the audio whole, the query in text, its summary learned.

    Its turns or transcript, if the row has them, are what the summary is checked against.
    """

    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = QUERY_FACTS
    reasons: ClassVar = (NO_AUDIO, BAD_SEGMENT_TIMES, NO_QUERY)
    version: ClassVar = 1

    def __call__(self, row: Row) -> list[Conversation] | Reject:
        audio = audio_of(row)
        if isinstance(audio, Reject):
            return audio
        queries = queries_in(row.fields)
        if not queries:
            return Reject(row.key, NO_QUERY.name, "expected queries, or query and summary")
        given = turns_in(row.fields) or [("", text_field(row.fields, *TRANSCRIPT_FIELDS))]
        turns, places = drop_empty(given)
        cores = [_mapped(query.core, places) if turns else (0, 0) for query in queries]
        everyone = list(dict.fromkeys(speaker for speaker, _ in turns))
        return [_about(row, query, turns, core, everyone, audio) for query, core in zip(queries, cores, strict=True)]


def _text_of(record: Conversation, learned: bool) -> str:
    return " ".join(part.text for turn in record.turns if turn.learned == learned for part in turn.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class SummaryStyle:
    """Adds to the query how long the answer is and in which form, drawn evenly, and puts the summary into that form.

    Only queries that ask for nothing of the kind yet; the words of the summary stay.
    """

    seed: int = 0
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (LENGTH_INSTRUCTION, FORMAT)
    writes: ClassVar = (LENGTH_INSTRUCTION, FORMAT)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation:
        summary = _text_of(record, learned=True)
        if record.facts[LENGTH_INSTRUCTION.name] or record.facts[FORMAT.name] != PROSE or not summary:
            return record
        rng = keyed_rng(self.seed, "summary_style", record.key)
        style = draw_style(summary, rng)
        asked, told = instruction(style, rng), put_into(summary, style.form, rng)
        turns = tuple(_restyled(turn, asked, told) for turn in record.turns)
        return replace(record, turns=turns, facts={**record.facts, LENGTH_INSTRUCTION.name: style.length, FORMAT.name: style.form})


def _restyled(turn: Turn, asked: str, told: str) -> Turn:
    if turn.learned:
        return replace(turn, parts=(Text(told),))
    return replace(turn, parts=tuple(Text(f"{part.text} {asked}".strip()) if isinstance(part, Text) else part for part in turn.parts))


@dataclass(frozen=True, slots=True)
class KeepSummary:
    """Keeps summaries that are shorter than their source, supported by it, and as long and in the form that the query asks for.

    Without a source text (a recording without transcript) support and length are not judged.
    """

    min_support_ratio: float = 0.5
    max_unsupported: int = 0
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (DIALOGUE, CORE_START, CORE_STOP, LANGUAGE, LENGTH_INSTRUCTION, FORMAT)
    writes: ClassVar = (SUPPORT_RATIO, NUM_UNSUPPORTED)
    reasons: ClassVar = (NO_SUMMARY, BAD_SPAN, INSTRUCTION_NOT_KEPT, TOO_LONG, UNSUPPORTED)
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        query, summary = _text_of(record, learned=False).strip(), _text_of(record, learned=True).strip()
        if not query or not summary:
            return Reject(record.key, NO_SUMMARY.name, f"query {query[:40]!r}, summary {summary[:40]!r}, expected both")
        style = Style(str(record.facts[FORMAT.name]), str(record.facts[LENGTH_INSTRUCTION.name]))
        body = " ".join(body_of(summary, style.form) or [])
        if not keeps_instruction(summary, style):
            return Reject(record.key, INSTRUCTION_NOT_KEPT.name, f"{style.form} {style.length}: {summary[:60]!r}")
        turns = json.loads(str(record.facts[DIALOGUE.name]))
        if not turns and any(isinstance(part, Audio) for turn in record.turns for part in turn.parts):
            return with_facts(record, {SUPPORT_RATIO.name: 1.0, NUM_UNSUPPORTED.name: 0})
        start, stop = int(record.facts[CORE_START.name]), int(record.facts[CORE_STOP.name])
        if not 0 <= start < stop <= len(turns):
            return Reject(record.key, BAD_SPAN.name, f"turns {start} to {stop} of {len(turns)}, expected at least one of them")
        source = "\n".join(text for _, text in turns[start:stop])
        if len(body) > len(source):
            return Reject(record.key, TOO_LONG.name, f"{len(body)} characters about {len(source)}")
        context = "\n".join(f"{speaker} {text}" for speaker, text in turns)
        language = str(record.facts[LANGUAGE.name])
        ratio, strange = round(summary_support(body, context, language), 4), unsupported(body, context, language)
        if ratio < self.min_support_ratio:
            return Reject(record.key, UNSUPPORTED.name, f"{ratio:.2f} of {summary[:60]!r}, expected {self.min_support_ratio:g} or more")
        if len(strange) > self.max_unsupported:
            return Reject(
                record.key, UNSUPPORTED.name, f"{', '.join(strange[:5])}: {len(strange)}, expected {self.max_unsupported} or fewer"
            )
        return with_facts(record, {SUPPORT_RATIO.name: ratio, NUM_UNSUPPORTED.name: len(strange)})


@dataclass(frozen=True, slots=True)
class SummaryWriting:
    """A language model writes `num_queries` queries about a conversation with their summaries, of different focus, length and form."""

    num_queries: int = 4
    reasons: ClassVar = (NO_TURNS,)

    def __post_init__(self) -> None:
        if not 1 <= self.num_queries <= 20:
            raise ValueError(f"num_queries is {self.num_queries}, expected 1 to 20")

    def prompt(self, row: Row) -> Prompt | Reject:
        turns, _ = drop_empty(turns_in(row.fields) or [("", text_field(row.fields, *TRANSCRIPT_FIELDS))])
        if not turns:
            return Reject(
                row.key, NO_TURNS.name, "expected turns, dialogue, meeting_transcripts or a transcript, in which something is said"
            )
        numbers = number_speakers(turns)
        told = "\n".join(f"{numbers[speaker]}: {text}" for speaker, text in turns)
        if len(told) > MAX_PROMPT_CHARS:
            return Reject(row.key, NO_TURNS.name, f"{len(told)} characters, expected {MAX_PROMPT_CHARS} or fewer")
        text = (
            f"Below is a conversation. Write {self.num_queries} different requests for a summary by somebody who heard it, each with its "
            "summary. Some are general, some about one matter. Vary length and form: a request may ask for a number of words, of "
            "sentences or of points, and for prose, bullets, a numbered list, JSON or an email. A summary says nothing that is not "
            "in the conversation, and has exactly the length and form that its request asks for. Speakers are called Speaker 1, "
            "Speaker 2 and so on.\nReply with a JSON list and nothing else. Each object has the texts "
            f'"query", "summary", "focus" ({GENERAL} or {SPECIFIC}), "length" ("at most 40 words", "exactly 3 sentences", "exactly 4 points", '
            f'or empty) and "format" ({", ".join(FORMS)}). Bullets start with "- ", numbered points with "1. "; JSON is '
            '{"points": [texts]}; an email has the line "Subject: ...", greeting, body and closing, with an empty line between them.\n\n'
            f"{told}"
        )
        return Prompt(text, "You summarise conversations faithfully.", 512 * self.num_queries)

    def read(self, row: Row, reply: str) -> Row | Reject:
        try:
            queries = reply_items(reply, texts=("query", "summary", "focus", "format"), may_have=("length",))
        except Refused as refused:
            return Reject(row.key, refused.reason.name, refused.detail)
        strange = next((item for item in queries if item["focus"] not in (GENERAL, SPECIFIC) or item["format"] not in FORMS), None)
        if strange is not None:
            return Reject(
                row.key, BAD_REPLY.name, f"focus {strange['focus'][:40]!r}, format {strange['format'][:40]!r}, expected those asked for"
            )
        return with_fields(row, queries=queries)
