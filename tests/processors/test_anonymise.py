"""Speakers become hashes, personal data is refused, scrubbed or counted, and no text of a record keeps what another loses."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import pytest

from pipelines.recipe import describe
from processors.anonymise import HashSpeaker, ScrubPersonalData, hash_speaker, scrub_words
from schemas.outcome import Reject
from schemas.parts import Audio, Text, ToolCall, ToolResult
from schemas.records import Conversation, Document, FactValue, Origin, Turn

ORIGIN = Origin("test")


def speech(transcript: str, prompt: str = "Transcribe.", **facts: FactValue) -> Conversation:
    turns = (Turn("user", (Audio(source=b"a"), Text(prompt))), Turn("assistant", (Text(transcript),), learned=True))
    return Conversation(
        "k", ORIGIN, turns, {"text.stated_language": "en", **{name.replace("_", ".", 1): value for name, value in facts.items()}}
    )


def said_by(speaker: str, salt: str = "corpusmill") -> str:
    return str(HashSpeaker(salt)(speech("hello", speech_speaker=speaker)).facts["speech.speaker"])


# ---- speakers


def test_one_speaker_has_one_hash() -> None:
    assert said_by("2412") == "3e061804f4f99465"
    assert said_by("2412") == said_by("2412") == hash_speaker("2412", "corpusmill")
    assert len({said_by(name) for name in ("2412", "2413", "jackson", "Ünal")}) == 4
    assert set(said_by("jackson")) <= set("0123456789abcdef")


def test_no_speaker_stays_none() -> None:
    assert said_by("") == ""


def test_another_salt_is_another_hash() -> None:
    assert said_by("jackson", "a") != said_by("jackson", "b")
    assert len(said_by("jackson", "long " * 100)) == 16


def test_an_empty_salt_is_refused() -> None:
    with pytest.raises(ValueError, match="the salt of speaker hashes is empty"):
        HashSpeaker("")


def test_the_salt_decides_the_corpus_and_is_not_told() -> None:
    salt = "my very secret salt"
    told = json.dumps(describe(HashSpeaker(salt)))
    assert salt not in told
    assert salt not in repr(HashSpeaker(salt))
    assert describe(HashSpeaker(salt)) == describe(HashSpeaker(salt))
    assert describe(HashSpeaker(salt)) != describe(HashSpeaker("another"))
    assert pickle.loads(pickle.dumps(HashSpeaker(salt))) == HashSpeaker(salt)


# ---- personal data


def test_a_record_without_personal_data_passes_in_every_mode() -> None:
    record = speech("please call me back tomorrow at seven")
    for mode in ("reject", "scrub", "keep"):
        result = ScrubPersonalData(mode)(record)
        assert isinstance(result, Conversation)
        assert result.turns == record.turns
        assert result.facts == {**record.facts, "privacy.num_personal_data": 0, "privacy.kinds": "", "privacy.spans": ""}


@pytest.mark.parametrize(
    ("record", "detail"),
    [
        (speech("mail me at john dot smith at gmail dot com"), "1 email"),
        (speech("it is five five five oh one two nine"), "1 phone"),
        (speech("hello", prompt="Is a@b.org or c@d.org right, and 460-89-9847?"), "2 email, 1 ssn"),
        (speech("hello", text_stated_transcript="call 541-714-1388"), "1 phone"),
    ],
)
def test_personal_data_is_refused_and_not_told(record: Conversation, detail: str) -> None:
    assert ScrubPersonalData()(record) == Reject("k", "personal_data", detail)


def test_counting_changes_no_text() -> None:
    record = speech("mail a@b.org or call 541-714-1388")
    result = ScrubPersonalData("keep")(record)
    assert isinstance(result, Conversation)
    assert result.turns == record.turns
    assert (result.facts["privacy.num_personal_data"], result.facts["privacy.kinds"]) == (2, "email,phone")


def test_scrubbing_puts_placeholders_in_every_text() -> None:
    record = speech("mail a@b.org", prompt="Call 541-714-1388?", text_stated_transcript="mail a@b.org", speech_heard_text="mail a@b.org")
    result = ScrubPersonalData("scrub")(record)
    assert isinstance(result, Conversation)
    assert [part.text for turn in result.turns for part in turn.parts if isinstance(part, Text)] == ["Call [phone]?", "mail [email]"]
    assert result.turns[0].parts[0] is record.turns[0].parts[0]
    assert result.facts["text.stated_transcript"] == result.facts["speech.heard_text"] == "mail [email]"
    assert record.facts["text.stated_transcript"] == "mail a@b.org"


def test_the_language_decides_what_is_a_number() -> None:
    german = "null eins sieben zwei drei vier neun"
    record = speech(german)
    assert isinstance(ScrubPersonalData()(record), Conversation)
    in_german = replace(record, facts={"text.stated_language": "de"})
    assert ScrubPersonalData()(in_german) == Reject("k", "personal_data", "1 phone")


def words(text: str) -> str:
    return json.dumps([[word, at * 0.5, at * 0.5 + 0.4] for at, word in enumerate(text.split())])


def test_word_times_are_scrubbed_with_the_transcript() -> None:
    text = "it is five five five oh one two nine thanks"
    result = ScrubPersonalData("scrub")(speech(text, speech_words_json=words(text)))
    assert isinstance(result, Conversation)
    assert result.turns[1].parts == (Text("it is [phone] thanks"),)
    assert json.loads(str(result.facts["speech.words_json"])) == [
        ["it", 0.0, 0.4],
        ["is", 0.5, 0.9],
        ["[phone]", 1.0, 4.4],
        ["thanks", 4.5, 4.9],
    ]


def test_word_times_that_do_not_agree_are_dropped() -> None:
    assert scrub_words(words("call five five five"), "call 541-714-1388", "en") == ""
    assert json.loads(scrub_words(words("call 541-714-1388"), "Call 541-714-1388.", "en")) == [["call", 0.0, 0.4], ["[phone]", 0.5, 0.9]]


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode of ScrubPersonalData is 'drop', expected reject, scrub or keep"):
        ScrubPersonalData("drop")


# ---- documents, and tools


def document(text: str, **facts: FactValue) -> Document:
    return Document("k", ORIGIN, text, {"text.stated_language": "", **{name.replace("_", ".", 1): value for name, value in facts.items()}})


def test_documents_are_scrubbed_and_their_spans_are_those_of_the_placeholders() -> None:
    result = ScrubPersonalData("scrub")(document("Mail bob@corp.org, or call 541-714-1388 or ann@corp.org today."))
    assert isinstance(result, Document)
    assert result.text == "Mail [email], or call [phone] or [email] today."
    spans = json.loads(str(result.facts["privacy.spans"]))
    assert [(span["kind"], result.text[span["start"] : span["stop"]]) for span in spans] == [
        ("email", "[email]"),
        ("phone", "[phone]"),
        ("email", "[email]"),
    ]
    assert (result.facts["privacy.num_personal_data"], result.facts["privacy.kinds"]) == (3, "email,phone")
    assert "bob" not in json.dumps(dict(result.facts))


def test_documents_are_refused_or_counted_too() -> None:
    record = document("Mail bob@corp.org today.")
    assert ScrubPersonalData("reject")(record) == Reject("k", "personal_data", "1 email")
    kept = ScrubPersonalData("keep")(record)
    assert isinstance(kept, Document)
    assert kept.text == record.text
    assert json.loads(str(kept.facts["privacy.spans"])) == [{"kind": "email", "start": 5, "stop": 17}]


def test_the_measured_language_counts_where_none_is_stated() -> None:
    text = "Rufen Sie an unter null eins sieben zwei drei vier neun."
    assert isinstance(ScrubPersonalData()(document(text)), Document)
    assert isinstance(ScrubPersonalData()(document(text, text_language="de")), Reject)


@pytest.mark.parametrize(
    "text",
    [
        "Version 10.2.33.4 costs 1,234,567.89; see ISBN 978-3-16-148410-0 and #ff00aa.",
        "| 2019 | 4711 | 0815 |\n| 2020 | 1234 | 5678 |",
        "Write to user@example.com or a@b.test, ping 192.168.0.1 or 2001:db8::1, call (212) 555-0123.",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b changed x = 3.14159265358979 + 2.0",
        "self.weight@x.mean() + a@b.T",
    ],
)
def test_what_is_nobodys_stays(text: str) -> None:
    result = ScrubPersonalData("scrub")(document(text))
    assert isinstance(result, Document)
    assert (result.text, result.facts["privacy.num_personal_data"]) == (text, 0)


def test_tool_calls_and_results_stay_json() -> None:
    arguments = '{"phone": 5417141388, "to": ["bob@corp.org", 2.5], "password": "hun7er2xQ", "note": "a \\"b\\" é"}'
    turns = (
        Turn("user", (Text("Write to bob@corp.org"),)),
        Turn("assistant", (ToolCall("send", arguments), ToolCall("noop", '{"n":  1}')), learned=True),
        Turn("tool", (ToolResult("send", "sent to bob@corp.org"), ToolResult("send", '{"ok":true,"id":"bob@corp.org"}'))),
    )
    result = ScrubPersonalData("scrub")(Conversation("k", ORIGIN, turns, {"text.stated_language": "en"}))
    assert isinstance(result, Conversation)
    call, untouched = result.turns[1].parts
    assert isinstance(call, ToolCall)
    assert json.loads(call.arguments) == {"phone": "[phone]", "to": ["[email]", 2.5], "password": "[secret]", "note": 'a "b" é'}
    assert untouched is turns[1].parts[1]
    assert result.turns[2].parts == (ToolResult("send", "sent to [email]"), ToolResult("send", '{"ok":true,"id":"[email]"}'))
    spans = json.loads(str(result.facts["privacy.spans"]))
    assert spans[0] == {"kind": "email", "start": 9, "stop": 16, "turn": 0, "part": 0}
    assert [(span["kind"], span["turn"], span["part"]) for span in spans[1:]] == [
        ("phone", 1, 0),
        ("email", 1, 0),
        ("secret", 1, 0),
        ("email", 2, 0),
        ("email", 2, 1),
    ]
    assert result.facts["privacy.num_personal_data"] == 6
