"""Lines and paragraphs in many documents: which are found, and what is left of the texts."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pipelines.build import Execution, build
from pipelines.corpus_source import open_corpus
from pipelines.graph import compute_here
from pipelines.recipe import Recipe
from pipelines.repeated_lines import (
    NUM_REPEATED_LINES,
    DropRepeatedLines,
    drop_lines,
    drop_repeated_lines,
    find_repeated_lines,
    passages_of,
)
from pipelines.step import each
from pipelines.verify import verify
from processors.text.domain import DOMAIN, DetectDomain
from processors.text.normalise import Normalise
from schemas.corpus import Corpus
from schemas.outcome import Reject
from schemas.records import Document, Origin
from tests.planted_text import PlantedText, Texts, base_of, boilerplate_line, text_of
from tests.toy import hashes

NOTICE = "Subscribe to our newsletter and never miss a story"
WRAPPED = "This site uses cookies.\nBy reading on\nyou agree to that."


def measured(out: Path, source: Texts | PlantedText) -> Corpus:
    build(Recipe("measured", source, (each(Normalise()), each(DetectDomain()))), out, Execution(workers=0))
    return Corpus(out / "measured")


def prose(number: int) -> str:
    rng = random.Random(number)
    return " ".join("".join(rng.choice("aeioulnrst") for _ in range(rng.randrange(2, 9))) for _ in range(30)).capitalize() + "."


def kept_texts(tmp_path: Path, texts: tuple[str, ...], max_documents: int) -> tuple[dict[str, str], dict[str, str]]:
    """By number of the text: what is left of it, and why it was refused."""
    corpus = measured(tmp_path, Texts(texts))
    path = find_repeated_lines(corpus, tmp_path, compute_here, max_documents)
    result = build(Recipe("kept", open_corpus(corpus.path), (each(drop_repeated_lines(path)),)), tmp_path, Execution(workers=0))
    assert verify(result.path).problems == []
    kept = {record.origin.locator.split()[1]: record.text for record in Corpus(result.path).records()}
    return kept, {row["locator"].split()[1]: f"{row['reason']}: {row['detail']}" for row in Corpus(result.path).rejects()}


def test_a_line_goes_from_all_documents_or_from_none(tmp_path: Path) -> None:
    texts = [f"{prose(number)}\n{NOTICE.upper() if number % 2 else NOTICE + '!'}\n\n{prose(100 + number)}" for number in range(4)]
    kept, refused = kept_texts(tmp_path / "three", tuple(texts), 3)
    assert refused == {}
    assert kept == {str(number): f"{prose(number)}\n\n{prose(100 + number)}" for number in range(4)}
    kept, _ = kept_texts(tmp_path / "four", tuple(texts), 4)
    assert kept == dict(zip("0123", texts, strict=True))


def test_a_document_counts_once(tmp_path: Path) -> None:
    text = f"{prose(0)}\n{NOTICE}\n{prose(1)}\n{NOTICE}\n{prose(2)}\n{NOTICE}"
    kept, _ = kept_texts(tmp_path, (text, prose(3)), 1)
    assert kept == {"0": text, "1": prose(3)}


def test_a_wrapped_paragraph_is_found_as_a_whole(tmp_path: Path) -> None:
    texts = (f"{prose(0)}\n\n{WRAPPED}", f"{WRAPPED}\n\n{prose(1)}", f"{prose(2)}\n\n{WRAPPED.replace(chr(10), ' ')}\n\n{prose(3)}")
    kept, _ = kept_texts(tmp_path, texts, 2)
    assert kept == {"0": prose(0), "1": prose(1), "2": f"{prose(2)}\n\n{prose(3)}"}


def test_nothing_left_is_a_reject(tmp_path: Path) -> None:
    kept, refused = kept_texts(tmp_path, (NOTICE, f"{NOTICE}\n\n{WRAPPED}", f"{NOTICE}\nbut", WRAPPED), 1)
    assert kept == {"2": "but"}
    assert refused == {
        "0": "only_repeated_lines: all 1 lines stand in many documents",
        "1": "only_repeated_lines: all 4 lines stand in many documents",
        "3": "only_repeated_lines: all 3 lines stand in many documents",
    }


@pytest.mark.parametrize(
    "line",
    [
        "Read more here",  # short
        "from __future__ import annotations",
        "    if number of words is greater than nothing",  # indented
        "return value_of_the_function(argument);",
        "The area of the circle is $\\pi r^2$ as before",
    ],
)
def test_what_may_repeat(tmp_path: Path, line: str) -> None:
    texts = tuple(f"{prose(number)}\n{line}\n{prose(100 + number)}" for number in range(4))
    kept, _ = kept_texts(tmp_path, texts, 1)
    assert kept == dict(zip("0123", texts, strict=True))


def test_code_is_left_alone(tmp_path: Path) -> None:
    fenced = [f"{prose(number)}\n```\n{NOTICE}\n\n{WRAPPED}\n```\n{prose(100 + number)}" for number in range(3)]
    program = "\n".join(["import os", "def main(argument):", "    return os.path.join(argument, 'x')", "# " + NOTICE.lower(), "main(1)"])
    programs = [f"{program}\nvalue_{number} = main({number})" for number in range(3)]
    texts = (*fenced, *programs)
    kept, _ = kept_texts(tmp_path, texts, 1)
    assert kept == dict(zip("012345", texts, strict=True))


def test_what_makes_lines_equal() -> None:
    def passages(text: str) -> set[int]:
        return {passage for passage, _, _ in passages_of(text)}

    assert passages("Page 3 of 12 – all the articles there are") == passages("page 127 of 9: ALL THE articles, there are")
    assert passages("Ｆｕｌｌ ｗｉｄｔｈ letters are those of the alphabet") == passages("full width letters are those of the alphabet!")
    assert passages("Lesen Sie auch: Straßen in Köln und Umgebung") != passages("Lesen Sie auch: Plätze in Köln und Umgebung")
    assert passages("本サイトの記事の無断転載") == passages("「本サイトの記事の、無断転載」") != set()
    assert passages("本サイトの記事") == set()  # 7 characters say what 21 letters do


def test_lines_of_passages() -> None:
    text = f"{NOTICE}\n\n{WRAPPED}\nshort\n```\n{NOTICE}\n```\n\n{NOTICE}"
    assert [(start, stop) for _, start, stop in passages_of(text)] == [(0, 1), (2, 6), (10, 11)]
    assert passages_of("") == []
    assert drop_lines(text, np.empty(0, np.uint64)) == (text, 0)


def test_planted_lines_are_found_whatever_the_order_and_the_partitions(tmp_path: Path) -> None:
    corpus = measured(tmp_path / "a", PlantedText(600, per_split=100))
    path = find_repeated_lines(corpus, tmp_path / "a", compute_here, 4)
    other = measured(tmp_path / "b", PlantedText(600, per_split=70, backwards=True))
    for rows in (4_000_000, 1_000):
        found = find_repeated_lines(other, tmp_path / "b", compute_here, 4, rows_per_partition=rows)
        assert (found.name, found.read_bytes()) == (path.name, path.read_bytes())
    listed = np.load(path)
    assert np.array_equal(listed, np.unique(listed))
    assert set(listed.tolist()) == {passage for number in range(0, 60, 5) for passage, _, _ in passages_of(boilerplate_line(number))}
    step = drop_repeated_lines(path)
    for number in range(40):
        record = step(Document("k", Origin("x"), text_of(number), {DOMAIN.name: "prose"}))
        assert isinstance(record, Document)
        has_line = base_of(number) % 5 == 0
        assert record.facts[NUM_REPEATED_LINES.name] == has_line
        assert record.text == (text_of(number).rpartition("\n\n")[0] if has_line else text_of(number))


def test_a_text_without_the_list_is_the_same_object(tmp_path: Path) -> None:
    np.save(tmp_path / "lines-0.npy", np.array([1], np.uint64))
    step = DropRepeatedLines(str(tmp_path / "lines-0.npy"), "0")
    record = Document("k", Origin("x"), prose(1), {DOMAIN.name: "prose"})
    found = step(record)
    assert not isinstance(found, Reject)
    assert found.text is record.text


def test_hostile_lines_cost_no_more(tmp_path: Path) -> None:
    for text in ("```" * 200_000, "~~~\n" * 100_000, "\n" * 500_000, "a" * 1_000_000, "ａ１_" * 200_000, "    \n" * 100_000):
        assert len(passages_of(text)) <= 1


def test_errors_say_what_is_wrong(tmp_path: Path) -> None:
    build(Recipe("plain", Texts(("a b",)), (each(Normalise()),)), tmp_path, Execution(workers=0))
    with pytest.raises(ValueError, match=r"has no fact domain\.name; the stage before must measure it, by DetectDomain"):
        find_repeated_lines(Corpus(tmp_path / "plain"), tmp_path, compute_here)
    with pytest.raises(ValueError, match="in at most 0 documents, expected 1 or more"):
        find_repeated_lines(Corpus(tmp_path / "plain"), tmp_path, compute_here, 0)
    assert list(tmp_path.glob(".tmp-*")) == []


@pytest.mark.cluster
@pytest.mark.slow  # the same graph on Ray as near duplicates
def test_ray_gives_the_same_bytes(tmp_path: Path) -> None:
    from pipelines import cluster

    corpus = measured(tmp_path, PlantedText(1_000, per_split=100))
    expected = find_repeated_lines(corpus, tmp_path, compute_here, 4)
    out = tmp_path / "ray"
    out.mkdir()
    compute = partial(cluster.compute, workers=2, address=None, note=lambda _: None)
    found = find_repeated_lines(corpus, out, compute, 4, rows_per_partition=2_000)
    assert hashes(out) == {found.name: hashes(tmp_path)[expected.name]}
