"""The corpora with `writer = "openai"`, from a build file, through the command line, against a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pipelines.__main__ import app
from pipelines.verify import verify
from processors.tasks.writing import WRITTEN_BY
from schemas.corpus import Corpus
from schemas.records import Conversation, learned_texts
from tests.processors.video.making import clip
from tests.servers import Server


def _audio(folder: Path, sample: Path, **more: object) -> dict[str, object]:
    """A row of real speech, its audio beside it, without questions."""
    row = json.loads((sample / "speech" / "manifest.jsonl").read_text().splitlines()[0])
    (folder / "a.wav").write_bytes((sample / "speech" / row["audio_filepath"]).read_bytes())
    return {"audio_filepath": "a.wav", "text": row["text"], "lang": "en", **more}


def _image(folder: Path, sample: Path, **more: object) -> dict[str, object]:
    rng = np.random.Generator(np.random.Philox(6))
    Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)).save(folder / "a.png")
    return {"image": "a.png", **more}


def _video(folder: Path, sample: Path) -> dict[str, object]:
    (folder / "a.mp4").write_bytes(clip())
    return {"video": "a.mp4"}


def _meeting(folder: Path, sample: Path) -> dict[str, object]:
    turns = [
        ("Ann", "the harbour master counted the fishing boats before the storm came in"),
        ("Bo", "we should tell the crews about it today"),
    ]
    return _audio(folder, sample, turns=[{"speaker": speaker, "text": text} for speaker, text in turns])


GERMAN = "Das ist ein Satz, den niemand gesagt hat, und der doch so lang ist wie jener, der hier gesprochen wird."
CASES: dict[str, tuple[Callable[[Path, Path], dict[str, object]], dict[str, Any], str]] = {
    "sqa": (_audio, {"per_clip": 1}, "{first}"),
    "sqqa": (_audio, {"form": "real"}, "You said: {text}"),
    "ssum": (
        _meeting,
        {"form": "recorded", "style": "given", "min_s": 0.5},
        "the harbour master counted the fishing boats before the storm came in.",
    ),
    "ast": (_audio, {"targets": ["de"], "form": "direct"}, GERMAN),
    "audio_understanding": (partial(_audio, label="dog"), {"per_clip": 1}, ""),
    "image_text": (_image, {"duplicates": "keep"}, "A picture that is 64 pixels wide and 48 pixels high lies on the table in the hall."),
    "vision_sft.general": (partial(_image, question="How large is it?"), {}, "There are 1 pictures; the first is 64 by 48 pixels."),
    "vision_sft.video": (_video, {"most_computed": 0}, "There are 8 pictures; the first is"),
    "multi_frame": (_video, {"most_computed": 0, "num_frames": 4}, "There are 8 pictures; the first is"),
}


def run(place: Path, corpus: str, source: str, server: Server, *more: str, **parameters: Any) -> tuple[int, str]:
    given = {"writer": "openai", "model": "toy", "base_url": server.base_url, **parameters}
    lines = [
        f'out = "corpora"\n[corpora.{corpus}]\nsource = "{source}"',
        *(f"{name} = {json.dumps(value)}" for name, value in given.items()),
    ]
    (place / "build.toml").write_text("\n".join(lines))
    done = CliRunner().invoke(app, ["build", str(place / "build.toml"), "--workers", "0", "--json", *more])
    return done.exit_code, done.output


@pytest.mark.parametrize("corpus", CASES)
def test_a_served_model_writes_what_the_rows_lack(server: Server, tmp_path: Path, sample: Path, corpus: str) -> None:
    make, parameters, told = CASES[corpus]
    given = make(tmp_path, sample)
    text = str(given.get("text", ""))
    (tmp_path / "rows.jsonl").write_text(json.dumps(given) + "\n")
    code, said = run(tmp_path, corpus, "rows.jsonl", server, **parameters)
    assert code == 0, said
    row = json.loads(said)[0]
    assert (row["out"], row["rejects"]) == (1, {}), said
    assert row["engines"]["write"]["asked"] == 1
    (record,) = Corpus(Path(row["path"])).records()
    assert isinstance(record, Conversation)
    assert record.facts[WRITTEN_BY.name] == "toy"
    assert told.format(text=text, first=" ".join(text.split()[:4])) in learned_texts(record)[0]
    assert verify(Path(row["path"])).problems == []
    (asked,) = server.log()
    assert (asked["parameters"]["model"], asked["parameters"]["temperature"]) == ("toy", 0.7)


def test_a_reply_that_is_cut_refuses_its_record_alone(server: Server, tmp_path: Path) -> None:
    rows = [_image(tmp_path, tmp_path, question=question) for question in ("How large is it?", "CUT-IT now?", "FILTER-400?")]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, said = run(tmp_path, "vision_sft.general", "rows.jsonl", server)
    assert code == 0, said
    row = json.loads(said)[0]
    assert (row["out"], row["rejects"]) == (1, {"bad_reply": 2})
    details = sorted(reject["detail"] for reject in Corpus(Path(row["path"])).rejects())
    assert details[0].startswith("cut at max_tokens; the reply starts 'There are 1 pictu")
    assert details[1].startswith("refused by the server: status 400: content_filter")


def test_what_is_missing_or_wrong_is_a_usage_error(server: Server, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n")
    assert run(tmp_path, "sqa", "rows.jsonl", server, model="")[0] == 2
    code, said = run(tmp_path, "sqa", "rows.jsonl", server, base_url="localhost")
    assert code == 2 and "expected the address of a server" in said
    code, said = run(tmp_path, "audio_safety", "rows.jsonl", server)
    assert code == 2 and "'model' is unknown" in said
    code, said = run(tmp_path, "sqqa", "rows.jsonl", server)
    assert code == 2 and "a model answers real speech alone" in said
    code, said = run(tmp_path, "sqa", "rows.jsonl", server, max_request=3)
    assert code == 2 and "did you mean 'max_requests'?" in said
    assert server.log() == []


def test_trouble_exits_with_one_sentence(server: Server, tmp_path: Path) -> None:
    server.set(faults={"404": 1.0})
    (tmp_path / "rows.jsonl").write_text(json.dumps(_image(tmp_path, tmp_path, question="Where?")) + "\n")
    code, said = run(tmp_path, "vision_sft.general", "rows.jsonl", server)
    assert code == 1
    assert "does the server have this model?" in said
    assert "Traceback" not in said
