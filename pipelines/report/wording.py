"""How the figures of a report are said: numbers, units, shares, and the law of conservation of a step."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.report.figures import StepFigures

UNITS = {"s": "s", "hz": "Hz", "px": "px", "db": "dB", "lufs": "LUFS", "bytes": "bytes", "tokens": "tokens", "chars": "characters"}
MADE_ONE_TO_ONE = ("each", "batched", "ask")  # modes in which a record stays one record
HOLDS, BROKEN = "holds", "broken"
_IS = (("any_of", "is"), ("none_of", "is not"))


@dataclass(frozen=True, slots=True)
class Law:
    """Whether a step lost nothing: `state` is holds or broken, `says` the equation in words."""

    state: str
    says: str

    @property
    def holds(self) -> bool:
        return self.state == HOLDS


def count(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{round(value):,}"


def short(value: float) -> str:
    """A number in few letters, for axes and tiles: 12, 0.25, 1.2k, 3.4M."""
    size = abs(value)
    for bound, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= bound:
            return f"{value / bound if letter != 'k' else value / 1e3:.3g}{letter}"
    return f"{round(value):,}" if value == round(value) or size >= 1_000 else f"{value:.3g}"


def exact(value: float | None) -> str:
    """A number with enough digits to compare: whole ones in full, others to six significant digits; a dash for none."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return str(value)
    if value == round(value) and abs(value) < 1e15:
        return f"{round(value):,}"
    return f"{value:.6g}"


def share(part: float, whole: float) -> str:
    """Part of a whole as a percentage that is never 0 % or 100 % when it is not so."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1\u00a0%"
    if 99.9 < percent < 100:
        return "> 99.9\u00a0%"
    return f"{percent:.1f}".removesuffix(".0") + "\u00a0%"


def size(num_bytes: float) -> str:
    """Bytes in decimal units."""
    for bound, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if num_bytes >= bound:
            return f"{num_bytes / bound:.3g} {unit}"
    return f"{num_bytes:.0f} bytes"


def duration(seconds: float | None) -> str:
    """A span of time; a dash where none was told."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds:.3f} s"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3_600:,.1f} h"


def unit_of(fact: str) -> str:
    """The unit that a fact's name ends with, as people write it; empty where it has none."""
    return UNITS.get(fact.rsplit("_", 1)[-1], "") if "_" in fact else ""


def anchor(*parts: str) -> str:
    """A name for a place in the page, made of parts that may hold anything."""
    return "-".join(re.sub(r"[^A-Za-z0-9_.]", lambda found: f"~{ord(found[0]):x}", part) for part in parts)


def refused_by(step: StepFigures) -> int:
    """Records that did not come out of a step: refused, faults and crashes."""
    return sum(step.rejects.values()) + step.num_faults


def num_records(num_in: int, steps: Sequence[StepFigures]) -> int:
    """Records that went in, and those that steps made of them beyond their number: what shares of refusals are of, never above 100 %."""
    return num_in + sum(max(0, step.num_out - (step.num_in - refused_by(step))) for step in steps)


def law_of(step: StepFigures, mode: str = "") -> Law:
    """The law of conservation of one step; `mode` is its feeding mode, empty where it is not known."""
    refused = refused_by(step)
    went_on = step.num_in - refused
    if went_on == step.num_out:
        return Law(HOLDS, f"{count(step.num_in)} = {count(step.num_out)} out + {count(refused)} refused")
    broken = mode in MADE_ONE_TO_ONE or went_on < 0 or (went_on == 0) != (step.num_out == 0)
    if broken or (mode == "expand" and step.num_out < went_on):
        return Law(BROKEN, f"{count(step.num_in)} in, but {count(step.num_out)} out + {count(refused)} refused")
    became = "became" if step.num_out > went_on else "were joined into"
    return Law(HOLDS, f"{count(step.num_in)} = {count(refused)} refused + {count(went_on)} that {became} {count(step.num_out)}")


def bounds(least: float | None, most: float | None) -> str:
    """What a limit asks, in signs."""
    if least is not None and most is not None:
        return f"{exact(least)} to {exact(most)}"
    return f"≥ {exact(least)}" if least is not None else f"≤ {exact(most)}"


def condition(where: Mapping[str, Any]) -> str:
    """One condition of a limit, as recipe.json tells it."""
    name = " + ".join((where["fact"], *where.get("plus", ())))
    told = [f"{verb} {' or '.join(str(value) or '(empty)' for value in where[key])}" for key, verb in _IS if where.get(key)]
    told += [bounds(where.get("least"), where.get("most"))] if {"least", "most"} & {k for k, v in where.items() if v is not None} else []
    return f"{name} {' and '.join(told)}"
