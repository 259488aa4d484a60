"""The corpora of text in pictures, instructions, several images and safety, from end to end on drawn sources with known truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import BuildResult, Execution, build
from pipelines.corpora.realistic_image import read_texts, realistic_image
from pipelines.corpora.vision_sft_general import general
from pipelines.corpora.vision_sft_multi_image import multi_image
from pipelines.corpora.vision_sft_ocr import ocr
from pipelines.corpora.vision_sft_safety import safety
from pipelines.corpus_source import open_corpus
from pipelines.recipe import PlanError
from pipelines.sample.receipts import make_receipts
from pipelines.sample.sets import make_sets
from pipelines.source import open_source
from pipelines.stage import Earlier, Stage
from pipelines.verify import verify
from processors.vision.asked import PROGRAMS
from processors.vision.check import CheckAnswers
from schemas.records import Conversation, images_of, learned_texts
from tests.toy import hashes


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    for name, make in (("receipts", make_receipts), ("sets", make_sets)):
        (folder / name).mkdir()
        make(folder, 1, 0)
    return folder


def built(stages: tuple[Stage, ...], out: Path) -> BuildResult:
    result = build(stages[0].make(Earlier()), out, Execution(workers=0))
    assert result.totals["num_faults"] == 0
    assert verify(result.path).problems == []
    return result


def records(result: BuildResult) -> list[Conversation]:
    source = open_corpus(result.path)
    found = [record for split in source.splits() for record in source.read(split)]
    assert len(found) == result.totals["num_out"]
    return [record for record in found if isinstance(record, Conversation)]


def expected(folder: Path, name: str) -> dict[str, int]:
    truth = [json.loads(line) for line in (folder / "sets/truth.jsonl").read_text().splitlines()]
    reasons = [row["expected"] for row in truth if row["file"] == name]
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}


def outcome(result: BuildResult) -> dict[str, int]:
    totals: dict[str, Any] = result.totals
    return dict(sorted({"kept": totals["num_out"], **totals["rejects"]}.items()))


def test_receipts_from_a_manifest_and_from_folders_have_the_same_truth(drawn: Path, tmp_path: Path) -> None:
    manifest = built(ocr(open_source(str(drawn / "receipts/manifest.jsonl"))), tmp_path / "manifest")
    assert outcome(manifest) == {"bad_fields": 1, "bad_quad": 1, "kept": 8, "no_text_lines": 1, "quad_outside": 1}
    folders = open_source(str(drawn / "receipts"), "folder", beside=("box", "key"), suffixes=(".png",))
    result = built(ocr(folders), tmp_path / "folders")
    assert outcome(result) == {"kept": 8}
    found = set()
    for record in records(result):
        assert CheckAnswers()(record) is record  # also from the shard
        programs = json.loads(str(record.facts[PROGRAMS.name]))
        answers = learned_texts(record)
        found.add(tuple(answer for answer, program in zip(answers, programs, strict=True) if program["op"] == "value"))
    keys = [json.loads(path.read_text()) for path in (drawn / "receipts/key").glob("*.json")]
    assert found == {tuple(key.values()) for key in keys}


def test_realistic_images_given_and_rendered(drawn: Path, tmp_path: Path) -> None:
    given = built(realistic_image(open_source(str(drawn / "receipts/manifest.jsonl"))), tmp_path / "given")
    assert given.totals["num_out"] == 8
    source = open_source(str(drawn / "receipts/rendered.jsonl"))
    rendered = built(realistic_image(source, form="rendered"), tmp_path / "rendered")
    assert outcome(rendered) == {"kept": 4, "no_glyphs": 1, "no_text": 1}
    again = built(realistic_image(source, form="rendered"), tmp_path / "again")
    assert hashes(rendered.path / "shards") == hashes(again.path / "shards")
    (tmp_path / "texts.txt").write_text("HARBOUR\n\nOLD MILL\n")
    texts = built(realistic_image(source, form="rendered", texts=tmp_path / "texts.txt", targets=("full_text",)), tmp_path / "texts")
    assert outcome(texts) == {"kept": 6}
    assert {line for record in records(texts) for line in learned_texts(record)[0].split("\n")} <= {"HARBOUR", "OLD MILL", "OLD", "MILL"}


def test_general(drawn: Path, tmp_path: Path) -> None:
    result = built(general(open_source(str(drawn / "sets/general.jsonl"))), tmp_path / "general")
    assert outcome(result) == expected(drawn, "general.jsonl")


def test_several_images(drawn: Path, tmp_path: Path) -> None:
    source = open_source(str(drawn / "sets/multi.jsonl"))
    sets = built(multi_image(source, largest=4), tmp_path / "sets")
    assert sets.totals["rejects"] == {"no_boxes_or_captions": 1}
    assert sum(len(record.parents) for record in records(sets)) == 16
    assert {len(list(images_of(record))) for record in records(sets)} <= {2, 3, 4}
    pairs = built(multi_image(source, form="pairs"), tmp_path / "pairs")
    assert pairs.totals["num_out"] == 17
    given = built(multi_image(open_source(str(drawn / "sets/several.jsonl")), form="given"), tmp_path / "given")
    assert outcome(given) == expected(drawn, "several.jsonl")


def test_safety(drawn: Path, tmp_path: Path) -> None:
    result = built(safety(open_source(str(drawn / "sets/safety.jsonl"))), tmp_path / "safety")
    assert outcome(result) == expected(drawn, "safety.jsonl")
    without = built(safety(open_source(str(drawn / "sets/safety.jsonl")), writer="given"), tmp_path / "without")
    assert without.totals["rejects"]["no_response"] == 9  # no template writes these refusals; among them is the row with a bad label


def test_bad_parameters_are_errors(tmp_path: Path, drawn: Path) -> None:
    source = open_source(str(drawn / "receipts/manifest.jsonl"))
    with pytest.raises(ValueError, match="form is 'drawn', expected given or rendered"):
        realistic_image(source, form="drawn")
    with pytest.raises(ValueError, match="form is 'triples'"):
        multi_image(source, form="triples")
    with pytest.raises(ValueError, match="rows is 'all'"):
        general(source, rows="all")
    with pytest.raises(PlanError, match="expected given"):
        general(source, writer="templates")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(ValueError, match="0 texts"):
        read_texts(tmp_path / "empty.txt")
