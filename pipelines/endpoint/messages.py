"""The protocol's form: a prompt as chat messages, and the one answer that a response holds.

Source: the chat completions of OpenAI's API reference, as vLLM, llama.cpp and Ollama serve them too: pictures are data URLs.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from processors.tasks.writing import Prompt, Reply

# The bytes that a file of each type begins with; the type of what begins otherwise is left to the server.
_TYPES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
)
MAX_RESPONSE_BYTES = 16 << 20  # the longest text that a model writes has a few hundred kilobytes

CUT = "cut at max_tokens"
FILTERED = "stopped by the server's content filter"
DECLINED = "declined by the model"


class BadResponse(ValueError):
    """A response that is not in the protocol's form, or holds no answer; the message says what it holds instead."""


def image_type(image: bytes) -> str:
    """The media type of an image file."""
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "image/webp"
    return next((name for start, name in _TYPES if image.startswith(start)), "application/octet-stream")


def data_url(image: bytes) -> str:
    return f"data:{image_type(image)};base64,{base64.b64encode(image).decode()}"


def chat_messages(prompt: Prompt) -> list[dict[str, Any]]:
    """The system message, where there is one, and the user's: plain text, or the pictures in order and then the text."""
    system = [{"role": "system", "content": prompt.system}] if prompt.system else []
    if not prompt.images:
        return [*system, {"role": "user", "content": prompt.text}]
    pictures = [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in prompt.images]
    return [*system, {"role": "user", "content": [*pictures, {"type": "text", "text": prompt.text}]}]


def read_response(body: bytes) -> Reply:
    """The answer in a response. Where there is no whole text, `why` says so: cut, filtered or declined.

    Raises: BadResponse for what is not the protocol, and for an answer that is empty without a reason.
    """
    if len(body) > MAX_RESPONSE_BYTES:
        raise BadResponse(f"{len(body)} bytes, expected {MAX_RESPONSE_BYTES} or fewer")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadResponse(f"no JSON ({error}); it starts {body[:60]!r}") from error
    choices = told.get("choices") if isinstance(told, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise BadResponse(f"no choices; it starts {body[:60]!r}")
    message, finish = choices[0].get("message"), choices[0].get("finish_reason")
    if not isinstance(message, dict):
        raise BadResponse(f"a choice without a message; it starts {body[:60]!r}")
    text, refusal = message.get("content"), message.get("refusal")
    text = text if isinstance(text, str) else ""
    why = {"length": CUT, "content_filter": FILTERED}.get(finish if isinstance(finish, str) else "", "")
    if isinstance(refusal, str) and refusal.strip():
        why = f"{DECLINED}: {refusal.strip()[:200]}"
    if not why and finish is None:
        raise BadResponse(f"an answer that does not say how it ended; it starts {text[:60]!r}")
    if not why and not text.strip():
        raise BadResponse(f"an empty answer that ended with {finish!r}")
    return Reply(text, why, str(told.get("model") or ""), *_usage(told.get("usage")))


def _usage(usage: object) -> tuple[int, int]:
    """Tokens in and out as the server counts them; -1 where it does not."""
    found = [usage.get(name) if isinstance(usage, dict) else None for name in ("prompt_tokens", "completion_tokens")]
    prompt, output = (value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else -1 for value in found)
    return prompt, output
