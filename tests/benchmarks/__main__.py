"""Runs every benchmark: `python -m tests.benchmarks [name ...]`. Each prints ratios measured in one run; `--full` is for bench_scale."""

from __future__ import annotations

import importlib
import os
import sys

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # figures are per core

NAMES = (
    "bench_log_mel",
    "bench_audio",
    "bench_crops",
    "bench_pdf",
    "bench_engine",
    "bench_scale",
    "bench_cluster",
    "bench_minhash",
    "bench_growth",
    "bench_language",
    "bench_packing",
    "bench_vision_speech",
    "bench_verify",
    "bench_sandbox",
    "bench_loader",
    "bench_model",
    "bench_report",
    "bench_export",
)


def main() -> None:
    for name in [word for word in sys.argv[1:] if not word.startswith("-")] or NAMES:
        print(f"== {name}", flush=True)
        importlib.import_module(f"tests.benchmarks.{name}").main()


if __name__ == "__main__":
    main()
