"""Lineage: every link is one that the records themselves tell, up to the source's bytes and down to packed pieces and refusals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import build
from pipelines.corpus_source import open_corpus
from pipelines.graph import compute_here
from pipelines.grouped import group
from pipelines.inspection.lineage import MAX_SHOWN, MORE, NOT_KEPT, REFUSED, ROW, SOURCE, Relative, lineage_of
from pipelines.inspection.source_bytes import SourceFile, find_source
from pipelines.packing import pack_recipe
from pipelines.recipe import Recipe
from pipelines.step import each
from processors.contract import Contract
from schemas.corpus import Corpus
from schemas.identity import digest
from schemas.records import Origin
from schemas.shard import file_sha256
from tests.toy import NUMBER, KeepEven, Numbers, Spell, toy_recipe


def walk(relatives: tuple[Relative, ...]) -> Iterator[Relative]:
    for relative in relatives:
        yield relative
        yield from walk(relative.relatives)


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Numbers -> `spelled` -> `toy` (even ones) -> `counted` -> `packed`; `few` numbers again, and `spelled` with them in `both`."""
    out = tmp_path_factory.mktemp("toys")
    build(Recipe("spelled", Numbers(10, 5), (each(Spell()),)), out)
    build(Recipe("toy", open_corpus(out / "spelled"), (each(KeepEven()),)), out)
    build(Recipe("few", Numbers(2, 5), (each(Spell()),)), out)
    joined = group((open_corpus(out / "spelled"), open_corpus(out / "few")), NUMBER, out / ".stages", compute_here)
    build(Recipe("both", joined, (each(KeepEven()),)), out)
    build(Recipe("counted", open_corpus(out / "toy"), (each(Contract(10_000)),)), out)
    build(pack_recipe("packed", open_corpus(out / "counted"), 64), out)
    return out


def key_of(number: int) -> str:
    return digest("number", str(number))


def test_down_from_a_row_to_copies_refusals_and_packed_pieces(toys: Path) -> None:
    even, odd = (lineage_of(toys / "spelled", key_of(number)) for number in (4, 5))
    assert even is not None and odd is not None
    assert {(found.corpus, found.what) for found in walk(even.descendants)} == {
        ("toy", ROW), ("both", ROW), ("counted", ROW), ("packed", ROW)
    }  # fmt: skip
    packed = {found.key for found in walk(even.descendants) if found.corpus == "packed"}
    assert packed == {record.key for record in Corpus(toys / "packed").records() if key_of(4) in record.parents}
    assert [(found.corpus, found.what, found.said) for found in walk(odd.descendants) if found.corpus == "toy"] == [
        ("toy", REFUSED, "by keep_even: odd: 5")
    ]


def test_up_from_a_packed_row_through_every_corpus_to_the_source(toys: Path) -> None:
    record = next(Corpus(toys / "packed").records())
    found = lineage_of(toys / "packed", record.key)
    assert found is not None
    assert {item.key for item in found.ancestors if item.what == ROW} == {piece.key for piece in record.pieces}  # type: ignore[union-attr]
    for ancestor in found.ancestors:
        assert [(item.corpus, item.what) for item in walk((ancestor,))] == [
            ("counted", ROW), ("toy", ROW), ("spelled", ROW), ("", SOURCE)
        ]  # fmt: skip
    numbers = [item.origin.locator for item in walk(found.ancestors) if item.what == SOURCE and item.origin]
    assert set(numbers) <= {f"row {number}" for number in range(0, 10, 2)}


def test_a_key_that_was_made_anew_is_followed(toys: Path) -> None:
    renamed = digest("1", key_of(0))  # of the second of the corpora that `both` reads
    above, below = lineage_of(toys / "both", renamed), lineage_of(toys / "few", key_of(0))
    assert above is not None and below is not None
    assert ("few", key_of(0)) in {(item.corpus, item.key) for item in above.ancestors}
    assert ("both", renamed) in {(item.corpus, item.key) for item in below.descendants}


def test_a_refusal_is_led_back_too(toys: Path) -> None:
    found = lineage_of(toys / "toy", key_of(7))
    assert found is not None
    assert (found.record.what, found.record.said, found.descendants) == (REFUSED, "by keep_even: odd: 7", ())
    assert [(item.corpus, item.key) for item in walk(found.ancestors)] == [("spelled", key_of(7)), ("", "")]
    assert lineage_of(toys / "toy", "nobody") is None


def test_a_corpus_with_the_content_of_its_source_is_not_its_own_ancestor(toys: Path, tmp_path: Path) -> None:
    for name in ("spelled", "toy"):
        shutil.copytree(toys / name, tmp_path / name)
    shutil.copytree(tmp_path / "toy", tmp_path / "again")  # as a stage that keeps every record leaves it
    source = {"class": "CorpusSource", "content": Corpus(tmp_path / "toy").totals()["content"]}
    recipe = Corpus(tmp_path / "toy").recipe() | {"name": "again", "parameters": {"source": source}}
    (tmp_path / "again" / "recipe.json").write_text(json.dumps(recipe))
    found = lineage_of(tmp_path / "again", key_of(2))
    assert found is not None
    assert [item.corpus for item in walk(found.ancestors)] == ["toy", "spelled", ""]
    below = lineage_of(tmp_path / "toy", key_of(2))
    assert below is not None
    assert [item.corpus for item in walk(below.descendants)] == ["again"]


def test_many_relatives_are_counted_not_listed(tmp_path: Path) -> None:
    build(toy_recipe(120, 60, (each(Contract(10_000)),)), tmp_path)
    build(pack_recipe("packed", open_corpus(tmp_path / "toy"), 8_192), tmp_path)
    record = next(Corpus(tmp_path / "packed").records())
    found = lineage_of(tmp_path / "packed", record.key)
    assert found is not None
    assert [item.what for item in found.ancestors] == [ROW] * MAX_SHOWN + [MORE]
    assert found.ancestors[-1].said == f"and {len(record.parents) - MAX_SHOWN} more"


def test_the_pool_of_attempts_is_followed_both_ways(demo: dict[str, Any]) -> None:
    pair = next(Corpus(Path(demo["dpo"]["path"])).records())
    found = lineage_of(Path(demo["dpo"]["path"]), pair.key)
    assert found is not None
    attempts = [item for item in walk(found.ancestors) if item.corpus == "attempts"]
    assert {item.key for item in attempts} == set(pair.parents)
    back = lineage_of(Path(demo["attempts"]["path"]), attempts[0].key)
    assert back is not None
    assert ("dpo", pair.key) in {(item.corpus, item.key) for item in walk(back.descendants)}


def test_pages_descend_from_a_document_that_is_no_row(demo: dict[str, Any]) -> None:
    path = Path(demo["ocr_pdf"]["path"])
    page = next(Corpus(path).records())
    found = lineage_of(path, page.parents[0])
    assert found is not None
    assert found.record.what == NOT_KEPT
    assert page.key in {item.key for item in found.descendants}


# ---- the source's bytes


def test_the_line_that_a_row_was_read_from_is_shown(demo: dict[str, Any], sample: Path) -> None:
    record = next(Corpus(Path(demo["asr"]["path"])).records())
    found = find_source(record.origin, sample / "speech")
    assert isinstance(found, SourceFile)
    manifest = sample / "speech" / "manifest.jsonl"
    assert (found.path, found.num_bytes, found.sha256) == (manifest.resolve(), manifest.stat().st_size, file_sha256(manifest))
    assert manifest.read_text().startswith(found.shown.removesuffix("..."))
    assert found.shown.startswith('{"')


@pytest.mark.parametrize("named", ["../secret.txt", "/etc/passwd", "link.txt", "folder/../../secret.txt", "deep/../link.txt"])
def test_nothing_outside_the_named_folder_is_opened(named: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "sources"
    (folder / "deep").mkdir(parents=True)
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    found = find_source(Origin(named, locator="byte 0"), folder)
    assert isinstance(found, str)
    assert "is outside" in found


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("none.txt", "is no file below"),
        ("", "names no file"),
        ("a\0b", "names no file"),
        (".", "is no file below"),
        ("x" * 5_000, "cannot be"),
    ],
)
def test_what_is_no_file_is_told(named: str, said: str, tmp_path: Path) -> None:
    found = find_source(Origin(named), tmp_path)
    assert isinstance(found, str)
    assert said in found
