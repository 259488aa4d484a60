"""The main text of a web page with its images where they stand.

trafilatura finds the main text and keeps pictures in place (Barbaresi, ACL 2021). Pages name pictures in many ways, so every
<img> is first given a number for its address, and the addresses that the page offers for it are remembered: those of `srcset`
and of a <picture> around it, the largest first, then those of lazy loading, then `src`. Nothing is ever fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processors.guard import Answer, Limits, guarded
from schemas.outcome import Reason, Refused

NO_MAIN_TEXT = Reason("no_main_text", "The page has no main text that an extractor can find")
PAGE_TOO_LARGE = Reason("page_too_large", "The page has more bytes or elements than the extractor is given")

MAX_PAGE_BYTES = 10 << 20  # the largest of 57 real pages has 0.25 MB
MAX_ELEMENTS = 40_000  # the extractor's time grows faster than the page: a second for these, a minute for ten times as many
LIMITS = Limits(cpu_s=60.0, memory_bytes=2 << 30)

LAZY = ("data-src", "data-original", "data-lazy-src", "data-lazy", "data-original-src", "data-hi-res-src", "data-full-src")
SETS = ("srcset", "data-srcset", "data-lazy-srcset")
_OURS = "https://image.invalid/"
_CANDIDATE = re.compile(r"(\S*[^,\s])(?:\s+(\d{1,9}(?:\.\d{1,6})?)([wx]))?")
_BLOCKS = frozenset(("p", "head", "item", "row", "quote", "list", "table", "code", "ab", "div", "fw", "lg", "l"))  # of trafilatura's TEI


@dataclass(frozen=True, slots=True)
class PageImage:
    """Where an image stands, and the addresses that the page has for it, the best first."""

    addresses: tuple[str, ...]
    alt: str = ""


@dataclass(frozen=True, slots=True)
class PageText:
    """`pieces` in reading order: paragraphs, and the images between them."""

    pieces: tuple[str | PageImage, ...]


def read_page(data: bytes) -> PageText:
    """The main text of an HTML page, in a child process that may be ended.

    Raises:
        Refused: NO_MAIN_TEXT, PAGE_TOO_LARGE, or `too_costly` of the guard.
    """
    if len(data) > MAX_PAGE_BYTES:
        raise Refused(PAGE_TOO_LARGE, f"{len(data)} bytes, at most {MAX_PAGE_BYTES}")
    told, _ = guarded(extract_page, {}, [data], LIMITS)
    return page_text(told)


def page_text(told: Mapping[str, Any]) -> PageText:
    """What `extract_page` tells, as a value."""
    pieces = (piece if isinstance(piece, str) else PageImage(tuple(piece["addresses"]), piece["alt"]) for piece in told["pieces"])
    return PageText(tuple(pieces))


def extract_page(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    """The guarded work of `read_page`."""
    import trafilatura
    from lxml import etree

    tree = trafilatura.load_html(blobs[0])
    if tree is None:
        raise Refused(NO_MAIN_TEXT, f"no HTML was found in {len(blobs[0])} bytes")
    num_elements = sum(1 for _ in tree.iter())
    if num_elements > MAX_ELEMENTS:
        raise Refused(PAGE_TOO_LARGE, f"{num_elements} elements, at most {MAX_ELEMENTS}")
    images = _number_images(tree)
    found = trafilatura.bare_extraction(tree, include_images=True, include_comments=False, include_tables=True)
    body = getattr(found, "body", None)
    pieces: list[Any] = []
    for piece in _walk(etree.iterwalk(body, events=("start", "end"))) if body is not None else ():
        pieces.append(piece if isinstance(piece, str) else images[piece])
    if not any(isinstance(piece, str) for piece in pieces):
        raise Refused(NO_MAIN_TEXT, f"nothing was found in {len(blobs[0])} bytes of HTML")
    return {"pieces": pieces}, []


def _number_images(tree: Any) -> list[dict[str, Any]]:
    """Remembers the addresses of every <img>, and puts its number in their place. Figures become plain blocks, which are kept."""
    images: list[dict[str, Any]] = []
    for image in tree.iter("img"):
        sets: list[str] = []
        around = next(image.iterancestors("picture"), None)  # not its parent: to the parser, a <source> holds what follows it
        if around is not None:
            sets = [source.get(name) or "" for source in around.iter("source") for name in SETS]
        sets += [image.get(name) or "" for name in SETS]
        addresses = [*_largest_first(sets), *(image.get(name) or "" for name in (*LAZY, "src"))]
        images.append({"addresses": list(dict.fromkeys(filter(None, map(str.strip, addresses)))), "alt": image.get("alt") or ""})
        image.attrib.clear()
        image.set("src", f"{_OURS}{len(images) - 1}.png")
    for unwrapped in list(tree.iter("picture", "source")):
        unwrapped.drop_tag()
    for tag, plain in (("figure", "div"), ("figcaption", "p")):
        for element in list(tree.iter(tag)):
            element.tag = plain
            element.attrib.clear()
    return images


def _largest_first(sets: Sequence[str]) -> list[str]:
    """The addresses of `srcset`s, by their stated width or density; those without one last."""
    found: list[tuple[float, int, str]] = []
    for offered in sets:
        for address, size, _ in _CANDIDATE.findall(offered):
            found.append((-float(size or 0), len(found), address.lstrip(",")))
    return [address for _, _, address in sorted(found)]


def _walk(events: Iterator[tuple[str, Any]]) -> Iterator[str | int]:
    """Paragraphs, and numbers of images, in the order of the extracted text."""
    held: list[str] = []
    depth_of_list = 0

    def paragraph() -> Iterator[str]:
        lines = (" ".join(line.split()).strip("| ") for line in "".join(held).split("\n"))
        text = "\n".join(line for line in lines if line and line != "-")
        held.clear()
        if text:
            yield text

    for event, element in events:
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            if tag == "graphic":
                number = (element.get("src") or "").removeprefix(_OURS).removesuffix(".png")
                yield from paragraph()
                if number.isdigit():
                    yield int(number)
            elif tag in _BLOCKS:
                yield from paragraph() if tag not in ("item", "list", "row") or not depth_of_list else ()
                depth_of_list += tag in ("list", "table")
            held += {"item": ["\n- "], "row": ["\n"], "lb": ["\n"]}.get(tag, [])
            held.append(_flat(element.text, tag))
        else:
            if tag == "cell" and element.getnext() is not None:
                held.append(" | ")
            depth_of_list -= tag in ("list", "table")
            if tag in _BLOCKS and not depth_of_list:
                yield from paragraph()
            held.append(_flat(element.tail, ""))
    yield from paragraph()


def _flat(text: str | None, tag: str) -> str:
    """Text in which a line's end is a space, save in code."""
    return (text or "") if tag == "code" else re.sub(r"\s+", " ", text or "")
