"""Functions that tests run in child processes of decoders: honest ones that die, or take too much, when they are told to."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from typing import Any

from processors.audio.guarded import decode_request as decode_audio
from processors.guard import Answer
from processors.image.guarded import decode_request as decode_image

DEADLY = b"\0\0DEADLY"  # at the end of a file, behind all that its format reads


def decode_audio_or_die(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    _die_of(blobs[0])
    return decode_audio(request, blobs)


def decode_image_or_die(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    _die_of(blobs[0])
    return decode_image(request, blobs)


def _die_of(data: bytes) -> None:
    if data.endswith(DEADLY):
        ctypes.string_at(0)


def take_all_at_once(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    return {"taken": len(bytearray(request["num_bytes"]))}, []


def write_without_end(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Seeks behind the largest size that a file may have, so that nothing is really written."""
    handle = os.open(Path(request["place"]), os.O_WRONLY | os.O_CREAT)
    try:
        os.lseek(handle, 1 << 30, os.SEEK_SET)
        os.write(handle, b"x")
    except OSError as error:
        return {"error": errno.errorcode[error.errno or 0]}, []
    finally:
        os.close(handle)
    return {"error": ""}, []
