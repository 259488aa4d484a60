"""PDFs made for tests: pages with text at exact places, and files that mean harm."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from processors.mupdf import import_pymupdf
from processors.page.steps import PdfPages, ReadPage
from processors.page.task import PageText, transcription
from schemas.outcome import Reject
from schemas.records import Origin, Row

pymupdf = import_pymupdf()

A4 = (595, 842)


def pdf(*pages: Sequence[tuple[Any, ...]], size: tuple[float, float] = A4, **saving: Any) -> bytes:
    """A page for each list of (x, y of the baseline, text, size, options...)."""
    document = pymupdf.open()
    for texts in pages:
        page = document.new_page(width=size[0], height=size[1])
        for x, y, text, letters, *options in texts:
            page.insert_text((x, y), text, fontsize=letters, **(options[0] if options else {}))
    return bytes(document.tobytes(**saving))


def column(x: float, y: float, lines: Sequence[str], size: float = 10, leading: float = 13) -> list[tuple[Any, ...]]:
    return [(x, y + number * leading, line, size) for number, line in enumerate(lines)]


def row(data: bytes, **fields: object) -> Row:
    return Row("key", Origin("test", locator="it"), fields, {"pdf": data})


def pages_of(data: bytes, **options: Any) -> list[Row] | Reject:
    return PdfPages(**options)(row(data))


def read(data: bytes, page: int = 0, **options: Any) -> Row | Reject:
    """One page as the step reads it; a reject of the file where there is one."""
    rows = pages_of(data)
    return rows if isinstance(rows, Reject) else ReadPage(**options)(rows[page])


def text_of(data: bytes, page: int = 0, layout: str = "paragraphs", **options: Any) -> str:
    done = read(data, page, **options)
    assert isinstance(done, Row), done
    return transcription(PageText.of(done.fields["page_read"]), layout)  # type: ignore[arg-type]


def raw_pdf(objects: Sequence[bytes], root: int = 1) -> bytes:
    """A file of these objects, numbered from 1, with a right table of places."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, root, start)
    return bytes(out)


def stream(data: bytes, extra: bytes = b"", packed: bool = True) -> bytes:
    body = zlib.compress(data, 9) if packed else data
    kind = b"/Filter /FlateDecode " if packed else b""
    return b"<< " + kind + extra + b"/Length %d >>\nstream\n" % len(body) + body + b"\nendstream"


FONT = b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"


def one_page(
    content: bytes, mediabox: bytes = b"[0 0 595 842]", resources: bytes = FONT, more: Sequence[bytes] = (), page: bytes = b""
) -> bytes:
    """A file with one page: catalog 1, pages 2, page 3, content 4, then `more` from 5 on."""
    return raw_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox " + mediabox + b" /Contents 4 0 R /Resources " + resources + b" " + page + b" >>",
            content,
            *more,
        ]
    )


def say(text: str, x: int = 72, y: int = 700, size: int = 12, mode: int = 0) -> bytes:
    return f"BT /F1 {size} Tf {mode} Tr {x} {y} Td ({text}) Tj ET\n".encode()
