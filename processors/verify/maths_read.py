"""What kind of answer a text is: a number with its unit, an expression, a list, a set, a tuple, intervals, a matrix, an equation, words.

A text that can be read in two ways has both readings; rank 0 is what people mean most often, 1 what they mean as well, 2 what they mean
rarely.
"""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import replace

from processors.verify.maths_expression import FUNCTIONS, Node, Unreadable, letters, only, parse
from processors.verify.maths_form import TEXT_CLOSE, TEXT_OPEN, closes_at, split_approx, tidy, unbraced
from processors.verify.maths_kinds import Clock, Group, Intervals, Matrix, Named, Piece, Ratio, Reading, Relation, Scalar, Value, Words
from processors.verify.maths_read_one import INFINITY, numeral_readings, one_with_commas, scalar, scalars
from processors.verify.maths_units import unit_of
from processors.verify.maths_values import SAME, ordered, same_value
from processors.verify.maths_words import meaning_of, plain

MAX_PARTS = 200
MAX_NESTING = 6


@functools.lru_cache(maxsize=4_096)
def readings(text: str) -> tuple[Reading, ...]:
    """Every reading of a text as it was written, the likely ones first.

    Raises:
        Unreadable: none.
    """
    form, approx = split_approx(tidy(text))
    form = unbraced(form)
    if not form:
        raise Unreadable("nothing is left of it")
    found = _read(form, 0)
    return tuple(replace(one, value=replace(one.value, approx=True)) if approx and isinstance(one.value, Scalar) else one for one in found)


def _read(form: str, nesting: int) -> list[Reading]:
    if nesting > MAX_NESTING:
        raise Unreadable(f"nested deeper than {MAX_NESTING}")
    form = form.strip()
    if not form:
        raise Unreadable("a part that is empty")
    parts = split_list(form)
    whole = numeral_readings(form) if len(parts) == 1 else one_with_commas(form)
    if len(parts) > 1:
        try:
            listed = _list(parts, nesting)
        except Unreadable:
            listed = None
            if not whole:
                raise
        if listed is not None:
            rank = 0 if not whole else 1 if isinstance(whole[0].value, Scalar) and whole[0].value.decimals else 2
            whole.append(Reading(listed, rank))
        return whole
    if whole:
        return whole
    if meaning_of(form):
        return [Reading(Words(plain(form), meaning_of(form)))]
    for read in (_matrix, _relation, _union, _bracketed, _ratio_or_clock):
        value = read(form, nesting)
        if value is not None:
            return [Reading(value)]
    return scalars(form)


# ---- the parts of a text

_OPEN, _CLOSE = "([{", ")]}"
_SEPARATOR = re.compile(
    rf"\\(?P<slash>[A-Za-z]+|.)|(?P<bracket>[()\[\]{{}}])|(?P<comma>,)|(?P<semicolon>;)|{TEXT_OPEN}\s*(?:,?\s*(?:and|or|oder|und|ou|et|o|y|e))\s*{TEXT_CLOSE}|(?<![A-Za-z])(?P<word>and|or|oder|und|ou)(?![A-Za-z])|\n"
)
_GROUPING = re.compile(r"\d{3}(?!\d)")


def split_list(form: str, inside: bool = False) -> list[str]:
    """The parts between commas, semicolons, "and" and "or" that stand in no bracket; a comma inside a number divides nothing.

    Without a space a comma before three digits belongs to a number, unless all commas inside a bracket are like that: (1,234).
    """
    cuts: list[tuple[int, int, str]] = []
    depth = 0
    for found in _SEPARATOR.finditer(form):
        if found["slash"]:
            name = found["slash"]
            depth += name in ("{", "langle", "beginmatrix", "lfloor", "lceil")
            depth -= name in ("}", "rangle", "endmatrix", "rfloor", "rceil")
            if name == "lor" and depth == 0:
                cuts.append((found.start(), found.end(), "or"))
            continue
        if found["bracket"]:
            depth += 1 if found["bracket"] in _OPEN else -1
        elif depth == 0:
            sign = "," if found["comma"] else ";" if found["semicolon"] else "or"
            cuts.append((found.start(), found.end(), sign))
    if not cuts or len(cuts) > MAX_PARTS:
        return [form]
    kinds = {sign for _, _, sign in cuts}
    commas = [start for start, _, sign in cuts if sign == ","]
    groups = {start for start in commas if start and form[start - 1].isdigit() and _GROUPING.match(form, start + 1)}
    decimal = {start for start in commas if start and form[start - 1].isdigit() and form[start + 1 : start + 2].isdigit()}
    if ";" in kinds and len(decimal) == len(commas):
        cuts = [cut for cut in cuts if cut[2] != ","]
    elif len(groups) < len(commas) or "or" in kinds:
        cuts = [cut for cut in cuts if cut[0] not in groups]
    elif not inside and not form.replace(",", "").replace(" ", "").isdigit():
        cuts = [cut for cut in cuts if cut[0] not in groups]  # 1,234 + 5
    parts, place = [], 0
    for start, end, _ in cuts:
        parts.append(form[place:start].strip())
        place = end
    parts.append(form[place:].strip())
    if inside and not all(parts[:-1]):
        raise Unreadable("an empty place between commas")
    parts = [part for part in parts if part]
    return parts or [form]


def _list(parts: list[str], nesting: int) -> Value:
    items = [_one(part, nesting + 1) for part in parts]
    if any(isinstance(item, Words) and not item.meaning for item in items):
        raise Unreadable("a list with words in it")
    if all(isinstance(item, Intervals) for item in items):
        named = {item.variable for item in items if isinstance(item, Intervals)}
        if len(named) == 1 and named != {""}:
            pieces = tuple(piece for item in items if isinstance(item, Intervals) for piece in item.pieces)
            return Intervals(pieces, named.pop())
    flat: list[Value] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Group) and item.kind == "list" else (item,))
    first = flat[0]
    if isinstance(first, Named) and all(isinstance(item, Scalar) for item in flat[1:]):  # x = 1, 2
        flat = [first.value, *flat[1:]]
    return Group("list", tuple(_share_unit(flat)))


def _share_unit(items: list[Value]) -> list[Value]:
    """3, 4 and 5 cm: the unit is of each."""
    last = items[-1]
    is_bare = all(isinstance(item, Scalar) and item.unit is None and not item.percent for item in items[:-1])
    if isinstance(last, Scalar) and (last.unit or last.percent) and not last.guessed and is_bare:
        return [replace(item, unit=last.unit, percent=last.percent) if isinstance(item, Scalar) else item for item in items]
    return items


def _one(form: str, nesting: int) -> Value:
    return min(_read(form, nesting), key=lambda reading: reading.rank).value


# ---- structures


def _matrix(form: str, nesting: int) -> Value | None:
    if not form.startswith("\\beginmatrix"):
        return None
    body = form.removeprefix("\\beginmatrix").strip()
    if not body.endswith("\\endmatrix") or body.count("\\endmatrix") != 1:
        raise Unreadable("more than one matrix")
    rows = [row for row in re.split(r"\\\\", body.removesuffix("\\endmatrix").strip()) if row.strip()]
    cells = tuple(tuple(scalar(cell.strip()) for cell in row.split("&")) for row in rows)
    if not cells or len({len(row) for row in cells}) != 1:
        raise Unreadable("a matrix whose rows are not of one length")
    return Matrix(cells)


_COMPARES = {
    "<": "<",
    ">": ">",
    "\\le": "<=",
    "\\ge": ">=",
    "=": "=",
    "\\ne": "!=",
    "<=": "<=",
    ">=": ">=",
    "!=": "!=",
    "==": "=",
    "=<": "<=",
    "=>": ">=",
}
_COMPARISON = re.compile(r"\\(?:le|ge|ne|in|approx|Rightarrow|to|sim|equiv)(?![A-Za-z]) ?|[<>!=]=|=[<>]|[<>=]|\\.|[()\[\]{}]")
_NAME = re.compile(r"[^\d+\-*/^=<>%$]{1,60}")


def _relation(form: str, nesting: int) -> Value | None:
    sides, signs = _sides(form)
    if not signs:
        return None
    if "\\approx" in signs:
        return _approximated(sides, signs, nesting)
    if signs == ["\\in"]:
        return Named(plain(sides[0]), _one(sides[1], nesting + 1))
    if any(sign not in _COMPARES for sign in signs):
        raise Unreadable(f"a relation with {signs[0]}")
    if len(sides) == 2 and signs == ["="] and _is_name(sides[0]):
        return Named(plain(sides[0]), _one(sides[1], nesting + 1))
    if all(sign == "=" for sign in signs) and len(signs) > 1:
        return _chain(sides, nesting)
    trees = [only(parse(_units_off(side))) for side in sides]
    if signs == ["="] and not any(map(letters, trees)):  # 5 + 4 = 9
        if same_value(*trees) != SAME:
            raise Unreadable("an equation that does not hold")
        return _one(sides[1], nesting + 1)
    return _inequality(trees, [_COMPARES[sign] for sign in signs])


def _chain(sides: list[str], nesting: int) -> Value:
    """x = 4/2 = 2: the value that all of them have; "x = 1 y = 2" is no chain."""
    named = _is_name(sides[0])
    values = [_one(side, nesting + 1) for side in sides[named:]]
    last = values[-1]
    for value in values[:-1]:
        if not isinstance(value, Scalar) or not isinstance(last, Scalar) or same_value(value.node, last.node) != SAME:
            raise Unreadable("a chain whose sides are not the same")
    return Named(plain(sides[0]), last) if named else last


def _approximated(sides: list[str], signs: list[str], nesting: int) -> Value:
    """x = 10/3 \\approx 3.33 is 10/3, and x \\approx 3.33 is about 3.33."""
    cut = signs.index("\\approx")
    if any(sign not in ("=", "\\approx") for sign in signs):
        raise Unreadable("a relation with an approximation")
    exact = sides[: cut + 1]
    if len(exact) == 1 and _is_name(exact[0]):
        value = _one(sides[1], nesting + 1)
        return replace(value, approx=True) if isinstance(value, Scalar) else value
    if len(exact) == 1:
        return _one(exact[0], nesting + 1)
    return Named(plain(exact[0]), _one(exact[1], nesting + 1)) if len(exact) == 2 and _is_name(exact[0]) else _chain(exact, nesting)


def _units_off(side: str) -> str:
    cut = side.find(TEXT_OPEN)
    return side[:cut] if cut > 0 and unit_of(side[cut:]) else side


def _sides(form: str) -> tuple[list[str], list[str]]:
    sides, signs, place, depth = [], [], 0, 0
    for found in _COMPARISON.finditer(form):
        sign = found[0].strip()
        if sign in ("\\{", *_OPEN):
            depth += 1
        elif sign in ("\\}", *_CLOSE):
            depth -= 1
        elif depth == 0 and (sign in _COMPARES or (sign[:1] == "\\" and len(sign) > 2)):
            sides.append(form[place : found.start()].strip())
            signs.append(sign)
            place = found.end()
    sides.append(form[place:].strip())
    if signs and not all(sides):
        if signs == ["="] and sides[1]:
            return [sides[1]], []  # "= 5"
        raise Unreadable("a relation without one of its sides")
    return sides, signs


def _is_name(side: str) -> bool:
    """Whether what stands before an equals sign names a quantity, as x, f(x), AB, \\angle ABC, area; xy and 2x do not."""
    if not _NAME.fullmatch(re.sub(r"_(?:\w|\{\w+\})", "", side)):
        return False
    short = plain(side).replace(" ", "")
    return not (re.fullmatch(r"[a-z]{2,3}", short) and " " not in side.strip() and short not in FUNCTIONS) and not short.startswith(
        "\\sqrt"
    )


def _inequality(sides: list[Node], signs: list[str]) -> Value:
    if len(sides) == 3 and sides[1][0] == "sym" and not letters(sides[0]) and not letters(sides[2]):
        down = [sign in (">", ">=") for sign in signs]
        if down[0] == down[1] and all(sign in ("<", "<=", ">", ">=") for sign in signs):
            low, high = (sides[2], sides[0]) if down[0] else (sides[0], sides[2])
            closed = [sign.endswith("=") for sign in (reversed(signs) if down[0] else signs)]
            return Intervals((Piece(low, high, *closed),), sides[1][1])
    if len(sides) != 2:
        raise Unreadable("a chain of relations")
    sign, left, right = signs[0], *sides
    for variable, bound, turned in ((left, right, False), (right, left, True)):
        if variable[0] == "sym" and not letters(bound) and sign != "=":
            if sign == "!=":
                return Intervals((Piece(None, bound, False, False), Piece(bound, None, False, False)), variable[1])
            above = (sign[0] == ">") != turned
            closed_end = sign.endswith("=")
            return Intervals((Piece(bound, None, closed_end, False) if above else Piece(None, bound, False, closed_end),), variable[1])
    if sign[0] == ">":
        left, right, sign = right, left, "<" + sign[1:]
    return Relation(sign, ("+", left, ("neg", right)))


_REALS = re.compile(r"(?:\\mathbb ?\{R\}|R)")


def _union(form: str, nesting: int) -> Value | None:
    if _REALS.fullmatch(form) and form != "R":
        return Intervals((Piece(None, None, False, False),))
    without = re.fullmatch(r"(?:\\mathbb ?\{R\}|R) ?(?:\\setminus ?|-) ?(.+)", form)
    if without:
        removed = _one(without[1], nesting + 1)
        if isinstance(removed, Group) and removed.kind == "set" and all(isinstance(item, Scalar) for item in removed.items):
            return _all_but([item.node for item in removed.items if isinstance(item, Scalar)])
        raise Unreadable("the real numbers without a set that is not read")
    parts = re.split(r"\\cup(?![A-Za-z]) ?| U ", form)
    if len(parts) == 1:
        return None
    pieces: list[Piece] = []
    for part in parts:
        found = _interval(part.strip(), nesting)
        if found is None:
            value = _one(part.strip(), nesting + 1)
            if isinstance(value, Group) and value.kind == "set":
                found = [Piece(item.node, item.node, True, True) for item in value.items if isinstance(item, Scalar)]
            if not found:
                raise Unreadable("a union of what are no intervals")
        pieces.extend(found)
    return Intervals(tuple(pieces))


def _all_but(nodes: list[Node]) -> Value:
    ends: list[Node | None] = [None, *ordered(nodes), None]
    return Intervals(tuple(Piece(low, high, False, False) for low, high in itertools.pairwise(ends)))


def _interval(form: str, nesting: int) -> list[Piece] | None:
    """(a, b], [a, b), ]a, b[ ..."""
    if len(form) < 5 or form[0] not in "([]" or form[-1] not in ")][":
        return None
    parts = split_list(form[1:-1], inside=True)
    if len(parts) != 2:
        return None
    ends: list[Node | None] = []
    for part in parts:
        infinite = INFINITY.fullmatch(part)
        ends.append(None if infinite else scalar(part).node)
        if infinite and (infinite["sign"] == "-") != (len(ends) == 1):
            raise Unreadable("an interval that begins at infinity")
    low, high = ends
    return [Piece(low, high, form[0] == "[" and low is not None, form[-1] == "]" and high is not None)]


_BRACKETS = {"(": ")", "[": "]", "\\{": "\\}", "\\langle": "\\rangle", "<": ">"}
_BUILDER = re.compile(r"([A-Za-z])(?: ?\\in ?\\mathbb ?\{R\})? ?[|:](.+)")


def _bracketed(form: str, nesting: int) -> Value | None:
    for opening, closing in _BRACKETS.items():
        if form.startswith(opening) and form.endswith(closing) and len(form) > len(opening) + len(closing):
            inner = form[len(opening) : -len(closing)].strip()
            if opening in ("(", "[", "\\{") and closes_at(form, len(opening) - 1) != len(form) - 1:
                continue
            if opening == "\\{":
                built = _BUILDER.fullmatch(inner)
                if built:
                    return _one(built[2].strip(), nesting + 1)
            parts = split_list(inner, inside=True)
            if len(parts) == 1 and opening not in ("\\{", "\\langle"):
                return None if opening == "[" or nesting > 3 else _redundant(inner, nesting)
            if any(INFINITY.fullmatch(part) for part in parts):
                break
            kind = {"(": "tuple", "[": "bracket", "\\{": "set"}.get(opening, "vector")
            return Group(kind, tuple(_one(part, nesting + 1) for part in parts))
    if form[0] in "([]" and form[-1] in ")][":
        pieces = _interval(form, nesting) if form[0] == "]" or form[-1] == "[" or closes_at(form, 0) == len(form) - 1 else None
        return Intervals(tuple(pieces)) if pieces else None
    return None


def _redundant(inner: str, nesting: int) -> Value | None:
    """(5) and (x + 1): brackets that say nothing."""
    value = _one(inner, nesting + 1)
    return value if isinstance(value, Scalar) else None


_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)(?::00)? ?(?:([ap])\.? ?m\.?)?", re.IGNORECASE)
_HOUR = re.compile(r"(\d{1,2}) ?([ap])\.? ?m\.?", re.IGNORECASE)


def _ratio_or_clock(form: str, nesting: int) -> Value | None:
    text = form.replace(TEXT_OPEN, " ").replace(TEXT_CLOSE, " ").strip()
    text = re.sub(r" +", " ", text)
    clock = _CLOCK.fullmatch(text)
    if clock and int(clock[1]) < 25:
        return _clock(int(clock[1]), int(clock[2]), (clock[3] or "").lower())
    hour = _HOUR.fullmatch(text)
    if hour and 1 <= int(hour[1]) <= 12:
        return _clock(int(hour[1]), 0, hour[2].lower())
    parts = re.split(r" ?: ?| to (?=\d)", text)
    if 2 <= len(parts) <= 6 and (":" in text or all(part.replace(".", "").isdigit() for part in parts)):
        return Ratio(tuple(only(parse(part)) for part in parts))
    return None


def _clock(hour: int, minute: int, half: str) -> Clock:
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return Clock(hour * 60 + minute, half + "m" if half else "")
