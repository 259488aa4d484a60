"""The page that a slide is drawn on: vector strokes, pictures and pages of text, in one content stream.

PyMuPDF's own ways to put a picture or a page on a page look through all that is there already: a thousand shapes would take
minutes. So each is put on a scratch page first, and the slide's content names it.
"""

from __future__ import annotations

import io
import re
from typing import Any

from PIL import Image as PillowImage

from processors.mupdf import pymupdf

NAMED = re.compile(r"(\d+ 0 R)")


class Surface:
    """A page of a new document. `pen` is a `pymupdf.Shape`; what it draws, pictures and texts lie over one another in the order of the calls."""

    def __init__(self, width_pt: float, height_pt: float) -> None:
        self.document = pymupdf.open()
        self.document.new_page(width=width_pt, height=height_pt)
        self.document.new_page(width=width_pt, height=height_pt)
        self.page, self._scratch = self.document[0], self.document[1]
        self.pen = self.page.new_shape()
        self._texts = self.document.add_ocg("text", on=True)
        self._named: list[str] = []

    def _place(self, name: str, matrix: pymupdf.Matrix | None = None) -> None:
        """Draws an object of the file, known by its reference."""
        if name not in self._named:
            self._named.append(name)
        turn = f"{numbers(*(matrix * self.pen.ipctm))} cm " if matrix is not None else ""
        self.pen.totalcont += f"\nq {turn}/X{self._named.index(name)} Do Q\n"

    def show_text(self, document: Any, number: int) -> None:
        """A page of a document of text, whole, in the layer of texts."""
        for key, empty in (("Resources", "<<>>"), ("Contents", "null")):
            self.document.xref_set_key(self._scratch.xref, key, empty)
        self._scratch.show_pdf_page(self._scratch.rect, document, number, oc=self._texts)
        found = NAMED.search(self.document.xref_get_key(self._scratch.xref, "Resources/XObject")[1])
        assert found is not None
        self._place(found[1])

    def show_image(self, image: PillowImage.Image, width_pt: float, height_pt: float, matrix: pymupdf.Matrix) -> None:
        """An image (RGB or RGBA) over a box of this size whose corner the matrix puts on the slide."""
        if image.mode == "RGBA" and image.getchannel("A").tobytes().strip(b"\xff"):
            sink = io.BytesIO()
            image.save(sink, "PNG", compress_level=1)
            xref = self._scratch.insert_image(self._scratch.rect, stream=sink.getvalue(), keep_proportion=False)
        else:
            plain = image.convert("RGB")
            pixmap = pymupdf.Pixmap(pymupdf.csRGB, plain.width, plain.height, plain.tobytes(), False)
            xref = self._scratch.insert_image(self._scratch.rect, pixmap=pixmap, keep_proportion=False)
        self.document.xref_set_key(self._scratch.xref, "Resources", "<<>>")
        self._place(f"{xref} 0 R", pymupdf.Matrix(width_pt, 0, 0, -height_pt, 0, height_pt) * matrix)  # images stand on their feet

    def finish(self) -> None:
        """Puts everything on the page; nothing can be drawn after."""
        self.pen.commit()
        entries = " ".join(f"/X{number} {name}" for number, name in enumerate(self._named))
        kind, resources = self.document.xref_get_key(self.page.xref, "Resources")
        if kind == "xref":
            self.document.xref_set_key(int(resources.split()[0]), "XObject", f"<<{entries}>>")
        else:
            self.document.xref_set_key(self.page.xref, "Resources/XObject", f"<<{entries}>>")

    def pixmaps(self, zoom: pymupdf.Matrix) -> tuple[Any, Any]:
        """The finished page as RGB pixmaps, with its texts and without."""
        whole = self.page.get_pixmap(matrix=zoom, alpha=False)
        self.document.set_layer_ui_config(0, action=2)  # the only layer, off
        return whole, self.page.get_pixmap(matrix=zoom, alpha=False)


def numbers(*values: float) -> str:
    """Numbers in the language of PDF."""
    return " ".join(f"{value:.4f}" for value in values)
