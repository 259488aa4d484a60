"""Web pages saved with their images: a row a page, its text in order with its images in their places.

The row has the form of interleaved manifests (`texts` and `images`, aligned), so that one task reads both. Images are files
below the root, or stand in the page as data; what lies elsewhere is counted and never fetched.
"""

from __future__ import annotations

import base64
import binascii
import functools
import posixpath
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from pipelines.source.files import MAX_FILE_BYTES, Files, numbered
from pipelines.source.media import ROW_REASONS, give_row, numbered_name
from pipelines.source.split import Split, check_positive, make_reject, make_split
from processors.guard import TOO_COSTLY
from processors.vision.interleaved import TOO_MANY_IMAGES
from processors.vision.page_text import MAX_PAGE_BYTES, NO_MAIN_TEXT, PAGE_TOO_LARGE, PageImage, read_page
from schemas.identity import digest
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row

SUFFIXES = (".html", ".htm", ".xhtml")
PAGES_PER_SPLIT = 64
MAX_IMAGES = 256  # of a page, that are read; far above what a text with pictures has
MAX_IMAGE_BYTES = 256 << 20  # of all images of a page
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*:|//")
_DATA = re.compile(r"data:image/[\w.+\-]+((?:;[\w.+\-]+=?[\w.+\-]*)*),", re.I)


@dataclass(frozen=True, slots=True)
class Pages:
    """One row an HTML file below `root` that `path` selects (a file, a glob, or all), in order of path.

    A page's own content makes its revision, as a manifest's does; its images are read when its row is.
    """

    root: str = field(metadata={"fingerprint": False})
    path: str = ""
    licence: str = ""
    rows_per_split: int = PAGES_PER_SPLIT
    max_file_bytes: int = MAX_FILE_BYTES
    reasons: ClassVar[tuple[Reason, ...]] = (*ROW_REASONS, NO_MAIN_TEXT, PAGE_TOO_LARGE, TOO_COSTLY, TOO_MANY_IMAGES)

    def __post_init__(self) -> None:
        check_positive(self, "rows_per_split", "max_file_bytes")

    def splits(self) -> list[Split]:
        """The first half of a revision names the paths, the second the contents of the pages."""
        _listing.cache_clear()
        files = Files(self.root)
        paths = _listing(self.root, self.path)
        found = []
        for start, stop in numbered(paths, self.rows_per_split):
            known = files.glances(paths[start:stop])
            revision = digest(*paths[start:stop])[:16] + digest(*(content for content, _ in known))[:16]
            found.append(make_split(paths[start], revision, start, stop, stop - start, sum(size for _, size in known), start))
        return found

    def read(self, split: Split) -> Iterator[Row | Reject]:
        files = Files(self.root)
        yield from files.side_by_side(lambda path: self._row(files, split, path), self._find(split))

    def _row(self, files: Files, split: Split, path: str) -> Row | Reject:
        try:
            fields, blobs = self._page(files, path)
        except Refused as refused:
            return make_reject(split, self.licence, "the page", refused.reason.name, refused.detail, path)
        return give_row(split, self.licence, "the page", fields, blobs, place=path)

    def _find(self, split: Split) -> tuple[str, ...]:
        """The pages of a split. The listing is kept between splits; one that no longer fits is made again."""
        for _ in range(2):
            paths = _listing(self.root, self.path)[split.start : split.stop]
            if digest(*paths)[:16] == split.revision[:16]:
                return paths
            _listing.cache_clear()
        raise ValueError(
            f"reading pages {split.start} to {split.stop} of {self.root}: other files are there than when it was listed; start the build again"
        )

    def _page(self, files: Files, path: str) -> tuple[dict[str, object], dict[str, bytes]]:
        """Fields and images of a page. Raises: Refused."""
        data = files.read_media(path, min(self.max_file_bytes, MAX_PAGE_BYTES))
        texts: list[str | None] = []
        images: list[str | None] = []
        blobs: dict[str, bytes] = {}
        lost = {"num_outside_images": 0, "num_missing_images": 0}
        for piece in read_page(data).pieces:
            if isinstance(piece, str):
                texts.append(piece)
                images.append(None)
                continue
            name, content = self._image(files, posixpath.dirname(path), piece)
            if content is None:
                lost[name] += 1
                continue
            texts.append(None)
            images.append(name)
            blobs[numbered_name("image", len(blobs))] = content
            if len(blobs) > MAX_IMAGES or sum(map(len, blobs.values())) > MAX_IMAGE_BYTES:
                raise Refused(TOO_MANY_IMAGES, f"more than {MAX_IMAGES} images, or {MAX_IMAGE_BYTES >> 20} MiB of them")
        return {"path": path, "texts": texts, "images": images, **lost}, blobs

    def _image(self, files: Files, folder: str, image: PageImage) -> tuple[str, bytes | None]:
        """The first of an image's addresses that can be read, and its bytes; else under which count it is lost."""
        is_outside = False
        for address in image.addresses:
            if address[:5].lower() == "data:":
                content = read_data(address)
                if content is not None:
                    return f"data:{digest(content)}", content
            elif _SCHEME.match(address):
                is_outside = True
            else:
                for name in places_of(address, folder):
                    try:
                        return name, files.read_media(name, self.max_file_bytes)
                    except Refused:  # the next address may be there; the count tells when none is
                        continue
        return ("num_outside_images" if is_outside else "num_missing_images"), None


@functools.lru_cache(maxsize=2)
def _listing(root: str, path: str) -> tuple[str, ...]:
    return tuple(Files(root).select(path, SUFFIXES))


def places_of(address: str, folder: str) -> list[str]:
    """Where below the root the file of an address may lie, for a page in `folder`: as written, and without its query.

    An address that starts with a slash counts from the root, as it does on a site.
    """
    found = []
    for text in (address.partition("#")[0], re.split("[?#]", address)[0]):
        name = urllib.parse.unquote(text)
        if name.strip("/"):
            found.append(posixpath.normpath(name.lstrip("/") if name.startswith("/") else posixpath.join(folder, name)))
    return list(dict.fromkeys(found))


def read_data(address: str) -> bytes | None:
    """The bytes of a `data:` address of an image; None for what is none."""
    head = _DATA.match(address)
    if head is None:
        return None
    body = urllib.parse.unquote_to_bytes(address[head.end() :])
    if not head[1].lower().endswith(";base64"):
        return body
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
