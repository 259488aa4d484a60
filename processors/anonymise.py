"""Records without what tells who somebody is: hashed speakers, and text without personal data.

Source: arXiv 2503.01743, section on speech data: pre-training speech is anonymised, and public speech passes a detector of
personal data, what has any is left out.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import ClassVar

from processors.dialogue import LANGUAGE, SPEAKER, STATED_TRANSCRIPT
from processors.speech_text import HEARD, HEARD_WORDS, SECOND_HEARD, SPOKEN, WORDS, WRITTEN
from processors.text.scrub import Span, find_personal_data, placeholder, scrub
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.parts import Text
from schemas.records import Conversation, FactValue, learned_texts, map_parts

REJECT, SCRUB, KEEP = "reject", "scrub", "keep"
NUM_PERSONAL_DATA = Fact("privacy.num_personal_data", int, "Pieces of personal data and secrets found in the record's texts")
KINDS = Fact("privacy.kinds", str, "Kinds of the personal data found, by name, joined by commas; empty when there is none")
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
    """Refuses records whose turns hold personal data or secrets, or scrubs them, or only counts; see processors/text/scrub.py.

    Scrubbing puts a placeholder in the text. In a record with speech the sound still says what was scrubbed: there only
    `reject` anonymises. Facts that hold text of the record are scrubbed with it, word times too. Tool calls and
    their results are left as they are.
    """

    mode: str = REJECT
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE,)
    writes: ClassVar = (NUM_PERSONAL_DATA, KINDS)  # and TEXT_FACTS and word times anew, where a step before wrote them
    reasons: ClassVar = (PERSONAL_DATA,)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.mode not in (REJECT, SCRUB, KEEP):
            raise ValueError(f"mode of ScrubPersonalData is {self.mode!r}, expected {REJECT}, {SCRUB} or {KEEP}")

    def __call__(self, record: Conversation) -> Conversation | Reject:
        language = str(record.facts[LANGUAGE.name])
        told = {fact.name: str(record.facts[fact.name]) for fact in TEXT_FACTS if record.facts.get(fact.name)}
        texts = [part.text for turn in record.turns for part in turn.parts if isinstance(part, Text)]
        kinds = Counter(span.kind for text in (*texts, *told.values()) for span in find_personal_data(text, language))
        if kinds and self.mode == REJECT:
            found = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
            return Reject(record.key, PERSONAL_DATA.name, found)  # never the data itself: rejects are kept on disk
        facts: dict[str, FactValue] = {NUM_PERSONAL_DATA.name: kinds.total(), KINDS.name: ",".join(sorted(kinds))}
        if kinds and self.mode == SCRUB:
            facts |= {name: scrub(text, language)[0] for name, text in told.items()}
            learned = " ".join(learned_texts(record))
            for fact, text in ((WORDS, learned), (HEARD_WORDS, told.get(HEARD.name, ""))):
                if record.facts.get(fact.name):
                    facts[fact.name] = scrub_words(str(record.facts[fact.name]), text, language)
            record = map_parts(record, {Text: lambda part: Text(scrub(part.text, language)[0])})
        return replace(record, facts={**record.facts, **facts})


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
