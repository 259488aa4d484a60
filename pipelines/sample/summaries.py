"""Made-up news with their summaries, in six languages and in the columns in which such sets are shared, with planted bad rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.sample.grammar import GRAMMARS, paragraph
from pipelines.sample.lines import write_lines
from schemas.identity import keyed_rng

PER_SIZE = 12
LICENCE = "CC0-1.0"
Rows = list[tuple[dict[str, object], str]]


@dataclass(frozen=True, slots=True)
class _News:
    """The sentences of a piece of news, and those of its summary; `{...}` are filled in alike."""

    body: tuple[str, ...]
    summary: tuple[str, ...]
    things: tuple[str, ...]
    months: tuple[str, ...] = ()
    joint: str = " "


NEWS = {
    "en": _News(
        (
            "The council of {place} has decided to restore {thing}.",
            "Work is to begin on {day} {month} {year}, as the mayor, {person}, told the local paper.",
            "The repairs will cost {cost},000 euros, of which the region pays half.",
            "Some {count} people signed a letter that asked for it.",
            "The head of the school said that his pupils would help with the painting.",
        ),
        (
            "The council of {place} will restore {thing} from {iso}.",
            "It costs {cost},000 euros, and the mayor, {person}, has the support of {count} people who signed a letter.",
        ),
        ("the old bridge", "the market hall", "the village well", "the railway station"),
        tuple(["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]),
    ),
    "de": _News(
        (
            "Der Rat von {place} hat beschlossen, {thing} zu erneuern.",
            "Die Arbeiten beginnen am {day}. {month} {year}, wie Bürgermeisterin {person} der Zeitung sagte.",
            "Die Kosten betragen {cost}.000 Euro, die Hälfte davon zahlt das Land.",
            "Rund {count} Menschen hatten einen Brief unterschrieben, der das forderte.",
        ),
        (
            "Der Rat von {place} will {thing} ab dem {iso} erneuern.",
            "Das kostet {cost}.000 Euro; {count} Menschen hatten einen Brief dafür unterschrieben.",
        ),
        ("die alte Brücke", "die Markthalle", "den Dorfbrunnen", "den Bahnhof"),
        tuple(["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"]),
    ),
    "fr": _News(
        (
            "Le conseil de {place} a décidé de restaurer {thing}.",
            "Les travaux commenceront le {day} {month} {year}, a dit la maire, {person}, au journal local.",
            "Ils coûteront {cost} 000 euros, dont la région paie la moitié.",
            "Près de {count} personnes avaient signé une lettre qui le demandait.",
        ),
        (
            "Le conseil de {place} va restaurer {thing} à partir du {iso}.",
            "Cela coûtera {cost} 000 euros ; {count} personnes avaient signé une lettre.",
        ),
        ("le vieux pont", "la halle du marché", "le puits du village", "la gare"),
        tuple(["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"]),
    ),
    "es": _News(
        (
            "El consejo de {place} ha decidido restaurar {thing}.",
            "Las obras empezarán el {day} de {month} de {year}, dijo la alcaldesa, {person}, al periódico local.",
            "Costarán {cost}.000 euros, de los que la región paga la mitad.",
            "Unas {count} personas habían firmado una carta que lo pedía.",
        ),
        (
            "El consejo de {place} va a restaurar {thing} desde el {iso}.",
            "Costará {cost}.000 euros; {count} personas habían firmado una carta.",
        ),
        ("el puente viejo", "el mercado cubierto", "el pozo del pueblo", "la estación"),
        tuple(
            ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"]
        ),
    ),
    "zh": _News(
        (
            "{place}镇议会决定修复{thing}。",
            "工程将于{year}年{number}月{day}日开始，镇长在接受当地报纸采访时说。",
            "修复费用为{cost}000欧元，其中一半由地区政府承担。",
            "此前约有{count}人联名写信提出了这个要求。",
            "学校校长表示，学生们愿意帮忙粉刷墙面，家长们也会带来工具和午餐。",
        ),
        ("{place}镇议会将从{iso}起修复{thing}，费用为{cost}000欧元。", "此前约有{count}人联名写信。"),
        ("旧石桥", "集市大厅", "村中的水井", "火车站"),
        joint="",
    ),
    "ja": _News(
        (
            "{place}町の議会は{thing}を修復することを決定した。",
            "工事は{year}年{number}月{day}日に始まると、町長が地元の新聞に語った。",
            "修復の費用は{cost}000ユーロで、その半分は地域政府が負担する。",
            "これまでに約{count}人が要望書に署名していた。",
            "学校の校長は、生徒たちが壁の塗装を手伝い、保護者が道具と昼食を用意すると述べた。",
        ),
        ("{place}町の議会は{iso}から{thing}を修復する。", "費用は{cost}000ユーロで、約{count}人が要望書に署名していた。"),
        ("古い石橋", "市場の建物", "村の井戸", "駅の建物"),
        joint="",
    ),
}
PLACES = ("Arvenlund", "Castellmar", "Dornfeld", "Westbrook", "Montrelle", "Ostrava Bay")
PEOPLE = ("Ruth Ellison", "Marta Olsen", "Helen Brandt", "Clara Vidal")


@dataclass(frozen=True, slots=True)
class _Told:
    """A piece of news: the text, its summary, and what was filled in."""

    text: str
    summary: str
    filled: dict[str, object]


def _tell(seed: int, number: int, language: str) -> _Told:
    news, rng = NEWS[language], keyed_rng(seed, "sample.summaries", f"{language} {number}")

    def pick(options: tuple[str, ...]) -> str:
        return options[int(rng.integers(len(options)))]

    month, day, year = int(rng.integers(12)) + 1, int(rng.integers(1, 29)), int(rng.integers(2005, 2026))
    filled: dict[str, object] = {
        "place": pick(PLACES),
        "thing": pick(news.things),
        "person": pick(PEOPLE),
        "day": day,
        "month": news.months[month - 1] if news.months else "",
        "number": month,
        "year": year,
        "iso": f"{year}-{month:02d}-{day:02d}",
        "cost": int(rng.integers(110, 990)),
        "count": int(rng.integers(1_010, 9_900)),
    }
    text = news.joint.join(sentence.format(**filled) for sentence in news.body)
    if language in GRAMMARS:
        text += f"\n\n{_background(rng, language)}"
    return _Told(text, news.joint.join(sentence.format(**filled) for sentence in news.summary), filled)


def _background(rng: np.random.Generator, language: str) -> str:
    topics = tuple(GRAMMARS[language].subjects)
    return paragraph(rng, language, topics[int(rng.integers(len(topics)))], 5)


def make_summaries(folder: Path, size: int, seed: int) -> None:
    """`summaries/articles.jsonl`, `dialogues.jsonl`, `dolly.jsonl`, each with planted rows; `truth.jsonl` says what must come of each line."""
    place = folder / "summaries"
    place.mkdir(parents=True, exist_ok=True)
    files = {"articles": _articles(size, seed), "dialogues": _dialogues(size, seed), "dolly": _dolly(size, seed)}
    truth: list[dict[str, object]] = []
    for name, rows in files.items():
        write_lines(place / f"{name}.jsonl", [{**row, "licence": LICENCE} for row, _ in rows])
        truth += [{"file": f"{name}.jsonl", "line": number, "expected": expected} for number, (_, expected) in enumerate(rows)]
    write_lines(place / "truth.jsonl", truth)


def _articles(size: int, seed: int) -> Rows:
    rows: Rows = []
    languages = tuple(NEWS)
    for number in range(PER_SIZE * size):
        language = languages[number % len(languages)]
        told = _tell(seed, number, language)
        columns = ("document", "summary") if number % 4 < 3 else ("article", "highlights")
        rows.append(({columns[0]: told.text, columns[1]: told.summary, "lang": language}, "kept"))
    return rows + _planted(seed)


def _planted(seed: int) -> Rows:
    """One row for each way in which a summary can be wrong."""
    good, other = _tell(seed, 90_001, "en"), _tell(seed, 90_002, "en")
    german = _tell(seed, 90_001, "de")
    cost, year = str(good.filled["cost"]), int(str(good.filled["year"]))
    stranger = "The weather service expects heavy snow in the mountains and warns skiers of avalanches."
    wrong = (
        (stranger, "unsupported"),
        (good.summary.replace(cost, str(int(cost) + 7)), "unsupported"),
        (good.summary.replace(str(year), str(year - 31)), "unsupported"),
        (good.summary.replace(str(good.filled["place"]), "Quillhaven"), "unsupported"),
        (f"{good.summary} The zoo bought two penguins from a circus.", "unsupported"),
        (good.summary[: len(good.summary) // 2].rsplit(" ", 1)[0] + " ...", "truncated_summary"),
        (f"{good.summary} Read more on our website.", "boilerplate_summary"),
        (good.text.split(". ")[0] + ".", "copied_lead"),
        (f"{good.summary} {good.text}", "too_long_summary"),
        (f"{german.summary} {german.text[:80]}", "wrong_language"),
        ("Yes.", "summary_length"),
    )
    rows: Rows = [({"document": good.text, "summary": summary, "lang": "en"}, reason) for summary, reason in wrong]
    listed = {"query": "What does the text say? Answer in 5 bullet points.", "summary": good.summary}
    rows.append(({"document": good.text, "queries": [listed], "lang": "en"}, "instruction_not_kept"))
    twice: dict[str, object] = {"document": other.text, "summary": other.summary, "query": "Sum this up.", "lang": "en"}
    rows += [(twice, "kept"), (twice, "duplicate")]
    rows.append(({"summary": good.summary}, "no_document"))
    rows.append(({"document": good.text}, "no_query"))
    return rows


def _dialogues(size: int, seed: int) -> Rows:
    rows: Rows = []
    for number in range(PER_SIZE * size // 2):
        told = _tell(seed, 50_000 + number, "en").filled
        lines = [
            ("Ruth", f"Did you hear that they will restore {told['thing']} in {told['place']}?"),
            ("Paul", f"Yes, {told['person']} told me. It costs {told['cost']},000 euros!"),
            ("Ruth", f"Shall we meet there on the {told['day']}th and take some pictures?"),
            ("Paul", "Gladly. I will bring my camera and a tripod."),
        ]
        summary = f"{told['thing']} in {told['place']} will be restored for {told['cost']},000 euros. Ruth and Paul will meet there to take pictures."
        row: dict[str, object] = {"summary": summary[0].upper() + summary[1:]}
        if number % 2:
            row["dialogue"] = "\r\n".join(f"{speaker}: {text}" for speaker, text in lines)
        else:
            row["turns"] = [{"speaker": speaker, "text": text} for speaker, text in lines]
            query = {
                "query": "What will Paul bring?",
                "summary": "Paul will bring his camera and a tripod.",
                "relevant_text_span": [[3, 3]],
            }
            row = {"turns": row["turns"], "queries": [query]}
        rows.append((row, "kept"))
    return rows


def _dolly(size: int, seed: int) -> Rows:
    rows: Rows = []
    for number in range(PER_SIZE * size // 4):
        told = _tell(seed, 70_000 + number, "en")
        asked = "Summarize this text in exactly two sentences." if number % 2 else "Summarize the passage."
        rows.append(({"instruction": asked, "context": told.text, "response": told.summary, "category": "summarization"}, "kept"))
    first = rows[0][0]
    rows.append(({**first, "instruction": "Summarize this text in one sentence."}, "instruction_not_kept"))
    rows.append(({**first, "category": "creative_writing"}, "not_summary"))
    return rows
