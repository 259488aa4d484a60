"""Bar, line and pie charts drawn from tables, with questions whose answers are computed from the same table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pipelines.sample.lines import write_json, write_lines
from schemas.identity import keyed_rng

PER_SIZE = 6
KINDS = ("bar", "line", "pie")
COLOURS = ((66, 110, 180), (220, 130, 50), (80, 160, 90), (190, 70, 70), (130, 100, 170), (120, 120, 120))
WIDTH, HEIGHT = 640, 440
NUM_ASKED = 3  # questions a chart that the manifest asks
LICENCE = "CC0-1.0"
LEFT, TOP, BOTTOM = 70, 70, 370
AXIS_MAX, AXIS_STEP = 100, 20


@dataclass(frozen=True, slots=True)
class Theme:
    """What a chart is about: the measured thing, what its rows are called, and their names."""

    measured: str
    row: str
    labels: tuple[str, ...]


THEMES = (
    Theme("deliveries", "region", ("North", "East", "South", "West", "Centre")),
    Theme("visitors", "month", ("January", "March", "May", "July", "August", "October")),
    Theme("books lent", "library", ("Harbour", "Old Town", "Station", "Hillside")),
    Theme("loaves sold", "weekday", ("Monday", "Tuesday", "Thursday", "Friday", "Saturday")),
)


def make_charts(folder: Path, size: int, seed: int) -> None:
    """`charts/<n>.png` beside `charts/<n>.json` (type, title, table, question-answer pairs); `charts/questions.jsonl` asks some of them."""
    asked: list[object] = []
    for number in range(PER_SIZE * size):
        rng = keyed_rng(seed, "sample.charts", str(number))
        theme = THEMES[int(rng.integers(len(THEMES)))]
        # no two values alike, so that "the most" has one answer
        table = {label: int(value) for label, value in zip(theme.labels, rng.permutation(range(8, AXIS_MAX)), strict=False)}
        kind = KINDS[number % len(KINDS)]
        title = f"{theme.measured.capitalize()} by {theme.row}, report {number + 1}"
        _draw(kind, title, table).save(folder / "charts" / f"{number:03d}.png")
        truth = {"type": kind, "title": title, "row": theme.row, "measured": theme.measured, "table": table}
        pairs = questions(theme, table)
        write_json(folder / "charts" / f"{number:03d}.json", {**truth, "questions": pairs})
        chosen = rng.choice(len(pairs), NUM_ASKED, replace=False)
        asked += [{"image": f"{number:03d}.png", **pairs[int(index)], "lang": "en", "licence": LICENCE} for index in chosen]
    asked.append({**asked[0], "question": "Which is right? A) the first B) the last"})  # type: ignore[dict-item]
    write_lines(folder / "charts" / "questions.jsonl", asked)


def questions(theme: Theme, table: dict[str, int]) -> list[dict[str, str]]:
    """Questions with one right answer each, all of them readable from the chart."""
    labels = list(table)
    most, least = max(labels, key=table.__getitem__), min(labels, key=table.__getitem__)
    first, second = labels[0], labels[1]
    pairs = [
        (f"Which {theme.row} has the most {theme.measured}?", most),
        (f"Which {theme.row} has the fewest {theme.measured}?", least),
        (f"How many {theme.measured} does {second} have?", str(table[second])),
        (f"How many {theme.measured} are there in total?", str(sum(table.values()))),
        (f"What is the difference in {theme.measured} between {first} and {second}?", str(abs(table[first] - table[second]))),
        (f"Does {first} have more {theme.measured} than {second}?", "Yes" if table[first] > table[second] else "No"),
        (f"How many values of {theme.row} does the chart show?", str(len(table))),
    ]
    return [{"question": question, "answer": answer} for question, answer in pairs]


def _draw(kind: str, title: str, table: dict[str, int]) -> Image.Image:
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((WIDTH / 2, 16), title, fill="black", font=ImageFont.load_default(18), anchor="mt")
    if kind == "pie":
        _draw_pie(draw, table)
    else:
        _draw_axes(draw, kind, table)
    return picture


def _draw_pie(draw: ImageDraw.ImageDraw, table: dict[str, int]) -> None:
    """Slices clockwise from the top, with a legend that gives each value."""
    font, total, start = ImageFont.load_default(15), sum(table.values()), -90.0
    for row, (label, value) in enumerate(table.items()):
        stop = start + 360 * value / total
        draw.pieslice((50, 80, 370, 400), start, stop, fill=COLOURS[row], outline="white")
        y = 110 + 36 * row
        draw.rectangle((420, y, 438, y + 18), fill=COLOURS[row])
        draw.text((448, y + 9), f"{label}: {value}", fill="black", font=font, anchor="lm")
        start = stop


def _draw_axes(draw: ImageDraw.ImageDraw, kind: str, table: dict[str, int]) -> None:
    """Bars or a line over a scale from 0 to 100, with the value at each."""
    font = ImageFont.load_default(13)

    def height_of(value: int) -> int:
        return BOTTOM - (BOTTOM - TOP) * value // AXIS_MAX

    for tick in range(0, AXIS_MAX + 1, AXIS_STEP):
        draw.line((LEFT, height_of(tick), WIDTH - 20, height_of(tick)), fill=(220, 220, 220) if tick else "black")
        draw.text((LEFT - 8, height_of(tick)), str(tick), fill="black", font=font, anchor="rm")
    gap = (WIDTH - 20 - LEFT) // len(table)
    spots = [(LEFT + gap * row + gap // 2, height_of(value)) for row, value in enumerate(table.values())]
    if kind == "line":
        draw.line(spots, fill=COLOURS[0], width=3)
    for row, ((x, y), (label, value)) in enumerate(zip(spots, table.items(), strict=True)):
        if kind == "bar":
            draw.rectangle((x - gap // 3, y, x + gap // 3, BOTTOM), fill=COLOURS[row])
        else:
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=COLOURS[0])
        # a white edge keeps the number readable where the line crosses it
        draw.text((x, y - 8), str(value), fill="black", font=font, anchor="mb", stroke_width=2, stroke_fill="white")
        draw.text((x, BOTTOM + 10), label, fill="black", font=font, anchor="mt")
