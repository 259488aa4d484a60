"""Real photos with boxes and captions, odd image files, and real web pages: all through, and exactly."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trafilatura
from PIL import Image as PillowImage

from pipelines.build import BuildResult, Execution, build_stages
from pipelines.corpora.grounding import grounding
from pipelines.corpora.image_text import image_text
from pipelines.source.coco import CocoAnnotations
from pipelines.source.pages import Pages
from pipelines.stage import Stage
from pipelines.verify import verify
from processors.image.decode import TURNS, decode_image
from processors.image.encode import decode_canvas
from processors.image.phash import HashImages
from processors.image.place_boxes import intersection_over_union
from processors.image.quality import KeepQuality, MeasureQuality
from processors.image.steps import CapSide, DecodeImage, MakeCanvas
from processors.vision.box_questions import GroundingTask, MarkCanvas
from processors.vision.boxes import BoxRules
from processors.vision.captions import CaptionRules
from processors.vision.page_text import PageImage, read_page
from schemas.corpus import Corpus
from schemas.outcome import Refused, Reject
from schemas.parts import Image
from schemas.records import Conversation, Origin, Row, Turn, images_of

pytestmark = pytest.mark.realdata


def built(stages: tuple[Stage, ...], out: Path) -> tuple[BuildResult, Counter[str]]:
    rejects = Counter[str]()
    for result in build_stages(stages, out, Execution(workers=0)):
        assert verify(result.path).problems == []
        assert result.totals["num_faults"] == 0
        rejects.update(result.totals["rejects"])
    return result, rejects


def coco(realdata: Path, name: str) -> CocoAnnotations:
    root = str(realdata / "05_images/coco")
    return CocoAnnotations(f"{root}/annotations", f"{name}.json", "images", media_root=root)


def truth(realdata: Path, name: str) -> dict[str, dict[str, Any]]:
    """Size and boxes of each image by locator."""
    raw = json.loads((realdata / f"05_images/coco/annotations/{name}.json").read_text())
    found = {image["id"]: {"file": image["file_name"], "size": (image["width"], image["height"]), "boxes": []} for image in raw["images"]}
    for note in sorted(raw["annotations"], key=lambda note: note["id"]):
        found[note["image_id"]]["boxes"].append(note["bbox"])
    return {f"image {number}": known for number, known in found.items()}


@pytest.mark.parametrize("name", ["instances", "person_keypoints"])
def test_boxes_are_drawn_back_where_they_were(realdata: Path, tmp_path: Path, name: str) -> None:
    known = truth(realdata, name)
    result, rejects = built(grounding(coco(realdata, name)), tmp_path)
    assert rejects == {"no_boxes": sum(not one["boxes"] for one in known.values())} or not rejects
    assert result.totals["num_out"] == sum(bool(one["boxes"]) for one in known.values())
    overlaps = []
    for record in Corpus(result.path).records():
        assert isinstance(record, Conversation)
        one = known[record.origin.locator]
        canvas = next(images_of(record)).canvas
        assert canvas is not None
        marks = json.loads(str(record.facts["grounding.canvas_boxes"]))
        for (_, x0, y0, x1, y1), (x, y, w, h) in zip(marks, one["boxes"], strict=True):
            across, down = one["size"][0] / canvas.content_width, one["size"][1] / canvas.content_height
            overlaps.append(intersection_over_union((x0 * across, y0 * down, x1 * across, y1 * down), (x, y, x + w, y + h)))
    assert len(overlaps) == sum(len(one["boxes"]) for one in known.values())
    assert min(overlaps) > 0.99


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photos_keep_their_boxes(realdata: Path, orientation: int) -> None:
    """The same photo, stored in each way that shows the same, gives the same boxes on the canvas; stored boxes move with the pixels."""
    back = {6: 8, 8: 6}.get(orientation, orientation)
    overlaps = []
    for known in truth(realdata, "instances").values():
        photo = PillowImage.open(realdata / "05_images/coco/images" / known["file"]).convert("RGB")
        stored = photo.transpose(TURNS[back]) if back in TURNS else photo
        displayed = {"width": photo.width, "height": photo.height, "boxes": [{"bbox": box, "category": "thing"} for box in known["boxes"]]}
        for frame, fields in (("displayed", displayed), ("stored", _stored_fields(photo, known["boxes"], stored, back))):
            record: Any = GroundingTask(rules=BoxRules(box_frame=frame))(
                Row("k", Origin("made"), fields, {"image": _png(stored, orientation)})
            )
            for step in (DecodeImage(), CapSide(), MakeCanvas(16), MarkCanvas()):
                record = step(record)
            canvas = decode_canvas(next(images_of(record)).canvas)
            across, down = canvas.content_width / photo.width, canvas.content_height / photo.height
            told = json.loads(str(record.facts["grounding.canvas_boxes"]))
            meant = known["boxes"] if frame == "displayed" else [_whole(box) for box in known["boxes"]]
            for (_, *box), (x, y, w, h) in zip(told, meant, strict=True):
                expected = (x * across, y * down, (x + w) * across, (y + h) * down)
                overlaps.append(intersection_over_union(tuple(box), expected))
    assert len(overlaps) == 2 * 74
    assert min(overlaps) > 0.9999


def _whole(box: list[float]) -> tuple[int, int, int, int]:
    """The box in whole px, so that a mask can tell it."""
    x, y, w, h = box
    x0, y0 = round(x), round(y)
    return x0, y0, max(round(x + w) - x0, 1), max(round(y + h) - y0, 1)


def _stored_fields(photo: PillowImage.Image, boxes: list[list[float]], stored: PillowImage.Image, back: int) -> dict[str, object]:
    """The boxes in the stored picture, by turning a mask of each: by other means than the code under test."""
    found = []
    for x, y, w, h in map(_whole, boxes):
        mask = PillowImage.new("L", photo.size)
        mask.paste(255, (x, y, x + w, y + h))
        x0, y0, x1, y1 = (mask.transpose(TURNS[back]) if back in TURNS else mask).getbbox() or (0, 0, 1, 1)
        found.append({"bbox": [x0, y0, x1 - x0, y1 - y0], "category": "thing"})
    return {"width": stored.width, "height": stored.height, "boxes": found}


def _png(picture: PillowImage.Image, orientation: int) -> bytes:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    sink = io.BytesIO()
    picture.save(sink, "PNG", exif=exif, compress_level=1)
    return sink.getvalue()


def test_captions_of_photos_all_pass(realdata: Path, tmp_path: Path) -> None:
    result, rejects = built(image_text(coco(realdata, "captions")), tmp_path)
    assert (result.totals["num_out"], rejects) == (13, {})
    assert [record.facts["caption.num_passed"] for record in Corpus(result.path).records()] == [5] * 13
    _, rejects = built(image_text(coco(realdata, "captions"), captions=CaptionRules(languages=("en",))), tmp_path / "english")
    assert rejects == {}


def test_odd_images_are_measured_and_hashed(realdata: Path) -> None:
    reasons: Counter[str] = Counter()
    for path in sorted((realdata / "05_images/pillow").iterdir()):
        try:
            pixels = decode_image(path.read_bytes()).pixels
        except Refused:
            continue
        record = Conversation("k", Origin("made"), (Turn("user", (Image(pixels=pixels),)),))
        measured = HashImages()(MeasureQuality()(record))
        done = KeepQuality()(measured)
        levels = len(np.unique(np.asarray(PillowImage.fromarray(pixels).convert("L"))))
        if isinstance(done, Reject):
            reasons[done.reason] += 1
            assert done.reason != "uniform_image" or float(str(done.detail.split()[2].rstrip(","))) < 1, path.name
        else:
            assert levels > 1, path.name
        assert re.fullmatch("[0-9a-f]{16}|", str(measured.facts["image.phash"])), path.name
    assert set(reasons) <= {"uniform_image", "too_elongated"}


def pages(realdata: Path) -> list[Path]:
    return sorted((realdata / "10_web_text").rglob("*.html"))


def test_words_of_real_pages_are_those_of_the_extractor(realdata: Path) -> None:
    """The words are what the extractor says of the page without pictures; what differs is mostly captions of figures, which are gained."""
    same = total = images = 0
    for path in pages(realdata):
        data = path.read_bytes()
        plain = trafilatura.extract(data, include_comments=False, include_tables=True)
        try:
            found = read_page(data).pieces
        except Refused as refused:
            assert plain is None, (path.name, refused)
            continue
        assert plain is not None
        words = Counter(re.findall(r"\w+", " ".join(piece for piece in found if isinstance(piece, str))))
        expected = Counter(re.findall(r"\w+", plain))
        same += sum((words & expected).values())
        total += max(sum(words.values()), sum(expected.values()))
        images += sum(isinstance(piece, PageImage) for piece in found)
    assert images > 150
    assert same / total > 0.95


def test_must_have_strings_of_real_pages(realdata: Path) -> None:
    known = json.loads((realdata / "10_web_text/trafilatura/evaldata.json").read_text())
    found = wanted = unwanted = bad = 0
    for one in known.values():
        path = realdata / "10_web_text/trafilatura" / one["file"]
        if not path.is_file():
            continue
        text = " ".join(piece for piece in read_page(path.read_bytes()).pieces if isinstance(piece, str))
        flat = " ".join(text.split())
        wanted += len(one["with"])
        found += sum(" ".join(string.split()) in flat for string in one["with"])
        bad += len(one["without"])
        unwanted += sum(" ".join(string.split()) in flat for string in one["without"])
    assert found / wanted > 0.85
    assert unwanted / bad < 0.2


def test_real_pages_with_local_pictures(realdata: Path, tmp_path: Path) -> None:
    """Each page with its pictures put in place: as many stand in the corpus as the page's text has, in its order."""
    photos = sorted((realdata / "05_images/coco/images").iterdir())
    root = tmp_path / "pages"
    (root / "img").mkdir(parents=True)
    expected = {}
    for path in pages(realdata):
        html = path.read_bytes()
        names: list[str] = []

        def local(found: re.Match[bytes], names: list[str] = names) -> bytes:
            names.append(f"img/{len(names) % len(photos)}.jpg")
            return found[1] + b'="' + names[-1].encode() + b'"'

        html = re.sub(rb'\b(src)\s*=\s*"(?:https?:)?//[^"]*\.(?:jpe?g|png|gif|webp)[^"]*"', local, html, flags=re.I)
        html = re.sub(rb'\b(?:srcset|data-[\w-]*src\w*)\s*=\s*"[^"]*"', b"", html, flags=re.I)
        (root / path.name).write_bytes(html)
        try:
            pieces = read_page(html).pieces
        except Refused:
            continue
        local_images = [
            piece.addresses[0]
            for piece in pieces
            if isinstance(piece, PageImage) and piece.addresses[:1] and piece.addresses[0].startswith("img/")
        ]
        expected[path.name] = list(dict.fromkeys(local_images))
    for number, photo in enumerate(photos):
        (root / "img" / f"{number}.jpg").write_bytes(photo.read_bytes())
    result, rejects = built(image_text(Pages(str(root)), form="interleaved"), tmp_path / "out")
    with_images = {name: images for name, images in expected.items() if images}
    assert result.totals["num_out"] >= 0.9 * len(with_images)
    assert set(rejects) <= {"no_image", "no_main_text", "too_few_words", "duplicate", "special_token_in_text"}
    for record in Corpus(result.path).records():
        assert record.facts["image.num_images"] == len(with_images[record.origin.source])
