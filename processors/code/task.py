"""Rows of source trees and of code manifests into documents: the file's text exactly as it is, and what is told about it.

Read are the rows of the `tree` source (bytes and where they lay), and manifests with the columns of The Stack (`content`, `path` or
`max_stars_repo_path`, `lang`, `repo_name`, licences). Nothing is normalised: a file that is cut must be whole again afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from processors.code.languages import LANGUAGE, language_of
from processors.dialogue import text_field
from processors.text.normalise import DIGEST, text_digest
from schemas.facts import Fact
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Document, Row

PATH = Fact("code.path", str, "Path of the file in its repository, empty when the source states none")
REPO = Fact("code.repo", str, "Repository that the file belongs to, empty when the source states none")

NO_CODE = Reason("no_code", "The row has no file, and no content or text, or an empty one")
BINARY_FILE = Reason("binary_file", "The file holds zero bytes: it is no text")
UNKNOWN_ENCODING = Reason("unknown_encoding", "The file is not UTF-8, and declares no other encoding that fits its bytes")

PATH_COLUMNS = ("path", "max_stars_repo_path", "file_path", "filepath", "name", "file_name")
REPO_COLUMNS = ("repo", "repo_name", "max_stars_repo_name", "repository_name", "repository")
LANGUAGE_COLUMNS = ("lang", "language", "programming_language", "ext")
_DECLARED = re.compile(rb"(?:coding|charset|encoding)[ \t]{0,4}[:=][ \t]{0,4}[\"']?([A-Za-z0-9_.-]{1,40})")
_DECLARABLE = {  # encodings in which every program decodes the same; a declared one that is not here is not tried
    **dict.fromkeys(("latin-1", "iso-8859-1", "latin1", "iso8859-1"), "latin-1"),
    **dict.fromkeys(("iso-8859-15", "latin-9", "iso8859-15"), "iso-8859-15"),
    **dict.fromkeys(("cp1252", "windows-1252"), "cp1252"),
    **dict.fromkeys(("cp1251", "windows-1251"), "cp1251"),
    **dict.fromkeys(("koi8-r", "koi8_r"), "koi8-r"),
    **dict.fromkeys(("euc-jp", "euc_jp"), "euc_jp"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis"), "shift_jis"),
    **dict.fromkeys(("gbk", "gb2312"), "gbk"),
}


def decode_source(data: bytes) -> str:
    """The text of a source file, with its byte order mark and line ends.

    UTF-16 counts when it begins with its mark; another encoding when the first two lines declare it, as Python's and Emacs' do.

    Raises: Refused with BINARY_FILE or UNKNOWN_ENCODING.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") and len(data) % 2 == 0:
        try:
            return data.decode("utf-16-le" if data[:1] == b"\xff" else "utf-16-be")
        except UnicodeDecodeError as error:
            raise Refused(BINARY_FILE, f"begins like UTF-16 and is not: {error.reason} at byte {error.start}") from error
    at = data.find(0)
    if at >= 0:
        raise Refused(BINARY_FILE, f"a zero byte at {at}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is no UTF-8"
    found = _DECLARED.search(b"\n".join(data[:1_000].split(b"\n")[:2]))
    name = found[1].decode().lower() if found else ""
    if name in _DECLARABLE:
        try:
            return data.decode(_DECLARABLE[name])
        except UnicodeDecodeError as error:
            problem = f"declares {name}, which byte {error.start} is not"
    raise Refused(UNKNOWN_ENCODING, problem)


@dataclass(frozen=True, slots=True)
class CodeTask:
    """A row with a file, or with `content`, `code` or `text`, becomes a document of exactly that text."""

    takes: ClassVar = (Row,)
    gives: ClassVar = Document
    reads: ClassVar = ()
    writes: ClassVar = (PATH, REPO, LANGUAGE, DIGEST)
    reasons: ClassVar = (NO_CODE, BINARY_FILE, UNKNOWN_ENCODING)
    version: ClassVar = 1

    def __call__(self, row: Row) -> Document | Reject:
        try:
            text = decode_source(row.blobs["text"]) if "text" in row.blobs else _content(row.fields)
        except Refused as refused:
            return refused.reject(row.key)
        if not text.strip("\ufeff \t\r\n\f\v"):
            return Reject(row.key, NO_CODE.name, f"{len(text)} characters, none of which is more than white space")
        path = text_field(row.fields, *PATH_COLUMNS)
        facts = {
            PATH.name: path,
            REPO.name: text_field(row.fields, *REPO_COLUMNS),
            LANGUAGE.name: language_of(path, text, text_field(row.fields, *LANGUAGE_COLUMNS)),
            DIGEST.name: text_digest(text),
        }
        return Document(row.key, row.origin, text, {**row.facts, **facts}, row.parents)


def _content(fields: Mapping[str, object]) -> str:
    """The text as it stands, white space and all."""
    for name in ("content", "code", "text"):
        value = fields.get(name)
        if isinstance(value, str) and value:
            if "\0" in value:
                raise Refused(BINARY_FILE, f"a zero character at {value.index(chr(0))}")
            return value
    return ""
