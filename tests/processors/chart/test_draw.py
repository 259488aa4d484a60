"""Drawing: every kind, every text readable, the same bytes, and what is refused."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from processors.chart import draw
from processors.chart.draw import draw_chart, draw_fitting, wrap
from processors.chart.model import KINDS, Chart, Series
from processors.chart.styles import DEFAULT_STYLE, choose_style, missing_glyphs
from schemas.identity import keyed_rng
from schemas.outcome import Refused
from tests.processors.chart.charts import CHARTS


def test_there_is_a_chart_of_every_kind():
    assert tuple(CHARTS) == KINDS == tuple(chart.kind for chart in CHARTS.values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_and_every_text_is_on_the_picture(kind, monkeypatch):
    """The texts that matplotlib renders are those of the chart, whole and unparsed."""
    seen: list[str] = []
    trouble = draw._trouble

    def watch(figure):
        seen[:] = [text.get_text() for text in figure.findobj(draw.Text) if text.get_visible() and text.get_text().strip()]
        return trouble(figure)

    monkeypatch.setattr(draw, "_trouble", watch)
    chart = CHARTS[kind]
    pixels = draw_fitting(chart, choose_style(keyed_rng(3, "test", kind)), 560, 420, 1344)
    assert pixels.dtype == np.uint8 and pixels.shape[2] == 3 and pixels.shape[0] >= 420 and max(pixels.shape) <= 1344
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    shown = " ".join(" ".join(text.split()) for text in seen).replace(" ", "")
    names = [series.name for series in chart.series if len(chart.series) > 1 or kind == "heatmap"]
    titles = [chart.title] + ([chart.x_title, chart.y_title] if kind not in ("pie", "donut", "radar") else [])
    for text in (*titles, *chart.categories, *names):
        assert text.replace(" ", "") in shown
    if chart.labels and kind != "histogram":
        values = [value for series in chart.series for value in series.values if value is not None]
        assert all(draw.Pen(chart, DEFAULT_STYLE, 12).number(value) in shown.replace("%", "") + shown for value in values)


def test_a_legend_is_read_row_by_row(monkeypatch):
    drawn = []
    trouble = draw._trouble
    monkeypatch.setattr(draw, "_trouble", lambda figure: drawn.append(figure) or trouble(figure))
    names = ["Harbour Tram", "Airport Express", "Ring Bus Line", "Night Bus Line", "Green Line"]
    chart = Chart("line", ("2020", "2021", "2022"), tuple(Series(name, (1.0 + at, 2.0, 3.0)) for at, name in enumerate(names)))
    for place in ("top", "bottom"):
        draw_chart(chart, replace(DEFAULT_STYLE, legend=place), 420, 420)
        texts = drawn[-1].legends[0].get_texts()
        boxes = [(-round(text.get_window_extent().y0), text.get_window_extent().x0, text.get_text()) for text in texts]
        assert len({box[0] for box in boxes}) > 1, "the legend has several rows"
        assert [name for _, _, name in sorted(boxes)] == names


def test_a_chart_of_a_stated_size_has_it_even_where_its_texts_do_not_fit():
    crowded = Chart("bar", tuple(f"A rather long category {n}" for n in range(9)), (Series("a", tuple(range(9))),), "T", labels=True)
    assert draw_chart(crowded, DEFAULT_STYLE, 300, 200).shape == (200, 300, 3)
    assert draw_chart(CHARTS["pie"], width_px=401, height_px=299).shape == (299, 401, 3)


def test_what_does_not_fit_is_drawn_larger_or_refused():
    many = Chart("bar", tuple(f"Category {n}" for n in range(30)), (Series("a", tuple(range(100, 130))),))
    assert draw_fitting(many, DEFAULT_STYLE, 320, 240, 1344).shape in {(round(240 * by), round(320 * by), 3) for by in draw.GROWTH[1:]}
    with pytest.raises(Refused, match="too_crowded: bar with 30 categories and 1 series: some text is cut or covers another at 320x240 px"):
        draw_fitting(many, DEFAULT_STYLE, 320, 240, 320)


def _bad(kind: str, *series: Series, categories: tuple[str, ...] = ("a", "b", "c")) -> Chart:
    return Chart(kind, categories, series)


@pytest.mark.parametrize(
    ("chart", "reason", "told"),
    [
        (_bad("treemap", Series("s", (1, 2, 3))), "bad_chart", "kind is 'treemap'"),
        (_bad("bar", Series("s", (1, 2))), "bad_chart", "2 values for 3 categories"),
        (_bad("bar", Series("s", (None, None, None))), "bad_chart", "no value"),
        (_bad("bar", Series("s", (1, float("nan"), 2))), "bad_chart", "not finite"),
        (_bad("bar", Series("s", (1, 1e305, 2))), "bad_chart", "not finite"),
        (_bad("pie", Series("s", (1, -2, 3))), "bad_chart", "a pie with a negative part"),
        (_bad("pie", Series("s", (0, 0, 0))), "bad_chart", "all zero"),
        (_bad("donut", Series("s", (1, 2, 3)), Series("t", (1, 2, 3))), "bad_chart", "a donut with 2 series"),
        (_bad("radar", Series("s", (1, 2)), categories=("a", "b")), "bad_chart", "fewer than three axes"),
        (_bad("scatter", Series("s", (1, 2), (1,))), "bad_chart", "2 values, 1 x"),
        (_bad("box", Series("s", (1.0, 2.0)), Series("t", ())), "bad_chart", "a box without values"),
        (_bad("bar", Series("s", tuple(range(201))), categories=tuple(map(str, range(201)))), "too_crowded", "201 categories"),
        (_bad("bar", Series("s", (1, 2, 3)), categories=("a" * 301, "b", "c")), "too_crowded", "301 characters"),
        (_bad("bar", Series("s", (1, 2, 3)), categories=("a", "b\U0001f404", "c")), "missing_glyphs", "U\\+1F404"),
        (_bad("bar", Series("s", (1, 2, 3)), categories=("a", "b\x07", "c")), "missing_glyphs", "U\\+0007"),
    ],
)
def test_what_cannot_be_drawn(chart, reason, told):
    with pytest.raises(Refused, match=told) as refused:
        draw_fitting(chart, DEFAULT_STYLE, 400, 300, 500)
    assert refused.value.reason.name == reason


def test_the_nearest_that_can_be_drawn():
    for chart in (_bad("pie", Series("s", (1, 0, 3))), _bad("radar", Series("s", (1, 0, None))), _bad("bar", Series("s", (1e299, 1, 0)))):
        assert draw_fitting(chart, DEFAULT_STYLE, 400, 300, 900).shape == (300, 400, 3)


def test_fonts_cover_what_charts_are_about():
    assert missing_glyphs("Übersee €, 東京 서울 中文 Ελλάδα Россия") == ""
    assert missing_glyphs("a\U0001f404b\U0001f404") == "\U0001f404"


def test_words_stay_whole_and_scripts_without_spaces_break():
    assert wrap("Centre of the country", 16) == "Centre of the\ncountry"
    assert wrap("Internationalisation", 16) == "Internationalisation"
    assert wrap("x" * 60, 16) == "\n".join(("x" * 28, "x" * 28, "x" * 4))
    assert wrap("東京都の来場者数の合計", 16) == "東京都の来場者数\nの合計"
    assert wrap("", 16) == ""


def test_two_texts_that_cover_each_other_are_seen():
    """The check itself, against pictures that fail it: without it, no layout would ever be refused."""
    figure = draw.Figure(figsize=(4, 3), dpi=72)
    canvas = draw.FigureCanvasAgg(figure)
    first, second = figure.text(0.5, 0.5, "first text"), figure.text(0.52, 0.51, "second")
    canvas.draw()
    assert draw._trouble(figure) == "texts"
    second.set_position((0.1, 0.1))
    assert draw._trouble(figure) == ""
    first.set_rotation(45)
    second.set(position=(0.5, 0.62), text="a")  # inside the box around the turned text, beside its letters
    assert draw._trouble(figure) == ""
    second.set(position=(0.95, 0.1), text="beyond the edge")
    assert draw._trouble(figure) == "texts"


PROGRAM = """
import hashlib, sys
from processors.chart.draw import draw_chart
from processors.chart.styles import choose_style
from schemas.identity import keyed_rng
from tests.processors.chart.charts import CHARTS
for kind in ("line", "heatmap"):
    pixels = draw_chart(CHARTS[kind], choose_style(keyed_rng(5, "s", kind)), 560, 420)
    print(hashlib.sha256(pixels.tobytes()).hexdigest())
"""


def test_the_same_bytes_in_another_process_with_other_settings(tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 30\naxes.grid: True\nlines.linewidth: 9\nsavefig.dpi: 300\n")
    environment = {"MPLCONFIGDIR": str(tmp_path), "LANG": "C", "PYTHONHASHSEED": "77", "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout.split()
    here = [draw_chart(CHARTS[kind], choose_style(keyed_rng(5, "s", kind)), 560, 420) for kind in ("line", "heatmap")]
    assert told == [hashlib.sha256(pixels.tobytes()).hexdigest() for pixels in here]


def test_drawing_leaves_the_settings_of_the_process_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw_chart(CHARTS["area"], replace(DEFAULT_STYLE, background="#222222"), 320, 240)
    assert dict(matplotlib.rcParams) == before


def test_styles_are_many_and_keyed():
    styles = {choose_style(keyed_rng(0, "style", str(n))) for n in range(200)}
    assert len(styles) == 200
    assert {style.font for style in styles} == {"sans", "serif", "mono", "stix"}
    assert 10 <= sum(style.is_dark for style in styles) <= 50
    assert choose_style(keyed_rng(0, "style", "9")) == choose_style(keyed_rng(0, "style", "9"))
