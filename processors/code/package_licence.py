"""What a package's own metadata says of its licence: pyproject.toml, setup.cfg, package.json, Cargo.toml, composer.json and their like."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Mapping

METADATA_NAMES = ("pyproject.toml", "cargo.toml", "package.json", "composer.json", "setup.cfg", "pkg-info", "metadata", "pom.xml")
LICENCE_NAMES = re.compile(r"(?:un)?licen[cs]es?|copying|copyright|mit-licen[cs]e", re.I)
NOTICE_NAMES = re.compile(r"notices?|third[-_.]?party[-_.]?notices?", re.I)
_ENDINGS = ("", ".txt", ".md", ".rst", ".html")
_HEADER = re.compile(r"^(License-Expression|License|Classifier):[ \t]*(\S[^\r\n]{0,300})", re.MULTILINE)
_POM = re.compile(r"<licenses>\s{0,200}<license>(?:(?!</license>)[\s\S]){0,500}?<name>([^<]{1,200})</name>")
_CLASSIFIER = "License :: OSI Approved :: "


def is_licence_file(name: str) -> bool:
    """Whether a file's name says that it holds a licence: LICENSE, COPYING.LESSER, LICENSE-MIT, licence.txt, UNLICENSE."""
    stem = _bare(name)
    found = LICENCE_NAMES.match(stem)
    return found is not None and (found.end() == len(stem) or stem[found.end()] in "-_.")


def is_notice_file(name: str) -> bool:
    """Whether a file's name says that it holds notices, which count where there is no licence file."""
    return NOTICE_NAMES.fullmatch(_bare(name)) is not None


def is_metadata_file(name: str) -> bool:
    return name.lower() in METADATA_NAMES


def _bare(name: str) -> str:
    lower = name.lower()
    ending = next((ending for ending in reversed(_ENDINGS) if ending and lower.endswith(ending)), "")
    stem = lower[: len(lower) - len(ending)]
    return "" if "." in stem and stem.rpartition(".")[2] in ("py", "js", "ts", "go", "c", "h", "java", "rs", "json", "rb", "cpp") else stem


def package_licence(name: str, data: bytes) -> str:
    """What the metadata file says, as it says it; empty when it says nothing or cannot be read."""
    text = data.decode("utf-8-sig", "replace")
    kind = name.lower()
    try:
        if kind in ("pyproject.toml", "cargo.toml"):
            return _from_toml(tomllib.loads(text))
        if kind in ("package.json", "composer.json"):
            return _from_json(json.loads(text))
        if kind == "setup.cfg":
            parser = configparser.RawConfigParser()
            parser.read_string(text)
            return parser.get("metadata", "license", fallback="").strip()
        if kind == "pom.xml":
            found = _POM.search(text)
            return found[1].strip() if found else ""
        return _from_headers(text)
    except (ValueError, RecursionError, configparser.Error):  # the package says nothing that can be read
        return ""


def _from_toml(told: Mapping[str, object]) -> str:
    for place in (("project",), ("package",), ("workspace", "package"), ("tool", "poetry")):
        table: object = told
        for part in place:
            table = table.get(part) if isinstance(table, Mapping) else None
        if not isinstance(table, Mapping):
            continue
        said = table.get("license")
        said = said.get("text") if isinstance(said, Mapping) else said
        if isinstance(said, str) and said.strip() and "\n" not in said.strip():
            return said.strip()
        found = _from_classifiers(table.get("classifiers"))
        if found:
            return found
    return ""


def _from_json(told: object) -> str:
    said = told.get("license", told.get("licenses")) if isinstance(told, Mapping) else None
    listed = said if isinstance(said, list) else [said]
    names = [item.get("type") if isinstance(item, Mapping) else item for item in listed]
    return " OR ".join(name.strip() for name in names if isinstance(name, str) and name.strip())  # of a list one may choose


def _from_headers(text: str) -> str:
    found: dict[str, list[str]] = {}
    for name, value in _HEADER.findall(text.partition("\n\n")[0]):
        found.setdefault(name, []).append(value.strip())
    for name in ("License-Expression", "License"):
        if name in found:
            return found[name][0]
    return _from_classifiers(found.get("Classifier", []))


def _from_classifiers(listed: object) -> str:
    names = [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []
    said = [name.removeprefix(_CLASSIFIER) for name in names if name.startswith(_CLASSIFIER)]
    return said[0] if len(said) == 1 else ""
