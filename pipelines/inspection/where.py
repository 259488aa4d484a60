"""A condition on rows as a small language: `audio.snr_db > 20 and language == 'de'`.

It has comparisons (chains too), `and`, `or`, `not`, `in`, numbers, texts, `True`, `False`, `None`, and names of columns. Python's parser
reads it; nothing of it is ever evaluated as Python. It runs on whole columns. A comparison with what was not measured is
neither true nor false, as in SQL, and such a row is not kept; `is None` asks for it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.inspection.columns import ColumnError, Columns

MAX_CHARS, MAX_NESTED = 4_000, 50
Truth = Callable[[pa.RecordBatch], Any]  # a boolean array; null where it is neither true nor false
_COMPARE = {
    ast.Eq: pc.equal, ast.NotEq: pc.not_equal, ast.Lt: pc.less, ast.LtE: pc.less_equal, ast.Gt: pc.greater, ast.GtE: pc.greater_equal
}  # fmt: skip
_KIND = {int: "a number", float: "a number", str: "text", bool: "true or false"}
_GRAMMAR = "expected comparisons of facts with numbers or texts, joined by and, or, not, such as \"audio.snr_db > 20 and language == 'de'\""


@dataclass(frozen=True, slots=True)
class Condition:
    """`names` are the columns that it reads; called with a batch that has them, it gives a boolean array, null where it cannot tell."""

    text: str
    names: frozenset[str]
    truth: Truth

    def __call__(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        return self.truth(batch)


@dataclass(frozen=True, slots=True)
class _Operand:
    """A column (its `name`) or a constant, with the type of its values; `kind` is None for None."""

    value: Any
    kind: type | None
    name: str | None = None

    def of(self, batch: pa.RecordBatch) -> Any:
        return batch.column(self.name) if self.name is not None else self.value

    @property
    def said(self) -> str:
        return self.name if self.name is not None else repr(self.value)


def parse(text: str, columns: Columns) -> Condition:
    """Reads a condition. Raises ColumnError: what cannot be read, an unknown fact, values that cannot be compared."""
    if len(text) > MAX_CHARS:
        raise ColumnError(f"a condition has {len(text)} characters, at most {MAX_CHARS} are read")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        names: set[str] = set()
        truth = _Reader(columns, names).truth(tree.body)
        return Condition(text, frozenset(names), truth)
    except ColumnError:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ColumnError(f"condition {text!r} cannot be read ({getattr(error, 'msg', None) or error}); {_GRAMMAR}") from error


class _Reader:
    """Turns nodes of the parsed text into functions of a batch; gathers the names of columns."""

    def __init__(self, columns: Columns, names: set[str]) -> None:
        self.columns = columns
        self.names = names

    def truth(self, node: ast.expr, depth: int = 0) -> Truth:
        if depth > MAX_NESTED:
            raise ColumnError(f"a condition is nested more than {MAX_NESTED} deep")
        if isinstance(node, ast.BoolOp):
            parts = [self.truth(value, depth + 1) for value in node.values]
            return _joined(parts, pc.and_kleene if isinstance(node.op, ast.And) else pc.or_kleene)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.truth(node.operand, depth + 1)
            return lambda batch: pc.invert(inner(batch))
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        if isinstance(node, ast.Name | ast.Attribute):
            operand = self.operand(node)
            if operand.kind is not bool:
                raise ColumnError(f"{operand.said} is {_KIND[operand.kind or str]}, not true or false; compare it with a value")
            return operand.of
        raise ColumnError(f"{ast.unparse(node)!r} is no condition; {_GRAMMAR}")

    def comparison(self, node: ast.Compare) -> Truth:
        sides = [node.left, *node.comparators]
        parts = [self.pair(left, op, right) for left, op, right in zip(sides, node.ops, sides[1:], strict=False)]
        return _joined(parts, pc.and_kleene)

    def pair(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Truth:
        if isinstance(op, ast.In | ast.NotIn):
            inner = self.membership(left, right)
            return inner if isinstance(op, ast.In) else lambda batch: pc.invert(inner(batch))
        one, other = self.operand(left), self.operand(right)
        if one.name is None and other.name is None:
            raise ColumnError(f"{one.said} and {other.said} are compared, and neither is a fact")
        if one.kind is None or other.kind is None:
            return _nothing(one if other.kind is None else other, op)
        if isinstance(op, ast.Is | ast.IsNot):
            raise ColumnError(f"`is` asks whether a fact was measured, as in `{one.said} is None`; to compare values write == or !=")
        _need_alike(one, other)
        if one.kind is bool and not isinstance(op, ast.Eq | ast.NotEq):
            raise ColumnError(f"{one.said} and {other.said} are true or false; compare them with == or !=")
        compare = _COMPARE[type(op)]
        return lambda batch: compare(one.of(batch), other.of(batch))

    def membership(self, left: ast.expr, right: ast.expr) -> Truth:
        one = self.operand(left)
        if isinstance(right, ast.Tuple | ast.List | ast.Set):
            values = [self.operand(item) for item in right.elts]
            if one.name is None or any(value.name is not None or value.kind is None for value in values):
                raise ColumnError(f"{ast.unparse(right)!r} after `in`: expected numbers or texts, and a fact before it")
            for value in values:
                _need_alike(one, value)
            return _one_of(one.name, [value.value for value in values])
        whole = self.operand(right)
        if whole.kind is not str or one.kind is not str:
            raise ColumnError(f"`{one.said} in {whole.said}`: expected a list of values, or a text looked for in a fact that is text")
        if whole.name is None or one.name is not None:
            raise ColumnError(f"`{one.said} in {whole.said}`: a constant text is looked for in a fact, as in `'um' in speech.heard_text`")
        return lambda batch: pc.match_substring(batch.column(whole.name), one.value)

    def operand(self, node: ast.expr) -> _Operand:
        if isinstance(node, ast.Constant) and (node.value is None or type(node.value) in _KIND):
            return _Operand(_fitting(node.value), None if node.value is None else type(node.value))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner = self.operand(node.operand)
            if inner.name is None and inner.kind in (int, float):
                return _Operand(-inner.value if isinstance(node.op, ast.USub) else inner.value, inner.kind)
        if isinstance(node, ast.Name | ast.Attribute):
            name = self.columns.named(_dotted(node))
            self.names.add(name)
            return _Operand(None, self.columns.types[name], name)
        raise ColumnError(f"{ast.unparse(node)!r} is neither a fact nor a number or text; {_GRAMMAR}")


def _joined(parts: list[Truth], join: Callable[[Any, Any], Any]) -> Truth:
    def run(batch: pa.RecordBatch) -> Any:
        found = parts[0](batch)
        for part in parts[1:]:
            found = join(found, part(batch))
        return found

    return run


def _nothing(operand: _Operand, op: ast.cmpop) -> Truth:
    if isinstance(op, ast.Is | ast.Eq):
        return lambda batch: pc.is_null(operand.of(batch))
    if isinstance(op, ast.IsNot | ast.NotEq):
        return lambda batch: pc.is_valid(operand.of(batch))
    raise ColumnError(f"{operand.said} is compared with None, which has no order; write `is None` or `is not None`")


def _one_of(name: str, values: list[Any]) -> Truth:
    def run(batch: pa.RecordBatch) -> Any:
        column = batch.column(name)
        if any(isinstance(value, float) for value in values) and not pa.types.is_floating(column.type):
            column = pc.cast(column, pa.float64(), safe=False)
        among = pa.array(values, column.type)
        return pc.if_else(pc.is_valid(column), pc.is_in(column, value_set=among), pa.scalar(None, pa.bool_()))

    return run


def _need_alike(one: _Operand, other: _Operand) -> None:
    if _KIND[one.kind or str] != _KIND[other.kind or str]:
        column, value = (one, other) if one.name is not None else (other, one)
        raise ColumnError(f"{column.said} is {_KIND[column.kind or str]}, and is compared with {value.said}, {_KIND[value.kind or str]}")


def _fitting(value: Any) -> Any:
    """A number that an Arrow column can be compared with: whole ones beyond 64 bits as floating point."""
    return float(value) if type(value) is int and not -(2**63) <= value < 2**63 else value


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    raise ColumnError(f"{ast.unparse(node)!r} is no name of a fact; {_GRAMMAR}")
