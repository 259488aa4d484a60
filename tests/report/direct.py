"""The figures of a corpus computed directly with pandas from files as they lie: nothing here is shared with the code under test."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.report.figures import Spread, Statistics

ORIGIN = {"key", "source", "revision", "licence", "locator", "parents"}
CONTENT = {"text", "turns", "prompt", "chosen", "rejected", "pieces", "images", "image_info", "image_sources", "log_mel", "audio_info"}
CONTENT |= {"audio_sources", "input_ids", "labels", "position_ids", "segment_ids"}
COPIES = ("duplicate", "repeated_text", "near_duplicate", "same_solution", "near_solution")
TOKENS = {name: f"contract.num_{name}_tokens" for name in ("text", "image", "audio")} | {"all": "contract.num_tokens"}


class Direct:
    """One stage as it lies on disk."""

    def __init__(self, path: Path) -> None:
        self.recipe = json.loads((path / "recipe.json").read_text())
        self.name = self.recipe["name"]
        entries = [json.loads(file.read_text()) for file in (path / "ledger").glob("*.json")]
        self.entries = sorted(entries, key=lambda entry: (entry["split"]["path"], entry["split"]["start"], entry["split"]["id"]))
        self.rows = self._table(path, "shard")
        self.rejects = self._table(path, "rejects").to_pandas()
        self.told = [json.loads(text) for text in self.rejects["facts"]]
        self.runs = _lines(path.parent / ".runs" / f"{path.name}.jsonl")

    def _table(self, path: Path, name: str) -> pa.Table:
        return pa.concat_tables([pa.ipc.open_stream((path / entry[name]["name"]).read_bytes()).read_all() for entry in self.entries])

    def column(self, name: str) -> list[Any]:
        return self.rows.column(name).to_pylist() if name in self.rows.schema.names else [None] * self.rows.num_rows

    @property
    def facts(self) -> dict[str, str]:
        names = {"bool": "bool", "int64": "int", "double": "float", "string": "str"}
        found = {field.name: field.type for field in self.rows.schema if field.name not in ORIGIN | CONTENT}
        return {name: names[str(kind)] for name, kind in found.items()}


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def check_spread(spread: Spread, values: list[Any], kind: str) -> None:
    """Asserts every figure of a spread over these values, None where a record lacks the fact."""
    series = pd.Series([value for value in values if value is not None], dtype=object)
    assert (spread.num_records, spread.num_missing) == (len(series), len(values) - len(series))
    if kind in ("str", "bool"):
        check_texts(spread, series.map(lambda value: value if kind == "str" else str(value).lower()))
        return
    numbers = series.astype("int64" if kind == "int" else "float64")
    finite = numbers[np.isfinite(numbers)]
    assert spread.num_not_finite == len(numbers) - len(finite)
    if not len(finite):
        assert spread == Spread(len(series), len(values) - len(series), num_not_finite=len(numbers))
        return
    assert (spread.least, spread.most) == (finite.min(), finite.max())
    assert spread.mean == pytest_approx(finite.mean())
    assert spread.deviation == pytest_approx(finite.std(ddof=0), largest=float(finite.abs().max()))
    assert spread.total == (finite.sum() if kind == "int" else math.fsum(finite))
    assert sum(count for *_, count in spread.bins) == len(finite)
    is_exact = finite.nunique() <= 512
    assert not is_exact or spread.is_exact
    if is_exact:
        counts = finite.value_counts().sort_index()
        assert spread.bins == tuple((value, value, count) for value, count in counts.items())
    else:
        check_bins(spread, finite)
    for share, value in spread.quantiles:
        true = np.quantile(finite, share, method="inverted_cdf")
        assert value == true if is_exact else abs(value - true) <= abs(true) / 128
    assert [share for share, _ in spread.quantiles] == [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0]


def check_bins(spread: Spread, numbers: pd.Series) -> None:
    """By pandas' own cutting at the same edges."""
    found = 0
    sides: Any = (
        ("left", [each for each in spread.bins if each[1] > each[0] >= 0]),
        ("right", [each for each in spread.bins if each[0] < each[1] <= 0]),
    )
    for closed, bins in sides:
        if bins:
            edges = pd.IntervalIndex.from_tuples([(low, high) for low, high, _ in bins], closed=closed)
            assert pd.cut(numbers, edges).value_counts().reindex(edges).tolist() == [count for *_, count in bins]
            found += sum(count for *_, count in bins)
            assert all(high - low <= max(1, min(abs(low), abs(high)) / 128) for low, high, _ in bins)
    single = {low: count for low, high, count in spread.bins if low == high}
    assert {value: int((numbers == value).sum()) for value in single} == single
    assert found + sum(single.values()) == len(numbers)


def check_texts(spread: Spread, texts: pd.Series) -> None:
    counts = [(str(text), int(count)) for text, count in texts.value_counts().items()]
    listed = sorted(((text, count) for text, count in counts if len(text) <= 200), key=lambda item: (-item[1], item[0]))[:1_000]
    listed = [(text, count) for text, count in listed if count > 1 or len(counts) <= 1_000]
    assert list(spread.values) == listed
    assert spread.num_values == len(counts)
    assert spread.num_other == len(texts) - sum(count for _, count in listed)
    assert (spread.bins, spread.mean, spread.quantiles) == ((), None, ())


def pytest_approx(value: float, largest: float = 0.0) -> Any:
    import pytest

    return pytest.approx(value, rel=1e-9, abs=max(1e-300, largest * 1e-9))  # pandas rounds as it adds


def kind_told(values: list[Any]) -> str:
    return {"NoneType": "float"}.get(type(values[0]).__name__, type(values[0]).__name__)


def check(statistics: Statistics, paths: list[Path]) -> None:
    """Asserts each field of the statistics of the corpus that lies in the last folder, made from those before it."""
    stages = [Direct(path) for path in paths]
    last = stages[-1]
    checked = _check_totals(statistics, stages, last) | _check_facts(statistics, stages, last) | _check_limits(statistics, stages)
    checked |= _check_steps(statistics, stages) | _check_extra(statistics, stages, last)
    assert checked == {field.name for field in fields(Statistics)}


def _check_totals(statistics: Statistics, stages: list[Direct], last: Direct) -> set[str]:
    recipe = last.recipe
    told = {name: getattr(statistics, name) for name in ("name", "kind", "title", "notes", "fingerprint", "versions")}
    assert told == {name: recipe[name] for name in told}
    assert statistics.stages == tuple(stage.name for stage in stages)
    totals = {
        "num_in": sum(entry["steps"][0]["num_in"] for entry in stages[0].entries),
        "num_out": last.rows.num_rows,
        "num_refused": sum(int((stage.rejects["failure"] != "fault").sum()) for stage in stages),
        "num_faults": sum(int((stage.rejects["failure"] == "fault").sum()) for stage in stages),
        "num_splits": len(last.entries),
        "num_bytes": sum(entry["shard"]["num_bytes"] for entry in last.entries),
    }
    assert {name: getattr(statistics, name) for name in totals} == totals
    assert statistics.is_complete
    counted = [name for name, kind in last.facts.items() if kind == "int" and name.split(".")[1].startswith("num_")]
    assert dict(statistics.sums) == {name: sum(value or 0 for value in last.column(name)) for name in counted}
    present = {name: fact for name, fact in TOKENS.items() if fact in last.facts}
    assert dict(statistics.tokens) == {name: sum(last.column(fact)) for name, fact in present.items()}
    licences = pd.Series(last.column("licence")).replace("", "unknown").value_counts()
    assert dict(statistics.licences) == licences.to_dict()
    sources = pd.Series(last.column("source")).value_counts()
    assert list(statistics.sources.items()) == sorted(sources.to_dict().items(), key=lambda item: (-item[1], item[0]))
    return {*told, *totals, "stages", "is_complete", "sums", "tokens", "licences", "sources", "content"}


def _check_facts(statistics: Statistics, stages: list[Direct], last: Direct) -> set[str]:
    declared = {name: said for stage in stages for name, said in stage.recipe["facts"].items()}
    told = {name for stage in stages for facts in stage.told for name in facts}
    assert [fact.name for fact in statistics.facts] == sorted(declared.keys() | told)
    for fact in statistics.facts:
        refused = [facts.get(fact.name, None if fact.name not in facts else math.nan) for stage in stages for facts in stage.told]
        refused = [math.nan if value is None and fact.name in facts else value for value, facts in zip(refused, _told(stages), strict=True)]
        said = declared.get(fact.name) or {"type": kind_told([value for value in refused if value is not None]), "doc": ""}
        assert (fact.type, fact.doc) == (said["type"], said["doc"])
        check_spread(fact.kept, last.column(fact.name), fact.type)
        check_spread(fact.refused, refused, fact.type)
    return {"facts"}


def _told(stages: list[Direct]) -> list[dict[str, Any]]:
    return [facts for stage in stages for facts in stage.told]


def _check_limits(statistics: Statistics, stages: list[Direct]) -> set[str]:
    declared = [(stage.name, step, limit) for stage in stages for step, limits in stage.recipe["limits"].items() for limit in limits]
    names = ("fact", "reason", "least", "most", "sole")
    lists = ("where", "remeasured_by")
    found = [
        (told.stage, told.step, {name: getattr(told, name) for name in names} | {name: list(getattr(told, name)) for name in lists})
        for told in statistics.limits
    ]
    assert sorted(found, key=_json) == sorted(declared, key=_json)
    by_name = {stage.name: stage for stage in stages}
    for limit in statistics.limits:
        stage = by_name[limit.stage]
        rows = [dict(zip(stage.facts, row, strict=True)) for row in zip(*map(stage.column, stage.facts), strict=True)]
        of_reason = (stage.rejects["step"] == limit.step) & (stage.rejects["reason"] == limit.reason)
        refused = [facts for facts, is_of in zip(stage.told, of_reason, strict=True) if is_of]
        for spread, records in ((limit.kept, rows), (limit.refused, refused)):
            values = [facts.get(limit.fact) if all(_is_as(facts, where) for where in limit.where) else None for facts in records]
            check_spread(spread, values, kind_told([value for value in values if value is not None] or [None]))
    return {"limits"}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _is_as(facts: dict[str, Any], where: Any) -> bool:
    names = [where["fact"], *where.get("plus", [])]
    if any(facts.get(name) is None for name in names):
        return False
    value = facts[where["fact"]]
    if ("any_of" in where and value not in where["any_of"]) or value in where.get("none_of", []):
        return False
    if "least" not in where and "most" not in where:
        return True
    total = sum(float(facts[name]) for name in names)
    return bool(where.get("least", -math.inf) <= total <= where.get("most", math.inf))


def _check_steps(statistics: Statistics, stages: list[Direct]) -> set[str]:
    rows = [
        {**step, "stage": stage.name, "at": at} for stage in stages for entry in stage.entries for at, step in enumerate(entry["steps"])
    ]
    by_step = pd.DataFrame(rows).groupby(["stage", "step"])
    order = list(dict.fromkeys((row["stage"], row["step"]) for row in rows))
    assert [(step.stage, step.step) for step in statistics.steps] == order
    runs = {stage.name: stage.runs for stage in stages}
    for step in statistics.steps:
        counts = by_step.get_group((step.stage, step.step))
        assert (step.num_in, step.num_out, step.num_faults) == tuple(counts[["num_in", "num_out", "num_faults"]].sum())
        rejects = pd.DataFrame(counts["rejects"].tolist()).sum()
        assert dict(step.rejects) == {name: count for name, count in rejects.to_dict().items() if count}
        took = [run["step_seconds"].get(step.step, 0.0) for run in runs[step.stage]]
        assert step.seconds == (pytest_approx(sum(took)) if took else None)
        busy = [run["busy_s"][step.step] for run in runs[step.stage] if step.step in run["busy_s"]]
        assert step.busy_s == (pytest_approx(sum(busy)) if busy else None)
        for name in ("asked", "known"):
            assert getattr(step, f"num_{name}") == sum(run[name].get(step.step, 0) for run in runs[step.stage])
    reasons = []
    docs = {"fault": "A step raised an exception: a bug in it, not bad data"}
    for stage in stages:
        for (step, failure, reason), group in stage.rejects.groupby(["step", "failure", "reason"]):
            doc = docs.get(failure, stage.recipe["reasons"].get(step, {}).get(reason, ""))
            reasons.append((stage.name, step, reason, failure, doc, len(group)))
    found = [(told.stage, told.step, told.reason, told.failure, told.doc, told.num_records) for told in statistics.reasons]
    assert sorted(found) == sorted(reasons)
    assert [(run.stage, run.seconds, run.workers, run.num_built) for run in statistics.runs] == [
        (name, run["seconds"], run["workers"], run["num_built"]) for name, told in runs.items() for run in told
    ]
    lines: list[dict[str, Any]] = [line for one in runs.values() for line in one]
    for run, line in zip(statistics.runs, lines, strict=True):
        assert run.used_s == pytest_approx(sum(line["step_seconds"].values()))
        assert run.writing_s == line["step_seconds"]["shards"]
        assert (run.num_resumed, run.num_cpus) == (line["num_resumed"], line["num_cpus"])
        spent = [run.num_requests, run.prompt_tokens, run.output_tokens, round(run.cost * 1e9)]
        assert spent == [line["spent"][name] for name in ("num_requests", "prompt_tokens", "output_tokens", "cost_nano")]
    return {"steps", "reasons", "runs"}


def _check_extra(statistics: Statistics, stages: list[Direct], last: Direct) -> set[str]:
    extra = dict(statistics.extra)
    _check_groups(extra.pop("tokens_by"), last)
    by_source = extra.pop("refused_by_source")
    rows = [(stage.name, row) for stage in stages for row in stage.rejects.to_dict("records")]
    counts = pd.Series([(row["source"], name, row["step"], row["reason"]) for name, row in rows]).value_counts()
    assert {
        (source, *list(told.values())[:3]): told["num_records"] for source, list_ in by_source.items() for told in list_
    } == counts.to_dict()
    for name, column in (("licences", "licence"), ("sources", "source")):
        check_texts(_spread(extra.pop(name)), pd.Series(last.column(column)).replace("", "unknown" if name == "licences" else ""))
    for name, reasons in (("duplicates", COPIES), ("benchmarks", ("in_benchmark",))):
        declared = [
            (stage, step, reason)
            for stage in stages
            for step, told in stage.recipe["reasons"].items()
            for reason in told
            if reason in reasons
        ]
        if not declared:
            assert name not in extra
            continue
        told = extra.pop(name)
        details = []
        for row, (stage, step, reason) in zip(told["reasons"], declared, strict=True):
            of_reason = stage.rejects[(stage.rejects["step"] == step) & (stage.rejects["reason"] == reason)]
            assert row == {"stage": stage.name, "step": step, "reason": reason, "num_records": len(of_reason)}
            details += of_reason["detail"].tolist()
        if name == "duplicates":
            stays = [detail.removesuffix(", which stays").split(" ")[-1] for detail in details]
            check_texts(_spread(told["records"]), pd.Series(stays, dtype=object))
            similar = [float(detail.split(" ")[1]) for detail in details if detail.startswith("similarity ")]
            assert ("similarity" in told) == bool(similar)
            if similar:
                check_spread(_spread(told["similarity"]), similar, "float")
        else:
            names = [detail.split(", ")[0].rsplit(" ", 2)[0] for detail in details]
            check_texts(_spread(told["names"]), pd.Series(names, dtype=object))
    if statistics.kind == "packed":
        _check_packing(extra.pop("packing"), last)
    assert extra == {}
    return {"extra"}


def _spread(told: dict[str, Any]) -> Spread:
    fields_of: dict[str, Any] = {name: tuple(map(tuple, value)) if isinstance(value, list) else value for name, value in told.items()}
    return Spread(**fields_of)


def _check_groups(tokens_by: dict[str, Any], last: Direct) -> None:
    tokens = {name: fact for name, fact in TOKENS.items() if fact in last.facts}
    columns = {name: last.column(name) for name, kind in last.facts.items() if kind in ("str", "bool")}
    columns |= {"licence": [name or "unknown" for name in last.column("licence")], "source": last.column("source")}
    few = {name for name, values in columns.items() if len(set(values) - {None}) + (None in values) <= 64 and values}
    few = {name for name in few if len(set(columns[name])) <= 64}
    assert tokens_by.keys() == few
    for name in few:
        values = ["\0none" if value is None else str(value).lower() if isinstance(value, bool) else value for value in columns[name]]
        frame = pd.DataFrame({"value": values, "num_rows": 1} | {token: last.column(fact) for token, fact in tokens.items()})
        sums = frame.groupby("value").sum().astype(int)
        expected = {value: {name: int(count) for name, count in row.items()} for value, row in sums.iterrows()}
        found = {
            ("\0none" if row["value"] is None else row["value"]): {k: v for k, v in row.items() if k != "value"} for row in tokens_by[name]
        }
        assert found == expected
        assert [row["num_rows"] for row in tokens_by[name]] == sorted((row["num_rows"] for row in tokens_by[name]), reverse=True)


def _check_packing(packing: dict[str, Any], last: Direct) -> None:
    lengths = [len(ids) for ids in last.column("input_ids")]
    pieces = last.column("pieces")
    check_spread(_spread(packing["sequence_tokens"]), lengths, "int")
    check_spread(_spread(packing["pieces"]), [len(row) for row in pieces], "int")
    check_spread(_spread(packing["piece_tokens"]), [piece["num_tokens"] for row in pieces for piece in row], "int")
    filled = [sum(piece["num_tokens"] for piece in row) / length for row, length in zip(pieces, lengths, strict=True)]
    check_spread(_spread(packing["filled_ratio"]), filled, "float")
    assert packing["num_cut"] == sum(piece["offset"] > 0 for row in pieces for piece in row)
    ribbons = [{"tokens": length, "pieces": [piece["num_tokens"] for piece in row]} for row, length in zip(pieces, lengths, strict=True)]
    assert packing["ribbons"] == ribbons[:12]
