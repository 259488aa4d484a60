"""Where nodes and edges of a diagram stand: Graphviz `dot`, which is given sizes and structure and none of the graph's text.

Nodes go by n0, n1, ... with fixed sizes, labels of edges as empty boxes of a fixed size. One version of dot gives one layout; the
version is part of what decides a corpus.
"""

from __future__ import annotations

import functools
import json
import math
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from processors.engine import EngineMissing
from processors.grid.graph import Graph
from processors.guard import TOO_COSTLY
from schemas.outcome import Refused

TIMEOUT_S = 60.0  # the largest graphs that are read take a tenth of a second
POINTS = 72.0  # an inch; here a point is a pixel
CLEAR_PX = 5.0  # that a label is farther from every other edge than from its own
SAMPLE_PX = 6.0

Point = tuple[float, float]


@functools.cache
def dot_version() -> str:
    """The version of the installed program. Raises: EngineMissing."""
    if shutil.which("dot") is None:
        raise EngineMissing("dot, which lays diagrams out, is not on PATH; install it: apt-get install -y graphviz")
    told = subprocess.run(["dot", "-V"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"version (\S+)", told)
    return found[1] if found else "of unknown version"


@dataclass(frozen=True, slots=True)
class Route:
    """An edge's run: Bezier points (3n + 1), the tip of the arrow at its end, and the middle of its label, where there are any."""

    points: tuple[Point, ...]
    tip: Point | None
    label: Point | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Pixels from the left and top. `nodes` are middles, in the graph's order, as `routes`."""

    width: float
    height: float
    nodes: tuple[Point, ...]
    routes: tuple[Route, ...]

    def labels_are_clear(self, label_sizes: Sequence[Point]) -> bool:
        """Whether every label is clearly nearest to its own edge: a reader could take it for another's else."""
        runs = [_sampled(route) for route in self.routes]
        for own, (route, (width, height)) in enumerate(zip(self.routes, label_sizes, strict=True)):
            if route.label is None:
                continue
            far = [min(_outside(point, route.label, width, height) for point in run) for run in runs]
            if any(distance < far[own] + CLEAR_PX for other, distance in enumerate(far) if other != own):
                return False
        return True


def _sampled(route: Route) -> list[Point]:
    """Points along an edge, about every few pixels."""
    found = list(route.points[:1]) + ([route.tip] if route.tip is not None else [])
    for start in range(0, len(route.points) - 3, 3):
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = route.points[start : start + 4]
        count = 2 + int(math.dist((ax, ay), (dx, dy)) / SAMPLE_PX)
        for step in range(1, count + 1):
            t = step / count
            u = 1 - t
            weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            xs, ys = (ax, bx, cx, dx), (ay, by, cy, dy)
            found.append((sum(w * x for w, x in zip(weights, xs, strict=True)), sum(w * y for w, y in zip(weights, ys, strict=True))))
    return found


def _outside(point: Point, middle: Point, width: float, height: float) -> float:
    """How far a point lies outside of a box; 0 inside."""
    across, down = abs(point[0] - middle[0]) - width / 2, abs(point[1] - middle[1]) - height / 2
    return math.hypot(max(across, 0.0), max(down, 0.0))


def lay_out(graph: Graph, sizes: Sequence[Point], label_sizes: Sequence[Point], gap_px: float, splines: str = "true") -> Layout:
    """The layout of nodes of these sizes (width, height, in pixels) and labels of edges of these sizes, (0, 0) for none.

    Raises: EngineMissing; Refused with TOO_COSTLY.
    """
    dot_version()
    settings = f"rankdir={graph.direction} nodesep={gap_px / POINTS:.4f} ranksep={1.3 * gap_px / POINTS:.4f} splines={splines}"
    arrows = "" if graph.directed else " dir=none"
    lines = [f'digraph {{ graph [{settings}]; node [fixedsize=true label=""]; edge [arrowsize=0.9{arrows}];']
    numbers = {node.id: number for number, node in enumerate(graph.nodes)}
    for number, (node, (width, height)) in enumerate(zip(graph.nodes, sizes, strict=True)):
        shape = {"diamond": "diamond", "ellipse": "ellipse", "circle": "ellipse"}.get(node.shape, "box")
        lines.append(f"n{number} [shape={shape} width={width / POINTS:.4f} height={height / POINTS:.4f}];")
    for number, (edge, (width, height)) in enumerate(zip(graph.edges, label_sizes, strict=True)):
        table = f'<TABLE BORDER="0" FIXEDSIZE="TRUE" WIDTH="{width:.0f}" HEIGHT="{height:.0f}"><TR><TD></TD></TR></TABLE>'
        label = f" label=<{table}>" if width else ""
        lines.append(f"n{numbers[edge.source]} -> n{numbers[edge.target]} [id=e{number}{label}];")  # dot gives edges in another order
    return _read(_run_dot("\n".join([*lines, "}"])), graph)


def _run_dot(description: str) -> dict:
    try:
        done = subprocess.run(["dot", "-Tjson0"], input=description, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Refused(TOO_COSTLY, f"no layout after {TIMEOUT_S:g} s") from error
    if done.returncode != 0:
        raise RuntimeError(f"laying out a diagram: dot ended with code {done.returncode}: {done.stderr.strip()[:300]}")
    told: dict = json.loads(done.stdout)
    return told


def _read(told: dict, graph: Graph) -> Layout:
    _, _, width, height = (float(value) for value in told["bb"].split(","))

    def point(text: str) -> Point:
        x, y = text.removeprefix("e,").removeprefix("s,").split(",")
        return float(x), height - float(y)  # dot counts from below

    places = {node["name"]: point(node["pos"]) for node in told.get("objects", [])}
    routes = {}
    for edge in told.get("edges", []):
        pieces = edge["pos"].split(" ")
        tip = point(pieces[0]) if pieces[0].startswith("e,") else None
        points = tuple(point(piece) for piece in pieces if not piece.startswith(("e,", "s,")))
        routes[edge["id"]] = Route(points, tip, point(edge["lp"]) if "lp" in edge else None)
    if len(routes) != len(graph.edges) or len(places) != len(graph.nodes):
        raise RuntimeError(f"dot laid out {len(places)} nodes and {len(routes)} edges of {len(graph.nodes)} and {len(graph.edges)}")
    in_order = tuple(routes[f"e{number}"] for number in range(len(graph.edges)))
    return Layout(width, height, tuple(places[f"n{number}"] for number in range(len(graph.nodes))), in_order)
