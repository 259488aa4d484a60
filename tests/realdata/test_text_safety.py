"""Labels of HateCheck map to safe answers; human votes of PandaLM choose the side that people chose."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from processors.tasks.preference import KeepPair, PreferenceTask
from processors.tasks.safety import DECLINES, HARMFUL, KeepSafe
from processors.tasks.safety_posts import QUOTED_HARMFUL, SafetyTemplates
from processors.tasks.text_safety import REJECTED_DECLINES, SafetyConversationTask, SafetyPreferenceTask
from schemas.outcome import Reject
from schemas.parts import Text
from schemas.records import Conversation, Origin, Preference, Row

pytestmark = pytest.mark.realdata


def test_every_labelled_post_gets_a_safe_answer(realdata: Path) -> None:
    with open(realdata / "10_web_text/toxicity/hatecheck_cases.csv", newline="") as lines:
        rows = [Row(str(number), Origin("hatecheck"), dict(fields)) for number, fields in enumerate(csv.DictReader(lines))]
    assert len(rows) > 1_000
    seen: Counter[tuple[object, ...]] = Counter()
    for row in rows:
        written = SafetyTemplates()(row)
        assert isinstance(written, Row)
        made, pair = SafetyConversationTask()(written), SafetyPreferenceTask()(written)
        assert isinstance(made, Conversation)
        assert isinstance(pair, Preference)
        assert KeepSafe()(made) is made
        assert KeepSafe()(pair) is pair
        assert not isinstance(KeepPair()(pair), Reject)
        facts = made.facts
        seen[(row.fields["label_gold"], facts[HARMFUL.name], facts.get(QUOTED_HARMFUL.name), facts[DECLINES.name])] += 1
        if facts[HARMFUL.name]:
            assert pair.facts[REJECTED_DECLINES.name] is False
    assert set(seen) == {("hateful", True, None, True), ("hateful", False, True, False), ("non-hateful", False, False, False)}
    said, judged = seen[("hateful", True, None, True)], seen[("hateful", False, True, False)]
    assert 0.4 < said / (said + judged) < 0.6


def test_votes_choose_the_side_that_most_people_chose(realdata: Path) -> None:
    outcomes: Counter[str] = Counter()
    for number, line in enumerate((realdata / "11_instruct/pandalm/testset-v1.jsonl").read_text().splitlines()):
        fields = json.loads(line)
        winner, count = Counter(fields[f"annotator{person}"] for person in (1, 2, 3)).most_common(1)[0]
        done = PreferenceTask()(Row(str(number), Origin("pandalm"), fields))
        outcomes[done.reason if isinstance(done, Reject) else "kept"] += 1
        if isinstance(done, Preference):
            assert count > 1
            assert done.chosen[0].parts == (Text(fields[f"response{winner}"].strip()),)
            assert done.rejected[0].parts == (Text(fields[f"response{3 - winner}"].strip()),)
        elif done.reason == "tie":
            assert winner == 0 or count == 1
        else:
            assert not all(fields[name].strip() for name in ("instruction", "response1", "response2"))
    assert outcomes["kept"] > 300
    assert set(outcomes) == {"kept", "tie", "no_answer", "no_messages"}
