"""Near-duplicates of real articles: the labelled pairs, and copies that were edited as people edit."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from pipelines.build import Execution, build
from pipelines.graph import compute_here
from pipelines.near_text import find_near_texts
from pipelines.recipe import Recipe
from pipelines.step import each
from processors.text.minhash import MinHash, chance_of_meeting
from processors.text.normalise import Normalise
from processors.text.words import normal_words
from schemas.corpus import Corpus, read_batches
from tests.planted_text import Texts

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def articles(realdata: Path) -> dict[str, str]:
    lines = (realdata / "10_web_text/near_dup/articles_100.train").read_text().splitlines()
    return {name: text for name, _, text in (line.partition(" ") for line in lines)}


@pytest.fixture(scope="module")
def pairs(realdata: Path) -> set[frozenset[str]]:
    return {frozenset(line.split()) for line in (realdata / "10_web_text/near_dup/articles_100.truth").read_text().splitlines()}


def found_pairs(out: Path, texts: dict[str, str], similarity: float = 0.75) -> set[frozenset[str]]:
    """Pairs of names (the one that goes, the one that stays)."""
    build(Recipe("measured", Texts(tuple(texts.values())), (each(Normalise()), each(MinHash()))), out, Execution(workers=0))
    corpus = Corpus(out / "measured")
    names = [*texts]
    name_of = {record.key: names[int(record.origin.locator.split()[1])] for record in corpus.records()}
    rows = [row for batch in read_batches(find_near_texts(corpus, out, compute_here, similarity)) for row in batch.to_pylist()]
    return {frozenset((name_of[row["key"]], name_of[row["kept"]])) for row in rows}


def runs(text: str) -> set[tuple[str, ...]]:
    words = normal_words(text)
    return set(zip(*(words[start:] for start in range(5)), strict=False))


def similarity_of(one: str, other: str) -> float:
    return len(runs(one) & runs(other)) / len(runs(one) | runs(other))


def test_the_labelled_pairs_and_no_others(tmp_path: Path, articles: dict[str, str], pairs: set[frozenset[str]]) -> None:
    assert found_pairs(tmp_path, articles) == pairs


def typos(rng: random.Random, text: str) -> str:
    """Four words with a letter twice."""
    words = text.split(" ")
    for place in rng.sample(range(len(words)), 4):
        word = words[place] or "x"
        at = rng.randrange(len(word))
        words[place] = word[: at + 1] + word[at:]
    return " ".join(words)


def cut(rng: random.Random, text: str) -> str:
    """The first nine tenths."""
    return text[: len(text) * 9 // 10]


def reordered(rng: random.Random, text: str) -> str:
    """The halves change places, between sentences."""
    sentences = re.split(r"(?<=[.!?]) ", text)
    middle = len(sentences) // 2
    return " ".join([*sentences[middle:], *sentences[:middle]])


def framed(rng: random.Random, text: str) -> str:
    """With a head and a foot, in other case and punctuation."""
    return f"News of the day - all rights reserved\n\n{text.upper().replace(',', ' -')}\n\nShare this article with your friends"


@pytest.mark.parametrize("edit", [typos, cut, reordered, framed])
def test_edited_copies_are_found(tmp_path: Path, articles: dict[str, str], pairs: set[frozenset[str]], edit: object) -> None:
    rng = random.Random(0)
    copies = {f"{name}'": edit(rng, text) for name, text in articles.items()}  # type: ignore[operator]
    similar = {name: similarity_of(articles[name], copies[f"{name}'"]) for name in articles}
    found = found_pairs(tmp_path, articles | copies)
    groups = [{*pair, *(f"{name}'" for name in pair)} for pair in pairs]
    false = [pair for pair in found if len({name.rstrip("'") for name in pair}) > 1 and not any(pair <= group for group in groups)]
    assert false == []
    lost = {name for pair in found for name in pair}
    clear = [name for name, similarity in similar.items() if similarity >= 0.85]
    print(f"{edit.__name__}: {sum(name in lost for name in clear)} of {len(clear)} copies of similarity 0.85 or more found")  # type: ignore[attr-defined]
    assert len(clear) > 50
    assert sum(name in lost for name in clear) >= 0.97 * len(clear)


def test_recall_and_false_pairs_follow_the_curve(tmp_path: Path, articles: dict[str, str], pairs: set[frozenset[str]]) -> None:
    """Copies in which words of the real articles are replaced until an exact similarity is reached."""
    rng = random.Random(1)
    articles = {name: text for name, text in articles.items() if not any(name in pair for pair in pairs)}
    made: dict[float, dict[str, str]] = {wanted: {} for wanted in (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)}
    for name, text in articles.items():
        for wanted, copies in made.items():
            words = text.split()
            while similarity_of(text, " ".join(words)) > wanted:
                words[rng.randrange(len(words))] = f"other{rng.randrange(10**6)}"
            copies[name] = " ".join(words)
    shares: dict[float, float] = {}
    for wanted, copies in made.items():
        found = found_pairs(tmp_path / str(wanted), articles | {f"{name}'": text for name, text in copies.items()})
        own = {frozenset((name, f"{name}'")) for name in articles}
        assert found <= own
        shares[wanted] = len(found) / len(own)
    print("found  " + "  ".join(f"{wanted}: {share:.2f} (curve {chance_of_meeting(wanted):.2f})" for wanted, share in shares.items()))
    assert shares[0.5] == shares[0.6] == 0.0
    assert shares[0.7] <= 0.2
    assert shares[0.8] >= 0.6
    assert shares[0.85] >= 0.9
    assert shares[0.9] >= 0.97
    assert shares[0.95] >= 0.99
