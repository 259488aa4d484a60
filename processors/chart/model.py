"""What a chart shows, apart from how it looks: the drawing code and the questions both read it from here."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = (
    *("bar", "grouped_bar", "stacked_bar", "horizontal_bar", "line", "area", "pie", "donut"),
    *("scatter", "bubble", "histogram", "box", "radar", "heatmap"),
)


@dataclass(frozen=True, slots=True)
class Series:
    """A named run of values, one a category (None where there is none); a scatter's points have `x` too, bubbles `sizes`."""

    name: str
    values: tuple[float | None, ...]
    x: tuple[float, ...] = ()
    sizes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """`kind` is one of KINDS. `percent` values are shares and are written with a sign. `labels` writes the values on the marks."""

    kind: str
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    title: str = ""
    x_title: str = ""
    y_title: str = ""
    labels: bool = False
    percent: bool = False
