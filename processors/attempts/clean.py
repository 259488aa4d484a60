"""An attempt without the marks of the data set that it came from: calculator notes, coded answer lines, questions that run on.

What is taken out or put in is named here; every other character stays as it was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from processors.attempts.problem import ANSWER, CODE, DOMAIN, LOGIC, MATHS
from processors.attempts.thought import NO_ATTEMPT, ask_and_attempt, split_attempt
from processors.verify.answer import final_answer, run_on
from schemas.facts import Fact
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Text
from schemas.records import Conversation, with_facts

CHANGES = Fact("thought.changes", str, "What was changed in the attempt's text: cut, calculator, signature, final, tags; empty for nothing")
RUNS_ON = Reason("runs_on", "The attempt goes on with a question of its own, and its answer was taken from there")

AS_WRITTEN, BOXED, SENTENCE = "as_written", "boxed", "sentence"
THINK_TAGS, PLAIN = "think_tags", "plain"
STRIP, KEEP = "strip", "keep"
MAX_LEAD_CHARS = 300

_NOTE = re.compile(r"<<[^<>\n]{0,200}>>")
_SOCRATIC = re.compile(r"(?<=\?) \*\*(?= )")
_SIGNATURE = re.compile(r"(?:[ \t]|<br ?/?>|\n){1,4}~[ \t]?(?=[^\W\d])[\w.'-]{2,40}\s{0,20}\Z")
_CODED = re.compile(r"(?:\A|\n)[ \t]*(?:####[ \t]*|A:[ \t]*)(?P<answer>[^\n]{1,200}?)\s*\Z")
_LEADS_ON = re.compile(  # the line that leads over to a question
    r"\n\s{0,20}(?:now\b|here(?:'|’)?s\b|here is\b|let(?:'|’)?s\b)[^\n]{0,100}\b(?:question|problem|exercise|turn|one)\b[^\n]{0,60}\s{0,20}\Z",
    re.IGNORECASE,
)


def strip_notes(text: str) -> str:
    """The text without GSM8K's calculator notes (`<<16-3=13>>`) and the two stars of its Socratic form; every other character stays."""
    return _SOCRATIC.sub("", _NOTE.sub("", text))


def strip_signature(text: str) -> str:
    """The text without the name of its writer that follows its last sentence (`~someone`), as solutions from forums have it."""
    found = _SIGNATURE.search(text, max(0, len(text) - 100))
    return text[: found.start()] if found and text[: found.start()].endswith((".", "!", "?", ")", "]", "}", "$")) else text


def cut_run_on(text: str, answer: str) -> tuple[str, bool]:
    """The text up to where it runs on, and whether the final answer is still the one that was judged."""
    start = run_on(text)
    if start is None:
        return text, True
    leads = _LEADS_ON.search(text, max(0, start - MAX_LEAD_CHARS), start)
    kept = text[: leads.start() if leads else start].rstrip()
    found = final_answer(kept)
    return kept, found is not None and found.text == answer


def write_final(text: str, form: str, answer: str) -> str:
    """The text with its final answer as a sentence, boxed or not.

    A coded last line ("#### 18", "A: 18") becomes the sentence; after a text whose last sentence states no box, one is added. What
    stands in the box is what the coded line or the verifier's answer says, unchanged.
    """
    coded = _CODED.search(text)
    if coded:
        body, said = text[: coded.start()].rstrip(), coded["answer"].strip()
    elif form == BOXED and "\\boxed{" not in text and answer:
        body, said = text.rstrip(), answer
    else:
        return text
    line = f"The answer is $\\boxed{{{_escaped(said)}}}$." if form == BOXED else f"The answer is {said.rstrip('.')}."
    return f"{body}\n\n{line}" if body else line


def _escaped(answer: str) -> str:
    return answer.rstrip(".") if "\\" in answer else re.sub(r"([$%#&_])", r"\\\1", answer.strip("$").rstrip("."))


def write_thought(text: str, form: str, domain: str) -> str:
    """The text with its thought between `<think>` tags, or without any."""
    split = split_attempt(text, domain)
    if split.is_open or not split.thought.strip() or not split.final.strip():
        return text
    if form == THINK_TAGS:
        return f"<think>\n{split.thought.strip()}\n</think>\n\n{split.final.strip()}"
    return f"{split.thought.strip()}\n\n{split.final.strip()}" if split.is_tagged else text


@dataclass(frozen=True, slots=True)
class CleanAttempt:
    """Cleans an attempt's text; programs are left alone.

    `calculator`: strip or keep. `final`: as_written, boxed or sentence. `thought_form`: as_written, think_tags or plain. A text that
    runs on is cut where its own question begins, and refused where the judged answer is not that of what is left. The fact
    `attempt.text_digest` stays that of the attempt in the pool.
    """

    calculator: str = STRIP
    final: str = AS_WRITTEN
    thought_form: str = AS_WRITTEN
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (DOMAIN, ANSWER)
    writes: ClassVar = (CHANGES,)
    reasons: ClassVar = (NO_ATTEMPT, RUNS_ON)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        for name, known in (
            ("calculator", (STRIP, KEEP)),
            ("final", (AS_WRITTEN, BOXED, SENTENCE)),
            ("thought_form", (AS_WRITTEN, THINK_TAGS, PLAIN)),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected {', '.join(known)}")

    def __call__(self, record: Conversation) -> Conversation | Reject:
        try:
            _, text = ask_and_attempt(record)
        except Refused as refused:
            return refused.reject(record.key)
        domain, answer = (str(record.facts[fact.name]) for fact in (DOMAIN, ANSWER))
        changes = []
        if domain != CODE:
            kept, is_judged = cut_run_on(text, answer)
            if not is_judged:
                return Reject(
                    record.key,
                    RUNS_ON.name,
                    f"it was judged by {answer!r}, which is not the answer before {text[len(kept) :].strip()[:60]!r}",
                )
            if kept != text:
                changes.append("cut")
            if self.calculator == STRIP and (stripped := strip_notes(kept)) != kept:
                kept = stripped
                changes.append("calculator")
            if (unsigned := strip_signature(kept)) != kept:
                kept = unsigned
                changes.append("signature")
            if self.final != AS_WRITTEN and domain in (MATHS, LOGIC) and (written := write_final(kept, self.final, answer)) != kept:
                kept = written
                changes.append("final")
        else:
            kept = text
        if self.thought_form != AS_WRITTEN and (written := write_thought(kept, self.thought_form, domain)) != kept:
            kept = written
            changes.append("tags")
        if kept != text:
            last = replace(record.turns[-1], parts=(Text(kept),))
            record = replace(record, turns=(*record.turns[:-1], last))
        return with_facts(record, {CHANGES.name: " ".join(changes)})
