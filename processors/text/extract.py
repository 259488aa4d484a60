"""The main text of a web page: trafilatura finds it, and code, formulae, lists, tables and headings keep their form.

Plain text passes as it is. Source: trafilatura (Barbaresi, ACL 2021) tells main text from navigation, comments and notices.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from processors.guard import TOO_COSTLY, Answer, guarded
from processors.text.html_markdown import Writer
from processors.text.html_structure import CODE, DISPLAY, FORMULA, protect
from schemas.facts import Fact
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Document, with_facts

IS_HTML = Fact("text.is_html", bool, "Whether the source was an HTML page")
TITLE = Fact("text.title", str, "Title of the page, empty where it has none")
PAGE_LICENCE = Fact("text.page_licence", str, "Address of the licence that the page names by rel=license, empty where it names none")
NUM_CODE_BLOCKS = Fact("text.num_code_blocks", int, "Code blocks of the page that its main text keeps")
NUM_FORMULAE = Fact("text.num_formulae", int, "Formulae of the page's markup that its main text keeps as TeX")
EXTRACTED_RATIO = Fact(
    "text.extracted_ratio", float, "Characters of the main text by those of all the page's text, white space aside, 0 to 1"
)
NO_MAIN_TEXT = Reason("no_main_text", "The page has no main text that an extractor can find")
TOO_LARGE = Reason("page_too_large", "The page has more characters, tags or levels than the extractor is given")

MARKDOWN, TEXT = "markdown", "text"
MAX_TITLE_CHARS = 500
MAX_TABLE_CELLS = 20_000
MAX_ROW_CELLS = 1_000
_START = re.compile(
    r"<(?:!doctype\s+html|html|head|body|meta|title|link|script|style|div|p|table|article|section|main|header|h[1-6]|center|font|ul|ol|a|span|base"
    r"|nav|form|iframe|noscript)\b",
    re.IGNORECASE,
)
_LATE_START = re.compile(r"<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))  # where a line may be broken; nothing to read
_WHITE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Page:
    """What was found of one page. `num_pieces` of code and of formulae are those that the text keeps."""

    text: str
    title: str
    licence: str
    num_code_blocks: int
    num_formulae: int
    extracted_ratio: float


@dataclass(frozen=True, slots=True)
class ExtractMainText:
    """HTML becomes its main text (no navigation, no scripts); text that is no HTML is left alone.

    `format` is markdown (headings, fenced code, tables with bars) or text (the same lines without marks). Formulae are TeX between
    dollars in both. `max_chars`, `max_tags` and `max_depth` bound what the extractor is given.
    """

    format: str = MARKDOWN
    max_chars: int = 10_000_000
    max_tags: int = 100_000
    max_depth: int = 150
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (IS_HTML, TITLE, PAGE_LICENCE, NUM_CODE_BLOCKS, NUM_FORMULAE, EXTRACTED_RATIO)
    reasons: ClassVar = (NO_MAIN_TEXT, TOO_LARGE, TOO_COSTLY)
    version: ClassVar = 2

    def __post_init__(self) -> None:
        if self.format not in (MARKDOWN, TEXT):
            raise ValueError(f"ExtractMainText: format is {self.format!r}, expected {MARKDOWN} or {TEXT}")

    def __call__(self, record: Document) -> Document | Reject:
        if not is_html(record.text):
            return with_facts(record, _facts(False, Page(record.text, "", "", 0, 0, 1.0)))
        try:
            page = guarded_page(record.text, self.format, self.max_chars, self.max_tags, self.max_depth)
        except Refused as refused:
            return refused.reject(record.key)
        return with_facts(replace(record, text=page.text), _facts(True, page))


def _facts(is_page: bool, page: Page) -> dict[str, bool | int | float | str]:
    return {
        IS_HTML.name: is_page,
        TITLE.name: page.title,
        PAGE_LICENCE.name: page.licence,
        NUM_CODE_BLOCKS.name: page.num_code_blocks,
        NUM_FORMULAE.name: page.num_formulae,
        EXTRACTED_RATIO.name: page.extracted_ratio,
    }


def is_html(text: str) -> bool:
    """Whether a text is a page or a part of one: it begins with a tag, behind comments, or has one soon and ends with </html>."""
    at = 0
    while True:
        at += len(text[at : at + 4096]) - len(text[at : at + 4096].lstrip("\ufeff \t\r\n"))
        end = {"<!--": "-->", "<?xm": ">"}.get(text[at : at + 4].lower())
        if end is None:
            break
        found = text.find(end, at + 4)
        if found < 0:
            return False
        at = found + len(end)
    if _START.match(text, at):
        return "</" in text or _LATE_START.match(text, at) is not None
    return _LATE_START.search(text[at : at + 2048]) is not None and "</html>" in text[-2048:].lower()


def guarded_page(html: str, format: str, max_chars: int, max_tags: int, max_depth: int) -> Page:
    """`extract_page` in a child process: libxml2 meets bytes that nobody has checked, and regular expressions pages that nobody meant.

    Raises: Refused with NO_MAIN_TEXT, TOO_LARGE or TOO_COSTLY.
    """
    if len(html) > max_chars:
        raise Refused(TOO_LARGE, f"{len(html)} characters, at most {max_chars}")
    request = {"format": format, "max_chars": max_chars, "max_tags": max_tags, "max_depth": max_depth}
    return Page(**guarded(extract_request, request, [html.encode("utf-8", "surrogatepass")])[0])


def extract_request(request: dict[str, Any], blobs: list[bytes]) -> Answer:
    """What the child answers."""
    return asdict(extract_page(blobs[0].decode("utf-8", "surrogatepass"), **request)), []


def extract_page(html: str, format: str = MARKDOWN, max_chars: int = 10_000_000, max_tags: int = 100_000, max_depth: int = 150) -> Page:
    """The main text of a page and what is known of it.

    Raises: Refused with NO_MAIN_TEXT or TOO_LARGE.
    """
    import trafilatura  # half a second to import, and only pages need it

    if len(html) > max_chars:
        raise Refused(TOO_LARGE, f"{len(html)} characters, at most {max_chars}")
    num_tags = html.count("<")
    if num_tags > max_tags:
        raise Refused(TOO_LARGE, f"{num_tags} tags, at most {max_tags}")
    whole = html if _LATE_START.search(html, 0, 20_000) else f"<html><body>{html}</body></html>"
    tree = trafilatura.load_html(whole)
    if tree is None:
        raise Refused(NO_MAIN_TEXT, f"nothing can be parsed in {len(html)} characters of HTML")
    if _levels(max_depth)(tree):
        raise Refused(TOO_LARGE, f"more than {max_depth} levels of tags")
    _check_tables(tree)
    title, licence, num_chars = _title(tree), _licence(tree), _num_visible(tree)
    pieces = protect(tree, html, with_ticks=format == MARKDOWN)
    found: Any = trafilatura.bare_extraction(tree, include_comments=False, output_format="txt")
    writer = Writer(pieces, format == MARKDOWN)
    text = writer.text(found.body) if found is not None else ""
    text = unicodedata.normalize("NFC", text.translate(_INVISIBLE)).strip("\n")
    if not text.strip():
        raise Refused(NO_MAIN_TEXT, f"nothing was found in {len(html)} characters of HTML")
    kept = writer.num_written
    ratio = min(len("".join(text.split())) / max(num_chars, 1), 1.0)
    return Page(text, title, licence, kept[CODE], kept[FORMULA] + kept[DISPLAY], round(ratio, 4))


@functools.cache
def _levels(depth: int) -> Any:
    """Whether a tree has more levels than that."""
    from lxml.etree import XPath

    return XPath(f"boolean({'/*' * (depth + 1)})")


def _check_tables(tree: Any) -> None:
    """Cells that span a table of more than MAX_TABLE_CELLS lose their spans: each is filled up with empty cells by the extractor.

    Raises: Refused with TOO_LARGE for a row of more cells than MAX_ROW_CELLS.
    """
    for table in tree.iter("table"):
        spans = [cell for cell in table.iter("td", "th") if cell.get("colspan") or cell.get("rowspan")]
        widest = max((int(span) for cell in spans if (span := cell.get("colspan") or "1").isdecimal() and len(span) < 6), default=1)
        if spans and (widest + 1) * sum(1 for _ in table.iter("tr")) > MAX_TABLE_CELLS:
            for cell in spans:
                cell.attrib.pop("colspan", None)
                cell.attrib.pop("rowspan", None)
    for row in tree.iter("tr"):
        if len(row) > MAX_ROW_CELLS:
            raise Refused(TOO_LARGE, f"a table's row of {len(row)} cells, at most {MAX_ROW_CELLS}")


def _num_visible(tree: Any) -> int:
    """Characters of the page's text without white space."""
    hidden = sum(len("".join((element.text or "").split())) for element in tree.iter("script", "style", "noscript"))
    return max(len("".join(tree.text_content().split())) - hidden, 0)


def _title(tree: Any) -> str:
    """The title that the page states for sharing, which leaves out the site's name, or else its <title>."""
    for element in tree.iter("meta"):
        if element.get("property") == "og:title" and (element.get("content") or "").strip():
            return _WHITE.sub(" ", element.get("content")).strip()[:MAX_TITLE_CHARS]
    element = next(tree.iter("title"), None)
    return _WHITE.sub(" ", element.text_content()).strip()[:MAX_TITLE_CHARS] if element is not None else ""


def _licence(tree: Any) -> str:
    for element in tree.iter("a", "link"):
        if "license" in (element.get("rel") or "").lower().split() and (element.get("href") or "").strip():
            return element.get("href").strip()[:MAX_TITLE_CHARS]
    return ""
