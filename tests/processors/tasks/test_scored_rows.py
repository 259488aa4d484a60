"""Rows of one scored answer each: the best of a prompt against the worst, nobody lost."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.feed import Tally, feed
from pipelines.step import each, gather
from processors.tasks.preference import CHOSEN_SAMPLER, KIND, MARGIN, REJECTED_SAMPLER
from processors.tasks.scored_rows import PROMPT_DIGEST, MarkScored, PairScored
from schemas.outcome import Reject
from schemas.parts import Text
from schemas.records import Origin, Preference, Row
from schemas.replies import Replies

WRITTEN = {fact.name: fact.type for fact in (*MarkScored.writes, *PairScored.writes)}


def run(rows: list[Row]) -> tuple[list[Preference], dict[str, str]]:
    """Through both steps under the runner, which checks that none is lost."""
    first, second = Tally("mark"), Tally("pair")
    marked = feed(each(MarkScored()), first, rows, WRITTEN, None, Replies())
    made = list(feed(gather(PairScored(), by=PROMPT_DIGEST), second, marked, WRITTEN, None, Replies()))
    assert first.num_faults == second.num_faults == 0
    assert all(isinstance(record, Preference) for record in made)
    return made, {row["key"]: row["reason"] for row in (*first.rows, *second.rows)}  # type: ignore[return-value]


def row(key: str, prompt: str, response: str, score: object, **fields: object) -> Row:
    return Row(key, Origin("helpsteer", locator=key), {"prompt": prompt, "response": response, "helpfulness": score, **fields})


def test_best_against_worst() -> None:
    rows = [
        row("a", "Name a river.", "Wet things.", 1, model="weak"),
        row("b", "Name a river.", "The Danube.", 4, model="strong"),
        row("c", "Name a river.", "The Danube, perhaps.", 3),
        row("d", "Name a lake.", "Como.", 4),
        row("e", "Name a hill.", "One.", 2),
        row("f", "Name a hill.", "Two.", "2.0"),
        row("g", "Name a hill.", "Three.", None),
        row("h", "", "Four.", 1),
        row("i", "Name a hill.", "", 1),
    ]
    (made,), refused = run(rows)
    assert [turn.parts for turn in (*made.prompt, *made.chosen, *made.rejected)] == [
        (Text(text),) for text in ("Name a river.", "The Danube.", "Wet things.")
    ]
    assert (made.parents, made.origin.locator) == (("b", "a"), "b; a")
    told = [made.facts[fact.name] for fact in (KIND, MARGIN, CHOSEN_SAMPLER, REJECTED_SAMPLER)]
    assert told == ["scores", 3.0, "strong", "weak"]
    assert refused == {
        **{"c": "not_chosen", "d": "only_one_side", "e": "tie", "f": "tie", "g": "no_pair"},
        **{"h": "no_messages", "i": "no_answer"},
    }


@given(st.lists(st.tuples(st.sampled_from("pq"), st.integers(0, 3)), max_size=8), st.randoms(use_true_random=False))
def test_laws(scored: list[tuple[str, int]], random: object) -> None:
    rows = [row(f"k{number}", prompt, f"answer {number}", score) for number, (prompt, score) in enumerate(scored)]
    expected = {prompt: max(scores) - min(scores) for prompt in "pq" if (scores := [score for asked, score in scored if asked == prompt])}
    made, refused = run(rows)
    assert sorted(float(record.facts[MARGIN.name]) for record in made) == sorted(float(margin) for margin in expected.values() if margin)
    random.shuffle(rows)  # type: ignore[attr-defined]
    again, others = run(rows)
    assert (sorted(again, key=lambda one: one.key), others) == (sorted(made, key=lambda one: one.key), refused)


@pytest.mark.parametrize("step", [MarkScored(), PairScored()])
def test_processors_are_pickled(step: object) -> None:
    assert pickle.loads(pickle.dumps(step)) == step


def test_a_row_without_a_score_says_what_is_missing() -> None:
    done = MarkScored()(Row("k", Origin("s"), {"prompt": "a", "response": "b"}))
    assert isinstance(done, Reject)
    assert "expected a number in one of the columns fine-grained_score" in done.detail
