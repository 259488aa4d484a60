"""Real receipts and photos: every field exact, every quad where the text is, sets and pairs whose answers hold."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.build import Execution, build
from pipelines.corpora.realistic_image import realistic_image
from pipelines.corpora.vision_sft_multi_image import multi_image
from pipelines.corpora.vision_sft_ocr import ocr
from pipelines.corpus_source import open_corpus
from pipelines.source import open_source
from pipelines.stage import Earlier
from pipelines.verify import verify
from processors.image.decode import decode_image
from processors.vision.asked import PROGRAMS, TRUTH
from processors.vision.fields import fields_of
from processors.vision.lines import full_text, lines_of
from processors.vision.marks import marks_of
from processors.vision.ocr_task import UNSUPPORTED
from processors.vision.render_text import MEASURED_CONTRAST
from schemas.records import Conversation, images_of, learned_texts

pytestmark = pytest.mark.realdata
SROIE = "06_charts_tables_docs/sroie"
COCO = "05_images/coco"
# keys that their annotators typed otherwise than the lines ("81750" beside "81760 JOHOR BAHRU"), by file
TYPED_OTHERWISE = {"031": "address", "049": "address", "053": "address", "068": "date", "084": "address"}


def built(stages, out: Path) -> list[Conversation]:
    result = build(stages[0].make(Earlier()), out, Execution(workers=0))
    assert result.totals["num_faults"] == 0
    assert verify(result.path).problems == []
    source = open_corpus(result.path)
    found = [record for split in source.splits() for record in source.read(split)]
    assert len(found) == result.totals["num_out"]
    return found


def receipts(realdata: Path):
    return open_source(str(realdata / SROIE), "folder", beside=("box", "key"), suffixes=(".jpg",))


def photos(realdata: Path, name: str):
    return open_source(str(realdata / COCO / "annotations" / name), "coco", images="images", media_root=str(realdata / COCO))


def test_every_receipt_gives_its_fields_as_they_stand(realdata: Path, tmp_path: Path) -> None:
    """22 receipts: picture, boxes and keys."""
    keys = {path.stem: json.loads(path.read_text()) for path in (realdata / SROIE / "key").glob("*.json")}
    assert len(keys) == 22
    found = built(ocr(receipts(realdata), max_questions=12), tmp_path / "ocr")
    assert len(found) == 22
    by_values = {tuple(key.values()): stem for stem, key in keys.items()}
    for record in found:
        programs = json.loads(str(record.facts[PROGRAMS.name]))
        answers = list(zip(learned_texts(record), programs, strict=True))
        values = {program["name"]: answer for answer, program in answers if program["op"] == "value"}
        stem = by_values.pop(tuple(values.values()))
        assert values == keys[stem]
        assert [json.loads(answer) for answer, program in answers if program["op"] == "json"] in ([], [keys[stem]])
        assert record.facts[UNSUPPORTED.name] == TYPED_OTHERWISE.get(stem, "")
    assert by_values == {}


def test_receipts_with_keys_that_are_not_printed_can_be_refused(realdata: Path, tmp_path: Path) -> None:
    assert len(built(ocr(receipts(realdata), require_support=True), tmp_path / "ocr")) == 22 - len(TYPED_OTHERWISE)


def test_lines_are_read_whole_and_in_the_order_of_their_files(realdata: Path) -> None:
    """The annotators went through a receipt row by row; where they did not, words stand in another order, none is lost."""
    total = alike = 0
    for path in sorted((realdata / SROIE / "img").glob("*.jpg")):
        pixels = decode_image(path.read_bytes()).pixels
        height, width = pixels.shape[:2]
        told = (realdata / SROIE / "box" / f"{path.stem}.csv").read_text()
        given = [" ".join(row.split(",", 8)[8].split()) for row in told.splitlines() if row.strip()]
        lines = lines_of({"box": told}, width, height)
        read = [line.text for line in lines.lines]
        assert sorted(read) == sorted(given)
        corners = [tuple(map(float, row.split(",", 8)[:2])) for row in told.splitlines() if row.strip()]
        places = {line.quad[0]: number for number, line in enumerate(lines.lines)}
        total += len(given) - 1
        alike += sum(places[first] < places[second] for first, second in itertools.pairwise(corners))
        # ink stands in each quad: its darkest pixels are far darker than the paper
        grey = pixels.mean(axis=2)
        dark = [grey[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1].min() for x0, y0, x1, y1 in (line.box for line in lines.lines)]
        assert np.median(dark) < 0.6 * np.median(grey)
        assert fields_of({"key": json.loads((realdata / SROIE / "key" / f"{path.stem}.json").read_text())})["total"]
    print(f"{alike} of {total} neighbours of the files follow one another in reading order")
    assert alike >= 0.97 * total


def test_boxes_on_the_canvas_are_those_of_the_files(realdata: Path, tmp_path: Path) -> None:
    for record in built(realistic_image(receipts(realdata)), tmp_path / "given"):
        canvas = next(images_of(record)).canvas
        assert canvas is not None
        truth = json.loads(str(record.facts[TRUTH.name]))["lines"]
        lines = [line for row in truth["rows"] for line in row]
        marks = marks_of(record)
        assert [mark.label for mark in marks] == [line["text"] for line in lines]
        for mark, line in zip(marks, lines, strict=True):
            assert (
                max(abs(1000 * value - told) for value, told in zip((mark.x0, mark.y0, mark.x1, mark.y1), line["box"], strict=True))
                <= 0.5 + 1e-9
            )
            x0, y0, x1, y1 = mark.on_canvas(canvas)
            assert 0 <= x0 < x1 <= canvas.content_width and 0 <= y0 < y1 <= canvas.content_height


def test_captions_are_drawn_over_photos(realdata: Path, tmp_path: Path) -> None:
    found = built(realistic_image(photos(realdata, "captions.json"), form="rendered"), tmp_path / "rendered")
    assert len(found) == 13
    for record in found:
        assert record.facts["ocr.min_contrast_ratio"] >= MEASURED_CONTRAST
        truth = json.loads(str(record.facts[TRUTH.name]))["lines"]
        assert learned_texts(record)[0] == full_text(truth)


@pytest.mark.parametrize("name", ["instances.json", "captions.json"])
def test_photos_form_sets(realdata: Path, tmp_path: Path, name: str) -> None:
    found = built(multi_image(photos(realdata, name)), tmp_path / "sets")
    assert sum(len(record.parents) for record in found) == 13
    assert all(2 <= len(list(images_of(record))) <= 8 for record in found)


def test_photos_form_pairs(realdata: Path, tmp_path: Path) -> None:
    found = built(multi_image(photos(realdata, "instances.json"), form="pairs"), tmp_path / "pairs")
    assert len(found) == 13
    assert all(len(list(images_of(record))) == 2 for record in found)
