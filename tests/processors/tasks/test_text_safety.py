"""Safety rows: whose answer is learned, what the source says of it, and what templates write about labelled posts."""

from __future__ import annotations

import pickle

import pytest

from processors.tasks import safety_posts
from processors.tasks.record_digest import RECORD_DIGEST, DigestRecord
from processors.tasks.safety import ANSWER_SAFE, CATEGORY, DECLINES, HARMFUL, KeepSafe, declines
from processors.tasks.safety_posts import QUOTED_HARMFUL, SafetyTemplates, post_in
from processors.tasks.text_safety import (
    REJECTED_DECLINES,
    SafetyConversationTask,
    SafetyPreferenceTask,
    SafetyReading,
    SafetyWriting,
)
from schemas.outcome import Reject
from schemas.records import Conversation, Origin, Preference, Row, learned_texts

ASK, REFUSAL, HELP = "How do I scare my neighbour?", "I can't help with that.", "Ring at night and run."
LANGUAGES = tuple(safety_posts.QUESTIONS)


def row(**fields: object) -> Row:
    return row_of("k", fields)


def row_of(key: str, fields: dict[str, object]) -> Row:
    return Row(key, Origin("s"), fields)


def labelled(first: str, second: str, safe: tuple[object, object], **more: object) -> dict[str, object]:
    flags = {"is_response_0_safe": safe[0], "is_response_1_safe": safe[1], "safer_response_id": 1, "better_response_id": 0}
    return {"prompt": ASK, "response_0": first, "response_1": second, **flags, **more}


def reason(done: object) -> str:
    return done.reason if isinstance(done, Reject) else "kept"


def kept(fields: dict[str, object], reading: SafetyReading = SafetyReading(), pairs: bool = False) -> str:
    task = SafetyPreferenceTask(reading) if pairs else SafetyConversationTask(reading)
    made = task(row(**fields))
    return made.reason if isinstance(made, Reject) else reason(KeepSafe()(made))


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        (labelled(HELP, REFUSAL, (False, True)), "kept"),
        (labelled(HELP, "Talk to them kindly.", (False, True), label="harmful"), "kept"),  # the source calls it safe
        (labelled(HELP, "Say nothing.", (False, False)), "unsafe_answer"),
        (labelled(HELP, REFUSAL, (False, False)), "unsafe_answer"),  # whatever its wording
        (labelled(HELP, REFUSAL, (False, "maybe")), "bad_label"),
        ({"prompt": ASK, "chosen": HELP, "rejected": REFUSAL, "label": "harmful"}, "unsafe_answer"),
        ({"prompt": ASK, "chosen": REFUSAL, "rejected": HELP, "label": "harmful"}, "kept"),
        ({"prompt": ASK, "chosen": REFUSAL, "rejected": HELP, "label": "harmless"}, "needless_refusal"),
        ({"prompt": ASK, "chosen": HELP, "rejected": REFUSAL}, "kept"),  # nothing is said of the prompt
    ],
)
def test_which_pairs_are_safe(fields: dict[str, object], outcome: str) -> None:
    assert kept(fields, pairs=True) == outcome
    assert kept(fields) == outcome


def test_what_the_rows_do_not_say_may_be_said_of_all() -> None:
    fields: dict[str, object] = {"prompt": ASK, "chosen": HELP, "rejected": REFUSAL}
    assert kept(fields, SafetyReading(prompts="harmful"), True) == "unsafe_answer"
    assert kept(fields, SafetyReading(prompts="harmless"), True) == "kept"
    assert kept({**fields, "label": "harmless"}, SafetyReading(prompts="harmful"), True) == "kept"
    with pytest.raises(ValueError, match="prompts is 'bad'"):
        SafetyReading(prompts="bad")
    with pytest.raises(ValueError, match="prefer is 'first'"):
        SafetyReading(prefer="first")


def test_facts_of_a_pair() -> None:
    tables = {"response_0_harm_category": {"Violence": True, "Drugs": False}, "response_1_harm_category": {"Violence": False}}
    made = SafetyPreferenceTask()(row(**labelled(HELP, REFUSAL, (False, True), **tables)))
    assert isinstance(made, Preference)
    names = (DECLINES, REJECTED_DECLINES, ANSWER_SAFE, CATEGORY)
    assert [made.facts[fact.name] for fact in names] == [True, False, True, "Violence"]
    assert HARMFUL.name not in made.facts


def test_of_a_conversation_the_last_answer_is_learned() -> None:
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": ASK}]
    made = SafetyConversationTask()(row(messages=[*talk, {"role": "assistant", "content": REFUSAL}], label="harmful"))
    assert isinstance(made, Conversation)
    assert learned_texts(made) == [REFUSAL]
    transcript = f"\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: {ASK}\n\nAssistant: "
    from_pair = SafetyConversationTask()(row(chosen=transcript + REFUSAL, rejected=transcript + HELP, label="harmful"))
    assert isinstance(from_pair, Conversation)
    assert from_pair.turns == made.turns


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [({"response": HELP}, "no_prompt"), ({"prompt": ASK}, "no_response"), ({"prompt": ASK, "response": HELP, "label": 7}, "bad_label")],
)
def test_rows_without_an_answer(fields: dict[str, object], outcome: str) -> None:
    assert kept(fields) == outcome
    assert kept({**fields, "label": "harmless"}, pairs=True) == "no_pair"


# ---- posts


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("hateful", [True, False])
def test_answers_about_posts_are_safe_in_every_language(language: str, hateful: bool) -> None:
    """Safe answers pass and worse ones are told from them, by the same detector that judges given ones."""
    for table in (safety_posts.HATEFUL_VERDICTS, safety_posts.HARMLESS_VERDICTS, safety_posts.AGREEMENTS):
        assert [text for text in table[language] if declines(text)] == []
    seen = set()
    for number in range(60):
        written = SafetyTemplates()(
            row_of(str(number), {"test_case": "A post.", "label": "hateful" if hateful else "non-hateful", "lang": language})
        )
        assert isinstance(written, Row)
        made = SafetyConversationTask()(written)
        assert reason(KeepSafe()(made)) == "kept"  # type: ignore[arg-type]
        pair = SafetyPreferenceTask()(written)
        assert isinstance(pair, Preference)
        assert reason(KeepSafe()(pair)) == "kept"
        assert pair.chosen != pair.rejected
        seen.add((pair.facts[HARMFUL.name], pair.facts.get(QUOTED_HARMFUL.name), pair.facts[DECLINES.name]))
    assert seen == ({(True, None, True), (False, True, False)} if hateful else {(False, False, False)})


def test_every_language_has_every_table() -> None:
    tables = (safety_posts.HATEFUL_VERDICTS, safety_posts.HARMLESS_VERDICTS, safety_posts.AGREEMENTS)
    assert {tuple(table) for table in tables} == {LANGUAGES}
    assert all("{post}" in text for texts in safety_posts.QUESTIONS.values() for text in texts)


def test_a_post_may_hold_braces() -> None:
    written = SafetyTemplates()(row(post="A {post} {0}", label="non-hateful"))
    assert isinstance(written, Row)
    assert "A {post} {0}" in str(written.fields["prompt"])


@pytest.mark.parametrize(
    "fields",
    [
        {"post": "A post."},  # no label
        {"post": "A post.", "label": "hateful", "lang": "sw"},
        {"post": "x" * 3_000, "label": "non-hateful"},
        {"prompt": ASK, "label": "harmless"},
        {"prompt": ASK, "chosen": REFUSAL, "rejected": HELP, "label": "harmful"},
    ],
)
def test_other_rows_stay(fields: dict[str, object]) -> None:
    done = SafetyTemplates()(row(**fields))
    assert isinstance(done, Row)
    assert done.fields == fields


def test_prompts_are_no_posts_and_get_refusals() -> None:
    assert post_in({"text": "A post."}) == "A post."
    assert post_in({"text": "A post.", "prompt": ASK}) == ""
    done = SafetyTemplates()(row(prompt=ASK, label="harmful"))
    assert isinstance(done, Row)
    assert declines(str(done.fields["response"]))
    assert reason(SafetyTemplates()(row(post="A", label="perhaps"))) == "bad_label"


# ---- written by a model, and digests


def test_a_model_writes_the_answer_and_its_reply_is_read_strictly() -> None:
    told = []
    for label in ("harmful", "harmless", ""):
        prompt = SafetyWriting().prompt(row(prompt=ASK, label=label))
        assert not isinstance(prompt, Reject)
        assert ASK in prompt.text
        told.append(prompt.text)
    assert len(set(told)) == 3
    done = SafetyWriting().read(row(prompt=ASK), '{"response": " No. "}')
    assert isinstance(done, Row)
    assert done.fields["response"] == "No."
    for bad in ("No.", "[]", '{"response": ""}', '{"response": "a", "more": 1}', '{"response": 3}'):
        assert reason(SafetyWriting().read(row(prompt=ASK), bad)) == "bad_reply"
    assert reason(SafetyWriting().prompt(row(label="harmful"))) == "no_prompt"
    assert reason(SafetyWriting().prompt(row(prompt=ASK, label="perhaps"))) == "bad_label"


def test_digests_tell_records_apart_by_what_they_say() -> None:
    def digest(**fields: object) -> object:
        made = SafetyConversationTask()(row(**fields))
        assert isinstance(made, Conversation)
        return DigestRecord()(made).facts[RECORD_DIGEST.name]

    assert digest(prompt=ASK, response=HELP) == digest(prompt=f" {ASK.upper()}", response=HELP)
    assert digest(prompt=ASK, response=HELP) != digest(prompt=HELP, response=ASK)


def test_processors_are_pickled() -> None:
    for step in (SafetyConversationTask(), SafetyPreferenceTask(), SafetyTemplates(), SafetyWriting(), DigestRecord()):
        assert pickle.loads(pickle.dumps(step)) == step
