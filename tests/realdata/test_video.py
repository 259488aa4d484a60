"""Real clips: frame times equal to the stated truth, every clip a row or a true reject, pixels as an independent tool gives them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from pipelines.build import Execution, build
from pipelines.corpora.multi_frame import multi_frame
from pipelines.corpora.vision_sft_video import video
from pipelines.source import open_source
from pipelines.stage import Earlier
from pipelines.verify import verify
from processors.video.clip import read_clip
from processors.video.decode import decode_clip
from processors.video.select import Selection
from schemas.corpus import Corpus
from schemas.outcome import Refused
from schemas.records import images_of

pytestmark = pytest.mark.realdata

SUFFIXES = (".mp4", ".mov", ".avi", ".webm", ".gif")


def every(index) -> range:
    return range(index.num_frames)


def files(realdata: Path) -> list[Path]:
    return [path for path in sorted((realdata / "09_video").rglob("*")) if path.suffix in SUFFIXES]


def stated_times(track: dict) -> list[float]:
    """Times of a track's frames from its table of durations."""
    times, at = [], 0
    for count, duration in track["durations"]:
        for _ in range(count):
            times.append(at / track["timescale"])
            at += duration
    return times


def test_times_are_those_of_the_track_tables(realdata):
    checked = 0
    for line in (realdata / "09_video/video_facts.jsonl").read_text().splitlines():
        told = json.loads(line)
        data = (realdata / "09_video" / told["file"]).read_bytes()
        if not told["moov_found"]:
            with pytest.raises(Refused, match="truncated_video: box mdat ends at byte 751857, the file at byte 456867"):
                decode_clip(data, every)
            continue
        for track in (track for track in told["tracks"] if track["handler"] == "vide"):
            stream = told["tracks"].index(track)
            done = decode_clip(data, every, max_side_px=16, stream=stream)
            assert list(done.times_s) == stated_times(track), told["file"]
            assert done.num_frames == track["samples"]
            assert (done.num_corrupt, done.ends_early) == (0, False)
            assert done.duration_s == sum(count * duration for count, duration in track["durations"]) / track["timescale"]
            stood_up = (track["height"], track["width"]) if track["rotation"] in (90, 270) else (track["width"], track["height"])
            assert (done.width_px, done.height_px) == pytest.approx(stood_up, abs=1)  # headers cut the fraction off
            checked += 1
    assert checked == 13  # of 12 files; one has two video streams


@pytest.mark.parametrize("stream", [0, 3])
def test_times_are_those_that_ffprobe_told(realdata, stream):
    path = realdata / "09_video/torchcodec/nasa_13013.mp4"
    told = [
        float(frame["pts_time"]) for frame in json.loads(path.with_name(f"{path.name}.stream{stream}.all_frames_info.json").read_text())
    ]
    done = decode_clip(path.read_bytes(), every, max_side_px=16, stream=stream)
    assert len(done.times_s) == len(told)
    assert done.times_s == pytest.approx(told, abs=1e-6)
    best = decode_clip(path.read_bytes(), every, max_side_px=480)
    assert best.width_px == 480


def test_the_turned_clip_is_the_other_one_turned(realdata):
    plain, turned = ((realdata / "09_video" / name).read_bytes() for name in ("moviepy/example.mp4", "derived/example_rot90.mp4"))
    one, other = (decode_clip(data, lambda _: [0, 20, 49]) for data in (plain, turned))
    for upright, lying in zip(other.frames, one.frames, strict=True):
        assert np.array_equal(upright, np.rot90(lying, -1))


def test_a_gif_is_what_pillow_shows(realdata):
    path = realdata / "09_video/moviepy/pigs_in_a_polka.gif"
    done = read_clip(path.read_bytes(), Selection(num_frames=100))
    with PillowImage.open(path) as image:
        assert done.num_frames == image.n_frames == 30
        for number, frame in enumerate(done.frames):
            image.seek(number)
            white = PillowImage.new("RGBA", image.size, "white")
            assert np.array_equal(frame, np.asarray(PillowImage.alpha_composite(white, image.convert("RGBA")).convert("RGB")))


def test_seeking_changes_no_frame(realdata):
    for path in files(realdata):
        data = path.read_bytes()
        if path.suffix == ".gif" or "truncated" in path.name:
            continue
        last = decode_clip(data, lambda index: [index.num_frames - 1], max_side_px=64)
        whole = decode_clip(data, lambda index: [index.num_frames - 1], max_side_px=64, seeks=False)
        assert (last.times_s, last.frames[0].tobytes()) == (whole.times_s, whole.frames[0].tobytes()), path.name


def test_every_clip_is_a_row_or_a_true_reject(realdata, tmp_path):
    source = open_source(str(realdata / "09_video"), "folder", suffixes=SUFFIXES)
    count = len(files(realdata))
    for stages in (video(source, num_frames=4), multi_frame(source, num_frames=6)):
        result = build(stages[0].make(Earlier()), tmp_path, Execution(workers=0))
        assert verify(result.path).problems == []
        rejects = list(Corpus(result.path).rejects())
        # a file cut before its index, and a clip whose frames are one picture, the same in every byte
        assert Counter((reject["reason"], Path(reject["source"]).name) for reject in rejects) == {
            ("truncated_video", "chaplin_truncated60.mp4"): 1,
            ("static", "sample_10s_video-avi.avi"): 1,
        }
        records = list(Corpus(result.path).records())
        assert len(records) + len(rejects) == count == 17
        for record in records:
            times = [image.time_s for image in images_of(record)]
            assert times == sorted(times) or "order" in str(record.facts["answer.how"])
            assert record.facts["contract.num_tokens"] <= 131_072
