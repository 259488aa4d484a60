"""What a build says that it would do is what it then does, and saying it changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from pipelines.build import Execution, build_stages
from pipelines.buildfile import read_build_file
from pipelines.growth.dry_run import show_dry_run
from pipelines.growth.preview import preview_lines, preview_stages
from tests.growth.sources import FOLLOW, KEEP, UPDATE, staged, write
from tests.toy import hashes

BOTH = replace(FOLLOW, update=True)


def said(tmp_path: Path, execution: Execution, max_tokens: int = 100) -> list[str]:
    """The lines of a dry run, which changes nothing."""
    before = hashes(tmp_path / "there")
    lines = preview_lines(preview_stages(staged(tmp_path / "raw", max_tokens), tmp_path / "there", execution))
    assert hashes(tmp_path / "there") == before
    return lines


def test_a_dry_run_says_what_a_build_then_does(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for name in "ab":
        write(raw / f"{name}.jsonl", range(20))
    assert said(tmp_path, KEEP) == [
        "grown.measured: 4 splits would be built, nothing is kept",
        "grown.distinct: made when the stage before it is whole",
        "grown: made when the stage before it is whole",
    ]
    build_stages(staged(raw), tmp_path / "there", KEEP)
    assert said(tmp_path, KEEP) == [
        f"{name}: nothing to do, all of it is there (4 splits)" for name in ("grown.measured", "grown.distinct", "grown")
    ]
    assert said(tmp_path, UPDATE, 9)[2:] == [
        "grown: 0 splits new, 0 kept, 4 made anew",
        "  because step contract: max_tokens was 100, is now 9",
        "splits are made anew as a whole: a step that changed concerns each of their records",
    ]
    assert "would end with an error: " in said(tmp_path, KEEP, 9)[2]
    write(raw / "c.jsonl", range(5))
    follows = "  and then what the stage before it changes: splits that are made from other data, or by other lists, are made anew"
    assert said(tmp_path, KEEP) == ["grown.measured: 1 split new, 4 kept", "grown.distinct: 0 splits new, 4 kept", follows, "grown: 0 splits new, 4 kept", follows]  # fmt: skip
    (raw / "a.jsonl").unlink()
    refused = said(tmp_path, KEEP)
    assert len(refused) == 1
    assert "removed: a.jsonl (2 splits). Use --follow" in refused[0]
    lines = said(tmp_path, BOTH, 9)
    assert lines[:2] == [
        "grown.measured: 1 split new, 2 kept, 2 retired (they are in .retired/grown.measured/0001)",
        "  because the source has changed; removed: a.jsonl (2 splits)",
    ]
    assert "  because step contract: max_tokens was 100, is now 9" in lines
    results = build_stages(staged(raw, 9), tmp_path / "there", BOTH)
    told = [result.growth.say() if result.growth else "" for result in results]
    assert told[0] == lines[0].partition(": ")[2]
    assert told[2] == "1 split new, 0 kept, 2 made anew, 2 retired (they are in .retired/grown/0001)"
    assert all(line.endswith("nothing to do, all of it is there (3 splits)") for line in said(tmp_path, KEEP, 9))


def test_a_corpus_that_has_all_it_needs_is_told_as_json(tmp_path: Path) -> None:
    write(tmp_path / "raw" / "a.jsonl", range(20))
    build_stages(staged(tmp_path / "raw"), tmp_path / "there", KEEP)
    write(tmp_path / "raw" / "b.jsonl", range(5))
    first = preview_stages(staged(tmp_path / "raw"), tmp_path / "there", KEEP)[0].row()
    assert (first["action"], first["num_splits"]) == ("grows", 3)
    assert first["growth"] == ({"num_new": 1, "num_kept": 2, "num_redone": 0, "num_retired": 0, "why": (), "into": ""})


def test_the_command_says_it_of_every_corpus_of_a_build_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "raw" / "a.jsonl", range(20))
    file = tmp_path / "build.toml"
    source = '{ path = "raw", format = "jsonl", rows_per_split = 10 }'
    file.write_text(
        f'out = "made"\n[corpora.packed]\nsource = {source}\ncontext_tokens = 64\n[corpora.cot_sft]\nsource = {{ corpus = "attempts" }}\n'
    )
    plan = read_build_file(file)
    show_dry_run(plan.jobs, plan.out, KEEP, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "packed.documents: 2 splits would be built, nothing is kept",
        "packed: made when the stage before it is whole",
        f"cot_sft: made when the corpus is whole that it reads ({plan.out}/attempts has no corpus.json: its build did not end; run the same build "
        "again to go on)",
        "nothing was changed: this was a dry run",
    ]
    build_stages(plan.jobs[0].stages(plan.out), plan.out, KEEP)
    write(tmp_path / "raw" / "a.jsonl", range(25))
    show_dry_run(plan.jobs[:1], plan.out, KEEP, as_json=True)
    first = json.loads(capsys.readouterr().out)[0]["stages"][0]
    assert (first["name"], first["growth"]["num_new"], first["growth"]["num_kept"]) == ("packed.documents", 1, 2)
    (tmp_path / "raw" / "a.jsonl").write_text("{}\n")
    with pytest.raises(typer.Exit) as ended:
        show_dry_run(plan.jobs[:1], plan.out, KEEP, as_json=False)
    assert ended.value.exit_code == 1
    assert "changed: a.jsonl (2 splits). Use --follow" in capsys.readouterr().out
