"""How a model is asked to solve a problem, by how its answer is judged, and how it is shown a wrong attempt.

Every request names the form in which the answer is found again: a box, a letter, a block of code, a JSON list, a last line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from processors.attempts.problem import CODE, MATHS, Problem
from processors.attempts.read_columns import CALLS, CHOICE
from processors.attempts.read_tests import STDIN
from schemas.identity import canonical_json, digest, keyed_rng

THINK = (
    "Think step by step.",
    "Work through the problem one step at a time, and say what each step does.",
    "Reason carefully before you answer, and check your result.",
    "Explain your reasoning in full before you give the answer.",
    "Solve this step by step, so that a reader can follow every step.",
)
FORMS: Mapping[str, tuple[str, ...]] = {
    MATHS: (
        "Put your final answer in \\boxed{}.",
        "End with the final answer in \\boxed{}.",
        "When you are done, give the final answer once, in \\boxed{}.",
    ),
    CHOICE: (
        'End with a line of the form "Answer: X", where X is the letter of the right choice.',
        'Close with one line, "Answer: X", X being the letter of the choice that is right.',
    ),
    CALLS: (
        'End with the calls that the request needs, as a JSON list of objects with "name" and "arguments"; an empty list if no function fits.',
    ),
    "function": (
        "Then write all of the code, with its imports and the whole function{name}, in one ```{language} block.",
        "Give the complete code, imports and the whole function{name} included, in a single ```{language} block.",
    ),
    "program": (
        "Then write a whole program in one ```{language} block; it reads standard input and writes nothing but its result to standard output.",
        "Give one complete ```{language} program that reads standard input and prints the result alone.",
    ),
    "text": (
        'End with a line of the form "Answer: ..." that holds the answer alone.',
        'Close with one line that begins with "Answer:" and says nothing but the answer.',
    ),
    "prose": ("Then give your answer.",),
}
TOOLS = "You can call these functions, given as JSON:\n{tools}"
WRONG = (
    "{problem}\n\n"
    "The following attempt at this problem is wrong.\n\n"
    "<attempt>\n{attempt}\n</attempt>\n\n"
    "{finding}\n\n"
    "Find where it fails, then write a right solution from the start. It has to be complete by itself, for a reader who knows the problem and has "
    "seen no attempt: do not mention the attempt, or that anything was corrected.\n\n"
    "{request}"
)
# What is told of a wrong attempt, by verifier; a verifier's own sentence may name the right answer.
FINDINGS: Mapping[str, str] = {
    MATHS: "Its final answer, {answer}, is not right.",
    CHOICE: "Its answer, {answer}, is not the right choice.",
    CALLS: "Its calls are not those that the request needs.",
    CODE: "Its code does not pass the tests of the problem{cause}.",
    "text": "Its answer, {answer}, is not right.",
}
CAUSES: Mapping[str, str] = {
    "timeout": ": it takes too long",
    "memory": ": it asks for too much memory",
    "crashed": ": it ends before the tests are over",
    "unsafe": ": it does what programs may not do here",
}
MAX_SHOWN_ANSWER_CHARS = 200
TEMPLATES = digest(canonical_json([THINK, FORMS, TOOLS, WRONG, FINDINGS, CAUSES]))  # part of what decides a corpus


def _form(problem: Problem, judged_by: Mapping[str, Any]) -> str:
    if problem.verifier == CODE:
        return "program" if judged_by.get("form") == STDIN else "function"
    return problem.verifier if problem.verifier in FORMS else "prose" if problem.verifier in ("judge", "none") else "text"


def request(problem: Problem, sample: int, varied: bool, seed: int) -> str:
    """What is asked for below the problem: to think, and in which form the answer has to be.

    Where it is `varied`, the wording is one of several, by seed, problem and sample.
    """
    judged_by = json.loads(problem.judged_by)
    thinks, forms = THINK, FORMS[_form(problem, judged_by)]
    rng = keyed_rng(seed, "sample_prompts", f"{problem.digest()} {sample}") if varied else None
    think, form = (options[0 if rng is None else int(rng.integers(len(options)))] for options in (thinks, forms))
    if problem.verifier == CODE:
        name = f" `{judged_by['entry_point']}`" if judged_by.get("entry_point") else ""
        form = form.format(name=name, language=judged_by.get("language") or "python")
    return f"{think} {form}"


def system_text(problem: Problem) -> str:
    """The problem's own system text, and the functions that may be called."""
    tools = json.loads(problem.judged_by).get("tools") if problem.verifier == CALLS else None
    return "\n\n".join(
        part for part in (problem.system, TOOLS.format(tools=json.dumps(tools, ensure_ascii=False)) if tools else "") if part
    )


def finding(problem: Problem, answer: str, cause: str) -> str:
    """What is told of a wrong attempt: never more than its own answer, and of code in which way it fails."""
    told = FINDINGS.get(problem.verifier, FINDINGS["text"])
    if "{answer}" in told and (not answer.strip() or len(answer) > MAX_SHOWN_ANSWER_CHARS):
        return "Its answer is not right."
    return told.format(answer=answer.strip(), cause=CAUSES.get(cause, ""))
