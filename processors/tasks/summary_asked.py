"""What length and form a request asks for in its own words: "in three sentences", "no more than 50 words", "200字以内", "as a bulleted list".

Only forms of words that can hardly mean anything else are read: "the two points that Anna made" asks for no length. A number of
words without a bound is about that many ("in 50 words"); of sentences and points it is exact.
"""

from __future__ import annotations

import functools
import re

from processors.audio.transcript_normal import UNSPACED
from processors.numbers import HANZI_DIGITS, cardinal, numerals_to_digits
from processors.tasks.summary_style import ANY_JSON, PROSE, Length, Style, make_length
from processors.tasks.summary_wordings import (
    ABOUT,
    AT_LEAST,
    AT_MOST,
    BULLETS,
    CHARACTERS,
    EMAIL,
    EXACTLY,
    FORM_WORDINGS,
    JSON,
    NUMBERED,
    POINTS,
    SENTENCES,
    WORDS,
)

MAX_REQUEST_CHARS = 2_000  # a longer one holds more than a request
MAX_SPELLED = 20
FEWER = "fewer"  # than the number
_UNITS: dict[str, dict[str, str]] = {
    "en": {WORDS: r"words?", SENTENCES: r"sentences?", POINTS: r"(?:(?:bullet|key|main) )?points?|bullets?"},
    "de": {WORDS: r"Wörter[n]?|Worte[n]?|Wort", SENTENCES: r"Sätzen?|Satz", POINTS: r"(?:Stich)?[Pp]unkten?"},
    "fr": {WORDS: r"mots?", SENTENCES: r"phrases?", POINTS: r"points?|puces?"},
    "es": {WORDS: r"palabras?", SENTENCES: r"frases?|oraci(?:ón|ones)", POINTS: r"puntos?|viñetas?"},
    "it": {WORDS: r"parol[ae]", SENTENCES: r"fras[ei]", POINTS: r"punt[oi]"},
    "pt": {WORDS: r"palavras?", SENTENCES: r"frases?|sentenças?", POINTS: r"pontos?|tópicos?"},
    "zh": {CHARACTERS: r"个?字", SENTENCES: r"句话?", POINTS: r"(?:个要点|点|条)"},
    "ja": {CHARACTERS: r"文?字", SENTENCES: r"文(?!字)", POINTS: r"点|つの(?:要点|ポイント)"},
}
_BOUNDS: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (
        (AT_MOST, r"(?:at most|no more than|not more than|up to|a maximum of|max(?:imum|\.)?|not exceeding|within)"),
        (FEWER, r"(?:less than|fewer than|under|below)"),
        (AT_LEAST, r"(?:at least|no fewer than|no less than|a minimum of)"),
        (EXACTLY, r"(?:exactly|precisely)"),
        (ABOUT, r"(?:about|around|approximately|roughly|circa)"),
    ),
    "de": (
        (AT_MOST, r"(?:höchstens|maximal|bis zu|nicht mehr als)"),
        (FEWER, r"(?:weniger als|unter)"),
        (AT_LEAST, r"(?:mindestens|wenigstens)"),
        (EXACTLY, r"(?:genau|exakt)"),
        (ABOUT, r"(?:etwa|ungefähr|rund|ca\.)"),
    ),
    "fr": (
        (AT_MOST, r"(?:au plus|au maximum|maximum|pas plus de)"),
        (FEWER, r"(?:moins de)"),
        (AT_LEAST, r"(?:au moins)"),
        (EXACTLY, r"(?:exactement)"),
        (ABOUT, r"(?:environ)"),
    ),
    "es": (
        (AT_MOST, r"(?:como máximo|un máximo de|no más de)"),
        (FEWER, r"(?:menos de)"),
        (AT_LEAST, r"(?:al menos|como mínimo|por lo menos)"),
        (EXACTLY, r"(?:exactamente)"),
        (ABOUT, r"(?:unas|unos|aproximadamente|alrededor de)"),
    ),
    "it": (
        (AT_MOST, r"(?:al massimo|non più di)"),
        (FEWER, r"(?:meno di)"),
        (AT_LEAST, r"(?:almeno|come minimo)"),
        (EXACTLY, r"(?:esattamente)"),
        (ABOUT, r"(?:circa)"),
    ),
    "pt": (
        (AT_MOST, r"(?:no máximo|até|não mais de)"),
        (FEWER, r"(?:menos de)"),
        (AT_LEAST, r"(?:pelo menos|no mínimo)"),
        (EXACTLY, r"(?:exatamente)"),
        (ABOUT, r"(?:cerca de|aproximadamente)"),
    ),
}
_IN = {"en": "in|using|list|give|give me|write|provide", "de": "in|mit", "fr": "en", "es": "en", "it": "in", "pt": "em"}
_ADJECTIVE = (
    r"\b(?P<number>{number})[- ](?P<unit>word|sentence|point|bullet)[- ](?:summary|abstract|overview|synopsis|description|answer)\b"
)
_UNSPACED_BOUNDS: dict[str, tuple[tuple[str, str], ...]] = {  # before the number, or behind the unit
    "zh": ((AT_MOST, "不超过|最多|至多"), (AT_LEAST, "至少|不少于"), (EXACTLY, "正好|恰好"), (ABOUT, "大约|约")),
    "ja": ((AT_MOST, "最大"), (AT_LEAST, "少なくとも|最低"), (EXACTLY, "ちょうど"), (ABOUT, "約|およそ")),
}
_BEHIND = {
    "zh": ((AT_MOST, "以内|之内"), (AT_LEAST, "以上"), (ABOUT, "左右")),
    "ja": ((AT_MOST, "以内|以下"), (AT_LEAST, "以上"), (ABOUT, "程度|くらい|ぐらい")),
}
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (JSON, re.compile(r"\"points\"")),
    (
        ANY_JSON,
        re.compile(
            r"(?:\bin|\bas(?: an?| valid)?|\breturn|\boutput|\bformat|\bals|\ben|\bcome?|\bem|用|以|で)\s*JSON\b|\bJSON (?:object|format|list)\b",
            re.I,
        ),
    ),
    (
        NUMBERED,
        re.compile(
            r"\bnumbered (?:list|points)\b|\bnummerierte[nr]? Liste\b|\bliste numérotée\b|\blista (?:numerada)\b|\belenco numerato\b|编号列表|番号付き",
            re.I,
        ),
    ),
    (
        BULLETS,
        re.compile(
            r"\bbullet(?:ed|ized)?[- ]?(?:points?|lists?|form(?:at)?)\b|\b(?:in|as|using|with) bullets\b|\bStichpunkten?\b|\bliste à puces\b|\bviñetas\b|"
            r"\belenco puntato\b|\bmarcadores\b|项目符号|无序列表|箇条書き",
            re.I,
        ),
    ),
    (
        EMAIL,
        re.compile(
            r"\b(?:as|in the form of|format of|like) an? e-?mail\b|\b(?:write|draft|compose) (?:me )?an? (?:short |brief )?e-?mail\b|\bals E-Mail\b|"
            r"\bsous forme d['’]e-?mail\b|\bcomo un (?:correo|e-?mail)\b|\bcome (?:un['’])?e-?mail\b|电子邮件的形式|メールの形",
            re.I,
        ),
    ),
)


@functools.cache
def _spelled(language: str) -> dict[str, int]:
    """Small numbers by their words."""
    found = {cardinal(str(number), language).lower(): number for number in range(1, MAX_SPELLED + 1)}
    one = {
        "en": ("a single",),
        "de": ("einem", "einen", "einer"),
        "fr": ("une",),
        "es": ("una", "un"),
        "it": ("una", "un"),
        "pt": ("uma", "duas"),
    }
    for word in one.get(language, ()):
        found[word] = 2 if word == "duas" else 1
    return found


@functools.cache
def _patterns(language: str) -> tuple[re.Pattern[str], ...]:
    numbers = "|".join([r"\d{1,4}", *sorted(map(re.escape, _spelled(language)), key=len, reverse=True)])
    units = "|".join(f"(?P<{unit}>{words})" for unit, words in _UNITS[language].items())
    bounds = "|".join(f"(?P<b_{bound.replace(' ', '_')}>{words})" for bound, words in _BOUNDS[language])
    number = rf"(?P<number>{numbers})(?:\s?(?:-|–|to|or|bis|oder|à|ou|a|o)\s?(?P<high>{numbers}))?"
    asked = rf"\b(?:(?:(?:{_IN[language]})\s+)?(?:{bounds})|(?:{_IN[language]}))\s+{number}\s+(?:\w+\s)?(?:{units})(?!\w)"
    found = [re.compile(asked, re.I)]
    if language == "en":
        found.append(re.compile(_ADJECTIVE.format(number=numbers), re.I))
    return tuple(found)


@functools.cache
def _unspaced_pattern(language: str) -> re.Pattern[str]:
    units = "|".join(f"(?P<{unit}>{words})" for unit, words in _UNITS[language].items())
    before = "|".join(f"(?P<b_{bound.replace(' ', '_')}>{words})" for bound, words in _UNSPACED_BOUNDS[language])
    behind = "|".join(f"(?P<e_{bound.replace(' ', '_')}>{words})" for bound, words in _BEHIND[language])
    instruments = "用|以|在" if language == "zh" else ""
    numbers = rf"\d{{1,5}}|[{HANZI_DIGITS}两十百千]{{1,6}}"
    opening = rf"(?:(?:{instruments})?(?:{before})|{instruments})?" if instruments else rf"(?:{before})?"
    return re.compile(rf"(?P<opening>{opening})(?P<number>{numbers})(?:{units})(?:{behind})?(?P<closing>で|に|の(?:要約|要点))?")


def stated_length(request: str, language: str) -> Length | None:
    """The length that a request asks for; None when it asks for none, or for several."""
    if len(request) > MAX_REQUEST_CHARS or language not in _UNITS:
        return None
    found = _unspaced_lengths(request, language) if language in UNSPACED else _spaced_lengths(request, language)
    return found[0] if len(found) == 1 else None


def _bound(groups: dict[str, str | None], prefix: str) -> str:
    return next((name[2:].replace("_", " ") for name, text in groups.items() if name.startswith(prefix) and text), "")


def _spaced_lengths(request: str, language: str) -> list[Length]:
    found: list[Length] = []
    for pattern in _patterns(language):
        for match in pattern.finditer(request):
            groups = match.groupdict()
            told = groups.get("unit")
            unit = {"bullet": POINTS}.get(told, f"{told}s") if told else next(unit for unit in _UNITS[language] if groups.get(unit))
            low, high = (_number(text, language) if text else 0 for text in (groups["number"], groups.get("high")))
            bound = _bound(groups, "b_")
            if high > low:
                found.append(Length(low, high, unit, ""))
            elif bound == FEWER:
                found.append(make_length(AT_MOST, max(1, low - 1), unit))
            else:
                found.append(make_length(bound or (ABOUT if unit == WORDS else EXACTLY), low, unit))
    return found


def _unspaced_lengths(request: str, language: str) -> list[Length]:
    found = []
    for match in _unspaced_pattern(language).finditer(request):
        groups = match.groupdict()
        bound = _bound(groups, "b_") or _bound(groups, "e_")
        if not bound and not groups["opening"] and not groups["closing"]:
            continue  # 三点 is also three o'clock
        unit = next(unit for unit in _UNITS[language] if groups.get(unit))
        digits = numerals_to_digits(match["number"], language)
        if digits.isdigit() and 0 < int(digits) < 100_000:
            found.append(make_length(bound or (ABOUT if unit == CHARACTERS else EXACTLY), int(digits), unit))
    return found


def _number(text: str, language: str) -> int:
    return int(text) if text.isdigit() else _spelled(language)[text.lower()]


def _own_form(request: str, language: str) -> str:
    """The form that one of this project's own wordings asks for, empty where none stands in the request."""
    wordings = FORM_WORDINGS.get(language, {})
    return next((form for form, texts in wordings.items() if any(text in request for text in texts)), "")


def stated_style(request: str, language: str) -> Style:
    """The form and length that a request asks for in words; prose of any length where it asks for nothing."""
    request = request[:MAX_REQUEST_CHARS]
    form = _own_form(request, language) or next((form for form, pattern in _FORMS if pattern.search(request)), PROSE)
    length = stated_length(request, language)
    if length is not None and length.unit == POINTS and form not in (BULLETS, NUMBERED, JSON):
        length = None  # points of prose cannot be counted
    return Style(form, str(length) if length else "")
