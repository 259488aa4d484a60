"""Tesseract reads a page: one process a page, one thread, from Debian, with the models that are installed beside it.

Traps, all closed here: it uses every core unless OMP_THREAD_LIMIT says otherwise; it takes a picture without a resolution for one of
70 dots an inch and reads worse; without `--psm 1` it does not notice that a page stands on its head.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import re
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from processors.engine import EngineMissing
from processors.guard import told_environment
from processors.page.ocr_engines import Recognised, Scan

ORIENT_AND_READ, READ = "1", "3"  # page segmentation, with and without detection of orientation
SURE = 0.75  # a page read with less is read again in the other three directions: orientation is not found from a few words
CPU_S = 300  # of one page; a full page takes some three seconds
MEMORY_BYTES = 4 << 30


@functools.cache
def _installed() -> tuple[str, frozenset[str]]:
    """The program's version and its languages. Raises: EngineMissing."""
    if shutil.which("tesseract") is None:
        raise EngineMissing("tesseract, which reads scanned pages, is not on PATH; install it: apt-get install -y tesseract-ocr")
    version = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=False)
    listed = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=False)
    found = re.search(r"tesseract v?(\S+)", version.stdout + version.stderr)
    return found[1] if found else "of unknown version", frozenset(listed.stdout.split("\n")[1:]) - {""}


@dataclass(frozen=True, slots=True)
class Tesseract:
    """Reads the `languages` (Tesseract's names, as eng, deu, chi_sim), all of them on every page.

    Raises: ValueError without a language, or for what is no name of one. EngineMissing when asked, where program or model is absent.
    """

    languages: tuple[str, ...] = ("eng",)
    name: ClassVar = "tesseract"

    def __post_init__(self) -> None:
        strange = [language for language in self.languages if not re.fullmatch(r"[A-Za-z0-9_]{2,40}", language)]
        if strange or not self.languages:
            raise ValueError(f"languages of tesseract are {strange or self.languages}, expected names such as eng, deu, chi_sim")

    def identity(self) -> str:
        return f"tesseract {self._version()}; {'+'.join(self.languages)}; psm {ORIENT_AND_READ}, below {SURE} turned"

    def _version(self) -> str:
        version, there = _installed()
        missing = sorted({*self.languages, "osd"} - there)
        if missing:
            packages = " ".join(f"tesseract-ocr-{language.replace('_', '-')}" for language in missing)
            raise EngineMissing(f"tesseract has no model for {', '.join(missing)}; install it: apt-get install -y {packages}")
        return version

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[Scan]], list[Recognised]]]:
        self._version()
        yield lambda scans: [self._read(scan) for scan in scans]

    def _read(self, scan: Scan) -> Recognised:
        pixels = np.frombuffer(scan.grey, np.uint8).reshape(scan.height_px, scan.width_px)
        read = self._ask(pixels, scan.dpi, ORIENT_AND_READ)
        if read.paragraphs and read.confidence < SURE:
            turned = [self._ask(np.rot90(pixels, turns), scan.dpi, READ) for turns in (2, 1, 3)]
            return max((read, *turned), key=lambda one: one.confidence)
        return read

    def _ask(self, pixels: np.ndarray, dpi: int, segmentation: str) -> Recognised:
        command = ["tesseract", "stdin", "stdout", "-l", "+".join(self.languages), "--psm", segmentation, "--dpi", str(dpi), "tsv"]
        height, width = pixels.shape
        picture = b"P5 %d %d 255\n" % (width, height) + np.ascontiguousarray(pixels).tobytes()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**told_environment(), "OMP_THREAD_LIMIT": "1"},
        )
        with process:
            with contextlib.suppress(ProcessLookupError):  # it ended at once
                resource.prlimit(process.pid, resource.RLIMIT_CPU, (CPU_S, CPU_S))
                resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
            table, errors = process.communicate(picture)
        if process.returncode != 0:
            told = errors.decode("utf-8", "replace").strip()
            if "Too few characters" in told:  # of the detection of orientation: an empty page
                return Recognised((), 0.0)
            return Recognised((), 0.0, f"tesseract ended with code {process.returncode}: {told[-200:]}")
        return read_table(table.decode("utf-8", "replace"))


def read_table(table: str) -> Recognised:
    """The paragraphs of Tesseract's table of words; confidence is its words' own, weighed by their letters."""
    paragraphs: dict[tuple[str, str], dict[str, list[str]]] = {}
    sure = letters = 0.0
    for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        word = (row["text"] or "").strip()
        if row["level"] != "5" or not word:
            continue
        paragraph = paragraphs.setdefault((row["block_num"], row["par_num"]), {})
        paragraph.setdefault(row["line_num"], []).append(word)
        sure += len(word) * float(row["conf"]) / 100
        letters += len(word)
    lines = tuple(tuple(" ".join(words) for words in paragraph.values()) for paragraph in paragraphs.values())
    return Recognised(lines, sure / letters if letters else 0.0)
