"""Requests that take two calls, of which the second needs what the first gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from processors.tools.numbers_catalogue import CURRENCIES
from processors.tools.spec import Arguments, Draw, decimal, pick, whole
from processors.tools.wording import days_from


@dataclass(frozen=True, slots=True)
class Chain:
    """`draw` gives the arguments of both calls; `link` names the second's arguments that are results of the first.

    In the texts `{0.x}` is a value of the first call and `{1.x}` of the second.
    """

    first: str
    second: str
    draw: Draw  # of the first call
    then: Draw  # of the second, without the linked arguments
    link: Mapping[str, str]
    requests: tuple[str, ...]
    answers: tuple[str, ...]


def _numbers(rng, state) -> Arguments:  # type: ignore[no-untyped-def]
    return {"numbers": [decimal(rng, 5, 300) for _ in range(whole(rng, 3, 6))]}


CHAINS = (
    Chain(
        "get_price",
        "convert_currency",
        lambda rng, state: {"product": pick(rng, list(state["products"]))},
        lambda rng, state: {"from_currency": "USD", "to_currency": pick(rng, CURRENCIES[1:])},
        {"amount": "price_usd"},
        ("How much is the {0.product} in {1.to_currency}?", "Please tell me the price of the {0.product} in {1.to_currency}."),
        (
            "The {0.product} costs ${0.price_usd|money}, which is {1.converted|money} {1.to_currency}.",
            "In {1.to_currency} it is {1.converted|money} (${0.price_usd|money}).",
        ),
    ),
    Chain(
        "add_days",
        "weekday",
        lambda rng, state: {"date": days_from(state["today"], whole(rng, -400, 400)), "days": whole(rng, 5, 300)},
        lambda rng, state: {},
        {"date": "result_date"},
        (
            "Which day of the week is it {0.days|#day} after {0.date|date}?",
            "I start on {0.date|date} and need {0.days|#day}. On which weekday am I done?",
        ),
        (
            "{0.days|#day} after {0.date|date} is {0.result_date|date}, a {1.weekday}.",
            "That is {0.result_date|date}, which is a {1.weekday}.",
        ),
    ),
    Chain(
        "order_status",
        "days_between",
        lambda rng, state: {"order_id": pick(rng, list(state["orders"]))},
        lambda rng, state: {"start_date": state["today"]},
        {"end_date": "due"},
        (
            "Today is {1.start_date|date}. In how many days is my order {0.order_id} due?",
            "How many days do I still have to wait for order {0.order_id}? It is {1.start_date|date} today.",
        ),
        (
            "Order {0.order_id} is due on {0.due|date}, in {1.days|#day}.",
            "It is {0.status} and due on {0.due|date}: {1.days|#day} from today.",
        ),
    ),
    Chain(
        "get_forecast",
        "convert_units",
        lambda rng, state: {"city": pick(rng, list(state["forecast"]))},
        lambda rng, state: {"from_unit": "C", "to_unit": "F"},
        {"value": "high_c"},
        (
            "What is today's high in {0.city}, in degrees Fahrenheit?",
            "How many degrees Fahrenheit will it be in {0.city} today at most?",
        ),
        (
            "The high in {0.city} is {1.converted} °F ({0.high_c} °C).",
            "At most {0.high_c} °C, which are {1.converted} °F.",
        ),
    ),
    Chain(
        "add_numbers",
        "percentage",
        _numbers,
        lambda rng, state: {"percent": whole(rng, 2, 60)},
        {"amount": "sum"},
        (
            "What is {1.percent}% of the sum of {0.numbers}?",
            "Add up {0.numbers} and then take {1.percent}% of the result.",
        ),
        ("The sum is {0.sum}, and {1.percent}% of it are {1.value}.", "{1.percent}% of {0.sum} is {1.value}."),
    ),
    Chain(
        "multiply",
        "divide",
        lambda rng, state: {"a": whole(rng, 3, 200), "b": whole(rng, 3, 200)},
        lambda rng, state: {"divisor": whole(rng, 2, 40)},
        {"dividend": "product"},
        (
            "Multiply {0.a} by {0.b} and divide the result by {1.divisor}.",
            "What do I get when I multiply {0.a} by {0.b} and then divide by {1.divisor}?",
        ),
        ("{0.a} times {0.b} is {0.product}; divided by {1.divisor}, that makes {1.quotient}.", "You get {1.quotient}."),
    ),
    Chain(
        "split_bill",
        "convert_currency",
        lambda rng, state: {"total": decimal(rng, 40, 500, 2), "people": whole(rng, 2, 8)},
        lambda rng, state: {"from_currency": pick(rng, ("GBP", "EUR")), "to_currency": pick(rng, ("USD", "JPY", "CAD"))},
        {"amount": "per_person"},
        (
            "{0.people} of us share a bill of {0.total|money} {1.from_currency}. How much is each share in {1.to_currency}?",
            "Please split {0.total|money} {1.from_currency} between {0.people} people and convert one share to {1.to_currency}.",
        ),
        (
            "Each share is {0.per_person|money} {1.from_currency}, or {1.converted|money} {1.to_currency}.",
            "{1.converted|money} {1.to_currency} per person ({0.per_person|money} {1.from_currency}).",
        ),
    ),
    Chain(
        "order_status",
        "create_event",
        lambda rng, state: {"order_id": pick(rng, list(state["orders"]))},
        lambda rng, state: {
            "title": pick(rng, ("delivery", "parcel arrives", "order arrives")),
            "time": pick(rng, ("07:30", "20:15", "21:00")),
        },
        {"date": "due"},
        (
            "Look up when order {0.order_id} is due and put {1.title|quoted} into my calendar for that day at {1.time}.",
            "Please create an event {1.title|quoted} at {1.time} on the day that order {0.order_id} is due.",
        ),
        (
            "Order {0.order_id} is due on {0.due|date}; {1.title|quoted} is in your calendar for that day at {1.time}.",
            "Done: {1.title|quoted} on {0.due|date} at {1.time}.",
        ),
    ),
)
