"""transformers' model with the weights of ours, through the files that `save_transformers` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from model.batch import Batch, Example
from model.collate import keyword_inputs
from model.convert import save_transformers
from model.multimodal import Phi4MM
from tests.hf import import_transformers


def reference(model: Phi4MM, folder: Path, adapters: bool = True) -> Any:
    """transformers' model in eager attention and evaluation mode, with both adapters loaded and none active."""
    transformers = import_transformers()
    save_transformers(model, folder)
    theirs = transformers.Phi4MultimodalForCausalLM.from_pretrained(folder, attn_implementation="eager")
    if adapters:
        for name in ("vision", "speech"):
            theirs.load_adapter(folder / f"{name}-lora", adapter_name=name)
        theirs.disable_adapters()
    return theirs.eval()


def activate(theirs: Any, adapter: str | None) -> None:
    """What the router does, by hand."""
    if adapter is None:
        theirs.disable_adapters()
    else:
        theirs.enable_adapters()
        theirs.set_adapter(adapter)


def their_logits(theirs: Any, example: Example, model: Phi4MM, padding: str = "right") -> tuple[torch.Tensor, float]:
    """Logits of the tokens of an example's sequences one after another, and the loss."""
    inputs = keyword_inputs(example.sequences, "transformers", padding, model.vocabulary)  # type: ignore[arg-type]
    with torch.no_grad():
        found = theirs(**inputs)
    return found.logits[inputs["attention_mask"].bool()], float(found.loss)


def our_logits(model: Phi4MM, example: Example, adapter: str | None) -> tuple[torch.Tensor, float]:
    """The same of ours."""
    batch = Batch.join([example])
    with torch.no_grad():
        return model.logits(model(batch, adapter)), float(model.losses(batch, adapter).each.mean())
