"""Where in a text a slow pattern is worth trying: around digits and literals, which are found at memory speed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

AROUND_DIGITS = 256  # characters before and after a digit in which something with a number in it may begin


@dataclass(frozen=True)
class Places:
    """A text and what is known of it. `language` is ISO 639-1, empty for any. All places are characters."""

    text: str
    language: str = ""

    @cached_property
    def low(self) -> str:
        """The text in lower case, one character for one."""
        low = self.text.lower()
        return low if len(low) == len(self.text) else "".join(ch.lower() if len(ch.lower()) == 1 else ch for ch in self.text)

    @cached_property
    def digits(self) -> np.ndarray:
        """Where 0 to 9 stand. Shapes: (n,) int64."""
        return np.flatnonzero(self._codes - ord("0") < 10)

    @cached_property
    def numbers(self) -> list[int]:
        """Where runs of digits begin."""
        return self.digits[np.concatenate([[True], np.diff(self.digits) > 1])].tolist() if len(self.digits) else []

    @cached_property
    def _codes(self) -> np.ndarray:
        if self.text.isascii():
            return np.frombuffer(self.text.encode(), np.uint8)  # less than "0" wraps to more than 9
        return np.frombuffer(self.text.encode("utf-32-le", "surrogatepass"), np.uint32)

    def of(self, char: str) -> np.ndarray:
        """Where a character stands. Shapes: (n,) int64."""
        return np.flatnonzero(self._codes == ord(char))

    @cached_property
    def _by_digits(self) -> list[tuple[int, int]]:
        found = self._join(self.digits, self.digits, AROUND_DIGITS, AROUND_DIGITS)
        return found if len(found) < len(self.text) // 2_000 else self._whole

    @property
    def _whole(self) -> list[tuple[int, int]]:
        return [(0, len(self.text))]

    def has_word(self, num_chars: int) -> bool:
        """Whether so many characters stand together without white space between them, as in every key."""
        spaces = np.flatnonzero(self._codes <= ord(" "))
        return bool(np.diff(spaces, prepend=-1, append=len(self.text)).max() > num_chars)

    def each(self, literals: Sequence[str]) -> list[int]:
        """Where the literals, which are in lower case, stand."""
        return sorted(at for literal in literals if literal in self.low for at in _find_all(self.low, literal, 0, len(self.low)))

    def near(
        self, literals: Sequence[str], before: int, after: int, is_lower: bool = False, needs_digit: bool = True
    ) -> list[tuple[int, int]]:
        """Stretches around each place of a literal, joined where they meet; `needs_digit` leaves out what is far from all digits."""
        text = self.low if is_lower else self.text
        literals = [literal for literal in literals if literal in text]
        if not literals:
            return []
        where = self._by_digits if needs_digit else self._whole
        found = np.array(sorted(at for stretch in where for literal in literals for at in _find_all(text, literal, *stretch)), np.int64)
        return self._join(found, found, before, after)

    def crowds(self, places: np.ndarray, count: int, reach: int, margin: int) -> list[tuple[int, int]]:
        """Stretches where `count` of the places lie within `reach` characters, with a margin on both sides."""
        if len(places) < count:
            return []
        first, last = places[: len(places) - count + 1], places[count - 1 :]
        dense = last - first <= reach
        return self._join(first[dense], last[dense], margin, margin)

    def _join(self, first: np.ndarray, last: np.ndarray, before: int, after: int) -> list[tuple[int, int]]:
        if not len(first):
            return []
        starts, stops = np.maximum(first - before, 0), np.minimum(last + after, len(self.text))
        new = np.concatenate([[True], starts[1:] > np.maximum.accumulate(stops)[:-1]])
        edges = np.flatnonzero(new)
        return list(zip(starts[edges].tolist(), np.maximum.reduceat(stops, edges).tolist(), strict=True))


def matches(pattern: re.Pattern[str], text: str, stretches: Sequence[tuple[int, int]]) -> Iterator[re.Match[str]]:
    """What the pattern finds in the stretches. A match that ends with a stretch but not the text may be cut, and is left out."""
    for start, stop in stretches:
        for found in pattern.finditer(text, start, stop):
            if found.end() < stop or stop == len(text):
                yield found


def _find_all(text: str, literal: str, start: int, stop: int) -> Iterator[int]:
    at = text.find(literal, start, stop)
    while at >= 0:
        yield at
        at = text.find(literal, at + len(literal), stop)
