"""A corpus is made in stages; the last one is the corpus, those before it are kept beside it under `.stages`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.graph import Compute, compute_here
from pipelines.recipe import Recipe

STAGES = ".stages"


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a stage is made from: the directory of the stage before (None for the first), and how to run a graph of tasks over it.

    `into` is where lists and indexes go that a stage's steps read; a corpus never counts them as its own.
    """

    path: Path | None = None
    compute: Compute = compute_here
    into: Path | None = None

    @property
    def corpus(self) -> Path:
        """The directory of the stage before. Raises ValueError in a first stage, which has none."""
        if self.path is None:
            raise ValueError("a first stage has no stage before it")
        return self.path

    @property
    def folder(self) -> Path:
        """The folder for lists and indexes. Raises ValueError where none was given: they must not land wherever the program runs."""
        if self.into is None:
            raise ValueError("a stage with lists or indexes was given no folder for them")
        return self.into


@dataclass(frozen=True, slots=True)
class Stage:
    """`make` gives the recipe, from what was built before."""

    name: str
    make: Callable[[Earlier], Recipe]


def only(recipe: Recipe) -> tuple[Stage, ...]:
    """A corpus of a single stage."""
    return (Stage(recipe.name, lambda _: recipe),)


def earlier_stages(corpus: Path) -> list[Path]:
    """The finished stages before a corpus, which hold what they refused, in order of name."""
    corpus = corpus.resolve()
    return sorted(folder for folder in (corpus.parent / STAGES).glob(f"{corpus.name}.*") if (folder / "corpus.json").is_file())


def stage_folder(out: Path, name: str, is_last: bool) -> Path:
    """Where a stage's corpus directory is put."""
    return out if is_last else out / STAGES
