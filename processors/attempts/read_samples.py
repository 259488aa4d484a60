"""The attempts that a row holds: a model's samples in whatever columns, worked solutions, and what the source says of each.

Nothing is left out in silence: what is no text, in another language, or longer than the bound, becomes an attempt whose `cut` says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from processors.attempts.problem import CODE, SOURCE_SAMPLER, Attempt
from processors.attempts.read_answer import Judged
from processors.attempts.read_columns import Fields, as_json, first_column, is_text, messages, shown
from processors.attempts.read_tests import LANGUAGES
from processors.dialogue import text_field
from processors.verify.verdict import RIGHT, WRONG
from schemas.outcome import Refused

LIST_COLUMNS = (
    *("samples", "generations", "attempts", "responses", "completions", "candidates", "outputs", "model_outputs", "generated_solutions"),
    *("predictions", "thinking_trajectories"),
)
SAMPLE_COLUMNS = (
    *("generation", "generated_solution", "sample", "attempt", "completion", "response", "model_output", "model_response", "output"),
    *("prediction", "generated_text"),
)
SOLUTION_COLUMNS = ("reference_solution", "canonical_solution", "reference_code", "code", "rationale", "cot_content", "explanation")
THOUGHT_COLUMNS = ("reasoning_content", "thinking", "reasoning", "thought", "thoughts", "thinking_trajectory", "chain_of_thought")
TEXT_KEYS = ("text", "solution", "generation", "completion", "response", "output", "content", "answer", "code")
MODEL_KEYS = ("sampler", "model", "model_name", "generator", "generation_model", "engine", "llm")
LABEL_KEYS = (
    *("is_correct", "is_solved", "symbolic_correct", "correct", "correctness", "correctness_math_verify", "is_right", "passed", "passes"),
    *("label", "verdict", "score", "reward"),
)
LISTED_LABELS = (*LABEL_KEYS, "labels", "scores", "rewards")
FINISH_KEYS = ("finish_reason", "finish_reasons", "stop_reason")
CUT_FINISHES = ("length", "max_tokens", "max_length")
LABELS = {
    **dict.fromkeys(("right", "correct", "true", "pass", "passed", "yes", "accepted", "solved"), RIGHT),
    **dict.fromkeys(("wrong", "incorrect", "false", "fail", "failed", "no", "rejected", "unsolved"), WRONG),
}
CONTEST_LANGUAGES = {1: "python2", 2: "cpp", 3: "python", 4: "java"}  # CodeContests' numbers
# A column of one model: "gpt4_response", "deepseek_attempt". What these begin with names no model.
_OF_A_MODEL = re.compile(r"(?P<who>\w+?)_(?:attempt|response|solution|generation|completion|output)")
NO_MODELS = {
    *(
        "reference",
        "canonical",
        "expected",
        "gold",
        "golden",
        "correct",
        "incorrect",
        "right",
        "wrong",
        "test",
        "tests",
        "sample",
        "ground_truth",
    ),
    *(
        "human",
        "official",
        "final",
        "input",
        "public",
        "private",
        "generated",
        "model",
        "original",
        "last",
        "best",
        "max",
        "num",
        "is",
        "has",
    ),
}


@dataclass(frozen=True, slots=True)
class Where:
    """Who wrote what the row does not say of: the column it stands in, in the file `file`, unless the task names somebody."""

    sampler: str = ""
    file: str = ""

    def who(self, fields: Fields, column: str) -> str:
        return text_field(fields, *MODEL_KEYS) or self.sampler or (f"{self.file}/{column}" if self.file else column)


def read_attempts(
    fields: Fields, judged: Judged, in_chat: Sequence[Mapping[str, Any]], with_reference: bool, where: Where
) -> list[Attempt]:
    """Every attempt of a row, numbered for each sampler in the order of the row; the source's own solutions are the last ones."""
    found = [*_labelled_columns(fields), *_lists(fields, judged, where), *_columns(fields, judged, where), *_models(fields)]
    found += [_sample(message, where.who(fields, "messages")) for message in in_chat]
    if not found:
        found += _thought_with_answer(fields, judged, where)
    found += _contest(fields, judged, with_reference)
    if with_reference:
        found += list(dict.fromkeys(_sample(told, SOURCE_SAMPLER) for told in _solutions(fields, judged)))
    counts: Counter[str] = Counter()
    numbered = []
    for attempt in found:
        numbered.append(replace(attempt, sample=counts[attempt.sampler]))
        counts[attempt.sampler] += 1
    return numbered


def bounded(attempt: Attempt, max_chars: int) -> Attempt:
    if len(attempt.text) <= max_chars:
        return attempt
    return replace(attempt, text="", cut=f"{len(attempt.text):,} characters, at most {max_chars:,} are read")


# ---- one sample


def label_of(told: Any) -> str:
    """right, wrong, or empty for what says neither."""
    if isinstance(told, str):
        return LABELS.get(told.strip().lower(), "")
    if isinstance(told, (bool, int, float)):
        return RIGHT if told == 1 else WRONG if told in (0, -1) else ""
    return ""


def with_thought(thought: str, text: str) -> str:
    """The text after its thought, as reasoning models write both."""
    return f"<think>\n{thought.strip()}\n</think>\n\n{text.strip()}" if thought.strip() and "</think>" not in text else text


def _sample(told: Any, sampler: str, label: Any = None, finish: Any = None) -> Attempt:
    """A text, an object with a text, or the messages of an answer."""
    if isinstance(told, str):
        return Attempt(told, sampler, label=label_of(label), cut=_cut(finish))
    if isinstance(told, list) and told:
        try:
            answers = [message for role, _, message in messages(told) if role == "assistant"]
        except Refused:
            answers = []
        return _sample(answers[-1], sampler, label, finish) if answers else _no_text(told, sampler, label)
    if not isinstance(told, Mapping):
        return _no_text(told, sampler, label)
    if isinstance(told.get("message"), Mapping):
        told = {**told, **told["message"]}
    text = next((told[key] for key in (*TEXT_KEYS, "value") if isinstance(told.get(key), str)), None)
    label = next((told[key] for key in LABEL_KEYS if told.get(key) is not None), label)
    sampler = text_field(told, *MODEL_KEYS) or sampler
    thought = text_field(told, *THOUGHT_COLUMNS)
    if text is None and not thought:
        return _no_text(told, sampler, label)
    cut = _cut(told.get(first_column(told, FINISH_KEYS), finish)) or ("" if text is not None else "a thought without an answer")
    return Attempt(with_thought(thought, text or ""), sampler, label=label_of(label), cut=cut)


def _no_text(told: Any, sampler: str, label: Any) -> Attempt:
    return Attempt("", sampler, label=label_of(label), cut=f"the sample is {shown(told)}, no text")


def _cut(finish: Any) -> str:
    return f"cut by its source: {finish}" if isinstance(finish, str) and finish.lower() in CUT_FINISHES else ""


# ---- where samples stand


def _labelled_columns(fields: Fields) -> Iterator[Attempt]:
    """Columns that are samplers, each with an object of a text and its label (GSM8K's model solutions)."""
    for name, told in fields.items():
        if isinstance(told, Mapping) and any(key in told for key in LABEL_KEYS) and any(key in told for key in TEXT_KEYS):
            yield _sample(told, name)


def _lists(fields: Fields, judged: Judged, where: Where) -> Iterator[Attempt]:
    """Lists of samples, with lists of labels beside them; or one sample; or samples by the name of their model."""
    for name in LIST_COLUMNS:
        if name not in fields or name in judged.used:
            continue
        told, who = _listed(fields[name]), where.who(fields, name)
        if isinstance(told, Mapping) and not any(key in told for key in TEXT_KEYS):
            yield from (_sample(sample, str(model)) for model, sample in told.items())
        elif isinstance(told, (str, Mapping)):
            yield _sample(told, who, _row_label(fields, judged))
        elif isinstance(told, list):
            beside = {key: value for key in (*LISTED_LABELS, *FINISH_KEYS) if (value := _beside(fields.get(key), told)) is not None}
            labels = next((beside[key] for key in LISTED_LABELS if key in beside), [None] * len(told))
            ends = next((beside[key] for key in FINISH_KEYS if key in beside), [None] * len(told))
            yield from (_sample(sample, who, label, finish) for sample, label, finish in zip(told, labels, ends, strict=True))


def _listed(told: Any) -> Any:
    """A list that stands as JSON in a text; a text that is JSON of something else (calls) is a sample itself."""
    read = as_json(told)
    if isinstance(told, str) and not (isinstance(read, list) and all(isinstance(one, str) for one in read)):
        return told
    return read


def _beside(value: Any, samples: Sequence[Any]) -> list[Any] | None:
    """A list as long as that of the samples."""
    read = as_json(value)
    return read if isinstance(read, list) and len(read) == len(samples) else None


def _row_label(fields: Fields, judged: Judged) -> Any:
    return next(
        (fields[key] for key in LABEL_KEYS if isinstance(fields.get(key), (bool, int, float, str)) and key not in judged.used), None
    )


def _sample_columns(fields: Fields, judged: Judged) -> list[str]:
    """Columns of a single sample; a number there (the sample's own, of how many) is none."""
    names = [name for name in SAMPLE_COLUMNS if name not in judged.used and isinstance(fields.get(name), (str, list, Mapping))]
    if "content" in fields and is_text(fields.get("reasoning_content")):
        names.append("content")
    if not names and isinstance(fields.get("solution"), str) and _is_attempt(fields):
        names.append("solution")
    return names


def _is_attempt(fields: Fields) -> bool:
    """Whether the row's `solution` is an attempt: the row says whether it is right, or has a solution of its own beside it."""
    return any(isinstance(fields.get(key), bool) for key in LABEL_KEYS) or any(is_text(fields.get(name)) for name in SOLUTION_COLUMNS[:3])


def _columns(fields: Fields, judged: Judged, where: Where) -> Iterator[Attempt]:
    names = _sample_columns(fields, judged)
    label = _row_label(fields, judged) if len(names) == 1 else None
    thought = text_field(fields, *THOUGHT_COLUMNS)
    for name in names:
        attempt = _sample(fields[name], where.who(fields, name), label, fields.get(first_column(fields, FINISH_KEYS)))
        yield replace(attempt, text=with_thought(thought, attempt.text)) if len(names) == 1 else attempt


def _models(fields: Fields) -> Iterator[Attempt]:
    """Columns that bear a model's name, with its thought and its label where there are columns of those."""
    for name, told in fields.items():
        found = _OF_A_MODEL.fullmatch(name)
        if found is None or found["who"] in NO_MODELS or name in (*SAMPLE_COLUMNS, *SOLUTION_COLUMNS) or not isinstance(told, str):
            continue
        own = {key.removeprefix(f"{found['who']}_"): value for key, value in fields.items() if key.startswith(f"{found['who']}_")}
        label = next((own[key] for key in LABEL_KEYS if own.get(key) is not None), None)
        attempt = _sample(told, found["who"], label, own.get(first_column(own, FINISH_KEYS)))
        yield replace(attempt, text=with_thought(text_field(own, *THOUGHT_COLUMNS), attempt.text))


def _thought_with_answer(fields: Fields, judged: Judged, where: Where) -> Iterator[Attempt]:
    """A thought in a column of its own, whose answer is the row's."""
    name = first_column(fields, THOUGHT_COLUMNS)
    answers = [fields[used] for used in ("answer", "final_answer") if is_text(fields.get(used))]
    if is_text(fields.get(name)) and answers:
        yield Attempt(with_thought(fields[name], answers[0]), where.who(fields, name))


def _contest(fields: Fields, judged: Judged, with_reference: bool) -> Iterator[Attempt]:
    """Right and wrong programs with their languages (CodeContests); one in another language than the problem's is no whole attempt at it."""
    wanted = judged.judged_by.get("language", "")
    for name, label in (("solutions", RIGHT), ("incorrect_solutions", WRONG)):
        told = as_json(fields.get(name))
        if isinstance(told, list) and name == "incorrect_solutions":
            yield from (_sample(program, name, label) for program in told)
        languages = _beside(told.get("language"), told.get("solution") or []) if isinstance(told, Mapping) else None
        if languages is None or (label == RIGHT and not with_reference):
            continue
        for language, program in zip(languages, told["solution"], strict=True):
            known = CONTEST_LANGUAGES.get(language) if isinstance(language, int) else LANGUAGES.get(str(language).lower())
            attempt = _sample(program, SOURCE_SAMPLER if label == RIGHT else name, label)
            yield attempt if known == wanted else replace(attempt, cut=f"a program in {known or shown(language)}, expected {wanted}")


# ---- the source's own solutions


def _solutions(fields: Fields, judged: Judged) -> Iterator[Any]:
    yield from judged.solutions
    names = [name for name in SOLUTION_COLUMNS if name not in judged.used and (name != "code" or judged.verifier == CODE)]
    if "solution" not in _sample_columns(fields, judged):
        names.append("solution")
    for name in ("solutions", *names):
        told = as_json(fields.get(name)) if name == "solutions" else fields.get(name)
        if isinstance(told, list):
            yield from told
        elif is_text(told):
            yield told
