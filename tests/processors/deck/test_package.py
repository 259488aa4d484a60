"""What is refused before a deck is opened, each with its nearest neighbour that is not, and decks made to hurt their reader."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from processors.deck.office import without_links
from processors.deck.package import (
    DOCUMENT_TYPE,
    ENCRYPTED_DECK,
    LEGACY_DECK,
    MAX_ELEMENTS,
    MAX_ENTRIES,
    NO_SLIDES,
    OLE,
    TOO_LARGE_DECK,
    UNREADABLE_DECK,
    check_deck,
)
from processors.deck.read import MAX_SLIDES, read_checked, read_deck
from schemas.outcome import Reason, Refused
from tests.processors.deck.build import changed, deck_of, read, swapped, text_box

CONTENT_TYPES, SLIDE = "[Content_Types].xml", "ppt/slides/slide1.xml"


@pytest.fixture(scope="module")
def plain() -> bytes:
    return deck_of(lambda slide: text_box(slide, "Hello"))


def refusal(data: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        check_deck(data)
    return caught.value


def of_zeros(plain: bytes, size: int) -> bytes:
    return changed(plain, {"ppt/media/image9.png": bytes(size)})


def test_an_ordinary_deck_passes(plain):
    check_deck(plain)
    assert len(read_deck(plain).slides) == 1


@pytest.mark.parametrize(
    ("name", "make", "reason", "says"),
    [
        ("binary", lambda plain: OLE + bytes(500), LEGACY_DECK, "OLE"),
        ("password", lambda plain: OLE + bytes(500) + "EncryptedPackage".encode("utf-16-le"), ENCRYPTED_DECK, "OLE"),
        ("empty", lambda plain: b"", UNREADABLE_DECK, "not a zip"),
        ("text", lambda plain: b"<html>" * 100, UNREADABLE_DECK, "not a zip"),
        ("cut", lambda plain: plain[: len(plain) * 7 // 10], UNREADABLE_DECK, "not a zip"),
        ("cut at the front", lambda plain: plain[4:], UNREADABLE_DECK, "lost its beginning"),
        ("no types", lambda plain: changed(plain, {CONTENT_TYPES: None}), UNREADABLE_DECK, "no Office file"),
        ("a document", lambda plain: changed(plain, {CONTENT_TYPES: lambda old: old.replace(b"presentationml.", b"wordprocessingml.")}), UNREADABLE_DECK, "no presentation"),
        ("outside", lambda plain: changed(plain, {"../../etc/passwd": b"x"}), UNREADABLE_DECK, "outside the package"),
        ("absolute", lambda plain: changed(plain, {"/etc/passwd": b"x"}), UNREADABLE_DECK, "outside the package"),
        ("bomb", lambda plain: of_zeros(plain, 32 << 20), TOO_LARGE_DECK, "inflate to"),
        ("doctype", lambda plain: changed(plain, {SLIDE: swapped("<p:sld ", "<!DOCTYPE a []><p:sld ")}), DOCUMENT_TYPE, "slide1.xml"),
        ("wide doctype", lambda plain: changed(plain, {"ppt/slides/slide9.xml": "\ufeff<!DOCTYPE a [<!ENTITY b 'c'>]><a/>".encode("utf-16-le")}), DOCUMENT_TYPE, "slide9.xml"),
        ("elements", lambda plain: changed(plain, {SLIDE: b"<a>" + b"<b/>" * (MAX_ELEMENTS + 1) + b"</a>"}), TOO_LARGE_DECK, "elements"),
    ],
)  # fmt: skip
def test_refusals(plain, name, make, reason: Reason, says):
    refused = refusal(make(plain))
    assert (refused.reason, says in refused.detail) == (reason, True), (name, refused.detail)


def test_zeros_that_are_few_are_no_bomb(plain):
    check_deck(of_zeros(plain, 4 << 20))


def test_a_file_of_ten_gigabytes_is_refused_by_what_its_directory_says(plain):
    """Nothing is inflated: the sizes in the directory are enough, and there is no way to write them small (next test)."""
    entries = bytearray(of_zeros(plain, 1 << 20))
    place = entries.rfind(b"ppt/media/image9.png") - 46  # the entry of the directory
    assert entries[place : place + 4] == b"PK\x01\x02"
    entries[place + 24 : place + 28] = struct.pack("<I", 0xF000_0000)
    assert refusal(bytes(entries)).reason is TOO_LARGE_DECK


def test_a_part_that_is_larger_than_its_directory_says_is_damaged(plain):
    entries = bytearray(plain)
    place = entries.rfind(SLIDE.encode()) - 46
    assert entries[place : place + 4] == b"PK\x01\x02"
    entries[place + 24 : place + 28] = struct.pack("<I", 10)
    assert "slide1.xml" in refusal(bytes(entries)).detail


def test_a_name_that_is_there_twice(plain):
    sink = io.BytesIO(plain)
    with zipfile.ZipFile(sink, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(SLIDE, b"<a/>")
    assert "twice" in refusal(sink.getvalue()).detail


def test_too_many_entries():
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for number in range(MAX_ENTRIES + 1):
            archive.writestr(str(number), b"")
    assert refusal(sink.getvalue()).reason is TOO_LARGE_DECK


def test_an_encrypted_part(plain):
    entries = bytearray(plain)
    place = entries.find(b"PK\x01\x02")
    entries[place + 8] |= 1
    assert refusal(bytes(entries)).reason is ENCRYPTED_DECK


def test_a_deck_without_slides():
    with pytest.raises(Refused) as caught:
        read(deck_of())
    assert caught.value.reason is NO_SLIDES


def test_a_list_of_too_many_slides(plain):
    more = "".join(f'<p:sldId id="{900 + number}" r:id="rId7"/>' for number in range(MAX_SLIDES))
    with pytest.raises(Refused) as caught:
        read(changed(plain, {"ppt/presentation.xml": swapped("</p:sldIdLst>", more + "</p:sldIdLst>")}))
    assert caught.value.reason is TOO_LARGE_DECK


def test_slides_without_a_size_that_can_be_drawn(plain):
    with pytest.raises(Refused, match="sides of 20 to 5000 pt"):
        read(changed(plain, {"ppt/presentation.xml": swapped('cx="9144000"', 'cx="0"')}))


def test_elements_nested_too_deep_for_the_parser(plain):
    deep = "<p:grpSp>" * 400 + "</p:grpSp>" * 400
    with pytest.raises(Refused) as caught:
        read(changed(plain, {SLIDE: swapped("<p:sp>", deep + "<p:sp>")}))
    assert caught.value.reason is UNREADABLE_DECK


def test_a_package_whose_main_part_is_missing(plain):
    with pytest.raises(Refused) as caught:
        read_checked(changed(plain, {"ppt/presentation.xml": None}))
    assert caught.value.reason is UNREADABLE_DECK


def test_a_deck_with_macros_is_read_and_its_program_is_a_part_like_any_other(plain):
    macro = "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml"
    kind = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
    deck = read(changed(plain, {CONTENT_TYPES: swapped(kind, macro), "ppt/vbaProject.bin": b"\0" * 100}))
    assert [shape["kind"] for shape in deck["slides"][0]["shapes"]] == ["text"]


def test_a_slide_show_is_a_deck(plain):
    kind = "presentationml.presentation.main+xml"
    assert len(read(changed(plain, {CONTENT_TYPES: swapped(kind, "presentationml.slideshow.main+xml")}))["slides"]) == 1


def test_links_are_cut_and_hyperlinks_stay(plain):
    def relationships(target: str, kind: str) -> str:
        return f'<Relationship Id="rId90" Type="http://x/{kind}" Target="{target}" TargetMode="External"/></Relationships>'

    name = "ppt/slides/_rels/slide1.xml.rels"
    linked = changed(plain, {name: swapped("</Relationships>", relationships("http://10.0.0.1/a.png", "image"))})
    linked = changed(linked, {name: swapped("</Relationships>", relationships("http://example.org", "hyperlink"))})
    with zipfile.ZipFile(io.BytesIO(without_links(linked))) as archive:
        told = archive.read(name)
    assert (b"10.0.0.1" in told, b"example.org" in told, b"slideLayout" in told) == (False, True, True)
    assert without_links(linked) == without_links(linked)


def test_a_relationship_without_its_name_is_a_damaged_package(plain):
    spoilt = changed(plain, {"ppt/slides/_rels/slide1.xml.rels": swapped(' Id="rId1"', "")})
    with pytest.raises(Refused, match="opening the package: InvalidXmlError") as caught:
        read_checked(spoilt)
    assert caught.value.reason == UNREADABLE_DECK
