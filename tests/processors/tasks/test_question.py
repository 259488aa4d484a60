"""Questions about speech: pairs as given, made by rule, written by a model; answers that the transcript does not hold."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.dialogue import BAD_SEGMENT_TIMES, LANGUAGE, NO_AUDIO, NO_TRANSCRIPT, STATED_TRANSCRIPT
from processors.tasks.question import (
    CONTRADICTING,
    KIND,
    NO_PAIR,
    NO_RESPONSE,
    NOT_IN_AUDIO,
    NUM_LEFT_OUT,
    TOO_SHORT,
    KeepSupported,
    QuestionTask,
    QuestionWriting,
    ResponseWriting,
    SpokenQueryTask,
    answer_support,
)
from processors.tasks.question_templates import NO_TEMPLATES, QuestionTemplates, ask, said_in
from processors.tasks.question_wordings import COMMON_WORDS, WORDINGS, YES_NO
from processors.tasks.stop_words import STOP_WORDS
from processors.tasks.support import SUPPORT_RATIO
from processors.tasks.writing import BAD_REPLY, TEMPLATES, WRITTEN_BY
from schemas.identity import keyed_rng
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, Origin, Row

STORY = "The old farmer sold twenty five apples in the village because the old farmer wanted a new horse."


def row(key: str = "k", **fields: object) -> Row:
    return Row(key, Origin("s"), {"text": STORY, "lang": "en", **fields}, {"audio": b"RIFF"})


def children(made: list[Conversation] | Reject) -> list[Conversation]:
    assert isinstance(made, list), made
    return made


def refused(made: object) -> Reject:
    assert isinstance(made, Reject), made
    return made


def pair_in(record: Conversation) -> tuple[str, str]:
    audio, question = record.turns[0].parts
    assert isinstance(audio, Audio)
    assert isinstance(question, Text)
    assert (record.turns[0].learned, record.turns[1].learned) == (False, True)
    return question.text, record.turns[1].parts[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "fields",
    [
        {"question": "Who?", "answer": "The farmer"},
        {"qa": [{"question": "Who?", "answer": "The farmer"}]},
        {"qa": [["Who?", "The farmer"]]},
        {"qa": [{"question": "Who? ", "answers": {"text": ["The farmer", "a farmer"], "answer_start": [0, 0]}}]},
        {"qa": [{"question": "Who?", "answer": "The farmer"}, {"question": "who", "answer": "the farmer."}]},
        {"qa": [{"question": "Who?", "answer": "The farmer"}, {"question": "", "answer": "x"}, {"question": "What?", "answer": " "}]},
    ],
)
def test_every_way_to_give_a_pair(fields: dict[str, object]) -> None:
    assert [pair_in(one) for one in children(QuestionTask()(row(**fields)))] == [("Who?", "The farmer")]


def test_a_pair_a_conversation_with_its_facts() -> None:
    made = children(QuestionTask()(row(qa=[["Who?", "The farmer"], ["How many?", 25], ["Who?", "the farmer"]], speaker="ann")))
    assert [pair_in(one) for one in made] == [("Who?", "The farmer"), ("How many?", "25")]
    assert made[1].facts == {
        LANGUAGE.name: "en",
        "speech.speaker": "ann",
        STATED_TRANSCRIPT.name: STORY,
        KIND.name: "",
        NUM_LEFT_OUT.name: 1,
    }


def test_a_question_with_two_answers_is_left_out() -> None:
    both = [["Who?", "The farmer"], ["Who?", "A horse"]]
    reject = refused(QuestionTask()(row(qa=both)))
    assert (reject.reason, reject.detail) == (CONTRADICTING.name, "'Who?' is answered in two ways")
    (made,) = children(QuestionTask()(row(qa=[*both, ["Where?", "In the village"]])))
    assert (pair_in(made)[0], made.facts[NUM_LEFT_OUT.name]) == ("Where?", 2)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, NO_PAIR),
        ({"qa": [["Who?", ""]]}, NO_PAIR),
        ({"qa": "Who?"}, NO_PAIR),
        ({"qa": [["Who?", "him"]], "text": ""}, NO_TRANSCRIPT),
        ({"qa": [["Who?", "him"]], "offset": "one"}, BAD_SEGMENT_TIMES),
    ],
)
def test_rows_that_give_no_question(fields: dict[str, object], reason: object) -> None:
    assert refused(QuestionTask()(row(**fields))).reason == reason.name  # type: ignore[attr-defined]


def test_rows_without_audio_are_refused() -> None:
    silent = dataclasses.replace(row(question="Who?", answer="him", response="yes"), blobs={})
    assert refused(QuestionTask()(silent)).reason == NO_AUDIO.name
    assert refused(SpokenQueryTask()(silent)).reason == NO_AUDIO.name


def test_a_spoken_query_has_no_text() -> None:
    made = SpokenQueryTask()(row(response="A horse.", offset=1))
    assert isinstance(made, Conversation)
    assert [type(part) for part in made.turns[0].parts] == [Audio]
    assert made.turns[1].parts == (Text("A horse."),)
    assert (made.turns[1].learned, made.facts[LANGUAGE.name], made.facts[STATED_TRANSCRIPT.name]) == (True, "en", STORY)
    assert refused(SpokenQueryTask()(row(response=" "))).reason == NO_RESPONSE.name
    assert refused(SpokenQueryTask()(row(response="A", text=""))).reason == NO_TRANSCRIPT.name
    assert refused(SpokenQueryTask()(row(response="A", offset=-1))).reason == BAD_SEGMENT_TIMES.name


@pytest.mark.parametrize(
    ("question", "answer", "ratio"),
    [
        ("Who sold apples?", "The old farmer sold them.", 1.0),
        ("Who sold apples?", "The speaker says that the farmer did.", 1.0),
        ("Who sold apples?", "A young doctor sold them.", 0.0),
        ("Who sold apples?", "The farmer and his daughter.", 0.5),
        ("How many apples were sold?", "25", 1.0),
        ("How many apples were sold?", "Twenty five.", 1.0),
        ("How many apples were sold?", "26 apples", 0.0),
        ("How many animals are named?", "One", 1.0),
        ("How many things does he want or sell?", "2", 1.0),
        ("Did the farmer sell apples?", "Yes", 1.0),
        ("Did the farmer sell apples?", "Yes, in the village.", 1.0),
        ("Did the farmer sell apples?", "Yes, in London.", 0.0),
        ('How many times is the word "farmer" said?', "2", 1.0),
        ('How many times is the word "farmer" said?', "Twice.", 1.0),
        ('How many times is the word "farmer" said?', "3", 0.0),
        ('How often does the speaker say "old farmer"?', "two times", 1.0),
        ('How many times is the word "apple" said?', "0", 1.0),
    ],
)
def test_answers_are_looked_for_in_the_transcript(question: str, answer: str, ratio: float) -> None:
    assert answer_support(question, answer, STORY, "en") == ratio


@pytest.mark.parametrize(
    ("language", "transcript", "question", "true", "false"),
    [
        ("de", "Der Zug fährt um zehn nach München.", "Wohin fährt der Zug?", "Nach München.", "Nach Hamburg."),
        ("fr", "Le train part à dix heures pour Lyon.", "Où va le train ?", "À Lyon.", "À Paris."),
        ("zh", "火车十点开往北京。", "火车开往哪里？", "北京。", "上海。"),
        ("ja", "電車は十時に京都へ行きます。", "電車はどこへ行きますか。", "京都です。", "大阪です。"),
    ],
)
def test_answers_in_other_languages(language: str, transcript: str, question: str, true: str, false: str) -> None:
    assert answer_support(question, true, transcript, language) == 1.0
    assert answer_support(question, false, transcript, language) < 0.5


def test_answers_that_are_not_in_the_audio_are_refused() -> None:
    good, poor = children(QuestionTask()(row(lang="", qa=[["Who?", "The farmer"], ["Where is it?", "In Hamburg harbour"]])))
    kept = KeepSupported(0.5)(good)
    assert isinstance(kept, Conversation)
    assert kept.facts[SUPPORT_RATIO.name] == 1.0
    reject = refused(KeepSupported(0.5)(poor))
    assert (reject.reason, reject.detail) == (NOT_IN_AUDIO.name, "0.00 of 'In Hamburg harbour', expected 0.5 or more")


# ---- questions made by rule

WORDS = st.lists(
    st.sampled_from(
        [
            "the",
            "a",
            "farmer",
            "horse",
            "village",
            "old",
            "new",
            "apple",
            "twenty",
            "one",
            "to",
            "two",
            "too",
            "I'm",
            "well-known",
            "x",
            "7",
        ]
    ),
    max_size=14,
)
SPEAK = st.sampled_from(sorted(WORDINGS))


def truth(kind: str, question: str, said: list[str], language: str) -> str | None:
    """The only true answer of a template question, by another way than the templates'; None when there are several."""
    named = [next(filter(None, one)) for one in re.findall(r'"([^"]+)"|„([^“]+)“|«\s?([^»]+?)\s?»', question)]
    places = [[place for place, word in enumerate(said) if word.lower() == name.lower()] for name in named]
    if kind in ("first", "last"):
        return said[0 if kind == "first" else -1]
    if kind in ("after", "before"):
        (place,) = places[0]
        return said[place + (1 if kind == "after" else -1)]
    if kind == "count":
        return str(len(places[0]))
    if kind == "said":
        return YES_NO[language][0 if places[0] else 1]
    if kind == "order":
        (one,), (other,) = places
        return named[0] if one < other else named[1]
    return None


@given(WORDS, SPEAK, st.integers(0, 10_000))
def test_answers_are_exact_whatever_is_said(said: list[str], language: str, key: int) -> None:
    made = QuestionTemplates(per_clip=9, seed=1)(row(str(key), text=" ".join(said) or "x", lang=language))
    if isinstance(made, Reject):
        assert made.reason == TOO_SHORT.name
        return
    pairs = made.fields["qa"]
    assert isinstance(pairs, list)
    assert len({pair["question"] for pair in pairs}) == len(pairs) <= 9
    for pair in pairs:
        if pair["kind"] != "number":
            assert pair["answer"] == truth(pair["kind"], pair["question"], said, language), pair


def test_made_pairs_pass_every_check_and_say_who_wrote_them() -> None:
    for key in range(40):
        made = QuestionTemplates(per_clip=4, seed=2)(row(str(key)))
        assert isinstance(made, Row)
        assert made.facts == {WRITTEN_BY.name: TEMPLATES}
        for record in children(QuestionTask()(made)):
            kept = KeepSupported()(record)
            assert isinstance(kept, Conversation), (pair_in(record), kept)
            assert record.facts[NUM_LEFT_OUT.name] == 0


def test_kinds_wordings_and_yes_and_no_come_equally_often() -> None:
    pairs = [
        pair
        for key in range(1_500)
        for pair in QuestionTemplates(2, seed=3)(row(str(key))).fields["qa"]  # type: ignore[union-attr]
    ]
    kinds = Counter(pair["kind"] for pair in pairs)
    assert set(kinds) == set(WORDINGS["en"])
    assert max(kinds.values()) < 1.4 * min(kinds.values())
    answers = Counter(pair["answer"] for pair in pairs if pair["kind"] == "said")
    assert set(answers) == {"Yes", "No"}
    assert 0.8 < answers["Yes"] / answers["No"] < 1.25
    counts = Counter(pair["answer"] for pair in pairs if pair["kind"] == "count")
    assert 0.75 < counts["1"] / counts["2"] < 1.33
    assert len({pair["question"] for pair in pairs if pair["kind"] == "first"}) == len(WORDINGS["en"]["first"])


def test_the_same_row_gets_the_same_questions_and_another_seed_others() -> None:
    made = [QuestionTemplates(3, seed)(row()) for seed in (5, 5, 6)]
    assert made[0] == made[1] != made[2]


def test_number_words_are_neither_asked_about_nor_answers() -> None:
    said = said_in(STORY, "en")
    assert said.words.count(None) == 2
    assert "twenty" not in said.telling()
    rng = keyed_rng(0, "x", "k")
    asked = {ask("after", said, rng) is None or ask("after", said, rng)[1] for _ in range(200)}  # type: ignore[index]
    assert not asked & {"twenty", "five"}
    assert ask("number", said, rng) == ({}, "25")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("we saw 12 big birds today", "12"),
        ("we saw twelve big birds today", "12"),
        ("we saw one big bird today", None),
        ("we saw 12 birds and 13 fish", None),
        ("we met at 9:30 in the morning", None),
        ("he came in 2nd of all 12 runners", None),
    ],
)
def test_a_number_is_asked_for_where_it_is_the_only_one(text: str, number: str | None) -> None:
    assert ask("number", said_in(text, "en"), keyed_rng(0, "x", "k")) == (None if number is None else ({}, number))


def test_marks_of_noise_are_no_words() -> None:
    said = said_in("the farmer [noise] sold <unk> apples", "en")
    assert said.words == ("the", "farmer", None, "sold", None, "apples")
    asked = {
        ask("after", said, keyed_rng(0, "x", str(key))) for key in range(50) if ask("after", said, keyed_rng(0, "x", str(key))) is None
    }
    assert asked == {None}  # every neighbour of a telling word is a mark, or none


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"text": "the farmer sold apples"}, TOO_SHORT),
        ({"text": "7 8 9 10 11"}, TOO_SHORT),
        ({"text": ""}, NO_TRANSCRIPT),
        ({"text": "農夫は村で林檎を売りました", "lang": "ja"}, NO_TEMPLATES),
        ({"text": "農夫は村で林檎を売りました", "lang": ""}, NO_TEMPLATES),
    ],
)
def test_transcripts_that_give_no_question(fields: dict[str, object], reason: object) -> None:
    assert refused(QuestionTemplates()(row(**fields))).reason == reason.name  # type: ignore[attr-defined]
    assert isinstance(QuestionTemplates()(row(text="the farmer sold apples today")), Row)


def test_per_clip_is_bounded() -> None:
    with pytest.raises(ValueError, match="per_clip is 0"):
        QuestionTemplates(0)


@pytest.mark.parametrize("language", sorted(WORDINGS))
def test_wordings_are_whole_in_every_language(language: str) -> None:
    assert set(WORDINGS[language]) == set(WORDINGS["en"])
    for kind, wordings in WORDINGS[language].items():
        needed = {"order": {"word", "other"}, "first": set(), "last": set(), "number": set()}.get(kind, {"word"})
        assert all(set(re.findall(r"\{(\w+)\}", wording)) == needed for wording in wordings)
    assert not set(COMMON_WORDS[language]) & STOP_WORDS[language]


# ---- written by a model


def test_a_model_writes_pairs_and_its_reply_is_read_strictly() -> None:
    writing = QuestionWriting(2)
    prompt = writing.prompt(row())
    assert not isinstance(prompt, Reject)
    assert prompt.text.endswith(STORY)
    assert "Write 2 different questions" in prompt.text
    done = writing.read(row(), json.dumps([{"question": "Who?", "answer": "The farmer"}]))
    assert isinstance(done, Row)
    assert [pair_in(one) for one in children(QuestionTask()(done))] == [("Who?", "The farmer")]
    bad = ("", "Sure! []", "[]", "{}", '[{"question": "Who?"}]', '[{"question": "Who?", "answer": 7}]', '[{"question": "", "answer": "a"}]')
    for reply in (*bad, '[{"question": "a", "answer": "b", "why": "c"}]', "[" * 50_000, " " * 300_000):
        assert refused(writing.read(row(), reply)).reason == BAD_REPLY.name
    assert refused(writing.prompt(row(text=""))).reason == NO_TRANSCRIPT.name
    with pytest.raises(ValueError, match="num_pairs is 0"):
        QuestionWriting(0)


def test_a_model_answers_what_is_said() -> None:
    prompt = ResponseWriting().prompt(row())
    assert not isinstance(prompt, Reject)
    assert (prompt.text, prompt.system) == (STORY, "")
    done = ResponseWriting().read(row(), " Of course.\n")
    assert isinstance(done, Row)
    assert isinstance(SpokenQueryTask()(done), Conversation)
    assert refused(ResponseWriting().read(row(), " \n")).reason == BAD_REPLY.name
    assert refused(ResponseWriting().prompt(row(text=""))).reason == NO_TRANSCRIPT.name


def test_processors_are_pickled() -> None:
    for one in (QuestionTask(), SpokenQueryTask(), KeepSupported(), QuestionTemplates(), QuestionWriting(), ResponseWriting()):
        assert pickle.loads(pickle.dumps(one)) == one
