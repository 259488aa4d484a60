"""A decoder that truly dies, or takes all memory, in the middle of a build: one reject, and the builder goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.build import Execution, build
from pipelines.corpora.asr import asr
from pipelines.corpora.image_text import image_text
from pipelines.recipe import Recipe
from pipelines.source import FORMATS
from pipelines.stage import Earlier
from processors.guard import TOO_COSTLY, Limits, guarded
from schemas.corpus import Corpus
from schemas.outcome import Refused
from tests.processors.audio.clips import sine, written
from tests.security import dying


@pytest.fixture
def deadly_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoders whose child reads the memory at address 0 when a file says so; everything else is as it is."""
    monkeypatch.setattr("processors.audio.guarded.decode_request", dying.decode_audio_or_die)
    monkeypatch.setattr("processors.image.guarded.decode_request", dying.decode_image_or_die)


def first_stage(stages: tuple) -> Recipe:  # type: ignore[type-arg]
    return stages[0].make(Earlier())


def test_a_segfault_of_the_sound_decoder_refuses_its_clip_alone(tmp_path: Path, deadly_decoders: None) -> None:
    clip = written(sine())
    clips = {"a.wav": clip, "b.wav": clip + dying.DEADLY, "c.wav": clip}
    for name, data in clips.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"audio_filepath": name, "text": f"text {name}"}) + "\n" for name in clips))
    build(first_stage(asr(FORMATS["jsonl"](root=str(tmp_path), path="rows.jsonl"))), tmp_path / "out", Execution(workers=0))
    corpus = Corpus(tmp_path / "out" / "asr")
    assert corpus.totals()["num_out"] == 2
    assert [(row["reason"], row["failure"], "code -11" in row["detail"]) for row in corpus.rejects()] == [(TOO_COSTLY.name, "reject", True)]


def test_a_segfault_of_the_image_decoder_refuses_its_image_alone(tmp_path: Path, sample: Path, deadly_decoders: None) -> None:
    image = (sample / "images" / "00001.png").read_bytes()
    images = {"a.png": image, "b.png": image + dying.DEADLY, "c.png": image}
    for name, data in images.items():
        (tmp_path / name).write_bytes(data)
    rows = ({"image": name, "caption": f"A drawing of a square, number {name}."} for name in images)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = FORMATS["jsonl"](root=str(tmp_path), path="rows.jsonl")
    build(first_stage(image_text(source, duplicates="keep")), tmp_path / "out", Execution(workers=0))
    corpus = Corpus(tmp_path / "out" / "image_text")
    assert corpus.totals()["num_out"] == 2
    assert [(row["reason"], "code -11" in row["detail"]) for row in corpus.rejects()] == [(TOO_COSTLY.name, True)]


def test_the_kernel_bounds_a_child_that_takes_memory_faster_than_it_is_watched() -> None:
    limits = Limits(memory_bytes=256 << 20)
    with pytest.raises(Refused, match=r"too_costly: (MemoryError|more than 256 MiB)"):
        guarded(dying.take_all_at_once, {"num_bytes": 3 << 30}, limits=limits)
    assert guarded(dying.take_all_at_once, {"num_bytes": 1 << 20}, limits=limits)[0] == {"taken": 1 << 20}


def test_the_kernel_bounds_a_file_that_a_child_writes(tmp_path: Path) -> None:
    answer, _ = guarded(dying.write_without_end, {"place": str(tmp_path / "large")})
    assert answer["error"] in ("EFBIG", "SIGXFSZ")
    assert (tmp_path / "large").stat().st_size <= 1 << 30
