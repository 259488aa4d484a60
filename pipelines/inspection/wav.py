"""The sound of a row as WAV files: its kept source decoded, or rebuilt from the features, which is all that the model hears."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from pipelines.report.sound import FRAMES_PER_S, KEPT, MAX_SOUND_S, REBUILT, rebuilt
from processors.audio.decode import decode_audio
from processors.audio.log_mel import num_frames
from schemas.outcome import Refused
from schemas.parts import SAMPLE_RATE_HZ, Audio
from schemas.records import Record, audios_of
from schemas.shard import write_replacing


def write_wavs(record: Record, path: Path) -> Iterator[tuple[Path, float, str]]:
    """Writes each clip of a record, the first at `path` and the others beside it; gives each file, its seconds, and where the sound is from."""
    for number, audio in enumerate(audios_of(record), 1):
        if audio.log_mel is None:
            continue
        samples, how = wave_of(audio)
        place = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        data = io.BytesIO()
        soundfile.write(data, samples, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
        write_replacing(place, data.getvalue())
        yield place, len(samples) / SAMPLE_RATE_HZ, how


def wave_of(audio: Audio) -> tuple[np.ndarray, str]:
    """All of a clip, and where the sound is from. Shapes: samples (n,) float32 mono 16 kHz.

    The kept source counts only where it is the clip: where it has as many frames as the features.
    """
    assert audio.log_mel is not None
    features = np.asarray(audio.log_mel, np.float32)
    if audio.source is not None:
        try:
            samples = decode_audio(audio.source, offset_s=audio.offset_s, duration_s=audio.duration_s).samples
        except Refused:
            samples = np.empty(0, np.float32)
        if num_frames(len(samples)) == len(features):
            return samples, KEPT
    step = MAX_SOUND_S * FRAMES_PER_S
    return np.concatenate([rebuilt(features[start : start + step]) for start in range(0, len(features), step)]), REBUILT
