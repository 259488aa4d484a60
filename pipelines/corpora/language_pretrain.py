"""`language_pretrain`: text to learn language from (stage L1).

Two stages, since what is superfluous can lie anywhere: the first extracts, measures, refuses by document and signs; the second
looks at the whole corpus and refuses all but the best of exact and near copies, takes lines that stand everywhere out, and gives
each domain its weight. Sequences of one length are made from it by `packed`.

Source: SPEC of the language pre-training corpus (web and synthetic text, a multilingual quality filter, decontamination by
normalised n-gram overlap, reasoning-rich data raised); rules of Gopher, C4 and FineWeb (see processors/text/gopher.py, c4.py,
fineweb.py); order of the steps as in FineWeb (Penedo et al. 2024, https://arxiv.org/abs/2406.17557, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.benchmarks import without_benchmarks
from pipelines.corpus_source import open_corpus
from pipelines.distinct import drop_text_copies
from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import Recipe
from pipelines.repeated_lines import drop_repeated_lines, find_repeated_lines
from pipelines.stage import Earlier, Stage
from pipelines.step import Step, each, expand
from pipelines.text_groups import Quality
from pipelines.writing import synthesis_steps
from processors.anonymise import ScrubPersonalData
from processors.contract import Contract
from processors.dialogue import TextTask
from processors.forget import Forget
from processors.gates import KeepLicences, KeepSources
from processors.text.classifier import KeepClassified, score_text
from processors.text.domain import MIXTURES, DetectDomain, Repeat
from processors.text.extract import ExtractMainText
from processors.text.language import DetectLanguage, KeepLanguages
from processors.text.minhash import MINHASH, MinHash
from processors.text.normalise import KeepLength, Normalise
from schemas.corpus import Corpus

NOTES = (
    "Personal names are not scrubbed. Near-duplicates are found by signatures: pairs close to the threshold may stay. "
    "Benchmarks are only kept out where they are named."
)


@dataclass(frozen=True, slots=True)
class Gates:
    """Which texts may come in at all, by what their source states; empty lists let everything in."""

    licences: tuple[str, ...] = ()  # SPDX ids or globs
    allow_sources: tuple[str, ...] = ()  # domains, or globs of the source's name
    block_sources: tuple[str, ...] = ()

    def steps(self) -> tuple[Step, ...]:
        return (each(KeepLicences(self.licences)), each(KeepSources(self.allow_sources, self.block_sources)))


@dataclass(frozen=True, slots=True)
class Copies:
    """What stands in the corpus more than once."""

    similarity: float = 0.75  # of two texts' runs of five words, from which on one is superfluous; FineWeb's. 0 keeps near copies
    max_line_documents: int = 100  # a line or paragraph of more documents is taken out of all of them; 0 keeps lines

    def steps(self, earlier: Earlier) -> tuple[Step, ...]:
        """Looks at the corpus of the stage before. Raises ValueError for a similarity outside 0..1."""
        steps = [*drop_text_copies(earlier, self.similarity)]
        if self.max_line_documents:
            lines = find_repeated_lines(Corpus(earlier.corpus), earlier.folder, earlier.compute, self.max_line_documents)
            steps.append(each(drop_repeated_lines(lines)))
        return tuple(steps)


def language_pretrain(
    source: Any,
    *,
    synthesis: tuple[str, ...] = (),  # prompt recipes by which a served model writes text from each row; see runbooks/language.md
    endpoint: Endpoint = Endpoint(),
    columns: tuple[str, ...] = (),  # whose texts are joined, such as a question and its solution; empty: text, content, html or a page
    gates: Gates = Gates(),
    languages: tuple[str, ...] = (),  # empty keeps every language; the measured one is a fact of each row
    min_language_confidence: float = 0.0,  # FineWeb: 0.65 by another classifier, whose numbers are not these
    min_chars: int = 20,  # shorter texts have no sentence, and their language cannot be measured
    quality: Quality = Quality(),
    classifier: Path | None = None,  # of `corpusmill classifier train`; its score is a fact of each row
    min_score: float = 0.0,  # of the classifier
    personal_data: str = "scrub",  # or reject, or keep (and only count)
    benchmarks: tuple[Path, ...] = (),  # files or folders whose items must not be in the corpus
    benchmark_hits: str = "reject",  # or mark: the hits are facts of the row
    copies: Copies = Copies(),
    mixture: str = "natural",  # or reasoning, or code: how often a text of each domain is taken
    max_tokens: int = 131_072,  # the model's context; packing cuts longer ones into several sequences
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Pages and texts -> clean documents: measured, refused by published rules, copies and benchmark items out, o200k tokens counted."""
    if mixture not in MIXTURES:
        raise ValueError(f"mixture is {mixture!r}, expected one of {', '.join(MIXTURES)}")

    def measured(earlier: Earlier) -> Recipe:
        scored = (each(score_text(classifier)), each(KeepClassified(min_score))) if classifier else ()
        return Recipe(
            name="language_pretrain.measured",
            title="Documents before copies are taken out",
            source=source,
            steps=(
                *synthesis_steps(synthesis, endpoint, seed=seed),
                each(TextTask(columns)),
                *gates.steps(),
                each(ExtractMainText()),
                each(Normalise()),
                each(KeepLength(min_chars)),
                each(DetectLanguage()),
                each(KeepLanguages(languages, min_language_confidence)),
                each(DetectDomain()),
                *quality.steps(),
                *scored,
                each(ScrubPersonalData(personal_data)),
                *without_benchmarks(benchmarks, earlier, benchmark_hits),
                each(MinHash(seed=seed)),
            ),
            seed=seed,
        )

    def kept(earlier: Earlier) -> Recipe:
        return Recipe(
            name="language_pretrain",
            title="Text documents: clean, without copies and benchmark items",
            source=open_corpus(earlier.corpus),
            steps=(
                *copies.steps(earlier),
                each(Forget((MINHASH,))),
                expand(Repeat(mixture, seed)),
                each(Contract(max_tokens)),
            ),
            seed=seed,
            notes=NOTES,
        )

    return (Stage("language_pretrain.measured", measured), Stage("language_pretrain", kept))
