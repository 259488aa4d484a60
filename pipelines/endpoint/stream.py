"""A streamed answer put together again: the events of a stream, as the response that would have come in one piece.

Source: server-sent events (html.spec.whatwg.org, section 9.2) as chat completions use them: each event is one line `data: {...}`, and the
last one `data: [DONE]`. A stream may break off anywhere; what it lacks then, the end of a choice, is what `read_choices` refuses.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pipelines.endpoint.messages import MAX_RESPONSE_BYTES, THOUGHTS, BadResponse

DONE = "[DONE]"
_TEXTS = ("content", "refusal", *THOUGHTS)


@dataclass
class Streamed:
    """Takes bytes as they come. `error` has what the server says when it fails in the middle, `is_done` tells that it said the end.

    Where several choices were asked for, one that ends twice is refused: a server that gives two the same index has mixed their texts.
    """

    num_choices: int = 1
    error: dict[str, Any] | None = field(default=None, init=False)
    is_done: bool = field(default=False, init=False)
    _rest: bytes = field(default=b"", init=False)
    _held: int = field(default=0, init=False)  # bytes and characters
    _told: dict[str, Any] = field(default_factory=dict, init=False)
    _choices: dict[int, dict[str, Any]] = field(default_factory=dict, init=False)

    def feed(self, data: bytes) -> None:
        """Raises: BadResponse for an event that is not JSON, and for more than any answer has."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._held + len(self._rest) > MAX_RESPONSE_BYTES:
            raise BadResponse(f"more than {MAX_RESPONSE_BYTES} bytes")
        for line in lines:
            if line.startswith(b"data:") and not self.is_done:  # comments, event names and empty lines say nothing here
                self._event(line[5:].strip())

    def _event(self, data: bytes) -> None:
        if data == DONE.encode():
            self.is_done = True
            return
        try:
            told = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BadResponse(f"an event that is no JSON ({error}); it starts {data[:60]!r}") from error
        if not isinstance(told, dict):
            raise BadResponse(f"an event that is no object; it starts {data[:60]!r}")
        if told.get("error"):
            self.error = told
            self.is_done = True
            return
        for name in ("model", "usage"):
            if told.get(name):
                self._told[name] = told[name]
        choices = told.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            self._add(choice if isinstance(choice, dict) else {})

    def _add(self, choice: dict[str, Any]) -> None:
        index, delta = choice.get("index", 0), choice.get("delta")
        if not isinstance(index, int):
            raise BadResponse(f"a choice with the index {index!r:.60}")
        whole = self._choices.setdefault(index, {"index": index, "pieces": {name: [] for name in _TEXTS}, "finish_reason": None})
        for name, pieces in whole["pieces"].items():
            piece = delta.get(name) if isinstance(delta, dict) else None
            if isinstance(piece, str):
                pieces.append(piece)
                self._held += len(piece)
        if choice.get("finish_reason") is not None:
            if whole["finish_reason"] is not None and self.num_choices > 1:
                raise BadResponse(f"a choice {index} that ends twice, so that nobody can tell its text from another's")
            whole["finish_reason"] = choice["finish_reason"]

    def response(self) -> dict[str, Any]:
        """As the whole response would be. Raises: BadResponse for a stream without a choice."""
        if not self._choices:
            raise BadResponse("a stream without choices")
        choices = [
            {
                "index": index,
                "message": {name: "".join(pieces) for name, pieces in choice["pieces"].items()},
                "finish_reason": choice["finish_reason"],
            }
            for index, choice in self._choices.items()
        ]
        return {**self._told, "choices": choices}
