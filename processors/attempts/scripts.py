"""Which scripts and which language a thought is in, formulae, code and names left aside."""

from __future__ import annotations

import functools
import re
import unicodedata

from processors.language_id import detect_language

MIN_LETTERS = 200  # of prose, for its language to be told; shorter solutions full of numbers are taken for other languages
MIN_CONFIDENCE = 0.99
MIN_GREEK_RUN = 3  # letters; fewer are names of quantities
MIN_LATIN_WORDS = 3  # in a row, in a text whose problem is not in Latin letters; fewer are names and terms
HEAVY = 3  # Latin letters that a Chinese, Japanese or Korean one stands for
MAX_SHOWN = 40

_SCRIPTS = {
    **{"LATIN": "Latin", "FULLWIDTH": "", "GREEK": "Greek", "CYRILLIC": "Cyrillic", "ARMENIAN": "Armenian", "GEORGIAN": "Georgian"},
    **{"HEBREW": "Hebrew", "ARABIC": "Arabic", "DEVANAGARI": "Devanagari", "BENGALI": "Bengali", "TAMIL": "Tamil", "TELUGU": "Telugu"},
    **{"GUJARATI": "Gujarati", "GURMUKHI": "Gurmukhi", "KANNADA": "Kannada", "MALAYALAM": "Malayalam", "SINHALA": "Sinhala"},
    **{"THAI": "Thai", "LAO": "Lao", "KHMER": "Khmer", "MYANMAR": "Burmese", "TIBETAN": "Tibetan", "ETHIOPIC": "Ethiopic"},
    **{"CJK": "Han", "HIRAGANA": "Kana", "KATAKANA": "Kana", "KATAKANA-HIRAGANA": "Kana", "HANGUL": "Hangul", "BOPOMOFO": "Han"},
}
_HEAVY_SCRIPTS = frozenset({"Han", "Kana", "Hangul"})

_FORMULA = re.compile(  # none reaches past the next opening of its kind, so that what never closes costs no more
    r"```.*?(?:```|\Z)|\$\$[^$]{1,4000}\$\$|\\\[(?:(?!\\\[).){1,4000}?\\\]|\\\((?:(?!\\\().){1,1000}?\\\)|`[^`\n]{1,300}`"
    r"|\\begin\{\w{1,20}\*?\}(?:(?!\\begin).){1,4000}?\\end\{\w{1,20}\*?\}",
    re.DOTALL,
)
_SMALL = re.compile(r"\$[^$\n]{1,300}\$|\\[A-Za-z]{1,30}|<<[^<>\n]{1,200}>>|\bhttps?://\S{1,500}|<[^<>\n]{1,100}>")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_LATIN_RUN = re.compile(r"[a-z]{2,30}(?:[ ,'’-]{1,2}[a-zA-Z]{1,30}){2,}")
_GREEK_RUN = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]+")


def prose_without_formulae(text: str) -> str:
    """The text without fenced code, LaTeX, mark-up and addresses."""
    if any(mark in text for mark in ("```", "$$", "\\", "`")):
        text = _FORMULA.sub(" ", text)
    return _SMALL.sub(" ", text)


@functools.lru_cache(maxsize=1 << 16)
def script_of(char: str) -> str:
    """The script of a letter; empty for what is no letter, or belongs to no script (signs of mathematics, full-width forms)."""
    if not char.isalpha():
        return ""
    return _SCRIPTS.get(unicodedata.name(char, "").split(" ", 1)[0].split("-", 1)[0], "")


def foreign_letters(said: str, problem: str) -> tuple[float, str]:
    """The share of letters in scripts that the problem has nowhere, and the first of them.

    Single Greek letters are quantities. Where the problem is mostly in another script than Latin, what counts are runs of Latin words.
    """
    used = {script_of(char) for char in set(problem)}
    total = weight = 0
    first = ""
    for run in _BEYOND_ASCII.findall(said):
        found = [script_of(char) for char in run]
        for char, script in zip(run, found, strict=True):
            size = HEAVY if script in _HEAVY_SCRIPTS else 1 if script else 0
            total += size
            if script and script not in used and script not in ("Latin", "Greek"):
                weight += size
                first += char if len(first) < MAX_SHOWN else ""
    total += sum(map(str.isalpha, said)) - sum(map(str.isalpha, "".join(_BEYOND_ASCII.findall(said))))
    if "Greek" not in used:
        runs = [run for run in _GREEK_RUN.findall(said) if len(run) >= MIN_GREEK_RUN]
        weight += sum(map(len, runs))
        first = first or "".join(runs)[:MAX_SHOWN]
    if _is_not_latin(problem):
        runs = [run for run in _LATIN_RUN.findall(said)]
        weight += sum(sum(map(str.isalpha, run)) for run in runs)
        first = first or (runs[0][:MAX_SHOWN] if runs else "")
    return (round(weight / total, 6) if total else 0.0), first


def _is_not_latin(problem: str) -> bool:
    if problem.isascii():
        return False
    scripts = [script for char in prose_without_formulae(problem) if (script := script_of(char))]
    return sum(script not in ("Latin", "Greek") for script in scripts) > sum(script == "Latin" for script in scripts)


def language_of(prose: str) -> str:
    """The language of prose (ISO 639-1); empty where it is too short or the classifier is not sure."""
    if sum(map(str.isalpha, prose[: 4 * MIN_LETTERS])) < MIN_LETTERS and prose.isascii():
        return ""
    language, confidence = detect_language(prose)
    return language if confidence >= MIN_CONFIDENCE else ""
