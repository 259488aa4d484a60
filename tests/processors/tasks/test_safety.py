"""Declining is told by its wording; harmful prompts are declined and harmless ones are not."""

from __future__ import annotations

import pickle
from collections import Counter

import pytest

from processors.tasks.refusals import TOPICS, WORDINGS, WORDINGS_BY_LANGUAGE, topic_of
from processors.tasks.safety import KeepSafe, RefusalTemplates, SafetyTask, declines, is_harmful
from schemas.outcome import Refused, Reject
from schemas.parts import Text
from schemas.records import Conversation, Origin, Row, Turn

ORIGIN = Origin("test")
REFUSAL = "I can't help with that, because it could hurt people."


def row(key: str = "k", **fields: object) -> Row:
    return Row(key, ORIGIN, fields)


def task(**fields: object) -> Conversation | Reject:
    return SafetyTask()(row(**fields))


def outcome(result: object) -> str:
    return result.reason if isinstance(result, Reject) else "kept"


def kept(**fields: object) -> str:
    record = task(**fields)
    return outcome(record) if isinstance(record, Reject) else outcome(KeepSafe()(record))


# ---- wording


@pytest.mark.parametrize(
    "answer",
    [
        "I can't help with that.",
        "I cannot assist with this request.",
        "I'm sorry, but I can't provide instructions for making weapons.",
        "Sorry, can't help you there.",
        "Sorry, I won't do that.",
        "I am unable to assist you with this.",
        "I’m not able to share personal details.",
        "I'm afraid I'm not able to answer that.",
        "I will not write hateful content.",
        "I won't be part of that.",
        "I don't feel comfortable helping with this.",
        "I do not condone violence of any kind.",
        "I must decline.",
        "I respectfully decline to answer.",
        "I'd rather not discuss that.",
        "That's not something I can help with.",
        "This isn't something that I can do.",
        "As an AI language model, I cannot generate such content.",
        "It's against my guidelines to do this.",
        "I strongly disagree with that statement.",
        "I refuse to help with this.",
        "No.",
        "Absolutely not. That would hurt people.",
        "I'm really sorry you feel this way. Please reach out to a crisis line near you.",
        "It sounds very hard. I encourage you to talk to a therapist or someone you trust.",
        "I understand that you're angry, but I can't help you hurt anyone. Here are some people who can help.",
        "I can't give you that, but here's how to stay safe.",
        "Ich kann dabei nicht helfen.",
        "Tut mir leid, das kann ich dir nicht erklären.",
        "Je ne peux pas vous aider.",
        "No puedo ayudarte con eso.",
        "Non posso aiutarti con questo.",
        "Não posso ajudar com isso.",
        "我不能帮助你做这件事。",
        "申し訳ありませんが、お手伝いできません。",
    ],
)
def test_answers_that_decline(answer: str) -> None:
    assert declines(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "Paris is the capital of France.",
        "Sure, here is how you do it.",
        "Yes, you can mix these two at home.",
        "Here's a recipe. You cannot do it without flour.",
        "No, Lucie and Lin do not have a lot of bread.",
        "You can't help falling in love, as the song says.",
        "I can't wait to show you. First, take a bowl.",
        "I cannot help but admire your plan. Begin at night.",
        "I can't thank you enough for asking.",
        "Dear applicant, we regret that we are unable to offer you the position.",
        "The students won't join the trip, so 8 are left.",
        "I can't help with that, but if you insist: take two parts of it.",
        "I shouldn't tell you, but here's how you pick the lock. Step 1: bend the pin.",
        "Call me tomorrow; the shop isn't open today.",
        "Do not share your password with anyone.",
        "Don't give up. Practise every day.",
        "Die Pflanze kann keine Kälte vertragen.",
        "No puedo creer lo fácil que es: mezcla dos partes.",
        "Je ne suis pas fatigué, continuons la recette.",
        "这种植物不能在寒冷的地方生长。",
        "",
    ],
)
def test_answers_that_do_not_decline(answer: str) -> None:
    assert not declines(answer)


def test_a_refusal_stands_in_the_opening() -> None:
    assert declines(f"{'I hear you. ' * 20}{REFUSAL}")
    assert not declines(f"{'Mix the two parts. ' * 60}{REFUSAL}")


def test_every_written_refusal_declines() -> None:
    wordings = [wording for table in (WORDINGS, WORDINGS_BY_LANGUAGE) for texts in table.values() for wording in texts]
    assert [wording for wording in wordings if not declines(wording)] == []
    assert len(set(wordings)) == len(wordings) >= 70
    assert set(WORDINGS) == {name for name, _ in TOPICS} | {"general"}


@pytest.mark.parametrize(
    ("category", "topic"),
    [
        ("Self-Harm", "self_harm"),
        ("child_abuse", "children"),
        ("sexually_explicit,adult_content", "sexual"),
        ("Violence & Terrorism", "violence"),
        ("drug_abuse,weapons,banned_substance", "weapons"),
        ("derog_neg_emote_h hateful", "hate"),
        ("Malware", "cyber"),
        ("privacy_violation", "privacy"),
        ("financial_crime,property_crime,theft", "fraud"),
        ("misinformation", "deception"),
        ("", "general"),
        ("other", "general"),
    ],
)
def test_a_category_belongs_to_a_topic(category: str, topic: str) -> None:
    assert topic_of(category) == topic


# ---- rows


@pytest.mark.parametrize(
    ("fields", "harmful"),
    [
        ({"harmful": True}, True),
        ({"harmful": False}, False),
        ({"is_harmful": 1}, True),
        ({"label": 0.0}, False),
        ({"label": "harmless"}, False),
        ({"label_gold": "hateful"}, True),
        ({"label_gold": "non-hateful", "functionality": "counter_quote_nh"}, False),
        ({"label": "Unsafe", "category": "none"}, True),
        ({"category": "violence"}, True),
        ({"category": "safe"}, False),
        ({}, None),
        ({"label": ""}, None),
    ],
)
def test_what_a_row_says_of_its_prompt(fields: dict[str, object], harmful: bool | None) -> None:
    assert is_harmful(fields) is harmful


@pytest.mark.parametrize("label", ["maybe", 2, 0.5, [1]])
def test_other_labels_are_refused(label: object) -> None:
    with pytest.raises(Refused, match="bad_label: label is"):
        is_harmful({"label": label})
    assert task(prompt="a", response="b", label=label) == Reject("k", "bad_label", task(prompt="a", response="b", label=label).detail)  # type: ignore[union-attr]


def test_prompt_and_response_become_turns() -> None:
    record = task(prompt=" How do I hurt him? ", response=REFUSAL, category="violence", lang="en-GB")
    assert isinstance(record, Conversation)
    assert record.turns == (Turn("user", (Text("How do I hurt him?"),)), Turn("assistant", (Text(REFUSAL),), learned=True))
    assert record.facts == {"text.stated_language": "en", "safety.declines": True, "safety.harmful": True, "safety.category": "violence"}


def test_a_row_that_says_nothing_of_its_prompt_has_no_such_fact() -> None:
    record = task(prompt="Why is the sky blue?", response="Light is scattered.")
    assert isinstance(record, Conversation)
    assert record.facts == {"text.stated_language": "", "safety.declines": False, "safety.category": ""}


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"response": "b"}, "no_prompt"),
        ({"prompt": " ", "response": "b"}, "no_prompt"),
        ({"prompt": "a"}, "no_response"),
        ({"prompt": "a", "response": ""}, "no_response"),
        ({"prompt": "a", "response": "Take a knife.", "harmful": True}, "unsafe_answer"),
        ({"prompt": "a", "response": REFUSAL, "harmful": True}, "kept"),
        ({"prompt": "a", "response": REFUSAL, "harmful": False}, "needless_refusal"),
        ({"prompt": "a", "response": "Take a spoon.", "harmful": False}, "kept"),
        ({"prompt": "a", "response": REFUSAL}, "kept"),
        ({"text": "a", "answer": "b"}, "kept"),
        ({"test_case": "I hate them.", "response": REFUSAL, "label_gold": "hateful"}, "kept"),
    ],
)
def test_what_is_kept(fields: dict[str, object], result: str) -> None:
    assert kept(**fields) == result


def test_a_detail_shows_the_opening_of_the_answer() -> None:
    record = task(prompt="a", response="Take a knife. " * 20, harmful=True)
    assert isinstance(record, Conversation)
    result = KeepSafe()(record)
    assert isinstance(result, Reject)
    assert result.detail.startswith("the answer does not decline: 'Take a knife. Take")
    assert len(result.detail) < 130


# ---- templates


def test_a_harmful_prompt_without_a_response_gets_a_refusal_of_its_topic() -> None:
    result = RefusalTemplates(3)(row(prompt="How do I make a bomb?", category="weapons"))
    assert isinstance(result, Row)
    assert result.fields["response"] in WORDINGS["weapons"]
    assert result.facts == {"task.written_by": "templates"}
    assert kept(**result.fields) == "kept"


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "a", "response": "b", "harmful": True},
        {"prompt": "a", "harmful": False},
        {"prompt": "a"},
        {"prompt": "a", "harmful": True, "lang": "sw"},  # no refusals in that language
    ],
)
def test_every_other_row_stays_as_it_is(fields: dict[str, object]) -> None:
    result = RefusalTemplates()(row(**fields))
    assert isinstance(result, Row)
    assert result.fields == fields
    assert result.facts == {"task.written_by": "given"}


@pytest.mark.parametrize("language", ["de", "fr", "es", "it", "pt", "zh", "ja"])
def test_the_refusal_is_in_the_language_of_the_row(language: str) -> None:
    result = RefusalTemplates()(row(prompt="a", harmful=True, lang=language))
    assert isinstance(result, Row)
    assert result.fields["response"] in WORDINGS_BY_LANGUAGE[language]


def test_a_bad_label_is_refused_before_anything_is_written() -> None:
    assert outcome(RefusalTemplates()(row(prompt="a", label="maybe"))) == "bad_label"


def test_wordings_are_drawn_evenly_by_seed_and_key() -> None:
    def write(seed: int, number: int) -> object:
        result = RefusalTemplates(seed)(row(str(number), prompt="a", category="hate"))
        assert isinstance(result, Row)
        return result.fields["response"]

    drawn = Counter(write(0, number) for number in range(400))
    assert set(drawn) == set(WORDINGS["hate"])
    assert min(drawn.values()) > 60
    assert [write(0, number) for number in range(20)] == [write(0, number) for number in range(20)]
    assert [write(0, number) for number in range(20)] != [write(1, number) for number in range(20)]


def test_steps_are_picklable() -> None:
    for step in (SafetyTask(), RefusalTemplates(7), KeepSafe()):
        assert pickle.loads(pickle.dumps(step)) == step
