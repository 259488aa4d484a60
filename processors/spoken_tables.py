"""English words for units, money, signs and short forms."""

from __future__ import annotations

import re

MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]

PLAIN_MARKS = str.maketrans(
    {
        **{chr(0xFF01 + n): chr(0x21 + n) for n in range(94)},  # full-width letters, digits and signs
        **{"²": "^2", "³": "^3", "½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3", "⁄": "/"},
        **{"’": "'", "‘": "'", "`": "'", "´": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "′": "'", "″": '"'},
        **{"…": "...", "−": "-", "‐": "-", "‑": "-", "μ": "µ", "\u2126": "Ω", "[": " ", "]": " ", "™": "", "®": "", "©": "copyright "},
        **dict.fromkeys("\u00a0\u202f\u2009\u3000", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),  # marks without width
    }
)

MONEY = {  # one, many, one hundredth, hundredths
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "¢": ("cent", "cents", "", ""),
    "RM": ("ringgit", "ringgit", "sen", "sen"),
    "Rs": ("rupee", "rupees", "paisa", "paise"),
}
CODED = {
    "USD": MONEY["$"],
    "EUR": MONEY["€"],
    "GBP": MONEY["£"],
    "JPY": MONEY["¥"],
    "INR": MONEY["₹"],
    "MYR": MONEY["RM"],
    "CHF": ("franc", "francs", "centime", "centimes"),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
}

UNITS = {
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "km": ("kilometer", "kilometers"),
    "m/s": ("meter per second", "meters per second"),
    "m/s^2": ("meter per second squared", "meters per second squared"),
    "MPH": ("mile per hour", "miles per hour"),
    "µF": ("microfarad", "microfarads"),
    "mH": ("millihenry", "millihenries"),
    "Ω": ("ohm", "ohms"),
    "mph": ("mile per hour", "miles per hour"),
    "mi": ("mile", "miles"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "nm": ("nanometer", "nanometers"),
    "µm": ("micrometer", "micrometers"),
    "ft": ("foot", "feet"),
    "yd": ("yard", "yards"),
    "kg": ("kilogram", "kilograms"),
    "mg": ("milligram", "milligrams"),
    "g": ("gram", "grams"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"),
    "L": ("liter", "liters"),
    "l": ("liter", "liters"),
    "m": ("meter", "meters"),
    "m^2": ("square meter", "square meters"),
    "km^2": ("square kilometer", "square kilometers"),
    "cm^2": ("square centimeter", "square centimeters"),
    "m^3": ("cubic meter", "cubic meters"),
    "cm^3": ("cubic centimeter", "cubic centimeters"),
    "sq ft": ("square foot", "square feet"),
    "s": ("second", "seconds"),
    "sec": ("second", "seconds"),
    "ms": ("millisecond", "milliseconds"),
    "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"),
    "h": ("hour", "hours"),
    "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"),
    "Hz": ("hertz", "hertz"),
    "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "V": ("volt", "volts"),
    "W": ("watt", "watts"),
    "kW": ("kilowatt", "kilowatts"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "J": ("joule", "joules"),
    "N": ("newton", "newtons"),
    "KB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"),
    "px": ("pixel", "pixels"),
    "dB": ("decibel", "decibels"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"),
    "cal": ("calorie", "calories"),
    "kcal": ("kilocalorie", "kilocalories"),
}

DENOMINATORS = {
    2: ("half", "halves"),
    3: ("third", "thirds"),
    4: ("quarter", "quarters"),
    5: ("fifth", "fifths"),
    6: ("sixth", "sixths"),
    7: ("seventh", "sevenths"),
    8: ("eighth", "eighths"),
    9: ("ninth", "ninths"),
    10: ("tenth", "tenths"),
    12: ("twelfth", "twelfths"),
    16: ("sixteenth", "sixteenths"),
    100: ("hundredth", "hundredths"),
}

ABBREVIATIONS: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), spoken)
    for pattern, spoken in (
        (r"\bO\.?K\b\.?(?!\w)", "okay"),
        (r"\bWW\s?(?:2|II)\b", "World War Two"),
        (r"\bWW\s?(?:1|I)\b|\bWorld War I\b", "World War One"),
        (r"(?<=\b[Tt]he )WHO\b", "W H O"),
        (r"\bIT(?= (?:department|support|team|company|industry|security|manager|professional|system|service|staff|sector))", "I T"),
        (r"\bC\+\+", "C plus plus"),
        (r"\b([CF])#(?!\w)", r"\1 sharp"),
        (r"\b([A-F])\+(?![\w+])", r"\1 plus"),
        (r"\b(Node|Next|Vue|Express|Three|React|D3)\.js\b", r"\1 J S"),
        (r"\b9/11\b", "nine eleven"),
        (r"\b[Ee]\.\s?g\.,?", "for example"),
        (r"\b[Ii]\.\s?e\.,?", "that is"),
        (r"\b[Vv]s\.?(?!\w)", "versus"),
        (r"\b[Ee]tc\b\.?", "et cetera"),
        (r"\bet al\.", "and others"),
        (r"\ba\.k\.a\.|\baka\b", "also known as"),
        (r"\bDr\.(?=\s+[A-Z])", "Doctor"),
        (r"(?<=[a-z]\s)Dr\.", "Drive"),
        (r"\bMr\.", "Mister"),
        (r"\bMrs\.", "Missus"),
        (r"\bMs\.", "Miz"),
        (r"\bProf\.", "Professor"),
        (r"\bCapt\.", "Captain"),
        (r"\bGen\.(?=\s+[A-Z])", "General"),
        (r"\bSgt\.", "Sergeant"),
        (r"\bLt\.", "Lieutenant"),
        (r"\bGov\.(?=\s+[A-Z])", "Governor"),
        (r"\bSen\.(?=\s+[A-Z])", "Senator"),
        (r"\bSt\.(?=\s+[A-Z])", "Saint"),
        (r"(?<=[a-z]\s)St\.", "Street"),
        (r"\bAve\.", "Avenue"),
        (r"\bRd\.", "Road"),
        (r"\bMt\.(?=\s+[A-Z])", "Mount"),
        (r"\bFt\.(?=\s+[A-Z])", "Fort"),
        (r"\bJr\.", "Junior"),
        (r"\bSr\.", "Senior"),
        (r"\bInc\.", "Incorporated"),
        (r"\bLtd\.", "Limited"),
        (r"\bCo\.(?=\W)", "Company"),
        (r"\bCorp\.", "Corporation"),
        (r"\bDept\.", "Department"),
        (r"\b[Aa]pprox\.", "approximately"),
        (r"\b[Ff]ig\.(?=\s?\d)", "figure"),
        (r"\b[Vv]ol\.(?=\s?\d)", "volume"),
        (r"\b[Cc]h\.(?=\s?\d)", "chapter"),
        (r"\bpp\.(?=\s?\d)", "pages"),
        (r"\bp\.(?=\s?\d)", "page"),
        (r"\b[Mm]ax\.", "maximum"),
        (r"\b[Mm]in\.(?=\s)", "minimum"),
        (r"\b[Aa]vg\.", "average"),
        (r"\b24/7\b", "twenty-four seven"),
        (r"\bw/o\b", "without"),
        (r"\bw/\s?", "with "),
        (r"\bsq\.\s?ft\.?", "square feet"),
        (r"\band/or\b", "and or"),
        (r"\bPh\.?\s?D\b\.?", "P H D"),
        (r"\bU\.S\.A\.", "U S A"),
    )
]

GREEK = ("alpha", "beta", "gamma", "delta", "delta", "epsilon", "theta", "lambda", "sigma", "sigma", "phi", "omega")
_NEAR = r"(?<=[\w)])\s*"  # between two operands
_NEXT = r"\s*(?=[\w(.$£€√-])"
OPERATORS: list[tuple[str, re.Pattern[str], str]] = [  # a sign the text must hold (quicker than the pattern), how it is read
    (sign, re.compile(pattern), spoken)
    for sign, pattern, spoken in (
        ("=", r"\s*(?:==|=)\s*(?:\?|_+)", " equals what?"),
        ("≠", r"\s*≠\s*", " is not equal to "),
        ("!=", r"\s*!=\s*", " is not equal to "),
        ("≤", r"\s*≤\s*", " is at most "),
        ("<=", r"\s*<=\s*", " is at most "),
        ("≥", r"\s*≥\s*", " is at least "),
        (">=", r"\s*>=\s*", " is at least "),
        ("≈", r"\s*≈\s*", " is about "),
        ("~=", r"\s*~=\s*", " is about "),
        ("=", _NEAR + "==?" + _NEXT, " equals "),
        ("<", r"(?<=[\w)])\s<\s(?=[\w(-])", " is less than "),
        (">", r"(?<=[\w)])\s>\s(?=[\w(-])", " is greater than "),
        ("s ", r"\b([Ii]s [\w.]{1,12}) is (?=less than|greater than|at most|at least|about|not equal)", r"\1 "),
        ("±", r"\s*±\s*", " plus or minus "),
        ("×", r"\s*×\s*", " times "),
        ("÷", r"\s*÷\s*", " divided by "),
        ("+", _NEAR + r"\+" + _NEXT, " plus "),
        ("+", r"(?<=\d)\+(?=\s|$|[,.?!])", " plus"),
        ("*", r"(?<=[\w)])\*(?=[\w(])|(?<=[\d)])\s\*\s(?=[\w(])|(?<=\b[a-z])\s\*\s(?=[\d(]|[a-z]\b)", " times "),
        ("-", r"(?<=[\d)])\s+-\s+(?=[\d(])|(?<=\b[a-z])\s+-\s+(?=[\d(])|(?<=[\d)])\s+-\s+(?=[a-z]\b)", " minus "),
        ("/", r"(?<=\d)\s+/\s+(?=\d)", " divided by "),
        ("√", r"√\s*", "the square root of "),
        ("π", r"π", "pi"),
        *((letter, letter, f" {name} ") for letter, name in zip("αβγδΔεθλσΣφω", GREEK, strict=True)),
        ("∞", r"∞", "infinity"),
        ("°", r"(?<=\w)\s*°", " degrees"),
        ("&", r"\s*&\s*", " and "),
        ("@", r"(?<=\w)\s*@\s*(?=\w)", " at "),
        ("@", r"(?<!\w)@(?=\w)", "at "),
        ("#", r"(?<!\w)#(?=[A-Za-z])", "hashtag "),
        ("/", r"(?<=[A-Za-z])/(?=[A-Za-z])", " or "),
        ("–", r"\s+–\s+", ", "),
        ("—", r"\s+—\s+|(?<=\w)—(?=\w)", ", "),
        ("-", r"\s+-\s+", ", "),
        ("~", r"~\s*(?=[\d$])", "about "),
        ("–", r"–", "-"),
    )
]

_WORDS = (
    "A I AM AN AND ARE AS AT BE BUT BY CAN DO DID FOR FROM GO HAD HAS HE HER HIM HIS HOW IF IN IS IT ITS ME MY NO NOT OF OFF OLD ON ONE"
    " OR OUR OUT OWN SEE SHE SO THE TO TOO TWO UP USE WAS WAY WE WHO WHY YES YET YOU ALL ANY BIG DAY END FAR FEW GET GOT LET MAN MAX MAY"
    " MEN MIN NEW NOW PUT RED RUN SET SUM TAX TEN TOP TRY SIX"
    " AIDS COVID FIFA GIF IKEA JPEG LASER LIDAR NASA NATO OPEC PIN RADAR RAM ROM SCUBA SIM SONAR UNESCO UNICEF YOLO ZIP"
)
SPOKEN_AS_WORDS = frozenset(_WORDS.split())
_INITIALS = "AAPL ACLU ASAP DIY EBITDA FAQS ISBN IEEE MIDI NAACP NCAA SUV UCLA UEFA USAF USDA USSR WIFI YMCA HTTP HTTPS API APIS GPUS"
SPOKEN_BY_LETTER = frozenset(_INITIALS.split())

# after one of these a Roman numeral counts (the second), elsewhere it numbers (two)
_RULERS = (
    "Henry Louis Edward Elizabeth Charles George William James Richard Philip Frederick Alexander Nicholas Catherine Ivan Peter"
    " Napoleon Paul Pius Benedict Leo Otto Wilhelm Mary Margaret Robert David Ferdinand Leopold Xerxes Darius Ptolemy Mehmed Murad"
    " Suleiman Gustav Christian Haakon Harald Olaf Carl Karl Franz Joseph Victor Emmanuel Umberto Alfonso Juan Pedro Malcolm Constantine"
    " Justinian Theodosius Gregory Innocent Urban Clement Julius Ramses Ramesses Thutmose Amenhotep Cyrus Francis Maximilian Rudolf"
    " Sigismund Vladimir Boniface Celestine Adrian Sixtus Abdul Hamid Rama Mahmud Selim Margrethe Beatrix Harold Stephen"
)
RULERS = frozenset(_RULERS.split())
YEAR_NOUNS = (
    "season|election|elections|edition|model|census|report|film|movie|song|album|book|novel|war|tour|final|draft|race|budget|survey"
    "|study|remake|version|earthquake|tsunami|pandemic|crisis|revolution|treaty|constitution"
)
