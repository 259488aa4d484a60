"""Corpora from real files: every file is in a shard or among the rejects, for a true reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.__main__ import build_jobs
from pipelines.build import Execution
from pipelines.buildfile import Job, resolve_source
from pipelines.verify import verify
from processors.image.decode import REFUSED_FORMATS
from schemas.corpus import Corpus
from schemas.parts import Audio, Image
from tests.realdata.queries import all_queries, write_manifest

pytestmark = pytest.mark.realdata
AUDIO = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".sph", ".aac")


def build_manifest(
    corpus: str, files: list[tuple[Path, str]], root: Path, tmp_path: Path, field: str, parameters: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Builds a corpus over a manifest of real files, read through a link-free copy of the folder's paths."""
    folder = tmp_path / "source"
    folder.mkdir()
    rows = []
    for number, (file, text) in enumerate(files):
        name = f"{number:04d}{file.suffix}"
        (folder / name).write_bytes(file.read_bytes())
        rows.append({field: name, "text": text, "caption": text, "file": file.relative_to(root).as_posix()})
    (folder / "manifest.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    job = Job(corpus, resolve_source("manifest.jsonl", folder, corpus), parameters or {})
    row = build_jobs([job], tmp_path / "out", Execution(workers=0), as_json=True)[0]
    assert verify(Path(row["path"])).problems == []
    assert row["in"] == len(files) == row["out"] + sum(row["rejects"].values())
    assert row["faults"] == 0
    return row


def test_asr_over_every_speech_file(realdata: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = realdata / "03_speech"
    files = [(file, f"the transcript of {file.stem}") for file in sorted(root.rglob("*")) if file.suffix in AUDIO]
    row = build_manifest("asr", files, root, tmp_path, "audio_filepath")
    assert len(files) >= 315
    assert set(row["rejects"]) <= {"too_long"}  # only the 60 s lecture is over 30 s
    assert row["rejects"].get("too_long", 0) == 1
    assert capfd.readouterr().err == ""


def test_image_text_over_every_odd_file(realdata: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = realdata / "05_images"
    facts = {row["file"]: row for row in map(json.loads, (root / "pillow_facts.jsonl").read_text().splitlines())}
    files = [(file, f"the picture {file.name}") for file in sorted((root / "pillow").iterdir())]
    assert len(files) == 241
    row = build_manifest("image_text", files, root, tmp_path, "image", {"duplicates": "keep"})
    refused = {}
    manifest = (tmp_path / "source" / "manifest.jsonl").read_bytes()
    for reject in Corpus(Path(row["path"])).rejects():
        at = int(reject["locator"].removeprefix("byte "))
        refused[json.loads(manifest[at:].split(b"\n", 1)[0])["file"].split("/")[-1]] = reject["reason"]
    for name, fact in facts.items():
        if not fact["loads"]:
            assert refused.get(name) in {
                "not_an_image",
                "corrupt_image",
                "truncated_image",
                "too_many_pixels",
                "format_not_allowed",
                "empty_file",
            }, name
        elif name in refused:
            told = refused[name]
            expected = {"format_not_allowed"} if fact["format"] in REFUSED_FORMATS else {"uniform_image", "too_elongated"}
            assert told in expected, (name, told, fact)
    err = capfd.readouterr().err
    assert len(err.splitlines()) == 0, err[:2_000]


def test_image_text_over_photos(realdata: Path, tmp_path: Path) -> None:
    source = {"path": "annotations/captions.json", "format": "coco"}
    (tmp_path / "coco").mkdir()
    job = Job("image_text", resolve_source({**source}, _coco(realdata, tmp_path / "coco"), "coco"))
    row = build_jobs([job], tmp_path / "out", Execution(workers=0), as_json=True)[0]
    assert row["rejects"] == {}
    assert row["out"] == len(list((realdata / "05_images" / "coco" / "images").iterdir()))


def _coco(realdata: Path, folder: Path) -> Path:
    """The photos and captions in one folder, since a source reads nothing above its annotation file."""
    (folder / "annotations").mkdir()
    captions = json.loads((realdata / "05_images" / "coco" / "annotations" / "captions.json").read_text())
    for image in captions["images"]:
        data = (realdata / "05_images" / "coco" / "images" / image["file_name"]).read_bytes()
        (folder / "annotations" / image["file_name"]).write_bytes(data)
    (folder / "annotations" / "captions.json").write_text(json.dumps(captions))
    return folder


def test_vision_speech_over_photos_receipts_and_charts(realdata: Path, replies: str, tmp_path: Path) -> None:
    queries = all_queries(realdata, seed=3)
    chosen = [query for start in range(3) for query in queries[start * len(queries) // 3 :][:8]]  # some of each source
    manifest = write_manifest(chosen, realdata, tmp_path / "source")
    job = Job("vision_speech", resolve_source(manifest.name, manifest.parent, "queries"))
    row = build_jobs([job], tmp_path / "out", Execution(workers=0, replies=replies), as_json=True)[0]
    assert verify(Path(row["path"])).problems == []
    assert (row["in"], row["faults"]) == (len(chosen), 0)
    assert row["out"] >= 0.7 * len(chosen)
    answers = {(query.question, query.answer) for query in chosen}
    for record in Corpus(Path(row["path"])).records():
        user, assistant = record.turns  # type: ignore[union-attr]
        assert [type(part) for part in user.parts] == [Image, Audio]
        assert (record.facts["speech.written_text"], assistant.parts[0].text) in answers  # type: ignore[union-attr]
        assert record.facts["speech.heard_by"] == record.facts["speech.fit_by"] == "pocketsphinx"
