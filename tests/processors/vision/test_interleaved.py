"""Interleaved rows in both forms, what is left out of a page and counted, and what refuses a page."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from PIL import Image as PillowImage

from processors.contract import Contract, token_ids
from processors.image.encode import EncodeCanvas
from processors.image.steps import CapSide, DecodeImage, MakeCanvas
from processors.tokens import IMAGE
from processors.vision.interleaved import DecodePageImages, InterleavedTask, KeepPages, joined
from schemas.outcome import Reject
from schemas.parts import Image, Text
from schemas.records import Conversation, Origin, Row, images_of


def png(width: int = 160, height: int = 120, seed: int = 0, flat: bool = False) -> bytes:
    sink = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    PillowImage.fromarray(noise * (not flat)).save(sink, "PNG")
    return sink.getvalue()


def row(*images: bytes, **fields: object) -> Row:
    return Row("k", Origin("made"), fields, {f"image.{n}" if n else "image": data for n, data in enumerate(images)})


def shape(record: Conversation | Reject) -> list[object]:
    assert isinstance(record, Conversation), record
    return [part.text if isinstance(part, Text) else part.source for part in record.turns[0].parts]  # type: ignore[union-attr]


A, B, C = png(seed=1), png(seed=2), png(seed=3)
LONG = "A text with enough words to be read as a text by whoever counts them, which makes more than twenty words in all."


def test_aligned_lists() -> None:
    done = InterleavedTask()(row(A, B, texts=["One.", None, "Two.", None, "Three."], images=[None, "a.png", None, "b.png", None]))
    assert shape(done) == ["One.", A, "Two.", B, "Three."]
    assert isinstance(done, Conversation)
    assert [(turn.role, turn.learned) for turn in done.turns] == [("assistant", True)]


def test_matched_sentences() -> None:
    infos = [{"image_name": "a.png", "matched_text_index": 1}, {"image_name": "b.png", "matched_text_index": 0}, {"matched_text_index": 1}]
    done = InterleavedTask()(row(A, B, C, text_list=["One.", "Two.", "Three."], image_info=infos))
    assert shape(done) == [B, "One.", A, C, "Two.\n\nThree."]
    assert shape(InterleavedTask()(row(text_list=["One.", " ", "Two."]))) == ["One.\n\nTwo."]


def test_a_file_that_came_before_is_left_out() -> None:
    done = InterleavedTask()(row(A, A, B, texts=[None, "One.", None, None], images=["a", None, "copy of a", "b"]))
    assert shape(done) == [A, "One.", B]
    assert isinstance(done, Conversation)
    assert done.facts["page.num_repeated_images"] == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "bad_interleaving"),
        ({"texts": ["One."], "images": []}, "bad_interleaving"),
        ({"texts": ["One."]}, "bad_interleaving"),
        ({"texts": ["One.", 3], "images": [None, None]}, "bad_interleaving"),
        ({"texts": ["One."], "images": ["a.png"]}, "bad_interleaving"),
        ({"text_list": ["One."], "image_info": [{"matched_text_index": 1}]}, "bad_interleaving"),
        ({"text_list": ["One."], "image_info": [{"matched_text_index": True}]}, "bad_interleaving"),
        ({"text_list": ["One."], "image_info": "none"}, "bad_interleaving"),
        ({"text_list": [None]}, "bad_interleaving"),
        ({"texts": ["One.", None], "images": [None, "a.png"]}, "wrong_image_count"),
        ({"texts": [" ", None], "images": [None, None]}, "no_text"),
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, object], reason: str) -> None:
    done = InterleavedTask()(row(**fields))
    assert isinstance(done, Reject)
    assert done.reason == reason


def test_counts_of_the_source_become_facts() -> None:
    done = InterleavedTask()(row(texts=["One."], images=[None], num_outside_images=3, num_missing_images=-1))
    assert isinstance(done, Conversation)
    assert (done.facts["page.num_outside_images"], done.facts["page.num_missing_images"]) == (3, 0)


def test_what_is_no_picture_is_left_out_and_counted() -> None:
    icon, line, broken, flat = png(32, 32), png(600, 100), b"no picture", png(flat=True)
    texts = ["One.", None, "Two.", None, None, None, "Three.", None]
    images = [None, "icon", None, "line", "broken", "flat", None, "a"]
    record = InterleavedTask()(row(icon, line, broken, flat, A, texts=texts, images=images))
    assert isinstance(record, Conversation)
    done = DecodePageImages()(record)
    first, last = done.turns[0].parts
    assert first == Text("One.\n\nTwo.\n\nThree.")
    assert isinstance(last, Image)
    assert last.pixels is not None
    assert (last.pixels.shape, last.source) == ((120, 160, 3), None)
    counted = {name.removeprefix("page.num_"): value for name, value in done.facts.items() if name.endswith("_images")}
    assert counted == {
        "outside_images": 0, "missing_images": 0, "repeated_images": 0, "unreadable_images": 1, "small_images": 2, "poor_images": 1
    }  # fmt: skip


def test_edges_of_what_is_small() -> None:
    def left(width: int, height: int) -> int:
        record = InterleavedTask()(row(png(width, height), texts=["One.", None], images=[None, "a"]))
        assert isinstance(record, Conversation)
        return sum(1 for _ in images_of(DecodePageImages()(record)))

    assert (left(100, 100), left(99, 100)) == (1, 0)
    assert (left(400, 100), left(401, 100)) == (1, 0)


def test_large_images_are_shrunk_at_once() -> None:
    record = InterleavedTask()(row(png(1_500, 900), texts=["One.", None], images=[None, "a"]))
    assert isinstance(record, Conversation)
    image = next(images_of(DecodePageImages(keep_source=True)(record)))
    assert image.pixels is not None
    assert image.pixels.shape == (806, 1_344, 3)
    assert image.source == png(1_500, 900)


def keep(*images: bytes, text: str = LONG, **rules: object) -> str:
    texts: list[str | None] = [text, *([None] * len(images))]
    record = InterleavedTask()(row(*images, texts=texts, images=[None, *map(str, range(len(images)))]))
    assert isinstance(record, Conversation)
    done = KeepPages(**rules)(DecodePageImages()(record))  # type: ignore[arg-type]
    return done.reason if isinstance(done, Reject) else "kept"


def test_pages_are_kept_by_images_words_and_language() -> None:
    assert keep(A) == keep(A, B, max_images=2) == "kept"
    assert keep() == keep(png(10, 10)) == "no_image"
    assert keep(A, B, max_images=1) == "too_many_images"
    assert keep(A, text="One two three.", min_words=4) == "too_few_words"
    assert keep(A, text="One two three.", min_words=3) == "kept"
    assert keep(A, languages=("de",)) == "wrong_language"
    assert keep(A, languages=("de", "en")) == "kept"


def test_images_carry_no_loss_and_stand_in_order() -> None:
    record = InterleavedTask()(row(A, B, texts=["One.", None, "Two.", None], images=[None, "a", None, "b"]))
    done = DecodePageImages()(record)  # type: ignore[arg-type]
    for step in (DecodeImage(), CapSide(), MakeCanvas(), EncodeCanvas(), Contract()):
        done = step(done)  # type: ignore[operator]
    ids, learned = token_ids(done.turns)
    places = [place for place, token in enumerate(ids) if token == IMAGE]
    assert len(places) == 2 * 545 - 2 * 545 + done.facts["image.num_tokens"]
    assert not any(learned[place] for place in places)
    assert all(learned[place] for place in range(1, len(ids)) if ids[place] != IMAGE)
    assert learned[0] is False  # the role


def test_joined() -> None:
    assert joined([Text(" a "), Text(""), Text("b\n")]) == (Text("a\n\nb"),)
    assert joined([]) == ()


def test_the_same_twice() -> None:
    given = row(A, texts=[LONG, None], images=[None, "a"])
    first = DecodePageImages()(InterleavedTask()(given))  # type: ignore[arg-type]
    again = pickle.loads(pickle.dumps(DecodePageImages()))(InterleavedTask()(given))
    assert first.facts == again.facts
    assert KeepPages()(first).facts["page.digest"] == KeepPages()(again).facts["page.digest"]  # type: ignore[union-attr]
