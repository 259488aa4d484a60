"""Documents and written conversations with requests for a summary, and their summaries: what is read from rows, and how it is shown.

Read are a document (`document`, `article`, `text`, ...) or a conversation (QMSum's form, `turns`, SAMSum's `dialogue`), with summaries in
columns of their own (`summary`, `highlights`, `abstract`, `tldr`), with queries (QMSum's lists, `queries`, `query` and `answer`),
or as Dolly has them (`instruction`, `context`, `response`, `category`). Every summary becomes a conversation.
The user's turn has three parts: the request, an empty line and the source, or the other way round; `task.source_part` says which
is the source, so that a check reads it where it stands and it is stored once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from processors import tokens
from processors.audio.transcript_normal import UNSPACED
from processors.dialogue import LANGUAGE, language_field, text_field
from processors.language_id import detect_language
from processors.tasks.meeting import GENERAL, Query, drop_empty, queries_in, turns_in
from processors.tasks.record_digest import RECORD_DIGEST
from processors.tasks.summary import (
    FOCUS,
    FORMAT,
    LENGTH_INSTRUCTION,
    MAX_PROMPT_CHARS,
    NO_QUERY,
    SENTENCE_ENDS,
    SOURCE_KIND,
    SOURCE_PART,
    mapped_core,
    read_written,
    window_around,
    write_prompt,
)
from processors.tasks.summary_asked import stated_style
from processors.tasks.summary_wordings import DIALOGUE, DOCUMENT, REQUESTS
from processors.tasks.writing import Prompt
from processors.text.language import CONFIDENCE
from processors.text.language import LANGUAGE as TEXT_LANGUAGE
from processors.text.normalise import normalise, text_digest
from schemas.facts import Fact
from schemas.identity import keyed_rng, keyed_uniform
from schemas.outcome import Reason, Reject
from schemas.parts import Text
from schemas.records import Conversation, FactValue, Row, Turn

IS_WINDOW = Fact("task.is_window", bool, "Whether only a part of the conversation is shown, around the turns that the query needs")
NUM_SOURCE_TOKENS = Fact("task.num_source_tokens", int, "Tokens of the source as it is shown")
SUMMARY_FACTS = (
    LANGUAGE,
    TEXT_LANGUAGE,
    CONFIDENCE,
    FOCUS,
    LENGTH_INSTRUCTION,
    FORMAT,
    SOURCE_PART,
    SOURCE_KIND,
    IS_WINDOW,
    NUM_SOURCE_TOKENS,
    RECORD_DIGEST,
)

NO_DOCUMENT = Reason("no_document", "The row has no document and no conversation, or nothing is in it")
NOT_SUMMARY = Reason("not_summary", "The row's category says that its answer is no summary of its context")

DOCUMENT_COLUMNS = ("document", "article", "context", "passage", "report", "body", "content", "text", "input")
DIALOGUE_COLUMNS = ("dialogue", "transcript", "meeting")
SUMMARY_COLUMNS = ("summary", "highlights", "abstract", "tldr", "tl;dr")
LIST_COLUMNS = ("summaries", "reference_summaries", "summary", "highlights")
QUERY_LISTS = ("general_query_list", "specific_query_list", "queries")
REQUEST_COLUMNS = ("query", "question", "instruction")
ANSWER_COLUMNS = ("answer", "response", "output")
SUMMARY_CATEGORIES = ("summarization", "summarisation", "closed_qa", "information_extraction")  # Dolly's, with an answer from the context
SHORT_REQUESTS = {"tldr": "TL;DR", "tl;dr": "TL;DR"}
SLACK_TOKENS = 160  # of an instruction of length and format, an email's frame, and the template


@dataclass(frozen=True, slots=True)
class Source:
    """A text, or the turns of a conversation as lines; `places` maps turns as given to lines."""

    kind: str
    lines: list[str]
    places: list[int]

    def text(self, start: int = 0, stop: int | None = None) -> str:
        return "\n".join(self.lines[start:stop])


def source_in(fields: Mapping[str, object]) -> Source | None:
    """The document or conversation of a row; None when it has neither."""
    turns, places = drop_empty(turns_in(fields))
    if turns:
        return Source(DIALOGUE, [f"{speaker}: {text}" if speaker else text for speaker, text in turns], places)
    for kind, columns in ((DIALOGUE, DIALOGUE_COLUMNS), (DOCUMENT, DOCUMENT_COLUMNS)):
        text = normalise(text_field(fields, *columns)).strip()
        if text:
            return Source(kind, [text], [0, 1])
    return None


def _list_of_texts(value: object) -> list[str]:
    return [item.strip() for item in value if isinstance(item, str) and item.strip()] if isinstance(value, list) else []


def requests_in(fields: Mapping[str, object], language: str) -> list[Query]:
    """Every request of a row with its summary; an empty query stands for a request that is yet to be worded."""
    listed = queries_in({name: fields.get(name) for name in QUERY_LISTS})
    if listed:
        return listed
    asked, told = text_field(fields, *REQUEST_COLUMNS), text_field(fields, *ANSWER_COLUMNS)
    if asked and told:
        return [Query(asked, told, text_field(fields, "focus").lower() or GENERAL, None, *_stated(fields))]
    return _columns(fields, language)


def _stated(fields: Mapping[str, object]) -> tuple[str, str]:
    return text_field(fields, "length"), text_field(fields, "format").lower()


def _columns(fields: Mapping[str, object], language: str) -> list[Query]:
    """The summaries in columns: highlights are sentences, a list of summaries is several, all but one are asked for in words to come."""
    asked = text_field(fields, *REQUEST_COLUMNS)
    found: list[Query] = []
    for name in SUMMARY_COLUMNS:
        text = text_field(fields, name)
        if name == "highlights":
            lines = [line for line in text.splitlines() if line.strip()] or _list_of_texts(fields.get(name))
            text = _as_sentences(lines, language) if len(lines) > 1 else "".join(lines).strip()
        if text:
            found.append(Query(asked or SHORT_REQUESTS.get(name, ""), text, GENERAL, None, *_stated(fields)))
    for name in LIST_COLUMNS[:3]:
        found += [Query(asked, text, GENERAL, None, *_stated(fields)) for text in _list_of_texts(fields.get(name))]
    return found


def _as_sentences(lines: list[str], language: str) -> str:
    """Lines as sentences of one text; what a tokeniser has parted from the stop comes back to it."""
    stop, joint = ("。", "") if language in UNSPACED else (".", " ")
    told = [line.strip().removesuffix(" .").strip() for line in lines]
    return joint.join(text if text.endswith((*SENTENCE_ENDS, '"', "”")) else f"{text}{stop}" for text in told if text)


@dataclass(frozen=True, slots=True)
class DocumentTask:
    """A row becomes a conversation a summary: the request and the source in the user's turn, in either order, the summary learned.

    A conversation that is over `max_tokens` is shown in part: the turns that the query needs, and those around them. What is over
    it all the same comes out whole, and is refused as too long by the contract. A span that cannot be read leaves the source
    empty, which the next step refuses. Requests that a row does not have are worded in its language.
    """

    max_tokens: int = 131_072
    seed: int = 0
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = SUMMARY_FACTS
    reasons: ClassVar = (NO_DOCUMENT, NO_QUERY, NOT_SUMMARY)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.max_tokens < 2 * SLACK_TOKENS:
            raise ValueError(f"max_tokens is {self.max_tokens}, expected {2 * SLACK_TOKENS} or more")

    def __call__(self, row: Row) -> list[Conversation] | Reject:
        category = text_field(row.fields, "category").lower()
        if "response" in row.fields and "context" in row.fields and category and category not in SUMMARY_CATEGORIES:
            return Reject(row.key, NOT_SUMMARY.name, f"category {category[:40]!r}, expected one of {', '.join(SUMMARY_CATEGORIES)}")
        source = source_in(row.fields)
        if source is None:
            return Reject(row.key, NO_DOCUMENT.name, "expected a conversation, or text in document, article, context or text")
        whole = source.text()
        measured, confidence = detect_language(whole)
        language = language_field(row.fields) or measured
        found: dict[str, FactValue] = {LANGUAGE.name: language, TEXT_LANGUAGE.name: measured, CONFIDENCE.name: confidence}
        requests = requests_in(row.fields, language)
        if not requests:
            return Reject(row.key, NO_QUERY.name, "expected summary, highlights, abstract or tldr, or queries with their answers")
        costs = [tokens.count(f"{line}\n") for line in source.lines]
        return [self._about(row, f"{row.key} {number}", source, whole, costs, query, found) for number, query in enumerate(requests)]

    def _about(
        self, row: Row, name: str, source: Source, whole: str, costs: list[int], query: Query, found: Mapping[str, FactValue]
    ) -> Conversation:
        language = str(found[LANGUAGE.name])
        rng = keyed_rng(self.seed, "document_task", name)
        wordings = REQUESTS.get(language, REQUESTS["en"])[source.kind]
        worded = wordings[int(rng.integers(len(wordings)))]
        request, summary = normalise(query.query).strip() or worded, normalise(query.summary).strip()
        start, stop = mapped_core(query.core, source.places)
        budget = self.max_tokens - tokens.count(request) - tokens.count(summary) - SLACK_TOKENS
        shown, num_tokens, is_window = whole, sum(costs), False
        if start == stop:
            shown, num_tokens = "", 0
        elif num_tokens > budget and query.core is not None:
            share = keyed_uniform(self.seed, "document_task window", name)
            start, stop = window_around([float(cost) for cost in costs], (start, stop), float(budget), share)
            shown, num_tokens, is_window = source.text(start, stop), sum(costs[start:stop]), stop - start < len(costs)
        asked = stated_style(request, language)
        digest = text_digest("\0".join((query.query, summary, shown)))  # without what is drawn by the key
        facts: dict[str, FactValue] = {
            **found,
            FOCUS.name: query.focus,
            LENGTH_INSTRUCTION.name: query.length or asked.length,
            FORMAT.name: query.form or asked.form,
            SOURCE_PART.name: 2 if rng.integers(2) else 0,
            SOURCE_KIND.name: source.kind,
            IS_WINDOW.name: is_window,
            NUM_SOURCE_TOKENS.name: num_tokens,
            RECORD_DIGEST.name: digest,
        }
        parts = (Text(request), Text("\n\n"), Text(shown))
        user = Turn("user", parts if facts[SOURCE_PART.name] == 2 else parts[::-1])
        return Conversation(
            row.key, row.origin, (user, Turn("assistant", (Text(summary),), learned=True)), {**row.facts, **facts}, row.parents
        )


def source_of(record: Conversation) -> str:
    """The text that a record's request is about."""
    part = record.turns[0].parts[int(record.facts[SOURCE_PART.name])]
    return part.text if isinstance(part, Text) else ""


@dataclass(frozen=True, slots=True)
class DocumentWriting:
    """A language model writes `num_queries` requests about a document or conversation with their summaries; those given are replaced."""

    num_queries: int = 3
    reasons: ClassVar = (NO_DOCUMENT,)

    def __post_init__(self) -> None:
        if not 1 <= self.num_queries <= 20:
            raise ValueError(f"num_queries is {self.num_queries}, expected 1 to 20")

    def prompt(self, row: Row) -> Prompt | Reject:
        source = source_in(row.fields)
        if source is None:
            return Reject(row.key, NO_DOCUMENT.name, "expected a conversation, or text in document, article, context or text")
        told = source.text()
        if len(told) > MAX_PROMPT_CHARS:
            return Reject(row.key, NO_DOCUMENT.name, f"{len(told)} characters, expected {MAX_PROMPT_CHARS} or fewer")
        noun = "conversation" if source.kind == DIALOGUE else "text"
        return write_prompt(told, noun, "has read", self.num_queries, f"Requests and summaries are in the language of the {noun}.")

    def read(self, row: Row, reply: str) -> Row | Reject:
        return read_written(row, reply)
