"""Every corpus by name. A corpus is a function of its source and typed parameters that gives its stages in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipelines.corpora.asr import asr
from pipelines.corpora.ast import ast
from pipelines.corpora.audio_safety import audio_safety
from pipelines.corpora.audio_understanding import audio_understanding
from pipelines.corpora.image_text import image_text
from pipelines.corpora.language_pretrain import language_pretrain
from pipelines.corpora.speech_pretrain import speech_pretrain
from pipelines.corpora.sqa import sqa
from pipelines.corpora.sqqa import sqqa
from pipelines.corpora.ssum import ssum
from pipelines.corpora.vision_speech import vision_speech


@dataclass(frozen=True, slots=True)
class CorpusKind:
    """`sample` is the corpus's place in the folder that `corpusmill sample` writes; `inputs` what it reads, for help."""

    make: Callable[..., Any]
    stage: str
    inputs: str
    sample: str | list[str]


AUDIO = "JSONL or Parquet manifests (NeMo, Lhotse keys), folders, WebDataset tars"
TEXTS = "JSONL or Parquet: messages, conversations, question and answer, instruction and output"

CORPORA: dict[str, CorpusKind] = {
    "speech_pretrain": CorpusKind(
        speech_pretrain, "A1", f"{AUDIO}; words or segments with times", ["speech/manifest.jsonl", "speech/lecture.jsonl"]
    ),
    "asr": CorpusKind(asr, "A2", AUDIO, "speech/manifest.jsonl"),
    "ast": CorpusKind(ast, "A2", f"{AUDIO}; translations", "tasks/translations/manifest.jsonl"),
    "sqa": CorpusKind(sqa, "A2", f"{AUDIO}; questions and answers", "speech/manifest.jsonl"),
    "sqqa": CorpusKind(sqqa, "A2", f"{TEXTS}; audio with a response", "tasks/queries/manifest.jsonl"),
    "ssum": CorpusKind(
        ssum, "A2", "JSONL or Parquet meetings (QMSum form) or recordings, queries, summaries", "tasks/meetings/manifest.jsonl"
    ),
    "audio_understanding": CorpusKind(audio_understanding, "A2", f"{AUDIO}; labels or questions", "tasks/sounds/manifest.jsonl"),
    "audio_safety": CorpusKind(audio_safety, "A2", "JSONL or Parquet: prompt, response, label", "tasks/safety/manifest.jsonl"),
    "vision_speech": CorpusKind(vision_speech, "VS", f"{TEXTS}, with images; a corpus with images", "charts/questions.jsonl"),
    "image_text": CorpusKind(
        image_text, "V1-V2", "COCO captions, JSONL or Parquet manifests, folders, WebDataset tars", "images/captions.json"
    ),
    "language_pretrain": CorpusKind(
        language_pretrain, "L1", "JSONL, Parquet, folders of HTML or text", ["web/documents.jsonl", "web/pages"]
    ),
}
