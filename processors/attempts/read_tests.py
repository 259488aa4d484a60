"""Programming problems: how rows spell the tests, the code before the answer and the language, as one of three forms.

check: a script with `check(candidate)` (HumanEval, MultiPL-E). asserts: statements, or test functions, that call the program (MBPP, and
function calls of APPS and LiveCodeBench). stdin: what is read and what has to be written (APPS, CodeContests).
"""

from __future__ import annotations

import ast
import builtins
import math
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processors.attempts.problem import CODE
from processors.attempts.read_answer import Judged
from processors.attempts.read_columns import NO_PROBLEM, PROBLEM_COLUMNS, TOO_LONG, Fields, as_json, is_text, shown
from processors.dialogue import text_field
from schemas.outcome import Reason, Refused

BAD_TESTS = Reason("bad_tests", "The tests of a programming problem cannot be read, or are in a form that is not run")

CHECK, ASSERTS, STDIN = "check", "asserts", "stdin"
PYTHON = "python"
LANGUAGES = {
    **dict.fromkeys(("python", "py", "python3", "python 3"), PYTHON),
    **{
        name: name
        for name in ("java", "go", "rust", "ruby", "php", "perl", "lua", "scala", "swift", "r", "julia", "haskell", "kotlin", "c")
    },
    **dict.fromkeys(("javascript", "js"), "javascript"),
    **dict.fromkeys(("typescript", "ts"), "typescript"),
    **dict.fromkeys(("c++", "cpp"), "cpp"),
    **dict.fromkeys(("c#", "cs", "csharp"), "csharp"),
    **dict.fromkeys(("bash", "sh", "shell"), "bash"),
    **{"rs": "rust", "rb": "ruby", "pl": "perl", "jl": "julia", "hs": "haskell", "golang": "go"},
}
LANGUAGE_COLUMNS = ("programming_language", "prog_lang", "language", "lang")
SCRIPT_COLUMNS = ("test", "tests", "test_code", "unit_tests", "unit_test", "test_script")
LIST_COLUMNS = ("test_list", "asserts", "tests", "test_cases", "unit_tests", "test")
CASE_COLUMNS = (
    "input_output",
    "test_cases",
    "tests",
    "public_test_cases",
    "private_test_cases",
    "public_tests",
    "private_tests",
    "generated_tests",
)
SETUP_COLUMNS = ("test_setup_code", "setup_code", "test_imports", "setup")
STARTER_COLUMNS = ("starter_code", "function_signature", "signature")
MAX_TEST_CHARS = 400_000  # of a script or of asserts: parsing takes some hundred times as many bytes
OWN_MODULES = ("solution", "solutions", "main", "answer", "submission", "your_module")  # from which test scripts import the program

_IDENTIFIER = re.compile(r"[A-Za-z_]\w{0,200}")


@dataclass(frozen=True, slots=True)
class _Tests:
    form: str
    tests: str = ""
    entry_point: str = ""
    cases: tuple[tuple[str, str], ...] = ()


def has_tests(fields: Fields) -> bool:
    return bool(_script_column(fields) or _assert_column(fields) or _case_columns(fields))


def _script_column(fields: Fields) -> str:
    return next(
        (name for name in SCRIPT_COLUMNS if is_text(fields.get(name)) and re.search(r"\bassert|def (?:check|test)", fields[name])), ""
    )


def _assert_column(fields: Fields) -> str:
    def is_list_of_asserts(told: Any) -> bool:
        return isinstance(told, list) and bool(told) and all(isinstance(one, str) and "assert" in one for one in told)

    return next((name for name in LIST_COLUMNS if is_list_of_asserts(as_json(fields.get(name)))), "")


def _case_columns(fields: Fields) -> list[str]:
    return [name for name in CASE_COLUMNS if _is_cases(as_json(fields.get(name)))]


def _is_cases(told: Any) -> bool:
    if isinstance(told, Mapping):
        return any(isinstance(told.get(name), list) and told[name] for name in ("inputs", "input"))
    return isinstance(told, list) and bool(told) and all(isinstance(one, Mapping) and "input" in one and "output" in one for one in told)


def read_tests(fields: Fields, text: str) -> Judged:
    """Raises: Refused with NO_PROBLEM, BAD_TESTS or TOO_LONG."""
    if not text:
        raise Refused(NO_PROBLEM, "there are tests, and no text of the problem")
    language = code_language(fields)
    begun = _is_code(text, language)
    starter = "" if begun else text_field_unstripped(fields, STARTER_COLUMNS)
    asserts, script = _assert_column(fields), _script_column(fields)
    if asserts:
        found = _from_asserts(as_json(fields[asserts]), language)
    elif script:
        found = _from_script(fields[script], language, fields, text)
    else:
        found = _from_cases(fields, starter)
    setup = _setup(fields, text if begun else "", starter)
    judged_by = {
        "language": language,
        "form": found.form,
        "tests": found.tests,
        "entry_point": found.entry_point,
        "setup": setup,
        "cases": [list(case) for case in found.cases],
    }
    used = frozenset({*LIST_COLUMNS, *CASE_COLUMNS, *SCRIPT_COLUMNS})
    return Judged(CODE, judged_by, text=_asked(text, starter, found, language), used=used)


def code_language(fields: Fields) -> str:
    """The programming language that the row states; Python where it states none."""
    return next(
        (
            LANGUAGES[fields[name].strip().lower()]
            for name in LANGUAGE_COLUMNS
            if is_text(fields.get(name)) and fields[name].strip().lower() in LANGUAGES
        ),
        PYTHON,
    )


def text_field_unstripped(fields: Fields, names: Iterable[str]) -> str:
    """As code has it, whose first white space means something."""
    return next((fields[name].strip("\r\n") for name in names if is_text(fields.get(name))), "")


# ---- Python


def parsed(code: str) -> ast.Module | None:
    """The module, None where the text is no Python. Raises: Refused with TOO_LONG."""
    if len(code) > MAX_TEST_CHARS:
        raise Refused(TOO_LONG, f"{len(code):,} characters of code, expected {MAX_TEST_CHARS:,} or fewer")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes in strings
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _is_code(text: str, language: str) -> bool:
    """Whether a prompt is the beginning of a program."""
    if language != PYTHON:
        return True
    if not re.search(r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]", text, re.M):
        return False
    return parsed(text + "\n") is not None or parsed(text + "\n    pass\n") is not None


def _definitions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _called(tree: ast.AST) -> list[str]:
    """Names of functions that are called, builtins aside, in the order of the text."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    calls.sort(key=lambda name: (name.lineno, name.col_offset))
    return [name.id for name in calls if not hasattr(builtins, name.id)]


# ---- the three forms


def _from_asserts(listed: Sequence[str], language: str) -> _Tests:
    tests = "\n".join(one.strip() for one in listed)
    if language != PYTHON:
        return _Tests(ASSERTS, tests)
    tree = parsed(tests)
    if tree is None:
        raise Refused(BAD_TESTS, f"the tests are no Python: {shown(tests)}")
    return _Tests(ASSERTS, tests, next(iter(_called(tree)), ""))


def _from_script(script: str, language: str, fields: Fields, text: str) -> _Tests:
    stated = text_field(fields, "entry_point", "fn_name", "func_name", "function_name")
    if language != PYTHON:
        return _Tests(ASSERTS, script.strip(), stated)
    tree = parsed(script)
    if tree is None:
        raise Refused(BAD_TESTS, f"the tests are no Python: {shown(script.strip())}")
    functions = _definitions(tree)
    check = functions.get("check")
    if check is not None and len(check.args.args) == 1:
        entry = stated or _checked(tree) or _last_definition(text)
        if not _IDENTIFIER.fullmatch(entry):
            raise Refused(BAD_TESTS, f"check(candidate) is given {shown(entry)}, expected the name of a function in entry_point")
        return _Tests(CHECK, script.strip("\r\n"), entry)
    return _Tests(
        ASSERTS, _called_tests(script, tree, functions), stated or next((name for name in _called(tree) if name not in functions), "")
    )


def _checked(tree: ast.Module) -> str:
    """What the script itself gives to check."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check" and len(node.args) == 1:
            return node.args[0].id if isinstance(node.args[0], ast.Name) else ""
    return ""


def _last_definition(text: str) -> str:
    tree = parsed(text + "\n    pass\n") or parsed(text + "\n")
    return next(reversed(_definitions(tree)), "") if tree else ""


def _called_tests(script: str, tree: ast.Module, functions: Mapping[str, ast.FunctionDef]) -> str:
    """The script with calls of the test functions that it leaves to a test runner, and without the import of the program that is tested.

    Raises: Refused with BAD_TESTS where it needs such a runner for more.
    """
    runner = next((node for node in tree.body if isinstance(node, ast.ClassDef)), None)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    if runner is not None or imported & {"pytest", "unittest"}:
        raise Refused(BAD_TESTS, "the tests need a test runner; expected check(candidate), assert statements or test functions")
    tests = [name for name in functions if name.startswith("test")]
    odd = next((name for name in tests if functions[name].args.args or functions[name].decorator_list), "")
    if odd:
        raise Refused(BAD_TESTS, f"the test function {odd[:60]} takes arguments, which only a test runner would give")
    if not any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
        raise Refused(BAD_TESTS, "the tests have no assert statement")
    own = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module in OWN_MODULES]
    lines = script.split("\n")
    for node in own:
        lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    called = set(_called(ast.Module([node for node in tree.body if isinstance(node, ast.Expr)], [])))
    calls = [f"{name}()" for name in tests if name not in called]
    return "\n".join(["\n".join(lines).strip("\r\n"), *([""] if calls else []), *calls])


def _from_cases(fields: Fields, starter: str) -> _Tests:
    pairs: list[tuple[Any, Any]] = []
    name, is_functional = text_field(fields, "fn_name", "func_name", "entry_point"), False
    metadata = as_json(fields.get("metadata"))
    if not name and isinstance(metadata, Mapping):
        name = str(metadata.get("func_name") or "")
    packed = next((column for column in CASE_COLUMNS if is_text(fields.get(column)) and isinstance(as_json(fields[column]), str)), "")
    if packed:
        raise Refused(
            BAD_TESTS, f"{packed} holds tests that are no JSON: {shown(fields[packed], 40)}; the others alone are too few to judge by"
        )
    for column in _case_columns(fields):
        told = as_json(fields[column])
        if isinstance(told, Mapping):
            inputs, outputs = (told.get(key, told.get(f"{key}s")) for key in ("input", "output"))
            if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
                raise Refused(
                    BAD_TESTS,
                    f"{column} has {shown(inputs, 40)} as inputs and {shown(outputs, 40)} as outputs, expected lists of one length",
                )
            pairs += zip(inputs, outputs, strict=True)
            name = name or str(told.get("fn_name") or "")
            is_functional = is_functional or bool(told.get("fn_name"))
        else:
            pairs += [(one["input"], one["output"]) for one in told]
            is_functional = is_functional or any(one.get("testtype") == "functional" for one in told)
    if not is_functional and not (name and any(isinstance(given, (list, Mapping)) and not _is_lines(given) for given, _ in pairs)):
        return _Tests(STDIN, cases=tuple((_stream(given), _stream(expected)) for given, expected in pairs))
    if not _IDENTIFIER.fullmatch(name):
        raise Refused(BAD_TESTS, f"the tests call {shown(name)}, expected the name of a function")
    is_method = re.search(r"^class Solution\b", starter, re.M) is not None
    callee = f"Solution().{name}" if is_method else name
    tests = "\n".join(_assertion(callee, given, expected) for given, expected in pairs)
    return _Tests(ASSERTS, tests, "Solution" if is_method else name)


def _is_lines(told: Any) -> bool:
    return isinstance(told, list) and all(isinstance(one, (str, int, float)) for one in told)


def _stream(told: Any) -> str:
    """What a program reads or writes: a text, or its lines."""
    if _is_lines(told):
        return "\n".join(str(one) for one in told)
    if isinstance(told, str) or (isinstance(told, (int, float)) and not isinstance(told, bool)):
        return str(told)
    raise Refused(BAD_TESTS, f"a test has {shown(told)}, expected text or a list of lines")


def _assertion(callee: str, given: Any, expected: Any) -> str:
    """A call and what it has to give; a list of one value may stand for the value (APPS)."""
    if isinstance(given, str):  # LiveCodeBench: a JSON value a line
        read = [_value(line) for line in given.split("\n") if line.strip()]
        arguments, accepted = read, [_value(expected) if isinstance(expected, str) else expected]
    elif isinstance(given, list):
        arguments, accepted = given, [expected, *(expected if isinstance(expected, list) and len(expected) == 1 else [])]
    else:
        raise Refused(BAD_TESTS, f"the arguments of a test are {shown(given)}, expected a list")
    told = ", ".join(_literal(one) for one in arguments)
    if len(accepted) == 1:
        return f"assert {callee}({told}) == {_literal(accepted[0])}"
    return f"assert {callee}({told}) in ({', '.join(_literal(one) for one in accepted)})"


def _value(text: str) -> Any:
    """A JSON value, lists and objects not deeper than elsewhere."""
    read = as_json(f"[{text}]")
    if not isinstance(read, list) or len(read) != 1:
        raise Refused(BAD_TESTS, f"an argument of a test is {shown(text)}, expected JSON")
    return read[0]


def _literal(value: Any) -> str:
    """The value as Python writes it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, float) and not math.isfinite(one):
            raise Refused(BAD_TESTS, "a test compares with no finite number")
        waiting += one.values() if isinstance(one, Mapping) else one if isinstance(one, list) else []
    return repr(value)


# ---- what stands around the answer


def _setup(fields: Fields, code: str, starter: str) -> str:
    """Code before the answer: that of the tests, and the prompt, to the letter, where it is the beginning of the program."""
    told = [as_json(fields.get(name)) for name in SETUP_COLUMNS]
    lines = [one if isinstance(one, str) else "\n".join(map(str, one)) for one in told if isinstance(one, (str, list))]
    begun = next((fields[name] for name in PROBLEM_COLUMNS if is_text(fields.get(name))), code) if code else starter
    return "\n".join(part for part in (*(line.strip("\r\n") for line in lines), begun) if part)


def _asked(text: str, starter: str, found: _Tests, language: str) -> str:
    """The problem with what an answer has to know: the code to start from, or one call that shows the function's name."""
    if starter:
        return f"{text}\n\nStart from this code:\n\n```{language}\n{starter}\n```"
    if found.form == ASSERTS and found.entry_point and not _names(text, found.entry_point):
        shows = next((line for line in found.tests.split("\n") if line.lstrip().startswith("assert") and found.entry_point in line), "")
        told = f"passes this test:\n\n```{language}\n{shows.strip()}\n```" if shows else f"is called `{found.entry_point}`."
        return f"{text}\n\nWrite it so that it {told}"
    return text


def _names(text: str, entry_point: str) -> bool:
    """Whether a text names the function, and does not merely use the word."""
    name = re.escape(entry_point)
    return re.search(rf"\b{name}\s?\(|`{name}`|\b(?:def|class|function|called|named)\s+\W?{name}\b", text) is not None
