"""Weights before any training, each decided by (seed, name of the tensor) alone, and the vocabulary of a model made for some corpora.

Matrices are normal with variance 1 / fan-in, so that every width keeps the size of its signals: at the released width of 3,072 that is
a deviation of 0.018, next to the usual 0.02, which in a model of width 128 would shrink them fourfold a layer. What a block adds to its
residual stream is divided by the root of the number of additions (Radford et al. 2019, "Language Models are Unsupervised Multitask
Learners", section 2.3). Published are only the zeros of the two image separators and LoRA's start: A uniform as in Kaiming, B zero
(Hu et al. 2021, https://arxiv.org/abs/2106.09685, section 4.1; peft's A); the rest is this project's choice.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from model.audio import mel_statistics as _statistics
from model.config import CONFIGS, ModelConfig
from model.multimodal import Phi4MM
from model.rows import CorpusRows
from model.vocabulary import Vocabulary
from processors.contract import token_ids
from processors.packing import encoded
from schemas.identity import digest
from schemas.records import Conversation, Document, PackedSequence, Preference, Record, audios_of

EMBEDDING = "model.embed_tokens.weight"
TOKEN_BLOCK = 1_024  # ids whose embeddings one generator draws
RESIDUAL_ENDS = (
    ".o_proj.base_layer.weight",
    ".down_proj.base_layer.weight",  # decoder
    ".self_attn.out_proj.weight",
    ".mlp.fc2.weight",  # vision tower
    ".self_attn.linear_out.weight",
    ".net.2.weight",
    ".conv.ext_pw_conv_1d.weight",  # audio encoder
)
ZEROS = (".bias", "_bias", ".b1", ".b2", "_GN", ".bias_values.weight")  # bias_values: no distance is preferred at first
TYPICAL_LOG_MEL, TYPICAL_DEVIATION = 14.0, 4.5  # means over the bands of recorded speech at full scale
POSITIONS_STD = 0.02  # positions and the probe are added or asked beside features of size about 1


def build_model(
    config: ModelConfig | str,
    vocabulary: Vocabulary | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    mel_statistics: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> Phi4MM:
    """A model with its initial weights: the same for the same (config, vocabulary, seed) on every machine and device.

    `config` is a name of `CONFIGS` or a configuration; with a vocabulary its `vocab_size` becomes the vocabulary's. An embedding
    depends on its token id, not on which other ids the vocabulary has. `mel_statistics` are the mean and inverse deviation of each mel
    band, (80,) each, as `mel_statistics_of` measures them; without them speech of usual loudness is assumed.

    Raises:
        KeyError: a name that `CONFIGS` does not have.
    """
    if isinstance(config, str):
        if config not in CONFIGS:
            raise KeyError(f"there is no configuration {config!r}; expected one of {', '.join(CONFIGS)}")
        config = CONFIGS[config]
    if vocabulary is not None:
        config = replace(config, decoder=replace(config.decoder, vocab_size=len(vocabulary)))
    with torch.random.fork_rng(devices=[]):  # torch's own initial values use the global generator
        model = Phi4MM(config, vocabulary)
    fill(model, seed)
    mean, inverse = mel_statistics or (torch.tensor(TYPICAL_LOG_MEL), torch.tensor(1 / TYPICAL_DEVIATION))
    buffers = dict(model.audio_embed.encoder.encoder_embedding.named_buffers())
    buffers["global_mean"].copy_(mean)
    buffers["global_invstd"].copy_(inverse)
    return model.to(device=device, dtype=dtype)


@torch.no_grad()
def fill(model: Phi4MM, seed: int) -> None:
    """Writes the initial value into every parameter; buffers stay as they are."""
    for name, parameter in model.named_parameters():
        if name == EMBEDDING:
            ids = torch.arange(len(parameter)) if model.vocabulary is None else model.vocabulary.ids
            parameter.copy_(token_embeddings(ids, parameter.shape[1], seed))
        else:
            parameter.copy_(initial_value(name, tuple(parameter.shape), seed, model.config))


def token_embeddings(ids: torch.Tensor, width: int, seed: int) -> torch.Tensor:
    """Initial embeddings of token ids, of deviation width^-0.5. Shapes: (n,) to (n, width)."""
    found = torch.empty(len(ids), width)
    blocks = ids // TOKEN_BLOCK
    for block in blocks.unique().tolist():
        drawn = torch.randn(TOKEN_BLOCK, width, generator=_generator(seed, f"{EMBEDDING} {block}"))
        found[blocks == block] = drawn[ids[blocks == block] % TOKEN_BLOCK]
    return found * width**-0.5


def initial_value(name: str, shape: tuple[int, ...], seed: int, config: ModelConfig) -> torch.Tensor:
    """The initial value of a parameter of this name and shape.

    Raises:
        ValueError: a vector that is neither a norm nor a bias.
    """
    if name.endswith(ZEROS) or ".lora_B." in name:
        return torch.zeros(shape)
    if "norm" in name.rsplit(".", 2)[-2] and name.endswith(".weight"):
        return torch.ones(shape)
    if len(shape) < 2:
        raise ValueError(f"parameter {name} of shape {shape} is neither a norm, a bias nor a matrix: it has no initial value")
    generator = _generator(seed, name)
    fan_in = math.prod(shape[1:])
    if ".lora_A." in name:
        return torch.empty(shape).uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=generator)
    if name.endswith((".position_embedding.weight", ".probe")):
        return torch.randn(shape, generator=generator) * POSITIONS_STD
    return torch.randn(shape, generator=generator) * fan_in**-0.5 * _residual_scale(name, config)


def _residual_scale(name: str, config: ModelConfig) -> float:
    """1 over the root of how many such tensors add to the same stream; 1 for what adds to none."""
    if not name.endswith(RESIDUAL_ENDS):
        return 1.0
    if ".image_embed." in name:
        return (2 * config.vision.num_layers) ** -0.5
    if ".audio_embed." in name:
        return (4 * config.audio.num_layers) ** -0.5  # two half feed-forwards, attention, convolution
    return (2 * config.decoder.num_layers) ** -0.5


def _generator(seed: int, what: str) -> torch.Generator:
    return torch.Generator().manual_seed(int(digest("initial", str(seed), what)[:15], 16))


# ---- vocabularies


def vocabulary_of(corpora: Iterable[Path]) -> Vocabulary:
    """The ids that occur in some corpora, with every special token: what a tiny model has to know to train on them.

    Raises:
        CorpusError: a path that is no corpus.
    """
    return Vocabulary.of(ids for path in corpora for record in _rows(path) for ids in id_lists(record))


def _rows(path: Path) -> Iterator[Record]:
    rows = CorpusRows(path, only_training=True)
    return (rows[row] for row in range(len(rows)))


def mel_statistics_of(corpora: Iterable[Path], max_rows: int = 2_000) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Mean and inverse deviation of each mel band over the clips in the first rows of some corpora; None where they have no audio.

    Shapes: (80,) each. `max_rows` of each corpus are read.
    """
    rows = (record for path in corpora for record in itertools.islice(_rows(path), max_rows))
    clips = (audio.log_mel for record in rows for audio in audios_of(record) if audio.log_mel is not None)
    first = next(clips, None)
    return None if first is None else _statistics(itertools.chain([first], clips))


def id_lists(record: Record) -> Iterator[Sequence[int]]:
    """Token ids of the sequences of a row; media are not decoded."""
    if isinstance(record, PackedSequence):
        yield np.unique(record.input_ids).tolist()
    elif isinstance(record, Document):
        yield encoded(record)[0].tolist()
    elif isinstance(record, Conversation):
        yield token_ids(record.turns)[0]
    elif isinstance(record, Preference):
        yield from (token_ids(record.prompt + side)[0] for side in (record.chosen, record.rejected))
    else:
        raise TypeError(f"a {type(record).__name__} has no tokens; expected a row of a corpus")


def grow(model: Phi4MM, more: Vocabulary, seed: int = 0) -> Phi4MM:
    """The model with the ids of `more` beside its own: their embeddings start fresh, everything else stays as it is."""
    if model.vocabulary is None:
        return model
    ids = torch.cat([model.vocabulary.ids, more.ids]).unique()
    if len(ids) == len(model.vocabulary):
        return model
    old = model.model.embed_tokens.weight
    grown = build_model(model.config, Vocabulary(ids), seed, old.device, old.dtype)
    state = model.state_dict()
    state[EMBEDDING] = grown.model.embed_tokens.weight.detach().clone()
    state[EMBEDDING][torch.searchsorted(ids, model.vocabulary.ids).to(old.device)] = old.detach()
    grown.load_state_dict(state)
    return grown


def copy_audio_projector(model: Phi4MM) -> None:
    """The audio projector of images with speech becomes a copy of the speech one."""
    projection: nn.ModuleDict = model.audio_embed.audio_projection
    projection["vision"].load_state_dict(projection["speech"].state_dict())
