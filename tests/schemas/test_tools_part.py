"""Tools, calls and results survive the way to disk and back."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.contact_sheet import write_contact_sheet
from pipelines.inspection.record import show_record
from schemas.arrow import SchemaError, from_batch, schema_for, to_batch
from schemas.parts import Text, ToolCall, ToolResult, Tools
from schemas.records import Conversation, Origin, Preference, Turn, weigh

TURNS = (
    Turn("system", (Text("S"), Tools('[{"name": "f"}]'))),
    Turn("user", (Text("U"),)),
    Turn("assistant", (Text("Now. "), ToolCall("f", '{"x": 1}'), ToolCall("f", "{}")), learned=True),
    Turn("tool_response", (ToolResult("f", "1"),)),
    Turn("tool_response", (ToolResult("f", ""),)),
)
RECORD = Conversation("k", Origin("s"), TURNS)


def test_a_conversation_and_a_preference_come_back_as_they_were() -> None:
    assert list(from_batch(to_batch([RECORD], schema_for("conversation", ())))) == [RECORD]
    pair = Preference("k", Origin("s"), TURNS[:2], TURNS[2:], TURNS[3:])
    assert list(from_batch(to_batch([pair], schema_for("preference", ())))) == [pair]


def test_an_unknown_part_is_an_error() -> None:
    batch = to_batch([RECORD], schema_for("conversation", ()))
    rows = batch.column("turns").to_pylist()
    rows[0][0]["parts"][1]["kind"] = "gadget"
    place = batch.schema.get_field_index("turns")
    changed = batch.set_column(place, batch.schema.field(place), pa.array(rows, batch.schema.field(place).type))
    with pytest.raises(SchemaError, match=r"part kind 'gadget' is unknown; expected .*tools"):
        list(from_batch(changed))


def test_tools_weigh_what_they_take() -> None:
    larger = Conversation("k", Origin("s"), (Turn("system", (Tools("x" * 5_000),)),))
    assert weigh(larger) - weigh(Conversation("k", Origin("s"), (Turn("system", (Tools(""),)),))) == 5_000


def test_a_person_sees_tools_calls_and_results(tmp_path: Path) -> None:
    shown = show_record(RECORD)
    for text in ('<|tool|>[{"name": "f"}]<|/tool|>', '<|tool_call|>f({"x": 1})<|/tool_call|>', "<|tool_response|>1<|end|>"):
        assert text in shown
    assert write_contact_sheet([RECORD], tmp_path / "sheet.png", "tools") == 1
