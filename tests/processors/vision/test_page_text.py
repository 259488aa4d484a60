"""Pages: images stand where they stand in the text, the best address first, boilerplate out, and hostile pages end."""

from __future__ import annotations

import pytest

from processors.vision.page_text import MAX_ELEMENTS, MAX_PAGE_BYTES, PageImage, extract_page, page_text, read_page
from schemas.outcome import Refused

PARAGRAPHS = [
    "The first paragraph tells about ducks that live in the north and swim in cold lakes all the year round.",
    "The second paragraph goes on for quite a while about ducks, their feathers and what they eat in winter.",
    "The third paragraph is here to be the third paragraph, which it is with all its words and more of them.",
]


def page(*middle: str) -> bytes:
    """A page in which the middle parts stand between the paragraphs."""
    body = f"<p>{PARAGRAPHS[0]}</p>{middle[0]}<p>{PARAGRAPHS[1]}</p>{middle[1] if len(middle) > 1 else ''}<p>{PARAGRAPHS[2]}</p>"
    return (
        '<!DOCTYPE html><html><head><title>Ducks</title></head><body><nav><a href="/">home</a><img src="nav.png"></nav>'
        f"<main><article>{body}</article></main><aside><img src='ad.png'>Buy now</aside><footer>Imprint <img src='foot.png'></footer></body></html>"
    ).encode()


def pieces(*middle: str) -> list[str | PageImage]:
    return list(page_text(extract_page({}, [page(*middle)])[0]).pieces)


def addresses(markup: str) -> tuple[str, ...]:
    return next(piece.addresses for piece in pieces(markup) if isinstance(piece, PageImage))


@pytest.mark.parametrize(
    "markup",
    [
        '<img src="a.png">',
        '<p><img src="a.png"></p>',
        '<div class="image"><a href="x.html"><img src="a.png"></a></div>',
        '<figure><img src="a.png"></figure>',
        '<picture><source type="image/webp"><img src="a.png"></picture>',
        '<figure class="wp-block"><picture><img src="a.png"></picture></figure>',
    ],
)
def test_an_image_stands_where_it_stands(markup: str) -> None:
    assert pieces(markup) == [PARAGRAPHS[0], PageImage(("a.png",)), *PARAGRAPHS[1:]]


def test_a_caption_follows_its_figure() -> None:
    found = pieces(
        '<figure><img src="a.png" alt="a duck"><figcaption>A duck in the evening light.</figcaption></figure>', '<img src="b.png">'
    )
    assert found == [
        *(PARAGRAPHS[0], PageImage(("a.png",), "a duck"), "A duck in the evening light."),
        *(PARAGRAPHS[1], PageImage(("b.png",)), PARAGRAPHS[2]),
    ]


def test_an_image_inside_a_paragraph_parts_it() -> None:
    found = pieces('<p>Before the picture there are words <img src="a.png"> and behind it there are more words.</p>')
    assert found[1:4] == ["Before the picture there are words", PageImage(("a.png",)), "and behind it there are more words."]


def test_lists_and_tables_keep_their_lines() -> None:
    found = pieces(
        "<ul><li>one thing</li><li>another thing</li></ul>",
        "<table><tr><td>size</td><td>large</td></tr><tr><td>age</td><td>two</td></tr></table>",
    )
    assert "- one thing\n- another thing" in found
    assert "size | large\nage | two" in found


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<img src="s.png" srcset="a.png 300w, b.png 1200w, c.png 600w">', ("b.png", "c.png", "a.png", "s.png")),
        ('<img src="s.png" srcset="a.png, b.png 2x">', ("b.png", "a.png", "s.png")),
        ('<img src="s.png" srcset="a.png 1x,b.png 2x">', ("b.png", "a.png", "s.png")),
        ('<img src="data:image/gif;base64,R0lGODlh" data-src="a.png">', ("a.png", "data:image/gif;base64,R0lGODlh")),
        ('<picture><source srcset="a.webp 900w"><source srcset="b.webp 100w"><img src="s.png"></picture>', ("a.webp", "b.webp", "s.png")),
        ('<img src=" s.png " srcset="s.png 10w">', ("s.png",)),
        ('<img data-srcset="l.png 5w">', ("l.png",)),
    ],
)
def test_the_best_address_comes_first(markup: str, expected: tuple[str, ...]) -> None:
    assert addresses(markup) == expected


def test_what_stands_around_the_text_is_left_out() -> None:
    found = pieces('<img src="a.png">')
    assert [piece.addresses for piece in found if isinstance(piece, PageImage)] == [("a.png",)]
    assert not [piece for piece in found if isinstance(piece, str) and ("home" in piece or "Buy" in piece or "Imprint" in piece)]


def test_the_guarded_reading_gives_the_same() -> None:
    data = page('<img src="a.png">')
    assert list(read_page(data).pieces) == pieces('<img src="a.png">')


@pytest.mark.parametrize("data", [b"", b"\x00\x01\x02", b"<html><body></body></html>", b"<html><body><img src='a.png'></body></html>"])
def test_no_text(data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read_page(data)
    assert refused.value.reason.name == "no_main_text"


def test_too_large() -> None:
    for data in (b"<p>x" + b" " * MAX_PAGE_BYTES, page("<b>x</b>" * MAX_ELEMENTS)):
        with pytest.raises(Refused) as refused:
            read_page(data)
        assert refused.value.reason.name == "page_too_large"


@pytest.mark.parametrize(
    "middle",
    [
        "<div>" * 30_000 + "deep",
        "<table><tr><td>" * 2_000 + "deep",
        "<ul><li>" * 2_000 + "deep",
        "<img src='x" + "y" * 1_000_000 + "'>",
        "<img srcset='" + "a," * 300_000 + "'>",
        "<!DOCTYPE html [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><p>&b;</p>",
        "<img src='a.png'>" * 5_000,
    ],
    ids=["deep", "tables", "lists", "long address", "long srcset", "entities", "many images"],
)
def test_hostile_pages_end(middle: str) -> None:
    try:
        found = read_page(page(middle)).pieces
    except Refused as refused:
        assert refused.reason.name in ("no_main_text", "page_too_large", "too_costly")
    else:
        assert PARAGRAPHS[0] in found
