"""Captions: every kind of junk with the nearest caption that is none, the choice among several, and captions by a model."""

from __future__ import annotations

import copy
import json

import pytest

from processors.tasks.writing import BAD_REPLY
from processors.vision.captions import (
    CAPTION_REASONS,
    CaptionRules,
    CaptionWriting,
    KeepCaption,
    caption_digest,
    captions_of,
    check_caption,
    clean_caption,
    find_junk,
    words_of,
)
from schemas.outcome import Refused, Reject
from schemas.records import Origin, Row


def row(**fields: object) -> Row:
    return Row("k", Origin("made"), fields, {"image": b"bytes"})


def judged(text: str, **rules: object) -> str:
    done = KeepCaption(rules=CaptionRules(**rules))(row(caption=text))  # type: ignore[arg-type]
    return done.reason if isinstance(done, Reject) else "kept"


JUNK = {
    "caption_is_file_name": (
        *("IMG_1234.jpg", "IMG_1234", "DSC00123", "photo-1.png", "20190501-120000.jpeg", "a1b2c3d4e5f6", "images/2019/cat.png"),
        *("red-shoes-size-42", "big_red_dog_running", "Screenshot 2020-01-01 at 10.00.00", "P1010001 copy", "my cat.jpg?w=300"),
    ),
    "caption_is_address": ("https://example.org/a.html", "www.example.com", "mail@example.org", "Photo: www.example.com/pictures"),
    "caption_is_hashtags": ("#sun #beach #love", "@somebody #me", "#throwback"),
    "caption_is_placeholder": ("image", "Image", "Picture 12", "(no image)", "Untitled", "null", "Bild", "sin título", "图片", "Logo"),
    "caption_is_boilerplate": (
        *("Click to enlarge", "click here to view the larger image", "Read more", "Advertisement", "© Getty Images", "Photo by John Smith"),
        *("Share on Facebook", "Zum Vergrößern klicken", "Cliquez ici pour agrandir", "haga clic para ampliar", "Bild: dpa"),
    ),
    "caption_repeats_words": ("dog dog dog dog", "sale new sale new sale new sale new"),
    "caption_without_words": ("12345", "😀😀", "-- 17 --", "1920x1080", "…"),
    "caption_is_date": ("2019-05-01", "May 3, 2019", "12. Mai 2020", "3 février 2021", "2020年5月", "Sat, 12 April 2019 10:30", "10:30"),
    "caption_has_markup": (
        "<b>bold</b> claim",
        "A house {{title}} by the sea",
        "[caption id=1] a dog",
        'class="x" a dog',
        "a dog <!-- x -->",
    ),
}
SENSE = (
    *("A dog on a beach", "Image: a dog running over the field in summer evening light", "M&M candy in a bowl", "AT&T logo on a wall"),
    *(
        "well-known state-of-the-art design",
        "A view of the file report.pdf on a desk",
        "The Louvre in 2019",
        "10 May 2020 protest in Berlin",
    ),
    *(
        "March of the penguins",
        "a man and a woman and a child",
        "Copyright law class at a university",
        "Sunday afternoon",
        "T-shirt with stripes",
    ),
    *(
        "一只猫坐在桌子上",
        "Ein Hund läuft über die Wiese",
        "3 dogs & 2 cats",
        "x < y and y > z on a blackboard",
        "photo of a cat",
        "Cat #3 sleeps",
    ),
    *("Click beetle on a leaf", "the picture hopper.png"),
)


@pytest.mark.parametrize(("reason", "text"), [(reason, text) for reason, texts in JUNK.items() for text in texts])
def test_junk_is_called_what_it_is(reason: str, text: str) -> None:
    found = find_junk(clean_caption(text))
    assert found is not None
    assert found.name == reason


@pytest.mark.parametrize("text", SENSE)
def test_sense_is_no_junk(text: str) -> None:
    assert find_junk(clean_caption(text)) is None


def test_lengths() -> None:
    assert judged("Dog") == "caption_too_short"
    assert judged("Dog", min_words=1) == "caption_too_short"  # three characters
    assert judged("Two dogs") == "kept"
    assert judged("a b c d e", max_words=4) == "caption_too_long"
    assert judged("a b c d", max_words=4) == "kept"
    assert judged("ab " * 40_000) == "caption_too_long"
    assert judged("猫和狗") == "caption_too_short"  # three words, three characters
    assert judged("猫和狗走") == "kept"


def test_languages_are_refused_only_when_sure() -> None:
    german = "Ein kleiner Hund läuft mit einem Ball über die grüne Wiese"
    assert judged(german, languages=("en", "fr")) == "wrong_language"
    assert judged(german, languages=("de",)) == judged(german) == "kept"
    assert judged(german, languages=("en",), min_confidence=1.1) == "kept"


def test_no_caption() -> None:
    for fields in ({}, {"caption": "  "}, {"captions": []}, {"captions": [None, 3]}, {"caption": "&nbsp;"}):
        assert KeepCaption()(row(**fields)) == Reject("k", "no_caption", "expected a non-empty caption, captions or text")


def test_every_reason_is_reached() -> None:
    reached = {*JUNK, "caption_too_short", "caption_too_long", "wrong_language"}
    assert reached == {reason.name for reason in CAPTION_REASONS}
    assert {reason.name for reason in KeepCaption.reasons} == {*reached, "no_caption"}


def test_cleaning() -> None:
    assert clean_caption(" A&amp;B \u2028 in\ta  row\x00 ") == "A&B in a row"
    assert clean_caption("cafe\u0301") == "café"
    assert captions_of({"captions": ["A dog.", " A  dog. ", "", None, "A cat."]}) == ["A dog.", "A cat."]
    assert captions_of({"text": "A dog."}) == captions_of({"captions": "no list", "caption": "A dog."}) == ["A dog."]
    assert words_of("A dog's life, 猫が") == ["A", "dog's", "life", "猫", "が"]
    assert caption_digest("A Dog!") == caption_digest("a  dog") != caption_digest("a dogs")


def test_one_good_caption_is_chosen_and_the_same_one_always() -> None:
    given = row(captions=["IMG_1.jpg", "A dog on a beach", "Click to enlarge", "Two dogs play", "A dog on a beach"])
    before = copy.deepcopy(given.fields)
    chosen = set()
    for seed in range(20):
        done = KeepCaption(seed)(given)
        assert isinstance(done, Row)
        assert done == KeepCaption(seed)(given)
        assert done.fields["captions"] == [done.fields["caption"]]
        assert (done.facts["caption.num_captions"], done.facts["caption.num_passed"]) == (4, 2)
        assert done.facts["caption.language"] == "en"
        chosen.add(done.fields["caption"])
    assert chosen == {"A dog on a beach", "Two dogs play"}
    assert given.fields == before


def test_the_first_refusal_is_told_when_none_passes() -> None:
    done = KeepCaption()(row(captions=["IMG_1.jpg", "image"]))
    assert done == Reject("k", "caption_is_file_name", "'IMG_1.jpg'")


@pytest.mark.parametrize(
    "text", [mark * 9_000 for mark in ("a-", "a.", "<", "<a ", "&", "#", "@", "((", "www.", "{{", "1 ", "a@", "/", "-", "image ", "ab/")]
)
def test_hostile_captions_are_judged(text: str) -> None:
    try:
        check_caption(text, CaptionRules())
    except Refused as refused:
        assert refused.reason in CAPTION_REASONS


def test_a_model_is_asked_with_the_picture() -> None:
    prompt = CaptionWriting().prompt(row(caption="a secret dog"))
    assert not isinstance(prompt, Reject)
    assert prompt.images == (b"bytes",)
    assert "secret" not in prompt.text
    hinted = CaptionWriting(with_hint=True, language="German").prompt(row(caption="a secret dog"))
    assert not isinstance(hinted, Reject)
    assert '"a secret dog"' in hinted.text
    assert "Write in German" in hinted.text
    assert CaptionWriting().prompt(Row("k", Origin("made"))) == Reject("k", "no_image", "expected image, or file_name, in the row")


def test_a_model_s_reply_is_read_strictly() -> None:
    good = CaptionWriting().read(row(captions=["old"]), json.dumps({"caption": " A dog runs. "}))
    assert isinstance(good, Row)
    assert captions_of(good.fields) == ["A dog runs."]
    for reply in ("A dog runs.", '{"caption": ""}', '{"caption": 3}', '{"text": "A dog"}', '["A dog"]', '{"caption": "A dog", "more": 1}'):
        done = CaptionWriting().read(row(), reply)
        assert isinstance(done, Reject)
        assert done.reason == BAD_REPLY.name
