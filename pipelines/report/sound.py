"""Audio of a row: its log-Mel as a picture, and a sound to hear.

The sound is the kept source of the clip where there is one. Otherwise it is rebuilt from the log-Mel alone, which is all that the
model gets: powers of the bands become powers of the bins of the transform, Griffin and Lim's iteration finds phases that fit them,
and the pre-emphasis is undone. The phases start at zero and the coder's serial is fixed, so the same row gives the same bytes.
Source: Griffin and Lim 1984, "Signal estimation from modified short-time Fourier transform"; Perraudin et al. 2013, "A fast
Griffin-Lim algorithm". The bins are found by the multiplicative updates of Lee and Seung 2001, "Algorithms for non-negative matrix
factorization", section 3, with the filter bank held fixed.
"""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Mapping, Sequence

import numpy as np
import soundfile
from markupsafe import Markup
from PIL import Image as PillowImage
from scipy.signal import lfilter

from pipelines.report.markup import EMPTY, LEFT_OUT, Budget, join
from processors.audio.decode import decode_audio
from processors.audio.log_mel import FFT, HOP, MAX_HZ, PRE_EMPHASIS, SCALE, WINDOW, mel, mel_matrix, num_frames
from processors.speech_text import HEARD_WORDS, WORDS
from processors.torch_audio import import_torchaudio
from schemas.outcome import Refused
from schemas.parts import NUM_MEL_BANDS, SAMPLE_RATE_HZ, Audio

FRAMES_PER_S = SAMPLE_RATE_HZ // HOP
MAX_SOUND_S = 20
MAX_COLUMNS = 1_000  # of a log-Mel picture
MAX_CLIPS = 6  # of a row
MAX_WORDS = 120  # over a picture
NUM_UPDATES = 30  # of bins from bands
NUM_ITERATIONS = 32  # of Griffin-Lim; 60 are heard no better
SERIAL = 1
KEPT, REBUILT = "kept source", "rebuilt from the features: what the model can hear"


def audio_html(clips: Sequence[Audio], facts: Mapping[str, object], budget: Budget) -> Markup:
    """The clips of a row. `facts` may tell words with their times, which are shown where the row has one clip."""
    words = words_of(facts) if len(clips) == 1 else []
    figures = [_figure(clip, number, words, budget) for number, clip in enumerate(clips[:MAX_CLIPS])]
    more = (
        Markup('<p class="example-note">{} of {} clips are shown.</p>').format(MAX_CLIPS, len(clips)) if len(clips) > MAX_CLIPS else EMPTY
    )
    return join([*figures, more])


def words_of(facts: Mapping[str, object]) -> list[tuple[str, float, float]]:
    """Words with their times in s: those of the transcript, else those that were heard; none where no fact tells them."""
    told = facts.get(WORDS.name) or facts.get(HEARD_WORDS.name) or "[]"
    return [(str(word), float(start_s), float(end_s)) for word, start_s, end_s in json.loads(str(told))][:MAX_WORDS]


def _figure(clip: Audio, number: int, words: Sequence[tuple[str, float, float]], budget: Budget) -> Markup:
    assert clip.log_mel is not None
    features = np.asarray(clip.log_mel, np.float32)
    total_s = len(features) / FRAMES_PER_S
    caption = (
        f"Clip {number + 1}: {total_s:.2f} s, {len(features):,} frames of {NUM_MEL_BANDS} bands, {clip.num_tokens or 0:,} tokens; "
        f"values {features.min():.2f} (dark) to {features.max():.2f} (bright)"
    )
    picture = None if budget.skips() else budget.media("image/png", mel_png(features))
    shown = LEFT_OUT if picture is None else _mel_picture(picture, total_s, words, number)
    return Markup('<figure class="example-sound">{}{}<figcaption>{}</figcaption></figure>').format(
        shown, _player(clip, features, number, budget), caption
    )


def _mel_picture(uri: Markup, total_s: float, words: Sequence[tuple[str, float, float]], number: int) -> Markup:
    """The picture between its axes; all places are shares, so that it may have any size."""
    seconds = join(Markup('<span style="left:{}%">{}</span>').format(_share(at_s / total_s), f"{at_s:g}") for at_s in time_ticks(total_s))
    bands = join(Markup('<span style="bottom:{}%">{}</span>').format(_share(place), name) for name, place in BAND_TICKS)
    spoken = join(
        Markup('<span style="left:{}%;width:{}%" title="{}">{}</span>').format(
            _share(start_s / total_s), _share((end_s - start_s) / total_s), f"{word} {start_s:.2f} to {end_s:.2f} s", word
        )
        for word, start_s, end_s in words
        if 0 <= start_s < end_s <= total_s + 0.1
    )
    heard = Markup('<div class="mel-heard" style="width:{}%"></div>').format(_share(min(1.0, MAX_SOUND_S / total_s)))
    return Markup(
        '<div class="example-mel" data-total-s="{}"><div class="mel-bands" aria-hidden="true">{}</div>'
        '<div class="mel-picture"><img src="{}" alt="Log-Mel of clip {}: time to the right, pitch upwards">{}<div class="mel-now" hidden></div></div>'
        '<div class="mel-words">{}</div><div class="mel-seconds" aria-hidden="true">{}<b>s</b></div></div>'
    ).format(f"{total_s:.3f}", bands, uri, number + 1, heard if total_s > MAX_SOUND_S else EMPTY, spoken, seconds)


def _share(value: float) -> str:
    return f"{100 * value:.3f}".rstrip("0").rstrip(".")


def time_ticks(total_s: float) -> list[float]:
    """Round times, at most 11 of them, from 0 on."""
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 36_000) if total_s / step <= 10)
    return [round(number * step, 1) for number in range(int(total_s / step) + 1)]


def band_of(hz: float) -> float:
    """Where a frequency stands on the axis of bands, as a share of it: the centre of band b is at (b + 1/2) / 80."""
    return float(mel(hz) / mel(MAX_HZ)) * (NUM_MEL_BANDS + 1) / NUM_MEL_BANDS - 0.5 / NUM_MEL_BANDS


BAND_TICKS = tuple((f"{hz / 1_000:g} kHz" if hz >= 1_000 else f"{hz} Hz", band_of(hz)) for hz in (500, 1_000, 2_000, 4_000, 7_000))


def mel_png(features: np.ndarray) -> bytes:
    """Log-Mel features as a PNG in the colours of viridis, lowest band at the bottom; of many frames, means.

    Shapes: features (T, 80) float32; the picture min(T, MAX_COLUMNS) x 80 px.
    """
    columns = min(len(features), MAX_COLUMNS)
    starts = np.arange(columns) * len(features) // columns
    means = np.add.reduceat(features.astype(np.float64), starts) / np.diff([*starts, len(features)])[:, None]
    low, high = float(features.min()), float(features.max())
    levels = np.round((means - low) / max(high - low, 1e-6) * 255).clip(0, 255).astype(np.uint8)
    image = PillowImage.fromarray(np.ascontiguousarray(levels.T[::-1]))
    image.putpalette(_viridis())
    sink = io.BytesIO()
    image.save(sink, "PNG", optimize=True)
    return sink.getvalue()


@functools.cache
def _viridis() -> bytes:
    from matplotlib import colormaps  # a third of a second to import

    return (colormaps["viridis"](np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes()


def _player(clip: Audio, features: np.ndarray, number: int, budget: Budget) -> Markup:
    if budget.skips():
        return LEFT_OUT
    samples, how = sound_of(clip, features)
    uri = budget.media("audio/ogg", ogg(samples))
    if uri is None:
        return LEFT_OUT
    total_s = len(features) / FRAMES_PER_S
    how += f"; its first {MAX_SOUND_S} s of {total_s:.1f}" if total_s > MAX_SOUND_S + 0.1 else ""
    return Markup(
        '<audio controls preload="metadata" src="{}" aria-label="Clip {}, {}"></audio><p class="example-note">Sound: {}.</p>'
    ).format(uri, number + 1, how, how)


def sound_of(clip: Audio, features: np.ndarray) -> tuple[np.ndarray, str]:
    """Up to MAX_SOUND_S of a clip, and where the sound comes from. Shapes: samples (n,) float32 mono 16 kHz.

    The kept source counts only where it is the clip: where it has as many frames as the features.
    """
    if clip.source is not None:
        try:
            samples = decode_audio(clip.source, offset_s=clip.offset_s, duration_s=clip.duration_s).samples
        except Refused as refused:
            return rebuilt(features), f"{REBUILT} (the kept source is refused: {refused})"
        if num_frames(len(samples)) == len(features):
            return samples[: MAX_SOUND_S * SAMPLE_RATE_HZ], KEPT
        return rebuilt(features), f"{REBUILT} (the kept source is longer or shorter than the clip)"
    return rebuilt(features), REBUILT


def rebuilt(features: np.ndarray) -> np.ndarray:
    """Up to MAX_SOUND_S of sound from log-Mel features. Shapes: features (T, 80) float32; samples (n,) float32 mono 16 kHz.

    Front end and transform frame differently: there frame t starts at sample 160 t, here it is centred on it. Two empty
    frames on either side make room for the difference.
    """
    import_torchaudio()
    import torch
    from torchaudio.functional import griffinlim

    frames = min(len(features), MAX_SOUND_S * FRAMES_PER_S)
    powers = np.pad(bin_powers(features[:frames]), ((2, 2), (0, 0)))
    window = torch.hamming_window(WINDOW, periodic=False)
    length = (frames + 3) * HOP
    wave = griffinlim(
        torch.from_numpy(powers.T.astype(np.float32)), window, FFT, HOP, WINDOW, 2.0, NUM_ITERATIONS, 0.99, length, rand_init=False
    ).numpy()
    start = 2 * HOP - WINDOW // 2
    emphasised = wave[start : start + (frames - 1) * HOP + WINDOW] / SCALE
    samples = lfilter([1.0], [1.0, -float(PRE_EMPHASIS)], emphasised).astype(np.float32)
    return samples / max(1.0, float(np.abs(samples).max(initial=0.0)))


def bin_powers(features: np.ndarray) -> np.ndarray:
    """Powers of the transform's bins whose bands come close to the features. Shapes: (T, 80) to (T, 257) float64, none negative.

    Updates multiply, so nothing turns negative. They bring the divergence (Kullback-Leibler) of the bands down at every step, not their
    squared error, which the loudest bands of a frame rule alone.
    """
    bank = mel_matrix().astype(np.float64)
    share = bank.T / np.maximum(bank.sum(axis=1), 1e-9)  # of a band in each of its bins
    bands = np.where(features > 0, np.exp(features.astype(np.float64)), 0.0)  # the floor of the front end says "1 or less"
    powers = bands @ share
    for _ in range(NUM_UPDATES):
        powers *= (bands / np.maximum(powers @ bank, 1e-9)) @ share
    return powers


def ogg(samples: np.ndarray) -> bytes:
    """Samples as Ogg Opus, the same bytes for the same samples."""
    from pipelines.sample.ogg import with_serial

    sink = io.BytesIO()
    soundfile.write(sink, samples, SAMPLE_RATE_HZ, format="OGG", subtype="OPUS")
    return with_serial(sink.getvalue(), SERIAL)
