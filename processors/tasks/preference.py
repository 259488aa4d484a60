"""Two answers to one prompt, and which of them is preferred: how rows spell it, and whether the pair is worth learning from.

Read are `chosen` and `rejected` (transcripts as "\\n\\nHuman: ...\\n\\nAssistant: ...", lists of messages, or answers to the row's
prompt), and two answers with a verdict: an id of the better or of the safer one (`response_0`, `response_1`), the votes of
annotators (`response1`, `response2`, `annotator1`, ... or a list `votes`; 0 is a tie), or a winner (`response_a`, `response_b`, `winner`,
and the arena's `conversation_a`, `winner_model_a`). Two answers with scores, and lists of answers with scores or ranks, give the best
against the worst; see processors/tasks/scored_answers.py. A vote needs more than half of the voices. Where numbers are equal it is a tie.
Both sides answer the same prompt: they share every turn but the last.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar

from processors.dialogue import LANGUAGE, language_field, text_field
from processors.messages import BAD_MESSAGE, LIST_COLUMNS, MESSAGE_REASONS, NO_ANSWER, read_turns
from processors.pairs import ANSWER_COLUMNS
from processors.tasks.fragments import words_of
from processors.tasks.scored_answers import LISTS, best_and_worst, listed_answers, number_of, scores_of_two, side_scores
from schemas.facts import Fact, Limit
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Text
from schemas.records import FactValue, Preference, Row, Turn, with_facts

AGREEMENT = Fact("preference.agreement_ratio", float, "Share of the votes that the chosen answer has; 1 where the source states no votes")
NUM_VOTES = Fact("preference.num_votes", int, "Votes of annotators about the pair; 0 where the source states none")
SIMILARITY = Fact("preference.similarity_ratio", float, "Share of word pairs that both answers have (Dice), 1 for the same words in order")
LENGTH_RATIO = Fact(
    "preference.length_ratio", float, "Words of the chosen answer for one of the rejected; characters in Chinese and Japanese"
)
KIND = Fact(
    "pair.kind", str, "Why one side is preferred: sampled, corrected, reference (a verifier says so), votes, scores, ranks or stated"
)
MARGIN = Fact(
    "pair.margin",
    float,
    "By how much the chosen side is preferred: the difference of scores or ranks on their source's scale, of votes that of their shares; "
    "1 where one side is only called better, or right",
)
CHOSEN_SAMPLER = Fact("pair.chosen_sampler", str, "Who wrote the chosen side, empty where the source does not say")
REJECTED_SAMPLER = Fact("pair.rejected_sampler", str, "Who wrote the rejected side, empty where the source does not say")
SOURCE = Fact("pair.source", str, "The source's own word on where the prompt is from, empty where it has none")

NO_PAIR = Reason("no_pair", "The row has no two answers with a word on which is preferred")
BAD_VERDICT = Reason("bad_verdict", "The row's verdict names neither of the two answers, nor a tie")
TIE = Reason("tie", "Neither answer is preferred by more than half of the voices")
DIFFERENT_PROMPTS = Reason("different_prompts", "The two sides share no prompt: they differ before their last answer")
TOO_SIMILAR = Reason("too_similar", "Both answers have nearly the same words")
BAD_PROPORTION = Reason("bad_proportion", "One answer is so much longer than the other that length alone tells them apart")
SMALL_MARGIN = Reason("small_margin", "The chosen side is preferred by less than the least margin")
PAIR_REASONS = (*MESSAGE_REASONS, NO_PAIR, BAD_VERDICT, TIE, DIFFERENT_PROMPTS)

ANSWER_PAIRS = (
    ("response_0", "response_1"),
    ("response1", "response2"),
    ("response_1", "response_2"),
    ("response_a", "response_b"),
    ("answer_a", "answer_b"),
    ("output_1", "output_2"),
    ("conversation_a", "conversation_b"),
)
VOTES, SCORES, RANKS, STATED = "votes", "scores", "ranks", "stated"
SAFER, BETTER = "safer", "better"
ID_COLUMNS = {SAFER: ("safer_response_id", "better_response_id"), BETTER: ("better_response_id", "safer_response_id")}
WINNER_COLUMNS = ("winner", "preference", "preferred", "choice")
WINNER_FLAGS = ("winner_model_a", "winner_model_b", "winner_tie")
MARGIN_COLUMNS = ("margin", "score_margin", "reward_margin")
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
    kind: str = STATED
    margin: float = 1.0
    samplers: tuple[str, str] = ("", "")  # of the chosen and of the rejected answer


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of two answers is preferred (0 the first, 1 the second), by what, and by how much; see MARGIN."""

    winner: int
    share: float = 1.0
    num_votes: int = 0
    kind: str = STATED
    margin: float = 1.0


# ---- who is preferred


def majority(votes: Iterable[int]) -> tuple[int | None, float]:
    """The value that more than half of the votes have, None when none has, and the share of the votes that the most frequent one has."""
    counts = Counter(votes)
    if not counts:
        return None, 0.0
    total = counts.total()
    value, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return (value if 2 * count > total else None), count / total


def verdict(fields: Mapping[str, object], names: tuple[str, str], prefer: str = SAFER) -> Choice:
    """What the row says of its two answers: votes before an id, a winner, and scores. Raises: Refused with tie, bad_verdict or no_pair."""
    votes = [fields[name] for name in sorted(fields) if _VOTE.fullmatch(name) and fields[name] is not None]
    listed = fields.get("votes")
    votes = votes or (listed if isinstance(listed, list) else [])
    if votes:
        read = [_vote(vote, names) for vote in votes]
        winner, share = majority(read)
        if winner is None or winner == _TIE:
            raise Refused(TIE, f"votes are {', '.join(map(str, votes))}")
        return Choice(winner, share, len(votes), VOTES, share - read.count(1 - winner) / len(read))
    told = next((name for name in ID_COLUMNS[prefer] if fields.get(name) is not None), None)
    if told is not None:
        chosen = fields[told]
        if isinstance(chosen, bool) or chosen not in (0, 1):
            raise Refused(TIE if chosen in (-1, "tie") else BAD_VERDICT, f"{told} is {chosen!r}, expected 0 or 1")
        return Choice(int(str(int(float(str(chosen))))))
    told = next((name for name in WINNER_COLUMNS if fields.get(name) not in (None, "")), None)
    if told is not None:
        stated = _winner(str(fields[told]).strip().lower(), names)
        if stated is None:
            raise Refused(BAD_VERDICT, f"{told} is {fields[told]!r}, expected {names[0]}, {names[1]}, model_a, model_b, a, b or tie")
        return _stated(stated, f"{told} is {fields[told]!r}")
    flags = [fields.get(name) for name in WINNER_FLAGS]
    if any(flag is not None for flag in flags):
        if [flag in (1, "1") for flag in flags].count(True) != 1:
            raise Refused(BAD_VERDICT, f"{', '.join(WINNER_FLAGS)} are {flags}, expected 1 for one of them")
        return _stated((_FIRST, _SECOND, _TIE)[[flag in (1, "1") for flag in flags].index(True)], "winner_tie is 1")
    scores = scores_of_two(fields, names)
    if scores is None:
        raise Refused(
            NO_PAIR,
            f"expected {', '.join((*ID_COLUMNS[prefer], *WINNER_COLUMNS))}, scores or the votes of annotators beside {' and '.join(names)}",
        )
    if scores[0] == scores[1]:
        raise Refused(TIE, f"both answers have the score {scores[0]:g}")
    return Choice(int(scores[1] > scores[0]), kind=SCORES, margin=abs(scores[1] - scores[0]))


def _stated(winner: int, detail: str) -> Choice:
    if winner == _TIE:
        raise Refused(TIE, detail)
    return Choice(winner)


def _vote(vote: object, names: tuple[str, str]) -> int:
    """0 is the first answer, 1 the second, -1 a tie; votes are 1, 2 and 0, or name an answer as a winner is named."""
    number = int(vote) if isinstance(vote, int | float) and not isinstance(vote, bool) and vote in (0, 1, 2) else None
    if number is None and isinstance(vote, str) and vote.strip() in ("0", "1", "2"):
        number = int(vote)
    if number is not None:
        return number - 1
    named = _winner(vote.strip().lower(), names) if isinstance(vote, str) else None
    if named is None:
        raise Refused(BAD_VERDICT, f"a vote is {str(vote)[:40]!r}, expected 0 (tie), 1 or 2, or a, b or tie")
    return named


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
    prompt, context = row.fields.get("prompt"), row.fields.get("context")
    if prompt is None and isinstance(context, list):  # HelpSteer3
        prompt = context
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
    row = _unlisted(row)
    fields = row.fields
    if fields.get("chosen") is not None and fields.get("rejected") is not None:
        sides, votes = (_side(row, fields["chosen"]), _side(row, fields["rejected"])), {AGREEMENT.name: 1.0, NUM_VOTES.name: 0}
        kind, margin = _stated_margin(fields)
        return Pair(*join_sides(*sides), votes, kind=kind, margin=margin, samplers=_samplers(fields, "chosen", "rejected"))
    names = next(((first, second) for first, second in ANSWER_PAIRS if first in fields and second in fields), None)
    if names is None:
        return _best_of_list(row)
    choice = verdict(fields, names, prefer)
    sides = (_side(row, fields[names[choice.winner]]), _side(row, fields[names[1 - choice.winner]]))
    samplers = next((found for ends in ("ab", "12", "01") if any(found := _samplers(fields, *ends))), ("", ""))
    if choice.winner != _FIRST:
        samplers = samplers[::-1]
    facts: dict[str, FactValue] = {AGREEMENT.name: round(choice.share, 4), NUM_VOTES.name: choice.num_votes}
    return Pair(*join_sides(*sides), facts, choice.winner == _FIRST, choice.kind, choice.margin, samplers)


def _stated_margin(fields: Mapping[str, object]) -> tuple[str, float]:
    """The kind and the margin of a row with `chosen` and `rejected`. Raises: Refused where its numbers say tie, or the opposite."""
    scores = side_scores(fields)
    margin = next((told for name in MARGIN_COLUMNS if (told := number_of(fields.get(name))) is not None), None)
    if scores is not None:
        margin = scores[0] - scores[1]
    if margin is None:
        return STATED, 1.0
    said = f"scores of {scores[0]:g} and {scores[1]:g}" if scores is not None else f"a margin of {margin:g}"
    if margin <= 0:
        raise Refused(BAD_VERDICT if margin else TIE, f"chosen and rejected have {said}, expected more for chosen")
    return SCORES, margin


def _samplers(fields: Mapping[str, object], first: str, second: str) -> tuple[str, str]:
    """Who wrote each side: `model_a`, `chosen_model` or `chosen-model`."""

    def of(side: str) -> str:
        return text_field(fields, f"model_{side}", f"{side}_model", f"{side}-model")

    return of(first), of(second)


def _best_of_list(row: Row) -> Pair:
    """The best of a list of answers against the worst. Raises: Refused."""
    found = listed_answers(row.fields)
    if found is None:
        told = "; ".join(f"{first} and {second}" for first, second in (("chosen", "rejected"), *ANSWER_PAIRS))
        raise Refused(NO_PAIR, f"expected two answers in the columns {told}, or a list with scores or ranks in {', '.join(LISTS)}")
    answers, ranked = found
    if len(answers) < 2:
        raise Refused(NO_PAIR, f"{len(answers)} of the row's answers have a score or a rank, expected 2 or more")
    best, worst = best_and_worst(answers)
    if best.score == worst.score:
        raise Refused(TIE, f"all {len(answers)} answers have the {'rank' if ranked else 'score'} {abs(best.score):g}")
    bare = replace(row, fields={name: value for name, value in row.fields.items() if name not in LISTS})
    sides = join_sides(_side(bare, best.answer), _side(bare, worst.answer))
    votes: dict[str, FactValue] = {AGREEMENT.name: 1.0, NUM_VOTES.name: 0}
    return Pair(*sides, votes, True, RANKS if ranked else SCORES, best.score - worst.score, (best.sampler, worst.sampler))


def _unlisted(row: Row) -> Row:
    """A row whose prompt and answers are JSON lists of what was said turn by turn, as the arena's are, as two conversations."""
    names = ("prompt", "response_a", "response_b")
    listed = [_json_list(row.fields.get(name)) for name in names]
    if not all(listed) or len({len(texts) for texts in listed}) > 1:
        return row
    sides = {
        name: [
            {"role": role, "content": text}
            for asked, said in zip(listed[0], texts, strict=True)
            for role, text in (("user", asked), ("assistant", said))
        ]
        for name, texts in zip(names[1:], listed[1:], strict=True)
    }
    return replace(row, fields={**{name: value for name, value in row.fields.items() if name != "prompt"}, **sides})


def _json_list(value: object) -> list[str]:
    """A list of texts, or the JSON of one; empty for anything else."""
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return []
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else []


@dataclass(frozen=True, slots=True)
class PreferenceTask:
    """A row with two answers and a verdict becomes a preference; `prefer` says which verdict counts where a row has several."""

    prefer: str = BETTER
    takes: ClassVar = (Row,)
    gives: ClassVar = Preference
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE, AGREEMENT, NUM_VOTES, KIND, MARGIN, CHOSEN_SAMPLER, REJECTED_SAMPLER, SOURCE)
    reasons: ClassVar = PAIR_REASONS
    version: ClassVar = 2

    def __post_init__(self) -> None:
        if self.prefer not in ID_COLUMNS:
            raise ValueError(f"prefer is {self.prefer!r}, expected {SAFER} or {BETTER}")

    def __call__(self, row: Row) -> Preference | Reject:
        try:
            pair = read_pair(row, self.prefer)
        except Refused as refused:
            return refused.reject(row.key)
        told: dict[str, FactValue] = {
            LANGUAGE.name: language_field(row.fields),
            KIND.name: pair.kind,
            MARGIN.name: round(pair.margin, 4),
            CHOSEN_SAMPLER.name: pair.samplers[0],
            REJECTED_SAMPLER.name: pair.samplers[1],
            SOURCE.name: text_field(row.fields, "source", "dataset"),
        }
        facts = {**row.facts, **told, **pair.facts}
        return Preference(row.key, row.origin, pair.prompt, pair.chosen, pair.rejected, facts, row.parents)


def word_pairs(text: str, language: str = "en") -> Counter[tuple[str, str]]:
    """The pairs of neighbouring words, counted; the start and the end are words, too."""
    return Counter(pairwise(["", *words_of(text, language), ""]))


def shared_ratio(one: Counter[tuple[str, str]], other: Counter[tuple[str, str]]) -> float:
    """Dice's coefficient of what two counts share."""
    return 2 * (one & other).total() / (one.total() + other.total())


def similarity(first: str, second: str, language: str = "en") -> float:
    """Dice's coefficient of the pairs of neighbouring words, counted; 1 for two texts without words that are the same."""
    return shared_ratio(word_pairs(first, language), word_pairs(second, language))


def _said(turns: tuple[Turn, ...]) -> str:
    return "\n\n".join(_text(turn) for turn in turns)


def pair_bounds(max_similarity_ratio: float, max_length_ratio: float) -> tuple[Limit, ...]:
    """Those of a pair's answers: how alike they are, and how much longer one, either one, may be than the other (0 is without a bound).

    The same words are too similar whatever is allowed. The length ratio of a pair is rounded, as it decides unrounded: so are its bounds.
    """
    found = [Limit(SIMILARITY, TOO_SIMILAR.name, most=max_similarity_ratio, sole=max_similarity_ratio < 1)]
    if max_length_ratio:
        least, most = round(1 / max_length_ratio, 4), round(max_length_ratio, 4)
        found.append(Limit(LENGTH_RATIO, BAD_PROPORTION.name, least, most, sole=False))
    return tuple(found)


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

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return pair_bounds(self.max_similarity_ratio, self.max_length_ratio)

    def __call__(self, record: Preference) -> Preference | Reject:
        language = str(record.facts[LANGUAGE.name])
        chosen, rejected = _said(record.chosen), _said(record.rejected)
        alike = round(similarity(chosen, rejected, language), 4)
        lengths = [max(1, len(words_of(text, language))) for text in (chosen, rejected)]
        facts: dict[str, FactValue] = {SIMILARITY.name: alike, LENGTH_RATIO.name: round(lengths[0] / lengths[1], 4)}
        if chosen.split() == rejected.split() or alike > self.max_similarity_ratio:
            told = f"similarity {alike:.3f}, expected {self.max_similarity_ratio:g} or less"
            return Reject(record.key, TOO_SIMILAR.name, told, facts=facts)
        if self.max_length_ratio and max(lengths) > self.max_length_ratio * min(lengths):
            detail = f"{lengths[0]} and {lengths[1]} words, expected a ratio of {self.max_length_ratio:g} or less"
            return Reject(record.key, BAD_PROPORTION.name, detail, facts=facts)
        return with_facts(record, facts)


@dataclass(frozen=True, slots=True)
class KeepMargin:
    """Keeps pairs whose margin, in the units of their source, is `min_margin` or more."""

    min_margin: float
    takes: ClassVar = (Preference,)
    gives: ClassVar = None
    reads: ClassVar = (MARGIN,)
    writes: ClassVar = ()
    reasons: ClassVar = (SMALL_MARGIN,)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        return (Limit(MARGIN, SMALL_MARGIN.name, self.min_margin),)

    def __call__(self, record: Preference) -> Preference | Reject:
        margin = float(record.facts[MARGIN.name])
        if margin < self.min_margin:
            return Reject(record.key, SMALL_MARGIN.name, f"margin {margin:g}, expected {self.min_margin:g} or more")
        return record
