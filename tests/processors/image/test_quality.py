"""Measures of a picture against an independent computation, and every reason with the nearest picture that passes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageFilter
from scipy.ndimage import laplace
from scipy.stats import entropy

from processors.image.crops import plan_crops
from processors.image.quality import KeepQuality, MeasureQuality, content_ratio, grey_copy, measure, sharpness
from schemas.outcome import Reject
from schemas.parts import Image, Text
from schemas.records import Conversation, Origin, Turn


def talk(*pictures: np.ndarray) -> Conversation:
    images = tuple(Image(pixels=picture) for picture in pictures)
    turns = (Turn("user", (*images, Text("Describe."))), Turn("assistant", (Text("Noise."),), learned=True))
    return Conversation("k", Origin("made"), turns)


def noise(width: int = 200, height: int = 100, low: int = 0, high: int = 256) -> np.ndarray:
    return np.random.default_rng(width + height).integers(low, high, (height, width, 3), dtype=np.uint8)


def flat(level: int, width: int = 200, height: int = 100) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def judged(picture: np.ndarray, **bounds: float) -> str:
    done = KeepQuality(**bounds)(MeasureQuality()(talk(picture)))
    return done.reason if isinstance(done, Reject) else "kept"


def test_measures_equal_another_library_s() -> None:
    picture = noise()
    grey = np.asarray(PillowImage.fromarray(picture).convert("L"))
    found = measure(picture, grey_copy(picture))
    inner = laplace(grey.astype(np.float64))[1:-1, 1:-1]
    assert found.sharpness == pytest.approx(inner.var(), rel=1e-9)
    assert found.contrast == pytest.approx(grey.std(), abs=1e-6)
    assert found.entropy_bits == pytest.approx(entropy(np.bincount(grey.ravel()), base=2), abs=1e-6)
    assert found.dark_ratio == pytest.approx((grey <= 15).mean(), abs=1e-6)
    assert found.bright_ratio == pytest.approx((grey >= 240).mean(), abs=1e-6)
    assert found.aspect_ratio == 2.0


def test_a_large_picture_is_measured_at_448_px() -> None:
    assert grey_copy(noise(1_000, 600)).size == (448, 269)
    assert grey_copy(noise(600, 1_000)).size == (269, 448)
    assert grey_copy(noise(448, 20)).size == (448, 20)
    assert grey_copy(noise(4_480, 1)).size == (448, 1)


def test_blur_lowers_sharpness_step_by_step() -> None:
    picture = PillowImage.fromarray(noise(400, 300))
    found = [
        measure(np.asarray(blurred), grey_copy(np.asarray(blurred))).sharpness
        for blurred in (picture.filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 1, 2, 4))
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > 100 * found[2]


def test_what_is_too_thin_has_no_sharpness() -> None:
    assert sharpness(np.zeros((2, 50), np.uint8)) == 0.0
    assert sharpness(np.array([[0, 0, 0], [0, 9, 0], [0, 0, 0]], np.uint8)) == 0.0  # one value has no variance


def test_the_content_s_share_of_the_canvas() -> None:
    assert content_ratio(448, 448, 16) == 1.0
    assert content_ratio(1_344, 448, 16) == 1.0
    plan = plan_crops(640, 480, 16)
    assert content_ratio(640, 480, 16) == round(plan.content_width * plan.content_height / (plan.target_width * plan.target_height), 6)
    assert content_ratio(1, 1_000, 16) == 0.0  # too thin for a canvas: MakeCanvas says so


@pytest.mark.parametrize(
    ("bad", "good", "bounds", "reason"),
    [
        (noise(205, 10), noise(200, 10), {"max_aspect_ratio": 20.0}, "too_elongated"),
        (flat(128), noise(low=120, high=136), {}, "uniform_image"),
        (noise(low=0, high=15), noise(low=0, high=60), {"max_dark_ratio": 0.99}, "too_dark"),
        (noise(low=242, high=255), noise(low=200, high=255), {"max_bright_ratio": 0.99}, "too_bright"),
        (noise(low=100, high=110), noise(low=50, high=200), {"min_sharpness": 500.0}, "too_blurred"),
        (noise(900, 90), noise(900, 300), {"min_content_ratio": 0.3}, "mostly_padding"),
    ],
)
def test_every_reason_and_the_nearest_that_passes(bad: np.ndarray, good: np.ndarray, bounds: dict[str, float], reason: str) -> None:
    assert judged(bad, **bounds) == reason
    assert judged(good, **bounds) == "kept"


def test_few_grey_levels_are_uniform_by_entropy_alone() -> None:
    dot = flat(0, 448, 448)
    dot[0, 0] = 255
    assert judged(dot, min_contrast=0.0) == "uniform_image"
    assert judged(dot, min_contrast=0.0, min_entropy_bits=0.0) == "kept"


def test_the_detail_names_measure_value_and_bound() -> None:
    done = KeepQuality()(MeasureQuality()(talk(flat(7))))
    assert done == Reject("k", "uniform_image", "image.contrast is 0, expected 1 or more")


def test_of_several_pictures_the_worst_counts() -> None:
    facts = MeasureQuality()(talk(noise(), flat(255))).facts
    assert (facts["image.contrast"], facts["image.bright_ratio"], facts["image.sharpness"]) == (0.0, 1.0, 0.0)
    alone = MeasureQuality()(talk(noise())).facts
    assert facts["image.aspect_ratio"] == alone["image.aspect_ratio"]


def test_without_pictures_nothing_is_refused() -> None:
    done = MeasureQuality()(talk())
    assert done.facts["image.sharpness"] == 0.0
    assert KeepQuality(min_sharpness=5)(done) is done


def test_a_missing_decoder_is_told() -> None:
    record: Any = Conversation("k", Origin("made"), (Turn("user", (Image(source=b"x"),)),))
    with pytest.raises(ValueError, match="lacks DecodeImage before it"):
        MeasureQuality()(record)


def test_the_same_twice_and_nothing_is_changed() -> None:
    picture = noise()
    before = picture.copy()
    step = pickle.loads(pickle.dumps(MeasureQuality()))
    assert step(talk(picture)).facts == MeasureQuality()(talk(picture)).facts
    assert np.array_equal(picture, before)
