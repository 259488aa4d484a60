r"""The normal form of a written answer: one way to write each sign, without what only dresses it.

LaTeX and plain text come to the same: `\left( \tfrac12,\; 3 \right)`, `$(\frac{1}{2},3)$` and `(½, 3)` differ afterwards by spaces alone.
Everything is done in passes that take time proportional to the text.
"""

from __future__ import annotations

import re
import unicodedata

MAX_CHARS = 4_000  # a longer text is no final answer
TEXT_OPEN, TEXT_CLOSE = "\x02", "\x03"  # around words that LaTeX sets as text: never variables


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SIGNS = {
    "−": "-", "–": "-", "—": "-", "﹣": "-", "－": "-", "‐": "-", "‑": "-", "‒": "-",
    "×": "*", "✕": "*", "⋅": "*", "·": "*", "•": "*", "∙": "*", "÷": "/", "∕": "/", "⁄": "/", "∶": ":", "：": ":",
    "≤": r"\le ", "⩽": r"\le ", "≦": r"\le ", "≥": r"\ge ", "⩾": r"\ge ", "≧": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "≃": r"\approx ",
    "∞": r"\infty ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "ø": r"\emptyset ", "∖": r"\setminus ",
    "±": r"\pm ", "∓": r"\mp ", "√": r"\sqrt ", "∛": r"\sqrt[3]", "π": r"\pi ", "Π": r"\Pi ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ",
    "γ": r"\gamma ", "λ": r"\lambda ", "μ": r"\mu ", "µ": r"\mu ", "φ": r"\varphi ", "ω": r"\omega ", "Ω": r"\Omega ", "Δ": r"\Delta ",
    "°": r"\degree ", "º": r"\degree ", "′": "'", "’": "'", "‘": "'", "“": '"', "”": '"', "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}",
    "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}", "∨": r"\lor ", "∧": r"\land ", "⟨": r"\langle ", "⟩": r"\rangle ",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "…": "...", "٫": ".", "٬": ",", "、": ",", "，": ",", "；": ";",
    "（": "(", "）": ")", "％": "%", "＄": "$", "￥": "¥", "＝": "=", "＋": "+", "。": ".", "．": ".", "＜": "<", "＞": ">", "［": "[", "］": "]",
    "｛": "{", "｝": "}", "٪": "%", "ℓ": "l", "⇒": r"\Rightarrow ", "→": r"\to ",
}  # fmt: skip
_VULGAR = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5), "⅘": (4, 5), "⅙": (1, 6),
    "⅚": (5, 6), "⅐": (1, 7), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8), "⅑": (1, 9), "⅒": (1, 10),
}  # fmt: skip
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_TABLE = str.maketrans({**_SIGNS, **{sign: rf"\frac{{{a}}}{{{b}}}" for sign, (a, b) in _VULGAR.items()}})
_RAISED_RUN = re.compile(f"[{''.join(_RAISED)}]+")
_LOWERED_RUN = re.compile(f"[{''.join(_LOWERED)}]+")

_SAME = {
    "leq": "le", "leqslant": "le", "geq": "ge", "geqslant": "ge", "neq": "ne", "lt": "<", "gt": ">", "div": "/", "times": "*", "cdot": "*", "ast": "*",
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "nicefrac": "frac", "dbinom": "binom", "tbinom": "binom", "circ": "degree",
    "varnothing": "emptyset", "setminus": "setminus", "backslash": "setminus", "colon": ":", "lbrace": r"\{", "rbrace": r"\}", "lbrack": "[",
    "rbrack": "]", "lvert": "|", "rvert": "|", "vert": "|", "lparen": "(", "rparen": ")", "simeq": "approx", "approxeq": "approx",
    "dots": "...", "ldots": "...", "cdots": "...", "dotsc": "...", "dotsb": "...", "vdots": "...", "textdegree": "degree", "degrees": "degree",
    "R": r"\mathbb{R}", "reals": r"\mathbb{R}", "Reals": r"\mathbb{R}", "vee": "lor", "wedge": "land", "iff": "Rightarrow",
    "implies": "Rightarrow", "pounds": "£", "euro": "€", "textdollar": "$", "percent": "%", "infin": "infty", "mid": "|", "imath": "i",
}  # fmt: skip
_GONE = names(
    "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr middle displaystyle textstyle scriptstyle limits nolimits quad "
    "qquad enspace thinspace medspace thickspace negthinspace space hfill hspace vspace boxed fbox framebox rm it bf sf tt cal phantom mathstrut strut tag "
    "boldsymbol bm mathbf mathit mathsf mathcal"
)
_TEXTS = names("text mathrm textbf textit textrm textsf textnormal mbox hbox operatorname mathop emph unit units si SI")
_MATRICES = re.compile(r"\\(begin|end)\s*\{((?:[pbvVB]|small)?matrix|array|cases|aligned|align\*?)\}(?:\s*\{[lcr| ]*\})?")
_COMMAND = re.compile(r"\\(?:([A-Za-z]+)\*?|([^A-Za-z]))")
_DOLLAR_PAIR = re.compile(r"^\s*\$+([^$]*)\$+\s*\.?\s*$")
_LEAD = re.compile(
    r"^\s*(?:(?:so|thus|hence|therefore|and|then|finally)\b[\s,]*)?"
    r"(?:(?:the|my|our)?\s*(?:final|correct)?\s*(?:answer|result|solution)s?\s*(?:is|are|=|:)+|ans(?:wer)?\s*[:=]|a\s*:|####)\s*",
    re.IGNORECASE,
)
_SPACES = re.compile(r"\s+")
_APPROX_LEAD = re.compile(
    r"^\s*(?:(?:\\approx|\\sim|~|≈)|(?:about|approximately|approx\.?|around|roughly|circa|ca\.|nearly|almost)(?![A-Za-z]))\s*",
    re.IGNORECASE,
)
_APPROX_TAIL = re.compile(r"\s*\(?\b(?:approximately|approx\.?|or so|rounded)\)?\s*$", re.IGNORECASE)


def tidy(text: str) -> str:
    """The normal form. Words that LaTeX sets as text stand between TEXT_OPEN and TEXT_CLOSE."""
    if text.isascii() and "\\" not in text and "$" not in text:
        plain = text
    else:
        plain = _signs(text)
        paired = _DOLLAR_PAIR.match(plain)
        plain = paired[1] if paired else plain
        if plain.count("$") >= 2 and not re.search(r"\$\s*\d", plain):
            plain = plain.replace("$", " ")
        for opening, closing in ((r"\(", r"\)"), (r"\[", r"\]")):
            plain = plain.replace(opening, " ").replace(closing, " ") if opening in plain and closing in plain else plain
        plain = _commands(plain) if "\\" in plain else plain
    plain = plain.replace("**", " ") if plain.lstrip().startswith("**") else plain
    plain = _SPACES.sub(" ", plain.replace("{,}", ",").replace("{:}", ":")).strip()
    plain = _LEAD.sub("", plain, count=1)
    return plain.rstrip(" .;,") if not plain.endswith("..") else plain


def split_approx(text: str) -> tuple[str, bool]:
    """The normal form without a leading "about" or approximation sign, and whether there was one."""
    found = _APPROX_LEAD.match(text)
    if found:
        return text[found.end() :], True
    tail = _APPROX_TAIL.search(text[-40:])
    if tail:
        return text[: len(text) - (len(text[-40:]) - tail.start())], True
    return text, False


def _signs(text: str) -> str:
    if text.isascii():
        return text
    text = _RAISED_RUN.sub(lambda run: "^{" + "".join(_RAISED[sign] for sign in run[0]) + "}", text)
    text = _LOWERED_RUN.sub(lambda run: "_{" + "".join(_LOWERED[sign] for sign in run[0]) + "}", text)
    text = text.translate(_TABLE)
    return "".join(_plain_character(sign) for sign in text)


def _plain_character(sign: str) -> str:
    if sign < "\x80":
        return sign
    category = unicodedata.category(sign)
    if category == "Nd":
        return str(unicodedata.decimal(sign))
    if category in ("Zs", "Zl", "Zp"):
        return " "
    if category == "Cf":
        return ""
    if "\uff00" <= sign <= "\uffef" or "\U0001d400" <= sign <= "\U0001d7ff":
        return unicodedata.normalize("NFKC", sign)
    return sign


def _commands(text: str) -> str:
    """LaTeX commands by their one name; dress goes, words set as text are marked."""
    text = _MATRICES.sub(_matrix, text)
    pieces: list[str] = []
    place = 0
    opened: list[bool] = []  # of each brace that is open, whether it encloses text
    for found in _pieces(text):
        start, end, kind = found
        if start < place:
            continue
        pieces.append(text[place:start])
        place = end
        if kind == "{":
            opened.append(False)
            pieces.append("{")
        elif kind == "}":
            pieces.append(TEXT_CLOSE if opened and opened.pop() else "}")
        elif kind in _TEXTS:
            brace = _skip_spaces(text, end)
            if brace < len(text) and text[brace] == "{":
                opened.append(True)
                pieces.append(TEXT_OPEN)
                place = brace + 1
            else:
                pieces.append(" ")
        else:
            pieces.append(_command(kind))
    pieces.append(text[place:])
    return "".join(pieces)


_PIECE = re.compile(r"\\(?:([A-Za-z]+)\*?|([^A-Za-z]))|([{}])")


def _pieces(text: str) -> list[tuple[int, int, str]]:
    found = []
    for piece in _PIECE.finditer(text):
        name, sign, brace = piece[1], piece[2], piece[3]
        if brace:
            found.append((piece.start(), piece.end(), brace))
        elif name:
            found.append((piece.start(), piece.end(), name))
        else:
            found.append((piece.start(), piece.end(), "\\" + sign))
    return found


def _command(name: str) -> str:
    if name.startswith("\\"):
        sign = name[1]
        if sign in ",;:! ":
            return "" if sign == "!" else " "
        if sign in "{}\\|":
            return name if sign != "|" else "|"
        return sign  # \% \$ \_ \# \&
    if name in _GONE:
        return " "
    same = _SAME.get(name, name)
    if same == name or same.isalpha():
        return f"\\{same} "
    return same


def _matrix(found: re.Match[str]) -> str:
    name = "matrix" if found[2].endswith("matrix") or found[2] == "array" else found[2]
    return f"\\{found[1]}{name} " if name == "matrix" else found[0]


def _skip_spaces(text: str, place: int) -> int:
    while place < len(text) and text[place] == " ":
        place += 1
    return place


def unbraced(form: str) -> str:
    """Without braces around the whole."""
    while len(form) > 1 and form[0] == "{" and closes_at(form, 0) == len(form) - 1:
        form = form[1:-1].strip()
    if form[:1] == TEXT_OPEN and form[-1:] == TEXT_CLOSE and form.count(TEXT_OPEN) == 1 and any(sign.isdigit() for sign in form):
        form = form[1:-1].strip()
    return form


def closes_at(form: str, place: int) -> int:
    """Where the bracket that opens at `place` closes; -1 nowhere. Half-open intervals close with the other bracket."""
    depth = 0
    skip = False
    for here in range(place, len(form)):
        sign = form[here]
        if skip:
            skip = False
            continue
        if sign == "\\" and form[here + 1 : here + 2] not in ("{", "}"):
            skip = True
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
            if depth == 0:
                return here
    return -1
