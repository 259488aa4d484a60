"""Drawn slides: where ink falls, in which colour, and what is reported as readable."""

from __future__ import annotations

import hashlib
import io
import math
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE
from pptx.enum.shapes import MSO_CONNECTOR, MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, MSO_AUTO_SIZE, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.util import Inches, Pt

from processors.deck.draw_text import face, natural_width, paragraph_html
from processors.deck.geometry import is_known, outline, text_room
from processors.deck.paint import cropped, flattened, picture_pixels, tiled
from processors.deck.presets import PRESETS
from schemas.outcome import Refused
from tests.processors.deck.build import changed, deck_of, drawn, read, text_box
from tests.processors.deck.test_read import ONE, categories

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def picture_of(*fill, number=1, side_px=720, change=None):
    """Told and pixels (H, W, 3) of a slide of 10 x 7.5 inches: 72 px an inch."""
    data = deck_of(*fill)
    deck = read(changed(data, change) if change else data)
    told, found, (width, height) = drawn(deck, number, side_px)
    return told, np.frombuffer(found, np.uint8).reshape(height, width, 3)


def at(pixels, x_in, y_in):
    return tuple(int(value) for value in pixels[round(72 * y_in), round(72 * x_in)])


def box(slide, x, y, width, height, color=RED, kind=MSO_SHAPE.RECTANGLE):
    shape = slide.shapes.add_shape(kind, Inches(x), Inches(y), Inches(width), Inches(height))
    shape.fill.solid()
    shape.fill.fore_color.rgb = RGBColor(*color)
    shape.line.fill.background()
    return shape


def png(array) -> io.BytesIO:
    sink = io.BytesIO()
    Image.fromarray(array).save(sink, "PNG")
    return io.BytesIO(sink.getvalue())


def ink_box(pixels, color=(0, 0, 0), tolerance=60):
    """x0, y0, x1, y1 in inches of what has the colour."""
    y, x = np.nonzero((np.abs(pixels.astype(int) - color) <= tolerance).all(axis=2))
    return x.min() / 72, y.min() / 72, (x.max() + 1) / 72, (y.max() + 1) / 72


# ---- shapes


def test_shapes_stand_where_they_say_and_later_ones_lie_above():
    _, pixels = picture_of(lambda slide: (box(slide, 1, 1, 3, 2), box(slide, 2, 2, 3, 2, BLUE)))
    assert [at(pixels, *point) for point in ((1.5, 1.5), (3, 2.5), (4.5, 3.5), (0.9, 1.5), (1.5, 3.1))] == [RED, BLUE, BLUE, WHITE, WHITE]


def test_rotation_and_flips():
    def fill(slide):
        box(slide, 2, 3, 4, 1).rotation = 90
        box(slide, 7, 1, 2, 2, BLUE, MSO_SHAPE.RIGHT_TRIANGLE)._element.spPr.find(qn("a:xfrm")).set("flipH", "1")

    _, pixels = picture_of(fill)
    assert [at(pixels, *point) for point in ((4, 1.7), (4, 5.3), (2.5, 3.5))] == [RED, RED, WHITE]
    assert [at(pixels, *point) for point in ((8.7, 1.5), (7.3, 1.3), (7.5, 2.8))] == [BLUE, WHITE, BLUE]


@pytest.mark.parametrize("name", sorted(PRESETS))
@given(width=st.floats(0, 500), height=st.floats(0, 500), adjust=st.integers(-200_000, 200_000))
@settings(max_examples=6, deadline=None)
def test_outlines_are_finite_for_every_size_and_adjustment(name, width, height, adjust):
    geometry = {"preset": name, "adjust": {"adj": adjust, "adj1": adjust, "adj2": adjust}}
    for path in outline(geometry, width, height):
        assert path.steps[0][0] == "M"
        assert all(math.isfinite(value) for polygon in flattened(path.steps) for point in polygon for value in point)
    assert all(math.isfinite(value) for value in text_room(geometry, width, height))


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {"wedgeRectCallout", "wedgeRoundRectCallout", "wedgeEllipseCallout"}))
def test_outlines_stay_in_their_box_at_their_own_adjustment(name):
    points = [point for path in outline({"preset": name, "adjust": {}}, 200, 100) for polygon in flattened(path.steps) for point in polygon]
    assert all(-6 <= x <= 206 and -6 <= y <= 106 for x, y in points), (name, points)


def test_an_unknown_preset_is_its_box_and_counted():
    geometry = {"preset": "sun", "adjust": {}}
    assert not is_known(geometry) and outline(geometry, 10, 20)[0].steps[2] == ("L", (10, 20))
    told, pixels = picture_of(lambda slide: box(slide, 1, 1, 2, 2, kind=MSO_SHAPE.SUN))
    assert (told["num_as_box"], at(pixels, 1.05, 1.05)) == (1, RED)


def test_freeforms_and_curves():
    def fill(slide):
        builder = slide.shapes.build_freeform(Inches(1), Inches(1))
        builder.add_line_segments([(Inches(4), Inches(1)), (Inches(1), Inches(4))], close=True)
        shape = builder.convert_to_shape()
        shape.fill.solid()
        shape.fill.fore_color.rgb = RGBColor(*RED)

    _, pixels = picture_of(fill)
    assert (at(pixels, 1.5, 1.5), at(pixels, 3.5, 3.5)) == (RED, WHITE)


def test_connectors_have_arrow_heads_at_the_right_end():
    def fill(slide):
        line = slide.shapes.add_connector(MSO_CONNECTOR.STRAIGHT, Inches(1), Inches(3), Inches(8), Inches(3)).line
        line.width, line.color.rgb = Pt(6), RGBColor(*RED)
        element = line._get_or_add_ln()
        element.append(element.makeelement(qn("a:tailEnd"), {"type": "triangle"}))

    _, pixels = picture_of(fill)
    heights = (np.abs(pixels.astype(int) - RED) < 80).all(axis=2).sum(axis=0)
    assert (heights[round(72 * 7.8)] > heights[(72 * 4)] + 4, heights[round(72 * 1.1)]) == (True, heights[(72 * 4)])


@pytest.mark.parametrize(
    ("angle", "flip", "reds", "blues"),
    [(0, False, [(1.1, 2), (1.1, 3)], [(4.9, 2), (4.9, 3)]), (0, True, [(4.9, 2)], [(1.1, 2)]), (90, False, [(1.5, 1.05), (4.5, 1.05)], [(1.5, 3.9), (4.5, 3.9)])],
)  # fmt: skip
def test_gradients_run_along_their_angle(angle, flip, reds, blues):
    def fill(slide):
        shape = box(slide, 1, 1, 4, 3)
        shape.fill.gradient()
        for stop, color in zip(shape.fill.gradient_stops, (RED, BLUE), strict=True):
            stop.color.rgb = RGBColor(*color)
        shape.fill._fill._gradFill.find(qn("a:lin")).set("ang", str(angle * 60_000))
        if flip:
            shape._element.spPr.find(qn("a:xfrm")).set("flipH", "1")

    _, pixels = picture_of(fill)
    assert all(at(pixels, *point)[0] > 225 for point in reds) and all(at(pixels, *point)[2] > 225 for point in blues)
    middle = at(pixels, 3, 2.5)
    assert abs(middle[0] - 127) < 12 and abs(middle[2] - 127) < 12 and at(pixels, 0.9, 2) == WHITE


def test_backgrounds():
    def fill(slide):
        slide.background.fill.solid()
        slide.background.fill.fore_color.rgb = RGBColor(1, 2, 3)

    _, pixels = picture_of(fill)
    assert (pixels == (1, 2, 3)).all()


# ---- pictures


def halves():
    array = np.zeros((40, 80, 3), np.uint8)
    array[:, :40], array[:, 40:] = RED, BLUE
    return array


def test_pictures_with_crop_flip_and_rotation():
    def fill(slide):
        slide.shapes.add_picture(png(halves()), Inches(1), Inches(1), Inches(2), Inches(1)).crop_right = 0.5
        slide.shapes.add_picture(png(halves()), Inches(4), Inches(1), Inches(2), Inches(1))._element.spPr.find(qn("a:xfrm")).set(
            "flipH", "1"
        )
        slide.shapes.add_picture(png(halves()), Inches(4), Inches(4), Inches(2), Inches(1)).rotation = 90

    _, pixels = picture_of(fill)
    assert [at(pixels, *point) for point in ((1.2, 1.5), (2.8, 1.5))] == [RED, RED]
    assert [at(pixels, *point) for point in ((4.2, 1.5), (5.8, 1.5))] == [BLUE, RED]
    assert [at(pixels, *point) for point in ((5, 3.7), (5, 5.3), (4.2, 4.5))] == [RED, BLUE, WHITE]


def test_transparency_shows_what_is_behind():
    array = np.zeros((10, 10, 4), np.uint8)
    array[:, :5] = (0, 0, 255, 128)

    def fill(slide):
        box(slide, 1, 1, 4, 4)
        slide.shapes.add_picture(png(array), Inches(1), Inches(1), Inches(4), Inches(4))

    _, pixels = picture_of(fill)
    assert at(pixels, 4.5, 3) == RED
    assert np.abs(np.array(at(pixels, 2, 3)) - (127, 0, 128)).max() <= 2


def test_a_picture_in_an_ellipse_is_cut_out():
    def fill(slide):
        slide.shapes.add_picture(png(halves()), Inches(1), Inches(1), Inches(4), Inches(4)).auto_shape_type = MSO_SHAPE.OVAL

    _, pixels = picture_of(fill)
    assert [at(pixels, *point) for point in ((1.2, 1.2), (2, 3), (4, 3))] == [WHITE, RED, BLUE]


@pytest.mark.parametrize("name", ["vector", "damaged", "bomb"])
def test_pictures_that_cannot_be_shown_are_counted_and_crossed_out(name):
    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    data = {"vector": b"\x01\0\0\0" + bytes(36) + b" EMF" + bytes(200), "damaged": b"\x89PNG\r\n\x1a\n" + bytes(50), "bomb": bomb}[name]

    def fill(slide):
        slide.shapes.add_picture(png(halves()), Inches(1), Inches(1), Inches(2), Inches(1))
        box(slide, 5, 1, 1, 1)

    told, pixels = picture_of(fill, change={"ppt/media/image1.png": data})
    assert (told["num_undrawn"], told["shown"][0]["whole"]) == (1, False)
    assert (at(pixels, 1.5, 1.1), at(pixels, 5.5, 1.5)) == ((239, 239, 239), RED)
    with pytest.raises(Refused):
        picture_pixels(data)


def test_crops_and_tiles():
    array = np.concatenate([halves(), np.full((40, 80, 1), 255, np.uint8)], axis=2)
    assert cropped(array, [0.5, 0, 0, 0]).shape == (40, 40, 4) and (cropped(array, [0.5, 0, 0, 0])[..., 2] == 255).all()
    assert cropped(array, [-0.5, 0, 0, 0]).shape == (40, 120, 4) and cropped(array, [-0.5, 0, 0, 0])[0, 0, 3] == 0
    assert cropped(array, [0.6, 0, 0.6, 0]).shape == array.shape  # nothing would be left
    assert tiled(array, 200, 100, 4 / 3).shape == (100, 200, 4)


# ---- text


def test_text_is_aligned_and_anchored():
    def fill(slide):
        for x, align, anchor in (
            (0, PP_ALIGN.LEFT, MSO_ANCHOR.TOP),
            (3.3, PP_ALIGN.CENTER, MSO_ANCHOR.MIDDLE),
            (6.6, PP_ALIGN.RIGHT, MSO_ANCHOR.BOTTOM),
        ):
            frame = text_box(slide, "HHH", x, 1, 3, 3).text_frame
            frame.vertical_anchor, frame.paragraphs[0].alignment = anchor, align

    told, pixels = picture_of(fill)
    assert [shape["paragraphs"] for shape in told["shown"]] == [[True]] * 3
    left, middle, right = (ink_box(pixels[:, round(72 * x) : round(72 * (x + 3.2))], tolerance=120) for x in (0, 3.3, 6.6))
    assert left[0] == pytest.approx(0.1, abs=0.05) and left[1] < 1.3
    assert (middle[0] + middle[2]) / 2 == pytest.approx(1.5, abs=0.05) and (middle[1] + middle[3]) / 2 == pytest.approx(2.5, abs=0.1)
    assert right[2] == pytest.approx(2.9, abs=0.05) and right[3] == pytest.approx(3.9, abs=0.15)


def test_text_that_shrinks_stays_in_its_box_and_other_text_does_not():
    words = "many words that do not fit " * 12

    def fill(slide):
        for x, fit in ((0.5, MSO_AUTO_SIZE.TEXT_TO_FIT_SHAPE), (5, MSO_AUTO_SIZE.NONE)):
            text_box(slide, words, x, 1, 3, 1).text_frame.auto_size = fit

    told, _ = picture_of(fill)
    shrunk, free = (shape["box_pt"] for shape in told["shown"])
    assert shrunk[3] <= 145 < free[3]


@pytest.mark.parametrize("text", ["Ελληνικά", "Кириллица", "日本語", "中文字符", "한국어", "العربية", "עברית", "हिन्दी", "ไทย", "→ ✓ ■"])
def test_every_script_has_a_font(text):
    told, _ = picture_of(lambda slide: text_box(slide, text))
    assert told["shown"][0]["paragraphs"] == [True]


def test_right_to_left_text_stands_at_the_right():
    def fill(slide):
        properties = text_box(slide, "مرحبا", 1, 1, 6, 1).text_frame.paragraphs[0]._p.get_or_add_pPr()
        properties.set("rtl", "1")
        properties.set("algn", "r")

    _, pixels = picture_of(fill)
    assert ink_box(pixels, tolerance=120)[0] > 5


@pytest.mark.parametrize(("direction", "tall"), [("vert", True), ("vert270", True), ("horz", False)])
def test_vertical_text(direction, tall):
    def fill(slide):
        text_box(slide, "Vertical text", 2, 1, 1.2, 4).text_frame._txBody.bodyPr.set("vert", direction)

    x0, y0, x1, y1 = ink_box(picture_of(fill)[1], tolerance=120)
    assert (y1 - y0 > 1.0) == tall and (x1 - x0 < 0.5) == tall


def test_turned_text_is_read_as_shown():
    told, _ = picture_of(lambda slide: setattr(text_box(slide, "Turned text", 3, 3), "rotation", 33))
    assert told["shown"][0]["paragraphs"] == [True]


def test_bullets_hang_beside_their_text():
    def fill(slide):
        properties = text_box(slide, "point").text_frame.paragraphs[0]._p.get_or_add_pPr()
        properties.set("marL", "914400")
        properties.set("indent", "-457200")
        properties.append(properties.makeelement(qn("a:buChar"), {"char": "■"}))

    _, pixels = picture_of(fill)
    columns = np.nonzero((pixels < 128).all(axis=2).any(axis=0))[0] / 72
    assert columns.min() == pytest.approx(1.6, abs=0.06) and columns[columns > 1.9].min() == pytest.approx(2.1, abs=0.06)


def test_the_number_of_the_slide_is_written_in_its_field():
    def fill(slide):
        paragraph = text_box(slide, "").text_frame.paragraphs[0]._p
        field = paragraph.makeelement(qn("a:fld"), {"id": "{0}", "type": "slidenum"})
        paragraph.append(field)
        field.append(field.makeelement(qn("a:t"), {}))
        field[0].text = "‹#›"

    one, two = (picture_of(fill, fill, number=number)[1] for number in (1, 2))
    assert not np.array_equal(one, two)


# ---- what can be read


def hidden(slide):
    text_box(slide, "under a box")
    box(slide, 0.5, 0.5, 6, 2)


def pale(slide):
    text_box(slide, "white").text_frame.paragraphs[0].runs[0].font.color.rgb = RGBColor(250, 250, 250)


def tiny(slide):
    text_box(slide, "tiny").text_frame.paragraphs[0].runs[0].font.size = Pt(2)


@pytest.mark.parametrize(
    ("fill", "can_read"),
    [
        (lambda slide: text_box(slide, "plain"), [True]),
        (hidden, [False]),
        (lambda slide: (box(slide, 0.5, 0.5, 6, 2), text_box(slide, "over a box")), [True]),
        (pale, [False]),
        (tiny, [False]),
        (lambda slide: text_box(slide, "off the slide", x=9.7), [False]),
        (lambda slide: text_box(slide, "one\ntwo", y=7.35), [False, False]),
        (lambda slide: text_box(slide, "words that run " * 60, y=4), [False]),  # its first lines alone
        (lambda slide: text_box(slide, "https://example.org/" + "a" * 60), [True]),  # broken at the edge
        (lambda slide: text_box(slide, "private \uf8ff sign"), [False]),
        (lambda slide: text_box(slide, "one\n\ntwo"), [True, True, True]),
    ],
)  # fmt: skip
def test_text_that_can_be_read(fill, can_read):
    told, _ = picture_of(fill)
    assert next(shape["paragraphs"] for shape in told["shown"] if shape.get("paragraphs")) == can_read


def test_texts_over_one_another_cannot_be_read():
    told, _ = picture_of(lambda slide: (text_box(slide, "first text here"), text_box(slide, "other text here", 1.05, 1.05)))
    assert [shape["paragraphs"] for shape in told["shown"]] == [[False], [False]]


def test_a_chart_under_a_picture_is_not_whole():
    def fill(slide):
        slide.shapes.add_chart(XL_CHART_TYPE.PIE, Inches(1), Inches(1), Inches(4), Inches(4), categories(*ONE))
        slide.shapes.add_picture(png(halves()), Inches(1), Inches(1), Inches(4), Inches(4))

    told, _ = picture_of(fill)
    assert [shape["whole"] for shape in told["shown"]] == [False, True]


def test_text_of_many_shapes_keeps_its_place_between_them():
    """Text is put down in few strokes; what is drawn over it must cover it, what is drawn beside it must not matter."""

    def fill(slide):
        for place in range(4):
            box(slide, 1, 0.5 + place, 3, 0.8).text_frame.text = f"text {place}"
            text_box(slide, f"beside {place}", 5, 0.5 + place)
        box(slide, 0.9, 2.4, 5, 1, BLUE)

    told, _ = picture_of(fill)
    assert [shape["paragraphs"] for shape in told["shown"]] == [[place != 2] for place in range(4) for _ in range(2)] + [[True]]


def test_cells_are_read_one_by_one():
    def fill(slide):
        table = slide.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
        for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
            table.cell(row, column).text = f"cell {row}{column}"
        run = table.cell(1, 1).text_frame.paragraphs[0].runs[0]
        run.font.color.rgb = RGBColor(233, 237, 244)  # as the band

    told, _ = picture_of(fill)
    assert told["shown"][0]["cells"] == [[[True], [True]], [[True], [False]]]


def test_rows_grow_with_their_text():
    def fill(slide):
        table = slide.shapes.add_table(2, 1, Inches(1), Inches(1), Inches(2), Inches(0.6)).table
        table.cell(0, 0).text = "a text of several lines in a narrow cell " * 2

    told, _ = picture_of(fill)
    assert told["shown"][0]["box_pt"][3] > 80


# ---- the whole


def test_faces_have_a_stand_in_of_their_kind_and_width():
    assert face("Calibri Light") == ("sans-serif", 0.9) and face("Times New Roman")[0] == "serif" and face("Courier New")[0] == "monospace"


def test_widths_of_text_grow_with_it():
    run = {
        "text": "wide",
        "font": "Arial",
        "size_pt": 20,
        "bold": False,
        "italic": False,
        "underline": False,
        "strike": False,
        "color": "#000000",
        "baseline": 0,
    }
    paragraph = {"runs": [run], "line": {"ratio": 1}, "align": "l", "indent_pt": 0, "bullet": None, "rtl": False, "size_pt": 20}
    one = natural_width(paragraph_html(paragraph, 1, 1))
    assert natural_width(paragraph_html(paragraph, 2, 1)) == pytest.approx(2 * one, rel=0.01) and 30 < one < 60


def test_the_same_slide_gives_the_same_pixels_in_another_process(tmp_path):
    def fill(slide):
        box(slide, 1, 1, 3, 2, kind=MSO_SHAPE.CLOUD).text_frame.text = "日本 and text"
        slide.shapes.add_chart(XL_CHART_TYPE.PIE, Inches(5), Inches(1), Inches(4), Inches(4), categories(*ONE))

    (tmp_path / "deck.pptx").write_bytes(deck_of(fill))
    program = (
        "import sys, hashlib; from tests.processors.deck.build import drawn, read;"
        "print(hashlib.sha256(drawn(read(open(sys.argv[1], 'rb').read()))[1]).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", program, str(tmp_path / "deck.pptx")], capture_output=True, text=True, check=True)
    here = drawn(read((tmp_path / "deck.pptx").read_bytes()))[1]
    assert other.stdout.strip() == hashlib.sha256(here).hexdigest()
