"""One-step arithmetic in figures: every sum and difference of two numbers below a bound. a + b and b + a are one fact, and so on one side."""

from __future__ import annotations

from pathlib import Path

from pipelines.demonstration.held_out import TEST, TRAIN, split_of
from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

LICENCE = "CC0-1.0"
LIMIT = 50  # numbers of a sum are below it: 3,775 different questions
TEST_RATIO = 0.15


def facts(limit: int = LIMIT) -> list[tuple[str, str, str]]:
    """(question, answer, fact): differences are those that are not negative."""
    found = []
    for a in range(limit):
        for b in range(limit):
            found.append((f"{a} + {b}", f"{a + b}", f"{min(a, b)} + {max(a, b)}"))
            if a >= b:
                found.append((f"{a} - {b}", f"{a - b}", f"{a} - {b}"))
    return found


def make_sums(folder: Path, seed: int, limit: int = LIMIT) -> None:
    """`train.jsonl` and `test.jsonl` with a question and its answer a line, in an order drawn by the seed."""
    listed = facts(limit)
    order = keyed_rng(seed, "demonstration.sums", "order").permutation(len(listed))
    rows: dict[str, list[object]] = {TRAIN: [], TEST: []}
    for place in order:
        question, answer, fact = listed[place]
        rows[split_of(seed, f"sum {fact}", TEST_RATIO)].append({"question": question, "answer": answer, "licence": LICENCE})
    folder.mkdir(parents=True, exist_ok=True)
    for split, lines in rows.items():
        write_lines(folder / f"{split}.jsonl", lines)
