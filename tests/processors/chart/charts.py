"""One chart of every kind, with texts that are hard to place."""

from __future__ import annotations

import numpy as np

from processors.chart.model import Chart, Series

CATEGORIES = ("North", "East coast", "Price in $x^2_1$", "West & <South>", "Centre of the country", "東京")
SMALL = ("A", "B", "C", "D", "E", "F")
_rng = np.random.default_rng(7)


def _series(*values: float | None, name: str = "Visitors") -> Series:
    return Series(name, values)


THREE = (
    _series(12, 34, 9, 21, 15, 5, name="2021"),
    _series(-5, 30, 11, 25, 17, 8, name="2022"),
    _series(15, 31, 12, 27, 19, 9, name="estimate"),
)
FULL = (_series(12, 34, 9, 21, 15, 16, name="2021"), _series(14, 30, 11, 25, 17, 18, name="2022"))
CHARTS = {
    "bar": Chart("bar", CATEGORIES, (_series(120, 340.5, 95, 210, None, 50),), "Visitors by region", "Region", "Visitors", labels=True),
    "grouped_bar": Chart("grouped_bar", SMALL, THREE, "Change", "Place", "Change", labels=True, percent=True),
    "stacked_bar": Chart("stacked_bar", SMALL, FULL, "Parts", "Place", "Sum", labels=True),
    "horizontal_bar": Chart("horizontal_bar", CATEGORIES, (_series(1, -2, 3, 4, 5, 6),), "Gain and loss of every region in the country, in a title of two lines or more", "Region", "Gain", labels=True),
    "line": Chart("line", SMALL, THREE[:2], "Two lines", "Month", "Price", labels=True),
    "area": Chart("area", SMALL, FULL[:1], "An area", "Month", "Price"),
    "pie": Chart("pie", CATEGORIES, (_series(40, 25, 15, 10, 6, 4),), "Shares", labels=True, percent=True),
    "donut": Chart("donut", CATEGORIES, (_series(40, 25, 1, 1, 1, 4),), "Shares"),
    "scatter": Chart("scatter", (), (Series("A", (5, 7, 9), (50, 20, 30)), Series("B", (1, 2, 3), (10, 20, 60))), "Points", "Weight", "Height"),
    "bubble": Chart("bubble", (), (Series("A", (5, 7, 9), (50, 20, 30), (1, 20, 300)),), "Bubbles", "Weight", "Height"),
    "histogram": Chart("histogram", (), (Series("A", tuple(_rng.normal(50, 20, 200).tolist())),), "Times", "Minutes", "Count", labels=True),
    "box": Chart("box", (), tuple(Series(name, tuple(_rng.normal(5, 2, 30).tolist())) for name in SMALL), "Boxes", "Group", "Height"),
    "radar": Chart("radar", CATEGORIES, FULL, "Radar"),
    "heatmap": Chart("heatmap", SMALL, (*FULL, _series(1, 2, None, 4, 5, 6, name="a long name of a row")), "Heat", "Region", "Day", labels=True),
}  # fmt: skip
