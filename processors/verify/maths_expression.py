r"""Expressions in LaTeX or plain text to a tree: 2x^2 - \frac{3}{4}, sqrt(3)/2, 5!, 2\frac{1}{2}, \log_2 8, |x-1|.

A tree is nested tuples that begin with their kind: ("num", Fraction), ("sym", name), ("const", "pi"|"e"|"i"), ("+", ...), ("*", ...), ("/", a, b),
("^", a, b), ("call", name, ...). A plus-minus sign is read twice, once for each value.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from processors.verify.maths_form import TEXT_CLOSE, TEXT_OPEN, names

Node = tuple[Any, ...]

MAX_TOKENS = 1_000
MAX_DEPTH = 60
MAX_DIVISIONS = 20  # in one term
MAX_LITERAL = 1_000  # digits


class Unreadable(ValueError):
    """The text is no expression that is read here."""


class Ambiguous(Unreadable):
    """The text can be read in two ways that differ: 1/2x."""


_TOKEN = re.compile(
    rf"{TEXT_OPEN}(?P<text>[^{TEXT_OPEN}{TEXT_CLOSE}]*){TEXT_CLOSE}|(?P<num>\d{{1,3}}(?:,\d{{3}})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"|\\(?P<command>[A-Za-z]+) ?|(?P<word>[A-Za-z]+)|(?P<power>\*\*)|(?P<space>\s+)|(?P<sign>[-+*/^_!%|(){}\[\]=<>,:;'])|(?P<brace>\\[{}])"
)
FUNCTIONS = names(
    "sin cos tan cot sec csc arcsin arccos arctan arccot sinh cosh tanh asin acos atan ln log lg exp sqrt cbrt abs gcd lcm max min floor ceil"
)
_OF_SEVERAL = frozenset({"gcd", "lcm", "max", "min"})
_RENAMED = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "lg": "log10"}
_GREEK = names(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau phi varphi chi psi omega "
    "Gamma Delta Theta Lambda Sigma Phi Psi Omega ell hbar"
)
_APPLIED = names("f g h F G")  # f(x) is no product
_STARTS = frozenset({"num", "sym", "const", "call", "frac", "sqrt", "binom", "floor", "ceil"})

Token = tuple[str, Any]


def tokens_of(text: str) -> list[Token]:
    """Raises: Unreadable at a sign that no expression has, or too many of them."""
    tokens: list[Token] = []
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if not found:
            raise Unreadable(f"{text[place]!r} is no part of an expression")
        place = found.end()
        kind = found.lastgroup
        value = found[kind] if kind else ""
        if kind == "num":
            tokens.append(("num", _literal(value)))
        elif kind in ("word", "command", "text"):
            tokens.extend(_names(value.strip(), kind))
        elif kind == "power":
            tokens.append(("op", "^"))
        elif kind in ("sign", "brace"):
            tokens.append(("op", value))
        elif kind == "space" and tokens:
            tokens.append(("space", " "))
        if len(tokens) > MAX_TOKENS:
            raise Unreadable(f"more than {MAX_TOKENS} signs")
    return tokens


def _literal(written: str) -> Fraction:
    digits = written.replace(",", "")
    if len(digits) > MAX_LITERAL:
        raise Unreadable(f"a number of more than {MAX_LITERAL} digits")
    return Fraction(digits)


def _names(word: str, kind: str) -> list[Token]:
    if word in FUNCTIONS and word not in ("sqrt",):
        return [("call", _RENAMED.get(word, word))]
    if word in ("frac", "sqrt", "binom"):
        return [(word, word)]
    if word == "pi":
        return [("const", "pi")]
    if kind == "command":
        if word in _GREEK:
            return [("sym", "\\" + word)]
        plain = {"pm": "pm", "mp": "mp", "degree": "degree", "overline": "overline"}.get(word)
        if plain:
            return [("op", plain)]
        if word in ("lfloor", "lceil", "rfloor", "rceil"):
            return [(word[1:], word)] if word[0] == "l" else [("op", word)]
        raise Unreadable(f"\\{word}")
    if not word.isascii() or not word.isalpha():
        raise Unreadable(f"{word!r} is no part of an expression")
    if len(word) == 1:
        return [_letter(word)]
    if kind == "word" and len(word) <= 4 and not (len(word) > 2 and word.lower() in _WORDS):
        return [_letter(letter) for letter in word]
    raise Unreadable(f"{word!r} is no part of an expression")


_WORDS = names("and the for not one two six ten yes odd even none all any sum true day days mon cats dogs left mod max min or if is in of")


def _letter(letter: str) -> Token:
    return ("const", letter) if letter in ("e", "i") else ("sym", letter)


def parse(text: str) -> tuple[Node, ...]:
    """The expression that a text in normal form is: one tree, or the two of a plus-minus sign.

    Raises:
        Unreadable: it is none; Ambiguous: it is two.
    """
    tokens = tokens_of(text)
    if any(token in (("op", "pm"), ("op", "mp")) for token in tokens):
        trees = [_Parser(_choose(tokens, upper)).whole() for upper in (True, False)]
        return tuple(trees)
    return (_Parser(tokens).whole(),)


def _choose(tokens: list[Token], upper: bool) -> list[Token]:
    signs = {"pm": "+" if upper else "-", "mp": "-" if upper else "+"}
    return [(kind, signs.get(value, value)) if kind == "op" else (kind, value) for kind, value in tokens]


def only(trees: tuple[Node, ...]) -> Node:
    if len(trees) != 1:
        raise Unreadable("a plus-minus sign in a relation")
    return trees[0]


def _product(factors: list[Node]) -> Node:
    return factors[0] if len(factors) == 1 else ("*", *factors)


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        while tokens and tokens[-1][0] == "space":
            tokens = tokens[:-1]
        self.tokens = [*tokens, ("end", "")]
        self.place = 0
        self.depth = 0
        self.bars = 0
        self.marks = 0

    def whole(self) -> Node:
        node = self.sum()
        if self.peek()[0] != "end":
            raise Unreadable(f"{self.peek()[1]!r} after the expression")
        return node

    def peek(self, skip_space: bool = True) -> Token:
        while skip_space and self.tokens[self.place][0] == "space":
            self.place += 1
        return self.tokens[self.place]

    def take(self) -> Token:
        token = self.peek()
        self.place += 1
        return token

    def is_op(self, *signs: str) -> bool:
        kind, value = self.peek()
        return kind == "op" and value in signs

    def expect(self, sign: str) -> None:
        if not self.is_op(sign):
            raise Unreadable(f"{sign!r} expected")
        self.place += 1

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH}")
        terms = [self.signed()]
        while self.is_op("+", "-"):
            sign = self.take()[1]
            term = self.product()
            terms.append(("neg", term) if sign == "-" else term)
        self.depth -= 1
        return terms[0] if len(terms) == 1 else ("+", *terms)

    def signed(self) -> Node:
        negative = False
        for _ in range(3):
            if not self.is_op("+", "-"):
                break
            negative ^= self.take()[1] == "-"
        node = self.product()
        return ("neg", node) if negative else node

    def product(self) -> Node:
        factors, divisions, divided = [self.power()], 0, False
        while True:
            if self.is_op("*"):
                self.take()
                factors.append(self.unary_power())
                divided = False
            elif self.is_op("/"):
                self.take()
                factors = [("/", _product(factors), self.unary_power())]
                divisions, divided = divisions + 1, True
                if divisions > MAX_DIVISIONS:
                    raise Unreadable(f"more than {MAX_DIVISIONS} divisions")
            elif self.starts_factor():
                if divided:
                    raise Ambiguous("a product after a division without brackets")
                factors.append(self.power())
            else:
                return _product(factors)

    def unary_power(self) -> Node:
        if self.is_op("-"):
            self.take()
            return ("neg", self.power())
        return self.power()

    def starts_factor(self) -> bool:
        kind, value = self.peek()
        if kind == "num":
            before = self.tokens[self.place - 1 if self.tokens[self.place - 1][0] != "space" else self.place - 2]
            if before not in (("op", "}"), ("op", ")"), ("op", "!")):
                raise Unreadable("a number after a factor")
            return True
        return kind in _STARTS or (kind == "op" and (value in ("(", "{") or (value == "|" and not self.bars) or value == "["))

    def power(self) -> Node:
        base = self.atom()
        while True:
            if self.marks > MAX_DIVISIONS:
                raise Unreadable("too many signs after a value")
            if self.is_op("!"):
                self.take()
                base = ("call", "factorial", base)
                self.marks += 1
            elif self.is_op("degree"):
                self.take()
                self.marks += 1
                base = ("*", base, ("/", ("const", "pi"), ("num", Fraction(180))))
            elif self.is_op("%"):
                self.take()
                base = ("/", base, ("num", Fraction(100)))
                self.marks += 1
            elif self.is_op("^"):
                self.take()
                if self.is_op("degree") or (
                    self.is_op("{") and self.tokens[self.place + 1 : self.place + 3] == [("op", "degree"), ("op", "}")]
                ):
                    self.place += 1 if self.is_op("degree") else 3
                    self.marks += 1
                    base = ("*", base, ("/", ("const", "pi"), ("num", Fraction(180))))
                    continue
                return ("^", base, self.exponent())
            else:
                return base

    def exponent(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH}")
        node = ("neg", self.power()) if self.is_op("-") and self.take() else self.power()
        self.depth -= 1
        return node

    def atom(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH}")
        node = self.bare_atom()
        self.depth -= 1
        return node

    def bare_atom(self) -> Node:
        kind, value = self.take()
        if kind == "num":
            return self.mixed(value)
        if kind == "const":
            return ("const", value)
        if kind == "sym":
            return self.symbol(value)
        if kind == "frac":
            above, below = self.argument(), self.argument()
            if _begins_with_d(above) and _begins_with_d(below):
                raise Unreadable("a derivative")
            return ("/", above, below)
        if kind == "binom":
            above = self.argument()
            return ("call", "binom", above, self.argument())
        if kind == "sqrt":
            return self.root()
        if kind == "call":
            return self.call(value)
        if kind in ("floor", "ceil"):
            node = self.sum()
            self.expect("r" + kind)
            return ("call", kind, node)
        if kind == "op" and value in ("(", "[", "{"):
            node = self.sum()
            self.expect({"(": ")", "[": "]", "{": "}"}[value])
            return node
        if kind == "op" and value == "|":
            self.bars += 1
            node = self.sum()
            self.bars -= 1
            self.expect("|")
            return ("call", "abs", node)
        raise Unreadable(f"{value!r} where a number or a name is expected" if value else "the expression ends early")

    def mixed(self, value: Fraction) -> Node:
        """2\\frac{1}{2} and 2 1/2 are two and a half, and 2\\frac{3}{2} is a product."""
        if value.denominator == 1 and self.peek()[0] == "frac":
            here = self.place
            self.take()
            above, below = self.argument(), self.argument()
            if above[0] == "num" and below[0] == "num" and 0 < above[1] < below[1] and above[1].denominator == below[1].denominator == 1:
                return ("num", value + above[1] / below[1])
            self.place = here
        after = [token for token in self.tokens[self.place : self.place + 4] if token[0] != "space"]
        if len(after) >= 3 and after[0][0] == "num" and after[1] == ("op", "/") and after[2][0] == "num" and 0 < after[0][1] < after[2][1]:
            for _ in range(3):
                self.take()
            return ("num", value + after[0][1] / after[2][1])
        return ("num", value)

    def argument(self) -> Node:
        """Of \\frac: a group in braces, or one digit or name."""
        kind, value = self.peek()
        if kind == "op" and value == "{":
            self.take()
            node = self.sum()
            self.expect("}")
            return node
        if kind == "num" and value.denominator == 1:
            digits = str(value.numerator)
            if len(digits) > 1:
                self.tokens[self.place] = ("num", Fraction(int(digits[1:])))
                return ("num", Fraction(int(digits[0])))
        if kind in ("num", "sym", "const"):
            self.take()
            return ("num", value) if kind == "num" else (kind, value)
        raise Unreadable("a fraction without its parts")

    def root(self) -> Node:
        degree: Node = ("num", Fraction(2))
        if self.is_op("["):
            self.take()
            degree = self.sum()
            self.expect("]")
        kind, _ = self.peek()
        node = self.atom() if kind in ("num", "sym", "const", "frac", "sqrt") or self.is_op("{", "(") else None
        if node is None:
            raise Unreadable("a root of nothing")
        return ("call", "root", node, degree)

    def call(self, name: str) -> Node:
        power: Node | None = None
        base: Node | None = None
        for _ in range(2):
            if self.is_op("^"):
                self.take()
                power = self.exponent()
            elif self.is_op("_") and name == "log":
                self.take()
                base = self.atom()
        if power == ("neg", ("num", Fraction(1))) and name in ("sin", "cos", "tan"):
            name, power = "arc" + name, None
        if self.is_op("(", "{", "["):
            closing = {"(": ")", "{": "}", "[": "]"}[self.take()[1]]
            arguments = [self.sum()]
            while self.is_op(","):
                self.take()
                arguments.append(self.sum())
            self.expect(closing)
            if len(arguments) > 1 and name not in _OF_SEVERAL:
                raise Unreadable(f"{name} of several values")
        else:
            arguments = [self.bare_argument()]
        if name == "cbrt":
            node: Node = ("call", "root", arguments[0], ("num", Fraction(3)))
        elif name == "log" and base is not None:
            node = ("call", "logbase", arguments[0], base)
        else:
            node = ("call", name, *arguments)
        return node if power is None else ("^", node, power)

    def bare_argument(self) -> Node:
        """sin 2x, ln 5, sin x cos y: factors up to the next sign or function."""
        factors = [self.unary_power()]
        while self.peek()[0] in ("sym", "const", "frac"):
            factors.append(self.power())
        if self.is_op("/") or self.is_op("("):
            raise Ambiguous("a function whose argument has no brackets before a division or a bracket")
        return _product(factors)

    def symbol(self, name: str) -> Node:
        if self.is_op("_"):
            self.take()
            name += "_" + self.subscript()
        if self.is_op("'"):
            raise Unreadable("a derivative")
        if name in _APPLIED and self.is_op("("):
            raise Unreadable(f"the function {name}")
        return ("sym", name)

    def subscript(self) -> str:
        kind, value = self.take()
        if (kind, value) != ("op", "{"):
            if kind not in ("num", "sym", "const"):
                raise Unreadable("an index of signs")
            return str(value)
        pieces: list[str] = []
        while not self.is_op("}"):
            kind, value = self.take()
            if kind == "end" or len(pieces) > 10:
                raise Unreadable("an index without end")
            pieces.append(str(value))
        self.take()
        return "".join(pieces)


def _begins_with_d(node: Node) -> bool:
    """d, dx, d^2 y."""
    return node == ("sym", "d") or (node[0] in ("*", "^") and _begins_with_d(node[1]))


def letters(node: Node) -> frozenset[str]:
    """The names of the variables in a tree."""
    if node[0] == "sym":
        return frozenset({node[1]})
    return frozenset().union(*(letters(part) for part in node[1:] if isinstance(part, tuple)))
