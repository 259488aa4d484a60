"""The corpora of the demonstration: build files over the raw sources, built as any user's are.

Every set is a build file in a folder of its own (`sets/<part>.<split>/build.toml`), which `corpusmill build` takes as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.build import BuildError, Execution, build_stages
from pipelines.buildfile import read_build_file


@dataclass(frozen=True, slots=True)
class Set:
    """A corpus to build: `source` is a manifest below the folder of raw sources; `options` are lines of its table in the build file."""

    name: str
    corpus: str
    source: str
    options: tuple[str, ...] = ()

    def build_file(self) -> str:
        """The build file, which lies two folders below the root of the demonstration."""
        return "\n".join((f"[corpora.{self.corpus}]", f'source = "../../raw/{self.source}"', *self.options, ""))


def folder_of(out: Path, which: Set) -> Path:
    """Where the finished corpus of a set lies."""
    return out / "sets" / which.name / "corpora" / which.corpus


def build_set(out: Path, which: Set, seed: int) -> Path:
    """Builds a set; gives the folder of its corpus. What is built already is used again.

    Raises:
        BuildError: a row was lost to a fault, or none was kept.
    """
    place = out / "sets" / which.name
    place.mkdir(parents=True, exist_ok=True)
    (place / "build.toml").write_text(which.build_file())
    plan = read_build_file(place / "build.toml", (f"{which.corpus}.seed={seed}",))
    (job,) = plan.jobs
    results = build_stages(job.stages(plan.out), plan.out, Execution(workers=0, replies=str(out / "sets" / ".replies")))
    totals = results[-1].totals
    if not totals["num_out"] or totals["num_faults"]:
        raise BuildError(f"building {which.name} of the demonstration: {totals}; expected rows and no faults")
    return folder_of(out, which)
