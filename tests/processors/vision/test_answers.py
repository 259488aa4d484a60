"""Given answers: blind, empty and repeated ones are told apart from honest ones; a model that sees pictures is asked for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from processors.dialogue import LANGUAGE
from processors.messages import MessagesTask
from processors.tasks.writing import WRITTEN_BY, Prompt, WriteByModel
from processors.vision.answers import MEASURED_LANGUAGE, NUM_ANSWERS, AnswerWriting, CheckGivenAnswers, is_blind
from schemas.outcome import Reject
from schemas.records import Conversation, Origin, Row, learned_texts


def row(*, image: bool = True, **fields: object) -> Row:
    return Row("k", Origin("test"), fields, {"image": b"bytes of a picture"} if image else {})


def checked(*, image: bool = True, require_image: bool = False, **fields: object) -> Conversation | Reject:
    record = MessagesTask()(row(image=image, **fields))
    assert isinstance(record, Conversation), record
    return CheckGivenAnswers(require_image)(record)


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I cannot see the image. Could you describe it?",
        "I can’t view images directly, but I can help if you describe it.",
        "As a text-based AI model, I cannot see pictures.",
        "I am unable to access the attached photo.",
        "Unfortunately, no image was provided.",
        "It looks like no picture has been attached to your message.",
        "I don't see any image. Please upload the image and I will describe it.",
        "Could you upload the picture again?",
        "I do not have the ability to see images.",
        "很抱歉,我无法查看您提供的图片。",
        "申し訳ありませんが、画像を見ることができません。",
        "Leider kann ich das Bild nicht sehen.",
        "Je ne peux pas voir l'image.",
        "Lo siento, no puedo ver la imagen.",
    ],
)
def test_blind_answers(answer: str) -> None:
    assert is_blind(answer)
    result = checked(question="What is it?", answer=answer)
    assert isinstance(result, Reject) and result.reason == "blind_answer"
    assert isinstance(checked(image=False, question="What is it?", answer=answer), Conversation)  # honest where there is no picture


@pytest.mark.parametrize(
    "answer",
    [
        "A dog on a lawn.",
        "You cannot see the man's face in the image, since he looks away.",
        "I cannot see any cars in the picture.",
        "I can't tell from the picture which day it is.",
        "The picture shows a person who cannot see the image on the screen behind her.",
        "No image of the product is printed on the box.",
        "The sign says: please provide your ticket.",
        "I don't see a photo frame on the wall.",
        "The screen displays an upload form with a button for pictures.",
        "I cannot see the image's left edge clearly, but it seems to be a wall.",
    ],
)
def test_answers_of_somebody_who_saw_the_picture(answer: str) -> None:
    assert not is_blind(answer)
    assert isinstance(checked(question="What is it?", answer=answer), Conversation)


@pytest.mark.parametrize("answer", ["...", "-", "?!", "\u2026"])
def test_empty_answers(answer: str) -> None:
    result = checked(question="What is it?", answer=answer)
    assert isinstance(result, Reject) and result.reason == "empty_answer"
    assert isinstance(checked(question="What is it?", answer="5"), Conversation)


def turns(*said: tuple[str, str]) -> list[dict[str, str]]:
    return [{"from": who, "value": text} for question, answer in said for who, text in (("human", question), ("gpt", answer))]


def test_repeated_turns() -> None:
    twice = checked(conversations=turns(("<image> What is it?", "A dog."), ("Which colour?", "Brown."), ("which colour?", "brown.")))
    assert isinstance(twice, Reject) and twice.reason == "repeated_turn"
    assert "colour" in twice.detail
    assert isinstance(checked(conversations=turns(("<image> Is it a dog?", "Yes."), ("Is it brown?", "Yes."))), Conversation)
    assert isinstance(checked(conversations=turns(("<image> Which colour?", "Brown."), ("Which colour?", "Dark brown."))), Conversation)


def test_an_image_may_be_required() -> None:
    result = checked(image=False, require_image=True, question="Why?", answer="Because.")
    assert isinstance(result, Reject) and result.reason == "no_image"
    assert isinstance(checked(require_image=True, question="Why?", answer="Because."), Conversation)


def test_the_language_is_as_stated_or_as_measured() -> None:
    def language(**fields: object) -> object:
        record = checked(question="?", **fields)
        assert isinstance(record, Conversation)
        assert record.facts[NUM_ANSWERS.name] == 1
        return record.facts[MEASURED_LANGUAGE.name]

    assert language(answer="Der Hund liegt im Garten und schläft in der Sonne.") == "de"
    assert language(answer="A dog sleeps in the garden in the sun.") == "en"
    assert language(answer="42") == ""
    assert language(answer="42", lang="fr") == "fr"


# ---- written by a model


@dataclass(frozen=True)
class Echo:
    """An engine that answers with how many pictures it was shown."""

    name: str = "echo"

    def identity(self) -> str:
        return "echo 1"

    @contextmanager
    def open(self) -> Iterator[Callable[[list[Prompt]], list[str]]]:
        yield lambda prompts: [f"I was shown {len(prompt.images)}: {prompt.text.splitlines()[0]}" for prompt in prompts]


def written(given: Row) -> Row | Reject:
    step = WriteByModel(Echo(), AnswerWriting())
    prompts = step.questions(given)
    if isinstance(prompts, Reject):
        assert prompts.reason in {reason.name for reason in step.reasons}
        return prompts
    with step.open() as write:
        return step.answer(given, write(prompts))


def test_a_model_is_shown_the_pictures_and_answers_the_question() -> None:
    done = written(row(question="What is it?"))
    assert isinstance(done, Row)
    assert done.facts[WRITTEN_BY.name] == "echo"
    record = MessagesTask()(done)
    assert isinstance(record, Conversation)
    assert learned_texts(record) == ["I was shown 1: What is it?"]


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}]},
        {"conversations": [{"from": "human", "value": "<image>\nWhat is it?"}]},
    ],
)
def test_an_open_conversation_is_answered_in_its_own_spelling(fields: dict[str, object]) -> None:
    done = written(row(**fields))
    assert isinstance(done, Row)
    record = MessagesTask()(done)
    assert isinstance(record, Conversation)
    assert learned_texts(record) == ["I was shown 1: What is it?"]
    assert record.facts[LANGUAGE.name] == ""


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (row(image=False, question="What is it?"), "no_image"),
        (row(), "no_question"),
        (row(question="What is it?", answer="A dog."), "no_question"),
        (row(messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]), "no_question"),
    ],
)
def test_rows_that_ask_nothing_are_refused(given: Row, reason: str) -> None:
    result = written(given)
    assert isinstance(result, Reject) and result.reason == reason


@pytest.mark.parametrize("reply", ["", " \n", "I cannot see the image."])
def test_replies_of_a_model_that_saw_nothing_are_refused(reply: str) -> None:
    result = AnswerWriting().read(row(question="What is it?"), reply)
    assert isinstance(result, Reject) and result.reason == "bad_reply"
