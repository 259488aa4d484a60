"""Every planted fault is found, by the check that is there for it; files, counts and checksums of the faulty corpora are true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from model.validate import State, Validation, validate, without_training
from pipelines.corpora import CORPORA
from pipelines.verify import verify
from schemas.parts import Audio, Image
from schemas.records import Record, learned_texts
from tests.model.validate import planted

QUICK = without_training()


@pytest.fixture(scope="module")
def corpora(demo: dict[str, Any], run_folder: Path) -> Path:
    return run_folder / "demo" / "corpora"


def checked(path: Path) -> Validation:
    return validate(path, CORPORA[name_of(path)].stage, QUICK)


def name_of(path: Path) -> str:
    return str(json.loads((path / "recipe.json").read_text())["name"])


def plant(corpora: Path, name: str, tmp_path: Path, change: planted.Change) -> Path:
    return planted.rewrite(corpora / name, tmp_path / "planted", change)


def test_a_corpus_written_again_unchanged_passes(corpora: Path, tmp_path: Path) -> None:
    path = plant(corpora, "asr", tmp_path, lambda records: records)
    assert verify(path).problems == []
    assert checked(path).passed


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("asr", "contract.num_text_tokens"),
        ("image_text", "contract.num_image_tokens"),
        ("dpo", "contract.num_tokens"),
        ("packed", "contract.num_learned_tokens"),
    ],
)
def test_a_token_count_off_by_one(corpora: Path, tmp_path: Path, name: str, fact: str) -> None:
    found = checked(plant(corpora, name, tmp_path, planted.count_off_by_one(fact)))
    assert not found.passed
    assert found.check("contract").figures["num_bad_rows"] == 1
    assert f"{fact} says" in found.check("contract").sentence


@pytest.mark.parametrize(("name", "kind", "word"), [("sqqa", Audio, "frames give"), ("image_text", Image, "crops with content")])
def test_a_medium_stated_one_token_longer(corpora: Path, tmp_path: Path, name: str, kind: type, word: str) -> None:
    found = checked(plant(corpora, name, tmp_path, planted.placeholder_off_by_one(kind)))
    assert found.check("contract").state is State.FAIL
    assert word in found.check("contract").sentence


@pytest.mark.parametrize("name", ["asr", "sqqa", "vision_speech"])
def test_transposed_log_mel(corpora: Path, tmp_path: Path, name: str) -> None:
    path = plant(corpora, name, tmp_path, planted.transposed_log_mel)
    assert verify(path).problems == []
    assert checked(path).check("front_end").state is State.FAIL


@pytest.mark.parametrize("name", ["image_text", "chart", pytest.param("vision_sft.slides", marks=pytest.mark.slow)])
def test_crops_in_the_wrong_order(corpora: Path, tmp_path: Path, name: str) -> None:
    path = plant(corpora, name, tmp_path, planted.shuffled_crops)
    assert verify(path).problems == []
    assert checked(path).check("seams").state is State.FAIL


@pytest.mark.parametrize("name", ["vision_sft.ocr", "ocr_pdf"])
def test_crops_column_by_column(corpora: Path, tmp_path: Path, name: str) -> None:
    """White padding leaves its place with them."""
    path = plant(corpora, name, tmp_path, planted.transposed_crops)
    assert verify(path).problems == []
    found = checked(path).check("contract")
    assert found.state is State.FAIL
    assert "is not white" in found.sentence


SHIFTED = {
    "asr": {"pairing"},
    "sqa": {"pairing"},
    "sqqa": {"pairing"},
    "summarisation": {"pairing"},
    "function_calling": {"pairing"},
    "cot_sft": {"pairing", "facts"},
    "chart": {"pairing", "facts"},
    "code_completion": {"pairing", "facts"},
    "image_text": {"facts"},
    "vision_sft.ocr": {"facts"},
    "vision_sft.safety": {"facts"},
}


@pytest.mark.parametrize("name", SHIFTED)
def test_answers_shifted_by_one_row(corpora: Path, tmp_path: Path, name: str) -> None:
    path = plant(corpora, name, tmp_path, planted.shifted_answers)
    assert verify(path).problems == []
    found = checked(path)
    assert {check.name for check in found.checks if check.state is State.FAIL} == SHIFTED[name]


@pytest.mark.parametrize("name", ["asr", "image_text", "cot_sft", "dpo"])
def test_loss_on_the_prompt(corpora: Path, tmp_path: Path, name: str) -> None:
    path = plant(corpora, name, tmp_path, planted.learned_prompt)
    if name != "image_text" and name != "asr":  # there, placeholders would be learned, which counting alone does not see either
        assert verify(path).problems == []
    found = checked(path).check("contract")
    assert found.state is State.FAIL
    assert found.figures["num_bad_rows"] == found.figures["num_rows"]


def test_chosen_and_rejected_swapped(corpora: Path, tmp_path: Path) -> None:
    path = plant(corpora, "dpo", tmp_path, planted.swapped_sides)
    assert verify(path).problems == []
    found = checked(path).check("facts")
    assert found.state is State.FAIL
    assert found.figures["num_wrong"] >= 27


@pytest.fixture(scope="module")
def samples(sample: Path) -> dict[str, np.ndarray]:
    """What the sample's clips of speech sound like at 16 kHz, by their text."""
    found: dict[str, np.ndarray] = {}
    for line in (sample / "speech" / "manifest.jsonl").read_text().splitlines():
        if not line.startswith('{"audio_filepath"') or not line.endswith("}"):
            continue
        row = json.loads(line)
        file = sample / "speech" / row["audio_filepath"]
        if (
            file.suffix in (".wav", ".flac", ".mp3", ".ogg", ".opus")
            and file.is_file()
            and float(row.get("duration") or 0) > 1
            and "offset" not in row
        ):
            try:
                values, rate = soundfile.read(file, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                continue  # the sample has files that do not open, for the builders to refuse
            found[row["text"]] = soxr.resample(values.mean(axis=1), rate, 16_000)
    return found


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
@pytest.mark.parametrize("with_facts", [False, True])
def test_audio_of_another_rate_taken_for_16_khz(
    corpora: Path, tmp_path: Path, samples: dict[str, np.ndarray], rate_hz: int, with_facts: bool
) -> None:
    """With `with_facts` the stated lengths follow, as when the decoder itself was wrong; letters and spectrum tell it then."""

    def samples_of(record: Record) -> np.ndarray | None:
        return samples.get(learned_texts(record)[0])

    assert len(samples) >= 24
    path = plant(corpora, "asr", tmp_path, planted.with_rate(rate_hz, samples_of, with_facts))
    assert verify(path).problems == []
    found = checked(path).check("rate")
    assert found.state is State.FAIL
    assert ("stated lengths" in found.sentence) is not with_facts
