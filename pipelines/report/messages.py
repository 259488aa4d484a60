"""The turns of a row as messages: text, media in their places, tools and calls readable; two answers side by side."""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from pipelines.report.markup import EMPTY, cut_middle, folded, join, number_of, pretty_json
from schemas.parts import Audio, Image, Part, Text, ToolCall, ToolResult, Tools
from schemas.records import Conversation, Document, Preference, Record, Turn

MAX_TEXT_CHARS = 4_000  # of a part
MAX_ROW_CHARS = 40_000
MAX_TURNS = 40
MAX_PARTS = 80  # of a turn, neighbours of one kind counted once
MAX_COMPARED_WORDS = 1_500  # of a side: the comparison's time grows with the product of both
MAX_TOOLS = 30
WORD = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(slots=True)
class _Reader:
    """Goes through a row once: numbers its media in order of appearance, and bounds its text."""

    seen: dict[type, int] = field(default_factory=dict)
    left_chars: int = MAX_ROW_CHARS

    def text(self, text: str) -> str:
        """As much of a text as there is room for."""
        room = min(MAX_TEXT_CHARS, self.left_chars)
        self.left_chars -= min(len(text), room)
        return cut_middle(text, room)

    def of(self, part: Image | Audio) -> str:
        self.seen[type(part)] = self.seen.get(type(part), 0) + 1
        return f"{type(part).__name__.lower()} {self.seen[type(part)]}"


def messages_html(record: Record) -> Markup:
    """A document's text, a conversation's turns, a preference's prompt with its two answers; nothing for packed rows."""
    if isinstance(record, Document):
        return Markup('<div class="example-document" dir="auto">{}</div>').format(cut_middle(record.text, 2 * MAX_TEXT_CHARS))
    if isinstance(record, Conversation):
        return _turns(record.turns, _Reader())
    if isinstance(record, Preference):
        return _turns(record.prompt, _Reader()) + _sides(record)
    return EMPTY


def _turns(turns: Sequence[Turn], reader: _Reader) -> Markup:
    shown = [_turn(turn, _parts(turn.parts, reader)) for turn in turns[:MAX_TURNS]]
    if len(turns) > MAX_TURNS:
        shown.append(Markup('<p class="example-note">{} more turns are not shown.</p>').format(len(turns) - MAX_TURNS))
    return join(shown)


def _turn(turn: Turn, body: Markup) -> Markup:
    learned = Markup(' <span class="example-learned">learned</span>') if turn.learned else EMPTY
    return Markup('<div class="example-turn{}"><p class="example-role">{}{}</p>{}</div>').format(
        " is-learned" if turn.learned else "", turn.role, learned, body
    )


def _parts(parts: Sequence[Part], reader: _Reader) -> Markup:
    """Neighbours of one kind stand together, as they do to the model."""
    found = []
    for kind, run in itertools.groupby(parts, type):
        members = list(run)
        if kind is Text:
            text = "".join(part.text for part in members if isinstance(part, Text))
            found.append(Markup('<div class="example-text" dir="auto">{}</div>').format(reader.text(text)))
        elif kind in (Image, Audio):
            chips = [
                Markup('<b class="example-medium">{}</b>').format(reader.of(part)) for part in members if isinstance(part, (Image, Audio))
            ]
            found.append(Markup('<p class="example-media">{}</p>').format(join(chips)))
        else:
            found += [_tool_part(part, reader) for part in members[:MAX_PARTS]]
    if len(found) > MAX_PARTS:
        found[MAX_PARTS:] = [Markup('<p class="example-note">More parts of this turn are not shown.</p>')]
    return join(found)


def _tool_part(part: Part, reader: _Reader) -> Markup:
    if isinstance(part, ToolCall):
        return Markup('<div class="example-tool"><p>calls <code>{}</code></p>{}</div>').format(
            part.name, _arguments(part.arguments, reader)
        )
    if isinstance(part, ToolResult):
        return Markup('<div class="example-tool"><p><code>{}</code> answers</p>{}</div>').format(
            part.name, _pre(pretty_json(part.content), reader)
        )
    assert isinstance(part, Tools)
    return _definitions(part.definitions, reader)


def _pre(text: str, reader: _Reader) -> Markup:
    return Markup('<pre tabindex="0">{}</pre>').format(reader.text(text))


def _arguments(text: str, reader: _Reader) -> Markup:
    """Arguments of a call, a line each; as they are where they are no JSON object."""
    try:
        told = json.loads(text)
    except ValueError:
        return _pre(text, reader)
    if not isinstance(told, dict):
        return _pre(pretty_json(text), reader)
    rows = (f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in told.items())
    return _pre("\n".join(rows), reader) if told else Markup("<p>no arguments</p>")


def _definitions(text: str, reader: _Reader) -> Markup:
    """The tools of a system message: name and purpose of each, its schema folded; one block where the list is of another form."""
    try:
        listed = json.loads(text)
    except ValueError:
        return _pre(text, reader)
    if not isinstance(listed, list) or not all(isinstance(tool, dict) for tool in listed):
        return folded("Tools", _pre(pretty_json(text), reader))
    tools = [tool["function"] if isinstance(tool.get("function"), dict) else tool for tool in listed]
    shown = [_definition(tool, reader) for tool in tools[:MAX_TOOLS]]
    if len(tools) > MAX_TOOLS:
        shown.append(Markup('<p class="example-note">{} more tools are not shown.</p>').format(len(tools) - MAX_TOOLS))
    return Markup('<div class="example-tool"><p>may call {}</p>{}</div>').format(number_of(len(tools), "tool"), join(shown))


def _definition(tool: dict[str, object], reader: _Reader) -> Markup:
    name, about = str(tool.get("name", "(no name)")), str(tool.get("description", ""))
    rest = {key: value for key, value in tool.items() if key not in ("name", "description")}
    return folded(cut_middle(f"{name}: {about}" if about else name, 300), _pre(json.dumps(rest, indent=2, ensure_ascii=False), reader))


# ---- chosen beside rejected


def _sides(record: Preference) -> Markup:
    """Both answers, with the words that only one of them has marked."""
    texts = ["\n".join(_plain(side)) for side in (record.chosen, record.rejected)]
    told = compared(*texts)
    if told is None:
        note = f"The answers are not compared word by word: one has more than {MAX_COMPARED_WORDS:,} words and marks."
        bodies = [Markup('<div class="example-text" dir="auto">{}</div>').format(cut_middle(text, 2 * MAX_TEXT_CHARS)) for text in texts]
    else:
        note = "Marked: what the other answer does not have there."
        bodies = [Markup('<div class="example-text" dir="auto">{}</div>').format(join(_marked(side))) for side in told]
    columns = join(
        Markup('<section class="example-side {}"><h4>{}</h4>{}</section>').format(name, title, body)
        for name, title, body in zip(("chosen", "rejected"), ("Chosen", "Rejected"), bodies, strict=True)
    )
    return Markup('<div class="example-sides">{}</div><p class="example-note">{}</p>').format(columns, note)


def _plain(turns: Sequence[Turn]) -> Iterator[str]:
    """The answer as text; turns after the first, and those of another role than the assistant, with their role."""
    reader = _Reader()
    for number, turn in enumerate(turns):
        body = "".join(_plain_part(part, reader) for part in turn.parts)
        yield body if number == 0 and turn.role == "assistant" else f"{turn.role}: {body}"


def _plain_part(part: Part, reader: _Reader) -> str:
    if isinstance(part, Text):
        return part.text
    if isinstance(part, (Image, Audio)):
        return f"[{reader.of(part)}]"
    if isinstance(part, ToolCall):
        return f"{part.name}({part.arguments})\n"
    return part.content if isinstance(part, ToolResult) else part.definitions


def compared(first: str, second: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]] | None:
    """Both texts as runs (text, whether the other text lacks it there); None where one is too long to be compared.

    The runs of a text make the text. Words, marks and white space are compared as wholes.
    """
    words = WORD.findall(first), WORD.findall(second)
    if max(map(len, words)) > MAX_COMPARED_WORDS:
        return None
    sides: tuple[list[tuple[str, bool]], list[tuple[str, bool]]] = ([], [])
    for kind, *places in difflib.SequenceMatcher(None, *words, autojunk=False).get_opcodes():
        for side, of, start, stop in zip(sides, words, places[::2], places[1::2], strict=True):
            if start < stop:
                side.append(("".join(of[start:stop]), kind != "equal"))
    return sides


def _marked(side: Sequence[tuple[str, bool]]) -> Iterator[Markup]:
    for text, only_here in side:
        yield Markup('<mark class="only-here">{}</mark>').format(text) if only_here else Markup("{}").format(text)
