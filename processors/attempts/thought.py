"""An attempt as thought and answer, and what is wrong with the thought: cut short, in circles, in another language, or not its own.

The thought is what stands in `<think>` tags (and their like), else everything before the final answer statement; of code, what is said
before the program. Nothing here decides: every finding is a fact, in words where a reader has to be able to check it.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import ClassVar

from processors.attempts.leaks import answer_leak, peek
from processors.attempts.loops import find_loop
from processors.attempts.problem import ANSWER, CODE, DOMAIN, REFERENCE, VERIFIER
from processors.attempts.scripts import foreign_letters, language_of, prose_without_formulae
from processors.tasks.refusals import DECLINING
from processors.text.normalise import text_digest
from processors.text.words import sentences_of, words_of
from processors.verify.answer import THOUGHT_TAGS, WEAK, final_answer, run_on
from schemas.facts import Fact
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Text
from schemas.records import Conversation, FactValue, with_facts

NUM_WORDS = Fact("thought.num_words", int, "Words of the thought; of a text that is only a program, 0")
NUM_STEPS = Fact("thought.num_steps", int, "Lines of the thought that say something, a formula or program of several lines as one")
IS_TAGGED = Fact("thought.is_tagged", bool, "Whether tags such as <think> part the thought from the answer")
IS_TRUNCATED = Fact("thought.is_truncated", bool, "Whether the attempt ends in the middle")
TRUNCATION = Fact("thought.truncation", str, "What shows that the attempt ends in the middle, empty where nothing does")
IS_LOOPING = Fact("thought.is_looping", bool, "Whether the attempt says the same again and again")
REPEATED_RATIO = Fact("thought.repeated_ratio", float, "Share of the attempt's words in its longest loop; 0 without a loop")
REPEATED = Fact("thought.repeated", str, "The beginning of what a loop repeats, and how often")
LANGUAGE = Fact("thought.language", str, "Language of the thought's prose (ISO 639-1), empty where too little prose tells")
PROBLEM_LANGUAGE = Fact("thought.problem_language", str, "Language of the problem's prose (ISO 639-1), empty where too little prose tells")
MIXED_RATIO = Fact(
    "thought.mixed_ratio",
    float,
    "Share of letters in scripts that the problem does not use; a Chinese, Japanese or Korean one weighs three",
)
MIXED = Fact("thought.mixed", str, "The first letters in a script that the problem does not use")
ANSWER_LEAK = Fact("thought.answer_leak", str, "The words of the prompt that hold the reference answer, or the solution; empty for none")
PEEK = Fact(
    "thought.peek", str, "The words by which the attempt refers to what a reader does not see, such as an answer key; empty for none"
)
IS_REFUSAL = Fact("thought.is_refusal", bool, "Whether the attempt declines to answer")
RUNS_ON = Fact("thought.runs_on", str, "The beginning of a further question that the attempt asks after its answer, empty for none")
TEMPLATE = Fact(
    "problem.template", str, "Digest of the problem's words without numbers and names: problems that differ in these alone share it"
)
THOUGHT_FACTS = (
    *(NUM_WORDS, NUM_STEPS, IS_TAGGED, IS_TRUNCATED, TRUNCATION, IS_LOOPING, REPEATED_RATIO, REPEATED, LANGUAGE, PROBLEM_LANGUAGE),
    *(MIXED_RATIO, MIXED, ANSWER_LEAK, PEEK, IS_REFUSAL, RUNS_ON, TEMPLATE),
)
NO_ATTEMPT = Reason("no_attempt", "The conversation does not end with an assistant's text after a question in text")

FENCE = "```"
MAX_REFUSAL_WORDS = 120  # a longer text that declines in passing does something else too
MAX_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Split:
    """`is_open` says that a thought began and never ended: `final` is then empty."""

    thought: str
    final: str
    is_tagged: bool = False
    is_open: bool = False


def ask_and_attempt(record: Conversation) -> tuple[str, str]:
    """What is asked (every turn before the last, a system message too) and what is attempted, both as text.

    Raises: Refused with no_attempt.
    """
    last = record.turns[-1] if record.turns else None
    asked = [part for turn in record.turns[:-1] for part in turn.parts]
    if last is None or last.role != "assistant" or not all(isinstance(part, Text) for part in (*last.parts, *asked)):
        raise Refused(NO_ATTEMPT, "expected text turns and an assistant's turn at the end")
    prompt, attempt = ("\n\n".join(part.text for part in parts if isinstance(part, Text)) for parts in (asked, last.parts))
    if not prompt.strip() or not attempt.strip():
        raise Refused(NO_ATTEMPT, f"{len(prompt.strip())} characters of question and {len(attempt.strip())} of attempt")
    return prompt, attempt


# ---- thought and answer


def split_attempt(text: str, domain: str = "") -> Split:
    """The thought and what follows it. Nothing is lost: without tags, thought + final is the text."""
    for opens, closes in THOUGHT_TAGS:
        end = text.find(closes)
        start = text.find(opens, 0, end if end >= 0 else len(text))
        if end >= 0:
            before = "" if start < 0 else text[:start]
            return Split(
                (before + text[max(start + len(opens), 0) if start >= 0 else 0 : end]).strip(), text[end + len(closes) :].strip(), True
            )
        if start >= 0:
            return Split(text[start + len(opens) :].strip(), "", True, True)
    at = _program_start(text) if domain == CODE else _statement_start(text)
    return Split(text[:at], text[at:])


def _program_start(text: str) -> int:
    """Where the last fenced program begins; 0 of a text without fences, which is a program itself."""
    starts = [found.start() for found in re.finditer(r"^[ \t]{0,8}```", text, re.MULTILINE)]
    if not starts:
        return 0
    return starts[(len(starts) - 1) // 2 * 2]


def _statement_start(text: str) -> int:
    """Where the sentence or line begins that states the final answer; the end where none does."""
    found = final_answer(text)
    if found is None or found.how in WEAK:
        return len(text)
    line = text.rfind("\n", 0, found.start) + 1
    stop = max((match.end() for match in re.finditer(r"[.!?。！？]\s+", text[line : found.start])), default=0)
    return line + stop


# ---- cut short

_ENVIRONMENT = re.compile(r"\\(begin|end)\{([A-Za-z*]{1,20})\}")
_DISPLAY = re.compile(r"(?<!\\)\\([\[\]])")
_INLINE = re.compile(r"(?<!\\)\\([()])")
_FORMAL = re.compile(r"\\[A-Za-z]|[\^{]")
_SIGNED = re.compile(r"[.!?)\]}$]\s{0,3}[~–—-]\s?\S{1,40}(?: \S{1,30})?$")  # "... ~ its writer"
_GOES_ON = re.compile(
    r"(?:[,(\[{=+\-–—×÷<≤≥&\\^/:]|\b(?:the|a|an|of|to|and|or|is|are|was|by|in|on|for|with|that|which|from|as|at|than|so|because|if|then|we|this|"
    r"these|its|their|has|have|be|will|can|into|per|each|und|der|die|das|et|le|la|les|de|y|el|los))$",
    re.IGNORECASE,
)
_ENDED = ".!?。！？…｡؟।\"'”’»)]}*_`~$|>:%°"
MIN_PROSE_LINE_WORDS = 6


def truncation_sign(text: str, domain: str = "", answer: str = "", split: Split | None = None) -> str:
    """What shows that a text ends in the middle, empty where nothing does. `answer` is the final answer that a verifier found in it.

    A program that ends early is the tests' matter: of code, only tags and fences are looked at.
    """
    split = split or split_attempt(text, domain)
    if split.is_open:
        return "a thought begins and never ends"
    if split.is_tagged and not split.final:
        return "nothing follows the thought"
    if sum(line.lstrip().startswith(FENCE) for line in text.split("\n")) % 2:
        return "a fenced block begins and never ends"
    if domain == CODE:
        return ""
    if text.rfind("<<") > text.rfind(">>"):
        return "a calculator's note begins with << and never ends"
    return _open_formula(text) or _open_sentence(text, answer)


def _open_formula(text: str) -> str:
    bare = text.replace("\\$", "")
    for pattern, name in ((_DISPLAY, "\\["), (_INLINE, "\\(")):
        marks = [found[1] for found in pattern.finditer(text)]
        if marks and marks[-1] in "[(":
            return f"a formula begins with {name} and never ends"
    display = bare.rsplit("$$", 1)[-1]
    if bare.count("$$") % 2 and _FORMAL.search(display) and "$" not in display:  # else it is money, written twice
        return "a formula begins with $$ and never ends"
    depth: dict[str, int] = {}
    for mark, name in _ENVIRONMENT.findall(text):
        depth[name] = depth.get(name, 0) + (1 if mark == "begin" else -1)
    left = [name for name in sorted(depth) if depth[name] > 0]
    if left:
        return f"\\begin{{{left[0]}}} is never ended"
    box = text.rfind("\\boxed{")
    if box >= 0 and not _closes(text, box + len("\\boxed{")):
        return "\\boxed{ is never closed"
    last = bare.replace("$$", "").rsplit("\n\n", 1)[-1]
    tail = last.rsplit("$", 1)[-1]
    if last.count("$") % 2 and _FORMAL.search(tail) and not re.search(r"[A-Za-z]{2}[.!?](?:\s|$)", tail):  # $5 is money
        return "a formula begins with $ and never ends"
    return ""


def _closes(text: str, at: int) -> bool:
    depth = 1
    for found in re.finditer(r"\\.|[{}]", text[at:], re.DOTALL):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if not depth:
            return True
    return False


def _open_sentence(text: str, answer: str) -> str:
    text = text.rstrip()
    line = text[text.rfind("\n") + 1 :].strip()
    if (answer and answer in line[-len(answer) - 40 :]) or _SIGNED.search(line):
        return ""  # it ends with its answer, whatever the punctuation
    if text.endswith(":"):
        return f"the last line ends with a colon: {_shown(line)}"
    if _GOES_ON.search(line) and not re.fullmatch(r"[-=_*#~\s]+", line):
        return f"the last line breaks off: {_shown(line)}"
    if line.endswith(tuple(_ENDED)) or not line[-1:].isalnum():
        return ""
    if line.count("(") > line.count(")") and not re.search(r"^\s*\(|:-?\(", line):
        return f"the last line opens a bracket and does not close it: {_shown(line)}"
    lines = [other.rstrip() for other in text.split("\n")[:-1]]
    prose = [other for other in lines if other.count(" ") >= MIN_PROSE_LINE_WORDS - 1 and other[:1].isalpha()]
    ended = sum(other.endswith(tuple(_ENDED)) for other in prose)
    is_sentence = line.count(" ") >= MIN_PROSE_LINE_WORDS - 1 and line[:1].isalpha()
    inner = len(re.findall(r"[a-z]{2}[.!?] [A-Z]", line))
    if is_sentence and ((prose and 3 * ended > 2 * len(prose)) or (not prose and inner >= 2)):
        return f"the last sentence has no end, where others have: {_shown(line)}"
    return ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= MAX_SHOWN else "..." + text[-MAX_SHOWN:])


# ---- steps, refusals, templates

_BLOCK = re.compile(r"```.*?(?:```|\Z)|\\\[.*?(?:\\\]|\Z)|\$\$.*?(?:\$\$|\Z)|\\begin\{(\w{1,20}\*?)\}.*?(?:\\end\{\1\}|\Z)", re.DOTALL)


def count_steps(thought: str) -> int:
    """Lines that say something, blocks of formulae and of code as one each; of a single line, its sentences."""
    flat = _BLOCK.sub(" block ", thought) if any(mark in thought for mark in (FENCE, "\\[", "$$", "\\begin")) else thought
    lines = [line for line in flat.split("\n") if any(map(str.isalnum, line))]
    return len(sentences_of(lines[0])) if len(lines) == 1 else len(lines)


_AS_MODEL = re.compile(r"\bas an? (?:AI|artificial intelligence|(?:large )?language model)\b", re.IGNORECASE)


def is_refusal(text: str, answer: str = "") -> bool:
    """Whether a short text begins with declining to answer, and gives no final answer."""
    start = text[:300]
    if answer or len(text) > 12 * MAX_REFUSAL_WORDS or len(text.split()) > MAX_REFUSAL_WORDS:
        return False
    return bool(DECLINING.search(start) or _AS_MODEL.search(start))


_VARIES = re.compile(r"\d[\d,.]*|(?<=[a-z,;:] )[A-Z][a-z]+(?:['’]s)?|[A-Z][a-z]+['’]s\b")


def template_of(problem: str) -> str:
    """Digest of a problem without its numbers and its names (words with a capital inside a sentence): a family of generated problems."""
    first, _, rest = problem.strip().partition(" ")
    return text_digest(_VARIES.sub("#", f"{first.lower()} {rest}"))


@functools.lru_cache(maxsize=64)
def _of_problem(prompt: str) -> tuple[str, str]:
    """Language and template: of the attempts at one problem, which come one after another, measured once."""
    return language_of(prose_without_formulae(prompt)), template_of(prompt)


def measure_thought(
    prompt: str, attempt: str, domain: str, answer: str, verifier: str, reference: str, strip_counters: bool = True
) -> dict[str, FactValue]:
    """Every fact of THOUGHT_FACTS."""
    split = split_attempt(attempt, domain)
    sign = truncation_sign(attempt, domain, answer, split)
    loop = find_loop(attempt, strip_counters)
    is_code = domain == CODE
    thought = split.thought if split.thought.strip() or is_code else attempt
    said = prose_without_formulae(thought if is_code else attempt)
    problem_language, template = _of_problem(prompt)
    ratio, letters = foreign_letters(said, prompt)
    cut = run_on(attempt)
    return {
        NUM_WORDS.name: len(words_of(thought)),
        NUM_STEPS.name: count_steps(thought),
        IS_TAGGED.name: split.is_tagged,
        IS_TRUNCATED.name: bool(sign),
        TRUNCATION.name: sign,
        IS_LOOPING.name: loop.ratio > 0,
        REPEATED_RATIO.name: loop.ratio,
        REPEATED.name: f"{loop.num_repeats} times: {loop.unit}" if loop.ratio else "",
        LANGUAGE.name: "" if is_code else language_of(said),
        PROBLEM_LANGUAGE.name: "" if is_code else problem_language,
        MIXED_RATIO.name: ratio,
        MIXED.name: letters,
        ANSWER_LEAK.name: answer_leak(prompt, attempt, verifier, reference),
        PEEK.name: peek(prompt, attempt),
        IS_REFUSAL.name: is_refusal(split.final or attempt, answer),
        RUNS_ON.name: "" if cut is None else attempt[cut:].strip()[:MAX_SHOWN],
        TEMPLATE.name: template,
    }


@dataclass(frozen=True, slots=True)
class MeasureThought:
    """Measures an attempt's thought. With `strip_counters` a loop whose lines count up ("Step 12:", "Step 13:") is one too."""

    strip_counters: bool = True
    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (DOMAIN, VERIFIER, ANSWER, REFERENCE)
    writes: ClassVar = THOUGHT_FACTS
    reasons: ClassVar = (NO_ATTEMPT,)
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        try:
            prompt, attempt = ask_and_attempt(record)
        except Refused as refused:
            return refused.reject(record.key)
        domain, verifier, answer, reference = (str(record.facts[fact.name]) for fact in (DOMAIN, VERIFIER, ANSWER, REFERENCE))
        return with_facts(record, measure_thought(prompt, attempt, domain, answer, verifier, reference, self.strip_counters))
