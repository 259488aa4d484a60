"""`corpusmill inspect`: rows and refusals in the terminal. What it needs is imported when it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from pipelines import complete, place
from pipelines.failure import fail

if TYPE_CHECKING:
    from pipelines.inspection.choice import Choice, Found
    from pipelines.inspection.columns import Columns
    from schemas.corpus import Corpus
    from schemas.records import Record

ROWS_SHOWN, LINES_SHOWN = 3, 20
LINEAGE_WIDTH = 4_000
out_console = Console()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was asked, after `path`."""

    limit: int | None
    key: str | None
    rejects: bool
    reason: str | None
    failure: str | None
    where: str | None
    sort: str | None
    descending: bool
    sample: int | None
    seed: int
    table: bool
    fact: tuple[str, ...]
    as_json: bool

    @property
    def num_rows(self) -> int:
        return self.limit or self.sample or (LINES_SHOWN if self.table else ROWS_SHOWN)


def inspect_command(
    path: Annotated[Path, typer.Argument(help="A corpus directory.", parser=place.path)],
    limit: Annotated[int | None, typer.Option(min=1, help="How many rows to show. Default: 3, or 20 in a table.")] = None,
    key: Annotated[str | None, typer.Option(help="Show the row, or the refusal, with this key.")] = None,
    where: Annotated[
        str | None, typer.Option(help="Only rows for which this is true: facts, key, source, licence; ==, <, in, and, or, not.")
    ] = None,
    sort: Annotated[str | None, typer.Option(help="Show the smallest of this fact first.", autocompletion=complete.facts)] = None,
    descending: Annotated[bool, typer.Option("--descending", help="The largest first.")] = False,
    sample: Annotated[int | None, typer.Option(min=1, help="Draw so many rows at random, by their keys.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed draws other rows.")] = 0,
    table: Annotated[bool, typer.Option("--table", help="A line a row.")] = False,
    fact: Annotated[
        list[str] | None,
        typer.Option(help="A fact to show in the table or picture (may be repeated).", autocompletion=complete.facts),
    ] = None,
    rejects: Annotated[bool, typer.Option("--rejects", help="Show what was refused instead of rows.")] = False,
    reason: Annotated[str | None, typer.Option(help="Only refusals for this reason.", autocompletion=complete.reasons)] = None,
    failure: Annotated[str | None, typer.Option(help="Only refusals of this sort: reject, fault or crash.")] = None,
    lineage: Annotated[bool, typer.Option("--lineage", help="Where the row --key comes from, and what became of it.")] = False,
    sources: Annotated[
        Path | None, typer.Option(help="With --lineage: the folder of the sources, to show their bytes.", parser=place.path)
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="The exact text that the model reads, special tokens by name.")] = False,
    token_ids: Annotated[bool, typer.Option("--tokens", help="The token ids; + marks those that are learned.")] = False,
    png: Annotated[Path | None, typer.Option(help="Write the rows as a picture: crops, boxes, frame times, text beside them.")] = None,
    wav: Annotated[Path | None, typer.Option(help="Write the sound of the row as WAV.")] = None,
    thumbnails: Annotated[
        bool | None, typer.Option("--thumbnails/--no-thumbnails", help="Small pictures of images and log-Mels. Default: on a terminal.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON value a line instead of text.")] = False,
) -> None:
    """Show rows of a corpus, or what was refused and why.

    A condition compares facts with numbers and texts: --where "audio.snr_db > 20 and language == 'de'". A fact may be named without its area where
    only one has the name; what was not measured is neither equal nor unequal to anything, and `is None` asks for it.
    """
    from pipelines.inspection.columns import ColumnError
    from schemas.arrow import SchemaError
    from schemas.corpus import Corpus, CorpusError

    asked = Asked(
        limit, key, bool(rejects or reason or failure), reason, failure, where, sort, descending, sample, seed, table, tuple(fact or ()), as_json
    )  # fmt: skip
    if lineage and key is None:
        raise fail("--lineage follows one record; name it with --key", 2)
    if sources is not None and not lineage:
        raise fail("--sources goes with --lineage", 2)
    try:
        corpus = Corpus(path)
        corpus.recipe()
        if lineage:
            _show_lineage(path, str(key), sources, as_json)
        elif asked.rejects:
            _show_rejects(path, asked)
        else:
            shown = 0
            records = _rows(corpus, asked)
            if png is not None:
                shown = _write_png(records, path.name, png, asked)
            elif wav is not None:
                shown = _write_wav(records, wav)
            elif table:
                shown = _show_table(corpus, asked)
            else:
                shown = _show_rows(records, asked, text, token_ids, thumbnails)
            if not shown and key is not None and where is None:
                _show_rejects(path, asked)
            elif not shown and not as_json:
                typer.echo("no row is so", err=True)
    except ColumnError as error:
        raise fail(f"inspecting {path}: {error}", 2) from error
    except (CorpusError, SchemaError, FileNotFoundError) as error:
        raise fail(f"inspecting {path}: {error}") from error


# ---- which rows


def _choice(columns: Columns, asked: Asked) -> Choice:
    from pipelines.inspection.choice import Choice
    from pipelines.inspection.where import parse

    said = [f"({asked.where}\n)"] if asked.where else []  # the line ends a comment that the condition may end with
    wanted = (("key", asked.key), ("reason", asked.reason), ("failure", asked.failure))
    said += [f"{name} == {value!r}" for name, value in wanted if value is not None]
    if asked.where:
        parse(asked.where, columns)  # alone, so that a message tells what was written
    condition = parse(" and ".join(said), columns) if said else None
    sort = columns.named(asked.sort) if asked.sort else None
    return Choice(asked.num_rows, condition, sort, asked.descending, asked.sample, asked.seed)


def _found(corpus: Corpus, asked: Asked) -> Iterator[Found]:
    from pipelines.inspection.choice import choose
    from pipelines.inspection.columns import row_batches, row_columns

    return choose(row_batches(corpus), _choice(row_columns(corpus), asked))


def _rows(corpus: Corpus, asked: Asked) -> Iterator[Record]:
    from schemas.arrow import BatchRows

    for found in _found(corpus, asked):
        yield BatchRows(found.batch, str(corpus.path))[found.index]


# ---- how they are shown


def _show_rows(records: Iterator[Record], asked: Asked, text: bool, ids: bool, thumbnails: bool | None) -> int:
    from pipelines.inspection.record import prompts, sequences, show_record, token_lines, told, visible

    shown = 0
    drawn = _is_drawn(thumbnails) and not (asked.as_json or text or ids)
    for record in records:
        shown += 1
        if asked.as_json:
            print(json.dumps(told(record) | (_ids(record) if ids else {}) | ({"prompts": prompts(record)} if text else {})))
        elif text:
            for name, prompt in prompts(record).items():
                print(f"key      {record.key}  {name}\n{visible(prompt)}\n")
        elif ids:
            for name, (made, learned) in sequences(record).items():
                print(f"key      {record.key}  {name}: {len(made):,} tokens, {int(learned.sum()):,} learned")
                print("\n".join(token_lines(made, learned)) + "\n")
        else:
            print(show_record(record))
            if drawn:
                _draw(record)
            print()
    return shown


def _ids(record: Record) -> dict[str, Any]:
    from pipelines.inspection.record import sequences

    found = sequences(record).items()
    return {"sequences": {name: {"input_ids": ids.tolist(), "learned": learned.tolist()} for name, (ids, learned) in found}}


def _is_drawn(thumbnails: bool | None) -> bool:
    return thumbnails if thumbnails is not None else out_console.is_terminal and out_console.color_system is not None


def _draw(record: Record) -> None:
    from pipelines.inspection.thumbnails import thumbnails

    console = Console(force_terminal=True) if not out_console.is_terminal else out_console
    for title, picture in thumbnails(record, console.width):
        console.print(title, style="dim", highlight=False, markup=False)
        console.print(picture, soft_wrap=True)


def _show_table(corpus: Corpus, asked: Asked) -> int:
    from pipelines.inspection.table import print_rows

    return print_rows(corpus, _found(corpus, asked), asked.fact, asked.sort, asked.as_json, out_console)


def _show_rejects(path: Path, asked: Asked) -> None:
    from pipelines.inspection.choice import choose
    from pipelines.inspection.columns import corpora_of, reject_batches, reject_columns
    from pipelines.inspection.table import print_rejects, print_rejects_table

    corpora = corpora_of(path)
    _check_failure(asked.failure)
    if asked.reason is not None:
        _check_reason(corpora, asked.reason)
    columns = reject_columns(corpora, with_facts=bool(asked.where or asked.sort or asked.fact))
    choice = _choice(columns, asked)
    facts = [columns.named(name) for name in asked.fact]
    names = {*facts, *(choice.condition.names if choice.condition else ()), *([choice.sort] if choice.sort else [])}
    found = choose(reject_batches(corpora, columns, sorted(names)), choice)
    shown = print_rejects_table(found, facts, asked.as_json, out_console) if asked.table else print_rejects(found, asked.as_json)
    if shown:
        return
    if asked.key is not None and asked.where is None and not asked.reason and not asked.failure:
        raise fail(f"key {asked.key} is neither a row of {path} nor among what it refused")
    if not asked.as_json:
        typer.echo("nothing was refused so", err=True)


def _check_failure(failure: str | None) -> None:
    from pipelines.inspection.columns import ColumnError
    from pipelines.words import hint
    from schemas.outcome import CRASH, FAULT, REJECT

    if failure not in (None, REJECT, FAULT, CRASH):
        raise ColumnError(f"--failure {failure!r} is unknown; {hint(str(failure), (REJECT, FAULT, CRASH))}")


def _check_reason(corpora: Sequence[Corpus], reason: str) -> None:
    from pipelines.inspection.columns import ColumnError
    from pipelines.words import hint

    known: set[str] = set()
    for corpus in corpora:
        recipe: Any = corpus.recipe()
        known |= {name for step in recipe["reasons"].values() for name in step}
        known |= {name for entry in corpus.ledger() for step in entry.steps for name in step.rejects}
    if reason not in known | {"processor_raised"}:
        raise ColumnError(f"no step refuses, and none refused, for {reason!r}; {hint(reason, sorted(known))}")


def _show_lineage(path: Path, key: str, sources: Path | None, as_json: bool) -> None:
    from pipelines.inspection.lineage import lineage_of
    from pipelines.inspection.lineage_tree import as_row, tree_of

    found = lineage_of(path, key)
    if found is None:
        raise fail(f"key {key} is neither a row of {path} nor among what it refused, and nothing in it descends from it")
    if as_json:
        print(json.dumps(as_row(found, sources)))
    else:
        Console(width=LINEAGE_WIDTH).print(tree_of(found, sources), soft_wrap=True)  # else what does not fit is cut off


def _write_png(records: Iterator[Record], name: str, png: Path, asked: Asked) -> int:
    from pipelines.contact_sheet import write_contact_sheet

    try:
        shown = write_contact_sheet(records, png, name, asked.fact)
    except ValueError as error:
        raise fail(f"drawing {png}: {error}") from error
    out_console.print(f"{png}: {shown} rows of {name}", markup=False, soft_wrap=True)
    return shown


def _write_wav(records: Iterator[Record], wav: Path) -> int:
    from pipelines.inspection.wav import write_wavs

    record = next(records, None)
    if record is None:
        return 0
    written = list(write_wavs(record, wav))
    if not written:
        raise fail(f"writing {wav}: row {record.key} has no audio")
    for file, seconds, how in written:
        out_console.print(f"{file}: {seconds:.2f} s of {record.key}, {how}", markup=False, soft_wrap=True)
    return 1
