"""Our rendering of chats with tools against transformers' template engine and its tokeniser with the official tokens and flags.

The template is the released one's rule, written down in SPEC C.3: role, content, and behind a system message's content its
tools. It has no word for calls and results (decision 0014); a call is given to it as the content that we render.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from processors import tokens
from processors.contract import calls_text, token_ids
from processors.tools.synthetic import make_conversations
from schemas.parts import Part, Text, ToolCall, ToolResult, Tools
from schemas.records import Turn
from tests.hf import import_transformers

pytestmark = pytest.mark.parity
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% if m.role == 'system' and m.tools is defined and m.tools is not none %}<|tool|>{{ m.tools }}<|/tool|>{% endif %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% else %}{{ eos_token }}{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Bytes as tokens, and the added tokens of the released tokeniser with their flags."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    inner = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    made = import_transformers().PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|endoftext|>")
    made.add_tokens([AddedToken(name, rstrip=number in tokens.STRIPS_RIGHT, special=True) for name, number in tokens.SPECIAL.items()])
    made.chat_template = TEMPLATE
    return made


def message(turn: Turn) -> dict[str, Any]:
    """A turn as the template takes it."""
    tools = [part.definitions for part in turn.parts if isinstance(part, Tools)]
    calls = [part for part in turn.parts if isinstance(part, ToolCall)]
    content = "".join(part.text if isinstance(part, Text) else part.content for part in turn.parts if isinstance(part, (Text, ToolResult)))
    if calls:
        content += f"<|tool_call|>{calls_text(calls)}<|/tool_call|>"
    return {"role": turn.role, "content": content, **({"tools": tools[0]} if tools else {})}


def theirs(tokenizer: Any, turns: tuple[Turn, ...]) -> list[str]:
    """Special tokens by name, and the bytes between them as text, which is the same for every byte-level vocabulary."""
    rendered = tokenizer.apply_chat_template([message(turn) for turn in turns], tokenize=False)
    pieces: list[str] = []
    run: list[int] = []
    for number in [*tokenizer(rendered)["input_ids"], None]:
        name = tokenizer.convert_ids_to_tokens(number) if number is not None else ""
        if number is not None and name not in tokens.SPECIAL:
            run.append(number)
            continue
        if run:
            pieces.append(tokenizer.decode(run, clean_up_tokenization_spaces=False))
            run = []
        if name:
            pieces.append(name)
    return pieces


def ours(turns: tuple[Turn, ...]) -> list[str]:
    pieces: list[str] = []
    run: list[int] = []
    for number in [*token_ids(turns)[0], -1]:
        if 0 <= number < tokens.NUM_ORDINARY:
            run.append(number)
            continue
        if run:
            pieces.append(tokens.decode(run))
            run = []
        if number >= 0:
            pieces.append(tokens.NAMES[number])
    return pieces


def turn(role: str, *parts: Part) -> Turn:
    return Turn(role, parts, role == "assistant")


TOOLS = Tools(json.dumps([{"name": "f", "description": "Grüße, 東京", "parameters": {}}], ensure_ascii=False))
CALLS = (ToolCall("f", '{"x": "é\\n"}'), ToolCall("f", "{}"))
TALKS = {
    "tools alone": (turn("system", TOOLS), turn("user", Text("U")), turn("assistant", Text("A"))),
    "tools behind text": (turn("system", Text("S \n"), TOOLS), turn("user", Text("\n U ")), turn("assistant", Text(" A\n"))),
    "calls and results": (
        *(turn("system", Text("S"), TOOLS), turn("user", Text("U")), turn("assistant", *CALLS)),
        *(turn("tool_response", ToolResult("f", " \n{}")), turn("tool_response", ToolResult("f", "")), turn("assistant", Text("A"))),
    ),
    "text before a call": (turn("user", Text("U")), turn("assistant", Text("Let me see. "), *CALLS)),
    "no system": (turn("user", Text("  ")), turn("assistant", Text("A"))),
}


@pytest.mark.parametrize("name", TALKS)
def test_the_template_token_by_token(tokenizer: Any, name: str) -> None:
    assert ours(TALKS[name]) == theirs(tokenizer, TALKS[name])


def test_made_conversations(tokenizer: Any) -> None:
    made = make_conversations({"topic": "any", "count": 60}, 0, "parity")
    for one in made:
        assert ours(one.turns) == theirs(tokenizer, one.turns)
    assert sum(isinstance(part, ToolCall) for one in made for turn in one.turns for part in turn.parts) > 60
