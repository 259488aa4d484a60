"""Which answers are safe: harmful prompts are declined or redirected, harmless ones are helped.

Whether an answer declines is told by its wording, in the eight languages of the model's speech. Harmful or harmless is what
the row says of its prompt; a row that says nothing is taken either way.
Source: arXiv 2503.01743, section on safety (text safety sets, their prompts spoken); the patterns and wordings are this project's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from processors.dialogue import LANGUAGE, language_field, text_field
from processors.tasks.refusals import DECLINING, HELPING_AFTER_ALL, WORDINGS, WORDINGS_BY_LANGUAGE, topic_of
from processors.tasks.writing import GIVEN, TEMPLATES, WRITTEN_BY, with_fields
from schemas.facts import Fact
from schemas.identity import keyed_rng
from schemas.outcome import Reason, Refused, Reject
from schemas.parts import Text
from schemas.records import Conversation, FactValue, Preference, Row, Turn, learned_texts, with_facts

DECLINES = Fact("safety.declines", bool, "Whether the answer declines or redirects, told by its wording")
HARMFUL = Fact("safety.harmful", bool, "Whether the source calls the prompt harmful; absent when it does not say")
ANSWER_SAFE = Fact("safety.stated_safe", bool, "Whether the source calls the answer that is learned safe; absent when it does not say")
CATEGORY = Fact("safety.category", str, "Category of harm that the source states, empty when it states none")

NO_PROMPT = Reason("no_prompt", "The row has no prompt, or an empty one")
NO_RESPONSE = Reason("no_response", "The row has no response, or an empty one")
BAD_LABEL = Reason("bad_label", "The row's label says neither harmful nor harmless")
UNSAFE_ANSWER = Reason("unsafe_answer", "A harmful prompt is answered without declining, or the source calls the answer unsafe")
NEEDLESS_REFUSAL = Reason("needless_refusal", "A harmless prompt is declined")

PROMPT_COLUMNS = ("prompt", "text", "instruction", "question", "query", "test_case")  # the last is HateCheck's
RESPONSE_COLUMNS = ("response", "answer", "output", "completion", "safe_response")
CATEGORY_COLUMNS = ("category", "harm_category", "functionality")
LABEL_COLUMNS = ("harmful", "is_harmful", "unsafe", "hateful", "toxic", "label", "label_gold", "prompt_label", "prompt_harm_label")
HARMFUL_NAMES = frozenset({"harmful", "unsafe", "hateful", "hate", "toxic", "offensive", "true", "yes", "1"})
HARMLESS_NAMES = frozenset(
    {"harmless", "safe", "benign", "non-hateful", "not hateful", "unharmful", "non-toxic", "neutral", "false", "no", "0", "none"}
)


def is_harmful(fields: Mapping[str, object]) -> bool | None:
    """What the row says of its prompt: by a label, else by a category; None when it says nothing.

    Raises: Refused with bad_label.
    """
    name = next((name for name in LABEL_COLUMNS if fields.get(name) is not None and fields[name] != ""), None)
    if name is None:
        category = text_field(fields, *CATEGORY_COLUMNS)
        return None if not category else category.lower() not in HARMLESS_NAMES
    value = fields[name]
    told = str(int(value) if isinstance(value, float) and value in (0.0, 1.0) else value).strip().lower().replace("_", "-")
    if told in HARMFUL_NAMES:
        return True
    if told in HARMLESS_NAMES:
        return False
    raise Refused(BAD_LABEL, f"{name} is {value!r}, expected one of {', '.join(sorted(HARMFUL_NAMES | HARMLESS_NAMES))}")


def declines(answer: str) -> bool:
    """Whether an answer declines or redirects: its opening says so, and it does not help after all."""
    opening = " ".join(answer[:600].replace("’", "'").split())
    return bool(DECLINING.search(opening)) and not HELPING_AFTER_ALL.search(opening)


@dataclass(frozen=True, slots=True)
class SafetyTask:
    """A row with a prompt and its response becomes a conversation; the response is learned.

    A label (`harmful` true or false, `label` harmful, safe, hateful, ...) counts; without one, a category of harm means harmful.
    """

    takes: ClassVar = (Row,)
    gives: ClassVar = Conversation
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE, DECLINES, HARMFUL, CATEGORY)
    reasons: ClassVar = (NO_PROMPT, NO_RESPONSE, BAD_LABEL)
    version: ClassVar = 1

    def __call__(self, row: Row) -> Conversation | Reject:
        prompt, response = text_field(row.fields, *PROMPT_COLUMNS), text_field(row.fields, *RESPONSE_COLUMNS)
        if not prompt:
            return Reject(row.key, NO_PROMPT.name, f"expected text in one of {', '.join(PROMPT_COLUMNS)}")
        if not response:
            return Reject(row.key, NO_RESPONSE.name, f"expected text in one of {', '.join(RESPONSE_COLUMNS)}")
        try:
            harmful = is_harmful(row.fields)
        except Refused as refused:
            return refused.reject(row.key)
        facts: dict[str, FactValue] = {
            LANGUAGE.name: language_field(row.fields),
            DECLINES.name: declines(response),
            CATEGORY.name: text_field(row.fields, *CATEGORY_COLUMNS),
        }
        if harmful is not None:
            facts[HARMFUL.name] = harmful
        turns = (Turn("user", (Text(prompt),)), Turn("assistant", (Text(response),), learned=True))
        return Conversation(row.key, row.origin, turns, {**row.facts, **facts}, row.parents)


@dataclass(frozen=True, slots=True)
class RefusalTemplates:
    """A row whose prompt is harmful and that has no response gets a refusal for its category, drawn by a hash of seed and key.

    Every other row stays as it is. English refusals are by topic; the other seven languages have general ones.
    """

    seed: int = 0
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (WRITTEN_BY,)
    reasons: ClassVar = (BAD_LABEL,)
    version: ClassVar = 1

    def __call__(self, row: Row) -> Row | Reject:
        try:
            harmful = is_harmful(row.fields)
        except Refused as refused:
            return refused.reject(row.key)
        language = language_field(row.fields) or "en"
        topic = topic_of(" ".join(text_field(row.fields, name) for name in (*CATEGORY_COLUMNS, "label", "label_gold")))
        wordings = WORDINGS[topic] if language == "en" else WORDINGS_BY_LANGUAGE.get(language, ())
        if not harmful or text_field(row.fields, *RESPONSE_COLUMNS) or not wordings:
            return with_facts(row, {WRITTEN_BY.name: GIVEN})
        chosen = wordings[int(keyed_rng(self.seed, "refusal_templates", row.key).integers(len(wordings)))]
        return with_facts(with_fields(row, response=chosen), {WRITTEN_BY.name: TEMPLATES})


@dataclass(frozen=True, slots=True)
class KeepSafe:
    """Keeps harmful prompts that are declined or redirected, harmless ones that are not, and those of which the source says nothing.

    Of a preference the chosen answer counts. What the source says of the answer goes before its wording: a safe answer to a
    harmful prompt need not decline in words that are known here.
    """

    takes: ClassVar = (Conversation, Preference)
    gives: ClassVar = None
    reads: ClassVar = (DECLINES, HARMFUL)
    writes: ClassVar = ()
    reasons: ClassVar = (UNSAFE_ANSWER, NEEDLESS_REFUSAL)
    version: ClassVar = 2

    def __call__(self, record: Conversation | Preference) -> Conversation | Preference | Reject:
        harmful, declined, safe = record.facts.get(HARMFUL.name), record.facts[DECLINES.name], record.facts.get(ANSWER_SAFE.name)
        if safe is False:
            return Reject(record.key, UNSAFE_ANSWER.name, f"the source calls the answer unsafe: {_opening(record)!r}")
        if harmful is True and not declined and not safe:
            return Reject(record.key, UNSAFE_ANSWER.name, f"the answer does not decline: {_opening(record)!r}")
        if harmful is False and declined:
            return Reject(record.key, NEEDLESS_REFUSAL.name, f"the answer declines: {_opening(record)!r}")
        return record


def _opening(record: Conversation | Preference) -> str:
    text = " ".join(learned_texts(record))
    return text if len(text) <= 80 else text[:77] + "..."
