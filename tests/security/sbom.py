"""The bill of materials of an installed environment, and whether its licences are ones that we accept.

    python -m tests.security.sbom [--out sbom.json]     (make sbom)

CycloneDX JSON, made by the OWASP project's own `cyclonedx-py`, which reads what is installed and validates what it writes. A licence
that is on no list ends the command with exit code 1: somebody must read it, and add it to a list here and, where it asks for more
than a notice, to NOTICE.
"""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SPEC_VERSION = "1.6"

# By SPDX; ask for a notice at most, or, MPL, that changes to their own files are passed on.
ALLOWED = frozenset(
    (
        *("Apache-2.0", "MIT", "MIT-0", "MIT-CMU", "HPND", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "Zlib", "PSF-2.0", "Python-2.0"),
        *(
            "Unlicense",
            "CC0-1.0",
            "MPL-1.1",
            "MPL-2.0",
            "BSL-1.0",
            "Apache-2.0 WITH LLVM-exception",
            "CNRI-Python",
            "Artistic-2.0",
            "ZPL-2.1",
        ),
    )
)
# Packages that say it in words of their own; what they mean, by name of the distribution, was read in their licence files.
NAMES = (
    (r"apache", "Apache-2.0"),
    (r"\bmit\b|expat", "MIT"),
    (r"bsd|new bsd|3-clause|2-clause", "BSD-3-Clause"),
    (r"mozilla|mpl", "MPL-2.0"),
    (r"python software foundation|^psf", "PSF-2.0"),
    (r"\bisc\b", "ISC"),
    (r"unlicense|public domain", "Unlicense"),
    (r"hpnd|historical permission", "HPND"),
    (r"zlib", "Zlib"),
    (r"zope", "ZPL-2.1"),
)
# Strong conditions, or none that a machine can read: each stands in NOTICE, or is told here.
EXCEPTIONS = {
    "pymupdf": "AGPL-3.0, or commercial: in NOTICE",
    "num2words": "LGPL-2.1: in NOTICE",
    "soxr": "LGPL-2.1 or later: in NOTICE",
    "coqui-tts": "MPL-2.0; its voices have licences of their own: in NOTICE",
    "pymupdf-layout": "an empty package that pymupdf 2 needs",
    "pymupdf4llm": "an empty package that pymupdf 2 needs",
    "axe-playwright-python": "MIT, in its licence file; for tests",
    "torchcodec": "BSD-3-Clause, in its licence file",
    "mlcroissant": "Apache-2.0, in its repository; for tests",
    "libfaketime": "GPL-2.0; a program of its own, for tests",
}


@functools.cache
def installed() -> dict[str, importlib.metadata.Distribution]:
    """What is installed, by normalised name; not what another distribution carries within it, which setuptools puts on the path."""
    places = [place for place in sys.path if "_vendor" not in place]
    return {normal(found.metadata["Name"]): found for found in importlib.metadata.distributions(path=places) if found.metadata["Name"]}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def make_sbom(out: Path, validate: bool = True) -> dict[str, Any]:
    """Writes the bill of materials of this environment, and gives it."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(ROOT / "pyproject.toml"), "--of", "JSON"]
    command += [
        "--sv",
        SPEC_VERSION,
        "--output-reproducible",
        "--validate" if validate else "--no-validate",
        "-o",
        str(out),
        sys.executable,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"making the bill of materials failed with code {done.returncode}: {done.stderr.strip()[-600:]}")
    found: dict[str, Any] = json.loads(out.read_text())
    return found


@functools.cache
def licence_of(name: str) -> str:
    """The licence of an installed distribution as SPDX, or the words in which it is told."""
    told = installed()[name].metadata
    if told.get("License-Expression"):
        return str(told["License-Expression"])
    classified = [line.rpartition("::")[2].strip() for line in told.get_all("Classifier") or () if line.startswith("License ::")]
    said = [*classified, (told.get("License") or "").strip().splitlines()[0] if (told.get("License") or "").strip() else ""]
    for text in said:
        for pattern, licence in NAMES:
            if re.search(pattern, text, re.IGNORECASE) and "gpl" not in text.lower():
                return licence
    return "; ".join(filter(None, said)) or "none stated"


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression can be met by licences of the list: all of what is joined by AND, one of what is joined by OR."""
    if expression in ALLOWED:
        return True
    plain = expression.replace("(", " ").replace(")", " ")
    return all(any(part.strip() in ALLOWED for part in piece.split(" OR ")) for piece in plain.split(" AND "))


def refused_licences() -> dict[str, str]:
    """Installed distributions whose licence is neither allowed nor an exception."""
    ours = normal("corpusmill")
    found = {name: licence_of(name) for name in installed() if name != ours and name not in EXCEPTIONS}
    return {name: licence for name, licence in sorted(found.items()) if not is_allowed(licence)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.security.sbom", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "sbom.json")
    out = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    found = make_sbom(out)
    print(f"{out}: CycloneDX {found['specVersion']}, {len(found['components'])} components")
    refused = refused_licences()
    for name, licence in refused.items():
        print(f"{name}: licence {licence!r} is on no list of {Path(__file__).name}")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
