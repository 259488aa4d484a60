"""Real meetings: which queries come out and why others do not, and that half an hour passes in bounded memory."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from processors.dialogue import StateLanguage
from processors.tasks.summary import CORE_START, CORE_STOP, DIALOGUE, FOCUS, KeepSummary, MeetingTask, estimate_s
from processors.tasks.summary_support import summary_support, unsupported
from schemas.identity import keyed_uniform
from schemas.outcome import Reject
from schemas.parts import Text
from schemas.records import Conversation, Origin, Row

pytestmark = pytest.mark.realdata
MIN_RATIO = 0.5
MAX_PEAK_MB = 1_024


def meetings(folder: Path) -> list[Row]:
    return [
        Row(f"{kind} {number}", Origin("qmsum"), json.loads(line))
        for kind in ("Academic", "Committee")
        for number, line in enumerate((folder / f"11_instruct/qmsum/{kind}_val.jsonl").read_text().splitlines())
    ]


@pytest.fixture(scope="module")
def queries(realdata: Path) -> list[tuple[str, Conversation]]:
    """Every query of every meeting, with the meeting's key."""
    found = []
    for row in meetings(realdata):
        made = MeetingTask()(row)
        assert isinstance(made, list)
        found += [(row.key, StateLanguage()(record)) for record in made]
    return found


def parts_of(record: Conversation) -> tuple[str, str]:
    """The summary, and the conversation that it is checked against."""
    (summary,) = record.turns[1].parts
    assert isinstance(summary, Text)
    return summary.text, "\n".join(f"{speaker} {text}" for speaker, text in json.loads(str(record.facts[DIALOGUE.name])))


def test_most_human_summaries_of_parts_of_a_meeting_are_kept(queries: list[tuple[str, Conversation]]) -> None:
    specific = [record for _, record in queries if record.facts[FOCUS.name] == "specific"]
    assert (len(queries), len(specific)) == (127, 112)
    done = [KeepSummary(MIN_RATIO)(record) for record in specific]
    found = Counter(one.reason if isinstance(one, Reject) else "kept" for one in done)
    assert found["kept"] / 112 > 0.8
    assert set(found) <= {"kept", "unsupported", "too_long_summary"}


def test_summaries_of_other_meetings_are_mostly_refused(queries: list[tuple[str, Conversation]]) -> None:
    specific = [(meeting, *parts_of(record)) for meeting, record in queries if record.facts[FOCUS.name] == "specific"]
    kept = {True: 0, False: 0}
    num = {True: 0, False: 0}
    for number, (meeting, summary, _) in enumerate(specific):
        for same_kind in (True, False):
            others = [text for other, _, text in specific if other != meeting and (other[0] == meeting[0]) == same_kind]
            source = others[int(keyed_uniform(0, "swap", f"{number} {same_kind}") * len(others))]
            num[same_kind] += 1
            kept[same_kind] += summary_support(summary, source, "en") >= MIN_RATIO and not unsupported(summary, source, "en")
    assert num == {True: 112, False: 112}
    assert kept[True] / 112 < 0.15
    assert kept[False] / 112 < 0.03


def test_parts_fit_half_an_hour_and_whole_meetings_do_not(queries: list[tuple[str, Conversation]]) -> None:
    longer: Counter[str] = Counter()
    for _, record in queries:
        core = json.loads(str(record.facts[DIALOGUE.name]))[int(record.facts[CORE_START.name]) : int(record.facts[CORE_STOP.name])]
        longer[str(record.facts[FOCUS.name])] += sum(estimate_s(text) for _, text in core) > 1_800
    assert longer["general"] == 15
    assert longer["specific"] <= 5


SPEAK = """
import json, sys
from collections import Counter
from dataclasses import replace

from processors.audio.steps import NUM_FRAMES, DecodeAudio, KeepDuration, LogMel
from processors.contract import Contract
from processors.dialogue import StateLanguage
from processors.speech.assemble import SpeakDialogue
from processors.speech.flite import Flite
from processors.speech.speak import VoicePool
from processors.tasks.meeting import clean_turn
from processors.tasks.summary import MeetingTask, estimate_s
from schemas.records import Origin, Row
from tests.peak import peak_kib

meeting, wanted_s = json.loads(sys.stdin.readline()), float(sys.argv[1])
talk = Counter()
for turn in meeting["meeting_transcripts"]:
    talk[turn["speaker"]] += len(turn["content"])
four = {speaker for speaker, _ in talk.most_common(4)}
turns, length_s = [], 0.0
for turn in meeting["meeting_transcripts"]:
    said = clean_turn(turn["content"])
    if turn["speaker"] in four and said and length_s + estimate_s(said) < wanted_s:
        turns.append(turn)
        length_s += estimate_s(said)
row = Row("k", Origin("qmsum"), {"meeting_transcripts": turns, "general_query_list": meeting["general_query_list"]})
record = StateLanguage()(MeetingTask()(row)[0])
step = SpeakDialogue(VoicePool(Flite()), 1_800.0)
with step.open() as speak:
    record = step.answer(record, [reply for question in step.questions(record) for reply in speak([question])])
for process in (DecodeAudio(), KeepDuration(5.0, 1_800.0), LogMel(), Contract()):
    record = process(record)
peak_mb = peak_kib() / 1024
print(json.dumps({"facts": record.facts, "num_given": len(turns), "peak_mb": peak_mb}))
"""


def speak_meeting(realdata: Path, seconds: float) -> dict[str, object]:
    """A meeting of four, about `seconds` long, through every step, in a process of its own."""
    meeting = (realdata / "11_instruct/qmsum/Academic_val.jsonl").read_text().splitlines()[4]
    done = subprocess.run([sys.executable, "-c", SPEAK, str(seconds)], input=meeting + "\n", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


def check(told: dict[str, object], min_tokens: int, max_tokens: int) -> None:
    facts = told["facts"]
    assert isinstance(facts, dict)
    assert min_tokens < facts["contract.num_audio_tokens"] <= max_tokens
    assert facts["dialogue.num_turns"] == told["num_given"]
    assert facts["dialogue.num_dropped_turns"] == 0
    assert sorted(facts["speech.voices"].split(",")) == ["awb", "kal16", "rms", "slt"]
    assert float(str(told["peak_mb"])) < MAX_PEAK_MB


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_five_minutes_of_four_speakers_pass_whole(realdata: Path) -> None:
    check(speak_meeting(realdata, 300.0), 3_000, 4_500)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_half_an_hour_of_four_speakers_passes_whole(realdata: Path) -> None:
    check(speak_meeting(realdata, 1_850.0), 20_000, 22_500)
