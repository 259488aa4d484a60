"""What MeasureAudio says is near the truth where the truth is known; every refusal has its cause and its nearest neighbour."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.audio.quality import (
    KeepAudio,
    KeepSpeechRate,
    MeasureAudio,
    MeasureSpeechRate,
    clipped_ratio,
    measure,
    silence_ratio,
)
from processors.audio.voice_activity import is_speech, level_db, runs_of
from processors.dialogue import LANGUAGE
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, FactValue, Origin, Turn
from tests.processors.audio.clips import sine
from tests.processors.audio.noise import mixed, noise, spoken

TYPES = {fact.name: fact.type for fact in MeasureAudio.writes}
GOOD: dict[str, FactValue] = {
    "audio.snr_db": 20.0,
    "audio.clipped_ratio": 0.0,
    "audio.silence_ratio": 0.2,
    "audio.speech_s": 2.0,
    "audio.bandwidth_hz": 8_000,
    "audio.loudness_lufs": -23.0,
}


def conversation(*clips: np.ndarray, text: str = "Nothing.", facts: dict[str, FactValue] | None = None) -> Conversation:
    audios = tuple(Audio(samples=samples) for samples in clips)
    return Conversation("k", Origin("t"), (Turn("user", (*audios, Text("Say it."))), Turn("assistant", (Text(text),), True)), facts or {})


def spoken_mask(samples: np.ndarray) -> np.ndarray:
    return np.repeat(is_speech(samples), 160)[: len(samples)]


# ---- speech


@pytest.mark.parametrize("number", range(4))
def test_each_voice_is_speech_and_the_silence_around_it_is_not(number: int) -> None:
    quiet = np.zeros(16_000, np.float32)
    ((start, stop),) = runs_of(is_speech(np.concatenate([quiet, spoken(number), quiet]), max_gap=100)) / 100
    assert 0.95 <= start <= 1.4
    assert len(spoken(number)) / 16_000 + 0.5 <= stop <= len(spoken(number)) / 16_000 + 1.05


@pytest.mark.parametrize("colour", ["white", "pink", "brown"])
@pytest.mark.parametrize("level", [1e-4, 0.01, 0.3])
def test_noise_is_no_speech(colour: str, level: float) -> None:
    assert measure((level * noise(80_000, colour)).astype(np.float32))["audio.speech_s"] == 0.0


def test_tones_hums_sweeps_clicks_and_silence_are_no_speech() -> None:
    n = np.arange(80_000)
    hum = 0.1 * sum(np.sin(2 * np.pi * 50 * k * n / 16_000) for k in range(1, 8)) + 0.01 * noise(80_000)
    gated = sine(5.0, hz=300) * (n // 8_000 % 2)
    clicks = (n % 8_000 == 0) * 0.9
    sweep = 0.3 * np.sin(2 * np.pi * np.cumsum(50 + n / 80_000 * 1_500) / 16_000)
    for sound in (hum, gated, clicks, sweep, 0 * n, sine(5.0)):
        assert measure(np.asarray(sound, np.float32))["audio.speech_s"] == 0.0


@pytest.mark.parametrize(("snr_db", "least"), [(20, 0.85), (10, 0.75), (5, 0.7)])
def test_most_speech_is_found_in_noise_and_no_noise_beside_it(snr_db: float, least: float) -> None:
    for number in range(4):
        quiet = np.zeros(24_000, np.float32)
        samples = np.concatenate([quiet, spoken(number), quiet])
        clean = is_speech(samples)
        found = is_speech(mixed(samples, spoken_mask(samples), snr_db, seed=number))
        assert (found & clean).sum() >= least * clean.sum()
        assert not found[:100].any() and not found[-100:].any()


# ---- signal to noise


@pytest.mark.parametrize("colour", ["white", "pink"])
@pytest.mark.parametrize(("snr_db", "error_db"), [(30, 2.0), (20, 1.5), (10, 1.5), (5, 2.0), (0, 4.0)])
def test_the_ratio_is_that_of_the_mixture(colour: str, snr_db: float, error_db: float) -> None:
    for number in range(4):
        clip = spoken(number)
        assert measure(mixed(clip, spoken_mask(clip), snr_db, colour, number))["audio.snr_db"] == pytest.approx(snr_db, abs=error_db)


@pytest.mark.parametrize("snr_db", [20, 10, 5])
def test_the_ratio_is_right_without_a_pause(snr_db: float) -> None:
    for number in range(4):
        clip = spoken(number)[spoken_mask(spoken(number))]
        told = measure(mixed(clip, np.ones(len(clip), bool), snr_db, seed=number))["audio.snr_db"]
        assert told == pytest.approx(snr_db, abs=2.0)


def test_the_ratio_does_not_depend_on_the_gain() -> None:
    clip = mixed(spoken(1), spoken_mask(spoken(1)), 12.0)
    assert measure(clip * np.float32(0.1))["audio.snr_db"] == pytest.approx(float(measure(clip)["audio.snr_db"]), abs=0.1)


def test_without_speech_the_ratio_is_the_lowest_and_without_noise_the_highest() -> None:
    assert measure(noise(48_000).astype(np.float32) * np.float32(0.1))["audio.snr_db"] == -20.0
    quiet = np.zeros(16_000, np.float32)
    assert measure(np.concatenate([quiet, spoken(0), quiet]))["audio.snr_db"] == 80.0


# ---- clipping, silence, bandwidth


@pytest.mark.parametrize("share", [0.002, 0.01, 0.05])
def test_clipping_is_found_and_clean_speech_has_none(share: float) -> None:
    for number in range(4):
        clip = spoken(number)
        assert clipped_ratio(clip) < 1e-4
        level = np.quantile(np.abs(clip), 1 - share)
        clipped = np.clip(clip / level, -1, 1)
        assert clipped_ratio(clipped) == pytest.approx(share, rel=0.6)
        assert clipped_ratio(clipped * np.float32(0.5)) == clipped_ratio(clipped)  # also when it was turned down afterwards


def test_clipping_is_found_after_resampling() -> None:
    clip = soxr.resample(spoken(0), 16_000, 44_100)
    clipped = soxr.resample(np.clip(clip / np.quantile(np.abs(clip), 0.95), -1, 1), 44_100, 16_000)
    assert 0.02 < clipped_ratio(clipped) < 0.06


def test_a_square_wave_is_clipped_throughout_and_a_tone_is_not() -> None:
    assert clipped_ratio(np.sign(sine(1.0, hz=100.3)).astype(np.float32)) > 0.99
    assert clipped_ratio(sine(1.0, hz=440) * 2) == 0.0
    assert clipped_ratio(np.zeros(100, np.float32)) == 0.0


def test_silence_is_the_share_of_quiet_time() -> None:
    quiet = np.zeros(48_000, np.float32)
    assert silence_ratio(quiet) == 1.0
    assert silence_ratio(np.concatenate([quiet, sine(1.0)])) == pytest.approx(0.75, abs=0.01)
    assert silence_ratio((0.1 * noise(48_000)).astype(np.float32)) == 0.0  # steady sound is no silence
    hiss = 0.002 * noise(64_000)
    hiss[:16_000] += sine(1.0)
    assert silence_ratio(hiss.astype(np.float32)) == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("cut_hz", [2_000, 3_400, 4_000, 5_500])
def test_bandwidth_is_where_the_signal_ends(cut_hz: int) -> None:
    for number in range(4):
        narrow = soxr.resample(soxr.resample(spoken(number), 16_000, 2 * cut_hz), 2 * cut_hz, 16_000)
        told = measure(narrow)["audio.bandwidth_hz"]
        assert type(told) is int
        assert cut_hz - 250 <= told <= cut_hz + 100
        assert int(measure(spoken(number))["audio.bandwidth_hz"]) > 7_000


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 3_000),
    st.sampled_from(["zeros", "ones", "noise", "impulse", "tone", "tiny"]),
)
def test_every_clip_has_finite_facts_of_the_declared_types(num_samples: int, kind: str) -> None:
    made = {
        "zeros": np.zeros(num_samples),
        "ones": np.ones(num_samples),
        "noise": np.random.default_rng(num_samples).uniform(-1, 1, num_samples),
        "impulse": np.arange(num_samples) == num_samples // 2,
        "tone": np.sin(np.arange(num_samples) * 0.1),
        "tiny": np.full(num_samples, 1e-30),
    }[kind].astype(np.float32)
    facts = measure(made)
    assert {name: type(value) for name, value in facts.items()} == TYPES
    assert all(math.isfinite(float(value)) for value in facts.values())
    assert measure(made) == facts


def test_all_clips_of_a_row_are_measured_together() -> None:
    one = MeasureAudio()(conversation(spoken(0), spoken(1))).facts
    assert one == measure(np.concatenate([spoken(0), spoken(1)]))
    assert MeasureAudio()(conversation()).facts["audio.speech_s"] == 0.0


def test_the_level_of_a_frame_is_exact() -> None:
    assert level_db(np.full(400, 0.1, np.float32)) == pytest.approx([-20.0] * 3, abs=1e-4)
    assert level_db(np.zeros(10, np.float32)).tolist() == [-120.0]


# ---- keeping


@pytest.mark.parametrize(
    ("fact", "kept", "refused", "reason"),
    [
        ("audio.speech_s", 0.5, 0.49, "no_speech"),
        ("audio.clipped_ratio", 0.01, 0.011, "clipped"),
        ("audio.snr_db", 5.0, 4.99, "too_noisy"),
        ("audio.silence_ratio", 0.8, 0.81, "mostly_silent"),
        ("audio.bandwidth_hz", 3_000, 2_999, "narrow_band"),
    ],
)
def test_each_bound_refuses_what_passes_it(fact: str, kept: FactValue, refused: FactValue, reason: str) -> None:
    step = KeepAudio(5.0, 0.01, 0.8, 3_000.0, 0.5)
    good = conversation(facts={**GOOD, fact: kept})
    assert step(good) is good
    reject = step(conversation(facts={**GOOD, fact: refused}))
    assert isinstance(reject, Reject)
    assert (reject.key, reject.reason) == ("k", reason)
    assert f"{refused:g}" in reject.detail and f"{kept:g}" in reject.detail
    assert reason in [declared.name for declared in KeepAudio.reasons]


def test_the_defaults_refuse_clips_in_which_nobody_speaks_alone() -> None:
    worst: dict[str, FactValue] = {
        **GOOD, "audio.snr_db": -20.0, "audio.clipped_ratio": 1.0, "audio.silence_ratio": 1.0, "audio.bandwidth_hz": 0, "audio.speech_s": 0.1,
    }  # fmt: skip
    assert isinstance(KeepAudio()(conversation(facts=worst)), Conversation)
    silent = MeasureAudio()(conversation(np.zeros(16_000, np.float32)))
    assert isinstance(refused := KeepAudio()(silent), Reject) and refused.reason == "no_speech"
    assert KeepAudio(min_speech_s=0.0)(silent) is silent


# ---- rate of speech


def rated(chars_per_s: float, language: str = "en") -> Conversation:
    return conversation(facts={"speech.chars_per_s": chars_per_s, LANGUAGE.name: language})


def test_the_rate_counts_letters_and_digits_a_second_of_speech() -> None:
    record = conversation(text="Am 5. Mai, gut.", facts=dict(GOOD))
    assert MeasureSpeechRate()(record).facts["speech.chars_per_s"] == 4.5
    silent = conversation(text="Am 5. Mai, gut.", facts={**GOOD, "audio.speech_s": 0.0})
    assert MeasureSpeechRate()(silent).facts["speech.chars_per_s"] == 900.0


@pytest.mark.parametrize(
    ("rate", "language", "reason"),
    [
        (1.0, "en", None), (0.99, "en", "speech_too_slow"), (40.0, "de", None), (40.1, "de", "speech_too_fast"),
        (0.4, "zh", None), (0.39, "zh", "speech_too_slow"), (16.0, "ja", None), (16.1, "ja", "speech_too_fast"),
    ],
)  # fmt: skip
def test_a_transcript_must_fit_the_time(rate: float, language: str, reason: str | None) -> None:
    done = KeepSpeechRate(1.0, 40.0)(rated(rate, language))
    assert (done.reason if isinstance(done, Reject) else None) == reason


def test_real_pace_lies_well_inside_the_bounds() -> None:
    for number in range(4):
        from pipelines.sample.speech import sentences

        record = MeasureSpeechRate()(MeasureAudio()(conversation(spoken(number), text=sentences(3, number + 1)[number])))
        assert 8 < float(record.facts["speech.chars_per_s"]) < 25


@pytest.mark.parametrize("step", [MeasureAudio(), KeepAudio(5.0), MeasureSpeechRate(), KeepSpeechRate(2.0)])
def test_steps_are_values(step: object) -> None:
    assert pickle.loads(pickle.dumps(step)) == step
