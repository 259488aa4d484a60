"""Our audio side against transformers' (eager, float32, tiny golden weights): one clip, batches with masks, several windows."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from model.audio import AudioEmbed
from model.config import HfCompat
from processors.audio.log_mel import num_audio_tokens
from tests.model.golden import golden_model, golden_tensor

pytest.importorskip("transformers")
pytestmark = pytest.mark.parity

HF = HfCompat(audio_mask_is_added=True, audio_padding_is_seen=True)
AUDIO_TOKEN = 11
PREFIX = "model.embed_tokens_extend.audio_embed."


def clip(num_frames: int) -> torch.Tensor:
    return 12 + 3 * torch.randn(num_frames, 80, generator=torch.Generator().manual_seed(num_frames))


@pytest.fixture(scope="module")
def theirs() -> Any:
    from tests.hf import import_transformers

    transformers = import_transformers()
    from transformers.models.phi4_multimodal.modeling_phi4_multimodal import Phi4MultimodalAudioEmbedding

    audio = transformers.Phi4MultimodalAudioConfig(
        hidden_size=32,
        intermediate_size=24,
        num_blocks=2,
        num_attention_heads=4,
        nemo_conv_channels=16,
        ext_pw_out_channel=32,
        depthwise_separable_out_channel=32,
        bias_max_distance=500,
        audio_token_id=AUDIO_TOKEN,
        attn_implementation="eager",
    )
    config = transformers.Phi4MultimodalConfig(
        vocab_size=64,
        hidden_size=48,
        num_attention_heads=6,
        num_key_value_heads=2,
        audio_config=audio,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    config.audio_config._attn_implementation = "eager"
    module = Phi4MultimodalAudioEmbedding(config).eval()
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            tensor.copy_(golden_tensor(PREFIX + name, tuple(tensor.shape)))
    return module


@pytest.fixture(scope="module")
def ours() -> AudioEmbed:
    return golden_model().audio_embed


@torch.no_grad()
def their_answer(module: Any, clips: list[torch.Tensor], projector: str) -> torch.Tensor:
    """Embeddings at the placeholders. Shapes: (sum of tokens, 48)."""
    sizes = [num_audio_tokens(len(one)) for one in clips]
    features = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
    mask = None
    if len(clips) > 1:
        mask = torch.arange(features.shape[1]) < torch.tensor([[len(one)] for one in clips])
    ids = torch.full((1, sum(sizes)), AUDIO_TOKEN)
    mode = "speech" if projector == "speech" else "vision"
    return module(ids, torch.zeros(1, sum(sizes), 48), features, sizes, mask, mode)[0]


def assert_agree(module: Any, ours: AudioEmbed, clips: list[torch.Tensor], compat: HfCompat, projector: str = "speech") -> None:
    theirs = their_answer(module, clips, projector)
    with torch.no_grad():
        found = ours(clips, projector, compat)
    assert found.shape == theirs.shape
    assert float(theirs.abs().max()) > 0.1
    assert float((found - theirs).abs().max()) < 1e-5


def reads_unfold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches with a clip over 40 s crash in the unfold helper, which views a tensor that is not contiguous."""
    from transformers.models.phi4_multimodal import modeling_phi4_multimodal as their_code

    def unfold(tensor: torch.Tensor, size: int) -> torch.Tensor:
        return tensor.reshape(-1, size, tensor.shape[-1])

    monkeypatch.setattr(their_code, "unfold_tensor", unfold)


def excludes_keys(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    """Their mask as the released code means it: -inf on padding, instead of 1 on the rest."""
    for name in ("forward_embeddings", "calculate_hs_mask"):
        original = getattr(module.encoder, name)

        def excluding(*arguments: Any, original: Any = original) -> Any:
            answer = original(*arguments)
            if isinstance(answer, tuple):
                hidden, seen, mask = answer
                return hidden, seen.float().log(), mask
            return answer.float().log()

        monkeypatch.setattr(module.encoder, name, excluding)


@pytest.mark.parametrize("projector", ["speech", "vision"])
def test_one_clip(theirs: Any, ours: AudioEmbed, projector: str) -> None:
    for num_frames in (1, 8, 9, 298):
        assert_agree(theirs, ours, [clip(num_frames)], HfCompat(), projector)


@pytest.mark.parametrize("num_frames", [4_000, 4_001, 4_698])
def test_one_and_two_windows(theirs: Any, ours: AudioEmbed, num_frames: int) -> None:
    assert_agree(theirs, ours, [clip(num_frames)], HfCompat())


def test_two_clips_with_their_mask(theirs: Any, ours: AudioEmbed) -> None:
    assert_agree(theirs, ours, [clip(298), clip(117)], HF)
    with pytest.raises(AssertionError):
        assert_agree(theirs, ours, [clip(298), clip(117)], HfCompat())


def test_windows_with_their_mask(theirs: Any, ours: AudioEmbed, monkeypatch: pytest.MonkeyPatch) -> None:
    reads_unfold(monkeypatch)
    assert_agree(theirs, ours, [clip(4_698), clip(498)], HF)


@pytest.mark.parametrize("num_frames", [(117, 298, 9), (4_698, 498)])
def test_batches_of_the_released_code(theirs: Any, ours: AudioEmbed, monkeypatch: pytest.MonkeyPatch, num_frames: tuple[int, ...]) -> None:
    """Padding enters the subsampler, its tokens are no keys."""
    reads_unfold(monkeypatch)
    excludes_keys(monkeypatch, theirs)
    clips = [clip(num) for num in num_frames]
    assert_agree(theirs, ours, clips, HfCompat(audio_padding_is_seen=True))
    with pytest.raises(AssertionError):
        assert_agree(theirs, ours, clips, HF)


def test_a_batch_of_ours_is_their_clips_alone(theirs: Any, ours: AudioEmbed) -> None:
    clips = [clip(num) for num in (4_001, 117, 298, 9)]
    alone = torch.cat([their_answer(theirs, [one], "speech") for one in clips])
    with torch.no_grad():
        assert float((ours(clips, "speech") - alone).abs().max()) < 1e-5
