"""Bytes of pages: the encoding that is stated, that which a page says of itself, guesses, and what is no text."""

from __future__ import annotations

import random

import pytest

from processors.dialogue import TextTask
from processors.text.charset import codec_of, decode_page
from schemas.outcome import Refused, Reject
from schemas.records import Document, Origin, Row

RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей же чаю. " * 20
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 20
CHINESE = "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。" * 20
GREEK = "Οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια. " * 20
FRENCH = "« Voix ambiguë d’un cœur qui, au zéphyr, préfère les jattes de kiwis » — 5 € ! " * 5


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("latin1", "cp1252"),
        ("ISO-8859-1", "cp1252"),
        (" 'us-ascii' ", "cp1252"),
        ("gb2312", "gb18030"),
        ("GBK", "gb18030"),
        ("shift_jis", "cp932"),
        ("x-sjis", "cp932"),
        ("euc-kr", "cp949"),
        ("ks_c_5601-1987", "cp949"),
        ("big5", "big5hkscs"),
        ("iso-8859-9", "cp1254"),
        ("tis-620", "cp874"),
        ("iso-8859-2", "iso8859-2"),
        ("windows-1251", "cp1251"),
        ("koi8-r", "koi8-r"),
        ("euc-jp", "euc_jp"),
        ("utf8", "utf-8"),
        ("unicode", "utf-16-le"),
        ("utf-7", ""),
        ("rot13", ""),
        ("base64", ""),
        ("zip", ""),
        ("idna", ""),
        ("unicode_escape", ""),
        ("no-such", ""),
        ("a\0b", ""),
        ("", ""),
    ],
)
def test_labels_mean_what_browsers_take_them_for(label: str, codec: str) -> None:
    assert codec_of(label) == codec


@pytest.mark.parametrize(
    ("text", "codec", "stated"),
    [
        (FRENCH, "cp1252", "latin1"),
        (RUSSIAN, "cp1251", "windows-1251"),
        (RUSSIAN, "koi8-r", "KOI8-R"),
        (JAPANESE, "cp932", "shift_jis"),
        (JAPANESE, "euc_jp", "euc-jp"),
        (JAPANESE, "iso2022_jp", "iso-2022-jp"),
        (CHINESE, "gb18030", "gb2312"),
        (CHINESE, "utf-16-le", "utf-16"),
        (GREEK, "iso8859-7", "iso-8859-7"),
        ("plain words", "utf-8", "utf-8"),
    ],
)
def test_what_is_stated_is_used(text: str, codec: str, stated: str) -> None:
    found = decode_page(text.encode(codec), stated)
    assert (found.text, found.charset, found.num_undecodable) == (text, codec, 0)
    if codec not in ("utf-16-le", "utf-8"):
        inside = f'<html><head><meta http-equiv="Content-Type" content="text/html; charset={stated}">'
        assert decode_page(inside.encode() + text.encode(codec)).text == inside + text


def test_the_order_of_what_is_stated() -> None:
    russian = RUSSIAN.encode("cp1251")
    meta = b"<meta charset='koi8-r'>"
    assert decode_page(meta + russian, "windows-1251").charset == "cp1251"
    assert decode_page(meta + russian).charset == "koi8-r"
    assert decode_page(b"<?xml version='1.0' encoding='windows-1251'?>" + russian).charset == "cp1251"
    assert decode_page(b"<meta charset='utf-16'><p>ASCII").charset == "utf-8"
    assert decode_page(b"\xef\xbb\xbf" + RUSSIAN.encode(), "koi8-r") == decode_page(RUSSIAN.encode())
    assert decode_page(b"\xfe\xff" + RUSSIAN.encode("utf-16-be")).text == RUSSIAN
    assert decode_page(b"\xff\xfe" + RUSSIAN.encode("utf-16-le"), "utf-8").text == RUSSIAN
    # one in which the bytes fit comes before one in which they do not
    assert decode_page(b"<meta charset='windows-1252'>" + FRENCH.encode("cp1252"), "utf-8").charset == "cp1252"


def test_valid_utf8_is_utf8_whatever_is_stated() -> None:
    assert decode_page("<p>na\u00efve caf\u00e9 \u2014 5 \u20ac".encode(), "latin1").text == "<p>na\u00efve caf\u00e9 \u2014 5 \u20ac"
    assert decode_page("\u00e9\u00e9".encode(), "latin1").text == "Ã©Ã©"  # two letters may be so by accident
    assert decode_page(RUSSIAN.strip().encode()[:-3] + b"\xd1", "latin1").num_undecodable == 1  # a letter is cut at the end
    assert decode_page(RUSSIAN.encode() + b"\xff" + RUSSIAN.encode()).charset == "utf-8"  # one wrong byte makes no other encoding


@pytest.mark.parametrize(("text", "codec"), [(RUSSIAN, "cp1251"), (JAPANESE, "cp932"), (CHINESE, "gb18030"), (GREEK, "cp1253")])
def test_what_is_not_stated_is_guessed(text: str, codec: str) -> None:
    assert decode_page(b"<html><p>" + text.encode(codec)).text == "<html><p>" + text


def test_bytes_that_do_not_fit_are_counted_and_too_many_refused() -> None:
    data = b"a" * 95 + b"\xff" * 5
    found = decode_page(data, "utf-8")
    assert (found.num_undecodable, found.text.count("\ufffd")) == (5, 5)
    with pytest.raises(Refused, match="undecodable: as utf-8, 6 places do not fit and 0 are control codes, of 100 characters"):
        decode_page(b"a" * 94 + b"\xff" * 6, "utf-8")
    own = "\ufffd" * 50
    assert decode_page(own.encode()).num_undecodable == 0
    assert decode_page(b"", "utf-8").text == ""


@pytest.mark.parametrize("stated", ["", "latin1", "utf-8", "gb2312", "koi8-r", "utf-16"])
def test_binary_data_are_refused(stated: str) -> None:
    noise = random.Random(1).randbytes(20_000)
    for data in (noise, b"\x89PNG\r\n\x1a\n" + noise, b"%PDF-1.7\n" + noise, bytes(1_000), b"\x7fELF" + bytes(500) + noise):
        if stated == "utf-16":
            continue  # most pairs of bytes are some letter there
        with pytest.raises(Refused, match="undecodable"):
            decode_page(data, stated)


def test_hostile_bytes_take_no_long() -> None:
    for data in (
        b"<meta " * 500_000,
        b"<?xml " * 500_000,
        b"<meta charset" + b" " * 1_000_000,
        b"\xe9" * 1_000_000,
        b"<" * 1_000_000 + b"\xe9",
    ):
        assert decode_page(data).charset


def row(fields: dict[str, object], **blobs: bytes) -> Row:
    return Row("k", Origin("s"), fields, blobs)


def test_text_task_reads_columns_and_pages() -> None:
    for name in ("text", "content", "raw_content", "html"):
        found = TextTask()(row({name: " words ", "language": "English", "url": "http://a.org"}))
        assert isinstance(found, Document)
        assert found.text == "words"
        assert found.facts == {"text.stated_language": "en", "text.url": "http://a.org", "text.charset": "", "text.num_undecodable": 0}
    page = TextTask()(row({"charset": "gb2312", "source_url": "http://b.org"}, text=CHINESE.encode("gb18030")))
    assert isinstance(page, Document)
    assert page.text == CHINESE
    assert (page.facts["text.charset"], page.facts["text.url"]) == ("gb18030", "http://b.org")
    assert TextTask()(row({"text": "words", "html": "<p>words"})).text == "words"  # type: ignore[union-attr]


def test_text_task_refuses_rows_without_text() -> None:
    for made in (row({}), row({"text": " "}), row({"text": 3}), row({}, text=b" \n")):
        found = TextTask()(made)
        assert isinstance(found, Reject)
        there = "text" if "text" in made.fields else "no column"
        expected = f"expected a non-empty text, content, raw_content, html, or a page; the row has {there}"
        assert (found.reason, found.detail) == ("no_text", expected)
    assert TextTask()(row({}, text=bytes(100))).reason == "undecodable"  # type: ignore[union-attr]
    assert isinstance(TextTask(max_undecodable_ratio=1.0)(row({}, text=bytes(100))), Document)


def test_text_task_joins_named_columns() -> None:
    solved = {"question": "How many? ", "answer": "Three.", "text": "not asked for"}
    task = TextTask(("question", "answer"))
    assert task(row(solved)).text == "How many?\n\nThree."  # type: ignore[union-attr]
    found = task(row({"question": "How many?"}, text=b"a page"))
    assert isinstance(found, Reject)
    assert (found.reason, found.detail) == ("no_text", "expected all of question, answer; the row has question")
