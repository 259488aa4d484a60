"""Our front ends against transformers' own, on real clips and photos and on planted sizes."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from processors.audio.decode import decode_audio
from processors.audio.log_mel import log_mel
from processors.image.crops import canvas_plan, crop_pixels, make_canvas, patch_mask
from processors.image.decode import decode_image
from tests.golden.test_front_ends import SIZES, pattern
from tests.hf import import_transformers

pytestmark = pytest.mark.parity
ONE_RESIZE_STEP = 2 / 127.5 + 1e-6  # two grey levels: Pillow's and torch's resize round differently


@pytest.fixture(scope="module")
def extractor() -> Any:
    return import_transformers().Phi4MultimodalFeatureExtractor()


@pytest.fixture(scope="module")
def processor() -> Any:
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("transformers' image processor needs torchvision's Python part")
    return import_transformers().models.phi4_multimodal.Phi4MultimodalImageProcessorFast()


def features(extractor: Any, samples: np.ndarray) -> np.ndarray:
    return extractor([samples], sampling_rate=16_000)["audio_input_features"][0].numpy()


@pytest.mark.parametrize("kind", ["noise", "square", "quiet", "tone", "silence"])
@pytest.mark.parametrize("num_samples", [400, 16_001, 41_000, 480_000])
def test_features_of_made_clips(extractor: Any, kind: str, num_samples: int) -> None:
    rng = np.random.default_rng(num_samples)
    made = {
        "noise": rng.standard_normal(num_samples) * 0.1,
        "square": np.sign(rng.standard_normal(num_samples)),
        "quiet": rng.standard_normal(num_samples) * 1e-5,
        "tone": 0.99 * np.sin(np.arange(num_samples) * 0.3),
        "silence": np.zeros(num_samples),
    }[kind].astype(np.float32)
    ours, theirs = log_mel(made, hf_compat=True), features(extractor, made)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 1e-5


@pytest.mark.realdata
def test_features_of_real_clips(extractor: Any, realdata: Path) -> None:
    files = sorted(
        file for folder in ("lhotse", "docling", "leopard", "curator", "skills_tts") for file in (realdata / "03_speech" / folder).iterdir()
    )
    files = [file for file in files if file.suffix in (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".sph", ".aac")]
    files += sorted((realdata / "03_speech" / "fsdd").iterdir())[::10]
    for file in files:
        samples = decode_audio(file.read_bytes()).samples
        assert np.abs(log_mel(samples, hf_compat=True) - features(extractor, samples)).max() < 1e-5, file.name
    assert len(files) >= 30


def their_tokens(processor: Any, width: int, height: int, max_crops: int) -> tuple[int, list[int]]:
    """Tokens and [height, width] that transformers gives a picture of this size; what is on it does not matter."""
    theirs = processor(Image.new("RGB", (width, height)), dynamic_hd=max_crops, return_tensors="pt")
    return int(theirs["num_img_tokens"][0]), theirs["image_sizes"][0].tolist()


def test_every_image_of_every_corpus_costs_what_transformers_says(processor: Any, demo: dict[str, Any], run_folder: Path) -> None:
    """All canvases that the demonstration made, by size of picture and most crops."""
    canvases = json.loads((run_folder / "canvases.json").read_text())
    assert len(canvases) > 50
    assert {made[2] for made in canvases} >= {16, 36}
    for width, height, max_crops, num_tokens, *size in canvases:
        assert their_tokens(processor, width, height, max_crops) == (num_tokens, size), (width, height, max_crops)


def compare(processor: Any, pixels: np.ndarray, max_crops: int, tolerance: float) -> None:
    theirs = processor(Image.fromarray(pixels), dynamic_hd=max_crops, return_tensors="pt")
    canvas = make_canvas(pixels, max_crops)
    ours = crop_pixels(canvas)
    assert theirs["image_sizes"][0].tolist() == list(canvas_plan(canvas).image_size)
    assert int(theirs["num_img_tokens"][0]) == canvas_plan(canvas).num_tokens
    assert (theirs["image_attention_mask"][0].numpy() == patch_mask(canvas)).all()
    their_pixels = theirs["image_pixel_values"][0].numpy()
    assert their_pixels.shape == ours.shape
    assert np.abs(their_pixels[1:] - ours[1:]).max() <= tolerance
    assert np.abs(their_pixels[0] - ours[0]).max() <= tolerance * 2.5  # bicubic weights add up to at most 2.44 in absolute value


@pytest.mark.parametrize(("width", "height"), [size[:2] for size in SIZES if size[0] * size[1] < 3_000_000])
@pytest.mark.parametrize("max_crops", [16, 36])
def test_made_pictures(processor: Any, width: int, height: int, max_crops: int) -> None:
    compare(processor, pattern(width, height), max_crops, ONE_RESIZE_STEP)


@pytest.mark.parametrize(("width", "height"), [(448, 448), (896, 448), (448, 1344), (449, 448), (1344, 1344)])
def test_pictures_that_need_no_resize_are_exact(processor: Any, width: int, height: int) -> None:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3)).astype(np.uint8)
    compare(processor, pixels, 36, 2e-6)


@pytest.mark.realdata
def test_real_photos(processor: Any, realdata: Path) -> None:
    photos = sorted((realdata / "05_images" / "coco" / "images").glob("*.jpg"))
    for photo in photos:
        compare(processor, decode_image(photo.read_bytes()).pixels, 36, ONE_RESIZE_STEP)
    assert len(photos) >= 10


def test_our_resize_is_pillows() -> None:
    pixels = pattern(700, 300)
    canvas = make_canvas(pixels, 36)
    again = np.asarray(
        Image.open(io.BytesIO(_png(pixels))).resize((canvas.content_width, canvas.content_height), Image.Resampling.BILINEAR)
    )
    assert canvas.pixels is not None
    assert (canvas.pixels[: canvas.content_height, : canvas.content_width] == again).all()


def _png(pixels: np.ndarray) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "PNG")
    return sink.getvalue()
