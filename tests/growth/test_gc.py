"""Garbage of a folder of corpora: every kind is found and removed, and nothing else is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipelines.build import build, build_stages, corpus_lock
from pipelines.growth.garbage import LIST, ORPHAN, RETIRED_SPLIT, STAGE, TEMPORARY, Found, collect
from pipelines.stage import STAGES
from pipelines.verify import verify
from tests.growth.sources import FOLLOW, KEEP, staged, texts, write
from tests.toy import hashes


def names(found: Found, kind: str) -> list[str]:
    return [one.name for one in found.of(kind)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A corpus in three stages, one in one stage, and replies."""
    write(tmp_path / "raw" / "a.jsonl", range(20))
    write(tmp_path / "raw" / "b.jsonl", range(15))
    (tmp_path / "raw" / "c.jsonl").write_bytes((tmp_path / "raw" / "b.jsonl").read_bytes())
    out = tmp_path / "corpora"
    build_stages(staged(tmp_path / "raw"), out, KEEP)
    build(texts(tmp_path / "raw"), out, KEEP)
    (out / ".replies" / "ab").mkdir(parents=True)
    (out / ".replies" / "ab" / "cd").write_bytes(b"a reply")
    return out


def test_what_is_used_is_no_garbage(out: Path) -> None:
    before = hashes(out)
    found = collect(out, delete=True)
    assert found.garbage == []
    assert [line.partition(":")[0] for line in found.kept] == [".replies"]
    assert hashes(out) == before


def test_leavings_of_dead_writers_and_old_lists_go(out: Path) -> None:
    before = hashes(out)
    left = {
        ORPHAN: ["texts/shards/0123.arrow", "texts/rejects/0123.arrow", f"{STAGES}/grown.measured/shards/77.arrow"],
        TEMPORARY: ["texts/shards/.tmp-1-x.arrow", ".replies/ab/.tmp-2-ef", f"{STAGES}/.tmp-3-search/rows.npy", ".runs/.tmp-4-texts.jsonl"],
        LIST: [f"{STAGES}/duplicates-{'0' * 32}.arrow", f"{STAGES}/groups-{'1' * 32}/places-0.npy"],
    }
    for name in (name for some in left.values() for name in some):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(b"12345")
    (out / "texts" / "notes.txt").write_text("of a person")
    found = collect(out)
    assert {kind: sorted(names(found, kind)) for kind in left} == {kind: sorted(some) for kind, some in left.items()}
    assert sum(one.num_bytes for one in found.garbage) == 5 * 9
    assert len(collect(out, delete=True, kinds=(ORPHAN,)).garbage) == 3
    assert collect(out, delete=True).num_removed == 6
    (out / "texts" / "notes.txt").unlink()  # nobody's but the person's
    assert hashes(out) == before
    assert not (out / STAGES / ".tmp-3-search").exists()


def test_nothing_of_a_corpus_that_is_being_built_is_looked_at(out: Path) -> None:
    for name in ("texts/shards/0123.arrow", "grown/shards/0123.arrow", f"{STAGES}/duplicates-{'0' * 32}.arrow"):
        (out / name).write_bytes(b"12345")
    with corpus_lock(out / "texts"):
        found = collect(out, delete=True)
    assert [one.name for one in found.garbage] == ["grown/shards/0123.arrow"]
    assert "another build holds" in found.kept[0]
    assert "looked at when no corpus of this folder is being built" in found.kept[1]
    with corpus_lock(out / STAGES / "asr"):  # one that begins, and has made a list before it has a recipe
        assert collect(out, delete=True, kinds=(LIST,)).garbage == []
    assert len(collect(out, delete=True, kinds=(LIST,)).garbage) == 1


def test_stages_of_a_corpus_that_was_removed_go_and_those_of_one_that_is_not_built_yet_stay(out: Path, tmp_path: Path) -> None:
    shutil.rmtree(out / "grown")
    shutil.copytree(out / STAGES / "grown.measured", out / STAGES / "other.first")
    found = collect(out)
    assert {name.split("/")[1] for name in names(found, STAGE)} == {"grown.measured", "grown.distinct", ".runs"}
    assert f"{STAGES}/other.first: other is not built yet; a build of it goes on from there" in found.kept
    collect(out, delete=True)
    assert sorted(path.name for path in (out / STAGES).iterdir() if not path.name.startswith(".")) == ["other.first"]
    build_stages(staged(tmp_path / "raw"), out, KEEP)  # and nothing is in the way of another one
    assert verify(out / "grown").problems == []


def test_retired_splits_go_only_when_they_are_asked_to(out: Path, tmp_path: Path) -> None:
    (tmp_path / "raw" / "a.jsonl").unlink()
    build(texts(tmp_path / "raw"), out, FOLLOW)
    found = collect(out)
    assert sorted(Path(name).name for name in names(found, RETIRED_SPLIT) if name.endswith(".json")) == sorted(
        ["recipe.json", "retired.json", *(f"{entry}.json" for entry in told_ids(out / ".retired" / "texts" / "0001"))]
    )
    collect(out, delete=True, kinds=(RETIRED_SPLIT,))
    assert not (out / ".retired").exists()


def told_ids(folder: Path) -> list[str]:
    return [json.loads(file.read_text())["split"]["id"] for file in (folder / "ledger").iterdir()]
