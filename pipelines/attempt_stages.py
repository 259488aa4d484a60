"""From problems to a pool of attempts: the stages that every corpus of reasoning begins with, and the parameters that decide them.

A pool that was built once feeds all of them: given as the source, it is read as it is, and nothing is sampled or judged again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pipelines.corpus_source import CorpusSource, open_corpus
from pipelines.endpoint_groups import Endpoint
from pipelines.grouped import corpora_of, group
from pipelines.recipe import PlanError, Recipe
from pipelines.sandbox.engine import SandboxEngine
from pipelines.stage import Earlier, Stage
from pipelines.step import Step, ask, each, expand, gather
from processors.attempts.judge import JudgeAttempts
from processors.attempts.measure import MeasurePool
from processors.attempts.problem import PROBLEM
from processors.attempts.read import ProblemTask
from processors.attempts.run_tests import RunTests
from processors.attempts.sample import SampleAttempts
from processors.attempts.tell import TellAttempts
from processors.attempts.verify import VerifyAttempts
from processors.contract import Contract

GIVEN, OPENAI = "given", "openai"
NOBODY, OPEN, UNDECIDED = "none", "judge", "undecided"
NUM_ROWS = 64  # problems of a call to a model: several calls are under way at once
NUM_PROGRAM_ROWS = 32  # problems whose programs run in one call


@dataclass(frozen=True, slots=True)
class Sampling:
    """Where attempts come from. `given`: the rows' own samples; `openai`: a served model is asked, beside what rows have."""

    sampler: str = GIVEN
    num_samples: int = 8  # of each problem in the first round; 4 to 64 are usual, more where problems are hard
    rounds: int = 1  # of sampling again what has too few right attempts
    min_right: int = 1  # attempts that a problem needs to be left alone in the next round
    max_samples: int = 32  # of a problem, over all rounds
    feedback: str = "none"  # wrong_attempt: the next round shows a wrong attempt and asks for a corrected one
    max_attempt_tokens: int = 8_192  # of one reply; longer ones are cut, and kept as cut
    reference_solutions: bool = True  # the source's own worked solution is an attempt too

    def __post_init__(self) -> None:
        if self.sampler not in (GIVEN, OPENAI):
            raise ValueError(f"sampler is {self.sampler!r}, expected {GIVEN} or {OPENAI}")
        if self.rounds < 0 or self.num_samples < 1:
            raise ValueError(f"rounds is {self.rounds} and num_samples {self.num_samples}, expected 0 and 1 or more")


@dataclass(frozen=True, slots=True)
class Judging:
    """How attempts are judged. Rules come first; a model judges where they cannot, when it is asked to."""

    verifier: str = "auto"  # by the row: maths, choice, exact, regex, code, calls, judge, none
    domain: str = "auto"  # by the row: maths, code, logic, tools, other
    columns: tuple[str, ...] = ()  # "name=column" where a source calls them otherwise, such as "answer=gold_label"
    keep_unjudged: bool = False  # problems without anything to judge answers by are kept, their attempts undecided
    judge: str = NOBODY  # judge: the endpoint's model judges where no rule does; undecided: also what rules cannot tell
    judge_model: str = ""  # another model of the same endpoint; empty: the one that samples
    judge_votes: int = 1
    program_cpu_s: float = 10.0  # of one program with its tests
    program_memory_bytes: int = 1 << 30
    near_solution_ratio: float = 0.0  # of shared runs of three words, from which on two solutions are one; 0: only equal ones are

    def __post_init__(self) -> None:
        if self.judge not in (NOBODY, OPEN, UNDECIDED):
            raise ValueError(f"judge is {self.judge!r}, expected {NOBODY}, {OPEN} or {UNDECIDED}")


@dataclass(frozen=True, slots=True)
class Attempts:
    """All that decides a pool beside its source."""

    sampling: Sampling
    judging: Judging
    endpoint: Endpoint
    max_tokens: int
    seed: int

    def stages(self, source: Any, corpus: str, pool: str) -> tuple[Stage, ...]:
        """The stages that give the pool named `pool`, for `corpus`: two for raw rows, one for several pools, none for a pool."""
        pools = corpora_of(source)
        if len(pools) == 1 and PROBLEM in pools[0].facts:
            return ()
        if pools:
            return (Stage(pool, lambda earlier: self._pool(pool, pools, earlier)),)
        tried = f"{corpus}.tried"
        return (
            Stage(tried, lambda _: self._tried(tried, source)),
            Stage(pool, lambda earlier: self._pool(pool, (open_corpus(earlier.corpus),), earlier)),
        )

    def _tried(self, name: str, source: Any) -> Recipe:
        sampling = self.sampling
        rounds = 1 + sampling.rounds if sampling.sampler == OPENAI else 1
        steps: list[Step] = [each(self._read())]
        for number in range(rounds):
            steps += [*self._sampled(number), *self._judged(number)]
        return Recipe(
            name=name,
            title="Attempts at problems, each with its verdict",
            source=source,
            steps=(*steps, expand(TellAttempts())),
            seed=self.seed,
        )

    def _read(self) -> ProblemTask:
        judging, sampling = self.judging, self.sampling
        return ProblemTask(
            judging.verifier,
            judging.domain,
            judging.columns,
            with_reference_solution=sampling.reference_solutions,
            keep_unjudged=judging.keep_unjudged,
        )

    def _sampled(self, number: int) -> Iterator[Step]:
        sampling = self.sampling
        if sampling.sampler != OPENAI:
            return
        engine = self.endpoint.engine()
        sample = SampleAttempts(
            engine,
            round=number,
            num_samples=sampling.num_samples,
            min_right=sampling.min_right,
            max_samples=sampling.max_samples,
            feedback=sampling.feedback,
            max_tokens=sampling.max_attempt_tokens,
            seed=self.seed,
        )
        yield ask(sample, NUM_ROWS, f"sample_{number}", pool=getattr(engine, "replicas", 1))

    def _judged(self, number: int) -> Iterator[Step]:
        judging = self.judging
        yield each(VerifyAttempts(), f"verify_{number}")
        engine = SandboxEngine(cpu_s=judging.program_cpu_s, memory_bytes=judging.program_memory_bytes)
        yield ask(RunTests(engine), NUM_PROGRAM_ROWS, f"run_tests_{number}")
        if judging.judge != NOBODY:
            endpoint = replace(self.endpoint, model=judging.judge_model) if judging.judge_model else self.endpoint
            model = endpoint.engine()
            judge = JudgeAttempts(model, only=judging.judge, votes=judging.judge_votes)
            yield ask(judge, NUM_ROWS, f"judge_{number}", pool=getattr(model, "replicas", 1))

    def _pool(self, name: str, tried: tuple[CorpusSource, ...], earlier: Earlier) -> Recipe:
        return Recipe(
            name=name,
            title="Attempts at problems, right and wrong, measured by problem",
            source=group(tried, PROBLEM, earlier.folder, earlier.compute),
            steps=(gather(MeasurePool(near_similarity=self.judging.near_solution_ratio), by=PROBLEM), each(Contract(self.max_tokens))),
            seed=self.seed,
            notes="A verdict is that of the verifier named in each row; a right answer does not prove that every step to it is.",
        )


def on_pool(source: Any, make: Callable[[CorpusSource, Earlier], Recipe]) -> Callable[[Earlier], Recipe]:
    """A stage's `make` that is given the pool: the stage before, or the source where it is one already."""

    def made(earlier: Earlier) -> Recipe:
        if earlier.path is not None:
            return make(open_corpus(earlier.corpus), earlier)
        pools = corpora_of(source)
        if len(pools) != 1:
            raise PlanError(f"the source is no pool of attempts: {source!r}")
        return make(pools[0], earlier)

    return made
