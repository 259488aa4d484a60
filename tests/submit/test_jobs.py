"""Builds submitted to a real head with a job server that wants a token: sent, followed, left, stopped, lost."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from pipelines import submit
from pipelines.build import Execution, Quiet, build
from pipelines.logs import Observed
from pipelines.metrics import observing
from pipelines.submit import JobError, connect, exit_code, follow
from tests.submit.head import JobHead, job_head
from tests.toy import hashes, toy_recipe

pytestmark = [pytest.mark.cluster, pytest.mark.slow]  # several nodes of Ray start, each in ten seconds and more
NODES_SECRET, LAPTOPS_SECRET = "the-nodes-own-secret", "the-laptops-own-secret"
APP = typer.Typer(pretty_exceptions_enable=False)
APP.command("submit")(submit.submit_command)
APP.add_typer(submit.app, name="jobs")


@pytest.fixture(scope="module")
def head() -> Iterator[JobHead]:
    with job_head({"HF_TOKEN": NODES_SECRET, "RAY_metrics_report_interval_ms": "500", "RAY_JOB_STOP_WAIT_TIME_S": "1"}) as started:
        yield started


@pytest.fixture(autouse=True)
def token(head: JobHead) -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", head.token)
        read_token_again()
        yield patch
    read_token_again()


def read_token_again() -> None:
    """Ray reads the mode and the token once a process."""
    from ray._raylet import AuthenticationTokenLoader, Config

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


def call(head: JobHead, *words: str) -> Result:
    return CliRunner().invoke(APP, [*words, "--address", head.address])


def start(head: JobHead, entrypoint: str) -> str:
    job = f"test-{uuid.uuid4().hex[:8]}"
    submit.ask_for(connect(head.address), job, {"entrypoint": entrypoint})
    return job


@pytest.fixture
def build_file(tmp_path: Path) -> Path:
    rows = [
        {"prompt": f"How do I mend bicycle number {at}?", "response": f"Take wheel {at} off first.", "label": "safe"} for at in range(24)
    ]
    (tmp_path / "laptop" / "raw").mkdir(parents=True)
    (tmp_path / "laptop" / "raw" / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "laptop" / "model").mkdir()  # a folder of the user's with the name of one of our packages
    (tmp_path / "laptop" / "build.toml").write_text('out = "corpora"\n[corpora.text_safety]\nsource = "raw/rows.jsonl"\n')
    return tmp_path / "laptop" / "build.toml"


def test_a_token_that_is_wrong_or_absent_is_one_sentence(head: JobHead, token: pytest.MonkeyPatch) -> None:
    for change in ({"RAY_AUTH_TOKEN": "0" * 64}, {"RAY_AUTH_MODE": "disabled"}):
        for name, value in change.items():
            token.setenv(name, value)
        read_token_again()
        result = call(head, "jobs", "list")
        assert result.exit_code == 1
        said = " ".join(result.output.split())
        assert said.startswith(f"error: {head.address} refuses the token, or none was given (401 or 403): set RAY_AUTH_MODE=token")
        assert head.token not in said
        assert "0000" not in said


def test_the_exit_code_is_the_job_s(head: JobHead) -> None:
    job = start(head, "echo first; echo second; exit 3")
    result = call(head, "jobs", "logs", job, "--follow")
    assert result.exit_code == 3
    assert "first\nsecond\n" in result.output
    assert json.loads(call(head, "jobs", "status", job).output)["exit_code"] == 3


def test_ctrl_c_leaves_the_job_running_and_stop_ends_it(head: JobHead) -> None:
    job = start(head, "echo begun; sleep 600")
    while "begun" not in connect(head.address).get_job_logs(job):
        time.sleep(0.2)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs tests in the background has it ignored
    timer = threading.Timer(2.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        left = call(head, "jobs", "logs", job, "--follow")
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert left.exit_code == 130
    said = " ".join(left.output.split())
    assert f"detached; job {job} goes on: follow it with `corpusmill jobs logs {job} --follow --address {head.address}`" in said
    assert f"stop it with `corpusmill jobs stop {job} --address {head.address}`" in said
    assert json.loads(call(head, "jobs", "status", job).output)["state"] == "RUNNING"
    assert f"{job}: STOPPED" in call(head, "jobs", "stop", job).output
    followed = call(head, "jobs", "logs", job, "--follow")
    assert followed.exit_code == 1
    assert "was stopped; what is committed stays" in " ".join(followed.output.split())


def test_a_job_that_the_cluster_does_not_know(head: JobHead) -> None:
    for words in (("status", "nobody"), ("logs", "nobody"), ("logs", "nobody", "--follow"), ("stop", "nobody")):
        result = call(head, "jobs", *words)
        assert result.exit_code == 1
        assert "knows no job nobody: see `corpusmill jobs list`" in " ".join(result.output.split()), words


class Cutting:
    """A way to the job server that breaks each connection for logs after a while."""

    def __init__(self, target: str) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        host, _, port = target.removeprefix("http://").partition(":")
        self.target = (host, int(port))
        self.num_cut = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self.server.accept()
                there = socket.create_connection(self.target)
                request = here.recv(65536)
                there.sendall(request)
                if b"/logs/tail" in request and self.num_cut < 2:
                    self.num_cut += 1
                    threading.Timer(1.0, self._cut, (here, there)).start()
                for source, sink in ((here, there), (there, here)):
                    threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

    def _cut(self, *ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def test_a_connection_that_breaks_is_made_again_and_nothing_is_said_twice(head: JobHead) -> None:
    way = Cutting(head.address)
    try:
        job = start(head, "for n in 1 2 3 4 5 6 7 8; do echo line $n; sleep 0.5; done")
        said: list[str] = []
        info = follow(connect(way.address), job, said.append, lambda note: None)
    finally:
        way.server.close()
    assert way.num_cut == 2
    assert exit_code(info) == 0
    assert [line for line in "".join(said).splitlines() if line.startswith("line")] == [f"line {n}" for n in range(1, 9)]


def test_ray_s_exporter_tells_the_metrics_of_a_build(head: JobHead, tmp_path: Path) -> None:
    with contextlib.ExitStack() as sessions:
        with observing(on_cluster=True):
            build(toy_recipe(20), tmp_path, Execution(workers=1, address=head.gcs), Observed(Quiet()), sessions)
        found = scraped(head, "ray_corpusmill_splits_committed_total", "ray_corpusmill_records_total")
    (committed,) = [line for line in found if line.startswith("ray_corpusmill_splits_committed_total")]
    assert 'corpus="toy"' in committed
    assert float(committed.rpartition(" ")[2]) == 2
    odd = [line for line in found if 'step="keep_even"' in line and 'outcome="refused"' in line and 'reason="odd"' in line]
    assert [float(line.rpartition(" ")[2]) for line in odd] == [10]


def scraped(head: JobHead, *names: str) -> list[str]:
    """Samples of the exporter, when all of these are there."""
    until_s = time.monotonic() + 120
    while True:
        with urllib.request.urlopen(head.metrics, timeout=30) as answer:
            lines: Any = [line for line in answer.read().decode().splitlines() if line.startswith("ray_corpusmill")]
        if all(any(line.startswith(name) for line in lines) for name in names):
            return list(lines)
        assert time.monotonic() < until_s, lines
        time.sleep(0.3)


def test_a_submitted_build_gives_the_files_of_the_laptop_and_goes_on_where_it_was(
    head: JobHead, build_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.__main__ import app

    monkeypatch.setenv("HF_TOKEN", LAPTOPS_SECRET)
    monkeypatch.setenv("AWS_PROFILE", "builders")
    local = CliRunner().invoke(app, ["build", str(build_file), "--workers", "0"])
    assert local.exit_code == 0, local.output
    words = ["submit", str(build_file), "--out", str(tmp_path / "shared"), "--python", sys.executable]
    sent = call(head, *words, "--workers", "1", "--env", "HF_TOKEN", "--env", "AWS_PROFILE")
    assert sent.exit_code == 0, sent.output
    assert hashes(tmp_path / "shared") == hashes(build_file.parent / "corpora")
    assert "text_safety" in sent.output

    (job,) = [row for row in json.loads(call(head, "jobs", "list", "--json").output) if row["build_file"] == "build.toml"]
    assert (job["state"], job["exit_code"], job["corpora"], job["out"]) == ("SUCCEEDED", 0, "text_safety", str(tmp_path / "shared"))
    again = call(head, "jobs", "logs", job["job"])
    assert "text_safety" in again.output
    told = "".join((sent.output, again.output, *(file.read_text(errors="replace") for file in head.folder.rglob("*.log"))))
    info = json.dumps(connect(head.address).get_job_info(job["job"]).runtime_env)
    assert "builders" in info
    for secret in (NODES_SECRET, LAPTOPS_SECRET, head.token):
        assert secret not in told + info


def test_a_node_without_the_credential_is_told_before_anything_is_built(head: JobHead, build_file: Path, tmp_path: Path) -> None:
    words = ["submit", str(build_file), "--out", str(tmp_path / "shared"), "--python", sys.executable, "--env", "ABSENT_TOKEN"]
    sent = call(head, *words)
    assert sent.exit_code == 2, sent.output
    assert "node 127.0.0.2 has no ABSENT_TOKEN in its environment; a credential is not sent with a job" in sent.output
    assert not (tmp_path / "shared" / "text_safety").exists()


def test_a_head_that_is_gone_is_told_with_what_to_do(head: JobHead, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of this module: the head does not come back."""
    monkeypatch.setattr(submit, "PATIENCE_S", 1.0)
    client = connect(head.address)
    job = start(head, "echo begun; sleep 600")
    while "begun" not in client.get_job_logs(job):
        time.sleep(0.2)
    timer = threading.Timer(1.0, head.kill)
    timer.start()
    with pytest.raises(JobError, match=f"the job may go on: follow it with `corpusmill jobs logs {job} --follow --address {head.address}`"):
        follow(client, job, lambda text: None, lambda note: None)
    timer.join()
