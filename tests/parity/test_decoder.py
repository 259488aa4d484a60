"""The decoder against transformers: released frequencies, positions that count padding, norms in half precision, generation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from model.config import CONFIGS, HfCompat
from model.decoder import RMSNorm
from model.generate import generate
from model.multimodal import Phi4MM
from model.official_config import transformers_config
from model.rope import attention_factor, inverse_frequencies
from tests.hf import import_transformers
from tests.model.golden import VOCABULARY, golden_batch, golden_model, tiny_g2_config
from tests.parity.phi4mm import reference

pytestmark = pytest.mark.parity
TOLERANCE = 1e-5
ORIGINAL_CONTEXT = 24  # so that a short answer crosses it


@pytest.fixture(scope="module")
def model() -> Phi4MM:
    config = tiny_g2_config()
    small = Phi4MM(replace(config, decoder=replace(config.decoder, original_context=ORIGINAL_CONTEXT)), VOCABULARY).eval()
    small.load_state_dict(golden_model().state_dict())
    return small


@pytest.fixture(scope="module")
def theirs(model: Phi4MM, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return reference(model, tmp_path_factory.mktemp("decoder") / "model", adapters=False)


def their_config() -> Any:
    return import_transformers().Phi4MultimodalConfig(**transformers_config(CONFIGS["phi4mm"]))


def test_released_frequencies_and_factor() -> None:
    """To the last bit, both tables."""
    import_transformers()
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    ours, config = CONFIGS["phi4mm"].decoder, their_config()
    for length, is_long in ((4_096, False), (4_097, True)):
        frequencies, factor = ROPE_INIT_FUNCTIONS["longrope"](config, "cpu", seq_len=length)
        assert factor == attention_factor(ours)
        assert torch.equal(frequencies, inverse_frequencies(ours, is_long))


@pytest.mark.parametrize("num_padding", [0, 3, 11, 40])
def test_left_padded_text_whose_positions_count_the_padding(model: Phi4MM, theirs: Any, num_padding: int) -> None:
    """With 11, only the padding brings the positions beyond the original context."""
    rows = [12 + n * 7 % 50 for n in range(16)]
    batch = golden_batch(rows)
    mask = torch.tensor([[0] * num_padding + [1] * len(rows)])
    with torch.no_grad():
        expected = theirs(input_ids=torch.tensor([[0] * num_padding + rows]), attention_mask=mask).logits[0, num_padding:]
        position_ids = batch.position_ids + num_padding
        hidden = model.model(model.embed(batch), position_ids, batch.lengths, None, HfCompat())
    assert float((model.logits(hidden) - expected).abs().max()) < TOLERANCE


@pytest.mark.parametrize("num_prompt", [3, 20, 30])
def test_greedy_answers(model: Phi4MM, theirs: Any, num_prompt: int) -> None:
    """Before, across and beyond the original context. With its cache, transformers 5.23 answers otherwise after crossing it than without."""
    rows = [12 + n * 11 % 50 for n in range(num_prompt)]
    how = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": None, "pad_token_id": 0, "use_cache": False}
    with torch.no_grad():
        expected = theirs.generate(torch.tensor([rows]), **how)[0, num_prompt:]
    assert model.rows(torch.tensor(generate(model, golden_batch(rows), 12, stops=()))).tolist() == expected.tolist()


def test_norm_in_half_precision() -> None:
    """Where the weight is applied decides the last bit."""
    import_transformers()
    from transformers.models.phi4_multimodal.modeling_phi4_multimodal import Phi4MultimodalRMSNorm

    generator = torch.Generator().manual_seed(0)
    ours, theirs = RMSNorm(96, 1e-5).bfloat16(), Phi4MultimodalRMSNorm(96, 1e-5).bfloat16()
    weight = 1 + 0.3 * torch.randn(96, generator=generator)
    for norm in (ours, theirs):
        norm.weight.data = weight.bfloat16()
    x = (torch.randn(50, 96, generator=generator) * 3).bfloat16()
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))
        late = (torch.nn.functional.rms_norm(x.float(), (96,), None, 1e-5) * ours.weight.float()).bfloat16()
    assert not torch.equal(ours(x), late)
