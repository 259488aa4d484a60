"""A plan beside what was built from it: each prediction with its interval, the actual number, and whether it lies inside.

Times are told and not judged: they are those of the machine, and of what else it did.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.plan.figures import VERSION
from pipelines.plan.make import NotPlanned
from pipelines.runs import read_runs
from pipelines.stage import STAGES
from processors.contract import NUM_AUDIO_TOKENS, NUM_IMAGE_TOKENS, NUM_TEXT_TOKENS
from schemas.corpus import Corpus
from schemas.shard import write_replacing

PLANS = ".plans"
TOKENS = {"text": NUM_TEXT_TOKENS.name, "image": NUM_IMAGE_TOKENS.name, "audio": NUM_AUDIO_TOKENS.name}


@dataclass(frozen=True, slots=True)
class Compared:
    """One number of a plan. `is_inside` is None where nothing was predicted, or where it is not judged."""

    what: str
    predicted: float | None
    low: float | None
    high: float | None
    actual: float
    is_inside: bool | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A plan and its corpus."""

    corpus: str
    share: float
    rows: tuple[Compared, ...]
    note: str = ""

    @property
    def num_judged(self) -> int:
        return sum(row.is_inside is not None for row in self.rows)

    @property
    def num_inside(self) -> int:
        return sum(bool(row.is_inside) for row in self.rows)


def plan_file(out: Path, corpus: str) -> Path:
    return out / PLANS / f"{corpus}.json"


def save_plan(out: Path, told: Mapping[str, Any]) -> Path:
    """Keeps a plan beside the corpora, for `--against`."""
    file = plan_file(out, str(told["corpus"]))
    write_replacing(file, (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode())
    return file


def read_plan(out: Path, corpus: str) -> dict[str, Any]:
    """A kept plan. Raises: NotPlanned where there is none that this version reads."""
    file = plan_file(out, corpus)
    if not file.is_file():
        raise NotPlanned(f"{file} is not there; run `corpusmill plan` before the build, then compare with --against")
    try:
        plan: dict[str, Any] = json.loads(file.read_text())
    except (ValueError, UnicodeDecodeError) as error:
        raise NotPlanned(f"reading {file}: {error}; plan again") from error
    if not isinstance(plan, dict) or plan.get("version") != VERSION:
        raise NotPlanned(f"{file} was written by another version; plan again")
    return plan


def compare(plan: Mapping[str, Any], out: Path) -> Comparison:
    """The plan of a corpus beside the finished corpus in `out`. Raises: CorpusError where its build has not ended."""
    name = str(plan["corpus"])
    stages = [Corpus(_folder(out, stage["name"], number == len(plan["stages"]) - 1)) for number, stage in enumerate(plan["stages"])]
    last = Corpus(out / name).totals()
    totals = [stage.totals() for stage in stages]
    rows = [_judged("records in", plan["rows_in"], _source_rows(totals[0]))]
    rows.append(_judged("records out", plan["rows_out"], _int(last, "num_out")))
    sums: Mapping[str, int] = last["sums"]  # type: ignore[assignment]
    rows += [_judged(f"{kind} tokens", plan["tokens"][kind], int(sums.get(fact, 0))) for kind, fact in TOKENS.items()]
    for stage, told in zip(plan["stages"], totals, strict=True):
        rows.append(_judged(f"{stage['name']}: rows", stage["rows"], _int(told, "num_out")))
        rows.append(_judged(f"{stage['name']}: bytes of shards", stage["shard_bytes"], _int(told, "num_bytes")))
    for step in plan["steps"]:
        rows += _of_step(step, totals[[stage["name"] for stage in plan["stages"]].index(step["stage"])])
    rows += _times(plan, stages)
    changed = stages[0].recipe()["fingerprint"] != plan["fingerprint"]
    return Comparison(name, float(plan["share"]), tuple(rows), "the corpus was built by another recipe than was planned" if changed else "")


def _folder(out: Path, name: str, is_last: bool) -> Path:
    return out / name if is_last else out / STAGES / name


def _int(totals: Mapping[str, Any], name: str) -> int:
    return int(totals[name])


def _source_rows(totals: Mapping[str, Any]) -> int:
    return next((int(step["num_in"]) for step in totals["steps"] if step["step"] == "source"), 0)


def _judged(what: str, told: Any, actual: float) -> Compared:
    if told is None:
        return Compared(what, None, None, None, actual, None)
    value, low, high = told
    return Compared(what, value, low, high, actual, low <= actual <= high)


def _of_step(step: Mapping[str, Any], totals: Mapping[str, Any]) -> list[Compared]:
    """What each reason refused, also those that the sample did not show."""
    actual = next((one for one in totals["steps"] if one["step"] == step["step"]), None)
    if actual is None:
        return []
    names = sorted({*step["rejects"], *actual["rejects"]})
    return [
        _judged(
            f"{step['stage']}: {step['step']} refused as {name}",
            step["rejects"].get(name, step["unseen"]),
            int(actual["rejects"].get(name, 0)),
        )
        for name in names
    ]


def _times(plan: Mapping[str, Any], stages: list[Corpus]) -> list[Compared]:
    """Seconds of the steps, of all workers together, where the runs that built the corpus told them."""
    runs = [run for stage in stages for run in read_runs(stage.path)]
    if not runs:
        return []
    actual = sum(sum(run["step_seconds"].values()) for run in runs)
    told = [part for step in plan["steps"] for part in (step["cpu_s"], step["gpu_s"]) if part]
    predicted = [sum(part[number] for part in told) for number in range(3)]
    return [Compared("seconds of all steps (not judged)", predicted[0], predicted[1], predicted[2], round(actual, 1), None)]
