"""Groups of parameters that the text corpora share, each with its steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.step import Step, each
from processors.text.c4 import CleanLines, KeepC4
from processors.text.fineweb import KeepFineWeb
from processors.text.gopher import KeepGopherQuality, KeepGopherRepetition
from processors.text.quality import MeasureQuality
from processors.text.repetition import MeasureRepetition
from processors.text.word_lists import ADULT, KeepUnlisted, count_listed

RULES = ("gopher", "c4", "fineweb")


@dataclass(frozen=True, slots=True)
class Quality:
    """Rules of quality. Everything is measured; `rules` says whose rules refuse, with the published thresholds unless given.

    Steps before it: DetectLanguage, DetectDomain.
    """

    rules: tuple[str, ...] = ("gopher", "fineweb")  # "c4" as well: its page rules; FineWeb used them without the next
    c4_lines: bool = False  # C4's line rules change the text: every line that does not end like a sentence goes
    min_words: int = 50
    min_mean_word_length: float = 3.0
    max_mean_word_length: float = 10.0
    min_alpha_word_ratio: float = 0.8
    min_stop_words: int = 2
    min_punctuated_line_ratio: float = 0.12
    max_short_line_ratio: float = 0.67
    max_dup_line_char_ratio: float = 0.01
    min_sentences: int = 5
    adult_words: bool = False  # counts the words of adult sites, a short English list
    word_lists: tuple[Path, ...] = ()  # files, or folders of en.txt, de.txt, ..., with a term a line
    listed_words: str = "count"  # reject: documents with a larger share of listed words than the next are refused
    max_listed_ratio: float = 0.01

    def __post_init__(self) -> None:
        for rule in self.rules:
            if rule not in RULES:
                raise ValueError(f"quality rule {rule!r} is unknown; expected one of {', '.join(RULES)}")
        if self.listed_words not in ("count", "reject"):
            raise ValueError(f"listed_words is {self.listed_words!r}, expected count or reject")

    def steps(self) -> tuple[Step, ...]:
        """Measures, then refuses by rule. Raises FileNotFoundError for a word list that is not there."""
        steps: list[Step] = [each(CleanLines())] if self.c4_lines else []
        steps += [each(MeasureQuality()), each(MeasureRepetition())]
        if "gopher" in self.rules:
            steps.append(
                each(
                    KeepGopherQuality(
                        min_words=self.min_words,
                        min_mean_word_length=self.min_mean_word_length,
                        max_mean_word_length=self.max_mean_word_length,
                        min_alpha_word_ratio=self.min_alpha_word_ratio,
                        min_stop_words=self.min_stop_words,
                    )
                )
            )
            steps.append(each(KeepGopherRepetition()))
        if "c4" in self.rules:
            steps.append(each(KeepC4(self.min_sentences)))
        if "fineweb" in self.rules:
            kept = KeepFineWeb(self.min_punctuated_line_ratio, self.max_dup_line_char_ratio, self.max_short_line_ratio)
            steps.append(each(kept))
        lists = (*((ADULT,) if self.adult_words else ()), *map(str, self.word_lists))
        if lists:
            steps.append(each(count_listed(lists)))
            if self.listed_words == "reject":
                steps.append(each(KeepUnlisted(self.max_listed_ratio)))
        return tuple(steps)
