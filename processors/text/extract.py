"""The main text of a web page, through trafilatura; plain text passes as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from schemas.facts import Fact
from schemas.outcome import Reason, Reject
from schemas.records import Document, with_facts

IS_HTML = Fact("text.is_html", bool, "Whether the source was an HTML page")
NO_MAIN_TEXT = Reason("no_main_text", "The page has no main text that an extractor can find")
TOO_LARGE = Reason("page_too_large", "The page is larger than the extractor is given")

_HTML = re.compile(r"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class ExtractMainText:
    """HTML becomes its main text (no navigation, no scripts); text that is no HTML is left alone.

    `max_chars` bounds what the HTML parser is given. Source: trafilatura (Barbaresi, ACL 2021).
    """

    max_chars: int = 10_000_000
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = ()
    writes: ClassVar = (IS_HTML,)
    reasons: ClassVar = (NO_MAIN_TEXT, TOO_LARGE)
    version: ClassVar = 1

    def __call__(self, record: Document) -> Document | Reject:
        is_html = _HTML.match(record.text[:4096]) is not None
        record = with_facts(record, {IS_HTML.name: is_html})
        if not is_html:
            return record
        if len(record.text) > self.max_chars:
            return Reject(record.key, TOO_LARGE.name, f"{len(record.text)} characters, at most {self.max_chars}")
        import trafilatura  # half a second to import, and only pages need it

        text = trafilatura.extract(record.text, include_comments=False, include_tables=True)
        if not text or not text.strip():
            return Reject(record.key, NO_MAIN_TEXT.name, f"nothing was found in {len(record.text)} characters of HTML")
        return replace(record, text=text)
