"""Translation tasks: the prompts, the fourteen directions, and translations that cannot be."""

from __future__ import annotations

import dataclasses
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.dialogue import BAD_SEGMENT_TIMES, LANGUAGE, NO_AUDIO, NO_TRANSCRIPT, STATED_TRANSCRIPT
from processors.language_id import iso_639_1
from processors.spoken_language import SPEECH_LANGUAGES
from processors.tasks.translation import (
    FORM,
    HAS_SEPARATOR,
    LENGTH_RATIO,
    NO_DIRECTION,
    NO_TRANSLATION,
    NUM_LEFT_OUT,
    NUMBERS_DIFFER,
    TARGET_LANGUAGE,
    UNSUPPORTED_DIRECTION,
    UNTRANSLATED,
    UNUSUAL_LENGTH,
    WRONG_LANGUAGE,
    KeepTranslation,
    MeasureTranslation,
    TranslationTask,
    TranslationWriting,
    is_direction,
    length_ratio,
    missing_numbers,
    translation_in,
)
from processors.tasks.writing import BAD_REPLY
from schemas.outcome import Reject
from schemas.parts import Audio, Text
from schemas.records import Conversation, Origin, Row

ENGLISH = "The meeting starts at ten in the morning, and everybody is welcome to bring a friend."
GERMAN = "Das Treffen beginnt um zehn Uhr morgens, und jeder darf gerne einen Freund mitbringen."
SAME = {  # the first article of the Universal Declaration of Human Rights
    "en": "All human beings are born free and equal in dignity and rights.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "it": "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti.",
    "pt": "Todos os seres humanos nascem livres e iguais em dignidade e em direitos.",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos.",
    "zh": "人人生而自由，在尊严和权利上一律平等。",
    "ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
}


def row(**fields: object) -> Row:
    return Row("k", Origin("s"), {"text": ENGLISH, "lang": "en", **fields}, {"audio": b"RIFF"})


def children(made: list[Conversation] | Reject) -> list[Conversation]:
    assert isinstance(made, list), made
    return made


def refused(made: object) -> Reject:
    assert isinstance(made, Reject), made
    return made


def judged(transcript: str, source: str, translation: str, target: str, keep: KeepTranslation = KeepTranslation()) -> str:
    """The reason why a translation is refused, empty when it is kept."""
    made = children(TranslationTask("direct")(row(text=transcript, lang=source, translation=translation, target_lang=target)))
    done = keep(MeasureTranslation()(made[0]))
    return done.reason if isinstance(done, Reject) else ""


def texts(record: Conversation) -> tuple[list[object], str]:
    user, assistant = record.turns
    assert (user.learned, assistant.learned) == (False, True)
    return [type(part) if isinstance(part, Audio) else part.text for part in user.parts], assistant.parts[0].text  # type: ignore[union-attr]


def test_both_forms_have_the_prompts_of_the_report() -> None:
    direct, cot = children(TranslationTask()(row(translation=GERMAN, target_lang="de", speaker="anna")))
    assert texts(direct) == ([Audio, "Translate the audio to German."], GERMAN)
    assert texts(cot) == (
        [
            Audio,
            "Transcribe the audio to text, and then translate the audio to German. "
            "Use <sep> as a separator between the original transcript and the translation.",
        ],
        f"{ENGLISH} <sep> {GERMAN}",
    )
    assert [record.facts[FORM.name] for record in (direct, cot)] == ["direct", "cot"]
    assert direct.facts == {
        LANGUAGE.name: "en",
        "speech.speaker": "anna",
        STATED_TRANSCRIPT.name: ENGLISH,
        TARGET_LANGUAGE.name: "de",
        FORM.name: "direct",
        NUM_LEFT_OUT.name: 0,
    }
    assert translation_in(direct) == translation_in(cot) == GERMAN


@pytest.mark.parametrize("form", ["direct", "cot"])
def test_one_form_alone(form: str) -> None:
    assert [one.facts[FORM.name] for one in children(TranslationTask(form)(row(translation=GERMAN, target_lang="de")))] == [form]


def test_a_form_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="form of the translation task is 'cots', expected direct, cot or both"):
        TranslationTask("cots")


@pytest.mark.parametrize(
    "fields",
    [
        {"translation": GERMAN, "target_lang": "de"},
        {"translation": GERMAN, "target_language": "German"},
        {"translation": GERMAN, "direction": "en_de"},
        {"translations": {"de": GERMAN}},
        {"translations": {"de-DE": GERMAN, "de": "zweimal"}},
        {"translations": [{"lang": "deu", "text": GERMAN}]},
        {"translation": {"en": ENGLISH, "de": GERMAN}},
        {"translation_de": GERMAN},
        {"sentence": ENGLISH, "text": "", "translation": GERMAN, "tgt_lang": "DE"},
    ],
)
def test_every_way_to_give_a_translation(fields: dict[str, object]) -> None:
    made = children(TranslationTask("direct")(row(**fields)))
    assert [(one.facts[TARGET_LANGUAGE.name], translation_in(one)) for one in made] == [("de", GERMAN)]


def test_speech_that_is_not_english_is_translated_into_english_where_no_target_is_stated() -> None:
    (made,) = children(TranslationTask("direct")(row(text=GERMAN, lang="de", translation=ENGLISH)))
    assert texts(made) == ([Audio, "Translate the audio to English."], ENGLISH)
    assert made.facts[LANGUAGE.name] == "de"


def test_there_are_fourteen_directions() -> None:
    pairs = [(source, target) for source in (*SPEECH_LANGUAGES, "nl", "") for target in (*SPEECH_LANGUAGES, "nl", "")]
    found = [pair for pair in pairs if is_direction(*pair)]
    assert len(found) == 14
    assert all((source == "en") != (target == "en") for source, target in found)


def test_translations_in_other_directions_are_left_out_and_counted() -> None:
    made = children(TranslationTask("direct")(row(translations={"nl": "hallo", "fr": "bonjour", "ja": "こんにちは"})))
    assert [one.facts[TARGET_LANGUAGE.name] for one in made] == ["fr", "ja"]
    assert {one.facts[NUM_LEFT_OUT.name] for one in made} == {1}


def test_a_segment_of_a_file_stays_one() -> None:
    (made,) = children(TranslationTask("direct")(row(translation_de=GERMAN, offset=1.5, duration=2)))
    audio = made.turns[0].parts[0]
    assert isinstance(audio, Audio)
    assert (audio.offset_s, audio.duration_s) == (1.5, 2.0)


@pytest.mark.parametrize(
    ("fields", "reason", "detail"),
    [
        ({"text": " ", "translation_de": GERMAN}, NO_TRANSCRIPT, "expected a non-empty text, transcript or sentence"),
        ({"translation": " "}, NO_TRANSLATION, "expected translation with target_lang"),
        ({"translations": {"de": 7}}, NO_TRANSLATION, "expected translation with target_lang"),
        ({"translation": GERMAN}, NO_DIRECTION, "from en into one that is not stated"),
        ({"lang": "", "translation": GERMAN, "target_lang": "de"}, NO_DIRECTION, "from a language that is not stated into de"),
        ({"lang": "fr", "translation": GERMAN, "target_lang": "de"}, UNSUPPORTED_DIRECTION, "fr to de"),
        ({"translation": "hallo", "target_lang": "nl"}, UNSUPPORTED_DIRECTION, "en to nl"),
        ({"lang": "en", "translation": ENGLISH, "target_lang": "en"}, UNSUPPORTED_DIRECTION, "en to en"),
        ({"translation": "ja <sep> nein", "target_lang": "de"}, HAS_SEPARATOR, "<sep> stands in 'ja <sep> nein'"),
        ({"translation": GERMAN, "target_lang": "de", "offset": -1}, BAD_SEGMENT_TIMES, "offset is -1"),
    ],
)
def test_rows_that_give_no_task(fields: dict[str, object], reason: object, detail: str) -> None:
    reject = refused(TranslationTask()(row(**fields)))
    assert reject.reason == reason.name  # type: ignore[attr-defined]
    assert detail in reject.detail


def test_a_row_without_audio_is_refused() -> None:
    assert refused(TranslationTask()(dataclasses.replace(row(translation_de=GERMAN), blobs={}))).reason == NO_AUDIO.name


def test_languages_by_any_name() -> None:
    stated = ("de", "de-AT", "de_DE", "deu", "German", " DE ", "zh-CN", "Mandarin", "pt-BR", "nl", "")
    assert [iso_639_1(name) for name in stated] == ["de"] * 6 + ["zh", "zh", "pt", "nl", ""]


@pytest.mark.parametrize("language", SPEECH_LANGUAGES[1:])
def test_true_translations_are_kept_both_ways(language: str) -> None:
    assert judged(SAME["en"], "en", SAME[language], language) == ""
    assert judged(SAME[language], language, SAME["en"], "en") == ""


@given(st.sampled_from(SPEECH_LANGUAGES), st.sampled_from(SPEECH_LANGUAGES), st.text(max_size=50), st.text(max_size=50))
def test_the_ratio_is_positive_and_turns_round_with_the_direction(one: str, other: str, text: str, told: str) -> None:
    ratio = length_ratio(text, one, told, other)
    assert ratio > 0
    assert ratio * length_ratio(told, other, text, one) == pytest.approx(1)


@pytest.mark.parametrize(
    ("translation", "reason"),
    [
        ("Alle Menschen sind frei geboren.", ""),
        ("Alle frei.", UNUSUAL_LENGTH.name),
        (SAME["de"] + " " + "Das wissen wir alle seit sehr langer Zeit.", ""),
        (SAME["de"] + " " + SAME["de"] + " " + SAME["de"], UNUSUAL_LENGTH.name),
        (SAME["fr"], WRONG_LANGUAGE.name),
        (SAME["en"], UNTRANSLATED.name),
        (SAME["en"].upper().rstrip("."), UNTRANSLATED.name),
    ],
)
def test_translations_that_are_none(translation: str, reason: str) -> None:
    assert judged(SAME["en"], "en", translation, "de") == reason


def test_short_texts_are_the_same_in_many_languages() -> None:
    assert judged("Taxi!", "en", "Taxi!", "de") == ""
    assert judged("Peter Miller, Berlin", "en", "Peter Miller, Berlin", "de") == UNTRANSLATED.name
    assert judged("OK.", "en", "好的。", "zh") == ""


@pytest.mark.parametrize(
    ("translation", "reason"),
    [
        ("Wir haben fünfundzwanzig Äpfel und 1990 Birnen gekauft.", ""),
        ("Wir haben 25 Äpfel und 1.990 Birnen gekauft.", ""),
        ("Wir haben 52 Äpfel und 1990 Birnen gekauft.", NUMBERS_DIFFER.name),
        ("Wir haben einige Äpfel und 1990 Birnen gekauft.", NUMBERS_DIFFER.name),
    ],
)
def test_numbers_agree_in_digits_or_words(translation: str, reason: str) -> None:
    assert judged("We bought twenty five apples and 1990 pears.", "en", translation, "de") == reason


def test_numbers_are_compared_by_their_significant_digits() -> None:
    assert missing_numbers("It cost 1.5 million.", "en", "花了150万。", "zh") == []
    assert missing_numbers("It cost 1.5 million.", "en", "花了160万。", "zh") == ["15"]
    assert missing_numbers("I have 3 dogs and 40 cats.", "en", "Ich habe viele Tiere.", "de") == []  # a single digit is not judged
    assert missing_numbers("百二十五匹の犬", "ja", "one hundred and twenty five dogs", "en") == []


def test_bounds_are_checked() -> None:
    assert judged("We bought 25 apples today.", "en", "Wir haben heute Äpfel gekauft.", "de", KeepTranslation(max_missing_numbers=1)) == ""
    with pytest.raises(ValueError, match=r"length ratios are 1\.2 to 2"):
        KeepTranslation(min_ratio=1.2)


def test_what_is_measured_is_the_translation_of_both_forms_alike() -> None:
    direct, cot = (MeasureTranslation()(one) for one in children(TranslationTask()(row(translation_de=GERMAN))))
    assert {name: value for name, value in direct.facts.items() if name != FORM.name} == {
        name: value for name, value in cot.facts.items() if name != FORM.name
    }
    assert direct.facts[LENGTH_RATIO.name] == pytest.approx((len(GERMAN) / 1.12 + 10) / (len(ENGLISH) + 10), abs=1e-4)


def test_a_model_is_asked_for_each_language_and_its_reply_is_read_strictly() -> None:
    writing = TranslationWriting(("de", "zh"))
    prompt = writing.prompt(row())
    assert not isinstance(prompt, Reject)
    assert '"de" (German), "zh" (Chinese)' in prompt.text
    assert prompt.text.endswith(ENGLISH)
    done = writing.read(row(), '```json\n{"de": "Hallo", "zh": " 你好 "}\n```')
    assert not isinstance(done, Reject)
    assert done.fields["translations"] == {"de": "Hallo", "zh": "你好"}
    assert len(children(TranslationTask()(done))) == 4
    for reply in ("", "Hallo", "[]", '{"de": "Hallo"}', '{"de": "Hallo", "zh": ""}', '{"de": "a", "zh": "b", "fr": "c"}', "[" * 100_000):
        assert refused(writing.read(row(), reply)).reason == BAD_REPLY.name


def test_other_languages_are_written_in_english_and_foreign_ones_are_refused() -> None:
    german = row(text=GERMAN, lang="de")
    done = TranslationWriting().read(german, json.dumps({"en": "Hello"}))
    assert not isinstance(done, Reject)
    assert done.fields["translations"] == {"en": "Hello"}
    assert refused(TranslationWriting().prompt(row(lang="nl"))).reason == UNSUPPORTED_DIRECTION.name
    assert refused(TranslationWriting().prompt(row(lang=""))).reason == NO_DIRECTION.name
    assert refused(TranslationWriting().prompt(row(text=""))).reason == NO_TRANSCRIPT.name
    with pytest.raises(ValueError, match="targets are"):
        TranslationWriting(("en",))


def test_processors_are_pickled() -> None:
    for one in (TranslationTask(), MeasureTranslation(), KeepTranslation(), TranslationWriting()):
        assert pickle.loads(pickle.dumps(one)) == one


def test_texts_of_a_record_are_parts() -> None:
    (made,) = children(TranslationTask("direct")(row(translation_de=GERMAN)))
    assert isinstance(made.turns[1].parts[0], Text)
