"""Fill-in-the-middle and next-block completion as conversations: code with a hole, and what is missing.

The user shows what stands before and after the hole, each behind its marker, in either order; the assistant answers with a marker and
the missing text. All white space is kept: the template swallows it only right after a role, where markers and the request stand.
Why this form: runbooks/decisions/0015-fill-in-the-middle.md.

Source: orders PSM (prefix, suffix, middle) and SPM (suffix, prefix, middle) of Bavarian et al. 2022 (arXiv 2207.14255, section 3);
the markers are spelled as those of SantaCoder and StarCoder (arXiv 2305.06161, section 5), and are ordinary text here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from processors.code.holes import CHARACTER, FINDERS, LINE, NEXT, NODE, Hole, Sizes, draw, is_usable, window_of
from processors.code.languages import LANGUAGE, LANGUAGES
from processors.contract import render
from schemas.facts import Fact
from schemas.identity import digest, keyed_rng, keyed_uniform
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Text
from schemas.records import Conversation, Document, FactValue, Turn

PREFIX, SUFFIX, MIDDLE = "<fim_prefix>", "<fim_suffix>", "<fim_middle>"
MARKERS = (PREFIX, SUFFIX, MIDDLE)
PSM, SPM, PM = "psm", "spm", "pm"  # pm: nothing is shown after the hole
FILL_PROMPT = "Fill in the missing middle of this {language} code."
NEXT_PROMPT = "Write the block that comes next in this {language} code."

CUT = Fact("fim.cut", str, "How the hole was found: character, line, node, or next (a block that follows)")
NODE_TYPE = Fact("fim.node", str, "Class and type of the syntax node that is missing, empty for other cuts")
ORDER = Fact("fim.order", str, "Order of the pieces: psm (prefix, suffix, middle), spm (suffix, prefix, middle) or pm (no suffix)")
PREFIX_CHARS = Fact("fim.prefix_chars", int, "Characters before the hole")
MIDDLE_CHARS = Fact("fim.middle_chars", int, "Characters that are missing")
SUFFIX_CHARS = Fact("fim.suffix_chars", int, "Characters after the hole that are shown")
WINDOW_START = Fact("fim.window_start", int, "Character of the file at which what is shown begins")
WINDOW_STOP = Fact("fim.window_stop", int, "Character of the file at which what is shown ends")
WINDOW_DIGEST = Fact("fim.window_digest", str, "Digest of the file from window_start to window_stop")
IS_WINDOWED = Fact("fim.is_windowed", bool, "Whether only a part of the file is shown around the hole, since all of it is too long")
FIM_FACTS = (
    CUT,
    NODE_TYPE,
    ORDER,
    PREFIX_CHARS,
    MIDDLE_CHARS,
    SUFFIX_CHARS,
    WINDOW_START,
    WINDOW_STOP,
    WINDOW_DIGEST,
    IS_WINDOWED,
)

NO_HOLE = Reason("no_hole", "No place of the file gives a hole of the sizes that were asked for")
MARKER_IN_TEXT = Reason("marker_in_text", "The file spells a marker of fill-in-the-middle, which would be read as one")
NOT_WHOLE = Reason("not_whole", "Prefix, middle and suffix do not give back the file from which they were cut")
TRIES = 24  # places that are looked at for one hole


def write_turns(language: str, order: str, prefix: str, middle: str, suffix: str) -> tuple[Turn, Turn]:
    """The request and its answer. Raises KeyError for a language or an order that there is not."""
    ask = (NEXT_PROMPT if order == PM else FILL_PROMPT).format(language=LANGUAGES[language].title)
    shown = {PSM: f"{PREFIX}{prefix}{SUFFIX}{suffix}", SPM: f"{SUFFIX}{suffix}{PREFIX}{prefix}", PM: f"{PREFIX}{prefix}"}[order]
    return Turn("user", (Text(f"{ask}\n{shown}"),)), Turn("assistant", (Text(f"{MIDDLE}{middle}"),), learned=True)


def read_turns(request: str, answer: str) -> tuple[str, str, str, str]:
    """(order, prefix, middle, suffix) of a request and its answer. Raises: Refused with NOT_WHOLE for texts of another form."""
    _, newline, shown = request.partition("\n")
    counts = [shown.count(marker) for marker in MARKERS] + [answer.count(marker) for marker in MARKERS]
    if not newline or counts not in ([1, 1, 0, 0, 0, 1], [1, 0, 0, 0, 0, 1]) or not answer.startswith(MIDDLE):
        raise Refused(NOT_WHOLE, f"markers {counts} in request and answer, expected one of each in its place")
    middle = answer.removeprefix(MIDDLE)
    if shown.startswith(PREFIX):
        prefix, marker, suffix = shown.removeprefix(PREFIX).partition(SUFFIX)
        return (PSM if marker else PM), prefix, middle, suffix
    if not shown.startswith(SUFFIX):
        raise Refused(NOT_WHOLE, "the request shows something before its first marker")
    suffix, _, prefix = shown.removeprefix(SUFFIX).partition(PREFIX)
    return SPM, prefix, middle, suffix


@dataclass(frozen=True, slots=True)
class CutHoles:
    """A file becomes up to `num_per_file` conversations, each with another hole in it.

    How each is cut is drawn by the four ratios (they weigh; their sum plays no part), its order by `spm_ratio`. Files longer than
    `max_window_chars` are shown by whole lines around the hole. A kind of cut for which a file has no place gives no conversation;
    when that leaves none at all, the kinds with a ratio above 0 are tried one after another.
    """

    character_ratio: float = 0.2
    line_ratio: float = 0.2
    node_ratio: float = 0.4
    next_ratio: float = 0.2
    spm_ratio: float = 0.5
    num_per_file: int = 2
    sizes: Sizes = field(default_factory=Sizes)
    max_window_chars: int = 24_000
    seed: int = 0
    takes: ClassVar = (Document,)
    gives: ClassVar = Conversation
    reads: ClassVar = (LANGUAGE,)
    writes: ClassVar = FIM_FACTS
    reasons: ClassVar = (NO_HOLE, MARKER_IN_TEXT)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        ratios = (self.character_ratio, self.line_ratio, self.node_ratio, self.next_ratio)
        if min(ratios) < 0 or sum(ratios) <= 0:
            raise ValueError(f"the ratios of cuts are {ratios}, expected 0 or more each and one above 0")
        if not 0 <= self.spm_ratio <= 1:
            raise ValueError(f"spm_ratio is {self.spm_ratio}, expected 0 to 1")
        if self.num_per_file < 1:
            raise ValueError(f"num_per_file is {self.num_per_file}, expected 1 or more")

    def __call__(self, record: Document) -> list[Conversation] | Reject:
        text, language = record.text, str(record.facts[LANGUAGE.name])
        for marker in MARKERS:
            if marker in text:
                return Reject(record.key, MARKER_IN_TEXT.name, f"{marker} at character {text.index(marker)}")
        found: list[Conversation] = []
        taken: set[tuple[int, int]] = set()
        for kind, number in self._plan(record.key):
            if found and number >= self.num_per_file:
                break
            rng = keyed_rng(self.seed, "hole", f"{record.key} {number}")
            order = PM if kind == NEXT else SPM if rng.random() < self.spm_ratio else PSM
            hole = self._hole(text, language, kind, rng, taken)
            if hole is not None:
                taken.add((hole.start, hole.stop))
                found.append(self._conversation(record, language, hole, order))
        return found or Reject(record.key, NO_HOLE.name, f"{len(text)} characters, {self.num_per_file} holes were tried")

    def _plan(self, key: str) -> list[tuple[str, int]]:
        """(kind, number) of each hole that is tried: those that are drawn, then one of each kind."""
        ratios = [
            (kind, ratio)
            for kind, ratio in (
                (CHARACTER, self.character_ratio),
                (LINE, self.line_ratio),
                (NODE, self.node_ratio),
                (NEXT, self.next_ratio),
            )
            if ratio > 0
        ]
        drawn = [draw(keyed_uniform(self.seed, "kind", f"{key} {number}"), ratios) for number in range(self.num_per_file)]
        return [(kind, number) for number, kind in enumerate((*drawn, *(kind for kind, _ in ratios)))]

    def _hole(self, text: str, language: str, kind: str, rng: np.random.Generator, taken: set[tuple[int, int]]) -> Hole | None:
        for _ in range(TRIES):
            hole = FINDERS[kind](text, language, rng, self.sizes)
            if hole is not None and (hole.start, hole.stop) not in taken and is_usable(text, hole, self.sizes):
                return hole
        return None

    def _conversation(self, record: Document, language: str, hole: Hole, order: str) -> Conversation:
        text = record.text
        start, stop = window_of(text, hole, self.max_window_chars)
        prefix, middle, suffix = text[start : hole.start], text[hole.start : hole.stop], text[hole.stop : stop]
        facts: dict[str, FactValue] = {
            CUT.name: hole.cut,
            NODE_TYPE.name: hole.node,
            ORDER.name: order,
            PREFIX_CHARS.name: len(prefix),
            MIDDLE_CHARS.name: len(middle),
            SUFFIX_CHARS.name: len(suffix),
            WINDOW_START.name: start,
            WINDOW_STOP.name: stop,
            WINDOW_DIGEST.name: digest(text[start:stop]),
            IS_WINDOWED.name: start > 0 or (stop < len(text) and hole.cut != NEXT),
        }
        turns = write_turns(language, order, prefix, middle, suffix)
        return Conversation(record.key, record.origin, turns, {**record.facts, **facts}, record.parents)


@dataclass(frozen=True, slots=True)
class CheckFill:
    """Refuses a conversation that does not give back the part of the file that it was cut from, as the model will see it.

    The pieces are read from the pieces of text that go to the tokeniser, after the template has swallowed what it swallows.
    """

    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = FIM_FACTS
    writes: ClassVar = ()
    reasons: ClassVar = (NOT_WHOLE,)
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        texts = [(piece.text, piece.learned) for piece in render(record.turns) if piece.text is not None]
        if [learned for _, learned in texts] != [False, True]:
            return Reject(record.key, NOT_WHOLE.name, f"{len(texts)} pieces of text, expected a request and its learned answer")
        try:
            order, prefix, middle, suffix = read_turns(str(texts[0][0]), str(texts[1][0]))
        except Refused as refused:
            return refused.reject(record.key)
        told = [record.facts[fact.name] for fact in (ORDER, PREFIX_CHARS, MIDDLE_CHARS, SUFFIX_CHARS, WINDOW_DIGEST)]
        seen = [order, len(prefix), len(middle), len(suffix), digest(prefix + middle + suffix)]
        if told != seen:
            return Reject(record.key, NOT_WHOLE.name, f"order, lengths and digest are {seen}, told {told}")
        return record
