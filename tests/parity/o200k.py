"""transformers' tokeniser with the real ids of o200k_base, for the words of some texts: all bytes, and the merges that these texts take."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from processors import tokens
from tests.hf import import_transformers

# The pre-tokeniser's pattern, as the specification lists its alternatives.
_PATTERN = "|".join(
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)


def _letters() -> dict[int, str]:
    """The visible letter that stands for each byte in byte-level vocabularies."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + place) for place, byte in enumerate(others)}


def tokenizer_for(texts: Iterable[str]) -> Any:
    """A PreTrainedTokenizerFast with the released ids for `texts`, and the released special tokens; media under transformers' names."""
    from rs_bpe.bpe import openai
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    table = openai.o200k_base().bpe()
    number_of = {bytes(table.decode_tokens([number])): number for number in range(tokens.NUM_ORDINARY)}
    letters = _letters()
    splitter = pre_tokenizers.Split(Regex(_PATTERN), "isolated")
    merges: dict[int, tuple[bytes, bytes]] = {}
    for text in texts:
        for piece, _ in splitter.pre_tokenize_str(text):
            _merge(piece.encode(), number_of, merges)
    vocabulary = {_spell(word, letters): number for word, number in number_of.items() if len(word) == 1 or number in merges}
    names = {**tokens.SPECIAL, "<|image|>": tokens.IMAGE, "<|audio|>": tokens.AUDIO}
    del names["<|endoftext10|>"], names["<|endoftext11|>"]
    pairs = [(_spell(merges[number][0], letters), _spell(merges[number][1], letters)) for number in sorted(merges)]
    inner = Tokenizer(models.BPE(vocab=vocabulary | names, merges=pairs))
    inner.pre_tokenizer = pre_tokenizers.Sequence([splitter, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    inner.decoder = decoders.ByteLevel()
    made = import_transformers().PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        padding_side="left",
        extra_special_tokens={"image_token": "<|image|>", "audio_token": "<|audio|>"},
    )
    made.add_tokens([AddedToken(name, rstrip=number in tokens.STRIPS_RIGHT, special=True) for name, number in names.items()])
    return made


def _spell(word: bytes, letters: dict[int, str]) -> str:
    return "".join(letters[byte] for byte in word)


def _merge(word: bytes, number_of: dict[bytes, int], merges: dict[int, tuple[bytes, bytes]]) -> None:
    parts = [bytes([byte]) for byte in word]
    while True:
        found = [(number_of[one + two], at) for at, (one, two) in enumerate(itertools.pairwise(parts)) if one + two in number_of]
        if not found:
            return
        number, at = min(found)
        merges[number] = parts[at], parts[at + 1]
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
