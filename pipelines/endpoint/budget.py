"""What a run may spend: requests, and tokens that models write. What is under way counts as if it wrote all that it may."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Budget:
    """0 means without a bound. A request is counted when it is sent, also one that fails: a server may have worked for it."""

    max_requests: int = 0
    max_output_tokens: int = 0
    num_requests: int = field(default=0, init=False)
    num_output_tokens: int = field(default=0, init=False)
    reserved: int = field(default=0, init=False)

    def reserve(self, tokens: int) -> bool:
        """Takes one request that may write `tokens`, if there is room beside those under way."""
        if self.max_requests and self.num_requests >= self.max_requests:
            return False
        if self.max_output_tokens and self.num_output_tokens + self.reserved + tokens > self.max_output_tokens:
            return False
        self.num_requests += 1
        self.reserved += tokens
        return True

    def settle(self, reserved: int, written: int) -> None:
        """A request has ended: what it reserved is free, what was written is spent."""
        self.reserved -= reserved
        self.num_output_tokens += written

    def is_spent(self, tokens: int) -> str:
        """Which bound forbids a request that may write `tokens` even when nothing is under way; empty where none does."""
        if self.max_requests and self.num_requests >= self.max_requests:
            return f"the budget of {self.max_requests} requests is spent (max_requests)"
        if self.max_output_tokens and self.num_output_tokens + tokens > self.max_output_tokens:
            spent = f"{self.num_output_tokens} of {self.max_output_tokens} output tokens are written"
            return f"{spent}, and the next reply may have {tokens} (max_output_tokens_total)"
        return ""
