"""A record in the terminal: what the model reads, to the token, and nothing that steers the terminal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.inspection.record import preview, prompts, sequences, show_record, token_lines, told, visible
from processors import tokens
from processors.contract import NUM_LEARNED_TOKENS, NUM_TOKENS
from schemas.corpus import Corpus
from schemas.parts import Text
from schemas.records import Conversation, Origin, Preference, Turn

CORPORA = ("asr", "image_text", "grounding", "function_calling", "dpo", "language_pretrain", "packed", "vision_speech")


def expanded(prompt: str) -> str:
    """A shown prompt with each run of placeholders written out."""
    return re.sub(r"(<\|endoftext1[01]\|>)\{(\d+)\}", lambda run: run[1] * int(run[2]), prompt)


@pytest.mark.parametrize("name", CORPORA)
def test_text_and_tokens_are_the_ones_that_the_contract_counts(name: str, demo: dict[str, Any]) -> None:
    records = list(Corpus(Path(demo[name]["path"])).records())[:5]
    assert records
    for record in records:
        made, shown = sequences(record), prompts(record)
        assert made.keys() == shown.keys()
        assert max(len(ids) for ids, _ in made.values()) == record.facts[NUM_TOKENS.name]
        assert sum(int(learned.sum()) for _, learned in made.values()) == record.facts[NUM_LEARNED_TOKENS.name]
        for sequence, (ids, learned) in made.items():
            assert len(ids) == len(learned)
            assert expanded(shown[sequence]) == tokens.decode(ids.tolist())


def test_token_lines_name_every_token_once() -> None:
    ids = np.array([tokens.SPECIAL["<|user|>"], *[tokens.AUDIO] * 49, *tokens.encode("a a"), tokens.SPECIAL["<|end|>"]], np.int32)
    learned = np.array([False] * 50 + [True] * (len(ids) - 50))
    lines = list(token_lines(ids, learned))
    assert [line.split() for line in lines] == [
        ["0", "200021", "<|user|>"],
        ["1-49", "200011", "<|endoftext11|>{49}"],
        ["50", "+", "64", "'a'"],
        ["51", "+", "261", "'", "a'"],
        ["52", "+", "200020", "<|end|>"],
    ]


def test_data_cannot_steer_the_terminal() -> None:
    evil = "\x1b]0;title\x07 a\r\x9b2J \u202e nrut\ttab\nline"
    assert visible(evil) == "\\x1b]0;title\\x07 a\\x0d\\x9b2J \\u202e nrut\ttab\nline"
    turn = Turn("user", (Text(evil),), True)
    record = Conversation("k\x1b", Origin("s\x1b"), (turn,), {"a.b": evil})
    for shown in (show_record(record), preview(record)):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", shown)


def test_the_sides_of_a_preference_are_told_apart() -> None:
    turns = [(Turn(role, (Text(role),), learned),) for role, learned in (("user", False), ("assistant", True), ("assistant", True))]
    record = Preference("k", Origin("s"), *turns)
    lines = show_record(record).splitlines()
    assert lines[2:] == [
        "-- prompt",
        "<|user|>user<|end|>",
        "-- chosen",
        "<|assistant|>assistant<|end|>  (learned)",
        "-- rejected",
        "<|assistant|>assistant<|end|>  (learned)",
    ]
    assert told(record)["chosen"] == [{"role": "assistant", "learned": True, "text": "assistant"}]
