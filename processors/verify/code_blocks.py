"""From a model's answer to the program in it, and from the program to the text that is run.

An answer is a program in fences, with prose around it; or bare code; or the rest of the function that the prompt began. What the
prompt gives before the answer (imports, helpers, the signature) is the problem's `setup`.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from functools import lru_cache

MAX_CHARS = 400_000
MAX_DEPTH = 200  # of brackets: a parser's own limit lies near it, and differs between versions
MAX_BLOCKS = 200
MAX_CUTS = 40
TAGS = frozenset({"", "python", "py", "python3", "py3", "{.python}", "{python}", "python-3"})
PYTHON = "python"
ALIASES = {  # how fences name languages beside the name itself
    "c": ("h",),
    "cpp": ("c++", "cc", "cxx"),
    "javascript": ("js", "node", "mjs"),
    "bash": ("sh", "shell", "zsh"),
    "sh": ("bash", "shell"),
    "ruby": ("rb",),
    "perl": ("pl",),
    "rust": ("rs",),
    "go": ("golang",),
}
FENCE = re.compile(r"^([ \t]{0,16})(`{3,}|~{3,})[ \t]*([^`\r\n]{0,80})$")
THOUGHT_START, THOUGHT_STOP = "<think>", "</think>"
PROSE = re.compile(r"^[ \t]{0,8}(?:[#*>\-]{1,6}[ \t]+|\d{1,3}[.)][ \t]+)?[\"'(*_`]{0,4}[A-Z][\w'’,]*(?:[ \t]+\S+){2}")
CODE_START = re.compile(r"^(?:(?:async[ \t]+def|def|class|import|from|if|for|while|with)[ \t]|try:|@\w|[A-Za-z_]\w{0,100}[ \t]{0,8}[=(])")


def program_in(text: str, entry_point: str = "", setup: str = "", language: str = PYTHON) -> str:
    """The program in an answer, "" where there is none; it may be only a function's body, where `setup` ends with its head.

    Of several fenced blocks it is the last that defines the entry point and compiles, after those that define what it lacks. Thoughts
    are searched only where there is no program outside of them. In another language than Python it is the last fenced block that says so,
    else the last that names no language.
    """
    if len(text) > MAX_CHARS:
        return ""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n")
    root = _root(entry_point)
    outside = _outside_thoughts(text)
    if language != PYTHON:
        names = frozenset({language, *ALIASES.get(language, ())})
        return next((blocks[-1] for tags in (names, frozenset({""})) if (blocks := _blocks(outside, tags))), "")
    return _find(outside, root, setup) or (_find(_inside_thoughts(text), root, setup) if outside != text else "")


def whole_program(setup: str, program: str, entry_point: str = "") -> str:
    """The text that is run: what stands before the answer, then the answer; the head that the answer repeats, or goes on with, once."""
    root = _root(entry_point)
    program = program.replace("\r\n", "\n").replace("\r", "\n")
    if not setup.strip():
        return program
    if root and root not in _defined(program):
        joined = _as_body(setup, program, root)
        if joined:
            return joined
    before = _without(setup, root)
    if "__future__" in program and (tree := _parsed(program)) is not None:
        futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
        if futures and before.strip():
            lines = program.split("\n")
            moved = [line for node in futures for line in lines[node.lineno - 1 : node.end_lineno]]
            for node in futures:
                for at in range(node.lineno - 1, node.end_lineno or node.lineno):
                    lines[at] = ""
            return "\n".join([*moved, before, *lines])
    return f"{before.rstrip()}\n\n{program}" if before.strip() else program


# ---- finding


def _root(entry_point: str) -> str:
    return re.split(r"[.(]", entry_point, maxsplit=1)[0].strip()


def _outside_thoughts(text: str) -> str:
    stop = text.rfind(THOUGHT_STOP)
    rest = text[stop + len(THOUGHT_STOP) :] if stop >= 0 else text
    start = rest.find(THOUGHT_START)
    return rest if start < 0 else rest[:start]


def _inside_thoughts(text: str) -> str:
    return text.replace(THOUGHT_START, "\n").replace(THOUGHT_STOP, "\n")


def _find(text: str, root: str, setup: str) -> str:
    if not text.strip():
        return ""
    if _is_program(text, root):
        return text.strip("\n")
    blocks = _blocks(text)
    if blocks:
        return _chosen(blocks, root, setup)
    return _bare(text, root, setup)


def _is_program(text: str, root: str) -> bool:
    tree = _parsed(text)
    if tree is None:
        return False
    if root:
        return root in _defined(text)
    kinds = (ast.Expr, ast.AnnAssign)  # a word, or a sentence of two, may parse as these
    return any(not isinstance(node, kinds) or isinstance(getattr(node, "value", None), ast.Call) for node in tree.body)


def _blocks(text: str, tags: frozenset[str] = TAGS) -> list[str]:
    """The fenced blocks with one of the tags, in order; one that is never closed goes to the end."""
    blocks: list[str] = []
    lines: list[str] = []
    fence, indent, is_wanted = "", "", False
    for line in text.split("\n"):
        found = FENCE.match(line) if "```" in line or "~~~" in line else None
        if not fence:
            if found:
                indent, fence, info = found.groups()
                tag = info.strip().lower().split(" ")[0].split(",")[0] if info.strip() else ""
                is_wanted, lines = tag in tags, []
        elif found and found[2][0] == fence[0] and len(found[2]) >= len(fence) and not found[3].strip():
            if is_wanted:
                blocks.append("\n".join(lines))
            fence = ""
        else:
            lines.append(line[len(indent) :] if line.startswith(indent) else line)
    if fence and is_wanted:
        blocks.append("\n".join(lines))
    return [block for block in blocks if block.strip() and not block.lstrip().startswith((">>>", "$ "))][:MAX_BLOCKS]


def _chosen(blocks: list[str], root: str, setup: str) -> str:
    blocks = [block if _parsed(block) is not None else _dedented(block) for block in blocks]
    defining = [at for at, block in enumerate(blocks) if root and root in _defined(block)]
    whole = [at for at in defining if _parsed(blocks[at]) is not None]
    if not defining:
        bodies = [block for block in blocks if root and _as_body(setup, block, root)]
        if bodies:
            return bodies[-1]
        parsed = [block for block in blocks if _parsed(block) is not None]
        return "\n\n".join(parsed) if parsed else blocks[-1]
    chosen = (whole or defining)[-1]
    lacking = _used(blocks[chosen]) - _defined(blocks[chosen])
    parts: list[str] = []
    for at, block in enumerate(blocks):
        if at == chosen:
            parts.append(block)
        elif at not in defining and _parsed(block) is not None and lacking & _defined(block):
            lacking -= _defined(block)
            parts.append(block)
    return "\n\n".join(parts)


def _dedented(block: str) -> str:
    """A block whose every line is indented, where that makes it a program by itself; else as it stands."""
    dedented = textwrap.dedent(block)
    return dedented if _defined(dedented) and _parsed(dedented) is not None else block


def _bare(text: str, root: str, setup: str) -> str:
    """Code without fences: the rest of the prompt's function, or lines of code with prose before or after."""
    if root and setup.strip():
        body = _cut(text, lambda part: bool(_as_body(setup, part, root)))
        if body:
            return body.strip("\n")
    lines = text.split("\n")
    start = next((at for at, line in enumerate(lines) if CODE_START.match(line) and not PROSE.match(line)), None)
    if start is None:
        return ""
    rest = "\n".join(lines[start:])
    found = _cut(rest, lambda part: _is_program(part, root))
    if found:
        return found.strip("\n")
    return rest.strip("\n") if root in _defined(rest) and root else ""


def _cut(text: str, is_whole: object) -> str:
    """The text up to a line of prose, where that makes it whole; "" where nothing does."""
    assert callable(is_whole)
    if is_whole(text):
        return text
    lines = text.split("\n")
    prose = [at for at, line in enumerate(lines) if at and PROSE.match(line) and not line.lstrip().startswith(("#", '"""', "'''"))]
    for at in prose[:MAX_CUTS]:
        part = "\n".join(lines[:at])
        if part.strip() and is_whole(part):
            return part
    return ""


# ---- joining


def _as_body(setup: str, program: str, root: str) -> str:
    """The setup, whose last function goes on with the program; "" where the two are not that."""
    head = setup if setup.endswith("\n") else setup + "\n"
    bodies = [program]
    tree = _parsed(program)
    if tree is None:
        bodies.append("    " + program.lstrip(" "))  # the first line has lost its indent
    elif any(isinstance(node, ast.Return) for node in _top_level(tree)):
        bodies.append(textwrap.indent(program, "    "))  # every line has
    for body in bodies:
        joined = _parsed(head + body)
        last = _definition(joined, root) if joined is not None else None
        if last is not None and (last.end_lineno or 0) > head.count("\n") and not _is_only_text(last):
            return head + body
    return ""


def _definition(tree: ast.Module, root: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == root]
    return found[-1] if found else None


def _is_only_text(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return all(isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) for statement in node.body)


def _without(setup: str, root: str) -> str:
    """The setup without the head of what is asked for, "" where it cannot be read even so."""
    for tail in ("", "\n    pass\n", "\n        pass\n"):
        tree = _parsed(setup + tail)
        if tree is None:
            continue
        lines = (setup + tail).split("\n")
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == root:
                first = min([node.lineno, *[decorator.lineno for decorator in node.decorator_list]])
                for at in range(first - 1, node.end_lineno or node.lineno):
                    lines[at] = ""
        return "\n".join(lines)
    return ""


# ---- reading


@lru_cache(maxsize=256)
def _parsed(source: str) -> ast.Module | None:
    if _depth(source) > MAX_DEPTH:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _depth(source: str) -> int:
    """How deep brackets and indentation go, at most; those in strings count too."""
    depth = deepest = 0
    for found in re.finditer(r"[\[\](){}]|^[ \t]{200,}|[-+~]{100,}|(?:not[ ]){50}", source, re.MULTILINE):
        mark = found[0]
        if len(mark) > 1:
            return MAX_DEPTH + 1
        depth = depth + 1 if mark in "[({" else max(depth - 1, 0)
        if depth > MAX_DEPTH:
            return depth
        deepest = max(deepest, depth)
    return deepest


def _defined(source: str) -> set[str]:
    """Names that a program defines at its top level; of one that does not parse, those of its functions and classes."""
    tree = _parsed(source)
    if tree is None:
        return set(re.findall(r"^(?:async[ \t]{1,8})?(?:def|class)[ \t]{1,8}(\w{1,200})", source, re.MULTILINE))
    names: set[str] = set()
    for node in _top_level(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return names


def _top_level(tree: ast.Module) -> list[ast.stmt]:
    """Statements of the module, and those within its conditions."""
    found: list[ast.stmt] = []
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        found.append(node)
        if isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
            for part in ("body", "orelse", "finalbody"):
                waiting.extend(getattr(node, part, []))
            waiting.extend(statement for handler in getattr(node, "handlers", []) for statement in handler.body)
    return found


def _used(source: str) -> set[str]:
    tree = _parsed(source)
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} if tree is not None else set()
