"""Generated documents with planted copies and lines, as a source: document i is a function of its number, so that any count streams."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pipelines.source.split import Split
from processors.text.normalise import DIGEST, text_digest
from schemas.identity import digest
from schemas.outcome import Reason
from schemas.records import Document, Origin

NUM_WORDS = 20_000
NUM_LINES = 12


@functools.lru_cache(maxsize=1)
def vocabulary() -> tuple[np.ndarray, np.ndarray]:
    """Words of two to four syllables, and the running sum of their probabilities (Zipf's law)."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    rng = np.random.default_rng(0)
    words = np.array(["".join(rng.choice(syllables, rng.integers(2, 5))) for _ in range(NUM_WORDS)])
    weights = 1.0 / np.arange(10, NUM_WORDS + 10)
    return words, np.cumsum(weights / weights.sum())


def draw(rng: np.random.Generator, count: int) -> list[str]:
    words, sums = vocabulary()
    return words[np.minimum(np.searchsorted(sums, rng.random(count)), NUM_WORDS - 1)].tolist()


def boilerplate() -> list[str]:
    """Lines that many documents have."""
    return [" ".join(draw(np.random.default_rng(10_000_019 + number), 8)) for number in range(NUM_LINES)]


def kind_of(number: int) -> str:
    """Of each ten documents of a block of twenty: the 9th is an edited copy of the 4th, the 19th an exact copy of the 14th."""
    return {8: "near", 18: "near", 19: "exact"}.get(number % 20, "new")


def base_of(number: int) -> int:
    """The document that a copy was made from; itself for a new one."""
    return number - 5 if kind_of(number) != "new" else number


def body(number: int) -> list[str]:
    """The words of a document, without its line of boilerplate."""
    rng = np.random.default_rng(base_of(number))
    words = draw(rng, int(rng.integers(60, 121)))
    if kind_of(number) == "near":  # one word is another: 5 of its runs of 5 words differ
        words[len(words) // 2] = f"edit{number}"
    return words


def text_of(number: int) -> str:
    """Prose in lines of 20 words; every fifth new document ends with a line of boilerplate."""
    words = body(number)
    lines = [" ".join(words[start : start + 20]) for start in range(0, len(words), 20)]
    if base_of(number) % 5 == 0:
        lines += ["", boilerplate_line(base_of(number))]
    return "\n".join(lines)


@functools.lru_cache(maxsize=1)
def _boilerplate() -> list[str]:
    return boilerplate()


def boilerplate_line(number: int) -> str:
    return _boilerplate()[number // 5 % NUM_LINES]


def key_of(number: int) -> str:
    return digest("planted", str(number))


@dataclass(frozen=True, slots=True)
class PlantedText:
    """Documents 0 to count - 1, in splits of `per_split`, from the last to the first if `backwards`."""

    count: int
    per_split: int = 5_000
    backwards: bool = False
    gives: ClassVar = Document
    facts: ClassVar = (DIGEST,)
    reasons: ClassVar[tuple[Reason, ...]] = ()

    def splits(self) -> list[Split]:
        found = []
        for start in range(0, self.count, self.per_split):
            stop = min(start + self.per_split, self.count)
            name = digest("planted", str(start), str(stop), str(self.backwards))
            found.append(Split(name, f"planted-{start:09d}", "r", start, stop, stop - start, 0))
        return found

    def read(self, split: Split) -> Iterator[Document]:
        for place in range(split.start, split.stop):
            number = self.count - 1 - place if self.backwards else place
            text = text_of(number)
            origin = Origin("planted", "r", "CC0-1.0", f"document {number}")
            yield Document(key_of(number), origin, text, {DIGEST.name: text_digest(text)})  # texts are normal as they are made


@dataclass(frozen=True, slots=True)
class Texts:
    """Documents of given texts, in the order given; the key follows from the text and how often it stood before."""

    texts: tuple[str, ...]
    per_split: int = 1_000
    gives: ClassVar = Document
    reasons: ClassVar[tuple[Reason, ...]] = ()

    def splits(self) -> list[Split]:
        return [replace(split, path=f"texts-{split.start:09d}") for split in PlantedText(len(self.texts), self.per_split).splits()]

    def read(self, split: Split) -> Iterator[Document]:
        for place in range(split.start, split.stop):
            text = self.texts[place]
            key = digest("text", text, str(self.texts[:place].count(text)))
            yield Document(key, Origin("texts", "r", "CC0-1.0", f"text {place}"), text)
