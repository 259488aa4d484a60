"""A corpus's parameters with their defaults, read from the text of its function: importing all functions takes seconds."""

from __future__ import annotations

import ast
import functools
import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipelines.corpora import CORPORA


class Untold(ValueError):
    """A default that its text does not tell."""


def parameters(corpus: str) -> dict[str, Any]:
    """The parameters that a build file may give, with their defaults; a group of parameters (a dataclass) is named field by field.

    As `pipelines.buildfile.parameters_of` has them of the imported function, which is asked where the text does not tell.
    """
    try:
        return told_parameters(corpus)
    except Untold:
        from pipelines.buildfile import parameters_of

        return {name: default for name, (_, default) in parameters_of(corpus).items()}


def told_parameters(corpus: str) -> dict[str, Any]:
    """The parameters with their defaults, from the text alone. Raises Untold."""
    module, name = CORPORA[corpus].place
    function = _function(module, name)
    found: dict[str, Any] = {}
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        hint = argument.annotation
        group = _class_named(module, hint.id) if isinstance(hint, ast.Name) else None
        if group is None:
            found[argument.arg] = _value(module, default)
        elif isinstance(default, ast.Call):
            found |= _fields(*group) | {word.arg: _value(module, word.value) for word in default.keywords if word.arg}
        else:
            _untold(module, default)
    return found


def about(corpus: str) -> str:
    """The docstring of a corpus's function."""
    return ast.get_docstring(_function(*CORPORA[corpus].place)) or ""


def _function(module: str, name: str) -> ast.FunctionDef:
    return next(node for node in _tree(module).body if isinstance(node, ast.FunctionDef) and node.name == name)


@functools.cache
def _tree(module: str) -> ast.Module:
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    return ast.parse(Path(spec.origin).read_text())


def _defined(module: str, name: str) -> tuple[str, ast.stmt] | None:
    """The module and the statement that give a name its meaning there; followed through imports."""
    for node in _tree(module).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return module, node
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return module, node
        if any(isinstance(target, ast.Tuple) and name in {getattr(item, "id", "") for item in target.elts} for target in targets):
            return module, node
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("pipelines", "processors", "schemas"):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _defined(node.module, alias.name)
    return None


def _class_named(module: str, name: str) -> tuple[str, ast.ClassDef] | None:
    found = _defined(module, name)
    return (found[0], found[1]) if found is not None and isinstance(found[1], ast.ClassDef) else None


def _fields(module: str, group: ast.ClassDef) -> dict[str, Any]:
    return {name: _value(module, value) for name, value in _field_texts(group).items()}


def _field_texts(group: ast.ClassDef) -> dict[str, ast.expr | None]:
    """The fields of a dataclass with the text of their defaults."""
    fields = [node for node in group.body if isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.unparse(node.annotation)]
    return {node.target.id: node.value for node in fields if isinstance(node.target, ast.Name)}


def _value(module: str, node: ast.expr | None) -> Any:
    """The value of a default: of literals, of names that stand for such, and of the few forms in which they are put together."""
    match node:
        case ast.Name(id=name) if (found := _defined(module, name)) is not None:
            try:
                return _assigned(found[0], found[1], name)
            except Untold:  # made by a computation: the one module that makes it is imported
                return getattr(importlib.import_module(found[0]), name)
        case ast.Attribute(value=ast.Call(func=ast.Name(id=name), args=[], keywords=[]), attr=field):  # Group().field
            group = _class_named(module, name)
            return _value(group[0], _field_texts(group[1])[field]) if group is not None else _untold(module, node)
        case ast.Tuple(elts=items):
            parts = [_value(module, item.value) if isinstance(item, ast.Starred) else (_value(module, item),) for item in items]
            return tuple(item for part in parts for item in part)
        case ast.Subscript(value=whole, slice=ast.Slice(lower=lower, upper=None, step=None)) if lower is not None:
            return _value(module, whole)[_value(module, lower) :]
        case ast.Call(func=ast.Attribute(value=text, attr="split"), args=[], keywords=[]):
            return _value(module, text).split()
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _value(module, left) * _value(module, right)
        case ast.BinOp(left=left, op=ast.LShift(), right=right):
            return _value(module, left) << _value(module, right)
    try:
        return ast.literal_eval(node) if node is not None else _untold(module, node)
    except ValueError:
        return _untold(module, node)


def _untold(module: str, node: ast.expr | None) -> Any:
    raise Untold(f"{module}: the default {ast.unparse(node) if node is not None else 'of a parameter'} cannot be told from its text")


def _assigned(module: str, node: ast.stmt, name: str) -> Any:
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    value = getattr(node, "value", None)
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return next(_value(module, one) for item, one in zip(target.elts, value.elts, strict=True) if getattr(item, "id", "") == name)
    return _value(module, value)
