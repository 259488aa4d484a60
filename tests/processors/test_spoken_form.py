"""Seven languages read numbers, money, units, dates and times aloud; transcripts keep their digits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.spoken_form import verbalise
from processors.spoken_lexicon import LEXICONS

READ = [
    ("de", "Um 14:30 Uhr", "Um vierzehn Uhr dreißig"),
    ("de", "um 9:05", "um neun Uhr fünf"),
    ("de", "Es kostet 2,50 €.", "Es kostet zwei Euro fünfzig."),
    ("de", "1 € und 1.000 €", "ein Euro und eintausend Euro"),
    ("de", "0,50 €", "fünfzig Cent"),
    ("de", "$5", "fünf Dollar"),
    ("de", "3,14", "drei Komma eins vier"),
    ("de", "1.234,5 Meter", "eintausendzweihundertvierunddreißig Komma fünf Meter"),
    ("de", "im 18. Jahrhundert", "im achtzehnten Jahrhundert"),
    ("de", "der 3. Mai", "der dritte Mai"),
    ("de", "am 3. Mai 2024", "am dritten Mai zweitausendvierundzwanzig"),
    ("de", "05.03.2024", "fünfter März zweitausendvierundzwanzig"),
    ("de", "2024-03-05", "fünfter März zweitausendvierundzwanzig"),
    ("de", "Er lebte 1886.", "Er lebte achtzehnhundertsechsundachtzig."),
    ("de", "1886 Euro", "eintausendachthundertsechsundachtzig Euro"),
    ("de", "die 1960er Jahre", "die neunzehnhundertsechziger Jahre"),
    ("de", "3:1 gewonnen", "drei zu eins gewonnen"),
    ("de", "-5 °C", "minus fünf Grad Celsius"),
    ("de", "20 % von 100 km/h", "zwanzig Prozent von einhundert Kilometer pro Stunde"),
    ("de", "1 kg, 2 kg", "ein Kilogramm, zwei Kilogramm"),
    ("de", "1 Stunde", "eine Stunde"),
    ("de", "1 Tag", "ein Tag"),
    ("de", "Nummer 1", "Nummer eins"),
    ("de", "Lehrer/innen", "Lehrerinnen"),
    ("de", "Lehrer und/oder Schüler", "Lehrer und oder Schüler"),
    ("de", "Hund/Katze", "Hund oder Katze"),
    ("de", "Tom & Jerry", "Tom und Jerry"),
    ("de", "2 + 3", "zwei plus drei"),
    ("fr", "à 14h30", "à quatorze heures trente"),
    ("fr", "14 h", "quatorze heures"),
    ("fr", "à 1:00", "à une heure"),
    ("fr", "le 1er mai", "le premier mai"),
    ("fr", "la 1re fois", "la première fois"),
    ("fr", "la 2e fois, le 3ème", "la deuxième fois, le troisième"),
    ("fr", "01/05/2024", "premier mai deux mille vingt-quatre"),
    ("fr", "5,50 €", "cinq euros cinquante"),
    ("fr", "1 200 m", "mille deux cents mètres"),
    ("fr", "1\u202f200 habitants", "mille deux cents habitants"),
    ("fr", "20\u00a0%", "vingt pour cent"),
    ("fr", "-3,5", "moins trois virgule cinq"),
    ("fr", "et/ou", "et ou"),
    ("es", "4 min 51 s", "cuatro minutos cincuenta y un segundos"),
    ("es", "21 años", "veintiún años"),
    ("es", "21 casas", "veintiuna casas"),
    ("es", "200 personas", "doscientas personas"),
    ("es", "500 libros", "quinientos libros"),
    ("es", "3,50 €", "tres euros con cincuenta"),
    ("es", "1º y 2ª", "primero y segunda"),
    ("es", "a las 14:30", "a las catorce treinta"),
    ("es", "5 de marzo de 2024", "cinco de marzo de dos mil veinticuatro"),
    ("es", "05/03/2024", "cinco de marzo de dos mil veinticuatro"),
    ("es", "1.200,5", "mil doscientos coma cinco"),
    ("it", "5 km e 1 l", "cinque chilometri e un litro"),
    ("it", "3ª volta", "terza volta"),
    ("it", "1 casa, 1 gatto", "una casa, un gatto"),
    ("it", "alle 14:05", "alle quattordici e cinque"),
    ("it", "118", "centodiciotto"),
    ("pt", "R$ 5,20", "cinco reais e vinte"),
    ("pt", "2 pessoas", "duas pessoas"),
    ("pt", "21 mulheres", "vinte e um mulheres"),  # the ending does not tell
    ("pt", "200 casas", "duzentas casas"),
    ("pt", "US$ 5", "cinco dólares"),
    ("pt", "05/03/2024", "cinco de março de dois mil e vinte e quatro"),
    ("zh", "2015年", "二零一五年"),
    ("zh", "2015 赛季", "二零一五 赛季"),
    ("zh", "3.5%", "百分之三点五"),
    ("zh", "¥1,200", "一千二百元"),
    ("zh", "14:05", "十四点零五分"),
    ("zh", "9:00", "九点"),
    ("zh", "565°C的", "五百六十五摄氏度的"),
    ("zh", "A&B", "A和B"),
    ("zh", "第50届", "第五十届"),
    ("zh", "2024-03-05", "二零二四年三月五日"),
    ("ja", "2024-03-05", "二千二十四年三月五日"),
    ("ja", "¥500", "五百円"),
    ("ja", "20%", "二十パーセント"),
    ("ja", "14:30", "十四時三十分"),
    ("ja", "5kgの米", "五キログラムの米"),
    ("en", "5 km", "five kilometers"),
    ("fi", "5 km & 3", "5 km & 3"),
]


@pytest.mark.parametrize(("language", "written", "spoken"), READ)
def test_what_is_written_is_read_so(language: str, written: str, spoken: str) -> None:
    assert verbalise(written, language) == spoken


@pytest.mark.parametrize(("language", "written", "spoken"), [row for row in READ if row[0] not in ("fi",)])
def test_what_is_spoken_already_stays(language: str, written: str, spoken: str) -> None:
    assert verbalise(spoken, language) == spoken


@pytest.mark.parametrize(
    ("language", "written", "kept"),
    [
        ("de", "14:30 Uhr, 2,50 € und 20 %", "14 Uhr 30, 2 Euro 50 und 20 Prozent"),
        ("fr", "1 200 m, 2e fois", "1 200 mètres, 2e fois"),
        ("zh", "3.5%和$5", "百分之3.5和5美元"),
        ("es", "21 años", "21 años"),
    ],
)
def test_transcripts_keep_their_digits(language: str, written: str, kept: str) -> None:
    assert verbalise(written, language, numbers=False) == kept


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "2024-13-45 und 32.13.2024"),
        ("fr", "A4, 3rd, 5a"),
        ("es", "siglo XV"),
        ("it", "2024/99/99"),
    ],
)
def test_what_is_no_date_and_no_number_alone_is_not_read_as_one(language: str, text: str) -> None:
    said = verbalise(text, language)
    assert not any(month in said for month in LEXICONS[language].months)


@pytest.mark.parametrize("language", sorted(LEXICONS))
def test_every_language_has_every_word(language: str) -> None:
    lexicon = LEXICONS[language]
    assert set(lexicon.money) >= {"€", "$", "£", "¥"}
    assert lexicon.units.keys() == LEXICONS["de"].units.keys()
    assert len(lexicon.months) == (0 if language in ("zh", "ja") else 12)
    assert bool(lexicon.joint) != (language in ("zh", "ja"))


@given(text=st.text("0123456789 ,.%€$-:/abkmhº年月円&+", max_size=25), language=st.sampled_from(sorted(LEXICONS)))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_and_letters_outside_numbers_are_kept(text: str, language: str) -> None:
    said = verbalise(text, language)
    assert isinstance(said, str)
    if not any(ch.isdigit() or ch in "&+/" for ch in text):
        assert said == text
    if language in ("zh", "ja"):
        assert not any(ch.isdigit() for ch in said)
