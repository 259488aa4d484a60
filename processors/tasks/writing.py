"""Who writes the text that a row lacks: its questions, answers, summaries, translations.

Three writers, by name. `given`: the row's own columns. `templates`: rules that make text from labels and transcripts, exactly
and without a model. `openai`: a language model, asked over a protocol that any endpoint can serve. Each adds columns to the
row, in the form in which a source would have given them, so that the tasks that follow read one form and never ask who wrote.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from schemas.facts import Fact
from schemas.identity import canonical_json, digest
from schemas.outcome import Reason, Reject
from schemas.records import Row, with_facts
from schemas.replies import Replies

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


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said, and how. `why` says why there is no whole text, empty where there is one. Units: tokens, -1 where not counted."""

    text: str
    why: str = ""
    model: str = ""  # as the server names it
    num_prompt_tokens: int = -1
    num_output_tokens: int = -1

    def to_bytes(self) -> bytes:
        """As it is kept: JSON after a byte that no text in UTF-8 has; an engine that says no more than the text gives the text alone."""
        return b"\xff" + canonical_json(dataclasses.asdict(self)).encode("utf-8", "replace")

    @staticmethod
    def from_bytes(kept: bytes) -> Reply:
        return Reply(**json.loads(kept[1:])) if kept.startswith(b"\xff") else Reply(kept.decode())


Keep = Callable[[Prompt, Reply], None]


class LlmEngine(Protocol):
    """Writes text. `identity()` says model, version and sampling parameters: all that decides a reply beside the prompt.

    The callable gives texts, or Replies. An engine that answers many prompts at once may have `keeps_replies`, true: its `open` then takes
    a function that it calls with each prompt and its Reply the moment there is one, so that none is paid for twice when a call is cut off.
    """

    @property
    def name(self) -> str: ...
    def identity(self) -> str: ...
    def open(self) -> AbstractContextManager[Callable[[list[Prompt]], Sequence[str | Reply]]]: ...


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
    version: ClassVar = 1

    @property
    def reads(self) -> tuple[Fact, ...]:
        return getattr(self.writing, "reads", ())

    @property
    def writes(self) -> tuple[Fact, ...]:
        return (WRITTEN_BY, *getattr(self.writing, "writes", ()))

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return (*(reason for reason in self.writing.reasons if reason != BAD_REPLY), BAD_REPLY)

    @property
    def keeps_replies(self) -> bool:
        return getattr(self.engine, "keeps_replies", False)

    def identity(self) -> str:
        return self.engine.identity()

    @contextlib.contextmanager
    def open(self, replies: Replies | None = None) -> Iterator[Callable[[list[Prompt]], list[bytes]]]:
        """With `replies` (for an engine that `keeps_replies`) each reply is kept as soon as it is there."""

        def keep(prompt: Prompt, reply: Reply) -> None:
            if replies is not None:
                replies.put(digest(self.identity(), prompt.digest()), reply.to_bytes())

        with self.engine.open(keep) if self.keeps_replies else self.engine.open() as write:  # type: ignore[call-arg]
            yield lambda prompts: [said.encode() if isinstance(said, str) else said.to_bytes() for said in write(prompts)]

    def questions(self, row: Row) -> list[Prompt] | Reject:
        prompt = self.writing.prompt(row)
        return prompt if isinstance(prompt, Reject) else [prompt]

    def answer(self, row: Row, replies: list[bytes]) -> Row | Reject:
        reply = Reply.from_bytes(replies[0])
        if reply.why:
            return Reject(row.key, BAD_REPLY.name, f"{reply.why}; the reply starts {reply.text[:60]!r}")
        written = self.writing.read(row, reply.text)
        return written if isinstance(written, Reject) else with_facts(written, {WRITTEN_BY.name: self.engine.name})


def with_fields(row: Row, **fields: object) -> Row:
    """The row with more columns, or others in their place."""
    return replace(row, fields={**row.fields, **fields})
