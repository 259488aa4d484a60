"""What an answer about a picture must be whoever wrote it: there, said once, and by someone who saw the picture; and a model that writes one.

Sets of instruction data that models wrote have answers by models that were shown no picture ("I cannot see the image"); these
teach blindness, and are told by their wording.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from processors.dialogue import LANGUAGE, NO_IMAGE, text_field
from processors.language_id import detect_language
from processors.messages import LIST_COLUMNS, media_of
from processors.pairs import ANSWER_COLUMNS, QUESTION_COLUMNS
from processors.tasks.writing import BAD_REPLY, Prompt, with_fields
from schemas.facts import Fact
from schemas.outcome import Reason, Reject
from schemas.parts import Text
from schemas.records import Conversation, Row, Turn, images_of, learned_texts, with_facts

MEASURED_LANGUAGE = Fact(
    "answer.language", str, "Language of the learned answers (ISO 639-1): as stated, else as measured; empty below 12 letters"
)
NUM_ANSWERS = Fact("answer.num_answers", int, "Learned answers of the record")

EMPTY_ANSWER = Reason("empty_answer", "A learned answer says nothing: no letter or digit stands in it")
REPEATED_TURN = Reason("repeated_turn", "The same question is asked and answered again in the same way")
BLIND_ANSWER = Reason("blind_answer", "The answer says that its writer could not see the picture")
NO_QUESTION_TEXT = Reason("no_question", "No user message comes before the first answer")

MIN_LETTERS = 12  # below, a language is a guess
_PICTURE = r"(?:images?|pictures?|photos?|photographs?|screenshots?|attachments?|visuals?|files?)"
_THIS = r"(?:(?:the|this|that|any|your|an?|these|those|provided|attached|uploaded)\s+)*"
_END = r"(?=\s*(?:$|[.,;:!?)—–-]|\b(?:so|but|and|because|since|as|again|directly|here|you|that you|which you|provided|attached|uploaded|in our|at the moment|right now)\b))"
BLIND = re.compile(
    "|".join(
        (
            rf"\b(?:I|we)(?:'m| am)?\s*(?:sorry,? (?:but )?I\s*)?(?:can't|cannot|can not|couldn't|could not|(?:am |'m )?(?:not able|unable) to|do(?:n't| not) "
            rf"(?:actually )?have (?:the )?(?:ability|capability) to|do(?:n't| not))\s+(?:actually |directly |currently )?"
            rf"(?:see|view|access|open|load|display|process|analy[sz]e|interpret|perceive)\s+(?:or \w+ )?{_THIS}{_PICTURE}{_END}",
            rf"\bno {_PICTURE} (?:was|were|is|has been|have been) (?:provided|attached|uploaded|shared|included|given)\b",
            rf"\b(?:don't|do not|didn't|did not) (?:see|receive|get|find) (?:any|an?|the) (?:attached |uploaded )?{_PICTURE}{_END}",
            rf"\b(?:please|could you|can you) (?:provide|upload|attach|share|re-?upload|send) (?:me )?{_THIS}{_PICTURE}{_END}",
            r"\bas (?:an?|this) (?:AI )?(?:text|language)[- ](?:based )?(?:AI |language )?model,? I (?:can't|cannot|am unable|don't|do not)[^.]{0,40}\b(?:see|view|image|picture|visual)",
            r"无法(?:直接)?(?:查看|看到|访问|打开)(?:您|你)?(?:提供|上传|发送)?的?(?:这张)?(?:图片|图像|照片)",
            r"画像を(?:直接)?(?:見る|確認する|表示する)ことができ(?:ません|ない)",
            r"\b(?:ich kann|kann ich) (?:das|die|dieses|diese|keine?) (?:Bild(?:er)?|Fotos?) (?:leider )?(?:nicht )?(?:sehen|ansehen|öffnen)\b",
            r"\bje ne (?:peux|vois) pas (?:voir |ouvrir )?(?:l'image|la photo|d'image)\b",
            r"\bno puedo (?:ver|abrir|acceder a) (?:la imagen|imágenes|la foto)\b",
        )
    ),
    re.I,
)


def is_blind(answer: str) -> bool:
    """Whether an answer says, in its opening, that no picture was seen."""
    return BLIND.search(" ".join(answer[:400].replace("’", "'").split())) is not None


def says_nothing(answer: str) -> bool:
    return not any(char.isalnum() for char in answer)


@dataclass(frozen=True, slots=True)
class CheckGivenAnswers:
    """Keeps conversations whose every learned answer says something, once, and by someone who saw the picture; measures their language."""

    require_image: bool = False
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE,)
    writes: ClassVar = (MEASURED_LANGUAGE, NUM_ANSWERS)
    reasons: ClassVar = (NO_IMAGE, EMPTY_ANSWER, REPEATED_TURN, BLIND_ANSWER)
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        has_image = next(images_of(record), None) is not None
        if self.require_image and not has_image:
            return Reject(record.key, NO_IMAGE.name, "expected an image in the conversation")
        answers = learned_texts(record)
        if not answers or any(map(says_nothing, answers)):
            empty = next((number for number, answer in enumerate(answers) if says_nothing(answer)), 0)
            return Reject(record.key, EMPTY_ANSWER.name, f"answer {empty} is {(answers[empty] if answers else '')[:40]!r}")
        blind = next((answer for answer in answers if has_image and is_blind(answer)), None)
        if blind is not None:
            return Reject(record.key, BLIND_ANSWER.name, f"the answer starts {blind[:120]!r}")
        repeated = _repeated(record.turns)
        if repeated:
            return Reject(record.key, REPEATED_TURN.name, f"{repeated[:80]!r} is asked and answered twice alike")
        return with_facts(record, {MEASURED_LANGUAGE.name: _language(record, answers), NUM_ANSWERS.name: len(answers)})


def _text(turn: Turn) -> str:
    return "\n".join(part.text for part in turn.parts if isinstance(part, Text))


def _repeated(turns: tuple[Turn, ...]) -> str:
    """A question that comes twice with the same answer, empty where none does."""
    seen: set[tuple[str, str]] = set()
    asked, has_media = "", False
    for turn in turns:
        if turn.role == "user":
            asked, has_media = _text(turn), len(turn.parts) > sum(isinstance(part, Text) for part in turn.parts)
        elif turn.role == "assistant" and asked and _text(turn):
            pair = asked.casefold(), _text(turn).casefold()
            if pair in seen and not has_media:  # the same question about another picture is another question
                return asked
            seen.add(pair)
    return ""


def _language(record: Conversation, answers: list[str]) -> str:
    stated = str(record.facts[LANGUAGE.name])
    text = " ".join(answers)
    if stated or sum(map(str.isalpha, text)) < MIN_LETTERS:
        return stated
    return detect_language(text)[0]


@dataclass(frozen=True, slots=True)
class AnswerWriting:
    """A language model that sees pictures answers the row's question about them. A row that has its answer is not asked about.

    The question stands in a column of its own, or is the last user message of a conversation without an answer.
    """

    max_tokens: int = 1_024
    reasons: ClassVar = (NO_IMAGE, NO_QUESTION_TEXT)

    def prompt(self, row: Row) -> Prompt | Reject:
        images = tuple(image.source for image in media_of(row)[0] if image.source is not None)
        if not images:
            return Reject(row.key, NO_IMAGE.name, "expected image or images in the row")
        question = _question(row.fields)
        if not question:
            return Reject(
                row.key,
                NO_QUESTION_TEXT.name,
                f"expected text in one of {', '.join(QUESTION_COLUMNS)}, or a user message without an answer",
            )
        text = (
            f"{question}\n\nAnswer from what can be seen in the picture{'s' if len(images) > 1 else ''}. Say what cannot be told from "
            "there rather than guess. Reply with the answer alone, in the language of the question."
        )
        return Prompt(text, "You answer questions about pictures, exactly and in full.", self.max_tokens, images)

    def read(self, row: Row, reply: str) -> Row | Reject:
        answer = reply.strip()
        if says_nothing(answer):
            return Reject(row.key, BAD_REPLY.name, "the reply is empty, expected an answer")
        if is_blind(answer):
            return Reject(row.key, BAD_REPLY.name, f"the model did not see the picture: {answer[:80]!r}")
        name = next((name for name in LIST_COLUMNS if row.fields.get(name)), None)
        if name is None:
            return with_fields(row, answer=answer)
        messages = row.fields[name]
        assert isinstance(messages, list)
        spelt = "from" if isinstance(messages[-1], Mapping) and "from" in messages[-1] else "role"
        reply_message = {"from": "gpt", "value": answer} if spelt == "from" else {"role": "assistant", "content": answer}
        return with_fields(row, **{name: [*messages, reply_message]})


def _question(fields: Mapping[str, object]) -> str:
    """The question that a row leaves open, empty where it asks none or has its answer."""
    messages = next((fields[name] for name in LIST_COLUMNS if fields.get(name)), None)
    if messages is None:
        return "" if text_field(fields, *ANSWER_COLUMNS) else text_field(fields, *QUESTION_COLUMNS)
    last = messages[-1] if isinstance(messages, list) else None
    if not isinstance(last, Mapping) or str(last.get("role", last.get("from"))).lower() not in ("user", "human"):
        return ""
    content = last.get("content", last.get("value"))
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    joined = "\n".join(text for text in texts if isinstance(text, str))
    return re.sub(r"<\|?image(?:_\d{1,4})?\|?>", "", joined).strip()
