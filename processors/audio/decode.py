"""Audio bytes of any common format to 16 kHz mono samples.

libsndfile (through soundfile) reads wave, flac, ogg, opus, sphere, aiff, caf and au: exact and fast. PyAV reads the rest
(m4a, aac, webm, wma), and mp3: libsndfile's mp3 decoder seeks inexactly between blocks and writes to stderr; both give
the same number of samples and agree to 4e-6. The format is told from the content, never from a name.

Channels are averaged in float64. Resampling is soxr HQ (20 bits, pass band to 0.91 of the lower half-rate): its errors lie
below 16-bit noise, VHQ costs more for nothing that a log-Mel band can show, and it works block by block, so that a
long file needs no more memory than about twice its result.

What is refused: a file that its own header shows to be cut (TRUNCATED_AUDIO), one that decodes only in part
(CORRUPT_AUDIO); a transcript belongs to the whole clip, hence no part of a broken file is ever kept. Header
durations are compared with what was decoded and never trusted: `max_seconds` bounds the samples that come out.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import av
import av.logging
import numpy as np
import soundfile
import soxr

from processors.audio import containers
from processors.audio.containers import CORRUPT_AUDIO, TRUNCATED_AUDIO, Announced
from processors.audio.log_mel import NOT_FINITE
from schemas.outcome import Reason, Refused
from schemas.parts import SAMPLE_RATE_HZ

EMPTY_AUDIO = Reason("empty_audio", "The file is empty, or holds no sample")
NOT_AUDIO = Reason("not_audio", "No decoder knows the bytes as audio")
NO_AUDIO_STREAM = Reason("no_audio_stream", "The container holds no audio stream")
AUDIO_TOO_LONG = Reason("audio_too_long", "The audio is longer than a decoder is allowed to unpack")
BAD_RATE = Reason("bad_rate", "The sample rate or channel count is out of bounds")
BAD_SEGMENT = Reason("bad_segment", "The segment that the row names lies outside the audio")
DECODE_REASONS = (
    EMPTY_AUDIO, NOT_AUDIO, CORRUPT_AUDIO, TRUNCATED_AUDIO, NO_AUDIO_STREAM, AUDIO_TOO_LONG, BAD_RATE, BAD_SEGMENT, NOT_FINITE,
)  # fmt: skip

SOUNDFILE_KINDS = {
    containers.WAVE, containers.RF64, containers.AIFF, containers.FLAC, containers.OGG, containers.SPHERE, containers.CAF, containers.AU,
}  # fmt: skip
BLOCK_SAMPLES = 1 << 18  # over all channels
MAX_CHANNELS = 64
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000
SEGMENT_SLACK_S = 0.1  # manifests round their times
DURATION_SLACK_S = 0.25  # an encoder's delay and padding may or may not be counted in a header

av.logging.set_level(None)  # what matters of a broken file is in the exception


@dataclass(frozen=True, slots=True, eq=False)
class DecodedAudio:
    """Shapes: samples (n,) float32 mono 16 kHz. The rest describes the file: `source_seconds` what was read of it."""

    samples: np.ndarray
    source_rate_hz: int
    num_channels: int
    source_seconds: float
    format: str


@dataclass(frozen=True, slots=True)
class Segment:
    """Part of a file. Units: samples at the file's rate; `num_samples` None means up to the end."""

    start: int
    num_samples: int | None
    rate: int

    @property
    def is_whole(self) -> bool:
        return self.start == 0 and self.num_samples is None

    def check_end(self, total: int) -> None:
        """Raises: Refused when a file of `total` samples does not hold the segment, up to SEGMENT_SLACK_S."""
        if self.is_whole:
            return
        end = self.start + (self.num_samples or 0)
        if self.start >= total or end > total + SEGMENT_SLACK_S * self.rate:
            until = "its end" if self.num_samples is None else f"{end / self.rate:.3f} s"
            raise Refused(BAD_SEGMENT, f"the segment is {self.start / self.rate:.3f} s to {until}, the audio has {total / self.rate:.3f} s")


def decode_audio(
    data: bytes, *, offset_s: float | None = None, duration_s: float | None = None, max_seconds: float = 7_200.0
) -> DecodedAudio:
    """Decodes a file, or the segment of it that starts at `offset_s` and lasts `duration_s`, to 16 kHz mono.

    A segment is cut before it is resampled. libsndfile seeks to it; PyAV decodes what lies before it, to be exact.
    Raises: Refused with one of DECODE_REASONS.
    """
    if not data:
        raise Refused(EMPTY_AUDIO, "the file has no bytes")
    for name, value, least in (("offset_s", offset_s, 0.0), ("duration_s", duration_s, 1e-9)):
        if value is not None and not least <= value <= 1e9:
            raise Refused(BAD_SEGMENT, f"{name} is {value}, expected a {'positive number' if least else 'number of 0 or more'}")
    kind = containers.sniff(data)
    announced = containers.check_whole(kind, data)
    wants_soundfile = kind in SOUNDFILE_KINDS and (kind != containers.FLAC or announced.num_samples is not None)
    file = _open_soundfile(data) if wants_soundfile else None
    if file is not None:
        with file:
            return _decode_soundfile(file, announced, offset_s, duration_s, max_seconds)
    return _decode_av(data, kind, announced, offset_s, duration_s, max_seconds)


def _open_soundfile(data: bytes) -> soundfile.SoundFile | None:
    try:
        return soundfile.SoundFile(io.BytesIO(data))
    except soundfile.LibsndfileError:
        return None


def _segment(rate: int, channels: int, offset_s: float | None, duration_s: float | None) -> Segment:
    if not (MIN_RATE_HZ <= rate <= MAX_RATE_HZ and 1 <= channels <= MAX_CHANNELS):
        raise Refused(BAD_RATE, f"{rate} Hz, {channels} channels; expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, 1 to {MAX_CHANNELS} channels")
    return Segment(round((offset_s or 0.0) * rate), None if duration_s is None else round(duration_s * rate), rate)


def _decode_soundfile(
    file: soundfile.SoundFile, announced: Announced, offset_s: float | None, duration_s: float | None, max_seconds: float
) -> DecodedAudio:
    segment = _segment(file.samplerate, file.channels, offset_s, duration_s)
    total = file.frames
    if total == 0 and announced.num_samples:
        raise Refused(CORRUPT_AUDIO, f"the container announces {announced.num_samples} samples, none can be decoded")
    if file.format == "NIST" and announced.num_samples is not None:
        total = min(total, announced.num_samples)  # libsndfile reads to the end of the file
    segment.check_end(total)
    wanted = total - segment.start if segment.num_samples is None else min(segment.num_samples, total - segment.start)
    if wanted > max_seconds * file.samplerate:
        raise Refused(AUDIO_TOO_LONG, f"{wanted / file.samplerate:.0f} s of audio are announced, {max_seconds:g} s are allowed")
    samples, read = _collect(_soundfile_blocks(file, segment.start, wanted), file.samplerate, max_seconds)
    return DecodedAudio(samples, file.samplerate, file.channels, read / file.samplerate, f"{file.format}/{file.subtype}".lower())


def _soundfile_blocks(file: soundfile.SoundFile, start: int, wanted: int) -> Iterator[np.ndarray]:
    """Blocks (n, channels) float32 of samples [start, start + wanted)."""
    size = max(1, BLOCK_SAMPLES // file.channels)
    left = wanted
    try:
        if start:
            file.seek(start)
        while left > 0:
            block = file.read(min(left, size), dtype="float32", always_2d=True)
            if len(block) == 0:
                raise Refused(CORRUPT_AUDIO, f"{left} of {wanted} samples cannot be decoded")
            left -= len(block)
            yield block
    except soundfile.LibsndfileError as error:
        raise Refused(CORRUPT_AUDIO, f"libsndfile: {error}") from error


def _collect(blocks: Iterator[np.ndarray], rate: int, max_seconds: float) -> tuple[np.ndarray, int]:
    """Mono samples at 16 kHz, made block by block, and how many samples a channel went in."""
    resampler = None if rate == SAMPLE_RATE_HZ else soxr.ResampleStream(rate, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
    done: list[np.ndarray] = []
    seen = 0
    for block in blocks:
        seen += len(block)
        if seen > max_seconds * rate:
            raise Refused(AUDIO_TOO_LONG, f"more than {max_seconds:g} s of audio come out of the file")
        mono = np.ascontiguousarray(block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float64), dtype=np.float32)
        if not np.isfinite(mono).all():
            raise Refused(NOT_FINITE, f"{int((~np.isfinite(mono)).sum())} samples before {seen / rate:.3f} s are NaN or infinite")
        done.append(mono if resampler is None else resampler.resample_chunk(mono))
    if seen == 0:
        raise Refused(EMPTY_AUDIO, "the file holds no sample")
    if resampler is not None:
        done.append(resampler.resample_chunk(np.empty(0, np.float32), last=True))
    samples = done[0] if len(done) == 1 else np.concatenate(done)
    if len(samples) == 0:
        raise Refused(EMPTY_AUDIO, f"{seen} samples at {rate} Hz give none at {SAMPLE_RATE_HZ} Hz")
    return samples, seen


def _decode_av(
    data: bytes, kind: str | None, announced: Announced, offset_s: float | None, duration_s: float | None, max_seconds: float
) -> DecodedAudio:
    try:
        # no protocol may be opened: a playlist would name other files
        container = av.open(io.BytesIO(data), "r", options={"protocol_whitelist": "none"}, metadata_errors="ignore")
    except av.FFmpegError as error:
        reason, what = (NOT_AUDIO, "no container") if kind is None else (CORRUPT_AUDIO, f"a broken {kind} file")
        raise Refused(reason, f"{what}: {_first_line(error)}") from error
    with container:
        if not container.streams.audio:
            raise Refused(NO_AUDIO_STREAM, f"the {container.format.name} container has {len(container.streams)} streams, none of audio")
        stream = container.streams.audio[0]
        codec = stream.codec_context
        if codec is None:
            raise Refused(NOT_AUDIO, f"the {container.format.name} container holds audio of a codec without a decoder")
        segment = _segment(codec.sample_rate or 0, codec.channels or 0, offset_s, duration_s)
        samples, read = _collect(_cut(_av_blocks(container, stream), segment), segment.rate, max_seconds)
        expected_s = (container.duration or 0) / av.time_base
        if announced.exact_duration and segment.is_whole and read / segment.rate < expected_s - DURATION_SLACK_S:
            raise Refused(TRUNCATED_AUDIO, f"the header announces {expected_s:.3f} s, {read / segment.rate:.3f} s came out")
        return DecodedAudio(samples, segment.rate, codec.channels, read / segment.rate, f"{container.format.name}/{codec.name}")


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _av_blocks(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[np.ndarray]:
    """Blocks (n, channels) float32 at the rate and layout that the stream had when it was opened."""
    codec = stream.codec_context
    layout, rate = codec.layout, codec.sample_rate
    to_float = None  # integers are scaled by their full range
    frames = container.decode(stream)
    while True:
        try:
            frame = next(frames, None)
        except av.FFmpegError as error:
            raise Refused(CORRUPT_AUDIO, f"FFmpeg: {_first_line(error)}") from error
        if frame is None:
            return
        now = (frame.sample_rate, frame.layout.name)
        if now != (rate, layout.name):
            raise Refused(CORRUPT_AUDIO, f"the stream starts at {rate} Hz {layout.name} and goes on at {now[0]} Hz {now[1]}")
        if frame.format.name == "fltp":
            yield frame.to_ndarray().T
            continue
        to_float = to_float or av.AudioResampler(format="fltp", layout=layout, rate=rate)
        for piece in to_float.resample(frame):
            yield piece.to_ndarray().T


def _cut(blocks: Iterator[np.ndarray], segment: Segment) -> Iterator[np.ndarray]:
    """The segment's samples of a stream of blocks."""
    at, stop = 0, None if segment.num_samples is None else segment.start + segment.num_samples
    for block in blocks:
        low = max(segment.start - at, 0)
        high = len(block) if stop is None else min(len(block), stop - at)
        at += len(block)
        if low < high:
            yield block[low:high]
        if stop is not None and at >= stop:
            return
    segment.check_end(at)
