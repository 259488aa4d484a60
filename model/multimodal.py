"""The whole model: text embeddings whose placeholder positions are replaced by image and audio features, then the decoder.

Parameters have the names of the official checkpoint (`model.layers.0.self_attn.qkv_proj.base_layer.weight`, ...), so its tensors load
as they are. Source: arXiv 2503.01743, section 2, and the released code of Phi-4-multimodal-instruct.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from model.audio import AudioEmbed
from model.batch import Batch
from model.config import ModelConfig
from model.decoder import Decoder, next_token_losses
from model.vision import ImageEmbed
from model.vocabulary import Vocabulary
from processors import tokens

ROUTED = "routed"  # the adapter that the mode of the batch decides


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Cross-entropy of the learned tokens. Shapes: each (L,), and index (L,): the place of each learned token in the batch."""

    each: torch.Tensor
    index: torch.Tensor


class Phi4MM(nn.Module):
    """Phi-4-multimodal with both adapters inside its linear layers and both audio projectors; lm_head is the embedding."""

    def __init__(self, config: ModelConfig, vocabulary: Vocabulary | None = None) -> None:
        super().__init__()
        if vocabulary is not None and len(vocabulary) != config.decoder.vocab_size:
            raise ValueError(f"the vocabulary has {len(vocabulary)} ids, the configuration says {config.decoder.vocab_size}")
        self.config = config
        self.vocabulary = vocabulary
        self.model = Decoder(config.decoder, {"vision": config.lora_vision, "speech": config.lora_speech})
        width = config.decoder.hidden_size
        self.model.embed_tokens_extend = nn.ModuleDict(
            {"image_embed": ImageEmbed(config.vision, width), "audio_embed": AudioEmbed(config.audio, width)}
        )

    @property
    def image_embed(self) -> ImageEmbed:
        return cast(ImageEmbed, cast(nn.ModuleDict, self.model.embed_tokens_extend)["image_embed"])

    @property
    def audio_embed(self) -> AudioEmbed:
        return cast(AudioEmbed, cast(nn.ModuleDict, self.model.embed_tokens_extend)["audio_embed"])

    def embed(self, batch: Batch) -> torch.Tensor:
        """Text embeddings with media in their places. Shapes: (N, hidden_size).

        Raises:
            ValueError: placeholders and features differ in number.
        """
        images = self.image_embed(batch.images) if batch.images else None
        audios = self.audio_embed(batch.audios, batch.mode.audio_projector, self.config.hf_compat) if batch.audios else None
        return self.place(batch.ids, images, audios)

    def place(self, ids: torch.Tensor, images: torch.Tensor | None, audios: torch.Tensor | None) -> torch.Tensor:
        """Text embeddings with features of media in place of their placeholders. Shapes: ids (N,), features (n, hidden_size) each.

        Raises:
            ValueError: placeholders and features differ in number.
        """
        embedded = self.model.embed_tokens(self.rows(ids))
        for token, features, kind, none in ((tokens.IMAGE, images, "image", "images"), (tokens.AUDIO, audios, "audio", "audio")):
            if features is not None:
                embedded = _put(embedded, ids == token, features, kind)
            elif bool((ids == token).any()):
                raise ValueError(f"the ids have {kind} placeholders, the batch has no {none}")
        return embedded

    def forward(self, batch: Batch, adapter: str | None = ROUTED) -> torch.Tensor:
        """Hidden states after the final norm. Shapes: (N, hidden_size)."""
        active = batch.mode.adapter if adapter == ROUTED else adapter
        return self.model(self.embed(batch), batch.position_ids, batch.lengths, active, self.config.hf_compat)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Scores of the next token. Shapes: (n, hidden_size) to (n, vocab_size)."""
        return nn.functional.linear(hidden, self.model.embed_tokens.weight)

    def losses(self, batch: Batch, adapter: str | None = ROUTED) -> Losses:
        """The cross-entropy of every learned token; logits exist for those alone, a chunk at a time."""
        return Losses(*next_token_losses(self(batch, adapter), self.rows(batch.labels), self.model.embed_tokens.weight))

    def rows(self, ids: torch.Tensor) -> torch.Tensor:
        """Rows of the embedding for token ids; the ids themselves in a model that knows them all."""
        return ids if self.vocabulary is None else self.vocabulary.rows(ids)


def _put(embedded: torch.Tensor, places: torch.Tensor, features: torch.Tensor, kind: str) -> torch.Tensor:
    """Features replace embeddings at their placeholders, in order."""
    index = places.nonzero().squeeze(1)
    if len(index) != len(features):
        raise ValueError(f"the ids have {len(index)} {kind} placeholders, the {kind} features are {len(features)}")
    return embedded.index_copy(0, index, features.to(embedded.dtype))
