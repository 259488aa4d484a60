"""Pages of reports as text: everything is said, nothing from data is markup, counts stay exact when bins are joined."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import lxml.html
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer import Typer
from typer.testing import CliRunner

from pipelines.report.charts import Series, histograms
from pipelines.report.command import report_command
from pipelines.report.compare import compare
from pipelines.report.compare_page import compare_html
from pipelines.report.facts import answer
from pipelines.report.figures import LimitFigures, Spread, StepFigures
from pipelines.report.index import index_html
from pipelines.report.page import page_html
from pipelines.report.scale import edges_for, merged, numbers_of, rebin, scale_for
from pipelines.report.statistics import collect, from_json, to_json
from pipelines.report.what_if import LEAST, Stop, bins_of, sliders_of, within
from pipelines.report.wording import condition, law_of, num_records, share, short, size
from schemas.corpus import CorpusError
from tests.report import made
from tests.report.measured import make

app = Typer()
app.command()(report_command)


def tree(html: str) -> lxml.html.HtmlElement:
    return lxml.html.document_fromstring(html)


def text_of(page: lxml.html.HtmlElement) -> str:
    """What a person reads."""
    return " ".join(page.get_element_by_id("main").text_content().split())


def assert_is_safe(html: str) -> None:
    """No element, attribute or script that the templates did not put there."""
    page = tree(html)
    assert {element.tag for element in page.iter() if isinstance(element.tag, str)}.isdisjoint({"img", "iframe", "object", "embed", "base"})
    for element in page.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on"), (element.tag, name, value)
            assert not re.match(r"\s*(javascript|https?|file|//)", value), (element.tag, name, value)
    kinds = [script.get("type", "text/javascript") for script in page.iter("script")]
    assert kinds.count("text/javascript") == len(re.findall(r"'sha256-[A-Za-z0-9+/]+='", html))


def assert_links_resolve(html: str) -> None:
    page = tree(html)
    idents = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(idents) == len(set(idents))
    for link in page.iter("a"):
        if link.get("href").startswith("#"):
            assert unquote(link.get("href")[1:]) in idents
    for element in page.iter():
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert all(ident in idents for ident in element.get(name, "").split()), (name, element.get(name))


def test_hostile_texts_are_text() -> None:
    html = page_html(made.statistics(), "", [(made.HOSTILE, "data/x.json", made.HOSTILE)])
    assert_is_safe(html)
    assert_links_resolve(html)
    said = text_of(tree(html))
    assert said.count("<img src=x onerror=") > 15
    assert "{{ 7*7 }}" in said


def test_hostile_texts_are_text_in_the_index() -> None:
    html = index_html([(made.statistics(made.HOSTILE), "x.html"), (made.plain("b", 5), "b.html")], made.HOSTILE)
    assert_is_safe(html)
    assert_links_resolve(html)


def test_the_check_of_safety_sees_what_is_not_safe() -> None:
    html = page_html(made.statistics())
    assert_is_safe(html)
    for breach in ("<img src='data:,'>", "<b onclick='x'>", "<a href='https://example.org'>", "<script>1</script>"):
        with pytest.raises(AssertionError):
            assert_is_safe(html.replace("<h2>Funnel</h2>", breach))


def test_the_same_statistics_give_the_same_page() -> None:
    assert page_html(made.statistics()) == page_html(from_json(to_json(made.statistics())))


def test_the_page_says_every_figure() -> None:
    page = tree(page_html(made.statistics()))
    said = text_of(page)
    for expected in (
        "fedcba9876543210",
        "0123456789abcdef",
        "12.3 MB",
        "of 120 records in",
        "7,500",
        "321 learned",
        "75 %",
        "keep_rate",
    ):
        assert expected in said
    assert "117 = 107 out + 10 refused" in said
    assert "107 = 2 refused + 105 that became 215" in said
    assert "215 = 15 refused + 200 that were joined into 100" in said
    assert "in = out + refused in all 5 steps" in said
    assert "where text.language is de or" in said
    assert "Measured again by measure_again" in said
    assert "Beyond the axis: ≤ 5,000" in said
    for name in ("audio.duration_s", "contract.num_tokens", "quality.same", "text.never", "quality.is_clean"):
        assert page.get_element_by_id(f"fact-{name}") is not None
    assert [cell.text_content() for cell in page.get_element_by_id("fact-quality.same").iter("td")][:2] == ["7", "100"]


def test_a_build_that_has_not_ended_and_one_without_runs_are_said() -> None:
    said = text_of(tree(page_html(made.statistics(is_complete=False, runs=()))))
    assert "not complete: no corpus.json yet" in said
    assert "No run is told for this corpus" in said
    assert "not complete" not in text_of(tree(page_html(made.statistics())))


def test_an_empty_corpus_has_a_page() -> None:
    said = text_of(tree(page_html(made.plain("empty", 0))))
    for expected in ("No record was refused.", "No step of this corpus tells a limit", "carry no facts", "No run is told"):
        assert expected in said


@pytest.mark.parametrize(
    ("step", "mode", "state", "says"),
    [
        (StepFigures("c", "s", 10, 8, {"a": 1}, 1), "each", "holds", "10 = 8 out + 2 refused"),
        (StepFigures("c", "s", 10, 7, {"a": 1}, 1), "each", "broken", "10 in, but 7 out + 2 refused"),
        (StepFigures("c", "s", 10, 9, {"a": 2}), "batched", "broken", "10 in, but 9 out + 2 refused"),
        (StepFigures("c", "s", 10, 30, {"a": 2}), "expand", "holds", "10 = 2 refused + 8 that became 30"),
        (StepFigures("c", "s", 10, 7, {"a": 2}), "expand", "broken", "10 in, but 7 out + 2 refused"),
        (StepFigures("c", "s", 10, 3, {"a": 2}), "gather", "holds", "10 = 2 refused + 8 that were joined into 3"),
        (StepFigures("c", "s", 10, 0, {"a": 2}), "gather", "broken", "10 in, but 0 out + 2 refused"),
        (StepFigures("c", "s", 2, 1, {"a": 2}), "", "broken", "2 in, but 1 out + 2 refused"),
        (StepFigures("c", "s", 2, 0, {"a": 3}), "", "broken", "2 in, but 0 out + 3 refused"),
        (StepFigures("c", "s", 0, 0), "each", "holds", "0 = 0 out + 0 refused"),
    ],
)
def test_the_law_of_conservation_is_said(step: StepFigures, mode: str, state: str, says: str) -> None:
    law = law_of(step, mode)
    assert (law.state, law.says) == (state, says)


def test_conditions_of_limits_are_said() -> None:
    assert condition({"fact": "text.language", "none_of": ["", "de"], "least": None}) == "text.language is not (empty) or de"
    assert condition({"fact": "a.b", "plus": ["a.c"], "least": 1, "most": 2.5}) == "a.b + a.c 1 to 2.5"


def test_refusals_are_a_share_of_all_records_there_were() -> None:
    assert num_records(120, made.steps()) == 120 + 110  # the expansion made 215 of 105
    slides = (StepFigures("c", "source", 5, 23), StepFigures("c", "keep", 23, 16, {"empty": 7}))
    assert num_records(5, slides) == 23
    index = tree(
        index_html(
            [(made.plain("c", 16), "c.html"), (made.statistics("d", num_in=5, num_refused=7, num_faults=0, steps=slides), "d.html")], "x"
        )
    )
    assert [cell.get("data-value") for cell in index.find_class("share")] == ["0.0", str(7 / 23)]


def test_a_broken_law_is_seen_on_the_page() -> None:
    broken = StepFigures("busy", "split", 107, 50, {"empty": 2})
    page = tree(page_html(made.statistics(steps=(broken,)), modes={("busy", "split"): "each"}))
    assert "conservation is broken" in text_of(page)
    assert [mark.get("aria-label") for mark in page.find_class("mark")] == ["broken"]


def test_numbers_are_said_briefly_and_shares_never_lie() -> None:
    assert [short(value) for value in (0, 12, 0.25, 1_234.5, 9_999, 12_345, 3_400_000, -0.5)] == [
        "0", "12", "0.25", "1,234", "9,999", "12.3k", "3.4M", "-0.5",
    ]  # fmt: skip
    told = [share(*pair) for pair in ((0, 9), (1, 3), (1, 10_000), (9_999, 10_000), (9, 9), (1, 0), (1, 2))]
    assert [text.replace("\u00a0", " ") for text in told] == ["0 %", "33.3 %", "< 0.1 %", "> 99.9 %", "100 %", "–", "50 %"]
    assert [size(num) for num in (0, 999, 1_000, 12_345_678)] == ["0 bytes", "999 bytes", "1 kB", "12.3 MB"]


# ---- bins


many = st.lists(st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6), min_size=1, max_size=40)


@st.composite
def spreads(draw: st.DrawFn) -> tuple[np.ndarray, Spread]:
    """Values and their spread: each by itself, or in bins where there are more than 512 different ones."""
    values = np.array(draw(many))
    if draw(st.booleans()):
        values = np.concatenate([values, np.linspace(values.min() - 3.0, values.max() + 5.0, 600)])
    return values, made.numbers(values)


@given(spreads(), st.booleans(), st.lists(st.floats(-2e6, 2e6), max_size=2))
@settings(max_examples=40, deadline=None)
def test_bars_hold_every_record_and_exact_edges(found: tuple[np.ndarray, Spread], is_log: bool, thresholds: list[float]) -> None:
    values, spread = found
    bins = numbers_of(spread)
    if is_log and (values.min() <= 0 or values.max() <= 2 * values.min()):
        values = np.abs(values) + 1.0
        bins = numbers_of(made.numbers(values))
        is_log = bool(values.max() > 2 * values.min())
    scale = scale_for(bins, thresholds, is_log)
    edges = edges_for(scale, bins)
    counts = rebin(bins, edges)
    assert sum(counts) == len(values)
    assert edges == sorted(set(edges))
    inside = [np.sum((values >= low) & (values < high)) for low, high in pairwise(edges[:-1])]
    if (values >= 0).all():  # below zero it is the other end of a bin that belongs to it
        assert inside == counts[:-1]


@given(spreads(), st.integers(1, 50))
@settings(max_examples=25, deadline=None)
def test_joined_bins_tell_counts_within_bounds_and_exactly_at_their_ends(found: tuple[np.ndarray, Spread], most: int) -> None:
    values, spread = found
    bins = merged(numbers_of(spread), most)
    assert len(bins) <= most + 1
    assert sum(num for _, _, num in bins) == len(values)
    limit = LimitFigures("c", "s", "a.b", "r", float(values.min()), float(values.max()), spread, Spread())
    assert bins_of(limit)[0] == merged(numbers_of(spread), 256)
    kept = bins_of(limit)[0]
    for slider in sliders_of(0, limit):
        assert slider.stops[slider.now] == Stop(limit.least if slider.bound == LEAST else limit.most)  # type: ignore[arg-type]
        assert [stop.value for stop in slider.stops] == sorted(stop.value for stop in slider.stops)
        for stop in slider.stops[:: max(1, len(slider.stops) // 25)]:
            if slider.bound == LEAST:
                true = int(np.sum(values > stop.value if stop.is_open else values >= stop.value))
                assert within(kept, stop, None) == (true, true), stop
            else:
                true = int(np.sum(values < stop.value if stop.is_open else values <= stop.value))
                assert within(kept, None, stop) == (true, true), stop
    for value in (values[0], float(values.mean()), 0.0):
        sure, possible = within(bins, Stop(float(value)), None)
        assert sure <= np.sum(values >= value) <= possible
        sure, possible = within(bins, None, Stop(float(value)))
        assert sure <= np.sum(values <= value) <= possible


def test_a_bound_inside_a_bin_gives_both_ends() -> None:
    values = np.linspace(100.0, 200.0, 1_001)
    spread = made.numbers(values)
    low, high, num = spread.bins[20]
    middle = (low + high) / 2
    limit = LimitFigures("c", "s", "a.b", "r", 100.0, None, spread, made.numbers(np.array([1.0, 99.0])))
    at_least = int(np.sum(values >= high))
    assert within(bins_of(limit)[0], Stop(middle), None)[1] > within(bins_of(limit)[0], Stop(middle), None)[0]
    assert within(numbers_of(spread), Stop(middle), None) == (at_least, at_least + num)
    stay, go_on = answer(limit, Stop(99.0), None)
    assert stay == "Rows kept now: 1,001 of 1,001 would stay (100\u00a0%)."
    assert go_on == "Refused so: 1 of 2 would pass here (50\u00a0%), if nothing else refuses them."


def test_truth_values_stand_as_numbers_for_limits() -> None:
    limit = LimitFigures("c", "s", "a.b", "r", 1.0, None, made.texts({"true": 9}), made.texts({"false": 4}))
    (slider,) = sliders_of(0, limit)
    assert slider.stops == (Stop(0.0), Stop(1.0))
    assert answer(limit, Stop(0.0), None)[1].startswith("Refused so: 4 of 4 would pass here")


def test_whole_numbers_have_a_bar_each_and_zero_a_place_of_its_own() -> None:
    spread = made.numbers(np.array([0, 0, 1, 2, 2, 2, 9]))
    (linear, log) = histograms([Series("kept", "kept", numbers_of(spread))], whole=True)
    assert [(bar.says(True), bar.counts[0]) for bar in linear.bars] == [
        ("0", 2), ("1", 1), ("2", 3), ("3", 0), ("4", 0), ("5", 0), ("6", 0), ("7", 0), ("8", 0), ("9", 1),
    ]  # fmt: skip
    assert log.zero == (2,)
    assert sum(bar.counts[0] for bar in log.bars) == 5


def test_a_limit_of_many_values_keeps_the_page_small() -> None:
    rng = np.random.default_rng(0)
    wide = [made.numbers(rng.lognormal(0, 3, 20_000)) for _ in range(3)]
    facts = tuple(made.facts()[0].__class__(f"area.fact_{number}", "float", "Made", wide[number % 3], wide[1]) for number in range(40))
    limits = tuple(LimitFigures("busy", "s", f"area.fact_{number}", "r", 0.1, None, wide[0], wide[1]) for number in range(10))
    assert len(page_html(made.statistics(facts=facts, limits=limits))) < 1_600_000


# ---- the command


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus of two stages."""
    out = tmp_path_factory.mktemp("built")
    make(out, 300)
    return out


def test_a_report_is_a_page_an_index_and_data_whose_links_lead_somewhere(built: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [str(built), "--to", str(tmp_path), "--workers", "0", "--examples", "2", "--refused", "1"])
    assert done.exit_code == 0, done.output
    pages = sorted(path.name for path in tmp_path.glob("*.html"))
    assert pages == ["index.html", "made.html"]
    for name in pages:
        html = (tmp_path / name).read_text()
        assert_links_resolve(html)
        links = [link.get("href") for link in tree(html).iter("a") if not link.get("href").startswith("#")]
        assert links, name
        for link in links:
            assert (tmp_path / unquote(link.split("#")[0])).is_file(), link
    corpus = built / "made"
    assert from_json((tmp_path / "data" / "made.json").read_text()) == collect(corpus)
    page = tree((tmp_path / "made.html").read_text())
    rows = page.get_element_by_id("reasons").find(".//tbody").findall("tr")
    assert len(rows) == len(collect(corpus).reasons) > 0
    linked = [link.get("href")[1:] for row in rows for link in row.iter("a")]
    assert linked and all(page.get_element_by_id(unquote(place)).find_class("example-refusal") for place in linked)


def test_the_same_corpus_gives_the_same_report(built: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        CliRunner().invoke(app, [str(built / "made"), "--to", str(tmp_path / name), "--workers", "0", "--examples", "2"])
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) > 5
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_json_prints_the_statistics_and_writes_nothing(built: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [str(built / "made"), "--to", str(tmp_path / "none"), "--json", "--workers", "0"])
    (told,) = json.loads(done.stdout)
    assert from_json(json.dumps(told)) == collect(built / "made")
    assert not (tmp_path / "none").exists()
    assert not (built / "report").exists()


def test_two_builds_stand_side_by_side(built: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    make(other, 260)
    done = CliRunner().invoke(app, ["--compare", str(built), str(other), "--to", str(tmp_path / "to"), "--workers", "0"])
    assert done.exit_code == 0, done.output
    html = (tmp_path / "to" / "compare-made.html").read_text()
    comparison = compare(built / "made", other / "made")
    assert_is_safe(html)
    assert_links_resolve(html)
    rows, page = comparison.rows, tree(html)
    tiles = [cell.text_content() for cell in page.get_element_by_id("rows").iter("dd")]
    assert tiles[::2] == [f"{num:,}" for num in (rows.num_same, rows.num_changed, rows.num_only_a, rows.num_only_b)]
    assert rows.num_only_a > 0 and tiles[5] == f"of {rows.num_a:,}"
    num_spread_otherwise = sum(fact.distance >= 0.0005 for fact in comparison.facts)
    assert len(page.get_element_by_id("distributions").findall(".//article")) == num_spread_otherwise > 0
    assert json.loads((tmp_path / "to" / "data" / "compare-made.json").read_text())["rows"]["num_same"] == comparison.rows.num_same
    same = text_of(tree(compare_html(compare(built / "made", built / "made"), ("a", "b"))))
    assert "the same recipe and the same bytes" in same


def test_wrong_paths_are_usage_errors(built: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "made").symlink_to(built / "made")
    (tmp_path / "twin" / "made").mkdir(parents=True)
    (tmp_path / "twin" / "made" / "recipe.json").write_text("{}")
    for arguments, says in (
        ([tmp_path / "nowhere"], "does not exist; give a folder that `corpusmill build` wrote"),
        ([tmp_path / "to"], "does not exist"),
        ([built / "made" / "shards"], "has no corpus in it"),
        ([built, tmp_path / "twin"], "two corpora are named made"),
        (["--compare", built], "--compare wants two builds, A and B: 1 paths were given"),
    ):
        done = CliRunner().invoke(app, [*map(str, arguments), "--to", str(tmp_path / "to"), "--workers", "0"])
        assert done.exit_code == 2, done.output
        assert says in " ".join(done.output.split())
    done = CliRunner().invoke(app, [str(tmp_path / "twin"), "--to", str(tmp_path / "to"), "--workers", "0"])
    assert done.exit_code == 1
    assert "counting" in done.output
    with pytest.raises(CorpusError):
        collect(tmp_path / "twin" / "made")
