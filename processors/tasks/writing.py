"""Who writes the text that a row lacks: its questions, answers, summaries, translations.

Three writers, by name. `given`: the row's own columns. `templates`: rules that make text from labels and transcripts, exactly
and without a model. `openai`: a language model, asked over a protocol that any endpoint can serve. Each adds columns to the
row, in the form in which a source would have given them, so that the tasks that follow read one form and never ask who wrote.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.records import Row, with_facts

GIVEN, TEMPLATES, OPENAI = "given", "templates", "openai"
WRITTEN_BY = Fact("task.written_by", str, "Who wrote the task's text: given (the source), templates (by rule), or the name of a model")
BAD_REPLY = Reason("bad_reply", "The language model's reply is not in the form that was asked for")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to a language model, with the image files that it is about. Units: `max_tokens` bounds the reply."""

    text: str
    system: str = ""
    max_tokens: int = 1_024
    images: tuple[bytes, ...] = ()

    def digest(self) -> str:
        return digest(self.system, self.text, str(self.max_tokens), *self.images)


class LlmEngine(Protocol):
    """Writes text. `identity()` says model, version and sampling parameters: all that decides a reply beside the prompt."""

    @property
    def name(self) -> str: ...
    def identity(self) -> str: ...
    def open(self) -> AbstractContextManager[Callable[[list[Prompt]], list[str]]]: ...


class Writing(Protocol):
    """What a model is asked to write for a row: the prompt, or a Reject where the row lacks what it needs; and the row with what it wrote.

    `read` is strict: a reply that is not in the form asked for is a Reject with reason `bad_reply`.
    """

    @property
    def reasons(self) -> tuple[Reason, ...]: ...
    def prompt(self, row: Row) -> Prompt | Reject: ...
    def read(self, row: Row, reply: str) -> Row | Reject: ...


@dataclass(frozen=True, slots=True)
class TakeGiven:
    """The row stays as it is; it is told that its text was given."""

    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (WRITTEN_BY,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, row: Row) -> Row:
        return with_facts(row, {WRITTEN_BY.name: GIVEN})


@dataclass(frozen=True, slots=True)
class WriteByModel:
    """A language model writes what the row lacks; an asking step, so that a reply is kept and never asked for twice."""

    engine: LlmEngine
    writing: Writing
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (WRITTEN_BY,)
    version: ClassVar = 1

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return (*self.writing.reasons, BAD_REPLY)

    def identity(self) -> str:
        return self.engine.identity()

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[Prompt]], list[bytes]]]:
        with self.engine.open() as write:
            yield lambda prompts: [text.encode() for text in write(prompts)]

    def questions(self, row: Row) -> list[Prompt] | Reject:
        prompt = self.writing.prompt(row)
        return prompt if isinstance(prompt, Reject) else [prompt]

    def answer(self, row: Row, replies: list[bytes]) -> Row | Reject:
        written = self.writing.read(row, replies[0].decode())
        return written if isinstance(written, Reject) else with_facts(written, {WRITTEN_BY.name: self.engine.name})


def with_fields(row: Row, **fields: object) -> Row:
    """The row with more columns, or others in their place."""
    return replace(row, fields={**row.fields, **fields})
