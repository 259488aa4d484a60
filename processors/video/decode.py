"""Bytes of a video into chosen frames with their true presentation times, or a declared reason why not.

Time is counted from the first frame that is shown. It is the frame's timestamp times the stream's time base, never the frame's number
over a rate, so that variable rates, edit lists and late starts come out right. Timestamps that are missing or do not
increase are rebuilt by a rule: the n-th frame is shown at the n-th decoding time where packets have one each, else at n over
the stream's average rate, or over 25 Hz where it states none (`times_rebuilt` says so).

A clip is read in two passes. The first lists packets without decoding any: their times, and which of them are
keyframes. A choice is made from that list, and the second pass decodes what is needed: everything up to the last chosen
frame, or, where that is less than half of the work, from the keyframe before each. Decoders may give other frames than packets
promised (damage, hidden frames, gradual refresh). Then the list is made again of the frames that come out of decoding
everything, and the choice with it; so a frame is the same whether or not it was reached by seeking.

Untrusted bytes: only demuxers of `FORMATS` are tried (playlists and lists of files would have others opened), on one thread, with
counted limits on packets, frames, pixels a frame and pixels in all. Cover art is no video.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import av
import av.logging
import numpy as np
from av.stream import Disposition

from processors.video.index import (
    CORRUPT_VIDEO,
    NO_DECODER,
    NO_FRAMES,
    NOT_A_VIDEO,
    TOO_MANY_FRAMES,
    TOO_MANY_PIXELS,
    Choose,
    Index,
    Limits,
    first_line,
    increasing,
    plan_seeks,
    unopened,
    usual_gap,
)
from processors.video.pixels import frame_pixels, upright_size
from schemas.outcome import Refused

FORMATS = (
    *("mov", "matroska", "avi", "flv", "mpeg", "mpegvideo", "mpegts", "m4v", "h264", "hevc", "obu", "ivf", "ogg", "asf", "nut", "mxf"),
    *("dv", "yuv4mpegpipe", "rm", "mjpeg", "wav", "mp3", "flac", "aac"),  # those without video are known, to be told as such
)
ASSUMED_RATE_HZ = 25


@dataclass(frozen=True, slots=True, eq=False)
class DecodedClip:
    """Shapes: frames each (H, W, 3) uint8, upright and sRGB. Units: `times_s` seconds since the clip's first frame, increasing.

    `numbers` are the frames' places among the `num_frames` of the stream. `ends_early`: the header announces more than is there.
    """

    frames: tuple[np.ndarray, ...]
    times_s: tuple[float, ...]
    numbers: tuple[int, ...]
    num_frames: int
    duration_s: float
    width_px: int
    height_px: int
    format: str
    num_corrupt: int
    times_rebuilt: bool
    ends_early: bool


def decode_clip(
    data: bytes, choose: Choose, *, max_side_px: int = 1344, stream: int | None = None, limits: Limits = Limits(), seeks: bool = True
) -> DecodedClip:
    """The frames of a video that `choose` picks from its index.

    `stream` is a stream's number in the file; None takes the largest of those marked as default, or of all.
    Raises: Refused with one of DECODE_REASONS.
    """
    reading = _Reading(data, stream, limits)
    index = reading.list_packets()
    wanted = None if index is None else list(choose(index))
    found: dict[int, np.ndarray] = {}
    if index is not None and wanted is not None:
        plan = plan_seeks(index, wanted) if seeks else []
        found = reading.decode(index, wanted, max_side_px, plan) if plan else {}
        if len(found) < len(wanted):
            reading.forget_damage()  # a keyframe that is not there is looked for up to the end of the clip, over all that is damaged
            found = reading.decode(index, wanted, max_side_px)
    if index is None or wanted is None or len(found) < len(wanted):
        index = reading.list_frames()
        wanted = list(choose(index))
        found = reading.decode(index, wanted, max_side_px)
    reading.check_damage()
    if len(found) < len(wanted):
        raise Refused(CORRUPT_VIDEO, f"{len(wanted)} frames were chosen, {len(found)} of them can be decoded again")
    times = index.times_s
    return DecodedClip(
        frames=tuple(found[number] for number in wanted),
        times_s=tuple(times[number] for number in wanted),
        numbers=tuple(wanted),
        num_frames=index.num_frames,
        duration_s=index.duration_s,
        width_px=reading.width,
        height_px=reading.height,
        format=reading.format,
        num_corrupt=reading.num_corrupt,
        times_rebuilt=index.is_rebuilt,
        ends_early=reading.ends_early(index),
    )


def scan_clip(
    data: bytes,
    visit: Callable[[float, np.ndarray], None],
    *,
    every_s: float,
    side_px: int,
    stream: int | None = None,
    limits: Limits = Limits(),
) -> None:
    """Shows `visit` small pictures of a clip in order, with their times: the first frame at or after every `every_s` seconds.

    Raises: Refused with one of DECODE_REASONS.
    """
    reading = _Reading(data, stream, limits)
    index = reading.list_packets() or reading.list_frames()
    times = index.times_s
    wanted, due = [], 0.0
    for number, time_s in enumerate(times):
        if time_s >= due:
            wanted.append(number)
            due = (time_s // every_s + 1) * every_s
    for number, pixels in reading.frames(index, wanted, side_px):
        visit(times[number], pixels)


@dataclass
class _Reading:
    """The passes over one clip, and what they count together."""

    data: bytes
    wanted_stream: int | None
    limits: Limits
    format: str = ""
    width: int = 0
    height: int = 0
    num_announced: int = 0
    announced_s: float = 0.0
    num_listed: int = 0
    decoding_times: list[tuple[int, int]] = field(default_factory=list)  # and durations
    corrupt: dict[int, int] = field(default_factory=dict)  # by pass, so that a clip that is decoded twice counts once
    decoded: dict[int, int] = field(default_factory=dict)
    decoded_pixels: int = 0
    num_passes: int = 0

    @property
    def num_corrupt(self) -> int:
        return max(self.corrupt.values(), default=0)

    @property
    def _decoder_pixels(self) -> int:
        """What decoders are told: they count whole blocks, so that theirs is the looser limit, for frames that headers do not announce."""
        return self.limits.max_frame_pixels * 5 // 4 + (1 << 22)

    @contextlib.contextmanager
    def _open(self) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
        try:
            container = self._open_container(max_pixels=str(self._decoder_pixels))
        except av.FFmpegError as error:
            self._check_header()
            raise unopened(self.data, error) from error
        except ValueError as error:  # the open file is of no kind that PyAV knows
            raise Refused(NOT_A_VIDEO, first_line(error)) from error
        with container:
            stream = self._choose_stream(container)
            codec = stream.codec_context
            if codec is None:
                raise Refused(NO_DECODER, f"stream {stream.index} of the {container.format.name} container")
            codec.thread_count = 1
            codec.options = {**codec.options, "max_pixels": str(self._decoder_pixels)}
            self.format = f"{container.format.name.partition(',')[0]}/{codec.name}"
            if not codec.width:  # FFmpeg's own limit, met while it looked into the streams
                self._check_header()
            self._check_size(codec.width, codec.height)
            self.num_announced = stream.frames
            self.announced_s = (container.duration or 0) / av.time_base
            yield container, stream

    def _open_container(self, **options: str) -> av.container.InputContainer:
        options |= {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "none", "threads": "1"}
        return av.open(io.BytesIO(self.data), "r", options=options, metadata_errors="ignore")

    def _check_header(self) -> None:
        """Raises: Refused when it is for the size of its pictures that the clip cannot be opened; no decoder is started to see it."""
        with contextlib.suppress(av.FFmpegError), self._open_container(codec_whitelist="none") as container:
            for stream in container.streams.video:
                if stream.codec_context is not None:
                    self._check_size(stream.codec_context.width, stream.codec_context.height)

    def _choose_stream(self, container: av.container.InputContainer) -> av.VideoStream:
        videos = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not videos:
            kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "none"
            raise Refused(NO_FRAMES, f"the {container.format.name} container has streams of {kinds}, none of moving pictures")
        if self.wanted_stream is not None:
            for stream in videos:
                if stream.index == self.wanted_stream:
                    return stream
            raise Refused(NO_FRAMES, f"stream {self.wanted_stream} is none of the video streams {[stream.index for stream in videos]}")

        def rank(stream: av.VideoStream) -> tuple[bool, int, int]:
            codec = stream.codec_context
            return bool(stream.disposition & Disposition.default), 0 if codec is None else codec.width * codec.height, -stream.index

        return max(videos, key=rank)

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self.limits.max_frame_pixels:
            raise Refused(TOO_MANY_PIXELS, f"{width}x{height} px a frame, expected {self.limits.max_frame_pixels} pixels or fewer")

    def list_packets(self) -> Index | None:
        """The index as the packets tell it; None where their times are missing or not all different."""
        stamps: list[int] = []
        keys: list[bool] = []
        seeks: list[int] = []
        last: tuple[int, int] = (-(1 << 62), 0)
        is_complete = True
        with self._open() as (container, stream):
            is_vp8 = stream.codec_context.name in ("vp8", "libvpx")
            for packet in self._packets(container, stream):
                if packet.is_discard or (is_vp8 and _is_hidden_vp8(packet)):
                    continue
                if packet.dts is not None:
                    self.decoding_times.append((packet.dts, packet.duration or 0))
                if packet.pts is None:
                    is_complete = False
                    continue
                stamps.append(packet.pts)
                keys.append(packet.is_keyframe)
                seeks.append(packet.pts if packet.dts is None else min(packet.pts, packet.dts))
                last = max(last, (packet.pts, packet.duration or 0))
            if not stamps and is_complete:
                raise Refused(NO_FRAMES, f"the {self.format} stream {stream.index} holds no frame")
            time_base = Fraction(stream.time_base or Fraction(1, 1))
        order = np.argsort(np.array(stamps, np.int64), kind="stable")
        values = increasing([stamps[place] for place in order]) if is_complete else None
        if values is None:
            return None
        return Index(values, np.array(keys, bool)[order], np.array(seeks, np.int64)[order], time_base, last[1] or usual_gap(values))

    def _packets(self, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet]:
        """Packets with data, counted; where the container breaks, those before it."""
        count = 0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                self.corrupt[self.num_passes] = self.corrupt.get(self.num_passes, 0) + 1
                break
            if packet is None:
                break
            if packet.size == 0:  # the flush at the end
                continue
            count += 1
            if count > self.limits.max_packets:
                raise Refused(TOO_MANY_FRAMES, f"more than {self.limits.max_packets} packets")
            yield packet
        self.num_listed = max(self.num_listed, count)

    def _decode(self, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        """Frames in order of presentation, from where the container stands; damage is counted and passed over."""
        decoder = alpha_decoder(stream) or stream.codec_context
        for packet in _and_flush(self._packets(container, stream)):
            try:
                frames = decoder.decode(packet)
            except av.FFmpegError:
                self.corrupt[self.num_passes] = self.corrupt.get(self.num_passes, 0) + 1
                continue
            for frame in frames:
                self.decoded[self.num_passes] = self.decoded.get(self.num_passes, 0) + 1
                self.decoded_pixels += frame.width * frame.height
                self._check_size(frame.width, frame.height)
                if self.decoded[self.num_passes] > self.limits.max_frames or self.decoded_pixels > self.limits.max_decoded_pixels:
                    detail = f"{self.decoded[self.num_passes]} frames and {self.decoded_pixels} pixels decoded"
                    raise Refused(
                        TOO_MANY_FRAMES, f"{detail}, expected {self.limits.max_frames} and {self.limits.max_decoded_pixels} at most"
                    )
                if frame.is_corrupt:
                    self.corrupt[self.num_passes] = self.corrupt.get(self.num_passes, 0) + 1
                yield frame

    def list_frames(self) -> Index:
        """The index as decoding everything gives it."""
        stamps: list[int | None] = []
        keys: list[bool] = []
        duration = 0
        with self._open() as (container, stream):
            self.num_passes += 1
            for frame in self._decode(container, stream):
                stamps.append(frame.pts)
                keys.append(bool(frame.key_frame))
                duration = frame.duration or 0
            if not stamps:
                raise self._nothing_decoded()
            time_base = Fraction(stream.time_base or Fraction(1, 1))
            rate = stream.average_rate or stream.guessed_rate
        is_key = np.array(keys, bool)
        values = increasing(stamps)
        if values is not None:
            return Index(values, is_key, values, time_base, duration or usual_gap(values))
        listed = sorted(self.decoding_times)
        values = increasing([time for time, _ in listed]) if len(listed) == len(stamps) else None
        if values is not None:
            return Index(values, is_key, values, time_base, listed[-1][1] or usual_gap(values), True)
        numbers = np.arange(len(stamps), dtype=np.int64)
        return Index(numbers, is_key, numbers, 1 / Fraction(rate) if rate else Fraction(1, ASSUMED_RATE_HZ), 1, True)

    def _nothing_decoded(self) -> Refused:
        if self.num_corrupt:
            return Refused(CORRUPT_VIDEO, f"none of {self.num_listed} packets of the {self.format} stream can be decoded")
        return Refused(NO_FRAMES, f"{self.num_listed} packets of the {self.format} stream give no frame")

    def decode(
        self, index: Index, wanted: Sequence[int], max_side_px: int, plan: Sequence[tuple[int, list[int]]] = ()
    ) -> dict[int, np.ndarray]:
        """The wanted frames by number, as many as come out."""
        return dict(self.frames(index, wanted, max_side_px, plan))

    def frames(
        self, index: Index, wanted: Sequence[int], max_side_px: int, plan: Sequence[tuple[int, list[int]]] = ()
    ) -> Iterator[tuple[int, np.ndarray]]:
        """The wanted frames with their numbers, in order. `plan`: keyframes to seek to, and which frames are reached from there.

        What is flagged as a keyframe need not be one (gradual refresh): frames are taken only after a whole picture came out at its time.
        """
        with self._open() as (container, stream):
            self.num_passes += 1
            aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
            for key, numbers in plan or ((None, list(wanted)),):
                if key is not None:
                    container.seek(int(index.seeks[key]), stream=stream, backward=True)
                    stream.codec_context.flush_buffers()
                begins = None if key is None else int(index.stamps[key])
                num_corrupt = self.corrupt.get(self.num_passes, 0)
                left = {number if index.is_rebuilt else int(index.stamps[number]): number for number in numbers}
                last = max(left, default=0)
                for count, frame in enumerate(self._decode(container, stream)):
                    stamp = count if index.is_rebuilt else frame.pts
                    if begins is not None:
                        if stamp is None or stamp < begins:
                            continue
                        if stamp > begins or not frame.key_frame:
                            break
                        begins = None
                        self.corrupt[self.num_passes] = num_corrupt  # what leads up to a keyframe lacks its references
                    if stamp in left:
                        self.width, self.height = upright_size(frame, aspect)
                        yield left.pop(stamp), frame_pixels(frame, aspect, max_side_px)
                    if not left or (stamp is not None and stamp > last):
                        break

    def forget_damage(self) -> None:
        self.corrupt.clear()
        self.decoded.clear()

    def check_damage(self) -> None:
        """Raises: Refused when too much of what was decoded is damaged."""
        for number, corrupt in self.corrupt.items():
            total = self.decoded.get(number, 0) + corrupt
            if number and corrupt > 1 and corrupt > self.limits.max_corrupt_ratio * total:
                raise Refused(
                    CORRUPT_VIDEO, f"{corrupt} of {total} packets and frames are damaged, allowed are {self.limits.max_corrupt_ratio:.0%}"
                )

    def ends_early(self, index: Index) -> bool:
        """Fewer packets than the header counts, or an end well before the one that it states."""
        if self.num_announced:
            return self.num_listed < self.num_announced
        return index.duration_s < 0.9 * self.announced_s - 1


def _and_flush(packets: Iterator[av.Packet]) -> Iterator[av.Packet | None]:
    yield from packets
    yield None


def _is_hidden_vp8(packet: av.Packet) -> bool:
    """VP8 stores reference pictures that are never shown as packets of their own (RFC 6386, section 9.1)."""
    return not memoryview(packet)[0] & 0x10


def alpha_decoder(stream: av.VideoStream) -> av.VideoCodecContext | None:
    """A decoder that reads the second picture in which VP8 and VP9 keep their transparency; None where there is none."""
    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.codec.canonical_name)
    if name is None or stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) != "1":
        return None
    decoder = av.VideoCodecContext.create(name, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    return decoder


av.logging.set_level(None)  # what matters of a broken file is in the exception
