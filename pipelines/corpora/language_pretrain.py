"""`language_pretrain`: text to learn language from (stage L1).

Two stages, since a duplicate can lie anywhere: the first measures every document, the second refuses all but one copy
of each. Not done here: quality rules, near-duplicates, decontamination, packing.
"""

from __future__ import annotations

from typing import Any

from pipelines.corpus_source import open_corpus
from pipelines.dedup import drop_listed, find_duplicates
from pipelines.recipe import Recipe
from pipelines.stage import Earlier, Stage
from pipelines.step import each
from processors.contract import Contract
from processors.dialogue import TextTask
from processors.text.extract import ExtractMainText
from processors.text.language import DetectLanguage, KeepLanguages
from processors.text.normalise import DIGEST, KeepLength, Normalise
from schemas.corpus import Corpus


def language_pretrain(
    source: Any,
    *,
    languages: tuple[str, ...] = (),  # empty keeps every language; the measured one is a fact of each row
    min_chars: int = 20,  # shorter texts have no sentence, and their language cannot be measured
    max_tokens: int = 131_072,
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Pages and texts -> normalised documents, language measured, exact duplicates out, o200k tokens counted."""
    measured = Recipe(
        name="language_pretrain.measured",
        title="Documents before exact duplicates are taken out",
        source=source,
        steps=(
            each(TextTask()),
            each(ExtractMainText()),
            each(Normalise()),
            each(KeepLength(min_chars)),
            each(DetectLanguage()),
            each(KeepLanguages(languages)),
        ),
        seed=seed,
    )

    def kept(earlier: Earlier) -> Recipe:
        duplicates = find_duplicates(Corpus(earlier.corpus), DIGEST, earlier.corpus.parent)
        return Recipe(
            name="language_pretrain",
            title="Text documents: normalised, language measured, exact duplicates out",
            source=open_corpus(earlier.corpus),
            steps=(each(drop_listed(duplicates)), each(Contract(max_tokens))),
            seed=seed,
            notes="Near-duplicates, quality, benchmark text and personal data are not yet filtered.",
        )

    return (Stage(measured.name, lambda _: measured), Stage("language_pretrain", kept))
