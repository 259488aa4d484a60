"""The speakers of the demonstration: voices of Flite and eSpeak NG at several paces, and which of them no training hears.

Flite's voices are also played faster and slower, which moves pitch and vocal tract as other speakers have them (speed perturbation,
Ko et al. 2015). A held-out voice is held out at every pace.
"""

from __future__ import annotations

import functools
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from processors.engine import EngineMissing
from processors.speech.engines import Refusal, Utterance, Voice
from processors.speech.flite import Flite

RATE_HZ = 16_000
FLITE, ESPEAK = "flite", "espeak"


TRACTS = (0.87, 1.15)  # how much slower and faster training hears Flite's voices
PACES_WPM = (145, 180)
PITCHES = (35, 65)  # of eSpeak's 0 to 99


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice of an engine. `tract` plays it that much faster, pitch and formants with it; pace and pitch are eSpeak's own."""

    engine: str
    voice: str
    tract: float = 1.0
    words_per_minute: int = 160
    pitch: int = 50

    @property
    def name(self) -> str:
        return f"{self.engine}:{self.voice}:{self.tract:g}:{self.words_per_minute}:{self.pitch}"


ACCENTS = ("en-us", "en-gb", "en-gb-x-rp")
TRAIN_FLITE, TEST_FLITE = ("slt", "awb", "kal16"), ("rms",)
TRAIN_VARIANTS = (
    *("m1", "m2", "m3", "m6", "m7", "m8", "f1", "f2", "f3", "f5"),
    *("Alex", "Alicia", "Andrea", "Andy", "Annie", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Michael"),
    *("Mike", "adam", "anika", "antonio", "caleb", "ed", "edward", "gustave", "iven", "john", "linda", "max", "pablo", "paul", "quincy"),
    *("rob", "robert", "sandro", "shelby", "travis", "victor", "zac"),
)
TEST_SPEAKERS = (
    Speaker(FLITE, "rms"),
    *(Speaker(ESPEAK, voice) for voice in ("en-us+m4", "en-us+f4", "en-us+steph", "en-gb+m5", "en-gb+david", "en-gb-x-rp+belinda")),
)


def train_speaker(rng: np.random.Generator, flite_ratio: float = 0.35) -> Speaker:
    """A speaker of training: a voice, and how it is played or spoken, so that hardly two are the same."""
    if rng.random() < flite_ratio:
        low, high = np.log(TRACTS)
        return Speaker(FLITE, _one(rng, TRAIN_FLITE), round(float(np.exp(rng.uniform(low, high))), 2))
    voice = f"{_one(rng, ACCENTS)}+{_one(rng, TRAIN_VARIANTS)}"
    return Speaker(ESPEAK, voice, 1.0, int(rng.integers(*PACES_WPM)), int(rng.integers(*PITCHES)))


def _one(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    return names[int(rng.integers(len(names)))]


def speak(text: str, speaker: Speaker) -> np.ndarray:
    """Samples (n,) float32 at 16 kHz. Raises: EngineMissing without the program, RuntimeError where it gives no sound."""
    samples, rate_hz = _flite_says(text, speaker.voice) if speaker.engine == FLITE else _espeak(text, speaker)
    return np.clip(soxr.resample(samples, rate_hz * speaker.tract, RATE_HZ), -1, 1).astype(np.float32)


@functools.lru_cache(maxsize=1_000)
def _flite_says(text: str, voice: str) -> tuple[np.ndarray, int]:
    """Flite is the slower engine, and a voice says the same at every pace."""
    with Flite().open() as say:
        (spoken,) = say([Utterance(text, "en", Voice(voice))])
    if isinstance(spoken, Refusal):
        raise RuntimeError(f"flite's voice {voice} gave no speech for {text!r}: {spoken.detail}")
    return spoken.samples, spoken.rate_hz


def _espeak(text: str, speaker: Speaker) -> tuple[np.ndarray, int]:
    """The program itself: the demonstration has more of its variants than the toolkit's engine offers."""
    with tempfile.TemporaryDirectory(prefix="espeak-") as folder:
        sound = Path(folder) / "sound.wav"
        command = [
            "espeak-ng",
            "-v",
            speaker.voice,
            "-s",
            str(speaker.words_per_minute),
            "-p",
            str(speaker.pitch),
            "-w",
            str(sound),
            "--stdin",
        ]
        try:
            done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
        except FileNotFoundError:
            raise EngineMissing("espeak-ng, which gives the speakers, is not on PATH; install it: apt-get install -y espeak-ng") from None
        if done.returncode or not sound.is_file():
            raise RuntimeError(f"{speaker.name} gave no speech for {text!r}: {done.stderr.decode(errors='replace').strip()}")
        samples, rate_hz = soundfile.read(sound, dtype="float32")
    return samples, rate_hz
