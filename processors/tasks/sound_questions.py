"""Which questions a clip's labels and metadata answer, and their wordings.

A question is made only where the metadata holds its answer: sounds from labels and events, what happens from a caption, tempo,
key, instrument, genre and mood from their columns, spoken words from a transcript, order and number from events with times. Wrong
choices come from a closed vocabulary that the caller names; without one there are neither choices nor yes-no questions, since
nothing would say what is not heard.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from processors.dialogue import text_field
from processors.pairs import PAIR_COLUMNS, QUESTION_COLUMNS
from processors.tasks.writing import GIVEN, TEMPLATES, WRITTEN_BY, with_fields
from schemas.identity import keyed_rng
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row, with_facts

NO_LABEL = Reason("no_label", "The row has no label, event, caption or other metadata to make a question from")
UNKNOWN_LABEL = Reason("unknown_label", "A label of the row is not in the vocabulary that was given")
BAD_EVENTS = Reason("bad_events", "The row's events are no list of labels with onset and offset in seconds")

LABEL_COLUMNS = ("label", "category", "class", "labels", "sound")
EVENT_LABELS, ONSETS, OFFSETS = ("label", "event", "event_label", "sound"), ("onset", "onset_s", "start"), ("offset", "offset_s", "end")
ATTRIBUTES = {  # column -> questions
    "instrument": ("What instrument is played?", "Which instrument do you hear?", "What is the instrument in this recording?"),
    "genre": ("What genre of music is this?", "Which musical genre does the recording belong to?"),
    "mood": ("What is the mood of the music?", "Which mood does this music convey?"),
    "emotion": ("What emotion does the speaker express?", "How does the speaker sound?"),
}
KEY = ("What key is the music in?", "Which musical key is this piece played in?")
TEMPO_COLUMNS, DURATION_COLUMNS, CAPTION_COLUMNS, TRANSCRIPT_COLUMNS = ("tempo", "bpm"), ("duration",), ("caption",), ("transcript",)
MAX_WRONG_CHOICES = 3
MIN_GAP_S = 0.5  # onsets closer than that are heard together
MAX_COUNT = 10  # beyond, listeners lose count

OPEN = ("What sound is this?", "What do you hear in this recording?", "Which sound can be heard?", "Identify the sound in the audio clip.")
OPEN_MANY = ("Which sounds can be heard?", "What sounds do you hear in this recording?", "Name the sounds in the audio clip.")
CHOICE = ("Which of these sounds can be heard?", "Which sound is in the recording?", "Choose the sound that you hear.")
YES_NO = ("Is this sound in the recording: {}?", "Can you hear this sound: {}?", "Does the recording contain this sound: {}?")
DESCRIBE = ("Describe what you hear.", "What is happening in this recording?", "Give a short description of the audio clip.")
SAID = ("What is said in the recording?", "What does the speaker say?", "Write down the words that you hear.")
COUNT = ("How many times is this sound heard: {}?", "How often does this sound occur: {}?")
FIRST = ("Which sound comes first, {} or {}?", "What is heard first: {} or {}?")
ORDER = ("In what order do the sounds first occur?", "List the sounds in the order in which they begin.")
TEMPO = ("What is the tempo of the music?", "How fast is this music, in beats per minute?")
LONG = ("How long is the recording?", "How many seconds does the clip last?")

_MUSICAL_KEY = re.compile(r"[A-G](?:[#b♯♭]| sharp| flat)? (?:major|minor|maj|min)", re.I)

Question = dict[str, object]  # question, answer, kind, and choices where there are some


@dataclass(frozen=True, slots=True)
class Event:
    """A sound with its times. Units: seconds from the start of the clip."""

    label: str
    onset_s: float
    offset_s: float


def read_label(name: str) -> str:
    """A label as words: `008_-_Chainsaw` and `Person_sneeze` read `chainsaw` and `person sneeze`; empty for a mere identifier."""
    text = re.sub(r"^\d+[\s_.:-]+", "", name.strip())
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    words = re.sub(r"[\s_]+|(?<=\w)-+(?=\W)|(?<=\W)-+", " ", text).split()
    if text.startswith("/") or not any(ch.isalpha() for ch in text):
        return ""
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)


def labels_of(fields: Mapping[str, object]) -> list[str]:
    """The labels of a row in words, each once, in order."""
    found: list[str] = []
    for name in LABEL_COLUMNS:
        value = fields.get(name)
        values = value if isinstance(value, list) else value.split(";") if isinstance(value, str) else []
        found += [read_label(item) for item in values if isinstance(item, str)]
        if any(found):
            break
    return list(dict.fromkeys(label for label in found if label))


def events_of(fields: Mapping[str, object]) -> list[Event]:
    """The events of a row by onset. Raises: Refused with bad_events."""
    listed = fields.get("events")
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise Refused(BAD_EVENTS, f"events is {listed!r:.80}, expected a list")
    events = []
    for item in listed:
        if not isinstance(item, Mapping):
            raise Refused(BAD_EVENTS, f"event {item!r:.80}, expected an object")
        label = read_label(text_field(item, *EVENT_LABELS))
        onset, offset = (next((item[name] for name in names if name in item), None) for names in (ONSETS, OFFSETS))
        if not label or not is_number(onset) or not is_number(offset) or not 0 <= onset <= offset:  # type: ignore[operator]
            raise Refused(BAD_EVENTS, f"event {dict(item)!r:.80}, expected a label with 0 <= onset <= offset in seconds")
        events.append(Event(label, float(onset), float(offset)))  # type: ignore[arg-type]
    return sorted(events, key=lambda event: (event.onset_s, event.label))


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9


def told_by(fields: Mapping[str, object]) -> dict[str, object]:
    """What a row's metadata says of its clip, by name, in words; file names and identifiers left out. Empty when it says nothing."""
    labels, columns = labels_of(fields), (*ATTRIBUTES, *CAPTION_COLUMNS, *TRANSCRIPT_COLUMNS, "text", "speaker_gender", "accent")
    known: dict[str, object] = {"sounds": labels} if labels else {}
    known |= {name: value for name in columns if (value := text_field(fields, name))}
    if _MUSICAL_KEY.fullmatch(text_field(fields, "key")):
        known["key"] = text_field(fields, "key")
    known |= {name: fields[name] for name in TEMPO_COLUMNS if is_number(fields.get(name))}
    if isinstance(fields.get("events"), list):
        known["events"] = fields["events"]
    if known and is_number(fields.get("duration")):
        known["duration_s"] = fields["duration"]
    return known


@dataclass(frozen=True, slots=True)
class SoundTemplates:
    """Writes up to `per_clip` questions by rule into the column `qa`; a row that has questions stays as it is.

    `labels` is the whole vocabulary of the source, in its own spelling. Questions, wordings, wrong choices, their order, and
    whether a yes-no question is answered yes are drawn by a hash of seed and key; half of the yes-no answers are no.
    """

    labels: tuple[str, ...] = ()
    per_clip: int = 2
    seed: int = 0
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (WRITTEN_BY,)
    reasons: ClassVar = (NO_LABEL, UNKNOWN_LABEL, BAD_EVENTS)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        words = [read_label(name) for name in self.labels]
        if self.per_clip < 1:
            raise ValueError(f"per_clip is {self.per_clip}, expected 1 or more")
        if not all(words) or len(set(words)) < len(words):
            raise ValueError(f"labels are {self.labels}, expected names that read as different words; they read {words}")

    def __call__(self, row: Row) -> Row | Reject:
        if any(row.fields.get(name) for name in PAIR_COLUMNS) or text_field(row.fields, *QUESTION_COLUMNS):
            return with_facts(row, {WRITTEN_BY.name: GIVEN})
        vocabulary = [read_label(name) for name in self.labels]
        try:
            labels, events = labels_of(row.fields), events_of(row.fields)
        except Refused as refused:
            return refused.reject(row.key)
        heard = list(dict.fromkeys([*labels, *(event.label for event in events)]))
        strange = [label for label in heard if vocabulary and label not in vocabulary]
        if strange:
            return Reject(row.key, UNKNOWN_LABEL.name, f"{strange[0]!r} is none of {len(vocabulary)} labels")
        rng = keyed_rng(self.seed, "sound_templates", row.key)
        makers = [*sound_questions(heard, vocabulary, rng), *event_questions(events, rng), *column_questions(row.fields, rng)]
        if not makers:
            return Reject(row.key, NO_LABEL.name, f"columns are {', '.join(sorted(row.fields)) or 'none'}")
        chosen = [makers[int(at)] for at in rng.permutation(len(makers))[: self.per_clip]]
        return with_facts(with_fields(row, qa=[make() for make in chosen]), {WRITTEN_BY.name: TEMPLATES})


Maker = Callable[[], Question]


def _pick(rng: np.random.Generator, items: tuple[str, ...] | list[str]) -> str:
    return items[int(rng.integers(len(items)))]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _absent(heard: list[str], vocabulary: list[str]) -> list[str]:
    """Labels that are not heard and share no word with one that is: rain on a roof may not be the wrong answer to rain."""
    words = {word for label in heard for word in re.findall(r"\w+", label)}
    return [label for label in vocabulary if words.isdisjoint(re.findall(r"\w+", label))]


def sound_questions(heard: list[str], vocabulary: list[str], rng: np.random.Generator) -> Iterator[Maker]:
    """Open, choice and yes-no questions about which sounds are heard."""
    if not heard:
        return
    absent = _absent(heard, vocabulary)

    def ask_open() -> Question:
        question = _pick(rng, OPEN if len(heard) == 1 else OPEN_MANY)
        return {"question": question, "answer": f"{_capital(_listed(heard))}.", "kind": "open"}

    def ask_choice() -> Question:
        right = _pick(rng, heard)
        wrong = [absent[int(at)] for at in rng.permutation(len(absent))[:MAX_WRONG_CHOICES]]
        choices = [[right, *wrong][int(at)] for at in rng.permutation(len(wrong) + 1)]
        return {"question": _pick(rng, CHOICE), "choices": choices, "answer": right, "kind": "choice"}

    def ask_yes_no() -> Question:
        is_heard = bool(rng.random() < 0.5)
        asked = _pick(rng, heard if is_heard else absent)
        return {"question": _pick(rng, YES_NO).format(asked), "answer": "Yes." if is_heard else "No.", "kind": "yes_no"}

    yield ask_open
    if absent:
        yield ask_choice
        yield ask_yes_no


def event_questions(events: list[Event], rng: np.random.Generator) -> Iterator[Maker]:
    """Number, order and first of the sounds, where their times tell them apart."""
    counts = {label: sum(event.label == label for event in events) for label in dict.fromkeys(event.label for event in events)}
    countable = [label for label, count in counts.items() if count <= MAX_COUNT]
    firsts = {label: next(event.onset_s for event in events if event.label == label) for label in counts}
    onsets = sorted(firsts.values())
    apart = all(later - before >= MIN_GAP_S for before, later in itertools.pairwise(onsets))

    def ask_count() -> Question:
        label = _pick(rng, countable)
        times = {1: "Once.", 2: "Twice."}.get(counts[label], f"{counts[label]} times.")
        return {"question": _pick(rng, COUNT).format(label), "answer": times, "kind": "count"}

    def ask_order() -> Question:
        ordered = sorted(firsts, key=lambda label: firsts[label])
        if len(ordered) > 2:
            return {"question": _pick(rng, ORDER), "answer": f"{_capital(', then '.join(ordered))}.", "kind": "order"}
        asked = ordered if rng.random() < 0.5 else ordered[::-1]
        return {"question": _pick(rng, FIRST).format(*asked), "answer": f"{_capital(ordered[0])}.", "kind": "order"}

    if countable:
        yield ask_count
    if len(firsts) > 1 and apart:
        yield ask_order


def column_questions(fields: Mapping[str, object], rng: np.random.Generator) -> Iterator[Maker]:
    """Questions that one column answers."""

    def asker(wordings: tuple[str, ...], answer: str, kind: str) -> Maker:
        return lambda: {"question": _pick(rng, wordings), "answer": answer, "kind": kind}

    caption, transcript = text_field(fields, *CAPTION_COLUMNS), text_field(fields, *TRANSCRIPT_COLUMNS)
    captions = fields.get("captions")
    if not caption and isinstance(captions, list):
        caption = next((text.strip() for text in captions if isinstance(text, str) and text.strip()), "")
    if caption:
        yield asker(DESCRIBE, caption, "caption")
    if transcript:
        yield asker(SAID, transcript, "transcript")
    for name, wordings in ATTRIBUTES.items():
        value = read_label(text_field(fields, name))
        if value:
            yield asker(wordings, f"{_capital(value)}.", name)
    key = text_field(fields, "key")
    if _MUSICAL_KEY.fullmatch(key):  # a row's own key stands in a column of that name as often
        yield asker(KEY, f"{key}.", "key")
    tempo = next((fields[name] for name in TEMPO_COLUMNS if is_number(fields.get(name))), None)
    if tempo is not None and 20 <= float(tempo) <= 400:  # type: ignore[arg-type]
        yield asker(TEMPO, f"About {round(float(tempo))} beats per minute.", "tempo")  # type: ignore[arg-type]
    duration = fields.get("duration")
    if is_number(duration) and float(duration) >= 1.5:  # type: ignore[arg-type]
        yield asker(LONG, f"About {round(float(duration))} seconds.", "duration")  # type: ignore[arg-type]
