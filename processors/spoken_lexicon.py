"""Words of seven languages for signs, money, units, months and clock times, as a reader says them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Lexicon:
    """`money` and `units` have the words for one of a thing (the number included) and for more of it.

    `hundredths` are those of euro and dollar; `money_joint` stands between euros and cents; `clock` is hours and minutes,
    `full_hour` hours alone, `one_hour` one hour alone; `joint` stands between numbers and words.
    """

    percent: str
    money: dict[str, tuple[str, str]]
    hundredths: str
    money_joint: str
    months: tuple[str, ...]
    of: str  # between day, month and year
    and_: str
    or_: str
    plus: str
    minus: str
    clock: str
    full_hour: str
    one_hour: str
    units: dict[str, tuple[str, str]] = field(default_factory=dict)
    joint: str = " "


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


def _units(*pairs: tuple[str, str]) -> dict[str, tuple[str, str]]:
    signs = ("km/h", "km", "m", "cm", "mm", "kg", "g", "l", "ml", "h", "min", "s", "°C", "m²", "km²")
    return dict(zip(signs, pairs, strict=True))


FRENCH = Lexicon(
    percent="pour cent",
    money={"€": ("un euro", "euros"), "$": ("un dollar", "dollars"), "£": ("une livre", "livres"), "¥": ("un yen", "yens")},
    hundredths="centimes",
    money_joint=" ",
    months=_listed("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
    of=" ",
    and_="et",
    or_="ou",
    plus="plus",
    minus="moins",
    clock="{} heures {}",
    full_hour="{} heures",
    one_hour="une heure",
    units=_units(
        ("un kilomètre par heure", "kilomètres par heure"),
        ("un kilomètre", "kilomètres"),
        ("un mètre", "mètres"),
        ("un centimètre", "centimètres"),
        ("un millimètre", "millimètres"),
        ("un kilogramme", "kilogrammes"),
        ("un gramme", "grammes"),
        ("un litre", "litres"),
        ("un millilitre", "millilitres"),
        ("une heure", "heures"),
        ("une minute", "minutes"),
        ("une seconde", "secondes"),
        ("un degré Celsius", "degrés Celsius"),
        ("un mètre carré", "mètres carrés"),
        ("un kilomètre carré", "kilomètres carrés"),
    ),
)

GERMAN = Lexicon(
    percent="Prozent",
    money={"€": ("ein Euro", "Euro"), "$": ("ein Dollar", "Dollar"), "£": ("ein Pfund", "Pfund"), "¥": ("ein Yen", "Yen")},
    hundredths="Cent",
    money_joint=" ",
    months=_listed("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
    of=" ",
    and_="und",
    or_="oder",
    plus="plus",
    minus="minus",
    clock="{} Uhr {}",
    full_hour="{} Uhr",
    one_hour="ein Uhr",
    units=_units(
        ("ein Kilometer pro Stunde", "Kilometer pro Stunde"),
        ("ein Kilometer", "Kilometer"),
        ("ein Meter", "Meter"),
        ("ein Zentimeter", "Zentimeter"),
        ("ein Millimeter", "Millimeter"),
        ("ein Kilogramm", "Kilogramm"),
        ("ein Gramm", "Gramm"),
        ("ein Liter", "Liter"),
        ("ein Milliliter", "Milliliter"),
        ("eine Stunde", "Stunden"),
        ("eine Minute", "Minuten"),
        ("eine Sekunde", "Sekunden"),
        ("ein Grad Celsius", "Grad Celsius"),
        ("ein Quadratmeter", "Quadratmeter"),
        ("ein Quadratkilometer", "Quadratkilometer"),
    ),
)

ITALIAN = Lexicon(
    percent="per cento",
    money={"€": ("un euro", "euro"), "$": ("un dollaro", "dollari"), "£": ("una sterlina", "sterline"), "¥": ("uno yen", "yen")},
    hundredths="centesimi",
    money_joint=" e ",
    months=_listed("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"),
    of=" ",
    and_="e",
    or_="o",
    plus="più",
    minus="meno",
    clock="{} e {}",
    full_hour="{}",
    one_hour="l'una",
    units=_units(
        ("un chilometro all'ora", "chilometri all'ora"),
        ("un chilometro", "chilometri"),
        ("un metro", "metri"),
        ("un centimetro", "centimetri"),
        ("un millimetro", "millimetri"),
        ("un chilogrammo", "chilogrammi"),
        ("un grammo", "grammi"),
        ("un litro", "litri"),
        ("un millilitro", "millilitri"),
        ("un'ora", "ore"),
        ("un minuto", "minuti"),
        ("un secondo", "secondi"),
        ("un grado Celsius", "gradi Celsius"),
        ("un metro quadrato", "metri quadrati"),
        ("un chilometro quadrato", "chilometri quadrati"),
    ),
)

PORTUGUESE = Lexicon(
    percent="por cento",
    money={
        "€": ("um euro", "euros"),
        "$": ("um dólar", "dólares"),
        "£": ("uma libra", "libras"),
        "¥": ("um iene", "ienes"),
        "R$": ("um real", "reais"),
    },
    hundredths="centavos",
    money_joint=" e ",
    months=_listed("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"),
    of=" de ",
    and_="e",
    or_="ou",
    plus="mais",
    minus="menos",
    clock="{} horas e {}",
    full_hour="{} horas",
    one_hour="uma hora",
    units=_units(
        ("um quilômetro por hora", "quilômetros por hora"),
        ("um quilômetro", "quilômetros"),
        ("um metro", "metros"),
        ("um centímetro", "centímetros"),
        ("um milímetro", "milímetros"),
        ("um quilograma", "quilogramas"),
        ("um grama", "gramas"),
        ("um litro", "litros"),
        ("um mililitro", "mililitros"),
        ("uma hora", "horas"),
        ("um minuto", "minutos"),
        ("um segundo", "segundos"),
        ("um grau Celsius", "graus Celsius"),
        ("um metro quadrado", "metros quadrados"),
        ("um quilômetro quadrado", "quilômetros quadrados"),
    ),
)

SPANISH = Lexicon(
    percent="por ciento",
    money={"€": ("un euro", "euros"), "$": ("un dólar", "dólares"), "£": ("una libra", "libras"), "¥": ("un yen", "yenes")},
    hundredths="céntimos",
    money_joint=" con ",
    months=_listed("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    of=" de ",
    and_="y",
    or_="o",
    plus="más",
    minus="menos",
    clock="{} {}",
    full_hour="{} horas",
    one_hour="una hora",
    units=_units(
        ("un kilómetro por hora", "kilómetros por hora"),
        ("un kilómetro", "kilómetros"),
        ("un metro", "metros"),
        ("un centímetro", "centímetros"),
        ("un milímetro", "milímetros"),
        ("un kilogramo", "kilogramos"),
        ("un gramo", "gramos"),
        ("un litro", "litros"),
        ("un mililitro", "mililitros"),
        ("una hora", "horas"),
        ("un minuto", "minutos"),
        ("un segundo", "segundos"),
        ("un grado Celsius", "grados Celsius"),
        ("un metro cuadrado", "metros cuadrados"),
        ("un kilómetro cuadrado", "kilómetros cuadrados"),
    ),
)

CHINESE = Lexicon(
    percent="",  # 百分之 stands before the number
    money={"€": ("一欧元", "欧元"), "$": ("一美元", "美元"), "£": ("一英镑", "英镑"), "¥": ("一元", "元")},
    hundredths="",
    money_joint="",
    months=(),
    of="",
    and_="和",
    or_="或",
    plus="加",
    minus="负",
    clock="{}点{}分",
    full_hour="{}点",
    one_hour="一点",
    units=_units(
        *((f"一{name}", name) for name in _listed("公里每小时 公里 米 厘米 毫米 公斤 克 升 毫升 小时 分钟 秒 摄氏度 平方米 平方公里"))
    ),
    joint="",
)

JAPANESE = Lexicon(
    percent="パーセント",
    money={"€": ("一ユーロ", "ユーロ"), "$": ("一ドル", "ドル"), "£": ("一ポンド", "ポンド"), "¥": ("一円", "円")},
    hundredths="",
    money_joint="",
    months=(),
    of="",
    and_="と",
    or_="か",
    plus="プラス",
    minus="マイナス",
    clock="{}時{}分",
    full_hour="{}時",
    one_hour="一時",
    units=_units(
        *(
            (f"一{name}", name)
            for name in _listed(
                "キロメートル毎時 キロメートル メートル センチメートル ミリメートル キログラム グラム リットル ミリリットル"
                " 時間 分 秒 度 平方メートル 平方キロメートル"
            )
        )
    ),
    joint="",
)

LEXICONS = {"fr": FRENCH, "de": GERMAN, "it": ITALIAN, "pt": PORTUGUESE, "es": SPANISH, "zh": CHINESE, "ja": JAPANESE}
