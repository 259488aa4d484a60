"""Whisper hears some hundred languages: faster-whisper, which runs a converted model on CTranslate2.

The model is a folder made by CTranslate2's converter. faster-whisper takes a name for a model to fetch, and fetches a
tokenizer that is not in the folder: so here the folder must be there and whole before it is asked.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from processors.engine import EngineMissing
from processors.speech.engines import Clip, Heard, Word
from processors.speech.model_files import INSTALL_SPEECH, content_digest, existing
from schemas.parts import SAMPLE_RATE_HZ

FILES = ("model.bin", "config.json", "tokenizer.json")
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
COMPUTE_TYPES = {"cpu": "int8", "cuda": "float16"}
NUM_THREADS = 2  # a decoder on the CPU; a pool of decoders uses the other cores
BEAM_SIZE = 5  # as in arXiv 2212.04356, section 4.5
MIN_SAMPLES = SAMPLE_RATE_HZ // 10  # nobody says a word in less; the decoder makes words up for almost nothing


@dataclass(frozen=True, slots=True)
class Whisper:
    """Hears every language of its model, the one that the clip states or, where it states none that is known, the one detected.

    Greedy in temperature (0 alone, so nothing is drawn), no text of the window before as prompt, no voice activity filter:
    a clip's answer depends on the clip alone. Made by `whisper`.
    """

    folder: str
    content: str
    languages: tuple[str, ...] = ()
    device: str = "cpu"
    beam_size: int = BEAM_SIZE
    name: ClassVar = "faster-whisper"

    def __post_init__(self) -> None:
        if self.device not in COMPUTE_TYPES:
            raise ValueError(f"device of faster-whisper is {self.device!r}, expected cpu or cuda")
        if self.beam_size < 1:
            raise ValueError(f"beam size is {self.beam_size}, expected 1 or more")

    @property
    def resources(self) -> dict[str, Any]:
        return {"num_cpus": 1, "num_gpus": 1} if self.device == "cuda" else {"num_cpus": NUM_THREADS}

    def identity(self) -> str:
        made_by = f"faster-whisper {_version('faster-whisper')} ctranslate2 {_version('ctranslate2')}"
        return f"{made_by} model {self.content} {COMPUTE_TYPES[self.device]} beam {self.beam_size} temperature 0"

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[Clip]], list[Heard]]]:
        from faster_whisper import WhisperModel

        model = WhisperModel(
            self.folder,
            device=self.device,
            compute_type=COMPUTE_TYPES[self.device],
            cpu_threads=NUM_THREADS,
            num_workers=1,
            local_files_only=True,
        )
        known = frozenset(model.supported_languages)
        yield lambda clips: [self._hear(model, clip, known) for clip in clips]

    def _hear(self, model: Any, clip: Clip, known: frozenset[str]) -> Heard:
        if len(clip.samples) < MIN_SAMPLES:
            return Heard("", (), clip.language)
        segments, info = model.transcribe(
            np.ascontiguousarray(clip.samples, np.float32),
            language=clip.language if clip.language in known else None,
            beam_size=self.beam_size,
            temperature=0.0,
            condition_on_previous_text=False,
            vad_filter=False,
            word_timestamps=True,
        )
        segments = list(segments)
        duration_s = len(clip.samples) / SAMPLE_RATE_HZ
        words = tuple(_word(word, duration_s) for segment in segments for word in segment.words or ())
        return Heard(" ".join("".join(segment.text for segment in segments).split()), words, info.language)


def _word(word: Any, duration_s: float) -> Word:
    """Windows are padded to 30 s: a last word may be said to end after the clip."""
    start_s, end_s = (min(max(float(at), 0.0), duration_s) for at in (word.start, word.end))
    return Word(word.word.strip(), start_s, max(start_s, end_s), float(word.probability))


def whisper(model: str, device: str = "cpu", beam_size: int = BEAM_SIZE) -> Whisper:
    """The engine of a converted model in folder `model`; `device` is cpu or cuda.

    Raises: EngineMissing without the package or a file of the model; ValueError for another device or beam size.
    """
    _version("faster-whisper")
    folder = existing(model, "the model of faster-whisper")
    missing = [name for name in FILES if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in VOCABULARIES):
        missing.append(" or ".join(VOCABULARIES))
    if missing:
        convert = "ct2-transformers-converter --model FOLDER --output_dir FOLDER --copy_files tokenizer.json preprocessor_config.json"
        raise EngineMissing(f"{folder} has no {', '.join(missing)}; make the folder with: {convert}")
    return Whisper(str(folder), content_digest(folder), _languages(folder), device, beam_size)


def _languages(folder: Path) -> tuple[str, ...]:
    """English alone for a model trained on English alone: its vocabulary lacks the empty token, by which CTranslate2 tells it too."""
    listed = folder / VOCABULARIES[0]
    if listed.is_file():
        tokens = json.loads(listed.read_text(encoding="utf-8"))
    else:
        tokens = (folder / VOCABULARIES[1]).read_text(encoding="utf-8").splitlines()
    return () if "" in tokens else ("en",)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        raise EngineMissing(f"{package}, which hears with Whisper, is not installed; install it: {INSTALL_SPEECH}") from None
