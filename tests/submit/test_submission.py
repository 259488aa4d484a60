"""What a submission sends and what it refuses; nothing here needs a cluster."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines import submission as sent
from pipelines.buildfile import BuildFileError
from pipelines.submission import SubmitError, check_wheel, lay_code, plan_submission
from pipelines.submitted import absent, environment_problem, version_problem

BUILD = """
out = "s3://bucket/corpora"
[execution]
workers = 2
[corpora.asr]
source = "raw/manifest.jsonl"
[corpora.language_pretrain]
source = ["s3://bucket/web/*.warc.gz", "/shared/crawl/part-*.jsonl", { path = "texts/*.jsonl", licence = "CC0-1.0" }]
"""


@pytest.fixture
def build_file(tmp_path: Path) -> Path:
    for name in ("raw/manifest.jsonl", "raw/a/1.wav", "raw/.hidden/x", "texts/one.jsonl", "unnamed/large.bin", ".git/objects"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "build.toml").write_text(BUILD)
    return tmp_path / "build.toml"


def test_only_what_the_build_file_names_is_sent(build_file: Path) -> None:
    """No .git, no hidden files, nothing that lies beside unnamed; a manifest's media, since they are its source too."""
    plan = plan_submission(build_file)
    assert list(plan.files) == ["build.toml", "raw/a/1.wav", "raw/manifest.jsonl", "texts/one.jsonl"]
    assert plan.files["raw/a/1.wav"] == len("raw/a/1.wav")
    assert plan.places == ("/shared/crawl",)  # of a glob its folder
    assert plan.command == ("build", "build.toml", "--address", "auto")
    assert plan.corpora == ("asr", "language_pretrain")


def test_options_of_build_travel_with_the_command(build_file: Path) -> None:
    plan = plan_submission(build_file, ["asr"], ["asr.max_s=20"], "gs://b/c", 8, rebuild=True)
    words = "build build.toml --address auto --corpus asr --set asr.max_s=20 --out gs://b/c --workers 8 --rebuild"
    assert " ".join(plan.command) == words
    assert list(plan.files) == ["build.toml", "raw/a/1.wav", "raw/manifest.jsonl"]
    assert plan.out == "gs://b/c"


def test_an_override_may_name_the_source(build_file: Path) -> None:
    plan = plan_submission(build_file, ["asr"], ["asr.source=/shared/asr.jsonl"])
    assert list(plan.files) == ["build.toml"]
    assert plan.places == ("/shared/asr.jsonl",)


def test_a_folder_of_this_machine_is_no_out_for_a_cluster(build_file: Path) -> None:
    build_file.write_text(BUILD.replace("s3://bucket/corpora", "corpora"))
    with pytest.raises(SubmitError, match=r"go to 'corpora', a folder of this machine; a cluster needs an absolute path .* or a URL"):
        plan_submission(build_file)
    assert plan_submission(build_file, out="/shared/corpora").out == "/shared/corpora"


def test_a_source_is_never_sent_by_half(build_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (build_file.parent / "raw" / "a" / "2.wav").write_bytes(bytes(101))
    monkeypatch.setattr(sent, "MAX_FILE_BYTES", 101)
    assert "raw/a/2.wav" in plan_submission(build_file).files
    monkeypatch.setattr(sent, "MAX_FILE_BYTES", 100)
    with pytest.raises(SubmitError, match=r"'raw/manifest.jsonl' is sent with its folder, but raw/a/2.wav has 0.0 MB, more than"):
        plan_submission(build_file)


def test_all_that_is_sent_is_bounded(build_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    total = sum(plan_submission(build_file).files.values())
    monkeypatch.setattr(sent, "MAX_SENT_BYTES", total)
    plan_submission(build_file)
    monkeypatch.setattr(sent, "MAX_SENT_BYTES", total - 1)
    with pytest.raises(SubmitError, match="are 4 files of 0 MB, more than the"):
        plan_submission(build_file)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raw/none.jsonl", "'raw/none.jsonl' is not there beside the build file"),
        ("../outside.jsonl", "'../outside.jsonl' (leads out of|is not there)"),
        ("linked/rows.jsonl", "linked/away.jsonl is a link that leads out of the source's folder"),
    ],
)
def test_what_the_cluster_would_read_otherwise_is_refused(build_file: Path, source: str, message: str) -> None:
    (build_file.parent / "linked").mkdir()
    (build_file.parent / "linked" / "rows.jsonl").write_text("{}")
    (build_file.parent / "linked" / "away.jsonl").symlink_to(build_file.parent / "raw" / "manifest.jsonl")
    with pytest.raises(SubmitError, match=message):
        plan_submission(build_file, ["asr"], [f"asr.source={source}"])


def test_words_of_the_build_file_are_checked_here(build_file: Path) -> None:
    with pytest.raises(BuildFileError, match="'max_sec' is unknown; did you mean 'max_s'"):
        plan_submission(build_file, ["asr"], ["asr.max_sec=20"])
    with pytest.raises(BuildFileError, match="source is 5; expected a path"):
        plan_submission(build_file, ["asr"], ["asr.source=5"])


def test_credentials_travel_by_name_alone(build_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "builders")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret-value")
    plan = plan_submission(build_file, env=["AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS"])
    assert plan.sent_env == ("AWS_PROFILE",)
    assert plan.needed_env == ("AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS")
    runtime_env = plan.stage(tmp_path / "staged")
    assert runtime_env["env_vars"] == {"AWS_PROFILE": "builders"}
    staged = [file for file in (tmp_path / "staged").rglob("*") if file.is_file() and "code" not in file.parts]
    assert staged
    assert not [file for file in staged if b"very-secret-value" in file.read_bytes()]


def test_a_value_on_the_command_line_is_refused_without_being_shown(build_file: Path) -> None:
    with pytest.raises(SubmitError, match="only the name of a variable is taken") as caught:
        plan_submission(build_file, env=["AWS_SECRET_ACCESS_KEY=abcdef"])
    assert "abcdef" not in str(caught.value)
    with pytest.raises(SubmitError, match="--env NOWHERE_SET: this environment has no such variable"):
        plan_submission(build_file, env=["NOWHERE_SET"])


def test_the_code_that_is_sent_is_the_code_that_runs_here(tmp_path: Path) -> None:
    lay_code(tmp_path / "code", None)
    assert sorted(path.name.partition("-")[0] for path in (tmp_path / "code").iterdir()) == [
        "corpusmill",
        "model",
        "pipelines",
        "processors",
        "schemas",
    ]
    here = Path(sent.__file__).parent
    for file in [file for file in here.rglob("*") if file.is_file() and file.suffix not in (".pyc",)]:
        copy = tmp_path / "code" / "pipelines" / file.relative_to(here)
        assert copy.read_bytes() == file.read_bytes(), file
    assert not list((tmp_path / "code").rglob("*.pyc"))


def _wheel(path: Path, name: str, version: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return path


def test_a_wheel_must_be_of_the_version_that_runs_here(tmp_path: Path) -> None:
    from importlib.metadata import version

    check_wheel(_wheel(tmp_path / "right.whl", "corpusmill", version("corpusmill")))
    with pytest.raises(SubmitError, match=r"is corpusmill 99.0, but this command is corpusmill "):
        check_wheel(_wheel(tmp_path / "other.whl", "corpusmill", "99.0"))
    with pytest.raises(SubmitError, match="is sandpaper "):
        check_wheel(_wheel(tmp_path / "else.whl", "sandpaper", version("corpusmill")))
    (tmp_path / "none.whl").write_text("text")
    with pytest.raises(SubmitError, match="cannot be read as a wheel"):
        check_wheel(tmp_path / "none.whl")


def test_other_versions_on_the_cluster_are_told(build_file: Path) -> None:
    order = plan_submission(build_file).order()
    assert version_problem(order) == ""
    assert "was submitted by Python 3.99, but " in version_problem({**order, "python": [3, 99]})
    assert "was submitted with ray 1.0, but the cluster has " in version_problem({**order, "ray": "1.0"})
    assert "was submitted with corpusmill 9, but the cluster has " in version_problem({**order, "corpusmill": "9"})


def test_a_node_tells_which_credentials_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THERE", "x")
    assert absent(["THERE", "NOT_THERE_AT_ALL"]) == ["NOT_THERE_AT_ALL"]
    assert environment_problem({"env": []}) == ""  # and asks no cluster


def test_a_dry_run_shows_all_that_is_sent_and_no_value(build_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.__main__ import app

    monkeypatch.setenv("AWS_PROFILE", "builders")
    words = ["submit", str(build_file), "--address", "http://127.0.0.1:9", "--env", "AWS_PROFILE", "--env", "HF_TOKEN", "--dry-run"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    for line in (
        "job at http://127.0.0.1:9: corpora asr, language_pretrain, written to s3://bucket/corpora",
        "runs: corpusmill build build.toml --address auto",
        "raw/manifest.jsonl (18 bytes)",
        "every node must see: /shared/crawl",
        "every node must have in its environment: HF_TOKEN",
        "sends the value of: AWS_PROFILE",
    ):
        assert line in result.output
    assert "builders" not in result.output


def test_no_job_server_at_the_address_is_one_sentence(build_file: Path) -> None:
    from pipelines.__main__ import app

    result = CliRunner().invoke(app, ["submit", str(build_file), "--address", "http://127.0.0.1:9"])
    assert result.exit_code == 1
    assert "http://127.0.0.1:9 gives no answer as a Ray job server" in result.output


def test_the_order_is_plain_json(build_file: Path) -> None:
    order = plan_submission(build_file, env=["HF_TOKEN"]).order()
    assert json.loads(json.dumps(order)) == order
    assert order["env"] == ["HF_TOKEN"]
