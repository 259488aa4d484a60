"""Prefix, middle and suffix are the file, exactly, in every language and every dress, also as tokens."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors import tokens
from processors.code.fim import (
    CUT,
    FIM_FACTS,
    IS_WINDOWED,
    MARKERS,
    MIDDLE,
    NO_HOLE,
    NODE_TYPE,
    NOT_WHOLE,
    ORDER,
    PM,
    PSM,
    SPM,
    WINDOW_DIGEST,
    WINDOW_START,
    WINDOW_STOP,
    CheckFill,
    CutHoles,
    read_turns,
    write_turns,
)
from processors.code.holes import (
    CHARACTER,
    FINDERS,
    LINE,
    NEXT,
    NODE,
    Hole,
    Sizes,
    is_boundary,
    is_usable,
    line_starts,
    node_class,
    window_of,
)
from processors.code.languages import LANGUAGE
from processors.contract import token_ids
from schemas.outcome import Refused, Reject
from schemas.parts import Text
from schemas.records import Conversation, Document, Origin, Turn
from tests.processors.code.files import FILES, ODD, PYTHON, variants

CASES = [(language, dress) for language in FILES for dress in variants(language)]
ONLY = {
    CHARACTER: {"character_ratio": 1.0, "line_ratio": 0.0, "node_ratio": 0.0, "next_ratio": 0.0},
    LINE: {"character_ratio": 0.0, "line_ratio": 1.0, "node_ratio": 0.0, "next_ratio": 0.0},
    NODE: {"character_ratio": 0.0, "line_ratio": 0.0, "node_ratio": 1.0, "next_ratio": 0.0},
    NEXT: {"character_ratio": 0.0, "line_ratio": 0.0, "node_ratio": 0.0, "next_ratio": 1.0},
}


def document(text: str, language: str = "python", key: str = "k") -> Document:
    return Document(key, Origin("files"), text, {LANGUAGE.name: language})


def cut(text: str, language: str = "python", key: str = "k", **options) -> list[Conversation]:
    found = CutHoles(**options)(document(text, language, key))
    assert not isinstance(found, Reject), found
    return found


def pieces(record: Conversation) -> tuple[str, str, str, str]:
    return read_turns(record.turns[0].parts[0].text, record.turns[1].parts[0].text)


@pytest.mark.parametrize(("language", "dress"), CASES)
def test_the_pieces_are_the_file(language: str, dress: str) -> None:
    text = variants(language)[dress]
    found = cut(text, language, num_per_file=40)
    assert len(found) >= 20
    for record in found:
        order, prefix, middle, suffix = pieces(record)
        shown = text[record.facts[WINDOW_START.name] : record.facts[WINDOW_STOP.name]]
        assert prefix + middle + suffix == shown
        assert middle.strip()
        if order != PM:
            assert shown == text and not record.facts[IS_WINDOWED.name]
        assert CheckFill()(record) is record
        for piece in (prefix, middle, suffix):
            assert piece.encode().decode() == piece
    cuts = {record.facts[CUT.name] for record in found}
    assert cuts == {CHARACTER, LINE, NODE, NEXT}


@pytest.mark.parametrize(("language", "dress"), CASES)
def test_the_learned_tokens_are_the_middle(language: str, dress: str) -> None:
    """Through the template, which swallows white space after a role: what is learned, decoded, is the marker, the middle and the ends."""
    for record in cut(variants(language)[dress], language, num_per_file=12):
        ids, learned = token_ids(record.turns)
        answer = tokens.decode([token for token, is_learned in zip(ids, learned, strict=True) if is_learned])
        _, _, middle, _ = pieces(record)
        assert answer == f"{MIDDLE}{middle}<|end|><|endoftext|>"
        shown = tokens.decode([token for token, is_learned in zip(ids, learned, strict=True) if not is_learned])
        assert shown == f"<|user|>{record.turns[0].parts[0].text}<|end|><|assistant|>"


def test_a_middle_of_white_space_at_both_ends_survives_the_template() -> None:
    turns = write_turns("python", PSM, "def f():", "\n\n    \treturn 1 \n ", "\nf()")
    ids, learned = token_ids(turns)
    answer = tokens.decode([token for token, is_learned in zip(ids, learned, strict=True) if is_learned])
    assert answer == "<fim_middle>\n\n    \treturn 1 \n <|end|><|endoftext|>"


@pytest.mark.parametrize("order", [PSM, SPM, PM])
@pytest.mark.parametrize("prefix", ["", "\n", " a\r\n", "\ufeffx"])
@pytest.mark.parametrize("suffix", ["", "\n", " b\r\n"])
def test_turns_are_read_as_they_were_written(order: str, prefix: str, suffix: str) -> None:
    suffix = "" if order == PM else suffix
    request, answer = write_turns("go", order, prefix, " \nmiddle ", suffix)
    assert read_turns(request.parts[0].text, answer.parts[0].text) == (order, prefix, " \nmiddle ", suffix)


def test_orders_are_written_as_their_names_say() -> None:
    assert (
        write_turns("python", PSM, "P", "M", "S")[0].parts[0].text
        == "Fill in the missing middle of this Python code.\n<fim_prefix>P<fim_suffix>S"
    )
    assert (
        write_turns("cpp", SPM, "P", "M", "S")[0].parts[0].text
        == "Fill in the missing middle of this C++ code.\n<fim_suffix>S<fim_prefix>P"
    )
    assert write_turns("rust", PM, "P", "M", "")[0].parts[0].text == "Write the block that comes next in this Rust code.\n<fim_prefix>P"


@pytest.mark.parametrize(
    ("request_text", "answer"),
    [
        ("ask\n<fim_prefix>a<fim_suffix>b", "middle"),  # an answer without its marker
        ("ask\n<fim_prefix>a<fim_suffix>b", "x<fim_middle>middle"),
        ("ask\n<fim_prefix>a<fim_prefix>c<fim_suffix>b", "<fim_middle>m"),
        ("ask\n<fim_suffix>b", "<fim_middle>m"),  # no prefix
        ("ask <fim_prefix>a<fim_suffix>b", "<fim_middle>m"),  # no line of its own for the request
        ("ask\nx<fim_prefix>a<fim_suffix>b", "<fim_middle>m"),
    ],
)
def test_other_forms_are_refused(request_text: str, answer: str) -> None:
    with pytest.raises(Refused) as refused:
        read_turns(request_text, answer)
    assert refused.value.reason is NOT_WHOLE


# ---- places


def test_no_cut_parts_a_character_as_it_is_seen() -> None:
    for at in range(1, len(ODD)):
        if is_boundary(ODD, at):
            assert not unicodedata.combining(ODD[at])
            assert "\u200d" not in (ODD[at - 1], ODD[at])
            assert not "\U0001f3fb" <= ODD[at] <= "\U0001f3ff"
    assert is_boundary("a\r\nb", 1) and not is_boundary("a\r\nb", 2) and is_boundary("a\r\nb", 3)
    flags = "🇫🇷🇩🇪"
    assert [is_boundary(flags, at) for at in range(5)] == [True, False, True, False, True]
    assert [is_boundary("\u1112\u1161\u11ab", at) for at in range(4)] == [True, False, False, True]
    assert is_boundary("", 0) and is_boundary("ab", 0) and is_boundary("ab", 2)


def test_what_is_seen_as_one_character_stays_on_one_side() -> None:
    family, thumb, letter = "👩‍👩‍👧‍👦", "👍🏽", "e\u0301\u0323"
    text = f"x = '{family}{thumb}{letter}' * 3  # {letter}\r\n" * 6
    for number in range(40):
        for record in cut(text, key=str(number), num_per_file=1, **ONLY[CHARACTER]):
            _, *parts = pieces(record)
            for whole in (family, thumb, letter, "\r\n"):
                assert sum(part.count(whole) for part in parts) == text.count(whole)


def test_lines_begin_after_every_kind_of_line_end() -> None:
    assert line_starts("a\nb\r\nc\rd") == [0, 2, 5, 7]
    assert line_starts("a\n") == [0]
    assert line_starts("\n\n") == [0, 1]
    assert line_starts("") == [0]


def test_a_line_hole_is_whole_lines_without_the_last_end() -> None:
    kept_indentation = 0
    for number in range(60):
        for record in cut(PYTHON, key=str(number), num_per_file=1, **ONLY[LINE]):
            _, prefix, middle, suffix = pieces(record)
            assert suffix == "" or suffix.startswith("\n")
            before = prefix.rpartition("\n")[2]
            assert before.strip() == ""
            kept_indentation += before != ""
            assert not middle.endswith("\n")
    assert 5 < kept_indentation < 55


@pytest.mark.parametrize("language", FILES)
def test_a_node_hole_is_a_node(language: str) -> None:
    """What is missing is a whole thing: its brackets pair up."""
    classes = set()
    for number in range(50):
        for record in cut(FILES[language], language, key=str(number), num_per_file=1, **ONLY[NODE]):
            _, _, middle, _ = pieces(record)
            for left, right in ("()", "[]", "{}"):
                assert middle.count(left) == middle.count(right), middle
            assert middle == middle.strip()
            classes.add(record.facts[NODE_TYPE.name].partition(":")[0])
    assert classes >= {"function_body", "statement", "expression"}


NEXT_BODIES = {
    "python": ('"""The area, in square units."""\n', "        if self.side < 0:"),
    "javascript": ("function total(items, start = 0) {\n", "  let found = start;"),
    "java": ("public int add(List<Integer> values) {\n", "        for (int value : values) {"),
    "go": ("func Total(values []int) (int, error) {\n", "\tfound := 0"),
    "c": ("static int total(const int *values, int count) {\n", "    int found = 0;"),
    "rust": ("pub fn total(values: &[i64]) -> i64 {\n", "    let mut found = 0;"),
}


@pytest.mark.parametrize("language", NEXT_BODIES)
def test_the_next_block_stands_below_its_signature_and_documentation(language: str) -> None:
    above, begins = NEXT_BODIES[language]
    found = [pieces(record) for number in range(60) for record in cut(FILES[language], language, str(number), num_per_file=1, **ONLY[NEXT])]
    assert all(order == PM and suffix == "" for order, _, _, suffix in found)
    assert any(prefix.endswith(above) and middle.startswith(begins) for _, prefix, middle, _ in found)
    assert all(not middle.endswith(("\n", " ")) for _, _, middle, _ in found)


def test_node_classes_are_told_from_names() -> None:
    assert node_class("block", "function_definition") == "function_body"
    assert node_class("block", "if_statement") == "block"
    assert node_class("statement_block", "arrow_function") == "function_body"
    assert node_class("argument_list", "call") == "arguments"
    assert node_class("call", "assignment") == "expression"
    assert node_class("if_statement", "block") == "statement"
    assert node_class("comment", "block") == ""
    assert node_class("string", "call") == ""


# ---- rates, keys, sizes


def test_rates_are_kept_and_a_ratio_of_zero_never_happens() -> None:
    records = [record for number in range(300) for record in cut(PYTHON, key=str(number), num_per_file=1, next_ratio=0.0)]
    shares = {kind: sum(record.facts[CUT.name] == kind for record in records) / len(records) for kind in (CHARACTER, LINE, NODE, NEXT)}
    assert shares[NEXT] == 0.0
    for kind, expected in ((CHARACTER, 0.25), (LINE, 0.25), (NODE, 0.5)):
        assert abs(shares[kind] - expected) < 0.1
    spm = sum(record.facts[ORDER.name] == SPM for record in records) / len(records)
    assert abs(spm - 0.5) < 0.1
    assert {record.facts[ORDER.name] for record in cut(PYTHON, num_per_file=20, spm_ratio=1.0, next_ratio=0.0)} == {SPM}
    assert {record.facts[ORDER.name] for record in cut(PYTHON, num_per_file=20, spm_ratio=0.0, next_ratio=0.0)} == {PSM}


def test_cuts_depend_on_seed_and_key_alone() -> None:
    first = cut(PYTHON, num_per_file=6)
    assert [record.turns for record in cut(PYTHON, num_per_file=6)] == [record.turns for record in first]
    assert [record.turns for record in cut(PYTHON, num_per_file=6, seed=1)] != [record.turns for record in first]
    assert [record.turns for record in cut(PYTHON, key="other", num_per_file=6)] != [record.turns for record in first]
    assert [record.turns for record in cut(PYTHON, num_per_file=3)] == [record.turns for record in first][:3]


def test_no_hole_is_cut_twice() -> None:
    records = cut(PYTHON, num_per_file=60)
    places = [(record.facts[WINDOW_START.name], len(pieces(record)[1]), len(pieces(record)[2])) for record in records]
    assert len(set(places)) == len(places)


def test_sizes_are_kept() -> None:
    sizes = Sizes(min_middle_chars=12, max_middle_chars=90, max_lines=3)
    for record in cut(PYTHON, num_per_file=40, sizes=sizes):
        _, _, middle, _ = pieces(record)
        assert len(middle) <= 90 and len("".join(middle.split())) >= 12


def test_a_file_without_room_for_a_hole_is_refused_and_the_next_larger_one_is_not() -> None:
    small = CutHoles(num_per_file=4)(document("x = 1\n"))
    assert isinstance(small, Reject) and small.reason == NO_HOLE.name
    assert small.detail == "6 characters, 4 holes were tried"
    assert len(cut("first_value = 1\nsecond_value = 2\n", num_per_file=4)) >= 1


@pytest.mark.parametrize("marker", MARKERS)
def test_a_file_that_spells_a_marker_is_refused(marker: str) -> None:
    refused = CutHoles()(document(f"{PYTHON}# {marker}\n"))
    assert isinstance(refused, Reject) and refused.reason == "marker_in_text"
    assert refused.detail == f"{marker} at character {len(PYTHON) + 2}"
    assert cut(f"{PYTHON}# {marker[:-1]}\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"character_ratio": -0.1}, "expected 0 or more each and one above 0"),
        ({"character_ratio": 0, "line_ratio": 0, "node_ratio": 0, "next_ratio": 0}, "expected 0 or more each and one above 0"),
        ({"spm_ratio": 1.1}, "spm_ratio is 1.1, expected 0 to 1"),
        ({"num_per_file": 0}, "num_per_file is 0, expected 1 or more"),
    ],
)
def test_options_that_make_no_sense_are_errors(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CutHoles(**options)


# ---- windows


def test_long_files_are_shown_by_whole_lines_around_the_hole() -> None:
    text = "".join(f"value_{number} = compute({number})\n" for number in range(3_000))
    seen = 0
    for number in range(40):
        for record in cut(text, key=str(number), num_per_file=2, max_window_chars=2_000, sizes=Sizes(max_middle_chars=400)):
            start, stop = record.facts[WINDOW_START.name], record.facts[WINDOW_STOP.name]
            order, prefix, middle, suffix = pieces(record)
            assert prefix + middle + suffix == text[start:stop]
            assert stop - start <= 2_000
            assert start == 0 or text[start - 1] == "\n"
            assert order == PM or stop == len(text) or text[stop - 1] == "\n"
            assert record.facts[IS_WINDOWED.name] == (start > 0 or (order != PM and stop < len(text)))
            if 2_000 < start < len(text) - 4_000 and order != PM:
                assert stop - start > 1_800
                seen += 1
    assert seen > 10


def test_a_hole_wider_than_the_window_is_shown_with_its_own_lines() -> None:
    text = "a" * 50 + "\n" + "b" * 5_000 + "\n" + "c" * 50 + "\n"
    assert window_of(text, Hole(60, 5_000, CHARACTER), 1_000) == (51, 5_052)
    assert window_of(text, Hole(60, 5_000, CHARACTER), 100_000) == (0, len(text))
    assert window_of(text, Hole(60, 70, NEXT), 100_000) == (0, 70)


@given(st.text(alphabet="ab \n\r\té\u0301👩\u200d", min_size=1, max_size=200), st.data())
@settings(max_examples=200, deadline=None)
def test_windows_hold_their_hole_and_begin_at_lines(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    stop = data.draw(st.integers(start + 1, len(text)))
    kind = data.draw(st.sampled_from([LINE, NEXT]))
    most = data.draw(st.integers(1, 250))
    low, high = window_of(text, Hole(start, stop, kind), most)
    assert 0 <= low <= start and stop <= high <= len(text)
    assert low in line_starts(text)
    if kind == NEXT:
        assert high == stop
    else:
        assert high == len(text) or high in line_starts(text)


@given(st.text(min_size=0, max_size=300).filter(lambda text: not any("\ud800" <= ch <= "\udfff" for ch in text)), st.integers(0, 10_000))
@settings(max_examples=150, deadline=None)
def test_any_text_at_all_is_whole_again(text: str, seed: int) -> None:
    for language in ("python", "cpp"):
        found = CutHoles(seed=seed, num_per_file=3, sizes=Sizes(min_middle_chars=1))(document(text, language))
        for record in found if isinstance(found, list) else ():
            _, prefix, middle, suffix = pieces(record)
            assert prefix + middle + suffix == text[record.facts[WINDOW_START.name] : record.facts[WINDOW_STOP.name]]
            assert CheckFill()(record) is record


def test_holes_that_leave_nothing_around_them_are_not_used() -> None:
    sizes = Sizes(min_middle_chars=1)
    assert not is_usable("abc", Hole(0, 3, CHARACTER), sizes)
    assert not is_usable("\ufeff \nabc", Hole(3, 6, CHARACTER), sizes)
    assert is_usable("x\nabc", Hole(2, 5, CHARACTER), sizes)
    assert not is_usable("abc\nx", Hole(0, 3, NEXT), sizes)  # nothing above
    assert not is_usable("a   b", Hole(1, 4, CHARACTER), sizes)
    assert not is_usable("abc", Hole(2, 2, CHARACTER), sizes)
    for find in FINDERS.values():  # and no finder fails on a text of one character
        find("x", "python", np.random.default_rng(0), sizes)


# ---- the check


def test_the_check_refuses_whatever_is_not_whole() -> None:
    record = cut(PYTHON, num_per_file=1)[0]
    user, assistant = record.turns
    text = user.parts[0].text
    broken = {
        "a character is lost": replace(record, turns=(Turn("user", (Text(text[:-1]),)), assistant)),
        "white space is lost": replace(record, turns=(Turn("user", (Text(text.replace("    ", "   ", 1)),)), assistant)),
        "the middle begins a line later": replace(
            record, turns=(user, Turn("assistant", (Text(MIDDLE + "\n" + assistant.parts[0].text[len(MIDDLE) :]),), True))
        ),
        "no marker": replace(record, turns=(user, Turn("assistant", (Text(assistant.parts[0].text[len(MIDDLE) :]),), True))),
        "not learned": replace(record, turns=(user, replace(assistant, learned=False))),
        "a turn more": replace(record, turns=(user, assistant, user)),
        "another digest": replace(record, facts={**record.facts, WINDOW_DIGEST.name: "0" * 32}),
        "another order": replace(record, facts={**record.facts, ORDER.name: "other"}),
    }
    for what, other in broken.items():
        found = CheckFill()(other)
        assert isinstance(found, Reject) and found.reason == NOT_WHOLE.name, what
    assert CheckFill()(record) is record


def test_every_declared_fact_is_written() -> None:
    record = cut(PYTHON, num_per_file=1)[0]
    assert {fact.name for fact in FIM_FACTS} <= set(record.facts)
    for fact in FIM_FACTS:
        assert type(record.facts[fact.name]) is fact.type


def test_deep_and_broken_files_end_soon() -> None:
    for text in ("(" * 20_000, "{" * 20_000, "f(" * 10_000 + ")" * 10_000, "if x:\n " * 300, "\u0301" * 5_000, "🇫" * 5_000):
        CutHoles(num_per_file=4)(document(text))
