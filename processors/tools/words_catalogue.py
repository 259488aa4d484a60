"""Tools that work on texts, and tools that look things up in a company's tables."""

from __future__ import annotations

from processors.tools import programs
from processors.tools.spec import Fails, Missing, Spec, pick, some

PHRASES = (
    *("the quick brown fox", "better late than never", "a journey of a thousand miles", "once in a blue moon", "rain in the mountains"),
    *("silver lining", "open the window, please", "no news is good news", "practice makes progress", "early bird", "two birds and a stone"),
    *("the train leaves at noon", "level", "strawberry jam", "mississippi river", "bookkeeper", "a cup of coffee", "winter is long here"),
)
WORDS = (
    *("pear", "apple", "quince", "banana", "cherry", "fig", "grape", "kiwi", "lemon", "mango", "olive", "peach"),
    *("violet", "amber", "teal", "indigo", "scarlet", "olive drab", "copper", "walnut", "cedar", "birch", "maple", "spruce"),
)
TEXT = {"type": "string", "description": "The text"}
PRODUCTS = (
    "desk lamp",
    "notebook",
    "stapler",
    "office chair",
    "whiteboard",
    "headset",
    "webcam",
    "keyboard",
    "monitor arm",
    "paper shredder",
)
PEOPLE = (
    *("Amara Osei", "Jonas Weber", "Lucía Romero", "Mei Tanaka", "Noah Fischer", "Priya Nair"),
    *("Elif Demir", "Tom Baker", "Ingrid Solheim", "Mateo Silva", "Hannah Cohen", "Kofi Mensah"),
)
CITIES = ("Lisbon", "Oslo", "Nairobi", "Kyoto", "Lima", "Toronto", "Vienna", "Hanoi", "Dublin", "Tbilisi")
UNKNOWN_PRODUCTS = ("espresso machine", "standing mat", "label printer", "drawing tablet")
UNKNOWN_PEOPLE = ("Zoe Martin", "Viktor Hale", "Aiko Mori")
UNKNOWN_CITIES = ("Atlantis", "Springfield Falls", "Northwick")


def order_id(rng):  # type: ignore[no-untyped-def]
    return f"{pick(rng, 'ABCDEFGH')}{int(rng.integers(1_000, 10_000))}"


def _phrase(rng, state):  # type: ignore[no-untyped-def]
    return {"text": pick(rng, PHRASES)}


def _draw_letter(rng, state):  # type: ignore[no-untyped-def]
    text = pick(rng, PHRASES)
    return {"text": text, "letter": pick(rng, sorted(set(text) - set(" ,")))}


WORD_SPECS = (
    Spec(
        "count_words",
        "words",
        ("Counts the words of a text.", "Word counter."),
        {"text": TEXT},
        programs.count_words,
        _phrase,
        ("count the words in {text|quoted}", "tell me how many words {text|quoted} has"),
        ("The text has {words|#word}.", "I count {words|#word}.", "{text|quoted} has {words|#word}."),
        ("How many words are in {text|quoted}?",),
        missing=Missing(
            "text",
            ("count the words of a text for me",),
            ("Please send me the text that I should count.", "Which text?"),
            ("{text|quoted}", "It is {text|quoted}."),
        ),
        names=("word_count", "text.count_words"),
        arguments={"text": ("input", "content")},
    ),
    Spec(
        "reverse_text",
        "words",
        ("Reverses a text, letter by letter.", "Writes a text backwards."),
        {"text": TEXT},
        programs.reverse_text,
        _phrase,
        ("reverse {text|quoted}", "write {text|quoted} backwards", "spell {text|quoted} from the end to the start"),
        ("Backwards it reads {reversed|quoted}.", "{reversed|quoted}", "{text|quoted} backwards is {reversed|quoted}."),
        ("How does {text|quoted} look backwards?",),
        names=("string_reverse", "text.reverse"),
        arguments={"text": ("input", "string")},
    ),
    Spec(
        "change_case",
        "words",
        ("Writes a text in upper case, lower case or title case.", "Changes the case of letters."),
        {"text": TEXT, "style": {"type": "string", "enum": ["upper", "lower", "title"], "description": "Case to write it in"}},
        programs.change_case,
        lambda rng, state: {"text": pick(rng, PHRASES), "style": pick(rng, ("upper", "title"))},
        ("write {text|quoted} in {style} case", "change {text|quoted} to {style} case", "put {text|quoted} into {style} case"),
        ("{changed|quoted}", "In {style} case it is {changed|quoted}.", "{text|quoted} in {style} case: {changed|quoted}"),
        missing=Missing(
            "style",
            ("change the case of {text|quoted}",),
            ("Which style would you like: upper, lower or title case?", "In which style: upper, lower or title?"),
            ("{style} case.", "{style}, please."),
        ),
        names=("convert_case", "text.change_case"),
        arguments={"style": ("case",), "text": ("input",)},
    ),
    Spec(
        "sort_words",
        "words",
        ("Sorts words alphabetically.", "Puts a list of words in order."),
        {
            "words": {"type": "array", "items": {"type": "string"}, "description": "Words to sort"},
            "descending": {"type": "boolean", "description": "Whether to sort from Z to A", "default": False},
        },
        programs.sort_words,
        lambda rng, state: {"words": some(rng, WORDS, 3, 7), **({"descending": True} if rng.random() < 0.4 else {})},
        (
            "sort these words: {words}",
            "put {words} in alphabetical order",
            "sort {words} from Z to A{descending|none}",
            "put {words} in reverse alphabetical order{descending|none}",
        ),
        ("In order: {sorted_words}.", "Sorted: {sorted_words}.", "{words} in order: {sorted_words}."),
        optional=("descending",),
        names=("alphabetize", "list.sort"),
        arguments={"words": ("items", "terms"), "descending": ("reverse",)},
    ),
    Spec(
        "count_letter",
        "words",
        ("Counts how often a letter stands in a text, upper and lower case alike.", "Occurrences of a letter in a text."),
        {"text": TEXT, "letter": {"type": "string", "minLength": 1, "maxLength": 1, "description": "The letter"}},
        programs.count_letter,
        _draw_letter,
        (
            "count the letter {letter|quoted} in {text|quoted}",
            "tell me how often {letter|quoted} occurs in {text|quoted}",
        ),
        (
            "The letter {letter|quoted} occurs {count|times}.",
            "It occurs {count|times}.",
            "{letter|quoted} occurs {count|times} in {text|quoted}.",
        ),
        ("How many times does {letter|quoted} occur in {text|quoted}?", "How often is the letter {letter|quoted} in {text|quoted}?"),
        missing=Missing(
            "letter",
            ("count a letter in {text|quoted}",),
            ("Which letter should I count?",),
            ("The letter {letter|quoted}.", "{letter|quoted}"),
        ),
        names=("letter_count", "text.count_letter"),
        arguments={"letter": ("character",), "text": ("word", "content")},
    ),
)

TABLE_SPECS = (
    Spec(
        "get_stock",
        "tables",
        ("Looks up how many pieces of a product are in stock, and on which shelf.", "Stock of a product in the warehouse."),
        {"product": {"type": "string", "description": "Name of the product, in the singular"}},
        programs.get_stock,
        lambda rng, state: {"product": pick(rng, list(state["products"]))},
        (
            'check the stock of the product "{product}"',
            'look up how many pieces of "{product}" we have',
            'find out on which shelf "{product}" is and how many are left',
        ),
        (
            'There are {in_stock} pieces of "{product}" on shelf {shelf}.',
            "We have {in_stock} in stock, on shelf {shelf}.",
            "In stock: {in_stock}, shelf {shelf}.",
        ),
        ('How many pieces of the product "{product}" are in stock?',),
        missing=Missing(
            "product",
            ("check the stock for me", "look up what is left in the warehouse of a product"),
            ("Which product should I look up?", "Of which product?"),
            ("The {product}.", "It is the {product}."),
        ),
        fails=Fails(
            lambda rng, state: {"product": pick(rng, UNKNOWN_PRODUCTS)},
            (
                'I could not find "{product}" in the table of products. Is it listed under another name?',
                "The warehouse has no entry for that ({error}). Could you check the name?",
            ),
        ),
        state=("products",),
        names=("inventory.lookup", "checkStock"),
        arguments={"product": ("item", "product_name")},
    ),
    Spec(
        "get_price",
        "tables",
        ("Looks up the price of a product in US dollars.", "Price of a product from the catalogue."),
        {"product": {"type": "string", "description": "Name of the product, in the singular"}},
        programs.get_price,
        lambda rng, state: {"product": pick(rng, list(state["products"]))},
        ("look up the price of the {product}", "tell me what the {product} costs", "find the price of one {product}"),
        ("The {product} costs ${price_usd|money}.", "It costs ${price_usd|money}.", "The price is ${price_usd|money}."),
        ("What does the {product} cost?", "How much is the {product}?"),
        missing=Missing(
            "product",
            ("look up a price for me", "tell me what it costs"),
            ("Which product do you mean?", "The price of which product?"),
            ("The {product}.", "I mean the {product}."),
        ),
        fails=Fails(
            lambda rng, state: {"product": pick(rng, UNKNOWN_PRODUCTS)},
            (
                'There is no price for "{product}": it is not in the catalogue. Would you like another product?',
                "I found nothing under that name ({error}). Could you check how it is spelled?",
            ),
        ),
        state=("products",),
        names=("catalogue.price", "lookupPrice"),
        arguments={"product": ("item", "article")},
    ),
    Spec(
        "find_contact",
        "tables",
        ("Finds a colleague in the directory: extension, department and office.", "Staff directory look-up."),
        {"name": {"type": "string", "description": "First and last name"}},
        programs.find_contact,
        lambda rng, state: {"name": pick(rng, list(state["contacts"]))},
        ("find {name} in the directory", "look up the extension and office of {name}", "find out where {name} works"),
        (
            "{name} works in {department}, office {office}, extension {extension}.",
            "The extension is {extension}; {name} is in {department}, office {office}.",
        ),
        ("How can I reach {name}?", "What are the extension and office of {name}?"),
        missing=Missing(
            "name",
            ("find somebody in the directory for me", "look up a colleague's extension"),
            ("What is the name of the person?", "Whom are you looking for? I need the name."),
            ("{name}.", "I am looking for {name}."),
        ),
        fails=Fails(
            lambda rng, state: {"name": pick(rng, UNKNOWN_PEOPLE)},
            (
                "The directory has nobody called {name}. Could the name be spelled differently?",
                "I did not find that person ({error}). Do you know the department?",
            ),
        ),
        state=("contacts",),
        names=("directory.search", "getEmployee"),
        arguments={"name": ("full_name", "person")},
    ),
    Spec(
        "order_status",
        "tables",
        ("Tells the status of an order and when it is due.", "Order tracking."),
        {"order_id": {"type": "string", "description": "Order number: a letter and four digits", "pattern": "^[A-Z][0-9]{4}$"}},
        programs.order_status,
        lambda rng, state: {"order_id": pick(rng, list(state["orders"]))},
        ("check the status of order {order_id}", "track order {order_id}", "find out when order {order_id} arrives"),
        (
            "Order {order_id} is {status}; it is due on {due|date}.",
            "Its status is: {status}. It is due on {due|date}.",
            "The order is {status}, with {due|date} as the due date.",
        ),
        ("Where is my order {order_id}?", "What is the status of order {order_id}?"),
        missing=Missing(
            "order_id",
            ("check the status of my order", "track my order"),
            ("What is the number of the order?", "Please give me the order number: which order is it?"),
            ("It is {order_id}.", "{order_id}."),
        ),
        fails=Fails(
            lambda rng, state: {"order_id": next(found for found in iter(lambda: order_id(rng), "") if found not in state["orders"])},
            (
                "There is no order {order_id}. Could you check the number?",
                "I found no such order ({error}). Please look at your confirmation once more.",
            ),
        ),
        state=("orders",),
        names=("orders.track", "getOrderStatus"),
        arguments={"order_id": ("order_number", "id")},
    ),
    Spec(
        "get_forecast",
        "tables",
        ("Gives today's forecast for a city.", "Weather forecast of the day."),
        {"city": {"type": "string", "description": "Name of the city"}},
        programs.get_forecast,
        lambda rng, state: {"city": pick(rng, list(state["forecast"]))},
        ("get today's forecast for {city}", "check what the weather in {city} will be today", "look up the weather in {city}"),
        (
            "{city} will be {sky} today, between {low_c} and {high_c} °C.",
            "Expect {sky} weather in {city}, with a high of {high_c} °C and a low of {low_c} °C.",
            "{sky} skies in {city}: at most {high_c} °C, at least {low_c} °C.",
        ),
        ("What will the weather be like in {city} today?", "How warm does it get in {city} today?"),
        missing=Missing(
            "city",
            ("tell me what the weather will be today", "get today's forecast"),
            ("For which city?", "Which city are you in?"),
            ("{city}.", "In {city}."),
        ),
        fails=Fails(
            lambda rng, state: {"city": pick(rng, UNKNOWN_CITIES)},
            (
                "I have no forecast for {city}. Is there a larger city nearby?",
                "The forecast failed ({error}). Could you name another city?",
            ),
        ),
        state=("forecast",),
        names=("weather.today", "getWeather"),
        arguments={"city": ("location", "place")},
    ),
)
SPECS = (*WORD_SPECS, *TABLE_SPECS)
