"""Figures from counts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.graph import Compute
from pipelines.report.built import COPIED, HITS, BuiltStage
from pipelines.report.figures import FactFigures, LimitFigures, ReasonFigures, Run, Spread, Statistics, StepFigures, as_fields
from pipelines.report.tally import BENCHMARK, BROKEN, COLUMN, COPIES, JUDGED, KEPT, PACKING, REFUSED, TOKENS, Groups, Key, Reading, Tally
from pipelines.report.texts import Texts, text_spread, top_of_partition
from schemas.corpus import CorpusError
from schemas.outcome import CRASH, FAULT

SHARDS = "shards"  # the place of writing among the steps of a run
DOCS = {
    FAULT: "A step raised an exception: a bug in it, not bad data",
    CRASH: "The record killed its worker each time it was tried, also alone",
}


class Assembly:
    """Makes the figures of a corpus from the counts of its stages, the corpus last. `tops` finishes the texts that were spilled."""

    def __init__(self, stages: Sequence[BuiltStage], readings: Sequence[Reading], tallies: Sequence[Tally], compute: Compute) -> None:
        self.stages, self.tallies, self.last = stages, tallies, stages[-1]
        self.num_rejects = sum(stage.sums["num_rejects"] for stage in stages)
        self.num_faults = sum(stage.sums["num_faults"] for stage in stages)
        self.whole = Tally()  # of all stages together
        for tally in tallies:
            self.whole.merge(_only(tally, (REFUSED, COPIES, BENCHMARK)))
        self._tops = _tops([*tallies, self.whole], readings[-1], compute)

    def statistics(self) -> Statistics:
        last, sums = self.last, self.last.sums["sums"]
        columns = {name: self._spread(self.tallies[-1], (COLUMN, name), last.sums["num_out"]) for name in ("licence", "source")}
        return Statistics(
            name=last.name,
            kind=last.kind,
            title=str(last.recipe.get("title", "")),
            notes=str(last.recipe.get("notes", "")),
            fingerprint=last.fingerprint,
            content=last.content,
            versions=last.recipe.get("versions", {}),
            stages=tuple(stage.name for stage in self.stages),
            num_in=self.stages[0].sums["num_in"],
            num_out=last.sums["num_out"],
            num_refused=self.num_rejects - self.num_faults,
            num_faults=self.num_faults,
            num_splits=last.sums["num_splits"],
            num_bytes=last.sums["num_bytes"],
            sums=sums,
            tokens={modality(name): sums[name] for name in TOKENS if name in sums},
            steps=tuple(step for stage in self.stages for step in _steps(stage)),
            reasons=tuple(reason for stage, tally in self._pairs() for reason in _reasons(stage, tally)),
            facts=tuple(self._facts()),
            limits=tuple(self._limits()),
            licences=dict(sorted(columns["licence"].values)),
            sources=dict(columns["source"].values),
            runs=tuple(run for stage in self.stages for run in _runs(stage)),
            extra=self._extra(columns),
            is_complete=bool(last.totals),
        )

    def _pairs(self) -> Iterator[tuple[BuiltStage, Tally]]:
        return zip(self.stages, self.tallies, strict=True)

    def _spread(self, tally: Tally, key: Key, num_records: int) -> Spread:
        numbers, texts = tally.numbers.get(key), tally.texts.get(key)
        if numbers is not None and texts is not None:
            raise CorpusError(f"{' '.join(key)} is told as numbers and as texts in {self.last.path}; the corpus is damaged, rebuild it")
        if numbers is not None:
            return numbers.spread(num_records)
        if texts is None:
            return Spread(num_missing=num_records)
        return text_spread(num_records, texts.count, self._tops.get(id(texts)) or [texts.top()])

    def _facts(self) -> Iterator[FactFigures]:
        declared = {name: said for stage in self.stages for name, said in stage.facts.items()}
        told = {key[1] for key in (*self.whole.numbers, *self.whole.texts) if key[0] == REFUSED}
        for name in sorted(declared.keys() | told):
            said = declared.get(name) or {"type": self._type_told(name), "doc": ""}
            kept = self._spread(self.tallies[-1], (KEPT, name), self.last.sums["num_out"])
            yield FactFigures(name, said["type"], said["doc"], kept, self._spread(self.whole, (REFUSED, name), self.num_rejects))

    def _type_told(self, name: str) -> str:
        """The type of a fact that a step forgets, so that no row carries it to the end, and no recipe lists it."""
        numbers = self.whole.numbers.get((REFUSED, name))
        if numbers is not None:
            return "int" if numbers.is_int else "float"
        return "bool" if name in self.whole.truths else "str"

    def _limits(self) -> Iterator[LimitFigures]:
        for stage, tally in self._pairs():
            for number, (step, limit) in enumerate(stage.limits()):
                fact, reason = limit["fact"], limit["reason"]
                where, later = tuple(limit.get("where", ())), tuple(limit.get("remeasured_by", ()))
                num_refused = sum(number for (at, _, why), number in tally.reasons.items() if (at, why) == (step, reason))
                kept = self._spread(tally, (JUDGED, str(number)) if where else (KEPT, fact), stage.sums["num_out"])
                refused = self._spread(tally, (BROKEN, str(number)), num_refused)
                bounds = (limit["least"], limit["most"])
                yield LimitFigures(stage.name, step, fact, reason, *bounds, kept, refused, where, limit.get("sole", True), later)

    # ---- extra

    def _extra(self, columns: Mapping[str, Spread]) -> dict[str, Any]:
        tally = self.tallies[-1]
        tokens = [name for name in TOKENS if name in self.last.facts]
        found: dict[str, Any] = {
            "tokens_by": {name: _by_value(groups, tokens) for name, groups in sorted(tally.groups.items()) if groups},
            "licences": as_fields(columns["licence"]),
            "sources": as_fields(columns["source"]),
        }
        if all(counts.by_source is not None for counts in self.tallies):
            found["refused_by_source"] = self._refused_by_source()
        if rows := self._reasons_of(COPIED):
            similarity = self.whole.numbers.get((COPIES, "similarity"))
            told = {"similarity": as_fields(similarity.spread(similarity.count))} if similarity else {}
            found["duplicates"] = {"reasons": rows, "records": self._texts_told((COPIES, "record")), **told}
        if rows := self._reasons_of(HITS):
            found["benchmarks"] = {"reasons": rows, "names": self._texts_told((BENCHMARK, "name"))}
        if (PACKING, "pieces") in tally.numbers:
            found["packing"] = _packing(tally, self.last.sums["num_out"])
        return dict(json.loads(json.dumps(found)))  # tuples become lists, as they are when they are read back

    def _texts_told(self, key: Key) -> dict[str, Any]:
        return as_fields(self._spread(self.whole, key, self.whole.texts[key].count if key in self.whole.texts else 0))

    def _reasons_of(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """The reasons of these names that steps declare, also those for which nothing was refused."""
        found = []
        for stage, tally in self._pairs():
            for step, reasons in stage.recipe.get("reasons", {}).items():
                for reason in (name for name in reasons if name in names):
                    number = sum(n for (at, _, why), n in tally.reasons.items() if (at, why) == (step, reason))
                    found.append({"stage": stage.name, "step": step, "reason": reason, "num_records": number})
        return found

    def _refused_by_source(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for stage, tally in self._pairs():
            for source, reasons in sorted((tally.by_source or {}).items()):
                rows = [
                    {"stage": stage.name, "step": step, "reason": why, "num_records": number}
                    for (step, why), number in sorted(reasons.items())
                ]
                found.setdefault(source, []).extend(rows)
        return dict(sorted(found.items()))


def modality(fact: str) -> str:
    """text, image, audio or all: what a fact of the contract counts the tokens of."""
    name = fact.split(".")[1].removeprefix("num_").removesuffix("tokens").rstrip("_")
    return name or "all"


def _only(tally: Tally, kinds: Sequence[str]) -> Tally:
    numbers = {key: found for key, found in tally.numbers.items() if key[0] in kinds}
    return Tally(numbers, {key: found for key, found in tally.texts.items() if key[0] in kinds}, truths=tally.truths)


def _tops(tallies: Sequence[Tally], reading: Reading, compute: Compute) -> dict[int, list[Any]]:
    """By the identity of each counter of texts that has spilled: the most frequent of each partition."""
    import dask  # a third of a second to import

    found: list[Texts] = []
    for number, tally in enumerate(tallies):
        spilled = Tally(texts={key: texts for key, texts in tally.texts.items() if texts.files})
        spilled.spill(reading, f"rest-{number}", 0)
        found += spilled.texts.values()
    count = reading.partitions
    tops = compute([dask.delayed(top_of_partition)(texts.files, number) for texts in found for number in range(count)]) if found else []
    return {id(texts): tops[place * count : (place + 1) * count] for place, texts in enumerate(found)}


def _steps(stage: BuiltStage) -> Iterator[StepFigures]:
    runs = stage.runs()

    def sum_of(table: str, step: str) -> float:
        return sum(run[table].get(step, 0) for run in runs)

    for told in stage.sums["steps"]:
        name = told["step"]
        yield StepFigures(
            stage=stage.name,
            step=name,
            num_in=told["num_in"],
            num_out=told["num_out"],
            rejects=told["rejects"],
            num_faults=told["num_faults"],
            seconds=round(sum_of("step_seconds", name), 4) if runs else None,
            busy_s=round(sum_of("busy_s", name), 4) if any(name in run["busy_s"] for run in runs) else None,
            num_asked=int(sum_of("asked", name)),
            num_known=int(sum_of("known", name)),
        )


def _reasons(stage: BuiltStage, tally: Tally) -> Iterator[ReasonFigures]:
    """In the order of steps; of a step the most frequent first."""
    docs = stage.recipe.get("reasons", {})
    order = {step["step"]: place for place, step in enumerate(stage.sums["steps"])}
    for (step, failure, reason), number in sorted(tally.reasons.items(), key=lambda item: (order[item[0][0]], -item[1], item[0])):
        doc = DOCS.get(failure) or docs.get(step, {}).get(reason, "")
        yield ReasonFigures(stage.name, step, reason, failure, doc, number)


def _runs(stage: BuiltStage) -> Iterator[Run]:
    for run in stage.runs():
        spent = run["spent"]
        yield Run(
            stage=stage.name,
            seconds=run["seconds"],
            workers=run["workers"],
            num_built=run["num_built"],
            num_resumed=run["num_resumed"],
            used_s=round(sum(run["step_seconds"].values()), 4),
            num_requests=spent["num_requests"],
            prompt_tokens=spent["prompt_tokens"],
            output_tokens=spent["output_tokens"],
            cost=spent["cost_nano"] / 1e9,
            writing_s=run["step_seconds"].get(SHARDS, 0.0),
            num_cpus=run["num_cpus"],
        )


def _by_value(groups: Groups, tokens: Sequence[str]) -> list[dict[str, Any]]:
    names = ["num_rows", *map(modality, tokens)]
    rows = sorted(groups.items(), key=lambda item: (-item[1][0], item[0] is None, item[0] or ""))
    return [{"value": value, **dict(zip(names, counts, strict=True))} for value, counts in rows]


def _packing(tally: Tally, num_rows: int) -> dict[str, Any]:
    spreads = {key[1]: numbers for key, numbers in tally.numbers.items() if key[0] == PACKING}
    return {
        **{name: as_fields(numbers.spread(numbers.count if name == "piece_tokens" else num_rows)) for name, numbers in spreads.items()},
        "num_cut": tally.num_cut,
        "ribbons": [{"tokens": length, "pieces": pieces} for _, length, pieces in tally.ribbons],
    }
