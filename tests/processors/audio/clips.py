"""Clips that the audio tests share: a sine, and encoders that need no command-line tool."""

from __future__ import annotations

import io

import av
import numpy as np
import soundfile

RATE_HZ = 16_000


def sine(seconds: float = 1.0, rate: int = RATE_HZ, hz: float = 440.0) -> np.ndarray:
    """Half of full scale. Shapes: (n,) float32."""
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def written(samples: np.ndarray, format: str = "WAV", subtype: str = "PCM_16", rate: int = RATE_HZ) -> bytes:
    """By libsndfile."""
    sink = io.BytesIO()
    soundfile.write(sink, samples, rate, format=format, subtype=subtype)
    return sink.getvalue()


def encoded(samples: np.ndarray, container: str, codec: str, rate: int) -> bytes:
    """By FFmpeg's libraries. Shapes: samples (n,) float32."""
    sink = io.BytesIO()
    with av.open(sink, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.layout = "mono"
        context = stream.codec_context
        context.open()
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(context.format, "mono", rate, frame_size=context.frame_size or 1024)
        for piece in (*resampler.resample(frame), *resampler.resample(None), None):
            for packet in stream.encode(piece):
                output.mux(packet)
    return sink.getvalue()


def flac_with_length(data: bytes, num_samples: int) -> bytes:
    """The same flac whose header announces another length (0 means unknown)."""
    changed = bytearray(data)
    changed[21] = changed[21] & 0xF0 | num_samples >> 32
    changed[22:26] = (num_samples & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(changed)
