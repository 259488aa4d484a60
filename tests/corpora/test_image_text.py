"""`image_text` in both forms and `grounding`, from end to end on the sample's sources, against their truth."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import BuildResult, Execution, build, build_stages
from pipelines.corpora.grounding import grounding
from pipelines.corpora.image_text import ImageQuality, PageRules, image_text
from pipelines.recipe import PlanError, Recipe
from pipelines.sample.images import make_images
from pipelines.sample.pages import make_pages
from pipelines.source import JsonlManifest, open_source
from pipelines.source.pages import Pages
from pipelines.stage import Earlier, Stage
from pipelines.step import ask, each
from pipelines.verify import verify
from processors.dialogue import CaptionTask
from processors.image.place_boxes import intersection_over_union
from processors.tasks.writing import Prompt, WriteByModel
from processors.vision.box_text import parse_box
from processors.vision.captions import CaptionWriting
from processors.vision.marks import marks_of
from schemas.corpus import Corpus
from schemas.parts import Text
from schemas.records import Conversation, images_of
from tests.toy import hashes

INLINE = Execution(workers=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    (folder / "images").mkdir()
    make_images(folder, 1, 0)
    make_pages(folder, 1, 0)
    return folder


def built(stages: tuple[Stage, ...], out: Path) -> tuple[BuildResult, Counter[str]]:
    """The last stage, and the rejects of all of them."""
    rejects = Counter[str]()
    for result in build_stages(stages, out, INLINE):
        assert verify(result.path).problems == []
        assert result.totals["num_faults"] == 0
        rejects.update(result.totals["rejects"])
    return result, rejects


def records(result: BuildResult) -> list[Conversation]:
    return [record for record in Corpus(result.path).records() if isinstance(record, Conversation)]


def truth(folder: Path, name: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in (folder / "pages/truth.jsonl").read_text().splitlines())
    return [line for line in lines if name in line]


def test_captions_are_kept_and_refused_as_the_truth_says(made: Path, tmp_path: Path) -> None:
    result, rejects = built(image_text(JsonlManifest(str(made / "pages"), "captions.jsonl")), tmp_path)
    expected = Counter(line["expected"] for line in truth(made, "line"))
    assert result.totals["num_out"] == expected.pop("kept")
    assert rejects == expected
    assert {reject["reason"]: reject["detail"] for reject in Corpus(result.path).rejects()}.keys() == {"duplicate", "near_duplicate"}
    for record in records(result):
        assert record.turns[1].parts == (Text(str(record.turns[1].parts[0].text)),)  # type: ignore[union-attr]
        assert record.facts["caption.language"] == "en"


def test_copies_stay_when_asked_to(made: Path, tmp_path: Path) -> None:
    source = JsonlManifest(str(made / "pages"), "captions.jsonl")
    counts = {}
    for duplicates in ("near", "exact", "keep"):
        result, _ = built(image_text(source, duplicates=duplicates), tmp_path / duplicates)
        counts[duplicates] = result.totals["num_out"]
    assert counts == {"near": 16, "exact": 17, "keep": 18}
    with pytest.raises(ValueError, match="expected near, exact or keep"):
        image_text(source, duplicates="some")
    with pytest.raises(ValueError, match="expected captions or interleaved"):
        image_text(source, form="pairs")


def test_pages_have_their_texts_and_pictures_in_order(made: Path, tmp_path: Path) -> None:
    result, rejects = built(image_text(Pages(str(made / "pages")), form="interleaved"), tmp_path)
    pages = {line["page"]: line for line in truth(made, "page")}
    expected = Counter(line["expected"] for line in pages.values())
    assert result.totals["num_out"] == expected.pop("kept")
    assert rejects == expected
    for record in records(result):
        known = pages[record.origin.source]
        told: list[str] = []
        for piece in known["pieces"]:
            if "image" in piece or not told or told[-1] == "image":
                told.append(piece.get("text", "image"))
            else:
                told[-1] += f"\n\n{piece['text']}"
        assert [part.text if isinstance(part, Text) else "image" for part in record.turns[0].parts] == told  # type: ignore[union-attr]
        assert (record.facts["page.num_outside_images"], record.facts["page.num_missing_images"]) == (known["outside"], known["missing"])
        assert record.facts["image.num_images"] == 3


def test_poor_images_leave_their_page_and_refuse_their_caption(made: Path, tmp_path: Path) -> None:
    strict = ImageQuality(min_entropy_bits=8.0)
    _, rejects = built(image_text(Pages(str(made / "pages")), form="interleaved", quality=strict), tmp_path / "pages")
    assert rejects == {"no_main_text": 1, "no_image": 11}
    _, rejects = built(image_text(JsonlManifest(str(made / "pages"), "captions.jsonl"), quality=strict), tmp_path / "captions")
    assert rejects["uniform_image"] == 19
    few = PageRules(max_page_images=2)
    _, rejects = built(image_text(Pages(str(made / "pages")), form="interleaved", pages=few), tmp_path / "few")
    assert rejects["too_many_images"] == 9


def test_grounding_of_the_drawn_pictures(made: Path, tmp_path: Path) -> None:
    result, rejects = built(grounding(open_source(str(made / "images/instances.json"))), tmp_path)
    raw = json.loads((made / "images/instances.json").read_text())
    assert result.totals["num_out"] + sum(rejects.values()) == len(raw["images"])
    assert set(rejects) <= {"box_too_small"}
    sizes = {image["id"]: (image["width"], image["height"]) for image in raw["images"]}
    boxes: dict[int, list[Any]] = {}
    for note in raw["annotations"]:
        boxes.setdefault(note["image_id"], []).append(note["bbox"])
    for record in records(result):
        image_id = int(record.origin.locator.removeprefix("image "))
        canvas = next(images_of(record)).canvas
        assert canvas is not None
        for mark, (x, y, w, h) in zip(marks_of(record), boxes[image_id], strict=True):
            scale = (canvas.content_width / sizes[image_id][0], canvas.content_height / sizes[image_id][1])
            expected = (x * scale[0], y * scale[1], (x + w) * scale[0], (y + h) * scale[1])
            assert intersection_over_union(mark.on_canvas(canvas), expected) > 0.999
        for program, turn in zip(json.loads(str(record.facts["answer.programs"])), record.turns[1::2], strict=True):
            if program["op"] == "refer":
                told = parse_box(turn.parts[0].text)  # type: ignore[union-attr]
                [meant] = [mark for mark in marks_of(record) if mark.label == program["label"]]
                assert intersection_over_union(told, (meant.x0, meant.y0, meant.x1, meant.y1)) >= 0.9


def test_the_same_bytes_twice(made: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        built(image_text(JsonlManifest(str(made / "pages"), "captions.jsonl", rows_per_split=7)), tmp_path / name)
        make_pages(tmp_path / "again" / name, 1, 0)
    assert hashes(tmp_path / "one/image_text") == hashes(tmp_path / "two/image_text")
    one, two = (sorted((tmp_path / "again" / name).rglob("*.*")) for name in ("one", "two"))
    assert [path.read_bytes() for path in one if path.is_file()] == [path.read_bytes() for path in two if path.is_file()]
    assert len(one) > 50


@dataclass(frozen=True, slots=True)
class Describer:
    """A model that describes every picture by the size of its file."""

    name: str = "describer"

    def identity(self) -> str:
        return "describer 1"

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        def write(prompts: list[Prompt]) -> list[str]:
            return [json.dumps({"caption": f"A picture whose file has {len(prompt.images[0])} bytes"}) for prompt in prompts]

        yield write


def test_captions_by_a_model(made: Path, tmp_path: Path) -> None:
    writes = ask(WriteByModel(Describer(), CaptionWriting()), 4, "write")
    recipe = image_text(JsonlManifest(str(made / "pages"), "captions.jsonl"), duplicates="keep")[0].make(Earlier())
    steps = (writes, *recipe.steps[1:])
    assert isinstance(recipe.steps[2].processor, CaptionTask)
    written = Recipe("written", recipe.source, steps)
    result = build(written, tmp_path, INLINE)
    assert result.totals["rejects"] == {"uniform_image": 1}
    assert {record.facts["task.written_by"] for record in records(result)} == {"describer"}
    assert all(str(record.turns[1].parts[0].text).startswith("A picture whose file has ") for record in records(result))  # type: ignore[union-attr]
    with pytest.raises(PlanError, match="needs model and base_url"):
        image_text(recipe.source, writer="openai")
    assert each(CaptionTask()).name == "caption_task"
