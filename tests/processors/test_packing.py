"""Packed sequences: every token once, nothing learned across records, as full as can be."""

from __future__ import annotations

import pickle
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors import tokens
from processors.contract import token_ids
from processors.packing import NOT_LEARNED, PackSequences, best_fit, check_packed, encoded
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, Document, Origin, PackedSequence, Record, Turn

ORIGIN = Origin("made", licence="CC0-1.0")


def document(key: str, text: str, licence: str = "CC0-1.0") -> Document:
    return Document(key, Origin("made", licence=licence), text, {"text.language": "en"})


def chat(key: str, question: str, answer: str) -> Conversation:
    return Conversation(key, ORIGIN, (Turn("user", (Text(question),)), Turn("assistant", (Text(answer),), learned=True)))


def packed(records: list[Record], context_tokens: int) -> list[PackedSequence]:
    found = PackSequences(context_tokens)(records)
    assert not [item for item in found if isinstance(item, Reject)]
    return [item for item in found if isinstance(item, PackedSequence)]


def tokens_by_record(sequences: list[PackedSequence], name: str = "input_ids") -> dict[str, list[int]]:
    """The tokens of each record, put together again from its pieces."""
    parts: dict[str, dict[int, list[int]]] = defaultdict(dict)
    for sequence in sequences:
        start = 0
        for piece in sequence.pieces:
            assert piece.offset not in parts[piece.key]
            parts[piece.key][piece.offset] = getattr(sequence, name)[start : start + piece.num_tokens].tolist()
            start += piece.num_tokens
    whole = {}
    for key, found in parts.items():
        joined: list[int] = []
        for offset in sorted(found):
            assert offset == len(joined)
            joined += found[offset]
        whole[key] = joined
    return whole


TEXTS = st.lists(st.text(st.sampled_from("ab c\n日é"), min_size=1, max_size=60), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(2, 40))
def test_every_token_of_every_document_once(texts, context_tokens):
    documents = [document(f"k{number}", text) for number, text in enumerate(texts)]
    sequences = packed(documents, context_tokens)
    whole = tokens_by_record(sequences)
    assert whole == {one.key: [*tokens.encode(one.text), tokens.END_OF_TEXT] for one in documents}
    for sequence in sequences:
        assert check_packed(sequence) == []
        assert len(sequence.input_ids) == context_tokens
        used = sum(piece.num_tokens for piece in sequence.pieces)
        assert sequence.facts["contract.num_tokens"] == used
        assert sequence.facts["pack.num_padding_tokens"] == context_tokens - used
        assert (sequence.input_ids[used:] == tokens.END_OF_TEXT).all()
    assert [one.key for one in packed(documents[::-1], context_tokens)] == [one.key for one in sequences]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 50), max_size=60), st.integers(50, 90))
def test_best_fit_wastes_less_than_half(lengths, room):
    lengths = sorted(lengths, reverse=True)
    bins = best_fit(lengths, room)
    assert sorted(index for indices in bins for index in indices) == list(range(len(lengths)))
    filled = [sum(lengths[index] for index in indices) for indices in bins]
    assert all(amount <= room for amount in filled)
    assert sum(amount * 2 <= room for amount in filled) <= 1  # two bins at most half full would have been one


def test_best_fit_takes_the_fullest_bin_that_has_room():
    assert best_fit([7, 6, 3, 2], 10) == [[0, 2], [1, 3]]  # 3 goes to the 7, where it fits exactly
    assert best_fit([7, 5, 3], 10) == [[0, 2], [1]]
    assert best_fit([], 10) == []


@pytest.mark.parametrize("length", [0, 11])
def test_best_fit_refuses_what_no_bin_can_hold(length):
    with pytest.raises(ValueError, match=f"length {length} at 1 does not fit, expected 1 to 10"):
        best_fit([10, length], 10)


def test_labels_never_cross_documents():
    (sequence,) = packed([document("a", "one two three"), document("b", "four five")], 32)
    starts = np.flatnonzero(sequence.position_ids[: -sequence.facts["pack.num_padding_tokens"]] == 0)
    assert len(starts) == 2
    assert (sequence.labels[starts] == NOT_LEARNED).all()
    learned = sequence.labels != NOT_LEARNED
    # what is learned is predicted from the token before it, which is of the same segment
    places = np.flatnonzero(learned)
    assert (sequence.segment_ids[places] == sequence.segment_ids[places - 1]).all()
    assert (sequence.labels[learned] == sequence.input_ids[learned]).all()
    assert (
        learned.sum()
        == sequence.facts["contract.num_learned_tokens"]
        == len(tokens.encode("one two three")) + len(tokens.encode("four five"))
    )


def test_a_conversation_learns_its_answer_alone():
    one, other = chat("a", "What is two plus two?", "Four."), chat("b", "And three plus three?", "Six, I think.")
    (sequence,) = packed([one, other], 64)
    labels = tokens_by_record([sequence], "labels")
    for record in (one, other):
        ids, learned = token_ids(record.turns)
        assert tokens_by_record([sequence])[record.key] == ids
        assert labels[record.key] == [token if is_learned else NOT_LEARNED for token, is_learned in zip(ids, learned, strict=True)]


def test_a_long_document_is_cut_and_a_long_conversation_refused():
    text = "word " * 50
    found = PackSequences(16)([document("d", text), chat("c", text, text)])
    (reject,) = [item for item in found if isinstance(item, Reject)]
    assert (reject.key, reject.reason) == ("c", "too_long")
    assert reject.detail == f"{len(token_ids(chat('c', text, text).turns)[0])} tokens, a sequence holds 16"
    sequences = [item for item in found if isinstance(item, PackedSequence)]
    assert tokens_by_record(sequences)["d"] == [*tokens.encode(text), tokens.END_OF_TEXT]
    fits = chat("f", "Hi", "Yes")
    (sequence,) = packed([fits], len(token_ids(fits.turns)[0]))
    assert sequence.facts["pack.num_padding_tokens"] == 0
    assert [item.reason for item in PackSequences(len(token_ids(fits.turns)[0]) - 1)([fits]) if isinstance(item, Reject)] == ["too_long"]


def test_media_are_refused():
    spoken = Conversation("s", ORIGIN, (Turn("user", (Audio(num_tokens=3),)), Turn("assistant", (Text("Yes"),), learned=True)))
    (reject,) = PackSequences(16)([spoken])
    assert isinstance(reject, Reject)
    assert (reject.key, reject.reason) == ("s", "has_media")


def test_lineage_and_licences_are_kept():
    (sequence,) = packed([document("a", "one", "MIT"), document("b", "two", "CC0-1.0"), document("c", "three", "")], 32)
    assert sorted(sequence.parents) == ["a", "b", "c"]
    assert sequence.origin.licence == "CC0-1.0 AND MIT"
    assert "text.language" not in sequence.facts


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda s: s.position_ids.__setitem__(1, 0), "position_ids are not those of its pieces"),
        (lambda s: s.segment_ids.__setitem__(0, 2), "segment_ids are not those of its pieces"),
        (lambda s: s.labels.__setitem__(0, s.input_ids[0]), "the first token of a piece is learned"),
        (lambda s: s.labels.__setitem__(1, 7), "a label is neither its token nor -100"),
        (lambda s: s.labels.__setitem__(-1, tokens.END_OF_TEXT), "or padding is learned"),
    ],
)
def test_what_verify_sees(change, problem):
    (sequence,) = packed([document("a", "one two three")], 12)
    assert check_packed(sequence) == []
    change(sequence)
    assert any(problem in told for told in check_packed(sequence))


def test_records_and_processor_can_be_sent():
    (sequence,) = packed([document("a", "one two three")], 12)
    again = pickle.loads(pickle.dumps(sequence))
    assert (again.input_ids == sequence.input_ids).all()
    assert pickle.loads(pickle.dumps(PackSequences(9))) == PackSequences(9)
    with pytest.raises(ValueError, match="context_tokens is 1, expected 2 or more"):
        PackSequences(1)
    ids, labels = encoded(document("a", "one"))
    assert ids.tolist() == labels.tolist() == [*tokens.encode("one"), tokens.END_OF_TEXT]
