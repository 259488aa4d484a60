"""Conditions: they keep the rows that Python's own comparisons keep, read only what they name, and their errors name the nearest fact."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.inspection.columns import ColumnError, Columns
from pipelines.inspection.where import parse

COLUMNS = Columns({"key": str, "a.num": int, "a.ratio": float, "a.name": str, "b.name": str, "b.is_odd": bool})
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "a.num": st.none() | st.integers(-3, 3),
            "a.ratio": st.none() | st.sampled_from([-1.5, 0.0, 0.5, 2.0]),
            "a.name": st.none() | st.sampled_from(["", "de", "en", "den"]),
            "b.is_odd": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=8,
)
TYPES = {
    "key": pa.string(),
    "a.num": pa.int64(),
    "a.ratio": pa.float64(),
    "a.name": pa.string(),
    "b.name": pa.string(),
    "b.is_odd": pa.bool_(),
}


def batch_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([row.get(name) for row in rows], kind) for name, kind in TYPES.items()], names=list(TYPES))


def kept(text: str, rows: list[dict[str, Any]]) -> list[bool | None]:
    return parse(text, COLUMNS)(batch_of(rows)).to_pylist()


# Each condition beside the same in Python, where None stands for what cannot be told.
COMPARISONS: list[tuple[str, tuple[str, ...], Any]] = [
    ("a.num > 1", ("a.num",), lambda row: row["a.num"] > 1),
    ("1 >= a.num", ("a.num",), lambda row: row["a.num"] <= 1),
    ("-1 <= a.num < 2", ("a.num",), lambda row: -1 <= row["a.num"] < 2),
    ("a.num == 0.5", ("a.num",), lambda row: row["a.num"] == 0.5),
    ("a.ratio < a.num", ("a.ratio", "a.num"), lambda row: row["a.ratio"] < row["a.num"]),
    ("a.num in (1, 2.0, -3)", ("a.num",), lambda row: row["a.num"] in (1, 2, -3)),
    ("a.num not in [0.5, 1]", ("a.num",), lambda row: row["a.num"] not in (0.5, 1)),
    ("a.name in ('de', 'en')", ("a.name",), lambda row: row["a.name"] in ("de", "en")),
    ("'de' in a.name", ("a.name",), lambda row: "de" in row["a.name"]),
    ("a.name >= 'den'", ("a.name",), lambda row: row["a.name"] >= "den"),
    ("b.is_odd", ("b.is_odd",), lambda row: row["b.is_odd"]),
    ("b.is_odd != True", ("b.is_odd",), lambda row: not row["b.is_odd"]),
    ("a.num < 99999999999999999999", ("a.num",), lambda row: True),
]


def truth(case: tuple[str, tuple[str, ...], Any], row: dict[str, Any]) -> bool | None:
    _, names, asked = case
    return None if any(row[name] is None for name in names) else bool(asked(row))


@settings(max_examples=50, deadline=None)
@given(ROWS, st.sampled_from(COMPARISONS))
def test_a_comparison_is_python_s_and_nothing_where_nothing_was_measured(rows: list[dict[str, Any]], case: Any) -> None:
    assert kept(case[0], rows) == [truth(case, row) for row in rows]


@settings(max_examples=50, deadline=None)
@given(ROWS, st.sampled_from(COMPARISONS), st.sampled_from(COMPARISONS))
def test_and_or_not_follow_three_valued_logic(rows: list[dict[str, Any]], one: Any, other: Any) -> None:
    pairs = [(truth(one, row), truth(other, row)) for row in rows]
    assert kept(f"not {one[0]}", rows) == [None if a is None else not a for a, _ in pairs]
    assert kept(f"({one[0]}) and ({other[0]})", rows) == [
        False if a is False or b is False else None if a is None or b is None else True for a, b in pairs
    ]
    assert kept(f"({one[0]}) or ({other[0]})", rows) == [
        True if a is True or b is True else None if a is None or b is None else False for a, b in pairs
    ]


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_is_none_asks_for_what_was_not_measured(rows: list[dict[str, Any]]) -> None:
    assert kept("a.ratio is None", rows) == [row["a.ratio"] is None for row in rows]
    assert kept("None != a.ratio", rows) == [row["a.ratio"] is not None for row in rows]


def test_only_the_named_columns_are_read() -> None:
    condition = parse("num > 1 and a.name == 'x'", COLUMNS)
    assert condition.names == {"a.num", "a.name"}
    batch = pa.RecordBatch.from_arrays([pa.array([2, 2]), pa.array(["x", "y"])], names=["a.num", "a.name"])
    assert condition(batch).to_pylist() == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.nm > 1", "fact 'a.nm' is unknown; did you mean 'a.num'?"),
        ("ratioo > 1", "did you mean 'a.ratio'?"),
        ("name == 'x'", "'name' could be a.name or b.name"),
        ("a.num > 'x'", "a.num is a number, and is compared with 'x', text"),
        ("a.num == True", "a.num is a number, and is compared with True, true or false"),
        ("b.is_odd > False", "are true or false; compare them with == or !="),
        ("a.num", "a.num is a number, not true or false"),
        ("1 < 2", "neither is a fact"),
        ("a.num < None", "which has no order"),
        ("a.num is 3", "to compare values write =="),
        ("a.num in 3", "expected a list of values"),
        ("a.num in (1, a.num)", "after `in`: expected numbers or texts"),
        ("a.num in ('x',)", "is a number, and is compared with 'x', text"),
        ("a.name in b.name", "a constant text is looked for in a fact"),
        ("a.num + 1 > 2", "'a.num + 1' is neither a fact nor a number or text"),
        ("__import__('os').system('true') == 0", "is neither a fact nor a number or text"),
        ("(lambda: 1)() > 0", "is neither a fact nor a number or text"),
        ("[x for x in (1,)]", "is no condition"),
        ("a.num > (", "cannot be read"),
        ("", "cannot be read"),
        ("a.num > 1\0", "cannot be read"),
        ("not " * 60 + "b.is_odd", "nested more than 50 deep"),
        ("a.num > " + "-" * 3_900 + "1", "cannot be read"),
        ("(" * 250 + "b.is_odd" + ")" * 250, "cannot be read"),
        ("a.num > 1 " + "or a.num > 1 " * 400, "at most 4000 are read"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, message: str) -> None:
    with pytest.raises(ColumnError, match=r".") as caught:
        parse(text, COLUMNS)
    assert message in str(caught.value)
