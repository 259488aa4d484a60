"""Small tools that really run: arithmetic, units, dates, texts, and look-ups in tables that belong to the conversation.

A program is a pure function of a state (tables, today's date, the time) and its arguments, and gives JSON values by name. What it
cannot do is a `ToolError`, of which the text is what the assistant reads. No program looks at a clock, a file or the network.
"""

from __future__ import annotations

import datetime
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.identity import digest

State = Mapping[str, Any]
Result = dict[str, Any]

MAX_DAYS = 1_000_000
# in metres and in kilograms: international yard and pound (1959), exact
LENGTHS = {"m": 1.0, "km": 1000.0, "cm": 0.01, "mm": 0.001, "mi": 1609.344, "ft": 0.3048, "in": 0.0254, "yd": 0.9144}
MASSES = {"kg": 1.0, "g": 0.001, "lb": 0.45359237, "oz": 0.028349523125, "t": 1000.0}
TEMPERATURES = ("C", "F", "K")
UNIT_NAMES = {
    **{"m": "metres", "km": "kilometres", "cm": "centimetres", "mm": "millimetres", "mi": "miles", "ft": "feet", "in": "inches"},
    **{"yd": "yards", "kg": "kilograms", "g": "grams", "lb": "pounds", "oz": "ounces", "t": "tonnes"},
    **{"C": "degrees Celsius", "F": "degrees Fahrenheit", "K": "kelvins"},
}


class ToolError(ValueError):
    """What a tool answers when it cannot do what it is asked."""


def tidy(value: float, decimals: int = 4) -> int | float:
    """Rounded; a whole number as an int."""
    rounded = round(value, decimals)
    return int(rounded) if rounded == int(rounded) else rounded


def add_numbers(state: State, numbers: Sequence[float]) -> Result:
    return {"sum": tidy(math.fsum(numbers))}


def multiply(state: State, a: float, b: float) -> Result:
    return {"product": tidy(a * b)}


def divide(state: State, dividend: float, divisor: float, decimals: int = 4) -> Result:
    if divisor == 0:
        raise ToolError("division by zero")
    return {"quotient": tidy(dividend / divisor, decimals)}


def percentage(state: State, percent: float, amount: float) -> Result:
    return {"value": tidy(percent * amount / 100)}


def list_statistics(state: State, numbers: Sequence[float], measure: str) -> Result:
    if not numbers:
        raise ToolError("the list is empty")
    measures: dict[str, Callable[[Sequence[float]], float]] = {
        "mean": statistics.fmean,
        "median": statistics.median,
        "minimum": min,
        "maximum": max,
    }
    return {"value": tidy(max(numbers) - min(numbers) if measure == "range" else measures[measure](numbers))}


def convert_units(state: State, value: float, from_unit: str, to_unit: str) -> Result:
    for table in (LENGTHS, MASSES):
        if from_unit in table and to_unit in table:
            return {"converted": tidy(float(f"{value * table[from_unit] / table[to_unit]:.6g}"), 9)}
    if from_unit in TEMPERATURES and to_unit in TEMPERATURES:
        kelvins = {"C": value + 273.15, "F": (value + 459.67) * 5 / 9, "K": value}[from_unit]
        if kelvins < 0:
            raise ToolError("below absolute zero")
        return {"converted": tidy({"C": kelvins - 273.15, "F": kelvins * 9 / 5 - 459.67, "K": kelvins}[to_unit], 2)}
    raise ToolError(f"cannot convert {from_unit} to {to_unit}")


def convert_currency(state: State, amount: float, from_currency: str, to_currency: str) -> Result:
    for currency in (from_currency, to_currency):
        if currency not in state["rates"]:
            raise ToolError(f"unknown currency {currency}")
    return {"converted": tidy(amount / state["rates"][from_currency] * state["rates"][to_currency], 2)}


def split_bill(state: State, total: float, people: int, tip_percent: float = 0) -> Result:
    if people < 1:
        raise ToolError("people must be at least 1")
    whole = total * (1 + tip_percent / 100)
    return {"per_person": tidy(whole / people, 2), "total_with_tip": tidy(whole, 2)}


def prime_factors(state: State, number: int) -> Result:
    if not 2 <= number <= 10**9:
        raise ToolError("number must be between 2 and 1000000000")
    found, left, divisor = [], number, 2
    while divisor * divisor <= left:
        while left % divisor == 0:
            found.append(divisor)
            left //= divisor
        divisor += 1
    return {"factors": [*found, left] if left > 1 else found}


def greatest_common_divisor(state: State, a: int, b: int) -> Result:
    return {"gcd": math.gcd(a, b)}


# ---- dates


def _date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise ToolError(f"{text} is not a valid date") from error


def days_between(state: State, start_date: str, end_date: str) -> Result:
    return {"days": (_date(end_date) - _date(start_date)).days}


def add_days(state: State, date: str, days: int) -> Result:
    try:
        return {"result_date": (_date(date) + datetime.timedelta(days=days)).isoformat()}
    except OverflowError as error:
        raise ToolError("the result is beyond the calendar") from error


def weekday(state: State, date: str) -> Result:
    return {"weekday": WEEKDAYS[_date(date).weekday()]}


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def leap_year(state: State, year: int) -> Result:
    return {"is_leap_year": year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)}


def month_length(state: State, year: int, month: int) -> Result:
    if not (1 <= month <= 12 and 1 <= year <= 9998):
        raise ToolError("month must be 1 to 12, year 1 to 9998")
    first = datetime.date(year, month, 1)
    return {"num_days": (datetime.date(year + month // 12, month % 12 + 1, 1) - first).days}


def set_timer(state: State, minutes: int, label: str = "timer") -> Result:
    if not 1 <= minutes <= 1_440:
        raise ToolError("minutes must be between 1 and 1440")
    hour, minute = map(int, state["now"].split(":"))
    ends = (hour * 60 + minute + minutes) % 1_440
    return {"label": label, "ends_at": f"{ends // 60:02d}:{ends % 60:02d}"}


def create_event(state: State, title: str, date: str, time: str, attendees: Sequence[str] = ()) -> Result:
    _date(date)
    busy = {f"{event['date']} {event['time']}": event["title"] for event in state["events"]}
    if f"{date} {time}" in busy:
        raise ToolError(f"there is already an event at that time: {busy[f'{date} {time}']}")
    return {"status": "created", "event_id": f"ev-{digest(title, date, time)[:6]}"}


# ---- texts


def count_words(state: State, text: str) -> Result:
    return {"words": len(text.split())}


def reverse_text(state: State, text: str) -> Result:
    return {"reversed": text[::-1]}


def change_case(state: State, text: str, style: str) -> Result:
    changed = {"upper": text.upper, "lower": text.lower, "title": text.title}[style]()
    return {"changed": changed}


def sort_words(state: State, words: Sequence[str], descending: bool = False) -> Result:
    return {"sorted_words": sorted(words, key=str.lower, reverse=descending)}


def count_letter(state: State, text: str, letter: str) -> Result:
    if len(letter) != 1:
        raise ToolError("letter must be a single character")
    return {"count": text.lower().count(letter.lower())}


# ---- tables


def _look_up(state: State, table: str, kind: str, name: str) -> Mapping[str, Any]:
    found = state[table].get(name)
    if found is None:
        raise ToolError(f"no {kind} {name!r}")
    return found  # type: ignore[no-any-return]


def get_stock(state: State, product: str) -> Result:
    found = _look_up(state, "products", "product", product)
    return {"in_stock": found["in_stock"], "shelf": found["shelf"]}


def get_price(state: State, product: str) -> Result:
    return {"price_usd": _look_up(state, "products", "product", product)["price_usd"]}


def find_contact(state: State, name: str) -> Result:
    found = _look_up(state, "contacts", "contact", name)
    return {"extension": found["extension"], "department": found["department"], "office": found["office"]}


def order_status(state: State, order_id: str) -> Result:
    found = _look_up(state, "orders", "order", order_id)
    return {"status": found["status"], "due": found["due"]}


def get_forecast(state: State, city: str) -> Result:
    found = _look_up(state, "forecast", "forecast for", city)
    return {"high_c": found["high_c"], "low_c": found["low_c"], "sky": found["sky"]}
