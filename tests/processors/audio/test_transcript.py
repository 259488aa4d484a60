"""Error rates are jiwer's on the normalised texts; each threshold of the gate keeps its value and refuses the next."""

from __future__ import annotations

import dataclasses
import math
import pickle
import random

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.audio.transcript import (
    BOTH,
    EITHER,
    FIRST,
    FIRST_FACTS,
    KEEP_ALL,
    SECOND_FACTS,
    SPOKEN_DIFFERS,
    TRANSCRIPT,
    TRANSCRIPT_DISAGREES,
    KeepAgreement,
    MeasureAgreement,
    transcript_agreement,
)
from processors.audio.transcript_normal import normalise_transcript
from processors.dialogue import LANGUAGE
from processors.speech_text import HEARD, SECOND_HEARD, SPOKEN
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, FactValue, Origin, Turn

WORDS = ("cat", "dog", "house", "seven", "can't", "colour", "the", "of", "Paris", "50")


def record(
    heard: str, second: str = "", spoken: str = "What is the name?", language: str = "en", learned: str = "An answer"
) -> Conversation:
    facts = {LANGUAGE.name: language, HEARD.name: heard, SECOND_HEARD.name: second, SPOKEN.name: spoken}
    turns = (Turn("user", (Audio(), Text("asked"))), Turn("assistant", (Text(learned), Text("given")), True))
    return Conversation("k", Origin("s"), turns, facts)


@given(
    reference=st.lists(st.sampled_from(WORDS), min_size=1, max_size=12),
    heard=st.lists(st.sampled_from(WORDS), max_size=12),
    language=st.sampled_from(("en", "de", "fr")),
)
@settings(max_examples=150, deadline=None)
def test_rates_and_counts_are_those_of_jiwer(reference: list[str], heard: list[str], language: str) -> None:
    first, second = (normalise_transcript(" ".join(words), language) for words in (reference, heard))
    found = transcript_agreement(" ".join(reference), " ".join(heard), language)
    measured = jiwer.process_words(first, second)
    assert found.wer == pytest.approx(measured.wer)
    assert found.cer == pytest.approx(jiwer.cer(first, second))
    counts = (measured.hits, measured.substitutions, measured.deletions, measured.insertions)
    assert (found.num_hits, found.num_substitutions, found.num_deletions, found.num_insertions) == counts
    assert found.error_rate == found.wer
    assert found.num_errors == sum(counts[1:])


@given(reference=st.text("今日は雨です東京に行く", min_size=1, max_size=15), heard=st.text("今日は雪です京都に行く", max_size=15))
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("language", ["ja", "zh"])
def test_chinese_and_japanese_count_characters(language: str, reference: str, heard: str) -> None:
    found = transcript_agreement(reference, heard, language)
    measured = jiwer.process_characters(reference, heard)
    assert found.error_rate == found.cer == found.wer == pytest.approx(measured.cer)
    counts = (measured.hits, measured.substitutions, measured.deletions, measured.insertions)
    assert (found.num_hits, found.num_substitutions, found.num_deletions, found.num_insertions) == counts


@pytest.mark.parametrize(
    ("reference", "heard", "language", "wer"),
    [
        ("Fifty cats, please!", "50 cats please", "en", 0.0),
        ("fifty cats", "fifteen cats", "en", 0.5),
        ("I can see it", "I can't see it", "en", 0.25),
        ("dog bites man", "man bites dog", "en", 2 / 3),
        ("one two three four", "", "en", 1.0),
        ("今天五十人", "今天50人", "zh", 0.0),
        ("东京 很 大。", "东京很大", "zh", 0.0),
        ("東京は大きい", "京都は大きい", "ja", 2 / 6),
        ("Zwanzig Prozent", "20 %", "de", 0.0),
        ("quatre-vingt-dix", "90", "fr", 0.0),
    ],
)
def test_examples(reference: str, heard: str, language: str, wer: float) -> None:
    assert transcript_agreement(reference, heard, language).error_rate == pytest.approx(wer)


@pytest.mark.parametrize(
    ("reference", "heard", "errors"),
    [
        ("ice cream", "icecream", 0),
        ("we co-operate now", "we cooperate now", 0),
        ("the every day notebook", "the everyday note book", 0),
        ("the every day notebook", "the everyday note books", 2),
        ("ice cream", "icescream", 2),
        ("a part of it", "apart of it", 0),
        ("cats like notebook covers", "dogs like note book covers", 1),
        ("cats notebook", "dogs note book", 1),
        ("note book dogs", "notebook cats", 1),
    ],
)
def test_words_written_together_on_one_side_agree(reference: str, heard: str, errors: int) -> None:
    found = transcript_agreement(reference, heard, "en")
    assert found.num_errors == errors
    if not errors:
        assert (found.wer, found.cer, found.worst_word_distance, found.sound_error_rate) == (0, 0, 0, 0)


def test_digits_do_not_join() -> None:
    assert transcript_agreement("drei fünf", "fünfunddreißig", "de").num_errors == 2
    assert transcript_agreement("35 cats", "3 5 cats", "fr").num_errors == 2


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_empty_texts_give_finite_rates(language: str) -> None:
    both = transcript_agreement("...", " ", language)
    assert (both.wer, both.cer, both.num_errors, both.sound_error_rate) == (0.0, 0.0, 0, 0.0)
    extra = transcript_agreement("", "hello" if language != "zh" else "你好吗你好", language)
    assert (extra.wer, extra.cer, extra.num_hits, extra.num_insertions) == (1.0, 1.0, 0, 5 if language == "zh" else 1)
    nothing = transcript_agreement("hello" if language != "zh" else "你好", "", language)
    assert (nothing.wer, nothing.cer, nothing.num_insertions) == (1.0, 1.0, 0)


def test_a_long_transcript_is_compared_in_bounded_memory() -> None:
    rng = random.Random(0)
    words = ["".join(rng.choice("abcdefghij") for _ in range(5)) for _ in range(5_000)]
    changed = [word if rng.random() > 0.2 else "zz" for word in words]
    found = transcript_agreement(" ".join(words), " ".join(changed), "de")
    assert found.num_substitutions == changed.count("zz")
    assert found.num_hits == 5_000 - changed.count("zz")


def test_the_facts_are_typed_and_rounded_and_tell_what_was_compared() -> None:
    done = MeasureAgreement()(record("what's the game", spoken="What is the name?"))
    assert [type(done.facts[fact.name]) for fact in FIRST_FACTS] == [fact.type for fact in FIRST_FACTS]
    assert done.facts["speech.wer"] == done.facts["speech.error_rate"] == 0.25
    assert (done.facts["speech.num_hits"], done.facts["speech.num_substitutions"]) == (3, 1)
    assert done.facts["speech.reference_normalised"] == "what is the name"
    assert done.facts["speech.heard_normalised"] == "what is the game"
    assert not set(done.facts) & {fact.name for fact in SECOND_FACTS}


def test_a_second_engine_writes_facts_of_its_own() -> None:
    step = MeasureAgreement(second=True)
    done = step(record("what is the name", "what is"))
    assert (done.facts["speech.wer"], done.facts["speech.second_wer"]) == (0.0, 0.5)
    assert set(done.facts) - set(record("").facts) == {fact.name for fact in step.writes}
    assert SECOND_HEARD in step.reads
    assert SECOND_HEARD not in MeasureAgreement().reads


def test_the_reference_may_be_the_learned_transcript() -> None:
    step = MeasureAgreement(reference=TRANSCRIPT)
    assert step(record("an answer given")).facts["speech.wer"] == 0.0
    assert SPOKEN not in step.reads
    with pytest.raises(ValueError, match="reference is 'x', expected spoken or transcript"):
        MeasureAgreement(reference="x")


def measured(rate: float = 0.0, errors: int = 0, word: float = 0.0, sound: float = 0.0, second: bool = False) -> dict[str, FactValue]:
    area = "speech.second_" if second else "speech."
    names = [fact.name for fact in (SECOND_FACTS if second else FIRST_FACTS)]
    values: dict[str, FactValue] = {name: "some words" if "normalised" in name else 0 for name in names}
    values |= {f"{area}error_rate": rate, f"{area}num_substitutions": errors}
    return values | {f"{area}worst_word_distance": word, f"{area}sound_error_rate": sound}


def kept(step: KeepAgreement, first: dict[str, FactValue], second: dict[str, FactValue] | None = None) -> bool:
    result = step(Conversation("k", Origin("s"), (), {**first, **(second or {})}))
    if isinstance(result, Reject):
        assert result.reason in {reason.name for reason in step.reasons}
        assert result.key == "k"
    return not isinstance(result, Reject)


STEP = KeepAgreement(max_error_rate=0.25, max_word_distance=2.0, max_sound_error_rate=0.3, slack_errors=2)


@pytest.mark.parametrize(
    ("passes", "fails"),
    [
        (measured(rate=0.25, errors=9), measured(rate=0.250001, errors=9)),
        (measured(rate=1.0, errors=2), measured(rate=1.0, errors=3)),
        (measured(rate=0.2, errors=3), measured(rate=0.26, errors=3)),
        (measured(word=2.0), measured(word=2.0001)),
        (measured(sound=0.3), measured(sound=0.3001)),
        (measured(rate=1.0, errors=2, word=2.0, sound=0.3), measured(rate=1.0, errors=2, word=2.01, sound=0.3)),
    ],
)
def test_each_threshold_keeps_its_value_and_refuses_the_next(passes: dict[str, FactValue], fails: dict[str, FactValue]) -> None:
    assert kept(STEP, passes)
    assert not kept(STEP, fails)


def test_insertions_and_deletions_are_errors_as_well() -> None:
    for kind in ("deletions", "insertions"):
        facts = measured(rate=1.0) | {f"speech.num_{kind}": 3}
        assert not kept(STEP, facts)
        assert kept(STEP, facts | {f"speech.num_{kind}": 2})


GOOD, BAD = measured(), measured(rate=0.9, errors=9)
SECOND_GOOD, SECOND_BAD = measured(second=True), measured(rate=0.9, errors=9, second=True)


@pytest.mark.parametrize(
    ("mode", "first", "second", "is_kept"),
    [
        (FIRST, GOOD, None, True),
        (FIRST, GOOD, SECOND_BAD, True),
        (FIRST, BAD, SECOND_GOOD, False),
        (BOTH, GOOD, SECOND_GOOD, True),
        (BOTH, GOOD, SECOND_BAD, False),
        (BOTH, BAD, SECOND_GOOD, False),
        (EITHER, GOOD, SECOND_BAD, True),
        (EITHER, BAD, SECOND_GOOD, True),
        (EITHER, BAD, SECOND_BAD, False),
    ],
)
def test_the_mode_says_which_engine_must_agree(mode: str, first: dict, second: dict | None, is_kept: bool) -> None:
    assert kept(dataclasses.replace(STEP, mode=mode), first, second) is is_kept


def test_a_mode_with_two_engines_reads_the_facts_of_both() -> None:
    assert KeepAgreement().reads == FIRST_FACTS
    assert KeepAgreement(mode=BOTH).reads == KeepAgreement(mode=EITHER).reads == FIRST_FACTS + SECOND_FACTS


def test_calibration_keeps_everything_and_just_below_does_not() -> None:
    worst = measured(rate=999.5, errors=99, word=99.0, sound=99.0)
    assert kept(KeepAgreement(max_error_rate=KEEP_ALL), worst)
    assert not kept(KeepAgreement(max_error_rate=KEEP_ALL - 1), worst)


@pytest.mark.parametrize("reason", [SPOKEN_DIFFERS, TRANSCRIPT_DISAGREES])
def test_the_reason_is_the_one_asked_for_and_the_detail_says_why(reason: object) -> None:
    step = dataclasses.replace(STEP, reason_name=reason.name)  # type: ignore[attr-defined]
    facts = measured(rate=0.5, errors=3) | {"speech.heard_normalised": "x" * 200, "speech.reference_normalised": "a b"}
    refused = step(Conversation("k", Origin("s"), (), facts))
    assert isinstance(refused, Reject)
    assert refused.reason == reason.name  # type: ignore[attr-defined]
    assert refused.detail == f"error rate 0.500, expected 0.25 or less: heard '{'x' * 117}...', expected 'a b'"
    by_sound = step(Conversation("k", Origin("s"), (), measured(sound=0.4)))
    by_word = step(Conversation("k", Origin("s"), (), measured(word=3.25)))
    assert isinstance(by_sound, Reject)
    assert by_sound.detail.startswith("sound error rate 0.400, expected 0.3 or less: heard")
    assert isinstance(by_word, Reject)
    assert by_word.detail.startswith("a word is 3.25 phones off, expected 2 or fewer: heard")


def test_what_sounds_alike_is_kept_and_what_was_never_said_is_refused() -> None:
    said = "what are they looking at in the picture"
    for heard, is_kept in [
        (said, True),
        ("what are they look in at in the picture", True),
        ("what are they elephants at in the picture", False),
    ]:
        done = MeasureAgreement()(record(heard, spoken=said))
        assert isinstance(KeepAgreement(0.25)(done), Conversation) is is_kept, heard


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"mode": "all"}, "mode is 'all', expected first, both or either"),
        ({"reason_name": "x"}, "reason_name is 'x', expected spoken_differs or transcript_disagrees"),
        ({"max_error_rate": -0.1}, "max_error_rate is -0.1, expected 0 or more"),
        ({"max_word_distance": math.nan}, "max_word_distance is nan, expected 0 or more"),
        ({"max_sound_error_rate": -1.0}, "max_sound_error_rate is -1.0"),
        ({"slack_errors": -1}, "slack_errors is -1"),
    ],
)
def test_unusable_thresholds_are_refused_at_once(changes: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        KeepAgreement(**changes)
    assert KeepAgreement(0.0, slack_errors=0).max_error_rate == 0.0


def test_steps_are_picklable_and_leave_their_input_alone() -> None:
    for step in (MeasureAgreement(second=True), KeepAgreement(mode=BOTH)):
        assert pickle.loads(pickle.dumps(step)) == step
    before = record("what is the name", "what")
    facts = dict(before.facts)
    assert MeasureAgreement(second=True)(before) == MeasureAgreement(second=True)(before)
    assert before.facts == facts
