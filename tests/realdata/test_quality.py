"""Real texts: domains told apart, good texts of twelve languages kept, what a word list meets, a classifier on sources it has not seen."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from pipelines.classify import Example, measure, train
from pipelines.text_groups import Quality
from processors.text.domain import CODE, DOMAIN, MATHS, PROSE, DetectDomain, measure_domain
from processors.text.language import LANGUAGE
from processors.text.normalise import normalise
from processors.text.word_lists import count_listed
from schemas.outcome import Reject
from schemas.records import Document, Origin

pytestmark = pytest.mark.realdata
LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh")


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def articles(realdata: Path, language: str) -> list[str]:
    data = json.loads((realdata / f"10_web_text/xquad/xquad.{language}.json").read_text())["data"]
    return ["\n\n".join(paragraph["context"] for paragraph in article["paragraphs"]) for article in data]


def solutions(realdata: Path) -> dict[str, list[str]]:
    maths = realdata / "01_math"
    return {
        "gsm8k": [row["question"] + "\n" + row["answer"] for row in rows(maths / "gsm8k/train.jsonl")],
        "openmath": [row["problem"] + "\n" + row["generated_solution"] for row in rows(maths / "openmathinstruct2_100.jsonl")],
        "samples": [row["problem"] + "\n" + row["generation"] for row in rows(maths / "math_samples/output-rs0.jsonl")],
    }


def programs(realdata: Path) -> list[str]:
    return [row["prompt"] + row["canonical_solution"] for row in rows(realdata / "02_code/humaneval/HumanEval.jsonl")]


def pages(realdata: Path) -> list[str]:
    import trafilatura

    found = (trafilatura.extract(page.read_bytes()) for page in sorted((realdata / "10_web_text/trafilatura").glob("*.html")))
    return [normalise(text) for text in found if text]


def news(realdata: Path) -> list[str]:
    lines = (realdata / "10_web_text/near_dup/articles_100.train").read_text().splitlines()
    return [line.partition(" ")[2] for line in lines]


def judged(quality: Quality, text: str, language: str) -> Document | Reject:
    record: Document | Reject = Document("k", Origin("s"), text, {LANGUAGE.name: language})
    for step in (DetectDomain(), *(step.processor for step in quality.steps())):
        record = step(record)
        if isinstance(record, Reject):
            return record
    return record


def test_domains_are_told_apart(realdata: Path) -> None:
    told = {name: Counter(measure_domain(text)[DOMAIN.name] for text in texts) for name, texts in solutions(realdata).items()}
    assert sum(found[MATHS] for found in told.values()) >= 0.97 * sum(found.total() for found in told.values()), told
    assert Counter(measure_domain(text)[DOMAIN.name] for text in programs(realdata)) == {CODE: 98}
    prose = [text for language in LANGUAGES for text in articles(realdata, language)] + pages(realdata) + news(realdata)
    assert Counter(measure_domain(text)[DOMAIN.name] for text in prose) == {PROSE: len(prose)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_articles_of_every_language_pass_every_rule(realdata: Path, language: str) -> None:
    """Encyclopaedia articles in twelve languages, three of them without spaces or with other stops."""
    refused = [
        found
        for text in articles(realdata, language)
        if isinstance(found := judged(Quality(rules=("gopher", "c4", "fineweb")), text, language), Reject)
    ]
    assert [one.detail for one in refused if "curly" not in one.detail] == []
    assert len(refused) <= 1  # the article on prime numbers writes sets


def test_maths_and_code_pass_every_rule(realdata: Path) -> None:
    quality = Quality(rules=("gopher", "c4", "fineweb"), c4_lines=True, min_words=20)
    for texts in (*solutions(realdata).values(), programs(realdata)):
        found = [judged(quality, text, "en") for text in texts]
        kept = [one for one in found if isinstance(one, Document)]
        assert len(kept) >= 0.95 * len(texts), Counter(one.detail.split(",")[0] for one in found if isinstance(one, Reject))


def test_a_list_of_slurs_meets_little_hate_and_some_of_what_is_none(realdata: Path, tmp_path: Path) -> None:
    """The list is made of the slurs that HateCheck's own templates were filled with."""
    with (realdata / "10_web_text/toxicity/hatecheck_cases.csv").open(newline="") as file:
        cases = list(csv.DictReader(file))
    slurs = set()
    for case in cases:
        if "[SLUR" in case["case_templ"]:
            pattern = "(.+)".join(map(re.escape, re.split(r"\[SLUR[^\]]*\]", case["case_templ"].strip())))
            found = re.fullmatch(pattern, case["test_case"].strip())
            slurs.update(found.groups() if found else ())
    listing = tmp_path / "en.txt"
    listing.write_text("\n".join(sorted(slurs)))
    step = count_listed([str(listing)])
    met: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for case in cases:
        hit = step(Document("k", Origin("s"), case["test_case"], {LANGUAGE.name: "en"})).facts["listed.num_terms"]
        for name in (case["label_gold"], case["functionality"]):
            total[name] += 1
            met[name] += bool(hit)
    shares = {name: met[name] / total[name] for name in total}
    print(len(slurs), {name: (met[name], total[name]) for name in total if met[name]})
    assert shares["slur_h"] == 1.0
    assert shares["hateful"] < 0.2  # most hate needs no slur
    assert shares["slur_reclaimed_nh"] > 0.5  # and a slur need not be hate


def test_a_classifier_of_reasoning_tells_sources_that_it_has_not_seen(realdata: Path) -> None:
    """Trained on GSM8K's answers and news and pages; measured on other solutions and on encyclopaedia articles."""
    good = [row["answer"].partition("####")[0] for row in rows(realdata / "01_math/gsm8k/train.jsonl")]
    bad = [part for text in news(realdata) + pages(realdata) for part in text.split("\n") if len(part) > 100]
    model = train([Example(text, True) for text in good] + [Example(text, False) for text in bad], "reasoning")
    print(model.report)
    assert model.report["held_out"]["auc"] > 0.995
    unseen = [row["generated_solution"] for row in rows(realdata / "01_math/openmathinstruct2_100.jsonl")]
    unseen += [row["generation"] for row in rows(realdata / "01_math/math_samples/output-rs0.jsonl")]
    prose = [part for text in articles(realdata, "en") for part in text.split("\n\n")]
    figures = measure(model, [Example(text, True) for text in unseen] + [Example(text, False) for text in prose])
    print(figures)
    assert figures["auc"] > 0.97
