"""`corpusmill validate`: what it prints, what it writes, its exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipelines.validation import validate_command
from tests.model.validate import planted

runner = CliRunner()
app = typer.Typer()
app.command("validate")(validate_command)
CHECKS = [
    "contract",
    "facts",
    "seams",
    "front_end",
    "rate",
    "pairing",
    "gradients",
    "memory",
    "learning",
    "ablation",
    "longest_row",
    "pack",
    "preferences",
]


@pytest.fixture(scope="module")
def corpora(demo: dict[str, Any], run_folder: Path) -> Path:
    return run_folder / "demo" / "corpora"


def test_json_holds_every_check_and_goes_to_a_file_too(corpora: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "validation.json"
    result = runner.invoke(app, [str(corpora / "sqqa"), "--quick", "--json", "--out", str(out)])
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)
    assert json.loads(out.read_text()) == [found]
    assert [check["name"] for check in found["checks"]] == CHECKS
    assert (found["corpus"], found["stage"], found["num_rows"], found["passed"]) == ("sqqa", "A2", 8, True)
    contract = found["checks"][0]
    assert contract["state"] == "pass"
    assert contract["figures"]["num_audios"] == 8


def test_the_table_names_outcomes(corpora: Path) -> None:
    result = runner.invoke(app, [str(corpora / "sqqa"), str(corpora / "cot_sft"), "--quick"])
    assert result.exit_code == 0, result.output
    assert "sqqa (8 rows, stage A2): pass" in result.output
    assert "cot_sft (31 rows, stage R2): pass" in result.output


def test_a_faulty_corpus_ends_with_1(corpora: Path, tmp_path: Path) -> None:
    path = planted.rewrite(corpora / "sqqa", tmp_path / "sqqa", planted.learned_prompt)
    result = runner.invoke(app, [str(path), "--quick"])
    assert result.exit_code == 1
    assert "FAIL" in result.output
    assert "carries loss" in result.output.replace("\n", " ")


def test_usage_errors_end_with_2(corpora: Path) -> None:
    both = runner.invoke(app, [str(corpora / "sqqa"), "--quick", "--thorough"])
    assert both.exit_code == 2
    assert "exclude one another" in both.output


def test_a_corpus_of_another_name_needs_its_stage(corpora: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine"
    shutil.copytree(corpora / "sqqa", path)
    recipe = json.loads((path / "recipe.json").read_text())
    (path / "recipe.json").write_text(json.dumps({**recipe, "name": "mine"}))
    unnamed = runner.invoke(app, [str(path), "--quick"])
    assert unnamed.exit_code == 2
    assert "name its stage with --stage" in unnamed.output
    assert runner.invoke(app, [str(path), "--quick", "--stage", "A2"]).exit_code == 0


def test_a_folder_that_is_no_corpus_ends_with_1(tmp_path: Path) -> None:
    result = runner.invoke(app, [str(tmp_path), "--quick"])
    assert result.exit_code == 1
    assert "has no recipe.json" in result.output
