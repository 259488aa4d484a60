"""Questions about sounds are asked only where the metadata answers them, and stand after their audio."""

from __future__ import annotations

import json
import pickle
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.tasks.sound_questions import SoundTemplates, labels_of, read_label
from processors.tasks.understanding import UnderstandingTask, UnderstandingWriting
from processors.tasks.writing import Prompt
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, Origin, Row

ORIGIN = Origin("test")
ESC = ("001_-_Dog_bark", "002_-_Rain", "003_-_Sea_waves", "006_-_Person_sneeze", "008_-_Chainsaw", "010_-_Fire_crackling")
WORDS = [read_label(name) for name in ESC]


def row(key: str = "k", /, **fields: object) -> Row:
    return Row(key, ORIGIN, fields, {"audio": b"sound"})


def outcome(result: object) -> str:
    return result.reason if isinstance(result, Reject) else "none"


def asked(result: list[Conversation] | Reject) -> list[tuple[str, str]]:
    assert isinstance(result, list), result
    texts = [[part.text for turn in record.turns for part in turn.parts if isinstance(part, Text)] for record in result]
    return [(question, answer) for question, answer in texts]


def written(templates: SoundTemplates, key: str = "k", /, **fields: object) -> list[dict[str, object]]:
    result = templates(row(key, **fields))
    assert isinstance(result, Row), result
    assert result.facts == {"task.written_by": "templates"}
    return result.fields["qa"]  # type: ignore[return-value]


# ---- the task


def test_each_pair_is_a_conversation_after_the_audio() -> None:
    fields = {"qa": [{"question": "What is it?", "answer": "Rain.", "kind": "open"}, ["Is it loud?", "No."]], "lang": "en"}
    children = UnderstandingTask()(row(**fields))
    assert asked(children) == [("What is it?", "Rain."), ("Is it loud?", "No.")]
    assert isinstance(children, list)
    for child, kind in zip(children, ("open", ""), strict=True):
        audio = child.turns[0].parts[0]
        assert isinstance(audio, Audio)
        assert audio.source == b"sound"
        assert [(turn.role, turn.learned) for turn in child.turns] == [("user", False), ("assistant", True)]
        assert child.facts == {"text.stated_language": "en", "task.question_kind": kind}


def test_one_question_in_columns() -> None:
    assert asked(UnderstandingTask()(row(question="What is it?", answer="Rain."))) == [("What is it?", "Rain.")]


@pytest.mark.parametrize(
    ("choices", "answer", "expected"),
    [
        (["rain", "wind"], "wind", "B. wind"),
        (["rain", "wind"], "Wind", "B. wind"),
        (["rain", "wind"], "B", "B. wind"),
        (["rain", "wind"], "(B)", "B. wind"),
        (["rain", "wind"], "B. wind", "B. wind"),
        (["rain", "wind"], 1, "B. wind"),
        (["A. rain", "B. wind"], "rain", "A. rain"),
        (["(A) rain", "(B) wind"], "B", "B. wind"),
    ],
)
def test_choices_stand_below_the_question(choices: list[str], answer: object, expected: str) -> None:
    result = asked(UnderstandingTask()(row(question="Which?", choices=choices, answer=answer)))
    assert result == [("Which?\nA. rain\nB. wind", expected)]


def test_a_part_of_a_file() -> None:
    children = UnderstandingTask()(row(question="a", answer="b", offset=2, duration=3.5))
    assert isinstance(children, list)
    audio = children[0].turns[0].parts[0]
    assert isinstance(audio, Audio)
    assert (audio.offset_s, audio.duration_s) == (2.0, 3.5)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "no_question"),
        ({"qa": []}, "no_question"),
        ({"qa": ["a"]}, "no_question"),
        ({"qa": [{"answer": "b"}]}, "no_question"),
        ({"qa": [{"question": "a"}]}, "no_answer"),
        ({"question": "a", "answer": " "}, "no_answer"),
        ({"question": "a", "choices": ["b", "c"]}, "no_answer"),
        ({"question": "a", "choices": ["b", "c"], "answer": "d"}, "bad_choices"),
        ({"question": "a", "choices": ["b", "c"], "answer": "C"}, "none"),
        ({"question": "a", "choices": ["b", "d"], "answer": "C"}, "bad_choices"),
        ({"question": "a", "choices": ["b", "c"], "answer": 2}, "bad_choices"),
        ({"question": "a", "choices": ["b"], "answer": "b"}, "bad_choices"),
        ({"question": "a", "choices": ["b", "b"], "answer": "b"}, "bad_choices"),
        ({"question": "a", "choices": "b, c", "answer": "b"}, "bad_choices"),
        ({"question": "a", "answer": "b", "offset": -1}, "bad_segment_times"),
        ({"question": "a", "answer": "b", "offset": 1}, "none"),
    ],
)
def test_refusals_of_the_task(fields: dict[str, object], reason: str) -> None:
    assert outcome(UnderstandingTask()(row(**fields))) == reason
    assert reason == "none" or reason in {declared.name for declared in UnderstandingTask.reasons}


def test_a_row_without_audio_is_refused() -> None:
    assert outcome(UnderstandingTask()(Row("k", ORIGIN, {"question": "a", "answer": "b"}))) == "no_audio"


# ---- labels


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("008_-_Chainsaw", "chainsaw"),
        ("006_-_Person_sneeze", "person sneeze"),
        ("dog_bark", "dog bark"),
        ("AirConditioner", "air conditioner"),
        ("Male speech, man speaking", "male speech, man speaking"),
        ("children_playing", "children playing"),
        ("TV", "TV"),
        ("3. Sea waves", "sea waves"),
        ("/m/09x0r", ""),
        ("17", ""),
        ("", ""),
    ],
)
def test_a_label_in_words(name: str, words: str) -> None:
    assert read_label(name) == words


def test_labels_of_a_row() -> None:
    assert labels_of({"labels": ["Rain", "Wind", "rain", 4]}) == ["rain", "wind"]
    assert labels_of({"labels": "Rain;Male speech, man speaking"}) == ["rain", "male speech, man speaking"]
    assert labels_of({"label": 7, "category": "rain"}) == ["rain"]
    assert labels_of({"label": "/m/09x0r"}) == []


# ---- templates


def test_without_a_vocabulary_only_open_questions_are_asked() -> None:
    kinds = [pair["kind"] for number in range(50) for pair in written(SoundTemplates(per_clip=5), str(number), label="008_-_Chainsaw")]
    assert kinds == ["open"] * 50


def test_choices_and_their_answers_come_from_the_vocabulary() -> None:
    places = Counter()
    for number in range(300):
        pairs = written(SoundTemplates(ESC, per_clip=3), str(number), label="008_-_Chainsaw")
        assert sorted(str(pair["kind"]) for pair in pairs) == ["choice", "open", "yes_no"]
        choice = next(pair for pair in pairs if pair["kind"] == "choice")
        choices = choice["choices"]
        assert isinstance(choices, list)
        assert len(choices) == len(set(choices)) == 4
        assert set(choices) <= set(WORDS)
        assert choice["answer"] == "chainsaw"
        places[choices.index("chainsaw")] += 1
    assert set(places) == {0, 1, 2, 3}
    assert min(places.values()) > 45


def test_yes_and_no_are_balanced_and_true() -> None:
    answers = Counter()
    for number in range(400):
        pair = next(pair for pair in written(SoundTemplates(ESC, per_clip=3), str(number), label="Dog_bark") if pair["kind"] == "yes_no")
        assert ("dog bark" in str(pair["question"])) == (pair["answer"] == "Yes.")
        answers[pair["answer"]] += 1
    assert set(answers) == {"Yes.", "No."}
    assert 160 < answers["Yes."] < 240


def test_a_wrong_choice_shares_no_word_with_what_is_heard() -> None:
    vocabulary = ("rain", "rain on a roof", "thunder")
    for number in range(40):
        for pair in written(SoundTemplates(vocabulary, per_clip=3), str(number), label="rain"):
            assert "roof" not in str(pair)


def test_several_labels_are_all_in_the_open_answer() -> None:
    pairs = written(SoundTemplates(per_clip=1), labels=["Rain", "Wind", "Thunder"])
    assert [pair["answer"] for pair in pairs] == ["Rain, wind and thunder."]


EVENTS = [
    {"label": "Dog_bark", "onset": 3.0, "offset": 3.4},
    {"label": "Door_slam", "onset": 1.0, "offset": 1.2},
    {"label": "Dog_bark", "onset": 5.0, "offset": 5.5},
]


def test_number_and_order_of_events() -> None:
    seen = set()
    for number in range(60):
        for pair in written(SoundTemplates(per_clip=3), str(number), events=EVENTS):
            seen.add(pair["kind"])
            if pair["kind"] == "count":
                assert pair["answer"] == ("Twice." if "dog bark" in str(pair["question"]) else "Once.")
            if pair["kind"] == "order":
                assert pair["answer"] == "Door slam."
    assert seen == {"open", "count", "order"}


def test_three_sounds_in_order() -> None:
    events = [*EVENTS, {"label": "Rain", "onset": 8.0, "offset": 9.0}]
    pairs = [pair for number in range(30) for pair in written(SoundTemplates(per_clip=3), str(number), events=events)]
    assert {str(pair["answer"]) for pair in pairs if pair["kind"] == "order"} == {"Door slam, then dog bark, then rain."}


def test_sounds_that_begin_together_have_no_order() -> None:
    events = [{"label": "a b", "onset": 1.0, "offset": 2.0}, {"label": "c d", "onset": 1.4, "offset": 2.0}]
    kinds = {pair["kind"] for number in range(30) for pair in written(SoundTemplates(per_clip=5), str(number), events=events)}
    assert kinds == {"open", "count"}
    events[1]["onset"] = 1.5
    kinds = {pair["kind"] for number in range(30) for pair in written(SoundTemplates(per_clip=5), str(number), events=events)}
    assert kinds == {"open", "count", "order"}


@pytest.mark.parametrize(
    ("fields", "kind", "answer"),
    [
        ({"caption": "A dog barks at rain."}, "caption", "A dog barks at rain."),
        ({"captions": ["A dog barks at rain.", "Barking."]}, "caption", "A dog barks at rain."),
        ({"transcript": "good morning"}, "transcript", "good morning"),
        ({"instrument": "Acoustic_Guitar"}, "instrument", "Acoustic guitar."),
        ({"genre": "jazz"}, "genre", "Jazz."),
        ({"emotion": "happy"}, "emotion", "Happy."),
        ({"key": "C# minor"}, "key", "C# minor."),
        ({"tempo": 119.7}, "tempo", "About 120 beats per minute."),
        ({"bpm": 90}, "tempo", "About 90 beats per minute."),
        ({"duration": 4.98}, "duration", "About 5 seconds."),
    ],
)
def test_what_a_column_answers(fields: dict[str, object], kind: str, answer: str) -> None:
    assert [(pair["kind"], pair["answer"]) for pair in written(SoundTemplates(per_clip=9), **fields)] == [(kind, answer)]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "no_label"),
        ({"label": 3}, "no_label"),
        ({"label": "/m/09x0r"}, "no_label"),
        ({"tempo": 5}, "no_label"),
        ({"duration": 0.4}, "no_label"),
        ({"speaker": "jackson"}, "no_label"),
        ({"key": "clip_0017"}, "no_label"),  # the row's own key, and not the music's
        ({"key": "Bb major"}, "none"),
        ({"genre": "17"}, "no_label"),
        ({"label": "Whale"}, "unknown_label"),
        ({"label": "Rain"}, "none"),
        ({"events": "rain"}, "bad_events"),
        ({"events": [{"label": "Rain", "onset": 2, "offset": 1}]}, "bad_events"),
        ({"events": [{"label": "Rain", "onset": "1", "offset": 2}]}, "bad_events"),
        ({"events": [{"onset": 1, "offset": 2}]}, "bad_events"),
        ({"events": [{"label": "Rain", "onset": 1, "offset": 1}]}, "none"),
    ],
)
def test_refusals_of_the_templates(fields: dict[str, object], reason: str) -> None:
    assert outcome(SoundTemplates(ESC)(row(**fields))) == reason
    assert reason == "none" or reason in {declared.name for declared in SoundTemplates.reasons}


@pytest.mark.parametrize("fields", [{"qa": [["a", "b"]]}, {"question": "a", "answer": "b"}])
def test_a_row_with_questions_stays_as_it_is(fields: dict[str, object]) -> None:
    result = SoundTemplates(ESC)(row(label="Whale", **fields))
    assert isinstance(result, Row)
    assert result.fields == {"label": "Whale", **fields}
    assert result.facts == {"task.written_by": "given"}


def test_bad_configuration_is_an_error() -> None:
    with pytest.raises(ValueError, match="per_clip is 0, expected 1 or more"):
        SoundTemplates(per_clip=0)
    with pytest.raises(ValueError, match="expected names that read as different words"):
        SoundTemplates(("Dog_bark", "dog bark"))
    with pytest.raises(ValueError, match="expected names that read as different words"):
        SoundTemplates(("17",))
    with pytest.raises(ValueError, match="per_clip is 0, expected 1 or more"):
        UnderstandingWriting(0)


@given(
    st.sampled_from(ESC),
    st.integers(1, 6),
    st.integers(0, 5),
    st.text(max_size=6),
    st.fixed_dictionaries(
        {}, optional={"duration": st.floats(0, 1e6), "tempo": st.integers(), "caption": st.text(max_size=9), "events": st.just([])}
    ),
)
def test_every_question_becomes_a_conversation(label: str, per_clip: int, seed: int, key: str, more: dict[str, object]) -> None:
    templates = SoundTemplates(ESC, per_clip, seed)
    first, second = templates(row(key, label=label, **more)), pickle.loads(pickle.dumps(templates))(row(key, label=label, **more))
    assert first == second
    assert isinstance(first, Row)
    pairs = first.fields["qa"]
    assert isinstance(pairs, list)
    assert 1 <= len(pairs) <= per_clip
    assert len({pair["kind"] for pair in pairs}) == len(pairs)
    assert len(asked(UnderstandingTask()(first))) == len(pairs)


# ---- a language model


def test_the_prompt_tells_what_is_known_and_no_file_name() -> None:
    fields = {"label": "Dog_bark", "caption": "A dog.", "tempo": 120, "duration": 5.0, "audio_filepath": "secret/001.wav"}
    prompt = UnderstandingWriting(3).prompt(row(**fields))
    assert isinstance(prompt, Prompt)
    assert "Write 3 different questions" in prompt.text
    known = json.loads(prompt.text.split("\n\n")[0].removeprefix("What is known of the clip:\n"))
    assert known == {"sounds": ["dog bark"], "caption": "A dog.", "tempo": 120, "duration_s": 5.0}
    assert "secret" not in prompt.text + prompt.system


def test_a_row_of_which_nothing_is_known_is_refused() -> None:
    assert outcome(UnderstandingWriting().prompt(row(audio_filepath="a.wav", duration=5.0))) == "no_metadata"
    assert UnderstandingWriting().reasons[0].name == "no_metadata"


PAIRS = [{"question": "What is it?", "answer": "It is a dog."}, {"question": "Is it near?", "answer": "Yes, it is."}]


@pytest.mark.parametrize("reply", [json.dumps(PAIRS), f"```json\n{json.dumps(PAIRS)}\n```"])
def test_a_reply_in_the_form_asked_for(reply: str) -> None:
    result = UnderstandingWriting(2).read(row(label="Dog_bark"), reply)
    assert isinstance(result, Row)
    assert result.fields == {"label": "Dog_bark", "qa": PAIRS}
    assert asked(UnderstandingTask()(result)) == [("What is it?", "It is a dog."), ("Is it near?", "Yes, it is.")]


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Sure! " + json.dumps(PAIRS),
        json.dumps(PAIRS[:1]),
        json.dumps(PAIRS[0]),
        json.dumps([PAIRS[0], PAIRS[0]]),
        json.dumps([PAIRS[0], {"question": "What?"}]),
        json.dumps([PAIRS[0], {"question": "What?", "answer": ""}]),
        json.dumps([PAIRS[0], {"question": "What?", "answer": "b", "note": "c"}]),
        json.dumps([PAIRS[0], {"question": "What does the transcript say?", "answer": "b"}]),
        json.dumps([PAIRS[0], {"question": "What?", "answer": "b" * 2_001}]),
    ],
)
def test_other_replies_are_refused(reply: str) -> None:
    assert outcome(UnderstandingWriting(2).read(row(), reply)) == "bad_reply"
