"""The bytes of a page as text: byte-order mark, HTTP header, <meta>, and where none of them says, a guess from the bytes.

Source: WHATWG Encoding Standard (labels: https://encoding.spec.whatwg.org/#names-and-labels) and the HTML standard's "determining the
character encoding". We differ on purpose in one point: bytes that are valid UTF-8 with some letters beyond ASCII are UTF-8 whatever
is stated, since text in another encoding is hardly ever valid UTF-8, and servers often state a default.
"""

from __future__ import annotations

import codecs
import itertools
import re
from dataclasses import dataclass

from schemas.facts import Fact
from schemas.outcome import Reason, Refused

CHARSET = Fact("text.charset", str, "Character encoding in which the page's bytes were read, empty where the source gave text")
NUM_UNDECODABLE = Fact("text.num_undecodable", int, "Places of the page whose bytes do not fit its character encoding")
UNDECODABLE = Reason("undecodable", "The page is binary data, or too many of its bytes fit no character encoding")

MAX_UNDECODABLE_RATIO = 0.05  # of the characters; random bytes in a one-byte encoding have 0.1
MIN_UTF8_CHARS = 3  # fewer beyond ASCII may be valid UTF-8 by accident
HEAD_BYTES = 16 << 10
GUESS_BYTES = 64 << 10

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_META = re.compile(rb"""<meta\b[^>]{0,1000}?\bcharset\s{0,20}=\s{0,20}["']?\s{0,20}([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_XML = re.compile(rb"""^\s{0,200}<\?xml[^>]{0,200}?\bencoding\s{0,20}=\s{0,20}["']([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_TAGS = re.compile(rb"<[^<>]{0,2000}>|[\x00-\x7f]{200,}")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")

_WHATWG = {
    "cp1252": "ascii us-ascii ansi_x3.4-1968 iso-8859-1 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 iso-ir-100 csisolatin1 latin1 latin-1"
    " l1 ibm819 cp819 x-cp1252 windows-1252 win-1252",
    "cp1254": "iso-8859-9 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 iso-ir-148 csisolatin5 latin5 l5 x-cp1254",
    "cp874": "iso-8859-11 iso8859-11 iso885911 tis-620 tis620 dos-874 windows-874",
    "gb18030": "gb2312 gb_2312 gb_2312-80 csgb2312 chinese iso-ir-58 csiso58gb231280 gbk x-gbk cp936 ms936 gb18030",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "cp932": "shift_jis shift-jis sjis x-sjis ms_kanji csshiftjis windows-31j ms932",
    "cp949": "euc-kr cseuckr korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 iso-ir-149 windows-949 uhc",
    "utf-8": "utf8 utf-8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8 utf-8-sig",
    "utf-16-le": "utf-16 utf-16le unicode ucs-2 iso-10646-ucs-2 csunicode unicodefeff",
    "utf-16-be": "utf-16be unicodefffe",
    "mac-roman": "macintosh mac x-mac-roman csmacintosh",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "iso8859-8": "iso-8859-8-i iso-8859-8-e logical visual csiso88598e csiso88598i",
    "koi8-u": "koi8-ru",
    "koi8-r": "koi koi8 koi8_r cskoi8r",
    "cp866": "ibm866 866 csibm866",
    "euc_jp": "x-euc-jp cseucpkdfmtjapanese",
}
LABELS = {label: codec for codec, labels in _WHATWG.items() for label in labels.split()}
_CODECS = {  # those of Python's that encode characters, by Python's names; the others rename letters or unpack bytes
    *("utf-8", "utf-16-le", "utf-16-be", "gb18030", "big5hkscs", "euc_jp", "iso2022_jp", "cp932", "cp949", "koi8-r", "koi8-u"),
    *("mac-roman", "mac-cyrillic", "cp874", "cp866", "cp437", "cp850", "cp852", "cp855", "cp857", "cp862", "ptcp154", "kz1048"),
    *(f"cp125{number}" for number in range(9)),
    *(f"iso8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)),
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """`charset` by Python's name for it; `num_undecodable` places became U+FFFD."""

    text: str
    charset: str
    num_undecodable: int


def codec_of(label: str) -> str:
    """Python's name of the encoding that a page's label means; empty for one that is unknown or no character encoding."""
    label = label.strip().strip("\"'").lower()
    if label in LABELS:
        return LABELS[label]
    try:
        found = codecs.lookup(label).name
    except (LookupError, ValueError):  # ValueError: a zero byte in it
        return ""
    return found if found in _CODECS else LABELS.get(found, "")


def decode_page(data: bytes, stated: str = "", max_undecodable_ratio: float = MAX_UNDECODABLE_RATIO) -> Decoded:
    """The text of a page. `stated` is the charset of its HTTP header.

    Of several encodings that are stated, the first in which all bytes fit counts, else the first.

    Raises: Refused with UNDECODABLE.
    """
    for mark, codec in _BOMS:
        if data.startswith(mark):
            return _checked(data[len(mark) :], codec, max_undecodable_ratio)
    if b"\0" not in data and _is_utf8(data):
        return _checked(data, "utf-8", max_undecodable_ratio)
    labels = [codec for codec in (codec_of(stated), *_labels_inside(data[:HEAD_BYTES])) if codec]
    fitting = next((codec for codec in labels if _fits(data, codec)), "")
    return _checked(data, fitting or (labels[0] if labels else _guess(data)), max_undecodable_ratio)


def _labels_inside(head: bytes) -> list[str]:
    """What a page says of itself. One that can be read as ASCII is not in UTF-16, whatever it says."""
    found = [codec_of(match[1].decode("ascii")) for pattern in (_XML, _META) if (match := pattern.search(head))]
    return ["utf-8" if codec.startswith("utf-16") else codec for codec in found]


def _is_utf8(data: bytes) -> bool:
    """Whether all bytes, but for a letter cut at the end, are UTF-8, and some letters are beyond ASCII."""
    try:
        text, _ = codecs.utf_8_decode(data, "strict", False)
    except UnicodeDecodeError:
        return False
    return sum(1 for _ in itertools.islice(_BEYOND_ASCII.finditer(text), MIN_UTF8_CHARS)) == MIN_UTF8_CHARS


def _fits(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _guess(data: bytes) -> str:
    """UTF-8 where nearly all letters beyond ASCII are; else by charset-normalizer, from what is not markup and not ASCII only."""
    text = data.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    if wrong * 10 <= sum(1 for _ in _BEYOND_ASCII.finditer(text)):
        return "utf-8"
    import charset_normalizer

    sample = _TAGS.sub(b" ", data)[:GUESS_BYTES]
    best = charset_normalizer.from_bytes(sample, steps=5, chunk_size=4096).best()
    return (codec_of(best.encoding) if best is not None else "") or "cp1252"


def _checked(data: bytes, codec: str, max_ratio: float) -> Decoded:
    text = data.decode(codec, "replace")
    said = data.count(b"\xef\xbf\xbd") if codec == "utf-8" else 0  # the page itself holds U+FFFD
    wrong = max(text.count("\ufffd") - said, 0)
    control = sum(1 for _ in _CONTROL.finditer(text))
    if wrong + control > max_ratio * len(text):
        raise Refused(UNDECODABLE, f"as {codec}, {wrong} places do not fit and {control} are control codes, of {len(text)} characters")
    return Decoded(text, codec, wrong)
