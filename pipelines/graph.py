"""Work over a whole corpus as a graph of `dask.delayed` tasks: in this process, or on Ray (see pipelines/cluster).

A task is a plain function of paths and small values that writes files or gives a small value; how the graph is run
decides no byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Compute = Callable[[Sequence[Any]], list[Any]]


def compute_here(tasks: Sequence[Any]) -> list[Any]:
    """The results of `dask.delayed` tasks, in order, one after another in this process."""
    import dask  # a third of a second to import

    return list(dask.compute(*tasks, scheduler="synchronous"))
