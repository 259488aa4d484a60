"""Programs over the content of slides: each answer is what its program computes from the stored content.

A program is {"kind": "slides", "op": ..., arguments}; `slide` counts the slides of the truth from 0, `block` their blocks. The truth is
a list of contents, see content.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from processors.chart.scale import number_text

KIND = "slides"
Truth = Sequence[Mapping[str, Any]]  # the contents of slides
Program = Mapping[str, Any]


def execute(truth: Truth, program: Program) -> str:
    """The answer. Raises: KeyError or IndexError for a program that does not fit the truth."""
    return _OPS[program["op"]](truth, program)


def _slide(truth: Truth, program: Program) -> Mapping[str, Any]:
    return truth[program.get("slide", 0)]


def _block(truth: Truth, program: Program) -> Mapping[str, Any]:
    return _slide(truth, program)["blocks"][program["block"]]


def bullets_of(block: Mapping[str, Any]) -> list[str]:
    """The points of a list, in order."""
    return [paragraph["text"] for paragraph in block["paragraphs"] if paragraph["bullet"]]


def _next_bullet(truth: Truth, program: Program) -> str:
    bullets = bullets_of(_block(truth, program))
    return bullets[bullets.index(program["after"]) + 1]


def _bullet_list(truth: Truth, program: Program) -> str:
    return "\n".join(f"- {bullet}" for bullet in bullets_of(_block(truth, program)))


def _shape_text(truth: Truth, program: Program) -> str:
    return "\n".join(paragraph["text"] for paragraph in _block(truth, program)["paragraphs"])


def _cell(truth: Truth, program: Program) -> str:
    rows = _block(truth, program)["rows"]
    names = [row[0] for row in rows]
    return rows[names.index(program["row"], 1)][rows[0].index(program["column"], 1)]


def _chart_values(truth: Truth, program: Program) -> list[tuple[str, float]]:
    """(category, value) of one series, where there is a value."""
    chart = _block(truth, program)
    values = chart["series"][program["series"]]["values"]
    return [(category, value) for category, value in zip(chart["categories"], values, strict=True) if value is not None]


def _chart_value(truth: Truth, program: Program) -> str:
    return number_text(dict(_chart_values(truth, program))[program["category"]])


def _chart_extreme(truth: Truth, program: Program) -> str:
    values = _chart_values(truth, program)
    pick = max if program["op"] == "chart_argmax" else min
    return pick(values, key=lambda pair: pair[1])[0]


def _chart_table(truth: Truth, program: Program) -> str:
    chart = _block(truth, program)
    names = [one["name"] or "Value" for one in chart["series"]]
    rows = [["", *names]]
    for at, category in enumerate(chart["categories"]):
        values = [one["values"][at] for one in chart["series"]]
        rows.append([category, *("" if value is None else number_text(value) for value in values)])
    return markdown_table(rows)


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows, the first of them the header; a bar inside a cell is escaped."""
    lines = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines.insert(1, ["---"] * len(rows[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _transcription(truth: Truth, program: Program) -> str:
    """The slide's text as Markdown: the title as a heading, lists, tables; blocks parted by an empty line."""
    blocks = [_as_markdown(block) for block in _slide(truth, program)["blocks"]]
    return "\n\n".join(block for block in blocks if block)


def _as_markdown(block: Mapping[str, Any]) -> str:
    if block["kind"] == "title":
        return f"# {block['text']}"
    if block["kind"] == "table":
        return markdown_table(block["rows"]) if any(any(row) for row in block["rows"]) else ""
    if block["kind"] == "chart":
        return ""
    lines: list[str] = []
    was_listed = False
    first = min((paragraph["level"] for paragraph in block["paragraphs"] if paragraph["bullet"]), default=0)
    for paragraph in block["paragraphs"]:
        mark = paragraph["bullet"]
        if lines and not (was_listed and mark):
            lines.append("")
        indent = "  " * max(0, paragraph["level"] - first)
        lines.append(f"{indent}{mark} {paragraph['text']}" if mark else paragraph["text"])
        was_listed = bool(mark)
    return "\n".join(lines)


def _titles(truth: Truth, program: Program) -> str:
    del program
    return "\n".join(f"{number}. {slide['title']}" for number, slide in enumerate(truth, 1))


def _slide_titled(truth: Truth, program: Program) -> str:
    return str([slide["title"] for slide in truth].index(program["title"]) + 1)


_OPS: dict[str, Callable[[Truth, Program], str]] = {
    "title": lambda truth, program: _slide(truth, program)["title"],
    "transcription": _transcription,
    "bullets": _bullet_list,
    "num_bullets": lambda truth, program: str(len(bullets_of(_block(truth, program)))),
    "bullet": lambda truth, program: bullets_of(_block(truth, program))[program["place"] - 1],
    "next_bullet": _next_bullet,
    "num_pictures": lambda truth, program: str(_slide(truth, program)["num_pictures"]),
    "num_tables": lambda truth, program: str(_slide(truth, program)["num_tables"]),
    "num_charts": lambda truth, program: str(_slide(truth, program)["num_charts"]),
    "shape_text": _shape_text,
    "cell": _cell,
    "num_columns": lambda truth, program: str(len(_block(truth, program)["rows"][0])),
    "chart_title": lambda truth, program: _block(truth, program)["title"],
    "chart_value": _chart_value,
    "chart_argmax": _chart_extreme,
    "chart_argmin": _chart_extreme,
    "chart_table": _chart_table,
    "titles": _titles,
    "slide_titled": _slide_titled,
}
