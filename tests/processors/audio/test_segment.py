"""Cutting keeps words whole, loses none, and says each piece's own text; what cannot be cut is refused."""

from __future__ import annotations

import itertools
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.audio.segment import DIVIDED, END, MARGIN, START, CutAtPauses
from processors.audio.steps import DURATION
from processors.audio.text_cuts import cuts_after_words, ends_sentence
from processors.dialogue import LANGUAGE
from processors.speech_text import WORDS
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, Origin, Turn, audios_of
from tests.processors.audio.clips import sine
from tests.processors.audio.noise import spoken

RATE_HZ = 16_000
Words = list[tuple[str, float, float]]


def recording(
    seconds: float, words: Words, text: str | None = None, language: str = "en", samples: np.ndarray | None = None
) -> Conversation:
    """A hum while each word is said, and each sample marked by its place, so that none can be mistaken."""
    made = np.zeros(round(seconds * RATE_HZ), np.float32) if samples is None else samples
    if samples is None:
        for _, start_s, end_s in words:
            low, high = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
            made[low:high] = 0.25
        made += np.arange(len(made), dtype=np.float32) * np.float32(1e-9)
    said = " ".join(word for word, _, _ in words) if text is None else text
    turns = (Turn("user", (Audio(samples=made), Text("Write it down."))), Turn("assistant", (Text(said),), True))
    told = json.dumps(words, ensure_ascii=False) if words else ""
    return Conversation("k", Origin("t"), turns, {WORDS.name: told, LANGUAGE.name: language, DURATION.name: seconds})


def pieces_of(done: list[Conversation] | Reject) -> list[Conversation]:
    assert isinstance(done, list), done
    return done


def refusal(done: list[Conversation] | Reject) -> Reject:
    assert isinstance(done, Reject), [text_of(piece) for piece in done]
    return done


def text_of(piece: Conversation) -> str:
    return "".join(part.text for turn in piece.turns if turn.learned for part in turn.parts if isinstance(part, Text))


def words_of(piece: Conversation) -> Words:
    return [tuple(word) for word in json.loads(str(piece.facts[WORDS.name]))]


def bounds(piece: Conversation) -> tuple[float, float]:
    return float(piece.facts[START.name]), float(piece.facts[END.name])


def even(count: int, word_s: float = 0.4, gap_s: float = 0.1) -> Words:
    return [(f"w{n}", round(n * (word_s + gap_s), 3), round(n * (word_s + gap_s) + word_s, 3)) for n in range(count)]


# ---- whole


def test_a_recording_within_the_bound_comes_out_whole() -> None:
    words = even(4)
    record = recording(2.0, words, "W0, w1 w2 w3!")
    (piece,) = pieces_of(CutAtPauses(2.0)(record))
    assert piece.turns is record.turns
    assert (bounds(piece), piece.facts[DURATION.name], words_of(piece)) == ((0.0, 2.0), 2.0, words)
    assert piece.facts[DIVIDED.name] is False
    (untimed,) = pieces_of(CutAtPauses(2.0)(recording(2.0, [], "No times.")))
    assert text_of(untimed) == "No times."


def test_a_row_without_audio_comes_out_whole() -> None:
    record = Conversation("k", Origin("t"), (Turn("user", (Text("Hm."),)),), {WORDS.name: "", LANGUAGE.name: "en", DURATION.name: 0.0})
    assert bounds(pieces_of(CutAtPauses()(record))[0]) == (0.0, 0.0)


# ---- timed


def test_cuts_lie_in_the_longest_pauses_at_their_quietest_place() -> None:
    words = even(6)  # 0 to 2.9 s
    words += [(f"x{n}", 3.5 + 0.5 * n, 3.9 + 0.5 * n) for n in range(6)]  # a pause of 0.6 s before them
    record = recording(6.5, words)
    samples = next(audios_of(record)).samples
    assert samples is not None
    samples[46_400:56_000] += 0.01 * np.sin(np.arange(9_600)).astype(np.float32)
    samples[51_000:51_800] = 0  # the quietest tenth of the pause, 3.1875 s to 3.2375 s
    first, second = pieces_of(CutAtPauses(4.0)(record))
    assert text_of(first) == "w0 w1 w2 w3 w4 w5" and text_of(second) == "x0 x1 x2 x3 x4 x5"
    assert bounds(first)[1] == bounds(second)[0]
    assert 3.19 <= bounds(first)[1] <= 3.235
    assert words_of(second)[0] == ("x0", pytest.approx(3.5 - bounds(second)[0], abs=1e-3), pytest.approx(3.9 - bounds(second)[0], abs=1e-3))


def test_of_a_long_pause_each_piece_keeps_half_a_second() -> None:
    words: Words = [("a", 3.0, 3.4), ("b", 3.5, 3.9), ("c", 9.0, 9.4)]
    first, second = pieces_of(CutAtPauses(4.0)(recording(12.0, words)))
    assert (bounds(first), bounds(second)) == ((2.5, 4.4), (8.5, 9.9))
    assert [len(next(audios_of(piece)).samples) for piece in (first, second)] == [30_400, 22_400]  # type: ignore[arg-type]
    assert [piece.facts[DURATION.name] for piece in (first, second)] == [1.9, 1.4]
    assert words_of(first) == [("a", 0.5, 0.9), ("b", 1.0, 1.4)]


def test_sentence_ends_are_preferred_among_equal_pauses() -> None:
    words = even(20)
    text = "W0 w1 w2 w3 w4 w5 w6 w7. W8 w9 w10 w11 w12 w13 w14 w15. W16 w17 w18 w19."
    assert [text_of(piece) for piece in pieces_of(CutAtPauses(5.0)(recording(10.0, words, text)))] == [
        "W0 w1 w2 w3 w4 w5 w6 w7.",
        "W8 w9 w10 w11 w12 w13 w14 w15.",
        "W16 w17 w18 w19.",
    ]


def test_the_transcript_keeps_its_own_writing() -> None:
    text = "Mr. Quilter—the apostle—didn't come… “We are glad,” he said (twice)."
    spelled = ["mr", "quilter", "the", "apostle", "didn", "t", "come", "we", "are", "glad", "he", "said", "twice"]
    words = [(word, 0.5 * n, 0.5 * n + 0.4) for n, word in enumerate(spelled)]
    done = pieces_of(CutAtPauses(3.6)(recording(6.5, words, text)))
    assert [text_of(piece) for piece in done] == ["Mr. Quilter—the apostle—didn't come…", "“We are glad,” he said (twice)."]
    assert [len(words_of(piece)) for piece in done] == [7, 6]


def test_no_spaces_are_invented_in_chinese_and_japanese() -> None:
    text = "今日は雨です。「明日は晴れ」と言った。"
    words = [(word, 0.5 * n, 0.5 * n + 0.4) for n, word in enumerate(["今日", "は", "雨", "です", "明日", "は", "晴れ", "と", "言った"])]
    done = pieces_of(CutAtPauses(3.0)(recording(4.5, words, text, "ja")))
    assert [text_of(piece) for piece in done] == ["今日は雨です。", "「明日は晴れ」と言った。"]


def test_nothing_is_cut_where_transcript_and_words_differ() -> None:
    words = even(10)
    text = "w0 w1 w2 three four w5 w6 w7 w8 w9"  # the recogniser wrote w3 w4
    done = pieces_of(CutAtPauses(3.0)(recording(5.0, words, text)))
    assert " ".join(text_of(piece) for piece in done) == text
    assert {"w2", "three", "four", "w5"} <= set(text_of(done[0]).split()) or {"w2", "three", "four", "w5"} <= set(text_of(done[1]).split())
    assert refusal(CutAtPauses(1.4)(recording(5.0, words, text))).reason == "no_pause"


def test_pieces_below_the_least_length_join_a_neighbour_where_they_can() -> None:
    words: Words = [("a", 0.0, 1.9), ("b", 2.6, 2.8), ("c", 3.5, 5.4)]
    assert [text_of(piece) for piece in pieces_of(CutAtPauses(3.2, 1.0)(recording(5.4, words)))] in (["a b", "c"], ["a", "b c"])
    alone = [text_of(piece) for piece in pieces_of(CutAtPauses(2.7, 1.0)(recording(5.4, words)))]
    assert alone == ["a", "b", "c"]  # shorter than asked for, but no word is lost


def test_words_without_length_and_overlapping_words_are_held_together() -> None:
    words: Words = [("a", 0.0, 0.4), ("b", 0.4, 0.4), ("c", 0.35, 1.2), ("d", 1.0, 1.1), ("e", 1.5, 1.9), ("f", 1.95, 2.4)]
    done = pieces_of(CutAtPauses(1.5, 0.1)(recording(2.4, sorted(words, key=lambda word: word[1]), "a c b d e f")))
    assert [text_of(piece) for piece in done] == ["a c b d", "e f"]
    assert 1.2 <= bounds(done[0])[1] <= 1.5


def test_a_stretch_without_a_pause_is_refused_and_one_with_a_pause_is_not() -> None:
    words = even(10, 0.5, 0.0)
    reject = refusal(CutAtPauses(3.0)(recording(5.0, words)))
    assert reject.reason == "no_pause"
    assert reject.detail == "no place to cut within 3 s after 0.000 s (places known: 0 between 10 words)"
    paused = [(word, start_s + 0.1 * (n > 4), end_s + 0.1 * (n > 4)) for n, (word, start_s, end_s) in enumerate(words)]
    assert [len(words_of(piece)) for piece in pieces_of(CutAtPauses(3.0)(recording(5.1, paused)))] == [5, 5]


def test_unknown_word_times_and_words_after_the_end_are_refused() -> None:
    assert refusal(CutAtPauses(2.0)(recording(2.01, [], "What?"))).reason == "no_word_times"
    late = refusal(CutAtPauses(2.0)(recording(2.5, [("a", 0.0, 0.5), ("b", 2.76, 2.9)])))
    assert (late.reason, late.detail) == ("words_outside", "a word starts at 2.760 s, the recording ends at 2.500 s")
    assert len(pieces_of(CutAtPauses(2.0)(recording(2.5, [("a", 0.0, 0.5), ("b", 2.4, 2.9)])))) == 2


def test_several_clips_that_are_too_long_together_are_refused() -> None:
    record = recording(2.0, [("a", 0.0, 0.5)])
    doubled = Conversation("k", Origin("t"), (record.turns[0], *record.turns), record.facts)
    assert refusal(CutAtPauses(3.9)(doubled)).reason == "several_clips"
    assert len(pieces_of(CutAtPauses(4.0)(doubled))) == 1


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 0.7), st.floats(0, 1.5), st.sampled_from(["on", "Go.", "it's", "-", "ten,", "été"])), min_size=1, max_size=60
    ),
    st.floats(1.0, 8.0),
    st.floats(0.0, 2.0),
)
def test_every_word_and_every_sample_lies_in_one_piece(drawn: list[tuple[float, float, str]], max_s: float, tail_s: float) -> None:
    at, words = 0.0, []
    for gap_s, word_s, word in drawn:
        words.append((word, round(at + gap_s, 3), round(at + gap_s + word_s, 3)))
        at += gap_s + word_s
    record = recording(at + tail_s, words)
    done = CutAtPauses(max_s, 0.5)(record)
    if isinstance(done, Reject):
        assert done.reason == "no_pause"
        return
    whole = next(audios_of(record)).samples
    assert whole is not None
    assert " ".join(text_of(piece) for piece in done).split() == [word for word, _, _ in words]
    told = [word for piece in done for word in words_of(piece)]
    assert [word for word, _, _ in told] == [word for word, _, _ in words]
    for piece in done:
        start, stop = (round(time * RATE_HZ) for time in bounds(piece))
        samples = next(audios_of(piece)).samples
        assert samples is not None
        assert np.array_equal(samples, whole[start:stop])
        assert len(samples) <= max_s * RATE_HZ
        assert piece.facts[DURATION.name] == len(samples) / RATE_HZ
        assert text_of(piece).strip() == text_of(piece) != ""
    places = [bounds(piece) for piece in done]
    for (_, stop_s), (start_s, _) in itertools.pairwise(places):
        assert start_s >= stop_s
        for _, low_s, high_s in words:  # what lies between two pieces is silence, and no word is cut
            assert high_s <= stop_s + 1e-3 or low_s >= start_s - 1e-3
            if start_s > stop_s:
                assert high_s <= stop_s - MARGIN / RATE_HZ + 2e-3 or low_s >= start_s + MARGIN / RATE_HZ - 2e-3


# ---- untimed


def test_voice_activity_cuts_between_sentences_and_divides_the_transcript() -> None:
    quiet = np.zeros(8_000, np.float32)
    clips = [spoken(number) for number in range(4)]
    from pipelines.sample.speech import sentences

    texts = sentences(3, 4)
    samples = np.concatenate([part for clip in clips for part in (clip, quiet)])
    record = recording(len(samples) / RATE_HZ, [], " ".join(texts), samples=samples)
    assert refusal(CutAtPauses(5.0)(record)).reason == "no_word_times"
    done = pieces_of(CutAtPauses(max(map(len, clips)) / RATE_HZ + 1.0, 0.5, "vad")(record))
    assert [text_of(piece) for piece in done] == texts
    assert all(piece.facts[DIVIDED.name] is True and piece.facts[WORDS.name] == "" for piece in done)
    edges = np.cumsum([len(clip) + len(quiet) for clip in clips])[:-1] / RATE_HZ
    assert [bounds(piece)[1] for piece in done[:-1]] == pytest.approx(list(edges - 0.25), abs=0.3)


def test_without_speech_or_pauses_voice_activity_refuses() -> None:
    silent = recording(6.0, [], "Nothing is said here.", samples=np.zeros(96_000, np.float32))
    assert refusal(CutAtPauses(5.0, 0.5, "vad")(silent)).reason == "no_pause"
    assert refusal(CutAtPauses(5.0, 0.5, "vad")(recording(6.0, [], "A tone.", samples=sine(6.0)))).reason == "no_pause"


# ---- texts


def test_marks_stay_with_the_word_they_follow() -> None:
    text = "He said: (yes) - 3.5 times!"
    cuts = cuts_after_words(text, ["he", "said", "yes", "3", "5", "times"], "en")
    assert [text[: cut or 0] for cut in cuts] == ["He", "He said:", "He said: (yes)", "", "He said: (yes) - 3.5", text]


def test_accents_in_two_encodings_are_the_same_letters() -> None:
    cuts = cuts_after_words("Cafe\u0301 noir", ["café", "noir"], "fr")
    assert cuts == [5, 10]


def test_sentence_ends_are_seen_through_closing_marks() -> None:
    assert [ends_sentence(text, len(text)) for text in ("Yes.", "yes.”", "Yes!) ", "yes,", "はい。」", "")] == [
        True,
        True,
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("settings", [(0.5, 0.5), (0.0, 0.0), (30.0, -1.0), (float("inf"), 1.0)])
def test_senseless_bounds_are_errors(settings: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="expected 0 <= min_s < max_s"):
        CutAtPauses(*settings)


def test_an_unknown_way_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected one of refuse, vad"):
        CutAtPauses(untimed="guess")


def test_the_step_is_a_value() -> None:
    assert pickle.loads(pickle.dumps(CutAtPauses(20.0))) == CutAtPauses(20.0)
