"""What is asked about a page: its transcription, and, where the answer is certain, its number, its title, the text under a heading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processors.page.writing import HEADING, LAYOUTS, PARAGRAPHS, TABLE, TEXT, Passage
from processors.vision.asked import Asked
from schemas.identity import keyed_rng

KIND = "page"
TRANSCRIBE = (
    "Transcribe the text of this page in reading order.",
    "What is written on this page? Give the full text.",
    "Read this page and write down its text.",
    "Convert this page to text. Write tables as Markdown.",
    "Write out everything that is printed in the body of this page, in the order in which it is read.",
)
PAGE_NUMBER = ("What page number is printed on this page?", "Which page is this, by the number printed on it?", "Read the page number.")
TITLE = (
    "What is the title of this page?",
    "Which title is printed in the largest letters at the top of the page?",
    "Read the title of the document.",
)
SECTION = (
    'What is the paragraph below the heading "{heading}"?',
    'Transcribe the first paragraph under "{heading}".',
    'Which text follows directly after the heading "{heading}"?',
)
TITLE_LARGER = 1.25  # than every other letter
TITLE_WITHIN = 0.4  # of the height, from the top
MAX_HEADING_CHARS, MIN_PARAGRAPH_CHARS = 100, 40


@dataclass(frozen=True, slots=True)
class PageText:
    """A page as it was read. `passages` as told by the reader (kind, lines, rows, box, size)."""

    passages: tuple[Passage, ...]
    words: frozenset[str]
    page_number: str

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> PageText:
        passages = (
            Passage(one["kind"], tuple(one["lines"]), tuple(map(tuple, one["rows"])), tuple(one["box"]), one["size"])
            for one in told["passages"]
        )
        return cls(tuple(passages), frozenset(told.get("words", ())), told.get("page_number", ""))

    def texts(self, layout: str = PARAGRAPHS) -> list[str]:
        return [one.text(layout, self.words).strip() for one in self.passages]


def transcription(page: PageText, layout: str = PARAGRAPHS) -> str:
    """The text of a page: passages in reading order, an empty line between them. Raises: ValueError for an unknown layout."""
    if layout not in LAYOUTS:
        raise ValueError(f"layout is {layout!r}, expected {' or '.join(LAYOUTS)}")
    return "\n\n".join(text for text in page.texts(layout) if text)


def truth_of(page: PageText, layout: str = PARAGRAPHS) -> dict[str, Any]:
    """What questions about a page are computed from, as JSON values."""
    told = [
        {"kind": one.kind, "text": text, "size": one.size, "top": one.box[1]}
        for one, text in zip(page.passages, page.texts(layout), strict=True)
    ]
    return {"passages": [one for one in told if one["text"]], "page_number": page.page_number}


def execute(truth: Mapping[str, Any], program: Mapping[str, Any]) -> str:
    """The answer of a program: transcribe, page_number, title, or below (with `heading`).

    Raises: ValueError for another program, or one without its one right answer in this truth.
    """
    passages, op = truth["passages"], program["op"]
    if op == "transcribe":
        return "\n\n".join(one["text"] for one in passages)
    if op == "page_number" and truth["page_number"]:
        return str(truth["page_number"])
    if op == "title":
        found = _title(passages)
    elif op == "below":
        found = _below(passages, str(program["heading"]))
    else:
        found = ""
    if not found:
        raise ValueError(f"program {dict(program)} has no one answer on this page; expected transcribe, page_number, title or below")
    return found


def _title(passages: Sequence[Mapping[str, Any]]) -> str:
    """The one passage near the top in letters that are clearly the largest of the page; empty without."""
    sizes = sorted({one["size"] for one in passages if one["kind"] != TABLE}, reverse=True)
    if len(sizes) < 2 or sizes[0] < TITLE_LARGER * sizes[1]:
        return ""
    largest = [one for one in passages if one["size"] == sizes[0]]
    if len(largest) != 1 or largest[0]["kind"] != HEADING or largest[0]["top"] > TITLE_WITHIN:
        return ""
    return str(largest[0]["text"]).replace("\n", " ")


def _below(passages: Sequence[Mapping[str, Any]], heading: str) -> str:
    """The paragraph right after the one heading of this wording; empty without."""
    named = [number for number, one in enumerate(passages) if one["text"].replace("\n", " ") == heading]
    if len(named) != 1 or passages[named[0]]["kind"] != HEADING or named[0] + 1 >= len(passages):
        return ""
    after = passages[named[0] + 1]
    stops = after["text"].rstrip("\"'”’)").endswith((".", "!", "?", "。", "؟"))
    return str(after["text"]) if after["kind"] == TEXT and len(after["text"]) >= MIN_PARAGRAPH_CHARS and stops else ""


def questions_about(truth: Mapping[str, Any], seed: int, key: str) -> list[Asked]:
    """The questions whose answer is certain, one of each kind, the wording chosen by seed and key."""
    rng = keyed_rng(seed, "page_questions", key)

    def worded(wordings: Sequence[str]) -> str:
        return wordings[int(rng.integers(len(wordings)))]

    asked: list[Asked] = []
    if truth["page_number"]:
        asked.append(_asked(worded(PAGE_NUMBER), truth, {"kind": KIND, "op": "page_number"}))
    if _title(truth["passages"]):
        asked.append(_asked(worded(TITLE), truth, {"kind": KIND, "op": "title"}))
    counts = Counter(one["text"] for one in truth["passages"])
    headings = [one["text"].replace("\n", " ") for one in truth["passages"] if one["kind"] == HEADING and counts[one["text"]] == 1]
    answered = [
        heading for heading in headings if len(heading) <= MAX_HEADING_CHARS and '"' not in heading and _below(truth["passages"], heading)
    ]
    if answered:
        heading = answered[int(rng.integers(len(answered)))]
        asked.append(_asked(worded(SECTION).format(heading=heading), truth, {"kind": KIND, "op": "below", "heading": heading}))
    return asked


def _asked(question: str, truth: Mapping[str, Any], program: Mapping[str, Any]) -> Asked:
    return Asked(question, execute(truth, program), program)
