"""A processor that refuses by comparing what it measures with a bound of its fields declares the bound."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

ROOT = Path(__file__).parents[2]
BOUND = ("min_", "max_")

# bounds on what is no fact, or not on one fact alone; what is refused for them says the value in its detail
UNDECLARED = {
    "DropBenchmarks": {"min_run", "min_words"},  # of each overlap, of which any number are looked at; what counts is a hit
    "KeepDocumentSummary": {"min_confidence"},  # of two languages that differ
    "KeepPages": {"min_images", "max_images"},  # counted where pages are cut; no fact before the images are decoded
    "KeepPlainRefusals": {"max_echo_ratio"},  # holds for prompts of enough telling words, whose number is no fact
    "KeepTranscriptLanguage": {"min_confidence"},  # only where the measured language is not the stated one
    "KeepTranslation": {"min_confidence"},  # as above
    "PairAttempts": {"max_uses"},  # of an attempt, over all pairs
    "ProblemTask": {"max_samples"},  # how many solutions a row may bring; they become records later
    "SplitTables": {"max_pieces"},  # how many records a table may become
    "SpeakDialogue": {"max_s"},  # of the part that must be heard, which is not the whole
    "SynthesisWriting": {"max_tokens_a_word"},  # by the words that were asked for
    "FitContext": {"min_frames"},  # of what thinning would leave
}


@functools.cache
def _classes() -> tuple[ast.ClassDef, ...]:
    files = [*sorted((ROOT / "processors").rglob("*.py")), *sorted((ROOT / "pipelines").glob("*.py"))]
    texts = [text for text in map(Path.read_text, files) if "reasons: ClassVar" in text or "def reasons" in text]
    return tuple(node for text in texts for node in ast.parse(text).body if isinstance(node, ast.ClassDef))


def _declared(node: ast.ClassDef) -> dict[str, str]:
    """Fields and class attributes with their values as written, and the names of methods and properties."""
    found = {item.name: "" for item in node.body if isinstance(item, ast.FunctionDef)}
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            found[item.target.id] = ast.unparse(item.value) if item.value else ""
    return found


def processors_with(attribute: str) -> dict[str, dict[str, str]]:
    """What processors declare that have an attribute, by class."""
    declared = {node.name: _declared(node) for node in _classes()}
    return {name: told for name, told in declared.items() if {attribute, "reasons", "writes", "takes"} <= told.keys()}


def _mentioned(node: ast.AST, starts: tuple[str, ...]) -> set[str]:
    return {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self" and each.attr.startswith(starts)
    }


def _methods(node: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}


def _compared(node: ast.ClassDef) -> set[str]:
    """The bounds of the fields that methods compare something with, or hand on to `bounds`' own check."""
    methods = [method for name, method in _methods(node).items() if name not in ("__post_init__", "bounds")]
    return {name for method in methods for each in ast.walk(method) if isinstance(each, ast.Compare) for name in _mentioned(each, BOUND)}


def _bounded(node: ast.ClassDef) -> set[str]:
    methods = _methods(node)
    found = _mentioned(methods["bounds"], BOUND) if "bounds" in methods else set()
    return found | (_mentioned(methods["_check"], BOUND) if "_check" in methods else set())


def _refusers() -> list[ast.ClassDef]:
    return [node for node in _classes() if _declared(node).get("reasons", "()") != "()"]


def test_every_bound_that_refuses_is_declared_or_is_on_the_list() -> None:
    refusers = _refusers()
    missing = {node.name: _compared(node) - _bounded(node) - UNDECLARED.get(node.name, set()) for node in refusers}
    assert {name: fields for name, fields in missing.items() if fields} == {}
    assert sum(1 for node in refusers if _bounded(node)) > 25


def test_every_bound_of_what_keeps_is_declared_or_is_on_the_list() -> None:
    """A processor named Keep does nothing else: all its bounds decide, compared in the class or in what it calls."""
    for node in _refusers():
        if node.name.startswith("Keep"):
            fields = {name for name in _declared(node) if name.startswith(BOUND)}
            assert fields <= _bounded(node) | UNDECLARED.get(node.name, set()), node.name


def test_no_exception_stands_on_the_list_in_vain() -> None:
    fields = {node.name: set(_declared(node)) for node in _classes()}
    bounded = {node.name: _bounded(node) for node in _classes()}
    for name, undeclared in UNDECLARED.items():
        assert undeclared <= fields[name], name
        assert not undeclared & bounded[name], name
