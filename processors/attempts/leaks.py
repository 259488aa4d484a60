"""Answers that stand where they should not: in the prompt, or behind a thought that has seen them.

A number that merely occurs in a problem is no leak; a statement of the answer is ("the answer is 42", "#### 42", "\\boxed{42}"), where what
it states is the reference, and so is a solution that the prompt holds word for word.
"""

from __future__ import annotations

import json
import re

import numpy as np

from processors.text.words import ngram_hashes, normal_words, word_hashes
from processors.verify.answer import undress

MIN_COPIED_WORDS, COPIED_GRAM, MAX_COPIED_RATIO = 30, 8, 0.8  # an attempt of which so much stands in its prompt is a copy of it
MIN_COPIED_LINES = 3  # of a program
MAX_SHOWN = 100
SOLVED = ("maths", "choice", "exact", "regex")

_STATES = re.compile(
    r"\b(?:answer|antwort|réponse|respuesta|risposta|resposta)\b(?: (?:to|of|for) [^.:\n]{1,40}?)?(?:\*\*)? ?(?::|=|\b(?:is|are|ist|est|es|è|é)\b)\**[ \t\n]{0,4}"
    r"|(?:答案|答え|正解)(?:是|为|は)?[::]?\s{0,2}"
    r"|\bhint ?:[ \t]{0,4}|####[ \t]{0,4}|\\boxed(?=\{)",
    re.IGNORECASE,
)
_FORM_ONLY = re.compile(
    r"\b(?:e\.g|for example|for instance|such as|like|format|form|in the style|written as|example|(?:end|finish|conclude|respond|reply) with|write)\b[^.!?\n]{0,80}$",
    re.IGNORECASE,
)
_PEEKS = re.compile(
    r"\b(?:the |your |this |our )?(?:reference|ground[- ]truth|gold(?:en|[- ]standard)?|official|model) (?:answer|solution|output|response)s?\b"
    r"|\banswer key\b|\bsolution (?:key|manual)\b"
    r"|\bthe (?:provided|given|expected|supplied|known) (?:correct |final |right )?answer\b(?! (?:choice|option|space|sheet|format|box|s\b))"
    r"|\b(?:correct|final|right) answer (?:is|was) (?:given|provided|stated|supplied) (?:as|to be|above|in)\b"
    r"|\b(?:as|since) (?:the )?(?:correct )?answer (?:is|was) (?:already )?(?:known|given|provided)\b"
    r"|\banswer (?:is|was) supposed to be\b|\bsupposed to (?:get|arrive at|reach|obtain) (?:the answer )?\$?\d"
    r"|\b(?:in|from|of|as in|as per) (?:the|my|your|our) (?:previous|earlier|prior) (?:attempt|response|conversation|answer|message)s?\b"
    r"|\b(?:the|your) (?:feedback|error message|failed tests?|failing tests?) (?:you|that you|above|provided|given|says|said|shows|showed)\b",
    re.IGNORECASE,
)
_BACK = re.compile(r"previous|earlier|prior", re.IGNORECASE)
MAX_BACK_CHARS = 300  # further on, an earlier attempt may be the text's own


def references(verifier: str, reference: str) -> list[str]:
    """The reference answers in a fact `attempt.reference`; none for tests, patterns and calls."""
    if verifier in ("code", "regex", "calls", "none") or not reference.startswith("{"):
        return []
    told = json.loads(reference)
    found = told.get("answers") or [told.get("answer", "")]
    return [str(answer) for answer in found if str(answer).strip() and len(str(answer)) <= 200]


def _plain(answer: str) -> str:
    answer = undress(answer.strip())
    return re.sub(r"[\s,$\\{}]|\\(?:text|mathrm|left|right|dfrac|tfrac|frac)", "", answer).casefold().rstrip(".")


def answer_leak(prompt: str, attempt: str, verifier: str, reference: str) -> str:
    """The words of the prompt that state a reference answer, or that hold the whole attempt; empty for none."""
    accepted = {_plain(answer) for answer in references(verifier, reference)} - {""}
    for found in _STATES.finditer(prompt) if accepted else ():
        said = _said(prompt, found)
        sentence = max(prompt.rfind(". ", 0, found.start()), prompt.rfind("\n", 0, found.start()))
        if said in accepted and not _FORM_ONLY.search(prompt[max(sentence, found.start() - 120, 0) : found.start()]):
            return prompt[max(0, found.start() - 20) : found.end() + 40].strip()[:MAX_SHOWN]
    if verifier == "code":
        return _copied_program(prompt, attempt)
    return _copied(prompt, attempt) if verifier in SOLVED else ""  # what an open request asks for may be to copy


def _said(prompt: str, found: re.Match[str]) -> str:
    """What is stated, without its dress: the braces of a box, else up to the sentence's end."""
    rest = prompt[found.end() : found.end() + 220]
    if rest.startswith("{"):
        depth = 0
        for at, char in enumerate(rest):
            depth += {"{": 1, "}": -1}.get(char, 0)
            if not depth:
                return _plain(rest[1:at])
        return ""
    said = re.split(r"[.。;!?](?:\s|$)|\n", rest, maxsplit=1)[0]
    if re.search(r" or |或|、", said):
        return ""  # a choice between answers
    return _plain(re.split(r",(?:\s|$)| (?:because|since|as|so|but|and|which|where)\b|[(（]", said, maxsplit=1)[0].strip("* "))


def _copied(prompt: str, attempt: str) -> str:
    said, asked = normal_words(attempt), normal_words(prompt)
    if len(said) < MIN_COPIED_WORDS or len(asked) < MAX_COPIED_RATIO * len(said):
        return ""
    runs = ngram_hashes(word_hashes(said), COPIED_GRAM)
    shared = np.isin(runs, ngram_hashes(word_hashes(asked), COPIED_GRAM))
    if shared.mean() < MAX_COPIED_RATIO or not shared[-1]:  # an attempt that says the problem again, and then its own answer, is none
        return ""
    return f"{shared.mean():.0%} of the attempt's words stand in the prompt in the same order"


def _copied_program(prompt: str, attempt: str) -> str:
    asked = {line.strip() for line in prompt.split("\n")}
    lines = [line.strip() for line in attempt.split("\n") if line.strip() and not line.lstrip().startswith(("#", "```"))]
    if len(lines) < MIN_COPIED_LINES or not all(line in asked for line in lines):
        return ""
    return f"all {len(lines)} lines of the attempt stand in the prompt"


def peek(prompt: str, attempt: str) -> str:
    """The words that refer to an answer, a key or an exchange that the reader is not shown; empty for none, and where the prompt has them."""
    asked = prompt.casefold()
    for found in _PEEKS.finditer(attempt):
        words = found[0].casefold()
        core = re.sub(r"^(?:in|from|of|as|since|as in|as per|the|my|your|our|this| )+ ", "", words)
        if core in asked or (_BACK.search(words) and found.start() > MAX_BACK_CHARS):
            continue
        return attempt[max(0, found.start() - 30) : found.end() + 30].strip().replace("\n", " ")[:MAX_SHOWN]
    return ""
