"""An export holds every row of the corpus once, in its order, and the libraries it is made for give back what the corpus holds."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
import webdataset
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines.build import Execution, build
from pipelines.corpus_source import open_corpus
from pipelines.export import parquet
from pipelines.export.command import export_command
from pipelines.export.parts import plain_schema, plan_parts
from pipelines.export.run import ExportError, Options, export
from pipelines.export.webdataset import npy, rows_of, safe_key
from pipelines.packing import pack_recipe
from pipelines.step import each
from processors.contract import Contract
from schemas.corpus import Corpus, CorpusError, finish, read_schema
from schemas.identity import digest
from schemas.parts import Audio, Text
from schemas.records import SEQUENCE_ARRAYS, Document, PackedSequence, audios_of, images_of, turns_of
from schemas.shard import TEMPORARY_PREFIX, RecordWriter, file_sha256, write_replacing
from tests.model import written
from tests.toy import hashes, toy_recipe

SEVEN = 7  # rows a batch in these corpora
FLAC = b"fLaC and no sound in it"
app = typer.Typer()
app.command()(export_command)
runner = CliRunner()


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Conversations with none to two clips and none to three images, some with facts absent, and one with a speech file."""
    rows = []
    for at in range(40):
        clips = [written.clip(1_600 + 160 * at + 100 * clip, at) for clip in range(at % 3)]
        images = [written.image(100 + at, 60, 10 * at + image, 1) for image in range(at % 4)]
        rows.append(written.conversation(f"k/{at}", ["Look, and listen.", *images, *clips], f"answer {at} ä"))
    rows[1] = replace(rows[1], facts={name: value for name, value in rows[1].facts.items() if name != "contract.num_tokens"})
    (turn, *rest) = rows[1].turns
    parts = tuple(replace(part, source=FLAC) if isinstance(part, Audio) else part for part in turn.parts)
    rows[1] = replace(rows[1], turns=(replace(turn, parts=parts), *rest))
    return written.write_corpus(tmp_path_factory.mktemp("talk") / "talk", rows, rows_per_shard=15, rows_per_batch=SEVEN)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written.write_corpus(tmp_path_factory.mktemp("text") / "text", written.documents(200), rows_per_shard=60, rows_per_batch=SEVEN)


def told(record: Any) -> list[Any]:
    """All that a record is, with its media as bytes and arrays that can be compared."""
    if isinstance(record, Document):
        return [record.key, record.origin, record.text, dict(record.facts), record.parents]
    turns = [
        (turn.role, turn.learned, [part.text if isinstance(part, Text) else type(part).__name__ for part in turn.parts])
        for turn in turns_of(record)
    ]
    images = [(image.canvas.encoded, image.canvas.content_width, image.num_tokens) for image in images_of(record) if image.canvas]
    clips = [(digest(npy(audio.log_mel)), audio.num_tokens, audio.source) for audio in audios_of(record) if audio.log_mel is not None]
    return [record.key, record.origin, turns, images, clips, dict(record.facts)]


def read_parquet(to: Path) -> Iterator[pa.RecordBatch]:
    for file in sorted((to / "data").glob("*.parquet")):
        yield from pq.ParquetFile(file).iter_batches(batch_size=11)


def read_tars(to: Path, *decoders: str) -> list[dict[str, Any]]:
    tars = [str(file) for file in sorted((to / "data").glob("*.tar"))]
    rows = webdataset.WebDataset(tars, shardshuffle=False)
    return list(rows.decode(*decoders) if decoders else rows)


@pytest.mark.parametrize(
    ("max_bytes", "num_files", "per_group"),
    [(1, 9 + 9 + 9 + 3, 4), (1 << 30, 1, 0), (1 << 30, 1, 1), (1 << 30, 1, 60)],  # batches of seven rows, or what a shard has left
)
def test_parquet_holds_every_row_once_in_ledger_order(text: Path, tmp_path: Path, max_bytes: int, num_files: int, per_group: int) -> None:
    done = export(text, tmp_path / "to", Options("parquet", max_bytes, per_group))
    rows = [row for batch in read_parquet(done.path) for row in batch.to_pylist()]
    assert rows == [row for entry in Corpus(text).ledger() for batch in Corpus(text).batches(entry) for row in batch.to_pylist()]
    assert len(done.files) == num_files
    for file in done.files:
        told = pq.read_metadata(done.path / file.name)
        assert told.num_rows == file.num_rows
        groups = [told.row_group(group).num_rows for group in range(told.num_row_groups)]
        assert groups[:-1] == [per_group] * (len(groups) - 1) if per_group else len(groups) == 1


def test_files_hold_at_most_the_bytes_asked_for(text: Path) -> None:
    sizes = [[piece.num_bytes for piece in part.pieces] for part in plan_parts(Corpus(text), 20_000, "x")]
    assert len(sizes) > 2
    assert all(sum(part) <= 20_000 for part in sizes)
    assert all(sum(part) + following[0] > 20_000 for part, following in itertools.pairwise(sizes))


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(0, 5), st.sampled_from([1, 100, 1 << 25]))
def test_row_groups_are_the_rows_in_order(lengths: list[int], per_group: int, group_bytes: int) -> None:
    schema = pa.schema([("text", pa.string())])
    numbers = iter(range(1_000))
    batches = [pa.record_batch([[f"row {next(numbers)}" for _ in range(length)]], schema) for length in lengths]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "GROUP_BYTES", group_bytes)
        tables = list(parquet.row_groups(iter(batches), schema, per_group))
    assert [row for table in tables for row in table["text"].to_pylist()] == [f"row {number}" for number in range(sum(lengths))]
    assert all(table.num_rows <= per_group for table in tables) or not per_group
    assert all(table.num_rows for table in tables) or len(tables) == 1


def test_parquet_gives_the_features_and_values_of_the_corpus_through_datasets(talk: Path, tmp_path: Path) -> None:
    to = export(talk, tmp_path / "to", Options("parquet", 100_000)).path
    given = datasets.load_from_disk(str(talk))
    for found in (
        datasets.load_dataset(str(to), cache_dir=str(tmp_path / "cache"), split="train"),
        datasets.load_dataset("parquet", data_files=str(to / "data" / "*.parquet"), cache_dir=str(tmp_path / "cache"), split="train"),
    ):
        assert found.features == given.features
        assert found["key"][:] == given["key"][:]
        for at in (0, 3, 11):
            assert [np.asarray(image).tobytes() for image in found[at]["images"]] == [
                np.asarray(image).tobytes() for image in given[at]["images"]
            ]
            assert np.array_equal(np.asarray(found[at]["log_mel"]), np.asarray(given[at]["log_mel"]))
            assert found[at]["turns"] == given[at]["turns"]
    assert found[1]["audio_sources"] == [{"bytes": FLAC, "path": None}]


def test_webdataset_gives_back_every_row(talk: Path, tmp_path: Path) -> None:
    to = export(talk, tmp_path / "to", Options("webdataset", 100_000)).path
    records = list(Corpus(talk).records())
    samples = read_tars(to)
    assert [json.loads(sample["json"])["key"] for sample in samples] == [record.key for record in records]
    for record, sample in zip(records, samples, strict=True):
        row = json.loads(sample["json"])
        images, clips = list(images_of(record)), list(audios_of(record))
        named = row["files"]
        assert [sample[name] for name in named.get("images", ())] == [image.canvas.encoded for image in images if image.canvas]
        mels = [np.load(io.BytesIO(sample[name]), allow_pickle=False) for name in named.get("log_mel", ())]
        assert [digest(npy(mel)) for mel in mels] == [digest(npy(clip.log_mel)) for clip in clips if clip.log_mel is not None]
        assert [sample[name] for name in named.get("audio_sources", ())] == [clip.source for clip in clips if clip.source]
        assert row["facts"] == dict(record.facts)
        assert [row[name] for name in ("source", "revision", "licence", "locator")] == [*vars_of(record.origin)]
        assert [part.get("text") for turn in row["turns"] for part in turn["parts"]] == [
            getattr(part, "text", None) for turn in turns_of(record) for part in turn.parts
        ]
        assert [part["index"] for turn in row["turns"] for part in turn["parts"] if part["kind"] == "image"] == list(range(len(images)))
        assert [info["num_tokens"] for info in row["image_info"]] == [image.num_tokens for image in images]
    assert "flac" in samples[1]


def vars_of(origin: Any) -> tuple[str, ...]:
    return origin.source, origin.revision, origin.licence, origin.locator


def test_webdataset_decodes_what_it_knows(talk: Path, tmp_path: Path) -> None:
    to = export(talk, tmp_path / "to", Options("webdataset")).path
    sample = read_tars(to, "pil")[5]  # one image, two clips
    record = list(Corpus(talk).records())[5]
    (image,), clips = images_of(record), list(audios_of(record))
    assert image.canvas is not None and image.canvas.encoded is not None
    assert sample["png"].size == (448, 448)
    assert [np.array_equal(sample[f"{at}.mel.npy"], clip.log_mel) for at, clip in enumerate(clips)] == [True, True]  # type: ignore[arg-type]


def test_half_precision_comes_back(tmp_path: Path) -> None:
    rows = [written.conversation(f"k{at}", [written.clip(4_000, at)], "yes") for at in range(3)]
    half = written.write_corpus(tmp_path / "half", rows, mel_dtype="float16")
    to = export(half, tmp_path / "half-parquet").path
    assert read_schema_of(to).field("log_mel").type.storage_type == pa.list_(pa.list_(pa.float16()))
    stored = next(Corpus(half).records())
    (audio,) = audios_of(stored)
    tars = export(half, tmp_path / "half-tars", Options("webdataset")).path
    mel = np.load(io.BytesIO(read_tars(tars)[0]["mel.npy"]), allow_pickle=False)
    assert mel.dtype == np.float16
    assert np.array_equal(mel, audio.log_mel)  # type: ignore[arg-type]


def test_packed_sequences_come_back(tmp_path: Path) -> None:
    documents = build(toy_recipe(40, steps=(each(Contract()),)), tmp_path, Execution(workers=0)).path
    packed = build(pack_recipe("packed", open_corpus(documents), 512), tmp_path, Execution(workers=0)).path
    sequences = list(Corpus(packed).records())
    rows = [row for batch in read_parquet(export(packed, tmp_path / "to").path) for row in batch.to_pylist()]
    tars = read_tars(export(packed, tmp_path / "tars", Options("webdataset")).path)
    assert len(rows) == len(tars) == len(sequences) > 3
    for sequence, row, sample in zip(sequences, rows, tars, strict=True):
        assert isinstance(sequence, PackedSequence)
        for name in SEQUENCE_ARRAYS:
            assert row[name] == getattr(sequence, name).tolist() == np.load(io.BytesIO(sample[f"{name}.npy"]), allow_pickle=False).tolist()
        assert [piece["key"] for piece in json.loads(sample["json"])["pieces"]] == [piece.key for piece in sequence.pieces]


def read_schema_of(to: Path) -> pa.Schema:
    return pq.read_schema(next(iter(sorted((to / "data").glob("*.parquet")))))


def test_parquet_is_compressed_with_statistics_on_facts_and_keys_alone(talk: Path, tmp_path: Path) -> None:
    to = export(talk, tmp_path / "to").path
    told = pq.read_metadata(to / "data" / "train-00000-of-00001.parquet").row_group(0)
    columns = {told.column(at).path_in_schema: told.column(at) for at in range(told.num_columns)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert {name for name, column in columns.items() if column.is_stats_set} == {
        "key",
        *(name for name in columns if name.startswith("contract.")),
    }
    assert columns["contract.num_image_tokens"].statistics.min == 0
    assert "BYTE_STREAM_SPLIT" in columns["log_mel.list.element.list.element"].encodings


def test_the_same_bytes_whether_or_not_a_program_has_registered_the_array_type(talk: Path, tmp_path: Path) -> None:
    kind = datasets.features.features.Array2DExtensionType
    shard = talk / Corpus(talk).ledger()[0].shard.name
    registered = read_schema(shard).field("log_mel").type
    assert isinstance(registered, kind)
    with_it = hashes(export(talk, tmp_path / "with").path)
    pa.unregister_extension_type(registered.extension_name)
    try:
        assert read_schema(shard).field("log_mel").type == pa.list_(pa.list_(pa.float32()))
        assert hashes(export(talk, tmp_path / "without").path) == with_it
        found = read_schema_of(tmp_path / "with")
        assert found.metadata == read_schema(shard).metadata
        assert found.field("log_mel").metadata == plain_schema(read_schema(shard)).field("log_mel").metadata
    finally:
        pa.register_extension_type(kind((None, 80), "float32"))


def test_the_same_bytes_with_workers(talk: Path, tmp_path: Path, one_ray: None) -> None:
    options = [str(talk), "--max-shard-bytes", "150000"]
    for name, workers in (("one", "0"), ("two", "2")):
        done = runner.invoke(app, [*options, "--to", str(tmp_path / name), "--workers", workers])
        assert done.exit_code == 0, done.output
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    assert len(list((tmp_path / "one" / "data").iterdir())) > 3


def test_tar_headers_say_nothing_of_who_wrote_them(talk: Path, tmp_path: Path) -> None:
    to = export(talk, tmp_path / "to", Options("webdataset")).path
    with tarfile.open(to / "data" / "train-00000-of-00001.tar") as tar:
        members = tar.getmembers()
    assert {(member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode) for member in members} == {
        (0, 0, 0, "", "", 0o644)
    }
    assert all(re.fullmatch(r"k%2F\d+\.[\w.]+", member.name) for member in members)


@given(st.text(max_size=200), st.text(max_size=200))
def test_keys_are_safe_names_and_stay_apart(one: str, other: str) -> None:
    for name in (safe_key(one), safe_key(other)):
        assert re.fullmatch(r"[A-Za-z0-9_%-]{1,160}", name)
    assert (safe_key(one) == safe_key(other)) == (one == other)


def test_the_manifest_names_every_file_with_its_checksum(text: Path, tmp_path: Path) -> None:
    done = export(text, tmp_path / "to", Options("webdataset", 20_000))
    manifest = json.loads((done.path / "manifest.json").read_text())
    assert {file["name"]: file["sha256"] for file in manifest["files"]} == {
        file.relative_to(done.path).as_posix(): file_sha256(file) for file in sorted((done.path / "data").iterdir())
    }
    assert manifest["num_rows"] == sum(file["num_rows"] for file in manifest["files"]) == 200
    assert manifest["content"] == Corpus(text).totals()["content"]
    index = json.loads((done.path / "index.json").read_text())
    assert [(shard["url"], shard["nsamples"]) for shard in index["shardlist"]] == [
        (file["name"], file["num_rows"]) for file in manifest["files"]
    ]
    assert sorted(file.name for file in done.path.iterdir()) == ["README.md", "croissant.json", "data", "index.json", "manifest.json"]


def test_an_export_that_was_stopped_goes_on_and_writes_no_finished_file_again(text: Path, tmp_path: Path) -> None:
    options = Options("parquet", 20_000)

    def stop(done: int, count: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(text, tmp_path / "to", options, wave=1, on_files=stop)
    assert not (tmp_path / "to" / "manifest.json").exists()
    written_before = {file.name: file.stat().st_ino for file in (tmp_path / "to" / "data").iterdir()}
    assert len(written_before) == 2
    (tmp_path / "to" / "data" / f"{TEMPORARY_PREFIX}1-train").write_bytes(b"half")
    done = export(text, tmp_path / "to", options)
    assert done.num_written == len(done.files) - 2
    assert {name: (tmp_path / "to" / "data" / name).stat().st_ino for name in written_before} == written_before
    assert hashes(tmp_path / "to") == hashes(export(text, tmp_path / "whole", options).path)
    assert export(text, tmp_path / "to", options).num_written == 0


def test_a_file_that_was_lost_is_written_again(text: Path, tmp_path: Path) -> None:
    done = export(text, tmp_path / "to", Options("parquet", 20_000))
    before = hashes(done.path)
    (done.path / done.files[1].name).unlink()
    assert export(text, tmp_path / "to", Options("parquet", 20_000)).num_written == 1
    assert hashes(done.path) == before


def test_other_content_at_the_target_is_refused(text: Path, talk: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(ExportError, match="full holds files that no export wrote; choose an empty folder"):
        export(text, tmp_path / "full")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportError, match="file is a file; choose a folder"):
        export(text, tmp_path / "file")
    with pytest.raises(ExportError, match="lies in the corpus itself"):
        export(text, text / "export")
    export(text, tmp_path / "to")
    with pytest.raises(ExportError, match=r"holds another export: content was '.*', is now '.*'; choose another folder"):
        export(talk, tmp_path / "to")
    with pytest.raises(ExportError, match=r"holds another export: options.format was 'parquet', is now 'webdataset'"):
        export(text, tmp_path / "to", Options("webdataset"))
    assert sorted(file.name for file in (tmp_path / "full").iterdir()) == ["mine.txt"]


def test_what_is_no_finished_corpus_is_refused(text: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere has no recipe.json; expected a corpus directory"):
        export(tmp_path / "nowhere", tmp_path / "to")
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "recipe.json").write_bytes((text / "recipe.json").read_bytes())
    with pytest.raises(CorpusError, match=r"begun has no corpus.json: its build did not end"):
        export(begun, tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_a_damaged_shard_is_not_exported(tmp_path: Path) -> None:
    path = written.write_corpus(tmp_path / "text", written.documents(20), rows_per_shard=10)
    shard = path / Corpus(path).ledger()[1].shard.name
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(bytes(data))
    with pytest.raises(CorpusError, match="does not have the checksum that the ledger gives"):
        export(path, tmp_path / "to")
    names = [file.name for file in (tmp_path / "to").rglob("*") if file.is_file()]
    assert not [name for name in names if name.startswith(TEMPORARY_PREFIX)]
    assert "manifest.json" not in names
    shard.write_bytes(bytes(data[: len(data) // 2]))
    with pytest.raises(CorpusError, match="it was changed or damaged after it was written"):
        export(path, tmp_path / "cut", Options("parquet", 1_000))
    shard.unlink()
    with pytest.raises(CorpusError, match="is named by the ledger but is missing"):
        export(path, tmp_path / "cut", Options("parquet", 1_000))


def test_a_corpus_without_rows_gives_one_file_without_rows(tmp_path: Path) -> None:
    path = written.write_corpus(tmp_path / "text", written.documents(1))
    entry = Corpus(path).ledger()[0]
    schema = read_schema(path / entry.shard.name)
    with RecordWriter(path, entry.shard.name, schema) as writer:
        pass
    write_replacing(Corpus(path).ledger_files()[0], replace(entry, shard=writer.publish()).to_bytes())
    finish(Corpus(path), lambda totals: "made for a test\n")
    done = export(path, tmp_path / "parquet")
    assert [(file.name, file.num_rows) for file in done.files] == [("data/train-00000-of-00001.parquet", 0)]
    assert read_schema_of(done.path).names == schema.names
    assert export(path, tmp_path / "tars", Options("webdataset")).num_rows == 0
    with tarfile.open(tmp_path / "tars" / "data" / "train-00000-of-00001.tar") as tar:
        assert tar.getnames() == []


def test_usage_errors(text: Path, tmp_path: Path) -> None:
    done = runner.invoke(app, [str(text), "--to", str(tmp_path / "to"), "--format", "webdataset", "--rows-per-group", "5"])
    assert done.exit_code == 2
    assert "--rows-per-group is 5, but format webdataset has no row groups" in done.output
    assert runner.invoke(app, [str(text), "--to", str(tmp_path / "to"), "--format", "csv"]).exit_code == 2
    done = runner.invoke(app, [str(tmp_path), "--to", str(tmp_path / "to")])
    assert done.exit_code == 1
    assert "has no corpus.json" in done.output
    with pytest.raises(ValueError, match="max_shard_bytes is 0, expected 1 or more"):
        Options(max_shard_bytes=0)


def test_the_command_says_what_there_is(text: Path, tmp_path: Path) -> None:
    done = runner.invoke(app, [str(text), "--to", str(tmp_path / "to"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["num_rows"] == 200
    again = runner.invoke(app, [str(text), "--to", str(tmp_path / "to")])
    assert "200 rows in 1 files, 1 of them were there already" in again.output


def test_rows_without_a_finite_number_say_null(tmp_path: Path) -> None:
    batch = pa.record_batch([["k"], ["t"], [float("nan")], pa.array([None], pa.float64())], names=["key", "text", "a.b", "a.c"])
    assert list(rows_of(batch)) == [{"key": "k", "text": "t", "facts": {"a.b": None}}]


@pytest.mark.slow
def test_a_full_disk_is_told_and_the_export_goes_on(talk: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        with pytest.raises(ExportError, match=r"the disk is full .* it goes on where it stopped"):
            export(talk, small / "to", Options("webdataset", 60_000))
        assert not list((small / "to").rglob(f"{TEMPORARY_PREFIX}*"))
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        done = export(talk, small / "to", Options("webdataset", 60_000))
        assert 0 < done.num_written < len(done.files)
        assert hashes(small / "to") == hashes(export(talk, tmp_path / "whole", Options("webdataset", 60_000)).path)
    finally:
        subprocess.run(["umount", str(small)], check=False)


KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.export import run
real, calls = run.write_replacing, []
def write(path, data):
    calls.append(path)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    real(path, data)
run.write_replacing = write
run.export(Path(sys.argv[1]), Path(sys.argv[2]), run.Options("parquet", 20_000))
"""


@pytest.mark.slow
@pytest.mark.crash
def test_a_killed_export_goes_on(text: Path, tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(text), str(tmp_path / "to")], capture_output=True)
    assert killed.returncode == -9
    done = export(text, tmp_path / "to", Options("parquet", 20_000))
    assert done.num_written == len(done.files) - 2  # the third was published but not entered: it is written again
    assert hashes(tmp_path / "to") == hashes(export(text, tmp_path / "whole", Options("parquet", 20_000)).path)
