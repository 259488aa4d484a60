"""Loudness agrees with the recommendation and with torchaudio; trimming takes silence alone; levelling never clips."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.audio.loudness import NormaliseLoudness, TrimSilence, integrated_loudness
from processors.torch_audio import import_torchaudio
from schemas.parts import Audio, Text
from schemas.records import Conversation, Origin, Turn, audios_of
from tests.processors.audio.clips import sine
from tests.processors.audio.noise import noise, spoken


def conversation(*clips: np.ndarray) -> Conversation:
    audios = tuple(Audio(samples=samples) for samples in clips)
    return Conversation("k", Origin("t"), (Turn("user", (*audios, Text("Say it."))),), {"audio.peak": 0.3, "audio.duration_s": 9.0})


def samples_of(record: Conversation) -> list[np.ndarray]:
    return [audio.samples for audio in audios_of(record) if audio.samples is not None]


# ---- loudness


def test_the_reference_tone_has_the_loudness_of_the_recommendation() -> None:
    # ITU-R BS.1770: 997 Hz at full scale in one channel is -3.01 LUFS; levels add in dB
    assert integrated_loudness(2 * sine(5.0, hz=997)) == pytest.approx(-3.01, abs=0.06)
    assert integrated_loudness(sine(5.0, hz=997) / 5) == pytest.approx(-23.01, abs=0.06)


@pytest.mark.parametrize(("hz", "gain_db"), [(50, -3.934), (100, -1.133), (500, 0.042), (2_000, 3.071), (4_000, 3.968), (7_000, 4.036)])
def test_the_weighting_is_that_of_the_recommendation(hz: int, gain_db: float) -> None:
    # gains of the recommendation's own 48 kHz coefficients at these frequencies
    assert integrated_loudness(sine(3.0, hz=hz)) - 20 * np.log10(0.5) + 3.01 == pytest.approx(gain_db - 0.691, abs=0.06)


def test_what_lies_far_below_the_rest_does_not_count() -> None:
    tone = sine(4.0, hz=997)
    whole = integrated_loudness(np.concatenate([tone, 0.001 * tone, np.zeros(64_000, np.float32)]))
    assert whole == pytest.approx(integrated_loudness(tone), abs=0.35)  # three of forty blocks lie on the edge


def test_silence_and_shortness_have_a_loudness() -> None:
    assert integrated_loudness(np.zeros(16_000, np.float32)) == -70.0
    assert integrated_loudness(np.zeros(0, np.float32)) == -70.0
    assert integrated_loudness(sine(0.3, hz=997)) == pytest.approx(integrated_loudness(sine(3.0, hz=997)), abs=0.1)
    assert integrated_loudness(sine(1.0)[:1]) == -70.0


@pytest.mark.parametrize("kind", ["speech", "white", "tone"])
def test_torchaudio_measures_the_same(kind: str) -> None:
    import torch

    samples = {"speech": spoken(1)[2_000:10_000], "white": 0.1 * noise(8_000), "tone": sine(0.5, hz=220)}[kind].astype(np.float32)
    theirs = float(import_torchaudio().functional.loudness(torch.from_numpy(samples.copy())[None], 16_000))
    assert integrated_loudness(samples) == pytest.approx(theirs, abs=0.1)


# ---- trimming


def test_silence_at_both_ends_is_cut_but_for_the_margin() -> None:
    quiet = np.zeros(16_000, np.float32)
    done = TrimSilence(margin_s=0.1)(conversation(np.concatenate([quiet, sine(1.0), quiet, sine(0.5), quiet])))
    (samples,) = samples_of(done)
    assert np.array_equal(samples, np.concatenate([quiet[:1_600], sine(1.0), quiet, sine(0.5), quiet[:1_600]]))
    assert (done.facts["audio.trimmed_s"], done.facts["audio.duration_s"]) == (1.8, 2.7)


def test_no_sound_of_speech_is_trimmed() -> None:
    quiet = np.zeros(8_000, np.float32)
    for number in range(4):
        clip = spoken(number)
        (alone,) = samples_of(TrimSilence(margin_s=0.0)(conversation(clip)))
        (trimmed,) = samples_of(TrimSilence(margin_s=0.0)(conversation(np.concatenate([quiet, clip, quiet]))))
        assert abs(len(trimmed) - len(alone)) <= 320
        lost = np.sum(clip.astype(float) ** 2) - np.sum(alone.astype(float) ** 2)
        assert lost < 1e-4 * np.sum(clip.astype(float) ** 2)


def test_hiss_at_the_ends_of_speech_is_trimmed() -> None:
    clip = np.concatenate([np.zeros(16_000), spoken(1), np.zeros(16_000)]) + 2e-4 * noise(len(spoken(1)) + 32_000)
    done = TrimSilence()(conversation(clip.astype(np.float32)))
    assert 1.5 < float(done.facts["audio.trimmed_s"]) < 2.6


def test_what_needs_no_trimming_stays_as_it_is() -> None:
    for samples in (np.zeros(16_000, np.float32), sine(1.0), np.zeros(0, np.float32), sine(1.0)[:1]):
        record = conversation(samples)
        done = TrimSilence()(record)
        assert samples_of(done)[0] is samples
        assert done.facts["audio.trimmed_s"] == 0.0
        assert done.facts["audio.duration_s"] == len(samples) / 16_000


# ---- level


def test_speech_gets_the_target_loudness() -> None:
    for number in range(4):
        done = NormaliseLoudness(-26.0)(conversation(spoken(number)))
        (samples,) = samples_of(done)
        assert integrated_loudness(samples) == pytest.approx(-26.0, abs=0.05)
        assert done.facts["audio.peak"] == pytest.approx(float(np.abs(samples).max()), abs=1e-6)
        gain_db = 20 * np.log10(np.abs(samples).max() / np.abs(spoken(number)).max())
        assert done.facts["audio.gain_db"] == pytest.approx(gain_db, abs=0.01)


def test_peaks_bound_the_gain() -> None:
    click = 0.01 * sine(2.0)
    click[9_000] = 0.5
    done = NormaliseLoudness(-10.0, max_peak=0.9)(conversation(click))
    assert np.abs(samples_of(done)[0]).max() == pytest.approx(0.9, abs=1e-6)
    assert done.facts["audio.gain_db"] == pytest.approx(20 * np.log10(0.9 / 0.5), abs=0.001)
    loud = NormaliseLoudness(0.0)(conversation(3 * sine(1.0)))  # a float file beyond full scale
    assert np.abs(samples_of(loud)[0]).max() <= 0.95 + 1e-6


def test_silence_stays_silence_and_each_clip_has_its_own_gain() -> None:
    quiet = np.zeros(16_000, np.float32)
    done = NormaliseLoudness()(conversation(quiet, sine(2.0), sine(2.0) / 50))
    silent, loud, soft = samples_of(done)
    assert not silent.any()
    assert integrated_loudness(loud) == pytest.approx(-23.0, abs=0.05)
    assert integrated_loudness(soft) == pytest.approx(-23.0, abs=0.05)
    alone = NormaliseLoudness()(conversation(quiet))
    assert (alone.facts["audio.gain_db"], alone.facts["audio.peak"]) == (0.0, 0.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9_000), st.floats(-6, 6), st.floats(-50, 0), st.floats(0.05, 1.0))
def test_no_clip_passes_the_peak(num_samples: int, exponent: float, target: float, max_peak: float) -> None:
    samples = (np.random.default_rng(num_samples).standard_normal(num_samples) * 10.0 ** -abs(exponent)).astype(np.float32)
    record = conversation(samples)
    before = samples.copy()
    (after,) = samples_of(NormaliseLoudness(target, max_peak)(record))
    assert np.abs(after).max(initial=0.0) <= max_peak * (1 + 1e-6)
    assert after.dtype == np.float32 and len(after) == num_samples
    assert np.array_equal(samples, before)


@pytest.mark.parametrize(
    "make",
    [lambda: TrimSilence(-0.1), lambda: TrimSilence(0.1, 0.0), lambda: NormaliseLoudness(1.0), lambda: NormaliseLoudness(-23.0, 1.01)],
)
def test_senseless_settings_are_errors(make: type) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()


@pytest.mark.parametrize("step", [TrimSilence(), NormaliseLoudness()])
def test_steps_are_values(step: object) -> None:
    assert pickle.loads(pickle.dumps(step)) == step
