"""What a threshold of the speech gate would keep, and catch: read from the measurements of a built corpus.

Every row carries what was measured, so thresholds are judged without hearing anything again. A corpus built with its gates
open (`--set CORPUS.max_error_rate=1000`) shows the whole range. With a labelled set (JSONL rows `key` and `ok`, `ok` false for
a row whose speech is not its text) each threshold gets its caught share (of the wrong rows, those refused; recall), its kept share (of
the right rows, those kept) and its precision (of the refused rows, those that are wrong).
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from processors.audio.transcript import ERROR_RATE, REASONS
from processors.audio.word_fit import WORST_FIT
from processors.dialogue import LANGUAGE
from processors.speech.speak import VOICES
from schemas.corpus import Corpus

# a measured fact, and the thresholds at which it is shown: a row is kept whose value is at most the threshold
GRIDS: dict[str, tuple[float, ...]] = {
    ERROR_RATE.name: (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0),
    "speech.sound_error_rate": (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.75),
    "speech.worst_word_distance": (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0),
    WORST_FIT.name: (3.0, 3.5, 4.0, 4.5, 5.0, 5.25, 5.5, 6.0, 7.0, 8.0),
}
Z = 1.96  # of the normal distribution: intervals of 95 %


class CalibrateError(ValueError):
    """A corpus or labels from which nothing can be calibrated; the message says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One row: what was measured, infinite where a gate refused the row; `ok` is its label, None without one."""

    key: str
    value: float
    language: str = ""
    voices: tuple[str, ...] = ()
    ok: bool | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold does. Shares are None where there is nothing to take them of: no labels, nothing refused."""

    threshold: float
    share: float  # of all rows, those kept
    caught: float | None
    kept: float | None
    precision: float | None


@dataclass(frozen=True, slots=True)
class Recommended:
    """The threshold that catches the asked share and keeps most; each share with its 95 % interval."""

    point: Point
    caught_from: float
    caught_to: float
    kept_from: float
    kept_to: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The whole report of one fact."""

    fact: str
    num_rows: int
    num_gated: int  # refused by the gate: without measurements, so they count as beyond every threshold
    num_wrong: int
    num_right: int
    target: float
    points: tuple[Point, ...]
    recommended: Recommended | None
    histogram: tuple[tuple[float, int], ...]  # upper edge (infinite for the last), rows
    by_language: dict[str, tuple[Point, ...]]
    by_voice: dict[str, tuple[Point, ...]]
    unknown: tuple[str, ...] = ()  # labelled keys that are in neither the corpus nor its rejects


def ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def interval(part: int, whole: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); from 0 to 1 for no rows."""
    if whole == 0:
        return 0.0, 1.0
    share, z2 = part / whole, Z * Z
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = Z / (1 + z2 / whole) * math.sqrt(share * (1 - share) / whole + z2 / (4 * whole * whole))
    return max(0.0, middle - half), min(1.0, middle + half)


def point(rows: Sequence[Measured], threshold: float) -> Point:
    """What the threshold keeps and catches of the rows."""
    wrong, right = [row for row in rows if row.ok is False], [row for row in rows if row.ok]
    num_caught = sum(row.value > threshold for row in wrong)
    num_kept = sum(row.value <= threshold for row in right)
    num_refused = num_caught + len(right) - num_kept
    share = sum(row.value <= threshold for row in rows) / len(rows) if rows else 0.0
    return Point(threshold, share, ratio(num_caught, len(wrong)), ratio(num_kept, len(right)), ratio(num_caught, num_refused))


def recommend(rows: Sequence[Measured], target: float) -> Recommended | None:
    """The largest measured value at or below which at least `target` of the wrong rows are still caught; None where none does.

    Raises: CalibrateError for a target outside 0 to 1.
    """
    if not 0 <= target <= 1:
        raise CalibrateError(f"caught is {target!r}, expected 0 to 1")
    wrong = sorted(row.value for row in rows if row.ok is False)
    if not wrong:
        return None
    num_missed = math.floor(len(wrong) * (1 - target) + 1e-9)
    bound = wrong[num_missed] if num_missed < len(wrong) else math.inf
    below = [row.value for row in rows if row.value < bound and math.isfinite(row.value)]
    if not below:
        return None
    best = point(rows, max(below))
    right = [row for row in rows if row.ok]
    caught = interval(sum(value > best.threshold for value in wrong), len(wrong))
    kept = interval(sum(row.value <= best.threshold for row in right), len(right))
    return Recommended(best, *caught, *kept)


def histogram(values: Iterable[float], edges: Sequence[float]) -> tuple[tuple[float, int], ...]:
    """Rows up to each edge (and above the one before); the last bin holds what lies above all edges."""
    bounds = (*edges, math.inf)
    counts = [0] * len(bounds)
    for value in values:
        counts[next(index for index, bound in enumerate(bounds) if value <= bound)] += 1
    return tuple(zip(bounds, counts, strict=True))


def calibrate(rows: Sequence[Measured], fact: str, target: float, unknown: tuple[str, ...] = ()) -> Calibration:
    """The report over measured rows."""
    languages: defaultdict[str, list[Measured]] = defaultdict(list)
    voices: defaultdict[str, list[Measured]] = defaultdict(list)
    for row in rows:
        if math.isfinite(row.value):
            languages[row.language or "unknown"].append(row)
        for voice in dict.fromkeys(row.voices):
            voices[voice].append(row)

    def points(some: Sequence[Measured]) -> tuple[Point, ...]:
        return tuple(point(some, threshold) for threshold in GRIDS[fact])

    return Calibration(
        fact=fact,
        num_rows=len(rows),
        num_gated=sum(math.isinf(row.value) for row in rows),
        num_wrong=sum(row.ok is False for row in rows),
        num_right=sum(row.ok is True for row in rows),
        target=target,
        points=points(rows),
        recommended=recommend(rows, target),
        histogram=histogram((row.value for row in rows), GRIDS[fact]),
        by_language={name: points(languages[name]) for name in sorted(languages)},
        by_voice={name: points(voices[name]) for name in sorted(voices)},
        unknown=unknown,
    )


def read_labels(path: Path) -> dict[str, bool]:
    """Label by key. Raises: CalibrateError, with the line, for a row that is no label or a key with two different ones."""
    labels: dict[str, bool] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise CalibrateError(f"{path} line {number} is not JSON: {error}") from error
        if not isinstance(row, dict) or not isinstance(row.get("key"), str) or not isinstance(row.get("ok"), bool):
            raise CalibrateError(f'{path} line {number} is {line.strip()[:80]!r}, expected {{"key": "...", "ok": true or false}}')
        if labels.setdefault(row["key"], row["ok"]) != row["ok"]:
            raise CalibrateError(f"{path} line {number} labels {row['key']} as {row['ok']}, an earlier line as {not row['ok']}")
    if not labels:
        raise CalibrateError(f"{path} holds no label")
    return labels


def measured_rows(corpus: Corpus, fact: str, labels: Mapping[str, bool]) -> list[Measured]:
    """The rows that have the fact, and those that the gate refused.

    Labelled rows that an earlier step refused (as too noisy, say) are refused whatever the threshold: they count as well.

    Raises: CalibrateError for a fact without a grid, or a corpus whose rows lack the fact.
    """
    if fact not in GRIDS:
        raise CalibrateError(f"fact is {fact!r}, expected one of {', '.join(GRIDS)}")
    found: list[Measured] = []
    for record in corpus.records():
        if fact not in record.facts:
            raise CalibrateError(f"row {record.key} of {corpus.path} has no {fact}; expected a corpus whose speech was heard and compared")
        voices = tuple(filter(None, str(record.facts.get(VOICES.name, "")).split(",")))
        language = str(record.facts.get(LANGUAGE.name, ""))
        found.append(Measured(record.key, float(record.facts[fact]), language, voices, labels.get(record.key)))
    for refused in corpus.rejects():
        key = refused["key"]
        if refused["reason"] in REASONS or key in labels:
            found.append(Measured(key, math.inf, ok=labels.get(key)))
    if not found:
        raise CalibrateError(f"{corpus.path} has no row that was heard; nothing to calibrate")
    return found


def calibrate_corpus(path: Path, fact: str, target: float, labels_path: Path | None = None) -> Calibration:
    """The report over a corpus on disk. Raises: CalibrateError; CorpusError where the path is no corpus; OSError."""
    corpus = Corpus(path)
    corpus.totals()  # raises for a build that did not end
    labels = read_labels(labels_path) if labels_path is not None else {}
    rows = measured_rows(corpus, fact, labels)
    missing = tuple(sorted(labels.keys() - {row.key for row in rows}))
    if len(missing) == len(labels) > 0:
        raise CalibrateError(f"none of the {len(labels)} labelled keys is in {path}; its keys are like {rows[0].key!r}")
    return calibrate(rows, fact, target, missing)


def as_row(found: Calibration) -> dict[str, object]:
    """The report as JSON values; infinite edges become null."""

    def plain(value: object) -> object:
        if isinstance(value, float):
            return round(value, 6) if math.isfinite(value) else None
        if isinstance(value, Mapping):
            return {name: plain(one) for name, one in value.items()}
        if isinstance(value, tuple):
            return [plain(one) for one in value]
        if isinstance(value, (Calibration, Point, Recommended)):
            return {name: plain(getattr(value, name)) for name in value.__slots__}
        return value

    row = plain(found)
    assert isinstance(row, dict)
    return row


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def tables(found: Calibration) -> list[Table]:
    """The report for a terminal: thresholds with the histogram, then languages and voices where there is more than one."""
    highest = max(count for _, count in found.histogram)
    labelled = found.num_wrong + found.num_right > 0
    names = ("kept rows", *(("caught", "kept of right", "precision") if labelled else ()), "rows up to it", "")
    main = Table(found.fact, *names)
    for (edge, count), at in zip(found.histogram, (*found.points, None), strict=True):
        bar = "█" * math.ceil(24 * count / highest) if count else ""
        shares = ("",) * (len(names) - 2)
        if at is not None:
            shares = tuple(map(_percent, (at.share, *((at.caught, at.kept, at.precision) if labelled else ()))))
        main.add_row(f"{edge:g}" if math.isfinite(edge) else "above", *shares, f"{count:,}", bar)
    shown = [main]
    for title, groups in (("language", found.by_language), ("voice", found.by_voice)):
        if len(groups) > 1:
            table = Table(title, *(f"{threshold:g}" for threshold in GRIDS[found.fact]), title=f"rows kept by threshold, in %, by {title}")
            for name, points in groups.items():
                table.add_row(name, *(f"{100 * at.share:.0f}" for at in points))
            shown.append(table)
    return shown


def sentences(found: Calibration) -> list[str]:
    """What to do, in words."""
    told = [f"{found.num_rows:,} rows, {found.num_wrong:,} labelled wrong, {found.num_right:,} labelled right"]
    if found.num_gated:
        told.append(
            f"{found.num_gated:,} rows were refused and have no measurement here: they count as beyond every threshold; "
            "to see them build with --set CORPUS.max_error_rate=1000"
        )
    if found.unknown:
        told.append(f"{len(found.unknown):,} labelled keys are not in the corpus, the first is {found.unknown[0]}")
    best = found.recommended
    if best is not None:
        told.append(
            f"recommended: {best.point.threshold:g} catches {_percent(best.point.caught)} of the wrong rows "
            f"({_percent(best.caught_from)} to {_percent(best.caught_to)} with 95 % confidence)"
            + (
                f" and keeps {_percent(best.point.kept)} of the right ones ({_percent(best.kept_from)} to {_percent(best.kept_to)})"
                if best.point.kept is not None
                else ""
            )
        )
    elif found.num_wrong:
        told.append(f"no threshold catches {_percent(found.target)} of the wrong rows")
    return told
