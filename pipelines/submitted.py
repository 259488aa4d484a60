"""The start of a submitted build on the cluster: checks that versions fit and that nodes have the credentials, then builds as `corpusmill build` does.

It may be read by a Python that the rest does not run on, so it is written plainly.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

ORDER = ".submitted.json"  # in the job's working directory; written by pipelines/submission.py
CHECK_S = 300.0  # for all nodes together to fetch the code, start a process and answer


def main() -> None:
    """Runs the order; the exit code is the build's, 2 where the cluster does not fit."""
    order = json.loads(Path(ORDER).read_text())
    problem = version_problem(order) or environment_problem(order)
    if problem:
        sys.stderr.write("error: " + problem + "\n")
        sys.exit(2)
    from pipelines.__main__ import app

    sys.argv = ["corpusmill", *order["command"]]
    app()


def version_problem(order: dict) -> str:
    """What differs between this node and the machine that submitted; empty where nothing does."""
    from importlib.metadata import PackageNotFoundError, version

    python = list(sys.version_info[:2])
    if python != order["python"]:
        theirs, ours = (".".join(map(str, numbers)) for numbers in (order["python"], python))
        return f"the build was submitted by Python {theirs}, but {sys.executable} on the cluster is {ours}; run the nodes with Python {theirs}, or name one with --python"
    for name in ("ray", "corpusmill"):
        try:
            found = version(name)
        except PackageNotFoundError:
            return f"{sys.executable} on the cluster has no package {name}; install corpusmill's dependencies on the nodes, or name another Python with --python"
        if found != order[name]:
            return f"the build was submitted with {name} {order[name]}, but the cluster has {found}; use the same version on both sides"
    return ""


def environment_problem(order: dict) -> str:
    """A node whose environment lacks a credential that the build needs, by name; empty where all have them. That nodes see the paths, the build checks."""
    if not order["env"]:
        return ""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
    try:
        look, asked = ray.remote(absent), {}
        for node in ray.nodes():
            if node["Alive"]:
                there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                asked[look.options(num_cpus=0, max_retries=0, scheduling_strategy=there).remote(order["env"])] = node["NodeManagerAddress"]
        answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=CHECK_S)
        if silent:
            return f"node {asked[silent[0]]} has run no task in {CHECK_S:.0f} s; look at its raylet, or take it out of the cluster"
        for ref in answered:
            for name in ray.get(ref):
                return f"node {asked[ref]} has no {name} in its environment; a credential is not sent with a job: give it to the node's `ray start`"
    finally:
        ray.shutdown()
    return ""


def absent(names: list) -> list:
    """Those of the names that this node's environment does not have."""
    return [name for name in names if name not in os.environ]


if __name__ == "__main__":
    main()
