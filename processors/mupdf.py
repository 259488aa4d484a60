"""PyMuPDF without its page-layout model.

`import pymupdf` also imports `pymupdf.layout` where that is installed (it comes with it). That starts onnxruntime, which takes
seconds and threads in every process that reads a page or draws a line of text, and `find_tables` would ask the model. Here
pages are laid out by this project's own rules.
"""

from __future__ import annotations

import sys
from typing import Any

LAYOUT = "pymupdf.layout"


def import_pymupdf() -> Any:
    """The module `pymupdf`; its layout model stays importable for programs that want it."""
    if "pymupdf" in sys.modules:
        return sys.modules["pymupdf"]
    blocked = LAYOUT not in sys.modules
    if blocked:
        sys.modules[LAYOUT] = None  # type: ignore[assignment]  # how Python is told that a module cannot be imported
    try:
        import pymupdf
    finally:
        if blocked:
            del sys.modules[LAYOUT]
    return pymupdf


class _Later:
    """The module `pymupdf`, imported when something of it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_pymupdf(), name)


pymupdf: Any = _Later()
