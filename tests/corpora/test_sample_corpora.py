"""Each corpus from the sample: what comes out against the sample's ground truth, and how other libraries open it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasets import load_from_disk

from pipelines.corpora import CORPORA
from pipelines.stage import earlier_stages
from pipelines.verify import verify
from processors.audio.decode import decode_audio
from processors.audio.log_mel import log_mel
from processors.image.crops import crop_pixels, make_canvas
from processors.image.decode import decode_image
from processors.image.encode import decode_canvas
from schemas.arrow import log_mel_view
from schemas.corpus import Corpus, read_batches
from schemas.parts import Canvas

# a row gives several records, or several rows one
EXPANDING = ("speech_pretrain", "ast", "sqa", "ssum", "audio_understanding", "ocr_pdf", "vision_sft.slides", "vision_sft.multi_image")
EXPANDING += ("vision_sft.chart_table_diagram", "packed", "function_calling", "summarisation", "code_completion", "attempts", "dpo")


@pytest.fixture(scope="module")
def built(demo: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return demo


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_corpus_verifies(built: dict[str, dict[str, Any]]) -> None:
    assert set(built) == set(CORPORA)
    for row in built.values():
        assert verify(Path(row["path"])).problems == []
        assert row["faults"] == 0
        if row["corpus"] not in EXPANDING:
            assert row["in"] == row["out"] + sum(row["rejects"].values())


def test_asr_keeps_and_refuses_what_the_sample_says(sample: Path, built: dict[str, dict[str, Any]]) -> None:
    expected = [line["expected"] for line in lines(sample / "speech" / "truth.jsonl")]
    row = built["asr"]
    assert row["out"] == expected.count("kept")
    rejects = dict(row["rejects"])
    assert rejects.pop("corrupt_audio", 0) + rejects.pop("truncated_audio", 0) == expected.count("corrupt_or_truncated")
    assert rejects == {name: expected.count(name) for name in set(expected) - {"kept", "corrupt_or_truncated"}}


def test_language_gives_every_text_and_page_its_known_fate(sample: Path, built: dict[str, dict[str, Any]]) -> None:
    truth = lines(sample / "web" / "truth.jsonl")
    crawl = lines(sample / "crawl" / "truth.jsonl")
    groups = {line["group"] for line in truth if "group" in line}
    copies = sum("group" in line for line in truth) - len(groups)
    pages = len(list((sample / "web" / "pages").iterdir()))
    row = built["language_pretrain"]
    fates = [line["expected"] for line in (*truth, *crawl) if "expected" in line]
    assert row["out"] == len(groups) + pages + fates.count("kept")
    expected = {name: fates.count(name) for name in fates if name != "kept"}
    others = len(crawl) + 1  # each page's request, and what the crawler says of itself
    assert row["rejects"] == {"duplicate": copies, "not_a_page": others, "damaged_member": 1, **expected}


def test_language_keeps_maths_and_code_and_scrubs_addresses(built: dict[str, dict[str, Any]]) -> None:
    rows = {row["text.url"].rsplit("/", 1)[-1]: row for row in load_from_disk(built["language_pretrain"]["path"])}
    assert "\\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}" in rows["maths.html"]["text"]
    assert "    while len(numbers) < count:\n        numbers.append(numbers[-1] + numbers[-2])" in rows["code.html"]["text"]
    assert "posteo" not in rows["private.html"]["text"]
    assert rows["private.html"]["privacy.kinds"] == "email"
    assert rows["original.html"]["text"].count("It was first shown on a Sunday.") == 1
    assert "edited.html" not in rows


def test_packed_holds_every_token(built: dict[str, dict[str, Any]]) -> None:
    rows = load_from_disk(built["packed"]["path"]).with_format("numpy", columns=["segment_ids"])
    documents = Corpus(earlier_stages(Path(built["packed"]["path"]))[0]).totals()
    assert sum(int((row["segment_ids"] > 0).sum()) for row in rows) == documents["sums"]["contract.num_tokens"]  # type: ignore[index]


def test_languages_are_measured_right(sample: Path, built: dict[str, dict[str, Any]]) -> None:
    rows = load_from_disk(built["language_pretrain"]["path"])
    stated = [(row["text.stated_language"], row["text.language"]) for row in rows if row["text.stated_language"]]
    assert len(stated) == 180
    assert sum(a == b for a, b in stated) >= 178


def test_asr_rows_equal_direct_computation(sample: Path, built: dict[str, dict[str, Any]]) -> None:
    manifest = {row["text"]: row for row in lines_of_objects(sample / "speech" / "manifest.jsonl")[:48]}
    rows = load_from_disk(built["asr"]["path"]).with_format("numpy", columns=["log_mel"], output_all_columns=True)
    assert rows.features["log_mel"].shape == (None, 80)
    assert len(rows) == 48
    for row in rows:
        text = row["turns"][1]["parts"][0]["text"]
        direct = log_mel(decode_audio((sample / "speech" / manifest[text]["audio_filepath"]).read_bytes()).samples)
        assert np.array_equal(np.asarray(row["log_mel"]), direct)
        assert row["contract.num_audio_tokens"] == -(-len(direct) // 8)


def lines_of_objects(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]


def test_image_rows_equal_direct_computation(sample: Path, built: dict[str, dict[str, Any]]) -> None:
    files = {note["caption"]: image["file_name"] for note, image in captions(sample)}
    rows = load_from_disk(built["image_text"]["path"])
    for row in rows:
        caption = row["turns"][1]["parts"][0]["text"]
        pixels = decode_image((sample / "images" / files[caption]).read_bytes()).pixels
        info, picture = row["image_info"][0], np.asarray(row["images"][0])
        if max(pixels.shape[:2]) <= 1344:
            direct = make_canvas(pixels, 16)
            stored = Canvas(picture, info["content_width"], info["content_height"])
            assert np.array_equal(crop_pixels(stored), crop_pixels(direct))
        assert picture.shape == (info["grid_rows"] * 448, info["grid_columns"] * 448, 3)
    assert len(rows) == 36


def captions(sample: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    raw = json.loads((sample / "images" / "captions.json").read_text())
    images = {image["id"]: image for image in raw["images"]}
    return [(note, images[note["image_id"]]) for note in raw["annotations"]][:36]


def test_reading_a_log_mel_copies_nothing(built: dict[str, dict[str, Any]]) -> None:
    corpus = Corpus(Path(built["asr"]["path"]))
    shard = corpus.path / corpus.ledger()[0].shard.name
    with pa.memory_map(str(shard)) as source:
        before = pa.total_allocated_bytes()
        batch = pa.ipc.open_stream(source).read_next_batch()
        view = log_mel_view(batch.column("log_mel"), 0)
        assert pa.total_allocated_bytes() == before
        assert not view.flags.owndata
        assert not view.flags.writeable
        assert view.shape[1] == 80
        del view, batch


def test_plain_arrow_opens_the_rejects(built: dict[str, dict[str, Any]]) -> None:
    (measured,) = earlier_stages(Path(built["image_text"]["path"]))  # the last stage refuses duplicates, of which the sample has none
    corpus = Corpus(measured)
    rows = [row for entry in corpus.ledger() for batch in read_batches(corpus.path / entry.rejects.name) for row in batch.to_pylist()]
    assert sorted(row["reason"] for row in rows) == sorted(built["image_text"]["rejects"])
    assert all(row["locator"].startswith("image ") for row in rows)


def test_a_corpus_is_a_source(built: dict[str, dict[str, Any]]) -> None:
    from pipelines.corpus_source import open_corpus

    source = open_corpus(Path(built["image_text"]["path"]))
    records = [record for split in source.splits() for record in source.read(split)]
    assert len(records) == 36
    image = records[0].turns[0].parts[0]  # type: ignore[union-attr]
    assert decode_canvas(image.canvas).pixels.shape[2] == 3  # type: ignore[union-attr]
