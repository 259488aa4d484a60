"""Two answers to one prompt, and which of them is preferred: how rows spell it, and whether the pair is worth learning from.

Read are `chosen` and `rejected` (transcripts as "\\n\\nHuman: ...\\n\\nAssistant: ...", lists of messages, or answers to the row's
prompt), and two answers with a verdict: an id of the better or of the safer one (`response_0`, `response_1`), the votes of
annotators (`response1`, `response2`, `annotator1`, ...; 0 is a tie), or a winner (`response_a`, `response_b`, `winner`).
A vote needs more than half of the voices. Both sides answer the same prompt: they share every turn but the last.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar

from processors.dialogue import LANGUAGE, language_field
from processors.messages import BAD_MESSAGE, LIST_COLUMNS, MESSAGE_REASONS, NO_ANSWER, read_turns
from processors.pairs import ANSWER_COLUMNS
from processors.tasks.fragments import words_of
from schemas.facts import Fact
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Text
from schemas.records import FactValue, Preference, Row, Turn, with_facts

AGREEMENT = Fact("preference.agreement_ratio", float, "Share of the votes that the chosen answer has; 1 where the source states no votes")
NUM_VOTES = Fact("preference.num_votes", int, "Votes of annotators about the pair; 0 where the source states none")
SIMILARITY = Fact("preference.similarity_ratio", float, "Share of word pairs that both answers have (Dice), 1 for the same words in order")
LENGTH_RATIO = Fact(
    "preference.length_ratio", float, "Words of the chosen answer for one of the rejected; characters in Chinese and Japanese"
)

NO_PAIR = Reason("no_pair", "The row has no two answers with a word on which is preferred")
BAD_VERDICT = Reason("bad_verdict", "The row's verdict names neither of the two answers, nor a tie")
TIE = Reason("tie", "Neither answer is preferred by more than half of the voices")
DIFFERENT_PROMPTS = Reason("different_prompts", "The two sides share no prompt: they differ before their last answer")
TOO_SIMILAR = Reason("too_similar", "Both answers have nearly the same words")
BAD_PROPORTION = Reason("bad_proportion", "One answer is so much longer than the other that length alone tells them apart")
PAIR_REASONS = (*MESSAGE_REASONS, NO_PAIR, BAD_VERDICT, TIE, DIFFERENT_PROMPTS)

ANSWER_PAIRS = (
    ("response_0", "response_1"),
    ("response1", "response2"),
    ("response_1", "response_2"),
    ("response_a", "response_b"),
    ("answer_a", "answer_b"),
    ("output_1", "output_2"),
)
SAFER, BETTER = "safer", "better"
ID_COLUMNS = {SAFER: ("safer_response_id", "better_response_id"), BETTER: ("better_response_id", "safer_response_id")}
WINNER_COLUMNS = ("winner", "preference", "preferred", "choice")
_VOTE = re.compile(r"(?:annotator|vote)_?\d{1,3}")
_SPEAKER = re.compile(r"(?:\A\s*|\n\n)(Human|User|Assistant|System):[ \t]*", re.I)
_TRANSCRIPT_ROLES = {"human": "user", "user": "user", "assistant": "assistant", "system": "system"}
_FIRST, _SECOND, _TIE = 0, 1, -1


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt, its two answers, and what the source tells of the choice. `first_is_chosen` says which column the chosen one had."""

    prompt: tuple[Turn, ...]
    chosen: tuple[Turn, ...]
    rejected: tuple[Turn, ...]
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    first_is_chosen: bool = True


# ---- who is preferred


def majority(votes: Iterable[int]) -> tuple[int | None, float]:
    """The value that more than half of the votes have, None when none has, and the share of the votes that the most frequent one has."""
    counts = Counter(votes)
    if not counts:
        return None, 0.0
    total = counts.total()
    value, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return (value if 2 * count > total else None), count / total


def verdict(fields: Mapping[str, object], names: tuple[str, str], prefer: str = SAFER) -> tuple[int, float, int]:
    """Which answer is preferred (0 the first, 1 the second), the share of the votes for it, and how many votes there are.

    Raises: Refused with tie, bad_verdict or no_pair.
    """
    votes = [fields[name] for name in sorted(fields) if _VOTE.fullmatch(name) and fields[name] is not None]
    if votes:
        read = [_vote(vote) for vote in votes]
        winner, share = majority(read)
        if winner is None or winner == _TIE:
            raise Refused(TIE, f"votes are {', '.join(map(str, votes))}")
        return winner, share, len(votes)
    told = next((name for name in ID_COLUMNS[prefer] if fields.get(name) is not None), None)
    if told is not None:
        chosen = fields[told]
        if isinstance(chosen, bool) or chosen not in (0, 1):
            raise Refused(TIE if chosen in (-1, "tie") else BAD_VERDICT, f"{told} is {chosen!r}, expected 0 or 1")
        return int(str(int(float(str(chosen))))), 1.0, 0
    told = next((name for name in WINNER_COLUMNS if fields.get(name) not in (None, "")), None)
    if told is None:
        raise Refused(
            NO_PAIR, f"expected {', '.join((*ID_COLUMNS[prefer], *WINNER_COLUMNS))} or the votes of annotators beside {' and '.join(names)}"
        )
    winner = _winner(str(fields[told]).strip().lower(), names)
    if winner is None:
        raise Refused(BAD_VERDICT, f"{told} is {fields[told]!r}, expected {names[0]}, {names[1]}, model_a, model_b, a, b or tie")
    if winner == _TIE:
        raise Refused(TIE, f"{told} is {fields[told]!r}")
    return winner, 1.0, 0


def _vote(vote: object) -> int:
    """1 and 2 are the answers in order, 0 is a tie."""
    number = int(vote) if isinstance(vote, int | float) and not isinstance(vote, bool) and vote in (0, 1, 2) else None
    if number is None and isinstance(vote, str) and vote.strip() in ("0", "1", "2"):
        number = int(vote)
    if number is None:
        raise Refused(BAD_VERDICT, f"a vote is {vote!r}, expected 0 (tie), 1 or 2")
    return number - 1


def _winner(told: str, names: tuple[str, str]) -> int | None:
    if "tie" in told or told in ("draw", "both", "neither", "none", "equal"):
        return _TIE
    for number, name in enumerate(names):
        if told in (name, name.removeprefix("response").strip("_"), f"model_{'ab'[number]}", f"assistant_{'ab'[number]}", "ab"[number]):
            return number
    return None


# ---- turns


def transcript_turns(text: str) -> tuple[Turn, ...]:
    """The turns of a transcript that names its speakers, texts trimmed; what one speaker says in a row is one turn.

    Raises: Refused with bad_message when the text does not start with a speaker or a turn is empty.
    """
    marks = list(_SPEAKER.finditer(text))
    if not marks or text[: marks[0].start()].strip():
        raise Refused(BAD_MESSAGE, f"transcript starts {text[:40]!r}, expected Human: or Assistant:")
    turns: list[Turn] = []
    ends = [after.start() for _, after in pairwise(marks)] + [len(text)]
    for mark, end in zip(marks, ends, strict=True):
        role, said = _TRANSCRIPT_ROLES[mark[1].lower()], text[mark.end() : end].strip()
        if not said:
            raise Refused(BAD_MESSAGE, f"turn {len(turns)} of a transcript, of {mark[1]}, is empty")
        if turns and turns[-1].role == role:
            turns[-1] = replace(turns[-1], parts=(Text("\n\n".join((_text(turns[-1]), said))),))
        else:
            turns.append(Turn(role, (Text(said),), role == "assistant"))
    return tuple(turns)


def _text(turn: Turn) -> str:
    return "\n\n".join(part.text for part in turn.parts if isinstance(part, Text))


def is_transcript(value: object) -> bool:
    return isinstance(value, str) and bool(_SPEAKER.match(value))


def _side(row: Row, value: object) -> tuple[Turn, ...]:
    """All turns of a side: of a transcript, of messages, or of the row's prompt with an answer."""
    if is_transcript(value):
        return transcript_turns(str(value))
    base = {name: told for name, told in row.fields.items() if name not in (*ANSWER_COLUMNS, "chosen", "rejected", *LIST_COLUMNS)}
    prompt = row.fields.get("prompt")
    if isinstance(value, list):
        earlier = prompt if isinstance(prompt, list) else []
        shared = len(earlier) and value[: len(earlier)] == earlier
        kept: dict[str, object] = {name: base[name] for name in ("system", "system_prompt", "tools", "functions") if name in base}
        return read_turns(replace(row, fields={**kept, "messages": value if shared else [*earlier, *value]}))
    if not isinstance(value, str) or not value.strip():
        raise Refused(NO_ANSWER, f"an answer is {str(value)[:40]!r}, expected text")
    if isinstance(prompt, list):
        return read_turns(replace(row, fields={"messages": [*prompt, {"role": "assistant", "content": value}]}))
    if is_transcript(prompt):
        return transcript_turns(f"{str(prompt).strip().removesuffix('Assistant:').strip()}\n\nAssistant: {value.strip()}")
    return read_turns(replace(row, fields={**base, "answer": value}))


def join_sides(chosen: tuple[Turn, ...], rejected: tuple[Turn, ...]) -> tuple[tuple[Turn, ...], tuple[Turn, ...], tuple[Turn, ...]]:
    """(prompt, chosen, rejected): the turns that both sides share, and the last turn of each; only these are learned.

    Raises: Refused with different_prompts or no_answer.
    """
    if chosen[-1].role != "assistant" or rejected[-1].role != "assistant":
        raise Refused(NO_ANSWER, "a side does not end with an assistant's answer")
    if chosen[:-1] != rejected[:-1]:
        raise Refused(DIFFERENT_PROMPTS, f"{len(chosen)} and {len(rejected)} turns, which differ before their last answer")
    if not any(turn.role == "user" for turn in chosen[:-1]):
        raise Refused(NO_PAIR, "nobody asks before the answers")
    prompt = tuple(replace(turn, learned=False) for turn in chosen[:-1])
    return prompt, (replace(chosen[-1], learned=True),), (replace(rejected[-1], learned=True),)


def has_pair(fields: Mapping[str, object]) -> bool:
    """Whether a row has the columns of two answers."""
    return ("chosen" in fields and "rejected" in fields) or any(first in fields and second in fields for first, second in ANSWER_PAIRS)


def read_pair(row: Row, prefer: str = SAFER) -> Pair:
    """The two sides of a row, the preferred one first. Raises: Refused with one of PAIR_REASONS."""
    fields = row.fields
    if fields.get("chosen") is not None and fields.get("rejected") is not None:
        sides, votes = (_side(row, fields["chosen"]), _side(row, fields["rejected"])), {AGREEMENT.name: 1.0, NUM_VOTES.name: 0}
        return Pair(*join_sides(*sides), votes)
    names = next(((first, second) for first, second in ANSWER_PAIRS if first in fields and second in fields), None)
    if names is None:
        told = "; ".join(f"{first} and {second}" for first, second in (("chosen", "rejected"), *ANSWER_PAIRS))
        raise Refused(NO_PAIR, f"expected two answers in the columns {told}")
    winner, share, num_votes = verdict(fields, names, prefer)
    sides = (_side(row, fields[names[winner]]), _side(row, fields[names[1 - winner]]))
    return Pair(*join_sides(*sides), {AGREEMENT.name: round(share, 4), NUM_VOTES.name: num_votes}, winner == _FIRST)


@dataclass(frozen=True, slots=True)
class PreferenceTask:
    """A row with two answers and a verdict becomes a preference; `prefer` says which verdict counts where a row has several."""

    prefer: str = BETTER
    takes: ClassVar = (Row,)
    gives: ClassVar = Preference
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE, AGREEMENT, NUM_VOTES)
    reasons: ClassVar = PAIR_REASONS
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.prefer not in ID_COLUMNS:
            raise ValueError(f"prefer is {self.prefer!r}, expected {SAFER} or {BETTER}")

    def __call__(self, row: Row) -> Preference | Reject:
        try:
            pair = read_pair(row, self.prefer)
        except Refused as refused:
            return Reject(row.key, refused.reason.name, refused.detail)
        facts = {**row.facts, LANGUAGE.name: language_field(row.fields), **pair.facts}
        return Preference(row.key, row.origin, pair.prompt, pair.chosen, pair.rejected, facts, row.parents)


def similarity(first: str, second: str, language: str = "en") -> float:
    """Dice's coefficient of the pairs of neighbouring words, counted; 1 for two texts without words that are the same."""
    pairs = [Counter(pairwise(["", *words_of(text, language), ""])) for text in (first, second)]
    total = pairs[0].total() + pairs[1].total()
    shared = (pairs[0] & pairs[1]).total()
    return 2 * shared / total


def _said(turns: tuple[Turn, ...]) -> str:
    return "\n\n".join(_text(turn) for turn in turns)


@dataclass(frozen=True, slots=True)
class KeepPair:
    """Measures how alike the two answers are, and keeps pairs that differ in more than length and a few words."""

    max_similarity_ratio: float = 0.95
    max_length_ratio: float = 0.0  # of the longer answer to the shorter one; 0 is without a bound
    takes: ClassVar = (Preference,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE,)
    writes: ClassVar = (SIMILARITY, LENGTH_RATIO)
    reasons: ClassVar = (TOO_SIMILAR, BAD_PROPORTION)
    version: ClassVar = 1

    def __call__(self, record: Preference) -> Preference | Reject:
        language = str(record.facts[LANGUAGE.name])
        chosen, rejected = _said(record.chosen), _said(record.rejected)
        alike = round(similarity(chosen, rejected, language), 4)
        lengths = [max(1, len(words_of(text, language))) for text in (chosen, rejected)]
        if chosen.split() == rejected.split() or alike > self.max_similarity_ratio:
            return Reject(record.key, TOO_SIMILAR.name, f"similarity {alike:.3f}, expected {self.max_similarity_ratio:g} or less")
        if self.max_length_ratio and max(lengths) > self.max_length_ratio * min(lengths):
            detail = f"{lengths[0]} and {lengths[1]} words, expected a ratio of {self.max_length_ratio:g} or less"
            return Reject(record.key, BAD_PROPORTION.name, detail)
        return with_facts(record, {SIMILARITY.name: alike, LENGTH_RATIO.name: round(lengths[0] / lengths[1], 4)})
