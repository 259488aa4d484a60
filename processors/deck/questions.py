"""Questions that a slide answers by what can be read off it, each with the program of its answer; several wordings a kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from processors.deck.programs import KIND, bullets_of, execute
from processors.vision.asked import Asked

Content = Mapping[str, Any]

MIN_BULLETS = 2
MAX_LISTED = 15
MAX_CELLS_ASKED = 2
MIN_CHART_GAP = 0.08  # of the span of a chart's values: less is not seen without numbers
COMPARED = ("bar", "grouped_bar", "horizontal_bar", "line", "pie", "donut")
MAX_CHART_CELLS = 60
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")

WORDINGS: dict[str, tuple[str, ...]] = {
    "title": ("What is the title of this slide?", "Read the title of the slide.", "What does the slide's heading say?"),
    "transcription": (
        "Transcribe the text of this slide as Markdown.",
        "Write down everything that the slide says, in Markdown.",
        "Convert this slide to Markdown text.",
    ),
    "bullets": (
        "List the bullet points of this slide.",
        "What are the points in the list on this slide?",
        "Write out the slide's list, a point a line.",
    ),
    "num_bullets": (
        "How many points does the list on this slide have?",
        "How many items are in the slide's list?",
        "Count the points of the list.",
    ),
    "bullet": ("What is the {place} point in the list?", "Read the {place} item of the list.", "What does the {place} bullet point say?"),
    "next_bullet": (
        'Which point comes right after "{after}"?',
        'What follows "{after}" in the list?',
        'Which item is listed directly below "{after}"?',
    ),
    "num_pictures": ("How many pictures are on this slide?", "Count the pictures on the slide.", "How many images does this slide show?"),
    "num_tables": ("How many tables are on this slide?", "Count the tables on the slide.", "How many tables does this slide contain?"),
    "num_charts": ("How many charts are on this slide?", "Count the charts on the slide.", "How many charts does this slide show?"),
    "shape_text": ("What text is inside the {shape}?", "Read the text in the {shape}.", "What does the {shape} say?"),
    "cell": (
        'What does the table give for "{row}" in the column "{column}"?',
        'In the table, what is in the row "{row}" under "{column}"?',
        'Look up "{column}" for "{row}" in the table.',
    ),
    "num_columns": ("How many columns does the table have?", "Count the columns of the table."),
    "chart_title": ("What is the title of the chart?", "Read the title above the chart.", "How is the chart titled?"),
    "chart_value": (
        "What value does the chart show for {what}?",
        "Read the value of {what} from the chart.",
        "In the chart, what is the value for {what}?",
    ),
    "chart_argmax": ("Which category has the largest value{of} in the chart?", "Where does the chart show its largest value{of}?"),
    "chart_argmin": ("Which category has the smallest value{of} in the chart?", "Where does the chart show its smallest value{of}?"),
    "chart_table": ("Write the data of the chart as a Markdown table.", "Give the numbers behind the chart as a table in Markdown."),
    "notes": (
        "Write speaker notes for this slide.",
        "What could a speaker say about this slide?",
        "Draft the speaker notes that go with this slide.",
    ),
    "titles": (
        "List the titles of the slides in order.",
        "What are the titles of these slides, in order?",
        "Write down the title of each slide.",
    ),
    "slide_titled": (
        'Which of these slides has the title "{title}"? Give its number in the order shown.',
        'At which place in the sequence is the slide titled "{title}"? Answer with a number.',
    ),
}
WITHOUT_PICTURES = " Leave out what stands inside pictures and charts."


class _Asker:
    """Words questions by a keyed generator and computes their answers."""

    def __init__(self, truth: Sequence[Content], rng: np.random.Generator) -> None:
        self.truth, self.rng = truth, rng

    def pick(self, options: Sequence[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def some(self, options: Sequence[Any], most: int) -> list[Any]:
        """At most so many of them, in their order."""
        return [options[at] for at in sorted(self.rng.permutation(len(options))[:most])]

    def ask(self, op: str, words: Mapping[str, str] | None = None, more: str = "", **arguments: Any) -> Asked:
        program = {"kind": KIND, "op": op, **arguments}
        return Asked(self.pick(WORDINGS[op]).format(**(words or {})) + more, execute(self.truth, program), program)


def slide_questions(content: Content, rng: np.random.Generator, notes: str = "") -> list[Asked]:
    """Every kind of question that one slide answers, a few of each kind; the notes as a target when they are given."""
    asker = _Asker([content], rng)
    found = [asker.ask("title")] if content["title"] else []
    has_text = any(block["kind"] != "chart" for block in content["blocks"])
    if content["is_whole"] and has_text:
        is_plain = content["num_pictures"] == 0 and content["num_charts"] == 0
        found.append(asker.ask("transcription", more="" if is_plain else WITHOUT_PICTURES))
    for kind in ("num_pictures", "num_tables", "num_charts"):
        found += [asker.ask(kind)] if content[kind] else []
    blocks = list(enumerate(content["blocks"]))
    found += _lists(asker, [(at, block) for at, block in blocks if block["kind"] == "text"])
    tables = [(at, block) for at, block in blocks if block["kind"] == "table"]
    found += _table(asker, *tables[0]) if len(tables) == 1 == content["num_tables"] else []
    charts = [(at, block) for at, block in blocks if block["kind"] == "chart"]
    found += _chart(asker, *charts[0]) if len(charts) == 1 == content["num_charts"] else []
    if notes:
        found.append(Asked(asker.pick(WORDINGS["notes"]), notes))
    return found


def deck_questions(contents: Sequence[Content], rng: np.random.Generator) -> list[Asked]:
    """Questions about several slides; none unless every slide has a title that can be read."""
    titles = [content["title"] for content in contents]
    if len(titles) < 2 or not all(titles):
        return []
    asker = _Asker([{"title": title} for title in titles], rng)
    found = [asker.ask("titles")]
    single = [title for title, number in Counter(titles).items() if number == 1]
    if single:
        title = asker.pick(single)
        found.append(asker.ask("slide_titled", {"title": title}, title=title))
    return found


def _lists(asker: _Asker, texts: list[tuple[int, Content]]) -> Iterator[Asked]:
    """The only list of the slide, when it is flat; texts of shapes that can be named."""
    listed = [(at, block) for at, block in texts if bullets_of(block)]
    if len(listed) == 1:
        at, block = listed[0]
        bullets = bullets_of(block)
        flat = len({paragraph["level"] for paragraph in block["paragraphs"] if paragraph["bullet"]}) == 1
        if flat and MIN_BULLETS <= len(bullets) <= MAX_LISTED:
            yield asker.ask("bullets", block=at)
            yield asker.ask("num_bullets", block=at)
            place = int(asker.rng.integers(min(len(bullets), len(ORDINALS)))) + 1
            yield asker.ask("bullet", {"place": ORDINALS[place - 1]}, block=at, place=place)
            single = [bullet for bullet in bullets[:-1] if bullets.count(bullet) == 1]
            if single:
                after = asker.pick(single)
                yield asker.ask("next_bullet", {"after": after}, block=at, after=after)
    for at, block in texts:
        if block["shape"]:
            yield asker.ask("shape_text", {"shape": block["shape"]}, block=at)


def _table(asker: _Asker, at: int, block: Content) -> Iterator[Asked]:
    """Cells that a row's and a column's name pick out, none of them merged."""
    rows, single = block["rows"], block["single"]
    if len(rows) < 2 or len(rows[0]) < 2:
        return
    if all(all(line) for line in single) and all(rows[0][1:]):
        yield asker.ask("num_columns", block=at)
    columns = [c for c in range(1, len(rows[0])) if single[0][c] and rows[0][c] and rows[0][1:].count(rows[0][c]) == 1]
    names = [row[0] for row in rows[1:]]
    picked = [r for r in range(1, len(rows)) if single[r][0] and rows[r][0] and names.count(rows[r][0]) == 1]
    cells = [(r, c) for r in picked for c in columns if rows[r][c] and single[r][c]]
    for r, c in asker.some(cells, MAX_CELLS_ASKED):
        words = {"row": rows[r][0], "column": rows[0][c]}
        yield asker.ask("cell", words, block=at, **words)


def _chart(asker: _Asker, at: int, block: Content) -> Iterator[Asked]:
    if not block["seen"]:
        return
    if block["title"]:
        yield asker.ask("chart_title", block=at)
    names, series = block["categories"], block["series"]
    told_apart = len(series) == 1 or (all(one["name"] for one in series) and len({one["name"] for one in series}) == len(series))
    if not block["exact"] or block["chart"] not in COMPARED or not all(names) or len(set(names)) < len(names) or not told_apart:
        return
    number = int(asker.rng.integers(len(series)))
    known = [(name, value) for name, value in zip(names, series[number]["values"], strict=True) if value is not None]
    name = series[number]["name"] if len(series) > 1 else ""
    if block["labels"] and known:
        category = asker.pick(known)[0]
        what = f'"{category}"' + (f' in the series "{name}"' if name else "")
        yield asker.ask("chart_value", {"what": what}, block=at, series=number, category=category)
        if len(names) * len(series) <= MAX_CHART_CELLS and all(one["name"] for one in series):
            yield asker.ask("chart_table", block=at)
    every = [value for one in series for value in one["values"] if value is not None]
    needed = 0.0 if block["labels"] else MIN_CHART_GAP * (max([0.0, *every]) - min([0.0, *every]))
    for op, is_reversed in (("chart_argmax", True), ("chart_argmin", False)):
        ordered = sorted((value for _, value in known), reverse=is_reversed)
        if len(ordered) > 1 and abs(ordered[0] - ordered[1]) > needed:
            yield asker.ask(op, {"of": f' of "{name}"' if name else ""}, block=at, series=number)
