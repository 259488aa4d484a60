"""Which facts, words, pictures and voices a model never trains on: decided by the thing itself, so that no row can be on both sides."""

from __future__ import annotations

from schemas.identity import keyed_uniform

TRAIN, TEST = "train", "test"


def split_of(seed: int, what: str, test_ratio: float) -> str:
    """`train` or `test`, the latter for about `test_ratio` of all things."""
    return TEST if keyed_uniform(seed, "demonstration.split", what) < test_ratio else TRAIN
