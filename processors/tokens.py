"""The model's tokeniser: o200k_base ranks, offline, with every special token of Phi-4-multimodal.

Ordinary text is encoded by rs-bpe, whose ids equal tiktoken's. Special tokens are placed by us, never parsed out of
text, so data cannot smuggle one in; text that spells one is refused by the contract step.
Source: the released tokenizer files (added tokens and their flags); o200k_base.
"""

from __future__ import annotations

import functools
from typing import Any

NUM_ORDINARY = 199_998
VOCABULARY = 200_064

END_OF_TEXT = 199_999  # bos = eos = pad = unk
IMAGE = 200_010
AUDIO = 200_011

SPECIAL = {
    "<|endoftext|>": END_OF_TEXT,
    "<|endoftext10|>": IMAGE,
    "<|endoftext11|>": AUDIO,
    "<|endofprompt|>": 200_018,
    "<|assistant|>": 200_019,
    "<|end|>": 200_020,
    "<|user|>": 200_021,
    "<|system|>": 200_022,
    "<|tool|>": 200_023,
    "<|/tool|>": 200_024,
    "<|tool_call|>": 200_025,
    "<|/tool_call|>": 200_026,
    "<|tool_response|>": 200_027,
    "<|tag|>": 200_028,
}
NAMES = {token: name for name, token in SPECIAL.items()}
# After these, white space is swallowed by the tokeniser (flag rstrip), up to the next special token.
STRIPS_RIGHT = frozenset(range(200_019, 200_029))


@functools.cache
def _ranks() -> Any:
    from rs_bpe.bpe import openai

    return openai.o200k_base()


@functools.cache
def _bytes() -> Any:
    return _ranks().bpe()


def encode(text: str) -> list[int]:
    """Ids of ordinary text; specials spelled in it are encoded letter by letter."""
    return _ranks().encode(text)


def count(text: str) -> int:
    """How many ids `encode` gives."""
    return len(_ranks().encode(text)) if text else 0


def decode_bytes(ids: list[int]) -> bytes:
    """UTF-8 of ordinary ids; a token may hold a part of a character."""
    return _bytes().decode_tokens(ids)


def decode(ids: list[int]) -> str:
    """Text of ids, specials by their names, U+FFFD for a character that is cut. Raises ValueError for an id outside the vocabulary."""
    pieces: list[str] = []
    run: list[int] = []
    for token in [*ids, None]:
        if token is not None and 0 <= token < NUM_ORDINARY:
            run.append(token)
            continue
        if run:
            pieces.append(decode_bytes(run).decode("utf-8", "replace"))
            run = []
        if token is not None:
            if token not in NAMES:
                raise ValueError(f"token id {token} is neither ordinary (0..{NUM_ORDINARY - 1}) nor a known special")
            pieces.append(NAMES[token])
    return "".join(pieces)


def special_in(text: str) -> str | None:
    """The first special token, or numbered placeholder, that a text spells; the real tokeniser would parse it."""
    if "<|" not in text:
        return None
    for name in SPECIAL:
        if name in text:
            return name
    for prefix in ("<|image_", "<|audio_"):
        start = text.find(prefix)
        while start >= 0:
            stop = text.find("|>", start)
            if stop > 0 and text[start + len(prefix) : stop].isdigit():
                return text[start : stop + 2]
            start = text.find(prefix, start + 1)
    return None
