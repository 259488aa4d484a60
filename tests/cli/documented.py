"""The command lines that README.md, runbooks and help texts show, as words; what stands in them for a name, and which cannot run here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:\.venv/bin/)?corpusmill [^`]+|make \w+|torchrun [^`]+|python -m [^`]+)`")
OURS = ("corpusmill", "torchrun", "python", "make", "pip", "cp", "mv")


@dataclass(frozen=True)
class Command:
    """A command line of a document; `words` start with the program."""

    document: str
    text: str

    @property
    def words(self) -> list[str]:
        words = shlex.split(self.text, comments=True)
        return [Path(words[0]).name, *words[1:]]

    @property
    def is_mention(self) -> bool:
        """Whether it only names a command, as in "see `corpusmill list`"."""
        return len(self.words) == 2

    def __str__(self) -> str:
        return f"{self.document}: {self.text}"


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "runbooks").glob("*.md"))]


def commands(document: Path) -> list[Command]:
    """The command lines of a document, in order."""
    text = document.read_text()
    found: dict[int, str] = {}
    for block in FENCE.finditer(text):
        if block[1] in ("", "sh", "console", "text"):
            found |= {block.start(2) + at: line for at, line in _lines(block[2])}
    prose = FENCE.sub(lambda block: " " * len(block[0]), text)
    found |= {inline.start(): " ".join(inline[1].split()) for inline in INLINE.finditer(prose)}
    return [Command(document.name, line) for _, line in sorted(found.items())]


def _lines(block: str) -> Iterator[tuple[int, str]]:
    """Lines that start with a program, continued lines joined."""
    at = 0
    joined = block.replace("\\\n", "\x00")
    for line in joined.split("\n"):
        plain = line.replace("\x00", " ").strip()
        if plain and Path(plain.split()[0]).name in OURS:
            yield at, plain
        at += len(line) + line.count("\x00") + 1


def tables(document: Path) -> list[str]:
    """The TOML blocks of a document."""
    return [block[2] for block in FENCE.finditer(document.read_text()) if block[1] == "toml"]


# ---- what stands in a document for a name of the reader's own

NAMES: dict[str, dict[str, str]] = {
    "": {"PATH": "demo/corpora/image_text", "PATH...": "demo/corpora/image_text", "CORPUS": "demo/corpora/asr"},
    "build.md": {"PATH": "demo/corpora/asr"},
    "speech.md": {"PATH": "demo/corpora/vision_speech"},
    "validate.md": {"demo/corpora/*": "demo/corpora/sqqa"},
    "language.md": {"65536": "16384"},
    "report.md": {"corpora": "before"},  # a folder of one corpus instead of 32, which take a minute
}

# Training takes the steps of a document in seconds, hundreds of them in minutes: two are taken here.
TRAIN_STEPS = "2"

# The one list of commands that are not run, with why; their options are still read.
NOT_RUN: dict[tuple[str, str], str] = {
    ("README.md", "make demo"): "the demonstration that all of these tests look at",
    ("README.md", "make test"): "these tests",
    ("README.md", "make check"): "these tests",
    ("README.md", "make bench"): "minutes, and packages of peers",
    ("train.md", "corpusmill demo"): "the demonstration that all of these tests look at",
    ("train.md", "torchrun"): "several processes that train; tests/model/test_train.py has them",
    ("validate.md", "corpusmill validate demo/corpora/asr demo/corpora/chart"): "half a minute of training; tests/model/validate has it",
    ("validate.md", "corpusmill validate big/asr --thorough"): "minutes of training",
    ("demonstration.md", "corpusmill demonstrate"): "hours of training",
    ("endpoints.md", "corpusmill build"): "a served model; tests/pipelines/endpoint has one",
    ("endpoints.md", "corpusmill inspect corpora/sqa --reason bad_reply"): "a corpus that a served model wrote",
    ("reasoning.md", "corpusmill build"): "a served model; tests/pipelines/endpoint has one",
    ("speech.md", "corpusmill build"): "weights of neural voices and ears, and a GPU",
    ("doctor.md", "corpusmill doctor --ray"): "a Ray, and the other checks once more",
    ("requeue.md", "corpusmill requeue build.toml --corpus dpo --reason bad_proportion"): "a refusal that the demonstration does not have",
    ("sandbox.md", "python -m tests.benchmarks"): "minutes",
    ("cluster.md", "corpusmill submit"): "a cluster; tests/submit has one",
    ("cluster.md", "corpusmill jobs"): "a cluster; tests/submit has one",
    ("kubernetes.md", "corpusmill submit"): "a cluster; tests/submit has one",
    ("stuck-build.md", "corpusmill jobs"): "a cluster; tests/submit has one",
    ("stuck-build.md", "corpusmill plan"): "a plan that was kept before",
    ("scale.md", "python -m tests.benchmarks"): "an hour",
    ("chaos.md", "python -m tests.chaos"): "minutes; tests/chaos has a short form",
    ("threat-model.md", "python -m tests.fuzz"): "minutes; tests/fuzz has a short form",
    ("threat-model.md", "make sbom"): "a minute; tests/security has it",
    ("threat-model.md", "make audit"): "a database of advisories on the network",
    ("grow.md", "corpusmill mix"): "two corpora of one kind; tests/growth has them",
    ("grow.md", "corpusmill gc s3://"): "a bucket; tests/growth has one",
    ("slurm.md", "corpusmill doctor"): "a shared folder",
    ("object-storage.md", "corpusmill copy s3://"): "a bucket; tests/storage has one",
}


def reason_not_run(command: Command) -> str | None:
    text = " ".join(command.words)
    return next((why for (document, start), why in NOT_RUN.items() if document == command.document and text.startswith(start)), None)
