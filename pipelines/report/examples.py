"""Rows of a corpus as a person can judge them, and refused records with why: a part of the corpus's page.

Everything is bounded: rows, pixels, seconds, characters, and the bytes of the whole. Nothing outside the corpus and its earlier
stages is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from pipelines.report.drawn import drawn_refusals, drawn_rows
from pipelines.report.learned import LEGEND, learned_html
from pipelines.report.markup import EMPTY, Budget, cut_middle, facts_html, folded, join, number_of
from pipelines.report.messages import messages_html
from pipelines.report.pictures import pictures_html
from pipelines.report.refused import docs_of, refusals_html
from pipelines.report.sound import audio_html
from pipelines.stage import earlier_stages
from processors.vision.marks import marks_of
from schemas.corpus import Corpus
from schemas.records import Record, audios_of, images_of

MAX_BYTES = 5_000_000
FRAME_BYTES = 60_000  # for heads, captions and axes, which are not counted one by one
MAX_PARENTS = 12
ALL_SHOWN = "Every row is shown, in the order of keyed hashes."
HOW_DRAWN = (
    "The first {} have the smallest keyed hashes of all rows, a fair sample. The others are chosen for variety of what tells rows apart: "
    "languages, tasks, kinds, sources, lengths."
)


def examples_html(corpus: Path, num_rows: int = 12, num_per_reason: int = 3, seed: int = 0, max_bytes: int = MAX_BYTES) -> str:
    """An HTML fragment: sections of rows, and of refused records of the corpus and its earlier stages.

    The same corpus gives the same bytes. Media that no longer fit into `max_bytes` are left out, the last ones first, and then rows.
    It asks nothing of a network; a page that holds it must allow images and media of `data:` and inline styles.

    Raises:
        CorpusError, SchemaError: not a finished corpus, or one of another version.
    """
    whole = Corpus(corpus)
    whole.totals()  # raises when the build did not end
    stages = [*(Corpus(stage) for stage in earlier_stages(corpus)), whole]
    recipes = {stage.path.name: stage.recipe() for stage in stages}
    budget = Budget(max(0, max_bytes - FRAME_BYTES))
    refused_budget = Budget(budget.left_bytes // 3)
    refused = _refused(stages, recipes, num_per_reason, seed, refused_budget)
    budget.left_bytes -= budget.left_bytes // 3 - refused_budget.left_bytes
    docs = docs_of(recipes[whole.path.name])
    records = drawn_rows(whole, num_rows, seed)
    rows = _rows(records, whole, docs, budget)
    return str(Markup('<div class="examples">{}{}</div>').format(rows, refused))


def _rows(records: list[Record], corpus: Corpus, docs: Mapping[str, str], budget: Budget) -> Markup:
    totals = corpus.totals()
    shown = [row for number, record in enumerate(records, 1) if (row := _row(record, number, docs, budget)) is not None]
    every = totals["num_out"] == len(records)
    notes = ["No row came out." if not totals["num_out"] else ALL_SHOWN if every else HOW_DRAWN.format(-(-len(records) // 2))]
    if budget.num_dropped:
        every_medium = budget.num_media + budget.num_dropped
        notes.append(f"{budget.num_dropped:,} of {every_medium:,} pictures and sounds are left out, as the page has reached its size.")
    if len(shown) < len(records):
        notes.append(f"{len(records) - len(shown)} of {number_of(len(records), 'row')} are left out, as the page has reached its size.")
    links = join(Markup('<li><a href="#example-{}">{}</a></li>').format(number, number) for number, _ in shown)
    legend = Markup('<nav aria-label="Rows"><ol class="example-links">{}</ol></nav>{}').format(links, LEGEND) if shown else EMPTY
    return Markup(
        '<section aria-labelledby="examples-rows"><h2 id="examples-rows">Rows of {}</h2><p class="example-note">{}</p>{}{}</section>'
    ).format(totals["name"], " ".join(notes), legend, join(row for _, row in shown))


def _row(record: Record, number: int, docs: Mapping[str, str], budget: Budget) -> tuple[int, Markup] | None:
    """A row and its number, None where its texts no longer fit: they are paid for first, so that media are what is left out."""
    images, clips = list(images_of(record)), list(audios_of(record))
    words = messages_html(record)
    tail = learned_html(record) + facts_html(record.facts, docs, "Facts")
    if not budget.holds(words + tail):
        return None
    media = pictures_html(images, marks_of(record), budget) if images else EMPTY
    media += audio_html(clips, record.facts, budget) if clips else EMPTY
    beside = Markup('<div class="example-media-column">{}</div>').format(media) if media else EMPTY
    return number, Markup(
        '<article class="example" id="example-{}" aria-labelledby="example-{}-title">{}<div class="example-columns{}">{}<div>{}</div></div>'
        "<h4>What is learned</h4>{}</article>"
    ).format(number, number, _head(record, number), " has-media" if media else "", beside, words, tail)


def _head(record: Record, number: int) -> Markup:
    origin = record.origin
    told = [("source", origin.source), ("revision", origin.revision), ("place", origin.locator), ("licence", origin.licence or "unknown")]
    rows = join(Markup("<dt>{}</dt><dd>{}</dd>").format(name, cut_middle(value, 400)) for name, value in told if value)
    return Markup('<h3 id="example-{}-title">Row {}: <code>{}</code></h3><dl class="example-origin">{}</dl>{}').format(
        number, number, cut_middle(record.key, 200), rows, _parents(record)
    )


def _parents(record: Record) -> Markup:
    if not record.parents:
        return EMPTY
    listed = join(Markup("<li><code>{}</code></li>").format(cut_middle(parent, 200)) for parent in record.parents[:MAX_PARENTS])
    more = len(record.parents) - MAX_PARENTS
    listed += Markup("<li>{} more</li>").format(f"{more:,}") if more > 0 else EMPTY
    return folded(f"Made from {number_of(len(record.parents), 'record')}", Markup("<ul>{}</ul>").format(listed))


def _refused(stages: list[Corpus], recipes: Mapping[str, Mapping[str, object]], num_per_reason: int, seed: int, budget: Budget) -> Markup:
    groups = drawn_refusals(stages, num_per_reason, seed)
    body = refusals_html(groups, recipes, budget) if groups else Markup("<p>No record was refused.</p>")
    return Markup('<section aria-labelledby="examples-refused"><h2 id="examples-refused">Refused records</h2>{}</section>').format(body)
