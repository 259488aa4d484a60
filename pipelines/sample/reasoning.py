"""Made-up problems of arithmetic, programs and logic with attempts, right and wrong, in the columns in which such sets are shared.

Attempts are planted: sound ones in two wordings, slips, a copy, one that is cut, one that loops, one without an answer, programs that
fail their tests, never end, or end the process. `truth.jsonl` says of each what a verifier must find.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

PER_SIZE = 12
LICENCE = "CC0-1.0"
Rows = list[tuple[dict[str, object], list[str]]]
RIGHT, WRONG, NONE = "right", "wrong", "cannot_tell"


@dataclass(frozen=True, slots=True)
class _Story:
    """`{a}`, `{b}`, `{c}` are filled in; the answer is a * b - c, by two ways of telling it."""

    question: str
    first: str
    second: str


STORIES = (
    _Story(
        "A baker fills {a} trays with {b} rolls each. By noon {c} rolls are sold. How many rolls are left?",
        "The trays hold {a} * {b} = {ab} rolls. After {c} are sold, {ab} - {c} = {left} are left.",
        "Each of the {a} trays has {b} rolls, so there are {ab} rolls in the morning. Taking {c} away leaves {left} rolls.",
    ),
    _Story(
        "A library has {a} shelves with {b} books on each shelf. {c} books are lent out. How many books stand on the shelves?",
        "There are {a} * {b} = {ab} books in all. Of these {c} are away, so {ab} - {c} = {left} stand on the shelves.",
        "First count the books: {a} shelves of {b} make {ab}. Then subtract those that are lent: {ab} minus {c} is {left}.",
    ),
    _Story(
        "A gardener plants {a} rows of {b} tulips. In a storm {c} of them break. How many tulips are still standing?",
        "In {a} rows of {b} there are {a} * {b} = {ab} tulips. The storm breaks {c}, which leaves {ab} - {c} = {left}.",
        "The garden has {ab} tulips, since {a} times {b} is {ab}. Without the {c} broken ones there are {left}.",
    ),
)
LOOP = "Let me count the rows again. "
PROGRAMS = (
    ("add_all", "Returns the sum of the numbers in a list.", "sum(numbers)", "sum(numbers[1:])", "[1, 2, 3]", "6"),
    ("largest", "Returns the largest number in a list.", "max(numbers)", "numbers[-1]", "[4, 9, 2]", "9"),
    (
        "count_even",
        "Returns how many numbers in a list are even.",
        "sum(n % 2 == 0 for n in numbers)",
        "len(numbers) // 2",
        "[2, 4, 5]",
        "2",
    ),
    ("turned", "Returns the list in the opposite order.", "numbers[::-1]", "sorted(numbers)", "[3, 1, 2]", "[2, 1, 3]"),
)
RIDDLES = (
    ("Anna is taller than Ben, and Ben is taller than Cleo. Who is the shortest?", ("Anna", "Ben", "Cleo"), 2),
    (
        "All of the keys in this box are made of iron. This key is from the box. What is it made of?",
        ("Iron", "Brass", "It cannot be known"),
        0,
    ),
    ("Today is two days after Monday. Which day is tomorrow?", ("Tuesday", "Wednesday", "Thursday"), 2),
)


def make_reasoning(folder: Path, size: int, seed: int) -> None:
    """`reasoning/maths.jsonl`, `code.jsonl`, `choices.jsonl` (problems with attempts) and `votes.jsonl` (pairs with votes of three).

    `truth.jsonl` has a line for each row, with the verdict of each attempt, or the side that the votes prefer.
    """
    place = folder / "reasoning"
    place.mkdir(parents=True, exist_ok=True)
    files = {"maths": _maths(size, seed), "code": _code(size), "choices": _choices(size), "votes": _votes()}
    truth: list[dict[str, object]] = []
    for name, rows in files.items():
        write_lines(place / f"{name}.jsonl", [{**row, "licence": LICENCE} for row, _ in rows])
        truth += [{"file": f"{name}.jsonl", "line": number, "expected": expected} for number, (_, expected) in enumerate(rows)]
    write_lines(place / "truth.jsonl", truth)


def _maths(size: int, seed: int) -> Rows:
    rows: Rows = []
    for number in range(PER_SIZE * size):
        rng = keyed_rng(seed, "sample reasoning", str(number))
        a, b = (int(value) for value in rng.integers(6, 40, size=2))
        c = int(rng.integers(2, a * b // 2))
        story = STORIES[number % len(STORIES)]
        told = {"a": a, "b": b, "c": c, "ab": a * b, "left": a * b - c}
        slip = {**told, "left": a * b - c + 10}
        first, second = story.first.format(**told), story.second.format(**told)
        attempts = [
            (f"{first}\n#### {told['left']}", RIGHT),
            (f"{second} The answer is \\boxed{{{told['left']}}}.", RIGHT),
            (f"{story.first.format(**slip)}\n#### {slip['left']}", WRONG),
            (f"{first}\n\n#### {told['left']}", RIGHT),  # a copy of the first
            (f"{story.second.format(**slip)} The answer is \\boxed{{{slip['left']}}}.", WRONG),
        ]
        if number % 4 == 1:
            attempts.append((first[: len(first) // 2], NONE))  # cut
        if number % 4 == 2:
            attempts.append((f"{LOOP * 40}{first}\n#### {told['left']}", RIGHT))
        if number % 6 == 3:
            attempts = attempts[:2]  # solved every time
        if number % 6 == 5:
            attempts = [attempts[2], attempts[4]]  # never solved
        samples = [{"text": text, "model": f"model-{at % 2}"} for at, (text, _) in enumerate(attempts)]
        question = story.question.format(**told)
        rows.append(
            ({"question": question, "answer": str(told["left"]), "samples": samples, "subject": "arithmetic"}, [v for _, v in attempts])
        )
    rows.append(({"question": "How many legs do 7 cats have?", "samples": ["Each cat has 4 legs: 28."]}, ["no_reference"]))
    rows.append(({"question": "", "answer": "3", "samples": ["3"]}, ["no_problem"]))
    return rows


def _code(size: int) -> Rows:
    rows: Rows = []
    for number in range(len(PROGRAMS) * size):
        name, doc, right, wrong, given, expected = PROGRAMS[number % len(PROGRAMS)]
        name = name if number < len(PROGRAMS) else f"{name}_{number // len(PROGRAMS)}"
        prompt = f'def {name}(numbers: list[int]) -> object:\n    """{doc}"""\n'
        test = (
            f"def check(candidate):\n    assert candidate({given}) == {expected}\n    assert candidate([7, 1]) == {_run(number, [7, 1])}\n"
        )
        attempts = [
            (f"I go through the list once.\n\n```python\n{prompt}    return {right}\n```", RIGHT),
            (f"```python\ndef {name}(numbers):\n    found = {right}\n    return found\n```", RIGHT),
            (f"```python\n{prompt}    return {wrong}\n```", WRONG),
            (f"```python\nimport os\ndef {name}(numbers):\n    print('all tests passed')\n    os._exit(0)\n```", WRONG),
        ]
        if number % 4 == 0:
            attempts.append((f"```python\ndef {name}(numbers):\n    return {right}\n", RIGHT))  # a fence that is not closed
        if number % 4 == 1:
            attempts.append(("I would sort the list and take an end of it.", NONE))
        samples = [text for text, _ in attempts]
        rows.append(
            (
                {"task_id": f"Made/{number}", "prompt": prompt, "entry_point": name, "test": test, "samples": samples},
                [v for _, v in attempts],
            )
        )
    return rows


def _run(number: int, numbers: list[int]) -> object:
    """What the right program of a row gives."""
    return (sum(numbers), max(numbers), sum(n % 2 == 0 for n in numbers), numbers[::-1])[number % len(PROGRAMS)]


def _choices(size: int) -> Rows:
    rows: Rows = []
    for number in range(len(RIDDLES) * size):
        question, choices, answer = RIDDLES[number % len(RIDDLES)]
        question = question if number < len(RIDDLES) else f"{question} (version {number // len(RIDDLES)})"
        right, wrong = "ABC"[answer], "ABC"[(answer + 1) % 3]
        attempts = [
            (f"The text tells it step by step, and it follows that it is {choices[answer]}. The answer is ({right}).", RIGHT),
            (f"At first sight it seems to be {choices['ABC'.index(wrong)]}. Answer: {wrong}", WRONG),
        ]
        samples = [text for text, _ in attempts]
        rows.append(({"question": question, "choices": list(choices), "answer": right, "samples": samples}, [v for _, v in attempts]))
    return rows


def _votes() -> Rows:
    good, bad = "Boil the water first, then put the leaves in, and wait for four minutes.", "Tea is a drink. Tea is a drink. Tea is hot."
    rows: Rows = []
    for votes, expected in (
        ((1, 1, 2), "response1"),
        ((2, 2, 2), "response2"),
        ((0, 1, 2), "tie"),
        ((0, 0, 1), "tie"),
        ((2, 0, 2), "response2"),
    ):
        row: dict[str, object] = {"instruction": f"How do I make tea for {len(rows) + 2} people?", "input": ""}
        row |= {"response1": good, "response2": bad} if expected != "response2" else {"response1": bad, "response2": good}
        row |= {f"annotator{at + 1}": vote for at, vote in enumerate(votes)}
        rows.append((row, [expected]))
    return rows
