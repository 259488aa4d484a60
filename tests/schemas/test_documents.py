"""Documents through Arrow and back: facts that some rows lack, no facts at all, no rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.arrow import from_batch, schema_for, to_batch
from schemas.facts import Fact
from schemas.records import Document, Origin

FACTS = (Fact("a.yes", bool, ""), Fact("a.num", int, ""), Fact("a.ratio", float, ""), Fact("a.name", str, ""))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = {bool: st.booleans(), int: st.integers(-(2**63), 2**63 - 1), float: st.floats(allow_nan=False), str: TEXT}
DOCUMENTS = st.builds(
    Document,
    TEXT,
    st.builds(Origin, TEXT, TEXT, TEXT, TEXT),
    TEXT,
    st.fixed_dictionaries({}, optional={fact.name: VALUES[fact.type] for fact in FACTS}),
    st.lists(TEXT, max_size=2).map(tuple),
)


@given(st.lists(DOCUMENTS, max_size=5))
@settings(max_examples=100, deadline=None)
def test_documents_come_back_as_they_were(documents: list[Document]) -> None:
    batch = to_batch(documents, schema_for("document", FACTS))
    assert list(from_batch(batch)) == documents
    assert to_batch(list(from_batch(batch)), batch.schema).equals(batch)


@pytest.mark.parametrize("facts", [(), FACTS])
def test_documents_without_facts(facts: tuple[Fact, ...]) -> None:
    documents = [Document(f"k{number}", Origin("x"), "text") for number in range(3)]
    assert list(from_batch(to_batch(documents, schema_for("document", facts)))) == documents
