"""Synthetic text: what is planned for a seed, what is asked, and that only a whole text of the form asked for is taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from processors.text import synthesis_forms as forms
from processors.text.synthesis import (
    AUDIENCE,
    OVERLAP,
    PASSAGE,
    PASSAGES,
    RECIPE,
    SEED_KEY,
    STYLE,
    WORDS,
    PlanSynthesis,
    SynthesisWriting,
    passages_of,
)
from processors.text.synthesis_recipes import RECIPES
from schemas.outcome import Reject
from schemas.records import Origin, Row

ORIGIN = Origin("web", "r1", "CC0-1.0", "row 1")
SEED = (
    "The harbour of the old town silts up because two rivers bring 40,000 tonnes of sand a year. A dredger clears the channel each spring, "
    "yet the storms of autumn close it again. In 1962 the council built a breakwater, which turned the current and moved the sand bar "
    "to the south of the entrance, where fishing boats now run aground at low water."
)
CODE_SEED = "def mean(values):\n    total = 0\n    for value in values:\n        total += value\n    return total / len(values)\n"
FILLER = (
    "Sand travels where water slows down, because slow water cannot carry what fast water lifted. A river that meets the sea loses its speed within a "
    "short distance. What it carried sinks, first the coarse grains and then the fine ones. This is why a harbour at a river mouth fills, and why people dig "
    "there every year. A wall that turns the current only moves the place at which the water slows. The deposit follows it. Engineers therefore ask first where "
    "the grains would settle without any wall, and only then draw one. They measure the flow at several depths, since the bed is slower than the surface. "
    "They also ask how the sea answers in winter, when waves stir the bottom and lift again what had settled in calm months."
)
TEXTBOOK = f"# Why harbours fill with sand\n\n{FILLER}"
EXERCISE = (
    f"## Exercise\n\n{FILLER} How much sand settles in a year if 3 boats of 20 tonnes carry it away each week?\n\n## Solution\n\nThree boats take 60 tonnes a week. "
    "A year has 52 weeks, so 52 times 60, which is 3120 tonnes, leave the harbour, because each boat is full every time.\n\n## Answer\n\n3120 tonnes"
)
DIALOGUE = "\n".join(
    f"Q: {question}\nA: {answer}"
    for question, answer in (
        (
            "Why does the harbour fill with sand?",
            "Two rivers slow down there, and what they carried sinks to the bottom. Slow water cannot hold grains that fast water lifted.",
        ),
        (
            "What is done about it every spring?",
            "A ship digs the channel free again. It has to be done each year, since the rivers never stop bringing more.",
        ),
        (
            "Did the wall help the boats?",
            "It turned the current. The bank of sand is now south of the entrance, and boats that come in at low tide get stuck upon it.",
        ),
        (
            "What would an engineer ask first today?",
            "Where the grains would settle if nothing were built. Only then is it plain what a wall would move, and to which place.",
        ),
    )
)
REPHRASED = (
    "Each year 40,000 tonnes of sand come down two rivers and settle in the old town's harbour. Every spring a ship digs the channel free; by autumn, storms have shut it. "
    "Since the breakwater of 1962 turned the current, the bar lies south of the entrance, and fishermen who come home on a low tide get stuck there."
)
EXPLAINED = (
    "The function gives the average of a list of numbers. It first makes a place for the sum:\n\n```python\ntotal = 0\n```\n\nThen it visits each number once and adds "
    "it to what has been gathered so far, so that after the loop every number has been counted exactly one time:\n\n```python\nfor value in values:\n    total += value\n```\n\n"
    "At the end the sum is divided by how many there are. An empty list makes the divisor nothing, and the program stops with an error, which is honest: there is no average of no numbers. "
    "The time grows with the length of the list, since each element is looked at once, and the memory stays the same however long it is."
)
GOOD = {"textbook": TEXTBOOK, "exercise": EXERCISE, "dialogue": DIALOGUE, "rephrase": REPHRASED, "code_explanation": EXPLAINED}


def row(**fields: object) -> Row:
    return Row("k1", ORIGIN, fields or {"text": SEED}, {"text": b"page"})


def planned(recipe: str, seed: str = SEED, words: int = 150) -> Row:
    children = PlanSynthesis((recipe,))(row(text=seed))
    assert isinstance(children, list)
    return replace(children[0], facts={**children[0].facts, WORDS.name: words})


def read(reply: str, recipe: str = "textbook", seed: str = SEED, words: int = 150) -> Row | Reject:
    return SynthesisWriting().read(planned(recipe, seed, words), reply)


def seed_of(recipe: str) -> str:
    return CODE_SEED if recipe == "code_explanation" else SEED


# ---- the plan


def test_a_seed_becomes_a_child_for_each_recipe_and_variant() -> None:
    plan = PlanSynthesis(("textbook", "dialogue"), variants=2)
    children = plan(row())
    assert isinstance(children, list)
    assert [child.facts[RECIPE.name] for child in children] == ["textbook", "textbook", "dialogue", "dialogue"]
    assert {child.facts[SEED_KEY.name] for child in children} == {"k1"}
    assert {(child.fields["text"], len(child.blobs), child.origin) for child in children} == {(SEED, 0, ORIGIN)}
    assert children == plan(row())
    names = {fact.name for fact in plan.writes}
    assert all(set(child.facts) == names for child in children)


def test_audience_style_and_length_vary_with_the_row_and_the_seed() -> None:
    def drawn(key: str, seed: int = 0) -> tuple[Any, ...]:
        children = PlanSynthesis(("textbook",), seed)(replace(row(), key=key))
        assert isinstance(children, list)
        return tuple(children[0].facts[fact.name] for fact in (AUDIENCE, STYLE, WORDS))

    many = [drawn(f"k{number}") for number in range(300)]
    assert len(set(many)) > 80  # of 6 x 6 x 3
    for place, recipe_values in enumerate((RECIPES["textbook"].audiences, RECIPES["textbook"].styles, RECIPES["textbook"].words)):
        assert {one[place] for one in many} == set(recipe_values)
    assert drawn("k1") != drawn("k1", seed=1)


def test_a_long_seed_is_cut_between_paragraphs_and_nothing_of_it_is_lost() -> None:
    paragraphs = [f"Paragraph {number} " + "word " * number for number in range(40)]
    passages = passages_of("\n\n".join(paragraphs), 300)
    assert max(map(len, passages)) <= 300
    assert "".join("".join(passages).split()) == "".join("".join(paragraphs).split())
    assert passages_of("x" * 1_000, 300) == ["x" * 300, "x" * 300, "x" * 300, "x" * 100]
    assert passages_of("one two " * 100, 200)[0].endswith(("one", "two"))
    assert passages_of(SEED, 6_000) == [SEED]
    children = PlanSynthesis(("textbook",), max_passages=3, max_seed_chars=300)(row(text="\n\n".join(paragraphs)))
    assert isinstance(children, list)
    assert [child.facts[PASSAGES.name] for child in children] == [len(passages)] * 3
    assert all(child.fields["text"] == passages[int(child.facts[PASSAGE.name])] for child in children)


@pytest.mark.parametrize(
    ("recipe", "bad", "reason", "good"),
    [
        ("textbook", "", "no_seed", "Sand"),
        ("textbook", "x", "seed_too_short", "Tides"),
        ("rephrase", SEED[:199], "seed_too_short", SEED[:200]),
        ("code_explanation", SEED, "seed_not_code", CODE_SEED),
    ],
)
def test_seeds_from_which_nothing_can_be_made(recipe: str, bad: str, reason: str, good: str) -> None:
    refused = PlanSynthesis((recipe,))(row(text=bad))
    assert isinstance(refused, Reject) and refused.reason == reason
    assert isinstance(PlanSynthesis((recipe,))(row(text=good)), list)


def test_a_topic_is_a_seed_and_one_recipe_may_take_what_another_refuses() -> None:
    children = PlanSynthesis(("rephrase", "textbook"))(row(topic="Silting of harbours"))
    assert isinstance(children, list)
    assert [(child.facts[RECIPE.name], child.fields["text"]) for child in children] == [("textbook", "Silting of harbours")]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"recipes": ()}, "recipes are none, expected some of textbook, exercise, dialogue, rephrase, code_explanation"),
        ({"recipes": ("poem",)}, "recipes are poem"),
        ({"recipes": ("textbook", "textbook")}, "each once"),
        ({"variants": 0}, "variants is 0, expected 1 or more"),
        ({"max_passages": 0}, "max_passages is 0"),
        ({"max_seed_chars": 100}, "max_seed_chars is 100, expected 200 or more"),
    ],
)
def test_a_plan_that_makes_no_sense_is_an_error(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        PlanSynthesis(**{"recipes": ("textbook",), **options})
    with pytest.raises(ValueError, match="expected 0 < min < max"):
        SynthesisWriting(2.0, 1.0)


# ---- the prompt


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_prompt_says_what_was_drawn_and_holds_the_material_once(recipe: str) -> None:
    child = planned(recipe, seed_of(recipe), words=350)
    prompt = SynthesisWriting().prompt(child)
    assert str(child.facts[AUDIENCE.name]) in prompt.text
    assert str(child.facts[STYLE.name]) in prompt.text
    assert "About 350 words" in prompt.text
    assert prompt.text.count(seed_of(recipe).strip()) == 1
    assert "{" not in prompt.text
    assert prompt.max_tokens == 4 * 350 + 256
    assert prompt.system == RECIPES[recipe].system


def test_braces_in_the_material_are_material() -> None:
    assert "{audience} {0}" in SynthesisWriting().prompt(planned("textbook", "a {audience} {0} b")).text


# ---- the reading


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_good_text_is_taken_as_it_stands(recipe: str) -> None:
    done = read(f"\n{GOOD[recipe]}\n", recipe, seed_of(recipe))
    assert isinstance(done, Row), done
    assert done.fields["text"] == GOOD[recipe]
    assert done.key == "k1"
    assert 0 <= float(done.facts[OVERLAP.name]) <= RECIPES[recipe].max_overlap_ratio


def test_a_fence_around_the_whole_is_taken_off() -> None:
    done = read(f"```markdown\n{TEXTBOOK}\n```")
    assert isinstance(done, Row)
    assert done.fields["text"] == TEXTBOOK


@pytest.mark.parametrize(
    ("recipe", "reply", "told"),
    [
        ("textbook", "  \n", "the reply is empty"),
        ("textbook", "I'm sorry, but I can't help with that request.", "the model declines"),
        ("textbook", f"Sure, here is the section:\n\n{TEXTBOOK}", "begins with words to the one who asked: 'Sure,'"),
        ("textbook", f"Here is a section of a textbook on sand:\n\n{TEXTBOOK}", "begins with words to the one who asked"),
        ("rephrase", f"Natürlich! {REPHRASED}", "begins with words to the one who asked"),
        ("rephrase", f"以下是改写后的文本：\n{REPHRASED}", "begins with words to the one who asked"),
        ("textbook", f"{TEXTBOOK}\n\nLet me know if you would like more.", "ends with words to the one who asked"),
        ("textbook", f"{TEXTBOOK}\n\nI hope this helps!", "ends with words to the one who asked"),
        ("textbook", f"{TEXTBOOK} As an AI language model, I have no feet.", "speaks of itself as a model"),
        ("textbook", f"{TEXTBOOK} It was written by [Your Name].", "has a place that was not filled in"),
        ("textbook", f"{TEXTBOOK} According to the passage, boats run aground.", "speaks of a text that the reader does not see"),
        ("textbook", f"{TEXTBOOK} And then the water which the", "stops inside a sentence"),
        ("textbook", f"{TEXTBOOK}\n\n```python\nx = 1", "a fenced block is not closed"),
        ("textbook", "# Sand\n\nIt sinks.", "tokens, expected 75 to 600 for 150 words"),
        ("textbook", f"{TEXTBOOK} {FILLER} {FILLER} {FILLER} {FILLER}", "tokens, expected 75 to 600 for 150 words"),
        ("textbook", f"{TEXTBOOK} {FILLER}", "the text repeats itself: 0.4"),
        ("textbook", FILLER, "expected a heading that starts with #"),
        ("textbook", f"# {FILLER[:150]}\n\n{'– · ' * 200}.", "nothing under it"),
        ("exercise", TEXTBOOK, "expected Exercise, Solution and Answer"),
        ("exercise", EXERCISE.replace("3120 tonnes", "").replace("which is ,", "as said,"), "nothing stands under Answer"),
        ("exercise", EXERCISE.replace("## Solution", "## Answer"), "headings are Exercise, Answer, Answer"),
        ("dialogue", FILLER, "expected at least four pairs of Q: and A: in turn"),
        ("dialogue", DIALOGUE.replace("A: A ship", "Q: A ship"), "the lines are QAQQQAQA"),
        ("dialogue", "\n".join(DIALOGUE.split("\n")[:6]), "the lines are QAQAQA"),
        ("rephrase", f"{REPHRASED} {FILLER}", "more is told than the seed tells"),
        ("code_explanation", FILLER, "no line of the code is quoted"),
        (
            "code_explanation",
            EXPLAINED.replace("total = 0", "sum = 0\nx = 3"),
            "2 of 4 quoted lines are not in the code, such as 'sum = 0'",
        ),
        ("code_explanation", f"```\n{CODE_SEED}```\n" + "." * 300, "tokens"),
    ],
)
def test_what_is_no_text_to_learn_from_is_a_bad_reply(recipe: str, reply: str, told: str) -> None:
    refused = read(reply, recipe, seed_of(recipe))
    assert isinstance(refused, Reject), refused
    assert refused.reason == "bad_reply"
    assert told in refused.detail


@pytest.mark.parametrize(
    "text",
    [
        f"# Sand\n\nSure footing is rare on a bar. {FILLER}",
        f"# Of course, a harbour fills\n\n{FILLER}",
        f"# What the document said\n\n{FILLER} The document of 1962 is kept in the town hall.",
        f"# Here and there\n\nHere is where the water slows. {FILLER}",
        f"{TEXTBOOK}\n\n- slow water\n- coarse grains first",
    ],
)
def test_near_misses_are_taken(text: str) -> None:
    assert isinstance(read(text), Row), read(text)


def test_a_copy_is_refused_and_a_quotation_is_not() -> None:
    copied = read(f"# Sand\n\n{SEED} {FILLER[:200]}.", "textbook")
    assert isinstance(copied, Reject)
    assert (copied.reason, "expected 0.2 or less" in copied.detail) == ("copies_seed", True)
    quoted = read(f"{TEXTBOOK} In 1962 the council built a breakwater, which turned the current.", "textbook")
    assert isinstance(quoted, Row)
    assert 0 < float(quoted.facts[OVERLAP.name]) < 0.1


def test_another_language_is_refused_unless_the_seed_tells_none() -> None:
    german = (
        "# Warum Häfen versanden\n\nWo das Wasser langsamer wird, sinkt der Sand zu Boden, denn langsames Wasser trägt nicht, was schnelles gehoben hat. Ein Fluss, der das Meer "
        "erreicht, verliert auf kurzer Strecke seine Kraft. Zuerst sinken die groben Körner, dann die feinen. Deshalb muss man die Rinne jedes Jahr von neuem ausbaggern, und deshalb "
        "verschiebt eine Mauer den Ort nur, an dem sich alles ablagert."
    )
    refused = read(german)
    assert isinstance(refused, Reject)
    assert (refused.reason, refused.detail.startswith("measured as de")) == ("language_changed", True)
    assert isinstance(read(german, seed="Häfen"), Row)


def test_a_rephrased_text_adds_no_number() -> None:
    refused = read(REPHRASED.replace("1962", "1963"), "rephrase")
    assert isinstance(refused, Reject)
    assert (refused.reason, refused.detail) == ("new_numbers", "1963: 1, expected none")
    assert isinstance(read(REPHRASED.replace("40,000", "40 000").replace("two", "2"), "rephrase"), Row)


def test_every_reason_is_declared() -> None:
    assert {reason.name for reason in SynthesisWriting.reasons} == {"copies_seed", "language_changed", "new_numbers", "bad_reply"}
    assert {reason.name for reason in PlanSynthesis.reasons} == {"no_seed", "seed_too_short", "seed_not_code"}


@pytest.mark.parametrize(
    "hostile",
    [
        "here is " * 20_000,
        "```\n" * 20_000,
        "[insert " * 20_000,
        "Q: a\n" * 20_000,
        "#" * 200_000,
        "1," * 100_000,
        "def " * 30_000,
        "`" * 200_000,
        "the provided " * 20_000,
    ],
)
def test_hostile_text_is_judged_in_one_pass(hostile: str) -> None:
    hostile = hostile * 5  # about a million characters: work that grows with the square would not end
    assert forms.unwrapped(hostile) == hostile.strip()
    refused = read(hostile)
    assert isinstance(refused, Reject) and refused.reason == "bad_reply"
    problems = [recipe.form(hostile, hostile) for recipe in RECIPES.values()]
    assert sum(map(bool, problems)) >= 3
    assert forms.new_numbers(hostile, hostile) == []
    assert forms.overlap_ratio(hostile, hostile) in (0.0, 1.0)
    assert isinstance(forms.looks_like_code(hostile), bool)
