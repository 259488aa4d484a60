"""Kept replies as raw data: what was asked, what was said, in the order of addresses; what is no reply is refused and says why."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pipelines.source import open_source
from pipelines.source.replies import KeptReplies
from processors.tasks.writing import Prompt, Reply, asking
from schemas.identity import digest
from schemas.outcome import Reject
from schemas.records import Row
from schemas.replies import Replies
from tests.pipelines.source.reading import read_all

SECRET = "sk-test-0123456789"
PICTURE, SOUND = b"\x89PNG picture", b"ID3 sound"


@dataclass(frozen=True, slots=True)
class Says:
    """An engine that answers by rule and keeps what it says."""

    keeps_replies: ClassVar = True
    name: ClassVar = "says"

    def identity(self) -> str:
        return 'says 1 {"model":"says"}'

    def without_secrets(self, text: str) -> str:
        return text.replace(SECRET, "[key]")

    @contextlib.contextmanager
    def open(self, keep: Callable[[Prompt, Reply], None], place: Path | None = None) -> Iterator[Callable[[list[Prompt]], list[Reply]]]:
        def write(prompts: list[Prompt]) -> list[Reply]:
            replies = [
                Reply(f"Reply to {self.without_secrets(prompt.text)}", "cut" if "CUT" in prompt.text else "", "says-1", 3, 4)
                for prompt in prompts
            ]
            for prompt, reply in zip(prompts, replies, strict=True):
                keep(prompt, reply)
            return replies

        yield write


def ask(place: Path, *prompts: Prompt) -> list[str]:
    """Keeps replies to the prompts; gives their addresses."""
    with asking(Says(), Replies(place)) as write:  # type: ignore[arg-type]
        kept = write(list(prompts))
    addresses = [digest(Says().identity(), prompt.digest()) for prompt in prompts]
    assert [Replies(place).get(address) for address in addresses] == kept  # what the step is given is what is kept
    return addresses


def rows(place: Path, **options: Any) -> dict[str, Row]:
    return {str(row.fields["address"]): row for row in read_all(KeptReplies(str(place), **options)) if isinstance(row, Row)}


def test_a_row_has_the_reply_and_all_that_was_asked(tmp_path: Path) -> None:
    plain = Prompt("How many?", "Be brief", 20, sample=2, schema='{"type":"integer"}', history=(("user", "Hi"), ("assistant", "Yes?")))
    media, cut = Prompt("What is it?", images=(PICTURE,), audios=(SOUND,)), Prompt("CUT it")
    addresses = ask(tmp_path, plain, media, cut)
    found = rows(tmp_path)
    assert list(found) == sorted(addresses)
    first, second, third = (found[address].fields for address in addresses)
    assert first == {
        "address": addresses[0],
        "text": "Reply to How many?",
        "why": "",
        "model": "says-1",
        "num_prompt_tokens": 3,
        "num_output_tokens": 4,
        "engine": 'says 1 {"model":"says"}',
        "question": plain.digest(),
        "sample": 2,
        "max_tokens": 20,
        "schema": '{"type":"integer"}',
        "messages": [
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": "How many?"},
            {"role": "assistant", "content": "Reply to How many?"},
        ],
    }
    parts = [
        {"type": "image", "digest": digest(PICTURE)},
        {"type": "audio", "digest": digest(SOUND)},
        {"type": "text", "text": "What is it?"},
    ]
    assert second["messages"] == [{"role": "user", "content": parts}, {"role": "assistant", "content": "Reply to What is it?"}]
    assert third["why"] == "cut"
    assert third["messages"] == [{"role": "user", "content": "CUT it"}]  # a text that is not whole is no turn of a conversation
    assert PICTURE not in b"".join(path.read_bytes() for path in tmp_path.glob("*/*"))


def test_rows_do_not_change_when_others_come_and_splits_are_by_address(tmp_path: Path) -> None:
    ask(tmp_path, *(Prompt(f"question {number}") for number in range(10)))
    before, splits = rows(tmp_path, rows_per_split=4), KeptReplies(str(tmp_path), rows_per_split=4).splits()
    assert [split.num_rows for split in splits] == [4, 4, 2]
    ask(tmp_path, *(Prompt(f"question {number}") for number in range(20)))
    after = rows(tmp_path, rows_per_split=7)
    assert {address: after[address].key for address in before} == {address: row.key for address, row in before.items()}
    with pytest.raises(ValueError, match="has other replies than when it was listed"):
        list(KeptReplies(str(tmp_path), rows_per_split=4).read(splits[0]))


def test_replies_that_were_kept_before_questions_were_are_read_without_them(tmp_path: Path) -> None:
    address = digest("an old engine", "an old question")
    Replies(tmp_path).put(address, Reply("Yes.", "", "m", 1, 2).to_bytes())
    (row,) = rows(tmp_path).values()
    assert row.fields == {"address": address, "text": "Yes.", "why": "", "model": "m", "num_prompt_tokens": 1, "num_output_tokens": 2}


def test_what_is_no_reply_is_refused_and_says_why(tmp_path: Path) -> None:
    replies = Replies(tmp_path)
    whole = Reply("Yes.").to_bytes({**Prompt("q").asked(), "engine": "e"})
    cases = {
        "text alone": (b"fLaC audio", "not_a_reply"),
        "frames of MPEG audio": (b"\xff\xfb\x90\x00", "not_a_reply"),
        "cut off": (whole[:-5], "not_a_reply"),
        "another object": (b'\xff{"text": 3}', "not_a_reply"),
        "a list": (b"\xff[]", "not_a_reply"),
        "deep": (b"\xff" + b"[" * 100_000, "not_a_reply"),
        "moved": (whole, "wrong_address"),
    }
    for name, (data, _) in cases.items():
        replies.put(digest(name), data)
    replies.put(digest("e", Prompt("q").digest()), whole)  # the nearest that is not refused
    replies.put(digest("half a character"), b'\xff{"text": "\\ud83d", "why": "", "model": ""}')
    (tmp_path / "spent.jsonl").write_text("{}\n")
    (tmp_path / "ab").mkdir(exist_ok=True)
    (tmp_path / "ab" / ".tmp-1234-cdef").write_bytes(b"half")
    found = {item.origin.source.replace("/", ""): item for item in read_all(KeptReplies(str(tmp_path))) if item.origin is not None}
    assert len(found) == len(cases) + 2
    for name, (_, reason) in cases.items():
        item = found[digest(name)]
        assert isinstance(item, Reject), name
        assert (name, item.reason) == (name, reason)
    assert isinstance(found[digest("e", Prompt("q").digest())], Row)
    half = found[digest("half a character")]
    assert isinstance(half, Reject)
    assert half.reason == "not_utf8"


def test_a_long_question_is_told_by_its_digest(tmp_path: Path) -> None:
    long, fits = Prompt("x" * ((1 << 20) + 1)), Prompt("x" * (1 << 20))
    addresses = ask(tmp_path, long, fits)
    found = rows(tmp_path)
    assert "messages" not in found[addresses[0]].fields
    assert found[addresses[0]].fields["question"] == long.digest()
    assert "messages" in found[addresses[1]].fields


def test_a_key_in_a_question_is_not_kept(tmp_path: Path) -> None:
    prompt = Prompt(f"my key is {SECRET}", SECRET, history=(("user", SECRET),), images=(PICTURE,))
    (address,) = ask(tmp_path, prompt)
    assert SECRET.encode() not in (Replies(tmp_path).get(address) or b"")
    (row,) = rows(tmp_path).values()
    assert json.dumps(row.fields["messages"]).count("[key]") == 4


def test_a_folder_with_a_ledger_is_known_for_what_it_is(tmp_path: Path) -> None:
    ask(tmp_path, Prompt("q"))
    (tmp_path / "spent.jsonl").write_text("")
    assert open_source(str(tmp_path)) == open_source(str(tmp_path), "replies") == KeptReplies(str(tmp_path))
    with pytest.raises(ValueError, match="expected a whole number of at least 1"):
        open_source(str(tmp_path), rows_per_split=0)
