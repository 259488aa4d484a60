"""Refused records on a page: by step and reason, with what was measured beside what was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from pipelines.report.drawn import Refusals
from pipelines.report.markup import EMPTY, Budget, cut_middle, facts_html, folded, join, table, value_text
from pipelines.report.wording import anchor
from schemas.corpus import read_facts
from schemas.facts import TYPES, Fact, Limit, Where, read_limit
from schemas.outcome import CRASH, FAULT

MAX_DETAIL_CHARS = 1_000
MAX_TRACE_CHARS = 6_000
FACT_TYPES = {kind.__name__: kind for kind in TYPES}
FAILURES = {FAULT: "fault: a processor raised", CRASH: "crash: the record killed its worker"}


def refusals_html(groups: Sequence[Refusals], recipes: Mapping[str, Mapping[str, Any]], budget: Budget) -> Markup:
    """Sections of refused records; `recipes` are what recipe.json says, by stage. Reasons that no longer fit are named alone."""
    shown, left_out, places = [], [], set[str]()
    for group in groups:
        place = anchor("reason", group.step, group.reason)
        place = place if place not in places else anchor("reason", group.stage, group.step, group.reason)  # two stages with one step
        places.add(place)
        section = _group(group, recipes[group.stage], place)
        if budget.holds(section):
            shown.append(section)
        else:
            left_out.append(f"{group.step}: {group.reason} ({group.num_records:,})")
    note = Markup('<p class="example-note">Left out, as the page has reached its size: {}.</p>').format(
        cut_middle(", ".join(left_out), 2_000)
    )
    return join(shown) + (note if left_out else EMPTY)


def _group(group: Refusals, recipe: Mapping[str, Any], place: str) -> Markup:
    doc = recipe.get("reasons", {}).get(group.step, {}).get(group.reason, "")
    failure = Markup(' <span class="example-failure">{}</span>').format(FAILURES[group.failure]) if group.failure in FAILURES else EMPTY
    shown = f"{group.num_records:,} refused, {len(group.rows):,} shown"
    docs = docs_of(recipe)
    return Markup(
        '<section class="example-refusals" id="{}"><h3>{}: {}{}</h3><p>{}</p><p class="example-note">Stage {}, {}.</p>{}</section>'
    ).format(
        place, group.step, group.reason, failure, doc, group.stage, shown, join(_refusal(row, group, recipe, docs) for row in group.rows)
    )


def docs_of(recipe: Mapping[str, Any]) -> dict[str, str]:
    """What each fact of a corpus means, by name."""
    return {name: str(told["doc"]) for name, told in recipe.get("facts", {}).items()}


def _refusal(row: Mapping[str, str], group: Refusals, recipe: Mapping[str, Any], docs: Mapping[str, str]) -> Markup:
    facts = measured(row)
    broken, others = [], dict(facts)
    for limit in limits_of_reason(recipe, group.step, group.reason, facts):
        if limit.judges(facts):
            broken.append((limit, facts[limit.fact.name]))
            others.pop(limit.fact.name, None)
    origin = " ".join(part for part in (row["source"], row["revision"], row["locator"], row["licence"]) if part)
    trace = folded("Traceback", Markup('<pre tabindex="0">{}</pre>').format(cut_middle(row["traceback"], MAX_TRACE_CHARS)))
    return Markup(
        '<article class="example-refusal"><h4><code>{}</code></h4><p dir="auto">{}</p>{}<p class="example-note">Where it lies: {}</p>{}{}</article>'
    ).format(
        cut_middle(row["key"], 200),
        cut_middle(row["detail"], MAX_DETAIL_CHARS) or "no detail",
        _limits(broken),
        cut_middle(origin, 600),
        facts_html(others, docs, "Other facts that were measured before"),
        trace if row["traceback"] else EMPTY,
    )


def measured(row: Mapping[str, str]) -> dict[str, Any]:
    """What had been measured of a refused record."""
    return read_facts(row.get("facts", ""))


def limits_of_reason(recipe: Mapping[str, Any], step: str, reason: str, facts: Mapping[str, Any]) -> list[Limit]:
    """The limits of a step that refuse with this reason. A fact that no row of the corpus carries has the type of its value in `facts`."""
    told = [row for row in recipe.get("limits", {}).get(step, ()) if row["reason"] == reason]
    names = {name for row in told for name in _facts_named(row)}
    return [read_limit(row, {name: _fact(name, recipe, facts) for name in names}) for row in told]


def _facts_named(row: Mapping[str, Any]) -> Iterable[str]:
    yield row["fact"]
    for where in row["where"]:
        yield where["fact"]
        yield from where.get("plus", ())


def _fact(name: str, recipe: Mapping[str, Any], facts: Mapping[str, Any]) -> Fact:
    kind = recipe.get("facts", {}).get(name, {}).get("type")
    found = type(facts[name]) if name in facts and type(facts[name]) in TYPES else float
    return Fact(name, FACT_TYPES.get(kind, found), "")


def _limits(broken: Sequence[tuple[Limit, Any]]) -> Markup:
    """Measured beside asked; what is out of bounds is said in words."""
    if not broken:
        return EMPTY
    rows = []
    for limit, value in broken:
        keeps = isinstance(value, (bool, int, float)) and limit.keeps(float(value))
        verdict = "within" if keeps else Markup("<strong class='example-wrong'>outside</strong>")
        rows.append((Markup("<code>{}</code>").format(limit.fact.name), value_text(value), asked(limit), verdict))
    return table(("fact", "measured", "asked", "verdict"), rows)


def asked(limit: Limit) -> str:
    """The bounds of a limit in words, and of which records it asks."""
    bounds = [f"at least {limit.least:g}"] if limit.least is not None else []
    bounds += [f"at most {limit.most:g}"] if limit.most is not None else []
    words = " and ".join(bounds) or "any"
    return f"{words}, where {' and '.join(map(_where, limit.where))}" if limit.where else words


def _where(where: Where) -> str:
    name = " + ".join((where.fact.name, *(fact.name for fact in where.plus)))
    told = [f"is {' or '.join(map(value_text, where.any_of))}"] if where.any_of else []
    told += [f"is not {' or '.join(map(value_text, where.none_of))}"] if where.none_of else []
    told += [f"is at least {where.least:g}"] if where.least is not None else []
    told += [f"is at most {where.most:g}"] if where.most is not None else []
    return f"{name} {' and '.join(told)}"
