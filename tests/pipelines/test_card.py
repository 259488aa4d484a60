"""A card says what the recipe did and no more, and hubs and `datasets` understand its head."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import datasets
import pytest
import yaml

from pipelines.build import Execution, build
from pipelines.card import read_card
from pipelines.corpora import CORPORA
from pipelines.corpus_source import open_corpus
from pipelines.croissant import licences_of
from pipelines.export.run import Options, export
from pipelines.front_matter import HUB_LICENCES, MAX_TOLD_LICENCES, TASKS, licence_fields, size_category, yaml_features
from pipelines.recipe import Recipe
from pipelines.step import each
from processors.anonymise import ScrubPersonalData
from processors.contract import CONTRACT_FACTS, Contract
from processors.dialogue import LANGUAGE
from processors.text.language import DetectLanguage, KeepLanguages
from schemas.arrow import KINDS, features_of, schema_for
from schemas.corpus import Corpus
from schemas.outcome import Reject
from schemas.records import Document, Row, with_facts
from tests.toy import Numbers, Spell, hashes, toy_recipe


@dataclass(frozen=True, slots=True)
class StateNothing:
    """Says that no language is stated, which is what scrubbing reads."""

    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (LANGUAGE,)
    reasons: ClassVar = ()
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document:
        return with_facts(record, {LANGUAGE.name: ""})


@dataclass(frozen=True, slots=True)
class Stated:
    """Numbers whose source states this licence."""

    count: int
    licence: str
    reasons: ClassVar = ()

    def splits(self) -> list[Any]:
        return Numbers(self.count).splits()  # type: ignore[return-value]

    def read(self, split: Any) -> Iterator[Row | Reject]:
        for row in Numbers(self.count).read(split):
            assert row.origin is not None
            yield replace(row, origin=replace(row.origin, licence=self.licence))


def card_of(path: Path) -> tuple[dict[str, Any], dict[str, list[str]]]:
    head, _, parts = read_card((path / "README.md").read_text())
    return head, parts


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(toy_recipe(30, broken=(3,), steps=(each(Contract(1_000)),)), tmp_path_factory.mktemp("toy"), Execution(workers=0)).path


def test_a_card_says_what_happened(toy: Path) -> None:
    head, parts = card_of(toy)
    assert head["license"] == "cc0-1.0"
    assert head["size_categories"] == ["n<1K"]
    assert head["tags"] == ["corpusmill", "document", "text"]
    assert "language" not in head
    made = parts["How it was made"]
    assert made[2] == ("1. `spell`: A row becomes a document that says its number; meets trouble where it is told to. (sleep_s 0.0)")
    assert made[3] == "2. `keep_even`: KeepEven"
    assert "| source | 30 | 29 | unreadable 1 |" in parts["Funnel"]
    assert "| keep_even | 29 | 15 | odd 14 |" in parts["Funnel"]
    assert "- `odd` (14): The number is odd" in parts["Reasons"]
    assert "- `unreadable` (1): The row cannot be read" in parts["Reasons"]
    assert "| contract | contract.num_tokens | - | 1000 | too_long |" in parts["Limits"]
    assert "| CC0-1.0 | CC0-1.0 | 15 |" in parts["Licences"]
    assert any(line.startswith("- `toy` was built with corpusmill ") for line in parts["Engines and versions"])
    assert parts["Personal data and safety"] == [
        "- No step of this corpus looks for personal data: expect names, addresses and numbers as they stand in the sources.",
        "- No step of this corpus looks for benchmark items.",
    ]


def test_a_card_is_the_same_each_time(toy: Path, tmp_path: Path) -> None:
    again = build(toy_recipe(30, broken=(3,), steps=(each(Contract(1_000)),)), tmp_path, Execution(workers=0)).path
    assert hashes(again) == hashes(toy)
    assert "croissant.json" in hashes(again)


def stage(path: Path, out: Path, *steps: Any) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The card of a corpus made from another by these steps."""
    return card_of(build(Recipe("second", open_corpus(path), tuple(each(step) for step in steps)), out, Execution(workers=0)).path)


def test_a_card_tells_of_the_corpora_it_was_made_from(toy: Path, tmp_path: Path) -> None:
    _, parts = stage(toy, tmp_path, DetectLanguage())
    made = parts["How it was made"]
    assert made[0].startswith("`toy`, with all parameters in recipe.json")
    assert any(line.startswith("`second`, with all parameters") for line in made)
    assert made[-1].startswith("1. `detect_language`: Measures the language")
    assert "| keep_even | 29 | 15 | odd 14 |" in parts["Funnel"]
    assert "| source | 15 | 15 | - |" in parts["Funnel"]
    assert "- `odd` (14): The number is odd" in parts["Reasons"]
    assert "| contract | contract.num_tokens | - | 1000 | too_long |" in parts["Limits"]
    assert sum(" was built with corpusmill " in line for line in parts["Engines and versions"]) == 2


def test_a_language_is_told_where_a_gate_made_sure_of_it(toy: Path, tmp_path: Path) -> None:
    head, _ = stage(toy, tmp_path / "measured", DetectLanguage())
    assert "language" not in head
    head, _ = stage(tmp_path / "measured" / "second", tmp_path / "open", KeepLanguages())
    assert "language" not in head
    head, _ = stage(tmp_path / "measured" / "second", tmp_path / "kept", KeepLanguages(("en", "de")))
    assert head["language"] == ["de", "en"]
    head, _ = stage(tmp_path / "kept" / "second", tmp_path / "after", Contract(1_000))
    assert head["language"] == ["de", "en"]


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (
            "reject",
            "- Personal data and secrets in texts: records in which they were found are refused; names of people are not looked for.",
        ),
        (
            "scrub",
            "- Personal data and secrets found in texts are replaced by placeholders, which changes no sound; "
            "names of people are not looked for.",
        ),
        ("keep", "- Personal data and secrets found in texts are counted and marked in each row, and left where they are."),
    ],
)
def test_what_was_done_about_personal_data_is_said_as_it_was_done(toy: Path, tmp_path: Path, mode: str, said: str) -> None:
    stage(toy, tmp_path / "measured", StateNothing())
    _, parts = stage(tmp_path / "measured" / "second", tmp_path / "scrubbed", ScrubPersonalData(mode))
    assert parts["Personal data and safety"] == [said, "- No step of this corpus looks for benchmark items."]
    _, later = stage(tmp_path / "scrubbed" / "second", tmp_path / "later", Contract(1_000))
    assert later["Personal data and safety"] == parts["Personal data and safety"]


def test_licences_become_what_hubs_know_or_are_told_as_they_are() -> None:
    assert licence_fields({"CC0 1.0": 3, "cc0-1.0": 2}) == {"license": "cc0-1.0"}
    assert licence_fields({"unknown": 3}) == {"license": "unknown"}
    assert licence_fields({"MIT": 2, "unknown": 30}) == {
        "license": "other",
        "license_name": "see-each-row",
        "license_details": "unknown: 30 rows; MIT: 2 rows",
    }
    assert licence_fields({"GPL-3.0-or-later OR MIT": 1}) == {
        "license": "other",
        "license_name": "GPL-3.0-or-later OR MIT",
        "license_details": "GPL-3.0-or-later OR MIT: 1 rows",
    }
    many = licence_fields({f"Licence {number}": 1 for number in range(MAX_TOLD_LICENCES + 5)})
    assert many["license_details"].endswith("; and 5 more, see corpus.json")
    assert licence_fields({}) == {"license": "other", "license_name": "unknown", "license_details": ""}
    assert licences_of({"CC BY 4.0": 1, "MIT OR Apache-2.0": 2, "ask us": 3}) == [
        "ask us",
        "MIT OR Apache-2.0",
        "https://spdx.org/licenses/CC-BY-4.0",
    ]
    assert len(HUB_LICENCES) > 50


def test_the_text_of_a_licence_cannot_leave_its_place(tmp_path: Path) -> None:
    bad = "MIT | <b>x</b>\n---\n## Known limits\nnone"
    path = build(Recipe("bad", Stated(5, bad), (each(Spell()),)), tmp_path, Execution(workers=0)).path
    head, parts = card_of(path)
    assert head["license_details"] == "MIT | <b>x</b> --- ## Known limits none: 5 rows"
    assert parts["Licences"][2] == "| MIT &#124; &lt;b&gt;x&lt;/b&gt; --- ## Known limits none | - | 5 |"
    assert parts["Known limits"] == ["None known beyond the filters above."]


def test_sizes_have_the_names_of_the_hub() -> None:
    assert [size_category(num) for num in (0, 999, 1_000, 9_999, 10_000, 5_000_000, 10**9, 10**12, 10**15)] == [
        "n<1K",
        "n<1K",
        "1K<n<10K",
        "1K<n<10K",
        "10K<n<100K",
        "1M<n<10M",
        "1B<n<10B",
        "n>1T",
        "n>1T",
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mel_dtype", ["float32", "float16"])
def test_features_in_a_card_are_those_that_datasets_would_write(kind: str, mel_dtype: str) -> None:
    features = features_of(schema_for(kind, CONTRACT_FACTS, mel_dtype))
    written = yaml.safe_load(yaml.safe_dump(yaml_features(features)))
    assert datasets.Features._from_yaml_list(written) == datasets.Features.from_dict(features)


def test_datasets_loads_a_published_corpus_by_its_card(toy: Path, tmp_path: Path) -> None:
    shutil.copytree(toy, tmp_path / "repository")
    (tmp_path / "repository" / "state.json").unlink()  # with it `datasets` wants load_from_disk; hubs do not look
    rows = datasets.load_dataset(str(tmp_path / "repository"), cache_dir=str(tmp_path / "cache"), split="train")
    there = datasets.load_from_disk(str(toy))
    assert rows.features == there.features
    assert sorted(rows["key"]) == sorted(there["key"])
    assert len(rows) == 15


def test_an_export_keeps_the_card_and_changes_how_to_load(toy: Path, tmp_path: Path) -> None:
    head, parts = card_of(toy)
    for format, suffix in (("parquet", "parquet"), ("webdataset", "tar")):
        to = export(toy, tmp_path / format, Options(format)).path
        exported, sections = card_of(to)
        assert exported["configs"][0]["data_files"] == [{"split": "train", "path": f"data/*.{suffix}"}]
        assert {name: value for name, value in exported.items() if name not in ("configs", "dataset_info")} == {
            name: value for name, value in head.items() if name not in ("configs", "dataset_info")
        }
        assert list(sections) == list(parts)
        assert {name for name in parts if parts[name] != sections[name]} == {"Load it"}
    assert exported.get("dataset_info") is None
    rows = datasets.load_dataset(str(tmp_path / "parquet"), cache_dir=str(tmp_path / "cache"), split="train")
    assert rows["key"][:] == [record.key for record in Corpus(toy).records()]


def test_tasks_are_told_of_corpora_that_there_are() -> None:
    assert TASKS.keys() <= CORPORA.keys()
    of_the_hub = (
        "any-to-any audio-classification audio-text-to-text automatic-speech-recognition document-question-answering image-text-to-text "
        "image-to-text object-detection question-answering summarization text-generation translation video-text-to-text "
        "visual-question-answering"
    )
    assert {task for tasks in TASKS.values() for task in tasks} <= set(of_the_hub.split())


def test_cards_of_the_demonstration_are_understood(demo: dict[str, dict[str, Any]]) -> None:
    for name, row in demo.items():
        path = Path(row["path"])
        head, parts = card_of(path)
        found = datasets.Features._from_yaml_list(head["dataset_info"]["features"])
        assert found == datasets.load_from_disk(str(path)).features, name
        assert head["dataset_info"]["splits"] == [{"name": "train", "num_bytes": row["bytes"], "num_examples": row["out"]}]
        assert f"It feeds stage {CORPORA[name].stage} of a Phi-4-multimodal-style model." in parts["What it is for"]
        refused = {line.split("`")[1] for line in parts.get("Reasons", [])}
        assert row["rejects"].keys() <= refused, name
    assert card_of(Path(demo["speech_pretrain"]["path"]))[0]["task_categories"] == ["automatic-speech-recognition"]
    assert "- `hear` asks `Sphinx`" in card_of(Path(demo["vision_speech"]["path"]))[1]["Engines and versions"]
    assert any("`attempts`, with" in line for line in card_of(Path(demo["dpo"]["path"]))[1]["How it was made"])
