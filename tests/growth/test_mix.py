"""Mixtures: exact proportions, the same rows whoever mixes, and every row of every corpus in the mixture or counted."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines.build import build
from pipelines.corpus_source import open_corpus
from pipelines.graph import compute_here
from pipelines.growth.mix_command import mix_command
from pipelines.growth.mix_file import read_mix_file
from pipelines.growth.mixture import NOT_SAMPLED, TOKENS, Asked, MixtureError, as_rows, mix, mixture_recipe
from pipelines.growth.shares import apportion, find_cut, most, place_in_order
from pipelines.inspection.lineage import lineage_of
from pipelines.verify import verify
from processors.contract import NUM_TOKENS
from schemas.corpus import Corpus
from schemas.identity import digest
from tests.growth.sources import KEEP, UPDATE, command_of, texts, write
from tests.toy import hashes, toy_recipe


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three corpora of texts with 60, 25 and 7 rows."""
    folder = tmp_path_factory.mktemp("mixed")
    for name, count, word in (("long", 60, "a row with more words than others has the number"), ("short", 25, "row"), ("few", 7, "line")):
        write(folder / name / "rows.jsonl", range(count), word)
        build(texts(folder / name, name=name), folder / "corpora", KEEP)
    return {name: folder / "corpora" / name for name in ("long", "short", "few")}


def asked(corpora: dict[str, Path], **told: tuple[str, int]) -> list[Asked]:
    return [Asked(name, open_corpus(corpora[name]), Fraction(share), epochs) for name, (share, epochs) in told.items()]


def mixed(corpora: dict[str, Path], out: Path, wanted: list[Asked], **told: Any) -> Path:
    """Builds a mixture, and checks what holds of every mixture."""
    mixture = mix(wanted, **told)
    path = build(mixture_recipe("mixed", mixture), out, KEEP).path
    assert verify(path).problems == []
    rows = list(Corpus(path).records())
    parents = Counter(
        (number, record.parents[0]) for record in rows for number in range(len(wanted)) if comes_from(record.key, number, record.parents[0])
    )
    refused = {row["key"] for row in Corpus(path).rejects()}
    for number, (one, taken, told_row) in enumerate(zip(wanted, mixture.taken, as_rows(mixture), strict=True)):
        keys = [record.key for record in Corpus(Path(one.corpus.root)).records()]
        counts = [parents[number, key] for key in keys]
        assert sum(counts) == taken.num_rows == told_row["rows"]
        assert max(counts) - min(counts) <= 1
        assert max(counts) <= one.epochs
        assert [digest(str(number), key) in refused for key in keys] == [count == 0 for count in counts]  # in the mixture, or counted
        assert counts.count(0) == taken.num_left_out
    assert len(rows) == sum(taken.num_rows for taken in mixture.taken)
    return path


def comes_from(key: str, number: int, parent: str) -> bool:
    return key.split("/")[0] == digest(str(number), parent)


def test_rows_in_exact_proportion(corpora: dict[str, Path], tmp_path: Path) -> None:
    path = mixed(corpora, tmp_path, asked(corpora, long=("0.5", 1), short=("0.3", 1), few=("0.2", 1)), size=31)
    totals: Any = Corpus(path).totals()
    assert (totals["num_out"], totals["rejects"]) == (31, {NOT_SAMPLED.name: 61})
    by_corpus = Counter(str(entry.split["path"]).split()[-1] for entry in Corpus(path).ledger() for _ in range(entry.shard.num_rows))
    assert by_corpus == {"long": 16, "short": 9, "few": 6}  # 15.5, 9.3, 6.2
    fewer = mixed(corpora, tmp_path / "fewer", asked(corpora, long=("0.5", 1), short=("0.3", 1), few=("0.2", 1)), size=20)
    assert {record.key for record in Corpus(fewer).records()} < {record.key for record in Corpus(path).records()}


def test_small_corpora_are_repeated_and_their_rows_have_keys_of_their_own(corpora: dict[str, Path], tmp_path: Path) -> None:
    path = mixed(corpora, tmp_path, asked(corpora, long=("1", 1), few=("1", 3)), size=36)
    keys = [record.key for record in Corpus(path).records()]
    assert Counter(key.partition("/")[2] for key in keys if "/" in key) == {"1": 7, "2": 4}
    assert len(set(keys)) == 36


def test_without_a_size_as_much_is_taken_as_the_shares_leave(corpora: dict[str, Path], tmp_path: Path) -> None:
    mixture = mix(asked(corpora, long=("2", 1), short=("1", 1)))
    assert [taken.num_rows for taken in mixture.taken] == [50, 25]
    with pytest.raises(MixtureError, match=r"few: 20 rows are asked for, and 2 times what it has are 14; take a size of at most 28"):
        mix(asked(corpora, long=("1", 1), few=("1", 2)), size=40)


def test_tokens_in_exact_proportion(corpora: dict[str, Path], tmp_path: Path) -> None:
    wanted = asked(corpora, long=("0.25", 1), short=("0.75", 3))
    path = mixed(corpora, tmp_path, wanted, by=TOKENS, size=700)
    told = as_rows(mix(wanted, TOKENS, 700))
    assert [row["asked"] for row in told] == [175, 525]
    assert all(row["asked"] - 30 < row["tokens"] <= row["asked"] for row in told)  # a row has fewer than 30 tokens
    assert sum(row["tokens"] for row in told) == Corpus(path).totals()["sums"][NUM_TOKENS.name]  # type: ignore[index]


def test_what_is_mixed_depends_on_nothing_but_content_and_seed(corpora: dict[str, Path], tmp_path: Path) -> None:
    wanted = asked(corpora, long=("1", 1), short=("1", 2))
    first = mixed(corpora, tmp_path / "first", wanted, size=40)
    again = mixed(corpora, tmp_path / "again", wanted, size=40)
    assert hashes(first) == hashes(again)
    other = mixed(corpora, tmp_path / "other", wanted, size=40, seed=1)
    assert {record.parents for record in Corpus(first).records()} != {record.parents for record in Corpus(other).records()}


def test_a_mixture_is_updated_and_rows_lead_to_where_they_come_from(corpora: dict[str, Path]) -> None:
    out = corpora["long"].parent
    mixed(corpora, out, asked(corpora, long=("1", 1), few=("1", 2)), size=20)
    build(mixture_recipe("mixed", mix(asked(corpora, long=("1", 1), few=("1", 2)), size=24)), out, UPDATE)
    record = next(record for record in Corpus(out / "mixed").records() if "/" in record.key)
    found = lineage_of(out / "mixed", record.key)
    assert found is not None
    assert [(above.corpus, above.key) for above in found.ancestors] == [("few", record.parents[0])]


def test_corpora_that_cannot_be_mixed(corpora: dict[str, Path], tmp_path: Path) -> None:
    other = open_corpus(build(toy_recipe(), tmp_path, KEEP).path)
    first = asked(corpora, long=("1", 1))[0]
    with pytest.raises(MixtureError, match=r"other has no count of tokens \(contract.num_tokens\)"):
        mix([first, Asked("other", other, Fraction(1))], TOKENS)
    with pytest.raises(MixtureError, match="other holds preference records and long document records; mix one kind"):
        mix([first, Asked("other", replace(other, kind="preference"), Fraction(1))])
    changed = tuple(replace(fact, type=str) if fact is NUM_TOKENS or fact.name == NUM_TOKENS.name else fact for fact in first.corpus.facts)
    with pytest.raises(MixtureError, match=r"fact contract\.num_tokens is str in other and int in another corpus"):
        mix([first, Asked("other", replace(other, facts=changed), Fraction(1))])
    both = mix([first, Asked("other", other, Fraction(1))], size=10)  # facts of one alone are empty in the other's rows
    assert verify(build(mixture_recipe("both", both), tmp_path, KEEP).path).problems == []


# ---- numbers

SHARES = st.lists(st.fractions(min_value=Fraction(1, 50), max_value=50), min_size=1, max_size=6)


@settings(max_examples=40)
@given(st.integers(0, 10_000), SHARES)
def test_parts_add_up_and_are_within_one_of_exact(num: int, shares: list[Fraction]) -> None:
    found = apportion(num, shares)
    assert sum(found) == num
    assert all(abs(part - num * share / sum(shares)) < 1 for part, share in zip(found, shares, strict=True))


@settings(max_examples=40)
@given(SHARES, st.data())
def test_no_larger_number_is_sure_to_fit(shares: list[Fraction], data: st.DataObject) -> None:
    bounds = [data.draw(st.integers(1, 500)) for _ in shares]
    num = most(shares, bounds)
    assert all(part <= bound for part, bound in zip(apportion(num, shares), bounds, strict=True))
    assert any((num + 1) * share / sum(shares) > bound for share, bound in zip(shares, bounds, strict=True))


@pytest.mark.parametrize("by_tokens", [False, True])
def test_a_cut_is_that_of_all_rows_in_order(corpora: dict[str, Path], by_tokens: bool) -> None:
    corpus = Corpus(corpora["long"])
    ordered = sorted((place_in_order(record.key, 3), int(record.facts[NUM_TOKENS.name]) if by_tokens else 1) for record in corpus.records())
    total = sum(count for _, count in ordered)
    for amount in range(0, total, 37 if by_tokens else 7):
        cut = find_cut(corpus, amount, by_tokens, 3, compute_here)
        before = [count for place, count in ordered if place < cut.bound]
        assert (cut.num_rows, cut.num_tokens if by_tokens else cut.num_rows) == (len(before), sum(before))
        assert sum(before) <= amount < sum(before) + ordered[len(before)][1]


# ---- the command


def test_the_command_mixes_what_its_file_says(corpora: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "mix.toml"
    parts = "".join(
        f'[corpora.{name}]\npath = "{corpora[name]}"\nshare = {share}\nepochs = 2\n' for name, share in (("long", 0.1), ("few", 0.2))
    )
    file.write_text(f'name = "mixed"\nsize = 12\n{parts}[execution]\nworkers = 0\n')
    done = CliRunner().invoke(command_of(mix_command), [str(file), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [(row["corpus"], row["rows"], row["left_out"]) for row in told["corpora"]] == [("long", 4, 56), ("few", 8, 0)]
    assert Corpus(Path(told["path"])).totals()["num_out"] == 12
    tried = CliRunner().invoke(command_of(mix_command), [str(file), "--dry-run", "--out", str(tmp_path / "elsewhere")])
    assert (tried.exit_code, (tmp_path / "elsewhere").exists()) == (0, False)
    file.write_text(file.read_text().replace("12", "13"))
    refused = CliRunner().invoke(command_of(mix_command), [str(file)])
    assert (refused.exit_code, "was begun with another recipe" in refused.output) == (1, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sise = 3", "'sise' is unknown"),
        ("size = 3", "names no corpus"),
        ('[corpora.a]\nshare = 1', "has no path"),
        ('[corpora.a]\npath = "x"\nshare = 0', "expected a share above 0"),
        ('name = "../up"\n[corpora.a]\npath = "x"\nshare = 1', "it becomes a folder"),
        ('[corpora.a]\npath = "x"\nshare = 1', "has no corpus.json"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mix.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_mix_file(file)


@pytest.mark.cluster
@pytest.mark.usefixtures("one_ray")
def test_workers_change_no_byte(corpora: dict[str, Path], tmp_path: Path) -> None:
    from functools import partial

    from pipelines import cluster

    wanted = asked(corpora, long=("1", 1), short=("2", 2))
    here = build(mixture_recipe("mixed", mix(wanted, size=60)), tmp_path / "here", KEEP)
    there = mixture_recipe("mixed", mix(wanted, size=60, compute=partial(cluster.compute, workers=2, address=None, note=lambda _: None)))
    assert hashes(build(there, tmp_path / "there", replace(KEEP, workers=2)).path) == hashes(here.path)
