"""A plan of real corpora: exact where sources are read whole, inside its intervals where they are not, and never a request without consent."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from pipelines.build import Execution, build_stages
from pipelines.buildfile import Job, read_job
from pipelines.corpora import CORPORA
from pipelines.plan.asked import Consent, NotMeasured, PlanCaller
from pipelines.plan.cluster_time import Cluster, build_time, read_cluster
from pipelines.plan.command import plan_command
from pipelines.plan.estimate import Estimate, exactly
from pipelines.plan.figures import CorpusPlan, ModelWork, StagePlan, StepPlan
from pipelines.plan.make import NotPlanned, Planner
from pipelines.plan.paper import PAPER, ROWS, Size, at_scale
from pipelines.plan.row_bytes import row_bytes
from pipelines.plan.trial import start_trial
from pipelines.plan.whole import copies_ratio
from pipelines.stage import Stage
from schemas.corpus import Corpus
from schemas.records import Document, Origin
from schemas.replies import Replies
from tests.servers import serving
from tests.toy import hashes, toy_recipe

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(plan_command)
TEXTS = ("function_calling", "cot_sft")


def job_of(corpus: str, sample: Path, **parameters: Any) -> Job:
    kind = CORPORA[corpus]
    return read_job(corpus, {"source": kind.sample, **kind.sample_parameters, **parameters}, sample, corpus)


def build_file(folder: Path, sample: Path, out: Path, corpora: tuple[str, ...], more: str = "") -> Path:
    lines = [f'out = "{out}"']
    for corpus in corpora:
        said = CORPORA[corpus].sample
        told = (
            '{ corpus = "attempts" }'
            if isinstance(said, dict)
            else json.dumps([str(sample / path) for path in ([said] if isinstance(said, str) else said)])
        )
        lines += [f"[corpora.{corpus}]", f"source = {told}", more]
    path = folder / "build.toml"
    path.write_text("\n".join(lines))
    return path


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


# ---- what is read whole is exact


def test_a_plan_of_whole_sources_is_what_is_built(demo: dict[str, dict[str, Any]], sample: Path, tmp_path: Path) -> None:
    """Rows, tokens, disk, and what each reason refused, to the last one; the corpora's place holds nothing but the plan."""
    built = Path(demo["attempts"]["path"]).parent
    planner = Planner(built, tmp_path)
    for corpus in TEXTS:
        plan = planner.plan(job_of(corpus, sample))
        totals: dict[str, Any] = Corpus(built / corpus).totals()
        assert plan.share == 1.0 and not plan.not_measured
        assert plan.rows_out == exactly(totals["num_out"])
        assert plan.stages[-1].shard_bytes == exactly(totals["num_bytes"])
        assert plan.tokens["text"] == exactly(totals["sums"]["contract.num_text_tokens"])
        refused = {name: part for step in plan.steps if step.stage == corpus for name, part in step.rejects.items()}
        assert refused == {name: exactly(count) for name, count in totals["rejects"].items()}


def test_a_plan_kept_and_compared(demo: dict[str, dict[str, Any]], sample: Path, tmp_path: Path) -> None:
    """A corpus that is not built yet feeds another by its sample; the plan, kept, is compared with what is built then."""
    out = tmp_path / "corpora"
    file = build_file(tmp_path, sample, out, ("attempts", "dpo"))
    done = invoke(file, "--json", "--scale", "paper", "--price-cpu-hour", "1")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [plan["corpus"] for plan in told["plans"]] == ["attempts", "dpo"]
    assert told["scale"][0] == "attempts: its size is not published (F.1)" and told["scale"][1]["target"] == 300_000
    assert sorted(hashes(out)) == [".plans/attempts.json", ".plans/dpo.json"]
    assert invoke(file, "--against").exit_code == 1
    for corpus in ("attempts", "dpo"):
        job = read_job(corpus, {"source": {"corpus": "attempts"} if corpus == "dpo" else CORPORA[corpus].sample}, sample, corpus)
        build_stages(job.stages(out), out, Execution(workers=0))
    compared = invoke(file, "--against", "--json")
    assert compared.exit_code == 0, compared.output
    for one in json.loads(compared.stdout):
        assert one["num_inside"] == one["num_judged"] > 10, [row for row in one["rows"] if row["is_inside"] is False]
        assert [row["actual"] for row in one["rows"]][1] == demo[one["corpus"]]["out"]
    assert "NO" not in invoke(file, "--against").stdout


def test_tables_and_words(sample: Path, tmp_path: Path) -> None:
    file = build_file(tmp_path, sample, tmp_path / "corpora", ("function_calling",))
    done = invoke(file, "--no-save", "--cluster", "4x32cpu", "--scale", "1_000_000")
    assert done.exit_code == 0, done.output
    for part in ("check_calls", "unknown_tool 1", "On 4x32cpu", "most of it, ", "The sources were read whole", "from so many raw records"):
        assert part in done.stdout, part
    assert not (tmp_path / "corpora").exists()


# ---- a sample


def test_a_sample_tells_the_toy_corpus(tmp_path: Path) -> None:
    """Through the real engine: 16 of 20 splits, a tenth of the rows; the same seed tells the same."""
    recipe = toy_recipe(1_000, 50, broken=tuple(range(0, 1_000, 40)))

    def tried(seed: int) -> tuple[np.ndarray, Any]:
        trial = start_trial(recipe, tmp_path / f"{seed}", seed, 0.1, 0, Replies())
        trial.run([Stage(recipe.name, lambda _: recipe)], recipe)
        return trial.observed.given(0, 1, "rows"), trial.drawing.design()

    given, design = tried(0)
    rows = design.total(given)
    assert design.num_rows == 1_000 and 90 < len(given) < 150
    assert rows is not None and rows.holds(500) and rows.high - rows.low < 200
    assert tried(0)[0].tolist() == given.tolist()


def test_a_plan_of_a_part_is_inside_its_intervals(sample: Path, tmp_path: Path, demo: dict[str, dict[str, Any]]) -> None:
    """Rows, tokens and disk of a corpus in two stages, from a part of its rows."""
    built = Path(demo["text_safety"]["path"]).parent
    totals: dict[str, Any] = Corpus(built / "text_safety").totals()
    for seed in range(2):
        plan = Planner(built, tmp_path / f"{seed}", seed, 0.5, least_rows=20).plan(job_of("text_safety", sample))
        assert plan.share < 1 and plan.rows_out is not None and plan.rows_out.holds(totals["num_out"])
        size, text = plan.stages[-1].shard_bytes, plan.tokens["text"]
        assert size is not None and size.holds(totals["num_bytes"])
        assert text is not None and text.holds(totals["sums"]["contract.num_text_tokens"])


# ---- what does not scale


def test_copies_are_more_in_the_whole_than_in_a_sample() -> None:
    """Of 10,000 records 2,000 are in pairs: a tenth shows about ten pairs of the thousand copies; the interval reaches them."""
    rng = np.random.default_rng(0)
    owner = np.concatenate([np.repeat(np.arange(1_000), 2), np.arange(1_000, 9_000)])
    hits = 0
    for _ in range(100):
        seen = rng.choice(owner, 1_000, replace=False)
        _, sizes = np.unique(seen, return_counts=True)
        groups = {int(size): int((sizes == size).sum()) for size in np.unique(sizes) if size > 1}
        ratio = copies_ratio(groups, 1_000, 0.1)
        assert ratio.low <= ratio.value <= ratio.high
        hits += ratio.holds(0.1)
    assert hits >= 90
    assert copies_ratio({2: 7}, 100, 1.0) == exactly(0.07)
    many = copies_ratio({40: 1}, 100, 0.5)  # one template in 40 of 100 is one in about 80 of 200, not thousands
    assert many.low > 0.3 and many.value == pytest.approx(0.4, abs=0.05) and many.high < 0.65


def test_exactly_n_stays_n(sample: Path, tmp_path: Path, demo: dict[str, dict[str, Any]]) -> None:
    built = Path(demo["attempts"]["path"]).parent
    plan = Planner(built, tmp_path, 0, 0.7, least_rows=20).plan(job_of("cot_sft", sample, n=8))
    assert plan.share < 1 and plan.rows_out == exactly(8)
    assert any(note.startswith("keep_selected: 8 are asked for") for note in plan.notes)


# ---- engines


def test_nothing_is_asked_without_consent(sample: Path, tmp_path: Path) -> None:
    """A served model is counted, priced at most, and not reached; what follows it is said to be unknown."""
    job = job_of("summarisation", sample, writer="openai", model="m", base_url="http://127.0.0.1:9/v1", prompt_price=2.0, output_price=8.0)
    plan = Planner(tmp_path / "out", tmp_path / "tried").plan(job)
    step = next(step for step in plan.steps if step.model is not None and step.model.is_served)
    assert step.model is not None and step.model.questions is not None and step.model.questions.value > 0
    assert step.model.cost is None and step.model.most_cost is not None and step.model.most_cost.value > 0
    assert step.num_faults == 0
    assert any("no request is allowed" in why for why in plan.not_measured), plan.not_measured


def test_consent_is_a_bound_and_what_was_paid_is_kept(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the questions 10 are sent, not one more; what they gave tells the cost, and a plan without consent asks nothing again."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as server:
        told = {"writer": "openai", "model": "m", "base_url": server.base_url, "prompt_price": 2.0, "output_price": 8.0}
        job = job_of("summarisation", sample, **told)

        def asked(planner: Planner) -> tuple[CorpusPlan, ModelWork]:
            plan = planner.plan(job)
            return plan, next(step.model for step in plan.steps if step.model is not None and step.model.is_served)

        whole, model = asked(Planner(tmp_path / "out", tmp_path / "whole", consent=Consent(1_000)))
        num_questions = len(server.answered())
        assert not whole.not_measured and model.questions == exactly(num_questions) and num_questions > 10
        assert model.cost is not None and model.output_tokens is not None and whole.rows_out is not None
        server.set()
        first = Planner(tmp_path / "out", tmp_path / "first", consent=Consent(10))
        plan, model = asked(first)
        assert 0 < len(server.log()) <= 10
        assert any("the 10 requests allowed are spent" in why for why in plan.not_measured), plan.not_measured
        assert model.questions == exactly(num_questions) and model.output_tokens is not None and model.output_tokens.value > 0
        assert model.cost is not None and model.most_cost is not None and 0 < model.cost.value < model.most_cost.value
        assert not (tmp_path / "out").exists()
        kept = tmp_path / "kept"
        assert first.keep_replies(kept) == len(server.answered())
        server.set()
        again, model = asked(Planner(tmp_path / "out", tmp_path / "again", kept=Replies(kept)))
        assert server.log() == [] and model.output_tokens is not None
        assert any("no request is allowed" in why for why in again.not_measured)


def test_a_gpu_is_not_made_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pipelines.plan.asked.NVIDIA", tmp_path / "absent")

    class Engine:
        resources: ClassVar = {"num_cpus": 1, "num_gpus": 1}

    class Processor:
        engine = Engine()

    class Step:
        processor, mode, name = Processor(), "batched", "hear"

    caller = PlanCaller(Step(), Replies(), None, Consent(), contextlib.ExitStack())  # type: ignore[arg-type]
    with pytest.raises(NotMeasured, match="hear needs a GPU, which this machine has not"):
        caller.result(caller.submit([Document("key", Origin("here"), "text")]))


# ---- time, sizes, words


def planned(seconds: float, num_splits: int, largest: float) -> CorpusPlan:
    rest = (1 - largest) / max(num_splits - 1, 1)
    shares = (largest, *([rest] * (num_splits - 1)))
    step = StepPlan("toy", "spell", "each", exactly(100), exactly(50), None, None, {}, None, 0, exactly(seconds))
    stage = StagePlan("toy", num_splits, exactly(50), exactly(1_000), exactly(10), 0.0, 10)
    tokens = {"text": exactly(500), "image": exactly(0), "audio": exactly(0)}
    return CorpusPlan(
        "asr", 0, 1.0, 100, 1, "f", exactly(100), exactly(2_000), exactly(50), tokens, None, (step,), (stage,), shares, (), (), 1.0
    )


def test_wall_time_is_bound_by_workers_then_by_the_largest_split() -> None:
    even = planned(1_000.0, 100, 0.01)
    assert build_time(even, Cluster(1, 10)).wall_s == pytest.approx(100)
    assert build_time(even, Cluster(10, 10)).wall_s == pytest.approx(10)
    beyond = build_time(even, Cluster(100, 10))
    assert beyond.wall_s == pytest.approx(10) and beyond.stages[0].idle_workers == 900
    uneven = build_time(planned(1_000.0, 100, 0.3), Cluster(1, 100))
    assert uneven.wall_s == pytest.approx(300) and "the largest split alone (30% of the work)" in uneven.bottleneck


def test_clusters_are_read() -> None:
    assert read_cluster("8x64cpu,4gpu") == Cluster(8, 64, 4)
    assert read_cluster("16cpu") == Cluster(1, 16, 0)
    for said in ("8x", "0x4cpu", "4gpu", "many"):
        with pytest.raises(ValueError, match=f"cluster '{said}' cannot be read; expected nodes, CPUs and GPUs"):
            read_cluster(said)


def test_scales_to_the_paper() -> None:
    prices = {"cpu_hour": 3.6, "gpu_hour": 0.0, "gb_month": 0.0}
    found = at_scale(planned(3_600.0, 4, 0.25), Size(5_000, ROWS, "here"), Cluster(1, 10), 10.0, prices)
    assert not isinstance(found, str)
    assert (found.times, found.raw_records.value, found.rows, found.cpu_hours) == (100, 10_000, 5_000, 100)
    assert found.nodes == 1 and found.money == {"cpu": 360.0}
    assert sum(size.amount for name, size in PAPER.items() if name in ("asr", "ast", "sqa", "sqqa", "ssum", "audio_understanding")) == 100e6
    assert set(PAPER) <= set(CORPORA)


def test_row_bytes_are_those_of_the_buffers() -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "text": pa.array(["a", "", "four", None]),
            "number": pa.array([1, 2, 3, 4], pa.int64()),
            "parts": pa.array([[1.0], [], [1.0, 2.0], [3.0]], pa.large_list(pa.float32())),
            "both": pa.array([{"x": 1, "y": "z"}] * 4, pa.struct([("x", pa.int32()), ("y", pa.string())])),
        }
    )
    text, number, parts, both = np.array([1, 0, 4, 0]) + 4 + 1 / 8, 8, np.array([4, 0, 8, 4]) + 8, 4 + 1 + 4
    assert row_bytes(batch).tolist() == (text + number + parts + both).tolist()
    assert row_bytes(batch.slice(2, 1)).tolist() == [(text + number + parts + both)[2] - 1 / 8]  # without a null, no bit says so


# ---- errors


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--share", "0"), 2, "--share is 0, expected above 0 up to 1"),
        (("--cluster", "big"), 2, "cluster 'big' cannot be read; expected nodes, CPUs and GPUs of one node, such as 8x64cpu,4gpu or 16cpu"),
        (("--scale", "huge"), 2, "--scale is 'huge', expected paper or a number of raw records, such as 1000000"),
        (("--corpus", "asr"), 2, "corpus 'asr' is not in"),
        (("--against",), 1, "function_calling.json is not there; run `corpusmill plan` before the build, then compare with --against"),
    ],
)
def test_errors_say_what_to_do(sample: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = invoke(build_file(tmp_path, sample, tmp_path / "corpora", ("function_calling",)), *arguments)
    assert done.exit_code == code and message in " ".join(done.stderr.split())


def test_a_corpus_that_is_not_there_yet_must_be_planned_too(sample: Path, tmp_path: Path) -> None:
    with pytest.raises(NotPlanned, match=r"it reads attempts, not finished in .*; plan it in the same command, before this corpus"):
        Planner(tmp_path / "out", tmp_path / "tried").plan(job_of("cot_sft", sample))


def test_estimates_know_when_they_are_exact() -> None:
    assert exactly(3).is_exact and not Estimate(3, 2, 4).is_exact and Estimate(3, 2, 4).holds(4) and not Estimate(3, 2, 4).holds(5)
