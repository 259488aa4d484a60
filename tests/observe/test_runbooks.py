"""What runbooks give a reader to copy: manifests, scripts, queries and a board name what there is."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines import logs
from pipelines.metrics import COUNTERS, GAUGES

RUNBOOKS = Path(__file__).parents[2] / "runbooks"
OURS = ("cluster.md", "kubernetes.md", "slurm.md", "observe.md", "stuck-build.md", "object-storage.md")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
METRIC = re.compile(r"corpusmill_[a-z_]+")


def blocks(document: str, *kinds: str) -> list[str]:
    return [block[2] for block in FENCE.finditer((RUNBOOKS / document).read_text()) if block[1] in kinds]


@pytest.fixture(scope="module")
def manifests() -> dict[str, Any]:
    found = [yaml.safe_load(text) for text in blocks("kubernetes.md", "yaml")]
    return {manifest["kind"]: manifest for manifest in found}


def groups(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def test_manifests_are_ray_clusters_of_our_version(manifests: dict[str, Any]) -> None:
    assert manifests.keys() == {"RayCluster", "RayJob"}
    for manifest in manifests.values():
        assert manifest["apiVersion"] == "ray.io/v1"
        assert manifest["metadata"]["name"].startswith("corpusmill")
    for cluster in (manifests["RayCluster"]["spec"], manifests["RayJob"]["spec"]["rayClusterSpec"]):
        assert cluster["rayVersion"] == version("ray")
        assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
        for group in groups(cluster):
            assert all(isinstance(value, str) for value in group["rayStartParams"].values())
            (container,) = group["template"]["spec"]["containers"]
            assert container["image"].endswith(f":{version('corpusmill')}")
            assert container["envFrom"] == [{"secretRef": {"name": "corpusmill-store"}}]
        for group in cluster["workerGroupSpecs"]:
            assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
            resources = group["template"]["spec"]["containers"][0]["resources"]
            assert resources["requests"] == resources["limits"]


def test_the_cluster_that_stays_wants_a_token_and_shows_its_server_to_itself_alone(manifests: dict[str, Any]) -> None:
    spec = manifests["RayCluster"]["spec"]
    assert spec["headGroupSpec"]["rayStartParams"]["dashboard-host"] == "127.0.0.1"
    text = (RUNBOOKS / "kubernetes.md").read_text()
    for group in groups(spec):
        env = {item["name"]: item for item in group["template"]["spec"]["containers"][0]["env"]}
        assert env["RAY_AUTH_MODE"]["value"] == "token"
        secret = env["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"]
        assert f"kubectl create secret generic {secret['name']} --from-literal={secret['key']}=" in text


def test_the_job_runs_a_build_and_ends_its_cluster(manifests: dict[str, Any]) -> None:
    spec = manifests["RayJob"]["spec"]
    assert spec["shutdownAfterJobFinishes"] is True
    words = spec["entrypoint"].split()
    assert words[:2] == ["corpusmill", "build"]
    assert words[words.index("--address") + 1] == "auto"
    folder = {
        mount["mountPath"]
        for group in groups(spec["rayClusterSpec"])
        for mount in group["template"]["spec"]["containers"][0]["volumeMounts"]
    }
    assert {str(Path(words[2]).parent)} == folder


def test_the_slurm_script_is_a_script(tmp_path: Path) -> None:
    (script,) = [text for text in blocks("slurm.md", "bash") if text.startswith("#!")]
    (tmp_path / "build.sbatch").write_text(script)
    checked = subprocess.run(["bash", "-n", str(tmp_path / "build.sbatch")], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    lines = script.splitlines()
    directives = [line for line in lines if line.startswith("#SBATCH")]
    first = next(at for at, line in enumerate(lines) if line and not line.startswith("#"))
    assert lines.index(directives[-1]) < first  # SLURM reads none after the first command
    assert {"RAY_AUTH_MODE=token", "umask 077"} <= set(re.findall(r"RAY_AUTH_MODE=\w+|umask \d+", script))
    broken = tmp_path / "broken.sbatch"
    broken.write_text(script.replace("fi\n", "", 1))
    assert subprocess.run(["bash", "-n", str(broken)], capture_output=True).returncode != 0


@pytest.mark.parametrize("document", OURS)
def test_shell_blocks_can_be_parsed(document: str) -> None:
    for text in blocks(document, "bash", "sh"):
        checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
        assert checked.returncode == 0, (text, checked.stderr)


@pytest.mark.parametrize("document", OURS)
def test_json_and_yaml_blocks_can_be_parsed(document: str) -> None:
    assert all(json.loads(text) for text in blocks(document, "json"))
    assert all(yaml.safe_load(text) for text in blocks(document, "yaml"))


def expressions(board: dict[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (variable["query"]["query"] for variable in board["templating"]["list"] if variable["type"] == "query")


def test_the_board_shows_every_metric_and_no_other() -> None:
    board = json.loads((RUNBOOKS / "grafana.json").read_text())
    named = {name for text in expressions(board) for name in METRIC.findall(text)}
    assert named == COUNTERS.keys() | GAUGES.keys()
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)) > 10
    for text in expressions(board):
        assert text.count("(") == text.count(")"), text
        assert set(re.findall(r"\$(\w+)", text)) <= {"corpus", "__rate_interval"}, text


def test_labels_that_queries_use_are_labels_of_their_metric() -> None:
    labels = {name: set(keys) for name, (_, keys) in (COUNTERS | GAUGES).items()}
    board = json.loads((RUNBOOKS / "grafana.json").read_text())
    seen = 0
    for text in (*expressions(board), *blocks("observe.md", "yaml"), (RUNBOOKS / "stuck-build.md").read_text()):
        for inside in re.findall(r'\{__name__=~"\(ray_\)\?(corpusmill_\w+)"([^}]*)\}', text):
            used = set(re.findall(r"(\w+)=~?\"", inside[1]))
            assert used <= labels[inside[0]], inside
            seen += 1
        for name, selector in re.findall(r"(?<!\?)\b(corpusmill_\w+)\{(\w[^}]*)\}", text):
            assert set(re.findall(r"(\w+)=~?\"", selector)) <= labels[name], name
    assert seen > 15


@pytest.mark.parametrize("document", ["observe.md", "stuck-build.md"])
def test_metrics_and_events_that_runbooks_name_exist(document: str) -> None:
    text = (RUNBOOKS / document).read_text()
    assert set(METRIC.findall(text)) <= COUNTERS.keys() | GAUGES.keys()
    events = {value for name, value in vars(logs).items() if name.isupper() and isinstance(value, str) and "_" in value and value.islower()}
    asked = set(re.findall(r'\.event == "(\w+)"', text))
    assert asked <= events
    assert asked


def test_every_metric_and_event_is_told_in_the_runbook() -> None:
    text = (RUNBOOKS / "observe.md").read_text()
    assert set(METRIC.findall(text)) == COUNTERS.keys() | GAUGES.keys()
    told = set(re.findall(r"`(\w+)`", text[text.index("| event | tells |") : text.index("Values of variables")]))
    kinds = ("CORPUS", "SPLIT", "WORKER", "NODE", "POOL", "RECORD", "STORE", "LOCK", "FAILED", "NOTE")
    assert told == {value for name, value in vars(logs).items() if name.isupper() and name.startswith(kinds) and isinstance(value, str)}


@pytest.mark.parametrize("document", OURS)
def test_runbooks_name_runbooks_that_exist(document: str) -> None:
    named = set(re.findall(r"`([a-z-]+\.(?:md|json))`", (RUNBOOKS / document).read_text()))
    assert {name for name in named if name.endswith(".md") and not (RUNBOOKS / name).is_file()} == set()
