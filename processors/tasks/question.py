"""Questions about speech: pairs given with a row, made by rule from its transcript, or written by a model; and spoken queries.

A question is asked in text after the audio; a spoken query is the audio itself, and nothing is asked in text.
Source: arXiv 2503.01743, section on speech post-training data: several pairs are written for each transcript, poor ones are
removed; the queries of real speech get the response that a language model gives to their transcript.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from processors.audio.transcript_normal import normalise_transcript
from processors.dialogue import (
    BAD_SEGMENT_TIMES,
    LANGUAGE,
    NO_AUDIO,
    NO_TRANSCRIPT,
    SPEAKER,
    STATED_TRANSCRIPT,
    TRANSCRIPT_FIELDS,
    audio_of,
    language_field,
    text_field,
)
from processors.language_id import detect_language
from processors.pairs import as_pair, listed_pairs
from processors.spoken_language import SPEECH_LANGUAGES
from processors.tasks.question_wordings import YES_NO
from processors.tasks.replies import reply_items
from processors.tasks.support import SUPPORT_RATIO, support, terms_of
from processors.tasks.writing import BAD_REPLY, Prompt, with_fields
from schemas.facts import Fact, Limit
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Text
from schemas.records import Conversation, FactValue, Row, Turn, learned_texts, with_facts

KIND = Fact("task.question_kind", str, "Kind of the question as its writer states it, empty when it states none")
NUM_LEFT_OUT = Fact("task.num_left_out_pairs", int, "Pairs of the row that are left out: empty, repeated, or answered in two ways")

NO_PAIR = Reason("no_question_answer", "The row has no pair of question and answer, or only empty ones")
CONTRADICTING = Reason("contradicting_answers", "Every question of the row is answered in two ways")
NO_RESPONSE = Reason("no_response", "The row has no response to the spoken query, or an empty one")
NOT_IN_AUDIO = Reason("answer_not_in_audio", "Words or numbers of the answer are not in the transcript")
TOO_SHORT = Reason("transcript_too_short", "The transcript is too short to ask about")

MIN_WORDS = 5  # a shorter transcript is nearly given away by the question
MAX_ENUMERATED = 12  # of a question "how many", a listener may count what is listed; above, the number must be said
_ABOUT_SPEECH = frozenset(terms_of("speaker says said mentions audio clip recording talks told word person times", "en"))
_COUNTING = re.compile(r"\b(?:how (?:many|often)|combien|wie (?:viele|oft)|quant[aeios]+|cuánt[ao]s)\b|多少|几|幾|いくつ|何[回人個]", re.I)
_TIMES_SAID = re.compile(
    r"(?:how many times|how often|combien de fois|wie oft|wie viele male|quante volte|quantas vezes|cuántas veces)", re.I
)
_QUOTED = re.compile(r"[\"“„«]\s?([^\"“”„«»]+?)\s?[\"”“»]")


def _missing_transcript(key: str) -> Reject:
    return Reject(key, NO_TRANSCRIPT.name, f"expected a non-empty {', '.join(TRANSCRIPT_FIELDS[:-1])} or {TRANSCRIPT_FIELDS[-1]}")


def language_of(stated: str, transcript: str) -> str:
    """The stated language, or else the measured one among the model's eight."""
    return stated or detect_language(transcript.lower(), SPEECH_LANGUAGES)[0]


def _speech_facts(row: Row, transcript: str) -> dict[str, FactValue]:
    return {
        **row.facts,
        LANGUAGE.name: language_field(row.fields),
        SPEAKER.name: text_field(row.fields, "speaker", "speaker_id"),
        STATED_TRANSCRIPT.name: transcript,
    }


@dataclass(frozen=True, slots=True)
class Pair:
    """A question with its answer, and what kind of question it is, if that is told."""

    question: str
    answer: str
    kind: str = ""


def pairs_of(fields: Mapping[str, object]) -> list[Pair]:
    """The pairs that the fields give, empty sides included: `qa` as objects or [question, answer], or `question` and `answer`."""
    given = listed_pairs(fields)
    if given is not None:
        return [_pair(columns) for item in given if (columns := as_pair(item)) is not None]
    pair = _pair(fields)
    return [pair] if pair.question or pair.answer else []


def _pair(item: Mapping[str, object]) -> Pair:
    return Pair(_answer(item.get("question")), _answer(item.get("answer", item.get("answers"))), text_field(item, "kind"))


def _answer(value: object) -> str:
    """An answer as text: a number as written, the first of several (SQuAD lists those of all annotators)."""
    if isinstance(value, Mapping):
        value = value.get("text")
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value}"
    return value.strip() if isinstance(value, str) else ""


def _same(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold())) or text


def distinct(pairs: list[Pair]) -> list[Pair]:
    """Each whole pair once; no question that is answered in two ways."""
    found: dict[str, dict[str, Pair]] = {}
    for pair in pairs:
        if pair.question and pair.answer:
            found.setdefault(_same(pair.question), {}).setdefault(_same(pair.answer), pair)
    return [next(iter(answers.values())) for answers in found.values() if len(answers) == 1]


@dataclass(frozen=True, slots=True)
class QuestionTask:
    """A row with audio, transcript and pairs becomes a conversation a pair: audio and question, the answer learned.

    A pair that comes twice is taken once; a question with two different answers is left out, since one of them is wrong.
    """

    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE, SPEAKER, STATED_TRANSCRIPT, KIND, NUM_LEFT_OUT)
    reasons: ClassVar = (NO_AUDIO, BAD_SEGMENT_TIMES, NO_TRANSCRIPT, NO_PAIR, CONTRADICTING)
    version: ClassVar = 1

    def __call__(self, row: Row) -> list[Conversation] | Reject:
        audio = audio_of(row)
        if isinstance(audio, Reject):
            return audio
        transcript = text_field(row.fields, *TRANSCRIPT_FIELDS)
        if not transcript:
            return _missing_transcript(row.key)
        pairs = pairs_of(row.fields)
        if not any(pair.question and pair.answer for pair in pairs):
            return Reject(row.key, NO_PAIR.name, f"{len(pairs)} pairs, expected qa with a question and an answer, or both as columns")
        kept = distinct(pairs)
        if not kept:
            return Reject(row.key, CONTRADICTING.name, f"{pairs[0].question[:60]!r} is answered in two ways")
        facts = {**_speech_facts(row, transcript), NUM_LEFT_OUT.name: len(pairs) - len(kept)}
        children = []
        for pair in kept:
            turns = (Turn("user", (audio, Text(pair.question))), Turn("assistant", (Text(pair.answer),), learned=True))
            children.append(Conversation(row.key, row.origin, turns, {**facts, KIND.name: pair.kind}, row.parents))
        return children


@dataclass(frozen=True, slots=True)
class SpokenQueryTask:
    """A row with audio, transcript and `response` becomes: user audio without any text, the response learned."""

    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE, SPEAKER, STATED_TRANSCRIPT)
    reasons: ClassVar = (NO_AUDIO, BAD_SEGMENT_TIMES, NO_TRANSCRIPT, NO_RESPONSE)
    version: ClassVar = 1

    def __call__(self, row: Row) -> Conversation | Reject:
        audio = audio_of(row)
        if isinstance(audio, Reject):
            return audio
        transcript, response = text_field(row.fields, *TRANSCRIPT_FIELDS), text_field(row.fields, "response", "answer")
        if not transcript:
            return _missing_transcript(row.key)
        if not response:
            return Reject(row.key, NO_RESPONSE.name, "expected a non-empty response or answer")
        turns = (Turn("user", (audio,)), Turn("assistant", (Text(response),), learned=True))
        return Conversation(row.key, row.origin, turns, _speech_facts(row, transcript), row.parents)


def answer_support(question: str, answer: str, transcript: str, language: str) -> float:
    """The share of what the answer says that is in the transcript; 1.0 where there is nothing to look for.

    Looked for are content words and numbers beside those of the question. Yes and no are not judged. A count must be right where
    it is of a quoted word; another small count may be of what is listed.
    """
    if _TIMES_SAID.search(question) and (quoted := _QUOTED.search(question)):
        return 1.0 if _says_count(answer, _times_said(quoted[1], transcript), language) else 0.0
    yes_no = {word.casefold() for word in YES_NO.get(language, ())}
    first = re.match(r"\W*(\w+)\W*", answer)
    if first and first[1].casefold() in yes_no:
        answer = answer[first.end() :]
    asked = set(terms_of(question, language)) | _ABOUT_SPEECH
    wanted = [term for term in terms_of(answer, language) if term not in asked]
    if _COUNTING.search(question):
        wanted = [term for term in wanted if not (term.isdecimal() and int(term) <= MAX_ENUMERATED)]
    return support(wanted, transcript, language)


def _times_said(word: str, transcript: str) -> int:
    words = _same(word)
    return len(re.findall(rf"(?<!\w){re.escape(words)}(?!\w)", _same(transcript)))


def _says_count(answer: str, count: int, language: str) -> bool:
    """Whether the only number of an answer is the count."""
    told = re.sub(r"\btwice\b", "2", re.sub(r"\bonce\b", "1", answer, flags=re.I), flags=re.I)
    words = normalise_transcript(told, language).split()
    return ["1" if word == "one" else word for word in words if word.isdecimal() or word == "one"] == [str(count)]


@dataclass(frozen=True, slots=True)
class KeepSupported:
    """Keeps answers of which at least `min_ratio` is in the transcript, by content words and numbers."""

    min_ratio: float = 0.5
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE, STATED_TRANSCRIPT)
    writes: ClassVar = (SUPPORT_RATIO,)
    reasons: ClassVar = (NOT_IN_AUDIO,)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(SUPPORT_RATIO, NOT_IN_AUDIO.name, self.min_ratio),)

    def __call__(self, record: Conversation) -> Conversation | Reject:
        question = " ".join(part.text for turn in record.turns if turn.role == "user" for part in turn.parts if isinstance(part, Text))
        answer = " ".join(learned_texts(record))
        transcript = str(record.facts[STATED_TRANSCRIPT.name])
        language = language_of(str(record.facts[LANGUAGE.name]), transcript)
        ratio = round(answer_support(question, answer, transcript, language), 4)
        if ratio < self.min_ratio:
            told = f"{ratio:.2f} of {answer[:80]!r}, expected {self.min_ratio:g} or more"
            return Reject(record.key, NOT_IN_AUDIO.name, told, facts={SUPPORT_RATIO.name: ratio})
        return with_facts(record, {SUPPORT_RATIO.name: ratio})


@dataclass(frozen=True, slots=True)
class QuestionWriting:
    """A language model writes `num_pairs` questions about the transcript with their answers."""

    num_pairs: int = 3
    reasons: ClassVar = (NO_TRANSCRIPT, TOO_SHORT)

    def __post_init__(self) -> None:
        if not 1 <= self.num_pairs <= 20:
            raise ValueError(f"num_pairs is {self.num_pairs}, expected 1 to 20")

    def prompt(self, row: Row) -> Prompt | Reject:
        transcript = text_field(row.fields, *TRANSCRIPT_FIELDS)
        if not transcript:
            return _missing_transcript(row.key)
        text = (
            f"Below is the transcript of a recording. Write {self.num_pairs} different questions that somebody who hears the recording can "
            "answer from it alone, each with its answer, in the language of the transcript. Ask about facts, people, numbers, reasons "
            "and the order of events; never say that there is a transcript. Answers are short, complete and use the words of the "
            'recording. Reply with a JSON list of objects {"question": text, "answer": text} and nothing else.\n\n'
            f"{transcript}"
        )
        return Prompt(text, "You write questions for listening comprehension.", 256 * self.num_pairs)

    def read(self, row: Row, reply: str) -> Row | Reject:
        try:
            pairs = reply_items(reply, texts=("question", "answer"))
        except Refused as refused:
            return refused.reject(row.key)
        return with_fields(row, qa=pairs)


@dataclass(frozen=True, slots=True)
class ResponseWriting:
    """A language model answers what is said, as if it had been written to it."""

    max_tokens: int = 1_024
    reasons: ClassVar = (NO_TRANSCRIPT,)

    def prompt(self, row: Row) -> Prompt | Reject:
        transcript = text_field(row.fields, *TRANSCRIPT_FIELDS)
        return Prompt(transcript, "", self.max_tokens) if transcript else _missing_transcript(row.key)

    def read(self, row: Row, reply: str) -> Row | Reject:
        if not reply.strip():
            return Reject(row.key, BAD_REPLY.name, "the reply is empty, expected a response")
        return with_fields(row, response=reply.strip())
