"""Every real audio file decodes, or is refused with a true reason; lengths agree with an independent measure."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from processors.audio.decode import decode_audio
from processors.audio.log_mel import log_mel, num_frames
from schemas.outcome import Refused

pytestmark = pytest.mark.realdata
SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".sph"}
REFUSED: dict[str, str] = {}  # file -> reason; none of them is broken


def seconds_of(data: bytes) -> float:
    """By libsndfile where it reads the format whole, otherwise by counting FFmpeg's frames at the native rate."""
    try:
        return soundfile.read(io.BytesIO(data), always_2d=True)[0].shape[0] / soundfile.info(io.BytesIO(data)).samplerate
    except soundfile.LibsndfileError:
        with av.open(io.BytesIO(data)) as container:
            return float(sum(Fraction(frame.samples, frame.sample_rate) for frame in container.decode(audio=0)))


@pytest.mark.parametrize("folder", ["03_speech", "04_env_audio"])
def test_every_file(realdata: Path, folder: str) -> None:
    files = sorted(file for file in (realdata / folder).rglob("*") if file.suffix in SUFFIXES)
    refused = {}
    for file in files:
        data = file.read_bytes()
        try:
            clip = decode_audio(data)
        except Refused as error:
            refused[f"{file.parent.name}/{file.name}"] = error.reason.name
            continue
        assert clip.samples.dtype == np.float32
        assert np.abs(clip.samples).max() < 4, file.name
        assert clip.source_seconds == pytest.approx(seconds_of(data), abs=1e-6), file.name
        assert len(clip.samples) == pytest.approx(clip.source_seconds * 16_000, abs=1.5), file.name
        if len(clip.samples) >= 400:
            assert log_mel(clip.samples).shape == (num_frames(len(clip.samples)), 80)
    assert len(files) >= 80
    assert refused == REFUSED
