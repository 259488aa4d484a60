"""Where a file is cut: holes at any character, at whole lines, and at nodes of the syntax tree; and the window around a hole.

Places are characters of the text. A hole never parts what a reader sees as one character (a letter and its accents, the parts of an
emoji, a carriage return and its line feed), so that each side alone is text.

Source: cuts at two characters chosen evenly, and at lines, are those of Bavarian et al. 2022 (arXiv 2207.14255, section 3 and
appendix B); cuts at syntax nodes are our addition.
"""

from __future__ import annotations

import bisect
import functools
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from processors.code.parse import syntax_tree
from processors.once import once

CHARACTER, LINE, NODE, NEXT = "character", "line", "node", "next"
BODY, BLOCK, STATEMENT, EXPRESSION, ARGUMENTS, DEFINITION = "function_body", "block", "statement", "expression", "arguments", "definition"
NODE_WEIGHTS = ((BODY, 0.25), (BLOCK, 0.15), (STATEMENT, 0.25), (EXPRESSION, 0.2), (ARGUMENTS, 0.15))
NEXT_WEIGHTS = ((BODY, 0.6), (BLOCK, 0.2), (DEFINITION, 0.2))
MAX_CLIMB = 48  # levels above a place that are looked at: a parent costs a walk from the root
_LINE_END = re.compile(r"\r\n|\n|\r")
_BLANK_REST = re.compile(r"[ \t\f]*(?:\r\n|\n|\r)")
_FUNCTION = re.compile(r"function|method|constructor|destructor|lambda|closure|arrow|func_literal|accessor|singleton_method|local_function")
_ARGUMENTS = frozenset(("arguments", "argument_list", "parameters", "formal_parameters", "parameter_list", "method_parameters"))
_EXPRESSIONS = frozenset(
    [
        "call",
        "binary_operator",
        "boolean_operator",
        "comparison_operator",
        "not_operator",
        "unary_operator",
        "list",
        "dictionary",
        "tuple",
        "set",
        "list_comprehension",
        "dictionary_comprehension",
        "set_comprehension",
        "generator_expression",
        "lambda",
        "subscript",
        "attribute",
        "concatenated_string",
        "array",
        "object",
        "hash",
        "composite_literal",
        "initializer_list",
        "struct_expression",
        "template_string",
        "binary",
        "conditional",
        "method_call",
        "lambda_literal",
    ]
)
_DEFINITION = ("_definition", "_declaration", "_item", "method", "singleton_method")


@dataclass(frozen=True, slots=True)
class Hole:
    """`text[start:stop]` is missing; `cut` says how the place was found, `node` what is missing there."""

    start: int
    stop: int
    cut: str
    node: str = ""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bounds of what is missing, in characters; the lower one counts those that are no white space."""

    min_middle_chars: int = 8
    max_middle_chars: int = 4_000
    max_lines: int = 30


# ---- places


def is_boundary(text: str, at: int) -> bool:
    """Whether a text may be cut before character `at` without parting what is seen as one character."""
    if not 0 < at < len(text):
        return True
    before, after = text[at - 1], text[at]
    if after < "\u0300":
        return not (before == "\r" and after == "\n") and before != "\u200d"
    if before == "\u200d" or after == "\u200d" or unicodedata.category(after)[0] == "M":  # zero-width joiner, combining marks
        return False
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":  # skin tones, tags of flags
        return False
    if _is_regional(after):  # two letters make a flag
        run = at
        while run > 0 and _is_regional(text[run - 1]):
            run -= 1
        return (at - run) % 2 == 0
    return not _joins_hangul(before, after)


def _is_regional(letter: str) -> bool:
    return "\U0001f1e6" <= letter <= "\U0001f1ff"


def _joins_hangul(before: str, after: str) -> bool:
    return "\u1100" <= before <= "\u11ff" and "\u1160" <= after <= "\u11ff"


def next_boundary(text: str, at: int) -> int:
    """The first place at or after `at` where the text may be cut."""
    while not is_boundary(text, at):
        at += 1
    return at


@once
def line_starts(text: str) -> list[int]:
    """Where each line begins; a last line without an end counts, an empty one after the last end does not."""
    starts = [0, *(found.end() for found in _LINE_END.finditer(text))]
    return starts[:-1] if len(starts) > 1 and starts[-1] == len(text) else starts


@once
def char_places(text: str) -> np.ndarray | None:
    """The byte of `text.encode()` at which each character begins, and the end; None where these are the same numbers."""
    if text.isascii():
        return None
    data = np.frombuffer(text.encode(), np.uint8)
    return np.append(np.flatnonzero((data & 0xC0) != 0x80), len(data))


def _char_of(places: np.ndarray | None, byte: int) -> int:
    """The character that begins at a byte, -1 where none does."""
    if places is None:
        return byte
    at = int(np.searchsorted(places, byte))
    return at if at < len(places) and places[at] == byte else -1


# ---- holes


def character_hole(text: str, rng: np.random.Generator, sizes: Sizes) -> Hole | None:
    """Between two places chosen evenly; when they are too far apart, a length up to the bound is chosen instead of the second."""
    start, stop = sorted(int(place) for place in rng.integers(0, len(text) + 1, 2))
    if stop - start > sizes.max_middle_chars:
        stop = start + int(rng.integers(1, sizes.max_middle_chars + 1))
    return Hole(next_boundary(text, start), next_boundary(text, stop), CHARACTER)


def line_hole(text: str, rng: np.random.Generator, sizes: Sizes) -> Hole | None:
    """Some whole lines, without the end of the last one; in half of the cases the first line's indentation stays."""
    starts = line_starts(text)
    first = int(rng.integers(len(starts)))
    count = int(rng.integers(1, min(sizes.max_lines, len(starts) - first) + 1))
    stop = starts[first + count] if first + count < len(starts) else len(text)
    start = starts[first]
    if rng.random() < 0.5:
        line = text[start:stop]
        start += len(line) - len(line.lstrip(" \t"))
    body = text[start:stop]
    return Hole(start, start + len(body.rstrip("\r\n")), LINE)


def draw(point: float, weights: Sequence[tuple[str, float]]) -> str:
    """The name on which a point in [0, 1) falls, when names take room by their weights."""
    point *= sum(weight for _, weight in weights)
    for name, weight in weights:
        point -= weight
        if point < 0:
            return name
    return weights[-1][0]


@functools.lru_cache(maxsize=65_536)
def node_class(kind: str, parent: str) -> str:
    """What a node is, told from its type and its parent's: the grammars name alike what is alike."""
    if kind.endswith(("block", "_body")) or kind in ("compound_statement", "body_statement", "declaration_list", "field_declaration_list"):
        return BODY if _FUNCTION.search(parent) else BLOCK
    if kind in _ARGUMENTS:
        return ARGUMENTS
    if kind.endswith(("_statement", "_declaration", "_definition", "_item", "_clause")) or kind in (
        "assignment",
        "method",
        "singleton_method",
    ):
        return STATEMENT
    return EXPRESSION if kind.endswith("_expression") or kind in _EXPRESSIONS else ""


def _candidates(text: str, language: str, rng: np.random.Generator, sizes: Sizes) -> list[tuple[str, str, Any, str]]:
    """(class, type, node, parent's type) of the nodes of a right size over a place chosen evenly, from the inside out.

    A place lies in a node as often as the node is large: sizes weigh.
    """
    tree = syntax_tree(text, language)
    if tree is None:
        return []
    root = tree.root_node
    if root.end_byte <= root.start_byte:
        return []
    at = int(rng.integers(root.start_byte, root.end_byte))
    node = root.named_descendant_for_byte_range(at, at + 1)
    found = []
    for _ in range(MAX_CLIMB):
        parent = node.parent if node is not None else None
        if node is None or parent is None:
            break
        size = node.end_byte - node.start_byte
        if size > 4 * sizes.max_middle_chars:
            break
        if size >= sizes.min_middle_chars and not node.has_error:
            kind = node_class(node.type, parent.type)
            if kind:
                found.append((kind, node.type, node, parent.type))
        node = parent
    return found


def node_hole(text: str, language: str, rng: np.random.Generator, sizes: Sizes) -> Hole | None:
    """A node of the syntax tree: its class is drawn, then it is chosen among those over a place."""
    wanted = draw(float(rng.random()), NODE_WEIGHTS)
    found = [item for item in _candidates(text, language, rng, sizes) if item[0] == wanted]
    if not found:
        return None
    _, kind, node, _ = found[int(rng.integers(len(found)))]
    places = char_places(text)
    start, stop = _char_of(places, node.start_byte), _char_of(places, node.end_byte)
    return Hole(start, stop, NODE, f"{wanted}:{kind}") if start >= 0 and stop >= 0 else None


def next_hole(text: str, language: str, rng: np.random.Generator, sizes: Sizes) -> Hole | None:
    """A body whose signature and documentation stand above it, a block below its head, or a whole definition."""
    wanted = draw(float(rng.random()), NEXT_WEIGHTS)
    found = [item for item in _candidates(text, language, rng, sizes) if _is_next(item, wanted)]
    if not found:
        return None
    _, kind, node, _ = found[int(rng.integers(len(found)))]
    places = char_places(text)
    begin = node.start_byte if wanted == DEFINITION else _after_head(node)
    start, stop = _char_of(places, begin), _char_of(places, node.end_byte)
    if start < 0 or stop < 0:
        return None
    if wanted == DEFINITION:  # with its indentation
        line = line_starts(text)[bisect.bisect_right(line_starts(text), start) - 1]
        start = line if not text[line:start].strip() else start
    else:
        blank = _BLANK_REST.match(text, start)
        start = blank.end() if blank and blank.end() < stop else start
    return Hole(start, len(text[:stop].rstrip()) if stop > start else stop, NEXT, f"{wanted}:{kind}")


def _is_next(item: tuple[str, str, Any, str], wanted: str) -> bool:
    kind, name, _, parent = item
    if wanted == DEFINITION:
        return kind == STATEMENT and name.endswith(_DEFINITION) and parent != "decorated_definition"
    return kind == wanted


def _after_head(node: Any) -> int:
    """The byte after an opening brace, after Python's documentation string, or after the colon before a Python block."""
    first = node.child(0) if node.child_count else None
    if first is not None and first.type in ("{", "do"):
        return first.end_byte
    if first is not None and first.type == "expression_statement" and first.child_count and first.child(0).type == "string":
        return first.end_byte
    before = node.prev_sibling
    while before is not None and before.type == "comment":
        before = before.prev_sibling
    return before.end_byte if before is not None else node.start_byte


FINDERS: dict[str, Callable[[str, str, np.random.Generator, Sizes], Hole | None]] = {
    CHARACTER: lambda text, _, rng, sizes: character_hole(text, rng, sizes),
    LINE: lambda text, _, rng, sizes: line_hole(text, rng, sizes),
    NODE: node_hole,
    NEXT: next_hole,
}


def is_usable(text: str, hole: Hole, sizes: Sizes) -> bool:
    """Whether enough is missing, not too much, and something is left around it to tell what it was."""
    length = hole.stop - hole.start
    if not 0 < length <= sizes.max_middle_chars or not (is_boundary(text, hole.start) and is_boundary(text, hole.stop)):
        return False
    solid = len("".join(text[hole.start : hole.stop].split()))
    rest = text[: hole.start] if hole.cut == NEXT else text[: hole.start] + text[hole.stop :]
    return solid >= sizes.min_middle_chars and bool(rest.strip("\ufeff \t\r\n\f\v"))


# ---- windows


def window_of(text: str, hole: Hole, max_chars: int) -> tuple[int, int]:
    """(start, stop) of what is shown of a file around a hole: all of it, or whole lines of about `max_chars` characters.

    The lines of the hole are always inside. Above and below get the same share of what is left; what one side does not need, the
    other gets. Below a hole of kind `next` nothing is shown.
    """
    end = hole.stop if hole.cut == NEXT else len(text)
    if end <= max_chars:
        return 0, end
    starts = line_starts(text)
    first = bisect.bisect_right(starts, hole.start) - 1
    last = bisect.bisect_left(starts, hole.stop)
    top = starts[first]
    bottom = end if hole.cut == NEXT or last >= len(starts) else starts[last]
    left = max(0, max_chars - (bottom - top))
    above = min(top, max(left // 2, left - (end - bottom)))
    below = min(end - bottom, left - above)
    start = starts[bisect.bisect_left(starts, top - above)]
    reach = bottom + below
    stop = end if reach >= end else max(bottom, starts[bisect.bisect_right(starts, reach) - 1])
    return min(start, top), stop
