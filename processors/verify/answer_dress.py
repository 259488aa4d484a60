"""What stands around an answer and is no part of it: emphasis, formula signs, quotation marks, a final full stop."""

from __future__ import annotations

import re

from processors.verify import answer_words as words

_PAIRS = (
    *(("**", "**"), ("__", "__"), ("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("`", "`"), ("*", "*"), ("_", "_")),
    *(('"', '"'), ("“", "”"), ("«", "»"), ("'", "'"), ("‘", "’"), ("「", "」"), ("『", "』"), ("【", "】")),
)
_FONT = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|bold|bm|boldsymbol|emph)\s?\{((?:[^{}\\]|\\.){1,400})\}", re.DOTALL
)
_AROUND = {first: [pair for pair in _PAIRS if pair[0][0] == first] for first in sorted({left[0] for left, _ in _PAIRS})}
MAX_LAYERS = 8


def undress(answer: str) -> str:
    """The answer without the marks around all of it (emphasis, formula, quotation), a final full stop, and Japanese copulas."""
    for _ in range(MAX_LAYERS):
        before = answer
        answer = words.JA_ENDS.sub("", answer.strip().rstrip("。．!！;；,，、:：").rstrip())
        if answer.endswith(".") and not answer.endswith(("...", "\\.", "\\right.", "\\left.")):
            answer = answer[:-1].rstrip()
        for left, right in _AROUND.get(answer[:1], ()):
            inner = answer[len(left) : len(answer) - len(right)]
            is_around = len(answer) > len(left) + len(right) and answer.startswith(left) and answer.endswith(right)
            if is_around and right not in inner and left not in inner:
                answer = inner.strip()
        font = _FONT.fullmatch(answer) if answer[:1] == "\\" else None
        answer = _half_dressed(font[1] if font else answer)
        if answer == before:
            break
    return answer


def _half_dressed(answer: str) -> str:
    """Without a mark that was opened before the answer, or is closed behind it."""
    for mark in ("**", "$$", "`"):
        if answer.count(mark) == 1 and (answer.startswith(mark) or answer.endswith(mark)):
            answer = answer.removeprefix(mark).removesuffix(mark).strip()
    is_amount = answer[:-1].strip().replace(",", "").replace(".", "").isdigit()
    if answer.endswith("$") and answer.count("$") == 1 and not is_amount and not answer.endswith("\\$"):
        answer = answer[:-1].rstrip()
    return answer
