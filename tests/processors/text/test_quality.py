"""Measurements of quality, and the rules of Gopher, FineWeb and C4 at and beyond each of their thresholds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.text.c4 import LINE_RULES, NO_LINES, NUM_CITATIONS, NUM_REMOVED, CleanLines, KeepC4, clean_lines
from processors.text.domain import CODE, CODE_RATIO, DOMAIN, MATHS, MATHS_RATIO, PROSE
from processors.text.fineweb import KeepFineWeb
from processors.text.gopher import KeepGopherQuality, KeepGopherRepetition
from processors.text.language import LANGUAGE
from processors.text.normalise import DIGEST, NUM_CHARS, text_digest
from processors.text.quality import LOW_QUALITY, QUALITY_FACTS, REPEATED, MeasureQuality, measure_quality
from processors.text.repetition import REPETITION_FACTS, measure_repetition
from processors.text.stop_words import STOP_WORDS
from schemas.outcome import Reject
from schemas.records import Document, Origin

# a document that every rule lets pass
GOOD = {
    **{fact.name: 0.0 for fact in REPETITION_FACTS},
    LANGUAGE.name: "en",
    DOMAIN.name: PROSE,
    MATHS_RATIO.name: 0.0,
    CODE_RATIO.name: 0.0,
    "quality.num_words": 200,
    "quality.mean_word_length": 4.7,
    "quality.unspaced_ratio": 0.0,
    "quality.alpha_word_ratio": 0.97,
    "quality.hash_ratio": 0.0,
    "quality.ellipsis_ratio": 0.0,
    "quality.num_stop_words": 6,
    "quality.stop_word_list": "en",
    "quality.num_lines": 10,
    "quality.bullet_line_ratio": 0.0,
    "quality.ellipsis_line_ratio": 0.0,
    "quality.punctuated_line_ratio": 0.9,
    "quality.short_line_ratio": 0.1,
    "quality.lines_per_word": 0.05,
    "quality.num_sentences": 12,
    "quality.num_curly_brackets": 0,
    "quality.has_lorem_ipsum": False,
}
RULES = [
    (KeepGopherQuality(), "num_words", 50, 49),
    (KeepGopherQuality(), "num_words", 100_000, 100_001),
    (KeepGopherQuality(), "mean_word_length", 3.0, 2.99),
    (KeepGopherQuality(), "mean_word_length", 10.0, 10.01),
    (KeepGopherQuality(), "hash_ratio", 0.1, 0.11),
    (KeepGopherQuality(), "ellipsis_ratio", 0.1, 0.11),
    (KeepGopherQuality(), "bullet_line_ratio", 0.9, 0.91),
    (KeepGopherQuality(), "ellipsis_line_ratio", 0.3, 0.31),
    (KeepGopherQuality(), "alpha_word_ratio", 0.8, 0.79),
    (KeepGopherQuality(), "num_stop_words", 2, 1),
    (KeepGopherRepetition(), "dup_line_ratio", 0.30, 0.301),
    (KeepGopherRepetition(), "dup_paragraph_ratio", 0.30, 0.301),
    (KeepGopherRepetition(), "dup_line_char_ratio", 0.20, 0.201),
    (KeepGopherRepetition(), "dup_paragraph_char_ratio", 0.20, 0.201),
    (KeepGopherRepetition(), "top_2gram_char_ratio", 0.20, 0.201),
    (KeepGopherRepetition(), "top_3gram_char_ratio", 0.18, 0.181),
    (KeepGopherRepetition(), "top_4gram_char_ratio", 0.16, 0.161),
    (KeepGopherRepetition(), "dup_5gram_char_ratio", 0.15, 0.151),
    (KeepGopherRepetition(), "dup_6gram_char_ratio", 0.14, 0.141),
    (KeepGopherRepetition(), "dup_7gram_char_ratio", 0.13, 0.131),
    (KeepGopherRepetition(), "dup_8gram_char_ratio", 0.12, 0.121),
    (KeepGopherRepetition(), "dup_9gram_char_ratio", 0.11, 0.111),
    (KeepGopherRepetition(), "dup_10gram_char_ratio", 0.10, 0.101),
    (KeepFineWeb(), "punctuated_line_ratio", 0.12, 0.119),
    (KeepFineWeb(), "short_line_ratio", 0.67, 0.671),
    (KeepFineWeb(), "dup_line_char_ratio", 0.01, 0.011),
    (KeepFineWeb(), "lines_per_word", 0.3, 0.301),
    (KeepC4(), "num_sentences", 5, 4),
    (KeepC4(), "num_curly_brackets", 0, 1),
    (KeepC4(), "has_lorem_ipsum", False, True),
]


def document(text: str = "text", **facts: object) -> Document:
    named = {name if "." in name else f"quality.{name}": value for name, value in facts.items()}
    return Document("k", Origin("s"), text, {**GOOD, **named})  # type: ignore[dict-item]


@pytest.mark.parametrize(("step", "fact", "kept", "refused"), RULES)
def test_each_rule_at_and_beyond_its_published_threshold(step, fact: str, kept: object, refused: object) -> None:
    record = document(**{fact: kept})
    assert step(record) is record
    found = step(document(**{fact: refused}))
    assert isinstance(found, Reject)
    assert found.reason == (REPEATED if isinstance(step, KeepGopherRepetition) else LOW_QUALITY).name
    assert f"quality.{fact} is {float(refused):.4g}, expected" in found.detail  # type: ignore[arg-type]
    assert found.reason in {reason.name for reason in step.reasons}


@pytest.mark.parametrize("domain", [MATHS, CODE])
def test_maths_and_code_are_asked_for_words_and_repetition_alone(domain: str) -> None:
    kept_from = {fact for step, fact, *_ in RULES if not isinstance(step, KeepGopherRepetition)} - {"num_words"}
    for step, fact, _, refused in RULES:
        if fact in kept_from and not isinstance(step, KeepGopherRepetition):
            record = document(**{fact: refused, DOMAIN.name: domain})
            assert step(record) is record
    record = document(num_words=20, **{DOMAIN.name: domain})
    assert KeepGopherQuality()(record) is record
    assert isinstance(KeepGopherQuality()(document(num_words=19, **{DOMAIN.name: domain})), Reject)
    record = document(num_words=5, **{DOMAIN.name: domain})
    assert KeepGopherQuality(min_words=5)(record) is record  # who asks less of prose asks no more of these


def test_derivations_and_characters_may_repeat_more_but_not_loop() -> None:
    step = KeepGopherRepetition()
    for lenient in ({DOMAIN.name: MATHS}, {"unspaced_ratio": 0.9}):
        record = document(dup_5gram_char_ratio=0.45, **lenient)
        assert step(record) is record
        assert isinstance(step(document(dup_5gram_char_ratio=0.46, **lenient)), Reject)
    record = document(dup_5gram_char_ratio=0.9, dup_line_ratio=0.9, **{DOMAIN.name: CODE})
    assert step(record) is record
    assert isinstance(step(document(dup_paragraph_ratio=0.9, **{DOMAIN.name: CODE})), Reject)


def test_languages_that_a_rule_does_not_fit_skip_it() -> None:
    unspaced = document(mean_word_length=1.0, unspaced_ratio=1.0, lines_per_word=0.5)
    assert KeepGopherQuality()(unspaced) is unspaced
    assert KeepFineWeb()(unspaced) is unspaced
    without_list = document(num_stop_words=0, stop_word_list="")
    assert KeepGopherQuality()(without_list) is without_list
    thai = document(punctuated_line_ratio=0.0, num_sentences=1, **{LANGUAGE.name: "th"})
    assert KeepFineWeb()(thai) is thai
    assert KeepC4()(thai) is thai


def test_prose_about_mathematics_may_write_sets() -> None:
    record = document(num_curly_brackets=4, **{MATHS_RATIO.name: 0.01})
    assert KeepC4()(record) is record
    assert isinstance(KeepC4()(document(num_curly_brackets=4, **{MATHS_RATIO.name: 0.009})), Reject)


def test_thresholds_must_fit_their_runs() -> None:
    with pytest.raises(ValueError, match="max_top_ngram_char_ratios has 2 values, expected 3: one for each of 2 to 4 words"):
        KeepGopherRepetition(max_top_ngram_char_ratios=(0.2, 0.18))


# ---- measurements


def test_measured_exactly() -> None:
    text = "- The cat's 3 hats…\nlorem IPSUM and {x} # #\n\nIt is “done.”\n"
    facts = measure_quality(text, "en")
    assert facts["quality.num_words"] == 11
    assert facts["quality.mean_word_length"] == (3 + 4 + 1 + 4 + 5 + 5 + 3 + 1 + 2 + 2 + 4) / 11
    assert facts["quality.alpha_word_ratio"] == 10 / 11
    assert facts["quality.hash_ratio"] == 2 / 11
    assert facts["quality.ellipsis_ratio"] == 1 / 11
    assert facts["quality.num_stop_words"] == 2
    assert facts["quality.stop_word_list"] == "en"
    assert facts["quality.num_lines"] == 3
    assert facts["quality.bullet_line_ratio"] == facts["quality.ellipsis_line_ratio"] == facts["quality.punctuated_line_ratio"] == 1 / 3
    assert facts["quality.short_line_ratio"] == 1.0
    assert facts["quality.lines_per_word"] == 4 / 11
    assert facts["quality.num_curly_brackets"] == 1
    assert facts["quality.has_lorem_ipsum"] is True
    assert set(facts) == {fact.name for fact in QUALITY_FACTS}


def test_a_language_without_a_list_says_so() -> None:
    facts = measure_quality("Salve munde.", "la")
    assert (facts["quality.stop_word_list"], facts["quality.num_stop_words"]) == ("", 0)


def test_lists_of_function_words_are_short_and_normal() -> None:
    assert STOP_WORDS["en"] == {"the", "be", "to", "of", "and", "that", "have", "with"}  # Gopher's
    for language, words in STOP_WORDS.items():
        assert len(language) == 2
        assert 6 <= len(words) <= 20
        assert measure_quality(" ".join(sorted(words)), language)["quality.num_stop_words"] == len(words), language


def test_chinese_counts_characters() -> None:
    facts = measure_quality("我们的学校是在北京。\n很好！", "zh")
    assert (facts["quality.num_words"], facts["quality.unspaced_ratio"], facts["quality.num_stop_words"]) == (11, 1.0, 3)
    assert facts["quality.punctuated_line_ratio"] == 1.0


@given(st.text(max_size=80))
def test_any_text_can_be_measured(text: str) -> None:
    record = Document("k", Origin("s"), text, {LANGUAGE.name: "en"})
    found = MeasureQuality()(record)
    assert all(
        0 <= float(value) <= 1
        for name, value in found.facts.items()
        if name.endswith("_ratio") and "hash" not in name and "ellipsis_r" not in name
    )
    assert MeasureQuality()(record) == found


# ---- C4's lines


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("This line is a sentence.", ""),
        ("“This is said.”", ""),
        ("This line has no stop", "no_stop"),
        ("This line goes on...", "no_stop"),
        ("Too few.", "few_words"),
        ("Please enable Javascript to see it.", "javascript"),
        ("Read our Privacy Policy before you go.", "policy"),
        (f"A {'x' * 1001} word.", "long_word"),
        (f"A {'x' * 999}. word.", ""),
        ("这是一个句子。", ""),
        ("这句。", "few_words"),
        ("ประโยคนี้ไม่มีจุด", ""),
    ],
)
def test_lines_of_c4(line: str, rule: str) -> None:
    text, removed, _ = clean_lines(line)
    assert (text, dict(removed)) == (("", {rule: 1}) if rule else (line, {}))


def test_what_was_removed_is_counted_and_the_text_measured_anew() -> None:
    text = "Home | About\nA first sentence here.[12]\n\n\nMore\n\nA second one[edit] is here."
    found = CleanLines()(document(text))
    assert isinstance(found, Document)
    assert found.text == "A first sentence here.\n\nA second one is here."
    assert {rule: found.facts[NUM_REMOVED[rule].name] for rule in LINE_RULES} == {
        "long_word": 0,
        "no_stop": 2,
        "few_words": 0,
        "javascript": 0,
        "policy": 0,
    }
    assert found.facts[NUM_CITATIONS.name] == 2
    assert (found.facts[NUM_CHARS.name], found.facts[DIGEST.name]) == (len(found.text), text_digest(found.text))


def test_a_page_without_sentences_says_which_rules_took_its_lines() -> None:
    found = CleanLines()(document("Home\nAbout us\nNo."))
    assert isinstance(found, Reject)
    assert (found.reason, found.detail) == (NO_LINES.name, "c4 removed all 3 lines: no_stop 2, few_words 1")


@pytest.mark.parametrize("domain", [MATHS, CODE])
def test_maths_and_code_keep_their_lines(domain: str) -> None:
    found = CleanLines()(document("for x in y:\n    z[0]", **{DOMAIN.name: domain}))
    assert isinstance(found, Document)
    assert found.text == "for x in y:\n    z[0]"


def test_lines_of_fenced_code_are_not_judged_as_prose() -> None:
    prose = "The function below makes a list of numbers, and it is short enough to be read at a glance.\nIt ends when the list is full."
    code = "```python\nx = 1\ny = 2\nx = 1\n}\n```"
    whole, alone = measure_quality(f"{prose}\n\n{code}", "en"), measure_quality(prose, "en")
    for name in ("num_lines", "short_line_ratio", "punctuated_line_ratio", "bullet_line_ratio"):
        assert whole[f"quality.{name}"] == alone[f"quality.{name}"], name
    assert whole["quality.num_words"] == alone["quality.num_words"] + 7
    assert measure_repetition(f"{prose}\n\n{code}")["quality.dup_line_ratio"] == 0
    assert measure_quality(code)["quality.num_lines"] == 6  # a text that is nothing but code is measured as it is
