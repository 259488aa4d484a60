"""The commands as a menu: to list them, or to complete a word, no command's module is imported; to run one, its own is.

Torch, Ray and the decoders of media take seconds to import, and most commands need none of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

BUILD, LOOK, TRAIN, MACHINE = "Build corpora", "Look at corpora", "Train and validate", "This machine"


class Listed(TyperCommand):
    """A line of the menu; `place` is where the command's function, or its own menu, is: `module:name`."""

    def __init__(self, *, place: str, **told: Any) -> None:
        super().__init__(**told)
        self.place = place

    def load(self) -> Any:
        """The command itself."""
        module, _, name = self.place.partition(":")
        found = getattr(importlib.import_module(module), name)
        if isinstance(found, typer.Typer):
            command: Any = typer.main.get_group(found)
        else:
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command()(found)
            command = typer.main.get_command(alone)
        command.name, command.epilog = self.name, self.epilog
        return command


class Menu(TyperGroup):
    """A group whose listed commands are loaded when they are called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Listed) else command, rest


def add(app: typer.Typer, name: str, place: str, about: str, panel: str, examples: Sequence[str] = ()) -> None:
    """Puts the command at `place` on the menu; `about` is the first sentence of its help, `examples` are command lines shown below its help."""
    app.command(name, cls=partial(Listed, place=place), help=about, rich_help_panel=panel, epilog=epilog(examples))(_listed)  # type: ignore[arg-type]


def _listed() -> None:
    """Stands for a command that is not loaded."""


def epilog(examples: Sequence[str]) -> str:
    """Command lines as they stand below a command's help."""
    return "\n\n".join(["[bold]Examples[/]", *(f"  {escape(example)}" for example in examples)]) if examples else ""


def command(app: typer.Typer, name: str, panel: str, examples: Sequence[str] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function as a command, with its examples."""
    return app.command(name, rich_help_panel=panel, epilog=epilog(examples))
