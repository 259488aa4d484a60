"""Rows into conversations and documents: the prompt forms of each corpus.

Source: the prompts are those of the Phi-4-multimodal report (arXiv 2503.01743): "Transcribe the audio clip into text."
for speech recognition in every language; captions after an image with an optional short request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.language_id import iso_639_1
from processors.speech_text import WORDS
from processors.text.charset import CHARSET, MAX_UNDECODABLE_RATIO, NUM_UNDECODABLE, UNDECODABLE, decode_page
from processors.word_times import BadWordTimes, words_of
from schemas.facts import Fact
from schemas.identity import keyed_rng
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Audio, Image, Text
from schemas.records import Conversation, Document, FactValue, Row, Turn

NO_AUDIO = Reason("no_audio", "The row names no audio")
NO_TRANSCRIPT = Reason("no_transcript", "The row has no transcript, or an empty one")
NO_IMAGE = Reason("no_image", "The row names no image")
NO_CAPTION = Reason("no_caption", "The row has no caption, or only empty ones")
NO_TEXT = Reason("no_text", "The row has no text, or an empty one")
BAD_SEGMENT_TIMES = Reason("bad_segment_times", "offset or duration of the row is not a number of seconds >= 0")
BAD_WORD_TIMES = Reason("bad_word_times", "The row's words or segments are no words with times in order")

LANGUAGE = Fact("text.stated_language", str, "Language that the source states (ISO 639-1), empty when it states none")
SPEAKER = Fact("speech.speaker", str, "Speaker that the source states, empty when it states none")
URL = Fact("text.url", str, "Address of the page that the source states, empty when it states none")
STATED_TRANSCRIPT = Fact("text.stated_transcript", str, "Transcript that the source states for the audio, empty when it states none")

TRANSCRIPT_FIELDS = ("text", "transcript", "sentence")
TEXT_FIELDS = ("text", "content", "raw_content", "html")  # as the published corpora call it
TRANSCRIBE_PROMPT = "Transcribe the audio clip into text."
CAPTION_PROMPT = "Describe the image."


def text_field(fields: Mapping[str, object], *names: str) -> str:
    """The first of the named fields that holds text, without white space around it; empty when none does."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def language_field(fields: Mapping[str, object], *names: str) -> str:
    """The language that the fields state (ISO 639-1, without a region), empty when they state none."""
    return iso_639_1(text_field(fields, *(names or ("lang", "language", "locale"))))


def audio_of(row: Row) -> Audio | Reject:
    """The clip that the row means: all of its audio, or from `offset` on, `duration` long."""
    if "audio" not in row.blobs:
        return Reject(row.key, NO_AUDIO.name, "expected audio_filepath, or audio, in the row")
    offset = seconds_field(row, "offset")
    duration = seconds_field(row, "duration") if offset is not None else None
    if isinstance(offset, Reject) or isinstance(duration, Reject):
        return offset if isinstance(offset, Reject) else duration  # type: ignore[return-value]
    return Audio(source=row.blobs["audio"], offset_s=offset, duration_s=duration)


def seconds_field(row: Row, name: str) -> float | Reject | None:
    """The seconds that a field names, None when it is absent."""
    value = row.fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        return Reject(row.key, BAD_SEGMENT_TIMES.name, f"{name} is {value!r}, expected seconds >= 0")
    return float(value)


@dataclass(frozen=True, slots=True)
class TranscriptTask:
    """A row with audio and `text` becomes: user `<audio>` + prompt, assistant transcript (learned).

    A row with `offset` means the part of the file from there, `duration` long (NeMo manifests). Its `lang` is the language,
    `words` or `segments` its word times (see processors/word_times.py), counted from the start of that part.
    """

    prompt: str = TRANSCRIBE_PROMPT
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE, SPEAKER, WORDS)
    reasons: ClassVar = (NO_AUDIO, NO_TRANSCRIPT, BAD_SEGMENT_TIMES, BAD_WORD_TIMES)
    version: ClassVar = 2

    def __call__(self, row: Row) -> Conversation | Reject:
        audio = audio_of(row)
        if isinstance(audio, Reject):
            return audio
        transcript = text_field(row.fields, *TRANSCRIPT_FIELDS)
        if not transcript:
            return Reject(row.key, NO_TRANSCRIPT.name, "expected a non-empty text, transcript or sentence")
        try:
            words = words_of(row.fields)
        except BadWordTimes as error:
            return Reject(row.key, BAD_WORD_TIMES.name, str(error))
        facts: dict[str, FactValue] = {
            LANGUAGE.name: language_field(row.fields),
            SPEAKER.name: text_field(row.fields, "speaker", "speaker_id"),
            WORDS.name: json.dumps(words, ensure_ascii=False) if words else "",
        }
        turns = (Turn("user", (audio, Text(self.prompt))), Turn("assistant", (Text(transcript),), learned=True))
        return Conversation(row.key, row.origin, turns, {**row.facts, **facts}, row.parents)


@dataclass(frozen=True, slots=True)
class CaptionTask:
    """A row with an image and a caption (or `captions`) becomes: user `<image>` + prompt, assistant caption (learned).

    Of several captions one is taken, by a hash of seed and key, so that an image is stored once.
    """

    seed: int = 0
    prompt: str = CAPTION_PROMPT
    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (NO_IMAGE, NO_CAPTION)
    version: ClassVar = 1

    def __call__(self, row: Row) -> Conversation | Reject:
        if "image" not in row.blobs:
            return Reject(row.key, NO_IMAGE.name, "expected image, or file_name, in the row")
        captions = row.fields.get("captions")
        found = [text.strip() for text in captions if isinstance(text, str) and text.strip()] if isinstance(captions, list) else []
        single = text_field(row.fields, "caption", "text")
        found = found or ([single] if single else [])
        if not found:
            return Reject(row.key, NO_CAPTION.name, "expected a non-empty caption, captions or text")
        caption = found[int(keyed_rng(self.seed, "caption_task", row.key).integers(len(found)))]
        parts = (Image(source=row.blobs["image"]), Text(self.prompt)) if self.prompt else (Image(source=row.blobs["image"]),)
        turns = (Turn("user", parts), Turn("assistant", (Text(caption),), learned=True))
        return Conversation(row.key, row.origin, turns, row.facts, row.parents)


@dataclass(frozen=True, slots=True)
class TextTask:
    """A row with text, in one of TEXT_FIELDS, becomes a document; where it has none, the bytes of its page do, decoded.

    `columns` names others, whose texts are joined by an empty line (a question and its solution). A page of HTML stays one: a later
    step extracts its text. `url`, `uri` or `source_url` of the row becomes a fact.
    """

    columns: tuple[str, ...] = ()
    max_undecodable_ratio: float = MAX_UNDECODABLE_RATIO
    takes: ClassVar = (Row,)
    gives: ClassVar = Document
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE, URL, CHARSET, NUM_UNDECODABLE)
    reasons: ClassVar = (NO_TEXT, UNDECODABLE)
    version: ClassVar = 2

    def __call__(self, row: Row) -> Document | Reject:
        text, charset, num_undecodable = self._stated(row), "", 0
        if not text and "text" in row.blobs and not self.columns:
            try:
                page = decode_page(row.blobs["text"], text_field(row.fields, "charset"), self.max_undecodable_ratio)
            except Refused as refused:
                return refused.reject(row.key)
            text, charset, num_undecodable = page.text.strip(), page.charset, page.num_undecodable
        if not text:
            expected = f"all of {', '.join(self.columns)}" if self.columns else f"a non-empty {', '.join(TEXT_FIELDS)}, or a page"
            there = ", ".join(sorted(row.fields))[:200] or "no column"
            return Reject(row.key, NO_TEXT.name, f"expected {expected}; the row has {there}")
        facts: dict[str, FactValue] = {
            LANGUAGE.name: language_field(row.fields),
            URL.name: text_field(row.fields, "url", "uri", "source_url"),
            CHARSET.name: charset,
            NUM_UNDECODABLE.name: num_undecodable,
        }
        return Document(row.key, row.origin, text, {**row.facts, **facts}, row.parents)

    def _stated(self, row: Row) -> str:
        if not self.columns:
            return text_field(row.fields, *TEXT_FIELDS)
        texts = [text_field(row.fields, name) for name in self.columns]
        return "\n\n".join(texts) if all(texts) else ""


@dataclass(frozen=True, slots=True)
class StateLanguage:
    """Records whose source states no language are said to be in `language`."""

    language: str = "en"
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation:
        return replace(record, facts={**record.facts, LANGUAGE.name: record.facts.get(LANGUAGE.name) or self.language})
