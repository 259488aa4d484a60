"""The engine `openai`: any server that speaks OpenAI's chat completions, as vLLM, llama.cpp, Ollama and hosted models do."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pipelines.endpoint.budget import REPLIES, RUN, Budget, Prices
from pipelines.endpoint.client import Client, Form, Patience
from pipelines.endpoint.ledger import open_ledger
from pipelines.endpoint.rate import Lanes
from pipelines.endpoint.transport import Transport
from processors.engine import EngineMissing, EngineStopped
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
    samples_per_request: int = field(default=1, metadata=FREE)  # of one question; more than 1 where the server takes `n`
    stream: bool = field(default=False, metadata=FREE)  # replies come in pieces: `timeout_s` is then the wait for the next one
    max_cost: float = field(default=0.0, metadata=FREE)  # in the currency of the prices; 0 is without a bound
    prompt_price: float = field(default=0.0, metadata=FREE)  # of a million tokens
    output_price: float = field(default=0.0, metadata=FREE)
    budget_of: str = field(default=RUN, metadata=FREE)  # what the bounds are of: one run, or all that was ever spent on these replies
    keep_thoughts: bool = False  # a thought that the server takes out of the text stands before it, between <think> and </think>
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
        for name, least in (
            ("concurrency", 1),
            ("max_tries", 1),
            ("max_requests", 0),
            ("max_output_tokens_total", 0),
            ("samples_per_request", 1),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {least} or more")
        if self.timeout_s <= 0 or self.temperature < 0 or not 0 < self.top_p <= 1:
            told = f"timeout_s {self.timeout_s:g}, temperature {self.temperature:g}, top_p {self.top_p:g}"
            raise ValueError(f"{told}; expected more than 0, 0 or more, and more than 0 up to 1")
        if self.tokens_field not in ("max_tokens", "max_completion_tokens"):
            raise ValueError(f"tokens_field is {self.tokens_field!r}, expected max_tokens or max_completion_tokens")

        if min(self.max_cost, self.prompt_price, self.output_price) < 0:
            raise ValueError("max_cost, prompt_price and output_price are 0 or more")
        if self.max_cost and not (self.prompt_price or self.output_price):
            raise ValueError("max_cost needs prompt_price and output_price (money per million tokens), or nothing would ever cost anything")
        if self.budget_of not in (RUN, REPLIES):
            raise ValueError(f"budget_of is {self.budget_of!r}, expected {RUN} or {REPLIES}")

    @property
    def name(self) -> str:
        return self.model

    def without_secrets(self, text: str) -> str:
        """A text that is kept, without the key."""
        key = os.environ.get(self.api_key_env, "").strip()
        return text.replace(key, "[key]") if len(key) >= MIN_SECRET_CHARS else text

    def identity(self) -> str:
        """All that decides a reply beside the prompt. A prompt's own digest covers its system message and its bound."""
        sampling: dict[str, object] = {"temperature": self.temperature, "top_p": self.top_p, "seed": self.sampling_seed}
        if self.keep_thoughts:  # told only where it is so: replies that were kept before it could be stay valid
            sampling["keep_thoughts"] = True
        return f"openai {self.version} {canonical_json({'model': self.model, 'revision': self.revision, **sampling})}"

    @contextlib.contextmanager
    def open(self, keep: Keep = _forget, place: Path | None = None) -> Iterator[Callable[[list[Prompt]], list[Reply]]]:
        """The callable answers the prompts of a list side by side. `keep` is called from threads of its own, several at once.

        `place` is the folder of the replies, where what is spent is written down; without it nothing but this run is known.
        """
        with _loop_in_a_thread() as loop:
            client = asyncio.run_coroutine_threadsafe(self._connect(place), loop).result()

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
                asyncio.run_coroutine_threadsafe(client.close(), loop).result()

    async def _connect(self, place: Path | None) -> Client:
        try:
            import httpx
        except ImportError as error:
            raise EngineMissing("asking an endpoint needs httpx: pip install 'httpx>=0.28,<1'") from error

        key = os.environ.get(self.api_key_env, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise EngineStopped(f"the key in {self.api_key_env} has characters that no HTTP header can carry; set it anew")
        connect = functools.partial(
            httpx.AsyncClient,
            base_url=self.base_url,
            headers={"Authorization": f"Bearer {key or NO_KEY}", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(self.timeout_s, connect=min(30.0, self.timeout_s)),
            verify=httpx.create_ssl_context(),
        )
        prices = Prices(self.prompt_price, self.output_price)
        ledger = open_ledger(place, self.model, is_durable=self.budget_of == REPLIES)
        budget = Budget(self.max_requests, self.max_output_tokens_total, self.max_cost, prices, self.budget_of, ledger)
        sampling = {"model": self.model, "temperature": self.temperature, "top_p": self.top_p}
        return Client(
            Transport(connect, key if len(key) >= MIN_SECRET_CHARS else "", self.timeout_s),
            Form(sampling, self.sampling_seed, self.tokens_field, self.samples_per_request, self.stream, self.keep_thoughts),
            Lanes(self.concurrency),
            budget,
            Patience(self.max_tries),
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
