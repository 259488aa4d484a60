"""A .pptx file before and while it is opened: what is refused, and the parts and relationships of what is not.

The file is a zip of XML parts from an untrusted hand. What can be counted is counted first, on the zip's directory and on the
bytes of its XML: entries, sizes, ratios, document types, elements. Only then does a library open it, and it opens nothing
else: relationships to the outside are not followed, macros are parts like any other and are never run.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from typing import Any

from lxml import etree

from schemas.outcome import Reason, Refused

LEGACY_DECK = Reason("legacy_deck", "A PowerPoint file in the binary form of before 2007, whatever its name says")
ENCRYPTED_DECK = Reason("encrypted_deck", "The deck is encrypted: it opens with a password only")
UNREADABLE_DECK = Reason("unreadable_deck", "The file is cut, damaged, or no PowerPoint package")
TOO_LARGE_DECK = Reason(
    "too_large_deck", "The deck has more parts, bytes, slides or XML elements than the limits, or it inflates like a bomb"
)
DOCUMENT_TYPE = Reason("document_type", "A part of the deck declares a document type, as entity bombs do; Office files have none")
NO_SLIDES = Reason("no_slides", "The deck has no slide")
TOO_LARGE_SLIDE = Reason("too_large_slide", "The slide has more shapes, deeper groups, more cells or more text than the limits")
DECK_REASONS = (LEGACY_DECK, ENCRYPTED_DECK, UNREADABLE_DECK, TOO_LARGE_DECK, DOCUMENT_TYPE, NO_SLIDES)

MAX_ENTRIES = 20_000  # a deck of 500 slides has some 5,000 parts
MAX_BYTES = 512 << 20  # of all parts, inflated; above decks full of photos, and what the reader may hold in memory
MAX_XML_BYTES = 32 << 20  # of one XML part; slides have some 100 KB
MAX_ALL_XML_BYTES = 128 << 20
MAX_RATIO, MAX_RATIO_FROM_BYTES = 200, 16 << 20  # XML shrinks 10 to 50 times; a bomb 1,000 times
MAX_ELEMENTS = 1_000_000  # of all XML parts: about 1 GB once parsed
MAX_SLIDES = 2_000

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
ENCRYPTED_FLAG = 0x1
XML_SUFFIXES = (".xml", ".rels", ".vml")
DOCTYPES = tuple("<!DOCTYPE".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
PRESENTATION = re.compile(rb"presentationml\.(?:presentation|slideshow|template)\.main|ms-powerpoint\.\w+\.macroEnabled\.main")
READ_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, struct.error, UnicodeError)
# what python-pptx and lxml raise on parts that are not what they should be
OPEN_ERRORS = (*READ_ERRORS, etree.LxmlError, LookupError, ValueError, TypeError, AttributeError, AssertionError)


def check_deck(data: bytes) -> None:
    """Applies every limit that can be counted without parsing.

    Raises:
        Refused: one of DECK_REASONS but NO_SLIDES.
    """
    if data.startswith(OLE):
        reason = ENCRYPTED_DECK if ENCRYPTED_STREAM in data else LEGACY_DECK
        raise Refused(reason, "the file is an OLE compound file, expected a zip of XML parts (.pptx)")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_sizes(entries, len(data))
            _check_names(entries)
            _check_xml(archive, entries)
    except READ_ERRORS as error:
        raise Refused(UNREADABLE_DECK, f"reading the zip: {type(error).__name__}: {error}") from error


def _check_sizes(entries: list[zipfile.ZipInfo], size: int) -> None:
    if any(entry.header_offset < 0 for entry in entries):
        raise Refused(UNREADABLE_DECK, "the zip has lost its beginning: parts would lie before it")
    if len(entries) > MAX_ENTRIES:
        raise Refused(TOO_LARGE_DECK, f"{len(entries)} parts, expected {MAX_ENTRIES} at most")
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES:
        raise Refused(TOO_LARGE_DECK, f"{total >> 20} MiB inflated, expected {MAX_BYTES >> 20} at most")
    if total > MAX_RATIO_FROM_BYTES and total > MAX_RATIO * size:
        raise Refused(TOO_LARGE_DECK, f"{size} bytes inflate to {total}, {total // size} times as many, expected {MAX_RATIO} at most")
    xml = [entry.file_size for entry in entries if entry.filename.lower().endswith(XML_SUFFIXES)]
    if max(xml, default=0) > MAX_XML_BYTES or sum(xml) > MAX_ALL_XML_BYTES:
        limits = f"{MAX_XML_BYTES >> 20} MiB a part and {MAX_ALL_XML_BYTES >> 20} MiB in all"
        raise Refused(TOO_LARGE_DECK, f"XML of {sum(xml) >> 20} MiB, the largest part {max(xml) >> 20} MiB, expected {limits} at most")
    for entry in entries:
        if entry.flag_bits & ENCRYPTED_FLAG:
            raise Refused(ENCRYPTED_DECK, f"part {entry.filename!r} is encrypted")


def _check_names(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    odd = next((name for name in names if name.startswith(("/", "\\")) or ":" in name or ".." in re.split(r"[/\\]", name)), None)
    if odd is not None:
        raise Refused(UNREADABLE_DECK, f"part {odd!r} would lie outside the package")
    if len(set(names)) < len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise Refused(UNREADABLE_DECK, f"part {twice!r} is there twice, and readers differ in which they take")


def _check_xml(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Every XML part is inflated once: no document type, and not more elements than a reader can hold."""
    by_name = {entry.filename: entry for entry in entries}
    if "[Content_Types].xml" not in by_name:
        raise Refused(UNREADABLE_DECK, "the zip has no [Content_Types].xml: it is no Office file")
    if PRESENTATION.search(archive.read(by_name["[Content_Types].xml"])) is None:
        raise Refused(UNREADABLE_DECK, "the package holds no presentation")
    num_elements = 0
    for entry in entries:
        if not entry.filename.lower().endswith(XML_SUFFIXES):
            continue
        try:
            content = archive.read(entry)
        except READ_ERRORS as error:
            raise Refused(UNREADABLE_DECK, f"part {entry.filename!r}: {type(error).__name__}: {error}") from error
        if any(doctype in content for doctype in DOCTYPES):
            raise Refused(DOCUMENT_TYPE, f"part {entry.filename!r} declares a document type")
        num_elements += content.count(b"<") - content.count(b"</")
        if num_elements > MAX_ELEMENTS:
            raise Refused(TOO_LARGE_DECK, f"more than {MAX_ELEMENTS} XML elements")


def open_presentation(data: bytes) -> Any:
    """The presentation's main part, by python-pptx. The deck must have passed `check_deck`.

    Raises:
        Refused: UNREADABLE_DECK.
    """
    from pptx.exc import PythonPptxError
    from pptx.opc.package import OpcPackage

    try:
        part = OpcPackage.open(io.BytesIO(data)).main_document_part
    except (*OPEN_ERRORS, PythonPptxError) as error:
        raise Refused(UNREADABLE_DECK, f"opening the package: {type(error).__name__}: {error}") from error
    if root_of(part) is None or name_of(root_of(part)) != "presentation":
        raise Refused(UNREADABLE_DECK, "the package's main part is no presentation")
    return part


def root_of(part: Any) -> Any:
    """The root element of an XML part; None for a part of another kind."""
    return getattr(part, "_element", None)


def name_of(element: Any) -> str:
    """The local name of an element; empty for comments and processing instructions."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def related(part: Any, kind: str) -> Any:
    """The part at the end of the first internal relationship whose type ends in `kind`; None when there is none."""
    for relationship in part.rels.values():
        if relationship.reltype.endswith("/" + kind) and not relationship.is_external:
            return relationship.target_part
    return None


def related_by_id(part: Any, identity: str | None) -> Any:
    """The part of one relationship; None when it does not exist or leads outside."""
    if not identity or identity not in part.rels:
        return None
    relationship = part.rels[identity]
    return None if relationship.is_external else relationship.target_part


def parse_part(part: Any) -> Any:
    """The root of a part that python-pptx keeps as bytes (themes, table styles, comments); None when it is no XML."""
    if part is None:
        return None
    if root_of(part) is not None:
        return root_of(part)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_blank_text=True)
    try:
        return etree.fromstring(part.blob, parser)
    except (etree.LxmlError, ValueError):
        return None
