"""Reading order and text of a page, on pages whose every line was put at a known place."""

from __future__ import annotations

import pytest
from matplotlib import font_manager

from processors.mupdf import import_pymupdf
from processors.page.writing import join_lines, markdown
from schemas.records import Row
from tests.processors.page.making import column, one_page, pdf, read, say, stream, text_of

pymupdf = import_pymupdf()

LEFT = ["The left column begins here and fills", "its width with words that go on and on", "until the very last line of the text."]
RIGHT = ["The right column comes after the left", "one has been read to its end, and has", "the same number of lines as the other."]


def joined(lines: list[str]) -> str:
    return " ".join(lines)


def test_columns_are_read_one_after_the_other():
    page = column(60, 200, LEFT) + column(320, 205, RIGHT)
    assert text_of(pdf(page)) == joined(LEFT) + "\n\n" + joined(RIGHT)


def test_drawing_order_does_not_matter():
    page = column(60, 200, LEFT) + column(320, 200, RIGHT)
    assert text_of(pdf(page[::-1])) == text_of(pdf(page)) == joined(LEFT) + "\n\n" + joined(RIGHT)


def test_three_unequal_columns():
    narrow = ["Some short lines here", "that make a column of", "their own, no more so."]
    page = column(40, 200, narrow) + column(170, 200, LEFT) + column(390, 200, LEFT)
    assert text_of(pdf(page)).split("\n\n") == [joined(narrow), joined(LEFT), joined(LEFT)]


def test_a_heading_across_columns_parts_what_is_above_from_what_is_below():
    upper = column(60, 150, LEFT) + column(320, 150, RIGHT)
    heading = [(60, 230, "A heading that stands across both columns of the page", 18)]
    lower = column(60, 260, RIGHT) + column(320, 260, LEFT)
    told = text_of(pdf(upper + heading + lower)).split("\n\n")
    assert told == [joined(LEFT), joined(RIGHT), heading[0][2], joined(RIGHT), joined(LEFT)]


def test_number_of_columns_is_a_fact():
    done = read(pdf(column(60, 200, LEFT) + column(320, 200, RIGHT)))
    assert isinstance(done, Row) and done.facts["page.num_columns"] == 2
    done = read(pdf(column(60, 200, LEFT)))
    assert isinstance(done, Row) and done.facts["page.num_columns"] == 1


TABLE = [("Name", "Mass", "Year"), ("Iron", "56", "1200"), ("Gold", "197", "1905"), ("Tin", "119", "1850")]


def test_a_table_becomes_rows_of_cells():
    page = [(60 + 120 * j, 300 + 16 * i, cell, 10) for i, cells in enumerate(TABLE) for j, cell in enumerate(cells)]
    text = text_of(pdf(column(60, 200, LEFT) + page))
    assert text == joined(LEFT) + "\n\n" + markdown(TABLE)
    assert "| Gold | 197 | 1905 |" in text


def test_a_bar_in_a_cell_is_escaped():
    assert markdown([("a|b", "c")]) == "| a\\|b | c |\n| --- | --- |"


def test_paragraphs_by_white_and_by_indent():
    lines = [
        (60, 200, "The first paragraph fills its lines with words", 10),
        (60, 213, "and then it ends with a stop right here, yes.", 10),
    ]
    indented = [
        (75, 226, "The second one is indented at its first line", 10),
        (60, 239, "and goes on at the edge like the other lines.", 10),
    ]
    apart = [(60, 275, "The third stands apart from the second by white.", 10)]
    assert len(text_of(pdf(lines + indented + apart)).split("\n\n")) == 3


def test_layout_lines_keeps_the_printed_lines():
    assert text_of(pdf(column(60, 200, LEFT)), layout="lines") == "\n".join(LEFT)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["the inter-", "national mill"], "the international mill"),
        (["a self-", "made man"], "a self-made man"),
        (["the state-of-the-", "art mill"], "the state-of-the-art mill"),
        (["the Franco-", "Prussian war"], "the Franco-Prussian war"),
        (["pages 12-", "14 of it"], "pages 12-14 of it"),
        (["the soft\u00ad", "ness of it"], "the softness of it"),
        (["it ended -", "so it seems"], "it ended - so it seems"),
        (["漢字と", "仮名"], "漢字と仮名"),
    ],
)
def test_words_broken_at_line_ends(lines, told):
    assert join_lines(lines) == told


def test_the_page_tells_how_a_broken_word_is_written():
    assert join_lines(["a co-", "operative"], frozenset({"co-operative"})) == "a co-operative"
    assert join_lines(["a self-", "hood"], frozenset({"selfhood"})) == "a selfhood"


def test_ligatures_and_soft_hyphens_are_taken_apart():
    font = {"fontname": "dj", "fontfile": _font()}
    assert text_of(pdf([(60, 200, "e\ufb03cient \ufb01sh soft\u00adness", 12, font)])) == "efficient fish softness"


def _font() -> str:
    return str(font_manager.findfont("DejaVu Sans"))


def test_raised_and_lowered_figures():
    page: list[tuple[float, float, str, float]] = []
    x = 60.0
    for text, drop, size in (("There are 10", 0, 12), ("3", -5, 7), (" metres of H", 0, 12), ("2", 3, 7), ("O in it.", 0, 12)):
        page.append((x, 200 + drop, text, size))
        x += pymupdf.get_text_length(text, fontsize=size)
    assert text_of(pdf(page)) == "There are 10³ metres of H₂O in it."


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_pages_and_texts_that_are_turned_read_the_same(turn):
    page = column(60, 200, LEFT) + column(320, 200, RIGHT)
    document = pymupdf.open(stream=pdf(page), filetype="pdf")
    document[0].set_rotation(turn)
    done = text_of(document.tobytes())
    assert done == joined(LEFT) + "\n\n" + joined(RIGHT)
    read_row = read(document.tobytes())
    assert isinstance(read_row, Row) and read_row.facts["page.rotation_deg"] == turn
    shape = read_row.fields["page_read"]["height_px"], read_row.fields["page_read"]["width_px"]  # type: ignore[index]
    assert shape == ((1344, 950) if turn == 180 else (950, 1344))


def test_text_that_nobody_sees_is_left_out():
    seen = (60, 200, "This is what a person can read on the page.", 10)
    white = (60, 230, "white on white", 10, {"color": (1, 1, 1)})
    outside = (900, 250, "outside the page", 10)
    invisible = (60, 260, "in render mode three", 10, {"render_mode": 3})
    assert text_of(pdf([seen, white, outside, invisible])) == seen[2]


def test_text_under_a_clip_is_left_out():
    content = say("seen by everyone here") + b"q 0 0 10 10 re W n\n" + say("under a clip", y=600) + b"Q\n"
    assert text_of(one_page(stream(content))) == "seen by everyone here"


def test_text_drawn_twice_is_read_once():
    twice = [(60, 200, "A shadow lies under these words", 14), (61, 201, "A shadow lies under these words", 14)]
    assert text_of(pdf(twice)) == twice[0][2]
    far = [(60, 200, "The same words", 14), (60, 260, "The same words", 14)]
    assert text_of(pdf(far)).count("The same words") == 2


def test_running_heads_feet_and_numbers_are_left_out_or_kept():
    body = ["Body text of this page, number {} of the file,", "which goes on for a second line and ends here."]
    pages = [
        [(60, 40, "The Mill on the Hill", 9), *column(60, 200, [line.format(word) for line in body]), (295, 815, str(number), 9)]
        for number, word in enumerate(("one", "two", "three"), 7)
    ]
    data = pdf(*pages)
    assert text_of(data, 1) == joined(body).format("two")
    kept = text_of(data, 1, keep_furniture=True)
    assert kept.startswith("The Mill on the Hill") and kept.endswith("8")
    done = read(data, 1)
    assert isinstance(done, Row) and done.facts["page.num_furniture_lines"] == 2
    assert done.fields["page_read"]["page_number"] == "8"  # type: ignore[index]


def test_a_title_at_the_top_is_no_running_head():
    data = pdf([(60, 60, "A Title in Large Letters", 22), *column(60, 200, LEFT)])
    assert text_of(data).startswith("A Title in Large Letters")


def test_the_longer_side_is_drawn_at_the_cap():
    done = read(pdf(column(60, 200, LEFT), size=(842, 595)), max_side_px=500)
    assert isinstance(done, Row)
    told = done.fields["page_read"]
    assert (told["width_px"], told["height_px"]) == (500, 353)  # type: ignore[index]
    assert len(done.blobs["page_rgb"]) == 500 * 353 * 3
    small = read(pdf([(2, 20, "small", 9)], size=(36, 36)))
    assert isinstance(small, Row) and small.fields["page_read"]["width_px"] == 150  # type: ignore[index] # 300 dots an inch, not more


def test_same_page_same_bytes_whatever_was_read_before():
    data = pdf(column(60, 200, LEFT), column(60, 200, RIGHT))
    first = read(data, 1)
    read(data, 0)
    again = read(bytes(bytearray(data)), 1)
    assert isinstance(first, Row) and first == again
