"""`python -m tests.chaos --builds 100 --seed 0`: builds in which everything breaks; `--only SEED` runs one of them again."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos.faults import CLUSTER, EMBEDDED, ENGINES, IN_PROCESS, LOCAL, S3, draw_case
from tests.chaos.runner import Chaos, Verdict
from tests.chaos.services import services

WORDS = {"in-process": IN_PROCESS, "embedded": EMBEDDED, "cluster": CLUSTER}


def show(verdict: Verdict) -> None:
    """A line a build; of one that broke a guarantee all that is known."""
    ended = "ok  " if not verdict.problems else "FAIL"
    print(f"{ended} {verdict.seconds:5.1f} s  {verdict.case}", flush=True)
    for end in verdict.ends:
        print(f"       run: {end[:220]}", flush=True)
    if verdict.missed:
        print(f"       met nothing to strike: {dict(verdict.missed)}", flush=True)
    for problem in verdict.problems:
        print(f"     ! {problem}", flush=True)
    if verdict.problems:
        print(f"     ! again: python -m tests.chaos --only {verdict.case.seed}", flush=True)


def summary(verdicts: list[Verdict], seconds: float) -> str:
    """What ran, what struck, what broke."""
    struck: Counter[str] = sum((verdict.struck for verdict in verdicts), Counter())
    store: Counter[str] = sum((verdict.store_faults for verdict in verdicts), Counter())
    engines = Counter(f"{verdict.case.engine}, {verdict.case.place}" for verdict in verdicts)
    failed = [verdict.case.seed for verdict in verdicts if verdict.problems]
    unclean = sum(end.startswith("3:") for verdict in verdicts for end in verdict.ends)
    return (
        f"{len(verdicts)} builds in {seconds:.0f} s: {len(verdicts) - len(failed)} ended with the bytes of a build left alone, {len(failed)} did not"
        f"{f' (seeds {failed})' if failed else ''}\n"
        f"  where: {dict(sorted(engines.items()))}\n  struck: {dict(struck.most_common())}\n  requests that were broken: {dict(store.most_common())}\n"
        f"  runs: {sum(len(verdict.ends) for verdict in verdicts)}, of which {unclean} ended with a traceback"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--builds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="the first build's seed; the others follow it")
    parser.add_argument("--only", type=int, help="the build of this seed alone")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no build after so many minutes")
    parser.add_argument("--engines", nargs="+", choices=tuple(WORDS), default=list(WORDS))
    parser.add_argument("--places", nargs="+", choices=(LOCAL, S3), default=[LOCAL, S3])
    asked = parser.parse_args()
    engines, places = tuple(WORDS[word] for word in asked.engines), tuple(asked.places)
    seeds = [asked.only] if asked.only is not None else list(range(asked.seed, asked.seed + asked.builds))
    begin, verdicts = time.monotonic(), []
    with (
        tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder,
        services(Path(folder), engines, places) as shared,
    ):
        chaos = Chaos(shared)
        for what, why in shared.skipped.items():
            print(f"without {what}: {why}")
        for seed in seeds:
            if time.monotonic() - begin > 60 * asked.minutes:
                break
            verdicts.append(chaos.run(draw_case(seed, engines, places)))
            show(verdicts[-1])
    print(summary(verdicts, time.monotonic() - begin))
    sys.exit(any(verdict.problems for verdict in verdicts))


if __name__ == "__main__":
    assert set(ENGINES) == set(WORDS.values())
    main()
