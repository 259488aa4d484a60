"""`corpusmill report`: a page for every corpus, an index over all, and their statistics as data beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console

from pipelines import place
from pipelines.build import BuildError
from pipelines.failure import err_console, fail
from pipelines.report.compare import Comparison, comparison_json
from pipelines.report.compare import compare as compare_corpora
from pipelines.report.compare_page import compare_html
from pipelines.report.examples import examples_html
from pipelines.report.figures import Statistics
from pipelines.report.index import index_html
from pipelines.report.page import page_html
from pipelines.report.statistics import collect, computing, to_json
from pipelines.report.tables import write_parquet
from pipelines.stage import earlier_stages
from schemas.arrow import SchemaError
from schemas.corpus import Corpus, CorpusError
from schemas.shard import write_replacing

INDEX, FOLDER, DATA = "index.html", "report", "data"
out_console = Console()


@dataclass(frozen=True, slots=True)
class Asked:
    """How many rows and refused records a page shows, and which."""

    num_rows: int = 12
    num_per_reason: int = 3
    seed: int = 0


def report_command(
    paths: Annotated[list[Path], typer.Argument(metavar="OUT...", help="A folder of corpora, or corpus directories.", parser=place.path)],
    to: Annotated[
        Path | None, typer.Option(help="Where the pages go. Default: `report` in the folder of corpora.", parser=place.path)
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Set two builds side by side: give two corpora, or two folders of them.")
    ] = False,
    examples: Annotated[int, typer.Option(min=0, help="Rows shown in each page; 0 shows neither rows nor refused records.")] = 12,
    refused: Annotated[int, typer.Option(min=0, help="Refused records shown for each reason.")] = 3,
    seed: Annotated[int, typer.Option(help="Another seed shows other rows.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes; 0 counts in this one, without Ray. Default: by the number of rows.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="A running Ray cluster; default: one of our own where it is worth it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the statistics as JSON, and write nothing.")] = False,
) -> None:
    """Write a page for each corpus and an index: funnels, distributions, thresholds, examples, time. They open from the file system.

    \b
    corpusmill report corpora
    corpusmill report corpora/asr corpora/ast --to pages
    corpusmill report --compare before/asr after/asr
    corpusmill report corpora/asr --json
    """
    if compare:
        compare_builds(paths, to, workers, address, as_json)
        return
    asked = Asked(examples, refused, seed)
    found = count_all(corpora_in(paths), workers, address)
    if as_json:
        print(json.dumps([json.loads(to_json(statistics)) for _, statistics in found], indent=2))
        return
    folder = to or default_folder(paths)
    for corpus, statistics in found:
        page = write_page(corpus, statistics, folder, asked)
        out_console.print(f"{page}: {page.stat().st_size / 1e6:.1f} MB", markup=False, highlight=False, soft_wrap=True)
    index = write_index(found, folder, paths)
    out_console.print(f"{index}: {len(found)} corpora; open it in a browser", markup=False, highlight=False, soft_wrap=True)


def compare_builds(paths: Sequence[Path], to: Path | None, workers: int | None, address: str | None, as_json: bool) -> None:
    """Writes a page for each two builds of a corpus, with the comparison as JSON; prints it instead with `as_json`."""
    folder = to or default_folder(paths[-1:])
    told = []
    for a, b in pairs_in(paths):
        comparison = _compare(a, b, workers, address)
        name = f"compare-{b.resolve().name}"
        text = comparison_json(comparison)
        if as_json:
            told.append(json.loads(text))
            continue
        downloads = [(f"{name}.json", f"{DATA}/{quote(name)}.json", "the comparison as JSON")]
        try:
            write_replacing(folder / DATA / f"{name}.json", text.encode())
            write_replacing(folder / f"{name}.html", compare_html(comparison, (str(a), str(b)), downloads).encode())
        except OSError as error:
            raise fail(f"writing the comparison of {a} and {b} into {folder}: {error}") from error
        rows = comparison.rows
        says = (
            f"{rows.num_same:,} rows the same, {rows.num_changed:,} changed, {rows.num_only_a:,} only in A, {rows.num_only_b:,} only in B"
        )
        out_console.print(f"{folder / name}.html: {says}", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        print(json.dumps(told, indent=2))


def _compare(a: Path, b: Path, workers: int | None, address: str | None) -> Comparison:
    try:
        with computing(workers, address, _num_records(a) + _num_records(b), _note) as compute:
            return compare_corpora(a, b, compute)
    except (CorpusError, SchemaError, BuildError, OSError) as error:
        raise fail(f"comparing {a} and {b}: {error}") from error


def pairs_in(paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """The two builds of each corpus: of two corpora, or of two folders those that both have."""
    if len(paths) != 2:
        raise fail(f"--compare wants two builds, A and B: {len(paths)} paths were given", 2)
    one, other = (corpora_in([path]) for path in paths)
    if [one, other] == [[paths[0]], [paths[1]]]:
        return [(paths[0], paths[1])]
    named = {path.resolve().name: path for path in other}
    pairs = [(path, named[path.resolve().name]) for path in one if path.resolve().name in named]
    if not pairs:
        raise fail(f"{paths[0]} and {paths[1]} have no corpus of the same name; give two corpus directories to compare these", 2)
    alone = sorted({path.resolve().name for path in one} ^ set(named))
    if alone:
        _note(f"in one of the folders only, and not compared: {', '.join(alone)}")
    return pairs


def corpora_in(paths: Sequence[Path]) -> list[Path]:
    """The corpus directories that paths name, and those in the folders that they name; a path that has none is a usage error."""
    found: dict[str, Path] = {}
    for path in paths:
        here = [path] if (path / "recipe.json").is_file() else sorted(file.parent for file in path.glob("*/recipe.json"))
        if not here:
            what = "has no corpus in it" if path.is_dir() else "does not exist"
            raise fail(f"reading {path}: it {what}; give a folder that `corpusmill build` wrote, or a corpus directory in it", 2)
        for corpus in here:
            name = corpus.resolve().name
            if name in found and found[name].resolve() != corpus.resolve():
                raise fail(
                    f"two corpora are named {name}: {found[name]} and {corpus}; report them apart, or set them side by side with --compare",
                    2,
                )
            found[name] = corpus
    return list(found.values())


def default_folder(paths: Sequence[Path]) -> Path:
    """`report` beside the corpora of the first path."""
    first = paths[0].resolve()
    return (first.parent if (first / "recipe.json").is_file() else first) / FOLDER


def count_all(corpora: Sequence[Path], workers: int | None, address: str | None) -> list[tuple[Path, Statistics]]:
    """The statistics of each corpus; what cannot be read ends the command with a message."""
    corpus = None
    try:
        num_records = sum(_num_records(corpus) for corpus in corpora)
        with computing(workers, address, num_records, _note) as compute:
            found = []
            for corpus in corpora:
                found.append((corpus, collect(corpus, compute)))
            return found
    except (CorpusError, SchemaError, BuildError, OSError) as error:
        raise fail(f"counting {corpus}: {error}") from error


def _note(message: str) -> None:
    err_console.print(message, style="dim", markup=False)


def _num_records(corpus: Path) -> int:
    """Rows and refusals of a corpus and its earlier stages, of which it depends whether Ray is worth its start."""
    parts = (Corpus(path) for path in (*earlier_stages(corpus), corpus))
    return sum(entry.shard.num_rows + entry.rejects.num_rows for part in parts for entry in part.ledger())


def write_page(corpus: Path, statistics: Statistics, folder: Path, asked: Asked) -> Path:
    """Writes the page of a corpus, and its statistics as JSON and Parquet; gives the page's path."""
    name = corpus.resolve().name
    shown = ""
    try:
        if asked.num_rows and statistics.is_complete:
            shown = examples_html(corpus, asked.num_rows, asked.num_per_reason, asked.seed)
        downloads = write_data(statistics, folder, name)
        page = folder / f"{name}.html"
        write_replacing(page, page_html(statistics, shown, downloads, modes_of(corpus)).encode())
    except (CorpusError, SchemaError, OSError) as error:
        raise fail(f"writing the report of {corpus} into {folder}: {error}") from error
    return page


def write_data(statistics: Statistics, folder: Path, name: str) -> list[tuple[str, str, str]]:
    """Writes the statistics beside the page; gives (label, relative address, what it is) for its links."""
    tables = folder / DATA / name
    write_replacing(folder / DATA / f"{name}.json", to_json(statistics).encode())
    found = [(f"{name}.json", f"{DATA}/{quote(name)}.json", "all figures of this page as JSON")]
    for file in write_parquet(statistics, tables):
        found.append((file.name, f"{DATA}/{quote(name)}/{quote(file.name)}", f"{file.stem} as Parquet"))
    return found


def modes_of(corpus: Path) -> dict[tuple[str, str], str]:
    """The feeding mode of each step of each stage, as its recipe says."""
    found: dict[tuple[str, str], str] = {}
    for path in (*earlier_stages(corpus), corpus):
        recipe: Any = Corpus(path).recipe()
        found |= {(recipe["name"], step["name"]): step["mode"] for step in recipe["parameters"]["steps"]}
    return found


def write_index(found: Sequence[tuple[Path, Statistics]], folder: Path, paths: Sequence[Path]) -> Path:
    """Writes the index over the pages; gives its path."""
    reports = [(statistics, f"{quote(corpus.resolve().name)}.html") for corpus, statistics in found]
    name = paths[0].resolve().name if len(paths) == 1 else f"{len(found)} corpora"
    try:
        write_replacing(folder / INDEX, index_html(reports, name).encode())
    except OSError as error:
        raise fail(f"writing {folder / INDEX}: {error}") from error
    return folder / INDEX
