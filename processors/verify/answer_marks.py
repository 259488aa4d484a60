"""Marks that hold an answer: boxes, the last line of GSM8K, replies that are JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from processors.verify.answer_dress import undress

BOXED, TAGGED, HASHES, JSON, SAID, LABELLED = "boxed", "tagged", "hashes", "json", "said", "labelled"
WHOLE, CONCLUSION, LAST_NUMBER, DOUBTED = "whole", "conclusion", "last_number", "doubted"
WEAK = frozenset({LAST_NUMBER, DOUBTED})  # a number that is not said to be the answer; an answer that the text takes back

MAX_ANSWER_CHARS = 1_000  # a longer stretch is no final answer
MAX_ROW = 20  # boxes in a row that are one answer


@dataclass(frozen=True, slots=True)
class Found:
    """`text` is the answer without its dress (`$`, `**`, the box); `start` and `end` say where it stands in the whole text.

    `how` is one of the names above; what is in `WEAK` is no ground to call an attempt wrong.
    """

    text: str
    how: str
    start: int
    end: int


_BRACES = re.compile(r"\\(?:boxed|fbox|framebox)\s{0,4}(?:\{|(?=[\w\\-]))|\\.|[{}]", re.DOTALL)
_BARE_BOX = re.compile(r"-?\d+(?:[.,]\d+)*|[A-Za-z](?![A-Za-z])")
_BETWEEN = re.compile(
    r"(?:[\s$,;&，、；]|\\[,;:!()\[\]]|\\\\|\\q?quad|\\(?:text|mathrm|textrm)\s?\{\s{0,4}(?:and|or|und|et|y|e|ou|oder|o)?\s{0,4}\}|"
    r"\b(?:and|or|und|oder|et|ou|y|o|e)\b|[和与與と]|[A-Za-z](?:_\{?\w{1,2}\}?)?\s{0,3}=){1,40}"
)
MAX_BETWEEN_CHARS = 60


def boxes(text: str, start: int, end: int) -> list[Found]:
    """Closed boxes, of nested ones the inner. Those in a row are one answer; a box that says the same again adds nothing."""
    rows: list[list[tuple[str, int, int]]] = []
    for left, inside, closed, right in _box_spans(text, start, end):
        said = undress(text[inside:closed])
        if not said or len(said) > MAX_ANSWER_CHARS:
            continue
        before = rows[-1][-1][2] if rows else left
        is_next = bool(rows) and left - before <= MAX_BETWEEN_CHARS and len(rows[-1]) < MAX_ROW and _BETWEEN.fullmatch(text, before, left)
        if not is_next:
            rows.append([])
        rows[-1].append((said, left, right))
    return [Found(", ".join(dict.fromkeys(said for said, _, _ in row)), BOXED, row[0][1], row[-1][2]) for row in rows]


def _box_spans(text: str, start: int, end: int) -> list[tuple[int, int, int, int]]:
    """Where each box begins, its content begins and ends, and it ends, in the order of their ends."""
    if "box" not in text:
        return []
    braces: list[tuple[int, int]] = []  # where the box and its content begin; -1 of a brace that is no box's
    spans: list[tuple[int, int, int, int]] = []
    for match in _BRACES.finditer(text, start, end):
        token = match[0]
        if token == "}":
            begun, inside = braces.pop() if braces else (-1, -1)
            if begun >= 0 and not (spans and spans[-1][0] > begun):
                spans.append((begun, inside, match.start(), match.end()))
        elif token == "{":
            braces.append((-1, -1))
        elif token.endswith("{") and "box" in token:
            braces.append((match.start(), match.end()))
        elif "box" in token:
            bare = _BARE_BOX.match(text, match.end(), end)
            if bare:
                spans.append((match.start(), bare.start(), bare.end(), bare.end()))
    return spans


_HASHES = re.compile(r"(?:^|\n)[ \t]{0,3}####[ \t]{0,8}(?=[^\s#])")
_NUMBER_LINE = re.compile(r"[-−+]?[$€£¥]?[ \t]?[-−]?(?:\d[\d,. ']*|\.\d+)(?:[ \t]?/[ \t]?\d+)?[ \t]?(?:[%$€£¥]|[A-Za-z]{1,12})?\.?")


def hashes(text: str, start: int, end: int) -> list[Found]:
    """GSM8K's last line. A heading of the fourth level is none: the line has to be a number, or the last one and no heading."""
    found = []
    rest = len(text[start:end].rstrip()) + start
    for match in _HASHES.finditer(text, start, end):
        stop = line_end(text, match.end(), min(end, match.end() + MAX_ANSWER_CHARS))
        line = text[match.end() : stop].strip()
        is_last = stop >= rest
        if _NUMBER_LINE.fullmatch(line[:60]) or (is_last and len(line) <= 200 and not line.endswith((":", "："))):
            said = undress(line)
            if said:
                found.append(Found(said, HASHES, match.end(), stop))
    return found


_ANSWER_KEYS = ("final_answer", "finalAnswer", "Final Answer", "final answer", "answer", "Answer", "ANSWER", "result", "solution", "choice")
_FENCED = re.compile(r"```(?:json)?[ \t]*\r?\n(.*)\n[ \t]*```", re.DOTALL)
MAX_JSON_CHARS = 200_000


def json_answer(text: str, start: int, end: int) -> Found | None:
    """The answer of a reply that is a JSON object, or a fenced one, and nothing else."""
    if end - start > MAX_JSON_CHARS:
        return None
    said = text[start:end].strip()
    fenced = _FENCED.fullmatch(said) if said.startswith("```") else None
    said = fenced[1].strip() if fenced else said
    if not (said.startswith("{") and said.endswith("}")):
        return None
    try:
        value = json.loads(said, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    key = next((key for key in _ANSWER_KEYS if isinstance(value, dict) and key in value), None)
    told = undress(_scalar(value[key])) if key else ""
    return Found(told, JSON, start, end) if told and len(told) <= MAX_ANSWER_CHARS else None


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(_scalar(one) for one in value) if all(isinstance(one, (str, bool)) for one in value) else ""
    return value if isinstance(value, str) else ""


def line_end(text: str, at: int, end: int) -> int:
    stop = text.find("\n", at, end)
    return stop if stop >= 0 else end
