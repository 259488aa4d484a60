"""Keys, digests and keyed randomness: identity comes from content and place, never from rank, time or luck."""

from __future__ import annotations

import hashlib
import json

import numpy as np


def digest(*pieces: str | bytes) -> str:
    """A 128-bit BLAKE2b digest of length-framed pieces, as 32 hex digits."""
    state = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        data = piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()


def canonical_json(value: object) -> str:
    """One text for one value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def child_key(key: str, index: int) -> str:
    """The key of the `index`-th child that an `expand` step makes."""
    return f"{key}/{index}"


def keyed_rng(seed: int, step: str, key: str) -> np.random.Generator:
    """A generator that depends on (seed, step, record key) alone."""
    return np.random.Generator(np.random.Philox(int(digest(str(seed), step, key), 16)))


def keyed_uniform(seed: int, step: str, key: str) -> float:
    """One number in [0, 1) that depends on (seed, step, record key) alone."""
    return int(digest(str(seed), step, key)[:13], 16) / 16**13
