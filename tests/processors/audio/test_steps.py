"""The audio steps: what they write, what they refuse, what they leave alone."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from processors.audio.steps import DecodeAudio, KeepDuration, LogMel
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, Origin, Turn, audios_of
from tests.processors.audio.clips import sine, written


def conversation(*audios: Audio) -> Conversation:
    return Conversation("k", Origin("test"), (Turn("user", (*audios, Text("What is said?"))), Turn("assistant", (Text("Nothing."),), True)))


def passed(done: Conversation | Reject) -> Conversation:
    assert isinstance(done, Conversation), done
    return done


def refused(done: Conversation | Reject) -> Reject:
    assert isinstance(done, Reject), done.facts
    return done


def test_decode_writes_samples_and_facts() -> None:
    stereo = np.stack([sine(1.0, 8_000), sine(1.0, 8_000)], axis=1)
    record = conversation(Audio(source=written(stereo, rate=8_000)), Audio(source=written(sine(0.5))))
    done = passed(DecodeAudio()(record))
    first, second = audios_of(done)
    assert first.samples is not None and second.samples is not None
    assert (len(first.samples), len(second.samples), first.source, second.source) == (16_000, 8_000, None, None)
    assert done.facts["audio.duration_s"] == 1.5
    assert (done.facts["audio.source_rate_hz"], done.facts["audio.num_channels"]) == (8_000, 2)
    assert done.facts["audio.peak"] == pytest.approx(0.5, abs=1e-3)
    assert record.facts == {} and next(audios_of(record)).source is not None


def test_decode_keeps_the_source_when_asked() -> None:
    data = written(sine())
    (audio,) = audios_of(passed(DecodeAudio(keep_source=True)(conversation(Audio(source=data)))))
    assert audio.source == data


def test_decode_takes_the_segment_that_the_row_names() -> None:
    done = passed(DecodeAudio()(conversation(Audio(source=written(sine(2.0)), offset_s=0.5, duration_s=0.25))))
    assert done.facts["audio.duration_s"] == 0.25


def test_decode_without_audio_passes() -> None:
    done = passed(DecodeAudio()(conversation()))
    assert done.facts == {"audio.duration_s": 0.0, "audio.peak": 0.0}


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty_audio"), (b"no audio at all, just text" * 9, "not_audio"), (written(sine())[:-2], "truncated_audio")],
)
def test_decode_refuses_bad_files(data: bytes, reason: str) -> None:
    reject = refused(DecodeAudio()(conversation(Audio(source=written(sine())), Audio(source=data))))
    assert (reject.key, reject.reason) == ("k", reason)
    assert reject.detail
    assert reason in [declared.name for declared in DecodeAudio.reasons]


def test_decode_refuses_what_is_too_long() -> None:
    record = conversation(Audio(source=written(sine(2.0))))
    assert refused(DecodeAudio(max_seconds=1.5)(record)).detail == "2 s of audio are announced, 1.5 s are allowed"
    passed(DecodeAudio(max_seconds=2.0)(record))


@pytest.mark.parametrize(("seconds", "reason"), [(0.49, "too_short"), (0.5, None), (1.0, None), (1.01, "too_long")])
def test_keep_duration(seconds: float, reason: str | None) -> None:
    record = passed(DecodeAudio()(conversation(Audio(source=written(sine(seconds))))))
    done = KeepDuration(0.5, 1.0)(record)
    if reason is None:
        assert done is record
    else:
        reject = refused(done)
        assert reject.reason == reason
        assert f"{seconds:.3f} s" in reject.detail


def test_log_mel_writes_features_tokens_and_frames() -> None:
    record = conversation(Audio(samples=sine(1.0)), Audio(samples=sine(0.105)))
    done = passed(LogMel()(record))
    first, second = audios_of(done)
    assert first.log_mel is not None and second.log_mel is not None
    assert (first.log_mel.shape, first.num_tokens, first.samples) == ((98, 80), 13, None)
    assert (second.log_mel.shape, second.num_tokens) == ((9, 80), 2)
    assert done.facts == {"audio.num_frames": 107}
    (kept,) = audios_of(passed(LogMel(keep_samples=True)(conversation(Audio(samples=sine())))))
    assert kept.samples is not None


def test_log_mel_refuses() -> None:
    assert refused(LogMel()(conversation(Audio(samples=sine()[:399])))).detail == "399 samples, one frame takes 400"
    passed(LogMel()(conversation(Audio(samples=sine()[:400]))))
    assert refused(LogMel()(conversation(Audio(samples=sine() * np.float32(np.nan))))).reason == "not_finite"
    assert refused(LogMel()(conversation(Audio(samples=sine() * 32_768)))).reason == "out_of_range"


@pytest.mark.parametrize("step", [DecodeAudio(), KeepDuration(0.0, 9.0), LogMel(hf_compat=True)])
def test_steps_are_values(step: object) -> None:
    assert pickle.loads(pickle.dumps(step)) == step
    assert hash(step) == hash(pickle.loads(pickle.dumps(step)))
