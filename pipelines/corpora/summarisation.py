"""`summarisation`: documents and meetings with requests and their summaries (language post-training).

Source: arXiv 2503.01743, section on language post-training data, which names summarisation beside function calling and code; the
report gives no more, so forms and checks are this project's. Two stages, since a row can come twice: the first makes and checks
the conversations, the second refuses all but one copy of each.
"""

from __future__ import annotations

from typing import Any

from pipelines.distinct import distinct
from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import Recipe
from pipelines.stage import Stage
from pipelines.step import each, expand
from pipelines.writing import write_steps
from processors.anonymise import ScrubPersonalData
from processors.tasks.document_summary import DocumentTask, DocumentWriting
from processors.tasks.record_digest import RECORD_DIGEST
from processors.tasks.summary import SummaryStyle
from processors.tasks.summary_quality import KeepDocumentSummary


def summarisation(
    source: Any,
    *,
    writer: str = "given",  # given: summaries of the rows; openai: a served model writes requests and summaries
    endpoint: Endpoint = Endpoint(),
    num_queries: int = 3,  # that a model writes for a row
    style_ratio: float = 0.5,  # of requests that ask for no length and form yet, those that get such an instruction
    max_tokens: int = 131_072,  # over it a meeting is shown in part, around what its query needs; a document is refused
    min_support_ratio: float = 0.6,  # of the summary's telling words: 97 % of human ones have it, half of those of other meetings not
    min_passage_ratio: float = 0.35,  # in one passage a sentence: 98 % of human ones, 4 to 22 % of those of other meetings
    min_sentence_ratio: float = 0.5,  # of the weakest sentence; 95 % of human ones have it, a third to two thirds of sentences put in
    max_unsupported: int = 0,  # numbers, dates and names that the source has not; sums that the writer made count too
    min_words: int = 3,  # a shorter answer says a name or a number and is no summary
    max_words: int = 2_000,
    max_length_ratio: float = 0.8,  # of the source's characters; a longer text is the source told anew
    max_lead_ratio: float = 0.9,  # of the summary that is the source's beginning: cut, not written
    personal_data: str = "scrub",  # e-mail addresses, numbers and the like; names stay, since news is about people
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Documents and meetings with summaries -> request and source, the summary learned; checked, without exact duplicates."""
    made = Recipe(
        name="summarisation.made",
        title="Summaries before exact duplicates are taken out",
        source=source,
        steps=(
            *write_steps(writer, writing=DocumentWriting(num_queries), endpoint=endpoint),
            expand(DocumentTask(max_tokens, seed)),
            each(SummaryStyle(seed, style_ratio)),
            each(
                KeepDocumentSummary(
                    min_support_ratio,
                    min_passage_ratio,
                    min_sentence_ratio,
                    max_unsupported,
                    min_words,
                    max_words,
                    max_length_ratio,
                    max_lead_ratio,
                )
            ),
            each(ScrubPersonalData(personal_data)),
        ),
        seed=seed,
    )

    return distinct(
        made,
        RECORD_DIGEST,
        "Documents and meetings with requests for a summary and their summaries",
        max_tokens,
        "Support is a check of words, numbers, dates and names, not of meaning: who did what to whom can be told wrongly.",
    )
