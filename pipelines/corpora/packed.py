"""`packed`: text corpora as sequences of one length (stages L1, L2, R1).

Source: best-fit packing as in Ding et al. 2024 (https://arxiv.org/abs/2404.10830); position ids start anew in every piece and
segment ids keep attention inside it, so that a packed batch computes what its records would compute alone.
"""

from __future__ import annotations

from typing import Any

from pipelines.corpus_source import CorpusSource, open_corpus
from pipelines.packing import pack_recipe
from pipelines.recipe import Recipe
from pipelines.stage import Earlier, Stage, only
from pipelines.step import each
from processors.contract import Contract
from processors.dialogue import TextTask

WHOLE_DOCUMENT_TOKENS = 10_000_000  # a document is cut into sequences, so that its own length is bounded by memory alone


def packed(
    source: Any,
    *,
    context_tokens: int = 4_096,  # the model's original context; 65,536 and 131,072 for the long-context phases
    group_tokens: int = 0,  # tokens that are packed together; 0 chooses by the context. More lose less room and take more memory
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Documents or text conversations -> sequences of `context_tokens` with labels, position ids and segment ids."""
    if isinstance(source, CorpusSource):
        return only(pack_recipe("packed", source, context_tokens, group_tokens, seed))
    documents = Recipe(
        name="packed.documents",
        title="Texts before they are packed",
        source=source,
        steps=(each(TextTask()), each(Contract(WHOLE_DOCUMENT_TOKENS))),
        seed=seed,
    )

    def joined(earlier: Earlier) -> Recipe:
        return pack_recipe("packed", open_corpus(earlier.corpus), context_tokens, group_tokens, seed)

    return (Stage(documents.name, lambda _: documents), Stage("packed", joined))
