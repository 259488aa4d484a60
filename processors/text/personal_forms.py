"""Tables of personal data's forms: lengths, prefixes, digit words, kinds of streets.

Sources: IBAN lengths from the SWIFT registry; card prefixes from the networks' published ranges.
"""

from __future__ import annotations

import re

IBAN_LENGTHS = {
    code: length
    for length, codes in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD FK",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK MN",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for code in codes.split()
}
CARD_PREFIXES = (  # a prefix and the lengths that its network issues
    (r"4", (13, 16, 19)),  # Visa
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    (r"3[47]", (15,)),  # American Express
    (r"30[0-5]|3[689]", (14,)),  # Diners Club
    (r"6011|64[4-9]|65", (16, 19)),  # Discover
    (r"352[89]|35[3-8]", (16,)),  # JCB
    (r"1800|2131", (15,)),  # JCB, older
    (r"50|5[6-8]|6[0-9]", (13, 14, 15, 16, 18, 19)),  # Maestro, UnionPay
)
REGIONS = {
    "": ("US", "GB"),
    "en": ("US", "GB", "AU", "IE", "IN"),
    "de": ("DE", "AT", "CH"),
    "fr": ("FR", "BE", "CH"),
    "es": ("ES", "MX", "AR"),
    "it": ("IT", "CH"),
    "pt": ("PT", "BR"),
    "ja": ("JP",),
    "zh": ("CN", "TW", "HK"),
}

# ---- spoken e-mail

_PROVIDERS = (
    "gmail googlemail yahoo hotmail outlook icloud aol protonmail proton gmx web live msn me mail yandex fastmail zoho posteo t-online orange "
    "wanadoo laposte libero tiscali hushmail tutanota comcast verizon att sbcglobal qq 163 126"
)
MAIL_PROVIDERS = frozenset(_PROVIDERS.split())
_NOT_MAILBOXES = (
    "me us him her them it you is are was look looking available found find online live lives website site page visit out here there address inbox "
    "account based works work meet back people stuff that this arrived one more read see up down free shop buy sold up-to-date"
)
NOT_MAILBOXES = frozenset(_NOT_MAILBOXES.split())  # words that stand before "at" a site
_TLD = "com|org|net|edu|gov|info|biz|io|co|ai|de|at|ch|fr|es|it|pt|br|uk|us|ca|au|jp|cn|eu|nl|se|in|mx|ar|me"
SPOKEN_DOT = re.compile(
    r"\s{1,4}(?:dot|punkt|point|punto|ponto)\s{1,4}|\s{0,4}[\[({]\s{0,4}(?:dot|punkt|point|punto|ponto)\s{0,4}[\])}]\s{0,4}|\.", re.I
)
_DOT = r"(?:\s{1,4}(?:dot|punkt|point|punto|ponto)\s{1,4}|\s{0,4}[\[({]\s{0,4}(?:dot|punkt|point|punto|ponto)\s{0,4}[\])}]\s{0,4}|\.)"
_JOINT = (
    r"(?:\s{1,4}(?:dot|underscore|dash|hyphen|minus|plus|punkt|unterstrich|bindestrich|point|tiret|punto|guion|ponto|traço)\s{1,4}|[._-])"
)
SPOKEN_DOMAIN = re.compile(rf"(?:dot|punkt|point|punto|ponto|\.)[\s\])}}]{{0,3}}(?:{_TLD})\b", re.I)  # cheap to look for first
SPOKEN_EMAIL = re.compile(
    rf"(?<![\w.@-])(?P<local>(?:[a-z0-9](?:\s{{1,4}}[a-z0-9]){{2,15}}\b|[^\W_]{{1,30}}(?:{_JOINT}[^\W_]{{1,30}}){{0,4}}))"
    r"(?P<at>\s{1,4}(?:at|ät|arobase|arroba|chiocciola|klammeraffe)\s{1,4}|\s{0,4}[\[({]\s{0,4}(?:at|ät|@)\s{0,4}[\])}]\s{0,4})"
    rf"(?P<domain>(?:(?!dot\b|punkt\b)[^\W_][\w-]{{0,30}}{_DOT}){{1,3}}(?:{_TLD}))(?!\w|\.\w)",
    re.I,
)

# ---- spoken digits

_ENGLISH = "zero:0 oh:0 o:0 nought:0 one:1 two:2 three:3 four:4 five:5 six:6 seven:7 eight:8 nine:9 double:2x triple:3x"
_TABLES = {
    "en": _ENGLISH,
    "de": "null:0 eins:1 zwei:2 zwo:2 drei:3 vier:4 fünf:5 sechs:6 sieben:7 acht:8 neun:9 doppel:2x",
    "fr": "zéro:0 un:1 deux:2 trois:3 quatre:4 cinq:5 six:6 sept:7 huit:8 neuf:9",
    "es": "cero:0 uno:1 dos:2 tres:3 cuatro:4 cinco:5 seis:6 siete:7 ocho:8 nueve:9",
    "it": "zero:0 uno:1 due:2 tre:3 quattro:4 cinque:5 sei:6 sette:7 otto:8 nove:9",
    "pt": "zero:0 um:1 dois:2 três:3 quatro:4 cinco:5 seis:6 meia:6 sete:7 oito:8 nove:9",
    "zh": "零:0 〇:0 一:1 幺:1 二:2 两:2 三:3 四:4 五:5 六:6 七:7 八:8 九:9",
    "ja": "零:0 〇:0 一:1 二:2 三:3 四:4 五:5 六:6 七:7 八:8 九:9",
}


def _digit_pattern(language: str, words: dict[str, str]) -> re.Pattern[str]:
    if language in ("zh", "ja"):
        return re.compile(rf"[{''.join(words)}](?:[ 、,，-]?[{''.join(words)}]){{6,18}}")
    one = "|".join(sorted(words, key=len, reverse=True))
    return re.compile(rf"\b(?:{one})\b(?:[ \t]*[,\-–.]?[ \t\n]*\b(?:{one})\b){{3,40}}", re.I)


def _digit_table(language: str) -> tuple[dict[str, str], re.Pattern[str]]:
    words = dict(entry.split(":") for entry in _TABLES[language].split())
    return words, _digit_pattern(language, words)


DIGIT_WORDS = {language: _digit_table(language) for language in _TABLES}

# ---- street addresses: a number and a street, with a unit, a postcode, or a word that says that somebody lives there

_WORD = r"[^\W\d_a-zà-öø-ÿ][\w'’.-]{0,24}"  # begins with a capital, in any script that has them
_SMALL = r"(?:u\.|ul\.|de|do|da|dos|del|della|dei|la|le|les|des|du|al|el|van|der|den|am|im|an|of|the)"
_TYPE = (
    r"(?:Street|St\.?|Avenue|Ave\.?|Road|Rd\.?|Boulevard|Blvd\.?|Lane|Ln\.?|Drive|Dr\.?|Court|Ct\.?|Place|Pl\.?|Square|Sq\.?|Terrace|Way|"
    r"Circle|Parkway|Pkwy\.?|Highway|Hwy\.?|Close|Crescent|Grove|Trail)"
)
_UNIT = r"(?:Apt\.?|Apartment|Suite|Ste\.?|Flat)\s?\#?\d{1,5}[A-Za-z]?\b"
_CITY = rf"(?:{_WORD}[ ]){{0,2}}{_WORD}"
_POSTCODE = r"(?:[A-Z]{2}\s{1,3}\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|[A-Z]\d[A-Z]\s?\d[A-Z]\d)\b"
_HOUSE = r"(?<![\w.,/$€£-])\d{1,6}[A-Za-z]?(?:[ ]\d{1,5})?[ ]"
_STREET = rf"{_HOUSE}(?:{_WORD}[ ]){{1,4}}{_TYPE}(?!\w)"
_NAMED = rf"{_HOUSE}(?:(?:{_WORD}|{_SMALL})[ ]){{0,4}}{_WORD}(?:[ ]\d{{1,5}}\b)?"  # house number first, whatever the street is called
_LIVES = r"\b[Aa]ddress(?:\sof\s[^\n:]{1,40}?)?(?:\sis|:)\s{1,6}|\b(?:[Ll]ive[sd]?|[Ll]iving|[Rr]esid(?:e[sd]?|ing)|[Ll]ocated)\sat\s"
_EUROPEAN = {  # street with its number, postcode, words that say that somebody lives there
    "de": (
        rf"\b{_WORD}(?:straße|strasse|str\.|gasse|allee|platz|weg|ufer|damm)\s\d{{1,4}}[a-z]?\b",
        r"\d{4,5}",
        r"\b(?:wohn\w{1,3}|Adresse|Anschrift)\b",
    ),
    "fr": (
        rf"\b\d{{1,4}}(?:\s(?:bis|ter))?,?\s(?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Cc]hemin|[Aa]llée|[Ii]mpasse|[Qq]uai|[Pp]lace)\s(?:{_SMALL}\s|l['’]|d['’]){{0,2}}{_CITY}",
        r"\d{5}",
        r"\b(?:habit\w{1,3}|demeur\w{1,4}|[Aa]dresse)\b",
    ),
    "es": (
        rf"\b(?:[Cc]alle|C/|[Aa]venida|Avda\.?|[Pp]laza|[Pp]aseo)\s(?:{_SMALL}\s){{0,2}}{_CITY},?\s(?:n[úu]mero\s|n\.?º\s?)?\d{{1,4}}\b",
        r"\d{5}",
        r"\b(?:viv[eo]|vivimos|[Dd]irección|[Dd]omicilio)\b",
    ),
    "it": (
        rf"\b(?:[Vv]ia|[Vv]iale|[Pp]iazza|[Cc]orso)\s(?:{_SMALL}\s){{0,2}}{_CITY},?\s(?:n\.\s?)?\d{{1,4}}\b",
        r"\d{5}",
        r"\b(?:abit[oa]|[Ii]ndirizzo|residente|vivo)\b",
    ),
    "pt": (
        rf"\b(?:[Rr]ua|[Aa]venida|Av\.|[Tt]ravessa|[Pp]raça)\s(?:{_SMALL}\s){{0,2}}{_CITY},?\s(?:n\.?º\s?)?\d{{1,5}}\b",
        r"\d{4,5}-\d{3}",
        r"\b(?:mor[oa]|viv[eo]|[Ee]ndereço|[Mm]orada)\b",
    ),
}
_SPACE = r"[\s>]{1,6}"  # lines may be quoted
# The last group of a pattern, where it has one, is the address. Those of the first row begin with a number.
NUMBERED_ADDRESSES = (
    re.compile(rf"{_STREET},?{_SPACE}{_UNIT}(?:,?{_SPACE}{_CITY},?\s{{1,4}}{_POSTCODE})?"),
    re.compile(rf"{_STREET},?\s{{1,6}}{_CITY},?\s{{1,4}}{_POSTCODE}"),
    re.compile(rf"{_HOUSE}(?:[^\W\d_][\w'’.-]{{0,24}}[ ]){{1,4}}?(?:\d{{1,5}}\.?|[^\W\d_][\w'’.-]{{0,24}}),?{_SPACE}{_UNIT}", re.I),
)
ADDRESSES = (  # literals of which one stands in it, in lower case
    (("apt", "apartment", "suite", "ste", "flat"), re.compile(rf"\b{_UNIT}[ ]{_NAMED}")),
    (("ddress", "live", "living", "resid", "located"), re.compile(rf"(?:{_LIVES})((?:the corner of )?(?:{_STREET}|{_NAMED}))")),
    (
        ("box",),
        re.compile(
            r"\b(?:PSC|Unit)\s\d{1,5},?\s{1,3}Box\s\d{1,6}(?:\s{1,3}[AFD]PO\s{1,2}A[AEP]\s{1,2}\d{5})?\b|\bP\.?\s?O\.?\sBox\s\d{1,6}\b",
            re.I,
        ),
    ),
)
MAX_ADDRESS_CHARS = 240
_LITERALS = {  # in a street's kind, and in the words that say that somebody lives there; lower case
    "de": (("straße", "strasse", "str.", "gasse", "allee", "platz", "weg ", "ufer ", "damm "), ("wohn", "adresse", "anschrift")),
    "fr": (("rue ", "avenue ", "boulevard ", "chemin ", "allée ", "impasse ", "quai ", "place "), ("habit", "demeur", "adresse")),
    "es": (("calle ", "c/ ", "avenida ", "avda", "plaza ", "paseo "), ("vive", "vivo", "vivimos", "dirección", "domicilio")),
    "it": (("via ", "viale ", "piazza ", "corso "), ("abit", "indirizzo", "residente", "vivo")),
    "pt": (("rua ", "avenida ", "av. ", "travessa ", "praça "), ("moro", "mora", "vive", "vivo", "endereço", "morada")),
}
EUROPEAN_ADDRESSES = {
    language: (
        (_LITERALS[language][0], re.compile(rf"{street},?\s{{1,3}}{code}\s{{1,2}}{_CITY}")),
        (_LITERALS[language][1], re.compile(rf"{lives}[^.!?\n]{{0,24}}?[\s(]({street})")),
    )
    for language, (street, code, lives) in _EUROPEAN.items()
}
