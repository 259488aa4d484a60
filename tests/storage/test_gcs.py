"""The same on Google Cloud Storage, by its JSON API: created only if absent, and a corpus as it is on a disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipelines.__main__ import build_jobs
from pipelines.build import BuildError, Execution, build
from pipelines.buildfile import read_job
from pipelines.verify import verify
from schemas.sending import send_bytes, send_file
from schemas.shard import CommitConflict, remove_files, write_if_absent, write_replacing
from schemas.store import list_names, place_of
from tests.gcs import GcsServer
from tests.s3 import download
from tests.toy import toy_recipe

HERE = Execution(workers=0)


def test_an_object_is_created_only_if_absent_replaced_and_removed(gs: str) -> None:
    place = place_of(gs) / "a.json"
    assert list_names(place.parent) == []
    write_if_absent(place, b"one")
    write_if_absent(place, b"one")  # the same answer to a question asked again
    with pytest.raises(CommitConflict):
        write_if_absent(place, b"two")
    write_replacing(place, b"three")
    assert (place.read_bytes(), place.stat().st_size, list_names(place.parent)) == (b"three", 5, ["a.json"])
    remove_files([place])
    assert not place.is_file()
    with pytest.raises(FileNotFoundError):
        place.read_bytes()


def test_a_file_in_parts_is_created_only_if_absent(gs: str, tmp_path: Path) -> None:
    place, local = place_of(gs) / "large.bin", tmp_path / "large.bin"
    local.write_bytes(os.urandom(1 << 20) * 40)
    assert send_file(local, place, exclusively=True)  # type: ignore[arg-type]  # which also reads it back, or its checksum
    assert not send_file(local, place, exclusively=True)  # type: ignore[arg-type]
    assert place.stat().st_size == local.stat().st_size


def test_a_build_is_the_one_of_a_disk_and_resumes(gs: str, tmp_path: Path) -> None:
    recipe, out = toy_recipe(20, broken=(3,)), place_of(gs)
    build(recipe, tmp_path, HERE)
    build(recipe, out, HERE)
    assert download(out) == download(tmp_path)
    entry = list_names(out / "toy" / "ledger")[0]
    remove_files([out / "toy" / "ledger" / entry, out / "toy" / "corpus.json"])
    again = build(recipe, out, HERE)
    assert (again.num_built, again.num_resumed) == (1, 1)
    assert download(out) == download(tmp_path)
    assert verify(out / "toy").problems == []


def test_a_corpus_of_sounds_from_a_bucket_into_a_bucket(gs: str, sample: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (sample / "speech" / "manifest.jsonl").read_bytes().splitlines()[:12] if line.startswith(b"{")]
    names = [row["audio_filepath"] for row in rows if "audio_filepath" in row and "/" not in row["audio_filepath"]]
    raw, local = place_of(gs) / "raw", tmp_path / "raw"
    local.mkdir()
    for name in names:
        if (sample / "speech" / name).is_file():
            (local / name).write_bytes((sample / "speech" / name).read_bytes())
    (local / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for file in local.iterdir():
        send_bytes(raw / file.name, file.read_bytes())  # type: ignore[arg-type]
    outs = {}
    for where, source in (("local", local), ("gs", raw)):
        outs[where] = tmp_path / "out" if where == "local" else place_of(gs) / "out"
        build_jobs([read_job("asr", {"source": "manifest.jsonl"}, source, "asr")], outs[where], HERE, True)
    assert download(outs["gs"]) == download(outs["local"])
    assert any(name.endswith(".arrow") for name in download(outs["gs"]))


def test_a_store_that_does_not_keep_the_promise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with GcsServer(guards=False) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        server.make_bucket("corpora")
        with pytest.raises(BuildError, match="its store replaces an object that was to be created only if absent"):
            build(toy_recipe(20), place_of("gs://corpora/out"), HERE)
