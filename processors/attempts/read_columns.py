"""Columns of problem rows: the names under which data sets have them, and the text of the problem itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from processors.dialogue import text_field
from processors.messages import LIST_COLUMNS, ROLES
from schemas.outcome import Reason, Refused

NO_PROBLEM = Reason("no_problem", "The row holds no text that asks for something")
SEVERAL_TURNS = Reason("several_turns", "The row is a conversation of several questions, so that its last one is no problem by itself")
TOO_LONG = Reason("too_long", "The problem, or what its answers are judged by, is longer than the bound")
NO_REFERENCE = Reason("no_reference", "The row holds nothing to judge an answer by")
BAD_REFERENCE = Reason("bad_reference", "What the row gives to judge an answer by cannot be read, or can be read in two ways")

Fields = Mapping[str, Any]  # of a row, names in lower case

CHOICE, EXACT, REGEX, CALLS, JUDGE, NONE = "choice", "exact", "regex", "calls", "judge", "none"

# The first of each that holds something counts. What `columns` of the task renames comes first of all.
PROBLEM_COLUMNS = (
    *("problem", "question", "query", "prompt", "instruction", "question_content", "question_stem", "description"),
    *("puzzle", "goal", "sentence", "ctx", "text", "input", "task"),
)
SYSTEM_COLUMNS = ("system", "system_prompt")
BEFORE_COLUMNS = ("context", "passage", "article", "story")  # what the question is about; it stands before the question
AFTER_COLUMN = "input"  # Alpaca: what the instruction is to be carried out on; it stands after it
ID_COLUMNS = ("id", "task_id", "problem_id", "question_id", "qid", "uuid", "unique_id", "uid", "name", "idx", "index")
TOPIC_COLUMNS = ("subject", "topic", "type", "problem_type", "category", "domain", "subset_for_metrics", "tags", "cf_tags", "ability")
LEVEL_COLUMNS = ("level", "difficulty", "hardness", "grade", "cf_rating")
SOURCE_COLUMNS = ("source", "data_source", "dataset", "problem_source", "task_type")  # what they tell about the kind of problem, no more

# What a build may name; each is the first of its kind.
NAMES = (
    *("problem", "system", "expected_answer", "choices", "test", "test_list", "input_output", "entry_point", "test_setup_code"),
    *("samples", "generation", "is_correct", "sampler", "reference_solution", "reasoning_content", "id", "subject", "level", "language"),
)
ALIASES = {"answer": "expected_answer", "solution": "reference_solution", "model": "sampler"}
NEEDED = {"problem": NO_PROBLEM, "expected_answer": NO_REFERENCE}

MAX_JSON_CHARS = 8_000_000  # of a column that holds JSON as text
MAX_JSON_DEPTH = 64


def named_fields(fields: Mapping[str, object], columns: Iterable[str]) -> dict[str, Any]:
    """The row's fields under lower-case names; `columns` has entries "name=column" for those that are called otherwise.

    Of two names that differ in case alone the one in lower case counts. Raises: Refused where the problem, or the answer, has a column that is
    not there.
    """
    told: dict[str, Any] = {}
    for name in sorted(fields, key=lambda name: (name != name.lower(), name)):
        told.setdefault(name.lower(), fields[name])
    renamed = {}
    for entry in columns:
        name, _, column = entry.partition("=")
        name = ALIASES.get(name, name)
        renamed[name] = told.pop(column.lower(), None)
        if name in NEEDED and renamed[name] is None:
            raise Refused(NEEDED[name], f"the row has no column {column}")
    return {**told, **renamed}


def check_columns(columns: Iterable[str]) -> None:
    """Raises: ValueError for an entry that is not "name=column" with a name that is known."""
    for entry in columns:
        name, equals, column = entry.partition("=")
        if not equals or not column or ALIASES.get(name, name) not in NAMES:
            raise ValueError(f"columns has {entry!r}, expected name=column with a name of {', '.join(NAMES)}")


def is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def first_column(fields: Fields, names: Iterable[str]) -> str:
    """The first of the named columns that holds anything (false and 0 are something), "" when none does."""
    return next((name for name in names if name in fields and fields[name] is not None and fields[name] not in ("", [], {})), "")


def as_json(value: object) -> Any:
    """The value; of a text that is a JSON list or object, what it holds."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{") and len(value) <= MAX_JSON_CHARS:
        try:
            read = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return read if _is_shallow(read) and not _has_half_pairs(value, read) else value
    return value


def _has_half_pairs(text: str, read: object) -> bool:
    """Whether what was read holds halves of surrogate pairs, which no file could store."""
    if not re.search(r"\\u[dD][89a-fA-F]", text):
        return False
    try:
        json.dumps(read, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _is_shallow(value: object) -> bool:
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [one for item in level if isinstance(item, (list, dict)) for one in (item.values() if isinstance(item, dict) else item)]
    return not level


def shown(value: object, max_chars: int = 80) -> str:
    """A value in a message."""
    text = repr(value)
    return text if len(text) <= max_chars else text[: max_chars - 3] + "..."


def plain(fields: Fields, names: Iterable[str]) -> str:
    """The first named column as one line of text: a text, a number, a list of texts joined; empty when there is none."""
    value = as_json(fields.get(first_column(fields, names)))
    items = value if isinstance(value, list) else [value]
    told = [" ".join(str(item).split()) for item in items if isinstance(item, str) or (type(item) is int and abs(item) < 10**18)]
    return ", ".join(told)[:200]


# ---- chat messages


def list_column(fields: Fields) -> list[Any] | None:
    """The row's chat messages: in a column of their own, or as its prompt."""
    for name in ("prompt", "problem", "question", *LIST_COLUMNS):
        found = as_json(fields.get(name))
        if isinstance(found, list) and found and all(isinstance(item, Mapping) and ("role" in item or "from" in item) for item in found):
            return found
    return None


def messages(listed: Iterable[Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Role, text and the message itself. Raises: Refused with NO_PROBLEM for what is no text, or by nobody known."""
    for message in listed:
        told = message.get("role", message.get("from")) if isinstance(message, Mapping) else None
        role = ROLES.get(told.lower()) if isinstance(told, str) else None
        content = message.get("content", message.get("value")) if isinstance(message, Mapping) else None
        if isinstance(content, list) and all(isinstance(part, Mapping) and isinstance(part.get("text"), str) for part in content):
            content = "".join(part["text"] for part in content)
        if role is None or not (isinstance(content, str) or (content is None and role == "assistant")):
            raise Refused(NO_PROBLEM, f"a message {shown(message)}, expected a role and a text")
        yield role, content or "", message


def asked_in_chat(listed: Iterable[Any]) -> tuple[str, str, list[Mapping[str, Any]]]:
    """System text, the question, and the answers to it, which are attempts.

    Raises: Refused with NO_PROBLEM or SEVERAL_TURNS.
    """
    system: list[str] = []
    asked: list[str] = []
    answers: list[Mapping[str, Any]] = []
    for role, text, message in messages(listed):
        if role == "system" and not asked:
            system.append(text.strip())
        elif role == "user" and not answers:
            asked.append(text.strip())
        elif role == "assistant" and asked:
            answers.append(message)
        else:
            raise Refused(SEVERAL_TURNS, f"a turn of the {role} after {len(asked)} questions and {len(answers)} answers")
    if not any(asked):
        raise Refused(NO_PROBLEM, "the conversation has no text of the user")
    if len(asked) > 1 or len(answers) > 1:
        raise Refused(SEVERAL_TURNS, f"the conversation has {len(asked)} questions and {len(answers)} answers in a row")
    return "\n\n".join(filter(None, system)), asked[0], answers


# ---- the text of the problem


def problem_text(fields: Fields) -> str:
    """What is asked, with what it is about; "" where no column holds a text."""
    name = next((name for name in PROBLEM_COLUMNS if is_text(fields.get(name))), "")
    if not name:
        return ""
    before = text_field(fields, *(column for column in BEFORE_COLUMNS if column != name))
    after = text_field(fields, AFTER_COLUMN) if name == "instruction" else ""
    told = fields[name].strip("\r\n").rstrip()
    return "\n\n".join(part for part in (before, told if told[:1] in (" ", "\t") and "\n" in told else told.strip(), after) if part)
