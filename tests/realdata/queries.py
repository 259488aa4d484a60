"""Questions about real images whose answers follow exactly from the images' annotations, as manifests of the vision corpora.

Photos: counts, presence, places and sizes from COCO boxes and keypoints. Receipts: SROIE's key fields. Charts: the inline data
of Vega-Lite specs that draw it untransformed. Wordings are drawn by the key of the question, so a seed gives one set.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.identity import keyed_rng

COCO, SROIE, VEGA = "05_images/coco", "06_charts_tables_docs/sroie", "06_charts_tables_docs/vega_lite"
IRREGULAR = {"person": "people", "knife": "knives", "sheep": "sheep", "skis": "pairs of skis", "scissors": "pairs of scissors"}
ABSENT = 3  # categories asked for in vain, an image
DRAWN_MARKS = ("bar", "arc", "line", "point", "tick")
CHANNELS = ("x", "y", "theta", "radius", "color", "fill", "xOffset", "yOffset", "row", "column")

WORDINGS = {
    "count": (
        "How many {many} are in the picture?",
        "How many {many} can you see in this image?",
        "Count the {many} in this photo.",
        "What is the number of {many} shown here?",
        "Can you tell me how many {many} there are?",
    ),
    "presence": (
        "Is there {one} in this photo?",
        "Does the picture show {one}?",
        "Can you see {one} anywhere in the image?",
        "Do you see {one} here?",
    ),
    "side": (
        "Which is further to the left, {first} or {second}?",
        "Is {first} to the left of {second}?",
        "Looking at this picture, is {first} left of {second}?",
    ),
    "left": (
        "What is in the left part of the picture?",
        "Which objects are on the left side of the image?",
        "Name the things that you see on the left.",
    ),
    "right": (
        "What is in the right part of the picture?",
        "Which objects are on the right side of the image?",
        "Name the things that you see on the right.",
    ),
    "largest": (
        "What is the largest object in the picture?",
        "Which object takes up most of the image?",
        "What is the biggest thing in this photo?",
    ),
    "caption": (
        "Describe this picture in one sentence.",
        "What is happening in this photo?",
        "Give a short description of the scene.",
        "What does this image show?",
    ),
    "joint": (
        "How many people have a visible {joint}?",
        "For how many people can you see the {joint}?",
        "How many {joint}s of people are visible in the picture?",
    ),
    "total": (
        "What is the total on this receipt?",
        "How much was paid in total?",
        "What amount does the receipt come to?",
        "Please read me the total amount of this bill.",
    ),
    "date": (
        "What is the date on this receipt?",
        "When was this receipt printed?",
        "On which day was this purchase made?",
    ),
    "company": (
        "Which company issued this receipt?",
        "What is the name of the shop on this receipt?",
        "Who is the seller?",
    ),
    "address": (
        "What is the address of the shop?",
        "Where is the company on this receipt located?",
    ),
    "over": (
        "Is the total more than {bound}?",
        "Did this purchase cost more than {bound}?",
    ),
    "value": (
        "What is the {value} of {name}?",
        "What {value} does {name} have in this chart?",
        "Can you read the {value} of {name} from the chart?",
    ),
    "argmax": (
        "Which {field} has the largest {value}?",
        "In this chart, which {field} has the highest {value}?",
        "For which {field} is the {value} greatest?",
    ),
    "argmin": (
        "Which {field} has the smallest {value}?",
        "In this chart, which {field} has the lowest {value}?",
        "For which {field} is the {value} least?",
    ),
    "exceeds": (
        "By how much does {name} exceed {other}?",
        "What is the difference between {name} and {other}?",
        "How much larger is {name} than {other}?",
    ),
    "bars": (
        "How many different values of {field} does the chart show?",
        "Count the values of {field} in this chart.",
    ),
}


@dataclass(frozen=True, slots=True)
class Query:
    """A question about an image and its answer; `image` lies below the folder of real data, `kind` is a key of WORDINGS."""

    image: str
    question: str
    answer: str
    kind: str


def all_queries(realdata: Path, seed: int = 0) -> list[Query]:
    """Every question of the three sources, some hundred; the seed draws wordings and absent categories."""
    return [*photo_queries(realdata, seed), *receipt_queries(realdata, seed), *chart_queries(realdata, seed)]


def write_manifest(queries: list[Query], realdata: Path, folder: Path, pairs: bool = False) -> Path:
    """The manifest over copies of its images; `pairs` gives a row an image with its questions in `qa`."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {image: image.replace("/", "_") for image in dict.fromkeys(query.image for query in queries)}
    for image, name in names.items():
        (folder / name).write_bytes((realdata / image).read_bytes())
    rows: list[dict[str, Any]] = [
        {"image": names[query.image], "question": query.question, "answer": query.answer, "lang": "en"} for query in queries
    ]
    if pairs:
        told = {
            name: [{"question": row["question"], "answer": row["answer"]} for row in rows if row["image"] == name]
            for name in names.values()
        }
        rows = [{"image": name, "qa": qa, "lang": "en"} for name, qa in told.items()]
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return manifest


def _ask(seed: int, image: str, kind: str, answer: str, **words: str) -> Query:
    wordings = WORDINGS[kind]
    drawn = int(keyed_rng(seed, "wording", f"{image} {kind} {sorted(words.items())}").integers(len(wordings)))
    return Query(image, wordings[drawn].format(**words), answer, kind)


def _many(name: str) -> str:
    if name in IRREGULAR:
        return IRREGULAR[name]
    return name + ("es" if name.endswith(("s", "ch", "x", "sh")) else "s")


def _one(name: str) -> str:
    return f"a pair of {name}" if name in ("skis", "scissors") else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _yes(true: bool) -> str:
    return "Yes." if true else "No."


def photo_queries(realdata: Path, seed: int) -> list[Query]:
    folder = realdata / COCO
    instances, captions, joints = (
        json.loads((folder / "annotations" / f"{name}.json").read_text()) for name in ("instances", "captions", "person_keypoints")
    )
    names = {category["id"]: category["name"] for category in instances["categories"]}
    found: list[Query] = []
    for photo in instances["images"]:
        image = f"{COCO}/images/{photo['file_name']}"
        things = [thing for thing in instances["annotations"] if thing["image_id"] == photo["id"]]
        crowds = {names[thing["category_id"]] for thing in things if thing["iscrowd"]}
        boxes = [(names[thing["category_id"]], thing["bbox"]) for thing in things if not thing["iscrowd"]]
        found += _things(seed, image, boxes, crowds, sorted(names.values()), photo["width"])
        told = next(caption["caption"].strip() for caption in captions["annotations"] if caption["image_id"] == photo["id"])
        found.append(_ask(seed, image, "caption", told))
        people = [person["keypoints"] for person in joints["annotations"] if person["image_id"] == photo["id"] and not person["iscrowd"]]
        if people and "person" not in crowds:
            found += _joints(seed, image, people, joints["categories"][0]["keypoints"])
    return found


def _things(seed: int, image: str, boxes: list[tuple[str, list[float]]], crowds: set[str], names: list[str], width: int) -> Iterator[Query]:
    counts = Counter(name for name, _ in boxes)
    for name, count in counts.items():
        if name not in crowds:
            yield _ask(seed, image, "count", str(count), many=_many(name))
        yield _ask(seed, image, "presence", _yes(True), one=_one(name))
    missing = [name for name in names if name not in counts and name not in crowds]
    for index in keyed_rng(seed, "absent", image).permutation(len(missing))[: 2 * ABSENT]:
        kind = "presence" if len(missing) % 2 == index % 2 else "count"
        if kind == "presence":
            yield _ask(seed, image, kind, _yes(False), one=_one(missing[index]))
        else:
            yield _ask(seed, image, kind, "0", many=_many(missing[index]))
    if len(boxes) > 1:
        largest, second = sorted(boxes, key=lambda box: -box[1][2] * box[1][3])[:2]
        if largest[1][2] * largest[1][3] > 1.5 * second[1][2] * second[1][3]:
            yield _ask(seed, image, "largest", f"{_one(largest[0]).capitalize()}.")
    centres = {name: (box[0] + box[2] / 2) / width for name, box in boxes if counts[name] == 1}
    for kind, inside in (("left", lambda centre: centre < 1 / 3), ("right", lambda centre: centre > 2 / 3)):
        there = sorted({name for name, box in boxes if inside((box[0] + box[2] / 2) / width)})
        yield _ask(seed, image, kind, ", ".join(there) or "Nothing.")
    single = sorted(centres)
    for first, second_name in itertools.pairwise(single):
        if abs(centres[first] - centres[second_name]) > 0.1:
            query = _ask(seed, image, "side", "", first=f"the {first}", second=f"the {second_name}")
            is_left = centres[first] < centres[second_name]
            answer = f"The {first if is_left else second_name}." if query.question.startswith("Which") else _yes(is_left)
            yield Query(image, query.question, answer, query.kind)


def _joints(seed: int, image: str, people: list[list[int]], names: list[str]) -> Iterator[Query]:
    for index in keyed_rng(seed, "joints", image).permutation(len(names))[:3]:
        visible = sum(keypoints[3 * index + 2] == 2 for keypoints in people)
        yield _ask(seed, image, "joint", str(visible), joint=names[index].replace("_", " "))


def receipt_queries(realdata: Path, seed: int) -> list[Query]:
    found = []
    for file in sorted((realdata / SROIE / "key").glob("*.json")):
        key, image = json.loads(file.read_text()), f"{SROIE}/img/{file.stem}.jpg"
        found += [_ask(seed, image, kind, key[kind]) for kind in ("total", "date", "company", "address")]
        amount = float(key["total"].strip("$"))
        bound = (5, 10, 20, 50, 80, 100)[int(keyed_rng(seed, "bound", image).integers(6))]
        if amount != bound:
            found.append(_ask(seed, image, "over", _yes(amount > bound), bound=f"{bound} ringgit" if bound % 20 else f"{bound}"))
    return found


def chart_queries(realdata: Path, seed: int) -> list[Query]:
    found: list[Query] = []
    for file in sorted((realdata / VEGA).glob("*.vl.json")):
        image = f"{VEGA}/{file.name.removesuffix('.vl.json')}.png"
        table = drawn_table(json.loads(file.read_text()))
        if table is not None and (realdata / image).is_file():
            found += _table(seed, image, *table)
    return found


def drawn_table(spec: dict[str, Any]) -> tuple[tuple[str, ...], str, dict[str, float]] | None:
    """The names of the categories' fields and of the values', and the values by category; None where the chart shows them changed."""
    mark, rows = spec.get("mark"), spec.get("data", {}).get("values")
    channels = {name: channel for name, channel in spec.get("encoding", {}).items() if name in CHANNELS and "field" in channel}
    if (
        (mark if isinstance(mark, str) else (mark or {}).get("type")) not in DRAWN_MARKS
        or "transform" in spec
        or not isinstance(rows, list)
    ):
        return None
    if any("timeUnit" in channel or "aggregate" in channel or "bin" in channel for channel in channels.values()):
        return None
    kinds = {
        channel["field"]: channel.get("type") or ("nominal" if isinstance(rows[0][channel["field"]], str) else "quantitative")
        for channel in channels.values()
    }
    by = tuple(field for field, kind in kinds.items() if kind in ("nominal", "ordinal"))
    values = [field for field, kind in kinds.items() if kind == "quantitative"]
    if (
        len(values) != 1
        or not 1 <= len(by) <= 2
        or not all((field.isalpha() and field[1:].islower()) or len(field) == 1 for field in (*by, *values))
    ):
        return None
    if any(not isinstance(row.get(values[0]), (int, float)) for row in rows):
        return None
    cells = {_cell(by, row): float(row[values[0]]) for row in rows}
    return (by, values[0], cells) if len(cells) == len(rows) > 1 else None


def _cell(by: tuple[str, ...], row: dict[str, Any]) -> str:
    """A category as a question names it: Peter, category 3, group x in category A."""
    if len(by) == 2:
        return f"{_field(by[1])} {row[by[1]]} in {_field(by[0])} {row[by[0]]}"
    name = str(row[by[0]])
    return name if name.isalpha() and len(name) > 1 else f"{_field(by[0])} {name}"


def _field(name: str) -> str:
    return name.lower() if len(name) > 1 else "category"


def _table(seed: int, image: str, by: tuple[str, ...], value: str, cells: dict[str, float]) -> Iterator[Query]:
    field, value = " and ".join(map(_field, by)), value.lower() if len(value) > 1 else "value"
    names = [list(cells)[index] for index in keyed_rng(seed, "cells", image).permutation(len(cells))]
    ranked = sorted(cells, key=lambda name: cells[name])
    for name in names[:2]:
        yield _ask(seed, image, "value", f"{cells[name]:g}", value=value, name=name)
    if cells[ranked[-1]] > cells[ranked[-2]]:
        yield _ask(seed, image, "argmax", ranked[-1], field=field, value=value)
    if cells[ranked[0]] < cells[ranked[1]]:
        yield _ask(seed, image, "argmin", ranked[0], field=field, value=value)
    high, low = sorted(names[:2], key=lambda name: -cells[name])
    if cells[high] > cells[low]:
        yield _ask(seed, image, "exceeds", f"{cells[high] - cells[low]:.6g}", name=high, other=low)
    if len(by) == 1:
        yield _ask(seed, image, "bars", str(len(cells)), field=field)
