"""Drawn receipts with the quad of every line and their key fields, in the form of the SROIE set and as a manifest, and photos to draw on."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

PER_SIZE = 8
NUM_PHOTOS = 4
LICENCE = "CC0-1.0"
NAMES = ("HARBOUR BOOKS", "CORNER BAKERY LTD", "GREEN VALLEY GROCERS", "STATION CAFE", "NORTH STREET HARDWARE", "THE TEA ROOM")
STREETS = ("MILL LANE", "OLD BRIDGE ROAD", "STATION STREET", "MARKET SQUARE", "ORCHARD WAY")
TOWNS = ("LINDFORD", "EAST HARBOUR", "STONEVALE", "BRIDGETON")
GOODS = (
    *(
        ("RYE BREAD", 350),
        ("GREEN TEA 100G", 620),
        ("NOTEBOOK A5", 275),
        ("BOX OF NAILS", 480),
        ("APPLES 1KG", 299),
        ("PEPPER MILL", 1_890),
    ),
    *(("COFFEE LARGE", 410), ("ATLAS OF RIVERS", 2_450), ("SOAP", 195), ("CANDLES X4", 560), ("OLIVE OIL", 1_120), ("HONEY", 740)),
)
TEXTS = (
    "Open every day from nine to six",
    "Mind the step",
    "Ferry to the island: 14:30",
    "Frische Brötchen, jeden Morgen",
    "Défense d'entrer",
    "お茶とお菓子",
    "新鲜水果 每天供应",
    "مفتوح كل يوم",
    "Fresh fish & chips £7.50",
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says: rows of (text, where it starts as a share of the paper's width), and its key fields."""

    rows: tuple[tuple[tuple[str, float], ...], ...]
    fields: dict[str, str]


def write_receipt(seed: int, number: int) -> Receipt:
    """An invented receipt; sums are right, and the total is printed once as such."""
    rng = keyed_rng(seed, "sample.receipts", str(number))

    def pick(values: tuple) -> object:
        return values[int(rng.integers(len(values)))]

    company = str(pick(NAMES))
    house, town, postcode = int(rng.integers(1, 200)), str(pick(TOWNS)), int(rng.integers(10_000, 99_999))
    street = f"{house} {pick(STREETS)},"
    place = f"{postcode} {town}"
    date = f"{int(rng.integers(1, 29)):02d}/{int(rng.integers(1, 13)):02d}/{int(rng.integers(2015, 2025))}"
    bought = [GOODS[int(index)] for index in rng.permutation(len(GOODS))[: int(rng.integers(2, 6))]]
    counts = [int(rng.integers(1, 4)) for _ in bought]
    prices = [count * cents for count, (_, cents) in zip(counts, bought, strict=True)]
    total = f"{sum(prices) / 100:.2f}"
    rows: list[tuple[tuple[str, float], ...]] = [
        ((company, 0.2),),
        ((street, 0.22),),
        ((place, 0.22),),
        (("RECEIPT NO", 0.05), (f"{rng.integers(10**6):06d}", 0.6)),
    ]
    rows += [(("DATE", 0.05), (date, 0.6)), (("QTY", 0.05), ("ITEM", 0.2), ("AMOUNT", 0.72))]
    rows += [
        ((str(count), 0.07), (name, 0.2), (f"{price / 100:.2f}", 0.75))
        for count, (name, _), price in zip(counts, bought, prices, strict=True)
    ]
    rows += [(("TOTAL", 0.2), (total, 0.75)), (("THANK YOU FOR YOUR VISIT", 0.14),)]
    return Receipt(tuple(rows), {"company": company, "date": date, "address": f"{street} {place}", "total": total})


def draw_receipt(receipt: Receipt, seed: int, number: int) -> tuple[Image.Image, list[tuple[str, list[tuple[float, float]]]]]:
    """The picture, a receipt on a table, a little askew in every second one; and each text with its quad in px, in reading order."""
    rng = keyed_rng(seed, "sample.receipts.draw", str(number))
    size = int(rng.integers(15, 22))
    font = ImageFont.load_default(size)
    width, pitch = size * 23, round(size * 1.7)
    height = pitch * (len(receipt.rows) + 2)
    paper = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(paper)
    boxes = []
    for line, row in enumerate(receipt.rows):
        for text, start in row:
            at = start * width, pitch * (line + 1)
            draw.text(at, text, fill=255, font=font)
            boxes.append((text, draw.textbbox(at, text, font=font)))
    angle = math.radians(float(rng.uniform(-3, 3))) if number % 2 else 0.0
    margin = 30 + round(abs(math.sin(angle)) * max(width, height))
    whole = width + 2 * margin, height + 2 * margin
    ink = Image.new("L", whole, 0)
    ink.paste(paper, (margin, margin))
    sheet = Image.new("L", whole, 0)
    sheet.paste(255, (margin, margin, margin + width, margin + height))
    middle = whole[0] / 2, whole[1] / 2
    if angle:
        turned = [layer.rotate(math.degrees(-angle), Image.Resampling.BICUBIC, center=middle) for layer in (ink, sheet)]
        ink, sheet = turned
    desk = tuple(int(value) for value in rng.integers(60, 150, 3))
    shade = int(rng.integers(232, 253))
    picture = Image.new("RGB", whole, desk)
    picture.paste((shade, shade, shade - 6), mask=sheet)
    picture.paste((35, 35, 48), mask=ink)
    cosine, sine = math.cos(angle), math.sin(angle)

    def seen(x: float, y: float) -> tuple[float, float]:
        dx, dy = x + margin - middle[0], y + margin - middle[1]
        return round(middle[0] + dx * cosine - dy * sine, 2), round(middle[1] + dx * sine + dy * cosine, 2)

    return picture, [(text, [seen(x0, y0), seen(x1, y0), seen(x1, y1), seen(x0, y1)]) for text, (x0, y0, x1, y1) in boxes]


def draw_photo(seed: int, number: int) -> Image.Image:
    """A picture with the unevenness of a photo: soft patches of colour, light from one side, grain."""
    rng = keyed_rng(seed, "sample.photos", str(number))
    width, height = ((640, 480), (480, 640), (800, 600), (500, 375))[number % 4]
    patches = Image.fromarray(rng.integers(80, 190, (6, 8, 3), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    light = np.linspace(0.7, 1.1, width)[None, :, None] * np.asarray(patches.filter(ImageFilter.GaussianBlur(8)))
    return Image.fromarray(np.clip(light + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8))


def make_receipts(folder: Path, size: int, seed: int) -> None:
    """`receipts/img`, `box` and `key` as in SROIE; `manifest.jsonl` with the same lines and fields and planted bad rows; `rendered.jsonl`: photos and texts."""
    place = folder / "receipts"
    for name in ("img", "box", "key", "photos"):
        (place / name).mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for number in range(PER_SIZE * size):
        receipt = write_receipt(seed, number)
        picture, lines = draw_receipt(receipt, seed, number)
        name = f"{number:05d}"
        picture.save(place / "img" / f"{name}.png")
        told = "".join(",".join([*(f"{round(value)}" for point in quad for value in point), text]) + "\n" for text, quad in lines)
        (place / "box" / f"{name}.csv").write_text(told, encoding="utf-8")
        (place / "key" / f"{name}.json").write_text(json.dumps(receipt.fields, indent=4) + "\n", encoding="utf-8")
        listed = [{"quad": quad, "text": text} for text, quad in lines]
        rows.append({"image": f"img/{name}.png", "lines": listed, "fields": receipt.fields, "lang": "en", "licence": LICENCE})
    write_lines(place / "manifest.jsonl", [*rows, *_planted(rows[0])])
    photos: list[dict[str, object]] = []
    for number in range(NUM_PHOTOS * size):
        draw_photo(seed, number).save(place / "photos" / f"{number:05d}.jpg", quality=90)
        texts = [TEXTS[(2 * number + index) % len(TEXTS)] for index in range(3)]
        photos.append({"image": f"photos/{number:05d}.jpg", "texts": texts, "licence": LICENCE})
    photos += [{**photos[0], "texts": ["\ue000\ue001"]}, {**photos[0], "texts": []}]
    write_lines(place / "rendered.jsonl", photos)


def _planted(row: dict[str, object]) -> list[dict[str, object]]:
    """Rows that must be refused: a line without an area, one outside, none at all, fields that are a list."""
    line = {"text": "TOTAL", "quad": [[10, 10], [10, 10], [10, 10], [10, 10]]}
    outside = {"text": "TOTAL", "quad": [[9_000, 10], [9_100, 10], [9_100, 30], [9_000, 30]]}
    return [{**row, "lines": [line]}, {**row, "lines": [outside]}, {**row, "lines": []}, {**row, "fields": ["12.50"]}]
