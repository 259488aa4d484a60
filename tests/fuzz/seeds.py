"""Seeds of the fuzzer: honest files and odd ones, from the sample, from a folder of real data, and made here."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.corpora import CORPORA

MAX_SEED_BYTES = 400_000
MAX_SEEDS = 60


@dataclass(frozen=True, slots=True)
class Seed:
    """An honest file, or one that is odd already; `kind` is its ending, which says which mutations know it."""

    name: str
    data: bytes

    @property
    def kind(self) -> str:
        return self.name.rpartition(".")[2].lower() if not self.name.endswith(".vl.json") else "json"


def files_of(*globs: str, real: Sequence[str] = ()) -> Callable[[Path, Path | None], list[Seed]]:
    """Seeds from the sample and from the folder of real data: the small ones, in order of path, spread over all there are."""

    def find(sample: Path, realdata: Path | None) -> list[Seed]:
        files = [file for pattern in globs for file in sorted(sample.glob(pattern))]
        files += [file for pattern in real for file in sorted(realdata.glob(pattern))] if realdata else []
        small = [file for file in files if file.is_file() and file.stat().st_size <= MAX_SEED_BYTES]
        step = max(1, -(-len(small) // MAX_SEEDS))
        return [Seed(file.name, file.read_bytes()) for file in small[::step]]

    return find


# ---- made here


def _rows(file: Path) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file; the sample has lines that are none."""
    found = []
    for line in file.read_bytes().splitlines():
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            found += [row] if isinstance(row, dict) else []
    return found


def parquet_seeds(sample: Path, _: Path | None) -> list[Seed]:
    rows = _rows(sample / "web" / "documents.jsonl")[:6]
    table = pa.table({"text": [str(row.get("text", "")) for row in rows], "number": list(range(len(rows)))})
    odd = pa.table({"text": pa.array([["a", None], []]), "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64()))})
    found = []
    for codec, groups in (("snappy", 2), ("zstd", 6), ("none", 1), ("gzip", 3), ("brotli", 3), ("lz4", 4)):
        sink = io.BytesIO()
        pq.write_table(table, sink, compression=codec, row_group_size=groups)
        found.append(Seed("x.parquet", sink.getvalue()))
    sink = io.BytesIO()
    pq.write_table(odd, sink)
    return [*found, Seed("x.parquet", sink.getvalue())]


def arrow_seeds(sample: Path, _: Path | None) -> list[Seed]:
    found = []
    for compression in (None, "zstd", "lz4"):
        table = pa.table(
            {
                "text": ["some text of a page " * 20, "b", None],
                "tag": pa.array(["x", "y", "x"]).dictionary_encode(),
                "image": [{"bytes": b"\x89PNG", "path": "a"}, None, None],
                "list": [[1, 2], [], None],
                "view": pa.array(["long enough to be out of line", "b", None], pa.string_view()),
            }
        )
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
            writer.write_table(table, max_chunksize=2)
        found.append(Seed("x.arrow", sink.getvalue()))
    return found


def mermaid_seeds(_: Path, __: Path | None) -> list[Seed]:
    texts = (
        'graph TD\n  a["Start"] --> b{"Ready?"}\n  b -->|yes| c(["Go"])\n  b -->|no| a\n',
        "flowchart LR\n  subgraph one\n    x --- y\n  end\n  y -.-> z\n  classDef k fill:#fff\n  class x k\n",
        "graph TB\n  " + "\n  ".join(f"n{at} --> n{at + 1}" for at in range(12)) + "\n",
    )
    return [Seed("x.mmd", text.encode()) for text in texts]


def tree_seeds(sample: Path, realdata: Path | None) -> list[Seed]:
    files = {
        "LICENSE": b"MIT License\n\nPermission is hereby granted, free of charge, to any person",
        "a/b.py": b"def f(x):\n    return x + 1\n" * 9,
    }
    files |= {"package.json": b'{"name": "x", "license": "MIT"}', "m.rs": b"fn main() { let x = 1; }\n" * 5}
    packed = []
    for mode, name in (("w", "x.tar"), ("w:gz", "x.tar.gz"), ("w:bz2", "x.tar.bz2"), ("w:xz", "x.tar.xz")):
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode=mode) as archive:  # type: ignore[call-overload]
            for path, data in files.items():
                info = tarfile.TarInfo(path)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        packed.append(Seed(name, sink.getvalue()))
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path, data in files.items():
            zipped.writestr(path, data)
    return [*packed, Seed("x.zip", sink.getvalue()), Seed("y.zip", sink.getvalue()), *files_of("code/trees/*.zip")(sample, realdata)]


ROWS = {  # which corpus reads which rows
    **{
        "calls.jsonl": "function_calling",
        "articles.jsonl": "summarisation",
        "dialogues.jsonl": "summarisation",
        "dolly.jsonl": "summarisation",
    },
    **{
        "maths.jsonl": "attempts",
        "choices.jsonl": "attempts",
        "votes.jsonl": "dpo",
        "pairs.jsonl": "text_safety",
        "prompts.jsonl": "text_safety",
    },
    **{"documents.jsonl": "language_pretrain", "general.jsonl": "vision_sft.general", "multi.jsonl": "vision_sft.multi_image"},
    **{"safety.jsonl": "vision_sft.safety", "rows.jsonl": "vision_sft.chart_table_diagram", "files.jsonl": "code_completion"},
    **{
        "receipts.jsonl": "vision_sft.ocr",
        "tables.jsonl": "chart",
        "speech.jsonl": "speech_pretrain",
        "asr.jsonl": "asr",
        "sqa.jsonl": "sqa",
    },
    **{"translations.jsonl": "ast", "meetings.jsonl": "ssum", "sounds.jsonl": "audio_understanding"},
}


ASKED = ("meetings.jsonl", "maths.jsonl", "choices.jsonl", "votes.jsonl")  # whose corpora ask engines: they take seconds an input


def row_seeds(sample: Path, _: Path | None) -> list[Seed]:
    return [seed for seed in _every_row_seed(sample) if seed.name not in ASKED]


def asked_seeds(sample: Path, _: Path | None) -> list[Seed]:
    return [seed for seed in _every_row_seed(sample) if seed.name in ASKED]


def _every_row_seed(sample: Path) -> list[Seed]:
    """A few rows of each kind; media that they name become the two small files that lie there."""
    places = {
        **{
            "receipts.jsonl": "receipts/manifest.jsonl",
            "tables.jsonl": "chart_sources/tables.jsonl",
            "speech.jsonl": "speech/manifest.jsonl",
        },
        **{
            "asr.jsonl": "speech/manifest.jsonl",
            "sqa.jsonl": "speech/manifest.jsonl",
            "translations.jsonl": "tasks/translations/manifest.jsonl",
        },
        **{
            "meetings.jsonl": "tasks/meetings/manifest.jsonl",
            "sounds.jsonl": "tasks/sounds/manifest.jsonl",
            "files.jsonl": "code/files.jsonl",
        },
        **{"rows.jsonl": "table_sources/rows.jsonl", "documents.jsonl": "web/documents.jsonl", "calls.jsonl": "tools/calls.jsonl"},
        **{name: f"reasoning/{name}" for name in ("maths.jsonl", "choices.jsonl", "votes.jsonl")},
        **{name: f"summaries/{name}" for name in ("articles.jsonl", "dialogues.jsonl", "dolly.jsonl")},
        **{name: f"sets/{name}" for name in ("general.jsonl", "multi.jsonl", "safety.jsonl")},
        **{name: f"text_safety/{name}" for name in ("pairs.jsonl", "prompts.jsonl")},
    }
    found = []
    for name, place in places.items():
        rows = _rows(sample / place)
        for row in rows[:4]:
            for key, value in row.items():
                if isinstance(value, str) and value.lower().endswith((".png", ".jpg", ".webp")):
                    row[key] = "00000.png"
                elif isinstance(value, str) and value.lower().endswith((".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a")):
                    row[key] = "00000.wav"
                elif (
                    isinstance(value, list)
                    and value
                    and all(isinstance(item, str) and item.endswith((".png", ".jpg", ".webp")) for item in value)
                ):
                    row[key] = ["00000.png"] * len(value)
        lines = [json.dumps(row) for row in rows]
        found += [Seed(name, ("\n".join(lines[at : at + 2]) + "\n").encode()) for at in (0, 2) if lines[at : at + 2]]
    return found


def array_seeds(sample: Path, realdata: Path | None) -> list[Seed]:
    """The same rows as one list, and COCO annotations of two images."""
    found = []
    for seed in row_seeds(sample, realdata):
        rows = [json.loads(line) for line in seed.data.splitlines()]
        found.append(Seed(seed.name, json.dumps(rows, indent=1).encode()))
    return found


def coco_seeds(sample: Path, _: Path | None) -> list[Seed]:
    found = []
    for name in ("instances.json", "captions.json"):
        raw = json.loads((sample / "images" / name).read_text())
        kept = raw["images"][1:3]
        numbers = {image["id"] for image in kept}
        for image in kept:
            image["file_name"] = "00000.png"
        small = {**raw, "images": kept, "annotations": [note for note in raw["annotations"] if note["image_id"] in numbers]}
        found.append(Seed(name, json.dumps(small).encode()))
    return found


def build_file_seeds(sample: Path, _: Path | None) -> list[Seed]:
    texts = []
    for name, kind in CORPORA.items():
        if isinstance(kind.sample, str):
            texts.append(
                f'out = "o"\n[execution]\nworkers = 0\nfault_budget = 0.5\n[corpora.{name}]\nsource = "SAMPLE/{kind.sample}"\nseed = 3\n'
            )
    texts.append(
        '[corpora.asr]\nsource = [{ path = "SAMPLE/speech", format = "folder", licence = "x" }, "SAMPLE/speech/manifest.jsonl"]\nmax_s = 20.5\n'
    )
    texts.append('[corpora.image_text]\nsource = "SAMPLE/images/*.json*"\nduplicates = "near"\nmax_hash_distance = 4\nmin_words = 2\n')
    return [Seed("build.toml", text.replace("SAMPLE", str(sample)).encode()) for text in texts]


def own_seeds(sample: Path, _: Path | None) -> list[Seed]:
    """One seed: which file is changed is drawn with the change."""
    return [Seed("corpus.json", b"{}")]
