"""Lines of text: every form in which they come, every way in which they are bad, and the order in which they are read."""

from __future__ import annotations

import math
import random

import pytest

from pipelines.sample.receipts import draw_receipt, write_receipt
from processors.vision.fields import BAD_FIELDS, execute_fields, fields_of, unsupported_fields
from processors.vision.lines import (
    BAD_QUAD,
    MAX_LINES,
    NO_TEXT_LINES,
    QUAD_OUTSIDE,
    TOO_MANY_LINES,
    Line,
    are_rows_clear,
    full_text,
    lines_of,
    to_json,
)
from schemas.outcome import Reason, Refused

QUAD = [[10, 10], [60, 10], [60, 30], [10, 30]]


def read(lines: object, **more: object) -> str:
    return full_text(lines_of({"lines": lines, **more}, 200, 100).truth(200, 100))


@pytest.mark.parametrize(
    "item",
    [
        {"text": "A b", "quad": QUAD},
        {"text": " A  b ", "quad": [10, 10, 60, 10, 60, 30, 10, 30]},
        {"transcription": "A b", "points": QUAD},
        {"text": "A b", "box": [10, 10, 60, 30]},
        {"text": "A b", "bbox": [10, 10, 50, 20]},
        {"utf8_string": "A b", "polygon": [10, 10, 35, 10, 60, 10, 60, 30, 10, 30]},
    ],
)
def test_every_form_gives_the_same_line(item: dict[str, object]) -> None:
    found = lines_of({"lines": [item]}, 200, 100)
    assert found.lines == [Line("A b", ((10, 10), (60, 10), (60, 30), (10, 30)))]
    assert found.truth(200, 100) == {"rows": [[{"text": "A b", "box": [50, 100, 300, 300]}]], "num_illegible": 0}


def test_receipts_keep_the_commas_of_their_texts() -> None:
    text = "\ufeff10,10,60,10,60,30,10,30,NO.2&4, JALAN 3/2,\r\n\r\n10,40,60,40,60,60,10,60,80.90\n"
    found = lines_of({"box": text}, 200, 100)
    assert [line.text for line in found.lines] == ["NO.2&4, JALAN 3/2,", "80.90"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, NO_TEXT_LINES),
        ({"lines": []}, NO_TEXT_LINES),
        ({"box": "  \n"}, NO_TEXT_LINES),
        ({"lines": [{"text": "###", "quad": QUAD}, {"text": " ", "quad": QUAD}]}, NO_TEXT_LINES),
        ({"lines": [{"text": "a", "quad": QUAD, "illegible": True}]}, NO_TEXT_LINES),
        ({"lines": "a text"}, BAD_QUAD),
        ({"lines": ["a text"]}, BAD_QUAD),
        ({"lines": [{"quad": QUAD}]}, BAD_QUAD),
        ({"lines": [{"text": "a"}]}, BAD_QUAD),
        ({"lines": [{"text": "a", "quad": [1, 2, 3, 4]}]}, BAD_QUAD),
        ({"lines": [{"text": "a", "quad": [1, 2, 3, 4, 5, 6, 7, "8"]}]}, BAD_QUAD),
        ({"lines": [{"text": "a", "quad": [1, 2, 3, 4, 5, 6, 7, float("nan")]}]}, BAD_QUAD),
        ({"lines": [{"text": "a", "quad": [1, 2, 3, 4, 5, 6, 7, 1e300]}]}, BAD_QUAD),
        ({"lines": [{"text": "a", "quad": [[10, 10]] * 4}]}, BAD_QUAD),
        ({"lines": [{"text": "a", "box": [10, 10, 60]}]}, BAD_QUAD),
        ({"lines": [{"text": "a", "quad": list(range(1_000))}]}, BAD_QUAD),
        ({"box": "10,10,60,10,60,30,10,30"}, BAD_QUAD),
        ({"box": "10,10,60,10,60,30,10,ten,text"}, BAD_QUAD),
        ({"lines": [{"text": "a", "box": [10, 10, 210, 30]}]}, QUAD_OUTSIDE),
        ({"lines": [{"text": "a", "box": [-9, 10, 60, 30]}]}, QUAD_OUTSIDE),
        ({"lines": [{"text": "a", "box": [200.5, 10, 201.5, 30]}]}, QUAD_OUTSIDE),
        ({"lines": [{"text": "a" * 2_001, "quad": QUAD}]}, TOO_MANY_LINES),
        ({"lines": [{"text": "a", "quad": QUAD}] * (MAX_LINES + 1)}, TOO_MANY_LINES),
        ({"lines": [{"text": "a" * 1_500, "quad": QUAD}] * 134}, TOO_MANY_LINES),
    ],
)
def test_bad_lines_are_refused(fields: dict[str, object], reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        lines_of(fields, 200, 100)
    assert refused.value.reason is reason, str(refused.value)


def test_a_click_just_beyond_the_edge_is_cut_to_it() -> None:
    assert lines_of({"lines": [{"text": "a", "box": [-1, 10, 202, 30]}]}, 200, 100).lines[0].box == (0, 10, 200, 30)


def test_rows_are_read_from_the_top_each_from_the_left() -> None:
    lines = [
        {"text": "right", "box": [120, 12, 180, 30]},
        {"text": "below", "box": [10, 40, 60, 58]},
        {"text": "left", "box": [10, 10, 60, 30]},
        {"text": "middle", "box": [70, 14, 110, 32]},
    ]
    assert read(lines) == "left middle right\nbelow"


def test_right_to_left_rows_are_read_from_the_right() -> None:
    lines = [{"text": "שלום", "box": [120, 10, 180, 30]}, {"text": "עולם", "box": [10, 10, 60, 30]}]
    assert read(lines) == "שלום עולם"


def test_what_stands_above_one_another_is_never_one_row() -> None:
    lines = [{"text": "lower", "box": [10, 22, 90, 42]}, {"text": "upper", "box": [10, 14, 90, 34]}]
    assert read(lines) == "upper\nlower"


@pytest.mark.parametrize("degrees", [-8, -3, 3, 8])
def test_a_slant_does_not_mix_the_rows(degrees: float) -> None:
    angle = math.radians(degrees)

    def turned(x: float, y: float) -> list[float]:
        return [
            500 + (x - 500) * math.cos(angle) - (y - 500) * math.sin(angle),
            500 + (x - 500) * math.sin(angle) + (y - 500) * math.cos(angle),
        ]

    lines = []
    for row in range(12):
        for column in range(4):
            x, y = 150 + 180 * column, 200 + 50 * row
            lines.append(
                {"text": f"{row}.{column}", "quad": [turned(x, y), turned(x + 120, y), turned(x + 120, y + 30), turned(x, y + 30)]}
            )
    random.Random(7).shuffle(lines)
    read = full_text(lines_of({"lines": lines}, 1_000, 1_000).truth(1_000, 1_000))
    assert read == "\n".join(" ".join(f"{row}.{column}" for column in range(4)) for row in range(12))


def test_drawn_receipts_are_read_as_they_were_written() -> None:
    for number in range(8):
        receipt = write_receipt(5, number)
        picture, lines = draw_receipt(receipt, 5, number)
        given = [{"text": text, "quad": [list(point) for point in quad]} for text, quad in lines]
        random.Random(number).shuffle(given)
        found = lines_of({"lines": given}, *picture.size)
        assert full_text(found.truth(*picture.size)) == "\n".join(" ".join(text for text, _ in row) for row in receipt.rows)
        assert sorted(to_json(found), key=str) == sorted(given, key=str)


def test_rows_are_clear_only_where_anybody_would_count_them_alike() -> None:
    clear = {"rows": [[{"text": "a", "box": [0, 0, 10, 20]}], [{"text": "b", "box": [0, 18, 10, 40]}]]}
    mixed = {"rows": [[{"text": "a", "box": [0, 0, 10, 20]}], [{"text": "b", "box": [20, 8, 30, 30]}]]}
    assert are_rows_clear(clear)
    assert not are_rows_clear(mixed)


# ---- fields


def test_fields_are_kept_as_they_are_printed() -> None:
    assert fields_of({"key": {"total": " $9.20 ", "date": "20180304", "count": 3, "note": "", "tax": None}}) == {
        "total": "$9.20",
        "date": "20180304",
        "count": "3",
    }
    assert fields_of({"text": "x"}) == {}


@pytest.mark.parametrize(
    "given",
    [
        ["12.50"],
        "total",
        {"total": 9.2},
        {"total": ["9"]},
        {"total": True},
        {"a": "x" * 2_001},
        {" ": "x"},
        {str(n): "x" for n in range(65)},
    ],
)
def test_bad_fields_are_refused(given: object) -> None:
    with pytest.raises(Refused) as refused:
        fields_of({"fields": given})
    assert refused.value.reason is BAD_FIELDS


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("80.90", True),
        ("0.90", False),
        ("80.9", False),
        ("ABC HO TRADING", True),
        ("ABC HO", True),
        ("ABC TRADING", False),
        ("2, Mill Lane, 81100 JOHOR BAHRU", True),
        ("2, Mill Lane, 81200 JOHOR BAHRU", False),
        ("***", False),
    ],
)
def test_a_value_stands_in_the_text_whole_and_in_order(value: str, stands: bool) -> None:
    text = "abc ho\ntrading\n2, MILL LANE TEL 123\n81100 JOHOR  BAHRU\nTOTAL 80.90"
    assert unsupported_fields({"x": value}, text) == ([] if stands else ["x"])


def test_field_programs() -> None:
    truth = {"total": "9.20", "company": "Ünal & Co"}
    assert execute_fields(truth, {"op": "value", "name": "total"}) == "9.20"
    assert execute_fields(truth, {"op": "json", "names": ["company", "total"]}) == '{"company": "Ünal & Co", "total": "9.20"}'
    with pytest.raises(ValueError, match="op 'sum', expected value or json"):
        execute_fields(truth, {"op": "sum"})
