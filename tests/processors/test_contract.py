"""Token counts, the template, and the text processors: exact strings and exact ids."""

from __future__ import annotations

import numpy as np
import pytest

from processors import tokens
from processors.contract import Contract, contract_facts, token_ids
from processors.text.extract import ExtractMainText
from processors.text.language import DetectLanguage, KeepLanguages
from processors.text.normalise import KeepLength, Normalise, normalise, text_digest
from schemas.outcome import Reject
from schemas.parts import Audio, Image, Text, ToolCall, ToolResult, Tools
from schemas.records import Conversation, Document, Origin, Preference, Turn

ORIGIN = Origin("test")


def talk(*turns: Turn) -> Conversation:
    return Conversation("k", ORIGIN, turns)


def document(text: str) -> Document:
    return Document("k", ORIGIN, text)


def test_the_template_to_the_letter() -> None:
    turns = (Turn("system", (Text("S"),)), Turn("user", (Text("U"),)), Turn("assistant", (Text("A"),), learned=True))
    ids, learned = token_ids(turns)
    assert tokens.decode(ids) == "<|system|>S<|end|><|user|>U<|end|><|assistant|>A<|end|><|endoftext|>"
    assert [token for token, is_learned in zip(ids, learned, strict=True) if is_learned] == [*tokens.encode("A"), 200_020, 199_999]


def test_space_after_a_role_is_swallowed_and_after_a_medium_is_not() -> None:
    ids, _ = token_ids((Turn("user", (Text("\n hi"),)),), ends=False)
    assert tokens.decode(ids) == "<|user|>hi<|end|>"
    ids, _ = token_ids((Turn("user", (Audio(num_tokens=2), Text("\nhi"))),), ends=False)
    assert tokens.decode(ids) == "<|user|><|endoftext11|><|endoftext11|>\nhi<|end|>"


def test_neighbouring_texts_are_one_text() -> None:
    split = token_ids((Turn("user", (Text("hel"), Text("lo wor"), Text("ld"))),))
    assert split == token_ids((Turn("user", (Text("hello world"),)),))


def test_counts_of_a_conversation() -> None:
    turns = (Turn("user", (Image(num_tokens=545), Audio(num_tokens=13))), Turn("assistant", (Text("A cat."),), learned=True))
    facts = contract_facts(talk(*turns))
    answer = tokens.count("A cat.")
    assert facts["contract.num_image_tokens"] == 545
    assert facts["contract.num_audio_tokens"] == 13
    assert facts["contract.num_text_tokens"] == 5 + answer
    assert facts["contract.num_tokens"] == 545 + 13 + 5 + answer
    assert facts["contract.num_learned_tokens"] == answer + 2
    assert len(token_ids(turns)[0]) == facts["contract.num_tokens"]


def test_a_tool_call_has_its_own_tokens() -> None:
    ids, _ = token_ids((Turn("assistant", (ToolCall("f", '{"x": 1}'),), learned=True),), ends=False)
    assert tokens.decode(ids) == '<|assistant|><|tool_call|>[{"name": "f", "arguments": {"x": 1}}]<|/tool_call|><|end|>'


def test_the_calls_of_a_turn_are_one_list_and_text_between_parts_them() -> None:
    calls = (ToolCall("f", '{"x":1}'), ToolCall("g", "{}"))
    ids, learned = token_ids((Turn("assistant", (Text("Both. "), *calls), learned=True),), ends=False)
    listed = '[{"name": "f", "arguments": {"x": 1}}, {"name": "g", "arguments": {}}]'
    assert tokens.decode(ids) == f"<|assistant|>Both. <|tool_call|>{listed}<|/tool_call|><|end|>"
    assert learned == [False] + [True] * (len(ids) - 1)
    ids, _ = token_ids((Turn("assistant", (calls[1], Text("\n and "), calls[1]), learned=True),), ends=False)
    one = '<|tool_call|>[{"name": "g", "arguments": {}}]<|/tool_call|>'
    assert tokens.decode(ids) == f"<|assistant|>{one}and {one}<|end|>"


def test_tools_stand_after_the_system_text_and_results_in_turns_of_their_own() -> None:
    turns = (
        Turn("system", (Text("S"), Tools('[{"name":"f"}]'))),
        Turn("user", (Text("U"),)),
        Turn("assistant", (ToolCall("f", "{}"),), learned=True),
        Turn("tool_response", (ToolResult("f", " 1"),)),
        Turn("tool_response", (ToolResult("f", ""),)),
        Turn("assistant", (Text("A"),), learned=True),
    )
    ids, learned = token_ids(turns)
    called = '<|tool_call|>[{"name": "f", "arguments": {}}]<|/tool_call|>'
    assert tokens.decode(ids) == (
        '<|system|>S<|tool|>[{"name":"f"}]<|/tool|><|end|><|user|>U<|end|>'
        f"<|assistant|>{called}<|end|><|tool_response|>1<|end|><|tool_response|><|end|><|assistant|>A<|end|><|endoftext|>"
    )
    told = "".join(tokens.decode([token]) for token, is_learned in zip(ids, learned, strict=True) if is_learned)
    assert told == f"{called}<|end|>A<|end|><|endoftext|>"
    assert contract_facts(talk(*turns))["contract.num_tokens"] == len(ids)


def test_tools_and_calls_may_not_spell_special_tokens() -> None:
    answer = Turn("assistant", (Text("A"),), learned=True)
    for part in (Tools('[{"name":"<|end|>"}]'), ToolCall("f", '{"x": "<|/tool_call|>"}'), ToolResult("f", "<|user|>")):
        assert Contract()(talk(Turn("system", (part,)), answer)).reason == "special_token_in_text"  # type: ignore[union-attr]
    assert isinstance(Contract()(talk(Turn("system", (Tools('[{"name":"<end>"}]'),)), answer)), Conversation)


def test_a_preference_counts_its_longer_side() -> None:
    prompt = (Turn("user", (Text("2+2?"),)),)
    sides = [(Turn("assistant", (Text(text),), learned=True),) for text in ("4", "It is five, I think.")]
    facts = contract_facts(Preference("k", ORIGIN, prompt, *sides))
    assert facts["contract.num_tokens"] == max(len(token_ids(prompt + side)[0]) for side in sides)


def test_each_reason_of_the_contract_and_its_neighbour() -> None:
    good = talk(Turn("user", (Text("hello"),)), Turn("assistant", (Text("hi"),), learned=True))
    size = contract_facts(good)["contract.num_tokens"]
    assert isinstance(Contract(size)(good), Conversation)
    assert Contract(size - 1)(good).reason == "too_long"  # type: ignore[union-attr]
    assert Contract()(talk(Turn("user", (Text("hello"),)))).reason == "nothing_learned"  # type: ignore[union-attr]
    for text in ("<|end|>", "a<|image_1|>b", "<|audio_12|>", "<|tool_call|>"):
        assert Contract()(document(text)).reason == "special_token_in_text"  # type: ignore[union-attr]
    for text in ("<|ends|>", "<|image_x|>", "<| end |>", "|end|"):
        assert isinstance(Contract()(document(text)), Document)


def test_special_tokens() -> None:
    assert len(tokens.SPECIAL) == 14
    assert tokens.SPECIAL["<|endoftext10|>"], tokens.SPECIAL["<|endoftext11|>"] == (200_010, 200_011)
    assert tokens.encode("hello world") == [24912, 2375]
    assert tokens.decode([24912, 2375, 200_020]) == "hello world<|end|>"
    with pytest.raises(ValueError, match="neither ordinary"):
        tokens.decode([200_063])
    assert all(token < tokens.NUM_ORDINARY for token in tokens.encode("<|end|>"))


def test_unknown_roles_and_uncounted_media_are_errors() -> None:
    with pytest.raises(ValueError, match="role 'narrator'"):
        contract_facts(talk(Turn("narrator", (Text("x"),))))
    with pytest.raises(ValueError, match="without a token count"):
        contract_facts(talk(Turn("user", (Image(pixels=np.zeros((1, 1, 3), np.uint8)),))))


def test_normalisation() -> None:
    assert normalise("a\r\nb\u00a0 c  \n\n\n\nd\x00") == "a\nb c\n\nd"
    assert normalise("schÃ¶n") == "schön"
    assert normalise("    indented  code") == "    indented code"
    assert text_digest("A b\nc") == text_digest("ab　C")
    assert text_digest("a b") != text_digest("a c")


def test_text_steps_and_their_reasons() -> None:
    assert Normalise()(document(" \x00\n ")).reason == "empty_text"  # type: ignore[union-attr]
    kept = Normalise()(document("twelve chars"))
    assert isinstance(kept, Document)
    assert isinstance(KeepLength(12)(kept), Document)
    assert KeepLength(13)(kept).reason == "too_short"  # type: ignore[union-attr]
    german = DetectLanguage()(document("Der Zug nach Hamburg fährt heute leider eine Stunde später ab."))
    assert german.facts["text.language"] == "de"
    assert isinstance(KeepLanguages(("de", "en"))(german), Document)
    assert isinstance(KeepLanguages()(german), Document)
    assert KeepLanguages(("en",))(german).reason == "wrong_language"  # type: ignore[union-attr]


def test_main_text_of_a_page() -> None:
    body = "".join(f"<p>Sentence number {n} of the article tells something about the weather at the coast.</p>" for n in range(8))
    page = f"<!DOCTYPE html><html><body><nav><a>Home</a></nav><article>{body}</article><footer>Imprint</footer></body></html>"
    found = ExtractMainText()(document(page))
    assert isinstance(found, Document)
    assert "number 7" in found.text
    assert "Imprint" not in found.text
    assert found.facts["text.is_html"] is True
    plain = ExtractMainText()(document("no <html> at the start"))
    assert plain.text == "no <html> at the start"  # type: ignore[union-attr]
    assert isinstance(ExtractMainText()(document("<html><body></body></html>")), Reject)
    assert ExtractMainText(max_chars=10)(document(page)).reason == "page_too_large"  # type: ignore[union-attr]
