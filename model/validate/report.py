"""What a validation says: for each check a state, its figures and one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

Figure = int | float | str | bool


class State(StrEnum):
    """`too_few_rows` is neither good nor bad: the rows that are there cannot tell, and the sentence says how many could."""

    PASS = "pass"
    FAIL = "fail"
    TOO_FEW = "too_few_rows"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check."""

    name: str
    state: State
    sentence: str
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Validation:
    """The outcome of all checks of a corpus, in a fixed order."""

    corpus: str
    path: Path
    stage: str
    kind: str
    num_rows: int
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """No check failed."""
        return all(check.state is not State.FAIL for check in self.checks)

    def check(self, name: str) -> Check:
        """The check of that name. Raises KeyError with the names that there are."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(f"no check {name!r}; there are {', '.join(check.name for check in self.checks)}")

    def to_json(self) -> dict[str, object]:
        """The validation as JSON values."""
        return {
            "corpus": self.corpus,
            "path": str(self.path),
            "stage": self.stage,
            "kind": self.kind,
            "num_rows": self.num_rows,
            "passed": self.passed,
            "checks": [
                {"name": check.name, "state": check.state.value, "sentence": check.sentence, "figures": dict(check.figures)}
                for check in self.checks
            ],
        }


def passed(name: str, sentence: str, **figures: Figure) -> Check:
    return Check(name, State.PASS, sentence, rounded(figures))


def failed(name: str, sentence: str, **figures: Figure) -> Check:
    return Check(name, State.FAIL, sentence, rounded(figures))


def too_few(name: str, sentence: str, **figures: Figure) -> Check:
    return Check(name, State.TOO_FEW, sentence, rounded(figures))


def not_applicable(name: str, sentence: str, **figures: Figure) -> Check:
    return Check(name, State.NOT_APPLICABLE, sentence, rounded(figures))


def rounded(figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """Figures with numbers of five significant digits, which is what a reader compares."""
    return {name: float(f"{value:.5g}") if isinstance(value, float) else value for name, value in figures.items()}
