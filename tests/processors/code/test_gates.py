"""Files as documents: how they are read, in which language they are, who wrote them, whether they parse, and what they must not hold."""

from __future__ import annotations

import pytest

from processors.code.generated import (
    GENERATED_BY,
    LITERAL_RATIO,
    MAX_LINE,
    NUM_LINES,
    VENDORED_IN,
    KeepWritten,
    MeasureFile,
    generated_by,
    literal_ratio,
    vendored_in,
)
from processors.code.languages import LANGUAGE, LANGUAGES, KeepKnownLanguages, language_of, parser
from processors.code.licences import header_licence
from processors.code.parse import ERROR_RATIO, SYNTAX_ERROR, KeepParsed, MeasureParse, error_ratio, python_error, syntax_tree
from processors.code.secrets import NUM_SECRETS, SECRET_SPANS, DropSecrets
from processors.code.task import PATH, REPO, CodeTask, decode_source
from processors.text.normalise import DIGEST
from schemas.outcome import Refused, Reject
from schemas.records import Document, Origin, Row
from tests.processors.code.files import FILES, PYTHON


def document(text: str, path: str = "src/a.py", language: str = "python", **facts: object) -> Document:
    return Document("k", Origin(path), text, {PATH.name: path, LANGUAGE.name: language, **facts})


def reason(found: object) -> str:
    return found.reason if isinstance(found, Reject) else "kept"


# ---- reading


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"x = 1\r\n", "x = 1\r\n"),
        (b"\xef\xbb\xbfx = 1", "\ufeffx = 1"),
        ("é".encode("utf-16"), "\ufeffé"),
        (b"# coding: latin-1\n\xe9", "# coding: latin-1\né"),
        (b"#!/bin/sh\n# -*- coding: iso-8859-15 -*-\n\xa4", "#!/bin/sh\n# -*- coding: iso-8859-15 -*-\n€"),
    ],
)
def test_bytes_become_exactly_their_text(data: bytes, text: str) -> None:
    assert decode_source(data) == text


@pytest.mark.parametrize(
    ("data", "name", "detail"),
    [
        (b"a\0b", "binary_file", "a zero byte at 1"),
        (b"\xff\xfe\0\xd8", "binary_file", "begins like UTF-16 and is not"),
        (b"caf\xe9", "unknown_encoding", "byte 3 is no UTF-8"),
        (b"\n\n# coding: latin-1\n\xe9", "unknown_encoding", "byte 20 is no UTF-8"),  # in the third line it declares nothing
        (b"# coding: shift_jis\n\xff\xff", "unknown_encoding", "declares shift_jis, which byte 20 is not"),
        (b"# coding: made-up\n\xe9", "unknown_encoding", "byte 18 is no UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, name: str, detail: str) -> None:
    with pytest.raises(Refused) as refused:
        decode_source(data)
    assert refused.value.reason.name == name and detail in refused.value.detail


def test_rows_of_a_tree_and_of_the_stack_become_documents() -> None:
    tree = CodeTask()(Row("k", Origin("t"), {"path": "src/a.go", "repo": "r"}, {"text": b"  package a\n\n"}))
    assert isinstance(tree, Document)
    assert tree.text == "  package a\n\n"
    assert (tree.facts[PATH.name], tree.facts[REPO.name], tree.facts[LANGUAGE.name]) == ("src/a.go", "r", "go")
    stack = CodeTask()(
        Row("k", Origin("s"), {"content": "\nfn main() {}\n", "max_stars_repo_path": "a.rs", "max_stars_repo_name": "o/r", "lang": "Rust"})
    )
    assert isinstance(stack, Document)
    assert (stack.text, stack.facts[LANGUAGE.name], stack.facts[REPO.name]) == ("\nfn main() {}\n", "rust", "o/r")
    assert len(str(stack.facts[DIGEST.name])) == 32


@pytest.mark.parametrize(
    ("fields", "blobs", "expected"),
    [
        ({}, {}, "no_code"),
        ({"content": " \ufeff\n\t"}, {}, "no_code"),
        ({}, {"text": b"\n"}, "no_code"),
        ({"content": "a\0b"}, {}, "binary_file"),
        ({}, {"text": b"\x89PNG\0"}, "binary_file"),
        ({}, {"text": b"\xe9"}, "unknown_encoding"),
        ({"content": "."}, {}, "kept"),
    ],
)
def test_rows_without_code_are_refused(fields: dict[str, object], blobs: dict[str, bytes], expected: str) -> None:
    assert reason(CodeTask()(Row("k", Origin("t"), fields, blobs))) == expected


# ---- languages


@pytest.mark.parametrize(
    ("path", "text", "stated", "language"),
    [
        ("a.py", "", "", "python"),
        ("A.PY", "", "", "python"),
        ("a.tsx", "", "", "tsx"),
        ("a.mjs", "", "", "javascript"),
        ("a.h", "int f(void);", "", "c"),
        ("a.h", "namespace a {\nclass B;\n}", "", "cpp"),
        ("a.h", "#include <vector>\nstd::vector<int> f();", "", "cpp"),
        ("bin/tool", "#!/usr/bin/env python3\n", "", "python"),
        ("bin/tool", "#! /bin/sh\n", "", "bash"),
        ("bin/tool", "#!/usr/bin/env -S node --flag\n", "", "javascript"),
        ("bin/tool", "#!/usr/bin/perl\n", "", ""),
        ("", "x", "C++", "cpp"),
        ("", "x", "golang", "go"),
        ("a.md", "x", "python", ""),  # the suffix is stronger than what is stated
        ("Makefile", "x", "", ""),
    ],
)
def test_languages_are_told(path: str, text: str, stated: str, language: str) -> None:
    assert language_of(path, text, stated) == language


def test_every_language_has_its_grammar() -> None:
    for language in LANGUAGES:
        assert parser(language).parse(b"") is not None


def test_the_language_gate() -> None:
    assert reason(KeepKnownLanguages()(document("x"))) == "kept"
    assert reason(KeepKnownLanguages()(document("x", language=""))) == "unknown_language"
    assert reason(KeepKnownLanguages(("go",))(document("x"))) == "wrong_language"
    assert reason(KeepKnownLanguages(("go", "python"))(document("x"))) == "kept"
    with pytest.raises(ValueError, match="code language 'cobol' is unknown; expected one of python"):
        KeepKnownLanguages(("cobol",))


# ---- who wrote it


@pytest.mark.parametrize(
    ("path", "text", "shown"),
    [
        ("a/b_pb2.py", "x", "_pb2.py"),
        ("a.pb.go", "x", ".pb.go"),
        ("yarn.lock", "x", "yarn.lock"),
        ("web/Package-Lock.json", "x", "package-lock.json"),
        ("a.min.js", "x", ".min.js"),
        ("notes.ipynb", "{}", ".ipynb"),
        ("a.go", "// Code generated by stringer; DO NOT EDIT.\npackage a", "Code generated"),
        ("a.py", "# Generated by the build\nx = 1", "Generated by"),
        ("a.py", '"""Codec generated from MAPS/X.TXT with gencodec.py."""\n', "generated from MAPS/X.TXT with gencodec.py"),
        ("a.js", "/**\n * @generated SignedSource\n */\n", "@generated"),
        ("a.c", "/* This file is automatically generated. */", "automatically generated"),
        ("a.py", "x = 1\n# DO NOT EDIT\n", ""),  # not at the head
        ("a.py", "# Handles events generated by the server\n", ""),
        ("a.py", "# Edit as you like\n", ""),
        ("min.js", "x", ""),
        ("lock.py", "x", ""),
    ],
)
def test_generated_files_are_told(path: str, text: str, shown: str) -> None:
    assert generated_by(path, text) == shown


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("node_modules/a/b.js", "node_modules"),
        ("pkg/a/vendor/b.go", "vendor"),
        ("deps/third_party/a.c", "third_party"),
        ("dist/a.js", "dist"),
        ("package/dist/a.js", "dist"),
        ("packages/a/dist/b.js", ""),  # a module may be called so, below a folder of sources
        ("src/build/a.py", ""),
        ("src/main/java/com/target/A.java", ""),
        ("vendor.py", ""),
        ("a/b.py", ""),
    ],
)
def test_vendored_folders_are_told(path: str, folder: str) -> None:
    assert vendored_in(path) == folder


def test_the_share_of_literals() -> None:
    assert literal_ratio("") == 0.0
    assert literal_ratio("x = [1234, 5678]\n") == pytest.approx(8 / 13)
    assert literal_ratio("0x1234, 0xABCD") == pytest.approx(12 / 13)
    assert literal_ratio(f'x = "{"A" * 100}"\n') == pytest.approx(100 / 104)
    assert literal_ratio("name = other + more\n") == 0.0
    assert literal_ratio("日本語 = 1") == pytest.approx(1 / 5)


def judged(text: str, path: str = "src/a.py", **options: float) -> str:
    return reason(KeepWritten(**options)(MeasureFile()(document(text, path))))  # type: ignore[arg-type]


LINE = "value = compute(first, second)\n"


@pytest.mark.parametrize(
    ("text", "path", "options", "expected"),
    [
        (LINE * 3, "a.py", {}, "kept"),
        (LINE * 3, "vendor/a.py", {}, "vendored"),
        (LINE * 3, "a_pb2.py", {}, "generated_file"),
        (LINE * 2, "a.py", {}, "too_short"),
        ("a\nb\nc\n", "a.py", {}, "too_short"),
        (LINE * 3, "a.py", {"max_chars": 92}, "file_too_long"),
        (LINE * 3, "a.py", {"max_chars": 93}, "kept"),
        (LINE * 30 + "x = f(" + "a, " * 331 + ")\n", "a.py", {}, "kept"),  # 1,000 characters
        (LINE * 30 + "x = f(" + "a, " * 332 + ")\n", "a.py", {}, "minified"),
        (("x = f(" + "a, " * 40 + ")\n") * 4, "a.py", {}, "minified"),  # 127 on average
        (("x = f(" + "a, " * 20 + ")\n") * 4, "a.py", {}, "kept"),
        (("function(a,b){return(a+b)}" * 3 + "\n") * 4, "a.js", {}, "minified"),  # hardly any white space
        ("TABLE = [\n" + "1234, 5678, 9012,\n" * 9 + "]\n", "a.py", {}, "data_file"),
        ("TABLE = [\n" + "f(12), g(34),\n" * 9 + "]\n", "a.py", {}, "kept"),
    ],
)
def test_the_gate_of_written_files(text: str, path: str, options: dict[str, float], expected: str) -> None:
    assert judged(text, path, **options) == expected


def test_measures_are_exact() -> None:
    facts = MeasureFile()(document("ab\n\n  abcd\r\n", "dist/x.min.js")).facts
    assert (facts[NUM_LINES.name], facts[MAX_LINE.name], facts["code.mean_line_chars"]) == (3, 6, 4.0)
    assert (facts[GENERATED_BY.name], facts[VENDORED_IN.name], facts[LITERAL_RATIO.name]) == (".min.js", "dist", 0.0)
    assert facts["code.space_ratio"] == pytest.approx(1 - 6 / 12)


# ---- parsing


@pytest.mark.parametrize("language", FILES)
def test_whole_files_parse_and_torn_ones_do_not(language: str) -> None:
    text = FILES[language]
    assert error_ratio(text, language) == 0.0
    assert reason(KeepParsed()(MeasureParse()(document(text, language=language)))) == "kept"
    torn = text.replace("{", "(", 2) if "{" in text and language != "python" else text.replace(":", "", 3)
    assert reason(KeepParsed()(MeasureParse()(document(torn, language=language)))) == "does_not_parse"


def test_python_is_asked_itself() -> None:
    assert python_error("x = 1\n") == ""
    assert python_error("\ufeffx = 1\n") == ""
    assert python_error("x = '\\d'\n") == ""  # a warning is no error
    assert "line 1" in python_error("print 'old'\n")
    assert python_error("(" * 100_000) != ""
    assert python_error("x = 1\n" + "-" * 100_000 + "1") != ""
    found = KeepParsed()(MeasureParse()(document("print 'old'\n")))
    assert isinstance(found, Reject) and "line 1" in found.detail


def test_a_little_that_a_grammar_cannot_read_is_forgiven() -> None:
    facts = {ERROR_RATIO.name: 0.02, SYNTAX_ERROR.name: ""}
    assert reason(KeepParsed()(document("x", **facts))) == "kept"
    assert reason(KeepParsed()(document("x", **facts | {ERROR_RATIO.name: 0.021}))) == "does_not_parse"


def test_a_grammar_that_does_not_come_to_an_end_is_stopped() -> None:
    """Signs that can be read in many ways: without a bound this takes minutes."""
    assert syntax_tree("<!--" * 5_000, "python") is None
    assert error_ratio("<!--" * 5_000, "python") == 1.0
    assert error_ratio("x = 1\n" * 5_000, "python") == 0.0  # and the parser is as good as before


def test_error_ratio_is_a_share() -> None:
    for language in ("python", "c", "rust", "go"):
        assert 0.0 < error_ratio(") ] } @@@ $$$ ((( \n" * 20, language) <= 1.0
    assert error_ratio("", "python") == 0.0


# ---- secrets

KEY = "AKIA" + "Q7ZL2MXW9KTB4HND"


def test_secrets_are_refused_or_taken_out() -> None:
    text = f'{PYTHON}\nACCESS = "{KEY}"\n'
    refused = DropSecrets()(document(text))
    assert isinstance(refused, Reject) and refused.reason == "secret"
    assert refused.detail == f"1 of them, the first in line {PYTHON.count(chr(10)) + 2}"
    assert KEY not in refused.detail
    scrubbed = DropSecrets("scrub")(document(text))
    assert isinstance(scrubbed, Document)
    assert scrubbed.text == text.replace(KEY, "[secret]")
    at = text.index(KEY)
    assert (scrubbed.facts[NUM_SECRETS.name], scrubbed.facts[SECRET_SPANS.name]) == (1, f"[[{at},{at + len(KEY)}]]")
    clean = DropSecrets()(document(PYTHON))
    assert isinstance(clean, Document)
    assert (clean.text, clean.facts[NUM_SECRETS.name], clean.facts[SECRET_SPANS.name]) == (PYTHON, 0, "")
    with pytest.raises(ValueError, match="secrets are 'keep', expected reject or scrub"):
        DropSecrets("keep")


# ---- hostile files


@pytest.mark.parametrize(
    "unit", ["a ", "0x", "1", "generated by ", "/*", "# ", '"""', "://a:b@", "SPDX-License-Identifier: ", "\\", "-" * 64, "<!--", "\n", "("]
)
def test_hostile_files_are_measured(unit: str) -> None:
    """Each is linear: a measure that is quadratic would take minutes here."""
    text = unit * (400_000 // len(unit))
    assert isinstance(MeasureFile()(document(text)), Document)
    assert isinstance(DropSecrets("scrub")(document(text)), Document)
    assert 0.0 <= error_ratio(text[:100_000], "python") <= 1.0
    header_licence(text)
