"""Listed terms: whole words, phrases, scripts without spaces; density."""

from __future__ import annotations

from pathlib import Path

import pytest

from processors.text.language import LANGUAGE
from processors.text.word_lists import LISTED_WORDS, KeepUnlisted, count_listed, find_terms, index_terms
from processors.text.words import normal_words
from schemas.outcome import Reject
from schemas.records import Document, Origin


def found(text: str, *terms: str) -> dict[str, int]:
    return {" ".join(run): count for run, count in find_terms(normal_words(text), index_terms(terms)).items()}


@pytest.mark.parametrize(
    ("text", "terms", "expected"),
    [
        ("Bad things, BAD!", ("bad",), {"bad": 2}),
        ("badly a badge", ("bad",), {}),
        ("a bad, bad word and a bad sign", ("bad", "bad sign"), {"bad": 2, "bad sign": 1}),
        ("very bad sign", ("bad sign post", "bad"), {"bad": 1}),
        ("aa aa aa", ("aa aa",), {"aa aa": 1}),
        ("这是坏词吗", ("坏词",), {"坏 词": 1}),
        ("Don’t", ("don't",), {"dont": 1}),
        ("anything", ("", " ", "!"), {}),
    ],
)
def test_terms(text: str, terms: tuple[str, ...], expected: dict[str, int]) -> None:
    assert found(text, *terms) == expected


def document(text: str, language: str = "en") -> Document:
    return Document("k", Origin("s"), text, {LANGUAGE.name: language})


def test_lists_hold_for_their_language(tmp_path: Path) -> None:
    (tmp_path / "en.txt").write_text("gift shop\nbad\n")
    (tmp_path / "de.txt").write_text("gift\n")
    (tmp_path / "every.txt").write_text("xyz\n")
    step = count_listed([str(tmp_path)])
    english, german = step(document("A gift: the gift shop, xyz")), step(document("Das Gift, bad xyz", "de"))
    assert english.facts["listed.terms"] == '{"gift shop":1,"xyz":1}'
    assert english.facts["listed.word_ratio"] == 3 / 6
    assert (german.facts["listed.num_terms"], german.facts["listed.terms"]) == (2, '{"gift":1,"xyz":1}')


def test_the_digest_is_that_of_the_lists(tmp_path: Path) -> None:
    one, other = tmp_path / "one.txt", tmp_path / "other.txt"
    one.write_text("bad\n")
    other.write_text("bad\nworse\n")
    assert count_listed([str(one)]).listed != count_listed([str(other)]).listed
    with pytest.raises(FileNotFoundError, match="is no word list; expected a text file with a term a line"):
        count_listed([str(tmp_path / "none")])


def test_density_decides() -> None:
    step = count_listed(["adult"])
    record = step(document("free porn " + "word " * 198))
    assert record.facts["listed.word_ratio"] == 0.01
    assert KeepUnlisted(0.01)(record) is record
    refused = KeepUnlisted(0.0)(record)
    assert isinstance(refused, Reject)
    assert (refused.reason, refused.detail) == (LISTED_WORDS.name, "1 listed terms are 0.01 of the words, at most 0")


@pytest.mark.parametrize("text", ["Sex education and breast cancer.", "Middlesex, Essex and Sussex", "The adult students met."])
def test_the_adult_list_knows_ordinary_words(text: str) -> None:
    assert count_listed(["adult"])(document(text)).facts["listed.num_terms"] == 0
