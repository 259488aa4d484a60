"""Records without what tells who somebody is: hashed speakers, and text without personal data.

Source: arXiv 2503.01743, section on speech data: pre-training speech is anonymised, and public speech passes a detector of
personal data, what has any is left out.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from processors.dialogue import LANGUAGE, SPEAKER, STATED_TRANSCRIPT
from processors.speech_text import HEARD, HEARD_WORDS, SECOND_HEARD, SPOKEN, WORDS, WRITTEN
from processors.text.scrub import Span, after_scrubbing, find_personal_data, placeholder, scrub, scrub_json
from schemas.facts import Fact
from schemas.identity import canonical_json, digest
from schemas.outcome import Reason, Reject
from schemas.parts import Part, Text, ToolCall, ToolResult
from schemas.records import TURN_FIELDS, Conversation, Document, FactValue, Preference, Turn, learned_texts

REJECT, SCRUB, KEEP = "reject", "scrub", "keep"
NUM_PERSONAL_DATA = Fact("privacy.num_personal_data", int, "Pieces of personal data and secrets found in the record's texts")
KINDS = Fact("privacy.kinds", str, "Kinds of the personal data found, by name, joined by commas; empty when there is none")
SPANS = Fact(
    "privacy.spans",
    str,
    "JSON list of what was found: kind, start, stop in the text as it is now (after scrubbing: of the placeholder); in conversations turn and "
    "part too, and no place inside tool calls; never the data itself. Empty when there is none",
)
MEASURED_LANGUAGE = "text.language"  # read where the source states none
TEXT_FACTS = (STATED_TRANSCRIPT, WRITTEN, SPOKEN, HEARD, SECOND_HEARD)  # what is said in the sound and need not be in a turn
PERSONAL_DATA = Reason("personal_data", "The text holds personal data or a secret")


@dataclass(frozen=True, slots=True)
class HashSpeaker:
    """The speaker becomes 16 hex digits, the same for one speaker everywhere that `salt` is the same; none stays none.

    The recipe holds a digest of the salt, not the salt: another salt is another corpus, yet a random salt cannot be read back.
    Whoever knows the salt can try names; so with the default salt, which everybody knows, the hash is a pseudonym and no more.
    Choose a long random salt of your own where speakers' names can be guessed, and keep it out of what is published.
    """

    salt: str = field(default="corpusmill", repr=False, metadata={"fingerprint": False})
    salt_digest: str = field(init=False)
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (SPEAKER,)
    writes: ClassVar = (SPEAKER,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if not self.salt:
            raise ValueError("the salt of speaker hashes is empty; expected some text, best a long random one")
        object.__setattr__(self, "salt_digest", digest("speaker salt", self.salt))

    def __call__(self, record: Conversation) -> Conversation:
        speaker = str(record.facts[SPEAKER.name])
        return replace(record, facts={**record.facts, SPEAKER.name: hash_speaker(speaker, self.salt)})


def hash_speaker(speaker: str, salt: str) -> str:
    """16 hex digits of a keyed BLAKE2b; empty for an empty speaker."""
    if not speaker:
        return ""
    key = hashlib.blake2b(salt.encode("utf-8", "surrogatepass")).digest()  # a key holds 64 bytes, a salt may be longer
    return hashlib.blake2b(speaker.encode("utf-8", "surrogatepass"), key=key, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class ScrubPersonalData:
    """Refuses records whose texts hold personal data or secrets, or scrubs them, or only counts; see processors/text/scrub.py.

    Scrubbing puts a placeholder in the text. In a record with speech the sound still says what was scrubbed: there only
    `reject` anonymises. Facts that hold text of the record are scrubbed with it, word times too. In tool calls and their results
    strings and numbers of JSON are scrubbed, which stays JSON.
    """

    mode: str = REJECT
    takes: ClassVar = (Document, Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE,)
    writes: ClassVar = (NUM_PERSONAL_DATA, KINDS, SPANS)  # and TEXT_FACTS and word times anew, where a step before wrote them
    reasons: ClassVar = (PERSONAL_DATA,)
    version: ClassVar = 2

    def __post_init__(self) -> None:
        if self.mode not in (REJECT, SCRUB, KEEP):
            raise ValueError(f"mode of ScrubPersonalData is {self.mode!r}, expected {REJECT}, {SCRUB} or {KEEP}")

    def __call__(self, record: Document | Conversation | Preference) -> Document | Conversation | Preference | Reject:
        language = str(record.facts[LANGUAGE.name] or record.facts.get(MEASURED_LANGUAGE, ""))
        told = {fact.name: str(record.facts[fact.name]) for fact in TEXT_FACTS if record.facts.get(fact.name)}
        kinds = Counter(span.kind for text in told.values() for span in find_personal_data(text, language))
        if isinstance(record, Document):
            text, spans = scrub(record.text, language)
            places = [_place(span) for span in (after_scrubbing(spans) if self.mode == SCRUB else spans)]
            scrubbed: Document | Conversation | Preference = replace(record, text=text)
        else:
            scrubbed, places = scrub_turns(record, language, self.mode == SCRUB)
        kinds.update(str(place["kind"]) for place in places)
        if kinds and self.mode == REJECT:
            found = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
            return Reject(record.key, PERSONAL_DATA.name, found)  # never the data itself: rejects are kept on disk
        facts: dict[str, FactValue] = {NUM_PERSONAL_DATA.name: kinds.total(), KINDS.name: ",".join(sorted(kinds))}
        facts[SPANS.name] = canonical_json(places) if places else ""
        if not kinds or self.mode != SCRUB:
            return replace(record, facts={**record.facts, **facts})
        facts |= {name: scrub(text, language)[0] for name, text in told.items()}
        learned = " ".join(learned_texts(record))
        for fact, text in ((WORDS, learned), (HEARD_WORDS, told.get(HEARD.name, ""))):
            if record.facts.get(fact.name):
                facts[fact.name] = scrub_words(str(record.facts[fact.name]), text, language)
        return replace(scrubbed, facts={**record.facts, **facts})


def _place(span: Span, **where: int) -> dict[str, FactValue]:
    return {"kind": span.kind, "start": span.start, "stop": span.stop, **where}


def scrub_turns(
    record: Conversation | Preference, language: str, is_after: bool
) -> tuple[Conversation | Preference, list[dict[str, FactValue]]]:
    """The record with its texts, tool calls and results scrubbed; and what was found, with its places after scrubbing or before.

    Turns are numbered through the whole record, those of a preference through its prompt, chosen and rejected side.
    """
    places: list[dict[str, FactValue]] = []
    fields: dict[str, Any] = {}
    number = 0
    for name in TURN_FIELDS[type(record)]:
        turns = []
        for turn in getattr(record, name):
            parts, found = _scrub_parts(turn, language, is_after)
            places += [{**place, "turn": number} for place in found]
            turns.append(replace(turn, parts=parts))
            number += 1
        fields[name] = tuple(turns)
    return replace(record, **fields), places


def _scrub_parts(turn: Turn, language: str, is_after: bool) -> tuple[tuple[Part, ...], list[dict[str, FactValue]]]:
    places: list[dict[str, FactValue]] = []
    parts: list[Part] = []
    for at, part in enumerate(turn.parts):
        if isinstance(part, Text):
            text, spans = scrub(part.text, language)
            places += [_place(span, part=at) for span in (after_scrubbing(spans) if is_after else spans)]
            parts.append(Text(text) if spans else part)
        elif isinstance(part, (ToolCall, ToolResult)):
            text, kinds = scrub_json(part.arguments if isinstance(part, ToolCall) else part.content, language)
            places += [{"kind": kind, "part": at} for kind in kinds]
            changed = ToolCall(part.name, text) if isinstance(part, ToolCall) else ToolResult(part.name, text)
            parts.append(changed if kinds else part)
        else:
            parts.append(part)
    return tuple(parts), places


def scrub_words(words_json: str, text: str, language: str) -> str:
    """Word times with a placeholder from the first to the last word of each span.

    Empty when other kinds are found in the words than in the `text` that they belong to: no times are better than wrong ones.
    """
    words = [(str(word), float(start_s), float(end_s)) for word, start_s, end_s in json.loads(words_json)]
    spans = find_personal_data(" ".join(word for word, _, _ in words), language)
    if [span.kind for span in spans] != [span.kind for span in find_personal_data(text, language)]:
        return ""
    told: list[tuple[str, float, float]] = []
    open_span: Span | None = None
    position = 0
    for word, start_s, end_s in words:
        span = next((span for span in spans if span.start < position + len(word) and position < span.stop), None)
        if span is None:
            told.append((word, start_s, end_s))
        elif span is open_span:
            told[-1] = (told[-1][0], told[-1][1], end_s)
        else:
            told.append((placeholder(span.kind), start_s, end_s))
        open_span = span
        position += len(word) + 1
    return json.dumps(told, ensure_ascii=False)
