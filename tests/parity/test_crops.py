"""Our multi-crop against the image processor of transformers.

Grids, sizes, masks, tokens and padding are equal. Pixels are equal to 1e-6 where no resize happens; where one does,
transformers resizes tensors and we follow the released code, which resizes with Pillow: at most two grey levels apart.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from processors.image.crops import EXTREME_ASPECT, canvas_plan, crop_pixels, make_canvas, patch_mask, plan_crops
from processors.image.decode import decode_image
from schemas.outcome import Refused
from tests.hf import import_transformers

pytestmark = pytest.mark.parity

TWO_GREY_LEVELS = 2 / 127.5 + 1e-6
ROUNDING = 1e-6

NO_RESIZE = [(448, 448), (449, 448), (448, 449), (896, 500), (1344, 1344), (448, 28), (28, 448), (448, 10)]
RESIZED = [(224, 224), (100, 37), (71, 71), (640, 480), (500, 300), (900, 500), (500, 900), (1024, 768), (1920, 1080), (37, 411), (1, 1)]
FALLBACK = [(2689, 2689), (4000, 3000), (5000, 1000), (700, 5000)]


@pytest.fixture(scope="module")
def reference():
    """Builds the processor of transformers for a maximum of crops."""
    transformers = import_transformers()
    pytest.importorskip("torchvision", reason="the image processor of transformers needs torchvision (`make setup` installs it)")
    return lambda max_crops: transformers.Phi4MultimodalImageProcessor(dynamic_hd=max_crops)


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * 10_007 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    planes = (127 + 120 * np.sin(x / 37 + y / 91), 127 + 120 * np.cos(x / 23), 127 + 120 * np.sin(y / 17))
    return np.floor(np.stack(planes, -1)).astype(np.uint8)


def differences(processor, pixels: np.ndarray, max_crops: int) -> tuple[float, float]:
    """Largest difference over crops, and over the global view, after everything discrete was compared."""
    theirs = processor([PillowImage.fromarray(pixels)], return_tensors="pt")
    canvas = make_canvas(pixels, max_crops)
    plan = canvas_plan(canvas)
    ours = crop_pixels(canvas)
    their_pixels = theirs["image_pixel_values"][0].numpy()
    assert ours.shape == their_pixels.shape
    assert [list(plan.image_size)] == theirs["image_sizes"].tolist()
    assert np.array_equal(patch_mask(canvas).astype(np.float32), theirs["image_attention_mask"][0].numpy())
    assert [plan.num_tokens] == [int(num) for num in theirs["num_img_tokens"]]
    return float(np.abs(ours[1:] - their_pixels[1:]).max()), float(np.abs(ours[0] - their_pixels[0]).max())


@pytest.mark.parametrize("max_crops", [16, 36])
@pytest.mark.parametrize("size", NO_RESIZE, ids=lambda size: f"{size[0]}x{size[1]}")
def test_without_resize_every_pixel_is_equal(reference, size, max_crops):
    crops, view = differences(reference(max_crops), noise(*size), max_crops)
    assert crops <= ROUNDING
    assert view <= ROUNDING


@pytest.mark.parametrize("max_crops", [16, 36])
@pytest.mark.parametrize("size", RESIZED + FALLBACK, ids=lambda size: f"{size[0]}x{size[1]}")
def test_with_resize_pixels_stay_within_two_grey_levels(reference, size, max_crops):
    crops, view = differences(reference(max_crops), smooth(*size), max_crops)
    assert crops <= TWO_GREY_LEVELS
    assert view <= 2 * TWO_GREY_LEVELS  # bicubic weights sum to more than 1 in magnitude


def test_noise_with_resize_stays_within_two_grey_levels(reference):
    crops, _ = differences(reference(36), noise(1920, 1080), 36)
    assert crops <= TWO_GREY_LEVELS


def test_fed_with_our_canvas_the_reference_gives_our_tensor(reference):
    """The resize is the only difference: a canvas with whole crops passes through transformers unchanged."""
    canvas = make_canvas(noise(1792, 1344), 36)
    crops, view = differences(reference(36), canvas.pixels, 36)
    assert max(crops, view) <= ROUNDING


def test_grids_and_tokens_of_many_sizes(reference):
    """The plan alone, on 80 sizes; the reference is asked for its grid and mask without pixels being made."""
    processor = reference(36)
    random = np.random.default_rng(0)
    compared = refused = 0
    for width, height in [*(random.integers(1, 40, (80, 2)) ** 2).tolist(), (2000, 4), (9, 1500)]:
        for max_crops in (16, 36):
            try:
                _, mask = processor.dynamic_preprocess(torch.zeros(3, height, width, dtype=torch.uint8), 448, 14, 32, max_num=max_crops)
            except ValueError as error:
                assert "extreme" in str(error)
                with pytest.raises(Refused) as caught:
                    plan_crops(width, height, max_crops)
                assert caught.value.reason is EXTREME_ASPECT
                refused += 1
                continue
            plan = plan_crops(width, height, max_crops)
            assert mask.shape == (32 * plan.rows, 32 * plan.columns)
            assert (int(mask[0].sum()), int(mask[:, 0].sum())) == (plan.patch_width, plan.patch_height)
            compared += 1
    assert compared > 130
    assert refused >= 4


@pytest.mark.realdata
def test_photos(reference, realdata):
    files = sorted((realdata / "05_images/coco/images").glob("*.jpg"))
    assert len(files) >= 10
    plain = 0
    for file in files:
        pixels = decode_image(file.read_bytes()).pixels
        with PillowImage.open(file) as image:
            if "icc_profile" not in image.info:  # the reference takes pixels as they are, we bring them to sRGB
                assert np.array_equal(pixels, np.asarray(image.convert("RGB")))
                plain += 1
        crops, view = differences(reference(36), pixels, 36)
        assert crops <= TWO_GREY_LEVELS, file.name
        assert view <= 2 * TWO_GREY_LEVELS, file.name
    assert plain >= 5
