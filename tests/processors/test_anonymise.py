"""Speakers become hashes, personal data is refused, scrubbed or counted, and no text of a record keeps what another loses."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import pytest

from pipelines.recipe import describe
from processors.anonymise import HashSpeaker, ScrubPersonalData, hash_speaker, scrub_words
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, FactValue, Origin, Turn

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
        assert result.facts == {**record.facts, "privacy.num_personal_data": 0, "privacy.kinds": ""}


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
