"""`cot_pretrain`: problem, thought and answer as documents, to pre-train reasoning on (stage R1).

Source: arXiv 2503.01743, section 3.1.3: about 60 billion tokens sampled from strong reasoning models, kept by rejection sampling, by rules and by
models; wrong outputs are fed back for sampling again (see `attempts`). Every attempt that is right and sound is taken, several of a problem too.
"""

from __future__ import annotations

from typing import Any

from pipelines.attempt_stages import Attempts, Judging, Sampling, on_pool
from pipelines.corpus_source import CorpusSource, open_corpus
from pipelines.distinct import drop_copies
from pipelines.endpoint_groups import Endpoint
from pipelines.packing import pack_recipe
from pipelines.reasoning_groups import Dress, Rejection
from pipelines.recipe import Recipe
from pipelines.stage import Earlier, Stage
from pipelines.step import each
from processors.attempts.document import CotDocument
from processors.tasks.record_digest import RECORD_DIGEST

NAME = "cot_pretrain"


def cot_pretrain(
    source: Any,
    *,
    sampling: Sampling = Sampling(),
    judging: Judging = Judging(),
    endpoint: Endpoint = Endpoint(),
    rejection: Rejection = Rejection(),
    dress: Dress = Dress(),
    framing: str = "plain",
    context_tokens: int = 0,  # over 0: the documents packed into sequences of this length; 0 leaves them, for `corpusmill pack`
    max_tokens: int = 131_072,
    seed: int = 0,
) -> tuple[Stage, ...]:
    """A pool of attempts, or problems -> documents of problem, thought and answer; right ones, sound, without copies; packed if asked."""

    def told(pool: CorpusSource, earlier: Earlier) -> Recipe:
        return Recipe(
            name=f"{NAME}.told",
            title="Right and sound attempts as documents, before copies are taken out",
            source=pool,
            steps=(*rejection.steps(earlier, dress), each(CotDocument(framing, seed))),
            seed=seed,
        )

    def packed(earlier: Earlier) -> Recipe:
        return pack_recipe(NAME, open_corpus(earlier.corpus), context_tokens, seed=seed)

    documents = f"{NAME}.documents" if context_tokens else NAME
    title, notes = "Problems with a thought and its answer, as text", "A right answer does not prove that every step to it is right."
    return (
        *Attempts(sampling, judging, endpoint, max_tokens, seed).stages(source, NAME, f"{NAME}.attempts"),
        Stage(f"{NAME}.told", on_pool(source, told)),
        drop_copies(documents, RECORD_DIGEST, title, max_tokens, notes, seed),
        *((Stage(NAME, packed),) if context_tokens else ()),
    )
