"""What a reading engine is: a small protocol like those of speaking and hearing, and the values that pass through it.

An engine is a frozen description of a program. `identity()` says everything that decides what it reads (program, version,
models, parameters); `open()` gives the live callable. What it reads on one page depends on that page alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from schemas.identity import digest


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A question to a reading engine: a page in grey. Shapes: `grey` holds height_px * width_px bytes, row by row. Units: `dpi` pixels an inch."""

    grey: bytes
    width_px: int
    height_px: int
    dpi: int

    def digest(self) -> str:
        return digest(self.grey, f"{self.width_px}x{self.height_px}", str(self.dpi))


@dataclass(frozen=True, slots=True)
class Recognised:
    """What an engine reads: paragraphs of lines, in its order. `confidence` is 0 to 1 over all characters; `refusal` says why there is nothing."""

    paragraphs: tuple[tuple[str, ...], ...]
    confidence: float
    refusal: str = ""

    def encode(self) -> bytes:
        told = {"paragraphs": self.paragraphs, "confidence": round(self.confidence, 4), "refusal": self.refusal}
        return json.dumps(told, ensure_ascii=False).encode()

    @classmethod
    def decode(cls, reply: bytes) -> Recognised:
        told = json.loads(reply)
        return cls(tuple(map(tuple, told["paragraphs"])), told["confidence"], told["refusal"])


class OcrEngine(Protocol):
    """Reads pictures of pages."""

    @property
    def name(self) -> str: ...
    def identity(self) -> str: ...
    def open(self) -> AbstractContextManager[Callable[[list[Scan]], list[Recognised]]]: ...
