"""A mixture's file (TOML): which corpora, in which proportion, how much of all; every word of it is checked.

name = "instruction"                    # of the mixture
out = "corpora"
by = "tokens"                           # or rows, the default
size = 1_000_000                        # rows or tokens in all; without it as many as the corpora have for these shares
seed = 0                                # another seed draws other rows

[corpora.asr]                           # a name of your own
path = "corpora/asr"                    # relative to this file, or a URL
share = 0.6                             # only the proportion to the others matters

[corpora.chart]
path = "corpora/chart"
share = 0.4
epochs = 3                              # a row is taken up to three times; 1 is the default

[execution]                             # as in a build file
workers = 2
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipelines import words
from pipelines.build import Execution
from pipelines.buildfile import BuildFileError, read_execution, typed
from pipelines.corpus_source import open_corpus
from pipelines.growth.mixture import ROWS, Asked
from schemas.store import is_url, place_of

TOP: dict[str, Any] = {"name": str, "out": str, "by": str, "size": int, "seed": int, "title": str}
PART: dict[str, Any] = {"path": str, "share": float, "epochs": int}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class MixFile:
    """What a mixture's file asks for."""

    name: str
    out: Path
    by: str
    size: int
    seed: int
    title: str
    asked: tuple[Asked, ...]
    execution: Execution


def read_mix_file(path: Path) -> MixFile:
    """Reads and checks a mixture's file.

    Raises: BuildFileError: TOML that does not parse, an unknown or ill-typed word; CorpusError: a path where no finished corpus is.
    """
    try:
        raw = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BuildFileError(f"reading the mixture {path}: {error}") from error
    tables = {name: raw.pop(name, {}) for name in ("corpora", "execution")}
    top = _read(raw, TOP, f"{path}", (*TOP, *tables))
    name = top.get("name", path.stem)
    if not _NAME.fullmatch(name):
        raise BuildFileError(f"{path}: name is {name!r}, expected letters, digits, dots and dashes: it becomes a folder")
    if top.get("size", 0) < 0 or not isinstance(tables["corpora"], dict) or not tables["corpora"]:
        raise BuildFileError(
            f"{path} has a size below 0, or names no corpus; expected tables such as [corpora.asr] with a path and a share"
        )
    asked = tuple(_part(part, table, path) for part, table in tables["corpora"].items())
    out = place_of(top["out"]) if is_url(top.get("out", "")) else path.parent / top.get("out", "corpora")
    execution = read_execution(tables["execution"], f"{path} [execution]")
    return MixFile(name, out, top.get("by", ROWS), top.get("size", 0), top.get("seed", 0), top.get("title", ""), asked, execution)


def _read(table: Any, known: Mapping[str, Any], where: str, words_: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise BuildFileError(f"{where} is {table!r}, expected a table")
    for word in table:
        if word not in known:
            raise BuildFileError(f"{where}: {word!r} is unknown; {words.hint(word, words_)}")
    return {name: typed(value, known[name], f"{where} {name}") for name, value in table.items()}


def _part(name: str, table: Any, path: Path) -> Asked:
    where = f"{path} [corpora.{name}]"
    told = _read(table, PART, where, tuple(PART))
    missing = [word for word in ("path", "share") if word not in told]
    if missing:
        raise BuildFileError(f"{where} has no {missing[0]}; expected a path and a share")
    if not 0 < told["share"] < float("inf") or told.get("epochs", 1) < 1:
        raise BuildFileError(
            f"{where}: share is {told['share']} and epochs {told.get('epochs', 1)}, expected a share above 0 and 1 epoch or more"
        )
    place = place_of(told["path"]) if is_url(told["path"]) else path.parent / told["path"]
    share = Fraction(str(table["share"]))  # 0.1 is a tenth, not the nearest binary number
    return Asked(name, open_corpus(place), share, told.get("epochs", 1))
