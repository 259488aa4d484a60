"""What was spent: budgets in requests, tokens and money, of one run and of all, whoever was killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import BuildError, Execution, build
from pipelines.endpoint.budget import REPLIES, Budget, Prices, most_prompt_tokens
from pipelines.endpoint.engine import OpenAiEngine
from pipelines.endpoint.ledger import FILE, Ledger, Spent, spent_on
from processors import tokens
from processors.engine import EngineStopped
from processors.tasks.writing import Prompt, asking
from schemas.replies import Replies
from tests.pipelines.endpoint.build_once import CONCURRENCY, recipe
from tests.servers import ROOT, Server

INLINE = Execution(workers=0)


def used(cost_nano: int, output_tokens: int = 0) -> Spent:
    return Spent(1, 0, output_tokens, cost_nano)


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[Budget]:
    budget = Budget(counts=REPLIES, ledger=Ledger(folder), **options)
    try:
        yield budget
    finally:
        budget.ledger.close()


def test_prices_are_of_a_million_tokens_and_sums_are_exact() -> None:
    prices = Prices(0.15, 0.6)
    assert prices.of(1, 1_000_000, 1_000_000).cost == 0.75
    assert prices.of(1, 1, 0).cost_nano == 150
    assert Prices(0.0001, 0).of(1, 1, 0).cost_nano == 1  # rounded up: never more is spent than is told
    total = sum((prices.of(1, 3, 1) for _ in range(10_000)), Spent())
    assert total == Spent(10_000, 30_000, 10_000, 10_500_000)


def test_what_is_begun_counts_with_all_that_it_may_cost_until_its_end_is_written(tmp_path: Path) -> None:
    with opened(tmp_path, max_cost=1e-6) as budget:  # a thousand billionths
        first = budget.reserve(used(600))
        assert first is not None
        assert budget.reserve(used(600)) is None
        budget.settle(first, used(100))
        assert budget.reserve(used(600)) is not None
    with opened(tmp_path, max_cost=1e-6) as later:  # the second has no end: its program was killed
        assert later.reserve(used(400)) is None
        assert later.reserve(used(300)) is not None
        told = later.is_spent(used(400))
    assert told == (
        "7e-07 of 1e-06 is spent on these replies in all runs (requests without a known end, which count with the most they may cost: 1), "
        "and the next request may cost 4e-07 (max_cost)"
    )
    assert spent_on(tmp_path) == (used(100), Spent(2, 0, 0, 900))
    assert spent_on(tmp_path / "nothing") == (Spent(), Spent())


def test_a_budget_of_one_run_does_not_count_the_others_which_are_written_down_all_the_same(tmp_path: Path) -> None:
    for _ in range(2):
        budget = Budget(max_requests=2, ledger=Ledger(tmp_path))
        numbers = [budget.reserve(used(5)) for _ in range(3)]
        assert numbers[2] is None
        for number in numbers[:2]:
            assert number is not None
            budget.settle(number, used(4))
        assert budget.is_spent(used(5)) == "the budget of 2 requests is spent (max_requests)"
        budget.ledger.close()
    with opened(tmp_path, max_requests=4) as whole:
        assert whole.is_spent(used(5)) == "the budget of 4 requests is spent on these replies in all runs (max_requests)"


def test_a_line_that_was_cut_off_counts_as_nothing_and_spoils_no_other(tmp_path: Path) -> None:
    with opened(tmp_path) as budget:
        number = budget.reserve(used(7, 3))
        assert number == 0
        budget.settle(number, used(5, 2))
        budget.reserve(used(9))
    whole = (tmp_path / FILE).read_bytes()
    for length in range(len(whole) - 1):
        folder = tmp_path / str(length)
        folder.mkdir()
        (folder / FILE).write_bytes(whole[:length])
        lines = sum(byte == ord("\n") and at <= length for at, byte in enumerate(whole))  # whole ones, but for the end of the last
        known, unknown = spent_on(folder)
        assert (known, unknown) == ((Spent(), Spent()), (Spent(), used(7, 3)), (used(5, 2), Spent()))[lines]
        with opened(folder) as budget:
            number = budget.reserve(used(100))
            assert number is not None
            budget.settle(number, used(50))
        assert spent_on(folder) == (known + used(50), unknown)


def test_several_programs_share_one_budget_and_never_pass_it(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from pipelines.endpoint.budget import REPLIES, Budget\n"
        "from pipelines.endpoint.ledger import Ledger, Spent\n"
        "budget = Budget(max_output_tokens=5_000, counts=REPLIES, ledger=Ledger(pathlib.Path(sys.argv[1])))\n"
        "taken = 0\n"
        "while (number := budget.reserve(Spent(1, 0, 7))) is not None:\n"
        "    taken += 1\n"
        "    budget.settle(number, Spent(1, 0, 4 + taken % 4))\n"
        "print(taken)\n"
    )
    programs = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    taken = [int(program.communicate(timeout=60)[0]) for program in programs]
    known, unknown = spent_on(tmp_path)
    assert known.num_requests == sum(taken)
    assert 5_000 - 7 * 3 <= known.output_tokens <= 5_000
    assert unknown == Spent()


def test_the_most_that_a_prompt_may_have_is_never_too_little() -> None:
    texts = ["Hello there, how are you?", "日本語の文章です。" * 20, "\u0001\u0002" * 50, "Straße 🙂" * 9, ""]
    for text in texts:
        prompt = Prompt(text, system=text, history=(("user", text), ("assistant", text)))
        assert most_prompt_tokens(prompt) >= 4 * tokens.count(text)


# ---- with a server


def engine(server: Server, **options: Any) -> OpenAiEngine:
    return OpenAiEngine("toy", server.base_url, **{"timeout_s": 5.0, "concurrency": 8, **options})


def test_money_is_never_spent_above_the_budget_over_many_runs(server: Server, tmp_path: Path) -> None:
    server.set(faults={"500": 0.05, "drop": 0.05, "half": 0.05}, most_faults=1)
    prompts = [Prompt(f"question {number}", max_tokens=20) for number in range(300)]
    # A request may cost 20 * 2 for its reply and (10 to 12 + 3 * 32) for its prompt, in millionths.
    options = {"max_cost": 2_000e-6, "prompt_price": 1.0, "output_price": 2.0, "budget_of": REPLIES}
    replies = Replies(tmp_path / "replies")
    place = tmp_path / "replies"
    stops = []
    for _ in range(4):
        ours = engine(server, **options)
        with asking(ours, replies) as write, pytest.raises(EngineStopped) as stopped:
            while True:
                said = _kept_texts(place)
                write([prompt for prompt in prompts if f"You said: {prompt.text}" not in said])
        stops.append(str(stopped.value))
        known, unknown = spent_on(place)
        assert unknown == Spent()
        assert known.cost <= 2_000e-6
    assert known.cost > 2_000e-6 - 150e-6
    assert " of 0.002 is spent on these replies in all runs, and the next request may cost 0.0001" in stops[0]
    assert "(max_cost)" in stops[0]
    assert "tokens were read and" in stops[0]
    assert "0 questions were answered in this run" in stops[-1]
    paid = [row for row in server.log() if row["outcome"] in ("answer", "half", "drop")]
    really = sum((2 * row["text"].count(" ") + 2 + 2 * (2 + len(row["text"].split()))) for row in paid)
    assert really * 1e-6 <= 2_000e-6


def _kept_texts(place: Path) -> set[str]:
    return {json.loads(path.read_bytes()[1:])["text"] for path in place.glob("*/*")}


def test_what_a_faulty_server_may_have_worked_for_counts_and_what_it_refused_does_not(server: Server, tmp_path: Path) -> None:
    for fault, cost in (("500", 0), ("drop", 1), ("half", 1), ("malformed", 1)):
        server.set(faults={fault: 1.0}, most_faults=1)
        place = tmp_path / fault
        with asking(engine(server, output_price=1.0), Replies(place)) as write:
            write([Prompt("one two", max_tokens=50)])
        known, unknown = spent_on(place)
        assert unknown == Spent()
        assert known.num_requests == 2
        assert known.output_tokens == 4 + 50 * cost, fault  # "You said: one two"


def test_a_server_that_nobody_reached_costs_nothing(tmp_path: Path) -> None:
    nobody = OpenAiEngine("toy", "http://127.0.0.1:9/v1", max_tries=1, output_price=1.0)
    with asking(nobody, Replies(tmp_path)) as write, pytest.raises(EngineStopped):
        write([Prompt("one two")])
    assert spent_on(tmp_path) == (Spent(1), Spent())


@pytest.mark.crash
def test_a_budget_of_all_runs_outlives_a_kill(server: Server, tmp_path: Path) -> None:
    server.set(delay_s=0.05)
    code = (
        "import sys\nfrom tests.pipelines.endpoint import build_once\nfrom pipelines.build import Execution, build\nfrom pathlib import Path\n"
        "plan = build_once.recipe(sys.argv[1], max_requests=40, budget_of='replies')\nbuild(plan, Path(sys.argv[2]), Execution(workers=0))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, server.base_url, str(tmp_path)], cwd=ROOT, stderr=subprocess.DEVNULL)
    while sum(server.answered().values()) < 10:
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    for _ in range(2):
        with pytest.raises(BuildError, match=r"the budget of 40 requests is spent on these replies in all runs \(max_requests\)"):
            build(recipe(server.base_url, max_requests=40, budget_of="replies"), tmp_path, INLINE)
    known, unknown = spent_on(tmp_path / ".replies")
    assert known.num_requests <= len(server.log()) <= 40  # one that was written down at the kill may not have been sent
    assert known.num_requests + unknown.num_requests == 40
    assert unknown.num_requests <= CONCURRENCY
    done = build(recipe(server.base_url, max_requests=100, budget_of="replies"), tmp_path, INLINE)
    assert done.totals["num_out"] == 80


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_cost": 1.0}, "max_cost needs prompt_price and output_price"),
        ({"max_cost": -1.0}, "max_cost, prompt_price and output_price are 0 or more"),
        ({"budget_of": "day"}, "budget_of is 'day', expected run or replies"),
        ({"samples_per_request": 0}, "samples_per_request is 0, expected 1 or more"),
    ],
)
def test_a_budget_that_cannot_be_kept_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        OpenAiEngine("toy", "http://host/v1", **options)
