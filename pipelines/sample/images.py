"""Drawn pictures whose captions and boxes are exact, in the formats that users have, and files that must be refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pipelines.sample.lines import write_json, write_lines
from schemas.identity import keyed_rng

PER_SIZE = 36
COLOURS = {
    "red": (210, 40, 40),
    "green": (40, 160, 70),
    "blue": (40, 80, 210),
    "yellow": (245, 205, 30),
    "purple": (130, 60, 170),
    "orange": (240, 130, 20),
    "pink": (240, 120, 180),
}
GREYS = {"white": (255, 255, 255), "grey": (140, 140, 140), "black": (0, 0, 0)}
SHAPES = ("circle", "square", "triangle", "diamond")
# from an icon to a banner; nine sizes and eight ways to store, so that every pair comes up
SIZES = ((32, 32), (320, 240), (448, 448), (640, 480), (480, 800), (1000, 700), (96, 64), (1500, 900), (2000, 400))
WAYS = ("jpeg", "png", "webp", "turned_jpeg", "cmyk_jpeg", "palette_png", "sixteen_bit_png", "animated_webp")
SUFFIXES = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}
LICENCE = "CC0-1.0"


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A drawn picture and all that is true of it.

    `boxes` are x, y, width and height in px of each shape, exact to the pixel; `areas_px` counts its pixels.
    """

    picture: Image.Image
    caption: str
    shapes: tuple[str, ...]
    colours: tuple[str, ...]
    boxes: tuple[tuple[int, int, int, int], ...]
    areas_px: tuple[int, ...]
    background: tuple[int, int, int]


def way_of(number: int) -> str:
    """How picture `number` is stored."""
    return WAYS[number % len(WAYS)]


def draw_scene(seed: int, number: int, attempt: int = 0) -> Scene:
    """One to three shapes, apart from each other, beside or above one another.

    Sixteen-bit PNG has no colour in Pillow, so its scenes are drawn in greys; a palette's transparent colour is the
    background, which becomes white, so its scenes have a light one.
    """
    rng = keyed_rng(seed, "sample.images", f"{number}.{attempt}")
    way, (width, height) = way_of(number), SIZES[number % len(SIZES)]
    palette = GREYS if way == "sixteen_bit_png" else COLOURS
    light = way == "palette_png" or bool(rng.integers(2))
    shade = int(rng.integers(195, 215) if light else rng.integers(50, 75)) if palette is GREYS else int(rng.integers(225, 250))
    background = (shade, shade, shade) if light or palette is GREYS else (shade - 200, shade - 200, shade - 195)
    picture = Image.new("RGB", (width, height), background)
    count, beside = 1 + int(rng.integers(3)), width >= height
    shapes, colours, boxes, areas = [], [], [], []
    for part in range(count):
        cell = (width // count, height) if beside else (width, height // count)
        side = max(6, int(min(cell) * rng.uniform(0.4, 0.8)))
        x = int(rng.integers(0, cell[0] - side + 1)) + (part * cell[0] if beside else 0)
        y = int(rng.integers(0, cell[1] - side + 1)) + (0 if beside else part * cell[1])
        shapes.append(SHAPES[int(rng.integers(len(SHAPES)))])
        colours.append(list(palette)[int(rng.integers(len(palette)))])
        mask = Image.new("1", (width, height))
        _draw(ImageDraw.Draw(mask), shapes[-1], (x, y, x + side - 1, y + side - 1))
        left, top, right, bottom = mask.getbbox() or (0, 0, 0, 0)
        boxes.append((left, top, right - left, bottom - top))
        areas.append(int(np.asarray(mask).sum()))
        picture.paste(palette[colours[-1]], mask=mask)
    caption = _caption(shapes, colours, beside, "light" if light else "dark")
    return Scene(picture, caption, tuple(shapes), tuple(colours), tuple(boxes), tuple(areas), background)


def _draw(draw: ImageDraw.ImageDraw, shape: str, box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    middle_x, middle_y = (x0 + x1) // 2, (y0 + y1) // 2
    if shape == "circle":
        draw.ellipse(box, fill=1)
    elif shape == "square":
        draw.rectangle(box, fill=1)
    elif shape == "triangle":
        draw.polygon([(x0, y1), (x1, y1), (middle_x, y0)], fill=1)
    else:
        draw.polygon([(middle_x, y0), (x1, middle_y), (middle_x, y1), (x0, middle_y)], fill=1)


def _caption(shapes: list[str], colours: list[str], beside: bool, background: str) -> str:
    names = [f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {shape}" for colour, shape in zip(colours, shapes, strict=True)]
    if len(names) == 1:
        said = names[0]
    elif len(names) == 2:
        said = f"{names[0]} {'to the left of' if beside else 'above'} {names[1]}"
    else:
        said = f"{names[0]}, {names[1]} and {names[2]}, from {'left to right' if beside else 'top to bottom'},"
    return f"{said[0].upper()}{said[1:]} on a {background} background."


def scenes(seed: int, count: int) -> Iterator[Scene]:
    """That many scenes, each with a caption of its own. Raises: RuntimeError when no new caption is found."""
    seen: set[str] = set()
    for number in range(count):
        tried = (draw_scene(seed, number, attempt) for attempt in range(1_000))
        fresh = next((found for found in tried if found.caption not in seen), None)
        if fresh is None:
            raise RuntimeError(f"the drawn sample has no new caption after {number} pictures; {count} were asked for: lower size")
        seen.add(fresh.caption)
        yield fresh


def save(scene: Scene, place: Path, number: int) -> str:
    """Saves a scene in one of the ways that real files come; gives the file's name."""
    way, picture = way_of(number), scene.picture
    name = f"{number:05d}{SUFFIXES[way.rsplit('_', 1)[-1]]}"
    path = place / name
    if way == "turned_jpeg":  # stored lying on its side, with the orientation that stands it up
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.transpose(Image.Transpose.ROTATE_90).save(path, quality=92, exif=exif)
    elif way == "cmyk_jpeg":
        picture.convert("CMYK").save(path, quality=92)
    elif way == "palette_png":
        indexed = picture.quantize(16)
        corner = next(i for i, colour in _palette(indexed) if colour == scene.background)
        indexed.save(path, transparency=corner)
    elif way == "sixteen_bit_png":
        Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(path)
    elif way == "animated_webp":  # what comes after the first frame is another picture: the negative
        later = Image.eval(picture, lambda value: 255 - value)
        picture.save(path, quality=92, save_all=True, append_images=[later], duration=200)
    else:
        picture.save(path, quality=92)
    return name


def _palette(indexed: Image.Image) -> Iterator[tuple[int, tuple[int, int, int]]]:
    flat = indexed.getpalette() or []
    for index in range(len(flat) // 3):
        red, green, blue = flat[3 * index : 3 * index + 3]
        yield index, (red, green, blue)


def make_images(folder: Path, size: int, seed: int) -> None:
    """`images/captions.json` and `instances.json` (COCO), `manifest.jsonl`, `truth.jsonl`, the pictures, the planted bad ones.

    Width, height and boxes are those of the picture as it is seen, after its orientation.
    """
    place = folder / "images"
    images: list[dict[str, object]] = []
    captions: list[dict[str, object]] = []
    boxes: list[dict[str, object]] = []
    truth: list[dict[str, object]] = []
    for number, scene in enumerate(scenes(seed, PER_SIZE * size)):
        name = save(scene, place, number)
        width, height = scene.picture.size
        images.append({"id": number, "file_name": name, "width": width, "height": height, "license": 1})
        captions.append({"id": number, "image_id": number, "caption": scene.caption})
        truth.append({"image": name, "expected": "kept", "stored": way_of(number), "colours": scene.colours, "shapes": scene.shapes})
        for shape, box, area in zip(scene.shapes, scene.boxes, scene.areas_px, strict=True):
            kind = SHAPES.index(shape) + 1
            known = {"id": len(boxes), "image_id": number, "category_id": kind}
            boxes.append({**known, "bbox": box, "area": area, "iscrowd": 0, "segmentation": []})
    good = list(images)
    for name, expected in _planted(place):
        images.append({"id": len(images), "file_name": name, "license": 1})
        captions.append({"id": len(captions), "image_id": len(images) - 1, "caption": "A picture that cannot be used."})
        truth.append({"image": name, "expected": expected})
    licences = [{"id": 1, "name": LICENCE, "url": "https://creativecommons.org/publicdomain/zero/1.0/"}]
    categories = [{"id": index, "name": name} for index, name in enumerate(SHAPES, 1)]
    write_json(place / "captions.json", {"licenses": licences, "images": images, "annotations": captions})
    write_json(place / "instances.json", {"licenses": licences, "images": good, "annotations": boxes, "categories": categories})
    write_lines(place / "truth.jsonl", truth)
    pairs = zip(images, captions, strict=True)
    write_lines(place / "manifest.jsonl", [{"image": i["file_name"], "caption": c["caption"], "licence": LICENCE} for i, c in pairs])


def _planted(place: Path) -> list[tuple[str, str]]:
    """Files that must be refused: cut short, no image, not there, too thin to resize."""
    data = (place / "00000.jpg").read_bytes()
    (place / "cut.jpg").write_bytes(data[: len(data) // 2])
    (place / "text.png").write_text("this is no picture\n")
    Image.new("RGB", (1, 1000), (90, 90, 90)).save(place / "thin.png")
    bad = ("truncated_image", "not_an_image", "missing_file", "extreme_aspect")
    return list(zip(("cut.jpg", "text.png", "not_there.jpg", "thin.png"), bad, strict=True))
