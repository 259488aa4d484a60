"""The protocol's form: prompts as chat messages, and the answers that a response holds.

Source: the chat completions of OpenAI's API reference, as vLLM, llama.cpp and Ollama serve them too: pictures are data URLs, audio is
`input_audio`, a schema is a `response_format`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from processors.tasks.writing import Prompt, Reply
from schemas.identity import digest

# The bytes that a file of each type begins with; the type of what begins otherwise is left to the server.
_TYPES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
)
_AUDIO_FORMATS = ((b"ID3", "mp3"), (b"fLaC", "flac"), (b"OggS", "ogg"))  # the protocol knows wav and mp3; vLLM takes the others too
MAX_RESPONSE_BYTES = 16 << 20  # the longest text that a model writes has a few hundred kilobytes

THOUGHTS = ("reasoning_content", "reasoning")  # what servers with a parser of thoughts call the thought that they take out of the text

CUT = "cut at max_tokens"
FILTERED = "stopped by the server's content filter"
DECLINED = "declined by the model"


class BadResponse(ValueError):
    """A response that is not in the protocol's form, or holds no answer; the message says what it holds instead."""


class BadPrompt(ValueError):
    """A prompt that the protocol cannot carry; the message says why."""


def image_type(image: bytes) -> str:
    """The media type of an image file."""
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "image/webp"
    return next((name for start, name in _TYPES if image.startswith(start)), "application/octet-stream")


def data_url(image: bytes) -> str:
    return f"data:{image_type(image)};base64,{base64.b64encode(image).decode()}"


def audio_format(audio: bytes) -> str:
    """The format of an audio file, by its first bytes. Raises: BadPrompt for one that no server takes."""
    if audio[:4] == b"RIFF" and audio[8:12] == b"WAVE":
        return "wav"
    for start, name in _AUDIO_FORMATS:
        if audio.startswith(start):
            return name
    # A frame of MPEG audio: eleven bits set, then neither a reserved version nor a layer other than III.
    if len(audio) > 1 and audio[0] == 0xFF and audio[1] & 0xE0 == 0xE0 and audio[1] & 0x18 != 0x08 and audio[1] & 0x06 == 0x02:
        return "mp3"
    raise BadPrompt(f"the audio begins {audio[:8]!r}, expected a WAV, MP3, FLAC or Ogg file")


def chat_messages(prompt: Prompt) -> list[dict[str, Any]]:
    """The system message, where there is one, the earlier turns, and the user's: plain text, or the media in order and then the text.

    Raises: BadPrompt for audio of an unknown format.
    """
    turns = [("system", prompt.system)] if prompt.system else []
    messages: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in (*turns, *prompt.history)]
    if not prompt.images and not prompt.audios:
        return [*messages, {"role": "user", "content": prompt.text}]
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in prompt.images]
    for audio in prompt.audios:
        told = {"data": base64.b64encode(audio).decode(), "format": audio_format(audio)}
        parts.append({"type": "input_audio", "input_audio": told})
    return [*messages, {"role": "user", "content": [*parts, {"type": "text", "text": prompt.text}]}]


def response_format(schema: str) -> dict[str, Any]:
    """Asks for a reply that matches the schema; not `strict`, which OpenAI's servers allow for a part of the schemas only."""
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": json.loads(schema)}}


def seed_of(sampling_seed: int, sample: int, misses: int = 0) -> int:
    """The seed of one sample: the first has the engine's own, each other one of its own, or equal seeds would give equal samples.

    `misses` counts replies of this sample that did not match its schema: asked again with the same seed, a server would say the same.
    """
    if not sample and not misses:
        return sampling_seed
    return (sampling_seed + 1 + int(digest("sample", str(sample), str(misses))[:7], 16)) % 2**63


def read_response(body: bytes, num_choices: int = 1, keep_thoughts: bool = False) -> list[Reply | BadResponse]:
    """The answers in a response, in order: as many as were asked for at most. See `read_choices`.

    Raises: BadResponse for what is not the protocol.
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadResponse(f"no JSON ({error}); it starts {body[:60]!r}") from error
    choices = told.get("choices") if isinstance(told, dict) else None
    if not isinstance(choices, list) or not choices or not all(isinstance(choice, dict) for choice in choices):
        raise BadResponse(f"no choices; it starts {body[:60]!r}")
    return read_choices(told, num_choices, keep_thoughts)


def read_choices(told: dict[str, Any], num_choices: int, keep_thoughts: bool = False) -> list[Reply | BadResponse]:
    """One answer a choice, in the order of their indices. What the server gives beyond the number asked for is left; it may give fewer.

    Where there is no whole text, `why` says so: cut, filtered or declined; what is no answer is a BadResponse in its place. A thought that
    the server took out of the text is left out, or stands before it between <think> and </think> (without the end where it was cut).
    """
    choices: Sequence[dict[str, Any]] = told["choices"]
    indices = [choice.get("index") for choice in choices]
    if all(isinstance(index, int) for index in indices) and len(set(indices)) == len(choices):
        choices = sorted(choices, key=lambda choice: choice["index"])  # else in the order in which they came
    prompt, output = usage_of(told)
    counted = prompt, output if num_choices == 1 else -1  # the usage is of all choices together
    return [_read_choice(choice, keep_thoughts, str(told.get("model") or ""), *counted) for choice in choices[:num_choices]]


def _read_choice(choice: dict[str, Any], keep_thoughts: bool, model: str, prompt_tokens: int, output_tokens: int) -> Reply | BadResponse:
    message, finish = choice.get("message"), choice.get("finish_reason")
    if not isinstance(message, dict):
        return BadResponse(f"a choice without a message; it has {sorted(choice)[:5]}")
    text, refusal = message.get("content"), message.get("refusal")
    text = text if isinstance(text, str) else ""
    why = {"length": CUT, "content_filter": FILTERED}.get(finish if isinstance(finish, str) else "", "")
    if isinstance(refusal, str) and refusal.strip():
        why = f"{DECLINED}: {refusal.strip()[:200]}"
    if not why and finish is None:
        return BadResponse(f"an answer that does not say how it ended; it starts {text[:60]!r}")
    if not why and not text.strip():
        return BadResponse(f"an empty answer that ended with {finish!r}")
    thought = next((said for name in THOUGHTS if isinstance(said := message.get(name), str) and said.strip()), "")
    if keep_thoughts and thought:
        text = f"<think>\n{thought.strip()}\n</think>\n\n{text}" if text.strip() else f"<think>\n{thought.strip()}"
    return Reply(text, why, model, prompt_tokens, output_tokens)


def usage_of(told: dict[str, Any]) -> tuple[int, int]:
    """Tokens in and out as the server counts them, of all choices together; -1 where it does not."""
    usage = told.get("usage")
    found = [usage.get(name) if isinstance(usage, dict) else None for name in ("prompt_tokens", "completion_tokens")]
    prompt, output = (value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else -1 for value in found)
    return prompt, output
