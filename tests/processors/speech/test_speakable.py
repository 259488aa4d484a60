"""Which texts are read aloud: each reason with texts that have it and the nearest that have not."""

from __future__ import annotations

import pickle

import pytest

from processors.dialogue import LANGUAGE
from processors.speech.speakable import (
    MAX_CHARS_PER_SECOND,
    MAX_SECONDS,
    MAX_WORDS,
    SPEAKABLE_REASONS,
    MakeSpeakable,
    spoken_form,
    user_texts,
)
from processors.speech_text import SPOKEN, WRITTEN
from processors.spoken_language import SPEECH_LANGUAGES
from schemas.outcome import Refused, Reject
from schemas.parts import Audio, Image, Text
from schemas.records import Conversation, Origin, Turn

QUERIES = [
    ("code", "print('hi')"),
    ("ok", "Please print this page."),
    ("code", "What does `x = [1, 2]` do?"),
    ("ok", "What does `print` do?"),
    ("code", "```python\nx\n```"),
    ("ok", "Write a python function that adds two numbers."),
    ("code", "def add(a, b):\n    return a + b"),
    ("ok", "Define addition for me."),
    ("code", "for (int i = 0; i < 3; i++)"),
    ("ok", "For how long is it open?"),
    ("code", "#include <stdio.h>"),
    ("ok", "Please include a summary."),
    ("code", "import numpy as np"),
    ("ok", "Which goods does Japan import?"),
    ("code", "SELECT name FROM users"),
    ("ok", "Select a name from these users."),
    ("code", 'Fix this: <div class="a">hi</div>'),
    ("ok", "Is 3 < 5?"),
    ("code", '{"name": "Bob", "age": 3}'),
    ("ok", "Bob (age 3) is here."),
    ("code", "a == b"),
    ("ok", "a = b"),
    ("code", "x += 1"),
    ("ok", "Add 1 to x."),
    ("code", "std::vector"),
    ("ok", "Ratio 3:1?"),
    ("code", "a => b"),
    ("code", "if (x) {"),
    ("ok", "If x is zero, what is y?"),
    ("code", "foo();"),
    ("ok", "Cats and dogs; which are cleverer?"),
    ("code", "Explain arr[0] to me"),
    ("code", "What is a && b?"),
    ("ok", "What is C++ used for?"),
    ("ok", "What is C# used for?"),
    ("ok", "What is Node.js?"),
    ("table", "| a | b |\n|---|---|\n| 1 | 2 |"),
    ("table", "a\tb\tc"),
    ("table", "Name  Age  City\nBob  3  Rome"),
    ("ok", "Name, age and city of Bob."),
    ("table", "x\ty\n1\t2"),
    ("ok", "one\ttab"),
    ("formula", "$x^2$"),
    ("formula", "\\frac{1}{2}"),
    ("formula", "Solve \\(x\\)"),
    ("formula", "$$a$$"),
    ("formula", "∑ i"),
    ("formula", "x_1 + x_2"),
    ("formula", "a+b+c+d+e+f = 3"),
    ("ok", "a+b+c+d = 3"),
    ("ok", "He had $5 and she had $6."),
    ("ok", "x = $5 and y = $6"),
    ("ok", "It costs $.25 an ounce. He has $2."),
    ("formula", "What is $3x+2=7$?"),
    ("ok", "What is 2+2=?"),
    ("ok", "Is x^2 positive?"),
    ("address", "See https://example.org/a"),
    ("address", "Go to www.test.com"),
    ("address", "mail bob@example.com"),
    ("address", "open /usr/local/bin now"),
    ("address", "C:\\temp"),
    ("address", "Visit amazon.com today"),
    ("ok", "Visit Amazon today"),
    ("address", "Read report.pdf please"),
    ("ok", "Read the report please."),
    ("ok", "Is it and/or?"),
    ("ok", "I came home.It was late."),
    ("ok", "It rains 24/7."),
    ("address", "~/notes/a.txt"),
    ("ok", "The U.S. economy"),
    ("ok", "e.g. this"),
    ("option_list", "Which? A) Paris B) London"),
    ("option_list", "Which?\nA. Paris\nB. London"),
    ("option_list", "Which? (a) red (b) blue"),
    ("ok", "Is vitamin A better than vitamin B?"),
    ("option_list", "1. Eat 2. Sleep"),
    ("option_list", "1) Eat\n2) Sleep"),
    ("ok", "Chapter 1. What is it about?"),
    ("option_list", "- milk\n- eggs"),
    ("option_list", "• milk\n• eggs"),
    ("ok", "Milk - or eggs?"),
    ("option_list", "Which?\n(A)Paris\n(B)London"),
    ("ok", "Plan A or plan B?"),
    ("wrong_language", "Wie viele Einwohner hat die Stadt Berlin heute ungefähr?"),
    ("ok", "Was ist das?"),
    ("ok", "Who is Angela Merkel?"),
    ("unspeakable_symbols", "Hi 😀"),
    ("unspeakable_symbols", "Привет"),
    ("unspeakable_symbols", "???"),
    ("unspeakable_symbols", "100 § 3"),
    ("unspeakable_symbols", "What is ☃?"),
    ("ok", "What is a snowman?"),
    ("ok", "“Quoted” — ‘text’…"),
    ("ok", "naïve café Zürich"),
    ("ok", "Beyoncé's album"),
    ("unspeakable_symbols", "你好吗"),
    ("unspeakable_symbols", "a|b"),
    ("empty", ""),
    ("empty", "  \n"),
    ("ok", "a"),
    ("ok", "**Bold** question?"),
    ("ok", "What is *this*?"),
    ("ok", "What's the [capital] of France?"),
    ("ok", "Who won (in 1998)?"),
    ("ok", "Is the temperature -5 °C?"),
    ("ok", "What is 15% of $200?"),
    ("ok", "Compare RM5.50 with RM10."),
    ("ok", "What is the α particle?"),
    ("unspeakable_symbols", "What does the # sign mean?"),
    ("unspeakable_symbols", "Use * as wildcard"),
    ("ok", "It's 5'10\" tall"),
    ("ok", "rock 'n' roll"),
    ("ok", "Rock & roll @ home"),
    ("ok", "What is 1/2 + 1/3?"),
    ("ok", "Name 3 things: apples, pears, and plums."),
    ("ok", 'Who wrote "1984"?'),
    ("ok", "What is the pH of H2O?"),
    ("ok", "½ cup of sugar"),
    ("ok", "It is 5 > 3."),
    ("ok", "Step 1: mix. Step 2: bake."),
    ("ok", "What is ISO 9001:2015?"),
    ("ok", "Summarise the text below"),
    ("ok", "Tom's score: 3-2."),
    ("ok", "Is 7 ≥ 5?"),
    ("ok", "A. Lincoln was born when?"),
    ("ok", "What did J. R. R. Tolkien write?"),
    ("ok", "Translate 'hola' into English."),
    ("ok", "Describe this image."),
    ("ok", "Explain E=mc²."),
    ("ok", "i) first thing"),
    ("ok", "The answer is a) correct?"),
    ("ok", "How much is 3 x 4?"),
    ("ok", "What is 5!?"),
    ("ok", "What's 10^3?"),
    ("unspeakable_symbols", "Name a # of things"),
]
QUESTIONS = {
    "en": ["How old was she in 1999?", "What's the capital of Côte d'Ivoire?", "Who is Mr. O'Neill?"],
    "fr": ["Combien coûte-t-il ? 5,50 €", "Qu’est-ce que l’œuvre « Les Misérables » ?", "Où est né Molière en 1622 ?"],
    "de": ["Was heißt „Gemütlichkeit“?", "Wie viele Lehrer/innen gibt es 2024?", "In welchem \u200bLand liegt Zürich?"],
    "it": ["Qual è l'età di Luca?", "Perché l’acqua bolle a 100 °C?", "Quanti anni ha?"],
    "pt": ["Onde fica São Paulo?", "Quantas pessoas vivem lá? 12%?", "O que é isto?"],
    "es": ["¿Qué hora es?", "\ufeff¿Quién ganó el «Balón de Oro» en 1998?", "¿Cuántos años tenía a los 21?"],
    "zh": [
        "卢克·坎克利贡献了多少次擒抱？",
        "哪家剧院是“华沙纪念剧院”的最佳典范？",
        "这位领袖于何时出版《圣经》法语译本?",
        "什么是565°C的蠕变极限?",
    ],
    "ja": ["「吾輩は猫である」を書いたのは誰ですか？", "東京・大阪間は何キロですか。", "2024年のデータは？"],
}
FOREIGN = {
    "en": "Wie viele Einwohner hat die Stadt Berlin heute ungefähr?",
    "fr": "How many people live in the city of London today?",
    "de": "¿Cuántas personas viven hoy en la ciudad de Madrid?",
    "it": "How many people live in the city of London today?",
    "pt": "Wie viele Einwohner hat die Stadt Berlin heute ungefähr?",
    "es": "Combien de personnes habitent aujourd'hui dans la ville de Paris ?",
    "zh": "東京の人口は現在どれくらいありますか、教えてください。",
    "ja": "How many people live in the city of London today?",
}


def verdict(text: str, language: str = "en") -> str:
    try:
        return "ok" if spoken_form(text, language) else "nothing"
    except Refused as refused:
        return refused.reason.name


@pytest.mark.parametrize(("expected", "text"), QUERIES)
def test_queries_of_real_life(expected: str, text: str) -> None:
    assert verdict(text) == expected


def test_every_reason_is_in_the_tables() -> None:
    seen = {expected for expected, _ in QUERIES} | {"too_long_to_speak"}
    assert seen == {reason.name for reason in SPEAKABLE_REASONS} | {"ok"}
    assert len(QUERIES) >= 120


@pytest.mark.parametrize(("language", "text"), [(language, text) for language, texts in QUESTIONS.items() for text in texts])
def test_questions_are_speakable_in_their_language(language: str, text: str) -> None:
    spoken = spoken_form(text, language)
    assert spoken == " ".join(spoken.split())
    assert not any(ch.isdigit() for ch in spoken)
    assert spoken_form(spoken, language) == spoken


@pytest.mark.parametrize("language", SPEECH_LANGUAGES)
def test_a_question_in_another_language_is_refused_and_a_short_one_is_not(language: str) -> None:
    assert tuple(sorted(FOREIGN)) == tuple(sorted(SPEECH_LANGUAGES))
    assert verdict(FOREIGN[language], language) == "wrong_language"
    assert verdict("Angela Merkel?", language) == "ok"


def test_words_and_seconds_are_bounded() -> None:
    assert spoken_form("word " * MAX_WORDS, "en") == " ".join(["word"] * MAX_WORDS)
    for text, detail in [
        ("word " * (MAX_WORDS + 1), "61 spoken words, expected 60 or fewer"),
        ("a" * 451, "about 30 s when read, expected 30 s"),
    ]:
        with pytest.raises(Refused, match=detail) as refused:
            spoken_form(text, "en")
        assert refused.value.reason.name == "too_long_to_speak"
    assert verdict("a" * 450) == "ok"
    assert verdict("字" * 135, "zh") == "ok"
    assert verdict("字" * 136, "zh") == "too_long_to_speak"
    assert spoken_form("one two three", "en", max_words=3)
    with pytest.raises(Refused, match="3 spoken words, expected 2"):
        spoken_form("one two three", "en", max_words=2)


def test_numbers_count_as_they_are_spoken() -> None:
    assert verdict("1,234,567 " * 5) == "ok"
    assert verdict("1,234,567 " * 6) == "too_long_to_speak"


def test_a_text_far_too_long_is_refused_before_it_is_read_unless_its_beginning_tells_why() -> None:
    limit = int(MAX_SECONDS * MAX_CHARS_PER_SECOND)
    with pytest.raises(Refused, match=f"{limit + 1} characters, expected {limit} or fewer"):
        spoken_form("a" * (limit + 1), "en")
    assert verdict("```x```" + "a" * limit) == "code"


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "(",
        "1 ",
        "1",
        ",",
        "|",
        "$",
        "\t ",
        "\n",
        " ",
        "<a ",
        "{:",
        "**a",
        "__a",
        "`a",
        "a.",
        "a@",
        "/a",
        "- a\n",
        "A) ",
        "a  b  c\n",
        "\\(",
        "²",
    ],
)
@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_hostile_text_is_refused_in_bounded_time(unit: str, language: str) -> None:
    assert verdict(unit * (100_000 // len(unit)), language) in {reason.name for reason in SPEAKABLE_REASONS}


@pytest.mark.parametrize(
    ("language", "mark"), [("en", "😀"), ("fr", "¶"), ("de", "†"), ("zh", "Ж"), ("ja", "한"), ("es", "ж"), ("it", "★"), ("pt", "中")]
)
def test_the_detail_names_the_sign(language: str, mark: str) -> None:
    with pytest.raises(Refused, match=repr(mark)):
        spoken_form(f"a {mark}", language)


@pytest.mark.parametrize(("code", "language"), [("pt-BR", "pt"), ("zh-CN", "zh"), ("cmn", "zh"), ("eng", "en")])
def test_a_region_does_not_matter(code: str, language: str) -> None:
    assert spoken_form("50% & 3", code) == spoken_form("50% & 3", language)


def ask(*turns: Turn, language: str = "en") -> Conversation:
    return Conversation("k", Origin("s"), turns, {LANGUAGE.name: language})


def user(*texts: str) -> Turn:
    return Turn("user", (Image(source=b"i"), *(Text(text) for text in texts)))


def test_the_step_writes_a_line_for_every_user_turn_with_text() -> None:
    record = ask(user("How  much\nis $5?"), Turn("assistant", (Text("x = {1}"),), True), user(), user("And", "2+2=?"))
    done = MakeSpeakable()(record)
    assert isinstance(done, Conversation)
    assert done.turns == record.turns
    assert done.facts[WRITTEN.name] == "How much is $5?\nAnd 2+2=?"
    assert done.facts[SPOKEN.name] == "How much is five dollars?\nAnd two plus two equals what?"
    assert set(record.facts) == {LANGUAGE.name}
    assert user_texts(record) == ["How  much\nis $5?", "And 2+2=?"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (ask(Turn("user", (Audio(),))), "empty"),
        (ask(user("What?"), user(" ")), "empty"),
        (ask(user("What?"), user("`x = 1`")), "code"),
        (ask(user("word " * 61)), "too_long_to_speak"),
    ],
)
def test_one_turn_that_cannot_be_spoken_refuses_the_record(record: Conversation, reason: str) -> None:
    refused = MakeSpeakable()(record)
    assert isinstance(refused, Reject)
    assert (refused.key, refused.reason) == ("k", reason)
    assert refused.detail != ""


def test_the_step_is_picklable_and_its_bounds_are_its_own() -> None:
    step = MakeSpeakable(max_words=2, max_seconds=1.0)
    assert pickle.loads(pickle.dumps(step)) == step
    assert isinstance(step(ask(user("one two"))), Conversation)
    assert isinstance(step(ask(user("one two three"))), Reject)
    assert isinstance(step(ask(user("understanding yes"))), Reject)
