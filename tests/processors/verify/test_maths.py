"""Verdicts on answers: planted truths, laws, and hostile texts."""

from __future__ import annotations

import string
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.verify import maths_library
from processors.verify.maths import compare, verify
from processors.verify.verdict import CANNOT_TELL, EQUAL, NO_ANSWER, RIGHT, TIMEOUT, UNREADABLE, WRONG
from tests.processors.verify.planted_pairs import PAIRS, Pair

SAYS = {"equal": RIGHT, "different": WRONG, "undecided": CANNOT_TELL}
MAX_UNDECIDED_RATIO = 0.03  # of pairs that are decidable


# ---- planted truths


def test_no_planted_pair_is_judged_wrongly() -> None:
    false = [(pair, compare(pair.said, pair.reference, pair.problem)) for pair in PAIRS]
    assert [(pair, found) for pair, found in false if found.value not in (SAYS[pair.truth], CANNOT_TELL)] == []


def test_nearly_every_decidable_pair_is_decided() -> None:
    decidable = [pair for pair in PAIRS if pair.truth != "undecided"]
    undecided = [pair for pair in decidable if compare(pair.said, pair.reference, pair.problem).value == CANNOT_TELL]
    assert len(undecided) <= MAX_UNDECIDED_RATIO * len(decidable), undecided


def test_the_planted_set_is_as_large_as_it_says() -> None:
    counts = Counter(pair.truth for pair in PAIRS)
    assert counts["equal"] >= 200 and counts["different"] >= 100 and counts["undecided"] >= 30
    assert len({(pair.said, pair.reference, pair.problem) for pair in PAIRS}) == len(PAIRS)


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if not pair.problem], ids=lambda pair: f"{pair.said} ; {pair.reference}")
def test_turning_a_pair_never_turns_its_verdict(pair: Pair) -> None:
    assert {compare(pair.said, pair.reference).value, compare(pair.reference, pair.said).value} != {RIGHT, WRONG}


@pytest.mark.parametrize(
    ("said", "reference", "problem", "cause"),
    [
        ("0.33", "1/3", "", "rounding"),
        ("50%", "50", "How many apples are there?", "percent"),
        ("1.000", "1000", "", "ambiguous"),
        ("1/2x", "x/2", "", "ambiguous"),
        ("220_6", "84", "", "other_base"),
        ("90", "1.5 h", "", "other_unit"),
        ("x = 3", "y = 3", "", "other_name"),
        ("2n", "2k", "", "other_letters"),
        ("3, 5", "5, 3", "Find a and b, respectively.", "other_order"),
        ("{1,2}", "(1,2)", "", "other_form"),
        ("car", "automobile", "", "words"),
        ("9^9^9^9", "9^9^9", "", TIMEOUT),
        ("5", "", "", UNREADABLE),
        ("", "5", "", NO_ANSWER),
        (r"\weird{x} ?", "5", "", UNREADABLE),
    ],
)
def test_why_an_answer_is_undecided(said: str, reference: str, problem: str, cause: str) -> None:
    found = compare(said, reference, problem)
    assert (found.value, found.cause) == (CANNOT_TELL, cause)


@pytest.mark.parametrize(
    ("said", "reference", "without", "problem", "with_it"),
    [
        ("10/3", "3.33", CANNOT_TELL, "Round to the nearest hundredth.", RIGHT),
        ("50%", "0.5", RIGHT, "What percent?", RIGHT),
        ("0.5%", "0.5", CANNOT_TELL, "What percent is it?", RIGHT),
        ("Briana", "Evelyn", CANNOT_TELL, "Evelyn and Briana race. Who wins?", WRONG),
        ("2, 1", "1, 2", RIGHT, "List them in increasing order.", CANNOT_TELL),
    ],
)
def test_what_the_problem_asks_for_decides(said: str, reference: str, without: str, problem: str, with_it: str) -> None:
    assert (compare(said, reference).value, compare(said, reference, problem).value) == (without, with_it)


# ---- whole texts


@pytest.mark.parametrize(
    ("text", "answer", "found", "value"),
    [
        ("3 + 4 = 7\n#### 7", "7", "7", RIGHT),
        ("3 + 4 = 8\nA: 8", "7", "8", WRONG),
        (r"So we get $\boxed{\frac{1}{2}}$.", "0.5", r"\frac{1}{2}", RIGHT),
        ("", "7", "", CANNOT_TELL),
        ("I do not know.", "7", "", CANNOT_TELL),
    ],
)
def test_the_final_answer_of_a_text_is_judged(text: str, answer: str, found: str, value: str) -> None:
    said, verdict = verify(text, {"answer": answer})
    assert (said, verdict.value) == (found, value)


def test_a_number_that_is_not_said_to_be_the_answer_is_no_ground_to_call_it_wrong() -> None:
    cut = "She had 12 apples and gave 5 away, so she multiplied 7 * 3 ="
    assert verify(cut, {"answer": "21"})[1].cause == NO_ANSWER
    assert verify(cut + " 20\nA: 20", {"answer": "21"})[1].value == WRONG


# ---- laws

numbers = st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=400)
decimals = st.decimals(min_value=-(10**9), max_value=10**9, places=3, allow_nan=False)
pieces = st.sampled_from(
    [*string.digits, *"+-*/^(){}[],.=<>|_%$!;: ", "x", "y", "\\frac", "\\sqrt", "\\pi", "\\le", "\\cup", "\\infty", "\\pm", "\\text", "\\{", "\\}", "\\\\", "&",
     "\\begin{pmatrix}", "\\end{pmatrix}", "\\circ", " and ", " or ", "cm", "hours", "\x02", "\x03", "½", "√", "万", "é", "\\"]
)  # fmt: skip
texts = st.one_of(st.text(max_size=40), st.lists(pieces, max_size=25).map("".join))


@given(texts, texts)
@settings(max_examples=250, deadline=None)
def test_every_text_is_judged_and_always_the_same(said: str, reference: str) -> None:
    first = compare(said, reference)
    assert first == compare(said, reference)
    assert {first.value, compare(reference, said).value} != {RIGHT, WRONG}


@given(texts)
@settings(max_examples=100, deadline=None)
def test_a_text_is_right_where_it_is_the_reference(text: str) -> None:
    assert compare(text, text).value == (RIGHT if text.strip() else CANNOT_TELL)


@given(numbers)
@settings(max_examples=100, deadline=None)
def test_one_number_in_many_spellings_is_right(number: Fraction) -> None:
    a, b = number.numerator, number.denominator
    spellings = [
        f"{a}/{b}",
        rf"\frac{{{a}}}{{{b}}}",
        f"${a}/{b}$",
        f"x = {a}/{b}",
        rf"\boxed{{\frac{{{a}}}{{{b}}}}}",
        f"({a})/({b})",
        rf"\frac{{{3 * a}}}{{{3 * b}}}",
    ]
    if b == 1:
        spellings += [f"{a:,}", f"{a}.00", f"{a} apples", f"-{-a}" if a < 0 else f"+{a}", f"${a:,}" if a >= 0 else f"-${-a:,}"]
    for said in spellings:
        assert compare(said, spellings[0]).value == RIGHT, said
        assert compare(spellings[0], said).value == RIGHT, said


@given(numbers, numbers)
@settings(max_examples=100, deadline=None)
def test_different_fractions_are_wrong(one: Fraction, other: Fraction) -> None:
    found = compare(f"{one.numerator}/{one.denominator}", rf"\frac{{{other.numerator}}}{{{other.denominator}}}")
    assert found.value == (RIGHT if one == other else WRONG)


@given(decimals, st.integers(min_value=1, max_value=9), st.integers(min_value=0, max_value=6))
@settings(max_examples=100, deadline=None)
def test_decimals_that_differ_by_more_than_a_rounding_are_wrong(number: Fraction, digit: int, place: int) -> None:
    other = Fraction(number) + Fraction(digit, 10**2) * 10**place
    text = f"{float(other):.3f}"
    if Fraction(text) != Fraction(number):
        assert compare(text, str(number)).value in (WRONG, CANNOT_TELL)
        assert compare(f"{text}1", f"{number}1").value == WRONG


@given(st.lists(st.integers(min_value=-99, max_value=99), min_size=2, max_size=6, unique=True), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_sets_have_no_order_and_tuples_have_one(values: list[int], rng: object) -> None:
    shuffled = sorted(values, key=lambda value: hash((value, str(rng))))
    inside, other = ", ".join(map(str, values)), ", ".join(map(str, shuffled))
    assert compare(rf"\{{{inside}\}}", rf"\{{{other}\}}").value == RIGHT
    assert compare(f"({inside})", f"({other})").value == (RIGHT if values == shuffled else WRONG)


@given(st.lists(st.integers(min_value=-9, max_value=9), min_size=2, max_size=5), st.integers(min_value=0, max_value=4))
@settings(max_examples=100, deadline=None)
def test_polynomials_are_equal_by_value(coefficients: list[int], change: int) -> None:
    plain = " + ".join(f"{c}x^{power}" for power, c in enumerate(coefficients)).replace("+ -", "- ")
    nested = "0"
    for c in reversed(coefficients):
        nested = f"({nested})x + {c}" if c >= 0 else f"({nested})x - {-c}"
    assert compare(nested, plain).value == RIGHT
    if change:
        assert compare(f"{nested} + {change}", plain).value == WRONG


# ---- hostile texts


@pytest.mark.parametrize(
    "said",
    [
        "9" * 100_000, "(" * 100_000, "{" * 3_900, "(" * 3_900, "[" * 1_900 + "]" * 1_900, "\\frac" * 700, "1," * 1_900, "1/" * 1_900, "x^" * 1_900 + "2",
        "9^9^9^9", "9^{9^{9^{9}}}", "(10^9)!", "1e999999", "10^{-999999999}", "((((9!)!)!)!)", "\\binom{10^{12}}{10^{11}}", "2^{2^{2^{2^{2^{2}}}}}", "\\sqrt" * 500 + "2",
        "-" * 3_000 + "1", "1" + " " * 3_900 + "x", "a " * 1_900, "and " * 900, "=" * 3_000, "<" * 3_000, "\\{" * 1_900, "|" * 3_001, "1.1.1.1" * 500, "\\text{" * 600,
        "5" + " cm" * 1_000, "$" * 3_000, "1 hour " * 500, "e^{e^{e^{e^{e^{9}}}}}", "\\sin" * 900 + "1", "\\int_0^{10^{9}} x^{x^{x}} dx", "(x+1)^{100000}",
        "\\sum_{k=1}^{10^{12}} k^{k^{k}}", "x" * 3_000, "\\beginmatrix" * 300, "1:" * 1_900, "\\cup" * 900, "\\pm" * 1_200 + "1", "0." + "3" * 3_900, "\x00" * 3_000,
    ],
)  # fmt: skip
def test_hostile_answers_are_never_right_and_never_raise(said: str) -> None:
    for reference in ("7", "x^2", "(1, 2)", "\\{1, 2\\}"):
        assert compare(said, reference).value in (WRONG, CANNOT_TELL)
        assert compare(reference, said).value in (WRONG, CANNOT_TELL)


def test_numbers_too_large_to_compute_are_undecided_and_not_computed() -> None:
    for one, other in (
        ("9^9^9^9", "9^9^9^8"),
        ("(10^9)!", "(10^9)!+1"),
        ("e^{e^{e^{9}}}", "e^{e^{e^{8}}}"),
        ("(x+1)^{10^9}", "(x+2)^{10^9}"),
    ):
        found = compare(one, other)
        assert (found.value, found.cause) == (CANNOT_TELL, TIMEOUT), one
        assert compare(one, one).value == RIGHT


# ---- math-verify


def test_what_is_not_read_here_goes_to_math_verify() -> None:
    assert compare(r"\int_0^1 x\,dx", r"\frac{1}{2}").value == RIGHT
    assert compare(r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}").cause in (EQUAL, UNREADABLE)
    different = compare(r"\int_0^1 x\,dx", r"\frac{1}{3}")
    assert (different.value, different.why) == (WRONG, "other numbers by math-verify")


def test_a_comparison_that_takes_too_long_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maths_library, "LIMITS", maths_library.Limits(cpu_s=0.3))
    found = compare(r"\int_0^1 \sin(x^3) \cos(x^5) e^{x^7} dx", r"\int_0^1 \sin(x^3) \cos(x^5) e^{x^7} dx + 1")
    assert (found.value, found.cause) == (CANNOT_TELL, TIMEOUT)
