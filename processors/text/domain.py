"""Whether a document is prose, maths or code, by what its lines and formulae look like; and how often each is learned.

No model: TeX, equations in plain writing and words of mathematics are found by pattern, and lines of code by the signs that
programming languages share (brackets and semicolons at the end, keywords with their structure, assignments, indentation).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.text.words import normal_words
from schemas.facts import Fact, Where
from schemas.identity import child_key, keyed_uniform
from schemas.outcome import Reason, Reject
from schemas.records import Document, FactValue, with_facts

PROSE, MATHS, CODE = "prose", "maths", "code"
DOMAINS = (PROSE, MATHS, CODE)
DOMAIN = Fact("domain.name", str, "prose, maths or code")
OF_PROSE = Where(DOMAIN, none_of=(MATHS, CODE))
MATHS_RATIO = Fact("domain.maths_ratio", float, "Share of the characters in formulae and words of mathematics")
CODE_RATIO = Fact("domain.code_ratio", float, "Share of the lines' characters in lines of code")
WEIGHT = Fact("mixture.weight", float, "How often the mixture takes a document of this domain on average")
SAMPLED_OUT = Reason("sampled_out", "The mixture takes only a share of this domain's documents, and not this one")

MIN_CODE_RATIO = 0.5
MIN_MATHS_RATIO = 0.03  # news and encyclopaedias have less, also where they write about mathematics

# ---- maths

_COMMANDS = (
    "frac dfrac tfrac sqrt sum prod int lim infty cdot cdots ldots dots times div pm leq geq neq le ge ne equiv approx sim in notin subset "
    "cup cap forall exists to rightarrow Rightarrow implies iff mapsto mathbb mathbf mathrm mathcal text boxed left right begin end "
    "alpha beta gamma delta epsilon varepsilon theta lambda mu pi rho sigma tau phi varphi omega Delta Gamma Sigma Omega Phi "
    "sin cos tan cot log ln exp min max gcd mod pmod binom choose angle triangle circ degree overline vec hat bar partial nabla quad"
)
_FORMULA = re.compile(
    r"[$\\<]"
    r"(?:(?<=<)<[^<>\n]{1,80}>>"  # GSM8K's calculations
    r"|(?<=\$)\$[^$]{1,2000}\$\$"
    r"|(?<=\$)(?![\s$])[^$\n]{0,300}(?<!\s)\$(?!\d)"  # as Pandoc: no space inside, no digit after, so that $5 and $6 are prices
    r"|(?<=\\)[\[(](?:[^\\]|\\[^\[\]()]){1,2000}\\[\])]"
    rf"|(?<=\\)(?:{'|'.join(sorted(_COMMANDS.split(), key=len, reverse=True))})(?![A-Za-z])(?:\{{[^{{}}\n]{{0,80}}\}}){{0,2}})"
)
_SIGNS = re.compile("[√∑∏∫∂∇∞∈∉⊂⊆∪∩∀∃≤≥≈≠≡±×÷∠⋅]")
_RELATION = re.compile(r"[=≈≠≤≥^](?<![=!<>:^+*/&|-].)(?![=>~])")
_LETTER = "(?<![A-Za-z])[A-Za-zπθ](?![A-Za-z])"
_OPERAND = rf"(?:{_LETTER}\d?|[$€£]?\d[\d.,]{{0,12}}%?(?:[A-Za-z](?![A-Za-z]))?|[()])"
_SIDE = rf"{_OPERAND}(?:\s?[-+*/×÷·⋅^]?\s?{_OPERAND}){{0,8}}"
_LEFT = re.compile(rf"(?<!\w){_SIDE}\s?$")
_RIGHT = re.compile(rf"\s?-?{_SIDE}(?!\w)")
REACH = 24  # characters looked at on each side of an equals sign

_WORDS = (  # English, then French, German, Italian, Portuguese, Spanish; only words that little else uses
    "theorem lemma corollary proof equation equations inequality integer integers polynomial polynomials quadratic cubic "
    "logarithm logarithmic exponent derivative derivatives integral integrals matrix matrices eigenvalue eigenvalues vector "
    "vectors scalar triangle triangles hypotenuse isosceles equilateral perpendicular circumference radius radii diameter "
    "parallelogram rhombus polygon polygons hexagon pentagon tangent sine cosine sinusoidal asymptote asymptotes hyperbola "
    "parabola ellipse numerator denominator fraction fractions divisor divisors divisible remainder modulo congruent arithmetic "
    "geometric algebraic algebra geometry calculus trigonometric coefficient coefficients permutation permutations combinatorial "
    "factorial probability denote denotes simplify squared cubed multiply multiplied multiplying subtract subtracting axiom "
    "bijection injective surjective théorème équation équations polynôme triangle entier entiers dérivée intégrale gleichung "
    "gleichungen satz beweis dreieck ganzzahl polynom ableitung teorema equazione equazioni triangolo polinomio derivata equação "
    "equações triângulo ecuación ecuaciones triángulo polinomio derivada"
)
MATHS_WORDS = frozenset(_WORDS.split())


def maths_chars(text: str) -> int:
    """Characters in formulae (TeX or plain) and words of mathematics."""
    found = 0
    if "$" in text or "\\" in text or "<<" in text:
        found += sum(span.end() - span.start() for span in _FORMULA.finditer(text))
        text = _FORMULA.sub(" ", text)  # what is counted is not counted again
    if not text.isascii():
        found += 2 * len(_SIGNS.findall(text))
    done = 0
    for sign in _RELATION.finditer(text):
        if sign.start() < done:
            continue
        at = max(done, sign.start() - REACH)
        left, right = _LEFT.search(text[at : sign.start()]), _RIGHT.match(text, sign.end(), sign.end() + REACH)
        if left and right:
            found += right.end() - (at + left.start())
            done = right.end()
    return found + sum(map(len, filter(MATHS_WORDS.__contains__, normal_words(text))))


# ---- code

_STRONG = re.compile(
    r"""(?:def|fn|func|sub)\ +[\w.]+\s*[(\[<{]              # a function
    |(?:async\ +)?function\b\s*\*?\s*\w*\s*\(
    |(?:class|struct|enum|interface|trait|impl|module|namespace)\ +[\w:<>., ]+(?:\(.{0,200}\))?\s*[:{]\s*$
    |import\ +[\w.*{}, ]+(?:\ +as\ +\w+|\ +from\ +['"].{1,200})?;?\s*$
    |import\ +(?:static\ +)?["'<]?[\w./]+["'>]?;\s*$
    |from\ +[\w.]+\ +import\b
    |(?:package|using|use|require|include)\ +[\w.:\\/<>"'{}, *]+;\s*$
    |\#\s{0,3}(?:include|define|ifdef|ifndef|endif|pragma|undef)\b
    |\#!|<\?(?:php|xml)|<!DOCTYPE|</?[a-zA-Z][\w:-]*(?:\s+[\w:-]+=|/?>\s*$|>.{0,300}</)
    |(?:public|private|protected|internal|static|final|const|let|var|val|extern|export|typedef|unsigned|void|template)\b.{0,200}(?:[;{=(]|=>)\s*$
    |(?:const|let|var|val|auto|int|float|double|char|bool|string|String|long|size_t)\b[\w<>\[\]*&:, ]{1,80}=\s*\S
    |(?:\}?\s*(?:if|elif|else\ if|else|for|foreach|while|switch|try|catch|except|finally|with|unless|until|case|do|loop|match))\b[^.]{0,200}(?:[:{]|\bthen|\bdo)\s*(?://.*|\#.*)?$
    |(?:else|try|finally|do|begin|end|fi|done|esac|pass|break|continue)\s*[;:{]?\s*$
    |return\b(?:\s*[;(\[{"'-]|\s+(?:not\ |await\ |new\ )?[\w.]+\s*(?:[-+*/%<>=!&|([?;,:]|$))
    |//|/\*|\*/|>>>\ |\"\"\"|'''|[)\]}]+[;,)\]}]*\s*$
    |@\w[\w.]*(?:\(.{0,200}\))?\s*$
    """,
    re.VERBOSE,
)
_WEAK = re.compile(
    r"""[\w.\[\]"'*&$@:<>-]{1,60}(?:\s+[\w.\[\]*&<>]{1,40}){0,2}(?:,\s*[\w.\[\]*]{1,40}){0,4}\s*(?::=|[-+*/%|&^]?=)\s*\S
    |[\w.:]{1,80}\(.{0,300}\)\s*[;,:{]?\s*$
    |\#|--\ |;;|\$\ \w|\*\ |"[^"]{0,200}"\s*[:,]
    |(?:SELECT|INSERT|UPDATE|CREATE|DELETE|FROM|WHERE|JOIN|GROUP\ BY|ORDER\ BY|ALTER|DROP)\b
    |(?:assert|raise|throw|yield|del|global|print|echo|puts|await|export)\b
    """,
    re.VERBOSE,
)
_OPERATORS = re.compile(r"[=(\[{<>+*/|&]")
MIN_STRONG_RATIO = 0.1  # of lines: from here on, assignments, comments and indented lines are taken for code as well
MAX_LINE_CHARS = 2_000  # looked at of a line


def _is_code(line: str) -> bool:
    """Whether a line, without white space around it, can hardly be anything but code."""
    last = line[-1]
    if last == ";" and (line[-2:-1] in tuple(")]}\"'") or _OPERATORS.search(line)):  # a statement of C's family
        return True
    if last == "{" and line[:-1].rstrip()[-1:] in tuple("=(,)>"):
        return True
    return _STRONG.match(line) is not None


def code_ratio(text: str) -> float:
    """Share of the lines' characters in lines of code; what stands between fences (```) is code."""
    strong = weak = total = num_strong = num_lines = 0
    fenced = False
    for whole in text.split("\n"):
        line = whole.strip()
        if not line:
            continue
        length = len(line)
        total += length
        num_lines += 1
        if line.startswith(("```", "~~~")):
            fenced = not fenced
            strong += length
            num_strong += 1
        elif fenced or _is_code(line[:MAX_LINE_CHARS]):
            strong += length
            num_strong += 1
        elif whole[0] in " \t" or _WEAK.match(line[:MAX_LINE_CHARS]):
            weak += length
    if not total:
        return 0.0
    return (strong + weak if num_strong >= MIN_STRONG_RATIO * num_lines else strong) / total


def measure_domain(text: str) -> dict[str, FactValue]:
    """The domain, and the shares of characters from which it is told."""
    maths = min(1.0, maths_chars(text) / max(1, len(text)))
    code = code_ratio(text)
    domain = CODE if code >= MIN_CODE_RATIO else MATHS if maths >= MIN_MATHS_RATIO else PROSE
    return {DOMAIN.name: domain, MATHS_RATIO.name: maths, CODE_RATIO.name: code}


@dataclass(frozen=True, slots=True)
class DetectDomain:
    """Measures whether a document is prose, maths or code."""

    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (DOMAIN, MATHS_RATIO, CODE_RATIO)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document:
        return with_facts(record, measure_domain(record.text))


# ---- mixtures

# Copies of a document by its domain. Small models gain from maths and code well beyond their share of the web, and learn little
# more from the fifth copy on (Muennighoff et al. 2023, arXiv 2305.16264: up to four epochs are almost as good as new text).
MIXTURES: dict[str, dict[str, float]] = {
    "natural": {PROSE: 1.0, MATHS: 1.0, CODE: 1.0},
    "reasoning": {PROSE: 1.0, MATHS: 3.0, CODE: 2.0},  # maths is the rarest and the most wanted
    "code": {PROSE: 0.5, MATHS: 1.5, CODE: 3.0},
}


def num_copies(weight: float, seed: int, key: str) -> int:
    """How often a document of this weight is taken: floor(weight) times, and once more with the probability of the rest."""
    return math.floor(weight) + (keyed_uniform(seed, "mixture", key) < weight - math.floor(weight))


@dataclass(frozen=True, slots=True)
class Repeat:
    """Gives each document as often as its domain weighs in a mixture; an `expand` step.

    `mixture` names one of MIXTURES.

    Raises: ValueError for a mixture that is not among them.
    """

    mixture: str = "natural"
    seed: int = 0
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (DOMAIN,)
    writes: ClassVar = (WEIGHT,)
    reasons: ClassVar = (SAMPLED_OUT,)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.mixture not in MIXTURES:
            raise ValueError(f"mixture {self.mixture!r} is unknown; expected one of {', '.join(MIXTURES)}")

    @property
    def weights(self) -> Mapping[str, float]:
        return MIXTURES[self.mixture]

    def __call__(self, record: Document) -> list[Document] | Reject:
        domain = str(record.facts[DOMAIN.name])
        weight = self.weights[domain]
        copies = num_copies(weight, self.seed, record.key)
        if not copies:
            return Reject(record.key, SAMPLED_OUT.name, f"{domain} weighs {weight:g} in mixture {self.mixture}")
        weighed = with_facts(record, {WEIGHT.name: weight})
        return [replace(weighed, key=child_key(record.key, copy), parents=(record.key,)) for copy in range(copies)]
