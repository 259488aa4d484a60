"""How a command takes the place of a corpus: a folder of this machine, or a URL on an object store."""

from __future__ import annotations

from pathlib import Path

import typer


def path(text: str) -> Path:
    """What a command line names, such as `corpora/asr` or `s3://bucket/corpora/asr`; for the `parser` of an argument or option."""
    from schemas.store import place_of  # a tenth of a second to import

    try:
        return place_of(text)
    except (ValueError, ImportError) as error:
        raise typer.BadParameter(str(error)) from error
