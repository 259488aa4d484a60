"""Written conversations as they are read from rows: who says what, free of a transcriber's marks, and what is asked about them.

Two forms are read. QMSum (arXiv 2104.05938): `meeting_transcripts`, `general_query_list`, `specific_query_list` with inclusive
spans of turns. General: `turns` or `dialogue` (objects, pairs, or lines "Name: text"), with `queries`, or `query` and `summary`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from processors.dialogue import text_field

GENERAL, SPECIFIC = "general", "specific"
DEFAULT_QUERY = "Summarize the conversation."

_MARK = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]|<[^<>]*>")
_NOISE = re.compile(r"\((?:laugh\w*|cough\w*|inaudible|unintelligible|crosstalk|pause|silence|noise|music|applause|sigh\w*)[^()]*\)", re.I)
_SPELLED = re.compile(r"\b(?:[A-Z]_)+[A-Z]?\b|\b(?:[A-Z]_)+(?=\W|$)")
_TOKENISED = (
    (re.compile(r" +(n['’]t|['’](?:s|re|ve|ll|d|m|t|S))\b"), r"\1"),
    (re.compile(r"\b([Gg]on|[Ww]an|[Gg]ot) (na|ta)\b"), r"\1\2"),
    (re.compile(r" +([,.;:?!%])"), r"\1"),
    (re.compile(r"\( +"), "("),
    (re.compile(r" +\)"), ")"),
)
_LINE = re.compile(r"\s*#?([^:\n#]{1,60}?)#?\s*:\s+(\S.*)")
_LETTERED = re.compile(r"[A-Z][a-z]\w+ [A-Z]")
_TITLES = r"(?:(?:Right Hon|Hon|Mr|Mrs|Ms|Miss|Dr|Prof|Sir|Dame|Lord|Lady)\.? )+"
_POSTNOMINALS = r" (?:AM|AS|MP|MS|MSP|MEP|QC|KC|PhD|MD)$"


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, the summary that answers, and the turns it needs: `core` is a half-open range, None means every turn.

    `length` and `form` are the instructions that the query gives, where its writer states them.
    """

    query: str
    summary: str
    focus: str
    core: tuple[int, int] | None = None
    length: str = ""
    form: str = ""


def clean_turn(text: str) -> str:
    """What is said, without marks of noise and in usual spelling; empty when nothing is."""
    text = _NOISE.sub(" ", _MARK.sub(" ", text))
    text = _SPELLED.sub(lambda found: " ".join(found[0].replace("_", "")), text)
    text = " ".join(text.split())
    for pattern, plain in _TOKENISED:
        text = pattern.sub(plain, text)
    return text if any(ch.isalnum() for ch in text) else ""


def turns_in(fields: Mapping[str, object]) -> list[tuple[str, str]]:
    """(speaker, text) of every turn as given, texts not yet cleaned; empty when the fields hold no conversation."""
    given = next((fields[name] for name in ("meeting_transcripts", "turns", "dialogue") if fields.get(name)), None)
    if isinstance(given, str):
        lines = [line for line in given.splitlines() if line.strip()]
        found = [_LINE.fullmatch(line) for line in lines]
        return [(match[1].strip(), match[2]) for match in found if match is not None] if all(found) else []
    if not isinstance(given, list):
        return []
    return [turn for item in given if (turn := _turn(item)) is not None]


def _turn(item: object) -> tuple[str, str] | None:
    if isinstance(item, Mapping):
        text = item.get("content", item.get("text", item.get("utterance")))
        speaker = item.get("speaker", item.get("role", ""))
    elif isinstance(item, list) and len(item) == 2:
        speaker, text = item
    else:
        return None
    return (str(speaker), text) if isinstance(text, str) else None


def drop_empty(turns: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[int]]:
    """The turns in which something is said, cleaned; and for each place before a turn (one more than turns) its new place."""
    kept: list[tuple[str, str]] = []
    places = []
    for speaker, text in turns:
        places.append(len(kept))
        said = clean_turn(text)
        if said:
            kept.append((speaker_name(speaker), said))
    return kept, [*places, len(kept)]


def speaker_name(label: str) -> str:
    """A label without what stands in brackets: The Chair (Hon. A. B. (C)) and The Chair are one speaker."""
    label = label.strip().strip("#")
    start = label.find("(")
    return " ".join((label if start <= 0 else label[:start]).split()) or label.strip()


def queries_in(fields: Mapping[str, object]) -> list[Query]:
    """Every query with its summary, either of which may be empty; cores count turns as given."""
    found = [_query(item, GENERAL) for item in _objects(fields.get("general_query_list"))]
    found += [_query(item, SPECIFIC) for item in _objects(fields.get("specific_query_list"))]
    found += [_query(item, "") for item in _objects(fields.get("queries"))]
    if not found and text_field(fields, "summary"):
        found = [_query({"query": DEFAULT_QUERY, **fields}, "")]
    return found


def _objects(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _query(item: Mapping[str, object], focus: str) -> Query:
    core = _core(item.get("relevant_text_span"))
    stated = focus or text_field(item, "focus").lower()
    if stated not in (GENERAL, SPECIFIC):
        stated = GENERAL if core is None else SPECIFIC
    summary = text_field(item, "summary", "answer")
    return Query(
        text_field(item, "query", "question"), summary, stated, core, text_field(item, "length"), text_field(item, "format").lower()
    )


def _core(spans: object) -> tuple[int, int] | None:
    """From the first to behind the last turn of inclusive spans; (0, 0) when they cannot be read; None when there are none."""
    if not isinstance(spans, list) or not spans:
        return None
    ends = []
    for span in spans:
        numbers = [str(end).strip() for end in span] if isinstance(span, list) else []
        if len(numbers) != 2 or not all(number.isdecimal() and len(number) < 10 for number in numbers):
            return 0, 0
        ends.append((int(numbers[0]), int(numbers[1])))
    start, last = min(first for first, _ in ends), max(last for _, last in ends)
    return (start, last + 1) if all(first <= last for first, last in ends) else (0, 0)


def number_speakers(turns: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Speaker 1, Speaker 2, ... by the order in which they are first heard."""
    return {name: f"Speaker {number}" for number, name in enumerate(dict.fromkeys(speaker for speaker, _ in turns), 1)}


def anonymise(text: str, numbers: Mapping[str, str], spoken: str, everyone: Iterable[str] = ()) -> str:
    """Names of speakers, by which a text that was written beside the transcript calls them, become their numbers.

    Nobody hears the label of a speaker. A label of one word that is also spoken (Marketing) may mean the thing: it stays. Where
    `everyone` has but one label with a first word (Professor C), "the professor" is that speaker too.
    """
    labels: dict[str, str] = {}
    roles = Counter(name.split(" ")[0].lower() for name in everyone if _LETTERED.fullmatch(name))
    for name, number in numbers.items():
        untitled = re.sub(rf"^{_TITLES}", "", name)
        for label in (name, re.sub(_POSTNOMINALS, "", name), untitled, re.sub(_POSTNOMINALS, "", untitled)):
            if label and (" " in label or not re.search(rf"\b{re.escape(label)}\b", spoken, re.I)):
                labels.setdefault(label.lower(), number)
        role = name.split(" ")[0].lower()
        if roles[role] == 1 and _LETTERED.fullmatch(name):
            labels.setdefault(f"the {role}", number)
    if not labels:
        return text
    either = "|".join(re.escape(label) for label in sorted(labels, key=lambda label: -len(label)))
    pattern = rf"(?<!\w)#?(?:{_TITLES})?({either})#?(?!\w)"
    return re.sub(
        pattern, lambda found: labels[found[1].lower()] if found[1][:1].isupper() or " " in found[1] else found[0], text, flags=re.I
    )
