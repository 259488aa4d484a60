"""From shards to batches: packed tokens a second, against `datasets` that gives the same rows and packs nothing; and how full batches are.

Both read in one process, by turns, in seconds of that process, so that what else the machine does counts less.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from typer.testing import CliRunner

from model.loader import Loader
from model.mixture import Epochs
from model.plan import Costs, Limits, Plan
from model.rows import CorpusRows
from pipelines.__main__ import app

CONTEXTS = (4_096, 8_192, 65_536)
MODALITIES = {
    "documents": ("language_pretrain",),
    "conversations": ("code_completion", "summarisation", "function_calling"),
    "preferences": ("dpo",),
    "packed": ("packed",),
    "speech": ("asr", "ast", "sqa"),
    "images": ("chart", "image_text", "vision_sft.general"),
    "images and speech": ("vision_speech",),
}
LEAST_S = 1.0  # of work in a timing
PLANNED_ROWS = 1_000_000


def seconds_a_pass(work: Callable[[], object]) -> float:
    """Process seconds of one pass, over as many as take a second."""
    passes, start = 0, time.process_time()
    while passes == 0 or time.process_time() - start < LEAST_S:
        work()
        passes += 1
    return (time.process_time() - start) / passes


def compare(name: str, paths: Sequence[Path]) -> None:
    """Prints tokens a second of the loader, and of `datasets` as Python objects and as arrays."""
    import datasets

    corpora = [(path, 1.0) for path in paths]
    loader = Loader(corpora, 16_384, 0, epochs=1)
    num_tokens = int(loader.costs.tokens.sum())
    opened = [datasets.load_from_disk(str(path)) for path in paths]

    def iterate(format_: str | None) -> int:
        return sum(1 for dataset in opened for _ in dataset.with_format(format_))

    ours_s = seconds_a_pass(lambda: [len(batch.ids) for batch in loader])
    python_s, arrays_s = seconds_a_pass(lambda: iterate(None)), seconds_a_pass(lambda: iterate("torch"))
    print(
        f"{name:17}: {num_tokens / ours_s / 1e3:7.0f} k tokens/s packed, {len(loader.costs.tokens) / ours_s:6.0f} rows/s; datasets gives the "
        f"rows as objects {num_tokens / python_s / 1e3:6.0f} k, as tensors {num_tokens / arrays_s / 1e3:6.0f} k; "
        f"ratio {python_s / ours_s:.2f} and {arrays_s / ours_s:.2f}"
    )


def filled(path: Path) -> str:
    """Shares of batches that are filled, a context each; a small corpus is planned as if it were there 50 times."""
    rows = CorpusRows(path)
    costs = Costs.join([Costs.of(rows)] * 50)
    found = []
    for context in CONTEXTS:
        if costs.tokens.max() > context:
            found.append("     -")
            continue
        num = len(costs.tokens)
        plan = Plan(Epochs([num], 1, 0, num), Limits(context).shares(costs), costs.modes, context, 1, 0)
        found.append(f"{costs.tokens.sum() / (sum(1 for _ in plan.batches()) * context):.2%}")
    return "  ".join(f"{share:>7}" for share in found)


def plan_many() -> None:
    """Prints what planning a million rows of all modes costs."""
    rng = np.random.default_rng(0)
    tokens = np.clip(np.exp(rng.normal(5.5, 1.1, PLANNED_ROWS)), 8, 4_096).astype(np.int64)
    modes = rng.choice(4, PLANNED_ROWS, p=[0.4, 0.25, 0.3, 0.05]).astype(np.int8)
    for context, step_batches in ((4_096, 1), (4_096, 8), (65_536, 8)):
        start = time.process_time()
        num = sum(1 for _ in Plan(Epochs([PLANNED_ROWS], 1, 0, 131_072), tokens, modes, context, step_batches, 0).batches())
        took_s = time.process_time() - start
        print(
            f"plan of {PLANNED_ROWS:,} rows, {context:>6} tokens, steps of {step_batches}: {took_s:.1f} s, "
            f"{tokens.sum() / (num * context):.2%} filled"
        )


def main() -> None:
    torch.set_num_threads(1)
    plan_many()
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "demo"
        done = CliRunner().invoke(app, ["demo", "--out", str(out), "--workers", "0", "--json"])
        assert done.exit_code == 0, done.output
        report(out / "corpora", [row["corpus"] for row in json.loads(done.stdout)])


def report(corpora: Path, names: Sequence[str]) -> None:
    """Prints the figures of finished corpora."""
    for modality, members in MODALITIES.items():
        compare(modality, [corpora / member for member in members])
    print(f"{'filled at':30}" + "  ".join(f"{context:>7,}" for context in CONTEXTS))
    for corpus in names:
        print(f"{corpus:30}{filled(corpora / corpus)}")


if __name__ == "__main__":
    main()
