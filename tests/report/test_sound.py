"""Sound of rows: the picture's axes tell the truth, and what is rebuilt from features has those features."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lxml import html as lxml_html
from PIL import Image as PillowImage

from pipelines.report.markup import Budget
from pipelines.report.sound import (
    BAND_TICKS,
    KEPT,
    MAX_COLUMNS,
    MAX_SOUND_S,
    REBUILT,
    audio_html,
    band_of,
    bin_powers,
    mel_png,
    ogg,
    rebuilt,
    sound_of,
    time_ticks,
)
from processors.audio.decode import decode_audio
from processors.audio.log_mel import MAX_HZ, log_mel, mel_matrix, num_audio_tokens
from processors.speech.engines import Clip
from processors.speech.sphinx import Sphinx
from schemas.parts import NUM_MEL_BANDS, Audio


def tone(hz: float, seconds: float, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(16_000 * seconds)) / 16_000)).astype(np.float32)


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.3, 0.3, round(16_000 * seconds)).astype(np.float32)


def clip(samples: np.ndarray, source: bytes | None = None) -> Audio:
    features = log_mel(samples)
    return Audio(source=source, log_mel=features, num_tokens=num_audio_tokens(len(features)))


def wave(samples: np.ndarray) -> bytes:
    sink = io.BytesIO()
    soundfile.write(sink, samples, 16_000, format="WAV", subtype="FLOAT")
    return sink.getvalue()


def test_a_frequency_stands_on_the_axis_where_its_band_is() -> None:
    """The band that hears a tone best is the one whose place covers the tone."""
    for hz in (300.0, 1_000.0, 2_500.0, 6_000.0):
        loudest = int(log_mel(tone(hz, 0.2))[5].argmax())
        assert abs(band_of(hz) * NUM_MEL_BANDS - (loudest + 0.5)) < 0.8
    assert band_of(MAX_HZ) == pytest.approx(1 + 0.5 / NUM_MEL_BANDS)  # the last triangle ends half a band above the picture
    assert [name for name, _ in BAND_TICKS] == ["500 Hz", "1 kHz", "2 kHz", "4 kHz", "7 kHz"]


def test_times_on_the_axis_are_round_and_few() -> None:
    assert time_ticks(3.9) == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    assert time_ticks(0.05) == [0]
    assert time_ticks(20.0) == [2 * number for number in range(11)]
    assert all(len(time_ticks(seconds)) <= 11 for seconds in (0.1, 7, 61, 599, 1_800, 7_200))


def test_the_picture_has_a_row_a_band_and_the_lowest_below() -> None:
    features = np.zeros((300, NUM_MEL_BANDS), np.float32)
    features[100:, 3] = 10.0
    image = PillowImage.open(io.BytesIO(mel_png(features)))
    assert image.size == (300, NUM_MEL_BANDS)
    levels = np.asarray(image)
    assert np.array_equal(levels[::-1].T, (features * 25.5).astype(np.uint8))
    colours = np.asarray(image.convert("RGB"))
    assert tuple(colours[0, 0]) == (68, 1, 84)  # viridis from its first colour
    assert tuple(colours[NUM_MEL_BANDS - 4, 299]) == (253, 231, 37)  # to its last


def test_a_long_clip_is_pooled_by_means() -> None:
    features = np.repeat(np.arange(2 * MAX_COLUMNS, dtype=np.float32)[:, None], NUM_MEL_BANDS, 1)
    levels = np.asarray(PillowImage.open(io.BytesIO(mel_png(features))))
    assert levels.shape == (NUM_MEL_BANDS, MAX_COLUMNS)
    wanted = np.round((2 * np.arange(MAX_COLUMNS) + 0.5) / (2 * MAX_COLUMNS - 1) * 255)
    assert np.array_equal(levels[0], wanted.astype(np.uint8))


def test_powers_of_bins_have_the_features_and_are_never_negative() -> None:
    features = log_mel(noise(0.5))
    powers = bin_powers(features)
    assert powers.shape == (len(features), 257)
    assert powers.min() >= 0
    errors = np.abs(np.log(np.maximum(powers @ mel_matrix(), 1.0)) - features)
    assert (errors.mean() < 0.005, errors.max() < 0.5) == (True, True)


def test_a_rebuilt_sound_has_the_features_at_their_times() -> None:
    samples = np.concatenate([np.zeros(8_000, np.float32), tone(1_000.0, 0.5), np.zeros(8_000, np.float32)])
    features = log_mel(samples)
    again = rebuilt(features)
    assert len(again) == (len(features) - 1) * 160 + 400
    frames = log_mel(again)
    assert len(frames) == len(features)
    loud = features.max(axis=1) > 15
    assert loud.sum() == 52  # half a second, and the frames that it enters
    band = int(features[75].argmax())
    assert np.abs(frames[loud][5:-5, band] - features[loud][5:-5, band]).max() < 0.5
    started = np.abs(again).reshape(-1, 8)[: len(samples) // 8].max(axis=1) > 0.1
    assert abs(int(started.argmax()) * 8 - 8_000) <= 200  # the tone starts where it started, to half a frame
    assert abs((len(started) - 1 - int(started[::-1].argmax())) * 8 - 16_000) <= 200


def test_the_same_features_give_the_same_bytes() -> None:
    features = log_mel(tone(440.0, 0.4))
    assert ogg(rebuilt(features)) == ogg(rebuilt(features))


def test_the_code_keeps_the_length() -> None:
    samples = tone(440.0, 0.7)
    decoded, rate = soundfile.read(io.BytesIO(ogg(samples)))
    assert (len(decoded), rate) == (len(samples), 16_000)


def test_the_kept_source_is_heard_where_it_is_the_clip() -> None:
    samples = tone(440.0, 0.5)
    kept = clip(samples, wave(samples))
    heard, how = sound_of(kept, np.asarray(kept.log_mel))
    assert (how, np.array_equal(heard, samples)) == (KEPT, True)
    longer = clip(samples, wave(tone(440.0, 0.9)))
    assert sound_of(longer, np.asarray(longer.log_mel))[1] == f"{REBUILT} (the kept source is longer or shorter than the clip)"
    broken = clip(samples, b"no sound")
    assert sound_of(broken, np.asarray(broken.log_mel))[1].startswith(f"{REBUILT} (the kept source is refused: not_audio")
    assert sound_of(clip(samples), log_mel(samples))[1] == REBUILT


def test_a_page_has_picture_player_words_and_says_what_is_heard() -> None:
    long = clip(tone(440.0, 21.0))
    facts = {"speech.words_json": json.dumps([["<b>two</b>", 2.1, 4.2], ["late", 30.0, 31.0]])}
    page = lxml_html.fromstring(str(audio_html([long], facts, Budget(5_000_000))))
    (word,) = page.find_class("mel-words")[0]
    assert (word.text, list(word)) == ("<b>two</b>", [])
    assert len(np.asarray(long.log_mel)) == 2_098  # 20.98 s, of which the word takes a tenth from a tenth on
    assert word.get("style") == "left:10.01%;width:10.01%"
    assert f"Sound: {REBUILT}; its first 20 s of 21.0." in page.text_content()
    (player,) = page.iter("audio")
    data = base64.b64decode(player.get("src").removeprefix("data:audio/ogg;base64,"))
    assert len(soundfile.read(io.BytesIO(data))[0]) == MAX_SOUND_S * 16_000 - 160 + 400


def test_sounds_that_do_not_fit_leave_notes() -> None:
    budget = Budget(3_000)
    page = lxml_html.fromstring(f"<div>{audio_html([clip(noise(2.0))] * 2, {}, budget)}</div>")
    assert list(page.iter("img", "audio")) == []
    assert page.text_content().count("Left out: the page has reached its size.") == 4
    assert budget.num_dropped == 4


def test_rebuilt_speech_can_be_understood(sample: Path) -> None:
    """An engine hears in the features what it hears in the recording, but for a word in five at most."""
    rows = [json.loads(line) for line in (sample / "speech" / "manifest.jsonl").read_text().splitlines()[:2]]
    files = [decode_audio((sample / "speech" / row["audio_filepath"]).read_bytes()).samples for row in rows]
    with Sphinx().open() as hear:
        before, after = (hear([Clip(samples, "en") for samples in clips]) for clips in (files, [rebuilt(log_mel(s)) for s in files]))
    words = [heard.text.split() for heard in before]
    missing = sum(len(set(said) - set(heard.text.split())) for said, heard in zip(words, after, strict=True))
    assert sum(map(len, words)) > 15
    assert missing <= sum(map(len, words)) / 5
