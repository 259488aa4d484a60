"""What is wrong with a text that a model wrote: for any text that is to be learned, and for the form of each recipe.

Each function gives one sentence, or nothing where all is well. They read the text in one pass a pattern; none backtracks.
"""

from __future__ import annotations

import re

import numpy as np

from processors.text.words import ngram_sums, normal_word_hashes, words_of

RUN_WORDS = 8  # as many words in a row are hardly written twice by chance
_FENCE = re.compile(r"^\s{0,3}(?:```|~~~)[^`\n]*$", re.M)
_WRAPPED = re.compile(r"```(?:markdown|md|text)?[ \t]*\n")
_ENDS = tuple(".!?:;…。！？」』”’\"')]}*`|$>%；：）।॥؟۔။។")
_NO_MARKS = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff]")  # Thai, Lao and Khmer end a sentence with a space
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_GROUPED = re.compile(r"(?<!\d)\d{1,3}(?:[ '’\u00a0\u202f]\d{3})+(?!\d)")  # 40 000

_PREAMBLE = re.compile(
    r"[\s*_\"'“]{0,4}(?:"
    r"(?:sure|certainly|of course|absolutely|gladly|okay|ok|great|no problem|got it|understood)\b\s?[,.!:—–-]"
    r"|(?:here(?:'s| is| are)|below (?:is|are)|this is|the following is)\b[^\n]{0,160}:\s*(?:\n|$)"
    r"|(?:I'd|I would) be (?:happy|glad) to\b|(?:I|I've|I have) (?:have )?(?:written|rewritten|created|prepared|rephrased)\b"
    r"|(?:gerne|natürlich|selbstverständlich|klar)\s?[,.!:]|hier (?:ist|sind)\b[^\n]{0,160}:\s*(?:\n|$)"
    r"|(?:bien sûr|certainement|volontiers|avec plaisir)\s?[,.!:]|voici\b[^\n]{0,160}:\s*(?:\n|$)"
    r"|(?:claro|por supuesto|desde luego|con gusto|certo|certamente|volentieri|com certeza)\s?[,.!:]|(?:aquí (?:está|tienes)|ecco|aqui está)\b[^\n]{0,160}:\s*(?:\n|$)"
    r"|(?:好的|当然|沒問題|没问题)[,，。!！:：]|以下是[^\n]{0,80}[:：]|(?:もちろん|承知しました|かしこまりました|わかりました)[、。!！]"
    r")",
    re.I,
)
_CLOSING = re.compile(
    r"\b(?:let me know (?:if|whether)|(?:I )?hope (?:this|that) helps|feel free to (?:ask|reach out)|would you like me to|is there anything else|"
    r"if you (?:have|need) (?:any )?(?:more|further|other) (?:questions|help|details)|I can (?:also )?(?:adjust|expand|shorten|provide) (?:it|this|more))\b"
    r"|\b(?:lassen Sie mich wissen|sag mir Bescheid|n'hésitez pas à|no dudes en|non esitare a|não hesite em)\b|(?:希望(?:这|对)|如果您?(?:还|需要|有任何))|(?:お役に立て|ご不明な点)",
    re.I,
)
_SELF = re.compile(
    r"\b(?:as an? (?:AI|artificial intelligence|(?:large )?language model)|my training data|my knowledge cutoff)\b|作为(?:一个)?(?:AI|人工智能|语言模型)|als KI-",
    re.I,
)
_PLACEHOLDER = re.compile(r"\[(?:insert|your|name of|placeholder|add|topic|TODO)\b[^\]\n]{0,60}\]|\blorem ipsum\b", re.I)
_SOURCE = re.compile(
    r"\b(?:the|this) (?:(?:given|provided|above|following|original|source) )(?:passage|text|material|document|article|excerpt|prompt)\b"
    r"|\b(?:the|this) (?:passage|excerpt|material) (?:above|below|says|states|describes|discusses|mentions|explains)\b"
    r"|\b(?:according to|based on|as stated in) the (?:passage|text|material|document|excerpt)\b",
    re.I,
)


def unwrapped(reply: str) -> str:
    """The reply without white space around it, and without a fence that is drawn around all of it."""
    text = reply.strip()
    opening = _WRAPPED.match(text)
    if opening and text.endswith("\n```") and len(_FENCE.findall(text)) == 2:
        return text[opening.end() : -4].strip()
    return text


def assistant_talk(text: str) -> str:
    """Words to the one who asked, which no reader of a document should find."""
    for pattern, where, what in (
        (_PREAMBLE.match, text[:400], "begins with words to the one who asked"),
        (_CLOSING.search, text[-400:], "ends with words to the one who asked"),
        (_SELF.search, text, "speaks of itself as a model"),
        (_PLACEHOLDER.search, text, "has a place that was not filled in"),
        (_SOURCE.search, text, "speaks of a text that the reader does not see"),
    ):
        found = pattern(where)
        if found:
            return f"the text {what}: {found[0].strip()[:80]!r}"
    return ""


def broken_off(text: str) -> str:
    """Signs that the text has no end: a fence that is not closed, a last line that stops inside a sentence."""
    if len(_FENCE.findall(text)) % 2:
        return "a fenced block is not closed"
    last = text.rstrip().rsplit("\n", 1)[-1].strip()
    if last.endswith(_ENDS) or _NO_MARKS.search(last):
        return ""
    if not (last.startswith(("#", "-", "*", "|")) or last[:2].rstrip(".").isdigit()) and len(words_of(last)) > 3:
        return f"the text stops inside a sentence: {last[-60:]!r}"
    return ""


def runs(text: str) -> np.ndarray:
    """A number for each eight words in a row, without case; a character of Chinese or Japanese is a word. Shapes: (n,) uint64."""
    return ngram_sums(normal_word_hashes(text), RUN_WORDS)


def overlap_ratio(text: str, seed: str) -> float:
    """The share of the text's runs of eight words that stand in the seed; 0 for a text of fewer words."""
    ours = runs(text)
    return round(float(np.isin(ours, runs(seed)).mean()), 4) if len(ours) else 0.0


def repeated_ratio(text: str) -> float:
    """The share of the text's runs of eight words that have stood in it before; a model that loops has much."""
    ours = runs(text)
    return round(1.0 - len(np.unique(ours)) / len(ours), 4) if len(ours) else 0.0


def new_numbers(text: str, seed: str) -> list[str]:
    """Numbers of two digits or more that the text has and the seed has not, separators left out."""
    there = {_bare(number) for pattern in (_NUMBER, _GROUPED) for number in pattern.findall(seed)}
    rest = _GROUPED.sub(lambda match: " " if _bare(match[0]) in there else match[0], text)
    return [number for number in dict.fromkeys(_NUMBER.findall(rest)) if len(_bare(number)) > 1 and _bare(number) not in there]


def _bare(number: str) -> str:
    return re.sub(r"\D", "", number).lstrip("0")


def without_code(text: str) -> str:
    """The text without what stands in fences."""
    return "\n".join(_FENCE.split(text)[::2])


def looks_like_code(text: str) -> bool:
    """Whether at least a fifth of the lines end or begin as lines of a program do."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    coded = sum(bool(_CODE_LINE.match(line)) or line.endswith(("{", "}", ";", "):", ",", "(", ")")) for line in lines)
    return len(lines) >= 2 and coded >= 0.2 * len(lines)


_CODE_LINE = re.compile(
    r"(?:def|class|import|from|return|if|for|while|func|fn|let|const|var|public|private|static|struct|package|use|#include|elif|else|try|except|end)\b"
    r"[^.!?]*$|[\w.\[\]]+ ?(?:=|\+=|:=) ?\S"
)


# ---- the form of each recipe: (reply, seed) -> what is wrong


def textbook(text: str, seed: str) -> str:
    first, _, rest = text.partition("\n")
    if not re.fullmatch(r"#{1,4} +\S.{0,200}", first.rstrip()):
        return f"the first line is {first[:60]!r}, expected a heading that starts with #"
    return "" if len(words_of(rest)) > 20 else "there is a heading and nothing under it"


def exercise(text: str, seed: str) -> str:
    found = re.findall(r"^#{1,4} *(\w+) *:? *$", text, re.M)
    if found != ["Exercise", "Solution", "Answer"] or not text.lstrip().startswith("#"):
        return f"headings are {', '.join(found)[:80] or 'none'}, expected Exercise, Solution and Answer"
    parts = [part.strip() for part in re.split(r"^#{1,4} *\w+ *:? *$", text, flags=re.M)[1:]]
    empty = next((name for name, part in zip(found, parts, strict=True) if not part), "")
    return f"nothing stands under {empty}" if empty else ""


def dialogue(text: str, seed: str) -> str:
    spoken = re.findall(r"^(Q|A): *(\S?)", text, re.M)
    sides = "".join(side for side, _ in spoken)
    if not text.startswith("Q: ") or sides != "QA" * (len(sides) // 2) or len(sides) < 8 or not all(said for _, said in spoken):
        return f"the lines are {sides[:20] or 'without Q: and A:'}, expected at least four pairs of Q: and A: in turn"
    return ""


def prose(text: str, seed: str) -> str:
    if len(text) > max(2 * len(seed), 400):
        return f"{len(text)} characters from a seed of {len(seed)}: more is told than the seed tells"
    return ""


def code_explanation(text: str, seed: str) -> str:
    quoted = [line.strip() for block in _FENCE.split(text)[1::2] for line in block.splitlines() if line.strip()]
    if not quoted:
        return "no line of the code is quoted in a fenced block"
    there = {line.strip() for line in seed.splitlines()}
    strange = [line for line in quoted if line not in there]
    if len(strange) > 0.2 * len(quoted):
        return f"{len(strange)} of {len(quoted)} quoted lines are not in the code, such as {strange[0][:60]!r}"
    return "" if len(words_of(without_code(text))) >= 40 else "there is code and hardly a word on it"
