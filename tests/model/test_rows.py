"""Rows by number are the rows of the ledger, whatever lies in the folder, from any process."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from model import rows as rows_module
from model.rows import CorpusRows
from processors.contract import CONTRACT_FACTS
from schemas.arrow import schema_for, to_batch
from schemas.corpus import Corpus, CorpusError
from schemas.facts import Fact
from schemas.parts import Audio
from schemas.records import Conversation, Record, audios_of, map_parts
from schemas.shard import RecordWriter, remove_files, write_replacing
from tests.model.written import clip, conversation, document, documents, image, write_corpus


def same(left: Record, right: Record, mel_dtype: str = "float32") -> bool:
    """Whether two records are stored alike, media included."""
    kind = "document" if hasattr(left, "text") else "conversation"
    facts = [Fact(name, type(value), "") for name, value in left.facts.items()]
    schema = schema_for(kind, facts, mel_dtype)
    return left.facts == right.facts and to_batch([left], schema).equals(to_batch([right], schema))


def spoken(num: int) -> list[Conversation]:
    return [
        conversation(f"c{at}", [image(100 + 9 * at, 80, at), clip(3_000 + 170 * at, at), clip(900 + at), "What?"], f"{at}")
        for at in range(num)
    ]


def test_rows_are_those_of_the_ledger_in_its_order(tmp_path: Path) -> None:
    made = documents(57)
    rows = CorpusRows(write_corpus(tmp_path / "corpus", made, rows_per_shard=10, rows_per_batch=3))
    read = [rows[at] for at in range(len(rows))]
    assert [record.key for record in read] == [record.key for record in made]
    assert all(same(one, two) for one, two in zip(read, Corpus(tmp_path / "corpus").records(), strict=True))
    backwards = [rows[at].key for at in reversed(range(57))]
    assert backwards == [record.key for record in reversed(made)]


@pytest.mark.parametrize("mel_dtype", ["float32", "float16"])
def test_media_come_back_bit_for_bit(tmp_path: Path, mel_dtype: str) -> None:
    made = spoken(7)
    rows = CorpusRows(write_corpus(tmp_path / "corpus", made, rows_per_shard=4, mel_dtype=mel_dtype, rows_per_batch=2))
    for at in (6, 0, 3, 5):
        assert same(rows[at], made[at], mel_dtype)
        for stored, original in zip(audios_of(rows[at]), audios_of(made[at]), strict=True):
            assert stored.log_mel is not None and original.log_mel is not None
            assert stored.log_mel.dtype == np.dtype(mel_dtype)
            np.testing.assert_array_equal(stored.log_mel, original.log_mel.astype(mel_dtype))


def test_a_file_that_no_ledger_entry_names_is_not_read(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "corpus", documents(5))
    schema = Corpus(path).batches(Corpus(path).ledger()[0])
    with RecordWriter(path, "shards/000000.arrow", next(schema).schema) as orphan:
        orphan.write(document("orphan", "an orphan"))
    orphan.publish()
    assert [CorpusRows(path)[at].key for at in range(5)] == [f"d{at}" for at in range(5)]
    assert len(CorpusRows(path)) == 5


def test_an_unfinished_corpus_is_refused(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "corpus", documents(5))
    CorpusRows(path)
    remove_files([path / "corpus.json"])
    with pytest.raises(CorpusError, match="its build did not end; run the same build again"):
        CorpusRows(path)
    with pytest.raises(CorpusError, match="expected a corpus directory"):
        CorpusRows(tmp_path)


def test_a_shard_shorter_than_its_ledger_entry_is_refused(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "corpus", documents(6), rows_per_shard=3)
    first = path / "shards" / "000006.arrow"
    batches = list(Corpus(path).batches(Corpus(path).ledger()[0]))
    with pa.BufferOutputStream() as sink, pa.ipc.new_stream(sink, batches[0].schema) as writer:
        writer.write_batch(batches[0].slice(0, 2))
    rows = CorpusRows(path)
    write_replacing(first, sink.getvalue().to_pybytes())
    assert rows[4].key == "d4"  # the other shard
    with pytest.raises(CorpusError, match=r"000006.arrow has 2 rows, the ledger says 3"):
        rows[0]


def test_columns_are_read_alone(tmp_path: Path) -> None:
    made = documents(23)
    rows = CorpusRows(write_corpus(tmp_path / "corpus", made, rows_per_shard=10, rows_per_batch=4))
    np.testing.assert_array_equal(rows.column("contract.num_tokens"), [record.facts["contract.num_tokens"] for record in made])
    assert list(rows.column("key")) == [record.key for record in made]
    with pytest.raises(KeyError, match=r"no column 'contract.num_words'; it has key, source"):
        rows.column("contract.num_words")


def test_rows_travel_to_other_processes(tmp_path: Path) -> None:
    rows = CorpusRows(write_corpus(tmp_path / "corpus", documents(9), rows_per_shard=4))
    rows[0], rows[8]
    sent = pickle.dumps(rows)
    assert len(sent) < 3_000  # paths and counts: no row, no map
    assert [pickle.loads(sent)[at].key for at in (8, 0)] == ["d8", "d0"]


@pytest.mark.parametrize("row", [-1, 5])
def test_a_row_outside_is_an_error(tmp_path: Path, row: int) -> None:
    with pytest.raises(IndexError, match=f"row {row} of .*, which has 5"):
        CorpusRows(write_corpus(tmp_path / "corpus", documents(5)))[row]


def test_few_batches_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MAX_OPEN_BATCHES", 2)
    rows = CorpusRows(write_corpus(tmp_path / "corpus", documents(20), rows_per_batch=3))
    order = [*range(20), 0, 19, 5]
    assert [rows[at].key for at in order] == [f"d{at}" for at in order]
    assert len(rows._open) == 2


def test_rows_for_training_leave_out_what_it_does_not_read(tmp_path: Path) -> None:
    made = conversation("c", [clip(2_000), "What?"], "So")
    sourced = map_parts(made, {Audio: lambda audio: replace(audio, source=b"bytes")})
    facts = [*CONTRACT_FACTS, Fact("audio.snr_db", float, "")]
    path = write_corpus(tmp_path / "corpus", [replace(sourced, facts={**made.facts, "audio.snr_db": 3.5})], facts=facts)
    whole, bare = CorpusRows(path)[0], CorpusRows(path, only_training=True)[0]
    assert [audio.source for audio in audios_of(whole)] == [b"bytes"]
    assert [audio.source for audio in audios_of(bare)] == [None]
    assert whole.facts == {**made.facts, "audio.snr_db": 3.5}
    assert bare.facts == made.facts
    for one, two in zip(audios_of(whole), audios_of(bare), strict=True):
        np.testing.assert_array_equal(one.log_mel, two.log_mel)
