"""The vision-speech line on two workers against its floor: the seconds that its engines work, shared by two cores."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pipelines.build import BuildResult, Execution, build
from pipelines.corpora.vision_speech import vision_speech
from pipelines.sample.charts import make_charts
from pipelines.source import open_source
from pipelines.stage import Earlier

NUM_QUERIES = int(os.environ.get("CORPUSMILL_BENCH_QUERIES", "120"))
PER_CHARTS = 18  # questions a unit of the sample
WORKERS = 2


class Notes:
    """Keeps what a build says, Ray's start among it."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def start(self, *_: object) -> None: ...
    def committed(self, _: object) -> None: ...
    def end(self) -> None: ...

    def note(self, message: str) -> None:
        self.said.append(message)

    @property
    def start_s(self) -> float:
        """Seconds until Ray had started and the models were open."""
        return sum(float(said.split(" in ")[1].split(" s")[0]) for said in self.said if said.startswith(("Ray started", "models of")))


def _run(folder: Path, name: str, workers: int) -> tuple[BuildResult, Notes]:
    """One build with replies of its own, so that every query is spoken and heard."""
    notes = Notes()
    source = open_source(str(folder / "charts" / "questions.jsonl"), rows_per_split=32)
    recipe = vision_speech(source)[0].make(Earlier())
    return build(recipe, folder / name, Execution(workers=workers, replies=str(folder / f"{name}.replies")), notes), notes


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "charts").mkdir()
        make_charts(folder, -(-NUM_QUERIES // PER_CHARTS), 0)
        alone, _ = _run(folder, "alone", 0)
        both, notes = _run(folder, "both", WORKERS)
        assert both.totals["content"] == alone.totals["content"]
        work_s = both.seconds - notes.start_s
        floor_s = sum(alone.busy_s.values()) / WORKERS
        told = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in sorted(alone.busy_s.items()))
        print(f"{alone.totals['num_in']} queries, {alone.totals['num_out']} kept; bare engine times, one process: {told}")
        print(
            f"  floor on {WORKERS} workers {floor_s:.1f} s; the line {work_s:.1f} s (and {notes.start_s:.1f} s to start Ray and open the models)"
        )
        print(f"  the line reaches {floor_s / work_s:.0%} of the floor; in one process {sum(alone.busy_s.values()) / alone.seconds:.0%}")
        for name, seconds in sorted(both.busy_s.items()):
            print(f"  {name}: its {WORKERS} actors worked {seconds:.1f} s, {seconds / (WORKERS * work_s):.0%} of their time")


if __name__ == "__main__":
    main()
