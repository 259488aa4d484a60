"""Tables and diagrams as their sources have them: pages with spans, CSV files, graphs and Mermaid text, and planted bad ones."""

from __future__ import annotations

import csv
import html
import io
from pathlib import Path

import numpy as np

from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

PER_SIZE = 6  # of each kind
LICENCE = "CC0-1.0"
PLACES = ("Alder Bay", "Birch Hill", "Cedar Point", "Dunes", "Elm Bridge", "Fern Valley", "Glen Mill", "Harbour")
GOODS = (("Wheat", "t"), ("Apples", "kg"), ("Timber", "m³"), ("Wool", "kg"), ("Salt", "t"), ("Honey", "jars"))
KEEPERS = ("M. Lindner", "P. Weber", "C. Moreau", "A. Torres", "E. Clarke")
YEARS = (2021, 2022, 2023, 2024)
STEPS = (
    "Receive the order",
    "Check the stock",
    "Pack the goods",
    "Print the label",
    "Call the courier",
    "Send the invoice",
    "Archive the file",
)
CHECKS = ("Is it in stock?", "Is the address known?", "Is it paid?")
ROOMS = ("Hall", "Kitchen", "Library", "Garden", "Cellar", "Attic", "Study")
DELIMITERS = (",", ";", "\t")


def make_table_sources(folder: Path, size: int, seed: int) -> None:
    """`table_sources/rows.jsonl` (field `html`, `table`, `graph` or `mermaid` of each row) and CSV files in `table_sources/files`."""
    rows: list[object] = []
    (folder / "table_sources" / "files").mkdir(parents=True, exist_ok=True)
    for number in range(PER_SIZE * size):
        rng = keyed_rng(seed, "sample.table_sources", str(number))
        title = f"Harvest report {number + 1}"
        rows.append({"html": _page(rng, title), "licence": LICENCE})
        rows.append({"table": _plain(rng), "title": f"Stores, list {number + 1}", "licence": LICENCE})
        rows.append({"mermaid": _flow(rng), "licence": LICENCE})
        rows.append({"graph": _house(rng, number), "licence": LICENCE})
        (folder / "table_sources" / "files" / f"{number:03d}.csv").write_bytes(_csv(rng, DELIMITERS[number % len(DELIMITERS)]))
    write_lines(folder / "table_sources" / "rows.jsonl", [*rows, *_planted()])


def _values(rng: np.random.Generator, count: int) -> list[int]:
    """Numbers that differ from one another."""
    return [int(value) for value in rng.permutation(range(12, 2_400))[:count]]


def _page(rng: np.random.Generator, title: str) -> str:
    """A table whose years stand above pairs of goods, and whose districts span their places."""
    years = YEARS[:2] if rng.integers(2) else YEARS[1:4]
    goods = [GOODS[int(at)] for at in rng.permutation(len(GOODS))[:2]]
    places = [PLACES[int(at)] for at in rng.permutation(len(PLACES))[:5]]
    head = "".join(f'<th colspan="2">{year}</th>' for year in years)
    below = "".join(f"<th>{name} ({unit})</th>" for _ in years for name, unit in goods)
    values = iter(_values(rng, 100))
    lines = []
    for row, place in enumerate(places):
        district = {0: '<td rowspan="2">North</td>', 2: '<td rowspan="3">South</td>'}.get(row, "")
        lines.append(
            f"<tr>{district}<td>{html.escape(place)}</td>" + "".join(f"<td>{next(values):,}</td>" for _ in range(2 * len(years))) + "</tr>"
        )
    return (
        f"<p>From the yearly books.</p><table><caption>{title}</caption><thead><tr><th rowspan='2'>District</th><th rowspan='2'>Place</th>{head}</tr>"
        f"<tr>{below}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def _plain(rng: np.random.Generator) -> list[list[object]]:
    places = [PLACES[int(at)] for at in rng.permutation(len(PLACES))[: int(rng.integers(4, 8))]]
    stored, value = _values(rng, len(places)), _values(rng, len(places))
    rows: list[list[object]] = [["Place", "Keeper", "Sacks stored", "Value"]]
    for place, count, worth in zip(places, stored, value, strict=True):
        rows.append([place, KEEPERS[int(rng.integers(len(KEEPERS)))], count, f"${worth / 4:,.2f}"])
    return rows


def _csv(rng: np.random.Generator, delimiter: str) -> bytes:
    sink = io.StringIO()
    csv.writer(sink, delimiter=delimiter).writerows(_plain(rng))
    return sink.getvalue().encode("utf-8-sig" if delimiter == ";" else "utf-8")


def _flow(rng: np.random.Generator) -> str:
    """A process with one decision, of which one way leads back."""
    steps = [STEPS[int(at)] for at in sorted(rng.permutation(len(STEPS))[: int(rng.integers(4, 7))])]
    check = CHECKS[int(rng.integers(len(CHECKS)))]
    lines = [f"flowchart {'TD' if rng.integers(2) else 'LR'}", "    S([Start]) --> A0"]
    lines += [f"    A{number}[{step}] --> A{number + 1}" for number, step in enumerate(steps[:-1])]
    last = len(steps) - 1
    lines += [f"    A{last}[{steps[-1]}] --> Q{{{check}}}", "    Q -->|Yes| E([End])", f"    Q -->|No| A{int(rng.integers(last + 1))}"]
    return "\n".join(lines)


def _house(rng: np.random.Generator, number: int) -> dict[str, object]:
    """Rooms and doors (undirected), or who reports to whom (directed)."""
    names = list(ROOMS) if number % 2 == 0 else list(KEEPERS)
    order = [names[int(at)] for at in rng.permutation(len(names))]
    edges = [{"from": order[int(rng.integers(at))], "to": name} for at, name in enumerate(order) if at]
    if number % 2 == 0:
        first, last = order[0], order[-1]
        if not any({edge["from"], edge["to"]} == {first, last} for edge in edges):
            edges.append({"from": first, "to": last, "label": "gate"})
        return {
            "directed": False,
            "title": f"Doors of house {number + 1}",
            "nodes": [{"id": name, "shape": "round"} for name in order],
            "edges": edges,
        }
    return {"direction": "TB", "nodes": [{"id": name, "shape": "ellipse"} for name in order], "edges": edges}


def _planted() -> list[object]:
    """Each is refused: too wide, too deep, no table, an edge to nowhere, a subgraph, too many nodes; the last line is no JSON."""
    return [
        {"html": "<table>" + "<tr><td colspan=1000>wide</td></tr>" * 300 + "</table>", "licence": LICENCE},
        {"html": "<div>" * 400 + "<table><tr><td>deep</td></tr></table>", "licence": LICENCE},
        {"html": "<p>No table stands here.</p>", "licence": LICENCE},
        {"graph": {"nodes": ["A"], "edges": [["A", "B"]]}, "licence": LICENCE},
        {"mermaid": "flowchart TD\nsubgraph one\nA --> B\nend", "licence": LICENCE},
        {"graph": {"nodes": [f"room {number}" for number in range(100)], "edges": []}, "licence": LICENCE},
        '{"html": "<table>',
    ]
