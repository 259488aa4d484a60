"""Tests as they are run: their assertions counted; and what the code before the answer gives them."""

from __future__ import annotations

import ast
from typing import Any

# Names under which tests import the program from a file of its own.
MODULES = frozenset({"solution", "answer", "program", "candidate", "main", "submission", "your_module", "my_module", "__main__"})


class Counted(ast.NodeTransformer):
    """Tests whose assertions are counted and whose sides are noted; imports of the program from a file become names of the program."""

    def visit_Assert(self, node: ast.Assert) -> Any:
        self.generic_visit(node)
        if isinstance(node.test, ast.Compare) and len(node.test.ops) == 1:
            node.test.left = _call("__left__", node.test.left)
            node.test.comparators[0] = _call("__right__", node.test.comparators[0])
        line = ast.Constant(node.lineno)
        statements = [ast.Expr(_call("__begin__", line)), node, ast.Expr(_call("__passed__"))]
        return [ast.copy_location(statement, node) for statement in statements]

    def visit_Expr(self, node: ast.Expr) -> Any:
        """A call of a function that asserts, such as numpy's; those of unittest are counted as cases."""
        self.generic_visit(node)
        called = node.value.func if isinstance(node.value, ast.Call) else None
        is_own = isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "self"
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        if not name.startswith("assert") or is_own:
            return node
        statements = [ast.Expr(_call("__begin__", ast.Constant(node.lineno))), node, ast.Expr(_call("__passed__"))]
        return [ast.copy_location(statement, node) for statement in statements]

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "type" and len(node.args) == 1 and not node.keywords:
            node.func = ast.copy_location(ast.Name("__kind_of__", ast.Load()), node.func)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        if node.module not in MODULES and not node.level:
            return node
        kept = [alias for alias in node.names if alias.asname and alias.asname != alias.name]
        renamed: list[ast.stmt] = [
            ast.Assign([ast.Name(str(alias.asname), ast.Store())], ast.Name(alias.name, ast.Load())) for alias in kept
        ]
        return [ast.copy_location(statement, node) for statement in (renamed or [ast.Pass()])]


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


def helpers_of(setup: str, entry_point: str) -> tuple[ast.Module, bool]:
    """What the code before the answer defines beside what is asked for: it is the problem's, so the tests use it as it stands there.

    Classes are left out: their objects travel, so that both sides must have the same, the program's. Also gives whether they have methods.
    """
    for text in (setup, setup + "\n    pass\n", setup + "\n        pass\n"):
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        named = (ast.FunctionDef, ast.AsyncFunctionDef)
        kept = [
            node
            for node in tree.body
            if not isinstance(node, ast.ClassDef) and not (isinstance(node, named) and node.name == entry_point) and not _is_future(node)
        ]
        classes = [
            node for node in tree.body if isinstance(node, ast.ClassDef) and node.name != entry_point.partition(".")[0].partition("(")[0]
        ]
        methods = {part.name for node in classes for part in node.body if isinstance(part, named)}
        return ast.Module(kept, []), any(not name.startswith("__") for name in methods)
    raise ValueError("the code before the answer does not compile")


def imports_of(helpers: ast.Module) -> ast.Module:
    """Only the import statements of a module."""
    return ast.Module([node for node in helpers.body if isinstance(node, ast.Import | ast.ImportFrom)], [])


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
