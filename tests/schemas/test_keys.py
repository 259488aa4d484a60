"""Keys that stand twice are found, whatever they look like, in memory and laid down."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import digest
from schemas.keys import Keys

KEYS = st.one_of(st.integers(0, 40).map(lambda number: digest(str(number))), st.text(max_size=3), st.just("é" * 16), st.just("A" * 32))


def write(folder: Path, files: list[list[str]]) -> dict[str, Path]:
    """Each file's keys as an Arrow stream of batches of three rows."""
    found = {}
    for number, keys in enumerate(files):
        found[f"{number}"] = folder / f"{number}.arrow"
        table = pa.table({"key": pa.array(keys, pa.string())})
        with pa.OSFile(str(found[f"{number}"]), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=3)
    return found


def doubled(places: dict[str, Path], held_bytes: int, most: int = 1_000) -> list[tuple[str, str]]:
    with Keys(held_bytes) as keys:
        for name, place in places.items():
            with pa.ipc.open_stream(place.read_bytes()) as reader:
                for batch in reader:
                    keys.add(batch.column("key"), name)
        return list(keys.doubled(places.__getitem__, most))


@pytest.mark.parametrize("held_bytes", [1 << 20, 200])
@given(files=st.lists(st.lists(KEYS, max_size=12), min_size=1, max_size=5))
def test_every_key_that_occurs_again_is_told_with_the_later_file(
    files: list[list[str]], held_bytes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    places = write(tmp_path_factory.mktemp("keys"), files)
    seen: set[str] = set()
    expected: Counter[tuple[str, str]] = Counter()
    for number, keys in enumerate(files):
        for key in keys:
            expected[key, str(number)] += key in seen
            seen.add(key)
    assert Counter(doubled(places, held_bytes)) == +expected


def test_slices_and_bounds(tmp_path: Path) -> None:
    places = write(tmp_path, [[digest("a"), digest("b")] * 5])
    assert len(doubled(places, 1 << 20)) == 8
    assert len(doubled(places, 1 << 20, most=3)) == 3
    with Keys() as keys:
        sliced = pa.array([digest("x"), digest("a"), "other", digest("a")]).slice(1)
        assert keys.add(sliced, "0") == 3
        assert list(keys.doubled(lambda _: places["0"], 9)) == [(digest("a"), "0")]
        assert keys.add(pa.array([], pa.string()), "1") == 0
