"""Conversations about tools that really run: request, calls, executed results, and an answer made of the results.

A row of seeds, {"topic": "dates", "count": 20}, gives so many conversations; `cases` narrows what they are. The record keeps the
tables that the tools read and the template of each answer, so that everything the assistant says can be computed once more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from processors.messages import LIST_COLUMNS
from processors.pairs import QUESTION_COLUMNS
from processors.tools import dates_catalogue, numbers_catalogue, words_catalogue
from processors.tools.chains import CHAINS, Chain
from processors.tools.no_call import no_call_answer
from processors.tools.schema import read_tools
from processors.tools.small_talk import TALK
from processors.tools.spec import Rng, Spec, decimal, pick, some, whole
from processors.tools.variants import Shown, definitions, execute, show
from processors.tools.wording import days_from, fill, sentence, slots_of
from schemas.identity import keyed_rng
from schemas.outcome import Reason, Refused
from schemas.parts import Part, Text, ToolResult, Tools
from schemas.records import Turn

BAD_SEED = Reason("bad_seed", "A row that asks for made conversations names no topic or case that there is, or no count")

SPECS: dict[str, Spec] = {
    spec.name: spec
    for spec in (*numbers_catalogue.SPECS, *dates_catalogue.SPECS, *words_catalogue.WORD_SPECS, *words_catalogue.TABLE_SPECS)
}
TOPICS = tuple(dict.fromkeys(spec.topic for spec in SPECS.values()))
CASES = ("simple", "multiple", "parallel", "parallel_multiple", "no_call", "missing_argument", "multi_turn", "two_steps", "error")
MAX_COUNT = 1_000  # conversations of a row: its children are held in memory together
MAX_DISTRACTORS = 4

SYSTEM = (
    "",
    "You are a helpful assistant.",
    "You are a helpful assistant with some tools.",
    "You are an assistant that can call functions. Call them where they help, and answer from what they return.",
    "Use the tools below when a request needs them. If something that a tool needs is missing, ask for it.",
)
OPENERS = (
    "Please {0}.",
    "{1}.",
    "Can you {0}?",
    "Could you {0}, please?",
    "I need you to {0}.",
    "Hi! Please {0}.",
    "{1}, please.",
    "Would you {0}?",
)
STATEMENTS = ("Please {0}.", "{1}.", "I need you to {0}.", "Hello. Please {0}.")  # of several sentences
ASKED = ("{0}", "{0}", "Hello. {0}", "I have a question: {0}")
JOINED = ("{0}, and {1}", "{0}, and also {1}", "{0}; then {1}", "{0}. After that, {1}")
FOLLOW = ("Thanks! {0}", "Great. {0}", "Good. {0}", "Thank you. One more thing: {0}", "{0}")
BULLETS = "\n- "


@dataclass(frozen=True, slots=True)
class Made:
    """A conversation; `case` is empty where `case_of` tells it."""

    turns: tuple[Turn, ...]
    truth: str
    case: str


@dataclass(slots=True)
class _Talk:
    """A conversation while it is made."""

    rng: Rng
    state: dict[str, Any]
    tools: list[Shown] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)  # of each call: arguments and results by name
    answers: list[dict[str, Any] | None] = field(default_factory=list)

    def user(self, text: str) -> None:
        self.turns.append(Turn("user", (Text(text),)))

    def call(self, *calls: tuple[Shown, Mapping[str, Any]]) -> None:
        """The assistant's calls in one turn, and a result for each."""
        results = [(tool, execute(tool.spec, arguments, self.state)) for tool, arguments in calls]
        parts: tuple[Part, ...] = tuple(tool.call(arguments) for tool, arguments in calls)
        self.turns.append(Turn("assistant", parts, learned=True))
        for (tool, result), (_, arguments) in zip(results, calls, strict=True):
            self.turns.append(Turn("tool_response", (ToolResult(tool.name, json.dumps(result, ensure_ascii=False)),)))
            self.values.append({**arguments, **result})

    def answer(self, templates: Sequence[str], calls: Sequence[int], joint: str = " ") -> None:
        """One sentence a template; the n-th speaks of the n-th of these calls."""
        told = {"templates": list(templates), "calls": list(calls), "joint": joint}
        self.say(answer_text(told, self.values), told)

    def say(self, text: str, told: dict[str, Any] | None = None) -> None:
        self.turns.append(Turn("assistant", (Text(text),), learned=True))
        self.answers.append(told)


def answer_text(told: Mapping[str, Any], values: Sequence[Mapping[str, Any]]) -> str:
    """The answer that templates make of the values of calls (arguments and results by name, one mapping a call)."""
    used = [values[number] for number in told["calls"]]
    said = [sentence(fill(template, used, min(place, len(used) - 1))) for place, template in enumerate(told["templates"])]
    return (told["joint"].lstrip() if told["joint"] == BULLETS else "") + told["joint"].join(said)


# ---- rows


def is_seed(fields: Mapping[str, object]) -> bool:
    """Whether a row asks for made conversations."""
    return "topic" in fields and "count" in fields and not any(name in fields for name in (*LIST_COLUMNS, *QUESTION_COLUMNS))


def make_conversations(fields: Mapping[str, object], seed: int, key: str) -> list[Made]:
    """The conversations that a row asks for. Raises: Refused with BAD_SEED."""
    topic, count, cases = fields.get("topic"), fields.get("count"), fields.get("cases", list(CASES))
    if topic not in (*TOPICS, "any"):
        raise Refused(BAD_SEED, f"topic is {str(topic)[:60]!r}, expected one of {', '.join((*TOPICS, 'any'))}")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_COUNT:
        raise Refused(BAD_SEED, f"count is {str(count)[:60]!r}, expected 1 to {MAX_COUNT}")
    wanted = [cases] if isinstance(cases, str) else cases
    if not isinstance(wanted, list) or not wanted or any(case not in CASES for case in wanted):
        raise Refused(BAD_SEED, f"cases are {str(cases)[:80]!r}, expected a list of some of {', '.join(CASES)}")
    specs = [spec for spec in SPECS.values() if topic in (spec.topic, "any")]
    return [_make(pick_case(wanted, number), specs, seed, f"{key}/{number}") for number in range(count)]


def pick_case(cases: Sequence[str], number: int) -> str:
    """In turn, so that even few conversations show every case."""
    return cases[number % len(cases)]


def _make(case: str, specs: Sequence[Spec], seed: int, key: str) -> Made:
    rng = keyed_rng(seed, "tools", key)
    talk = _Talk(rng, draw_state(rng))
    MAKERS[case](talk, specs, seed, key)
    told = Tools(definitions(talk.tools))
    prompt = pick(rng, SYSTEM)
    system = Turn("system", (Text(prompt), told) if prompt else (told,))
    used = {table for tool in talk.tools for table in tool.spec.state}
    truth = {
        "tools": {tool.name: tool.truth for tool in talk.tools},
        "state": {name: value for name, value in talk.state.items() if name in used},
        "answers": talk.answers,
    }
    stated = case if case in ("no_call", "missing_argument") else ""
    return Made((system, *talk.turns), json.dumps(truth, ensure_ascii=False), stated)


def draw_state(rng: Rng) -> dict[str, Any]:
    """Tables of a company on a day, all invented."""
    today = days_from("2022-01-03", whole(rng, 0, 1_400))
    rates = {"USD": 1.0, "EUR": 0.92, "GBP": 0.79, "JPY": 151.0, "CHF": 0.89, "CAD": 1.36}
    people = some(rng, words_catalogue.PEOPLE, 5, 7)
    return {
        "today": today,
        "now": f"{whole(rng, 6, 22):02d}:{whole(rng, 0, 59):02d}",
        "rates": {name: round(rate * float(rng.uniform(0.94, 1.06)), 4) if name != "USD" else 1.0 for name, rate in rates.items()},
        "products": {
            name: {"in_stock": whole(rng, 0, 240), "shelf": f"{pick(rng, 'ABCD')}{whole(rng, 1, 30)}", "price_usd": decimal(rng, 3, 450, 2)}
            for name in some(rng, words_catalogue.PRODUCTS, 5, 7)
        },
        "contacts": {
            name: {
                "extension": str(whole(rng, 1_000, 9_999)),
                "department": pick(rng, ("sales", "finance", "research", "support", "logistics", "design")),
                "office": f"{whole(rng, 1, 6)}.{whole(rng, 1, 40):02d}",
            }
            for name in people
        },
        "orders": {
            words_catalogue.order_id(rng): {
                "status": pick(rng, ("being packed", "on its way", "waiting for payment", "at the customs office")),
                "due": days_from(today, whole(rng, 1, 40)),
            }
            for _ in range(4)
        },
        "forecast": {
            name: (lambda low: {"high_c": low + whole(rng, 3, 11), "low_c": low, "sky": pick(rng, ("sunny", "cloudy", "rainy", "clear"))})(
                whole(rng, -6, 22)
            )
            for name in some(rng, words_catalogue.CITIES, 5, 6)
        },
        "events": [
            {
                "title": pick(rng, dates_catalogue.TITLES),
                "date": days_from(today, whole(rng, 1, 30)),
                "time": pick(rng, dates_catalogue.TIMES),
            }
            for _ in range(2)
        ],
    }


# ---- wordings


def _fitting(templates: Iterable[str], arguments: Mapping[str, Any]) -> list[str]:
    """Those that name exactly these arguments."""
    return [template for template in templates if slots_of(template) == arguments.keys()]


def _clause(talk: _Talk, spec: Spec, arguments: Mapping[str, Any]) -> str:
    return fill(pick(talk.rng, _fitting(spec.clauses, arguments)), [arguments], dates=pick(talk.rng, ("iso", "day", "month")))


def _request(talk: _Talk, spec: Spec, arguments: Mapping[str, Any]) -> str:
    questions = _fitting(spec.questions, arguments)
    if questions and talk.rng.random() < 0.5:
        asked = fill(pick(talk.rng, questions), [arguments], dates=pick(talk.rng, ("iso", "day", "month")))
        return pick(talk.rng, ASKED).format(sentence(asked))
    return _opened(talk.rng, _clause(talk, spec, arguments))


def _opened(rng: Rng, clause: str) -> str:
    opener = pick(rng, STATEMENTS if ". " in clause else OPENERS)
    return opener.format(clause, sentence(clause))


def _telling(talk: _Talk, spec: Spec) -> str:
    """An answer that says which of several requests it is about."""
    most = max(len(slots_of(answer) & spec.properties.keys()) for answer in spec.answers)
    return pick(talk.rng, [answer for answer in spec.answers if len(slots_of(answer) & spec.properties.keys()) == most])


def _offer(talk: _Talk, used: Sequence[Spec], others: Sequence[Spec], fewest: int = 0, most: int = MAX_DISTRACTORS) -> list[Shown]:
    """Shows the used tools among others, in a random order; gives the used ones."""
    names = {spec.name for spec in used}
    spare = [spec for spec in others if spec.name not in names]
    shown: list[Shown] = []
    for spec in (*used, *some(talk.rng, spare, min(fewest, len(spare)), min(most, len(spare)))):
        one = show(spec, talk.rng)
        taken = {other.name for other in shown}
        shown.append(one if one.name not in taken else Shown(spec, spec.name, one.description, one.arguments))
    talk.tools = [shown[int(index)] for index in talk.rng.permutation(len(shown))]
    return shown[: len(used)]


def _one_after_another(talk: _Talk, spec: Spec, tool: Shown, opening: Callable[[str], str] = str) -> None:
    """A request, its call, its answer."""
    arguments = spec.draw(talk.rng, talk.state)
    talk.user(opening(_request(talk, spec, arguments)))
    talk.call((tool, arguments))
    talk.answer([pick(talk.rng, spec.answers)], [len(talk.values) - 1])


# ---- the cases


def _simple(talk: _Talk, specs: Sequence[Spec], seed: int, key: str) -> None:
    spec = pick(talk.rng, specs)
    (tool,) = _offer(talk, [spec], [])
    _one_after_another(talk, spec, tool)


def _multiple(talk: _Talk, specs: Sequence[Spec], seed: int, key: str) -> None:
    spec = pick(talk.rng, specs)
    (tool,) = _offer(talk, [spec], list(SPECS.values()), fewest=1)
    _one_after_another(talk, spec, tool)


def _parallel(talk: _Talk, specs: Sequence[Spec], seed: int, key: str) -> None:
    """Two or three calls of one tool, the only one."""
    spec = pick(talk.rng, specs)
    (tool,) = _offer(talk, [spec], [])
    _together(talk, [(spec, tool)] * whole(talk.rng, 2, 3))


def _parallel_multiple(talk: _Talk, specs: Sequence[Spec], seed: int, key: str) -> None:
    """Two calls of different tools, or of one of several."""
    used = some(talk.rng, specs, 2, 2)
    tools = _offer(talk, used, list(SPECS.values()), most=3)
    _together(talk, list(zip(used, tools, strict=True)))


def _together(talk: _Talk, asked: Sequence[tuple[Spec, Shown]]) -> None:
    calls: list[tuple[Shown, dict[str, Any]]] = []
    clauses = []
    for spec, tool in asked:
        arguments = spec.draw(talk.rng, talk.state)
        if any(arguments == told and tool is other for other, told in calls):
            continue
        calls.append((tool, arguments))
        clauses.append(_clause(talk, spec, arguments))
    if len(calls) < 2:  # the draws were the same: ask for another
        return _together(talk, asked)
    clause = clauses[0]
    for other in clauses[1:]:
        clause = pick(talk.rng, JOINED).format(clause, other)
    talk.user(_opened(talk.rng, clause))
    talk.call(*calls)
    joint = BULLETS if talk.rng.random() < 0.3 else " "
    talk.answer([_telling(talk, tool.spec) for tool, _ in calls], range(len(calls)), joint)
    return None


def _no_call(talk: _Talk, specs: Sequence[Spec], seed: int, key: str) -> None:
    """A request that no offered tool serves, or one that needs no tool."""
    spec = pick(talk.rng, specs)
    elsewhere = [other for other in SPECS.values() if other.topic != spec.topic]  # a tool of the same topic may do after all
    _offer(talk, [], elsewhere, fewest=1, most=5)
    if talk.rng.random() < 0.4:
        questions, answers = pick(talk.rng, TALK)
        talk.user(pick(talk.rng, questions))
        talk.say(pick(talk.rng, answers))
        return
    request = _request(talk, spec, spec.draw(talk.rng, talk.state))
    talk.user(request)
    talk.say(no_call_answer(request, read_tools(definitions(talk.tools)), seed, key))


def _missing_argument(talk: _Talk, specs: Sequence[Spec], seed: int, key: str) -> None:
    """The user leaves something out, is asked for it, and tells it."""
    spec = pick(talk.rng, [spec for spec in specs if spec.missing])
    assert spec.missing is not None
    (tool,) = _offer(talk, [spec], list(SPECS.values()))
    arguments = spec.draw(talk.rng, talk.state)
    arguments = {name: value for name, value in arguments.items() if name not in spec.optional}
    dates = pick(talk.rng, ("iso", "day", "month"))
    talk.user(_opened(talk.rng, fill(pick(talk.rng, spec.missing.requests), [arguments], dates=dates)))
    talk.say(fill(pick(talk.rng, spec.missing.asks), [arguments], dates=dates))
    talk.user(sentence(fill(pick(talk.rng, spec.missing.replies), [arguments], dates=dates)))
    talk.call((tool, arguments))
    talk.answer([pick(talk.rng, spec.answers)], [0])


def _multi_turn(talk: _Talk, specs: Sequence[Spec], seed: int, key: str) -> None:
    """Two or three requests, one after the other."""
    used = [pick(talk.rng, specs) for _ in range(whole(talk.rng, 2, 3))]
    distinct = list({spec.name: spec for spec in used}.values())
    tools = dict(zip([spec.name for spec in distinct], _offer(talk, distinct, list(SPECS.values())), strict=True))
    for number, spec in enumerate(used):
        follow = pick(talk.rng, FOLLOW)
        _one_after_another(talk, spec, tools[spec.name], follow.format if number else str)


def _two_steps(talk: _Talk, specs: Sequence[Spec], seed: int, key: str) -> None:
    """The second call takes what the first gave."""
    names = {spec.name for spec in specs}
    chain: Chain = pick(talk.rng, [chain for chain in CHAINS if chain.first in names or chain.second in names] or CHAINS)
    first, second = _offer(talk, [SPECS[chain.first], SPECS[chain.second]], list(SPECS.values()))
    arguments = chain.draw(talk.rng, talk.state)
    given = chain.then(talk.rng, talk.state)
    talk.user(sentence(fill(pick(talk.rng, chain.requests), [arguments, given], dates=pick(talk.rng, ("iso", "day", "month")))))
    talk.call((first, arguments))
    linked = {argument: talk.values[0][result] for argument, result in chain.link.items()}
    talk.call((second, {**linked, **given}))
    talk.answer([pick(talk.rng, chain.answers)], [0, 1])


def _error(talk: _Talk, specs: Sequence[Spec], seed: int, key: str) -> None:
    """The tool cannot do what is asked, and the assistant says so."""
    spec = pick(talk.rng, [spec for spec in specs if spec.fails] or [spec for spec in SPECS.values() if spec.fails])
    assert spec.fails is not None
    (tool,) = _offer(talk, [spec], list(SPECS.values()))
    arguments = spec.fails.draw(talk.rng, talk.state)
    talk.user(_request(talk, spec, arguments))
    talk.call((tool, arguments))
    talk.answer([pick(talk.rng, spec.fails.answers)], [0])


MAKERS: dict[str, Callable[[_Talk, Sequence[Spec], int, str], None]] = {
    "simple": _simple,
    "multiple": _multiple,
    "parallel": _parallel,
    "parallel_multiple": _parallel_multiple,
    "no_call": _no_call,
    "missing_argument": _missing_argument,
    "multi_turn": _multi_turn,
    "two_steps": _two_steps,
    "error": _error,
}
assert tuple(MAKERS) == CASES
