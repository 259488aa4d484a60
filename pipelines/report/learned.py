"""The tokens of a row, and which of them carry loss: exactly those that the contract counted when the row was built."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from pipelines.report.markup import EMPTY, folded, join, number_of
from processors import tokens
from processors.contract import NUM_LEARNED_TOKENS, NUM_TOKENS, token_ids
from processors.packing import encoded
from schemas.parts import Audio, Image
from schemas.records import Conversation, Document, PackedSequence, Preference, Record, Turn

FIRST_SHOWN, LAST_SHOWN = 400, 200  # pieces of a long sequence
OPEN_PIECES = 300  # sequences up to this length are shown without being asked for
MAX_TOGETHER = 8  # tokens that may make one character: its bytes are at most 4, and joined characters have more
UNREADABLE = "\ufffd"
MAX_RIBBON, MAX_PIECES = 400, 24  # pieces of a packed row: in its ribbon, and with their tokens
PIECE_SHOWN = (60, 30)  # first and last tokens of such a piece


@dataclass(frozen=True, slots=True, eq=False)
class TokenRun:
    """A sequence that the model is trained on. Shapes: ids (n,) int; learned (n,) bool. `media` are the images and clips in order: name, tokens."""

    name: str
    ids: np.ndarray
    learned: np.ndarray
    media: tuple[tuple[str, int], ...] = ()

    @property
    def num_learned(self) -> int:
        return int(np.count_nonzero(self.learned))


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands for `num_tokens` tokens on a page; `kind` is text, special or medium."""

    kind: str
    text: str
    num_tokens: int
    learned: bool


def token_runs(record: Record) -> tuple[TokenRun, ...]:
    """The sequences of a row: one, or chosen and rejected of a preference, each with its prompt. A packed row comes without its padding.

    Raises: TypeError for a record that is never stored.
    """
    if isinstance(record, Document):
        ids, _ = encoded(record)
        return (TokenRun("document", ids, np.ones(len(ids), bool)),)
    if isinstance(record, Conversation):
        return (_run("conversation", record.turns),)
    if isinstance(record, Preference):
        return (_run("chosen", record.prompt + record.chosen), _run("rejected", record.prompt + record.rejected))
    if isinstance(record, PackedSequence):
        held = int(np.count_nonzero(record.segment_ids))
        return (TokenRun("packed sequence", record.input_ids[:held], record.labels[:held] >= 0),)
    raise TypeError(f"a {type(record).__name__} has no tokens; expected a document, conversation, preference or packed row")


def _run(name: str, turns: tuple[Turn, ...]) -> TokenRun:
    ids, learned = token_ids(turns)
    parts = [part for turn in turns for part in turn.parts]
    counts = {Image: 0, Audio: 0}
    media = []
    for part in parts:
        if isinstance(part, (Image, Audio)):
            counts[type(part)] += 1
            media.append((f"{type(part).__name__.lower()} {counts[type(part)]}", part.num_tokens or 0))
    return TokenRun(name, np.array(ids, np.int32), np.array(learned, bool), tuple(media))


def shown_tokens(run: TokenRun) -> Iterator[Shown]:
    """What a page shows of a sequence, in order; the numbers of tokens sum to the sequence's.

    A token of text is shown alone, unless it takes several to make a character.
    """
    media = iter(run.media)
    at = 0
    while at < len(run.ids):
        token, learned = int(run.ids[at]), bool(run.learned[at])
        if token in (tokens.IMAGE, tokens.AUDIO):
            name, num = next(media)
            yield Shown("medium", name, num, learned)
            at += num
        elif token >= tokens.NUM_ORDINARY:
            yield Shown("special", tokens.NAMES.get(token, f"token {token}"), 1, learned)
            at += 1
        else:
            text, num = _character(run, at)
            yield Shown("text", text, num, learned)
            at += num


def _character(run: TokenRun, at: int) -> tuple[str, int]:
    """The text of the fewest tokens from `at` on that make whole characters, and their number."""
    for num in range(1, MAX_TOGETHER + 1):
        ids = run.ids[at : at + num]
        if len(ids) < num or (ids >= tokens.NUM_ORDINARY).any() or (run.learned[at : at + num] != run.learned[at]).any():
            break
        try:
            return tokens.decode_bytes(ids.tolist()).decode(), num
        except UnicodeDecodeError:
            continue
    return UNREADABLE, 1  # a sequence that was cut inside a character


# ---- on a page


def learned_html(record: Record) -> Markup:
    """The tokens of a row, sequence by sequence; what is long is cut in its middle, and how much is said."""
    runs = token_runs(record)
    if isinstance(record, PackedSequence):
        return _problem(record, runs) + ribbon_html(record, runs[0])
    views = []
    for run in runs:
        summary = f"Tokens of the {run.name}: {run.num_learned:,} learned + {len(run.ids) - run.num_learned:,} context = {len(run.ids):,}"
        pieces = list(shown_tokens(run))
        views.append(folded(summary, tokens_html(pieces), is_open=len(pieces) <= OPEN_PIECES))
    return _problem(record, runs) + join(views)


LEGEND = Markup(
    '<p class="example-legend"><span class="example-tokens"><mark><span>learned</span></mark></span> <span class="example-tokens"><span>context'
    '</span></span> <span class="example-tokens"><b class="special">special token</b></span> <span class="example-tokens">'
    '<b class="medium">medium, placeholders</b></span> <span>one shade a token; a small number: tokens that make one character</span></p>'
)


def counted(record: Record, runs: Sequence[TokenRun]) -> dict[str, int]:
    """Tokens of a row by the name of the contract's fact, counted from its sequences; of a preference, as the contract counts its sides."""
    lengths = [len(run.ids) for run in runs]
    return {NUM_TOKENS.name: max(lengths), NUM_LEARNED_TOKENS.name: sum(run.num_learned for run in runs)}


def _problem(record: Record, runs: Sequence[TokenRun]) -> Markup:
    """Nothing, as what was counted here is what the row says of itself; where they differ, both."""
    wrong = [
        f"{name} is {num:,} here and {record.facts[name]!r} in the row"
        for name, num in counted(record, runs).items()
        if record.facts.get(name, num) != num
    ]
    return Markup('<p class="example-wrong">Counted otherwise: {}; run corpusmill verify.</p>').format("; ".join(wrong)) if wrong else EMPTY


def tokens_html(pieces: Sequence[Shown], first: int = FIRST_SHOWN, last: int = LAST_SHOWN) -> Markup:
    """The tokens as spans in the order of the sequence, learned ones inside a mark."""
    if len(pieces) <= first + last:
        return _tokens_box(_spans(pieces))
    hidden = pieces[first : len(pieces) - last]
    num = sum(piece.num_tokens for piece in hidden)
    learned = sum(piece.num_tokens for piece in hidden if piece.learned)
    gap = Markup('<em class="example-gap">{} tokens not shown, {} of them learned</em>').format(f"{num:,}", f"{learned:,}")
    return _tokens_box(_spans(pieces[:first]) + gap + _spans(pieces[len(pieces) - last :]))


def _tokens_box(spans: Markup) -> Markup:
    return Markup('<div class="example-tokens" dir="auto" tabindex="0" role="group" aria-label="tokens">{}</div>').format(spans)


def _spans(pieces: Sequence[Shown]) -> Markup:
    found = []
    for learned, run in itertools.groupby(pieces, lambda piece: piece.learned):
        spans = join(_span(piece) for piece in run)
        found.append(Markup("<mark>{}</mark>").format(spans) if learned else spans)
    return join(found)


def _span(piece: Shown) -> Markup:
    if piece.kind == "medium":
        return Markup('<b class="medium">{} \u00d7 {}</b>').format(piece.text, f"{piece.num_tokens:,}")
    if piece.kind == "special":
        return Markup('<b class="special">{}</b>').format(piece.text)
    text = piece.text.replace("\n", "\u21b5\n").replace("\r", "\u240d").replace("\t", "\u2192\t")
    if piece.num_tokens > 1:
        return Markup("<span>{}<sub>{}</sub></span>").format(text, piece.num_tokens)
    return Markup("<span>{}</span>").format(text)


def ribbon_html(record: PackedSequence, run: TokenRun) -> Markup:
    """A packed row as a ribbon, a piece as wide as its tokens are many, and its first pieces with their tokens."""
    size, held = len(record.input_ids), len(run.ids)
    widths = [(piece.num_tokens, f"{piece.key}: {piece.num_tokens:,} tokens") for piece in record.pieces[:MAX_RIBBON]]
    rest = held - sum(num for num, _ in widths)
    widths += [(rest, f"{len(record.pieces) - MAX_RIBBON:,} more pieces: {rest:,} tokens")] if rest > 0 else []
    bars = join(Markup('<i style="flex-grow:{}" title="{}"></i>').format(num, title) for num, title in widths)
    padding = Markup('<i class="padding" style="flex-grow:{}" title="padding: {} tokens"></i>').format(size - held, size - held)
    told = (
        f"{number_of(len(record.pieces), 'piece')}: {run.num_learned:,} learned + {held - run.num_learned:,} context + "
        f"{size - held:,} padding = {size:,} tokens"
    )
    views, start = [], 0
    for number, piece in enumerate(record.pieces[:MAX_PIECES], 1):
        stop = start + piece.num_tokens
        part = TokenRun(piece.key, run.ids[start:stop], run.learned[start:stop])
        summary = (
            f"Piece {number}: {piece.key}, tokens {piece.offset:,} to {piece.offset + piece.num_tokens:,}, {part.num_learned:,} learned"
        )
        views.append(folded(summary, tokens_html(list(shown_tokens(part)), *PIECE_SHOWN)))
        start = stop
    more = f"{len(record.pieces) - MAX_PIECES:,} more pieces are in the ribbon alone." if len(record.pieces) > MAX_PIECES else ""
    return Markup('<p>{}.</p><div class="example-ribbon" role="img" aria-label="{}">{}{}</div>{}<p class="example-note">{}</p>').format(
        told, told, bars, padding if size > held else EMPTY, join(views), more
    )
