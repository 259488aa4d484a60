"""Source trees: folders of repositories, and archives (tar, zip) that each hold one. A row a file; what is no file of text is refused.

With its bytes a row has its path, its repository, the texts of the nearest licence files, and what the nearest package says of its
licence, so that later steps can decide without another look at the tree.
"""

from __future__ import annotations

import functools
import os
import posixpath
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pipelines.source.files import (
    FILE_REASONS,
    FILE_TOO_LARGE,
    NETWORK_ERRORS,
    Files,
    is_glob,
    numbered,
)
from pipelines.source.media import give_row, open_rows
from pipelines.source.split import (
    BAD_JSON,
    NOT_UTF8,
    ROWS_PER_SPLIT,
    TRUNCATED_ARCHIVE,
    Split,
    check_positive,
    make_reject,
    make_split,
    printable,
    unreadable_split,
)
from pipelines.source.tars import LINK_MEMBER, SPECIAL_MEMBER, TAR_ERRORS, UNSAFE_MEMBER, check_end, members_of, open_tar
from pipelines.source.tars import SUFFIXES as TAR_SUFFIXES
from processors.code.package_licence import is_licence_file, is_metadata_file, is_notice_file, package_licence
from schemas.identity import digest
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row

VERSION_CONTROL = Reason("version_control", "The folder is a version control system's own store, not a part of the tree")
LINK_IN_TREE = Reason("link_in_tree", "The path is a link to another file of the tree, which is a row at its own place")
ENCRYPTED_MEMBER = Reason("encrypted_member", "The archive member is encrypted, or packed in a way that cannot be read")
STORES = (".git", ".hg", ".svn", ".bzr", "CVS")
ARCHIVES = (*TAR_SUFFIXES, ".zip")
MAX_FILE_BYTES = 16 << 20  # far above what anybody writes; a larger file is data
MAX_TELLER_BYTES = 1 << 20  # of a licence file or package metadata
MAX_MEMBERS = 1_000_000  # of an archive


@dataclass(frozen=True, slots=True)
class Tree:
    """One row a file below `root`, in order of path; each archive directly in `root`, or those that `path` selects, is a repository.

    `depth` says how many folders of a path name the repository: with 1, each folder in `root` is one; with 0, `root` is, and with 2
    they are named owner/name. Hidden files are files as others are; links are not followed. `licence` is what the source states for
    files of which nothing nearer tells it.
    """

    root: str = field(metadata={"fingerprint": False})
    path: str = ""
    licence: str = ""
    depth: int = 1
    rows_per_split: int = ROWS_PER_SPLIT
    max_file_bytes: int = MAX_FILE_BYTES
    reasons: ClassVar[tuple[Reason, ...]] = (
        *FILE_REASONS,
        VERSION_CONTROL,
        LINK_IN_TREE,
        UNSAFE_MEMBER,
        LINK_MEMBER,
        SPECIAL_MEMBER,
        ENCRYPTED_MEMBER,
        TRUNCATED_ARCHIVE,
        BAD_JSON,
        NOT_UTF8,
    )

    def __post_init__(self) -> None:
        check_positive(self, "rows_per_split", "max_file_bytes")
        if not 0 <= self.depth <= 8:
            raise ValueError(f"Tree: depth is {self.depth!r}, expected 0 (the root is one repository) to 8")

    def splits(self) -> list[Split]:
        """The first half of a revision names the paths, the second the contents; what tells of licences counts as content."""
        _listing.cache_clear()
        _tellings.cache_clear()
        _read_tellers.cache_clear()
        files = Files(self.root)
        paths, archives = _listing(self.root, self.path)
        found = []
        for start, stop in numbered(paths, self.rows_per_split):
            known = files.glances(paths[start:stop])
            contents = [content for content, _ in known]
            folders = sorted({posixpath.dirname(path) for path in paths[start:stop]})
            contents += [digest(repr(_tellings(self.root, folder, self.depth))) for folder in folders]
            revision = digest(*paths[start:stop])[:16] + digest(*contents)[:16]
            found.append(make_split(paths[start], revision, start, stop, stop - start, sum(size for _, size in known), start))
        return found + [self._archive_split(files, path) for path in archives]

    def _archive_split(self, files: Files, path: str) -> Split:
        try:
            size = files.size(path)
            return make_split(path, files.content_id(path), 0, size, -1, size)
        except NETWORK_ERRORS:
            raise
        except OSError:  # one split, which is refused as a whole
            return unreadable_split(path)

    def read(self, split: Split) -> Iterator[Row | Reject]:
        if split.num_rows == -1 or (split.path.lower().endswith(ARCHIVES) and split.path in map(printable, self._list()[1])):
            yield from self._read_archive(split)
            return
        files = Files(self.root)
        yield from files.side_by_side(lambda path: self._row(files, split, path), self._find(split))

    def _row(self, files: Files, split: Split, path: str) -> Row | Reject:
        try:
            _check_path(files, path)
            data = files.read_media(path, self.max_file_bytes)
        except Refused as refused:
            return make_reject(split, self.licence, "the file", refused.reason.name, refused.detail, path)
        repo, inside = self._place(path)
        told = _tellings(self.root, posixpath.dirname(path), self.depth)
        return give_row(split, self.licence, "the file", _fields(repo, inside, told), {"text": data}, place=path)

    def _list(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return _listing(self.root, self.path)

    def _place(self, path: str) -> tuple[str, str]:
        """(repository, path in it); a file above every repository belongs to the root."""
        parts = path.split("/")
        if self.depth == 0 or len(parts) <= self.depth:
            root = os.path.realpath(self.root) if Files(self.root).is_local else self.root.rstrip("/")
            return printable(posixpath.basename(root)), printable(path)
        return printable("/".join(parts[: self.depth])), printable("/".join(parts[self.depth :]))

    def _find(self, split: Split) -> tuple[str, ...]:
        """The files of a split. The listing is kept between splits; one that no longer fits is made again."""
        for _ in range(2):
            part = self._list()[0][split.start : split.stop]
            if digest(*part)[:16] == split.revision[:16]:
                return part
            _listing.cache_clear()
        raise ValueError(
            f"reading files {split.start} to {split.stop} of {self.root}: other files are there than when it was listed; start the build again"
        )

    # ---- archives

    def _read_archive(self, split: Split) -> Iterator[Row | Reject]:
        """An archive is read twice: what tells of licences may stand behind the files that it is about."""
        tellers: dict[str, dict[str, bytes]] = {}
        for _ in self._members(split, lambda name: is_teller(posixpath.basename(name)), tellers):
            pass
        repo = printable(_archive_name(split.path))
        told = functools.lru_cache(maxsize=4_096)(lambda folder: _told(_upward(folder, 0), lambda place: tellers.get(place, {})))
        for found in self._members(split, lambda name: True, None):
            if isinstance(found, Reject):
                yield found
                continue
            name, data = found
            fields = _fields(repo, printable(name), told(posixpath.dirname(name)))
            yield give_row(split, self.licence, f"member {printable(name)}", fields, {"text": data})

    def _members(
        self, split: Split, wanted: Callable[[str], bool], tellers: dict[str, dict[str, bytes]] | None
    ) -> Iterator[tuple[str, bytes] | Reject]:
        """The members that are files, by name; with `tellers` they are kept there, by folder, and refusals are left to the other pass."""
        handle = open_rows(Files(self.root), split, self.licence)
        if isinstance(handle, Reject):
            if tellers is None:
                yield handle
            return
        most = self.max_file_bytes if tellers is None else MAX_TELLER_BYTES
        read = _zip_members if split.path.lower().endswith(".zip") else _tar_members
        seen: set[str] = set()
        place = "byte 0"
        with handle:
            try:
                for name, problem, data in read(handle, wanted, most):
                    place = f"after member {printable(name)}"
                    if problem is None and tellers is not None:
                        folder, base = posixpath.split(_clean(name))
                        tellers.setdefault(folder, {})[base] = data
                    elif tellers is None:
                        locator = f"member {printable(name)}" if name not in seen else f"member {printable(name)}, again"
                        if name in seen and problem is None:
                            problem = (UNSAFE_MEMBER, f"{name!r} is there twice")
                        seen.add(name)
                        yield make_reject(split, self.licence, locator, problem[0].name, problem[1]) if problem else (_clean(name), data)
            except NETWORK_ERRORS:
                raise
            except (*TAR_ERRORS, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                if tellers is None:
                    yield make_reject(split, self.licence, place, TRUNCATED_ARCHIVE.name, f"{type(error).__name__}: {error}")


Found = tuple[str, tuple[Reason, str] | None, bytes]


def _refuse(name: str, size: int, most: int) -> tuple[Reason, str] | None:
    if name.startswith("/") or "\\" in name or ".." in name.split("/"):
        return UNSAFE_MEMBER, f"{name!r}"
    return (FILE_TOO_LARGE, f"{name!r} has {size} bytes, at most {most}") if size > most else None


def _tar_members(handle: object, wanted: Callable[[str], bool], most: int) -> Iterator[Found]:
    with open_tar(handle) as archive:
        for number, member in enumerate(members_of(archive)):
            if number >= MAX_MEMBERS:
                raise EOFError(f"more than {MAX_MEMBERS} members")
            if member.isdir() or not wanted(member.name):
                continue
            if member.issym() or member.islnk():
                yield member.name, (LINK_MEMBER, f"{member.name!r} -> {member.linkname!r}"), b""
                continue
            if not member.isfile():
                yield member.name, (SPECIAL_MEMBER, f"{member.name!r} of type {member.type!r}"), b""
                continue
            problem = _refuse(member.name, member.size, most)
            stream = archive.extractfile(member) if problem is None else None
            data = stream.read() if stream is not None else b""
            if problem is None and len(data) != member.size:
                raise EOFError(f"member {member.name!r} announces {member.size} bytes, {len(data)} are there")
            yield member.name, problem, data
        check_end(archive)


def _zip_members(handle: object, wanted: Callable[[str], bool], most: int) -> Iterator[Found]:
    """A zip's members; what one really holds is bounded, whatever its header says."""
    with zipfile.ZipFile(handle) as archive:  # type: ignore[call-overload]
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise EOFError(f"{len(members)} members, at most {MAX_MEMBERS}")
        for member in members:
            if not member.filename:
                yield "", (TRUNCATED_ARCHIVE, "a member without a name"), b""
                continue
            if member.is_dir() or not wanted(member.filename):
                continue
            problem = _refuse(member.filename, member.file_size, most)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind == stat.S_IFLNK:
                problem = problem or (LINK_MEMBER, f"{member.filename!r}")
            elif kind not in (0, stat.S_IFREG):
                problem = problem or (SPECIAL_MEMBER, f"{member.filename!r} of mode {kind:o}")
            if member.header_offset < 0:
                problem = problem or (TRUNCATED_ARCHIVE, f"{member.filename!r}: the archive has lost its beginning")
            if member.flag_bits & 1:
                problem = problem or (ENCRYPTED_MEMBER, f"{member.filename!r}")
            data = b""
            if problem is None:
                try:
                    with archive.open(member) as stream:
                        data = stream.read(most + 1)
                    problem = _refuse(member.filename, len(data), most)
                except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                    problem = (TRUNCATED_ARCHIVE, f"{member.filename!r}: {type(error).__name__}: {error}")
                except NotImplementedError as error:
                    problem = (ENCRYPTED_MEMBER, f"{member.filename!r}: {error}")
            yield member.filename, problem, b"" if problem else data


def _clean(name: str) -> str:
    return posixpath.normpath(name)


def _archive_name(path: str) -> str:
    base = posixpath.basename(path)
    ending = next((ending for ending in sorted(ARCHIVES, key=len, reverse=True) if base.lower().endswith(ending)), "")
    return base[: len(base) - len(ending)]


# ---- folders


@functools.lru_cache(maxsize=2)
def _listing(root: str, path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(files, archives) below a root, each sorted. Stores of version control stand among the files as one path each."""
    if path:
        chosen = Files(root).select(path, ARCHIVES)
        if not is_glob(path) and not path.lower().endswith(ARCHIVES):
            raise ValueError(f"format tree reads a folder, or archives ({', '.join(ARCHIVES)}), not {path!r}")
        return (), tuple(name for name in chosen if name.lower().endswith(ARCHIVES))
    files = _local_files(Files(root).local_root) if Files(root).is_local else [_without_store(name) for name in Files(root).everything()]
    archives = tuple(sorted(name for name in files if "/" not in name and name.lower().endswith(ARCHIVES)))
    return tuple(sorted(set(files) - set(archives))), archives


def _without_store(path: str) -> str:
    """The path of a file, or of the store of version control that it belongs to."""
    folders = path.split("/")[:-1]
    first = next((at for at, name in enumerate(folders, 1) if name in STORES), None)
    return path if first is None else "/".join(folders[:first])


def _local_files(base: Path) -> list[str]:
    files: list[str] = []
    for folder, folders, names in os.walk(base):
        here = Path(folder).relative_to(base).as_posix()
        here = "" if here == "." else f"{here}/"
        stores = [name for name in folders if name in STORES]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        files += [f"{here}{name}" for name in (*stores, *(link for link in links if link not in stores), *names)]
        folders[:] = sorted(name for name in folders if name not in STORES and name not in links)
    return files


def _check_path(files: Files, path: str) -> None:
    """Raises: Refused for a store of version control and for links."""
    full = files.local_root / path
    is_link = files.is_local and full.is_symlink()
    if full.name in STORES and (is_link or files.is_folder(path)):
        raise Refused(VERSION_CONTROL, f"{path!r} is the store of a version control system")
    if is_link:
        files.resolve_local(path)  # raises for one that leads out of the root
        raise Refused(LINK_IN_TREE, f"{path!r} -> {os.fspath(full.readlink())!r}")


@dataclass(frozen=True, slots=True)
class _Told:
    """What the files nearest to a folder tell: texts of licence files (name, text), and the package's own words."""

    texts: list[list[str]]
    package: str


def is_teller(name: str) -> bool:
    """Whether a file tells of the licence of those beside and below it."""
    return is_licence_file(name) or is_notice_file(name) or is_metadata_file(name)


def _fields(repo: str, path: str, told: _Told) -> dict[str, object]:
    fields: dict[str, object] = {"path": path, "repo": repo}
    if told.texts:
        fields["licence_texts"] = told.texts  # one list for all files of a folder
    if told.package:
        fields["package_licence"] = told.package
    return fields


def _upward(folder: str, depth: int) -> Sequence[str]:
    """A folder and those above it, up to the root of its repository."""
    parts = folder.split("/") if folder else []
    least = min(depth, len(parts))
    return ["/".join(parts[:count]) for count in range(len(parts), least - 1, -1)]


def _told(folders: Sequence[str], read: Callable[[str], Mapping[str, bytes]]) -> _Told:
    """The nearest licence files (notices where no folder has one), and the nearest metadata that says something."""
    texts: list[list[str]] = []
    notices: list[list[str]] = []
    package = ""
    for folder in folders:
        there = read(folder)
        names = sorted(there)
        texts = texts or [[name, there[name].decode("utf-8", "replace")] for name in names if is_licence_file(name)]
        notices = notices or [[name, there[name].decode("utf-8", "replace")] for name in names if is_notice_file(name)]
        said = (package_licence(name, there[name]) for name in names if is_metadata_file(name))
        package = package or next((text for text in said if text), "")
        if texts and package:
            break
    return _Told(texts or ([] if package else notices), package)


@functools.lru_cache(maxsize=4_096)
def _tellings(root: str, folder: str, depth: int) -> _Told:
    return _told(_upward(folder, depth), functools.partial(_read_tellers, root))


@functools.lru_cache(maxsize=4_096)
def _read_tellers(root: str, folder: str) -> Mapping[str, bytes]:
    """The licence files and metadata of one folder. One that cannot be read, or is too large, tells nothing."""
    files, found = Files(root), {}
    try:
        names = files.children(folder)
    except NETWORK_ERRORS:
        raise
    except OSError:
        return {}
    for name in names:
        path = posixpath.join(folder, name)
        if is_teller(name) and not files.is_folder(path):
            try:
                found[name] = files.read_media(path, MAX_TELLER_BYTES)
            except Refused:  # it is a row too, and refused there with its reason
                continue
    return found
