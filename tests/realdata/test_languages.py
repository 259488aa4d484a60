"""The language of XQuAD's texts in twelve languages: documents, paragraphs, sentences, and paragraphs among code and addresses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from processors.text.language import measure_language
from processors.text.words import sentences_of

pytestmark = pytest.mark.realdata
LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh")
CODE = (
    "#include <vector>\n\nint main(int argc, char **argv) {\n    std::vector<int> values;\n    for (int i = 0; i < argc; ++i) {\n"
    "        values.push_back(i * 2);\n    }\n    return values.size() > 3 ? 1 : 0;\n}\n"
)


def documents(realdata: Path, language: str) -> list[list[str]]:
    articles = json.loads((realdata / "10_web_text" / "xquad" / f"xquad.{language}.json").read_text())["data"]
    return [[paragraph["context"] for paragraph in article["paragraphs"]] for article in articles]


def wrong(texts: list[str], language: str) -> list[str]:
    return [text[:60] for text in texts if measure_language(text)[0] != language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_documents_and_paragraphs_are_all_right(realdata: Path, language: str) -> None:
    found = documents(realdata, language)
    assert wrong(["\n\n".join(one) for one in found], language) == []
    assert wrong([paragraph for one in found for paragraph in one], language) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_prose_among_code_and_addresses(realdata: Path, language: str) -> None:
    paragraphs = [paragraph for one in documents(realdata, language) for paragraph in one]
    address = "https://www.example.org/path/to/the/page?utm_source=newsletter&utm_medium=email\n" * 8
    assert wrong([f"{CODE}{paragraph}\n{CODE * 3}" for paragraph in paragraphs], language) == []
    assert wrong([f"{address}{paragraph}" for paragraph in paragraphs], language) == []


def test_sentences_are_nearly_all_right_and_wrong_ones_unsure(realdata: Path) -> None:
    total, sure_and_wrong, missed = 0, [], []
    for language in LANGUAGES:
        for sentence in (sentence for one in documents(realdata, language) for paragraph in one for sentence in sentences_of(paragraph)):
            measured, confidence, _ = measure_language(sentence)
            total += 1
            if measured != language:
                missed.append((language, measured, confidence, sentence[:60]))
                sure_and_wrong += [sentence] if confidence > 0.8 else []
    print(f"{len(missed)} of {total} sentences: {missed}")
    assert len(missed) <= 0.015 * total
    assert sure_and_wrong == []
