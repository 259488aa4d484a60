"""How a build, or a command, ends with an error: one sentence; of a command in red on stderr, with an exit code."""

from __future__ import annotations

import logging

import typer
from rich.console import Console

from pipelines.logs import FAILED, tell
from schemas.redaction import redacted

err_console = Console(stderr=True)


class BuildError(RuntimeError):
    """The build cannot go on; the message says what was being done, what is wrong and what to do."""


def fail(message: str, code: int = 1) -> typer.Exit:
    """Prints the message, without secrets, and tells it to the log; raise what it gives. Codes: 1 a build or check failed, 2 usage."""
    message = redacted(message)
    tell(FAILED, message, logging.ERROR, exit_code=code)
    err_console.print(f"error: {message}", style="red", markup=False, soft_wrap=True)
    return typer.Exit(code)
