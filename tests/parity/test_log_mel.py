"""Our log-Mel against transformers' extractor over lengths, rates and clips that are hard on rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from processors.audio.decode import decode_audio
from processors.audio.log_mel import log_mel, num_audio_tokens
from tests.processors.audio.clips import encoded, sine, written

pytest.importorskip("transformers")
pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def extractor() -> Any:
    from tests.hf import import_transformers

    return import_transformers().Phi4MultimodalFeatureExtractor()


def agree(extractor: Any, samples: np.ndarray) -> None:
    answer = extractor([samples], sampling_rate=16_000)
    theirs, ours = answer["audio_input_features"][0].numpy(), log_mel(samples, hf_compat=True)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 1e-5
    assert int(answer["audio_embed_sizes"][0]) == num_audio_tokens(len(ours))


@pytest.mark.parametrize("num_samples", [400, 401, 559, 560, 1_599, 1_600, 1_680, 20_719, 20_720, 20_880, 20_881, 41_201, 320_000])
def test_lengths(extractor: Any, num_samples: int) -> None:
    agree(extractor, (np.random.default_rng(num_samples).standard_normal(num_samples) * 0.1).astype(np.float32))


@pytest.mark.parametrize("kind", ["constant", "deep tone", "high tone", "impulses", "loud then quiet", "sweep", "clipped", "denormal"])
def test_hard_clips(extractor: Any, kind: str) -> None:
    n = np.arange(48_000)
    made = {
        "constant": np.ones(48_000),
        "deep tone": 0.999 * np.sin(n * 0.01),
        "high tone": 0.999 * np.sin(n * 2.9),
        "impulses": (n % 7_001 == 0) * 1.0,
        "loud then quiet": np.where(n < 24_000, 0.99 * np.sin(n * 0.05), 1e-6 * np.sin(n)),
        "sweep": np.sin(n * n * 3e-5),
        "clipped": np.clip(8 * np.sin(n * 0.05), -1, 1),
        "denormal": 1e-40 * np.sin(n),
    }[kind]
    agree(extractor, made.astype(np.float32))


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_rates(extractor: Any, rate: int) -> None:
    agree(extractor, decode_audio(written(sine(1.3, rate), rate=rate)).samples)
    agree(extractor, decode_audio(encoded(sine(1.3, rate), "adts", "aac", rate)).samples)
