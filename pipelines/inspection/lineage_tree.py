"""The lineage of a record as a tree for the terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.text import Text
from rich.tree import Tree

from pipelines.inspection.lineage import MORE, REFUSED, SOURCE, Lineage, Relative
from pipelines.inspection.record import visible
from pipelines.inspection.source_bytes import SourceFile, find_source

_STYLES = {REFUSED: "red", SOURCE: "cyan", MORE: "dim"}


def tree_of(lineage: Lineage, sources: Path | None) -> Tree:
    """The record at the root; up to its source, and down to what became of it. `sources` is the folder in which source files may be read."""
    tree = Tree(_line(lineage.record))
    _grow(tree.add(Text("made from", "bold")), lineage.ancestors, sources)
    below = tree.add(Text("what became of it", "bold"))
    if lineage.descendants:
        _grow(below, lineage.descendants, sources)
    else:
        below.add(Text("no corpus beside this one reads it", "dim"))
    return tree


def _grow(branch: Tree, relatives: Iterable[Relative], sources: Path | None) -> None:
    for relative in relatives:
        node = branch.add(_line(relative))
        if relative.what == SOURCE and relative.origin is not None and sources is not None:
            found = find_source(relative.origin, sources)
            if isinstance(found, str):
                node.add(Text(visible(found), "yellow"))
            else:
                node.add(Text(visible(f"{found.path}: {found.num_bytes:,} bytes, sha256 {found.sha256}")))
                if found.shown:
                    node.add(Text(found.shown, "dim"))
        _grow(node, relative.relatives, sources)


def _line(relative: Relative) -> Text:
    if relative.what in (SOURCE, MORE):
        return Text(visible(f"{'source ' if relative.what == SOURCE else ''}{relative.said}"), _STYLES[relative.what])
    text = Text(visible(f"{relative.corpus} "), "bold")
    text.append(visible(f"{relative.key} "), "")
    return text.append(
        visible(f"{relative.what}{':' if relative.what != REFUSED else ''} {relative.said}"), _STYLES.get(relative.what, "dim")
    )


def as_row(lineage: Lineage, sources: Path | None) -> dict[str, Any]:
    """The lineage as JSON values."""
    return {
        "record": _row(lineage.record, sources),
        "ancestors": [_row(relative, sources) for relative in lineage.ancestors],
        "descendants": [_row(relative, sources) for relative in lineage.descendants],
    }


def _row(relative: Relative, sources: Path | None) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(relative, name) for name in ("corpus", "key", "what", "said")}
    row["parents"] = list(relative.parents)
    row["origin"] = None if relative.origin is None else asdict(relative.origin)
    if relative.what == SOURCE and relative.origin is not None and sources is not None:
        found = find_source(relative.origin, sources)
        row["file"] = {**asdict(found), "path": str(found.path)} if isinstance(found, SourceFile) else {"problem": found}
    row["relatives"] = [_row(item, sources) for item in relative.relatives]
    return row
