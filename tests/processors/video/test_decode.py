"""Frames and their times: every codec, variable rates, turns, colours, transparency; seeking gives what decoding everything gives."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image as PillowImage

from processors.video.animated import decode_animation
from processors.video.clip import guarded_clip, read_clip
from processors.video.decode import decode_clip, scan_clip
from processors.video.pixels import Turn, display_size, shrunk_size, turn_of
from processors.video.select import Selection
from tests.processors.video.making import HEIGHT, WIDTH, clip, encode, number_of, picture, turned


def every(index) -> range:
    return range(index.num_frames)


CODECS = [
    ("mpeg4", "mp4", "yuv420p", {}),
    ("mpeg4", "avi", "yuv420p", {}),
    ("mpeg4", "avi", "yuv420p", {"bf": "2"}),  # decoding times alone
    ("mpeg2video", "mpegts", "yuv420p", {"bf": "2"}),
    ("libx264", "mp4", "yuv420p", {"x264-params": "bframes=3:mbtree=0"}),
    ("libx264", "mpegts", "yuv420p", {"x264-params": "bframes=3:mbtree=0"}),
    ("libx264", "matroska", "yuv420p10le", {"x264-params": "mbtree=0"}),
    ("libx265", "mp4", "yuv420p", {"x265-params": "log-level=none:pools=1:frame-threads=1"}),
    ("libvpx", "webm", "yuv420p", {"auto-alt-ref": "1", "lag-in-frames": "10", "b": "2M"}),
    ("libvpx-vp9", "webm", "yuv420p", {"auto-alt-ref": "1", "lag-in-frames": "10", "cpu-used": "8"}),
    ("libsvtav1", "mp4", "yuv420p", {"preset": "12", "crf": "20", "svtav1-params": "lp=1"}),
    ("mjpeg", "avi", "yuvj420p", {}),
    ("prores_ks", "mov", "yuv422p10le", {}),
    ("ffv1", "matroska", "yuv420p", {}),
]


@pytest.mark.parametrize(
    ("codec", "container", "pix_fmt", "options"),
    CODECS,
    ids=[f"{codec}-{container}-{i}" for i, (codec, container, *_) in enumerate(CODECS)],
)
def test_every_codec_gives_every_frame_at_its_time(codec, container, pix_fmt, options):
    try:
        data = clip(30, codec=codec, container=container, pix_fmt=pix_fmt, **options)
    except ValueError as error:  # UnknownCodecError
        pytest.skip(f"this PyAV has no encoder {codec}: {error}")
    done = decode_clip(data, every)
    assert [number_of(frame) for frame in done.frames] == list(range(30))
    assert done.times_s == pytest.approx([number / 10 for number in range(30)], abs=0.0006)  # WebM and MPEG round to their clocks
    assert (done.num_frames, done.width_px, done.height_px, done.num_corrupt, done.ends_early) == (30, WIDTH, HEIGHT, 0, False)
    assert done.duration_s == pytest.approx(3.0, abs=0.002)
    again = decode_clip(data, every)
    assert [frame.tobytes() for frame in again.frames] == [frame.tobytes() for frame in done.frames]


def test_variable_rate_and_late_start():
    times = [7, 8, 10, 20, 21, 40]
    for container in ("mp4", "matroska"):
        done = decode_clip(clip(6, container=container, times=times), every)
        assert done.times_s == pytest.approx([0, 0.1, 0.3, 1.3, 1.4, 3.3], abs=1e-9)
        assert [number_of(frame) for frame in done.frames] == [0, 1, 2, 3, 4, 5]


GOPS = [
    ("libx264", "mp4", {"x264-params": "keyint=12:min-keyint=12:bframes=3:mbtree=0:scenecut=0"}),
    ("libx264", "matroska", {"x264-params": "keyint=12:min-keyint=12:bframes=3:open-gop=1:mbtree=0:scenecut=0"}),
    ("libx264", "mp4", {"x264-params": "keyint=12:intra-refresh=1:bframes=0:mbtree=0:scenecut=0"}),
    ("libx265", "mp4", {"x265-params": "keyint=12:min-keyint=12:open-gop=1:log-level=none:pools=1:frame-threads=1:scenecut=0"}),
    ("mpeg4", "avi", {"g": "12"}),
    ("mpeg2video", "mpegts", {"g": "12", "bf": "2"}),
    ("libvpx-vp9", "webm", {"g": "12", "cpu-used": "8"}),
    ("ffv1", "matroska", {}),
]


@pytest.mark.parametrize(
    ("codec", "container", "options"), GOPS, ids=[f"{codec}-{container}-{i}" for i, (codec, container, _) in enumerate(GOPS)]
)
def test_seeking_gives_the_frames_of_decoding_everything(codec, container, options):
    data = clip(120, codec=codec, container=container, **options)
    for wanted in ([100], [37, 38, 110], [12, 24, 119], [11, 59, 97]):
        sought = decode_clip(data, lambda _, wanted=wanted: wanted)
        whole = decode_clip(data, lambda _, wanted=wanted: wanted, seeks=False)
        assert sought.times_s == whole.times_s
        assert [number_of(frame) for frame in sought.frames] == [number % 192 for number in wanted]
        assert [frame.tobytes() for frame in sought.frames] == [frame.tobytes() for frame in whole.frames]


def test_seeking_is_used_and_decodes_less():
    from processors.video import decode

    counted = []

    class Counting(decode._Reading):
        def _decode(self, container, stream):
            for frame in super()._decode(container, stream):
                counted.append(1)
                yield frame

    data = clip(240, g="12")
    reading = Counting(data, None, decode.Limits())
    index = reading.list_packets()
    plan = decode.plan_seeks(index, [30, 200])
    assert [numbers for _, numbers in plan] == [[30], [200]]
    found = reading.decode(index, [30, 200], 64, plan)
    assert (sorted(found), len(counted) <= 24) == ([30, 200], True)
    assert decode.plan_seeks(index, list(range(0, 240, 6))) == []  # as much work as decoding everything


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((1, 0, 0, 1), lambda p: p),
        ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),  # a quarter clockwise
        ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
        ((0, -1, 1, 0), lambda p: np.rot90(p, 1)),
        ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
        ((1, 0, 0, -1), lambda p: p[::-1]),
        ((0, 1, 1, 0), lambda p: p.swapaxes(0, 1)),
    ],
)
def test_turns_and_mirrors(matrix, expected):
    corner = picture(2)
    corner[: HEIGHT // 2, : WIDTH // 4] = (200, 30, 30)
    data = encode([corner, corner])
    upright = decode_clip(data, every).frames[0]
    shown = decode_clip(turned(data, matrix), every)
    assert np.array_equal(shown.frames[0], expected(upright))
    assert (shown.height_px, shown.width_px) == expected(upright).shape[:2]


def test_turn_of_any_matrix_is_one_of_eight():
    assert turn_of(np.array([[0, 65536, 0], [-65536, 0, 0], [0, 0, 1]])) == Turn(True, True, False)
    assert turn_of(np.array([[60000, 100, 0], [-100, 60000, 0], [0, 0, 1]])) == Turn()


def test_pixels_that_are_not_square():
    data = encode([picture(0, 96, 72)], aspect=Fraction(4, 3))
    done = decode_clip(data, every)
    assert (done.width_px, done.height_px, done.frames[0].shape) == (128, 72, (72, 128, 3))
    assert display_size(320, 240, Fraction(4, 3)) == (427, 240)
    assert display_size(320, 240, Fraction(11, 1)) == (320, 240)  # an error of the header
    assert display_size(320, 240, Fraction(10, 1)) == (3200, 240)


@pytest.mark.parametrize("colours", [(1, 1), (1, 2), (5, 1), (5, 2), (9, 1)], ids=["709", "709-full", "601", "601-full", "2020"])
def test_colours_come_back(colours):
    flat = np.empty((64, 96, 3), np.uint8)
    flat[:, :32], flat[:, 32:64], flat[:, 64:] = (200, 40, 40), (30, 160, 60), (50, 70, 210)
    data = encode([flat], codec="libx264", container="mp4", pix_fmt="yuv444p", colours=colours, crf="1")
    found = decode_clip(data, every).frames[0].astype(int)
    for left, wanted in ((8, (200, 40, 40)), (40, (30, 160, 60)), (72, (50, 70, 210))):
        assert np.abs(found[32, left + 8] - wanted).max() <= 3


def test_unstated_colours_are_601_below_720_lines_and_709_from_there():
    for lines, space in ((704, 5), (720, 1)):
        flat = np.full((lines, 96, 3), (200, 40, 40), np.uint8)
        frame_data = encode([flat], codec="ffv1", container="matroska", pix_fmt="yuv444p", colours=(space, 1))
        plain = _without_colours(flat, space)
        assert np.abs(decode_clip(frame_data, every).frames[0].astype(int) - (200, 40, 40)).max() <= 2
        assert np.abs(decode_clip(plain, every).frames[0].astype(int) - (200, 40, 40)).max() <= 2


def _without_colours(flat: np.ndarray, space: int) -> bytes:
    """The picture converted with a matrix that the file does not state."""
    import av

    sink = io.BytesIO()
    with av.open(sink, "w", format="matroska") as file:
        stream = file.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = *flat.shape[:2], "yuv444p"
        frame = av.VideoFrame.from_ndarray(flat, format="rgb24").reformat(format="yuv444p", dst_colorspace=space, dst_color_range=1)
        frame.colorspace, frame.color_range, frame.pts = 2, 0, 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return sink.getvalue()


def test_transparency_is_shown_over_white():
    rgba = np.zeros((64, 96, 4), np.uint8)
    rgba[:, :48] = (10, 20, 200, 255)
    for codec, container, pix_fmt in (("libvpx-vp9", "webm", "yuva420p"), ("qtrle", "mov", "argb"), ("ffv1", "matroska", "bgra")):
        found = decode_clip(encode([rgba, rgba], codec=codec, container=container, pix_fmt=pix_fmt), every).frames[0].astype(int)
        assert np.abs(found[32, 80] - 255).max() <= 2
        assert np.abs(found[32, 20] - (10, 20, 200)).max() <= 12


def test_frames_are_shrunk_at_once():
    done = decode_clip(clip(2), every, max_side_px=48)
    assert {frame.shape for frame in done.frames} == {(32, 48, 3)}
    assert (done.width_px, done.height_px) == (WIDTH, HEIGHT)
    assert shrunk_size(1000, 3, 100) == (100, 1)
    assert shrunk_size(3, 5, 2) == (1, 2)


def animation(kind: str, delays=(50, 100, 200), **options) -> bytes:
    frames = []
    for number in range(3):
        frame = PillowImage.new("RGBA", (30, 20), (0, 0, 0, 0))
        frame.paste((200, 30, 30, 255), (number * 10, 5, number * 10 + 10, 15))
        frames.append(frame)
    sink = io.BytesIO()
    options = {"lossless": True, **options} if kind == "WEBP" else options
    frames[0].save(sink, kind, save_all=True, append_images=frames[1:], duration=list(delays), **options)
    return sink.getvalue()


@pytest.mark.parametrize(("kind", "options"), [("GIF", {"disposal": 2}), ("WEBP", {}), ("PNG", {"disposal": 1})])
def test_moving_pictures(kind, options):
    done = decode_animation(animation(kind, **options), every)
    assert (done.num_frames, done.format, done.width_px, done.height_px) == (3, f"{kind.lower()}/{kind.lower()}", 30, 20)
    assert done.times_s == (0.0, 0.05, 0.15)
    assert done.duration_s == pytest.approx(0.35)
    for number, frame in enumerate(done.frames):  # what an earlier frame showed is gone
        left = number * 10
        assert tuple(frame[10, left + 5]) == (200, 30, 30)
        assert {tuple(frame[10, place]) for place in (5, 15, 25) if not left <= place < left + 10} == {(255, 255, 255)}


def test_no_delay_means_a_tenth_of_a_second():
    assert decode_animation(animation("GIF", delays=(0, 10, 20), disposal=2), every).times_s == (0.0, 0.1, 0.2)


def test_a_still_has_one_frame():
    sink = io.BytesIO()
    PillowImage.new("RGB", (5, 4), (1, 2, 3)).save(sink, "PNG")
    done = read_clip(sink.getvalue(), Selection())
    assert (done.num_frames, done.times_s, done.frames[0][0, 0].tolist()) == (1, (0.0,), [1, 2, 3])


def test_a_stream_can_be_named():
    import av

    sink = io.BytesIO()
    with av.open(sink, "w", format="matroska") as file:
        streams = [file.add_stream("mpeg4", rate=10) for _ in range(2)]
        for number, stream in enumerate(streams):
            stream.width, stream.height, stream.pix_fmt = (96, 64, "yuv420p") if number == 0 else (192, 128, "yuv420p")
        for time in range(3):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(picture(time, stream.width, stream.height), format="rgb24")
                frame.pts = time
                file.mux(stream.encode(frame))
        for stream in streams:
            file.mux(stream.encode(None))
    data = sink.getvalue()
    assert decode_clip(data, every).width_px == 192
    assert decode_clip(data, every, stream=0).width_px == 96


def test_scan_shows_a_picture_an_interval():
    seen: list[float] = []
    scan_clip(clip(30), lambda time_s, pixels: seen.append(time_s), every_s=0.5, side_px=16)
    assert seen == pytest.approx([0, 0.5, 1.0, 1.5, 2.0, 2.5])


def test_the_child_process_gives_the_same():
    data = clip(30)
    for way in ("uniform", "scenes", "keyframes", "rate"):
        one, other = read_clip(data, Selection(way, 5)), guarded_clip(data, Selection(way, 5))
        assert [frame.tobytes() for frame in one.frames] == [frame.tobytes() for frame in other.frames]
        for name in one.__dataclass_fields__:
            assert name == "frames" or getattr(one, name) == getattr(other, name)


def test_cuts_are_found():
    scenes = [np.full((64, 96, 3), shade, np.uint8) for shade in (30, 200, 90)]
    data = encode([scenes[number // 10] for number in range(30)])
    assert read_clip(data, Selection("scenes", 3)).numbers == (0, 10, 20)
    assert read_clip(data, Selection("scenes", 5)).numbers == (0, 5, 10, 15, 20)  # then the middles of the longest, the first first
