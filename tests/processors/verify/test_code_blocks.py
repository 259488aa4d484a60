"""From answers to programs: fences, bare code, the rest of a function; hostile texts end soon."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.verify.code_blocks import program_in, whole_program

SETUP = 'from typing import List\n\ndef helper(x):\n    return x + 1\n\ndef f(xs: List[int]) -> int:\n    """Adds them.\n\n    >>> f([1])\n    1\n    """\n'
F = "def f(xs):\n    return sum(xs)"

# name: (answer, program, entry point, setup)
FOUND = {
    "a fence": (f"Here it is:\n\n```python\n{F}\n```\nIt adds them.", F),
    "a fence without a tag": (f"```\n{F}\n```", F),
    "a fence with another tag": ("```text\n3\n```\n```py\n" + F + "\n```\n```bash\npython f.py\n```", F),
    "a fence with more in its line": (f'```python title="f.py"\n{F}\n```', F),
    "tildes": (f"~~~Python\n{F}\n~~~", F),
    "a fence in a list": ("1. First:\n   ```python\n   " + F.replace("\n", "\n   ") + "\n   ```\n2. Done.", F),
    "an indented program": ("```python\n    " + F.replace("\n", "\n    ") + "\n```", F),
    "a fence that is not closed": (f"```python\n{F}", F),
    "fences in a longer fence": (f'````python\n{F}\nDOC = """\n```\n"""\n````', F + '\nDOC = """\n```\n"""'),
    "the last that defines it": (f"```python\ndef f(xs): return 0\n```\nNo, that is wrong.\n```python\n{F}\n```", F),
    "the last whole one": (f"```python\n{F}\n```\nOr shorter:\n```python\ndef f(xs: return 0\n```", F),
    "an example of its use": (f"```python\n{F}\n```\nUse it so:\n```python\nprint(f([1, 2]))\n```", F),
    "a session": (f"```\n>>> f([1])\n1\n```\n```python\n{F}\n```", F),
    "helpers before": (
        "```python\nimport math\ndef g(x): return x\n```\nand\n```python\ndef f(xs): return g(xs)\n```",
        "import math\ndef g(x): return x\n\ndef f(xs): return g(xs)",
    ),
    "helpers after": (
        "```python\ndef f(xs): return g(xs)\n```\nand\n```python\ndef g(x): return x\n```",
        "def f(xs): return g(xs)\n\ndef g(x): return x",
    ),
    "an older version beside": (
        "```python\ndef f(xs): return 1\ndef g(x): return x\n```\n```python\ndef f(xs): return g(xs)\ndef g(x): return 2\n```",
        "def f(xs): return g(xs)\ndef g(x): return 2",
    ),
    "bare code": (f"{F}\n", F),
    "bare code after prose": (f"Sure, this adds them:\n\n{F}\n", F),
    "bare code before prose": (f"{F}\n\nThis function adds all of the numbers.", F),
    "bare code with comments like prose": (f"# This adds all of them.\n{F}", f"# This adds all of them.\n{F}"),
    "a thought before": (f"<think>\n```python\ndef f(xs): return 0\n```\n</think>\n```python\n{F}\n```", F),
    "only a thought": (f"<think>\n```python\n{F}\n```\n", F),
    "a body": ("    return sum(xs)", "    return sum(xs)"),
    "a body in a fence": ("```python\n    return sum(xs)\n```", "    return sum(xs)"),
    "a body before prose": (
        "    total = sum(xs)\n    return total\n\nThe function adds all of the numbers.",
        "    total = sum(xs)\n    return total",
    ),
    "a body whose first line lost its indent": (
        "total = 0\n    for x in xs:\n        total += x\n    return total",
        "total = 0\n    for x in xs:\n        total += x\n    return total",
    ),
    "a body with a function in it": (
        "    def g(x):\n        return x\n    return sum(map(g, xs))",
        "    def g(x):\n        return x\n    return sum(map(g, xs))",
    ),
    "tabs": ("```python\ndef f(xs):\n\treturn sum(xs)\n```", "def f(xs):\n\treturn sum(xs)"),
    "carriage returns": ("```python\r\ndef f(xs):\r\n    return sum(xs)\r\n```\r\n", F),
    "an assignment": ("```python\nf = sum\n```", "f = sum"),
    "an import": ("```python\nfrom math import fsum as f\n```", "from math import fsum as f"),
    "broken code is still the program": ("```python\ndef f(xs):\n    return sum(xs\n```", "def f(xs):\n    return sum(xs"),
    "bare broken code": ("def f(xs):\n    return sum(xs", "def f(xs):\n    return sum(xs"),
}
NONE = {
    "nothing": "",
    "blanks": " \n\n\t\n",
    "prose": "I cannot solve this problem, I am sorry. It may be that f(xs) is hard.",
    "a sentence that parses": "Yes",
    "an empty fence": "```python\n\n```",
    "another language": "```javascript\nfunction f(xs) { return 0 }\n```",
    "a shell session": "```\n$ python f.py\n3\n```",
    "only a session": "```python\n>>> f([1])\n1\n```",
    "too long": "def f(xs): return 0\n" + "#" * 400_000,
}


@pytest.mark.parametrize("name", FOUND)
def test_the_program_is_found(name: str) -> None:
    answer, program = FOUND[name]
    assert program_in(answer, "f", SETUP) == program


@pytest.mark.parametrize("name", NONE)
def test_there_is_no_program(name: str) -> None:
    assert program_in(NONE[name], "f", SETUP) == ""


@pytest.mark.parametrize("name", ["a fence", "the last that defines it", "bare code", "an example of its use"])
def test_without_an_entry_point_a_program_is_found_too(name: str) -> None:
    program = program_in(FOUND[name][0])
    namespace: dict = {}
    exec(program.replace("print(f([1, 2]))", ""), namespace)
    assert namespace["f"]([1, 2]) == 3


def test_a_script_needs_no_function() -> None:
    script = "n = int(input())\nprint(n * 2)"
    assert program_in(script) == script
    assert program_in(f"Read it and double it.\n```python\n{script}\n```") == script


WHOLE = {
    "a body": ("    return sum(xs)", 3),
    "a body that lost its indent": ("return sum(xs)", 3),
    "a body whose first line lost it": ("total = 0\n    for x in xs:\n        total += x\n    return total", 3),
    "the whole function": (F, 3),
    "a function that uses a helper of the problem": ("def f(xs):\n    return helper(sum(xs))", 4),
    "a future": ("from __future__ import annotations\ndef f(xs: Missing):\n    return sum(xs)", 3),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_run_is_one_program(name: str) -> None:
    program, expected = WHOLE[name]
    namespace: dict = {}
    exec(compile(whole_program(SETUP, program, "f"), "whole", "exec", dont_inherit=True), namespace)
    assert namespace["f"]([1, 2]) == expected


def test_the_head_alone_is_no_answer() -> None:
    """What the prompt gives must not stand in for what the answer lacks."""
    namespace: dict = {}
    exec(whole_program(SETUP, "def g(xs):\n    return 0", "f"), namespace)
    assert "f" not in namespace
    assert namespace["helper"](1) == 2
    assert "def f" not in whole_program(SETUP, "import os\nos.getpid()", "f")


def test_a_head_without_a_body() -> None:
    namespace: dict = {}
    exec(whole_program("def f(xs):\n", "    return sum(xs)", "f"), namespace)
    assert namespace["f"]([1]) == 1
    exec(whole_program("def f(xs):\n", F, "f"), namespace)
    assert namespace["f"]([2]) == 2


@pytest.mark.parametrize(
    "text",
    [
        "(" * 300_000,
        "[" * 150 + "]" * 150,
        "def f(xs):\n" * 30_000,
        "```python\n" * 30_000,
        "```python\nx\n```\n" * 20_000,
        "`" * 300_000,
        "~~~\n" * 60_000,
        "The f is\n" * 40_000,
        "    x = 1\nThe end of it\n" * 10_000,
        " " * 300_000,
        "\t" * 1_000 + "x",
        "<think>" * 40_000,
        "</think>" * 40_000,
        "x = '''" * 40_000,
        "-" * 300_000 + "1",
        "not " * 50_000 + "x",
        "f(" * 50_000,
        "x.y" * 100_000,
        "if x:\n" + " if x:\n" * 30_000,
        "\x00def f(xs): pass",
        "def f(xs): return '\ud800'",
        "\n".join(" " * depth + "if 1:" for depth in range(150)),
        "1+" * 100_000 + "1",
        "lambda:" * 40_000 + "1",
    ],
    ids=range(24),
)
def test_hostile_answers_end_soon(text: str) -> None:
    """A search that is quadratic would take minutes for one of them."""
    words = set(text.split())
    for program in (program_in(text, "f", SETUP), program_in(text)):
        assert set(program.split()) <= words
    assert text.strip()[-20:] in whole_program(SETUP, text, "f")


@given(st.text(max_size=300))
def test_any_text_gives_the_same_program_twice(text: str) -> None:
    program = program_in(text, "f", SETUP)
    assert program == program_in(text, "f", SETUP)
    assert not program or program.strip()


@given(
    st.lists(
        st.sampled_from(["```", "```python", "def f(xs):", "    return 1", "Some words here.", "", "x = 1", "</think>", ">>> f(1)"]),
        max_size=12,
    )
)
def test_pieces_of_answers(lines: list[str]) -> None:
    program = program_in("\n".join(lines), "f", SETUP)
    if program:
        assert "</think>" not in program.split("\n") or "def f" in program
        whole = whole_program(SETUP, program, "f")
        assert isinstance(whole, str)
        with_head = whole.count("def helper")
        assert with_head <= 1


def test_a_program_that_parses_stays_one_with_the_problem_before_it() -> None:
    for program, _ in WHOLE.values():
        ast.parse(whole_program(SETUP, program, "f"))
