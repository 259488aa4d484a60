"""Statistics made by hand, with everything that a page can show, and texts that try to break out of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pipelines.report.figures import FactFigures, LimitFigures, ReasonFigures, Run, Spread, Statistics, StepFigures
from pipelines.report.spread import Numbers

HOSTILE = "</script><img src=x onerror=\"window.hacked=1\"><svg onload='window.hacked=1'>{{ 7*7 }}&amp;\u2028"
KEPT_S = np.concatenate([np.linspace(1.0, 12.0, 90), np.full(10, 3.5)])
SHORT_S = np.array([0.01, 0.2, 0.2, 0.4, 0.7, 0.9])
LONG_S = np.array([12.5, 14.0, 90.0])


def numbers(values: np.ndarray, num_records: int | None = None) -> Spread:
    """The spread of numbers, as they are counted from rows."""
    counted = Numbers(values.dtype == np.int64)
    counted.add(values)
    return counted.spread(len(values) if num_records is None else num_records)


def texts(values: dict[str, int], num_missing: int = 0) -> Spread:
    ordered = tuple(sorted(values.items(), key=lambda item: (-item[1], item[0])))
    return Spread(num_records=sum(values.values()), num_missing=num_missing, values=ordered, num_values=len(values))


def steps() -> tuple[StepFigures, ...]:
    """Two stages: the second one expands records, then joins them."""
    return (
        StepFigures("busy.measured", "source", 120, 117, {HOSTILE: 3}, seconds=0.5),
        StepFigures(
            "busy.measured", "keep_duration", 117, 107, {"too_short": 6, "too_long": 3}, num_faults=1, seconds=4.0, busy_s=2.0, num_asked=7
        ),
        StepFigures("busy", "source", 107, 107, seconds=0.1),
        StepFigures("busy", "split", 107, 215, {"empty": 2}, seconds=0.2),
        StepFigures("busy", "join", 215, 100, {"lonely": 15}, seconds=None),
    )


def reasons() -> tuple[ReasonFigures, ...]:
    return (
        ReasonFigures("busy.measured", "source", HOSTILE, "reject", HOSTILE, 3),
        ReasonFigures("busy.measured", "keep_duration", "too_short", "reject", "The audio is shorter than asked for", 6),
        ReasonFigures("busy.measured", "keep_duration", "too_long", "reject", "The audio is longer than asked for", 3),
        ReasonFigures("busy.measured", "keep_duration", "processor_raised", "fault", "A step raised an exception", 1),
        ReasonFigures("busy", "split", "empty", "reject", "Nothing is left", 2),
        ReasonFigures("busy", "join", "lonely", "reject", "No other record has its value", 15),
    )


def limits() -> tuple[LimitFigures, ...]:
    kept, snr = numbers(KEPT_S), numbers(np.linspace(-30.0, 60.0, 1_000))
    stage = "busy.measured"
    where = ({"fact": "text.language", "any_of": ["de", HOSTILE]},)
    return (
        LimitFigures(stage, "keep_duration", "audio.duration_s", "too_short", 1.0, None, kept, numbers(SHORT_S)),
        LimitFigures(stage, "keep_duration", "audio.duration_s", "too_long", None, 12.0, kept, numbers(LONG_S)),
        LimitFigures(
            stage, "keep_snr", "audio.snr_db", "too_noisy", -30.0, 60.0, snr, Spread(num_missing=4), where, False, ("measure_again",)
        ),
        LimitFigures(stage, "keep_rate", "speech.rate", "too_fast", None, 5_000.0, numbers(np.arange(100)), Spread()),
    )


def facts() -> tuple[FactFigures, ...]:
    refused = numbers(np.concatenate([SHORT_S, LONG_S]), 30)
    languages = texts({"en": 60, "de": 25, HOSTILE: 10, "": 5})
    whole = np.repeat(np.array([0, 1, 2, 3, 5, 8, 1_000]), np.array([40, 20, 15, 10, 8, 6, 1]))
    return (
        FactFigures("audio.duration_s", "float", "Seconds of audio", numbers(KEPT_S), refused),
        FactFigures("audio.snr_db", "float", "Power of speech over that of noise", numbers(np.linspace(-30.0, 60.0, 1_000)), Spread()),
        FactFigures("contract.num_tokens", "int", HOSTILE, numbers(whole), Spread()),
        FactFigures("quality.is_clean", "bool", "Whether it is clean", texts({"true": 90, "false": 10}), texts({"false": 12})),
        FactFigures("quality.same", "int", "The same in all rows", numbers(np.full(100, 7)), Spread()),
        FactFigures("text.language", "str", "Language", languages, texts({"fr": 4})),
        FactFigures("text.never", "str", "In no row", Spread(num_missing=100), Spread()),
    )


def statistics(name: str = "busy", **changes: Any) -> Statistics:
    """A corpus of everything; other fields by `changes`."""
    made = Statistics(
        name=name,
        kind="packed",
        title=HOSTILE,
        notes=HOSTILE,
        fingerprint="0123456789abcdef",
        content="fedcba9876543210",
        versions={"numpy": "2.4.6", HOSTILE: "1"},
        stages=(f"{name}.measured", name),
        num_in=120,
        num_out=100,
        num_refused=29,
        num_faults=1,
        num_splits=4,
        num_bytes=12_345_678,
        sums={"contract.num_learned_tokens": 321, HOSTILE: 4},
        tokens={"text": 1_000, "image": 4_000, "audio": 2_500, "all": 7_500},
        steps=steps(),
        reasons=reasons(),
        facts=facts(),
        limits=limits(),
        licences={"CC0-1.0": 90, HOSTILE: 10},
        sources={HOSTILE: 70, "b.jsonl": 30},
        runs=(Run(f"{name}.measured", 12.0, 2, 3, 1, 18.0, 7, 900, 300, 0.02, writing_s=0.5), Run(name, 2.0, 0, 4, 0, 1.0)),
        extra=extra(),
    )
    return replace(made, **changes)


def extra() -> dict[str, Any]:
    pieces = {"num_records": 3, "bins": [[2, 2, 1], [3, 3, 2]], "least": 2, "most": 3, "mean": 8 / 3, "quantiles": [], "values": []}
    rows = [{"value": "en", "num_rows": 60, "text": 600, "image": 3_000, "audio": 0, "all": 3_600}]
    rows += [{"value": None, "num_rows": 40, "text": 400, "image": 1_000, "audio": 2_500, "all": 3_900}]
    found = [{"stage": "busy", "step": "drop", "reason": HOSTILE, "num_records": 2}]
    return {
        "tokens_by": {"text.language": rows},
        "packing": {"pieces": pieces, "num_cut": 1, "ribbons": [{"tokens": 100, "pieces": [40, 30, 25]}, {"tokens": 100, "pieces": [100]}]},
        "duplicates": {"reasons": found, "records": {"num_records": 3, "values": [[HOSTILE, 3]], "quantiles": [], "bins": []}},
        "benchmarks": {"reasons": found, "names": {"num_records": 1, "values": [[HOSTILE, 1]], "quantiles": [], "bins": []}},
        "refused_by_source": {HOSTILE: found, "b.jsonl": found},
    }


def plain(name: str, num_out: int) -> Statistics:
    """A corpus with next to nothing: no refusals, facts, limits or runs."""
    step = StepFigures(name, "source", num_out, num_out)
    empty: dict[str, Any] = {name: () for name in ("reasons", "facts", "limits", "runs")}
    empty |= {"versions": {}, "sums": {}, "licences": {}, "sources": {}, "extra": {}, "tokens": {"text": num_out, "all": num_out}}
    counts = {"num_in": num_out, "num_out": num_out, "num_refused": 0, "num_faults": 0, "num_bytes": 1_000 * num_out}
    return statistics(name, title=f"Corpus of {num_out}", notes="", stages=(name,), steps=(step,), **counts, **empty)
