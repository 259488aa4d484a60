"""Requeueing: after a fix the corpus is, file by file, the one that a fresh build makes; and what cannot be so is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines import requeue as command
from pipelines.__main__ import app as main
from pipelines.build import BuildError, Execution, build, build_stages
from pipelines.feed import LocalCaller
from pipelines.recipe import Recipe
from pipelines.requeue_journal import Journal, Selection, begin_requeue, read_journal, set_aside
from pipelines.requeue_replay import count_steps, depths, root_of
from pipelines.requeue_stages import Outcome, RequeueError, preview_stages, requeue, requeue_stages
from pipelines.run import SOURCE, run_split
from pipelines.step import each, expand
from pipelines.verify import verify
from processors.tasks.preference import KeepPair
from schemas.arrow import from_batch, schema_for
from schemas.check import check_files
from schemas.corpus import Corpus, read_batches
from schemas.outcome import FAULT, REJECT
from schemas.parts import Audio
from schemas.records import Conversation, Origin, Turn
from schemas.replies import Replies
from schemas.shard import MAX_BATCH_BYTES, RecordWriter
from tests.requeued import FAULTY, FINE, REJECTED, Continue, Judge, lines, pairs, plain, rows_of, staged
from tests.toy import Numbers, Shout, Spell, hashes, toy_recipe

ALL = Selection()
BUGS: dict[str, Any] = {
    "judge": (("4", FAULTY), ("12", REJECTED), ("33", FAULTY)),
    "split": (("8", FAULTY), ("44", REJECTED)),
    "model": (("14/1", FAULTY), ("45/0", REJECTED)),
    "last": (("2/1", REJECTED),),
    "spell": (21,),
}


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power fails here, and most of the time of these builds would go there."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def inline(tmp_path: Path, **more: Any) -> Execution:
    return Execution(**{"workers": 0, "min_faults": 1_000, "replies": str(tmp_path / "replies"), **more})


def assert_as_fresh(tmp_path: Path, recipe: Recipe, execution: Execution, found: str = "there") -> None:
    build(recipe, tmp_path / "fresh", execution)
    assert hashes(tmp_path / found) == hashes(tmp_path / "fresh")
    assert check_files(Corpus(tmp_path / found / recipe.name)) == []


# ---- a corpus that was mended is the one that is built anew


def test_mended_steps_of_every_mode_give_what_a_fresh_build_gives(tmp_path: Path) -> None:
    execution = inline(tmp_path)
    broken = build(lines(**BUGS), tmp_path / "there", execution)
    assert (broken.totals["num_faults"], broken.totals["rejects"]["wrong"]) == (5, 15)
    outcome = requeue(lines(), tmp_path / "there", ALL, execution)
    assert outcome.result is not None
    assert outcome.result.totals["num_faults"] == 0
    assert (outcome.result.num_run, outcome.result.num_new, outcome.num_kept) == (29, 44, 134)
    assert sum(found.num_rows for found in outcome.found.values()) == 29
    assert outcome.changes == ["parameters.steps.0.processor.raises was [21], is now []"]
    assert not outcome.result.whole
    assert_as_fresh(tmp_path, lines(), execution)
    assert not (tmp_path / "there" / "lines" / "requeue").exists()


def test_only_what_is_chosen_is_replayed(tmp_path: Path) -> None:
    execution = inline(tmp_path)
    build(lines(judge=(("4", FAULTY), ("12", REJECTED), ("33", FAULTY))), tmp_path / "there", execution)
    faults = requeue(lines(judge=(("12", REJECTED),)), tmp_path / "there", Selection(failure=FAULT), execution)
    assert faults.result is not None
    assert (faults.result.num_run, len(faults.found)) == (2, 2)  # of the third split nothing was touched
    assert "planted" not in "".join(row["detail"] for row in Corpus(faults.path).rejects())
    wrong = requeue(lines(), tmp_path / "there", Selection(reasons=("wrong",), step="judge"), execution)
    assert wrong.result is not None
    assert wrong.result.num_run == 1
    assert_as_fresh(tmp_path, lines(), execution)


@pytest.mark.cluster
@pytest.mark.usefixtures("one_ray")
def test_workers_change_no_byte(tmp_path: Path) -> None:
    execution = inline(tmp_path)
    build(lines(**BUGS), tmp_path / "there", execution)
    outcome = requeue(lines(), tmp_path / "there", ALL, inline(tmp_path, workers=2))
    assert outcome.result is not None
    assert (outcome.result.workers, outcome.result.num_run) == (2, 29)
    assert_as_fresh(tmp_path, lines(), execution)


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.usefixtures("one_ray")
def test_a_crash_whose_cause_is_gone_is_replayed_and_one_that_stays_is_found_again(tmp_path: Path) -> None:
    def recipe(*kills: int) -> Recipe:
        return toy_recipe(count=30, kills=kills)

    pair = inline(tmp_path, workers=2)
    build(recipe(7, 22), tmp_path / "there", pair)
    outcome = requeue(recipe(22), tmp_path / "there", Selection(failure="crash"), pair)
    assert outcome.result is not None
    assert outcome.result.totals["rejects"] == {"crashed_worker": 1, "odd": 15}
    build(recipe(22), tmp_path / "fresh", pair)
    assert hashes(tmp_path / "there") == hashes(tmp_path / "fresh")


def test_a_step_that_gathers_has_its_splits_run_whole(tmp_path: Path) -> None:
    execution = inline(tmp_path)
    build(pairs(judge=(("4", FAULTY), ("15", REJECTED))), tmp_path / "there", execution)
    outcome = requeue(pairs(), tmp_path / "there", Selection(step="judge", reasons=("wrong", "processor_raised")), execution)
    assert outcome.result is not None
    assert outcome.result.whole == {"step pair makes its records from several at a time": 2}
    assert outcome.result.num_run == 20
    assert_as_fresh(tmp_path, pairs(), execution)


def test_replies_of_models_are_kept(tmp_path: Path) -> None:
    execution = inline(tmp_path)
    build(lines(last=(("2/0/0", REJECTED), ("2/1", REJECTED), ("2/2", FAULTY))), tmp_path / "there", execution)
    outcome = requeue(lines(), tmp_path / "there", Selection(step="split_again"), execution)
    assert outcome.result is not None
    assert outcome.result.num_run == 1
    assert (outcome.result.asked["continue"], outcome.result.known["continue"]) == (0, 3)
    assert_as_fresh(tmp_path, lines(), execution)


@dataclasses.dataclass(frozen=True, slots=True)
class Renamed(Numbers):
    """What it refuses has another key than what it gives, as of a file that could not be opened."""

    mended: bool = dataclasses.field(default=False, metadata={"fingerprint": False})

    def read(self, split: Any) -> Iterator[Any]:
        for item in Numbers(self.count, self.per_split, () if self.mended else self.broken).read(split):
            yield item if hasattr(item, "fields") else dataclasses.replace(item, key=f"{item.key}-refused")


def test_what_the_source_refused_is_read_again_under_its_own_key(tmp_path: Path) -> None:
    def recipe(mended: bool) -> Recipe:
        return Recipe("numbers", Renamed(20, 10, (3, 4), mended=mended), (each(Spell()), each(Judge())))

    execution = inline(tmp_path)
    build(recipe(False), tmp_path / "there", execution)
    outcome = requeue(recipe(True), tmp_path / "there", Selection(step=SOURCE), execution)
    assert outcome.result is not None
    assert (outcome.result.num_run, outcome.result.num_new) == (2, 2)
    assert_as_fresh(tmp_path, recipe(True), execution)


def test_rows_that_the_source_no_longer_gives_have_the_split_run_whole(tmp_path: Path) -> None:
    execution = inline(tmp_path)

    def recipe(mended: bool, **judge: Any) -> Recipe:
        return Recipe("numbers", Renamed(20, 10, (3, 4), mended=mended), (each(Spell()), each(Judge(**judge))))

    build(recipe(False, bugs=(("6", FAULTY),)), tmp_path / "there", execution)
    outcome = requeue(recipe(True), tmp_path / "there", Selection(failure=FAULT), execution)
    assert outcome.result is not None
    assert outcome.result.whole == {"the source gives rows that it did not give": 1}
    assert_as_fresh(tmp_path, recipe(True), execution)


def test_a_damaged_split_is_run_whole_instead_of_passed_on(tmp_path: Path) -> None:
    execution = inline(tmp_path)
    there = build(plain(judge=(("4", FAULTY),)), tmp_path / "there", execution)
    shard = next(there.path / entry.shard.name for entry in Corpus(there.path).ledger() if entry.split["start"] == 0)
    data = bytearray(shard.read_bytes())
    data[data.rindex(b"number 5")] ^= 1
    shard.write_bytes(data)
    outcome = requeue(plain(), tmp_path / "there", Selection(failure=FAULT), execution)
    assert outcome.result is not None
    assert outcome.result.whole == {"what was there of it is damaged": 1}
    assert_as_fresh(tmp_path, plain(), execution)


def test_a_record_that_is_still_broken_stays_quarantined(tmp_path: Path) -> None:
    execution = inline(tmp_path)
    build(plain(judge=(("4", FAULTY), ("6", FAULTY))), tmp_path / "there", execution)
    outcome = requeue(plain(judge=(("6", FAULTY),)), tmp_path / "there", Selection(failure=FAULT), execution)
    assert outcome.result is not None
    assert outcome.result.totals["num_faults"] == 1
    assert_as_fresh(tmp_path, plain(judge=(("6", FAULTY),)), execution)


def test_nothing_chosen_changes_nothing(tmp_path: Path) -> None:
    build(plain(), tmp_path / "there", inline(tmp_path))
    before = hashes(tmp_path / "there")
    outcome = requeue(plain(), tmp_path / "there", Selection(failure=FAULT), inline(tmp_path))
    assert (outcome.action, outcome.num_kept) == ("untouched", len(rows_of(outcome.path)))
    assert hashes(tmp_path / "there") == before


# ---- the law, for any outcomes

FATES = st.dictionaries(st.integers(0, 11).map(str), st.sampled_from([FINE, REJECTED, FAULTY]))


@given(before=FATES, split=FATES, model=FATES, mends=st.sets(st.integers(0, 11).map(str)))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mended_outcomes_merge_exactly(
    tmp_path: Path, before: dict[str, str], split: dict[str, str], model: dict[str, str], mends: set[str]
) -> None:
    shutil.rmtree(tmp_path / "there", ignore_errors=True)
    shutil.rmtree(tmp_path / "fresh", ignore_errors=True)

    def recipe(mended: set[str]) -> Recipe:
        def left(fates: dict[str, str]) -> tuple[tuple[str, str], ...]:
            return tuple((key, fate) for key, fate in fates.items() if key not in mended)

        children = {f"{key}/{int(key) % 2}": fate for key, fate in model.items()}
        return lines(12, 6, (5,), judge=left(before), split=left(split), model=left(children))

    execution = inline(tmp_path)
    build(recipe(set()), tmp_path / "there", execution)
    requeue(recipe(mends), tmp_path / "there", ALL, execution)
    assert_as_fresh(tmp_path, recipe(mends), execution)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_counts_follow_from_keys(data: st.DataObject) -> None:
    modes = {
        SOURCE: "each",
        **{f"step_{n}": mode for n, mode in enumerate(data.draw(st.lists(st.sampled_from(["each", "expand"]), max_size=5)))},
    }
    alive = [f"row/{n}/{n}" for n in range(data.draw(st.integers(0, 6)))]  # keys with slashes of their own, as a corpus as source has them
    rows, expected = list(alive), []
    refusals: list[dict[str, str]] = []
    stems = {key: key for key in alive}
    for name, mode in modes.items():
        reasons: dict[str, int] = defaultdict(int)
        num_in, num_faults, out = len(alive), 0, []
        for key in alive:
            fate = data.draw(st.sampled_from([FINE, FINE, FINE, REJECTED, FAULTY]))
            if fate == FINE:
                children = [f"{key}/{n}" for n in range(data.draw(st.integers(1, 3)))] if mode == "expand" else [key]
                stems |= dict.fromkeys(children, stems[key])
                out += children
                continue
            num_faults += fate == FAULTY
            reasons["bad"] += fate == REJECTED
            refusals.append({"key": key, "step": name, "failure": FAULT if fate == FAULTY else REJECT, "reason": "bad"})
        alive = out
        expected.append((name, num_in, len(out), {name: count for name, count in reasons.items() if count}, num_faults))
    found = count_steps(modes, alive, refusals)
    assert [dataclasses.astuple(count) for count in found] == expected
    before, depth = depths(modes)
    assert [root_of(key, depth) for key in alive] == [stems[key] for key in alive]
    assert {root_of(row["key"], before[row["step"]]) for row in refusals} <= set(rows)


def test_rows_that_are_read_back_are_cut_into_the_same_batches(tmp_path: Path) -> None:
    """A record weighs what is stored of it: a half-precision log-Mel was a float one when it was first written, and had its samples."""
    mel = np.zeros((13_000, 80), np.float32)
    heavy = Audio(samples=np.zeros(400_000, np.float32), log_mel=mel, num_tokens=1)
    records = [Conversation(str(n), Origin("s"), (Turn("user", (heavy,)),)) for n in range(9)]
    schema = schema_for("conversation", (), "float16")

    def write(name: str, rows: list[Any]) -> Path:
        with RecordWriter(tmp_path, name, schema) as shard:
            for row in rows:
                shard.write(row)
        shard.publish()
        return tmp_path / name

    first = write("first.arrow", records)
    assert [batch.num_rows for batch in read_batches(first)] == [5, 4]
    assert 4 * mel.nbytes < MAX_BATCH_BYTES <= 5 * mel.nbytes + 5_000
    again = write("again.arrow", [row for batch in read_batches(first) for row in from_batch(batch)])
    assert again.read_bytes() == first.read_bytes()


# ---- what is refused


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda r: dataclasses.replace(r, source=Numbers(40, 8, (3,))), r"made from another source: per_split was 10, is now 8"),
        (lambda r: dataclasses.replace(r, seed=1), r"another recipe: parameters\.seed was 0, is now 1"),
        (lambda r: dataclasses.replace(r, steps=(*r.steps, each(Judge(), "again"))), r"another recipe: parameters\.steps was"),
        (lambda r: dataclasses.replace(r, steps=(r.steps[0], expand(r.steps[1].processor, "judge"))), r"steps\.1\.mode was 'each', is now 'expand'"),
        (lambda r: dataclasses.replace(r, steps=(r.steps[0], each(Judged(), "judge"))), r"steps\.1\.processor was 'Judge', is now 'Judged'"),
        (lambda r: dataclasses.replace(r, steps=(r.steps[0], each(Unsaid(), "judge"))), r"facts\.toy\.num_words is only in the corpus that is there"),
    ],
)  # fmt: skip
def test_recipes_that_would_give_other_rows_are_refused(tmp_path: Path, changed: Any, message: str) -> None:
    build(plain(judge=(("4", FAULTY),)), tmp_path, inline(tmp_path))
    before = hashes(tmp_path)
    with pytest.raises(RequeueError, match=message + r".*build it with --rebuild"):
        requeue(changed(plain()), tmp_path, ALL, inline(tmp_path))
    assert hashes(tmp_path) == before


class Judged(Judge):
    __slots__ = ()


class Unsaid(Judge):
    __slots__ = ()
    __qualname__ = "Judge"
    writes = ()  # type: ignore[misc, assignment]


class Mended(Judge):
    __slots__ = ()
    __qualname__ = "Judge"
    version = 2  # type: ignore[misc]


def test_a_version_may_be_raised_with_the_fix(tmp_path: Path) -> None:
    build(plain(judge=(("4", FAULTY),)), tmp_path / "there", inline(tmp_path))
    mended = dataclasses.replace(plain(), steps=(plain().steps[0], each(Mended(), "judge")))
    outcome = requeue(mended, tmp_path / "there", Selection(failure=FAULT), inline(tmp_path))
    assert outcome.changes == ["parameters.steps.1.processor.version was 1, is now 2"]
    assert_as_fresh(tmp_path, mended, inline(tmp_path))


def test_a_changed_recipe_with_nothing_chosen_is_refused(tmp_path: Path) -> None:
    build(plain(), tmp_path, inline(tmp_path))
    with pytest.raises(RequeueError, match=r"nothing that .* refused is chosen, but its recipe changed: .*longest was 1000, is now 50"):
        requeue(plain(longest=50), tmp_path, Selection(failure=FAULT), inline(tmp_path))
    outcome = requeue(plain(longest=999), tmp_path, Selection(reasons=("round",)), inline(tmp_path))
    assert outcome.changes == ["parameters.steps.1.processor.longest was 1000, is now 999"]


def test_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequeueError, match=r"has no recipe\.json, and nothing of it can be replayed\. Build it first"):
        requeue(plain(), tmp_path, ALL)


# ---- builds that were stopped, requeues that were stopped


def test_of_a_build_that_was_stopped_what_is_committed_is_replayed(tmp_path: Path) -> None:
    bugs = tuple((str(number), FAULTY) for number in range(12, 18))
    strict = inline(tmp_path, min_faults=3)
    with pytest.raises(BuildError, match="mend the processor, then run `corpusmill requeue`"):
        build(plain(judge=bugs), tmp_path / "there", strict)
    outcome = requeue(plain(), tmp_path / "there", Selection(failure=FAULT), strict)
    assert outcome.result is not None
    assert (outcome.result.num_run, outcome.num_splits, outcome.is_whole) == (6, 2, False)
    assert not (tmp_path / "there" / "plain" / "corpus.json").exists()
    rest = build(plain(), tmp_path / "there", strict)
    assert (rest.num_built, rest.num_resumed) == (2, 2)
    assert_as_fresh(tmp_path, plain(), strict)


def test_a_requeue_over_the_budget_of_faults_goes_on_with_a_better_fix(tmp_path: Path) -> None:
    bugs = tuple((str(number), FAULTY) for number in range(1, 40))
    build(plain(judge=bugs), tmp_path / "there", inline(tmp_path))
    with pytest.raises(BuildError, match="more than the budget"):
        requeue(plain(judge=bugs, longest=999), tmp_path / "there", Selection(failure=FAULT), inline(tmp_path, min_faults=3))
    journal = read_journal(Corpus(tmp_path / "there" / "plain"))
    assert journal is not None
    assert len(journal.splits) == 4
    outcome = requeue(plain(longest=998), tmp_path / "there", Selection(failure=FAULT), inline(tmp_path))
    assert outcome.changes == ["parameters.steps.1.processor.longest was 999, is now 998"]
    assert_as_fresh(tmp_path, plain(longest=998), inline(tmp_path))


def test_a_build_makes_anew_what_a_requeue_left(tmp_path: Path) -> None:
    execution = inline(tmp_path)
    build(plain(judge=(("4", FAULTY), ("25", REJECTED))), tmp_path / "there", execution)
    corpus = Corpus(tmp_path / "there" / "plain")
    begin_requeue(corpus, journal_of(corpus))
    assert set_aside(corpus) is not None
    with pytest.raises(ValueError, match="its build did not end; run the same build again"):
        verify(corpus.path)
    result = build(plain(), tmp_path / "there", execution)
    assert (result.num_built, result.num_resumed) == (2, 2)
    assert_as_fresh(tmp_path, plain(), execution)


def journal_of(corpus: Corpus) -> Journal:
    splits = [str(entry.split["id"]) for entry in corpus.ledger() if entry.split["start"] in (0, 20)]
    return Journal((ALL,), tuple(splits), (corpus.path / "recipe.json").read_text(), str(corpus.totals()["content"]))


def test_a_rebuild_forgets_a_requeue(tmp_path: Path) -> None:
    execution = inline(tmp_path)
    build(plain(judge=(("4", FAULTY),)), tmp_path / "there", execution)
    corpus = Corpus(tmp_path / "there" / "plain")
    begin_requeue(corpus, journal_of(corpus))
    set_aside(corpus)
    build(plain(longest=7), tmp_path / "there", inline(tmp_path, rebuild=True))
    assert_as_fresh(tmp_path, plain(longest=7), execution)


def test_leavings_of_a_requeue_that_ended_are_orphans(tmp_path: Path) -> None:
    result = build(plain(judge=(("4", FAULTY),)), tmp_path / "there", inline(tmp_path))
    stale = result.path / "requeue" / "ledger" / Corpus(result.path).ledger_files()[0].name
    stale.parent.mkdir(parents=True)
    stale.write_text("of another time")
    assert [problem for problem in check_files(Corpus(result.path)) if "orphan" in problem] != []
    requeue(plain(), tmp_path / "there", ALL, inline(tmp_path))
    assert_as_fresh(tmp_path, plain(), inline(tmp_path))


# ---- stages


def requeued(stages: Any, out: Path, selection: Selection, execution: Execution) -> list[Outcome]:
    return list(requeue_stages(stages, out, selection, execution))


def corpora(out: Path) -> dict[str, str]:
    """Hashes of the corpora, without lists, which stay beside them when none needs them any more."""
    return {name: value for name, value in hashes(out).items() if "/" in name.removeprefix(".stages/")}


def test_stages_after_one_that_changed_are_made_anew(tmp_path: Path) -> None:
    execution = inline(tmp_path)
    build_stages(staged(judge=(("4", FAULTY),), split=(("17", FAULTY),)), tmp_path / "there", execution)
    outcomes = requeued(staged(), tmp_path / "there", Selection(failure=FAULT), execution)
    assert [outcome.action for outcome in outcomes] == ["replayed", "made anew", "made anew"]
    build_stages(staged(), tmp_path / "fresh", execution)
    assert corpora(tmp_path / "there") == corpora(tmp_path / "fresh")


def test_a_later_stage_is_replayed_alone(tmp_path: Path) -> None:
    execution = inline(tmp_path)
    build_stages(staged(split=(("17", FAULTY),)), tmp_path / "there", execution)
    told = preview_stages(staged(), tmp_path / "there", Selection(failure=FAULT))
    assert [outcome.action for outcome in told] == ["untouched", "replayed", "made anew"]
    outcomes = requeued(staged(), tmp_path / "there", Selection(failure=FAULT), execution)
    assert [outcome.action for outcome in outcomes] == ["untouched", "replayed", "made anew"]
    assert outcomes[1].result is not None
    assert outcomes[1].result.num_run == 1
    build_stages(staged(), tmp_path / "fresh", execution)
    assert corpora(tmp_path / "there") == corpora(tmp_path / "fresh")


def test_stages_stay_where_what_is_before_them_stays(tmp_path: Path) -> None:
    execution = inline(tmp_path)
    build_stages(staged(judge=(("4", FAULTY),)), tmp_path / "there", execution)
    before = corpora(tmp_path / "there")
    outcomes = requeued(staged(judge=(("4", FAULTY),)), tmp_path / "there", Selection(failure=FAULT), execution)
    assert [(outcome.action, outcome.is_content_new) for outcome in outcomes] == [
        ("replayed", False),
        ("untouched", False),
        ("untouched", False),
    ]
    assert corpora(tmp_path / "there") == before


# ---- the command


@pytest.fixture
def build_file(tmp_path: Path) -> Path:
    """Pairs, some of which have an answer twice as long as the other, and a bound that does not let them through."""
    rows = [
        {
            "prompt": f"Why is the sky over town {number} blue?",
            "chosen": f"Short waves are scattered more, also over town {number}." * (1 + number % 2),
            "rejected": f"Nobody in town {number} has ever found that out, they say.",
        }
        for number in range(12)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = tmp_path / "build.toml"
    source = '{ path = "pairs.jsonl", rows_per_split = 5 }'
    file.write_text(
        f'out = "corpora"\n[execution]\nworkers = 0\n[corpora.dpo]\nsource = {source}\npairs = "votes"\nmax_length_ratio = 1.5\n'
    )
    return file


def run(*arguments: object) -> Any:
    app = typer.Typer()
    app.command()(command.requeue_command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def built(build_file: Path, *more: object) -> None:
    done = CliRunner().invoke(main, ["build", str(build_file), "--json", *map(str, more)])
    assert done.exit_code == 0, done.output


def test_a_threshold_that_was_too_strict(build_file: Path, tmp_path: Path) -> None:
    built(build_file)
    before = hashes(tmp_path / "corpora")
    wanted = (build_file, "--corpus", "dpo", "--reason", "bad_proportion", "--set", "dpo.max_length_ratio=3.0")
    dry = run(*wanted, "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "dpo.voted: 6 refusals of 6 source rows, in 3 of 3 splits, would be replayed" in dry.output
    assert "processor.max_length_ratio was 1.5, is now 3.0" in dry.output
    assert "dpo: would be made anew, should the stage before it change" in dry.output
    assert hashes(tmp_path / "corpora") == before
    done = run(*wanted)
    assert done.exit_code == 0, done.output
    assert "6 source rows were run, 6 rows came out of them; 6 rows are kept, made before the change" in done.output
    assert "dpo: made anew from what the stage before it holds now" in done.output
    built(build_file, "--out", tmp_path / "fresh", "--set", "dpo.max_length_ratio=3.0")
    assert corpora(tmp_path / "corpora") == corpora(tmp_path / "fresh")
    again = run(*wanted, "--json")
    assert again.exit_code == 0, again.output
    told = json.loads(again.stdout)
    assert [stage["action"] for stage in told["stages"]] == ["untouched", "untouched"]
    assert told["summary"]["out"] == 12


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--corpus", "dpi"), "corpus 'dpi' is not in"),
        (("--corpus", "dpo", "--reason", "too_similiar"), "--reason 'too_similiar' is not among those of dpo; did you mean 'too_similar'?"),
        (("--corpus", "dpo", "--failure", "faults"), "--failure 'faults' is not among those of dpo; did you mean 'fault'?"),
        (("--corpus", "dpo", "--step", "sauce"), "--step 'sauce' is not among those of dpo; did you mean 'source'?"),
        (("--corpus", "dpo", "--set", "dpo.max_tokns=3"), "'max_tokns' is unknown; did you mean 'max_tokens'"),
    ],
)
def test_words_that_are_none_are_usage_errors(build_file: Path, words: tuple[str, ...], message: str) -> None:
    built(build_file)
    done = run(build_file, *words)
    assert done.exit_code == 2
    assert message in done.output


def test_a_corpus_that_is_not_there_and_faults_end_with_1(build_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = run(build_file, "--corpus", "dpo")
    assert absent.exit_code == 1
    assert "has no recipe.json, and nothing of it can be replayed. Build it first" in absent.output
    built(build_file)

    def broken(pair: object, record: object) -> None:
        raise ValueError("planted")

    monkeypatch.setattr(KeepPair, "__call__", broken)
    faulty = run(build_file, "--corpus", "dpo")
    assert faulty.exit_code == 1
    assert "some records make a processor raise in dpo" in faulty.output
    monkeypatch.undo()
    mended = run(build_file, "--corpus", "dpo", "--failure", "fault")
    assert mended.exit_code == 0, mended.output
    built(build_file, "--out", tmp_path / "fresh")
    assert corpora(tmp_path / "corpora") == corpora(tmp_path / "fresh")


@pytest.mark.parametrize("depth", [2, 5])
def test_refusals_of_a_model_stand_in_the_order_of_records_whatever_is_sent_ahead(tmp_path: Path, depth: int) -> None:
    """Those that are not asked were written before those asked with them: the table depended on the depth of the queue, and on neighbours."""
    recipe, replies = lines(20, 20), Replies(tmp_path / "replies")
    found = []
    for ahead in (1, depth):
        with Continue().open() as model, Shout().open() as shout:
            callers = {"continue": LocalCaller(model, ahead), "shout": LocalCaller(shout)}
            done = run_split(recipe, recipe.source.splits()[0], tmp_path / str(ahead), callers, replies=replies)
        found.append(done.entry.rejects.sha256)
    assert found[0] == found[1]
    rows = [row for batch in read_batches(tmp_path / "1" / done.entry.rejects.name) for row in batch.to_pylist()]
    told = [json.loads(row["facts"])["toy.number"] for row in rows if row["step"] == "continue"]
    assert told == sorted(told)
    assert {number % 10 for number in told} == {7, 9}
