"""Formulae of web pages as TeX: MathML, KaTeX, MathJax, Wikipedia's and WordPress's pictures, and `<script type="math/tex">`.

What the author wrote comes first: an annotation, `alttext`, the script's text, the picture's `alt`. MathML that carries none of them is
written as TeX from its elements. Source: MathML Core (W3C) for the elements.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

MAX_TEX_CHARS = 20_000
MAX_DEPTH = 60

_STYLE = re.compile(r"^\{\\(?:display|text|script|scriptscript)style\s*(.*)\}$", re.DOTALL)
_SPACES = re.compile(r"\s+")
_TEX_IMAGE = re.compile(r"(?:^|\s)(?:mwe-math-fallback\S*|tex|latex|math|ql-img-\S+|teximage|mathtex)(?:\s|$)", re.IGNORECASE)
_TEX_SERVER = re.compile(
    r"latex\.codecogs\.com|wp\.com/latex\.php|chart\.(?:apis\.)?google(?:apis)?\.com/chart|/cgi-bin/mathtex\.cgi|/mathtex\.cgi"
)
_DISPLAY = re.compile(
    r"(?:^|\s)(?:katex-display|MathJax_Display|MathJax_SVG_Display|mwe-math-element-block|ql-center-displayed-equation)(?:\s|$)"
)
_RENDERED = {  # what a script shows beside the source of a formula
    "MathJax_Preview",
    "MathJax",
    "MathJax_Display",
    "MathJax_SVG",
    "MathJax_SVG_Display",
    "MathJax_CHTML",
    "mjx-chtml",
    "MJXc-display",
    "MathJax_PHTML",
}
_COMMANDS = (  # signs and the commands that stand for them
    r" · \cdot × \times ÷ \div ± \pm ∓ \mp ≤ \le ≥ \ge ≠ \ne ∑ \sum ∏ \prod ∫ \int ∂ \partial ∇ \nabla ∞ \infty → \to"
    r" ⇒ \Rightarrow ∈ \in ∉ \notin ⊂ \subset ⊆ \subseteq ∪ \cup ∩ \cap ∀ \forall ∃ \exists ≈ \approx ≡ \equiv ∼ \sim"
    r" ∝ \propto … \ldots ⋯ \cdots ∘ \circ ⟨ \langle ⟩ \rangle ℓ \ell"
)
_NAMES = _COMMANDS.split()
_OPERATORS = {
    **{sign: f"{name} " for sign, name in zip(_NAMES[::2], _NAMES[1::2], strict=True)},
    **{sign: f"\\{sign}" for sign in "{}%#&$_"},
    **{"−": "-", "′": "'", "\u2061": "", "\u2062": "", "\u2063": "", "\u2064": ""},
    **{"ℝ": r"\mathbb{R}", "ℕ": r"\mathbb{N}", "ℤ": r"\mathbb{Z}", "ℂ": r"\mathbb{C}"},
}
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξπρστυφχψωϵϑϕΓΔΘΛΞΠΣΥΦΨΩ",
        [
            r"\alpha",
            r"\beta",
            r"\gamma",
            r"\delta",
            r"\varepsilon",
            r"\zeta",
            r"\eta",
            r"\theta",
            r"\iota",
            r"\kappa",
            r"\lambda",
            r"\mu",
            r"\nu",
            r"\xi",
            r"\pi",
            r"\rho",
            r"\sigma",
            r"\tau",
            r"\upsilon",
            r"\varphi",
            r"\chi",
            r"\psi",
            r"\omega",
            r"\epsilon",
            r"\vartheta",
            r"\phi",
            r"\Gamma",
            r"\Delta",
            r"\Theta",
            r"\Lambda",
            r"\Xi",
            r"\Pi",
            r"\Sigma",
            r"\Upsilon",
            r"\Phi",
            r"\Psi",
            r"\Omega",
        ],
        strict=True,
    )
)
_FUNCTIONS = {"sin", "cos", "tan", "cot", "log", "ln", "exp", "lim", "max", "min", "sup", "inf", "det", "dim", "gcd", "arg", "ker", "mod"}
_ACCENTS = {
    "^": "hat",
    "ˆ": "hat",
    "¯": "bar",
    "‾": "overline",
    "˜": "tilde",
    "~": "tilde",
    "→": "vec",
    "˙": "dot",
    "¨": "ddot",
    "⏞": "overbrace",
}


def tidy_tex(tex: str) -> str:
    """TeX on one line, without the `{\\displaystyle ...}` that Wikipedia puts around it and the delimiters that some pictures repeat."""
    tex = _SPACES.sub(" ", re.sub(r"(?<!\\)%[^\n]*\n", "\n", tex)).strip()[:MAX_TEX_CHARS]
    for opening, closing in (("\\[", "\\]"), ("\\(", "\\)"), ("$$", "$$"), ("$", "$")):
        if tex.startswith(opening) and tex.endswith(closing) and len(tex) > len(opening) + len(closing):
            tex = tex[len(opening) : -len(closing)].strip()
    style = _STYLE.match(tex)
    if style is not None and _is_balanced(style[1]):
        tex = style[1].strip()
    return tex


def _is_balanced(tex: str) -> bool:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", tex):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def formula_of(element: Any) -> tuple[str, bool] | None:
    """(TeX, whether it stands on a line of its own) of an element that is a formula as a whole; None for any other element."""
    tag, classes = element.tag, element.get("class") or ""
    if tag == "script":
        kind = (element.get("type") or "").lower()
        if kind.startswith("math/tex"):
            return tidy_tex(element.text or ""), "mode=display" in kind
        return None
    if tag == "img":
        return _of_image(element, classes)
    if tag == "math" or tag == "mjx-container" or _has(classes, "mwe-math-element", "katex", "katex-display"):
        return _of_markup(element, classes)
    return None


def is_rendering(element: Any) -> bool:
    """Whether an element only shows a formula whose source stands beside it."""
    return not _RENDERED.isdisjoint((element.get("class") or "").split()) and element.tag != "script"


def _has(classes: str, *names: str) -> bool:
    return not set(names).isdisjoint(classes.split())


def _of_markup(element: Any, classes: str) -> tuple[str, bool] | None:
    math = element if element.tag == "math" else next(element.iter("math"), None)
    is_display = bool(_DISPLAY.search(classes)) or (math is not None and math.get("display") == "block") or element.get("display") == "true"
    for source in (
        element.get("data-latex"),
        element.get("data-tex"),
        _annotation(element),
        math.get("alttext") if math is not None else None,
    ):
        if source and source.strip():
            return tidy_tex(source), is_display
    image = next(element.iter("img"), None)
    if image is not None and (image.get("alt") or "").strip():
        return tidy_tex(image.get("alt")), is_display
    if math is None:
        return None
    return tidy_tex(_tex(math, 0)), is_display


def _annotation(element: Any) -> str:
    for annotation in element.iter("annotation"):
        if (annotation.get("encoding") or "").lower() in ("application/x-tex", "latex", "tex", "text/x-tex", "application/x-latex"):
            return annotation.text or ""
    return ""


def _of_image(element: Any, classes: str) -> tuple[str, bool] | None:
    source, alt = element.get("src") or "", (element.get("alt") or "").strip()
    if _TEX_SERVER.search(source):
        tex = _of_address(source) or alt
    elif _TEX_IMAGE.search(classes):
        tex = alt
    else:
        return None
    return (tidy_tex(tex), "display" in classes or "block" in classes) if tex else None


def _of_address(source: str) -> str:
    """The formula that the address of a picture asks a server to draw."""
    try:
        query = urlsplit(source).query
        found = parse_qs(query, max_num_fields=20)
    except ValueError:
        return ""
    for name in ("latex", "chl"):
        if name in found:
            return found[name][0]
    return unquote(query) if "codecogs" in source or "mathtex" in source else ""


def _tex(node: Any, depth: int) -> str:
    """Presentation MathML as TeX."""
    tag = node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""
    if depth > MAX_DEPTH or tag in ("annotation", "annotation-xml", "mphantom", ""):
        return ""
    if tag in ("mi", "mn", "mo", "ms"):
        return _symbol(_SPACES.sub(" ", "".join(node.itertext())).strip(), tag)
    if tag == "mtext":
        text = _SPACES.sub(" ", "".join(node.itertext()))
        return f"\\text{{{text}}}" if text.strip() else " "
    if tag == "mspace":
        return " "
    parts = [_tex(child, depth + 1) for child in node]
    shape = _SHAPES.get((tag, len(parts)))
    if shape is not None:
        return shape.format(*(part.strip() for part in parts))
    if tag == "msqrt":
        return f"\\sqrt{{{''.join(parts).strip()}}}"
    if tag in ("mover", "munder") and len(parts) == 2:
        return _over_or_under(tag, *parts)
    if tag == "mtable":
        return "\\begin{matrix}" + r" \\ ".join(parts) + "\\end{matrix}"
    if tag in ("mtr", "mlabeledtr"):
        return " & ".join(parts)
    if tag == "mfenced":
        return node.get("open", "(") + ",".join(parts) + node.get("close", ")")
    return "".join(parts)


_SHAPES = {
    ("msup", 2): "{0}^{{{1}}}",
    ("msub", 2): "{0}_{{{1}}}",
    ("msubsup", 3): "{0}_{{{1}}}^{{{2}}}",
    ("munderover", 3): "{0}_{{{1}}}^{{{2}}}",
    ("mfrac", 2): "\\frac{{{0}}}{{{1}}}",
    ("mroot", 2): "\\sqrt[{1}]{{{0}}}",
}


def _over_or_under(tag: str, base: str, mark: str) -> str:
    base, mark = base.strip(), mark.strip()
    if tag == "munder":
        return f"{base}_{{{mark}}}"
    accent = _ACCENTS.get(mark) or {r"\to": "vec", r"\sim": "tilde"}.get(mark)
    return f"\\{accent}{{{base}}}" if accent else f"\\overset{{{mark}}}{{{base}}}"


def _symbol(text: str, tag: str) -> str:
    if text in _FUNCTIONS:
        return f"\\{text} "
    if tag == "mi" and len(text) > 1 and text.isalpha():
        return f"\\mathrm{{{text}}}"
    found = "".join(
        _OPERATORS.get(letter) or (f"{_GREEK[letter]} " if letter in _GREEK else "" if letter in _OPERATORS else letter) for letter in text
    )
    return found
