"""Speech and what was heard as bytes, the form in which an engine's replies travel and are kept."""

from __future__ import annotations

import io
import json

import numpy as np
import soundfile
import soxr

from processors.speech.engines import Heard, Refusal, Speech, Word
from schemas.parts import SAMPLE_RATE_HZ

FLAC_MAX_RATE_HZ = 655_350
REFUSED = b"refused\n"


def encode_speech(speech: Speech | Refusal) -> bytes:
    """A 16-bit FLAC file, or the refusal. Sound beyond full scale, as neural voices give it, is scaled down, never clipped."""
    if isinstance(speech, Refusal):
        return REFUSED + speech.detail.encode()
    samples = np.asarray(speech.samples, np.float32)
    if samples.ndim != 1 or not 0 < speech.rate_hz <= FLAC_MAX_RATE_HZ:
        raise ValueError(
            f"an engine gave samples of shape {samples.shape} at {speech.rate_hz} Hz, expected mono below {FLAC_MAX_RATE_HZ} Hz"
        )
    if not np.isfinite(samples).all():
        return REFUSED + b"the speech holds NaN or infinite samples"
    if samples.size == 0:
        return REFUSED + b"no samples"
    peak = float(np.abs(samples).max())
    sink = io.BytesIO()
    soundfile.write(sink, samples / peak * (32_767 / 32_768) if peak > 1 else samples, speech.rate_hz, format="FLAC", subtype="PCM_16")
    return sink.getvalue()


def decode_speech(reply: bytes) -> np.ndarray | Refusal:
    """Samples (n,) float32 mono 16 kHz of a kept reply, or the refusal."""
    if reply.startswith(REFUSED):
        return Refusal(reply[len(REFUSED) :].decode())
    samples, rate_hz = soundfile.read(io.BytesIO(reply), dtype="float32")
    return samples if rate_hz == SAMPLE_RATE_HZ else soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ, quality="HQ")


def encode_heard(heard: Heard) -> bytes:
    """JSON: text, language, and words as [text, start_s, end_s, confidence]."""
    words = [[word.text, round(word.start_s, 3), round(word.end_s, 3), round(word.confidence, 4)] for word in heard.words]
    return json.dumps({"text": heard.text, "language": heard.language, "words": words}, ensure_ascii=False).encode()


def decode_heard(reply: bytes) -> Heard:
    told = json.loads(reply)
    return Heard(told["text"], tuple(Word(*word) for word in told["words"]), told["language"])
