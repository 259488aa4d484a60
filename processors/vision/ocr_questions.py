"""Questions about the text in a picture, each with a program that gives its answer again from the lines or the key fields.

Only what has one right answer is asked: a text is asked for by its box, a box by a text that stands there once, a row by its number
where anybody would count the same rows, a word as missing only where every line is legible.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from processors.vision.asked import Asked
from processors.vision.fields import execute_fields
from processors.vision.lines import are_rows_clear, full_text

LINES, FIELDS = "lines", "fields"
MIN_BOX = 3  # thousandths; a smaller box is a click's width
MAX_SHARED = 0.3  # of another line's box, that may lie inside the box of which the text is asked for
MAX_ASKED_CHARS = 120  # of a text in a question
MIN_WORD = 3
MAX_COUNTED_ROWS = 20  # nobody counts more without losing a row

FULL_TEXT = (
    "Read all the text in the picture, line by line.",
    "What does the text in this image say?",
    "Transcribe the text, from top to bottom.",
    "Write down everything that is printed here, keeping the lines.",
    "OCR this image.",
)
OVERLAID_TEXT = (
    "Read the text that is laid over the photo, line by line.",
    "What do the words written across this picture say?",
    "Transcribe the lettering on top of the photo, from top to bottom.",
    "Write down the overlaid text, keeping its lines.",
)
TEXT_AT = (
    "What does the text in {box} say?",
    "Read the text inside the box {box}.",
    "Which words stand at {box}?",
    "Transcribe the region {box}.",
)
BOX_OF = (
    'Where is the text "{text}"? Give its box as [x0, y0, x1, y1] in thousandths of the width and height.',
    'Give the bounding box of "{text}" ([x0, y0, x1, y1], in thousandths of the picture).',
    'At which box does "{text}" stand? Answer with [x0, y0, x1, y1] in thousandths of the width and height.',
)
ROW = ("Read line {n}.", "What does line {n} from the top say?", "Which text is on the {nth} line?", "Give the text of line number {n}.")
FIRST_ROW = ("What is the first line?", "What does the line at the very top say?")
LAST_ROW = ("What is the last line?", "What does the line at the bottom say?", "Read the last line of the text.")
NUM_ROWS = (
    "How many lines of text are there?",
    "Count the lines of text. Answer with a number.",
    "How many rows of text does the picture show?",
)
HAS_WORD = (
    'Is the word "{word}" on it? Answer yes or no.',
    'Does "{word}" appear in the text? Answer yes or no.',
    'Can you find the word "{word}" in the picture? Answer yes or no.',
)
BESIDE = (
    'What is written to the right of "{text}", on the same line?',
    'What stands next on the line, to the right of "{text}"?',
    'Read what comes right after "{text}" on the same line.',
)
FIELD = {
    "company": ("Which company issued the receipt?", "Who is the seller?", "What is the name of the business?"),
    "date": ("What is the date on the receipt?", "When was this issued? Give the date as it is printed.", "Which date is printed?"),
    "address": ("What is the address of the seller?", "At which address is the business?", "Give the address as it is printed."),
    "total": ("What is the total?", "How much was to be paid in total?", "What is the total amount, as it is printed?"),
}
ANY_FIELD = ("What is the {name}?", "Give the {name} as it is printed.", "Which {name} does the document state?")
FIELDS_JSON = (
    "Extract {names} as JSON.",
    "Give {names} of this document as a JSON object.",
    "Read the key information ({names}) and answer with JSON.",
)
ABSENT = (
    *("APPLE", "BRIDGE", "CHOCOLATE", "DRAGON", "ELEPHANT", "FESTIVAL", "GARDEN", "HARBOUR", "INSURANCE", "JACKET", "KITCHEN", "LIBRARY"),
    *("MUSEUM", "NOVEMBER", "ORCHESTRA", "PASSPORT", "QUARTER", "REFUND", "STATION", "TICKET", "UMBRELLA", "VOUCHER", "WARRANTY", "ZEBRA"),
    *("CREDIT", "DELIVERY", "DEPOSIT", "MEMBER", "ORDER", "SERVICE", "TABLE", "TELEPHONE", "CHANGE", "INVOICE", "BALANCE", "GUEST"),
)

_WORD = re.compile(r"\w[\w'&-]*\w|\w")


def words_of(truth: Mapping[str, Any]) -> list[str]:
    """The words of the lines, as they are printed."""
    return [word for row in truth["rows"] for line in row for word in _WORD.findall(line["text"])]


def execute_lines(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    """The answer of a program of kind `lines`.

    Ops: full_text, text_at (`box`), box_of (`text`), row (`number` from 1, or from -1 at the end), num_rows, has_word (`word`),
    beside (`text`).
    Raises: ValueError where the truth has not exactly one answer, or for an unknown op.
    """
    op, rows = program["op"], truth["rows"]
    if op == "full_text":
        return full_text(truth)
    if op == "text_at":
        return _only((line["text"] for row in rows for line in row if line["box"] == program["box"]), program)
    if op == "box_of":
        return _only(("[{}, {}, {}, {}]".format(*line["box"]) for row in rows for line in row if line["text"] == program["text"]), program)
    if op == "row":
        number = program["number"]
        return " ".join(line["text"] for line in rows[number - 1 if number > 0 else number])
    if op == "num_rows":
        return str(len(rows))
    if op == "has_word":
        return "Yes" if program["word"].casefold() in {word.casefold() for word in words_of(truth)} else "No"
    if op == "beside":
        return _only((there["text"] for row in rows for here, there in itertools.pairwise(row) if here["text"] == program["text"]), program)
    raise ValueError(f"program of kind lines has the unknown op {op!r}")


def _only(found: Iterator[str], program: Mapping[str, Any]) -> str:
    listed = list(found)
    if len(listed) != 1:
        raise ValueError(f"{len(listed)} lines answer {dict(program)}, expected one")
    return listed[0]


# ---- asking


def _pick(wordings: Sequence[str], rng: np.random.Generator, **values: object) -> str:
    return wordings[int(rng.integers(len(wordings)))].format(**values)


def _lines(truth: Mapping[str, Any], question: str, op: str, **arguments: object) -> Asked:
    program = {"kind": LINES, "op": op, **arguments}
    return Asked(question, execute_lines(truth, program), program)


def ask_full_text(truth: Mapping[str, Any], rng: np.random.Generator, wordings: Sequence[str] = FULL_TEXT) -> list[Asked]:
    return [_lines(truth, _pick(wordings, rng), "full_text")]


def ask_places(truth: Mapping[str, Any], rng: np.random.Generator, most: int) -> tuple[list[Asked], list[Asked]]:
    """Up to `most` questions for the text at a box, and as many for the box of a text, of different lines as far as there are any."""
    lines = [line for row in truth["rows"] for line in row]
    boxes, texts = Counter(tuple(line["box"]) for line in lines), Counter(line["text"].casefold() for line in lines)
    wide = [line for line in lines if min(line["box"][2] - line["box"][0], line["box"][3] - line["box"][1]) >= MIN_BOX]
    order = [wide[int(index)] for index in rng.permutation(len(wide))]
    at = itertools.islice((line for line in order if boxes[tuple(line["box"])] == 1 and not _shares_box(line["box"], lines)), most)
    nameable = (line for line in reversed(order) if 2 <= len(line["text"]) <= MAX_ASKED_CHARS and '"' not in line["text"])
    of = itertools.islice((line for line in nameable if texts[line["text"].casefold()] == 1 and _is_alone(line["text"], lines)), most)
    shown = [_lines(truth, _pick(TEXT_AT, rng, box="[{}, {}, {}, {}]".format(*line["box"])), "text_at", box=line["box"]) for line in at]
    return shown, [_lines(truth, _pick(BOX_OF, rng, text=line["text"]), "box_of", text=line["text"]) for line in of]


def _shares_box(box: Sequence[int], lines: Sequence[Mapping[str, Any]]) -> bool:
    """Whether much of another line stands in the box, as happens where lines are slanted."""
    return any(other["box"] != box and covered(other["box"], box) > MAX_SHARED for other in lines)


def covered(box: Sequence[int], by: Sequence[int]) -> float:
    """The share of a box that lies inside another."""
    across, down = min(box[2], by[2]) - max(box[0], by[0]), min(box[3], by[3]) - max(box[1], by[1])
    return max(0, across) * max(0, down) / max(1, (box[2] - box[0]) * (box[3] - box[1]))


def _is_alone(text: str, lines: Sequence[Mapping[str, Any]]) -> bool:
    """Whether no other line has the text inside it, where it could be pointed at as well."""
    folded = text.casefold()
    return sum(folded in line["text"].casefold() for line in lines) == 1


def ask_rows(truth: Mapping[str, Any], rng: np.random.Generator) -> list[Asked]:
    """Lines by number, the first, the last, and, of a few, how many: of pictures with clear rows in which every line is legible."""
    rows = truth["rows"]
    if truth["num_illegible"] or len(rows) < 2 or not are_rows_clear(truth):
        return []
    number = 1 + int(rng.integers(min(len(rows), 12)))  # nobody counts to the thirtieth line
    return [
        _lines(truth, _pick(ROW, rng, n=number, nth=_ordinal(number)), "row", number=number),
        _lines(truth, _pick(FIRST_ROW, rng), "row", number=1),
        _lines(truth, _pick(LAST_ROW, rng), "row", number=-1),
        *([_lines(truth, _pick(NUM_ROWS, rng), "num_rows")] if len(rows) <= MAX_COUNTED_ROWS else []),
    ]


def _ordinal(number: int) -> str:
    return ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth")[
        number - 1
    ]


def ask_words(truth: Mapping[str, Any], rng: np.random.Generator) -> list[Asked]:
    """Whether a word is there: one that is, and, where every line is legible, one that is not, in an order of chance."""
    there = sorted({word for word in words_of(truth) if len(word) >= MIN_WORD and not word.isdigit()})
    text = full_text(truth).casefold()
    asked = []
    if there:
        word = there[int(rng.integers(len(there)))]
        asked.append(_lines(truth, _pick(HAS_WORD, rng, word=word), "has_word", word=word))
    absent = [word for word in ABSENT if word.casefold() not in text]
    if absent and not truth["num_illegible"]:
        word = absent[int(rng.integers(len(absent)))]
        asked.append(_lines(truth, _pick(HAS_WORD, rng, word=word), "has_word", word=word))
    return asked if rng.random() < 0.5 else asked[::-1]


def ask_beside(truth: Mapping[str, Any], rng: np.random.Generator, most: int) -> list[Asked]:
    """What stands to the right of a label that is there once, in rows of left-to-right text."""
    lines = [line for row in truth["rows"] for line in row]
    pairs = [(here, there) for row in truth["rows"] for here, there in itertools.pairwise(row) if here["box"][0] < there["box"][0]]
    nameable = [
        here["text"]
        for here, _ in pairs
        if 2 <= len(here["text"]) <= 40 and '"' not in here["text"] and any(map(str.isalpha, here["text"]))
    ]
    mixed = (nameable[int(index)] for index in rng.permutation(len(nameable)))
    labels = itertools.islice((text for text in mixed if _is_alone(text, lines)), most)
    return [_lines(truth, _pick(BESIDE, rng, text=text), "beside", text=text) for text in labels]


def ask_fields(truth: Mapping[str, str], rng: np.random.Generator) -> list[Asked]:
    """The value of each key field, as printed."""
    asked = []
    for name in truth:
        wordings = FIELD.get(name.lower(), ANY_FIELD)
        program = {"kind": FIELDS, "op": "value", "name": name}
        asked.append(Asked(_pick(wordings, rng, name=_spoken(name)), execute_fields(truth, program), program))
    return asked


def ask_json(truth: Mapping[str, str], rng: np.random.Generator) -> list[Asked]:
    """All key fields as one JSON object."""
    if not truth:
        return []
    names = list(truth)
    told = ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
    program = {"kind": FIELDS, "op": "json", "names": names}
    return [Asked(_pick(FIELDS_JSON, rng, names=told), execute_fields(truth, program), program)]


def _spoken(name: str) -> str:
    return re.sub(r"[_\-.]+", " ", name).strip()
