"""Near-duplicate texts: what goes, what stays, whatever the order, the files and the workers."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest

from pipelines import near_text
from pipelines.build import Execution, build
from pipelines.corpus_source import open_corpus
from pipelines.dedup import drop_listed, find_duplicates, find_row, write_list
from pipelines.graph import compute_here
from pipelines.near_text import drop_near_text, find_near_texts, thin
from pipelines.partitions import Part, parts_of, workspace
from pipelines.recipe import Recipe
from pipelines.step import each
from pipelines.verify import verify
from processors.text.minhash import MINHASH, MinHash, band_hashes, decode, estimate_similarity
from processors.text.normalise import DIGEST, Normalise
from schemas.corpus import Corpus, read_batches
from schemas.records import Document, Origin
from tests.planted_text import PlantedText, Texts, base_of, key_of, kind_of
from tests.toy import hashes

ROOT = Path(__file__).parents[2]


def measured(out: Path, source: Texts | PlantedText, **fields: int) -> Corpus:
    """A corpus of one stage, with the facts that a search needs."""
    build(Recipe("measured", source, (each(Normalise()), each(MinHash(**fields)))), out, Execution(workers=0))
    return Corpus(out / "measured")


def listed(path: Path) -> dict[str, tuple[str, float]]:
    rows = [row for batch in read_batches(path) for row in batch.to_pylist()]
    assert [row["key"] for row in rows] == sorted({row["key"] for row in rows})
    return {row["key"]: (row["kept"], row["similarity"]) for row in rows}


def words(rng: random.Random, count: int) -> list[str]:
    return [f"w{rng.randrange(5_000)}" for _ in range(count)]


def edited(rng: random.Random, given: list[str], edits: int) -> list[str]:
    """Words replaced, left out and put in."""
    found = [*given]
    for _ in range(edits):
        place = rng.randrange(len(found))
        found[place : place + rng.choice([0, 1, 1])] = words(rng, rng.choice([0, 1]))
    return found


def clusters(seed: int, count: int = 40) -> tuple[str, ...]:
    """Texts in groups: copies, edited copies, and chains in which each is an edited copy of the last."""
    rng = random.Random(seed)
    texts: list[list[str]] = []
    for number in range(count):
        group = [words(rng, rng.randrange(40, 200))]
        for _ in range(rng.choice([0, 0, 1, 3, 8])):
            group.append(edited(rng, group[-1] if number % 2 else group[0], rng.randrange(0, 5)))
        texts += group
    rng.shuffle(texts)
    return tuple(map(" ".join, texts))


def test_what_goes_has_a_near_copy_that_stays_and_what_stays_has_none(tmp_path: Path) -> None:
    corpus = measured(tmp_path, Texts(clusters(1)))
    found = listed(find_near_texts(corpus, tmp_path, compute_here, 0.75))
    documents = {record.key: record for record in corpus.records()}
    keys = [*documents]
    samples, rows = decode([str(documents[key].facts[MINHASH.name]) for key in keys])
    at = {key: place for place, key in enumerate(keys)}
    rank = {key: (-len(one.text.encode()), one.facts[DIGEST.name], key) for key, one in documents.items()}
    for key, (kept, similarity) in found.items():
        assert kept not in found
        assert rank[kept] < rank[key]
        assert similarity == estimate_similarity(samples[at[key]], samples[at[kept]]) >= 0.75
    stays = [key for key in keys if key not in found]
    bands = band_hashes(samples, rows)
    for number, one in enumerate(stays):
        for other in stays[:number]:
            if (bands[at[one]] == bands[at[other]]).any():
                assert estimate_similarity(samples[at[one]], samples[at[other]]) < 0.75
    assert 50 < len(found) < len(keys) - 40


def test_neither_order_nor_shards_nor_partitions_matter(tmp_path: Path) -> None:
    texts = clusters(3)
    expected = find_near_texts(measured(tmp_path / "a", Texts(texts)), tmp_path / "a", compute_here)
    assert len(listed(expected)) > 50
    other = [*texts]
    random.Random(0).shuffle(other)
    corpus = measured(tmp_path / "b", Texts(tuple(other), per_split=7))
    for rows in (4_000_000, 500, 60):
        found = find_near_texts(corpus, tmp_path / "b", compute_here, rows_per_partition=rows)
        assert (found.name, found.read_bytes()) == (expected.name, expected.read_bytes())


def test_parts_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = measured(tmp_path, Texts(clusters(4), per_split=5))
    expected = find_near_texts(corpus, tmp_path, compute_here)
    few = partial(parts_of, documents_per_part=20)
    monkeypatch.setattr(near_text, "parts_of", few)
    assert len(few(corpus)) > 5
    assert find_near_texts(corpus, tmp_path, compute_here, rows_per_partition=100) == expected


def test_the_longest_stays_and_then_the_smallest_digest_and_key(tmp_path: Path) -> None:
    text = " ".join(words(random.Random(0), 100))
    texts = (text, f"{text} more words here", text, text.upper())
    corpus = measured(tmp_path, Texts(texts))
    keys = {record.origin.locator: record.key for record in corpus.records()}
    found = listed(find_near_texts(corpus, tmp_path, compute_here))
    assert {kept for kept, _ in found.values()} == {keys["text 1"]}
    assert len(found) == 3
    corpus = measured(tmp_path / "same", Texts((text, text.upper(), text)))
    found = listed(find_near_texts(corpus, tmp_path / "same", compute_here))
    assert {kept for kept, _ in found.values()} == {min(record.key for record in corpus.records())}
    assert [similarity for _, similarity in found.values()] == [1.0, 1.0]


def test_a_chain_does_not_fall_as_a_whole(tmp_path: Path) -> None:
    rng = random.Random(5)
    line = words(rng, 700)
    texts = tuple(" ".join(line[start : start + 100]) for start in range(0, 600, 6))  # neighbours share 94 words of 106
    corpus = measured(tmp_path, Texts(texts))
    found = listed(find_near_texts(corpus, tmp_path, compute_here))
    stays = sorted(int(record.origin.locator.split()[1]) for record in corpus.records() if record.key not in found)
    assert 20 < len(stays) < 60
    assert max(np.diff(stays)) <= 8


def test_a_crowd_is_compared_with_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(6)
    page = words(rng, 150)
    texts = [" ".join([*page[:150], f"number{number}"]) for number in range(1_500)] + [" ".join([*page, "the", "longest", "of", "all"])]
    compared = 0
    honest = near_text.estimate_similarity

    def counting(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        nonlocal compared
        compared += np.broadcast(one[..., 0], other[..., 0]).size
        return honest(one, other)

    monkeypatch.setattr(near_text, "estimate_similarity", counting)
    corpus = measured(tmp_path, Texts(tuple(texts)))
    found = listed(find_near_texts(corpus, tmp_path, compute_here))
    (kept,) = {kept for kept, _ in found.values()}
    assert len(found) == 1_500
    assert next(record.text for record in corpus.records() if record.key == kept).endswith("the longest of all")
    assert compared <= 15 * 1_501  # one in each band, and once more at the end


def test_thinning_takes_the_best_first() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 2**16, (2, 112), dtype=np.uint16)
    near_both = np.where(np.arange(112) < 56, first, second)
    near_second = np.where(np.arange(112) < 12, first, second)
    assert list(thin(np.stack([first, second, near_both, near_second]), 0.8)) == [(3, 1, 100 / 112)]
    assert list(thin(np.stack([first, second, near_both, near_second]), 0.5)) == [(2, 0, 0.5), (3, 1, 100 / 112)]
    many = np.concatenate([rng.integers(0, 2**16, (200, 112), dtype=np.uint16), near_second[None], second[None]])
    assert [lost for lost, _, _ in thin(many, 0.8)] == [201]  # beyond the best that all are compared with


def test_a_pair_is_refused_with_the_one_that_stays_and_how_similar_it_is(tmp_path: Path) -> None:
    corpus = measured(tmp_path, PlantedText(200, per_split=50))
    near = find_near_texts(corpus, tmp_path, compute_here)
    found = listed(near)
    result = build(Recipe("kept", open_corpus(corpus.path), (each(drop_near_text(near)),)), tmp_path, Execution(workers=0))
    rejects = {row["key"]: row for row in Corpus(result.path).rejects()}
    assert {key: row["detail"] for key, row in rejects.items()} == {
        key: f"similarity {similarity:.2f} to {kept}, which stays" for key, (kept, similarity) in found.items()
    }
    assert {row["reason"] for row in rejects.values()} == {"near_duplicate"}
    assert verify(result.path).problems == []
    planted = {frozenset((key_of(number), key_of(base_of(number)))) for number in range(200) if kind_of(number) != "new"}
    pairs = {frozenset((key, kept)) for key, (kept, _) in found.items()}
    assert pairs <= planted
    assert len(pairs) >= len(planted) - 1
    step = drop_near_text(near)
    assert step.listed == near.stem.split("-")[1]
    record = Document("not listed", Origin("x"), "text")
    assert step(record) is record


def test_exact_duplicates_found_before_are_taken_as_gone(tmp_path: Path) -> None:
    text = " ".join(words(random.Random(1), 80))
    longer = f"{text} and then some"
    corpus = measured(tmp_path, Texts((text, text, longer, longer)))
    exact = find_duplicates(corpus, DIGEST, tmp_path)
    near = find_near_texts(corpus, tmp_path, compute_here, without=exact)
    assert len(listed(near)) == 1
    result = build(
        Recipe("kept", open_corpus(corpus.path), (each(drop_listed(exact)), each(drop_near_text(near)))), tmp_path, Execution(workers=0)
    )
    assert [record.text for record in Corpus(result.path).records()] == [longer]
    assert result.totals["rejects"] == {"duplicate": 2, "near_duplicate": 1}


def test_exact_duplicates_do_not_depend_on_order_or_partitions(tmp_path: Path) -> None:
    corpus = measured(tmp_path / "a", PlantedText(400, per_split=50))
    expected = find_duplicates(corpus, DIGEST, tmp_path / "a")
    rows = [row for batch in read_batches(expected) for row in batch.to_pylist()]
    pairs = [sorted((key_of(number), key_of(base_of(number)))) for number in range(400) if kind_of(number) == "exact"]
    assert rows == [{"key": key, "kept": kept} for key, kept in sorted((high, low) for low, high in pairs)]
    other = measured(tmp_path / "b", PlantedText(400, per_split=30, backwards=True))
    found = find_duplicates(other, DIGEST, tmp_path / "b", rows_per_partition=20)
    assert (found.name, found.read_bytes()) == (expected.name, expected.read_bytes())


def test_corpora_with_nothing_to_find(tmp_path: Path) -> None:
    for name, texts in {
        "none": ("  ",),
        "one": ("a b c",),
        "no words": ("!!!", "!!!", "..."),
        "apart": ("a b c d e f", "g h i j k l"),
    }.items():
        corpus = measured(tmp_path / name, Texts(texts))
        assert listed(find_near_texts(corpus, tmp_path / name, compute_here)) == {}
    assert [part.num_rows for part in parts_of(Corpus(tmp_path / "none" / "measured"))] == [0]


def test_errors_say_what_is_wrong(tmp_path: Path) -> None:
    build(Recipe("plain", Texts(("a b",)), (each(Normalise()),)), tmp_path, Execution(workers=0))
    with pytest.raises(ValueError, match=r"has no fact text\.minhash; the stage before must measure it"):
        find_near_texts(Corpus(tmp_path / "plain"), tmp_path, compute_here)
    for similarity in (0.0, 1.5):
        with pytest.raises(ValueError, match="expected more than 0 and at most 1"):
            find_near_texts(Corpus(tmp_path / "plain"), tmp_path, compute_here, similarity)


def test_the_workspace_is_removed_and_so_are_those_of_the_dead(tmp_path: Path) -> None:
    corpus = measured(tmp_path, Texts(clusters(7, 5)))
    dead = tmp_path / ".tmp-0123-near_text-measured"
    dead.mkdir()
    (dead / "bands-0.npy").write_bytes(b"x")
    with workspace(tmp_path, "near_text-measured") as alive:
        assert not dead.exists()
        find_near_texts(corpus, tmp_path, compute_here)
        assert [path for path in tmp_path.glob(".tmp-*")] == [alive]
    assert list(tmp_path.glob(".tmp-*")) == []
    with pytest.raises(RuntimeError), workspace(tmp_path, "x") as folder:
        raise RuntimeError
    assert not folder.exists()


def test_rows_of_a_long_list_are_found(tmp_path: Path) -> None:
    keys = [f"{number:05d}" for number in range(0, 20_000, 2)]
    path = write_list(pa.table({"key": keys[::-1], "kept": [f"kept {key}" for key in keys[::-1]]}), tmp_path)
    assert len(list(read_batches(path))) == 3
    assert [find_row(str(path), key) for key in keys] == [{"key": key, "kept": f"kept {key}"} for key in keys]
    assert [find_row(str(path), key) for key in ("", "00001", "08191", "08193", "19999", "2")] == [None] * 6


def test_parts_are_neighbouring_shards(tmp_path: Path) -> None:
    corpus = measured(tmp_path, Texts(clusters(8, 20), per_split=10))
    total = corpus.totals()["num_out"]
    parts = parts_of(corpus, 25)
    assert [part.first for part in parts] == [0, *np.cumsum([part.num_rows for part in parts])[:-1].tolist()]
    assert sum(part.num_rows for part in parts) == total
    assert all(len(part.shards) == 2 for part in parts[:-1])
    assert [name for part in parts for name in part.shards] == [entry.shard.name for entry in corpus.ledger()]
    assert [type(part) for part in parts_of(corpus, 1)] == [Part] * len(corpus.ledger())


# ---- on Ray, and killed


@pytest.mark.cluster
@pytest.mark.usefixtures("one_ray")
@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_ray_gives_the_same_bytes(tmp_path: Path, workers: int) -> None:
    from pipelines import cluster

    corpus = measured(tmp_path, PlantedText(3_000, per_split=100))
    expected = find_near_texts(corpus, tmp_path, compute_here)
    out = tmp_path / "ray"
    out.mkdir()
    with cluster.session(workers, 0, None, lambda _: None):  # for all of the search, which computes several graphs
        compute = partial(cluster.compute, workers=workers, address=None, note=lambda _: None)
        found = find_near_texts(corpus, out, compute, rows_per_partition=400)
    assert hashes(out) == {found.name: hashes(tmp_path)[expected.name]}


SEARCH = """
import contextlib, sys
from functools import partial
from pathlib import Path
from pipelines.graph import compute_here
from pipelines.near_text import find_near_texts
from schemas.corpus import Corpus
corpus, out, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
session, compute = contextlib.nullcontext(), compute_here
if workers:
    from pipelines import cluster
    session = cluster.session(workers, 0, None, lambda _: None)
    compute = partial(cluster.compute, workers=workers, address=None, note=lambda _: None)
with session:
    find_near_texts(Corpus(corpus), out, compute, rows_per_partition=2_000)
"""


@pytest.mark.crash
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=[pytest.mark.cluster, pytest.mark.slow])])
def test_a_killed_search_leaves_nothing_that_counts(tmp_path: Path, workers: int) -> None:
    corpus = measured(tmp_path, PlantedText(20_000, per_split=1_000))
    expected = find_near_texts(corpus, tmp_path, compute_here)
    out = tmp_path / "out"
    out.mkdir()
    killed = 0
    for number in range(2 if workers else 4):
        process = subprocess.Popen([sys.executable, "-c", SEARCH, str(corpus.path), str(out), str(workers)], cwd=ROOT)
        while not list(out.glob(".tmp-*/bands-*.npy")) and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.15 * number)
        killed += process.poll() is None
        for member in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else ():
            if number % 2:  # else they outlive the driver for a while
                member.send_signal(signal.SIGKILL)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert verify(corpus.path).problems == []
    assert killed
    done = subprocess.run(
        [sys.executable, "-c", SEARCH, str(corpus.path), str(out), str(workers)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert hashes(out) == {expected.name: hashes(tmp_path)[expected.name]}
