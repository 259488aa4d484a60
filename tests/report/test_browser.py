"""Reports in a real browser, from the file system: nothing is asked of a network, everything works by mouse and by keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipelines.report.compare import Comparison, Difference, FactChange, Move, ReasonChange, Rows, StepChange
from pipelines.report.compare_page import compare_html
from pipelines.report.examples import examples_html
from pipelines.report.facts import answer
from pipelines.report.index import index_html
from pipelines.report.page import page_html
from pipelines.report.rows import RowChange
from pipelines.report.what_if import Stop, sliders_of
from tests.model.written import clip, conversation, image, write_corpus
from tests.report import made

CHROMIUM = shutil.which("chromium")
PAGES = ("busy.html", "plain.html", "index.html", "compare.html")
SCHEMES = ("light", "dark")


@dataclass
class Seen:
    """What a page did that it must not do."""

    troubles: list[str] = field(default_factory=list)

    def watch(self, page: Any) -> None:
        page.on("console", lambda message: self.troubles.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("requestfailed", lambda request: self.troubles.append(f"failed: {request.url[:200]}"))
        page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(("file://", "data:")) or (request.url.startswith("file://") and not request.is_navigation_request()):
            self.troubles.append(f"asked for {request.url[:200]}")


def comparison() -> Comparison:
    a, b = made.statistics(), made.statistics(num_out=90, fingerprint="other")
    facts = (
        FactChange("audio.duration_s", "float", "Seconds", 0.5, made.numbers(made.KEPT_S), made.numbers(made.KEPT_S[:40] + 2.0)),
        FactChange("text.language", "str", made.HOSTILE, 0.2, made.texts({"en": 9, made.HOSTILE: 1}), made.texts({"en": 9})),
    )
    why = ("", "keep", "too_short", "reject")
    examples = {"only_a": (RowChange("key", "only_a", why_b=why, detail=made.HOSTILE),), "changed": (RowChange("k", "changed", ("text",)),)}
    rows = Rows(100, 90, 80, 5, 15, 5, {"text": 5}, ("audio.old",), (), (Move("only_a", ("",) * 4, why, 15),), examples)
    steps = (StepChange("measured", "source", 120, 120, 117, 110), StepChange("", "new", None, 5, None, 5))
    reasons = (ReasonChange("", "keep", "too_short", "reject", 3, 9), ReasonChange("", "keep", "odd", "reject", 1, 1))
    return Comparison(a, b, False, (Difference("", "seed", "0", None),), steps, reasons, facts, rows)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a page of every kind; the busy one has rows with sound and pictures."""
    folder = tmp_path_factory.mktemp("site")
    rows = [
        conversation("sound", ["What is said?", clip(24_000)], "Nothing but noise."),
        conversation("picture", ["What is shown?", image(300, 200)], "Blocks of noise."),
    ]
    examples = examples_html(write_corpus(folder / "written", rows), num_rows=2)
    busy, plain = made.statistics(), made.plain("plain", 5)
    (folder / "busy.html").write_text(page_html(busy, examples, [("busy.json", "data/busy.json", "all figures")]))
    (folder / "plain.html").write_text(page_html(plain))
    others = [(made.plain(f"corpus {number}", 10 * number), f"c{number}.html") for number in (3, 1, 2)]
    (folder / "index.html").write_text(index_html([(busy, "busy.html"), (plain, "plain.html"), *others], "corpora"))
    (folder / "compare.html").write_text(compare_html(comparison(), ("before/busy", "after/busy")))
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium: apt-get install --no-install-recommends chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox", "--autoplay-policy=user-gesture-required"]
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def page(browser: Any, seen: Seen) -> Iterator[Any]:
    """A light page of 1400 px; the test fails where it did what it must not."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, color_scheme="light", reduced_motion="reduce")
    opened = context.new_page()
    seen.watch(opened)
    yield opened
    context.close()
    assert seen.troubles == []


def colour(page: Any, selector: str, name: str) -> str:
    return str(page.eval_on_selector(selector, f"element => getComputedStyle(element).{name}"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_quietly_fits_and_is_accessible(page: Any, site: Path, name: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.goto((site / name).as_uri())
    grounds = set()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        grounds.add(colour(page, "body", "backgroundColor"))
        found = axe.run(page).response["violations"]
        told = [(one["id"], [node["html"][:150] for node in one["nodes"][:3]]) for one in found if one["impact"] in ("serious", "critical")]
        assert told == [], scheme
    assert len(grounds) == 2
    for width in (1400, 800, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width
    assert page.evaluate("window.hacked") is None
    assert page.locator("h1").is_visible()


def says(page: Any, number: int) -> list[str]:
    return [text.replace("\u00a0", " ") for text in page.locator(f"#limit-{number}-says span").all_text_contents()]


def expected(number: int, least: Stop | None, most: Stop | None) -> list[str]:
    return [line.replace("\u00a0", " ") for line in answer(made.limits()[number], least, most)]


def test_sliders_move_by_keyboard_and_say_what_the_bins_say(page: Any, site: Path) -> None:
    page.goto((site / "busy.html").as_uri())
    limit = made.limits()[0]
    (slider,) = sliders_of(0, limit)
    handle, field_beside, line = (
        page.locator("#limit-0-least"),
        page.locator("#limit-0-least + input"),
        page.locator(".axis-0 .moved[data-slider=limit-0-least]"),
    )
    assert says(page, 0) == expected(0, Stop(1.0), None)
    assert "100 of 100 would stay (100 %)" in says(page, 0)[0]
    handle.focus()
    for key, at in (("ArrowRight", slider.now + 1), ("ArrowRight", slider.now + 2), ("Home", 0), ("End", len(slider.stops) - 1)):
        page.keyboard.press(key)
        assert says(page, 0) == expected(0, slider.stops[at], None), key
        assert handle.get_attribute("aria-valuetext") == slider.stops[at].says("least")
        assert float(field_beside.input_value()) == pytest.approx(slider.stops[at].value, rel=1e-5)
    assert "is-moved" in (line.get_attribute("class") or "")
    assert line.get_attribute("x1") != page.locator(".axis-0 .moved[data-slider=limit-0-least] + .limit").get_attribute("x1")
    page.keyboard.press("Home")
    assert "6 of 6 would pass here" in says(page, 0)[1]
    page.locator(".what-if[data-limit='0'] .reset").click()
    assert says(page, 0) == expected(0, Stop(1.0), None)
    assert "is-moved" not in (line.get_attribute("class") or "")
    assert page.evaluate("document.activeElement.id") == "limit-0-least"


def test_sliders_move_by_mouse_and_fields_take_numbers(page: Any, site: Path) -> None:
    page.goto((site / "busy.html").as_uri())
    (slider,) = sliders_of(1, made.limits()[1])
    handle = page.locator("#limit-1-most")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
    at = int(handle.input_value())
    assert at != slider.now
    assert says(page, 1) == expected(1, None, slider.stops[at])
    number = page.locator("#limit-1-most + input")
    number.fill("13")
    assert says(page, 1) == expected(1, None, Stop(13.0))
    assert "1 of 3 would pass here" in says(page, 1)[1]
    number.fill("")
    assert says(page, 1) == expected(1, None, Stop(13.0))
    field_beside = page.locator("input[type=number][data-bound=least]").nth(1)
    field_beside.fill("10.01")
    page.locator("#limit-2-most + input").fill("20.02")
    assert says(page, 2) == expected(2, Stop(10.01), Stop(20.02))
    assert " to " in says(page, 2)[0]


def test_tables_sort_by_keyboard(page: Any, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    names = page.locator("table.corpora tbody th a")
    first = names.all_text_contents()
    assert first == ["busy", "plain", "corpus 3", "corpus 1", "corpus 2"]
    page.get_by_role("button", name="rows").focus()
    for order, name in (("descending", "busy"), ("ascending", "plain")):
        page.keyboard.press("Enter")
        assert page.locator("th[aria-sort]:has(button:focus)").get_attribute("aria-sort") == order
        assert names.first.text_content() == name
    assert names.all_text_contents() == ["plain", "corpus 1", "corpus 2", "corpus 3", "busy"]
    page.get_by_role("button", name="corpus").focus()
    page.keyboard.press("Space")
    assert names.all_text_contents() == ["busy", "corpus 1", "corpus 2", "corpus 3", "plain"]
    assert page.locator("th[aria-sort=none]").count() == page.locator("th[aria-sort]").count() - 1
    page.goto((site / "busy.html").as_uri())
    page.locator("#reasons button.sort", has_text="records").click()
    assert page.locator("#reasons tbody th").first.text_content() == "lonely"


def test_the_index_filters(page: Any, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    page.get_by_label("Filter").press_sequentially("corpus 2")
    assert page.locator("table.corpora tbody tr:visible").count() == 1
    assert page.locator(".multiples li:visible a").all_text_contents() == ["corpus 2"]
    assert page.locator("#filter-says").text_content() == "1 of 5 corpora"


def test_colours_switch_by_keyboard_and_stay(page: Any, site: Path) -> None:
    page.goto((site / "plain.html").as_uri())
    light = colour(page, "body", "backgroundColor")
    page.locator("input[name=theme]:checked").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("input[name=theme]:checked").get_attribute("value") == "dark"
    dark = colour(page, "body", "backgroundColor")
    assert dark != light
    kept = page.evaluate("() => { try { return localStorage.getItem('corpusmill-theme'); } catch (error) { return String(error); } }")
    if kept != "dark":  # what a browser keeps for files it may refuse to keep; the page works without
        pytest.skip(f"this browser keeps nothing for files: {kept}")
    # a browser writes what it keeps in another process, and under load forgets it: what the page finds when it opens is put there
    page.add_init_script("localStorage.setItem('corpusmill-theme', 'dark')")
    page.reload()
    assert becomes(page, dark)
    assert page.locator("input[name=theme]:checked").get_attribute("value") == "dark"
    page.get_by_text("Light", exact=True).click()
    assert becomes(page, light)


def becomes(page: Any, wanted: str) -> bool:
    """Whether the background is of that colour within three seconds."""
    for _ in range(30):
        if colour(page, "body", "backgroundColor") == wanted:
            return True
        page.wait_for_timeout(100)
    return False


def test_axes_switch(page: Any, site: Path) -> None:
    page.goto((site / "busy.html").as_uri())
    card = page.locator("[id='fact-contract.num_tokens']")
    before = card.locator("svg.histogram:visible title").first.text_content()
    card.locator("button[aria-pressed=false]").focus()
    page.keyboard.press("Enter")
    after = card.locator("svg.histogram:visible title").first.text_content()
    assert {before, after} == {f"Histogram of contract.num_tokens, {axis} axis" for axis in ("linear", "logarithmic")}
    assert card.locator("button[aria-pressed=true]").count() == 1


def test_everything_is_reached_by_the_tab_key_in_order(page: Any, site: Path) -> None:
    page.goto((site / "plain.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.localName"))
    assert {"summary", "div"} <= reached


def test_players_play(page: Any, site: Path) -> None:
    page.goto((site / "busy.html").as_uri())
    player = page.locator("audio").first
    player.scroll_into_view_if_needed()
    assert player.evaluate("audio => audio.duration") > 1
    player.focus()
    page.keyboard.press("Space")
    for _ in range(100):  # the page's policy forbids what playwright waits with
        page.wait_for_timeout(50)
        if player.evaluate("audio => audio.currentTime") > 0.05:
            break
    assert player.evaluate("audio => audio.currentTime") > 0.05
    assert player.evaluate("audio => audio.error") is None
    assert page.locator(".examples img").first.evaluate("image => image.naturalWidth") > 0


def test_it_prints_light_without_what_only_a_screen_can_do(page: Any, site: Path) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto((site / "busy.html").as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert colour(page, "body", "backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".contents").is_visible()
    assert page.locator(".what-if:visible, .theme:visible, .axes:visible").count() == 0
    assert page.locator("svg.histogram:visible").count() > 3
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_a_page_says_everything_without_scripts(browser: Any, site: Path, seen: Seen) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    seen.watch(opened)
    opened.goto((site / "busy.html").as_uri())
    assert opened.locator("svg.histogram:visible").count() > 3
    assert opened.locator(".what-if:visible, .theme:visible, .axes:visible").count() == 0
    assert opened.locator("#funnel tbody tr").count() == 7
    context.close()
    assert seen.troubles == []


def test_a_script_that_is_not_ours_does_not_run(browser: Any, site: Path, tmp_path: Path, seen: Seen) -> None:
    breached = (
        (site / "plain.html")
        .read_text()
        .replace("<h2>Funnel</h2>", "<script>window.hacked = 1</script><img src='https://example.org/x.png'>")
    )
    (tmp_path / "breached.html").write_text(breached)
    context = browser.new_context()
    opened = context.new_page()
    seen.watch(opened)
    opened.goto((tmp_path / "breached.html").as_uri())
    assert opened.evaluate("window.hacked") is None
    assert len([told for told in seen.troubles if "Content Security Policy" in told]) == 2
    context.close()
