"""Texts drawn over photos: every script in its own shapes, every line inside, apart and readable, the same bytes each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.sample.receipts import draw_photo
from processors.vision.lettering import FACES, NO_GLYPHS, TEXT_DOES_NOT_FIT, Lettering, ink, readable
from processors.vision.render_text import LOW_CONTRAST, MEASURED_CONTRAST, break_lines, contrast, luminance, render_texts
from schemas.identity import digest, keyed_rng
from schemas.outcome import Refused

ROOT = Path(__file__).parents[3]
TEXTS = ["Open every day from nine to six", "お茶とお菓子 新鲜水果", "مفتوح كل يوم", "Défense d'entrer", "한국어 텍스트"]


def photo(number: int = 0) -> np.ndarray:
    return np.asarray(draw_photo(3, number))


# ---- lettering


def test_ink_has_no_empty_edge_and_stands_on_its_base_line() -> None:
    for face in FACES:
        inked = ink("Hxg", 40, Lettering(face))
        mask = inked.mask
        assert mask[0].any() and mask[-1].any() and mask[:, 0].any() and mask[:, -1].any()
        assert 20 <= inked.above_px <= 40 < 40 + mask.shape[0]
        assert mask.shape[0] > inked.above_px  # the g hangs below
        assert ink("H", 40, Lettering(face)).mask.shape[0] - ink("H", 40, Lettering(face)).above_px <= 1


def test_arabic_letters_are_joined_and_run_from_the_right() -> None:
    assert ink("محمد", 40).mask.any(axis=0).all()  # no gap between its four letters
    assert not ink("abcd", 40).mask.any(axis=0).all()
    both = ink("سلام abc", 40).mask
    latin = ink("abc", 40).mask
    half = both[:, : latin.shape[1]]
    assert (half > 127).sum() == pytest.approx((latin > 127).sum(), rel=0.1)  # what comes last in a right-to-left text stands at the left


def test_a_line_of_many_marks_is_one_line() -> None:
    assert ink(readable("Ẫ̃ y̌"), 40).mask.shape[0] < 80


@pytest.mark.parametrize(
    ("text", "told"), [("a\ue000", "U\\+E000"), ("a\u0378", "U\\+0378"), ("\x01", "U\\+0001"), ("\u2003", "leaves no ink")]
)
def test_a_text_without_glyphs_is_refused(text: str, told: str) -> None:
    with pytest.raises(Refused, match=told) as refused:
        ink(text, 20)
    assert refused.value.reason is NO_GLYPHS


@pytest.mark.parametrize("text", ["", "a" * 241])
def test_a_line_too_long_to_draw_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        ink(text, 20)
    assert refused.value.reason is TEXT_DOES_NOT_FIT


def test_bad_lettering_is_an_error() -> None:
    with pytest.raises(ValueError, match="size 0 px"):
        ink("a", 0)
    with pytest.raises(ValueError, match="face 'comic'"):
        ink("a", 10, Lettering("comic"))


def test_markup_is_drawn_as_text() -> None:
    assert ink("<b>a</b>", 30).mask.shape[1] > 3 * ink("a", 30).mask.shape[1]


def test_readable_drops_what_a_picture_cannot_show() -> None:
    assert readable(" a\u200b\u00adb \n c ") == "ab c"
    assert readable("می\u200cخواهم") == "می\u200cخواهم"
    assert readable("e\u0301") == "é"


# ---- breaking


def test_lines_break_between_words_and_keep_every_letter() -> None:
    assert break_lines("one two three four", 9) == ["one two", "three", "four"]
    assert break_lines("unbreakable-indeed", 5) == ["unbreakable-indeed"]
    assert break_lines("", 5) == []


def test_wide_letters_break_anywhere_but_before_a_closing_mark() -> None:
    lines = break_lines("这是一个很长的句子,用来测试。", 8)
    assert "".join(lines) == "这是一个很长的句子,用来测试。"
    assert len(lines) > 2
    assert not any(line[0] in ",。" for line in lines)


# ---- contrast


def test_contrast_is_that_of_wcag() -> None:
    black, white, grey = (float(luminance(np.array([level] * 3))) for level in (0, 255, 119))
    assert contrast(black, white) == contrast(white, black) == pytest.approx(21)
    assert contrast(white, grey) == pytest.approx(4.48, abs=0.01)


# ---- drawing


@pytest.mark.parametrize("seed", range(6))
def test_every_line_is_inside_apart_and_readable(seed: int) -> None:
    before = photo(seed)
    kept = before.copy()
    rendered = render_texts(before, TEXTS, keyed_rng(seed, "test", "k"))
    height, width = before.shape[:2]
    assert np.array_equal(before, kept)
    assert rendered.pixels.shape == before.shape and rendered.pixels.dtype == np.uint8
    assert len(rendered.lines) == len(rendered.contrasts) >= rendered.num_texts >= 2
    assert min(rendered.contrasts) >= MEASURED_CONTRAST
    for line in rendered.lines:
        x0, y0, x1, y1 = line.box
        assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
    middles = [sum(y for _, y in line.quad) / 4 for line in rendered.lines]
    assert middles == sorted(middles)  # one order from the top
    said = " ".join(line.text for line in rendered.lines).replace(" ", "")
    assert all(text.replace(" ", "") in said for text in TEXTS if text.split()[0] in said)


def test_quads_are_where_the_ink_is() -> None:
    """On a plain ground, undegraded: all that differs from it lies in a quad, but for outlines and plates around them."""
    for seed in range(4):
        plain = np.full((480, 640, 3), 250, np.uint8)
        rendered = render_texts(plain, ["Harbour 1234", "Old mill"], keyed_rng(seed, "test", "quads"), degrade=0)
        changed = np.abs(rendered.pixels.astype(int) - 250).sum(axis=2) > 60
        for line in rendered.lines:
            x0, y0, x1, y1 = line.box
            inside = changed[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1]
            assert inside[:, : max(2, inside.shape[1] // 20)].any() and inside[:, -max(2, inside.shape[1] // 20) :].any()
            assert inside[: max(2, inside.shape[0] // 8)].any() and inside[-max(2, inside.shape[0] // 8) :].any()


def test_degrading_gives_way_to_contrast() -> None:
    strong = render_texts(photo(), TEXTS, keyed_rng(1, "t", "k"), degrade=1.0)
    none = render_texts(photo(), TEXTS, keyed_rng(1, "t", "k"), degrade=0.0)
    assert [line.text for line in strong.lines] == [line.text for line in none.lines]
    assert [line.quad for line in strong.lines] == [line.quad for line in none.lines]


@pytest.mark.parametrize(
    ("shape", "texts"), [((20, 600), ["A long text"]), ((300, 30), ["Words"]), ((200, 200), ["word " * 60]), ((200, 200), [" "])]
)
def test_what_does_not_fit_is_refused(shape: tuple[int, int], texts: list[str]) -> None:
    with pytest.raises(Refused) as refused:
        render_texts(np.full((*shape, 3), 90, np.uint8), texts, keyed_rng(0, "t", "k"))
    assert refused.value.reason is TEXT_DOES_NOT_FIT


def test_a_line_that_nothing_makes_stand_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processors.vision.render_text.MEASURED_CONTRAST", 22.0)  # more than black on white has
    with pytest.raises(Refused) as refused:
        render_texts(photo(), TEXTS, keyed_rng(0, "t", "k"))
    assert refused.value.reason is LOW_CONTRAST


def test_the_same_bytes_in_another_process() -> None:
    code = (
        "from tests.processors.vision.test_render_text import *\n"
        "print(digest(render_texts(photo(), TEXTS, keyed_rng(2, 't', 'k')).pixels.tobytes()))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    assert told == digest(render_texts(photo(), TEXTS, keyed_rng(2, "t", "k")).pixels.tobytes())
