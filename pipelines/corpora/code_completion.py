"""`code_completion`: code with a hole and what is missing, and blocks that come next (stage L2).

Source: arXiv 2503.01743, language post-training "code completion including fill-in-the-middle"; what the report leaves open (the form,
the rates) follows Bavarian et al. 2022 (arXiv 2207.14255) and StarCoder (arXiv 2305.06161). The form: runbooks/decisions/0015.

Two stages, since a duplicate can lie anywhere: the first measures every file and refuses what nobody may or should learn from, the
second takes duplicates out and cuts what is left.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.benchmarks import without_benchmarks
from pipelines.corpus_source import open_corpus
from pipelines.distinct import drop_text_copies
from pipelines.recipe import Recipe
from pipelines.stage import Earlier, Stage
from pipelines.step import each, expand
from processors.code.fim import CheckFill, CutHoles
from processors.code.generated import KeepWritten, MeasureFile
from processors.code.holes import Sizes
from processors.code.languages import KeepKnownLanguages
from processors.code.licences import DetectLicence
from processors.code.parse import KeepParsed, MeasureParse
from processors.code.secrets import DropSecrets
from processors.code.task import CodeTask
from processors.contract import Contract
from processors.gates import KeepLicences
from processors.licence import PERMISSIVE
from processors.text.minhash import MinHash


def code_completion(
    source: Any,
    *,
    languages: tuple[str, ...] = (),  # empty keeps every language that has a grammar
    licences: tuple[str, ...] = PERMISSIVE,  # SPDX names or globs that may be used; empty keeps every licence that can be told
    benchmarks: tuple[Path, ...] = (),  # files or folders of benchmarks (HumanEval, MBPP, ...) whose items are kept out
    secrets: str = "reject",  # scrub: each becomes [secret], and the file stays
    min_lines: int = 3,
    min_chars: int = 40,
    max_chars: int = 400_000,  # a longer file is seldom written by hand, and costs its parser seconds
    max_line_chars: int = 1_000,  # as Codex and StarCoder
    max_mean_line_chars: float = 100.0,  # as Codex and StarCoder
    max_literal_ratio: float = 0.6,
    max_error_ratio: float = 0.02,  # a macro of C that no grammar knows is forgiven, another language is not
    near_similarity: float = 0.75,  # of runs of five words; 1.0 leaves near-duplicates in
    character_ratio: float = 0.2,
    line_ratio: float = 0.2,
    node_ratio: float = 0.4,  # what people leave open while they write is a node more often than any span
    next_ratio: float = 0.2,
    spm_ratio: float = 0.5,  # Bavarian et al., section 4.4: learned together, each order helps the other
    num_per_file: int = 2,
    min_middle_chars: int = 8,
    max_middle_chars: int = 4_000,
    max_window_chars: int = 24_000,  # some 7,000 tokens
    max_tokens: int = 131_072,
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Source trees and code manifests -> licence, authorship, secrets and grammar checked, duplicates out, holes cut."""
    files = Recipe(
        name="code_completion.files",
        title="Source files: licence, authorship, secrets and grammar measured, the bad ones out",
        source=source,
        steps=(
            each(DetectLicence()),
            each(KeepLicences(licences)),
            each(CodeTask()),
            each(MeasureFile()),
            each(
                KeepWritten(
                    max_line_chars=max_line_chars,
                    max_mean_line_chars=max_mean_line_chars,
                    max_literal_ratio=max_literal_ratio,
                    min_lines=min_lines,
                    min_chars=min_chars,
                    max_chars=max_chars,
                )
            ),
            each(KeepKnownLanguages(languages)),
            each(DropSecrets(secrets)),
            each(MeasureParse()),
            each(KeepParsed(max_error_ratio)),
            each(MinHash()),
        ),
        seed=seed,
    )

    def cut(earlier: Earlier) -> Recipe:
        holes = CutHoles(
            character_ratio=character_ratio,
            line_ratio=line_ratio,
            node_ratio=node_ratio,
            next_ratio=next_ratio,
            spm_ratio=spm_ratio,
            num_per_file=num_per_file,
            sizes=Sizes(min_middle_chars, max_middle_chars),
            max_window_chars=max_window_chars,
            seed=seed,
        )
        return Recipe(
            name="code_completion",
            title="Code with a hole and what is missing, and blocks that come next",
            source=open_corpus(earlier.corpus),
            steps=(
                *drop_text_copies(earlier, near_similarity if near_similarity < 1.0 else 0.0),
                *without_benchmarks(benchmarks, earlier),
                expand(holes),
                each(CheckFill()),
                each(Contract(max_tokens)),
            ),
            seed=seed,
            notes="A licence is what the tree says of itself. C and C++ are parsed without their preprocessor.",
        )

    return (Stage(files.name, lambda _: files), Stage("code_completion", cut))
