"""Data to draw charts from: tables in every form that is read, CSV files and Vega-Lite specifications, and some that must be refused."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.sample.lines import write_json, write_lines
from schemas.identity import keyed_rng

TABLES_PER_SIZE, FILES_PER_SIZE, SPECS_PER_SIZE = 18, 4, 6
LICENCE = "CC0-1.0"
FOLDER = "chart_sources"


@dataclass(frozen=True, slots=True)
class Topic:
    """What a table is about: how its rows are called and their names, what is measured in them, in which unit, and by which groups."""

    row: str
    labels: tuple[str, ...]
    measured: tuple[str, ...]
    low: int
    high: int
    unit: str = ""
    groups: tuple[str, ...] = ()


MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
YEARS = tuple(str(year) for year in range(2012, 2024))
TOPICS = (
    Topic("Harbour", ("Old Pier", "Northgate", "Saltmarsh", "Lighthouse", "Ferry Dock"), ("Catch (tonnes)", "Boats"), 20, 480, "", ("Herring", "Cod", "Crab")),
    Topic("Month", MONTHS, ("Rainfall (mm)", "Visitors"), 5, 160, "", ("Coast", "Valley", "Mountain")),
    Topic("Year", YEARS, ("Members", "Books lent"), 120, 2_400, "", ("Adults", "Children")),
    Topic("Bakery", ("Mill Lane", "Station Square", "Riverside", "Hilltop"), ("Loaves sold",), 40, 900, "", ("Rye", "Wheat", "Spelt", "Oat")),
    Topic("Source", ("Wind", "Solar", "Hydro", "Biomass", "Other"), ("Share of electricity",), 4, 40, "%"),
    Topic("Line", ("Green Line", "Harbour Tram", "Airport Express", "Ring Bus", "Night Bus"), ("Delay (minutes)",), 1, 30, "", ("Weekdays", "Weekends")),
    Topic("Quarter", ("Q1 2023", "Q2 2023", "Q3 2023", "Q4 2023", "Q1 2024"), ("Revenue", "Costs"), 100, 990, "€"),
    Topic("Quartier", ("Altstadt", "Überseehafen", "Gröpelingen", "Neustadt", "Walle"), ("Einwohner (Tausend)",), 3, 60),
    Topic("地区", ("東京", "大阪", "名古屋", "札幌", "福岡"), ("来場者数（千人）",), 10, 95),
    Topic("Departments responsible for the maintenance", ("Parks and open spaces", "Roads, bridges and tunnels", "Street lighting", "Public libraries",
          "Schools and kindergartens"), ("Complaints received",), 2, 70),
)  # fmt: skip


def make_chart_sources(folder: Path, size: int, seed: int) -> None:
    """`chart_sources/tables.jsonl` with its bad rows last, `chart_sources/files/*.csv` and `*.vl.json`, one of each kind bad."""
    files = folder / FOLDER / "files"
    files.mkdir(parents=True, exist_ok=True)
    rows: list[object] = [_row(number, seed) for number in range(TABLES_PER_SIZE * size)]
    write_lines(folder / FOLDER / "tables.jsonl", [*rows, *bad_rows()])
    for number in range(FILES_PER_SIZE * size):
        rng = keyed_rng(seed, "sample.chart_files", str(number))
        (files / f"table_{number:03d}.csv").write_bytes(
            _csv(_wide(TOPICS[int(rng.integers(len(TOPICS)))], rng), ";" if number % 2 else ",")
        )
    (files / "only_a_header.csv").write_bytes(b"Region,Value\n")
    for number in range(SPECS_PER_SIZE * size):
        write_json(files / f"chart_{number:03d}.vl.json", _spec(number, keyed_rng(seed, "sample.chart_specs", str(number))))
    write_json(files / "fetches_its_data.vl.json", {"data": {"url": "https://example.org/cars.json"}, "mark": "point", "encoding": {}})


def bad_rows() -> list[dict[str, Any]]:
    """Rows that must be refused, each with the reason that it must be refused for, in its `note`."""
    sequence = {"data": {"sequence": {"start": 0, "stop": 1_000_000_000, "as": "x"}}, "mark": "point", "encoding": {"x": {"field": "x"}}}
    return [
        {"note": "no_chart_data", "title": "A title alone", "licence": LICENCE},
        {"note": "bad_table", "table": [["City", "People"], ["Arden", 12, "too", "many", "cells"]], "licence": LICENCE},
        {"note": "no_chart_fits", "table": [["Name", "Trade"], ["Ada", "Smith"], ["Bo", "Baker"]], "licence": LICENCE},
        {"note": "bad_chart", "table": {"Gains": 12, "Losses": -7, "Rest": 3}, "kind": "pie", "licence": LICENCE},
        {
            "note": "bad_spec",
            "spec": {"mark": "no such mark", "data": {"values": [{"a": 1}]}, "encoding": {"x": {"field": "a"}}},
            "licence": LICENCE,
        },
        {"note": "too_large_spec", "spec": sequence, "licence": LICENCE},
        {"note": "outside_reference", "spec": {"data": {"url": "file:///etc/passwd"}, "mark": "bar"}, "licence": LICENCE},
    ]


def _row(number: int, seed: int) -> dict[str, Any]:
    """Tables in turn: wide, {label: number}, long records, and samples of two numbers or one."""
    rng = keyed_rng(seed, "sample.chart_sources", str(number))
    topic = TOPICS[number % len(TOPICS)]
    measured = topic.measured[int(rng.integers(len(topic.measured)))]
    common = {"title": f"{measured} by {topic.row}", "lang": "en", "licence": LICENCE}
    form = number % 6
    if form == 0:
        return {**common, "table": _wide(topic, rng)}
    if form == 1:
        table = {label: float(value) for label, value in zip(topic.labels, _values(topic, rng, len(topic.labels)), strict=True)}
        return {**common, "table": table, "x_title": topic.row, "y_title": measured + (f" ({topic.unit})" if topic.unit else "")}
    if form == 2 and topic.groups:
        records = [
            {topic.row: label, "Group": group, measured: int(value)}
            for group in topic.groups
            for label, value in zip(topic.labels[:6], _values(topic, rng, len(topic.labels[:6])), strict=True)
        ]
        return {**common, "records": records}
    if form == 3:
        x = rng.uniform(10, 90, 12 if number % 2 else 40).round(1)
        records = [
            {"Temperature (°C)": float(a), "Ice creams sold": float(b)}
            for a, b in zip(x, (x * 4 + rng.normal(0, 25, len(x))).round(0), strict=True)
        ]
        return {**common, "title": "Ice cream and weather", "records": records}
    if form == 4:
        sample = [[f"{value:.1f}"] for value in rng.normal(48, 11, 120)]
        return {**common, "title": "How long a repair takes", "table": [["Duration (minutes)"], *sample]}
    return {**common, "table": _csv(_wide(topic, rng), ",").decode()}


def _values(topic: Topic, rng: np.random.Generator, count: int) -> list[int]:
    return [int(value) for value in rng.choice(np.arange(topic.low, topic.high), count, replace=False)]


def _wide(topic: Topic, rng: np.random.Generator) -> list[list[object]]:
    """A header, and rows of a label and one number for each group, written as people write them."""
    heads = topic.groups or topic.measured[:1]
    columns = [_values(topic, rng, len(topic.labels)) for _ in heads]
    rows: list[list[object]] = [[label, *(_written(column[at], topic.unit) for column in columns)] for at, label in enumerate(topic.labels)]
    return [[topic.row, *heads], *rows]


def _written(value: int, unit: str) -> str:
    return f"{value}%" if unit == "%" else f"{unit}{value:,}"


def _csv(table: list[list[object]], delimiter: str) -> bytes:
    sink = io.StringIO()
    csv.writer(sink, delimiter=delimiter, lineterminator="\n").writerows(table)
    return sink.getvalue().encode()


def _spec(number: int, rng: np.random.Generator) -> dict[str, Any]:
    topic = TOPICS[int(rng.integers(4))]
    values = [
        {topic.row: label, "group": group, "value": value}
        for group in topic.groups
        for label, value in zip(topic.labels[:5], _values(topic, rng, len(topic.labels[:5])), strict=True)
    ]
    first = [value for value in values if value["group"] == topic.groups[0]]
    x: dict[str, Any] = {"field": topic.row, "type": "nominal", "sort": None}
    y = {"field": "value", "type": "quantitative", "title": topic.measured[0]}
    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "title": f"{topic.measured[0]}, report {number + 1}"}
    forms: tuple[dict[str, Any], ...] = (
        {"data": {"values": first}, "mark": "bar", "encoding": {"x": x, "y": y}},
        {"data": {"values": values}, "mark": "bar", "encoding": {"x": x, "y": y, "xOffset": {"field": "group"}, "color": {"field": "group"}}},
        {"data": {"values": values}, "mark": {"type": "line", "point": True}, "encoding": {"x": x, "y": y, "color": {"field": "group"}}},
        {"data": {"values": first}, "mark": "arc", "encoding": {"theta": y, "color": x}},
        {"data": {"values": first}, "encoding": {"y": x, "x": y}, "layer": [{"mark": "bar"}, {"mark": {"type": "text", "dx": 14},
         "encoding": {"text": {"field": "value", "type": "quantitative"}}}]},
        {"data": {"values": values}, "mark": "point", "width": 300, "encoding": {"x": x, "y": {**y, "aggregate": "mean"}}},
    )  # fmt: skip
    return {**whole, **forms[number % len(forms)]}
