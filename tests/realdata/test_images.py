"""Real photos and 241 odd files: each gives upright pixels or a true reason, and none prints, warns or crashes."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from processors.image.decode import (
    CORRUPT_IMAGE,
    FORMAT_NOT_ALLOWED,
    NOT_AN_IMAGE,
    TOO_MANY_PIXELS,
    TRUNCATED_IMAGE,
    DecodedImage,
    decode_image,
)
from processors.image.steps import CapSide, DecodeImage, KeepImageSize, MakeCanvas
from schemas.outcome import Refused, Reject
from schemas.parts import Image
from schemas.records import Conversation, Origin, Turn, images_of

pytestmark = pytest.mark.realdata


def facts_of(folder: Path) -> list[dict]:
    with (folder / "05_images/pillow_facts.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def decoded(path: Path) -> DecodedImage | Refused:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return decode_image(path.read_bytes())
        except Refused as refused:
            return refused


def test_odd_files(realdata, capfd):
    facts = facts_of(realdata)
    assert len(facts) >= 200
    loaded = refused = 0
    for fact in facts:
        done = decoded(realdata / "05_images/pillow" / fact["file"])
        if isinstance(done, Refused):
            refused += 1
            # all that loads elsewhere and not here is a format that we leave out on purpose
            assert not fact["loads"] or done.reason is FORMAT_NOT_ALLOWED, (fact["file"], str(done))
            assert not fact["loads"] or fact["format"] in ("EPS", "FITS", "WMF", "SPIDER", "PCD", "IPTC", "MCIDAS"), fact["file"]
            continue
        loaded += 1
        assert fact["loads"], fact["file"]
        assert (done.format, done.mode) == (fact["format"], fact["mode"]), fact["file"]
        assert done.num_frames in (fact["n_frames"], None), fact["file"]
        if fact["orientation"] is not None:
            assert done.orientation == fact["orientation"], fact["file"]
        # Pillow states a TIFF's size upright already, that of the others as stored
        size = tuple(fact["size"])
        upright = size[::-1] if done.orientation >= 5 and done.format != "TIFF" else size
        assert done.pixels.shape == (upright[1], upright[0], 3), fact["file"]
        assert done.pixels.dtype == np.uint8
    assert loaded >= 0.95 * sum(fact["loads"] for fact in facts)
    assert refused >= sum(not fact["loads"] for fact in facts)
    assert capfd.readouterr() == ("", "")


def test_reasons_are_true(realdata):
    """A reason per error that Pillow gave when it was asked alone."""
    for fact in facts_of(realdata):
        if fact["loads"]:
            continue
        done = decoded(realdata / "05_images/pillow" / fact["file"])
        assert isinstance(done, Refused)
        error = fact["error"]
        if "DecompressionBomb" in error:
            expected = {TOO_MANY_PIXELS}
        elif "cannot identify" in error:
            expected = {NOT_AN_IMAGE, CORRUPT_IMAGE, FORMAT_NOT_ALLOWED}
        elif "cannot find loader" in error or fact.get("format") == "MCIDAS":
            expected = {FORMAT_NOT_ALLOWED}
        elif "runcated" in error:
            expected = {TRUNCATED_IMAGE}
        else:
            expected = {CORRUPT_IMAGE}
        assert done.reason in expected, (fact["file"], str(done), error)


def test_turned_copies_of_one_picture_come_out_alike(realdata):
    """The same portrait stored plain and turned, in JPEG and WebP."""
    folder = realdata / "05_images/pillow"
    turned = sorted(folder.glob("hopper_orientation_*"))
    assert len(turned) >= 3
    plain = decode_image((folder / "hopper.png").read_bytes()).pixels.astype(int)
    for file in turned:
        pixels = decode_image(file.read_bytes()).pixels.astype(int)
        assert np.abs(pixels - plain).mean() < 10, file.name  # lossy; a wrong turn differs by 50 and more


def test_photos_decode_as_pillow_decodes_them(realdata):
    files = sorted((realdata / "05_images/coco/images").glob("*.jpg"))
    assert len(files) >= 10
    for file in files:
        done = decoded(file)
        assert isinstance(done, DecodedImage)
        with PillowImage.open(file) as image:
            assert done.pixels.shape[:2] == (image.height, image.width)
            if "icc_profile" not in image.info and image.mode == "RGB":
                assert np.array_equal(done.pixels, np.asarray(image))


@pytest.mark.parametrize("max_crops", [16, 36])
def test_every_file_goes_through_all_steps(realdata, max_crops):
    steps = (DecodeImage(), KeepImageSize(1), CapSide(), MakeCanvas(max_crops))
    files = sorted((realdata / "05_images").glob("pillow/*")) + sorted((realdata / "05_images").glob("coco/images/*"))
    outcomes = {"canvas": 0, "reject": 0}
    for file in files:
        record = Conversation(file.name, Origin("realdata"), (Turn("user", (Image(source=file.read_bytes()),)),))
        for step in steps:
            done = step(record)
            if isinstance(done, Reject):
                assert done.reason in {reason.name for reason in step.reasons}
                outcomes["reject"] += 1
                break
            record = done
        else:
            image = next(images_of(record))
            columns, rows = image.canvas.grid
            assert columns * rows <= min(max_crops, 9)
            outcomes["canvas"] += 1
    assert outcomes["canvas"] + outcomes["reject"] == len(files) > 200
    assert outcomes["canvas"] > 0.7 * len(files)
