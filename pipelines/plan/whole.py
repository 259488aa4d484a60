"""Steps whose work grows otherwise than the corpus: copies, exact numbers, packing. What a sample says of them is set right, or said to be unknown.

- Copies: in a sample both of a pair are seen with the square of its share only, so that fewer records look superfluous than are. What is
  superfluous in the whole is at least as large a share as in the sample (a group of c copies shows c f - 1 + (1 - f)^c of its c - 1, which is
  below f (c - 1)), and at most what the groups of two that were seen stand for when all groups are pairs. Between them the value is the most likely
  mixture of group sizes (expectation-maximisation over binomial draws). Where the share is so small that nothing can be said, the interval is wide.
- Exact numbers: `n` records are n, where as many are eligible.
- Packing: sequences are the tokens over the length of one, and what is left open in the last of each group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.buildfile import Job, parameters_of
from pipelines.dedup import DropListed, DropRepeats
from pipelines.near_duplicates import DropNear
from pipelines.near_text import DropNearText
from pipelines.plan.estimate import UNSEEN, Estimate, exactly
from pipelines.plan.trial import Place, Trial
from pipelines.repeated_lines import DropRepeatedLines
from pipelines.selection import KeepSelected, selection_report
from processors.attempts.thought import TEMPLATE
from processors.packing import PackSequences
from schemas.corpus import Corpus, read_batches

COPIES = (DropListed, DropNear, DropNearText)
OVER_THE_WHOLE = (DropRepeats, DropRepeatedLines)
COUNTED = ("n", "max_line_documents", "max_same_captions")  # parameters that count records of the whole corpus
SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 1024)  # of groups of copies
NUM_ROUNDS = 200


@dataclass(frozen=True)
class Correction:
    """What is known better than by scaling, from the step at `place` on: a factor, or the number itself with what each unit gave of it."""

    place: Place
    factor: Estimate | None = None
    number: Estimate | None = None
    given: np.ndarray | None = None
    refused_ratio: Estimate | None = None
    keeps_tokens: bool = False  # whether tokens scale as if this were not there
    note: str = ""


def scaled(job: Job, share: float) -> tuple[Job, list[str]]:
    """The job with the parameters that count records of the whole corpus as they are for the sample, and what was changed, in words."""
    known = parameters_of(job.corpus)
    changes: dict[str, Any] = {}
    for name in COUNTED:
        value = job.parameters.get(name, known[name][1] if name in known else 0)
        if name in known and value and share < 1:
            changes[name] = max(1, round(value * share))
    if "fewer" in known and share < 1:
        changes["fewer"] = "note"  # a sample has fewer, which says nothing about the whole
    told = [f"{name} is {value:,} for the sample" for name, value in changes.items() if name in COUNTED]
    return replace(job, parameters={**job.parameters, **changes}), told


def correct(trial: Trial, place: Place, step: Any, total_in: Estimate, parameters: Mapping[str, Any]) -> Correction | None:
    """What is known better of a step; None where its results scale with the corpus. `total_in` is what reaches it in the whole."""
    share = trial.drawing.design().share
    if share >= 1 or trial.drawing.design().is_whole:
        return None
    processor = step.processor
    if isinstance(processor, COPIES):
        return _copies(trial, place, step.name, processor.path, share)
    if isinstance(processor, KeepSelected):
        return _selected(trial, place, step.name, Path(processor.path), total_in, parameters)
    if isinstance(processor, OVER_THE_WHOLE):
        return Correction(
            place, note=f"{step.name}: what repeats over the whole corpus was looked for in the sample, by a bound in proportion"
        )
    return None


def _copies(trial: Trial, place: Place, name: str, path: str, share: float) -> Correction:
    num_in = float(np.nansum(trial.observed.given(*place, "in", before=True)))
    groups = Counter(kept for batch in read_batches(Path(path)) for kept in batch.column("kept").to_pylist())
    sizes = Counter(1 + count for count in groups.values())
    ratio = copies_ratio(sizes, num_in, share)
    seen = sum((size - 1) * count for size, count in sizes.items()) / max(num_in, 1)
    left = 1 - seen
    factor = Estimate(*(min(1 / left, (1 - part) / left) if left else 0.0 for part in (ratio.value, ratio.high, ratio.low)))
    told = f"{name}: {seen:.1%} of the sample are copies; of the whole {ratio.low:.1%} to {ratio.high:.1%} (a sample shows fewer)"
    return Correction(place, factor=factor, refused_ratio=ratio, note=told)


def copies_ratio(sizes: Mapping[int, int], num_in: float, share: float) -> Estimate:
    """The share of superfluous records in the whole, by the sizes (2 or more) of the groups of copies seen among `num_in` records of the sample."""
    if not num_in or share >= 1:
        return exactly(sum((size - 1) * count for size, count in sizes.items()) / max(num_in, 1))
    whole, pairs = num_in / share, sizes.get(2, 0)
    lost = sum((size - 1) * count for size, count in sizes.items())
    more, less = _poisson_high(pairs) / share**2, _poisson_low(pairs) / share
    for size, count in sizes.items():
        if size > 2:  # a group of c shows c f, give or take
            about = 1.645 * np.sqrt(size * (1 - share))
            more += count * (size + about) / share
            less += count * max(size - 1, (size - about) / share - 1)
    most = whole - (num_in - lost)  # every record that was seen alone stays
    value = _most_likely(sizes, num_in, share)
    high = float(min(max(more, value, lost), most))
    low = float(min(max(less, lost), high))
    return Estimate(min(max(value, low), high) / whole, low / whole, high / whole)


def _poisson_high(count: int) -> float:
    from scipy.stats import chi2

    return float(chi2.ppf(0.95, 2 * count + 2) / 2) if count else UNSEEN


def _poisson_low(count: int) -> float:
    from scipy.stats import chi2

    return float(chi2.ppf(0.05, 2 * count) / 2) if count else 0.0


def _most_likely(sizes: Mapping[int, int], num_in: float, share: float) -> float:
    """Superfluous records in the whole, by the mixture of group sizes under which what was seen is most likely; as many as scaled where none was."""
    if not sizes:
        return 0.0
    from scipy.stats import binom

    seen = np.array(sorted({1, *sizes}))
    alone = num_in - sum(size * count for size, count in sizes.items())
    counts = np.array([alone if size == 1 else sizes.get(int(size), 0) for size in seen], float)
    true = np.array(sorted({size for size in SIZES if size <= max(sizes) / share} | {2} | {round(size / share) for size in sizes}))
    chance = binom.pmf(seen[None, :], true[:, None], share)
    shown = 1 - binom.pmf(0, true, share)
    groups = np.full(len(true), counts.sum() / shown.sum())
    for _ in range(NUM_ROUNDS):
        expected = groups @ chance
        groups = groups * (chance @ (counts / np.maximum(expected, 1e-300))) / shown
    return float((groups * (true - 1)).sum())


def _selected(trial: Trial, place: Place, name: str, path: Path, total_in: Estimate, parameters: Mapping[str, Any]) -> Correction | None:
    """The number that was asked for, where as many are eligible; else those, scaled."""
    report, wanted = selection_report(path), int(parameters.get("n", 0))
    given = trial.observed.given(*place, "out")
    if not wanted or not report["available"]:
        return None
    eligible = total_in.times(report["eligible"] / report["available"])
    bound = int(parameters.get("max_per_template", 0))
    if bound:
        eligible = _bounded(eligible, _templates(trial.stages[place[0] - 1].corpus), bound, trial.drawing.design().share)
    number = Estimate(*(min(float(wanted), part) for part in (eligible.value, eligible.low, eligible.high)))
    told = f"{name}: {wanted:,} are asked for, {eligible.low:,.0f} to {eligible.high:,.0f} would be eligible"
    return Correction(place, number=number, given=given, note=told)


def _templates(corpus: Path) -> Counter[str]:
    """How many records of a corpus have each template."""
    found: Counter[str] = Counter()
    for entry in Corpus(corpus).ledger():
        for batch in read_batches(corpus / entry.shard.name):
            found.update(str(template) for template in batch.column(TEMPLATE.name).to_pylist())
    return found


def _bounded(eligible: Estimate, templates: Counter[str], bound: int, share: float) -> Estimate:
    """Those of the eligible that are left when of each template at most `bound` are taken: a template seen k times has about k / share in the whole."""
    seen = np.array(list(templates.values()), float)
    about = 1.645 * np.sqrt(seen * (1 - share))
    middle, low, high = (
        np.minimum(bound, part) for part in (seen / share, np.maximum(seen, (seen - about) / share), (seen + about) / share)
    )
    value = min(float(middle.sum()), eligible.value)
    below, above = np.sqrt(((middle - low) ** 2).sum()), np.sqrt(((high - middle) ** 2).sum())
    return Estimate(value, max(0.0, min(value, eligible.low) - below), max(value, min(eligible.high, float(middle.sum() + above))))


def packed(trial: Trial, place: Place, processor: PackSequences, tokens: Estimate, num_groups: int) -> Correction:
    """Sequences from the tokens that reach the packing; `num_groups` are packed apart in the whole."""
    length = processor.context_tokens
    low, high = np.ceil(tokens.low / length), np.ceil(tokens.high / length * 1.005) + num_groups
    value = min(max(np.ceil(tokens.value / length) + (num_groups - 1) / 2, low), high)
    told = f"packing: sequences are the tokens over {length:,}, with a last one in each of {num_groups:,} groups that is not full"
    number = Estimate(float(value), float(low), float(high))
    return Correction(place, number=number, given=trial.observed.given(*place, "out"), keeps_tokens=True, note=told)
