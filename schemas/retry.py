"""Which errors of an object store pass, how long is waited for them, and how the others are told: one sentence, no secret in it.

Libraries of stores raise types of their own; they are known here by name and by the code that the store gave, so nothing of them is imported.
"""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from schemas.redaction import redacted

P = ParamSpec("P")
T = TypeVar("T")

_LOG = logging.getLogger("corpusmill")

NUM_TRIES = 6
FIRST_PAUSE_S = 0.2  # doubled after each try: about six seconds in all, beside what the library of the store waits itself
MAX_PAUSE_S = 20.0

PASSING_TYPES = {
    "HTTPClientError", "ConnectionError", "TimeoutError", "FSTimeoutError", "ClientConnectionError", "ClientPayloadError", "HTTPException",
    "IncompleteReadError", "ResponseStreamingError", "ResponseParserError", "TransportError", "ChunkedEncodingError", "DamagedTransfer",
}  # fmt: skip
PASSING_CODES = {
    "SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "Throttling", "ThrottlingException", "RequestLimitExceeded",
    "BandwidthLimitExceeded", "ConditionalRequestConflict", "OperationAborted", "BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch",
}  # fmt: skip
PASSING_STATUSES = {408, 429, 500, 502, 503, 504}
ABSENT_BUCKET = {"NoSuchBucket"}
NO_SPACE = {"QuotaExceeded", "QuotaExceededException", "InsufficientStorage", "XMinioStorageFull", "StorageFull", "507"}

SENTENCES = (
    (ABSENT_BUCKET, "the bucket does not exist; create it, or name another"),
    (NO_SPACE, "the store is full, or its quota is used up; free space and run the same command, it goes on where it stopped"),
    ({"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "401"},
     "the store does not accept the credentials of the environment; renew them"),
    ({"AccessDenied", "AllAccessDisabled", "AccountProblem", "403", "Forbidden"},
     "the store forbids it to the credentials of the environment; ask for the right to list, read, write and delete there"),
    ({"PermanentRedirect", "Redirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301", "307"},
     "the bucket lies in another region than the one asked; set AWS_DEFAULT_REGION to its own"),
    ({"RequestTimeTooSkewed"}, "the clock of this machine is wrong, and the store refuses its signatures; set the clock"),
    ({"InvalidBucketName"}, "this is no valid name of a bucket"),
)  # fmt: skip
NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError"}


class StoreError(OSError):
    """An object store did not do what it was asked, and trying again did not help; the message is one sentence without secrets."""


class NoSpaceInStore(StoreError):
    """The store is full, or its quota is used up."""


class MissingBucket(StoreError, FileNotFoundError):
    """The bucket itself is not there."""


class DamagedTransfer(OSError):
    """What arrived is not what was sent: a reason to send it again."""


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it was made from."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def codes_of(error: BaseException) -> set[str]:
    """What a store said in its answer: its own code and the HTTP status, where there are any."""
    codes: set[str] = set()
    for link in chain_of(error):
        response = getattr(link, "response", None)
        if isinstance(response, dict):
            codes |= {str(response.get("Error", {}).get("Code", "")), str(response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))}
        elif response is not None and hasattr(response, "status_code"):
            codes.add(str(response.status_code))
        elif isinstance(getattr(link, "code", None), int | str):
            codes.add(str(getattr(link, "code", "")))
    return codes - {""}


def types_of(error: BaseException) -> set[str]:
    return {base.__name__ for link in chain_of(error) for base in type(link).__mro__}


def is_passing(error: BaseException) -> bool:
    """Whether the same question may be answered in a moment: time-outs, cut connections, 5xx, "slow down"."""
    codes = codes_of(error)
    return bool(types_of(error) & PASSING_TYPES or codes & PASSING_CODES or codes & {str(status) for status in PASSING_STATUSES})


def is_of_store(error: BaseException) -> bool:
    """Whether a store, or the way to it, made the error, and not this program."""
    return bool(codes_of(error) or types_of(error) & (PASSING_TYPES | NO_CREDENTIALS | {"BotoCoreError", "ClientError"}))


def told(doing: str, error: BaseException, tries: int = 1, seconds: float = 0.0) -> StoreError:
    """The error of a store as one sentence: what was being done, what is wrong, what to do."""
    codes, types = codes_of(error), types_of(error)
    said = redacted(" ".join(str(error).split())) or type(error).__name__
    after = f" after {tries} tries in {seconds:.0f} s" if tries > 1 else ""
    for names, sentence in SENTENCES:
        if codes & names:
            kind = MissingBucket if names is ABSENT_BUCKET else NoSpaceInStore if names is NO_SPACE else StoreError
            return kind(f"{doing}: {sentence} ({said})")
    if types & NO_CREDENTIALS:
        return StoreError(
            f"{doing}: no credentials were found; give them by the environment (for S3 AWS_PROFILE, or AWS_ACCESS_KEY_ID and its like)"
        )
    if is_passing(error):
        return StoreError(
            f"{doing}: the store did not answer well{after} ({said}); run the same command when it does, it goes on where it stopped"
        )
    return StoreError(f"{doing}: the store refused it{after} ({said})")


def retried(function: Callable[P, T], doing: str = "asking an object store") -> Callable[P, T]:
    """The function, called again with growing, jittered pauses while it meets errors of a store that pass.

    Raises: StoreError, with what was tried, when they do not pass, or for another error of the store; what the program itself raises, and
        FileNotFoundError and FileExistsError of single objects, come through as they are.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        start = time.monotonic()
        for tries in range(1, NUM_TRIES + 1):
            try:
                return function(*args, **kwargs)
            except (OSError, *_foreign()) as error:  # type: ignore[misc]  # asked when it happens: then the library is loaded
                if tries < NUM_TRIES and is_passing(error):
                    pause = min(MAX_PAUSE_S, FIRST_PAUSE_S * 2 ** (tries - 1))
                    event = {"event": "store_retried", "told": {"operation": doing.partition(" ")[0]}}
                    _LOG.warning("%s failed (%s); trying again", doing, redacted(str(error)), extra=event)
                    time.sleep(pause * random.uniform(0.5, 1.5))  # jitter: many workers must not come back at once
                    continue
                if isinstance(error, StoreError) or not is_of_store(error):
                    raise
                if isinstance(error, FileNotFoundError | FileExistsError) and not codes_of(error) & ABSENT_BUCKET:
                    raise
                sentence = told(doing, error, tries, time.monotonic() - start)
                raise sentence from (error if redacted(f"{error!r}{error.__cause__!r}") == f"{error!r}{error.__cause__!r}" else None)
        raise AssertionError("the loop above returns or raises")

    return call


def _foreign() -> tuple[type[BaseException], ...]:
    """Errors of stores' libraries that are no OSError; only libraries that are loaded can have raised one."""
    import sys

    names = (
        ("botocore.exceptions", "BotoCoreError"), ("botocore.exceptions", "ClientError"), ("aiohttp.client_exceptions", "ClientError"),
        ("http.client", "HTTPException"), ("httpx", "HTTPError"), ("gcsfs.retry", "HttpError"), ("asyncio", "TimeoutError"),
    )  # fmt: skip
    return tuple(getattr(sys.modules[module], name) for module, name in names if hasattr(sys.modules.get(module), name))
