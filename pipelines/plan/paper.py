"""The sizes of the corpora that Phi-4-multimodal was trained on, and what a plan becomes at those sizes.

Source: arXiv 2503.01743v2 as collected in the project's specification, section F.1, whose row is named with each number. Where a number is
given for several corpora together, it is divided evenly, which is this project's choice; where none is published there is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pipelines.plan.cluster_time import Cluster
from pipelines.plan.estimate import Estimate
from pipelines.plan.figures import CorpusPlan

HOURS, TOKENS, ROWS = "hours of sound", "tokens", "rows"
TOKENS_PER_HOUR = 45_000  # of sound: one each 80 ms
VISION_PRETRAINING = "F.1 row 7: 0.5T tokens, visual and textual together, of five corpora; divided evenly"
VISION_SFT = "F.1 row 8: about 0.3T tokens of multimodal fine-tuning in all; divided evenly over eight corpora"


@dataclass(frozen=True, slots=True)
class Size:
    """How much of a corpus there was, and where that is told."""

    amount: float
    unit: str
    source: str


PAPER: dict[str, Size] = {
    "language_pretrain": Size(5e12, TOKENS, "F.1 row 1: 5T tokens"),
    "packed": Size(5e12, TOKENS, "F.1 row 1: 5T tokens, packed"),
    "cot_pretrain": Size(60e9, TOKENS, "F.1 row 4: about 60B tokens of reasoning"),
    "cot_sft": Size(200e3, ROWS, "F.1 row 5: about 200K samples"),
    "dpo": Size(300e3, ROWS, "F.1 row 6: about 300K pairs"),
    **{name: Size(0.5e12 / 5, TOKENS, VISION_PRETRAINING) for name in ("image_text", "grounding", "ocr_pdf", "realistic_image", "chart")},
    **{
        name: Size(0.3e12 / 8, TOKENS, VISION_SFT)
        for name in (
            *(f"vision_sft.{family}" for family in ("general", "chart_table_diagram", "slides", "ocr", "multi_image", "video", "safety")),
            "multi_frame",
        )
    },
    "speech_pretrain": Size(2e6, HOURS, "F.1 row 10: about 2M hours in 8 languages"),
    "asr": Size(28e6, ROWS, "F.1 row 11: 28M weighted examples, of 40k hours"),
    "ast": Size(28e6, ROWS, "F.1 row 12: 28M weighted examples, of 30k hours"),
    "sqa": Size(13e6, ROWS, "F.1 rows 13 and 14: 26M weighted examples, divided evenly"),
    "sqqa": Size(13e6, ROWS, "F.1 rows 13 and 14: 26M weighted examples, divided evenly"),
    "ssum": Size(1e6, ROWS, "F.1 row 15: 1M weighted examples"),
    "audio_understanding": Size(17e6, ROWS, "F.1 row 16: about 17M weighted examples"),
}
UNPUBLISHED = "its size is not published (F.1)"


@dataclass(frozen=True, slots=True)
class Scaled:
    """A plan at another size; None is what the sample did not tell. Units: `cpu_hours` and `gpu_hours` of one CPU or GPU, `disk_bytes` of everything kept."""

    corpus: str
    target: float
    unit: str
    source: str
    times: float
    raw_records: Estimate
    source_bytes: Estimate | None
    rows: float
    hours_of_sound: float
    cpu_hours: float
    gpu_hours: float
    disk_bytes: float
    requests: Estimate | None
    nodes: int
    money: dict[str, float]


def amount_of(plan: CorpusPlan, unit: str) -> Estimate | None:
    """How much of a corpus there is by the plan, in a unit."""
    if unit == ROWS:
        return plan.rows_out
    if unit == HOURS:
        sound = plan.tokens["audio"]
        return None if sound is None else sound.times(1 / TOKENS_PER_HOUR)
    parts = [part for part in plan.tokens.values() if part is not None]
    if not parts:
        return None
    return Estimate(*(sum(getattr(part, name) for part in parts) for name in ("value", "low", "high")))


def at_scale(plan: CorpusPlan, size: Size | None, cluster: Cluster, within_hours: float, prices: dict[str, float]) -> Scaled | str:
    """The plan at a size, or from so many raw records where the size's unit is empty; a sentence where that cannot be told."""
    if size is None:
        return f"{plan.corpus}: {UNPUBLISHED}"
    if size.unit:
        amount = amount_of(plan, size.unit)
        if amount is None or not amount.value or plan.rows_out is None:
            return f"{plan.corpus}: the sample gave no {size.unit} to scale from"
        times, low, high = (size.amount / max(part, 1e-9) for part in (amount.value, amount.high, amount.low))
    else:
        times = low = high = size.amount / max(plan.rows_in.value, 1)
    raw = Estimate(*(round(plan.rows_in.value * part) for part in (times, low, high)))
    sound = plan.tokens.get("audio")
    asked = [step.model.questions for step in plan.steps if step.model and step.model.is_served and step.model.questions]
    cpu_hours, gpu_hours, disk = (amount * times for amount in (plan.cpu_s / 3_600, plan.gpu_s / 3_600, plan.disk_bytes))
    return Scaled(
        plan.corpus,
        size.amount,
        size.unit,
        size.source,
        times,
        raw,
        None if plan.source_bytes is None else plan.source_bytes.times(times),
        plan.rows_out.value * times if plan.rows_out else 0.0,
        sound.value * times / TOKENS_PER_HOUR if sound else 0.0,
        cpu_hours,
        gpu_hours,
        disk,
        _sum(asked).times(times) if asked else None,
        _nodes(cpu_hours, gpu_hours, cluster, within_hours),
        money(plan, prices, times),
    )


def _sum(parts: list[Estimate]) -> Estimate:
    return Estimate(*(sum(getattr(part, name) for part in parts) for name in ("value", "low", "high")))


def _nodes(cpu_hours: float, gpu_hours: float, cluster: Cluster, within_hours: float) -> int:
    """Nodes of this kind that do the work in time, were all of them busy throughout; 0 where none has the GPUs that are needed."""
    if gpu_hours and not cluster.gpus:
        return 0
    wanted = [cpu_hours / (cluster.cpus * within_hours)] + ([gpu_hours / (cluster.gpus * within_hours)] if gpu_hours else [])
    return max(1, math.ceil(max(wanted)))


def money(plan: CorpusPlan, prices: dict[str, float], times: float = 1.0) -> dict[str, float]:
    """What a plan costs by the prices that were told (`cpu_hour`, `gpu_hour`, `gb_month`), and what its endpoints ask; a price of 0 tells nothing."""
    found: dict[str, Any] = {
        "cpu": prices["cpu_hour"] * plan.cpu_s / 3_600 * times,
        "gpu": prices["gpu_hour"] * plan.gpu_s / 3_600 * times,
        "storage_per_month": prices["gb_month"] * plan.disk_bytes / 1e9 * times,
    }
    models = [step.model for step in plan.steps if step.model and step.model.is_served]
    known = [model.cost.value for model in models if model.cost is not None]
    most = [model.most_cost.value for model in models if model.most_cost is not None]
    if len(known) == len(models):
        found["endpoints"] = sum(known) * times
    found["endpoints_at_most"] = sum(most) * times
    return {name: amount for name, amount in found.items() if amount}
