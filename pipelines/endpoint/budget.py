"""What may be spent: requests, tokens that models write, and money. What is under way counts as if it cost all that it may."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

from pipelines.endpoint.ledger import Ledger
from pipelines.endpoint.spent import Spent
from pipelines.endpoint.store_ledger import StoreLedger
from processors import tokens
from processors.tasks.writing import Prompt

RUN, REPLIES = "run", "replies"
# The most tokens that a file may be counted as, where servers differ: a picture in tiles, audio at 8 kbit/s heard at 30 tokens/s.
PICTURE_TOKENS, BYTES_PER_AUDIO_TOKEN = 16_384, 32
TURN_TOKENS = 32  # what a chat template may write around a turn


def most_prompt_tokens(prompt: Prompt) -> int:
    """The most tokens of a prompt, whatever the tokeniser: none has more tokens than the text has bytes."""
    texts = [prompt.system, prompt.text, prompt.schema, *(text for _, text in prompt.history)]
    media = PICTURE_TOKENS * len(prompt.images) + sum(len(audio) // BYTES_PER_AUDIO_TOKEN + 1 for audio in prompt.audios)
    return sum(len(text.encode("utf-8", "replace")) + TURN_TOKENS for text in texts) + media


def count_prompt_tokens(prompt: Prompt) -> int:
    """The tokens of a prompt's texts as counted here, where the server does not say; its media count with their most."""
    texts = [prompt.system, prompt.text, *(text for _, text in prompt.history)]
    media = PICTURE_TOKENS * len(prompt.images) + sum(len(audio) // BYTES_PER_AUDIO_TOKEN + 1 for audio in prompt.audios)
    return sum(tokens.count(text) for text in texts) + media


@dataclass(frozen=True, slots=True)
class Prices:
    """Units: money per million tokens."""

    prompt: float = 0.0
    output: float = 0.0

    def of(self, num_requests: int, prompt_tokens: int, output_tokens: int) -> Spent:
        exact = Fraction(str(self.prompt)) * prompt_tokens + Fraction(str(self.output)) * output_tokens
        return Spent(num_requests, prompt_tokens, output_tokens, math.ceil(1_000 * exact))


@dataclass
class Budget:
    """0 means without a bound. A request is counted when it is sent, also one that fails: a server may have worked for it.

    `counts` is RUN, what this budget saw, or REPLIES, all that was ever spent on the ledger's folder, by whatever run and engine.
    """

    max_requests: int = 0
    max_output_tokens: int = 0
    max_cost: float = 0.0
    prices: Prices = Prices()
    counts: str = RUN
    ledger: Ledger | StoreLedger = field(default_factory=Ledger)
    spent: Spent = field(default=Spent(), init=False)  # of this run, by requests that have ended
    under_way: dict[int, Spent] = field(default_factory=dict, init=False)

    def reserve(self, worst: Spent) -> int | None:
        """Takes one request, if there is room beside those under way for all that it may cost; gives its number."""
        with self.ledger.locked():
            if self._passed(self._most() + worst):
                return None
            number = self.ledger.begin(worst)
        if self.counts == REPLIES and self._passed(self._most()):  # on an object store another program announced one meanwhile
            self.ledger.end(number, Spent())
            return None
        self.under_way[number] = worst
        return number

    def settle(self, number: int, spent: Spent) -> None:
        """A request has ended: what it reserved is free, what it cost is spent."""
        del self.under_way[number]
        self.ledger.end(number, spent)
        self.spent += spent

    def is_spent(self, worst: Spent) -> str:
        """Which bound forbids such a request even when nothing of ours is under way; empty where none does."""
        with self.ledger.locked():
            most = self._most() - sum(self.under_way.values(), Spent())
        bound = self._passed(most + worst)
        if not bound:
            return ""
        where = " on these replies in all runs" if self.counts == REPLIES else ""
        if bound == "max_requests":
            return f"the budget of {self.max_requests} requests is spent{where} ({bound})"
        unknown = self.ledger.num_begun - len(self.under_way) if where else 0
        where += f" (requests without a known end, which count with the most they may cost: {unknown})" if unknown else ""
        if bound == "max_output_tokens_total":
            told = f"{most.output_tokens} of {self.max_output_tokens} output tokens are written{where}"
            return f"{told}, and the next reply may have {worst.output_tokens} ({bound})"
        return f"{most.cost:.6g} of {self.max_cost:.6g} is spent{where}, and the next request may cost {worst.cost:.6g} ({bound})"

    def _most(self) -> Spent:
        return self.ledger.most if self.counts == REPLIES else sum(self.under_way.values(), self.spent)

    def _passed(self, most: Spent) -> str:
        """The bound that would be passed, by its parameter; empty where none would."""
        if self.max_requests and most.num_requests > self.max_requests:
            return "max_requests"
        if self.max_output_tokens and most.output_tokens > self.max_output_tokens:
            return "max_output_tokens_total"
        return "max_cost" if self.max_cost and most.cost_nano > self.max_cost * 1e9 else ""
