"""Every command line of README.md, of the runbooks and of help texts: run on the demonstration, or, where it cannot be, read by its command."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipelines.__main__ import app
from pipelines.buildfile import read_execution, read_job
from pipelines.corpora import CORPORA
from pipelines.menu import Listed
from schemas.corpus import Corpus
from tests.cli.documented import NAMES, NOT_RUN, ROOT, TRAIN_STEPS, Command, commands, documents, reason_not_run, tables

DOCUMENTS = [path for path in documents() if commands(path)]
MENU: Any = typer.main.get_command(app)


@pytest.fixture
def scratch(demo: dict[str, Any], sample: Path, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like the one in which a reader of the documents works: a demonstration, corpora and sources under the names they use."""
    made = run_folder / "demo" / "corpora"
    for place in ("demo/corpora", "corpora"):  # linked files: a command that wrote into one would replace it here alone
        shutil.copytree(made, tmp_path / place, copy_function=os.link, ignore=shutil.ignore_patterns(".replies"))
        (tmp_path / place / ".replies").symlink_to(made / ".replies")
    (tmp_path / "demo" / "sample").symlink_to(sample)
    for name in ("speech", "web"):
        (tmp_path / name).symlink_to(sample / name)
    (tmp_path / "raw").symlink_to(sample / "speech")
    (tmp_path / "coco").symlink_to(sample / "images")
    (tmp_path / "build.toml").write_text(build_file())
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial" / ".replies").symlink_to(made / ".replies")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_the_commands_of_a_document_work(document: Path, scratch: Path) -> None:
    prepare(document.name, scratch)
    for command in commands(document):
        if command.words[0] == "make":
            assert re.search(rf"^{command.words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command
        elif command.is_mention:
            assert command.words[1] in MENU.commands, command
        elif reason_not_run(command) is not None:
            read(words_of(command, scratch))
        else:
            run(command, words_of(command, scratch))


def run(command: Command, words: list[str]) -> None:
    if words[0] == "python":
        assert words[1] == "-c", command
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(words[2], str(command), "exec"), {})
        assert said.getvalue(), command
        return
    assert words[0] == "corpusmill", command
    result = CliRunner().invoke(app, words[1:])
    assert result.exit_code == 0, f"{command}\n{result.output}"
    assert result.output.strip(), command


def read(words: list[str]) -> None:
    """Reads the words as the command does, without running it: a renamed option is an error."""
    if "pipelines" in words:  # torchrun ... -m pipelines
        words = ["corpusmill", *words[words.index("pipelines") + 1 :]]
    if words[0] != "corpusmill":
        return
    context = MENU.make_context("corpusmill", words[1:2])
    group, rest = MENU, words[1:]
    while True:
        name, command, rest = group.resolve_command(context, rest)
        if not hasattr(command, "commands"):
            command.make_context(name, list(rest), parent=context)
            return
        group = command


def words_of(command: Command, scratch: Path) -> list[str]:
    """The words with the reader's own names put in (NAMES), few steps of training, and what a shell would expand."""
    names = {**NAMES[""], **NAMES.get(command.document, {})}
    words = [names.get(word, word) for word in command.words if word != "..."]
    if words[1:2] == ["train"] and "--list" not in words and "--steps" not in words:
        words += ["--steps", TRAIN_STEPS]
    if "--steps" in words:
        words[words.index("--steps") + 1] = TRAIN_STEPS
    if "KEY" in words:
        words[words.index("KEY")] = next(iter(Corpus(scratch / words[2]).records())).key
    found = next((word for word in words if "DIGEST" in word), None)
    if found is not None:
        (path,) = scratch.glob(found.replace("DIGEST", "*"))
        words[words.index(found)] = str(path)
    return words


def prepare(document: str, scratch: Path) -> None:
    """What a document has its reader bring or build before its commands."""
    if document == "README.md":
        remove(scratch / "corpora", "asr")  # its build file builds it anew
        (scratch / "build.toml").write_text(tables(ROOT / "README.md")[0])
    if document == "build.md":
        remove(scratch / "corpora", "asr", "image_text", "language_pretrain")
        text = tables(ROOT / "runbooks" / "build.md")[0]
        assert "workers = 8" in text
        (scratch / "build.toml").write_text(text.replace("workers = 8", "workers = 0").replace('images = "train", ', ""))
    if document == "calibrate.md":
        (scratch / "build.toml").write_text('[corpora.vision_speech]\nsource = "demo/sample/charts/questions.jsonl"\n')
        keys = [record.key for record in Corpus(scratch / "demo" / "corpora" / "vision_speech").records()]
        (scratch / "labels.jsonl").write_text("".join(json.dumps({"key": key, "ok": at > 1}) + "\n" for at, key in enumerate(keys)))
    if document == "language.md":
        for name, word in (("textbooks", "theorem"), ("web", "bargain")):
            rows = [{"text": f"The {word} number {number} is about {word}s and {word} {number * 7}."} for number in range(60)]
            (scratch / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if document == "plan.md":  # five plans of all that there is would take minutes; tests of plans plan all
        (scratch / "build.toml").write_text(build_file(("asr", "grounding", "language_pretrain", "packed", "attempts", "cot_sft")))
    if document == "report.md":
        for build in ("before", "after"):
            shutil.copytree(scratch / "demo" / "corpora" / "asr", scratch / build / "asr")
    if document == "train.md":
        run(
            Command(document, ""),
            ["corpusmill", "train", "--stage", "R2", "--corpus", "demo/corpora/cot_sft", "--out", "runs/R2", "--steps", "2"],
        )


def build_file(names: Iterable[str] = tuple(CORPORA)) -> str:
    """A build file that gives corpora of the demonstration."""
    lines = ['out = "corpora"', "[execution]", "workers = 0"]
    for name in names:
        kind = CORPORA[name]
        lines.append(f"[corpora.{name}]")
        lines.append(f"source = {toml_of(kind.sample, 'demo/sample/')}")
        lines += [f"{word} = {toml_of(value, 'demo/sample/')}" for word, value in kind.sample_parameters.items()]
    return "\n".join(lines) + "\n"


def toml_of(value: Any, folder: str) -> str:
    if isinstance(value, list):
        return f"[{', '.join(toml_of(item, folder) for item in value)}]"
    if isinstance(value, dict):
        words = [f"{word} = {toml_of(inner, folder if word == 'path' else '')}" for word, inner in value.items()]
        return f"{{ {', '.join(words)} }}"
    return json.dumps(f"{folder}{value}") if isinstance(value, str) else json.dumps(value)


def remove(corpora: Path, *names: str) -> None:
    """Removes corpora with their earlier stages."""
    for name in names:
        shutil.rmtree(corpora / name)
        for stage in (corpora / ".stages").glob(f"{name}.*"):
            shutil.rmtree(stage)


@pytest.mark.parametrize("document", [path for path in documents() if tables(path)], ids=lambda path: path.stem)
def test_build_files_of_a_document_can_be_read(document: Path, sample: Path) -> None:
    """Every corpus, parameter and value of the TOML blocks; the sources in them are the reader's own, and are the sample's here."""
    for text in tables(document):
        table = tomllib.loads(text)
        if "by" in table:
            continue  # a mixture, of corpora that are built
        if "execution" in table:
            read_execution(table["execution"], document.name)
        corpora: dict[str, Any] = {}
        for name, inner in table.get("corpora", {}).items():
            corpora |= {name: inner} if name in CORPORA else {f"{name}.{family}": part for family, part in inner.items()}
        for name, inner in corpora.items():
            read_job(name, {**inner, "source": CORPORA[name].sample}, sample, f"{document.name} [{name}]")


def test_help_texts_show_commands_that_can_be_read() -> None:
    shown = [line.strip() for command in MENU.commands.values() for line in (command.epilog or "").splitlines() if "corpusmill" in line]
    assert len(shown) > 20
    for line in shown:
        read(Command("help", line.replace("\\[", "[")).words)


def test_the_list_of_commands_that_are_not_run_is_used() -> None:
    found = [command for path in documents() for command in commands(path)]
    for document, start in NOT_RUN:
        assert any(command.document == document and " ".join(command.words).startswith(start) for command in found), (document, start)
    assert len(found) > 40


def test_reading_finds_a_renamed_option() -> None:
    with pytest.raises(Exception, match="No such option: --stages"):
        read(["corpusmill", "train", "--stages", "L1"])
    with pytest.raises(Exception, match="No such command"):
        read(["corpusmill", "training"])


def test_the_menu_tells_what_commands_tell_of_themselves() -> None:
    listed = [command for command in MENU.commands.values() if isinstance(command, Listed)]
    assert len(listed) > 5
    for command in listed:
        loaded = command.load()
        assert loaded.help.startswith(command.help), command.name
