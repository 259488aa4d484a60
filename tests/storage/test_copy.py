"""A copy holds the bytes of the corpus, wherever both lie; one that was stopped goes on, and nothing else is overwritten or believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipelines import copy
from pipelines.build import Execution, build
from pipelines.copy import CopyError, copy_command, copy_corpus
from pipelines.verify import verify
from schemas.corpus import Corpus, CorpusError
from schemas.retry import StoreError
from schemas.sending import send_bytes
from schemas.store import place_of
from tests.s3 import Proxy, S3Server, download
from tests.toy import hashes, toy_recipe

app = typer.Typer()
app.command()(copy_command)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of four splits."""
    out = tmp_path_factory.mktemp("toy")
    build(toy_recipe(40), out, Execution(workers=0))
    return out / "toy"


def test_there_and_back_again(toy: Path, tmp_path: Path, s3: str) -> None:
    there = place_of(f"{s3}/toy")
    done = copy_corpus(toy, there)
    assert (done.num_splits, done.num_copied) == (4, 4)
    assert verify(there).problems == []
    assert download(there) == download(toy)
    assert copy_corpus(there, tmp_path / "again").num_copied == 4
    assert hashes(tmp_path / "again") == hashes(toy)
    assert build(toy_recipe(40), place_of(s3), Execution(workers=0)).num_built == 0  # it is a corpus of its recipe, as if built there


def test_a_copy_that_was_stopped_is_no_whole_corpus_and_goes_on(
    toy: Path, s3: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = place_of(f"{s3}/toy")
    last = sorted(file.stem for file in Corpus(toy).ledger_files())[-1]
    with Proxy(s3_server) as proxy, monkeypatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        proxy.refuse = lambda method, path: (403, "AccessDenied") if method == "PUT" and f"shards/{last}" in path else None
        with pytest.raises(StoreError, match="the store forbids it"):
            copy_corpus(toy, there, at_once=1)
    with pytest.raises(CorpusError, match=r"has no corpus\.json"):
        Corpus(there).totals()
    assert Corpus(there).committed() == Corpus(toy).committed() - {last}
    assert copy_corpus(toy, there).num_copied == 1
    assert download(there) == download(toy)
    assert copy_corpus(toy, there).num_copied == 0


def test_a_damaged_corpus_is_not_copied(toy: Path, tmp_path: Path) -> None:
    copy_corpus(toy, tmp_path / "toy")
    (entry,) = list(Corpus(tmp_path / "toy").entries())[:1]
    shard = tmp_path / "toy" / entry.shard.name
    shard.write_bytes(shard.read_bytes()[:-1] + b"!")
    with pytest.raises(CorpusError, match="does not have the checksum that the ledger gives"):
        copy_corpus(tmp_path / "toy", tmp_path / "other")
    assert not (tmp_path / "other" / entry.shard.name).exists()
    assert not Corpus(tmp_path / "other").is_complete()
    shard.unlink()
    with pytest.raises(CorpusError, match="is named by the ledger but is missing"):
        copy_corpus(tmp_path / "toy", tmp_path / "third")
    file = tmp_path / "toy" / "ledger" / f"{entry.split['id']}.json"
    file.write_text(file.read_text().replace(entry.shard.name, "../../stolen"))
    with pytest.raises(CorpusError, match=r"'\.\./\.\./stolen' is no place of a file of a corpus"):
        copy_corpus(tmp_path / "toy", tmp_path / "fourth")
    assert not (tmp_path / "stolen").exists()


def test_what_is_there_already_is_not_overwritten(toy: Path, tmp_path: Path, s3: str) -> None:
    build(toy_recipe(30), tmp_path, Execution(workers=0))
    with pytest.raises(CopyError, match=r"another corpus is there: parameters\.source\.count was 30, is now 40"):
        copy_corpus(toy, tmp_path / "toy")
    place = place_of(s3)
    send_bytes(place / "notes.txt", b"mine")  # type: ignore[arg-type]
    with pytest.raises(CopyError, match="files that are no corpus are there"):
        copy_corpus(toy, place)
    copy_corpus(toy, tmp_path / "same")
    entry = Corpus(tmp_path / "same").ledger_files()[0]
    entry.write_bytes(entry.read_bytes() + b" ")
    with pytest.raises(CopyError, match=f"split {entry.stem} is there with other content"):
        copy_corpus(toy, tmp_path / "same")
    with pytest.raises(CopyError, match="lies in the corpus itself"):
        copy_corpus(toy, toy / "shards" / "copy")
    with pytest.raises(CopyError, match=r"cannot create an object only if it is absent.*hf upload-large-folder"):
        copy_corpus(toy, place_of("hf://datasets/me/toy"))


def test_the_command_says_what_it_copied_and_what_is_wrong(toy: Path, tmp_path: Path, s3: str) -> None:
    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(words))
        return done.exit_code, done.output

    assert run(str(toy), f"{s3}/toy")[1].startswith(f"{s3}/toy: 4 splits, 0.0 MB of shards")
    code, output = run(f"{s3}/toy", str(tmp_path / "toy"), "--json")
    assert (code, json.loads(output)[0]["num_copied"]) == (0, 4)
    assert run(str(toy), f"{s3}/toy")[1].startswith(f"{s3}/toy: 4 splits, 4 of them were there already")
    code, output = run(str(tmp_path / "none"), f"{s3}/none")
    assert (code, "has no recipe.json" in output) == (1, True)
    code, output = run(str(toy), "s3://me:hunter2@bucket/toy")
    assert (code, "carries a user, password or token" in " ".join(output.replace("│", " ").split()), "hunter2" in output) == (
        2,
        True,
        False,
    )
    assert run(str(toy), str(tmp_path / "named"), "--stages")[0] == 2
    assert copy.runs_file(toy).is_file()
    assert run(str(toy), str(tmp_path / "out" / "toy"), "--stages")[0] == 0
    assert copy.runs_file(tmp_path / "out" / "toy").read_bytes() == copy.runs_file(toy).read_bytes()
