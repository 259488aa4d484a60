"""LibreOffice renders a deck: one headless process a deck, a PDF back, in a folder and with a profile of its own.

The deck has passed `check_deck` before. What it links to outside is cut from the copy that the program gets, macros are switched off,
and the process runs without a network where the system lets it (util-linux's unshare), with limits of time, memory and file size.
The PDF is a reply that is kept: pictures of slides follow from it without the program.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from processors.deck.package import DECK_REASONS, check_deck
from processors.dialogue import text_field
from processors.engine import EngineMissing
from processors.guard import told_environment
from schemas.facts import Fact
from schemas.identity import digest
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row, with_facts

NOT_RENDERED = Reason("not_rendered", "LibreOffice made no pages of the deck, or not as many as it has slides")
NO_DECK = Reason("no_deck", "The row names no deck")
RENDERED_BY = Fact("slides.rendered_by", str, "Who drew the slide: own, or LibreOffice with its version")
OWN, LIBREOFFICE, AUTO = "own", "libreoffice", "auto"
RENDERED = "rendered"  # blob: the deck as PDF

CPU_S = 300  # of one deck; a page takes some 0.1 s after a start of 3 s
WALL_S = 600.0  # last resort, for a process that waits
MEMORY_BYTES = 8 << 30  # of address space
MAX_PDF_BYTES = 512 << 20
REFUSED = b"refused\n"
EXPORT = 'pdf:impress_pdf_Export:{"ExportHiddenSlides":{"type":"boolean","value":"true"},"Quality":{"type":"long","value":"95"}}'
SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="DisableMacrosExecution"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="MacroSecurityLevel"><value>3</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="BlockUntrustedRefererLinks"><value>true</value></prop></item>
</oor:items>
"""
RELATIONSHIP = re.compile(rb"<(?:\w+:)?Relationship\b[^>]*?/?>")
ZIP_DATE = (2026, 1, 1, 0, 0, 0)


def office_program() -> str | None:
    """The path of LibreOffice, where it is installed."""
    return shutil.which("soffice") or shutil.which("libreoffice")


@functools.cache
def office_version() -> str:
    """LibreOffice's version. Raises: EngineMissing."""
    program = office_program()
    if program is None:
        install = "apt-get install -y --no-install-recommends libreoffice-impress"
        raise EngineMissing(f"soffice, which renders slides, is not on PATH; install it ({install}) or choose renderer own")
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"LibreOffice (\S+)", told.stdout)
    return found[1] if found else "of unknown version"


def choose_renderer(name: str) -> str:
    """`own`, or the version of LibreOffice that will render: `auto` takes LibreOffice where it is installed.

    Raises: ValueError for another name; EngineMissing where LibreOffice is asked for and absent.
    """
    if name not in (AUTO, LIBREOFFICE, OWN):
        raise ValueError(f"renderer is {name!r}, expected {AUTO}, {LIBREOFFICE} or {OWN}")
    if name == OWN or (name == AUTO and office_program() is None):
        return OWN
    return f"{LIBREOFFICE} {office_version()}"


@functools.cache
def _isolation() -> tuple[str, ...]:
    """The command that takes the network away; nothing where the system does not let us."""
    unshare = shutil.which("unshare")
    command = (unshare, "--net", "--map-root-user") if unshare else ()
    if command and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
        return command  # type: ignore[return-value]
    return ()


@dataclass(frozen=True, slots=True, eq=False)
class DeckQuestion:
    """A deck to render, known by its bytes."""

    data: bytes

    def digest(self) -> str:
        return digest(self.data)


@dataclass(frozen=True, slots=True)
class RenderDeck:
    """Adds the deck as a PDF, a page a slide, hidden ones too. `renderer` is what `choose_renderer` gave: it pins the version."""

    renderer: str
    takes: ClassVar = (Row,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (RENDERED_BY,)
    reasons: ClassVar = (NO_DECK, *(reason for reason in DECK_REASONS if reason.name != "no_slides"), NOT_RENDERED)
    version: ClassVar = 1

    def identity(self) -> str:
        return f"{self.renderer}; {EXPORT}; links cut"

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[DeckQuestion]], list[bytes]]]:
        found = f"{LIBREOFFICE} {office_version()}"
        if found != self.renderer:
            raise EngineMissing(f"the recipe was made for {self.renderer}, here is {found}; make it again, or choose renderer own")
        with tempfile.TemporaryDirectory(prefix="slides_") as folder:
            profile = Path(folder) / "profile" / "user"
            profile.mkdir(parents=True)
            (profile / "registrymodifications.xcu").write_text(SETTINGS)
            yield lambda questions: [convert(question.data, Path(folder)) for question in questions]

    def questions(self, row: Row) -> list[DeckQuestion] | Reject:
        if "deck" not in row.blobs:
            return Reject(row.key, NO_DECK.name, f"expected a deck in the row {text_field(row.fields, 'path')}".strip())
        try:
            check_deck(row.blobs["deck"])
        except Refused as refused:
            return refused.reject(row.key)
        return [DeckQuestion(row.blobs["deck"])]

    def answer(self, row: Row, replies: list[bytes]) -> Row | Reject:
        if replies[0].startswith(REFUSED):
            return Reject(row.key, NOT_RENDERED.name, replies[0][len(REFUSED) :].decode())
        return with_facts(replace(row, blobs={**row.blobs, RENDERED: replies[0]}), {RENDERED_BY.name: self.renderer})


def convert(data: bytes, folder: Path) -> bytes:
    """The deck as PDF, by LibreOffice with the profile in `folder`; or why there is none, after REFUSED."""
    program = office_program()
    assert program is not None
    with tempfile.TemporaryDirectory(prefix="deck_", dir=folder) as work:
        place = Path(work)
        (place / "deck.pptx").write_bytes(without_links(data))
        flags = ["--headless", "--norestore", "--nologo", "--nodefault", "--nolockcheck", "--nofirststartwizard"]
        where = [f"-env:UserInstallation=file://{folder / 'profile'}", "--convert-to", EXPORT, "--outdir", work, str(place / "deck.pptx")]
        environment = {**told_environment(), "HOME": work, "TMPDIR": work, "LC_ALL": "C.UTF-8"}
        process = subprocess.Popen(
            [*_isolation(), program, *flags, *where],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        with contextlib.suppress(ProcessLookupError):  # it ended at once
            for limit, value in ((resource.RLIMIT_CPU, CPU_S), (resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_FSIZE, MAX_PDF_BYTES)):
                resource.prlimit(process.pid, limit, (value, value))
        try:
            told, _ = process.communicate(timeout=WALL_S)
        except subprocess.TimeoutExpired:
            return REFUSED + f"no pages after {WALL_S:g} s".encode()
        finally:
            with contextlib.suppress(ProcessLookupError):  # the program starts others, which may outlive it
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        made = place / "deck.pdf"
        if not made.is_file() or not made.stat().st_size:
            said = told.decode("utf-8", "replace").replace(work, "").strip()[-200:]
            return REFUSED + f"LibreOffice ended with code {process.returncode} and no PDF: {said}".encode()
        return made.read_bytes()


def without_links(data: bytes) -> bytes:
    """The same package without relationships to the outside, hyperlinks excepted: nothing in it makes a reader fetch anything."""

    def kept(found: re.Match[bytes]) -> bytes:
        outside = b"External" in found[0] and b"/hyperlink" not in found[0]
        return b"" if outside else found[0]

    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(
                zipfile.ZipInfo(entry.filename, ZIP_DATE), RELATIONSHIP.sub(kept, content) if entry.filename.endswith(".rels") else content
            )
    return sink.getvalue()
