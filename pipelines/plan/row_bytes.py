"""How many bytes each row of a batch takes in an Arrow stream, without padding: what a shard's size is made of."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def row_bytes(batch: pa.RecordBatch) -> np.ndarray:
    """Bytes of the buffers of every row. Shapes: (rows,) float64."""
    total = np.zeros(batch.num_rows)
    for column in batch.columns:
        total += _of(column)
    return total


def _of(array: pa.Array) -> np.ndarray:
    if isinstance(array, pa.ExtensionArray):  # log-Mels, in a process that has imported `datasets`
        array = array.storage
    kind, num = array.type, len(array)
    total = np.full(num, 1 / 8 if array.null_count else 0.0)
    if pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            total += _of(array.field(number))
    elif pa.types.is_fixed_size_list(kind):
        inner = _of(array.values)[array.offset * kind.list_size : (array.offset + num) * kind.list_size]
        total += inner.reshape(num, kind.list_size).sum(axis=1)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        total += _spans(array, np.concatenate([[0.0], np.cumsum(_of(array.values))]))
    elif pa.types.is_binary(kind) or pa.types.is_string(kind) or pa.types.is_large_binary(kind) or pa.types.is_large_string(kind):
        total += _spans(array, None)
    elif not pa.types.is_null(kind):
        total += kind.bit_width / 8
    return total


def _spans(array: pa.Array, before: np.ndarray | None) -> np.ndarray:
    """Bytes of what the offsets of an array span, and of the offsets. `before` has the bytes of all values before each; None: a byte each."""
    wide = pa.types.is_large_binary(array.type) or pa.types.is_large_string(array.type) or pa.types.is_large_list(array.type)
    kind = np.dtype(np.int64 if wide else np.int32)
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(len(array))
    offsets = np.frombuffer(buffer, kind, len(array) + 1, array.offset * kind.itemsize)
    ends = offsets.astype(float) if before is None else before[offsets]
    return np.diff(ends) + kind.itemsize
