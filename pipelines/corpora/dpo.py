"""`dpo`: a prompt with a preferred and a dis-preferred answer, to align on (stages R3 and L2).

Source: arXiv 2503.01743, section 3.1.3: about 300,000 pairs of roll-outs, wrong ones dis-preferred and corrected ones preferred; the labels
come from checks of correctness, not from people. Pairs that people voted on are read too (`pairs = "votes"`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.attempt_stages import Attempts, Judging, Sampling, on_pool
from pipelines.benchmarks import without_benchmarks
from pipelines.corpus_source import CorpusSource
from pipelines.distinct import drop_copies
from pipelines.endpoint_groups import Endpoint
from pipelines.grouped import group
from pipelines.reasoning_groups import Dress
from pipelines.recipe import Recipe
from pipelines.stage import Earlier, Stage
from pipelines.step import Step, each, gather
from processors.attempts.keep import KeepThought
from processors.attempts.pairs import PairAttempts
from processors.attempts.problem import PROBLEM
from processors.attempts.thought import MeasureThought
from processors.attempts.write_calls import WriteCalls
from processors.contract import CONTRACT_FACTS
from processors.forget import Forget
from processors.tasks.preference import KeepMargin, KeepPair, PreferenceTask
from processors.tasks.record_digest import RECORD_DIGEST, DigestRecord
from processors.tasks.scored_rows import PROMPT_DIGEST, MarkScored, PairScored

NAME = "dpo"
ATTEMPTS, VOTES, SCORES = "attempts", "votes", "scores"
TITLE = "Prompts with a preferred and a dis-preferred answer"


@dataclass(frozen=True, slots=True)
class Pairing:
    """Which attempts at a problem make pairs; see processors/attempts/pairs.py."""

    per_problem: int = 4
    choose: str = "balanced"  # all: any attempt in any number of pairs; hardest: those whose sides are most alike
    max_uses: int = 1  # of one attempt; 0 is without a bound. Has no say where choose is all
    max_pass_ratio: float = 1.0  # of problems; what is solved nearly always has few wrong attempts that tell anything
    pair_rounds: str = "all"  # last: only wrong attempts of the newest round are rejected
    rejected_samplers: tuple[str, ...] = ()  # whose wrong attempts are rejected: those of the model that is to learn; empty: all
    same_sampler: bool = False  # both sides by one model, so that style does not tell them apart
    unanswered: bool = False  # wrong attempts without an answer may be rejected


def dpo(
    source: Any,
    *,
    pairs: str = ATTEMPTS,  # votes: rows with two answers or more and votes, scores or a choice; scores: rows of one answer and its score
    sampling: Sampling = Sampling(),
    judging: Judging = Judging(),
    endpoint: Endpoint = Endpoint(),
    pairing: Pairing = Pairing(),
    dress: Dress = Dress(),
    min_margin: float = 0.0,  # of votes and scores, in the units of their source
    max_similarity_ratio: float = 0.95,  # of the two answers' word pairs; above it they differ in a word or two
    max_length_ratio: float = 3.0,  # of the longer answer to the shorter one; else length is what is learned. 0 is without a bound
    benchmarks: tuple[Path, ...] = (),  # files or folders whose problems must not be in the corpus
    max_tokens: int = 131_072,
    seed: int = 0,
) -> tuple[Stage, ...]:
    """A pool of attempts, or problems, or rows with votes -> preferences whose chosen side is right, or was voted for."""
    if pairs not in (ATTEMPTS, VOTES, SCORES):
        raise ValueError(f"dpo pairs is {pairs!r}, expected {ATTEMPTS}, {VOTES} or {SCORES}")

    def checked(earlier: Earlier) -> tuple[Step, ...]:
        return (*without_benchmarks(benchmarks, earlier), each(DigestRecord()))

    def voted(earlier: Earlier) -> Recipe:
        read = (each(PreferenceTask()),) if pairs == VOTES else (each(MarkScored()), gather(PairScored(), by=PROMPT_DIGEST))
        return Recipe(
            name=f"{NAME}.voted",
            title="Pairs that people or models chose from, before copies are taken out",
            source=source,
            steps=(*read, each(KeepMargin(min_margin)), each(KeepPair(max_similarity_ratio, max_length_ratio)), *checked(earlier)),
            seed=seed,
        )

    def paired(pool: CorpusSource, earlier: Earlier) -> Recipe:
        pair = PairAttempts(
            pairing.per_problem,
            pairing.choose,
            pairing.max_uses,
            max_similarity_ratio,
            max_length_ratio,
            pairing.max_pass_ratio,
            pairing.pair_rounds,
            pairing.rejected_samplers,
            pairing.same_sampler,
            pairing.unanswered,
            seed,
        )
        return Recipe(
            name=f"{NAME}.paired",
            title="Pairs of a right and a wrong attempt, before copies are taken out",
            source=group([pool], PROBLEM, earlier.folder, earlier.compute),
            steps=(
                each(Forget(CONTRACT_FACTS)),  # of the pool's texts, which change here
                dress.step(),
                each(MeasureThought()),
                each(KeepThought(only_right=True)),
                gather(pair, by=PROBLEM),
                *checked(earlier),
                each(WriteCalls()),
            ),
            seed=seed,
        )

    if pairs != ATTEMPTS:
        return (
            Stage(f"{NAME}.voted", voted),
            drop_copies(NAME, RECORD_DIGEST, TITLE, max_tokens, "Nobody checked what was voted for.", seed),
        )
    notes = "Chosen answers are right by the verifier that each row names; a right answer does not prove that every step to it is right."
    return (
        *Attempts(sampling, judging, endpoint, max_tokens, seed).stages(source, NAME, f"{NAME}.attempts"),
        Stage(f"{NAME}.paired", on_pool(source, paired)),
        drop_copies(NAME, RECORD_DIGEST, TITLE, max_tokens, notes, seed),
    )
