"""The decoder without transformers: golden numbers, packed sequences as alone, rotary frequencies, losses in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from model.attention import CALL_COST, layout
from model.config import CONFIGS, DecoderConfig, HfCompat, LoraConfig
from model.decoder import Decoder, RMSNorm, next_token_losses
from model.rope import Rotary, attention_factor, inverse_frequencies, rotary, rotate
from tests.model.golden import golden_batch, golden_model

ROUNDING = 1e-4  # of hidden states of size 1 to 3 in float32; a wrong position or segment changes hundredths
CONFIG = DecoderConfig(
    vocab_size=50, hidden_size=32, intermediate_size=48, num_layers=2, num_heads=4, num_kv_heads=2, original_context=24, context=512
)
LORAS = {"vision": LoraConfig(4, 8), "speech": LoraConfig(5, 10, 0.3)}
ORIG = HfCompat()


def made(config: DecoderConfig = CONFIG, seed: int = 0) -> Decoder:
    """A decoder whose adapters change something."""
    decoder = Decoder(config, LORAS).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.1 * drawn if "norm" in name else drawn * parameter.shape[-1] ** -0.5)
    return decoder


def packed(lengths: tuple[int, ...], width: int = CONFIG.hidden_size, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    embedded = torch.randn(sum(lengths), width, generator=torch.Generator().manual_seed(seed))
    return embedded, torch.cat([torch.arange(length) for length in lengths])


def alone(decoder: Decoder, embedded: torch.Tensor, lengths: tuple[int, ...], adapter: str | None) -> torch.Tensor:
    return torch.cat([decoder(part, torch.arange(len(part)), (len(part),), adapter, ORIG) for part in embedded.split(lengths)])


# ---- golden numbers

GOLDEN = [
    ([3, 4, 5, 6, 7, 8, 9, 12, 13, 14], None, (-0.015756, -0.229620, -0.542533, -1.472555, 0.709169, -0.285567), 4.536875),
    ([3, 4, 5, 6, 7, 8, 9, 12, 13, 14], "vision", (-0.177812, 1.315359, -2.541947, -2.316167, 0.678280, -0.168408), None),
    ([3, 4, 5, 6, 7, 8, 9, 12, 13, 14], "speech", (-1.230641, -0.816000, -1.037931, 0.476771, 0.861866, 0.898061), None),
    ([12 + n % 50 for n in range(4_200)], None, (-1.593547, 0.455185, -1.129313, 1.917338, 0.002148, -0.866109), None),
]


@pytest.mark.parametrize(("rows", "adapter", "logits", "loss"), GOLDEN, ids=["text", "vision LoRA", "speech LoRA", "4,200 tokens"])
def test_golden_text(rows: list[int], adapter: str | None, logits: tuple[float, ...], loss: float | None) -> None:
    model, batch = golden_model(), golden_batch(rows)
    with torch.no_grad():
        found = model.logits(model(batch, adapter)[-1:])[0, :6]
        assert found.tolist() == pytest.approx(logits, abs=1e-5)
        if loss is not None:
            assert float(model.losses(batch, adapter).each.mean()) == pytest.approx(loss, abs=1e-5)


# ---- packed sequences


@settings(max_examples=20, deadline=None)
@given(
    lengths=st.lists(st.one_of(st.just(1), st.integers(1, 9), st.integers(1, 60)), min_size=1, max_size=8).map(tuple),
    adapter=st.sampled_from([None, "vision", "speech"]),
)
def test_a_packed_sequence_is_what_it_is_alone(lengths: tuple[int, ...], adapter: str | None) -> None:
    """Also where some are beyond the original context, here 24, and others are not."""
    decoder = made()
    embedded, position_ids = packed(lengths)
    with torch.no_grad():
        found = decoder(embedded, position_ids, lengths, adapter, ORIG)
        assert float((found - alone(decoder, embedded, lengths, adapter)).abs().max()) < ROUNDING


def test_long_and_short_sequences_beside_each_other() -> None:
    """At the released original context; one choice of frequencies for all of them would change the short ones."""
    decoder = made(replace(CONFIG, original_context=4_096, context=131_072))
    lengths = (7, 4_097, 1, 300, 4_096)
    embedded, position_ids = packed(lengths)
    with torch.no_grad():
        found = decoder(embedded, position_ids, lengths, None, ORIG)
        assert float((found - alone(decoder, embedded, lengths, None)).abs().max()) < ROUNDING
        per_call = decoder(embedded, position_ids, lengths, None, HfCompat(rope_per_call=True))
    differs = torch.stack([part.abs().max() for part in (per_call - found).split(lengths)]) > 100 * ROUNDING
    assert differs.tolist() == [True, False, False, True, True]  # a single token has no distances


def test_gradients_of_packed_sequences_are_those_alone() -> None:
    decoder = made()
    lengths = (3, 1, 40, 7, 7, 12)
    embedded, position_ids = packed(lengths)
    embedded.requires_grad_()
    weights = torch.randn(sum(lengths), CONFIG.hidden_size, generator=torch.Generator().manual_seed(1))
    grads = []
    for hidden in (decoder(embedded, position_ids, lengths, "vision", ORIG), alone(decoder, embedded, lengths, "vision")):
        inputs = [embedded, *(p for name, p in decoder.named_parameters() if "speech" not in name and "embed" not in name)]
        grads.append(torch.autograd.grad((hidden * weights).sum(), inputs))
    for one, other in zip(*grads, strict=True):
        assert float((one - other).abs().max()) < 1e-4 * max(1.0, float(other.abs().max()))


def test_a_token_reads_its_own_sequence_up_to_itself() -> None:
    decoder = made()
    lengths = (5, 30, 4)
    embedded, position_ids = packed(lengths)
    embedded.requires_grad_()
    hidden = decoder(embedded, position_ids, lengths, None, ORIG)
    for token, first in ((3, 0), (20, 5), (35, 35), (38, 35)):
        (read,) = torch.autograd.grad(hidden[token].sum(), embedded, retain_graph=True)
        assert read.abs().amax(-1).nonzero().squeeze(-1).tolist() == list(range(first, token + 1))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.integers(1, 40), st.integers(1, 5_000)), min_size=1, max_size=60).map(tuple))
def test_padding_costs_less_than_the_calls_it_saves(lengths: tuple[int, ...]) -> None:
    placed = layout(lengths, "cpu")
    needed = sum(length * length for length in lengths)
    done = sum(group.num * group.longest**2 for group in placed.groups)
    assert needed <= done <= needed + len(placed.groups) * CALL_COST
    assert [group.stop - group.start for group in placed.groups] == np.diff([0, *(group.stop for group in placed.groups)]).tolist()
    assert sum(group.num for group in placed.groups) == len(lengths)
    if placed.order is not None and placed.back is not None:
        assert placed.order[placed.back].tolist() == list(range(sum(lengths)))


def test_many_short_sequences_are_few_calls() -> None:
    assert len(layout((16,) * 256, "cpu").groups) == 1
    assert len(layout(tuple(5 + n % 36 for n in range(200)), "cpu").groups) <= 8
    assert len(layout((65_536, *range(1, 65)), "cpu").groups) <= 8


@pytest.mark.parametrize(
    ("lengths", "positions"), [((3, 4), 8), ((3, 5), 7), ((8, 0), 8), ((), 8)], ids=["too few", "positions", "empty", "none"]
)
def test_lengths_that_do_not_fit(lengths: tuple[int, ...], positions: int) -> None:
    with pytest.raises(ValueError, match=rf"8 embeddings and {positions} positions .* {sum(lengths)} in all"):
        made()(torch.zeros(8, 32), torch.arange(positions), lengths, None, ORIG)


# ---- rotary positions


def test_released_frequencies() -> None:
    """Figures of transformers for the released configuration."""
    config = CONFIGS["phi4mm"].decoder
    assert attention_factor(config) == pytest.approx(1.1902380714238083, abs=1e-15)
    assert config.rotary_dim == 96
    places = [0, 1, 2, 47]
    assert inverse_frequencies(config, False)[places].tolist() == pytest.approx([1, 0.82540419, 0.68129207, 0.00012115], rel=1e-4)
    assert inverse_frequencies(config, True)[places].tolist() == pytest.approx([1, 0.73807469, 0.54475425, 2.53617e-6], rel=1e-5)


def test_the_switch_is_after_the_original_context() -> None:
    config = CONFIGS["phi4mm"].decoder
    for length, is_long in ((4_096, False), (4_097, True)):
        angle = rotary(config, torch.arange(length), (length,), torch.float32).sin[1, 0, 1] / attention_factor(config)
        assert float(angle) == pytest.approx(float(inverse_frequencies(config, is_long)[1].sin()), abs=1e-7)


def test_the_factor_touches_only_what_rotates() -> None:
    config = CONFIGS["phi4mm"].decoder
    heads = torch.randn(3, 2, config.head_dim, generator=torch.Generator().manual_seed(0))
    turned = rotate(heads, rotary(config, torch.arange(3), (3,), torch.float32))
    assert torch.equal(turned[..., 96:], heads[..., 96:])
    norms = [x[..., :96].norm(dim=-1) for x in (turned, heads)]
    assert torch.allclose(norms[0], norms[1] * attention_factor(config), rtol=1e-5)
    assert torch.allclose(turned[0, :, :96], heads[0, :, :96] * attention_factor(config))


def test_positions_are_relative() -> None:
    decoder = made()
    embedded, position_ids = packed((20,))
    with torch.no_grad():
        here = decoder(embedded, position_ids, (20,), None, ORIG)
        moved = decoder(embedded, position_ids + 4, (20,), None, ORIG)
        beyond = decoder(embedded, position_ids + 5, (20,), None, ORIG)  # last position 24: long factors
    assert float((here - moved).abs().max()) < 2e-5
    assert float((here - beyond).abs().max()) > 1e-3


def test_another_number_of_factors() -> None:
    config = replace(CONFIG, long_factor=(1.0, 2.0))
    with pytest.raises(ValueError, match=r"6 of 8 dimensions of a head rotate, which takes 3 long factors; the configuration has 2"):
        Decoder(config, {})(*packed((2,)), (2,), None, ORIG)


# ---- losses


def reference_losses(hidden: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy((hidden[:-1] @ weight.T).float(), labels[1:], reduction="none")[labels[1:] != -100]


@pytest.mark.parametrize("chunk", [1, 3, 7, 1_000, None])
def test_losses_and_gradients_are_torchs(chunk: int | None) -> None:
    generator = torch.Generator().manual_seed(2)
    hidden, weight = torch.randn(30, 16, generator=generator), torch.randn(40, 16, generator=generator)
    labels = torch.randint(0, 40, (30,), generator=generator)
    labels[[0, 3, 4, 12, 29]] = -100
    each_weight = torch.rand(25, generator=generator)
    found = []
    for losses in (lambda h, w: next_token_losses(h, labels, w, chunk)[0], lambda h, w: reference_losses(h, labels, w)):
        h, w = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
        each = losses(h, w)
        found.append((each.detach(), *torch.autograd.grad((each * each_weight).sum(), (h, w))))
    for one, other in zip(*found, strict=True):
        assert float((one - other).abs().max()) < 1e-5
    assert next_token_losses(hidden, labels, weight)[1].tolist() == [n for n in range(30) if labels[n] != -100]


def test_losses_in_half_precision_are_summed_in_float32() -> None:
    generator = torch.Generator().manual_seed(3)
    hidden, weight = (torch.randn(n, 16, generator=generator).bfloat16() for n in (9, 3_000))
    labels = torch.randint(0, 3_000, (9,), generator=generator)
    labels[0] = -100
    each, _ = next_token_losses(hidden, labels, weight)
    assert each.dtype == torch.float32
    assert torch.allclose(each, reference_losses(hidden, labels, weight), rtol=1e-6)
    rough = functional.cross_entropy(hidden[:-1] @ weight.T, labels[1:], reduction="none").float()
    assert float((each - rough).abs().max()) > 1e-3


def test_losses_under_autocast() -> None:
    """Forward and backward pass in the smaller type, as a model in that type; gradients in the parameters' own."""
    generator = torch.Generator().manual_seed(4)
    hidden, weight = torch.randn(20, 16, generator=generator), torch.randn(60, 16, generator=generator)
    labels = torch.arange(20)
    labels[0] = -100
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        h, w = hidden.to(dtype).requires_grad_(), weight.to(dtype).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.float32):
            each, _ = next_token_losses(h, labels, w, chunk=8)
        found.append((each.detach(), *torch.autograd.grad(each.mean(), (h, w))))
    assert [one.dtype for one in found[0]] == [torch.float32] * 3
    for mixed, half in zip(*found, strict=True):
        assert torch.equal(mixed, half.float())


def test_a_decoder_under_autocast() -> None:
    decoder = made()
    embedded, position_ids = packed((12, 30))
    with torch.autocast("cpu", torch.bfloat16):
        hidden = decoder(embedded, position_ids, (12, 30), None, ORIG)
    (grad,) = torch.autograd.grad(hidden.square().sum(), decoder.layers[0].self_attn.qkv_proj.base_layer.weight)
    assert grad.dtype == torch.float32
    with torch.no_grad():
        exact = decoder(embedded, position_ids, (12, 30), None, ORIG)
    assert 0 < float((hidden - exact).norm() / exact.norm()) < 0.05


class Largest(TorchDispatchMode):
    """Elements of the largest tensor that any operation makes."""

    num = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        for one in made if isinstance(made, tuple | list) else (made,):
            if isinstance(one, torch.Tensor):
                self.num = max(self.num, one.numel())
        return made


def largest(work: Callable[[], object]) -> int:
    with Largest() as seen:
        work()
    return seen.num


def test_logits_of_all_tokens_never_exist_at_once() -> None:
    num, size = 300, 1_000
    hidden, weight = torch.randn(num, 8, requires_grad=True), torch.randn(size, 8, requires_grad=True)
    labels = torch.arange(num)
    labels[0] = -100
    assert largest(lambda: next_token_losses(hidden, labels, weight, chunk=16)[0].sum().backward()) == 16 * size
    assert largest(lambda: reference_losses(hidden, labels, weight).sum().backward()) >= (num - 1) * size


def test_a_frozen_embedding_gets_no_gradient() -> None:
    hidden, weight = torch.randn(5, 8, requires_grad=True), torch.randn(20, 8)
    labels = torch.tensor([-100, 1, 2, -100, 4])
    next_token_losses(hidden, labels, weight)[0].sum().backward()
    assert hidden.grad is not None
    assert hidden.grad.abs().amax(-1).nonzero().squeeze(-1).tolist() == [0, 1, 3]


def test_no_learned_token() -> None:
    hidden = torch.randn(4, 8, requires_grad=True)
    each, index = next_token_losses(hidden, torch.full((4,), -100), torch.randn(20, 8))
    assert each.shape == index.shape == (0,)
    each.sum().backward()
    assert hidden.grad is not None
    assert not hidden.grad.any()


@pytest.mark.parametrize(
    ("labels", "message"),
    [([3, 4], "the first label is 3, which nothing predicts"), ([-100, 20], "labels go from 20 to 20"), ([-100, -1], "from -1 to -1; exp")],
)
def test_labels_that_cannot_be_learned(labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        next_token_losses(torch.zeros(2, 8), torch.tensor(labels), torch.zeros(20, 8))


# ---- recomputing and precision


def kept_bytes(decoder: Decoder, embedded: torch.Tensor, position_ids: torch.Tensor, lengths: tuple[int, ...]) -> tuple[int, torch.Tensor]:
    """Bytes kept for the backward pass beside parameters, and the gradient of one weight."""
    kept: dict[int, int] = {}
    own = {parameter.data_ptr() for parameter in decoder.parameters()}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        hidden = decoder(embedded, position_ids, lengths, "speech", ORIG, torch.Generator().manual_seed(5))
    (grad,) = torch.autograd.grad(hidden.square().sum(), decoder.layers[0].mlp.gate_up_proj.lora_A["speech"].weight)
    return sum(kept.values()), grad


def test_recomputed_layers_give_the_same_gradients_and_keep_less() -> None:
    """With dropout, whose choices must be the same ones again."""
    decoder = made(replace(CONFIG, num_layers=4)).train()
    lengths = (40, 9, 1)
    embedded, position_ids = packed(lengths)
    embedded.requires_grad_()
    plain, grad = kept_bytes(decoder, embedded, position_ids, lengths)
    decoder.recompute = True
    less, same = kept_bytes(decoder, embedded, position_ids, lengths)
    assert torch.equal(grad, same)
    assert less < plain / 3


def test_norms_are_computed_in_float32() -> None:
    norm = RMSNorm(64, 1e-5)
    x = (torch.randn(5, 64, generator=torch.Generator().manual_seed(0)) * 100).bfloat16()
    exact = x.double() * (x.double().square().mean(-1, keepdim=True) + 1e-5).rsqrt()
    assert torch.equal(norm.bfloat16()(x), exact.bfloat16())


def test_types_of_half_precision_stay() -> None:
    decoder = made().bfloat16()
    embedded, position_ids = packed((6, 2))
    with torch.no_grad():
        hidden = decoder(embedded.bfloat16(), position_ids, (6, 2), "vision", ORIG)
        exact = made()(embedded, position_ids, (6, 2), "vision", ORIG)
    assert hidden.dtype == torch.bfloat16
    assert float((hidden - exact).norm() / exact.norm()) < 0.05


def test_rotary_keeps_float32_angles_for_far_positions() -> None:
    """bfloat16 has 8 bits: the angle of position 1,001 would be that of 1,000."""
    turned = rotary(CONFIGS["phi4mm"].decoder, torch.tensor([1_000, 1_001]), (1, 1), torch.bfloat16)
    assert isinstance(turned, Rotary)
    assert float(turned.cos[1, 0, 0]) == pytest.approx(np.cos(1_001) * 1.1902380714238083, abs=0.01)
