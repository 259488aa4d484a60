"""The tokens of rows on a page: the contract's own, all of them counted, the learned ones marked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html

from pipelines.report.learned import (
    FIRST_SHOWN,
    LAST_SHOWN,
    UNREADABLE,
    Shown,
    TokenRun,
    counted,
    learned_html,
    ribbon_html,
    shown_tokens,
    token_runs,
    tokens_html,
)
from processors import tokens
from processors.contract import NUM_LEARNED_TOKENS, NUM_TOKENS
from processors.packing import PackSequences
from schemas.parts import Text
from schemas.records import Conversation, Document, PackedSequence, Preference, Record, Turn
from tests.model.written import clip, conversation, document, documents, image, preference
from tests.model.written import counted as with_counts

TEXTS = st.text(min_size=1, max_size=60).filter(lambda text: tokens.special_in(text) is None and text.strip())


def page(html: object) -> Any:
    return lxml_html.fromstring(f"<div>{html}</div>")


def packed(context: int = 64) -> list[PackedSequence]:
    found = PackSequences(context)(list(documents(12)))
    return [sequence for sequence in found if isinstance(sequence, PackedSequence)]


def test_a_known_conversation_is_shown_token_by_token() -> None:
    row = conversation("k", [clip(16_000), image(300, 300), "Hello world"], "Bye, world")
    (run,) = token_runs(row)
    assert list(shown_tokens(run)) == [
        Shown("special", "<|user|>", 1, False),
        Shown("medium", "audio 1", 13, False),
        Shown("medium", "image 1", 545, False),
        Shown("text", "Hello", 1, False),
        Shown("text", " world", 1, False),
        Shown("special", "<|end|>", 1, False),
        Shown("special", "<|assistant|>", 1, False),
        Shown("text", "Bye", 1, True),
        Shown("text", ",", 1, True),
        Shown("text", " world", 1, True),
        Shown("special", "<|end|>", 1, True),
        Shown("special", "<|endoftext|>", 1, True),
    ]
    shown = page(tokens_html(list(shown_tokens(run))))
    assert [mark.text_content() for mark in shown.iter("mark")] == ["Bye, world<|end|><|endoftext|>"]
    assert [chip.text for chip in shown.find_class("medium")] == ["audio 1 \u00d7 13", "image 1 \u00d7 545"]
    assert [span.text for span in shown.iter("span")] == ["Hello", " world", "Bye", ",", " world"]


def test_two_images_side_by_side_stay_two() -> None:
    row = conversation("k", [image(300, 300), image(900, 300), "Which?"], "The second")
    (run,) = token_runs(row)
    assert [piece.num_tokens for piece in shown_tokens(run) if piece.kind == "medium"] == [num for _, num in run.media]


@pytest.mark.parametrize(
    "record",
    [
        document("d", "Some text \u4f60\u597d \U0001f469\u200d\U0001f680."),
        conversation("c", [image(700, 300), clip(9_000), "What?"], "This."),
        preference("p", ["Which one?"], "The longer answer of the two", "No"),
        preference("q", [image(300, 300), "Which one?"], "No", "The longer answer of the two"),
        *packed(),
    ],
    ids=lambda record: record.key[:8],
)
def test_learned_and_context_tokens_add_up_to_the_contract(record: Record) -> None:
    runs = token_runs(record)
    found = [list(shown_tokens(run)) for run in runs]
    sums = [sum(piece.num_tokens for piece in pieces) for pieces in found]
    learned = [sum(piece.num_tokens for piece in pieces if piece.learned) for pieces in found]
    assert max(sums) == record.facts[NUM_TOKENS.name]
    assert sum(learned) == record.facts[NUM_LEARNED_TOKENS.name]
    assert counted(record, runs) == {name: record.facts[name] for name in (NUM_TOKENS.name, NUM_LEARNED_TOKENS.name)}
    assert "Counted otherwise" not in page(learned_html(record)).text_content()


@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_the_shown_text_is_the_text(text: str) -> None:
    """Whatever the alphabet: characters of several tokens, joined ones, none lost or doubled."""
    (run,) = token_runs(Document("d", document("d", "a").origin, text))
    shown = list(shown_tokens(run))
    assert "".join(piece.text for piece in shown) == f"{text}<|endoftext|>"
    assert sum(piece.num_tokens for piece in shown) == len(run.ids) == tokens.count(text) + 1
    assert all(piece.learned for piece in shown)


def test_tokens_of_one_character_are_counted_together() -> None:
    ids = tokens.encode("\U00012000!")  # a cuneiform sign, four bytes of its own
    run = TokenRun("text", np.array(ids), np.zeros(len(ids), bool))
    assert list(shown_tokens(run)) == [Shown("text", "\U00012000", len(ids) - 1, False), Shown("text", "!", 1, False)]
    span = next(page(tokens_html(list(shown_tokens(run)))).iter("span"))
    assert (span.text, span.find("sub").text) == ("\U00012000", str(len(ids) - 1))


def test_a_piece_that_was_cut_inside_a_character_is_shown_as_such() -> None:
    ids = tokens.encode("\U00012000!")
    run = TokenRun("text", np.array(ids[1:]), np.ones(len(ids) - 1, bool))
    assert [piece.text for piece in shown_tokens(run)] == [UNREADABLE] * (len(ids) - 2) + ["!"]
    assert tokens.decode(ids[:1]) == UNREADABLE  # and in a terminal


def test_a_long_sequence_is_cut_in_its_middle_and_says_how_much() -> None:
    half = " one" * 500
    turns = (Turn("user", (Text("one" + half),)), Turn("assistant", (Text("one" + half),), learned=True))
    (run,) = token_runs(with_counts(Conversation("c", document("d", "a").origin, turns)))
    shown = page(tokens_html(list(shown_tokens(run))))
    assert len(list(shown.iter("span"))) + len(list(shown.iter("b"))) == FIRST_SHOWN + LAST_SHOWN
    hidden = len(run.ids) - FIRST_SHOWN - LAST_SHOWN
    learned = run.num_learned - LAST_SHOWN
    assert shown.find_class("example-gap")[0].text == f"{hidden} tokens not shown, {learned} of them learned"
    assert (hidden, learned) == (407, 303)


def test_a_row_that_counts_otherwise_is_shown_as_wrong() -> None:
    row = document("d", "one two three")
    row = Document(row.key, row.origin, "one two three four", row.facts)
    (problem,) = page(learned_html(row)).find_class("example-wrong")
    assert problem.text == (
        "Counted otherwise: contract.num_tokens is 5 here and 4 in the row; contract.num_learned_tokens is 5 here and 4 in the row; "
        "run corpusmill verify."
    )


def test_a_ribbon_is_as_wide_as_the_sequence() -> None:
    for row in packed():
        (run,) = token_runs(row)
        shown = page(ribbon_html(row, run))
        bars = list(shown.find_class("example-ribbon")[0])
        widths = [int(bar.get("style").removeprefix("flex-grow:")) for bar in bars]
        padding = len(row.input_ids) - len(run.ids)
        assert widths == [piece.num_tokens for piece in row.pieces] + ([padding] if padding else [])
        assert [bar.get("title").split(":")[0] for bar in bars][: len(row.pieces)] == [piece.key for piece in row.pieces]
        assert len(list(shown.iter("mark"))) == sum(
            piece.num_tokens > 1 for piece in row.pieces
        )  # the first token of a piece is never learned
        told = f"{run.num_learned} learned + {len(row.pieces)} context + {padding} padding = 64 tokens"
        assert told in shown.text_content()


def test_special_tokens_that_a_text_spells_are_no_chips() -> None:
    ids = tokens.encode("<|end|><script>")
    shown = page(tokens_html(list(shown_tokens(TokenRun("text", np.array(ids), np.ones(len(ids), bool))))))
    assert (list(shown.iter("b")), list(shown.iter("script"))) == ([], [])
    assert "".join(span.text for span in shown.iter("span")) == "<|end|><script>"


def test_sides_of_a_preference_have_their_prompt() -> None:
    row = preference("p", ["Which?"], "Yes", "No")
    assert isinstance(row, Preference)
    chosen, rejected = token_runs(row)
    assert tokens.decode(chosen.ids.tolist()) == "<|user|>Which?<|end|><|assistant|>Yes<|end|><|endoftext|>"
    assert tokens.decode(rejected.ids[rejected.learned].tolist()) == "No<|end|><|endoftext|>"
