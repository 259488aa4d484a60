"""Tools that run, and conversations about them: exact results, every wording fits its arguments, everything is computed once more."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from processors.contract import Contract
from processors.tools.calls import CheckCalls
from processors.tools.chains import CHAINS
from processors.tools.programs import ToolError
from processors.tools.synthetic import CASES, SPECS, TOPICS, draw_state, make_conversations
from processors.tools.task import CheckExecuted, ToolsTask
from processors.tools.wording import fill, say, slots_of
from schemas.identity import keyed_rng
from schemas.outcome import Refused, Reject
from schemas.parts import Text, ToolCall, ToolResult
from schemas.records import Conversation, Origin, Row

STATE: dict[str, Any] = {
    "rates": {"USD": 1.0, "EUR": 0.5},
    "now": "23:50",
    "events": [{"title": "lunch", "date": "2024-05-01", "time": "12:00"}],
    "products": {"lamp": {"in_stock": 3, "shelf": "A1", "price_usd": 9.5}},
    "contacts": {"Mei Tanaka": {"extension": "1", "department": "sales", "office": "1.02"}},
    "orders": {"A1000": {"status": "on its way", "due": "2024-05-01"}},
    "forecast": {"Oslo": {"high_c": 3, "low_c": -2, "sky": "clear"}},
}


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("add_numbers", {"numbers": [0.1, 0.2, -5]}, {"sum": -4.7}),
        ("multiply", {"a": 3, "b": 2.5}, {"product": 7.5}),
        ("divide", {"dividend": 10, "divisor": 4}, {"quotient": 2.5}),
        ("divide", {"dividend": 10, "divisor": 3, "decimals": 1}, {"quotient": 3.3}),
        ("percentage", {"percent": 5, "amount": 40}, {"value": 2}),
        ("list_statistics", {"numbers": [3, 1, 2, 10], "measure": "median"}, {"value": 2.5}),
        ("list_statistics", {"numbers": [3, 1, 2, 10], "measure": "mean"}, {"value": 4}),
        ("list_statistics", {"numbers": [3, 1, 2, 10], "measure": "range"}, {"value": 9}),
        ("convert_units", {"value": 1, "from_unit": "mi", "to_unit": "km"}, {"converted": 1.60934}),
        ("convert_units", {"value": 1, "from_unit": "ft", "to_unit": "in"}, {"converted": 12}),
        ("convert_units", {"value": 1, "from_unit": "lb", "to_unit": "oz"}, {"converted": 16}),
        ("convert_units", {"value": 100, "from_unit": "C", "to_unit": "F"}, {"converted": 212}),
        ("convert_units", {"value": 0, "from_unit": "K", "to_unit": "C"}, {"converted": -273.15}),
        ("convert_currency", {"amount": 10, "from_currency": "USD", "to_currency": "EUR"}, {"converted": 5}),
        ("split_bill", {"total": 100, "people": 3, "tip_percent": 20}, {"per_person": 40, "total_with_tip": 120}),
        ("prime_factors", {"number": 360}, {"factors": [2, 2, 2, 3, 3, 5]}),
        ("prime_factors", {"number": 97}, {"factors": [97]}),
        ("greatest_common_divisor", {"a": 48, "b": 36}, {"gcd": 12}),
        ("days_between", {"start_date": "2024-02-28", "end_date": "2024-03-01"}, {"days": 2}),
        ("add_days", {"date": "2023-12-31", "days": 60}, {"result_date": "2024-02-29"}),
        ("weekday", {"date": "2000-01-01"}, {"weekday": "Saturday"}),
        ("leap_year", {"year": 1900}, {"is_leap_year": False}),
        ("leap_year", {"year": 2000}, {"is_leap_year": True}),
        ("month_length", {"year": 2024, "month": 2}, {"num_days": 29}),
        ("month_length", {"year": 2023, "month": 12}, {"num_days": 31}),
        ("set_timer", {"minutes": 15}, {"label": "timer", "ends_at": "00:05"}),
        ("count_words", {"text": " a  b c "}, {"words": 3}),
        ("reverse_text", {"text": "abc"}, {"reversed": "cba"}),
        ("change_case", {"text": "ab cd", "style": "title"}, {"changed": "Ab Cd"}),
        ("sort_words", {"words": ["b", "A", "c"]}, {"sorted_words": ["A", "b", "c"]}),
        ("sort_words", {"words": ["b", "A", "c"], "descending": True}, {"sorted_words": ["c", "b", "A"]}),
        ("count_letter", {"text": "Banana", "letter": "A"}, {"count": 3}),
        ("get_stock", {"product": "lamp"}, {"in_stock": 3, "shelf": "A1"}),
        ("get_price", {"product": "lamp"}, {"price_usd": 9.5}),
        ("find_contact", {"name": "Mei Tanaka"}, {"extension": "1", "department": "sales", "office": "1.02"}),
        ("order_status", {"order_id": "A1000"}, {"status": "on its way", "due": "2024-05-01"}),
        ("get_forecast", {"city": "Oslo"}, {"high_c": 3, "low_c": -2, "sky": "clear"}),
    ],
)
def test_programs(name: str, arguments: dict[str, Any], expected: dict[str, Any]) -> None:
    assert SPECS[name].run(STATE, **arguments) == expected


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("divide", {"dividend": 1, "divisor": 0}, "division by zero"),
        ("list_statistics", {"numbers": [], "measure": "mean"}, "the list is empty"),
        ("convert_units", {"value": 1, "from_unit": "kg", "to_unit": "m"}, "cannot convert kg to m"),
        ("convert_units", {"value": -1, "from_unit": "K", "to_unit": "C"}, "below absolute zero"),
        ("convert_currency", {"amount": 1, "from_currency": "USD", "to_currency": "XXX"}, "unknown currency XXX"),
        ("split_bill", {"total": 1, "people": 0}, "people must be at least 1"),
        ("prime_factors", {"number": 1}, "number must be between 2 and 1000000000"),
        ("weekday", {"date": "2023-02-29"}, "2023-02-29 is not a valid date"),
        ("add_days", {"date": "9999-12-31", "days": 1}, "the result is beyond the calendar"),
        ("month_length", {"year": 2024, "month": 13}, "month must be 1 to 12, year 1 to 9998"),
        ("set_timer", {"minutes": 0}, "minutes must be between 1 and 1440"),
        ("create_event", {"title": "x", "date": "2024-05-01", "time": "12:00"}, "there is already an event at that time: lunch"),
        ("count_letter", {"text": "x", "letter": "ab"}, "letter must be a single character"),
        ("get_price", {"product": "sofa"}, "no product 'sofa'"),
    ],
)
def test_errors_of_programs(name: str, arguments: dict[str, Any], error: str) -> None:
    with pytest.raises(ToolError) as caught:
        SPECS[name].run(STATE, **arguments)
    assert str(caught.value) == error


def test_an_event_has_a_number_of_its_own() -> None:
    made = [SPECS["create_event"].run(STATE, title=title, date="2024-05-02", time="12:00")["event_id"] for title in ("a", "b", "a")]
    assert made[0] == made[2] != made[1]


@pytest.mark.parametrize("spec", SPECS.values(), ids=lambda spec: spec.name)
def test_every_wording_of_a_tool_fits_what_is_drawn(spec: Any) -> None:
    """Requests name exactly the arguments of a call; answers name arguments and results; what fails fails."""
    shapes = set()
    for number in range(40):
        rng = keyed_rng(0, spec.name, str(number))
        state = draw_state(rng)
        arguments = spec.draw(rng, state)
        shapes.add(frozenset(arguments))
        assert {*spec.properties} - {*spec.optional} <= arguments.keys() <= spec.properties.keys()
        assert any(slots_of(clause) == arguments.keys() for clause in spec.clauses)
        found = spec.run(state, **arguments)
        assert all(slots_of(answer) <= {*spec.properties, *found} for answer in spec.answers)
        if spec.fails is not None:
            failing = spec.fails.draw(rng, state)
            assert any(slots_of(clause) == failing.keys() for clause in spec.clauses)
            with pytest.raises(ToolError):
                spec.run(state, **failing)
            assert all(slots_of(answer) <= {*failing, "error"} for answer in spec.fails.answers)
    assert all(any(slots_of(text) == shape for shape in shapes) for text in (*spec.clauses, *spec.questions))
    if spec.missing is not None:
        required = {*spec.properties} - {*spec.optional}
        assert spec.missing.argument in required
        for request in spec.missing.requests:
            assert spec.missing.argument not in slots_of(request)
            told = slots_of(request) | {spec.missing.argument}
            assert told == required, "what the user never says could not be known"
        assert all(slots_of(reply) == {spec.missing.argument} for reply in spec.missing.replies)
        assert all(
            slots_of(asked) <= slots_of(request) for asked in spec.missing.asks for request in spec.missing.requests if slots_of(asked)
        )
    assert all(set(others).isdisjoint(spec.properties) for others in spec.arguments.values())
    assert spec.arguments.keys() <= spec.properties.keys()


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: f"{chain.first} {chain.second}")
def test_every_chain_links_a_result_to_an_argument(chain: Any) -> None:
    for number in range(20):
        rng = keyed_rng(0, "chain", str(number))
        state = draw_state(rng)
        first = chain.draw(rng, state)
        found = SPECS[chain.first].run(state, **first)
        second = {**{argument: found[result] for argument, result in chain.link.items()}, **chain.then(rng, state)}
        assert second.keys() <= SPECS[chain.second].properties.keys()
        values = [{**first, **found}, {**second, **SPECS[chain.second].run(state, **second)}]
        for text in (*chain.requests, *chain.answers):
            fill(text, values)
        for request in chain.requests:
            told = fill(request, [first, {name: value for name, value in second.items() if name not in chain.link}])
            assert "{" not in told


# ---- conversations


def made(topic: str, cases: object = None, count: int = 18, seed: int = 0, key: str = "k") -> list[Conversation]:
    fields = {"topic": topic, "count": count, **({"cases": cases} if cases else {})}
    found = ToolsTask(seed)(Row(key, Origin("s"), fields))
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("topic", [*TOPICS, "any"])
def test_every_conversation_is_checked_executed_and_counted(topic: str) -> None:
    records = made(topic, count=45)
    assert len(records) == 45
    for record in records:
        for step in (CheckCalls(), CheckExecuted(), Contract()):
            found = step(record)  # type: ignore[operator]
            assert isinstance(found, Conversation), found
            record = found
        assert not any("{" in part.text for turn in record.turns for part in turn.parts if isinstance(part, Text))


def test_every_case_is_made() -> None:
    records = [CheckCalls()(record) for record in made("any", count=4 * len(CASES))]
    cases = Counter(record.facts["tools.case"] for record in records if isinstance(record, Conversation))
    assert sum(cases.values()) == 4 * len(CASES)
    assert set(cases) == {"simple", "multiple", "parallel", "parallel_multiple", "no_call", "missing_argument", "multi_turn"}
    errors = made("any", ["error"], count=6)
    assert all(
        any('"error"' in part.content for turn in record.turns for part in turn.parts if isinstance(part, ToolResult)) for record in errors
    )


def test_a_user_says_what_is_called() -> None:
    """Every text and number of the arguments of a simple call stands in the request, as it is or written out."""
    for record in made("tables", ["simple", "multiple"], count=30):
        request = record.turns[1].parts[0]
        assert isinstance(request, Text)
        for turn in record.turns:
            for part in turn.parts:
                if isinstance(part, ToolCall):
                    assert all(str(value) in request.text for value in json.loads(part.arguments).values())


def test_no_call_is_asked_of_tools_that_do_not_serve() -> None:
    for record in made("numbers", "no_call", count=30):
        assert not any(isinstance(part, ToolCall) for turn in record.turns for part in turn.parts)
        truth = json.loads(str(record.facts["tools.truth"]))
        assert all(SPECS[tool["is"]].topic != "numbers" for tool in truth["tools"].values())


def test_the_same_row_gives_the_same_conversations_and_another_key_or_seed_others() -> None:
    assert made("any") == made("any")
    assert made("any") != made("any", seed=1)
    assert made("any") != made("any", key="l")
    assert made("any", count=9) == made("any", count=18)[:9]


@pytest.mark.parametrize(
    "fields",
    [
        {"topic": "cooking", "count": 1},
        {"topic": "any", "count": 0},
        {"topic": "any", "count": 1_001},
        {"topic": "any", "count": True},
        {"topic": "any", "count": "3"},
        {"topic": "any", "count": 1, "cases": []},
        {"topic": "any", "count": 1, "cases": ["dance"]},
        {"topic": "any", "count": 1, "cases": 5},
        {"topic": ["any"], "count": 1},
    ],
)
def test_bad_seeds(fields: dict[str, Any]) -> None:
    found = ToolsTask()(Row("k", Origin("s"), fields))
    assert isinstance(found, Reject)
    assert found.reason == "bad_seed"


# ---- executed again


def changed(record: Conversation, kind: type, change: Any) -> Conversation:
    """The record with the last part of a kind changed."""
    places = [
        (number, place) for number, turn in enumerate(record.turns) for place, part in enumerate(turn.parts) if isinstance(part, kind)
    ]
    number, place = places[-1]
    turn = record.turns[number]
    parts = (*turn.parts[:place], change(turn.parts[place]), *turn.parts[place + 1 :])
    return replace(record, turns=(*record.turns[:number], replace(turn, parts=parts), *record.turns[number + 1 :]))


def refusal(record: Conversation) -> str:
    found = CheckExecuted()(record)
    return found.reason if isinstance(found, Reject) else "none"


def test_planted_lies_are_found() -> None:
    (record,) = made("numbers", ["simple"], count=1)
    assert refusal(record) == "none"
    assert refusal(changed(record, ToolResult, lambda part: ToolResult(part.name, '{"sum": 1}'))) == "result_differs"
    assert refusal(changed(record, ToolCall, lambda part: ToolCall(part.name, "{}"))) == "result_differs"
    assert refusal(changed(record, ToolCall, lambda part: ToolCall("other", part.arguments))) == "result_differs"
    assert refusal(changed(record, Text, lambda part: Text(part.text + " "))) == "answer_differs"
    assert refusal(replace(record, turns=record.turns[:-1])) == "answer_differs"
    assert refusal(replace(record, turns=(*record.turns[:-2], record.turns[-1]))) == "result_differs"


def test_given_calls_are_not_executed() -> None:
    (record,) = made("numbers", ["simple"], count=1)
    given = replace(record, facts={**record.facts, "tools.how": "given", "tools.truth": ""})
    assert CheckExecuted()(changed(given, ToolResult, lambda part: ToolResult(part.name, "?"))).facts["tools.how"] == "given"  # type: ignore[union-attr]


def test_a_changed_table_is_found() -> None:
    records = made("tables", ["multiple"], count=6)
    for record in records:
        truth = json.loads(str(record.facts["tools.truth"]))
        call = next(part for turn in record.turns for part in turn.parts if isinstance(part, ToolCall))
        table = SPECS[truth["tools"][call.name]["is"]].state[0]
        truth["state"][table] = {}
        assert refusal(replace(record, facts={**record.facts, "tools.truth": json.dumps(truth)})) == "result_differs"


def test_how_values_are_said() -> None:
    assert [say(value, how, "day") for value, how in ((1, "#day"), (2, "#day"), (1, "times"), (5, "times"), (0, "times"))] == [
        *("1 day", "2 days", "once", "5 times", "not once")
    ]
    assert [say("2024-03-05", "date", style) for style in ("iso", "day", "month")] == ["2024-03-05", "5 March 2024", "March 5, 2024"]
    assert say("2024-13-05", "date", "day") == "2024-13-05"
    assert say([1, 2.0, 3.5], "", "day") == "1, 2 and 3.5"
    assert (say(3.5, "money", "day"), say(3, "money", "day")) == ("3.50", "3")
    assert fill("{0.a} and {a}", [{"a": 1}, {"a": 2}], base=1) == "1 and 2"


def test_a_row_cannot_be_made_without_its_topic() -> None:
    with pytest.raises(Refused, match="expected one of numbers, dates, words, tables, any"):
        make_conversations({"topic": "", "count": 1}, 0, "k")
