"""Pairs of answers: every form in which rows give them, who is preferred, and which pairs are not worth learning from."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.anonymise import ScrubPersonalData
from processors.tasks.preference import (
    AGREEMENT,
    CHOSEN_SAMPLER,
    KIND,
    MARGIN,
    NUM_VOTES,
    REJECTED_SAMPLER,
    SIMILARITY,
    SOURCE,
    KeepMargin,
    KeepPair,
    PreferenceTask,
    majority,
    similarity,
    transcript_turns,
)
from schemas.outcome import Refused, Reject
from schemas.parts import Text
from schemas.records import Origin, Preference, Row, Turn

ASK, GOOD, BAD = "Name a river.", "The Danube is a river.", "Rivers are wet, mostly."
USER = {"role": "user", "content": ASK}


def row(**fields: object) -> Row:
    return Row("k", Origin("s"), fields)


def said(*texts: str) -> str:
    return "".join(f"\n\n{('Human', 'Assistant')[number % 2]}: {text}" for number, text in enumerate(texts))


def answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def sides(record: object) -> tuple[str, str]:
    assert isinstance(record, Preference), record
    (chosen,), (rejected,) = record.chosen, record.rejected
    assert (chosen.learned, rejected.learned) == (True, True)
    assert not any(turn.learned for turn in record.prompt)
    return chosen.parts[0].text, rejected.parts[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "fields",
    [
        {"chosen": said(ASK, GOOD), "rejected": said(ASK, BAD)},
        {"prompt": ASK, "chosen": GOOD, "rejected": BAD},
        {"prompt": said(ASK) + "\n\nAssistant:", "chosen": GOOD, "rejected": BAD},
        {"chosen": [USER, answer(GOOD)], "rejected": [USER, answer(BAD)]},
        {"prompt": [USER], "chosen": [answer(GOOD)], "rejected": [answer(BAD)]},
        {"prompt": [USER], "chosen": [USER, answer(GOOD)], "rejected": [USER, answer(BAD)]},
        {"prompt": [USER], "chosen": GOOD, "rejected": BAD},
        {"prompt": ASK, "response_0": BAD, "response_1": GOOD, "better_response_id": 1, "safer_response_id": 0},
        {"prompt": ASK, "response_0": GOOD, "response_1": BAD, "safer_response_id": 0},
        {"instruction": ASK, "input": "", "response1": BAD, "response2": GOOD, "annotator1": 2, "annotator2": 2, "annotator3": 1},
        {"prompt": ASK, "response_a": GOOD, "response_b": BAD, "winner": "model_a"},
        {"question": ASK, "answer_a": BAD, "answer_b": GOOD, "winner": "B"},
        {"prompt": ASK, "response1": BAD, "response2": GOOD, "annotator1": "b", "annotator2": "tie", "annotator3": "B"},
        {"prompt": ASK, "response_a": GOOD, "response_b": BAD, "votes": ["a", "a", "b", "tie", "A"]},
        {"prompt": ASK, "response_a": GOOD, "response_b": BAD, "votes": [1, 0, 1]},
        {"conversation_a": [USER, answer(BAD)], "conversation_b": [USER, answer(GOOD)], "winner": "model_b"},
        {
            **{"prompt": json.dumps([ASK]), "response_a": json.dumps([GOOD]), "response_b": json.dumps([BAD])},
            **{"winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0},
        },
        {"prompt": ASK, "chosen": [USER, answer(GOOD)], "rejected": [USER, answer(BAD)], "score_chosen": 8.5, "score_rejected": 3},
        {"prompt": ASK, "chosen": GOOD, "rejected": BAD, "margin": 0.25},
        {"prompt": ASK, "response_1": BAD, "response_2": GOOD, "preference_strength": 2},
        {"prompt": ASK, "response_a": GOOD, "response_b": BAD, "score_a": "4.5", "score_b": 4},
        {"context": [USER], "response1": GOOD, "response2": BAD, "overall_preference": -1},
        {"instruction": ASK, "completions": [{"response": BAD, "overall_score": 2}, {"response": GOOD, "overall_score": 7.5}]},
        {"prompt": said(ASK) + "\n\nAssistant: ", "answers": [{"answer": BAD, "rank": 7.0}, {"answer": GOOD, "rank": 1.0}]},
        {"prompt": ASK, "responses": [BAD, GOOD], "scores": [0.1, 0.9]},
        {"prompt": ASK, "responses": [GOOD, BAD], "ranks": [1, 2]},
        {"prompt": [USER], "candidates": [{"content": BAD, "helpfulness": 1}, {"content": GOOD, "helpfulness": 4}]},
    ],
)
def test_every_way_to_give_a_pair(fields: dict[str, object]) -> None:
    record = PreferenceTask()(row(**fields))
    assert sides(record) == (GOOD, BAD)
    assert isinstance(record, Preference)
    assert record.prompt == (Turn("user", (Text(ASK),)),)


def test_the_verdict_that_counts_is_named() -> None:
    fields = {"prompt": ASK, "response_0": BAD, "response_1": GOOD, "better_response_id": 0, "safer_response_id": 1}
    assert sides(PreferenceTask("safer")(row(**fields))) == (GOOD, BAD)
    assert sides(PreferenceTask("better")(row(**fields))) == (BAD, GOOD)
    with pytest.raises(ValueError, match="prefer is 'nicer'"):
        PreferenceTask("nicer")


VOTED = {"instruction": ASK, "response1": GOOD, "response2": BAD}


def votes(*numbers: object) -> dict[str, object]:
    return {**VOTED, **{f"annotator{number}": vote for number, vote in enumerate(numbers, 1)}}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (votes(1, 2, 0), "tie"),
        (votes(0, 0, 1), "tie"),
        (votes(1, 2), "tie"),
        (votes(1, 1, 7), "bad_verdict"),
        (votes(1, 1, True), "bad_verdict"),
        (votes("a", "b", "tie"), "tie"),
        (votes("a", "a", "c"), "bad_verdict"),
        ({**VOTED, "votes": ["tie", "tie", "1"]}, "tie"),
        ({**VOTED, "votes": []}, "no_pair"),
        ({**VOTED, "winner_model_a": 0, "winner_model_b": 0, "winner_tie": 1}, "tie"),
        ({**VOTED, "winner_model_a": 1, "winner_model_b": 1, "winner_tie": 0}, "bad_verdict"),
        ({**VOTED, "score_1": 3, "score_2": 3.0}, "tie"),
        ({**VOTED, "score_1": 3, "score_2": float("nan")}, "no_pair"),
        ({**VOTED, "preference_strength": 0}, "tie"),
        ({"prompt": ASK, "chosen": GOOD, "rejected": BAD, "score_chosen": 5, "score_rejected": 5}, "tie"),
        ({"prompt": ASK, "chosen": GOOD, "rejected": BAD, "chosen-rating": 3, "rejected-rating": 5}, "bad_verdict"),
        ({"prompt": ASK, "chosen": GOOD, "rejected": BAD, "margin": 0}, "tie"),
        ({"prompt": ASK, "chosen": GOOD, "rejected": BAD, "margin": -0.5}, "bad_verdict"),
        ({"prompt": ASK, "completions": [{"response": GOOD, "score": 2}, {"response": BAD, "score": 2}]}, "tie"),
        ({"prompt": ASK, "completions": [{"response": GOOD, "score": 2}, {"response": BAD, "score": "N/A"}]}, "no_pair"),
        ({"prompt": ASK, "answers": [{"answer": GOOD, "rank": 1}, {"answer": BAD, "rank": 1}]}, "tie"),
        ({"prompt": ASK, "completions": []}, "no_pair"),
        ({"prompt": ASK, "responses": [GOOD, BAD]}, "no_pair"),
        ({"prompt": "[" * 100_000, "response_a": "[1", "response_b": "]", "winner": "tie"}, "tie"),
        ({**VOTED, "winner": "tie (bothbad)"}, "tie"),
        ({**VOTED, "winner": "somebody"}, "bad_verdict"),
        (VOTED, "no_pair"),
        ({"prompt": ASK, "response": GOOD}, "no_pair"),
        ({"prompt": ASK, "response_0": GOOD, "response_1": BAD, "better_response_id": 2}, "bad_verdict"),
        ({"prompt": ASK, "response_0": GOOD, "response_1": BAD, "better_response_id": -1}, "tie"),
        ({**votes(1, 1, 1), "response2": " "}, "no_answer"),
        ({**votes(1, 1, 1), "instruction": ""}, "no_messages"),
        ({"chosen": said(ASK, "a", "b", GOOD), "rejected": said(ASK, "x", "b", BAD)}, "different_prompts"),
        ({"chosen": said(ASK, GOOD), "rejected": said(ASK, "a", "b", BAD)}, "different_prompts"),
        ({"chosen": said(ASK), "rejected": said(ASK)}, "no_answer"),
        ({"chosen": said(ASK, ""), "rejected": said(ASK, BAD)}, "bad_message"),
        ({"chosen": f"\n\nAssistant: {GOOD}", "rejected": f"\n\nAssistant: {BAD}"}, "no_pair"),
        ({"chosen": [{"role": "nobody", "content": "a"}], "rejected": [USER, answer(BAD)]}, "bad_message"),
    ],
)
def test_rows_without_a_preference(fields: dict[str, object], reason: str) -> None:
    done = PreferenceTask()(row(**fields))
    assert isinstance(done, Reject), done
    assert done.reason == reason


def test_votes_are_facts() -> None:
    done = PreferenceTask()(row(**votes(2, 2, 1)))
    assert isinstance(done, Preference)
    assert (done.facts[NUM_VOTES.name], done.facts[AGREEMENT.name]) == (3, 0.6667)
    assert (done.facts[KIND.name], done.facts[MARGIN.name]) == ("votes", 0.3333)
    assert sides(done) == (BAD, GOOD)


@pytest.mark.parametrize(
    ("fields", "kind", "margin"),
    [
        (votes(1, 1, 0), "votes", 0.6667),
        (votes(1, 1, 1), "votes", 1.0),
        ({**VOTED, "winner": "1"}, "stated", 1.0),
        ({"prompt": ASK, "chosen": GOOD, "rejected": BAD}, "stated", 1.0),
        ({"prompt": ASK, "chosen": GOOD, "rejected": BAD, "score_chosen": 8.5, "score_rejected": 3}, "scores", 5.5),
        ({"prompt": ASK, "chosen": GOOD, "rejected": BAD, "chosen-rating": 4.25, "rejected-rating": 4}, "scores", 0.25),
        ({"prompt": ASK, "chosen": GOOD, "rejected": BAD, "chosen_rating": None, "rejected_rating": 4}, "stated", 1.0),
        ({"prompt": ASK, "chosen": GOOD, "rejected": BAD, "margin": 0.25}, "scores", 0.25),
        ({**VOTED, "preference_strength": -3}, "scores", 3.0),
        ({"prompt": ASK, "answers": [{"answer": BAD, "rank": 7}, {"answer": "x", "rank": 3}, {"answer": GOOD, "rank": 1}]}, "ranks", 6.0),
    ],
)
def test_kind_and_margin(fields: dict[str, object], kind: str, margin: float) -> None:
    done = PreferenceTask()(row(**fields))
    assert isinstance(done, Preference)
    assert (done.facts[KIND.name], done.facts[MARGIN.name], sides(done)) == (kind, margin, (GOOD, BAD))
    kept, refused = KeepMargin(margin)(done), KeepMargin(margin + 0.001)(done)
    assert kept is done
    assert isinstance(refused, Reject)
    assert refused.reason == "small_margin"


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": ASK, "response_a": BAD, "response_b": GOOD, "winner": "b", "model_a": "weak", "model_b": "strong"},
        {"prompt": ASK, "chosen": GOOD, "rejected": BAD, "chosen-model": "strong", "rejected-model": "weak"},
        {"prompt": ASK, "completions": [{"response": BAD, "score": 1, "model": "weak"}, {"response": GOOD, "score": 2, "model": "strong"}]},
        {"prompt": ASK, "responses": [GOOD, BAD], "scores": [2, 1], "models": ["strong", "weak"]},
    ],
)
def test_who_wrote_the_sides(fields: dict[str, object]) -> None:
    done = PreferenceTask()(row(**fields, source="rivers"))
    assert isinstance(done, Preference)
    assert (done.facts[CHOSEN_SAMPLER.name], done.facts[REJECTED_SAMPLER.name], done.facts[SOURCE.name]) == ("strong", "weak", "rivers")


def test_ratings_count_before_a_critic_s_score() -> None:
    def rated(text: str, overall: float, *ratings: object) -> dict[str, object]:
        names = ("helpfulness", "honesty", "truthfulness", "instruction_following")
        aspects = {name: {"Rating": rating, "Rationale": "..."} for name, rating in zip(names, ratings, strict=True)}
        return {"response": text, "overall_score": overall, "annotations": aspects}

    listed = [rated(BAD, 10, "1", "2", "N/A", "1"), rated(GOOD, 8, "5", "4", "4", "5"), rated("middling", 9, "3", "3", "3", "3")]
    done = PreferenceTask()(row(instruction=ASK, completions=listed))
    assert isinstance(done, Preference)
    assert (sides(done), done.facts[MARGIN.name]) == ((GOOD, BAD), round(18 / 4 - 4 / 3, 4))


def test_an_arena_of_several_turns() -> None:
    fields = {
        "prompt": json.dumps([ASK, "Another?"]),
        "response_a": json.dumps(["The Rhine.", "The Elbe."]),
        "response_b": json.dumps(["The Rhine.", "No."]),
        "winner_model_a": 1,
        "winner_model_b": 0,
        "winner_tie": 0,
    }
    done = PreferenceTask()(row(**fields))
    assert isinstance(done, Preference)
    assert (sides(done), [turn.role for turn in done.prompt]) == (("The Elbe.", "No."), ["user", "assistant", "user"])
    other = PreferenceTask()(row(**{**fields, "response_b": json.dumps(["The Oder.", "No."])}))
    assert isinstance(other, Reject)
    assert other.reason == "different_prompts"


@given(st.lists(st.integers(-1, 1), max_size=9))
def test_a_majority_has_more_than_half(cast: list[int]) -> None:
    winner, share = majority(cast)
    most = max((cast.count(value) for value in (-1, 0, 1)), default=0)
    assert share == (most / len(cast) if cast else 0.0)
    assert (winner is not None) is (2 * most > len(cast))
    if winner is not None:
        assert cast.count(winner) == most


def test_transcripts_keep_every_word() -> None:
    turns = transcript_turns("Human: one\n\ntwo\n\nHuman: three\n\nAssistant: four: five")
    assert turns == (Turn("user", (Text("one\n\ntwo\n\nthree"),)), Turn("assistant", (Text("four: five"),), learned=True))
    for bad in ("", "Hello", "Hello\n\nHuman: a", "\n\nHuman:  \n\nAssistant: b"):
        with pytest.raises(Refused, match="bad_message"):
            transcript_turns(bad)


def pair(chosen: str, rejected: str) -> Preference:
    done = PreferenceTask()(row(prompt=ASK, chosen=chosen, rejected=rejected))
    assert isinstance(done, Preference)
    return done


LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"


@pytest.mark.parametrize(
    ("chosen", "rejected", "bounds", "reason"),
    [
        (GOOD, BAD, {}, "kept"),
        (GOOD, f" {GOOD} ", {}, "too_similar"),
        (f"{LONG} a", f"{LONG} b", {"max_similarity_ratio": 0.9}, "too_similar"),
        (f"{LONG} a", f"{LONG} b", {}, "kept"),
        ("Yes!", "Yes?", {}, "too_similar"),  # marks are no words
        (GOOD, LONG, {"max_length_ratio": 3.0}, "bad_proportion"),
        (LONG, GOOD, {"max_length_ratio": 3.0}, "bad_proportion"),
        (LONG, GOOD, {"max_length_ratio": 4.0}, "kept"),
    ],
)
def test_pairs_that_teach_nothing(chosen: str, rejected: str, bounds: dict[str, float], reason: str) -> None:
    done = KeepPair(**bounds)(pair(chosen, rejected))
    assert (done.reason if isinstance(done, Reject) else "kept") == reason


@given(st.text(max_size=40), st.text(max_size=40))
def test_similarity_is_symmetric_and_one_for_the_same(first: str, second: str) -> None:
    assert similarity(first, second) == similarity(second, first)
    assert 0 <= similarity(first, second) <= 1
    assert similarity(first, first) == 1


def test_similarity_counts_word_pairs() -> None:
    assert similarity("a b c", "a b d") == 2 * 2 / 8  # of the start, a b, b c and the end with its word
    done = KeepPair()(pair("a b c", "a b d"))
    assert isinstance(done, Preference)
    assert done.facts[SIMILARITY.name] == 0.5


def test_personal_data_is_scrubbed_on_both_sides() -> None:
    record = pair("Write to ann.smith@posteo.net.", "Write to bob.hill@posteo.net now.")
    done = ScrubPersonalData("scrub")(record)
    assert sides(done) == ("Write to [email].", "Write to [email] now.")
    assert isinstance(done, Preference)
    assert (done.facts["privacy.num_personal_data"], done.prompt) == (2, record.prompt)
    refused = ScrubPersonalData()(record)
    assert isinstance(refused, Reject)
    assert refused.reason == "personal_data"
    assert sides(ScrubPersonalData("keep")(record)) == sides(record)
    with pytest.raises(ValueError, match="mode of ScrubPersonalData is 'drop'"):
        ScrubPersonalData("drop")


def test_processors_are_pickled() -> None:
    for step in (PreferenceTask(), KeepPair(), KeepMargin(0.5), ScrubPersonalData()):
        assert pickle.loads(pickle.dumps(step)) == step
