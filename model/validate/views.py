"""What is kept of every row for the tests of pairing: its texts, and small pictures of its media. A few kilobytes a row."""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from model.validate.sound import FRAME_S, SPOKEN_FACTS, num_letters
from schemas.identity import digest
from schemas.parts import Audio, Image, Text, ToolCall, ToolResult, Tools
from schemas.records import Conversation, Preference, Record, Turn, audios_of

MAX_CHARS = 4_000  # of a context or an answer
THUMBNAIL = 8
NUM_HASHED = 512
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A row in short. `prompt` is what stands before the answer, `spoken` what is known to be said in its audio.

    Shapes: picture (192,) means of its images' thumbnails; spectrum (160,) mean and deviation of its log-Mel bands; empty without.
    """

    key: str
    prompt: str
    spoken: str
    answer: str
    duration_s: float
    letters: float
    picture: np.ndarray
    spectrum: np.ndarray
    media: str


def view_of(record: Record, thumbnails: Sequence[np.ndarray]) -> View | None:
    """The view of a conversation or a preference (whose answer is the chosen one); None for rows that answer nothing."""
    if isinstance(record, Conversation):
        asked = [turn for turn in record.turns if not turn.learned]
        answers = [turn for turn in record.turns if turn.learned]
    elif isinstance(record, Preference):
        asked, answers = list(record.prompt), list(record.chosen)
    else:
        return None
    answer = _texts(answers)
    mels = [audio.log_mel for audio in audios_of(record) if audio.log_mel is not None and len(audio.log_mel)]
    spectrum = np.empty(0)
    if mels:
        joined = np.concatenate(mels).astype(np.float64)
        spectrum = np.concatenate([joined.mean(axis=0), joined.std(axis=0)])
    picture = np.mean(thumbnails, axis=0) if len(thumbnails) else np.empty(0)
    said = next((str(record.facts[name]) for name in SPOKEN_FACTS if record.facts.get(name)), "") if mels else ""
    return View(
        record.key,
        _texts(asked),
        said[:MAX_CHARS],
        answer,
        sum(len(mel) for mel in mels) * FRAME_S,
        num_letters(answer),
        picture,
        spectrum,
        digest(picture.tobytes(), spectrum.tobytes()),
    )


def _texts(turns: Sequence[Turn]) -> str:
    found = []
    for turn in turns:
        for part in turn.parts:
            if isinstance(part, Text):
                found.append(part.text)
            elif isinstance(part, (ToolCall, ToolResult)):
                found.append(f"{part.name} {part.arguments if isinstance(part, ToolCall) else part.content}")
            elif isinstance(part, Tools):
                found.append(part.definitions)
    return "\n".join(found)[:MAX_CHARS]


def thumbnail(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Mean colours of 8 x 8 fields of a canvas's content. Shapes: pixels (TH, TW, 3) to (192,)."""
    content = pixels[:height, :width]
    rows = np.linspace(0, height, THUMBNAIL + 1).astype(int)
    columns = np.linspace(0, width, THUMBNAIL + 1).astype(int)
    fields = [
        content[rows[r] : max(rows[r + 1], rows[r] + 1), columns[c] : max(columns[c + 1], columns[c] + 1)].mean(axis=(0, 1))
        for r in range(THUMBNAIL)
        for c in range(THUMBNAIL)
    ]
    return np.concatenate(fields) / 255.0


def words_of(text: str) -> list[str]:
    """Words without case; Chinese and Japanese characters each for itself."""
    found = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if any("\u3040" <= char <= "\u9fff" for char in word):
            found += list(word)
        else:
            found.append(word)
    return found


def rarity(word_sets: Sequence[set[str]]) -> dict[str, float]:
    """ln of how many sets there are for each that has the word."""
    counts = Counter(word for words in word_sets for word in words)
    return {word: math.log(len(word_sets) / count) for word, count in counts.items()}


def text_features(texts: Sequence[str]) -> np.ndarray:
    """Words and pairs of words, weighted by rarity, hashed to few columns; and the length. Shapes: (n, NUM_HASHED + 1)."""
    lists = [words_of(text) for text in texts]
    sets = [set(words) | {f"{one} {two}" for one, two in itertools.pairwise(words)} for words in lists]
    weights = rarity(sets)
    features = np.zeros((len(texts), NUM_HASHED + 1))
    places: dict[str, int] = {}
    for row, words in enumerate(sets):
        for word in sorted(words):
            if word not in places:
                places[word] = int(digest(word)[:8], 16) % NUM_HASHED
            features[row, places[word]] += weights[word]
        norm = float(np.linalg.norm(features[row]))
        features[row] /= norm or 1.0
        features[row, NUM_HASHED] = math.log1p(len(lists[row]))
    length = features[:, NUM_HASHED]
    spread = float(cast(float, length.std()))
    features[:, NUM_HASHED] = (length - length.mean()) / (spread or 1.0) * 0.5
    return features


def media_kinds(record: Record) -> set[type]:
    """Image, Audio, both or none."""
    turns = getattr(record, "turns", ()) or getattr(record, "prompt", ())
    return {type(part) for turn in turns for part in turn.parts if isinstance(part, (Image, Audio))}
