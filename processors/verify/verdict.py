"""What a verifier says of an answer."""

from __future__ import annotations

from dataclasses import dataclass

RIGHT, WRONG, CANNOT_TELL = "right", "wrong", "cannot_tell"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`value` is right, wrong or cannot_tell; `cause` a short name for the kind of finding, `why` a sentence about this one.

    Wrong is said only where the verifier knows: what it cannot read, compare or run is cannot_tell.
    """

    value: str
    cause: str
    why: str = ""

    def __post_init__(self) -> None:
        if self.value not in (RIGHT, WRONG, CANNOT_TELL):
            raise ValueError(f"a verdict is {self.value!r}, expected {RIGHT}, {WRONG} or {CANNOT_TELL}")


# Causes that the corpora refuse by name; a verifier may have others.
NO_ANSWER = "no_answer"  # the attempt ends without an answer, or is cut short
TIMEOUT = "timeout"  # a program, or a comparison, took longer than its limit
UNSAFE = "unsafe"  # a program did what the sandbox forbids
EQUAL, DIFFERENT = "equal", "different"
PASSED, FAILED = "passed", "failed"  # tests
UNREADABLE = "unreadable"  # answer or reference is in no form that the verifier reads
