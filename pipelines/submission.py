"""What a submitted build takes along: the code that runs here, the build file, and the small files that its relative paths name.

Nothing is sent by half: a source whose folder holds a file above the bound is refused, with what to do. Secrets are not sent: Ray keeps a job's environment
where everyone who sees the dashboard can read it, so a credential travels by its name alone, and each node must have it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from importlib.metadata import distribution, version
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Any

from pipelines.buildfile import BuildFileError, read_parameters, read_tables
from pipelines.source.files import is_glob
from pipelines.submitted import ORDER
from schemas.redaction import is_credential
from schemas.store import is_url

PACKAGES = ("pipelines", "processors", "schemas", "model")
MAX_FILE_BYTES = 8 << 20
MAX_SENT_BYTES = 128 << 20
MAX_SENT_FILES = 20_000
LEFT_OUT = ("__pycache__", "venv", "node_modules")  # and every name that begins with a dot


class SubmitError(ValueError):
    """A build that cannot be submitted as it is; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Submission:
    """`files` are what is sent of the build file's folder, relative to it, with their bytes; `places` are paths that every node must see.

    `sent_env` are names of variables whose values are sent, `needed_env` of those that each node must have.
    """

    build_file: Path
    corpora: tuple[str, ...]
    out: str
    command: tuple[str, ...]
    files: dict[str, int]
    places: tuple[str, ...]
    sent_env: tuple[str, ...]
    needed_env: tuple[str, ...]
    wheel: Path | None = None

    def order(self) -> dict[str, Any]:
        """What the job's start on the cluster checks and runs (pipelines/submitted.py)."""
        return {
            "python": list(sys.version_info[:2]),
            "ray": version("ray"),
            "corpusmill": version("corpusmill"),
            "command": list(self.command),
            "env": list(self.needed_env),
        }

    def stage(self, folder: Path) -> dict[str, Any]:
        """Lays out in `folder` what is sent; gives Ray's runtime environment for it."""
        work, code = folder / "work", folder / "code"
        for name in self.files:
            copy = work / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.build_file.parent / name, copy)
        (work / ORDER).write_text(json.dumps(self.order()))
        lay_code(code, self.wheel)
        modules = [str(place) for place in sorted(code.iterdir()) if place.is_dir()]
        values = {name: os.environ[name] for name in self.sent_env}
        return {"working_dir": str(work), "py_modules": modules, "env_vars": values}


def plan_submission(
    build_file: Path,
    corpora: Sequence[str] = (),
    overrides: Sequence[str] = (),
    out: str | None = None,
    workers: int | None = None,
    rebuild: bool = False,
    env: Sequence[str] = (),
    wheel: Path | None = None,
) -> Submission:
    """Reads a build file without opening its sources, which may be seen by the cluster alone, and decides what is sent.

    Raises: BuildFileError, SubmitError.
    """
    raw, tables = read_tables(build_file, overrides, corpora)
    where_out = out or str(raw.get("out", "corpora"))
    if not is_url(where_out) and not Path(where_out).is_absolute():
        raise SubmitError(
            f"the corpora of {build_file} go to {where_out!r}, a folder of this machine; a cluster needs an absolute path of a folder "
            "that all nodes share, or a URL such as s3://bucket/corpora: set `out`, or pass --out"
        )
    for name, table in tables.items():
        read_parameters(name, table, build_file.parent, f"{build_file} [corpora.{name}]")
    named = [*places_of(tables, build_file), *_replies(raw, build_file)]
    files = {build_file.name: build_file.stat().st_size}
    for where, place in named:
        if not is_url(place) and not Path(place).is_absolute():
            files |= _sent(build_file.parent, place, where)
    if sum(files.values()) > MAX_SENT_BYTES or len(files) > MAX_SENT_FILES:
        raise SubmitError(
            f"the sources that {build_file} names beside it are {len(files):,} files of {sum(files.values()) / 1e6:,.0f} MB, more than the "
            f"{MAX_SENT_FILES:,} files or {MAX_SENT_BYTES / 1e6:,.0f} MB that are sent; {_ELSEWHERE}"
        )
    for name in env:
        if "=" in name:
            raise SubmitError(f"--env {name.partition('=')[0]}=...: only the name of a variable is taken, its value from the environment")
    missing = [name for name in env if name not in os.environ and not is_credential(name)]
    if missing:
        raise SubmitError(f"--env {missing[0]}: this environment has no such variable; set it, or leave the option out")
    if wheel is not None:
        check_wheel(wheel)
    command = ["build", build_file.name, "--address", "auto"]
    command += [word for name in corpora for word in ("--corpus", name)] + [word for value in overrides for word in ("--set", value)]
    command += ["--out", out] if out else []
    command += ["--workers", str(workers)] if workers is not None else []
    command += ["--rebuild"] if rebuild else []
    return Submission(
        build_file,
        tuple(tables),
        where_out,
        tuple(command),
        dict(sorted(files.items())),
        tuple(sorted({fixed_part(place) for _, place in named if not is_url(place) and Path(place).is_absolute()})),
        tuple(sorted(name for name in env if not is_credential(name))),
        tuple(sorted(name for name in env if is_credential(name))),
        wheel,
    )


_ELSEWHERE = "put them into an object store or a folder that all nodes share, and name them by URL or absolute path"


def fixed_part(place: str) -> str:
    """A path; of a glob the folder before its first wildcard."""
    return str(Path(*takewhile(lambda part: not is_glob(part), Path(place).parts))) if is_glob(place) else place


def places_of(tables: dict[str, dict[str, Any]], build_file: Path) -> Iterator[tuple[str, str]]:
    """The paths and URLs that corpora's tables name, as written, each with where it stands: sources, and parameters that are paths."""
    for corpus, table in tables.items():
        where = f"{build_file} [corpora.{corpus}]"
        for place in _source_places(table["source"], f"{where} source"):
            yield f"{where} source", place
        for name, value in read_parameters(corpus, table, Path(), where).items():
            if isinstance(value, Path):
                yield f"{where} {name}", str(value)


def _source_places(said: Any, where: str) -> Iterator[str]:
    if isinstance(said, list):
        for item in said:
            yield from _source_places(item, where)
    elif isinstance(said, str):
        yield said
    elif isinstance(said, dict) and isinstance(said.get("path"), str):
        yield said["path"]
    elif not (isinstance(said, dict) and said.keys() == {"corpus"}):
        raise BuildFileError(f"{where} is {said!r}; expected a path, a table with a path or a corpus, or a list of these")


def _replies(raw: dict[str, Any], build_file: Path) -> Iterator[tuple[str, str]]:
    replies = raw.get("execution", {}).get("replies", "")
    if replies and not is_url(replies) and not Path(replies).is_absolute():
        raise SubmitError(
            f"{build_file} [execution] replies is {replies!r}; on a cluster it must be an absolute path that all nodes share, or a URL"
        )
    if replies:
        yield f"{build_file} [execution] replies", replies


def _sent(base: Path, place: str, where: str) -> dict[str, int]:
    """The files that a relative path takes along, with their bytes: a folder, or a file and what lies beside it, where its media are.

    Raises: SubmitError for what is not there, lies outside, is too large, or is a link that leads out: on the cluster it would be another source.
    """
    named = base / fixed_part(place)
    root = named if named.is_dir() else named.parent
    if not named.exists():
        raise SubmitError(
            f"{where}: {place!r} is not there beside the build file; if the cluster has it, name it by its absolute path or a URL"
        )
    if ".." in Path(place).parts or not root.resolve().is_relative_to(base.resolve()):
        raise SubmitError(f"{where}: {place!r} leads out of the build file's folder, which is all that is sent; {_ELSEWHERE}")
    found: dict[str, int] = {}
    for file in _files(root):
        name = file.relative_to(base).as_posix()
        if not file.resolve().is_relative_to(root.resolve()):
            raise SubmitError(f"{where}: {name} is a link that leads out of the source's folder; {_ELSEWHERE}")
        found[name] = file.stat().st_size
        if found[name] > MAX_FILE_BYTES:
            raise SubmitError(
                f"{where}: {place!r} is sent with its folder, but {name} has {found[name] / 1e6:,.1f} MB, more than {MAX_FILE_BYTES / 1e6:.1f} MB a file; {_ELSEWHERE}"
            )
        if len(found) > MAX_SENT_FILES:
            raise SubmitError(f"{where}: {place!r} is sent with its folder, which holds more than {MAX_SENT_FILES:,} files; {_ELSEWHERE}")
    return found


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in LEFT_OUT)
        yield from (Path(folder) / name for name in sorted(names) if not name.startswith("."))


# ---- the code


def lay_code(folder: Path, wheel: Path | None) -> None:
    """The four packages and their metadata: of the wheel, else as they are installed here."""
    folder.mkdir(parents=True)
    if wheel is not None:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        return
    for package in PACKAGES:
        spec = find_spec(package)
        assert spec is not None and spec.submodule_search_locations
        shutil.copytree(spec.submodule_search_locations[0], folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    told = distribution("corpusmill")
    metadata = folder / f"corpusmill-{told.version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(told.read_text("METADATA") or told.read_text("PKG-INFO") or "")


def check_wheel(wheel: Path) -> None:
    """Raises SubmitError for a file that is no wheel of corpusmill, or one of another version than runs here."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1]
            told = BytesParser().parsebytes(archive.read(name))
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise SubmitError(f"--wheel {wheel} cannot be read as a wheel: {error}") from error
    if told["Name"] != "corpusmill" or told["Version"] != version("corpusmill"):
        raise SubmitError(
            f"--wheel {wheel} is {told['Name']} {told['Version']}, but this command is corpusmill {version('corpusmill')}; "
            "build the wheel from the code that runs here, or run the command of the wheel's version"
        )
