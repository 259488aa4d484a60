"""eSpeak NG speaks all eight languages of the model's speech: a formant synthesiser from Debian, without a model to fetch.

One process speaks one utterance, about 20 ms for a question. Its voices are a language's rules said in the manner of a
variant. It is intelligible rather than natural, and an English recogniser mishears it. Traps of version 1.51, all closed
here: `[[...]]` is phonemes to it, and control characters are commands; a variant that it does not know it leaves out, and
so it does with every variant of `fr-fr` and `en-gb` (`fr` and `en` take them); the voice `cmn` reads pinyin as if it were
English ("ni three"), where `cmn-latn-pinyin` speaks Chinese; in Japanese it says the English words "Chinese letter" for
every kanji.
"""

from __future__ import annotations

import contextlib
import functools
import re
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

ACCENTS = {
    "en": ("en-us", "en"),
    "zh": ("cmn-latn-pinyin",),
    "fr": ("fr",),
    "de": ("de",),
    "it": ("it",),
    "ja": ("ja",),
    "pt": ("pt-br",),
    "es": ("es", "es-419"),
}
VARIANTS = ("m3", "m7", "rob", "f2", "f5", "Annie")  # pitches of 102, 105, 120, 190, 201 and 230 Hz, and of unlike timbre
VOICES = {language: tuple(f"{accent}+{name}" for accent in accents for name in VARIANTS) for language, accents in ACCENTS.items()}
ALL_VOICES = tuple(voice for voices in VOICES.values() for voice in voices)
WORDS_PER_MINUTE = 175  # the program's own pace
MAX_CHARACTERS = 10_000  # some twelve minutes
SILENT_PEAK = 0.01  # a text of punctuation alone gives zeros, the quietest voice reaches 0.3
SCRIPTS = {"zh": ("CJK", "LATIN"), "ja": ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "LATIN")}


@functools.cache
def _version() -> str:
    """The program's version. Raises: EngineMissing."""
    if shutil.which("espeak-ng") is None:
        raise EngineMissing("espeak-ng, which speaks eight languages, is not on PATH; install it: apt-get install -y espeak-ng")
    told = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+\.\d[\w.-]*", told)
    return found[0] if found else "of unknown version"


@dataclass(frozen=True, slots=True)
class Espeak:
    """Speaks en, zh, fr, de, it, ja (kana only), pt and es, at 22,050 Hz; a voice is an accent and a variant, like `en-us+f2`.

    Raises: ValueError for a pool that is empty or names another voice.
    """

    pool: tuple[str, ...] = ALL_VOICES
    name: ClassVar = "espeak"
    clones: ClassVar = False

    def __post_init__(self) -> None:
        strange = [voice for voice in self.pool if voice not in ALL_VOICES]
        if strange or not self.pool:
            accents = ", ".join(accent for accents in ACCENTS.values() for accent in accents)
            raise ValueError(f"voices of espeak are {strange or self.pool}, expected one of {accents}, + and one of {', '.join(VARIANTS)}")

    def identity(self) -> str:
        return f"espeak-ng {_version()}; text in NFKC; pace by words a minute"

    def voices(self, language: str) -> tuple[str, ...]:
        return tuple(voice for voice in VOICES.get(language, ()) if voice in self.pool)

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[Utterance]], list[Speech | Refusal]]]:
        _version()
        with tempfile.TemporaryDirectory(prefix="espeak-") as folder:
            yield lambda utterances: [_speak(Path(folder), utterance) for utterance in utterances]


def readable(text: str, language: str) -> str | Refusal:
    """The text as eSpeak reads it out whole: one form of each character, nothing that it takes for phonemes or commands."""
    if len(text) > MAX_CHARACTERS:
        return Refusal(f"a text of {len(text)} characters, expected {MAX_CHARACTERS} or fewer")
    plain = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in unicodedata.normalize("NFKC", text))
    foreign = sorted({c for c in plain if not _readable(c, language)})
    if foreign:
        kanji = "; it reads kanji as the words 'Chinese letter', give kana" if language == "ja" else ""
        return Refusal(f"espeak cannot read {' '.join(foreign[:5])} in {language!r}{kanji}")
    if not any(c.isalnum() for c in plain):
        return Refusal("espeak is given no letter and no digit")
    return re.sub(r"\[(?=\[)", "[ ", plain)


def _readable(character: str, language: str) -> bool:
    """Letters of the language's scripts and what is no letter, pictures apart: other scripts are spelled out by name."""
    category = unicodedata.category(character)
    if category == "So":
        return character == "°"
    if category[0] != "L" or (category == "Lm" and character == "ー"):
        return True
    return unicodedata.name(character, "?").split(" ")[0] in SCRIPTS.get(language, ("LATIN", "MASCULINE", "FEMININE"))


def _speak(folder: Path, utterance: Utterance) -> Speech | Refusal:
    """Text goes through standard input: nothing in it can be taken for an option, and `-m`, which reads mark-up, is not given."""
    voice = utterance.voice.name
    if voice not in VOICES.get(utterance.language, ()):
        return Refusal(f"espeak has no voice {voice!r} for language {utterance.language!r}")
    plain = readable(utterance.text, utterance.language)
    if isinstance(plain, Refusal):
        return plain
    sound = folder / "sound.wav"
    sound.unlink(missing_ok=True)
    pace = str(round(WORDS_PER_MINUTE * utterance.voice.rate))
    command = ["espeak-ng", "-v", voice, "-s", pace, "-b", "1", "-w", str(sound), "--stdin"]
    done = subprocess.run(command, input=plain.encode(), capture_output=True, check=False)
    if done.returncode or not sound.is_file():
        return Refusal(f"espeak-ng ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    samples, rate_hz = soundfile.read(sound, dtype="float32")
    if not len(samples) or float(np.abs(samples).max()) < SILENT_PEAK:
        return Refusal("espeak gave no sound")
    return Speech(samples, rate_hz)
