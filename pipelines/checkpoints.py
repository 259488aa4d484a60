"""`corpusmill checkpoint`: weights between the forms of the official code and of transformers, and out of training runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.failure import fail

app = typer.Typer(help="Convert weights between the official code, transformers and training runs.", no_args_is_help=True)


@app.callback()
def _checkpoint() -> None:
    """Keeps `convert` a command of its own while it is the only one."""


@app.command("convert")
def convert_command(
    source: Annotated[Path, typer.Argument(help="A folder of the official code or of transformers, or a run of `corpusmill train`.")],
    target: Annotated[Path, typer.Argument(help="A new folder.")],
    to: Annotated[Literal["official", "transformers"], typer.Option(help="Whose names and files to write.")] = "transformers",
    dtype: Annotated[Literal["float32", "bfloat16", "float16"] | None, typer.Option(help="Another type of numbers.")] = None,
) -> None:
    """Convert a checkpoint, tensor by tensor: memory holds one file of it at most. A run's newest checkpoint is taken, held whole."""
    import torch

    from model.checkpoint import CheckpointError, load_model
    from model.convert import CheckpointMismatch, convert_checkpoint, save_official, save_transformers
    from model.official_config import ConfigMismatch

    kind = None if dtype is None else getattr(torch, dtype)
    try:
        if (source / "config.json").is_file():
            convert_checkpoint(source, target, to, kind)
        else:
            model, _ = load_model(source)
            (save_official if to == "official" else save_transformers)(model, target, kind)
    except (ConfigMismatch, CheckpointMismatch, CheckpointError, FileExistsError, OSError) as error:
        raise fail(f"converting {source}: {error}") from error
    typer.echo(f"{target}: written for {'the official code' if to == 'official' else 'transformers'}")
