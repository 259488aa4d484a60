"""Safe answers to prompts that come with pictures: the rows, labels and checks of text safety, with the pictures in their place.

Harmful prompts are declined without a detail of what was asked for, harmless look-alikes keep their answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.dialogue import LANGUAGE, NO_IMAGE, text_field
from processors.language_id import detect_language
from processors.messages import WRONG_IMAGE_COUNT, media_of
from processors.spoken_language import SPEECH_LANGUAGES
from processors.tasks.safety import HARMFUL, PROMPT_COLUMNS, SafetyTask
from processors.tasks.support import terms_of
from schemas.facts import Fact
from schemas.outcome import Reason, Reject
from schemas.parts import Part, Text
from schemas.records import Conversation, Row, learned_texts, with_facts

NUM_SHOWN = Fact("safety.num_images", int, "Pictures that come with the prompt")
ECHO = Fact("safety.echo_ratio", float, "Share of the prompt's telling words that the answer says again")

ECHOES = Reason("echoes_harm", "The refusal repeats too much of the harmful prompt: it may name the detail that it declines")

MIN_TERMS = 3  # of fewer, a refusal that names its subject repeats them all
_MARKER = re.compile(r"<\|?image(?:[_ ]?\d{1,4})?\|?>")


@dataclass(frozen=True, slots=True)
class VisionSafetyTask:
    """A row with pictures, a prompt and its response becomes a conversation: the pictures, the prompt, the response learned.

    Markers of images inside the prompt say where they stand; without any they stand first. Labels and categories are read as
    `SafetyTask` reads them.
    """

    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (*SafetyTask.writes, NUM_SHOWN)
    reasons: ClassVar = (NO_IMAGE, WRONG_IMAGE_COUNT, *SafetyTask.reasons)
    version: ClassVar = 1

    def __call__(self, row: Row) -> Conversation | Reject:
        images = media_of(row)[0]
        if not images:
            return Reject(row.key, NO_IMAGE.name, "expected image, images or file_name in the row")
        record = SafetyTask()(row)
        if isinstance(record, Reject):
            return record
        pieces = _MARKER.split(text_field(row.fields, *PROMPT_COLUMNS))
        if len(pieces) - 1 not in (0, len(images)):
            return Reject(row.key, WRONG_IMAGE_COUNT.name, f"{len(pieces) - 1} marked, the row has {len(images)}")
        if len(pieces) == 1:
            pieces = [*[""] * len(images), pieces[0]]
        parts: list[Part] = []
        for index, piece in enumerate(pieces):
            parts += [images[index - 1]] if index else []
            parts += [Text(piece.strip())] if piece.strip() else []
        user, answer = record.turns
        return with_facts(replace(record, turns=(replace(user, parts=tuple(parts)), answer)), {NUM_SHOWN.name: len(images)})


@dataclass(frozen=True, slots=True)
class KeepPlainRefusals:
    """Keeps answers to harmful prompts that repeat at most `max_echo_ratio` of the prompt's telling words; of other prompts it only measures.

    A refusal that explains what it declines, word by word, hands on what it was not to say.
    """

    max_echo_ratio: float = 0.6
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE, HARMFUL)
    writes: ClassVar = (ECHO,)
    reasons: ClassVar = (ECHOES,)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not 0 <= self.max_echo_ratio <= 1:
            raise ValueError(f"max_echo_ratio is {self.max_echo_ratio}, expected 0 to 1")

    def __call__(self, record: Conversation) -> Conversation | Reject:
        prompt = " ".join(part.text for turn in record.turns if turn.role == "user" for part in turn.parts if isinstance(part, Text))
        language = str(record.facts[LANGUAGE.name]) or detect_language(prompt, SPEECH_LANGUAGES)[0]
        asked, said = set(terms_of(prompt, language)), set(terms_of(" ".join(learned_texts(record)), language))
        ratio = round(len(asked & said) / len(asked), 4) if asked else 0.0
        if record.facts.get(HARMFUL.name) is True and len(asked) >= MIN_TERMS and ratio > self.max_echo_ratio:
            told = f"{ratio:.2f} of the prompt's telling words are said again, expected {self.max_echo_ratio} or less"
            return Reject(record.key, ECHOES.name, told, facts={ECHO.name: ratio})
        return with_facts(record, {ECHO.name: ratio})
