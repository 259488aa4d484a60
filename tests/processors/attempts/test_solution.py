"""Normal forms of answers, solutions and programs: what is dress, what is not, and that no text takes long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.attempts.solution import answer_form, near_pairs, python_tokens, solution_digest

SAME_ANSWERS = (
    ("18", "$18", "18.", "18.00", r"\boxed{18}", "$18$", " 18 ", "**18**"),
    ("1,000", "1000", "1000.0", "$1,000"),
    ("0.5", ".5", "0.50"),
    ("(3, 5]", r"\left(3,5\right]"),
    ("B", "b", r"\text{B}", "B."),
    (r"\frac{1}{2}", r"\dfrac{1}{2}", r"$\frac{1}{2}$"),
    ("20%", r"20\%", "20 %"),
    ("x <= 3", r"x \le 3", "x ≤ 3"),
    ("-7", "−7"),
)


@pytest.mark.parametrize("spellings", SAME_ANSWERS)
def test_one_answer_in_several_spellings(spellings: tuple[str, ...]) -> None:
    assert {answer_form(one) for one in spellings} == {answer_form(spellings[0])} != {""}


def test_different_answers_have_different_forms() -> None:
    firsts = [spellings[0] for spellings in SAME_ANSWERS]
    others = (
        "[3, 5)",
        "-18",
        "5!",
        "5",
        r"\sqrt{3}",
        "3",
        "1/2",
        "2/1",
        "3+4",
        "3-4",
        "x = 3",
        "1, 2",
        "12",
        "1:2",
        "€ 5",
        "18 km",
        "100",
        "10",
    )
    forms = [answer_form(one) for one in (*firsts, *others)]
    assert len(set(forms)) == len(forms), sorted(forms)


def test_what_is_no_answer_has_no_form() -> None:
    assert [answer_form(text) for text in ("", "...", "$$", "**", "?", "-")] == [""] * 6


SOLUTION = "She eats 3 eggs, so 16 - 3 = 13 are left.\nSold for $2 each: 13 * 2 = 26."


@pytest.mark.parametrize(
    "other",
    [
        SOLUTION.upper(),
        SOLUTION.replace(" ", "  ").replace("\n", "\n\n"),
        "She eats **3** eggs, so $16 - 3 = 13$ are left.\n\n- Sold for \\$2 each: $13 \\times 2 = 26$",
        "She eats 3 eggs so 16-3=<<16-3=13>>13 are left\nsold for 2 each 13*2=<<13*2=26.0>>26.0",
        "1. She eats 3 eggs, so 16 − 3 = 13 are left\n2. Sold for $2 each: \\[13 \\cdot 2 = 26\\]",
    ],
)
def test_dress_makes_no_other_solution(other: str) -> None:
    assert solution_digest(other) == solution_digest(SOLUTION)


@pytest.mark.parametrize(
    "other",
    [
        SOLUTION.replace("13 * 2", "14 * 2"),  # a number
        SOLUTION.replace("16 - 3", "16 + 3"),  # a sign
        SOLUTION.replace("Sold", "Given"),  # a word
        SOLUTION.replace("so 16 - 3 = 13", "so 13 = 16 - 3"),  # the order
        SOLUTION + "\nSo 26.",  # a step
        SOLUTION.replace("= 26", "= 2.6"),
    ],
)
def test_steps_and_numbers_make_another_solution(other: str) -> None:
    assert solution_digest(other) != solution_digest(SOLUTION)


def test_texts_without_tokens_are_only_equal_to_themselves() -> None:
    assert len({solution_digest(text) for text in ("", "?", "??", "*", "12")}) == 5


PROGRAM = 'def f(a, b):\n    """Adds."""\n    # both\n    if a:\n        return [a,\n            b]\n\n    return "b"\n'


@pytest.mark.parametrize(
    "other",
    [
        "def f(a,b):\n  if a:\n      return [a, b]\n  return 'b'",
        "def f(a, b):\n\tif a:\n\t\treturn [a, b]\n\treturn 'b'  # else",
        "\n\n'''Adds.'''\ndef f(a, b):\n    if a :\n        return [ a, \\\n b ]\n    return 'b'\n\n",
    ],
)
def test_layout_makes_no_other_program(other: str) -> None:
    assert python_tokens(other) == python_tokens(PROGRAM)
    assert solution_digest("said otherwise", other) == solution_digest("said so", PROGRAM)


@pytest.mark.parametrize(
    "other",
    [
        PROGRAM.replace("    return", "        return"),  # the block that the last line stands in
        PROGRAM.replace('"b"', '"c"'),
        PROGRAM.replace('"b"', 'f"b"'),
        PROGRAM.replace("if a", "if not a"),
        PROGRAM.replace("a,", "a +"),
        PROGRAM.replace("def f", "def g"),
        PROGRAM.replace("\n            b]", "]"),
    ],
)
def test_what_a_program_does_is_kept(other: str) -> None:
    assert python_tokens(other) != python_tokens(PROGRAM)


def test_a_string_that_is_a_value_is_no_docstring() -> None:
    assert python_tokens("x = [\n  'a',\n  'b'\n]") != python_tokens("x = [\n  'a',\n]")
    assert python_tokens("def f():\n    'doc'\n    return 1") == python_tokens("def f():\n    return 1")
    assert "#" in python_tokens("x = '# no comment'")[3]


def test_programs_in_other_languages_keep_all_but_white_space() -> None:
    assert solution_digest("", "int f() {\n  return 1; }", "cpp") == solution_digest("", "int  f() { return 1; }", "cpp")
    assert solution_digest("", "# a\nx", "r") != solution_digest("", "# b\nx", "r")


HOSTILE = (
    '"""' + '\n\\"""' * 20_000,
    "'" * 100_000,
    '"\\' * 50_000,
    "(" * 100_000,
    "\n " * 50_000,
    'f"' * 50_000,
    "\\\n" * 50_000,
    "1," * 50_000,
    ",111" * 30_000,
    "<<" * 50_000,
    "\\" * 100_000,
    "_" * 100_000,
    "\x00\ud800" * 10_000,
    "#" * 100_000,
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_is_hard(text: str) -> None:  # a quadratic expression takes minutes here
    assert len(solution_digest(text)) == len(solution_digest("", text)) == 32
    assert isinstance(answer_form(text), str)


@given(st.text(alphabet="ab1 \n\t'\"#\\()[]:.,=-<>$*", max_size=60))
def test_forms_are_stable(text: str) -> None:
    assert answer_form(answer_form(text)) == answer_form(text)
    assert solution_digest(f"  {text}  ") == solution_digest(text)
    assert python_tokens(text + "\n\n") == python_tokens(text)


def test_near_texts_are_found_from_the_first_on() -> None:
    base = "one two three four five six seven eight nine ten"
    texts = [base, base + " eleven", "other words stand here and share no run with it", base, ""]
    assert near_pairs(texts, 0.8) == [-1, 0, -1, 0, -1]
    assert near_pairs(texts, 1.0) == [-1, -1, -1, 0, -1]


def jaccard(one: str, other: str) -> float:
    """By plain sets of three words."""
    runs = [
        {tuple(words[at : at + 3]) for at in range(max(1, len(words) - 2))} if (words := text.split()) else set() for text in (one, other)
    ]
    return len(runs[0] & runs[1]) / len(runs[0] | runs[1]) if runs[0] | runs[1] else 0.0


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=9).map(" ".join), max_size=8), st.sampled_from([0.2, 0.5, 0.75, 1.0]))
def test_prefix_filtering_misses_none(texts: list[str], similarity: float) -> None:
    expected: list[int] = []
    for place, text in enumerate(texts):
        stays = [other for other in range(place) if expected[other] < 0]
        expected.append(next((other for other in stays if jaccard(text, texts[other]) >= similarity), -1))
    assert near_pairs(texts, similarity) == expected
