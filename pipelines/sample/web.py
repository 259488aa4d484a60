"""Web pages and text documents with known main text, duplicates and languages, and lines that must be refused."""

from __future__ import annotations

import html
from pathlib import Path

from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

PAGES_PER_SIZE = 40
DOCUMENTS_PER_SIZE = 200
LICENCE = "CC0-1.0"
GRAMMAR = {
    "en": (
        ("The old bridge", "A small library", "The weekly market", "Our harbour", "The mountain railway", "The school garden"),
        (
            "was built by the people of the town",
            "has been open for many years",
            "draws visitors from far away",
            "needs careful repairs every spring",
        ),
        (
            "because nobody wanted to lose it",
            "although the winters here are long",
            "while the river keeps rising",
            "as every child in the valley knows",
        ),
    ),
    "de": (
        ("Die alte Brücke", "Der kleine Bahnhof", "Das Rathaus"),
        ("wurde von den Bürgern der Stadt gebaut", "ist seit vielen Jahren geöffnet", "braucht jedes Frühjahr neue Farbe"),
        ("weil niemand sie verlieren wollte", "obwohl die Winter hier lang sind"),
    ),
    "fr": (
        ("Le vieux pont", "La petite bibliothèque", "Le marché du village"),
        ("attire des visiteurs de très loin", "est ouvert depuis de nombreuses années", "a été construit par les habitants"),
        ("parce que personne ne voulait le perdre", "bien que les hivers soient longs"),
    ),
    "es": (
        ("El puente viejo", "La pequeña biblioteca", "El mercado del pueblo"),
        ("fue construido por los vecinos de la ciudad", "está abierto desde hace muchos años", "necesita reparaciones cada primavera"),
        ("porque nadie quería perderlo", "aunque los inviernos son largos"),
    ),
}


def paragraph(seed: int, name: str, language: str, sentences: int) -> str:
    """A paragraph of a small grammar; the number in it makes it unlike every other."""
    rng = keyed_rng(seed, "sample.web", name)
    said = []
    for number in range(sentences):
        words = [options[int(rng.integers(len(options)))] for options in GRAMMAR[language]]
        said.append(f"{' '.join(words)} ({int(rng.integers(10**6))}.{number}).")
    return " ".join(said)


def language_of(number: int) -> str:
    return ("de", "fr", "es")[number // 10 % 3] if number % 10 == 9 else "en"


def make_web(folder: Path, size: int, seed: int) -> None:
    """`web/pages/*.html`, `web/documents.jsonl`, and `web/truth.jsonl` with language and duplicate group of each document."""
    place = folder / "web"
    (place / "pages").mkdir(parents=True, exist_ok=True)
    for number in range(PAGES_PER_SIZE * size):
        (place / "pages" / f"{number:05d}.html").write_text(_page(seed, number), encoding="utf-8")
    rows: list[object] = []
    truth: list[object] = []
    for number in range(DOCUMENTS_PER_SIZE * size):
        original = number - 1 if number % 10 == 5 else number  # a tenth are copies of the line before, but for white space
        text = paragraph(seed, f"document {original}", language_of(original), 4)
        text = text.replace(". ", ".\u00a0 \n") if original != number else text
        rows.append({"text": text, "url": f"https://example.org/{number}", "lang": language_of(original), "licence": LICENCE})
        truth.append({"line": number + 1, "lang": language_of(original), "group": original})
    rows += [
        {"text": "   "},
        {"url": "https://example.org/nothing"},
        {"text": "Too short."},
        {"text": "A trap that spells <|end|> in its text, long enough."},
    ]
    rows += [b'{"text": "caf\xe9 in another encoding"}', "[1, 2, 3]"]
    expected = ("no_text", "no_text", "too_short", "special_token_in_text", "not_utf8", "bad_json")
    truth += [{"line": DOCUMENTS_PER_SIZE * size + 1 + at, "expected": reason} for at, reason in enumerate(expected)]
    write_lines(place / "documents.jsonl", rows)
    write_lines(place / "truth.jsonl", truth)


def _page(seed: int, number: int) -> str:
    language = language_of(number)
    paragraphs = [paragraph(seed, f"page {number} {part}", language, 3) for part in range(4)]
    body = "".join(f"<p>{html.escape(text)}</p>" for text in paragraphs)
    navigation = "".join(f'<li><a href="/{name}">{name}</a></li>' for name in ("home", "news", "about", "contact"))
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8"><title>Page {number}</title>'
        "<script>window.tracker = true;</script></head>"
        f"<body><nav><ul>{navigation}</ul></nav><article><h1>Page {number}</h1>{body}</article>"
        '<div class="cookie-banner">We use cookies. Accept all.</div><footer>Imprint</footer></body></html>\n'
    )
