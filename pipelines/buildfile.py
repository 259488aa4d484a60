"""A build file (TOML) names the corpora to build, their sources and their parameters; every word of it is checked.

out = "corpora"

[execution]
workers = 2

[corpora.asr]
source = "raw/manifest.jsonl"          # or a list, or { path = "raw", format = "folder", licence = "CC0-1.0" }
max_s = 20.0                           # any keyword argument of the corpus's function

[corpora.vision_sft.slides]            # a family of a corpus
source = "decks"

[corpora.vision_speech]
source = { corpus = "vision_sft.slides" }   # a corpus of the same build, named before it
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import tomllib
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines import words
from pipelines.build import Execution
from pipelines.corpora import CORPORA
from pipelines.corpus_source import open_corpus
from pipelines.source import open_source
from pipelines.stage import Stage
from pipelines.step import StepResources
from pipelines.union import Union
from schemas.retry import StoreError
from schemas.store import PlaceError, is_url, place_of


class BuildFileError(ValueError):
    """A build file, or an override of it, that cannot be used; the message names the word and the nearest valid one."""


@dataclass(frozen=True, slots=True)
class BuiltCorpus:
    """A corpus of the same build as a source: opened when it is finished."""

    name: str


def _opened(source: Any, out: Path) -> Any:
    if isinstance(source, Union):
        return Union(tuple(_opened(part, out) for part in source.sources))
    return open_corpus(out / source.name) if isinstance(source, BuiltCorpus) else source


@dataclass(frozen=True, slots=True)
class Job:
    """One corpus to build."""

    corpus: str
    source: Any
    parameters: dict[str, Any] = field(default_factory=dict)

    def stages(self, out: Path) -> tuple[Stage, ...]:
        """The stages, for a build whose corpora go to `out`. Raises CorpusError where it reads a corpus of `out` that is not finished."""
        return CORPORA[self.corpus].make(_opened(self.source, out), **_grouped(self.corpus, self.parameters))


@dataclass(frozen=True, slots=True)
class BuildFile:
    """What a build file asks for."""

    out: Path
    jobs: tuple[Job, ...]
    execution: Execution


def parameters_of(corpus: str) -> dict[str, tuple[Any, Any]]:
    """Parameter names of a corpus with their type and default; a group of parameters (a dataclass) is named field by field."""
    found: dict[str, tuple[Any, Any]] = {}
    for name, (hint, default) in _keywords(corpus).items():
        if dataclasses.is_dataclass(hint):
            found |= {part: (kind, getattr(default, part)) for part, kind in typing.get_type_hints(hint).items()}
        else:
            found[name] = (hint, default)
    return found


def _keywords(corpus: str) -> dict[str, tuple[Any, Any]]:
    make = CORPORA[corpus].make
    hints = typing.get_type_hints(make)
    return {name: (hints[name], p.default) for name, p in inspect.signature(make).parameters.items() if p.kind is p.KEYWORD_ONLY}


def _grouped(corpus: str, given: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of the corpus's function: the fields of each group gathered into it."""
    found: dict[str, Any] = {}
    for name, (hint, default) in _keywords(corpus).items():
        if dataclasses.is_dataclass(hint):
            parts = {field.name: given[field.name] for field in dataclasses.fields(hint) if field.name in given}
            found[name] = dataclasses.replace(default, **parts)
        elif name in given:
            found[name] = given[name]
    return found


def read_build_file(path: Path, overrides: Sequence[str] = (), only: Sequence[str] = ()) -> BuildFile:
    """Reads and checks a build file. Paths in it are relative to it. `overrides` are `corpus.parameter=value`.

    Raises:
        BuildFileError: TOML that does not parse, an unknown or ill-typed word, a source that cannot be opened.
    """
    raw, corpora = read_tables(path, overrides, only)
    jobs = tuple(read_job(name, table, path.parent, f"{path} [corpora.{name}]") for name, table in corpora.items())
    return BuildFile(_read_out(raw.get("out", "corpora"), path), jobs, read_execution(raw.get("execution", {}), f"{path} [execution]"))


def read_tables(path: Path, overrides: Sequence[str] = (), only: Sequence[str] = ()) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """A build file as it is written, and the tables of the wanted corpora by name, overrides put in; no source is opened.

    Raises: BuildFileError: TOML that does not parse, an unknown word or corpus.
    """
    try:
        raw = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BuildFileError(f"reading build file {path}: {error}") from error
    _check_words(raw, ("out", "execution", "corpora"), f"{path}")
    said = raw.get("corpora", {})
    if not isinstance(said, dict) or not said:
        raise BuildFileError(f"{path} names no corpus; expected a table such as [corpora.asr] with a source")
    corpora = _by_name(said)
    _check_words(corpora, tuple(CORPORA), f"{path} [corpora]")
    for override in overrides:
        _override(corpora, override)
    wanted = list(only) or list(corpora)
    for name in wanted:
        if name not in corpora:
            raise BuildFileError(f"corpus {name!r} is not in {path}; {words.hint(name, corpora)}")
    return raw, {name: corpora[name] for name in wanted}


def _read_out(said: Any, file: Path) -> Path:
    """Where the corpora go: a path relative to the build file, or the URL of a place in a store."""
    if not isinstance(said, str):
        raise BuildFileError(f'{file} out is {said!r}; expected a path or a URL, such as out = "s3://bucket/corpora"')
    try:
        return place_of(said) if is_url(said) else file.parent / said
    except PlaceError as error:
        raise BuildFileError(f"{file} out: {error}") from error


def _by_name(tables: dict[str, Any]) -> dict[str, Any]:
    """The tables by name of the corpus: [corpora.vision_sft.slides] is the corpus `vision_sft.slides`."""
    families = {name.partition(".")[0] for name in CORPORA if "." in name}
    found: dict[str, Any] = {}
    for name, table in tables.items():
        if name in families and name not in CORPORA and isinstance(table, dict):
            found |= {f"{name}.{family}": inner for family, inner in table.items()}
        else:
            found[name] = table
    return found


def read_execution(table: dict[str, Any], where: str) -> Execution:
    """The `[execution]` table; names of steps are checked where a recipe is run, which knows them."""
    hints = typing.get_type_hints(Execution)
    known = {f.name: hints[f.name] for f in dataclasses.fields(Execution)}
    _check_words(table, tuple(known), where)
    said = {name: typed(value, known[name], f"{where} {name}") for name, value in table.items() if name not in ("memory", "steps")}
    if "memory" in table:
        said["memory"] = _read_bytes(table["memory"], f"{where} memory")
    steps = table.get("steps", {})
    if not isinstance(steps, dict) or not all(isinstance(step, dict) for step in steps.values()):
        raise BuildFileError(
            f"{where} steps is {steps!r}; expected tables such as [execution.steps.hear] with pool, cpus, gpus, memory, resources"
        )
    execution = Execution(**said, steps={name: _read_step(step, f"{where} [steps.{name}]") for name, step in steps.items()})
    for name, value in (
        ("cpus", execution.cpus),
        ("workers", execution.workers or 0),
        ("room_wait_s", execution.room_wait_s),
        ("lock_wait_s", execution.lock_wait_s),
    ):
        if value < 0:
            raise BuildFileError(f"{where} {name} is {value}, expected 0 or more")
    return execution


def _read_step(table: dict[str, Any], where: str) -> StepResources:
    """What `[execution.steps.<step>]` says of the actors of a step."""
    _check_words(table, tuple(field.name for field in dataclasses.fields(StepResources)), where)
    said: dict[str, Any] = {
        name: typed(table[name], int if name == "pool" else float, f"{where} {name}") for name in ("pool", "cpus", "gpus") if name in table
    }
    for name, value in said.items():
        if value < (1 if name == "pool" else 0):
            raise BuildFileError(f"{where} {name} is {value}, expected {'1 or more' if name == 'pool' else '0 or more'}")
    if said.get("gpus", 0) > 1 and said["gpus"] % 1:
        raise BuildFileError(f"{where} gpus is {said['gpus']}; expected a part of one GPU, or whole ones")
    if "memory" in table:
        said["memory"] = _read_bytes(table["memory"], f"{where} memory")
    custom = table.get("resources", {})
    if not isinstance(custom, dict) or not all(type(value) in (int, float) and value > 0 for value in custom.values()):
        raise BuildFileError(f'{where} resources is {custom!r}; expected amounts by name, such as {{ "fast_disk" = 1 }}')
    return StepResources(**said, resources=tuple(sorted((name, float(value)) for name, value in custom.items())))


def _read_bytes(said: Any, where: str) -> int:
    """A number of bytes, or one with a unit: "512 MiB", "4GiB", "2 GB"."""
    if type(said) is int and said >= 0:
        return said
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?\s*", said) if isinstance(said, str) else None
    if not match:
        raise BuildFileError(f'{where} is {said!r}, expected a number of bytes, or a text such as "4 GiB"')
    unit = match[2] or ""
    return int(float(match[1]) * (1024 if unit.endswith("i") else 1000) ** " KMGT".index(unit[:1] or " "))


def _check_words(table: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for word in table:
        if word not in known:
            raise BuildFileError(f"{where}: {word!r} is unknown; {words.hint(word, known)}")


def _override(corpora: dict[str, Any], override: str) -> None:
    name, equals, value = override.partition("=")
    corpus, dot, parameter = name.rpartition(".")  # a corpus's name may have a dot itself, a parameter's has none
    if not (equals and dot and corpus and parameter):
        raise BuildFileError(f"--set {override!r} cannot be read; expected corpus.parameter=value, such as asr.max_s=20")
    _check_words({corpus: None}, tuple(corpora), f"--set {override}")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        parsed = value  # a bare word is a string
    corpora[corpus] = {**corpora[corpus], parameter: parsed}


def read_job(corpus: str, table: dict[str, Any], base: Path, where: str) -> Job:
    """A corpus's table: its source and parameters, paths relative to `base`. Raises BuildFileError, which tells `where`."""
    given = read_parameters(corpus, table, base, where)
    return Job(corpus, resolve_source(table["source"], base, f"{where} source"), given)


def read_parameters(corpus: str, table: dict[str, Any], base: Path, where: str) -> dict[str, Any]:
    """The parameters of a corpus's table, which must have a source too; it is not opened. Raises BuildFileError, which tells `where`."""
    if not isinstance(table, dict) or "source" not in table:
        raise BuildFileError(f'{where} has no source; expected source = "path"')
    known = parameters_of(corpus)
    _check_words(table, ("source", *known), where)
    return {name: typed(value, known[name][0], f"{where} {name}", base) for name, value in table.items() if name != "source"}


def typed(value: Any, hint: Any, where: str, base: Path = Path()) -> Any:
    """The value as the type that the parameter declares, a path relative to `base`. Raises BuildFileError with both."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        if option is float and (type(value) is float or (type(value) is int and abs(value) < 10**300)):
            return float(value)
        if option in (bool, int, str) and type(value) is option:
            return value
        if option is Path and type(value) is str:
            return place_of(value) if is_url(value) else base / value
        if typing.get_origin(option) is tuple and isinstance(value, list):
            return tuple(typed(item, typing.get_args(option)[0], where, base) for item in value)
    names = " or ".join(getattr(option, "__name__", str(option)) if not typing.get_args(option) else "list" for option in options)
    raise BuildFileError(f"{where} is {value!r} of type {type(value).__name__}, expected {names}")


def resolve_source(said: Any, base: Path, where: str) -> Any:
    """A path, a table with `path` and options, `{ corpus = "name" }` for a corpus of the same build, or a list of these, as a source."""
    if isinstance(said, list):
        return Union(tuple(resolve_source(item, base, where) for item in said))
    table = {"path": said} if isinstance(said, str) else said
    if isinstance(table, dict) and table.keys() == {"corpus"} and isinstance(table["corpus"], str):
        _check_words({table["corpus"]: None}, tuple(CORPORA), where)
        return BuiltCorpus(table["corpus"])
    if not isinstance(table, dict) or not isinstance(table.get("path"), str):
        raise BuildFileError(f"{where} is {said!r}; expected a path, a table with a path or a corpus, or a list of these")
    options = {name: value for name, value in table.items() if name != "path"}
    place = table["path"] if is_url(table["path"]) else str(base / table["path"])
    try:
        return open_source(place, options.pop("format", None), corpus_opener=lambda root: open_corpus(place_of(root)), **options)
    except (ValueError, TypeError, OSError, StoreError) as error:
        raise BuildFileError(f"{where}: {error}") from error
