"""Imports torchaudio, also beside a CPU build of torch.

torchaudio's wheel carries one compiled extension, linked to CUDA. Beside a CPU build of torch it cannot be loaded and the
import fails, although nothing used here needs it (and every library that looks for torchaudio, transformers among them,
fails with it). torchaudio itself works when the extension's file is absent: so, where the file cannot be loaded, it is
hidden while torchaudio is imported. Where it loads, nothing is done.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from unittest import mock


def import_torchaudio() -> ModuleType:
    """The torchaudio package. Raises: ImportError when it is not installed."""
    if "torchaudio" not in sys.modules and not _extension_loads():
        glob = Path.glob

        def without_extension(folder: Path, pattern: str) -> Iterator[Path]:
            return iter(()) if "torchaudio" in pattern else glob(folder, pattern)

        with mock.patch.object(Path, "glob", without_extension):
            import torchaudio
    import torchaudio

    return torchaudio


def _extension_loads() -> bool:
    import torch

    spec = importlib.util.find_spec("torchaudio")
    if spec is None or spec.origin is None:
        raise ImportError("torchaudio is not installed; install the project with its dependencies")
    try:
        for path in sorted((Path(spec.origin).parent / "lib").glob("*torchaudio*.so")):
            torch.ops.load_library(path)
    except OSError:
        return False
    return True
