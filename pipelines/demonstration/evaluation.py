"""What the trained model writes for rows it never saw, scored: sums by equality, speech by WER, reading by CER, and with media swapped.

An ablation gives each row the picture or the sound of another row that is answered otherwise: what a model answers by guessing
stays right as often, what it answers by looking or listening does not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import jiwer

from pipelines.demonstration.schedule import DIGITS, SPOKEN, SUMS, WORDS
from pipelines.demonstration.words import GAP, LINE_END
from processors import tokens
from processors.dialogue import SPEAKER
from processors.speech_text import SPOKEN as SPOKEN_TEXT
from schemas.corpus import Corpus
from schemas.parts import Audio, Image, Part, Text
from schemas.records import Conversation, map_parts

if TYPE_CHECKING:
    from model.batch import Example
    from model.multimodal import Phi4MM

BATCH = 16  # prompts answered at once
MAX_NEW_TOKENS = {SUMS: 6, DIGITS: 10, WORDS: 72, SPOKEN: 6}


@dataclass(frozen=True, slots=True)
class Answered:
    """What was expected of a row, and what the model wrote."""

    key: str
    expected: str
    written: str
    group: str = ""


def test_rows(path: Path, limit: int | None = None) -> list[Conversation]:
    """The first rows of a corpus."""
    return [record for record in Corpus(path).records() if isinstance(record, Conversation)][:limit]


def first_answer(record: Conversation) -> str:
    """The text of the first learned turn."""
    turn = next(turn for turn in record.turns if turn.learned)
    return "".join(part.text for part in turn.parts if isinstance(part, Text))


def prompt_of(record: Conversation) -> Example:
    """The tokens before the first learned one, as at inference."""
    from model.collate import prompt_of as last_prompt_of
    from model.examples import example_of

    place = next(number for number, turn in enumerate(record.turns) if turn.learned)
    asked = replace(record, turns=record.turns[: place + 1], facts={})  # counts of the row are those of all of its turns
    return last_prompt_of(example_of(asked))


def answer_rows(model: Phi4MM, records: Sequence[Conversation], max_new_tokens: int) -> list[Answered]:
    """Greedy answers to the first question of each row."""
    from model.batch import Batch
    from model.generate import generate_batch

    model.eval()
    found: list[Answered] = []
    for start in range(0, len(records), BATCH):
        chunk = records[start : start + BATCH]
        written = generate_batch(model, Batch.join([prompt_of(record) for record in chunk]), max_new_tokens)
        found += [
            Answered(record.key, first_answer(record), tokens.decode(ids), str(record.facts.get(SPEAKER.name, "")))
            for record, ids in zip(chunk, written, strict=True)
        ]
    return found


def swapped(records: Sequence[Conversation], kind: type, same: str | None = None) -> list[Conversation]:
    """Each row with the medium of the next row that is answered otherwise; `same` is a fact in which both rows must agree.

    Rows without such a neighbour are left out.
    """
    found = []
    for place, record in enumerate(records):
        others = (records[(place + step) % len(records)] for step in range(1, len(records)))
        wanted = (
            other
            for other in others
            if first_answer(other) != first_answer(record) and (same is None or other.facts.get(same) == record.facts.get(same))
        )
        other = next(wanted, None)
        if other is not None:
            media = iter([part for turn in other.turns for part in turn.parts if isinstance(part, kind)])
            found.append(map_parts(record, {kind: partial(_next_of, media)}))
    return found


def _next_of(media: Iterator[Part], part: Part) -> Part:
    """The next medium, or the part itself where there are no more."""
    return next(media, part)


# ---- scores


def exact_ratio(answered: Sequence[Answered]) -> float:
    """The share of answers that are the expected ones, to the letter."""
    return sum(one.expected == one.written for one in answered) / len(answered)


def word_error_rate(answered: Sequence[Answered]) -> float:
    """Wrong words of all rows over the words that were said.

    The words as they are: the normal form of transcripts writes "one two three" as 123, of which nothing is half right.
    """
    return float(jiwer.wer([one.expected for one in answered], [one.written for one in answered]))


def character_error_rate(answered: Sequence[Answered]) -> float:
    """Wrong letters of all rows over the letters that stand there, spaces between words among them."""
    return float(jiwer.cer([as_words(one.expected) for one in answered], [as_words(one.written) for one in answered]))


def as_words(spelled: str) -> str:
    """ "| n i f a / b o k | t u n" as "nifa bok tun"."""
    return spelled.replace(" ", "").replace(GAP.strip(), " ").replace(LINE_END.strip(), " ").strip()


def guess_ratio(train: Sequence[Conversation], test: Sequence[Conversation]) -> float:
    """How often the commonest training answer to a question is right: what listening alone, without the picture, can reach."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for record in train:
        questions = str(record.facts.get(SPOKEN_TEXT.name, "")).split("\n")
        answers = ["".join(part.text for part in turn.parts if isinstance(part, Text)) for turn in record.turns if turn.learned]
        for question, answer in zip(questions, answers, strict=True):
            seen[question][answer] += 1
    right = 0
    for record in test:
        counted = seen[str(record.facts[SPOKEN_TEXT.name])].most_common(1)
        right += bool(counted) and counted[0][0] == first_answer(record)
    return right / len(test)


# ---- parts


@dataclass(frozen=True, slots=True)
class Score:
    """A figure of a part; `aim` is what was aimed at, None for a figure that is only compared with."""

    part: str
    name: str
    value: float
    num_rows: int
    aim: float | None = None
    higher_is_better: bool = True

    @property
    def reached(self) -> bool | None:
        if self.aim is None:
            return None
        return self.value > self.aim if self.higher_is_better else self.value < self.aim


def unseen_pairs(model: Phi4MM, test: Path) -> Score:
    """How often an answer is right about a colour and a shape that were never shown together."""
    answered = answer_rows(model, test_rows(test), MAX_NEW_TOKENS[SPOKEN])
    return Score(SPOKEN, "right, pairs of colour and shape never shown", exact_ratio(answered), len(answered))


def evaluate(model: Phi4MM, part: str, test: Path, train: Path, limit: int | None = None) -> tuple[list[Score], list[Answered]]:
    """The scores of a part, and the answers that they are of."""
    rows = test_rows(test, limit)
    answered = answer_rows(model, rows, MAX_NEW_TOKENS[part])
    num = len(answered)

    def again(changed: list[Conversation]) -> list[Answered]:
        return answer_rows(model, changed, MAX_NEW_TOKENS[part])

    if part == SUMS:
        seen = answer_rows(model, test_rows(train, num), MAX_NEW_TOKENS[part])
        scores = [
            Score(part, "right, unseen sums", exact_ratio(answered), num, 0.9),
            Score(part, "right, seen sums", exact_ratio(seen), num),
        ]
    elif part == DIGITS:
        scores = [Score(part, "WER, unseen speakers", word_error_rate(answered), num, 0.1, False)]
        by_speaker: dict[str, list[Answered]] = defaultdict(list)
        for one in answered:
            by_speaker[one.group].append(one)
        worst = max(by_speaker.values(), key=word_error_rate)
        scores.append(Score(part, f"WER of the worst of {len(by_speaker)} speakers", word_error_rate(worst), len(worst)))
        other = again(swapped(rows, Audio))
        scores.append(Score(part, "WER with another row's sound", word_error_rate(other), len(other)))
    elif part == WORDS:
        other = again(swapped(rows, Image))
        scores = [
            Score(part, "CER, unseen words", character_error_rate(answered), num, 0.15, False),
            Score(part, "lines without any error", exact_ratio(answered), num),
            Score(part, "CER with another row's picture", character_error_rate(other), len(other)),
        ]
    else:
        no_ear, no_eye = again(swapped(rows, Audio)), again(swapped(rows, Image, SPOKEN_TEXT.name))
        scores = [
            Score(part, "right, unseen pictures, unseen voice", exact_ratio(answered), num, 0.8),
            Score(part, "right by guessing from the question", guess_ratio(test_rows(train), rows), num),
            Score(part, "right with another row's question", exact_ratio(no_ear), len(no_ear)),
            Score(part, "right with another row's picture", exact_ratio(no_eye), len(no_eye)),
        ]
    return scores, answered
