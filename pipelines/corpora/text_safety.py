"""`text_safety`: prompts, harmful and harmless, with safe answers, or with a safe answer and a worse one (language post-training).

Source: arXiv 2503.01743, section on safety: helpfulness and harmlessness preference sets and sets of the makers' own, in the
languages of the first tier. Harmful prompts are declined or redirected, harmless look-alikes are helped. Two stages, since a row
can come twice.
"""

from __future__ import annotations

from typing import Any

from pipelines.distinct import distinct
from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import Recipe
from pipelines.stage import Stage
from pipelines.step import Step, each
from pipelines.writing import write_steps
from processors.anonymise import ScrubPersonalData
from processors.tasks.preference import KeepPair
from processors.tasks.record_digest import RECORD_DIGEST, DigestRecord
from processors.tasks.safety import KeepSafe
from processors.tasks.safety_posts import SafetyTemplates
from processors.tasks.text_safety import SafetyConversationTask, SafetyPreferenceTask, SafetyReading, SafetyWriting


def text_safety(
    source: Any,
    *,
    form: str = "sft",  # sft: the safe answer is learned; preference: a pair, the safe answer chosen
    writer: str = "templates",  # given; templates: also refusals where a harmful prompt has no response, and answers about labelled posts
    endpoint: Endpoint = Endpoint(),
    language: str = "en",  # of rows that state none
    prompts: str = "stated",  # harmful, harmless: what all prompts are whose row says nothing (HH harmless-base: harmful)
    prefer: str = "safer",  # safer, better: which of two verdicts chooses where a row has both (PKU-SafeRLHF)
    max_similarity_ratio: float = 0.95,  # of a pair's word pairs; above it the answers differ in a word or two
    max_length_ratio: float = 0.0,  # of the longer answer to the shorter one; 0 keeps all, since a refusal is short
    personal_data: str = "scrub",
    max_tokens: int = 131_072,
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Safety rows -> conversations or preferences with safe answers; checked, without exact duplicates."""
    if form not in ("sft", "preference"):
        raise ValueError(f"text_safety form is {form!r}, expected sft or preference")
    reading = SafetyReading(language, prompts, prefer)
    paired: tuple[Step, ...] = (each(KeepPair(max_similarity_ratio, max_length_ratio)),) if form == "preference" else ()
    made = Recipe(
        name="text_safety.made",
        title="Safety rows before exact duplicates are taken out",
        source=source,
        steps=(
            *write_steps(writer, SafetyTemplates(language, seed), SafetyWriting(), endpoint),
            each(SafetyPreferenceTask(reading) if form == "preference" else SafetyConversationTask(reading)),
            each(KeepSafe()),
            *paired,
            each(ScrubPersonalData(personal_data)),
            each(DigestRecord()),
        ),
        seed=seed,
    )

    return distinct(
        made,
        RECORD_DIGEST,
        "Prompts, harmful and harmless, with safe answers",
        max_tokens,
        "Whether an answer declines is told by its wording; what it says beyond that is not judged.",
    )
