"""Queries about long conversations and their summaries: meetings that are to be spoken, and recordings.

Source: arXiv 2503.01743, section on speech post-training data: anonymised conversations of several speakers, uncut up to 30
minutes; several queries each, with a specific or general focus, lengths in words or sentences, formats such as bullets, JSON
or e-mail. A conversation is told to the steps that follow as facts: its turns, and which of them the query needs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.audio.transcript_normal import UNSPACED
from processors.dialogue import BAD_SEGMENT_TIMES, LANGUAGE, NO_AUDIO, TRANSCRIPT_FIELDS, audio_of, language_field, text_field
from processors.tasks.meeting import GENERAL, SPECIFIC, Query, anonymise, drop_empty, number_speakers, queries_in, turns_in
from processors.tasks.replies import reply_items
from processors.tasks.summary_style import FORMS, PROSE, Style, body_of, draw_style, instruction, keeps_instruction, put_into
from processors.tasks.summary_support import passage_support, sentence_support, summary_support, unsupported, weakest_sentence
from processors.tasks.summary_wordings import DOCUMENT
from processors.tasks.support import SUPPORT_RATIO
from processors.tasks.writing import BAD_REPLY, Prompt, with_fields
from schemas.facts import Fact, Limit
from schemas.identity import keyed_rng, keyed_uniform
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, FactValue, Row, Turn, with_facts

DIALOGUE = Fact("dialogue.turns_json", str, "Turns of the conversation around the core: a JSON list of [speaker, text]")
CORE_START = Fact("dialogue.core_start", int, "First turn that the query needs, an index into the turns")
CORE_STOP = Fact("dialogue.core_stop", int, "Behind the last turn that the query needs; equal to the start when its span is unreadable")
FOCUS = Fact("task.focus", str, "general: about the whole conversation; specific: about a part of it")
LENGTH_INSTRUCTION = Fact("task.length_instruction", str, 'Length that the query asks for ("at most 60 words"), empty for any')
NUM_UNSUPPORTED = Fact("task.num_unsupported_names", int, "Numbers, dates and names of the summary that are not in the source")
PASSAGE_RATIO = Fact(
    "task.passage_support_ratio", float, "Share of the terms of each sentence that stand together in one passage of the source"
)
WEAKEST_RATIO = Fact(
    "task.weakest_sentence_ratio", float, "Support of the sentence that has least, see processors/tasks/summary_support.py"
)
FORMAT = Fact("task.format", str, "Form that the query asks for: prose, bullets, numbered, json, any_json or email")
SOURCE_KIND = Fact("task.source_kind", str, "What is summarised: document or dialogue")
SOURCE_PART = Fact("task.source_part", int, "Which part of the user's turn is the text that is summarised; the request is the other text")
QUERY_FACTS = (LANGUAGE, DIALOGUE, CORE_START, CORE_STOP, FOCUS, LENGTH_INSTRUCTION, FORMAT)

NO_TURNS = Reason("no_turns", "The row holds no conversation in a form that can be read, or nothing is said in it")
NO_QUERY = Reason("no_query", "The row has no query with a summary")
BAD_SPAN = Reason("bad_span", "The turns that the query needs cannot be read, are none, or lie outside the conversation")
NO_SUMMARY = Reason("no_summary", "The query or its summary is empty")
UNSUPPORTED = Reason("unsupported", "Numbers, dates, names or too many of the telling words of the summary are not in the source")
TOO_LONG = Reason("too_long_summary", "The summary is longer than what it summarises")
INSTRUCTION_NOT_KEPT = Reason("instruction_not_kept", "The summary has not the length or format that the query asks for")

SENTENCE_ENDS = (".", "?", "!", ":", "。", "\uff1f", "\uff01", "\uff1a")
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
            core = mapped_core(query.core, places)
            share = keyed_uniform(self.seed, "meeting_task", f"{row.key} {number}")
            start, stop = window_around(lengths, core, self.target_s, share) if core[0] < core[1] else core
            children.append(_about(row, query, turns[start:stop], (core[0] - start, core[1] - start), everyone))
        return children


def mapped_core(core: tuple[int, int] | None, places: list[int]) -> tuple[int, int]:
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
        cores = [mapped_core(query.core, places) if turns else (0, 0) for query in queries]
        everyone = list(dict.fromkeys(speaker for speaker, _ in turns))
        return [_about(row, query, turns, core, everyone, audio) for query, core in zip(queries, cores, strict=True)]


def request_and_summary(record: Conversation) -> tuple[str, str]:
    """What is asked, without the text that is summarised, and the answer."""
    return _text_of(record, learned=False).strip(), _text_of(record, learned=True).strip()


def _text_of(record: Conversation, learned: bool) -> str:
    source = record.facts.get(SOURCE_PART.name)
    parts = (
        part for turn in record.turns if turn.learned == learned for number, part in enumerate(turn.parts) if learned or number != source
    )
    return " ".join(part.text for part in parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class SummaryStyle:
    """Adds to the query how long the answer is and in which form, drawn evenly, and puts the summary into that form.

    Only queries that ask for nothing of the kind yet; the words of the summary stay. `share` of the others get a style.
    """

    seed: int = 0
    share: float = 1.0
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE, LENGTH_INSTRUCTION, FORMAT)
    writes: ClassVar = (LENGTH_INSTRUCTION, FORMAT)
    reasons: ClassVar = ()
    version: ClassVar = 2

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share is {self.share}, expected 0 to 1")

    def __call__(self, record: Conversation) -> Conversation:
        summary = _text_of(record, learned=True)
        if record.facts[LENGTH_INSTRUCTION.name] or record.facts[FORMAT.name] != PROSE or not summary:
            return record
        if self.share < 1 and keyed_uniform(self.seed, "summary_style share", record.key) >= self.share:
            return record
        language, source = str(record.facts[LANGUAGE.name]), record.facts.get(SOURCE_PART.name)
        rng = keyed_rng(self.seed, "summary_style", record.key)
        style = draw_style(summary, rng, language)
        asked = instruction(style, rng, language)
        told = put_into(summary, style.form, rng, language, record.facts.get(SOURCE_KIND.name) == DOCUMENT)
        turns = tuple(_restyled(turn, asked, told, source, language) for turn in record.turns)
        return replace(record, turns=turns, facts={**record.facts, LENGTH_INSTRUCTION.name: style.length, FORMAT.name: style.form})


def _restyled(turn: Turn, asked: str, told: str, source: FactValue | None, language: str) -> Turn:
    """The answer is told anew; every text of the user's that is neither the source nor white space asks for it."""
    if turn.learned:
        return replace(turn, parts=(Text(told),))
    parts = (
        Text(_ask_more(part.text, asked, language))
        if isinstance(part, Text) and number != source and (source is None or part.text.strip())
        else part
        for number, part in enumerate(turn.parts)
    )
    return replace(turn, parts=tuple(parts))


def _ask_more(request: str, asked: str, language: str) -> str:
    """The request with an instruction behind it, a sentence of its own."""
    if not asked or not request.strip():
        return f"{request}{asked}".strip()
    stop, joint = ("。", "") if language in UNSPACED else (".", " ")
    return f"{request}{'' if request.endswith(SENTENCE_ENDS) else stop}{joint}{asked}"


@dataclass(frozen=True, slots=True)
class SummaryCheck:
    """What a summary must be: in the form and length that are asked for, shorter than its source, and supported by it.

    Shares of the summary's telling words that its source has anywhere (`min_support_ratio`), and in one passage a sentence
    (`min_passage_ratio`); support of the weakest sentence (`min_sentence_ratio`); numbers, dates and names that the source has not.
    """

    min_support_ratio: float = 0.5
    min_passage_ratio: float = 0.0
    min_sentence_ratio: float = 0.0
    max_unsupported: int = 0
    max_length_ratio: float = 1.0

    @property
    def bounds(self) -> tuple[Limit, ...]:
        """Those on what becomes a fact; two of the measures are taken only where one of them is asked for."""
        found = [
            Limit(SUPPORT_RATIO, UNSUPPORTED.name, self.min_support_ratio),
            Limit(NUM_UNSUPPORTED, UNSUPPORTED.name, most=self.max_unsupported),
        ]
        if self.min_passage_ratio or self.min_sentence_ratio:
            found.append(Limit(PASSAGE_RATIO, UNSUPPORTED.name, self.min_passage_ratio))
            found.append(Limit(WEAKEST_RATIO, UNSUPPORTED.name, self.min_sentence_ratio))
        return tuple(found)

    def keeps_form(self, summary: str, style: Style, language: str) -> list[str]:
        """The body of the summary. Raises: Refused with instruction_not_kept."""
        if not keeps_instruction(summary, style, language):
            raise Refused(INSTRUCTION_NOT_KEPT, f"{style.form} {style.length}: {summary[:60]!r}")
        return body_of(summary, style.form) or []

    def supports(self, body: str, core: str, context: str, language: str) -> dict[str, FactValue]:
        """The facts of support of a body of text by `context`; it is to be shorter than `core`. Raises: Refused."""
        if len(body) > self.max_length_ratio * len(core):
            raise Refused(TOO_LONG, f"{len(body)} characters about {len(core)}")
        ratio = round(summary_support(body, context, language), 4)
        facts: dict[str, FactValue] = {SUPPORT_RATIO.name: ratio}
        if ratio < self.min_support_ratio:
            raise Refused(UNSUPPORTED, f"{ratio:.2f} of {body[:60]!r}, expected {self.min_support_ratio:g} or more", facts)
        strange = unsupported(body, context, language)
        facts[NUM_UNSUPPORTED.name] = len(strange)
        if len(strange) > self.max_unsupported:
            raise Refused(UNSUPPORTED, f"{', '.join(strange[:5])}: {len(strange)}, expected {self.max_unsupported} or fewer", facts)
        if self.min_passage_ratio or self.min_sentence_ratio:
            sentences = sentence_support(body, context, language)
            together, weakest = round(passage_support(sentences), 4), round(weakest_sentence(sentences), 4)
            facts |= {PASSAGE_RATIO.name: together, WEAKEST_RATIO.name: weakest}
            if together < self.min_passage_ratio:
                detail = f"{together:.2f} of {body[:60]!r} stand together, expected {self.min_passage_ratio:g} or more"
                raise Refused(UNSUPPORTED, detail, facts)
            if weakest < self.min_sentence_ratio:
                detail = f"{weakest:.2f} of a sentence of {body[:60]!r}, expected {self.min_sentence_ratio:g} or more"
                raise Refused(UNSUPPORTED, detail, facts)
        return facts


@dataclass(frozen=True, slots=True)
class KeepSummary:
    """Keeps summaries of conversations that are shorter than these, supported by them, and as long and in the form that the query asks for.

    Without a source text (a recording without transcript) support and length are not judged.
    """

    min_support_ratio: float = 0.5
    max_unsupported: int = 0
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (DIALOGUE, CORE_START, CORE_STOP, LANGUAGE, LENGTH_INSTRUCTION, FORMAT)
    writes: ClassVar = (SUPPORT_RATIO, NUM_UNSUPPORTED)
    reasons: ClassVar = (NO_SUMMARY, BAD_SPAN, INSTRUCTION_NOT_KEPT, TOO_LONG, UNSUPPORTED)
    version: ClassVar = 2

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return self._check.bounds

    @property
    def _check(self) -> SummaryCheck:
        return SummaryCheck(self.min_support_ratio, max_unsupported=self.max_unsupported)

    def __call__(self, record: Conversation) -> Conversation | Reject:
        query, summary = request_and_summary(record)
        if not query or not summary:
            return Reject(record.key, NO_SUMMARY.name, f"query {query[:40]!r}, summary {summary[:40]!r}, expected both")
        style = Style(str(record.facts[FORMAT.name]), str(record.facts[LENGTH_INSTRUCTION.name]))
        language = str(record.facts[LANGUAGE.name])
        check = self._check
        turns = json.loads(str(record.facts[DIALOGUE.name]))
        start, stop = int(record.facts[CORE_START.name]), int(record.facts[CORE_STOP.name])
        try:
            body = " ".join(check.keeps_form(summary, style, language))
            if not turns and any(isinstance(part, Audio) for turn in record.turns for part in turn.parts):
                return with_facts(record, {SUPPORT_RATIO.name: 1.0, NUM_UNSUPPORTED.name: 0})
            if not 0 <= start < stop <= len(turns):
                raise Refused(BAD_SPAN, f"turns {start} to {stop} of {len(turns)}, expected at least one of them")
            core = "\n".join(text for _, text in turns[start:stop])
            context = "\n".join(f"{speaker} {text}" for speaker, text in turns)
            return with_facts(record, check.supports(body, core, context, language))
        except Refused as refused:
            return refused.reject(record.key)


def write_prompt(told: str, noun: str, reader: str, num_queries: int, more: str = "") -> Prompt:
    """The question to a language model that writes queries about a text (`noun`) by `reader`, with their summaries."""
    text = (
        f"Below is a {noun}. Write {num_queries} different requests for a summary by somebody who {reader} it, each with its "
        "summary. Some are general, some about one matter. Vary length and form: a request may ask for a number of words, of "
        "sentences or of points, and for prose, bullets, a numbered list, JSON or an email. A summary says nothing that is not "
        f"in the {noun}, and has exactly the length and form that its request asks for. {more}"
        "\nReply with a JSON list and nothing else. Each object has the texts "
        f'"query", "summary", "focus" ({GENERAL} or {SPECIFIC}), "length" ("at most 40 words", "exactly 3 sentences", "exactly 4 points", '
        f'or empty) and "format" ({", ".join(FORMS)}). Bullets start with "- ", numbered points with "1. "; JSON is '
        '{"points": [texts]}; an email has the line "Subject: ...", greeting, body and closing, with an empty line between them.\n\n'
        f"{told}"
    )
    return Prompt(text, f"You summarise {noun}s faithfully.", 512 * num_queries)


def read_written(row: Row, reply: str) -> Row | Reject:
    """The row with the queries and summaries that a model wrote for `write_prompt`; a reply in any other form is refused."""
    try:
        queries = reply_items(reply, texts=("query", "summary", "focus", "format"), may_have=("length",))
    except Refused as refused:
        return refused.reject(row.key)
    strange = next((item for item in queries if item["focus"] not in (GENERAL, SPECIFIC) or item["format"] not in FORMS), None)
    if strange is not None:
        return Reject(
            row.key, BAD_REPLY.name, f"focus {strange['focus'][:40]!r}, format {strange['format'][:40]!r}, expected those asked for"
        )
    return with_fields(row, queries=queries)


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
        return write_prompt(told, "conversation", "heard", self.num_queries, "Speakers are called Speaker 1, Speaker 2 and so on.")

    def read(self, row: Row, reply: str) -> Row | Reject:
        return read_written(row, reply)
