"""The clips of the sample: the same bytes every time, their truth exact, and what is planted is refused for what it is."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pipelines.build import Execution, build
from pipelines.corpora.multi_frame import multi_frame
from pipelines.corpora.vision_sft_video import video
from pipelines.sample.clips import COLOURS, PER_SIZE, make_clips
from pipelines.source import open_source
from pipelines.stage import Earlier
from pipelines.verify import verify
from processors.video.clip import read_clip
from processors.video.select import Selection
from schemas.corpus import Corpus
from tests.toy import hashes


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    make_clips(folder, 1, 0)
    return folder


def test_the_same_bytes_every_time(clips, tmp_path):
    make_clips(tmp_path / "same", 1, 0)
    assert hashes(tmp_path / "same") == hashes(clips)
    make_clips(tmp_path / "other", 1, 1)
    assert hashes(tmp_path / "other") != hashes(clips)


def test_the_truth_is_what_is_seen(clips):
    rows = [json.loads(line) for line in (clips / "clips/rows.jsonl").read_text().splitlines()]
    assert len(rows) == PER_SIZE
    seen = 0
    for row in rows:
        if "tracks" not in row or row["way"] in ("pictures", "cut"):
            continue
        done = read_clip((clips / "clips" / (row.get("video") or row["image"])).read_bytes(), Selection(num_frames=100))
        boxes = row["tracks"][0]["boxes"]
        for frame, time_s in zip(done.frames, done.times_s, strict=True):
            x0, y0, x1, y1 = next(box["box"] for box in reversed(boxes) if box["time_s"] <= time_s + 1e-6)
            height, width = frame.shape[:2]
            assert np.abs(frame[round((y0 + y1) / 2 * height), round((x0 + x1) / 2 * width)].astype(int) - 235).max() > 30
            assert frame.reshape(-1, 3).mean() > 200  # the rest is background
            seen += 1
        turned = row["events"][-1]
        before, after = (
            done.frames[[i for i, time in enumerate(done.times_s) if at(time, turned["time_s"])][-1 if late else 0]] for at, late in BESIDE
        )
        box = [round(side * size) for side, size in zip(boxes[-1]["box"], (320, 240, 320, 240), strict=True)]
        colours = [frame[box[1] + 20 : box[3] - 20, box[0] + 20 : box[2] - 20].mean(axis=(0, 1)) for frame in (before, after)]
        assert np.abs(colours[0] - colours[1]).max() > 40
        assert np.abs(colours[1] - COLOURS[turned["event"].split()[-1]]).max() < 12
    assert seen > 120


BESIDE = ((lambda time, event: time < event - 1e-6, True), (lambda time, event: time >= event - 1e-6, False))


@pytest.mark.parametrize("corpus", [video, multi_frame])
def test_corpora_of_the_sample(clips, tmp_path, corpus):
    result = build(corpus(open_source(str(clips / "clips/rows.jsonl")), num_frames=12)[0].make(Earlier()), tmp_path, Execution(workers=0))
    assert verify(result.path).problems == []
    assert Counter(reject["reason"] for reject in Corpus(result.path).rejects()) == {"static": 1, "no_frames": 1, "truncated_video": 1}
    records = list(Corpus(result.path).records())
    assert len(records) == 6
    how = Counter(word for record in records for word in str(record.facts["answer.how"]).split())
    assert how["given"] >= 3
    assert sum(count for word, count in how.items() if word.startswith("frames:")) >= 14


def test_a_clip_fills_the_context(clips, tmp_path):
    stages = multi_frame(open_source(str(clips / "clips/rows.jsonl")), fill=True, max_tokens=4_000)
    result = build(stages[0].make(Earlier()), tmp_path, Execution(workers=0))
    records = [record for record in Corpus(result.path).records() if record.facts["frames.rule"] == "fill"]
    assert len(records) >= 4
    for record in records:
        a_frame = 500  # a frame of 320 x 240 px with its label takes 490 or so
        assert 4_000 - a_frame - 40 < record.facts["contract.num_tokens"] <= 4_000
        assert record.facts["frames.crops_a_frame"] == 1


def test_too_many_frames_are_multi_frame_s():
    with pytest.raises(ValueError, match="num_frames is 65, expected 64 or fewer; multi_frame takes more"):
        video(object(), num_frames=65)
