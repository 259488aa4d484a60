"""PDFs that mean harm, and broken ones: bounded work, and a declared reason that says the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from processors.guard import Limits
from processors.mupdf import import_pymupdf
from processors.page.pdf import MAX_CONTENT_BYTES, MAX_WORDS
from processors.page.steps import PdfPages, ReadPage
from schemas.outcome import Reject
from schemas.records import Origin, Row
from tests.processors.page.making import FONT, one_page, pages_of, pdf, raw_pdf, read, row, say, stream, text_of

pymupdf = import_pymupdf()

EXCHANGED = str.maketrans("abcdefghijklmnopqrstuvwxyz", "Zabcdefghijklmnopqrstuvwxy")
GOOD = "This page can be read by anybody."


def reason(done: object) -> str:
    assert isinstance(done, Reject), done
    return done.reason


def test_a_row_without_a_pdf():
    nothing = Row("key", Origin("test"), {}, {"file": b"plain text"})
    assert reason(PdfPages()(nothing)) == "no_pdf"
    by_signature = Row("key", Origin("test"), {}, {"file": pdf([(60, 200, GOOD, 12)])})
    assert len(PdfPages()(by_signature)) == 1


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"%PDF-1.7\n" + np.random.default_rng(3).bytes(4_000), b"\x00" * 500])
def test_what_is_no_pdf(data):
    assert reason(pages_of(data)) in ("damaged", "no_pages")


def test_a_password_is_asked_for():
    locked = pdf([(60, 200, GOOD, 12)], encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="more secret")
    assert reason(pages_of(locked)) == "encrypted"
    owned = pdf([(60, 200, GOOD, 12)], encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="more secret")
    assert text_of(owned) == GOOD


def test_every_prefix_of_a_file_is_read_or_refused():
    data = one_page(stream(say(GOOD), packed=False))
    seen = set()
    for stop in [*range(0, len(data), 9), len(data)]:
        rows = pages_of(data[:stop])
        done = rows if isinstance(rows, Reject) else ReadPage(max_side_px=100)(rows[0])
        seen.add(done.reason if isinstance(done, Reject) else done.facts["page.repaired"])
    assert {"damaged", True, False} <= seen <= {"damaged", "no_pages", "damaged_page", "blank_page", "no_text", True, False}


def test_a_wrong_table_of_places_is_repaired_and_said_so():
    data = one_page(stream(say(GOOD))).replace(b"startxref\n", b"startxref\n9")
    done = read(data)
    assert isinstance(done, Row) and done.facts["page.repaired"] is True
    whole = read(one_page(stream(say(GOOD))))
    assert isinstance(whole, Row) and whole.facts["page.repaired"] is False


def test_too_many_objects_and_pages():
    many = raw_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R >>",
            *[b"null"] * 60,
        ]
    )
    assert reason(pages_of(many, max_objects=63)) == "too_many_objects"
    assert isinstance(pages_of(many, max_objects=64), list)
    pages = pdf(*[[(60, 200, GOOD, 12)]] * 3)
    assert reason(pages_of(pages, max_pages=2)) == "too_many_pages"
    assert len(pages_of(pages, max_pages=3)) == 3


@pytest.mark.slow
def test_a_million_objects():
    assert reason(
        pages_of(raw_pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", *[b"null"] * 1_000_000]))
    ) in ("too_many_objects")


def test_a_hundred_thousand_pages():
    kids = b"<< /Type /Pages /Kids [" + b"".join(b"%d 0 R " % number for number in range(3, 100_003)) + b"] /Count 100000 >>"
    data = raw_pdf([b"<< /Type /Catalog /Pages 2 0 R >>", kids, *[b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"] * 100_000])
    assert reason(pages_of(data)) == "too_many_pages"


@pytest.mark.parametrize("box", [b"[0 0 1000000000 1000000000]", b"[0 0 14400 1]", b"[0 0 595 11]"])
def test_pages_of_no_printed_size(box):
    assert reason(read(one_page(stream(say(GOOD)), box))) == "page_size"


def test_the_thinnest_page_that_is_read():
    assert isinstance(read(one_page(stream(say(GOOD, 5, 3, 9)), b"[0 0 595 12]")), Row)


def test_a_stream_that_inflates_without_end():
    content = stream(say(GOOD) + b" " * (MAX_CONTENT_BYTES + 1))
    assert len(content) < 100_000
    assert reason(read(one_page(content))) == "too_much_content"


def test_drawing_instructions_hidden_in_forms_are_counted():
    form = stream(b" " * (MAX_CONTENT_BYTES // 2), b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] ")
    resources = b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> /XObject << /A 5 0 R /B 6 0 R /C 7 0 R >> >>"
    assert reason(read(one_page(stream(say(GOOD)), resources=resources, more=[form] * 3))) == "too_much_content"


@pytest.mark.slow
def test_millions_of_paths_end():
    done = read(one_page(stream(say(GOOD) + b"0 0 m 9 9 l S\n" * 4_000_000)), max_side_px=200)
    assert isinstance(done, Row) or done.reason == "too_costly"


def test_forms_that_draw_themselves():
    form = stream(b"/A Do\n" + say("again"), b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /A 5 0 R >> >> ")
    resources = FONT[:-2] + b" /XObject << /A 5 0 R >> >>"
    assert isinstance(read(one_page(stream(say(GOOD, y=600) + b"/A Do\n"), resources=resources, more=[form])), Row)


def test_forms_that_draw_ten_others_each_ten_deep_are_ended():
    forms = [
        stream(b"/A Do\n" * 10, b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /A %d 0 R >> >> " % number)
        for number in range(6, 16)
    ]
    leaf = stream(b"0 0 9 9 re f\n", b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] ")
    resources = FONT[:-2] + b" /XObject << /A 5 0 R >> >>"
    data = one_page(stream(say(GOOD) + b"/A Do\n"), resources=resources, more=[*forms, leaf])
    rows = pages_of(data)
    assert isinstance(rows, list)
    done = ReadPage(limits=Limits(cpu_s=1.0, memory_bytes=1 << 30))(rows[0])
    assert reason(done) == "too_costly"
    assert text_of(pdf([(60, 200, GOOD, 12)])) == GOOD  # another child goes on


def test_a_picture_of_too_many_pixels():
    picture = stream(b"\0", b"/Type /XObject /Subtype /Image /Width 50000 /Height 50000 /BitsPerComponent 8 /ColorSpace /DeviceGray ")
    resources = FONT[:-2] + b" /XObject << /I 5 0 R >> >>"
    data = one_page(stream(say(GOOD) + b"q 100 0 0 100 0 0 cm /I Do Q\n"), resources=resources, more=[picture])
    assert reason(read(data)) == "too_many_pixels"


def pieces(number: int) -> bytes:
    told = b"".join(b"1 0 0 1 %d %d Tm (x) Tj " % (i % 140 * 4, 840 - i // 140 * 8) for i in range(number))
    return one_page(stream(b"BT /F1 1 Tf " + told + b"ET"))


def test_too_many_pieces_of_text():
    assert reason(read(pieces(MAX_WORDS + 1))) == "too_much_content"
    assert isinstance(read(pieces(MAX_WORDS - 1)), Row)


def test_a_page_that_is_not_there():
    kids = b"<< /Type /Pages /Kids [3 0 R] /Count 2 >>"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R /Resources " + FONT + b" >>"
    data = raw_pdf([b"<< /Type /Catalog /Pages 2 0 R >>", kids, page, stream(say(GOOD, 5, 50, 9))])
    rows = pages_of(data)
    assert isinstance(rows, list) and len(rows) == 2
    assert isinstance(ReadPage()(rows[0]), Row)
    assert reason(ReadPage()(rows[1])) == "damaged_page"


def test_scripts_launches_and_attachments_are_not_acted_on(tmp_path: Path):
    marker = tmp_path / "launched"
    actions = b"/AA << /O << /S /JavaScript /JS (app.launchURL\\(1\\)) >> >>"
    data = one_page(stream(say(GOOD)), page=actions).replace(
        b"/Type /Catalog", b"/Type /Catalog /OpenAction << /S /Launch /F (/usr/bin/touch) /P (" + str(marker).encode() + b") >>", 1
    )
    assert text_of(data) == GOOD
    document = pymupdf.open(stream=data, filetype="pdf")
    document.embfile_add("evil.exe", b"MZ harm")
    assert text_of(document.tobytes()) == GOOD
    assert not marker.exists()


def test_blank_pages_pictures_and_scans():
    assert reason(read(pdf([]))) == "blank_page"
    document = pymupdf.open()
    page = document.new_page()
    page.insert_image(page.rect, pixmap=pymupdf.Pixmap(pymupdf.csRGB, (0, 0, 60, 85), False))
    assert reason(read(document.tobytes())) == "no_text"
    page.insert_text((60, 200), GOOD, render_mode=3)
    scan = document.tobytes()
    assert reason(read(scan)) == "ocr_layer"
    assert text_of(scan, ocr_layer="keep") == GOOD
    passed = read(scan, ocr=True)
    assert isinstance(passed, Row) and passed.facts["page.read_by"] == "none" and passed.facts["page.layer"] == "none"


def test_text_under_a_scan_is_of_a_recogniser_too():
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((60, 200), GOOD)
    pixmap = pymupdf.Pixmap(pymupdf.csRGB, (0, 0, 60, 85), False)
    page.insert_image(page.rect, pixmap=pixmap)
    assert reason(read(document.tobytes())) == "ocr_layer"


def test_characters_that_stand_for_nothing():
    cmap = b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange 1 beginbfrange <41> <5A> <E041> endbfrange endcmap end"
    resources = b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 5 0 R >> >> >>"
    data = one_page(stream(say("ABCDEFGH abcdefgh")), resources=resources, more=[stream(cmap)])
    assert reason(read(data)) == "garbled_text"
    few = one_page(stream(say("abcdefgh " * 9 + "A")), resources=resources, more=[stream(cmap)])
    done = read(few)
    assert isinstance(done, Row) and done.facts["page.num_unknown"] == 1


def test_exchanged_letters():
    words = (
        "language models are now central to many tasks of all kinds and they learn from large collections of written text that people made"
    )
    lines = [(60, 200 + 14 * n, " ".join(words.split()[5 * n : 5 * n + 5]), 11) for n in range(5)]
    assert isinstance(read(pdf(lines)), Row)
    exchanged = [(x, y, text.translate(EXCHANGED), size) for x, y, text, size in lines]
    assert reason(read(pdf(exchanged))) == "garbled_text"


def test_a_wrong_table_of_characters():
    assert reason(read(one_page(stream(say("x7Kq9L2m %&=+#^ aTbEdOfU 8h3j5k9w {}~|@ pQrStUvW"))))) == "garbled_text"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PdfPages(max_pages=0), "max_pages is 0, expected 1 or more"),
        (lambda: PdfPages(max_objects=0), "max_objects is 0, expected 1 or more"),
        (lambda: ReadPage(max_side_px=5), "max_side_px is 5, expected 28 to 20000"),
        (lambda: ReadPage(max_unknown=2), "max_unknown is 2, expected 0 to 1"),
        (lambda: ReadPage(ocr_layer="maybe"), "ocr_layer is 'maybe', expected refuse or keep"),
    ],
)
def test_wrong_parameters(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_pages_share_the_bytes_of_their_file():
    rows = PdfPages()(row(pdf(*[[(60, 200, GOOD, 12)]] * 3)))
    assert isinstance(rows, list)
    assert [one.key for one in rows] == ["key/0", "key/1", "key/2"]
    assert [one.facts["page.number"] for one in rows] == [1, 2, 3]
    assert all(one.blobs["pdf"] is rows[0].blobs["pdf"] for one in rows)
