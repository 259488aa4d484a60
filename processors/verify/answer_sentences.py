"""Sentences and labels that name an answer: "The answer is 18", "**Answer:** 18", "So 5 is the answer"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from processors.verify import answer_words as words
from processors.verify.answer_dress import undress
from processors.verify.answer_marks import CONCLUSION, LABELLED, MAX_ANSWER_CHARS, MAX_ROW, SAID, Found, line_end

MAX_PLACES = 200  # where one name stands and no answer follows, before it is given up


def last_named(text: str, low: str, start: int, end: int, names: tuple[str, ...]) -> Found | None:
    """The last answer behind any of the names."""
    last: Found | None = None
    for name in names:
        for place in places(low, name, last.start if last else start, end, backwards=True):
            found = said_at(text, low, place, name, start, end)
            if found is not None:
                last = max(last, found, key=lambda one: one.start) if last else found
                break
    if last is not None and names is words.RESULTS:
        return replace(last, how=CONCLUSION)
    return last


def places(low: str, name: str, start: int, end: int, backwards: bool = False) -> Iterator[int]:
    place = low.rfind(name, start, end) if backwards else low.find(name, start, end)
    for _ in range(MAX_PLACES):
        if place < 0:
            return
        yield place
        place = low.rfind(name, start, place) if backwards else low.find(name, place + len(name), end)


def said_at(text: str, low: str, place: int, name: str, start: int, end: int) -> Found | None:
    """The answer behind one place where it is named, if one is."""
    is_cjk = ord(name[-1]) > 0x2E80
    if not is_cjk and place > start and (low[place - 1].isalpha() or low[place - 1] in "<_"):
        return None
    near = max(start, place - 60)
    if words.SUPPOSED.search(low[near:place]):
        return None
    line = low.rfind("\n", near, place) + 1 or (start if near == start else -1)
    is_label = line >= 0 and words.LABEL.fullmatch(low, line, place) is not None
    after = place + len(name)
    heading = words.HEADING.match(low, after, end) if is_label and name in words.ANSWERS else None
    if heading:
        return _read(text, low, heading.end(), end, LABELLED)
    says = words.SAYS.match(low, after, end)
    if says is None or (says["mark"] == "=" and not is_label) or (says["cjk"] and not is_cjk):
        return None
    if says["mark"] and name in words.RESULTS and name not in words.RESULT_LABELS:
        return None
    return _read(text, low, says.end(), end, LABELLED if says["mark"] and is_label else SAID)


_OPENING = re.compile(r"[ \t\u00a0\u202f\u2003\u3000]*(?:[*_`]{1,4}[ \t]*)?(?:[:：][ \t]*)?(?:[*_`]{1,4}[ \t]*)?(?:\r?\n[ \t\u2003]*){0,3}")
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*•–][ \t]|\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)][ \t])")
MAX_LABELLED_WORDS = 12


def _read(text: str, low: str, at: int, end: int, how: str) -> Found | None:
    """The answer that begins here: to the end of its sentence or formula, without its reason; all of a list."""
    opening = _OPENING.match(text, at, end)
    at = opening.end() if opening else at
    if "\n" in text[max(at - 4, 0) : at] and _LIST_ITEM.match(text, at, end):
        return _list(text, at, end, how)
    stop = sentence_end_of(text, at, end)
    said = low[at:stop]
    if text[stop : min(stop + 1, end)] in ("?", "？") or not said.strip() or words.NO_ANSWER.match(said.lstrip("*_` ")):
        return None
    reason = words.REASON.search(said)
    if reason and reason.start() > 0 and "$" not in said[reason.start() :]:
        stop = at + reason.start()
    answer = value_of(undress(text[at:stop]))
    if not answer or len(answer) > MAX_ANSWER_CHARS or not any(char.isalnum() or char in "∞∅√" for char in answer):
        return None
    if how == LABELLED and (words.SOLUTION.match(answer) or (len(answer.split()) > MAX_LABELLED_WORDS and "\\" not in answer)):
        return None
    return Found(answer, how, at, stop)


def _list(text: str, at: int, end: int, how: str) -> Found | None:
    """The items of a list, as they stand: which of them the problem asks for cannot be told here. A list of one is that item."""
    lines: list[str] = []
    stop = at
    while stop < end and len(lines) <= MAX_ROW and _LIST_ITEM.match(text, stop, end):
        item_end = line_end(text, stop, end)
        lines.append(text[stop:item_end].strip())
        stop = min(item_end + 1, end)
    if len(lines) == 1:
        item = _LIST_ITEM.match(text, at, end)
        lines = [text[item.end() if item else at : stop]]
    answer = undress("\n".join(lines))
    return Found(answer, how, at, stop) if answer and len(answer) <= MAX_ANSWER_CHARS else None


_SENTENCE = re.compile(r"[A-Za-z][^=\d$\\]{2,80}[ \t](?:is|are|equals|was|ist|beträgt|est|es|è|é)[ \t]+(?=[-−+]?[$€£]?[\d\\($√])")


def value_of(answer: str) -> str:
    """ "32 m" of "the area is 32 m", and 32 of "about 32"."""
    sentence = _SENTENCE.match(answer)
    answer = undress(answer[sentence.end() :]) if sentence else answer
    about = words.ABOUT.match(answer.lower()) if answer[:1] != "İ" else None
    return undress(answer[about.end() :]) if about else answer


_SENTENCE_END = re.compile(
    r"(?P<math>(?<!\\)\$\$|(?<!\\)\$|\\\(|\\\[)|\n|[。！!？?;；]|"
    r"(?<!\bMr)(?<!\bDr)(?<!\bSt)(?<!\bMrs)(?<!\bMs)(?<!\bNo)(?<!\bvs)(?<!\b[ap]\.m)\.(?=[*_\"”»)\]'`$}]{0,4}(?:\s|$|[A-Z][a-z]))"
)
_CLOSES = {
    "$$": re.compile(r"\$\$"),
    "\\(": re.compile(r"\\\)"),
    "\\[": re.compile(r"\\\]"),
    "$": re.compile(r"(?<!\\)\$"),
}


def sentence_end_of(text: str, at: int, end: int) -> int:
    """Where the sentence ends; what formulas hold does not end it."""
    bound = min(end, at + MAX_ANSWER_CHARS + 100)
    while True:
        match = _SENTENCE_END.search(text, at, bound)
        if match is None:
            return bound
        if not match["math"]:
            return match.start()
        at = _formula_end(text, match, bound)


def _formula_end(text: str, opened: re.Match[str], bound: int) -> int:
    """Where the formula ends; of a `$` that is a sign of money, where the sign does."""
    kind = opened["math"]
    closed = _CLOSES[kind].search(text, opened.end(), bound)
    if closed is None:
        return opened.end()
    if kind == "$":
        inside, after = text[opened.end() : closed.start()], text[closed.end() : closed.end() + 1]
        is_money = "\n" in inside or after.isdigit() or (not inside[:1].isspace() and inside[-1:].isspace()) or not inside
        return opened.end() if is_money else closed.end()
    return closed.end()


_CHOSEN = re.compile(rf"(?:{'|'.join(words.CHOOSES)})[:：]?\s{{0,2}}(?:选项|選項|答案)?\s{{0,2}}([(（]?[A-Z](?:[)）]|(?![A-Za-z])))")


def chosen(text: str, start: int, end: int) -> Found | None:
    last = None
    for last in _CHOSEN.finditer(text, start, end):  # noqa: B007 - the last one is used
        pass
    return Found(undress(last[1]), SAID, last.start(1), last.end(1)) if last else None


_LAST_A = re.compile(r"A[:.][ \t]+([^\n]{1,200})")
LINE_A = re.compile(r"^A:[ \t]+[^\n]{1,200}$", re.MULTILINE)


def last_line(text: str, start: int, end: int) -> Found | None:
    """The last line "A: 18", as the samples of GSM8K end."""
    stop = start + len(text[start:end].rstrip())
    begun = max(text.rfind("\n", start, stop) + 1, start)
    match = _LAST_A.fullmatch(text, begun, stop)
    said = undress(match[1]) if match else ""
    return Found(said, LABELLED, match.start(1), stop) if match and said else None


_BEHIND = re.compile(
    r"[ \t](?:is|must be|would be|ist|est|es|è|é)[ \t](?:indeed[ \t]|therefore[ \t]|thus[ \t])?"
    r"(?:the|our|my|die|la|a)[ \t](?:final |correct |right |best |richtige |endgültige |bonne )?"
    r"(?:answer|antwort|réponse|respuesta|risposta|resposta|option|choice)\b(?![ \t]to\b)"
)
_TOKEN_BEFORE = re.compile(
    r"(?:\$[^$\n]{1,200}\$|\\\([^\n]{1,200}?\\\)|\*\*[^*\n]{1,60}\*\*|\([A-Za-z]\)|[-−]?[$€£]?\d[\d.,/]*%?|\b[A-Z])$"
)


def said_behind(text: str, low: str, start: int, end: int) -> Found | None:
    """ "So 5 is the answer": the number, formula, letter or emphasised word in front."""
    for match in list(_BEHIND.finditer(low, start, end))[:-MAX_PLACES:-1]:
        before = _TOKEN_BEFORE.search(text[max(start, match.start() - 210) : match.start()])
        supposed = words.SUPPOSED.search(low[max(start, match.start() - 60) : match.start()])
        said = undress(before[0]) if before and not supposed else ""
        if said and before:
            return Found(said, SAID, match.start() - len(before[0]), match.end())
    return None
