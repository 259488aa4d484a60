"""`cot_sft`: a chosen number of reasoned answers, over domains and difficulty, to fine-tune on (stage R2).

Source: arXiv 2503.01743, section 3.1.3: about 200,000 curated samples of diverse domains and difficulty, after pre-training on reasoning. How they
were curated is not told; shares, difficulty by pass ratio and the bound of attempts a problem are this project's.
"""

from __future__ import annotations

from typing import Any

from pipelines.attempt_stages import Attempts, Judging, Sampling, on_pool
from pipelines.corpus_source import CorpusSource, open_corpus
from pipelines.distinct import drop_copies
from pipelines.endpoint_groups import Endpoint
from pipelines.reasoning_groups import Dress, Rejection
from pipelines.recipe import Recipe
from pipelines.selection import Spread, keep_selected, select_exactly, selection_report
from pipelines.stage import Earlier, Stage
from pipelines.step import each
from processors.attempts.write_calls import WriteCalls
from processors.tasks.record_digest import RECORD_DIGEST
from schemas.corpus import Corpus

NAME = "cot_sft"


def cot_sft(
    source: Any,
    *,
    n: int = 200_000,  # conversations that the corpus has exactly; 0 takes all
    sampling: Sampling = Sampling(),
    judging: Judging = Judging(),
    endpoint: Endpoint = Endpoint(),
    rejection: Rejection = Rejection(),
    dress: Dress = Dress(),
    spread: Spread = Spread(),
    fewer: str = "note",  # fail: a corpus that cannot have n conversations is not built
    max_tokens: int = 131_072,
    seed: int = 0,
) -> tuple[Stage, ...]:
    """A pool of attempts, or problems -> exactly `n` conversations with right and sound answers, spread over domains and difficulty."""

    def told(pool: CorpusSource, earlier: Earlier) -> Recipe:
        return Recipe(
            name=f"{NAME}.told",
            title="Right and sound attempts, before copies are taken out",
            source=pool,
            steps=(*rejection.steps(earlier, dress), each(WriteCalls())),
            seed=seed,
        )

    def chosen(earlier: Earlier) -> Recipe:
        selected = select_exactly(Corpus(earlier.corpus), n, earlier.folder, earlier.compute, spread, seed, fewer=fewer)
        return Recipe(
            name=NAME,
            title="Problems with a thought and its answer, over domains and difficulty",
            source=open_corpus(earlier.corpus),
            steps=(each(keep_selected(selected)),),
            seed=seed,
            notes=f"A right answer does not prove that every step to it is right. {selection_report(selected)['note']}".strip(),
        )

    return (
        *Attempts(sampling, judging, endpoint, max_tokens, seed).stages(source, NAME, f"{NAME}.attempts"),
        Stage(f"{NAME}.told", on_pool(source, told)),
        drop_copies(f"{NAME}.candidates", RECORD_DIGEST, "Right and sound attempts, each once", max_tokens, seed=seed),
        Stage(NAME, chosen),
    )
