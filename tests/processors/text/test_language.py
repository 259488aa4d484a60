"""The language is that of the prose, wherever it stands, and what is unsure or mixed can be refused."""

from __future__ import annotations

import pytest

from processors.language_id import detect_language
from processors.text.language import DetectLanguage, KeepLanguages, is_code, measure_language, pieces_of, prose_of
from schemas.outcome import Reject
from schemas.records import Document, Origin

GERMAN = "Die Bäckerei am Markt öffnet jeden Morgen um sechs Uhr, und vor der Tür warten schon die ersten Kundinnen auf frisches Brot."
ENGLISH = "The bakery on the market square opens every morning at six, and the first customers are waiting for fresh bread at its door."
CODE = "def main(argv):\n    for name in argv:\n        with open(name) as source:\n            print(source.read())\n\nvalue = compute(x, y)\n"


def document(text: str) -> Document:
    return Document("k", Origin("test"), text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (GERMAN, "de"),
        (ENGLISH, "en"),
        (ENGLISH.upper(), "en"),
        (GERMAN.upper(), "de"),
        (CODE * 5 + GERMAN + "\n" + CODE * 5, "de"),
        (f"```python\n{'print(the_name_of_the_file)' * 20}\n```\n{GERMAN}", "de"),
        ("https://www.example.org/the/page/of/the/day?from=the&with=some\n" * 12 + GERMAN, "de"),
        ("六次格莱美奖得主及奥斯卡奖提名者女神卡卡献唱了国歌。", "zh"),
    ],
)
def test_the_language_of_the_prose(text: str, language: str) -> None:
    assert measure_language(text)[0] == language


def test_varieties_count_as_their_language() -> None:
    language, confidence = detect_language("1030 年，拉努夫·德伦戈特 (Rainulf Drengot) 从那不勒斯公爵塞尔吉乌斯四世手中获得了领地。")
    assert language == "zh"
    assert confidence > 0.9


@pytest.mark.parametrize(
    "line",
    ["import os", "    return x", "x = 1", "if (a) {", "}", "foo(bar);", "#include <stdio.h>", "const a = 2", ">>> f(2)", "@wraps(f):"],
)
def test_lines_of_code(line: str) -> None:
    assert is_code(line)


@pytest.mark.parametrize(
    "line",
    [GERMAN, ENGLISH, "It returns home.", "For the first time (1922–26) it rained.", "Let us go there."][:5],
)
def test_lines_of_prose(line: str) -> None:
    assert not is_code(line)


def test_code_alone_is_taken_as_it_is() -> None:
    assert prose_of(CODE) == CODE
    assert prose_of(ENGLISH) is ENGLISH


def test_a_long_text_is_looked_at_everywhere() -> None:
    text = "".join(chr(97 + at % 26) for at in range(100_000))
    pieces = pieces_of(text)
    assert [len(piece) for piece in pieces] == [400] * 6
    assert (text.startswith(pieces[0]), text.endswith(pieces[-1])) == (True, True)


@pytest.mark.parametrize("size", [0, 1, 249, 250, 499, 500, 2_400, 2_401])
def test_pieces_of_short_texts(size: int) -> None:
    text = "x" * size
    pieces = pieces_of(text)
    assert 1 <= len(pieces) <= 6 or size == 0
    assert all(len(piece) >= 250 for piece in pieces) or len(pieces) <= 1


def test_a_mixed_document_has_a_share() -> None:
    mixed = " ".join([GERMAN] * 24 + [ENGLISH] * 16)
    language, _, share = measure_language(mixed)
    assert language == "de"
    assert 0.5 <= share <= 0.75
    assert measure_language(" ".join([GERMAN] * 40))[2] == 1.0


def test_each_reason_and_the_nearest_that_passes() -> None:
    german = DetectLanguage()(document(" ".join([GERMAN] * 24 + [ENGLISH] * 16)))
    share = german.facts["text.language_ratio"]
    assert KeepLanguages(("de",), 0.5, float(share))(german) is german
    assert KeepLanguages()(german) is german
    wrong = KeepLanguages(("en", "fr"))(german)
    assert wrong == Reject("k", "wrong_language", "de, expected one of en, fr")
    mixed = KeepLanguages(("de",), min_ratio=0.9)(german)
    assert mixed == Reject("k", "mixed_languages", f"{share:.0%} of the text in de, expected 90% or more")
    short = DetectLanguage()(document("Am 8."))
    unsure = KeepLanguages(min_confidence=0.5)(short)
    assert isinstance(unsure, Reject)
    assert unsure.reason == "unsure_language"
    assert KeepLanguages(min_confidence=float(short.facts["text.language_confidence"]))(short) is short


def test_hostile_text_takes_time_in_proportion() -> None:
    for text in (
        "`" * 200_000,
        "<" * 200_000,
        "```\n" * 50_000,
        "$" * 200_000,
        "a=" * 100_000,
        "(" * 200_000,
        "x.y" * 70_000 + "=",
        "w@" * 100_000,
    ):
        assert measure_language(text)[2] >= 0.0
