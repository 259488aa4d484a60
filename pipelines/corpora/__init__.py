"""Every corpus by name. A corpus is a function of its source and typed parameters that gives its stages in order.

A corpus's function is imported when it is asked for: all of them together take seconds.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class CorpusKind:
    """`function` is a module of this package, and `:name` where the function is not named as it; `inputs` what it reads, for help.

    `sample` is the corpus's place in the folder that `corpusmill sample` writes.
    """

    function: str
    stage: str
    inputs: str
    sample: Any
    sample_parameters: Mapping[str, Any] = field(default_factory=dict)  # other values than the defaults, for the demonstration

    @property
    def place(self) -> tuple[str, str]:
        """The module of the corpus's function, and its name there."""
        module, _, name = self.function.partition(":")
        return f"{__name__}.{module}", name or module

    @property
    def make(self) -> Callable[..., Any]:
        """The corpus's function."""
        module, name = self.place
        return getattr(importlib.import_module(module), name)


AUDIO = "JSONL or Parquet manifests (NeMo, Lhotse keys), folders, WebDataset tars"
PROBLEMS = "JSONL or Parquet: problems with answers, choices or tests, and samples"
TEXTS = "JSONL or Parquet: messages, conversations, question and answer, instruction and output"

CORPORA: dict[str, CorpusKind] = {
    "speech_pretrain": CorpusKind(
        "speech_pretrain", "A1", f"{AUDIO}; words or segments with times", ["speech/manifest.jsonl", "speech/lecture.jsonl"]
    ),
    "asr": CorpusKind("asr", "A2", AUDIO, "speech/manifest.jsonl"),
    "ast": CorpusKind("ast", "A2", f"{AUDIO}; translations", "tasks/translations/manifest.jsonl"),
    "sqa": CorpusKind("sqa", "A2", f"{AUDIO}; questions and answers", "speech/manifest.jsonl"),
    "sqqa": CorpusKind("sqqa", "A2", f"{TEXTS}; audio with a response", "tasks/queries/manifest.jsonl"),
    "ssum": CorpusKind(
        "ssum", "A2", "JSONL or Parquet meetings (QMSum form) or recordings, queries, summaries", "tasks/meetings/manifest.jsonl"
    ),
    "audio_understanding": CorpusKind("audio_understanding", "A2", f"{AUDIO}; labels or questions", "tasks/sounds/manifest.jsonl"),
    "audio_safety": CorpusKind("audio_safety", "A2", "JSONL or Parquet: prompt, response, label", "tasks/safety/manifest.jsonl"),
    "vision_speech": CorpusKind("vision_speech", "VS", f"{TEXTS}, with images; a corpus with images", "charts/questions.jsonl"),
    "image_text": CorpusKind(
        "image_text",
        "V1-V2",
        "COCO captions, JSONL or Parquet manifests, folders, WebDataset tars; web pages saved with their images",
        "images/captions.json",
    ),
    "grounding": CorpusKind(
        "grounding", "V1-V2", "COCO boxes or key points, JSONL or Parquet manifests with boxes", "images/instances.json"
    ),
    "ocr_pdf": CorpusKind(
        "ocr_pdf", "V1-V2", "folders of PDF files, JSONL or Parquet manifests", {"path": "documents", "suffixes": [".pdf"]}
    ),
    "realistic_image": CorpusKind(
        "realistic_image",
        "V1-V2",
        "receipts and scene text with quads (folders, JSONL); photos to draw texts on",
        "receipts/manifest.jsonl",
    ),
    "chart": CorpusKind(
        "chart",
        "V1-V2",
        "tables (CSV, JSONL, Parquet), Vega-Lite specifications; charts with their questions",
        ["chart_sources/tables.jsonl", {"path": "chart_sources/files", "format": "folder"}],
    ),
    "vision_sft.general": CorpusKind("vision_sft_general:general", "V3", f"{TEXTS}, with images", "sets/general.jsonl"),
    "vision_sft.chart_table_diagram": CorpusKind(
        "vision_sft_chart_table_diagram:chart_table_diagram",
        "V3",
        "tables (HTML, CSV), graphs (JSON, Mermaid), chart sources",
        "table_sources/rows.jsonl",
    ),
    "vision_sft.slides": CorpusKind(
        "vision_sft_slides:slides",
        "V3",
        "folders of PowerPoint files, JSONL or Parquet manifests",
        {"path": "decks", "suffixes": [".pptx"]},
    ),
    "vision_sft.ocr": CorpusKind(
        "vision_sft_ocr:ocr", "V3", "receipts and scene text with quads (folders, JSONL)", "receipts/manifest.jsonl"
    ),
    "vision_sft.multi_image": CorpusKind(
        "vision_sft_multi_image:multi_image",
        "V3-V4",
        "COCO boxes or captions, images, conversations with several images",
        "sets/multi.jsonl",
    ),
    "vision_sft.video": CorpusKind(
        "vision_sft_video:video", "V3-V4", "folders of videos, JSONL or Parquet manifests, image sequences", "clips/rows.jsonl"
    ),
    "vision_sft.safety": CorpusKind(
        "vision_sft_safety:safety", "V3", "JSONL or Parquet: image, prompt, response, label or category", "sets/safety.jsonl"
    ),
    "multi_frame": CorpusKind("multi_frame", "V4", "folders of videos, JSONL or Parquet manifests, image sequences", "clips/rows.jsonl"),
    "language_pretrain": CorpusKind(
        "language_pretrain",
        "L1",
        "WARC and ARC crawls, JSONL, Parquet, folders of HTML or text",
        ["web/documents.jsonl", "web/pages", "crawl/pages.warc.gz"],
        {"benchmarks": ["crawl/benchmark.jsonl"]},
    ),
    "packed": CorpusKind(
        "packed", "L1-L2", "a corpus of documents or text conversations; JSONL or Parquet with text", "web/documents.jsonl"
    ),
    "function_calling": CorpusKind(
        "function_calling",
        "L2",
        "JSONL or Parquet: messages with tools, queries with calls; BFCL; seeds of made conversations",
        "tools/calls.jsonl",
    ),
    "summarisation": CorpusKind(
        "summarisation",
        "L2",
        "JSONL or Parquet: documents, dialogues, meetings (QMSum form) with summaries, queries",
        ["summaries/articles.jsonl", "summaries/dialogues.jsonl", "summaries/dolly.jsonl"],
    ),
    "code_completion": CorpusKind(
        "code_completion",
        "L2",
        "source trees, archives of them; JSONL or Parquet with content, path, licence",
        [{"path": "code/trees", "format": "tree"}, "code/files.jsonl"],
    ),
    "text_safety": CorpusKind(
        "text_safety",
        "L2",
        "JSONL or Parquet: prompt, response, label; chosen and rejected; two responses with verdicts",
        ["text_safety/prompts.jsonl", "text_safety/pairs.jsonl"],
    ),
    "attempts": CorpusKind(
        "attempts",
        "R",
        f"{PROBLEMS}; BFCL; or a served model to sample from",
        ["reasoning/maths.jsonl", "reasoning/code.jsonl", "reasoning/choices.jsonl"],
    ),
    "cot_pretrain": CorpusKind("cot_pretrain", "R1", f"a pool of attempts; {PROBLEMS}", {"corpus": "attempts"}),
    "cot_sft": CorpusKind("cot_sft", "R2", f"a pool of attempts; {PROBLEMS}", {"corpus": "attempts"}),
    "dpo": CorpusKind("dpo", "R3, L2", f"a pool of attempts; {PROBLEMS}; pairs with votes, scores or a choice", {"corpus": "attempts"}),
}
