"""Croissant metadata is valid by its own library, says true checksums, and gives the rows of a Parquet export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import mlcroissant
import numpy as np
import pyarrow as pa
import pytest

from pipelines.build import Execution, build
from pipelines.croissant import MAX_FILES, croissant_of
from pipelines.export.run import Options, export
from pipelines.step import each
from processors.contract import Contract
from schemas.corpus import Corpus
from schemas.records import images_of
from schemas.shard import FileEntry, file_sha256
from tests.model import written
from tests.toy import toy_recipe


def load(file: Path) -> mlcroissant.Dataset:
    """The data set, without an error; what is recommended and left out is who made it when, and how to cite it."""
    found = mlcroissant.Dataset(str(file))
    issues = found.metadata.ctx.issues
    assert not issues.errors
    assert {warning.split('"')[1].rpartition("/")[2] for warning in issues.warnings} <= {"citeAs", "datePublished"}
    return found


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = toy_recipe(40, steps=(each(Contract(1_000)),))
    return build(recipe, tmp_path_factory.mktemp("toy"), Execution(workers=0)).path


def test_a_corpus_describes_itself(toy: Path) -> None:
    metadata = load(toy / "croissant.json").metadata
    told = json.loads((toy / "croissant.json").read_text())
    assert (metadata.name, told["identifier"]) == ("toy", Corpus(toy).totals()["content"])
    assert told["license"] == ["https://spdx.org/licenses/CC0-1.0"]
    assert told["keywords"] == ["corpusmill", "document", "text"]
    files = {file["contentUrl"]: file["sha256"] for file in told["distribution"] if file["@type"] == "cr:FileObject"}
    assert files == {entry.shard.name: file_sha256(toy / entry.shard.name) for entry in Corpus(toy).ledger()}
    assert len(files) == 4
    fields = {field["name"]: field for field in told["recordSet"][0]["field"]}
    assert fields["toy.number"]["description"] == "The number of the row"
    assert fields["toy.number"]["dataType"] == "cr:Int64"
    assert told["rai:dataLimitations"] == "None known beyond the filters above."
    assert any("`keep_even`" in line for line in told["rai:dataPreprocessingProtocol"])
    assert "No step of this corpus looks for personal data" in told["rai:personalSensitiveInformation"]
    assert "rai:machineAnnotationTools" not in told
    assert Corpus(toy).orphans() == []


def test_rows_of_a_parquet_export_are_read_through_it(toy: Path, tmp_path: Path) -> None:
    to = export(toy, tmp_path / "to", Options("parquet", 5_000)).path
    assert len(list((to / "data").iterdir())) > 1
    rows = list(load(to / "croissant.json").records("row"))
    records = list(Corpus(toy).records())
    assert len(rows) == len(records) == 20
    for row, record in zip(rows, records, strict=True):
        assert row["row/key"].decode() == record.key
        assert row["row/toy.number"] == record.facts["toy.number"]
        assert row["row/text"].decode() == getattr(record, "text", None)


@pytest.fixture
def no_array_type() -> Iterator[None]:
    """As in a program that has not imported `datasets`: pandas cannot index columns of its array type, which mlcroissant does."""
    kind = datasets.features.features.Array2DExtensionType((None, 80), "float32")
    pa.unregister_extension_type(kind.extension_name)
    yield
    pa.register_extension_type(kind)


def test_pictures_are_read_through_it(tmp_path: Path, no_array_type: None) -> None:
    rows = [written.conversation(f"k{at}", ["What?", *[written.image(60, 40, at) for _ in range(at)]], "That.") for at in range(3)]
    corpus = written.write_corpus(tmp_path / "pictures", rows)
    found = list(load(export(corpus, tmp_path / "to").path / "croissant.json").records("pictures"))
    assert [len(row["pictures/images"] or []) for row in found] == [0, 1, 2]
    (canvas,) = [image.canvas for image in images_of(list(Corpus(corpus).records())[1])]
    assert canvas is not None
    assert np.asarray(found[1]["pictures/images"][0]).shape == (448 * canvas.grid[1], 448 * canvas.grid[0], 3)


def test_tars_are_named_with_their_checksums(toy: Path, tmp_path: Path) -> None:
    to = export(toy, tmp_path / "to", Options("webdataset", 5_000)).path
    load(to / "croissant.json")
    told = json.loads((to / "croissant.json").read_text())
    assert {file["contentUrl"] for file in told["distribution"][:-1]} == {f"data/{file.name}" for file in (to / "data").iterdir()}
    assert told["distribution"][-1]["includes"] == "data/*.tar"
    assert "recordSet" not in told


def test_many_files_are_told_by_their_pattern_alone(toy: Path) -> None:
    corpus = Corpus(toy)
    files = [FileEntry(f"data/{number}.parquet", "0" * 64, 1, 1) for number in range(MAX_FILES + 1)]
    assert len(croissant_of(corpus, corpus.totals(), files[:-1], "parquet")["distribution"]) == MAX_FILES + 1
    (pattern,) = croissant_of(corpus, corpus.totals(), files, "parquet")["distribution"]
    assert pattern["description"] == "All 1,001 files of rows"


@pytest.mark.parametrize("name", ["asr", "vision_speech", "dpo", "packed", "language_pretrain"])
def test_corpora_of_the_demonstration_describe_themselves(demo: dict[str, dict[str, Any]], name: str) -> None:
    load(Path(demo[name]["path"]) / "croissant.json")
