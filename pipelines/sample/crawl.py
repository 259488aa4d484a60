"""A small web crawl: a WARC file with pages of every fate, and a benchmark of which one page repeats an item."""

from __future__ import annotations

import gzip
import html
from dataclasses import dataclass
from pathlib import Path

from pipelines.sample.grammar import GRAMMARS, Writer
from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

PAGES_PER_SIZE = 12
PARAGRAPHS, SENTENCES = 3, 4
DATE = "2024-06-01T12:00:00Z"
QUESTIONS = (
    (
        "A ferry carries 36 cars on each crossing and makes 9 crossings a day. On Sunday it makes 4 crossings fewer than on other days. "
        "How many cars can it carry in a whole week, if it is full on every crossing?",
        "On six days it makes 9 crossings, 54 in all, and 5 on Sunday. 59 crossings of 36 cars are 2,124 cars.\n#### 2124",
    ),
    (
        "Clara saves 15 coins every month and her brother saves twice as many. After how many months do they have 270 coins together?",
        "Together they save 15 + 30 = 45 coins a month. 270 / 45 = 6.\n#### 6",
    ),
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the crawl and what becomes of it: kept, or the reason for which it is refused."""

    name: str
    body: str
    expected: str = "kept"
    status: str = "200 OK"
    content_type: str = "text/html; charset=utf-8"


def make_crawl(folder: Path, size: int, seed: int) -> None:
    """`crawl/pages.warc.gz`, `crawl/benchmark.jsonl` (questions and answers in the form of GSM8K), `crawl/truth.jsonl`."""
    place = folder / "crawl"
    place.mkdir(parents=True, exist_ok=True)
    pages = [*_articles(PAGES_PER_SIZE * size, seed), *_special(seed)]
    members = [_record("warcinfo", "", b"software: corpusmill sample\r\nformat: WARC File Format 1.1\r\n", "application/warc-fields")]
    for page in pages:
        url = f"https://example.org/{page.name}"
        members.append(_record("request", url, f"GET /{page.name} HTTP/1.1\r\nHost: example.org\r\n\r\n".encode(), "application/http"))
        data = page.body.encode()
        head = f"HTTP/1.1 {page.status}\r\nContent-Type: {page.content_type}\r\nContent-Length: {len(data)}\r\n\r\n"
        members.append(_record("response", url, head.encode() + data, "application/http; msgtype=response"))
    cut = members[-1][: len(members[-1]) // 2]  # a crawl that was stopped in the middle of a record
    (place / "pages.warc.gz").write_bytes(b"".join(members) + cut)
    write_lines(place / "benchmark.jsonl", [{"question": question, "answer": answer} for question, answer in QUESTIONS])
    write_lines(place / "truth.jsonl", [{"url": f"https://example.org/{page.name}", "expected": page.expected} for page in pages])


def _record(kind: str, url: str, block: bytes, content_type: str) -> bytes:
    """One WARC record as a gzip member of its own, the same bytes each time. Source: WARC 1.1, ISO 28500:2017."""
    number = keyed_rng(0, "sample.crawl", f"{kind} {url}").bytes(16).hex()
    uuid = "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:]))
    lines = [
        "WARC/1.1",
        f"WARC-Type: {kind}",
        *([f"WARC-Target-URI: {url}"] if url else []),
        f"WARC-Date: {DATE}",
        f"WARC-Record-ID: <urn:uuid:{uuid}>",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(block)}",
    ]
    return gzip.compress("\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n", mtime=0)


def _page(title: str, *blocks: str) -> str:
    menu = "".join(f'<li><a href="/{word}">{word}</a></li>' for word in ("home", "news", "about", "contact"))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n<body><nav><ul>{menu}</ul></nav>\n'
        f"<main><article><h1>{title}</h1>\n{''.join(blocks)}</article></main>\n<footer>Imprint · Privacy</footer></body></html>\n"
    )


def _prose(seed: int, name: str) -> list[str]:
    """Paragraphs about different topics."""
    rng = keyed_rng(seed, "sample.crawl", name)
    topics = list(GRAMMARS["en"].subjects)
    start = int(rng.integers(len(topics)))
    writer = Writer(rng, "en")
    return [writer.paragraph(topics[(start + number) % len(topics)], SENTENCES) for number in range(PARAGRAPHS)]


def _paragraphs(texts: list[str]) -> str:
    return "".join(f"<p>{html.escape(text)}</p>\n" for text in texts)


def _articles(count: int, seed: int) -> list[Page]:
    return [
        Page(f"article-{number}.html", _page(f"Report {number}", _paragraphs(_prose(seed, f"article {number}")))) for number in range(count)
    ]


def _special(seed: int) -> list[Page]:
    """One page for each fate, and one each of maths and code."""
    copied = _prose(seed, "copied")
    edited = [copied[0] + " It was first shown on a Sunday.", *copied[1:]]
    question = html.escape(QUESTIONS[0][0].upper().replace(" ", "  "))
    prose = _prose(seed, "private")
    code = "def fibonacci(count):\n    numbers = [0, 1]\n    while len(numbers) < count:\n        numbers.append(numbers[-1] + numbers[-2])\n    return numbers[:count]\n"
    return [
        Page("original.html", _page("The report", _paragraphs(edited))),
        Page("edited.html", _page("The report", _paragraphs(copied)), "near_duplicate"),  # the longer of two stays
        Page("quiz.html", _page("Puzzles", _paragraphs(_prose(seed, "quiz")), f"<p>{question}</p>"), "in_benchmark"),
        Page("private.html", _page("Contact", _paragraphs(prose), "<p>Write to maria.lindner@posteo.net if you want to come along.</p>")),
        Page(
            "maths.html",
            _page(
                "The quadratic formula",
                "<p>A quadratic equation has the form \\(a x^2 + b x + c = 0\\), where \\(a\\) is not zero. Its two solutions can be "
                "written down at once, and they are real if the number under the root is not negative.</p>\n"
                '<script type="math/tex; mode=display">x = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}</script>\n'
                "<p>To see why, divide the equation by \\(a\\), add \\(\\left(\\frac{b}{2a}\\right)^2\\) to both sides, and take the root. "
                "The number \\(b^2 - 4ac\\) is called the discriminant of the equation.</p>",
            ),
        ),
        Page(
            "code.html",
            _page(
                "Fibonacci numbers in Python",
                "<p>Every number of the series is the sum of the two before it. The function below makes a list of them, and it is short "
                "enough to be read at a glance; note that the list is cut at the end, so that small counts work as well.</p>\n"
                f"<pre><code>{html.escape(code)}</code></pre>\n"
                "<p>The loop runs once for every number after the second, and that is why the time grows with the count.</p>",
            ),
        ),
        Page("junk.html", _page("Offers", f"<p>{'# * # $$$ best price ... ' * 40}</p>"), "repeated"),
        Page("missing.html", _page("Not found", "<p>There is nothing here.</p>"), "http_error", "404 Not Found"),
        Page("picture.png", "no picture", "unsupported_type", content_type="image/png"),
    ]
