"""Makes the plan of a corpus: draws, tries, scales, and puts right what does not scale."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.buildfile import BuiltCorpus, Job, parameters_of
from pipelines.corpus_source import JoinedShards
from pipelines.endpoint.engine import OpenAiEngine
from pipelines.grouped import Grouped
from pipelines.partitions import num_partitions
from pipelines.plan.asked import Consent, engine_of, is_served, resources
from pipelines.plan.estimate import Design, Estimate, added, exactly, product, spanned
from pipelines.plan.figures import CorpusPlan, ModelWork, StagePlan, StepPlan
from pipelines.plan.sample import LEAST_ROWS
from pipelines.plan.trial import ENGINE, TOKENS, Observed, Place, Trial, Tried, start_trial
from pipelines.plan.whole import Correction, correct, packed, scaled
from pipelines.recipe import Recipe
from pipelines.run import SHARDS, SOURCE
from pipelines.stage import Earlier, stage_folder
from pipelines.step import ASK, BATCHED, EACH, Step
from processors.packing import PackSequences
from schemas.corpus import Corpus
from schemas.replies import Replies

REPLIES = ".replies"
BEFORE = -1  # the number of the stage of what was planned before
REPLY_NAME_CHARS = 30  # of a kept reply's file; two more name its folder
NUM_SHARES = 1_000  # of splits told one by one


class NotPlanned(RuntimeError):
    """The corpus cannot be planned; the message says why and what to do."""


@dataclass
class Whole:
    """Scales what the units gave, with the corrections that were found so far."""

    trial: Trial
    design: Design
    parameters: dict[str, Any]
    corrections: list[Correction] = field(default_factory=list)
    rows_in: Estimate | None = None  # of a source that was planned itself
    rows_out: Estimate | None = None

    def of(
        self, place: Place, measure: str, *, known_before: bool = False, acts_before: bool = False, rare: bool = False
    ) -> Estimate | None:
        """The whole's total of a measure. `acts_before`: of what reaches a step, not of what leaves it."""
        given = self.trial.observed.given(*place, measure, known_before)
        return self.scale(given, place, acts_before=acts_before, rare=rare, is_tokens=measure.startswith("tokens "))

    def scale(
        self, given: np.ndarray, place: Place, *, acts_before: bool = False, rare: bool = False, is_tokens: bool = False
    ) -> Estimate | None:
        held = [one for one in self.corrections if one.place < place or (one.place == place and not acts_before)]
        held = [one for one in held if not (is_tokens and one.keeps_tokens)]
        anchors = [number for number, one in enumerate(held) if one.number is not None]
        if anchors:
            anchor = held[anchors[-1]]
            held = held[anchors[-1] + 1 :]
            assert anchor.given is not None and anchor.number is not None
            ratio = exactly(1.0) if np.array_equal(given, anchor.given, equal_nan=True) else self.design.ratio(given, anchor.given)
            found = None if ratio is None else product(ratio, anchor.number)
        else:
            most = self.design.num_rows if self._never_grows(place) and self.trial.drawing.knows_rows else None
            is_count = float(np.nansum(given)) == 0 or (np.nanmax(given) <= np.nanmax(self.trial.observed.given(0, -1, "in", True)))
            found = (self.design.events if rare else self.design.total)(given, most if is_count else None)
        for one in held:
            if found is not None and one.factor is not None:
                found = spanned(found, one.factor)
        return found

    def _never_grows(self, place: Place) -> bool:
        """Whether no step so far makes several records of one."""
        steps = [
            step for number, stage in enumerate(self.trial.stages[: place[0] + 1]) for step in stage.recipe.steps[: _upto(number, place)]
        ]
        return all(step.mode in (EACH, BATCHED, ASK) for step in steps)


def _upto(number: int, place: Place) -> int | None:
    return place[1] + 1 if number == place[0] else None


@dataclass
class Planner:
    """Plans corpora one after another. What is tried is written under `folder` alone; a corpus that reads another one of the same build file
    reads the sample of it that was tried, or, where `out` has it finished, the corpus itself.
    """

    out: Path
    folder: Path
    seed: int = 0
    share: float | None = None
    rows: int = 400
    kept: Replies | None = None
    consent: Consent = field(default_factory=Consent)
    least_rows: int = LEAST_ROWS
    _planned: dict[str, Whole] = field(default_factory=dict)

    def plan(self, job: Job) -> CorpusPlan:
        """The plan of a corpus.

        Raises: NotPlanned; what a build raises for recipes and sources that cannot be.
        """
        start = time.perf_counter()
        out, before = self._read_from(job)
        folder = self.folder / job.corpus
        stages = job.stages(out)
        first = stages[0].make(Earlier(None, into=stage_folder(folder, stages[0].name, len(stages) == 1)))
        trial = self._trial(first, folder, before)
        changed, notes = scaled(job, trial.expected_share)
        failed = ""
        try:
            trial.run(changed.stages(out), first)
        except ValueError as error:
            if not trial.stages or trial.expected_share >= 1:
                raise
            failed = f"stage {stages[min(len(trial.stages), len(stages) - 1)].name} cannot be tried on this sample: {error}"
        defaults = {name: default for name, (_, default) in parameters_of(job.corpus).items()}
        earlier = [replace(one, place=(BEFORE, number)) for number, one in enumerate(before.corrections)] if before else []
        whole = Whole(trial, trial.drawing.design(), {**defaults, **job.parameters}, earlier, before.rows_out if before else None)
        plan = _told(job, whole, notes, failed, start)
        if not failed:
            self._planned[job.corpus] = whole
        return plan

    def keep_replies(self, folder: Path) -> int:
        """Copies the replies of served models to where a build looks for them; gives how many."""
        kept, num = Replies(folder), 0
        for file in sorted((self.folder / REPLIES).glob("??/*")):
            if len(file.name) == REPLY_NAME_CHARS:  # else a temporary name, of a writer that was stopped
                kept.put(file.parent.name + file.name, file.read_bytes())
                num += 1
        return num

    def _replies(self) -> Replies:
        return Replies(self.folder / REPLIES)

    def _read_from(self, job: Job) -> tuple[Path, Whole | None]:
        """Where the corpora lie that a job reads, and how what is tried of them stands to the whole."""
        names = [part.name for part in getattr(job.source, "sources", (job.source,)) if isinstance(part, BuiltCorpus)]
        missing = [name for name in names if not Corpus(self.out / name).is_complete()]
        if not missing:
            return self.out, None
        if isinstance(job.source, BuiltCorpus) and missing[0] in self._planned:
            return self._planned[missing[0]].trial.folder, self._planned[missing[0]]
        raise NotPlanned(
            f"it reads {', '.join(missing)}, not finished in {self.out}, of which no sample was tried; "
            "plan it in the same command, before this corpus, as its only source, or build it first"
        )

    def _trial(self, first: Recipe, folder: Path, before: Whole | None) -> Trial:
        if before is None:
            return start_trial(first, folder, self.seed, self.share, self.rows, self._replies(), self.kept, self.consent, self.least_rows)
        earlier = before.trial
        observed = Observed(earlier.observed.num_units, lost=dict.fromkeys(earlier.observed.lost, (BEFORE, 0)))
        return replace(earlier, folder=folder, observed=observed, owners=dict(earlier.owners), stages=[])


def _told(job: Job, whole: Whole, notes: list[str], failed: str, start: float) -> CorpusPlan:
    trial, design = whole.trial, whole.design
    observed, drawing = trial.observed, trial.drawing
    rows_in = whole.rows_in
    if rows_in is None:
        rows_in = exactly(design.num_rows) if drawing.knows_rows else design.total(design.unit_taken) or exactly(design.num_rows)
    steps: list[StepPlan] = []
    stage_plans: list[StagePlan] = []
    num_splits = drawing.num_splits
    reply_bytes: list[Estimate] = []
    for number, tried in enumerate(trial.stages):
        num_splits = _num_splits(whole, number, tried, num_splits)
        steps.append(_source(whole, number, tried, rows_in))
        for at, step in enumerate(tried.recipe.steps):
            place = (number, at)
            num_in = whole.of(place, "in", known_before=True, acts_before=True)
            found = _correction(whole, place, step, num_in, num_splits)
            if found is not None:
                whole.corrections.append(found)
                notes += [found.note] if found.note else []
            steps.append(_step(whole, place, tried, step, num_in, found))
            kept = whole.of(place, "model reply_bytes", acts_before=True)
            reply_bytes += [kept] if kept is not None and step.is_opener else []
        steps += _writing(whole, number, tried)
        stage_plans.append(_stage(whole, number, tried, num_splits))
    lost = sorted(
        {trial.stages[stage].callers[trial.stages[stage].recipe.steps[step].name].why for stage, step in set(observed.lost.values())}
    )
    not_measured = [f"{why}: {len(observed.lost)} of {observed.num_units} units of the sample went no further" for why in lost if why]
    if failed:
        not_measured.append(failed)
    last = len(trial.stages) - 1
    is_done = not failed
    whole.rows_out = stage_plans[-1].rows
    tokens = {name: _whole_number(whole.of((last, trial.stages[last].last), f"tokens {name}")) if is_done else None for name in TOKENS}
    return CorpusPlan(
        corpus=job.corpus,
        seed=trial.seed,
        share=design.share,
        num_tried=int(design.unit_taken.sum()),
        num_splits_read=len(design.split_rows),
        fingerprint=trial.stages[0].recipe.fingerprint(),
        rows_in=rows_in.rounded(),
        source_bytes=_whole_number(design.total(np.array([float(trial.bytes_in[unit]) for unit in range(observed.num_units)]))),
        rows_out=stage_plans[-1].rows if is_done else None,
        tokens=tokens,
        reply_bytes=_whole_number(added(reply_bytes)) if reply_bytes else None,
        steps=tuple(steps),
        stages=tuple(stage_plans),
        split_shares=_split_shares(whole),
        notes=tuple(notes),
        not_measured=tuple(not_measured),
        took_s=round(time.perf_counter() - start, 3),
    )


def _whole_number(found: Estimate | None) -> Estimate | None:
    return None if found is None else found.rounded()


def _correction(whole: Whole, place: Place, step: Step, num_in: Estimate | None, num_splits: int) -> Correction | None:
    if num_in is None or whole.design.is_whole:
        return None
    if isinstance(step.processor, PackSequences) and place[0]:
        before = (place[0] - 1, whole.trial.stages[place[0] - 1].last)
        text = whole.of(before, "tokens text")
        return None if text is None else packed(whole.trial, place, step.processor, text, num_splits)
    return correct(whole.trial, place, step, num_in, whole.parameters)


def _num_splits(whole: Whole, number: int, tried: Tried, before: int) -> int:
    """Splits of a stage over the whole: those of the stage before, unless its source cuts anew."""
    source = tried.recipe.source
    if number == 0:
        return before
    last = (number - 1, whole.trial.stages[number - 1].last)
    if isinstance(source, Grouped):
        rows = whole.of(last, "rows")
        return num_partitions(round(rows.value), source.rows_per_split) if rows else 1
    if isinstance(source, JoinedShards):
        text = whole.of(last, "tokens text")
        return max(1, math.ceil(text.value / source.num_tokens)) if text else 1
    return before


def _source(whole: Whole, number: int, tried: Tried, rows_in: Estimate) -> StepPlan:
    """Reading: of a first stage, in which it was timed split by split; a later one reads shards, which takes next to nothing."""
    place = (number, -1)
    is_read = number == 0 and whole.rows_in is None
    seconds = whole.design.scale_splits(np.array(whole.trial.drawing.read_s)) if is_read else 0.0
    num_in = rows_in.rounded() if number == 0 else _whole_number(whole.of(place, "in", known_before=True))
    refused = whole.of(place, "refused", rare=True)
    rejects = _rejects(whole, place)
    kept = _kept_ratio(whole, place, None)
    return StepPlan(
        tried.name,
        SOURCE,
        "read",
        num_in,
        num_in if refused is not None and not refused.high else _whole_number(whole.of(place, "out")),
        kept,
        _whole_number(refused),
        rejects,
        _whole_number(whole.of(place, "reject", rare=True)),
        int(np.nansum(whole.trial.observed.given(*place, "faults", True))),
        exactly(seconds),
    )


def _rejects(whole: Whole, place: Place) -> dict[str, Estimate | None]:
    measures = [measure for measure in whole.trial.observed.measures(*place) if measure.startswith("reject ")]
    return {measure.removeprefix("reject "): _whole_number(whole.of(place, measure, acts_before=True, rare=True)) for measure in measures}


def _kept_ratio(whole: Whole, place: Place, found: Correction | None) -> Estimate | None:
    if found is not None and found.refused_ratio is not None:
        refused: Estimate | None = found.refused_ratio
    else:
        given = whole.trial.observed.given
        refused = whole.design.share_of(given(*place, "refused"), given(*place, "in"))
    return None if refused is None else Estimate(1 - refused.value, 1 - refused.high, 1 - refused.low)


def _step(whole: Whole, place: Place, tried: Tried, step: Step, num_in: Estimate | None, found: Correction | None) -> StepPlan:
    rejects = _rejects(whole, place)
    refused = whole.of(place, "refused", acts_before=True, rare=True)
    num_out, kept = whole.of(place, "out"), _kept_ratio(whole, place, found)
    if found is not None and found.refused_ratio is not None and num_in is not None:
        refused = spanned(num_in, found.refused_ratio)
        total = sum(part.value for part in rejects.values() if part) or 1.0
        rejects = {name: None if part is None else _whole_number(refused.times(part.value / total)) for name, part in rejects.items()}
    elif found is not None and found.number is not None and num_in is not None and step.mode == EACH:
        number = found.number
        refused = Estimate(num_in.value - number.value, max(0.0, num_in.low - number.high), max(0.0, num_in.high - number.low))
        kept = Estimate(
            *(min(1.0, part) for part in (number.value / num_in.value, number.low / num_in.high, number.high / max(num_in.low, 1e-9)))
        )
        rejects = {name: _whole_number(refused) for name in rejects}
    given, load_s = whole.trial.observed.seconds(*place)
    seconds = whole.scale(given, place, acts_before=True)
    model = _model(whole, place, tried, step) if step.is_opener else None
    gpu_s = seconds.times(model.gpus) if model and model.gpus and seconds is not None else None
    is_cpu = model is None or not (model.gpus or model.is_served)
    return StepPlan(
        tried.name,
        step.name,
        step.mode,
        _whole_number(num_in),
        _whole_number(num_out),
        kept,
        _whole_number(refused),
        rejects,
        _whole_number(whole.of(place, "reject", acts_before=True, rare=True)),
        int(np.nansum(whole.trial.observed.given(*place, "faults", True))),
        seconds if is_cpu else None,
        gpu_s,
        round(load_s, 3),
        model,
    )


def _model(whole: Whole, place: Place, tried: Tried, step: Step) -> ModelWork:
    """What a step asks its engine for; tokens and money where it is a served model."""
    caller, engine = tried.callers[step.name], engine_of(step)
    observed = whole.trial.observed
    cpus, gpus = resources(step)
    is_measured = not any(at == place for at in observed.lost.values())
    questions = whole.of(place, "model questions", known_before=True, acts_before=True)
    asked, busy = (float(np.nansum(observed.given(*place, f"model {name}", True))) for name in ("asked", "busy_s"))
    busy_s = whole.of(place, "model busy_s", acts_before=True) if asked else None
    if is_served(step) and asked and questions is not None:
        busy_s = questions.times(busy / asked)
    told: dict[str, Any] = {}
    if isinstance(engine, OpenAiEngine):
        output = whole.of(place, "model output_tokens", acts_before=True) if np.nansum(observed.given(*place, "model answered")) else None
        prompt = whole.of(place, "model prompt_tokens", known_before=True, acts_before=True)
        most = whole.of(place, "model most_output_tokens", known_before=True, acts_before=True)
        prices = (engine.prompt_price / 1e6, engine.output_price / 1e6)
        told = {
            "model": engine.model,
            "concurrency": engine.concurrency,
            "prompt_tokens": _whole_number(prompt),
            "output_tokens": _whole_number(output),
            "most_output_tokens": _whole_number(most),
            "cost": None if prompt is None or output is None else added([prompt.times(prices[0]), output.times(prices[1])]),
            "most_cost": None if prompt is None or most is None else added([prompt.times(prices[0]), most.times(prices[1])]),
        }
    calls = int(getattr(engine, "calls_at_once", 1))
    return ModelWork(
        _whole_number(questions), busy_s, caller.open_s, cpus, gpus, step.pool, calls, is_served(step), is_measured=is_measured, **told
    )


def _writing(whole: Whole, number: int, tried: Tried) -> list[StepPlan]:
    """What the engine itself takes: records passing from step to step, and shards."""
    place = (number, tried.last)
    rows = _whole_number(whole.of(place, "rows"))
    parts = ((ENGINE, "engine seconds"), (SHARDS, "shard seconds"))
    return [StepPlan(tried.name, name, "", rows, rows, None, None, {}, None, 0, whole.of(place, measure)) for name, measure in parts]


def _stage(whole: Whole, number: int, tried: Tried, num_splits: int) -> StagePlan:
    place, design = (number, tried.last), whole.design
    data = whole.of(place, "bytes")
    pad = tried.pad_bytes / max(tried.num_splits, 1)
    if data is not None:
        framed = num_splits * (tried.empty_bytes + pad)
        slack = abs(num_splits * pad)
        data = Estimate(data.value + framed, data.low + framed - slack, data.high + framed + slack)
    if design.is_whole and not whole.trial.observed.lost:
        data = exactly(tried.num_bytes)
    refused = [whole.of((number, at), "refused", acts_before=True, rare=True) for at in range(-1, tried.last + 1)]
    num_refused = sum(int(np.nansum(whole.trial.observed.given(number, at, "refused", True))) for at in range(-1, tried.last + 1))
    per_refused = tried.reject_bytes / num_refused if num_refused else 0.0
    rejects = added([part for part in refused if part is not None]).times(per_refused)
    scale = 1 / design.share if design.share else 1.0
    return StagePlan(
        tried.name,
        num_splits,
        _whole_number(whole.of(place, "rows")),
        _whole_number(data),
        _whole_number(rejects),
        tried.make_s * (scale if number else 1.0),
        tried.max_row_bytes,
    )


def _split_shares(whole: Whole) -> tuple[float, ...]:
    """The parts of the rows that the splits of the source have, the largest first."""
    parts = []
    for h, stratum in enumerate(whole.trial.drawing.strata):
        here = whole.design.split_stratum == h
        rows_per_size = whole.design.split_rows[here].sum() / max(whole.design.split_size[here].sum(), 1e-9)
        parts.append(stratum.sizes * rows_per_size)
    sizes = np.sort(np.concatenate(parts))[::-1]
    total = sizes.sum()
    return tuple(float(f"{size / total:.4g}") for size in sizes[:NUM_SHARES]) if total else ()
