"""Question-answer pairs in the columns in which rows have them; what a pair must hold is for its task to say."""

from __future__ import annotations

from collections.abc import Mapping

PAIR_COLUMNS = ("qa", "pairs", "qa_pairs", "questions")
QUESTION_COLUMNS = ("question", "prompt", "instruction", "query")
ANSWER_COLUMNS = ("answer", "response", "output", "completion")


def listed_pairs(fields: Mapping[str, object]) -> list[object] | None:
    """The list in the first of the pair columns that is not empty; None where that is no list, or there is none."""
    found = next((fields[name] for name in PAIR_COLUMNS if fields.get(name)), None)
    return found if isinstance(found, list) else None


def as_pair(item: object) -> Mapping[str, object] | None:
    """An item of such a list by columns: an object as it is, [question, answer] as one; None for anything else."""
    if isinstance(item, Mapping):
        return item
    return {"question": item[0], "answer": item[1]} if isinstance(item, (list, tuple)) and len(item) == 2 else None
