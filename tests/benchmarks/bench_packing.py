"""Documents to packed shards: tokens a second against bare tiktoken, which encodes the same texts and writes nothing."""

from __future__ import annotations

import ast
import json
import tempfile
import time
from pathlib import Path
from pydoc_data.topics import topics

import tiktoken

from pipelines.build import Execution, build, build_stages
from pipelines.corpora.packed import packed
from pipelines.corpus_source import open_corpus
from pipelines.packing import pack_recipe
from pipelines.source import open_source
from processors import tokens
from schemas.corpus import Corpus
from schemas.records import Document

PATTERN = "|".join(
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
ROUNDS = 3


def write_texts(path: Path) -> None:
    """Text that every Python brings: its language reference, and the modules of its library, as they are and their doc strings alone."""
    texts = list(topics.values())
    library = Path(ast.__file__).parent
    for file in sorted(library.rglob("*.py")):
        if {"site-packages", "test", "tests", "lib2to3"} & set(file.relative_to(library).parts):
            continue
        source = file.read_text(encoding="utf-8")
        texts += [source[start : start + 20_000] for start in range(0, len(source), 20_000)]
        said = (ast.get_docstring(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.ClassDef))
        texts += [text for text in said if text and len(text) > 200]
    path.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts if text.strip()))


def encoding() -> tiktoken.Encoding:
    """o200k_base from the ranks at hand: nothing is fetched."""
    bpe = tokens._ranks().bpe()
    ranks = {bytes(bpe.decode_tokens([token])): token for token in range(tokens.NUM_ORDINARY)}
    return tiktoken.Encoding("o200k_base", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_texts(folder / "texts.jsonl")
        stages = packed(open_source(str(folder / "texts.jsonl")))
        documents = build_stages(stages[:1], folder / "documents", Execution(workers=0))[0].path
        texts = [record.text for record in Corpus(documents).records() if isinstance(record, Document)]
        peer = encoding()
        num_tokens = sum(len(peer.encode_ordinary(text)) for text in texts)
        for context in (4_096, 65_536):
            floor_s, took_s = [], []
            for number in range(ROUNDS):  # by turns, so that what else the machine does falls on both
                start = time.perf_counter()
                for text in texts:
                    peer.encode_ordinary(text)
                floor_s.append(time.perf_counter() - start)
                start = time.perf_counter()
                recipe = pack_recipe(f"packed-{context}", open_corpus(documents), context)
                result = build(recipe, folder / str(number), Execution(workers=0))
                took_s.append(time.perf_counter() - start)
            sums = result.totals["sums"]
            assert sums["contract.num_tokens"] == num_tokens + len(texts)  # every document and its <|endoftext|>
            filled = sums["contract.num_tokens"] / (result.totals["num_out"] * context)
            print(
                f"packed {context:>6}: {num_tokens / min(took_s) / 1e6:.2f} M tokens/s with reading and writing shards; "
                f"bare tiktoken {num_tokens / min(floor_s) / 1e6:.2f} M tokens/s; ratio {min(floor_s) / min(took_s):.2f} (ask 0.90); "
                f"{filled:.2%} filled"
            )


if __name__ == "__main__":
    main()
