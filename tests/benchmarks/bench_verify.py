"""Verified answers a second against bare math-verify (parse and verify with their defaults), on the same answers in one run.

GSM8K's samples where they are present, else made by rule; of MATH kind the planted pairs that have LaTeX in them. Then how often each
judges the planted pairs against their truth; math-verify has no third verdict, so that pairs that are undecidable are left out.
"""

from __future__ import annotations

import json
import logging
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

from processors.verify.answer import final_answer
from processors.verify.maths import compare
from processors.verify.verdict import CANNOT_TELL, RIGHT
from tests.processors.verify.planted_pairs import PAIRS

REALDATA = Path(os.environ.get("CORPUSMILL_REALDATA", Path(__file__).parents[2] / ".." / "shared" / "data")).resolve()
NUM_MADE = 1_500
Said = tuple[str, str]


def word_problems() -> list[Said]:
    """What was said and the reference of each sample."""
    path = REALDATA / "01_math/gsm8k/example_model_solutions.jsonl"
    if not path.is_file():
        rng = random.Random(0)
        pairs = ((rng.randint(1, 5_000), rng.random()) for _ in range(NUM_MADE))
        return [(rng.choice([f"{n}", f"${n:,}", f"{n}.00", f"{n + 1}"]) if luck < 0.7 else str(n * 2), str(n)) for n, luck in pairs]
    found = []
    for line in path.read_text().splitlines():
        row = json.loads(line)
        for sample in (value for value in row.values() if isinstance(value, dict)):
            said = final_answer(sample["solution"])
            if said is not None:
                found.append((said.text, row["ground_truth"].rsplit("A: ", 1)[1]))
    return found[:NUM_MADE]


def symbolic() -> list[Said]:
    return [
        (pair.said, pair.reference)
        for pair in PAIRS
        if "\\" in pair.said + pair.reference and pair.truth != "undecided" and "int" not in pair.said
    ]


def bare(said: str, reference: str) -> bool:
    from math_verify import parse
    from math_verify import verify as is_equal

    sides = [f"${side}$" if "\\" in side and "$" not in side else side for side in (reference, said)]
    return bool(is_equal(parse(sides[0]), parse(sides[1])))


def timed(judge: Callable[[str, str], object], pairs: list[Said]) -> float:
    start = time.perf_counter()
    for said, reference in pairs:
        judge(said, reference)
    return len(pairs) / (time.perf_counter() - start)


def main() -> None:
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    judge: Callable[[str, str], object] = compare
    judge(r"\int_0^1 x dx", "1/2"), bare("1/2", "0.5")  # imports, and the child process
    for name, pairs in (("word problems", word_problems()), ("symbolic", symbolic())):
        other = timed(bare, pairs)
        mine = timed(judge, pairs)
        print(f"  {name}: {len(pairs)} answers, ours {mine:9.0f}/s   math-verify {other:7.0f}/s   {mine / other:6.1f} x")
    decidable = [pair for pair in PAIRS if pair.truth != "undecided"]
    ours = [compare(pair.said, pair.reference, pair.problem).value for pair in decidable]
    theirs = [bare(pair.said, pair.reference) for pair in decidable]
    for name, false_right, false_wrong, undecided in (
        (
            "ours",
            sum(value == RIGHT and pair.truth == "different" for value, pair in zip(ours, decidable, strict=True)),
            sum(value not in (RIGHT, CANNOT_TELL) and pair.truth == "equal" for value, pair in zip(ours, decidable, strict=True)),
            sum(value == CANNOT_TELL for value in ours),
        ),
        (
            "math-verify",
            sum(found and pair.truth == "different" for found, pair in zip(theirs, decidable, strict=True)),
            sum(not found and pair.truth == "equal" for found, pair in zip(theirs, decidable, strict=True)),
            0,
        ),
    ):
        print(
            f"  {len(decidable)} planted pairs, {name}: {false_right} different judged right, {false_wrong} equal judged wrong, {undecided} undecided"
        )


if __name__ == "__main__":
    main()
