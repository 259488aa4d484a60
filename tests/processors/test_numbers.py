"""Numbers in words and back, in eight languages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.numbers import (
    MAX_DIGITS,
    MAX_NUMERAL,
    MAX_WORDS_AT_ONCE,
    cardinal,
    decimal,
    english_ordinal,
    english_year,
    hanzi,
    numerals_to_digits,
    one_by_one,
    words_to_digits,
)


@pytest.mark.parametrize(
    ("digits", "language", "words"),
    [
        ("0", "en", "zero"),
        ("42", "en", "forty-two"),
        ("1250", "en", "one thousand two hundred and fifty"),
        ("1000000", "en", "one million"),
        ("007", "en", "zero zero seven"),
        ("1234567890123456", "en", "one two three four five six seven eight nine zero one two three four five six"),
        ("90", "fr", "quatre-vingt-dix"),
        ("71", "fr", "soixante et onze"),
        ("21", "de", "einundzwanzig"),
        ("501287", "de", "fünfhunderteintausendzweihundertsiebenundachtzig"),
        ("118", "it", "centodiciotto"),
        ("53", "it", "cinquantatré"),
        ("31", "pt", "trinta e um"),
        ("1036", "pt", "mil e trinta e seis"),
        ("555", "es", "quinientos cincuenta y cinco"),
        ("50", "ja", "五十"),
        ("1200", "ja", "千二百"),
        ("007", "zh", "零零七"),
    ],
)
def test_cardinals(digits: str, language: str, words: str) -> None:
    assert cardinal(digits, language) == words


def test_the_longest_number_and_the_first_identifier() -> None:
    assert cardinal("1" * MAX_DIGITS, "en").startswith("one hundred and eleven trillion")
    assert cardinal("1" * (MAX_DIGITS + 1), "en") == one_by_one("1" * (MAX_DIGITS + 1), "en")
    assert len(cardinal("7" * 100_000, "en").split()) == 100_000


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "零"),
        (10, "十"),
        (11, "十一"),
        (20, "二十"),
        (100, "一百"),
        (101, "一百零一"),
        (110, "一百一十"),
        (1_001, "一千零一"),
        (1_010, "一千零一十"),
        (10_000, "一万"),
        (10_001, "一万零一"),
        (100_000, "十万"),
        (1_000_001, "一百万零一"),
        (12_345_678, "一千二百三十四万五千六百七十八"),
        (100_000_000, "一亿"),
        (100_010_000, "一亿零一万"),
        (1_000_000_000_000, "一万亿"),
    ],
)
def test_chinese_numerals(number: int, words: str) -> None:
    assert hanzi(number) == words
    assert numerals_to_digits(words, "zh") == str(number)


@given(number=st.integers(0, 10**14))
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("language", ["zh", "ja"])
def test_numerals_come_back_as_their_digits(language: str, number: int) -> None:
    assert numerals_to_digits(cardinal(str(number), language), language) == str(number)


@pytest.mark.parametrize(
    ("text", "language", "digits"),
    [
        ("二〇二四年", "zh", "2024年"),
        ("两千", "zh", "2000"),
        ("三点五", "zh", "3.5"),
        ("三点一四", "ja", "3.14"),
        ("百分之二十", "zh", "20%"),
        ("百分之三点五", "zh", "3.5%"),
        ("3万", "zh", "30000"),
        ("1.2亿", "zh", "120000000"),
        ("一亿二千万", "zh", "120000000"),
        ("1,200万", "ja", "12000000"),
        ("三百五", "zh", "350"),
        ("一万二", "zh", "12000"),
        ("三百零五", "zh", "305"),
        ("三百五", "ja", "305"),
        ("三点十五分", "zh", "3点15分"),
        ("三点五分", "zh", "3点5分"),
        ("八点半", "zh", "8点半"),
        ("一二三", "zh", "123"),
        ("一二万", "zh", "120000"),
        ("一起", "zh", "1起"),
        ("百", "ja", "100"),
        ("两个人", "zh", "2个人"),
        ("没有", "zh", "没有"),
        ("", "zh", ""),
    ],
)
def test_numerals_inside_text(text: str, language: str, digits: str) -> None:
    assert numerals_to_digits(text, language) == digits


def test_a_run_of_numerals_that_is_no_number_stays() -> None:
    assert numerals_to_digits("万" * (MAX_NUMERAL + 1), "zh") == "万" * (MAX_NUMERAL + 1)
    assert numerals_to_digits("1" * 10_000 + "万", "zh") == "1" * 10_000 + "万"
    assert numerals_to_digits("十" * MAX_NUMERAL, "zh") == str(10 * MAX_NUMERAL)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "three point one four"),
        ("fr", "trois virgule un quatre"),
        ("de", "drei Komma eins vier"),
        ("it", "tre virgola uno quattro"),
        ("pt", "três vírgula um quatro"),
        ("es", "tres coma uno cuatro"),
        ("zh", "三点一四"),
        ("ja", "三点一四"),
    ],
)
def test_decimals_are_read_digit_by_digit(language: str, words: str) -> None:
    assert decimal("3", "14", language) == words
    assert decimal("", "5", "en") == "zero point five"


def test_english_ordinals_and_years() -> None:
    assert [english_ordinal(n) for n in ("1", "22", "101")] == ["first", "twenty-second", "one hundred and first"]
    assert [english_year(n) for n in ("1066", "1905", "2000", "2009", "2024")] == [
        "ten sixty-six",
        "nineteen oh-five",
        "two thousand",
        "two thousand and nine",
        "twenty twenty-four",
    ]


def test_number_words_become_digits_in_five_languages_only() -> None:
    assert words_to_digits("j'ai vingt et un chats", "fr") == "j'ai 21 chats"
    assert words_to_digits("twenty-one", "en") == "twenty-one"
    assert words_to_digits("二十", "zh") == "二十"
    assert words_to_digits("", "de") == ""


def test_a_number_is_not_cut_where_a_long_text_is() -> None:
    for before in range(MAX_WORDS_AT_ONCE - 6, MAX_WORDS_AT_ONCE + 2):
        text = " ".join(["casa"] * before + ["mil", "novecientos", "noventa", "y", "nueve", "casas"])
        assert words_to_digits(text, "es") == " ".join(["casa"] * before + ["1999", "casas"])
