"""The command line: what it prints, its exit codes, its errors; and the README's table. Its commands are run in test_documentation.py."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipelines.__main__ import app
from pipelines.corpora import CORPORA
from pipelines.show import summary_lines, summary_table

ROOT = Path(__file__).parents[2]
runner = CliRunner()


def test_a_second_demo_builds_nothing_and_says_so(demo: dict[str, Any], run_folder: Path) -> None:
    result = runner.invoke(app, ["demo", "--out", str(run_folder / "demo"), "--workers", "0"])
    assert result.exit_code == 0, result.output
    assert "all verified" in result.output
    assert f"already built: {', '.join(CORPORA)}" in result.output


def test_the_readme_table_is_true() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]+) \| (.+?) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert {name: (stage, inputs) for name, stage, inputs in rows} == {name: (kind.stage, kind.inputs) for name, kind in CORPORA.items()}


def test_build_with_a_build_file(sample: Path, tmp_path: Path) -> None:
    file = tmp_path / "build.toml"
    file.write_text(
        f'out = "made"\n[execution]\nworkers = 0\n[execution.steps.transcribe]\npool = 2\n[corpora.asr]\nsource = "{sample}/speech/manifest.jsonl"\n'
    )
    result = runner.invoke(app, ["build", str(file), "--set", "asr.max_s=3", "--json"])
    assert result.exit_code == 0, result.output
    assert "[execution.steps.transcribe] names no step of what was built" in result.stderr
    row = json.loads(result.stdout)[0]
    assert row["in"] == row["out"] + sum(row["rejects"].values())
    assert row["rejects"]["too_long"] > 1
    other = runner.invoke(app, ["build", str(file)])
    assert other.exit_code == 1
    assert "begun with another recipe" in other.output
    assert "max_s was 3.0, is now 30.0" in other.output


def test_a_corpus_of_the_same_build_is_a_source(sample: Path, tmp_path: Path) -> None:
    file = tmp_path / "build.toml"
    packed = '[corpora.packed]\nsource = { corpus = "text_safety" }\ncontext_tokens = 256\n'
    file.write_text(
        f'out = "made"\n[execution]\nworkers = 0\n[corpora.text_safety]\nsource = "{sample}/text_safety/prompts.jsonl"\n{packed}'
    )
    alone = runner.invoke(app, ["build", str(file), "--corpus", "packed"])
    assert alone.exit_code == 2
    assert "made/text_safety" in alone.output.replace("\n", "")
    result = runner.invoke(app, ["build", str(file), "--json"])
    assert result.exit_code == 0, result.output
    first, second = json.loads(result.stdout)
    assert (first["corpus"], second["corpus"]) == ("text_safety", "packed")
    assert second["in"] == first["out"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[corpora.packed]\nsource = { corpus = 'text_safty' }\n", "did you mean 'text_safety'?"),
        ("[corpora.asr]\nsource = '.'\nmax_sec = 3\n", "did you mean 'max_s'?"),
        ("[corpora.asr]\nsource = '.'\nmax_s = 'long'\n", "expected float"),
        ("[corpora.asrr]\nsource = '.'\n", "did you mean 'asr'?"),
        ("[corpora.asr]\nsource = 'nowhere.jsonl'\n", "is not there"),
        ("[corpora.asr]\nmax_s = 3\n", "has no source"),
        ("[corpora.asr]\nsource = { path = '.', formt = 'folder' }\n", "option 'formt' is unknown"),
        ("[execution]\nworker = 3\n[corpora.asr]\nsource = '.'\n", "did you mean 'workers'?"),
        ("corpora = 3", "names no corpus"),
        ("][", "reading build file"),
        (f"out = {'[' * 5_000}", "reading build file"),
    ],
)
def test_a_wrong_build_file_names_the_word(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "build.toml"
    file.write_text(text)
    result = runner.invoke(app, ["build", str(file)])
    assert result.exit_code == 2
    assert message in result.output


def test_a_summary_fits_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"corpus": "vision_sft.chart_table_diagram", "in": 100_000, "out": 99_000, "rejects": {"too_long": 999, "a": 1}, "faults": 1}
    tokens = {"num_text_tokens": 12_345_678, "num_image_tokens": 123_456_789, "num_audio_tokens": 0}
    spent = {"requests": 1_200, "prompt_tokens": 34_000, "output_tokens": 5_600, "cost": 0.125}
    rest = {"spent": spent, "bytes": 10**10, "seconds": 1_234.5, "workers": 2, "splits_built": 3, "splits_resumed": 1, "tokens": tokens}
    console = Console(width=80)
    console.print(summary_table([{**row, **rest}]))
    printed = capsys.readouterr().out
    for value in ("100,000", "99,000", "1,001", "12,345,678", "123,456,789", "10000.0", "1234.5"):
        assert value in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert list(summary_lines([{**row, **rest}]))[1:] == [
        "vision_sft.chart_table_diagram refused: too_long 999, a 1, FAULTS 1",
        "vision_sft.chart_table_diagram: 1,200 requests, 34,000 tokens read, 5,600 written, cost 0.125",
        "by 2 workers, 1 splits resumed: vision_sft.chart_table_diagram",
    ]


def test_inspect_by_key_finds_rows_and_refusals(demo: dict[str, Any]) -> None:
    corpus = demo["image_text"]["path"]
    refused = json.loads(runner.invoke(app, ["inspect", corpus, "--rejects", "--limit", "1", "--json"]).stdout)
    shown = runner.invoke(app, ["inspect", corpus, "--key", refused["key"]])
    assert refused["reason"] in shown.output
    assert runner.invoke(app, ["inspect", corpus, "--key", "nobody"]).exit_code == 1
    assert runner.invoke(app, ["inspect", str(Path(corpus).parent)]).exit_code == 1


def test_verify_says_what_is_wrong(tmp_path: Path) -> None:
    result = runner.invoke(app, ["verify", str(tmp_path)])
    assert result.exit_code == 1
    assert "has no recipe.json" in result.output


def test_list_names_every_corpus() -> None:
    rows = json.loads(runner.invoke(app, ["list", "--json"]).stdout)
    assert [row["corpus"] for row in rows] == list(CORPORA)
