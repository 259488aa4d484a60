"""Corpora written straight to disk from records, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from processors.audio.log_mel import log_mel, num_audio_tokens
from processors.contract import CONTRACT_FACTS, Contract
from processors.image.crops import canvas_plan, make_canvas
from processors.image.encode import encode_canvas
from processors.packing import NUM_PADDING, NUM_PIECES
from schemas.arrow import kind_of, schema_for
from schemas.corpus import REJECTS_SCHEMA, Corpus, LedgerEntry, finish
from schemas.facts import Fact
from schemas.identity import canonical_json
from schemas.parts import Audio, Image, Text
from schemas.records import Conversation, Document, Origin, Preference, Record, Turn
from schemas.shard import RecordWriter, TableWriter, write_if_absent, write_replacing

ORIGIN = Origin("made", "1", "CC0-1.0", "here")


def counted(record: Any) -> Any:
    """The record with its contract facts."""
    found = Contract()(record)
    assert isinstance(found, type(record)), found
    return found


def document(key: str, text: str) -> Document:
    return counted(Document(key, ORIGIN, text))


def image(width: int, height: int, seed: int = 0, max_crops: int = 4) -> Image:
    """Noise in blocks, on its canvas."""
    blocks = np.random.default_rng(seed).integers(0, 256, (-(-height // 32), -(-width // 32), 3), np.uint8)
    canvas = make_canvas(blocks.repeat(32, 0).repeat(32, 1)[:height, :width], max_crops)
    return Image(canvas=encode_canvas(canvas), num_tokens=canvas_plan(canvas).num_tokens)


def clip(num_samples: int, seed: int = 0) -> Audio:
    """Noise, as its log-Mel."""
    mel = log_mel(np.random.default_rng(seed).uniform(-0.5, 0.5, num_samples).astype(np.float32))
    return Audio(log_mel=mel, num_tokens=num_audio_tokens(len(mel)))


def conversation(key: str, question: Sequence[Any], answer: str) -> Conversation:
    """A question of parts (strings are text), and its learned answer."""
    parts = tuple(Text(part) if isinstance(part, str) else part for part in question)
    return counted(Conversation(key, ORIGIN, (Turn("user", parts), Turn("assistant", (Text(answer),), learned=True))))


def preference(key: str, question: Sequence[Any], chosen: str, rejected: str) -> Preference:
    parts = tuple(Text(part) if isinstance(part, str) else part for part in question)
    sides = [(Turn("assistant", (Text(answer),), learned=True),) for answer in (chosen, rejected)]
    return counted(Preference(key, ORIGIN, (Turn("user", parts),), *sides))


def documents(num: int, seed: int = 0, most_words: int = 40, prefix: str = "d") -> list[Document]:
    """Documents of 1 to `most_words` words of digits, no two alike."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, most_words + 1, num)
    return [document(f"{prefix}{at}", " ".join(map(str, (at, *rng.integers(0, 1_000, length - 1))))) for at, length in enumerate(lengths)]


def write_corpus(
    path: Path,
    records: Sequence[Record],
    rows_per_shard: int = 100,
    mel_dtype: str = "float32",
    rows_per_batch: int = 1_000,
    facts: Sequence[Fact] = CONTRACT_FACTS,
) -> Path:
    """A finished corpus. Shards are named against the order of the ledger, so that a reader of the folder reads them wrongly."""
    kind = kind_of(type(records[0]))
    if kind == "packed":
        facts = [*facts, NUM_PIECES, NUM_PADDING]
    recipe = {"name": path.name, "kind": kind, "fingerprint": "made"}
    write_replacing(path / "recipe.json", canonical_json(recipe).encode())
    starts = range(0, len(records), rows_per_shard)
    for start in starts:
        name = f"{len(records) - start:06}"
        with RecordWriter(path, f"shards/{name}.arrow", schema_for(kind, facts, mel_dtype)) as shard:
            for number, record in enumerate(records[start : start + rows_per_shard], 1):
                shard.write(record)
                if number % rows_per_batch == 0:
                    shard.flush_rows()
        with TableWriter(path, f"rejects/{name}.arrow", REJECTS_SCHEMA) as rejects:
            pass
        split: dict[str, object] = {"id": name, "path": "made", "start": start}
        entry = LedgerEntry(split, shard.publish(), rejects.publish(), (), {})
        write_if_absent(path / "ledger" / f"{name}.json", entry.to_bytes())
    finish(Corpus(path), lambda totals: "made for a test\n")
    return path
