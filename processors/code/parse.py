"""Whether a file parses: the part of it that its grammar cannot read, by tree-sitter; Python also by Python's own parser."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

from processors.code.languages import LANGUAGE, parser
from processors.once import once
from schemas.facts import Fact, Limit
from schemas.outcome import Reason, Reject
from schemas.records import Document, with_facts

ERROR_RATIO = Fact("code.error_ratio", float, "Part of the file's bytes that its grammar cannot read, 0 to 1")
SYNTAX_ERROR = Fact(
    "code.syntax_error", str, "What Python's own parser finds wrong with a Python file, empty for others and when nothing is"
)
DOES_NOT_PARSE = Reason("does_not_parse", "The grammar of its language here cannot read the file, or too much of it")
PYTHON_FEATURES = (3, 11)  # the oldest Python this project runs on reads these: a newer one must not accept more
MAX_ERROR_NODES = 100_000
LEAST_STEPS, BYTES_PER_STEP = 2_000, 10  # a step is some 50 microseconds; code needs one for each 130 to 210 bytes
CHUNK_BYTES = 1 << 16


@once
def syntax_tree(text: str, language: str) -> Any:
    """The tree-sitter tree of a text; its places are bytes of `text.encode()`. None where the grammar does not come to an end.

    Ambiguous nonsense can cost a grammar any time: the work is bounded by a count of its steps, so that every machine stops alike.
    """
    data = text.encode("utf-8", "surrogatepass")
    left = [LEAST_STEPS + len(data) // BYTES_PER_STEP]

    def is_enough(at: int, has_error: bool) -> bool:
        left[0] -= 1
        return left[0] < 0

    reader = parser(language)
    try:
        return reader.parse(lambda at, _: data[at : at + CHUNK_BYTES], progress_callback=is_enough)
    except ValueError:  # the parser was stopped
        reader.reset()
        return None


def error_ratio(text: str, language: str) -> float:
    """The bytes in nodes that are errors, and at least one for each token that is missing, among all bytes; 1 where the grammar gives up."""
    tree = syntax_tree(text, language)
    if tree is None:
        return 1.0
    root = tree.root_node
    if not root.has_error:
        return 0.0
    wrong, waiting, seen = 0, [root], 0
    while waiting and seen < MAX_ERROR_NODES:
        node = waiting.pop()
        seen += 1
        if node.is_error:
            wrong += max(1, node.end_byte - node.start_byte)
        elif node.is_missing:
            wrong += 1
        elif node.has_error:
            waiting += node.children
    return min(1.0, wrong / max(1, root.end_byte - root.start_byte))


def python_error(text: str) -> str:
    """What Python's parser finds wrong; empty when nothing is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in strings warn, on the file's behalf
            ast.parse(text.removeprefix("\ufeff"), feature_version=PYTHON_FEATURES)
    except SyntaxError as error:
        return f"{error.msg} (line {error.lineno})"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


@dataclass(frozen=True, slots=True)
class MeasureParse:
    """Measures how much of a file its grammar cannot read."""

    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE,)
    writes: ClassVar = (ERROR_RATIO, SYNTAX_ERROR)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document:
        language = str(record.facts[LANGUAGE.name])
        problem = python_error(record.text) if language == "python" else ""
        return with_facts(record, {ERROR_RATIO.name: round(error_ratio(record.text, language), 6), SYNTAX_ERROR.name: problem})


@dataclass(frozen=True, slots=True)
class KeepParsed:
    """Keeps files of which at most `max_error_ratio` cannot be read; Python files must be whole.

    The preprocessor lets C and C++ be what no grammar can read without running it, so that a little is forgiven.
    """

    max_error_ratio: float = 0.02
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (ERROR_RATIO, SYNTAX_ERROR)
    writes: ClassVar = ()
    reasons: ClassVar = (DOES_NOT_PARSE,)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(ERROR_RATIO, DOES_NOT_PARSE.name, most=self.max_error_ratio, sole=False),)

    def __call__(self, record: Document) -> Document | Reject:
        ratio, problem = float(record.facts[ERROR_RATIO.name]), record.facts[SYNTAX_ERROR.name]
        if problem:
            return Reject(record.key, DOES_NOT_PARSE.name, str(problem))
        if ratio > self.max_error_ratio:
            return Reject(
                record.key, DOES_NOT_PARSE.name, f"{ratio:.3f} of the file cannot be read by its grammar, at most {self.max_error_ratio}"
            )
        return record
