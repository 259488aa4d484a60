"""Decks into conversations: children, facts, every way to be refused, and that the same deck gives the same records."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from pptx.enum.shapes import MSO_CONNECTOR
from pptx.util import Inches

import processors.deck.read as reading
import processors.deck.task as tasks
from pipelines.build import Execution, build
from pipelines.corpora.vision_sft_slides import slides as slides_corpus
from pipelines.sample.decks import TRUTH as TRUTH_FOLDER
from pipelines.sample.decks import make_decks
from pipelines.source import open_source
from pipelines.stage import Earlier
from pipelines.verify import verify
from processors.deck.office import NO_DECK, NOT_RENDERED, OWN, RENDERED
from processors.deck.package import LEGACY_DECK, OLE, TOO_LARGE_SLIDE
from processors.deck.read import UNREADABLE_SLIDE
from processors.deck.task import EMPTY_SLIDE, HIDDEN_SLIDE, NOTHING_TO_ASK, OpenDeck, SlidesTask
from processors.guard import TOO_COSTLY, Limits
from processors.vision.asked import HOW, PROGRAMS, TRUTH
from processors.vision.check import ANSWER_DIFFERS, CheckAnswers
from schemas.corpus import Corpus
from schemas.outcome import Reject
from schemas.parts import Text
from schemas.records import Conversation, Origin, Row, Turn, images_of, learned_texts
from tests.processors.deck.build import changed, deck_of, swapped, text_box
from tests.processors.deck.test_read import many


def row(data: bytes) -> Row:
    return Row("deck", Origin("test"), {"path": "a.pptx"}, {"deck": data})


def children(data: bytes, **options) -> list[Row]:
    found = OpenDeck(**options)(row(data))
    assert isinstance(found, list), found
    return found


def titled(title, *points):
    def fill(slide):
        slide.shapes.title.text = title
        slide.placeholders[1].text = "\n".join(points)

    return fill


@pytest.fixture(scope="module")
def two() -> bytes:
    return deck_of(titled("First", "a", "b", "c"), titled("Second", "d", "e"), layout=1)


def test_a_deck_becomes_its_slides_and_a_run_of_them(two):
    found = children(two)
    assert [(child.key, child.fields["slides"]) for child in found] == [("deck/0", [1]), ("deck/1", [2]), ("deck/2", [1, 2])]
    assert all(child.blobs["deck"] is two for child in found)
    assert [child.fields["slides"] for child in children(two, max_deck_slides=0)] == [[1], [2]]


def test_long_decks_are_run_through_in_parts():
    data = deck_of(*(titled(f"T{number}") for number in range(5)), layout=1)
    assert [child.fields["slides"] for child in children(data, max_deck_slides=2)][5:] == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="max_deck_slides is 1"):
        OpenDeck(1)


def test_a_slide_becomes_a_conversation(two):
    record = SlidesTask(max_questions=20)(children(two)[0])
    assert isinstance(record, Conversation)
    (image,) = images_of(record)
    assert image.pixels.shape == (1008, 1344, 3) and image.pixels.min() == 0
    found = dict(zip(str(record.facts[HOW.name]).split(), learned_texts(record), strict=True))
    assert found["slides:title"] == "First" and found["slides:transcription"] == "# First\n\n- a\n- b\n- c"
    assert (record.facts["slides.number"], record.facts["slides.num_slides"], record.facts["slides.layout"]) == (1, 2, "Title and Content")
    assert CheckAnswers()(record) is record
    assert pickle.loads(pickle.dumps(SlidesTask())) == SlidesTask()


def test_several_slides_become_one_conversation(two):
    record = SlidesTask()(children(two)[2])
    assert len(list(images_of(record))) == 2 and learned_texts(record)[0] == "1. First\n2. Second"
    assert set(json.loads(str(record.facts[TRUTH.name]))["slides"][0]) == {"title"}
    assert CheckAnswers()(record) is record


def test_the_same_row_gives_the_same_record_and_another_seed_other_words(two):
    one, again, other = (SlidesTask(seed=seed)(children(two)[0]) for seed in (0, 0, 1))
    assert np.array_equal(next(images_of(one)).pixels, next(images_of(again)).pixels)
    assert [turn.parts[-1] for turn in one.turns] == [turn.parts[-1] for turn in again.turns] and one.facts == again.facts
    assert [turn.parts[-1] for turn in one.turns] != [turn.parts[-1] for turn in other.turns]


def test_at_most_so_many_questions(two):
    assert len(learned_texts(SlidesTask(max_questions=2)(children(two)[0]))) == 2
    with pytest.raises(ValueError, match="side_px is 9"):
        SlidesTask(side_px=9)


def test_an_answer_that_was_changed_is_found(two):
    record = SlidesTask()(children(two)[0])
    turns = (*record.turns[:1], Turn("assistant", (Text("Third"),), learned=True), *record.turns[2:])
    assert CheckAnswers()(replace(record, turns=turns)).reason == ANSWER_DIFFERS.name


def test_notes_are_a_target_by_option():
    def fill(slide):
        text_box(slide, "x")
        slide.notes_slide.notes_text_frame.text = "Say it."

    child = children(deck_of(fill))[0]
    assert "Say it." in learned_texts(SlidesTask()(child))
    assert "Say it." not in learned_texts(SlidesTask(notes=False)(child))
    assert json.loads(str(SlidesTask()(child).facts[PROGRAMS.name])).count(None) == 1


# ---- rejects


def hide(slide):
    text_box(slide, "x")
    slide._element.set("show", "0")


def line(slide):
    slide.shapes.add_connector(MSO_CONNECTOR.STRAIGHT, Inches(1), Inches(1), Inches(2), Inches(2))


@pytest.mark.parametrize(
    ("fill", "reason", "says"),
    [(hide, HIDDEN_SLIDE, "slide 1"), (lambda slide: None, EMPTY_SLIDE, "0 shapes"), (line, NOTHING_TO_ASK, "slide 1: no title")],
)
def test_slides_that_are_refused(fill, reason, says):
    found = SlidesTask()(children(deck_of(fill))[0])
    assert isinstance(found, Reject) and (found.reason, says in found.detail) == (reason.name, True), found


def test_hidden_slides_by_option():
    assert isinstance(SlidesTask(hidden=True)(children(deck_of(hide))[0]), Conversation)
    data = deck_of(titled("A"), titled("B"), layout=1)
    data = changed(data, {"ppt/slides/slide1.xml": swapped("<p:sld ", '<p:sld show="0" ')})
    assert [child.fields["slides"] for child in children(data)] == [[1], [2]]
    assert [child.fields["slides"] for child in children(data, hidden=True)] == [[1], [2], [1, 2]]


def test_slides_that_cannot_be_read_are_refused_alone():
    data = deck_of(lambda slide: text_box(slide, "a"), lambda slide: text_box(slide, "b"))
    large = [SlidesTask()(child) for child in children(changed(data, {"ppt/slides/slide1.xml": many("sp", 5_000)}))]
    assert (large[0].reason, type(large[1])) == (TOO_LARGE_SLIDE.name, Conversation)
    lost = changed(data, {"ppt/presentation.xml": lambda old: old.replace(b'r:id="rId7"', b'r:id="rId700"')})
    assert SlidesTask()(children(lost)[0]).reason == UNREADABLE_SLIDE.name


def test_decks_that_are_refused():
    assert OpenDeck()(row(OLE + bytes(504))).reason == LEGACY_DECK.name
    assert OpenDeck()(Row("k", Origin("test"))).reason == NO_DECK.name


def test_reading_and_drawing_have_a_last_resort(two, monkeypatch):
    monkeypatch.setattr(tasks, "DRAW_LIMITS", Limits(memory_bytes=1))
    assert SlidesTask()(children(two)[0]).reason == TOO_COSTLY.name
    monkeypatch.setattr(reading, "LIMITS", Limits(memory_bytes=1))
    slow = changed(deck_of(lambda slide: text_box(slide, "a")), {"ppt/slides/slide1.xml": many("sp", 4_900)})  # a second of reading
    assert OpenDeck()(row(slow)).reason == TOO_COSTLY.name


def test_a_pdf_of_other_pages_is_refused(two):
    import pymupdf

    document = pymupdf.open()
    document.new_page()
    child = children(two)[0]
    child = replace(child, blobs={**child.blobs, RENDERED: document.tobytes()})
    found = SlidesTask(renderer="libreoffice 0")(child)
    assert (found.reason, found.detail) == (NOT_RENDERED.name, "the PDF has 1 pages for 2 slides")
    document.new_page()
    child = replace(child, blobs={**child.blobs, RENDERED: document.tobytes()})
    assert SlidesTask(renderer="libreoffice 0")(child).reason == NOTHING_TO_ASK.name  # no word of the deck is on its pages


def test_a_page_is_shown_with_the_words_that_it_has(two):
    import pymupdf

    document = pymupdf.open()
    for words in ("First\na\nb", "Second"):
        document.new_page(width=720, height=540).insert_text((50, 50), words)
    child = children(two)[0]
    record = SlidesTask(renderer="libreoffice 0", max_questions=20)(replace(child, blobs={**child.blobs, RENDERED: document.tobytes()}))
    assert record.facts["slides.num_unread"] == 0 or "slides:transcription" not in record.facts[HOW.name]
    assert "First" in learned_texts(record) and next(images_of(record)).pixels.shape == (1008, 1344, 3)


def test_without_the_pdf_the_recipe_is_wrong(two):
    with pytest.raises(ValueError, match="lacks RenderDeck"):
        SlidesTask(renderer="libreoffice 0")(children(two)[0])


# ---- the corpus


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    make_decks(folder, 1, 0)
    return folder


def test_the_sample_is_the_same_each_time(decks, tmp_path):
    make_decks(tmp_path, 1, 0)
    for path in sorted(decks.rglob("*.*")):
        assert path.read_bytes() == (tmp_path / path.relative_to(decks)).read_bytes(), path.name


def test_the_corpus_of_the_sample(decks, tmp_path):
    (stage,) = slides_corpus(open_source(str(decks / "decks")), renderer=OWN, max_questions=40, side_px=896)
    recipe = stage.make(Earlier())
    assert recipe.name == "vision_sft.slides"
    result = build(recipe, tmp_path, Execution(workers=0))
    assert result.totals["rejects"] == {"legacy_deck": 1, "unreadable_deck": 1, "too_large_deck": 1, "hidden_slide": 2, "empty_slide": 2}
    assert (result.totals["num_out"], result.totals["num_faults"], verify(result.path).problems) == (16, 0, [])
    told = [slide for path in sorted((decks / TRUTH_FOLDER).glob("*.json")) for slide in json.loads(path.read_text())["slides"]]
    answers = [
        dict(zip(str(record.facts[HOW.name]).split(), learned_texts(record), strict=False)) for record in Corpus(result.path).records()
    ]
    single = [found for found in answers if "slides:title" in found]
    shown = [slide for slide in told if slide["title"] and not slide.get("hidden")]
    assert [found["slides:title"] for found in single] == [slide["title"] for slide in shown]
    for found, slide in zip(single, shown, strict=True):
        if "bullets" in slide:
            assert found["slides:bullets"] == "\n".join(f"- {bullet}" for bullet in slide["bullets"])
        if "chart" in slide:
            values = slide["chart"]["series"]["Visits"]
            assert found["slides:chart_argmax"] == slide["chart"]["categories"][values.index(max(values))]
        if "notes" in slide:
            assert found["given"] == slide["notes"]
        if "pictures" in slide:
            assert found["slides:num_pictures"] == "1"
        if "shapes" in slide:
            assert found["slides:shape_text"] in slide["shapes"].values()
        for text in [text for key in ("text", "bullets") for text in slide.get(key, [])]:
            assert text in found["slides:transcription"]


def test_renderers_by_name(decks):
    source = open_source(str(decks / "decks"))
    with pytest.raises(ValueError, match="renderer is 'word', expected auto, libreoffice or own"):
        slides_corpus(source, renderer="word")
    (stage,) = slides_corpus(source, renderer=OWN)
    assert "RenderDeck" not in json.dumps(stage.make(Earlier()).describe())
