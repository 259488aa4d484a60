"""How chat rows spell a conversation: roles, markers of media, tool calls, and the plain columns of instruction data.

Read are OpenAI messages (`role`, `content` as text or parts, `tool_calls`), ShareGPT and LLaVA conversations (`from`, `value`,
`<image>` and `<audio>` inside the text), and rows with a question and an answer in columns of their own. Media are the row's
files in order (blobs `image`, `image.1`, ..., `audio`, ...); a marker says where the next one stands and vanishes from the text.
As in the official processor the number in `<|image_2|>` is ignored: media are taken in order of appearance.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.dialogue import LANGUAGE, NO_IMAGE, language_field, text_field
from processors.pairs import ANSWER_COLUMNS, PAIR_COLUMNS, QUESTION_COLUMNS, as_pair, listed_pairs
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Audio, Image, Part, Text, ToolCall, ToolResult, Tools
from schemas.records import Conversation, Row, Turn

NO_MESSAGES = Reason("no_messages", "The row has no messages, no conversations, and no question with an answer")
BAD_MESSAGE = Reason("bad_message", "A message has an unknown role, a value of the wrong type, or nothing in it")
WRONG_IMAGE_COUNT = Reason("wrong_image_count", "The messages mark more or fewer images than the row has")
WRONG_AUDIO_COUNT = Reason("wrong_audio_count", "The messages mark more or fewer audio clips than the row has")
NO_QUESTION = Reason("no_question", "No user message comes before the first answer")
NO_ANSWER = Reason("no_answer", "No answer is learned")
NO_PAIRS = Reason("no_pairs", "The row has no list of question-answer pairs, or an empty one")
BAD_PAIR = Reason("bad_pair", "A question-answer pair lacks its question or its answer, or has another shape")
MESSAGE_REASONS = (NO_MESSAGES, BAD_MESSAGE, WRONG_IMAGE_COUNT, WRONG_AUDIO_COUNT, NO_QUESTION, NO_ANSWER)

TOOL_RESULT_ROLE = "tool_response"  # the template's `<|tool|>` holds the list of tools, not what they answered
ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "bot", "model", "chatbot", "function_call"), "assistant"),
    **dict.fromkeys(("tool", "function", "observation", TOOL_RESULT_ROLE), TOOL_RESULT_ROLE),
}
LIST_COLUMNS = ("messages", "conversations", "conversation")
CONTEXT_COLUMNS = ("input", "context")  # Alpaca, Dolly

_MARKER = re.compile(r"<\|(image|audio|video)(?:_\d{1,4})?\|>|<(image|audio|video)(?:[_ ]?\d{1,4})?>")
_MEDIA_TYPES = {
    **dict.fromkeys(("image", "image_url", "input_image"), "image"),
    **dict.fromkeys(("audio", "audio_url", "input_audio"), "audio"),
}


@dataclass(frozen=True, slots=True)
class _Marker:
    """A place for the row's next file of a kind."""

    kind: str


_Piece = Part | _Marker


@dataclass(frozen=True, slots=True)
class _Message:
    role: str
    pieces: tuple[_Piece, ...]
    learned: bool = False
    call_ids: tuple[str, ...] = ()  # of the calls it makes, or of the one that it answers


# ---- media


def media_of(row: Row) -> tuple[list[Image], list[Audio]]:
    """The row's images and audio clips in order; their bytes are shared, not copied."""
    return [Image(source=data) for data in _files(row, "image")], [Audio(source=data) for data in _files(row, "audio")]


def _files(row: Row, kind: str) -> list[bytes]:
    numbered = {name: int(name[len(kind) + 1 :] or 0) for name in row.blobs if re.fullmatch(rf"{kind}(?:\.\d{{1,6}})?", name)}
    return [row.blobs[name] for name in sorted(numbered, key=lambda name: numbered[name])]


# ---- one message


def _bad(where: str, detail: str) -> Refused:
    return Refused(BAD_MESSAGE, f"{where}: {detail}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _split_markers(text: str, where: str) -> Iterator[_Piece]:
    start = 0
    for found in _MARKER.finditer(text):
        kind = found[1] or found[2]
        if kind == "video":
            raise _bad(where, f"{found[0]} marks a video; expected its frames as images")
        yield Text(text[start : found.start()])
        yield _Marker(kind)
        start = found.end()
    yield Text(text[start:])


def _decode(encoded: str, where: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad(where, f"base64 data that cannot be decoded ({error})") from error


def _medium(kind: str, value: object, where: str) -> _Piece:
    """Inline data becomes the medium itself; a path or address is a place for the row's next file."""
    encoded = None
    if isinstance(value, Mapping):
        encoded, value = value.get("data"), value.get("url")
    if isinstance(value, str) and value.startswith("data:"):
        head, _, encoded = value.partition(",")
        if not head.endswith(";base64"):
            raise _bad(where, f"a data address that starts {_shown(head)}, expected one with ;base64")
    if encoded is None:
        return _Marker(kind)
    if not isinstance(encoded, str) or not encoded:
        raise _bad(where, f"{kind} data is {_shown(encoded)}, expected base64 text")
    data = _decode(encoded, where)
    return Image(source=data) if kind == "image" else Audio(source=data)


def _content(content: object, role: str, where: str) -> Iterator[_Piece]:
    """The pieces of a message's content. Only the user shows media: a marker in another's text is text."""
    for item in content if isinstance(content, list) else [content]:
        if item is None and not isinstance(content, list):
            continue
        if isinstance(item, str):
            item = {"type": "text", "text": item}
        if not isinstance(item, Mapping):
            raise _bad(where, f"content {_shown(item)}, expected text or a list of parts")
        kind = item.get("type", "text")
        if kind in ("text", "input_text", "output_text") and isinstance(item.get("text"), str):
            text = str(item["text"])
            yield from _split_markers(text, where) if role == "user" else (Text(text),)
        elif isinstance(kind, str) and kind in _MEDIA_TYPES and role == "user":
            yield _medium(_MEDIA_TYPES[kind], item.get(kind, item.get(_MEDIA_TYPES[kind])), where)
        else:
            raise _bad(where, f"part {_shown(dict(item))} of a {role} message, expected text, or an image or audio of the user")


def _parse_json(text: str, where: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad(where, f"{_shown(text)} is not JSON ({type(error).__name__})") from error


def tool_call(value: object, where: str) -> ToolCall:
    """A call as OpenAI writes it (with or without `function` around it; arguments as an object or as JSON text).

    Raises: Refused with bad_message.
    """
    if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
        value = value["function"]
    name = value.get("name") if isinstance(value, Mapping) else None
    arguments = value.get("arguments", {}) if isinstance(value, Mapping) else None
    parsed = _parse_json(arguments, where) if isinstance(arguments, str) else arguments
    if not isinstance(name, str) or not name or not isinstance(parsed, Mapping):
        raise _bad(where, f"tool call {_shown(value)}, expected a name and arguments that are a JSON object")
    return ToolCall(name, arguments if isinstance(arguments, str) else json.dumps(parsed, ensure_ascii=False))


def _calls(message: Mapping[str, object], where: str) -> list[ToolCall]:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise _bad(where, f"tool_calls is {_shown(calls)}, expected a list")
    if message.get("function_call"):
        calls = [*calls, message["function_call"]]
    if _raw_role(message) == "function_call":  # ShareGPT with tools: the value is the call, or a list of calls
        value = _raw_content(message)
        parsed = _parse_json(value, where) if isinstance(value, str) else value
        calls = parsed if isinstance(parsed, list) else [parsed]
    return [tool_call(call, where) for call in calls]


def _raw_role(message: Mapping[str, object]) -> object:
    return message.get("role", message.get("from"))


def _raw_content(message: Mapping[str, object]) -> object:
    return message.get("content", message.get("value"))


def _is_learned(message: Mapping[str, object], role: str, where: str) -> bool:
    weight = message.get("weight")  # OpenAI's fine-tuning format: 0 leaves an answer out of the loss
    if weight not in (None, 0, 1):
        raise _bad(where, f"weight is {_shown(weight)}, expected 0 or 1")
    return role == "assistant" and weight != 0


def _read_message(message: object, number: int, names: dict[str, str]) -> _Message:
    """`names` are those of the tools called so far, by call id."""
    where = f"message {number}"
    if not isinstance(message, Mapping):
        raise _bad(where, f"{_shown(message)}, expected an object with role and content, or from and value")
    raw = _raw_role(message)
    role = ROLES.get(raw.strip().lower()) if isinstance(raw, str) else None
    if role is None:
        raise _bad(where, f"role is {_shown(raw)}, expected one of {', '.join(ROLES)}")
    calls = _calls(message, where)
    if calls and role != "assistant":
        raise _bad(where, f"tool calls in a {role} message, expected them in an assistant's")
    pieces: list[_Piece] = [] if raw == "function_call" else list(_content(_raw_content(message), role, where))
    told = [call.get("id") if isinstance(call, Mapping) else None for call in message.get("tool_calls") or []]
    call_ids = [str(one) for one in (told if calls else [message.get("tool_call_id")]) if isinstance(one, str)]
    names.update((str(one), call.name) for one, call in zip(told, calls, strict=False) if isinstance(one, str))
    if role == TOOL_RESULT_ROLE:
        text = "\n".join(piece.text for piece in pieces if isinstance(piece, Text))
        pieces = [ToolResult(text_field(message, "name") or names.get(str(message.get("tool_call_id")), ""), text)]
    if role == "system" and message.get("tools"):
        pieces.append(_tools(message["tools"], where))
    return _Message(role, (*pieces, *calls), _is_learned(message, role, where), tuple(call_ids))


def _tools(value: object, where: str) -> Tools:
    """The list of tools, which stands in the system message; JSON text is kept as it is."""
    parsed = _parse_json(value, where) if isinstance(value, str) else value
    if not isinstance(parsed, list) or not all(isinstance(tool, Mapping) for tool in parsed):
        raise _bad(where, f"tools is {_shown(value)}, expected a list of objects")
    return Tools(value.strip() if isinstance(value, str) else json.dumps(parsed, ensure_ascii=False))


# ---- the whole conversation


def _message_list(fields: Mapping[str, object]) -> Sequence[object]:
    for name in LIST_COLUMNS:
        if fields.get(name) is not None:
            listed = fields[name]
            if not isinstance(listed, list):
                raise Refused(BAD_MESSAGE, f"{name} is {_shown(listed)}, expected a list")
            if not listed:
                raise Refused(NO_MESSAGES, f"{name} is an empty list")
            return listed
    question, answer = text_field(fields, *QUESTION_COLUMNS), text_field(fields, *ANSWER_COLUMNS)
    if not question:
        expected = ", ".join((*LIST_COLUMNS, *QUESTION_COLUMNS))
        raise Refused(NO_MESSAGES, f"expected one of the columns {expected}; the row has {', '.join(sorted(fields)) or 'none'}")
    if not answer:
        raise Refused(NO_ANSWER, f"the row has a question and no answer; expected one of {', '.join(ANSWER_COLUMNS)}")
    context = text_field(fields, *CONTEXT_COLUMNS)
    asked = f"{question}\n\n{context}" if context else question
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def _with_system(messages: list[_Message], fields: Mapping[str, object]) -> list[_Message]:
    """The columns `system` and `tools` (or `functions`) become the system message, or join the one there is."""
    prompt = text_field(fields, "system", "system_prompt")
    tools = fields.get("tools") or fields.get("functions")
    column: tuple[_Piece, ...] = (_tools(tools, "column tools"),) if tools else ()
    told = [piece for message in messages for piece in message.pieces if isinstance(piece, Tools)]
    if len(told) + len(column) > 1:
        raise Refused(BAD_MESSAGE, f"{len(told)} system messages and {len(column)} columns tell tools, expected one of them to do so")
    if messages and messages[0].role == "system":
        return [replace(messages[0], pieces=(*messages[0].pieces, *column)), *messages[1:]]
    if prompt:
        column = (Text(prompt), *column)
    return [_Message("system", column), *messages] if column else messages


def _in_call_order(messages: list[_Message]) -> Iterator[_Message]:
    """The messages, results in the order of their calls: the template has no place for the ids that tell which is whose."""
    ids: tuple[str, ...] = ()
    for is_result, run in itertools.groupby(messages, lambda message: message.role == TOOL_RESULT_ROLE):
        group = list(run)
        if is_result and all(message.call_ids and message.call_ids[0] in ids for message in group):
            group.sort(key=lambda message: ids.index(message.call_ids[0]))
        ids = group[-1].call_ids
        yield from group


def _place(messages: list[_Message], row: Row) -> list[_Message]:
    """The messages with the row's media where their markers stand; without any marker, at the start of the first user message."""
    images, clips = media_of(row)
    return _place_kind(_place_kind(messages, "image", images, WRONG_IMAGE_COUNT), "audio", clips, WRONG_AUDIO_COUNT)


def _place_kind(messages: list[_Message], kind: str, files: Sequence[Image | Audio], reason: Reason) -> list[_Message]:
    pieces = [piece for message in messages for piece in message.pieces]
    marked = pieces.count(_Marker(kind))
    inline = sum(isinstance(piece, Image if kind == "image" else Audio) for piece in pieces)
    if marked == len(files):
        left = iter(files)
        return [
            replace(message, pieces=tuple(next(left) if piece == _Marker(kind) else piece for piece in message.pieces))
            for message in messages
        ]
    if marked or inline:
        raise Refused(reason, f"{marked} marked, the row has {len(files)}, besides {inline} inline")
    first = next((number for number, message in enumerate(messages) if message.role == "user"), None)
    if first is None:
        raise Refused(NO_QUESTION, f"no user message to show {len(files)} {kind} file(s) in")
    return [_lead(message, files) if number == first else message for number, message in enumerate(messages)]


def _lead(message: _Message, files: Sequence[Image | Audio]) -> _Message:
    """Media first: images before audio, as in the official prompt form."""
    blank = (isinstance(piece, Image) or (isinstance(piece, Text) and not piece.text.strip()) for piece in message.pieces)
    start = next((number for number, skips in enumerate(blank) if not skips), len(message.pieces)) if isinstance(files[0], Audio) else 0
    return replace(message, pieces=(*message.pieces[:start], *files, *message.pieces[start:]))


def _tidy(message: _Message) -> tuple[Part, ...]:
    """The parts without the white space that set markers apart, neighbouring texts joined by a line, blank ones gone."""
    parts: list[Part] = []
    for piece in message.pieces:
        assert not isinstance(piece, _Marker)
        if isinstance(piece, Text) and parts and isinstance(parts[-1], Text):
            parts[-1] = Text("\n".join(text for text in (parts[-1].text, piece.text) if text))
        else:
            parts.append(piece)
    texts = [number for number, part in enumerate(parts) if isinstance(part, Text) and part.text.strip()]
    return tuple(
        Text(_trim(part.text, number == texts[0], number == texts[-1])) if isinstance(part, Text) else part
        for number, part in enumerate(parts)
        if number in texts or not isinstance(part, Text)
    )


def _trim(text: str, is_first: bool, is_last: bool) -> str:
    """Without the space around the message, and without a line's end next to a medium; a space there belongs to the sentence."""
    body = text.strip()
    start = text.index(body)
    head, tail = text[:start], text[start + len(body) :]
    return ("" if is_first or "\n" in head else head) + body + ("" if is_last or "\n" in tail else tail)


def read_turns(row: Row) -> tuple[Turn, ...]:
    """The turns of a row's conversation, media in their places. Raises: Refused with one of MESSAGE_REASONS."""
    names: dict[str, str] = {}
    messages = [_read_message(message, number, names) for number, message in enumerate(_message_list(row.fields))]
    turns = []
    for message in _place(_with_system(list(_in_call_order(messages)), row.fields), row):
        parts = _tidy(message)
        if parts:
            turns.append(Turn(message.role, parts, message.learned))
        elif message.role != "system":  # an empty system prompt is common, and says nothing
            raise Refused(BAD_MESSAGE, f"a {message.role} message with nothing in it")
    if not any(turn.learned for turn in turns):
        raise Refused(NO_ANSWER, f"roles are {', '.join(turn.role for turn in turns) or 'none'}; expected an assistant's answer to learn")
    roles = [turn.role for turn in turns]
    if "user" not in roles[: roles.index("assistant")]:
        raise Refused(NO_QUESTION, f"roles are {', '.join(roles)}; expected a user before the first assistant")
    return tuple(turns)


@dataclass(frozen=True, slots=True)
class MessagesTask:
    """A row of chat messages, or of a question and an answer, becomes a conversation; every assistant message is learned.

    Images without any marker stand at the start of the first user message, audio clips after them. An answer with
    `weight` 0 is not learned. Texts are trimmed; nothing else in them is changed.
    """

    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE,)
    reasons: ClassVar = MESSAGE_REASONS
    version: ClassVar = 2

    def __call__(self, row: Row) -> Conversation | Reject:
        try:
            turns = read_turns(row)
        except Refused as refused:
            return refused.reject(row.key)
        return Conversation(row.key, row.origin, turns, {**row.facts, LANGUAGE.name: language_field(row.fields)}, row.parents)


def pairs_of(fields: Mapping[str, object]) -> list[tuple[str, str]]:
    """The question-answer pairs of a row's list. Raises: Refused with no_pairs or bad_pair."""
    listed = listed_pairs(fields)
    if listed is None:
        raise Refused(NO_PAIRS, f"expected a list in one of the columns {', '.join(PAIR_COLUMNS)}")
    pairs = []
    for number, item in enumerate(listed):
        pair = as_pair(item) or {}
        question, answer = pair.get("question"), pair.get("answer")
        if not isinstance(question, str) or not isinstance(answer, str) or not question.strip() or not answer.strip():
            raise Refused(BAD_PAIR, f"pair {number} is {_shown(item)}, expected a question and an answer, both text")
        pairs.append((question.strip(), answer.strip()))
    return pairs


@dataclass(frozen=True, slots=True)
class PairsTask:
    """A row with images and a list of question-answer pairs becomes one conversation a pair, each with all of the images.

    A pair is {"question", "answer"} or [question, answer]. One bad pair refuses the row: a source that writes one has others.
    """

    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE,)
    reasons: ClassVar = (NO_IMAGE, NO_PAIRS, BAD_PAIR, *MESSAGE_REASONS)
    version: ClassVar = 1

    def __call__(self, row: Row) -> list[Conversation] | Reject:
        if "image" not in row.blobs:
            return Reject(row.key, NO_IMAGE.name, "expected image, images or file_name in the row")
        facts = {**row.facts, LANGUAGE.name: language_field(row.fields)}
        kept = {name: row.fields[name] for name in ("system", "system_prompt") if name in row.fields}
        children = []
        try:
            for question, answer in pairs_of(row.fields):
                turns = read_turns(Row(row.key, row.origin, {**kept, "question": question, "answer": answer}, row.blobs))
                children.append(Conversation(row.key, row.origin, turns, facts, row.parents))
        except Refused as refused:
            return refused.reject(row.key)
        return children
