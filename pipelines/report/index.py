"""The index over the reports of all corpora: a table that sorts and filters, totals, and all funnels side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.report.charts import share_bar, small_funnel
from pipelines.report.figures import Statistics
from pipelines.report.layout import render
from pipelines.report.wording import anchor, num_records, share


def index_html(reports: Sequence[tuple[Statistics, str]], name: str, downloads: Sequence[tuple[str, str, str]] = ()) -> str:
    """The page over (statistics, address of its page) of all corpora; `name` is what they are together."""
    rows = [_row(statistics, href) for statistics, href in reports]
    sections = [("corpora", "Corpora"), ("funnels", "Funnels")] + ([("data", "Data")] if downloads else [])
    return render("index.html", f"{name} – corpusmill", sections, name=name, rows=rows, total=_total(rows), downloads=downloads)


def _row(s: Statistics, href: str) -> dict[str, Any]:
    lost = s.num_refused + s.num_faults
    whole = num_records(s.num_in, s.steps)
    ident = anchor("funnel", s.name)
    says = f"Funnel of {s.name}: {s.num_in:,} in, {lost:,} refused, {s.num_out:,} rows"
    return {
        "s": s,
        "href": href,
        "search": f"{s.name} {s.title} {s.kind}".lower(),
        "tokens": {name: s.tokens.get(name, 0) for name in ("text", "image", "audio", "all")},
        "seconds": sum(run.seconds for run in s.runs) if s.runs else None,
        "lost": lost,
        "refused_ratio": lost / whole if whole else 0.0,
        "num_records": whole,
        "refused_share": share(lost, whole),
        "bar": share_bar(lost, whole, "refused"),
        "funnel": small_funnel(s.steps, ident, says),
    }


def _total(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    seconds = [row["seconds"] for row in rows if row["seconds"] is not None]
    return {
        "num_in": sum(row["s"].num_in for row in rows),
        "num_out": sum(row["s"].num_out for row in rows),
        "lost": sum(row["lost"] for row in rows),
        "num_records": sum(row["num_records"] for row in rows),
        "faults": sum(row["s"].num_faults for row in rows),
        "num_bytes": sum(row["s"].num_bytes for row in rows),
        "tokens": {name: sum(row["tokens"][name] for row in rows) for name in ("text", "image", "audio", "all")},
        "seconds": sum(seconds) if seconds else None,
    }
