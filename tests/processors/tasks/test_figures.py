"""Two spellings of one number or date agree; another number or date does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.tasks.figures import figures_in, known_figures, missing_figures


def missing(summary: str, source: str, language: str = "en") -> list[str]:
    return missing_figures(figures_in(summary, language), known_figures(figures_in(source, language)))


@pytest.mark.parametrize(
    ("summary", "source", "language"),
    [
        ("3 May 2024", "on 2024-05-03", "en"),
        ("May 3", "on 2024-05-03", "en"),
        ("2024-05-03", "on the 3rd of May 2024", "en"),
        ("May 3, 2024", "on 05/03/2024", "en"),
        ("May 3, 2024", "on 03/05/2024", "en"),  # the order is not told: either reading will do
        ("July 10,1981", "born on July 10, 1981", "en"),
        ("in May 2024", "on 3 May 2024", "en"),
        ("in 2024", "on 2024-05-03", "en"),
        ("the 25th of July", "on July twenty-fifth", "en"),
        ("3 May 2024", "In 2024 they met. On May 3 they parted.", "en"),
        ("25 people", "twenty five people", "en"),
        ("twenty-five people", "25 people", "en"),
        ("1.5 million euros", "1,500,000 euros", "en"),
        ("1.5 million euros", "1,487,332 euros", "en"),  # rounded
        ("about 1,400 people", "1,432 people", "en"),
        ("20k users", "20,000 users", "en"),
        ("$3.2bn", "$3,200,000,000", "en"),
        ("5 percent", "5% of it", "en"),
        ("the 1990s", "since 1990", "en"),
        ("1.500 Euro am 3.5.2024", "1500 Euro am 3. Mai 2024", "de"),
        ("3,5 Mio. Euro", "3.500.000 Euro", "de"),
        ("1 500 euros le 3 mai 2024", "1500 euros le 3/05/2024", "fr"),
        ("el 3 de mayo de 2024", "el 2024-05-03", "es"),
        ("20 persone", "venti persone", "it"),
        ("em 1º de março de 2020", "em 2020-03-01", "pt"),
        ("2024-05-03に300人", "二〇二四年五月三日に三百人", "ja"),
        ("2024年5月3日", "二〇二四年五月三日", "zh"),
        ("three reasons", "first this, second that, and then those", "en"),  # small counts are the writer's own
    ],
)
def test_one_figure_in_two_spellings(summary: str, source: str, language: str) -> None:
    assert missing(summary, source, language) == []


@pytest.mark.parametrize(
    ("summary", "source", "language", "told"),
    [
        ("4 May 2024", "on 2024-05-03", "en", ["4 May 2024"]),
        ("3 May 2023", "on 2024-05-03", "en", ["3 May 2023"]),
        ("3 June 2024", "on 2024-05-03", "en", ["3 June 2024"]),
        ("in 2023", "on 2024-05-03", "en", ["2023"]),
        ("3 May 2024", "in May 2024", "en", ["3 May 2024"]),  # the day is the writer's
        ("26 people", "twenty five people", "en", ["26"]),
        ("1.5 million euros", "1,600,000 euros", "en", ["1.5 million"]),
        ("1,400 people", "1,432 people at the gate", "en", []),  # the last two digits may be rounded
        ("1,400 people", "1,470 people", "en", ["1,400"]),
        ("1900", "1932", "en", ["1900"]),  # years are exact
        ("6%", "5% of it", "en", ["6%"]),
        ("1.500 Euro", "1,5 Euro", "de", ["1.500"]),
        ("2024年5月4日", "2024年5月3日", "zh", ["2024年5月4日"]),
        ("50 apples", "20 apples and 30 more", "en", ["50"]),  # a sum is not in the source
    ],
)
def test_other_figures_are_missing(summary: str, source: str, language: str, told: list[str]) -> None:
    assert missing(summary, source, language) == told


@given(st.integers(1900, 2100), st.integers(1, 12), st.integers(1, 28))
def test_every_date_agrees_with_its_other_spellings(year: int, month: int, day: int) -> None:
    names = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
    forms = [f"{year}-{month:02d}-{day:02d}", f"{day} {names[month - 1]} {year}", f"{names[month - 1]} {day}, {year}"]
    for one in forms:
        for other in forms:
            assert missing(f"On {one}.", f"It was {other}.") == []
        assert missing(f"On {one}.", f"It was {year}-{month:02d}-{day + 1:02d}.") != []


@given(st.text(alphabet="0123456789.,-/ kKmMay'%$年月日", max_size=60), st.sampled_from(["en", "de", "fr", "zh", "ja", "xx"]))
def test_a_text_has_its_own_figures(text: str, language: str) -> None:
    assert missing(text, text, language) == []


@pytest.mark.parametrize(
    "text", ["1" * 100_000, "1," * 50_000, "1 " * 50_000, "May " * 30_000, "1-" * 50_000, "about " * 20_000, "a1-" * 30_000]
)
def test_hostile_texts_are_read_to_their_end(text: str) -> None:
    assert isinstance(figures_in(text, "en").numbers, tuple)
