"""What makes two attempts the same solution, and two answers the same answer: their normal forms.

A solution in words keeps its words, numbers and signs of calculation in order; case, white space, punctuation, Markdown, LaTeX's layout
and the calculator notes of GSM8K (`<<16-3=13>>`) are dress. A Python program keeps its tokens and its blocks; comments, docstrings,
blank lines, the width of indentation, breaks inside brackets and the kind of quotes are dress. A program in another language keeps all
but white space. Nothing is parsed: a form is made in one pass of a regular expression, so that any text has one, on any Python.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from processors.text.minhash import shingle_sums
from schemas.identity import digest

PYTHON = "python"

_DRESS = re.compile(
    r"<<[^<>\n]{0,200}>>"  # calculator notes
    r"|\\(?:left|right|[Bb]igg?[lr]?|displaystyle|text(?:bf|it|rm)?|math(?:rm|bf)|operatorname|boxed|fbox|d?quad|qquad)(?![A-Za-z])"
    r"|\\(?:times|cdot)(?![A-Za-z])|\\[,;:! ]|\\\\"
)
_LIST_MARK = re.compile(r"^[ \t]{0,16}(?:[-*+\u2022]|\d{1,3}[.)])[ \t]", re.M)
# A number, with commas between its thousands or without, a word, a command of LaTeX, a comparison, any other sign.
_TOKEN = re.compile(r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?|\.\d+|(?:(?!\d)\w)+|\\[A-Za-z]+|[<>!]=|[^\s\w]")
_SPELLED = {
    **{sign: "-" for sign in "\u2212\u2013\u2010"},
    **{"\u00f7": "/", "\\div": "/", "\\dfrac": "\\frac", "\\tfrac": "\\frac"},
    **{"\u2264": "<=", "\\leq": "<=", "\\le": "<=", "\u2265": ">=", "\\geq": ">=", "\\ge": ">="},
    **{"\u2260": "!=", "\\neq": "!=", "\\ne": "!="},
}
# A sign of multiplication is dress: "3 4" is no sum, difference or quotient, so the form stays of one meaning.
_CALCULATES = frozenset("+-/=<>%^")
_NO_ANSWER = frozenset('$"`{}.;?*~#&\\\u00d7\u00b7_')  # signs without a meaning in a final answer; all others are part of it


def _tokens(text: str, kept: Callable[[str], bool]) -> list[str]:
    """Words and numbers in one spelling, and of the signs those that are kept."""
    found = []
    for written in _TOKEN.findall(_DRESS.sub(" ", text)):
        token = _SPELLED.get(written, written)
        if token[0].isdigit() or (token[0] == "." and len(token) > 1):
            found.append(_number(token))
        elif token[0] == "_" or token[0].isalpha():
            found.append(token.casefold().strip("_"))
        elif len(token) > 1 or kept(token):
            found.append(token)
    return [token for token in found if token]


def _number(written: str) -> str:
    """Without commas and without zeros that change no value: 1,000.50 is 1000.5, .5 is 0.5."""
    whole, _, part = written.replace(",", "").partition(".")
    part = part.rstrip("0")
    return f"{whole or '0'}.{part}" if part else whole or "0"


def answer_form(answer: str) -> str:
    """A final answer in one spelling: as in a solution, but with all its signs; empty for one without words and numbers."""
    tokens = _tokens(answer, lambda sign: sign not in _NO_ANSWER)
    return " ".join(tokens) if any(token[0].isalnum() for token in tokens) else ""


def solution_digest(text: str, program: str = "", language: str = PYTHON) -> str:
    """The digest of a solution's normal form: of the program, where it is one, else of the text. Texts without any token: of themselves."""
    if program.strip():
        return digest("program", *(python_tokens(program) if language.casefold() in (PYTHON, "py", "python3") else program.split()))
    tokens = _tokens(_LIST_MARK.sub("", text.strip()), _CALCULATES.__contains__)
    return digest("solution", *tokens) if tokens else digest("text", *text.split())


# ---- programs

# A string that does not end goes on to the end of its line or of the program: looking for it once more from within would be quadratic.
_STRING = (
    "|".join(rf"{quote}(?:[^\\]|\\.?)*?(?:{quote}|\Z)" for quote in ('"""', "'''"))
    + "|"
    + "|".join(rf"{quote}(?:[^{quote}\\\n]|\\.?)*(?:{quote}|(?=\n)|\Z)" for quote in "\"'")
)
_PYTHON = re.compile(
    rf"(?P<comment>\#[^\n]*)|(?P<string>[rRbBuUfF]{{0,2}}(?:{_STRING}))|(?P<joined>\\\r?\n)|(?P<line>\n[ \t]*)|(?P<word>\w+)|(?P<sign>[^\s\w])",
    re.S,
)
_PLAIN = re.compile(r"'([^'\"\\\n]*)'", re.S)
_OPENS, _CLOSES = frozenset("([{"), frozenset(")]}")


def python_tokens(program: str) -> list[str]:
    """The tokens of a Python program, its logical lines each led by "\\n" and the number of blocks that it stands in."""
    lines: list[tuple[int, list[str]]] = []  # (indentation, tokens)
    depth = 0
    words: list[str] = []
    indent = 0
    for match in _PYTHON.finditer("\n" + program.expandtabs().rstrip() + "\n"):
        kind, token = match.lastgroup, match[0]
        if kind == "line":
            if not depth:
                _end_line(lines, indent, words)
                words, indent = [], len(token) - 1
        elif kind == "string":
            words.append(_PLAIN.sub(r'"\1"', token) if _PLAIN.fullmatch(token) else token)
        elif kind in ("word", "sign"):
            depth = max(0, depth + (token in _OPENS) - (token in _CLOSES))
            words.append(token)
    _end_line(lines, indent, words)
    found: list[str] = []
    blocks: list[int] = []
    for indent, words in lines:
        while blocks and blocks[-1] >= indent:
            blocks.pop()
        found += (f"\n{len(blocks)}", *words)
        blocks.append(indent)
    return found


def _end_line(lines: list[tuple[int, list[str]]], indent: int, words: list[str]) -> None:
    """Keeps a line that does something; a string by itself is a docstring."""
    is_note = len(words) == 1 and words[0].lstrip("rRbBuUfF")[:1] in ("'", '"') if words else True
    if not is_note:
        lines.append((indent, words))


# ---- near ones


def near_pairs(texts: Sequence[str], similarity: float, ngram: int = 3) -> list[int]:
    """For each text the place of an earlier one that stays and shares `similarity` of their runs of words (Jaccard) or more, or -1.

    From the first on: a text that is near to none of those that stay, stays. Exact, by prefix filtering: two sets of that similarity
    share one of the first len - ceil(similarity * len) + 1 members of each, in any one order; with the rarest first few others do.
    Source: Chaudhuri, Ganti and Kaushik, "A primitive operator for similarity joins", ICDE 2006; Bayardo, Ma and Srikant, WWW 2007.
    """
    sets = [np.unique(shingle_sums(text, ngram)).tolist() for text in texts]
    counts = Counter(run for runs in sets for run in runs)
    staying: dict[int, list[int]] = {}
    members = [frozenset(runs) for runs in sets]
    found = []
    for place, runs in enumerate(sets):
        rarest = sorted(runs, key=lambda run: (counts[run], run))
        prefix = rarest[: len(runs) - _ceil(similarity * len(runs)) + 1]
        others = sorted({other for run in prefix for other in staying.get(run, ())})
        near = next((other for other in others if _jaccard(members[place], members[other]) >= similarity), -1)
        found.append(near)
        if near < 0:
            for run in prefix:
                staying.setdefault(run, []).append(place)
    return found


def _ceil(value: float) -> int:
    return -int(-(value - 1e-9) // 1)


def _jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def most_frequent(forms: Iterable[str]) -> list[tuple[str, int]]:
    """The forms with their counts, the most frequent first, of equally frequent ones the smallest."""
    return sorted(Counter(forms).items(), key=lambda item: (-item[1], item[0]))
