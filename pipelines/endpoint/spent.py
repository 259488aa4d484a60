"""An amount of requests, tokens and money."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spent:
    """Requests, tokens and money. Units: `cost_nano` in billionths of the prices' currency, so that sums are exact."""

    num_requests: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int = 0

    @property
    def cost(self) -> float:
        return self.cost_nano / 1e9

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.num_requests + other.num_requests,
            self.prompt_tokens + other.prompt_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_nano + other.cost_nano,
        )

    def __sub__(self, other: Spent) -> Spent:
        return self + Spent(-other.num_requests, -other.prompt_tokens, -other.output_tokens, -other.cost_nano)
