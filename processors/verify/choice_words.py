"""Words around a choice, in the languages of the corpora; normal forms are small."""

from __future__ import annotations

import re

YES = frozenset(
    [
        "yes",
        "true",
        "ja",
        "wahr",
        "richtig",
        "oui",
        "vrai",
        "sí",
        "si",
        "verdadero",
        "cierto",
        "sì",
        "vero",
        "sim",
        "verdadeiro",
        "是",
        "对",
        "對",
        "正确",
        "真",
        "はい",
        "正しい",
    ]
)
NO = frozenset(
    ["no", "false", "nein", "falsch", "non", "faux", "falso", "não", "nao", "否", "不是", "错", "錯", "错误", "假", "いいえ", "正しくない"]
)
NEGATION = re.compile(
    r"(?<!\w)(?:not|neither|nor|never|except|no|without|nicht|kein\w*|weder|pas|ni|aucun\w*|sauf|non|não|nem|excepto|salvo|tranne|exceto)(?!\w)"
    r"|n't(?!\w)|不|没|没有|非|ない|以外"
)
# a choice that says that no other is right
NONE = re.compile(
    r"none(?: of (?:the|these|those)(?: above| options| choices| answers| others?)?| of them)?|neither|no(?: correct)? (?:option|choice|answer)"
    r"|keine?(?:s|r)? (?:der|davon).{0,30}|aucune?(?: (?:de|des|d'entre).{0,30})?|ningun[oa](?: (?:de|d).{0,30})?|nessun[oa](?: (?:di|de).{0,30})?"
    r"|nenhuma?(?: (?:da|de|do).{0,30})?|以上(?:都不(?:是|对|對)|皆非)|都不(?:是|对)|どれでもない|該当なし"
)
# what stands before a letter and belongs to it
OPTION = re.compile(
    r"(?:the\s|la\s|el\s|le\s|il\s|die\s|a\s|l')?(?:correct\s|right\s|best\s)?(?:answer\s)?(?:option|choice|letter|answer|alternative|statement|case|no\.|number|"
    r"antwort|auswahl|möglichkeit|la\s(?:réponse|respuesta|risposta|resposta)|réponse|lettre|respuesta|opción|letra|risposta|opzione|lettera|"
    r"resposta|opção|alternativa|选项|選項|选|選|第|選択肢|(?<=la)|(?<=die))\s?(?:is\s)?[:：#]?\s?(?=[(\[（【]?\s?(?:[A-Za-z]|\d{1,2})(?![A-Za-z]))",
    re.IGNORECASE,
)
# what may follow a letter and belongs to it
IS_RIGHT = re.compile(
    r"\s(?:is|ist|est|es|è|é)\s(?:the\s)?(?:correct|right|best|true|richtig|correcta?|correcte|corretta|correta)(?:\s(?:answer|option|choice|one))?$",
    re.IGNORECASE,
)

_LETTER = r"[(\[（]?\*{0,2}([A-Z])\*{0,2}[)\]）]?(?![A-Za-z'’])"
_RIGHT = r"(?:the\s)?(?:only\s)?(?:most\s)?(?:correct|right|best|true|accurate|appropriate|richtig|correcta?|correcte|juste|corretta|correta|certa)"
# sentences that choose a letter; small words of the pattern may begin with a capital
CHOICE_SAID = re.compile(
    rf"(?:[Oo]ption|[Cc]hoice|[Aa]nswer|[Ss]tatement|[Aa]ntwort|[Oo]pción|[Oo]pzione|[Oo]pção|[Aa]lternativa|[Rr]éponse)\s{_LETTER}\s"
    rf"(?:is|must be|seems|ist|est|es|è|é)\s{_RIGHT}"
    rf"|(?<![A-Za-z]){_LETTER}\s(?:is|must be|ist|est|es|è|é)\s{_RIGHT}"
    rf"|(?:[Cc]hoose|[Ss]elect|[Pp]ick|[Gg]o with|[Oo]pt for|[Gg]oing with|[Ww]ähle|[Cc]hoisis|[Ee]lijo|[Ss]celgo|[Ee]scolho)\s"
    rf"(?:option\s|answer\s|choice\s|Antwort\s|l'option\s|la\s|a\s)?{_LETTER}"
    r"|(?:[Tt]herefore|[Tt]hus|[Hh]ence|[Ss]o)[,:]?\s(?:it's\s|it is\s|the answer:?\s|answer:?\s)?[(\[（]\*{0,2}([A-Z])\*{0,2}[)\]）](?=[\s.,]|$)"
    r"|选项?\s?[(（]?([A-Z])[)）]?\s?(?:是)?正确"
)
