"""Saved web pages with their images in known order, and captions of which many must be refused, each for its reason."""

from __future__ import annotations

import base64
import html
import io
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from pipelines.sample.grammar import GRAMMARS, paragraph
from pipelines.sample.images import COLOURS, Scene, draw_scene
from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

PAGES_PER_SIZE, PICTURES_PER_PAGE = 8, 3
CAPTIONS_PER_SIZE = 16
PARAGRAPHS, SENTENCES = 4, 3
LICENCE = "CC0-1.0"
WAYS = ("plain", "figure", "picture", "lazy", "data", "rooted")  # how a page may name a picture that it has

JUNK = (  # captions as alt texts of the web are, and why each is refused
    ("IMG_20190412_0042.jpg", "caption_is_file_name"),
    ("old-bridge-at-night-800x600", "caption_is_file_name"),
    ("https://example.org/pictures/bridge.html", "caption_is_address"),
    ("#bridge #river #night #blue", "caption_is_hashtags"),
    ("image", "caption_is_placeholder"),
    ("Image not available", "caption_is_placeholder"),
    ("Click here to enlarge", "caption_is_boilerplate"),
    ("© 2019 Maria Lindner", "caption_is_boilerplate"),
    ("bridge bridge bridge bridge", "caption_repeats_words"),
    ("0042 - 17", "caption_without_words"),
    ("🌉🌉🌉", "caption_without_words"),
    ("12 April 2019", "caption_is_date"),
    ('<img src="bridge.jpg"> an old bridge', "caption_has_markup"),
    ("Bridge", "caption_too_short"),
    ("   ", "no_caption"),
)


@dataclass(frozen=True, slots=True)
class _Picture:
    """A picture of a page: its file below `pages/`, the HTML that names it, and what the page says below it."""

    name: str
    markup: str
    below: str


def make_pages(folder: Path, size: int, seed: int) -> None:
    """`pages/*.html` with `pages/img/*`, `pages/captions.jsonl`, and the truth of both in `pages/truth.jsonl`.

    The truth of a page lists its texts and pictures in order, and says whether it is kept or why not; that of a caption names
    its line and why it is refused, "kept" where it is not. Of a copy (`copy_of`) and its original, one is kept.
    """
    place = folder / "pages"
    (place / "img").mkdir(parents=True, exist_ok=True)
    (place / "news").mkdir()
    _save(Image.new("RGB", (32, 32), (200, 60, 60)), place / "img/logo.png")
    truth: list[dict[str, object]] = []
    for number in range(PAGES_PER_SIZE * size):
        truth.append(_page(place, seed, number))
    truth.append({**truth[0], "page": "copy.html", "expected": "duplicate", "copy_of": "00000.html"})
    truth += _planted_pages(place)
    rows, told = _captions(place, seed, CAPTIONS_PER_SIZE * size)
    write_lines(place / "captions.jsonl", rows)
    write_lines(place / "truth.jsonl", [*truth, *told])


def _page(place: Path, seed: int, number: int) -> dict[str, object]:
    """Writes a page whose paragraphs and pictures alternate, between a menu, a sidebar and a footer; gives its truth."""
    rng = keyed_rng(seed, "sample.pages", f"page {number}")
    topic = list(GRAMMARS["en"].subjects)[number % len(GRAMMARS["en"].subjects)]
    title = f"{topic.capitalize()} of the valley, part {number + 1}"
    texts = [paragraph(rng, "en", topic, SENTENCES) for _ in range(PARAGRAPHS)]
    in_folder = "news/" if number % 4 == 3 else ""
    pieces: list[dict[str, str]] = [{"text": title}]
    body = f"<h1>{title}</h1>\n"
    for part, text in enumerate(texts):
        body += f"<p>{html.escape(text)}</p>\n"
        pieces.append({"text": text})
        if part < PICTURES_PER_PAGE:
            picture = _picture(place, seed, number, part, WAYS[(number + part) % len(WAYS)], "../" if in_folder else "")
            body += picture.markup + "\n"
            pieces.append({"image": picture.name})
            pieces += [{"text": picture.below}] if picture.below else []
    if number % 3 == 1:  # pictures that are not there, which leave the page as it is
        body += '<p><img src="https://example.org/far.jpg" alt="far away"><img src="img/gone.png"></p>\n'
    name = f"{in_folder}{number:05d}.html"
    (place / name).write_bytes(_around(title, body).encode())
    lost = {"outside": 1, "missing": 1} if number % 3 == 1 else {"outside": 0, "missing": 0}
    return {"page": name, "expected": "kept", "pieces": pieces, **lost}


def _around(title: str, body: str) -> str:
    """A whole page: the article, and what stands around it on the web."""
    menu = "".join(f'<li><a href="/{word}">{word}</a></li>' for word in ("home", "news", "about", "contact"))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f'<body><header><img src="/img/logo.png" alt="logo"><nav><ul>{menu}</ul></nav></header>\n'
        f"<main><article>\n{body}</article></main>\n"
        '<aside><h2>More</h2><img src="https://example.org/advert.gif"><ul><li><a href="/a">Ten things</a></li></ul></aside>\n'
        "<footer>Imprint · Privacy · All rights reserved</footer></body></html>\n"
    )


def _picture(place: Path, seed: int, number: int, part: int, way: str, up: str) -> _Picture:
    """Draws a picture and saves it; as data it stands in the page itself, and has no file."""
    scene = _scene(seed, f"page {number} {part}")
    name = f"img/{number:05d}-{part}.png"
    address = urllib.parse.quote(f"{up}{name}")
    alt = html.escape(scene.caption)
    if way == "data":
        data = base64.b64encode(_png(scene.picture)).decode()
        return _Picture("data", f'<p><img alt="{alt}" src="data:image/png;base64,{data}"></p>', "")
    _save(scene.picture, place / name)
    blank = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    markup = {
        "plain": f'<p><img src="{address}" alt="{alt}" width="320"></p>',
        "figure": f'<figure><img src="{address}"><figcaption>{alt}</figcaption></figure>',
        "picture": f'<picture><source srcset="https://example.org/small.webp 300w, {address} 1200w"><img src="{blank}"></picture>',
        "lazy": f'<div><img class="lazy" src="{blank}" data-src="{address}?w=640" alt="{alt}"></div>',
        "rooted": f'<a href="/large.html"><img src="/{name}" alt="{alt}"></a>',
    }
    return _Picture(name, markup[way], scene.caption if way == "figure" else "")


def _scene(seed: int, name: str) -> Scene:
    """A drawn scene of 640 x 480 px or 448 x 448 px: photos' sizes, whatever the number of the picture."""
    rng = keyed_rng(seed, "sample.pages", name)
    return draw_scene(int(rng.integers(2**31)), (3, 2)[int(rng.integers(2))])


def _planted_pages(place: Path) -> Iterator[dict[str, object]]:
    """Pages that must be refused: a copy, one without pictures, one with a logo alone, one without text."""
    first = (place / "00000.html").read_bytes()
    (place / "copy.html").write_bytes(first.replace(b"Imprint", b"Contact and imprint"))
    told = (
        "<h1>A page of words</h1><p>" + "The river rose in the night, and nobody in the valley slept before the morning came. " * 3 + "</p>"
    )
    (place / "words.html").write_text(_around("Words", told))
    yield {"page": "words.html", "expected": "no_image"}
    (place / "icon.html").write_text(_around("Icon", told.replace("words", "an icon") + '<p><img src="img/logo.png"></p>'))
    yield {"page": "icon.html", "expected": "no_image"}
    (place / "empty.html").write_text("<html><body><script>var nothing = 1;</script></body></html>")
    yield {"page": "empty.html", "expected": "no_main_text"}


# ---- captions


def _captions(place: Path, seed: int, count: int) -> tuple[list[object], list[dict[str, object]]]:
    """Rows and their truth: good captions, then copies of pictures, then junk, each with a picture of its own."""
    rows: list[object] = []
    truth: list[dict[str, object]] = []

    def add(picture: Image.Image, caption: str, expected: str, suffix: str = "png", **known: object) -> None:
        name = f"img/caption-{len(rows):04d}.{suffix}"
        _save(picture, place / name, quality=60)
        rows.append({"image": name, "caption": caption, "licence": LICENCE})
        truth.append({"line": len(rows), "expected": expected, **known})

    for number in range(count):
        scene = _scene(seed, f"caption {number}")
        add(_with_ground(scene.picture, seed, number), f"{scene.caption} The ground is striped.", "kept")
    first = Image.open(place / "img/caption-0000.png").convert("RGB")
    add(first, "A second caption of the very same picture.", "duplicate", copy_of=1)
    smaller = first.resize((first.width * 3 // 4, first.height * 3 // 4), Image.Resampling.BICUBIC)
    add(smaller, "The first picture at three quarters of its size.", "near_duplicate", "jpg", copy_of=1)
    add(Image.new("RGB", (320, 240), (214, 214, 210)), "A wall without anything on it.", "uniform_image")
    for number, (caption, expected) in enumerate(JUNK):
        add(_with_ground(_scene(seed, f"junk {number}").picture, seed, 1_000 + number), caption, expected)
    return rows, truth


def _with_ground(picture: Image.Image, seed: int, number: int) -> Image.Image:
    """The picture with stripes of its own behind its lower part, so that no two of them look alike."""
    rng = keyed_rng(seed, "sample.pages", f"ground {number}")
    done = picture.copy()
    draw = ImageDraw.Draw(done)
    colours = list(COLOURS.values())
    for _ in range(6):
        x, y = int(rng.integers(0, picture.width)), int(rng.integers(0, picture.height))
        width, height = int(rng.integers(30, picture.width // 2)), int(rng.integers(20, picture.height // 4))
        draw.rectangle((x, y, x + width, y + height), fill=colours[int(rng.integers(len(colours)))])
    return done


def _png(picture: Image.Image) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, "PNG")
    return sink.getvalue()


def _save(picture: Image.Image, path: Path, quality: int = 90) -> None:
    picture.save(path, quality=quality)  # PNG takes no notice of it
