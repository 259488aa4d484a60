"""A record as text: messages with media as placeholders, the prompt as the model reads it, its tokens. Data cannot steer the terminal."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from processors import tokens
from processors.contract import render, token_ids
from schemas.parts import Audio, Image, Text, ToolCall, ToolResult, Tools
from schemas.records import TURN_FIELDS, Document, PackedSequence, Preference, Record, turns_of

MAX_CHARS = 2_000
MAX_FACT_CHARS = 300
PREVIEW_CHARS = 200
# controls but tab and line feed, and marks that turn the order of letters around: a terminal would obey them
_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with what steers a terminal written as escapes."""
    return _STEERS.sub(lambda found: f"\\x{ord(found[0]):02x}" if ord(found[0]) < 256 else f"\\u{ord(found[0]):04x}", text)


def show_record(record: Record, max_chars: int = MAX_CHARS) -> str:
    """A record as readable text: where it is from, messages with media as placeholders, then its facts."""
    licence = record.origin.licence or "licence unknown"
    lines = [f"key      {record.key}", f"origin   {record.origin.source} {record.origin.locator} ({licence})"]
    if isinstance(record, Document):
        lines.append(_short(record.text, max_chars))
    if isinstance(record, PackedSequence):
        lines += _pieces(record, max_chars)
    lines += _turns(record, max_chars)
    lines += [f"  {name} = {_short(str(value), MAX_FACT_CHARS)}" for name, value in sorted(record.facts.items())]
    return visible("\n".join(lines))


def _pieces(record: PackedSequence, max_chars: int) -> Iterator[str]:
    start = 0
    for number, piece in enumerate(record.pieces, 1):
        ids = record.input_ids[start : start + piece.num_tokens].tolist()
        start += piece.num_tokens
        text = _short(tokens.decode(ids), max(PREVIEW_CHARS, max_chars // len(record.pieces)))
        yield f"[{number}] {piece.key} tokens {piece.offset} to {piece.offset + piece.num_tokens}: {text}"


def _turns(record: Record, max_chars: int) -> Iterator[str]:
    for name in TURN_FIELDS.get(type(record), ()):
        if isinstance(record, Preference):
            yield f"-- {name}"
        for turn in getattr(record, name):
            body = "".join(_show_part(part) for part in turn.parts)
            yield f"<|{turn.role}|>{_short(body, max_chars)}<|end|>{'  (learned)' if turn.learned else ''}"


def preview(record: Record) -> str:
    """One line of a record: what is learned of it, else the start of its text."""
    if isinstance(record, Document):
        text = record.text
    elif isinstance(record, PackedSequence):
        text = tokens.decode(record.input_ids[:PREVIEW_CHARS].tolist())
    else:
        turns = record.chosen if isinstance(record, Preference) else [turn for turn in turns_of(record) if turn.learned]
        text = " ".join("".join(_show_part(part) for part in turn.parts) for turn in turns)
    return visible(" ".join(text[: 4 * PREVIEW_CHARS].split())[:PREVIEW_CHARS])


def told(record: Record) -> dict[str, Any]:
    """A record as JSON values: its key, origin, parents and facts; texts with media as placeholders."""
    origin = {name: getattr(record.origin, name) for name in ("source", "revision", "licence", "locator")}
    found: dict[str, Any] = {"key": record.key, "origin": origin, "parents": list(record.parents), "facts": dict(record.facts)}
    if isinstance(record, Document):
        found["text"] = record.text
    for name in TURN_FIELDS.get(type(record), ()):
        turns = getattr(record, name)
        found[name] = [
            {"role": turn.role, "learned": turn.learned, "text": "".join(_show_part(part) for part in turn.parts)} for turn in turns
        ]
    if isinstance(record, PackedSequence):
        found["pieces"] = [{"key": piece.key, "offset": piece.offset, "num_tokens": piece.num_tokens} for piece in record.pieces]
    return found


def _short(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else f"{text[:max_chars]}... ({len(text):,} characters)"


def _show_part(part: object) -> str:
    if isinstance(part, Text):
        return part.text
    if isinstance(part, Tools):
        return f"<|tool|>{part.definitions}<|/tool|>"
    if isinstance(part, ToolCall):
        return f"<|tool_call|>{part.name}({part.arguments})<|/tool_call|>"
    if isinstance(part, ToolResult):
        return part.content
    if isinstance(part, Image) and part.canvas is not None:
        columns, rows = part.canvas.grid
        size = f"{part.canvas.content_width}x{part.canvas.content_height} px"
        time = f", {part.time_s:.2f} s" if part.time_s is not None else ""
        return f"<image {columns}x{rows} crops, content {size}, {part.num_tokens} tokens{time}>"
    if isinstance(part, Audio) and part.log_mel is not None:
        return f"<audio {len(part.log_mel)} frames, {part.num_tokens} tokens>"
    return "<media>"


# ---- as the model reads it


def prompts(record: Record) -> dict[str, str]:
    """The exact text of each sequence, special tokens by name; a run of `n` placeholders of a medium as `name{n}`."""
    if isinstance(record, Document):
        return {"document": record.text + tokens.NAMES[tokens.END_OF_TEXT]}
    if isinstance(record, PackedSequence):
        held = record.input_ids[: int((record.segment_ids > 0).sum())]
        return {"packed": tokens.decode(held.tolist())}
    found = {}
    for name, turns in _sequences(record).items():
        pieces = (piece.text if piece.text is not None else _named(int(piece.token or 0), piece.repeat) for piece in render(turns))
        found[name] = "".join(pieces)
    return found


def _named(token: int, repeat: int) -> str:
    return tokens.NAMES[token] if repeat == 1 else f"{tokens.NAMES[token]}{{{repeat}}}"


def _sequences(record: Record) -> dict[str, Any]:
    if isinstance(record, Preference):
        return {"chosen": record.prompt + record.chosen, "rejected": record.prompt + record.rejected}
    return {"conversation": turns_of(record)}


def sequences(record: Record) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The token ids of each sequence of a record and, for each id, whether it is learned; padding left out. Shapes: (n,) int32, (n,) bool."""
    if isinstance(record, Document):
        ids = [*tokens.encode(record.text), tokens.END_OF_TEXT]
        return {"document": (np.array(ids, np.int32), np.ones(len(ids), bool))}
    if isinstance(record, PackedSequence):
        num = int((record.segment_ids > 0).sum())
        return {"packed": (record.input_ids[:num], record.labels[:num] >= 0)}
    found = {}
    for name, turns in _sequences(record).items():
        made, learned = token_ids(turns)
        found[name] = (np.array(made, np.int32), np.array(learned, bool))
    return found


def token_lines(ids: np.ndarray, learned: np.ndarray) -> Iterator[str]:
    """A line a token: its place, `+` where it is learned, its id and text; a run of one special token is one line."""
    at = 0
    for (token, is_learned), run in itertools.groupby(zip(ids.tolist(), learned.tolist(), strict=True)):
        num = sum(1 for _ in run)
        steps = [num] if token >= tokens.NUM_ORDINARY else [1] * num
        text = visible(repr(tokens.decode([token])) if token < tokens.NUM_ORDINARY else tokens.NAMES.get(token, "?"))
        for step in steps:
            place = f"{at}" if step == 1 else f"{at}-{at + step - 1}"
            yield f"{place:>13} {'+' if is_learned else ' '} {token:>6} {text}{f'{{{step}}}' if step > 1 else ''}"
            at += step
