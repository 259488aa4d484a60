"""Web pages and text documents with known main text, duplicates and languages, and lines that must be refused."""

from __future__ import annotations

import html
import unicodedata
from pathlib import Path

from pipelines.sample.grammar import GRAMMARS, Writer
from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

PAGES_PER_SIZE = 40
DOCUMENTS_PER_SIZE = 200
FOREIGN = ("de", "fr", "es")
LICENCE = "CC0-1.0"
DOCUMENT_SENTENCES, PAGE_PARAGRAPHS, PAGE_SENTENCES = 6, 4, 3


def language_of(number: int) -> str:
    """A tenth of the texts, and those that are copied in another Unicode form, are not English."""
    return FOREIGN[number // 10 % len(FOREIGN)] if number % 10 == 9 or number % 20 == 4 else "en"


def make_web(folder: Path, size: int, seed: int) -> None:
    """`web/pages/*.html`, `web/documents.jsonl`, and `web/truth.jsonl`.

    The truth of a document names its line, language, main text and duplicate group (the number of the original), or the
    reason for which the line is refused; that of a page its file, language, title and main text. No page is a copy.
    """
    place = folder / "web"
    (place / "pages").mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    rows, truth = _documents(seed, DOCUMENTS_PER_SIZE * size, seen)
    for row, expected in _planted():
        rows.append(row)
        truth.append({"line": len(rows), "expected": expected})
    for number in range(PAGES_PER_SIZE * size):
        name, data, known = _page(seed, number, seen)
        (place / "pages" / name).write_bytes(data)
        truth.append(known)
    write_lines(place / "documents.jsonl", rows)
    write_lines(place / "truth.jsonl", truth)


def _fresh(seed: int, name: str, language: str, num_paragraphs: int, num_sentences: int, seen: set[str]) -> tuple[str, list[str]]:
    """The topic of the first paragraph, and paragraphs that have not been written before. Raises: RuntimeError when there are none."""
    for attempt in range(1_000):
        rng = keyed_rng(seed, "sample.web", f"{name} {attempt}")
        writer = Writer(rng, language)
        topics = [list(GRAMMARS[language].subjects)[at] for at in rng.integers(len(GRAMMARS[language].subjects), size=num_paragraphs)]
        texts = [writer.paragraph(topic, num_sentences) for topic in topics]
        if seen.isdisjoint(texts):
            seen.update(texts)
            return topics[0], texts
    raise RuntimeError(f"the grammar of the written sample has no new text in {language} for {name}: lower size")


def _documents(seed: int, count: int, seen: set[str]) -> tuple[list[object], list[dict[str, object]]]:
    """Rows and their truth. A tenth copy the row before: as it is, with other white space, or in another Unicode form."""
    rows: list[object] = []
    truth: list[dict[str, object]] = []
    text, language, group = "", "", 0
    for number in range(count):
        is_copy = number % 10 == 5
        if not is_copy:
            language, group = language_of(number), number
            text = _fresh(seed, f"document {number}", language, 1, DOCUMENT_SENTENCES, seen)[1][0]
        written = text
        if is_copy and language != "en":
            written = unicodedata.normalize("NFD", text)
        elif is_copy and number // 20 % 2:
            written = text.replace(". ", ".\u00a0 \r\n")
        elif number % 40 == 29:  # UTF-8 that was read as Latin-1 once, as a tenth of the old web was
            written = text.encode().decode("latin-1")
        rows.append({"text": written, "url": f"https://example.org/{number}", "lang": language, "licence": LICENCE})
        truth.append({"line": number + 1, "lang": language, "group": group, "is_copy": is_copy, "text": text})
    return rows, truth


def _planted() -> list[tuple[object, str]]:
    """Lines that must be refused, each for its reason."""
    traps = [
        f"{Writer(keyed_rng(0, 'sample.web', topic), 'en').paragraph(topic, DOCUMENT_SENTENCES)} A trap: {token} stands in the middle of a text."
        for topic, token in (("rivers", "<|end|>"), ("stars", "<|endoftext|>"))
    ]
    return [
        ({"text": "   \n\t"}, "no_text"),
        ({"url": "https://example.org/nothing"}, "no_text"),
        ({"text": "Too short."}, "too_short"),
        ({"text": traps[0]}, "special_token_in_text"),
        ({"text": traps[1]}, "special_token_in_text"),
        (b'{"text": "caf\xe9 in another encoding, which is no UTF-8"}', "not_utf8"),
        ("[1, 2, 3]", "bad_json"),
        ('{"text": "a line that was cut in the midd', "bad_json"),
    ]


def _page(seed: int, number: int, seen: set[str]) -> tuple[str, bytes, dict[str, object]]:
    """Name, bytes and truth of a page: an article between a menu, a script, a cookie banner and a footer."""
    language, name = language_of(number), f"{number:05d}.html"
    topic, paragraphs = _fresh(seed, f"page {number}", language, PAGE_PARAGRAPHS, PAGE_SENTENCES, seen)
    title = f"{topic[0].upper()}{topic[1:]} {number}"
    if number % 10 == 3:  # entities: what the reader must see is "Müller & Söhne <1900>"
        paragraphs[0] += " The signs said “Müller & Söhne <1900>”."
    shown = [
        html.escape(text).replace("ü", "&uuml;").replace("“", "&#8220;") if number % 10 == 3 else html.escape(text) for text in paragraphs
    ]
    # German alone: the second byte of an í or à is a soft hyphen or a space in Latin-1, which extractors drop for good
    is_mojibake = language == "de" and number % 10 == 9
    if is_mojibake:
        shown = [text.encode().decode("cp1252") for text in shown]
    body = "".join(f"<p>{text}</p>\n" for text in shown)
    menu = "".join(f'<li><a href="/{word}">{word}</a></li>' for word in ("home", "news", "about", "contact"))
    page = (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>\n'
        '<script>window.tracker = {page: "article", cookies: true};</script>\n'
        "<style>nav { display: flex }</style></head>\n"
        f"<body><header><nav><ul>{menu}</ul></nav></header>\n"
        f"<main><article><h1>{title}</h1>\n{body}</article></main>\n"
        '<aside><h2>More</h2><ul><li><a href="/a">Ten things you missed</a></li><li><a href="/b">Subscribe now</a></li></ul></aside>\n'
        '<div class="cookie-banner" id="cookie-consent">We use cookies. <button>Accept all</button></div>\n'
        "<footer>Imprint · Privacy · All rights reserved</footer></body></html>\n"
    )
    known = {"page": f"pages/{name}", "lang": language, "title": title, "is_mojibake": is_mojibake, "text": "\n".join(paragraphs)}
    return name, page.encode(), known
