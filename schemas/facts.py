"""A fact is a named, typed measurement, declared once in the module that measures it."""

from __future__ import annotations

from dataclasses import dataclass

TYPES = (bool, int, float, str)
EVERY = "every"  # what a processor `forgets` whose records carry no fact of those they were made from


@dataclass(frozen=True, slots=True)
class Fact:
    """Declares a measurement: `name` is `area.what_unit`, `type` one of bool, int, float, str."""

    name: str
    type: type
    doc: str

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise TypeError(f"fact {self.name!r} has type {self.type!r}, expected one of bool, int, float, str")
        if self.name.count(".") != 1 or not self.name.replace(".", "").replace("_", "").isalnum():
            raise ValueError(f"fact name {self.name!r} must read `area.what_unit`")
