"""`corpusmill copy`: a finished corpus at another place, on disk or on an object store, checked byte by byte on the way.

What is copied is what the ledger names, never what a listing shows. Of each split the data files go first, compared with their checksums,
then the ledger entry that makes them true; what is derived follows, corpus.json last. So a copy that was stopped is a build that did not
end: no reader takes it for a whole corpus, and the same command goes on where it was.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from pipelines import place
from pipelines.build import BuildError, corpus_lock
from pipelines.failure import err_console, fail
from pipelines.recipe_file import first_difference
from pipelines.runs import runs_file
from pipelines.stage import STAGES, earlier_stages
from schemas.corpus import DERIVED, Corpus, CorpusError, LedgerEntry
from schemas.shard import CommitConflict, FileEntry, write_if_absent, write_replacing, write_whole
from schemas.store import can_create, fetched

LAST = "corpus.json"
BLOCK_BYTES = 1 << 20
SPLITS_AT_ONCE = 8  # what a copy waits for is the network

out_console = Console()


class CopyError(RuntimeError):
    """A copy that cannot be made; the message says what was being done, what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What there is now: splits and their bytes; `num_copied` of them by this run."""

    path: Path
    num_splits: int
    num_copied: int
    num_bytes: int


def copy_corpus(
    path: Path, to: Path, at_once: int = SPLITS_AT_ONCE, on_splits: Callable[[int, int], None] = lambda done, count: None
) -> Copied:
    """Copies a finished corpus to `to`, which is then a corpus of the same bytes; a copy that was stopped goes on.

    Memory: a block for each of the `at_once` splits; scratch space: their files, where one of the places is remote. `on_splits` is told of
    splits that are there, and of all.

    Raises:
        CorpusError: `path` is no finished corpus, or a file is not as its ledger says.
        CopyError: `to` holds something else.
        BuildError: somebody else builds or copies there.
    """
    corpus, target = Corpus(path), Corpus(to)
    recipe, totals = corpus.recipe(), corpus.totals()
    _check_target(path, to)
    files, num_copied = corpus.ledger_files(), 0
    with corpus_lock(to):
        _begin(corpus, target, recipe)
        there = target.committed()
        strange = sorted(there - {file.stem for file in files})
        if strange:
            raise CopyError(
                f"copying {path} to {to}: split {strange[0]} is there, which {path} does not have; choose another place, or remove it"
            )
        with ThreadPoolExecutor(at_once, "copy") as pool:
            copied = pool.map(lambda file: copy_split(corpus, target, file, file.stem in there), files)
            for done, is_new in enumerate(copied, 1):
                num_copied += is_new
                on_splits(done, len(files))
        _end(corpus, target)
    return Copied(to, len(files), num_copied, int(str(totals["num_bytes"])))


def _check_target(path: Path, to: Path) -> None:
    corpus, target = path.resolve(), to.resolve()
    if target == corpus or corpus in target.parents:
        raise CopyError(f"copying {path}: {to} lies in the corpus itself; choose another place")
    if not can_create(to):
        raise CopyError(
            f"copying {path} to {to}: that store cannot create an object only if it is absent, which keeps two copies apart; copy it to a folder, then send "
            "that with the store's own program (for Hugging Face: hf upload-large-folder NAME FOLDER --repo-type dataset)"
        )


def _begin(corpus: Corpus, target: Corpus, recipe: dict[str, object]) -> None:
    """Writes the recipe, or finds that the same corpus was begun there."""
    if (target.path / "recipe.json").is_file():
        difference = first_difference(target.recipe(), recipe)
        if difference:
            raise CopyError(f"copying {corpus.path} to {target.path}: another corpus is there: {difference}; choose another place")
        if target.is_complete() and target.totals()["content"] != corpus.totals()["content"]:
            raise CopyError(
                f"copying {corpus.path} to {target.path}: a corpus of the same recipe and of other content is there; "
                "choose another place, or remove it"
            )
        return
    if any(target.files()):
        raise CopyError(f"copying {corpus.path} to {target.path}: files that are no corpus are there; choose an empty or a new place")
    write_if_absent(target.path / "recipe.json", (corpus.path / "recipe.json").read_bytes())


def copy_split(corpus: Corpus, target: Corpus, file: Path, is_there: bool = False) -> bool:
    """Copies the data files of the split with this ledger entry, and then the entry; of one that is there only looks whether it is the same.

    Gives whether it was copied.
    """
    data = file.read_bytes()
    if is_there:
        if (target.path / "ledger" / file.name).read_bytes() != data:
            raise CopyError(
                f"copying {corpus.path} to {target.path}: split {file.stem} is there with other content; choose another place, or remove it"
            )
        return False
    entry = LedgerEntry.from_bytes(data)
    for part in (entry.shard, entry.rejects):
        _copy_file(corpus, target, part)
    try:
        write_if_absent(target.path / "ledger" / file.name, data)
    except CommitConflict as error:
        raise CopyError(f"copying {corpus.path} to {target.path}: {error}") from error
    return True


def _copy_file(corpus: Corpus, target: Corpus, part: FileEntry) -> None:
    source = corpus.path / part.name
    try:
        with fetched(source) as local, open(local, "rb") as handle, write_whole(target.path / part.name) as sink:
            shutil.copyfileobj(handle, sink, BLOCK_BYTES)
            if (sink.num_bytes, sink.sha256.hexdigest()) != (part.num_bytes, part.sha256):
                raise CorpusError(
                    f"{source} does not have the checksum that the ledger gives; it was changed or damaged: build the corpus again"
                )
    except FileNotFoundError as error:
        raise CorpusError(f"{source} is named by the ledger but is missing; build the corpus again") from error


def _end(corpus: Corpus, target: Corpus) -> None:
    """Writes what is derived, the file that says that the corpus is whole last."""
    for name in (*(name for name in DERIVED if name != LAST), LAST):
        source = corpus.path / name
        if source.is_file():
            write_replacing(target.path / name, source.read_bytes())


def copy_command(
    from_: Annotated[
        Path,
        typer.Argument(metavar="FROM", help="A finished corpus: a folder, or a URL such as s3://bucket/corpora/asr.", parser=place.path),
    ],
    to: Annotated[
        Path, typer.Argument(metavar="TO", help="Where it goes: a new folder or URL, or one of a copy that was stopped.", parser=place.path)
    ],
    stages: Annotated[
        bool,
        typer.Option("--stages", help="Also the stages before it, and what its runs took: reports show them, rebuilds do not need them."),
    ] = False,
    at_once: Annotated[int, typer.Option(min=1, help="Splits that are copied at a time.")] = SPLITS_AT_ONCE,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value; no progress.")] = False,
) -> None:
    """Copy a finished corpus to another folder or object store, every checksum compared; a stopped copy goes on.

    Example: corpusmill copy demo/corpora/asr s3://bucket/corpora/asr
    """
    try:
        found = [_copy(one, other, at_once, as_json) for one, other in _pairs(from_, to, stages)]
        if stages and runs_file(from_).is_file():
            write_replacing(runs_file(to), runs_file(from_).read_bytes())
    except (CopyError, CorpusError, BuildError, OSError) as error:
        raise fail(str(error) if not isinstance(error, OSError) else f"copying {from_} to {to}: {error}") from error
    except KeyboardInterrupt:
        raise fail(f"stopped while copying {from_}; splits that are whole stay: run the same command again to go on") from None
    if as_json:
        told = [
            {"path": str(one.path), "num_splits": one.num_splits, "num_copied": one.num_copied, "num_bytes": one.num_bytes} for one in found
        ]
        print(json.dumps(told, indent=2))
        return
    for one in found:
        already = f", {one.num_splits - one.num_copied:,} of them were there already" if one.num_copied < one.num_splits else ""
        told_size = f"{one.num_splits:,} splits{already}, {one.num_bytes / 1e6:,.1f} MB of shards"
        out_console.print(f"{one.path}: {told_size}", markup=False, highlight=False, soft_wrap=True)


def _pairs(path: Path, to: Path, stages: bool) -> Iterator[tuple[Path, Path]]:
    """What is copied to where; the corpus last, as a build makes it."""
    if stages:
        if path.name != to.name:
            raise fail(f"--stages keeps the name of the corpus, by which its stages are found: {path.name} is to be named {to.name}", 2)
        yield from ((stage, to.parent / STAGES / stage.name) for stage in earlier_stages(path))
    yield path, to


def _copy(path: Path, to: Path, at_once: int, as_json: bool) -> Copied:
    with contextlib.ExitStack() as stack:
        if not err_console.is_terminal or as_json:
            return copy_corpus(path, to, at_once)
        bar = stack.enter_context(Progress(console=err_console, transient=True))
        task = bar.add_task(path.name, total=None)
        return copy_corpus(path, to, at_once, lambda done, count: bar.update(task, completed=done, total=count))
