"""Memory is bounded by the largest record and the split, not by the corpus; long clips and large pictures pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from pipelines.build import Execution, build
from pipelines.corpora.asr import asr
from pipelines.corpora.image_text import image_text
from pipelines.image_groups import Pretraining
from pipelines.source import open_source
from pipelines.stage import Earlier
from pipelines.verify import verify

ROOT = Path(__file__).parents[2]
BUILD = """
import sys
from pathlib import Path
from pipelines.build import Execution, build
from pipelines.image_groups import Pretraining
from pipelines.corpora.asr import asr
from pipelines.source import open_source
from pipelines.stage import Earlier
from tests.peak import peak_kib
build(asr(open_source(sys.argv[1]))[0].make(Earlier()), Path(sys.argv[2]), Execution(workers=0))
print(peak_kib())
"""


def peak_kib(manifest: Path, out: Path) -> int:
    done = subprocess.run([sys.executable, "-c", BUILD, str(manifest), str(out)], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


@pytest.mark.crash
def test_peak_memory_does_not_grow_with_the_source(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(10):
        soundfile.write(tmp_path / f"{number}.wav", rng.standard_normal(64_000) * 0.1, 16_000)
    peaks = []
    for count in (300, 2_000):
        lines = [json.dumps({"audio_filepath": f"{n % 10}.wav", "text": f"clip {n}"}) for n in range(count)]
        (tmp_path / f"{count}.jsonl").write_text("\n".join(lines))
        peaks.append(peak_kib(tmp_path / f"{count}.jsonl", tmp_path / str(count)))
    print(f"peak resident memory: {peaks[0] / 1024:.0f} MiB for 300 clips, {peaks[1] / 1024:.0f} MiB for 2,000")
    assert peaks[1] < 1.10 * peaks[0]


def test_a_30_minute_clip_passes(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.flac", np.random.default_rng(0).standard_normal(1_800 * 16_000).astype(np.float32) * 0.1, 16_000)
    (tmp_path / "m.jsonl").write_text('{"audio_filepath": "long.flac", "text": "half an hour"}')
    result = build(asr(open_source(str(tmp_path / "m.jsonl")), max_s=1_800.0)[0].make(Earlier()), tmp_path / "out", Execution(workers=0))
    assert result.totals["num_out"] == 1
    assert result.totals["sums"]["contract.num_audio_tokens"] == 22_500
    assert verify(result.path).problems == []


def test_a_36_crop_picture_passes(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (2_688, 2_688, 3), dtype=np.uint8)).save(tmp_path / "large.jpg")
    (tmp_path / "m.jsonl").write_text('{"image": "large.jpg", "caption": "grey noise in every corner"}')
    recipe = image_text(open_source(str(tmp_path / "m.jsonl")), images=Pretraining(max_side_px=10_000, max_crops=36), duplicates="keep")[
        0
    ].make(Earlier())
    result = build(recipe, tmp_path / "out", Execution(workers=0))
    assert result.totals["sums"]["image.num_crops"] == 37
    assert result.totals["sums"]["contract.num_image_tokens"] == 9_585
    assert verify(result.path).problems == []
