"""Replies of models, kept by the content of their question: nothing is spoken, heard or written twice.

A reply's address is a digest of everything that decides it: the engine's identity and the question. A file a reply,
`<root>/<two digits>/<digest>`, created once and whole: of two workers that ask the same question at the same time the
first one's reply stays and the second takes it over. So a model that does not repeat itself exactly still gives the same
corpus when a build is resumed, rebuilt, or shares its replies with another corpus. A killed writer may leave a file with a
temporary name beside; nothing reads it, and nobody removes it, since another writer at work has such files too.

On an object store a reply is an object, made if absent: what was answered survives the node that asked, and only what was under way
is asked again.
"""

from __future__ import annotations

from pathlib import Path

from schemas.shard import CommitConflict, write_if_absent


class Replies:
    """A folder of replies; without a folder they are kept in memory (for small runs and probes)."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root
        self._held: dict[str, bytes] = {}

    def __contains__(self, address: str) -> bool:
        return address in self._held if self.root is None else self._path(address).is_file()

    def get(self, address: str) -> bytes | None:
        """The reply at this address, or None when it was never asked."""
        if self.root is None:
            return self._held.get(address)
        try:
            return self._path(address).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, address: str, reply: bytes) -> bytes:
        """Keeps a reply and gives the one that is kept: an earlier one stays."""
        if self.root is None:
            return self._held.setdefault(address, reply)
        path = self._path(address)
        try:
            write_if_absent(path, reply)
        except CommitConflict:
            return path.read_bytes()
        return reply

    def _path(self, address: str) -> Path:
        assert self.root is not None
        return self.root / address[:2] / address[2:]
