"""Web archives: every record of a file is a row or a declared reject, in splits of any size, also when bytes are damaged."""

from __future__ import annotations

import functools
import gzip
import io
import random
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard
from fastwarc.warc import ArchiveIterator as FastIterator
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipelines.source import WarcArchive, open_source
from pipelines.source.http_response import decoded_body, licence_link, parse_response
from schemas.outcome import Refused, Reject
from schemas.records import Row
from tests.pipelines.source.reading import read_all, summary

zipped = functools.partial(gzip.compress, mtime=0)  # without a time, so that equal data is equal

CRLF = b"\r\n"


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *(headers or ("Content-Type: text/html",))]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def record(block: bytes, *more: str, type: str = "response", url: str = "http://a.org/", length: int | None = None) -> bytes:
    kind = "Content-Type: application/http; msgtype=response"
    lines = ["WARC/1.0", f"WARC-Type: {type}", f"WARC-Target-URI: {url}", "WARC-Date: 2024-01-02T03:04:05Z", *(more or (kind,))]
    lines.append(f"Content-Length: {len(block) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def page(number: int, rng: random.Random | None = None) -> bytes:
    """A record with the page `number`, of up to 3,000 words."""
    words = " ".join(f"word{rng.randrange(10_000)}" for _ in range(rng.randrange(3_000))) if rng else "words"
    return record(response(f"<html><p>page {number} {words}</html>".encode()), url=f"http://a.org/{number}")


def source(folder: Path, data: bytes, name: str = "x.warc.gz", **options: Any) -> WarcArchive:
    (folder / name).write_bytes(data)
    return WarcArchive(str(folder), name, **options)


def zst(data: bytes, dictionary: zstandard.ZstdCompressionDict | None = None) -> bytes:
    return zstandard.ZstdCompressor(dict_data=dictionary, write_checksum=True).compress(data)


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "x.warc": bytes,
    "x.warc.gz": lambda data: zipped(data, 6),
    "x.warc.zst": zst,
}


def urls(items: list[Row | Reject]) -> list[object]:
    return [item.fields["url"] for item in items if isinstance(item, Row)]


def one(folder: Path, data: bytes, **options: Any) -> Row | Reject:
    (found,) = read_all(source(folder, data, "one.warc", **options))
    return found


def test_a_page_is_a_row_with_what_its_headers_say(tmp_path: Path) -> None:
    block = response(b"<p>caf\xe9", "content-type: Text/HTML; Charset=ISO-8859-1", "Server: x", "content-Type: image/png")
    found = one(tmp_path, record(block), licence="CC-BY-4.0")
    assert isinstance(found, Row)
    assert found.blobs == {"text": b"<p>caf\xe9"}
    assert found.fields == {
        "url": "http://a.org/",
        "date": "2024-01-02T03:04:05Z",
        "content_type": "text/html",
        "charset": "iso-8859-1",
        "status": 200,
    }
    assert (found.origin.source, found.origin.licence, found.origin.locator) == ("one.warc", "CC-BY-4.0", "byte 0")


def test_a_licence_that_the_response_names_is_that_of_the_row(tmp_path: Path) -> None:
    link = 'Link: </next>; rel="next", <https://creativecommons.org/licenses/by/4.0/>; rel="license"'
    found = one(tmp_path, record(response(b"<p>x", "Content-Type: text/html", link)), licence="unknown")
    assert found.origin is not None
    assert found.origin.licence == "https://creativecommons.org/licenses/by/4.0/"
    assert licence_link({"link": "<a>; rel=next"}) == ""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (record(response(b"x")), "row"),
        (record(response(b"x"), type="request"), "not_a_page"),
        (record(b"software: x", "Content-Type: application/warc-fields", type="warcinfo", url=""), "not_a_page"),
        (record(response(b"x"), type="revisit"), "not_a_page"),
        (record(response(b"x"), url="dns:a.org"), "not_a_page"),
        (record(response(b"x"), url="not an address"), "not_a_page"),
        (record(response(b"x"), url="<http://a.org/>"), "row"),
        (record(b"plain words", "Content-Type: text/plain", type="conversion"), "row"),
        (record(b"plain words", "Content-Type: text/plain", type="resource", url="metadata://x.org/log"), "not_a_page"),
        (record(b"plain words", "Content-Type: text/plain", type="resource"), "row"),
        (record(response(b"x"), "WARC-Segment-Number: 1"), "incomplete_record"),
        (record(response(b"x", status="404 Not Found")), "http_error"),
        (record(response(b"x", status="301 Moved")), "http_error"),
        (record(response(b"x", status="203 Other")), "row"),
        (record(response(b"x", "Content-Type: application/json")), "unsupported_type"),
        (record(response(b"x", "Server: x")), "unsupported_type"),
        (record(response(b"<!DOCTYPE html><p>x", "Server: x")), "row"),
        (record(response(b" \r\n ")), "empty_page"),
        (record(b"<html>no response"), "bad_response"),
        (record(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"), "bad_response"),
        (record(response(b"x", "Content-Type: text/html", "Content-Encoding: sdch")), "unknown_coding"),
        (record(response(b"x", "Content-Type: text/html", "Content-Encoding: utf-8")), "row"),
        (record(response(b"x" * 100)), "row"),
        (record(response(b"x" * 5_000)), "record_too_large"),
        (record(response(zipped(b"x" * 4_096), "Content-Type: text/html", "Content-Encoding: gzip")), "row"),
        (record(response(zipped(b"x" * 4_097), "Content-Type: text/html", "Content-Encoding: gzip")), "body_too_large"),
        (record(response(b"x"), length=10), "damaged_record"),
        (record(response(b"x"), length=500), "damaged_record"),
        (b"WARC/1.0\r\nWARC-Type: response\r\n\r\n", "damaged_record"),
        (b"", "damaged_record"),
    ],
)
def test_each_reason_and_the_nearest_that_is_kept(tmp_path: Path, data: bytes, reason: str) -> None:
    assert summary(source(tmp_path, data, "x.warc", max_record_bytes=4_096)) == [reason]


def test_stated_digests_are_checked_unless_told_not_to(tmp_path: Path) -> None:
    block = response(b"<p>x")
    sink = io.BytesIO()
    writer = WARCWriter(sink, gzip=False)
    headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
    writer.write_record(writer.create_warc_record("http://a.org/", "response", io.BytesIO(b"<p>x"), http_headers=headers))
    good = sink.getvalue()
    assert b"WARC-Block-Digest: sha1:" in good
    assert summary(source(tmp_path, good, "x.warc")) == ["row"]
    bad = good.replace(b"<p>x", b"<p>y")
    assert summary(source(tmp_path, bad, "x.warc")) == ["damaged_record"]
    assert summary(source(tmp_path, bad, "x.warc", check_digests=False)) == ["row"]
    assert summary(source(tmp_path, record(block, "WARC-Block-Digest: crc32:00"), "x.warc")) == ["row"]


def chunked(body: bytes, size: int = 7) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(f"{len(piece):x};a=b\r\n".encode() + piece + CRLF for piece in pieces) + b"0\r\nTrailer: x\r\n\r\n"


TEXT = b"<p>the words of the page, said again and again, " * 40
RAW = zlib.compressobj(wbits=-15)
RAW_DEFLATED = RAW.compress(TEXT) + RAW.flush()


@pytest.mark.parametrize(
    ("headers", "coded"),
    [
        ("", TEXT),
        ("Transfer-Encoding: chunked", chunked(TEXT)),
        ("Transfer-Encoding: chunked", TEXT),  # stored decoded, as many crawlers do
        ("Content-Encoding: gzip", zipped(TEXT)),
        ("Content-Encoding: x-gzip", zipped(TEXT[:100]) + zipped(TEXT[100:])),
        ("Content-Encoding: gzip", TEXT),
        ("Content-Encoding: deflate", zlib.compress(TEXT)),
        ("Content-Encoding: deflate", RAW_DEFLATED),
        ("Content-Encoding: deflate", TEXT),
        ("Content-Encoding: br", brotli.compress(TEXT)),
        ("Content-Encoding: br", TEXT),
        ("Content-Encoding: zstd", zst(TEXT)),
        ("Content-Encoding: br, gzip", zipped(brotli.compress(TEXT))),
        ("Transfer-Encoding: gzip, chunked", chunked(zipped(TEXT), 100)),
    ],
)
def test_bodies_are_decoded(headers: str, coded: bytes) -> None:
    found = parse_response(response(coded, "Content-Type: text/html", *(headers,) * bool(headers)))
    assert decoded_body(found, 1 << 20) == TEXT
    if coded != TEXT:
        assert decoded_body(found, len(TEXT)) == TEXT
        cut = parse_response(response(coded[: len(coded) // 2], "Content-Type: text/html", headers))
        with pytest.raises(Refused, match="damaged_body"):
            decoded_body(cut, 1 << 20)
        if "chunked" not in headers:
            with pytest.raises(Refused, match="body_too_large"):
                decoded_body(found, len(TEXT) - 1)


def test_what_breaks_a_chunk_is_told() -> None:
    broken = chunked(TEXT).replace(b"7;a=b", b"6;a=b", 1)
    with pytest.raises(Refused, match="the chunk that ends at byte"):
        decoded_body(parse_response(response(broken, "Transfer-Encoding: chunked")), 1 << 20)


def test_a_response_that_tells_its_own_length_mends_a_wrong_one_of_the_record(tmp_path: Path) -> None:
    block = response(b"<p>whole", "Content-Type: text/html", "Content-Length: 8")
    assert urls(read_all(source(tmp_path, record(block, length=9_999) + page(1), "x.warc"))) == ["http://a.org/", "http://a.org/1"]
    assert summary(source(tmp_path, record(block[:-1], length=9_999) + page(1), "x.warc")) == ["damaged_record", "row"]


def test_arc_records(tmp_path: Path) -> None:
    def arc(url: str, block: bytes, more: str = "") -> bytes:
        return f"{url} 1.2.3.4 20140216050221 text/html {more}{len(block)}\n".encode() + block + b"\n"

    data = arc("filedesc://x.arc", b"1 0 Somebody\nURL IP-address Archive-date Content-type Archive-length\n\n")
    data += (
        arc("http://a.org/a b", response(b"<p>1"))
        + arc("dns:a.org", b"1.2.3.4")
        + arc("http://a.org/c", response(b"<p>2\n\n"), "200 - - 77 x.arc ")
    )
    for name, packed in (("x.arc", data), ("x.arc.gz", zipped(data))):
        items = read_all(source(tmp_path, packed, name))
        assert urls(items) == ["http://a.org/a%20b", "http://a.org/c"]
        assert [item.blobs["text"] for item in items if isinstance(item, Row)] == [b"<p>1", b"<p>2\n\n"]
        assert summary(source(tmp_path, packed, name)) == ["not_a_page", "row", "not_a_page", "row"]
    row = read_all(source(tmp_path, data, "x.arc"))[1]
    assert isinstance(row, Row)
    assert row.fields["date"] == "2014-02-16T05:02:21Z"


@pytest.mark.parametrize("name", PACKINGS)
def test_splits_of_any_size_give_the_same_rows(tmp_path: Path, name: str) -> None:
    rng = random.Random(7)
    records = [page(number, rng) for number in range(60)]
    data = b"".join(PACKINGS[name](item) for item in records)
    whole = read_all(source(tmp_path, data, name))
    assert urls(whole) == [f"http://a.org/{number}" for number in range(60)]
    for size in (7_777, 50_000):
        cut = source(tmp_path, data, name, bytes_per_split=size)
        assert len(cut.splits()) > 5
        assert [item.key for item in read_all(cut)] == [item.key for item in whole]


@pytest.mark.parametrize("name", ["x.warc.gz", "x.warc.zst"])
def test_a_file_that_was_compressed_as_a_whole_is_one_split(tmp_path: Path, name: str) -> None:
    rng = random.Random(8)
    data = PACKINGS[name](b"".join(page(number, rng) for number in range(100)))
    archive = source(tmp_path, data, name, bytes_per_split=1_000)
    assert len(archive.splits()) == 1
    assert urls(read_all(archive)) == [f"http://a.org/{number}" for number in range(100)]
    half = read_all(source(tmp_path, data[: len(data) // 2], name))
    assert 30 < len(urls(half)) < 70
    assert [item.reason for item in half if isinstance(item, Reject)] == ["damaged_member"]


def test_an_archive_inside_a_page_is_not_read(tmp_path: Path) -> None:
    """Its bytes stand in the file as they are, since what is compressed is not compressed again."""
    inner = zipped(page(99))
    stored = zlib.compressobj(0, wbits=31)
    outer = stored.compress(record(response(inner, "Content-Type: application/gzip"))) + stored.flush()
    assert inner in outer
    data = zipped(page(1)) + outer + zipped(page(2))
    for size in (10, 100, 1 << 20):
        assert urls(read_all(source(tmp_path, data, bytes_per_split=size))) == ["http://a.org/1", "http://a.org/2"]
    inner = record(response(page(99), "Content-Type: application/warc"))
    for size in (10, 1 << 20):
        assert urls(read_all(source(tmp_path, page(1) + inner + page(2), "x.warc", bytes_per_split=size))) == [
            "http://a.org/1",
            "http://a.org/2",
        ]


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_dictionary_at_the_beginning_of_a_zstandard_file(tmp_path: Path, is_packed: bool) -> None:
    rng = random.Random(9)
    records = [page(number, rng)[:2_000].ljust(2_000) for number in range(300)]
    records = [record(response(item[200:]), url=f"http://a.org/{number}") for number, item in enumerate(records)]
    dictionary = zstandard.train_dictionary(20_000, records)
    stored = zst(dictionary.as_bytes()) if is_packed else dictionary.as_bytes()
    data = b"\x5d\x2a\x4d\x18" + len(stored).to_bytes(4, "little") + stored + b"".join(zst(item, dictionary) for item in records)
    for size in (20_000, 1 << 20):
        assert len(urls(read_all(source(tmp_path, data, "x.warc.zst", bytes_per_split=size)))) == 300


def damage(records: list[bytes], rng: random.Random) -> tuple[list[bytes], set[int]]:
    """The records with a byte flipped in about a fifth of them, and which."""
    hit = set(rng.sample(range(len(records)), len(records) // 5))
    changed = [bytearray(item) for item in records]
    for number in hit:
        changed[number][rng.randrange(len(changed[number]))] ^= 1 << rng.randrange(8)
    return [bytes(item) for item in changed], hit


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", PACKINGS)
def test_every_record_beside_damaged_ones_comes_out(tmp_path: Path, name: str, seed: int) -> None:
    rng = random.Random(seed)
    whole = [page(number, rng) for number in range(100)]
    packed = [PACKINGS[name](item) for item in whole]
    changed, hit = damage(packed, rng)
    archive = source(tmp_path, b"".join(changed), name, bytes_per_split=rng.choice((20_000, 100_000, 1 << 20)))
    items = read_all(archive)
    found = urls(items)
    for number in set(range(100)) - hit:
        assert found.count(f"http://a.org/{number}") == 1
    rejects = [item for item in items if isinstance(item, Reject)]
    assert {item.reason for item in rejects} <= {
        "damaged_member",
        "damaged_record",
        "bad_response",
        "unsupported_type",
        "not_a_page",
        "http_error",
    }
    if name != "x.warc":  # a checksum tells damage; a page without one may be changed and still be a page
        bodies = {item.fields["url"]: item.blobs["text"] for item in items if isinstance(item, Row)}
        originals = {f"http://a.org/{number}": item.partition(b"text/html\r\n\r\n")[2][:-4] for number, item in enumerate(whole)}
        assert all(originals[str(url)] == body for url, body in bodies.items())
    runs = sum(number in hit and number - 1 not in hit for number in range(100))
    assert runs <= len(rejects) + sum(f"http://a.org/{number}" in found for number in hit)
    assert len(items) <= 100 + len(hit)


@pytest.mark.parametrize("name", PACKINGS)
def test_a_file_that_is_cut_anywhere_gives_all_before_the_cut(tmp_path: Path, name: str) -> None:
    rng = random.Random(3)
    packed = [PACKINGS[name](page(number, rng)) for number in range(12)]
    ends = [sum(len(item) for item in packed[: number + 1]) for number in range(12)]
    data = b"".join(packed)
    for cut in sorted(rng.sample(range(1, len(data)), 60)):
        items = read_all(source(tmp_path, data[:cut], name))
        num_whole = sum(end - (4 if name == "x.warc" else 0) <= cut for end in ends)
        assert urls(items) == [f"http://a.org/{number}" for number in range(num_whole)]
        assert len(items) - num_whole == (cut not in ends and cut < ([0, *ends][num_whole] + len(data)) and cut > ([0, *ends][num_whole]))


def written(num_records: int, is_gzip: bool) -> tuple[bytes, Counter[str]]:
    """An archive as warcio writes it, and how many records of each type it has."""
    sink = io.BytesIO()
    writer = WARCWriter(sink, gzip=is_gzip)
    writer.write_record(writer.create_warcinfo_record("x.warc", {"software": "test"}))
    types = Counter(["warcinfo"])
    rng = random.Random(5)
    for number in range(num_records - 1):
        type = rng.choice(("response", "response", "request", "metadata", "resource"))
        types[type] += 1
        kind = "text/html" if type in ("response", "resource") else "application/warc-fields"
        headers = StatusAndHeaders("200 OK" if type == "response" else "GET / HTTP/1.1", [("Content-Type", kind)], protocol="HTTP/1.1")
        body = io.BytesIO(f"<p>{number} {'word ' * rng.randrange(60)}".encode())
        http = headers if type in ("response", "request") else None
        writer.write_record(
            writer.create_warc_record(f"http://a.org/{number}", type, body, http_headers=http, warc_content_type="" if http else kind)
        )
    return sink.getvalue(), types


@pytest.mark.parametrize("is_gzip", [False, True])
@pytest.mark.parametrize("num_records", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_records_as_warcio_and_fastwarc_count_them(tmp_path: Path, num_records: int, is_gzip: bool) -> None:
    data, types = written(num_records, is_gzip)
    archive = source(tmp_path, data, "x.warc.gz" if is_gzip else "x.warc", bytes_per_split=num_records * 100)
    assert len(archive.splits()) > 2
    items = [item for split in archive.splits() for item in archive.read(split)]
    assert Counter(item.rec_type for item in ArchiveIterator(io.BytesIO(data))) == types
    assert sum(1 for _ in FastIterator(io.BytesIO(data))) == len(items) == num_records
    assert len(urls(items)) == types["response"] + types["resource"]
    assert Counter(item.reason for item in items if isinstance(item, Reject)) == {
        "not_a_page": types["warcinfo"] + types["request"] + types["metadata"]
    }


def test_bombs_are_refused_by_count(tmp_path: Path) -> None:
    bomb = zipped(record(response(b"\0" * (64 << 20))), 9)
    assert summary(source(tmp_path, bomb + zipped(page(1)), max_record_bytes=1 << 20)) == ["record_too_large", "row"]
    junk = zipped(b"\n" * (8 << 20), 9)
    assert summary(source(tmp_path, junk + zipped(page(1)))) == ["row"]
    assert summary(source(tmp_path, zipped(b"x" * (8 << 20), 9) + zipped(page(1)))) == ["damaged_record", "row"]
    endless = b"WARC/1.0\r\n" + b"A: b\r\n" * 100_000
    assert summary(source(tmp_path, endless + b"\r\n" + page(1), "x.warc")) == ["damaged_record", "row"]
    huge = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 99999999999999\r\n\r\n"
    assert summary(source(tmp_path, zipped(huge + b"x") + zipped(page(1)))) == ["damaged_record", "row"]


@pytest.mark.parametrize("piece", [b"\x1f\x8b\x08\x1f", b"\nWARC/1.0\r\n", b"\nhttp://a " + b"1" * 14 + b" ", b"\x28\xb5\x2f\xfd"])
def test_a_file_of_false_beginnings_is_read_to_its_end(tmp_path: Path, piece: bytes) -> None:
    for name in ("x.warc.gz", "x.warc", "x.warc.zst"):
        items = read_all(source(tmp_path, piece * 20_000, name, bytes_per_split=1 << 30))
        assert items
        assert {item.reason for item in items if isinstance(item, Reject)} <= {"damaged_member", "damaged_record"}
        assert not urls(items)


def test_open_source_tells_archives_by_their_names(tmp_path: Path) -> None:
    for name in ("a.warc", "a.warc.gz", "a.warc.zst", "a.arc", "a.arc.gz", "a.warc.wet.gz"):
        (tmp_path / name).write_bytes(page(1))
        assert isinstance(open_source(str(tmp_path / name)), WarcArchive)
    assert isinstance(open_source(str(tmp_path)), WarcArchive)
    assert len(urls(read_all(open_source(str(tmp_path))))) == 6  # what a file is, its first bytes say
    assert len(urls(read_all(open_source(str(tmp_path / "*.warc"))))) == 1
    (gone,) = WarcArchive(str(tmp_path), "none.warc").splits()
    (item,) = WarcArchive(str(tmp_path), "none.warc").read(gone)
    assert isinstance(item, Reject)
    assert item.reason == "unreadable_file"
    with pytest.raises(ValueError, match="page_types is 'text/html', expected a list"):
        WarcArchive(str(tmp_path), page_types="text/html")  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "data"), [("x.warc.gz", bytes(7)), ("x.warc", b"\r\n" * 9), ("x.warc.zst", bytes(70_000))])
def test_a_file_of_filling_alone_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert summary(WarcArchive(str(tmp_path), name)) == ["damaged_record"]
