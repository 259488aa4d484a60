"""What a step declares to ask of facts is what decides: over everything that the demonstration keeps and refuses, and at every bound."""

from __future__ import annotations

import json
import math
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.feed import DeclarationError, Tally, feed
from pipelines.stage import earlier_stages
from pipelines.step import each as each_record
from processors.attempts.keep import KeepDifficulty, KeepThought
from processors.audio.quality import KeepAudio, KeepSpeechRate
from processors.audio.steps import KeepDuration
from processors.audio.transcript import BOTH, EITHER, KEEP_ALL, KeepAgreement
from processors.audio.word_fit import KeepFit
from processors.code.generated import KeepWritten
from processors.code.parse import KeepParsed
from processors.contract import NUM_TOKENS, Contract
from processors.dialogue import LANGUAGE, STATED_TRANSCRIPT
from processors.image.quality import KeepQuality
from processors.tasks.preference import LENGTH_RATIO, SIMILARITY, KeepMargin, KeepPair
from processors.tasks.question import SUPPORT_RATIO, KeepSupported
from processors.tasks.translation import KeepTranslation
from processors.text.c4 import KeepC4
from processors.text.classifier import KeepClassified
from processors.text.fineweb import KeepFineWeb
from processors.text.gopher import KeepGopherQuality, KeepGopherRepetition
from processors.text.language import KeepLanguages
from processors.text.normalise import KeepLength
from processors.text.word_lists import KeepUnlisted
from processors.vision.captions import NUM_WORDS as CAPTION_WORDS
from processors.vision.captions import CaptionRules, KeepCaption
from processors.vision.image_sets import NUM_MEMBERS, KeepSeveralImages
from processors.vision.interleaved import NUM_WORDS as PAGE_WORDS
from processors.vision.interleaved import KeepPages
from schemas.corpus import Corpus, read_batches
from schemas.facts import Fact, Limit, Where, first_broken, read_limit
from schemas.outcome import REJECT, Reason, Refused, Reject
from schemas.parts import Image, Text
from schemas.records import Conversation, Document, FactValue, Origin, Preference, Record, Row, Turn
from schemas.replies import Replies

ORIGIN = Origin("here")
MIN_LIMITS, MIN_JUDGED_ROWS, MIN_REASONS, MIN_REFUSED = 260, 14_000, 18, 30  # measured: 262, 14,199, 18, 31

# ---- over the demonstration

Told = dict[str, list[tuple[Limit, list[str]]]]


def corpora_of(demo: Mapping[str, Mapping[str, Any]]) -> list[Corpus]:
    found = [Path(row["path"]) for row in demo.values()]
    return [Corpus(path) for corpus in found for path in (*earlier_stages(corpus), corpus)]


def declared_facts(corpora: list[Corpus]) -> dict[str, Fact]:
    """Of all recipes: a step may forget what an earlier one measured, but some recipe keeps it."""
    types = {kind.__name__: kind for kind in (bool, int, float, str)}
    said = {name: fact for corpus in corpora for name, fact in corpus.recipe()["facts"].items()}  # type: ignore[attr-defined]
    return {name: Fact(name, types[fact["type"]], fact["doc"]) for name, fact in said.items()}


def limits_in(corpus: Corpus, facts: Mapping[str, Fact]) -> Told:
    rows: dict[str, list[dict[str, Any]]] = corpus.recipe()["limits"]  # type: ignore[assignment]
    return {step: [(read_limit(row, facts), row["remeasured_by"]) for row in told] for step, told in rows.items()}


def facts_of_rows(corpus: Corpus, wanted: set[str]) -> Iterator[dict[str, FactValue]]:
    for entry in corpus.ledger():
        for batch in read_batches(corpus.path / entry.shard.name):
            names = [name for name in batch.schema.names if name in wanted]
            for row in batch.select(names).to_pylist() if names else ():
                yield {name: value for name, value in row.items() if value is not None}


def test_what_came_out_keeps_every_limit_and_what_was_refused_breaks_one(demo: dict[str, dict[str, Any]]) -> None:
    corpora = corpora_of(demo)
    facts = declared_facts(corpora)
    num_limits, judged, refused, unexplained = 0, Counter[str](), Counter[tuple[str, str]](), 0
    for corpus in corpora:
        told = limits_in(corpus, facts)
        final = [limit for limits in told.values() for limit, remeasured_by in limits if not remeasured_by]
        num_limits += len(final)
        wanted = {fact.name for limit in final for fact in limit.facts}
        for row in facts_of_rows(corpus, wanted):
            for limit in final:
                if limit.judges(row):
                    judged[limit.fact.name] += 1
                    assert limit.keeps(float(row[limit.fact.name])), (corpus.path.name, limit.told(), row)
        for reject in corpus.rejects():
            measured = {name: value for name, value in json.loads(reject["facts"]).items() if value is not None}
            assert measured.keys() <= facts.keys(), (corpus.path.name, reject["step"])
            for name, value in measured.items():
                assert type(value) is facts[name].type or (type(value), facts[name].type) == (int, float), (corpus.path.name, name, value)
            limits = [limit for limit, _ in told.get(reject["step"], []) if limit.reason == reject["reason"]]
            if reject["failure"] != REJECT or not limits:
                continue
            if any(limit.judges(measured) and not limit.keeps(float(measured[limit.fact.name])) for limit in limits):
                refused[reject["step"], reject["reason"]] += 1
            else:
                unexplained += 1
                assert not all(limit.sole for limit in limits), (corpus.path.name, reject)
    print(
        f"{num_limits} limits, {judged.total()} judged values of {len(judged)} facts, {refused.total()} refusals of {len(refused)} reasons"
    )
    assert num_limits >= MIN_LIMITS
    assert judged.total() >= MIN_JUDGED_ROWS
    assert len(refused) >= MIN_REASONS
    assert refused.total() >= MIN_REFUSED


# ---- at the bounds, for processors that read facts alone

ANSWER = Turn("assistant", (Text("Ja."),), learned=True)
PIXELS = np.zeros((2, 2, 3), np.uint8)
CONVERSATION = Conversation("c", ORIGIN, (Turn("user", (Image(pixels=PIXELS), Text("Wirklich?"))), ANSWER))
PREFERENCE = Preference("p", ORIGIN, (Turn("user", (Text("Wirklich?"),)),), (ANSWER,), (ANSWER,))
RECORDS: dict[type, Record] = {Document: Document("d", ORIGIN, "text"), Conversation: CONVERSATION, Preference: PREFERENCE}

# every field that is off by default has a value here
DECIDERS = (
    KeepGopherQuality(),
    KeepGopherRepetition(),
    KeepFineWeb(),
    KeepC4(),
    KeepLanguages(min_confidence=0.7, min_ratio=0.6),
    KeepUnlisted(0.01),
    KeepClassified(),
    KeepLength(40),
    KeepAudio(10.0, 0.1, 0.5, 3_000.0, 0.25),
    KeepSpeechRate(),
    KeepDuration(0.5, 30.0),
    KeepFit(),
    KeepAgreement(),
    KeepAgreement(0.25, BOTH, slack_errors=0),
    KeepQuality(4.0, 20.0, 5.0, 1.0, 0.9, 0.8, 0.3),
    KeepThought(20, 400, 0.01, 0.1),
    KeepThought(20, 400, 0.01, 0.1, only_right=True),
    KeepDifficulty(0.2, 0.8),
    KeepTranslation(max_missing_numbers=1),
    KeepParsed(),
    KeepWritten(),
    KeepMargin(1.5),
)


def cases() -> list[Any]:
    names = Counter[str]()
    found = []
    for decider in DECIDERS:
        name = type(decider).__name__
        names[name] += 1
        found.append(pytest.param(decider, id=f"{name}{names[name]}"))
    return found


def beyond(fact: Fact, bound: float, up: bool) -> FactValue:
    """The nearest value outside a bound."""
    if fact.type is not float:
        return fact.type((math.floor(bound) + 1) if up else (math.ceil(bound) - 1))
    return math.nextafter(bound, math.inf if up else -math.inf)


def at(fact: Fact, bound: float, up: bool) -> FactValue:
    """The last value inside a bound."""
    return float(bound) if fact.type is float else fact.type(math.floor(bound) if up else math.ceil(bound))


def edges(limits: tuple[Limit, ...], fact: Fact) -> list[FactValue]:
    """All values at the bounds on a fact, and next to them."""
    found: list[FactValue] = []
    for limit in (limit for limit in limits if limit.fact == fact):
        for bound, up in ((limit.least, False), (limit.most, True)):
            if bound is not None:
                found += [at(fact, bound, up), beyond(fact, bound, up)]
    return found


def answers(fact: Fact, where: tuple[Where, ...]) -> FactValue:
    """A value of a fact for which the conditions hold, so far as they are about it; a neutral one else."""
    for each in where:
        if each.fact == fact and fact.type is str:
            return each.any_of[0] if each.any_of else "other"
        if each.fact == fact:
            bound = each.least if each.least is not None else each.most
            assert bound is not None
            return fact.type(bound)
    return fact.type()


def facts_for(decider: Any, where: tuple[Where, ...]) -> dict[str, FactValue]:
    """Facts that keep all limits, and for which the conditions hold."""
    found: dict[str, FactValue] = {}
    for fact in decider.reads:
        within = [value for value in edges(decider.bounds, fact) if all(x.keeps(float(value)) for x in decider.bounds if x.fact == fact)]
        asked = [each for each in where if each.fact == fact]
        found[fact.name] = within[0] if within and not asked else answers(fact, where)
    return found


def check(decider: Any, facts: Mapping[str, FactValue]) -> str:
    """The reason for which a record with these facts is refused, empty when it stays; asserts that the limits say the same."""
    record = replace(RECORDS[decider.takes[0]], facts=facts)  # type: ignore[type-var]
    result = decider(record)
    broken = [limit for limit in decider.bounds if limit.judges(facts) and not limit.keeps(float(facts[limit.fact.name]))]
    assert isinstance(result, Reject) == bool(broken), (facts, result)
    if not isinstance(result, Reject):
        assert result is record
        return ""
    assert result.reason in {limit.reason for limit in broken}
    assert result.reason in {reason.name for reason in decider.reasons}
    assert result.detail
    return result.reason


@pytest.mark.parametrize("decider", cases())
def test_a_value_at_the_bound_stays_and_the_next_one_is_refused(decider: Any) -> None:
    num_bounds = 0
    for limit in decider.bounds:
        for bound, up in ((limit.least, False), (limit.most, True)):
            if bound is None:
                continue
            facts = facts_for(decider, limit.where)
            inside, outside = at(limit.fact, bound, up), beyond(limit.fact, bound, up)
            num_bounds += 1
            if limit.fact.type is bool:
                inside, outside = False, True
            assert limit.judges(facts), limit.told()
            assert check(decider, {**facts, limit.fact.name: inside}) == "", limit.told()
            assert check(decider, {**facts, limit.fact.name: outside}) != "", limit.told()
    assert num_bounds >= len(decider.bounds) > 0


@pytest.mark.parametrize("decider", cases())
def test_what_is_declared_decides_wherever_bounds_meet(decider: Any) -> None:
    limits: tuple[Limit, ...] = decider.bounds
    choices: dict[str, st.SearchStrategy[FactValue]] = {}
    for fact in decider.reads:
        values = edges(limits, fact)
        for each in (each for limit in limits for each in limit.where if each.fact == fact):
            values += [*each.any_of, *each.none_of, answers(fact, (each,))]
        choices[fact.name] = st.sampled_from([fact.type(value) for value in values] or [fact.type()])

    @settings(max_examples=30, deadline=None)
    @given(st.fixed_dictionaries(choices))
    def decide(facts: dict[str, FactValue]) -> None:
        check(decider, facts)

    decide()


def test_every_processor_that_decides_by_facts_alone_is_among_them() -> None:
    from tests.architecture.test_limits import processors_with

    deciders = {type(decider).__name__ for decider in DECIDERS}
    declared = processors_with("bounds")
    assert {name for name, told in declared.items() if told["writes"] == "()" and told["reads"] != "()"} == deciders


def test_where_either_engine_may_agree_no_threshold_of_one_refuses() -> None:
    assert KeepAgreement(mode=EITHER).bounds == KeepAgreement(max_error_rate=KEEP_ALL).bounds == ()


# ---- for processors that measure and refuse in one


def said(question: str, answer: str, facts: Mapping[str, FactValue]) -> Conversation:
    turns = (Turn("user", (Text(question),)), Turn("assistant", (Text(answer),), learned=True))
    return Conversation("c", ORIGIN, turns, facts)


QUESTION = said(
    "What did she buy?", "She bought bread in Lisbon.", {LANGUAGE.name: "en", STATED_TRANSCRIPT.name: "She bought bread and milk."}
)
PAGE = Conversation("c", ORIGIN, (Turn("user", (Image(pixels=PIXELS),)), Turn("assistant", (Text("One two three four."),), learned=True)))
SIDES = Preference(
    *(
        "p",
        ORIGIN,
        (Turn("user", (Text("Why?"),)),),
        (Turn("assistant", (Text("It is cold in the hall today so I wear a warm blue coat."),)),),
    ),
    rejected=(Turn("assistant", (Text("It is cold in the hall today."),)),),
    facts={LANGUAGE.name: "en"},
)
CAPTION = Row("r", ORIGIN, {"caption": "A red kite flies over the wide green valley."})

STEP = 1e-4  # measured ratios have four places
# (the processor with one bound at a value, the record, the fact, whether the bound is an upper one)
MEASURERS: dict[str, tuple[Callable[[Any], Any], Record, Fact, bool]] = {
    "contract": (lambda bound: Contract(bound), QUESTION, NUM_TOKENS, True),
    "supported": (lambda bound: KeepSupported(bound), QUESTION, SUPPORT_RATIO, False),
    "similar": (lambda bound: KeepPair(bound), SIDES, SIMILARITY, True),
    "proportion": (lambda bound: KeepPair(1.0, bound), SIDES, LENGTH_RATIO, True),
    "page": (lambda bound: KeepPages(min_words=bound), PAGE, PAGE_WORDS, False),
    "few images": (lambda bound: KeepSeveralImages(bound), CONVERSATION, NUM_MEMBERS, False),
    "many images": (lambda bound: KeepSeveralImages(0, bound), CONVERSATION, NUM_MEMBERS, True),
    "short caption": (lambda bound: KeepCaption(rules=CaptionRules(min_words=bound)), CAPTION, CAPTION_WORDS, False),
    "long caption": (lambda bound: KeepCaption(rules=CaptionRules(max_words=bound)), CAPTION, CAPTION_WORDS, True),
}


@pytest.mark.parametrize("name", MEASURERS)
def test_what_was_measured_is_told_where_it_is_refused(name: str) -> None:
    make, record, fact, up = MEASURERS[name]
    lax = make(10**6 if up and fact.type is int else 10.0 if up else 0)(record)
    assert not isinstance(lax, Reject), lax
    value = lax.facts[fact.name]
    assert not isinstance(make(value)(record), Reject)
    step = STEP if fact.type is float else 1
    tight = make(value - step if up else value + step)  # type: ignore[operator]
    refused = tight(record)
    assert isinstance(refused, Reject)
    assert refused.facts[fact.name] == value
    broken = [limit for limit in tight.bounds if limit.judges(refused.facts) and not limit.keeps(float(refused.facts[limit.fact.name]))]
    assert [(limit.fact, limit.reason) for limit in broken] == [(fact, refused.reason)]


# ---- limits as values

ODD = Reason("odd", "It is odd")
LENGTH, KIND, MORE = Fact("a.length_px", int, ""), Fact("a.kind", str, ""), Fact("a.num_more", int, "")


def test_a_limit_asks_only_of_records_for_which_all_conditions_hold() -> None:
    limit = Limit(LENGTH, "short", 10, where=(Where(KIND, none_of=("line",)), Where(LENGTH, most=99, plus=(MORE,))))
    whole: dict[str, FactValue] = {LENGTH.name: 9, KIND.name: "box", MORE.name: 90}
    assert limit.judges(whole)
    assert first_broken((limit,), whole) is limit
    assert not limit.judges({**whole, KIND.name: "line"})
    assert not limit.judges({**whole, MORE.name: 91})
    assert not limit.judges({LENGTH.name: 9, KIND.name: "box"})
    assert first_broken((limit,), {**whole, LENGTH.name: 10, MORE.name: 89}) is None
    with pytest.raises(KeyError):
        first_broken((limit,), {KIND.name: "box", MORE.name: 0})


def test_what_a_limit_tells_is_read_back() -> None:
    facts = {fact.name: fact for fact in (LENGTH, KIND, MORE)}
    where = (Where(KIND, any_of=("line", "box"), none_of=("dot",)), Where(LENGTH, least=1, most=9.5, plus=(MORE,)))
    for limit in (Limit(LENGTH, "short", 10), Limit(LENGTH, "long", most=3.5, where=where, sole=False)):
        assert read_limit(json.loads(json.dumps(limit.told())), facts) == limit
    assert Limit(LENGTH, "long", -math.inf, math.inf).told()["most"] is None
    with pytest.raises(TypeError, match="limits are on numbers and truth values"):
        Limit(KIND, "odd")


def test_what_was_measured_goes_along_with_a_refusal_from_where_it_is_raised() -> None:
    refused = pickle.loads(pickle.dumps(Refused(ODD, "9 px", {LENGTH.name: 9})))  # it crosses processes
    assert refused.reject("k") == Reject("k", "odd", "9 px", facts={LENGTH.name: 9})
    assert Refused(ODD, "9 px").reject("k") == Reject("k", "odd", "9 px")


@dataclass(frozen=True, slots=True)
class RefuseAll:
    """Refuses everything, with a measurement."""

    value: FactValue
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (LENGTH,)
    reasons: ClassVar = (ODD,)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(MORE, "odd", most=3),)

    def __call__(self, record: Document) -> Reject:
        return Reject(record.key, "odd", facts={str(record.facts["name"]): self.value})


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [(LENGTH.name, 9, ""), (MORE.name, 9, ""), ("a.else", 9, "neither written nor bounded"), (LENGTH.name, 9.5, "declared: int")],
)
def test_a_step_refuses_with_facts_that_it_writes_or_bounds(name: str, value: FactValue, told: str) -> None:
    step, tally = each_record(RefuseAll(value)), Tally("refuse_all")
    records = feed(step, tally, [Document("d", ORIGIN, "text", {"name": name})], {}, None, Replies())
    if told:
        with pytest.raises(DeclarationError, match=told):
            list(records)
    else:
        assert list(records) == []
        assert json.loads(tally.rows[0]["facts"]) == {"name": name, name: value}
