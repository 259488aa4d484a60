"""The dataset card of a corpus: what it is, how it was made, what was refused, licences, known limits."""

from __future__ import annotations

from typing import Any

from pipelines.recipe import Recipe


def write_card(recipe: Recipe, totals: dict[str, Any]) -> str:
    """Markdown with the front matter that dataset hubs read; made from the ledger's sums alone, so it is the same each time."""
    return "\n".join([*_head(recipe, totals), *_funnel(recipe, totals), *_columns(recipe), *_use(recipe)]) + "\n"


def _head(recipe: Recipe, totals: dict[str, Any]) -> list[str]:
    lines = ["---", f"pretty_name: {recipe.name}", f"size_categories: [{_size(totals['num_out'])}]", "---", "", f"# {recipe.name}", ""]
    lines += [f"{recipe.title}." if recipe.title else "", ""]
    lines += [
        f"- records in: {totals['num_in']:,}; out: {totals['num_out']:,}; refused: {totals['num_rejects']:,} (faults: {totals['num_faults']})"
    ]
    lines += [f"- {name}: {value:,}" for name, value in totals["sums"].items()]
    lines += [f"- recipe fingerprint: `{recipe.fingerprint()}` (all parameters are in recipe.json)", ""]
    return lines


def _funnel(recipe: Recipe, totals: dict[str, Any]) -> list[str]:
    docs = {reason.name: reason.doc for step in recipe.steps for reason in step.processor.reasons}
    docs |= {reason.name: reason.doc for reason in recipe.source.reasons}
    lines = ["## Funnel", "", "| step | in | out | refused |", "|---|---:|---:|---|"]
    for step in totals["steps"]:
        refused = ", ".join(f"{name} {count:,}" for name, count in sorted(step["rejects"].items())) or "-"
        lines.append(f"| {step['step']} | {step['num_in']:,} | {step['num_out']:,} | {refused} |")
    lines += ["", "## Reasons", ""] if totals["rejects"] else [""]
    lines += [f"- `{name}` ({count:,}): {docs.get(name, 'the record killed its worker')}" for name, count in totals["rejects"].items()]
    return [*lines, ""]


def _columns(recipe: Recipe) -> list[str]:
    lines = ["## Facts of each row", "", "| column | type | meaning |", "|---|---|---|"]
    return [*lines, *(f"| {fact.name} | {fact.type.__name__} | {fact.doc} |" for fact in recipe.facts), ""]


def _use(recipe: Recipe) -> list[str]:
    lines = ["## Use", "", "```python", "from datasets import load_from_disk", "", "rows = load_from_disk(PATH_OF_THIS_FOLDER)", "```", ""]
    limits = recipe.notes or "None known beyond the filters above."
    return [*lines, "## Known limits", "", limits, "", "Licences of the rows are counted in corpus.json; each row names its own."]


def _size(num: int) -> str:
    for bound, name in ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M")):
        if num < bound:
            return name
    return "n>10M"
