"""Imports transformers beside a CPU build of torch.

torchvision has no CPU wheel of its own here; its compiled operators are absent, and registering fake kernels for them
fails and would break every import of transformers. Only its pure-Python transforms are used, so these are ignored.
"""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any


def import_transformers() -> Any:
    """transformers, with torchvision's Python part where it is installed."""
    if importlib.util.find_spec("torchvision") is not None:
        import torch

        register = torch.library.register_fake

        def register_fake(op: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(op, str) and op.startswith("torchvision::"):
                return lambda function: function
            return register(op, *args, **kwargs)

        torch.library.register_fake = register_fake
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import torchvision  # noqa: F401
        finally:
            torch.library.register_fake = register
    if importlib.util.find_spec("torchaudio") is not None:
        from processors.torch_audio import import_torchaudio

        import_torchaudio()
    import transformers

    return transformers
