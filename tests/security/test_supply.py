"""What is installed: a bill of materials that validates and covers what we import, licences that we accept, an audit that never pretends."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import sys
from pathlib import Path

import pytest

from tests.security import audit, sbom

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "processors", "pipelines", "model")
OPTIONAL = {"TTS", "faster_whisper", "torchcodec"}  # of the extra `speech`, which may not be installed


def imported_modules() -> set[str]:
    """Top-level modules that the product imports, the standard library's and our own aside."""
    found = set()
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found - set(PACKAGES) - set(sys.stdlib_module_names) - {"tests"}


def test_every_licence_is_one_that_we_accept() -> None:
    assert sbom.refused_licences() == {}


def test_strong_licences_are_told_in_the_notice() -> None:
    notice = (ROOT / "NOTICE").read_text().lower()
    for name, why in sbom.EXCEPTIONS.items():
        if "in NOTICE" in why:
            assert name in notice, name


def test_what_may_not_pass_does_not() -> None:
    assert not sbom.is_allowed("GPL-3.0-only") and not sbom.is_allowed("MIT AND AGPL-3.0-only") and not sbom.is_allowed("none stated")
    assert sbom.is_allowed("MIT") and sbom.is_allowed("(Apache-2.0 OR GPL-2.0-only) AND BSD-3-Clause")


@pytest.mark.slow
def test_the_bill_of_materials_validates_and_covers_what_is_imported(tmp_path: Path) -> None:
    found = sbom.make_sbom(tmp_path / "sbom.json")  # which raises where the schema does not hold
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", sbom.SPEC_VERSION)
    listed = {sbom.normal(component["name"]): component["version"] for component in found["components"]}
    holders = importlib.metadata.packages_distributions()
    missing = imported_modules() - holders.keys()
    assert missing <= OPTIONAL
    needed = {sbom.normal(name) for module in imported_modules() & holders.keys() for name in holders[module]} - {"corpusmill"}
    assert {name for name in needed if name not in listed} == set()
    assert len(needed) > 30
    for name in needed:
        assert listed[name] == sbom.installed()[name].version


def test_an_audit_tells_flaws_and_what_it_could_not_ask(capsys: pytest.CaptureFixture[str]) -> None:
    flaw = {"id": "PYSEC-1", "fix_versions": ["2"]}
    told = json.dumps({"dependencies": [{"name": "a", "version": "1", "vulns": [flaw]}, {"name": "b", "version": "1", "vulns": []}]})
    assert audit.judge(told, "") == 1
    assert "a 1: PYSEC-1, mended in 2" in capsys.readouterr().out
    assert audit.judge(json.dumps({"dependencies": [{"name": "b", "version": "1", "vulns": []}]}), "") == 0
    assert audit.judge(json.dumps({"dependencies": [{"name": "b", "skip_reason": "not found"}]}), "") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("not audited: none of 1")
    assert audit.judge("", "requests.exceptions.ConnectionError: ... Max retries exceeded") == 0
    assert "not audited" in capsys.readouterr().out.splitlines()[-1]
    assert audit.judge("", "Traceback\nTypeError: a bug") == 1
