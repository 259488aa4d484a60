"""recipe.json of a corpus: all that decides its bytes, and where two of them differ."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from pipelines.recipe import Recipe, told_limits
from pipelines.run import SOURCE

LIBRARIES = (
    "numpy",
    "pyarrow",
    "pillow",
    "soundfile",
    "soxr",
    "av",
    "rs-bpe",
    "py3langid",
    "ftfy",
    "trafilatura",
    "jiwer",
    "num2words",
    "pymupdf",
    "python-pptx",
    "matplotlib",
    "vl-convert-python",
    "lxml",
    "text2num",
    "whisper-normalizer",
    "httpx",
    "scikit-learn",
    "jsonschema",
    "xxhash",
    "tree-sitter",
    "charset-normalizer",
    "math-verify",
    "latex2sympy2_extended",
    "sympy",
)


def recipe_file(recipe: Recipe) -> dict[str, Any]:
    """What recipe.json says: everything that decides the bytes."""
    return {
        "name": recipe.name,
        "kind": recipe.kind,
        "title": recipe.title,
        "notes": recipe.notes,
        "fingerprint": recipe.fingerprint(),
        "parameters": recipe.describe(),
        "facts": {fact.name: {"type": fact.type.__name__, "doc": fact.doc} for fact in recipe.facts},
        "limits": told_limits(recipe),
        "reasons": {
            SOURCE: {reason.name: reason.doc for reason in recipe.source.reasons},
            **{step.name: {reason.name: reason.doc for reason in step.processor.reasons} for step in recipe.steps},
        },
        "versions": dict(_versions()),
    }


@functools.cache
def _versions() -> dict[str, str]:
    """Versions of what decides bytes; to look them up takes a tenth of a second."""
    return {"corpusmill": version("corpusmill"), **{name: version(name) for name in LIBRARIES}}


def differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """The places, in sorted order, where two JSON values differ, each with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(
            (old.keys() | new.keys()) - {"fingerprint"}, key=lambda name: (name == "limits", name)
        ):  # they follow from the rest
            if name not in old or name not in new:
                yield f"{where}{name} is {'absent from' if name not in old else 'only in'} the corpus that is there"
            else:
                yield from differences(old[name], new[name], f"{where}{name}.")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{where}{place}.")
    elif old != new:
        yield f"{where.rstrip('.')} was {old!r}, is now {new!r}"


def first_difference(old: Any, new: Any) -> str | None:
    """The first of the places where two JSON values differ; None where they are equal."""
    return next(differences(old, new), None)


def recipe_text(recipe: Recipe) -> str:
    """The content of recipe.json."""
    return json.dumps(recipe_file(recipe), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
