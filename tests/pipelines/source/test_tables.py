"""Parquet files and `datasets` directories: every row once whatever the bounds, media as blobs, damage as one reject."""

from __future__ import annotations

import datetime
import decimal
import io
import shutil
from pathlib import Path

import datasets
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.source import DatasetsDir, ParquetManifest
from schemas.records import Row
from tests.pipelines.source.reading import read_all, summary


def numbers(source: object) -> list[object]:
    return [item.fields["n"] for item in read_all(source) if isinstance(item, Row)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.integers(1, 90), st.integers(1, 40), st.integers(1, 50), st.integers(1, 3_000))
def test_each_row_comes_once_for_any_bounds(tmp_path: Path, rows: int, group: int, max_rows: int, max_bytes: int) -> None:
    pq.write_table(pa.table({"n": list(range(rows))}), tmp_path / "a.parquet", row_group_size=group)
    source = ParquetManifest(str(tmp_path), rows_per_split=max_rows, bytes_per_split=max_bytes)
    assert numbers(source) == list(range(rows))
    assert [row.key for row in read_all(source)] == [row.key for row in read_all(ParquetManifest(str(tmp_path)))]


def test_a_large_group_is_not_cut_in_many_parts(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": list(range(1_000))}), tmp_path / "a.parquet")
    assert len(ParquetManifest(str(tmp_path), rows_per_split=1).splits()) == 16
    pq.write_table(pa.table({"n": list(range(1_000))}), tmp_path / "a.parquet", row_group_size=10)
    assert len(ParquetManifest(str(tmp_path), rows_per_split=100).splits()) == 10


def test_media_columns_are_blobs_and_the_others_json(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"beside")
    table = pa.table(
        {
            "image": pa.array([{"bytes": b"inside", "path": "a.jpg"}, {"bytes": None, "path": "b.jpg"}, {"bytes": None, "path": "c.jpg"}]),
            "pdf": pa.array([b"page", None, None]),
            "frames": pa.array([[b"1", b"2"], [], None], pa.list_(pa.binary())),
            "when": pa.array([datetime.date(2020, 1, 2)] * 3),
            "price": pa.array([decimal.Decimal("1.50")] * 3),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    first, second, third = read_all(ParquetManifest(str(tmp_path)))
    assert isinstance(first, Row)
    assert isinstance(second, Row)
    assert first.blobs == {"image": b"inside", "pdf": b"page", "frames": b"1", "frames.1": b"2"}
    assert first.fields == {"when": "2020-01-02", "price": "1.50"}
    assert second.blobs == {"image": b"beside"}
    assert not isinstance(third, Row)
    assert third.reason == "missing_file"


def test_damaged_parquet_is_one_reject(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": list(range(100))}), tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    for cut in (data[: len(data) // 2], b"", b"PAR1" + bytes(100)):
        (tmp_path / "a.parquet").write_bytes(cut)
        assert summary(ParquetManifest(str(tmp_path))) == ["unreadable_file"]


def test_a_damaged_page_spares_the_groups_before(tmp_path: Path) -> None:
    table = pa.table({"n": [str(n) * 50 for n in range(100)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=50, compression="zstd", use_dictionary=False)
    metadata = pq.ParquetFile(tmp_path / "a.parquet").metadata
    at = metadata.row_group(1).column(0).data_page_offset
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[at : at + 40] = b"\xff" * 40
    (tmp_path / "a.parquet").write_bytes(data)
    source = ParquetManifest(str(tmp_path))
    items = list(source.read(source.splits()[0]))
    assert [item.reason for item in items if not isinstance(item, Row)] == ["unreadable_file"]
    assert len(items) == 51


def test_a_saved_dataset(tmp_path: Path) -> None:
    rows = datasets.Dataset.from_dict({"n": list(range(100)), "text": ["x"] * 100})
    rows.save_to_disk(str(tmp_path / "a"), num_shards=3)
    source = DatasetsDir(str(tmp_path / "a"), rows_per_split=7)
    assert numbers(source) == list(range(100))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert DatasetsDir(str(tmp_path / "b"), rows_per_split=7).splits() == source.splits()


def stream(batches: int) -> bytes:
    sink = io.BytesIO()
    table = pa.table({"n": list(range(batches * 10))})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)
    return sink.getvalue()


def test_a_cut_arrow_file_keeps_the_batches_before(tmp_path: Path) -> None:
    data = stream(5)
    (tmp_path / "a.arrow").write_bytes(data[: len(data) * 3 // 4])
    found = summary(DatasetsDir(str(tmp_path), rows_per_split=4))
    assert found == ["row"] * (len(found) - 1) + ["unreadable_file"]
    assert len(found) in (31, 41)
    (tmp_path / "a.arrow").write_bytes(b"nonsense")
    assert summary(DatasetsDir(str(tmp_path))) == ["unreadable_file"]


def test_another_file_system() -> None:
    memory = fsspec.filesystem("memory")
    sink = io.BytesIO()
    pq.write_table(pa.table({"n": [1, 2, 3]}), sink)
    memory.pipe({"/tables/a.parquet": sink.getvalue(), "/streams/a.arrow": stream(2)})
    assert numbers(ParquetManifest("memory://tables", rows_per_split=2)) == [1, 2, 3]
    assert numbers(DatasetsDir("memory://streams", rows_per_split=3)) == list(range(20))


def test_a_state_file_without_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(ValueError, match="does not list the files of a dataset"):
        DatasetsDir(str(tmp_path)).splits()


def _stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_offsets_that_lead_out_of_a_batch_are_damage(tmp_path: Path) -> None:
    """Whoever looks into such a batch reads memory of others, or dies."""
    data = _stream(pa.table({"text": ["abcdefgh", "ijklmnop"]}))
    offsets = (0).to_bytes(4, "little") + (8).to_bytes(4, "little") + (16).to_bytes(4, "little")
    assert data.count(offsets) == 1
    spoilt = data.replace(offsets, (0).to_bytes(4, "little") + (1 << 30).to_bytes(4, "little") + (16).to_bytes(4, "little"))
    (tmp_path / "x.arrow").write_bytes(spoilt)
    assert summary(DatasetsDir(str(tmp_path))) == ["unreadable_file"] * 2
    (tmp_path / "x.arrow").write_bytes(data)
    assert summary(DatasetsDir(str(tmp_path))) == ["row", "row"]


def test_places_in_a_dictionary_that_are_not_there_are_damage(tmp_path: Path) -> None:
    indices = pa.array([0, 1, 0], pa.int32())
    data = _stream(pa.table({"n": pa.DictionaryArray.from_arrays(indices, ["a", "b"])}))
    packed = b"".join(number.to_bytes(4, "little") for number in (0, 1, 0))
    at = data.rindex(packed)
    (tmp_path / "x.arrow").write_bytes(data[:at] + (99_999).to_bytes(4, "little") + data[at + 4 :])
    assert summary(DatasetsDir(str(tmp_path))) == ["unreadable_file"] * 3


def test_a_text_that_is_no_utf_8_refuses_its_row_alone(tmp_path: Path) -> None:
    data = _stream(pa.table({"text": ["abcdefgh", "ijklmnop"]}))
    (tmp_path / "x.arrow").write_bytes(data.replace(b"abcdefgh", b"abc\xff\xfefgh"))
    assert summary(DatasetsDir(str(tmp_path))) == ["not_utf8", "row"]


def test_names_that_are_no_utf_8_are_damage(tmp_path: Path) -> None:
    for table in (pa.table({"text": ["a", "b"]}), pa.table({"outer": [{"text": "a"}, {"text": "b"}]})):
        data = _stream(table)
        assert data.count(b"text") == 1
        (tmp_path / "x.arrow").write_bytes(data.replace(b"text", b"te\x80t"))
        assert summary(DatasetsDir(str(tmp_path))) == ["unreadable_file"]


def test_a_buffer_that_wants_more_memory_than_any_machine_has_is_damage(tmp_path: Path) -> None:
    sink = io.BytesIO()
    table = pa.table({"text": ["a" * 1_003]})
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    data = sink.getvalue()
    before, announced, packed = data.rpartition((1_003).to_bytes(8, "little"))  # what the letters inflate to stands before them
    assert announced
    (tmp_path / "x.arrow").write_bytes(before + (1 << 38).to_bytes(8, "little") + packed)
    assert summary(DatasetsDir(str(tmp_path))) == ["unreadable_file"]
    (tmp_path / "x.arrow").write_bytes(data)
    assert summary(DatasetsDir(str(tmp_path))) == ["row"]


def test_a_table_that_has_fewer_rows_than_it_tells_refuses_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(pa.table({"n": list(range(9))}), tmp_path / "x.parquet", row_group_size=3)
    whole = pq.ParquetFile.iter_batches

    def short(self: pq.ParquetFile, size: int, groups: list[int]) -> list[pa.RecordBatch]:
        return [batch.slice(0, 2) if groups == [2] else batch for batch in whole(self, size, groups)]

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", short)
    assert summary(ParquetManifest(str(tmp_path))) == ["row"] * 8 + ["unreadable_file"]


def test_parquet_names_that_are_no_utf_8_are_damage(tmp_path: Path) -> None:
    pq.write_table(pa.table({"abcdefgh": [1, 2]}), tmp_path / "x.parquet", store_schema=False)
    data = (tmp_path / "x.parquet").read_bytes()
    assert b"abcdefgh" in data
    (tmp_path / "x.parquet").write_bytes(data.replace(b"abcdefgh", b"abc\xffefgh"))
    assert summary(ParquetManifest(str(tmp_path))) == ["unreadable_file"]
