"""Flite speaks English: a small program from Debian, without a model to fetch.

One process speaks one utterance, 10 ms (kal16, diphones) to 40 ms (the others) for a question of 2.5 s. Loudness differs
by voice: kal16 has a quarter of the energy of slt. What Flite cannot read it leaves out in silence, and it takes a voice it
does not know for kal: here both are told.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import soundfile

from processors.engine import EngineMissing
from processors.speech.engines import Refusal, Speech, Utterance

VOICES = ("awb", "kal16", "rms", "slt")
MAX_WORD = 200  # characters; the time for a word grows faster than its square, 20,000 take minutes
MAX_CHARACTERS = 5_000  # five minutes of speech: without a full stop the time for a text grows faster than its length, too
SILENT_PEAK = 0.01  # a text of punctuation alone gives a breath of 0.003; the quietest voice reaches 0.3
READABLE = str.maketrans("‘’‚‛“”„‟«»", "''''" + '""""""')


@functools.cache
def _version() -> str:
    """The program's version. Raises: EngineMissing."""
    if shutil.which("flite") is None:
        raise EngineMissing("flite, which speaks English, is not on PATH; install it: apt-get install -y flite")
    told = subprocess.run(["flite", "--version"], capture_output=True, text=True, check=False)
    return next((line.split(":", 1)[1].strip() for line in told.stdout.splitlines() if "version:" in line), "of unknown version")


@dataclass(frozen=True, slots=True)
class Flite:
    """Speaks English with four voices: three statistical (awb, rms, slt) and one of diphones (kal16), all of 16 kHz.

    Raises: ValueError for a pool that is empty or names another voice.
    """

    pool: tuple[str, ...] = VOICES
    name: ClassVar = "flite"
    clones: ClassVar = False

    def __post_init__(self) -> None:
        if not self.pool or not set(self.pool) <= set(VOICES):
            raise ValueError(f"voices of flite are {self.pool}, expected some of {', '.join(VOICES)}")

    def identity(self) -> str:
        return f"flite {_version()}; text folded to ASCII; pace by duration_stretch"

    def voices(self, language: str) -> tuple[str, ...]:
        return self.pool if language == "en" else ()

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[Utterance]], list[Speech | Refusal]]]:
        _version()
        with tempfile.TemporaryDirectory(prefix="flite-") as folder:
            yield lambda utterances: [_speak(Path(folder), utterance) for utterance in utterances]


def readable(text: str) -> str | Refusal:
    """The text in the ASCII that Flite reads: accents and curly quotes folded, other punctuation and controls to spaces."""
    if len(text) > MAX_CHARACTERS:
        return Refusal(f"a text of {len(text)} characters, expected {MAX_CHARACTERS} or fewer")
    folded = unicodedata.normalize("NFKD", text.translate(READABLE))
    foreign = sorted({c for c in folded if not c.isascii() and unicodedata.category(c)[0] in "LNS"})
    if foreign:
        return Refusal(f"flite cannot read {' '.join(foreign[:5])}")
    plain = "".join(c if c.isascii() and c.isprintable() else "" if unicodedata.combining(c) else _pause(c) for c in folded)
    longest = max(map(len, plain.split()), default=0)
    return plain if longest <= MAX_WORD else Refusal(f"a word of {longest} characters, expected {MAX_WORD} or fewer")


def _pause(character: str) -> str:
    """A dash separates, a paragraph ends a sentence; anything else is a space."""
    return ", " if character in "–—―" else "\n" if character == "\n" else " "


def _speak(folder: Path, utterance: Utterance) -> Speech | Refusal:
    """Text goes through a file: nothing in it can be taken for an option, and it may be of any length."""
    if utterance.voice.name not in VOICES:
        return Refusal(f"flite has no voice {utterance.voice.name!r}")
    plain = readable(utterance.text)
    if isinstance(plain, Refusal):
        return plain
    text, sound = folder / "text.txt", folder / "sound.wav"
    text.write_text(plain, encoding="ascii")
    sound.unlink(missing_ok=True)
    stretch = f"duration_stretch={1 / utterance.voice.rate:.4f}"
    command = ["flite", "-voice", utterance.voice.name, "--setf", stretch, "-f", str(text), "-o", str(sound)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode or not sound.is_file():
        return Refusal(f"flite ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    samples, rate_hz = soundfile.read(sound, dtype="float32")
    if not len(samples) or float(np.abs(samples).max()) < SILENT_PEAK:
        return Refusal("flite gave no sound")
    return Speech(samples, rate_hz)
