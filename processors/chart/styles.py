"""How a chart looks: everything about it that is not data, chosen by a keyed generator."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from processors.mupdf import pymupdf

FONT_FILES = {  # what matplotlib carries, so that no machine's fonts decide a pixel
    "sans": ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    "serif": ("DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf"),
    "mono": ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"),
    "stix": ("STIXGeneral.ttf", "STIXGeneralBol.ttf"),
}
PALETTES = (
    ("#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2", "#eeca3b", "#9d755d", "#ff9da6", "#79706e"),
    ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"),
    ("#1b9e77", "#d95f02", "#7570b3", "#e7298a", "#66a61e", "#e6ab02", "#a6761d", "#666666", "#1f78b4", "#b2df8a"),
    ("#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51", "#8ab17d", "#6d597a", "#b56576", "#355070", "#eaac8b"),
    ("#003f5c", "#58508d", "#bc5090", "#ff6361", "#ffa600", "#2f9e44", "#868e96", "#1098ad", "#a61e4d", "#5c940d"),
    ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#555555", "#882255", "#44aa99"),
    ("#4472c4", "#ed7d31", "#a5a5a5", "#ffc000", "#5b9bd5", "#70ad47", "#264478", "#9e480e", "#636363", "#997300"),
)
DARK_PALETTES = (
    ("#8dd3c7", "#ffffb3", "#bebada", "#fb8072", "#80b1d3", "#fdb462", "#b3de69", "#fccde5", "#d9d9d9", "#bc80bd"),
    ("#66c2ff", "#ffb366", "#7ee787", "#ff7b72", "#d2a8ff", "#f2cc60", "#76e3ea", "#ffa8d9", "#c9d1d9", "#a5d6a7"),
)
LIGHT_BACKGROUNDS = ("#ffffff", "#ffffff", "#ffffff", "#fafafa", "#fdf6e3", "#f3f6fa")
DARK_BACKGROUNDS = ("#16181d", "#1e2430", "#222222")
SEQUENTIAL = ("Blues", "Greens", "Oranges", "Purples", "viridis", "YlGnBu", "cividis")


@dataclass(frozen=True, slots=True)
class ChartStyle:
    """`name` is what the facts say. Units: `font_px` is the size of tick labels, titles are larger in proportion; widths in px."""

    name: str = "default"
    font: str = "sans"
    font_px: float = 13.0
    palette: tuple[str, ...] = PALETTES[0]
    background: str = "#ffffff"
    ink: str = "#222222"
    grid: str = "value"  # value | both | none
    grid_dashes: str = "solid"  # solid | dashed | dotted
    spines: str = "left_bottom"  # all | left_bottom | bottom | none
    legend: str = "right"  # right | bottom | top
    legend_frame: bool = False
    bar_fill: float = 0.75  # of the room for a category
    bar_edge: bool = False
    line_width_px: float = 2.0
    marker: str = "o"  # of lines; empty: none
    thousands: bool = True  # 1,200 rather than 1200 on ticks and marks
    title_place: str = "center"  # center | left
    title_bold: bool = True
    pie_names: str = "legend"  # legend | outside
    pie_start_deg: float = 90.0
    colours_by_category: bool = False  # bars of a single series
    colour_map: str = "Blues"

    @property
    def is_dark(self) -> bool:
        return self.background in DARK_BACKGROUNDS

    def colour(self, index: int) -> str:
        return self.palette[index % len(self.palette)]


DEFAULT_STYLE = ChartStyle()


def choose_style(rng: np.random.Generator) -> ChartStyle:
    """One of many styles; every choice is drawn whatever the others are, so that each looks the same in any combination."""

    def pick(options: tuple) -> object:
        return options[int(rng.integers(len(options)))]

    dark = float(rng.random()) < 0.15  # most charts on paper and in slides are light
    palette = pick(DARK_PALETTES if dark else PALETTES)
    turn = int(rng.integers(len(palette)))  # type: ignore[arg-type]
    grid, spines, legend = (
        pick(("value", "value", "both", "none")),
        pick(("all", "left_bottom", "bottom")),
        pick(("right", "bottom", "top")),
    )
    font = pick(tuple(FONT_FILES))
    fields = {
        "name": "-".join(("dark" if dark else "light", str(font), str(grid), str(spines), str(legend))),
        "font": font,
        "font_px": pick((12.0, 13.0, 14.0, 15.0)),
        "palette": palette[turn:] + palette[:turn],  # type: ignore[index]
        "background": pick(DARK_BACKGROUNDS if dark else LIGHT_BACKGROUNDS),
        "ink": "#e8e8e8" if dark else pick(("#222222", "#000000", "#333f50")),
        "grid": grid,
        "grid_dashes": pick(("solid", "dashed", "dotted")),
        "spines": spines,
        "legend": legend,
        "legend_frame": pick((False, True)),
        "bar_fill": pick((0.6, 0.7, 0.8, 0.9)),
        "bar_edge": pick((False, False, True)),
        "line_width_px": pick((1.5, 2.0, 3.0)),
        "marker": pick(("o", "o", "s", "^", "D")),
        "thousands": pick((True, False)),
        "title_place": pick(("center", "left")),
        "title_bold": pick((True, False)),
        "pie_names": pick(("legend", "outside")),
        "pie_start_deg": pick((90.0, 0.0, 45.0)),
        "colours_by_category": pick((False, True)),
        "colour_map": pick(SEQUENTIAL),
    }
    return ChartStyle(**fields)  # type: ignore[arg-type]


@functools.cache
def fonts(name: str, bold: bool = False) -> tuple[str, ...]:
    """Family names for matplotlib: the font, the font it falls back on, and PyMuPDF's own for Chinese, Japanese and Korean."""
    return tuple(_family(path) for path in (_bundled(FONT_FILES[name][bold]), _bundled("DejaVuSans.ttf"), _cjk_file()))


def missing_glyphs(text: str, font: str = "sans") -> str:
    """The characters of a text that no font of a style has, each once, in order."""
    known = _glyphs(_bundled(FONT_FILES[font][0])) | _glyphs(_bundled("DejaVuSans.ttf")) | _glyphs(_cjk_file())
    return "".join(dict.fromkeys(character for character in text if ord(character) not in known and character not in "\n"))


def _bundled(file: str) -> str:
    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / file)


def cjk_font() -> bytes:
    """PyMuPDF's font for Chinese, Japanese and Korean (TrueType)."""
    return bytes(pymupdf.Font("cjk").buffer)


@functools.cache
def _cjk_file() -> str:
    """The font as a file, which is what matplotlib reads; written once a process, gone with it."""
    folder = tempfile.TemporaryDirectory(prefix="chart_fonts_")
    _kept.append(folder)
    path = Path(folder.name) / "cjk.ttf"
    path.write_bytes(cjk_font())
    return str(path)


_kept: list[tempfile.TemporaryDirectory[str]] = []


@functools.cache
def _glyphs(path: str) -> frozenset[int]:
    return frozenset(FT2Font(path).get_charmap())


@functools.cache
def _family(path: str) -> str:
    """Registers one file under a family of its own, so that no other font of the machine can answer to the name."""
    family = f"chart {Path(path).stem}"
    entry = font_manager.FontEntry(fname=path, name=family, style="normal", variant="normal", weight=400, stretch="normal", size="scalable")
    font_manager.fontManager.ttflist.append(entry)
    return family
