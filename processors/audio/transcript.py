"""Whether what was heard is what should be heard: word and character error rates on normalised texts, and the gate.

Rates are of jiwer 4 on texts in one form (processors/audio/transcript_normal.py). Words decide, characters in Chinese and
Japanese, as in the Phi-4-multimodal report (arXiv 2503.01743).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import jiwer

from processors.audio.transcript_normal import UNSPACED, normalise_transcript
from processors.audio.word_sounds import phones_of, spell_out, word_distances, worst_word
from processors.dialogue import LANGUAGE
from processors.language_id import iso_639_1
from processors.speech_text import HEARD, SECOND_HEARD, SPOKEN
from schemas.facts import Fact, Limit, Where
from schemas.outcome import Reason, Reject
from schemas.records import Conversation, FactValue, learned_texts, with_facts

SPOKEN_TEXT, TRANSCRIPT = "spoken", "transcript"
FIRST, BOTH, EITHER = "first", "both", "either"
KEEP_ALL = 1_000.0  # a max_error_rate from here on keeps every record, for calibration

SPOKEN_DIFFERS = Reason("spoken_differs", "What was heard is not the text that was to be spoken")
TRANSCRIPT_DISAGREES = Reason("transcript_disagrees", "What was heard is not the given transcript")
REASONS = {reason.name: reason for reason in (SPOKEN_DIFFERS, TRANSCRIPT_DISAGREES)}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two texts compared. Counts are of words, of characters in Chinese and Japanese, where `wer` equals `cer`.

    Units: `worst_word_distance` in phones (letters outside English, 0 in Chinese and Japanese): the cost of the reference word
    that was heard worst; `sound_error_rate` the cost of all of them per reference phone.
    """

    wer: float
    cer: float
    num_hits: int
    num_substitutions: int
    num_deletions: int
    num_insertions: int
    worst_word_distance: float
    sound_error_rate: float
    reference: str
    heard: str
    language: str

    @property
    def error_rate(self) -> float:
        """The rate that decides: CER in Chinese and Japanese, WER in other languages."""
        return self.cer if self.language in UNSPACED else self.wer

    @property
    def num_errors(self) -> int:
        return self.num_substitutions + self.num_deletions + self.num_insertions


def transcript_agreement(reference: str, heard: str, language: str) -> Agreement:
    """Compares the two texts in normalised form.

    Two empty texts agree (rates 0). With an empty reference anything that is heard makes the rates 1, not infinity: facts are
    finite numbers. Words written together on one side only ("ice cream", "icecream") agree, digits do not: nobody hears a space,
    but 3 5 is not 35.
    """
    language = iso_639_1(language)
    first, second = normalise_transcript(reference, language), normalise_transcript(heard, language)
    words, others = (list(first), list(second)) if language in UNSPACED else (first.split(), second.split())
    if not words:
        rate = 1.0 if others else 0.0
        return Agreement(rate, rate, 0, 0, 0, len(others), 0.0, rate, first, second, language)
    others, found = _align(words, others, language not in UNSPACED)
    hits, substitutions = found.hits, found.substitutions
    counts = (hits, substitutions, found.deletions, found.insertions)
    wer = (substitutions + found.deletions + found.insertions) / len(words)
    if language in UNSPACED:
        return Agreement(wer, wer, *counts, 0.0, wer, first, second, language)
    cer = float(jiwer.cer(first, " ".join(others)))
    return Agreement(wer, cer, *counts, *_sounds(words, others, found, language), first, second, language)


def _align(words: list[str], others: list[str], joins: bool) -> tuple[list[str], jiwer.WordOutput]:
    """What was heard, with words split or joined as in the reference, and its alignment."""
    found = jiwer.process_words(" ".join(words), " ".join(others))
    if not joins:
        return others, found
    joined, end = [], 0
    for mine, theirs in _runs(found):
        joined += others[end : theirs.start] + _spaced_alike(words[mine.start : mine.stop], others[theirs.start : theirs.stop])
        end = theirs.stop
    joined += others[end:]
    return (others, found) if joined == others else (joined, jiwer.process_words(" ".join(words), " ".join(joined)))


def _spaced_alike(mine: list[str], theirs: list[str]) -> list[str]:
    """`theirs` with words split or joined as in `mine` as far as the letters are the same, from the front and from the back."""
    front, there = _shared_letters(mine, theirs)
    mine_left, left = mine[front:], theirs[there:]
    back, after = _shared_letters([word[::-1] for word in reversed(mine_left)], [word[::-1] for word in reversed(left)])
    return mine[:front] + left[: len(left) - after] + mine_left[len(mine_left) - back :]


def _shared_letters(mine: list[str], theirs: list[str]) -> tuple[int, int]:
    """How many words of each make up the longest beginning that has the same letters, no digit, and ends a word in both."""
    one, other = "".join(mine), "".join(theirs)
    letters = zip(one, other, strict=False)
    num_shared = next((n for n, (a, b) in enumerate(letters) if a != b or a.isdigit()), min(len(one), len(other)))
    ends = {end: count for count, end in enumerate(itertools.accumulate(map(len, theirs)), 1)}
    both = [(count, ends[end]) for count, end in enumerate(itertools.accumulate(map(len, mine)), 1) if end <= num_shared and end in ends]
    return both[-1] if both else (0, 0)


def _runs(found: jiwer.WordOutput) -> list[tuple[range, range]]:
    """The runs of differing words: places in the reference and in what was heard."""
    runs: list[tuple[range, range]] = []
    is_open = False
    for chunk in found.alignments[0]:
        mine, theirs = range(chunk.ref_start_idx, chunk.ref_end_idx), range(chunk.hyp_start_idx, chunk.hyp_end_idx)
        if chunk.type == "equal":
            is_open = False
        elif is_open:
            runs[-1] = (range(runs[-1][0].start, mine.stop), range(runs[-1][1].start, theirs.stop))
        else:
            runs.append((mine, theirs))
            is_open = True
    return runs


def _sounds(words: list[str], others: list[str], found: jiwer.WordOutput, language: str) -> tuple[float, float]:
    """The worst word's distance and the whole distance per phone."""
    worst = total = 0.0
    for mine, theirs in _runs(found):
        reference = [part for index in mine for part in spell_out(words[index], language)]
        heard = [part for index in theirs for part in spell_out(others[index], language)]
        costs, cost, _ = word_distances(reference, heard, language)
        worst = max(worst, worst_word(costs, reference, language) if reference else cost)
        total += cost
    num_phones = sum(len(phones_of(part, language)[0]) for word in words for part in spell_out(word, language))
    return round(worst, 4), round(total / max(1, num_phones), 6)


_MEASURED: tuple[tuple[str, type, str], ...] = (
    ("wer", float, "Word error rate of what was heard, both texts normalised"),
    ("cer", float, "Character error rate of what was heard, both texts normalised"),
    ("error_rate", float, "The rate that decides: CER in Chinese and Japanese, WER elsewhere"),
    ("num_hits", int, "Words heard right (characters in Chinese and Japanese)"),
    ("num_substitutions", int, "Words heard as others"),
    ("num_deletions", int, "Words not heard"),
    ("num_insertions", int, "Words heard that should not be"),
    ("worst_word_distance", float, "Phones (letters outside English) by which the worst heard word differs; 0 in Chinese and Japanese"),
    ("sound_error_rate", float, "Distance in sound of the whole text per phone of the reference"),
    ("reference_normalised", str, "The text that should be heard, as compared"),
    ("heard_normalised", str, "The text that was heard, as compared"),
)
FIRST_FACTS = tuple(Fact(f"speech.{name}", kind, doc) for name, kind, doc in _MEASURED)
SECOND_FACTS = tuple(Fact(f"speech.second_{name}", kind, f"{doc} (second engine)") for name, kind, doc in _MEASURED)
ERROR_RATE = next(fact for fact in FIRST_FACTS if fact.name == "speech.error_rate")
FACTS_OF = {"speech.": {fact.name: fact for fact in FIRST_FACTS}, "speech.second_": {fact.name: fact for fact in SECOND_FACTS}}
ERRORS = ("num_substitutions", "num_deletions", "num_insertions")


def _values(facts: tuple[Fact, ...], found: Agreement) -> dict[str, FactValue]:
    counts = (found.num_hits, found.num_substitutions, found.num_deletions, found.num_insertions)
    rates = (round(found.wer, 6), round(found.cer, 6), round(found.error_rate, 6))
    sounds = (found.worst_word_distance, found.sound_error_rate)
    values: tuple[FactValue, ...] = (*rates, *counts, *sounds, found.reference, found.heard)
    return {fact.name: value for fact, value in zip(facts, values, strict=True)}


@dataclass(frozen=True, slots=True)
class MeasureAgreement:
    """Compares what was heard with what should be: the spoken text, or the transcript (the learned text).

    `second` compares what a second engine heard as well, and writes the same facts named `speech.second_*`.
    """

    reference: str = SPOKEN_TEXT
    second: bool = False
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.reference not in (SPOKEN_TEXT, TRANSCRIPT):
            raise ValueError(f"reference is {self.reference!r}, expected {SPOKEN_TEXT} or {TRANSCRIPT}")

    @property
    def reads(self) -> tuple[Fact, ...]:
        spoken = (SPOKEN,) if self.reference == SPOKEN_TEXT else ()
        return (LANGUAGE, HEARD, *spoken, *((SECOND_HEARD,) if self.second else ()))

    @property
    def writes(self) -> tuple[Fact, ...]:
        return FIRST_FACTS + SECOND_FACTS if self.second else FIRST_FACTS

    def __call__(self, record: Conversation) -> Conversation:
        language = str(record.facts[LANGUAGE.name])
        reference = str(record.facts[SPOKEN.name]) if self.reference == SPOKEN_TEXT else _transcript(record)
        facts = _values(FIRST_FACTS, transcript_agreement(reference, str(record.facts[HEARD.name]), language))
        if self.second:
            facts |= _values(SECOND_FACTS, transcript_agreement(reference, str(record.facts[SECOND_HEARD.name]), language))
        return with_facts(record, facts)


def _transcript(record: Conversation) -> str:
    return " ".join(learned_texts(record))


@dataclass(frozen=True, slots=True)
class KeepAgreement:
    """Keeps records in which what was heard agrees: in words (or characters), in sound, and in the sound of every word.

    `mode` says which engine must agree: the first, both, or either. Up to `slack_errors` wrong words never exceed
    `max_error_rate`, so that one slip in a question of three words is left to the sound to judge. A `max_error_rate` of 1000 or
    more keeps everything, whatever the other thresholds are.
    """

    max_error_rate: float = 0.5
    mode: str = FIRST
    max_word_distance: float = 2.2
    max_sound_error_rate: float = 0.3
    slack_errors: int = 3
    reason_name: str = SPOKEN_DIFFERS.name
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    writes: ClassVar = ()
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.mode not in (FIRST, BOTH, EITHER):
            raise ValueError(f"mode is {self.mode!r}, expected {FIRST}, {BOTH} or {EITHER}")
        if self.reason_name not in REASONS:
            raise ValueError(f"reason_name is {self.reason_name!r}, expected {' or '.join(REASONS)}")
        for name in ("max_error_rate", "max_word_distance", "max_sound_error_rate", "slack_errors"):
            if not getattr(self, name) >= 0:  # NaN compares as false
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 or more")

    @property
    def reads(self) -> tuple[Fact, ...]:
        return FIRST_FACTS if self.mode == FIRST else FIRST_FACTS + SECOND_FACTS

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return (REASONS[self.reason_name],)

    @property
    def bounds(self) -> tuple[Limit, ...]:
        """None where either engine may agree: then no threshold of one engine refuses."""
        if self.max_error_rate >= KEEP_ALL or self.mode == EITHER:
            return ()
        found: list[Limit] = []
        for area in ("speech.",) if self.mode == FIRST else FACTS_OF:
            facts = FACTS_OF[area]
            first, *others = (facts[area + name] for name in ERRORS)
            many = Where(first, least=self.slack_errors + 1, plus=tuple(others))
            found.append(Limit(facts[area + "error_rate"], self.reason_name, most=self.max_error_rate, where=(many,)))
            found.append(Limit(facts[area + "sound_error_rate"], self.reason_name, most=self.max_sound_error_rate))
            found.append(Limit(facts[area + "worst_word_distance"], self.reason_name, most=self.max_word_distance))
        return tuple(found)

    def __call__(self, record: Conversation) -> Conversation | Reject:
        if self.max_error_rate >= KEEP_ALL:
            return record
        problems = [self._problem(record, "speech.")]
        if self.mode != FIRST:
            problems.append(self._problem(record, "speech.second_"))
        refused = all(problems) if self.mode == EITHER else any(problems)
        return Reject(record.key, self.reason_name, next(filter(None, problems))) if refused else record

    def _problem(self, record: Conversation, area: str) -> str:
        """What exceeds its threshold, empty when nothing does."""
        facts = record.facts
        errors = sum(int(facts[area + name]) for name in ERRORS)
        rate, word = float(facts[f"{area}error_rate"]), float(facts[f"{area}worst_word_distance"])
        sound = float(facts[f"{area}sound_error_rate"])
        told = ""
        if rate > self.max_error_rate and errors > self.slack_errors:
            told = f"error rate {rate:.3f}, expected {self.max_error_rate:g} or less"
        elif sound > self.max_sound_error_rate:
            told = f"sound error rate {sound:.3f}, expected {self.max_sound_error_rate:g} or less"
        elif word > self.max_word_distance:
            told = f"a word is {word:.2f} phones off, expected {self.max_word_distance:g} or fewer"
        return (
            f"{told}: heard {_short(facts[f'{area}heard_normalised'])}, expected {_short(facts[f'{area}reference_normalised'])}"
            if told
            else ""
        )


def _short(text: FactValue) -> str:
    shown = str(text)
    return repr(shown if len(shown) <= 120 else shown[:117] + "...")
