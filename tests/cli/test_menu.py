"""The command line starts at once: help and short commands import nothing heavy; words are completed; wrong ones name the nearest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipelines import complete
from pipelines.__main__ import app
from pipelines.buildfile import parameters_of
from pipelines.corpora import CORPORA
from pipelines.signature import about, told_parameters
from pipelines.words import hint

HEAVY = ("torch", "ray", "datasets", "av", "trafilatura", "matplotlib", "pyarrow", "numpy", "scipy", "sklearn", "dask", "transformers")
RUN = """
import json, sys
from typer.testing import CliRunner
from pipelines.__main__ import app
told = []
for words in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, words)
    told.append([result.exit_code, [name for name in sys.argv[2].split() if name in sys.modules]])
print(json.dumps(told))
"""


def test_help_and_list_import_nothing_heavy() -> None:
    words = [["--help"], ["build", "--help"], ["inspect", "--help"], ["list", "--json"]]
    done = subprocess.run([sys.executable, "-c", RUN, json.dumps(words), " ".join(HEAVY)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [[0, []]] * len(words)


@pytest.mark.parametrize("corpus", CORPORA)
def test_parameters_read_from_the_text_are_those_of_the_function(corpus: str) -> None:
    told = told_parameters(corpus)
    assert told == {name: default for name, (_, default) in parameters_of(corpus).items()}
    assert list(told) == list(parameters_of(corpus))
    assert about(corpus) == CORPORA[corpus].make.__doc__


def completed(*words: str) -> list[str]:
    """What bash is offered for the last of the words."""
    line = " ".join(("corpusmill", *words))
    environment = {"_CORPUSMILL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    return CliRunner().invoke(app, [], prog_name="corpusmill", env=environment).stdout.split()


def test_words_are_completed(demo: dict[str, Any]) -> None:
    assert {"build", "inspect", "doctor"} <= set(completed(""))
    assert completed("insp") == ["inspect"]
    assert completed("build", "build.toml", "--corpus", "vision_sft.s") == ["vision_sft.slides", "vision_sft.safety"]
    assert completed("build", "build.toml", "--set", "asr.max_") == [
        "asr.max_s=",
        "asr.max_error_rate=",
        "asr.max_fit_cost=",
        "asr.max_tokens=",
    ]
    path = demo["asr"]["path"]
    assert completed("inspect", path, "--sort", "audio.s") == [
        "audio.silence_ratio",
        "audio.snr_db",
        "audio.source_rate_hz",
        "audio.speech_s",
    ]
    assert "too_long" in completed("inspect", path, "--reason", "too_")


def test_completion_without_a_corpus_offers_nothing(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("not JSON")
    for path in (None, tmp_path, tmp_path / "absent"):
        context = typer.Context(typer.main.get_command(app))  # type: ignore[arg-type]
        context.params = {"path": path}
        assert complete.facts(context, "") == complete.reasons(context, "") == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["inspct"], "Did you mean 'inspect'"),
        (["build", "x.toml", "--worker", "1"], "--workers"),
        (["build", "{build}", "--corpus", "asrr"], "did you mean 'asr'?"),
        (["build", "{build}", "--set", "asr.max_sec=3"], "did you mean 'max_s'?"),
        (["build", "{build}", "--set", "asrr.max_s=3"], "did you mean 'asr'?"),
        (["train", "--stage", "A11", "--corpus", "x", "--out", "y"], "there is no stage 'A11'"),
    ],
)
def test_a_wrong_word_names_the_nearest(words: list[str], message: str, sample: Path, tmp_path: Path) -> None:
    file = tmp_path / "build.toml"
    file.write_text(f'[corpora.asr]\nsource = "{sample}/speech/manifest.jsonl"\n')
    result = CliRunner().invoke(app, [word.replace("{build}", str(file)) for word in words])
    assert result.exit_code == 2, result.output
    assert message in result.output.replace("\n", "")


def test_the_nearest_word() -> None:
    known = ["audio.snr_db", "audio.speech_s", "text.language"]
    assert hint("audio.snr", known) == "did you mean 'audio.snr_db'?"
    assert hint("langauge", known) == "did you mean 'text.language'?"
    assert hint("xyz", known) == "expected one of audio.snr_db, audio.speech_s, text.language"
    assert hint("xyz", [f"w{number}" for number in range(30)]).endswith("w19 and 10 more")
    assert hint("xyz", []) == "there is none"
