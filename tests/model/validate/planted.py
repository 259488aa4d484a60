"""Faults planted in finished corpora: rows are changed and written again, checksums, counts and ledger with them, so that files are true."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import soxr
from pyarrow import Schema

from processors.audio.log_mel import log_mel, num_audio_tokens
from processors.contract import contract_facts
from processors.image.encode import decode_canvas, encode_canvas
from schemas.arrow import from_batch
from schemas.corpus import Corpus, finish, read_schema
from schemas.identity import keyed_rng
from schemas.parts import CROP, Audio, Canvas, Image
from schemas.records import Conversation, Preference, Record, map_parts
from schemas.shard import RecordWriter, write_replacing

Change = Callable[[list[Record]], Sequence[Record]]


def rewrite(source: Path, target: Path, change: Change) -> Path:
    """A corpus with its rows changed, shard by shard: as many rows, in true files."""
    shutil.copytree(source, target)
    corpus = Corpus(target)
    files = {entry.shard.name: file for file in corpus.ledger_files() for entry in corpus.ledger() if file.stem == entry.split["id"]}
    records = [(entry, list(_records(corpus, entry))) for entry in corpus.ledger()]
    changed = iter(change([record for _, rows in records for record in rows]))
    for entry, rows in records:
        schema: Schema = read_schema(target / entry.shard.name)
        with RecordWriter(target, entry.shard.name, schema) as writer:
            for _ in rows:
                writer.write(next(changed))
        written = writer.publish()
        write_replacing(files[entry.shard.name], replace(entry, shard=written).to_bytes())
    card = (target / "README.md").read_text()
    finish(corpus, lambda totals: card)
    return target


def _records(corpus: Corpus, entry: object) -> Sequence[Record]:
    return [record for batch in corpus.batches(entry) for record in from_batch(batch)]  # type: ignore[arg-type]


def counted_anew(record: Record) -> Record:
    """The row with the counts of what it now is."""
    return replace(record, facts={**record.facts, **contract_facts(record)})  # type: ignore[type-var]


def count_off_by_one(name: str, row: int = 0) -> Change:
    def change(records: list[Record]) -> list[Record]:
        facts = records[row].facts
        records[row] = replace(records[row], facts={**facts, name: int(facts[name]) + 1})  # type: ignore[type-var]
        return records

    return change


def placeholder_off_by_one(kind: type, row: int = 0) -> Change:
    """One medium is stated one token longer than it is; the row's counts agree with it."""

    def change(records: list[Record]) -> list[Record]:
        more = {kind: lambda part: replace(part, num_tokens=part.num_tokens + 1)}
        records[row] = counted_anew(map_parts(records[row], more))  # type: ignore[type-var]
        return records

    return change


def transposed_log_mel(records: list[Record]) -> list[Record]:
    """(80, frames) numbers in a (frames, 80) array."""
    turn = {Audio: lambda part: replace(part, log_mel=np.ascontiguousarray(part.log_mel.T).reshape(part.log_mel.shape))}
    return [map_parts(record, turn) for record in records]  # type: ignore[type-var]


def shuffled_crops(records: list[Record]) -> list[Record]:
    """Crops that hold no padding change places among themselves; those with padding keep theirs."""
    return [map_parts(record, {Image: _shuffled}) for record in records]  # type: ignore[type-var]


def _shuffled(image: Image) -> Image:
    assert image.canvas is not None
    canvas = decode_canvas(image.canvas)
    assert canvas.pixels is not None
    columns, rows = canvas.grid
    whole = [
        (r, c)
        for r in range(rows)
        for c in range(columns)
        if CROP * (r + 1) <= canvas.content_height and CROP * (c + 1) <= canvas.content_width
    ]
    if len(whole) < 2:
        return image
    pixels = canvas.pixels.copy()
    by = 1 + int(keyed_rng(0, "shuffle", str(pixels.sum())).integers(0, len(whole) - 1))
    for (row, column), (from_row, from_column) in zip(whole, whole[by:] + whole[:by], strict=True):
        pixels[CROP * row : CROP * (row + 1), CROP * column : CROP * (column + 1)] = canvas.pixels[
            CROP * from_row : CROP * (from_row + 1), CROP * from_column : CROP * (from_column + 1)
        ]
    return replace(image, canvas=encode_canvas(Canvas(pixels, canvas.content_width, canvas.content_height)))


def transposed_crops(records: list[Record]) -> list[Record]:
    """Crops row by row where they should be column by column, padding and all."""

    def turned(image: Image) -> Image:
        assert image.canvas is not None
        canvas = decode_canvas(image.canvas)
        assert canvas.pixels is not None
        columns, rows = canvas.grid
        tiles = canvas.pixels.reshape(rows, CROP, columns, CROP, 3).transpose(2, 0, 1, 3, 4).reshape(rows, columns, CROP, CROP, 3)
        pixels = np.ascontiguousarray(tiles.transpose(0, 2, 1, 3, 4).reshape(canvas.pixels.shape))
        return replace(image, canvas=encode_canvas(Canvas(pixels, canvas.content_width, canvas.content_height)))

    return [map_parts(record, {Image: turned}) for record in records]  # type: ignore[type-var]


def shifted_answers(records: list[Record]) -> list[Record]:
    """Each row learns what the row after it should; its counts are right for what it now says."""
    answers = [[turn.parts for turn in record.turns if turn.learned] for record in records if isinstance(record, Conversation)]
    found: list[Record] = []
    for number, record in enumerate(records):
        assert isinstance(record, Conversation)
        given = cycle(answers[(number + 1) % len(records)])
        turns = tuple(replace(turn, parts=next(given)) if turn.learned else turn for turn in record.turns)
        found.append(counted_anew(replace(record, turns=turns)))
    return found


def learned_prompt(records: list[Record]) -> list[Record]:
    """Loss falls on what the user says, too."""
    found: list[Record] = []
    for record in records:
        if isinstance(record, Preference):
            record = replace(record, prompt=tuple(replace(turn, learned=True) for turn in record.prompt))
        elif isinstance(record, Conversation):
            record = replace(record, turns=tuple(replace(turn, learned=True) for turn in record.turns))
        found.append(counted_anew(record))
    return found


def swapped_sides(records: list[Record]) -> list[Record]:
    """Chosen is what was rejected."""
    found: list[Record] = []
    for record in records:
        assert isinstance(record, Preference)
        found.append(counted_anew(replace(record, chosen=record.rejected, rejected=record.chosen)))
    return found


def with_rate(rate_hz: int, samples_of: Callable[[Record], np.ndarray | None], with_facts: bool) -> Change:
    """Audio at `rate_hz` taken for 16 kHz; with `with_facts` its lengths are measured as the builder would measure them then."""

    def change(records: list[Record]) -> list[Record]:
        found: list[Record] = []
        for record in records:
            samples = samples_of(record)
            if samples is not None:
                record = _at_rate(record, np.clip(soxr.resample(samples, 16_000, rate_hz), -1, 1).astype(np.float32), with_facts)
            found.append(record)
        return found

    return change


def _at_rate(record: Record, samples: np.ndarray, with_facts: bool) -> Record:
    features = log_mel(samples)
    made = {Audio: lambda part: replace(part, log_mel=features, num_tokens=num_audio_tokens(len(features)))}
    record = counted_anew(map_parts(record, made))  # type: ignore[type-var]
    if not with_facts:
        return record
    lengths = {"audio.num_frames": len(features), "audio.duration_s": len(samples) / 16_000}
    return replace(record, facts={**record.facts, **{name: value for name, value in lengths.items() if name in record.facts}})  # type: ignore[type-var]
