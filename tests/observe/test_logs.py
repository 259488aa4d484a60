"""The log of a build: what stands in it, and what never does."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest

from pipelines import logs
from pipelines.build import BuildError, Execution, Quiet, build
from pipelines.logs import LOGGER, Event, Observed, gathered, log_to, retell, tell
from schemas.corpus import Corpus
from tests.toy import toy_recipe


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


class Heard(Quiet):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def test_a_build_tells_each_split_and_each_quarantined_record(tmp_path: Path) -> None:
    with log_to(tmp_path / "log"):
        build(toy_recipe(30, raises=(3,)), tmp_path / "out", Execution(workers=0), Observed(Quiet()))
    told = lines(tmp_path / "log")
    assert [line["event"] for line in told if line["event"] != "record_quarantined"] == [
        "corpus_started",
        *["split_started", "split_committed"] * 3,
        "corpus_ended",
    ]
    assert {line["corpus"] for line in told if line["event"] != "record_quarantined"} == {"toy"}
    assert told[-1]["is_whole"] is True
    (faulted,) = [line for line in told if line["event"] == "record_quarantined"]
    (row,) = [row for row in Corpus(tmp_path / "out" / "toy").rejects() if row["failure"] == "fault"]
    assert (faulted["record"], faulted["step"], faulted["level"]) == (row["key"], "spell", "warning")
    assert faulted["message"] == "ValueError: planted fault at 3"
    committed = [line for line in told if line["event"] == "split_committed"]
    assert sum(line["num_in"] for line in committed) == 30
    assert sum(line["num_out"] for line in committed) == 15
    steps = [step for line in committed for step in line["steps"] if step["step"] == "keep_even"]
    assert sum(step["rejects"]["odd"] for step in steps) == 14
    assert all(line["time"].endswith("+00:00") for line in told)


def test_a_build_that_fails_says_why_in_its_log(tmp_path: Path) -> None:
    with log_to(tmp_path / "log"), pytest.raises(BuildError):
        build(toy_recipe(100, raises=tuple(range(60))), tmp_path / "out", Execution(workers=0), Observed(Quiet()))
    last = lines(tmp_path / "log")[-1]
    assert (last["event"], last["is_whole"]) == ("corpus_ended", False)
    assert "made a processor raise, more than the budget" in last["message"]


def test_what_is_built_is_the_same_with_a_log_and_without(tmp_path: Path) -> None:
    from tests.toy import hashes

    build(toy_recipe(raises=(3,)), tmp_path / "plain", Execution(workers=0))
    with log_to(tmp_path / "log"):
        build(toy_recipe(raises=(3,)), tmp_path / "told", Execution(workers=0), Observed(Quiet()))
    assert hashes(tmp_path / "plain") == hashes(tmp_path / "told")


def test_an_event_is_a_note_to_people_and_a_line_to_machines(tmp_path: Path) -> None:
    heard = Heard()
    observed = Observed(heard)
    with log_to(tmp_path / "log"):
        observed.start("toy", 2, 0, 0)
        observed.note("plain words")
        observed.note(Event("a worker died", logs.WORKER_DIED, split="s1", cause="OutOfMemoryError"))
        observed.note(Event("", logs.POOL_RESIZED, step="hear", num_actors=3))
    assert heard.notes == ["plain words", "a worker died"]
    _, plain, died, resized = lines(tmp_path / "log")
    assert (plain["event"], plain["message"], plain["corpus"]) == ("note", "plain words", "toy")
    assert (died["event"], died["split"], died["cause"], died["level"]) == ("worker_died", "s1", "OutOfMemoryError", "warning")
    assert (resized["event"], resized["num_actors"], "message" in resized) == ("pool_resized", 3, False)


def test_an_event_travels_between_processes() -> None:
    event = pickle.loads(pickle.dumps(Event("gone", logs.NODE_LOST, node="10.0.0.2")))
    assert (event, event.event, event.told) == ("gone", "node_lost", {"node": "10.0.0.2"})


def test_events_of_a_worker_reach_the_log_with_its_split(tmp_path: Path) -> None:
    with gathered() as events:
        LOGGER.getChild("store").warning("reading %s failed", "x", extra={"event": "store_retried", "told": {"operation": "read"}})
        tell(logs.SPLIT_STARTED, split="not a warning")
    with log_to(tmp_path / "log"):
        retell(pickle.loads(pickle.dumps(events)), corpus="toy", split="s1")
    (line,) = lines(tmp_path / "log")
    line.pop("time")
    assert line == {
        "level": "warning",
        "event": "store_retried",
        "corpus": "toy",
        "split": "s1",
        "operation": "read",
        "message": "reading x failed",
    }


def test_what_a_worker_gathers_is_bounded_and_counted() -> None:
    with gathered() as events:
        for number in range(logs.MAX_GATHERED + 5):
            tell(logs.STORE_RETRIED, f"{number}", logging.WARNING, operation="read")
    assert len(events) == logs.MAX_GATHERED
    assert events[-1]["num_more"] == 5


def test_nothing_is_made_where_nobody_listens(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert not LOGGER.isEnabledFor(logging.INFO)
    build(toy_recipe(20, raises=(3,)), tmp_path, Execution(workers=0), Observed(Quiet()))
    assert capfd.readouterr() == ("", "")


SECRET = "Zx81/wet+paint=="


@pytest.mark.parametrize(
    "name", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "HF_TOKEN", "OPENAI_API_KEY", "RAY_AUTH_TOKEN", "DB_PASSWORD"]
)
def test_values_of_credentials_never_stand_in_the_log(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, SECRET)
    with log_to(tmp_path / "log"):
        tell("note", f"failed with {SECRET}", place=f"https://host/x?k={SECRET}", steps=[{"detail": f"Zx {SECRET}"}], corpus="a")
        tell("note", "quoted Zx81%2Fwet%2Bpaint%3D%3D end")
    text = (tmp_path / "log").read_text()
    assert "wet" not in text
    assert [line["message"] for line in lines(tmp_path / "log")] == ["failed with ***", "quoted *** end"]
    assert lines(tmp_path / "log")[0]["steps"] == [{"detail": "Zx ***"}]


def test_what_ends_a_command_stands_in_the_log_and_on_the_terminal_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipelines.failure import fail

    monkeypatch.setenv("HF_TOKEN", SECRET)
    with log_to(tmp_path / "log"):
        assert fail(f"reading s3://user:word@host/a with {SECRET}", 2).exit_code == 2
    (line,) = lines(tmp_path / "log")
    assert (line["event"], line["level"], line["exit_code"]) == ("failed", "error", 2)
    assert line["message"] == "reading s3://***@host/a with ***"
