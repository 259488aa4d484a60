"""What must not be told: values of credentials, wherever they turn up. Which variables hold them is known by their names."""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Mapping

HIDDEN = "***"
MIN_SECRET_LETTERS = 6  # a shorter value would blot out ordinary words

_CREDENTIAL = re.compile(
    r"SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|_KEY(_ID)?$|^KEY$|APIKEY|SIGNATURE|SAS$|CONNECTION_STRING", re.I
)
_PLACE = re.compile(r"(_FILE|_PATH|_MODE|_URI|_URL)$", re.I)  # where a credential lies, not what it is
_IN_URL = re.compile(r"(?<=://)[^/@\s'\"]+(?=@)")
_SIGNED = re.compile(r"(?i)\b((?:x-amz-(?:signature|credential|security-token)|x-goog-signature|signature|sig|token|api_?key)=)[^&\s'\"]+")
_QUERY = re.compile(r"(?i)([?&](?:[\w-]*(?:token|secret|signature|credential|password|key)[\w-]*)=)[^&\s\"']+")


def is_credential(name: str) -> bool:
    """Whether an environment variable of this name holds a secret, as names go; one that holds the place of a secret counts too."""
    return _CREDENTIAL.search(name) is not None


def secrets(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The values of the environment's credentials, also as they stand in URLs; the longest first."""
    environment = os.environ if environment is None else environment
    values = {value for name, value in environment.items() if is_credential(name) and not _PLACE.search(name)}
    long = {value for value in values if len(value) >= MIN_SECRET_LETTERS}
    return tuple(sorted(long | {urllib.parse.quote(value, safe="") for value in long}, key=len, reverse=True))


def redacted(text: str, hidden: tuple[str, ...] | None = None) -> str:
    """The text without values of credentials, without what stands before `@` in URLs, without signatures and keys in their queries."""
    for value in secrets() if hidden is None else hidden:
        text = text.replace(value, HIDDEN)
    return _QUERY.sub(rf"\1{HIDDEN}", _SIGNED.sub(rf"\1{HIDDEN}", _IN_URL.sub(HIDDEN, text)))
