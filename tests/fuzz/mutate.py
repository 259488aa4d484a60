"""Mutations of bytes: those that any file suffers, and those that know a format and keep its checksums, to get past its front door.

Everything is drawn from the generator that is given: the same seed gives the same bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

MAX_BYTES = 4 << 20  # of a mutated input
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1)
NUMBERS = ("0", "-1", "1", "NaN", "nan", "1e999", "-1e999", "1e-320", "2147483648", "-2147483649", "18446744073709551616", "9" * 400, "0.0")
HOSTILE_TEXTS = (
    *(
        "",
        "\0",
        "\ud800",
        "\udfff\ud800",
        "../../../../etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:9/x",
        "a" * 70_000,
    ),
    *(
        "\u202e\u0000\ufeff",
        "<script>alert(1)</script>",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "%s%n%x",
        "=cmd|'/c calc'!A1",
        "\\" * 999,
        "\N{PILE OF POO}" * 99,
    ),
    *(
        "<|endoftext|>",
        "<|user|>",
        "<|image_1|>",
        "<|audio_1|>",
        "1" * 5_000,
        " ",
        "\n" * 3_000,
        "e\u0301" * 2_000,
        "\u1e9e",
        "NaN",
        "None",
    ),
)
BROKEN_UTF8 = (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80", b"\xfe\xff", b"\0")
NAMES = ("../x", "/etc/x", "a/../../x", "x\0y", "C:\\x", "\\\\x\\y", ".", "", "a/" * 300 + "x", "\udcff", "-rf", "x" * 5_000, "CON", "~/x")


def mutate(data: bytes, rng: random.Random, kind: str, others: Sequence[bytes] = ()) -> bytes:
    """One to four mutations, one after another. `kind` is the format, by its ending; `others` are bytes that pieces may come from."""
    known = STRUCTURED.get(kind, ())
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        if known and rng.random() < 0.6:
            try:
                data = rng.choice(known)(data, rng)
            except Exception:  # an earlier mutation broke what this one reads, in whatever way its library dies of it
                data = rng.choice(PLAIN)(data, rng)
        elif others and rng.random() < 0.08:
            data = _spliced(data, rng.choice(others), rng)
        else:
            data = rng.choice(PLAIN)(data, rng)
        data = data[:MAX_BYTES]
    return data


# ---- of any bytes


def _at(data: bytes, rng: random.Random) -> int:
    """A place, more often near the beginning, where headers are, than elsewhere."""
    size = max(len(data), 1)
    return rng.randrange(min(size, 256)) if rng.random() < 0.4 else rng.randrange(size)


def flip_bits(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
        changed[_at(changed, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_bytes(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 2, 8))):
        changed[_at(changed, rng)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(changed)


def truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: _at(data, rng)] if rng.random() < 0.8 else data[_at(data, rng) :]


def drop_block(data: bytes, rng: random.Random) -> bytes:
    start = _at(data, rng)
    return data[:start] + data[start + rng.choice((1, 2, 4, 16, 512, 4_096)) :]


def swap_blocks(data: bytes, rng: random.Random) -> bytes:
    size = rng.choice((1, 4, 16, 256))
    low, high = sorted((_at(data, rng), _at(data, rng)))
    if high < low + size:
        return flip_bits(data, rng)
    return data[:low] + data[high : high + size] + data[low + size : high] + data[low : low + size] + data[high + size :]


def repeat_block(data: bytes, rng: random.Random) -> bytes:
    start, size = _at(data, rng), rng.choice((1, 4, 32, 512, 8_192))
    return data[: start + size] + data[start : start + size] * rng.choice((1, 2, 16, 200)) + data[start + size :]


def insert(data: bytes, rng: random.Random) -> bytes:
    start = _at(data, rng)
    size = rng.choice((1, 4, 64, 2_000))
    piece = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size), rng.choice(BROKEN_UTF8), rng.choice(BROKEN_UTF8) * size))
    return data[:start] + piece + data[start:]


def set_length(data: bytes, rng: random.Random) -> bytes:
    """An extreme number of 2, 4 or 8 bytes, or the file's own size or near it, at some place."""
    code = rng.choice(("<H", ">H", "<I", ">I", "<I", ">I", "<Q", ">Q"))
    size = struct.calcsize(code)
    value = rng.choice((*EXTREMES, len(data), len(data) + 1, max(len(data) - 1, 0), 1 << 28)) & ((1 << 8 * size) - 1)
    start = min(_at(data, rng), max(len(data) - size, 0))
    return data[:start] + struct.pack(code, value) + data[start + size :]


def blank(data: bytes, rng: random.Random) -> bytes:
    return rng.choice((b"", bytes(len(data)), b"\0", b"\xff" * min(len(data), 4_096), data[:1]))


def _spliced(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return data[: _at(data, rng)] + other[_at(other, rng) :]


PLAIN: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(flip_bits, flip_bits, flip_bits, set_bytes, truncate, drop_block, swap_blocks, repeat_block, insert, set_length, set_length, blank),
)


# ---- of texts


def change_number(data: bytes, rng: random.Random) -> bytes:
    places = [found.span() for found in re.finditer(rb"-?\d+(?:\.\d+)?", data[: 1 << 18])]
    if not places:
        return insert(data, rng)
    for start, stop in sorted(rng.sample(places, min(len(places), rng.choice((1, 1, 2, 8)))), reverse=True):
        data = data[:start] + rng.choice(NUMBERS).encode() + data[stop:]
    return data


def nest(data: bytes, rng: random.Random) -> bytes:
    """Brackets or tags, thousands deep."""
    start, depth = _at(data, rng), rng.choice((50, 200, 2_000, 20_000))
    opened, closed = rng.choice(
        ((b"[", b"]"), (b'{"a":', b"}"), (b"<div>", b"</div>"), (b"<<", b">>"), (b"(", b")"), (b"<table><tr><td>", b""))
    )
    return data[:start] + opened * depth + (closed * depth if rng.random() < 0.5 else b"") + data[start:]


def change_word(data: bytes, rng: random.Random) -> bytes:
    places = [found.span() for found in re.finditer(rb"[A-Za-z_]{2,}", data[: 1 << 18])]
    if not places:
        return insert(data, rng)
    start, stop = rng.choice(places)
    other_start, other_stop = rng.choice(places)
    piece = rng.choice(
        (data[other_start:other_stop], rng.choice(HOSTILE_TEXTS).encode("utf-8", "surrogatepass"), rng.choice(BROKEN_UTF8), b"")
    )
    return data[:start] + piece + data[stop:]


def repeat_line(data: bytes, rng: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    if not lines:
        return b"\n" * 50
    place = rng.randrange(len(lines))
    change = rng.choice(("repeat", "drop", "swap", "join"))
    if change == "repeat":
        lines[place:place] = [lines[place]] * rng.choice((1, 2, 300))
    elif change == "drop":
        del lines[place]
    elif change == "swap":
        other = rng.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    else:
        lines[place] = lines[place].rstrip(b"\r\n")
    return b"".join(lines)


TEXT = (change_number, change_word, repeat_line, nest, change_number, change_word)


# ---- of JSON


def change_json(data: bytes, rng: random.Random) -> bytes:
    """One value of a JSON text, or of one line of JSON Lines, becomes something that nobody expects there."""
    lines = data.split(b"\n")
    whole = len([line for line in lines if line.strip()]) <= 1 or not lines[0].strip().endswith(b"}")
    place = 0 if whole else rng.randrange(len(lines))
    root = json.loads(data if whole else lines[place])
    for _ in range(rng.choice((1, 1, 2, 4))):
        root = _with_odd_value(root, rng)
    said = json.dumps(root, ensure_ascii=rng.random() < 0.8, separators=rng.choice(((",", ":"), (", ", ": "))))
    found = said.encode("utf-8", "surrogatepass")
    return found if whole else b"\n".join([*lines[:place], found, *lines[place + 1 :]])


def _with_odd_value(root: Any, rng: random.Random) -> Any:
    holders: list[Any] = []
    level = [root]
    while level and len(holders) < 5_000:
        holder = level.pop()
        if isinstance(holder, (dict, list)) and holder:
            holders.append(holder)
            level.extend(holder.values() if isinstance(holder, dict) else holder)
    if not holders or rng.random() < 0.03:
        return odd_value(rng)
    holder = rng.choice(holders)
    name = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
    change = rng.choice(("value", "value", "value", "drop", "rename", "double", "near"))
    if change == "drop":
        del holder[name]
    elif change == "rename" and isinstance(holder, dict):
        holder[rng.choice((*HOSTILE_TEXTS[:10], *holder))] = holder.pop(name)
    elif change == "double" and isinstance(holder, list):
        holder[name:name] = [holder[name]] * rng.choice((1, 50))
    elif change == "near":
        holder[name] = _near(holder[name], rng)
    else:
        holder[name] = odd_value(rng)
    return root


def odd_value(rng: random.Random) -> Any:
    deep: Any = None
    for _ in range(rng.choice((3, 90, 101, 400))):
        deep = [deep] if rng.random() < 0.5 else {"a": deep}
    numbers = (
        0,
        -1,
        1,
        2**31,
        2**63,
        2**64,
        -(2**63) - 1,
        10**400,
        0.0,
        -0.0,
        1e308,
        5e-324,
        float("nan"),
        float("inf"),
        float("-inf"),
        0.5,
    )
    others = (None, True, False, [], {}, [None], {"": None}, [[]], [{}], {"bytes": None, "path": "x"}, {"url": "data:,"}, ["a"] * 300, deep)
    return rng.choice((rng.choice(numbers), rng.choice(HOSTILE_TEXTS), rng.choice(others)))


def _near(value: Any, rng: random.Random) -> Any:
    """A value of the same kind, or what is easily taken for it."""
    if isinstance(value, bool) or value is None:
        return rng.choice((True, False, None, "true", 1))
    if isinstance(value, (int, float)):
        return rng.choice(
            (-value, value + 1, value * 1_000_000, str(value), [value], float(value) + 0.5, rng.choice((10**9, -1, 0, float("nan"))))
        )
    if isinstance(value, str):
        start = rng.randrange(len(value) + 1)
        return rng.choice(
            (value[:start], value[::-1], value * 50, value[:start] + rng.choice(HOSTILE_TEXTS) + value[start:], [value], value.upper())
        )
    if isinstance(value, list):
        return rng.choice((value[:1], value * 3, value[::-1], {"0": value}, [*value, odd_value(rng)]))
    return rng.choice(({**value, "extra": odd_value(rng)}, [value], list(value.values()), str(value)))


# ---- of containers


def change_zip(data: bytes, rng: random.Random) -> bytes:
    """A zip with one member mutated, renamed, doubled or dropped, and right checksums."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist() if info.file_size < MAX_BYTES]
    if not members:
        raise ValueError("an empty archive")
    place = rng.randrange(len(members))
    name, content = members[place]
    change = rng.choice(("content", "content", "content", "content", "rename", "drop", "double", "bomb"))
    if change == "content":
        kind = name.rpartition(".")[2].lower()
        content = mutate(content, rng, {"rels": "html", "xml": "html"}.get(kind, kind))
        members[place] = (name, content)
    elif change == "rename":
        members[place] = (rng.choice((*NAMES, members[rng.randrange(len(members))][0])), content)
    elif change == "drop":
        del members[place]
    elif change == "double":
        members.append((name, mutate(content, rng, "txt")))
    else:
        members[place] = (name, bytes(rng.choice((1 << 20, 64 << 20))))
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name.replace("\0", "_").encode("utf-8", "replace").decode()[:60_000] or "_")
            info.compress_type = archive.compression
            archive.writestr(info, content[: 70 << 20])
    return sink.getvalue()


def change_zip_header(data: bytes, rng: random.Random) -> bytes:
    """A field of a local or central header, or of the end record: sizes, flags (encrypted), methods, offsets."""
    places = [found.start() for found in re.finditer(rb"PK(?:\x03\x04|\x01\x02|\x05\x06)", data)]
    if not places:
        raise ValueError("no header")
    start = rng.choice(places) + rng.randrange(4, 42)
    size = rng.choice((2, 4))
    value = rng.choice((0, 1, 8, 9, 12, 99, 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF)) & ((1 << 8 * size) - 1)
    return data[:start] + value.to_bytes(size, "little") + data[start + size :]


def change_tar(data: bytes, rng: random.Random) -> bytes:
    """A tar with one member mutated, renamed, of another type, or of another announced size, and right checksums."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
        members = [(member, (archive.extractfile(member) or io.BytesIO()).read() if member.isfile() else b"") for member in archive]
    if not members:
        raise ValueError("an empty archive")
    place = rng.randrange(len(members))
    member, content = members[place]
    change = rng.choice(("content", "content", "name", "type", "double", "size"))
    if change == "content":
        content = mutate(content, rng, member.name.rpartition(".")[2])
    elif change == "name":
        member.name = rng.choice(NAMES).replace("\0", "_") or "_"
    elif change == "type":
        member.type = rng.choice(
            (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.CONTTYPE, b"Z")
        )
        member.linkname = rng.choice(("/etc/passwd", "../../x", member.name))
    elif change == "double":
        members.insert(rng.randrange(len(members)), (member, content))
    members[place] = (member, content)
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=rng.choice((tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))) as archive:
        for member, content in members:
            member.size = len(content)
            try:
                archive.addfile(member, io.BytesIO(content))
            except (ValueError, UnicodeError):  # a name that this format cannot hold
                continue
    done = bytearray(sink.getvalue())
    if change == "size" and len(done) > 512:  # with a checksum that fits
        done[124:136] = rng.choice((b"77777777777\0", b"00000000000\0", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"-0000000001\0"))
        done[148:156] = b" " * 8
        done[148:156] = b"%06o\0 " % (sum(done[:512]) & 0o777777)
    return bytes(done)


def change_gzip(data: bytes, rng: random.Random) -> bytes:
    """One gzip member unpacked, mutated and packed again, so that its checksum is right."""
    starts = [found.start() for found in re.finditer(rb"\x1f\x8b\x08", data)] + [len(data)]
    if len(starts) < 2:
        raise ValueError("no member")
    place = rng.randrange(len(starts) - 1)
    inflater = zlib.decompressobj(31)
    content = inflater.decompress(data[starts[place] :], MAX_BYTES)
    packed = gzip.compress(mutate(content, rng, "warc"), 1, mtime=0)
    return data[: starts[place]] + packed + inflater.unused_data


def change_warc(data: bytes, rng: random.Random) -> bytes:
    """A header's value: lengths, types, encodings of bodies."""
    names = rb"(Content-Length|WARC-Type|Content-Type|Content-Encoding|Transfer-Encoding|WARC-Target-URI|WARC-Date|HTTP/1\.[01])(: ?| )([^\r\n]*)"
    places = list(re.finditer(names, data, re.IGNORECASE))
    if not places:
        return change_number(data, rng)
    found = rng.choice(places)
    values = (
        *(b"0", b"1", b"-1", b"99999999999", b"18446744073709551616", b"gzip", b"br", b"deflate", b"zstd", b"gzip, br, gzip", b"chunked"),
        *(
            b"response",
            b"resource",
            b"revisit",
            b"text/html; charset=utf-7",
            b"text/html; charset=\xff",
            b"200",
            b"999 x",
            b"",
            b"x" * 9_000,
        ),
    )
    return data[: found.start(3)] + rng.choice(values) + data[found.end(3) :]


def change_png(data: bytes, rng: random.Random) -> bytes:
    """A chunk mutated, with a right checksum; the first one has the size."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("no PNG")
    chunks, at = [], 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    place = 0 if rng.random() < 0.4 else rng.randrange(len(chunks))
    name, content = chunks[place]
    if name == b"IHDR" and rng.random() < 0.6:
        width, height = rng.choice(((1 << 31) - 1, 0, 1, 65_535, 30_000)), rng.choice(((1 << 31) - 1, 0, 1, 65_535, 3_000))
        content = struct.pack(">II", width, height) + content[8:]
    elif name == b"IDAT" and rng.random() < 0.5:
        content = zlib.compress(mutate(zlib.decompress(content), rng, ""))
    else:
        content = rng.choice(PLAIN)(content, rng)
    chunks[place] = (name, content)
    if rng.random() < 0.2:
        extra = rng.choice(
            (
                (b"iCCP", b"x\0\0" + zlib.compress(bytes(1 << 22))),
                (b"zTXt", b"x\0\0" + zlib.compress(bytes(8 << 20))),
                (b"acTL", rng.randbytes(8)),
            )
        )
        chunks.insert(1, extra)
    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def change_boxes(data: bytes, rng: random.Random) -> bytes:
    """The size beside a four-letter name (RIFF, MP4, IFF), or a number that follows it."""
    places = [found.start() for found in re.finditer(rb"[A-Za-z][A-Za-z0-9]{2}[A-Za-z0-9 ]", data[: 1 << 18])]
    if not places:
        raise ValueError("no name")
    name = rng.choice(places)
    start = max(0, name + rng.choice((-4, 4, 4, 8, 12, 16, 20, 24)))
    value = rng.choice((*EXTREMES[:11], len(data), rng.randrange(1 << 16)))
    return data[:start] + value.to_bytes(4, rng.choice(("little", "big"))) + data[start + 4 :] if value < 1 << 32 else data


def change_rate(data: bytes, rng: random.Random) -> bytes:
    """The header of a wave file: rates, channels, bits, and samples that are not numbers."""
    at = data.find(b"fmt ") + 8
    if at < 8:
        return change_boxes(data, rng)
    rate = rng.choice((0, 1, 7, 0xFFFFFFFF, 8_000, 192_000, 48_001, 0x7FC00000))
    head = struct.pack(
        "<HHIIHH",
        rng.choice((1, 3, 6, 7, 17, 0xFFFE)),
        rng.choice((0, 1, 2, 64, 65_535)),
        rate,
        rate * 2 & 0xFFFFFFFF,
        2,
        rng.choice((0, 8, 16, 24, 32, 64, 65_535)),
    )
    body = data[at + 16 :]
    return data[:at] + head + (body if rng.random() < 0.5 else body[:28] + struct.pack("<f", float("nan")) * (len(body) // 4))


_BOXES = (change_boxes, change_boxes, set_length)
STRUCTURED: dict[str, tuple[Callable[[bytes, random.Random], bytes], ...]] = {
    **dict.fromkeys(("json", "jsonl", "vl.json"), (change_json, change_json, change_json, change_number, change_word, repeat_line, nest)),
    **dict.fromkeys(("txt", "html", "csv", "mmd", "toml", "md", "py", "xml", "tsv", "svg"), TEXT),
    **dict.fromkeys(("pdf",), (change_number, change_word, nest, repeat_line, change_number)),
    **dict.fromkeys(("pptx", "zip"), (change_zip, change_zip, change_zip, change_zip_header)),
    **dict.fromkeys(("tar",), (change_tar,)),
    **dict.fromkeys(("gz",), (change_gzip, change_gzip)),
    **dict.fromkeys(("warc", "arc"), (change_warc, change_warc, change_number, repeat_line)),
    "png": (change_png,),
    "wav": (change_rate, change_boxes),
    **dict.fromkeys(("mp4", "m4a", "mov", "avi", "webp", "webm", "flac", "ogg", "avif", "aiff", "mkv"), _BOXES),
}
