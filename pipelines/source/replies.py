"""Folders of kept replies: a row a reply, with what was asked, so that what was paid for once is raw data like any other."""

from __future__ import annotations

import functools
import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipelines.source.files import MAX_FILE_BYTES, Files, numbered
from pipelines.source.media import ROW_REASONS, give_row
from pipelines.source.split import ROWS_PER_SPLIT, Split, check_positive, make_reject, make_split
from schemas.identity import digest
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row

NOT_A_REPLY = Reason("not_a_reply", "The file is not the reply of a language model: of another engine, or damaged")
WRONG_ADDRESS = Reason("wrong_address", "The reply does not lie where its question puts it: it was moved, or changed")
_ADDRESS = re.compile(r"([0-9a-f]{2})/([0-9a-f]{30})")
_TEXTS, _COUNTS = ("text", "why", "model"), ("num_prompt_tokens", "num_output_tokens")
ASKED = ("engine", "question", "sample", "max_tokens", "schema")  # of the question, where it is kept


@dataclass(frozen=True, slots=True)
class KeptReplies:
    """The replies of language models in a folder, in the order of their addresses; what other engines said there is refused.

    A row has `text`, `why` (empty where the text is whole), `model` as the server named it, `num_prompt_tokens` and `num_output_tokens` (-1
    where nobody counted), `address`, and of the question `messages` (media by type and digest), `engine` (model and parameters), `question`
    (its digest), `sample`, `max_tokens` and `schema`. A whole text is also the last of the `messages`, by the assistant, so that a row reads as
    a conversation. Replies that were kept before questions were have no `messages`.
    """

    root: str = field(metadata={"fingerprint": False})
    licence: str = ""
    rows_per_split: int = ROWS_PER_SPLIT
    max_file_bytes: int = MAX_FILE_BYTES
    reasons: ClassVar[tuple[Reason, ...]] = (NOT_A_REPLY, WRONG_ADDRESS, *ROW_REASONS)

    def __post_init__(self) -> None:
        check_positive(self, "rows_per_split", "max_file_bytes")

    def splits(self) -> list[Split]:
        """The first half of a revision names the addresses, the second what lies there."""
        _addresses.cache_clear()
        files, paths = Files(self.root), _addresses(self.root)
        found = []
        for start, stop in numbered(paths, self.rows_per_split):
            seen = files.glances(paths[start:stop])
            revision = digest(*paths[start:stop])[:16] + digest(*(content for content, _ in seen))[:16]
            found.append(make_split(paths[start], revision, start, stop, stop - start, sum(size for _, size in seen), start))
        return found

    def read(self, split: Split) -> Iterator[Row | Reject]:
        paths = _addresses(self.root)[split.start : split.stop]
        if digest(*paths)[:16] != split.revision[:16]:
            raise ValueError(
                f"{self.root} has other replies than when it was listed: read it while no build writes there; start the build again"
            )
        files = Files(self.root)
        yield from files.side_by_side(lambda path: self._row(files, split, path), paths)

    def _row(self, files: Files, split: Split, path: str) -> Row | Reject:
        try:
            fields = row_fields(files.read_media(path, self.max_file_bytes), path.replace("/", ""))
        except Refused as refused:
            return make_reject(split, self.licence, "the file", refused.reason.name, refused.detail, path)
        return give_row(split, self.licence, "the file", fields, {}, place=path)


def row_fields(kept: bytes, address: str) -> dict[str, object]:
    """The columns of a row. Raises: Refused with NOT_A_REPLY or WRONG_ADDRESS."""
    if not kept.startswith(b"\xff"):
        raise Refused(NOT_A_REPLY, f"it starts {kept[:20]!r}")
    try:
        told: Any = json.loads(kept[1:].decode())
    except (ValueError, RecursionError) as error:
        raise Refused(NOT_A_REPLY, f"no JSON: {error}") from error
    if not isinstance(told, dict) or not all(isinstance(told.get(name), str) for name in _TEXTS):
        raise Refused(NOT_A_REPLY, f"it starts {kept[:60]!r}")
    fields: dict[str, object] = {
        "address": address,
        **{name: told[name] for name in _TEXTS},
        **{name: told.get(name, -1) for name in _COUNTS},
    }
    asked = told.get("asked")
    if not isinstance(asked, dict):
        return fields
    if digest(str(asked.get("engine")), str(asked.get("question"))) != address:
        raise Refused(
            WRONG_ADDRESS, f"its question {asked.get('question')!r} by {asked.get('engine')!r} has another address than {address}"
        )
    fields |= {name: asked[name] for name in ASKED if name in asked}
    messages = asked.get("messages")
    if isinstance(messages, list):
        fields["messages"] = messages if told["why"] else [*messages, {"role": "assistant", "content": told["text"]}]
    return fields


@functools.lru_cache(maxsize=2)
def _addresses(root: str) -> tuple[str, ...]:
    """Paths of what lies at addresses: neither a file that is being written, nor what was spent."""
    return tuple(path for path in Files(root).walk() if _ADDRESS.fullmatch(posixpath.normpath(path)))
