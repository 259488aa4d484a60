"""Where a transcript can be divided: at which character, after which of its timed words.

Words that come with times are often written otherwise than the transcript: without punctuation, in lower case, split at
apostrophes. Both are compared by their letters and digits alone, and a divided transcript keeps its own writing.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence

SENTENCE_ENDS = ".!?…。！？"
CLOSING = ("Pe", "Pf", "Po", "Mn", "Me", "Sk")  # what stands after a word and belongs to it; opening marks belong to the next
UNSPACED = ("zh", "ja")
MAX_TOKENS = 20_000  # of an alignment, whose time grows with the square where much repeats


def letters_of(text: str) -> tuple[str, list[int]]:
    """Letters and digits of a text in one case, and for each the place of its character in the text."""
    found, places = [], []
    for place, character in enumerate(text):
        for folded in unicodedata.normalize("NFKD", character).casefold():  # an accent may be a character of its own: it is left out
            if folded.isalnum():
                found.append(folded)
                places.append(place)
    return "".join(found), places


def cuts_after_words(text: str, words: Sequence[str], language: str) -> list[int | None]:
    """For each word, at which character the text can be divided after it; None where it cannot, or where the two do not tell.

    After the last word it is the end of the text. When all letters agree, every word that ends at a space has its place;
    otherwise those have one that agree with the text on both sides of the cut.
    """
    letters, places = letters_of(text)
    parts = [letters_of(word)[0] for word in words]
    cuts: list[int | None] = [None] * len(words)
    if letters == "".join(parts):
        at = 0
        for index, part in enumerate(parts):
            at += len(part)
            if 0 < at < len(places):
                cuts[index] = cut_between(text, places[at - 1] + 1, places[at], language)
    else:
        _anchor(text, parts, cuts, language)
    if cuts:
        cuts[-1] = len(text)
    return cuts


def _anchor(text: str, parts: list[str], cuts: list[int | None], language: str) -> None:
    """Fills in the cuts between two neighbouring words that are neighbours in the text as well."""
    tokens, spans = _tokens(text, language)
    ours = [(index, part) for index, part in enumerate(parts) if part]
    if max(len(tokens), len(ours)) > MAX_TOKENS:
        return
    matcher = difflib.SequenceMatcher(None, tokens, [part for _, part in ours], autojunk=False)
    for block in matcher.get_matching_blocks():
        for offset in range(block.size - 1):
            first, second = ours[block.b + offset][0], ours[block.b + offset + 1][0]
            cut = cut_between(text, spans[block.a + offset][1], spans[block.a + offset + 1][0], language)
            cuts[first:second] = [cut] * (second - first)


def _tokens(text: str, language: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Words as letters, with their places; characters where there are no spaces. Marks alone are no word."""
    tokens: list[str] = []
    spans: list[tuple[int, int]] = []
    for found in re.finditer(r"\S" if language in UNSPACED else r"\S+", text):
        letters, places = letters_of(found[0])
        if letters:
            tokens.append(letters)
            spans.append((found.start() + places[0], found.start() + places[-1] + 1))
    return tokens, spans


def cut_between(text: str, low: int, high: int, language: str) -> int | None:
    """Where to divide a text between the end of one word and the start of the next: at a space, without spaces after closing marks."""
    for place in range(low, high):
        if text[place].isspace():
            return place
    if language not in UNSPACED:
        return None
    while low < high and unicodedata.category(text[low]) in CLOSING:
        low += 1
    return low


def breaks_of(text: str, language: str) -> list[tuple[int, int, bool]]:
    """Every place at which a text can be divided: letters before it, its character, and whether a sentence ends there."""
    _, places = letters_of(text)
    found = []
    for count in range(1, len(places)):
        cut = cut_between(text, places[count - 1] + 1, places[count], language) if places[count] > places[count - 1] else None
        if cut is not None:
            found.append((count, cut, ends_sentence(text, cut)))
    return found


def ends_sentence(text: str, cut: int) -> bool:
    """Whether a sentence ends before the cut."""
    said = text[max(0, cut - 8) : cut].rstrip()
    while said and said[-1] not in SENTENCE_ENDS and unicodedata.category(said[-1]) in ("Pe", "Pf", "Pi", "Po"):
        said = said[:-1]
    return bool(said) and said[-1] in SENTENCE_ENDS
