"""All of it on an object store: the bytes of the local disk, and what only a store leaves behind."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from pipelines.build import build, build_stages
from pipelines.corpus_source import open_corpus
from pipelines.growth.compact import compact
from pipelines.growth.garbage import ORPHAN, RETIRED_SPLIT, UPLOAD, collect
from pipelines.growth.mixture import Asked, mix, mixture_recipe
from pipelines.stage import STAGES
from pipelines.verify import verify
from schemas.shard import write_replacing
from schemas.store import place_of
from tests.growth.sources import FOLLOW, KEEP, staged, texts, write
from tests.s3 import S3Server, download


def test_a_corpus_grows_on_a_store_as_on_a_disk(s3: str, s3_server: S3Server, tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", place_of(s3)
    for name in "ab":
        write(raw / f"{name}.jsonl", range(6))
    build(texts(raw), out, KEEP)
    (raw / "a.jsonl").unlink()
    write(raw / "c.jsonl", range(6))
    grown = build(texts(raw), out, FOLLOW).growth
    assert grown is not None
    assert grown.say() == "1 split new, 1 kept, 1 retired (they are in .retired/texts/0001)"
    build(texts(raw), tmp_path / "fresh", KEEP)
    assert download(out / "texts") == download(tmp_path / "fresh" / "texts")

    write_replacing(out / "texts" / "shards" / "0123.arrow", b"12345")
    assert s3_server.ask("POST", f"{s3.removeprefix('s3:/')}/texts/shards/x.arrow?uploads")[0] == 200
    found = collect(out, delete=True)
    assert [(one.name, one.num_bytes) for one in found.of(ORPHAN)] == [("texts/shards/0123.arrow", 5)]
    assert (len(found.of(UPLOAD)), len(found.of(RETIRED_SPLIT))) == (1, 5)
    assert collect(out).garbage == []
    assert verify(out / "texts").problems == []


@pytest.mark.slow
def test_stages_follow_on_a_store_as_on_a_disk(s3: str, tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", place_of(s3)
    for name in "ab":
        write(raw / f"{name}.jsonl", range(12))
    build_stages(staged(raw), out, KEEP)
    (raw / "a.jsonl").unlink()
    write(raw / "c.jsonl", range(11))
    build_stages(staged(raw), out, FOLLOW)
    build_stages(staged(raw), tmp_path / "fresh", KEEP)
    for name in ("grown", f"{STAGES}/grown.measured", f"{STAGES}/grown.distinct"):
        assert download(out / name) == download(tmp_path / "fresh" / name)


@pytest.mark.slow
def test_corpora_are_compacted_and_mixed_between_a_store_and_a_disk(s3: str, tmp_path: Path) -> None:
    remote = place_of(s3)
    for name in ("one", "two"):
        write(tmp_path / name / "rows.jsonl", range(12))
        build(texts(tmp_path / name, name=name), remote, KEEP)
        build(texts(tmp_path / name, name=name), tmp_path / "corpora", KEEP)
    near, far = (
        compact(out / "one", other, 1 << 20, KEEP)
        for out, other in ((remote, tmp_path / "small"), (tmp_path / "corpora", remote / "small"))
    )
    assert download(near.path) == download(far.path)
    assert (far.num_after, verify(far.path).problems) == (1, [])
    made = []
    for out in (remote, tmp_path / "corpora"):
        asked = [Asked(name, open_corpus(out / name), Fraction(1), 2) for name in ("one", "two")]
        made.append(build(mixture_recipe("mixed", mix(asked, size=30)), out, KEEP).path)
    assert download(made[0]) == download(made[1])
