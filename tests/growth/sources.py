"""Small corpora of text in one stage and in three, from files that may be added, changed and removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import typer

from pipelines.build import Execution
from pipelines.corpus_source import open_corpus
from pipelines.dedup import drop_listed, find_duplicates
from pipelines.packing import pack_recipe
from pipelines.recipe import Recipe
from pipelines.source.manifest import JsonlManifest
from pipelines.stage import Earlier, Stage
from pipelines.step import each
from processors.contract import Contract
from processors.dialogue import TextTask
from processors.text.normalise import DIGEST, Normalise
from schemas.corpus import Corpus

KEEP = Execution(workers=0)
FOLLOW = Execution(workers=0, follow=True)
UPDATE = Execution(workers=0, update=True)


def write(file: Path, numbers: range, word: str = "row") -> None:
    """A JSONL file with a text a number."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps({"text": f"{word} {number} of {file.name}, and some more words"}) + "\n" for number in numbers))


def texts(raw: Path, max_tokens: int = 100, name: str = "texts") -> Recipe:
    """Texts of the JSONL files of a folder, ten rows a split."""
    return Recipe(name, JsonlManifest(str(raw), rows_per_split=10), (each(TextTask()), each(Contract(max_tokens))))


def staged(raw: Path, max_tokens: int = 100, packed: int = 0, seed: int = 0) -> tuple[Stage, ...]:
    """Texts, then those of them that are no copies (a list over the whole corpus), then these counted, or packed."""

    def measured(_: Earlier) -> Recipe:
        return Recipe("grown.measured", JsonlManifest(str(raw), rows_per_split=10), (each(TextTask()), each(Normalise())), seed)

    def distinct(earlier: Earlier) -> Recipe:
        listed = find_duplicates(Corpus(earlier.corpus), DIGEST, earlier.folder, earlier.compute)
        return Recipe("grown.distinct", open_corpus(earlier.corpus), (each(drop_listed(listed)),))

    def last(earlier: Earlier) -> Recipe:
        if packed:
            return pack_recipe("grown", open_corpus(earlier.corpus), packed, group_tokens=200)
        return Recipe("grown", open_corpus(earlier.corpus), (each(Contract(max_tokens)),))

    return (Stage("grown.measured", measured), Stage("grown.distinct", distinct), Stage("grown", last))


def command_of(function: Callable[..., None]) -> typer.Typer:
    """A command line of one command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(function)
    return app
