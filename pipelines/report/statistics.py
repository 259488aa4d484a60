"""The figures of a corpus, counted in one pass over its shards, rejects and ledgers.

A task counts neighbouring splits, and counts are added up in a tree, so that no process holds more than a task's columns and a few
counts, whatever the size of the corpus; texts with very many different values are counted on disk (see texts.py).

`Statistics.extra` holds plain JSON values; a spread in it is a mapping with the fields of `Spread`, for `spread_of`:
- `tokens_by`: for `licence`, `source` and each fact of text or truth with at most 64 different values a list of mappings `value` (None:
  the row lacks the fact), `num_rows`, and, where rows carry them, `text`, `image`, `audio`, `all` (tokens); most rows first.
- `refused_by_source`: by origin source a list of mappings `stage`, `step`, `reason`, `num_records`; absent above 64 sources.
- `duplicates`: `reasons` (a list of mappings `stage`, `step`, `reason`, `num_records`), `similarity` (a spread, where it was told),
  `records` (a spread of texts: the keys that stay, with how many were refused for them). Only where a step looks for them.
- `benchmarks`: `reasons` as above, `names` (a spread of texts: benchmarks by refused records). Only where a step looks for them.
- `packing`, of packed corpora: `sequence_tokens`, `pieces` (a sequence), `piece_tokens`, `filled_ratio` (spreads), `num_cut` (pieces that
  go on with a record that was cut), `ribbons` (of the first sequences: `tokens`, `pieces`, a list of their tokens; the rest is padding).
- `sources`, `licences` (spreads of texts): as the mappings of these names, with how many more there are where they are many.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.graph import Compute, compute_here
from pipelines.partitions import num_partitions, workspace
from pipelines.report.assembly import Assembly
from pipelines.report.built import BuiltStage, stages_of
from pipelines.report.figures import FactFigures, LimitFigures, ReasonFigures, Run, Spread, Statistics, StepFigures, as_fields
from pipelines.report.tally import Reading, count_portion, merge_tallies

COUNTS_PER_MERGE = 8
TEXTS_PER_PARTITION = 500_000
SMALL_ROWS = 200_000  # counted here in less time than Ray takes to start


@contextlib.contextmanager
def computing(
    workers: int | None = None, address: str | None = None, num_rows: int = 0, note: Callable[[str], None] = lambda _: None
) -> Iterator[Compute]:
    """How graphs are run: on Ray with so many workers, or at an address; here where `workers` is 0, or None and there are few rows."""
    if workers is None:
        workers = 0 if not address and num_rows <= SMALL_ROWS else len(os.sched_getaffinity(0))
    if workers == 0:
        yield compute_here
        return
    from pipelines import cluster  # Ray takes a second to import

    with cluster.session(workers, 0, address, note):
        yield partial(_on_ray, workers, address, note)


def _on_ray(workers: int, address: str | None, note: Callable[[str], None], tasks: Sequence[Any]) -> list[Any]:
    from pipelines import cluster

    return cluster.compute(tasks, workers, address, note)


def collect(corpus: Path, compute: Compute = compute_here, scratch: Path | None = None) -> Statistics:
    """The figures of a corpus and its earlier stages; of one whose build has not ended, of what is committed.

    Texts with many different values are spilled into `scratch`, which all workers must share; by default the machine's own
    folder for temporary files.

    Raises: CorpusError for a folder that is no corpus, and for files that are missing, damaged, or not as the ledger says.
    """
    stages = [BuiltStage(path) for path in stages_of(corpus)]
    partitions = num_partitions(max(stage.sums["num_out"] + stage.sums["num_rejects"] for stage in stages), TEXTS_PER_PARTITION)
    with workspace(scratch or Path(tempfile.gettempdir()), "statistics") as folder:
        readings = [stage.reading(folder, partitions, is_last=stage is stages[-1]) for stage in stages]
        tallies = compute([_counted(stage, reading, number) for number, (stage, reading) in enumerate(zip(stages, readings, strict=True))])
        for stage, tally in zip(stages, tallies, strict=True):
            stage.check(tally)
        return Assembly(stages, readings, tallies, compute).statistics()


def _counted(stage: BuiltStage, reading: Reading, number: int) -> Any:
    """The task that gives the counts of a stage."""
    import dask  # a third of a second to import

    tasks = [dask.delayed(count_portion)(reading, portion) for portion in stage.portions(number)]
    level = 0
    while len(tasks) > 1 or level == 0:
        level += 1
        groups = [tasks[start : start + COUNTS_PER_MERGE] for start in range(0, max(1, len(tasks)), COUNTS_PER_MERGE)]
        tasks = [dask.delayed(merge_tallies)(reading, f"{number}-merged-{level}-{place}", group) for place, group in enumerate(groups)]
    return tasks[0]


# ---- JSON

FORMAT = 1
TIMES = ("seconds", "busy_s", "num_asked", "num_known")  # of a step: what runs took, which is no part of the corpus


def to_json(statistics: Statistics) -> str:
    """The figures as a line of JSON: the same corpus gives the same text, but for the part `runs`, which tells what building it took."""
    corpus = as_fields(statistics)
    times = [{"stage": step["stage"], "step": step["step"], **{name: step.pop(name) for name in TIMES}} for step in corpus["steps"]]
    runs = {"is_deterministic": False, "runs": corpus.pop("runs"), "steps": times}
    return json.dumps({"format": FORMAT, "corpus": corpus, "runs": runs}, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str) -> Statistics:
    """What `to_json` told. Raises ValueError for other text."""
    try:
        whole = json.loads(text)
        if whole["format"] != FORMAT:
            raise ValueError(f"statistics have format {whole['format']!r}, this code reads {FORMAT}; make the report again")
        corpus, runs = whole["corpus"], whole["runs"]
        times = [{name: step[name] for name in TIMES} for step in runs["steps"]]
        parts = {
            "stages": tuple(corpus["stages"]),
            "steps": tuple(StepFigures(**step, **took) for step, took in zip(corpus["steps"], times, strict=True)),
            "reasons": tuple(ReasonFigures(**reason) for reason in corpus["reasons"]),
            "facts": tuple(FactFigures(**_with_spreads(fact)) for fact in corpus["facts"]),
            "limits": tuple(LimitFigures(**_with_spreads(limit)) for limit in corpus["limits"]),
            "runs": tuple(Run(**run) for run in runs["runs"]),
        }
        return Statistics(**{**corpus, **parts})
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"the text does not hold statistics as `to_json` tells them ({error!r})") from error


def spread_of(fields: Mapping[str, Any]) -> Spread:
    """A spread from its fields, as they are in JSON and in `Statistics.extra`."""
    return Spread(**{**fields, **{name: tuple(map(tuple, fields[name])) for name in ("quantiles", "bins", "values")}})


def _with_spreads(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a fact or of a limit, with spreads and tuples in place of mappings and lists."""
    tuples = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return {**fields, **tuples, "kept": spread_of(fields["kept"]), "refused": spread_of(fields["refused"])}
