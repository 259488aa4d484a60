"""Odd images, each made here: orientation, depth, colour, transparency, damage, bombs; every reason and its neighbour."""

from __future__ import annotations

import io
import pickle
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from PIL import ImageCms, ImageFile

from processors.image.decode import (
    CORRUPT_IMAGE,
    DECODE_REASONS,
    FORMAT_NOT_ALLOWED,
    FORMATS,
    NOT_AN_IMAGE,
    PILLOW_MAX_PIXELS,
    REFUSED_FORMATS,
    SIGNED_FORMATS,
    TOO_MANY_PIXELS,
    TRUNCATED_IMAGE,
    TURNS,
    decode_image,
)
from schemas.outcome import Refused

ORIENTATION = 0x0112


@pytest.fixture(autouse=True)
def no_output(capfd):
    """Decoding prints nothing and warns of nothing, C libraries included."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    assert capfd.readouterr() == ("", "")


def save(image: PillowImage.Image, kind: str, **options) -> bytes:
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def marked(width: int = 6, height: int = 4) -> np.ndarray:
    """No two pixels alike: red counts columns, green counts rows."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 30, y * 40, np.full_like(x, 90)], -1).astype(np.uint8)


def photo() -> bytes:
    y, x = np.mgrid[:60, :80]
    return save(PillowImage.fromarray(np.stack([x * 3, y * 4, x + y], -1).astype(np.uint8)), "JPEG", quality=90)


def reason_of(data: bytes, **options):
    with pytest.raises(Refused) as caught:
        decode_image(data, **options)
    assert caught.value.detail
    return caught.value.reason


def test_the_formats_exist_and_do_not_overlap():
    PillowImage.init()
    assert [name for name in (*FORMATS, *REFUSED_FORMATS, *SIGNED_FORMATS) if name not in PillowImage.OPEN] == []
    assert set(FORMATS) & {*REFUSED_FORMATS, "EPS", "WMF"} == set()
    assert set(SIGNED_FORMATS) <= set(FORMATS)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_plain_png():
    done = decode_image(save(PillowImage.fromarray(marked()), "PNG"))
    assert np.array_equal(done.pixels, marked())
    assert (done.format, done.mode, done.width, done.height, done.orientation, done.num_frames) == ("PNG", "RGB", 6, 4, 1, 1)
    assert (done.icc_ignored, done.num_warnings) == (False, 0)


def test_jpeg_is_exactly_what_pillow_decodes():
    with PillowImage.open(io.BytesIO(photo())) as image:
        assert np.array_equal(decode_image(photo()).pixels, np.asarray(image))


# what a viewer must show for stored pixels p, by the definition of each EXIF orientation
UPRIGHT = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", sorted(UPRIGHT))
def test_orientation(orientation, kind):
    exif = PillowImage.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    done = decode_image(save(PillowImage.fromarray(marked()), kind, exif=exif, **options))
    assert np.array_equal(done.pixels, UPRIGHT[orientation](marked()))
    assert (done.orientation, done.width, done.height) == (orientation, 6, 4)


@pytest.mark.parametrize("value", [0, 9, 300])
def test_an_absurd_orientation_means_upright(value):
    exif = PillowImage.Exif()
    exif[ORIENTATION] = value
    done = decode_image(save(PillowImage.fromarray(marked()), "PNG", exif=exif))
    assert (done.orientation, done.pixels.shape) == (1, (4, 6, 3))
    assert value not in TURNS


def test_a_broken_exif_block_is_counted_and_ignored():
    plain = photo()
    done = decode_image(plain[:2] + b"\xff\xe1" + struct.pack(">H", 18) + b"Exif\0\0II*\0\x08\0\0\0\x30\0" + plain[2:])
    assert np.array_equal(done.pixels, decode_image(plain).pixels)
    assert done.orientation == 1
    assert done.num_warnings >= 1


def test_cmyk():
    inks = np.zeros((2, 4, 4), np.uint8)
    inks[:, 1, 0] = inks[:, 2, 1] = inks[:, 3, 3] = 255  # paper, cyan, magenta, black
    done = decode_image(save(PillowImage.frombytes("CMYK", (4, 2), inks.tobytes()), "TIFF"))
    assert done.mode == "CMYK"
    assert done.pixels[0].tolist() == [[255, 255, 255], [0, 255, 255], [255, 0, 255], [0, 0, 0]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_ramp_covers_0_to_255_without_clipping(kind):
    ramp = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    done = decode_image(save(PillowImage.fromarray(ramp), kind))
    assert done.mode == "I;16"
    values = done.pixels[..., 0].ravel()
    assert np.array_equal(values, np.floor(ramp.ravel() / 257 + 0.5))
    assert np.bincount(values, minlength=256).min() >= 128
    assert np.array_equal(done.pixels[..., 0], done.pixels[..., 2])


def test_wide_integers_and_floats_find_their_white():
    def grey(samples: np.ndarray) -> list[int]:
        return decode_image(save(PillowImage.fromarray(samples), "TIFF")).pixels[0, :, 0].tolist()

    assert grey(np.array([[0, 32_768, 65_535]], np.int32)) == [0, 128, 255]  # fits 16 bits
    assert grey(np.array([[-100_000, 0, 100_000]], np.int32)) == [0, 128, 255]  # does not: from smallest to largest
    assert grey(np.array([[0.0, 0.5, 1.0]], np.float32)) == [0, 128, 255]
    assert grey(np.array([[0.0, 100.0, 200.0]], np.float32)) == [0, 100, 200]
    assert grey(np.array([[-2.0, 0.0, 2.0, np.nan]], np.float32)) == [0, 128, 255, 0]
    assert grey(np.array([[np.nan, 0.25, 1.0, np.inf, -np.inf]], np.float32)) == [0, 64, 255, 255, 0]
    assert grey(np.array([[np.nan, np.nan]], np.float32)) == [0, 0]


def test_12_bit_tiff_has_its_own_white():
    """The stated depth counts: 4095 is white."""
    data = bytearray(save(PillowImage.fromarray(np.zeros((1, 2), np.uint16)), "TIFF"))
    place = data.index(struct.pack("<HHII", 258, 3, 1, 16))
    data[place : place + 12] = struct.pack("<HHII", 258, 3, 1, 12)
    offset = data.index(struct.pack("<HH", 273, 4)) + 8
    start = struct.unpack("<I", data[offset : offset + 4])[0]
    data[start : start + 3] = bytes([0xFF, 0xF8, 0x00])  # 4095 and 2048, packed
    assert decode_image(bytes(data)).pixels[0, :, 0].tolist() == [255, 128]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_composed_over_white(mode):
    image = PillowImage.fromarray(np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [0, 0, 0, 51]]], np.uint8), "RGBA").convert(mode)
    done = decode_image(save(image, "PNG"))
    assert done.mode == mode
    assert done.pixels[0, :, 1].tolist() == [255, 0, 204]


def test_palette_with_transparency():
    image = PillowImage.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    assert decode_image(save(image, "PNG")).pixels[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert decode_image(save(image, "PNG", transparency=1)).pixels[0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]
    assert decode_image(save(image, "GIF", transparency=1)).pixels[0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]
    half = decode_image(save(image, "PNG", transparency=bytes([0, 255, 51])))
    assert half.pixels[0].tolist() == [[255, 255, 255], [0, 255, 0], [204, 204, 255]]


def test_a_colour_that_means_transparent():
    image = PillowImage.fromarray(np.array([[[1, 2, 3], [9, 9, 9]]], np.uint8))
    assert decode_image(save(image, "PNG", transparency=(1, 2, 3))).pixels[0].tolist() == [[255, 255, 255], [9, 9, 9]]


def test_one_bit():
    image = PillowImage.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    done = decode_image(save(image, "PNG"))
    assert (done.mode, done.pixels[0].tolist()) == ("1", [[0, 0, 0], [255, 255, 255]])


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_the_first_frame_of_an_animation(kind, options):
    frames = [PillowImage.new("RGB", (8, 5), colour) for colour in ("red", "lime", "blue")]
    done = decode_image(save(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert done.num_frames == 3
    assert np.unique(done.pixels.reshape(-1, 3), axis=0).tolist() == [[255, 0, 0]]


def test_a_broken_later_frame_does_not_lose_the_first():
    frames = [PillowImage.new("RGB", (8, 5), colour) for colour in ("red", "lime", "blue")]
    whole = save(frames[0], "GIF", save_all=True, append_images=frames[1:])
    second = whole.index(b"\x2c", whole.index(b"\x2c") + 1)  # its image descriptor
    done = decode_image(whole[: second + 3])
    assert np.unique(done.pixels.reshape(-1, 3), axis=0).tolist() == [[255, 0, 0]]
    assert done.num_frames in (None, 1)


def linear_profile() -> bytes:
    """An RGB profile with sRGB's primaries and no gamma: its mid grey is much lighter in sRGB."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    for entry in range(count):
        place = 132 + 12 * entry
        name, offset, _ = struct.unpack(">4sII", profile[place : place + 12])
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            profile[offset : offset + 12] = b"curv" + struct.pack(">II", 0, 0)  # no entries: identity
            profile[place + 8 : place + 12] = struct.pack(">I", 12)
        if name == b"desc":
            text = bytes(profile[offset:]).find("sRGB".encode("utf-16-be"))
            profile[offset + text : offset + text + 8] = "line".encode("utf-16-be")
    return bytes(profile)


def test_icc_profile_brings_colours_to_srgb():
    grey = PillowImage.new("RGB", (4, 4), (55, 55, 55))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert decode_image(save(grey, "PNG", icc_profile=srgb)).pixels[0, 0].tolist() == [55, 55, 55]
    done = decode_image(save(grey, "PNG", icc_profile=linear_profile()))
    assert done.icc_ignored is False
    # sRGB's curve: 1.055 (55/255)^(1/2.4) - 0.055 = 0.502
    assert np.abs(done.pixels[0, 0].astype(int) - 128).max() <= 1
    turned = decode_image(save(grey.convert("RGBA"), "PNG", icc_profile=linear_profile()))
    assert np.array_equal(turned.pixels, done.pixels)


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200])
def test_a_broken_icc_profile_is_ignored_with_a_fact(profile):
    done = decode_image(save(PillowImage.fromarray(marked()), "PNG", icc_profile=profile))
    assert done.icc_ignored is True
    assert np.array_equal(done.pixels, marked())


def test_a_profile_of_another_colour_space_is_ignored():
    done = decode_image(save(PillowImage.fromarray(marked()).convert("L"), "PNG", icc_profile=linear_profile()))
    assert done.icc_ignored is True


@pytest.mark.parametrize("data", [b"", b"x", b"hello, world", b"%PDF-1.4\n", bytes(1000)])
def test_what_is_no_image(data):
    assert reason_of(data) is NOT_AN_IMAGE


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n", "EPS"),
        (b"\xd7\xcd\xc6\x9a\0\0" + bytes(40), "WMF"),
        (b"\x01\0\0\0" + bytes(36) + b" EMF" + bytes(100), "WMF"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "HDF5"),
        (b"SIMPLE  =                    T" + bytes(60), "FITS"),
    ],
)
def test_formats_that_are_not_decoded(data, name):
    with pytest.raises(Refused, match=f"format_not_allowed: {name}, expected JPEG, PNG") as caught:
        decode_image(data)
    assert caught.value.reason is FORMAT_NOT_ALLOWED


def test_truncated_and_whole():
    data = save(PillowImage.effect_noise((64, 64), 50), "PNG")
    assert decode_image(data).pixels.shape == (64, 64, 3)
    assert reason_of(data[: len(data) // 2]) is TRUNCATED_IMAGE
    assert reason_of(photo()[: len(photo()) // 2]) is TRUNCATED_IMAGE


def test_corrupt_and_whole():
    data = bytearray(save(PillowImage.effect_noise((64, 64), 50), "PNG"))
    data[100] ^= 0xFF  # inside the compressed data
    assert reason_of(bytes(data)) is CORRUPT_IMAGE
    assert reason_of(b"\x89PNG\r\n\x1a\n" + bytes(30)) is CORRUPT_IMAGE
    assert reason_of(photo()[:20]) is CORRUPT_IMAGE


def test_too_many_pixels_and_just_enough():
    data = save(PillowImage.new("L", (50, 20)), "PNG")
    assert decode_image(data, max_pixels=1000).pixels.shape == (20, 50, 3)
    with pytest.raises(Refused, match="50x20 is 1000 pixels, expected 999 or fewer") as caught:
        decode_image(data, max_pixels=999)
    assert caught.value.reason is TOO_MANY_PIXELS


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(10_001, 10_000), (13_000, 13_000), (65_535, 65_535), (2**31 - 1, 2**31 - 1)])
def test_bombs_are_refused_by_their_header(width, height):
    """Also between Pillow's warning (89 MP) and its error (179 MP), where the warning must not escape."""
    assert reason_of(png_header(width, height)) is TOO_MANY_PIXELS


def test_a_bomb_inside_an_icon():
    """The directory says 16 x 16; the picture inside is larger than allowed."""
    inside = save(PillowImage.new("RGBA", (200, 200)), "PNG")
    icon = struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inside), 22) + inside
    assert decode_image(icon, max_pixels=40_000).pixels.shape == (200, 200, 3)
    assert reason_of(icon, max_pixels=39_999) is TOO_MANY_PIXELS


@pytest.mark.parametrize("max_pixels", [0, PILLOW_MAX_PIXELS + 1])
def test_a_limit_that_pillow_would_not_keep(max_pixels):
    with pytest.raises(ValueError, match="expected 1 to 178956970"):
        decode_image(photo(), max_pixels=max_pixels)


def test_libtiff_and_pillow_stay_silent_on_a_broken_tiff():
    data = bytearray(save(PillowImage.effect_noise((64, 64), 50), "TIFF", compression="tiff_lzw"))
    data[20:200] = b"\xff" * 180
    assert reason_of(bytes(data)) in (CORRUPT_IMAGE, TRUNCATED_IMAGE)


SEEDS = [
    photo(),
    *(
        save(PillowImage.fromarray(marked(20, 20)), kind)
        for kind in ("PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "ICO", "PCX", "SGI")
    ),
    *(save(PillowImage.fromarray(marked(20, 20)), kind) for kind in ("JPEG2000", "AVIF", "DDS", "QOI")),
    save(PillowImage.fromarray(marked(20, 20)).quantize(4), "GIF", save_all=True, append_images=[PillowImage.new("P", (20, 20))]),
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=12), st.integers(0, 600))
def test_damage_gives_pixels_or_a_declared_reason(seed, changes, keep):
    data = bytearray(seed)
    for place, value in changes:
        data[place % len(data)] = value
    data = bytes(data[: keep or None])
    try:
        done = decode_image(data, max_pixels=4_000_000)
    except Refused as refused:
        assert refused.reason in DECODE_REASONS
        assert pickle.loads(pickle.dumps(refused)).reason == refused.reason
        return
    assert done.pixels.dtype == np.uint8
    assert done.pixels.shape[2:] == (3,)
    assert sorted(done.pixels.shape[:2]) == sorted((done.width, done.height))
    assert np.array_equal(decode_image(data, max_pixels=4_000_000).pixels, done.pixels)
