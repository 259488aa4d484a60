"""Summaries of conversations: what is read, what the query needs, the forms, and what the conversation does not hold."""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.dialogue import BAD_SEGMENT_TIMES, LANGUAGE, NO_AUDIO
from processors.tasks.meeting import anonymise, clean_turn, drop_empty, queries_in, turns_in
from processors.tasks.summary import (
    BAD_SPAN,
    CORE_START,
    CORE_STOP,
    DIALOGUE,
    FOCUS,
    FORMAT,
    INSTRUCTION_NOT_KEPT,
    LENGTH_INSTRUCTION,
    NO_QUERY,
    NO_SUMMARY,
    NO_TURNS,
    NUM_UNSUPPORTED,
    TOO_LONG,
    UNSUPPORTED,
    KeepSummary,
    MeetingTask,
    RecordingTask,
    SummaryStyle,
    SummaryWriting,
    estimate_s,
    window_around,
)
from processors.tasks.summary_style import FORMS, PROSE, Style, draw_style, keeps_instruction, put_into, sentences_of
from processors.tasks.summary_support import names_in, summary_support, unsupported
from processors.tasks.support import SUPPORT_RATIO
from processors.tasks.writing import BAD_REPLY
from schemas.identity import keyed_rng
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, Origin, Row

MEETING = {
    "meeting_transcripts": [
        {"speaker": "Project Manager", "content": "Okay {vocalsound} let 's start with the budget ."},
        {"speaker": "Marketing", "content": "{disfmarker}"},
        {"speaker": "Marketing", "content": "The remote control costs twelve fifty , and people do n't want to pay more than 25 euros ."},
        {"speaker": "Grad C", "content": "Mm . [laughs] Rubber buttons are cheaper , says the factory in Hamburg ."},
        {"speaker": "Project Manager", "content": "Then we take rubber buttons and a yellow case ."},
    ],
    "general_query_list": [
        {"query": "Summarize the whole meeting.", "answer": "The group chose rubber buttons, since people will not pay more than 25 euros."}
    ],
    "specific_query_list": [
        {
            "query": "What did Grad C say about buttons?",
            "answer": "Grad C reported that rubber buttons are cheaper.",
            "relevant_text_span": [["3", "3"]],
        },
        {"query": "What about the case?", "answer": "It is yellow.", "relevant_text_span": [["1", "1"], ["4", "4"]]},
        {"query": "What about chips?", "answer": "Nothing.", "relevant_text_span": [["4", "9"]]},
    ],
}
ABOUT = "The Project Manager wants rubber buttons. People pay 25 euros. The case is yellow."


def row(**fields: object) -> Row:
    return Row("k", Origin("s"), {"lang": "en", **fields}, {"audio": b"RIFF"})


def children(made: list[Conversation] | Reject) -> list[Conversation]:
    assert isinstance(made, list), made
    return made


def refused(made: object) -> Reject:
    assert isinstance(made, Reject), made
    return made


def texts(record: Conversation) -> tuple[str, str]:
    user, assistant = record.turns
    assert (user.learned, assistant.learned) == (False, True)
    return user.parts[-1].text, assistant.parts[0].text  # type: ignore[union-attr]


def core_of(record: Conversation) -> list[list[str]]:
    turns = json.loads(str(record.facts[DIALOGUE.name]))
    return turns[int(record.facts[CORE_START.name]) : int(record.facts[CORE_STOP.name])]


# ---- what is read


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{vocalsound} Okay .", "Okay."),
        ("I do n't know , it 's fine .", "I don't know, it's fine."),
        ("The {disfmarker} [noise] the <unk> end ( laughs )", "The the end (laughs)"),
        ("(inaudible) yes", "yes"),
        ("the A_M_I_ corpus and a D_V_D", "the A M I corpus and a D V D"),
        ("I 'm gon na go", "I'm gonna go"),
        ("{disfmarker} . -", ""),
        ("  ", ""),
    ],
)
def test_marks_of_transcribers_are_not_said(written: str, said: str) -> None:
    assert clean_turn(written) == said


@given(st.lists(st.sampled_from(["yes .", "{gap}", "no ", " . ", "well , {pause} ok"]), max_size=12))
def test_places_follow_the_turns_that_are_kept(texts: list[str]) -> None:
    kept, places = drop_empty([("a", text) for text in texts])
    assert len(places) == len(texts) + 1
    assert all(text for _, text in kept)
    for start in range(len(texts) + 1):
        for stop in range(start, len(texts) + 1):
            said = [clean_turn(text) for text in texts[start:stop] if clean_turn(text)]
            assert [text for _, text in kept[places[start] : places[stop]]] == said


@pytest.mark.parametrize(
    "fields",
    [
        {"turns": [{"speaker": "Ann", "text": "Hi."}, {"speaker": "Bob", "text": "Hello."}]},
        {"turns": [["Ann", "Hi."], ["Bob", "Hello."]]},
        {"dialogue": "Ann: Hi.\r\nBob: Hello."},
        {"dialogue": "#Ann#: Hi.\n\n#Bob#: Hello."},
        {"dialogue": [{"role": "Ann", "utterance": "Hi."}, {"speaker": "Bob", "content": "Hello."}]},
    ],
)
def test_every_way_to_give_a_conversation(fields: dict[str, object]) -> None:
    assert drop_empty(turns_in(fields))[0] == [("Ann", "Hi."), ("Bob", "Hello.")]


def test_a_text_that_is_no_dialogue_has_no_turns() -> None:
    assert turns_in({"dialogue": "Ann: Hi.\nno speaker here"}) == []
    assert turns_in({"turns": 7}) == turns_in({}) == []


def test_queries_of_the_general_form() -> None:
    (one,) = queries_in({"summary": "They met."})
    assert (one.query, one.summary, one.focus, one.core) == ("Summarize the conversation.", "They met.", "general", None)
    (two,) = queries_in({"query": "Why?", "summary": "They met."})
    assert two.query == "Why?"
    told = {"query": "Why?", "summary": "a", "focus": "specific", "length": "at most 10 words", "format": "Bullets"}
    (three,) = queries_in({"queries": [told, "no object"]})
    assert (three.focus, three.length, three.form) == ("specific", "at most 10 words", "bullets")


def test_speakers_are_numbered_and_names_that_are_spoken_stay() -> None:
    numbers = {"Lynne Neagle AM": "Speaker 1", "Dr David Blaney": "Speaker 2", "Marketing": "Speaker 3", "Amanda": "Speaker 4"}
    spoken = "Thank you, Lynne. The marketing plan is fine."
    text = "Lynne Neagle thanked David Blaney and Marketing. Amanda and Lynne left; Dr David Blaney's plan stays."
    assert (
        anonymise(text, numbers, spoken) == "Speaker 1 thanked Speaker 2 and Marketing. Speaker 4 and Lynne left; Speaker 2's plan stays."
    )
    assert anonymise("Speaker 2 asked Speaker 1", {"Speaker 2": "Speaker 1", "Speaker 1": "Speaker 2"}, "") == "Speaker 1 asked Speaker 2"
    assert anonymise("#Person1# left", {"Person1": "Speaker 1"}, "") == "Speaker 1 left"
    assert anonymise("amanda left, Amandas too", {"Amanda": "Speaker 1"}, "") == "amanda left, Amandas too"


def test_the_only_professor_is_meant_by_the_professor() -> None:
    numbers = {"Professor C": "Speaker 2", "Grad A": "Speaker 1"}
    assert anonymise("The professor left.", numbers, "", ["Professor C", "Grad A"]) == "Speaker 2 left."
    assert anonymise("The professor left.", numbers, "", ["Professor C", "Professor B"]) == "The professor left."


# ---- what the query needs


def test_a_meeting_gives_a_conversation_a_query() -> None:
    general, buttons, case, chips = children(MeetingTask()(row(**MEETING)))
    assert texts(general)[0] == "Summarize the whole meeting."
    assert texts(buttons) == ("What did Speaker 3 say about buttons?", "Speaker 3 reported that rubber buttons are cheaper.")
    assert [record.facts[FOCUS.name] for record in (general, buttons)] == ["general", "specific"]
    assert json.loads(str(general.facts[DIALOGUE.name])) == core_of(general)
    assert [speaker for speaker, _ in core_of(general)] == ["Speaker 1", "Speaker 2", "Speaker 3", "Speaker 1"]
    assert core_of(buttons) == [["Speaker 3", "Mm. Rubber buttons are cheaper, says the factory in Hamburg."]]
    assert len(core_of(case)) == 3  # from the empty turn to the last one
    assert core_of(chips) == []
    assert (general.facts[LANGUAGE.name], general.facts[FORMAT.name], general.facts[LENGTH_INSTRUCTION.name]) == ("en", PROSE, "")


@pytest.mark.parametrize("span", [[["3", "2"]], [["a", "3"]], [["-1", "2"]], [[3]], ["3"], [["0", "5"]], [["1", "1"]]])
def test_a_span_that_cannot_be_read_is_refused_by_the_next_step(span: object) -> None:
    query = {"query": "Why?", "answer": "Rubber buttons.", "relevant_text_span": span}
    (made,) = children(MeetingTask()(row(meeting_transcripts=MEETING["meeting_transcripts"], specific_query_list=[query])))
    assert refused(KeepSummary()(made)).reason == BAD_SPAN.name
    (right,) = children(
        MeetingTask()(
            row(meeting_transcripts=MEETING["meeting_transcripts"], specific_query_list=[{**query, "relevant_text_span": [["3", 4]]}])
        )
    )
    assert isinstance(KeepSummary()(right), Conversation)


@given(
    st.lists(st.floats(0.1, 50), min_size=1, max_size=30),
    st.data(),
    st.floats(1, 300),
    st.floats(0, 1, exclude_max=True),
)
def test_a_window_holds_the_core_and_no_more_than_the_target(
    lengths: list[float], data: st.DataObject, target: float, share: float
) -> None:
    first = data.draw(st.integers(0, len(lengths) - 1))
    last = data.draw(st.integers(first, len(lengths) - 1))
    start, stop = window_around(lengths, (first, last + 1), target, share)
    assert 0 <= start <= first
    assert last < stop <= len(lengths)
    assert sum(lengths[start:stop]) <= max(target, sum(lengths[first : last + 1])) + 1e-6
    if stop < len(lengths):  # nothing more fits behind it
        assert sum(lengths[start : stop + 1]) > target - 1e-6


def test_the_core_stands_anywhere_in_its_window() -> None:
    turns = [["Ann", f"This is turn number {number} of a long talk."] for number in range(200)]
    spans = [[["100", "104"]]] * 60
    queries = [{"query": "What?", "summary": "Turns.", "relevant_text_span": span} for span in spans]
    made = children(MeetingTask(target_s=120.0)(row(turns=turns, queries=queries)))
    starts = [int(record.facts[CORE_START.name]) for record in made]
    assert min(starts) < 5
    assert max(starts) > 20
    lasts = [sum(estimate_s(text) for _, text in json.loads(str(record.facts[DIALOGUE.name]))) for record in made]
    assert all(110 < length <= 120 for length in lasts)
    assert made == children(MeetingTask(target_s=120.0)(row(turns=turns, queries=queries)))
    assert starts != [int(one.facts[CORE_START.name]) for one in children(MeetingTask(120.0, seed=1)(row(turns=turns, queries=queries)))]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"queries": [{"query": "Why?", "summary": "x"}]}, NO_TURNS),
        ({"turns": [["Ann", "{gap}"]], "summary": "x"}, NO_TURNS),
        ({"turns": [["Ann", "Hi"]]}, NO_QUERY),
        ({"turns": [["Ann", "Hi"]], "queries": []}, NO_QUERY),
    ],
)
def test_rows_that_are_no_meeting(fields: dict[str, object], reason: object) -> None:
    assert refused(MeetingTask()(row(**fields))).reason == reason.name  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="target_s is 0"):
        MeetingTask(0)


def test_a_recording_is_heard_whole() -> None:
    (made,) = children(
        RecordingTask()(row(text="Rubber buttons are cheaper.", query="What is cheaper?", summary="Rubber buttons.", offset=2))
    )
    audio, query = made.turns[0].parts
    assert isinstance(audio, Audio)
    assert (audio.offset_s, query) == (2.0, Text("What is cheaper?"))
    assert core_of(made) == [["Speaker 1", "Rubber buttons are cheaper."]]
    kept = KeepSummary()(made)
    assert isinstance(kept, Conversation)
    assert (kept.facts[SUPPORT_RATIO.name], kept.facts[NUM_UNSUPPORTED.name]) == (1.0, 0)
    assert len(children(RecordingTask()(row(**MEETING)))) == 4
    assert refused(RecordingTask()(row(text="x"))).reason == NO_QUERY.name
    assert refused(RecordingTask()(row(summary="x", offset=-1))).reason == BAD_SEGMENT_TIMES.name
    assert refused(RecordingTask()(dataclasses.replace(row(summary="x"), blobs={}))).reason == NO_AUDIO.name


def test_without_a_transcript_nothing_is_judged() -> None:
    (made,) = children(RecordingTask()(row(summary="Anything at all, says Bob.")))
    kept = KeepSummary()(made)
    assert isinstance(kept, Conversation)
    assert (kept.facts[SUPPORT_RATIO.name], kept.facts[NUM_UNSUPPORTED.name]) == (1.0, 0)


# ---- the summary and its source


def summed(summary: str, query: str = "Summarize.", **told: str) -> Conversation:
    fields = {**MEETING, "general_query_list": [], "specific_query_list": [], "queries": [{"query": query, "summary": summary, **told}]}
    return children(MeetingTask()(row(**fields)))[0]


@pytest.mark.parametrize(
    ("summary", "reason"),
    [
        ("Rubber buttons are cheaper, says the factory in Hamburg.", ""),
        ("Rubber buttons are cheaper, says the factory in London.", UNSUPPORTED.name),
        ("People pay twenty five euros for the remote control.", ""),
        ("People pay 52 euros for the remote control.", UNSUPPORTED.name),
        ("There are three reasons: budget, buttons, factory.", ""),
        ("The weather will be sunny, with some clouds over the mountains.", UNSUPPORTED.name),
        ("Speaker 2 says that people pay 25 euros.", ""),
        (" ", NO_SUMMARY.name),
        ("Rubber buttons are cheaper. " * 20, TOO_LONG.name),
    ],
)
def test_what_is_not_in_the_conversation_is_refused(summary: str, reason: str) -> None:
    done = KeepSummary()(summed(summary))
    assert (done.reason if isinstance(done, Reject) else "") == reason


def test_what_a_form_adds_is_not_judged() -> None:
    email = "Subject: Notes from Monday\n\nHello Anna,\n\nRubber buttons are cheaper.\n\nBest regards"
    done = KeepSummary(1.0)(summed(email, format="email"))
    assert isinstance(done, Conversation)
    assert (done.facts[SUPPORT_RATIO.name], done.facts[NUM_UNSUPPORTED.name]) == (1.0, 0)


def test_bounds_can_be_moved() -> None:
    london = summed("Rubber buttons are cheaper, says the factory in London.")
    done = KeepSummary(max_unsupported=1)(london)
    assert isinstance(done, Conversation)
    assert (done.facts[NUM_UNSUPPORTED.name], done.facts[SUPPORT_RATIO.name]) == (1, 0.8333)
    assert "London: 1, expected 0 or fewer" in refused(KeepSummary()(london)).detail
    assert "expected 0.9 or more" in refused(KeepSummary(0.9)(london)).detail


def test_an_empty_query_is_refused() -> None:
    assert refused(KeepSummary()(summed("Rubber buttons.", query=" "))).reason == NO_SUMMARY.name


def test_names_are_capitals_inside_sentences() -> None:
    assert names_in('The group met Anna. Then "Yes" was said: Nobody from ICSI knew. ABC left; I did not.') == ["Anna", "ICSI", "ABC"]
    assert unsupported("Anna pays 1,500 euros.", "anna has one thousand five hundred euros", "en") == []
    assert unsupported("Anna pays.", "nobody pays", "en") == []  # the first word of a sentence has its capital anyway
    assert unsupported("We met Anna.", "we met annabel", "en") == ["Anna"]
    assert summary_support("", "anything", "en") == 1.0


# ---- forms


@pytest.mark.parametrize(
    ("text", "num"),
    [
        ("One. Two! Three?", 3),
        ("Dr. Blaney met Mr. Smith at 3.5 p.m. on Monday.", 1),
        ('He said "Stop." Then he left.', 2),
        ("e.g. this, and J. Smith", 1),
        ("", 0),
    ],
)
def test_sentences(text: str, num: int) -> None:
    assert len(sentences_of(text)) == num
    assert " ".join(sentences_of(text)) == text


SUMMARIES = st.lists(
    st.sampled_from(["They met Dr. Ray.", "It rains!", "Why 2.5 euros?", 'She said "no".', "A B C d."]), min_size=1, max_size=9
)


@given(SUMMARIES, st.integers(0, 1_000))
def test_a_drawn_style_is_kept_and_changes_no_word(sentences: list[str], key: int) -> None:
    summary, rng = " ".join(sentences), keyed_rng(0, "test", str(key))
    style = draw_style(summary, rng)
    told = put_into(summary, style.form, rng)
    assert keeps_instruction(told, style)
    assert [form for form in FORMS if keeps_instruction(told, Style(form))] in ([style.form], [PROSE], [PROSE, style.form])
    for sentence in sentences:
        assert sentence in (json.loads(told)["points"] if style.form == "json" else told)


@pytest.mark.parametrize(
    ("answer", "style", "kept"),
    [
        ("- One.\n- Two.", Style("bullets", "exactly 2 points"), True),
        ("- One.\n- Two.", Style("bullets", "exactly 3 points"), False),
        ("One. Two.", Style("bullets"), False),
        ("- One.\nTwo.", Style("bullets"), False),
        ("1. One.\n2. Two.", Style("numbered"), True),
        ("1. One.\n3. Two.", Style("numbered"), False),
        ('{"points": ["One.", "Two."]}', Style("json", "at most 2 words"), True),
        ('{"points": ["One.", "Two."]}', Style("json", "at most 1 words"), False),
        ('{"points": "One."}', Style("json"), False),
        ('{"points": []}', Style("json"), False),
        ("[" * 100_000, Style("json"), False),
        ("Subject: A\n\nHello,\n\nOne. Two.\n\nBest regards", Style("email", "exactly 2 sentences"), True),
        ("Subject: A\n\nHello,\n\nOne. Two.\n\nBest regards", Style("email", "exactly 4 sentences"), False),
        ("Hello,\n\nOne. Two.", Style("email"), False),
        ("One two three.", Style(PROSE, "at most 3 words"), True),
        ("One two three four.", Style(PROSE, "at most 3 words"), False),
        ("One. Two.", Style(PROSE, "exactly 2 sentences"), True),
        ("One.", Style(PROSE, "about 2 sentences"), False),
        ("One.", Style("poem"), False),
    ],
)
def test_instructions_are_kept_or_not(answer: str, style: Style, kept: bool) -> None:
    assert keeps_instruction(answer, style) is kept
    done = KeepSummary(0.0, 99)(summed(answer, format=style.form, length=style.length))
    assert (isinstance(done, Reject) and done.reason == INSTRUCTION_NOT_KEPT.name) is not kept


def test_styles_are_spread_evenly_and_every_one_is_kept() -> None:
    forms: Counter[str] = Counter()
    lengths: Counter[bool] = Counter()
    for number in range(600):
        record = dataclasses.replace(summed(ABOUT), key=f"k{number}")
        styled = SummaryStyle(seed=4)(record)
        assert isinstance(KeepSummary()(styled), Conversation), texts(styled)
        assert styled == SummaryStyle(seed=4)(record)
        query, _ = texts(styled)
        form, length = str(styled.facts[FORMAT.name]), str(styled.facts[LENGTH_INSTRUCTION.name])
        assert query.startswith("Summarize.")
        assert (query == "Summarize.") is (form == PROSE and not length)
        forms[form] += 1
        lengths[bool(length)] += 1
    assert set(forms) == set(FORMS)
    assert min(forms.values()) > 90
    assert lengths[False] > 150


def test_a_query_that_asks_for_a_form_already_stays() -> None:
    record = summed("- Rubber buttons.\n- A yellow case.", format="bullets")
    assert SummaryStyle()(record) is record
    assert SummaryStyle()(summed(" ")).facts[FORMAT.name] == PROSE


def test_style_of_a_summary_with_lines_of_its_own_is_prose() -> None:
    styled = [SummaryStyle(seed)(summed("Rubber buttons.\nA yellow case.")) for seed in range(30)]
    assert {record.facts[FORMAT.name] for record in styled} == {PROSE}


# ---- written by a model


def test_a_model_writes_queries_and_its_reply_is_read_strictly() -> None:
    meeting = row(meeting_transcripts=MEETING["meeting_transcripts"])
    writing = SummaryWriting(2)
    prompt = writing.prompt(meeting)
    assert not isinstance(prompt, Reject)
    assert "Speaker 3: Mm. Rubber buttons are cheaper" in prompt.text
    assert "Project Manager" not in prompt.text
    item = {"query": "List it.", "summary": "- Rubber buttons.", "focus": "specific", "length": "exactly 1 points", "format": "bullets"}
    done = writing.read(meeting, json.dumps([item]))
    assert isinstance(done, Row)
    (made,) = children(MeetingTask()(done))
    assert isinstance(KeepSummary()(made), Conversation)
    for bad in (
        [],
        [{**item, "format": "poem"}],
        [{**item, "focus": "none"}],
        [{**item, "summary": ""}],
        [{**item, "more": "x"}],
        {"a": 1},
    ):
        assert refused(writing.read(meeting, json.dumps(bad))).reason == BAD_REPLY.name
    assert refused(writing.prompt(row(text=""))).reason == NO_TURNS.name
    assert "expected 200000 or fewer" in refused(writing.prompt(row(turns=[["Ann", "word " * 50_000]]))).detail
    with pytest.raises(ValueError, match="num_queries is 0"):
        SummaryWriting(0)


def test_processors_are_pickled() -> None:
    for one in (MeetingTask(), RecordingTask(), SummaryStyle(), KeepSummary(), SummaryWriting()):
        assert pickle.loads(pickle.dumps(one)) == one
