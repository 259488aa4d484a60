"""Speech translation between English and the seven other languages: prompts, the two forms of the answer, and their checks.

Direct: the translation. Chain of thought: transcript, ` <sep> `, translation; a reader of the answer takes what follows `<sep>`.
Source: arXiv 2503.01743, section on speech post-training data, for the prompts and the 14 directions. Whether blanks stand
around `<sep>` is not published: one on each side is this project's choice.
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
    text_field,
)
from processors.language_id import detect_language, iso_639_1
from processors.spoken_language import MIN_CHARS, MIN_CHARS_ELSE, SPEECH_LANGUAGES
from processors.tasks.replies import reply_json
from processors.tasks.writing import BAD_REPLY, Prompt, with_fields
from schemas.facts import Fact, Limit
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, FactValue, Row, Turn, learned_texts, with_facts

DIRECT, COT, BOTH = "direct", "cot", "both"
SEPARATOR = "<sep>"
NAMES = {
    "en": "English",
    "zh": "Chinese",
    "fr": "French",
    "de": "German",
    "it": "Italian",
    "ja": "Japanese",
    "pt": "Portuguese",
    "es": "Spanish",
}

TARGET_LANGUAGE = Fact("translation.target_language", str, "Language of the translation (ISO 639-1)")
FORM = Fact("translation.form", str, "direct: the translation alone; cot: the transcript, <sep>, the translation")
NUM_LEFT_OUT = Fact(
    "translation.num_left_out",
    int,
    "Translations of the row that are left out: in none of the 14 directions, or a second one into a language",
)
LENGTH_RATIO = Fact(
    "translation.length_ratio", float, "Characters of translation over transcript, each by its language's usual length; 1 is usual"
)
MEASURED = Fact("translation.measured_language", str, "Language of the translation by py3langid, among the model's eight")
CONFIDENCE = Fact("translation.language_confidence", float, "Probability that py3langid gives that language, 0 to 1")
IDENTICAL = Fact("translation.is_identical", bool, "Whether transcript and translation have the same letters and digits")
NUM_MISSING = Fact("translation.num_missing_numbers", int, "Numbers of two digits or more that the translation lacks")

NO_TRANSLATION = Reason("no_translation", "The row has no translation, or an empty one, or one of a form that cannot be read")
NO_DIRECTION = Reason("no_direction", "The row does not tell from which language into which it is translated")
UNSUPPORTED_DIRECTION = Reason("unsupported_direction", "The translation is not between English and one of zh, fr, de, it, ja, pt, es")
HAS_SEPARATOR = Reason("has_separator", "Transcript or translation spells the separator between them")
UNUSUAL_LENGTH = Reason("length_ratio", "The translation is much shorter or longer than a translation of the transcript is")
WRONG_LANGUAGE = Reason("wrong_language", "The translation is not in the target language")
UNTRANSLATED = Reason("untranslated", "The translation is the transcript itself")
NUMBERS_DIFFER = Reason("numbers_differ", "A number of the transcript is not in the translation")

# Characters of a text over those of its English: de, es and zh as measured on the 240 paragraphs of XQuAD, the others on the
# first articles of the Universal Declaration of Human Rights, rounded.
LENGTH_OF = {"en": 1.0, "fr": 1.15, "de": 1.12, "it": 1.13, "pt": 1.08, "es": 1.13, "zh": 0.33, "ja": 0.46}
SMOOTHING = 10.0  # English letters added to both sides: of short texts ("Yes." and "Das ist richtig.") no ratio can be expected
_TARGETS = ("target_lang", "target_language", "tgt_lang")
_NUMBER = re.compile(r"\d[\d.]*")
MIN_DIGITS = 2  # a single digit is often a word, an article or left out


def direct_prompt(language: str) -> str:
    return f"Translate the audio to {NAMES[language]}."


def cot_prompt(language: str) -> str:
    return (
        f"Transcribe the audio to text, and then translate the audio to {NAMES[language]}. "
        f"Use {SEPARATOR} as a separator between the original transcript and the translation."
    )


def translations_of(fields: Mapping[str, object]) -> list[tuple[str, str]]:
    """(language, text) of each translation that the fields give, the language empty where none is stated.

    Read are `translations` as {language: text} or as a list of objects, `translation` as {language: text} or, as in CoVoST,
    as text with its `target_lang` or `direction` (de_en), and `translation_de`, one column a language.
    """
    given = fields.get("translations", fields.get("translation"))
    if isinstance(given, Mapping):
        return [(iso_639_1(str(name)), text.strip()) for name, text in given.items() if isinstance(text, str) and text.strip()]
    if isinstance(given, list):
        items = [item for item in given if isinstance(item, Mapping)]
        found = [(iso_639_1(text_field(item, *_TARGETS, "lang", "language")), text_field(item, "text", "translation")) for item in items]
        return [(language, text) for language, text in found if text]
    single = text_field(fields, "translation", "target_text")
    stated = text_field(fields, *_TARGETS) or _direction(fields)[1]
    columns = [(language, text_field(fields, f"translation_{language}")) for language in SPEECH_LANGUAGES]
    return ([(iso_639_1(stated), single)] if single else []) + [(language, text) for language, text in columns if text]


def source_language(fields: Mapping[str, object]) -> str:
    """The language that is spoken (ISO 639-1), empty when the fields do not state it."""
    return iso_639_1(
        text_field(fields, "source_lang", "source_language", "src_lang", "lang", "language", "locale") or _direction(fields)[0]
    )


def _direction(fields: Mapping[str, object]) -> tuple[str, str]:
    """Both sides of a `direction` or `lang_pair` as de_en, de-en or de>en."""
    sides = re.split(r"[-_>|]+", text_field(fields, "direction", "lang_pair"))
    return (sides[0], sides[1]) if len(sides) == 2 else ("", "")


def is_direction(source: str, target: str) -> bool:
    """Whether it is one of the 14 between English and the seven other languages."""
    return source != target and "en" in (source, target) and source in SPEECH_LANGUAGES and target in SPEECH_LANGUAGES


@dataclass(frozen=True, slots=True)
class TranslationTask:
    """A row with audio, transcript and translations becomes a conversation a target language and form (direct, cot or both).

    Speech that is not English and whose target is not stated is translated into English, the only one of the 14 directions
    there is. A row fails as a whole only when none of its translations can be used; how many were left out is a fact.
    """

    form: str = BOTH
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE, SPEAKER, STATED_TRANSCRIPT, TARGET_LANGUAGE, FORM, NUM_LEFT_OUT)
    reasons: ClassVar = (
        NO_AUDIO,
        BAD_SEGMENT_TIMES,
        NO_TRANSCRIPT,
        NO_TRANSLATION,
        NO_DIRECTION,
        UNSUPPORTED_DIRECTION,
        HAS_SEPARATOR,
    )
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.form not in (DIRECT, COT, BOTH):
            raise ValueError(f"form of the translation task is {self.form!r}, expected {DIRECT}, {COT} or {BOTH}")

    def __call__(self, row: Row) -> list[Conversation] | Reject:
        audio = audio_of(row)
        if isinstance(audio, Reject):
            return audio
        transcript, source = text_field(row.fields, *TRANSCRIPT_FIELDS), source_language(row.fields)
        if not transcript:
            return Reject(
                row.key, NO_TRANSCRIPT.name, f"expected a non-empty {', '.join(TRANSCRIPT_FIELDS[:-1])} or {TRANSCRIPT_FIELDS[-1]}"
            )
        translations = translations_of(row.fields)
        if not translations:
            return Reject(row.key, NO_TRANSLATION.name, "expected translation with target_lang, or translations by language")
        if source and source != "en":
            translations = [(target or "en", text) for target, text in translations]
        used: dict[str, str] = {}
        for target, text in translations:
            if is_direction(source, target):
                used.setdefault(target, text)
        if not used:
            return _refuse_directions(row.key, source, [target for target, _ in translations])
        spelt = next((text for text in (transcript, *used.values()) if SEPARATOR in text), None)
        if spelt is not None:
            return Reject(row.key, HAS_SEPARATOR.name, f"{SEPARATOR} stands in {spelt[:60]!r}")
        facts: dict[str, FactValue] = {
            **row.facts,
            LANGUAGE.name: source,
            SPEAKER.name: text_field(row.fields, "speaker", "speaker_id"),
            STATED_TRANSCRIPT.name: transcript,
            NUM_LEFT_OUT.name: len(translations) - len(used),
        }
        forms = (DIRECT, COT) if self.form == BOTH else (self.form,)
        return [_conversation(row, audio, target, text, form, facts) for target, text in used.items() for form in forms]


def _refuse_directions(key: str, source: str, targets: list[str]) -> Reject:
    if not source or not any(targets):
        told = f"from {source or 'a language that is not stated'} into {', '.join(filter(None, targets)) or 'one that is not stated'}"
        return Reject(key, NO_DIRECTION.name, f"{told}; expected lang and target_lang in the row")
    directions = ", ".join(f"{source} to {target}" for target in dict.fromkeys(targets))
    return Reject(key, UNSUPPORTED_DIRECTION.name, f"{directions}; expected English and one of {', '.join(SPEECH_LANGUAGES[1:])}")


def _conversation(row: Row, audio: Audio, target: str, translation: str, form: str, facts: Mapping[str, FactValue]) -> Conversation:
    prompt = direct_prompt(target) if form == DIRECT else cot_prompt(target)
    answer = translation if form == DIRECT else f"{facts[STATED_TRANSCRIPT.name]} {SEPARATOR} {translation}"
    turns = (Turn("user", (audio, Text(prompt))), Turn("assistant", (Text(answer),), learned=True))
    return Conversation(row.key, row.origin, turns, {**facts, TARGET_LANGUAGE.name: target, FORM.name: form}, row.parents)


def translation_in(record: Conversation) -> str:
    """The translation in the learned answer of either form."""
    answer = "".join(learned_texts(record))
    return answer.rpartition(SEPARATOR)[2].strip()


def length_ratio(transcript: str, source: str, translation: str, target: str) -> float:
    """Length of a translation over that of its source, each in letters of English that would say as much."""
    told, meant = len(translation) / LENGTH_OF[target], len(transcript) / LENGTH_OF[source]
    return (told + SMOOTHING) / (meant + SMOOTHING)


def is_identical(transcript: str, translation: str) -> bool:
    """Whether two texts have the same letters and digits, in any case, with any punctuation."""
    one, other = (re.sub(r"[\W_]+", "", text).casefold() for text in (transcript, translation))
    return one == other


def missing_numbers(transcript: str, source: str, translation: str, target: str) -> list[str]:
    """Numbers of the transcript that the translation has neither in digits nor in words, as their significant digits.

    Zeros at both ends do not count (1.5 million, 1500000, 150万), nor do numbers with fewer than two significant digits.
    """
    written = [number.replace(".", "").strip("0") for number in _NUMBER.findall(normalise_transcript(transcript, source))]
    there = "".join(re.findall(r"\d", normalise_transcript(translation, target)))
    return [digits for digits in written if len(digits) >= MIN_DIGITS and digits not in there]


@dataclass(frozen=True, slots=True)
class MeasureTranslation:
    """Measures a translation against its transcript: length, language, sameness, numbers."""

    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE, STATED_TRANSCRIPT, TARGET_LANGUAGE)
    writes: ClassVar = (LENGTH_RATIO, MEASURED, CONFIDENCE, IDENTICAL, NUM_MISSING)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation:
        transcript, translation = str(record.facts[STATED_TRANSCRIPT.name]), translation_in(record)
        source, target = str(record.facts[LANGUAGE.name]), str(record.facts[TARGET_LANGUAGE.name])
        measured, confidence = detect_language(translation.lower(), SPEECH_LANGUAGES)
        facts: dict[str, FactValue] = {
            LENGTH_RATIO.name: round(length_ratio(transcript, source, translation, target), 4),
            MEASURED.name: measured,
            CONFIDENCE.name: confidence,
            IDENTICAL.name: is_identical(transcript, translation),
            NUM_MISSING.name: len(missing_numbers(transcript, source, translation, target)),
        }
        return with_facts(record, facts)


@dataclass(frozen=True, slots=True)
class KeepTranslation:
    """Keeps translations of a usual length, in the target language, that are not the transcript and have its numbers.

    A translation of fewer than 20 characters (6 in Chinese and Japanese) neither contradicts the target language nor may not
    equal the transcript: names, numbers and interjections are the same in many languages.
    """

    min_ratio: float = 0.5
    max_ratio: float = 2.0
    min_confidence: float = 0.9
    max_missing_numbers: int = 0
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE, TARGET_LANGUAGE, LENGTH_RATIO, MEASURED, CONFIDENCE, IDENTICAL, NUM_MISSING)
    writes: ClassVar = ()
    reasons: ClassVar = (UNUSUAL_LENGTH, WRONG_LANGUAGE, UNTRANSLATED, NUMBERS_DIFFER)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not 0 < self.min_ratio <= 1 <= self.max_ratio:
            raise ValueError(f"length ratios are {self.min_ratio} to {self.max_ratio}, expected 0 < min_ratio <= 1 <= max_ratio")

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (
            Limit(LENGTH_RATIO, UNUSUAL_LENGTH.name, self.min_ratio, self.max_ratio),
            Limit(NUM_MISSING, NUMBERS_DIFFER.name, most=self.max_missing_numbers),
        )

    def __call__(self, record: Conversation) -> Conversation | Reject:
        facts, translation = record.facts, translation_in(record)
        target, measured = str(facts[TARGET_LANGUAGE.name]), str(facts[MEASURED.name])
        tells = len(translation) >= MIN_CHARS.get(target, MIN_CHARS_ELSE)
        if facts[IDENTICAL.name] and tells:
            return Reject(record.key, UNTRANSLATED.name, f"both are {translation[:60]!r}")
        if measured != target and float(facts[CONFIDENCE.name]) >= self.min_confidence and tells:
            detail = f"measured as {measured} with {float(facts[CONFIDENCE.name]):.3f}, expected {target}"
            return Reject(record.key, WRONG_LANGUAGE.name, detail)
        ratio = float(facts[LENGTH_RATIO.name])
        if not self.min_ratio <= ratio <= self.max_ratio:
            return Reject(record.key, UNUSUAL_LENGTH.name, f"{ratio:.2f}, expected {self.min_ratio:g} to {self.max_ratio:g}")
        missing = int(facts[NUM_MISSING.name])
        if missing > self.max_missing_numbers:
            return Reject(record.key, NUMBERS_DIFFER.name, f"{missing} numbers are missing, expected {self.max_missing_numbers} or fewer")
        return record


@dataclass(frozen=True, slots=True)
class TranslationWriting:
    """A language model translates the transcript: English into `targets`, every other language into English."""

    targets: tuple[str, ...] = SPEECH_LANGUAGES[1:]
    reasons: ClassVar = (NO_TRANSCRIPT, NO_DIRECTION, UNSUPPORTED_DIRECTION)

    def __post_init__(self) -> None:
        if not self.targets or not set(self.targets) <= set(SPEECH_LANGUAGES[1:]):
            raise ValueError(f"targets are {self.targets}, expected some of {', '.join(SPEECH_LANGUAGES[1:])}")

    def _targets(self, row: Row) -> tuple[str, ...] | Reject:
        source = source_language(row.fields)
        if source not in SPEECH_LANGUAGES:
            return _refuse_directions(row.key, source, ["en"])
        return self.targets if source == "en" else ("en",)

    def prompt(self, row: Row) -> Prompt | Reject:
        transcript, targets = text_field(row.fields, *TRANSCRIPT_FIELDS), self._targets(row)
        if isinstance(targets, Reject):
            return targets
        if not transcript:
            return Reject(
                row.key, NO_TRANSCRIPT.name, f"expected a non-empty {', '.join(TRANSCRIPT_FIELDS[:-1])} or {TRANSCRIPT_FIELDS[-1]}"
            )
        asked = ", ".join(f'"{target}" ({NAMES[target]})' for target in targets)
        text = (
            f"Translate this transcript of {NAMES[source_language(row.fields)]} speech. Keep its meaning, tone, names and numbers; add "
            f"nothing. Reply with one JSON object and nothing else, with a translation as text for each of these keys: {asked}.\n\n"
            f"{transcript}"
        )
        return Prompt(text, "You are a careful translator.", 256 + 2 * len(targets) * (64 + len(transcript)))

    def read(self, row: Row, reply: str) -> Row | Reject:
        targets = self._targets(row)
        if isinstance(targets, Reject):
            return targets
        try:
            written = reply_json(reply)
        except Refused as refused:
            return refused.reject(row.key)
        told = {name: text.strip() for name, text in written.items() if isinstance(text, str)} if isinstance(written, dict) else {}
        if set(told) != set(targets) or len(written) != len(targets) or not all(told.values()):
            detail = f"{sorted(told) or type(written).__name__}, expected a text for each of {', '.join(targets)}"
            return Reject(row.key, BAD_REPLY.name, detail)
        return with_fields(row, translations={target: told[target] for target in targets})
