"""Each kind of personal data beside the ordinary text that looks most like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.text.scrub import KINDS, Span, find_personal_data, is_iban, is_luhn, scrub

KEY_AWS = "AKIA" + "IOSFODNN7EXAMPLE"
KEY_GITHUB = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
KEY_STRIPE = "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PRIVATE_KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\nq0b1\n-----END RSA " + "PRIVATE KEY-----"


def found(text: str, language: str = "en") -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.stop]) for span in find_personal_data(text, language)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to john.smith+news@mail.example.co.uk, please.", "john.smith+news@mail.example.co.uk"),
        ("Mail: UshurmaDratchev@rhyta.com.", "UshurmaDratchev@rhyta.com"),
        ("请写信到john@gmail.com谢谢", "john@gmail.com"),
        ("reach me at john dot smith at gmail dot com okay", "john dot smith at gmail dot com"),
        ("it is j o h n at company dot org", "j o h n at company dot org"),
        ("my email is sarah at widgets dot co dot uk", "sarah at widgets dot co dot uk"),
        ("sarah_lee99 at widgets dot com", "sarah_lee99 at widgets dot com"),
        ("anna [at] posteo [dot] de", "anna [at] posteo [dot] de"),
        ("anna punkt schmidt at web punkt de", "anna punkt schmidt at web punkt de"),
        ("luis arroba correo punto es", "luis arroba correo punto es"),
    ],
)
def test_email_addresses(text: str, expected: str) -> None:
    assert found(text, "") == [("email", expected)]


@pytest.mark.parametrize(
    "text",
    [
        "Meet me @ noon, or follow @john.",
        "look at amazon dot com for prices",
        "you can find us at example dot org",
        "the error at line 3. Coming back",
        "clone git@github.com:user/repo.git",
        "assert valid('@this1_is6_valid.exe')",
        "we arrived at ten. Me and my brother",
    ],
)
def test_what_is_no_email_address(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Call 541-714-1388 now", "en", "541-714-1388"),
        ("(555) 123-4567", "en", "(555) 123-4567"),
        ("ring +46 (0)8 928 571 38 today", "en", "+46 (0)8 928 571 38"),
        ("Fax: 345-899-3560x4587", "en", "345-899-3560x4587"),
        ("Phone:\n60-56-85-91", "en", "60-56-85-91"),
        ("call me at 467 3395", "en", "467 3395"),
        ("020 7946 0018 is ours", "en", "020 7946 0018"),
        ("Sie erreichen mich unter 030 901820 immer", "de", "030 901820"),
        ("c'est le 01 42 68 53 00", "fr", "01 42 68 53 00"),
        ("电话13812345678请", "zh", "13812345678"),
        ("電話は０３-３５８１-１１１１です", "ja", "０３-３５８１-１１１１"),
    ],
)
def test_phone_numbers(text: str, language: str, expected: str) -> None:
    assert found(text, language) == [("phone", expected)]


@pytest.mark.parametrize(
    "text",
    [
        "from 2019-2020 and 1914-1918",
        "on 2018-01-14 03:07:43",
        "born 12/25/1990 or 25.12.1990",
        "it cost $1 234 567 and 1,234,567.89",
        "2400 / 200 phones = 12",
        "phones: 1000/200 = 5",
        "order 4711 0815 123",
        "the ISBN 978-3-16-148410-0",
        "scores 21 18 33 45 50",
        "9498777106 visitors",
        "3.14159265358979",
        "call it 100 times",
        "a total of 80.90 on 25/12/2018",
    ],
)
def test_numbers_that_are_no_phone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("it is five five five oh one two nine thanks", "en", ("phone", "five five five oh one two nine")),
        ("FIVE FIVE FIVE, ZERO ONE NINE NINE", "en", ("phone", "FIVE FIVE FIVE, ZERO ONE NINE NINE")),
        ("dial double seven three nine triple two one", "en", ("phone", "double seven three nine triple two one")),
        ("5 5 5 0 1 9 9 please", "en", ("phone", "5 5 5 0 1 9 9")),
        ("four" + " one" * 15, "en", ("card", "four" + " one" * 15)),
        ("null eins sieben zwei drei vier neun", "de", ("phone", "null eins sieben zwei drei vier neun")),
        ("号码是一三八零零幺二五", "zh", ("phone", "一三八零零幺二五")),
    ],
)
def test_numbers_spoken_digit_by_digit(text: str, language: str, expected: tuple[str, str]) -> None:
    assert found(text, language) == [expected]


def test_a_spoken_card_is_told_by_its_check_digit() -> None:
    words = dict(zip("0123456789", ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], strict=True))
    spoken = " ".join(words[digit] for digit in "4539578763621486")
    assert found(spoken) == [("card", spoken)]


@pytest.mark.parametrize(
    "text",
    [
        "seven",
        "five five five oh one two",  # six digits
        "one two three four five six seven eight nine ten",
        "ten nine eight seven six five four three two one",
        "two four six eight",
        "three point one four one five nine two six five",
        "1 2 3 4 5 6 7 8",
        "1, 4, 2, 8, 5, 7, 1, 4",
        "no no no no no no no no",
    ],
)
def test_digits_that_are_no_number_of_a_person(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("pay 4539 5787 6362 1486 now", "card", "4539 5787 6362 1486"),
        ("pay 3782-822463-10005 now", "card", "3782-822463-10005"),
        ("card number 630427373398 is lost", "card", "630427373398"),
        ("IBAN GB59IFUE40226315499137", "iban", "GB59IFUE40226315499137"),
        ("auf DE89 3704 0044 0532 0130 00 bitte", "iban", "DE89 3704 0044 0532 0130 00"),
        ("my SSN: 460-89-9847", "ssn", "460-89-9847"),
        ("social security number 460 89 9847", "ssn", "460 89 9847"),
        ("passport number is X1234567", "passport", "X1234567"),
        ("blocked 41.173.96.26 again", "ip", "41.173.96.26"),
        ("from 6e40:4041:c617:e898:c11:40d2:c669:2eb4", "ip", "6e40:4041:c617:e898:c11:40d2:c669:2eb4"),
        ("dns 8.8.8.8", "ip", "8.8.8.8"),
        (f"key {KEY_AWS} end", "secret", KEY_AWS),
        (f"token={KEY_GITHUB}", "secret", KEY_GITHUB),
        (f"stripe {KEY_STRIPE}", "secret", KEY_STRIPE),
        (f"Bearer {JWT}", "secret", JWT),
        (f"a\n{PRIVATE_KEY}\nb", "secret", PRIVATE_KEY),
        ("postgres://admin:hunter2@db.local/x", "secret", "admin:hunter2"),
        ('api_key = "q7Zk2Xw9Lm4Tn8Rv"', "secret", "q7Zk2Xw9Lm4Tn8Rv"),
        ("ship to 742 Evergreen Terrace, Springfield, OR 97477", "address", "742 Evergreen Terrace, Springfield, OR 97477"),
        ("12 Main Street Apt. 4B", "address", "12 Main Street Apt. 4B"),
        ("she lives at 86036 Rua do Arenque 1634, Goiânia", "address", "86036 Rua do Arenque 1634"),
        ("P.O. Box 149", "address", "P.O. Box 149"),
        ("PSC 6293, Box 8158\nAPO AP 04336", "address", "PSC 6293, Box 8158\nAPO AP 04336"),
    ],
)
def test_every_other_kind(text: str, kind: str, expected: str) -> None:
    assert found(text) == [(kind, expected)]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Ich wohne in der Goethestraße 12 hier", "de", "Goethestraße 12"),
        ("Lindenweg 5, 10115 Berlin", "de", "Lindenweg 5, 10115 Berlin"),
        ("12 rue de la Paix, 75002 Paris", "fr", "12 rue de la Paix, 75002 Paris"),
        ("vivo en la calle Mayor 12 ahora", "es", "calle Mayor 12"),
        ("abito in via Garibaldi 7 da anni", "it", "via Garibaldi 7"),
        ("moro na rua Augusta 1500 mesmo", "pt", "rua Augusta 1500"),
    ],
)
def test_european_street_addresses(text: str, language: str, expected: str) -> None:
    assert found(text, language) == [("address", expected)]


@pytest.mark.parametrize(
    "text",
    [
        "4539 5787 6362 1487",  # wrong check digit
        "0000 0000 0000 0000",
        "barcode 9555023600016",
        "GB59IFUE40226315499138",
        "GB12 is a postcode",
        "666-12-3456 and 460-00-9847",
        "part 460 89 9847",
        "my passport expires in 2025",
        "version 10.2.33.4 and v1.22.33.44",
        "localhost 127.0.0.1, mask 255.255.255.0, 300.1.2.3",
        "Section 1.2.3.4 says; 1.2.3.4 Results",
        "std::vector<int>::begin at 12:34:56",
        "fe80::1 and 00:1a:2b:3c:4d:5e",
        'api_key = "your-api-key-here"',
        'password = "aaaaaaaaaaaaaa1"',
        "sk-learn and sk-SomethingVeryLongButPlainWords",
        "https://example.com:8080/a@b",
        "in 2019 Wall Street fell",
        "he moved to 12 Different cities",
        "Via Appia 2000 years ago",
        "21 Jump Street is a film",
    ],
)
def test_what_looks_like_it_and_is_not(text: str) -> None:
    assert found(text) == []


def test_scrubbed_text_has_a_placeholder_for_each_span() -> None:
    text = "Mail a@b.org or call 541-714-1388, card 4539578763621486."
    assert scrub(text, "en") == (
        "Mail [email] or call [phone], card [card].",
        [Span("email", 5, 12), Span("phone", 21, 33), Span("card", 40, 56)],
    )


def test_text_without_personal_data_is_unchanged() -> None:
    assert scrub("Natalia sold 48/2 = 24 clips in May.", "en") == ("Natalia sold 48/2 = 24 clips in May.", [])


PIECES = st.sampled_from(
    ["a@b.org", "541-714-1388", "4539578763621486", "460-89-9847", "41.173.96.26", KEY_AWS, "five five five oh one two nine", "P.O. Box 14"]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=12)), max_size=8).map(" ".join), st.sampled_from(["", "en", "de", "zh"]))
def test_spans_are_in_order_apart_and_inside(text: str, language: str) -> None:
    spans = find_personal_data(text, language)
    places = [0, *(place for span in spans for place in (span.start, span.stop)), len(text)]
    assert places == sorted(places)
    assert all(span.start < span.stop and span.kind in KINDS for span in spans)


@given(st.lists(st.one_of(PIECES, st.text(max_size=12)), max_size=8).map(" ".join))
def test_scrubbing_changes_nothing_between_the_spans(text: str) -> None:
    scrubbed, spans = scrub(text, "en")
    kept, start = [], 0
    for span in spans:
        kept.append(text[start : span.start])
        start = span.stop
    rebuilt = "".join(piece for pair in zip(kept, (f"[{span.kind}]" for span in spans), strict=True) for piece in pair) + text[start:]
    assert scrubbed == rebuilt


def test_check_digits() -> None:
    assert [is_luhn("4539578763621486"), is_luhn("4539578763621487")] == [True, False]
    assert [is_iban("DE89370400440532013000"), is_iban("DE88370400440532013000"), is_iban("DE8937040044053201300")] == [True, False, False]
