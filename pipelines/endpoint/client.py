"""Answers many prompts at once over HTTP: each until it is answered, refused for good, or the client has to stop.

The library's client (openai) makes the requests, with its own retries off: what is tried again, when, and how often is decided here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.endpoint.budget import Budget
from pipelines.endpoint.failures import AGAIN, QUESTION, STOP, UNCLEAR, Failure, judge, one_line
from pipelines.endpoint.messages import BadResponse, chat_messages, read_response
from pipelines.endpoint.rate import Lanes, retry_after_s, wait_s
from processors import tokens
from processors.engine import EngineStopped
from processors.tasks.writing import Keep, Prompt, Reply

GO_ON = "what was answered is kept: run the same command again to go on"
# One white pixel: what a plain question about a picture shows.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client waits. Units: seconds. `timeout_s` bounds one request from its first byte to the last of its response."""

    timeout_s: float = 300.0
    max_tries: int = 8  # of one question; with the waits between them about two minutes
    max_pause_s: float = 600.0  # a server that asks for a longer one stops the build


@dataclass
class Client:
    """`api` is an openai.AsyncOpenAI whose own retries are off, `parameters` what each request has beside messages and bound."""

    api: Any
    parameters: Mapping[str, Any]
    tokens_field: str
    key: str
    lanes: Lanes
    budget: Budget
    patience: Patience = Patience()
    num_answered: int = field(default=0, init=False)
    _stopped: str = field(default="", init=False)
    _tasks: set[asyncio.Task[Reply]] = field(default_factory=set, init=False)  # of every call
    _sending: set[Any] = field(default_factory=set, init=False)
    _settled: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _plain: dict[tuple[bool, str, int], asyncio.Task[Reply | Failure]] = field(default_factory=dict, init=False)

    async def answer(self, prompts: Sequence[Prompt], keep: Keep) -> list[Reply]:
        """The replies, aligned with the prompts; `keep` is called with each as it comes.

        Raises: EngineStopped, once what is under way has come back.
        """
        if self._stopped:
            raise EngineStopped(self._message())
        tasks = [asyncio.create_task(self._answer_one(prompt, keep)) for prompt in prompts]
        self._tasks.update(tasks)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.difference_update(tasks)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, (EngineStopped, asyncio.CancelledError)):
                raise result
        if self._stopped:
            if self._tasks:  # of other calls: who is told of the stop may end this process
                await asyncio.wait(self._tasks)
            raise EngineStopped(self._message())
        return [result for result in results if isinstance(result, Reply)]

    def _stop(self, why: str) -> EngineStopped:
        """Nothing more is sent; what is under way comes back and is kept."""
        self._stopped = self._stopped or why
        for task in self._tasks:
            if task not in self._sending:
                task.cancel()
        return EngineStopped(why)

    def _message(self) -> str:
        return f"{self._stopped}; {self.num_answered} questions were answered in this run, and {GO_ON}"

    async def _answer_one(self, prompt: Prompt, keep: Keep) -> Reply:
        failures = 0
        while True:
            outcome = await self._try(prompt)
            if isinstance(outcome, Failure) and outcome.kind == UNCLEAR:
                outcome = await self._whose_fault(prompt, outcome)
            if isinstance(outcome, Failure) and outcome.kind == QUESTION:
                outcome = Reply("", f"refused by the server: {outcome.said}")
            if isinstance(outcome, Reply):
                keep(prompt, outcome)
                self.num_answered += 1
                return outcome
            if outcome.kind == STOP:
                raise self._stop(f"the endpoint refuses the request: {outcome.said}{_advice(outcome.said)}")
            if self._stopped:
                raise EngineStopped(self._stopped)
            failures += 1
            if failures >= self.patience.max_tries:
                raise self._stop(f"the endpoint failed {failures} times on one question, the last time with: {outcome.said}")
            await asyncio.sleep(wait_s(prompt.digest(), failures))

    async def _whose_fault(self, prompt: Prompt, failure: Failure) -> Reply | Failure:
        """A refusal without a known code is the question's fault where a plain one passes with the same parameters, else the configuration's."""
        kind = bool(prompt.images), prompt.system, prompt.max_tokens
        if kind not in self._plain:
            plain = Prompt("Reply with the word yes.", prompt.system, prompt.max_tokens, (PIXEL,) if prompt.images else ())
            self._plain[kind] = asyncio.create_task(self._try(plain))
        outcome = await self._plain[kind]
        if isinstance(outcome, Reply):
            return Failure(QUESTION, failure.said)
        if outcome.kind == AGAIN:
            self._plain.pop(kind, None)
            return outcome
        return Failure(STOP, f"{failure.said} (a plain question is refused too: {outcome.said})")

    async def _try(self, prompt: Prompt) -> Reply | Failure:
        """One request, when there is room for it."""
        began_in = await self._admit(prompt.max_tokens)
        task, written = asyncio.current_task(), 0
        self._sending.add(task)
        try:
            outcome, pause_s = await self._send(prompt)
            if isinstance(outcome, Reply):
                written = outcome.num_output_tokens if outcome.num_output_tokens >= 0 else tokens.count(outcome.text)
                self.lanes.answered()
            elif outcome.overloaded:
                if pause_s > self.patience.max_pause_s:
                    raise self._stop(
                        f"the endpoint asks to wait {pause_s:.0f} s ({outcome.said}), longer than {self.patience.max_pause_s:.0f} s"
                    )
                self.lanes.overloaded(began_in, pause_s)
            return outcome
        finally:
            self._sending.discard(task)
            self.lanes.leave()
            self.budget.settle(prompt.max_tokens, written)
            self._settled.set()

    async def _admit(self, num_tokens: int) -> int:
        """Waits for a lane and for room in the budget; gives the lanes' round."""
        while True:
            began_in = await self.lanes.enter()
            if self.budget.reserve(num_tokens):
                return began_in
            self.lanes.leave()
            spent = self.budget.is_spent(num_tokens)
            if spent:
                raise self._stop(spent)
            self._settled.clear()  # what is under way has reserved the rest, and may need less of it
            await self._settled.wait()

    async def _send(self, prompt: Prompt) -> tuple[Reply | Failure, float]:
        """The outcome of one request, and the seconds that the server asks to wait."""
        import openai

        told = {**self.parameters, "messages": chat_messages(prompt), self.tokens_field: prompt.max_tokens}
        try:
            async with asyncio.timeout(self.patience.timeout_s):
                raw = await self.api.chat.completions.with_raw_response.create(**told)
                return self._hide_key(read_response(raw.http_response.content)), 0.0
        except BadResponse as error:
            return Failure(AGAIN, one_line(f"a response with {error}", self.key)), 0.0
        except openai.APIStatusError as error:
            failure = judge(error.status_code, error.response.content, self.key)
            asked_s = retry_after_s(error.response.headers, time.time())
            return failure, asked_s or 0.0
        except (TimeoutError, openai.APITimeoutError):
            return Failure(AGAIN, f"no whole response in {self.patience.timeout_s:g} s", overloaded=True), 0.0
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            return Failure(AGAIN, one_line(f"{type(cause).__name__}: {cause}", self.key)), 0.0

    def _hide_key(self, reply: Reply) -> Reply:
        """The reply without the key, should a server say it back."""
        if not self.key or (self.key not in reply.text and self.key not in reply.why):
            return reply
        return Reply(
            reply.text.replace(self.key, "[key]"),
            reply.why.replace(self.key, "[key]"),
            reply.model,
            reply.num_prompt_tokens,
            reply.num_output_tokens,
        )


def _advice(said: str) -> str:
    if said.startswith(("status 401", "status 403")):
        return " (is the key in the environment, and is it the right one?)"
    if said.startswith("status 404"):
        return " (does base_url end in /v1, and does the server have this model?)"
    return ""
