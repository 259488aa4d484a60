"""Tools of arithmetic, units and money."""

from __future__ import annotations

from processors.tools import programs
from processors.tools.spec import Fails, Missing, Spec, decimal, pick, whole

NUMBER = {"type": "number"}
NUMBERS = {"type": "array", "items": {"type": "number"}}
UNITS = [*programs.LENGTHS, *programs.MASSES, *programs.TEMPERATURES]
UNIT_PAIRS = (  # of which people ask one in the other
    *(
        ("km", "mi"),
        ("m", "ft"),
        ("cm", "in"),
        ("m", "yd"),
        ("mm", "in"),
        ("ft", "in"),
        ("km", "m"),
        ("cm", "m"),
        ("mm", "cm"),
        ("ft", "cm"),
    ),
    *(("kg", "lb"), ("g", "oz"), ("kg", "g"), ("t", "kg"), ("oz", "lb"), ("C", "F"), ("C", "F"), ("C", "K")),
)
CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CHF", "CAD")


def _draw_numbers(rng, state):  # type: ignore[no-untyped-def]
    return [decimal(rng, -20 if rng.random() < 0.2 else 1, 200) for _ in range(whole(rng, 3, 7))]


def _draw_units(rng, state):  # type: ignore[no-untyped-def]
    first, second = pick(rng, UNIT_PAIRS)
    if rng.random() < 0.5:
        first, second = second, first
    return {"value": decimal(rng, 2, 120), "from_unit": first, "to_unit": second}


def _draw_money(rng, state):  # type: ignore[no-untyped-def]
    first, second = (CURRENCIES[int(index)] for index in rng.permutation(len(CURRENCIES))[:2])
    return {"amount": decimal(rng, 5, 2_000, 2), "from_currency": first, "to_currency": second}


def _draw_bill(rng, state):  # type: ignore[no-untyped-def]
    found = {"total": decimal(rng, 20, 400, 2), "people": whole(rng, 2, 9)}
    return {**found, "tip_percent": pick(rng, (5, 10, 12, 15, 18, 20))} if rng.random() < 0.6 else found


SPECS = (
    Spec(
        "add_numbers",
        "numbers",
        ("Adds up a list of numbers.", "Returns the sum of the numbers."),
        {"numbers": {**NUMBERS, "description": "The numbers to add"}},
        programs.add_numbers,
        lambda rng, state: {"numbers": _draw_numbers(rng, state)},
        ("add up {numbers}", "sum the numbers {numbers}", "give me the total of {numbers}"),
        ("The sum is {sum}.", "Together they come to {sum}.", "{numbers} add up to {sum}."),
        ("What is the sum of {numbers}?", "How much do {numbers} come to in total?"),
        missing=Missing(
            "numbers",
            ("add up a few numbers for me", "sum some numbers for me"),
            ("Sure. Which numbers should I add?", "Which numbers are they?"),
            ("{numbers}.", "They are {numbers}."),
        ),
        names=("sum_numbers", "calculate_sum"),
        arguments={"numbers": ("values", "addends")},
    ),
    Spec(
        "multiply",
        "numbers",
        ("Multiplies two numbers.", "Gives the product of two numbers."),
        {"a": {**NUMBER, "description": "First factor"}, "b": {**NUMBER, "description": "Second factor"}},
        programs.multiply,
        lambda rng, state: {"a": decimal(rng, 3, 900), "b": decimal(rng, 3, 900)},
        ("multiply {a} by {b}", "work out {a} times {b}", "calculate {a} * {b}"),
        ("{a} times {b} is {product}.", "The product is {product}.", "{a} × {b} = {product}"),
        ("What is {a} times {b}?", "How much is {a} x {b}?"),
        names=("multiply_numbers", "product"),
        arguments={"a": ("first", "x"), "b": ("second", "y")},
    ),
    Spec(
        "divide",
        "numbers",
        ("Divides one number by another and rounds the result.", "Computes dividend / divisor, rounded."),
        {
            "dividend": {**NUMBER, "description": "Number to be divided"},
            "divisor": {**NUMBER, "description": "Number to divide by"},
            "decimals": {"type": "integer", "description": "Decimals of the result", "minimum": 0, "maximum": 6, "default": 4},
        },
        programs.divide,
        lambda rng, state: {
            "dividend": decimal(rng, 10, 2_000),
            "divisor": whole(rng, 2, 60),
            **({"decimals": whole(rng, 1, 3)} if rng.random() < 0.4 else {}),
        },
        (
            "divide {dividend} by {divisor}",
            "calculate {dividend} / {divisor}",
            "divide {dividend} by {divisor}, rounded to {decimals|#decimal}",
            "work out {dividend} divided by {divisor} to {decimals|#decimal place}",
        ),
        ("{dividend} divided by {divisor} is {quotient}.", "The result is {quotient}.", "You get {quotient}."),
        ("What is {dividend} divided by {divisor}?", "How much is {dividend} over {divisor}, to {decimals|#decimal}?"),
        optional=("decimals",),
        fails=Fails(
            lambda rng, state: {"dividend": decimal(rng, 5, 500), "divisor": 0},
            (
                '{dividend} cannot be divided by zero: the tool answered "{error}". Did you mean another divisor?',
                "That does not work, since division by zero is not defined. Tell me another divisor and I will try again.",
            ),
        ),
        names=("divide_numbers", "quotient"),
        arguments={"dividend": ("numerator",), "divisor": ("denominator",), "decimals": ("precision",)},
    ),
    Spec(
        "percentage",
        "numbers",
        ("Computes a percentage of an amount.", "Gives the given percent of an amount."),
        {"percent": {**NUMBER, "description": "Percent to take"}, "amount": {**NUMBER, "description": "Amount to take it of"}},
        programs.percentage,
        lambda rng, state: {"percent": decimal(rng, 1, 95), "amount": decimal(rng, 20, 5_000)},
        ("calculate {percent}% of {amount}", "work out {percent} percent of {amount}", "take {percent}% of {amount}"),
        ("{percent}% of {amount} is {value}.", "That is {value}.", "It comes to {value}."),
        ("What is {percent}% of {amount}?", "How much is {percent} percent of {amount}?"),
        missing=Missing(
            "amount",
            ("calculate {percent}% for me", "take {percent} percent for me"),
            ("{percent}% of which amount?", "What amount should I take {percent}% of?"),
            ("Of {amount}.", "{amount}, please."),
        ),
        names=("percent_of", "calculate_percentage"),
        arguments={"amount": ("base", "total")},
    ),
    Spec(
        "list_statistics",
        "numbers",
        ("Computes a statistic of a list of numbers.", "Mean, median, minimum, maximum or range of numbers."),
        {
            "numbers": {**NUMBERS, "description": "The numbers", "minItems": 1},
            "measure": {"type": "string", "enum": ["mean", "median", "minimum", "maximum", "range"], "description": "Which statistic"},
        },
        programs.list_statistics,
        lambda rng, state: {
            "numbers": _draw_numbers(rng, state),
            "measure": pick(rng, ("mean", "median", "minimum", "maximum", "range")),
        },
        ("find the {measure} of {numbers}", "compute the {measure} of these numbers: {numbers}", "tell me the {measure} of {numbers}"),
        (
            "The {measure} is {value}.",
            "The {measure} of these numbers is {value}.",
            "{value} is the {measure}.",
            "The {measure} of {numbers} is {value}.",
        ),
        ("What is the {measure} of {numbers}?", "I have measured {numbers}. What is the {measure}?"),
        missing=Missing(
            "measure",
            ("compute a statistic of {numbers} for me", "analyse the numbers {numbers}"),
            (
                "Which measure would you like: mean, median, minimum, maximum or range?",
                "I can give you the mean, median, minimum, maximum or range. Which measure should it be?",
            ),
            ("The {measure}.", "Give me the {measure}, please."),
        ),
        names=("describe_numbers", "stats.compute"),
        arguments={"numbers": ("data", "values"), "measure": ("statistic",)},
    ),
    Spec(
        "convert_units",
        "numbers",
        ("Converts a value between units of length, mass or temperature.", "Unit converter for lengths, masses and temperatures."),
        {
            "value": {**NUMBER, "description": "Value to convert"},
            "from_unit": {"type": "string", "enum": UNITS, "description": "Unit of the value"},
            "to_unit": {"type": "string", "enum": UNITS, "description": "Unit to convert to"},
        },
        programs.convert_units,
        _draw_units,
        (
            "convert {value} {from_unit|unit} to {to_unit|unit}",
            "change {value} {from_unit|unit} into {to_unit|unit}",
            "tell me what {value} {from_unit|unit} are in {to_unit|unit}",
        ),
        (
            "{value} {from_unit|unit} are {converted} {to_unit|unit}.",
            "That is {converted} {to_unit|unit}.",
            "It comes to {converted} {to_unit|unit}.",
        ),
        ("What are {value} {from_unit|unit} in {to_unit|unit}?", "{value} {from_unit|unit} in {to_unit|unit}?"),
        missing=Missing(
            "to_unit",
            ("convert {value} {from_unit|unit} for me", "change {value} {from_unit|unit} into another unit"),
            ("Which unit should I convert {value} {from_unit|unit} to?", "To which unit?"),
            ("To {to_unit|unit}.", "{to_unit|unit}, please."),
        ),
        fails=Fails(
            lambda rng, state: {
                "value": decimal(rng, 2, 90),
                "from_unit": pick(rng, tuple(programs.MASSES)),
                "to_unit": pick(rng, tuple(programs.LENGTHS)),
            },
            (
                "{from_unit|unit} cannot be converted to {to_unit|unit}: one measures mass, the other length. Which unit of mass do you need?",
                "That conversion is not possible, since {from_unit|unit} and {to_unit|unit} measure different things. Please tell me another unit.",
            ),
        ),
        names=("unit_converter.convert", "convertUnit"),
        arguments={"value": ("quantity",), "from_unit": ("source_unit",), "to_unit": ("target_unit",)},
    ),
    Spec(
        "convert_currency",
        "numbers",
        ("Converts an amount of money with today's rates.", "Currency converter. Rates are those of the company's table."),
        {
            "amount": {**NUMBER, "minimum": 0, "description": "Amount to convert"},
            "from_currency": {"type": "string", "description": "Currency of the amount, as a three-letter code", "pattern": "^[A-Z]{3}$"},
            "to_currency": {"type": "string", "description": "Currency to convert to, as a three-letter code", "pattern": "^[A-Z]{3}$"},
        },
        programs.convert_currency,
        _draw_money,
        (
            "convert {amount|money} {from_currency} to {to_currency}",
            "exchange {amount|money} {from_currency} for {to_currency}",
            "tell me how much {amount|money} {from_currency} are in {to_currency}",
        ),
        (
            "{amount|money} {from_currency} are {converted|money} {to_currency}.",
            "That is {converted|money} {to_currency}.",
            "You get {converted|money} {to_currency} for it.",
        ),
        (
            "How much is {amount|money} {from_currency} in {to_currency}?",
            "What do I get in {to_currency} for {amount|money} {from_currency}?",
        ),
        missing=Missing(
            "to_currency",
            ("convert {amount|money} {from_currency} for me", "exchange {amount|money} {from_currency} for another currency"),
            ("Into which currency?", "Which currency should I convert it to?"),
            ("Into {to_currency}.", "{to_currency}, please."),
        ),
        fails=Fails(
            lambda rng, state: {
                "amount": whole(rng, 10, 900),
                "from_currency": pick(rng, CURRENCIES),
                "to_currency": pick(rng, ("ISK", "THB", "PEN", "KES", "UYU")),
            },
            (
                "I have no rate for {to_currency}, so I cannot convert the {amount} {from_currency}. Would another currency help?",
                'The conversion failed: the tool says "{error}". I can only use the currencies that its table has.',
            ),
        ),
        state=("rates",),
        names=("currency.convert", "exchangeCurrency"),
        arguments={"from_currency": ("source", "base_currency"), "to_currency": ("target", "quote_currency")},
    ),
    Spec(
        "split_bill",
        "numbers",
        ("Splits a bill equally, with an optional tip.", "Computes what each person pays of a bill."),
        {
            "total": {**NUMBER, "description": "Total of the bill, without tip", "exclusiveMinimum": 0},
            "people": {"type": "integer", "description": "Number of people", "minimum": 1},
            "tip_percent": {**NUMBER, "description": "Tip in percent of the total", "default": 0},
        },
        programs.split_bill,
        _draw_bill,
        (
            "split a bill of {total|money} between {people} people",
            "divide a restaurant bill of {total|money} among {people} people",
            "split a bill of {total|money} between {people} people with a tip of {tip_percent}%",
            "add a {tip_percent} percent tip to a bill of {total|money} and split it {people} ways",
        ),
        (
            "Each person pays {per_person|money}.",
            "That makes {per_person|money} per person.",
            "It is {per_person|money} each.",
            "Split between {people}, a bill of {total|money} makes {per_person|money} for each.",
        ),
        (
            "{people} of us have to pay {total|money}. How much is it for each?",
            "Our bill is {total|money} and we are {people}. With {tip_percent}% tip, what does each of us pay?",
        ),
        optional=("tip_percent",),
        missing=Missing(
            "people",
            ("split a bill of {total|money}", "help me split our bill of {total|money}"),
            ("How many people share the bill?", "Between how many people should I split it?"),
            ("There are {people} of us.", "{people} people."),
        ),
        names=("bill_splitter", "restaurant.split_bill"),
        arguments={"total": ("bill_total",), "people": ("num_people", "party_size"), "tip_percent": ("tip",)},
    ),
    Spec(
        "prime_factors",
        "numbers",
        ("Factorises a whole number.", "Gives the prime factors of a number in ascending order."),
        {"number": {"type": "integer", "minimum": 2, "description": "Number to factorise"}},
        programs.prime_factors,
        lambda rng, state: {"number": whole(rng, 12, 5_000)},
        ("factorise {number}", "find the prime factors of {number}", "break {number} down into primes"),
        ("The prime factors of {number} are: {factors}.", "Its prime factorisation: {factors}.", "Prime factors: {factors}."),
        ("What are the prime factors of {number}?",),
        names=("factorize", "math.prime_factors"),
        arguments={"number": ("n", "integer")},
    ),
    Spec(
        "greatest_common_divisor",
        "numbers",
        ("Finds the greatest common divisor of two whole numbers.", "GCD of two integers."),
        {"a": {"type": "integer", "description": "First number"}, "b": {"type": "integer", "description": "Second number"}},
        programs.greatest_common_divisor,
        lambda rng, state: (lambda factor: {"a": factor * whole(rng, 2, 40), "b": factor * whole(rng, 2, 40)})(whole(rng, 2, 30)),
        ("find the greatest common divisor of {a} and {b}", "compute the GCD of {a} and {b}", "give me the gcd of {a} and {b}"),
        ("The greatest common divisor of {a} and {b} is {gcd}.", "It is {gcd}.", "gcd({a}, {b}) = {gcd}"),
        ("What is the greatest common divisor of {a} and {b}?",),
        names=("gcd", "math.gcd"),
        arguments={"a": ("num1", "first"), "b": ("num2", "second")},
    ),
)
