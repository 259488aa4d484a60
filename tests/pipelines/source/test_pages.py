"""Saved pages as a source: which file an address means, what is never read, and rows that read alike however split."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage

from pipelines.source.pages import MAX_IMAGES, Pages, places_of, read_data
from schemas.outcome import Reject
from schemas.records import Row

WORDS = "<p>The river rose in the night, and nobody in the valley slept before the grey morning came over the hills at last.</p>"


def png(shade: int) -> bytes:
    sink = io.BytesIO()
    PillowImage.new("RGB", (8, 8), (shade, 0, 0)).save(sink, "PNG")
    return sink.getvalue()


def page(*images: str) -> str:
    body = "".join(f"{WORDS}{image}" for image in images) or WORDS
    return f"<!DOCTYPE html><html><body><main><article><h1>The river</h1>{body}{WORDS}{WORDS}</article></main></body></html>"


def write(root: Path, **files: bytes | str) -> None:
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def rows(root: Path, **options: Any) -> list[Row | Reject]:
    source = Pages(str(root), **options)
    return [item for split in source.splits() for item in source.read(split)]


def only(root: Path) -> Row:
    [row] = rows(root)
    assert isinstance(row, Row), row
    return row


def test_a_page_and_its_images(tmp_path: Path) -> None:
    write(tmp_path, a_dot_html=page('<img src="img/1.png">', '<img src="img/2.png">'), img__1_dot_png=png(1), img__2_dot_png=png(2))
    row = only(tmp_path)
    assert row.blobs == {"image": png(1), "image.1": png(2)}
    assert row.origin.source == "a.html"
    texts, images = row.fields["texts"], row.fields["images"]
    assert isinstance(texts, list)
    assert isinstance(images, list)
    assert [image for image in images if image] == ["img/1.png", "img/2.png"]
    assert [bool(text) for text in texts] == [not image for image in images]
    assert texts[0] == "The river"
    assert (row.fields["num_outside_images"], row.fields["num_missing_images"]) == (0, 0)


@pytest.mark.parametrize(
    ("address", "folder", "expected"),
    [
        ("a.png", "", ["a.png"]),
        ("a.png", "news/2020", ["news/2020/a.png"]),
        ("../a.png", "news", ["a.png"]),
        ("/img/a.png", "news", ["img/a.png"]),
        ("a%20b.png", "", ["a b.png"]),
        ("a.png?w=300#top", "", ["a.png?w=300", "a.png"]),
        ("../../a.png", "news", ["../a.png"]),
        ("#top", "", []),
        ("?x", "", ["?x"]),
    ],
)
def test_which_file_an_address_means(address: str, folder: str, expected: list[str]) -> None:
    assert places_of(address, folder) == expected


def test_data_addresses() -> None:
    encoded = base64.b64encode(b"bytes").decode()
    assert read_data(f"data:image/png;base64,{encoded}") == b"bytes"
    assert read_data(f"DATA:image/png;charset=x;base64,{encoded[:4]}\n{encoded[4:]}") == b"bytes"
    assert read_data("data:image/svg+xml,%3Csvg/%3E") == b"<svg/>"
    for bad in ("data:text/html,x", "data:image/png;base64,***", "data:,", "data:image/png"):
        assert read_data(bad) is None


def test_what_lies_outside_is_counted_and_never_read(tmp_path: Path) -> None:
    write(tmp_path, secret_dot_png=png(9), root__a_dot_html=page(
        '<img src="https://example.org/a.png">', '<img src="//example.org/a.png">', '<img src="../secret.png">',
        f'<img src="file://{tmp_path}/secret.png">', f'<img src="{tmp_path}/secret.png">', '<img src="gone.png">', "<img>",
    ))  # fmt: skip
    (tmp_path / "root" / "link.png").symlink_to(tmp_path / "secret.png")
    write(tmp_path, root__b_dot_html=page('<img src="link.png">'))
    first, second = rows(tmp_path / "root")
    assert isinstance(first, Row)
    assert isinstance(second, Row)
    assert first.blobs == second.blobs == {}
    assert (first.fields["num_outside_images"], first.fields["num_missing_images"]) == (3, 3 + 1)
    assert second.fields["num_missing_images"] == 1


def test_the_best_address_that_is_there_is_taken(tmp_path: Path) -> None:
    markup = '<img src="s.png" srcset="https://example.org/l.png 900w, gone.png 600w, m.png 300w">'
    write(tmp_path, a_dot_html=page(markup), s_dot_png=png(1), m_dot_png=png(2))
    assert only(tmp_path).blobs == {"image": png(2)}


def test_refused_pages(tmp_path: Path) -> None:
    many = "".join(f'<img src="{number}.png">' for number in range(MAX_IMAGES + 1))
    write(tmp_path, a_dot_html=b"", b_dot_html="<html><body></body></html>", c_dot_htm=page(many), d_dot_html="<p>x" + " " * (11 << 20))
    for number in range(MAX_IMAGES + 1):
        (tmp_path / f"{number}.png").write_bytes(png(0))
    (tmp_path / "e.html").mkdir()
    found = rows(tmp_path)
    assert [item.reason for item in found if isinstance(item, Reject)] == [
        "no_main_text",
        "no_main_text",
        "too_many_images",
        "file_too_large",
    ]
    assert len(found) == 4
    assert {item.reason for item in found if isinstance(item, Reject)} <= {reason.name for reason in Pages.reasons}


def test_rows_read_alike_however_split(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, **{f"p{number}_dot_html": page(f'<img src="{number}.png">'), f"{number}_dot_png": png(number)})
    whole = rows(tmp_path)
    assert [item.key for item in rows(tmp_path, rows_per_split=2)] == [item.key for item in whole]
    assert len({item.key for item in whole}) == 5
    assert [item.key for item in rows(tmp_path, path="p[13].html")] == [whole[1].key, whole[3].key]


def test_a_folder_that_changed_after_it_was_listed_is_told(tmp_path: Path) -> None:
    write(tmp_path, a_dot_html=page(), b_dot_html=page())
    source = Pages(str(tmp_path))
    [split] = source.splits()
    (tmp_path / "a.html").unlink()
    list(Pages(str(tmp_path)).splits())
    with pytest.raises(ValueError, match="other files are there than when it was listed"):
        list(source.read(split))


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="rows_per_split is 0"):
        Pages("x", rows_per_split=0)
