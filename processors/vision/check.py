"""Every computed answer is computed once more from the truth that the record stores, and compared with what will be learned."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from processors.chart.programs import execute as execute_table
from processors.deck.programs import execute as execute_slides
from processors.grid.graph_programs import execute as execute_graph
from processors.grid.programs import execute as execute_grid
from processors.page.task import execute as execute_page
from processors.video.programs import execute as execute_frames
from processors.vision.asked import PROGRAMS, TRUTH
from processors.vision.box_programs import execute_boxes
from processors.vision.fields import execute_fields
from processors.vision.multi_image import execute_change, execute_images
from processors.vision.ocr_questions import execute_lines
from schemas.outcome import Reason, Reject
from schemas.records import Conversation, learned_texts

ANSWER_DIFFERS = Reason("answer_differs", "The answer is not what its program computes from the truth of the record")

Execute = Callable[[Any, Mapping[str, Any]], str]
EXECUTE: dict[str, Execute] = {
    "table": execute_table,
    "grid": execute_grid,
    "graph": execute_graph,
    "boxes": execute_boxes,
    "lines": execute_lines,
    "fields": execute_fields,
    "images": execute_images,
    "change": execute_change,
    "frames": execute_frames,
    "page": execute_page,
    "slides": execute_slides,
}  # by kind of truth: (truth of that kind, program) -> answer


@dataclass(frozen=True, slots=True)
class CheckAnswers:
    """Refuses records of which a computed answer is not what its program gives; the stored text is what is compared."""

    takes: ClassVar = (Conversation,)
    gives: ClassVar = None
    reads: ClassVar = (TRUTH, PROGRAMS)
    writes: ClassVar = ()
    reasons: ClassVar = (ANSWER_DIFFERS,)
    version: ClassVar = 1

    def __call__(self, record: Conversation) -> Conversation | Reject:
        programs = json.loads(str(record.facts[PROGRAMS.name]) or "[]")
        truth = json.loads(str(record.facts[TRUTH.name]) or "{}")
        answers = learned_texts(record)
        if len(programs) != len(answers):
            return Reject(record.key, ANSWER_DIFFERS.name, f"{len(answers)} answers, {len(programs)} programs")
        for number, (program, answer) in enumerate(zip(programs, answers, strict=True)):
            if program is None:
                continue
            computed = EXECUTE[program["kind"]](truth[program["kind"]], program)
            if computed != answer:
                return Reject(
                    record.key, ANSWER_DIFFERS.name, f"answer {number} is {answer[:80]!r}, {program['op']} computes {computed[:80]!r}"
                )
        return record
