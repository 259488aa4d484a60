"""The figures of a corpus as flat Parquet tables, for notebooks and databases.

- `corpus.parquet`: one row: name, kind, title, fingerprint, content, stages, is_complete, num_in, num_out, num_refused, num_faults, num_splits,
  num_bytes, and `tokens_text`, `tokens_image`, `tokens_audio`, `tokens_all` where they are counted.
- `steps.parquet`: stage, step, num_in, num_out, num_rejects, num_faults; in the order in which records pass.
- `reasons.parquet`: stage, step, reason, failure, doc, num_records.
- `facts.parquet`: fact, type, doc, `records` (`kept` or `refused`), the fields of `Spread` that are single values, `is_exact`, and
  the quantiles as `q00 q01 q05 q25 q50 q75 q95 q99 q100`. Numbers are float64, so whole ones above 2**53 are rounded.
- `limits.parquet`: `limit` (its number), stage, step, fact, reason, least, most, where (as JSON), sole, num_kept, num_refused (those that it judges).
- `bins.parquet`: fact, records, limit (null, or of which limit), low, high, num_records.
- `values.parquet`: fact, records, limit, value, num_records; `licence` and `source` are told as facts of these names.
- `groups.parquet`: fact, value, num_rows, text, image, audio, all: rows and tokens by value, see `Statistics.extra`.

The same corpus gives the same bytes. Two more tables tell what building took, and differ from build to build: `runs.parquet` (the fields
of `Run`) and `times.parquet` (stage, step, seconds, busy_s, num_asked, num_known).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.report.figures import Run, Spread, Statistics, as_fields
from pipelines.report.spread import PERCENTS
from schemas.identity import canonical_json
from schemas.shard import write_replacing

MODALITIES = ("text", "image", "audio", "all")
_TEXT, _COUNT, _REAL = pa.string(), pa.int64(), pa.float64()
_SINGLE = {name: _COUNT for name in ("num_records", "num_missing", "num_not_finite")}
_SINGLE |= {name: _REAL for name in ("least", "most", "mean", "deviation", "total")} | {
    name: _COUNT for name in ("num_values", "num_other")
}
_QUANTILES = {f"q{percent:02}": _REAL for percent in PERCENTS}
_OF = {"fact": _TEXT, "records": _TEXT, "limit": _COUNT}
_RUN_TYPES = {"str": _TEXT, "int": _COUNT, "float": _REAL}

COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "corpus": {name: _TEXT for name in ("name", "kind", "title", "fingerprint", "content")}
    | {"stages": pa.list_(_TEXT), "is_complete": pa.bool_()}
    | {name: _COUNT for name in ("num_in", "num_out", "num_refused", "num_faults", "num_splits", "num_bytes")}
    | {f"tokens_{name}": _COUNT for name in MODALITIES},
    "steps": {"stage": _TEXT, "step": _TEXT} | {name: _COUNT for name in ("num_in", "num_out", "num_rejects", "num_faults")},
    "reasons": {name: _TEXT for name in ("stage", "step", "reason", "failure", "doc")} | {"num_records": _COUNT},
    "facts": {name: _TEXT for name in ("fact", "type", "doc", "records")} | _SINGLE | {"is_exact": pa.bool_()} | _QUANTILES,
    "limits": {"limit": _COUNT}
    | {name: _TEXT for name in ("stage", "step", "fact", "reason")}
    | {"least": _REAL, "most": _REAL, "where": _TEXT, "sole": pa.bool_(), "num_kept": _COUNT, "num_refused": _COUNT},
    "bins": _OF | {"low": _REAL, "high": _REAL, "num_records": _COUNT},
    "values": _OF | {"value": _TEXT, "num_records": _COUNT},
    "groups": {"fact": _TEXT, "value": _TEXT, "num_rows": _COUNT} | {name: _COUNT for name in MODALITIES},
    "runs": {name: _RUN_TYPES[str(kind)] for name, kind in Run.__annotations__.items()},
    "times": {"stage": _TEXT, "step": _TEXT, "seconds": _REAL, "busy_s": _REAL, "num_asked": _COUNT, "num_known": _COUNT},
}


def write_parquet(statistics: Statistics, folder: Path) -> list[Path]:
    """Writes the tables into a folder, each as `<name>.parquet`. Gives their paths."""
    rows = _rows(statistics)
    paths = []
    for name, columns in COLUMNS.items():
        table = pa.Table.from_pylist(rows[name], pa.schema(list(columns.items())))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        paths.append(folder / f"{name}.parquet")
        write_replacing(paths[-1], sink.getvalue().to_pybytes())
    return paths


def _rows(statistics: Statistics) -> dict[str, list[dict[str, Any]]]:
    plain = as_fields(statistics)
    tokens = {f"tokens_{name}": statistics.tokens.get(name) for name in MODALITIES}
    steps = [{**step, "num_rejects": sum(step["rejects"].values())} for step in plain["steps"]]
    limits = [
        {
            **limit,
            "limit": number,
            "where": canonical_json(limit["where"]),
            "num_kept": limit["kept"]["num_records"],
            "num_refused": limit["refused"]["num_records"],
        }
        for number, limit in enumerate(plain["limits"])
    ]
    groups = [{"fact": fact, **row} for fact, rows in statistics.extra.get("tokens_by", {}).items() for row in rows]
    named = list(_spreads(statistics))
    return {
        "corpus": [{name: plain[name] for name in COLUMNS["corpus"] if name in plain} | tokens],
        "steps": steps,
        "reasons": plain["reasons"],
        "facts": [
            {"fact": fact.name, "type": fact.type, "doc": fact.doc, "records": records, **_single(spread)}
            for fact in statistics.facts
            for records, spread in (("kept", fact.kept), ("refused", fact.refused))
        ],
        "limits": limits,
        "bins": [{**of, "low": low, "high": high, "num_records": count} for of, spread in named for low, high, count in spread.bins],
        "values": [{**of, "value": value, "num_records": count} for of, spread in named for value, count in spread.values]
        + [
            {"fact": fact, "records": "kept", "value": value, "num_records": count}
            for fact, counts in (("licence", statistics.licences), ("source", statistics.sources))
            for value, count in counts.items()
        ],
        "groups": groups,
        "runs": plain["runs"],
        "times": plain["steps"],
    }


def _single(spread: Spread) -> dict[str, Any]:
    quantiles = dict(zip(_QUANTILES, (value for _, value in spread.quantiles), strict=False))
    return {**{name: getattr(spread, name) for name in _SINGLE}, "is_exact": spread.is_exact, **quantiles}


def _spreads(statistics: Statistics) -> Iterator[tuple[dict[str, Any], Spread]]:
    for fact in statistics.facts:
        yield {"fact": fact.name, "records": "kept", "limit": None}, fact.kept
        yield {"fact": fact.name, "records": "refused", "limit": None}, fact.refused
    for number, limit in enumerate(statistics.limits):
        yield {"fact": limit.fact, "records": "kept", "limit": number}, limit.kept
        yield {"fact": limit.fact, "records": "refused", "limit": number}, limit.refused
