"""Every vision corpus over the real files of its kind: nothing is lost, and every image costs what transformers says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.__main__ import build_jobs
from pipelines.build import Execution
from pipelines.buildfile import read_build_file
from pipelines.verify import verify
from tests.canvases import noted
from tests.parity.test_transformers import processor, their_tokens

pytestmark = [pytest.mark.realdata, pytest.mark.slow]
assert processor  # a fixture

CHARTS, PHOTOS = "06_charts_tables_docs", "05_images/coco"
SOURCES: dict[str, str] = {
    "image_text": '{{path = "{root}/coco/annotations/captions.json", media_root = "{root}/coco/images"}}',
    "grounding": '{{path = "{root}/coco/annotations/instances.json", media_root = "{root}/coco/images"}}',
    "ocr_pdf": '{{path = "{root}/07_pdf", suffixes = [".pdf"]}}',
    "realistic_image": '{{path = "{root}/docs/sroie", format = "folder", suffixes = [".jpg"], beside = ["box", "key"]}}',
    "chart": '{{path = "{root}/docs/vega_lite", format = "folder", suffixes = [".vl.json"]}}',
    "vision_sft.ocr": '{{path = "{root}/docs/sroie", format = "folder", suffixes = [".jpg"], beside = ["box", "key"]}}',
    "vision_sft.chart_table_diagram": '{{path = "{root}/docs/tables", format = "folder", suffixes = [".csv", ".html"]}}',
    "vision_sft.slides": '{{path = "{root}/08_pptx", format = "folder", suffixes = [".pptx"]}}\nrenderer = "own"',
    "vision_sft.multi_image": '{{path = "{root}/coco/annotations/instances.json", media_root = "{root}/coco/images"}}\nform = "pairs"',
    "vision_sft.video": '{{path = "{root}/09_video", format = "folder", suffixes = [".mp4", ".webm", ".avi", ".mov", ".gif"]}}',
    "multi_frame": '{{path = "{root}/09_video", format = "folder", suffixes = [".mp4", ".webm", ".avi", ".mov", ".gif"]}}',
}


@pytest.mark.parametrize("corpus", SOURCES)
def test_a_corpus_of_real_files(corpus: str, realdata: Path, processor: Any, tmp_path: Path) -> None:
    said = SOURCES[corpus].format(root=realdata)
    said = said.replace(f"{realdata}/coco", f"{realdata}/{PHOTOS}").replace(f"{realdata}/docs", f"{realdata}/{CHARTS}")
    (tmp_path / "build.toml").write_text(f'[corpora."{corpus}"]\nsource = {said}\n')
    plan = read_build_file(tmp_path / "build.toml")
    with noted() as canvases:
        (row,) = build_jobs(list(plan.jobs), tmp_path / "out", Execution(workers=0), as_json=True)
    print(corpus, row["in"], row["out"], row["rejects"], row["tokens"])
    assert row["faults"] == 0
    assert row["out"] > 0
    assert verify(Path(row["path"])).problems == []
    for width, height, max_crops, num_tokens, *size in sorted(canvases):
        assert their_tokens(processor, width, height, max_crops) == (num_tokens, size), (width, height, max_crops)
