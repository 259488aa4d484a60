"""Adapters inside linear layers: nothing at the start, peft's numbers afterwards, merged weights, seeded dropout."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model.config import CONFIGS, HfCompat, LoraConfig
from model.decoder import Decoder
from model.lora import LoraLinear, drop, merge
from tests.hf import import_transformers
from tests.model.golden import golden_batch, golden_model
from tests.model.test_decoder import CONFIG, LORAS, made, packed

ADAPTERS = ("vision", "speech")


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_new_adapter_changes_nothing(adapter: str) -> None:
    decoder = Decoder(CONFIG, LORAS)
    embedded, position_ids = packed((9, 4))
    with torch.no_grad():
        found = [decoder(embedded, position_ids, (9, 4), active, HfCompat()) for active in (None, adapter)]
    assert torch.equal(*found)
    assert not torch.equal(*(made()(embedded, position_ids, (9, 4), active, HfCompat()) for active in (None, adapter)))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_merged_weights_are_base_and_adapter(adapter: str) -> None:
    model = golden_model()
    batch = golden_batch([3, 4, 5, 6, 7, 8, 9, 12, 13, 14])
    with torch.no_grad():
        adapted = model.logits(model(batch, adapter))
        before = model.logits(model(batch, None))
        weights = merge(model, adapter)
        assert torch.equal(model.logits(model(batch, None)), before)  # the model stayed as it was
        assert len(weights) == 4 * model.config.decoder.num_layers
        missing, unexpected = model.load_state_dict(weights, strict=False)
        assert not unexpected
        assert not set(weights) & set(missing)
        merged = model.logits(model(batch, None))
    assert float((merged - adapted).abs().max()) < 1e-5
    assert float((merged - before).abs().max()) > 0.1


@pytest.mark.parity
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_one_layer_is_pefts(adapter: str) -> None:
    """Output, merged weight and gradients, with the released scale and both ranks."""
    import_transformers()
    from peft import LoraConfig as PeftConfig
    from peft.tuners.lora.layer import Linear as PeftLinear

    generator = torch.Generator().manual_seed(0)
    layer = LoraLinear(24, 40, LORAS)
    peft = PeftLinear(nn.Linear(24, 40, bias=False), "vision", PeftConfig(r=4, lora_alpha=8), r=4, lora_alpha=8)
    peft.update_layer("speech", 5, lora_alpha=10, config=PeftConfig(r=5, lora_alpha=10))
    assert set(dict(layer.named_parameters())) == set(dict(peft.named_parameters()))
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
            peft.get_parameter(name).copy_(parameter)
    peft.set_adapter([adapter])
    x = torch.randn(7, 24, generator=generator)
    ours, theirs = layer(x, adapter), peft(x)
    with torch.no_grad():
        assert float((ours - theirs).abs().max()) < 2e-6
        assert float((layer.merged(adapter) - (peft.base_layer.weight + peft.get_delta_weight(adapter))).abs().max()) < 2e-6
    names = [f"lora_A.{adapter}.weight", f"lora_B.{adapter}.weight"]
    grads = [
        torch.autograd.grad(found.square().sum(), [module.get_parameter(name) for name in names])
        for found, module in ((ours, layer), (theirs, peft))
    ]
    for one, other in zip(*grads, strict=True):
        assert float((one - other).abs().max()) < 1e-5 * float(other.abs().max())


def test_only_the_active_adapter_gets_gradients() -> None:
    decoder = made()
    decoder(*packed((5,)), (5,), "vision", HfCompat()).sum().backward()
    got = {name for name, parameter in decoder.named_parameters() if parameter.grad is not None and parameter.grad.any()}
    assert any(".lora_A.vision." in name for name in got)
    assert not any(".speech." in name for name in got)


def test_an_adapter_that_is_not_there() -> None:
    with pytest.raises(KeyError, match="no adapter 'audio' in this model; it has speech, vision"):
        made()(*packed((2,)), (2,), "audio", HfCompat())


# ---- dropout


def hidden(decoder: Decoder, adapter: str | None, seed: int | None) -> torch.Tensor:
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    with torch.no_grad():
        return decoder(*packed((30, 11)), (30, 11), adapter, HfCompat(), generator)


def test_dropout_is_speechs_in_training_and_decided_by_the_seed() -> None:
    decoder = made()
    still = {adapter: hidden(decoder, adapter, 1) for adapter in (None, *ADAPTERS)}
    decoder.train()
    assert torch.equal(hidden(decoder, None, 1), still[None])
    assert torch.equal(hidden(decoder, "vision", 1), still["vision"])  # its dropout is 0
    dropped = hidden(decoder, "speech", 1)
    assert not torch.equal(dropped, still["speech"])
    assert torch.equal(dropped, hidden(decoder, "speech", 1))
    assert not torch.equal(dropped, hidden(decoder, "speech", 2))


def test_without_a_generator_torchs_own_decides() -> None:
    decoder = made().train()
    found = []
    with torch.random.fork_rng(devices=[]):
        for seed in (3, 3, 4):
            torch.default_generator.manual_seed(seed)
            found.append(hidden(decoder, "speech", None))
        found.append(hidden(decoder, "speech", None))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert not torch.equal(found[2], found[3])  # the generator went on


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    x = torch.ones(400, 500)
    found = drop(x, 0.01, seed=5)
    share = float((found == 0).float().mean())
    assert share == pytest.approx(0.01, abs=5 * (0.01 * 0.99 / x.numel()) ** 0.5)
    assert float(found.max()) == pytest.approx(1 / 0.99, rel=1e-6)
    assert float(found.mean()) == pytest.approx(1, abs=2e-3)


def test_released_adapters() -> None:
    assert CONFIGS["phi4mm"].lora_vision == LoraConfig(256, 512, 0.0)
    assert CONFIGS["phi4mm"].lora_speech == LoraConfig(320, 640, 0.01)
    assert CONFIGS["phi4mm"].lora_vision.scale == CONFIGS["phi4mm"].lora_speech.scale == 2
