"""Initial weights depend on the seed and a tensor's name alone; vocabularies hold what corpora hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model.config import CONFIGS
from model.initial import build_model, copy_audio_projector, grow, initial_value, mel_statistics_of, vocabulary_of
from model.rows import CorpusRows
from model.vocabulary import Vocabulary
from processors import tokens
from tests.model.test_stages import SMALLEST

TEXT = Vocabulary.of([[5, 6, 7, 3_000]])


def test_the_same_seed_gives_the_same_weights_and_moves_no_generator() -> None:
    before = torch.get_rng_state()
    first = build_model(SMALLEST, TEXT).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(7)
    second, other = build_model(SMALLEST, TEXT).state_dict(), build_model(SMALLEST, TEXT, seed=1).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    differ = {name for name in first if not torch.equal(first[name], other[name])}
    assert differ == {name for name in first if first[name].ndim > 1 and first[name].std() > 0}


def test_a_tensor_does_not_depend_on_other_sizes() -> None:
    more = replace(SMALLEST, decoder=replace(SMALLEST.decoder, num_layers=3), audio=replace(SMALLEST.audio, num_layers=2))
    first, second = build_model(SMALLEST, TEXT).state_dict(), build_model(more, TEXT).state_dict()
    ends = (".o_proj.base_layer.weight", ".down_proj.base_layer.weight", ".linear_out.weight", ".net.2.weight", ".ext_pw_conv_1d.weight")
    for name, value in first.items():
        if not name.endswith(ends):  # those are divided by the root of the depth
            assert torch.equal(value, second[name]), name
    name = "model.layers.0.self_attn.o_proj.base_layer.weight"
    assert torch.allclose(first[name] * (2 / 3) ** 0.5, second[name])


def test_embeddings_belong_to_token_ids() -> None:
    rows = build_model(SMALLEST, TEXT).model.embed_tokens.weight
    other = Vocabulary.of([[7, 2_000, 3_000, 100_000]])
    others = build_model(SMALLEST, other).model.embed_tokens.weight
    for token in (7, 3_000, *tokens.SPECIAL.values()):
        row = rows[TEXT.rows(torch.tensor([token]))]
        assert torch.equal(row, others[other.rows(torch.tensor([token]))])
    assert len({tuple(row.tolist()) for row in rows}) == len(TEXT)


def test_what_is_published_and_what_is_chosen() -> None:
    state = build_model(replace(CONFIGS["tiny"], name="t"), TEXT).state_dict()
    image, layer = "model.embed_tokens_extend.image_embed.", "model.layers.1.mlp.gate_up_proj."
    for name, value in state.items():
        if name.endswith((".bias", "_GN", ".b1", ".b2", "in_proj_bias")) or ".lora_B." in name:
            assert not value.any(), name
        elif "norm" in name.rsplit(".", 2)[-2] and value.ndim == 1:
            assert (value == 1).all(), name
        else:
            assert value.any() or name.endswith("bias_values.weight"), name
    assert not state[image + "sub_GN"].any() and not state[image + "glb_GN"].any()
    lora = state[layer + "lora_A.vision.weight"]
    assert lora.abs().max() <= 128**-0.5 < lora.abs().max() * 1.01  # uniform: Kaiming with a = sqrt 5
    assert state[layer + "base_layer.weight"].std() == pytest.approx(128**-0.5, rel=0.02)
    assert state["model.embed_tokens.weight"].std() == pytest.approx(128**-0.5, rel=0.05)


def test_names_without_a_rule_are_refused() -> None:
    with pytest.raises(ValueError, match=r"model\.new of shape"):
        initial_value("model.new", (3,), 0, SMALLEST)
    with pytest.raises(KeyError, match="no configuration 'huge'; expected one of tiny, small, phi4mm"):
        build_model("huge")


def test_the_vocabulary_of_corpora_knows_every_row(demo: dict[str, dict[str, Any]]) -> None:
    paths = [Path(demo[name]["path"]) for name in ("asr", "cot_pretrain", "dpo", "packed")]
    found = vocabulary_of(paths)
    assert set(tokens.SPECIAL.values()) <= set(found.ids.tolist())
    from model.examples import example_of

    seen = set(tokens.SPECIAL.values())
    for path in paths:
        rows = CorpusRows(path)
        for row in range(len(rows)):
            for sequence in example_of(rows[row]).sequences:
                found.rows(sequence.ids)  # raises for an unknown one
                seen |= set(sequence.ids.tolist())
    assert set(found.ids.tolist()) == seen


def test_a_model_grows_by_new_tokens_and_keeps_the_rest() -> None:
    model = build_model(SMALLEST, TEXT)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    grown = grow(model, Vocabulary.of([[6, 4_000]]))
    assert grown.vocabulary is not None and {5, 6, 7, 3_000, 4_000} <= set(grown.vocabulary.ids.tolist())
    for name, value in model.state_dict().items():
        new = grown.state_dict()[name]
        assert torch.equal(new[grown.vocabulary.rows(TEXT.ids)] if "embed_tokens.weight" in name else new, value), name
    fresh = build_model(SMALLEST, grown.vocabulary).model.embed_tokens.weight
    row = grown.vocabulary.rows(torch.tensor([4_000]))
    assert torch.equal(grown.model.embed_tokens.weight[row], fresh[row])
    assert grow(model, TEXT) is model


def test_the_projector_of_images_becomes_the_one_of_speech() -> None:
    model = build_model(SMALLEST, TEXT)
    projection = model.audio_embed.audio_projection
    assert not torch.equal(projection["vision"][0].weight, projection["speech"][0].weight)
    copy_audio_projector(model)
    assert torch.equal(projection["vision"][2].weight, projection["speech"][2].weight)
    with torch.no_grad():
        projection["vision"][0].weight.zero_()
    assert projection["speech"][0].weight.any()  # a copy, not the same tensor


def test_statistics_of_mel_bands(demo: dict[str, dict[str, Any]]) -> None:
    assert mel_statistics_of([Path(demo["cot_pretrain"]["path"])]) is None
    found = mel_statistics_of([Path(demo["asr"]["path"])])
    assert found is not None
    model = build_model(SMALLEST, TEXT, mel_statistics=found)
    norm = model.audio_embed.encoder.encoder_embedding
    assert torch.equal(norm.global_mean, found[0]) and torch.equal(norm.global_invstd, found[1])
    usual = build_model(SMALLEST, TEXT).audio_embed.encoder.encoder_embedding
    assert (usual.global_mean == 14).all() and (usual.global_invstd == usual.global_invstd[0]).all()
