"""Questions about a transcript made by rule: their answers are exact by construction, and no question is ambiguous.

Words are asked about by what is heard of them: only whole words in letters, never one-sound function words ("to", "two"), and
in `after`, `before` and `order` only words that are said once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from processors.audio.transcript_normal import normalise_transcript
from processors.dialogue import NO_TRANSCRIPT, TRANSCRIPT_FIELDS, language_field, text_field
from processors.numbers import cardinal
from processors.tasks.question import MIN_WORDS, TOO_SHORT, Pair, language_of
from processors.tasks.question_wordings import COMMON_WORDS, WORDINGS, YES_NO
from processors.tasks.stop_words import STOP_WORDS
from processors.tasks.support import stem
from processors.tasks.writing import TEMPLATES, WRITTEN_BY, with_fields
from schemas.identity import keyed_rng
from schemas.outcome import Reason, Reject
from schemas.records import Row, with_facts

NO_TEMPLATES = Reason("no_templates_for_language", "Questions are made by rule in en, fr, de, it, pt and es only")
_WORD_OF_NUMBER = re.compile(r"[^\W\d_]+")
MIN_LETTERS = 3
MIN_NUMBER = 4  # below, a number in words may be an article, a pronoun or an adverb: one, second, ein, un
_MARKS = ".,;:!?¡¿…\"“”„«»()'‘’–—-"
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Said:
    """The words of a transcript in order; None where something stands that is no word in letters."""

    words: tuple[str | None, ...]
    transcript: str
    language: str

    @property
    def counts(self) -> Counter[str]:
        return Counter(word.casefold() for word in self.words if word is not None)

    def telling(self) -> list[str]:
        """Content words worth asking about, each once, in order, as first written."""
        stop = STOP_WORDS[self.language]
        found = {word.casefold(): word for word in reversed(self.words) if word is not None and len(word) >= MIN_LETTERS}
        return [word for low, word in reversed(found.items()) if low.replace("’", "'") not in stop]

    def single(self) -> list[str]:
        counts = self.counts
        return [word for word in self.telling() if counts[word.casefold()] == 1]


def said_in(transcript: str, language: str) -> Said:
    """The words of a transcript. Number words are None: a listener may write them in digits, and several as one number."""
    plain = [token.strip(_MARKS) for token in transcript.split()]
    numbers = {word for word in set(plain) if any(ch.isdigit() for ch in normalise_transcript(word, language))}
    words = tuple(word if _WORD.fullmatch(word) and word not in numbers else None for word in plain if word)
    return Said(words, transcript, language)


def _pick(rng: np.random.Generator, found: list[str]) -> str | None:
    return found[int(rng.integers(len(found)))] if found else None


def _neighbour(said: Said, rng: np.random.Generator, step: int) -> tuple[dict[str, str], str] | None:
    places = {word: number for number, word in enumerate(said.words) if word is not None}
    known = [word for word in said.single() if 0 <= places[word] + step < len(said.words) and said.words[places[word] + step] is not None]
    word = _pick(rng, known)
    return None if word is None else ({"word": word}, str(said.words[places[word] + step]))


def _end(said: Said, place: int) -> tuple[dict[str, str], str] | None:
    word = said.words[place]
    return None if word is None else ({}, word)


def _count(said: Said, rng: np.random.Generator) -> tuple[dict[str, str], str] | None:
    """How often is drawn first, evenly among what there is: most words are said once.

    A word that is also part of another (day, birthday) is hard to count by ear, and left alone.
    """
    counts = said.counts
    different = "\n".join(counts)
    by_count: dict[int, list[str]] = {}
    for word in said.telling():
        if different.count(word.casefold()) == 1:
            by_count.setdefault(counts[word.casefold()], []).append(word)
    if not by_count:
        return None
    drawn = sorted(by_count)[int(rng.integers(len(by_count)))]
    word = by_count[drawn][int(rng.integers(len(by_count[drawn])))]
    return {"word": word}, str(drawn)


def _order(said: Said, rng: np.random.Generator) -> tuple[dict[str, str], str] | None:
    found = said.single()
    if len(found) < 2:
        return None
    one, other = sorted(rng.choice(len(found), 2, replace=False).tolist())
    shown = (found[one], found[other]) if rng.random() < 0.5 else (found[other], found[one])
    return {"word": shown[0], "other": shown[1]}, found[one]


def _is_said(said: Said, rng: np.random.Generator) -> tuple[dict[str, str], str] | None:
    """Yes and no come equally often. Words that are not said are common ones; those that are said are, where there are any."""
    yes, no = YES_NO[said.language]
    common = COMMON_WORDS[said.language]
    if rng.random() < 0.5:
        known = {word.casefold() for word in common}
        telling = said.telling()
        word = _pick(rng, [word for word in telling if word.casefold() in known] or telling)
        return None if word is None else ({"word": word}, yes)
    heard = said.transcript.casefold()
    stems = {stem(word) for word in said.counts}
    word = _pick(rng, [word for word in common if word.casefold() not in heard and stem(word.casefold()) not in stems])
    return None if word is None else ({"word": word}, no)


def _number(said: Said) -> tuple[dict[str, str], str] | None:
    """The only number, in digits; none where anything else has a digit in it (1st, 9:30, 3.5), or words may be several numbers."""
    tokens = [token for token in normalise_transcript(said.transcript, said.language).split() if any(ch.isdigit() for ch in token)]
    if len(tokens) != 1 or not tokens[0].isdecimal() or int(tokens[0]) < MIN_NUMBER:
        return None
    written = [token.strip(_MARKS) for token in said.transcript.split() if any(ch.isdigit() for ch in token)]
    if written:
        return ({}, tokens[0]) if written == tokens else None
    return ({}, tokens[0]) if _plain_words(cardinal(tokens[0], said.language)) in _plain_words(said.transcript) else None


def _plain_words(text: str) -> str:
    return f" {' '.join(word for word in _WORD_OF_NUMBER.findall(text.casefold()) if word != 'and')} "


def ask(kind: str, said: Said, rng: np.random.Generator) -> tuple[dict[str, str], str] | None:
    """What a question of a kind asks about, and its answer; None when the transcript gives none that is exact."""
    if kind in ("after", "before"):
        return _neighbour(said, rng, 1 if kind == "after" else -1)
    if kind in ("first", "last"):
        return _end(said, 0 if kind == "first" else -1)
    drawn = {"count": _count, "order": _order, "said": _is_said}
    return drawn[kind](said, rng) if kind in drawn else _number(said)


def questions_about(said: Said, rng: np.random.Generator) -> Iterator[Pair]:
    """Different questions, kind after kind in a drawn order, until a round of all kinds gives nothing new."""
    wordings = WORDINGS[said.language]
    kinds = list(wordings)
    asked: set[tuple[str, str]] = set()
    new = True
    while new:
        new = False
        for kind in (kinds[number] for number in rng.permutation(len(kinds))):
            found = ask(kind, said, rng)
            about = (kind, "|".join(sorted(found[0].values())).casefold()) if found else None
            if found is None or about is None or about in asked:
                continue
            asked.add(about)
            new = True
            wording = wordings[kind][int(rng.integers(len(wordings[kind])))]
            yield Pair(wording.format(**found[0]), found[1], kind)


@dataclass(frozen=True, slots=True)
class QuestionTemplates:
    """Gives a row up to `per_clip` pairs made from its transcript, in the language of the transcript."""

    per_clip: int = 2
    seed: int = 0
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (WRITTEN_BY,)
    reasons: ClassVar = (NO_TRANSCRIPT, NO_TEMPLATES, TOO_SHORT)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not 1 <= self.per_clip <= 50:
            raise ValueError(f"per_clip is {self.per_clip}, expected 1 to 50")

    def __call__(self, row: Row) -> Row | Reject:
        transcript = text_field(row.fields, *TRANSCRIPT_FIELDS)
        if not transcript:
            return Reject(
                row.key, NO_TRANSCRIPT.name, f"expected a non-empty {', '.join(TRANSCRIPT_FIELDS[:-1])} or {TRANSCRIPT_FIELDS[-1]}"
            )
        language = language_of(language_field(row.fields), transcript)
        if language not in WORDINGS:
            return Reject(row.key, NO_TEMPLATES.name, f"language {language!r}, expected one of {', '.join(WORDINGS)}")
        said = said_in(transcript, language)
        if len(said.words) < MIN_WORDS:
            return Reject(row.key, TOO_SHORT.name, f"{len(said.words)} words, expected {MIN_WORDS} or more")
        made = questions_about(said, keyed_rng(self.seed, "question_templates", row.key))
        pairs = [pair for pair, _ in zip(made, range(self.per_clip), strict=False)]
        if not pairs:
            return Reject(row.key, TOO_SHORT.name, f"no question is exact for {transcript[:60]!r}")
        told = [{"question": pair.question, "answer": pair.answer, "kind": pair.kind} for pair in pairs]
        return with_facts(with_fields(row, qa=told), {WRITTEN_BY.name: TEMPLATES})
