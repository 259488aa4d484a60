"""Word times as rows give them: a list of words, or segments with or without words.

A word is an object with its text in `word`, `text` or `symbol`, its start in seconds in `start`, `start_s`, `start_sec` or
`start_time`, and its end likewise, or a `duration`. A segment has `text`, start and end, and may hold `words`; the
times of words inside a segment without them are not known, so they are spread over it without gaps.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

TimedWord = tuple[str, float, float]
TEXTS, STARTS, ENDS = ("word", "text", "symbol"), ("start", "start_s", "start_sec", "start_time"), ("end", "end_s", "end_sec", "end_time")


class BadWordTimes(ValueError):
    """The row's words or segments cannot be read as times in order."""


def words_of(fields: Mapping[str, object]) -> list[TimedWord]:
    """The timed words of a row, in order; none where it has neither `words` nor `segments`, nor Lhotse's `alignment`.

    Raises: BadWordTimes when what is there cannot be read, runs backwards, or is not finite.
    """
    alignment = fields.get("alignment")
    if isinstance(fields.get("words"), list):
        found = [_timed(item) for item in _items(fields["words"], "words")]
    elif isinstance(fields.get("segments"), list):
        found = [word for item in _items(fields["segments"], "segments") for word in _segment(item)]
    elif isinstance(alignment, Mapping) and isinstance(alignment.get("word"), list):
        found = [_timed(item) for item in _items(alignment["word"], "alignment.word")]
    else:
        return []
    for (before, start_s, _), (word, later_s, _) in itertools.pairwise(found):
        if later_s < start_s:
            raise BadWordTimes(f"word {word!r} starts at {later_s} s, before {before!r} at {start_s} s")
    return found


def _items(value: object, name: str) -> Sequence[object]:
    assert isinstance(value, list)
    if not all(isinstance(item, (Mapping, list)) for item in value):
        raise BadWordTimes(f"{name} holds something that is no object; expected objects with text, start and end")
    return value


def _first(item: Mapping[str, object], names: tuple[str, ...]) -> object:
    return next((item[name] for name in names if name in item), None)


def _timed(item: object) -> TimedWord:
    if isinstance(item, list):  # Lhotse writes an alignment item as [symbol, start, duration, score]
        if len(item) < 3:
            raise BadWordTimes(f"{item!r} has no start and duration")
        item = {"symbol": item[0], "start": item[1], "duration": item[2]}
    assert isinstance(item, Mapping)
    text, start, end = _first(item, TEXTS), _first(item, STARTS), _first(item, ENDS)
    if end is None and _is_seconds(item.get("duration")) and _is_seconds(start):
        end = start + item["duration"]  # type: ignore[operator]
    if not isinstance(text, str) or not _is_seconds(start) or not _is_seconds(end) or end < start:  # type: ignore[operator]
        raise BadWordTimes(f"{dict(item)!r} is no word with a start and a later end in seconds")
    return text.strip(), float(start), float(end)  # type: ignore[arg-type]


def _is_seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")


def _segment(item: object) -> list[TimedWord]:
    if isinstance(item, Mapping) and isinstance(item.get("words"), list):
        return [_timed(word) for word in _items(item["words"], "words of a segment")]
    text, start_s, end_s = _timed(item)
    words = text.split()
    step = (end_s - start_s) / max(1, len(words))
    return [(word, start_s + n * step, start_s + (n + 1) * step) for n, word in enumerate(words)]
