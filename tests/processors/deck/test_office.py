"""LibreOffice as renderer: where it is installed, the real program; where it is not, what is said."""

from __future__ import annotations

import pytest

from processors.deck import office
from processors.deck.office import (
    LIBREOFFICE,
    NO_DECK,
    NOT_RENDERED,
    OWN,
    REFUSED,
    DeckQuestion,
    RenderDeck,
    choose_renderer,
    office_program,
)
from processors.deck.package import UNREADABLE_DECK
from processors.deck.task import OpenDeck, SlidesTask
from processors.engine import EngineMissing
from schemas.outcome import Reject
from schemas.records import Conversation, Origin, Row, images_of, learned_texts
from tests.processors.deck.build import deck_of
from tests.processors.deck.test_task import hide, row, titled

VERSION = "libreoffice 7.0"


@pytest.fixture
def absent(monkeypatch):
    monkeypatch.setattr(office.shutil, "which", lambda name: None)
    office.office_version.cache_clear()
    yield
    office.office_version.cache_clear()


def test_without_the_program_auto_draws_by_itself(absent):
    assert choose_renderer("auto") == OWN == choose_renderer("own")
    with pytest.raises(EngineMissing, match="apt-get install -y --no-install-recommends libreoffice-impress"):
        choose_renderer("libreoffice")
    with pytest.raises(EngineMissing), RenderDeck(VERSION).open():
        pass


def test_questions_are_decks_that_passed_and_are_known_by_their_bytes():
    data = deck_of(hide)
    (question,) = RenderDeck(VERSION).questions(row(data))
    assert question.digest() == DeckQuestion(bytes(bytearray(data))).digest() != DeckQuestion(data + b" ").digest()
    assert RenderDeck(VERSION).questions(row(data[:5_000])).reason == UNREADABLE_DECK.name
    assert RenderDeck(VERSION).questions(Row("k", Origin("test"))).reason == NO_DECK.name


def test_replies_become_a_pdf_or_a_reject():
    data = deck_of(hide)
    answered = RenderDeck(VERSION).answer(row(data), [b"%PDF"])
    assert (answered.blobs["rendered"], answered.blobs["deck"], answered.facts["slides.rendered_by"]) == (b"%PDF", data, VERSION)
    refused = RenderDeck(VERSION).answer(row(data), [REFUSED + b"ended with code 1"])
    assert isinstance(refused, Reject) and (refused.reason, refused.detail) == (NOT_RENDERED.name, "ended with code 1")


@pytest.mark.slow
@pytest.mark.skipif(office_program() is None, reason="LibreOffice is not installed")
def test_the_real_program_renders_hidden_slides_too(tmp_path):
    step = RenderDeck(choose_renderer(LIBREOFFICE))
    data = deck_of(titled("First", "a", "b"), titled("Second", "c", "d"), hide, layout=1)
    (question,) = step.questions(row(data))
    with step.open() as render:
        rendered = step.answer(row(data), render([question]))
    found = [SlidesTask(renderer=step.renderer)(child) for child in OpenDeck()(rendered)]
    assert [type(record) is Conversation or record.reason for record in found] == [True, True, "hidden_slide", True]
    assert "First" in learned_texts(found[0]) and next(images_of(found[0])).pixels.shape == (1008, 1344, 3)
    with pytest.raises(EngineMissing, match=r"was made for libreoffice 0\.1"), RenderDeck("libreoffice 0.1").open():
        pass
