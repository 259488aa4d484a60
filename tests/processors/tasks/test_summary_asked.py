"""Requests in eight languages: what they ask for is read, written, counted and checked."""

from __future__ import annotations

import numpy as np
import pytest

from processors.tasks import summary_wordings as wordings
from processors.tasks.summary_asked import MAX_REQUEST_CHARS, stated_style
from processors.tasks.summary_style import (
    CHECKED_FORMS,
    EMAIL,
    FORMS,
    PROSE,
    Style,
    draw_style,
    instruction,
    keeps_instruction,
    num_units,
    put_into,
    read_length,
    sentences_of,
)
from processors.tasks.summary_wordings import BULLETS, JSON, NUMBERED, POINTS
from schemas.identity import keyed_rng

LANGUAGES = tuple(wordings.BOUNDS)
SUMMARIES = {
    "en": "The council will repair the bridge. Dr. Ray spoke of 2.5 million euros.",
    "de": "Der Rat will ab dem 3. Mai die Brücke erneuern. Das kostet z. B. 2,5 Millionen Euro.",
    "fr": "Le conseil va réparer le pont. Mme Moreau a parlé de 2,5 millions d'euros.",
    "es": "El consejo va a reparar el puente. ¿Cuánto costará? La Sra. Torres habló de 2,5 millones.",
    "it": "Il consiglio riparerà il ponte. È stato il dott. Rossi a dirlo.",
    "pt": "O conselho vai reparar a ponte. A Sra. Lima falou de 2,5 milhões.",
    "zh": "镇议会将修复石桥。费用为三百万欧元!",
    "ja": "町議会は石橋を修復する。費用は三百万ユーロだ。「高い」という声もある。",
}
NUM_SENTENCES = {"en": 2, "de": 2, "fr": 2, "es": 3, "it": 2, "pt": 2, "zh": 2, "ja": 3}


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_in_every_language(language: str) -> None:
    assert len(sentences_of(SUMMARIES[language], language)) == NUM_SENTENCES[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_written_is_read_back(language: str) -> None:
    """Every instruction that this project writes says what it is meant to say, by the reader of instructions."""
    for form in FORMS:
        for bound in (wordings.AT_MOST, wordings.EXACTLY):
            for unit in wordings.LENGTH_WORDINGS[language]:
                if (unit == POINTS) is (form in (BULLETS, NUMBERED, JSON)):
                    for number in range(2, 14):
                        style = Style(form, f"{bound} {number} {unit}")
                        told = instruction(style, np.random.default_rng(number), language)
                        assert stated_style(told, language) == style, told


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_drawn_style_is_kept_in_every_language(language: str) -> None:
    forms = set()
    for number in range(60):
        rng = keyed_rng(0, "test", f"{language} {number}")
        style = draw_style(SUMMARIES[language], rng, language)
        forms.add(style.form)
        told = put_into(SUMMARIES[language], style.form, rng, language, is_document=bool(number % 2))
        assert keeps_instruction(told, style, language), (style, told)
    assert forms == set(FORMS)


@pytest.mark.parametrize(
    ("request_text", "language", "style"),
    [
        ("Summarize this in three sentences.", "en", Style(PROSE, "exactly 3 sentences")),
        ("Give me a 50-word summary", "en", Style(PROSE, "about 50 words")),
        ("Sum it up in no more than 50 words, as a bulleted list", "en", Style(BULLETS, "at most 50 words")),
        ("Summarize in one or two sentences", "en", Style(PROSE, "1 to 2 sentences")),
        ("Keep it under 30 words", "en", Style(PROSE, "at most 29 words")),
        ("List 4 bullet points about it", "en", Style(BULLETS, "exactly 4 points")),
        ("Write a short email about it", "en", Style(EMAIL)),
        ("Reply in JSON", "en", Style("any_json")),
        ("Fasse das in höchstens 20 Wörtern zusammen", "de", Style(PROSE, "at most 20 words")),
        ("Résume en deux phrases.", "fr", Style(PROSE, "exactly 2 sentences")),
        ("用三句话总结", "zh", Style(PROSE, "exactly 3 sentences")),
        ("请写一个不超过100字的摘要", "zh", Style(PROSE, "at most 100 characters")),
        ("200字以内で要約してください", "ja", Style(PROSE, "at most 200 characters")),
        ("What are the two points that Anna made?", "en", Style()),
        ("Who spoke of the 3 sentences in the letter?", "en", Style()),
        ("What was said at three o'clock?", "en", Style()),
        ("三点钟开会时说了什么?", "zh", Style()),
        ("In 3 sentences, or in 50 words.", "en", Style()),  # two lengths: none can be checked alone
    ],
)
def test_what_a_request_asks_for(request_text: str, language: str, style: Style) -> None:
    assert stated_style(request_text, language) == style


@pytest.mark.parametrize("text", ["in " * 40_000, "in 3 or " * 10_000, "一" * 50_000, "at most " * 10_000])
def test_long_requests_ask_for_nothing(text: str) -> None:
    assert len(text) > MAX_REQUEST_CHARS
    assert {stated_style(text, language).length for language in LANGUAGES} == {""}


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("at most 60 words", 1, 60),
        ("at least 5 points", 5, 10**9),
        ("about 100 words", 80, 120),
        ("4 points", 4, 4),
        ("2 to 4 sentences", 2, 4),
    ],
)
def test_lengths_are_ranges(text: str, low: int, high: int) -> None:
    length = read_length(text)
    assert length is not None
    assert (length.low, length.high) == (low, high)
    again = read_length(str(length))
    assert again == length


@pytest.mark.parametrize("text", ["", "short", "4 to 2 points", "about 3 to 4 words", "-3 words"])
def test_other_lengths_cannot_be_read(text: str) -> None:
    assert read_length(text) is None
    assert not keeps_instruction("One.", Style(PROSE, text)) or not text


@pytest.mark.parametrize(
    ("answer", "style", "language", "kept"),
    [
        ("石橋を直す。", Style(PROSE, "at most 6 characters"), "ja", True),
        ("石橋を直す。", Style(PROSE, "at most 5 characters"), "ja", False),
        ("修 复 石 桥", Style(PROSE, "exactly 4 words"), "zh", True),  # white space is no character
        ("The points are:\n* One.\n* Two.", Style(BULLETS, "exactly 2 points"), "en", True),
        ("- One.\n-5 degrees", Style(BULLETS), "en", False),
        ("1.石橋\n2.市場", Style(NUMBERED, "exactly 2 points"), "ja", True),
        ("1.5 million", Style(NUMBERED), "en", False),
        ('{"a": ["One.", {"b": "Two."}]}', Style("any_json", "exactly 2 points"), "en", True),
        ('"text"', Style("any_json"), "en", False),
        ("Betreff: Brücke\n\nHallo,\n\nSie wird erneuert.\n\nViele Grüße", Style(EMAIL, "exactly 1 sentences"), "de", True),
    ],
)
def test_counts_in_forms(answer: str, style: Style, language: str, kept: bool) -> None:
    assert style.form in CHECKED_FORMS
    assert keeps_instruction(answer, style, language) is kept


def test_words_are_characters_without_spaces_in_chinese() -> None:
    assert num_units(["镇议会 决定。"], "words", "zh") == 6
    assert num_units(["The council decided."], "words", "en") == 3
