"""Files that lie, break or have no end: each is read within its limits or refused with a reason that is true."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image as PillowImage

from processors.guard import TOO_COSTLY
from processors.guard import Limits as GuardLimits
from processors.video import clip as clip_module
from processors.video.clip import guarded_clip, read_clip
from processors.video.decode import decode_clip
from processors.video.index import (
    CORRUPT_VIDEO,
    NO_DECODER,
    NO_FRAMES,
    NOT_A_VIDEO,
    TOO_MANY_FRAMES,
    TOO_MANY_PIXELS,
    TRUNCATED_VIDEO,
    Limits,
)
from processors.video.select import Selection
from schemas.outcome import Refused
from tests.processors.video.making import clip, encode, number_of, picture, with_tone


def every(index) -> range:
    return range(index.num_frames)


def reason(data: bytes, **options):
    with pytest.raises(Refused) as caught:
        read_clip(data, Selection(num_frames=4), **options)
    return caught.value.reason


def with_fast_start(data: bytes) -> bytes:
    """The MP4 file with its index in front: chunk offsets are moved by its size."""
    boxes, at = {}, 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        boxes[data[at + 4 : at + 8]] = data[at : at + size]
        at += size
    moov = bytearray(boxes[b"moov"])
    start = moov.index(b"stco") + 8
    for entry in range(int.from_bytes(moov[start : start + 4], "big")):
        place = start + 4 + 4 * entry
        moov[place : place + 4] = (int.from_bytes(moov[place : place + 4], "big") + len(moov)).to_bytes(4, "big")
    rest = b"".join(box for kind, box in boxes.items() if kind not in (b"ftyp", b"moov"))
    return boxes[b"ftyp"] + bytes(moov) + rest


def test_no_video_at_all():
    assert reason(b"") is NOT_A_VIDEO
    assert reason(b"nothing to see here, only words" * 50) is NOT_A_VIDEO
    assert reason(with_tone()) is NO_FRAMES
    assert reason(clip(3)[:20]) is TRUNCATED_VIDEO
    assert reason(b"RIFF\x10\0\0\0AVI rubbish") is NO_FRAMES
    assert reason(b"GIF89a" + b"\0" * 5) is CORRUPT_VIDEO
    assert reason(b"YUV4MPEG2 W30000 H30000 F25:1\nFRAME\n" + b"\0" * 50) is CORRUPT_VIDEO


def test_cover_art_is_no_video():
    sink = io.BytesIO()
    picture_sink = io.BytesIO()
    PillowImage.new("RGB", (8, 8)).save(picture_sink, "JPEG")
    with av.open(sink, "w", format="mp4") as file:
        sound = file.add_stream("aac", rate=16_000, layout="mono")
        cover = file.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 8, 8, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        file.start_encoding()
        packet = av.Packet(picture_sink.getvalue())
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = cover, 0, 0, True
        file.mux(packet)
        file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    assert reason(sink.getvalue()) is NO_FRAMES


def test_a_cut_file():
    data = clip(60)
    assert reason(data[: len(data) // 2]) is TRUNCATED_VIDEO  # the index stands at the end
    front = with_fast_start(data)
    whole = decode_clip(front, every)
    assert (whole.num_frames, whole.ends_early) == (60, False)
    cut = decode_clip(front[: len(front) * 3 // 4], every)
    assert 20 < cut.num_frames < 60
    assert cut.ends_early
    assert [number_of(frame) for frame in cut.frames[:-1]] == list(range(cut.num_frames - 1))
    for container in ("avi", "matroska", "mpegts"):
        codec = "mpeg2video" if container == "mpegts" else "mpeg4"
        data = clip(60, codec=codec, container=container)
        done = decode_clip(data[: len(data) * 3 // 4], every)
        assert 10 < done.num_frames < 60
        assert [number_of(frame) for frame in done.frames[:-1]] == list(range(done.num_frames - 1))


def test_a_cut_gif_gives_what_is_there():
    frames = [PillowImage.fromarray(picture(number)) for number in range(12)]
    sink = io.BytesIO()
    frames[0].save(sink, "GIF", save_all=True, append_images=frames[1:], duration=100)
    done = read_clip(sink.getvalue()[: len(sink.getvalue()) // 2], Selection(num_frames=12))
    assert 2 < done.num_frames < 12


def test_damaged_packets_are_counted_and_many_refuse():
    data = bytearray(clip(60, codec="mjpeg", container="avi", pix_fmt="yuvj420p"))
    starts = [at for at in range(len(data) - 1) if data[at : at + 4] == b"00dc" and data[at + 8 : at + 10] == b"\xff\xd8"]
    assert len(starts) == 60

    def damaged(count: int) -> bytes:
        broken = bytearray(data)
        for start in starts[5 : 5 + count]:
            size = int.from_bytes(broken[start + 4 : start + 8], "little")
            broken[start + 8 : start + 8 + size] = b"\0" * size
        return bytes(broken)

    done = decode_clip(damaged(3), every)
    assert (done.num_frames, done.num_corrupt) == (57, 3)
    assert done.times_s[:6] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.8])
    assert reason(damaged(30)) is CORRUPT_VIDEO
    assert reason(damaged(30), limits=Limits(max_corrupt_ratio=0.4)) is CORRUPT_VIDEO
    patient = read_clip(damaged(30), Selection(num_frames=4), limits=Limits(max_corrupt_ratio=0.6))
    assert (patient.num_corrupt, patient.times_s) == (
        30,
        pytest.approx((0.4, 3.7, 5.2)),
    )  # two times fall into the gap: one frame is on the screen


def test_limits_by_count():
    data = clip(30)
    pixels = 96 * 64
    assert (
        decode_clip(
            data, every, limits=Limits(max_packets=30, max_frames=30, max_decoded_pixels=30 * pixels, max_frame_pixels=pixels)
        ).num_frames
        == 30
    )
    assert reason(data, limits=Limits(max_packets=29)) is TOO_MANY_FRAMES
    assert reason(data, limits=Limits(max_frames=2)) is TOO_MANY_FRAMES
    assert reason(data, limits=Limits(max_decoded_pixels=2 * pixels)) is TOO_MANY_FRAMES
    assert reason(data, limits=Limits(max_frame_pixels=pixels - 1)) is TOO_MANY_PIXELS


def test_frames_of_30000_by_30000_px():
    data = bytearray(clip(2, codec="ffv1", container="avi"))
    at = data.index(b"strf") + 12  # the size in the container's header
    data[at : at + 8] = struct.pack("<II", 30_000, 30_000)
    assert reason(bytes(data)) is TOO_MANY_PIXELS
    data = bytearray(clip(2, codec="mjpeg", container="avi", pix_fmt="yuvj420p"))
    size = struct.pack(">HH", 64, 96)
    assert data.count(b"\xff\xc0\x00\x11\x08" + size) == 2  # the pictures' own headers; that of the container stays small
    assert reason(bytes(data).replace(size, struct.pack(">HH", 30_000, 30_000))) in (TOO_MANY_PIXELS, CORRUPT_VIDEO)
    sink = io.BytesIO()
    PillowImage.new("P", (10, 10)).save(sink, "GIF", save_all=True, append_images=[PillowImage.new("P", (10, 10), 1)])
    gif = bytearray(sink.getvalue())
    gif[6:10] = struct.pack("<HH", 30_000, 30_000)
    assert reason(bytes(gif)) is TOO_MANY_PIXELS


def test_a_day_in_one_frame_and_a_header_that_lies():
    day = encode([picture(0), picture(1)], container="matroska", times=[0, 24 * 3600], time_base=Fraction(1, 1))
    done = decode_clip(day, every)
    assert done.times_s == (0.0, 86_400.0)
    data = bytearray(clip(10))
    for box, back in ((b"mvhd", 16), (b"mdhd", 16), (b"tkhd", 20)):
        at = data.index(box) + 4 + back
        data[at : at + 4] = (0x7FFFFFFF).to_bytes(4, "big")
    lied = decode_clip(bytes(data), every)
    assert (lied.num_frames, lied.duration_s) == (10, pytest.approx(1.0))


def test_a_sample_table_that_announces_millions_of_frames():
    data = bytearray(clip(10))
    at = data.index(b"stts") + 12
    data[at : at + 4] = (50_000_000).to_bytes(4, "big")
    try:
        done = guarded_clip(bytes(data), Selection(num_frames=4))
        assert done.num_frames <= 10
    except Refused as refused:
        assert refused.reason in (CORRUPT_VIDEO, NO_FRAMES, TOO_COSTLY)


@pytest.mark.slow
def test_a_million_tiny_frames():
    """Packets are listed without decoding, and few frames of many are reached by keyframes."""
    head, frame = b"YUV4MPEG2 W2 H2 F25:1 Ip A1:1 C420jpeg\n", b"FRAME\n" + b"\x80" * 6
    done = read_clip(head + frame * 1_000_000, Selection(num_frames=4))
    assert (done.num_frames, len(done.frames)) == (1_000_000, 4)


def test_playlists_open_nothing(tmp_path):
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(clip(5))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{secret}\n#EXT-X-ENDLIST\n".encode()
    assert reason(playlist) is NOT_A_VIDEO
    assert reason(f"ffconcat version 1.0\nfile '{secret}'\n".encode()) is NOT_A_VIDEO


def test_a_codec_without_decoder():
    data = bytearray(clip(3, codec="mpeg4", container="avi"))
    for at in (data.index(b"FMP4"), data.rindex(b"FMP4")):
        data[at : at + 4] = b"ZZZZ"
    assert reason(bytes(data)) in (NO_DECODER, NO_FRAMES, CORRUPT_VIDEO)


def test_random_damage_never_raises_anything_else():
    rng = np.random.default_rng(5)
    clips = [clip(20), clip(20, container="matroska"), clip(20, container="avi"), clip(20, codec="libx264", container="mp4")]
    outcomes = set()
    for round_ in range(120):
        data = bytearray(clips[round_ % len(clips)])
        for at in rng.integers(0, len(data), 1 + round_ % 40):
            data[at] = int(rng.integers(256))
        if round_ % 5 == 0:
            data = data[: int(rng.integers(1, len(data)))]
        try:
            done = read_clip(bytes(data), Selection(num_frames=4))
            outcomes.add("read")
            assert 1 <= len(done.frames) <= 4
            assert list(done.times_s) == sorted(done.times_s)
        except Refused as refused:
            outcomes.add(refused.reason.name)
    assert {"read", "corrupt_video"} <= outcomes


def test_the_child_is_ended_when_it_needs_too_much(monkeypatch):
    monkeypatch.setattr(clip_module, "GUARD", GuardLimits(cpu_s=60, memory_bytes=1 << 20, idle_s=60))
    with pytest.raises(Refused) as caught:
        guarded_clip(clip(400), Selection("scenes", 64))
    assert caught.value.reason == TOO_COSTLY
    monkeypatch.undo()
    assert len(guarded_clip(clip(5), Selection()).frames) == 5  # the next call has another child
    with pytest.raises(Refused) as caught:
        guarded_clip(with_tone(), Selection())
    assert caught.value.reason == NO_FRAMES
