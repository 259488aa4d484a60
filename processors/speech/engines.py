"""What a speaking and a hearing engine are: two small protocols, and the values that pass through them.

An engine is a frozen description of a program or model. `identity()` says everything that decides what it answers
(program, versions, model content, parameters), so that an answer can be kept and found again by content; `open()` loads
the model and gives the live callable. An engine's answer depends on the question alone: never on the questions before it
(decoders keep running means, neural voices draw noise: both must be reset or seeded a question).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from schemas.outcome import Reason


@dataclass(frozen=True, slots=True)
class Voice:
    """How something is spoken. `name` is the engine's own name of a voice or speaker; `rate` 1.0 is its usual pace.

    `reference` is the path of a clip whose voice is to be cloned (engines that can: see `TtsEngine.clones`).
    """

    name: str
    rate: float = 1.0
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A question to a speaking engine. `language` is ISO 639-1; `seed` decides what a neural voice draws."""

    text: str
    language: str
    voice: Voice
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """What a speaking engine answers. Shapes: samples (n,) float32 in [-1, 1], mono at `rate_hz`, exactly as the engine gave it."""

    samples: np.ndarray
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Word:
    """A heard or given word. Units: seconds from the start of the clip."""

    text: str
    start_s: float
    end_s: float
    confidence: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A question to a hearing engine. Shapes: samples (n,) float32 mono 16 kHz. `language` ISO 639-1, empty when unknown."""

    samples: np.ndarray
    language: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What a hearing engine answers: the text, word times where the engine has them, and the language it heard, if it tells."""

    text: str
    words: tuple[Word, ...] = ()
    language: str = ""


class TtsEngine(Protocol):
    """Speaks. `voices(language)` are the names of its pool, empty when it does not speak the language."""

    @property
    def name(self) -> str: ...
    @property
    def clones(self) -> bool: ...
    def identity(self) -> str: ...
    def voices(self, language: str) -> tuple[str, ...]: ...
    def open(self) -> AbstractContextManager[Callable[[list[Utterance]], list[Speech | Refusal]]]: ...


class AsrEngine(Protocol):
    """Hears. `languages` are those it can hear (ISO 639-1); empty means every one."""

    @property
    def name(self) -> str: ...
    @property
    def languages(self) -> tuple[str, ...]: ...
    def identity(self) -> str: ...
    def open(self) -> AbstractContextManager[Callable[[list[Clip]], list[Heard]]]: ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """An engine's answer when it gives no speech for a text, with what it said about it."""

    detail: str


NOT_SPOKEN = Reason("not_spoken", "The speaking engine gave no sound for the text")
