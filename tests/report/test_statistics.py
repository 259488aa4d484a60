"""Statistics equal a direct computation, whoever counts and in whatever parts; unfinished corpora are told, damaged ones refused."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.report import built, statistics, tally, texts
from pipelines.report.built import stages_of
from pipelines.report.figures import Spread, Statistics
from pipelines.report.statistics import collect, computing, from_json, spread_of, to_json
from pipelines.report.tables import COLUMNS, write_parquet
from pipelines.runs import runs_file
from schemas.arrow import schema_for
from schemas.corpus import REJECTS_SCHEMA, Corpus, CorpusError, LedgerEntry, finish
from schemas.facts import Fact
from schemas.identity import canonical_json
from schemas.records import Document, Origin
from schemas.shard import RecordWriter, TableWriter, write_if_absent, write_replacing
from tests.benchmarks.bench_report import write_corpus
from tests.report.direct import check
from tests.report.measured import make

NAMES = ("asr", "image_text", "language_pretrain", "packed", "cot_sft", "vision_speech", "dpo", "code_completion")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus with more different numbers and texts than are counted one by one."""
    return make(tmp_path_factory.mktemp("made"), 1_600, 200, broken=(3, 77, 1_203), raises=(5, 600))


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """The same corpus, to be changed."""
    shutil.copytree(made.parent, tmp_path / "copy")
    return tmp_path / "copy" / made.name


def without_runs(found: Statistics) -> Any:
    return {name: value for name, value in json.loads(to_json(found)).items() if name != "runs"}


@pytest.mark.parametrize("name", NAMES)
def test_statistics_of_the_demonstration_are_the_direct_ones(name: str, demo: dict[str, Any], run_folder: Path) -> None:
    corpus = run_folder / "demo" / "corpora" / name
    found = collect(corpus)
    check(found, stages_of(corpus))
    assert found.content == Corpus(corpus).totals()["content"]
    assert from_json(to_json(found)) == found
    assert to_json(collect(corpus)) == to_json(found)


def test_statistics_of_many_values_are_the_direct_ones(made: Path) -> None:
    found = collect(made)
    check(found, stages_of(made))
    assert [path.name for path in stages_of(made)] == ["made.measured", "made"]
    kept = {fact.name: fact.kept for fact in found.facts}
    assert not kept["made.value"].is_exact
    assert kept["made.name"].num_values > 1_000 > len(kept["made.name"].values) > 0
    assert (found.num_faults, {reason.failure for reason in found.reasons}) == (2, {"reject", "fault"})
    assert found.extra["duplicates"]["records"]["num_values"] == 2
    assert [(limit.fact, limit.refused.num_records > 0, limit.kept.num_records > 0) for limit in found.limits] == [
        ("made.value", True, True),
        ("made.num_bytes", True, True),
        ("made.num_bytes", False, False),
        ("made.rare", False, True),
    ]


def test_the_parts_in_which_it_is_counted_do_not_matter(made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    expected = collect(made)
    for module, name, value in (
        (built, "ROWS_PER_TASK", 1),
        (statistics, "COUNTS_PER_MERGE", 3),
        (statistics, "TEXTS_PER_PARTITION", 400),
        (tally, "ROWS_AT_ONCE", 30),
        (tally, "REJECTS_AT_ONCE", 7),
        (tally, "MAX_HELD", 40),
        (tally, "MAX_PASSED_ON", 10),
    ):
        monkeypatch.setattr(module, name, value)
        monkeypatch.setattr(texts, name, value, raising=False)
    assert collect(made, scratch=tmp_path) == expected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.cluster
@pytest.mark.usefixtures("one_ray")
def test_ray_counts_the_same(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(built, "ROWS_PER_TASK", 500)
    with computing(2) as compute:
        assert collect(made, compute, tmp_path) == collect(made)


def test_small_corpora_are_counted_here() -> None:
    with computing() as compute:
        assert compute is statistics.compute_here


def test_what_runs_took_is_told_apart(copy: Path) -> None:
    before = collect(copy)
    assert [run.stage for run in before.runs] == ["made.measured", "made"]
    assert all(run.used_ratio > 0 and run.worker_s == run.seconds for run in before.runs)
    file = runs_file(copy)
    file.write_text(file.read_text() * 2)
    after = collect(copy)
    assert without_runs(after) == without_runs(before)
    assert json.loads(to_json(after))["runs"]["is_deterministic"] is False
    assert (len(after.runs), after.steps[-1].seconds) == (3, pytest.approx(2 * (before.steps[-1].seconds or math.nan)))
    file.unlink()
    none = collect(copy)
    assert (none.steps[-1].seconds, none.steps[-1].busy_s, none.runs[1:]) == (None, None, ())
    assert without_runs(none) == without_runs(before)


def test_an_unfinished_corpus_is_told_as_far_as_it_is_committed(copy: Path) -> None:
    whole = collect(copy)
    (copy / "corpus.json").unlink()
    assert collect(copy) == dataclasses.replace(whole, is_complete=False)
    for file in Corpus(copy).ledger_files()[:3]:
        file.unlink()
    part = collect(copy)
    check(dataclasses.replace(part, is_complete=True), stages_of(copy))
    assert part.num_splits == whole.num_splits - 3
    for file in Corpus(copy).ledger_files():
        file.unlink()
    nothing = collect(copy)
    assert (nothing.num_out, nothing.num_splits, nothing.num_in, nothing.is_complete) == (0, 0, whole.num_in, False)


def damage(copy: Path, how: str) -> None:
    entry = Corpus(copy).ledger()[3]
    shard, rejects = copy / entry.shard.name, copy / entry.rejects.name
    ledger = copy / "ledger" / f"{entry.split['id']}.json"
    if how == "no recipe":
        (copy / "recipe.json").unlink()
    elif how == "recipe":
        (copy / "recipe.json").write_text("{")
    elif how == "recipe fields":
        (copy / "recipe.json").write_text("{}")
    elif how == "no shard":
        shard.unlink()
    elif how == "cut shard":
        shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    elif how == "other shard":
        shard.write_bytes((copy / Corpus(copy).ledger()[4].shard.name).read_bytes())
    elif how == "earlier shard":
        earlier = stages_of(copy)[0]
        shard.write_bytes((earlier / Corpus(earlier).ledger()[3].shard.name).read_bytes())
    elif how == "text":
        shard.write_text("no table")
    elif how == "rejects":
        table = pa.ipc.open_stream(rejects.read_bytes()).read_all()
        told = table.set_column(3, table.schema.field("reason"), pa.array(["other"] * len(table)))
        with pa.OSFile(str(rejects), "wb") as sink, pa.ipc.new_stream(sink, told.schema) as writer:
            writer.write_table(told)
    elif how == "ledger":
        ledger.write_text("{")
    elif how == "ledger fields":
        ledger.write_text("{}")
    elif how == "totals":
        totals = json.loads((copy / "corpus.json").read_text())
        (copy / "corpus.json").write_text(json.dumps({**totals, "num_out": 7}))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no recipe", r"has no recipe.json; expected a corpus directory"),
        ("recipe", r"made/recipe.json cannot be read: it was changed or damaged after it was written; .*--rebuild \(JSONDecodeError"),
        ("recipe fields", r"made/recipe.json cannot be read: .* \(it does not say name"),
        ("no shard", r"shards/\w+.arrow, which the ledger names, cannot be read .*No such file.*rebuild it"),
        ("cut shard", r"shards/\w+.arrow( cannot be read: it was changed or damaged| has \d+ rows, the ledger says)"),
        ("other shard", r"shards/\w+.arrow has \d+ rows, the ledger says \d+; it is damaged"),
        ("earlier shard", r"has no column 'contract.num_text_tokens', which recipe.json declares|rows, the ledger says"),
        ("text", r"shards/\w+.arrow cannot be read: it was changed or damaged"),
        (
            "rejects",
            r"the rejects of .*made hold 0 records of drop_copies duplicate, its ledger counts|hold \d+ records of .*, its ledger counts",
        ),
        ("ledger", r"ledger entry '\w+.json' cannot be read: it was changed or damaged after it was written; .* \(JSONDecodeError"),
        ("ledger fields", r"ledger entry '\w+.json' cannot be read: .* \(KeyError: 'steps'\)"),
        ("totals", r"corpus.json of .*made says num_out = 7, its ledger gives \d+; the corpus is damaged"),
    ],
)
def test_a_damaged_corpus_is_refused(copy: Path, how: str, message: str) -> None:
    damage(copy, how)
    with pytest.raises(CorpusError, match=message):
        collect(copy)


def test_a_folder_that_is_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"has no recipe.json; expected a corpus directory"):
        collect(tmp_path)


def written(path: Path, values: list[float | None], rejects: list[str]) -> Path:
    """A corpus of documents with a float, and rejects with these facts, as an engine of any time may have written them."""
    fact = Fact("odd.value", float, "Any")
    recipe = {"name": path.name, "kind": "document", "fingerprint": "made", "facts": {fact.name: {"type": "float", "doc": fact.doc}}}
    write_replacing(path / "recipe.json", canonical_json(recipe).encode())
    with RecordWriter(path, "shards/a.arrow", schema_for("document", [fact])) as shard:
        for number, value in enumerate(values):
            facts = {} if value is None else {fact.name: value}
            shard.write(Document(f"{number}", Origin("s"), "text", facts))
    with TableWriter(path, "rejects/a.arrow", REJECTS_SCHEMA) as refused:
        rows = [dict.fromkeys(REJECTS_SCHEMA.names, "x") | {"facts": facts, "failure": "reject"} for facts in rejects]
        refused.write_batch(pa.RecordBatch.from_pylist(rows, REJECTS_SCHEMA))
    steps = ({"step": "x", "num_in": len(values) + len(rejects), "num_out": len(values), "rejects": {"x": len(rejects)}, "num_faults": 0},)
    entry = {"split": {"id": "a", "path": "p", "start": 0}, "steps": steps, "sums": {}}
    told = {name: dataclasses.asdict(file.publish()) for name, file in (("shard", shard), ("rejects", refused))}
    write_if_absent(path / "ledger" / "a.json", LedgerEntry.from_bytes(json.dumps({**entry, **told}).encode()).to_bytes())
    finish(Corpus(path), lambda totals: "made\n")
    return path


def test_numbers_that_are_not_finite_have_a_place(tmp_path: Path) -> None:
    rejects = ['{"odd.value":null}', '{"odd.value":2.0}', "{}", '{"odd.flag":true}', '{"odd.count":3}', '{"odd.word":"a"}']
    found = collect(written(tmp_path / "odd", [1.0, math.nan, math.inf, None], rejects))
    facts = {fact.name: fact for fact in found.facts}
    assert (facts["odd.value"].kept.num_records, facts["odd.value"].kept.num_not_finite, facts["odd.value"].kept.num_missing) == (3, 2, 1)
    assert (facts["odd.value"].refused.num_records, facts["odd.value"].refused.num_not_finite) == (2, 1)
    assert {name: fact.type for name, fact in facts.items()} == {
        "odd.value": "float",
        "odd.flag": "bool",
        "odd.count": "int",
        "odd.word": "str",
    }
    assert from_json(to_json(found)) == found  # no NaN in JSON


@pytest.mark.parametrize(
    ("rejects", "message"),
    [
        (['{"odd.other":"a"}', '{"odd.other":2}'], r"odd.other is told of refused records as values of several types \(int, str\)"),
        ([f'{{"odd.other":{2**63}}}'], r"odd.other is told of a refused record as a number beyond 64 bits"),
        (["{"], r"the facts of a refused record, '{', are no JSON"),
        (["[1]"], r"the facts of a refused record are '\[1\]', expected a JSON object"),
    ],
)
def test_odd_facts_of_refused_records_are_refused(tmp_path: Path, rejects: list[str], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        collect(written(tmp_path / "odd", [1.0], rejects))


MEASURE = """
import sys
from pathlib import Path
from pipelines.report.statistics import collect
from tests.peak import peak_kib
collect(Path(sys.argv[1]))
print(peak_kib())
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    peaks = []
    for num_rows in (60_000, 240_000):
        write_corpus(tmp_path / f"{num_rows}" / "bench", num_rows, 0)
        command = [sys.executable, "-c", MEASURE, str(tmp_path / f"{num_rows}" / "bench")]
        peaks.append(int(subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True).stdout))
    assert peaks[1] < 1.25 * peaks[0] < 1.25 * (512 << 10)


def test_json_of_something_else_is_refused(made: Path) -> None:
    told = json.loads(to_json(collect(made)))
    with pytest.raises(ValueError, match="statistics have format 7, this code reads 1"):
        from_json(json.dumps({**told, "format": 7}))
    for text in ("{", "{}", "[]", json.dumps({**told, "corpus": {}})):
        with pytest.raises(ValueError, match="does not hold statistics"):
            from_json(text)


def test_spreads_of_extra_can_be_read(made: Path) -> None:
    found = collect(made)
    spread = spread_of(found.extra["sources"])
    assert spread == Spread(found.num_out, 0, values=tuple(found.sources.items()), num_values=3)


def test_tables_hold_the_figures(made: Path, tmp_path: Path) -> None:
    found = collect(made)
    paths = write_parquet(found, tmp_path / "tables")
    assert [path.stem for path in paths] == list(COLUMNS)
    tables = {path.stem: pq.read_table(path).to_pylist() for path in paths}
    kept = {row["fact"]: row for row in tables["facts"] if row["records"] == "kept"}
    for fact in found.facts:
        row = kept[fact.name]
        names = (
            "num_records",
            "num_missing",
            "num_not_finite",
            "least",
            "most",
            "mean",
            "deviation",
            "num_values",
            "num_other",
            "is_exact",
        )
        assert [row[name] for name in names] == [getattr(fact.kept, name) for name in names]
        assert [row[f"q{round(100 * share):02}"] for share, _ in fact.kept.quantiles] == [value for _, value in fact.kept.quantiles]
        bins = [row for row in tables["bins"] if (row["fact"], row["records"], row["limit"]) == (fact.name, "refused", None)]
        assert [(row["low"], row["high"], row["num_records"]) for row in bins] == list(fact.refused.bins)
        values = [row for row in tables["values"] if (row["fact"], row["records"], row["limit"]) == (fact.name, "kept", None)]
        assert [(row["value"], row["num_records"]) for row in values] == list(fact.kept.values)
    for limit, row in zip(found.limits, tables["limits"], strict=True):
        assert [row[name] for name in ("stage", "step", "fact", "reason", "least", "most")] == [
            getattr(limit, name) for name in ("stage", "step", "fact", "reason", "least", "most")
        ]
        bins = [told for told in tables["bins"] if (told["limit"], told["records"]) == (row["limit"], "refused")]
        assert sum(told["num_records"] for told in bins) == row["num_refused"] == limit.refused.num_records
    assert [(row["step"], row["num_in"], row["num_out"]) for row in tables["steps"]] == [(s.step, s.num_in, s.num_out) for s in found.steps]
    assert [row["num_records"] for row in tables["reasons"]] == [reason.num_records for reason in found.reasons]
    assert tables["corpus"][0]["tokens_all"] == found.tokens["all"]
    assert [row["num_rows"] for row in tables["groups"] if row["fact"] == "licence"] == sorted(found.licences.values(), reverse=True)
    assert [row["seconds"] for row in tables["times"]] == [step.seconds for step in found.steps]
    assert [row["writing_s"] for row in tables["runs"]] == [run.writing_s for run in found.runs]
    again = write_parquet(collect(made), tmp_path / "again")
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]
