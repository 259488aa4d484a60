"""Plans of several kinds of corpora beside their builds, over ten seeds: the check that intervals hold on real steps."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import Execution, build_stages
from pipelines.buildfile import read_job
from pipelines.corpora import CORPORA
from pipelines.plan.estimate import Estimate
from pipelines.plan.figures import CorpusPlan
from pipelines.plan.make import Planner
from pipelines.sample import make_sample

SHARE, NUM_SEEDS, LEAST_HITS, LEAST_ROWS = 0.25, 10, 9, 20
KINDS = ("language_pretrain", "image_text", "asr", "function_calling", "packed")


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample three times as large, so that a part of it is a part."""
    folder = tmp_path_factory.mktemp("larger")
    make_sample(folder, size=3)
    return folder


def predictions(plan: CorpusPlan) -> dict[str, Estimate | None]:
    tokens = {f"contract.num_{kind}_tokens": part for kind, part in plan.tokens.items()}
    return {"rows": plan.rows_out, "bytes": plan.stages[-1].shard_bytes, **tokens}


@pytest.mark.slow
@pytest.mark.parametrize("corpus", KINDS)
def test_nine_of_ten_seeds_are_inside(corpus: str, larger: Path, tmp_path: Path) -> None:
    """Rows, disk and tokens of each modality, each by its own interval; the plan costs little more than its share of the build."""
    kind = CORPORA[corpus]
    job = read_job(corpus, {"source": kind.sample, **kind.sample_parameters}, larger, corpus)
    start = time.process_time()
    totals: dict[str, Any] = build_stages(job.stages(tmp_path), tmp_path, Execution(workers=0))[-1].totals
    build_s = time.process_time() - start
    actual = {"rows": totals["num_out"], "bytes": totals["num_bytes"]}
    hits: dict[str, int] = {}
    start, shares = time.process_time(), []
    for seed in range(NUM_SEEDS):
        plan = Planner(tmp_path, tmp_path / f"plan-{seed}", seed, SHARE, least_rows=LEAST_ROWS).plan(job)
        shares.append(plan.share)
        for name, estimate in predictions(plan).items():
            assert estimate is not None
            hits[name] = hits.get(name, 0) + estimate.holds(actual.get(name, totals["sums"].get(name, 0)))
    plan_s = (time.process_time() - start) / NUM_SEEDS
    print(f"{corpus}: {hits}, {sum(shares) / NUM_SEEDS:.0%} of the rows, {plan_s / build_s:.0%} of the build's CPU time")
    assert max(shares) < 1 and min(hits.values()) >= LEAST_HITS, hits
