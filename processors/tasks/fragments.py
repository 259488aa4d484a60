"""How much of a summary is copied from its source: coverage, density and compression.

Source: Grusky, Naaman and Artzi, "Newsroom", NAACL 2018 (arXiv 1804.11283), section 4: from left to right, each time the longest
run of words that the source has too is a fragment. Coverage is the share of words inside fragments, density the mean length of
the fragment that a word belongs to, compression the words of the source for one of the summary. The runs are found with a suffix
automaton of the summary, through which the source passes once, so that time grows with the sum of both lengths and not with
their product.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from processors.audio.transcript_normal import UNSPACED

_WORD = re.compile(r"\w+")
_CHARACTER = re.compile(r"\w")


def words_of(text: str, language: str) -> list[str]:
    """The words of a text, case folded; the characters in Chinese and Japanese. Marks are no words."""
    return (_CHARACTER if language in UNSPACED else _WORD).findall(text.casefold())


@dataclass(slots=True)
class _State:
    length: int
    link: int
    steps: dict[str, int]


def _automaton(words: Sequence[str]) -> tuple[list[_State], list[int]]:
    """The suffix automaton of the words, and the state of each of their prefixes."""
    states = [_State(0, -1, {})]
    last, prefixes = 0, []
    for word in words:
        new = len(states)
        states.append(_State(states[last].length + 1, 0, {}))
        at = last
        while at >= 0 and word not in states[at].steps:
            states[at].steps[word] = new
            at = states[at].link
        if at >= 0:
            to = states[at].steps[word]
            if states[to].length == states[at].length + 1:
                states[new].link = to
            else:
                copy = len(states)
                states.append(_State(states[at].length + 1, states[to].link, dict(states[to].steps)))
                while at >= 0 and states[at].steps.get(word) == to:
                    states[at].steps[word] = copy
                    at = states[at].link
                states[to].link = states[new].link = copy
        last = new
        prefixes.append(new)
    return states, prefixes


def longest_matches(summary: Sequence[str], source: Sequence[str]) -> list[int]:
    """For each word of the summary the length of the longest run from it on that the source has somewhere."""
    states, prefixes = _automaton(summary[::-1])
    seen = [0] * len(states)
    at = length = 0
    for word in reversed(source):
        while at and word not in states[at].steps:
            at = states[at].link
            length = states[at].length
        if word in states[at].steps:
            at = states[at].steps[word]
            length += 1
            seen[at] = max(seen[at], length)
    for state in sorted(range(1, len(states)), key=lambda state: -states[state].length):
        link = states[state].link
        if seen[state] and link > 0:
            seen[link] = states[link].length
    found = []
    for state in prefixes:
        while state > 0 and not seen[state]:
            state = states[state].link
        found.append(seen[state])
    return found[::-1]


def fragments(summary: Sequence[str], source: Sequence[str]) -> list[int]:
    """The lengths of the fragments that the summary shares with its source, in order."""
    matches = longest_matches(summary, source)
    found = []
    at = 0
    while at < len(matches):
        if matches[at]:
            found.append(matches[at])
        at += max(1, matches[at])
    return found


@dataclass(frozen=True, slots=True)
class Extraction:
    """Coverage in [0, 1]; density in words; compression as a ratio; `lead` the share of the summary that is the source's beginning."""

    coverage: float
    density: float
    compression: float
    lead: float


def extraction(summary: str, source: str, language: str) -> Extraction:
    """The measures of a summary; all 0 for one without words."""
    told, given = words_of(summary, language), words_of(source, language)
    if not told:
        return Extraction(0.0, 0.0, 0.0, 0.0)
    runs = fragments(told, given)
    lead = next((at for at, (one, other) in enumerate(zip(told, given, strict=False)) if one != other), min(len(told), len(given)))
    return Extraction(sum(runs) / len(told), sum(run * run for run in runs) / len(told), len(given) / len(told), lead / len(told))
