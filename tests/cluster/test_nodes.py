"""Builds on a real Ray of several nodes: what is lost runs again elsewhere, what is broken is avoided, and no byte differs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import Execution, build
from tests.cluster import drive
from tests.cluster.nodes import Nodes, RayNode, may_make_namespaces, network, nodes
from tests.toy import hashes

pytestmark = [pytest.mark.cluster, pytest.mark.slow]  # several nodes of Ray start, each in ten seconds and more
SPELL = {"sleep_s": 0.02}
LITTLE: dict[str, Any] = {"count": 60, "per_split": 5, "spell": SPELL}


def in_process(tmp_path: Path, **options: Any) -> dict[str, str]:
    """Hashes of the same build without a cluster."""
    build(drive.recipe_of(options), tmp_path / "alone", Execution(workers=0))
    return hashes(tmp_path / "alone")


def named(cluster: Nodes, name: str, cpus: float = 1, **options: Any) -> RayNode:
    """A node more; its processes know what the test calls it."""
    env = {drive.NODE: name, **options.pop("env", {})}
    return cluster.add(cpus, env=env, wait=False, **options)


@contextlib.contextmanager
def tiny_disk(folder: Path) -> Iterator[None]:
    folder.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("this machine does not allow mounts")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A head without CPUs, and nodes `a`, which has a custom resource, and `b`, whose scratch disk holds 64 KiB."""
    scratch = tmp_path_factory.mktemp("scratch")
    with tiny_disk(scratch / "b"), nodes() as cluster:
        both = [named(cluster, "a", resources={"fast_disk": 2}), named(cluster, "b", env={"TMPDIR": str(scratch / "b")})]
        cluster.wait_for(*both)
        yield cluster


def committed(out: Path) -> int:
    return len(list(out.glob("toy/ledger/*.json")))


def test_a_cluster_is_filled_and_actors_go_where_their_resource_is(pair: Nodes, tmp_path: Path) -> None:
    options = {**LITTLE, "models": {"shout": {"log": str(tmp_path / "log")}}}
    resources = {"shout": {"pool": 1, "cpus": 0, "resources": [["fast_disk", 1]]}}
    out = tmp_path / "out"
    done = drive.finish(drive.start(out, pair.address, steps=resources, **options), out)
    assert done["workers"] == 2
    assert {line.split()[1] for line in (tmp_path / "log").read_text().splitlines()} == {"a"}
    (tmp_path / "log").unlink()
    assert hashes(out) == in_process(tmp_path, **options)


def test_what_the_cluster_cannot_hold_is_told_before_the_build(pair: Nodes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = drive.start(out, pair.address, steps={"shout": {"resources": [["tape", 1]]}}, models={"shout": {}}, **LITTLE)
    assert process.wait(120) == 1
    assert 'step shout needs 1 actor of 1 CPU, 1 of "tape" each, and the cluster has room for 0' in drive.errors(out)
    assert committed(out) == 0


def test_a_full_disk_on_one_node_moves_its_splits_to_another(pair: Nodes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = {**LITTLE, "strange": {"full_on": "b"}}
    done = drive.finish(drive.start(out, pair.address, **options), out)
    assert done["num_out"] == 30
    assert "No space left on device" in drive.said(out)
    assert "will run on another node" in drive.said(out)
    assert "has failed 3 times and is given no more splits" in drive.said(out)
    assert hashes(out) == in_process(tmp_path, **options)


def test_a_straggler_is_started_a_second_time_elsewhere(pair: Nodes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = {**LITTLE, "strange": {"slow_on": "b"}}
    patience = {"straggler_s": 2.0, "tick_s": 0.2}
    drive.finish(drive.start(out, pair.address, patience=patience, **options), out)
    assert "takes far longer than the others; it is run a second time" in drive.said(out)
    assert hashes(out) == in_process(tmp_path, **options)  # a minute a record on node b, and nobody waited for it


def test_a_driver_that_was_killed_is_run_again_beside_its_late_workers(pair: Nodes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = drive.start(out, pair.address, **LITTLE)
    drive.wait_for(lambda: committed(out) >= 2, process, out)
    process.send_signal(signal.SIGKILL)
    process.wait()
    drive.finish(drive.start(out, pair.address, **LITTLE), out)
    assert hashes(out) == in_process(tmp_path, **LITTLE)


def test_a_node_lost_with_its_actors_and_a_node_that_joins(pair: Nodes, tmp_path: Path) -> None:
    """The last test of the pair: node b goes."""
    out = tmp_path / "out"
    options = {**LITTLE, "count": 200, "models": {"shout": {"log": str(tmp_path / "log")}}}
    process = drive.start(out, pair.address, steps={"shout": {"pool": 2, "cpus": 0.25}}, **options)
    drive.wait_for(lambda: committed(out) >= 2, process, out)
    pair.kill(pair.nodes[-1])
    joined = named(pair, "c", 2)
    done = drive.finish(process, out)
    pair.wait_for(joined)
    told = drive.said(out)
    assert "of the cluster is gone; what it held runs again elsewhere" in told
    assert done["rejects"] == {"odd": 100}  # nobody is condemned for a node's end
    (tmp_path / "log").unlink()
    assert hashes(out) == in_process(tmp_path, **options)


@pytest.mark.slow
def test_a_node_that_does_not_see_the_corpus_is_named_before_the_build(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    blind = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs tmpfs {tmp_path} && exec "$@"', "sh")
    if os.geteuid() or subprocess.run([*blind, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not allow mounts of its own for a process")
    with nodes(1) as cluster:
        cluster.wait_for(named(cluster, "blind", inside=blind))
        process = drive.start(out, cluster.address, **LITTLE)
        assert process.wait(120) == 1
        assert f"node {cluster.nodes[-1].name} cannot read {out}" in drive.errors(out)
        assert "every node must reach the source and the output" in drive.errors(out)


@pytest.mark.slow
def test_the_head_is_killed_and_the_same_command_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with nodes(2) as cluster:
        process = drive.start(out, cluster.address, patience={"head_s": 4.0}, **{**LITTLE, "count": 400})
        drive.wait_for(lambda: committed(out) >= 2, process, out)
        cluster.end()
        assert process.wait(120) == 1
        assert "has not answered for 4 s. What is committed stays: start the cluster and run the same command" in drive.errors(out)
        before = committed(out)
        cluster.start_head()
        cluster.add(2)
        drive.finish(drive.start(out, cluster.address, **{**LITTLE, "count": 400}), out)
        assert 2 <= before < 80
    assert hashes(out) == in_process(tmp_path, **{**LITTLE, "count": 400})


@pytest.mark.slow
def test_a_plan_without_room_waits_for_nodes_that_come(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with nodes() as cluster:
        process = drive.start(out, cluster.address, **LITTLE, execution={"workers": 2, "room_wait_s": 200.0})
        drive.wait_for(lambda: "waiting up to 200 s for nodes: a split asks for 1 CPU" in drive.said(out), process, out)
        cluster.add(2)
        assert drive.finish(process, out)["workers"] == 2
    assert hashes(out) == in_process(tmp_path, **LITTLE)


@pytest.mark.slow
def test_the_slow_step_gets_the_actors(tmp_path: Path) -> None:
    out = tmp_path / "out"
    models = {"fast": {"log": str(tmp_path / "fast")}, "slow": {"sleep_s": 0.1, "log": str(tmp_path / "slow")}}
    with nodes(8) as cluster:
        options = {"count": 800, "per_split": 20, "models": models, "patience": {"tick_s": 0.5}}
        drive.finish(drive.start(out, cluster.address, **options), out, 400)
    busy = {name: Counter(line.split()[0] for line in (tmp_path / name).read_text().splitlines()) for name in models}
    assert len(busy["slow"]) > len(busy["fast"])  # both began with as many


@pytest.mark.slow
def test_nodes_in_namespaces_get_the_code_and_a_slow_network_changes_nothing(tmp_path: Path) -> None:
    why = may_make_namespaces()
    if why:
        pytest.skip(why)
    out = tmp_path / "out"
    with network() as net, nodes(host=net.host) as cluster:
        for number in range(2):
            name, inside = net.add()
            cluster.add(1, name=name, inside=inside)
            net.slow(number, "delay", "40ms", "10ms", "loss", "1%")
        process = drive.start(out, cluster.address, **{**LITTLE, "count": 200})
        drive.wait_for(lambda: committed(out) >= 2, process, out)
        net.cut(1)  # the node lives, but nobody hears of it any more
        drive.finish(process, out)
        assert "of the cluster is gone" in drive.said(out)
    assert hashes(out) == in_process(tmp_path, **{**LITTLE, "count": 200})
