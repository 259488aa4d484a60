"""What is installed: the four import packages with all their sub-packages, and nothing else."""

from __future__ import annotations

import tomllib
from pathlib import Path

from setuptools import find_packages

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_our_packages_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = find_packages(str(ROOT), include=project["tool"]["setuptools"]["packages"]["find"]["include"])
    assert {name.split(".")[0] for name in found} == {"schemas", "processors", "pipelines", "model"}
    for package in ("schemas", "processors", "pipelines", "model"):
        for file in (ROOT / package).rglob("*.py"):
            assert ".".join(file.parent.relative_to(ROOT).parts) in found, f"{file} is in no installed package"
    assert project["project"]["scripts"] == {"corpusmill": "pipelines.__main__:main"}
