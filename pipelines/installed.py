"""What is installed, and whether it works: Python, packages against those wanted, engines, the wall around programs, Ray."""

from __future__ import annotations

import ctypes.util
import importlib.metadata
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pipelines.doctor import MISSING, OK, WARNING, Check

PROGRAM_S, PROBE_S = 20.0, 120.0
PIP = f"{sys.executable} -m pip install"


def python() -> Iterator[Check]:
    """The interpreter against the versions that the distribution asks for."""
    wanted = importlib.metadata.metadata("corpusmill")["Requires-Python"]
    here = platform.python_version()
    fits = SpecifierSet(wanted).contains(here)
    yield Check(
        "Python",
        "version",
        OK if fits else MISSING,
        f"{here}, wanted {wanted}",
        "" if fits else "make a virtual environment of such a Python",
    )
    yield Check("Python", "interpreter", OK, f"{sys.executable} on {platform.system()} {platform.release()} {platform.machine()}")
    if platform.system() != "Linux":
        yield Check("Python", "system", MISSING, f"{platform.system()}, wanted Linux", "use Linux, or a container of it")


def packages() -> Iterator[Check]:
    """Each package that the distribution asks for; those of its extras are options."""
    num_fitting, problems = 0, []
    optional: dict[str, list[str]] = {}
    for text in importlib.metadata.requires("corpusmill") or []:
        wanted = Requirement(text)
        extra = next((name for name in ("speech", "bench", "dev") if wanted.marker and wanted.marker.evaluate({"extra": name})), None)
        is_needed = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if not is_needed and extra != "speech":
            continue
        here = _version(wanted.name)
        if here is not None and wanted.specifier.contains(here, prereleases=True):
            num_fitting += is_needed
            if not is_needed:
                optional.setdefault("installed", []).append(f"{wanted.name} {here}")
        elif is_needed:
            said = f"{here or 'not installed'}, wanted {wanted.specifier}"
            problems.append(Check("Packages", wanted.name, MISSING, said, f"{PIP} '{wanted.name}{wanted.specifier}'"))
        else:
            optional.setdefault("absent", []).append(wanted.name if here is None else f"{wanted.name} {here} (wanted {wanted.specifier})")
    yield Check("Packages", "needed", OK, f"{num_fitting} as wanted")
    yield from problems
    if "installed" in optional:
        yield Check("Packages", "speech extra", OK, ", ".join(optional["installed"]))
    if "absent" in optional:
        yield Check(
            "Packages",
            "speech extra",
            WARNING,
            f"without {', '.join(optional['absent'])}: no such voices and ears",
            f"{PIP} 'corpusmill[speech]'",
        )


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


# ---- programs

# program, how it tells its version, what it is for, the Debian package
PROGRAMS = (
    ("flite", ("--version",), "speaks English", "flite"),
    ("espeak-ng", ("--version",), "speaks the other languages", "espeak-ng"),
    ("tesseract", ("--version",), "reads scanned pages", "tesseract-ocr"),
    ("dot", ("-V",), "lays diagrams out", "graphviz"),
    ("bwrap", ("--version",), "isolates programs", "bubblewrap"),
)
INSTALL = "apt-get install -y"


def programs() -> Iterator[Check]:
    """The engines that are programs: found, run, and the voices made to speak a word."""
    for name, asks, purpose, package in PROGRAMS:
        if shutil.which(name) is None:
            yield Check("Engines", name, MISSING, f"not on PATH; it {purpose}", f"{INSTALL} {package}")
            continue
        works, said = _run([name, *asks])
        first = next((line.strip() for line in said.splitlines() if re.search(r"\d\.\d", line)), said.strip()[:80])
        if not works and not re.search(r"\d\.\d", first):  # flite tells its version and ends with 1
            yield Check("Engines", name, MISSING, f"does not run: {first}", f"{INSTALL} --reinstall {package}")
            continue
        problem = _speaks(name) if name in ("flite", "espeak-ng") else ""
        state = MISSING if problem else OK
        yield Check("Engines", name, state, problem or first, f"{INSTALL} --reinstall {package}" if problem else "")
    languages = _tesseract_languages()
    if languages:
        yield Check("Engines", "tesseract languages", OK, ", ".join(languages))
    office = shutil.which("soffice") or shutil.which("libreoffice")
    todo = "" if office else f"{INSTALL} --no-install-recommends libreoffice-impress"
    yield Check("Engines", "soffice", OK if office else WARNING, office or "not on PATH: slides are drawn by our own renderer", todo)
    libraries = ctypes.util.find_library("avcodec")
    said = libraries or "no shared libraries: the neural voices need them"
    yield Check("Engines", "FFmpeg libraries", OK if libraries else WARNING, said, "" if libraries else f"{INSTALL} ffmpeg")
    ear = _version("pocketsphinx")
    yield Check(
        "Engines", "pocketsphinx", OK if ear else MISSING, ear or "not installed; it hears English", "" if ear else f"{PIP} pocketsphinx"
    )


def _speaks(program: str) -> str:
    """Why a voice does not write a sound; empty when it does."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "one.wav"
        asked = ["flite", "-t", "one", "-o", str(sound)] if program == "flite" else ["espeak-ng", "-w", str(sound), "one"]
        works, said = _run(asked)
        if works and sound.is_file() and sound.stat().st_size > 1_000:
            return ""
        return f"was asked to say `one` and wrote no sound: {said.strip()[:120]}"


def _tesseract_languages() -> list[str]:
    if shutil.which("tesseract") is None:
        return []
    works, said = _run(["tesseract", "--list-langs"])
    return [line.strip() for line in said.splitlines()[1:] if line.strip()] if works else []


def _run(words: list[str], limit_s: float | None = None) -> tuple[bool, str]:
    """Whether a program ended well within the limit, and what it said."""
    limit_s = PROGRAM_S if limit_s is None else limit_s
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return False, f"it did not end within {limit_s:g} s"
    except OSError as error:
        return False, str(error)
    return done.returncode == 0, done.stdout.decode("utf-8", "replace")


# ---- what takes long to import, each in a Python of its own

_SANDBOX = """
import json
from pipelines.sandbox.limits import Program
from pipelines.sandbox.sandbox import Sandbox
with Sandbox() as sandbox:
    print(json.dumps(str(sandbox.run(Program("print(6 * 7)")).stdout)))
"""

_TORCH = """
import json, time
import torch
from processors.torch_audio import _extension_loads, import_torchaudio
loads = _extension_loads()
audio = import_torchaudio()
gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
print(json.dumps({"torch": torch.__version__, "torchaudio": audio.__version__, "loads": loads, "gpus": gpus, "threads": torch.get_num_threads()}))
"""

_RAY = """
import json, time
from pipelines import cluster, graph
import dask
start = time.perf_counter()
with cluster.session(1, 0, None, lambda _: None):
    (found,) = cluster.compute([dask.delayed(sum)([40, 2])], 1, None, lambda _: None)
print(json.dumps([found, round(time.perf_counter() - start, 1)]))
"""


def _probe(code: str, limit_s: float = PROBE_S) -> tuple[object, str]:
    """The JSON value on the last line that some code prints, or None and why there is none."""
    works, said = _run([sys.executable, "-c", code], limit_s)
    lines = said.strip().splitlines() or [""]
    if works:
        try:
            return json.loads(lines[-1]), ""
        except json.JSONDecodeError:
            pass
    return None, lines[-1][:300]


def sandbox() -> Iterator[Check]:
    """Whether the wall around programs stands here: a program is run behind it."""
    found, why = _probe(_SANDBOX)
    stands = found is not None and "42" in str(found)
    said = "a program was run behind it" if stands else f"no program can be run: {why or found}"
    yield Check("Engines", "sandbox", OK if stands else MISSING, said, "" if stands else "see runbooks/sandbox.md, Install")


def torch_packages() -> Iterator[Check]:
    """torch, torchaudio's extension, and GPUs."""
    found, why = _probe(_TORCH)
    if not isinstance(found, dict):
        yield Check("Engines", "torch", MISSING, f"cannot be imported: {why}", f"{PIP} --force-reinstall torch torchaudio")
        return
    yield Check("Engines", "torch", OK, f"{found['torch']}, {found['threads']} threads")
    extension = "its extension loads" if found["loads"] else "its extension, of which nothing is used, does not load and is hidden"
    yield Check("Engines", "torchaudio", OK, f"{found['torchaudio']}; {extension}")
    gpus = ", ".join(found["gpus"])
    yield Check("Engines", "GPUs", OK, gpus or "none: training runs on the CPU, at small sizes")


def ray_starts() -> Iterator[Check]:
    """Whether a Ray of our own starts here and runs a task."""
    found, why = _probe(_RAY)
    runs = isinstance(found, list) and found[0] == 42
    said = f"started, ran a task and ended in {found[1]} s" if runs else f"does not start: {why}"  # type: ignore[index]
    yield Check(
        "Ray",
        "embedded",
        OK if runs else MISSING,
        said,
        "" if runs else "build with --workers 0; see what it said with RAY_LOG_TO_STDERR=1",
    )
