"""The engine `openai`: any server that speaks OpenAI's chat completions, as vLLM, llama.cpp, Ollama and hosted models do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pipelines.endpoint.budget import Budget
from pipelines.endpoint.client import Client, Patience
from pipelines.endpoint.rate import Lanes
from processors.engine import EngineStopped
from processors.tasks.writing import Keep, Prompt, Reply
from schemas.identity import canonical_json

NO_KEY = "none"  # what is sent where the environment has no key: servers of one's own ask for none
MIN_SECRET_CHARS = 8  # shorter "keys" (EMPTY, none, x) are no secrets, and may stand in any text
FREE: dict[str, Any] = {"fingerprint": False}


def _forget(prompt: Prompt, reply: Reply) -> None: ...


@dataclass(frozen=True, slots=True)
class OpenAiEngine:
    """A served model, and how it is asked.

    What decides a reply, beside the prompt with its system message and bound, is `identity()`: the model's name, `revision` (what the name does
    not say: weights, quantisation, chat template) and the sampling parameters. Where the server stands, how patiently and how many at a time
    it is asked decide nothing, as with a model file's path; so a build goes on when its server has moved.

    The key is read from the environment variable `api_key_env` of the process that asks, and is held nowhere else.
    """

    model: str
    base_url: str = field(metadata=FREE)
    revision: str = ""
    temperature: float = 0.7
    top_p: float = 1.0
    sampling_seed: int = 0
    api_key_env: str = field(default="OPENAI_API_KEY", metadata=FREE)
    concurrency: int = field(default=16, metadata=FREE)
    timeout_s: float = field(default=300.0, metadata=FREE)
    max_tries: int = field(default=8, metadata=FREE)
    max_requests: int = field(default=0, metadata=FREE)  # of one run; 0 is without a bound
    max_output_tokens_total: int = field(default=0, metadata=FREE)
    tokens_field: str = field(default="max_tokens", metadata=FREE)  # newer models of OpenAI call it max_completion_tokens
    keeps_replies: ClassVar = True
    resources: ClassVar = {"num_cpus": 0}  # it waits; the work is the server's
    calls_at_once: ClassVar = 4  # lists of prompts that an actor may be given at a time, so that none waits for another's slowest
    version: ClassVar = 1

    def __post_init__(self) -> None:
        place = urlsplit(self.base_url)
        if place.username or place.password or place.query or place.fragment:
            raise ValueError(
                "base_url holds a user name, a password or a query, which would be written into messages; put the key in the environment"
            )
        if place.scheme not in ("http", "https") or not place.hostname:
            raise ValueError(f"base_url is {self.base_url!r}, expected the address of a server such as http://localhost:8000/v1")
        if not self.model:
            raise ValueError("model is empty, expected the name by which the server knows it")
        for name, least in (("concurrency", 1), ("max_tries", 1), ("max_requests", 0), ("max_output_tokens_total", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {least} or more")
        if self.timeout_s <= 0 or self.temperature < 0 or not 0 < self.top_p <= 1:
            told = f"timeout_s {self.timeout_s:g}, temperature {self.temperature:g}, top_p {self.top_p:g}"
            raise ValueError(f"{told}; expected more than 0, 0 or more, and more than 0 up to 1")
        if self.tokens_field not in ("max_tokens", "max_completion_tokens"):
            raise ValueError(f"tokens_field is {self.tokens_field!r}, expected max_tokens or max_completion_tokens")

    @property
    def name(self) -> str:
        return self.model

    def identity(self) -> str:
        """All that decides a reply beside the prompt. A prompt's own digest covers its system message and its bound."""
        sampling = {"temperature": self.temperature, "top_p": self.top_p, "seed": self.sampling_seed}
        return f"openai {self.version} {canonical_json({'model': self.model, 'revision': self.revision, **sampling})}"

    @contextlib.contextmanager
    def open(self, keep: Keep = _forget) -> Iterator[Callable[[list[Prompt]], list[Reply]]]:
        """The callable answers the prompts of a list side by side. `keep` is called from a thread of its own."""
        with _loop_in_a_thread() as loop:
            client = asyncio.run_coroutine_threadsafe(self._connect(), loop).result()

            def write(prompts: list[Prompt]) -> list[Reply]:
                answering = asyncio.run_coroutine_threadsafe(client.answer(prompts, keep), loop)
                try:
                    return answering.result()
                except BaseException:  # Ctrl-C among them: nothing stays under way
                    answering.cancel()
                    raise

            try:
                yield write
            finally:
                asyncio.run_coroutine_threadsafe(client.api.close(), loop).result()

    async def _connect(self) -> Client:
        import openai

        key = os.environ.get(self.api_key_env, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise EngineStopped(f"the key in {self.api_key_env} has characters that no HTTP header can carry; set it anew")
        timeout = openai.Timeout(self.timeout_s, connect=min(30.0, self.timeout_s))
        api = openai.AsyncOpenAI(api_key=key or NO_KEY, base_url=self.base_url, max_retries=0, timeout=timeout)
        sampling = {"model": self.model, "temperature": self.temperature, "top_p": self.top_p, "seed": self.sampling_seed}
        return Client(
            api,
            sampling,
            self.tokens_field,
            key if len(key) >= MIN_SECRET_CHARS else "",
            Lanes(self.concurrency),
            Budget(self.max_requests, self.max_output_tokens_total),
            Patience(self.timeout_s, self.max_tries),
        )


@contextlib.contextmanager
def _loop_in_a_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop of our own, wherever we are called from: a notebook's thread has one already."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="endpoint", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
