"""Raw data in a store gives the same splits, rows and refusals as on disk; what the store does not answer is raised, never taken for bad data."""

from __future__ import annotations

import gzip
import json
import random
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.remote import RangeFile
from pipelines.source import FORMATS, Folder, JsonlManifest, open_source
from pipelines.source.files import Files
from schemas.outcome import Reject
from schemas.retry import StoreError
from schemas.sending import send_bytes
from schemas.store import PlaceError, place_of
from tests.pipelines.source import test_warc as warc
from tests.pipelines.source.reading import read_all
from tests.s3 import CREDENTIALS, Proxy, S3Server

Write = Callable[[dict[str, bytes]], tuple[str, str]]


@pytest.fixture
def both(tmp_path: Path, s3: str) -> Write:
    """Writes files into a folder and into a store; gives both places."""

    def write(files: dict[str, bytes]) -> tuple[str, str]:
        for name, data in files.items():
            place = tmp_path / "raw" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            send_bytes(place_of(s3) / name, data)  # type: ignore[arg-type]
        return str(tmp_path / "raw"), s3

    return write


def lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def table(kind: str) -> bytes:
    rows = pa.table(
        {
            "text": [f"row {number} " * 50 for number in range(300)],
            "image": [{"bytes": bytes([number % 256]), "path": None} for number in range(300)],
        }
    )
    sink = BytesIO()
    if kind == "parquet":
        pq.write_table(rows, sink, row_group_size=100)
    else:
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows, max_chunksize=90)
    return sink.getvalue()


def tar(**members: bytes) -> bytes:
    sink = BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name.replace("__", "/").replace("_", "."))
            info.size = len(data)
            archive.addfile(info, BytesIO(data))
    return sink.getvalue()


LONG = "x" * 300
MEDIA = {
    "sub/m.jsonl": lines(
        *(
            {"audio": path}
            for path in (
                "a.wav",
                "none.wav",
                "../../out.wav",
                "/etc/passwd",
                "../b.wav",
                "a.wav/",
                "s3://other/a.wav",
                "nul\0",
                LONG,
                "",
                "..",
            )
        ),
        *({"audio": "a.wav", "n": number} for number in range(8)),
    ),
    "sub/a.wav": b"1",
    "b.wav": b"2" * 50,
}
CASES: dict[str, tuple[dict[str, bytes], dict[str, Any]]] = {
    "jsonl": (MEDIA, {"rows_per_split": 7, "max_file_bytes": 40}),
    "jsonl in a file": ({"x.jsonl.gz": gzip.compress(lines({"a": 1}, {"a": 2})), "y.jsonl.gz": gzip.compress(MEDIA["sub/m.jsonl"])[:-20]}, {}),
    "json": ({"x.json": json.dumps([{"image": "b.jpg", "n": number} for number in range(9)]).encode(), "b.jpg": b"3"}, {"path": "x.json", "rows_per_split": 4}),
    "parquet": ({"t.parquet": table("parquet"), "bad.parquet": b"PAR1 and nothing"}, {"rows_per_split": 120}),
    "datasets": ({"data-0.arrow": table("stream"), "cut.arrow": table("stream")[:20_000]}, {"rows_per_split": 130}),
    "folder": ({"a.jpg": b"1" * 20_000, "a.txt": b"words", "sub/b.png": b"2", "sub/b.json": b"[]", ".hidden.jpg": b"3", "big.jpg": b"4" * 90_000}, {"max_file_bytes": 80_000}),
    "pages": ({"p/1.html": b"<html><body><p>" + b"A page of some words. " * 20 + b"</p><img src='../i.png'><img src='gone.png'></body></html>", "i.png": b"5"}, {}),
    "coco": ({"c.json": json.dumps({"images": [{"id": 2, "file_name": "i.png"}, {"id": 1, "file_name": "gone.png"}, {}], "annotations": [{"id": 1, "image_id": 2, "caption": "c"}]}).encode(), "i.png": b"6"}, {"path": "c.json"}),
    "webdataset": ({"a.tar": tar(x_txt=b"text", x_jpg=b"7" * 3_000_000, y__z_json=b'{"a": 1}'), "cut.tar": tar(k_txt=b"k" * 2_000)[:1_000]}, {}),
    "warc": ({"w.warc.gz": b"".join(gzip.compress(warc.page(number, random.Random(number)), mtime=0) for number in range(12))}, {"bytes_per_split": 1_500}),
    "tree": (
        {"r/LICENSE": b"MIT License", "r/a.py": b"x = 1\n", "r/.git/HEAD": b"ref", "r/sub/.git": b"gitdir", "s/package.json": b'{"license": "Apache-2.0"}', "s/b.js": b"1", "z.tar": tar(m__c_py=b"y = 2\n")},
        {"rows_per_split": 3},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_same_files_give_the_same_splits_rows_and_refusals(name: str, both: Write) -> None:
    files, options = CASES[name]
    local, remote = (FORMATS[name.split()[0]](root=root, **options) for root in both(files))
    assert remote.splits() == local.splits()
    rows = read_all(local)
    assert read_all(remote) == rows
    assert rows
    assert not any("s3://" in row.origin.source for row in rows if row.origin is not None)


def test_what_the_manifest_names_is_refused_for_the_same_reasons(both: Write) -> None:
    _, remote = both(MEDIA)
    reasons = [item.reason if isinstance(item, Reject) else "row" for item in read_all(JsonlManifest(remote, max_file_bytes=40))]
    assert reasons[:11] == [
        "row", "missing_file", "outside_root", "outside_root", "file_too_large", "row", "missing_file", "missing_file", "missing_file", "row", "not_a_file",
    ]  # fmt: skip


def test_a_place_in_a_store_is_opened_as_one_on_disk_is(both: Write, s3: str) -> None:
    local, remote = both({"a/x.jsonl": lines({"a": 1}), "a/y.jsonl": lines({"a": 2}), "b.json": b"[{}]"})
    for below in ("a", "a/x.jsonl", "a/*.jsonl", "b.json", "**/y*.jsonl"):
        one, other = open_source(f"{local}/{below}"), open_source(f"{remote}/{below}")
        assert (type(other), other.path, other.splits()) == (type(one), one.path, one.splits())
    with pytest.raises(FileNotFoundError, match="corpora/none is not there"):
        open_source(f"{s3}/none")
    with pytest.raises(PlaceError, match="carries a user, password or token") as raised:
        Files("s3://somebody:hunter2@bucket/raw")
    assert "hunter2" not in str(raised.value)


def test_a_reader_that_seeks_fetches_ranges_and_not_the_file(s3_server: S3Server, both: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    data = random.Random(1).randbytes(6 << 20)
    _, remote = both({"big.bin": data})
    with Proxy(s3_server) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        files = Files(remote)
        with files.open("big.bin") as handle:
            for at in (5 << 20, 17, 3 << 20, len(data) - 5):
                handle.seek(at)
                assert handle.read(100) == data[at : at + 100]
        assert len([request for request in proxy.requests if request.startswith("GET")]) == 4
        with files.open("big.bin") as handle:
            assert handle.read() == data
    scheme, _, name = f"{remote}/big.bin".partition("://")
    with pytest.raises(StoreError, match=r"ends at byte 6291456 of 7000000; it was replaced while it was read"):
        RangeFile(scheme, name, 7_000_000).read()


@pytest.mark.parametrize("seed", [1, 2])
def test_faults_of_the_store_change_no_row(seed: int, both: Write, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    local, remote = both({**MEDIA, **{f"p/{number}.jpg": bytes([number]) * 2_000 for number in range(12)}})
    expected = [(source(local).splits(), read_all(source(local))) for source in (JsonlManifest, Folder)]
    monkeypatch.setattr("schemas.retry.FIRST_PAUSE_S", 0.01)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # the library of the store tries again too, and waits seconds
    with Proxy(s3_server, seed=seed, rate=0.2, faults=("error", "slow_down", "cut_request", "cut_answer")) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        assert [(source(remote).splits(), read_all(source(remote))) for source in (JsonlManifest, Folder)] == expected
        assert sum(proxy.injected.values()) > 5


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        ((503, "SlowDown"), "the store did not answer well after 2 tries"),
        ((403, "AccessDenied"), "the store forbids it to the credentials"),
    ],
)
def test_a_store_that_refuses_stops_the_build_and_refuses_no_record(
    refusal: tuple[int, str], message: str, both: Write, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, remote = both(MEDIA)
    source = JsonlManifest(remote)
    (split,) = source.splits()
    monkeypatch.setattr("schemas.retry.NUM_TRIES", 2)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with Proxy(s3_server) as proxy:
        proxy.refuse = lambda method, path: refusal if path.endswith("a.wav") and method == "GET" else None
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        with pytest.raises(StoreError, match=message) as raised:
            list(source.read(split))
    assert not any(secret in str(raised.value) for secret in CREDENTIALS.values() if secret != "us-east-1")
