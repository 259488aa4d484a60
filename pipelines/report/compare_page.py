"""Two builds side by side: what differs in their recipes, counts, spreads of facts, and rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from pipelines.report.charts import Series, draw, histograms
from pipelines.report.compare import Comparison, FactChange, Move, ReasonChange
from pipelines.report.facts import BarTable, Picture, Quantiles, clipped, fact_place, quantiles_of, table_of
from pipelines.report.figures import Spread, Statistics
from pipelines.report.layout import render
from pipelines.report.scale import numbers_of
from pipelines.report.wording import anchor, count, exact, share, size

MAX_FACTS = 60  # with a picture: those that changed most
LEAST_DISTANCE = 0.0005  # below it a fact is spread alike, and only its counts differ
MAX_MOVES = 40
MAX_KEYS = 20
MAX_VALUES = 8
CHANGES = {
    "only_a": "Rows only in A",
    "only_b": "Rows only in B",
    "changed": "Rows in both, with other content",
    "refused_otherwise": "Records refused in both, for different reasons",
}


@dataclass(frozen=True, slots=True)
class ChangeCard:
    """A fact in both builds: histogram of shares, quantiles, or frequent values."""

    change: FactChange
    place: str
    pictures: tuple[Picture, ...]
    quantiles: Quantiles | None
    table: BarTable | None
    values: tuple[tuple[str, str, str], ...]


def compare_html(comparison: Comparison, names: tuple[str, str], downloads: Sequence[tuple[str, str, str]] = ()) -> str:
    """The page; `names` say which builds A and B are, such as their paths."""
    c = comparison
    shown = [fact for fact in c.facts if fact.distance >= LEAST_DISTANCE][:MAX_FACTS]
    sections = [
        ("overview", "Overview"),
        ("recipes", "Recipes"),
        ("steps", "Steps"),
        ("reasons", "Reasons"),
        ("distributions", "Distributions"),
        ("rows", "Rows"),
    ] + ([("data", "Data")] if downloads else [])
    return render(
        "compare.html",
        f"{c.a.name} against {c.b.name} – corpusmill",
        sections,
        c=c,
        names=names,
        heads=_heads(c.a, c.b),
        steps=[
            {"s": step, "ins": change(step.num_in_a, step.num_in_b), "outs": change(step.num_out_a, step.num_out_b)} for step in c.steps
        ],
        reasons=[{"r": reason, "change": change(reason.num_a, reason.num_b)} for reason in sorted(c.reasons, key=_most_changed)],
        cards=[card_of(fact) for fact in shown],
        others=[fact for fact in c.facts if fact.name not in {each.name for each in shown}],
        moves=[_move(move) for move in c.rows.moves[:MAX_MOVES]],
        num_moves=len(c.rows.moves),
        examples=[(title, c.rows.examples.get(name, ())[:MAX_KEYS]) for name, title in CHANGES.items() if c.rows.examples.get(name)],
        why=said,
        downloads=downloads,
    )


def change(a: int | None, b: int | None) -> Markup:
    """The difference of two counts: a sign and an arrow, never colour alone."""
    if a is None or b is None:
        return Markup('<span class="change">{}</span>').format("only in B" if a is None else "only in A")
    if a == b:
        return Markup('<span class="change none">same</span>')
    ratio = f" ({share(abs(b - a), a)})" if a else ""
    look, sign = ("up", "+") if b > a else ("down", "−")
    return Markup('<span class="change {}">{}{}{}</span>').format(look, sign, count(abs(b - a)), ratio)


def _heads(a: Statistics, b: Statistics) -> list[dict[str, Any]]:
    """The figures of both, a line each."""
    numbers = [
        (name.removeprefix("num_"), getattr(a, name), getattr(b, name)) for name in ("num_in", "num_out", "num_refused", "num_faults")
    ]
    numbers += [(f"{name} tokens", a.tokens.get(name, 0), b.tokens.get(name, 0)) for name in ("text", "image", "audio", "all")]
    rows = [{"name": name, "a": count(one), "b": count(other), "change": change(one, other)} for name, one, other in numbers]
    sizes = {"a": size(a.num_bytes), "b": size(b.num_bytes), "change": change(a.num_bytes, b.num_bytes)}
    return [*rows, {"name": "bytes", **sizes}]


def _most_changed(reason: ReasonChange) -> tuple[int, str, str]:
    return -abs(reason.num_a - reason.num_b), reason.step, reason.reason


def said(why: tuple[str, str, str, str]) -> str:
    """Why a record was refused, in words."""
    stage, step, reason, failure = why
    if not any(why):
        return "not a record of this build"
    return f"{step}: {reason}" + (f" ({failure})" if failure != "reject" else "") + (f", stage {stage}" if stage else "")


def _move(move: Move) -> dict[str, Any]:
    in_a = "a row" if move.change == "only_a" else said(move.why_a)
    in_b = "a row" if move.change == "only_b" else said(move.why_b)
    return {"in_a": in_a, "in_b": in_b, "num": move.num_rows}


def card_of(fact: FactChange) -> ChangeCard:
    """The picture and the tables of a fact that changed."""
    series = [Series("A", "first", numbers_of(fact.a)), Series("B", "second", numbers_of(fact.b))]
    is_text = fact.type in ("str", "bool")
    whole = fact.type == "int"
    drawn = [] if is_text else histograms(series, whole=whole)
    pictures = tuple(
        Picture(
            "log" if each.scale.is_log else "linear",
            draw(each, series, (), anchor("svg", fact.name, str(place)), *_told(fact), whole, stacked=False),
        )
        for place, each in enumerate(drawn)
    )
    quantiles = None if is_text else quantiles_of([("A", fact.a), ("B", fact.b)])
    values = _values(fact.a, fact.b) if is_text else ()
    return ChangeCard(fact, fact_place(fact.name), pictures, quantiles, table_of(drawn[0], series) if drawn else None, values)


def _told(fact: FactChange) -> tuple[str, str]:
    described = [
        f"{name}: {count(s.num_records)} rows from {exact(s.least)} to {exact(s.most)}" for name, s in (("A", fact.a), ("B", fact.b))
    ]
    return f"Histogram of {fact.name} in both builds", f"{'; '.join(described)}. Areas are shares of each build's rows."


def _values(a: Spread, b: Spread) -> tuple[tuple[str, str, str], ...]:
    one, other = dict(a.values), dict(b.values)
    names = sorted({*one, *other}, key=lambda text: (-abs(one.get(text, 0) - other.get(text, 0)), text))
    return tuple((clipped(name), count(one.get(name, 0)), count(other.get(name, 0))) for name in names[:MAX_VALUES])
