"""What a person can read off a slide, in reading order: the truth that questions about slides are computed from.

Content: {"title" (empty where there is none that everybody would name), "blocks", "num_pictures", "num_tables", "num_charts", "is_whole"}. A block is {"kind": "text", "shape",
"paragraphs": [{"text", "level", "bullet"}]}, {"kind": "table", "rows"} (a merged cell's text in every place that it takes, `single` says
which cells are not merged), or {"kind": "chart", ...}. A count is null when people could count otherwise. `is_whole` says that
every text of the slide can be read, so that the blocks are all of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from processors.deck.draw import with_fields
from processors.deck.geometry import is_known
from processors.deck.text import plain_text

Tree = Mapping[str, Any]
Content = dict[str, Any]

MIN_PICTURE_SHARE, MAX_PICTURE_SHARE = 0.01, 0.8  # of the slide: smaller is an icon, larger a background
MIN_GAP_PT = 6.0  # between pictures that are seen as two
MAX_TITLE_RATIO = 1.5  # of letter sizes in one title
SHAPE_NAMES = {
    **{
        "ellipse": "ellipse",
        "diamond": "diamond",
        "triangle": "triangle",
        "hexagon": "hexagon",
        "octagon": "octagon",
        "pentagon": "pentagon",
    },
    **{"rect": "rectangle", "roundRect": "rounded rectangle", "parallelogram": "parallelogram", "trapezoid": "trapezoid", "cloud": "cloud"},
    **{"star5": "five-pointed star", "star4": "four-pointed star", "heart": "heart", "can": "cylinder", "cube": "cube", "plus": "cross"},
    **{"rightArrow": "right arrow", "leftArrow": "left arrow", "upArrow": "up arrow", "downArrow": "down arrow", "chevron": "chevron"},
    **{"wedgeRectCallout": "rectangular callout", "wedgeEllipseCallout": "oval callout", "wedgeRoundRectCallout": "rounded callout"},
    **{
        "flowChartDecision": "diamond",
        "flowChartProcess": "rectangle",
        "flowChartTerminator": "rounded bar",
        "homePlate": "pentagon arrow",
    },
}


def one_line(text: str) -> str:
    """A text with every run of white space as one space."""
    return " ".join(text.split())


def is_empty(slide: Tree) -> bool:
    """Whether nothing stands on the slide itself: no text, table, chart, picture, and no drawn shape."""
    return not any(_is_something(shape) for shape in slide["shapes"] if shape["from"] == "slide")


def _is_something(shape: Tree) -> bool:
    if shape["kind"] == "table":
        return any(cell and _says(cell["text"]) for line in shape["table"]["cells"] for cell in line)
    if shape["kind"] in ("chart", "picture", "movie", "ole", "diagram"):
        return True
    if shape["kind"] in ("group", "other"):
        return False
    if _says(shape["text"]):
        return True
    return not shape["placeholder"] and _is_drawn(shape)


def _says(text: Tree | None) -> bool:
    return text is not None and any(plain_text(paragraph) for paragraph in text["paragraphs"])


def _is_drawn(shape: Tree) -> bool:
    """Whether an outline or a fill of a shape can be seen."""
    fill = shape.get("fill")
    return (fill is not None and fill["kind"] != "none") or bool(shape.get("line", {}).get("color"))


def content_of(slide: Tree, shown: Sequence[Tree], width_pt: float, height_pt: float) -> Content:
    """The content of a slide of which `shown` says what can be seen (see draw.py)."""
    blocks: list[tuple[Sequence[float], Content]] = []
    title, is_whole = "", True
    for shape, seen in zip(slide["shapes"], shown, strict=True):
        kind = shape["kind"]
        if kind == "table":
            block, complete = _table(shape["table"], seen["cells"])
            is_whole &= complete
            blocks.append((seen["box_pt"], block))
        elif kind == "chart":
            blocks.append((_upright(shape["box_pt"]), {"kind": "chart", **_chart(shape["chart"], seen["whole"])}))
        elif kind == "diagram":
            is_whole = False
        elif shape.get("text") and _says(shape["text"]):
            text = with_fields(shape["text"], slide["number"])
            paragraphs = [
                _paragraph(paragraph) for paragraph, can_read in zip(text["paragraphs"], seen["paragraphs"], strict=True) if can_read
            ]
            said = [paragraph for paragraph in paragraphs if paragraph["text"]]
            complete = all(seen["paragraphs"])
            is_whole &= complete
            if not said:
                continue
            if kind == "title" and complete and not any(block["kind"] == "title" for _, block in blocks):
                heading = one_line(" ".join(paragraph["text"] for paragraph in said))
                title = heading if _is_even(text) else ""
                blocks.append(((-1e9, -1e9, 1e9, -1e9 + 1), {"kind": "title", "text": heading}))  # first, wherever it stands
                continue
            blocks.append((seen["box_pt"], {"kind": "text", "shape": _shape_name(shape, slide) if complete else "", "paragraphs": said}))
    counts = _counts(slide, shown, width_pt * height_pt)
    return {"title": title, "blocks": [blocks[at][1] for at in reading_order([box for box, _ in blocks])], **counts, "is_whole": is_whole}


def _is_even(text: Tree) -> bool:
    """Whether a title is all of one kind: with a second part in much smaller letters people differ in what they call the title."""
    sizes = [run["size_pt"] for paragraph in text["paragraphs"] for run in paragraph["runs"] if run["text"].strip()]
    return max(sizes) <= MAX_TITLE_RATIO * min(sizes)


def _paragraph(paragraph: Tree) -> Content:
    bullet = paragraph["bullet"]
    mark = "" if bullet is None else bullet["text"] if "scheme" in bullet else "-" if bullet["text"].strip() else ""
    return {"text": one_line(plain_text(paragraph)), "level": paragraph["level"], "bullet": mark}


def _shape_name(shape: Tree, slide: Tree) -> str:
    """The everyday name of a drawn shape, when no other drawn shape of the slide bears it."""
    if shape["kind"] not in ("shape", "text") or not _is_drawn(shape):
        return ""
    name = SHAPE_NAMES.get(shape["geometry"].get("preset", ""), "")
    drawn = [
        other
        for other in slide["shapes"]
        if "geometry" in other and other["kind"] not in ("table", "chart", "other", "group") and _is_drawn(other)
    ]
    known = all(is_known(other["geometry"]) for other in drawn)
    same = [other for other in drawn if SHAPE_NAMES.get(other["geometry"].get("preset", ""), "").endswith(name)]
    return name if known and len(same) == 1 else ""


def _table(table: Tree, shown: Sequence[Sequence[Sequence[bool] | None]]) -> tuple[Content, bool]:
    """The block of a table, and whether every cell can be read. Cells that cannot are empty."""
    rows = [[""] * len(line) for line in table["cells"]]
    single = [[False] * len(line) for line in table["cells"]]
    complete = True
    for r, line in enumerate(table["cells"]):
        for c, cell in enumerate(line):
            if cell is None:
                continue
            across, down = cell["spans"]
            seen = shown[r][c] or []
            complete &= all(seen)
            paragraphs = cell["text"]["paragraphs"] if cell["text"] else []
            text = one_line(" ".join(plain_text(paragraph) for paragraph in paragraphs)) if all(seen) else ""
            single[r][c] = across == down == 1
            for y, x in itertools.product(range(r, r + down), range(c, c + across)):
                rows[y][x] = text
    return {"kind": "table", "rows": rows, "single": single}, complete


def _chart(chart: Tree, is_seen: bool) -> Content:
    series = [{"name": one_line(one["name"]), "values": one["values"]} for one in chart["series"]]
    categories = [one_line(category) for category in chart["categories"]]
    told = {"chart": chart["kind"], "title": one_line(chart["title"]), "categories": categories, "series": series}
    return {**told, "labels": chart["labels"], "exact": chart["exact"] and is_seen, "seen": is_seen and bool(chart["kind"])}


def _counts(slide: Tree, shown: Sequence[Tree], area: float) -> dict[str, int | None]:
    """Tables, charts and pictures, each null when one of them is hidden, or is not clearly one."""
    of_kind = {kind: [at for at, shape in enumerate(slide["shapes"]) if shape["kind"] == kind] for kind in ("table", "chart", "picture")}
    counts: dict[str, int | None] = {}
    for kind, places in of_kind.items():
        is_clear = all(shown[at]["whole"] for at in places)
        counts[f"num_{kind}s"] = len(places) if is_clear else None
    odd = any(
        shape["kind"] in ("movie", "ole", "diagram") or (shape.get("fill") or {}).get("kind") == "picture" for shape in slide["shapes"]
    )
    background = slide["background"] is not None and slide["background"]["kind"] == "picture"
    boxes = [_upright(slide["shapes"][at]["box_pt"]) for at in of_kind["picture"]]
    shares = [(box[2] - box[0]) * (box[3] - box[1]) / area for box in boxes]
    apart = all(_gap(one, other) >= MIN_GAP_PT for one, other in itertools.combinations(boxes, 2))
    if odd or background or not apart or not all(MIN_PICTURE_SHARE <= share <= MAX_PICTURE_SHARE for share in shares):
        counts["num_pictures"] = None
    return counts


def _upright(box: Sequence[float]) -> tuple[float, float, float, float]:
    """x, y, width, height as x0, y0, x1, y1."""
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def _gap(one: Sequence[float], other: Sequence[float]) -> float:
    across = max(one[0], other[0]) - min(one[2], other[2])
    down = max(one[1], other[1]) - min(one[3], other[3])
    return max(across, down)


# ---- reading order


def reading_order(boxes: Sequence[Sequence[float]]) -> list[int]:
    """Indices of boxes (x0, y0, x1, y1) in reading order: the page is cut along white gaps, across first, then down, again and again.

    Boxes that no gap parts keep their given order. Source: the recursive X-Y cut (Nagy and Seth, 1984).
    """
    return _cut(boxes, list(range(len(boxes))), 1, 0)


def _cut(boxes: Sequence[Sequence[float]], indices: list[int], axis: int, failed: int) -> list[int]:
    if len(indices) <= 1 or failed == 2:
        return indices
    groups: list[list[int]] = []
    reach = float("-inf")
    for index in sorted(indices, key=lambda at: (boxes[at][axis], at)):
        if not groups or boxes[index][axis] >= reach - 0.5:  # touching is a gap, too: placeholders stand edge to edge
            groups.append([])
        groups[-1].append(index)
        reach = max(reach, boxes[index][axis + 2])
    if len(groups) == 1:
        return _cut(boxes, indices, 1 - axis, failed + 1)
    return [index for group in groups for index in _cut(boxes, sorted(group), 1 - axis, 0)]
