"""Rows and refusals on a page: drawn by keyed hashes, inert whatever they hold, bounded, the same each time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from lxml import html as lxml_html

from pipelines.build import Execution, build
from pipelines.recipe import Recipe
from pipelines.report.drawn import drawn_refusals, drawn_rows
from pipelines.report.examples import examples_html
from pipelines.report.markup import Budget, cut_middle, number_of
from pipelines.report.refused import asked, limits_of_reason, refusals_html
from pipelines.stage import earlier_stages
from pipelines.step import each
from processors.contract import CONTRACT_FACTS
from processors.vision.marks import MARKS, Mark, marks_fact
from schemas.corpus import Corpus
from schemas.facts import Fact, Limit, Where
from schemas.identity import keyed_uniform
from schemas.outcome import FAULT, Reason, Reject
from schemas.parts import Text, ToolCall, ToolResult, Tools
from schemas.records import Conversation, Document, Origin, Record, Turn
from tests.model.written import clip, conversation, document, documents, image, preference, write_corpus
from tests.toy import NUMBER, Numbers, Spell

IN_PROCESS = Execution(workers=0)
HOSTILE = "</pre></details><script>alert(1)</script><img src=x onerror=alert(2)>\"'`&lt;{{7*7}}\u202e"
LANGUAGE = Fact("text.language", str, "Language")
TOO_BIG = Reason("too_big", "The number is too big <&>")
SIZE = Fact("toy.size", float, "How big the number is")


@dataclass(frozen=True, slots=True)
class KeepSmall:
    """Refuses numbers above `most`, and tells how big they are."""

    most: float
    takes: ClassVar = (Document,)
    gives: ClassVar = None
    reads: ClassVar = (NUMBER,)
    writes: ClassVar = (SIZE,)
    reasons: ClassVar = (TOO_BIG,)
    version: ClassVar = 1

    @property
    def bounds(self) -> tuple[Limit, ...]:
        judging, never = Where(NUMBER, least=3), Where(NUMBER, most=-1)
        return (Limit(SIZE, TOO_BIG.name, most=-7.0, where=(never,)), Limit(SIZE, TOO_BIG.name, most=self.most, where=(judging,)))

    def __call__(self, record: Document) -> Document | Reject:
        size = float(record.facts[NUMBER.name]) / 2
        if size > self.most and size >= 1.5:
            return Reject(record.key, TOO_BIG.name, f"{size} <b>big</b>", facts={SIZE.name: size})
        return replace(record, facts={**record.facts, SIZE.name: size})


def toy(out: Path, count: int = 40, raises: Sequence[int] = ()) -> Path:
    recipe = Recipe("toy", Numbers(count, 7, (5,)), (each(Spell(raises=tuple(raises))), each(KeepSmall(10.0))))
    return build(recipe, out, IN_PROCESS).path


def page(html: str) -> Any:
    return lxml_html.fromstring(html)


def assert_inert(html: str) -> None:
    """Nothing in the HTML runs, asks anything of a network, or leaves its own element."""
    tree = page(html)
    assert [element.tag for element in tree.iter("script", "style", "iframe", "object", "embed", "form", "link", "meta", "base")] == []
    for element in tree.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on"), (element.tag, name)
            if name in ("src", "href", "xlink:href", "action", "data"):
                assert value.startswith(("data:image/", "data:audio/", "#")), value[:80]
            if name == "style":
                assert "url" not in value and "(" not in value


def hostile_rows() -> list[Record]:
    facts = {LANGUAGE.name: HOSTILE, **marks_fact([Mark(0, 0, 0, 1, 1, HOSTILE)])}
    turns = (
        Turn("system", (Text(HOSTILE), Tools(json.dumps([{"name": HOSTILE, "description": HOSTILE, HOSTILE: HOSTILE}])))),
        Turn("user", (image(300, 300), Text(HOSTILE))),
        Turn("assistant", (ToolCall(HOSTILE, json.dumps({HOSTILE: HOSTILE})),), learned=True),
        Turn("tool_response", (ToolResult(HOSTILE, HOSTILE),)),
        Turn("assistant", (Text(HOSTILE),), learned=True),
    )
    return [Conversation(f"{HOSTILE} {number}", Origin(*[HOSTILE] * 4), turns, facts, (HOSTILE,)) for number in range(3)]


def test_hostile_texts_are_shown_and_never_run(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "c", hostile_rows(), facts=(LANGUAGE, MARKS))
    html = examples_html(corpus)
    assert_inert(html)
    assert page(html).text_content().count("<script>alert(1)</script>") > 20
    pair = replace(preference("p", [HOSTILE], HOSTILE, f"{HOSTILE} {HOSTILE}"), key=HOSTILE)
    assert_inert(examples_html(write_corpus(tmp_path / "p", [pair])))
    assert_inert(examples_html(write_corpus(tmp_path / "d", [replace(document("d", HOSTILE), parents=(HOSTILE,) * 30)])))


def test_the_check_of_inert_pages_sees_what_runs() -> None:
    for mutant in (
        f"<p>{HOSTILE}</p>",
        "<p><img src=http://a/b.png></p>",
        "<p><a href=javascript:1>a</a></p>",
        "<p style='top:url(a)'></p>",
    ):
        with pytest.raises(AssertionError):
            assert_inert(mutant)


def test_the_same_corpus_gives_the_same_bytes(tmp_path: Path) -> None:
    rows = [conversation(f"c{number}", [image(300, 200, number), clip(9_000, number), "What?"], f"A {number}") for number in range(5)]
    corpus = write_corpus(tmp_path / "c", rows)
    again = write_corpus(tmp_path / "other" / "c", rows, rows_per_shard=2)
    assert examples_html(corpus, 3) == examples_html(corpus, 3)
    assert examples_html(corpus, 3) == examples_html(again, 3)  # the place on disk says nothing
    assert examples_html(corpus, 3, seed=1) != examples_html(corpus, 3)


def test_the_first_half_has_the_smallest_hashes(tmp_path: Path) -> None:
    corpus = Corpus(write_corpus(tmp_path / "c", documents(60), rows_per_shard=17, rows_per_batch=5))
    wanted = sorted((record.key for record in corpus.records()), key=lambda key: keyed_uniform(3, "report.rows", key))
    found = [record.key for record in drawn_rows(corpus, 10, 3)]
    assert found[:5] == wanted[:5]
    assert len(set(found)) == 10
    assert [record.key for record in drawn_rows(corpus, 60, 3)] == wanted
    assert [record.key for record in drawn_rows(corpus, 100, 3)] == wanted
    assert drawn_rows(corpus, 0, 3) == []


def test_the_second_half_brings_what_the_first_lacks(tmp_path: Path) -> None:
    """Of 300 rows one is in each of five languages, the others in English: all of them are shown."""
    rare = {f"d{number}": language for number, language in zip(range(40, 290, 50), ("de", "fr", "it", "ja", "zh"), strict=True)}
    rows = [replace(row, facts={**row.facts, LANGUAGE.name: rare.get(row.key, "en")}) for row in documents(300, most_words=1)]
    corpus = Corpus(write_corpus(tmp_path / "c", rows, facts=(*CONTRACT_FACTS, LANGUAGE)))
    found = drawn_rows(corpus, 16, 0)
    assert {str(record.facts[LANGUAGE.name]) for record in found} == {"en", "de", "fr", "it", "ja", "zh"}
    assert {str(record.facts[LANGUAGE.name]) for record in found[:8]} == {"en"}


def test_a_page_keeps_within_its_bytes_and_says_what_is_left_out(tmp_path: Path) -> None:
    rows = [conversation(f"c{number}", [image(600, 600, number), "What?"], f"An answer {number}") for number in range(6)]
    corpus = write_corpus(tmp_path / "c", rows)
    whole = examples_html(corpus)
    num = whole.count("<img")
    assert num == 12 and "left out" not in whole
    for room in (250_000, 120_000):
        html = examples_html(corpus, max_bytes=room)
        assert len(html.encode()) <= room
        kept = html.count("<img")
        assert 0 < kept < num
        assert f"{num - kept} of {num} pictures and sounds are left out" in html
        assert [source in html for source in page(whole).xpath("//img/@src")] == [True] * kept + [False] * (num - kept)
    small = examples_html(corpus, max_bytes=62_000)
    assert len(small.encode()) <= 62_000 and "rows are left out" in small


def test_after_the_first_medium_that_does_not_fit_none_is_taken() -> None:
    budget = Budget(100)
    assert budget.media("image/png", b"a") == "data:image/png;base64,YQ=="
    assert budget.media("image/png", b"a" * 90) is None
    assert budget.media("image/png", b"a") is None
    assert (budget.num_media, budget.num_dropped, budget.left_bytes) == (1, 2, 100 - len("data:image/png;base64,YQ=="))


def test_refusals_say_what_was_measured_and_what_was_asked(tmp_path: Path) -> None:
    corpus = toy(tmp_path, raises=(2,))
    html = examples_html(corpus, num_per_reason=2)
    assert_inert(html)
    sections = {section.find("h3").text_content(): section for section in page(html).find_class("example-refusals")}
    assert list(sections) == ["source: unreadable", "spell: processor_raised fault: a processor raised", "keep_small: too_big"]
    big = sections["keep_small: too_big"]
    assert big.get("id") == "reason-keep_small-too_big"
    assert "The number is too big <&>" in big.text_content() and "19 refused, 2 shown" in big.text_content()
    for article in big.find_class("example-refusal"):
        row = [cell.text_content() for cell in article.find(".//tbody/tr")]
        number = int(article.text_content().split("row ")[1].split()[0])
        assert row == ["toy.size", f"{number / 2:g}", "at most 10, where toy.number is at least 3", "outside"]
        assert f"{number / 2} <b>big</b>" in article.text_content() and "at most -7" not in article.text_content()
        others = [[cell.text for cell in line][1:] for line in article.findall(".//details//tbody/tr")]
        assert others == [[str(number), "The number of the row"]]
    (fault,) = sections["spell: processor_raised fault: a processor raised"].find_class("example-refusal")
    assert "planted fault at 2" in fault.find(".//pre").text
    (refused,) = sections["source: unreadable"].find_class("example-refusal")
    assert "Where it lies: numbers r row 5 CC0-1.0" in refused.text_content()


def test_refusals_of_a_reason_are_drawn_by_hash_and_counted(tmp_path: Path) -> None:
    corpus = Corpus(toy(tmp_path))
    (broken, big) = drawn_refusals([corpus], 3, 0)
    keys = [row["key"] for row in corpus.rejects() if row["reason"] == "too_big"]
    assert (big.num_records, broken.num_records) == (19, 1) == (len(keys), 1)
    assert [row["key"] for row in big.rows] == sorted(keys, key=lambda key: keyed_uniform(0, "report.refused", key))[:3]
    assert {row["reason"] for row in big.rows} == {"too_big"}
    assert [group.rows for group in drawn_refusals([corpus], 0, 0)] == [(), ()]


def test_only_limits_that_judge_a_record_are_shown() -> None:
    recipe = {"facts": {"a.x": {"type": "float", "doc": ""}}, "limits": {}}
    by_language = [
        Limit(Fact("a.x", float, ""), "low", least=bound, where=(Where(LANGUAGE, any_of=(name,)),))
        for name, bound in (("en", 1.0), ("de", 2.0))
    ]
    others = [Limit(Fact("a.x", float, ""), "high", most=9.0)]
    recipe["limits"] = {"s": [limit.told() for limit in (*by_language, *others)]}
    facts = {"a.x": 1.5, LANGUAGE.name: "de"}
    found = [limit for limit in limits_of_reason(recipe, "s", "low", facts) if limit.judges(facts)]
    assert [(limit.least, limit.keeps(1.5), asked(limit)) for limit in found] == [(2.0, False, "at least 2, where text.language is de")]


def test_reasons_that_do_not_fit_are_named(tmp_path: Path) -> None:
    corpus = Corpus(toy(tmp_path))
    groups = drawn_refusals([corpus], 3, 0)
    html = str(refusals_html(groups, {corpus.path.name: corpus.recipe()}, Budget(1_500)))
    assert "Left out, as the page has reached its size: keep_small: too_big (19)." in html
    assert "source: unreadable" in html


def test_texts_are_cut_in_their_middle() -> None:
    assert cut_middle("abcdefgh", 8) == "abcdefgh"
    assert cut_middle("abcdefghi", 8) == "abcdef [... 1 characters not shown ...] hi"
    assert [number_of(1, "box"), number_of(2, "box"), number_of(1_000, "row")] == ["1 box", "2 boxes", "1,000 rows"]


def test_every_corpus_of_the_demonstration_is_shown(demo: dict[str, dict[str, Any]]) -> None:
    kinds = set()
    for row in demo.values():
        corpus = Corpus(Path(row["path"]))
        html = examples_html(corpus.path, num_rows=1, num_per_reason=1)
        assert_inert(html)
        tree = page(html)
        (article,) = tree.find_class("example")
        assert tree.find_class("example-wrong") == [] or {e.text for e in tree.find_class("example-wrong")} == {"outside"}
        refused = {
            (reject["step"], reject["reason"]) for path in (*earlier_stages(corpus.path), corpus.path) for reject in Corpus(path).rejects()
        }
        assert len(tree.find_class("example-refusals")) >= len(refused)
        (record,) = drawn_rows(corpus, 1, 0)
        assert record.key in article.find("h3").text_content()
        kinds.add(type(record).__name__)
    assert kinds == {"Conversation", "Document", "Preference", "PackedSequence"}


def test_a_corpus_without_rows_says_so(tmp_path: Path) -> None:
    corpus = build(Recipe("toy", Numbers(3, 3, (0, 1, 2)), (each(Spell()),)), tmp_path, IN_PROCESS).path
    html = examples_html(corpus)
    assert "No row came out." in html and "unreadable" in html


def test_faults_are_told_apart(tmp_path: Path) -> None:
    groups = drawn_refusals([Corpus(toy(tmp_path, raises=(2,)))], 1, 0)
    assert [group.failure == FAULT for group in groups] == [False, True, False]
    assert np.array_equal([group.num_records for group in groups], [1, 1, 19])
