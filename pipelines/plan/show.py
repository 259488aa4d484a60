"""A plan as a person reads it: tables, and at the end what dominates, what is uncertain, and what to do next, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table

from pipelines.plan.against import Comparison
from pipelines.plan.cluster_time import BuildTime, Cluster
from pipelines.plan.estimate import Estimate
from pipelines.plan.figures import CorpusPlan, StepPlan
from pipelines.plan.paper import Scaled

UNKNOWN = "not measured"
LONG_S = 600.0  # a build that is shorter is not worth another cut of its source
UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def number(value: float) -> str:
    """Three figures: 1.23M, 45.6k, 789, 0.0123."""
    for size, letter in UNITS:
        if abs(value) >= size * (10 if letter == "k" else 1):
            return f"{value / size:.3g}{letter}"
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.3g}"


def told(estimate: Estimate | None, unit: str = "", percent: bool = False) -> str:
    """A value with its interval, or that it is exact, or that it was not measured."""
    if estimate is None:
        return UNKNOWN
    write = (lambda value: f"{value:.1%}") if percent else number
    if estimate.is_exact:
        return f"{write(estimate.value)}{unit}"
    return f"{write(estimate.value)}{unit} ({write(estimate.low)} to {write(estimate.high)})"


def duration(seconds: float) -> str:
    for size, name in ((86_400 * 365, "years"), (86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= size * 1.5:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.3g} s"


def _table(*names: str, title: str = "") -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, collapse_padding=True, title=title or None, title_justify="left"
    )
    for place, name in enumerate(names):
        table.add_column(name, justify="left" if place == 0 else "right", overflow="fold")
    return table


def summary(plans: Sequence[CorpusPlan]) -> Table:
    """A line a corpus: what goes in, what comes out, what it takes."""
    table = _table(
        "corpus",
        "tried",
        "records in",
        "rows out",
        "text",
        "image",
        "audio",
        "disk",
        "CPU",
        "GPU",
        title="Before the build (90 % intervals)",
    )
    for plan in plans:
        tried = f"{plan.num_tried:,}" + ("" if plan.share < 1 else " (all)")
        tokens = [told(plan.tokens[kind]) for kind in ("text", "image", "audio")]
        table.add_row(
            plan.corpus,
            tried,
            told(plan.rows_in),
            told(plan.rows_out),
            *tokens,
            f"{number(plan.disk_bytes)}B",
            duration(plan.cpu_s),
            duration(plan.gpu_s) if plan.gpu_s else "-",
        )
    return table


def steps(plan: CorpusPlan) -> Table:
    """The funnel: what reaches each step, what it keeps and refuses, what it takes."""
    table = _table("step", "in", "kept", "refused", "CPU or GPU", title=plan.corpus)
    stage = ""
    for step in plan.steps:
        if step.stage != stage and len(plan.stages) > 1:
            table.add_row(f"[{step.stage}]".replace("[", r"\["), "", "", "", "", style="bold")
        stage = step.stage
        refused = ", ".join(f"{name} {told(part)}" for name, part in step.rejects.items()) or ("-" if step.refused is None else _none(step))
        seconds = step.gpu_s if step.gpu_s is not None else step.cpu_s
        took = UNKNOWN if seconds is None else duration(seconds.value) + (" of GPU" if step.gpu_s is not None else "")
        if step.model is not None and step.model.is_served:
            took = "served"
        table.add_row(step.step, told(step.num_in), "-" if step.kept_ratio is None else told(step.kept_ratio, percent=True), refused, took)
    return table


def _none(step: StepPlan) -> str:
    return f"none seen, at most {number(step.refused.high)}" if step.refused is not None and step.refused.high else "none"


def models(plans: Sequence[CorpusPlan]) -> Table | None:
    """What engines are asked; None where no step asks any."""
    table = _table("corpus", "engine step", "questions", "tokens read", "tokens written", "cost", title="Engines")
    for plan in plans:
        for step in plan.steps:
            model = step.model
            if model is None:
                continue
            if model.is_served:
                written = told(model.output_tokens) if model.output_tokens else f"at most {told(model.most_output_tokens)}"
                cost = told(model.cost) if model.cost else f"at most {told(model.most_cost)}"
                table.add_row(plan.corpus, f"{step.step} ({model.model})", told(model.questions), told(model.prompt_tokens), written, cost)
            else:
                where = "GPU" if model.gpus else "CPU"
                busy = UNKNOWN if model.busy_s is None else duration(model.busy_s.value)
                table.add_row(plan.corpus, f"{step.step} ({where}, {busy})", told(model.questions), "", "", "")
    return table if table.row_count else None


def disk(plans: Sequence[CorpusPlan]) -> Table:
    """Bytes of every stage."""
    table = _table("stage", "splits", "rows", "shards", "rejects", "largest record in memory", title="Disk and memory")
    for plan in plans:
        for stage in plan.stages:
            table.add_row(
                stage.name,
                f"{stage.num_splits:,}",
                told(stage.rows),
                told(stage.shard_bytes, "B"),
                told(stage.reject_bytes, "B"),
                f"{number(stage.max_record_bytes)}B",
            )
        if plan.reply_bytes is not None:
            table.add_row(f"{plan.corpus}: replies kept", "", "", told(plan.reply_bytes, "B"), "", "")
    return table


def times(timed: Sequence[tuple[CorpusPlan, list[BuildTime]]], cluster: Cluster) -> Table:
    """Wall time on the cluster, and on others."""
    table = _table("corpus", "wall time", "what holds it up", "workers", "idle", "on other clusters", title=f"On {cluster}")
    for plan, (here, *others) in timed:
        if here.why:
            table.add_row(plan.corpus, "-", here.why, "", "", "")
            continue
        elsewhere = ", ".join(f"{other.cluster} {duration(other.wall_s) if not other.why else '-'}" for other in others)
        workers = max(stage.workers for stage in here.stages)
        idle = max(stage.idle_workers for stage in here.stages)
        table.add_row(plan.corpus, duration(here.wall_s), here.bottleneck, f"{workers:,}", f"{idle:,}", elsewhere)
    return table


def scales(rows: Sequence[Scaled | str], cluster: Cluster, within_hours: float) -> Iterator[Table | str]:
    """The plan at the sizes of the paper, or from so many records."""
    table = _table(
        "corpus", "size", "raw records", "raw bytes", "rows out", "sound h", "CPU h", "GPU h", "disk", "requests", f"nodes for {within_hours:g} h",
        title=f"At scale, nodes of {cluster.cpus} CPUs and {cluster.gpus} GPUs",
    )  # fmt: skip
    sources = []
    for row in rows:
        if isinstance(row, str):
            sources.append(row)
            continue
        nodes = f"{row.nodes:,}" if row.nodes else "needs GPUs"
        raw = "-" if row.source_bytes is None else f"{number(row.source_bytes.value)}B"
        table.add_row(
            row.corpus, f"{number(row.target)} {row.unit or 'records'}", told(row.raw_records), raw, number(row.rows), number(row.hours_of_sound),
            number(row.cpu_hours), number(row.gpu_hours), f"{number(row.disk_bytes)}B", "-" if row.requests is None else told(row.requests), nodes,
        )  # fmt: skip
        sources.append(f"{row.corpus}: {row.source}")
    if table.row_count:
        yield table
    yield from sources


def comparison(compared: Comparison) -> Table:
    """Predicted, interval, actual, inside or not."""
    table = _table(
        "what",
        "predicted",
        "interval",
        "actual",
        "inside",
        title=f"{compared.corpus}: plan of {compared.share:.1%} of the rows, and what was built",
    )
    for row in compared.rows:
        if row.predicted is None:
            table.add_row(row.what, UNKNOWN, "", number(row.actual), "-")
            continue
        verdict = "-" if row.is_inside is None else "yes" if row.is_inside else "NO"
        interval = f"{number(row.low or 0)} to {number(row.high or 0)}"
        table.add_row(
            row.what, number(row.predicted), interval, number(row.actual), verdict, style=None if row.is_inside is not False else "red"
        )
    return table


# ---- words


def words(plans: Sequence[CorpusPlan], timed: Sequence[tuple[CorpusPlan, list[BuildTime]]], money: dict[str, float]) -> str:
    """One paragraph: what dominates, what is uncertain, what to do next."""
    return " ".join(part for part in (_dominates(plans, timed), _costs(money), _uncertain(plans), _next(plans, timed)) if part)


def _dominates(plans: Sequence[CorpusPlan], timed: Sequence[tuple[CorpusPlan, list[BuildTime]]]) -> str:
    found = [
        (took.value, plan.corpus, step.step) for plan in plans for step in plan.steps if (took := step.cpu_s or step.gpu_s) is not None
    ]
    if not found:
        return ""
    work_s = sum(took for took, _, _ in found) or 1.0
    most_s, corpus, name = max(found, key=lambda item: item[0])
    wall_s = sum(here.wall_s for _, (here, *_) in timed)
    return (
        f"The build takes about {duration(wall_s)} on this cluster, {duration(work_s)} of work; "
        f"most of it, {most_s / work_s:.0%}, is in {name} of {corpus}."
    )


def _costs(money: dict[str, float]) -> str:
    if not money:
        return ""
    return "By the prices given it costs " + ", ".join(f"{name.replace('_', ' ')} {number(amount)}" for name, amount in money.items()) + "."


def _uncertain(plans: Sequence[CorpusPlan]) -> str:
    missing = [f"{plan.corpus}: {why}" for plan in plans for why in plan.not_measured]
    wide = [(_width(plan.rows_out), plan.corpus) for plan in plans if plan.rows_out is not None and not plan.rows_out.is_exact]
    parts = []
    if missing:
        parts.append("Not measured: " + "; ".join(missing) + ".")
    if wide:
        width, corpus = max(wide)
        parts.append(f"Least certain are the rows of {corpus}, known to {width:.0%} either way.")
    elif not missing:
        parts.append("The sources were read whole: counts, tokens and bytes are exact.")
    faults = [f"{step.step} of {plan.corpus} ({step.num_faults})" for plan in plans for step in plan.steps if step.num_faults]
    if faults:
        parts.append(f"Records of the sample made a processor raise in {', '.join(faults)}: a bug, which will fail the build.")
    return " ".join(parts)


def _width(estimate: Estimate) -> float:
    return (estimate.high - estimate.low) / 2 / max(estimate.value, 1.0)


def _next(plans: Sequence[CorpusPlan], timed: Sequence[tuple[CorpusPlan, list[BuildTime]]]) -> str:
    told_next = []
    wide = [plan.corpus for plan in plans if plan.rows_out is not None and _width(plan.rows_out) > 0.1]
    if wide:
        told_next.append(f"try more rows of {', '.join(wide)} (--rows, --share)")
    idle = [plan.corpus for plan, (here, *_) in timed if here.wall_s > LONG_S and any(stage.idle_workers for stage in here.stages)]
    if idle:
        told_next.append(
            f"{', '.join(idle)} {'has' if len(idle) == 1 else 'have'} fewer splits than the cluster has workers: cut the source finer (rows_per_split), or take fewer"
        )
    lost = [
        plan.corpus
        for plan in plans
        if any(step.kept_ratio and step.kept_ratio.value < 0.5 and step.kept_ratio.high < 1 for step in plan.steps)
    ]
    if lost:
        told_next.append(f"look at what is refused in {', '.join(lost)} before you build: a step refuses more than half")
    return "Next: " + "; ".join(told_next or ["build, then compare with --against"]) + "."
