"""How a command ends with an error: one red sentence on stderr, and an exit code."""

from __future__ import annotations

import typer
from rich.console import Console

err_console = Console(stderr=True)


def fail(message: str, code: int = 1) -> typer.Exit:
    """Prints the message; raise what it gives. Codes: 1 a build or check failed, 2 usage."""
    err_console.print(f"error: {message}", style="red", markup=False, soft_wrap=True)
    return typer.Exit(code)
