"""Replies that were paid for as the source of another corpus, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from pipelines.__main__ import app
from pipelines.build import Execution, build
from pipelines.endpoint.engine import OpenAiEngine
from pipelines.source.replies import KeptReplies
from pipelines.verify import verify
from processors.tasks.writing import Prompt, asking
from schemas.corpus import Corpus
from schemas.records import Conversation, Row, learned_texts
from schemas.replies import Replies
from tests.pipelines.endpoint.build_once import recipe
from tests.pipelines.endpoint.conftest import KEY
from tests.servers import Server


def build_from(place: Path, replies: Path) -> Path:
    lines = [
        'out = "corpora"',
        "[corpora.text_safety]",
        f'source = {{ path = "{replies}", format = "replies" }}',
        'writer = "given"',
        'prompts = "harmless"',
    ]
    (place / "build.toml").write_text("\n".join(lines))
    done = CliRunner().invoke(app, ["build", str(place / "build.toml"), "--workers", "0", "--json"])
    assert done.exit_code == 0, done.output
    return place / "corpora" / "text_safety"


def test_paid_replies_become_conversations(server: Server, tmp_path: Path) -> None:
    build(recipe(server.base_url, count=12), tmp_path / "first", Execution(workers=0))
    corpus = build_from(tmp_path, tmp_path / "first" / ".replies")
    records = list(Corpus(corpus).records())
    assert len(records) == 12
    assert {text for record in records for text in learned_texts(record)} == {f"You said: Write {number}" for number in range(12)}
    assert all(isinstance(record, Conversation) for record in records)
    assert verify(corpus).problems == []
    assert len(server.log()) == 12  # nothing was asked again


def test_the_key_is_neither_with_the_question_nor_in_the_ledger(server: Server, tmp_path: Path) -> None:
    server.set(key=KEY)
    prompts = [Prompt(f"is {KEY} my key?", KEY, history=(("user", KEY),)), Prompt("FILTER-400", KEY)]
    with asking(OpenAiEngine("toy", server.base_url, stream=True, timeout_s=5.0), Replies(tmp_path)) as write:
        kept = write(prompts)
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 3
    assert not any(KEY.encode() in data for data in (*files, *kept))
    rows = [row for split in KeptReplies(str(tmp_path)).splits() for row in KeptReplies(str(tmp_path)).read(split)]
    assert all(isinstance(row, Row) for row in rows)
    assert {json.dumps(row.fields["messages"]).count("[key]") for row in rows if isinstance(row, Row)} == {1, 5}
