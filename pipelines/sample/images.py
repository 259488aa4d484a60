"""Drawn pictures whose captions and boxes are exact, in the formats that users have, and files that must be refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

PER_SIZE = 36
COLOURS = {"red": (210, 40, 40), "green": (40, 160, 70), "blue": (40, 80, 210), "yellow": (235, 200, 40), "purple": (130, 60, 170)}
SHAPES = ("circle", "square", "triangle")
SIZES = ((64, 64), (320, 240), (448, 448), (640, 480), (480, 800), (1000, 700), (1500, 900), (2000, 400))
LICENCE = "CC0-1.0"


def scene(seed: int, number: int) -> tuple[Image.Image, str, list[dict[str, object]]]:
    """A picture of two shapes, its caption, and the box (x, y, width, height in px) of each shape."""
    rng = keyed_rng(seed, "sample.images", str(number))
    width, height = SIZES[number % len(SIZES)]
    picture = Image.new("RGB", (width, height), tuple(int(v) for v in rng.integers(220, 250, 3)))
    draw = ImageDraw.Draw(picture)
    names, boxes = [], []
    side = min(width, height) // 3
    for part in range(2):
        colour = list(COLOURS)[int(rng.integers(len(COLOURS)))]
        shape = SHAPES[int(rng.integers(len(SHAPES)))]
        x = int(rng.integers(0, width // 2 - side + 1)) + part * (width // 2)
        y = int(rng.integers(0, height - side))
        _draw(draw, shape, (x, y, x + side, y + side), COLOURS[colour])
        names.append(f"a {colour} {shape}")
        boxes.append({"bbox": [x, y, side, side], "category": shape})
    return picture, f"{names[0].capitalize()} to the left of {names[1]} on a light background.", boxes


def _draw(draw: ImageDraw.ImageDraw, shape: str, box: tuple[int, int, int, int], colour: tuple[int, int, int]) -> None:
    if shape == "circle":
        draw.ellipse(box, fill=colour)
    elif shape == "square":
        draw.rectangle(box, fill=colour)
    else:
        draw.polygon([(box[0], box[3]), (box[2], box[3]), ((box[0] + box[2]) // 2, box[1])], fill=colour)


def save(picture: Image.Image, place: Path, number: int) -> str:
    """Saves a picture in one of the ways that real files come; gives its name."""
    way = number % 7
    name = f"{number:05d}" + (".jpg", ".png", ".webp", ".jpg", ".jpg", ".png", ".png")[way]
    path = place / name
    if way == 3:  # stored lying on its side, with the orientation that stands it up
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.transpose(Image.Transpose.ROTATE_90).save(path, quality=92, exif=exif)
    elif way == 4:
        picture.convert("CMYK").save(path, quality=92)
    elif way == 5:
        picture.quantize(32).save(path, transparency=0)
    elif way == 6:
        Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(path)
    else:
        picture.save(path, quality=92)
    return name


def make_images(folder: Path, size: int, seed: int) -> None:
    """`images/captions.json` and `instances.json` (COCO), `images/manifest.jsonl`, the pictures, and the planted bad ones."""
    place = folder / "images"
    images: list[dict[str, object]] = []
    captions, instances, rows = [], [], []
    categories = [{"id": index, "name": name} for index, name in enumerate(SHAPES, 1)]
    for number in range(PER_SIZE * size):
        picture, caption, boxes = scene(seed, number)
        name = save(picture, place, number)
        images.append({"id": number, "file_name": name, "width": picture.width, "height": picture.height, "license": 1})
        captions.append({"id": number, "image_id": number, "caption": caption})
        rows.append({"image": name, "caption": caption, "licence": LICENCE})
        for box in boxes:
            kind = SHAPES.index(str(box["category"])) + 1
            instances.append({"id": len(instances), "image_id": number, "bbox": box["bbox"], "category_id": kind})
    for name in _planted(place):
        images.append({"id": len(images), "file_name": name, "license": 1})
        captions.append({"id": len(captions), "image_id": len(images) - 1, "caption": "A picture that cannot be used."})
    common = {"images": images, "licenses": [{"id": 1, "name": LICENCE}]}
    (place / "captions.json").write_text(json.dumps({**common, "annotations": captions}))
    (place / "instances.json").write_text(json.dumps({**common, "annotations": instances, "categories": categories}))
    write_lines(place / "manifest.jsonl", list(rows))


def _planted(place: Path) -> list[str]:
    """Files that must be refused: cut short, no image, not there, too thin to resize."""
    data = (place / "00000.jpg").read_bytes()
    (place / "cut.jpg").write_bytes(data[: len(data) // 2])
    (place / "text.png").write_text("this is no picture\n")
    Image.new("RGB", (2_000, 3), (90, 90, 90)).save(place / "thin.png")
    return ["cut.jpg", "text.png", "not_there.jpg", "thin.png"]
