"""Answers many prompts at once over HTTP: each until it is answered, refused for good, or the client has to stop.

What is tried again, when, and how often is decided here. Samples of one question may travel as one request.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines.endpoint.budget import Budget, count_prompt_tokens, most_prompt_tokens
from pipelines.endpoint.failures import AGAIN, QUESTION, STOP, UNCLEAR, Failure, one_line
from pipelines.endpoint.messages import (
    BadPrompt,
    BadResponse,
    chat_messages,
    read_choices,
    read_response,
    response_format,
    seed_of,
    usage_of,
)
from pipelines.endpoint.rate import Lanes, wait_s
from pipelines.endpoint.schema import mismatch
from pipelines.endpoint.spent import Spent
from pipelines.endpoint.transport import Failed, Transport
from processors import tokens
from processors.engine import EngineStopped
from processors.tasks.writing import Keep, Prompt, Reply

GO_ON = "what was answered is kept: run the same command again to go on"
ROOM_EVERY_S = 1.0  # between two looks whether a budget that others share has room
MAX_MISSES = 3  # replies of one question that do not match its schema, before the last one is its answer
# One white pixel: what a plain question about a picture shows.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)
# A hundredth of a second of silence at 16 kHz: what a plain question about audio lets hear.
SILENCE = (
    b"RIFF"
    + (36 + 320).to_bytes(4, "little")
    + b"WAVEfmt "
    + (16).to_bytes(4, "little")
    + b"\1\0\1\0"
    + (16_000).to_bytes(4, "little")
    + (32_000).to_bytes(4, "little")
    + b"\2\0\x10\0"
    + b"data"
    + (320).to_bytes(4, "little")
    + bytes(320)
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client waits. Units: seconds."""

    max_tries: int = 8  # of one question; with the waits between them about two minutes
    max_pause_s: float = 600.0  # a server that asks for a longer one stops the build


@dataclass(frozen=True, slots=True)
class Form:
    """What each request has beside messages and bound: `parameters`, the sampling seed, and how samples and replies travel."""

    parameters: Mapping[str, Any]
    sampling_seed: int = 0
    tokens_field: str = "max_tokens"
    samples_per_request: int = 1
    is_streamed: bool = False
    keep_thoughts: bool = False

    def body(self, prompts: Sequence[Prompt], misses: int) -> dict[str, Any]:
        """The request for samples of one question. Raises: BadPrompt."""
        first = prompts[0]
        told = {
            **self.parameters,
            "seed": seed_of(self.sampling_seed, first.sample, misses),
            "messages": chat_messages(first),
            self.tokens_field: first.max_tokens,
        }
        if len(prompts) > 1:
            told["n"] = len(prompts)
        if first.schema:
            told["response_format"] = response_format(first.schema)
        if self.is_streamed:
            told |= {"stream": True, "stream_options": {"include_usage": True}}
        return told


@dataclass
class Client:
    """Sends what it is given through `transport`, as many at once as `lanes` bear and as `budget` allows."""

    transport: Transport
    form: Form
    lanes: Lanes
    budget: Budget
    patience: Patience = Patience()
    num_answered: int = field(default=0, init=False)
    _stopped: str = field(default="", init=False)
    _tasks: set[asyncio.Task[list[Reply]]] = field(default_factory=set, init=False)  # of every call
    _sending: set[Any] = field(default_factory=set, init=False)
    _settled: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _plain: dict[tuple[Any, ...], asyncio.Task[list[Reply | BadResponse] | Failure]] = field(default_factory=dict, init=False)
    _keepers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8, "keep"), init=False)  # the loop waits for no disk

    async def answer(self, prompts: Sequence[Prompt], keep: Keep) -> list[Reply]:
        """The replies, aligned with the prompts; `keep` is called with each as it comes.

        Raises: EngineStopped, once what is under way has come back.
        """
        if self._stopped:
            raise EngineStopped(self._message())
        groups = list(_groups(prompts, self.form.samples_per_request))
        tasks = [asyncio.create_task(self._answer_group([prompts[at] for at in group], keep)) for group in groups]
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
        found: dict[int, Reply] = {}
        for group, replies in zip(groups, results, strict=True):
            assert isinstance(replies, list)
            found |= zip(group, replies, strict=True)
        return [found[at] for at in range(len(prompts))]

    async def close(self) -> None:
        self._keepers.shutdown()
        self.budget.ledger.close()
        await self.transport.close()

    def _stop(self, why: str) -> EngineStopped:
        """Nothing more is sent; what is under way comes back and is kept."""
        self._stopped = self._stopped or why
        for task in self._tasks:
            if task not in self._sending:
                task.cancel()
        return EngineStopped(why)

    def _message(self) -> str:
        spent = self.budget.spent
        paid = f", {spent.prompt_tokens} tokens were read and {spent.output_tokens} written" if spent.num_requests else ""
        paid += f" for {spent.cost:.6g}" if spent.cost_nano else ""
        return f"{self._stopped}; {self.num_answered} questions were answered in this run{paid}, and {GO_ON}"

    async def _answer_group(self, group: list[Prompt], keep: Keep) -> list[Reply]:
        """The replies to samples of one question, each kept once it is there; what a response lacks is asked again."""
        found: dict[int, Reply] = {}
        failures = misses = 0
        while len(found) < len(group):
            left = [at for at in range(len(group)) if at not in found]
            outcome = await self._try([group[at] for at in left], misses)
            if isinstance(outcome, Failure) and outcome.kind == UNCLEAR:
                outcome = await self._whose_fault([group[at] for at in left], outcome)
            if isinstance(outcome, Failure) and outcome.kind == QUESTION:
                outcome = [Reply("", f"refused by the server: {outcome.said}") for _ in left]
            if isinstance(outcome, Failure) and outcome.kind == STOP:
                raise self._stop(f"the endpoint refuses the request: {outcome.said}{_advice(outcome.said)}")
            failure = outcome if isinstance(outcome, Failure) else None
            came: dict[int, Reply] = {}
            missed = False
            for at, reply in zip(left, outcome if isinstance(outcome, list) else (), strict=False):
                if isinstance(reply, BadResponse):
                    failure = Failure(AGAIN, one_line(f"a response with {reply}", self.transport.key))
                    continue
                why = mismatch(group[at].schema, reply.text) if group[at].schema and not reply.why else ""
                if why and misses + 1 < MAX_MISSES:
                    missed = True
                else:
                    came[at] = replace(reply, why=f"does not match the schema: {why}") if why else reply
            await self._keep([(group[at], reply) for at, reply in came.items()], keep)
            found |= came
            misses += missed
            if self._stopped and len(found) < len(group):
                raise EngineStopped(self._stopped)
            if failure is not None:
                failures += 1
                if failures >= self.patience.max_tries:
                    raise self._stop(f"the endpoint failed {failures} times on one question, the last time with: {failure.said}")
                await asyncio.sleep(wait_s(group[left[0]].digest(), failures))
        return [found[at] for at in range(len(group))]

    async def _keep(self, replies: list[tuple[Prompt, Reply]], keep: Keep) -> None:
        """Waits until the replies are on the disk; they get there also when the caller is cancelled meanwhile: they are paid for."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        self._sending.add(task)
        try:
            writing = [loop.run_in_executor(self._keepers, keep, prompt, reply) for prompt, reply in replies]
            await asyncio.shield(asyncio.gather(*writing))
        finally:
            self._sending.discard(task)
        self.num_answered += len(replies)

    async def _whose_fault(self, prompts: list[Prompt], failure: Failure) -> list[Reply | BadResponse] | Failure:
        """A refusal without a known code is the question's fault where a plain one passes with the same parameters, else the configuration's."""
        first = prompts[0]
        kind = bool(first.images), bool(first.audios), first.system, first.max_tokens, bool(first.schema), len(prompts) > 1
        if kind not in self._plain:
            plain = Prompt(
                "Reply with the word yes.",
                first.system,
                first.max_tokens,
                (PIXEL,) if first.images else (),
                audios=(SILENCE,) if first.audios else (),
                schema='{"type":"string"}' if first.schema else "",
            )
            self._plain[kind] = asyncio.create_task(self._try([plain] * min(2, len(prompts)), 0))
        outcome = await self._plain[kind]
        if not isinstance(outcome, Failure):
            return Failure(QUESTION, failure.said)
        if outcome.kind == AGAIN:
            self._plain.pop(kind, None)
            return outcome
        return Failure(STOP, f"{failure.said} (a plain question is refused too: {outcome.said})")

    async def _try(self, prompts: list[Prompt], misses: int) -> list[Reply | BadResponse] | Failure:
        """One request for samples of one question, when there is room for it."""
        try:
            body = self.form.body(prompts, misses)
        except BadPrompt as error:
            return Failure(QUESTION, str(error))
        worst = self.budget.prices.of(1, most_prompt_tokens(prompts[0]), sum(prompt.max_tokens for prompt in prompts))
        began_in, number = await self._admit(worst)
        task, spent = asyncio.current_task(), worst
        self._sending.add(task)
        try:
            outcome, spent = self._read(prompts, await self.transport.post(body), worst)
            if not isinstance(outcome, Failed):
                self.lanes.answered()
                return outcome
            if outcome.failure.overloaded:
                if outcome.pause_s > self.patience.max_pause_s:
                    longest = f"longer than {self.patience.max_pause_s:.0f} s"
                    raise self._stop(f"the endpoint asks to wait {outcome.pause_s:.0f} s ({outcome.failure.said}), {longest}")
                self.lanes.overloaded(began_in, outcome.pause_s)
            return outcome.failure
        finally:
            self._sending.discard(task)
            self.lanes.leave()
            self.budget.settle(number, spent)
            self._settled.set()

    async def _admit(self, worst: Spent) -> tuple[int, int]:
        """Waits for a lane and for room in the budget; gives the lanes' round and the request's number."""
        while True:
            began_in = await self.lanes.enter()
            number = self.budget.reserve(worst)
            if number is not None:
                return began_in, number
            self.lanes.leave()
            spent = self.budget.is_spent(worst)
            if spent:
                raise self._stop(spent)
            self._settled.clear()  # what is under way has reserved the rest, and may need less of it
            with contextlib.suppress(TimeoutError):  # it may be another program's, whose end is not told
                await asyncio.wait_for(self._settled.wait(), ROOM_EVERY_S)

    def _read(
        self, prompts: list[Prompt], came: bytes | dict[str, Any] | Failed, worst: Spent
    ) -> tuple[list[Reply | BadResponse] | Failed, Spent]:
        """What a request brought, and what it cost: all that it may have where nobody can tell, nothing where the server refused it."""
        prices = self.budget.prices
        if isinstance(came, Failed):
            return came, worst if came.may_cost else prices.of(1, 0, 0)
        try:
            read: Any = read_response if isinstance(came, bytes) else read_choices
            replies: list[Reply | BadResponse] = read(came, len(prompts), self.form.keep_thoughts)
        except BadResponse as error:
            return Failed(Failure(AGAIN, one_line(f"a response with {error}", self.transport.key)), True), worst
        prompt_tokens, output_tokens = usage_of(json.loads(came) if isinstance(came, bytes) else came)
        if output_tokens < 0 and any(isinstance(reply, BadResponse) for reply in replies):
            output_tokens = worst.output_tokens
        if output_tokens < 0:
            output_tokens = sum(tokens.count(reply.text) for reply in replies if isinstance(reply, Reply))
        if prompt_tokens < 0:
            prompt_tokens = count_prompt_tokens(prompts[0])
        return [self._hide_key(reply) for reply in replies], prices.of(1, prompt_tokens, output_tokens)

    def _hide_key(self, reply: Reply | BadResponse) -> Reply | BadResponse:
        """A server that says the key back does not bring it onto the disk."""
        key = self.transport.key
        if isinstance(reply, BadResponse) or not key or not any(key in told for told in (reply.text, reply.why, reply.model)):
            return reply
        text, why, model = (told.replace(key, "[key]") for told in (reply.text, reply.why, reply.model))
        return replace(reply, text=text, why=why, model=model)


def _groups(prompts: Sequence[Prompt], size: int) -> Iterator[list[int]]:
    """Places of prompts that may travel together: samples of one question, in order, up to `size` of them."""
    if size == 1:
        yield from ([at] for at in range(len(prompts)))
        return
    same: dict[str, list[int]] = {}
    for at, prompt in enumerate(prompts):
        same.setdefault(replace(prompt, sample=0).digest(), []).append(at)
    for places in same.values():
        places.sort(key=lambda at: prompts[at].sample)
        for start in range(0, len(places), size):
            yield places[start : start + size]


def _advice(said: str) -> str:
    if said.startswith(("status 401", "status 403")):
        return " (is the key in the environment, and is it the right one?)"
    if said.startswith("status 404"):
        return " (does base_url end in /v1, and does the server have this model?)"
    return ""
