"""What is asked about slides, and that each answer is what its program computes from the content."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.deck.content import content_of, is_empty, reading_order
from processors.deck.programs import execute, markdown_table
from processors.deck.questions import WORDINGS, deck_questions, slide_questions
from processors.vision.check import EXECUTE
from schemas.identity import keyed_rng
from tests.processors.deck.build import deck_of, drawn, read, text_box


def text(*paragraphs, shape="", bullet="-"):
    told = [{"text": one, "level": 0, "bullet": bullet} if isinstance(one, str) else one for one in paragraphs]
    return {"kind": "text", "shape": shape, "paragraphs": told}


def table(rows, single=None):
    return {"kind": "table", "rows": rows, "single": single or [[True] * len(row) for row in rows]}


def chart(values, labels=False, kind="bar", names=("a", "b", "c"), series=("s",), **more):
    lines = values if isinstance(values[0], list) else [values]
    told = [{"name": name, "values": line} for name, line in zip(series, lines, strict=True)]
    return {
        "kind": "chart",
        "chart": kind,
        "title": "T",
        "categories": list(names),
        "series": told,
        "labels": labels,
        "exact": True,
        "seen": True,
        **more,
    }


def content(*blocks, title="", whole=True, **counts):
    numbers = {f"num_{kind}s": sum(block["kind"] == kind for block in blocks) for kind in ("table", "chart")}
    return {"title": title, "blocks": list(blocks), "num_pictures": 0, **numbers, "is_whole": whole, **counts}


def ops(told, notes="") -> dict[str, str]:
    return {one.told_how.removeprefix("slides:"): one.answer for one in slide_questions(told, keyed_rng(0, "t", "k"), notes)}


def test_the_check_knows_the_kind():
    assert EXECUTE["slides"] is execute


def test_title_list_and_transcription():
    heading = {"kind": "title", "text": "Head"}
    told = content(heading, text("one", "two", "three"), title="Head")
    found = ops(told)
    assert found["title"] == "Head"
    assert found["transcription"] == "# Head\n\n- one\n- two\n- three"
    assert (found["bullets"], found["num_bullets"]) == ("- one\n- two\n- three", "3")
    assert set(found) == {"title", "transcription", "bullets", "num_bullets", "bullet", "next_bullet"}


def test_lists_that_are_not_one_flat_list_are_not_asked_about():
    deep = {"text": "deep", "level": 1, "bullet": "-"}
    assert set(ops(content(text("one", deep)))) == {"transcription"}
    assert set(ops(content(text("one", "two"), text("three", "four")))) == {"transcription"}
    assert set(ops(content(text("alone")))) == {"transcription"}
    assert set(ops(content(text("one", "two", bullet="")))) == {"transcription"}


def test_what_follows_is_asked_of_a_point_that_stands_once():
    for key in range(20):
        found = [
            one for one in slide_questions(content(text("x", "y", "x", "z")), keyed_rng(0, "t", str(key))) if "next_bullet" in one.told_how
        ]
        assert [(one.program["after"], one.answer) for one in found] == [("y", "x")]


def test_transcription_leaves_out_what_cannot_be_known():
    assert "transcription" not in ops(content(text("one"), whole=False))
    asked = slide_questions(content(text("one"), num_pictures=2), keyed_rng(0, "t", "k"))
    assert all(one.question.endswith("pictures and charts.") for one in asked if "transcription" in one.told_how)


def test_levels_and_numbers_in_markdown():
    told = text(
        {"text": "a", "level": 0, "bullet": "1."}, {"text": "b", "level": 1, "bullet": "-"}, {"text": "plain", "level": 0, "bullet": ""}
    )
    assert execute([content(told)], {"op": "transcription"}) == "1. a\n  - b\n\nplain"


def test_tables_in_markdown_escape_bars():
    assert markdown_table([["a|b", "c"], ["1", ""]]) == "| a\\|b | c |\n| --- | --- |\n| 1 |  |"


def test_counts_that_people_could_count_otherwise_are_not_asked():
    assert "num_pictures" in ops(content(num_pictures=2))
    assert "num_pictures" not in ops(content(text("x"), num_pictures=None))
    assert "num_pictures" not in ops(content(text("x"), num_pictures=0))


def test_cells_are_asked_by_names_that_pick_one():
    rows = [["", "p", "q"], ["r", "1", "2"], ["s", "3", ""]]
    found = [one for one in slide_questions(content(table(rows)), keyed_rng(0, "t", "k")) if one.told_how.endswith(":cell")]
    assert len(found) == 2
    assert all(
        one.answer == {("r", "p"): "1", ("r", "q"): "2", ("s", "p"): "3"}[one.program["row"], one.program["column"]] for one in found
    )
    assert ops(content(table(rows)))["num_columns"] == "3"


@pytest.mark.parametrize(
    "rows",
    [[["", "p", "p"], ["r", "1", "2"]], [["", "p"], ["r", "1"], ["r", "2"]], [["", "p"], ["", "1"]], [["x", "p"]], [["x"], ["r"]]],
)
def test_cells_that_names_do_not_pick_are_not_asked(rows):
    assert "cell" not in ops(content(table(rows)))


def test_merged_cells_are_not_asked():
    rows = [["", "p", "p", "q"], ["r", "1", "2", "3"]]
    single = [[True, False, False, True], [True] * 4]
    found = ops(content(table(rows, single)))
    assert found["cell"] == "3" and "num_columns" not in found


def test_two_tables_leave_the_cells_alone():
    found = ops(content(table([["", "p"], ["r", "1"]]), table([["", "p"], ["r", "1"]])))
    assert found["num_tables"] == "2" and "cell" not in found


def test_values_of_a_chart_are_asked_where_they_are_written():
    found = ops(content(chart([3, 1.5, 2], labels=True)))
    assert (found["chart_argmax"], found["chart_argmin"], found["chart_title"]) == ("a", "b", "T")
    assert found["chart_value"] in ("3", "1.5", "2")
    assert found["chart_table"] == "|  | s |\n| --- | --- |\n| a | 3 |\n| b | 1.5 |\n| c | 2 |"
    assert set(ops(content(chart([3, 1.5, 2])))) == {"num_charts", "chart_title", "chart_argmax", "chart_argmin"}


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (chart([3, 2.9, 1]), {"chart_argmin"}),  # the largest two cannot be told apart
        (chart([3, 3, 1], labels=True), {"chart_argmin", "chart_value", "chart_table"}),
        (chart([3, 2, 1], exact=False), set()),
        (chart([3, 2, 1], kind="stacked_bar"), set()),
        (chart([3, 2, 1], kind="scatter", names=()), set()),
        (chart([3, 2, 1], names=("a", "a", "b")), set()),
        (chart([[3, 2, 1], [1, 2, 3]], series=("s", "s")), set()),
        (chart([3, None, None]), set()),
    ],
)  # fmt: skip
def test_charts_are_compared_only_where_the_eye_can(told, kept):
    assert set(ops(content(told))) - {"num_charts", "chart_title"} == kept


def test_a_chart_that_is_not_seen_is_not_asked_about():
    assert ops(content(chart([3, 2, 1], seen=False), num_charts=None)) == {}


def test_shapes_with_a_name():
    assert ops(content(text("inside", bullet="", shape="diamond")))["shape_text"] == "inside"


def test_notes_are_given():
    assert ops(content(text("x")), notes="Say it.")["given"] == "Say it."


def test_decks():
    contents = [content(title=title) for title in ("One", "Two", "One")]
    found = deck_questions(contents, keyed_rng(0, "t", "k"))
    assert [(one.told_how, one.answer) for one in found] == [("slides:titles", "1. One\n2. Two\n3. One"), ("slides:slide_titled", "2")]
    assert "Two" in found[1].question
    assert deck_questions([*contents, content()], keyed_rng(0, "t", "k")) == [] == deck_questions(contents[:1], keyed_rng(0, "t", "k"))


def test_every_wording_says_what_it_is_about():
    for op, wordings in WORDINGS.items():
        places = [{name for _, name, _, _ in string.Formatter().parse(wording) if name} for wording in wordings]
        assert len(wordings) > 1 and all(place == places[0] for place in places), op


words = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)


@given(
    rows=st.integers(1, 4).flatmap(
        lambda columns: st.lists(st.lists(st.one_of(words, st.just("")), min_size=columns, max_size=columns), min_size=1, max_size=4)
    ),
    bullets=st.lists(words, max_size=5),
    values=st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=3, max_size=3),
    labels=st.booleans(),
    seed=st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_every_answer_is_computed_again(rows, bullets, values, labels, seed):
    blocks = [table(rows), chart(values, labels=labels), *([text(*bullets)] if bullets else [])]
    told = content(*blocks, title="T")
    for one in slide_questions(told, np.random.default_rng(seed)):
        assert execute([told], one.program) == one.answer


# ---- reading order


def test_columns_are_read_one_after_the_other():
    boxes = [(0, 0, 100, 10), (0, 20, 45, 40), (55, 20, 100, 45), (0, 50, 45, 60), (55, 50, 100, 60), (0, 70, 100, 80)]
    assert reading_order(boxes) == [0, 1, 2, 3, 4, 5]  # rows first, where a gap crosses the page
    assert reading_order([(0, 0, 45, 40), (55, 0, 100, 25), (0, 42, 45, 60), (55, 20, 100, 60)]) == [0, 2, 1, 3]


@given(st.lists(st.tuples(*[st.floats(0, 100)] * 4).map(lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])), max_size=8))
def test_every_box_is_read_once(boxes):
    assert sorted(reading_order(boxes)) == list(range(len(boxes)))


# ---- content


def content_from(*fill, layout=6, number=1):
    deck = read(deck_of(*fill, layout=layout))
    slide = deck["slides"][number - 1]
    return content_of(slide, drawn(deck, number)[0]["shown"], deck["width_pt"], deck["height_pt"]), slide


def test_content_of_a_slide():
    def fill(slide):
        slide.shapes.title.text = "Head  line"
        slide.placeholders[1].text = "one\ntwo"

    told, slide = content_from(fill, layout=1)
    assert told["title"] == "Head line" and not is_empty(slide)
    assert told["blocks"][1]["paragraphs"] == [{"text": "one", "level": 0, "bullet": "-"}, {"text": "two", "level": 0, "bullet": "-"}]


def test_a_title_of_two_sizes_has_no_one_name():
    def fill(slide):
        paragraph = slide.shapes.title.text_frame.paragraphs[0]
        for word, size in (("Big", 44), ("small", 12)):
            run = paragraph.add_run()
            run.text, run.font.size = word + " ", size * 12_700

    told, _ = content_from(fill, layout=5)
    assert (told["title"], told["blocks"][0]) == ("", {"kind": "title", "text": "Big small"})


def test_text_that_cannot_be_read_is_not_content():
    told, _ = content_from(lambda slide: (text_box(slide, "seen"), text_box(slide, "unseen", x=9.9, y=5)))
    assert ([block["paragraphs"][0]["text"] for block in told["blocks"]], told["is_whole"]) == (["seen"], False)


def test_empty_slides():
    assert is_empty(content_from(lambda slide: None)[1])
    assert is_empty(content_from(lambda slide: None, layout=1)[1])
    assert is_empty(content_from(lambda slide: text_box(slide, "  "))[1])
