"""Records as Arrow tables: one versioned schema a kind, with a typed column for every fact.

Each file's schema carries our kind and version, and the `huggingface` features that make the `datasets` library
show a log-Mel as an array and a canvas as an image. Media of a row stand in flat columns, in order of appearance;
parts of turns point to them by index, so that the log-Mel of a row is one contiguous (frames, 80) block.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from schemas.facts import Fact
from schemas.parts import NUM_MEL_BANDS, Audio, Canvas, Image, Part, Text, ToolCall, ToolResult, Tools
from schemas.records import (
    SEQUENCE_ARRAYS,
    TURN_FIELDS,
    Conversation,
    Document,
    Origin,
    PackedSequence,
    Piece,
    Preference,
    Record,
    Turn,
    audios_of,
    images_of,
)

VERSION = 1
METADATA_KEY = b"corpusmill"
KINDS: dict[str, type] = {"document": Document, "conversation": Conversation, "preference": Preference, "packed": PackedSequence}

_MEDIA = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_PART = pa.struct([("kind", pa.string()), ("text", pa.string()), ("name", pa.string()), ("index", pa.int32())])
_TURNS = pa.list_(pa.struct([("role", pa.string()), ("learned", pa.bool_()), ("parts", pa.list_(_PART))]))
_IMAGE_INFO = pa.list_(
    pa.struct(
        [(name, pa.int32()) for name in ("grid_columns", "grid_rows", "content_width", "content_height", "num_tokens")]
        + [("time_s", pa.float64())]
    )
)
_AUDIO_INFO = pa.list_(pa.struct([("num_frames", pa.int32()), ("num_tokens", pa.int32())]))
_PIECES = pa.list_(pa.struct([("key", pa.string()), ("offset", pa.int32()), ("num_tokens", pa.int32())]))
_FACT_TYPES = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
_ORIGIN = ("source", "revision", "licence", "locator")
_PLAIN = {"key", "parents", "text", "turns", "prompt", "chosen", "rejected", "pieces", *_ORIGIN, *SEQUENCE_ARRAYS}
_PLAIN |= {"images", "image_info", "image_sources", "log_mel", "audio_info", "audio_sources"}  # columns that are not facts
_TURN_COLUMNS = {name: TURN_FIELDS[kind] for name, kind in KINDS.items() if kind in TURN_FIELDS}


class SchemaError(ValueError):
    """A file is not ours, or was written by another version of the schema."""


def kind_of(record_type: type) -> str:
    """The kind's name on disk."""
    for name, kind in KINDS.items():
        if record_type is kind:
            return name
    raise SchemaError(f"{record_type.__name__} is not a kind that can be stored; stored kinds are {', '.join(KINDS)}")


def schema_for(kind: str, facts: Sequence[Fact], mel_dtype: str = "float32") -> pa.Schema:
    """The Arrow schema of a kind with these facts; `mel_dtype` is float32 or float16."""
    fields = [pa.field("key", pa.string())]
    fields += [pa.field(name, pa.string()) for name in _ORIGIN]
    fields.append(pa.field("parents", pa.list_(pa.string())))
    if kind == "document":
        fields.append(pa.field("text", pa.string()))
    elif kind == "packed":
        fields += [pa.field(name, pa.list_(pa.int32())) for name in SEQUENCE_ARRAYS]
        fields.append(pa.field("pieces", _PIECES))
    else:
        mel = pa.float32() if mel_dtype == "float32" else pa.float16()
        fields += [pa.field(name, _TURNS) for name in _TURN_COLUMNS[kind]]
        fields += [
            pa.field("images", pa.list_(_MEDIA)),
            pa.field("image_info", _IMAGE_INFO),
            pa.field("image_sources", pa.list_(_MEDIA)),
            pa.field("log_mel", pa.list_(pa.list_(mel)), metadata=_array2d_metadata(mel_dtype)),
            pa.field("audio_info", _AUDIO_INFO),
            pa.field("audio_sources", pa.list_(_MEDIA)),
        ]
    fields += [pa.field(fact.name, _FACT_TYPES[fact.type]) for fact in sorted(facts, key=lambda fact: fact.name)]
    schema = pa.schema(fields)
    ours = json.dumps({"kind": kind, "version": VERSION}, sort_keys=True)
    info = json.dumps({"info": {"features": features_of(schema)}}, sort_keys=True)
    return schema.with_metadata({METADATA_KEY: ours.encode(), b"huggingface": info.encode()})


def _array2d_metadata(dtype: str) -> dict[bytes, bytes]:
    return {
        b"ARROW:extension:name": b"datasets.features.features.Array2DExtensionType",
        b"ARROW:extension:metadata": json.dumps([[None, NUM_MEL_BANDS], dtype]).encode(),
    }


def features_of(schema: pa.Schema) -> dict[str, object]:
    """The `datasets` features of a schema, as they stand in dataset_info.json."""
    special = {"images": {"_type": "Image"}, "image_sources": _feature(_MEDIA), "audio_sources": {"_type": "Audio", "decode": False}}
    features: dict[str, object] = {}
    for field in schema:
        if field.name == "log_mel":
            value = field.type.value_type.value_type if pa.types.is_list(field.type) else field.type.storage_type.value_type.value_type
            features[field.name] = {"_type": "Array2D", "shape": [None, NUM_MEL_BANDS], "dtype": _dtype(value)}
        elif field.name in special:
            features[field.name] = {"_type": "List", "feature": special[field.name]}
        else:
            features[field.name] = _feature(field.type)
    return features


def _feature(kind: pa.DataType) -> dict[str, object]:
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    if pa.types.is_list(kind):
        return {"_type": "List", "feature": _feature(kind.value_type)}
    return {"_type": "Value", "dtype": _dtype(kind)}


def _dtype(kind: pa.DataType) -> str:
    return {"double": "float64", "float": "float32", "halffloat": "float16"}.get(str(kind), str(kind))


def read_schema_kind(schema: pa.Schema, where: str) -> str:
    """The kind a file holds. Raises SchemaError when the file is not ours or of another version."""
    raw = (schema.metadata or {}).get(METADATA_KEY)
    if raw is None:
        raise SchemaError(f"{where} has no corpusmill metadata in its Arrow schema; expected a shard of version {VERSION}")
    stated = json.loads(raw)
    if stated.get("version") != VERSION:
        raise SchemaError(f"{where} has schema version {stated.get('version')!r}, this code reads {VERSION}; rebuild the corpus")
    return str(stated["kind"])


# ---- records -> batches


def to_batch(records: Sequence[Record], schema: pa.Schema) -> pa.RecordBatch:
    """One record batch, every buffer freshly allocated, so that equal records give equal bytes."""
    kind = json.loads(schema.metadata[METADATA_KEY])["kind"]
    columns: dict[str, object] = {"key": [r.key for r in records], "parents": [list(r.parents) for r in records]}
    for name in _ORIGIN:
        columns[name] = [getattr(r.origin, name) for r in records]
    if kind == "document":
        columns["text"] = [r.text for r in records]  # type: ignore[union-attr]
    elif kind == "packed":
        columns |= _packed_columns(records)
    else:
        columns |= _media_columns(records, schema)
        rows = [_turn_columns(record, kind) for record in records]
        for name in _TURN_COLUMNS[kind]:
            columns[name] = [row[name] for row in rows]
    arrays = []
    for field in schema:
        if field.name in columns:
            column = columns[field.name]
        else:
            column = [record.facts.get(field.name) for record in records]
        arrays.append(column if isinstance(column, pa.Array) else pa.array(column, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _packed_columns(records: Sequence[Record]) -> dict[str, object]:
    sequences = [record for record in records if isinstance(record, PackedSequence)]
    columns: dict[str, object] = {name: _int_lists([getattr(record, name) for record in sequences]) for name in SEQUENCE_ARRAYS}
    pieces = [piece for record in sequences for piece in record.pieces]
    told = pa.StructArray.from_arrays(
        [
            pa.array([piece.key for piece in pieces], pa.string()),
            pa.array(np.fromiter((piece.offset for piece in pieces), np.int32, len(pieces))),
            pa.array(np.fromiter((piece.num_tokens for piece in pieces), np.int32, len(pieces))),
        ],
        fields=list(_PIECES.value_type),
    )
    columns["pieces"] = pa.ListArray.from_arrays(_offsets([len(record.pieces) for record in sequences]), told)
    return columns


def _int_lists(arrays: list[np.ndarray]) -> pa.Array:
    flat = np.concatenate(arrays).astype(np.int32, copy=False) if arrays else np.empty(0, np.int32)
    return pa.ListArray.from_arrays(_offsets([len(array) for array in arrays]), pa.array(flat))


def _offsets(lengths: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int32)


def _turn_columns(record: Record, kind: str) -> dict[str, list[dict[str, object]]]:
    seen = {Image: 0, Audio: 0}

    def part_row(part: Part) -> dict[str, object]:
        if isinstance(part, Text):
            return {"kind": "text", "text": part.text}
        if isinstance(part, Tools):
            return {"kind": "tools", "text": part.definitions}
        if isinstance(part, ToolCall):
            return {"kind": "tool_call", "name": part.name, "text": part.arguments}
        if isinstance(part, ToolResult):
            return {"kind": "tool_result", "name": part.name, "text": part.content}
        seen[type(part)] += 1
        return {"kind": type(part).__name__.lower(), "index": seen[type(part)] - 1}

    def turn_row(turn: Turn) -> dict[str, object]:
        return {"role": turn.role, "learned": turn.learned, "parts": [part_row(part) for part in turn.parts]}

    return {name: [turn_row(turn) for turn in getattr(record, name)] for name in _TURN_COLUMNS[kind]}


def _media_columns(records: Sequence[Record], schema: pa.Schema) -> dict[str, object]:
    images = [list(images_of(record)) for record in records]
    audios = [list(audios_of(record)) for record in records]
    mel_type = schema.field("log_mel").type
    mel_type = getattr(mel_type, "storage_type", mel_type)
    return {
        "images": [[{"bytes": _encoded(image), "path": None} for image in row] for row in images],
        "image_info": [[_image_info(image) for image in row] for row in images],
        "image_sources": [[{"bytes": i.source, "path": None} for i in row if i.source is not None] for row in images],
        "log_mel": _log_mel_array(audios, mel_type),
        "audio_info": [[{"num_frames": len(_mel(a)), "num_tokens": a.num_tokens} for a in row] for row in audios],
        "audio_sources": [[{"bytes": a.source, "path": None} for a in row if a.source is not None] for row in audios],
    }


def _encoded(image: Image) -> bytes:
    if image.canvas is None or image.canvas.encoded is None:
        raise ValueError("an image reaches the shard without an encoded canvas; the recipe lacks MakeCanvas or EncodeCanvas")
    return image.canvas.encoded


def _mel(audio: Audio) -> np.ndarray:
    if audio.log_mel is None:
        raise ValueError("an audio clip reaches the shard without a log-Mel; the recipe lacks LogMel")
    return audio.log_mel


def _image_info(image: Image) -> dict[str, object]:
    _encoded(image)
    canvas = image.canvas
    assert canvas is not None
    columns, rows = canvas.grid
    return {
        "grid_columns": columns,
        "grid_rows": rows,
        "content_width": canvas.content_width,
        "content_height": canvas.content_height,
        "num_tokens": image.num_tokens,
        "time_s": image.time_s,
    }


def _log_mel_array(audios: list[list[Audio]], mel_type: pa.DataType) -> pa.Array:
    clips = [_mel(audio) for row in audios for audio in row]
    dtype = mel_type.value_type.value_type.to_pandas_dtype()
    flat = np.concatenate([clip.reshape(-1) for clip in clips]).astype(dtype) if clips else np.empty(0, dtype)
    frames = np.array([sum(len(_mel(audio)) for audio in row) for row in audios], dtype=np.int64)
    if frames.sum() * NUM_MEL_BANDS > np.iinfo(np.int32).max:
        raise ValueError(f"one batch holds {frames.sum()} log-Mel frames; Arrow's 32-bit offsets take {2**31 // NUM_MEL_BANDS}")
    inner = pa.ListArray.from_arrays(np.arange(0, flat.size + 1, NUM_MEL_BANDS, dtype=np.int32), pa.array(flat))
    outer = np.concatenate([[0], np.cumsum(frames)]).astype(np.int32)
    return pa.ListArray.from_arrays(outer, inner)


# ---- batches -> records


def from_batch(batch: pa.RecordBatch, where: str = "a shard") -> Iterator[Record]:
    """The records of a batch; images come back with an encoded canvas, audio with its log-Mel as a view."""
    rows = BatchRows(batch, where)
    if rows.kind == "document":
        yield from _documents(rows.columns, rows.facts)
        return
    for index in range(batch.num_rows):
        yield rows[index]


class BatchRows:
    """The records of a batch by their place, as views of its columns.

    Raises:
        SchemaError: the batch is not ours or of another version.
    """

    def __init__(self, batch: pa.RecordBatch, where: str = "a shard") -> None:
        self.kind = read_schema_kind(batch.schema, where)
        self.facts = [name for name in batch.schema.names if name not in _PLAIN]
        self.columns: dict[str, pa.Array] = {name: batch.column(name) for name in batch.schema.names}

    def __getitem__(self, index: int) -> Record:
        return _record(self.kind, self.columns, self.facts, index)


def _documents(columns: dict[str, pa.Array], facts: list[str]) -> Iterator[Record]:
    """Documents, from whole columns at a time: value by value takes ten times as long."""
    rows = zip(*(columns[name].to_pylist() for name in ("key", *_ORIGIN, "text", "parents")), strict=True)
    measured = zip(*(columns[name].to_pylist() for name in facts), strict=True) if facts else itertools.repeat(())
    for (key, source, revision, licence, locator, text, parents), values in zip(rows, measured, strict=False):
        found = {name: value for name, value in zip(facts, values, strict=True) if value is not None}
        yield Document(key, Origin(source, revision, licence, locator), text, found, tuple(parents or ()))


def _record(kind: str, columns: dict[str, pa.Array], facts: list[str], index: int) -> Record:
    def value(name: str) -> object:
        return columns[name][index].as_py()

    common = {
        "key": value("key"),
        "origin": Origin(*(str(value(name)) for name in _ORIGIN)),
        "facts": {name: fact for name in facts if (fact := value(name)) is not None},
        "parents": tuple(value("parents") or ()),  # type: ignore[arg-type]
    }
    if kind == "document":
        return Document(text=value("text"), **common)  # type: ignore[arg-type]
    if kind == "packed":
        arrays = {name: columns[name][index].values.to_numpy() for name in SEQUENCE_ARRAYS}
        pieces = tuple(Piece(**row) for row in value("pieces"))  # type: ignore[attr-defined]
        return PackedSequence(pieces=pieces, **arrays, **common)  # type: ignore[arg-type]
    image_at, audio_at = _row_media(columns, index)
    turns = {name: _turns(value(name), image_at, audio_at) for name in _TURN_COLUMNS[kind]}
    return KINDS[kind](**common, **turns)


def log_mel_view(array: pa.Array, index: int) -> np.ndarray:
    """Row `index` of a log_mel column as (num_frames, 80), without a copy."""
    storage = array.storage if isinstance(array, pa.ExtensionArray) else array
    first, last = storage.offsets[index].as_py(), storage.offsets[index + 1].as_py()
    frames = storage.values
    start, stop = frames.offsets[first].as_py(), frames.offsets[last].as_py()
    return frames.values[start:stop].to_numpy(zero_copy_only=True).reshape(-1, NUM_MEL_BANDS)


def _row_media(columns: dict[str, pa.Array], index: int) -> tuple[Callable[[int], Image], Callable[[int], Audio]]:
    images, infos = columns["images"][index].as_py(), columns["image_info"][index].as_py()
    image_sources, audio_sources = columns["image_sources"][index].as_py(), columns["audio_sources"][index].as_py()
    clips = columns["audio_info"][index].as_py()
    mel = log_mel_view(columns["log_mel"], index)
    starts = np.concatenate([[0], np.cumsum([clip["num_frames"] for clip in clips], dtype=np.int64)]).astype(int)

    def image_at(at: int) -> Image:
        info = infos[at]
        canvas = Canvas(None, info["content_width"], info["content_height"], images[at]["bytes"])
        source = image_sources[at]["bytes"] if image_sources else None
        return Image(source=source, canvas=canvas, num_tokens=info["num_tokens"], time_s=info["time_s"])

    def audio_at(at: int) -> Audio:
        source = audio_sources[at]["bytes"] if audio_sources else None
        return Audio(source=source, log_mel=mel[starts[at] : starts[at + 1]], num_tokens=clips[at]["num_tokens"])

    return image_at, audio_at


def _turns(rows: object, image_at: Callable[[int], Image], audio_at: Callable[[int], Audio]) -> tuple[Turn, ...]:
    def part(row: dict) -> Part:
        match row["kind"]:
            case "text":
                return Text(row["text"])
            case "tools":
                return Tools(row["text"])
            case "tool_call":
                return ToolCall(row["name"], row["text"])
            case "tool_result":
                return ToolResult(row["name"], row["text"])
            case "image":
                return image_at(row["index"])
            case "audio":
                return audio_at(row["index"])
        raise SchemaError(f"part kind {row['kind']!r} is unknown; expected text, image, audio, tools, tool_call or tool_result")

    assert isinstance(rows, list)
    return tuple(Turn(row["role"], tuple(part(p) for p in row["parts"]), row["learned"]) for row in rows)
