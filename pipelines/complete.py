"""What the shell offers when a word is completed: names of corpora, their parameters, reasons, facts. Nothing heavy is imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def corpora(incomplete: str) -> list[tuple[str, str]]:
    """Corpora that can be built, each with its stage."""
    from pipelines.corpora import CORPORA

    return [(name, f"stage {kind.stage}: {kind.inputs}") for name, kind in CORPORA.items() if name.startswith(incomplete)]


def parameters(incomplete: str) -> list[str]:
    """Words `corpus.parameter=` for --set; corpora before the parameter is begun."""
    from pipelines.corpora import CORPORA
    from pipelines.signature import parameters as of

    corpus, _, _ = incomplete.rpartition(".")
    if corpus in CORPORA:
        return [f"{corpus}.{name}=" for name in of(corpus)]
    return [f"{name}." for name in CORPORA]


def _recipe(context: Any) -> dict[str, Any]:
    """The recipe of the corpus that the command line names already; empty where it names none."""
    words = [
        context.params.get("path"),
        *context.args,
    ]  # an option without its value, which is being completed, leaves the path among the words
    path = next((Path(word) for word in words if word and (Path(word) / "recipe.json").is_file()), None)
    try:
        return json.loads((path / "recipe.json").read_text()) if path else {}
    except (OSError, ValueError):  # no corpus: there is nothing to offer
        return {}


def facts(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Facts of the corpus that the command line names."""
    return [(name, said["doc"]) for name, said in _recipe(ctx).get("facts", {}).items() if name.startswith(incomplete)]


def reasons(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Reasons of the corpus that the command line names."""
    found = {name: doc for step in _recipe(ctx).get("reasons", {}).values() for name, doc in step.items()}
    return [(name, doc) for name, doc in sorted(found.items()) if name.startswith(incomplete)]
