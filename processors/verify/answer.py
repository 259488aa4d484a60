"""The final answer that a text of reasoning states, and how it states it.

Looked for, in the part that is said after any thought and before any further question that a run-on text invents:

- marks that hold an answer: `\\boxed{}` (also `\\fbox`, `\\framebox`), `<answer>`, a GSM8K line `#### 18`, a reply that is JSON with an answer;
- sentences and labels that name it: "The answer is 18", "**Final answer:** 18", "A: 18" on the last line, in eight languages;
- else a text that is nothing but an answer; else a conclusion ("Therefore, x = 3"); else the last number, which is a guess.

Of marks and sentences the last one holds, because an answer that is corrected is said again. Time is proportional to the text.
"""

from __future__ import annotations

import re
from dataclasses import replace

from processors.verify import answer_words as words
from processors.verify.answer_dress import undress
from processors.verify.answer_marks import (
    BOXED,
    CONCLUSION,
    DOUBTED,
    HASHES,
    JSON,
    LABELLED,
    LAST_NUMBER,
    MAX_ANSWER_CHARS,
    SAID,
    TAGGED,
    WEAK,
    WHOLE,
    Found,
    boxes,
    hashes,
    json_answer,
)
from processors.verify.answer_sentences import (
    LINE_A,
    chosen,
    last_line,
    last_named,
    places,
    said_at,
    said_behind,
    sentence_end_of,
    value_of,
)

__all__ = [
    "BOXED",
    "CONCLUSION",
    "DOUBTED",
    "HASHES",
    "JSON",
    "LABELLED",
    "LAST_NUMBER",
    "MAX_ANSWER_CHARS",
    "SAID",
    "TAGGED",
    "THOUGHT_TAGS",
    "WEAK",
    "WHOLE",
    "Found",
    "final_answer",
    "run_on",
    "spoken_part",
    "undress",
]

MAX_CHARS = 2_000_000  # of a text; the answer of a longer one is looked for in its end

THOUGHT_TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
)
_TURN_ENDS = re.compile(
    r"<\|(?:end|im_end|endoftext|eot_id|eom_id|user|end_of_text)\|>|<\|im_start\|>user|</s>|<end_of_turn>|<｜end▁of▁sentence｜>"
)


def final_answer(text: str) -> Found | None:
    """The answer that the text states last for the question it was asked; None where it states none.

    Several boxes in a row, with nothing but "and", commas or names between them, are one answer: "3, 5". A thought that never
    ends has no answer, and what stands in one that ends is not looked at. Where the text goes on with a question of its own, the
    answer is that of the first (`run_on` says where the rest begins); one that is only stated behind such a question is doubted.
    """
    start, end = _spoken(text)
    if start >= end:
        return None
    low = _lower(text)
    cut, is_other = _first_question(text, low, start, end)
    found = _find(text, low, start, cut)
    return replace(found, how=DOUBTED) if found and is_other is not None and found.start > is_other else found


def run_on(text: str) -> int | None:
    """Where a text that has already answered goes on with another question, or with another speaker's turn; None where it does not."""
    start, end = _spoken(text)
    cut = _first_question(text, _lower(text), start, end)[0] if start < end else len(text)
    return cut if text[cut:].strip() else None


def spoken_part(text: str) -> str:
    """What is said after the thought, of this turn; empty where a thought never ends, or nothing follows it."""
    start, end = _spoken(text)
    return text[start:end]


def _spoken(text: str) -> tuple[int, int]:
    start = max(0, len(text) - MAX_CHARS)
    for opens, closes in THOUGHT_TAGS:
        closed = text.rfind(closes, start)
        after = closed + len(closes) if closed >= 0 else start
        if text.find(opens, after) >= 0:
            return len(text), len(text)  # a thought that never ends
        start = after
    for match in _TURN_ENDS.finditer(text, start):
        if text[start : match.start()].strip():
            return start, match.start()
        start = match.end()
    return start, len(text)


def _first_question(text: str, low: str, start: int, end: int) -> tuple[int, int | None]:
    """Where the first question after a stated answer begins, `end` where there is none; and where one begins with no answer before it."""
    markers = [match for match in words.NEW_QUESTION.finditer(low, start, end) if text[start : match.start()].strip()]
    if not markers:
        return end, None
    stated = _first_stated(text, low, start, end)
    is_numbered = low[start : start + 400].lstrip(" \t\n*#_>").startswith(("question", "problem", "exercise", "frage", "aufgabe"))
    for number, marker in enumerate(markers):
        is_part = bool(marker["n"]) and (is_numbered or any(earlier["n"] for earlier in markers[:number]))
        if marker.start() >= stated and not is_part:
            return marker.start(), None
    first = next((marker for marker in markers if not marker["invites"]), None)  # "here's the problem" may begin an honest answer
    return end, None if first is None or first["n"] else first.start()


def _first_stated(text: str, low: str, start: int, end: int) -> int:
    """Where the first answer that is marked or named ends; `end` where none is."""
    ends = [found.end for found in (*boxes(text, start, end)[:1], *hashes(text, start, end)[:1])]
    ends += [place for _, closes in _TAGS if (place := low.find(closes, start, end)) >= 0]
    ends += [match.end() for match in (LINE_A.search(text, start, end),) if match]
    for name in words.ANSWERS:
        said = (said_at(text, low, place, name, start, end) for place in places(low, name, start, end))
        ends += [found.end for found in said if found][:1] if low.find(name, start, end) >= 0 else []
    return min(ends, default=end)


def _lower(text: str) -> str:
    return text.replace("İ", "I").lower()  # the one letter whose small form is longer


# ---- what counts


def _find(text: str, low: str, start: int, end: int) -> Found | None:
    as_json = json_answer(text, start, end)
    if as_json is not None:
        return as_json
    strong = _stated(text, low, start, end)
    if strong is not None:
        return _unless_taken_back(text, low, strong, end)
    result = last_named(text, low, start, end, words.RESULTS)
    return result or _whole(text, start, end) or _conclusion(text, low, start, end) or _number(text, start, end)


def _stated(text: str, low: str, start: int, end: int) -> Found | None:
    """The last mark; or what is said behind it to be the answer, where that is plain."""
    marks = [*boxes(text, start, end)[-1:], *_tags(text, low, start, end), *hashes(text, start, end)[-1:]]
    mark = max(marks, key=lambda found: found.end) if marks else None
    behind = mark.end if mark else start
    said = [last_named(text, low, behind, end, words.ANSWERS), chosen(text, behind, end), said_behind(text, low, behind, end)]
    if mark is None or "\n" in text[behind:end].strip():
        said.append(last_line(text, behind, end))
    found = [one for one in said if one and (mark is None or _is_plain(one.text))]
    return max(found, key=lambda one: (one.end, one.start)) if found else mark


_PLAIN = re.compile(r"[-−+]?[\d$€£\\({\[√π]|[A-Za-z](?:_?\d)?\s?=|\W?[A-Z]\W?$")


def _is_plain(answer: str) -> bool:
    """Whether what is said to be the answer can replace a marked one: a value, or a word or two."""
    return len(answer) <= 120 and (_PLAIN.match(answer) is not None or len(answer.split()) <= 2)


def _unless_taken_back(text: str, low: str, stated: Found, end: int) -> Found:
    """The statement; a conclusion that follows after the text has doubted it; or the same, doubted."""
    doubts = list(words.RETRACTS.finditer(low, max(stated.end - 1, 0), end))
    if not doubts:
        return stated
    return _conclusion(text, low, doubts[-1].end(), end) or replace(stated, how=DOUBTED)


# ---- marks

_TAGS = (("<answer>", "</answer>"), ("[answer]", "[/answer]"), ("<final_answer>", "</final_answer>"), ("<final>", "</final>"))
MAX_OPEN_TAG_CHARS = 300  # behind a tag that was left open, as where its end stops the sampling


def _tags(text: str, low: str, start: int, end: int) -> list[Found]:
    """What the last pair of tags holds; of a solution in them, the answer that it states."""
    for opens, closes in _TAGS:
        right = low.rfind(closes, start, end)
        left = low.rfind(opens, start, right if right >= 0 else end)
        if left < 0 or (right < 0 and end - left > MAX_OPEN_TAG_CHARS):
            continue
        inside, stop = left + len(opens), right if right >= 0 else end
        stated = _stated(text, low, inside, stop)
        said = stated.text if stated else undress(text[inside:stop])
        if said and len(said) <= MAX_ANSWER_CHARS:
            return [Found(said, TAGGED, left, right + len(closes) if right >= 0 else end)]
    return []


# ---- weaker forms

_NUMBER = re.compile(r"(?<![\w.])[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?%?(?!\w)")
_VALUE_START = re.compile(r"[-−+±]?\s?[$€£¥]?(?:\d|\\|[$({\[|√π∞]|[A-Za-z][\w']?\s?[=(]|[A-Za-z][_^])")
MAX_WHOLE_CHARS, MAX_WHOLE_WORDS = 200, 8


def _whole(text: str, start: int, end: int) -> Found | None:
    """A text that is nothing but an answer: one short line that is no sentence."""
    said = text[start:end].strip()
    if not said or "\n" in said or len(said) > MAX_WHOLE_CHARS or len(said.split()) > MAX_WHOLE_WORDS:
        return None
    answer = undress(said)
    if not answer or words.CONCLUDES.match(_lower(answer)) or (len(answer.split()) > 1 and said.endswith((".", "。", "?", ":"))):
        return None
    at = text.index(said, start)
    return Found(answer, WHOLE, at, at + len(said))


def _conclusion(text: str, low: str, start: int, end: int) -> Found | None:
    """The value that the last conclusion names, where its sentence is whole, and the last that reckons."""
    stop = start + len(text[start:end].rstrip())
    begun = max(text.rfind("\n\n", start, stop), start, stop - MAX_ANSWER_CHARS)
    announced = list(words.CONCLUDES.finditer(low, begun, stop))
    if not announced:
        return None
    sentence_end = sentence_end_of(text, announced[-1].end(), stop)
    rest = text[sentence_end:stop].strip(" \t\n.*_$。!)")
    if _NUMBER.search(rest) or (sentence_end >= stop and text[stop - 1] not in "$)]}*%°"):
        return None  # the text goes on to reckon, or breaks off
    for named in reversed(list(words.NAMES_VALUE.finditer(low, announced[-1].end(), sentence_end))):
        answer = value_of(undress(text[named.end() : sentence_end]))
        if _VALUE_START.match(answer) and len(answer) <= 200 and "<<" not in answer:
            return Found(answer, CONCLUSION, named.end(), sentence_end)
    return None


def _number(text: str, start: int, end: int) -> Found | None:
    last = None
    for last in _NUMBER.finditer(text, max(start, end - 10_000), end):  # noqa: B007 - the last one is used
        pass
    return Found(last[0], LAST_NUMBER, last.start(), last.end()) if last else None
