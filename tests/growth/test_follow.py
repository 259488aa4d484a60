"""Growth of a corpus: whatever its source or its recipe became, it ends as the one that is built from scratch, file by file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import BuildError, Execution, build, build_stages
from pipelines.growth import settle as module
from pipelines.growth.settle import JOURNAL
from pipelines.recipe import Recipe
from pipelines.source.manifest import JsonlManifest
from pipelines.stage import STAGES
from pipelines.step import each
from pipelines.verify import verify
from processors.contract import Contract
from processors.dialogue import TextTask
from processors.text.normalise import Normalise
from schemas.corpus import Corpus
from tests.growth.sources import FOLLOW, KEEP, UPDATE, staged, texts, write
from tests.toy import hashes


def same(tmp_path: Path, recipe: Recipe, found: str = "there") -> None:
    """The corpus is the one that is built from scratch."""
    fresh = build(recipe, tmp_path / f"fresh-{len(list(tmp_path.iterdir()))}", KEEP)
    assert hashes(tmp_path / found / recipe.name) == hashes(fresh.path)
    assert verify(tmp_path / found / recipe.name).problems == []


# ---- one stage


def test_new_files_add_splits_and_nothing_else_is_built(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "there"
    write(raw / "b.jsonl", range(40))
    assert build(texts(raw), out, KEEP).growth is None
    write(raw / "a.jsonl", range(25))
    write(raw / "c" / "d.jsonl", range(3))
    grown = build(texts(raw), out, KEEP)
    assert (grown.num_built, grown.num_resumed) == (4, 4)
    assert grown.growth is not None
    assert grown.growth.say() == "4 splits new, 4 kept"
    same(tmp_path, texts(raw))
    assert build(texts(raw), out, KEEP).growth is None


def test_rows_that_are_appended_retire_the_last_split_alone(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "there"
    write(raw / "a.jsonl", range(25))
    build(texts(raw), out, KEEP)
    write(raw / "a.jsonl", range(47))
    with pytest.raises(BuildError, match=r"changed: a.jsonl \(1 split\)\. Use --follow"):
        build(texts(raw), out, KEEP)
    grown = build(texts(raw), out, FOLLOW)
    assert grown.growth is not None
    assert (grown.growth.num_new, grown.growth.num_kept, grown.growth.num_retired) == (3, 2, 1)
    same(tmp_path, texts(raw))


def test_removed_and_changed_files_are_named_and_with_follow_moved_out(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "there"
    for name in "abc":
        write(raw / f"{name}.jsonl", range(20))
    before = build(texts(raw), out, KEEP)
    held = {record.key for record in Corpus(before.path).records()}
    (raw / "a.jsonl").unlink()
    write(raw / "b.jsonl", range(20), "line")
    with pytest.raises(BuildError, match=r"holds 4 splits.*removed: a.jsonl \(2 splits\); changed: b.jsonl \(2 splits\)"):
        build(texts(raw), out, KEEP)
    assert Corpus(before.path).is_complete()  # an error changes nothing
    grown = build(texts(raw), out, FOLLOW)
    assert grown.growth is not None
    assert grown.growth.say() == "2 splits new, 2 kept, 4 retired (they are in .retired/texts/0001)"
    same(tmp_path, texts(raw))
    retired = Corpus(out / ".retired" / "texts" / "0001")
    assert {record.key for record in retired.records()} | {record.key for record in Corpus(grown.path).records()} >= held
    assert len(retired.ledger()) == 4
    write(raw / "a.jsonl", range(20))  # it comes back, and goes again
    build(texts(raw), out, KEEP)
    (raw / "a.jsonl").unlink()
    build(texts(raw), out, FOLLOW)
    assert [len(Corpus(folder).ledger()) for folder in sorted((out / ".retired" / "texts").iterdir())] == [4, 2]
    same(tmp_path, texts(raw))


def test_another_recipe_is_refused_and_with_update_all_splits_are_made_anew(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "there"
    write(raw / "a.jsonl", range(30))
    build(texts(raw), out, KEEP)
    with pytest.raises(BuildError, match=r"another recipe: step contract: max_tokens was 100, is now 5\. .*--update"):
        build(texts(raw, 5), out, KEEP)
    write(raw / "b.jsonl", range(5))
    grown = build(texts(raw, 5), out, UPDATE)
    assert grown.growth is not None
    assert (grown.growth.num_new, grown.growth.num_redone, grown.growth.num_kept) == (1, 3, 0)
    assert grown.growth.why == ("step contract: max_tokens was 100, is now 5",)
    same(tmp_path, texts(raw, 5))
    assert not (out / ".retired").exists()


def test_a_new_title_keeps_every_split(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "there"
    write(raw / "a.jsonl", range(30))
    build(texts(raw), out, KEEP)
    named = Recipe("texts", texts(raw).source, texts(raw).steps, title="Texts of a folder")
    grown = build(named, out, UPDATE)
    assert (grown.num_built, grown.num_resumed) == (0, 3)
    same(tmp_path, named)


def test_steps_that_come_go_and_change_places_are_told_by_name(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "there"
    write(raw / "a.jsonl", range(10))
    build(texts(raw), out, KEEP)
    source = texts(raw).source
    more = Recipe("texts", source, (each(TextTask()), each(Normalise()), each(Contract(100), "count")))
    grown = build(more, out, UPDATE)
    assert grown.growth is not None
    assert grown.growth.why[:3] == ("step normalise is new", "step count is new", "step contract is gone")
    same(tmp_path, more)


# ---- several stages


def grow(tmp_path: Path, execution: Execution, **told: Any) -> list[tuple[int, int]]:
    """Builds the stages where they are, and from scratch; every stage is the same. Gives (splits built, splits kept) of each stage."""
    results = build_stages(staged(tmp_path / "raw", **told), tmp_path / "there", execution)
    scratch = tmp_path / f"fresh-{len(list(tmp_path.iterdir()))}"
    build_stages(staged(tmp_path / "raw", **told), scratch, KEEP)
    for name in ("grown", f"{STAGES}/grown.measured", f"{STAGES}/grown.distinct"):
        assert hashes(tmp_path / "there" / name) == hashes(scratch / name), name
    return [(result.num_built, result.num_resumed) for result in results]


def test_later_stages_are_redone_where_what_they_read_changed(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write(raw / "b.jsonl", range(30))
    assert grow(tmp_path, KEEP) == [(3, 0), (3, 0), (3, 0)]
    write(raw / "c.jsonl", range(20))  # no copies: the list stays, and so do the splits that it was applied to
    assert grow(tmp_path, KEEP) == [(2, 3), (2, 3), (2, 3)]
    (raw / "a.jsonl").write_bytes((raw / "b.jsonl").read_bytes())  # copies: another list, by which every split has to be looked through
    built = grow(tmp_path, KEEP)
    assert built[:2] == [(3, 5), (8, 0)]
    assert sum(built[2]) == 8
    (raw / "c.jsonl").unlink()
    with pytest.raises(BuildError, match="--follow"):
        build_stages(staged(raw), tmp_path / "there", KEEP)
    assert grow(tmp_path, FOLLOW) == [(0, 6), (0, 6), (0, 6)]
    retired = {path.parent.relative_to(tmp_path / "there").as_posix() for path in (tmp_path / "there").rglob("retired.json")}
    stages = {f"{STAGES}/.retired/{name}/0001" for name in ("grown.distinct", "grown.measured")}
    assert retired == {".retired/grown/0001", *stages}


def test_a_parameter_of_the_last_stage_keeps_those_before(tmp_path: Path) -> None:
    write(tmp_path / "raw" / "b.jsonl", range(30))
    grow(tmp_path, KEEP)
    with pytest.raises(BuildError, match="step contract: max_tokens was 100, is now 9"):
        build_stages(staged(tmp_path / "raw", 9), tmp_path / "there", KEEP)
    assert grow(tmp_path, UPDATE, max_tokens=9) == [(0, 3), (0, 3), (3, 0)]
    assert grow(tmp_path, UPDATE, max_tokens=9, seed=1) == [(3, 0), (0, 3), (0, 3)]  # what changes no byte costs the stage that it is in


def test_groups_of_rows_that_change_are_packed_anew(tmp_path: Path) -> None:
    write(tmp_path / "raw" / "b.jsonl", range(40))
    grow(tmp_path, KEEP, packed=64)
    write(tmp_path / "raw" / "c.jsonl", range(30))
    write(tmp_path / "raw" / "a.jsonl", range(5))
    grow(tmp_path, KEEP, packed=64)


def test_a_list_of_sources_may_become_longer(tmp_path: Path) -> None:
    from pipelines.union import Union

    for name in "ab":
        write(tmp_path / name / "rows.jsonl", range(20))
    steps = (each(TextTask()), each(Contract(100)))

    def recipe(*names: str) -> Recipe:
        return Recipe("texts", Union(tuple(JsonlManifest(str(tmp_path / name), rows_per_split=10) for name in names)), steps)

    build(recipe("a"), tmp_path / "there", KEEP)
    grown = build(recipe("a", "b"), tmp_path / "there", UPDATE)
    assert (grown.num_built, grown.num_resumed) == (2, 2)
    same(tmp_path, recipe("a", "b"))


# ---- a kill at any moment


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it, and nothing is tidied up after it."""


def kill_at(monkeypatch: pytest.MonkeyPatch, at: int, run: Any) -> bool:
    """Runs until the `at`-th durable step of settling would begin. Gives whether it came to its end before."""
    left = [at]

    def counted(call: Any) -> Any:
        def count(*told: Any) -> Any:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return call(*told)

        return count

    with monkeypatch.context() as patch:
        for name in ("write_replacing", "link_file", "move_file", "remove_durably", "remove_files"):
            patch.setattr(module, name, counted(getattr(module, name)))
        try:
            run()
        except Killed:
            return False
    return True


def test_a_growth_that_is_killed_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = tmp_path / "raw"
    for name in "abc":
        write(raw / f"{name}.jsonl", range(15))
    build(texts(raw), tmp_path / "before", KEEP)
    (raw / "a.jsonl").unlink()
    write(raw / "d.jsonl", range(12))
    fresh = build(texts(raw), tmp_path / "fresh", KEEP)
    for at in (0, 1, 3, 5, 8, 12):
        shutil.rmtree(tmp_path / "there", ignore_errors=True)
        shutil.copytree(tmp_path / "before", tmp_path / "there")
        assert not kill_at(monkeypatch, at, lambda: build(texts(raw), tmp_path / "there", FOLLOW))
        assert Corpus(tmp_path / "there" / "texts").is_complete() == (at < 2)  # nobody takes a corpus that changes for a whole one
        build(texts(raw), tmp_path / "there", FOLLOW)
        assert hashes(tmp_path / "there" / "texts") == hashes(fresh.path), at


@pytest.mark.slow
@pytest.mark.parametrize("execution", [FOLLOW, Execution(workers=0, follow=True, update=True)], ids=["follow", "update"])
def test_stages_that_are_killed_anywhere_end_the_same(tmp_path: Path, execution: Execution, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every durable step, in turn, is the last one of a build; the same build then goes on."""
    raw = tmp_path / "raw"
    for name in "abc":
        write(raw / f"{name}.jsonl", range(15))
    max_tokens = 12 if execution.update else 100
    build_stages(staged(raw), tmp_path / "before", KEEP)
    (raw / "a.jsonl").unlink()
    write(raw / "d.jsonl", range(12))
    build_stages(staged(raw, max_tokens), tmp_path / "fresh", KEEP)
    wanted = {name: hashes(tmp_path / "fresh" / name) for name in ("grown", f"{STAGES}/grown.measured", f"{STAGES}/grown.distinct")}
    ended, at = False, -1
    while not ended:
        at += 1
        shutil.rmtree(tmp_path / "there", ignore_errors=True)
        shutil.copytree(tmp_path / "before", tmp_path / "there")
        ended = kill_at(monkeypatch, at, lambda: build_stages(staged(raw, max_tokens), tmp_path / "there", execution))
        build_stages(staged(raw, max_tokens), tmp_path / "there", execution)
        assert {name: hashes(tmp_path / "there" / name) for name in wanted} == wanted, at
        assert not list((tmp_path / "there").rglob(JOURNAL))
    assert at > 20
