"""Programming languages: told from a file's name, its first line, or what the source states; and their grammars.

A file of another language has no grammar here, so that nobody could say whether it parses or where its blocks are.
"""

from __future__ import annotations

import functools
import importlib
import posixpath
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from schemas.facts import Fact
from schemas.outcome import Reason, Reject
from schemas.records import Document

LANGUAGE = Fact("code.language", str, "Programming language, by the file's name, its first line, or the source; empty when unknown")
UNKNOWN_LANGUAGE = Reason("unknown_language", "The file is in no programming language that there is a grammar for")
WRONG_LANGUAGE = Reason("wrong_language", "The file's programming language is not one that was asked for")


@dataclass(frozen=True, slots=True)
class Language:
    """`title` is what people call it; `grammar` the module and function that give its tree-sitter grammar."""

    title: str
    suffixes: tuple[str, ...]
    grammar: tuple[str, str]
    programs: tuple[str, ...] = ()  # of a first line #!
    names: tuple[str, ...] = ()  # that sources use, beside its key and title


LANGUAGES: dict[str, Language] = {
    "python": Language("Python", (".py", ".pyi", ".pyw"), ("tree_sitter_python", "language"), ("python", "pypy"), ("py", "python3")),
    "javascript": Language(
        "JavaScript", (".js", ".mjs", ".cjs", ".jsx"), ("tree_sitter_javascript", "language"), ("node",), ("js", "jsx", "ecmascript")
    ),
    "typescript": Language(
        "TypeScript", (".ts", ".mts", ".cts"), ("tree_sitter_typescript", "language_typescript"), ("ts-node", "deno"), ("ts",)
    ),
    "tsx": Language("TSX", (".tsx",), ("tree_sitter_typescript", "language_tsx")),
    "java": Language("Java", (".java",), ("tree_sitter_java", "language")),
    "go": Language("Go", (".go",), ("tree_sitter_go", "language"), (), ("golang",)),
    "c": Language("C", (".c",), ("tree_sitter_c", "language")),
    "cpp": Language(
        "C++", (".cc", ".cpp", ".cxx", ".c++", ".hpp", ".hh", ".hxx", ".h++", ".ipp", ".inl"), ("tree_sitter_cpp", "language"), (), ("cxx",)
    ),
    "rust": Language("Rust", (".rs",), ("tree_sitter_rust", "language"), (), ("rs",)),
    "ruby": Language("Ruby", (".rb", ".rake", ".gemspec"), ("tree_sitter_ruby", "language"), ("ruby",), ("rb",)),
    "bash": Language("Shell", (".sh", ".bash"), ("tree_sitter_bash", "language"), ("bash", "sh", "dash"), ("sh",)),
    "csharp": Language("C#", (".cs",), ("tree_sitter_c_sharp", "language"), (), ("cs", "c-sharp")),
    "php": Language("PHP", (".php",), ("tree_sitter_php", "language_php"), ("php",)),
}
_BY_SUFFIX = {suffix: key for key, language in LANGUAGES.items() for suffix in language.suffixes}
_BY_NAME = {name.lower(): key for key, language in LANGUAGES.items() for name in (key, language.title, *language.names)}
_BY_PROGRAM = {program: key for key, language in LANGUAGES.items() for program in language.programs}
_SHEBANG = re.compile(r"#![ \t]{0,4}(?:\S{0,200}/)?(?:env(?:[ \t]{1,4}-S)?[ \t]{1,4}(?:\S{0,200}/)?)?([A-Za-z+-]{1,40})")
_IS_CPP = re.compile(
    r"^[ \t]{0,16}(?:namespace[ \t{]|class[ \t]+\w|template[ \t]{0,4}<|using[ \t]+\w|public:|private:|protected:)|\bstd::|\bconstexpr\b"
    r"|\boperator[ \t]{0,4}[=<>+*(\[-]|\bvirtual\b|\bstatic_cast<",
    re.MULTILINE,
)
_HEADER_CHARS = 100_000  # in which a header shows whether it is C or C++


def language_of(path: str, text: str, stated: str = "") -> str:
    """A key of `LANGUAGES`, or "" for a language that is not in it.

    The suffix counts first; a header `.h` is C++ when it uses words that C does not have. A file without a suffix is told by its
    first line `#!`, then by what the source states.
    """
    suffix = posixpath.splitext(path)[1].lower()
    if suffix == ".h":
        return "cpp" if _IS_CPP.search(text, 0, _HEADER_CHARS) else "c"
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    found = _SHEBANG.match(text.removeprefix("\ufeff")[:600])
    if found and not suffix:
        return _BY_PROGRAM.get(found[1].lower().rstrip("-"), "")
    return "" if suffix else _BY_NAME.get(stated.strip().lower(), "")


@functools.cache
def parser(language: str) -> Any:
    """The tree-sitter parser of a language. Raises KeyError for one that is not in `LANGUAGES`."""
    import tree_sitter

    module, function = LANGUAGES[language].grammar
    return tree_sitter.Parser(tree_sitter.Language(getattr(importlib.import_module(module), function)()))


@dataclass(frozen=True, slots=True)
class KeepKnownLanguages:
    """Keeps files in one of `languages` (keys of `LANGUAGES`); an empty tuple keeps every language that has a grammar."""

    languages: tuple[str, ...] = ()
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (LANGUAGE,)
    writes: ClassVar = ()
    reasons: ClassVar = (UNKNOWN_LANGUAGE, WRONG_LANGUAGE)
    version: ClassVar = 1

    def __post_init__(self) -> None:
        for language in self.languages:
            if language not in LANGUAGES:
                raise ValueError(f"code language {language!r} is unknown; expected one of {', '.join(LANGUAGES)}")

    def __call__(self, record: Document) -> Document | Reject:
        language = record.facts[LANGUAGE.name]
        if not language:
            return Reject(record.key, UNKNOWN_LANGUAGE.name, f"{record.origin.source}, {record.origin.locator}: no grammar for such a file")
        if self.languages and language not in self.languages:
            return Reject(record.key, WRONG_LANGUAGE.name, f"{language}, expected one of {', '.join(self.languages)}")
        return record
