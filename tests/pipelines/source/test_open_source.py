"""The format is told from the place; what cannot be told, or is misspelt, is an error that says what there is."""

from __future__ import annotations

import json
from pathlib import Path

import fsspec
import pytest

from pipelines.recipe import describe
from pipelines.source import FORMATS, Folder, JsonlManifest, open_source

COCO = json.dumps({"images": [], "annotations": []})


@pytest.mark.parametrize(
    ("name", "text", "as_file", "as_folder"),
    [
        ("a.jsonl", "{}", "JsonlManifest", "JsonlManifest"),
        ("a.jsonl.gz", "", "JsonlManifest", "JsonlManifest"),
        ("a.parquet", "", "ParquetManifest", "ParquetManifest"),
        ("a.tar", "", "WebDatasetTar", "WebDatasetTar"),
        ("a.tar.gz", "", "WebDatasetTar", "WebDatasetTar"),
        ("a.json", COCO, "CocoAnnotations", "Folder"),
        ("state.json", "{}", None, "DatasetsDir"),
        ("a.jpg", "", None, "Folder"),
    ],
)
def test_the_format_is_told_from_the_place(tmp_path: Path, name: str, text: str, as_file: str | None, as_folder: str) -> None:
    (tmp_path / name).write_text(text)
    assert type(open_source(str(tmp_path))).__name__ == as_folder
    if as_file is None:
        with pytest.raises(ValueError, match=f"give format = one of {', '.join(FORMATS)}"):
            open_source(str(tmp_path / name))
    else:
        assert type(open_source(str(tmp_path / name))).__name__ == as_file


def test_globs(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl", "c.txt", "d/a.jsonl", "[x].jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}\n")
    found = {
        pattern: [split.path for split in open_source(f"{tmp_path}/{pattern}").splits()]
        for pattern in ("?.jsonl", "*/a.jsonl", "**/a.jsonl", "[x].jsonl")
    }
    assert found == {
        "?.jsonl": ["a.jsonl", "b.jsonl"],
        "*/a.jsonl": ["d/a.jsonl"],
        "**/a.jsonl": ["a.jsonl", "d/a.jsonl"],
        "[x].jsonl": ["[x].jsonl"],
    }
    with pytest.raises(FileNotFoundError, match="is not there"):
        open_source(f"{tmp_path}/z*.jsonl")


def test_mistakes_name_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}")
    with pytest.raises(ValueError, match="format 'jsom' is unknown; expected one of jsonl, json, parquet, coco"):
        open_source(str(tmp_path), "jsom")
    with pytest.raises(ValueError, match=r"option 'rows' is unknown for format jsonl; expected one of licence, .*rows_per_split"):
        open_source(str(tmp_path), rows=1)
    with pytest.raises(ValueError, match="is a file or a glob; format folder reads a folder"):
        open_source(str(tmp_path / "a.jsonl"), "folder")
    with pytest.raises(ValueError, match="format coco reads one annotation file"):
        open_source(str(tmp_path), "coco")
    with pytest.raises(FileNotFoundError, match="is not there"):
        open_source(str(tmp_path / "none"))


def test_a_corpus_is_left_to_its_opener(tmp_path: Path) -> None:
    (tmp_path / "corpus.json").write_text("{}")
    assert open_source(str(tmp_path), corpus_opener=lambda place: ("corpus", place)) == ("corpus", str(tmp_path))
    assert isinstance(open_source(str(tmp_path)), Folder)


def test_other_file_systems() -> None:
    fsspec.filesystem("memory").pipe({"/opened/a.jsonl": b"{}", "/opened/b.jsonl": b"{}"})
    assert open_source("memory://opened") == JsonlManifest("memory://opened")
    assert open_source("memory://opened/a.jsonl") == JsonlManifest("memory://opened", "a.jsonl")
    assert [split.path for split in open_source("memory://opened/*.jsonl").splits()] == ["a.jsonl", "b.jsonl"]


def test_the_place_is_no_part_of_the_fingerprint() -> None:
    assert describe(JsonlManifest("a", media_root="b")) == describe(JsonlManifest("c", media_root="d"))
    assert describe(JsonlManifest("a", rows_per_split=1)) != describe(JsonlManifest("a", rows_per_split=2))
