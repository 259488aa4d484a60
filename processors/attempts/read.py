"""Rows of problem sets, of whatever form, as problems with the attempts that come with them.

A row is read by the columns that it has, in this order: how answers are judged (FORMS, the first that fits), what is asked, and who has
tried. What is asked and how it is judged make the problem, the same for the same problem in every file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from processors.attempts.problem import CODE, DOMAINS, LOGIC, MATHS, OTHER, TOOLS, Problem
from processors.attempts.read_answer import Judged, as_verifier, has_pattern, has_reference, read_answer, read_pattern, reference
from processors.attempts.read_calls import has_calls, read_calls
from processors.attempts.read_choice import has_choices, has_listed_choice, read_choice, read_listed_choice
from processors.attempts.read_columns import (
    BAD_REFERENCE,
    CALLS,
    CHOICE,
    EXACT,
    ID_COLUMNS,
    JUDGE,
    LEVEL_COLUMNS,
    NO_PROBLEM,
    NO_REFERENCE,
    NONE,
    PROBLEM_COLUMNS,
    REGEX,
    SEVERAL_TURNS,
    SOURCE_COLUMNS,
    SYSTEM_COLUMNS,
    TOO_LONG,
    TOPIC_COLUMNS,
    Fields,
    asked_in_chat,
    check_columns,
    list_column,
    named_fields,
    plain,
    problem_text,
)
from processors.attempts.read_samples import Where, bounded, read_attempts
from processors.attempts.read_tests import BAD_TESTS, has_tests, read_tests
from processors.dialogue import text_field
from processors.tools.bfcl import BAD_QUESTION, NO_ACCEPTED_ANSWER
from processors.tools.schema import BAD_TOOL_SCHEMA, NO_TOOLS
from schemas.identity import canonical_json
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row

TOO_MANY_SAMPLES = Reason("too_many_samples", "The row holds more attempts than are read of one problem")
AUTO = "auto"
FILE_ENDINGS = (".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".csv", ".tsv", ".tar", ".gz", ".zst")
VERIFIERS = (MATHS, CHOICE, EXACT, REGEX, CODE, CALLS, JUDGE, NONE)


@dataclass(frozen=True, slots=True)
class Form:
    """How answers of some rows are judged: whether a row is of this form, and what it says; `verifier` is empty where the answer decides."""

    verifier: str
    fits: Callable[[Fields], bool]
    read: Callable[[Fields, str], Judged]


FORMS = (
    Form(CALLS, has_calls, read_calls),
    Form(CODE, has_tests, read_tests),
    Form(CHOICE, has_choices, read_choice),
    Form(REGEX, has_pattern, read_pattern),
    Form("", has_reference, read_answer),
)
DOMAIN_OF = {MATHS: MATHS, CODE: CODE, CALLS: TOOLS}
_MATHS_WORDS = r"\bmath|_math|algebra|geometry|number.theory|probabilit|calculus|arithmetic|combinatoric|trigonomet|gsm8k|\baime|aqua"
DOMAIN_WORDS = (
    (LOGIC, re.compile(r"logic|puzzle|deducti|riddle|zebra|sudoku|syllogis", re.I)),
    (MATHS, re.compile(_MATHS_WORDS, re.I)),
    (CODE, re.compile(r"\bcod(?:e|ing)\b|programming|algorithm|\bpython\b", re.I)),
    (TOOLS, re.compile(r"function.call|tool.(?:use|call)", re.I)),
)


@dataclass(frozen=True, slots=True)
class ProblemTask:
    """A row becomes the same row with the fields `problem` and `attempts`; `columns` ("name=column") names columns that are called otherwise.

    `verifier` and `domain` are found by what the row holds where they are auto. `with_reference_solution` makes attempts of the source's own
    worked solutions (sampler `reference`): they are verified like any other. `sampler` names who wrote samples of which the row does not say
    it. `keep_unjudged` keeps problems without anything to judge answers by, with the verifier none.
    """

    verifier: str = AUTO
    domain: str = AUTO
    columns: tuple[str, ...] = ()
    sampler: str = ""
    with_reference_solution: bool = True
    keep_unjudged: bool = False
    max_samples: int = 1_024
    max_problem_chars: int = 100_000
    max_reference_chars: int = 200_000
    max_attempt_chars: int = 400_000
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = ()
    reasons: ClassVar = (
        *(NO_PROBLEM, SEVERAL_TURNS, NO_REFERENCE, BAD_REFERENCE, BAD_TESTS, TOO_MANY_SAMPLES, TOO_LONG),
        *(NO_ACCEPTED_ANSWER, BAD_QUESTION, NO_TOOLS, BAD_TOOL_SCHEMA),
    )
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.verifier not in (AUTO, *VERIFIERS):
            raise ValueError(f"verifier is {self.verifier!r}, expected {AUTO} or one of {', '.join(VERIFIERS)}")
        if self.domain not in (AUTO, *DOMAINS):
            raise ValueError(f"domain is {self.domain!r}, expected {AUTO} or one of {', '.join(DOMAINS)}")
        check_columns(self.columns)

    def __call__(self, row: Row) -> Row | Reject:
        try:
            return self._read(row)
        except Refused as refused:
            return refused.reject(row.key)

    def _read(self, row: Row) -> Row:
        fields = named_fields(row.fields, self.columns)
        system, text = text_field(fields, *SYSTEM_COLUMNS), problem_text(fields)
        answers: list[Mapping[str, Any]] = []
        chat = list_column(fields)
        if not text and chat is not None:
            told, text, answers = asked_in_chat(chat)
            system = told or system
        judged = self._judged(fields, text)
        problem = Problem(
            judged.text or text,
            judged.verifier,
            _canonical(judged.judged_by),
            self.domain if self.domain != AUTO else domain_of(judged.verifier, fields),
            judged.system or system,
            plain(fields, ID_COLUMNS),
            plain(fields, TOPIC_COLUMNS),
            plain(fields, LEVEL_COLUMNS),
        )
        self._check(problem)
        found = read_attempts(fields, judged, answers, self.with_reference_solution, Where(self.sampler, file_name(row.origin.source)))
        attempts = tuple(bounded(attempt, self.max_attempt_chars) for attempt in found)
        if len(attempts) > self.max_samples:
            raise Refused(TOO_MANY_SAMPLES, f"{len(attempts)} attempts, expected {self.max_samples} or fewer")
        return replace(row, fields={**row.fields, "problem": problem, "attempts": attempts})

    def _judged(self, fields: Fields, text: str) -> Judged:
        if self.verifier == NONE:
            return Judged(NONE, {})
        wanted = [form for form in FORMS if self.verifier in (AUTO, form.verifier) or not form.verifier]
        form = next((form for form in wanted if form.fits(fields)), None)
        try:
            if form is None and not text:
                raise Refused(NO_PROBLEM, f"expected a text in one of {', '.join(PROBLEM_COLUMNS[:8])}, ...; the row has {_names(fields)}")
            if form is None:
                raise Refused(NO_REFERENCE, f"no answer, choices, tests or calls to judge by; the row has {_names(fields)}")
            if form.verifier:
                return form.read(fields, text)
            return self._answered(fields, text)
        except Refused as refused:
            if refused.reason == NO_REFERENCE and self.keep_unjudged:
                return Judged(NONE, {})
            raise

    def _answered(self, fields: Fields, text: str) -> Judged:
        if self.verifier in (AUTO, CHOICE) and has_listed_choice(fields, text):
            return read_listed_choice(fields, text)
        if self.verifier in (CHOICE, REGEX, CODE, CALLS):
            raise Refused(NO_REFERENCE, f"the row has an answer, and nothing for the verifier {self.verifier}")
        if self.verifier == AUTO:
            return read_answer(fields, text)
        answers, solution, used = reference(fields)
        return Judged(self.verifier, as_verifier(self.verifier, answers), solutions=(solution,) if solution else (), used=used)

    def _check(self, problem: Problem) -> None:
        if not problem.text.strip():
            raise Refused(NO_PROBLEM, f"expected a text in one of {', '.join(PROBLEM_COLUMNS[:8])}, ...")
        for name, text, most in (
            ("the problem", problem.system + problem.text, self.max_problem_chars),
            ("what it is judged by", problem.judged_by, self.max_reference_chars),
        ):
            if len(text) > most:
                raise Refused(TOO_LONG, f"{name} has {len(text):,} characters, expected {most:,} or fewer")


def _canonical(judged_by: Mapping[str, Any]) -> str:
    try:
        return canonical_json(judged_by)
    except ValueError as error:
        raise Refused(BAD_REFERENCE, f"what answers are judged by holds a number that is not finite ({error})") from error


def _names(fields: Fields) -> str:
    return ", ".join(sorted(fields))[:200] or "no column"


def file_name(source: str) -> str:
    """The name of a file without its folder, its endings and its number among the files of a set."""
    name = source.rsplit("/", 1)[-1]
    while name.lower().endswith(FILE_ENDINGS):
        name = name.rpartition(".")[0]
    return re.sub(r"[-_.]?\d{3,}(?:-of-\d{3,})?$", "", name) or name


def domain_of(verifier: str, fields: Fields) -> str:
    """By the verifier where that says it; by what the row says of its kind; choices and short answers are otherwise taken for logic."""
    if verifier in DOMAIN_OF:
        return DOMAIN_OF[verifier]
    told = " ".join(filter(None, (plain(fields, (name,)) for name in (*TOPIC_COLUMNS, *SOURCE_COLUMNS))))
    found = next((domain for domain, words in DOMAIN_WORDS if words.search(told)), "")
    return found or (LOGIC if verifier in (CHOICE, EXACT) else OTHER)
