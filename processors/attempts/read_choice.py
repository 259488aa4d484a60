"""Multiple choice: how rows spell the choices, which of them is right, and the problem's text with its choices."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from processors.attempts.read_answer import Judged, plain_answer
from processors.attempts.read_columns import BAD_REFERENCE, CHOICE, NO_PROBLEM, NO_REFERENCE, Fields, as_json, first_column, is_text, shown
from schemas.outcome import Refused

MAX_CHOICE_CHARS = 2_000
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CHOICE_COLUMNS = ("choices", "options", "endings")
SINGLE_LETTERS = ("a", "b", "c", "d", "e")  # may be anything: choices only where the answer is a letter
# Choices in columns of their own, and how `label` or `answer` calls them.
SPREAD_COLUMNS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("option_a", "option_b", "option_c", "option_d", "option_e"), tuple("ABCDE")),
    (SINGLE_LETTERS, tuple("ABCDE")),
    (("answera", "answerb", "answerc"), tuple("123")),  # SIQA
    (("option1", "option2", "option3", "option4"), tuple("1234")),  # Winogrande
    (("sol1", "sol2"), tuple("01")),  # PIQA
)
LETTER_COLUMNS = ("answerkey", "answer_key", "correct_choice", "correct_option", "correct_answer", "correct", "answer_idx", "answer_letter")
INDEX_COLUMNS = ("answer_index", "correct_index", "answer_id", "gold_index", "label")
ANSWER_COLUMNS = (
    "expected_answer",
    *LETTER_COLUMNS,
    "final_answer",
    "answer",
    *INDEX_COLUMNS,
    "target",
    "gold",
    "golden_answer",
    "ground_truth",
)

_MARK = r"\(?([A-Za-z])\s?[).:]\s*"
_OWN_MARK = re.compile(_MARK)
_LINE = re.compile(r"^[ \t*-]*(?:\(([A-Z])\)|\[([A-Z])\]|([A-Z])[).:])[ \t]+(\S[^\n]*)$", re.M)  # a choice on a line of its own
_IN_A_ROW = re.compile(r"\\(?:textbf|mathbf|text|mathrm|textrm)\s?\{\s?\(([A-Z])\)[\s\\]{0,3}\}|(?<![\w)])\(([A-Z])\)")
_EDGES = re.compile(r"\A(?:\\[ ,;:!]|~|\s|\\q?quad)+")
_ENDS = re.compile(r"(?:\\\\|\\[ ,;:!]|~|[\s,;]|\\q?quad)\Z")
_LETTER = re.compile(r"(?:\$?\\(?:textbf|mathbf|text|mathrm|textrm)\s?\{)?\W{0,3}([A-Za-z])\W{0,3}")


def has_choices(fields: Fields) -> bool:
    return _listed(fields) is not None


def read_choice(fields: Fields, text: str) -> Judged:
    """Raises: Refused with NO_PROBLEM, NO_REFERENCE or BAD_REFERENCE."""
    found = _listed(fields)
    if found is None:
        raise Refused(NO_REFERENCE, f"expected choices in one of {', '.join(CHOICE_COLUMNS)}")
    labels, choices, used = found
    if not 2 <= len(choices) <= len(LETTERS) or len(set(labels)) != len(choices) or not all(choices):
        raise Refused(
            BAD_REFERENCE, f"{len(choices)} choices labelled {shown(labels)}, expected 2 to {len(LETTERS)}, each with a label and a text"
        )
    name = _answer_column(fields)
    if not name:
        raise Refused(NO_REFERENCE, f"there are choices, and not which is right; expected one of {', '.join(ANSWER_COLUMNS[:8])}, ...")
    stem = fields["question"]["stem"] if isinstance(fields.get("question"), Mapping) and is_text(fields["question"].get("stem")) else text
    if not stem:
        raise Refused(NO_PROBLEM, "there are choices, and no question")
    right = _right(fields[name], name, labels, choices)
    return Judged(CHOICE, {"answer": LETTERS[right], "choices": choices}, text=with_choices(stem, choices), used=frozenset({*used, name}))


def _answer_column(fields: Fields) -> str:
    """The column that tells which is right; a truth value tells it of an attempt, if of anything."""
    return first_column(fields, (name for name in ANSWER_COLUMNS if not isinstance(fields.get(name), bool)))


def with_choices(text: str, choices: Sequence[str]) -> str:
    """The question with its choices below, unless it lists them itself."""
    listed = choices_in(text)
    if [_spaced(choice) for choice in listed] == [_spaced(choice) for choice in choices]:
        return text
    return text + "\n\n" + "\n".join(f"{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=False))


def _spaced(text: str) -> str:
    return " ".join(text.split())


# ---- the choices


def _listed(fields: Fields) -> tuple[list[str], list[str], frozenset[str]] | None:
    """Labels, texts, and the columns that held them."""
    question = fields.get("question")
    for told, used in (
        (question.get("choices") if isinstance(question, Mapping) else None, "question"),
        *((fields.get(name), name) for name in CHOICE_COLUMNS),
    ):
        read = _read_list(as_json(told))
        if read is not None:
            return (*read, frozenset({used}))
    for names, labels in SPREAD_COLUMNS:
        there = [name for name in names if isinstance(fields.get(name), (str, int, float)) and str(fields[name]).strip()]
        told = fields.get(_answer_column(fields))
        if names is SINGLE_LETTERS and not (isinstance(told, str) and _LETTER.fullmatch(told)):
            continue
        if len(there) >= 2 and there == list(names[: len(there)]):
            return list(labels[: len(there)]), [plain_answer(fields[name], name) for name in there], frozenset(there)
    return None


def _read_list(told: Any) -> tuple[list[str], list[str]] | None:
    """Labels and texts: of a list of texts, of {"label", "text"} objects, of {"label": [...], "text": [...]}, of {"A": text, ...}."""
    if isinstance(told, Mapping):
        labels, texts = told.get("label"), told.get("text")
        if isinstance(labels, list) and isinstance(texts, list) and len(labels) == len(texts):
            return _texts(labels), _texts(texts)
        if len(told) >= 2 and all(isinstance(name, str) and _LETTER.fullmatch(name) for name in told):
            names = sorted(told)
            return [_LETTER.fullmatch(name)[1].upper() for name in names], _texts([told[name] for name in names])  # type: ignore[index]
        return None
    if not isinstance(told, list) or len(told) < 2:
        return None
    if all(isinstance(one, Mapping) and "text" in one for one in told):
        return _texts([one.get("label", LETTERS[at : at + 1]) for at, one in enumerate(told)]), _texts([one["text"] for one in told])
    if all(isinstance(one, (str, int, float)) for one in told):
        return list(LETTERS[: len(told)]), _without_marks(_texts(told))
    return None


def _texts(values: Sequence[Any]) -> list[str]:
    return [plain_answer(value, "a choice") if isinstance(value, (str, int, float)) and value != "" else "" for value in values]


def _without_marks(choices: list[str]) -> list[str]:
    """Choices that bear their own letters in order ("A) 5", "B) 6") without them."""
    marks = [_OWN_MARK.match(choice) for choice in choices]
    if all(mark and mark[1].upper() == letter for mark, letter in zip(marks, LETTERS, strict=False)):
        return [choice[mark.end() :].strip() for choice, mark in zip(choices, marks, strict=True) if mark]
    return choices


def choices_in(text: str) -> list[str]:
    """The choices that a text lists, from A on: each on a line of its own after its letter, or in a row after (A), (B), ...

    None where there are fewer than two.
    """
    found: list[str] = []
    for mark in _LINE.finditer(text):
        letter = mark[1] or mark[2] or mark[3]
        if letter == LETTERS[len(found) % len(LETTERS)] and len(found) < len(LETTERS):
            found.append(mark[4].rstrip())
        elif letter == "A":
            found = [mark[4].rstrip()]
    return found if len(found) >= 2 else _choices_in_a_row(text)


def _choices_in_a_row(text: str) -> list[str]:
    marks: list[re.Match[str]] = []
    for mark in _IN_A_ROW.finditer(text):
        letter = mark[1] or mark[2]
        if letter == LETTERS[len(marks) % len(LETTERS)]:
            marks.append(mark)
        elif letter == "A":
            marks = [mark]
    if len(marks) < 3:
        return []
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    between = [text[mark.end() : end].split("\n\n")[0] for mark, end in zip(marks, ends, strict=True)]
    found = [_bare(choice) for choice in between if len(choice) <= MAX_CHOICE_CHARS]
    return found if len(found) == len(marks) and all(found) else []


def _bare(choice: str) -> str:
    """A choice without what separates it from the next one in LaTeX."""
    choice = _EDGES.sub("", choice.strip())
    while (shorter := _ENDS.sub("", choice)) != choice:
        choice = shorter
    return choice.strip("$").strip() if choice.count("$") % 2 else choice.strip()


# ---- which is right


def _right(told: Any, name: str, labels: Sequence[str], choices: Sequence[str]) -> int:
    """The place of the right choice.

    Raises: Refused with BAD_REFERENCE where none is meant, or two readings differ.
    """
    told = as_json(told)
    if isinstance(told, list) and len(told) == 1:
        told = told[0]
    if isinstance(told, bool) or not isinstance(told, (str, int, float)):
        raise Refused(BAD_REFERENCE, f"{name} is {shown(told)}, expected a letter, a number or the text of a choice")
    answer = plain_answer(told, name)
    labelled = _by_label(answer, labels)
    readings = {at for at in (labelled, _by_text(answer, choices)) if at is not None}
    if name in LETTER_COLUMNS and labelled is not None:
        readings = {labelled}
    elif isinstance(told, int) or name in INDEX_COLUMNS or (not readings and answer.isdecimal()):
        at = _by_index(answer, labels, choices)
        if at is not None:
            readings = {at}
    if len(readings) != 1:
        why = "is none of the choices" if not readings else "means one choice by its label and another by its text"
        raise Refused(BAD_REFERENCE, f"{name} is {shown(told)}, which {why}: {shown(list(choices))}")
    return readings.pop()


def _by_label(answer: str, labels: Sequence[str]) -> int | None:
    """A label, also in brackets or with a stop, or before the text of its choice."""
    if answer in labels:
        return labels.index(answer)
    letter = _LETTER.fullmatch(answer)
    upper = [label.upper() for label in labels]
    return upper.index(letter[1].upper()) if letter and letter[1].upper() in upper else None


def _by_text(answer: str, choices: Sequence[str]) -> int | None:
    mark = _OWN_MARK.match(answer)
    for text in (answer, answer[mark.end() :] if mark else ""):
        same = [at for at, choice in enumerate(choices) if text and _spaced(choice).lower() == _spaced(text).lower()]
        if len(same) == 1:
            return same[0]
    return None


def _by_index(answer: str, labels: Sequence[str], choices: Sequence[str]) -> int | None:
    if answer in labels:
        return labels.index(answer)
    return int(answer) if answer.isdecimal() and len(answer) < 4 and int(answer) < len(choices) else None


# ---- choices that stand in the question


def has_listed_choice(fields: Fields, text: str) -> bool:
    """Whether the answer is the letter, or the text, of one of the choices that the question itself lists."""
    told = fields.get(_answer_column(fields))
    choices = choices_in(text) if isinstance(told, str) and len(told) <= MAX_CHOICE_CHARS else []
    return bool(choices) and (
        _by_label(str(told).strip(), LETTERS[: len(choices)]) is not None or _by_text(str(told).strip(), choices) is not None
    )


def read_listed_choice(fields: Fields, text: str) -> Judged:
    choices, name = choices_in(text), _answer_column(fields)
    right = _right(str(fields[name]).strip(), name, list(LETTERS[: len(choices)]), choices)
    return Judged(CHOICE, {"answer": LETTERS[right], "choices": choices}, used=frozenset({name}))
