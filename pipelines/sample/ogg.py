"""Ogg files with a fixed stream serial: libsndfile draws one from the clock, and it stands in every page.

Source: RFC 3533, section 6 (page header: serial at bytes 14 to 17, checksum at 22 to 25).
"""

from __future__ import annotations

HEADER_BYTES = 27


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)
        table.append(crc & 0xFFFFFFFF)
    return tuple(table)


CRC_TABLE = _crc_table()


def _crc(data: bytes | bytearray) -> int:
    """The checksum of RFC 3533: polynomial 0x04c11db7, not reflected, starting at zero."""
    crc = 0
    for byte in data:
        crc = ((crc << 8) & 0xFFFFFFFF) ^ CRC_TABLE[(crc >> 24) ^ byte]
    return crc


def with_serial(data: bytes, serial: int) -> bytes:
    """The same single-stream Ogg file with this serial in every page.

    Raises: ValueError when the bytes are not a whole number of Ogg pages.
    """
    pages, at = [], 0
    while at < len(data):
        if data[at : at + 4] != b"OggS" or at + HEADER_BYTES > len(data):
            raise ValueError(f"byte {at} of {len(data)} starts no Ogg page")
        num_segments = data[at + 26]
        body = at + HEADER_BYTES + num_segments
        stop = body + sum(data[at + HEADER_BYTES : body])
        page = bytearray(data[at:stop])
        page[14:18] = serial.to_bytes(4, "little")
        page[22:26] = bytes(4)
        page[22:26] = _crc(page).to_bytes(4, "little")
        pages.append(bytes(page))
        at = stop
    return b"".join(pages)
