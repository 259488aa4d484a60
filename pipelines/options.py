"""Options that several commands share, said once."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines import complete

Corpora = Annotated[
    list[str] | None, typer.Option("--corpus", help="Build only this corpus (may be repeated).", autocompletion=complete.corpora)
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="corpus.parameter=value, over the file's (may be repeated).", autocompletion=complete.parameters),
]
