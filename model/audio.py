"""Audio to decoder embeddings: clips cut into windows, windows of similar length encoded together, then one of two projectors.

A clip of more than 500 tokens (40 s) is encoded in independent windows of 500; zero tokens fill its last window, and attention sees
them, as in the released code. Every clip gives what it gives alone: what fills a batch up is invisible to it.
Source: arXiv 2503.01743, section 2.1.2, and the released code of Phi-4-multimodal-instruct.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from model.config import AudioConfig, HfCompat
from model.conformer import ConformerBlock, MeanVarianceNorm, RelativeBias, Subsampler
from processors.audio.log_mel import FRAMES_PER_TOKEN, num_audio_tokens
from schemas.parts import NUM_MEL_BANDS

WINDOW_TOKENS = 500
CPU_CHUNK_BYTES = 16 << 20  # of the subsampler's largest activation; a chunk has one window at least. Larger ones leave the cache
DEVICE_CHUNK_BYTES = 1 << 30  # on an accelerator
MIN_FILL_RATIO = 0.75  # shortest to longest window of a chunk: less padding against fewer, larger calls
MIN_DEVIATION = 0.1  # a band that hardly varies is not blown up


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a clip that is encoded by itself.

    Tokens `first` to `first + num_real` of the clip come from frames; zero tokens follow until `num_tokens`. Attention sees the first
    `num_keys`, the first `num_kept` are the result.
    """

    clip: int
    first: int
    num_real: int
    num_tokens: int
    num_keys: int
    num_kept: int


def windows_of(num_frames: Sequence[int], padding_is_seen: bool = False) -> list[Window]:
    """The windows of clips, in order. With `padding_is_seen` all clips are as long as the longest one, and attention sees no key of
    their padding.
    """
    longest = max(num_frames)
    found = []
    for clip, frames in enumerate(num_frames):
        num_own = num_audio_tokens(frames)
        num_all = num_audio_tokens(longest) if padding_is_seen else num_own
        for first in range(0, num_own, WINDOW_TOKENS):  # windows of padding alone influence nothing
            num_real = min(WINDOW_TOKENS, num_all - first)
            num_kept = min(WINDOW_TOKENS, num_own - first)
            num_tokens = WINDOW_TOKENS if num_all > WINDOW_TOKENS else num_all
            found.append(Window(clip, first, num_real, num_tokens, num_kept if padding_is_seen else num_tokens, num_kept))
    return found


def chunks_of(num_tokens: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Places of windows of similar length, longest first: `max_tokens` with padding or one window, and at most a quarter padding."""
    chunks: list[list[int]] = []
    for place in sorted(range(len(num_tokens)), key=lambda place: -num_tokens[place]):
        longest = num_tokens[chunks[-1][0]] if chunks else 0
        if chunks and longest * (len(chunks[-1]) + 1) <= max_tokens and num_tokens[place] >= MIN_FILL_RATIO * longest:
            chunks[-1].append(place)
        else:
            chunks.append([place])
    return chunks


class AudioEncoder(nn.Module):
    """The conformer over clips of any length. `checkpointing` computes activations again in the backward pass instead of keeping them."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.encoder_embedding = MeanVarianceNorm()
        self.embed = Subsampler(config)
        self.relative_attention_bias_layer = RelativeBias(config)
        self.encoders = nn.ModuleList(ConformerBlock(config) for _ in range(config.num_layers))
        self.checkpointing = False
        self.token_bytes = FRAMES_PER_TOKEN // 2 * NUM_MEL_BANDS // 2 * config.conv_channels * 4

    def forward(self, clips: Sequence[torch.Tensor], compat: HfCompat = HfCompat()) -> torch.Tensor:
        """Tokens of all clips, one clip after another. Shapes: each clip (T, 80) to (sum of ceil(T / 8), D)."""
        padding_is_seen = len(clips) > 1 and (compat.audio_padding_is_seen or compat.audio_mask_is_added)
        num_frames = [len(clip) for clip in clips]
        windows = windows_of(num_frames, padding_is_seen)
        if padding_is_seen:
            clips = [F.pad(clip, (0, 0, 0, max(num_frames) - len(clip))) for clip in clips]
        bias = self.relative_attention_bias_layer(max(window.num_tokens for window in windows))
        found: list[torch.Tensor] = [bias] * len(windows)
        chunk_bytes = CPU_CHUNK_BYTES if bias.device.type == "cpu" else DEVICE_CHUNK_BYTES
        for chunk in chunks_of([window.num_tokens for window in windows], chunk_bytes // self.token_bytes):
            members = [windows[place] for place in chunk]
            hidden = self._encode(clips, members, bias, compat.audio_mask_is_added)
            for place, window, tokens in zip(chunk, members, hidden, strict=True):
                found[place] = tokens[: window.num_kept]
        return torch.cat(found)

    def _encode(self, clips: Sequence[torch.Tensor], windows: list[Window], bias_HLL: torch.Tensor, is_added: bool) -> torch.Tensor:
        """Windows of similar length. Shapes: (B, L, D)."""
        longest = max(window.num_tokens for window in windows)
        mel, real, halo = cut_frames(clips, windows)
        mel = mel.to(bias_HLL.device)
        mask = attention_mask(bias_HLL[:, :longest, :longest], [window.num_keys for window in windows], is_added)
        hidden = self._run(self._subsample, mel, real, halo // FRAMES_PER_TOKEN, [window.num_real for window in windows])
        hidden = F.pad(hidden, (0, 0, 0, longest - hidden.shape[1]))
        for block in self.encoders:
            hidden = self._run(block, hidden, mask)
        return hidden

    def _subsample(self, mel: torch.Tensor, real: list[tuple[int, int]], num_dropped: int, num_real: list[int]) -> torch.Tensor:
        normalised = self.encoder_embedding(mel).to(self.embed.out.weight.dtype)
        hidden = self.embed(normalised, real)[:, num_dropped:]
        counts = torch.tensor(num_real, device=hidden.device)
        return hidden.masked_fill((torch.arange(hidden.shape[1], device=hidden.device) >= counts[:, None])[..., None], 0.0)

    def _run(self, function: Callable[..., torch.Tensor], *arguments: Any) -> torch.Tensor:
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(function, *arguments, use_reentrant=False)
        return function(*arguments)


def cut_frames(clips: Sequence[torch.Tensor], windows: Sequence[Window]) -> tuple[torch.Tensor, list[tuple[int, int]], int]:
    """Frames of windows, which of them are real, and how many stand before a window's first token.

    A token reads 7 frames before its own 8, so a window that continues a clip begins 8 frames earlier and drops its first token.
    Shapes: (B, T, 80).
    """
    halo = FRAMES_PER_TOKEN if any(window.first for window in windows) else 0
    pieces, real = [], []
    for window in windows:
        start = window.first * FRAMES_PER_TOKEN
        piece = clips[window.clip][max(0, start - halo) : start + window.num_real * FRAMES_PER_TOKEN]
        missing = halo - (start - max(0, start - halo))
        pieces.append(F.pad(piece, (0, 0, missing, 0)))
        real.append((missing, missing + len(piece)))
    return nn.utils.rnn.pad_sequence(pieces, batch_first=True), real, halo


def attention_mask(bias_HLL: torch.Tensor, num_keys: Sequence[int], is_added: bool = False) -> torch.Tensor:
    """What is added to the scores: the bias, and -inf (or, `is_added`, 0 beside the 1 of real keys) where a key is not seen.

    Shapes: (1, H, L, L) where all keys are seen, else (B, H, L, L).
    """
    num_tokens = bias_HLL.shape[-1]
    if min(num_keys) == num_tokens:
        return bias_HLL[None]
    counts = torch.tensor(num_keys, device=bias_HLL.device)
    is_seen = (torch.arange(num_tokens, device=bias_HLL.device) < counts[:, None])[:, None, None]
    return bias_HLL + is_seen.to(bias_HLL.dtype) if is_added else bias_HLL.masked_fill(~is_seen, -torch.inf)


class AudioEmbed(nn.Module):
    """Clips to embeddings of the decoder, through the projector of the mode: `speech`, or `vision` where images are there too."""

    def __init__(self, config: AudioConfig, width: int) -> None:
        super().__init__()
        self.encoder = AudioEncoder(config)
        self.audio_projection = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(config.hidden_size, width), nn.GELU(), nn.Linear(width, width)) for name in ("speech", "vision")}
        )

    def forward(self, clips: Sequence[torch.Tensor], projector: str, compat: HfCompat = HfCompat()) -> torch.Tensor:
        """Embeddings of all clips, one clip after another. Shapes: each clip (T, 80) to (sum of ceil(T / 8), width).

        Raises:
            ValueError: a clip that is no log-Mel, or a projector that does not exist.
        """
        if projector not in self.audio_projection:
            raise ValueError(f"projecting audio: no projector {projector!r}; expected one of {', '.join(self.audio_projection)}")
        if not clips:
            raise ValueError("encoding audio: there are no clips; expected at least one")
        for place, clip in enumerate(clips):
            if clip.ndim != 2 or clip.shape[1] != NUM_MEL_BANDS or not len(clip):
                raise ValueError(
                    f"encoding audio: clip {place} has shape {tuple(clip.shape)}; expected (frames, {NUM_MEL_BANDS}) with one frame or more"
                )
        return self.audio_projection[projector](self.encoder(clips, compat))


def mel_statistics(clips: Iterable[torch.Tensor | np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and inverse standard deviation of each band over the frames of a corpus, for a model that starts from nothing.

    Sums are float64, so the order of clips changes nothing beyond rounding. Shapes: each clip (T, 80); both results (80,) float32.

    Raises:
        ValueError: no frame at all, or a value that is not finite.
    """
    num, total, squares = 0, np.zeros(NUM_MEL_BANDS), np.zeros(NUM_MEL_BANDS)
    for clip in clips:
        frames = np.asarray(clip, dtype=np.float64)
        num += len(frames)
        total += frames.sum(0)
        squares += np.square(frames).sum(0)
    if not num:
        raise ValueError("statistics of log-Mel: there are no frames; expected at least one clip")
    mean = total / num
    deviation = np.sqrt(np.maximum(squares / num - mean**2, 0.0))
    if not np.isfinite(deviation).all():
        raise ValueError("statistics of log-Mel: a clip holds values that are not finite; check the corpus")
    return torch.from_numpy(mean).float(), torch.from_numpy(1.0 / np.maximum(deviation, MIN_DEVIATION)).float()
