"""Whether an audio file is whole, told from the structure of its container before any decoder sees it.

Decoders forgive: libsndfile shortens a wave file that was cut without a word, and reads a cut Ogg file up to its last good
page. A transcript belongs to the whole clip, so a file that ends early must be known as such. What a structure cannot
show (an mp3 without a length tag, or raw AAC, cut between frames) passes; nothing in such a file says that more was there.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from schemas.outcome import Reason, Refused

CORRUPT_AUDIO = Reason("corrupt_audio", "The file breaks while it is decoded, or its container is broken")
TRUNCATED_AUDIO = Reason("truncated_audio", "The file ends before the audio that its header announces")

WAVE, RF64, AIFF, FLAC, OGG, SPHERE, CAF, AU, MP3, MP4, MATROSKA = (
    "wave", "rf64", "aiff", "flac", "ogg", "sphere", "caf", "au", "mp3", "mp4", "matroska",
)  # fmt: skip
UNKNOWN_SIZES = (0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF - 36)  # what programs that write to a pipe put for a length
OGG_HEADER = struct.Struct("<4sBBqIIIB")  # magic, version, flags, granule, serial, sequence, checksum, number of segments
PLAIN_SAMPLES = (1, 3, 6, 7, 0xFFFE)  # whole numbers, floats, A-law, mu-law, and what an extension names
OGG_LAST = 4  # the flag on a stream's last page
REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class Announced:
    """What the structure says: `num_samples` a channel when it is exact, `exact_duration` when the demuxer's duration is."""

    num_samples: int | None = None
    exact_duration: bool = False


def sniff(data: bytes) -> str | None:
    """The container that the first bytes name, or None."""
    head = data[:12]
    if head[:4] in (b"RIFF", b"FORM") and head[8:] in (b"WAVE", b"AIFF", b"AIFC"):
        return WAVE if head[8:] == b"WAVE" else AIFF
    magics = {b"RF64": RF64, b"fLaC": FLAC, b"OggS": OGG, b"NIST": SPHERE, b"caff": CAF, b".snd": AU, b"\x1aE\xdf\xa3": MATROSKA}
    if head[:4] in magics:
        return magics[head[:4]]
    if head[4:8] == b"ftyp":
        return MP4
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4, 0xE6)):
        return MP3  # the mask leaves layers I to III and lets raw AAC (layer 0) through as unknown
    return None


def check_whole(kind: str | None, data: bytes) -> Announced:
    """What the container announces.

    Raises: Refused with TRUNCATED_AUDIO or CORRUPT_AUDIO when the bytes cannot hold what it announces.
    """
    if kind in (WAVE, AIFF):
        _check_chunks(data, "<I" if kind == WAVE else ">I", b"data" if kind == WAVE else b"SSND")
    elif kind == OGG:
        return Announced(num_samples=_check_pages(data))
    elif kind == SPHERE:
        return Announced(num_samples=_check_sphere(data))
    elif kind == FLAC and len(data) >= 26:
        total = int.from_bytes(data[18:26], "big") & 0xFFFFFFFFF if data[4] & 0x7F == 0 else 0  # 36 bits of STREAMINFO
        return Announced(num_samples=total or None)
    elif kind == MP4:
        _check_boxes(data)
        return Announced(exact_duration=True)
    elif kind == MP3:
        return Announced(exact_duration=_has_length_tag(data))
    return Announced(exact_duration=kind == MATROSKA)


def _check_chunks(data: bytes, size_format: str, wanted: bytes) -> None:
    """RIFF and IFF: the chunk of samples must lie inside the file."""
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack(size_format, data[at + 4 : at + 8])[0]
        if name == b"fmt " and wanted == b"data" and size_format == "<I":
            _check_frame(data[at + 8 : at + 24])
        if name == wanted:
            have = len(data) - at - 8
            if size > have and size not in UNKNOWN_SIZES:
                raise Refused(TRUNCATED_AUDIO, f"the {name.decode()} chunk announces {size} bytes, {have} are there")
            return
        at += 8 + size + size % 2


def _check_frame(form: bytes) -> None:
    """RIFF: a frame of plain samples has room for one of each channel; where it has not, FFmpeg leaves its buffers and the process dies."""
    if len(form) < 16:
        return
    tag, num_channels, _, _, frame_bytes, bits = struct.unpack("<HHIIHH", form)
    if tag in PLAIN_SAMPLES and frame_bytes < num_channels * (bits // 8):
        raise Refused(CORRUPT_AUDIO, f"the fmt chunk announces {num_channels} channels of {bits} bits in frames of {frame_bytes} bytes")


def _check_pages(data: bytes) -> int | None:
    """Ogg: pages follow each other up to one that is marked as the last. Gives the last granule of the first stream."""
    at, first, last_granule, ended = 0, None, None, False
    while True:
        if len(data) - at < OGG_HEADER.size or data[at : at + 4] != b"OggS":
            if ended:
                return last_granule
            if len(data) - at >= OGG_HEADER.size:
                raise Refused(CORRUPT_AUDIO, f"no Ogg page at byte {at}, where one must start")
            raise Refused(TRUNCATED_AUDIO, f"the last Ogg page, up to byte {at}, is not marked as the end of its stream")
        _, _, flags, granule, serial, _, checksum, num_segments = OGG_HEADER.unpack_from(data, at)
        body = at + OGG_HEADER.size + num_segments
        stop = body + sum(data[at + OGG_HEADER.size : body])
        if stop > len(data):
            raise Refused(TRUNCATED_AUDIO, f"the Ogg page at byte {at} ends at byte {stop}, the file at {len(data)}")
        if _ogg_checksum(data[at:stop]) != checksum:
            raise Refused(CORRUPT_AUDIO, f"the Ogg page at bytes {at} to {stop} does not match its checksum")
        first = serial if first is None else first
        ended = bool(flags & OGG_LAST)
        if serial == first and granule >= 0:
            last_granule = granule
        at = stop


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 with the bits the other way round and no inversion: zlib's, of the page with each byte's bits reversed."""
    blank = page[:22] + bytes(4) + page[26:]
    reflected = zlib.crc32(blank.translate(REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)


def _check_sphere(data: bytes) -> int | None:
    """NIST sphere: a text header; samples follow it. Compressed (shorten) files have fewer bytes than samples need."""
    lines = data[:16].split(b"\n")
    if len(lines) < 2 or not lines[1].strip().isdigit():
        raise Refused(CORRUPT_AUDIO, "the sphere header does not say its own length")
    size = int(lines[1])
    fields = dict(re.findall(rb"^(\w+) -\w+ (\S+)", data[:size], re.MULTILINE))
    numbers = [fields.get(name, b"") for name in (b"sample_count", b"channel_count", b"sample_n_bytes")]
    if not all(number.isdigit() and len(number) < 19 for number in numbers):
        return None
    samples, channels, width = (int(number) for number in numbers)
    needed, have = samples * channels * width, len(data) - size
    if needed > have and b"shorten" not in fields.get(b"sample_coding", b""):
        raise Refused(TRUNCATED_AUDIO, f"the sphere header announces {needed} bytes of samples, {max(have, 0)} are there")
    return samples


def _check_boxes(data: bytes) -> None:
    """MP4: top-level boxes must lie inside the file."""
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if size == 1 and at + 16 <= len(data):
            size = struct.unpack_from(">Q", data, at + 8)[0]
        if size == 0:  # to the end of the file
            return
        if size < 8:
            raise Refused(CORRUPT_AUDIO, f"the MP4 box at byte {at} has size {size}, expected 8 or more")
        if at + size > len(data):
            raise Refused(TRUNCATED_AUDIO, f"the MP4 box {name!r} ends at byte {at + size}, the file at {len(data)}")
        at += size


def _has_length_tag(data: bytes) -> bool:
    """Whether an mp3's first frame carries a Xing, Info or VBRI tag, so that its length is not a guess from the bit rate."""
    start = 0
    if data[:3] == b"ID3" and len(data) >= 10:
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    return re.search(rb"Xing|Info|VBRI", data[start : start + 256]) is not None
