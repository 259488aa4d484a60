"""Questions about sounds, music and speech: how they stand in a conversation, and how a language model is asked for them.

The rules that make questions from labels and metadata are in processors/tasks/sound_questions.py.
Source: arXiv 2503.01743, section on speech post-training data: (audio, question, answer) triples over speech, sound and music,
written from transcripts and metadata. User: audio, question; assistant: answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from processors.dialogue import BAD_SEGMENT_TIMES, LANGUAGE, NO_AUDIO, audio_of, language_field, text_field
from processors.pairs import ANSWER_COLUMNS, PAIR_COLUMNS, QUESTION_COLUMNS, as_pair, listed_pairs
from processors.tasks.question import KIND
from processors.tasks.replies import reply_items
from processors.tasks.sound_questions import told_by
from processors.tasks.writing import BAD_REPLY, Prompt, with_fields
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Text
from schemas.records import Conversation, Row, Turn

NO_QUESTION = Reason("no_question", "The row has no question, or an empty one")
NO_ANSWER = Reason("no_answer", "A question of the row has no answer, or an empty one")
BAD_CHOICES = Reason("bad_choices", "The choices are no list of different texts, or the answer is none of them")
NO_METADATA = Reason("no_metadata", "The row has no transcript, label, caption or other metadata to write questions from")
MAX_CHOICES = 26
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class UnderstandingTask:
    """A row with audio and `qa` pairs, or one question and answer, becomes one conversation a pair: audio, question, answer.

    A pair with `choices` asks for one of them: they stand below the question as A., B., ..., and the answer is the letter with
    its text. The answer may be given as text, letter, or index from 0.
    """

    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE, KIND)
    reasons: ClassVar = (NO_AUDIO, NO_QUESTION, NO_ANSWER, BAD_CHOICES, BAD_SEGMENT_TIMES)
    version: ClassVar = 1

    def __call__(self, row: Row) -> list[Conversation] | Reject:
        audio = audio_of(row)
        if isinstance(audio, Reject):
            return audio
        try:
            pairs = [_pair(item, number) for number, item in enumerate(_items(row.fields))]
        except Refused as refused:
            return refused.reject(row.key)
        facts = {**row.facts, LANGUAGE.name: language_field(row.fields)}
        return [
            Conversation(
                row.key,
                row.origin,
                (Turn("user", (audio, Text(question))), Turn("assistant", (Text(answer),), learned=True)),
                {**facts, KIND.name: kind},
                row.parents,
            )
            for question, answer, kind in pairs
        ]


def _items(fields: Mapping[str, object]) -> list[object]:
    listed = listed_pairs(fields)
    if listed is not None:
        return listed
    if not text_field(fields, *QUESTION_COLUMNS):
        raise Refused(NO_QUESTION, f"expected a list in {', '.join(PAIR_COLUMNS)}, or text in {', '.join(QUESTION_COLUMNS)}")
    return [fields]


def _pair(item: object, number: int) -> tuple[str, str, str]:
    """Question, answer and kind of a pair."""
    pair = as_pair(item)
    if pair is None:
        raise Refused(NO_QUESTION, f"pair {number} is {item!r:.80}, expected an object with question and answer")
    item = pair
    question = text_field(item, *QUESTION_COLUMNS)
    if not question:
        raise Refused(NO_QUESTION, f"pair {number} has no text in {', '.join(QUESTION_COLUMNS)}")
    choices = next((item[name] for name in ("choices", "options") if item.get(name)), None)
    if choices is not None:
        question, answer = _with_choices(question, choices, _given_answer(item), number)
        return question, answer, text_field(item, "kind") or "choice"
    answer = text_field(item, *ANSWER_COLUMNS)
    if not answer:
        raise Refused(NO_ANSWER, f"pair {number} has no text in {', '.join(ANSWER_COLUMNS)}")
    return question, answer, text_field(item, "kind")


def _given_answer(item: Mapping[str, object]) -> object:
    return next((item[name] for name in (*ANSWER_COLUMNS, "label") if item.get(name) not in (None, "")), None)


def _with_choices(question: str, choices: object, answer: object, number: int) -> tuple[str, str]:
    texts = [choice.strip() for choice in choices if isinstance(choice, str) and choice.strip()] if isinstance(choices, list) else []
    if not isinstance(choices, list) or len(texts) != len(choices) or not 2 <= len(texts) <= MAX_CHOICES or len(set(texts)) < len(texts):
        raise Refused(BAD_CHOICES, f"pair {number}: choices are {choices!r:.80}, expected 2 to {MAX_CHOICES} different texts")
    if answer is None:
        raise Refused(NO_ANSWER, f"pair {number} has choices and no answer")
    texts = [re.sub(rf"^\(?{LETTERS[at]}[.):]\s*", "", text) or text for at, text in enumerate(texts)]  # some sources letter them already
    at = _chosen(texts, answer)
    if at is None:
        raise Refused(BAD_CHOICES, f"pair {number}: the answer {answer!r:.80} is none of {len(texts)} choices")
    listed = "\n".join(f"{LETTERS[place]}. {text}" for place, text in enumerate(texts))
    return f"{question}\n{listed}", f"{LETTERS[at]}. {texts[at]}"


def _chosen(texts: list[str], answer: object) -> int | None:
    if isinstance(answer, int) and not isinstance(answer, bool):
        return answer if 0 <= answer < len(texts) else None
    told = answer.strip() if isinstance(answer, str) else ""
    folded = [text.casefold() for text in texts]
    if told.casefold() in folded:
        return folded.index(told.casefold())
    lettered = re.fullmatch(r"\(?([A-Z])(?:[.):]?|[.):]\s*(.+))\)?", told, re.S)
    if lettered is None or LETTERS.index(lettered[1]) >= len(texts):
        return None
    at = LETTERS.index(lettered[1])
    return at if lettered[2] is None or lettered[2].strip().casefold() == folded[at] else None


# ---- written by a language model

MAX_QUESTION_CHARS, MAX_ANSWER_CHARS = 500, 2_000
_SYSTEM = (
    "You write training data for a model that listens. You are given what is known of an audio clip. Write questions that a listener could "
    "ask about the clip and that what is known answers with certainty. The listener hears the clip and reads nothing: never mention "
    "metadata, labels, captions, transcripts or file names. Answer in full sentences. Reply with JSON alone."
)
_GIVEN_AWAY = re.compile(
    r"\b(?:metadata|transcript(?:ion)?s?|annotations?|captions?|file ?names?|labell?ed|the labels?|timestamps?)\b", re.I
)


@dataclass(frozen=True, slots=True)
class UnderstandingWriting:
    """Asks a language model for `per_clip` question-answer pairs about a clip, from its metadata and transcript."""

    per_clip: int = 2

    def __post_init__(self) -> None:
        if self.per_clip < 1:
            raise ValueError(f"per_clip is {self.per_clip}, expected 1 or more")

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return (NO_METADATA,)

    def prompt(self, row: Row) -> Prompt | Reject:
        known = told_by(row.fields)
        if not known:
            return Reject(row.key, NO_METADATA.name, f"columns are {', '.join(sorted(row.fields)) or 'none'}")
        text = (
            f"What is known of the clip:\n{json.dumps(known, ensure_ascii=False, indent=1)}\n\nWrite {self.per_clip} different questions with "
            'their answers, as a JSON list: [{"question": "...", "answer": "..."}]'
        )
        return Prompt(text, _SYSTEM, max_tokens=256 * self.per_clip)

    def read(self, row: Row, reply: str) -> Row | Reject:
        """Strict: exactly `per_clip` pairs, nothing else in them, no question twice, no talk of metadata."""
        try:
            pairs = reply_items(reply, texts=("question", "answer"))
        except Refused as refused:
            return refused.reject(row.key)
        if len(pairs) != self.per_clip:
            return Reject(row.key, BAD_REPLY.name, f"{len(pairs)} pairs, expected {self.per_clip}")
        problem = next((problem for pair in pairs if (problem := _problem(pair))), "")
        if not problem and len({pair["question"].casefold() for pair in pairs}) < len(pairs):
            problem = "the same question twice"
        return Reject(row.key, BAD_REPLY.name, problem) if problem else with_fields(row, qa=pairs)


def _problem(pair: Mapping[str, str]) -> str:
    for name, max_chars in (("question", MAX_QUESTION_CHARS), ("answer", MAX_ANSWER_CHARS)):
        if len(pair[name]) > max_chars:
            return f"{name} has {len(pair[name])} characters, expected {max_chars} or fewer"
        if _GIVEN_AWAY.search(pair[name]):
            return f"{name} speaks of what a listener cannot know: {pair[name][:80]!r}"
    return ""
