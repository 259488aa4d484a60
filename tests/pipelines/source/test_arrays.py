"""JSON files that are one list: every row comes once, whatever the bounds; damage is told; nothing is parsed twice."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.source import JsonArray, arrays, open_source
from schemas.records import Row
from tests.pipelines.source.reading import read_all, summary

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='a"\\[]{},: \n\u00e9\U0001f600', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='k"\\[],', max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(VALUES, max_size=8), indent=st.sampled_from([None, 0, 2]), block=st.integers(1, 40), ascii_only=st.booleans())
def test_spans_are_the_elements_for_any_block(rows: list[object], indent: int | None, block: int, ascii_only: bool) -> None:
    data = (" \n" + json.dumps(rows, indent=indent, ensure_ascii=ascii_only) + "\n").encode()
    before = arrays.BLOCK_BYTES
    arrays.BLOCK_BYTES = max(block, 8)
    try:
        found = list(arrays.spans(io.BytesIO(data)))
    finally:
        arrays.BLOCK_BYTES = before
    assert [json.loads(data[start:stop]) for start, stop in found] == rows


@pytest.mark.parametrize("rows_per_split", [1, 3, 256])
def test_each_row_comes_once_for_any_bounds(tmp_path: Path, rows_per_split: int) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    rows = [
        {"id": n, "image": "a.jpg", "conversations": [{"from": "human", "value": f'<image>\n"{n}", [and] {{more}}\\'}]} for n in range(7)
    ]
    (tmp_path / "llava.json").write_text(json.dumps(rows, indent=1))
    source = open_source(str(tmp_path / "llava.json"), rows_per_split=rows_per_split)
    assert isinstance(source, JsonArray)
    found = [item for item in read_all(source) if isinstance(item, Row)]
    assert [row.fields for row in found] == rows
    assert {row.blobs["image"] for row in found} == {b"picture"}
    assert len(source.splits()) == -(-7 // rows_per_split)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"a": 1}, 7, {"b": }, {"c": 3}]', ["row", "bad_json", "bad_json", "row"]),
        ('[{"a": 1}, {"b": 2', ["row", "bad_json"]),
        ('{"a": [1, 2]} ', ["row"]),
        ("not json", ["bad_json"]),
        ("[]", []),
        ("", []),
        ('[{"a": 1},\n\n{"a": 2},]', ["row", "row"]),
        ('\ufeff[{"a": "\u00e9"}]', ["row"]),
        ('[{"a": "' + "x" * 100 + '"}, {}]', ["line_too_long", "row"]),
    ],
)
def test_each_bad_row_has_its_reason(tmp_path: Path, text: str, expected: list[str]) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    assert summary(JsonArray(str(tmp_path), "a.json", max_row_bytes=60)) == expected


def test_a_file_that_is_no_utf_8_loses_its_row_alone(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'[{"a": "\xff"}, {"a": "b"}]')
    assert summary(JsonArray(str(tmp_path), "a.json")) == ["not_utf8", "row"]


def test_what_is_no_list_is_one_row_whatever_stands_in_it(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}, {"a": 2}')
    assert summary(JsonArray(str(tmp_path), "x.json")) == ["bad_json"]
