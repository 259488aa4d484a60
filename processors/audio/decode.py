"""Audio bytes of any common format to 16 kHz mono samples.

libsndfile (through soundfile) reads what it can, since it is exact and fast: wav, flac, ogg, opus, mp3, sphere, aiff.
PyAV reads the rest: m4a, aac, webm, wma. The format is told from the content, never from a name. Channels are averaged.
Resampling is soxr HQ, the quality that libsndfile's and ffmpeg's authors recommend for offline work: flat to 0.91 of the
new half-rate and 120 dB down above it; it works block by block, so that a long file needs no more memory than its result.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
import soundfile
import soxr

from schemas.outcome import Reason, Refused
from schemas.parts import SAMPLE_RATE_HZ

EMPTY_AUDIO = Reason("empty_audio", "The file is empty, or holds no sample")
NOT_AUDIO = Reason("not_audio", "No decoder knows the bytes as audio")
CORRUPT_AUDIO = Reason("corrupt_audio", "The file breaks while it is decoded")
TRUNCATED_AUDIO = Reason("truncated_audio", "The file ends before the audio that its header announces")
NO_AUDIO_STREAM = Reason("no_audio_stream", "The container holds no audio stream")
AUDIO_TOO_LONG = Reason("audio_too_long", "The audio is longer than a decoder is allowed to unpack")
BAD_RATE = Reason("bad_rate", "The sample rate or channel count is out of bounds")
BAD_SEGMENT = Reason("bad_segment", "The segment that the row names lies outside the audio")
DECODE_REASONS = (EMPTY_AUDIO, NOT_AUDIO, CORRUPT_AUDIO, TRUNCATED_AUDIO, NO_AUDIO_STREAM, AUDIO_TOO_LONG, BAD_RATE, BAD_SEGMENT)

BLOCK_SAMPLES = 1 << 18
MAX_CHANNELS = 64
MP3_SLACK_SAMPLES = 4 * 1_152  # an mp3's length is announced in whole frames, encoder delay and padding included
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000
UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF - 36)  # what programs that write to a pipe put for a length


@dataclass(frozen=True, slots=True, eq=False)
class DecodedAudio:
    """Shapes: samples (n,) float32 mono 16 kHz. `source_rate_hz` and `num_channels` are the file's own."""

    samples: np.ndarray
    source_rate_hz: int
    num_channels: int
    format: str


def decode_audio(
    data: bytes, *, offset_s: float | None = None, duration_s: float | None = None, max_seconds: float = 7_200.0
) -> DecodedAudio:
    """Decodes a file, or the segment of it that starts at `offset_s` and lasts `duration_s`, to 16 kHz mono.

    The bound `max_seconds` holds for what is decoded, whatever a header claims.
    Raises: Refused with one of DECODE_REASONS.
    """
    if not data:
        raise Refused(EMPTY_AUDIO, "the file has no bytes")
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        _check_wave_length(data)
    try:
        opened = soundfile.SoundFile(io.BytesIO(data))
    except soundfile.LibsndfileError:
        return _decode_av(data, offset_s, duration_s, max_seconds)
    with opened as file:
        _check_layout(file.samplerate, file.channels)
        blocks = _soundfile_blocks(file, offset_s, duration_s)
        samples = _collect(blocks, file.samplerate, max_seconds)
        return DecodedAudio(samples, file.samplerate, file.channels, f"{file.format}/{file.subtype}".lower())


def _check_layout(rate: int, channels: int) -> None:
    if not (MIN_RATE_HZ <= rate <= MAX_RATE_HZ and 1 <= channels <= MAX_CHANNELS):
        raise Refused(BAD_RATE, f"{rate} Hz, {channels} channels; expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, 1 to {MAX_CHANNELS} channels")


def _check_wave_length(data: bytes) -> None:
    """libsndfile shortens a wave file that was cut without a word; its data chunk tells."""
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack("<I", data[at + 4 : at + 8])[0]
        if name == b"data":
            have = len(data) - at - 8
            if size > have and size not in UNKNOWN_SIZES:
                raise Refused(TRUNCATED_AUDIO, f"the data chunk announces {size} bytes, {have} are there")
            return
        at += 8 + size + size % 2


def _segment(rate: int, offset_s: float | None, duration_s: float | None) -> tuple[int, int | None]:
    start = round((offset_s or 0.0) * rate)
    return start, None if duration_s is None else round(duration_s * rate)


def _soundfile_blocks(file: soundfile.SoundFile, offset_s: float | None, duration_s: float | None) -> Iterator[np.ndarray]:
    """Blocks (n, channels) float32 of the segment."""
    start, wanted = _segment(file.samplerate, offset_s, duration_s)
    announced = file.frames
    if start and start >= announced:
        raise Refused(BAD_SEGMENT, f"the segment starts at {offset_s} s, the audio has {announced / file.samplerate:.3f} s")
    left = announced - start if wanted is None else min(wanted, announced - start)
    try:
        if start:
            file.seek(start)
        while left > 0:
            block = file.read(min(left, BLOCK_SAMPLES), dtype="float32", always_2d=True)
            if len(block) == 0 and file.format == "MP3" and left <= MP3_SLACK_SAMPLES:
                return
            if len(block) == 0:
                raise Refused(TRUNCATED_AUDIO, f"the header announces {announced} samples, {left} of them are missing")
            left -= len(block)
            yield block
    except soundfile.LibsndfileError as error:
        raise Refused(CORRUPT_AUDIO, f"libsndfile: {error}") from error


def _collect(blocks: Iterator[np.ndarray], rate: int, max_seconds: float) -> np.ndarray:
    """Mono, at 16 kHz, block by block."""
    resampler = None if rate == SAMPLE_RATE_HZ else soxr.ResampleStream(rate, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
    done: list[np.ndarray] = []
    seen = 0
    for block in blocks:
        seen += len(block)
        if seen > max_seconds * rate:
            raise Refused(AUDIO_TOO_LONG, f"more than {max_seconds:g} s of audio come out of the file")
        mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float64).astype(np.float32)
        done.append(np.ascontiguousarray(mono) if resampler is None else resampler.resample_chunk(np.ascontiguousarray(mono)))
    if seen == 0:
        raise Refused(EMPTY_AUDIO, "the file holds no sample")
    if resampler is not None:
        done.append(resampler.resample_chunk(np.empty(0, np.float32), last=True))
    return done[0] if len(done) == 1 else np.concatenate(done)


def _decode_av(data: bytes, offset_s: float | None, duration_s: float | None, max_seconds: float) -> DecodedAudio:
    try:
        container = av.open(io.BytesIO(data), metadata_errors="ignore")
    except (av.FFmpegError, ValueError) as error:
        raise Refused(NOT_AUDIO, f"neither libsndfile nor FFmpeg opens it: {_first_line(error)}") from error
    with container:
        if not container.streams.audio:
            raise Refused(NO_AUDIO_STREAM, f"the {container.format.name} container has {len(container.streams)} streams, none of audio")
        stream = container.streams.audio[0]
        rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        _check_layout(rate or 0, channels or 0)
        start, wanted = _segment(rate, offset_s, duration_s)
        samples = _collect(_cut(_av_blocks(container, stream), start, wanted, offset_s), rate, max_seconds)
        return DecodedAudio(samples, rate, channels, f"{container.format.name}/{stream.codec_context.name}")


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _av_blocks(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[np.ndarray]:
    """Blocks (n, channels) float32 as the codec gives them."""
    to_float = av.AudioResampler(format="fltp", layout=stream.codec_context.layout, rate=stream.codec_context.sample_rate)
    try:
        for frame in container.decode(stream):
            for piece in to_float.resample(frame):
                yield piece.to_ndarray().T
        for piece in to_float.resample(None):
            yield piece.to_ndarray().T
    except av.FFmpegError as error:
        raise Refused(CORRUPT_AUDIO, f"FFmpeg: {_first_line(error)}") from error


def _cut(blocks: Iterator[np.ndarray], start: int, wanted: int | None, offset_s: float | None) -> Iterator[np.ndarray]:
    """Samples [start, start + wanted) of a stream of blocks."""
    at = 0
    for block in blocks:
        low = max(start - at, 0)
        high = len(block) if wanted is None else min(len(block), start + wanted - at)
        at += len(block)
        if low < high:
            yield block[low:high]
        if wanted is not None and at >= start + wanted:
            return
    if start and start >= at:
        raise Refused(BAD_SEGMENT, f"the segment starts at {offset_s} s, the audio has {at} samples")
