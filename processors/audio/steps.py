"""Audio steps of a recipe: decode, keep by duration, log-Mel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from processors.audio.decode import DecodedAudio
from processors.audio.guarded import GUARDED_REASONS, guarded_audio
from processors.audio.log_mel import LOG_MEL_REASONS, log_mel, num_audio_tokens
from processors.once import once
from schemas.facts import Fact, Limit
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import SAMPLE_RATE_HZ, Audio
from schemas.records import Conversation, FactValue, audios_of, map_parts, with_facts

DURATION = Fact("audio.duration_s", float, "Seconds of audio (16 kHz samples), all clips of the row together")
SOURCE_RATE = Fact("audio.source_rate_hz", int, "Sample rate of the (first) source file")
NUM_CHANNELS = Fact("audio.num_channels", int, "Channels of the (first) source file")
PEAK = Fact("audio.peak", float, "Largest absolute sample; 1.0 is full scale")
NUM_FRAMES = Fact("audio.num_frames", int, "Log-Mel frames (10 ms each), all clips of the row together")

_decode_audio = once(guarded_audio)  # the questions about one clip share its bytes
_log_mel = once(log_mel)

TOO_SHORT = Reason("too_short", "The audio is shorter than asked for")
TOO_LONG = Reason("too_long", "The audio is longer than asked for")


@dataclass(frozen=True, slots=True)
class DecodeAudio:
    """Every clip with source bytes becomes 16 kHz mono samples; the bytes are dropped unless `keep_source`.

    A row without audio passes with 0 s; one with several files tells rate and channels of the first.
    """

    max_seconds: float = 7_200.0
    keep_source: bool = False
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (DURATION, SOURCE_RATE, NUM_CHANNELS, PEAK)
    reasons: ClassVar = GUARDED_REASONS
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        decoded: list[DecodedAudio] = []

        def decode(audio: Audio) -> Audio:
            if audio.source is None or audio.samples is not None:
                return audio
            clip = _decode_audio(audio.source, offset_s=audio.offset_s, duration_s=audio.duration_s, max_seconds=self.max_seconds)
            decoded.append(clip)
            return replace(audio, samples=clip.samples, source=audio.source if self.keep_source else None)

        try:
            record = map_parts(record, {Audio: decode})
        except Refused as refused:
            return refused.reject(record.key)
        clips = [audio.samples for audio in audios_of(record) if audio.samples is not None]
        facts: dict[str, FactValue] = {
            DURATION.name: sum(len(samples) for samples in clips) / SAMPLE_RATE_HZ,
            PEAK.name: max((float(max(samples.max(), -samples.min())) for samples in clips), default=0.0),
        }
        if decoded:
            facts |= {SOURCE_RATE.name: decoded[0].source_rate_hz, NUM_CHANNELS.name: decoded[0].num_channels}
        return with_facts(record, facts)


@dataclass(frozen=True, slots=True)
class KeepDuration:
    """Keeps rows with `min_s` to `max_s` seconds of audio."""

    min_s: float
    max_s: float
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (DURATION,)
    writes: ClassVar = ()
    reasons: ClassVar = (TOO_SHORT, TOO_LONG)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(DURATION, TOO_SHORT.name, self.min_s), Limit(DURATION, TOO_LONG.name, most=self.max_s))

    def __call__(self, record: Conversation) -> Conversation | Reject:
        duration_s = float(record.facts[DURATION.name])
        if duration_s < self.min_s:
            return Reject(record.key, TOO_SHORT.name, f"{duration_s:.3f} s, expected {self.min_s:g} s or more")
        if duration_s > self.max_s:
            return Reject(record.key, TOO_LONG.name, f"{duration_s:.3f} s, expected {self.max_s:g} s or less")
        return record


@dataclass(frozen=True, slots=True)
class LogMel:
    """Samples become log-Mel features with their token count; the samples are dropped unless `keep_samples`."""

    hf_compat: bool = False
    keep_samples: bool = False
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (NUM_FRAMES,)
    reasons: ClassVar = LOG_MEL_REASONS
    version: ClassVar = 2

    def __call__(self, record: Conversation) -> Conversation | Reject:
        def features(audio: Audio) -> Audio:
            if audio.samples is None:
                return audio
            mel = _log_mel(audio.samples, self.hf_compat)
            samples = audio.samples if self.keep_samples else None
            return replace(audio, log_mel=mel, num_tokens=num_audio_tokens(len(mel)), samples=samples)

        try:
            record = map_parts(record, {Audio: features})
        except Refused as refused:
            return refused.reject(record.key)
        frames = sum(len(audio.log_mel) for audio in audios_of(record) if audio.log_mel is not None)
        return with_facts(record, {NUM_FRAMES.name: frames})
