"""Image steps: what they give, what they refuse and the nearest they do not, and the laws of every processor."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest
from PIL import Image as PillowImage

from processors.image.crops import EXTREME_ASPECT, canvas_num_tokens
from processors.image.decode import NOT_AN_IMAGE, TOO_MANY_PIXELS, decode_image
from processors.image.guarded import GUARDED_REASONS
from processors.image.steps import TOO_SMALL, CapSide, DecodeImage, KeepImageSize, MakeCanvas, cap_side
from schemas.outcome import Reject
from schemas.parts import Image, Text
from schemas.records import Conversation, Origin, Preference, Turn, images_of


def png(width: int, height: int, **options) -> bytes:
    sink = io.BytesIO()
    noise = np.random.default_rng(width * 1_000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    PillowImage.fromarray(noise).save(sink, "PNG", **options)
    return sink.getvalue()


def talk(*images: Image) -> Conversation:
    turns = (Turn("user", (*images, Text("Describe."))), Turn("assistant", (Text("Noise."),), learned=True))
    return Conversation("k", Origin("made"), turns, {"text.language": "en"})


def blank(width: int, height: int) -> Image:
    return Image(pixels=np.zeros((height, width, 3), np.uint8))


STEPS = [DecodeImage(), KeepImageSize(8), CapSide(), MakeCanvas()]


def test_decode_gives_pixels_and_facts():
    record = talk(Image(source=png(30, 20)), Image(source=png(10, 40), time_s=1.5))
    done = DecodeImage()(record)
    first, second = images_of(done)
    assert np.array_equal(first.pixels, decode_image(png(30, 20)).pixels)
    assert (second.pixels.shape, second.source, second.time_s) == ((40, 10, 3), None, 1.5)
    assert done.facts == {
        "text.language": "en",
        "image.width_px": 30,
        "image.height_px": 20,
        "image.format": "PNG",
        "image.num_images": 2,
        "image.num_warnings": 0,
        "image.icc_ignored": False,
    }
    kept = next(images_of(DecodeImage(keep_source=True)(record)))
    assert (kept.source, kept.pixels.shape) == (png(30, 20), (20, 30, 3))


def test_decode_leaves_pixels_alone_and_counts_them():
    done = DecodeImage()(talk(blank(7, 5)))
    assert (done.facts["image.width_px"], done.facts["image.height_px"], done.facts["image.format"]) == (7, 5, "")
    none = DecodeImage()(talk())
    assert (none.facts["image.num_images"], none.facts["image.width_px"]) == (0, 0)


def test_a_broken_profile_becomes_a_fact():
    assert DecodeImage()(talk(Image(source=png(8, 8, icc_profile=b"bad")))).facts["image.icc_ignored"] is True


def test_decode_rejects_by_the_decoder_s_reasons():
    record = talk(Image(source=png(30, 20)), Image(source=b"text"))
    detail = "image 1: 4 bytes starting with 74 65 78 74"
    assert DecodeImage()(record) == Reject("k", NOT_AN_IMAGE.name, detail)
    assert DecodeImage(max_pixels=600)(talk(Image(source=png(30, 20)))).facts["image.num_images"] == 1
    detail = "image 0: 30x20 is 600 pixels, expected 599 or fewer"
    assert DecodeImage(max_pixels=599)(talk(Image(source=png(30, 20)))) == Reject("k", TOO_MANY_PIXELS.name, detail)
    assert DecodeImage.reasons == GUARDED_REASONS


def test_keep_image_size():
    record = talk(blank(64, 28), blank(28, 90))
    assert KeepImageSize(28)(record) is record
    detail = "image 0 is 64x28 px, expected 29 px or more on each side"
    assert KeepImageSize(29)(record) == Reject("k", TOO_SMALL.name, detail)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1344, 1344), (1344, 1344)), ((1345, 1000), (1344, 999)), ((4000, 3000), (1344, 1008)), ((3, 20_000), (1, 1344)), ((5, 5), (5, 5))],
)
def test_cap_side(size, expected):
    pixels = np.full((size[1], size[0], 3), 77, np.uint8)
    capped = cap_side(pixels, 1344)
    assert capped.shape == (expected[1], expected[0], 3)
    assert np.unique(capped).tolist() == [77]
    assert next(images_of(CapSide()(talk(Image(pixels=pixels))))).pixels.shape == capped.shape


def test_cap_side_is_antialiased_and_never_enlarges():
    stripes = np.zeros((8, 4000, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(cap_side(stripes, 1000)[:, 10:-10].astype(int) - 127).max() <= 40  # aliasing would keep 0 or 255
    assert cap_side(stripes, 4000) is stripes


@pytest.mark.parametrize("max_crops", [16, 36])
def test_make_canvas(max_crops):
    done = MakeCanvas(max_crops)(talk(blank(640, 480), blank(5000, 1000)))
    first, second = images_of(done)
    assert (first.canvas.grid, first.num_tokens, first.pixels) == ((2, 2), 1065, None)
    for image in (first, second):
        canvas = image.canvas
        assert image.num_tokens == canvas_num_tokens(canvas.grid, canvas.content_width, canvas.content_height)
        assert canvas.grid[0] * canvas.grid[1] <= max_crops
    assert done.facts["image.num_tokens"] == first.num_tokens + second.num_tokens
    num_crops = 2 + sum(image.canvas.grid[0] * image.canvas.grid[1] for image in (first, second))
    assert done.facts["image.num_crops"] == num_crops
    assert next(images_of(MakeCanvas(max_crops, keep_pixels=True)(talk(blank(6, 6))))).pixels.shape == (6, 6, 3)


def test_make_canvas_rejects_an_extreme_aspect():
    assert MakeCanvas()(talk(blank(448, 10))).facts["image.num_crops"] == 2
    detail = "image 1: 448x9 px becomes 448x9 px on 1x1 crops, expected 10 px or more"
    assert MakeCanvas()(talk(blank(448, 10), blank(448, 9))) == Reject("k", EXTREME_ASPECT.name, detail)


def test_a_preference_is_changed_on_all_its_sides():
    user = Turn("user", (Image(source=png(30, 20)),))
    answers = [Turn("assistant", (Image(source=png(10, side)), Text("."))) for side in (10, 12)]
    done = DecodeImage()(Preference("k", Origin("made"), (user,), (answers[0],), (answers[1],)))
    assert [image.pixels.shape[0] for image in images_of(done)] == [20, 10, 12]
    assert MakeCanvas()(done).facts["image.num_crops"] == 6


@pytest.mark.parametrize("step", [KeepImageSize(1), CapSide(), MakeCanvas()], ids=lambda step: type(step).__name__)
def test_a_recipe_without_decode_is_told_so(step):
    with pytest.raises(ValueError, match=f"reaches {type(step).__name__} without pixels; the recipe lacks DecodeImage"):
        step(talk(Image(source=png(8, 8))))


@pytest.mark.parametrize("build", [lambda: MakeCanvas(0), lambda: CapSide(0), lambda: DecodeImage(max_pixels=0)])
def test_absurd_settings_are_refused_at_once(build):
    with pytest.raises(ValueError, match="expected 1"):
        build()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_laws(step):
    """Same input twice gives the same output, the input is untouched, step and output pickle, facts are as declared."""
    image = Image(source=png(700, 500)) if isinstance(step, DecodeImage) else Image(pixels=decode_image(png(1700, 500)).pixels)
    record = talk(image)
    before = copy.deepcopy(record)
    done, again = step(record), pickle.loads(pickle.dumps(step))(record)
    for left, right in ((done, again), (record, before), (done, pickle.loads(pickle.dumps(done)))):
        for one, other in zip(images_of(left), images_of(right), strict=True):
            assert (one.pixels is None) == (other.pixels is None)
            assert one.pixels is None or np.array_equal(one.pixels, other.pixels)
            assert (one.canvas is None) == (other.canvas is None)
            assert one.canvas is None or np.array_equal(one.canvas.pixels, other.canvas.pixels)
            assert (one.source, one.num_tokens) == (other.source, other.num_tokens)
        assert (left.key, left.origin, left.facts) == (right.key, right.origin, right.facts)
    assert set(done.facts) - set(record.facts) == {fact.name for fact in step.writes}
    assert all(type(done.facts[fact.name]) is fact.type for fact in step.writes)
