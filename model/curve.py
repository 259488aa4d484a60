"""The loss curve of a run as a picture: the same bytes for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from schemas.shard import write_replacing

SMOOTHING = 20  # the line is a mean over up to a twentieth of the steps


def smooth(values: Sequence[float], window: int) -> list[float]:
    """Mean of each value and up to `window` - 1 before it."""
    found, total = [], 0.0
    for place, value in enumerate(values):
        total += value - (values[place - window] if place >= window else 0.0)
        found.append(total / min(place + 1, window))
    return found


def write_curve(path: Path, losses: Sequence[float], title: str, loss_name: str) -> None:
    """Draws the loss of each step and its running mean, as SVG without date or random names."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "corpusmill", "svg.fonttype": "none", "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(7, 4))
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        steps = range(1, len(losses) + 1)
        axes.plot(steps, losses, color="0.75", linewidth=0.8, label="each step")
        window = max(1, len(losses) // SMOOTHING)
        if window > 1:
            axes.plot(steps, smooth(losses, window), color="tab:blue", linewidth=1.5, label=f"mean of {window}")
            axes.legend(frameon=False)
        axes.set_xlabel("step")
        axes.set_ylabel(loss_name)
        axes.set_title(title)
        axes.grid(alpha=0.3)
        sink = io.BytesIO()
        figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    write_replacing(path, sink.getvalue())
