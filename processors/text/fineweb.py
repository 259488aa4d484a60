"""FineWeb's rules beside Gopher's and C4's: lines that end like sentences, lines that stand twice, short lines.

Source: Penedo et al. 2024, arXiv 2406.17557, 3.6 ("Developing additional heuristic filters"). Defaults are the published
thresholds. The rules tell running text from lists and menus, so they hold for prose alone: maths and code pass. Unlike in the
published code, a line that ends with a quotation (`."`) ends with its stop, and Thai and Lao, which write none, are not asked for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from processors.text.domain import DOMAIN, OF_PROSE
from processors.text.language import LANGUAGE
from processors.text.quality import (
    LINES_PER_WORD,
    LOW_QUALITY,
    NO_STOPS,
    PUNCTUATED_LINE_RATIO,
    SHORT_LINE_RATIO,
    SPACED,
    UNSPACED_RATIO,
    keep_within,
)
from processors.text.repetition import DUP_LINE_CHAR_RATIO
from schemas.facts import Limit, Where
from schemas.outcome import Reject
from schemas.records import Document


@dataclass(frozen=True, slots=True)
class KeepFineWeb:
    """Keeps documents with enough lines that end with a stop, few characters in repeated lines, and few short lines (3.6).

    `max_lines_per_word` is in the published code, not in the paper; it does not hold for scripts without spaces.
    """

    min_punctuated_line_ratio: float = 0.12
    max_dup_line_char_ratio: float = 0.01
    max_short_line_ratio: float = 0.67
    max_lines_per_word: float = 0.3
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (DOMAIN, LANGUAGE, UNSPACED_RATIO, PUNCTUATED_LINE_RATIO, DUP_LINE_CHAR_RATIO, SHORT_LINE_RATIO, LINES_PER_WORD)
    writes: ClassVar = ()
    reasons: ClassVar = (LOW_QUALITY,)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        stops, low = Where(LANGUAGE, none_of=NO_STOPS), LOW_QUALITY.name
        return (
            Limit(PUNCTUATED_LINE_RATIO, low, self.min_punctuated_line_ratio, where=(OF_PROSE, stops)),
            Limit(SHORT_LINE_RATIO, low, most=self.max_short_line_ratio, where=(OF_PROSE,)),
            Limit(DUP_LINE_CHAR_RATIO, low, most=self.max_dup_line_char_ratio, where=(OF_PROSE,)),
            Limit(LINES_PER_WORD, low, most=self.max_lines_per_word, where=(OF_PROSE, SPACED)),
        )

    def __call__(self, record: Document) -> Document | Reject:
        return keep_within(record, self, "fineweb")
