"""Re-reads a corpus and checks all that it promises: files, counts, keys, and the token contract of every row."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processors.audio.log_mel import num_audio_tokens
from processors.contract import CONTRACT_FACTS, contract_facts
from processors.image.crops import canvas_num_tokens
from processors.packing import check_packed
from schemas.arrow import from_batch
from schemas.check import check_files
from schemas.corpus import Corpus
from schemas.records import PackedSequence, Record, audios_of, images_of

MAX_PROBLEMS = 50


@dataclass
class Verdict:
    """What a verification saw; `problems` is empty when all is well."""

    path: Path
    num_rows: int = 0
    num_rejects: int = 0
    problems: list[str] = field(default_factory=list)


def verify(path: Path) -> Verdict:
    """Checksums, schemas, conservation, no orphans, unique keys, and exact tokens of every row of a corpus.

    Raises:
        CorpusError: the folder is no corpus, or its build has not ended.
    """
    corpus = Corpus(path)
    corpus.recipe()
    totals: dict[str, Any] = corpus.totals()
    verdict = Verdict(path, int(totals["num_out"]), int(totals["num_rejects"]))
    verdict.problems += check_files(corpus)
    if not verdict.problems:
        for entry in corpus.entries():
            for batch in corpus.batches(entry):
                for record in from_batch(batch, entry.shard.name):
                    verdict.problems += [f"{entry.shard.name}: row {record.key}: {problem}" for problem in _check_row(record)]
                    if len(verdict.problems) >= MAX_PROBLEMS:
                        return verdict
    return verdict


def _check_row(record: Record) -> list[str]:
    problems = []
    for number, image in enumerate(images_of(record), 1):
        assert image.canvas is not None
        exact = canvas_num_tokens(image.canvas.grid, image.canvas.content_width, image.canvas.content_height)
        if exact != image.num_tokens:
            problems.append(f"image {number} says {image.num_tokens} tokens, its grid gives {exact}")
    for number, audio in enumerate(audios_of(record), 1):
        assert audio.log_mel is not None
        exact = num_audio_tokens(len(audio.log_mel))
        if exact != audio.num_tokens:
            problems.append(f"audio {number} says {audio.num_tokens} tokens, its {len(audio.log_mel)} frames give {exact}")
    if isinstance(record, PackedSequence):
        problems += check_packed(record)
    if CONTRACT_FACTS[0].name in record.facts:
        for name, value in contract_facts(record).items():
            if record.facts[name] != value:
                problems.append(f"{name} says {record.facts[name]}, counted anew it is {value}")
    return problems
