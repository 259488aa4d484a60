"""The final answer of a text: what is found in every dress, what is not taken for one, and that no text takes long or raises."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.verify.answer import (
    BOXED,
    CONCLUSION,
    DOUBTED,
    HASHES,
    JSON,
    LABELLED,
    LAST_NUMBER,
    MAX_ANSWER_CHARS,
    SAID,
    TAGGED,
    WEAK,
    WHOLE,
    Found,
    _lower,
    final_answer,
    run_on,
    spoken_part,
)
from processors.verify.answer_dress import undress

ENGLISH = [
    # marks
    ("So we get \\boxed{18}.", "18", BOXED),
    ("$$\\boxed{\\frac{1}{2}}$$", "\\frac{1}{2}", BOXED),
    ("\\boxed{\\left\\{1, 2\\right\\}}", "\\left\\{1, 2\\right\\}", BOXED),
    ("\\boxed{\\left\\{ x \\right.}", "\\left\\{ x \\right.", BOXED),
    ("\\boxed {7}", "7", BOXED),
    ("\\boxed7", "7", BOXED),
    ("\\boxed 42 apples", "42", BOXED),
    ("there remain $\\fbox{958}$ values", "958", BOXED),
    ("or $\\framebox{204}$ minutes -someone", "204", BOXED),
    ("\\boxed{\\textbf{(B)}}", "(B)", BOXED),
    ("\\boxed{\\text{Tuesday}}", "Tuesday", BOXED),
    ("\\boxed{\\boxed{5}}", "5", BOXED),
    ("First \\boxed{3}. After a check, it is \\boxed{4}.", "4", BOXED),
    ("\\boxed{3} and \\boxed{5}", "3, 5", BOXED),
    ("$x = \\boxed{3}$ or $x = \\boxed{-3}$", "3, -3", BOXED),
    ("$\\boxed{220}$, that is $\\boxed{220}$", "220", BOXED),
    ("$\\boxed{220}$, $\\boxed{220}$", "220", BOXED),
    ("\\boxed{1\n}", "1", BOXED),
    ("<answer> 18 </answer>", "18", TAGGED),
    ("<answer>\\boxed{18}</answer>", "18", TAGGED),
    ("<answer>We add 9 and 9. The answer is 18.</answer>", "18", TAGGED),
    ("Sure.\n<answer>Paris", "Paris", TAGGED),
    ("[ANSWER]f(1) == 2[/ANSWER]", "f(1) == 2", TAGGED),
    ("2 * 9 = <<2*9=18>>18 a day.\n#### 18", "18", HASHES),
    ("so 9.\n#### 1,080.50", "1,080.50", HASHES),
    ("so 9.\n#### -3\n", "-3", HASHES),
    ("so it is\n#### Tuesday", "Tuesday", HASHES),
    ('{"reasoning": "3 + 4", "answer": "7"}', "7", JSON),
    ('{"answer": 7.50}', "7.50", JSON),
    ('```json\n{"final_answer": ["a", "b"]}\n```', "a, b", JSON),
    ('{"answer": true}', "true", JSON),
    # sentences and labels
    ("The answer is 18.", "18", SAID),
    ("The answer is 3.14.", "3.14", SAID),
    ("The final answer is $18.", "$18", SAID),
    ("The answer is $18. She pays $5 less.", "$18", SAID),
    ("So the answer is $\\frac{1}{2}$.", "\\frac{1}{2}", SAID),
    ("The answer is $ x^2 $, as claimed.", "$ x^2 $, as claimed", SAID),
    ("the answer is:\n\\[ \\frac{1}{2} \\]\n", "\\frac{1}{2}", SAID),
    ("The answer is **(B)**.", "(B)", SAID),
    ("The answer is (B) Paris. It lies on the Seine.", "(B) Paris", SAID),
    ("The answer to the first question is 12 eggs.", "12 eggs", SAID),
    ("The correct answer would be Mr. Smith.", "Mr. Smith", SAID),
    ("The answer is 5, because 2 + 3 = 5.", "5", SAID),
    ("The answer is 5, not 6.", "5", SAID),
    ("The answer is 5 since we add.", "5", SAID),
    ("My answer: yes", "yes", LABELLED),
    ("**Answer:** 42", "42", LABELLED),
    ("**Answer**: 42", "42", LABELLED),
    ("### Final Answer\n\n42 apples\n", "42 apples", LABELLED),
    ("Final answer: \\(2\\sqrt{3}\\)", "2\\sqrt{3}", LABELLED),
    ("**Final Answer:**\n$$x = 3$$", "x = 3", LABELLED),
    ("Answer: (B)", "(B)", LABELLED),
    ("Work...\nA: 18", "18", LABELLED),
    ("A: 2,085", "2,085", LABELLED),
    ("Answer: The area is 32 square units.", "32 square units", LABELLED),
    ("Answer: about 83.3 seconds.", "83.3 seconds", LABELLED),
    ("Answer:\n- width 3\n- length 4\n", "- width 3\n- length 4", LABELLED),
    ("Answer:\n- 12\n", "12", LABELLED),
    ("... = 124.20ANSWER: \\$124.20", "\\$124.20", SAID),
    ("Hence 5 is the answer.", "5", SAID),
    ("So **Tuesday** is the correct answer.", "Tuesday", SAID),
    ("The correct option is C.", "C", SAID),
    # corrections: the last statement holds
    ("The answer is 4. Wait, no: the answer is 5.", "5", SAID),
    ("\\boxed{4}. Wait, no, the answer is 5.", "5", SAID),
    ("The answer is 4.\n\\boxed{5}", "5", BOXED),
    ("#### 18\nThe answer is 19.", "19", SAID),
    # nothing but an answer
    ("18", "18", WHOLE),
    ("x = 3", "x = 3", WHOLE),
    ("Paris", "Paris", WHOLE),
    ("$\\pi$", "\\pi", WHOLE),
    # conclusions
    ("We solve. Therefore, x = 3.", "3", CONCLUSION),
    ("60 - 10 = 50\n\nHence n = |M| = 5.", "5", CONCLUSION),
    ("Add up. Thus the total is 134 orders.", "134 orders", CONCLUSION),
    ("We find that the solution is x = 4.", "x = 4", CONCLUSION),
    # the last number: a guess
    ("She has 3 apples and buys 4 more, 7 in her bag now and none left behind", "7", LAST_NUMBER),
    ("It follows from 12 and 30 that they meet at 1,050", "1,050", LAST_NUMBER),
]
GERMAN = [
    ("Die Antwort ist 18.", "18", SAID),
    ("Die Antwort lautet: 18", "18", SAID),
    ("Die richtige Antwort ist (B).", "(B)", SAID),
    ("Also ist die Antwort 5, weil 2 + 3 = 5.", "5", None),
    ("Antwort: 3,5", "3,5", LABELLED),
    ("**Antwort:** 42 Äpfel", "42 Äpfel", LABELLED),
    ("Die Lösung lautet x = 3.", "x = 3", CONCLUSION),
    ("Das Endergebnis ist 12.", "12", CONCLUSION),
    ("Endergebnis: 12", "12", CONCLUSION),
    ("Die endgültige Antwort ist **Berlin**.", "Berlin", SAID),
    ("Somit ist x = 3.", "3", CONCLUSION),
    ("Die richtige Option ist C.", "C", SAID),
]
ROMANCE = [
    ("La réponse est 18.", "18", SAID),
    ("La bonne réponse est (B).", "(B)", SAID),
    ("Réponse : 42", "42", LABELLED),
    ("La réponse finale est $\\frac{1}{2}$.", "\\frac{1}{2}", SAID),
    ("La réponse est 5, car 2 + 3 = 5.", "5", SAID),
    ("**Réponse finale :** Paris", "Paris", LABELLED),
    ("Donc x = 3.", "3", CONCLUSION),
    ("Le résultat est 12.", "12", CONCLUSION),
    ("La respuesta es 18.", "18", SAID),
    ("La respuesta correcta es la B.", "la B", SAID),
    ("Respuesta: 42", "42", LABELLED),
    ("La respuesta final es: 42", "42", SAID),
    ("La respuesta es 5, porque 2 + 3 = 5.", "5", SAID),
    ("El resultado es 12.", "12", CONCLUSION),
    ("Por lo tanto, x = 3.", "3", CONCLUSION),
    ("La risposta è 18.", "18", SAID),
    ("La risposta corretta è (B).", "(B)", SAID),
    ("Risposta: 42", "42", LABELLED),
    ("La risposta finale è 5, perché 2 + 3 = 5.", "5", SAID),
    ("Il risultato è 12.", "12", CONCLUSION),
    ("Quindi x = 3.", "3", CONCLUSION),
    ("A resposta é 18.", "18", SAID),
    ("A resposta correta é (B).", "(B)", SAID),
    ("Resposta: 42", "42", LABELLED),
    ("Resposta final: 42", "42", LABELLED),
    ("A resposta final é 5, pois 2 + 3 = 5.", "5", SAID),
    ("Portanto, x = 3.", "3", CONCLUSION),
    ("O resultado é 12.", "12", CONCLUSION),
]
EAST_ASIAN = [
    ("答案是18。", "18", SAID),
    ("所以答案是 18。", "18", SAID),
    ("答案：18", "18", LABELLED),
    ("答案: B", "B", LABELLED),
    ("最终答案是：$\\frac{1}{2}$。", "\\frac{1}{2}", SAID),
    ("因此，答案为 3。", "3", SAID),
    ("正确答案是B。", "B", SAID),
    ("故选：B", "B", SAID),
    ("综上，故选B。", "B", SAID),
    ("应选(C)。", "(C)", SAID),
    ("答：小明有12个苹果。", "小明有12个苹果", LABELLED),
    ("**答案**：42", "42", LABELLED),
    ("答案应该是 5，因为 2 + 3 = 5。", "5", SAID),
    ("所以 x = 3。", "3", CONCLUSION),
    ("如果答案是 3，那么不行。\n答案是 4。", "4", SAID),
    ("答案不是3。答案是4。", "4", SAID),
    ("答案是\\boxed{7}。", "7", BOXED),
    ("答えは18です。", "18", SAID),
    ("答えは、5 です。", "5", SAID),
    ("したがって、答えは 5 となります。", "5", SAID),
    ("答え：18", "18", LABELLED),
    ("答え: 東京", "東京", LABELLED),
    ("正解はBです。", "B", SAID),
    ("最終的な答えは $x = 3$ である。", "x = 3", SAID),
    ("よって x = 3。", "3", CONCLUSION),
    ("解答：12", "12", LABELLED),
    ("もし答えは 3 なら違います。答えは 4 です。", "4", SAID),
]


@pytest.mark.parametrize(("text", "answer", "how"), [*ENGLISH, *GERMAN, *ROMANCE, *EAST_ASIAN])
def test_what_is_found(text: str, answer: str, how: str | None) -> None:
    found = final_answer(text)
    assert found is not None
    assert (found.text, found.how) == (answer, how or found.how)


NONE = [
    "",
    "   \n",
    "<think>\\boxed{5}",
    "<think>The answer is 5.</think>",
    "<think>The answer is 5.</think>\n\n",
    "I do not know. Nobody does.",
    "The answer is correct.",
    "The answer is not known.",
]


@pytest.mark.parametrize("text", NONE)
def test_no_answer(text: str) -> None:
    assert final_answer(text) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("If the answer is 5, then 6 is odd. The answer is 7.", "7"),
        ("The answer is 7. We check whether the answer is 5.", "7"),
        ("The answer is 7. Is the answer 8?", "7"),
        ("The answer is 7. The answer is 8?", "7"),
        ("The answer is 7. The answer is correct.", "7"),
        ("\\boxed{220}\n\nIn the most common case the answer is considered as 220, in other cases 0220.", "220"),
        ("\\boxed{220}. The answer is indeed reasonable, since 220 < 300.", "220"),
        ("\\boxed{220}\n\nThe answer is obtained by adding 3 numbers.", "220"),
        ("\\boxed{3} \\boxed{", "3"),
        ("\\boxed{3}. Then \\boxed{\\frac{1}{2}", "3"),
        ("#### Step 2\nWe add.\n#### 18\n#### Remark\nDone with 3.", "18"),
        ("<answer>5</answer> The answer tag holds <answer>", "5"),
        ("\\boxed{5}\nSo she has to wait 3 minutes.", "5"),
    ],
)
def test_what_speaks_about_an_answer_does_not_replace_it(text: str, answer: str) -> None:
    found = final_answer(text)
    assert found is not None
    assert found.text == answer
    assert found.how not in WEAK


@pytest.mark.parametrize(
    ("text", "answer", "how"),
    [
        ("\\boxed{4}. Wait, this is wrong. I have to go.", "4", DOUBTED),
        ("The answer is 4. Hmm, that can't be right.", "4", DOUBTED),
        ("The answer is 4. Hmm, let me recheck everything", "4", DOUBTED),
        ("\\boxed{4}.\nWait, 2 + 3 is 5. Therefore, x = 5.", "5", CONCLUSION),
        ("\\boxed{4}. Wait, no. \\boxed{5}", "5", BOXED),
        ("Answer: she has to wait 4 minutes", "she has to wait 4 minutes", LABELLED),
    ],
)
def test_an_answer_that_is_taken_back(text: str, answer: str, how: str) -> None:
    found = final_answer(text)
    assert found is not None
    assert (found.text, found.how) == (answer, how)


def test_a_thought_is_not_searched() -> None:
    assert final_answer("<think>\\boxed{5}</think>The answer is 6.") == Found("6", SAID, 38, 39)
    assert final_answer("so \\boxed{5}</think>\n\nIt is \\boxed{6}") == Found("6", BOXED, 28, 37)  # the template opened the thought
    found = final_answer("<|begin_of_thought|>The answer is 1.<|end_of_thought|><|begin_of_solution|>\\boxed{2}<|end_of_solution|>")
    assert found is not None and found.text == "2"
    assert spoken_part("<think>a</think> b") == " b"
    assert spoken_part("<think>a") == ""
    assert spoken_part("a<|end|><|user|>b") == "a"
    assert spoken_part("<|end|>a") == "a"


RUN_ON = "It is $\\boxed{220}$.\n\nQuestion:\nWhat is 1 + 1?\n\nMy solution:\n$1 + 1 = \\boxed{2}$"


def test_a_text_that_runs_on_answers_its_first_question() -> None:
    found = final_answer(RUN_ON)
    assert found is not None and found.text == "220"
    assert run_on(RUN_ON) == RUN_ON.index("\nQuestion")
    assert run_on(RUN_ON[: RUN_ON.index("\n\nQuestion")]) is None
    for rest in ("Q: and 2?\nA: 9", "### Instruction:\nNext", "<|end|><|user|>The answer is 4", "Human: The answer is 5"):
        text = f"First.\nA: 18\n\n{rest}"
        found = final_answer(text)
        assert found is not None and (found.text, run_on(text)) == ("18", text.index(rest) - (not rest.startswith("<")))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Question: What is 1 + 1?\nAnswer: 2", "2"),
        ("Question 1: 3\nThe answer is 3.\n\nQuestion 2: 4\nThe answer is 4.", "4"),
        ("**Problem 1:** easy. \\boxed{3}\n**Problem 2:** hard. \\boxed{4}", "4"),
    ],
)
def test_parts_of_a_problem_are_no_further_questions(text: str, answer: str) -> None:
    found = final_answer(text)
    assert found is not None
    assert found.text == answer
    assert run_on(text) is None


def test_an_answer_to_a_later_question_alone_is_doubted() -> None:
    found = final_answer("So she makes a lot.\n\nQuestion: What is 1 + 1?\nThe answer is 2.")
    assert found is not None and (found.text, found.how) == ("2", DOUBTED)


def test_where_it_stands() -> None:
    for text, _, how in [*ENGLISH, *GERMAN, *ROMANCE, *EAST_ASIAN]:
        found = final_answer(f"Well. {text}" if how in (BOXED, SAID) else text)
        assert found is not None
        assert 0 <= found.start < found.end <= len(text) + 6


def test_undress() -> None:
    assert undress("**$5$.**") == "5"
    assert undress("“Paris”.") == "Paris"
    assert undress("$5$ and $6$") == "$5$ and $6$"
    assert undress("5$") == "5$"
    assert undress("x^2$") == "x^2"
    assert undress("1, 2, ...") == "1, 2, ..."
    assert undress("です") == "です"
    assert undress("") == ""


def test_small_letters_have_the_length_of_the_text() -> None:
    text = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF)
    assert len(_lower(text)) == len(text)


# ---- any text


PIECES = [
    *(
        "\\boxed{",
        "}",
        "{",
        "\\",
        "$",
        "$$",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "####",
        "\n",
        "\n\n",
        " ",
        "5",
        "x",
        "**",
        "A: ",
        ":",
        "the answer",
    ),
    *("The answer is ", "Answer", "<answer>", "</answer>", "<think>", "</think>", "Question: ", " and ", "therefore ", "=", "wait, ", "."),
    *(
        "答案",
        "是",
        "答えは",
        "です",
        "。",
        "réponse",
        "est",
        " is the answer",
        "final",
        "1,000",
        "İ",
        "\x00",
        "\ud800",
        "```json\n",
        '{"answer": ',
    ),
]
HOSTILE = [
    "\\boxed{" * 15_000,
    "\\boxed{1}" * 11_000,
    "".join(f"\\boxed{{{number}}}, " for number in range(7_000)),
    "\\boxed{" * 7_000 + "}" * 50_000,
    "{" * 100_000,
    "the answer is " * 7_000,
    "the answer to " * 7_000,
    "answer" * 16_000,
    "answer:\n" * 12_000,
    "the answer is $" * 6_500,
    "A: 5\n" * 20_000,
    "#### 5\n" * 14_000,
    "####" * 25_000,
    "<answer>" * 12_000 + "</answer>" * 100,
    "<answer>" + "a " * 40_000,
    "<think></think>" * 6_000 + "5",
    "Question: 5\n" * 8_000,
    "the answer is 5\nQuestion: " * 4_000,
    "therefore " * 10_000 + "= 5",
    "= " * 50_000,
    "1," * 50_000,
    "1" * 100_000,
    " " * 100_000 + "x",
    "\n" * 100_000 + "x",
    "wait, " * 16_000,
    "\\boxed{4} wait, wait. " * 4_000,
    "[" * 100_000,
    '{"answer": ' + "[" * 90_000 + "}",
    '{"answer": ' * 9_000 + "1" + "}" * 9_000,
    "$" * 100_000,
    "5 is the answer " * 6_000,
    "if " * 30_000 + "the answer is 5",
    "答案是" * 30_000,
    "です" * 50_000,
    "*" * 100_000,
    "答案是" + "です" * 400,
    "\\text{" * 20_000,
    "\\boxed{\\text{" + "a\\" * 400 + "}}",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12].encode("unicode_escape").decode())
def test_hostile_texts_end(text: str) -> None:
    found = final_answer(text)
    assert found is None or len(found.text) <= MAX_ANSWER_CHARS


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_text_has_one_finding(text: str) -> None:
    found = final_answer(text)
    assert found == final_answer(text)
    if found is not None:
        assert found.text == found.text.strip() != ""
        assert 0 <= found.start <= found.end <= len(text)
    assert run_on(text) is None or text[run_on(text) :].strip()
    assert spoken_part(text) in text


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=400))
def test_plain_texts_too(text: str) -> None:
    found = final_answer(text)
    assert found is None or (found.text and found.end <= len(text))


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab =+-12.,\n", max_size=100), st.integers(-(10**6), 10**6))
def test_a_box_at_the_end_holds(text: str, number: int) -> None:
    found = final_answer(f"{text}\n\\boxed{{{number}}}")
    assert found is not None and (found.text, found.how) == (str(number), BOXED)
