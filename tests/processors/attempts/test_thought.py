"""Thoughts with planted faults, and the nearest ones without."""

from __future__ import annotations

import json

import pytest

from processors.attempts.leaks import answer_leak, peek
from processors.attempts.loops import find_loop
from processors.attempts.problem import ANSWER, DOMAIN, REFERENCE, VERIFIER
from processors.attempts.scripts import foreign_letters, language_of
from processors.attempts.thought import (
    THOUGHT_FACTS,
    MeasureThought,
    count_steps,
    is_refusal,
    split_attempt,
    template_of,
    truncation_sign,
)
from processors.verify.answer import run_on
from schemas.outcome import Reject
from schemas.parts import Image, Text
from schemas.records import Conversation, Origin, Turn

GSM = "She sells 16 - 3 - 4 = <<16-3-4=9>>9 eggs.\nShe makes 9 * 2 = $<<9*2=18>>18.\n#### 18"


def record(
    attempt: str, prompt: str = "How many?", domain: str = "maths", answer: str = "", verifier: str = "maths", reference: str = ""
) -> Conversation:
    facts = {DOMAIN.name: domain, ANSWER.name: answer, VERIFIER.name: verifier, REFERENCE.name: reference or json.dumps({"answer": answer})}
    return Conversation("k", Origin("s"), (Turn("user", (Text(prompt),)), Turn("assistant", (Text(attempt),), True)), facts)


def measure(attempt: str, **told: str) -> dict[str, object]:
    found = MeasureThought()(record(attempt, **told))
    assert isinstance(found, Conversation)
    return dict(found.facts)


# ---- thought and answer


@pytest.mark.parametrize(
    ("text", "domain", "thought", "final", "is_tagged"),
    [
        ("<think>two and two</think>\n\nThe answer is 4.", "maths", "two and two", "The answer is 4.", True),
        ("two and two</think>4", "maths", "two and two", "4", True),  # the template wrote the opening tag
        ("<|begin_of_thought|>a<|end_of_thought|>b", "maths", "a", "b", True),
        ("We add. So it is four.\nThe answer is 4.", "maths", "We add. So it is four.\n", "The answer is 4.", False),
        ("We add two. The answer is \\boxed{4}.", "maths", "We add two. ", "The answer is \\boxed{4}.", False),
        (GSM, "maths", GSM[:-7], "#### 18", False),
        ("We go on, and then we go on and on again", "maths", "We go on, and then we go on and on again", "", False),
        ("Use a sum.\n```python\nsum(x)\n```\nDone.", "code", "Use a sum.\n", "```python\nsum(x)\n```\nDone.", False),
        ("Try:\n```\na\n```\nBetter:\n```\nb\n```", "code", "Try:\n```\na\n```\nBetter:\n", "```\nb\n```", False),
        ("    return x", "code", "", "    return x", False),
    ],
)
def test_a_thought_ends_where_the_answer_is_stated(text: str, domain: str, thought: str, final: str, is_tagged: bool) -> None:
    found = split_attempt(text, domain)
    assert (found.thought, found.final, found.is_tagged) == (thought, final, is_tagged)


@pytest.mark.parametrize(
    ("thought", "steps"),
    [
        ("One thing. Another thing. A third.", 3),
        ("a\nb\n\nc\n---\n", 3),
        ("We have\n\\[\na = b \\\\\nc = d\n\\]\nso it is.", 3),
        ("Run\n```\na\nb\n```\nthen", 3),
        ("", 0),
    ],
)
def test_steps_are_lines_and_blocks(thought: str, steps: int) -> None:
    assert count_steps(thought) == steps


# ---- cut short

CUT = [
    ("<think>We add two and", "a thought begins and never ends"),
    ("<think>We add.</think>", "nothing follows the thought"),
    ("We write\n```python\nx = 1", "a fenced block begins and never ends"),
    ("So we get\n\\[ y_1 - y_2", "a formula begins with \\[ and never ends"),
    ("So we get \\( y_1 - y_2", "a formula begins with \\( and never ends"),
    ("So we get\n$$ y^2 - \\frac{1}", "a formula begins with $$ and never ends"),
    ("Thus $x = 3$ and $\\frac{1}{", "a formula begins with $ and never ends"),
    ("Thus\n\\begin{align*}\nx &= 3 \\\\", "\\begin{align*} is never ended"),
    ("So it is \\boxed{\\frac{1}{2", "\\boxed{ is never closed"),
    ("She pays <<3*4", "a calculator's note begins with << and never ends"),
    ("Adding them up we have:", "the last line ends with a colon: 'Adding them up we have:'"),
    ("We multiply by -1 to ensure that", "the last line breaks off: 'We multiply by -1 to ensure that'"),
    ("The height after 14 days is 32768 * 2 =", "the last line breaks off: 'The height after 14 days is 32768 * 2 ='"),
    ("But (12, 42) and (17, 37", "the last line opens a bracket and does not close it: 'But (12, 42) and (17, 37'"),
    (
        "We first look at all of the numbers.\nThen we take every one of them.\nThus the product of all the lengths",
        "the last sentence has no end, where others have: 'Thus the product of all the lengths'",
    ),
]


@pytest.mark.parametrize(("text", "sign"), CUT)
def test_what_shows_that_a_text_is_cut(text: str, sign: str) -> None:
    assert truncation_sign(text, "maths") == sign
    facts = measure(text)
    assert (facts["thought.is_truncated"], facts["thought.truncation"]) == (True, sign)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>We add two and two.</think> It is 4.", ""),
        ("We write\n```python\nx = 1\n```", ""),
        ("So we get\n\\[ y_1 - y_2 \\\\[4pt] = 0 \\]", ""),
        ("He pays $5 for one and $7 for the other, $12 in all", ""),
        ("It costs $5.\nTogether they pay 3 x $5 = $<<3*5=15>>15\nA: 15", "15"),
        ("The balance is 113+$$40 = 153", ""),
        ("The balance is 113+$$40 = 153.\n\nThe answer is $\\boxed{153}$.", "153"),
        ("Thus\n\\begin{align*}\nx &= 3 \\\\\n\\end{align*}", ""),
        ("So it is \\boxed{\\frac{1}{2}}", ""),
        ("We look at all of the numbers here.\nThen we take every one of them.\nThe answer is 1320 km", "1320 km"),
        ("- the first one\n- the second one", ""),
        ("(a) 3\n(b) 4", ""),
        ("It is (see above) so.", ""),
        ("so she makes 9 * 2 = 18 a day\nand 36 in two days", ""),  # no line ends with a stop: that is its style
        ("We see the roots are $\\pm 3$, and the answer is $9$ . ~someone", ""),
        ("a | b\n--|--\n1 | 2", ""),
    ],
)
def test_whole_texts_are_not_cut(text: str, answer: str) -> None:
    assert truncation_sign(text, "maths", answer) == ""


def test_of_programs_only_fences_and_tags_are_looked_at() -> None:
    assert truncation_sign("def f(x):\n    return x +", "code") == ""
    assert truncation_sign("Here:\n```python\ndef f(x):\n", "code") == "a fenced block begins and never ends"


# ---- loops

SENTENCE = "Wait, let me check the second equation again. "
ENUMERATION = "\n".join(f"If n = {n}, then n^2 + n + 1 = {n * n + n + 1}, which is {'odd' if n else 'one'}." for n in range(40))
TABLE = "| a | b | c |\n|---|---|---|\n" + "| 0 | 0 | 0 |\n" * 30
SUM = "The sum is " + "1 + " * 60 + "1 = 61."
CODE = "Here:\n```python\n" + "    assert f(0) == 0 and f(1) == 1\n" * 20 + "```\nThis checks the function."
TRIALS = "\n".join(f"{n} leaves the remainder {n % 7} when it is divided by seven." for n in range(100, 130))


@pytest.mark.parametrize(
    ("text", "unit", "times"),
    [
        ("We start. " + SENTENCE * 6, "wait let me check the second equation again", 6),
        ("We start. " + SENTENCE * 40 + "So the answer is 4.", "wait let me check the second equation again", 40),
        ("We have x = 3 now.\nSo x = 3 is right.\n" * 8, "we have x 3 now so x 3 is right", 8),
        ("0.3333 " + "3" * 400, "3", 400),
        ("It is " + "81" * 300, "81", 300),
        ("因此我们得到结果为三。" * 9, "因 此 我 们 得 到 结 果 为 三", 9),
        (SENTENCE * 3 + "So it is. " + (SENTENCE * 4 + "Hm. ") * 3, "wait let me check the second equation again", 15),
        ("\n".join(f"Step {n}: We need to look at the equation again." for n in range(12, 20)), "we need to look at the equation again", 8),
        ("\n".join(f"{n}. We need to look at the equation again." for n in range(12, 20)), "we need to look at the equation again", 8),
    ],
)
def test_loops_are_found(text: str, unit: str, times: int) -> None:
    found = find_loop(text)
    assert found.ratio > 0
    assert set(found.unit.split()) == set(unit.split())
    assert abs(found.num_repeats - times) <= 1


@pytest.mark.parametrize("text", [ENUMERATION, TABLE, SUM, CODE, TRIALS, SENTENCE * 4, "", "no", "-" * 1_000, ". . . " * 60])
def test_honest_repetition_is_no_loop(text: str) -> None:
    assert find_loop(text).ratio == 0


def test_counters_are_left_out_by_option() -> None:
    text = "\n".join(f"Step {n}: We need to look at the equation again." for n in range(12, 30))
    assert find_loop(text, strip_counters=True).ratio > 0.9
    assert find_loop(text, strip_counters=False).ratio == 0
    found = [MeasureThought(strip)(record(text)) for strip in (True, False)]
    assert [isinstance(one, Conversation) and one.facts["thought.is_looping"] for one in found] == [True, False]


def test_the_ratio_is_the_share_of_the_loop() -> None:
    text = " ".join(f"word{n}" for n in range(80)) + " " + SENTENCE * 10
    assert find_loop(text).ratio == 0.5  # 8 words a sentence, beside 80


# ---- languages

LONG_ENGLISH = "We first write the equation that the problem gives us, and then we look at what follows when both sides are divided by the same number. "
LONG_SPANISH = "Primero escribimos la ecuación que nos da el problema y después miramos lo que sigue cuando dividimos ambos lados por el mismo número. "


@pytest.mark.parametrize(
    ("said", "problem", "letters"),
    [
        ("So x = 3 因此 the answer is 4", "Solve for x.", "因此"),
        ("Поэтому x = 3", "Solve for x.", "Поэтому"),
        ("the λόγος of it", "Solve for x.", "λόγος"),
        ("所以 the answer we are looking for is four 个", "求 x 的值,其中 x 是整数。", "the answer we are looking for is four"),
        ("The word 你好 means hello", "What does 你好 mean?", ""),
        ("Let α + β = γ, with θ in ℝ and 5 µm, Å", "Solve for x.", ""),
        ("因为 mod 7 等于 3,所以 sin x = 1,用 Python 计算", "求 x 的值。", ""),
        ("naïve Erdős and Poincaré", "Solve for x.", ""),
        ("全角 Ａ は", "どれですか。全", ""),
    ],
)
def test_scripts_that_the_problem_does_not_use(said: str, problem: str, letters: str) -> None:
    ratio, found = foreign_letters(said, problem)
    assert (found, ratio > 0) == (letters, bool(letters))


def test_a_character_that_stands_for_a_word_weighs_more() -> None:
    assert foreign_letters("aaaaaa 因此", "x")[0] == 0.5


def test_languages_are_told_of_enough_prose() -> None:
    assert (language_of(LONG_ENGLISH * 2), language_of(LONG_SPANISH * 2), language_of("So x is 3.")) == ("en", "es", "")
    facts = measure(LONG_SPANISH * 2, prompt=LONG_ENGLISH * 2)
    assert (facts["thought.language"], facts["thought.problem_language"], facts["thought.mixed_ratio"]) == ("es", "en", 0.0)


def test_formulae_and_code_have_no_language() -> None:
    facts = measure("We take $\\text{因此}$ and `因此` and\n```\n# 因此\n```\nso 4.")
    assert (facts["thought.mixed_ratio"], facts["thought.mixed"]) == (0.0, "")


# ---- leaks

REF = '{"answer":"42"}'


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("What is 6 x 7? The answer is 42.", "What is 6 x 7? The answer is 42."),
        ("What is 6 x 7?\nHint: answer: 42", "Hint: answer: 42"),
        ("What is 6 x 7?\nHint: 42", "What is 6 x 7?\nHint: 42"),
        ("What is 6 x 7?\nCorrect answer = $42$", "Correct answer = $42$"),
        ("What is 6 x 7?\n#### 42", "What is 6 x 7?\n#### 42"),
        ("Reference: \\boxed{42}. What is 6 x 7?", "Reference: \\boxed{42}. What is 6 x 7?"),
        ("What is 6 x 7? The correct answer to the question is **42**, explain.", "**42**"),
    ],
)
def test_a_stated_answer_in_the_prompt_is_a_leak(prompt: str, found: str) -> None:
    assert found in answer_leak(prompt, "We multiply.", "maths", REF)


@pytest.mark.parametrize(
    "prompt",
    [
        "There are 42 ducks and 42 hens. How many are there of each?",
        "What is 6 x 7? Write your answer as a whole number.",
        "Her answer is 41. What is the right one, if she lost 1?",
        "What is 6 x 7? End with 'The answer is X'.",
        "What is 6 x 7? Give the result in the form \\boxed{42}, for example.",
        "The result is 42 when I double it. What is it?",
        "The answer is 420. What was the question?",
        "Answer: ",
        "The answer is 42, 43 or 44. Which is it?",
    ],
)
def test_a_number_that_occurs_is_no_leak(prompt: str) -> None:
    assert answer_leak(prompt, "We multiply.", "maths", REF) == ""


def test_letters_are_leaks_only_where_they_are_stated() -> None:
    assert answer_leak("Which?\nA) one B) two\nAnswer: B", "b", "choice", '{"answer":"B"}')
    assert not answer_leak("Which?\nA) one B) two\nAnswer: A, B or C", "b", "choice", '{"answer":"B"}')
    assert not answer_leak("Which?\nA) one B) two", "b", "choice", '{"answer":"B"}')


def test_a_solution_that_the_prompt_holds_is_a_leak() -> None:
    solution = " ".join(f"word{n}" for n in range(60))
    assert (
        answer_leak(f"Solve it.\n{solution}", solution, "maths", "{}")
        == "100% of the attempt's words stand in the prompt in the same order"
    )
    assert answer_leak("Solve it.", solution, "maths", "{}") == ""
    assert answer_leak(f"Solve it.\n{solution}", f"{solution}\nThe answer is 42.", "maths", "{}") == ""
    assert answer_leak(f"Correct it.\n{solution}", solution, "judge", "{}") == ""
    half = " ".join(f"word{n}" for n in range(30))
    assert answer_leak(f"Solve it.\n{half} and so on and on and on", solution, "maths", "{}") == ""
    program = "def f(x):\n    y = x + 1\n    return y"
    assert answer_leak(f"Complete:\n{program}\n# end", program, "code", "{}") == "all 3 lines of the attempt stand in the prompt"
    assert answer_leak(f"Complete:\n{program}\n# end", program + "\n    z = 1", "code", "{}") == ""


@pytest.mark.parametrize(
    "attempt",
    [
        "According to the answer key, it is 42.",
        "The reference answer is 42, so we work towards it.",
        "The given answer is 42, which agrees.",
        "As in the previous attempt, we add.",
        "We get 41, but the expected answer is 42, so I made a mistake.",
        "Since the correct answer is known, we only show the steps.",
        "This matches the ground truth solution.",
        "I was supposed to get 42.",
    ],
)
def test_a_thought_that_has_seen_the_answer_peeks(attempt: str) -> None:
    assert peek("What is 6 x 7?", attempt) != ""
    assert measure(attempt)["thought.peek"] == peek("How many?", attempt)


@pytest.mark.parametrize(
    ("prompt", "attempt"),
    [
        ("What is 6 x 7?", "We multiply. The answer is 42. The given solution of acid has 42 %, the given equation has a solution."),
        ("A teacher lost the answer key. How many?", "The answer key has 42 answers."),
        ("What is 6 x 7?", "We compute for long. " * 20 + "As in the previous attempt, we try again."),
        ("Which?", "Of the given answer choices, B fits."),
        ("How many?", "She was supposed to get home, and the model train runs."),
    ],
)
def test_honest_words_are_no_peeking(prompt: str, attempt: str) -> None:
    assert peek(prompt, attempt) == ""


# ---- refusals, run-ons, templates


@pytest.mark.parametrize(
    ("text", "answer", "refuses"),
    [
        ("I'm sorry, but I can't help with that.", "", True),
        ("As an AI language model, I cannot solve this.", "", True),
        ("I cannot provide an answer to this question.", "", True),
        ("The value cannot be determined from this.", "", False),
        ("I can't help but notice that 6 x 7 = 42.", "42", False),
        ("We can't divide by zero, so x = 3.", "3", False),
        ("We write it out. " * 60 + "I can't help with more.", "", False),
    ],
)
def test_refusals(text: str, answer: str, refuses: bool) -> None:
    assert is_refusal(text, answer) is refuses


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("It is $\\boxed{220}$.\n\nQuestion:\nWhat is i^2?", "Question:"),
        ("It is $\\boxed{220}$.\nNow it's your turn to solve a question!", "Now it's your turn"),
        ("The answer is 3.\n\nNow solve the next problem.\nFind y.", "Now solve the next problem."),
        ("The answer is 3.\n\nHere's another problem: find y.", "Here's another problem"),
        ("Now solve this problem step by step.\nIt is \\boxed{3}.", None),
        ("Question: what is asked? We want x.\nIt is \\boxed{3}.", None),
        ("Here's the problem: we need x.\nWe find 3.", None),
    ],
)
def test_texts_that_run_on_are_told(text: str, rest: str | None) -> None:
    start = run_on(text)
    assert (None if start is None else text[start:].lstrip().startswith(rest or "?")) == (None if rest is None else True)


def test_templates_are_problems_without_numbers_and_names() -> None:
    one = template_of("Janet has 16 eggs and gives Tom 3. How many are left?")
    assert one == template_of("Janet has 205 eggs and gives Paul 1,000. How many are left?")
    assert one != template_of("Janet has 16 eggs and sells Tom 3. How many are left?")


# ---- the step


def test_every_fact_is_written_and_only_text_is_measured() -> None:
    facts = measure(GSM, answer="18")
    assert set(facts) == {fact.name for fact in (*THOUGHT_FACTS, DOMAIN, ANSWER, VERIFIER, REFERENCE)}
    assert {name: facts[name] for name in ("thought.num_steps", "thought.is_tagged", "thought.is_truncated", "thought.is_looping")} == {
        **{"thought.num_steps": 2, "thought.is_tagged": False, "thought.is_truncated": False, "thought.is_looping": False}
    }
    with_image = Conversation("k", Origin("s"), (Turn("user", (Image(),)), Turn("assistant", (Text("4"),), True)), record("4").facts)
    found = MeasureThought()(with_image)
    assert isinstance(found, Reject)
    assert (found.reason, found.detail) == ("no_attempt", "expected text turns and an assistant's turn at the end")
    empty = MeasureThought()(record(" \n"))
    assert isinstance(empty, Reject)
    assert empty.detail == "9 characters of question and 0 of attempt"


HOSTILE = [
    *("\\[" * 16_000, "$" * 33_000, "{" * 33_000, "\\boxed{" * 6_000, "```\n" * 10_000, "<think>" * 6_000, "<<" * 16_000, "(" * 33_000),
    *(
        "\\begin{a}" * 4_000,
        "ab" * 20_000,
        "a " * 20_000,
        "the answer is " * 2_000,
        "\n" * 33_000 + "x",
        ". " * 16_000,
        "1. " * 13_000,
        "- " * 16_000,
    ),
    *(
        "answer " * 5_000,
        "Step 1: " * 5_000,
        "因" * 20_000,
        "λ" * 20_000,
        "\nnow it's your turn" * 2_000,
        "x" * 59 + "y" * 33_000,
        "\t" * 33_000 + "x",
    ),
    *(
        "$a" * 16_000,
        "\\(" * 16_000,
        "`" * 33_333,
        "\\begin{a}\\end{b}" * 2_000,
        "#### " * 6_000,
        "A: \n" * 6_000,
        "~a" * 16_000,
        "I can't " * 5_000,
    ),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_texts_take_time_in_proportion(number: int) -> None:
    """A search that is quadratic in such a text takes minutes."""
    text = HOSTILE[number]
    measure(text)
    measure("We add.", prompt=text)
