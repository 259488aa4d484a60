"""The audio side of the model: golden numbers, a clip alone against the clip in a batch, windows, memory, and its usual mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import model.audio
import model.conformer
from model.audio import WINDOW_TOKENS, AudioEmbed, AudioEncoder, attention_mask, chunks_of, cut_frames, mel_statistics, windows_of
from model.config import CONFIGS, AudioConfig, HfCompat
from model.conformer import CausalDepthwise, ConformerBlock, MeanVarianceNorm, PointwiseGlu, RelativeBias, Subsampler, SwishGluLinear
from processors.audio.log_mel import num_audio_tokens
from tests.model.golden import golden_audio, golden_model

GOLDEN = {  # of one second of two tones: encoder tokens 0 and 12, the first embedding of each projector
    "token0": (1.647368, -0.976356, 0.405350, 1.136669),
    "token12": (1.696871, -0.940980, 0.378670, 1.023937),
    "speech": (0.151453, 0.136099, -0.031693, -0.573734),
    "vision": (0.271720, 0.118848, -0.128163, -0.264411),
}


def clip(num_frames: int, seed: int = 0) -> torch.Tensor:
    """Noise with the mean and deviation of log-Mel."""
    return 12 + 3 * torch.randn(num_frames, 80, generator=torch.Generator().manual_seed(1_000 * num_frames + seed))


@pytest.fixture(scope="module")
def embed() -> AudioEmbed:
    return golden_model().audio_embed


def encode(embed: AudioEmbed, *clips: torch.Tensor, compat: HfCompat = HfCompat()) -> torch.Tensor:
    with torch.no_grad():
        return embed.encoder(clips, compat)


def difference(ours: torch.Tensor, other: torch.Tensor) -> float:
    assert ours.shape == other.shape
    return float((ours - other).abs().max())


# Golden numbers, and mistakes that move them


def golden_error(embed: AudioEmbed) -> float:
    mel = golden_audio(1.0)
    encoded = encode(embed, mel)
    assert encoded.shape == (13, 32)
    with torch.no_grad():
        found = {"token0": encoded[0], "token12": encoded[12]} | {name: embed([mel], name)[0] for name in ("speech", "vision")}
    return max(difference(found[name][:4], torch.tensor(values)) for name, values in GOLDEN.items())


def test_golden_numbers(embed: AudioEmbed) -> None:
    assert golden_error(embed) < 2e-6


def gate_first(self: SwishGluLinear, hidden: torch.Tensor) -> torch.Tensor:
    gate, value = self.linear(hidden).chunk(2, -1)
    return value * F.silu(gate)


def gate_first_convolution(self: PointwiseGlu, hidden: torch.Tensor) -> torch.Tensor:
    gate, value = F.linear(hidden, self.ext_pw_conv_1d.weight.squeeze(-1), self.ext_pw_conv_1d.bias).chunk(2, -1)
    return (value + self.b1.flatten()) * F.silu(gate + self.b2.flatten())


def centred_depthwise(self: CausalDepthwise, hidden: torch.Tensor) -> torch.Tensor:
    return self.pw_conv(self.dw_conv(F.pad(hidden.transpose(1, 2), (1, 1)))).transpose(1, 2)


def causal_convolution(conv: nn.Conv2d, hidden: torch.Tensor) -> torch.Tensor:
    if conv.kernel_size == (1, 1):
        return conv(hidden)
    return F.conv2d(F.pad(hidden, (1, 1, 2, 0)), conv.weight, conv.bias, conv.stride, groups=conv.groups)


def frequency_major(self: Subsampler, mel: torch.Tensor, real: object) -> torch.Tensor:
    return self.out(self.conv(mel[:, None]).permute(0, 2, 3, 1).flatten(2))


def shifted_bias(self: RelativeBias, num_tokens: int) -> torch.Tensor:
    steps = torch.arange(num_tokens)[None] - torch.arange(num_tokens)[:, None]
    return self.bias_values(steps + self.max_distance - 1).permute(2, 0, 1)


def turned_bias(self: RelativeBias, num_tokens: int) -> torch.Tensor:
    steps = torch.arange(num_tokens)[:, None] - torch.arange(num_tokens)[None]
    return self.bias_values(steps + self.max_distance).permute(2, 0, 1)


def norm_first(self: ConformerBlock, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    hidden = hidden + 0.5 * self.feed_forward_in(hidden)
    hidden = hidden + self.conv(hidden)
    hidden = hidden + self.self_attn(self.layer_norm_att(hidden), mask)
    return self.layer_norm(hidden + 0.5 * self.feed_forward_out(hidden))


MISTAKES: dict[str, tuple[object, str, Callable[..., torch.Tensor]]] = {
    "gate before value in the feed-forward": (SwishGluLinear, "forward", gate_first),
    "gate before value in the convolution": (PointwiseGlu, "forward", gate_first_convolution),
    "depthwise convolution not causal": (CausalDepthwise, "forward", centred_depthwise),
    "subsampler causal": (model.conformer, "_convolve", causal_convolution),
    "subsampler flattened frequency by frequency": (Subsampler, "forward", frequency_major),
    "bias table read one row early": (RelativeBias, "forward", shifted_bias),
    "bias from key to query": (RelativeBias, "forward", turned_bias),
    "convolution before attention": (ConformerBlock, "forward", norm_first),
    "projector with the tanh approximation": (nn.GELU, "forward", lambda self, hidden: F.gelu(hidden, approximate="tanh")),
    "normalisation left out": (MeanVarianceNorm, "forward", lambda self, mel: mel),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_golden_numbers_catch(embed: AudioEmbed, monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    place, name, wrong = MISTAKES[mistake]
    monkeypatch.setattr(place, name, wrong)
    assert golden_error(embed) > 2e-5


def test_the_golden_numbers_catch_features_of_the_block_before_the_last() -> None:
    embed = golden_model().audio_embed
    embed.encoder.encoders = embed.encoder.encoders[:-1]
    assert golden_error(embed) > 1e-2


# Windows and chunks


def test_as_many_tensors_as_released(embed: AudioEmbed) -> None:
    """887 at 24 blocks; their sizes are in the table of parameters."""
    names = list(embed.state_dict())
    assert len(names) == 2 * 36 + 23 == 887 - 22 * 36


frames = st.lists(st.integers(1, 9_000), min_size=1, max_size=6)


@given(frames, st.booleans())
def test_windows_keep_each_token_once(num_frames: list[int], padding_is_seen: bool) -> None:
    windows = windows_of(num_frames, padding_is_seen)
    for place, num in enumerate(num_frames):
        kept = [token for w in windows if w.clip == place for token in range(w.first, w.first + w.num_kept)]
        assert kept == list(range(num_audio_tokens(num)))
    assert [window.clip for window in windows] == sorted(window.clip for window in windows)
    assert all(1 <= w.num_kept <= min(w.num_real, w.num_keys) and max(w.num_real, w.num_keys) <= w.num_tokens <= 500 for w in windows)


def test_windows_by_hand() -> None:
    def facts(*num_frames: int, padding_is_seen: bool = False) -> list[tuple[int, ...]]:
        return [(w.clip, w.first, w.num_real, w.num_tokens, w.num_keys, w.num_kept) for w in windows_of(num_frames, padding_is_seen)]

    assert facts(4_000, 9) == [(0, 0, 500, 500, 500, 500), (1, 0, 2, 2, 2, 2)]
    assert facts(4_001) == [(0, 0, 500, 500, 500, 500), (0, 500, 1, 500, 500, 1)]  # 499 zero tokens, which attention sees
    assert facts(4_001, 9, padding_is_seen=True) == [
        (0, 0, 500, 500, 500, 500),
        (0, 500, 1, 500, 1, 1),
        (1, 0, 500, 500, 2, 2),
    ]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=40), st.integers(1, 2_000))
def test_chunks_hold_each_window_once_within_bounds(num_tokens: list[int], max_tokens: int) -> None:
    chunks = chunks_of(num_tokens, max_tokens)
    assert sorted(place for chunk in chunks for place in chunk) == list(range(len(num_tokens)))
    for chunk in chunks:
        lengths = [num_tokens[place] for place in chunk]
        assert lengths[0] == max(lengths)
        assert len(chunk) == 1 or (len(chunk) * lengths[0] <= max_tokens and min(lengths) >= 0.75 * lengths[0])


def test_frames_before_a_window_are_those_that_its_first_token_reads() -> None:
    mel = clip(4_020)
    cut, real, halo = cut_frames([mel], windows_of([4_020]))
    assert cut.shape == (2, 4_008, 80) and halo == 8 and real == [(8, 4_008), (0, 28)]
    assert torch.equal(cut[0, 8:], mel[:4_000]) and torch.equal(cut[1, :28], mel[3_992:])


@pytest.mark.parametrize("num_tokens", [1, 7, 30])
def test_bias_by_the_formula(num_tokens: int) -> None:
    layer = RelativeBias(AudioConfig(num_heads=3, bias_max_distance=5))
    found = layer(num_tokens)
    assert found.shape == (3, num_tokens, num_tokens)
    for query in range(num_tokens):
        for key in range(num_tokens):
            row = max(-5, min(key - query, 4)) + 5
            assert torch.equal(found[:, query, key], layer.bias_values.weight[row])


def test_mask_of_keys() -> None:
    bias = torch.arange(8.0).view(2, 2, 2)
    assert torch.equal(attention_mask(bias, [2, 2]), bias[None])
    excluded, added = attention_mask(bias, [2, 1]), attention_mask(bias, [2, 1], is_added=True)
    assert torch.equal(excluded[0], bias) and torch.equal(excluded[1, :, :, 0], bias[:, :, 0])
    assert (excluded[1, :, :, 1] == -torch.inf).all()
    assert torch.equal(added[1] - bias, torch.tensor([1.0, 0.0]).expand(2, 2, 2))


def test_windows_are_independent_but_for_the_frames_before_them(embed: AudioEmbed) -> None:
    mel = clip(4_500)
    before, after = mel.clone(), mel.clone()
    before[: 4_000 - 7] += 1.0  # a token reads 7 frames before its own
    after[4_000:] += 1.0
    plain = encode(embed, mel)
    assert torch.equal(encode(embed, before)[WINDOW_TOKENS:], plain[WINDOW_TOKENS:])
    assert torch.equal(encode(embed, after)[:WINDOW_TOKENS], plain[:WINDOW_TOKENS])
    before[4_000 - 7] += 1.0
    assert difference(encode(embed, before)[WINDOW_TOKENS:], plain[WINDOW_TOKENS:]) > 1e-5


def test_one_window_and_two_differ(embed: AudioEmbed) -> None:
    """A window is 500 tokens, and zero tokens that fill the last one are seen."""
    mel = clip(4_008)
    assert len(encode(embed, mel)) == 501
    assert difference(encode(embed, mel)[:499], encode(embed, mel[:4_000])[:499]) < 1e-5
    assert difference(encode(embed, mel)[500:], encode(embed, mel[4_000:])) > 1e-2


# A clip alone, and beside others


@contextmanager
def short_windows() -> Iterator[None]:
    """Windows of 20 tokens instead of 500, at most two of them a chunk: the same code with less to compute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model.audio, "WINDOW_TOKENS", 20)
        patch.setattr(model.audio, "CPU_CHUNK_BYTES", 44 * 4 * 40 * 16 * 4)
        yield


edges = st.sampled_from([1, 7, 8, 9, 16, 17, 98, 152, 153, 160, 161, 168, 320, 321])  # a window has 160 frames


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(edges, st.integers(1, 400)), min_size=2, max_size=6))
def test_a_clip_beside_others_gives_what_it_gives_alone(embed: AudioEmbed, num_frames: list[int]) -> None:
    with short_windows():
        assert_each_as_alone(embed, num_frames)


def test_released_windows_beside_short_clips(embed: AudioEmbed) -> None:
    assert_each_as_alone(embed, [4_001, 8, 9, 3_000, 4_000])


def assert_each_as_alone(embed: AudioEmbed, num_frames: list[int]) -> None:
    clips = [clip(num, place) for place, num in enumerate(num_frames)]
    alone = [encode(embed, one) for one in clips]
    assert [len(one) for one in alone] == [num_audio_tokens(num) for num in num_frames]
    assert difference(encode(embed, *clips), torch.cat(alone)) < 1e-5


def batch_error(embed: AudioEmbed) -> float:
    clips = [clip(num) for num in (161, 79, 90, 361, 144, 96, 8, 9)]
    with short_windows():
        return difference(encode(embed, *clips), torch.cat([encode(embed, one) for one in clips]))


def test_long_and_short_clips_together(embed: AudioEmbed) -> None:
    assert batch_error(embed) < 1e-5


UNSAFE: dict[str, tuple[object, str, Callable[..., object]]] = {
    "padding not zeroed between convolutions": (model.conformer, "_zero_outside", lambda hidden, real: hidden),
    "padding seen by attention": (model.audio, "attention_mask", lambda bias, num_keys, is_added: bias[None]),
    "no frames before a window": (
        model.audio,
        "cut_frames",
        lambda clips, windows: _without_halo(*cut_frames(clips, windows)),
    ),
}


def _without_halo(mel: torch.Tensor, real: list[tuple[int, int]], halo: int) -> tuple[torch.Tensor, list[tuple[int, int]], int]:
    return mel, [(max(start, halo), stop) for start, stop in real], halo


@pytest.mark.parametrize("protection", list(UNSAFE)[:2])
def test_the_law_fails_without(embed: AudioEmbed, monkeypatch: pytest.MonkeyPatch, protection: str) -> None:
    monkeypatch.setattr(*UNSAFE[protection])
    assert batch_error(embed) > 1e-4


def test_a_window_without_the_frames_before_it_is_another_one(embed: AudioEmbed, monkeypatch: pytest.MonkeyPatch) -> None:
    mel = clip(200)
    with short_windows():
        plain = encode(embed, mel)
        monkeypatch.setattr(*UNSAFE["no frames before a window"])
        assert difference(encode(embed, mel)[20:], plain[20:]) > 1e-4


def test_what_a_neighbour_holds_changes_no_bit(embed: AudioEmbed) -> None:
    mine, neighbour = clip(90), clip(96)
    plain, loud = encode(embed, mine, neighbour), encode(embed, mine, neighbour * 1e4)
    assert torch.equal(plain[:12], loud[:12])
    assert not torch.equal(plain[12:], loud[12:])


def test_order_of_clips_is_kept(embed: AudioEmbed) -> None:
    short, long = clip(40), clip(300)
    with short_windows():
        forth, back = encode(embed, short, long), encode(embed, long, short)
    assert difference(forth, torch.cat([back[38:], back[:38]])) < 1e-5


def test_same_input_twice_gives_the_same_bits_and_leaves_it_as_it_was(embed: AudioEmbed) -> None:
    clips = [clip(200), clip(410), clip(190)]
    copies = [one.clone() for one in clips]
    with short_windows():
        assert torch.equal(encode(embed, *clips), encode(embed, *clips))
    assert all(torch.equal(one, copy) for one, copy in zip(clips, copies, strict=True))


def test_seen_padding_is_what_zero_features_give(embed: AudioEmbed) -> None:
    """The released code's batch: the shorter clip is padded with 0.0, attention sees its own tokens, the longer one is as alone."""
    long, short = clip(300), clip(97)
    seen = HfCompat(audio_padding_is_seen=True)
    found = encode(embed, long, short, compat=seen)
    assert difference(found[:38], encode(embed, long)) < 1e-5
    alone = encode(embed, short)
    assert difference(found[38:], alone) > 1e-4  # its last token reads padding, and attention carries it on
    padded = F.pad(short, (0, 0, 0, 203))
    tokens = embed.encoder._subsample(padded[None], [(0, 300)], 0, [38])[:, :13]
    with torch.no_grad():
        for block in embed.encoder.encoders:
            tokens = block(tokens, embed.encoder.relative_attention_bias_layer(13)[None])
    assert difference(found[38:], tokens[0]) < 1e-5
    assert torch.equal(encode(embed, short, compat=seen), alone)  # one clip has no padding


# Training: gradients, memory, precision


@contextmanager
def kept_bytes() -> Iterator[list[int]]:
    """Bytes of the activations that autograd keeps for the backward pass; each tensor's storage once."""
    seen: dict[int, int] = {}
    total = [0]

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if not isinstance(tensor, nn.Parameter):
            seen[storage.data_ptr()] = storage.nbytes()
        total[0] = sum(seen.values())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield total


def gradient(parameter: nn.Parameter) -> torch.Tensor:
    assert parameter.grad is not None
    return parameter.grad


def gradients(embed: AudioEmbed, clips: list[torch.Tensor]) -> tuple[dict[str, torch.Tensor], int]:
    embed.zero_grad()
    with kept_bytes() as kept:
        loss = embed(clips, "speech").square().mean()
    loss.backward()
    return {name: p.grad.clone() for name, p in embed.named_parameters() if p.grad is not None}, kept[0]


def test_gradients_reach_what_was_used_and_checkpointing_changes_only_memory() -> None:
    embed = golden_model().audio_embed
    clips = [clip(150), clip(145), clip(410)]
    with short_windows():
        plain, plain_bytes = gradients(embed, clips)
    expected = {name for name, _ in embed.named_parameters() if ".vision." not in name}
    assert set(plain) == expected
    # a constant added to all scores of a query changes nothing, hence neither does the keys' bias
    assert all(bool(gradient.any()) for name, gradient in plain.items() if not name.endswith("linear_k.bias"))
    embed.encoder.checkpointing = True
    with short_windows():
        lean, lean_bytes = gradients(embed, clips)
    assert all(torch.equal(plain[name], lean[name]) for name in expected)
    assert lean_bytes < plain_bytes / 5


def test_gradients_of_a_clip_are_those_it_has_alone() -> None:
    embed = golden_model().audio_embed
    clips = [clip(num) for num in (210, 79, 90, 96)]
    together = [torch.zeros_like(p) for p in embed.encoder.parameters()]
    with short_windows():
        for one in clips:
            embed.zero_grad()
            embed.encoder([one]).square().sum().backward()
            together = [total + gradient(p) for total, p in zip(together, embed.encoder.parameters(), strict=True)]
        embed.zero_grad()
        embed.encoder(clips).square().sum().backward()
    for (name, parameter), total in zip(embed.encoder.named_parameters(), together, strict=True):
        assert difference(gradient(parameter), total) < 1e-4 * max(1.0, float(total.abs().max())), name


def test_a_frozen_encoder_keeps_no_activations() -> None:
    embed = golden_model().audio_embed
    embed.encoder.requires_grad_(False)
    with kept_bytes() as kept:
        encoded = embed.encoder([clip(300), clip(290)])
    assert kept[0] == 0 and not encoded.requires_grad
    found, _ = gradients(embed, [clip(300)])
    assert set(found) == {name for name, _ in embed.named_parameters() if name.startswith("audio_projection.speech.")}


def test_statistics_stay_float32_in_a_model_of_bfloat16() -> None:
    embed = golden_model().audio_embed
    mel = golden_audio(1.0)
    exact, normalised = encode(embed, mel), embed.encoder.encoder_embedding(mel)
    embed.to(torch.bfloat16)
    norm = embed.encoder.encoder_embedding
    assert norm.global_mean.dtype == norm.global_invstd.dtype == torch.float32
    assert torch.equal(norm(mel), normalised)
    rounded = encode(embed, mel)
    assert rounded.dtype == torch.bfloat16
    assert 1e-4 < difference(rounded.float(), exact) < 0.1
    norm.global_mean.copy_(norm.global_mean.bfloat16())  # in place, so it stays float32
    assert difference(norm(mel), normalised) > 1e-3  # what rounding them would cost


def test_statistics_move_between_devices_as_buffers_do() -> None:
    with torch.device("meta"):
        norm = MeanVarianceNorm()
    norm.to(torch.bfloat16).to_empty(device="cpu")
    norm.load_state_dict({"global_mean": torch.full((80,), 13.0).bfloat16(), "global_invstd": torch.ones(80).bfloat16()})
    assert norm.global_mean.dtype == torch.float32 and float(norm.global_mean[0]) == 13.0


@pytest.mark.slow
def test_half_an_hour_in_bounded_memory() -> None:
    """22,500 tokens in 45 windows; without bounded chunks and checkpointing the activations are 2 GiB."""
    config = CONFIGS["tiny"]
    embed = AudioEmbed(config.audio, config.decoder.hidden_size)
    embed.encoder.checkpointing = True
    with kept_bytes() as kept:
        found = embed([clip(179_998)], "speech")
    assert found.shape == (22_500, config.decoder.hidden_size)
    assert kept[0] < 256 << 20
    found.square().mean().backward()
    assert all(bool(torch.isfinite(gradient(p)).all()) for p in embed.encoder.parameters())


# Messages


@pytest.mark.parametrize("shape", [(80, 98), (98,), (0, 80), (1, 98, 80)])
def test_what_is_no_log_mel_is_refused(embed: AudioEmbed, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"clip 1 has shape \(.*\); expected \(frames, 80\)"):
        embed([clip(8), torch.zeros(shape)], "speech")


def test_no_clips_and_no_such_projector(embed: AudioEmbed) -> None:
    with pytest.raises(ValueError, match="there are no clips"):
        embed([], "speech")
    with pytest.raises(ValueError, match="no projector 'sound'; expected one of speech, vision"):
        embed([clip(8)], "sound")


# Statistics of a corpus


def test_statistics_are_those_of_all_frames_in_any_order() -> None:
    clips = [clip(num, place) * (1 + place % 3) for place, num in enumerate([3, 200, 1, 77, 4_000])]
    mean, inverse = mel_statistics(clips)
    frames = torch.cat(clips).double()
    assert mean.dtype == inverse.dtype == torch.float32
    assert difference(mean, frames.mean(0).float()) < 1e-5
    assert difference(inverse, (1 / frames.std(0, correction=0)).float()) < 1e-6
    back = mel_statistics(one.numpy() for one in reversed(clips))
    assert difference(mean, back[0]) < 1e-5 and difference(inverse, back[1]) < 1e-6


def test_a_band_that_hardly_varies_is_not_blown_up() -> None:
    mel = clip(100)
    mel[:, 7] = 4.25
    mean, inverse = mel_statistics([mel])
    assert float(mean[7]) == 4.25 and float(inverse[7]) == pytest.approx(10.0)
    assert float(inverse.sort().values[-2]) < 1.0


def test_statistics_of_nothing_and_of_broken_values() -> None:
    with pytest.raises(ValueError, match="there are no frames"):
        mel_statistics([])
    with pytest.raises(ValueError, match="not finite"):
        mel_statistics([np.full((3, 80), np.nan)])


def test_a_bias_shorter_than_a_window() -> None:
    for config in (CONFIGS["tiny"].audio, replace(CONFIGS["tiny"].audio, bias_max_distance=20)):
        encoder = AudioEncoder(config)
        with torch.no_grad():
            assert encoder([clip(100), clip(401)]).shape == (64, config.hidden_size)
