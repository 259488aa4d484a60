"""`corpusmill submit` and `corpusmill jobs`: a build as a job of a Ray cluster, followed from here, through Ray's own job server.

The connection may break and the terminal may go: the job goes on. What its corpora have committed outlives the job, the cluster and its head.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import requests
import typer
from ray.exceptions import AuthenticationError
from ray.job_submission import JobDetails, JobStatus, JobSubmissionClient, JobType
from rich.console import Console
from rich.table import Table

from pipelines.buildfile import BuildFileError
from pipelines.failure import err_console, fail
from pipelines.options import Corpora, Overrides
from pipelines.submission import Submission, SubmitError, plan_submission

PATIENCE_S = 600.0  # without any answer from the cluster; the job goes on, whoever follows it gives up
PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
STOP_S = 60.0
STARTING_S = 120.0  # the job server answers before the agents that start jobs are there
DETACHED = 130  # the exit code of a command that Ctrl-C ended
out_console = Console()

Address = Annotated[
    str, typer.Option(envvar="RAY_API_SERVER_ADDRESS", help="The cluster's job server, such as http://127.0.0.1:8265; a tunnel to it does.")
]
JobId = Annotated[str, typer.Argument(help="The job, as `corpusmill submit` and `corpusmill jobs list` name it.")]


class JobError(RuntimeError):
    """The cluster cannot be asked, or does not know the job; the message says what to do."""


def submit_command(
    build_file: Annotated[Path, typer.Argument(help="A TOML build file, the same as for `corpusmill build`.")],
    address: Address,
    corpus: Corpora = None,
    set_: Overrides = None,
    out: Annotated[str | None, typer.Option(help="Where the corpora go, over the file's: a URL, or a folder that all nodes share.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Splits that are built at a time. Default: as the cluster has room.")] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            help="A variable that the build needs, by name (may be repeated). The value of a credential is not sent: the nodes must have it."
        ),
    ] = None,
    wheel: Annotated[Path | None, typer.Option(help="The wheel of corpusmill to run. Default: the code that runs here.")] = None,
    python: Annotated[str, typer.Option(help="Python on the cluster's nodes.")] = "python",
    rebuild: Annotated[bool, typer.Option(help="Remove what is there and start anew.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for the job.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
) -> None:
    """Submit a build to a Ray cluster as a job and follow it; submitted again after a loss, it goes on where it was.

    The exit code is the build's. Ctrl-C leaves the job running.
    """
    try:
        submission = plan_submission(build_file, corpus or (), set_ or (), out, workers, rebuild, env or (), wheel)
    except (BuildFileError, SubmitError, OSError) as error:
        raise fail(str(error), 2) from error
    if dry_run:
        for line in described(submission, address, python):
            out_console.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    job = f"corpusmill-{build_file.stem}-{uuid.uuid4().hex[:8]}"
    try:
        client = connect(address)
        send(client, submission, job, python)
    except JobError as error:
        raise fail(str(error)) from error
    err_console.print(f"submitted {', '.join(submission.corpora)} as job {job}", markup=False, highlight=False, soft_wrap=True)
    if detach:
        print(job)
        return
    raise typer.Exit(_followed(client, job, address))


def described(submission: Submission, address: str, python: str) -> Iterator[str]:
    """What a submission sends, and what it asks of the nodes, a line each; no value of a variable is shown."""
    order = submission.order()
    yield f"job at {address}: corpora {', '.join(submission.corpora)}, written to {submission.out}"
    yield f"runs: corpusmill {' '.join(submission.command)}"
    code = f"wheel {submission.wheel}" if submission.wheel else "the code that runs here"
    yield f"needs: {python} to be Python {'.'.join(map(str, order['python']))}, ray {order['ray']}; brings corpusmill {order['corpusmill']} ({code})"
    yield f"sends {len(submission.files):,} files, {sum(submission.files.values()) / 1e6:,.2f} MB"
    yield from (f"  {name} ({num_bytes:,} bytes)" for name, num_bytes in submission.files.items())
    yield from (f"every node must see: {place}" for place in submission.places)
    yield from (f"every node must have in its environment: {name}" for name in submission.needed_env)
    yield from (f"sends the value of: {name}" for name in submission.sent_env)


# ---- the cluster's job server


@contextmanager
def _told(address: str, job: str = "") -> Iterator[None]:
    """Errors of Ray's client as one sentence each."""
    try:
        yield
    except AuthenticationError as error:
        raise JobError(
            f"{address} refuses the token, or none was given (401 or 403): set RAY_AUTH_MODE=token and the cluster's token in RAY_AUTH_TOKEN, "
            "or the file that holds it in RAY_AUTH_TOKEN_PATH"
        ) from error
    except (requests.RequestException, ConnectionError, ValueError) as error:
        raise Unreachable(
            f"{address} gives no answer as a Ray job server ({type(error).__name__}); is the address right, and the tunnel to it open?"
        ) from error
    except RuntimeError as error:
        said = str(error)
        if job and ("status code 404" in said or "does not exist" in said):
            raise JobError(
                f"{address} knows no job {job}: see `corpusmill jobs list`. If the cluster's head was started anew, its jobs are gone, but what their "
                "corpora have committed is kept: submit the build again, it goes on where it was"
            ) from error
        raise JobError(f"{address}: {said}") from error


class Unreachable(JobError):
    """The cluster gives no answer: it may be gone, or only the way to it."""


def connect(address: str) -> JobSubmissionClient:
    """Ray's client of a job server; the token is read from the environment as Ray does. Raises JobError."""
    for name in (
        "dashboard.modules.dashboard_sdk",
        "dashboard.modules.job.sdk",
        "_private.runtime_env.packaging",
    ):  # else each package is told
        logging.getLogger(f"ray.{name}").setLevel(logging.WARNING)
    with _told(address):
        return JobSubmissionClient(address)


def send(client: JobSubmissionClient, submission: Submission, job: str, python: str) -> None:
    """Uploads what is sent and starts the job. Raises JobError."""
    folder = Path(tempfile.mkdtemp(prefix="corpusmill-submit-"))
    try:
        runtime_env = submission.stage(folder)
        told = {"build_file": submission.build_file.name, "corpora": ", ".join(submission.corpora), "out": submission.out}
        # the working directory must not shadow the packages that are sent: a folder `model` of the user's would
        asked = {"entrypoint": f"PYTHONSAFEPATH=1 {python} -m pipelines.submitted", "runtime_env": runtime_env, "metadata": told}
        with _told(client.get_address()):
            ask_for(client, job, asked)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ask_for(client: JobSubmissionClient, job: str, asked: dict[str, Any]) -> None:
    """Asks Ray for a job, again and again while the cluster is only starting."""
    until_s = time.monotonic() + STARTING_S
    while True:
        try:
            client.submit_job(submission_id=job, **asked)
            return
        except RuntimeError as error:
            if "No available agent" not in str(error) or time.monotonic() > until_s:
                raise
        time.sleep(1.0)


def info_of(client: JobSubmissionClient, job: str) -> JobDetails:
    """What the cluster knows of a job. Raises JobError where it knows none."""
    with _told(client.get_address(), job):
        return client.get_job_info(job)


def exit_code(info: JobDetails) -> int:
    """The exit code of a job that has ended: its driver's, 1 for one that was stopped, killed or never began."""
    if info.status == JobStatus.SUCCEEDED:
        return 0
    code = info.driver_exit_code
    return code if info.status == JobStatus.FAILED and code is not None and 0 < code < 128 else 1


def follow(client: JobSubmissionClient, job: str, write: Callable[[str], None], note: Callable[[str], None]) -> JobDetails:
    """Writes what a job says until it ends, and gives what the cluster knows of it then. A connection that breaks is made again.

    Raises: JobError when the cluster does not know the job any more, or has not answered for ten minutes.
    """
    num_written, last_answer_s, failures = 0, time.monotonic(), 0
    while True:
        try:
            for text in _tailed(client, job, num_written):
                num_written += len(text)
                write(text)
                last_answer_s, failures = time.monotonic(), 0
            info = info_of(client, job)
            last_answer_s, failures = time.monotonic(), 0
            if info.status.is_terminal():
                with _told(client.get_address(), job):
                    rest = client.get_job_logs(job)[num_written:]
                if rest:
                    write(rest)
                return info
        except (Unreachable, aiohttp.ClientError, OSError) as error:
            if time.monotonic() - last_answer_s > PATIENCE_S:
                raise JobError(
                    f"{client.get_address()} has not answered for {PATIENCE_S / 60:.0f} minutes; the job may go on: {again(job, client.get_address())}"
                ) from error
            if failures == 0:
                note(f"the connection to {client.get_address()} broke ({type(error).__name__}); trying again, the job goes on")
        time.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
        failures += 1


def _tailed(client: JobSubmissionClient, job: str, num_skipped: int) -> Iterator[str]:
    """What a job has said and says, without the first letters that are known already; ends when the connection does."""
    pieces = client.tail_job_logs(job)
    with asyncio.Runner() as runner:
        try:
            while True:
                try:
                    piece: str = runner.run(anext(pieces))  # type: ignore[arg-type]
                except (
                    StopAsyncIteration,
                    RuntimeError,
                ):  # Ray's own error for a connection that breaks; the caller asks for the job's state
                    return
                if piece[num_skipped:]:
                    yield piece[num_skipped:]
                num_skipped = max(0, num_skipped - len(piece))
        finally:
            runner.run(pieces.aclose())  # type: ignore[attr-defined]


def again(job: str, address: str) -> str:
    """How to come back to a job, and how to end it."""
    logs, stop = f"corpusmill jobs logs {job} --follow", f"corpusmill jobs stop {job}"
    return f"follow it with `{logs} --address {address}`, stop it with `{stop} --address {address}`"


def _followed(client: JobSubmissionClient, job: str, address: str) -> int:
    """Follows a job on this terminal; gives the exit code of the command."""
    try:
        info = follow(
            client, job, lambda text: print(text, end="", flush=True), lambda said: err_console.print(said, markup=False, soft_wrap=True)
        )
    except KeyboardInterrupt:
        err_console.print(f"\ndetached; job {job} goes on: {again(job, address)}", markup=False, highlight=False, soft_wrap=True)
        return DETACHED
    except JobError as error:
        raise fail(str(error)) from error
    if info.status == JobStatus.STOPPED:
        raise fail(f"job {job} was stopped; what is committed stays: submit the build again to go on")
    if info.status == JobStatus.FAILED and info.driver_exit_code is None:
        raise fail(f"job {job} did not run to its end: {info.message}; what is committed stays: submit the build again to go on")
    return exit_code(info)


# ---- jobs

app = typer.Typer(help="See, follow and stop the jobs that were submitted to a cluster.", no_args_is_help=True, add_completion=False)


@app.command("list")
def list_jobs(
    address: Address, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of a table.")] = False
) -> None:
    """List the jobs of a cluster, the newest first."""
    try:
        client = connect(address)
        with _told(address):
            jobs = [told(info) for info in client.list_jobs() if info.type == JobType.SUBMISSION]
    except JobError as error:
        raise fail(str(error)) from error
    jobs.sort(key=lambda row: row["started"] or "", reverse=True)
    if as_json:
        print(json.dumps(jobs, indent=2))
        return
    table = Table("job", "state", "corpora", "started", "s", "exit code")
    for row in jobs:
        table.add_row(
            row["job"],
            row["state"],
            row["corpora"],
            row["started"] or "",
            f"{row['seconds'] or 0:.0f}",
            str(row["exit_code"] if row["exit_code"] is not None else ""),
        )
    out_console.print(table)


@app.command("status")
def show_status(job: JobId, address: Address) -> None:
    """Print what the cluster knows of a job, as one JSON value."""
    try:
        print(json.dumps(told(info_of(connect(address), job)), indent=2))
    except JobError as error:
        raise fail(str(error)) from error


@app.command("logs")
def show_logs(
    job: JobId,
    address: Address,
    follow_: Annotated[bool, typer.Option("--follow", help="Until the job ends; the exit code is then the job's.")] = False,
) -> None:
    """Print what a job has said."""
    try:
        client = connect(address)
        info_of(client, job)
        if follow_:
            raise typer.Exit(_followed(client, job, address))
        with _told(address, job):
            print(client.get_job_logs(job), end="")
    except JobError as error:
        raise fail(str(error)) from error


@app.command("stop")
def stop_job(job: JobId, address: Address) -> None:
    """Stop a job; what its corpora have committed stays."""
    try:
        client = connect(address)
        with _told(address, job):
            client.stop_job(job)
        until_s = time.monotonic() + STOP_S
        while not (info := info_of(client, job)).status.is_terminal():
            if time.monotonic() > until_s:
                raise fail(f"job {job} was told to stop and still runs after {STOP_S:.0f} s; look at the driver's node")
            time.sleep(0.2)
    except JobError as error:
        raise fail(str(error)) from error
    print(f"{job}: {info.status.value}")


def told(info: JobDetails) -> dict[str, Any]:
    """A job as plain values; of its environment nothing, of its variables nothing."""
    metadata = info.metadata or {}
    started, ended = (None if at is None else datetime.fromtimestamp(at / 1e3, UTC) for at in (info.start_time, info.end_time))
    now = ended or datetime.now(UTC)
    return {
        "job": info.submission_id,
        "state": info.status.value,
        "corpora": metadata.get("corpora", ""),
        "build_file": metadata.get("build_file", ""),
        "out": metadata.get("out", ""),
        "started": started.isoformat(timespec="seconds") if started else None,
        "seconds": round((now - started).total_seconds(), 1) if started else None,
        "exit_code": info.driver_exit_code,
        "message": info.message if info.status == JobStatus.FAILED and info.driver_exit_code is None else "",
    }
