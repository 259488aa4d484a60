"""The sample: the same bytes twice, and a ground truth that other libraries find again in the files.

Every family is compared byte by byte, none is left out: what tools write of their own (Ogg serials, zip and PDF dates) is fixed.
"""

from __future__ import annotations

import io
import json
import tarfile
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import av
import datasets
import ftfy
import numpy as np
import pymupdf
import pytest
import soundfile
import trafilatura
from lxml import etree
from PIL import Image, ImageOps

import pipelines.sample as sample_package
from pipelines.sample import LISTING, SAMPLE_FAMILIES, UNFINISHED, make_sample
from pipelines.sample.charts import make_charts
from pipelines.sample.images import COLOURS, GREYS
from pipelines.sample.ogg import with_serial
from pipelines.sample.speech import PER_SIZE, SILENT_TEXT, sentences, speak
from pipelines.sample.video import make_video
from processors.speech import flite
from schemas.shard import file_sha256


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


@pytest.fixture
def charts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves one quick family, for tests of how files come to their place."""
    monkeypatch.setattr(sample_package, "SAMPLE_FAMILIES", {"charts": make_charts})


def test_the_same_seed_gives_the_same_bytes(sample: Path, tmp_path: Path) -> None:
    told: list[str] = []
    made = make_sample(tmp_path, progress=told.append)
    assert told == list(SAMPLE_FAMILIES)
    assert not made.reused
    first, second = (json.loads((folder / LISTING).read_text()) for folder in (sample, tmp_path))
    assert second == first
    assert set(first["files"]) == files_of(tmp_path) - {LISTING}
    links = {name for name in first["files"] if (tmp_path / name).is_symlink()}
    assert links == {"code/trees/almanac/src/alias.py", "code/trees/almanac/src/away.py"}
    assert all(file_sha256(tmp_path / name) == sha256 for name, sha256 in first["files"].items() if name not in links)
    assert {name.split("/")[0] for name in first["files"]} == {*SAMPLE_FAMILIES, "deck_truth", "outside.wav"}


def test_the_video_does_not_depend_on_what_memory_held(tmp_path: Path) -> None:
    """Encoding twice in a row does not show it: x264 with its macroblock tree fails here in most runs, since the heap is dirty."""
    (tmp_path / "video").mkdir()
    rng, made = np.random.default_rng(0), set()
    for _ in range(8):
        dirt = [rng.bytes(int(size)) for size in rng.choice((500, 5_000, 20_000, 80_000, 110_000, 160_000, 300_000), 120)]
        del dirt[::2]
        make_video(tmp_path, 1, 0)
        made.add((tmp_path / "video" / "moving.mp4").read_bytes())
    assert len(made) == 1


def test_another_seed_gives_other_content() -> None:
    assert sentences(0, 20) != sentences(1, 20)
    assert len(set(sentences(0, 20 * PER_SIZE))) == 20 * PER_SIZE


@pytest.mark.usefixtures("charts_only")
def test_a_whole_sample_is_used_again_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    assert str(make_sample(tmp_path)) == "made: files of 13 charts"
    before = (tmp_path / "charts" / "000.png").stat().st_mtime_ns
    assert str(make_sample(tmp_path)) == "already there: files of 13 charts"
    assert (tmp_path / "charts" / "000.png").stat().st_mtime_ns == before
    whole = (tmp_path / "charts" / "000.png").read_bytes()
    (tmp_path / "charts" / "000.png").write_bytes(whole[:-1])
    assert not make_sample(tmp_path).reused
    assert (tmp_path / "charts" / "000.png").read_bytes() == whole


@pytest.mark.usefixtures("charts_only")
def test_a_smaller_sample_leaves_nothing_of_a_larger_one(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("not of the sample")
    assert make_sample(tmp_path, size=2).num_files == {"charts": 25}
    assert make_sample(tmp_path, size=1).num_files == {"charts": 13}
    assert files_of(tmp_path) == {
        LISTING,
        "mine.txt",
        "charts/questions.jsonl",
        *(f"charts/{n:03d}.{end}" for n in range(6) for end in ("png", "json")),
    }


@pytest.mark.usefixtures("charts_only")
@pytest.mark.parametrize("moves", [0, 1, 7, 25])
def test_a_run_that_ends_while_it_moves_is_made_good_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int) -> None:
    make_sample(tmp_path, size=1)
    honest, left = Path.replace, [moves]

    def replace(self: Path, target: Path) -> Path:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        return honest(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        if moves < 25:
            with pytest.raises(KeyboardInterrupt):
                make_sample(tmp_path, size=2)
        else:
            make_sample(tmp_path, size=2)
    assert not make_sample(tmp_path, size=1).reused
    assert len(files_of(tmp_path)) == 14
    assert not (tmp_path / UNFINISHED).exists()


@pytest.mark.usefixtures("charts_only")
def test_files_of_others_are_neither_replaced_nor_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    (folder / "charts").mkdir(parents=True)
    (folder / "charts" / "003.png").write_text("mine")
    with pytest.raises(FileExistsError, match=r"003\.png is there and is not of a sample; expected an empty folder"):
        make_sample(folder)
    assert (folder / "charts" / "003.png").read_text() == "mine"
    (folder / "charts" / "003.png").unlink()
    (tmp_path / "precious.txt").write_text("mine")
    (folder / LISTING).write_text(json.dumps({"files": {"../precious.txt": "0", str(tmp_path / "precious.txt"): "0"}}))
    make_sample(folder)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_without_flite_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    flite._version.cache_clear()
    with pytest.raises(RuntimeError, match="flite, which speaks English, is not on PATH; install it: apt-get install -y flite"):
        speak("hello", "slt")


def test_size_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="size is 0, expected 1 or more"):
        make_sample(tmp_path, size=0)


def test_ogg_pages_get_the_serial_and_stay_readable() -> None:
    sink = io.BytesIO()
    soundfile.write(sink, np.zeros(4_000, np.float32), 8_000, format="OGG", subtype="VORBIS")
    data = with_serial(sink.getvalue(), 7)
    assert data[14:18] == b"\x07\0\0\0"
    assert len(soundfile.read(io.BytesIO(data))[0]) == 4_000
    with pytest.raises(ValueError, match="byte 0 of 8 starts no Ogg page"):
        with_serial(b"no pages", 7)


def av_samples(path: Path) -> np.ndarray:
    """Mono 16 kHz samples by ffmpeg's decoders, with which the sample was not written (but for m4a)."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
    with av.open(str(path)) as container:
        pieces = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
        pieces += resampler.resample(None)
    return np.concatenate([piece.to_ndarray()[0] for piece in pieces])


def test_speech_is_what_its_manifest_says(sample: Path) -> None:
    written = (sample / "speech" / "manifest.jsonl").read_text().splitlines()
    truth = read_lines(sample / "speech" / "truth.jsonl")
    assert [row["line"] for row in truth] == list(range(1, len(written) + 1))
    refused = ["missing_file", "outside_root", "empty_audio", "not_audio", "corrupt_or_truncated", "too_long", "too_short"]
    assert Counter(row["expected"] for row in truth) == {"kept": PER_SIZE, **dict.fromkeys([*refused, "no_transcript", "bad_json"], 1)}
    rows = [json.loads(line) for line, known in zip(written, truth, strict=True) if known["expected"] == "kept"]
    assert len({row["text"] for row in rows}) == PER_SIZE
    assert {Path(row["audio_filepath"]).suffix for row in rows} == {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a"}
    assert {row["speaker"] for row in rows} == {"slt", "rms", "awb", "kal16", ""}
    for row in rows:
        samples = av_samples(sample / "speech" / row["audio_filepath"])
        assert len(samples) / 16_000 == pytest.approx(row["duration"], abs=0.15)  # codecs pad by whole frames
        assert (np.abs(samples).max() > 0.05) == (row["text"] != SILENT_TEXT)


def test_bad_speech_is_bad(sample: Path) -> None:
    place = sample / "speech"
    assert (sample / "outside.wav").is_file()
    assert not (place / "not_there.wav").exists()
    assert (place / "empty.wav").read_bytes() == b""
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.info(place / "text.wav")
    with soundfile.SoundFile(place / "cut.flac") as cut:
        announced = cut.frames
        try:
            assert len(cut.read()) < announced
        except soundfile.LibsndfileError as error:
            assert "lost sync" in str(error) or "flac" in str(error).lower()
    assert soundfile.info(place / "long.wav").duration > 30
    assert soundfile.info(place / "blink.wav").duration < 0.1


def seen(path: Path) -> Image.Image:
    """The picture as a viewer shows it: oriented, on white, eight bits."""
    with Image.open(path) as image:
        turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I"):
        turned = Image.fromarray((np.asarray(turned) // 257).astype(np.uint8))
    shown = turned.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")


def test_pictures_show_what_captions_and_boxes_say(sample: Path) -> None:
    place = sample / "images"
    raw = json.loads((place / "instances.json").read_text())
    captions = {row["image_id"]: row["caption"] for row in json.loads((place / "captions.json").read_text())["annotations"]}
    truth = {row["image"]: row for row in read_lines(place / "truth.jsonl")}
    kinds = {row["id"]: row["name"] for row in raw["categories"]}
    assert len(raw["images"]) == 36 == sum(row["expected"] == "kept" for row in truth.values())
    assert len({captions[image["id"]] for image in raw["images"]}) == 36
    for image in raw["images"]:
        known, caption = truth[image["file_name"]], captions[image["id"]]
        boxes = [row for row in raw["annotations"] if row["image_id"] == image["id"]]
        pixels = np.asarray(seen(place / image["file_name"])).astype(int)
        assert pixels.shape == (image["height"], image["width"], 3)
        assert [kinds[row["category_id"]] for row in boxes] == known["shapes"]
        words = [f"{colour} {shape}" for colour, shape in zip(known["colours"], known["shapes"], strict=True)]
        places = [caption.lower().index(word) for word in words]
        assert places == sorted(places)
        corner = pixels[0, 0] if known["stored"] != "palette_png" else np.array([255, 255, 255])
        assert (corner.mean() > 160) == ("light background" in caption)
        for row, colour in zip(boxes, known["colours"], strict=True):
            x, y, width, height = row["bbox"]
            expected = {**COLOURS, **GREYS}[colour]
            assert np.abs(pixels[y + height // 2, x + width // 2] - expected).max() < 40, image["file_name"]
        if known["stored"] in ("png", "sixteen_bit_png") and len(boxes) == 1:
            ys, xs = np.nonzero(np.any(pixels != pixels[-1, -1], axis=2))
            assert boxes[0]["bbox"] == [xs.min(), ys.min(), xs.max() - xs.min() + 1, ys.max() - ys.min() + 1]
            assert boxes[0]["area"] == len(ys)


def test_pictures_come_in_every_form(sample: Path) -> None:
    place = sample / "images"
    stored: dict[str, Image.Image] = {}
    for row in read_lines(place / "truth.jsonl"):
        if row["expected"] == "kept":
            stored[row["stored"]] = Image.open(place / row["image"])
    assert stored["turned_jpeg"].getexif()[0x0112] == 6
    assert stored["cmyk_jpeg"].mode == "CMYK"
    assert stored["palette_png"].mode == "P"
    assert isinstance(stored["palette_png"].info["transparency"], int)
    assert stored["sixteen_bit_png"].mode.startswith("I")
    assert stored["animated_webp"].n_frames == 2  # type: ignore[attr-defined]
    with pytest.raises(OSError, match=r"(?i)truncated"):
        Image.open(place / "cut.jpg").load()
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(place / "text.png")
    assert Image.open(place / "thin.png").size == (1, 1000)
    assert not (place / "not_there.jpg").exists()


def test_charts_answer_their_questions(sample: Path) -> None:
    tables = [json.loads(path.read_text()) for path in sorted((sample / "charts").glob("*.json"))]
    assert Counter(known["type"] for known in tables) == {"bar": 2, "line": 2, "pie": 2}
    for number, known in enumerate(tables):
        answers = {row["question"]: row["answer"] for row in known["questions"]}
        ranked = sorted(known["table"].items(), key=lambda item: item[1])
        assert answers[f"Which {known['row']} has the most {known['measured']}?"] == ranked[-1][0]
        assert answers[f"Which {known['row']} has the fewest {known['measured']}?"] == ranked[0][0]
        assert answers[f"How many {known['measured']} are there in total?"] == str(sum(value for _, value in ranked))
        assert len(answers) == 7
        if known["type"] == "bar":  # 300 px stand for 100; a column through the left edge of each bar
            pixels = np.asarray(Image.open(sample / "charts" / f"{number:03d}.png"))
            gap = 550 // len(ranked)
            for row, value in enumerate(known["table"].values()):
                column = pixels[71:370, 70 + gap * row + gap // 2 - gap // 3 + 1]
                coloured = np.any(column != column[0], axis=1) & (np.ptp(column, axis=1) > 0) | (column == 120).all(axis=1)
                assert coloured.sum() == pytest.approx(3 * value, abs=1)


def test_report_has_its_texts_in_reading_order(sample: Path) -> None:
    known = json.loads((sample / "documents" / "report.json").read_text())
    with pymupdf.open(sample / "documents" / "report.pdf") as document:
        assert document.metadata["title"] == known["title"]
        assert len(document) == 3 == len(known["pages"])
        for page, texts in zip(document, known["pages"], strict=True):
            found = " ".join(page.get_text().split())
            cells = [cell for row in texts["table"] for cell in row]
            places = [found.index(text) for text in [texts["header"], texts["heading"], *texts["columns"], *cells[:3], texts["footer"]]]
            assert places == sorted(places)
            (table,) = (
                page.find_tables().tables
            )  # its extract() takes the point out of "1.2" in PyMuPDF 2.0, so the text comes from the boxes
            assert [[page.get_text(clip=box).strip() for box in row.cells] for row in table.rows] == texts["table"]


def test_deck_has_its_texts(sample: Path) -> None:
    known = json.loads((sample / "documents" / "deck.json").read_text())["slides"]
    word = "{http://schemas.openxmlformats.org/drawingml/2006/main}t"
    assert len(known) == 4
    with zipfile.ZipFile(sample / "documents" / "deck.pptx") as deck:
        assert {member.date_time for member in deck.infolist()} == {(2026, 1, 1, 0, 0, 0)}
        for number, slide in enumerate(known, 1):
            shown = [item.text for item in etree.fromstring(deck.read(f"ppt/slides/slide{number}.xml")).iter(word)]
            assert shown == [slide["title"], *slide["text"], *(cell for row in slide.get("table", []) for cell in row)]
            notes = [item.text for item in etree.fromstring(deck.read(f"ppt/notesSlides/notesSlide{number}.xml")).iter(word)]
            assert slide["notes"] in notes
        chart = next(deck.read(name) for name in deck.namelist() if name.startswith("ppt/charts/chart"))
        assert all(f">{value}<".encode() in chart for value in ["Mill", "Bridge", "Weir", "Width in metres"])


def test_video_shows_its_events_at_their_times(sample: Path) -> None:
    known = json.loads((sample / "video" / "moving.json").read_text())
    with av.open(str(sample / "video" / "moving.mp4")) as container:
        assert container.streams.video[0].codec_context.name == known["codec"]
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    assert [time for time, _ in frames] == pytest.approx(known["frame_times_s"], abs=1e-3)
    change_s = known["events"][1]["time_s"]
    for (time, pixels), (x, y, width, height) in zip(frames, known["square_boxes"], strict=True):
        expected = (210, 40, 40) if time < change_s - 1e-3 else (40, 80, 210)
        assert np.abs(pixels[y + height // 2, x + width // 2].astype(int) - expected).max() < 30
        assert pixels[10, 10].min() > 220
    assert known["square_boxes"][0][0] == 0
    assert known["square_boxes"][-1][0] == known["width"] - 48


def test_documents_and_their_copies(sample: Path) -> None:
    written = (sample / "web" / "documents.jsonl").read_bytes().split(b"\n")[:-1]
    truth = [row for row in read_lines(sample / "web" / "truth.jsonl") if "line" in row]
    assert [row["line"] for row in truth] == list(range(1, len(written) + 1))
    good = [row for row in truth if "group" in row]
    expected = {"no_text": 2, "too_short": 1, "special_token_in_text": 2, "not_utf8": 1, "bad_json": 2}
    assert Counter(row["expected"] for row in truth if "expected" in row) == expected
    assert (len(good), len({row["group"] for row in good}), len({row["text"] for row in good})) == (200, 180, 180)
    forms = Counter()
    for row in good:
        text = json.loads(written[row["line"] - 1])["text"]
        plain = " ".join(ftfy.fix_text(unicodedata.normalize("NFC", text), uncurl_quotes=False).split())
        assert plain == row["text"], row["line"]
        if row["is_copy"]:
            forms["same" if text == row["text"] else "unicode" if not text.isascii() and "\r" not in text else "space"] += 1
            assert good[row["line"] - 2]["text"] == row["text"]
    assert set(forms) == {"same", "unicode", "space"}
    with pytest.raises(UnicodeDecodeError):
        next(written[row["line"] - 1] for row in truth if row.get("expected") == "not_utf8").decode()


def test_pages_hold_their_main_text(sample: Path) -> None:
    pages = [row for row in read_lines(sample / "web" / "truth.jsonl") if "page" in row]
    assert sorted(row["page"] for row in pages) == sorted(f"pages/{path.name}" for path in (sample / "web" / "pages").iterdir())
    assert len(pages) == 40
    assert Counter(row["lang"] for row in pages if row["lang"] != "en").keys() == {"de", "fr", "es"}
    assert sum(row["is_mojibake"] for row in pages) == 2
    for row in pages:
        found = trafilatura.extract((sample / "web" / row["page"]).read_text())
        found = " ".join(ftfy.fix_text(found, unescape_html=False, uncurl_quotes=False).split())
        assert all(" ".join(paragraph.split()) in found for paragraph in row["text"].split("\n")), row["page"]
        assert not any(word in found for word in ("cookies", "Imprint", "tracker", "Subscribe", "contact"))


def test_tars_hold_what_their_truth_says(sample: Path) -> None:
    truth = json.loads((sample / "wds" / "truth.json").read_text())
    assert set(truth) == {path.name for path in (sample / "wds").glob("*.tar")}
    for name in ("images-000000.tar", "hostile.tar"):
        with tarfile.open(sample / "wds" / name) as archive:
            members = archive.getmembers()
            assert {(member.mtime, member.uid, member.gid) for member in members} == {(0, 0, 0)}
            bad = [m.name for m in members if m.issym() or m.name.startswith(("/", ".."))]
            assert bad == [row["member"] for row in truth[name]["refused"]]
            for key, caption in truth[name]["kept"].items():
                assert archive.extractfile(f"{key}.txt").read().decode() == caption  # type: ignore[union-attr]
                Image.open(archive.extractfile(f"{key}.jpg")).load()  # type: ignore[arg-type]
                assert json.load(archive.extractfile(f"{key}.json")) == {"licence": "CC0-1.0"}  # type: ignore[arg-type]
    with pytest.raises(tarfile.ReadError, match="unexpected end of data"), tarfile.open(sample / "wds" / "truncated.tar") as archive:
        last = archive.getmembers()[-1]
        archive.extractfile(last).read()  # type: ignore[union-attr]


def test_parquet_opens_as_pictures(sample: Path, tmp_path: Path) -> None:
    rows = datasets.Dataset.from_parquet(str(sample / "parquet" / "captions.parquet"), cache_dir=str(tmp_path))
    captions = json.loads((sample / "wds" / "truth.json").read_text())["images-000000.tar"]["kept"]
    assert rows["caption"][:] == list(captions.values())
    assert [row["image"].format for row in rows] == ["JPEG"] * 12
