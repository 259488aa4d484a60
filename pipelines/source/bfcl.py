"""Question files of the Berkeley function-calling leaderboard, each row with the answers that the file of the same name accepts."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from pipelines.source.files import MAX_FILE_BYTES, NETWORK_ERRORS, Files
from pipelines.source.manifest import JsonlManifest
from pipelines.source.split import BYTES_PER_SPLIT, ROWS_PER_SPLIT, Split, check_positive
from schemas.identity import digest
from schemas.outcome import Reason, Reject
from schemas.records import Row

ANSWERS = "possible_answer"
SUFFIXES = (".json", ".jsonl")


@dataclass(frozen=True, slots=True)
class Bfcl:
    """Questions at `path` (a file, a glob, or all) below `root`, answers in `possible_answer` beside each file, joined by `id`.

    A row gets the field `ground_truth`. It has none where there is no file of answers, or none of its id that can be read.
    """

    root: str = field(metadata={"fingerprint": False})
    path: str = ""
    licence: str = ""
    rows_per_split: int = ROWS_PER_SPLIT
    bytes_per_split: int = BYTES_PER_SPLIT
    max_file_bytes: int = MAX_FILE_BYTES
    reasons: ClassVar[tuple[Reason, ...]] = JsonlManifest.reasons

    def __post_init__(self) -> None:
        check_positive(self, "rows_per_split", "bytes_per_split", "max_file_bytes")

    def _questions(self, path: str) -> JsonlManifest:
        return JsonlManifest(
            self.root, path, self.licence, "", self.rows_per_split, self.bytes_per_split, max_file_bytes=self.max_file_bytes
        )

    def splits(self) -> list[Split]:
        files = Files(self.root)
        paths = [path for path in files.select(self.path, SUFFIXES) if posixpath.basename(posixpath.dirname(path)) != ANSWERS]
        return [self._with_answers(files, split) for path in paths for split in self._questions(path).splits()]

    def _with_answers(self, files: Files, split: Split) -> Split:
        """The split, whose id covers what the answers are."""
        try:
            answers = files.content_id(_answers_path(split.path))
        except NETWORK_ERRORS:
            raise
        except OSError:
            answers = ""
        return replace(split, id=digest(split.id, answers))

    def read(self, split: Split) -> Iterator[Row | Reject]:
        answers = self._answers(split)
        for item in self._questions(split.path).read(split):
            told = answers.get(str(item.fields.get("id"))) if isinstance(item, Row) else None
            yield item if told is None or isinstance(item, Reject) else replace(item, fields={**item.fields, "ground_truth": told})

    def _answers(self, split: Split) -> dict[str, Any]:
        """Accepted calls by id. An id that is told twice, and not the same, has none."""
        path = _answers_path(split.path)
        found: dict[str, Any] = {}
        try:
            data = _read(Files(self.root), path, self.max_file_bytes)
        except NETWORK_ERRORS:
            raise
        except OSError:
            return found
        for line in data.splitlines():
            try:
                told = json.loads(line)
            except (ValueError, RecursionError):  # its question comes without an answer, and is refused for that
                continue
            if isinstance(told, dict) and "id" in told:
                name = str(told["id"])
                found[name] = told.get("ground_truth") if name not in found or found[name] == told.get("ground_truth") else None
        return found


def _answers_path(path: str) -> str:
    return posixpath.join(posixpath.dirname(path), ANSWERS, posixpath.basename(path))


def _read(files: Files, path: str, max_bytes: int) -> bytes:
    with files.open(path) as handle:
        data: bytes = handle.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(f"{path} has more than {max_bytes:,} bytes")
    return data
