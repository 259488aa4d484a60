"""Source trees and a code manifest in four languages, with files that are to be kept and one of every kind that is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

MODULES_PER_SIZE = 6  # of each language
ROWS_PER_SIZE = 8
FUNCTIONS = 4
LICENCE = "MIT"
_NOUN_LIST = (
    "basket beacon bridge canal candle compass drawer engine ferry garden harbour "
    "kettle ladder lantern meadow orchard parcel quarry river saddle"
)
_VERB_LIST = "balance collect divide estimate filter gather judge limit measure order pack rank select sort trim weigh"
_WORD_LIST = "amount count depth height length level limit offset rate score share size total weight width"
_NOUNS, _VERBS, _WORDS = _NOUN_LIST.split(), _VERB_LIST.split(), _WORD_LIST.split()
_MIT = """MIT License

Copyright (c) 2024 The sample's authors

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


def make_code(folder: Path, size: int, seed: int) -> None:
    """`code/trees/*` (two repositories, one without a licence, an archive), `code/files.jsonl`, and `code/truth.jsonl`.

    The truth names each file (`path` below the trees, or `row` of the manifest, or `member` of the archive) with what must become of it:
    `kept`, or the reason for which it is refused. Of duplicates it names the group; which one stays depends on their content.
    """
    place = folder / "code"
    trees = place / "trees"
    trees.mkdir(parents=True, exist_ok=True)
    truth: list[dict[str, object]] = []
    for number in range(MODULES_PER_SIZE * size):
        for language, (suffix, repo) in _PLACES.items():
            path = f"{repo}/src/{_name(seed, language, number)}_{number}{suffix}"
            _write(trees / path, write_module(seed, language, number))
            truth.append({"path": path, "expected": "kept", "language": language})
    for path, content, expected in _planted(seed):
        _write(trees / path, content)
        truth.append({"path": path, "expected": expected})
    for path, target, expected in (
        ("almanac/src/alias.py", "refused.py", "link_in_tree"),
        ("almanac/src/away.py", "../../../../away.py", "outside_root"),
    ):
        link = trees / path
        if not link.is_symlink():
            link.symlink_to(target)
        truth.append({"path": path, "expected": expected})
    _write_archive(trees / "toolbox-1.0.zip", seed, truth)
    write_lines(place / "files.jsonl", _rows(seed, ROWS_PER_SIZE * size, truth))
    write_lines(place / "truth.jsonl", truth)


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def _name(seed: int, language: str, number: int) -> str:
    rng = keyed_rng(seed, "sample.code.name", f"{language} {number}")
    return f"{_NOUNS[int(rng.integers(len(_NOUNS)))]}_{_WORDS[int(rng.integers(len(_WORDS)))]}"


# ---- modules


def write_module(seed: int, language: str, number: int) -> str:
    """A module of some functions, each with a loop, a condition and a line that says what it does."""
    rng = keyed_rng(seed, "sample.code", f"{language} {number}")
    return _LANGUAGES[language](rng, [_function(rng, at) for at in range(FUNCTIONS)])


def _function(rng: np.random.Generator, at: int) -> dict[str, object]:
    noun, verb = (words[int(rng.integers(len(words)))] for words in (_NOUNS, _VERBS))
    first, second, third = (_WORDS[int(place)] for place in rng.permutation(len(_WORDS))[:3])
    return {
        "name": f"{verb}_{noun}_{at}",
        "noun": noun,
        "verb": verb,
        "first": first,
        "second": second,
        "third": third,
        "low": int(rng.integers(1, 90)),
        "step": int(rng.integers(2, 12)),
        "form": int(rng.integers(3)),
    }


def _camel(name: object) -> str:
    head, *rest = str(name).split("_")
    return head + "".join(part.capitalize() for part in rest)


def _python(rng: np.random.Generator, functions: list[dict[str, object]]) -> str:
    body = {
        0: "    for {second} in {first}:\n        if {second} > {low}:\n            {third} += {second} // {step}\n",
        1: "    while {first} and {third} < {low}:\n        {second} = {first}.pop()\n        {third} += {second} * {step}\n",
        2: "    for place, {second} in enumerate({first}):\n        {third} = max({third}, {second} - place * {step})\n",
    }
    written = ["from __future__ import annotations\n"]
    for told in functions:
        text = '\n\ndef {name}({first}: list[int]) -> int:\n    """How the {noun} is found: {verb} by {second}."""\n    {third} = {low}\n'
        written.append((text + body[int(str(told["form"]))] + "    return {third}\n").format(**told))
    return "".join(written)


def _javascript(rng: np.random.Generator, functions: list[dict[str, object]]) -> str:
    body = {
        0: "  for (const {second} of {first}) {{\n    if ({second} > {low}) {{\n      {third} += {second} / {step};\n    }}\n  }}\n",
        1: "  while ({first}.length && {third} < {low}) {{\n    const {second} = {first}.pop();\n    {third} += {second} * {step};\n  }}\n",
        2: "  {first}.forEach(({second}, place) => {{\n    {third} = Math.max({third}, {second} - place * {step});\n  }});\n",
    }
    written = ["'use strict';\n"]
    for told in functions:
        text = "\n// The {noun}: {verb} by {second}.\nfunction NAME({first}) {{\n  let {third} = {low};\n" + body[int(str(told["form"]))]
        written.append((text + "  return {third};\n}}\n").format(**told).replace("NAME", _camel(told["name"])))
    names = ", ".join(_camel(told["name"]) for told in functions)
    return "".join([*written, f"\nmodule.exports = {{ {names} }};\n"])


def _go(rng: np.random.Generator, functions: list[dict[str, object]]) -> str:
    body = {
        0: "\tfor _, {second} := range {first} {{\n\t\tif {second} > {low} {{\n\t\t\t{third} += {second} / {step}\n\t\t}}\n\t}}\n",
        1: "\tfor len({first}) > 0 && {third} < {low} {{\n\t\t{second} := {first}[0]\n\t\t{first} = {first}[1:]\n\t\t{third} += {second} * {step}\n\t}}\n",
        2: "\tfor place, {second} := range {first} {{\n\t\tif {second}-place*{step} > {third} {{\n\t\t\t{third} = {second}\n\t\t}}\n\t}}\n",
    }
    written = ["package sample\n"]
    for told in functions:
        text = "\n// NAME tells of the {noun}: {verb} by {second}.\nfunc NAME({first} []int) int {{\n\t{third} := {low}\n"
        name = _camel(f"x_{told['name']}")[1:]
        written.append((text + body[int(str(told["form"]))] + "\treturn {third}\n}}\n").format(**told).replace("NAME", name))
    return "".join(written)


def _rust(rng: np.random.Generator, functions: list[dict[str, object]]) -> str:
    body = {
        0: "    for {second} in {first} {{\n        if *{second} > {low} {{\n            {third} += {second} / {step};\n        }}\n    }}\n",
        1: "    for {second} in {first}.iter().take({step}) {{\n        {third} += {second} * {step};\n    }}\n",
        2: "    for (place, {second}) in {first}.iter().enumerate() {{\n        {third} = {third}.max({second} - place as i64 * {step});\n    }}\n",
    }
    written = ["//! Small sums.\n"]
    for told in functions:
        text = "\n/// The {noun}: {verb} by {second}.\npub fn {name}({first}: &[i64]) -> i64 {{\n    let mut {third}: i64 = {low};\n"
        written.append((text + body[int(str(told["form"]))] + "    {third}\n}}\n").format(**told))
    return "".join(written)


_LANGUAGES = {"python": _python, "javascript": _javascript, "go": _go, "rust": _rust}
_PLACES = {"python": (".py", "almanac"), "go": (".go", "almanac"), "javascript": (".js", "windmill"), "rust": (".rs", "windmill")}


# ---- what is refused


def _planted(seed: int) -> list[tuple[str, str | bytes, str]]:
    """(path, content, what becomes of it) of files with a purpose, most of which must be refused, each for its reason."""
    odd = {name: write_module(seed, language, 9_000 + number) for number, (name, language) in enumerate(_ODD)}
    twin = odd["twin"]
    near = twin.replace('"""How', '"""Tells how')
    key = "AKIA" + "Q7ZL2MXW9KTB4HND"  # of the form of a key, and nobody's
    token = "<|" + "end|>"  # would be a special token of the model
    return [
        ("almanac/LICENSE", _MIT, "unknown_language"),
        ("windmill/LICENSE", _MIT, "unknown_language"),
        ("windmill/Cargo.toml", '[package]\nname = "windmill"\nlicense = "MIT"\n', "unknown_language"),
        ("almanac/README.md", "# Almanac\n\nA sample of a source tree, made by a program.\n", "unknown_language"),
        ("almanac/.hg/store", b"\0\1\2", "version_control"),
        ("almanac/src/logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary_file"),
        ("almanac/src/old.py", b"# caf\xe9, in an encoding that the file does not tell\nprice = 3\nprint(price)\n", "unknown_encoding"),
        (
            "almanac/src/latin.py",
            b"# -*- coding: latin-1 -*-\n" + odd["latin"].replace("How", "Café: how").encode("latin-1"),
            "kept",
        ),
        ("almanac/src/__init__.py", "\n", "no_code"),
        ("almanac/src/one.py", "VERSION = '1.0'\n", "too_short"),
        ("almanac/src/refused.py", "# SPDX-License-Identifier: GPL-3.0-or-later\n" + odd["refused"], "licence_not_allowed"),
        ("almanac/src/either.py", "# SPDX-License-Identifier: GPL-3.0-or-later OR MIT\n" + odd["either"], "kept"),
        ("nobody/src/orphan.py", odd["orphan"], "licence_unknown"),
        ("windmill/node_modules/left/index.js", odd["left"], "vendored"),
        ("windmill/src/schema.js", "// Code generated by a program. DO NOT EDIT.\n" + odd["schema"], "generated_file"),
        ("windmill/package-lock.json", '{\n  "name": "windmill",\n  "lockfileVersion": 3\n}\n', "generated_file"),
        ("windmill/src/packed.js", "\n".join("var a=1;" + "b(a);c(a,b);" * 120 for _ in range(3)) + "\n", "minified"),
        ("almanac/src/table.py", "TABLE = [\n" + "    101, 202, 303, 404, 505, 606, 707, 808, 909,\n" * 20 + "]\n", "data_file"),
        ("almanac/src/keys.py", f'{odd["keys"]}\nACCESS = "{key}"\n', "secret"),
        ("almanac/src/torn.py", odd["torn"][: len(odd["torn"]) // 2] + "\ndef (:\n", "does_not_parse"),
        ("windmill/src/torn.rs", odd["torn.rs"].replace("{", "(", 3), "does_not_parse"),
        ("almanac/src/twin.py", twin, "twin"),
        ("almanac/src/twin_again.py", twin, "twin"),
        ("almanac/src/twin_near.py", near, "twin"),
        ("almanac/src/marker.py", odd["marker"] + "\nMARK = '<fim_middle>'\n", "marker_in_text"),
        ("almanac/src/special.py", f"MARK = '{token}'\nprint(MARK)\nprint(len(MARK))\n", "special_token_in_text"),
        ("windmill/src/windows.js", odd["windows"].replace("\n", "\r\n"), "kept"),
        ("windmill/src/marked.js", "\ufeff" + odd["marked"].rstrip("\n").replace("let", "/* é 👩‍👩‍👧 e\u0301 */ let", 1), "kept"),
    ]


_ODD = (
    ("latin", "python"),
    ("refused", "python"),
    ("either", "python"),
    ("orphan", "python"),
    ("left", "javascript"),
    ("schema", "javascript"),
    ("keys", "python"),
    ("torn", "python"),
    ("torn.rs", "rust"),
    ("twin", "python"),
    ("marker", "python"),
    ("windows", "javascript"),
    ("marked", "javascript"),
)


def _write_archive(path: Path, seed: int, truth: list[dict[str, object]]) -> None:
    """A repository as a zip: the licence stands behind the files that it is about."""
    members = [
        ("toolbox-1.0/box.go", write_module(seed, "go", 8_000), "kept"),
        ("toolbox-1.0/lid.go", write_module(seed, "go", 8_001), "kept"),
        ("../escape.go", write_module(seed, "go", 8_002), "unsafe_member"),
        ("toolbox-1.0/LICENSE", _MIT, "unknown_language"),
    ]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, expected in members:
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content)
            truth.append({"archive": path.name, "member": name, "expected": expected})


def _rows(seed: int, count: int, truth: list[dict[str, object]]) -> list[dict[str, object]]:
    """Rows with The Stack's columns; every fourth one has a licence that may not be used."""
    rows: list[dict[str, object]] = []
    languages = list(_LANGUAGES)
    for number in range(count):
        language = languages[number % len(languages)]
        is_barred = number % 4 == 3
        rows.append(
            {
                "content": write_module(seed, language, 7_000 + number),
                "max_stars_repo_path": f"lib/part_{number}{_PLACES[language][0]}",
                "max_stars_repo_name": "someone/parts",
                "max_stars_repo_licenses": ["GPL-2.0"] if is_barred else ["MIT"],
                "lang": language.capitalize(),
            }
        )
        truth.append({"row": number, "expected": "licence_not_allowed" if is_barred else "kept", "language": language})
    return rows
