"""One request over HTTP, and what became of it: a response's content, or a failure and whose it is. Nothing is read without a bound."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.endpoint.failures import AGAIN, Failure, judge, one_line
from pipelines.endpoint.messages import MAX_RESPONSE_BYTES, BadResponse
from pipelines.endpoint.rate import retry_after_s
from pipelines.endpoint.stream import Streamed

STREAM_TIMES = 12  # a stream may take so many times what one wait for its next piece may


@dataclass(frozen=True, slots=True)
class Failed:
    """`pause_s` is what the server asks to wait; `may_cost` says whether a server may have worked for the request, and count it."""

    failure: Failure
    may_cost: bool
    pause_s: float = 0.0


@dataclass
class Transport:
    """`connect` makes an httpx.AsyncClient whose base is the server's and whose headers hold the key; each has one connection at a time, as a
    pool of httpx looks at every connection for every request. Units: `timeout_s` bounds a whole response, or the wait for the next piece of
    one that is streamed."""

    connect: Callable[[], Any]
    key: str
    timeout_s: float
    _idle: list[Any] = field(default_factory=list, init=False)
    _all: list[Any] = field(default_factory=list, init=False)

    async def close(self) -> None:
        for http in self._all:
            await http.aclose()

    async def post(self, body: Mapping[str, Any]) -> bytes | dict[str, Any] | Failed:
        """What the server says: the bytes of a response, or the whole that a stream (`body["stream"]`) has told."""
        import httpx

        is_streamed = bool(body.get("stream"))
        http = self._take()
        try:
            async with asyncio.timeout(self.timeout_s * (STREAM_TIMES if is_streamed else 1)):
                async with http.stream("POST", "chat/completions", json=body) as response:
                    if response.status_code != 200:
                        told = await _read(response)
                        failure = judge(response.status_code, told, self.key)
                        return Failed(failure, False, retry_after_s(response.headers, time.time()) or 0.0)
                    if is_streamed and response.headers.get("content-type", "").startswith("text/event-stream"):
                        return await self._read_stream(response, body.get("n", 1))
                    return await _read(response)
        except BadResponse as error:
            return Failed(Failure(AGAIN, one_line(f"a response with {error}", self.key)), True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing was sent
            return Failed(Failure(AGAIN, one_line(f"{type(error).__name__}: {error}", self.key)), False)
        except (TimeoutError, httpx.TimeoutException):
            return Failed(Failure(AGAIN, f"no whole response in {self.timeout_s:g} s", overloaded=True), True)
        except httpx.HTTPError as error:
            return Failed(Failure(AGAIN, one_line(f"{type(error).__name__}: {error}", self.key)), True)
        finally:
            self._idle.append(http)

    def _take(self) -> Any:
        if not self._idle:
            self._all.append(self.connect())
            return self._all[-1]
        return self._idle.pop()

    async def _read_stream(self, response: Any, num_choices: int) -> dict[str, Any] | Failed:
        """Until the server says that it is done, or the connection ends: what is missing then, the reader of its choices finds missing."""
        streamed = Streamed(num_choices)
        async for data in response.aiter_bytes():
            streamed.feed(data)
            if streamed.is_done:
                break
        if streamed.error is not None:
            code = streamed.error.get("error")
            status = code.get("code") if isinstance(code, dict) else 0
            failure = judge(
                status if isinstance(status, int) and 400 <= status < 600 else 500, json.dumps(streamed.error).encode(), self.key
            )
            return Failed(failure, True)
        return streamed.response()


async def _read(response: Any) -> bytes:
    """Raises: BadResponse for a body that is larger than any answer."""
    pieces, size = [], 0
    async for data in response.aiter_bytes():
        size += len(data)
        if size > MAX_RESPONSE_BYTES:
            raise BadResponse(f"more than {MAX_RESPONSE_BYTES} bytes")
        pieces.append(data)
    return b"".join(pieces)
