"""Charts drawn from tables, with questions whose answers are computed from the same table."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from schemas.identity import keyed_rng

PER_SIZE = 6
LABELS = ("North", "East", "South", "West", "Centre")
COLOURS = ((66, 110, 180), (220, 130, 50), (80, 160, 90), (190, 70, 70), (130, 100, 170))


def make_charts(folder: Path, size: int, seed: int) -> None:
    """`charts/<n>.png` beside `charts/<n>.json` (type, title, table, questions and answers)."""
    for number in range(PER_SIZE * size):
        rng = keyed_rng(seed, "sample.charts", str(number))
        values = [int(v) for v in rng.choice(range(5, 100), len(LABELS), replace=False)]
        kind = ("bar", "line", "pie")[number % 3]
        title = f"Deliveries by region, week {number + 1}"
        _draw(kind, title, values).save(folder / "charts" / f"{number:03d}.png")
        best = LABELS[values.index(max(values))]
        questions = [
            {"question": "Which region has the most deliveries?", "answer": best},
            {"question": "How many deliveries are there in all regions together?", "answer": str(sum(values))},
        ]
        truth = {"type": kind, "title": title, "table": dict(zip(LABELS, values, strict=True)), "questions": questions}
        (folder / "charts" / f"{number:03d}.json").write_text(json.dumps(truth, indent=1))


def _draw(kind: str, title: str, values: list[int]) -> Image.Image:
    picture = Image.new("RGB", (640, 420), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(16)
    draw.text((320, 16), title, fill="black", font=font, anchor="mt")
    spots = [(110 + 105 * i, 370 - 3 * value) for i, value in enumerate(values)]
    if kind == "pie":
        start = 0.0
        for i, value in enumerate(values):
            stop = start + 360 * value / sum(values)
            draw.pieslice((180, 60, 460, 340), start, stop, fill=COLOURS[i], outline="white")
            start = stop
    if kind == "bar":
        for i, (x, y) in enumerate(spots):
            draw.rectangle((x - 30, y, x + 30, 370), fill=COLOURS[i])
    if kind == "line":
        draw.line(spots, fill=COLOURS[0], width=3)
    for i, (x, y) in enumerate(spots):
        draw.text((x, 380), LABELS[i], fill=COLOURS[i] if kind == "pie" else "black", font=font, anchor="mt")
        draw.text((x, 400 if kind == "pie" else y - 6), str(values[i]), fill="black", font=font, anchor="mt" if kind == "pie" else "mb")
    return picture
