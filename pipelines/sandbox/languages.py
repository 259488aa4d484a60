"""The languages that programs may be written in: what runs them behind the wall, one row a language.

Python runs in a fork of the warm interpreter; the others start cold, from programs that are installed under /usr, which is all of the host
that the wall shows.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from processors.engine import EngineMissing

SEEN = "/usr/local/bin:/usr/bin"


@dataclass(frozen=True, slots=True)
class Language:
    """How a program is run.

    Attributes:
        file_name: what its text is called in the scratch, where the command runs.
        command: words; the first is looked for under /usr. Empty for Python.
        packages: what `apt-get install` needs, where the program is missing.
        compilers: further programs that the command needs.
        reserves_memory: its runtime maps far more address space than it uses, so memory is bounded by what can be written to.
        num_threads, runtime_bytes: threads and memory of its runtime, on top of the program's limits.
        shown: a pattern of folders in /etc that it reads.
        asks: refused calls that its runtime makes for every program, and does without.
    """

    file_name: str
    command: tuple[str, ...] = ()
    packages: str = ""
    compilers: tuple[str, ...] = ()
    reserves_memory: bool = False
    num_threads: int = 0
    runtime_bytes: int = 0
    shown: str = ""
    asks: tuple[str, ...] = ()

    def resolved(self) -> list[str]:
        """The command with the path of its program. Raises: EngineMissing."""
        for program in (*self.command[:1], *self.compilers):
            found = shutil.which(program, path=SEEN)
            if found is None or not Path(found).resolve().is_relative_to("/usr"):
                raise EngineMissing(
                    f"{program}, which runs {self.file_name}, is not under /usr; install it: apt-get install -y {self.packages}"
                )
        return [str(shutil.which(self.command[0], path=SEEN)), *self.command[1:]] if self.command else []


def _compiled(file_name: str, compiler: str, command: str, packages: str, num_threads: int = 2) -> Language:
    return Language(file_name, ("sh", "-c", f"{command} && exec ./main"), packages, (compiler,), num_threads=num_threads)


LANGUAGES = {
    "python": Language("main.py"),
    "sh": Language("main.sh", ("sh", "main.sh"), "dash"),
    "bash": Language("main.sh", ("bash", "main.sh"), "bash", asks=("socket(unix)",)),  # who the user is
    "perl": Language("main.pl", ("perl", "main.pl"), "perl"),
    "ruby": Language("main.rb", ("ruby", "main.rb"), "ruby"),
    "lua": Language("main.lua", ("lua", "main.lua"), "lua5.4"),
    "php": Language("main.php", ("php", "main.php"), "php-cli"),
    "javascript": Language("main.js", ("node", "main.js"), "nodejs", reserves_memory=True, num_threads=16, runtime_bytes=192 << 20),
    "java": Language("Main.java", ("java", "-XX:+UseSerialGC", "Main.java"), "default-jdk-headless", (), True, 48, 512 << 20, "java-*"),
    "go": Language("main.go", ("go", "run", "main.go"), "golang-go", (), True, 64, 512 << 20),
    "c": _compiled("main.c", "gcc", "gcc -std=gnu17 -O1 -w -o main main.c -lm", "gcc libc6-dev", 4),
    "cpp": _compiled("main.cpp", "g++", "g++ -std=gnu++17 -O1 -w -o main main.cpp", "g++", 4),
    "rust": _compiled("main.rs", "rustc", "rustc -O --edition 2021 -o main main.rs", "rustc", 16),
}


def language(name: str) -> Language:
    """The row of a language. Raises: ValueError for one that the table does not have."""
    if name not in LANGUAGES:
        raise ValueError(f"no language {name!r}; there are {', '.join(LANGUAGES)}")
    return LANGUAGES[name]
