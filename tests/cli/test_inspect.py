"""`corpusmill inspect`: which rows and refusals it shows, how, and what it says of a wrong word."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import Result
from typer.testing import CliRunner

from pipelines.__main__ import app
from pipelines.build import build
from pipelines.recipe import Recipe
from pipelines.step import each
from processors.contract import token_ids
from schemas.corpus import Corpus
from schemas.records import audios_of
from tests.toy import KeepEven, Numbers, Spell


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Numbers 0 to 39, without 3, which the source refuses; 7 makes a step raise; odd ones are refused."""
    out = tmp_path_factory.mktemp("toy")
    build(Recipe("toy", Numbers(40, 10, (3,)), (each(Spell(raises=(7,))), each(KeepEven()))), out)
    return out / "toy"


def inspect(path: Path | str, *options: str) -> Result:
    return CliRunner().invoke(app, ["inspect", str(path), *options])


def rows(path: Path | str, *options: str) -> list[dict[str, Any]]:
    result = inspect(path, *options, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def numbers(found: list[dict[str, Any]]) -> list[int]:
    return [row["facts"]["toy.number"] for row in found]


def test_a_condition_and_an_order_choose_rows(toy: Path) -> None:
    assert numbers(rows(toy, "--where", "number > 20 and toy.number not in (24, 26)", "--limit", "4")) == [22, 28, 30, 32]
    assert numbers(rows(toy, "--sort", "number", "--descending")) == [38, 36, 34]
    assert numbers(rows(toy, "--where", "licence == 'MIT'")) == []
    assert numbers(rows(toy, "--where", "number < 4  # a comment", "--key", rows(toy)[1]["key"])) == [2]
    drawn = rows(toy, "--sample", "5", "--seed", "1")
    assert len(drawn) == 5 == len({row["key"] for row in drawn})
    assert drawn == rows(toy, "--sample", "5", "--seed", "1") != rows(toy, "--sample", "5", "--seed", "2")


def test_conditions_reach_refusals_with_what_was_measured_of_them(toy: Path) -> None:
    found = rows(toy, "--rejects", "--where", "step == 'keep_even' and 10 < toy.number < 20", "--limit", "9")
    assert [(row["reason"], json.loads(row["facts"])["toy.number"]) for row in found] == [("odd", n) for n in (11, 13, 15, 17, 19)]
    assert [row["key"] for row in rows(toy, "--rejects", "--where", "toy.number is None", "--limit", "9")] == [
        row["key"] for row in rows(toy, "--rejects", "--where", "failure == 'fault' or reason == 'unreadable'", "--limit", "9")
    ]
    (last,) = rows(toy, "--rejects", "--sort", "toy.number", "--descending", "--limit", "1")
    assert json.loads(last["facts"]) == {"toy.number": 39}
    shown = inspect(toy, "--failure", "fault")
    assert "processor_raised: ValueError: planted fault at 7" in shown.output
    assert "in __call__" in shown.output  # the traceback


def test_measurements_that_cannot_be_read_are_told(toy: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(toy, tmp_path / "toy")
    for file in (copy / "rejects").iterdir():
        file.write_bytes(file.read_bytes().replace(b'{"toy.number":', b'["toy.number":'))
    result = inspect(copy, "--rejects", "--limit", "30")
    assert result.exit_code == 1
    assert "the facts of a refused record" in " ".join(result.output.split())


def test_tables_are_a_line_a_row(toy: Path) -> None:
    shown = inspect(toy, "--table", "--fact", "number", "--limit", "2")
    assert [line.split()[-1] for line in shown.output.splitlines() if ".." in line] == ["0", "2"]
    assert rows(toy, "--table", "--fact", "toy.num_letters", "--sort", "number", "--limit", "1") == [
        {"key": rows(toy)[0]["key"], "toy.number": 0, "toy.num_letters": 260}
    ]
    (refused,) = rows(toy, "--rejects", "--table", "--reason", "odd", "--fact", "toy.number", "--limit", "1")
    assert (refused["corpus"], refused["step"], refused["detail"], refused["toy.number"]) == ("toy", "keep_even", "1", 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--where", "toy.numbr > 3"], "fact 'toy.numbr' is unknown; did you mean 'toy.number'?"),
        (["--where", "toy.number > 'x'"], "is a number, and is compared with 'x', text"),
        (["--where", "1) or (toy.number > 3"], "cannot be read"),
        (["--sort", "lettrs"], "did you mean 'toy.num_letters'?"),
        (["--table", "--fact", "toy.nmber"], "did you mean 'toy.number'?"),
        (["--reason", "odt"], "no step refuses, and none refused, for 'odt'; did you mean 'odd'?"),
        (["--lineage"], "name it with --key"),
        (["--sources", "."], "--sources goes with --lineage"),
        (["--failure", "crashh"], "did you mean 'crash'?"),
        (["--wehre", "x"], "--where"),
    ],
)
def test_a_wrong_word_is_a_usage_error_that_names_the_nearest(options: list[str], message: str, toy: Path) -> None:
    result = inspect(toy, *options)
    assert result.exit_code == 2, result.output
    assert message in result.output.replace("\n", "")


def test_a_reason_that_refused_nothing_is_no_error(toy: Path, tmp_path: Path) -> None:
    build(Recipe("even", Numbers(1, 1), (each(Spell()), each(KeepEven()))), tmp_path)
    result = inspect(tmp_path / "even", "--reason", "odd")
    assert result.exit_code == 0
    assert result.output.strip() == "nothing was refused so"


def test_prompts_and_tokens_of_a_row(demo: dict[str, Any]) -> None:
    path = demo["asr"]["path"]
    record = next(Corpus(Path(path)).records())
    ids, learned = token_ids(record.turns)  # type: ignore[union-attr]
    (row,) = rows(path, "--tokens", "--limit", "1")
    assert row["sequences"] == {"conversation": {"input_ids": ids, "learned": learned}}
    shown = inspect(path, "--tokens", "--limit", "1").output.splitlines()
    assert shown[0] == f"key      {record.key}  conversation: {len(ids)} tokens, {sum(learned)} learned"
    assert sum(" + " in line for line in shown[1:]) == sum(learned)
    text = inspect(path, "--text", "--limit", "1").output
    assert text.splitlines()[1].startswith(f"<|user|><|endoftext11|>{{{record.facts['contract.num_audio_tokens']}}}Transcribe")


def test_the_sound_of_a_row_is_written_with_its_length(demo: dict[str, Any], tmp_path: Path) -> None:
    path = Path(demo["asr"]["path"])
    record = next(Corpus(path).records())
    result = inspect(path, "--key", record.key, "--wav", str(tmp_path / "row.wav"))
    assert result.exit_code == 0, result.output
    assert "rebuilt from the features" in result.output
    samples, rate = soundfile.read(tmp_path / "row.wav")
    (audio,) = audios_of(record)
    assert rate == 16_000
    assert abs(len(samples) - 160 * len(audio.log_mel)) <= 400  # type: ignore[arg-type]
    assert np.abs(samples).max() > 0.05
    nothing = inspect(demo["text_safety"]["path"], "--wav", str(tmp_path / "none.wav"))
    assert nothing.exit_code == 1 and "has no audio" in nothing.output


def test_lineage_is_a_tree_or_json(demo: dict[str, Any], sample: Path) -> None:
    path = Path(demo["asr"]["path"])
    key = next(Corpus(path).records()).key
    shown = inspect(path, "--key", key, "--lineage", "--sources", str(sample / "speech"))
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    assert lines[0].startswith(f"asr {key} row: ")
    assert "└── source manifest.jsonl byte 0" in shown.output
    assert "bytes, sha256 " in " ".join(shown.output.split())  # the tree may be folded
    (row,) = rows(path, "--key", key, "--lineage", "--sources", str(sample / "speech"))
    assert row["ancestors"][0]["file"]["path"] == str((sample / "speech" / "manifest.jsonl").resolve())
    gone = inspect(path, "--key", "nobody", "--lineage")
    assert gone.exit_code == 1 and "nothing in it descends from it" in gone.output


def test_thumbnails_are_drawn_on_a_terminal_or_when_asked(demo: dict[str, Any]) -> None:
    path = demo["grounding"]["path"]
    assert "▀" not in inspect(path, "--limit", "1").output
    assert "▀" in inspect(path, "--limit", "1", "--thumbnails").output
    assert "▀" not in inspect(path, "--limit", "1", "--thumbnails", "--json").output


def test_a_corpus_under_construction_can_be_looked_at(toy: Path, tmp_path: Path) -> None:
    for file in toy.rglob("*"):
        if file.is_file() and file.name != "corpus.json":
            target = tmp_path / "half" / file.relative_to(toy)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, target)
    assert numbers(rows(tmp_path / "half", "--limit", "2")) == [0, 2]
