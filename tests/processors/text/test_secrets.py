"""Keys and passwords beside the ordinary code that looks most like them."""

from __future__ import annotations

import pytest

from processors.text.secrets import FORMS, find_secrets, is_random


def found(text: str) -> list[str]:
    return sorted({text[span.start : span.stop] for span in find_secrets(text)})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DB_PASSWORD=hun7er2xQ\n", "hun7er2xQ"),
        ("export STRIPE_SECRET=Zk39xLq8Pw2mNt5v", "Zk39xLq8Pw2mNt5v"),
        ("user: bob\npassword: S3cr3t!Pass9\n", "S3cr3t!Pass9"),
        ('{"apiKey": "Zk39xLq8Pw2mNt5v"}', "Zk39xLq8Pw2mNt5v"),
        ("api_key => 'Zk39xLq8Pw2mNt5v',", "Zk39xLq8Pw2mNt5v"),
        ("Server=db;User Id=sa;Password=Gx7!kdP2w;", "Gx7!kdP2w"),
        ("mongodb+srv://app:Gx7kdP2w@cluster0.mongodb.net/x", "app:Gx7kdP2w"),
        ("Authorization: Bearer q7Zk2Xw9Lm4Tn8RvPb3s", "q7Zk2Xw9Lm4Tn8RvPb3s"),
        ("use the API key q7Zk2Xw9Lm4Tn8RvPb3sYc6d for it", "q7Zk2Xw9Lm4Tn8RvPb3sYc6d"),
        ("my password is Tr0ub4dor&3x okay", "Tr0ub4dor&3x"),
        ("AccountKey=" + "aB3dE5gH7jK9" * 7 + "xY==;", "aB3dE5gH7jK9" * 7 + "xY=="),
        ("dapi" + "0123456789abcdef" * 2, "dapi" + "0123456789abcdef" * 2),
        ("hvs." + "CAESIJq7Zk2Xw9Lm4Tn8RvPb3s", "hvs." + "CAESIJq7Zk2Xw9Lm4Tn8RvPb3s"),
    ],
)
def test_secrets(text: str, expected: str) -> None:
    assert found(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "DB_PASSWORD=hunter2\n",  # a word and a digit: as many names of variables
        "token = next_token2\n",
        "token = tokens[i1]\n",
        "api_key = get_key(3)\n",
        "password = models.CharField(max_length=128)\n",
        "SECRET_KEY = os.environ['K3Y1AAA2']\n",
        "pwd=/home/user1/projects2\n",
        "max_tokens: 131072\n",
        "cache_key = 'user:42:profile7'",
        "primary_key = 'a8Zk39xLq8Pw2mNt'",
        "PublicKeyToken=b77a5c561934e089",
        "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "color: #ff00aa; version: 1.2.3-rc4",
        "api_key = 'your-api-key-1234'",
        "http://user:password@proxy.net/x and http://joe:h7Gk2@example.com/",
        "https://$USER:$PASS1@host.net/",
        "ISBN 978-3-16-148410-0, key facts: 12",
    ],
)
def test_what_is_no_secret(text: str) -> None:
    assert found(text) == []


def test_the_shape_of_a_value() -> None:
    assert [is_random(value) for value in ("q7Zk2Xw9Lm4T", "password1", "snake_case_2", "aaaaaaaa1", "12345678", "Tr0ub4dor&3")] == [
        True,
        False,
        False,
        False,
        False,
        True,
    ]


def test_hostile_text_takes_time_in_proportion() -> None:
    marks = [mark for marks, _ in FORMS for mark in marks]
    for text in (
        *(mark * 5_000 for mark in marks[:4]),
        "-----BEGIN PRIVATE KEY-----" * 4_000,
        "://a:" * 40_000,
        "key=" * 50_000,
        "token: '1" * 5_000,
    ):
        assert isinstance(find_secrets(text), list)
