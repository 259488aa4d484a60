"""`corpusmill train`: what it prints, what it refuses and why, and that a later stage goes on from an earlier one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from pipelines.training import train_command

app = typer.Typer()
app.command("train")(train_command)


def train(demo: dict[str, dict[str, Any]], stage: str, corpora: list[str], out: Path, *more: str) -> Result:
    """Runs the command on corpora of the demonstration, NAME or NAME=WEIGHT."""
    options = ["--stage", stage, "--out", str(out), "--device", "cpu"]
    for corpus in corpora:
        name, *weight = corpus.split("=")
        options += ["--corpus", "=".join([demo[name]["path"], *weight])]
    return CliRunner().invoke(app, [*options, *more])


def test_stages_in_turn_and_resuming(demo: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    first = train(demo, "R1", ["cot_pretrain"], tmp_path / "R1", "--steps", "3", "--context", "256", "--json")
    assert first.exit_code == 0, first.output
    row = json.loads(first.stdout)
    assert (row["stage"], row["steps"], row["out"]) == ("R1", 3, str(tmp_path / "R1"))
    assert row["last_loss"] < row["first_loss"]
    again = train(demo, "R1", ["cot_pretrain"], tmp_path / "R1", "--steps", "3", "--context", "256", "--json")
    assert json.loads(again.stdout) == row  # nothing left to do
    other = train(demo, "R1", ["cot_pretrain"], tmp_path / "R1", "--steps", "4", "--context", "256")
    assert other.exit_code == 1
    assert "holds a run with other settings: steps was 3, is now 4" in other.output
    anew = train(demo, "R1", ["cot_pretrain"], tmp_path / "R1", "--steps", "4", "--context", "256", "--rebuild")
    assert anew.exit_code == 0, anew.output
    assert "stage R1, 4 steps" in anew.output and "step 4 of 4: loss" in anew.output
    later = train(demo, "R2", ["cot_sft"], tmp_path / "R2", "--steps", "2", "--context", "256", "--model", str(tmp_path / "R1"))
    assert later.exit_code == 0, later.output  # tokens that only the later corpus has were added
    settings = json.loads((tmp_path / "R2" / "settings.json").read_text())
    run = json.loads((tmp_path / "R1" / "run.json").read_text())
    assert settings["model"] == {"weights_sha256": run["weights_sha256"]}
    assert [settings["corpora"][0][place] for place in (0, 2)] == ["cot_sft", 1.0]


@pytest.mark.parametrize(
    ("stage", "corpora", "more", "message"),
    [
        ("A1", ["asr"], [], "stage A1 takes speech_pretrain; "),
        ("A1", ["asr"], [], "is the corpus asr, which feeds A2"),
        ("R3", ["text_safety"], [], "stage R3 takes rows of kind preference (its loss is dpo)"),
        ("A1", ["packed"], [], "stage A1 takes rows of mode SPEECH; row "),
        ("L2", ["function_calling"], ["--context", "64"], "Raise context_tokens to "),
        ("V9", ["asr"], [], "there is no stage 'V9'; stages are L1, L2"),
        ("L2", ["function_calling=0"], [], "the weight is 0, expected a positive number"),
    ],
)
def test_what_a_stage_does_not_take_is_a_usage_error(
    stage: str, corpora: list[str], more: list[str], message: str, demo: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    result = train(demo, stage, corpora, tmp_path / "run", *more)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert not (tmp_path / "run").exists()


def test_media_larger_than_the_stage_takes_are_refused(demo: dict[str, dict[str, Any]]) -> None:
    from dataclasses import replace

    from model.rows import CorpusRows
    from model.stages import STAGES, StageError, check_corpus

    rows = CorpusRows(Path(demo["image_text"]["path"]))
    check_corpus(STAGES["V1"], rows)
    sizes = [
        max(info["grid_columns"] * info["grid_rows"] for info in infos) for b in rows.batches() for infos in b["image_info"].to_pylist()
    ]
    worst = sizes.index(max(sizes))
    with pytest.raises(StageError, match=rf"at most 1 crops a medium; row {rows[worst].key} of .* has {max(sizes)}"):
        check_corpus(replace(STAGES["V1"], max_crops=1), rows)
    rows = CorpusRows(Path(demo["asr"]["path"]))
    longest = max(clip["num_tokens"] for b in rows.batches() for clips in b["audio_info"].to_pylist() for clip in clips)
    check_corpus(replace(STAGES["A2"], max_audio_tokens=longest), rows)
    with pytest.raises(StageError, match=f"at most {longest - 1} audio tokens a medium"):
        check_corpus(replace(STAGES["A2"], max_audio_tokens=longest - 1), rows)


def test_folders_that_are_no_run_or_checkpoint(demo: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    for more in ([], ["--rebuild"]):
        result = train(demo, "R2", ["cot_sft"], tmp_path / "mine", *more)
        assert result.exit_code == 1 and "is not empty and holds no run" in result.output
        assert (tmp_path / "mine" / "thesis.txt").exists()
    result = train(demo, "R2", ["cot_sft"], tmp_path / "new", "--model", str(tmp_path / "mine"))
    assert result.exit_code == 1 and "is neither a checkpoint" in result.output
    result = CliRunner().invoke(app, ["--stage", "R2", "--corpus", str(tmp_path / "mine"), "--out", str(tmp_path / "new")])
    assert result.exit_code == 1 and "has no recipe.json; expected a corpus directory" in result.output


def test_the_list_of_stages() -> None:
    shown = CliRunner().invoke(app, ["--list", "--json"])
    stages = {row["name"]: row for row in json.loads(shown.stdout)}
    assert list(stages) == ["L1", "L2", "V1", "V2", "V3", "V4", "A1", "A2", "VS", "R1", "R2", "R3"]
    assert stages["VS"]["adapters"] == {"VISION_SPEECH": "vision", "VISION": "vision", "TEXT": "vision"}
    table = CliRunner().invoke(app, ["--list"])
    assert table.exit_code == 0 and all(f"│ {name} " in table.output for name in stages)
    nothing = CliRunner().invoke(app, [])
    assert nothing.exit_code == 2 and "--list to see the stages" in nothing.output
