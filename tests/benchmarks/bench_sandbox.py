"""Programs a second: the sandbox with one and two workers, beside a bare loop of `python -c` without any isolation, in the same run.

The programs are short, as solutions of a programming exercise are: a function, and four assertions about it. Rounds take turns, the best of
each counts; opening the sandbox is outside the clock, and told apart.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable

from pipelines.sandbox.limits import Outcome, Program
from pipelines.sandbox.sandbox import Sandbox

NUM_PROGRAMS = 200
NUM_BARE = 60
TIMES = 3
SOURCE = """
import re
def num_words(text, shortest):
    return sum(len(word) >= shortest for word in re.findall(r"\\w+", text))
assert num_words("the quick brown fox {0}", 5) == 2
assert num_words("", 1) == 0
assert num_words("a b c {0}", 1) == 4
print(num_words("one two {0}", 2), {0})
"""


def sources() -> list[str]:
    return [SOURCE.format(number) for number in range(10, 10 + NUM_PROGRAMS)]


def bare(programs: list[str]) -> None:
    for source in programs[:NUM_BARE]:
        done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=False)
        assert done.returncode == 0, done


def in_sandboxes(sandboxes: list[Sandbox], programs: list[str]) -> None:
    outcomes: list[Outcome] = []

    def work(place: int) -> None:
        for source in programs[place :: len(sandboxes)]:
            outcomes.append(sandboxes[place].run(Program(source)))

    workers = [threading.Thread(target=work, args=(place,)) for place in range(len(sandboxes))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(outcomes) == len(programs) and all(outcome.exit_code == 0 for outcome in outcomes)


def main() -> None:
    programs = sources()
    start = time.perf_counter()
    with Sandbox() as first:
        opened_s = time.perf_counter() - start
        with Sandbox() as second:
            works: dict[str, tuple[Callable[[], None], int]] = {
                "bare python -c, no isolation": (lambda: bare(programs), NUM_BARE),
                "sandbox, 1 worker": (lambda: in_sandboxes([first], programs), NUM_PROGRAMS),
                "sandbox, 2 workers": (lambda: in_sandboxes([first, second], programs), NUM_PROGRAMS),
            }
            best = dict.fromkeys(works, 0.0)
            for _ in range(TIMES):
                for name, (work, count) in works.items():
                    start = time.perf_counter()
                    work()
                    best[name] = max(best[name], count / (time.perf_counter() - start))
    base = best["bare python -c, no isolation"]
    print(f"a sandbox opens and proves itself in {opened_s:.2f} s")
    for name, rate in best.items():
        print(f"{name:32}{rate:8.0f} programs/s {60 * rate:9.0f} a minute {rate / base:6.2f} x bare")


if __name__ == "__main__":
    main()
