"""Who writes the text that a row lacks: its questions, answers, summaries, translations.

Three writers, by name. `given`: the row's own columns. `templates`: rules that make text from labels and transcripts, exactly
and without a model. `openai`: a language model, asked over a protocol that any endpoint can serve. Each adds columns to the
row, in the form in which a source would have given them, so that the tasks that follow read one form and never ask who wrote.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from schemas.facts import Fact, Limit
from schemas.identity import canonical_json, digest
from schemas.outcome import Reason, Reject
from schemas.records import Row, with_facts
from schemas.replies import Replies

GIVEN, TEMPLATES, OPENAI = "given", "templates", "openai"
WRITTEN_BY = Fact("task.written_by", str, "Who wrote the task's text: given (the source), templates (by rule), or the name of a model")
ROLES = ("user", "assistant")  # of earlier turns; the system message has a field of its own
MAX_ASKED_CHARS = 1 << 20  # of a question that is kept beside its reply
BAD_REPLY = Reason("bad_reply", "The language model's reply is not in the form that was asked for")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to a language model, with the media files that it is about. Units: `max_tokens` bounds the reply.

    `sample` tells apart the replies to one question that is asked several times, `history` has the earlier turns (role, text), and `schema` is a
    JSON schema, as canonical JSON, that the reply has to match.
    """

    text: str
    system: str = ""
    max_tokens: int = 1_024
    images: tuple[bytes, ...] = ()
    sample: int = 0
    audios: tuple[bytes, ...] = ()
    schema: str = ""
    history: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.sample < 0:
            raise ValueError(f"sample is {self.sample}, expected 0 or more")
        for role, _ in self.history:
            if role not in ROLES:
                raise ValueError(f"a turn of the history is by {role!r}, expected {' or '.join(ROLES)}")

    def digest(self) -> str:
        """All that is asked, and which sample. What came to prompts later counts only where it is used: replies kept before stay valid."""
        asked = digest(self.system, self.text, str(self.max_tokens), *self.images)
        later = {
            "sample": self.sample,
            "audios": [digest(audio) for audio in self.audios],
            "schema": self.schema,
            "history": [list(turn) for turn in self.history],
        }
        used = {name: value for name, value in later.items() if value}
        return digest(asked, canonical_json(used)) if used else asked

    def asked(self) -> dict[str, Any]:
        """What is kept beside a reply of its question: the messages, media by type and digest; without them where they are long."""
        media = [("image", file) for file in self.images] + [("audio", file) for file in self.audios]
        parts: list[dict[str, str]] = [{"type": kind, "digest": digest(file)} for kind, file in media]
        turns = [("system", self.system)] if self.system else []
        messages: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in (*turns, *self.history)]
        messages.append({"role": "user", "content": [*parts, {"type": "text", "text": self.text}] if parts else self.text})
        told = {"question": self.digest(), "max_tokens": self.max_tokens, "sample": self.sample}
        if len(self.text) + len(self.system) + len(self.schema) + sum(len(text) for _, text in self.history) > MAX_ASKED_CHARS:
            return told
        return {**told, "messages": messages, **({"schema": self.schema} if self.schema else {})}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said, and how. `why` says why there is no whole text, empty where there is one. Units: tokens, -1 where not counted."""

    text: str
    why: str = ""
    model: str = ""  # as the server names it
    num_prompt_tokens: int = -1
    num_output_tokens: int = -1

    def to_bytes(self, asked: Mapping[str, Any] | None = None) -> bytes:
        """As it is kept: JSON after a byte that no text in UTF-8 has, with what was asked where that is told."""
        told = {**dataclasses.asdict(self), **({"asked": asked} if asked is not None else {})}
        return b"\xff" + canonical_json(told).encode("utf-8", "replace")

    @staticmethod
    def from_bytes(kept: bytes) -> Reply:
        """Of an engine that says no more than the text, that text alone was kept."""
        if not kept.startswith(b"\xff"):
            return Reply(kept.decode())
        return Reply(**{name: value for name, value in json.loads(kept[1:]).items() if name != "asked"})


Keep = Callable[[Prompt, Reply], None]


class LlmEngine(Protocol):
    """Writes text. `identity()` says model, version and sampling parameters: all that decides a reply beside the prompt.

    The callable gives texts, or Replies. An engine that answers many prompts at once may have `keeps_replies`, true: its `open` then takes
    a function that it calls with each prompt and its Reply the moment there is one, so that none is paid for twice when a call is cut off,
    and the folder of the replies (or None), where it may write down what was spent. `without_secrets(text)` of an engine that has a key takes
    the key out of a text that is kept.
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
    def bounds(self) -> tuple[Limit, ...]:
        return getattr(self.writing, "bounds", ())

    @property
    def keeps_replies(self) -> bool:
        return getattr(self.engine, "keeps_replies", False)

    def identity(self) -> str:
        return self.engine.identity()

    def open(self, replies: Replies | None = None) -> AbstractContextManager[Callable[[list[Prompt]], list[bytes]]]:
        return asking(self.engine, replies)

    def questions(self, row: Row) -> list[Prompt] | Reject:
        prompt = self.writing.prompt(row)
        return prompt if isinstance(prompt, Reject) else [prompt]

    def answer(self, row: Row, replies: list[bytes]) -> Row | Reject:
        reply = Reply.from_bytes(replies[0])
        if reply.why:
            return Reject(row.key, BAD_REPLY.name, f"{reply.why}; the reply starts {reply.text[:60]!r}")
        written = self.writing.read(row, reply.text)
        return written if isinstance(written, Reject) else with_facts(written, {WRITTEN_BY.name: self.engine.name})


@contextlib.contextmanager
def asking(engine: LlmEngine, replies: Replies | None = None) -> Iterator[Callable[[list[Prompt]], list[bytes]]]:
    """The callable of an asking step, from prompts to replies as they are kept, aligned; what every step that asks a model opens.

    With `replies` (for an engine that `keeps_replies`) each reply is kept as soon as it is there, with its question.
    """
    identity = engine.identity()
    without_secrets: Callable[[str], str] = getattr(engine, "without_secrets", str)

    def to_bytes(prompt: Prompt, said: str | Reply) -> bytes:
        if isinstance(said, str):
            return said.encode()
        return said.to_bytes(_each_text({**prompt.asked(), "engine": identity}, without_secrets))

    def keep(prompt: Prompt, reply: Reply) -> None:
        if replies is not None:
            replies.put(digest(identity, prompt.digest()), to_bytes(prompt, reply))

    place = replies.root if replies is not None else None
    with engine.open(keep, place) if getattr(engine, "keeps_replies", False) else engine.open() as write:  # type: ignore[call-arg]
        yield lambda prompts: [to_bytes(prompt, said) for prompt, said in zip(prompts, write(prompts), strict=True)]


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _each_text(item, change) for name, item in value.items()}
    return [_each_text(item, change) for item in value] if isinstance(value, list) else value


def with_fields(row: Row, **fields: object) -> Row:
    """The row with more columns, or others in their place."""
    return replace(row, fields={**row.fields, **fields})
