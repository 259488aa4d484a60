"""Problems with attempts of which it is known what they are: right, wrong, cut, empty, twice the same, going round in circles.

Rows as a source would have them, to be read by ProblemTask: `ROWS` by name, and for each attempt of a row what it is (`KINDS`).
"""

from __future__ import annotations

from typing import Any

from schemas.records import Origin, Row

RIGHT, WRONG, CUT, EMPTY, TWICE, LOOPING, NO_ANSWER, NO_TEXT = "right", "wrong", "cut", "empty", "twice", "looping", "no_answer", "no_text"

_LOOP = "Let me count the boxes again. There are six boxes, and each box holds seven cups. " * 60

_MATHS = {
    "id": "boxes",
    "subject": "Arithmetic",
    "level": "Level 1",
    "problem": "A shelf holds 6 boxes with 7 cups each. Two cups break. How many cups are left?",
    "expected_answer": "40",
    "samples": [
        {
            "model": "small",
            "text": "Six boxes of seven cups are 6 * 7 = 42 cups. Two break, so 42 - 2 = 40 are left.\n\n\\boxed{40}",
            "is_correct": True,
        },
        {
            "model": "small",
            "text": "There are 6 + 7 = 13 cups at first. Two break, so 13 - 2 = 11 are left.\n\n\\boxed{11}",
            "is_correct": False,
        },
        {"model": "small", "text": "Six boxes of seven cups are 6 * 7 = 42 cups. Two", "finish_reason": "length"},
        {"model": "small", "text": ""},
        {"model": "small", "text": "Six boxes of seven cups are 6 * 7 = 42 cups. Two break, so 42 - 2 = 40 are left.\n\n\\boxed{40}"},
        {"model": "large", "text": f"<think>\n{_LOOP}\n</think>\n\nThe answer is \\boxed{{40}}."},
        {
            "model": "large",
            "text": "<think>\nFirst all cups: 6 * 7 = 42. Then minus 2: 40. Check: 40 + 2 = 42, right.\n</think>\n\nThe shelf keeps $\\boxed{40}$ cups.",
        },
        {"model": "large", "text": "I am not sure how many cups a box holds."},
        {"model": "large", "text": None},
    ],
}
_CODE = {
    "task_id": "double/0",
    "prompt": 'from typing import List\n\n\ndef doubled(numbers: List[int]) -> List[int]:\n    """Give each number twice as large, in the same order.\n    >>> doubled([1, 2])\n    [2, 4]\n    """\n',
    "entry_point": "doubled",
    "canonical_solution": "    return [2 * number for number in numbers]\n",
    "test": "def check(candidate):\n    assert candidate([]) == []\n    assert candidate([1, 2]) == [2, 4]\n    assert candidate([-3]) == [-6]\n",
    "samples": [
        {"model": "small", "text": "    return [number + number for number in numbers]\n", "passed": True},
        {
            "model": "small",
            "text": "```python\ndef doubled(numbers):\n    return [number ** 2 for number in numbers]\n```",
            "passed": False,
        },
        {
            "model": "small",
            "text": "Each number is added to itself.\n\n```python\nfrom typing import List\n\n\ndef doubled(numbers: List[int]) -> List[int]:\n    result = []\n    for number in numbers:\n        result.append(number * 2)\n    return result\n```\n",
        },
        {
            "model": "small",
            "text": "```python\ndef doubled(numbers):\n    return sorted(2 * number for number in numbers",
            "finish_reason": "length",
        },
        {"model": "small", "text": "", "passed": False},
    ],
}
_CHOICE = {
    "id": "pen",
    "question": "Ada is taller than Ben, and Ben is taller than Cleo. Who is the smallest?",
    "choices": ["Ada", "Ben", "Cleo", "It cannot be told"],
    "answer": "C",
    "category": "logic puzzle",
    "samples": [
        "Cleo is smaller than Ben, who is smaller than Ada. So Cleo is the smallest.\n\nAnswer: C",
        "Ben is smaller than Ada.\n\nAnswer: B",
        "Nothing is said about Ada and Cleo.\n\nAnswer: D",
    ],
    "is_correct": [True, False, False],
}
_EXACT = {
    "id": "day",
    "question": "Today is Monday. Which day of the week is it in ten days?",
    "answer": "Thursday",
    "topic": "puzzles",
    "samples": [
        "Ten days are one week and three days. Three days after Monday is Thursday.\n\nAnswer: Thursday",
        "Ten days are one week and two days, which gives Wednesday.\n\nAnswer: Wednesday",
    ],
}
_CALLS = {
    "id": "weather",
    "question": [[{"role": "user", "content": "What is the weather in Lyon, in Celsius?"}]],
    "function": [
        {
            "name": "weather",
            "description": "The weather of a city.",
            "parameters": {
                "type": "dict",
                "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
                "required": ["city"],
            },
        }
    ],
    "ground_truth": [{"weather": {"city": ["Lyon", "Lyon, France"], "unit": ["celsius"]}}],
    "samples": [
        '[{"name": "weather", "arguments": {"city": "Lyon", "unit": "celsius"}}]',
        '[{"name": "weather", "arguments": {"city": "Paris", "unit": "celsius"}}]',
        "It is sunny in Lyon.",
    ],
}
ROWS: dict[str, dict[str, Any]] = {"maths": _MATHS, "code": _CODE, "choice": _CHOICE, "exact": _EXACT, "calls": _CALLS}
KINDS: dict[str, tuple[str, ...]] = {
    "maths": (RIGHT, WRONG, CUT, EMPTY, TWICE, LOOPING, RIGHT, NO_ANSWER, NO_TEXT),
    "code": (RIGHT, WRONG, RIGHT, CUT, EMPTY),
    "choice": (RIGHT, WRONG, WRONG),
    "exact": (RIGHT, WRONG),
    "calls": (RIGHT, WRONG, WRONG),
}


def planted_rows() -> list[Row]:
    """The rows as a source gives them, keys and origins included."""
    return [
        Row(f"planted-{name}", Origin("planted.jsonl", "1", "MIT", f"line {at}"), fields) for at, (name, fields) in enumerate(ROWS.items())
    ]
