"""Builds that ask an endpoint: no question is paid for twice, whatever stops them, and nothing of the key is on disk."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.build import BuildError, Execution, build
from pipelines.cluster import needs
from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import Recipe
from pipelines.source import open_source
from pipelines.step import each, resources_of
from pipelines.verify import verify
from pipelines.writing import synthesis_steps
from processors.dialogue import TextTask
from schemas.corpus import Corpus
from schemas.records import Document
from tests.pipelines.endpoint.build_once import CONCURRENCY, COUNT, recipe
from tests.pipelines.endpoint.conftest import KEY
from tests.servers import ROOT, Server
from tests.toy import hashes

INLINE = Execution(workers=0)


def under_way(server: Server) -> int:
    return sum(row["outcome"] == "under way" for row in server.log())


@pytest.mark.crash
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_build_that_is_ended_pays_again_for_what_was_under_way_alone(server: Server, tmp_path: Path, sign: int) -> None:
    server.set(delay_s=0.1)
    command = [sys.executable, "-m", "tests.pipelines.endpoint.build_once", server.base_url, str(tmp_path / "out"), "0"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    while sum(server.answered().values()) < 22:  # in the middle of the first call
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(sign)
    process.wait(timeout=30)
    while under_way(server):
        time.sleep(0.02)
    before = server.answered()
    assert 22 <= len(before) < COUNT
    result = build(recipe(server.base_url), tmp_path / "out", INLINE)
    assert result.totals["num_out"] == COUNT
    after = server.answered()
    assert len(after) == COUNT
    assert sum(after.values()) - COUNT <= CONCURRENCY  # those under way when it ended
    assert set((after - before).values()) == {1}
    assert verify(result.path).problems == []
    again = build(recipe(server.base_url), tmp_path / "again", Execution(workers=0, replies=str(tmp_path / "out" / ".replies")))
    assert server.answered() == after
    assert hashes(again.path) == hashes(result.path)


def test_a_budget_stops_a_build_which_then_goes_on(server: Server, tmp_path: Path) -> None:
    for number in range(1, 4):
        with pytest.raises(
            BuildError, match=r"building .*written: the budget of 25 requests is spent .*; 25 questions were answered in this run"
        ):
            build(recipe(server.base_url, max_requests=25), tmp_path, INLINE)
        assert len(server.log()) == 25 * number
    done = build(recipe(server.base_url, max_requests=25), tmp_path, INLINE)
    assert done.asked["write"] == 5
    assert set(server.answered().values()) == {1}
    assert done.totals["num_out"] == COUNT
    assert done.totals["rejects"] == {}


def test_trouble_with_the_endpoint_refuses_no_record(server: Server, tmp_path: Path) -> None:
    server.set(faults={"401": 1.0})
    with pytest.raises(BuildError, match=r"status 401.*is the key in the environment"):
        build(recipe(server.base_url), tmp_path, INLINE)
    assert Corpus(tmp_path / "written").committed() == set()
    server.set()
    assert build(recipe(server.base_url), tmp_path, INLINE).totals["num_out"] == COUNT


def test_a_build_goes_on_when_its_server_has_moved(server: Server, tmp_path: Path) -> None:
    first = recipe(server.base_url)
    build(first, tmp_path, INLINE)
    moved = recipe("http://127.0.0.1:9/v1", concurrency=9, max_tries=1)
    assert moved.fingerprint() == first.fingerprint()
    assert build(moved, tmp_path, INLINE).num_resumed == 2
    with pytest.raises(BuildError, match=r"engine\.temperature was 0\.7, is now 0\.1"):
        build(recipe(server.base_url, temperature=0.1), tmp_path, INLINE)


def test_the_key_is_in_no_file(server: Server, tmp_path: Path) -> None:
    server.set(key="sk-another-0123456789", faults={"503": 0.3}, most_faults=2)
    with pytest.raises(BuildError) as stopped:
        build(recipe(server.base_url), tmp_path, INLINE)
    assert KEY not in str(stopped.value)
    server.set(key=KEY)
    result = build(recipe(server.base_url, count=10), tmp_path, Execution(workers=0, rebuild=True))
    assert result.totals["num_out"] == 10
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 10 + 5
    assert [file for file in files if KEY.encode() in file.read_bytes()] == []
    assert KEY not in repr(recipe(server.base_url))


def test_an_actor_takes_no_processor_from_the_work() -> None:
    step = recipe("http://host/v1").steps[0]
    assert resources_of(step) == {"num_cpus": 0}
    assert needs([step], 8) == {"CPU": 0, "GPU": 0}
    assert step.pool == 1


@pytest.mark.cluster
@pytest.mark.usefixtures("one_ray")
def test_on_ray_the_same_bytes_and_the_same_stop(server: Server, tmp_path: Path) -> None:
    here = build(recipe(server.base_url), tmp_path / "here", INLINE)
    paid = server.answered()
    there = build(recipe(server.base_url), tmp_path / "there", Execution(workers=2))
    assert hashes(there.path) == hashes(here.path)
    asked = server.answered() - paid
    assert set(asked.values()) == {1}  # two splits, one actor
    assert len(asked) == COUNT
    with pytest.raises(BuildError, match=r"the budget of 9 requests is spent"):
        build(recipe(server.base_url, max_requests=9), tmp_path / "budget", Execution(workers=2))
    assert len(list((tmp_path / "budget" / ".replies").glob("*/*"))) == 9


def test_synthetic_text_keeps_its_seed_as_parent(server: Server, tmp_path: Path) -> None:
    seeds = ["Silting of river harbours, dredging and breakwaters", "Tides, springs and neaps in narrow channels", "CUT-IT and tides"]
    (tmp_path / "seeds.jsonl").write_text("\n".join(json.dumps({"id": str(number), "text": seed}) for number, seed in enumerate(seeds)))
    source = open_source(str(tmp_path / "seeds.jsonl"))
    keys = {row.fields["text"]: row.key for split in source.splits() for row in source.read(split)}
    steps = synthesis_steps(("textbook",), Endpoint("toy", server.base_url), variants=2)
    result = build(Recipe("synthetic", source, (*steps, each(TextTask()))), tmp_path / "out", INLINE)
    assert result.totals["rejects"] == {"bad_reply": 2}
    records = list(Corpus(result.path).records())
    assert len(records) == 4
    for record in records:
        assert isinstance(record, Document)
        assert record.text.startswith("# Words and their letters")
        assert record.parents == (record.facts["synthetic.seed_key"],)
        assert record.facts["synthetic.recipe"] == "textbook"
        assert record.facts["task.written_by"] == "toy"
    assert {parent for record in records for parent in record.parents} == {keys[seed] for seed in seeds[:2]}
    assert verify(result.path).problems == []
