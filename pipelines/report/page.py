"""The page of one corpus: what it is, what became of every record, how its facts are spread, and what other thresholds would keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from pipelines.report import wording
from pipelines.report.charts import share_bar, stacked_bar, step_bar
from pipelines.report.extras import compositions, extra_tables, packing_of
from pipelines.report.facts import LimitCard, areas_of, fact_place
from pipelines.report.figures import ReasonFigures, Run, Statistics, StepFigures
from pipelines.report.layout import as_script_data, render
from pipelines.report.what_if import figures_of
from pipelines.report.wording import Law, anchor, count, duration, law_of, num_records, refused_by, share, size

MODALITIES = {"text": "text-tokens", "image": "image-tokens", "audio": "audio-tokens"}
Modes = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class FunnelRow:
    step: StepFigures
    refused: int
    reasons: tuple[tuple[str, int], ...]
    links: Mapping[str, str]
    bar: Markup
    law: Law


@dataclass(frozen=True, slots=True)
class Funnel:
    name: str
    rows: tuple[FunnelRow, ...]


def page_html(
    statistics: Statistics,
    examples: str = "",
    downloads: Sequence[tuple[str, str, str]] = (),
    modes: Modes | None = None,
    index: str = "index.html",
) -> str:
    """The page as one file. `examples` is markup; `downloads` are (label, relative address, what it is); `modes` by stage and step."""
    funnel = funnels(statistics, modes or {})
    sections = [
        ("overview", "Overview"),
        ("funnel", "Funnel"),
        ("reasons", "Reasons"),
        ("limits", "Thresholds"),
        ("distributions", "Distributions"),
        ("composition", "Sources, licences"),
        ("time", "Time"),
        ("examples", "Examples"),
        ("data", "Data"),
    ]
    packing = packing_of(statistics)
    if packing:
        sections.insert(5, ("packing", "Packing"))
    limits = [LimitCard(limit, number, ()) for number, limit in enumerate(statistics.limits)]
    return render(
        "page.html",
        f"{statistics.name} – corpusmill",
        sections,
        s=statistics,
        index=index,
        complete=statistics.is_complete,
        law_holds=all(row.law.holds for stage in funnel for row in stage.rows),
        steps=statistics.steps,
        tiles=_tiles(statistics),
        tokens=_tokens(statistics),
        token_bar=_token_bar(statistics),
        funnel=funnel,
        reasons=[_reason(reason, statistics, examples) for reason in statistics.reasons],
        limits=[{"card": card, "l": card.l, "fact_place": fact_place(card.l.fact)} for card in limits],
        areas=areas_of(statistics.facts, statistics.limits),
        packing=packing,
        composition=compositions(statistics),
        extras=extra_tables(statistics),
        runs=[_run(run) for run in statistics.runs],
        asked_models=any(run.num_requests for run in statistics.runs),
        timed=_timed(statistics),
        has_models=any(step.num_asked or step.num_known or step.busy_s for step in statistics.steps),
        examples=Markup(examples),
        downloads=downloads,
        figures=as_script_data({"limits": figures_of(statistics.limits)}),
    )


def funnels(statistics: Statistics, modes: Modes) -> list[Funnel]:
    """The steps by stage, each against the widest of all."""
    widest = max((step.num_in for step in statistics.steps), default=0)
    names = dict.fromkeys(step.stage for step in statistics.steps)
    return [Funnel(name, tuple(_funnel_row(step, widest, modes) for step in statistics.steps if step.stage == name)) for name in names]


def _funnel_row(step: StepFigures, widest: int, modes: Modes) -> FunnelRow:
    reasons = tuple(sorted(step.rejects.items(), key=lambda item: (-item[1], item[0])))
    links = {reason: reason_place(step.stage, step.step, reason) for reason, _ in reasons}
    law = law_of(step, modes.get((step.stage, step.step), ""))
    return FunnelRow(step, refused_by(step), reasons, links, step_bar(step, widest), law)


def reason_place(stage: str, step: str, reason: str) -> str:
    """Where a reason stands in the table of reasons."""
    return anchor("why", stage, step, reason)


def _reason(reason: ReasonFigures, statistics: Statistics, examples: str) -> dict[str, Any]:
    refused = statistics.num_refused + statistics.num_faults
    places = (anchor("reason", reason.stage, reason.step, reason.reason), anchor("reason", reason.step, reason.reason))
    return {
        "r": reason,
        "place": reason_place(reason.stage, reason.step, reason.reason),
        "share": share(reason.num_records, refused),
        "bar": share_bar(reason.num_records, refused, "refused"),
        "example": next((place for place in places if f'id="{place}"' in examples), ""),
    }


def _tiles(s: Statistics) -> list[dict[str, str]]:
    seconds = [run.seconds for run in s.runs]
    whole = num_records(s.num_in, s.steps)
    of_what = "what went in" if whole == s.num_in else f"{count(whole)} that went in or were made of it"
    learned = s.sums.get("contract.num_learned_tokens")
    return [
        {"name": "rows", "value": count(s.num_out), "note": f"of {count(s.num_in)} records in"},
        {"name": "refused", "value": count(s.num_refused), "note": f"{share(s.num_refused, whole)} of {of_what}"},
        {"name": "tokens", "value": wording.short(s.tokens.get("all", 0)), "note": f"{count(learned)} learned" if learned else ""},
        {"name": "size", "value": size(s.num_bytes), "note": f"{size(s.num_bytes / s.num_out)} a row" if s.num_out else ""},
        {
            "name": "build time",
            "value": duration(sum(seconds)) if seconds else "–",
            "note": ("1 run" if len(seconds) == 1 else f"{len(seconds)} runs") if seconds else "not told",
        },
    ]


def _tokens(s: Statistics) -> list[dict[str, Any]]:
    whole = sum(s.tokens.get(name, 0) for name in MODALITIES)
    if not whole:
        return []
    told = [(name, look, s.tokens.get(name, 0)) for name, look in MODALITIES.items()]
    return [{"name": name, "look": look, "num": num, "share": share(num, whole)} for name, look, num in told]


def _token_bar(s: Statistics) -> Markup:
    parts = {name: s.tokens.get(name, 0) for name in MODALITIES}
    told = ", ".join(f"{name} {count(num)}" for name, num in parts.items())
    return stacked_bar(parts, list(MODALITIES.values()), "tokens-bar", f"Tokens by modality: {told}")


def _run(run: Run) -> dict[str, Any]:
    return {"r": run, "share": share(run.used_s, run.worker_s), "bar": share_bar(run.used_s, run.worker_s)}


def _timed(s: Statistics) -> list[dict[str, Any]]:
    """Steps whose time is told, and what writing shards took of each stage."""
    told = [step for step in s.steps if step.seconds is not None]
    writing: dict[str, float] = {}
    for run in s.runs:
        writing[run.stage] = writing.get(run.stage, 0.0) + run.writing_s
    each = [*(step.seconds or 0.0 for step in told), *writing.values()]
    whole, most = sum(each), max(each, default=0.0)
    return [
        {
            "name": step.step,
            "stage": step.stage,
            "seconds": step.seconds,
            "share": share(step.seconds or 0.0, whole),
            "bar": share_bar(step.seconds or 0.0, most),
            "each": _a_record(step),
            "busy": step.busy_s,
            "asked": step.num_asked,
            "known": step.num_known,
        }
        for step in told
    ] + [
        {"name": "writing shards", "stage": stage, "seconds": seconds, "share": share(seconds, whole), "bar": share_bar(seconds, most)}
        | {"each": "–", "busy": None, "asked": 0, "known": 0}
        for stage, seconds in writing.items()
    ]


def _a_record(step: StepFigures) -> str:
    if not step.num_in or step.seconds is None:
        return "–"
    each = step.seconds / step.num_in
    return f"{each:.3g} s" if each >= 1 else f"{1_000 * each:.3g} ms"
