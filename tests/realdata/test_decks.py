"""Real decks: counts and text of every slide equal those of another reader, and every slide comes out or is refused for a true reason."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import Execution, build
from pipelines.corpora.vision_sft_slides import slides
from pipelines.source import open_source
from pipelines.stage import Earlier
from pipelines.verify import verify
from processors.deck.office import OWN
from processors.deck.package import UNREADABLE_DECK
from processors.deck.read import read_deck
from processors.deck.task import OpenDeck, SlidesTask
from processors.vision.asked import HOW
from schemas.corpus import Corpus
from schemas.outcome import Refused, Reject
from schemas.records import Origin, Row, learned_texts

pytestmark = pytest.mark.realdata

PLACE = "08_pptx"
AS_EXPECTED = ("powerpoint_comments", "powerpoint_malformed_pictures", "powerpoint_sample", "powerpoint_bad_text")


def facts_of(realdata: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (realdata / PLACE / "pptx_facts.jsonl").read_text().splitlines()]


def texts(value: Any) -> list[str]:
    """Every run's text in a shape tree, in order."""
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) and "size_pt" in value and "color" in value and "bold" in value else []
        return own + [text for each in value.values() for text in texts(each)]
    return [text for each in value for text in texts(each)] if isinstance(value, list) else []


def test_counts_and_text_of_every_slide(realdata):
    facts = facts_of(realdata)
    assert len(facts) == 38
    for fact in facts:
        try:
            deck = read_deck((realdata / PLACE / fact["file"]).read_bytes())
        except Refused as refused:
            assert (refused.reason.name, fact["slides"]) == ("no_slides", 0), fact["file"]
            continue
        found = {name: sum(slide["counts"][name] for slide in deck.slides) for name in ("tables", "charts", "pictures")}
        found |= {"slides": len(deck.slides), "notes": sum(slide["has_notes"] for slide in deck.slides)}
        assert found == {name: fact[name] for name in found}, fact["file"]
        for slide, part in zip(deck.slides, fact["text_runs"], strict=True):
            told = [text.strip() for text in texts([shape for shape in slide["shapes"] if shape["from"] == "slide"]) if text.strip()]
            assert Counter(told) == Counter(run.strip() for run in part["runs"] if run.strip()), (fact["file"], part["part"])


def test_a_cut_deck_is_refused(realdata):
    with pytest.raises(Refused) as caught:
        read_deck((realdata / PLACE / "broken" / "truncated70.pptx").read_bytes())
    assert caught.value.reason == UNREADABLE_DECK


def signs(text: str) -> str:
    """Letters and digits alone: what markup and white space leave of a text."""
    return re.sub(r"[\W_]+", "", text)


def test_transcriptions_hold_the_expected_text(realdata):
    """Lines of another tool's Markdown, comments left out, are in ours; order of blocks may differ."""
    number = 0
    for name in AS_EXPECTED:
        path = realdata / PLACE / "docling" / f"{name}.pptx"
        found = [SlidesTask(max_questions=50)(row) for row in OpenDeck(0)(Row(name, Origin("test"), {}, {"deck": path.read_bytes()}))]
        assert not any(isinstance(record, Reject) for record in found), found
        asked = [dict(zip(str(record.facts[HOW.name]).split(), learned_texts(record), strict=True)) for record in found]
        ours = signs("".join(answers["slides:transcription"] for answers in asked))
        for line in path.with_suffix(".pptx.md").read_text().splitlines():
            wanted = signs(re.sub(r"^\s*(\d+\.|- |\[author.*)", "", line))
            if wanted:
                assert wanted in ours, (name, line)
                number += 1
    assert number >= 40


@pytest.mark.slow
def test_every_deck_comes_out_or_is_refused_for_a_true_reason(realdata, tmp_path):
    folder = tmp_path / "decks"
    folder.mkdir()
    for path in (realdata / PLACE).rglob("*.pptx"):
        (folder / path.name).write_bytes(path.read_bytes())
    (stage,) = slides(open_source(str(folder)), renderer=OWN, side_px=896, max_questions=50)
    result = build(stage.make(Earlier()), tmp_path / "out", Execution(workers=0))
    assert (result.totals["num_in"], result.totals["num_faults"], verify(result.path).problems) == (39, 0, [])
    assert result.totals["rejects"] == {"no_slides": 5, "unreadable_deck": 1, "empty_slide": 20, "nothing_to_ask": 5}
    assert result.totals["num_out"] == 61
    num_slides = sum(fact["slides"] for fact in facts_of(realdata))
    single = [record for record in Corpus(result.path).records() if "slides:titles" not in str(record.facts[HOW.name])]
    assert len(single) + 20 + 5 == num_slides
