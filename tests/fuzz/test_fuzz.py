"""A short form of the fuzzer in the suite: a few hundred inputs, in this process. `python -m tests.fuzz` runs as many as are asked for."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.__main__ import fuzz, shares
from tests.fuzz.mutate import PLAIN, STRUCTURED, mutate
from tests.fuzz.paths import BY_NAME, MUTANT, PATHS, set_media
from tests.fuzz.worker import make_input, prepare, run_one

NUM_INPUTS = {  # cheap paths more; those whose readers start slowly are for the long form
    **{"audio": 25, "image": 25, "tar": 25, "tree": 40, "jsonl": 25, "json_array": 10, "coco": 15, "parquet": 25, "arrow": 40},
    **{"toml": 40, "own": 8, "warc": 10, "csv": 3, "mermaid": 3},
}
SEED = 20_261


@pytest.mark.parametrize("name", NUM_INPUTS)
def test_every_input_becomes_a_row_or_a_declared_reject(name: str, sample: Path, tmp_path: Path) -> None:
    path = BY_NAME[name]
    seeds = prepare(path, sample, None, tmp_path)
    assert seeds
    found, num_decided = {}, 0
    for number in range(len(seeds), len(seeds) + NUM_INPUTS[name]):
        chosen, data = make_input(path, seeds, SEED, number)
        outcome = run_one(path, chosen, data, tmp_path / "input")
        if outcome.problem or outcome.faults:
            found[number] = outcome.problem or outcome.faults[0]
        num_decided += bool(outcome.num_rows or outcome.rejects or outcome.refused)
    assert found == {}, f"python -m tests.fuzz --only {name} --seed {SEED} --replay {min(found, default=0)}"
    assert num_decided == NUM_INPUTS[name]


def test_the_same_seed_gives_the_same_inputs(sample: Path) -> None:
    set_media(sample)
    for name in ("image", "tree", "jsonl", "parquet"):
        path = BY_NAME[name]
        seeds = path.seeds(sample, None)
        first = [make_input(path, seeds, 1, number)[1] for number in range(len(seeds), len(seeds) + 20)]
        assert first == [make_input(path, seeds, 1, number)[1] for number in range(len(seeds), len(seeds) + 20)]
        assert first != [make_input(path, seeds, 2, number)[1] for number in range(len(seeds), len(seeds) + 20)]
        assert len(set(first)) > 10


def test_every_mutation_changes_bytes() -> None:
    text = b'{"a": [1, 2.5, "words of a text"], "b": {"c": null}}\nsecond line 3\n' * 3
    for change in PLAIN:
        assert any(change(text, random.Random(number)) != text for number in range(5)), change.__name__
    for kind in STRUCTURED:
        assert any(mutate(text, random.Random(number), kind) != text for number in range(5)), kind


def test_shares_give_every_path_something() -> None:
    found = shares(1_000, PATHS)
    assert found.keys() == {path.name for path in PATHS} and min(found.values()) >= 1
    assert abs(sum(found.values()) - 1_000) <= len(PATHS)


@pytest.mark.slow
def test_the_fuzzer_notices_deaths_hangs_exceptions_faults_and_memory(sample: Path) -> None:
    told = fuzz(MUTANT, 12, 0, sample, None)
    assert (told.num_inputs, told.num_crashes, told.num_hangs, told.num_faults, told.num_problems) == (12, 1, 1, 1, 2)
    said = {finding["number"]: (finding["problem"] or finding["faults"][0]).splitlines()[0] for finding in told.findings}
    assert said[3].endswith("ended with code -11") and said[5].startswith("hung for more than 3")
    assert said[7].startswith("raised KeyError") and said[8] == "a step: KeyError" and said[9].startswith("raised MemoryError")
