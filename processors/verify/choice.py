"""Whether the choice that a text makes is the reference: its letter in any dress, its number, or its text instead.

`judged_by` is {"answer": "B", "choices": ["text of A", ...]}; the answer may be several letters ("A and C", ["A", "C"]), the text of a
choice, yes or no without choices, or an object of assignments for a logic puzzle (processors/verify/assignment.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from processors.verify import choice_words as words
from processors.verify.answer import WEAK, Found, final_answer, spoken_part
from processors.verify.answer_dress import undress
from processors.verify.assignment import verify_assignment
from processors.verify.match import normal_form
from processors.verify.verdict import CANNOT_TELL, DIFFERENT, EQUAL, NO_ANSWER, RIGHT, UNREADABLE, WRONG, Verdict

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
AMBIGUOUS = "ambiguous"  # the text makes two choices, or one that can be read in two ways
NO_SUCH_CHOICE = "no_such_choice"
MAX_CHOICES = len(LETTERS)
MAX_SENTENCE_CHARS = 200  # of a text that is one sentence, which need not say that it is the answer
MAX_SAID_CHARS = 400  # of a sentence in which the text of a choice is looked for

Labels = frozenset[str]


class Ambiguous(ValueError):
    """What is said can be read in two ways; the message says which."""


def verify(text: str, judged_by: Mapping[str, Any]) -> tuple[str, Verdict]:
    """Right or wrong is said of a choice that can be read in one way only; a letter that is no choice is wrong."""
    if isinstance(judged_by["answer"], Mapping):
        return verify_assignment(text, judged_by["answer"])
    choices = [str(choice) for choice in judged_by.get("choices") or ()]
    if len(choices) > MAX_CHOICES:
        return "", Verdict(CANNOT_TELL, UNREADABLE, f"{len(choices)} choices, at most {MAX_CHOICES} are told apart")
    found = final_answer(text)
    if not choices and _truth(str(judged_by["answer"])) is not None:
        return _verify_truth(text, found, str(judged_by["answer"]))
    reference = _reference(judged_by["answer"], choices)
    if not reference:
        return "", Verdict(
            CANNOT_TELL, UNREADABLE, f"the reference is {str(judged_by['answer'])[:80]!r}, expected letters, or the text of a choice"
        )
    return _chosen(text, found, choices, reference)


def _chosen(text: str, found: Found | None, choices: Sequence[str], reference: Labels) -> tuple[str, Verdict]:
    said, spoken = found.text if found else "", spoken_part(text).strip()
    try:
        labels = read_choice(said, choices) if found and found.how not in WEAK else None
        if labels is None and len(spoken) <= MAX_SENTENCE_CHARS and "\n" not in spoken:
            labels, said = read_choice(spoken, choices), spoken
        named = _named(text, found.end if labels and found else 0)
        if labels is None and named:
            labels, said = frozenset(named[-1:]), named[-1]
        elif labels and named and named[-1] not in labels:
            raise Ambiguous(f"says {'and '.join(sorted(labels))} and then {named[-1]}")
    except Ambiguous as ambiguous:
        return said, Verdict(CANNOT_TELL, AMBIGUOUS, str(ambiguous))
    if labels is None:
        cause = NO_ANSWER if found is None or found.how in WEAK else UNREADABLE
        return said, Verdict(CANNOT_TELL, cause, "no choice is made in a form that can be read")
    return said, _compare(labels, reference, choices, said)


def _compare(labels: Labels, reference: Labels, choices: Sequence[str], said: str) -> Verdict:
    told = ", ".join(sorted(labels)) or said[:80]
    if labels == reference:
        return Verdict(RIGHT, EQUAL, f"chooses {told}")
    known = LETTERS[: len(choices)] if choices else LETTERS
    if not labels or not all(label in known for label in labels):
        return Verdict(WRONG, NO_SUCH_CHOICE, f"chooses {told}, which is none of the {len(choices)} choices")
    if len(reference) == 1 and len(labels) > 1 and reference < labels:
        return Verdict(CANNOT_TELL, AMBIGUOUS, f"chooses {told}, of which one is right")
    return Verdict(WRONG, DIFFERENT, f"chooses {told}, expected {', '.join(sorted(reference))}")


def _reference(told: Any, choices: Sequence[str]) -> Labels:
    """The labels that are right; none where they cannot be told."""
    if isinstance(told, (list, tuple)):
        parts = [_reference(one, choices) for one in told]
        return frozenset().union(*parts) if all(parts) else frozenset()
    known = LETTERS[: len(choices)] if choices else LETTERS
    answer = str(told).strip()
    same = [letter for letter, choice in zip(LETTERS, choices, strict=False) if normal_form(choice) == normal_form(answer)]
    if answer in known and len(answer) == 1:
        return frozenset(answer)
    if len(same) == 1:
        return frozenset(same)
    try:
        found = read_choice(answer, choices)
    except Ambiguous:
        return frozenset()
    if found is None and re.fullmatch(r"[A-Z]{2,10}", answer) and len(set(answer)) == len(answer):
        found = frozenset(answer)
    return found if found and all(label in known for label in found) else frozenset()


# ---- what is said


_FONTS = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|bf|rm|boxed|emph|quad|qquad)(?![A-Za-z])|\\[,;: ~]|[{}$~]|\*\*|__|`"
)
_MARK = r"[(\[（【]?\s?([A-Za-z])\s?"
_ALONE = re.compile(_MARK + r"[)\]）】.:]{0,2}")
_LED = re.compile(_MARK + r"(?:[)\]）】][.:,：]?|[.:：]|\s?[-–—=,，])\s{0,3}(\S.*)", re.DOTALL)
_BRACKETED = re.compile(r"[(\[（【]\s?([A-Za-z])\s?[)\]）】](.*)", re.DOTALL)
_CONJUNCTIONS = frozenset(("and", "und", "et", "y", "e"))
_ONE = re.compile(r"[(\[（【]?([A-Za-z])[)\]）】.]?")
_EITHER = re.compile(r"[(\[（【]?([A-Z])[)\]）】.]?\s(?:or|oder|ou|o)\s[(\[（【]?([A-Z])[)\]）】.]?")
_RUN = re.compile(r"[A-Z]{2,10}")
_NUMBERED = re.compile(r"[(\[（【]?\s?(\d{1,2})\s?[)\]）】.:]?")


def read_choice(said: str, choices: Sequence[str]) -> Labels | None:
    """The labels that an answer means; an empty set where it says that none is right and no choice says that; None where it means none.

    Raises: Ambiguous.
    """
    plain = " ".join(_FONTS.sub(" ", unicodedata.normalize("NFKC", said)).split())
    plain = words.OPTION.sub("", undress(plain), count=1).strip()
    plain = words.IS_RIGHT.sub("", plain).strip()
    if not plain:
        return None
    by_letter = _by_letter(plain, choices)
    by_text = _by_text(plain, said, choices, by_letter is None)
    if by_letter is not None and by_text is not None and by_letter != by_text:
        raise Ambiguous(f"{plain[:80]!r} means {', '.join(sorted(by_letter))} by its letter and {', '.join(sorted(by_text))} by its text")
    if by_letter is not None or by_text is not None:
        return by_letter if by_letter is not None else by_text
    if words.NONE.fullmatch(normal_form(plain)):
        return frozenset(_that_say_none(choices))
    return _by_number(plain, choices)


def _by_letter(plain: str, choices: Sequence[str]) -> Labels | None:
    alone = _ALONE.fullmatch(plain)
    if alone:
        return frozenset(alone[1].upper())
    either = _EITHER.fullmatch(plain)
    if either:
        raise Ambiguous(f"says {plain[:80]}")
    several = _several(plain)
    if several:
        return several
    if (
        _RUN.fullmatch(plain)
        and list(plain) == sorted(set(plain))
        and choices
        and all(letter in LETTERS[: len(choices)] for letter in plain)
    ):
        return frozenset(plain)
    led = _LED.fullmatch(plain) or _BRACKETED.fullmatch(plain)
    if led:
        return _led(led[1].upper(), led[2].strip(), choices)
    first, _, rest = plain.partition(" ")
    if len(first) == 1 and first in LETTERS[: len(choices)] and normal_form(rest) == normal_form(choices[LETTERS.index(first)]):
        return frozenset(first)
    return None


def _several(plain: str) -> Labels | None:
    """The letters of "A and C", "(A), (C)", "A、C"; None where anything else is said, or small letters merely stand side by side."""
    tokens = re.sub(r"[,，、;&/+和与及と]", " , ", plain[:MAX_SAID_CHARS]).split()
    listed = [one for token in tokens if token not in (*_CONJUNCTIONS, ",") for one in (_ONE.fullmatch(token),)]
    is_joined = len(listed) < len(tokens) or all(one and one[1].isupper() for one in listed)
    letters = [one[1].upper() for one in listed if one]
    return frozenset(letters) if 2 <= len(letters) == len(listed) and is_joined and len(plain) <= MAX_SAID_CHARS else None


def _led(label: str, rest: str, choices: Sequence[str]) -> Labels | None:
    """A letter before a text: the text may not be that of another choice, or lead on to another letter."""
    meant = _by_text(rest, rest, choices, True)
    if meant is not None and label not in meant:
        raise Ambiguous(f"says {label}, and the text of {', '.join(sorted(meant))}")
    further = re.match(r"(?:and|or|und|oder|et|ou|y|o|e)\s[(\[]?([A-Z])[)\].]?(?:\s|$)", rest)
    if further:
        raise Ambiguous(f"says {label}, and {further[1]}")
    return frozenset(label)


def _by_text(plain: str, said: str, choices: Sequence[str], has_value: bool) -> Labels | None:
    """The choice whose text is said: all of it, or as the only one that stands in the sentence; or the one with the same value."""
    forms = [normal_form(choice) for choice in choices]
    form = normal_form(plain)
    same = [letter for letter, one in zip(LETTERS, forms, strict=False) if one and one in (form, normal_form(said))]
    if not same:
        same = _that_stand_in(form, forms) or (_of_same_value(said, choices) if has_value else [])
    if len(same) > 1:
        raise Ambiguous(f"{plain[:80]!r} is the text of {', '.join(same)}")
    return frozenset(same) if same else None


def _that_stand_in(form: str, forms: Sequence[str]) -> list[str]:
    """Choices whose text stands in a sentence, those left out that stand inside another one that does."""
    if len(form) > MAX_SAID_CHARS or words.NEGATION.search(form):
        return []
    inside = {one for one in forms if len(one) >= 3 and one in form and re.search(rf"(?<!\w){re.escape(one)}(?!\w)", form)}
    outer = {one for one in inside if not any(one != other and one in other for other in inside)}
    return [letter for letter, one in zip(LETTERS, forms, strict=False) if one in outer]


def _of_same_value(said: str, choices: Sequence[str]) -> list[str]:
    """Choices of which mathematics says that they are what is said."""
    if len(said) > 200 or not re.search(r"\d|\\", said) or not any(re.search(r"\d|\\", choice) for choice in choices):
        return []
    from processors.verify.maths import compare

    return [letter for letter, choice in zip(LETTERS, choices, strict=False) if compare(said, choice).value == RIGHT]


def _that_say_none(choices: Sequence[str]) -> list[str]:
    return [letter for letter, choice in zip(LETTERS, choices, strict=False) if words.NONE.fullmatch(normal_form(choice))]


def _by_number(plain: str, choices: Sequence[str]) -> Labels | None:
    """The number of a choice, from 1 on, where the choices are no numbers themselves; a value that is none of those that are."""
    numbered = _NUMBERED.fullmatch(plain)
    if any(re.fullmatch(r"[^A-Za-z]*\d[^A-Za-z]*", choice) for choice in choices):
        return _value_of_none(plain, choices)
    if numbered and 1 <= int(numbered[1]) <= len(choices):
        return frozenset(LETTERS[int(numbered[1]) - 1])
    return None


def _value_of_none(plain: str, choices: Sequence[str]) -> Labels | None:
    """No label, where a number is said and mathematics knows that each choice is another."""
    if not re.fullmatch(r"[-−+]?[\d.,/]{1,30}", plain):
        return None
    from processors.verify.maths import compare

    return frozenset() if all(compare(plain, choice).value == WRONG for choice in choices) else None


def _named(text: str, start: int) -> list[str]:
    """Letters that sentences behind `start` choose ("so option B is correct", "I go with (C)"), and a last line that is a letter."""
    said = spoken_part(text)
    begun = text.index(said) if said else len(text)
    found = [match for match in words.CHOICE_SAID.finditer(said, max(0, start - begun, len(said) - 2_000))]
    letters = [next(letter for letter in match.groups() if letter).upper() for match in found]
    last = said.rstrip().rpartition("\n")
    if not letters and last[1] and begun + len(last[0]) >= start:
        alone = re.fullmatch(r"\W{0,6}([A-Z])\W{0,6}", last[2])
        letters = [alone[1]] if alone else []
    return letters


# ---- yes and no


def _truth(word: str) -> bool | None:
    form = normal_form(word)
    return True if form in words.YES else False if form in words.NO else None


def _verify_truth(text: str, found: Found | None, reference: str) -> tuple[str, Verdict]:
    said = found.text if found and found.how not in WEAK else ""
    first = re.match(r"[^\W\d_]+", normal_form(said) or normal_form(spoken_part(text)[:200]))
    value = _truth(said)
    if value is None and first is not None and not words.NEGATION.search(normal_form(said)[first.end() :]):
        value = _truth(first[0])
    if value is None:
        return said, Verdict(CANNOT_TELL, UNREADABLE if said else NO_ANSWER, "neither yes nor no is said to be the answer")
    is_same = value == _truth(reference)
    return said or ("yes" if value else "no"), Verdict(RIGHT, EQUAL) if is_same else Verdict(
        WRONG, DIFFERENT, f"says {said[:80] or value!r}"
    )
