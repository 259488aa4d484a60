"""Every corpus by name. A corpus is a function of its source and typed parameters that gives its stages in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipelines.corpora.asr import asr
from pipelines.corpora.image_text import image_text
from pipelines.corpora.language_pretrain import language_pretrain


@dataclass(frozen=True, slots=True)
class CorpusKind:
    """`sample` is the corpus's place in the folder that `corpusmill sample` writes; `inputs` what it reads, for help."""

    make: Callable[..., Any]
    stage: str
    inputs: str
    sample: str | list[str]


CORPORA: dict[str, CorpusKind] = {
    "asr": CorpusKind(asr, "A2", "JSONL or Parquet manifests (NeMo, Lhotse keys), folders, WebDataset tars", "speech/manifest.jsonl"),
    "image_text": CorpusKind(
        image_text, "V1-V2", "COCO captions, JSONL or Parquet manifests, folders, WebDataset tars", "images/captions.json"
    ),
    "language_pretrain": CorpusKind(
        language_pretrain, "L1", "JSONL, Parquet, folders of HTML or text", ["web/documents.jsonl", "web/pages"]
    ),
}
