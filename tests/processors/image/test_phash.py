"""The perceptual hash: against SciPy's transform, near for copies, far for others, empty for what is flat."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from PIL import Image as PillowImage
from scipy.fft import dctn

from pipelines.sample.images import draw_scene
from processors.image.phash import HashImages, perceptual_hash, pixel_digest
from processors.image.quality import grey_copy
from schemas.parts import Image, Text
from schemas.records import Conversation, Origin, Turn


def photo(number: int = 0) -> PillowImage.Image:
    """Smooth shapes and grain, as photos have them."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:240, :320]
    planes = []
    for _ in range(3):
        waves = sum(rng.uniform(20, 60) * np.sin(x / rng.uniform(10, 90) + y / rng.uniform(10, 90) + rng.uniform(0, 6)) for _ in range(4))
        planes.append(128 + waves + rng.normal(0, 6, x.shape))
    return PillowImage.fromarray(np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8))


def bits(picture: PillowImage.Image) -> int:
    return int(perceptual_hash(grey_copy(np.asarray(picture))), 16)


def talk(*pictures: PillowImage.Image) -> Conversation:
    images = tuple(Image(pixels=np.asarray(picture)) for picture in pictures)
    return Conversation("k", Origin("made"), (Turn("user", (*images, Text("?"))), Turn("assistant", (Text("!"),), learned=True)))


@pytest.mark.parametrize("number", range(4))
def test_bits_are_those_of_scipy_s_transform(number: int) -> None:
    grey = grey_copy(np.asarray(photo(number)))
    small = np.asarray(grey.resize((32, 32), PillowImage.Resampling.BILINEAR)).astype(np.float64)
    low = dctn(small, type=2)[:8, :8].ravel()
    expected = low > np.median(low)
    found = np.array([int(bit) for bit in f"{int(perceptual_hash(grey), 16):064b}"], bool)
    assert np.array_equal(found, expected)
    assert found.sum() == 32


def test_copies_are_near_and_others_far() -> None:
    pictures = [photo(number) for number in range(6)]
    for picture in pictures:
        sink = io.BytesIO()
        picture.resize((200, 150), PillowImage.Resampling.BICUBIC).save(sink, "JPEG", quality=40)
        assert (bits(picture) ^ bits(PillowImage.open(sink).convert("RGB"))).bit_count() <= 4
        assert (bits(picture) ^ bits(picture.convert("L").convert("RGB"))).bit_count() <= 2
    assert min((bits(a) ^ bits(b)).bit_count() for a, b in itertools.combinations(pictures, 2)) >= 12


def test_a_mirrored_picture_is_another() -> None:
    picture = photo()
    assert (bits(picture) ^ bits(picture.transpose(PillowImage.Transpose.FLIP_LEFT_RIGHT))).bit_count() > 12


@pytest.mark.parametrize("level", [0, 7, 128, 255])
def test_a_flat_picture_has_no_hash(level: int) -> None:
    picture = np.full((60, 90, 3), level, np.uint8)
    assert perceptual_hash(grey_copy(picture)) == ""
    noisy = (picture.astype(int) + np.random.default_rng(0).integers(0, 3, picture.shape)).clip(0, 255).astype(np.uint8)
    assert perceptual_hash(grey_copy(noisy)) == ""


def test_patterns_of_one_direction_are_plain() -> None:
    """They have few frequencies of their own: their hashes would all be alike."""
    ramp = np.linspace(0, 255, 120).astype(np.uint8)
    stripes = np.where(np.arange(120) % 40 < 20, 0, 255).astype(np.uint8)
    for line in (ramp, stripes):
        assert perceptual_hash(grey_copy(np.broadcast_to(line[:, None, None], (120, 160, 3)).copy())) == ""
        assert perceptual_hash(grey_copy(np.broadcast_to(line[None, :, None], (90, 120, 3)).copy())) == ""
    square = np.full((120, 120, 3), 255, np.uint8)
    square[40:80, 40:80] = 0
    assert perceptual_hash(grey_copy(square)) == ""
    square[10:30, 70:115] = 90
    square[85:100, 5:20] = 40
    assert perceptual_hash(grey_copy(square)) != ""


def test_the_hash_is_pinned() -> None:
    scenes = [draw_scene(0, number).picture for number in (2, 3, 4)]
    assert [perceptual_hash(grey_copy(np.asarray(scene))) for scene in scenes] == PINNED


PINNED = ["dc8d2772d8c82772", "bf3fc0c0efc4c0c4", "ea6a95956a686a6a"]


def test_facts_are_of_the_first_picture_and_the_digest_of_all() -> None:
    first, second = photo(1), photo(2)
    one, both, none = HashImages()(talk(first)).facts, HashImages()(talk(first, second)).facts, HashImages()(talk()).facts
    assert one["image.phash"] == both["image.phash"] == f"{bits(first):016x}"
    assert one["image.pixel_digest"] == pixel_digest(np.asarray(first)) != both["image.pixel_digest"]
    assert none == {"image.phash": "", "image.pixel_digest": ""}


def test_the_digest_tells_shapes_apart() -> None:
    assert pixel_digest(np.zeros((4, 6, 3), np.uint8)) != pixel_digest(np.zeros((6, 4, 3), np.uint8))


def test_a_missing_decoder_is_told() -> None:
    with pytest.raises(ValueError, match="lacks DecodeImage before it"):
        HashImages()(Conversation("k", Origin("made"), (Turn("user", (Image(source=b"x"),)),)))
