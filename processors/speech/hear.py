"""What an engine hears in the record's audio."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from processors.dialogue import LANGUAGE
from processors.speech.engines import AsrEngine, Clip
from processors.speech.replies import decode_heard, encode_heard
from processors.speech_text import HEARD, HEARD_WORDS, SECOND_HEARD
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reject
from schemas.records import Conversation, audios_of, with_facts

HEARD_BY = Fact("speech.heard_by", str, "Engine that heard the row's speech; empty when it cannot hear the language")
SECOND_HEARD_BY = Fact("speech.second_heard_by", str, "The second engine; empty when it cannot hear the language")


@dataclass(frozen=True, slots=True, eq=False)
class HearingQuestion:
    """A clip, known by its samples and language."""

    clip: Clip

    def digest(self) -> str:
        return digest(np.ascontiguousarray(self.clip.samples, dtype="<f4").tobytes(), self.clip.language)


@dataclass(frozen=True, slots=True)
class Hear:
    """Writes what the engine hears, a line a clip; nothing for languages it cannot hear. `second` fills the second engine's facts."""

    engine: AsrEngine
    second: bool = False
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    @property
    def writes(self) -> tuple[Fact, ...]:
        return (SECOND_HEARD, SECOND_HEARD_BY) if self.second else (HEARD, HEARD_BY, HEARD_WORDS)

    def identity(self) -> str:
        return self.engine.identity()

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[HearingQuestion]], list[bytes]]]:
        with self.engine.open() as hear:
            yield lambda questions: [encode_heard(heard) for heard in hear([question.clip for question in questions])]

    def _can_hear(self, record: Conversation) -> bool:
        return not self.engine.languages or record.facts[LANGUAGE.name] in self.engine.languages

    def questions(self, record: Conversation) -> list[HearingQuestion] | Reject:
        if not self._can_hear(record):
            return []
        language = str(record.facts[LANGUAGE.name])
        return [HearingQuestion(Clip(audio.samples, language)) for audio in audios_of(record) if audio.samples is not None]

    def answer(self, record: Conversation, replies: list[bytes]) -> Conversation:
        heard = [decode_heard(reply) for reply in replies]
        text = "\n".join(one.text for one in heard)
        by = self.engine.name if self._can_hear(record) else ""
        if self.second:
            return with_facts(record, {SECOND_HEARD.name: text, SECOND_HEARD_BY.name: by})
        words = [[word.text, word.start_s, word.end_s] for word in heard[0].words] if len(heard) == 1 else []
        told = json.dumps(words, ensure_ascii=False) if words else ""
        return with_facts(record, {HEARD.name: text, HEARD_BY.name: by, HEARD_WORDS.name: told})
