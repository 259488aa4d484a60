"""Runs one job in the world that was built for it: a Python program, a trusted entry, or a command of another language.

What comes here runs as the program itself does: without rights, under the filter, within the limits. A program may break all of it, and
has then broken only itself. Only the standard library is used: this file is read behind the wall as well.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import random
import signal
import struct
import sys
import threading
import traceback
import types
from pathlib import Path
from typing import Any, NoReturn

HEADER = struct.Struct("<II")  # bytes of the JSON that names files and sizes, bytes of the source
OURS = "pipelines"


def pack(source: bytes, files: dict[str, bytes]) -> bytes:
    """A program as one run of bytes, so that it reaches its process without passing through the zygote's memory."""
    names = json.dumps({name: len(content) for name, content in files.items()}).encode()
    return b"".join([HEADER.pack(len(names), len(source)), names, source, *files.values()])


def _unpack(packed: bytes) -> tuple[bytes, dict[str, bytes]]:
    num_names, num_source = HEADER.unpack_from(packed)
    at = HEADER.size + num_names
    sizes, source = json.loads(packed[HEADER.size : at]), packed[at : at + num_source]
    at += num_source
    files = {}
    for name, size in sizes.items():
        files[name] = packed[at : at + size]
        at += size
    return source, files


def _write_files(files: dict[str, bytes]) -> None:
    for name, content in files.items():
        if "/" in name:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
        with open(name, "wb") as out:
            out.write(content)


def _open_streams() -> None:
    """Text streams as an interpreter opens them for pipes, on the descriptors that this job was given."""
    streams: list[Any] = []
    for number, mode in ((0, "rb"), (1, "wb"), (2, "wb")):
        raw = open(number, mode, closefd=False)  # noqa: SIM115 (for the life of the program)
        errors = "backslashreplace" if number == 2 else "strict"
        streams.append(io.TextIOWrapper(raw, encoding="utf-8", errors=errors, line_buffering=number == 2))
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__ = streams  # type: ignore[misc]


def _leave(code: int) -> NoReturn:
    """Ends as the interpreter does, without taking its modules apart: threads, what was registered, what is still to be written."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            if not stream.closed:
                stream.flush()
        except (OSError, ValueError, AttributeError):
            code = code or 120
    os._exit(code & 0xFF)


def _call(function: Any, *args: Any) -> NoReturn:
    """Calls it, and ends this process as a script would that did nothing else."""
    code = 0
    try:
        function(*args)
    except SystemExit as leaving:
        if leaving.code is not None and not isinstance(leaving.code, int):
            print(leaving.code, file=sys.stderr)
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException as error:
        code, trace = 1, error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        try:
            sys.excepthook(type(error), error.with_traceback(trace), trace)
        except BaseException:
            os.write(2, f"{type(error).__name__}\n".encode())
    _leave(code)


def _execute(source: bytes, name: str, variables: dict[str, Any], _kept: object) -> None:
    exec(compile(source, name, "exec", dont_inherit=True), variables)


def run_python(packed: bytes, name: str) -> NoReturn:
    """Runs a program as `__main__` of a fresh interpreter would run: its file in the working folder, no module of ours to import."""
    source, files = _unpack(packed)
    _write_files({**files, name: source})
    hidden = {module: sys.modules.pop(module) for module in list(sys.modules) if module.partition(".")[0] == OURS}
    main = types.ModuleType("__main__")
    main.__file__, main.__builtins__ = name, __builtins__  # type: ignore[attr-defined]
    sys.modules["__main__"] = main
    sys.argv, sys.path[:0] = [name], [str(Path.cwd())]
    random.seed(0)  # a fork seeds it from the system
    _open_streams()
    _call(_execute, source, name, main.__dict__, hidden)


def run_entry(name: str, payload: bytes) -> NoReturn:
    """Calls the function `name` of `inside`."""
    inside = sys.modules["pipelines.sandbox.inside"]
    _open_streams()
    _call(getattr(inside, name), payload)


def run_command(packed: bytes, name: str, command: list[str], environment: dict[str, str]) -> NoReturn:
    """Becomes the command of another language, with the program's text in a file of that name."""
    source, files = _unpack(packed)
    _write_files({**files, name: source})
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python, and an ignored signal stays so
        signal.signal(ignored, signal.SIG_DFL)
    os.execve(command[0], command, environment)
