"""Texts drawn over a photo so that a person can read them, with the exact place of every line.

A block is a text broken into lines of one style. It is laid out flat, then turned or seen at a slant, and drawn where no other
block shares its height, so that there is one reading order, from the top. Its colour is taken for its contrast with what lies
below it; where no colour has enough, it gets a plate. Blur, noise and JPEG are added at last, and only as far as the measured
contrast of every line allows.

Contrast is that of WCAG 2 (relative luminance, 1 to 21); 4.5 is what it asks of running text, 3 of large text.
"""

from __future__ import annotations

import io
import itertools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFilter

from processors.vision.lettering import FACES, TEXT_DOES_NOT_FIT, Inked, Lettering, ink, readable
from processors.vision.lines import Line, Quad, is_right_to_left
from schemas.outcome import Reason, Refused

LOW_CONTRAST = Reason("low_contrast", "A drawn line does not stand out from the photo, even on a plate and without blur")

CHOSEN_CONTRAST = 4.5  # of a colour with nearly all of what lies below it
MEASURED_CONTRAST = 3.0  # of a line with its surroundings, when all is drawn
MIN_SIZE_PX = 16  # of an em: a lower-case letter is then 8 px high
MAX_TEXTS = 8
GAP_RATIO = 0.4  # of an em, between blocks and to the edge
PITCH = 1.4  # em from line to line
COLOURS = (
    *((255, 255, 255), (0, 0, 0), (250, 220, 40), (200, 25, 30), (20, 60, 160), (15, 110, 60), (240, 130, 20), (90, 20, 110)),
    *((245, 240, 220), (30, 35, 45), (160, 220, 250), (255, 170, 190), (120, 70, 20), (190, 240, 170)),
)


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """Shapes: pixels (H, W, 3) uint8. `lines` from the top, their quads around the ink; `contrasts` as measured, line by line."""

    pixels: np.ndarray
    lines: tuple[Line, ...]
    contrasts: tuple[float, ...]
    num_texts: int


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """A text laid out flat. Shapes: mask (h, w) uint8. `inks`: x0, y0, x1, y1 of each line's ink on the mask, px."""

    mask: np.ndarray
    texts: tuple[str, ...]
    inks: tuple[tuple[float, float, float, float], ...]
    size_px: int


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """A block in the picture. `corners` of its mask; `left`, `top` where its own frame lies; both masks are of that frame.

    Shapes: mask, area (h, w) uint8, ink and the whole of the block.
    """

    block: _Block
    mask: np.ndarray
    area: np.ndarray
    corners: Quad
    left: int
    top: int

    @property
    def window(self) -> tuple[slice, slice]:
        height, width = self.mask.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def quads(self) -> list[Quad]:
        height, width = self.block.mask.shape
        matrix = _square_to(self.corners)
        return [_through(matrix, box, width, height) for box in self.block.inks]


def render_texts(photo: np.ndarray, texts: Sequence[str], rng: np.random.Generator, degrade: float = 1.0) -> Rendered:
    """As many of the texts as fit, from the top, over the photo. `degrade` 0 leaves blur, noise and JPEG out.

    Shapes: photo (H, W, 3) uint8.
    Raises:
        Refused: NO_GLYPHS for any of the texts, TEXT_DOES_NOT_FIT when none fits, LOW_CONTRAST.
    """
    height, width = photo.shape[:2]
    blocks, left, sizes = [], float(height), []
    for text in texts[:MAX_TEXTS]:
        flat = _lay_out(readable(text), width, height, rng)
        shape = _corners(flat, rng) if flat is not None else None
        tall = _extent(shape)[1] + 2 * GAP_RATIO * flat.size_px if flat is not None and shape is not None else 0.0
        if flat is None or shape is None or tall > left or _extent(shape)[0] + 2 * GAP_RATIO * flat.size_px > width:
            continue
        left -= tall
        blocks.append((flat, shape, tall))
        sizes.append(flat.size_px)
    if not blocks:
        raise Refused(TEXT_DOES_NOT_FIT, f"none of {len(texts)} texts stands in {width}x{height} px with {MIN_SIZE_PX} px an em or more")
    placed = _place(blocks, left, width, rng)
    canvas = photo.astype(np.float32)
    for one in placed:
        _draw(canvas, one, rng)
    drawn = np.clip(canvas + 0.5, 0, 255).astype(np.uint8)
    strength, least = degrade, min(sizes)
    seed = int(rng.integers(2**31))
    for _ in range(4):
        pixels = _degraded(drawn, least, strength, np.random.Generator(np.random.Philox(seed))) if strength > 0 else drawn
        contrasts = [contrast for one in placed for contrast in _contrasts(pixels, one)]
        if min(contrasts) >= MEASURED_CONTRAST:
            lines = tuple(Line(text, quad) for one in placed for text, quad in zip(one.block.texts, one.quads(), strict=True))
            return Rendered(pixels, lines, tuple(round(value, 2) for value in contrasts), len(placed))
        strength = strength / 2 if strength > degrade / 4 else 0.0
    raise Refused(LOW_CONTRAST, f"contrast {min(contrasts):.1f} of a line, expected {MEASURED_CONTRAST} or more")


# ---- layout


def _lay_out(text: str, width: int, height: int, rng: np.random.Generator) -> _Block | None:
    """The text in lines that fit the picture; None where that takes letters too small to read."""
    size = max(MIN_SIZE_PX, round(min(width, height) * float(rng.uniform(0.045, 0.11))))
    lettering = Lettering(FACES[int(rng.integers(len(FACES)))], bool(rng.random() < 0.3), bool(rng.random() < 0.15))
    lines = break_lines(text, int(rng.integers(14, 34)))
    align = float(rng.choice((0.0, 0.5, 1.0), p=(0.5, 0.35, 0.15)))
    if is_right_to_left(text):
        align = 1.0 - align
    size = min(size, 400, int(0.7 * height / (PITCH * len(lines))) if lines else size)
    for _ in range(4):
        if size < MIN_SIZE_PX or not lines:
            return None
        inked = [ink(line, size, lettering) for line in lines]
        widest = max(one.mask.shape[1] for one in inked)
        if widest <= 0.86 * width:
            return _stack(inked, lines, size, align)
        size = min(size - 1, int(size * 0.84 * width / widest))
    return None


def break_lines(text: str, most: int) -> list[str]:
    """The text in lines of about `most` letters or fewer, wide ones counting twice; between words, or between wide letters."""
    pieces = []
    for word in text.split():
        run = ""
        for char in word:
            if unicodedata.east_asian_width(char) in "WF" and run and not unicodedata.combining(char):
                pieces.append((run, False))
                run = ""
            run += char
        pieces.append((run, True))
    lines, line, space = [], "", False
    for piece, ends_word in pieces:
        joined = line + (" " if space and line else "") + piece
        if line and _cells(joined) > most and not _hangs(piece):
            lines.append(line)
            joined = piece
        line, space = joined, ends_word
    return [*lines, line] if line else lines


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _hangs(piece: str) -> bool:
    """Whether it may not begin a line: closing punctuation."""
    return unicodedata.category(piece[0]) in ("Po", "Pe", "Pf") and _cells(piece) <= 2


def _stack(inked: Sequence[Inked], texts: Sequence[str], size_px: int, align: float) -> _Block:
    """The lines below one another on base lines of equal distance, or of more where they would touch."""
    baselines: list[int] = []
    below = 0
    for number, one in enumerate(inked):
        least = below + one.above_px + max(2, size_px // 10)
        baselines.append(one.above_px if number == 0 else max(round(baselines[-1] + PITCH * size_px), least))
        below = baselines[-1] - one.above_px + one.mask.shape[0]
    width = max(one.mask.shape[1] for one in inked)
    pad = max(2, round(0.2 * size_px))  # room for an outline, and for a plate to show around the letters
    mask = np.zeros((below + 2 * pad, width + 2 * pad), np.uint8)
    boxes = []
    for one, baseline in zip(inked, baselines, strict=True):
        height, long = one.mask.shape
        x, y = pad + round(align * (width - long)), pad + baseline - one.above_px
        mask[y : y + height, x : x + long] = one.mask
        boxes.append((float(x), float(y), float(x + long), float(y + height)))
    return _Block(mask, tuple(texts), tuple(boxes), size_px)


# ---- place and slant


def _corners(block: _Block, rng: np.random.Generator) -> Quad:
    """The corners of the block's mask as it is seen, its own centre at 0, 0: flat, turned, or at a slant."""
    height, width = block.mask.shape
    points = [(-width / 2, -height / 2), (width / 2, -height / 2), (width / 2, height / 2), (-width / 2, height / 2)]
    way = rng.random()
    if way < 0.55:
        return points[0], points[1], points[2], points[3]
    # a long line turns less, since its ends would leave its band
    angle = float(rng.uniform(-1, 1)) * min(0.2, 1.5 * height / width)
    # the sine and cosine of small angles by their series: the same on every machine
    sine, cosine = angle - angle**3 / 6, 1 - angle**2 / 2 + angle**4 / 24
    jitter = rng.uniform(-1, 1, (4, 2)) * ((0.03 * min(width, 6 * height), 0.12 * min(height, width)) if way > 0.75 else (0.0, 0.0))
    turned = [
        (x * cosine - y * sine + float(dx), x * sine + y * cosine + float(dy)) for (x, y), (dx, dy) in zip(points, jitter, strict=True)
    ]
    return turned[0], turned[1], turned[2], turned[3]


def _extent(corners: Sequence[tuple[float, float]]) -> tuple[float, float]:
    xs, ys = zip(*corners, strict=True)
    return max(xs) - min(xs), max(ys) - min(ys)


def _place(blocks: Sequence[tuple[_Block, Quad, float]], left: float, width: int, rng: np.random.Generator) -> list[_Placed]:
    """Each block in a band of its own, what height is left shared out between them by chance."""
    shares = rng.random(len(blocks) + 1)
    gaps = shares / shares.sum() * left
    placed, y = [], 0.0
    for (block, corners, tall), gap in zip(blocks, gaps, strict=False):
        y += float(gap)
        margin = GAP_RATIO * block.size_px
        wide = _extent(corners)[0]
        x = margin + float(rng.random()) * (width - wide - 2 * margin)
        dx, dy = x - min(x for x, _ in corners), y + margin - min(y for _, y in corners)
        if corners[0][1] == corners[1][1]:
            dx, dy = float(int(x)) - corners[0][0], float(int(y + margin)) - corners[0][1]  # whole pixels: letters stay crisp
        moved = [(x + dx, y + dy) for x, y in corners]
        placed.append(_warp(block, (moved[0], moved[1], moved[2], moved[3])))
        y += tall
    return placed


def _warp(block: _Block, corners: Quad) -> _Placed:
    xs, ys = zip(*corners, strict=True)
    left, top = int(min(xs)), int(min(ys))
    size = int(max(xs)) + 1 - left, int(max(ys)) + 1 - top
    height, width = block.mask.shape
    if corners[0] == (left, top) and corners[2] == (left + width, top + height):
        return _Placed(block, block.mask, np.full_like(block.mask, 255), corners, left, top)
    shifted = tuple((x - left, y - top) for x, y in corners)
    matrix = _inverse(_square_to((shifted[0], shifted[1], shifted[2], shifted[3])))
    (a, b, c), (d, e, f), (g, h, i) = matrix
    # Pillow's transform wants, for a point of the output, where it comes from: 8 numbers, the ninth 1; pixels are sampled at their middles
    numbers = (a * width / i, b * width / i, c * width / i, d * height / i, e * height / i, f * height / i, g / i, h / i)
    warped = [
        np.asarray(PillowImage.fromarray(mask).transform(size, PillowImage.Transform.PERSPECTIVE, numbers, PillowImage.Resampling.BICUBIC))
        for mask in (block.mask, np.full_like(block.mask, 255))
    ]
    return _Placed(block, warped[0], warped[1], corners, left, top)


Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


def _square_to(quad: Quad) -> Matrix:
    """The projective map of the unit square to a quad (Heckbert 1989, section 2.2.3, in closed form)."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = quad
    dx1, dx2, dy1, dy2 = x1 - x2, x3 - x2, y1 - y2, y3 - y2
    sx, sy = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    base = dx1 * dy2 - dx2 * dy1
    g, h = (sx * dy2 - dx2 * sy) / base, (dx1 * sy - sx * dy1) / base
    return (x1 - x0 + g * x1, x3 - x0 + h * x3, x0), (y1 - y0 + g * y1, y3 - y0 + h * y3, y0), (g, h, 1.0)


def _inverse(matrix: Matrix) -> Matrix:
    """The inverse up to a factor, which a projective map does not have."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    return (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )


def _through(matrix: Matrix, box: tuple[float, float, float, float], width: int, height: int) -> Quad:
    x0, y0, x1, y1 = box
    points = []
    for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)):
        u, v = x / width, y / height
        (a, b, c), (d, e, f), (g, h, i) = matrix
        w = g * u + h * v + i
        points.append(((a * u + b * v + c) / w, (d * u + e * v + f) / w))
    return points[0], points[1], points[2], points[3]


# ---- colour


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Relative luminance (WCAG 2) of sRGB colours. Shapes: (..., 3) of 0..255 to (...)."""
    share = np.asarray(pixels, np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def contrast(first: float, second: float) -> float:
    """The contrast ratio (WCAG 2) of two relative luminances, 1 to 21."""
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


def _draw(canvas: np.ndarray, placed: _Placed, rng: np.random.Generator) -> None:
    """Draws the block on the canvas, (H, W, 3) float32, in a colour that stands out there, outlined or on a plate where none does."""
    window = placed.window
    below = luminance(canvas[window])[placed.area > 127]
    low, high = float(np.quantile(below, 0.02)), float(np.quantile(below, 0.98))
    order = [COLOURS[int(index)] for index in rng.permutation(len(COLOURS))]
    level = {colour: float(luminance(np.array(colour))) for colour in order}
    fits = [
        colour
        for colour in order
        if not low < level[colour] < high and min(contrast(level[colour], low), contrast(level[colour], high)) >= CHOSEN_CONTRAST
    ]
    if fits and rng.random() < 0.75:
        _paint(canvas[window], placed.mask, fits[0])
        return
    plate = order[0]
    text = next((colour for colour in order[1:] if contrast(level[colour], level[plate]) >= CHOSEN_CONTRAST), None)
    if text is None:  # no colour of the list stands out from a middling one, black and white apart
        text = max(order, key=lambda colour: contrast(level[colour], level[plate]))
    outline = bool(rng.random() < 0.35)
    if outline:
        radius = max(2, round(0.09 * placed.block.size_px))
        behind = np.asarray(PillowImage.fromarray(placed.mask).filter(ImageFilter.MaxFilter(2 * radius + 1)))
    else:
        behind = placed.area
    _paint(canvas[window], behind, plate)
    _paint(canvas[window], placed.mask, text)


def _paint(part: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int]) -> None:
    cover = mask[..., None].astype(np.float32) / 255
    part += cover * (np.array(colour, np.float32) - part)


def _degraded(pixels: np.ndarray, size_px: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Blur in proportion to the smallest letters, sensor noise, JPEG; each present by chance."""
    blur, noise, jpeg = rng.random(3)
    amounts = rng.random(3)
    if blur < 0.5:
        radius = strength * 0.035 * size_px * float(amounts[0])
        pixels = np.asarray(PillowImage.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))
    if noise < 0.5:
        grain = rng.standard_normal(pixels.shape, np.float32) * np.float32(strength * 9 * amounts[1])
        pixels = np.clip(pixels + grain + 0.5, 0, 255).astype(np.uint8)
    if jpeg < 0.6:
        sink = io.BytesIO()
        PillowImage.fromarray(pixels).save(sink, "JPEG", quality=int(95 - strength * 45 * amounts[2]))
        pixels = np.asarray(PillowImage.open(sink).convert("RGB"))
    return pixels


def _contrasts(pixels: np.ndarray, placed: _Placed) -> list[float]:
    """The contrast of each line with what is right around its letters, as it is seen."""
    light = luminance(pixels[placed.window])
    near = np.asarray(PillowImage.fromarray(placed.mask).filter(ImageFilter.MaxFilter(5)))
    measured = []
    for quad in placed.quads():
        xs, ys = zip(*quad, strict=True)
        part = (
            slice(max(0, int(min(ys)) - placed.top), int(max(ys)) + 2 - placed.top),
            slice(max(0, int(min(xs)) - placed.left), int(max(xs)) + 2 - placed.left),
        )
        mask = placed.mask[part]
        inside, around = mask >= min(192, int(mask.max())), (near[part] > 0) & (mask < 16)
        measured.append(contrast(float(np.median(light[part][inside])), float(np.median(light[part][around]))))
    return measured


def overlaps(quads: Sequence[Quad]) -> bool:
    """Whether the upright boxes of any two quads share an area."""
    boxes = [Line("", quad).box for quad in quads]
    return any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for a, b in itertools.combinations(boxes, 2))
