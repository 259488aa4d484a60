"""Lines into the blocks of a page, in the order in which a person reads them: columns, headings across them, tables, paragraphs.

The page is cut into bands, rows of ink between which white runs from side to side. Bands that share a white strip from top to
bottom stand in columns, or in a table when their pieces are short and stand row beside row. Each column is cut again.
"""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from processors.page.lines import ASCENT, SAME_LINE, Line

GUTTER = 0.8  # em: the narrowest white strip between columns
FAR = 1.2  # em: white between bands above which a change of the strips parts two groups
APART = 2.5  # em: white from side to side that parts whatever stands above and below
PROSE_FILL = 0.72  # of the column's width: lines of running text fill more
PROSE_WORDS = 3
ROWS_OF_TABLE = 3
Box = tuple[float, float, float, float]
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together, or a table (rows of cells). `box` is x0, y0, x1, y1 in the upright frame."""

    lines: tuple[Line, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    box: Box = field(default=(0.0, 0.0, 0.0, 0.0))

    @property
    def is_table(self) -> bool:
        return bool(self.rows)


@dataclass(frozen=True, slots=True)
class Layout:
    """`num_columns` is the most columns that stand side by side anywhere."""

    blocks: tuple[Block, ...]
    num_columns: int


@dataclass
class _Group:
    """Bands that follow one another. `box` is that of all, `bottom` what the last of them reaches down to."""

    lines: list[list[Line]]  # by band
    free: list[Span]
    box: Box
    bottom: float

    def all(self) -> list[Line]:
        return [line for band in self.lines for line in band]

    def add(self, band: list[Line], box: Box, free: list[Span]) -> None:
        self.lines.append(band)
        self.free = free
        self.box = min(self.box[0], box[0]), min(self.box[1], box[1]), max(self.box[2], box[2]), max(self.box[3], box[3])
        self.bottom = box[3]


def lay_out(lines: Sequence[Line], rulings: Sequence[Box] = (), is_rtl: bool = False) -> Layout:
    """The blocks of a page in reading order. `rulings` are drawn lines and boxes, which tables have."""
    straight = [line for line in lines if not line.turned]
    em = statistics.median([line.size for line in straight]) if straight else 10.0
    blocks, columns = _arrange(straight, em, rulings, is_rtl, 0)
    turned = sorted((line for line in lines if line.turned), key=lambda line: (line.base, line.x0))
    blocks += [Block((line,), (), _box([line])) for line in turned]
    return Layout(tuple(blocks), columns)


def _box(lines: Sequence[Line]) -> Box:
    if len(lines) == 1:
        line = lines[0]
        return line.x0, line.y0, line.x1, line.y1
    return (
        min([line.x0 for line in lines]),
        min([line.y0 for line in lines]),
        max([line.x1 for line in lines]),
        max([line.y1 for line in lines]),
    )


def bands_of(lines: Sequence[Line]) -> list[list[Line]]:
    """Rows of ink, top to bottom: white runs from side to side between them. Lines may touch by a fifth of their size."""
    bands: list[list[Line]] = []
    bottom = 0.0
    for line in sorted(lines, key=lambda line: (line.base - ASCENT * line.size, line.x0)):
        low = line.y1 - 0.2 * line.size
        if bands and line.y0 + 0.1 * line.size < bottom:
            bands[-1].append(line)
            bottom = max(bottom, low)
        else:
            bands.append([line])
            bottom = low
    return bands


def _free(lines: Sequence[Line]) -> list[Span]:
    """The white strips of a set of lines from left to right, those outside included."""
    strips: list[Span] = []
    reach = -math.inf
    for line in sorted(lines, key=lambda line: line.x0):
        if line.x0 > reach:
            strips.append((reach, line.x0))
        reach = max(reach, line.x1)
    return [*strips, (reach, math.inf)]


def _both(one: Sequence[Span], other: Sequence[Span], least: float) -> list[Span]:
    """Where both have white, at least so wide."""
    found, i, j = [], 0, 0
    while i < len(one) and j < len(other):
        (left, right), (x0, x1) = one[i], other[j]
        low, high = left if left > x0 else x0, right if right < x1 else x1
        if high - low >= least:
            found.append((low, high))
        if right < x1:
            i += 1
        else:
            j += 1
    return found


def _inner(strips: Sequence[Span]) -> list[Span]:
    return [strip for strip in strips if strip[0] > -math.inf and strip[1] < math.inf]


def _groups(bands: Sequence[list[Line]], em: float) -> list[_Group]:
    """Bands that share their white strips, top to bottom."""
    groups: list[_Group] = []
    for band in bands:
        free = [strip for strip in _free(band) if strip[1] - strip[0] >= GUTTER * em]
        box = _box(band)
        common = _both(groups[-1].free, free, GUTTER * em) if groups else []
        if groups and _joins(groups[-1], box, free, common, em):
            groups[-1].add(band, box, common)
        else:
            groups.append(_Group([band], free, box, box[3]))
    return groups


def _joins(group: _Group, band: Box, free: list[Span], common: list[Span], em: float) -> bool:
    """Whether a band, with its box and white strips, goes on with a group; `common` are the strips that both have."""
    old, shared = _inner(group.free), _inner(common)
    white = band[1] - group.bottom
    if not old:
        inner = _inner(free)
        if inner:  # columns or a table begin: what stands above is of the first column where none of their strips is lost to it
            return white <= APART * em and len(shared) == len(inner)
        return not _begins_beside(group, band) and (not shared or len(group.lines) == 1 or _is_beside(group, band))
    if len(group.lines) > 1 and (white > APART * em or (white > FAR * em and len(shared) < len(old))):
        return False
    return bool(shared)


def _merged(groups: list[_Group], em: float) -> list[_Group]:
    """Groups of which white alone parted two, in one where their text goes on down each column rather than row by row."""
    done: list[_Group] = []
    for group in groups:
        above = done[-1] if done else None
        if above is not None and _inner(above.free) and _inner(group.free):
            common = _both(above.free, group.free, GUTTER * em)
            gutters = _inner(common)
            if len(gutters) == len(_inner(group.free)) == len(_inner(above.free)) and _runs_down(above.all(), group.all(), gutters):
                for band in group.lines:
                    above.add(band, group.box, common)
                continue
        done.append(group)
    return done


def _runs_down(above: Sequence[Line], below: Sequence[Line], gutters: Sequence[Span]) -> bool:
    """Whether the columns of two groups are read down through both, by the numbers of their headings or an unfinished sentence."""
    upper, lower = _split(above, gutters), _split(below, gutters)
    across = [*(number for column in upper for number in _leading(column)), *(number for column in lower for number in _leading(column))]
    down = [number for one, other in zip(upper, lower, strict=False) for number in (*_leading(one), *_leading(other))]
    if len(across) > 2 and across != down:
        return _num_inversions(down) < _num_inversions(across)
    last, first = max(upper[0], key=lambda line: line.base).text, min(lower[0], key=lambda line: line.base).text
    return first[:1].islower() and not last.endswith((".", "!", "?", ":"))


def _leading(column: Sequence[Line]) -> list[int]:
    """The numbers that begin its lines, as those of headings and lists do, from the top."""
    ordered = sorted(column, key=lambda line: line.base)
    return [int(found[1]) for line in ordered if (found := re.match(r"(\d{1,3})[.)]\s", line.text))]


def _num_inversions(numbers: Sequence[int]) -> int:
    return sum(after < before for before, after in itertools.pairwise(numbers))


def _begins_beside(group: _Group, band: Box) -> bool:
    """Whether a lone piece below a wide one stands in its right part alone, not centred: the top of a column, and not more of the text above."""
    x0, _, x1, _ = group.box
    low, _, high, _ = band
    return low > x0 + 0.4 * (x1 - x0) and abs((low + high) - (x0 + x1)) > 0.1 * (x1 - x0)


def _is_beside(group: _Group, band: Box) -> bool:
    """A lone piece that stands right of everything before it begins a column rather than going on with one."""
    return not band[0] > group.box[2]


def _arrange(lines: list[Line], em: float, rulings: Sequence[Box], is_rtl: bool, depth: int) -> tuple[list[Block], int]:
    if not lines:
        return [], 1
    bands = bands_of(lines)
    groups = _merged(_groups(bands, em), em)
    blocks: list[Block] = []
    most = 1
    pending: list[Line] = []  # bands of one column wait to become paragraphs together
    for group in groups:
        gutters = _inner(group.free)
        inside = group.all()
        if not gutters:
            pending += inside
            continue
        if len(group.lines) == 1 and _is_one_row(inside):
            pending += inside
            continue
        if pending:
            blocks.append(Block(tuple(pending), (), _box(pending)))
            pending = []
        columns = _split(inside, gutters)
        if is_table(group.lines, columns, em, rulings):
            columns = table_columns(group.lines, columns, em)
            blocks.append(Block((), table_rows(group.lines, columns, em, rulings, is_rtl), _box(inside)))
            continue
        if not _fill_columns(columns):
            columns = _split(inside, [max(gutters, key=lambda strip: strip[1] - strip[0])])
        widest = 0
        for column in reversed(columns) if is_rtl else columns:
            more, num = _arrange(column, em, rulings, is_rtl, depth + 1) if depth < 12 else ([Block(tuple(column), (), _box(column))], 1)
            blocks += more
            widest += num
        if _fill_columns(columns):
            most = max(most, widest)
    if pending:
        blocks.append(Block(tuple(pending), (), _box(pending)))
    return blocks, most


def _is_one_row(lines: Sequence[Line]) -> bool:
    return max(line.base for line in lines) - min(line.base for line in lines) <= SAME_LINE * min(line.size for line in lines)


def _split(lines: Sequence[Line], gutters: Sequence[Span]) -> list[list[Line]]:
    """The lines by column, left to right."""
    edges = [(low + high) / 2 for low, high in gutters]
    columns: list[list[Line]] = [[] for _ in range(len(edges) + 1)]
    for line in lines:
        middle = (line.x0 + line.x1) / 2
        columns[sum(middle > edge for edge in edges)].append(line)
    return [column for column in columns if column]


def _fill_columns(columns: Sequence[Sequence[Line]]) -> bool:
    """Whether two columns or more are of running text."""
    return sum(_is_prose(column) for column in columns) >= 2


def _is_prose(column: Sequence[Line]) -> bool:
    if len(column) < 2:
        return False
    x0, _, x1, _ = _box(column)
    full = [
        line for line in column if line.width >= PROSE_FILL * (x1 - x0) and (line.text.count(" ") >= PROSE_WORDS - 1 or len(line.text) > 15)
    ]
    return sum(len(line.text) for line in full) >= 0.5 * sum(len(line.text) for line in column) and (x1 - x0) > 6 * column[0].size


# ---- tables


def is_table(bands: Sequence[Sequence[Line]], columns: Sequence[Sequence[Line]], em: float, rulings: Sequence[Box]) -> bool:
    """Whether bands in columns are rows of a table: pieces stand row beside row, and at most one column is running text."""
    rows = [band for band in bands if _is_one_row(band) and len(band) > 1]
    if len(columns) < 2:
        return False
    ruled = _num_rulings(bands, rulings) >= 2
    prose = sum(_is_prose(column) for column in columns)
    if len(columns) == 2 and prose and not ruled:
        return False
    aligned = sum(len(band) for band in rows) / sum(len(band) for band in bands)
    if prose >= 2:
        return ruled and len(columns) > 2 and aligned > 0.6
    if ruled:
        return len(bands) >= 2 and (aligned > 0.4 or len(columns) > 2)
    return len(rows) >= (ROWS_OF_TABLE if len(columns) == 2 else 2) and aligned >= 0.6 and len(bands) >= ROWS_OF_TABLE


def table_columns(bands: Sequence[Sequence[Line]], columns: Sequence[list[Line]], em: float) -> list[list[Line]]:
    """The columns of a table by its fullest rows: heads and notes that stand across several do not hide what is between these."""
    rows = [row for band in bands for row in _rows_of(band)]
    most = max(map(len, rows))
    full = [line for row in rows if len(row) >= max(2, 0.9 * most) for line in row]
    strips = [strip for strip in _inner(_free(full)) if strip[1] - strip[0] >= 0.3 * em]
    if len(strips) + 1 <= len(columns):
        return list(columns)
    edges = [-math.inf, *((low + high) / 2 for low, high in strips), math.inf]
    found: list[list[Line]] = [[] for _ in range(len(edges) - 1)]
    for row in rows:
        for line in row:
            shares = [min(line.x1, edges[i + 1]) - max(line.x0, edges[i]) for i in range(len(found))]
            first = next(i for i, share in enumerate(shares) if share > 0.25 * line.width or share == max(shares))
            found[first].append(line)
    return found


def _num_rulings(bands: Sequence[Sequence[Line]], rulings: Sequence[Box]) -> int:
    """Heights at which a drawn line runs along most of the bands' width, inside or at the edge of them."""
    lines = [line for band in bands for line in band]
    x0, y0, x1, y1 = _box(lines)
    slack = 1.5 * lines[0].size
    found: list[float] = []
    for box in rulings:
        across = min(box[2], x1) - max(box[0], x0)
        if across < 0.6 * (x1 - x0) or box[2] - box[0] > 1.6 * (x1 - x0) + 2 * slack:
            continue
        for y in {box[1], box[3]} if box[3] - box[1] > 3 else {box[1]}:
            if y0 - slack <= y <= y1 + slack and all(abs(y - other) > 2 for other in found):
                found.append(y)
    return len(found)


def table_rows(
    bands: Sequence[Sequence[Line]], columns: Sequence[Sequence[Line]], em: float, rulings: Sequence[Box], is_rtl: bool
) -> tuple[tuple[str, ...], ...]:
    """The cells, row by row, an empty text where nothing stands. Lines of one cell that is broken over several are joined."""
    place = {id(line): number for number, column in enumerate(columns) for line in column}
    rows: list[list[list[Line]]] = []
    bottom = 0.0
    for band in bands:
        for part in _rows_of(band):
            cells: list[list[Line]] = [[] for _ in columns]
            for line in part:
                cells[place[id(line)]].append(line)
            top = min(line.y0 for line in part)
            if rows and _goes_on(rows[-1], cells, top - bottom, em) and not _ruled_between(rulings, bottom, top, part):
                for cell, more in zip(rows[-1], cells, strict=True):
                    cell += more
            else:
                rows.append(cells)
            bottom = max(line.y1 for line in part)
    order = range(len(columns) - 1, -1, -1) if is_rtl else range(len(columns))
    return tuple(tuple(" ".join(line.text for line in _in_cell(row[index])) for index in order) for row in rows)


def _in_cell(lines: Sequence[Line]) -> list[Line]:
    return [line for row in _rows_of(lines) for line in row]


def _rows_of(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines by baseline, top to bottom, each row left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.base, line.x0)):
        if rows and line.base - rows[-1][0].base <= 0.5 * min(line.size, rows[-1][0].size):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.x0) for row in rows]


def _goes_on(row: Sequence[Sequence[Line]], cells: Sequence[Sequence[Line]], white: float, em: float) -> bool:
    """Whether a row is the rest of the one above: its first cell is empty, it fills few others, and it follows closely."""
    filled = sum(bool(cell) for cell in cells)
    above = sum(bool(cell) for cell in row)
    return not cells[0] and filled < above and filled * 2 <= len(cells) and white < 0.6 * em


def _ruled_between(rulings: Sequence[Box], top: float, bottom: float, part: Sequence[Line]) -> bool:
    middle = (part[0].x0 + part[-1].x1) / 2
    return any(box[0] <= middle <= box[2] and top - 1.5 <= y <= bottom + 1.5 for box in rulings for y in (box[1], box[3]))
