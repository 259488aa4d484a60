"""Bytes of a file of unknown encoding into text that a reader could see, with the limits and reasons that all readers share."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable

from charset_normalizer import from_bytes

from schemas.outcome import Reason, Refused

NO_TABLE = Reason("no_table", "The file has no table, or only empty ones")
NOT_A_TEXT_FILE = Reason("not_a_text_file", "The bytes are no text in any encoding")
TOO_LARGE_TABLE = Reason("too_large_table", "The table has more bytes, cells or characters than are read, or than one picture shows")
TOO_DEEP = Reason("too_deep", "The page's elements are nested deeper than they are read")
READ_REASONS = (NO_TABLE, NOT_A_TEXT_FILE, TOO_LARGE_TABLE, TOO_DEEP)

MAX_FILE_BYTES = 4_000_000  # a table that a picture can show has some thousand; the rest is for pages with much around it
MAX_CELLS = 50_000
MAX_CELL_CHARS = 10_000
LOOKED_AT_BYTES = 65_536
LATIN_HIGH_BYTES = 0.25  # of all bytes: text in Latin letters has fewer outside ASCII

_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([a-zA-Z0-9_:.-]{1,40})""", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_LATIN_1 = ("iso8859-1", "ascii")  # pages that say so mean Windows-1252 (WHATWG Encoding)
_NO_PAGE = (
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "utf-32-le",
    "utf-32-be",
    "utf-7",
    "idna",
    "punycode",
)  # nor text as a page spells it
# what no reader sees: soft hyphens, zero-width spaces, and marks that turn the order of what stands around them
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

_HYPHENS = str.maketrans("\u2010\u2011", "--")  # look like the one on the keyboard


def decode_text(data: bytes, is_page: bool = False) -> str:
    """The text of a file: by its byte order mark, by what a page declares, as UTF-8, or by what its bytes look like.

    Raises: Refused when the bytes are too many, or no text.
    """
    if len(data) > MAX_FILE_BYTES:
        raise Refused(TOO_LARGE_TABLE, f"{len(data)} bytes, at most {MAX_FILE_BYTES}")
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if b"\x00" in data:
        raise Refused(NOT_A_TEXT_FILE, "the file has zero bytes and no byte order mark")
    for encoding in (*(_declared(data) if is_page else ()), "utf-8"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    head = data[:LOOKED_AT_BYTES]
    if sum(byte > 127 for byte in head) < LATIN_HIGH_BYTES * len(head):
        return data.decode("cp1252", "replace")
    best = from_bytes(head).best()
    if best is None:
        raise Refused(NOT_A_TEXT_FILE, "the bytes are text in no encoding that is known")
    return data.decode(best.encoding, "replace")


def _declared(data: bytes) -> list[str]:
    """The encoding that a page states, where Python has it."""
    found = _CHARSET.search(data[:4_096])
    if found is None:
        return []
    try:
        name = codecs.lookup(found[1].decode("ascii")).name
        "a".encode(name)  # LookupError for what is a codec but no encoding of text, such as hex
    except LookupError:
        return []
    if name in _NO_PAGE:
        return []
    return ["cp1252" if name in _LATIN_1 else name]


def clean(text: str) -> str:
    """The text that a reader sees: composed characters, single spaces, no control characters and marks; line breaks are kept."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").translate(_HYPHENS)
    lines = [" ".join(line.split()) for line in _CONTROL.sub(" ", _INVISIBLE.sub("", text)).split("\n")]
    return "\n".join(line for line in lines if line)


def check_cells(texts: Iterable[str]) -> None:
    """Raises: Refused when a cell's text is longer than is read."""
    longest = max(map(len, texts), default=0)
    if longest > MAX_CELL_CHARS:
        raise Refused(TOO_LARGE_TABLE, f"a cell of {longest} characters, at most {MAX_CELL_CHARS}")
