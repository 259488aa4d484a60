"""The ways by which bytes from outside reach a decoder: what a build would do with them, from the source through every step to a row.

A path lays an input into a folder as its user would, opens the source, makes the recipe of a corpus that reads such files, and draws
every record. `Outcome` says what became of the input; an exception that a path does not declare is a finding, as is a fault.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import shutil
import tarfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.build import BuildError
from pipelines.corpora import CORPORA
from pipelines.feed import LocalCaller
from pipelines.recipe import PlanError
from pipelines.run import SOURCE, stream
from pipelines.source import FORMATS, open_source
from pipelines.stage import Earlier
from schemas.arrow import schema_for, to_batch
from schemas.corpus import CorpusError
from schemas.outcome import FAULT
from schemas.records import as_stored
from schemas.replies import Replies
from tests.fuzz.seeds import (
    ROWS,
    Seed,
    array_seeds,
    arrow_seeds,
    asked_seeds,
    build_file_seeds,
    coco_seeds,
    files_of,
    mermaid_seeds,
    own_seeds,
    parquet_seeds,
    row_seeds,
    tree_seeds,
)


@dataclass
class Outcome:
    """What became of one input. `refused` is a declared error of the whole source, as a command would tell it."""

    num_items: int = 0
    num_rows: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    refused: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class DecoderPath:
    """`share` is how many inputs of a hundred go this way, so that cheap ones get more; `limit_s` is what one may take."""

    name: str
    share: float
    seeds: Callable[[Path, Path | None], list[Seed]]
    run: Callable[[Path, Seed, bytes], Outcome]
    limit_s: float = 60.0
    memory_bytes: int = 3 << 30


def draw(corpus: str, source: Any, folder: Path, **parameters: Any) -> Outcome:
    """Draws every record of the first stage of a corpus, as a build does, and turns each into the rows that would be written."""
    outcome = Outcome()
    recipe = CORPORA[corpus].make(source, **parameters)[0].make(Earlier(into=folder))
    schema = schema_for(recipe.kind, recipe.facts, recipe.mel_dtype)
    splits = source.splits()
    if len({split.id for split in splits}) != len(splits):
        outcome.problem = "two splits have one id"
    with contextlib.ExitStack() as stack:
        replies = Replies(folder / "replies")
        callers = {step.name: LocalCaller(stack.enter_context(step.open(replies))) for step in recipe.steps if step.is_opener}
        for split in splits:
            _draw_split(recipe, split, callers, replies, schema, outcome)
    if outcome.num_items < 1 and splits:
        outcome.problem = f"{len(splits)} splits gave neither a row nor a reject"
    if not splits:
        outcome.refused = "the source has no data"
    return outcome


def _draw_split(recipe: Any, split: Any, callers: dict[str, Any], replies: Replies, schema: pa.Schema, outcome: Outcome) -> None:
    records, tallies = stream(recipe, split, callers, replies=replies)
    num_rows = 0
    for record in records:
        to_batch([as_stored(record)], schema).validate(full=True)
        num_rows += 1
    told, last = tallies[0], tallies[-1]
    assert told.step == SOURCE
    outcome.num_items += told.num_in
    outcome.num_rows += num_rows
    is_cut = any(row["locator"].endswith("and all after it") for row in told.rows)  # one reject for the rest of a damaged table
    if split.num_rows >= 0 and told.num_in != split.num_rows and not (is_cut and told.num_in < split.num_rows):
        outcome.problem = f"the split tells {split.num_rows} rows, {told.num_in} were read"
    if last.num_out != num_rows or told.num_in != told.num_out + sum(told.reasons.values()):
        outcome.problem = f"{told.num_in} items became {told.num_out} records and {dict(told.reasons)}"
    for tally in tallies:
        outcome.rejects = dict(Counter(outcome.rejects) + tally.reasons)
        outcome.faults += [f"{tally.step}: {row['detail']}\n{row['traceback']}" for row in tally.rows if row["failure"] == FAULT]
        for row in tally.rows:
            json.dumps(row).encode()
            pa.array(list(row.values()), pa.string()).validate(full=True)


def _alone(corpus: str, beside: dict[str, Any] | None = None, **parameters: Any) -> Callable[[Path, Seed, bytes], Outcome]:
    """One file in a folder, with fields in a file beside it."""

    def run(folder: Path, seed: Seed, data: bytes) -> Outcome:
        name = f"x.{'vl.json' if seed.name.endswith('.vl.json') else seed.kind}"
        (folder / name).write_bytes(data)
        if beside:
            (folder / "x.json").write_text(json.dumps(beside))
        return draw(corpus, FORMATS["folder"](root=str(folder), suffixes=(name[1:],)), folder, **parameters)

    return run


def _named(corpus: str, field_name: str, row: dict[str, Any], **parameters: Any) -> Callable[[Path, Seed, bytes], Outcome]:
    """One file that a manifest of one row names."""

    def run(folder: Path, seed: Seed, data: bytes) -> Outcome:
        (folder / f"x.{seed.kind}").write_bytes(data)
        (folder / "rows.jsonl").write_text(json.dumps({field_name: f"x.{seed.kind}", **row}) + "\n")
        return draw(corpus, FORMATS["jsonl"](root=str(folder), path="rows.jsonl"), folder, **parameters)

    return run


def _whole(
    format: str, corpora: dict[str, str] | str, name: str = "", sample_of: str = "", **options: Any
) -> Callable[[Path, Seed, bytes], Outcome]:
    """The input is the source itself, such as an archive or a table. The corpus may depend on the seed's name."""

    def run(folder: Path, seed: Seed, data: bytes) -> Outcome:
        place = folder / (name or f"x.{seed.name.partition('.')[2]}")
        place.write_bytes(data)
        for kind, media in MEDIA.items():  # which rows may name
            (folder / f"00000.{kind}").write_bytes(media)
        corpus = corpora if isinstance(corpora, str) else corpora[seed.name]
        with_path = {} if format in ("datasets",) else {"path": place.name}
        source = FORMATS[format](root=str(folder), **with_path, **options)
        if format == "jsonl":
            lines = sum(1 for line in data.split(b"\n") if line.strip(b" \t\r\n\f\v"))
            outcome = draw(corpus, source, folder)
            if outcome.num_items not in (lines, lines + 1, lines - 1) and not outcome.refused:  # a mark before UTF-8 may make a line blank
                outcome.problem = outcome.problem or f"{lines} lines gave {outcome.num_items} items"
            return outcome
        return draw(corpus, source, folder)

    return run


MEDIA: dict[str, bytes] = {}  # a small image and a small clip, set by `set_media`


def set_media(sample: Path) -> None:
    MEDIA.update(png=(sample / "images" / "00001.png").read_bytes(), wav=(sample / "speech" / "00000.wav").read_bytes())


# ---- what a path does that is no folder of files


def _run_rows(format: str) -> Callable[[Path, Seed, bytes], Outcome]:
    ending = {"jsonl": "jsonl", "json": "json"}[format]
    return _whole(format, ROWS, name=f"x.{ending}")


def _run_coco(folder: Path, seed: Seed, data: bytes) -> Outcome:
    (folder / "x.json").write_bytes(data)
    (folder / "00000.png").write_bytes(MEDIA["png"])
    try:
        source = open_source(str(folder / "x.json"), "coco")
        source.splits()
    except ValueError as error:  # a file of annotations is a whole: what cannot be read of it stops the build before it starts
        return Outcome(refused=str(error)[:60])
    return draw("grounding" if seed.name == "instances.json" else "image_text", source, folder)


def _run_tree(folder: Path, seed: Seed, data: bytes) -> Outcome:
    place = folder / f"x.{seed.name.partition('.')[2]}"
    place.write_bytes(data)
    outcome = draw("code_completion", FORMATS["tree"](root=str(folder)), folder)
    if outcome.num_items == 0 and outcome.problem and _is_empty_archive(place):
        outcome.problem, outcome.refused = "", "an archive without a file"
    return outcome


def _is_empty_archive(place: Path) -> bool:
    """Whether an archive is whole and holds nothing but folders, by the standard library's own reading."""
    with contextlib.suppress(Exception):
        if place.name.endswith(".zip"):
            return all(member.is_dir() for member in zipfile.ZipFile(place).infolist())
        with tarfile.open(place) as archive:
            return all(member.isdir() for member in archive)
    return False


def _run_page(folder: Path, seed: Seed, data: bytes) -> Outcome:
    (folder / "x.html").write_bytes(data)
    (folder / "img").mkdir()
    (folder / "img" / "a.png").write_bytes(MEDIA["png"])
    return draw("image_text", FORMATS["pages"](root=str(folder)), folder, form="interleaved")


def _run_arrow(folder: Path, seed: Seed, data: bytes) -> Outcome:
    (folder / "data").mkdir()
    (folder / "data" / "x.arrow").write_bytes(data)
    return draw("language_pretrain", FORMATS["datasets"](root=str(folder)), folder)


def _run_build_file(folder: Path, seed: Seed, data: bytes) -> Outcome:
    """What `corpusmill build` does with a build file before it reads a record; the errors are those that it tells."""
    from pipelines.buildfile import BuildFileError, read_build_file

    (folder / "build.toml").write_bytes(data)
    try:
        plan = read_build_file(folder / "build.toml")
    except BuildFileError as error:
        return Outcome(1, 0, refused="BuildFileError" if str(error) else "", problem="" if str(error) else "an error without a message")
    for job in plan.jobs:
        try:
            job.stages(plan.out)[0].make(Earlier(into=folder))
        except (PlanError, ValueError, CorpusError, OSError, BuildError) as error:
            return Outcome(1, 0, refused=type(error).__name__)
    return Outcome(1, len(plan.jobs))


# ---- our own files, read back


def _run_own(folder: Path, seed: Seed, data: bytes) -> Outcome:
    """`verify` and `inspect` of a corpus of which one file is `data` (named on the first line): they say what is wrong, exit code 1."""
    from typer.testing import CliRunner

    from pipelines.__main__ import app
    from pipelines.build import Execution, build

    name, _, content = data.partition(b"\n")
    corpus = folder / "toy"
    shutil.copytree(OWN["corpus"], corpus)
    place = corpus / name.decode()
    is_changed = place.read_bytes() != content
    place.write_bytes(content)
    outcome = Outcome(num_items=1)
    for command in (
        ["verify", str(corpus)],
        ["inspect", str(corpus)],
        ["inspect", str(corpus), "--rejects"],
        ["inspect", str(corpus), "--table"],
    ):
        done = CliRunner().invoke(app, command)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        if command[0] == "verify":
            outcome.rejects[f"verify_exit_{done.exit_code}"] = 1
            if done.exit_code == 0 and is_changed and name.split(b"/")[0] in (b"shards", b"rejects"):
                outcome.problem = f"{name.decode()} was changed and verify says that all is well"
    try:
        build(OWN["recipe"], folder, Execution(workers=0))
        outcome.num_rows = 1
    except (BuildError, CorpusError, OSError) as error:
        outcome.refused = f"build: {type(error).__name__}"
    return outcome


OWN: dict[str, Any] = {}


def set_own(folder: Path) -> None:
    """A small corpus of our own, whose files are the seeds."""
    from pipelines.build import Execution, build
    from tests.toy import toy_recipe

    OWN["recipe"] = toy_recipe(12, 4, broken=(3,))
    with contextlib.suppress(FileExistsError):
        (folder / "own").mkdir(parents=True)
    build(OWN["recipe"], folder / "own", Execution(workers=0))
    OWN["corpus"] = folder / "own" / "toy"
    OWN["files"] = [file.relative_to(OWN["corpus"]).as_posix() for file in sorted(OWN["corpus"].rglob("*")) if file.is_file()]


CAPTION = {"caption": "A red square beside a blue circle on a dark background.", "licence": "CC0-1.0"}
SPOKEN = {"text": "one two three", "lang": "en", "licence": "CC0-1.0"}
QUESTION = {"question": "What is shown?", "answer": "A square.", "licence": "CC0-1.0"}
KEEP = {"duplicates": "keep"}
PICTURES = (
    "jpg",
    "jpeg",
    "png",
    "webp",
    "gif",
    "tif",
    "tiff",
    "bmp",
    "avif",
    "jp2",
    "j2k",
    "psd",
    "qoi",
    "dds",
    "tga",
    "ico",
    "sgi",
    "pcx",
)

PATHS = (
    DecoderPath(
        "audio",
        22,
        files_of(
            "speech/*.*", "tasks/sounds/*.wav", real=[f"03_speech/{at}" for at in ("docling/*", "fsdd/?_theo_?.wav", "lhotse/**/*.*")]
        ),
        _named("asr", "audio_filepath", SPOKEN),
    ),
    DecoderPath(
        "image", 14, files_of("images/0000?.*", real=[f"05_images/**/*.{kind}" for kind in PICTURES]), _alone("image_text", CAPTION, **KEEP)
    ),
    DecoderPath("pdf", 3, files_of("documents/*.pdf", real=["07_pdf/**/*.pdf"]), _alone("ocr_pdf"), limit_s=150),
    DecoderPath("pptx", 3, files_of("decks/*.pptx", real=["08_pptx/**/*.pptx"]), _alone("vision_sft.slides"), limit_s=150),
    DecoderPath("video", 4, files_of("clips/*.*", real=["09_video/**/*.*"]), _named("vision_sft.video", "video", QUESTION), limit_s=150),
    DecoderPath(
        "warc",
        8,
        files_of("crawl/*.warc.gz", real=["10_web_text/**/*.warc*", "10_web_text/**/*.arc*"]),
        _whole("warc", "language_pretrain"),
        limit_s=150,
    ),
    DecoderPath("tar", 4, files_of("wds/*.tar"), _whole("webdataset", "image_text")),
    DecoderPath("tree", 12, tree_seeds, _run_tree),
    DecoderPath("jsonl", 5, row_seeds, _run_rows("jsonl"), limit_s=300),
    DecoderPath("asked", 0.1, asked_seeds, _run_rows("jsonl"), limit_s=150),
    DecoderPath("json_array", 6, array_seeds, _run_rows("json"), limit_s=300),
    DecoderPath("coco", 3, coco_seeds, _run_coco),
    DecoderPath("parquet", 5, parquet_seeds, _whole("parquet", "language_pretrain", name="x.parquet")),
    DecoderPath("arrow", 5, arrow_seeds, _run_arrow),
    DecoderPath(
        "html",
        4,
        files_of("pages/*.html", "web/pages/*.html", real=["10_web_text/trafilatura/*.html"]),
        _alone("language_pretrain"),
        limit_s=150,
    ),
    DecoderPath("page", 2, files_of("pages/*.html", "pages/news/*.html"), _run_page, limit_s=150),
    DecoderPath(
        "csv",
        1,
        files_of("chart_sources/files/*.csv", "table_sources/files/*.csv", real=["06_charts_tables_docs/**/*.csv"]),
        _alone("vision_sft.chart_table_diagram"),
        limit_s=150,
    ),
    DecoderPath("mermaid", 2, mermaid_seeds, _alone("vision_sft.chart_table_diagram"), limit_s=150),
    DecoderPath("vega", 1, files_of("chart_sources/files/*.vl.json"), _alone("chart"), limit_s=150),
    DecoderPath("toml", 5, build_file_seeds, _run_build_file),
    DecoderPath("own", 2, own_seeds, _run_own),
)


def _misbehave(folder: Path, seed: Seed, data: bytes) -> Outcome:
    """What the fuzzer must notice, by the number that the input is; a test of the fuzzer itself."""
    match data:
        case b"3":
            ctypes.string_at(0)
        case b"5":
            time.sleep(600)
        case b"7":
            raise KeyError("not declared")
        case b"8":
            return Outcome(num_items=1, faults=["a step: KeyError"])
        case b"9":
            bytearray(4 << 30)
    return Outcome(num_items=1, num_rows=1)


MUTANT = DecoderPath("mutant", 0, lambda _, __: [Seed("x.txt", str(number).encode()) for number in range(12)], _misbehave, limit_s=3.0)
BY_NAME = {path.name: path for path in (*PATHS, MUTANT)}
