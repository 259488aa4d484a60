"""Groups of parameters that the corpora made from a pool of attempts share, each with its steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.benchmarks import without_benchmarks
from pipelines.stage import Earlier
from pipelines.step import Step, each
from processors.attempts.clean import CleanAttempt
from processors.attempts.keep import KeepDifficulty, KeepRight, KeepThought
from processors.attempts.thought import MeasureThought
from processors.contract import CONTRACT_FACTS
from processors.forget import Forget
from processors.tasks.record_digest import DigestRecord


@dataclass(frozen=True, slots=True)
class Dress:
    """How attempts are written where they are learned from; numbers and steps stay as they are."""

    final: str = "as_written"  # boxed: the final answer as \\boxed{}; sentence: as a sentence that names it
    thought_form: str = "as_written"  # think_tags: the thought between <think> and </think>, the answer after it; plain: without tags

    def step(self) -> Step:
        return each(CleanAttempt(final=self.final, thought_form=self.thought_form))


@dataclass(frozen=True, slots=True)
class Rejection:
    """Which attempts may be learned from: right ones, whose thought is whole, of problems that are neither solved always nor never."""

    allow_undecided: bool = False  # attempts that the verifier could not tell; for sources without references
    min_pass_ratio: float = 0.0  # of a problem's attempts; harder problems are refused
    max_pass_ratio: float = 1.0  # easier ones; 0.9 leaves out what is solved nearly always
    min_thought_words: int = 5  # shorter texts state an answer and no thought
    max_thought_words: int = 0  # 0 is without a bound
    max_repeated_ratio: float = 0.0  # of its words in a loop
    same_language: bool = True  # thought and problem, where both have prose enough to tell
    max_mixed_ratio: float = 0.002  # of letters in other scripts than the problem's
    benchmarks: tuple[Path, ...] = ()  # files or folders whose problems must not be in the corpus
    benchmark_hits: str = "reject"  # or mark: the hits are facts of the row

    def steps(self, earlier: Earlier, dress: Dress) -> tuple[Step, ...]:
        return (
            each(Forget(CONTRACT_FACTS)),  # of the pool's texts, which change here
            each(KeepRight(self.allow_undecided)),
            each(KeepDifficulty(self.min_pass_ratio, self.max_pass_ratio)),
            dress.step(),
            each(MeasureThought()),
            each(
                KeepThought(
                    self.min_thought_words, self.max_thought_words, self.max_mixed_ratio, self.max_repeated_ratio, self.same_language
                )
            ),
            *without_benchmarks(self.benchmarks, earlier, self.benchmark_hits),
            each(DigestRecord()),
        )
