"""How objects get into a store: whole, by one request or in parts that are joined at the end, and looked at afterwards.

For schemas/shard.py, which serves local folders too; whoever writes uses that.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any, cast

from schemas.retry import StoreError, codes_of
from schemas.store import StorePath, asked, fetched, file_system

PART_BYTES = 16 << 20  # a file of twice as much goes up in parts
MAX_PARTS = 10_000  # of S3


def send_bytes(path: StorePath, data: bytes, exclusively: bool = False) -> bool:
    """Writes an object in one request. `exclusively`: only if it is absent, else False is given.

    False does not tell who made it: an answer that was lost is asked for again, and finds what this one had made. Compare the bytes.
    """
    try:
        asked("writing", path, lambda system: system.pipe_file(path.path, data, mode="create" if exclusively else "overwrite"))
    except (FileExistsError, StoreError) as error:
        if exclusively and was_there(error):
            return False
        raise
    return True


def was_there(error: BaseException) -> bool:
    """Whether an object was not created because it was there already."""
    return isinstance(error, FileExistsError) or bool(codes_of(error) & {"PreconditionFailed", "412"})


def send_file(local: Path, path: StorePath, exclusively: bool = False) -> bool:
    """Sends a file as one object, by one request or in parts that are joined at the end, and looks whether it arrived whole.

    Gives False, as `send_bytes`, where it was there already.
    """
    part_bytes = max(PART_BYTES, -(-local.stat().st_size // MAX_PARTS))

    def put(system: Any) -> None:
        system.put_file(str(local), path.path, chunksize=part_bytes, mode="create" if exclusively else "overwrite")

    try:
        asked("writing", path, put)
    except (FileExistsError, StoreError) as error:
        if exclusively and was_there(error):
            return False
        raise
    if not holds_file(path, local):
        raise StoreError(
            f"writing {path}: what the store holds afterwards is not what was sent; check the store, then run the same command"
        )
    return True


def holds_file(path: StorePath, local: Path) -> bool:
    """Whether the object has the bytes of the local file: by size and MD5 where the store tells one, else by reading it."""
    stat = path.stat()
    if stat.st_size != local.stat().st_size:
        return False
    with open(local, "rb") as file:
        if stat.md5 and stat.md5 == hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest():
            return True
    with (
        fetched(cast(Path, path)) as back,
        open(back, "rb") as there,
        open(local, "rb") as here,
    ):  # an encrypted object has a tag that is no MD5
        return hashlib.file_digest(there, "sha256").digest() == hashlib.file_digest(here, "sha256").digest()


def copy_object(path: StorePath, target: StorePath) -> None:
    """Copies an object inside its store; the target is whole or as it was."""
    asked("copying", path, lambda system: system.cp_file(path.path, target.path))


def unfinished_uploads(folder: Path) -> list[tuple[str, str]]:
    """Uploads in parts below a folder that were begun and not ended, as (key, upload id): they cost space and no listing shows them."""
    if not isinstance(folder, StorePath) or not hasattr(file_system(folder.scheme), "list_multipart_uploads"):
        return []
    bucket, _, key = folder.path.partition("/")
    found: list[tuple[str, str]] = []
    marks: dict[str, str] = {}
    while True:
        wanted = {"Bucket": bucket, "Prefix": f"{key}/" if key else "", **marks}
        page = asked("listing uploads of", folder, lambda system, wanted=wanted: system.call_s3("list_multipart_uploads", **wanted))  # type: ignore[misc]
        found += [(upload["Key"], upload["UploadId"]) for upload in page.get("Uploads", []) if upload["Key"].startswith(wanted["Prefix"])]
        if not page.get("IsTruncated"):
            return found
        marks = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


def end_uploads(folder: Path) -> list[str]:
    """Gives up the unfinished uploads below a folder, for its owner; gives their names."""
    uploads = unfinished_uploads(folder)
    if uploads:
        place = cast(StorePath, folder)
        bucket = place.path.partition("/")[0]
        for key, upload in uploads:
            with contextlib.suppress(FileNotFoundError):  # ended meanwhile
                asked("ending an upload of", place, lambda system, key=key, upload=upload: system.abort_mpu(bucket, key, upload))  # type: ignore[misc]
    return [key for key, _ in uploads]
