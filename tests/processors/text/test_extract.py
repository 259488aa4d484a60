"""Main text of pages: code, formulae, lists and tables as their authors wrote them, and pages that are made to hurt."""

from __future__ import annotations

import pytest

from processors.text.extract import ExtractMainText, Page, extract_page, is_html
from processors.text.html_code import fenced, is_prose
from processors.text.html_maths import tidy_tex
from schemas.outcome import Refused, Reject
from schemas.records import Document, Origin

FILL = "The words of this paragraph are there so that the page has a main text, which an extractor finds by its length, and its commas."
NAVIGATION = "<nav><a href=/a>Home</a> <a href=/b>Contact us</a></nav>"
NOTICE = '<div class="cookie-banner"><p>We use cookies to improve your experience. Accept all</p></div>'
COMMENTS = '<div id="comments"><ol><li class="comment"><p>First! I read this page and say so below it.</p></li></ol></div>'


def page(body: str, head: str = "<title>Of ducks | A site</title>") -> str:
    return (
        f"<!DOCTYPE html><html><head>{head}</head><body>{NAVIGATION}{NOTICE}<article><h1>Of ducks</h1><p>{FILL} First.</p><p>{FILL} Second.</p>{body}"
        f"<p>{FILL} It ends.</p></article>{COMMENTS}<footer>Copyright, all rights reserved</footer></body></html>"
    )


def inner(body: str, format: str = "markdown") -> str:
    """What the text has between the paragraphs that surround every page here."""
    text = extract_page(page(body), format).text
    assert text.startswith(f"{'# ' if format == 'markdown' else ''}Of ducks\n\n{FILL} First.\n\n{FILL} Second.\n\n")
    assert text.endswith(f"{FILL} It ends.")
    return text.partition(f"{FILL} Second.\n\n")[2].removesuffix(f"{FILL} It ends.").strip("\n")


def annotated(tex: str, more: str = "") -> str:
    return (
        f'<math xmlns="http://www.w3.org/1998/Math/MathML" {more}><semantics><mrow><mi>x</mi></mrow>'
        f'<annotation encoding="application/x-tex">{tex}</annotation></semantics></math>'
    )


def katex(tex: str, more: str = "") -> str:
    return f'<span class="katex"><span class="katex-mathml">{annotated(tex, more)}</span><span class="katex-html" aria-hidden="true">x2</span></span>'


@pytest.mark.parametrize(
    ("body", "text", "num_formulae"),
    [
        (f"<p>Energy {annotated('E=mc^2')}, as known.</p>", "Energy $E=mc^2$, as known.", 1),
        ('<p>The <math alttext="x_1"><mi>x</mi></math> of it.</p>', "The $x_1$ of it.", 1),
        (f"<p>That {katex('a^2 &lt; 3')} holds.</p>", "That $a^2 < 3$ holds.", 1),
        (f'<p>So:</p><span class="katex-display">{katex("f(x)")}</span>', "So:\n\n$$f(x)$$", 1),
        (
            '<p>A <span class="MathJax_Preview">x</span><span class="MathJax"><nobr>x2</nobr></span><script type="math/tex">x^2</script> is.</p>',
            "A $x^2$ is.",
            1,
        ),
        (
            '<p>Thus</p><div class="MathJax_Display"><span class="MathJax">y</span></div><script type="math/tex; mode=display">y_1\n= 2</script>',
            "Thus\n\n$$y_1 = 2$$",
            1,
        ),
        (
            f'<p>A <mjx-container class="MathJax"><mjx-assistive-mml>{annotated("k")}</mjx-assistive-mml></mjx-container> is.</p>',
            "A $k$ is.",
            1,
        ),
        (
            '<p>The <span class="mwe-math-element"><span class="mwe-math-mathml-inline" style="display: none;">'
            + annotated(r"{\displaystyle a^{2}}")
            + r'</span><img class="mwe-math-fallback-image-inline" alt="{\displaystyle a^{2}}"></span> is.</p>',
            "The $a^{2}$ is.",
            1,
        ),
        (r'<p>An <img class="tex" alt="\pi r^2" src="x.png"> is.</p>', r"An $\pi r^2$ is.", 1),
        ('<p>An <img src="https://s0.wp.com/latex.php?latex=e%5Ex&bg=fff" alt="no"> is.</p>', "An $e^x$ is.", 1),
        (r'<p>An <img src="https://latex.codecogs.com/gif.latex?\beta%20+1"> is.</p>', r"An $\beta +1$ is.", 1),
        ('<p>An <img class="photo" alt="a duck" src="x.png"> is.</p>', "An is.", 0),
        (
            r"<p>Raw $a_1 = b$ and \(c_3\) and $$\sum_i x_i$$ and \[ z^2 \] stay.</p>",
            r"Raw $a_1 = b$ and \(c_3\) and $$\sum_i x_i$$ and \[ z^2 \] stay.",
            0,
        ),
        (
            "<p>No TeX: <math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><msqrt><mi>α</mi></msqrt></mfrac></math>.</p>",
            r"No TeX: $\frac{a+b}{\sqrt{\alpha}}$.",
            1,
        ),
        (
            "<p>No TeX: <math><msubsup><mo>∑</mo><mn>1</mn><mi>n</mi></msubsup><msup><mi>x</mi><mn>2</mn></msup><mo>≤</mo><mover><mi>v</mi><mo>→</mo></mover>"
            "</math>.</p>",
            r"No TeX: $\sum_{1}^{n}x^{2}\le \vec{v}$.",
            1,
        ),
    ],
)
def test_formulae_survive_as_tex(body: str, text: str, num_formulae: int) -> None:
    for format in ("markdown", "text"):
        assert inner(body, format) == text
    assert extract_page(page(body)).num_formulae == num_formulae


def test_tex_is_tidied() -> None:
    assert tidy_tex("{\\displaystyle {a}+{b}}") == "{a}+{b}"
    assert tidy_tex("{\\displaystyle a}+{b}") == "{\\displaystyle a}+{b}"  # the braces are not one pair
    assert tidy_tex("a % note\n b") == "a b"
    assert tidy_tex("50\\% of\n x") == "50\\% of x"
    assert tidy_tex("\\[ x \\]") == tidy_tex("$x$") == tidy_tex("$$x$$") == "x"


PYTHON = 'def f(x):\n    if x < 3:\n        return x  # two  spaces\n\n    return "_*_"'
ESCAPED = PYTHON.replace("<", "&lt;")


@pytest.mark.parametrize(
    ("body", "code", "language"),
    [
        (f"<pre><code class='language-python hljs'>{ESCAPED}\n</code></pre>", PYTHON, "python"),
        (f"<pre class='brush: python; toolbar: false'>\n{ESCAPED}</pre>", PYTHON, "python"),
        (
            f"<div class='highlight-python notranslate'><div class='highlight'><pre><span></span>{ESCAPED}</pre></div></div>",
            PYTHON,
            "python",
        ),
        (f"<div class='highlight highlight-source-python'><pre>{ESCAPED}</pre></div>", PYTHON, "python"),
        (f"<pre>{ESCAPED}</pre>", PYTHON, ""),
        ("<pre>a {<br>  b<br>}</pre>", "a {\n  b\n}", ""),
        ("<pre><span class='line'>a = 1;</span>\n<span class='line'>  b;</span></pre>", "a = 1;\n  b;", ""),
        ("<pre><div>a = 1;</div><div>  b;</div></pre>", "a = 1;\n  b;", ""),
        (
            "<figure class='highlight'><table class='rouge-table'><tr><td class='gutter'><pre>1\n2\n</pre></td><td class='code'><pre>x {\n  y }\n</pre></td></tr></table></figure>",
            "x {\n  y }",
            "",
        ),
        (
            "<table class='highlight js-file-line-container'><tr><td class='blob-num'>1</td>\n<td class='blob-code'>import os;</td></tr>\n"
            "<tr><td class='blob-num'>2</td><td class='blob-code'>    pass</td></tr></table>",
            "import os;\n    pass",
            "",
        ),
        ("<pre>use ```x``` { }</pre>", "use ```x``` { }", ""),
    ],
)
def test_code_blocks_keep_lines_indentation_and_language(body: str, code: str, language: str) -> None:
    assert inner(body) == fenced(code, language)
    assert inner(body, "text") == code
    assert extract_page(page(body)).num_code_blocks == 1


def test_fences_are_longer_than_what_they_hold() -> None:
    assert fenced("x", "c") == "```c\nx\n```"
    assert fenced("```\n````", "") == "`````\n```\n````\n`````"


def test_preformatted_prose_is_no_code() -> None:
    poem = "The duck that swims upon the pond\n  is seldom seen to walk beyond\nthe reeds that grow around its shore\n  and asks of every day no more"
    assert is_prose(poem)
    assert not is_prose(PYTHON)
    assert inner(f"<pre>{poem}</pre>") == poem
    assert extract_page(page(f"<pre>{poem}</pre>")).num_code_blocks == 0


@pytest.mark.parametrize(
    ("body", "markdown", "text"),
    [
        (
            "<p>Use <code>__init__</code>, <kbd>a`b</kbd> and <b>this</b>.</p>",
            "Use `__init__`, ``a`b`` and this.",
            "Use __init__, a`b and this.",
        ),
        ("<h2>More</h2><h4>Less</h4>", "## More\n\n#### Less", "More\n\nLess"),
        ("<ul><li>one</li><li>two<ul><li>in</li></ul></li></ul>", "- one\n- two\n  - in", "- one\n- two\n  - in"),
        ("<ol><li>one</li><li><p>two</p></li></ol>", "1. one\n2. two", "1. one\n2. two"),
        ("<ul><li>a <pre>x = {\n  1 }</pre></li></ul>", "- a\n\n  ```\n  x = {\n    1 }\n  ```", "- a\n\n  x = {\n    1 }"),
        (
            "<table><tr><th>Name</th><th>Of</th></tr><tr><td>duck</td><td>3 | 4</td></tr></table>",
            "| Name | Of |\n|---|---|\n| duck | 3 \\| 4 |",
            "Name | Of\nduck | 3 | 4",
        ),
        (
            "<blockquote><p>To quote, or not to quote, that is it.</p></blockquote>",
            "> To quote, or not to quote, that is it.",
            "To quote, or not to quote, that is it.",
        ),
        ("<dl><dt>Duck</dt><dd>A bird of ponds</dd></dl>", "- Duck\n  A bird of ponds", "- Duck\n  A bird of ponds"),
        ("<p>one<br>two \n three</p>", "one\ntwo three", "one\ntwo three"),
        ("<p>soft\u00ad hy\u00adphen e\u0301</p>", "soft hyphen \u00e9", "soft hyphen \u00e9"),
    ],
)
def test_structure(body: str, markdown: str, text: str) -> None:
    assert inner(body) == markdown
    assert inner(body, "text") == text


def test_what_is_not_main_text_is_left_out() -> None:
    text = extract_page(page("<p>A last word, or two.</p>")).text
    for word in ("Home", "Contact", "cookies", "First!", "Copyright"):
        assert word not in text


def test_what_is_known_of_a_page() -> None:
    head = "<title>Of \n ducks | A site</title><link rel='license' href='https://creativecommons.org/licenses/by/4.0/'>"
    found = extract_page(page("", head))
    assert (found.title, found.licence) == ("Of ducks | A site", "https://creativecommons.org/licenses/by/4.0/")
    assert 0.6 < found.extracted_ratio < 0.9
    assert extract_page(page("", "<meta property='og:title' content='Ducks'>" + head)).title == "Ducks"
    assert extract_page(page("", "")).title == ""


def document(text: str) -> Document:
    return Document("k", Origin("s"), text)


def test_facts_and_text_of_the_record() -> None:
    found = ExtractMainText()(document(page("<pre>x;</pre>")))
    assert isinstance(found, Document)
    expected = extract_page(page("<pre>x;</pre>"))
    assert isinstance(expected, Page)
    assert found.text == expected.text
    assert found.facts == {
        "text.is_html": True,
        "text.title": "Of ducks | A site",
        "text.page_licence": "",
        "text.num_code_blocks": 1,
        "text.num_formulae": 0,
        "text.extracted_ratio": expected.extracted_ratio,
    }
    plain = ExtractMainText()(document("plain <b>words</b>"))
    assert isinstance(plain, Document)
    assert (plain.text, plain.facts["text.is_html"], plain.facts["text.extracted_ratio"]) == ("plain <b>words</b>", False, 1.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!DOCTYPE html><p>x", True),
        ("\ufeff <?xml version='1.0'?><!-- a --><!-- b -->\n<HTML>", True),
        ("<div><p>part</p></div>", True),
        ("<p>no end", False),
        ("<b>bold</b> words", False),
        ("Warning: in line 3 <!doctype html><html><p>x</html>", True),
        ("Write <html> at the start, and </html> at the end", True),  # hardly told from the one above
        ("Write <html> at the start", False),
        ("<!-- never closed", False),
        ("words", False),
        ("", False),
        ("<!---->" * 10_000 + "x", False),
        ("<!--" * 100_000, False),
    ],
)
def test_what_is_a_page(text: str, expected: bool) -> None:
    assert is_html(text) is expected


def test_each_reason_and_the_nearest_that_is_kept() -> None:
    def reason(text: str, **limits: int) -> str:
        found = ExtractMainText(**limits)(document(text))  # type: ignore[arg-type]
        return found.reason if isinstance(found, Reject) else "kept"

    assert reason("<html><body></body></html>") == "no_main_text"
    assert reason("<html><body><script>x</script></body></html>") == "no_main_text"
    html = page("")
    num_tags = html.count("<")
    assert reason(html, max_chars=len(html)) == reason(html, max_tags=num_tags) == "kept"
    assert reason(html, max_chars=len(html) - 1) == reason(html, max_tags=num_tags - 1) == "page_too_large"
    deep = page("<div>" * 20 + "<p>A word, or two.</p>" + "</div>" * 20)  # html, body, article, 20 levels, p
    assert reason(deep, max_depth=24) == "kept"
    assert reason(deep, max_depth=23) == "page_too_large"
    row = page("<table><tr>" + "<td>a" * 1_000 + "</table>")
    assert reason(row) == "kept"
    assert reason(row.replace("<td>a", "<td>a<td>a", 1)) == "page_too_large"
    with pytest.raises(ValueError, match="format is 'html', expected markdown or text"):
        ExtractMainText(format="html")


@pytest.mark.parametrize(
    "body",
    [
        "<div>" * 130 + "x" + "</div>" * 130,
        "<p>" + "<q>" * 140 + "word",
        "<ul><li>" * 60 + "x",
        "<blockquote>" * 140 + "x",
        "<math>" + "<mrow>" * 130 + "<mi>x</mi>",
        "<p>" + "<img class=tex alt=x>" * 2_000,
        "<p>" + "<script type=math/tex>x</script>" * 2_000,
        "<p>" + "<code>x</code>" * 2_000,
        "<table>" + "<tr><td colspan=1000 rowspan=1000>a</td></tr>" * 1_000 + "</table>",
        "<div class='" + "comment " * 100_000 + "'>x</div>",
        "<p>" + " " * 1_000_000 + "x",
        "<p>qzxc0xzq qzxf9999999xzq",
        "<pre>\x00\x0b</pre>",
    ],
)
def test_hostile_pages_give_their_main_text(body: str) -> None:
    html = f"<html><body><p>{FILL} First.</p><p>{FILL} Second.</p>{body}"
    found = extract_page(html)
    assert FILL in found.text
    assert found == extract_page(html)


def test_a_tree_that_is_too_deep_is_refused() -> None:
    for tag in ("<div>", "<b>", "<table><tr><td>"):
        with pytest.raises(Refused, match="page_too_large: more than 150 levels"):
            extract_page(f"<html><body><p>{FILL}</p>" + tag * 20_000)
